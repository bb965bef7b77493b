"""Lists of executions that the adapter merges: by their end, and of more jobs than one request can name."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from adapters.threatconnect.simulator_tables import Profile
from gateway.errors import SourceErrorCode
from gateway.merge import SourceReportState
from gateway.model import ExecutionStatus
from gateway.query import ExecutionFilter, InstantRange, ListQuery, Order, OrderField
from gateway.spi import At, Start
from gateway.testing.faults import Fault, Misbehaving
from tests.adapters.threatconnect_bench import NEWEST, NOW, UNNAMED, Bench, key

LATEST, EARLIEST = Order(OrderField.FINISHED_AT), Order(OrderField.FINISHED_AT, descending=False)
NATIVE = Order(OrderField.NATIVE)
ENDS = pytest.mark.parametrize("order", [LATEST, EARLIEST], ids=["latest", "earliest"])
MANY = frozenset(key("job", number) for number in range(2, 500))


def by_end(bench: Bench, order: Order, test: Any = lambda _row: True) -> list[int]:
    """Ids of executions in the order of their ends, from the world itself."""
    rows = sorted(filter(test, bench.world.executions.values()), key=lambda row: row["id"])
    ended = [row for row in rows if row["completedTime"] or row["failedTime"]]
    ended.sort(key=lambda row: row["completedTime"] or row["failedTime"], reverse=order.descending)
    others = [row for row in rows if not (row["completedTime"] or row["failedTime"])]
    return [row["id"] for row in (*others, *ended)] if order.descending else [row["id"] for row in (*ended, *others)]


async def walk(bench: Bench, given: ExecutionFilter, order: Order, first: int, between: Any = None) -> list[int]:
    got: list[int] = []
    after, more = None, True
    while more:
        page, after = await bench.page(given, order, first, after)
        assert page.reports["tc"].state is SourceReportState.OK, page.reports
        got += [row.tie[0] for row in page.rows]
        more = page.has_next
        if between is not None:
            between()
    return got


def many_ends_at_once() -> Bench:
    """More executions of either fate end in one second than a page holds."""
    bench = Bench(80)
    for number in range(40):
        bench.world.add_execution(status=("Completed", "Failed")[number % 2], queueTime=NOW - timedelta(hours=1))
    bench.world.add_execution(status="Completed", queueTime=NOW - timedelta(hours=1), failedTime=NOW)
    return bench


class TestEnds:
    @ENDS
    @pytest.mark.parametrize("first", [1, 7, 60, 400])
    async def test_pages(self, order: Order, first: int) -> None:
        bench = many_ends_at_once()
        assert await walk(bench, ExecutionFilter(), order, first) == by_end(bench, order)

    @ENDS
    async def test_what_is_asked(self, order: Order) -> None:
        bench = Bench(300)
        days = InstantRange(int((NOW - timedelta(days=2)).timestamp()) * 10**6, None)
        page, after = await bench.page(ExecutionFilter(finished_at=days), order, 20)
        assert page.reports["tc"].residual == ()
        asked = sorted(bench.asked())
        since = (NOW - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
        sense = "desc" if order.descending else "asc"
        # Ascending, the range's beginning is where the scan begins, too.
        begin = "" if order.descending else f' and {{}} >= "{since}"'
        completed, failed = begin.format("completedTime"), begin.format("failedTime")
        assert asked == [
            f'v3/job/executions?tql=completedTime is not null and completedTime >= "{since}"{completed}'
            f"&sorting=completedTime {sense} id asc&resultLimit=21",
            f'v3/job/executions?tql=completedTime is null and failedTime is not null and failedTime >= "{since}"{failed}'
            f"&sorting=failedTime {sense} id asc&resultLimit=21",
        ]
        await bench.page(ExecutionFilter(finished_at=days), order, 20, after)
        assert all(" and id >= " in each for each in bench.asked())

    @ENDS
    async def test_failed_ones_are_found_by_their_end(self, order: Order) -> None:
        bench = Bench(300)
        limits = InstantRange(int((NOW - timedelta(days=4)).timestamp()) * 10**6, int(NOW.timestamp() - 86_400) * 10**6)
        within = lambda row: limits.start <= _us(row) < limits.end  # type: ignore[operator]  # noqa: E731
        page, _ = await bench.page(ExecutionFilter(finished_at=limits), order, 300, totals=True)
        assert [row.tie[0] for row in page.rows] == by_end(bench, order, within)
        assert {row.status for row in page.rows} >= {ExecutionStatus.FAILED, ExecutionStatus.SUCCEEDED}
        assert page.total == len(page.rows)

    @ENDS
    @pytest.mark.parametrize("first", [0, 30])
    async def test_totals_take_one_request(self, order: Order, first: int) -> None:
        bench = Bench(300)
        page, _ = await bench.page(ExecutionFilter(), order, first, totals=True)
        assert page.total == 300
        assert sum("count=true" in each for each in bench.asked()) == 1

    @ENDS
    async def test_rows_that_come_and_go_between_pages(self, order: Order) -> None:
        bench = Bench(120)
        before = by_end(bench, order)
        gone = list(before[::6])

        def move() -> None:
            for victim in gone[:2]:
                bench.world.executions.pop(victim)
            del gone[:2]
            if len(bench.world.executions) < 140:
                for hours in (1, 100):
                    bench.world.add_execution(status="Failed", queueTime=NOW - timedelta(hours=hours))

        victims = set(gone)
        got = await walk(bench, ExecutionFilter(), order, 8, move)
        assert len(got) == len(set(got))
        survivors = [number for number in before if number not in victims]
        assert [number for number in got if number in set(survivors)] == survivors

    async def test_one_that_ends_between_pages_comes_once(self) -> None:
        bench = Bench(60)
        running = [bench.world.add_execution(status="Running", queueTime=NOW - timedelta(hours=2)) for _ in range(6)]

        def end() -> None:
            bench.world.update_execution(running[0], status="Completed", completedTime=NOW)

        for order in (LATEST, EARLIEST):
            got = await walk(bench, ExecutionFilter(), order, 4, end)
            assert len(got) == len(set(got)) == 66

    @ENDS
    @pytest.mark.parametrize("tie", [None, (10**6,)])
    async def test_places_of_other_sources(self, order: Order, tie: tuple[int] | None) -> None:
        """A place between two seconds, or out of any calendar: a scan begins no later than it should."""
        bench = Bench(120)
        plan = bench.adapter.plan(ListQuery("execution", ExecutionFilter(), order, UNNAMED))
        rows = by_end(bench, order)
        instants = {number: us for number, row in bench.world.executions.items() if (us := _us(row)) >= 0}
        middle = sorted(instants.values())[60]
        for place in (middle, middle + 500_000, middle - 1, -5, 1 << 60):
            got = [
                row.tie[0] async for page in bench.adapter.scan(plan, Start(At(place, tie), rows=50)) for row in page.rows
            ]
            after = [
                number
                for number in rows
                if (number not in instants and not order.descending)
                or (number in instants and (instants[number] < place if order.descending else instants[number] > place))
            ]
            assert got[len(got) - len(after) :] == after
            assert got == [number for number in rows if number in set(got)]

    async def test_without_both_ends_and_an_id_it_is_no_order(self) -> None:
        bench = Bench(60, profile=Profile.MINIMAL)
        for order in (LATEST, EARLIEST):
            assert order.field not in bench.adapter.capabilities.orders
            assert await walk(bench, ExecutionFilter(), order, 100) == by_end(bench, order)


def _us(row: dict) -> int:
    end = row["completedTime"] or row["failedTime"]
    return -1 if end is None else int(end.timestamp()) * 10**6


class TestFaults:
    @ENDS
    @pytest.mark.parametrize("fault", [Fault.SAME_PAGE, Fault.ENDLESS])
    async def test_pages_that_go_round(self, order: Order, fault: Fault) -> None:
        app = Misbehaving(Bench(60).simulator.app, fault)
        bench = Bench(60, transport=httpx.ASGITransport(app=app))
        numbers: list[int] = []
        after = None
        for _ in range(12):
            page, after = await bench.page(ExecutionFilter(), order, 10, after)
            numbers += [row.tie[0] for row in page.rows]
            if not page.has_next:
                break
        assert len(numbers) == len(set(numbers))
        if page.reports["tc"].state is SourceReportState.OK:
            assert set(numbers) == set(by_end(Bench(60), order)), "rows are missing, and nobody says so"
        else:
            assert page.reports["tc"].state is SourceReportState.FAILED
        assert app.requests < 60

    @ENDS
    async def test_one_that_cannot_be_read_costs_itself(self, order: Order) -> None:
        app = Misbehaving(Bench(60).simulator.app, Fault.WRONG_TYPES)
        bench = Bench(60, transport=httpx.ASGITransport(app=app))
        page, _ = await bench.page(ExecutionFilter(), order, 100)
        error = page.reports["tc"].error
        assert error is not None
        assert (len(page.rows), error.code) == (59, SourceErrorCode.BAD_RESPONSE)

    @ENDS
    async def test_a_page_of_nothing_that_can_be_read(self, order: Order) -> None:
        bench = many_ends_at_once()
        for number in by_end(bench, order)[10:16]:
            bench.world.executions[number]["jobId"] = None
        page, _ = await bench.page(ExecutionFilter(), order, 3)
        seen, after = [row.tie[0] for row in page.rows], None
        for _ in range(60):
            page, after = await bench.page(ExecutionFilter(), order, 3, after)
            seen += [row.tie[0] for row in page.rows]
            if not page.has_next:
                break
        assert set(seen) == {number for number, row in bench.world.executions.items() if row["jobId"]}
        assert page.reports["tc"].state is SourceReportState.TRUNCATED

    @ENDS
    async def test_a_fault_of_one_list_is_the_sources(self, order: Order) -> None:
        inner = Bench(60)

        async def answer(request: httpx.Request) -> httpx.Response:
            if b"sorting=failedTime" in request.url.query:
                return httpx.Response(500)
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=inner.simulator.app)) as client:
                return await client.get(request.url, headers=request.headers)

        page, _ = await Bench(60, transport=httpx.MockTransport(answer)).page(ExecutionFilter(), order, 100)
        report = page.reports["tc"]
        assert report.error is not None
        assert (report.state, report.error.code) == (SourceReportState.FAILED, SourceErrorCode.UNAVAILABLE)


class TestManyJobs:
    @pytest.mark.parametrize("profile", Profile)
    @pytest.mark.parametrize("order", [NEWEST, Order(OrderField.CREATED_AT, descending=False), NATIVE, LATEST, EARLIEST])
    async def test_pages(self, order: Order, profile: Profile) -> None:
        bench = Bench(200, profile=profile)
        rows = {number for number, row in bench.world.executions.items() if row["jobId"] > 1}
        whole = by_end(bench, order) if order.field is OrderField.FINISHED_AT else bench.truth(order)
        got = await walk(bench, ExecutionFilter(jobs=MANY), order, 60)
        assert got == [number for number in whole if number in rows]
        asked = [each for each in bench.asked() if each.startswith("v3/job/executions")]
        assert all("jobId in (" in each and len(each) < 1900 for each in asked)

    async def test_one_that_was_never_queued_is_not_lost(self) -> None:
        bench = Bench(60)
        bench.world.add_execution(queueTime=None, status="Failed", jobId=3)
        rows = {number for number, row in bench.world.executions.items() if row["jobId"] > 1}
        assert set(await walk(bench, ExecutionFilter(jobs=MANY), NEWEST, 10)) == rows
