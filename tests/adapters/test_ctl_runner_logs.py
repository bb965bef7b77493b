"""Runner's status feed as a log: every line once, in one order, whatever the pages; and what can go wrong."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.ctl_runner.simulator import Simulator
from adapters.ctl_runner.world import World
from adapters.ctl_runner.world_catalog import STORY
from adapters.ctl_runner.world_events import LATEST, Line
from adapters.ctl_runner.world_generator import STORY_ERROR
from adapters.ctl_runner.world_rows import TERMINAL, milliseconds
from gateway.config import BudgetSettings
from gateway.errors import SourceError, SourceErrorCode
from gateway.log_reading import Follower, LogPlace, LogRequest, read_lines
from gateway.logs import by_id, first_at, milliseconds_of
from gateway.model import Execution, LogLine, LogStream
from gateway.redaction import REDACTED, redacted
from gateway.spi import LogPage, LogQuery, SupportsLogs
from tests.adapters.ctl_runner_bench import Between, adapter_over, execution_key
from tests.support import skip_pauses

NOW = datetime(2026, 11, 21, 20, 30, 12, 345678, tzinfo=UTC)
START = milliseconds(NOW) - 60_000
WIDE = BudgetSettings(rows=100_000, requests=10_000, seconds=60)
C = SourceErrorCode


class Bench:
    """An adapter over a simulated account with one execution, and a log that is written to."""

    def __init__(self, status: str = "SUCCESS", *, world: World | None = None, **simulated: Any) -> None:
        self.world = world or World(NOW)
        if world is None:
            self.world.add_job(name="daily")
        self.key = self.world.add_execution(status=status)
        self.world.events[self.key] = []
        self.simulator = Simulator(self.world, **{"latest_only": False, **simulated})
        self.between = Between(httpx.ASGITransport(app=self.simulator.app))
        self.adapter = adapter_over(self.between)

    async def execution(self, key: str | None = None) -> Execution:
        name = key or self.key
        (found,) = await self.adapter.fetch([execution_key(self.world.executions[name]["job_id"], name)])
        assert isinstance(found, Execution)
        return found

    async def pages(self, key: str | None = None, **query: Any) -> list[LogPage]:
        execution = await self.execution(key)
        return [page async for page in self.adapter.logs(execution, LogQuery(**query))]

    async def lines(self, **query: Any) -> list[LogLine]:
        return lines_of(await self.pages(**query))

    async def lines_from(self, events: Any, **query: Any) -> list[LogPage]:
        """What the adapter makes of a feed that a server sent."""
        execution = await self.execution()
        answers(self, 200, events)
        return [page async for page in self.adapter.logs(execution, LogQuery(**query))]

    def asked(self) -> list[str]:
        """The questions for feeds since the last call."""
        found = [f"{each.path}?{each.query}" for each in self.simulator.log if each.path.startswith("/status/")]
        self.simulator.log.clear()
        return found


def lines_of(pages: Sequence[LogPage]) -> list[LogLine]:
    """The lines of pages that keep their promises."""
    assert [page.more for page in pages] == [True] * (len(pages) - 1) + [False]
    assert not any(page.complete for page in pages[:-1])
    return [line for page in pages for line in page.lines]


def check(lines: Sequence[LogLine], truth: Sequence[Line]) -> None:
    """Every line once, in order."""
    sequences = [line.sequence for line in lines]
    assert sequences == sorted(set(sequences))
    found = [Line((line.timestamp.us if line.timestamp else 0) // 1000, line.text) for line in lines]
    assert [line.timestamp for line in found] == [line.timestamp for line in truth]
    assert sorted(found) == sorted(truth)


def answers(bench: Bench, status: int, body: Any) -> list[int]:
    """Let feeds be answered so; the list grows with each."""
    asked: list[int] = []
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def fault(request: httpx.Request) -> httpx.Response | None:
        if not request.url.path.startswith("/status/"):
            return None
        asked.append(status)
        return httpx.Response(status, content=content, headers={"content-type": "application/json"})

    bench.between.fault = fault
    return asked


def event(name: str, at: Any = START, **more: Any) -> dict[str, Any]:
    return {"id": name, "timestamp": at, "message": {"msg": f"line {name}"}, "event_type": "runner_on_ok", **more}


# --- everything, however it is read --------------------------------------------------------------------------------


@pytest.mark.parametrize("paged", [False, True])
@pytest.mark.parametrize(("count", "rows"), [(400, 1), (25_000, 7), (25_000, 500), (25_000, 1000), (25_000, 10_000)])
async def test_every_line_once_in_order(count: int, rows: int, paged: bool) -> None:
    bench = Bench(status_as_page=paged)
    bench.world.write_log(bench.key, count // 2, at=START, step=3)
    bench.world.write_log(bench.key, count - count // 2, at=START, step=3)
    pages = await bench.pages(rows=rows)
    lines = lines_of(pages)
    assert len(lines) == count
    check(lines, bench.world.log_lines(bench.key))
    assert pages[-1].complete
    assert {len(page.lines) for page in pages[:-1]} <= {rows}
    assert len(bench.asked()) == (count // 100 if paged else 1)
    assert (lines[0].stream, lines[0].node.name if lines[0].node else None) == (LogStream.SYSTEM, "localhost")
    assert lines[0].record["event_type"] == "runner_on_ok"


@pytest.mark.parametrize("paged", [False, True])
async def test_resume_from_every_place(paged: bool) -> None:
    bench = Bench(status_as_page=paged)
    bench.world.write_log(bench.key, 60, at=START, step=1)
    bench.world.write_log(bench.key, 60, at=START, step=2)
    lines = await bench.lines()
    for place, line in enumerate(lines):
        assert await bench.lines(after=line.sequence, rows=7) == lines[place + 1 :]
    for moment in {milliseconds_of(line.sequence) for line in lines}:
        found = await bench.lines(after=first_at(moment) - 1)
        assert found == [line for line in lines if milliseconds_of(line.sequence) >= moment]
    for count in (1, 3, 119, 120, 500):
        assert await bench.lines(tail=count, rows=count) == lines[-count:]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 50)), unique_by=lambda pair: pair[1]), st.randoms())
@settings(max_examples=30)
def test_the_order_does_not_depend_on_the_feed(places: list[tuple[int, int]], random: Any) -> None:
    entries = [(moment, str(name)) for moment, name in places]
    shuffled = list(entries)
    random.shuffle(shuffled)
    assert by_id(entries) == by_id(shuffled)


@pytest.mark.parametrize("paged", [False, True])
async def test_while_it_is_written(paged: bool) -> None:
    bench = Bench("RUNNING", status_as_page=paged)
    follower = Follower(bench.adapter.capabilities.log_late_seconds, LogPlace())
    execution = await bench.execution()
    got: list[LogLine] = []
    for step in range(40):
        now = START + step * 1000
        bench.world.write_log(bench.key, 5, at=now, step=100)
        bench.world.write_log(bench.key, 2, at=now - (step * 1777) % 9_900, step=0, text="late {n}")
        async for page in bench.adapter.logs(execution, LogQuery(after=follower.start, rows=7)):
            got += follower.take(page.lines)
            assert not page.complete
    check(sorted(got, key=lambda line: line.sequence), bench.world.log_lines(bench.key))
    assert len(got) == 280


async def test_a_server_that_shows_only_the_latest() -> None:
    bench = Bench("RUNNING", latest_only=True)
    follower = Follower(10.0, LogPlace())
    got: list[LogLine] = []
    for step in range(30):
        bench.world.write_log(bench.key, 4, at=START + step * 500, step=100)
        pages = await bench.pages(after=follower.start)
        assert sum(len(page.lines) for page in pages) <= LATEST
        got += follower.take(lines_of(pages))
    bench.world.update_execution(bench.key, status="SUCCESS")
    got += follower.take(await bench.lines(after=follower.start))
    assert got == await bench.lines()
    check(got, bench.world.log_lines(bench.key))


async def test_pages_that_shift_while_they_are_read() -> None:
    bench = Bench("RUNNING", status_as_page=True)
    bench.world.write_log(bench.key, 450, at=START, step=1)
    seen = 0

    async def grow(request: httpx.Request) -> None:
        nonlocal seen
        if request.url.path.startswith("/status/"):
            seen += 1
            bench.world.write_log(bench.key, 20, at=START + 10_000 * seen, step=1)

    bench.between.fault = grow
    execution = await bench.execution()
    lines = lines_of([page async for page in bench.adapter.logs(execution, LogQuery())])
    assert [line.sequence for line in lines] == sorted({line.sequence for line in lines})
    assert len(lines) >= 470


# --- what events say -----------------------------------------------------------------------------------------------

SAID: list[tuple[Any, str]] = [
    ({"host": "h", "msg": "words\n"}, "words"),
    ({"host": "h", "stdout": "printed", "stderr": "cried"}, "printed"),
    ({"host": "h", "msg": "", "stderr": "cried"}, "cried"),
    ({"host": "h", "result": {"msg": "deeper"}}, "deeper"),
    ({"host": "h", "res": {"stdout": "two\nlines"}}, "two\nlines"),
    ({"host": "h", "task": "Display Text"}, 'runner_on_ok {"host":"h","task":"Display Text"}'),
    ({"msg": ["a", "list"]}, 'runner_on_ok {"msg":["a","list"]}'),
    ("just text", "just text"),
    ({}, "runner_on_ok"),
    (None, "runner_on_ok"),
    ([1, 2], "runner_on_ok [1,2]"),
    ({"msg": "login with password=hunter2 done"}, f"login with password={REDACTED} done"),
    ({"credentials": {"a": "hunter2"}, "sshPrivateKey": "hunter2", "n": 1}, 'runner_on_ok {"n":1}'),
]


@pytest.mark.parametrize(("message", "text"), SAID)
async def test_texts(message: Any, text: str) -> None:
    (page,) = await Bench().lines_from([event("1", message=message)])
    assert [line.text for line in page.lines] == [text]
    assert "hunter2" not in str([redacted(line.record) for line in page.lines])


async def test_recorded_events() -> None:
    bench = Bench()
    recorded = [
        event("1", 1444924451100, message={"host": "localhost", "task": "Display Text"}, event_type="runner_on_failed"),
        event("2", 1444924452123, message={"result": "FAILURE"}, event_type="playbook_result"),
    ]
    for body in (recorded, {"page": 0, "size": 2, "totalSize": 2, "results": recorded}):
        (page,) = await bench.lines_from(body)
        first, second = page.lines
        assert first.text == 'runner_on_failed {"host":"localhost","task":"Display Text"}'
        assert second.text == 'playbook_result {"result":"FAILURE"}'
        assert (first.timestamp.text if first.timestamp else None) == "2015-10-15T15:54:11.1Z"
        assert (first.node.name if first.node else None, second.node) == ("localhost", None)


@pytest.mark.parametrize("host", [7, None, "", "a\nb", "x" * 256, ["h"]])
async def test_hosts_that_are_none(host: Any) -> None:
    (page,) = await Bench().lines_from([event("1", message={"host": host, "msg": "x"})])
    assert page.lines[0].node is None


async def test_instants() -> None:
    stamps = [START, START // 1000, str(START), "2026-11-21T20:30:00.5Z", "2026-11-21T21:30:00+01:00"]
    (page,) = await Bench().lines_from([event(str(n), at) for n, at in enumerate(stamps)])
    assert (len(page.lines), page.truncated) == (5, False)


async def test_garbage_costs_itself() -> None:
    bad: list[Any] = [
        None,
        7,
        "text",
        [],
        {},
        event("x", None),
        event("x", "soon"),
        event("x", -5),
        event("x", 1 << 60),
        {"id": "y"},
    ]
    bad += [event("x", True), {"timestamp": START}, {"id": 5, "timestamp": START}, event("x", 10**30)]
    for each in bad:
        pages = await Bench().lines_from([event("1"), each, event("2")])
        assert sorted(line.text for line in lines_of(pages)) == ["line 1", "line 2"]
        assert pages[-1].truncated


async def test_events_that_come_twice() -> None:
    (page,) = await Bench().lines_from([event("1"), event("2"), event("1")])
    assert len(page.lines) == 2


# --- ends ----------------------------------------------------------------------------------------------------------


async def test_ends() -> None:
    bench = Bench()
    for status in ("PENDING", "INITIALIZING", "RUNNING", "STOPPING", "KILLING", *sorted(TERMINAL)):
        bench.world.update_execution(bench.key, status=status)
        for tail in (None, 5):
            (page,) = await bench.pages(tail=tail)
            assert (list(page.lines), page.more, page.complete) == ([], False, status in TERMINAL)
    capabilities = bench.adapter.capabilities
    assert isinstance(bench.adapter, SupportsLogs)
    assert (capabilities.logs, capabilities.log_late_seconds) == (True, 10.0)


async def test_deleted() -> None:
    bench = Bench()
    execution = await bench.execution()
    bench.world.delete_execution(bench.key)
    with pytest.raises(SourceError) as caught:
        async for _ in bench.adapter.logs(execution, LogQuery()):
            pass
    assert caught.value.code is C.NOT_FOUND


async def test_a_restart_reopens_the_log() -> None:
    bench = Bench("FAILURE")
    bench.world.write_log(bench.key, 3, at=START)
    before = await bench.pages()
    assert before[-1].complete
    bench.world.update_execution(bench.key, status="RUNNING")
    bench.world.write_log(bench.key, 2)
    after = await bench.pages(after=before[-1].lines[-1].sequence)
    assert (len(lines_of(after)), after[-1].complete) == (2, False)


async def test_search_and_streams_are_the_gateways() -> None:
    bench = Bench()
    bench.world.write_log(bench.key, 100, at=START)
    execution = await bench.execution()
    assert len((await read_lines(bench.adapter, execution, LogRequest(first=50, search="LINE 7"), WIDE)).lines) == 11
    request = LogRequest(first=50, streams=frozenset({LogStream.STDOUT}))
    assert (await read_lines(bench.adapter, execution, request, WIDE)).lines == []


# --- faults --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "code", "tries"),
    [
        (429, b"s3cr3t", C.RATE_LIMITED, 3),
        (503, b"s3cr3t", C.UNAVAILABLE, 3),
        (500, b"s3cr3t", C.UNAVAILABLE, 1),
        (403, b"s3cr3t", C.FORBIDDEN, 1),
        (404, b"s3cr3t", C.NOT_FOUND, 1),
        (200, b"<html>s3cr3t</html>", C.BAD_RESPONSE, 1),
        (200, b"[{", C.BAD_RESPONSE, 1),
        (200, b'{"results": 7}', C.BAD_RESPONSE, 1),
        (200, b'"s3cr3t"', C.BAD_RESPONSE, 1),
        (200, b"", C.BAD_RESPONSE, 1),
    ],
)
async def test_faults(monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, code: C, tries: int) -> None:
    skip_pauses(monkeypatch)
    bench = Bench()
    execution = await bench.execution()
    asked = answers(bench, status, body)
    with pytest.raises(SourceError) as caught:
        async for _ in bench.adapter.logs(execution, LogQuery()):
            pass
    assert (caught.value.code, caught.value.source, len(asked)) == (code, "runner", tries)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("total", [None, 10**6])
async def test_pages_without_end(total: int | None) -> None:
    body = {"results": [event(str(n)) for n in range(100)], "totalSize": total}
    with pytest.raises(SourceError, match="same page"):
        await Bench().lines_from(body)


async def test_a_total_that_is_missing() -> None:
    bench = Bench(status_as_page=True)
    bench.world.write_log(bench.key, 250, at=START)

    async def without(request: httpx.Request) -> httpx.Response | None:
        if not request.url.path.startswith("/status/"):
            return None
        answer = await bench.between.inner.handle_async_request(request)
        page = json.loads(await answer.aread())
        del page["totalSize"]
        return httpx.Response(200, json=page)

    bench.between.fault = without
    assert len(await bench.lines()) == 250


# --- the generated world -------------------------------------------------------------------------------------------


async def test_the_story_is_told() -> None:
    bench = Bench(world=World.generate(1, 70, NOW))
    story = next(job_id for job_id, row in bench.world.jobs.items() if row.get("name") == STORY)
    failed = [row["execution_id"] for row in bench.world.executions_of(story) if row["status"] == "FAILURE"]
    assert len(failed) >= 8
    told = 0
    for key, row in bench.world.executions.items():
        lines = lines_of(await bench.pages(key))
        check(lines, bench.world.log_lines(key))
        assert "s3cr3t" not in str([(line.text, redacted(line.record)) for line in lines])
        told += row["job_id"] == story and any(STORY_ERROR in line.text for line in lines)
    assert told >= 10


async def test_a_feed_keeps_its_lines_when_it_ends() -> None:
    world = World(NOW)
    world.add_job()
    key = world.add_execution(status="RUNNING", timers=[{"start": START, "end": None}])
    before = world.log_lines(key)
    world.update_execution(key, status="SUCCESS", timers=[{"start": START, "end": milliseconds(NOW)}])
    assert world.log_lines(key)[: len(before)] == before
