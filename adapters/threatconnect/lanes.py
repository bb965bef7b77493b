"""Several lists of executions, each sorted by ThreatConnect, as one list in the gateway's order (DECISIONS 10).

Every request is resumed by key, strictly after the last row that was read: rows that come or go move no others, so that
nothing is lost or doubled, and a place needs no hint to be found again.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field

from adapters.threatconnect.client import EXECUTIONS, LARGEST_PAGE
from adapters.threatconnect.planning import Lane, ListScan, MergedScan, params_of, sorting_of
from adapters.threatconnect.terms import LATEST, SECOND
from adapters.threatconnect.tql import Both, Compare, Condition, Either
from gateway.errors import SourceError, SourceErrorCode
from gateway.instant import Instant
from gateway.model import Entity
from gateway.pagination import beyond, stands
from gateway.query import Order, OrderField, order_value, position
from gateway.spi import At, Page, Start

Fetch = Callable[[ListScan, int], Awaitable[Page[Entity]]]
"""Asks for the first so many rows of a list. Raises SourceError."""


@dataclass(slots=True)
class _Reader:
    """How far a lane of ``scan`` has been read: up to ``place``, of which ``rows`` have not been handed over."""

    scan: MergedScan
    lane: Lane
    place: At | None
    rows: deque[Entity] = field(default_factory=deque)
    more: bool = True

    @property
    def hungry(self) -> bool:
        """Whether it must read before anybody can tell its next row."""
        return self.more and not self.rows

    async def read(self, fetch: Fetch, size: int) -> Page[Entity]:
        """Read about ``size`` rows more. Raises SourceError, also when none can be had although there are more."""
        while True:
            page = await fetch(self._next(), size)
            if not all(self._belongs(row) for row in page.rows):
                raise SourceError(SourceErrorCode.BAD_RESPONSE, "It sent rows that it was not asked for.")
            order, new = self.scan.order, page.rows
            if self.place is not None:
                new = beyond(new, stands(new, order), self.place, order)
            if new or not page.more:
                break
            if size == LARGEST_PAGE:
                raise SourceError(SourceErrorCode.BAD_RESPONSE, "It sends nothing new, but says that there is more.")
            size = LARGEST_PAGE
        if new:
            self.place = At(order_value(new[-1], self.scan.order.field), new[-1].tie)
        self.rows.extend(new)
        self.more = page.more
        return page

    def _belongs(self, row: Entity) -> bool:
        """Whether the row may be one of this lane: it has the order's instant, or lacks it, as the lane's rows do."""
        field = self.scan.order.field
        return field is OrderField.NATIVE or (order_value(row, field) is None) is (self.lane.key is None)

    def _next(self) -> ListScan:
        """The list of the rows that have not been read."""
        key, order = self.lane.key, self.scan.order
        terms = self.lane.terms if self.place is None else (*self.lane.terms, *_after(self.place, key, order))
        sorting = sorting_of(key, descending=order.descending)
        return ListScan(EXECUTIONS, params_of(terms, sorting), order, self.scan.names, self.scan.attributes)


@dataclass(slots=True)
class _Read:
    """What has been read since the last page."""

    rows: list[Entity] = field(default_factory=list)
    returned: int = 0
    unreadable: int = 0


async def merged_pages(
    scan: MergedScan, start: Start, fetch: Fetch, count: Callable[[], Awaitable[int | None]]
) -> AsyncIterator[Page[Entity]]:
    """The pages of a merged list from ``start`` on: of ``start.rows`` rows, later ones of more. Raises SourceError."""
    total = await count() if start.count else None
    goal = min(start.rows, LARGEST_PAGE)
    stages = list(_stages(scan, start.at))
    read = _Read()
    for index, stage in enumerate(stages):
        while True:
            hungry = [reader for reader in stage if reader.hungry]
            for page in await _all(reader.read(fetch, goal) for reader in hungry):
                read.returned += page.returned
                read.unreadable += page.unreadable
            full = [reader for reader in stage if reader.rows]
            if not full:
                break
            if len({reader.rows[0].key for reader in full}) < len(full):
                raise SourceError(SourceErrorCode.BAD_RESPONSE, "It sent a row in two lists that have none in common.")
            read.rows.append(min(full, key=_head).rows.popleft())
            more = index + 1 < len(stages) or any(reader.rows or reader.more for reader in stage)
            if len(read.rows) == goal or not more:
                yield Page(read.rows, read.returned, more, total=total, unreadable=read.unreadable)
                if not more:
                    return
                read, goal = _Read(), min(2 * goal, LARGEST_PAGE)
    yield Page(read.rows, read.returned, more=False, total=total, unreadable=read.unreadable)


async def _all(reads: Iterable[Coroutine[None, None, Page[Entity]]]) -> list[Page[Entity]]:
    """All pages, read at the same time; none is still being read when one has failed. Raises SourceError."""
    pages = []
    for answer in await asyncio.gather(*reads, return_exceptions=True):
        if isinstance(answer, BaseException):
            raise answer
        pages.append(answer)
    return pages


def _head(reader: _Reader) -> tuple[object, ...]:
    row = reader.rows[0]
    order = reader.scan.order
    return position(order_value(row, order.field), order, "", row.tie)


def _stages(scan: MergedScan, at: At | None) -> Iterator[list[_Reader]]:
    """The lanes in the order in which they are read, those that are merged together, each from the place on.

    Rows without the order's instant stand together: before all others in descending order, after them in ascending order.
    """
    order = scan.order
    timed = order.field is not OrderField.NATIVE
    # Without an instant in the order all lanes are without a key, and the place is one among their rows.
    stages = (False, True) if order.descending or not timed else (True, False)
    for keyed in stages:
        place = at
        if timed and at is not None and (at.instant is not None) is not keyed:
            if keyed is stages[0]:
                continue
            place = None
        readers = [_Reader(scan, lane, place) for lane in scan.lanes if (lane.key is not None) is keyed]
        if readers:
            yield readers


def _after(at: At, key: str | None, order: Order) -> tuple[Condition, ...]:
    """What the rows after a place have in common: exactly, where the place is in whole seconds, as ThreatConnect's are."""
    number = None if at.tie is None else int(at.tie[0])
    if key is None or at.instant is None:
        return () if number is None else (Compare("id", ">=", number + 1),)
    if not 0 <= at.instant < LATEST:
        return ()
    second = at.instant // SECOND * SECOND
    this, following = (Instant.from_us(us).text for us in (second, second + SECOND))
    if number is None or second != at.instant:
        return (Compare(key, "<", following) if order.descending else Compare(key, ">=", this),)
    beyond = Compare(key, "<", this) if order.descending else Compare(key, ">=", following)
    return (Either((beyond, Both((Compare(key, "=", this), Compare("id", ">=", number + 1))))),)
