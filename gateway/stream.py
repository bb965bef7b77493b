"""One source's rows, in the total order, read no further than needed.

A stream turns an adapter's pages into rows that lie after a boundary and match the filter, and knows at every moment how far
the source is known (``frontier``). It never raises for a source's faults: they become its state.

Ordered sources (Guarantee.EXACT) are read lazily; their order is checked row by row, and pages that a source numbers must
overlap, or the stream looks for its place anew: rows that moved between pages would be lost otherwise. Bounded ones come in
any order, but say how far they are settled; rows wait until they are. Unordered ones are read whole, up to the budget, and
sorted.
"""

import asyncio
import logging
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncGenerator
from itertools import count, islice, repeat
from operator import attrgetter
from typing import Any, cast

from msgspec import Struct

from gateway.cache import KeptScan, KeptScans
from gateway.config import BudgetSettings
from gateway.cursor import Hint
from gateway.errors import SourceError, SourceErrorCode
from gateway.metrics import ORDER_VIOLATIONS, UNREADABLE_ROWS
from gateway.model import Key, Tie
from gateway.query import (
    InstantRange,
    ListQuery,
    Order,
    OrderField,
    Position,
    filter_range,
    places,
    position,
    position_value,
    predicate,
)
from gateway.spi import Adapter, At, Guarantee, Page, ScanPlan, Start, internal_error
from gateway.transport import Meter, current_meter, metered

_log = logging.getLogger(__name__)

# A source that sends pages without anything new this often in a row is going round in circles.
_IDLE_PAGES = 3
_RESEEKS = 3


class Entry(Struct, frozen=True, gc=False):
    """A row with its place in the total order, and where its source could be resumed at it."""

    position: Position
    row: Any
    hint: Hint | None


place_of = attrgetter("position")
"""The place of an entry."""


