"""What is asked of a source: filters that are conjunctions, orders, and the total order that merged pages follow.

Filter parts are named as in the schema (``status``, ``createdAt`` ...), because reports name them to people.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from operator import attrgetter
from typing import Any

from gateway.instant import Instant
from gateway.model import Entity, Execution, ExecutionStatus, Job, JobState, Key, Kind, NodeKind, Tie, TriggerKind

Predicate = Callable[[Any], bool]


# --- parts of filters ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TextMatch:
    """All given parts must hold. ``equals`` and ``among`` are exact; ``starts_with`` and ``contains`` ignore case."""

    equals: str | None = None
    among: frozenset[str] | None = None
    starts_with: str | None = None
    contains: str | None = None

    @property
    def impossible(self) -> bool:
        """Whether no text at all can match."""
        if self.among is None:
            return False
        return not self.among or (self.equals is not None and self.equals not in self.among)

    @property
    def parts(self) -> int:
        """How many of the four parts are given."""
        return 4 - (self.equals, self.among, self.starts_with, self.contains).count(None)

    def matches(self, text: str | None) -> bool:
        """Whether ``text`` satisfies every part; None satisfies none."""
        if text is None:
            return False
        return (
            (self.equals is None or text == self.equals)
            and (self.among is None or text in self.among)
            and (self.starts_with is None or text.lower().startswith(self.starts_with.lower()))
            and (self.contains is None or self.contains.lower() in text.lower())
        )

    def test(self) -> Callable[[str | None], bool]:
        """``matches`` for many texts."""
        names = self.among
        # The names of a table's filter, mostly. None is in no set of texts.
        return self.matches if names is None or self.parts > 1 else names.__contains__


@dataclass(frozen=True, slots=True)
class InstantRange:
    """Half-open, ``start <= t < end``, in microseconds since the epoch. A missing instant matches no range."""

    start: int | None = None
    end: int | None = None

    @property
    def impossible(self) -> bool:
        """Whether the range is empty."""
        return self.start is not None and self.end is not None and self.start >= self.end

    def matches(self, instant: Instant | None) -> bool:
        """Whether the instant lies in the range."""
        return (
            instant is not None
            and (self.start is None or self.start <= instant.us)
            and (self.end is None or instant.us < self.end)
        )


_CONDITIONS = (TextMatch, InstantRange)


# --- filters -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """A conjunction over executions; None restricts nothing, an empty set matches nothing.

    ``tql`` is a condition in ThreatConnect's query language, which only sources that speak it can apply.
    ``statuses`` is the meeting of the inputs ``status``, ``excludeStatus``, ``phase`` and ``outcome``, of which
    ``status_inputs`` names those given.
    """

    statuses: frozenset[ExecutionStatus] | None = None
    status_inputs: tuple[str, ...] = ()
    raw_statuses: frozenset[str] | None = None
    jobs: frozenset[Key] | None = None
    name: TextMatch | None = None
    nodes: frozenset[Key] | None = None
    node_name: TextMatch | None = None
    trigger_kinds: frozenset[TriggerKind] | None = None
    actor: TextMatch | None = None
    search: str | None = None
    tql: str | None = None
    created_at: InstantRange | None = None
    started_at: InstantRange | None = None
    finished_at: InstantRange | None = None
    active_during: InstantRange | None = None

    def predicates(self) -> Iterator[tuple[str, Predicate]]:
        """Each part given: its name in the schema, and its test on a row."""
        if (statuses := self.statuses) is not None:
            yield "status", lambda row: row.status in statuses
        if (words := self.raw_statuses) is not None:
            yield "rawStatus", lambda row: row.raw_status in words
        if (jobs := self.jobs) is not None:
            yield "jobId", lambda row: row.job is not None and row.job.key in jobs
        if (name := self.name) is not None:
            named = name.test()
            yield "name", lambda row: named(row.name)
        if (nodes := self.nodes) is not None:
            yield "nodeId", lambda row: any(result.node.key in nodes for result in row.nodes)
        if (node_name := self.node_name) is not None:
            yield "nodeName", lambda row: any(node_name.matches(result.node.name) for result in row.nodes)
        if (kinds := self.trigger_kinds) is not None:
            yield "triggerKind", lambda row: row.trigger is not None and row.trigger.kind in kinds
        if (actor := self.actor) is not None:
            yield "actor", lambda row: row.trigger is not None and actor.matches(row.trigger.actor)
        if (search := self.search) is not None:
            wanted = search.lower()
            yield "search", lambda row: wanted in row.name.lower() or wanted in (row.status_message or "").lower()
        if self.tql is not None:
            # Only the source can tell, which is why it names the part in ScanPlan.unseen. Whoever does not matches nothing.
            yield "tql", lambda _row: False
        if (created := self.created_at) is not None:
            yield "createdAt", lambda row: created.matches(row.created_at)
        if (started := self.started_at) is not None:
            yield "startedAt", lambda row: started.matches(row.started_at)
        if (finished := self.finished_at) is not None:
            yield "finishedAt", lambda row: finished.matches(row.finished_at)
        if (during := self.active_during) is not None:
            yield "activeDuring", lambda row: _active_during(row, during)


@dataclass(frozen=True, slots=True)
class JobFilter:
    """A conjunction over jobs."""

    states: frozenset[JobState] | None = None
    raw_states: frozenset[str] | None = None
    name: TextMatch | None = None
    created_at: InstantRange | None = None
    updated_at: InstantRange | None = None

    def predicates(self) -> Iterator[tuple[str, Predicate]]:
        """Each part given: its name in the schema, and its test on a row."""
        if (states := self.states) is not None:
            yield "state", lambda row: row.state in states
        if (words := self.raw_states) is not None:
            yield "rawState", lambda row: row.raw_state in words
        if (name := self.name) is not None:
            yield "name", lambda row: name.matches(row.name)
        if (created := self.created_at) is not None:
            yield "createdAt", lambda row: created.matches(row.created_at)
        if (updated := self.updated_at) is not None:
            yield "updatedAt", lambda row: updated.matches(row.updated_at)


@dataclass(frozen=True, slots=True)
class NodeFilter:
    """A conjunction over nodes."""

    kinds: frozenset[NodeKind] | None = None
    name: TextMatch | None = None
    active: bool | None = None

    def predicates(self) -> Iterator[tuple[str, Predicate]]:
        """Each part given: its name in the schema, and its test on a row."""
        if (kinds := self.kinds) is not None:
            yield "nodeKind", lambda row: row.node_kind in kinds
        if (name := self.name) is not None:
            yield "name", lambda row: name.matches(row.name)
        if self.active is not None:
            yield "active", lambda row: row.active is self.active


Filter = ExecutionFilter | JobFilter | NodeFilter


def parts_of(given: Filter) -> frozenset[str]:
    """Names of the parts that restrict something."""
    return frozenset(name for name, _ in given.predicates())


def predicate(given: Filter, unseen: frozenset[str] = frozenset()) -> Predicate:
    """One test for a row: all parts except those named in ``unseen``, which the rows of a source do not show."""
    tests = [test for name, test in given.predicates() if name not in unseen]
    if not tests:
        return lambda _row: True
    if len(tests) == 1:
        return tests[0]
    return lambda row: all(test(row) for test in tests)


def impossible(given: Filter) -> bool:
    """Whether no row of any source can match, so that none is asked."""
    for name in given.__slots__:
        part = getattr(given, name)
        if part is None:
            continue
        if isinstance(part, frozenset):
            if not part:
                return True
        elif isinstance(part, _CONDITIONS) and part.impossible:
            return True
    return False


def narrowed(given: Filter, source: str) -> Filter | None:
    """The filter as it concerns one source: ids of other sources dropped; None when nothing of the source can match."""
    if isinstance(given, ExecutionFilter) and (given.jobs is not None or given.nodes is not None):
        jobs, nodes = given.jobs, given.nodes
        if jobs is not None:
            jobs = frozenset(key for key in jobs if key.source == source)
        if nodes is not None:
            nodes = frozenset(key for key in nodes if key.source == source)
        given = replace(given, jobs=jobs, nodes=nodes)
    return None if impossible(given) else given


def _active_during(row: Execution, during: InstantRange) -> bool:
    if during.impossible or row.started_at is None or (during.end is not None and row.started_at.us >= during.end):
        return False
    return during.start is None or row.finished_at is None or row.finished_at.us >= during.start


# --- orders --------------------------------------------------------------------------------------------------------


class OrderField(Enum):
    """What a list is sorted by. ``NATIVE`` is each source's own stable order, source by source (for nodes)."""

    CREATED_AT = "CREATED_AT"
    STARTED_AT = "STARTED_AT"
    FINISHED_AT = "FINISHED_AT"
    DURATION = "DURATION"
    NATIVE = "NATIVE"


