"""AWX's logs: every line once, in order, however and whenever they are read."""

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.awx.world import World
from gateway.errors import SourceError, SourceErrorCode
from gateway.logs import TICKS
from gateway.model import Execution, ExecutionStatus, LogLine, LogStream, NodeKind
from gateway.spi import LogQuery, SupportsLogs
from tests.adapters.awx_bench import NOW, Bench, adapter_on, bench_of, key, logged
from tests.adapters.test_awx_simulator import recorded_world

RECORDINGS = Path(__file__).parents[1] / "recordings" / "awx"
SECOND = timedelta(seconds=1)
ALL_TYPES = ["job", "workflow_job", "project_update", "inventory_update", "ad_hoc_command", "system_job"]


@pytest.fixture
def bench() -> Bench:
    return bench_of(World.generate(5, 60, NOW), job_types=ALL_TYPES)


def running(world: World, lines: int | Sequence[str], **how: Any) -> int:
    """A job that goes on and has printed some lines a while ago."""
    job = world.add_execution(status="running", started=NOW - timedelta(hours=1))
    world.write_log(job, lines, **{"begin": NOW - timedelta(minutes=30), **how})
    return job


def ended(world: World, job: int, *, processed: bool = True) -> None:
    world.update_execution(job, status="successful", finished=world.now, event_processing_finished=processed)


def seen(lines: Sequence[LogLine]) -> list[tuple]:
    return [(line.text, line.stream.value, line.timestamp and line.timestamp.us) for line in lines]


def truth(world: World, job: int) -> list[tuple]:
    return [(line.text, line.stream, round(line.timestamp.timestamp() * 1_000_000)) for line in world.log_lines(job)]


# --- every line once -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "most"), [(7, 1002), (500, 53), (1000, 28), (10_000, 28)])
async def test_a_long_log_in_pages_of_any_size(bench: Bench, rows: int, most: int) -> None:
    assert isinstance(bench.adapter, SupportsLogs)
    job = running(bench.world, 25_000)
    ended(bench.world, job)
    execution = await bench.execution(job)
    bench.requests()
    log = await logged(bench.adapter, execution, LogQuery(rows=rows))
    assert seen(log.lines) == truth(bench.world, job)
    assert [line.number for line in log.lines] == list(range(1, 25_001))
    assert (log.complete, log.truncated) == (True, False)
    assert bench.requests() <= most


@pytest.mark.parametrize("rows", [1, 30])
async def test_a_short_log_in_small_pages(bench: Bench, rows: int) -> None:
    job = running(bench.world, 130, height=3)
    log = await logged(bench.adapter, await bench.execution(job), LogQuery(rows=rows))
    assert seen(log.lines) == truth(bench.world, job)
    assert len(log.lines) == 130


async def test_every_execution_of_a_generated_world(bench: Bench) -> None:
    bench.world.add_workflows()
    for kind in ALL_TYPES[1:]:
        began = NOW - timedelta(hours=1)
        bench.world.add_unified_job(
            kind, status="successful", created=began, started=began, finished=NOW - timedelta(minutes=9)
        )
    printed = 0
    for row_id, row in bench.world.executions.items():
        log = await logged(bench.adapter, await bench.execution(row_id))
        assert seen(log.lines) == truth(bench.world, row_id)
        assert log.complete is (row["finished"] is not None)
        assert not log.truncated
        printed += bool(log.lines)
        assert bool(log.lines) is (row["started"] is not None and row["type"] != "workflow_job")
    assert printed > 50


async def test_the_log_of_the_story_says_what_went_wrong(bench: Bench) -> None:
    told = "schema migration 0042 failed"
    jobs = [row_id for row_id, row in bench.world.executions.items() if told in row["job_explanation"]]
    assert len(jobs) == 9
    for job in jobs:
        assert any(told in line.text for line in (await logged(bench.adapter, await bench.execution(job))).lines)


async def test_the_recorded_log_of_the_real_server() -> None:
    """All 613 events of job 1, numbered without a gap up to the end of the last."""
    bench = bench_of(recorded_world(late=False))
    log = await logged(bench.adapter, await bench.execution(1))
    events = json.loads((RECORDINGS / "events_limit5000.json").read_text())["response"]["body"]["results"]
    assert [line.number for line in log.lines] == list(range(1, events[-1]["end_line"] + 1))
    assert log.complete
    assert [line.text for line in log.lines if line.text] == [
        text for event in events for text in event["stdout"].split("\r\n") if text
    ]


