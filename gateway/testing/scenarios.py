"""Filters and orders to try on a source, made from the rows that it has.

``filters`` gives, for one part of a filter, what restricts that part alone: the first one is its representative in pairs.
Rows are executions, jobs or nodes; where they lack what a part is about, values that no row has are tried.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import combinations
from typing import Any, TypeVar

from gateway.instant import Instant
from gateway.model import ExecutionStatus, JobState, Key, Kind, NodeKind, NodeRole, TriggerKind
from gateway.query import (
    ExecutionFilter,
    Filter,
    InstantRange,
    JobFilter,
    ListQuery,
    NodeFilter,
    Order,
    OrderField,
    TextMatch,
)

F = TypeVar("F", ExecutionFilter, JobFilter, NodeFilter)
Rows = Sequence[Any]

_ABSENT = "no such word"


def _orders(*given: OrderField) -> tuple[Order, ...]:
    # Direction means nothing in native order.
    return tuple(
        Order(field, descending)
        for field in given
        for descending in (True, False)
        if descending or field is not OrderField.NATIVE
    )


ORDERS: Mapping[Kind, tuple[Order, ...]] = {
    "execution": _orders(*OrderField),
    "job": _orders(OrderField.CREATED_AT, OrderField.NATIVE),
    "node": _orders(OrderField.NATIVE),
}
"""Every order that a list of the kind can be asked for."""

EMPTY: Mapping[Kind, Filter] = {"execution": ExecutionFilter(), "job": JobFilter(), "node": NodeFilter()}


def filters(kind: Kind, part: str, rows: Rows) -> list[Any]:
    """Filters of which each restricts ``part`` alone."""
    return list(_PARTS[kind][part](rows))


def parts(kind: Kind) -> tuple[str, ...]:
    """The names of all parts of a filter."""
    return tuple(_PARTS[kind])


def pairs(kind: Kind, part: str, rows: Rows) -> Iterator[Any]:
    """The representative of ``part`` together with that of every part after it."""
    names = parts(kind)
    one = filters(kind, part, rows)[0]
    for name in names[names.index(part) + 1 :]:
        yield both(one, filters(kind, name, rows)[0])


def both(one: F, other: F) -> F:
    """A filter that asks for what two ask for, if they restrict different parts."""
    given = {field.name: getattr(other, field.name) for field in fields(other)}
    return replace(one, **{name: value for name, value in given.items() if value not in (None, ())})


def everything(kind: Kind, rows: Rows) -> list[Any]:
    """All of these filters and all pairs of them, and some that no honest caller would send."""
    alone = [given for part in parts(kind) for given in filters(kind, part, rows)]
    paired = [given for part in parts(kind) for given in pairs(kind, part, rows)]
    return [EMPTY[kind], *alone, *paired, *_hostile(kind, rows[0].key.source)]


def shown(query: ListQuery) -> str:
    """The filter and order of a query in one line, without what is not given."""
    given = {field.name: getattr(query.filter, field.name) for field in fields(query.filter)}
    asked = ", ".join(f"{name}={value!r}" for name, value in given.items() if value not in (None, ()))
    direction = "descending" if query.order.descending else "ascending"
    return f"{query.kind}s where [{asked}] by {query.order.field.name} {direction}"


# --- parts ---------------------------------------------------------------------------------------------------------


def _statuses(rows: Rows) -> Iterator[ExecutionFilter]:
    present = _distinct(row.status for row in rows)
    wanted = [
        *({status} for status in present),
        *({status} for status in ExecutionStatus if status not in present),
        *(set(pair) for pair in combinations(present, 2)),
        set(ExecutionStatus) - {ExecutionStatus.SUCCEEDED},
        set(ExecutionStatus),
    ]
    return (ExecutionFilter(statuses=frozenset(each), status_inputs=("status",)) for each in wanted)


def _raw_statuses(rows: Rows) -> Iterator[ExecutionFilter]:
    return (ExecutionFilter(raw_statuses=each) for each in _words(row.raw_status for row in rows))


def _jobs(rows: Rows) -> Iterator[ExecutionFilter]:
    keys = _distinct(row.job.key for row in rows if row.job is not None)
    return (ExecutionFilter(jobs=each) for each in _keys("job", rows[0].key.source, keys))


def _nodes(rows: Rows) -> Iterator[ExecutionFilter]:
    results = [result for row in rows for result in row.nodes]
    by_role = [_distinct(result.node.key for result in results if role in result.roles) for role in NodeRole]
    keys = [key for place in range(3) for found in by_role for key in found[place : place + 1]]
    return (ExecutionFilter(nodes=each) for each in _keys("node", rows[0].key.source, keys))


def _node_names(rows: Rows) -> Iterator[ExecutionFilter]:
    names = (result.node.name for row in rows for result in row.nodes)
    return (ExecutionFilter(node_name=each) for each in _texts(names))


def _triggers(rows: Rows) -> Iterator[ExecutionFilter]:
    present = _distinct(row.trigger.kind for row in rows if row.trigger is not None)
    wanted = [{kind} for kind in (*present, *(kind for kind in TriggerKind if kind not in present))]
    wanted.append({TriggerKind.UNKNOWN, *present[:1]})
    return (ExecutionFilter(trigger_kinds=frozenset(each)) for each in wanted)


def _searches(rows: Rows) -> Iterator[ExecutionFilter]:
    wanted = [
        rows[0].name[1:-1].upper(),
        rows[-1].name[:3],
        *_distinct(row.status_message for row in rows)[:2],
        "",
        "%",
        "É",
    ]
    return (ExecutionFilter(search=each) for each in wanted)


def _active_during(rows: Rows) -> Iterator[ExecutionFilter]:
    return (ExecutionFilter(active_during=each) for each in _ranges(row.started_at for row in rows))


def _states(rows: Rows) -> Iterator[JobFilter]:
    present = _distinct(row.state for row in rows)
    absent = [state for state in JobState if state not in present]
    wanted = [*({state} for state in (*present, *absent)), set(present[:2]), set(JobState)]
    return (JobFilter(states=frozenset(each)) for each in wanted)


def _node_kinds(_rows: Rows) -> Iterator[NodeFilter]:
    wanted = [*({kind} for kind in NodeKind), {NodeKind.HOST, NodeKind.WORKER}, set(NodeKind)]
    return (NodeFilter(kinds=frozenset(each)) for each in wanted)


def _text_part(kind: Callable[..., Any], name: str, value: Callable[[Any], str | None]) -> Callable[[Rows], Iterator[Any]]:
    return lambda rows: (kind(**{name: each}) for each in _texts(value(row) for row in rows))


def _range_part(kind: Callable[..., Any], name: str) -> Callable[[Rows], Iterator[Any]]:
    return lambda rows: (kind(**{name: each}) for each in _ranges(getattr(row, name) for row in rows))


_PARTS: Mapping[Kind, Mapping[str, Callable[[Rows], Iterator[Any]]]] = {
    "execution": {
        "status": _statuses,
        "rawStatus": _raw_statuses,
        "jobId": _jobs,
        "name": _text_part(ExecutionFilter, "name", lambda row: str(row.name)),
        "nodeId": _nodes,
        "nodeName": _node_names,
        "triggerKind": _triggers,
        "actor": _text_part(ExecutionFilter, "actor", lambda row: row.trigger.actor if row.trigger else None),
        "search": _searches,
        "createdAt": _range_part(ExecutionFilter, "created_at"),
        "startedAt": _range_part(ExecutionFilter, "started_at"),
        "finishedAt": _range_part(ExecutionFilter, "finished_at"),
        "activeDuring": _active_during,
    },
    "job": {
        "state": _states,
        "rawState": lambda rows: (JobFilter(raw_states=each) for each in _words(row.raw_state for row in rows)),
        "name": _text_part(JobFilter, "name", lambda row: str(row.name)),
        "createdAt": _range_part(JobFilter, "created_at"),
        "updatedAt": _range_part(JobFilter, "updated_at"),
    },
    "node": {
        "nodeKind": _node_kinds,
        "name": _text_part(NodeFilter, "name", lambda row: str(row.name)),
        "active": lambda _rows: (NodeFilter(active=each) for each in (True, False)),
    },
}


# --- values --------------------------------------------------------------------------------------------------------


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Each value that is not None once, in an order that does not depend on hashing."""
    return list(dict.fromkeys(value for value in values if value is not None))


