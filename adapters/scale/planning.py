"""How Scale answers a list: which part of a filter becomes which parameter (DOMAIN C11; contract of Scale, section 3).

Pure. Pushed is only what Scale applies as the gateway would. ``started`` and ``ended`` never are: they bound
``last_modified``, not the fields of their names, and not even as a superset, because what a row says of ``last_modified``
differs between releases.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adapters.scale.client import too_long
from gateway.model import ExecutionStatus, JobState, Key, Kind, NodeKind
from gateway.query import ExecutionFilter, Filter, JobFilter, ListQuery, NodeFilter, Order, OrderField, TextMatch
from gateway.records import wanted, wanted_within
from gateway.spi import Guarantee, ScanPlan

EXECUTION_STATUS: Mapping[str, ExecutionStatus] = {
    "QUEUED": ExecutionStatus.QUEUED,
    "RUNNING": ExecutionStatus.RUNNING,
    "COMPLETED": ExecutionStatus.SUCCEEDED,
    "FAILED": ExecutionStatus.FAILED,
    "CANCELED": ExecutionStatus.CANCELED,
}
JOB_STATE: Mapping[str, JobState] = {
    "PENDING": JobState.ACTIVE,
    "BLOCKED": JobState.ACTIVE,
    "QUEUED": JobState.ACTIVE,
    "RUNNING": JobState.ACTIVE,
    "COMPLETED": JobState.COMPLETED,
    "FAILED": JobState.FAILED,
    "CANCELED": JobState.CANCELED,
}

_COLUMNS: Mapping[tuple[Kind, OrderField], str] = {
    ("execution", OrderField.CREATED_AT): "created",
    ("execution", OrderField.STARTED_AT): "started",
    ("execution", OrderField.FINISHED_AT): "ended",
    ("job", OrderField.CREATED_AT): "created",
}
PATHS: Mapping[Kind, str] = {"execution": "job-executions/", "job": "jobs/", "node": "nodes/"}
"""Where the lists are."""

JOBS = (("include_superseded", "true"),)
"""Releases from 4.0 on hide superseded jobs otherwise; Scale ignores parameters it does not know."""

NODES = (("include_inactive", "true"),)
"""Scale hides nodes that left the cluster otherwise, while executions still name them."""

BY_ID = ("order", "id")
"""The last sort key of every list: pages of an order with ties lose up to a quarter of the rows (contract, section 2)."""

_ALWAYS: Mapping[Kind, tuple[tuple[str, str], ...]] = {"execution": (), "job": JOBS, "node": NODES}

_ID = re.compile(r"[1-9]\d{0,18}\Z", re.ASCII)
# What PostgreSQL compares as Python does, and what survives the way there. A nameless job type shows its job's number as
# its name, so numbers are left to the gateway.
_PUSHABLE = re.compile(r"(?!\d+\Z)[\x20-\x7e]+\Z", re.ASCII)

_NATIVE = Order(OrderField.NATIVE)


@dataclass(frozen=True, slots=True)
class ListScan:
    """One of Scale's paged lists.

    ``order`` is what ``params`` ask for, in the gateway's terms. ``floor``, in microseconds, is where a list that is read
    whole, the newest first, may end: the filter wants no row below it. ``attributes`` are those that its rows need, None for
    all, and ``of_jobs`` those of the jobs within its rows.
    """

    kind: Kind
    params: tuple[tuple[str, str], ...]
    order: Order
    floor: int | None = None
    attributes: frozenset[str] | None = None
    of_jobs: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class JobScan:
    """All executions of the given jobs, one request for each job: Scale cannot filter executions by job.

    Their rows name node and error by number only: ``errors`` and ``hostnames`` say whether those are to be looked up.
    """

    jobs: tuple[int, ...]
    errors: bool
    hostnames: bool


def number_of(parts: tuple[str, ...]) -> int | None:
    """The number that a key stands for; None when no id of Scale looks like that."""
    return int(parts[0]) if len(parts) == 1 and _ID.match(parts[0]) and int(parts[0]) < 1 << 63 else None


def plan(query: ListQuery) -> ScanPlan:
    """How Scale would answer the query."""
    match query.filter:
        case ExecutionFilter() as given:
            return _executions(query, given)
        case JobFilter() as given:
            parameters = _Parameters()
            parameters.words(given.states, given.raw_states, JOB_STATE, ("state", "rawState"))
            parameters.name(given.name)
            return _listed(query, parameters)
        case NodeFilter() as given:
            parameters = _Parameters()
            if given.kinds is not None:
                # Every node of Scale is a worker.
                parameters.pushed.add("nodeKind")
                if NodeKind.WORKER not in given.kinds:
                    parameters.empty = "All nodes of Scale are workers."
            return _listed(query, parameters)


def _executions(query: ListQuery, given: ExecutionFilter) -> ScanPlan:
    if given.trigger_kinds is not None or given.actor is not None:
        return ScanPlan(None, reason_empty="Scale does not tell what set an execution going.")
    if given.jobs is not None:
        return _executions_of_jobs(query, given, given.jobs)
    parameters = _Parameters()
    parameters.words(given.statuses, given.raw_statuses, EXECUTION_STATUS, ("status", "rawStatus"))
    parameters.nodes(given.nodes)
    parameters.name(given.name)
    return _listed(query, parameters)


def _executions_of_jobs(query: ListQuery, given: ExecutionFilter, keys: frozenset[Key]) -> ScanPlan:
    jobs = _numbers(keys)
    if not jobs:
        return ScanPlan(None, reason_empty="Scale has no such job.")
    scan = JobScan(
        jobs=tuple(jobs),
        # No fields named: nothing is known about what will be read.
        errors=given.search is not None or not query.fields or not query.fields.isdisjoint({"error", "status_message"}),
        hostnames=given.node_name is not None,
    )
    return ScanPlan(scan, pushed=frozenset({"jobId"}), order=Guarantee.NONE, counts=len(jobs) == 1)


def _listed(query: ListQuery, parameters: "_Parameters") -> ScanPlan:
    if parameters.empty is not None:
        return ScanPlan(None, reason_empty=parameters.empty)
    kind, order, floor = query.kind, query.order, None
    guarantee = Guarantee.EXACT
    if order.field is not OrderField.NATIVE and (kind, order.field) not in _COLUMNS:
        guarantee = Guarantee.NONE
        order, floor = _reading_order(query.filter)
    column = _COLUMNS.get((kind, order.field))
    params = [*_ALWAYS[kind], *parameters.params]
    if column is not None:
        params.append(("order", "-" * order.descending + column))
    params.append(BY_ID)
    # A list that the gateway has to sort is kept for other queries, which may need other attributes (gateway.cache).
    lasting = guarantee is not Guarantee.EXACT
    return ScanPlan(
        ListScan(
            kind,
            tuple(params),
            order,
            floor,
            attributes=None if lasting else wanted(query),
            of_jobs=None if lasting else wanted_within(query, "job", "job"),
        ),
        pushed=frozenset(parameters.pushed),
        order=guarantee,
        counts=True,
    )


def _reading_order(given: Filter) -> tuple[Order, int | None]:
    """How to read a list that has to be read whole: the newest first, down to where the filter's ranges begin."""
    if isinstance(given, ExecutionFilter):
        for field, limits in (
            (OrderField.STARTED_AT, given.started_at),
            (OrderField.FINISHED_AT, given.finished_at),
            # What went on in a range had not finished before it; what has not finished at all comes first.
            (OrderField.FINISHED_AT, given.active_during),
        ):
            if limits is not None and limits.start is not None:
                return Order(field), limits.start
    if isinstance(given, ExecutionFilter | JobFilter):
        limits = given.created_at
        return Order(OrderField.CREATED_AT), None if limits is None else limits.start
    return _NATIVE, None


