"""How ThreatConnect answers a list: which part of a filter becomes which TQL (DOMAIN C11; contract, sections 3 and 6).

Pure. Used are only parameters that the server offers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.threatconnect.client import EXECUTIONS, JOBS, query_bytes
from adapters.threatconnect.terms import Terms, exact_texts, limits_of
from adapters.threatconnect.tql import Both, Condition, Missing, Present, TqlSyntaxError, judge, text_of
from gateway.query import ExecutionFilter, InstantRange, JobFilter, ListQuery, Order, OrderField
from gateway.records import wanted
from gateway.spi import Capabilities, Cost, Guarantee, ScanPlan

EXECUTION_PARAMETERS = frozenset(
    {"completedTime", "failedTime", "id", "jobId", "queueTime", "serverName", "startTime", "status"}
)
JOB_PARAMETERS = frozenset({"active", "id", "name"})
"""The TQL parameters that are put to use where a server offers them."""

PROVEN_EXECUTION_PARAMETERS = frozenset({"completedTime", "jobId"})
PROVEN_JOB_PARAMETERS = frozenset({"id", "name"})
"""Those that public examples show: every server has them (contract, section 6.6)."""

LONGEST_TQL = 1400
"""How many bytes of a query a person's own TQL may take."""

COSTS: Mapping[str, Cost] = dict.fromkeys(
    # Of executions, and of the jobs that they name by number; in lists of jobs these come with the row.
    (
        "Execution.name",
        "Job.name",
        "Job.state",
        "Job.rawState",
        "Job.definition",
        "Job.details",
        "Job.raw",
        "Job.latestExecution",
    ),
    Cost.BATCH,
)

Params = tuple[tuple[str, str], ...]

# Some rows lack startTime, and no parameter tells what the gateway's order has in their place.
_KEYS: Mapping[OrderField, tuple[str, ...]] = {
    OrderField.NATIVE: (),
    OrderField.CREATED_AT: ("queueTime",),
    OrderField.FINISHED_AT: ("completedTime", "failedTime"),
}


@dataclass(frozen=True, slots=True)
class ListScan:
    """One of ThreatConnect's lists.

    ``order`` is what ``params`` ask for, in the gateway's terms; None where the list has to be read whole. ``names`` says
    whether somebody wants the names of executions, which only their jobs have. ``attributes`` are those that the rows need,
    None for all.
    """

    path: str
    params: Params
    order: Order | None
    names: bool = False
    attributes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """A list of executions that ThreatConnect sorts by itself, to be merged with others.

    ``terms`` keep the rows that have ``key``, the parameter of the order's instant; without a key those that lack it, or all
    where the order has no instant. They are sorted by the key, then by ``id``.
    """

    terms: tuple[Condition, ...]
    key: str | None


@dataclass(frozen=True, slots=True)
class MergedScan:
    """Lists of executions that have no row in common, and that are one list in ``order`` when they are merged.

    ``names`` and ``attributes`` are those of each list. ``whole`` is all of it as one list in no order, where one list can
    ask for it: for counting.
    """

    lanes: tuple[Lane, ...]
    order: Order
    names: bool
    attributes: frozenset[str] | None
    whole: ListScan | None


@dataclass(frozen=True, slots=True)
class SerialScan:
    """Lists of executions that are read one after the other, in no order."""

    scans: tuple[ListScan, ...]


