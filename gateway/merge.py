"""The k-way merge: one page of one list over all sources, and what each source contributed.

What paging promises (DECISIONS 4): every row that exists throughout and whose order key does not change appears exactly
once; rows inserted or re-keyed between pages at most once. What was lost to a fault or a budget is reported, and the
client's loop always ends.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from msgspec import Struct

from gateway.cache import KeptScans
from gateway.config import BudgetSettings
from gateway.cursor import Cursor, SourceNote, digest
from gateway.errors import SourceError, SourceErrorCode
from gateway.instant import Instant
from gateway.model import Documented
from gateway.planning import Planned, planned, planned_as_known, residual_of, unordered
from gateway.query import (
    ListQuery,
    Order,
    OrderField,
    Position,
    position,
    position_value,
)
from gateway.spi import Adapter, Guarantee, ScanPlan, SupportsDiscovery, internal_error, supports
from gateway.stream import Entry, Stream, place_of
from gateway.together import together
from gateway.transport import Meter, current_meter, metered

_log = logging.getLogger(__name__)


class SourceReportState(Documented):
    """How far a source could be heard."""

    OK = "OK", "Everything it has in this range is here."
    TRUNCATED = (
        "TRUNCATED",
        "Scan budget or time budget ended first: rows may be missing from this page or out of the scanned window.",
    )
    FAILED = "FAILED", "It failed; its rows are missing from here on."
    SKIPPED = "SKIPPED", "Not asked: the filter or its capabilities exclude it."


_WORSE = {
    state: rank for rank, state in enumerate((SourceReportState.OK, SourceReportState.TRUNCATED, SourceReportState.FAILED))
}


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What one source contributed to a page.

    ``state``, ``error`` and ``covered_until`` speak of all pages from the first to this one, the counters of this page.
    ``residual`` names the filter parts that the gateway applied itself.
    """

    source: str
    state: SourceReportState
    covered_until: Instant | None = None
    taken: int = 0
    scanned: int = 0
    requests: int = 0
    total: int | None = None
    residual: tuple[str, ...] = ()
    error: SourceError | None = None
    envelope: Mapping[str, Any] | None = None


class MergeSource(Struct, frozen=True):
    """One source to merge. ``trusted`` is False once it broke a promised order: then it is scanned and sorted."""

    name: str
    adapter: Adapter
    budget: BudgetSettings
    trusted: bool = True


class MergedPage(Struct, frozen=True):
    """A page: ``rows``, the place and the cursor of each, and ``end``, from where to go on (None: nowhere to go on from).

    ``total`` is exact or None. ``disordered`` names sources that broke their order while this page was read. Cursors are
    made when they are asked for; where ``alike``, all but the last say the same but for their boundary.
    """

    rows: Sequence[Any]
    places: Sequence[Position]
    alike: bool
    cursor: Callable[[int], Cursor]
    end: Cursor | None
    has_next: bool
    reports: Mapping[str, SourceReport]
    total: int | None
    disordered: frozenset[str]


@dataclass(slots=True)
class _Result:
    """What is known of one source at the end of the page."""

    plan: ScanPlan | None
    residual: tuple[str, ...] = ()
    stream: Stream | None = None
    skipped: bool = False
    total: int | None = None
    other_requests: int = 0
    """Those that did not read rows: to learn what the source can do, and to count."""
    count_error: SourceError | None = None
    failed_after: Position | None = None
    taken: int = 0
    caveat: SourceError | None = None


async def _plans(sources: Sequence[MergeSource], query: ListQuery) -> list[Planned]:
    if any(supports(source.adapter, SupportsDiscovery) for source in sources):
        return await asyncio.gather(
            *(planned(source.name, source.adapter, query, source.budget.seconds) for source in sources)
        )
    return [planned_as_known(source.name, source.adapter, query) for source in sources]


async def merge_page(
    sources: Sequence[MergeSource],
    query: ListQuery,
    *,
    first: int,
    after: Cursor | None,
    now: int,
    totals: bool,
    kept: KeptScans | None = None,
) -> MergedPage:
    """One page of at most ``first`` rows after ``after``. Raises nothing for any source's fault.

    ``now`` is what relative ranges were resolved against, kept in the cursors. ``totals`` asks for counts.
    ``kept`` holds what earlier pages read of unordered sources.
    """
    merge = _Merge(query, first, after, now, totals, kept, len(sources))
    try:
        ordered = sorted(sources, key=lambda source: source.name)
        for source, plan in zip(ordered, await _plans(ordered, query), strict=True):
            merge.add(source, plan)
        return await merge.run({source.name: source for source in sources})
    finally:
        await merge.aclose()


