"""Queries as plans: what AWX filters and sorts itself, and what the gateway has to do (DOMAIN C11, DECISIONS 25). Pure.

A plan's ``native`` is a tuple of ``Leg``: lists that are read one after the other. Executions and jobs have one leg, nodes
two (hosts, then instances).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from adapters.awx import conditions, keys
from adapters.awx.client import Param
from adapters.awx.conditions import Conditions
from adapters.awx.kinds import ONLY_JOBS, Listing
from adapters.awx.planning_status import FINAL, launched, push_status
from adapters.awx.words import FINAL_WORDS
from gateway.model import JobState, NodeKind
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
    filter_range,
)
from gateway.records import wanted
from gateway.spi import Guarantee, ScanPlan

COLUMNS = {
    OrderField.CREATED_AT: "created",
    OrderField.STARTED_AT: "started",
    OrderField.FINISHED_AT: "finished",
    OrderField.DURATION: "elapsed",
}
"""The column of AWX that holds an order's key; NATIVE orders by id."""

NULLABLE = frozenset({OrderField.STARTED_AT, OrderField.FINISHED_AT})
"""Orders whose key a row may lack."""

PUSHED_FILTERS = frozenset(
    {"status", "rawStatus", "jobId", "name", "nodeId", "nodeName", "triggerKind", "search"}
    | {"createdAt", "startedAt", "finishedAt", "activeDuring", "state", "rawState", "updatedAt", "nodeKind", "active"}
)

_LONGEST_QUERY = 7000
_NEWEST = Order(OrderField.CREATED_AT)
_BY_ID = Order(OrderField.NATIVE, descending=False)

_UNENDED_HOSTS = "AWX knows the hosts of a run only when it has ended: runs that have not ended may be missing."
_TOO_MANY = "AWX takes at most 200 ids in one filter."
_MANY_NODES = "AWX cannot be asked for so many nodes, or for several with commas in their names, in one filter."
_TOO_LONG = "The filter is too long for AWX's addresses."
_ONE_NODE_PART = "AWX can filter by one condition on nodes at a time: give nodeId or one part of nodeName."
_NODE_TEXT = "AWX cannot look for this text in node names: use startsWith or contains with ASCII letters, or equals."


@dataclass(frozen=True, slots=True)
class Leg:
    """One list of AWX and how it is read.

    ``order`` is the order it is asked for in, always with the id ascending as tie-break; NATIVE is by id alone. ``edge``
    is the first key, in microseconds, that ``params`` let pass. ``rank`` is the first part of its rows' ties, where
    several legs make one list. ``attributes`` are those that its rows need, None for all.
    """

    path: str
    params: tuple[Param, ...]
    order: Order
    edge: int | None = None
    rank: int | None = None
    attributes: frozenset[str] | None = None


def plan(query: ListQuery, listing: Listing = ONLY_JOBS) -> ScanPlan:
    """How AWX would answer the query; ``listing`` says what its executions are."""
    attributes = wanted(query)
    match query.filter:
        case ExecutionFilter() as given:
            return _executions(given, query.order, attributes, listing)
        case JobFilter() as given:
            return _jobs(given, query.order, attributes)
        case NodeFilter() as given:
            return _nodes(given, attributes)


# --- executions ----------------------------------------------------------------------------------------------------


