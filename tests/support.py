"""What several test modules share: the app in process, over memory or any configured sources, and a scripted upstream."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from adapters.memory import MemoryStore, factory
from gateway.app import create_app
from gateway.auth import Auth
from gateway.config import ConfigFile, SourceSettings
from gateway.model import Entity
from gateway.registry import TransportMaker
from gateway.service import Gateway
from gateway.transport import SourceClient

TWO_SOURCES = """\
sources:
  - {name: alpha, kind: memory, aliases: [first]}
  - {name: beta, kind: memory}
"""


@dataclass(frozen=True)
class App:
    """The app, its lifespan entered. ``http`` calls it in process; an exception that escapes it is raised, not a 500."""

    http: httpx.AsyncClient
    gateway: Gateway

    async def answer(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The response map to one operation."""
        response = await self.http.post("/graphql", json={"query": query, "variables": variables})
        body: dict[str, Any] = response.json()
        return body

    async def data(self, query: str, variables: Mapping[str, Any] | None = None) -> Any:
        """The data of an operation that must go well."""
        body = await self.answer(query, variables)
        assert "errors" not in body, body["errors"]
        return body["data"]

    async def error(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The only error of an operation that must have exactly one."""
        body = await self.answer(query, variables)
        assert len(body["errors"]) == 1, body
        error: dict[str, Any] = body["errors"][0]
        return error


@contextmanager
def memory(rows: Mapping[str, Iterable[Entity]]) -> Iterator[None]:
    """Give the memory sources of these names these rows, until the block ends and all memory sources are forgotten."""
    factory.stores.clear()
    for name, entities in rows.items():
        factory.stores[name] = MemoryStore()
        factory.stores[name].put(entities)
    try:
        yield
    finally:
        factory.stores.clear()


@asynccontextmanager
async def running_app(
    config_text: str = TWO_SOURCES,
    *,
    rows: Mapping[str, Iterable[Entity]] | None = None,
    environ: Mapping[str, str] | None = None,
    transports: TransportMaker | None = None,
) -> AsyncIterator[App]:
    """The app over a configuration. ``rows`` fills memory sources by name; ``transports`` is the network, else none."""
    with memory(rows or {}):
        file = ConfigFile(config_text, "test.yml", environ or {})
        app = create_app(file, transports or (lambda _settings: Upstream(OSError("no network here"))))
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.test") as http,
        ):
            yield App(http, app.state.gateway)


# --- an upstream ---------------------------------------------------------------------------------------------------

Step = httpx.Response | Exception | Callable[[httpx.Request], Awaitable[httpx.Response]]


OK_UPSTREAM = httpx.Response(200, json={})


class Upstream(httpx.AsyncBaseTransport):
    """Answers with one step after another, the last one for ever, and remembers what it was asked."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.requests: list[httpx.Request] = []
        self.closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        answer = step if isinstance(step, httpx.Response) else await step(request)
        # A response can be read once only.
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(answer.content))

    async def aclose(self) -> None:
        self.closed = True


async def hang(_request: httpx.Request) -> httpx.Response:
    """A step that never answers."""
    await asyncio.Event().wait()
    raise AssertionError("nobody sets the event")


def client_of(upstream: httpx.AsyncBaseTransport, signer: Auth | None = None, **settings: Any) -> SourceClient:
    """The client of a source ``s`` that is this upstream. ``signer`` takes the place of the configured ``auth``."""
    given = {"name": "s", "kind": "k", "base_url": "http://source.test/api/v2/", **settings}
    return SourceClient(SourceSettings.model_validate(given), upstream, signer)


async def until(holds: Callable[[], object]) -> None:
    """Wait for what another thread or process does, or what nobody tells."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def skip_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """From now on no client waits between attempts; the list tells how long each would have."""
    slept: list[float] = []
    real, here = asyncio.sleep, threading.get_ident()

    async def sleep(seconds: float) -> None:
        if threading.get_ident() == here:
            slept.append(seconds)
        else:
            # The servers of other tests run in threads of their own, and keep their time.
            await real(seconds)

    monkeypatch.setattr("gateway.transport.asyncio.sleep", sleep)
    return slept
