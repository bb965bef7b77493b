"""Statistics over all five systems against what the simulators hold, and what they cost upstream."""

import asyncio
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from math import ceil, isclose
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from gateway.config import ConfigFile
from gateway.demo import running
from tests.e2e.conftest import NOW, Served, serve
from tests.e2e.ground_truth import Row, rows

KINDS = ["aws-iot", "awx", "ctl-runner", "scale", "threatconnect"]
FAILURES = {"FAILED", "TIMED_OUT", "REJECTED", "ERRORED"}
BEGIN = "2026-11-01T00:00:00Z"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

REPORTS = """partial scannedRows count groupCount
    sources { source { name } state taken scanned requests totalCount residualFilters error { code message } }"""


async def stats(served: Served, arguments: str, groups: str) -> Any:
    """The statistics, which must be complete, and whose reports must say what the simulators served."""
    before = served.served()
    body = await served.ask(f"{{ executionStats({arguments}) {{ groups {{ {groups} }} {REPORTS} }} }}")
    assert "errors" not in body, body["errors"]
    found = body["data"]["executionStats"]
    assert not found["partial"], found["sources"]
    found["upstream"] = body["extensions"]["upstream"]
    sent: dict[str, int] = {}
    for _ in range(500):
        sent = {name: after - before[name] for name, after in served.served().items() if after > before[name]}
        if sum(sent.values()) >= sum(found["upstream"].values()):
            break
        # Simulators write their logs when an answer is out.
        await asyncio.sleep(0.01)
    assert sent == found["upstream"]
    found["reports"] = {report["source"]["name"]: report for report in found["sources"]}
    return found


def created(served: Served) -> list[Row]:
    """What has been created at all: some of CTL Runner's have not been yet."""
    return [row for row in rows(served) if row.created is not None]


def moment(us: int | None) -> datetime:
    return EPOCH + timedelta(microseconds=us or 0)


def rate(found: list[Row]) -> float | None:
    failed = sum(row.status in FAILURES for row in found)
    ended = failed + sum(row.status == "SUCCEEDED" for row in found)
    return failed / ended if ended else None


async def test_failures_by_source(everywhere: Served) -> None:
    found = await stats(
        everywhere, f'filter: {{createdAt: {{from: "{BEGIN}"}}}}, groupBy: [SOURCE]', "source { name } count failureRate"
    )
    truth = {kind: [row for row in created(everywhere) if row.source == kind] for kind in KINDS}
    assert {group["source"]["name"]: (group["count"], group["failureRate"]) for group in found["groups"]} == {
        kind: (len(own), rate(own)) for kind, own in truth.items()
    }
    # AWX counts all, what succeeded and what failed; ThreatConnect cannot be asked for a status, so it is read.
    awx, threatconnect = found["reports"]["awx"], found["reports"]["threatconnect"]
    assert (awx["requests"], awx["scanned"], awx["totalCount"]) == (3, 0, len(truth["awx"]))
    assert (threatconnect["scanned"], threatconnect["taken"]) == (400, len(truth["threatconnect"]))


async def test_how_many_there_are_costs_a_request_where_sources_count(everywhere: Served) -> None:
    found = await stats(everywhere, f'filter: {{createdAt: {{from: "{BEGIN}"}}}}', "count")
    assert found["groups"] == [{"count": len(created(everywhere))}]
    reports = found["reports"]
    assert {name: (reports[name]["requests"], reports[name]["scanned"]) for name in ("awx", "scale")} == {
        "awx": (1, 0),
        # Scale cannot be asked for a range of time: its 400 rows are read, in one page.
        "scale": (1, 400),
    }
    assert reports["threatconnect"]["scanned"] == 0
    assert reports["scale"]["residualFilters"] == ["createdAt"]


def awx_statuses(served: Served) -> Counter[str]:
    """By its own world: an open job that somebody canceled is being canceled."""
    world: Any = served.simulator("awx").world
    open_ones = {"PENDING", "QUEUED", "RUNNING"}
    return Counter(
        "CANCELING" if row.status in open_ones and world.executions[int(row.native)]["canceled_on"] else row.status
        for row in created(served)
        if row.source == "awx"
    )


STATUSES = f'filter: {{source: ["awx"], createdAt: {{from: "{BEGIN}"}}}}, groupBy: [STATUS]'


async def test_few_executions_are_read_rather_than_counted_by_status(everywhere: Served) -> None:
    found = await stats(everywhere, STATUSES, "status count")
    assert {group["status"]: group["count"] for group in found["groups"]} == awx_statuses(everywhere)
    # How many there are; then two pages of 200, with the rows between them: eight counts of statuses would be more.
    assert (found["reports"]["awx"]["requests"], found["reports"]["awx"]["scanned"]) == (1 + 3, 402)


async def test_many_executions_are_counted_by_status() -> None:
    with running(seed=7, size="large", now=NOW, only=["awx"]) as demo:
        async for served in serve(demo.file, demo):
            found = await stats(served, STATUSES, "status count")
            assert {group["status"]: group["count"] for group in found["groups"]} == awx_statuses(served)
            # All of them, and each of AWX's eight statuses; what is left is in words that nobody knows. Reading takes 21.
            assert (found["reports"]["awx"]["requests"], found["scannedRows"], found["count"]) == (9, 0, 4000)


