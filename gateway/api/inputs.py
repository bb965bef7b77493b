"""Arguments: input types, and how they become queries. All validation of what a caller sends is here or in the scalars."""

from collections.abc import Callable, Iterable
from enum import Enum
from functools import cache
from typing import Any

import strawberry
from strawberry.types.unset import UNSET

from gateway import model
from gateway.api.scalars import DateTime, Duration
from gateway.api.values import described
from gateway.errors import UserError
from gateway.instant import Instant
from gateway.model import Documented, Key, Kind
from gateway.query import ExecutionFilter as ExecutionParts
from gateway.query import InstantRange, Order, OrderField, TextMatch
from gateway.query import JobFilter as JobParts
from gateway.query import NodeFilter as NodeParts
from gateway.registry import Source
from gateway.service import Gateway

ALL_STATUSES = frozenset(model.ExecutionStatus)


def optional(description: str, **options: Any) -> Any:
    """A described input field that may be left out; null means the same as leaving it out."""
    return strawberry.field(description=description, default=UNSET, **options)


def given(value: Any) -> Any:
    """The value of an optional input, or None when it is null or absent."""
    return None if value is UNSET else value


@described
class OrderDirection(Documented):
    """Direction of the key; tie-breaks are always ascending."""

    ASC = "ASC", "Earliest, or shortest, first."
    DESC = "DESC", "Latest, or longest, first."


@described
class ExecutionOrderField(Documented):
    """Order keys. Every source must be brought into the same one before merging."""

    CREATED_AT = (
        "CREATED_AT",
        "Stable for the life of an execution: the only order that pages without skips while executions move.",
    )
    STARTED_AT = "STARTED_AT", "By `startedAt`; executions that have not started count as latest."
    FINISHED_AT = "FINISHED_AT", "By `finishedAt`; open executions count as latest."
    DURATION = (
        "DURATION",
        "By durationSeconds. Needs a time range with a beginning, so that the scan is bounded; "
        "open executions count as longest.",
    )


@described
class JobOrderField(Documented):
    """Order keys of jobs."""

    CREATED_AT = "CREATED_AT", "By `createdAt`."


@described
class SourceErrorPolicy(Documented):
    """What to do with the rest when one source fails."""

    PARTIAL = "PARTIAL", "Answer with what the other sources have, and report the failure in `sources`."
    FAIL = "FAIL", "Fail the field."


@strawberry.input(
    description="Ties are broken by source name, then native id, both ascending. "
    "A null instant counts as later than every instant."
)
class ExecutionOrder:
    field: ExecutionOrderField = strawberry.field(description="The key.")
    direction: OrderDirection = strawberry.field(description="Its direction.", default=OrderDirection.DESC)


@strawberry.input(description="Same tie-breaks and null rule as ExecutionOrder.")
class JobOrder:
    field: JobOrderField = strawberry.field(description="The key.")
    direction: OrderDirection = strawberry.field(description="Its direction.", default=OrderDirection.DESC)


@strawberry.input(
    description="All given parts must hold. `equals` and `in` are exact; `startsWith` and `contains` ignore case."
)
class StringFilter:
    equals: str | None = optional("Exactly this.")
    in_: list[str] | None = optional("Exactly one of these; an empty list matches nothing.", name="in")
    starts_with: str | None = optional("Begins with this, ignoring case.")
    contains: str | None = optional("Contains this, ignoring case.")


@strawberry.input(description="Half-open: from <= t < to. A null instant matches no range.")
class DateTimeRange:
    from_: DateTime | None = optional("The first instant in the range.", name="from")
    to: DateTime | None = optional("The first instant after the range.")
    last: Duration | None = optional(
        "Instead of both: the time up to now. Read once, on the first page; cursors carry the resolved instant."
    )