def _executions(given: ExecutionFilter, order: Order, attributes: frozenset[str] | None, listing: Listing) -> ScanPlan:
    asked = Conditions(params=listing.params)
    _ask_nodes(asked, given, listing)
    if given.search is not None and listing.names:
        _ask_search(asked, given.search)
    if given.statuses is not None:
        push_status(asked, given.statuses)
    if given.raw_statuses is not None:
        asked.push("rawStatus", conditions.listed("status", given.raw_statuses))
    if given.jobs is not None:
        _ask_ids(asked, "jobId", listing.of_job("job_template"), (keys.number(key) for key in given.jobs))
    if listing.names:
        _ask_text(asked, "name", "name", given.name)
    if given.trigger_kinds is not None:
        asked.push("triggerKind", launched(given.trigger_kinds))
    _ask_range(asked, "createdAt", "created", given.created_at)
    _ask_range(asked, "startedAt", "started", given.started_at)
    _ask_range(asked, "finishedAt", "finished", given.finished_at)
    if given.active_during is not None:
        asked.push("activeDuring", conditions.during(given.active_during))
    # AWX's elapsed counts up while a job runs, and its stored column, which sorts, does not: it holds for ended jobs only.
    sorts = order.field is not OrderField.DURATION or ("status" in asked.pushed and (given.statuses or FINAL) <= FINAL)
    if sorts:
        return _plan(asked, (_leg(listing.path, asked, given, order, attributes),))
    # A list that the gateway has to sort is kept for other queries, which may need other attributes (gateway.cache).
    return _plan(asked, (_leg(listing.path, asked, given, _NEWEST, None),), exact=False)


def _ask_nodes(asked: Conditions, given: ExecutionFilter, listing: Listing) -> None:
    """Nodes in any role. Rows show executor and controller, never the hosts: what concerns those cannot stay behind."""
    host = listing.of_job("job_host_summaries__host")
    if given.nodes is None and given.node_name is None:
        return
    if given.nodes is not None and given.node_name is not None:
        asked.unsupported = _ONE_NODE_PART
        return
    part, by_host = "nodeName", True
    if given.nodes is not None:
        hosts = {number for key in given.nodes if (number := keys.host_number(key)) is not None}
        names = {name for key in given.nodes if (name := keys.named(key, keys.HOST_NAME)) is not None}
        instances = {name for key in given.nodes if (name := keys.named(key, keys.INSTANCE)) is not None}
        part, by_host = "nodeId", bool(hosts or names)
        _ask_any_node(
            asked,
            part,
            [
                ([] if not hosts else conditions.numbers(host, hosts)),
                ([] if not names else conditions.listed(f"{host}_name", names)),
                ([] if not instances else conditions.listed("execution_node", instances)),
                ([] if not instances else conditions.listed("controller_node", instances)),
            ],
        )
    else:
        _ask_node_name(asked, given.node_name or TextMatch(), f"{host}_name")
    if by_host and part in asked.pushed:
        asked.unseen.add(part)
        if _may_be_open(given):
            asked.caveat = _UNENDED_HOSTS


def _ask_node_name(asked: Conditions, match: TextMatch, host_name: str) -> None:
    if match.parts != 1:
        asked.unsupported = _ONE_NODE_PART
        return
    if "" in (match.starts_with, match.contains):
        asked.unsupported = _NODE_TEXT
        return
    found = [conditions.text(name, match) for name in (host_name, "execution_node", "controller_node")]
    if not all(complete for _, complete in found):
        asked.unsupported = _NODE_TEXT
        return
    _ask_any_node(asked, "nodeName", [params for params, _ in found])


def _ask_any_node(asked: Conditions, part: str, found: Iterable[list[Param] | None]) -> None:
    alternatives: list[Param] = []
    for params in found:
        if params is None:
            asked.unsupported = _MANY_NODES
            return
        alternatives += params
    if alternatives:
        asked.push_any(part, alternatives)
    else:
        asked.empty = "AWX has none of these nodes."


def _may_be_open(given: ExecutionFilter) -> bool:
    if given.finished_at is not None or (given.statuses is not None and given.statuses <= FINAL):
        return False
    return given.raw_statuses is None or not given.raw_statuses.issubset(FINAL_WORDS)


def _ask_search(asked: Conditions, wanted: str) -> None:
    found = [conditions.caseless(name, "icontains", wanted) for name in ("name", "job_explanation")]
    alternatives = [param for params in found if params for param in params]
    if not wanted or alternatives:
        asked.push_any("search", alternatives)


# --- jobs and nodes ------------------------------------------------------------------------------------------------


