"""Lines of one execution's log, page by page or as they come.

A page goes forward by sequence. A follower also catches lines that come late: each time it reads again from as far back as
the source says that lines may still appear, and leaves out what it has delivered.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from gateway.config import BudgetSettings
from gateway.errors import SourceError, SourceErrorCode
from gateway.logs import first_at, milliseconds_of, plain
from gateway.merge import SourceReport, SourceReportState
from gateway.model import Execution, LogLine, LogStream
from gateway.spi import Adapter, LogPage, LogQuery, SupportsLogs
from gateway.transport import Meter, current_meter, metered

_MOST_TAIL = 10_000


@dataclass(frozen=True, slots=True)
class LogRequest:
    """Which lines: of some streams, holding a text, the last ones only; ``first`` of them after a sequence."""

    first: int
    after: int | None = None
    tail: int | None = None
    streams: frozenset[LogStream] | None = None
    search: str | None = None

    @property
    def restricts(self) -> bool:
        """Whether some lines are not wanted at all."""
        return self.streams is not None or bool(self.search)

    def wants(self, line: LogLine) -> bool:
        """Whether a line belongs to the log as asked for."""
        if self.streams is not None and line.stream not in self.streams:
            return False
        return not self.search or self.search.lower() in plain(line.text).lower()


def first_query(request: LogRequest) -> LogQuery:
    """What a source is asked for a page."""
    # Of a restricted log the last lines are those that match: only reading tells.
    seeks = request.tail is not None and not request.restricts
    return LogQuery(
        after=request.after,
        tail=request.tail if seeks else None,
        streams=request.streams,
        search=request.search or None,
        rows=min(request.tail or request.first, _MOST_TAIL) if seeks else request.first + 1,
    )


@dataclass(frozen=True, slots=True)
class Lines:
    """A page of a log. ``passed`` is the sequence up to which all lines were read, wanted or not."""

    lines: Sequence[LogLine]
    more: bool
    complete: bool
    truncated: bool
    report: SourceReport
    passed: int | None


async def read_lines(
    adapter: Adapter, execution: Execution, request: LogRequest, budget: BudgetSettings, begun: LogPage | None = None
) -> Lines:
    """One page. Raises SourceError when nothing at all could be read; a later fault is in the report.

    ``begun`` is the source's first page for ``first_query(request)``, where it has been read already.
    """
    reading = _Reading(adapter, execution, request, budget, begun)
    try:
        with metered(reading.meter):
            await reading.run()
    except SourceError as error:
        error.source = error.source or execution.key.source
        if not reading.lines:
            raise
        reading.error = error
    return reading.result()


@dataclass(slots=True)
class _Reading:
    """The state of one call of ``read_lines``."""

    adapter: Adapter
    execution: Execution
    request: LogRequest
    budget: BudgetSettings
    begun: LogPage | None
    lines: deque[LogLine] = field(default_factory=deque)
    scanned: int = 0
    more: bool = False
    complete: bool = False
    truncated: bool = False
    passed: int | None = None
    error: SourceError | None = None
    meter: Meter = field(init=False)

    def __post_init__(self) -> None:
        self.meter = Meter(asyncio.get_running_loop().time() + self.budget.seconds, current_meter())
        self.passed = self.request.after

    async def run(self) -> None:
        query = first_query(self.request)
        if (begun := self.begun) is not None:
            if self._take(begun) or not begun.more:
                self._end()
                return
            query = replace(query, after=self.passed)
        pages = cast("Any", cast("SupportsLogs", self.adapter).logs(self.execution, query))
        try:
            async for page in pages:
                if self._take(page) or self._over_budget(page):
                    return
        finally:
            await pages.aclose()
        self._end()

    def _end(self) -> None:
        if self.request.tail is not None:
            self._cut_tail()

    def _take(self, page: LogPage) -> bool:
        """Keep what is wanted of a page; whether that is enough."""
        self.truncated = self.truncated or page.truncated
        self.scanned += len(page.lines)
        last = self.request.tail
        for line in page.lines:
            if self.passed is not None and line.sequence <= self.passed:
                continue
            if last is None and len(self.lines) >= self.request.first:
                if self.request.wants(line):
                    self.more = True
                    return True
            elif self.request.wants(line):
                self.lines.append(line)
                if last is not None and len(self.lines) > last:
                    self.lines.popleft()
            self.passed = line.sequence
        self.complete = page.complete and not page.more
        return False

    def _over_budget(self, page: LogPage) -> bool:
        if not page.more:
            return False
        late = asyncio.get_running_loop().time() >= self.meter.deadline
        name = self.execution.key.source
        if self.scanned < self.budget.rows * 10 and self.meter.requests[name] < self.budget.requests and not late:
            return False
        self.more = True
        if self.request.tail is not None:
            self.truncated = True
            self._cut_tail()
        self.error = SourceError(
            SourceErrorCode.TRUNCATED, f"The budget ended after {self.scanned} lines; the next page goes on.", source=name
        )
        return True

    def _cut_tail(self) -> None:
        """Of the last lines, the first page."""
        self.more = self.more or len(self.lines) > self.request.first
        while len(self.lines) > self.request.first:
            self.passed = None
            self.lines.pop()

    def result(self) -> Lines:
        name = self.execution.key.source
        state = SourceReportState.OK
        if self.truncated or (self.error is not None and self.error.code is SourceErrorCode.TRUNCATED):
            state = SourceReportState.TRUNCATED
        elif self.error is not None:
            state = SourceReportState.FAILED
        passed = self.passed if not self.lines else max(self.passed or 0, self.lines[-1].sequence)
        return Lines(
            lines=list(self.lines),
            more=self.more or state is SourceReportState.FAILED,
            complete=self.complete and not self.more and self.error is None,
            truncated=self.truncated,
            report=SourceReport(
                name,
                state,
                taken=len(self.lines),
                scanned=self.scanned,
                requests=self.meter.requests[name],
                error=self.error,
            ),
            passed=passed,
        )


# --- following -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LogPlace:
    """How far a follower has come: everything up to ``newest`` but what comes late.

    ``seen`` are the sequences delivered since ``since``; what is not among them, and after ``since``, is still to come.
    """

    newest: int | None = None
    since: int | None = None
    seen: frozenset[int] = frozenset()


class Follower:
    """One reader of a log that may still be written."""

    MOST_SEEN = 3000
    """Of the lines within the time in which others come late, a place names no more than these: cursors have limits."""

    def __init__(self, late_seconds: float, place: LogPlace) -> None:
        self._late_ms = round(late_seconds * 1000)
        self._newest = place.newest
        self._since = place.since if place.since is not None else place.newest
        self._seen = set(place.seen)

    @property
    def start(self) -> int | None:
        """The sequence after which to read next."""
        return self._since

    @property
    def place(self) -> LogPlace:
        """Where a reader like this one would go on."""
        seen, since = self._seen, self._since
        if len(seen) > self.MOST_SEEN:
            since = sorted(seen)[-self.MOST_SEEN - 1]
            seen = {sequence for sequence in seen if sequence > since}
        return LogPlace(self._newest, since, frozenset(seen))

    def take(self, lines: Sequence[LogLine]) -> list[LogLine]:
        """Those that were not delivered yet, which they are from now on."""
        found = []
        for line in lines:
            if line.sequence in self._seen or (self._since is not None and line.sequence <= self._since):
                continue
            self._seen.add(line.sequence)
            found.append(line)
            self._newest = line.sequence if self._newest is None else max(self._newest, line.sequence)
        if found:
            self._forget()
        return found

    def _forget(self) -> None:
        """No line comes that is older than what was read by more than the time in which lines come late."""
        assert self._newest is not None  # noqa: S101 - something was taken
        since = self._newest
        if self._late_ms:
            since = first_at(max(0, milliseconds_of(self._newest) - self._late_ms)) - 1
        if self._since is None or since > self._since:
            self._since = since
            self._seen = {sequence for sequence in self._seen if sequence > since}
