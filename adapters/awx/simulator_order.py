"""Ordering and paging of AWX lists (contract section 2)."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlencode
from zlib import crc32

from adapters.awx.simulator_faults import FaultError, crash
from adapters.awx.simulator_filters import Column, Parameters, find_column, value_of
from adapters.awx.simulator_schema import MODELS, Model, Tables
from adapters.awx.world_rows import Row

PAGE_SIZE = 25
MAX_PAGE_SIZE = 200
_UNCOUNTED = 200
"""The count that AWX's DisabledPaginator assumes."""


def apply_order(tables: Tables, rows: Sequence[Row], model: Model, parameters: Parameters, default: str) -> list[Row]:
    """The rows in the order of ``order_by`` (alias ``order``; the last one wins), else of ``default``.

    Nulls are greater than every value, as in PostgreSQL. Without the id among the columns, equal rows come in id
    order on the first page and in another one on each later page: the real server repeats and loses them at the edges
    of pages (contract section 2). Text is
    compared by code point. Raises 400 for unknown and 403 for secret columns, 500 for an empty name.
    """
    given = {key: value for key, value in parameters if key in ("order", "order_by")}
    wanted = list(given.values())[-1] if given else default
    ordered = sorted(rows, key=lambda row: int(row["id"]))
    if "" in wanted.split(","):
        raise crash()
    columns = [(find_column(model, name.removeprefix("-")), name.startswith("-")) for name in wanted.split(",")]
    page = dict(parameters).get("page", "1")
    if page != "1" and all(column.path or column.name != "id" for column, _ in columns):
        ordered.sort(key=lambda row: crc32(f"{page}/{row['id']}".encode()))
    for column, descending in reversed(columns):
        ordered.sort(key=partial(_sort_key, tables, model, column), reverse=descending)
    return ordered


def _sort_key(tables: Tables, model: Model, column: Column, row: Row) -> tuple[bool, Any]:
    here: Row | None = row
    for name in column.path:
        relation = model.relation(name)
        if here is None or relation is None:
            return (True, 0)
        here = next(iter(relation.rows(tables, here)), None)
        model = MODELS[relation.target]
    value = None if here is None else value_of(tables, here, column)
    return (value is None, 0 if value is None else value)


def page_of(rows: Sequence[Row], path: str, query: str, parameters: Parameters) -> tuple[dict[str, Any], list[Row]]:
    """The envelope of a page, without its results, and the rows on it.

    Raises 404 for a page that does not exist, and 500 where AWX stumbles over a ``page_size`` that is no number while
    it builds a link.
    """
    given = dict(parameters)
    size = _page_size(given.get("page_size", ""))
    uncounted = "count_disabled" in given
    pages = 1 if uncounted else max(1, -(-len(rows) // size))
    number = _page_number(given.get("page") or "1", pages)
    shown = list(rows[(number - 1) * size : number * size][:_UNCOUNTED])
    if uncounted:
        return {}, shown
    if pages > 1 and "page_size" in given and not given["page_size"].strip().lstrip("+-").isdecimal():
        raise crash()
    envelope = {
        "count": len(rows),
        "next": _link(path, query, number + 1) if number < pages else None,
        "previous": _link(path, query, number - 1) if number > 1 else None,
    }
    return envelope, shown


def _page_size(text: str) -> int:
    try:
        size = int(text)
    except ValueError:
        return PAGE_SIZE
    return min(size, MAX_PAGE_SIZE) if size > 0 else PAGE_SIZE


def _page_number(text: str, pages: int) -> int:
    if text == "last":
        return pages
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= pages:
        raise FaultError(404, {"detail": "Invalid page."})
    return number


def _link(path: str, query: str, number: int) -> str:
    """A path-relative link with the parameters in alphabetical order and the page size cut to what was used."""
    parameters = parse_qs(query, keep_blank_values=True)
    if "page_size" in parameters and int(parameters["page_size"][-1]) > MAX_PAGE_SIZE:
        parameters["page_size"] = [str(MAX_PAGE_SIZE)]
    parameters["page"] = [str(number)]
    return f"{path}?{urlencode(sorted(parameters.items()), doseq=True)}"