@strawberry.input(
    description="All given parts must hold. Within a list, any value may match; an empty list matches nothing. "
    "Null, absent and `{}` restrict nothing."
)
class ExecutionFilter:
    search: str | None = optional("Case-insensitive substring of `name` or `statusMessage`.")
    tql: str | None = optional(
        "A condition of your own in TQL, ThreatConnect's query language, and-ed with the rest. Only sources that speak TQL "
        "are asked, the others report SKIPPED. What is no TQL, or names a parameter that no such source offers, is refused "
        "with position and reason; without any such source nobody judges it. "
        'Example: `exitMessage contains "timeout"`.'
    )
    source: list[str] | None = optional("Source names.")
    source_kind: list[str] | None = optional("Adapter kinds, as in Source.kind.")
    status: list[model.ExecutionStatus] | None = optional("One of these.")
    exclude_status: list[model.ExecutionStatus] | None = optional("None of these.")
    phase: list[model.ExecutionPhase] | None = optional("In one of these phases.")
    outcome: list[model.ExecutionOutcome] | None = optional("Ended in one of these ways.")
    raw_status: list[str] | None = optional("The source's own words, exact.")
    job_id: list[strawberry.ID] | None = optional("Of one of these jobs.")
    name: StringFilter | None = optional("On Execution.name, which is the job's name in every source.")
    node_id: list[strawberry.ID] | None = optional("A node in any role.")
    node_name: StringFilter | None = optional("A node in any role, by its name.")
    trigger_kind: list[model.TriggerKind] | None = optional("Set going in one of these ways.")
    actor: StringFilter | None = optional("On Trigger.actor: who set it going.")
    created_at: DateTimeRange | None = optional("On `createdAt`.")
    started_at: DateTimeRange | None = optional("On `startedAt`.")
    finished_at: DateTimeRange | None = optional("On `finishedAt`.")
    active_during: DateTimeRange | None = optional(
        "Was going on at some time in the range: started before its end and not finished before its beginning."
    )


@strawberry.input(description="All given parts must hold. Within a list, any value may match.")
class JobFilter:
    source: list[str] | None = optional("Source names.")
    source_kind: list[str] | None = optional("Adapter kinds, as in Source.kind.")
    state: list[model.JobState] | None = optional("In one of these states.")
    raw_state: list[str] | None = optional("The source's own words, exact.")
    name: StringFilter | None = optional("On `name`.")
    created_at: DateTimeRange | None = optional("On `createdAt`.")
    updated_at: DateTimeRange | None = optional("On `updatedAt`.")


@strawberry.input(description="All given parts must hold.")
class NodeFilter:
    source: list[str] | None = optional("Source names.")
    source_kind: list[str] | None = optional("Adapter kinds, as in Source.kind.")
    node_kind: list[model.NodeKind] | None = optional("Of one of these kinds.")
    name: StringFilter | None = optional("On `name`.")
    active: bool | None = optional("Whether the source would use it now.")


@strawberry.input(description="All given parts must hold.")
class ExecutionNodeFilter:
    role: list[model.NodeRole] | None = optional("In one of these roles. Without TARGET, nothing is asked upstream.")
    failed: bool | None = optional("Only those on which it failed, or only those on which it did not.")


# --- to queries ----------------------------------------------------------------------------------------------------


def execution_parts(gateway: Gateway, wanted: ExecutionFilter | None, now: int) -> ExecutionParts:
    """The filter as the gateway's own, with relative ranges resolved against ``now`` (microseconds). Raises UserError."""
    if wanted is None:
        return ExecutionParts()
    statuses, inputs = _statuses(wanted)
    search = given(wanted.search)
    return ExecutionParts(
        statuses=statuses,
        status_inputs=inputs,
        raw_statuses=_set(wanted.raw_status),
        jobs=_keys(gateway, wanted.job_id, "job"),
        name=_text(wanted.name),
        nodes=_keys(gateway, wanted.node_id, "node"),
        node_name=_text(wanted.node_name),
        trigger_kinds=_set(wanted.trigger_kind),
        actor=_text(wanted.actor),
        search=search or None,
        tql=given(wanted.tql),
        created_at=_range(wanted.created_at, now),
        started_at=_range(wanted.started_at, now),
        finished_at=_range(wanted.finished_at, now),
        active_during=_range(wanted.active_during, now),
    )


def job_parts(wanted: JobFilter | None, now: int) -> JobParts:
    """Like ``execution_parts``."""
    if wanted is None:
        return JobParts()
    return JobParts(
        states=_set(wanted.state),
        raw_states=_set(wanted.raw_state),
        name=_text(wanted.name),
        created_at=_range(wanted.created_at, now),
        updated_at=_range(wanted.updated_at, now),
    )


def node_parts(wanted: NodeFilter | None) -> NodeParts:
    """Like ``execution_parts``; no part of it speaks of time."""
    if wanted is None:
        return NodeParts()
    return NodeParts(kinds=_set(wanted.node_kind), name=_text(wanted.name), active=given(wanted.active))


