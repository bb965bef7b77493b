"""AWS IoT's logs out of CloudWatch Logs: every line once, in one order, whatever the pages; and what can go wrong."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.aws_iot import AwsIotSettings, factory
from adapters.aws_iot.adapter import AwsIotAdapter
from adapters.aws_iot.log_client import Entry, EventRecord
from adapters.aws_iot.log_reading import Sorter
from adapters.aws_iot.simulator import Simulator
from adapters.aws_iot.simulator_faults import ServiceError
from adapters.aws_iot.world import World
from adapters.aws_iot.world_generator import STORY_JOB, STORY_REASON
from adapters.aws_iot.world_logs import Line, LogEvent
from adapters.aws_iot.world_rows import ExecutionId
from gateway.config import BudgetSettings
from gateway.errors import SourceError, SourceErrorCode
from gateway.log_reading import Follower, LogPlace, LogRequest, read_lines
from gateway.logs import first_at, milliseconds_of
from gateway.model import Execution, Key, LogLine, LogStream
from gateway.spi import LogPage, LogQuery, SupportsLogBatches, SupportsLogs
from gateway.testing.shapes import compare_shapes
from gateway.transport import SourceClient
from tests.adapters.aws_iot_bench import FAST, Between
from tests.support import skip_pauses

NOW = datetime(2026, 11, 21, 20, 30, 12, tzinfo=UTC)
START = int(NOW.timestamp() * 1000) - 3_600_000
RECORDINGS = Path(__file__).parent.parent / "recordings" / "aws_iot"
WIDE = BudgetSettings(rows=100_000, requests=10_000, seconds=60)


class Bench:
    """An adapter over a simulated account in which one thing runs one job."""

    def __init__(self, status: str = "SUCCEEDED", *, things: int = 1, simulated: Any = None, **given: Any) -> None:
        self.world = World(NOW)
        job = self.world.add_job("job-1")
        began = {"queuedAt": NOW - timedelta(hours=1), "lastUpdatedAt": NOW - timedelta(minutes=1)}
        self.keys = [
            self.world.add_execution(jobId=job, thingName=self.world.add_thing(f"rack:{n}"), status=status, **began)
            for n in range(things)
        ]
        for key in self.keys:
            self.world.logs.empty(self.world.logs.name_of(key))
        self.simulator = Simulator(self.world, **{"quotas": {}, **(simulated or {})})
        self.between = Between(httpx.ASGITransport(app=self.simulator.app))
        self.wall = NOW.timestamp()
        self.adapter = self.open(**given)

    def open(self, **given: Any) -> AwsIotAdapter:
        config = AwsIotSettings.model_validate(
            {
                "name": "iot",
                **factory.simulator_settings("http://iot.example"),
                "quota": FAST,
                "quotas": {},
                "logs_quota": FAST,
                "keep_seconds": 0,
                **given,
            }
        )
        return AwsIotAdapter("iot", config, SourceClient(config, self.between), wall=lambda: self.wall)

    @property
    def key(self) -> ExecutionId:
        return self.keys[0]

    def write(self, count: int, at: int = START, **more: Any) -> None:
        self.world.write_log(self.key, count, at=at, **more)

    async def execution(self, key: ExecutionId | None = None) -> Execution:
        job, thing, number = key or self.key
        (found,) = await self.adapter.fetch([Key("execution", "iot", (job, thing, str(number)))])
        assert isinstance(found, Execution)
        return found

    async def pages(self, key: ExecutionId | None = None, **query: Any) -> list[LogPage]:
        execution = await self.execution(key)
        return [page async for page in self.adapter.logs(execution, LogQuery(**query))]

    async def lines(self, **query: Any) -> list[LogLine]:
        return lines_of(await self.pages(**query))

    def asked(self) -> list[str]:
        """The operations since the last call."""
        found = [operation for _, operation in self.simulator.times if operation.endswith("LogEvents")]
        self.simulator.times.clear()
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


# --- everything, however it is read --------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "rows"), [(400, 1), (25_000, 7), (25_000, 500), (25_000, 1000), (25_000, 10_000)])
async def test_every_line_once_in_order(count: int, rows: int) -> None:
    bench = Bench()
    # Ties all along, also across the ends of pages.
    bench.write(count // 2, step=3)
    bench.write(count - count // 2, step=3, text="other {n}")
    pages = await bench.pages(rows=rows)
    lines = lines_of(pages)
    check(lines, bench.world.log_lines(bench.key))
    assert len(lines) == count
    assert pages[-1].complete
    assert {line.stream for line in lines} == {LogStream.STDOUT}
    assert {line.node.name for line in lines if line.node} == {"rack:0"}
    assert lines[0].record["eventId"]
    assert max(len(page.lines) for page in pages) <= rows + 12


async def test_a_page_costs_about_one_request() -> None:
    bench = Bench()
    bench.write(5000, step=1)
    for rows in (50, 500):
        execution = await bench.execution()
        bench.asked()
        found = await read_lines(bench.adapter, execution, LogRequest(first=rows), WIDE)
        assert (len(found.lines), found.more) == (rows, True)
        assert bench.asked() == ["FilterLogEvents"]


async def test_many_in_one_millisecond() -> None:
    bench = Bench()
    bench.write(300, step=0)
    for rows in (1, 7, 500):
        check(await bench.lines(rows=rows), bench.world.log_lines(bench.key))


async def test_resume_from_every_place() -> None:
    bench = Bench()
    bench.write(60, step=1)
    bench.write(60, step=2)
    lines = await bench.lines()
    for place, line in enumerate(lines):
        rest = await bench.lines(after=line.sequence, rows=7)
        assert rest == lines[place + 1 :]
    for moment in {milliseconds_of(line.sequence) for line in lines}:
        found = await bench.lines(after=first_at(moment) - 1)
        assert found == [line for line in lines if milliseconds_of(line.sequence) >= moment]
    assert await bench.lines(after=-1) == lines
    assert await bench.lines(after=(1 << 63) - 1) == []


async def test_empty_pages_have_more_behind_them() -> None:
    bench = Bench(simulated={"empty_pages": True})
    bench.write(30)
    pages = await bench.pages(rows=10)
    assert pages[0] == LogPage([], more=True)
    check(lines_of(pages), bench.world.log_lines(bench.key))


async def test_while_it_is_written() -> None:
    bench = Bench("IN_PROGRESS")
    follower = Follower(bench.adapter.capabilities.log_late_seconds, LogPlace())
    got: list[LogLine] = []
    execution = await bench.execution()
    for step in range(40):
        now = START + step * 1000
        bench.write(5, at=now, step=100)
        # Up to ten seconds older than what is there.
        bench.write(2, at=now - (step * 1777) % 9_900, step=0, text="late {n}")
        async for page in bench.adapter.logs(execution, LogQuery(after=follower.start, rows=7)):
            got += follower.take(page.lines)
    truth = bench.world.log_lines(bench.key)
    assert len(got) == len({line.sequence for line in got}) == len(truth)
    check(sorted(got, key=lambda line: line.sequence), truth)


async def test_lines_that_come_between_two_pages() -> None:
    bench = Bench("IN_PROGRESS")
    bench.write(100, step=10)
    execution = await bench.execution()
    got: list[LogLine] = []
    async for page in bench.adapter.logs(execution, LogQuery(rows=7)):
        got += page.lines
        if len(got) < 90:
            bench.write(1, at=START + 2000, step=0)
    check(got, bench.world.log_lines(bench.key))


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 99)), unique=True), st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_the_order_does_not_depend_on_pages(places: list[tuple[int, int]], data: st.DataObject) -> None:
    entries = [Entry(EventRecord(str(name), moment), {}) for moment, name in sorted(places)]
    cuts = sorted(data.draw(st.sets(st.integers(0, len(entries)), max_size=5)))
    whole = Sorter(None)
    whole.put(entries)
    pieces, found = Sorter(None), []
    for low, high in zip([0, *cuts], [*cuts, len(entries)], strict=True):
        pieces.put(entries[low:high])
        found += pieces.take(pieces.newest)
    found += pieces.take()
    assert found == whole.take()
    assert not pieces.dropped


# --- tail, search, streams -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 19, 20, 21, 500])
async def test_the_last_lines(count: int) -> None:
    bench = Bench()
    bench.write(120, step=1)
    bench.write(100, step=1)
    lines = await bench.lines()
    (page,) = await bench.pages(tail=count, rows=count)
    assert list(page.lines) == lines[-count:]
    assert (page.complete, page.truncated) == (True, False)


async def test_the_tail_of_a_long_log_is_not_searched_from_its_head() -> None:
    bench = Bench()
    bench.write(25_000, step=1)
    bench.asked()
    (page,) = await bench.pages(tail=100, rows=100)
    assert [line.text for line in page.lines] == [f"line {n}" for n in range(24_901, 25_001)]
    assert bench.asked() == ["GetLogEvents", "FilterLogEvents"]
    (page,) = await bench.pages(tail=10_000, rows=10_000)
    assert len(page.lines) == 10_000


async def test_search_and_streams_are_the_gateways() -> None:
    bench = Bench()
    bench.write(100, text="Line {n} of \x1b[31mMANY\x1b[0m")
    bench.asked()
    execution = await bench.execution()
    found = await read_lines(bench.adapter, execution, LogRequest(first=50, search="line 7"), WIDE)
    assert len(found.lines) == 11
    assert len((await read_lines(bench.adapter, execution, LogRequest(first=200, search="of many"), WIDE)).lines) == 100
    none = await read_lines(bench.adapter, execution, LogRequest(first=50, streams=frozenset({LogStream.STDERR})), WIDE)
    assert (none.lines, none.complete) == ([], True)
    last = await read_lines(bench.adapter, execution, LogRequest(first=3, tail=3, search="7 of"), WIDE)
    assert [line.text[:8] for line in last.lines] == ["Line 77 ", "Line 87 ", "Line 97 "]


# --- ends ----------------------------------------------------------------------------------------------------------


async def test_ends() -> None:
    bench = Bench()
    bench.write(3)
    updated = bench.world.executions[bench.key]["lastUpdatedAt"]
    for seconds, complete in ((9.9, False), (10.1, True)):
        bench.wall = updated + seconds
        assert (await bench.pages())[-1].complete is complete
        assert (await bench.pages(tail=2))[-1].complete is complete
    bench.world.update_execution(bench.key, status="IN_PROGRESS", lastUpdatedAt=updated)
    assert not (await bench.pages())[-1].complete


@pytest.mark.parametrize("query", [{}, {"tail": 5}, {"after": first_at(START)}])
async def test_what_is_not_there_is_empty(query: Any) -> None:
    bench = Bench()
    nothing = LogPage([], more=False, complete=True)
    assert await bench.pages(**query) == [nothing]
    queued = bench.world.add_execution(jobId="job-1", status="QUEUED")
    assert await bench.pages(queued, **query) == [replace(nothing, complete=False)]
    elsewhere = bench.open(log_group="/other/{jobId}")
    pages = [page async for page in elsewhere.logs(await bench.execution(), LogQuery(**query))]
    assert pages == [nothing]
    # No group can be called so: nobody is asked.
    nowhere = bench.open(log_group="/things/{thingName}", log_stream="{jobId}")
    bench.asked()
    pages = [page async for page in nowhere.logs(await bench.execution(), LogQuery(**query))]
    assert (pages, bench.asked()) == ([nothing], [])


async def test_the_story_is_told() -> None:
    world = World.generate(1, 90, NOW)
    bench = Bench()
    bench.world.jobs, bench.world.executions, bench.world.things = world.jobs, world.executions, world.things
    failed = [key for key, row in world.executions.items() if key.job_id == STORY_JOB and row["status"] == "FAILED"]
    assert failed
    for key in failed:
        lines = lines_of(await bench.pages(key))
        assert any(STORY_REASON in line.text for line in lines)
        check(lines, bench.world.log_lines(key))
    assert [key for key, row in world.executions.items() if "startedAt" in row and not bench.world.log_lines(key)] == []


# --- settings ------------------------------------------------------------------------------------------------------


async def test_without_a_group_there_are_no_logs() -> None:
    bench = Bench(log_group=None)
    assert isinstance(bench.adapter, SupportsLogs)
    assert isinstance(bench.adapter, SupportsLogBatches)
    assert not bench.adapter.capabilities.logs
    with pytest.raises(SourceError) as caught:
        await bench.pages()
    assert caught.value.code is SourceErrorCode.UNSUPPORTED
    capabilities = Bench().adapter.capabilities
    assert (capabilities.logs, capabilities.log_late_seconds) == (True, 10.0)
    slow = Bench(log_late_seconds=300)
    slow.wall = slow.world.executions[slow.key]["lastUpdatedAt"] + 299
    assert slow.adapter.capabilities.log_late_seconds == 300.0
    assert not (await slow.pages())[-1].complete


@pytest.mark.parametrize(
    "given",
    [
        {"log_group": "/iot/{jobId}", "log_stream": "all"},
        {"log_group": "/iot", "log_stream": "{thingName}"},
        {"log_group": "/iot/{job}"},
        {"log_group": "/iot jobs/{jobId}"},
        {"log_group": "/iot/{jobId}", "log_stream": "a:{thingName}"},
        {"log_group": ""},
        {"logs_endpoint_url": "logs.example"},
    ],
)
def test_settings_that_cannot_be(given: Any) -> None:
    with pytest.raises(ValidationError):
        AwsIotSettings.model_validate({"name": "iot", "kind": "aws-iot", "region": "us-east-1", **given})


def test_addresses_and_quota() -> None:
    plain = AwsIotSettings.model_validate({"name": "iot", "kind": "aws-iot", "region": "us-east-1"})
    assert plain.logs_address == "https://logs.us-east-1.amazonaws.com/"
    chinese = AwsIotSettings.model_validate({"name": "iot", "kind": "aws-iot", "region": "cn-north-1"})
    assert chinese.logs_address == "https://logs.cn-north-1.amazonaws.com.cn/"
    quota = plain.logs_quota
    assert (quota.rate, quota.burst, quota.ceiling, quota.in_flight) == (4.0, 1, 5, 2)


# --- faults --------------------------------------------------------------------------------------------------------


class Answers:
    """A fault that answers so many requests for logs."""

    def __init__(self, status: int, body: Any, times: int = 100) -> None:
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.times = times
        self.answered = 0

    def __call__(self, request: httpx.Request) -> httpx.Response | None:
        if request.method != "POST" or self.answered >= self.times:
            return None
        self.answered += 1
        return httpx.Response(self.status, content=self.body)


C = SourceErrorCode
FAULTS = [
    (429, {"__type": "ThrottlingException", "message": "s3cr3t"}, C.RATE_LIMITED, 3),
    (400, {"__type": "ThrottlingException", "message": "s3cr3t"}, C.RATE_LIMITED, 3),
    (503, b"<html>s3cr3t</html>", C.UNAVAILABLE, 3),
    (500, {"__type": "InternalFailureException"}, C.UNAVAILABLE, 3),
    (400, {"__type": "com.amazonaws#AccessDeniedException", "Message": "s3cr3t"}, C.FORBIDDEN, 1),
    (400, {"__type": "UnrecognizedClientException"}, C.UNAUTHENTICATED, 1),
    (400, {"__type": "InvalidParameterException", "message": "s3cr3t"}, C.BAD_RESPONSE, 1),
    (200, b"<html>s3cr3t</html>", C.BAD_RESPONSE, 1),
    (200, b'{"events": [', C.BAD_RESPONSE, 1),
    (200, ["s3cr3t"], C.BAD_RESPONSE, 1),
]


@pytest.mark.parametrize(("status", "body", "code", "tries"), FAULTS)
@pytest.mark.parametrize("query", [{}, {"tail": 3}])
async def test_faults(
    monkeypatch: pytest.MonkeyPatch, status: int, body: Any, code: SourceErrorCode, tries: int, query: Any
) -> None:
    skip_pauses(monkeypatch)
    bench = Bench()
    bench.write(5)
    execution = await bench.execution()
    bench.between.fault = fault = Answers(status, body)
    with pytest.raises(SourceError) as caught:
        async for _ in bench.adapter.logs(execution, LogQuery(**query)):
            pass
    assert (caught.value.code, caught.value.source) == (code, "iot")
    assert "s3cr3t" not in str(caught.value)
    assert fault.answered == tries


async def test_what_passes_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_pauses(monkeypatch)
    bench = Bench()
    bench.write(5)
    for status, body in ((400, {"__type": "ThrottlingException"}), (503, b""), (500, b"")):
        bench.between.fault = Answers(status, body, times=2)
        assert len(await bench.lines()) == 5


async def test_garbage_costs_itself() -> None:
    bench = Bench()
    bench.write(20)
    good = bench.world.log_lines(bench.key)
    name = bench.world.logs.name_of(bench.key)
    bench.world.logs.put(name, [LogEvent(START + 5, START, "3" * 56, {"not": "text"}), LogEvent(START + 6, 0, "4" * 56, 7)])
    for rows in (1, 500):
        pages = await bench.pages(rows=rows)
        assert any(page.truncated for page in pages)
        check(lines_of(pages), good)
    (page,) = await bench.pages(tail=20)
    assert (len(page.lines), page.truncated) == (20, True)


async def test_entries_of_all_sorts() -> None:
    events = [
        {"timestamp": START, "eventId": "1", "message": "fine\n"},
        {"timestamp": -1, "eventId": "2", "message": "before time"},
        {"timestamp": 1 << 60, "eventId": "3", "message": "after time"},
        {"timestamp": "yesterday", "eventId": "4"},
        {"eventId": "5"},
        {"timestamp": START},
        None,
        [],
        {"timestamp": START + 1, "eventId": "8", "ingestionTime": None},
        {"timestamp": START + 2, "eventId": "9", "message": "two\nlines\r\n"},
    ]
    bench = Bench()
    execution = await bench.execution()
    bench.between.fault = Answers(200, {"events": events, "nextToken": None})
    (page,) = [page async for page in bench.adapter.logs(execution, LogQuery())]
    assert [line.text for line in page.lines] == ["fine", "", "two\nlines"]
    assert (page.truncated, page.more) == (True, False)


async def test_tokens_that_end_and_tokens_that_repeat() -> None:
    bench = Bench()
    bench.write(40, step=0)
    bench.write(40, step=5)
    execution = await bench.execution()
    got: list[LogLine] = []
    expired = False
    async for page in bench.adapter.logs(execution, LogQuery(rows=10)):
        if got and not expired:
            bench.simulator.expire_tokens()
            expired = True
        got += page.lines
    assert expired
    check(got, bench.world.log_lines(bench.key))
    event = {"timestamp": START, "eventId": "1", "message": "again"}
    bench.between.fault = Answers(200, {"events": [event], "nextToken": "the-same"})
    with pytest.raises(SourceError, match="same page token"):
        async for _ in bench.adapter.logs(execution, LogQuery(rows=10)):
            pass


async def test_a_source_that_goes_back_in_time_is_told_of() -> None:
    bench = Bench()
    execution = await bench.execution()
    sent = [
        {"events": [{"timestamp": START + n, "eventId": str(n), "message": "x"} for n in (5, 6, 7)], "nextToken": "a"},
        {"events": [{"timestamp": START + n, "eventId": str(n), "message": "x"} for n in (1, 8)]},
    ]
    bench.between.fault = lambda request: httpx.Response(200, json=sent.pop(0)) if request.method == "POST" else None
    pages = [page async for page in bench.adapter.logs(execution, LogQuery())]
    assert [milliseconds_of(line.sequence) - START for line in lines_of(pages)] == [5, 6, 7, 8]
    assert pages[-1].truncated


async def test_quotas_are_kept() -> None:
    bench = Bench(simulated={"quotas": {"FilterLogEvents": 5}}, logs_quota={"rate": 4, "ceiling": 5, "burst": 1})
    bench.write(60)
    assert len(await bench.lines(rows=10)) == 60
    assert {request.status for request in bench.simulator.log} == {200}


# --- batches -------------------------------------------------------------------------------------------------------


async def first_logs(bench: Bench, keys: Sequence[ExecutionId], **query: Any) -> list[Any]:
    executions = [await bench.execution(key) for key in keys]
    bench.asked()
    return list(await bench.adapter.first_logs(executions, LogQuery(**query)))


@pytest.mark.parametrize("rows", [1, 7, 50, 1000])
@pytest.mark.parametrize("after", [None, first_at(START + 40)])
async def test_first_pages_are_those_of_single_logs(rows: int, after: int | None) -> None:
    bench = Bench(things=6)
    for place, key in enumerate(bench.keys[1:]):
        bench.world.write_log(key, 10 * place**2, at=START + 17 * place, step=place % 3)
    pages = await first_logs(bench, bench.keys, rows=rows, after=after)
    for key, page in zip(bench.keys, pages, strict=True):
        whole = lines_of(await bench.pages(key, after=after))
        assert list(page.lines) == whole[: len(page.lines)]
        assert len(page.lines) >= min(rows, len(whole))
        assert page.more or len(page.lines) == len(whole)
        assert page.complete is not page.more


async def test_short_logs_come_in_one_answer() -> None:
    bench = Bench(things=150)
    for key in bench.keys:
        bench.world.write_log(key, 2, at=START, step=5)
    pages = await first_logs(bench, bench.keys, rows=100)
    assert bench.asked() == ["FilterLogEvents"] * 2
    assert [len(page.lines) for page in pages] == [2] * 150


async def test_batches_with_faults_and_without_streams() -> None:
    bench = Bench(things=3)
    for key in bench.keys:
        bench.world.write_log(key, 4, at=START)
    queued = bench.world.add_execution(jobId="job-1", status="QUEUED")
    pages = await first_logs(bench, [*bench.keys, queued], rows=10)
    assert [len(page.lines) for page in pages] == [4, 4, 4, 0]
    assert await first_logs(bench, []) == []
    assert [len(page.lines) for page in await first_logs(bench, bench.keys, tail=2)] == [2, 2, 2]
    bench.simulator.faults["FilterLogEvents"] = ServiceError("AccessDeniedException", "no", 400)
    for page in await first_logs(bench, bench.keys, rows=10):
        assert (page.code, page.source) == (C.FORBIDDEN, "iot")


# --- the simulator, against recordings -----------------------------------------------------------------------------

REPLAYED = sorted(path.stem for path in RECORDINGS.glob("*-logs-*.json"))


@pytest.mark.parametrize("name", REPLAYED)
async def test_recordings(name: str) -> None:
    recording = json.loads((RECORDINGS / f"{name}.json").read_text())
    request, recorded = recording["request"]["body"], recording["response"]
    world = World(NOW)
    simulator = Simulator(world, quotas={}, empty_pages=name == "model-logs-filter-empty-with-token")
    events = recorded["body"].get("events")
    if events is not None:
        stream = (request["logGroupName"], request.get("logStreamName") or request["logStreamNames"][0])
        given = [
            LogEvent(each["timestamp"], each["ingestionTime"], each.get("eventId", f"{place}").zfill(56), each["message"])
            for place, each in enumerate(events)
        ]
        following = recorded["body"].get("nextToken") is not None
        last = given[-1].timestamp if given else 1_763_700_000_000
        # Its token says that there are more events than were recorded.
        world.logs.put(stream, [*given, *([LogEvent(last + 9, last, "9" * 56, "more")] if following else [])])
    if name.endswith("-throttling"):
        simulator.throttle.quotas = {recording["operation"]: 0}
    sent = {key: value for key, value in request.items() if key != "nextToken"}
    if recording["operation"] == "FilterLogEvents" and events:
        sent["limit"] = len(events)
    if recording["operation"] == "GetLogEvents" and not events:
        sent["nextToken"] = "f/" + f"{9:020d}-{9:020d}-" + "9" * 56
    scope = "AKIDEXAMPLE/20261121/us-east-1/logs/aws4_request"
    headers = {
        "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}",
        "x-amz-date": "20261121T203012Z",
        "x-amz-target": f"Logs_20140328.{recording['operation']}",
    }
    async with httpx.AsyncClient(transport=httpx.ASGITransport(simulator.app), base_url="http://iot") as client:
        answer = await client.post("/", json=sent, headers=headers)
        assert answer.status_code == recorded["status"]
        # moto calls its JSON text/html, and fills what AWS leaves empty.
        assert answer.headers["content-type"] == "application/x-amz-json-1.1"
        body = answer.json()
        if name.startswith("moto-logs-filter"):
            recorded["body"]["searchedLogStreams"] = []
        assert compare_shapes(recorded["body"], body) == []
        if recorded["status"] == 400:
            assert body["__type"] == recorded["body"]["__type"]
        elif events:
            texts = [each["message"] for each in events]
            assert [each["message"] for each in body["events"]] == texts
        elif recording["operation"] == "GetLogEvents":
            assert body["nextForwardToken"] == sent["nextToken"]
