"""Paging by number: the page asked for holds what is wanted, consecutive pages overlap, a lost place is found again."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.instant import Instant
from gateway.model import Execution, ExecutionStatus, Key
from gateway.pagination import Window, beyond, numbered_pages, page_covering, reached, stands
from gateway.query import Order, OrderField
from gateway.spi import At, Page, Start

NEWEST = Order(OrderField.CREATED_AT)
OLDEST = Order(OrderField.CREATED_AT, descending=False)


def rows(instants: Sequence[int | None]) -> list[Execution]:
    """Executions in this order, with their index as native id."""
    return [
        Execution(
            key=Key("execution", "s", (str(index),)),
            name="run",
            tie=(index,),
            status=ExecutionStatus.SUCCEEDED,
            created_at=None if us is None else Instant.from_us(us),
        )
        for index, us in enumerate(instants)
    ]


class Source:
    """A source that pages by number over a list, and remembers what it was asked."""

    def __init__(self, table: Sequence[Execution], *, total: bool = True) -> None:
        self.table = list(table)
        self.total = total
        self.asked: list[Window] = []

    async def fetch(self, window: Window) -> Page[Execution]:
        self.asked.append(window)
        page = self.table[window.offset : window.offset + window.size]
        more = window.offset + window.size < len(self.table)
        return Page(page, len(page), more, here=window.offset, total=len(self.table) if self.total else None)

    async def pages(
        self, start: Start, order: Order = OLDEST, largest: int = 20, *, any_offset: bool = False
    ) -> list[Page[Execution]]:
        return [page async for page in numbered_pages(self.fetch, start, order, largest, any_offset=any_offset)]


# --- which page ----------------------------------------------------------------------------------------------------


@given(st.integers(0, 5000), st.integers(5, 1000), st.integers(20, 200))
def test_the_page_holds_the_row_and_goes_on(offset: int, wanted: int, largest: int) -> None:
    window = page_covering(offset, wanted, largest)
    assert 1 <= window.size <= largest
    assert window.offset % window.size == 0
    assert window.number == window.offset // window.size + 1
    assert window.offset <= offset
    # At least one row after the remembered one, or the reader would not move.
    assert offset + 1 < window.offset + window.size


@given(st.integers(0, 5000), st.integers(1, 90), st.integers(200, 1000))
def test_the_page_holds_all_that_is_wanted_where_one_can(offset: int, wanted: int, largest: int) -> None:
    window = page_covering(offset, wanted, largest)
    could = [
        size for size in range(wanted + 1, 2 * (wanted + 1) + 1) if offset % size + wanted + 1 <= size and size <= largest
    ]
    if could:
        assert window.size == could[0]
        assert offset + wanted < window.offset + window.size


@pytest.mark.parametrize(
    ("offset", "wanted", "largest", "window"),
    [
        (0, 50, 200, Window(0, 51)),
        (50, 50, 200, Window(0, 101)),
        (51, 50, 200, Window(51, 51)),
        (1000, 50, 100, Window(992, 62)),
        (7, 1, 1, Window(7, 1)),
    ],
)
def test_some_pages(offset: int, wanted: int, largest: int, window: Window) -> None:
    assert page_covering(offset, wanted, largest) == window


@pytest.mark.parametrize(
    ("at", "there"),
    [
        (At(10, (1,)), {0, 1}),
        (At(10, None), {0}),
        (At(20, (2,)), {0, 1, 2}),
        (At(None, (3,)), {0, 1, 2, 3}),
        (At(5, None), set()),
        (At(4, None), set()),
    ],
)
def test_which_rows_a_place_has_passed(at: At, there: set[int]) -> None:
    table = rows([5, 10, 20, None])
    assert {row.tie[0] for row in table if reached(row, at, OLDEST)} == there


def test_in_descending_order_missing_instants_come_first() -> None:
    table = rows([None, 20, 10])
    assert [reached(row, At(20, (1,)), NEWEST) for row in table] == [True, True, False]


@given(
    st.lists(st.none() | st.integers(0, 4), max_size=12),
    st.none() | st.integers(0, 4),
    st.none() | st.tuples(st.integers(0, 12)),
    st.sampled_from([NEWEST, OLDEST, Order(OrderField.NATIVE)]),
)
def test_of_many_those_lie_beyond_that_are_not_reached(
    instants: list[int | None], instant: int | None, tie: tuple[int] | None, order: Order
) -> None:
    table, at = rows(instants), At(instant, tie)
    assert beyond(table, stands(table, order), at, order) == [row for row in table if not reached(row, at, order)]


# --- walking -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("any_offset", [False, True])
@given(count=st.integers(0, 120), wanted=st.integers(1, 40), largest=st.integers(20, 30))
async def test_pages_overlap_and_hold_everything(count: int, wanted: int, largest: int, any_offset: bool) -> None:
    source = Source(rows(range(count)))
    pages = await source.pages(Start(rows=wanted), largest=largest, any_offset=any_offset)
    assert {row.tie[0] for page in pages for row in page.rows} == set(range(count))
    for before, after in pairwise(pages):
        assert before.rows[-1] in after.rows
    assert all(window.size <= largest for window in source.asked)
    assert any_offset or all(window.offset % window.size == 0 for window in source.asked)


async def test_a_long_list_is_read_to_its_end_by_whoever_wants_little() -> None:
    """At some offsets no small page reaches past the remembered row: the 60th, if two rows are wanted."""
    source = Source(rows(range(3000)))
    pages = numbered_pages(source.fetch, Start(rows=1), OLDEST, 200)
    last = -1
    async for page in pages:
        assert page.rows[-1].tie[0] > last
        last = page.rows[-1].tie[0]
    assert last == 2999
    # Who reads on wants more than was thought at first.
    assert len(source.asked) < 60


async def test_a_place_with_a_hint_is_read_in_one_request() -> None:
    source = Source(rows(range(1000)))
    pages = numbered_pages(source.fetch, Start(at=At(700, (700,)), hint=700, rows=10), OLDEST, 50)
    page = await anext(pages)
    await pages.aclose()  # type: ignore[attr-defined]
    # A few rows before the remembered one are read again, in case rows before it went away meanwhile.
    assert {row.tie[0] for row in page.rows} >= set(range(696, 711))
    assert len(source.asked) == 1


async def test_a_hint_is_no_place() -> None:
    """Without a place the scan begins at the beginning, whatever an earlier page said."""
    source = Source(rows(range(100)))
    pages = await source.pages(Start(hint=50, rows=10))
    assert pages[0].here == 0


async def test_the_first_page_is_as_small_as_wanted_and_no_larger_than_allowed() -> None:
    source = Source(rows(range(100)))
    await source.pages(Start(rows=7))
    await source.pages(Start(rows=70))
    firsts = [window for window in source.asked if window.offset == 0]
    assert firsts[0] == Window(0, 7)
    assert Window(0, 20) in firsts


async def test_a_source_that_tells_no_offset_is_read_for_one_page() -> None:
    async def fetch(_window: Window) -> Page[Execution]:
        return Page(rows([1]), 1, more=True)

    assert len([page async for page in numbered_pages(fetch, Start(), OLDEST, 10)]) == 1


# --- finding a lost place ------------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 60), max_size=300).map(sorted),
    st.integers(-1, 61),
    st.none() | st.integers(0, 300),
    st.integers(1, 30),
    st.integers(20, 40),
)
async def test_a_place_is_found_without_a_hint(
    instants: list[int], us: int, tie: int | None, wanted: int, largest: int
) -> None:
    source = Source(rows(instants))
    at = At(us, None if tie is None else (tie,))
    pages = numbered_pages(source.fetch, Start(at=at, rows=wanted), OLDEST, largest)
    first = await anext(pages)
    searched = len(source.asked)
    rest = [page async for page in pages]
    got = [row for page in (first, *rest) for row in page.rows]
    # It may begin earlier, never later.
    assert [row for row in source.table if not reached(row, at, OLDEST) and row not in got] == []
    size = min(2 * (wanted + 1), largest)
    numbered = max(1, ceil(len(instants) / size))
    assert searched <= ceil(log2(numbered)) + 2


async def test_far_into_a_long_list() -> None:
    source = Source(rows(range(10_000)))
    pages = numbered_pages(source.fetch, Start(at=At(7000, (7000,)), rows=49), OLDEST, 100)
    page = await anext(pages)
    assert 7000 in {row.tie[0] for row in page.rows}
    assert len(source.asked) <= log2(100) + 2


async def test_without_a_total_the_search_stays_on_the_first_page() -> None:
    """Then it may begin much earlier than needed, but never later."""
    source = Source(rows(range(100)), total=False)
    pages = await source.pages(Start(at=At(50, (50,)), rows=5))
    assert {row.tie[0] for page in pages for row in page.rows} >= set(range(51, 100))
