"""Statistics of executions over all sources: a count where a source can count, else a scan within a budget, told honestly.

Each source is read by itself, all at once, in descending order of the instant that the filter's range is on: a budget that
ends first leaves out what is oldest, and the report says from where on everything was examined. Rows are counted as they
come and not kept.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from gateway.config import BudgetSettings
from gateway.counting import cells_of, count_cells, counts_all
from gateway.errors import SourceError, SourceErrorCode, UserError
from gateway.instant import Instant
from gateway.merge import SourceReport, SourceReportState
from gateway.model import ExecutionStatus, ExecutionTimestamp, Job, JobDefinition, Key
from gateway.planning import planned, residual_of, unordered
from gateway.query import (
    ExecutionFilter,
    InstantRange,
    ListQuery,
    Order,
    OrderField,
    filter_range,
    position_value,
)
from gateway.registry import Source
from gateway.spi import ScanPlan, internal_error
from gateway.stream import Stream
from gateway.tally import (
    FAILED,
    OF_DURATIONS,
    OF_FAILURES,
    SUCCEEDED,
    ExecutionStatsGroupBy,
    ExecutionStatsOrderField,
    Group,
    Tally,
)
from gateway.transport import Meter, current_meter, metered

_log = logging.getLogger(__name__)

BUDGET = BudgetSettings(rows=10_000, requests=200, seconds=10.0)
"""What the statistics of one question may read of each source."""

MAX_GROUPS = 1000
MAX_KEYS = 3

_By = ExecutionStatsGroupBy
_COUNTABLE = frozenset({_By.SOURCE, _By.STATUS, _By.OUTCOME})
_READS = {_By.JOB: "job", _By.DEFINITION: "job", _By.EXECUTOR: "nodes"}
_RANGES = (OrderField.CREATED_AT, OrderField.STARTED_AT, OrderField.FINISHED_AT)


Definitions = Callable[[Sequence[Job]], Awaitable[Sequence[JobDefinition | Exception | None]]]
"""Looks definitions up: one answer per job, same order and length."""


@dataclass(frozen=True, slots=True)
class StatsRequest:
    """Statistics as asked for. ``sources`` restricts which are asked; None means all.

    ``statuses``, ``failures`` and ``durations`` say what somebody will read of the groups; orders need no mention there.
    """

    filter: ExecutionFilter
    definitions: Definitions
    by: Sequence[ExecutionStatsGroupBy] = ()
    time_zone: str = "UTC"
    order: ExecutionStatsOrderField = ExecutionStatsOrderField.COUNT
    descending: bool = True
    first: int = 50
    sources: frozenset[str] | None = None
    statuses: bool = False
    failures: bool = False
    durations: bool = False
    budget: BudgetSettings = BUDGET


@dataclass(frozen=True, slots=True)
class Stats:
    """The first groups, and how far they can be trusted.

    ``count`` is that of all groups together, ``group_count`` how many groups there are. ``time_field`` is the instant that
    ``range`` is on, by which hours and days are told.
    """

    groups: Sequence[Group]
    group_count: int
    count: int
    time_field: ExecutionTimestamp
    time_zone: str
    range: InstantRange
    budget: BudgetSettings
    sources: Sequence[SourceReport]

    @property
    def range_start(self) -> Instant | None:
        """Where the range begins."""
        return _instant(self.range.start)

    @property
    def range_end(self) -> Instant | None:
        """Where the range ends; None where it does not."""
        return _instant(self.range.end)

    @property
    def scanned_rows(self) -> int:
        """Rows read from all sources together."""
        return sum(report.scanned for report in self.sources)

    @property
    def partial(self) -> bool:
        """Whether executions may be missing from the figures."""
        return any(report.state in (SourceReportState.FAILED, SourceReportState.TRUNCATED) for report in self.sources)


async def execution_stats(sources: Sequence[Source], request: StatsRequest) -> Stats:
    """Statistics over ``sources``, all that are configured. Raises UserError; nothing for any source's fault."""
    field, limits = _range_of(request.filter)
    zone = _zone(request.time_zone)
    _check(request)
    durations = request.durations or request.order in OF_DURATIONS
    tally = Tally(request.by, zone, attrgetter(field.value.lower()), durations=durations)
    # Named even where nothing else is read: without any name an adapter would bring everything.
    fields = {"id", "status", field.value.lower(), *(_READS[by] for by in request.by if by in _READS)}
    if durations:
        fields |= {"duration_seconds", "finished_at"}
    query = ListQuery("execution", request.filter, Order(field), frozenset(fields))
    asked = [source for source in sources if request.sources is None or source.name in request.sources]
    parts = await asyncio.gather(*(_planned(source, query, request) for source in asked))
    _refuse_tql(request.filter, parts)
    found = await asyncio.gather(*(_read(part, tally, durations=durations) for part in parts))
    reports = {report.source: report for report in found}
    if _By.DEFINITION in request.by:
        await _define(tally, request.definitions, reports)
    groups = tally.ordered(request.order, descending=request.descending)
    return Stats(
        groups=groups[: request.first],
        group_count=len(groups),
        count=sum(group.count for group in groups),
        time_field=ExecutionTimestamp[field.name],
        time_zone=zone.key,
        range=limits,
        budget=request.budget,
        sources=[reports.get(source.name) or _skipped(source) for source in sources],
    )


