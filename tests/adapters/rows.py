"""What the rows of an adapter's lists say."""

import asyncio
from typing import Any

import msgspec

from gateway.query import ListQuery
from gateway.spi import Adapter, Page, Start


def first_page(adapter: Adapter, query: ListQuery, rows: int) -> Page[Any]:
    """The first page of a list, of so many rows."""

    async def first() -> Page[Any]:
        async for page in adapter.scan(adapter.plan(query), Start(rows=rows)):
            return page
        raise AssertionError("a scan has a page")

    return asyncio.run(first())


def said(value: Any) -> Any:
    """What a value of the model says, its upstream record aside."""
    if isinstance(value, msgspec.Struct):
        return [(name, said(getattr(value, name))) for name in value.__struct_fields__ if name != "record"]
    return [said(each) for each in value] if type(value) is tuple else value