class _Merge:
    """The state of one call of ``merge_page``."""

    def __init__(
        self,
        query: ListQuery,
        first: int,
        after: Cursor | None,
        now: int,
        totals: bool,
        kept: KeptScans | None,
        sources: int,
    ) -> None:
        self.query = query
        self.first = first
        self.after = after
        self.now = now
        self.totals = totals
        self.kept = kept
        self.sources = sources
        self.results: dict[str, _Result] = {}
        self.streams: list[Stream] = []
        self.taken: list[Entry] = []
        self.shown = set(after.shown) if after else set()

    def add(self, source: MergeSource, planned: Planned) -> None:
        query, plan = planned.query, planned.plan
        if plan is None or plan.reason_empty is not None:
            self.results[source.name] = _Result(plan, skipped=True)
            return
        if not source.trusted:
            plan = unordered(plan)
        residual = residual_of(query.filter, plan)
        result = _Result(plan, residual, other_requests=planned.requests)
        if plan.caveat is not None:
            result.caveat = SourceError(SourceErrorCode.UNSUPPORTED, plan.caveat, source=source.name)
        after, name = self.after, source.name
        if self.totals and after is not None:
            result.total = after.totals.get(name)
        if self.first > 0 or plan.unsupported is not None:
            result.stream = Stream(
                name,
                source.adapter,
                query,
                plan,
                source.budget,
                after=after.boundary if after else None,
                hint=after.hints.get(name) if after else None,
                # Unordered sources are read whole: in pages as large as they come.
                rows=source.budget.rows if plan.order is Guarantee.NONE else self._rows_each,
                count=self.totals and plan.counts and self._counts_along,
                kept=self.kept,
            )
            self.streams.append(result.stream)
        self.results[name] = result

    async def run(self, sources: Mapping[str, MergeSource]) -> MergedPage:
        counting = [
            self._count(sources[name], result) for name, result in self.results.items() if self._counts_apart(result)
        ]
        await together([self._merge(), *counting])
        return self._page()

    async def aclose(self) -> None:
        for stream in self.streams:
            await stream.aclose()

    @property
    def _rows_each(self) -> int:
        """How many rows to ask of each source first.

        All of a page may come from one source, but not from every source: with many, each is asked for a share, and again
        in the rare case that it has more than that.
        """
        share = -(-_OVERSUPPLY * (self.first + 1) // max(1, self.sources))
        return min(self.first + 1, max(share, _LEAST_ROWS))

    # --- merging

    async def _merge(self) -> None:
        streams = self.streams
        self._note_failures()
        if self.query.order.field is not OrderField.NATIVE:
            # Every source's first row is needed before any row can be placed. In native order sources come one by one.
            await together([stream.fill() for stream in streams])
            self._note_failures()
        while True:
            # Where the first row may stand that is not read yet. In native order sources are read one by one.
            unread = min(((stream.floor, index) for index, stream in enumerate(streams) if not stream.done), default=None)
            if not self._take(streams, None if unread is None else unread[0]) or unread is None:
                return
            await streams[unread[1]].fill()
            self._note_failures()

    def _take(self, streams: Sequence[Stream], floor: Position | None) -> bool:
        """Take the rows before ``floor`` (None: all are read); whether the page goes on from there."""
        limit = self._limit()
        end = floor if limit is None else limit if floor is None else min(floor, limit)
        while (room := self.first - len(self.taken)) > 0:
            ready = [rows for stream in streams if (rows := stream.upto(end, room))]
            if not ready:
                break
            rows = ready[0] if len(ready) == 1 else sorted(chain.from_iterable(ready), key=place_of)[:room]
            for stream in streams:
                self.results[stream.source].taken += stream.take_upto(rows[-1].position)
            if self._watches and (self.shown or rows[0].position[1] == _KEYLESS):
                rows = [entry for entry in rows if not self._shown_before(entry)]
            self.taken += rows
        if room <= 0:
            return False
        # A row before the floor that was left is one behind the limit.
        left = min((stream.buffer[0].position for stream in streams if stream.buffer), default=None)
        return left is None or (floor is not None and left > floor)

    @property
    def _watches(self) -> bool:
        """Whether rows without a sort key can be delivered before they get one: in descending order such rows come first."""
        return self.query.order.descending and self.query.order.field is not OrderField.NATIVE

    def _shown_before(self, entry: Entry) -> bool:
        """Whether the row was delivered before it had a sort key."""
        order = self.query.order
        if entry.position[0]:
            return False
        if position_value(entry.position, order) is not None:
            before = bool(self.shown) and digest(entry.row.key) in self.shown
            self.results[entry.position[2]].taken -= before
            return before
        if len(self.shown) < _SHOWN:
            self.shown.add(digest(entry.row.key))
        return False

    def _limit(self) -> Position | None:
        """How far rows may be placed: a source cut short by its budget may still have rows right after its frontier."""
        frontiers = [stream.frontier for stream in self.streams if stream.cut and not stream.buffer and stream.progressed]
        return min((frontier for frontier in frontiers if frontier is not None), default=None)

    def _note_failures(self) -> None:
        here = self.taken[-1].position if self.taken else (self.after.boundary if self.after else None)
        for result in self.results.values():
            stream = result.stream
            if stream is not None and stream.error is not None and result.failed_after is None:
                result.failed_after = here if here is not None else _START

    # --- counting

    @property
    def _counts_along(self) -> bool:
        """Whether sources are read from their beginning now, so that totals come along with the first rows."""
        return self.first > 0 and self.after is None and self.query.order.field is not OrderField.NATIVE

    def _counts_apart(self, result: _Result) -> bool:
        """Whether the total takes a request of its own."""
        plan = result.plan
        if (
            not self.totals
            or plan is None
            or result.skipped
            or not plan.counts
            or plan.unsupported
            or result.total is not None
        ):
            return False
        # An unordered source is read whole anyway, page after page.
        return not self._counts_along and (self.first == 0 or plan.order is Guarantee.EXACT)

    async def _count(self, source: MergeSource, result: _Result) -> None:
        meter = Meter(asyncio.get_running_loop().time() + source.budget.seconds, current_meter())
        try:
            with metered(meter):
                result.total = await source.adapter.count(result.plan) if result.plan else None
        except SourceError as error:
            error.source = error.source or source.name
            result.count_error = error
        except Exception:  # noqa: BLE001 - a third party's bug must cost no more than its own source
            result.count_error = internal_error(source.name)
        result.other_requests += meter.requests[source.name]

    # --- the page

    def _page(self) -> MergedPage:
        boundary = self._end_boundary()
        for stream in self.streams:
            stream.settle(boundary)
        for result in self.results.values():
            self._settle_total(result)
        totals = {name: result.total for name, result in self.results.items() if result.total is not None}
        end = None
        if boundary is not None and self.first > 0:
            hints = {stream.source: stream.hint for stream in self.streams if stream.hint is not None}
            end = Cursor(boundary, self.now, self._notes(boundary), totals, hints, frozenset(self.shown))
        return MergedPage(
            rows=[entry.row for entry in self.taken],
            places=[entry.position for entry in self.taken],
            # Nothing failed while it was read: then the same is known of the sources behind every row.
            alike=all(result.failed_after is None for result in self.results.values()),
            cursor=self._cursors(totals, end),
            end=end,
            has_next=self._has_next(),
            reports={name: self._report(name, result) for name, result in self.results.items()},
            total=self._total(),
            disordered=frozenset(stream.source for stream in self.streams if stream.disordered),
        )

    def _cursors(self, totals: Mapping[str, int], end: Cursor | None) -> Callable[[int], Cursor]:
        """The cursor behind each row taken; behind the last it is the page's, where the page ends there."""
        taken, last = self.taken, len(self.taken) - 1

        def cursor(index: int) -> Cursor:
            place = taken[index].position
            if index == last and end is not None and end.boundary == place:
                return end
            return Cursor(place, self.now, self._notes(place), totals)

        return cursor

    def _end_boundary(self) -> Position | None:
        if len(self.taken) < self.first and (limit := self._limit()) is not None:
            return limit
        if self.taken:
            return self.taken[-1].position
        return self.after.boundary if self.after else None

    def _has_next(self) -> bool:
        return (
            any(stream.buffer or not stream.done or (stream.cut and stream.progressed) for stream in self.streams)
            and self.first > 0
        )

    def _notes(self, boundary: Position) -> dict[str, SourceNote]:
        """What is known of the sources once everything up to ``boundary`` has been passed."""
        notes = dict(self.after.notes) if self.after else {}
        for name, result in self.results.items():
            note = None
            fault = self._lasting_damage(result)
            if result.failed_after is not None and boundary > result.failed_after and result.stream and result.stream.error:
                note = SourceNote(SourceReportState.FAILED.value, result.stream.error.code.value)
            elif fault is not None:
                note = SourceNote(SourceReportState.TRUNCATED.value, fault.code.value)
            if note is not None and (name not in notes or _rank(note) > _rank(notes[name])):
                notes[name] = note
        return notes

    def _lasting_damage(self, result: _Result) -> SourceError | None:
        """Why rows may be missing for good, whatever page is read next."""
        stream = result.stream
        if stream is None:
            return result.caveat
        if stream.cut and not stream.progressed:
            return SourceError(
                SourceErrorCode.TRUNCATED,
                f"The budget ended after {stream.scanned} rows, before the place to go on from was reached.",
                source=stream.source,
            )
        return stream.damage or result.caveat

    def _report(self, name: str, result: _Result) -> SourceReport:
        if result.skipped:
            return SourceReport(name, SourceReportState.SKIPPED)
        stream = result.stream
        state, error, covered = SourceReportState.OK, None, None
        if (damage := self._lasting_damage(result)) is not None:
            state, error = SourceReportState.TRUNCATED, damage
        if stream is not None and stream.cut and not stream.buffer:
            state = SourceReportState.TRUNCATED
            error = error or SourceError(
                SourceErrorCode.TRUNCATED,
                f"The budget ended after {stream.scanned} rows; the next page goes on.",
                source=name,
            )
            covered = _instant(stream.frontier, self.query.order)
        if stream is not None and stream.error is not None:
            state, error = SourceReportState.FAILED, stream.error
        elif result.count_error is not None:
            # Rows that are all here are not made incomplete by a total that is missing.
            state = SourceReportState.FAILED if stream is None else state
            error = error or result.count_error
        before = self.after.notes.get(name) if self.after else None
        if before is not None and _rank(before) > _WORSE[state]:
            code = SourceErrorCode(before.code) if before.code else SourceErrorCode.INTERNAL
            state = SourceReportState(before.state)
            error = SourceError(code, "An earlier page of this list was read without all of its rows.", source=name)
        return SourceReport(
            name,
            state,
            covered_until=covered,
            taken=result.taken,
            scanned=stream.scanned if stream else 0,
            requests=(stream.meter.requests[name] if stream else 0) + result.other_requests,
            total=result.total if self.totals else None,
            residual=result.residual,
            error=error,
            envelope=stream.envelope or None if stream else None,
        )

    def _settle_total(self, result: _Result) -> None:
        if self.totals and result.total is None and result.stream is not None:
            result.total = result.stream.total

    def _total(self) -> int | None:
        """The exact number of rows in the whole list, or None when some source cannot tell."""
        asked = {name: result for name, result in self.results.items() if not result.skipped}
        if not self.totals or not all(self._exact(name, result) for name, result in asked.items()):
            return None
        return sum(result.total or 0 for result in asked.values())

    def _exact(self, name: str, result: _Result) -> bool:
        stream = result.stream
        if result.total is None or result.caveat or result.count_error or (self.after and name in self.after.notes):
            return False
        if stream is not None and (stream.error or stream.damage):
            return False
        read_whole = stream is not None and stream.plan.order is not Guarantee.EXACT
        return read_whole or not result.residual


_SHOWN = 512
"""How many rows delivered without a sort key a cursor remembers: 8 bytes each."""

_KEYLESS = position(None, Order(OrderField.CREATED_AT), "", ())[1]
"""What stands for a missing sort key in a descending place."""

_OVERSUPPLY = 5
"""How many times the rows of a page are read together of all sources, at most, before any is asked again."""

_LEAST_ROWS = 10

_START: Position = (-1, 0, "", ())
"""Before every row."""


def _rank(note: SourceNote) -> int:
    return _WORSE[SourceReportState(note.state)]


def _instant(place: Position | None, order: Order) -> Instant | None:
    value = None if place is None or order.field is OrderField.DURATION else position_value(place, order)
    return None if value is None else Instant.from_us(value)