async def test_what_a_line_tells() -> None:
    bench = bench_of(recorded_world(late=False))
    log = await logged(bench.adapter, await bench.execution(1))
    line = next(line for line in log.lines if line.text == "\x1b[0;32mok: [web-00.example.org]\x1b[0m")
    assert (line.sequence, line.number, line.stream) == (7 * TICKS, 7, LogStream.COMBINED)
    assert line.timestamp is not None
    assert line.timestamp.text == "2026-11-11T19:05:36.650726Z"
    assert line.node is not None
    assert (line.node.key, line.node.name, line.node.node_kind) == (
        key("node", "host", 1),
        "web-00.example.org",
        NodeKind.HOST,
    )
    assert line.record["event"] == "runner_on_ok"
    assert log.lines[0].node is None


async def test_secrets_in_records(bench: Bench) -> None:
    job = running(bench.world, ["ok"])
    event = bench.world.logs.of(bench.world, job).events[0]
    event.event_data = {"res": {"invocation": {"module_args": {"password": "s3cr3t-arg"}}}}
    event.host, event.host_name = None, "web-old-07"
    (line,) = (await logged(bench.adapter, await bench.execution(job))).lines
    assert "s3cr3t-" not in json.dumps(line.record)
    assert line.node is not None
    assert line.node.key == key("node", "host-name", "web-old-07")


async def test_line_ends_and_blank_lines(bench: Bench) -> None:
    job = running(bench.world, ["a", "", "", "", "b\nc", "", "d"], height=4)
    log = await logged(bench.adapter, await bench.execution(job))
    assert [(line.text, line.number) for line in log.lines] == [
        ("a", 1),
        ("", 2),
        ("", 3),
        ("", 4),
        ("b", 5),
        ("c", 6),
        ("", 7),
        ("d", 8),
    ]


# --- some of the lines ---------------------------------------------------------------------------------------------


async def test_reading_goes_on_after_any_line(bench: Bench) -> None:
    job = running(bench.world, 90, height=4)
    execution = await bench.execution(job)
    every = (await logged(bench.adapter, execution)).lines
    for index, line in enumerate(every):
        rest = await logged(bench.adapter, execution, LogQuery(after=line.sequence, rows=10))
        assert rest.lines == every[index + 1 :]
        between = await logged(bench.adapter, execution, LogQuery(after=line.sequence - 1))
        assert between.lines == every[index:]
    for after in (-5, 0, TICKS - 1):
        assert (await logged(bench.adapter, execution, LogQuery(after=after))).lines == every
    assert (await logged(bench.adapter, execution, LogQuery(after=1 << 62))).lines == []


@pytest.mark.parametrize("wanted", [0, 1, 7, 90, 100])
async def test_the_last_lines(bench: Bench, wanted: int) -> None:
    job = running(bench.world, 90, height=4)
    execution = await bench.execution(job)
    every = (await logged(bench.adapter, execution)).lines
    log = await logged(bench.adapter, execution, LogQuery(tail=wanted))
    assert log.lines == every[len(every) - min(wanted, len(every)) :]
    assert (log.complete, log.truncated) == (False, False)


async def test_the_last_lines_of_a_long_log_take_few_requests(bench: Bench) -> None:
    old, busy = running(bench.world, 25_000), running(bench.world, 25_000, begin=None)
    for job, most in ((old, 1), (busy, 15)):
        execution = await bench.execution(job)
        bench.requests()
        log = await logged(bench.adapter, execution, LogQuery(tail=50))
        assert seen(log.lines) == truth(bench.world, job)[-50:]
        assert bench.requests() <= most


async def test_other_streams_have_nothing(bench: Bench) -> None:
    job = running(bench.world, 5)
    for streams, count in ((frozenset({LogStream.STDERR}), 0), (frozenset(LogStream), 5)):
        for tail in (None, 9):
            log = await logged(bench.adapter, await bench.execution(job), LogQuery(streams=streams, tail=tail))
            assert (len(log.lines), log.complete) == (count, False)
    ended(bench.world, job)
    log = await logged(bench.adapter, await bench.execution(job), LogQuery(streams=frozenset({LogStream.STDERR})))
    assert (log.lines, log.complete) == ([], True)