class Stream:
    """Reads one source for one page of a merged list."""

    def __init__(
        self,
        source: str,
        adapter: Adapter,
        query: ListQuery,
        plan: ScanPlan,
        budget: BudgetSettings,
        *,
        after: Position | None,
        hint: Hint | None,
        rows: int,
        count: bool,
        kept: KeptScans | None = None,
    ) -> None:
        self.source = source
        self.plan = plan
        self.zone = 0 if plan.reports_key else 1
        self.buffer: deque[Entry] = deque()
        """Rows that were read and not taken yet, in order."""
        self.scanned = 0
        self.total: int | None = None
        self.envelope: dict[str, Any] = {}
        self.ended = False
        """Everything the source has was read."""
        self.cut = False
        """The budget ended first; everything up to ``frontier`` was read."""
        self.error: SourceError | None = None
        """It failed; rows after ``frontier`` are unknown."""
        self.damage: SourceError | None = None
        """Why rows may be missing although the source answered."""
        self.disordered = False
        self.hint = hint
        """Where to resume for rows after the last one taken."""
        self._adapter = adapter
        self._order = query.order
        self._places = places(query.kind, query.order, source, self.zone)
        self._range = filter_range(query.filter, query.order.field) if plan.order is Guarantee.EXACT else None
        self._matches = predicate(query.filter, plan.unseen)
        self._budget = budget
        self._rows = rows
        self._count = count
        self._kept = kept
        self._boundary = _later(after, _range_start(query, self.zone) if self._range else None)
        self.frontier: Position | None = self._boundary
        self._origin = self._boundary
        self._seen: Entry | None = None
        self._scan: AsyncGenerator[Page[Any], None] | None = None
        self._resumed = False
        self._pages = 0
        self._idle = 0
        self._reseeks = 0
        self._met: set[Key] = set()
        self._waiting: dict[Key, Entry] = {}
        self._released = 0
        self._settles = False
        loop = asyncio.get_running_loop()
        self.meter = Meter(loop.time() + budget.seconds, current_meter())
        if plan.unsupported is not None:
            self.error = SourceError(SourceErrorCode.UNSUPPORTED, plan.unsupported, source=source)
        elif self._passed():
            self.ended = True

    # --- what the merge asks

    @property
    def done(self) -> bool:
        """Whether nothing more can be read for this page (the buffer may still hold rows)."""
        return self.ended or self.cut or self.error is not None

    @property
    def progressed(self) -> bool:
        """Whether the frontier lies beyond the place this page began at."""
        return self.frontier is not None and (self._origin is None or self.frontier > self._origin)

    @property
    def floor(self) -> Position:
        """No row that is still to be read stands before this place."""
        least: Position = (self.zone, -(1 << 63), "", ())
        if self._order.field is OrderField.NATIVE or self.zone:
            least = (self.zone, 0, self.source, ())
        return max(least, self.frontier) if self.frontier is not None else least

    def take(self) -> Entry:
        """The next row."""
        entry = self.buffer.popleft()
        if entry.hint is not None:
            self.hint = entry.hint
        return entry

    def upto(self, place: Position | None, most: int) -> list[Entry]:
        """The next rows, ``most`` at most, that stand at ``place`` or before it (None: anywhere). They are not taken yet."""
        buffer = self.buffer
        if place is not None and buffer and buffer[-1].position > place:
            most = min(most, bisect_right(buffer, place, key=place_of))
        return list(islice(buffer, most))

    def take_upto(self, place: Position) -> int:
        """Take all rows that stand at ``place`` or before it; how many they were."""
        taken = self.upto(place, len(self.buffer))
        hints = [entry.hint for entry in taken if entry.hint is not None]
        if hints:
            self.hint = hints[-1]
        for _ in taken:
            self.buffer.popleft()
        return len(taken)

    def settle(self, boundary: Position | None) -> None:
        """Once the page is cut at ``boundary``: resume no earlier than needed."""
        seen = self._seen
        if (
            boundary is not None
            and not self.buffer
            and seen is not None
            and seen.position <= boundary
            and seen.hint is not None
        ):
            self.hint = seen.hint

    async def fill(self) -> None:
        """Read until a row is buffered or the stream is done. Raises nothing but cancellation."""
        try:
            with metered(self.meter):
                if self.plan.order is Guarantee.EXACT:
                    while not self.buffer and not self.done:
                        await self._advance()
                elif self.plan.order is Guarantee.BOUNDED:
                    while not self.buffer and not self.done:
                        await self._gather()
                elif not self.done:
                    await self._drain()
        except SourceError as error:
            error.source = error.source or self.source
            self.error = error
        except Exception:  # noqa: BLE001 - a third party's bug must cost no more than its own source
            _log.exception("adapter of source %s failed", self.source)
            self.error = internal_error(self.source)

    async def aclose(self) -> None:
        """Give the scan up."""
        scan, self._scan = self._scan, None
        if scan is not None:
            await scan.aclose()

    # --- ordered sources

    async def _advance(self) -> None:
        if self._over_budget():
            self.cut = True
            return
        try:
            page = await self._pull(self._at(self.frontier))
        except SourceError as error:
            if error.code is not SourceErrorCode.CURSOR_EXPIRED or not self._resumed:
                raise
            await self._reseek()
            return
        if page is None:
            self.ended = True
            return
        before = self._seen
        if self._gap(page):
            await self._reseek()
            return
        self._read_ordered(page)
        self._idle = 0 if self._seen is not before or not page.returned else self._idle + 1
        if self._idle >= _IDLE_PAGES:
            raise SourceError(SourceErrorCode.BAD_RESPONSE, "It keeps sending the same page.", source=self.source)
        if not page.more:
            self.ended = True

    def _gap(self, page: Page[Any]) -> bool:
        """Whether rows may lie between this page and what is known: it was resumed on trust, yet does not overlap."""
        numbered = isinstance(page.here, int)
        if page.unreadable:
            # The row that should overlap may be among those; what they cost is reported already.
            return False
        if self._seen is None and not self._resumed:
            return False
        if numbered and page.here == 0:
            return False
        if not numbered and not (self._resumed and self._seen is None):
            return False
        known = self._seen.position if self._seen is not None else self._boundary
        if known is None:
            return True
        return not page.rows or self._places(page.rows[:1])[0] > known

    async def _reseek(self) -> None:
        await self.aclose()
        self._reseeks += 1
        self._resumed = False
        self.hint = None
        self._seen = None
        if self._reseeks > _RESEEKS:
            raise SourceError(SourceErrorCode.BAD_RESPONSE, "Its list moves faster than it can be read.", source=self.source)

    def _read_ordered(self, page: Page[Any]) -> None:
        if self.hint is None and isinstance(page.here, int):
            self.hint = page.here
        rows, matches, append, limits = page.rows, self._matches, self.buffer.append, self._range
        hints = count(page.here) if isinstance(page.here, int) else repeat(page.here)
        frontier, last = self.frontier, None
        for place, row, hint in zip(self._places(rows), rows, hints, strict=False):
            entry = Entry(place, row, hint)
            if frontier is not None and place <= frontier:
                # It was read before, if it is not the page itself that is out of order.
                if last is not None and place < last.position:
                    ORDER_VIOLATIONS.labels(self.source).inc()
                    self.disordered = True
                    self._damaged(SourceErrorCode.BAD_RESPONSE, "Its rows did not come in the order that it promised.")
                    self.ended = True
                    break
                last = entry
                continue
            last = entry
            if limits is not None and self._out_of_range(place, limits):
                self.ended = True
                break
            frontier = place
            if matches(row):
                append(entry)
        self.frontier = frontier
        if last is not None and (self._seen is None or last.position > self._seen.position):
            self._seen = last

    def _out_of_range(self, place: Position, limits: InstantRange) -> bool:
        """Whether a row here, and with it all that follow, lies beyond the filter's range on the sort key."""
        value = position_value(place, self._order)
        if self._order.descending:
            return value is not None and limits.start is not None and value < limits.start
        return value is None or (limits.end is not None and value >= limits.end)

    # --- bounded sources

    async def _gather(self) -> None:
        """Read a page; release what no later page can come before."""
        if self._over_budget():
            self._stop()
            return
        try:
            page = await self._pull(self._at(self.frontier))
        except SourceError as error:
            if not self._out_of_time(error):
                if self.progressed or not self._waiting:
                    raise
                # What was read is good; what is missing may stand anywhere.
                self.damage = self.damage or error
                self._release(None)
                return
            self._stop()
            return
        if page is None:
            self._release(None)
            return
        known = len(self._met)
        for row, here in zip(page.rows, self._places(page.rows), strict=True):
            self._hold(row, here)
        self._idle = 0 if len(self._met) > known or not page.rows else self._idle + 1
        if self._idle >= _IDLE_PAGES:
            raise SourceError(SourceErrorCode.BAD_RESPONSE, "It keeps sending the same page.", source=self.source)
        if not page.more:
            self._release(None)
        elif page.settled is not None:
            settled = position(page.settled.instant, self._order, "", (), self.zone)
            if not self._settles and all(entry.position >= settled for entry in self._waiting.values()):
                # That nothing stands before the first row is no progress yet.
                self._origin = _later(self._origin, settled)
            self._settles = True
            self._release(settled)

    def _hold(self, row: Any, here: Position) -> None:
        """Keep a row until its place is settled. One that moved between pages may come twice; its last state counts."""
        new = row.key not in self._met
        self._met.add(row.key)
        if self.frontier is None or here > self.frontier:
            if new or row.key in self._waiting:
                self._waiting[row.key] = Entry(here, row, None)
        elif new and (self._boundary is None or here > self._boundary) and self._matches(row):
            # One that the filter drops is no loss, wherever it stands: a range on the sort key leaves out rows without one.
            self._damaged(SourceErrorCode.BAD_RESPONSE, "Its rows did not come in the order that it promised.")

    def _release(self, settled: Position | None) -> None:
        """Let the rows before ``settled`` go, in order; all of them, and the source is done, if that is None."""
        due = [entry for entry in self._waiting.values() if settled is None or entry.position < settled]
        due.sort(key=lambda entry: entry.position)
        for entry in due:
            del self._waiting[entry.row.key]
        found = [entry for entry in due if self._matches(entry.row)]
        self.buffer.extend(found)
        if settled is None:
            self.ended = True
            if self.damage is None and self._boundary is None:
                self.total = self._released + len(found)
            settled = due[-1].position if due else self.frontier
        self._released += len(found)
        if settled is not None and (self.frontier is None or settled > self.frontier):
            self.frontier = settled

    def _stop(self) -> None:
        """The budget has ended: the page ends where the list is settled, or else with what was read of it."""
        if self.progressed:
            self.cut = True
            return
        self._damaged(SourceErrorCode.TRUNCATED, f"The budget ended after {self.scanned} rows; it may have more.")
        self._release(None)

    def _out_of_time(self, error: SourceError) -> bool:
        """Whether the fault is only that this page's time was over."""
        late = asyncio.get_running_loop().time() >= self.meter.deadline
        return late and error.code in (SourceErrorCode.TIMEOUT, SourceErrorCode.RATE_LIMITED)

    # --- unordered sources

    async def _drain(self) -> None:
        scan = self._kept.get(self.source, self.plan.native) if self._kept is not None else None
        if scan is None:
            read, whole = await self._read_whole()
            scan = KeptScan(read, self.damage, self.scanned)
            if self._kept is not None and whole:
                self._kept.put(self.source, self.plan.native, scan)
        self.damage = scan.damage
        rows = list(filter(self._matches, scan.rows))
        found = [Entry(place, row, None) for place, row in zip(self._places(rows), rows, strict=True)]
        found.sort(key=lambda entry: entry.position)
        self.total = len(found) if self.damage is None else None
        self.buffer.extend(entry for entry in found if self._boundary is None or entry.position > self._boundary)
        if self.buffer:
            self.frontier = self.buffer[-1].position
        self.ended = True

    async def _read_whole(self) -> tuple[list[Any], bool]:
        """All rows within the budget, and whether they are worth keeping. Raises SourceError only before the first row."""
        found: dict[Key, Any] = {}
        try:
            await self._read_into(found)
        except SourceError as error:
            if not found:
                raise
            # What was read is good; what is missing may stand anywhere.
            self.damage = self.damage or error
            return list(found.values()), False
        return list(found.values()), True

    async def _read_into(self, found: dict[Key, Any]) -> None:
        while True:
            if self._over_budget():
                self._damaged(SourceErrorCode.TRUNCATED, f"The budget ended after {self.scanned} rows; it may have more.")
                break
            page = await self._pull(None)
            if page is None:
                break
            # A row that moved between pages may come twice; its last state counts.
            known = len(found)
            found |= {row.key: row for row in page.rows}
            self._idle = 0 if len(found) > known or not page.returned else self._idle + 1
            if not page.more:
                break
            if self._idle >= _IDLE_PAGES:
                raise SourceError(SourceErrorCode.BAD_RESPONSE, "It keeps sending the same page.", source=self.source)

    # --- both

    async def _pull(self, at: At | None) -> Page[Any] | None:
        if self._scan is None:
            self._resumed = self.hint is not None and at is not None
            start = Start(at=at, hint=self.hint if self._resumed else None, rows=self._rows, count=self._count)
            self._scan = cast("AsyncGenerator[Page[Any], None]", self._adapter.scan(self.plan, start))
        page = await anext(self._scan, None)
        if page is None:
            return None
        self._pages += 1
        self.scanned += page.returned
        if page.total is not None and self.total is None:
            self.total = page.total
        if page.envelope:
            self.envelope.update(page.envelope)
        if page.unreadable:
            UNREADABLE_ROWS.labels(self.source).inc(page.unreadable)
            self._damaged(SourceErrorCode.BAD_RESPONSE, f"{page.unreadable} of its records could not be read.")
        return page

    def _over_budget(self) -> bool:
        return (
            self.scanned >= self._budget.rows
            or max(self._pages, self.meter.requests[self.source]) >= self._budget.requests
            or (self.scanned > 0 and asyncio.get_running_loop().time() >= self.meter.deadline)
        )

    def _damaged(self, code: SourceErrorCode, message: str) -> None:
        self.damage = self.damage or SourceError(code, message, source=self.source)

    def _passed(self) -> bool:
        """Whether the boundary lies after everything this source can have."""
        if self._boundary is None:
            return False
        zone, _, source, _ = self._boundary
        constant = bool(self.zone) or self._order.field is OrderField.NATIVE
        return zone > self.zone or (zone == self.zone and constant and source > self.source)

    def _at(self, place: Position | None) -> At | None:
        """A place in the total order as a place in this source's own list; None for its beginning."""
        if place is None or place[0] < self.zone:
            return None
        own: Tie | None = place[3] if place[2] == self.source else None
        if own is None and (self.zone or self._order.field is OrderField.NATIVE):
            return None
        return At(position_value(place, self._order), own)


def _later(one: Position | None, other: Position | None) -> Position | None:
    if one is None or other is None:
        return one if other is None else other
    return max(one, other)


def _range_start(query: ListQuery, zone: int) -> Position | None:
    """The place just before the first row that the filter's range on the sort key admits."""
    order: Order = query.order
    limits = filter_range(query.filter, order.field)
    if limits is None or zone:
        return None
    if order.descending:
        return None if limits.end is None else (0, 1 - limits.end, "", ())
    return None if limits.start is None else (0, limits.start, "", ())