@dataclass(frozen=True, slots=True)
class Order:
    """A sort key and its direction. Ties are always broken by source name, then by native id, both ascending."""

    field: OrderField
    descending: bool = True


def order_value(row: Entity, field: OrderField) -> int | None:
    """The sort key of a row in microseconds; None where the source reports none for this row."""
    match row, field:
        case Execution(), OrderField.STARTED_AT:
            instant = row.started_at
        case Execution(), OrderField.FINISHED_AT:
            instant = row.finished_at
        case Execution(), OrderField.DURATION:
            # An open execution has no end yet: it counts as longest, whatever its source says it took so far.
            return None if row.finished_at is None or row.duration_seconds is None else round(row.duration_seconds * 1e6)
        case ((Execution() | Job()), _):
            instant = row.created_at
        case _:
            instant = None
    return None if instant is None else instant.us


def filter_range(given: Filter, field: OrderField) -> InstantRange | None:
    """The range that the filter puts on the sort key itself, which bounds how far an ordered source must be read."""
    match given, field:
        case ((ExecutionFilter() | JobFilter()), OrderField.CREATED_AT):
            return given.created_at
        case ExecutionFilter(), OrderField.STARTED_AT:
            return given.started_at
        case ExecutionFilter(), OrderField.FINISHED_AT:
            return given.finished_at
        case _:
            return None


