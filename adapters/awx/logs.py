"""Reading the logs of AWX: events by their counters (contracts/awx.md section 6).

AWX numbers the events of a run from 1 without gaps, and stores them in no certain order, within seconds. So whoever reads
while it may still store some stops before the first number that is missing: no line ever comes before one that was
delivered. A number still missing ten seconds after a later event was stored is given up.

Nothing but the counter is sent as a condition. ``not__stdout=`` would hide blank lines (an event without text that is one
line high) and ``stdout__icontains=`` lines with escapes between the letters; either makes the numbers sparse, so that gaps
could not be told.
"""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from enum import Enum, auto

import msgspec

from adapters.awx.client import AwxClient, EventBatch, Param, RunState
from adapters.awx.keys import LARGEST_ID
from adapters.awx.kinds import JOB, PATHS, WORKFLOW
from adapters.awx.log_events import Event, read_event
from adapters.awx.mapping import Mapper, instant
from adapters.awx.words import FINAL_WORDS
from gateway.errors import SourceError, SourceErrorCode
from gateway.logs import TICKS
from gateway.model import LogLine, LogStream
from gateway.spi import LogPage, LogQuery

_GIVEN_UP_US = 10_000_000
_LOST_US = 60_000_000
"""So long after a run has ended, AWX stores no event of it any more: those missing were lost (issues 14339, 10762)."""

_LEAST, _FIRST, _MOST = 25, 200, 1000
_BYTES = 4 << 20
"""What one answer should not exceed: an event is 1 KB as a rule, and up to 700 KB."""

_UNTRUNCATED = frozenset({JOB, "ad_hoc_command"})
"""The types whose event lists honour ``no_truncate``; the others cut what an event prints to 1024 characters."""

_NOTHING = Event(0, 0, 0, None, cut=False, lines=())


class _End(Enum):
    """What is known of the end of a log."""

    OPEN = auto()
    SETTLED = auto()
    LOST = auto()


