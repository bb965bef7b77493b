"""How AWS IoT answers a list (DOMAIN C11; DECISIONS 13; contracts/aws_iot.md section 1, Push-down): pure.

There is no list of all executions: they are listed by job, one status a call, or by thing. Nothing sorts, nothing filters by
time. But jobs bound their executions in time, so that whole jobs can be left out, and the others read in an order in which
the first rows are certain early.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adapters.aws_iot.words import EXECUTION_STATUS, JOB_STATE, is_job, is_thing
from gateway.model import Execution, ExecutionStatus, Job, JobState, Key, Kind, NodeKind
from gateway.query import ExecutionFilter, InstantRange, JobFilter, ListQuery, NodeFilter, Order, OrderField, TextMatch
from gateway.spi import At, Guarantee, ScanPlan

PUSHED_FILTERS = frozenset({"status", "rawStatus", "jobId", "name", "nodeId", "nodeName", "state", "rawState"})

_SLACK_US = 1_000_000
"""Instants may be whole seconds here and fractions there."""

_OPEN_WORDS = frozenset({"QUEUED", "IN_PROGRESS"})
_BEFORE_THE_END = frozenset({JobState.COMPLETED, JobState.CANCELED})


@dataclass(frozen=True, slots=True)
class Fan:
    """Which lists are read, and what of them matters.

    ``words`` are the statuses asked for, None for all. ``jobs`` and ``things``: only theirs; by their own lists for
    ``by_thing``, else by jobs. Things given ``by_id`` were there once; a name may be that of any machine. Of the jobs, those
    are left out whose executions cannot match the name or the instants.
    """

    kind: Kind
    order: Order
    words: frozenset[str] | None = None
    jobs: frozenset[str] | None = None
    things: frozenset[str] | None = None
    by_thing: bool = False
    by_id: bool = False
    name: TextMatch | None = None
    created_at: InstantRange | None = None
    started_at: InstantRange | None = None
    finished_at: InstantRange | None = None
    active_during: InstantRange | None = None

    def keeps(self, row: Execution) -> bool:
        """Whether everything that is pushed holds for a row."""
        return (
            (self.words is None or (row.raw_status or "").strip().upper() in self.words)
            and (self.jobs is None or row.key.parts[0] in self.jobs)
            and (self.things is None or row.key.parts[1] in self.things)
            and (self.name is None or self.name.matches(row.name))
        )


def plan(query: ListQuery) -> ScanPlan:
    """How AWS IoT would answer the query."""
    match query.filter:
        case NodeFilter() as given:
            return _things(query, given)
        case JobFilter() as given:
            return _jobs(given)
        case ExecutionFilter() as given:
            return _executions(query, given)


def _things(query: ListQuery, given: NodeFilter) -> ScanPlan:
    if given.active is not None:
        return ScanPlan(None, reason_empty="AWS IoT does not tell whether a thing is active.")
    if given.kinds is not None and NodeKind.DEVICE not in given.kinds:
        return ScanPlan(None, reason_empty="AWS IoT has devices only.")
    return ScanPlan(Fan("node", Order(query.order.field)))


def _jobs(given: JobFilter) -> ScanPlan:
    words = _pushable(given.states, given.raw_states, JOB_STATE)
    if words is not None and not words:
        return ScanPlan(None, reason_empty="AWS IoT has no jobs in such a state.")
    pushed = set() if words is None else _named(state=given.states, rawState=given.raw_states)
    # All orders are made of the same rows.
    return ScanPlan(Fan("job", Order(OrderField.CREATED_AT), words=words), pushed=frozenset(pushed))


def _executions(query: ListQuery, given: ExecutionFilter) -> ScanPlan:
    if given.trigger_kinds is not None or given.actor is not None:
        return ScanPlan(None, reason_empty="AWS IoT does not tell what set an execution going.")
    words = _pushable(given.statuses, given.raw_statuses, EXECUTION_STATUS)
    if words is not None and not words:
        return ScanPlan(None, reason_empty="AWS IoT has no such status.")
    jobs, things = _ids(given.jobs), _ids(given.nodes)
    pushed = _named(jobId=given.jobs, nodeId=given.nodes, name=given.name)
    if words is not None:
        pushed |= _named(status=given.statuses, rawStatus=given.raw_statuses)
    jobs = _exactly(given.name, jobs)
    named = _exactly(given.node_name, things)
    if named is not things:
        things = named
        pushed.add("nodeName")
    jobs = None if jobs is None else frozenset(filter(is_job, jobs))
    things = None if things is None else frozenset(filter(is_thing, things))
    if jobs is not None and not jobs:
        return ScanPlan(None, reason_empty="AWS IoT has no such job.")
    if things is not None and not things:
        return ScanPlan(None, reason_empty="AWS IoT has no such thing.")
    fan = Fan(
        "execution",
        query.order,
        words=words,
        jobs=jobs,
        things=things,
        by_thing=things is not None and (jobs is None or len(things) <= len(jobs)),
        by_id=given.nodes is not None,
        name=given.name,
        created_at=given.created_at,
        started_at=given.started_at,
        finished_at=given.finished_at,
        active_during=given.active_during,
    )
    caveat = None
    if given.search is not None:
        caveat = "AWS IoT shows no status messages in lists: only names were searched."
    # Below the order of the query there is none (NATIVE): it is read whole.
    order = Guarantee.NONE if query.order.field is OrderField.NATIVE else Guarantee.BOUNDED
    return ScanPlan(fan, pushed=frozenset(pushed), order=order, caveat=caveat)


def _pushable(
    unified: Iterable[object] | None, raw: frozenset[str] | None, meaning: Mapping[str, object]
) -> frozenset[str] | None:
    """The words that a filter on both admits; None where it restricts nothing, or admits words that nobody knows."""
    words = None
    if unified is not None:
        wanted = frozenset(unified)
        if wanted & {ExecutionStatus.UNKNOWN, JobState.UNKNOWN}:
            return None
        words = frozenset(word for word, status in meaning.items() if status in wanted)
    if raw is not None:
        if not raw <= meaning.keys():
            return None
        words = raw if words is None else words & raw
    return words


def _named(**parts: object) -> set[str]:
    return {name for name, part in parts.items() if part is not None}


def _ids(keys: frozenset[Key] | None) -> frozenset[str] | None:
    return None if keys is None else frozenset(key.parts[0] for key in keys if len(key.parts) == 1)


def _exactly(text: TextMatch | None, ids: frozenset[str] | None) -> frozenset[str] | None:
    """The ids among ``ids`` that a filter on names spells out; ``ids`` itself where it spells none."""
    if text is None or (text.equals is None and text.among is None):
        return ids
    spelled = text.among if text.among is not None else frozenset([text.equals or ""])
    named = frozenset(filter(text.matches, spelled))
    return named if ids is None else named & ids


# --- jobs in time --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Parent:
    """A job whose executions may matter.

    No execution of it has its order key before ``lower`` or after ``upper``, in microseconds; None: unknown, and for
    ``upper`` also that some may have no such instant.
    """

    job: Job
    lower: int | None
    upper: int | None


def parents(fan: Fan, jobs: Iterable[Job], at: At | None) -> list[Parent]:
    """The jobs to read for what lies behind ``at``, in the order in which the first rows are certain soonest."""
    found = [Parent(job, *_bounds(job, fan)) for job in jobs if _may_match(fan, job)]
    if at is not None:
        found = [parent for parent in found if not _passed(parent, at, fan.order)]
    if fan.order.descending:
        return sorted(found, key=lambda each: (each.upper is not None, -(each.upper or 0), each.job.tie))
    return sorted(found, key=lambda each: (each.lower is not None, each.lower or 0, each.job.tie))


def settled(fan: Fan, left: Iterable[Parent]) -> At | None:
    """The place before which no execution of the jobs that are left stands."""
    bounds = [parent.upper if fan.order.descending else parent.lower for parent in left]
    known = [bound for bound in bounds if bound is not None]
    if not known or len(known) < len(bounds):
        return None
    return At(max(known) if fan.order.descending else min(known), None)


def _bounds(job: Job, fan: Fan) -> tuple[int | None, int | None]:
    if fan.order.field in (OrderField.DURATION, OrderField.NATIVE):
        return None, None
    upper = None
    match fan.order.field:
        case OrderField.CREATED_AT:
            upper = _no_later_start(job)
        case OrderField.STARTED_AT if fan.started_at is not None:
            # Otherwise executions that never started come first.
            upper = _no_later_start(job)
        case OrderField.FINISHED_AT:
            upper = _no_later_end(job)
        case _:
            pass
    return _earliest(job), upper


def _earliest(job: Job) -> int | None:
    return None if job.created_at is None else job.created_at.us - _SLACK_US


def _no_later_start(job: Job) -> int | None:
    """Nothing is queued or started once a job is over: what was queued when it was canceled, was canceled with it."""
    if job.finished_at is None or job.state not in _BEFORE_THE_END:
        return None
    return job.finished_at.us + _SLACK_US


def _no_later_end(job: Job) -> int | None:
    """A job is complete when all its executions are over. After a cancel, those in progress may go on."""
    if job.finished_at is None or job.state is not JobState.COMPLETED:
        return None
    return job.finished_at.us + _SLACK_US


def _may_match(fan: Fan, job: Job) -> bool:
    if fan.jobs is not None and job.key.parts[0] not in fan.jobs:
        return False
    if fan.name is not None and not fan.name.matches(job.name):
        return False
    if fan.words is not None and fan.words <= _OPEN_WORDS and not _may_be_open(job, fan.words):
        return False
    first, start, end = _earliest(job), _no_later_start(job), _no_later_end(job)
    return (
        _meets(fan.created_at, first, start)
        and _meets(fan.started_at, first, start)
        and _meets(fan.finished_at, first, end)
        and _meets(fan.active_during, first, end)
    )


def _may_be_open(job: Job, words: frozenset[str]) -> bool:
    """Whether a job may have executions with these open statuses: a cancel leaves those in progress going on."""
    if job.state is JobState.COMPLETED:
        return False
    return job.state is not JobState.CANCELED or "IN_PROGRESS" in words


def _meets(wanted: InstantRange | None, first: int | None, last: int | None) -> bool:
    if wanted is None:
        return True
    too_late = first is not None and wanted.end is not None and first >= wanted.end
    too_early = last is not None and wanted.start is not None and last < wanted.start
    return not too_late and not too_early


def _passed(parent: Parent, at: At, order: Order) -> bool:
    """Whether all executions of a job stand before a place."""
    if order.descending:
        return at.instant is not None and parent.lower is not None and parent.lower > at.instant
    # Executions without an instant come last.
    return parent.upper is not None and (at.instant is None or parent.upper < at.instant)
