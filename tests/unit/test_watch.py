"""What watchers are told: the newest state of each execution, the state of sources, and nothing twice."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.memory import Behaviour, MemoryAdapter, MemoryStore
from gateway.config import SourceSettings
from gateway.errors import SourceError, SourceErrorCode
from gateway.merge import SourceReport, SourceReportState
from gateway.model import Execution, ExecutionPhase, ExecutionStatus, Key
from gateway.query import ExecutionFilter
from gateway.registry import Source
from gateway.transport import SourceClient
from gateway.watch import Box, ExecutionChange, Looked, Update, Watch, until_final
from tests.property.federations import execution
from tests.support import Upstream

S = ExecutionStatus
OK = SourceReportState.OK
FAILED = SourceReportState.FAILED


class Flaky(MemoryAdapter):
    """A memory source that fails while it is told to, and counts what it is asked."""

    failing: SourceErrorCode | None = None
    asked = 0

    def _request(self) -> None:
        self.asked += 1
        if self.failing is not None:
            raise SourceError(self.failing, "It does not answer.", source=self.name)
        super()._request()


def row(native: str, status: ExecutionStatus = S.RUNNING) -> Execution:
    finished = None if status.phase is not ExecutionPhase.FINAL else 2_000_000_000
    return execution("a", native, created=1, started=1, finished=finished, status=status)


@pytest.fixture
def source() -> Source:
    store = MemoryStore()
    store.put([row("1"), row("2", S.SUCCEEDED)])
    settings = SourceSettings(name="a", kind="memory")
    return Source(settings, Flaky("a", store, Behaviour(min_poll_seconds=0.01)), SourceClient(settings, Upstream()))


@pytest.fixture
def watch() -> Iterator[Watch]:
    one = Watch(0.01)
    yield one
    assert one.pollers == 0, "a poller outlives its subscribers"


def everything(source: Source) -> dict[Any, Looked]:
    return {"all": Looked(source, lambda _now: ExecutionFilter())}


async def settled() -> None:
    """Let everything happen that waits for nothing but its turn."""
    for _ in range(50):
        await asyncio.sleep(0)


async def following(updates: Any) -> Any:
    return await asyncio.wait_for(anext(updates), 10)


async def test_a_source_that_is_down_says_so_and_recovers(watch: Watch, source: Source) -> None:
    adapter: Any = source.adapter
    adapter.failing = SourceErrorCode.UNAVAILABLE
    updates: Any = watch.executions(everything(source))
    first = await following(updates)
    assert (first.change, [report.state for report in first.sources or ()]) == (ExecutionChange.SOURCE_STATE, [FAILED])
    adapter.failing = None
    second = await following(updates)
    assert [report.state for report in second.sources or ()] == [OK]
    adapter.store.put([row("3")])
    assert (await following(updates)).change is ExecutionChange.APPEARED
    adapter.failing = SourceErrorCode.TIMEOUT
    down = await following(updates)
    assert [report.error and report.error.code for report in down.sources or ()] == [SourceErrorCode.TIMEOUT]
    # What happens while it is down is told when it is back.
    adapter.store.put([row("1", S.FAILED)])
    adapter.failing = None
    told = [await following(updates), await following(updates)]
    assert {update.change for update in told} == {ExecutionChange.STATUS_CHANGED, ExecutionChange.SOURCE_STATE}
    await updates.aclose()


async def test_all_who_watch_the_same_share_a_poller(watch: Watch, source: Source) -> None:
    adapter: Any = source.adapter
    streams: list[Any] = [watch.executions(everything(source)) for _ in range(50)]
    await asyncio.gather(*map(following, streams))
    assert watch.pollers == 1
    before = adapter.asked
    adapter.store.put([row("9")])
    assert {
        update.execution and update.execution.key.parts for update in await asyncio.gather(*map(following, streams))
    } == {("9",)}
    assert adapter.asked - before <= 3
    for stream in streams:
        await stream.aclose()


async def test_who_joins_later_is_told_the_state_of_the_source(watch: Watch, source: Source) -> None:
    one: Any = watch.executions(everything(source))
    await following(one)
    other: Any = watch.executions(everything(source))
    assert (await following(other)).change is ExecutionChange.SOURCE_STATE
    await one.aclose()
    await other.aclose()


async def test_an_execution_that_is_gone_ends_its_subscription(watch: Watch, source: Source) -> None:
    adapter: Any = source.adapter
    key = Key("execution", "a", ("1",))
    updates: Any = watch.executions({"one": Looked(source, only=key)})
    followed: Any = until_final(updates, adapter.store.entities[key])
    assert (await following(followed)).key == key
    adapter.store.remove(key)
    with pytest.raises(StopAsyncIteration):
        await following(followed)
    await updates.aclose()


async def test_what_changed_before_the_first_look_is_not_missed(watch: Watch, source: Source) -> None:
    adapter: Any = source.adapter
    key = Key("execution", "a", ("1",))
    seen = adapter.store.entities[key]
    adapter.store.put([row("1", S.FAILED)])
    updates: Any = watch.executions({"one": Looked(source, only=key)})
    statuses = [each.status async for each in until_final(updates, seen) if isinstance(each, Execution)]
    assert statuses == [S.RUNNING, S.FAILED]
    await updates.aclose()


async def test_the_fault_of_its_source_reaches_who_follows_one_execution(watch: Watch, source: Source) -> None:
    adapter: Any = source.adapter
    key = Key("execution", "a", ("1",))
    adapter.failing = SourceErrorCode.UNAVAILABLE
    updates: Any = watch.executions({"one": Looked(source, only=key)})
    followed: Any = until_final(updates, None)
    assert isinstance(await following(followed), SourceError)
    adapter.failing = None
    assert (await following(followed)).status is S.RUNNING
    await updates.aclose()


async def test_what_moves_no_more_is_told_no_more(watch: Watch, source: Source) -> None:
    adapter: Any = source.adapter
    updates: Any = watch.executions(everything(source))
    await following(updates)
    before = adapter.asked
    running = adapter.store.entities[Key("execution", "a", ("1",))]
    # How long it has been running is no news.
    adapter.store.put([msgspec.structs.replace(running, duration_seconds=77.0)])
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(updates), 0.2)
    assert adapter.asked > before
    await updates.aclose()


changes = st.tuples(st.sampled_from("abc"), st.sampled_from([S.QUEUED, S.RUNNING, S.FAILED, S.SUCCEEDED]))


@given(st.lists(changes, min_size=1, max_size=40))
def test_a_slow_consumer_gets_the_newest_state_of_each_execution(steps: list[tuple[str, ExecutionStatus]]) -> None:
    async def run() -> None:
        box = Box()
        first: dict[str, ExecutionStatus] = {}
        last: dict[str, ExecutionStatus] = {}
        for name, status in steps:
            before = last.get(name, S.PENDING)
            first.setdefault(name, before)
            last[name] = status
            box.put(Update(ExecutionChange.STATUS_CHANGED, row(name, status), before))
        box.put_report(SourceReport("a", FAILED))
        box.put_report(SourceReport("a", OK))
        report, *taken = await box.take()
        assert [each.state for each in report.sources or ()] == [OK]
        assert {each.execution.key.parts[0]: each.execution.status for each in taken if each.execution} == last
        assert {each.execution.key.parts[0]: each.previous_status for each in taken if each.execution} == first
        assert len(taken) == len(last)

    asyncio.run(run())


async def test_what_appeared_and_then_changed_has_appeared() -> None:
    box = Box()
    box.put(Update(ExecutionChange.APPEARED, row("a", S.QUEUED)))
    box.put(Update(ExecutionChange.STATUS_CHANGED, row("a", S.FAILED), S.QUEUED))
    (update,) = await box.take()
    assert (update.change, update.execution and update.execution.status) == (ExecutionChange.APPEARED, S.FAILED)


class Telling(Flaky):
    """A source that tells at once what has changed; ``told`` is what it will tell."""

    told: "asyncio.Queue[Key | SourceError | None]"
    listeners = 0

    async def wake_ups(self) -> AsyncIterator[Key | None]:
        self.listeners += 1
        try:
            while True:
                one = await self.told.get()
                if isinstance(one, SourceError):
                    raise one
                yield one
        finally:
            self.listeners -= 1


@pytest.fixture
def telling(source: Source) -> Source:
    quiet: Any = source.adapter
    adapter = Telling("a", quiet.store, Behaviour(min_poll_seconds=3600))
    adapter.told = asyncio.Queue()
    source.adapter = adapter
    return source


async def test_a_source_that_tells_is_looked_at_at_once(watch: Watch, telling: Source) -> None:
    adapter: Any = telling.adapter
    updates: Any = watch.executions(everything(telling))
    await following(updates)
    adapter.store.put([row("3")])
    adapter.told.put_nowait(None)
    assert (await following(updates)).change is ExecutionChange.APPEARED
    assert adapter.asked == 2
    await updates.aclose()
    await asyncio.sleep(0)
    assert adapter.listeners == 0


@pytest.mark.parametrize("steps", range(8))
async def test_who_leaves_while_the_source_tells_is_forgotten(
    steps: int, watch: Watch, telling: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever comes first: a poller that did not notice would ask its source for ever, and nobody would know."""
    monkeypatch.setattr("gateway.pulse._BREATH_SECONDS", 0.0)
    adapter: Any = telling.adapter
    updates: Any = watch.executions(everything(telling))
    await following(updates)
    await settled()
    adapter.told.put_nowait(None)
    for _ in range(steps):
        await asyncio.sleep(0)
    await updates.aclose()
    await settled()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_who_follows_one_execution_is_woken_by_that_one(
    watch: Watch, telling: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.pulse._BREATH_SECONDS", 0.0)
    adapter: Any = telling.adapter
    key = Key("execution", "a", ("1",))
    updates: Any = watch.executions({"one": Looked(telling, only=key)})
    followed: Any = until_final(updates, adapter.store.entities[key])
    await following(followed)
    waiting = asyncio.ensure_future(anext(followed))
    await settled()
    looks = adapter.asked
    adapter.told.put_nowait(Key("execution", "a", ("2",)))
    await settled()
    assert adapter.asked == looks
    adapter.store.put([row("1", S.FAILED)])
    adapter.told.put_nowait(key)
    assert (await asyncio.wait_for(waiting, 10)).status is S.FAILED
    await updates.aclose()


async def test_a_source_that_cannot_tell_is_not_listened_to(watch: Watch, telling: Source) -> None:
    adapter: Any = telling.adapter
    updates: Any = watch.executions(everything(telling))
    await following(updates)
    adapter.told.put_nowait(SourceError(SourceErrorCode.UNSUPPORTED, "It does not tell."))
    adapter.told.put_nowait(None)
    await settled()
    assert adapter.listeners == 0
    await updates.aclose()
