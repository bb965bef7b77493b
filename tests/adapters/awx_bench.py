"""An AWX adapter beside the simulator that it reads, and a client that pages as the documentation says."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from adapters.awx import factory
from adapters.awx.adapter import AwxAdapter
from adapters.awx.simulator import Simulator
from adapters.awx.world import World
from gateway.config import BudgetSettings
from gateway.cursor import Cursor, CursorCodec
from gateway.merge import MergedPage, MergeSource, merge_page
from gateway.model import Execution, Key, Kind, LogLine
from gateway.query import (
    Filter,
    ListQuery,
    Order,
    OrderField,
)
from gateway.spi import LogPage, LogQuery
from gateway.transport import SourceClient

NOW = datetime(2026, 11, 21, 19, 30, 5, 123456, tzinfo=UTC)
NEWEST = Order(OrderField.CREATED_AT)
WIDE = BudgetSettings(rows=100_000, requests=100_000, seconds=60)
EVERY_LINE = LogQuery()
CODEC = CursorCodec(b"test")
EVERY_ORDER = [
    Order(field, descending)
    for field in (OrderField.CREATED_AT, OrderField.STARTED_AT, OrderField.FINISHED_AT, OrderField.DURATION)
    for descending in (True, False)
]


@dataclass
class Bench:
    """An adapter, and the simulator that it reads."""

    adapter: AwxAdapter
    simulator: Simulator

    @property
    def world(self) -> World:
        return self.simulator.world

    def requests(self) -> int:
        """Requests since the last call."""
        count = len(self.simulator.log)
        self.simulator.log.clear()
        return count

    async def execution(self, row_id: int) -> Execution:
        """An execution as it is now."""
        (found,) = await self.adapter.fetch([key("execution", row_id)])
        assert isinstance(found, Execution)
        return found

    async def page(
        self,
        wanted: Filter,
        order: Order = NEWEST,
        first: int = 50,
        after: str | None = None,
        *,
        totals: bool = False,
        kind: Kind = "execution",
        budget: BudgetSettings = WIDE,
    ) -> tuple[MergedPage, str | None]:
        """One page and its end cursor, as the gateway makes them."""
        cursor: Cursor | None = None if after is None else CODEC.decode(after, "list")
        source = MergeSource("awx", self.adapter, budget)
        page = await merge_page([source], ListQuery(kind, wanted, order), first=first, after=cursor, now=0, totals=totals)
        return page, None if page.end is None else CODEC.encode(page.end, "list")

    async def walk(self, wanted: Filter, order: Order, first: int, *, kind: Kind = "execution") -> list[Key]:
        """A whole list, page by page; an empty page may not promise more."""
        found: list[Key] = []
        after, more = None, True
        while more:
            page, after = await self.page(wanted, order, first, after, kind=kind)
            assert page.reports["awx"].error is None
            assert page.rows or not page.has_next
            found += [row.key for row in page.rows]
            more = page.has_next
        return found


def adapter_on(transport: httpx.AsyncBaseTransport, **changes: Any) -> AwxAdapter:
    given_ = {"name": "awx", **factory.simulator_settings("http://awx"), **changes}
    settings_ = factory.settings.model_validate(given_)
    return factory.open("awx", settings_, SourceClient(settings_, transport))


def bench_of(world: World, **changes: Any) -> Bench:
    simulator = Simulator(world)
    return Bench(adapter_on(httpx.ASGITransport(app=simulator.app), **changes), simulator)


def key(kind: Kind, *parts: object) -> Key:
    return Key(kind, "awx", tuple(map(str, parts)))


def truth(world: World, order: Order) -> list[Key]:
    """Every job in the total order, from the records themselves."""
    column = {"CREATED_AT": "created", "STARTED_AT": "started", "FINISHED_AT": "finished"}.get(order.field.value)

    def value(row: dict) -> float:
        if column is None:
            return float("inf") if row["finished"] is None else row["elapsed"]
        return float("inf") if row[column] is None else datetime.fromisoformat(row[column]).timestamp()

    rows = sorted(world.executions.values(), key=lambda row: row["id"])
    rows.sort(key=value, reverse=order.descending)
    return [key("execution", row["id"]) for row in rows]


HTML = {"Content-Type": "text/html"}


class Faulty(httpx.AsyncBaseTransport):
    """Answers ``answer`` to the requests that ``breaks`` picks, and lets the simulator serve the others."""

    def __init__(self, simulator: Simulator, breaks: Callable[[httpx.Request], bool], answer: httpx.Response | None) -> None:
        self.inner = httpx.ASGITransport(app=simulator.app)
        self.breaks = breaks
        self.answer = answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self.breaks(request):
            return await self.inner.handle_async_request(request)
        if self.answer is None:
            await asyncio.sleep(60)
            raise AssertionError("nobody waits that long")
        return httpx.Response(self.answer.status_code, headers=self.answer.headers, content=self.answer.content)


async def logged(adapter: AwxAdapter, execution: Execution, query: LogQuery = EVERY_LINE) -> LogPage:
    """Every page of a log as one; lines may only ascend, and only the last page may end it."""
    lines: list[LogLine] = []
    truncated = False
    page = LogPage((), more=True)
    async for page in adapter.logs(execution, query):
        assert not (page.more and page.complete)
        lines += page.lines
        truncated = truncated or page.truncated
    assert not page.more
    sequences = [line.sequence for line in lines]
    assert sequences == sorted(set(sequences))
    assert query.after is None or not sequences or sequences[0] > query.after
    return LogPage(lines, more=False, complete=page.complete, truncated=truncated)
