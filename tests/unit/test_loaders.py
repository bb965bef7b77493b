"""Loaders: equal keys are read once, a tick's keys in one batch per source, and every key gets its own answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from adapters.memory import MemoryAdapter, MemoryStore
from gateway.config import SourceSettings
from gateway.errors import SourceError, SourceErrorCode
from gateway.loaders import EachBudget, Loaders, SupportsLatest
from gateway.model import Entity, Execution, Key
from gateway.registry import Registry, Source
from gateway.spi import NOT_FOUND, Fetched
from tests.property.federations import execution
from tests.support import OK_UPSTREAM, Upstream, client_of

TIMEOUT = SourceErrorCode.TIMEOUT
Read = Callable[[Sequence[Key]], Awaitable[Sequence[Fetched[Entity]]]]


class Recording(MemoryAdapter):
    """A memory source that remembers which keys it was asked for together; ``instead`` answers in its place."""

    def __init__(self, name: str) -> None:
        super().__init__(name, MemoryStore())
        self.store.put(execution(name, n) for n in range(20))
        self.batches: list[list[str]] = []
        self.full: list[str] = []
        self.instead: Read | None = None
        self.active = 0
        self.most = 0

    async def fetch(self, keys: Sequence[Key]) -> Sequence[Fetched[Entity]]:
        self.batches.append([key.native_id for key in keys])
        return await (self.instead or super().fetch)(keys)

    async def fetch_full(self, key: Key) -> Fetched[Entity]:
        self.full.append(key.native_id)
        self.active += 1
        self.most = max(self.most, self.active)
        try:
            await asyncio.sleep(0)
            return (await self.instead([key]))[0] if self.instead else await super().fetch_full(key)
        finally:
            self.active -= 1


class Latest(Recording):
    """One that knows the latest execution of many jobs at once."""

    async def latest(self, keys: Sequence[Key]) -> Sequence[Fetched[Execution]]:
        self.batches.append([key.native_id for key in keys])
        return [execution(self.name, f"latest of {key.native_id}") for key in keys]


def loaders(*adapters: Recording, reads: int = 100, seconds: float = 60) -> Loaders:
    sources = [
        Source(SourceSettings(name=adapter.name, kind="memory"), adapter, client_of(Upstream(OK_UPSTREAM)))
        for adapter in adapters
    ]
    return Loaders(Registry(sources), EachBudget(reads, seconds))


def key(source: str, native: int | str) -> Key:
    return Key("execution", source, (str(native),))


async def ask(read: Callable[[Key], Awaitable[Any]], *keys: Key) -> list[Any]:
    """What a tick's keys are answered with, faults included."""
    return await asyncio.gather(*(read(one) for one in keys), return_exceptions=True)


# --- batches -------------------------------------------------------------------------------------------------------


async def test_a_tick_s_keys_go_in_one_batch_per_source() -> None:
    a, b = Recording("a"), Recording("b")
    wanted = [key("a", 1), key("b", 1), key("a", 2), key("a", 1), key("b", 3)]
    answers = await ask(loaders(a, b).entity, *wanted)
    assert [answer.key for answer in answers] == wanted
    assert (a.batches, b.batches) == ([["1", "2"]], [["1", "3"]])


async def test_a_key_asked_for_one_turn_later_joins_the_batch() -> None:
    a = Recording("a")
    one = loaders(a)

    async def read(wanted: Key) -> Any:
        if wanted.native_id == "2":
            await asyncio.sleep(0)
        return await one.entity(wanted)

    answers = await ask(read, key("a", 1), key("a", 2))
    assert [answer.key.native_id for answer in answers] == ["1", "2"]
    assert a.batches == [["1", "2"]]


async def test_a_key_is_read_once_in_a_request() -> None:
    a = Recording("a")
    one = loaders(a)
    first = await one.entity(key("a", 1))
    a.store.remove(key("a", 1))
    assert await one.entity(key("a", 1)) is first
    assert a.batches == [["1"]]
    # Another request sees the world anew.
    assert await loaders(a).entity(key("a", 1)) is NOT_FOUND


async def test_what_does_not_exist_costs_only_itself() -> None:
    a = Recording("a")
    answers = await ask(loaders(a).entity, key("a", 1), key("a", 99), key("a", 2))
    assert [answer if answer is NOT_FOUND else answer.key.native_id for answer in answers] == ["1", NOT_FOUND, "2"]


async def test_a_fault_of_one_key_costs_only_itself() -> None:
    a = Recording("a")

    async def instead(keys: Sequence[Key]) -> Sequence[Fetched[Entity]]:
        return [SourceError(TIMEOUT, "Slow.") if one.native_id == "2" else a.store.entities[one] for one in keys]

    a.instead = instead
    answers = await ask(loaders(a).entity, key("a", 1), key("a", 2), key("a", 3))
    assert [getattr(answer, "code", None) for answer in answers] == [None, TIMEOUT, None]


async def _fails(_keys: Sequence[Key]) -> Sequence[Fetched[Entity]]:
    raise SourceError(TIMEOUT, "Slow.")


async def _breaks(_keys: Sequence[Key]) -> Sequence[Fetched[Entity]]:
    raise ZeroDivisionError("secret of a third party")


async def _forgets(keys: Sequence[Key]) -> Sequence[Fetched[Entity]]:
    return [NOT_FOUND for _ in keys[1:]]


async def _invents(keys: Sequence[Key]) -> Sequence[Fetched[Entity]]:
    return [NOT_FOUND for _ in (*keys, 1)]


