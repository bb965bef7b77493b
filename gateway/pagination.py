"""Paging by number, as values: which page to ask for so that a given row, and enough after it, is on it.

Sources that page by number shift under the reader when rows come and go. An adapter therefore resumes at the *offset* of
the last row it delivered, so that consecutive pages overlap, and the gateway checks that the overlap is there.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from gateway.query import Order, Position, order_value, places, position
from gateway.spi import At, Page, Start

R = TypeVar("R")

# Rows before the remembered one to read again, so that a few deletions between two pages do not lose the overlap.
_SLACK = 4


@dataclass(frozen=True, slots=True)
class Window:
    """A run of rows to ask for: ``size`` rows from the 0-based ``offset`` on."""

    offset: int
    size: int

    @property
    def number(self) -> int:
        """The 1-based page number, for sources that page by number (the offset is then a multiple of the size)."""
        return self.offset // self.size + 1


def page_covering(offset: int, rows: int, largest: int) -> Window:
    """The page that holds the row at ``offset`` and, if a page can, ``rows`` rows after it, for sources with page numbers.

    Chooses the smallest page size that does both, up to twice what is wanted; otherwise the page that reaches furthest.
    ``largest`` is the source's limit on page sizes: with 20 or more there is always a page that goes on past the offset, in
    lists of up to 232 million rows.
    """
    wanted = rows + 1
    for size in range(min(wanted, largest), min(2 * wanted, largest) + 1):
        if offset % size + wanted <= size:
            return _page(offset, size)
    best = max(range(min(2 * wanted, largest), 0, -1), key=lambda size: size - offset % size)
    if best - offset % best > 1:
        return _page(offset, best)
    # Every page of the wanted size ends at the offset: one that is larger, or begins earlier, does not.
    return _page(offset, next((size for size in range(largest, 1, -1) if offset % size < size - 1), largest))


def _page(offset: int, size: int) -> Window:
    return Window(offset - offset % size, size)


def reached(row: Any, at: At, order: Order) -> bool:
    """Whether ``row`` stands at or before the place ``at`` in its source's order."""
    return position(order_value(row, order.field), order, "", row.tie) <= _position_of(at, order)


def stands(rows: Sequence[Any], order: Order) -> Sequence[Position]:
    """Where the rows of a list stand in its source's order, all at once: there are many."""
    return places(rows[0].key.kind, order, "")(rows) if rows else ()


def beyond(rows: Sequence[R], standing: Sequence[Position], at: At, order: Order) -> list[R]:
    """Those of ``rows`` that stand after the place ``at``; ``standing`` says where each stands."""
    place = _position_of(at, order)
    return [row for row, here in zip(rows, standing, strict=True) if here > place]


def _position_of(at: At, order: Order) -> Position:
    return position(at.instant, order, "", at.tie or ())


async def numbered_pages(
    fetch: Callable[[Window], Awaitable[Page[Any]]], start: Start, order: Order, largest: int, *, any_offset: bool = False
) -> AsyncIterator[Page[Any]]:
    """The pages of a source that pages by number, or by ``any_offset``, from ``start`` on, each overlapping the one before.

    ``fetch`` must set ``Page.here`` to the page's offset and, where a place has to be found without a hint, ``Page.total``.
    Finding it takes a binary search: at most log2(pages) + 1 requests more than the page itself (DECISIONS 8).
    """

    def window(offset: int, rows: int) -> Window:
        return Window(offset, min(rows + 1, largest)) if any_offset else page_covering(offset, rows, largest)

    if start.at is None:
        page = await fetch(Window(0, min(start.rows, largest)))
    elif isinstance(start.hint, int):
        page = await fetch(window(max(0, start.hint - _SLACK), start.rows + _SLACK))
    else:
        page = await _find(fetch, start, start.at, order, largest)
    rows = start.rows
    while True:
        yield page
        if not page.more or not isinstance(page.here, int):
            return
        # Whoever reads on was not satisfied with what was wanted at first: a filter drops rows, or the list is long.
        rows *= 2
        page = await fetch(window(max(0, page.here + page.returned - 1), rows))


async def _find(
    fetch: Callable[[Window], Awaitable[Page[Any]]], start: Start, at: At, order: Order, largest: int
) -> Page[Any]:
    """The last page whose first row stands at or before ``at``, or the first page."""
    size = min(2 * (start.rows + 1), largest)
    low, found = 1, await fetch(Window(0, size))
    if not found.more or not found.rows or not reached(found.rows[-1], at, order):
        return found
    high = max(1, -(-(found.total or size) // size))
    while low < high:
        middle = (low + high + 1) // 2
        page = await fetch(Window((middle - 1) * size, size))
        if page.rows and reached(page.rows[0], at, order):
            low, found = middle, page
            if not reached(page.rows[-1], at, order):
                break
        else:
            high = middle - 1
    return found
