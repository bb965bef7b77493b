"""Which part of a filter becomes which TQL (DOMAIN C11; contract of ThreatConnect, section 6). Pure.

Used are only parameters that the server offers. Whether texts are compared with or without regard to case is up to the
server's database, so texts are asked for to save rows and never count as pushed: the gateway looks again.
"""

import re
from collections.abc import Iterable

from adapters.threatconnect.client import QUERY_BYTES, id_chunks, query_bytes
from adapters.threatconnect.mapping import JOB_STATE, STATUS_SPELLED, raw_state
from adapters.threatconnect.tql import Among, Both, Compare, Condition, Either, Missing, Operator, Verbatim, text_of
from gateway.instant import Instant
from gateway.model import ExecutionStatus, JobState, Key
from gateway.query import InstantRange, TextMatch

SECOND = 1_000_000
LATEST = 253_402_300_799 * SECOND  # 9999-12-31T23:59:59Z
_MOST_LISTS = 10
_ID = re.compile(r"[1-9]\d{0,17}\Z", re.ASCII)
_PUSHABLE = re.compile(r"(?! )[\x20-\x7e]{1,255}(?<! )\Z", re.ASCII)
_NO_CONTROL = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,255}\Z")


def number_of(part: str) -> int | None:
    """The number that a part of a key stands for; None when no id of ThreatConnect looks like that."""
    return int(part) if _ID.match(part) else None


def server_of(parts: tuple[str, ...]) -> str | None:
    """The name of the job server that a key stands for; None when no server is called that."""
    return parts[0] if len(parts) == 1 and _NO_CONTROL.match(parts[0]) else None


def pushable(text: str) -> bool:
    """Whether every database finds at least the rows that hold exactly this text when asked for it."""
    return _PUSHABLE.match(text) is not None


class Terms:
    """Collects conditions on offered parameters, the filter parts they stand for exactly, and why nothing can match."""

    def __init__(self, offered: frozenset[str]) -> None:
        self.pushed: set[str] = set()
        self.empty: str | None = None
        self.exact = True
        """Whether the source keeps exactly the rows that the parts in ``pushed`` keep."""
        self._offered = offered
        self._terms: tuple[Condition, ...] = ()
        self._jobs: tuple[Among, ...] = ()

    @property
    def lists(self) -> list[tuple[Condition, ...]]:
        """The conditions of each list to be asked for: one, or several among which the jobs are dealt out."""
        return [(jobs, *self._terms) for jobs in self._jobs] or [self._terms]

    def given(self, tql: str | None) -> None:
        """What a person wrote. It comes first: it cannot be left to the gateway."""
        if tql is not None:
            self.pushed.add("tql")
            self._terms = (Verbatim(tql),)

    def jobs(self, keys: frozenset[Key] | None) -> None:
        """Executions of jobs: exact, numbers being numbers. More than a request can name are asked for by several lists."""
        if keys is None:
            return
        numbers = sorted({number for key in keys if len(key.parts) == 1 and (number := number_of(key.parts[0])) is not None})
        if not numbers:
            self.empty = "ThreatConnect has no such job."
        elif "jobId" in self._offered:
            chunks = [Among("jobId", chunk) for chunk in id_chunks("jobId", numbers, _bytes(self._terms))]
            if len(chunks) <= _MOST_LISTS:
                self.pushed.add("jobId")
                self._jobs = tuple(chunks)

    def statuses(self, wanted: frozenset[ExecutionStatus] | None) -> None:
        """Unified statuses as the words for them, or no word at all: what those rows are, their instants say.

        UNKNOWN stands for all words but the known ones, which ThreatConnect cannot be asked for.
        """
        if wanted is None or ExecutionStatus.UNKNOWN in wanted:
            return
        words = tuple(sorted(word for word, status in STATUS_SPELLED.items() if status in wanted))
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
        terms, exact = limits_of(parameter, limits)
        if terms:
            self._add({part} if exact and part else set(), *terms)

    def finished(self, limits: InstantRange | None) -> None:
        """A range of the end: ``completedTime``, or ``failedTime`` in its place. One alone would lose the other's rows."""
        if limits is None or not {"completedTime", "failedTime"} <= self._offered:
            return
        completed, exact = limits_of("completedTime", limits)
        failed, _ = limits_of("failedTime", limits)
        if completed:
            either = Either((all_of(completed), Both((Missing("completedTime"), *failed))))
            self._add({"finishedAt"} if exact else set(), either)

    def _add(self, pushed: set[str], *terms: Condition) -> None:
        """Adds what stands for the parts ``pushed`` (none: it only saves rows), unless the query would be too long."""
        together = (*self._terms, *terms)
        if max(_bytes((jobs, *together)) for jobs in self._jobs or (None,)) <= QUERY_BYTES:
            self._terms = together
            self.pushed |= pushed
            self.exact = self.exact and bool(pushed)


def _bytes(terms: tuple[Condition | None, ...]) -> int:
    """How long a query of these conditions is."""
    given = tuple(term for term in terms if term is not None)
    return query_bytes([("tql", text_of(Both(given)))])


def all_of(terms: tuple[Condition, ...]) -> Condition:
    """One condition that stands for all of these."""
    return terms[0] if len(terms) == 1 else Both(terms)


def limits_of(parameter: str, limits: InstantRange) -> tuple[tuple[Condition, ...], bool]:
    """A range in whole seconds that holds the given one, and whether it is the given one.

    TQL is not given fractions (contract, section 6.5), nor instants that no server's calendar has.
    """
    bounds: tuple[tuple[Operator, int | None], ...] = ((">=", limits.start), ("<", limits.end))
    terms: list[Condition] = []
    exact = True
    for operator, us in bounds:
        if us is None:
            continue
        whole = us // SECOND * SECOND if operator == ">=" else -(-us // SECOND) * SECOND
        sayable = 0 <= whole <= LATEST
        exact = exact and sayable and whole == us
        if sayable:
            terms.append(Compare(parameter, operator, Instant.from_us(whole).text))
    return tuple(terms), exact


def exact_texts(match: TextMatch | None) -> frozenset[str] | None:
    """The texts among which a match finds its own, where it names them."""
    if match is None or (match.equals is None and match.among is None):
        return None
    if match.equals is None:
        return match.among
    return frozenset({match.equals})
