"""How ThreatConnect answers a list: which part of a filter becomes which TQL (DOMAIN C11; contract, sections 3 and 6).

Pure. Used are only parameters that the server offers. Whether texts are compared with or without regard to case is up to the
server's database, so texts are asked for to save rows and never count as pushed: the gateway looks again.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adapters.threatconnect.client import EXECUTIONS, JOBS, QUERY_BYTES, query_bytes
from adapters.threatconnect.mapping import EXECUTION_STATUS, JOB_STATE, raw_state
from adapters.threatconnect.tql import Among, Both, Compare, Condition, Either, Missing, Operator, text_of
from gateway.instant import Instant
from gateway.model import ExecutionStatus, JobState, Key
from gateway.query import ExecutionFilter, InstantRange, JobFilter, ListQuery, Order, OrderField, TextMatch
from gateway.spi import Capabilities, Cost, Guarantee, ScanPlan

EXECUTION_PARAMETERS = frozenset(
    {"completedTime", "failedTime", "id", "jobId", "queueTime", "serverName", "startTime", "status"}
)
JOB_PARAMETERS = frozenset({"active", "id", "name"})
"""The TQL parameters that are put to use where a server offers them."""

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

_SECOND = 1_000_000
_LATEST = 253_402_300_799 * _SECOND  # 9999-12-31T23:59:59Z
_ID = re.compile(r"[1-9]\d{0,17}\Z", re.ASCII)
_PUSHABLE = re.compile(r"(?! )[\x20-\x7e]{1,255}(?<! )\Z", re.ASCII)
_NO_CONTROL = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,255}\Z")


@dataclass(frozen=True, slots=True)
class ListScan:
    """One of ThreatConnect's lists.

    ``order`` is what ``params`` ask for, in the gateway's terms; None where the list has to be read whole. ``names`` says
    whether somebody wants the names of executions, which only their jobs have.
    """

    path: str
    params: Params
    order: Order | None
    names: bool = False


@dataclass(frozen=True, slots=True)
class Offered:
    """The TQL parameters that a server offers on each of its lists."""

    executions: frozenset[str]
    jobs: frozenset[str]

    @classmethod
    def among(cls, executions: frozenset[str], jobs: frozenset[str]) -> "Offered":
        """Those of these keywords that are put to use; TQL does not mind the case of keywords (contract, section 6.1)."""
        return cls(_used(EXECUTION_PARAMETERS, executions), _used(JOB_PARAMETERS, jobs))

    def sorting(self, order: Order) -> str | None:
        """How executions are asked for in an order; None when they cannot be: ties need ``id`` as well."""
        if "id" not in self.executions:
            return None
        if order.field is OrderField.NATIVE:
            return "id asc"
        # Of startTime and the two ends some are missing, and no keyword puts those where the gateway's order has them.
        if order.field is OrderField.CREATED_AT and "queueTime" in self.executions:
            return f"queueTime {'desc' if order.descending else 'asc'} id asc"
        return None


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
        orders=frozenset(field for field in OrderField if offered.sorting(Order(field)) is not None),
        counts=True,
        # As many of the longest ids as one request holds.
        batch_size=90 if "id" in executions else 1,
        costs=COSTS,
    )


def _used(known: frozenset[str], keywords: frozenset[str]) -> frozenset[str]:
    folded = {keyword.lower() for keyword in keywords}
    return frozenset(name for name in known if name.lower() in folded)


def number_of(part: str) -> int | None:
    """The number that a part of a key stands for; None when no id of ThreatConnect looks like that."""
    return int(part) if _ID.match(part) else None


def server_of(parts: tuple[str, ...]) -> str | None:
    """The name of the job server that a key stands for; None when no server is called that."""
    return parts[0] if len(parts) == 1 and _NO_CONTROL.match(parts[0]) else None


def pushable(text: str) -> bool:
    """Whether every database finds at least the rows that hold exactly this text when asked for it."""
    return _PUSHABLE.match(text) is not None


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
    tql = _Tql(offered.executions)
    tql.jobs(given.jobs)
    tql.statuses(given.statuses)
    tql.texts("status", given.raw_statuses)
    tql.servers(given.nodes)
    tql.texts("serverName", _exact(given.node_name))
    tql.range("createdAt", "queueTime", given.created_at)
    tql.range("startedAt", "startTime", given.started_at)
    tql.finished(given.finished_at)
    if given.active_during is not None:
        # What went on in a range had started before its end; the gateway sees to the rest.
        tql.range("", "startTime", InstantRange(None, given.active_during.end))
    if tql.empty is not None:
        return ScanPlan(None, reason_empty=tql.empty)
    sorting = offered.sorting(query.order)
    # A list that is read whole is read newest first: a budget may end before it does.
    newest = offered.sorting(Order(OrderField.CREATED_AT))
    named = given.name is not None or given.search is not None
    scan = ListScan(
        EXECUTIONS,
        tql.params(sorting or newest),
        query.order if sorting else None,
        # No fields named: nothing is known about what will be read.
        names=named or not query.fields or "name" in query.fields,
    )
    order = Guarantee.EXACT if sorting else Guarantee.NONE
    return ScanPlan(scan, pushed=frozenset(tql.pushed), order=order, counts=tql.exact)


def _jobs(query: ListQuery, given: JobFilter, offered: Offered) -> ScanPlan:
    if given.created_at is not None or given.updated_at is not None:
        return ScanPlan(None, reason_empty="ThreatConnect does not tell when a job was created or changed.")
    tql = _Tql(offered.jobs)
    tql.states(given.states, given.raw_states)
    tql.texts("name", _exact(given.name))
    if tql.empty is not None:
        return ScanPlan(None, reason_empty=tql.empty)
    sorts = "id" in offered.jobs
    return ScanPlan(
        ListScan(JOBS, tql.params("id asc" if sorts else None), query.order if sorts else None),
        pushed=frozenset(tql.pushed),
        order=Guarantee.EXACT if sorts else Guarantee.NONE,
        # No job has an instant, so that all orders of jobs are the order of their ids.
        reports_key=query.order.field is OrderField.NATIVE,
        counts=tql.exact,
    )


class _Tql:
    """Collects conditions on offered parameters, the filter parts they stand for exactly, and why nothing can match."""

    def __init__(self, offered: frozenset[str]) -> None:
        self.pushed: set[str] = set()
        self.empty: str | None = None
        self.exact = True
        """Whether the source keeps exactly the rows that the parts in ``pushed`` keep."""
        self._offered = offered
        self._terms: tuple[Condition, ...] = ()

    def params(self, sorting: str | None) -> Params:
        """The parameters of the request."""
        filtered = (("tql", text_of(Both(self._terms))),) if self._terms else ()
        return (*filtered, ("sorting", sorting)) if sorting else filtered

    def jobs(self, keys: frozenset[Key] | None) -> None:
        """Executions of jobs: exact, numbers being numbers."""
        if keys is None:
            return
        numbers = sorted({number for key in keys if len(key.parts) == 1 and (number := number_of(key.parts[0])) is not None})
        if not numbers:
            self.empty = "ThreatConnect has no such job."
        elif "jobId" in self._offered:
            self._add({"jobId"}, Among("jobId", tuple(numbers)))

    def statuses(self, wanted: frozenset[ExecutionStatus] | None) -> None:
        """Unified statuses as the words for them, or no word at all: what those rows are, their instants say.

        UNKNOWN stands for all words but the known ones, which ThreatConnect cannot be asked for.
        """
        if wanted is None or ExecutionStatus.UNKNOWN in wanted:
            return
        words = tuple(sorted(word for word, status in EXECUTION_STATUS.items() if status in wanted))
        if not words:
            self.empty = "ThreatConnect has no such status."
        elif "status" in self._offered:
            self._add(set(), Either((Among("status", words), Missing("status"))))

    def states(self, wanted: frozenset[JobState] | None, words: frozenset[str] | None) -> None:
        """Unified states and verbatim words as ``active``, where they leave one of its two values."""
        chosen = {True, False}
        pushed: set[str] = set()
        if wanted is not None:
            if JobState.UNKNOWN not in wanted:
                pushed.add("state")
            chosen = {active for active in chosen if JOB_STATE[active] in wanted or JobState.UNKNOWN in wanted}
        if words is not None:
            pushed.add("rawState")
            chosen = {active for active in chosen if raw_state(active) in words}
        if not chosen:
            self.empty = "ThreatConnect has no such state of a job."
        elif len(chosen) == 1 and pushed and "active" in self._offered:
            self._add(pushed, Among("active", tuple(chosen)))

    def servers(self, keys: frozenset[Key] | None) -> None:
        """Executions on job servers."""
        if keys is None:
            return
        names = {name for key in keys if (name := server_of(key.parts)) is not None}
        if names:
            self.texts("serverName", names)
        else:
            self.empty = "ThreatConnect has no such job server."

    def texts(self, parameter: str, wanted: Iterable[str] | None) -> None:
        """Rows that hold one of these texts, and perhaps others."""
        if wanted is None or parameter not in self._offered:
            return
        texts = tuple(sorted(wanted))
        if texts and all(pushable(text) for text in texts):
            self._add(set(), Among(parameter, texts))

    def range(self, part: str, parameter: str, limits: InstantRange | None) -> None:
        """A range of one instant; ``part`` is pushed where the limits are whole seconds, as ThreatConnect's instants are."""
        if limits is None or parameter not in self._offered:
            return
        terms, exact = _limits(parameter, limits)
        if terms:
            self._add({part} if exact and part else set(), *terms)

    def finished(self, limits: InstantRange | None) -> None:
        """A range of the end: ``completedTime``, or ``failedTime`` in its place. One alone would lose the other's rows."""
        if limits is None or not {"completedTime", "failedTime"} <= self._offered:
            return
        completed, exact = _limits("completedTime", limits)
        failed, _ = _limits("failedTime", limits)
        if completed:
            either = Either((_all(completed), Both((Missing("completedTime"), *failed))))
            self._add({"finishedAt"} if exact else set(), either)

    def _add(self, pushed: set[str], *terms: Condition) -> None:
        """Adds what stands for the parts ``pushed`` (none: it only saves rows), unless the query would be too long."""
        together = (*self._terms, *terms)
        if query_bytes([("tql", text_of(Both(together)))]) <= QUERY_BYTES:
            self._terms = together
            self.pushed |= pushed
            self.exact = self.exact and bool(pushed)


def _all(terms: tuple[Condition, ...]) -> Condition:
    return terms[0] if len(terms) == 1 else Both(terms)


def _limits(parameter: str, limits: InstantRange) -> tuple[tuple[Condition, ...], bool]:
    """A range in whole seconds that holds the given one, and whether it is the given one.

    TQL is not given fractions (contract, section 6.5), nor instants that no server's calendar has.
    """
    bounds: tuple[tuple[Operator, int | None], ...] = ((">=", limits.start), ("<", limits.end))
    terms: list[Condition] = []
    exact = True
    for operator, us in bounds:
        if us is None:
            continue
        whole = us // _SECOND * _SECOND if operator == ">=" else -(-us // _SECOND) * _SECOND
        sayable = 0 <= whole <= _LATEST
        exact = exact and sayable and whole == us
        if sayable:
            terms.append(Compare(parameter, operator, Instant.from_us(whole).text))
    return tuple(terms), exact


def _exact(match: TextMatch | None) -> frozenset[str] | None:
    """The texts among which a match finds its own, where it names them."""
    if match is None or (match.equals is None and match.among is None):
        return None
    if match.equals is None:
        return match.among
    return frozenset({match.equals})