class _Parameters:
    """Collects parameters, the names of the filter parts they stand for, and why nothing can match."""

    def __init__(self) -> None:
        self.params: list[tuple[str, str]] = []
        self.pushed: set[str] = set()
        self.empty: str | None = None

    def words(
        self,
        asked: frozenset[ExecutionStatus] | frozenset[JobState] | None,
        raw: frozenset[str] | None,
        known: Mapping[str, ExecutionStatus] | Mapping[str, JobState],
        names: tuple[str, str],
    ) -> None:
        """The meeting of unified states and verbatim words as ``status`` repeated.

        UNKNOWN stands for all words but the known ones, which Scale cannot be asked for.
        """
        words: set[str] | None = None
        pushed: set[str] = set()
        if asked is not None and not any(each.value == "UNKNOWN" for each in asked):
            words = {word for word, meaning in known.items() if meaning in asked}
            pushed.add(names[0])
        if raw is not None:
            chosen = set(raw) if words is None else words & raw
            if all(_PUSHABLE.match(word) for word in chosen):
                words = chosen
                pushed.add(names[1])
        if words is None:
            return
        if not words:
            self.empty = "Scale has no such status."
        elif self._add("status", sorted(words)):
            self.pushed |= pushed

    def nodes(self, keys: frozenset[Key] | None) -> None:
        """Node ids as ``node_id`` repeated."""
        if keys is None:
            return
        numbers = _numbers(keys)
        if not numbers:
            self.empty = "Scale has no such node."
        elif self._add("node_id", map(str, numbers)):
            self.pushed.add("nodeId")

    def name(self, match: TextMatch | None) -> None:
        """Exact names as ``job_type_name`` repeated; what else the match demands is left to the gateway."""
        if match is None:
            return
        names = None if match.among is None else set(match.among)
        if match.equals is not None:
            names = {match.equals} if names is None else names & {match.equals}
        if names is None:
            return
        if not names:
            self.empty = "No name can match."
        elif not all(_PUSHABLE.match(name) for name in names) or not self._add("job_type_name", sorted(names)):
            return
        elif match.starts_with is None and match.contains is None:
            self.pushed.add("name")

    def _add(self, name: str, values: Iterable[str]) -> bool:
        """Adds a parameter repeated for each value, unless the query would grow too long."""
        params = [*self.params, *((name, value) for value in values)]
        if too_long(params):
            return False
        self.params = params
        return True


def _numbers(keys: Iterable[Key]) -> list[int]:
    return sorted({number for key in keys if (number := number_of(key.parts)) is not None})