@dataclass(frozen=True, slots=True)
class Offered:
    """The TQL parameters that a server offers on each of its lists, as far as they are put to use.

    ``known`` are all that it lists for executions, in lower case; None while nobody knows.
    """

    executions: frozenset[str]
    jobs: frozenset[str]
    known: frozenset[str] | None = None

    @classmethod
    def among(cls, executions: frozenset[str], jobs: frozenset[str], *, complete: bool = False) -> "Offered":
        """Those of these keywords that are put to use; TQL does not mind the case of keywords (contract, section 6.1).

        ``complete`` says whether ``executions`` are all that the server has.
        """
        known = frozenset(keyword.lower() for keyword in executions) if complete else None
        return cls(_used(EXECUTION_PARAMETERS, executions), _used(JOB_PARAMETERS, jobs), known)

    def keys(self, order: Order) -> tuple[str, ...] | None:
        """The parameters of the order's instant, the first one that a row has being the one that counts; none has NATIVE.

        None when executions cannot be had in that order: ties need ``id`` as well.
        """
        keys = _KEYS.get(order.field)
        return keys if keys is not None and {"id", *keys} <= self.executions else None

    def refusal(self, tql: str) -> str | None:
        """Why a person's TQL cannot be answered; None when nothing speaks against it."""
        try:
            named = judge(tql)
        except TqlSyntaxError as error:
            return f"`tql` is no TQL: {error.reason} at position {error.position}, counted from 0."
        for name, position in named:
            if self.known is not None and name.lower() not in self.known:
                offered = ", ".join(sorted(self.known))
                return f"`tql` names {name!r} at position {position}, which is none of the parameters on offer: {offered}."
        size = query_bytes([("tql", tql)])
        return None if size <= LONGEST_TQL else f"`tql` is too long: {size} bytes in an address, of at most {LONGEST_TQL}."


def capabilities(offered: Offered) -> Capabilities:
    """What a server can do that offers these parameters."""
    executions = offered.executions
    pushed = {
        "jobId": "jobId" in executions,
        "createdAt": "queueTime" in executions,
        "startedAt": "startTime" in executions,
        "finishedAt": {"completedTime", "failedTime"} <= executions,
        "state": "active" in offered.jobs,
        "rawState": "active" in offered.jobs,
    }
    return Capabilities(
        lists_all_executions=True,
        pushed_filters=frozenset(name for name, is_pushed in pushed.items() if is_pushed),
        orders=frozenset(field for field in OrderField if offered.keys(Order(field)) is not None),
        counts=True,
        tql=True,
        # As many of the longest ids as one request holds.
        batch_size=75 if "id" in executions else 1,
        costs=COSTS,
    )


def _used(known: frozenset[str], keywords: frozenset[str]) -> frozenset[str]:
    folded = {keyword.lower() for keyword in keywords}
    return frozenset(name for name in known if name.lower() in folded)


def plan(query: ListQuery, offered: Offered) -> ScanPlan:
    """How ThreatConnect would answer the query."""
    match query.filter:
        case ExecutionFilter() as given:
            return _executions(query, given, offered)
        case JobFilter() as given:
            return _jobs(query, given, offered)
        case _:
            return ScanPlan(None, reason_empty="ThreatConnect has no list of its job servers.")


def _executions(query: ListQuery, given: ExecutionFilter, offered: Offered) -> ScanPlan:
    if given.trigger_kinds is not None or given.actor is not None:
        return ScanPlan(None, reason_empty="ThreatConnect does not tell what set an execution going.")
    if given.tql is not None and (refusal := offered.refusal(given.tql)) is not None:
        return ScanPlan(None, unsupported=refusal)
    terms = Terms(offered.executions)
    terms.given(given.tql)
    terms.jobs(given.jobs)
    terms.statuses(given.statuses)
    terms.texts("status", given.raw_statuses)
    terms.servers(given.nodes)
    terms.texts("serverName", exact_texts(given.node_name))
    terms.range("createdAt", "queueTime", given.created_at)
    terms.range("startedAt", "startTime", given.started_at)
    if given.active_during is not None:
        # What went on in a range had started before its end; the gateway sees to the rest.
        terms.range("", "startTime", InstantRange(None, given.active_during.end))
    but_for_the_end = terms.lists
    terms.finished(given.finished_at)
    if terms.empty is not None:
        return ScanPlan(None, reason_empty=terms.empty)
    named = given.name is not None or given.search is not None
    # No fields named: nothing is known about what will be read.
    names = named or not query.fields or "name" in query.fields
    keys = offered.keys(query.order)
    native: ListScan | SerialScan | MergedScan
    if keys is None:
        native = _unsorted(terms.lists, offered, names)
    elif len(keys) > 1:
        native = _merged(_lanes(but_for_the_end, keys, given.finished_at), query, names, terms.lists)
    elif len(terms.lists) > 1:
        native = _merged(_lanes(terms.lists, keys, None), query, names, terms.lists)
    else:
        sorting = _sorting(keys, query.order)
        native = ListScan(EXECUTIONS, params_of(terms.lists[0], sorting), query.order, names, wanted(query))
    return ScanPlan(
        native,
        pushed=frozenset(terms.pushed),
        unseen=frozenset({"tql"} & terms.pushed),
        order=Guarantee.NONE if keys is None else Guarantee.EXACT,
        counts=terms.exact and len(terms.lists) == 1,
    )