def _jobs(given: JobFilter, order: Order, attributes: frozenset[str] | None) -> ScanPlan:
    asked = Conditions()
    if given.states is not None:
        asked.push("state", [])
        if JobState.ACTIVE not in given.states:
            asked.empty = "Every job of AWX is ACTIVE."
    if given.raw_states is not None:
        asked.push("rawState", conditions.listed("status", given.raw_states))
    _ask_text(asked, "name", "name", given.name)
    _ask_range(asked, "createdAt", "created", given.created_at)
    _ask_range(asked, "updatedAt", "modified", given.updated_at)
    # Whatever else is asked, jobs are sorted by createdAt (gateway.query.order_value).
    field = OrderField.NATIVE if order.field is OrderField.NATIVE else OrderField.CREATED_AT
    return _plan(asked, (_leg("job_templates/", asked, given, Order(field, order.descending), attributes),))


def _nodes(given: NodeFilter, attributes: frozenset[str] | None) -> ScanPlan:
    kinds = ((NodeKind.HOST, "hosts/", "name"), (NodeKind.WORKER, "instances/", "hostname"))
    legs: list[Leg] = []
    asked = Conditions()
    for rank, (kind, path, column) in enumerate(kinds):
        if given.kinds is not None and kind not in given.kinds:
            continue
        asked = Conditions()
        _ask_text(asked, "name", column, given.name)
        if given.active is not None:
            asked.push("active", [("enabled", "true" if given.active else "false")])
        if given.kinds is not None:
            asked.push("nodeKind", [])
        legs.append(Leg(path, tuple(asked.params), _BY_ID, rank=rank, attributes=attributes))
    if not legs:
        asked.empty = "AWX has hosts and workers only."
    return _plan(asked, tuple(legs))


# --- all -----------------------------------------------------------------------------------------------------------


def _ask_ids(asked: Conditions, part: str, column: str, ids: Iterable[int | None]) -> None:
    possible = {number for number in ids if number is not None}
    params = conditions.numbers(column, possible)
    if params is not None:
        asked.push(part, params)
    elif possible:
        asked.unsupported = _TOO_MANY
    else:
        asked.empty = "AWX can have none of these ids."


def _ask_text(asked: Conditions, part: str, column: str, match: TextMatch | None) -> None:
    """Several parts of a text are asked for one by one; one that AWX cannot judge leaves the whole to the gateway."""
    if match is None:
        return
    params, complete = conditions.text(column, match)
    if complete:
        asked.push(part, params)
    else:
        asked.params += params


def _ask_range(asked: Conditions, part: str, column: str, limits: InstantRange | None) -> None:
    if limits is not None:
        asked.push(part, conditions.within(column, limits))


def _leg(path: str, asked: Conditions, given: Filter, order: Order, attributes: frozenset[str] | None) -> Leg:
    limits = filter_range(given, order.field)
    edge = None
    if limits is not None and conditions.within("", limits) is not None:
        edge = limits.start if not order.descending else None if limits.end is None else limits.end - 1
    return Leg(path, tuple(asked.params), order, edge, attributes=attributes)


def _plan(asked: Conditions, legs: tuple[Leg, ...], *, exact: bool = True) -> ScanPlan:
    unsupported = asked.unsupported
    if any(_too_long(leg.params) for leg in legs):
        unsupported = unsupported or _TOO_LONG
    return ScanPlan(
        native=legs,
        pushed=frozenset(asked.pushed),
        unseen=frozenset(asked.unseen),
        order=Guarantee.EXACT if exact else Guarantee.NONE,
        counts=len(legs) == 1,
        caveat=asked.caveat,
        reason_empty=asked.empty,
        unsupported=unsupported,
    )


def _too_long(params: Sequence[Param]) -> bool:
    # A character takes twelve at most (%F0%9F%98%80), so that hardly any query need be written out to be judged.
    most = sum(12 * (len(name) + len(value)) + 2 for name, value in params)
    return most > _LONGEST_QUERY and len(urlencode(params)) > _LONGEST_QUERY
