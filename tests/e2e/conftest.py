"""The whole gateway over the demo's simulators, on real sockets between the two."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import yaml

from gateway.app import create_app
from gateway.config import ConfigFile
from gateway.demo import Demo, running

SOURCES = ("awx", "scale")
NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)


@dataclass
class Served:
    """A gateway and the simulators it reads."""

    client: httpx.AsyncClient
    demo: Demo
    gateway: Any

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole answer to a query."""
        answer = await self.client.post("/graphql", json={"query": query, "variables": variables})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def data(self, query: str, **variables: Any) -> Any:
        """The data of an answer that must be without errors."""
        body = await self.ask(query, **variables)
        assert "errors" not in body, body["errors"]
        return body["data"]

    def simulator(self, name: str) -> Any:
        """A source's simulator."""
        return self.demo.simulators[name]

    def served(self) -> dict[str, int]:
        """How many requests each simulator has answered so far."""
        return {name: len(simulator.log) for name, simulator in self.demo.simulators.items()}


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """Simulators that nobody changes."""
    with running(seed=7, size="small", now=NOW, only=SOURCES) as made:
        yield made


@pytest.fixture
def own_demo() -> Iterator[Demo]:
    """Simulators of one test, to be changed at will."""
    with running(seed=7, size="small", now=NOW, only=SOURCES) as made:
        yield made


@pytest.fixture
async def served(demo: Demo) -> AsyncIterator[Served]:
    async for one in serve(demo.file, demo):
        yield one


@pytest.fixture
async def own(own_demo: Demo) -> AsyncIterator[Served]:
    async for one in serve(own_demo.file, own_demo):
        yield one


async def serve(file: ConfigFile, demo: Demo) -> AsyncIterator[Served]:
    """The gateway over a configuration, for as long as the iteration lasts."""
    app = create_app(file)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway", timeout=60) as client:
            yield Served(client, demo, app.state.gateway)


def changed(demo: Demo, **settings: Any) -> ConfigFile:
    """The demo's configuration with settings added to every source."""
    document = {
        "server": demo.file.data["server"],
        "sources": [{**source, **settings} for source in demo.file.data["sources"]],
    }
    return ConfigFile(yaml.safe_dump(document), "changed demo")


_FAST = {"rate": 100_000.0, "burst": 1000, "ceiling": 100_000, "in_flight": 8}


@pytest.fixture(scope="module")
def five() -> Iterator[Demo]:
    """Simulators of all five kinds, with no quota for AWS IoT."""
    with running(seed=7, size="small", now=NOW) as made:
        iot: Any = made.simulators["aws-iot"]
        iot.throttle.quotas = {}
        yield made


@pytest.fixture
async def everywhere(five: Demo) -> AsyncIterator[Served]:
    """A gateway over all five, with no quota of its own for AWS IoT either."""
    sources = [
        {**source, "quota": _FAST, "quotas": {}} if source["kind"] == "aws-iot" else source
        for source in five.file.data["sources"]
    ]
    document = {"server": five.file.data["server"], "sources": sources}
    async for one in serve(ConfigFile(yaml.safe_dump(document), "five"), five):
        yield one
