"""Statistics over random federations: equal to a plain group-by over everything, and honest where a budget ends first."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from gateway.config import BudgetSettings, SourceSettings
from gateway.instant import Instant
from gateway.merge import SourceReportState
from gateway.model import (
    Execution,
    ExecutionOutcome,
    ExecutionStatus,
    Job,
    JobDefinition,
    Key,
    Node,
    NodeResult,
    NodeRole,
)
from gateway.query import ExecutionFilter, InstantRange, predicate
from gateway.registry import Source
from gateway.stats import Stats, StatsRequest, execution_stats
from gateway.tally import ExecutionStatsGroupBy, ExecutionStatsOrderField, Group
from tests.property.federations import SECOND, WIDE, Federation, federations, filters

By = ExecutionStatsGroupBy
BERLIN = ZoneInfo("Europe/Berlin")
# Instants are drawn from 0 to 30: spread over two days, in the night between which clocks go back.
BEGIN = datetime(2026, 10, 24, 10, tzinfo=UTC)
STEP = timedelta(minutes=90)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FAILURES = {ExecutionOutcome.FAILURE, ExecutionOutcome.ERROR}
DEFINITIONS = [None, JobDefinition("site.yml", "playbook"), JobDefinition("ingest", "job type", "1.0")]


def spread(us: int) -> int:
    return (BEGIN - EPOCH) // timedelta(microseconds=1) + us // SECOND * (STEP // timedelta(microseconds=1))


def spread_row(row: Execution) -> Execution:
    """The row with its instants spread, a job, and a node."""
    source, number = row.key.source, len(row.key.native_id) + ord(row.key.native_id[-1])
    instants: dict[str, Any] = {
        name: None if (instant := getattr(row, name)) is None else Instant.from_us(spread(instant.us))
        for name in ("created_at", "started_at", "finished_at")
    }
    job = Job(key=Key("job", source, (str(number % 3),)), name=f"job {number % 2}", tie=(number % 3,))
    node = Node(key=Key("node", source, (str(number % 5),)), name="node", tie=(number % 5,))
    role = NodeRole.EXECUTOR if number % 5 else NodeRole.TARGET
    return changed(row, **instants, job=job if number % 4 else None, nodes=(NodeResult(node=node, roles=(role,)),))


def spread_range(limits: InstantRange | None) -> InstantRange | None:
    if limits is None:
        return None
    return InstantRange(*(None if us is None else spread(us) for us in (limits.start, limits.end)))


@dataclass
class World:
    """A federation of spread rows, as sources."""

    federation: Federation

    def __post_init__(self) -> None:
        for adapter in self.federation.adapters.values():
            adapter.store.put([spread_row(row) for row in adapter.store.rows("execution") if isinstance(row, Execution)])

    def sources(self) -> list[Source]:
        client: Any = None
        return [
            Source(SourceSettings(name=name, kind="memory"), adapter, client)
            for name, adapter in sorted(self.federation.adapters.items())
        ]

    def rows(self, wanted: ExecutionFilter, source: str | None = None) -> list[Execution]:
        matches = predicate(wanted)
        return [
            row
            for name, adapter in self.federation.adapters.items()
            for row in adapter.store.rows("execution")
            if isinstance(row, Execution) and matches(row) and source in (None, name)
        ]


@st.composite
def wanted_filters(draw: st.DrawFn) -> ExecutionFilter:
    """With a beginning somewhere."""
    drawn: Any = draw(filters())
    begun = st.builds(InstantRange, st.integers(0, 30).map(lambda value: value * SECOND))
    name = draw(st.sampled_from(["created_at", "started_at", "finished_at"]))
    if (limits := getattr(drawn, name)) is None or limits.start is None:
        drawn = replace(drawn, **{name: draw(begun)})
    instants: dict[str, Any] = {
        each: spread_range(getattr(drawn, each)) for each in ("created_at", "started_at", "finished_at", "active_during")
    }
    wanted: ExecutionFilter = replace(drawn, **instants)
    return wanted


def definition_of(job: Job) -> JobDefinition | None:
    return DEFINITIONS[int(job.key.parts[0])]


async def definitions(jobs: Sequence[Job]) -> list[JobDefinition | None]:
    return [definition_of(job) for job in jobs]


def time_of(wanted: ExecutionFilter) -> str:
    ranges = {name: getattr(wanted, name) for name in ("created_at", "started_at", "finished_at")}
    return next(name for name, limits in ranges.items() if limits is not None and limits.start is not None)


def local(instant: Instant) -> datetime:
    return (EPOCH + timedelta(microseconds=instant.us)).astimezone(BERLIN)


def executor_of(row: Execution) -> Key | None:
    return row.nodes[0].node.key if NodeRole.EXECUTOR in row.nodes[0].roles else None


def key_of(row: Execution, by: ExecutionStatsGroupBy, time: str) -> Any:
    """By definition."""
    moment = local(getattr(row, time))
    readers: dict[ExecutionStatsGroupBy, Callable[[], Any]] = {
        By.SOURCE: lambda: row.key.source,
        By.JOB: lambda: None if row.job is None else row.job.key,
        By.DEFINITION: lambda: None if row.job is None else definition_of(row.job),
        By.EXECUTOR: lambda: executor_of(row),
        By.STATUS: lambda: row.status,
        By.OUTCOME: lambda: row.outcome,
        By.DAY: moment.date,
        By.HOUR: lambda: (moment.date(), moment.hour, moment.utcoffset()),
    }
    return readers[by]()


def shown_key(group: Group, by: ExecutionStatsGroupBy) -> Any:
    label = group.labels[by]
    if isinstance(label, Job | Node):
        return label.key
    if by in (By.DAY, By.HOUR):
        begin, last = local(label.start), local(Instant.from_us(label.end.us - 1))
        assert begin.minute == begin.second == 0
        if by is By.DAY:
            assert begin.date() == last.date()
            return begin.date()
        assert (begin.hour, begin.utcoffset()) == (last.hour, last.utcoffset())
        return begin.date(), begin.hour, begin.utcoffset()
    return label


def keys() -> st.SearchStrategy[list[ExecutionStatsGroupBy]]:
    chosen = st.lists(st.sampled_from(By), unique=True, max_size=3)
    return chosen.filter(lambda by: not {By.HOUR, By.DAY} <= set(by))


def run(world: World, request: StatsRequest, page_rows: int = 200) -> Stats:
    """``page_rows`` is what one request is taken to read: with 1, whatever can be counted is counted."""
    with patch("gateway.counting._PAGE_ROWS", page_rows):
        return asyncio.run(execution_stats(world.sources(), request))


@given(
    federations(),
    wanted_filters(),
    keys() | st.lists(st.sampled_from([By.SOURCE, By.STATUS, By.OUTCOME]), unique=True),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from([1, 200]),
)
@settings(max_examples=200)
def test_statistics_are_a_plain_group_by(
    federation: Federation,
    wanted: ExecutionFilter,
    by: list[ExecutionStatsGroupBy],
    statuses: bool,
    failures: bool,
    durations: bool,
    page_rows: int,
) -> None:
    world = World(federation)
    request = StatsRequest(
        filter=wanted,
        definitions=definitions,
        by=by,
        time_zone="Europe/Berlin",
        first=1000,
        statuses=statuses,
        failures=failures,
        durations=durations,
        budget=WIDE,
    )
    stats = run(world, request, page_rows)
    truth: defaultdict[tuple, list[Execution]] = defaultdict(list)
    for row in world.rows(wanted):
        truth[tuple(key_of(row, each, time_of(wanted)) for each in by)].append(row)
    if not by:
        truth[()] = truth[()]
    found = {tuple(shown_key(group, each) for each in by): group for group in stats.groups}
    assert {key: group.count for key, group in found.items()} == {key: len(rows) for key, rows in truth.items()}
    assert len(found) == len(stats.groups) == stats.group_count
    assert stats.count == len(world.rows(wanted))
    assert not stats.partial
    for key, rows in truth.items():
        group = found[key]
        if failures or statuses:
            failed = sum(row.outcome in FAILURES for row in rows)
            ended = failed + sum(row.outcome is ExecutionOutcome.SUCCESS for row in rows)
            assert (group.failure_count, group.failure_rate) == (failed, failed / ended if ended else None)
        if statuses:
            assert {each: group.statuses[each] for each in ExecutionStatus} == {
                each: sum(row.status is each for row in rows) for each in ExecutionStatus
            }
        if durations:
            lasted = [row.duration_seconds for row in rows if row.duration_seconds is not None and row.finished_at]
            assert sorted(group.durations) == sorted(lasted)


SMALL_BUDGETS = st.builds(BudgetSettings, rows=st.integers(1, 60), requests=st.integers(1, 6), seconds=st.just(60.0))


@given(federations(), wanted_filters(), SMALL_BUDGETS, st.booleans())
@settings(max_examples=150)
def test_under_a_budget_nothing_is_claimed_that_was_not_read(
    federation: Federation, wanted: ExecutionFilter, budget: BudgetSettings, durations: bool
) -> None:
    world = World(federation)
    request = StatsRequest(filter=wanted, definitions=definitions, by=[By.SOURCE], durations=durations, budget=budget)
    stats = run(world, request)
    found = {group.labels[By.SOURCE]: group.count for group in stats.groups}
    time = time_of(wanted)
    for report in stats.sources:
        rows, count = world.rows(wanted, report.source), found.get(report.source, 0)
        assert count <= len(rows)
        if report.state in (SourceReportState.OK, SourceReportState.SKIPPED):
            assert count == len(rows)
            continue
        assert report.state is SourceReportState.TRUNCATED
        assert report.error is not None
        if (covered := report.covered_until) is not None:
            assert count >= sum(getattr(row, time).us > covered.us for row in rows)
    assert stats.partial == any(report.state is SourceReportState.TRUNCATED for report in stats.sources)
    assert stats.scanned_rows <= len(world.federation.adapters) * (budget.rows + 2 * 20 + 10)


@given(federations(), wanted_filters(), keys(), st.sampled_from(ExecutionStatsOrderField), st.booleans())
@settings(max_examples=100)
def test_the_first_groups_are_the_first_of_all(
    federation: Federation,
    wanted: ExecutionFilter,
    by: list[ExecutionStatsGroupBy],
    order: ExecutionStatsOrderField,
    descending: bool,
) -> None:
    world = World(federation)
    whole = StatsRequest(
        filter=wanted, definitions=definitions, by=by, order=order, descending=descending, first=1000, budget=WIDE
    )
    every = run(world, whole)
    some = run(world, replace(whole, first=3))
    assert [group.labels for group in some.groups] == [group.labels for group in every.groups][:3]
    assert some.group_count == every.group_count == len(every.groups)