async def test_rate_of_failures_per_source_and_day_in_berlin(everywhere: Served) -> None:
    found = await stats(
        everywhere,
        'filter: {startedAt: {from: "2026-11-14T00:00:00Z", to: "2026-11-21T00:00:00Z"}}, groupBy: [SOURCE, DAY], '
        'timeZone: "Europe/Berlin", orderBy: {field: KEY, direction: ASC}, first: 1000',
        "source { name } bucketStart bucketEnd count failureCount failureRate",
    )
    truth: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows(everywhere):
        if row.started is not None and "2026-11-14" <= moment(row.started).date().isoformat() < "2026-11-21":
            day = moment(row.started).astimezone(ZoneInfo("Europe/Berlin")).date()
            truth[row.source, f"{day - timedelta(days=1)}T23:00:00Z"].append(row)
    assert [
        (group["source"]["name"], group["bucketStart"], group["count"], group["failureRate"]) for group in found["groups"]
    ] == [(*key, len(own), rate(own)) for key, own in sorted(truth.items())]
    assert found["count"] == sum(map(len, truth.values()))


async def test_slowest_jobs_first(everywhere: Served) -> None:
    found = await stats(
        everywhere,
        f'filter: {{createdAt: {{from: "{BEGIN}"}}, source: ["awx", "scale"]}}, groupBy: [JOB], first: 5, '
        "orderBy: {field: DURATION_P95}",
        "job { name source { name } } durationSeconds { count p50 p95 max total }",
    )
    truth: defaultdict[tuple[str, str | None], list[float]] = defaultdict(list)
    worlds: Any = {name: everywhere.simulator(name).world for name in ("awx", "scale")}
    for row in created(everywhere):
        if row.source in worlds and row.duration is not None:
            record = worlds[row.source].executions[int(row.native)]
            job = record["job_id"] if row.source == "scale" else record["job_template"]
            truth[row.source, job].append(row.duration)
    p95 = sorted((sorted(each)[ceil(0.95 * len(each)) - 1] for each in truth.values()), reverse=True)
    assert [group["durationSeconds"]["p95"] for group in found["groups"]] == p95[:5]
    slowest = max(truth.values(), key=lambda each: sorted(each)[ceil(0.95 * len(each)) - 1])
    first = found["groups"][0]["durationSeconds"]
    assert first["count"] == len(slowest)
    assert first["max"] == max(slowest)
    assert first["p50"] == sorted(slowest)[ceil(0.5 * len(slowest)) - 1]
    assert isclose(first["total"], sum(slowest))


async def test_which_executor_fails_most(everywhere: Served) -> None:
    found = await stats(
        everywhere,
        f'filter: {{createdAt: {{from: "{BEGIN}"}}, source: ["awx"]}}, groupBy: [EXECUTOR], orderBy: {{field: FAILURES}}',
        "executor { name } failureCount count",
    )
    world: Any = everywhere.simulator("awx").world
    jobs = [row for row in world.executions.values() if row["type"] == "job"]
    truth = Counter(row["execution_node"] or None for row in jobs)
    failed = Counter(row["execution_node"] or None for row in jobs if row["status"] in ("failed", "error"))
    assert {group["executor"] and group["executor"]["name"]: group["count"] for group in found["groups"]} == truth
    assert [group["failureCount"] for group in found["groups"]] == sorted((failed[name] for name in truth), reverse=True)


async def test_definitions_are_looked_up_together(everywhere: Served) -> None:
    found = await stats(
        everywhere,
        f'filter: {{createdAt: {{from: "{BEGIN}"}}, source: ["awx"]}}, groupBy: [DEFINITION]',
        "definition { name kind url } count",
    )
    world: Any = everywhere.simulator("awx").world
    templates = Counter(row["job_template"] for row in world.executions.values() if row["type"] == "job")
    assert sum(group["count"] for group in found["groups"]) == templates.total()
    assert {group["definition"]["kind"] for group in found["groups"] if group["definition"]} == {"playbook"}
    assert 1 < found["groupCount"] < len(templates) + 1
    # Three pages of executions, and one request for all templates.
    assert found["reports"]["awx"]["requests"] == 3
    assert found["upstream"] == {"awx": 4}


async def test_a_source_that_is_down_costs_its_own_part(everywhere: Served) -> None:
    document = dict(everywhere.demo.file.data)
    document["sources"] = [
        {**source, "base_url": "http://127.0.0.1:9/api/v2/"} if source["kind"] == "awx" else source
        for source in document["sources"]
        if source["kind"] in ("awx", "scale")
    ]
    async for served in serve(ConfigFile(yaml.safe_dump(document), "down"), everywhere.demo):
        body = await served.data(
            f'{{ executionStats(filter: {{createdAt: {{from: "{BEGIN}"}}}}, groupBy: [SOURCE]) '
            "{ groups { source { name } count } partial sources { state error { code } } } }"
        )
    found = body["executionStats"]
    assert found["groups"] == [{"source": {"name": "scale"}, "count": 400}]
    assert found["partial"]
    assert found["sources"] == [
        {"state": "FAILED", "error": {"code": "UNAVAILABLE"}},
        {"state": "OK", "error": None},
    ]
