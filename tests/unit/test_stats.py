"""Statistics: figures, orders, definitions, reports, what is refused, and the answer over GraphQL."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace as changed

from adapters.memory import Behaviour
from gateway.config import BudgetSettings
from gateway.errors import SourceError, SourceErrorCode, UserError
from gateway.instant import Instant
from gateway.merge import SourceReportState
from gateway.model import Execution, Job, JobDefinition, Key
from gateway.query import ExecutionFilter, InstantRange, OrderField, TextMatch
from gateway.spi import Page, ScanPlan, Start
from gateway.stats import StatsRequest, execution_stats
from gateway.tally import DurationStats, ExecutionStatsOrderField, Group, duration_stats
from tests.property.federations import SECOND, execution
from tests.support import running_app
from tests.unit.stats_bench import (
    SINCE,
    By,
    Order,
    SpeaksTql,
    Spy,
    Status,
    ask,
    look_up_nothing,
    only,
    runs,
    source,
)

# --- figures ----------------------------------------------------------------------------------------------------------


def test_percentiles_are_by_nearest_rank() -> None:
    assert duration_stats([float(value) for value in range(200, 0, -1)]) == DurationStats(
        count=200, total=20100.0, min=1.0, max=200.0, mean=100.5, p50=100.0, p90=180.0, p95=190.0, p99=198.0
    )
    assert duration_stats([7.0]) == DurationStats(1, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0)
    assert duration_stats([]) is None


def test_a_rate_is_that_of_what_succeeded_or_failed() -> None:
    group = Group({})
    for status in Status:
        group.statuses[status] += 1
    assert (group.count, group.failure_count, group.failure_rate) == (12, 4, 0.8)
    assert Group({}).failure_rate is None


# --- questions --------------------------------------------------------------------------------------------------------


async def test_without_keys_there_is_one_group_even_of_nothing() -> None:
    stats = await ask(Spy("a", []))
    (group,) = stats.groups
    assert (group.count, group.failure_rate, stats.group_count, stats.count) == (0, None, 1, 0)
    assert (await ask(Spy("a", []), by=[By.SOURCE])).groups == []


async def test_a_fault_costs_its_own_source_only() -> None:
    counting, scanning, well = Spy("a", runs("a", 30)), Spy("b", runs("b", 900), Behaviour(counts=False)), Spy("c", [])
    counting.fault = SourceError(SourceErrorCode.TIMEOUT, "Too slow.")
    scanning.fault = RuntimeError("a bug")
    stats = await ask(counting, scanning, well, by=[By.SOURCE])
    assert stats.partial
    assert [report.state.value for report in stats.sources] == ["FAILED", "FAILED", "OK"]
    faults = [report.error for report in stats.sources if report.error is not None]
    assert [(fault.code.value, fault.source) for fault in faults] == [("TIMEOUT", "a"), ("INTERNAL", "b")]
    # What was read before the fault is in the figures.
    assert [(group.labels[By.SOURCE], group.count) for group in stats.groups] == [("b", stats.sources[1].taken)]


async def test_a_budget_leaves_out_what_is_oldest_and_says_so() -> None:
    spy = Spy("a", runs("a", 1000), Behaviour(largest_page=100, counts=False))
    stats = await ask(spy, by=[By.SOURCE], budget=BudgetSettings(rows=250, requests=100, seconds=60))
    report = only(stats)
    assert report.state is SourceReportState.TRUNCATED
    assert report.error is not None
    assert report.error.code is SourceErrorCode.TRUNCATED
    assert report.covered_until is not None
    assert 250 <= report.scanned < 400
    assert stats.partial
    # Everything since then is counted, and nothing else.
    assert stats.count == report.taken == 1000 - report.covered_until.us // SECOND


async def test_a_source_that_breaks_its_order_is_not_trusted_any_more() -> None:
    class Unsorted(Spy):
        async def scan(self, plan: ScanPlan, start: Start) -> AsyncIterator[Page[Any]]:
            async for page in super().scan(plan, start):
                yield replace(page, rows=list(page.rows)[::-1])

    one = source(Unsorted("a", runs("a", 30), Behaviour(counts=False, largest_page=50)))
    request = StatsRequest(filter=SINCE, definitions=look_up_nothing)
    first = await execution_stats([one], request)
    assert (first.partial, one.trusted) == (True, False)
    second = await execution_stats([one], request)
    assert (second.partial, second.count) == (False, 30)


async def test_only_fields_that_are_needed_are_asked_for() -> None:
    spy = Spy("a", runs("a", 3))
    await ask(spy)
    assert spy.fields == {"id", "status", "created_at"}
    await ask(spy, by=[By.JOB, By.EXECUTOR], durations=True)
    assert spy.fields == {"id", "status", "created_at", "job", "nodes", "duration_seconds", "finished_at"}


async def test_who_never_has_the_instant_or_was_not_chosen_is_not_asked() -> None:
    never, other = Spy("a", runs("a", 3), Behaviour(never=frozenset({OrderField.CREATED_AT}))), Spy("b", runs("b", 3))
    stats = await ask(never, other, Spy("c", runs("c", 3)), sources=frozenset({"a", "b"}))
    assert [report.state.value for report in stats.sources] == ["SKIPPED", "OK", "SKIPPED"]
    assert (never.counts, never.pages) == ([], 0)
    nothing = ExecutionFilter(created_at=InstantRange(0), statuses=frozenset())
    assert only(await ask(other, filter=nothing)).state is SourceReportState.SKIPPED


async def test_residual_filters_are_named_as_they_were_given() -> None:
    given = replace(SINCE, statuses=frozenset({Status.FAILED}), status_inputs=("outcome",), name=TextMatch(contains="run"))
    spy = Spy("a", runs("a", 10), Behaviour(filters=frozenset({"createdAt"})))
    stats = await ask(spy, filter=given)
    assert (only(stats).residual, stats.count) == (("name", "outcome"), 5)


async def test_durations_are_of_what_has_finished() -> None:
    """AWX counts up while a job runs."""
    running = changed(execution("a", 1, created=1, started=1, status=Status.RUNNING), duration_seconds=5.0)
    ended = execution("a", 2, created=1, started=1, finished=4)
    (group,) = (await ask(Spy("a", [running, ended]), durations=True)).groups
    assert group.durations == [3.0]


# --- definitions ------------------------------------------------------------------------------------------------------


def of_jobs(name: str, jobs: Sequence[str | None]) -> list[Execution]:
    return [
        changed(row, job=None if job is None else Job(key=Key("job", name, (job,)), name=job, tie=(job,)))
        for row, job in zip(runs(name, len(jobs)), jobs, strict=True)
    ]


async def test_jobs_are_grouped_by_what_they_were_made_from() -> None:
    async def look_up(jobs: Sequence[Job]) -> list[JobDefinition | Exception | None]:
        assert len({job.key for job in jobs}) == len(jobs)
        return [JobDefinition("site.yml", "playbook", url=f"https://{job.key.source}/{job.name}") for job in jobs]

    one, other = Spy("a", of_jobs("a", ["x", "y", "x", None])), Spy("b", of_jobs("b", ["x"]))
    stats = await ask(one, other, by=[By.DEFINITION], definitions=look_up, durations=True)
    assert [(group.labels[By.DEFINITION], group.count, len(group.durations)) for group in stats.groups] == [
        (JobDefinition("site.yml", "playbook"), 4, 4),
        (None, 1, 1),
    ]


async def test_a_definition_that_cannot_be_had_is_told() -> None:
    async def look_up(jobs: Sequence[Job]) -> list[JobDefinition | Exception | None]:
        return [SourceError(SourceErrorCode.FORBIDDEN, "No.", source=job.key.source) for job in jobs]

    stats = await ask(Spy("a", of_jobs("a", ["x"])), Spy("b", []), by=[By.DEFINITION], definitions=look_up)
    assert [report.state.value for report in stats.sources] == ["TRUNCATED", "OK"]
    assert stats.sources[0].error is not None
    assert [(group.labels[By.DEFINITION], group.count) for group in stats.groups] == [(None, 1)]


# --- orders -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "descending", "expected"),
    [
        (Order.COUNT, True, ["z", "x", "y", None]),
        (Order.COUNT, False, ["x", "y", None, "z"]),
        (Order.FAILURES, True, ["x", "y", "z", None]),
        # What has not ended has no rate: last, whichever the direction.
        (Order.FAILURE_RATE, True, ["x", "y", "z", None]),
        (Order.FAILURE_RATE, False, ["z", "x", "y", None]),
        (Order.DURATION_MAX, True, ["z", "y", "x", None]),
        (Order.DURATION_P50, False, ["x", "y", "z", None]),
        (Order.DURATION_P95, True, ["z", "y", "x", None]),
        (Order.DURATION_TOTAL, True, ["z", "y", "x", None]),
        (Order.KEY, False, ["x", "y", "z", None]),
        (Order.KEY, True, [None, "z", "y", "x"]),
    ],
)
async def test_orders(order: ExecutionStatsOrderField, descending: bool, expected: list[str | None]) -> None:
    given = [("x", Status.FAILED, 1), ("y", Status.FAILED, 2), ("z", Status.SUCCEEDED, 3), ("z", Status.SUCCEEDED, 9)]
    rows = [
        changed(
            execution("a", n, created=n, started=n, finished=n + lasted, status=status),
            job=Job(key=Key("job", "a", (name,)), name=name, tie=(name,)),
        )
        for n, (name, status, lasted) in enumerate(given)
    ]
    open_one = execution("a", 9, created=9, started=9, status=Status.RUNNING)
    stats = await ask(Spy("a", [*rows, open_one]), by=[By.JOB], order=order, descending=descending)
    jobs = [group.labels[By.JOB] for group in stats.groups]
    assert [None if job is None else job.name for job in jobs] == expected


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filter": ExecutionFilter()}, "needs a time range with a beginning"),
        ({"filter": ExecutionFilter(created_at=InstantRange(end=5))}, "needs a time range with a beginning"),
        ({"filter": ExecutionFilter(active_during=InstantRange(5))}, "needs a time range with a beginning"),
        ({"time_zone": "Europe/Atlantis"}, "no time zone 'Europe/Atlantis'"),
        ({"time_zone": "Europe"}, "no time zone"),
        ({"time_zone": "../../etc/passwd"}, "no time zone"),
        ({"time_zone": ""}, "no time zone"),
        ({"time_zone": "a\0b"}, "no time zone"),
        ({"first": -1}, "from 0 to 1000"),
        ({"first": 1001}, "from 0 to 1000"),
        ({"by": [By.DAY, By.HOUR]}, "HOUR or DAY"),
        ({"by": [By.JOB, By.JOB]}, "different keys"),
        ({"by": [By.JOB, By.SOURCE, By.DAY, By.STATUS]}, "at most 3"),
    ],
)
async def test_what_cannot_be_answered_is_refused(options: Any, message: str) -> None:
    spy = Spy("a", runs("a", 3))
    with pytest.raises(UserError, match=message):
        await ask(spy, **options)
    assert (spy.counts, spy.pages) == ([], 0)


async def test_tql_that_nobody_accepts_is_refused_and_others_are_not_asked() -> None:
    given = replace(SINCE, tql="nonsense")
    with pytest.raises(UserError, match="at position 3"):
        await ask(SpeaksTql("a", []), Spy("b", []), filter=given)
    assert only(await ask(Spy("b", runs("b", 3)), filter=given)).state is SourceReportState.SKIPPED


async def test_hours_and_days_are_of_the_instant_that_the_range_is_on() -> None:
    day = 86_400
    rows = [execution("a", n, created=0, started=n * day, finished=n * day) for n in range(4)]
    given = ExecutionFilter(finished_at=InstantRange(start=day * SECOND))
    stats = await ask(Spy("a", rows), filter=given, by=[By.DAY], order=Order.KEY, descending=False)
    assert stats.time_field.value == "FINISHED_AT"
    begins = [group.labels[By.DAY].start.text for group in stats.groups]
    assert begins == ["1970-01-02T00:00:00Z", "1970-01-03T00:00:00Z", "1970-01-04T00:00:00Z"]


# --- over GraphQL -----------------------------------------------------------------------------------------------------

QUERY = """
query ($filter: ExecutionFilter!, $by: [ExecutionStatsGroupBy!]!, $zone: String!, $order: ExecutionStatsOrder!) {
  executionStats(filter: $filter, groupBy: $by, timeZone: $zone, orderBy: $order, first: 2) {
    groups {
      source { name } job { name } definition { name } executor { name } status outcome bucketStart bucketEnd
      count failureCount failureRate statusCounts { status count }
      durationSeconds { count total min max mean p50 p90 p95 p99 }
    }
    groupCount count timeField timeZone rangeStart rangeEnd scannedRows budget { rows requests seconds } partial
    sources { source { name } state taken scanned requests totalCount }
  }
}
"""


async def test_the_whole_answer() -> None:
    rows = [changed(row, job=None) for row in runs("alpha", 4)]
    async with running_app(rows={"alpha": rows}) as app:
        data = await app.data(
            QUERY,
            {
                "filter": {"source": ["alpha"], "createdAt": {"from": "1970-01-01T00:00:00Z", "to": "1970-01-02T00:00:00Z"}},
                "by": ["SOURCE", "STATUS", "DAY"],
                "zone": "Asia/Kolkata",
                "order": {"field": "KEY", "direction": "ASC"},
            },
        )
    stats = data["executionStats"]
    assert stats["groups"][1] == {
        "source": {"name": "alpha"},
        "job": None,
        "definition": None,
        "executor": None,
        "status": "FAILED",
        "outcome": None,
        "bucketStart": "1969-12-31T18:30:00Z",
        "bucketEnd": "1970-01-01T18:30:00Z",
        "count": 2,
        "failureCount": 2,
        "failureRate": 1.0,
        "statusCounts": [{"status": "FAILED", "count": 2}],
        "durationSeconds": {
            "count": 2, "total": 4.0, "min": 1.0, "max": 3.0, "mean": 2.0, "p50": 1.0, "p90": 3.0, "p95": 3.0, "p99": 3.0,
        },
    }  # fmt: skip
    assert {name: stats[name] for name in ("groupCount", "count", "timeField", "timeZone", "scannedRows", "partial")} == {
        "groupCount": 2,
        "count": 4,
        "timeField": "CREATED_AT",
        "timeZone": "Asia/Kolkata",
        "scannedRows": 4,
        "partial": False,
    }
    assert (stats["rangeStart"], stats["rangeEnd"]) == ("1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z")
    assert stats["budget"] == {"rows": 10_000, "requests": 200, "seconds": 10.0}
    assert [(each["source"]["name"], each["state"]) for each in stats["sources"]] == [("alpha", "OK"), ("beta", "SKIPPED")]


async def test_a_relative_range_counts_as_a_beginning() -> None:
    now = datetime.now(UTC)
    row = changed(execution("alpha", 1), created_at=Instant.from_datetime(now - timedelta(hours=1)))
    async with running_app(rows={"alpha": [row]}) as app:
        data = await app.data('{ executionStats(filter: {createdAt: {last: "P1D"}}) { count rangeEnd } }')
    assert data["executionStats"] == {"count": 1, "rangeEnd": None}


async def test_without_a_beginning_it_is_bad_user_input() -> None:
    async with running_app() as app:
        error = await app.error('{ executionStats(filter: {name: {equals: "x"}}) { count } }')
    assert (error["extensions"]["code"], error["path"]) == ("BAD_USER_INPUT", ["executionStats"])
    assert "createdAt, startedAt or finishedAt" in error["message"]