def sources_of(gateway: Gateway, wanted: ExecutionFilter | JobFilter | NodeFilter | None) -> frozenset[str] | None:
    """Names of the sources to ask; None for all. Raises UserError naming the known sources or kinds."""
    if wanted is None:
        return None
    names, kinds = given(wanted.source), given(wanted.source_kind)
    if names is None and kinds is None:
        return None
    chosen: dict[str, Source] = dict(gateway.registry.sources)
    if names is not None:
        asked = {gateway.registry.require(name).name for name in names}
        chosen = {name: source for name, source in chosen.items() if name in asked}
    if kinds is not None:
        known = {source.kind for source in gateway.registry.sources.values()}
        for kind in kinds:
            if kind not in known:
                raise UserError(f"There is no source of kind {kind!r}; the kinds are {', '.join(sorted(known))}.")
        chosen = {name: source for name, source in chosen.items() if source.kind in kinds}
    return frozenset(chosen)


def execution_order(order: ExecutionOrder, wanted: ExecutionFilter | None) -> Order:
    """The order, refused where it would need an unbounded scan. Raises UserError."""
    if order.field is ExecutionOrderField.DURATION:
        ranges = [] if wanted is None else [wanted.created_at, wanted.started_at, wanted.finished_at, wanted.active_during]
        if not any((limits := given(one)) and (given(limits.from_) or given(limits.last)) for one in ranges):
            raise UserError(
                "orderBy DURATION needs a time range with a beginning in the filter: createdAt, startedAt, finishedAt or "
                "activeDuring with `from` or `last`."
            )
    return _order(order.field, order.direction)


def job_order(order: JobOrder) -> Order:
    """The order."""
    return _order(order.field, order.direction)


@cache
def _order(field: ExecutionOrderField | JobOrderField, direction: OrderDirection) -> Order:
    return Order(OrderField(field.value), direction is OrderDirection.DESC)


def as_given(wanted: Any) -> Any:
    """An input as JSON without what restricts nothing: what a cursor is bound to."""
    match wanted:
        case None | str() | int() | float():
            return wanted
        case list():
            return [member if member.__class__ is str else as_given(member) for member in wanted]
        case Enum():
            return wanted.value
        case Instant():
            return wanted.us
        case _:
            members = {name: as_given(value) for name, value in vars(wanted).items() if value is not UNSET}
            return {name: value for name, value in members.items() if value is not None} or None


def _statuses(wanted: ExecutionFilter) -> tuple[frozenset[model.ExecutionStatus] | None, tuple[str, ...]]:
    """The statuses that pass all four inputs about status, and the names of those given."""
    inputs = zip(_STATUS_RULES, (wanted.status, wanted.exclude_status, wanted.phase, wanted.outcome), strict=True)
    used = [(name, values, passes) for (name, passes), values in inputs if given(values) is not None]
    if not used:
        return None, ()
    passing = frozenset(status for status in ALL_STATUSES if all(passes(status, values) for _, values, passes in used))
    # A restriction that lets everything pass is none: it must not keep a source from being asked simply.
    return (None, ()) if passing == ALL_STATUSES else (passing, tuple(name for name, _, _ in used))


_STATUS_RULES: list[tuple[str, Callable[[model.ExecutionStatus, Any], bool]]] = [
    ("status", lambda status, values: status in values),
    ("excludeStatus", lambda status, values: status not in values),
    ("phase", lambda status, values: status.phase in values),
    ("outcome", lambda status, values: status.outcome in values),
]


def _set(values: Iterable[Any] | None) -> frozenset[Any] | None:
    values = given(values)
    return None if values is None else frozenset(values)


def _keys(gateway: Gateway, texts: list[strawberry.ID] | None, kind: Kind) -> frozenset[Key] | None:
    texts = given(texts)
    if texts is None:
        return None
    keys = [gateway.key(text, kind) for text in texts]
    return frozenset(key for key in keys if isinstance(key, Key))


def _text(wanted: StringFilter | None) -> TextMatch | None:
    wanted = given(wanted)
    if wanted is None:
        return None
    match = TextMatch(
        equals=given(wanted.equals),
        among=_set(wanted.in_),
        starts_with=given(wanted.starts_with) or None,
        contains=given(wanted.contains) or None,
    )
    return match if match.parts else None


def _range(wanted: DateTimeRange | None, now: int) -> InstantRange | None:
    wanted = given(wanted)
    if wanted is None:
        return None
    start, end, last = given(wanted.from_), given(wanted.to), given(wanted.last)
    if last is not None:
        if start is not None or end is not None:
            raise UserError("A range takes `last`, or `from` and `to`, but not both.")
        return InstantRange(start=now - last)
    if start is None and end is None:
        return None
    return InstantRange(None if start is None else start.us, None if end is None else end.us)