async def test_a_search_loses_no_line_with_escapes_inside(bench: Bench) -> None:
    job = running(bench.world, ["fa\x1b[0;31miled", "", "fine"])
    log = await logged(bench.adapter, await bench.execution(job), LogQuery(search="failed"))
    assert "fa\x1b[0;31miled" in [line.text for line in log.lines]


# --- while it is written -------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    delays=st.lists(st.integers(0, 9_500), min_size=1, max_size=40),
    looks=st.lists(st.integers(100, 4000), max_size=8),
    height=st.integers(1, 3),
    tail=st.integers(0, 30),
)
async def test_events_that_are_stored_in_any_order(delays: list[int], looks: list[int], height: int, tail: int) -> None:
    """Whenever it is looked, what comes is what follows; a tail is the end of what could be read."""
    world = World.generate(5, 40, NOW)
    bench = bench_of(world)
    job = running(
        world,
        len(delays) * height,
        begin=NOW,
        height=height,
        spacing=timedelta(milliseconds=300),
        delay=lambda counter: timedelta(milliseconds=delays[counter - 1]),
    )
    execution = await bench.execution(job)
    found: list[LogLine] = []
    for look in looks:
        world.now += timedelta(milliseconds=look)
        after = found[-1].sequence if found else None
        log = await logged(bench.adapter, execution, LogQuery(after=after))
        found += log.lines
        assert (log.complete, log.truncated) == (False, False)
        last = await logged(bench.adapter, execution, LogQuery(tail=tail))
        assert last.lines == found[len(found) - min(tail, len(found)) :]
    world.now += timedelta(seconds=30)
    ended(world, job)
    log = await logged(bench.adapter, await bench.execution(job), LogQuery(after=found[-1].sequence if found else None))
    assert (log.complete, log.truncated) == (True, False)
    assert seen([*found, *log.lines]) == truth(world, job)
    assert len(truth(world, job)) == len(delays) * height


async def test_a_gap_is_waited_for_and_then_given_up(bench: Bench) -> None:
    job = running(bench.world, 10, begin=NOW, spacing=SECOND / 10)
    bench.world.logs.lose(bench.world, job, {4})
    execution = await bench.execution(job)
    bench.world.now = NOW + timedelta(seconds=9)
    log = await logged(bench.adapter, execution)
    assert [line.number for line in log.lines] == [1, 2, 3]
    assert (log.complete, log.truncated) == (False, False)
    assert [line.number for line in (await logged(bench.adapter, execution, LogQuery(tail=2))).lines] == [2, 3]
    bench.world.now = NOW + timedelta(seconds=12)
    log = await logged(bench.adapter, execution, LogQuery(after=log.lines[-1].sequence))
    assert [line.number for line in log.lines] == [5, 6, 7, 8, 9, 10]
    assert (log.complete, log.truncated) == (False, True)
    for tail, truncated in ((6, False), (7, True)):
        log = await logged(bench.adapter, execution, LogQuery(tail=tail))
        assert (len(log.lines), log.truncated) == (tail, truncated)


async def test_nobody_reads_on_beyond_a_gap(bench: Bench) -> None:
    job = running(bench.world, 100, begin=NOW, spacing=SECOND / 100)
    bench.world.logs.lose(bench.world, job, {4})
    bench.world.now = NOW + timedelta(seconds=5)
    page = await anext(bench.adapter.logs(await bench.execution(job), LogQuery(rows=10)))
    assert (len(page.lines), page.more, page.complete) == (3, False, False)


async def test_a_missing_number_that_printed_nothing_loses_nothing(bench: Bench) -> None:
    job = running(bench.world, 10)
    events = bench.world.logs.of(bench.world, job).events
    events[3].lines = ()
    for event in events[4:]:
        event.start_line -= 1
    bench.world.logs.lose(bench.world, job, {4})
    for query in (LogQuery(), LogQuery(tail=20)):
        log = await logged(bench.adapter, await bench.execution(job), query)
        assert (len(log.lines), log.truncated) == (9, False)


