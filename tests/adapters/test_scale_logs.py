"""Logs of Scale by both protocols: every line once and in order, however it is read."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from gateway.errors import SourceError, SourceErrorCode
from gateway.logs import first_at, milliseconds_of
from gateway.model import LogLine, LogStream
from gateway.spi import LogQuery, SupportsLogs
from tests.adapters.scale_logs import BEGIN, Logged, as_true, joined

both = pytest.mark.parametrize("generation", ["3", "4"])


@both
@pytest.mark.parametrize("rows", [7, 500, 1000, 10_000])
async def test_a_long_log_in_pages(generation: str, rows: int) -> None:
    log = Logged.open(generation)
    log.write(25_000, every_ms=7, at_once=2)
    pages = await log.pages(rows=rows)
    assert {len(page.lines) for page in pages[:-1]} == {rows}
    assert as_true(joined(pages)) == log.truth
    assert (pages[-1].complete, any(page.truncated for page in pages)) == (True, False)
    assert len(log.bench.asked()) == 3


async def test_a_later_release_through_the_api_of_an_older_one() -> None:
    log = Logged.open("4", base_url="http://scale.example/scale/api/v3/")
    log.write(12_000, begin=BEGIN.replace(microsecond=5000), every_ms=1, at_once=30)
    assert as_true(await log.read()) == log.truth
    assert len(log.bench.asked()) == 2


@both
async def test_a_short_log_line_by_line(generation: str) -> None:
    log = Logged.open(generation)
    log.write(60, every_ms=3, at_once=4)
    pages = await log.pages(rows=1)
    assert len(pages) == 60
    assert as_true(joined(pages)) == log.truth


@both
async def test_from_every_place(generation: str) -> None:
    log = Logged.open(generation)
    log.write(90, every_ms=400, at_once=3)
    log.write(5, begin=BEGIN + timedelta(seconds=3), every_ms=0)
    every = await log.read()
    assert as_true(every) == log.truth
    for place, line in enumerate(every):
        assert await log.read(after=line.sequence) == every[place + 1 :]
        # Every half of a millisecond, and a time without a line.
        ms = milliseconds_of(line.sequence)
        assert await log.read(after=first_at(ms) - 1) == [each for each in every if milliseconds_of(each.sequence) >= ms]
        assert await log.read(after=first_at(ms + 1) - 1) == [each for each in every if milliseconds_of(each.sequence) > ms]
    assert await log.read(after=-1) == every


@both
async def test_a_fresh_reading_for_every_page(generation: str) -> None:
    log = Logged.open(generation)
    log.write(25_000, every_ms=3)
    execution = await log.execution()
    found: list[LogLine] = []
    while True:
        after = found[-1].sequence if found else None
        async for page in log.bench.adapter.logs(execution, LogQuery(after=after, rows=2500)):
            found += page.lines
            break
        if not page.more:
            break
    assert as_true(found) == log.truth


async def test_what_is_asked_of_scale() -> None:
    seen: list[tuple[str, str | None, str]] = []

    async def watch(request: httpx.Request) -> httpx.Response | None:
        seen.append((request.url.query.decode(), request.headers.get("if-modified-since"), request.headers["accept"]))
        return None

    log = Logged.open()
    log.write(3, every_ms=1500)
    execution = await log.execution()
    log.bench.between.fault = watch
    (page,) = [page async for page in log.bench.adapter.logs(execution, LogQuery())]
    # Line 1 is of 19:30:13.845; half a second later is within the second.
    after = page.lines[1].sequence
    _ = [page async for page in log.bench.adapter.logs(execution, LogQuery(after=after))]
    _ = [page async for page in log.bench.adapter.logs(execution, LogQuery(after=first_at(1795289414000)))]
    _ = [page async for page in log.bench.adapter.logs(execution, LogQuery(after=first_at(1795289414001)))]
    assert seen == [
        ("", None, "application/json"),
        ("started=2026-11-21T19:30:13.845Z", "Sat, 21 Nov 2026 19:30:13 GMT", "application/json"),
        # What is written at the whole second is not after it.
        ("started=2026-11-21T19:30:14Z", "Sat, 21 Nov 2026 19:30:13 GMT", "application/json"),
        ("started=2026-11-21T19:30:14.001Z", "Sat, 21 Nov 2026 19:30:14 GMT", "application/json"),
    ]


@both
async def test_while_it_is_written(generation: str) -> None:
    log = Logged.open(generation, status="RUNNING")
    found: list[LogLine] = []
    for part in range(12):
        log.write(900, begin=BEGIN + timedelta(seconds=part * 9), every_ms=9)
        execution = await log.execution()
        pages = [
            page
            async for page in log.bench.adapter.logs(
                execution, LogQuery(after=found[-1].sequence if found else None, rows=350)
            )
        ]
        assert not pages[-1].complete
        found += joined(pages)
    assert as_true(found) == log.truth


@both
async def test_written_between_two_answers(generation: str) -> None:
    log = Logged.open(generation, status="RUNNING")
    log.write(10_500, every_ms=2)
    execution = await log.execution()
    found: list[LogLine] = []
    async for page in log.bench.adapter.logs(execution, LogQuery(rows=6000)):
        if not found:
            log.write(700, begin=BEGIN + timedelta(milliseconds=21_000), every_ms=2)
        found += page.lines
    assert as_true(found) == log.truth


@both
async def test_late_lines_come_by_a_time(generation: str) -> None:
    log = Logged.open(generation, status="RUNNING")
    log.write(300, every_ms=100)
    first = await log.read()
    log.write(40, begin=BEGIN + timedelta(seconds=20), every_ms=230, text="late {n}")
    since = milliseconds_of(first[-1].sequence) - round(log.bench.adapter.capabilities.log_late_seconds * 1000)
    again = await log.read(after=first_at(since) - 1)
    known = {line.sequence: line for line in first}
    assert all(known[line.sequence] == line for line in again if line.sequence in known)
    fresh = [line for line in again if line.sequence not in known]
    assert all(line.text.startswith("late") for line in fresh)
    assert as_true(first + fresh) == log.truth


@both
async def test_a_late_line_of_a_known_millisecond_moves_no_other(generation: str) -> None:
    log = Logged.open(generation, status="RUNNING")
    log.write(400, every_ms=0)
    first = {line.text: line.sequence for line in await log.read()}
    log.write(400, every_ms=0, text="late {n}")
    again = {line.text: line.sequence for line in await log.read()}
    assert len(again) == 800
    assert first.items() <= again.items()


class TestTooManyAtOnce:
    async def test_within_a_millisecond_of_4(self) -> None:
        log = Logged.open("4")
        log.write(2000, begin=BEGIN - timedelta(minutes=1))
        log.write(10_050, every_ms=0)
        log.write(2000, begin=BEGIN + timedelta(milliseconds=1), every_ms=0)
        pages = await log.pages()
        found = joined(pages)
        assert len(found) == 2000 + 10_000 + 2000
        assert set(as_true(found)) <= set(log.truth)
        assert (pages[-1].truncated, pages[-1].complete) == (True, True)

    async def test_within_a_second_of_3(self) -> None:
        log = Logged.open("3")
        second = BEGIN.replace(microsecond=0)
        log.write(2000, begin=second - timedelta(seconds=30))
        log.write(10_050, begin=second + timedelta(milliseconds=5), every_ms=3, at_once=50)
        log.write(2000, begin=second + timedelta(seconds=1, milliseconds=1), every_ms=1)
        pages = await log.pages()
        found = joined(pages)
        assert len(found) == 2000 + 10_000 + 2000
        assert set(as_true(found)) <= set(log.truth)
        assert (pages[-1].truncated, pages[-1].complete) == (True, True)

    async def test_the_same_number_at_one_second_of_4_is_read(self) -> None:
        log = Logged.open("4")
        log.write(25_000, begin=BEGIN.replace(microsecond=5000), every_ms=1, at_once=30)
        assert as_true(await log.read()) == log.truth

    async def test_within_one_instant_of_3(self) -> None:
        log = Logged.open("3")
        log.write(10_050, every_ms=0)
        log.write(5, begin=BEGIN + timedelta(seconds=5))
        pages = await log.pages()
        assert len(joined(pages)) == 10_005
        assert pages[-1].truncated

    @both
    async def test_as_many_as_an_answer_holds(self, generation: str) -> None:
        log = Logged.open(generation)
        log.write(10_000, every_ms=2)
        pages = await log.pages(rows=10_000)
        assert as_true(joined(pages)) == log.truth
        assert not pages[-1].truncated


class TestTail:
    @both
    @pytest.mark.parametrize("status", ["COMPLETED", "RUNNING"])
    @pytest.mark.parametrize("most", [0, 1, 10, 250, 5000])
    async def test_the_last_lines(self, generation: str, status: str, most: int) -> None:
        log = Logged.open(generation, status=status)
        log.write(1200, every_ms=1300, at_once=3)
        every = await log.read()
        pages = await log.pages(tail=most, rows=100)
        assert joined(pages) == every[len(every) - min(most, len(every)) :]
        assert pages[-1].complete is (status == "COMPLETED")

    async def test_a_long_log_is_not_read_whole(self) -> None:
        log = Logged.open()
        log.write(25_000, every_ms=72)
        assert as_true(await log.read(tail=20)) == log.truth[-20:]
        assert len(log.bench.asked()) == 1
        assert as_true(await log.read(tail=15_000)) == log.truth[-15_000:]

    @both
    async def test_nothing_there(self, generation: str) -> None:
        log = Logged.open(generation)
        (page,) = await log.pages(tail=5)
        assert (page.lines, page.complete) == ([], True)


class TestEnds:
    @both
    async def test_nothing_was_printed(self, generation: str) -> None:
        for status, complete in (("COMPLETED", True), ("CANCELED", True), ("RUNNING", False), ("QUEUED", False)):
            (page,) = await Logged.open(generation, status=status).pages()
            assert (list(page.lines), page.more, page.complete, page.truncated) == ([], False, complete, False)

    @both
    async def test_lines_may_come_for_a_while(self, generation: str) -> None:
        log = Logged.open(generation)
        log.write(20)
        ended = log.bench.world.executions[log.number]["ended"]
        for seconds, complete in ((1, False), (9, False), (11, True)):
            log.bench.world.now = ended + timedelta(seconds=seconds)
            pages = await log.pages(rows=15)
            assert [page.complete for page in pages] == [False, complete]

    @both
    async def test_an_execution_that_is_gone(self, generation: str) -> None:
        log = Logged.open(generation)
        execution = await log.execution()
        log.bench.world.delete_execution(log.number)
        with pytest.raises(SourceError) as raised:
            _ = [page async for page in log.bench.adapter.logs(execution, LogQuery())]
        assert (raised.value.code, raised.value.http_status) == (SourceErrorCode.NOT_FOUND, 404)

    @both
    async def test_abandoned(self, generation: str) -> None:
        log = Logged.open(generation)
        log.write(30)
        pages: Any = log.bench.adapter.logs(await log.execution(), LogQuery(rows=5))
        assert len((await anext(pages)).lines) == 5
        await pages.aclose()


@both
async def test_streams_and_records(generation: str) -> None:
    log = Logged.open(generation)
    log.write(50)
    lines = await log.read()
    # Both are the gateway's to apply: all lines come all the same, with the same sequences.
    assert await log.read(streams=frozenset({LogStream.STDERR}), search="line 7") == lines
    assert sum(line.stream is LogStream.STDERR for line in lines) == 10
    for line in lines:
        assert line.record["_source"]["message"] == line.text
        assert (line.node, line.number) == (None, None)


@both
async def test_generated_logs(generation: str) -> None:
    log = Logged.open(generation)
    world = log.bench.world
    world.seed = 7
    lines = await log.read()
    assert as_true(lines) == log.truth
    assert lines[0].text == f"Running pre-task for job execution {log.number}" or "Downloading" in lines[0].text
    assert "Post-task: storing products" in [line.text for line in lines]


def test_capabilities() -> None:
    adapter = Logged.open().bench.adapter
    assert isinstance(adapter, SupportsLogs)
    assert (adapter.capabilities.logs, adapter.capabilities.log_late_seconds) == (True, 10.0)