# --- the total order -----------------------------------------------------------------------------------------------

Position = tuple[int, int, str, Tie]
"""(zone, key, source, tie): how any two rows of any sources compare (DECISIONS 1).

Zone 0: the source reports this instant; zone 1: it never has it and sorts last in both directions. The key is negated
for descending order; a missing instant inside zone 0 counts as later than every instant.
"""

_NEVER = 1 << 62


def position(value: int | None, order: Order, source: str, tie: Tie, zone: int = 0) -> Position:
    """Where a row stands. ``value`` is its sort key (``order_value``)."""
    if zone or order.field is OrderField.NATIVE:
        return (zone, 0, source, tie)
    key = _NEVER if value is None else value
    return (zone, -key if order.descending else key, source, tie)


def places(kind: Kind, order: Order, source: str, zone: int = 0) -> Callable[[Iterable[Any]], list[Position]]:
    """The function that says where the rows of a list stand: ``position`` of the ``order_value`` of each."""
    if zone or order.field is OrderField.NATIVE:
        return lambda rows: [(zone, 0, source, row.tie) for row in rows]
    if order.field is OrderField.DURATION:
        return lambda rows: [position(order_value(row, order.field), order, source, row.tie) for row in rows]
    instant_of = attrgetter("created_at" if kind == "job" else order.field.value.lower())
    sign = -1 if order.descending else 1

    return lambda rows: [
        (0, sign * (_NEVER if (instant := instant_of(row)) is None else instant.us), source, row.tie) for row in rows
    ]


def position_value(at: Position, order: Order) -> int | None:
    """The sort key that a position stands for; None for a missing one. The inverse of ``position``."""
    key = -at[1] if order.descending else at[1]
    return None if key == _NEVER or order.field is OrderField.NATIVE or at[0] else key


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A list asked of one source: its filter already narrowed to the source.

    ``fields`` names the fields of the rows (snake_case, as in the model) that somebody will read, so that an adapter need
    not ask for more. Of an entity within a row it names the fields as well: ``job.name`` beside ``job``.
    """

    kind: Kind
    filter: Filter
    order: Order
    fields: frozenset[str] = frozenset()