def _words(values: Iterable[str | None]) -> Iterator[frozenset[str]]:
    present = _distinct(values) or [_ABSENT]
    yield from (frozenset({word}) for word in present)
    yield frozenset({_ABSENT})
    yield frozenset({*present[:2], _ABSENT, "a,b", "é"})
    yield frozenset({present[0].swapcase()})


def _keys(kind: Kind, source: str, present: Sequence[Key]) -> Iterator[frozenset[Key]]:
    like = present[0].parts[:-1] if present else ()
    absent = Key(kind, source, (*like, "987654321"))
    yield from (frozenset({key}) for key in present[:3])
    yield frozenset({absent})
    yield frozenset({*present[:2], *present[-1:], absent})
    yield frozenset({Key(kind, source, ("no such/thing, or is there?",))})


def _texts(values: Iterable[str | None]) -> Iterator[TextMatch]:
    present = _distinct(values) or [_ABSENT]
    # Whoever has rows with odd names wants them tried.
    present.sort(key=lambda text: (text.isascii() and text.replace(" ", "").isalnum(), text))
    one, other = present[0], present[-1]
    yield TextMatch(equals=other)
    yield TextMatch(equals=one)
    yield TextMatch(equals=other.swapcase())
    yield TextMatch(among=frozenset({one, other, _ABSENT, "a,b"}))
    yield TextMatch(starts_with=other[:4].swapcase())
    yield TextMatch(contains=other[1:-1].upper())
    yield TextMatch(contains=one[len(one) // 2 :])
    yield TextMatch(starts_with=other[:1], contains=other[-2:])
    yield TextMatch(equals=other, among=frozenset({one, other}), starts_with=other[:2], contains=other[1:3])
    yield TextMatch(starts_with="")
    yield from (TextMatch(contains=text) for text in ("%", "_", "\\", "É", ",", "&"))


def _ranges(values: Iterable[Instant | None]) -> Iterator[InstantRange]:
    present = sorted({value.us for value in values if value is not None}) or [0]
    low, high, last = present[len(present) // 4], present[3 * len(present) // 4], present[-1]
    yield InstantRange(low, high + 1)
    yield InstantRange(low, high)
    yield InstantRange(low + 1, None)
    yield InstantRange(None, high)
    yield InstantRange(last, last + 1)
    yield InstantRange(last + 1, None)
    yield InstantRange(None, present[0])
    yield InstantRange()


def _hostile(kind: Kind, source: str) -> list[Any]:
    texts = [
        TextMatch(equals="\0"),
        TextMatch(contains="\0"),
        TextMatch(contains="x" * 20_000),
        TextMatch(among=frozenset(f"name {number}" for number in range(2000))),
    ]
    ranges = [InstantRange(-(1 << 61), 1 << 61), InstantRange(1 << 60, None), InstantRange(None, -(1 << 60))]
    jobs = frozenset(Key("job", source, (str(number),)) for number in range(1, 1000))
    odd = frozenset({Key("job", source, ()), Key("job", source, ("",)), Key("job", source, ("\0", "é/%"))})
    nodes = frozenset(Key("node", source, key.parts) for key in jobs | odd)
    match kind:
        case "execution":
            return [
                *(ExecutionFilter(name=text) for text in texts),
                *(ExecutionFilter(node_name=text) for text in texts),
                *(ExecutionFilter(actor=text) for text in texts),
                *(ExecutionFilter(search=text.equals or text.contains or "") for text in texts),
                *(ExecutionFilter(created_at=limits, finished_at=limits) for limits in ranges),
                *(ExecutionFilter(started_at=limits, active_during=limits) for limits in ranges),
                *(ExecutionFilter(jobs=keys) for keys in (jobs, odd)),
                *(ExecutionFilter(nodes=keys) for keys in (nodes, nodes - jobs)),
                ExecutionFilter(raw_statuses=frozenset({"", "\0", "x" * 20_000})),
            ]
        case "job":
            return [
                *(JobFilter(name=text) for text in texts),
                *(JobFilter(created_at=limits, updated_at=limits) for limits in ranges),
                JobFilter(raw_states=frozenset({"", "\0", "x" * 20_000})),
            ]
        case "node":
            return [NodeFilter(name=text) for text in texts]
