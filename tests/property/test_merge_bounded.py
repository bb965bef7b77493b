"""Sources that can only be read parent by parent: how much is read, and what happens when a budget ends first."""

import asyncio

from adapters.memory import Behaviour
from gateway.config import BudgetSettings
from gateway.merge import SourceReportState
from gateway.query import ExecutionFilter, Order, OrderField
from tests.property.federations import WIDE, Federation, execution

NEWEST = Order(OrderField.CREATED_AT)


def federation(budget: BudgetSettings = WIDE) -> Federation:
    """One source of five parents of 40 rows, the rows of one parent close together in time."""
    made = Federation()
    rows = [execution("a", f"{n:03}{parent}", created=1000 * parent + n) for parent in range(5) for n in range(40)]
    made.add("a", rows, Behaviour(paging="parents", largest_page=40), budget)
    return made


def test_no_more_parents_are_read_than_the_page_needs() -> None:
    async def run() -> None:
        one = federation()
        page, _ = await one.page(ExecutionFilter(), NEWEST, 30, None)
        assert [row.key for row in page.rows] == one.truth(ExecutionFilter(), NEWEST)[:30]
        report = page.reports["a"]
        assert (report.requests, report.state, page.has_next) == (1, SourceReportState.OK, True)

    asyncio.run(run())


def test_a_budget_that_ends_between_settled_rows_ends_the_page_there_and_the_list_goes_on() -> None:
    async def run() -> None:
        one = federation(BudgetSettings(rows=80, requests=100, seconds=60))
        got, after, more, states = [], None, True, set()
        while more:
            page, after = await one.page(ExecutionFilter(), NEWEST, 100, after)
            got += [row.key for row in page.rows]
            states.add(page.reports["a"].state)
            more = page.has_next
            if len(got) > 80:
                break
        # Rows are read from the first parent on each time here: the second page gets no further, and says so.
        assert got == one.truth(ExecutionFilter(), NEWEST)[: len(got)]
        assert len(got) == 80
        assert states == {SourceReportState.TRUNCATED}
        assert not more

    asyncio.run(run())


def test_a_budget_that_ends_before_anything_is_settled_shows_what_was_read_and_says_so() -> None:
    async def run() -> None:
        one = Federation()
        # Every parent reaches up to the newest row.
        rows = [execution("a", f"{n:03}{parent}", created=n) for parent in range(5) for n in range(40)]
        one.add("a", rows, Behaviour(paging="parents", largest_page=20), BudgetSettings(rows=100, requests=100, seconds=60))
        page, _ = await one.page(ExecutionFilter(), NEWEST, 500, None)
        report = page.reports["a"]
        assert len(page.rows) == 100 == report.scanned
        assert [row.created_at for row in page.rows] == sorted((row.created_at for row in page.rows), reverse=True)
        assert report.state is SourceReportState.TRUNCATED
        assert "100 rows" in str(report.error)
        assert (page.has_next, page.total) == (False, None)

    asyncio.run(run())