# --- what is asked -------------------------------------------------------------------------------------------------


def _range_of(given: ExecutionFilter) -> tuple[OrderField, InstantRange]:
    """The instant whose range bounds what has to be read: the first that has a beginning. Raises UserError."""
    for field in _RANGES:
        limits = filter_range(given, field)
        if limits is not None and limits.start is not None:
            return field, limits
    raise UserError(
        "executionStats needs a time range with a beginning in its filter: createdAt, startedAt or finishedAt with `from` "
        "or `last`."
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # What is a directory of the database, or no name of a file at all, has errors of its own.
        raise UserError(
            f"There is no time zone {name[:80]!r}: expected a name of the IANA database, as Europe/Berlin."
        ) from None


def _check(request: StatsRequest) -> None:
    if not 0 <= request.first <= MAX_GROUPS:
        raise UserError(f"`first` must be from 0 to {MAX_GROUPS}.")
    if len(request.by) > MAX_KEYS or len(set(request.by)) < len(request.by):
        raise UserError(f"`groupBy` holds at most {MAX_KEYS} different keys.")
    if {_By.HOUR, _By.DAY} <= set(request.by):
        raise UserError("`groupBy` holds HOUR or DAY, but not both.")


@dataclass(slots=True)
class _Part:
    """One source's part: ``query`` is narrowed to it, ``plan`` None where nothing of it can match.

    ``requests`` are those sent so far that read no rows.
    """

    source: Source
    query: ListQuery
    request: StatsRequest
    plan: ScanPlan | None = None
    requests: int = 0

    @property
    def given(self) -> ExecutionFilter:
        """The filter."""
        assert isinstance(self.query.filter, ExecutionFilter)  # noqa: S101 - made so
        return self.query.filter

    def meter(self) -> Meter:
        """Counts what is sent from now on, within the budget's time."""
        return Meter(asyncio.get_running_loop().time() + self.request.budget.seconds, current_meter())


async def _planned(source: Source, query: ListQuery, request: StatsRequest) -> _Part:
    """How a source would answer, once it is known what it can do. Raises nothing for any source's fault."""
    found = await planned(source.name, source.adapter, query, request.budget.seconds)
    plan = found.plan
    if plan is not None and (plan.reason_empty is not None or not plan.reports_key):
        # What never has the instant is in no range of it.
        plan = None
    return _Part(source, found.query, request, plan, found.requests)


def _refuse_tql(given: ExecutionFilter, parts: Sequence[_Part]) -> None:
    """Refuse a person's TQL that every source refuses of those which speak it. Raises UserError."""
    plans = [part.plan for part in parts if part.plan is not None]
    if given.tql is not None and plans and all(plan.unsupported is not None for plan in plans):
        raise UserError(plans[0].unsupported or "")


async def _read(part: _Part, tally: Tally, *, durations: bool) -> SourceReport:
    if part.plan is None:
        return _skipped(part.source)
    if not durations and _COUNTABLE.issuperset(part.request.by) and counts_all(part.given, part.plan):
        report = await _count(part, part.plan, tally)
        if report is not None:
            return report
    return await _scan(part, part.plan, tally)


def _skipped(source: Source) -> SourceReport:
    return SourceReport(source.name, SourceReportState.SKIPPED)


# --- counts --------------------------------------------------------------------------------------------------------


async def _count(part: _Part, plan: ScanPlan, tally: Tally) -> SourceReport | None:
    """Let the source count; None where it has to be read."""
    source, meter = part.source, part.meter()
    name = source.name
    try:
        with metered(meter):
            counted = await count_cells(
                source.adapter, part.query, plan, part.given, cells_of(part.given, _kind(part.request))
            )
    except SourceError as error:
        error.source = error.source or name
        fault = error
    except Exception:  # noqa: BLE001 - a third party's bug must cost no more than its own source
        _log.exception("adapter of source %s failed", name)
        fault = internal_error(name)
    else:
        part.requests += meter.requests[name]
        if counted is None:
            return None
        total, counts = counted
        for status, count in counts:
            tally.add_counted(name, status, count)
        return SourceReport(name, SourceReportState.OK, requests=part.requests, total=total)
    return SourceReport(name, SourceReportState.FAILED, requests=part.requests + meter.requests[name], error=fault)


def _kind(request: StatsRequest) -> Callable[[ExecutionStatus], Any]:
    """What of a status whoever reads the answer can tell."""
    if request.statuses or _By.STATUS in request.by:
        return lambda status: status
    if _By.OUTCOME in request.by:
        return lambda status: status.outcome
    if request.failures or request.order in OF_FAILURES:
        return lambda status: (status in SUCCEEDED, status in FAILED)
    return lambda _status: None


# --- scans ---------------------------------------------------------------------------------------------------------


async def _scan(part: _Part, plan: ScanPlan, tally: Tally) -> SourceReport:
    """Count what the source sends, as far as the budget goes."""
    source, budget = part.source, part.request.budget
    if not source.trusted:
        plan = unordered(plan)
    # In pages as large as they come.
    stream = Stream(
        source.name, source.adapter, part.query, plan, budget, after=None, hint=None, rows=budget.rows, count=False
    )
    taken = 0
    try:
        while stream.buffer or not stream.done:
            await stream.fill()
            taken += len(stream.buffer)
            while stream.buffer:
                tally.add(stream.take().row)
    finally:
        await stream.aclose()
    if stream.disordered:
        source.trusted = False
    return _report(part, plan, stream, taken)


def _report(part: _Part, plan: ScanPlan, stream: Stream, taken: int) -> SourceReport:
    name = part.source.name
    state, error, covered = SourceReportState.OK, stream.damage, None
    if error is None and plan.caveat is not None:
        error = SourceError(SourceErrorCode.UNSUPPORTED, plan.caveat, source=name)
    if stream.cut:
        message = f"The budget ended after {stream.scanned} rows; what is older was not read."
        error = error or SourceError(SourceErrorCode.TRUNCATED, message, source=name)
        covered = (
            _instant(position_value(stream.frontier, part.query.order)) if stream.frontier and stream.progressed else None
        )
    if error is not None:
        state = SourceReportState.TRUNCATED
    if stream.error is not None:
        state, error = SourceReportState.FAILED, stream.error
    return SourceReport(
        name,
        state,
        covered_until=covered,
        taken=taken,
        scanned=stream.scanned,
        requests=part.requests + stream.meter.requests[name],
        total=stream.total,
        residual=residual_of(part.given, plan),
        error=error,
        envelope=stream.envelope or None,
    )


def _instant(us: int | None) -> Instant | None:
    return None if us is None else Instant.from_us(us)


# --- definitions ---------------------------------------------------------------------------------------------------


async def _define(tally: Tally, definitions: Definitions, reports: dict[str, SourceReport]) -> None:
    """Turn jobs into their definitions. Where one cannot be had, its executions are among those without, and it is told."""
    jobs = tally.jobs()
    found: dict[Key, JobDefinition | None] = {}
    for job, answer in zip(jobs, await definitions(jobs), strict=True):
        if not isinstance(answer, Exception):
            found[job.key] = answer
            continue
        report = reports[job.key.source]
        if report.state is SourceReportState.OK:
            fault = answer if isinstance(answer, SourceError) else internal_error(job.key.source)
            reports[job.key.source] = replace(report, state=SourceReportState.TRUNCATED, error=fault)
    tally.define(found)
