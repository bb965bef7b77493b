"""Executions counted in groups: what they are grouped by, their figures and their order. Pure; ``gateway.stats`` fills it.

A group's rate of failures is that of the executions that ended in SUCCESS, FAILURE or ERROR: what was canceled or skipped
says nothing about the work, and what goes on has not failed yet. Percentiles are by nearest rank: each is a duration that
occurred, the smallest that at least so many percent of the durations do not exceed.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, fsum
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from gateway.buckets import Bucket, Buckets
from gateway.instant import Instant
from gateway.model import Documented, Execution, ExecutionOutcome, ExecutionStatus, Job, JobDefinition, Key, Node, NodeRole

FAILED = frozenset(
    status for status in ExecutionStatus if status.outcome in (ExecutionOutcome.FAILURE, ExecutionOutcome.ERROR)
)
"""The statuses that count as failures."""

SUCCEEDED = frozenset(status for status in ExecutionStatus if status.outcome is ExecutionOutcome.SUCCESS)


class ExecutionStatsGroupBy(Documented):
    """What executions are grouped by. Null is a value of its own: what has no job is one group."""

    SOURCE = "SOURCE", "By the source they live in."
    JOB = "JOB", "By their job; null where the source no longer knows it."
    DEFINITION = (
        "DEFINITION",
        "By what their job was made from: name, kind and version, across sources. Where rows do not tell, jobs are looked "
        "up, one by one where a source cannot tell otherwise (AWS IoT).",
    )
    EXECUTOR = (
        "EXECUTOR",
        "By the node whose role is EXECUTOR; null where there is none (AWS IoT and CTL Runner run work on its targets).",
    )
    STATUS = "STATUS", "By status."
    OUTCOME = "OUTCOME", "By outcome; null for what has not ended."
    HOUR = "HOUR", "By the hour in `timeZone`. An hour that the clock shows twice is two groups."
    DAY = "DAY", "By the day in `timeZone`: of 23 or 25 hours when the clock changes."


class ExecutionStatsOrderField(Documented):
    """What groups are sorted by. Groups without the figure come last either way; ties are broken by KEY, ascending."""

    KEY = "KEY", "By what they are grouped by, in the order of `groupBy`: names, statuses, time; null counts as greatest."
    COUNT = "COUNT", "By `count`."
    FAILURES = "FAILURES", "By `failureCount`."
    FAILURE_RATE = "FAILURE_RATE", "By `failureRate`."
    DURATION_P50 = "DURATION_P50", "By `durationSeconds.p50`."
    DURATION_P95 = "DURATION_P95", "By `durationSeconds.p95`."
    DURATION_MAX = "DURATION_MAX", "By `durationSeconds.max`."
    DURATION_TOTAL = "DURATION_TOTAL", "By `durationSeconds.total`."


_By, _Order = ExecutionStatsGroupBy, ExecutionStatsOrderField

OF_DURATIONS = frozenset({_Order.DURATION_P50, _Order.DURATION_P95, _Order.DURATION_MAX, _Order.DURATION_TOTAL})
OF_FAILURES = frozenset({_Order.FAILURES, _Order.FAILURE_RATE})


# --- figures -------------------------------------------------------------------------------------------------------


class DurationStats(Struct, frozen=True, gc=False):
    """Figures of durations, in seconds; ``count`` says of how many."""

    count: int
    total: float
    min: float
    max: float
    mean: float
    p50: float
    p90: float
    p95: float
    p99: float


def duration_stats(durations: list[float]) -> DurationStats | None:
    """The figures, exact over what is given; None without any. Sorts the list."""
    if not durations:
        return None
    durations.sort()
    count, total = len(durations), fsum(durations)
    p50, p90, p95, p99 = (durations[ceil(percent * count / 100) - 1] for percent in (50, 90, 95, 99))
    return DurationStats(count, total, durations[0], durations[-1], total / count, p50, p90, p95, p99)


@dataclass(slots=True)
class Group:
    """Executions that have the same keys. ``labels`` shows these: a source's name, a Job, a Node, a status, a Bucket ...

    ``statuses`` counts by status; where a source counted some statuses together, under one of them. ``durations`` are those
    of executions that have finished, in seconds, if anybody reads them.
    """

    labels: dict[ExecutionStatsGroupBy, Any]
    statuses: Counter[ExecutionStatus] = field(default_factory=Counter)
    durations: list[float] = field(default_factory=list)

    @property
    def count(self) -> int:
        """All executions."""
        return self.statuses.total()

    @property
    def failure_count(self) -> int:
        """Those that ended in FAILURE or ERROR."""
        return self._in(FAILED)

    @property
    def failure_rate(self) -> float | None:
        """Failures among those that ended in SUCCESS, FAILURE or ERROR; None when none did."""
        ended = self._in(SUCCEEDED) + self.failure_count
        return self.failure_count / ended if ended else None

    @property
    def duration_seconds(self) -> DurationStats | None:
        """Figures of the durations; None without any."""
        return duration_stats(self.durations)

    def merge(self, other: "Group") -> None:
        """Take in what another group counted."""
        self.statuses.update(other.statuses)
        self.durations += other.durations

    def _in(self, statuses: Iterable[ExecutionStatus]) -> int:
        return sum(self.statuses[status] for status in statuses)


# --- what is grouped by --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Dimension:
    """``label`` is what a group shows of a row; ``key`` what is the same for all of its rows, if not the label itself."""

    label: Callable[[Execution], Any]
    key: Callable[[Execution], Hashable] | None = None


def _executor(row: Execution) -> Node | None:
    return next((result.node for result in row.nodes if NodeRole.EXECUTOR in result.roles), None)


def _key_of(entity: Job | Node | None) -> Key | None:
    return None if entity is None else entity.key


_OF_JOB = _Dimension(lambda row: row.job, lambda row: _key_of(row.job))
_DIMENSIONS: Mapping[ExecutionStatsGroupBy, _Dimension] = {
    _By.SOURCE: _Dimension(lambda row: row.key.source),
    _By.JOB: _OF_JOB,
    # Until the jobs' definitions are known: ``Tally.define``.
    _By.DEFINITION: _OF_JOB,
    _By.EXECUTOR: _Dimension(_executor, lambda row: _key_of(_executor(row))),
    _By.STATUS: _Dimension(lambda row: row.status),
    _By.OUTCOME: _Dimension(lambda row: row.outcome),
}

_RANKS: Mapping[Any, int] = {
    member: rank for enum in (ExecutionStatus, ExecutionOutcome) for rank, member in enumerate(enum)
}


def _place(label: Any) -> tuple[Any, ...]:
    """Where a label stands among others of its kind."""
    match label:
        case None:
            return (True,)
        case Job() | Node():
            return (False, label.name, label.key.source, label.key.native_id)
        case JobDefinition():
            return (False, label.name, label.kind, label.version or "")
        case Bucket():
            return (False, label.start.us)
        case str():
            return (False, label)
        case _:
            return (False, _RANKS[label])


# --- the tally -----------------------------------------------------------------------------------------------------


class Tally:
    """Groups of executions as they are read, or counted by their source.

    ``instant_of`` gives the instant that HOUR and DAY are about. ``durations`` says whether anybody reads those.
    """

    def __init__(
        self,
        by: Sequence[ExecutionStatsGroupBy],
        zone: ZoneInfo,
        instant_of: Callable[[Execution], Instant | None],
        *,
        durations: bool,
    ) -> None:
        self._by = tuple(by)
        self._dimensions = {each: _DIMENSIONS.get(each) or _bucketed(zone, each, instant_of) for each in self._by}
        self._keys = [each.key or each.label for each in self._dimensions.values()]
        self._durations = durations
        self._groups: dict[tuple[Hashable, ...], Group] = {}
        if not by:
            self._groups[()] = Group({})

    def add(self, row: Execution) -> None:
        """Count an execution."""
        key = tuple([of(row) for of in self._keys])
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group({by: each.label(row) for by, each in self._dimensions.items()})
        group.statuses[row.status] += 1
        if self._durations and row.duration_seconds is not None and row.finished_at is not None:
            group.durations.append(row.duration_seconds)

    def add_counted(self, source: str, status: ExecutionStatus, count: int) -> None:
        """Take in what a source counted itself. ``status`` may stand for others with the same labels in every group."""
        if not count:
            return
        labels = {_By.SOURCE: source, _By.STATUS: status, _By.OUTCOME: status.outcome}
        shown = {by: labels[by] for by in self._by}
        self._groups.setdefault(tuple(shown.values()), Group(shown)).statuses[status] += count

    def jobs(self) -> list[Job]:
        """The jobs whose definitions ``define`` needs."""
        found = {job.key: job for group in self._groups.values() if (job := group.labels.get(_By.DEFINITION)) is not None}
        return list(found.values())

    def define(self, definitions: Mapping[Key, JobDefinition | None]) -> None:
        """Group by definitions what was grouped by jobs."""
        groups, place = self._groups, self._by.index(_By.DEFINITION)
        self._groups = {}
        for key, group in groups.items():
            job = group.labels[_By.DEFINITION]
            found = None if job is None else definitions.get(job.key)
            # Sources tell where a definition lies, each in its own way: that must not set apart what is the same.
            shown = None if found is None else JobDefinition(found.name, found.kind, found.version)
            group.labels[_By.DEFINITION] = shown
            same = (*key[:place], shown, *key[place + 1 :])
            if (known := self._groups.setdefault(same, group)) is not group:
                known.merge(group)

    def ordered(self, order: ExecutionStatsOrderField, *, descending: bool) -> list[Group]:
        """All groups in an order."""
        groups = sorted(self._groups.values(), key=self._place)
        if order is _Order.KEY:
            return groups[::-1] if descending else groups
        figures = [(_figure(group, order), group) for group in groups]
        having = [(figure, group) for figure, group in figures if figure is not None]
        having.sort(key=lambda pair: pair[0], reverse=descending)
        return [group for _, group in having] + [group for figure, group in figures if figure is None]

    def _place(self, group: Group) -> tuple[Any, ...]:
        return tuple(_place(group.labels[by]) for by in self._by)


def _bucketed(zone: ZoneInfo, by: ExecutionStatsGroupBy, instant_of: Callable[[Execution], Instant | None]) -> _Dimension:
    buckets = Buckets(zone, days=by is _By.DAY)
    return _Dimension(lambda row: buckets.of(instant_of(row)))


def _figure(group: Group, order: ExecutionStatsOrderField) -> float | None:
    match order:
        case _Order.COUNT:
            return group.count
        case _Order.FAILURES:
            return group.failure_count
        case _Order.FAILURE_RATE:
            return group.failure_rate
    durations = group.duration_seconds
    return None if durations is None else getattr(durations, order.value.removeprefix("DURATION_").lower())