class LogReader:
    """Reads the log of the unified job ``row_id`` of type ``kind``."""

    def __init__(self, client: AwxClient, mapper: Mapper, kind: str, row_id: int) -> None:
        self._client = client
        self._mapper = mapper
        self._kind = kind
        self._record = f"{PATHS[kind]}{row_id}/"
        self._path = f"{self._record}{'job_events' if kind == JOB else 'events'}/"
        self._params: list[Param] = [("no_truncate", "1")] if kind in _UNTRUNCATED else []

    async def pages(self, query: LogQuery, *, is_open: bool) -> AsyncIterator[LogPage]:
        """The log. ``is_open``: the run is known to go on. Raises SourceError; NOT_FOUND when it was deleted.

        One request per page; one more, before all, unless the run goes on.
        """
        silent = self._kind == WORKFLOW or (query.streams is not None and LogStream.COMBINED not in query.streams)
        # Asked for before what it is to be said of: whatever was stored by then is read afterwards.
        end = _End.OPEN if is_open and not silent else await self._end()
        if silent:
            yield LogPage((), more=False, complete=end is not _End.OPEN)
        elif query.tail is not None:
            yield await self._tail(query.tail, end)
        else:
            async for page in self._forward(query, end):
                yield page

    async def _end(self) -> _End:
        state = await self._client.state(self._record)
        if (state.status or "") not in FINAL_WORDS:
            return _End.OPEN
        if state.event_processing_finished or self._kind == WORKFLOW:
            return _End.SETTLED
        if state.now_us - _finished_us(state) < _LOST_US:
            return _End.OPEN
        return _End.SETTLED if state.event_processing_finished is None else _End.LOST

    # --- onwards

    async def _forward(self, query: LogQuery, end: _End) -> AsyncIterator[LogPage]:
        after = -1 if query.after is None else query.after
        # The event of the last line once more: others of its lines may be wanted, and it shows where lines go on.
        walk = _Walk(end, min(max(after // TICKS - 1, 0), LARGEST_ID))
        limit = _first_limit(query.rows)
        while True:
            beyond: list[Param] = [("counter__gt", str(walk.counter))] if walk.counter else []
            batch = await self._read("counter", beyond, limit)
            lines = [line for line in walk.take(self._events(batch), batch.now_us) if line.sequence > after]
            more = batch.more and not walk.stopped
            complete = not more and end is not _End.OPEN
            yield LogPage(lines, more, complete, truncated=walk.truncated or (complete and end is _End.LOST))
            if not more:
                return
            limit = _next_limit(query.rows, batch)

    # --- backwards

    async def _tail(self, wanted: int, end: _End) -> LogPage:
        """The last lines: events from the newest on, back to where the lines suffice.

        While the run goes on, also back to the events that were stored ten seconds ago: a gap may be among later ones.
        """
        climb = _Climb(end, wanted)
        limit = _first_limit(wanted)
        while True:
            beyond: list[Param] = [("counter__lt", str(climb.lowest))] if climb.lowest is not None else []
            batch = await self._read("-counter", beyond, limit)
            enough = climb.take(self._events(batch), batch.now_us)
            if not batch.more:
                climb.arrive(batch.now_us)
            elif climb.lowest is None:
                raise self._client.unreadable()
            if enough or not batch.more:
                lost = end is _End.LOST
                return LogPage(list(climb.lines), False, end is not _End.OPEN, truncated=climb.truncated or lost)
            limit = _next_limit(_MOST, batch)

    # --- both

    async def _read(self, order: str, beyond: Sequence[Param], limit: int) -> EventBatch:
        return await self._client.events(self._path, [("order_by", order), *beyond, *self._params], limit)

    def _events(self, batch: EventBatch) -> list[Event | None]:
        """The events of an answer, None for those that cannot be read."""
        return [self._event(bytes(raw)) for raw in batch.entries]

    def _event(self, raw: bytes) -> Event | None:
        try:
            return read_event(self._mapper, raw, shortened=self._kind not in _UNTRUNCATED)
        except (msgspec.DecodeError, ValueError):
            return None


class _Walk:
    """Events in the order of their numbers, after the number ``counter``."""

    def __init__(self, end: _End, counter: int) -> None:
        self._end = end
        self.counter = counter
        self._end_line = 0 if counter == 0 else None
        self.stopped = False
        self.truncated = False

    def take(self, events: Sequence[Event | None], now_us: int) -> list[LogLine]:
        """The lines of the events up to a gap that may still be filled; ``stopped`` tells of one."""
        lines: list[LogLine] = []
        self.truncated = False
        for event in events:
            if event is None:
                # It has the next number or a later one. Taken for the next, it can hide no other.
                self.counter, self._end_line, self.truncated = self.counter + 1, None, True
                continue
            if event.counter <= self.counter:
                raise SourceError(SourceErrorCode.BAD_RESPONSE, "It sent events that it was not asked for.")
            if event.counter > self.counter + 1:
                if _may_be_filled(self._end, event, now_us):
                    self.stopped = True
                    break
                self.truncated = self.truncated or event.start_line != self._end_line
            self.counter, self._end_line = event.counter, event.end_line
            self.truncated = self.truncated or event.cut
            lines += event.lines
        return lines


class _Climb:
    """Events against the order of their numbers, and the last ``wanted`` lines of those below any gap."""

    def __init__(self, end: _End, wanted: int) -> None:
        self._end = end
        self._wanted = wanted
        self._above: Event | None = None
        self._unreadable = 0
        self.lines: deque[LogLine] = deque()
        self.lowest: int | None = None
        self.truncated = False

    def take(self, events: Sequence[Event | None], now_us: int) -> bool:
        """Go on; whether that is far enough."""
        for event in events:
            if event is None:
                self._unreadable += 1
                self.truncated = self.truncated or len(self.lines) < self._wanted
                self.lowest = None if self.lowest is None else self.lowest - 1
                continue
            if self.lowest is not None and event.counter >= self.lowest:
                raise SourceError(SourceErrorCode.BAD_RESPONSE, "It sent events that it was not asked for.")
            self._pass(event, now_us)
            if len(self.lines) < self._wanted:
                self.truncated = self.truncated or event.cut
                self.lines.extendleft(list(reversed(event.lines))[: self._wanted - len(self.lines)])
            if len(self.lines) >= self._wanted and not _may_be_filled(self._end, event, now_us):
                return True
        return False

    def arrive(self, now_us: int) -> None:
        """There are no more events: the first of all may be missing."""
        self._pass(_NOTHING, now_us)

    def _pass(self, event: Event, now_us: int) -> None:
        """Go down from the event above to this one, over a gap if there is one."""
        above = self._above
        if above is not None and above.counter - event.counter - self._unreadable > 1:
            if _may_be_filled(self._end, above, now_us):
                self.lines.clear()
                self.truncated = False
            elif len(self.lines) < self._wanted:
                self.truncated = self.truncated or above.start_line != event.end_line
        self._above, self._unreadable, self.lowest = event, 0, event.counter


def _may_be_filled(end: _End, after: Event, now_us: int) -> bool:
    """Whether an event may still be stored that belongs before ``after``."""
    return end is _End.OPEN and after.saved_us is not None and now_us - after.saved_us < _GIVEN_UP_US


def _finished_us(state: RunState) -> int:
    """When a run ended (microseconds); long ago, where AWX does not say."""
    try:
        finished = instant(state.finished)
    except ValueError:
        finished = None
    return 0 if finished is None else finished.us


def _first_limit(rows: int) -> int:
    return min(max(rows, _LEAST), _FIRST)


def _next_limit(rows: int, batch: EventBatch) -> int:
    """How many events to ask for next, of the size that the last ones had."""
    fitting = _BYTES * len(batch.entries) // max(batch.size, 1)
    return max(_LEAST, min(rows, _MOST, fitting))