Lists = Sequence[tuple[Condition, ...]]
"""The conditions of each list that has to be asked for."""


def _unsorted(lists: Lists, offered: Offered, names: bool) -> ListScan | SerialScan:
    """Lists that the gateway has to sort: they are kept for queries that may need other attributes (gateway.cache)."""
    # What is read whole is read newest first: a budget may end before it does.
    newest = Order(OrderField.CREATED_AT)
    keys = offered.keys(newest)
    sorting = None if keys is None else _sorting(keys, newest)
    scans = tuple(ListScan(EXECUTIONS, params_of(terms, sorting), None, names) for terms in lists)
    return scans[0] if len(scans) == 1 else SerialScan(scans)


def _merged(lanes: tuple[Lane, ...], query: ListQuery, names: bool, lists: Lists) -> MergedScan:
    whole = ListScan(EXECUTIONS, params_of(lists[0], None), None) if len(lists) == 1 else None
    return MergedScan(lanes, query.order, names, wanted(query), whole)


def _lanes(lists: Sequence[tuple[Condition, ...]], keys: tuple[str, ...], limits: InstantRange | None) -> tuple[Lane, ...]:
    """The lanes of each list: one for every key, of the rows that lack those before it, and one of the rows that lack all.

    ``limits`` is the filter's range on the end, which no row without an end is in.
    """
    lanes = []
    for terms in lists:
        lacking: tuple[Condition, ...] = ()
        for key in keys:
            within = () if limits is None else limits_of(key, limits)[0]
            lanes.append(Lane((*terms, *lacking, Present(key), *within), key))
            lacking = (*lacking, Missing(key))
        if limits is None:
            lanes.append(Lane((*terms, *lacking), None))
    return tuple(lanes)


def params_of(terms: tuple[Condition, ...], sorting: str | None) -> Params:
    """The parameters of a request."""
    filtered = (("tql", text_of(Both(terms))),) if terms else ()
    return (*filtered, ("sorting", sorting)) if sorting else filtered


def _sorting(keys: tuple[str, ...], order: Order) -> str:
    """How one list is asked for in an order of so many keys, one at most."""
    return sorting_of(keys[0] if keys else None, descending=order.descending)


def sorting_of(key: str | None, *, descending: bool) -> str:
    """How a list is asked for by an instant and then by id, or by id alone."""
    return "id asc" if key is None else f"{key} {'desc' if descending else 'asc'} id asc"


def _jobs(query: ListQuery, given: JobFilter, offered: Offered) -> ScanPlan:
    if given.created_at is not None or given.updated_at is not None:
        return ScanPlan(None, reason_empty="ThreatConnect does not tell when a job was created or changed.")
    terms = Terms(offered.jobs)
    terms.states(given.states, given.raw_states)
    terms.texts("name", exact_texts(given.name))
    if terms.empty is not None:
        return ScanPlan(None, reason_empty=terms.empty)
    sorts = "id" in offered.jobs
    (only,) = terms.lists
    return ScanPlan(
        ListScan(
            JOBS,
            params_of(only, "id asc" if sorts else None),
            query.order if sorts else None,
            # As with executions: what the gateway has to sort is kept.
            attributes=wanted(query) if sorts else None,
        ),
        pushed=frozenset(terms.pushed),
        order=Guarantee.EXACT if sorts else Guarantee.NONE,
        # No job has an instant, so that all orders of jobs are the order of their ids.
        reports_key=query.order.field is OrderField.NATIVE,
        counts=terms.exact,
    )