@pytest.mark.parametrize(
    ("instead", "code"),
    [
        (_fails, TIMEOUT),
        (_breaks, SourceErrorCode.INTERNAL),
        (_forgets, SourceErrorCode.INTERNAL),
        (_invents, SourceErrorCode.INTERNAL),
    ],
)
async def test_a_source_at_fault_costs_only_its_own_keys(instead: Read, code: SourceErrorCode) -> None:
    a, b = Recording("a"), Recording("b")
    a.instead = instead
    first, second, other = await ask(loaders(a, b).entity, key("a", 1), key("a", 2), key("b", 1))
    for answer in (first, second):
        assert isinstance(answer, SourceError)
        assert (answer.code, answer.source) == (code, "a")
        assert "secret" not in answer.message
    assert other.key == key("b", 1)


async def test_a_reader_that_gives_up_does_not_take_the_answer_from_others() -> None:
    a, asked, go = Recording("a"), asyncio.Event(), asyncio.Event()

    async def instead(keys: Sequence[Key]) -> Sequence[Fetched[Entity]]:
        asked.set()
        await go.wait()
        return [a.store.entities[one] for one in keys]

    a.instead = instead
    one = loaders(a)
    impatient, patient = asyncio.ensure_future(one.entity(key("a", 1))), asyncio.ensure_future(one.entity(key("a", 1)))
    await asked.wait()
    impatient.cancel()
    go.set()
    assert (await patient) is a.store.entities[key("a", 1)]
    assert impatient.cancelled()
    assert a.batches == [["1"]]


async def test_a_batch_that_cannot_be_sent_fails_whoever_asked_and_is_sent_again() -> None:
    one = loaders(Recording("a"))
    answers = await ask(one.full, key("nowhere", 1), key("a", 1))
    assert [type(answer) for answer in answers] == [KeyError, KeyError]
    (again,) = await ask(one.full, key("a", 1))
    assert again.key == key("a", 1)


async def test_several_at_once_some_of_them_known() -> None:
    a = Recording("a")
    one = loaders(a)
    known = await one.entity(key("a", 1))
    wanted = [key("a", 2), key("a", 1), key("a", 2), key("a", 99)]
    answers = await one.entities(wanted)
    assert answers[1] is known
    assert answers[0] is answers[2]
    assert [getattr(answer, "key", answer) for answer in answers] == [*wanted[:3], NOT_FOUND]
    assert a.batches == [["1"], ["2", "99"]]
    assert await one.entities([]) == []


# --- latest --------------------------------------------------------------------------------------------------------


async def test_the_latest_executions_of_a_tick_go_in_one_batch() -> None:
    a = Latest("a")
    assert isinstance(a, SupportsLatest)
    assert not isinstance(Recording("b"), SupportsLatest)
    answers = await ask(loaders(a).latest, Key("job", "a", ("1",)), Key("job", "a", ("2",)))
    assert [answer.key.native_id for answer in answers] == ["latest of 1", "latest of 2"]
    assert a.batches == [["1", "2"]]


# --- one read per row ----------------------------------------------------------------------------------------------


async def test_full_reads_are_one_by_one_and_once_each() -> None:
    a = Recording("a")
    answers = await ask(loaders(a).full, key("a", 1), key("a", 2), key("a", 1), key("a", 99))
    assert [getattr(answer, "key", answer) for answer in answers] == [key("a", 1), key("a", 2), key("a", 1), NOT_FOUND]
    assert (a.full, a.batches) == (["1", "2", "99"], [])


async def test_few_full_reads_are_in_flight_per_source() -> None:
    a, b = Recording("a"), Recording("b")
    await ask(loaders(a, b).full, *(key(name, n) for n in range(12) for name in "ab"))
    assert (a.most, b.most) == (4, 4)


async def test_full_reads_end_with_their_budget() -> None:
    a, b = Recording("a"), Recording("b")
    one = loaders(a, b, reads=5)
    answers = await ask(one.full, *(key("a", n) for n in range(4)), *(key("b", n) for n in range(4)))
    refused = [answer for answer in answers if isinstance(answer, SourceError)]
    # One budget for the whole request, whatever the source; what fits in it is answered.
    assert (len(refused), len(a.full) + len(b.full)) == (3, 5)
    assert {(error.code, error.source) for error in refused} <= {(SourceErrorCode.TRUNCATED, name) for name in "ab"}
    assert "ask for fewer rows" in refused[0].message


async def test_full_reads_end_with_their_time() -> None:
    a = Recording("a")
    one = loaders(a, seconds=1e-9)
    await one.full(key("a", 1))
    (late,) = await ask(one.full, key("a", 2))
    assert isinstance(late, SourceError)
    assert (late.code, a.full) == (SourceErrorCode.TRUNCATED, ["1"])


@pytest.mark.parametrize(("instead", "code"), [(_fails, TIMEOUT), (_breaks, SourceErrorCode.INTERNAL)])
async def test_a_full_read_at_fault_costs_only_itself(instead: Read, code: SourceErrorCode) -> None:
    a, b = Recording("a"), Recording("b")
    a.instead = instead
    fault, other = await ask(loaders(a, b).full, key("a", 1), key("b", 1))
    assert isinstance(fault, SourceError)
    assert (fault.code, fault.source) == (code, "a")
    assert other.key == key("b", 1)


async def test_each_spends_only_when_it_reads() -> None:
    one = loaders(Recording("a"), reads=1)

    async def read() -> str:
        return "read"

    assert await one.each("a", read) == "read"
    with pytest.raises(SourceError, match="budget"):
        await one.each("a", read)
