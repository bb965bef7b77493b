"""A Scale adapter over a simulator in process, with a log of what was asked and a place to put faults in between."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from adapters.scale import ScaleSettings, factory
from adapters.scale.adapter import ScaleAdapter
from adapters.scale.simulator import Simulator
from adapters.scale.world import World
from gateway.config import BudgetSettings
from gateway.cursor import CursorCodec
from gateway.merge import MergedPage, MergeSource, merge_page
from gateway.model import Key, Kind
from gateway.query import Filter, ListQuery, Order
from gateway.transport import SourceClient

NOW = datetime(2026, 11, 21, 20, 30, 12, 345678, tzinfo=UTC)
BUDGET = BudgetSettings(rows=100_000, requests=1000, seconds=60)

Fault = Callable[[httpx.Request], Awaitable[httpx.Response | None]]
Edit = Callable[[httpx.Request, Any], Any]


class Between(httpx.AsyncBaseTransport):
    """Passes requests on, unless ``fault`` answers them; ``edit`` changes the JSON of answers."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.fault: Fault | None = None
        self.edit: Edit | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.fault is not None and (answer := await self.fault(request)) is not None:
            return answer
        response = await self.inner.handle_async_request(request)
        if self.edit is None:
            return response
        await response.aread()
        if not response.content:
            return response
        date = {"date": response.headers["date"]}
        return httpx.Response(response.status_code, headers=date, json=self.edit(request, response.json()))


@dataclass
class Bench:
    """``world`` behind ``simulator`` behind ``adapter``."""

    world: World
    simulator: Simulator
    adapter: ScaleAdapter
    between: Between
    codec: CursorCodec = field(default_factory=lambda: CursorCodec(b"test"))

    @classmethod
    def open(cls, size: int = 300, seed: int = 1, generation: str = "3", **given: Any) -> "Bench":
        world = World.generate(seed, size, NOW)
        simulator = Simulator(world, generation=generation)
        given.setdefault("base_url", f"http://scale.example{simulator.base_path}/")
        between = Between(httpx.ASGITransport(app=simulator.app))
        return cls(world, simulator, adapter_over(between, **given), between)

    def asked(self) -> list[str]:
        """Path and query of every request since the last call."""
        found = [
            f"{each.path.removeprefix(f'{self.simulator.base_path}/')}?{each.query}".rstrip("?")
            for each in self.simulator.log
        ]
        self.simulator.log.clear()
        return found

    async def page(
        self, kind: Kind, given: Filter, order: Order, first: int, after: str | None = None, **more: Any
    ) -> tuple[MergedPage, str | None]:
        """One page of the merged list of this one source, its end cursor as a client would carry it."""
        cursor = None if after is None else self.codec.decode(after, "list")
        sources = [MergeSource("scale", self.adapter, BUDGET)]
        query = ListQuery(kind, given, order, more.pop("fields", frozenset({"key"})))
        page = await merge_page(sources, query, first=first, after=cursor, now=0, totals=more.get("totals", False))
        return page, None if page.end is None else self.codec.encode(page.end, "list")


def adapter_over(transport: httpx.AsyncBaseTransport, **given: Any) -> ScaleAdapter:
    """An adapter whose requests go to ``transport``; ``given`` are more settings."""
    settings = ScaleSettings.model_validate({"name": "scale", **factory.simulator_settings("http://scale.example"), **given})
    return factory.open("scale", settings, SourceClient(settings, transport))


def key(kind: Kind, number: object) -> Key:
    return Key(kind, "scale", (str(number),))