async def test_a_first_event_that_never_came(bench: Bench) -> None:
    job = running(bench.world, 10)
    bench.world.logs.lose(bench.world, job, {1, 2})
    for query in (LogQuery(), LogQuery(tail=20)):
        log = await logged(bench.adapter, await bench.execution(job), query)
        assert (len(log.lines), log.truncated) == (8, True)


# --- the end -------------------------------------------------------------------------------------------------------


async def test_a_log_ends_when_awx_has_stored_it(bench: Bench) -> None:
    job = running(bench.world, 5)
    bench.requests()
    execution = await bench.execution(job)
    assert not (await logged(bench.adapter, execution)).complete
    assert bench.requests() == 2
    ended(bench.world, job, processed=False)
    execution = await bench.execution(job)
    for query in (LogQuery(), LogQuery(tail=3)):
        for passed, processed, expected in (
            (59, False, (False, False)),
            (59, True, (True, False)),
            # Some of it never came, and never will.
            (61, False, (True, True)),
        ):
            bench.world.now = NOW + timedelta(seconds=passed)
            bench.world.update_execution(job, event_processing_finished=processed)
            log = await logged(bench.adapter, execution, query)
            assert (log.complete, log.truncated) == expected


async def test_empty_logs(bench: Bench) -> None:
    pending, workflow = bench.world.add_execution(), bench.world.add_unified_job("workflow_job")
    canceled = bench.world.add_execution(status="canceled", finished=NOW)
    for row_id, complete in ((pending, False), (workflow, False), (canceled, True)):
        for query in (LogQuery(), LogQuery(tail=5), LogQuery(after=3 * TICKS)):
            log = await logged(bench.adapter, await bench.execution(row_id), query)
            assert (len(log.lines), log.complete, log.truncated) == (0, complete, False)
    bench.world.update_execution(workflow, status="successful", finished=NOW)
    assert (await logged(bench.adapter, await bench.execution(workflow))).complete


async def test_deleted_executions_have_no_log(bench: Bench) -> None:
    rows = [running(bench.world, 5), *(bench.world.add_unified_job(kind) for kind in ALL_TYPES[1:])]
    executions = [await bench.execution(row_id) for row_id in rows]
    for execution in executions:
        bench.world.delete_execution(int(execution.key.parts[0]))
        for query in (LogQuery(), LogQuery(tail=5), LogQuery(streams=frozenset({LogStream.STDERR}))):
            with pytest.raises(SourceError) as caught:
                await logged(bench.adapter, execution, query)
            assert caught.value.code is SourceErrorCode.NOT_FOUND


# --- types ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("types", [["job"], ALL_TYPES])
async def test_an_execution_that_was_only_mentioned(types: list[str]) -> None:
    bench = bench_of(World.generate(5, 40, NOW), job_types=types)
    job = running(bench.world, 5)
    workflow = bench.world.add_workflow_job([job], status="successful", finished=NOW)
    for row_id, count, complete in ((job, 5, False), (workflow, 0, True), (99_999, None, None)):
        mention = Execution(
            key=key("execution", row_id), name="", tie=(row_id,), status=ExecutionStatus.UNKNOWN, known=frozenset()
        )
        adapter = adapter_on(httpx.ASGITransport(app=bench.simulator.app), job_types=types)
        if count is None:
            with pytest.raises(SourceError, match="no such run"):
                await logged(adapter, mention)
        else:
            log = await logged(adapter, mention)
            assert (len(log.lines), log.complete) == (count, complete)


@pytest.mark.parametrize("kind", ["job", "ad_hoc_command", "project_update", "inventory_update", "system_job"])
async def test_long_output_is_whole_or_said_to_be_cut(bench: Bench, kind: str) -> None:
    add = {"status": "running", "started": NOW - timedelta(hours=1)}
    row_id = bench.world.add_execution(**add) if kind == "job" else bench.world.add_unified_job(kind, **add)
    long = "\x1b[0;31m" + "x" * 2000 + "\x1b[0m"
    bench.world.write_log(row_id, ["before", long, "", "after", "y" * 1023 + "…", "y" * 1024])
    for query in (LogQuery(), LogQuery(tail=9)):
        log = await logged(bench.adapter, await bench.execution(row_id), query)
        whole = kind in ("job", "ad_hoc_command")
        assert len(log.lines) == 6
        assert (log.lines[1].text == long) is whole
        assert log.truncated is not whole
