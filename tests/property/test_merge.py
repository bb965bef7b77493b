"""The merge over random federations: concatenated pages are the global sort, and what is missing was reported."""

import asyncio
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.memory import ALL_FILTERS, Behaviour
from gateway.config import BudgetSettings
from gateway.merge import SourceReport, SourceReportState
from gateway.model import ExecutionStatus, Key
from gateway.query import ExecutionFilter, Order, OrderField
from tests.property.federations import Federation, execution, federations, filters, orders

SMALL_BUDGETS = st.builds(BudgetSettings, rows=st.integers(1, 60), requests=st.integers(1, 6), seconds=st.just(60.0))


@given(federations(), filters(), orders(), st.integers(1, 17))
@settings(max_examples=150)
def test_pages_concatenate_to_the_global_sort(
    federation: Federation, wanted: ExecutionFilter, order: Order, first: int
) -> None:
    async def run() -> None:
        got: list[Key] = []
        after, more = None, True
        while more:
            page, after = await federation.page(wanted, order, first, after, totals=True)
            got += [row.key for row in page.rows]
            more = page.has_next
            assert {report.state for report in page.reports.values()} <= {SourceReportState.OK, SourceReportState.SKIPPED}
            if page.total is not None:
                assert page.total == len(federation.truth(wanted, order))
        assert got == federation.truth(wanted, order)

    asyncio.run(run())


@given(federations(), filters(), orders(), st.integers(1, 17), st.data())
@settings(max_examples=100)
def test_any_edge_is_a_place_to_go_on_from(
    federation: Federation, wanted: ExecutionFilter, order: Order, first: int, data: st.DataObject
) -> None:
    async def run() -> None:
        truth = federation.truth(wanted, order)
        page, _ = await federation.page(wanted, order, 40, None)
        if not page.rows:
            return
        index = data.draw(st.integers(0, len(page.rows) - 1))
        after = federation.codec.encode(page.cursor(index), "list")
        rest, _ = await federation.page(wanted, order, first, after)
        assert [row.key for row in rest.rows] == truth[index + 1 : index + 1 + first]

    asyncio.run(run())


@given(federations(SMALL_BUDGETS), filters(), orders(), st.integers(1, 17))
@settings(max_examples=150)
def test_under_budgets_the_loop_ends_and_nothing_is_lost_unreported(
    federation: Federation, wanted: ExecutionFilter, order: Order, first: int
) -> None:
    async def run() -> None:
        got: list[Key] = []
        after, more, pages = None, True, 0
        reports: Mapping[str, SourceReport] = {}
        while more:
            page, end = await federation.page(wanted, order, first, after)
            # Another request is only invited when it can bring something new.
            assert not page.has_next or (page.rows or end != after)
            got += [row.key for row in page.rows]
            after, more, reports = end, page.has_next, page.reports
            pages += 1
            assert pages < 2000
        truth = federation.truth(wanted, order)
        assert len(got) == len(set(got))
        assert got == [key for key in truth if key in set(got)]
        reported = {name for name, report in reports.items() if report.state is not SourceReportState.OK}
        assert {key.source for key in truth if key not in set(got)} <= reported

    asyncio.run(run())


def test_a_rare_match_under_a_small_budget_loses_nothing() -> None:
    """One row in 400 matches, 500 rows may be read a page (DECISIONS 3)."""
    rows = [
        execution(
            "a", n, created=100_000 - n, status=ExecutionStatus.FAILED if n % 400 == 399 else ExecutionStatus.SUCCEEDED
        )
        for n in range(8000)
    ]
    others = [execution("b", n, created=100_000 - 27 * n, status=ExecutionStatus.FAILED) for n in range(300)]
    federation = Federation()
    budget = BudgetSettings(rows=500, requests=100, seconds=60)
    federation.add("a", rows, Behaviour(filters=ALL_FILTERS - {"status"}, paging="number"), budget)
    federation.add("b", others, Behaviour(), budget)
    wanted = ExecutionFilter(statuses=frozenset({ExecutionStatus.FAILED}), status_inputs=("status",))
    order = Order(OrderField.CREATED_AT)

    async def run() -> None:
        got: list[Key] = []
        after, more = None, True
        while more:
            page, after = await federation.page(wanted, order, 50, after)
            got += [row.key for row in page.rows]
            more = page.has_next
        assert got == federation.truth(wanted, order)
        assert page.reports["a"].state is SourceReportState.OK

    asyncio.run(run())


def test_a_truncated_unordered_source_ends_the_loop_and_says_so_to_the_end() -> None:
    """As first drafted such a source promised a next page for ever (DECISIONS 2)."""
    federation = Federation()
    rows = [execution("a", n, created=(n * 7919) % 1200) for n in range(1200)]
    federation.add("a", rows, Behaviour(orders=frozenset()), BudgetSettings(rows=500, requests=100, seconds=60))
    federation.add("b", [execution("b", n, created=n) for n in range(700)], Behaviour())

    async def run() -> None:
        got = 0
        after, more = None, True
        while more:
            page, after = await federation.page(ExecutionFilter(), Order(OrderField.CREATED_AT), 100, after)
            assert page.reports["a"].state is SourceReportState.TRUNCATED
            assert page.total is None
            got += len(page.rows)
            more = page.has_next
        # The budget ends at the end of a page, not in the middle of one.
        assert 700 + 500 <= got < 700 + 600

    asyncio.run(run())
