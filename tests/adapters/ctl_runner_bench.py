"""A Runner adapter over a simulator in process, with a clock, and a place to put faults in between."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from adapters.ctl_runner import CtlRunnerSettings, factory
from adapters.ctl_runner.adapter import CtlRunnerAdapter
from adapters.ctl_runner.simulator import LOGIN_PATH, Simulator
from adapters.ctl_runner.world import World
from gateway.auth import TokenFromLogin
from gateway.config import BudgetSettings, LoginAuth
from gateway.cursor import CursorCodec
from gateway.merge import MergedPage, MergeSource, merge_page
from gateway.model import Execution, Job, Key, Kind, Node
from gateway.query import ExecutionFilter, Filter, ListQuery, Order, OrderField
from gateway.transport import SourceClient

NOW = datetime(2026, 11, 21, 20, 30, 12, 345678, tzinfo=UTC)
BUDGET = BudgetSettings(rows=100_000, requests=1000, seconds=60)
NEWEST = Order(OrderField.CREATED_AT)
ALL = "/jobs/DEMO/executions?page={}&size=100"
JOBS = "/jobs/DEMO?page=0&size=100"

Fault = Callable[[httpx.Request], Awaitable[httpx.Response | None]]


class Between(httpx.AsyncBaseTransport):
    """Passes requests on, unless ``fault`` answers them. Counts those in flight."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.fault: Fault | None = None
        self.flying = 0
        self.most = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.flying += 1
        self.most = max(self.most, self.flying)
        try:
            # As on a network, others may run meanwhile.
            await asyncio.sleep(0)
            if self.fault is not None and (answer := await self.fault(request)) is not None:
                return answer
            return await self.inner.handle_async_request(request)
        finally:
            self.flying -= 1


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Bench:
    """``world`` behind ``simulator`` behind ``adapter``; ``clock`` is what the adapter and its login go by."""

    world: World
    simulator: Simulator
    adapter: CtlRunnerAdapter
    between: Between
    clock: Clock
    codec: CursorCodec = field(default_factory=lambda: CursorCodec(b"test"))

    @classmethod
    def open(
        cls, size: int = 70, seed: int = 1, *, account_wide: bool = True, job_as_array: bool = False, **given: Any
    ) -> "Bench":
        world = World.generate(seed, size, NOW)
        simulator = Simulator(world, account_wide=account_wide, job_as_array=job_as_array)
        between, clock = Between(httpx.ASGITransport(app=simulator.app)), Clock()
        return cls(world, simulator, adapter_over(between, clock, **given), between, clock)

    def asked(self) -> list[str]:
        """Path and query of every request since the last call, without logins."""
        found = [f"{each.path}?{each.query}" for each in self.simulator.log]
        self.simulator.log.clear()
        return [each for each in found if not each.startswith(LOGIN_PATH)]

    async def page(
        self,
        given: Filter,
        order: Order,
        first: int,
        after: str | None = None,
        fields: frozenset[str] = frozenset({"name"}),
    ) -> tuple[MergedPage, str | None]:
        """One page of the merged list of this one source, its end cursor as a client would carry it."""
        kind: Kind = "execution" if isinstance(given, ExecutionFilter) else "job"
        cursor = None if after is None else self.codec.decode(after, "list")
        query = ListQuery(kind, given, order, fields)
        sources = [MergeSource("runner", self.adapter, BUDGET)]
        page = await merge_page(sources, query, first=first, after=cursor, now=0, totals=False)
        return page, None if page.end is None else self.codec.encode(page.end, "list")

    def key(self, execution_id: str) -> Key:
        return execution_key(self.world.executions[execution_id]["job_id"], execution_id)

    @property
    def keys(self) -> list[Key]:
        """Of all executions, oldest first."""
        return [self.key(execution_id) for execution_id in self.world.executions]


def adapter_over(transport: httpx.AsyncBaseTransport, clock: Clock | None = None, **given: Any) -> CtlRunnerAdapter:
    """An adapter whose requests go to ``transport``; ``given`` are more settings."""
    settings = CtlRunnerSettings.model_validate(
        {"name": "runner", **factory.simulator_settings("http://runner.example"), **given}
    )
    auth = None
    if clock is not None and isinstance(settings.auth, LoginAuth):
        auth = TokenFromLogin(settings.auth, clock)
    return CtlRunnerAdapter("runner", settings, SourceClient(settings, transport, auth), clock or Clock())


def execution_key(job_id: str, execution_id: str) -> Key:
    return Key("execution", "runner", (job_id, execution_id))


def job_key(job_id: str) -> Key:
    return Key("job", "runner", (job_id,))


def entity(found: Any) -> Any:
    assert isinstance(found, Job | Execution | Node), found
    return found


def json_answer(body: str) -> httpx.Response:
    return httpx.Response(200, content=body.encode(), headers={"content-type": "application/json"})
