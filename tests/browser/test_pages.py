"""The pages in headless Chromium without a network: over the demo, and over memory sources that a test changes meanwhile.

What is looked for stands in start.mjs, graphiql.mjs and board.mjs. Every scenario fails on a foreign request, on a breach of
the Content-Security-Policy and on anything else that the console calls an error. Screenshots go where SCREENSHOTS says.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from adapters.memory import Behaviour, MemoryStore, factory
from gateway.demo import running
from gateway.errors import SourceError, SourceErrorCode
from gateway.instant import Instant
from gateway.model import Execution, ExecutionStatus, Key, LogLine, LogStream
from tests.browser.chromium import look, looking, needs_chromium
from tests.live import Server, served

pytestmark = needs_chromium

S = ExecutionStatus
CONFIG = """\
server: {poll_seconds: 0.1}
sources:
  - {name: alpha, kind: memory}
"""
ONE = Key("execution", "alpha", ("one",))


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path_factory.mktemp("screenshots")).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def demo() -> Iterator[str]:
    """The origin of a gateway over the demo, whose work goes on."""
    with running(seed=7, size="small", speed=1.0) as made:
        server = Server(made.file)
        try:
            yield server.http.removesuffix("/graphql")
        finally:
            server.stop()


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    factory.stores.clear()
    factory.behaviours = {"alpha": Behaviour(min_poll_seconds=0.1)}
    factory.stores["alpha"] = MemoryStore()
    yield factory.stores["alpha"]
    factory.stores.clear()
    factory.behaviours.clear()


def origin(server: Server) -> str:
    return server.http.removesuffix("/graphql")


def execution(status: ExecutionStatus) -> Execution:
    now = Instant.parse(datetime.now(UTC).isoformat().replace("+00:00", "Z"))
    return Execution(
        key=ONE,
        name="nightly <i>import</i>",
        tie=("one",),
        status=status,
        raw_status=status.value,
        created_at=now,
        started_at=now,
        finished_at=None if status is S.RUNNING else now,
    )


def line(sequence: int, text: str) -> LogLine:
    return LogLine(sequence=sequence, text=text, stream=LogStream.STDOUT)


@pytest.mark.parametrize("scenario", ["startPage", "examples", "completes", "explorer", "headers", "story", "keyboard"])
async def test_on_the_demo(scenario: str, demo: str, screenshots: Path) -> None:
    await look(scenario, screenshots, demo)


async def test_the_board_is_live(store: MemoryStore, screenshots: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(CONFIG) as server:
        async with looking("live", screenshots, origin(server)) as browser:
            await browser.says("looking")
            store.logs[ONE] = [line(1, "the first line")]
            store.put([execution(S.RUNNING)])
            await browser.goes_on()
            await browser.says("open")
            # Larger than what JavaScript's numbers hold exactly; text that would be markup.
            store.logs[ONE].append(line(2**62, "the second line"))
            await browser.goes_on()
            await browser.says("following")
            store.logs[ONE].append(line(2**62 + 1, "<b>the last line</b>"))
            store.written.add(ONE)
            store.put([execution(S.FAILED)])
            await browser.goes_on()
            await browser.says("ended")
            adapter: Any = server.gateway.registry.sources["alpha"].adapter
            with monkeypatch.context() as patched:

                def away(*_: object) -> None:
                    raise SourceError(SourceErrorCode.UNAVAILABLE, "It is away.", source="alpha")

                patched.setattr(adapter, "_request", away)
                await browser.goes_on()
                await browser.says("down")
            await browser.goes_on()
            await browser.ends_well()


async def test_a_source_that_is_down_shows_as_such(store: MemoryStore, screenshots: Path) -> None:
    store.put([execution(S.SUCCEEDED)])
    config = CONFIG + "  - {name: gone, kind: awx, base_url: 'http://127.0.0.1:9/api/v2/'}\n"
    with served(config) as server:
        await look("sourceDown", screenshots, origin(server), down="gone")


async def test_the_pages_ask_for_an_api_key(store: MemoryStore, screenshots: Path) -> None:
    store.put([execution(S.SUCCEEDED)])
    key = "open-sesame"
    with served(CONFIG.replace("{poll", f"{{api_keys: [{sha256(key.encode()).hexdigest()}], poll")) as server:
        # Chromium itself calls the refusals errors, which are the point here.
        await look("apiKey", screenshots, origin(server), key=key, expected=["401 (Unauthorized)"])
