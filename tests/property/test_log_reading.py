"""Pages and followers of a log: every line once, in order, however it is read; late ones once."""

import asyncio
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.memory import Behaviour, MemoryAdapter, MemoryStore
from gateway.config import BudgetSettings
from gateway.cursor import packed, unpacked
from gateway.log_reading import Follower, LogPlace, LogRequest, read_lines
from gateway.logs import first_at, timed
from gateway.model import ExecutionStatus, Key, LogLine, LogStream
from tests.property.federations import execution

KEY = Key("execution", "a", ("1",))
EXECUTION = execution("a", 1, created=1, status=ExecutionStatus.SUCCEEDED)
BUDGET = BudgetSettings(rows=100_000, requests=100_000, seconds=60)
STREAMS = list(LogStream)


def line(sequence: int, stream: LogStream = LogStream.STDOUT) -> LogLine:
    text = f"\x1b[0;3{sequence % 8}mLine\x1b[0m {sequence}"
    return LogLine(sequence=sequence, text=text, stream=stream)


def store_of(lines: Sequence[LogLine], written: bool = True) -> MemoryAdapter:
    store = MemoryStore()
    store.put([EXECUTION])
    store.logs[KEY] = list(lines)
    if written:
        store.written.add(KEY)
    return MemoryAdapter("a", store, Behaviour())


sequences = st.sets(st.integers(0, 10**6), max_size=60)


@given(
    sequences, st.integers(1, 20), st.sets(st.sampled_from(STREAMS)), st.sampled_from([None, "line", "LINE 1", "nothing"])
)
@settings(max_examples=150)
def test_pages_of_any_size_give_every_wanted_line_once_and_in_order(
    numbers: set[int], first: int, streams: set[LogStream], search: str | None
) -> None:
    lines = [line(number, STREAMS[number % 4]) for number in numbers]
    adapter = store_of(lines)

    async def run() -> None:
        got: list[LogLine] = []
        after, more = None, True
        while more:
            request = LogRequest(first, after=after, streams=frozenset(streams) or None, search=search)
            page = await read_lines(adapter, EXECUTION, request, BUDGET)
            assert len(page.lines) <= first
            assert page.complete is not page.more
            got += page.lines
            after, more = page.passed, page.more
        wanted = LogRequest(1, streams=frozenset(streams) or None, search=search)
        assert got == sorted((each for each in lines if wanted.wants(each)), key=lambda each: each.sequence)

    asyncio.run(run())


@given(sequences, st.integers(0, 30), st.integers(1, 20), st.booleans())
@settings(max_examples=100)
def test_a_tail_is_the_last_lines_and_its_cursor_goes_on(numbers: set[int], tail: int, first: int, searched: bool) -> None:
    adapter = store_of([line(number) for number in numbers])

    async def run() -> None:
        search = "line 1" if searched else None
        wanted = [number for number in sorted(numbers) if not searched or f"line {number}".startswith("line 1")]
        page = await read_lines(adapter, EXECUTION, LogRequest(first, tail=tail, search=search), BUDGET)
        got = [each.sequence for each in page.lines]
        while page.more:
            page = await read_lines(adapter, EXECUTION, LogRequest(first, after=page.passed, search=search), BUDGET)
            got += [each.sequence for each in page.lines]
        assert got == (wanted[-tail:] if tail else [])

    asyncio.run(run())


@given(
    st.lists(st.tuples(st.integers(0, 60_000), st.integers(0, 9_000), st.integers(0, 3)), max_size=80),
    st.lists(st.integers(0, 79), max_size=6),
)
@settings(max_examples=150)
def test_a_follower_gives_late_lines_once_also_when_it_starts_anew_from_its_place(
    written: list[tuple[int, int, int]], restarts: list[int]
) -> None:
    """A line stamped at ``ms`` appears ``late`` milliseconds after, 10 s at most; looks happen whenever one appears."""
    appears = sorted({(ms + late, timed(ms, tick)) for ms, late, tick in written})
    follower = Follower(10.0, LogPlace())
    there: list[LogLine] = []
    got: list[int] = []
    for index, (_, sequence) in enumerate(appears):
        if sequence not in {each.sequence for each in there}:
            there.append(line(sequence))
        if index in restarts:
            place = follower.place
            text = packed(place.seen)
            assert unpacked(text) == place.seen
            follower = Follower(10.0, LogPlace(place.newest, place.since, unpacked(text)))
        start = follower.start
        readable = sorted((each for each in there if start is None or each.sequence > start), key=lambda each: each.sequence)
        got += [each.sequence for each in follower.take(readable)]
    assert sorted(got) == sorted(each.sequence for each in there)


@given(st.sets(st.integers(0, 2**63 - 1), max_size=200))
def test_packed_numbers_come_out_again(numbers: set[int]) -> None:
    assert unpacked(packed(numbers)) == numbers


def test_a_place_is_short_enough_for_a_cursor() -> None:
    follower = Follower(10.0, LogPlace())
    lines = [line(timed(1_795_000_000_000 + number, number * 7919)) for number in range(9000)]
    follower.take(lines)
    place = follower.place
    assert len(place.seen) == Follower.MOST_SEEN
    assert len(packed(place.seen)) < 16_000
    assert place.since is not None
    assert all(sequence > place.since for sequence in place.seen)


def test_places_of_logs_that_come_in_order_name_no_lines() -> None:
    follower = Follower(0.0, LogPlace())
    follower.take([line(number) for number in range(1, 5000)])
    assert follower.place == LogPlace(4999, 4999, frozenset())
    assert first_at(3) == timed(3, 0)
