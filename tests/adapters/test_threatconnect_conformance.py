"""ThreatConnect is held to what every adapter is, whatever TQL parameters the server says that it offers."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar

import httpx
from starlette.types import Receive, Scope, Send

from adapters.threatconnect import factory
from adapters.threatconnect.simulator import Simulator
from adapters.threatconnect.simulator_tables import Profile
from adapters.threatconnect.world import World
from gateway.model import Kind
from gateway.registry import Source
from gateway.spi import SupportsDiscovery
from gateway.testing.conformance import AdapterConformance
from gateway.testing.faults import Fault, Misbehaving

NOW = datetime(2026, 11, 21, 19, 30, 5, tzinfo=UTC)


class TestThreatConnectConformance(AdapterConformance):
    factory = factory
    profile = Profile.FULL
    skips: ClassVar[Mapping[str, str]] = {
        "test_fetch_requests": "only jobs have names: executions take one request more for their jobs, however many they"
        " are (counted in test_threatconnect_adapter.TestFetch)",
    }

    def make_upstream(self) -> Simulator:
        world = World.generate(7, 70, NOW)
        world.jobs[min(world.jobs)]["name"] = "déploy: 50% of a/b, c_d"
        # The suite takes "1/2" for no id.
        world.update_execution(2, jobId=max(world.jobs))
        world.add_execution(status="Failed", exitMessage="login refused: api_token=s3cr3t-exit\n")
        return Simulator(world, profile=self.profile)

    def sizes(self, upstream: Any) -> Mapping[Kind, int]:
        return {"execution": len(upstream.world.executions), "job": len(upstream.world.jobs)}

    async def invent_status(self, upstream: Any, word: str) -> None:
        upstream.world.update_execution(min(upstream.world.executions), status=word)

    def misbehave(self, upstream: Any, fault: Fault | None, row: int = 0) -> Misbehaving:
        return SpoilsRows(upstream.app, fault, row=row)

    @asynccontextmanager
    async def opened(
        self, upstream: Any, *, transport: httpx.AsyncBaseTransport | None = None, **settings: Any
    ) -> AsyncIterator[Source]:
        """A source that knows its server, as it does from its first list on; over another transport it still has to ask."""
        async with super().opened(upstream, transport=transport, **settings) as source:
            assert isinstance(source.adapter, SupportsDiscovery)
            if transport is None:
                for kind in ("execution", "job"):
                    await source.adapter.discover(kind)
            yield source


class TestThreatConnectMinimalConformance(TestThreatConnectConformance):
    """A server that offers no more than public examples show."""

    profile = Profile.MINIMAL


class SpoilsRows(Misbehaving):
    """A record of wrong types is one of a list of rows, not one of the parameters on offer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.fault is Fault.WRONG_TYPES and scope["type"] == "http" and scope["method"] == "OPTIONS":
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
