"""An AWS IoT adapter over a simulator in process, with a clock for what it keeps."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from adapters.aws_iot import AwsIotSettings, factory
from adapters.aws_iot.adapter import AwsIotAdapter
from adapters.aws_iot.simulator import Simulator
from adapters.aws_iot.world import World
from gateway.config import BudgetSettings
from gateway.cursor import CursorCodec
from gateway.merge import MergedPage, MergeSource, merge_page
from gateway.model import Key, Kind
from gateway.query import ExecutionFilter, Filter, JobFilter, ListQuery, NodeFilter, Order, OrderField
from gateway.transport import SourceClient

NOW = datetime(2026, 11, 21, 20, 30, 12, tzinfo=UTC)
WIDE = BudgetSettings(rows=100_000, requests=10_000, seconds=60)
NEWEST = Order(OrderField.CREATED_AT)
FAST = {"rate": 100_000.0, "burst": 1000, "ceiling": 100_000, "in_flight": 8}
MINUTE = timedelta(minutes=1)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Between(httpx.AsyncBaseTransport):
    """Passes requests on, unless ``fault`` answers them. Counts those in flight."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.fault: Callable[[httpx.Request], httpx.Response | None] | None = None
        self.flying = 0
        self.most = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.flying += 1
        self.most = max(self.most, self.flying)
        try:
            # As on a network, others may run meanwhile.
            await asyncio.sleep(0)
            if self.fault is not None and (answer := self.fault(request)) is not None:
                return answer
            return await self.inner.handle_async_request(request)
        finally:
            self.flying -= 1


@dataclass
class Bench:
    """``world`` behind ``simulator`` behind ``adapter``; ``clock`` is what kept lists go by."""

    world: World
    simulator: Simulator
    adapter: AwsIotAdapter
    between: Between
    clock: Clock
    budget: BudgetSettings = WIDE
    codec: CursorCodec = field(default_factory=lambda: CursorCodec(b"test"))

    @classmethod
    def open(
        cls,
        world: World | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        budget: BudgetSettings = WIDE,
        simulated: Any = None,
        workers: int = 1,
        **settings: Any,
    ) -> "Bench":
        """Over ``world``, or a generated one. Unlimited calls, unless ``settings`` say otherwise."""
        world = world or World.generate(1, 90, NOW)
        simulator = Simulator(world, **{"quotas": {}, **(simulated or {})})
        clock = Clock()
        given = AwsIotSettings.model_validate(
            {
                "name": "iot",
                **factory.simulator_settings("http://iot.example"),
                "quota": FAST,
                "quotas": {},
                **settings,
            }
        )
        between = Between(transport or httpx.ASGITransport(app=simulator.app))
        client = SourceClient(given, between, workers=workers)
        return cls(world, simulator, AwsIotAdapter("iot", given, client, clock), between, clock, budget)

    def asked(self) -> list[str]:
        """Path and query of every request since the last call, without page size."""
        found = [f"{each.path}?{each.query}" for each in self.simulator.log]
        self.simulator.log.clear()
        return [each.replace("maxResults=250", "").rstrip("?&").replace("?&", "?") for each in found]

    def operations(self) -> Counter[str]:
        """How often each operation was called since the last call."""
        found = Counter(operation for _, operation in self.simulator.times)
        self.simulator.times.clear()
        self.simulator.log.clear()
        return found

    async def page(
        self, given: Filter, order: Order = NEWEST, first: int = 50, after: str | None = None, **more: Any
    ) -> tuple[MergedPage, str | None]:
        """One page of the merged list of this one source, its end cursor as a client would carry it."""
        kinds: dict[type, Kind] = {ExecutionFilter: "execution", JobFilter: "job", NodeFilter: "node"}
        cursor = None if after is None else self.codec.decode(after, "list")
        query = ListQuery(kinds[type(given)], given, order)
        sources = [MergeSource("iot", self.adapter, self.budget)]
        page = await merge_page(sources, query, first=first, after=cursor, now=0, totals=False, **more)
        return page, None if page.end is None else self.codec.encode(page.end, "list")

    async def all(self, given: Filter, order: Order = NEWEST, first: int = 50) -> list[Key]:
        """The whole list, page by page."""
        keys: list[Key] = []
        after, more = None, True
        while more:
            page, after = await self.page(given, order, first, after)
            keys += [row.key for row in page.rows]
            more = page.has_next
        return keys


def fleet(jobs: int, things: int, *, apart: timedelta = timedelta(hours=1), completed: bool = True) -> World:
    """Jobs that follow one another, each on all things; the newest first in time is the last one.

    A completed job took ten minutes; an open one has executions that are queued, in progress, and over.
    """
    world = World(NOW)
    names = [world.add_thing(f"thing-{n:03}") for n in range(things)]
    add_jobs(world, names, "job", jobs, apart=apart, completed=completed)
    return world


def add_jobs(world: World, things: list[str], prefix: str, count: int, *, apart: timedelta, completed: bool) -> None:
    for number in range(count):
        began = NOW - apart * (count - number)
        ended = {"completedAt": began + 10 * MINUTE, "status": "COMPLETED"} if completed else {}
        job = world.add_job(f"{prefix}-{number:04}", createdAt=began, **ended)
        for place, thing in enumerate(things):
            status = ("SUCCEEDED", "FAILED", "TIMED_OUT")[place % 3] if completed else ("QUEUED", "IN_PROGRESS")[place % 2]
            queued = began + timedelta(seconds=place)
            world.add_execution(
                jobId=job,
                thingName=thing,
                status=status,
                queuedAt=queued,
                startedAt=None if status == "QUEUED" else queued + timedelta(seconds=5),
                lastUpdatedAt=queued + timedelta(seconds=65),
            )


def newest_first(world: World) -> list[Key]:
    """All executions by the order CREATED_AT descending."""
    keyed = [(-row["queuedAt"], (key.job_id, key.thing_name, str(key.number))) for key, row in world.executions.items()]
    return [Key("execution", "iot", parts) for _, parts in sorted(keyed)]
