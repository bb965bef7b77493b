"""How many requests lists of AWS IoT take, and what is said when they may not take enough (DECISIONS 12 to 14)."""

from datetime import timedelta

import httpx
import pytest

from adapters.aws_iot.world import World
from gateway.config import BudgetSettings
from gateway.instant import Instant
from gateway.merge import SourceReportState
from gateway.model import ExecutionStatus, Key
from gateway.query import ExecutionFilter, InstantRange, JobFilter, NodeFilter, Order, OrderField, TextMatch
from gateway.testing.servers import LoopbackServers
from tests.adapters.aws_iot_bench import MINUTE, NOW, Bench, add_jobs, fleet, newest_first

ALL = ExecutionFilter()
FAILED = ExecutionFilter(
    statuses=frozenset({ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT, ExecutionStatus.REJECTED}),
)
BY_JOB = "ListJobExecutionsForJob"


# --- quotas --------------------------------------------------------------------------------------------------------


def most_in_a_second(times: list[tuple[float, str]]) -> dict[str, int]:
    """The most calls of each operation in any second, as the simulator saw them."""
    by_operation: dict[str, list[float]] = {}
    for moment, operation in times:
        by_operation.setdefault(operation, []).append(moment)
    return {
        operation: max(sum(begin <= moment <= begin + 1 for moment in moments) for begin in moments)
        for operation, moments in by_operation.items()
    }


async def test_fifty_jobs_of_forty_things_within_the_quota_and_the_next_page_for_nothing() -> None:
    """Over a real socket, with the quotas as they are by default; the simulator throttles as AWS does."""
    bench = Bench.open(fleet(50, 40, completed=False))
    with LoopbackServers([bench.simulator.app]) as servers:
        transport = httpx.AsyncHTTPTransport()
        over_socket = Bench.open(
            bench.world,
            transport=transport,
            endpoint_url=servers.origins[0],
            quota={},
        )
        page, after = await over_socket.page(ALL)
        report = page.reports["iot"]
        assert (report.state, report.requests, report.scanned) == (SourceReportState.OK, 51, 2000)
        assert [row.key for row in page.rows] == newest_first(bench.world)[:50]
        times = bench.simulator.times
        assert len(times) == 51, "none was throttled, so none was repeated"
        assert max(most_in_a_second(times).values()) <= 10
        following, _ = await over_socket.page(ALL, after=after)
        assert [row.key for row in following.rows] == newest_first(bench.world)[50:100]
        assert (following.reports["iot"].requests, len(times)) == (0, 51)
        await over_socket.adapter.aclose()
        await transport.aclose()


@pytest.mark.parametrize(("workers", "most"), [(1, 4), (2, 2), (4, 1)])
async def test_workers_divide_the_quota(workers: int, most: int) -> None:
    quota = {"rate": 100_000.0, "burst": 1000, "ceiling": 100_000, "in_flight": 4}
    bench = Bench.open(fleet(12, 1, completed=False), workers=workers, quota=quota)
    await bench.page(ALL)
    assert bench.between.most == most


# --- kept lists ----------------------------------------------------------------------------------------------------


async def test_each_job_is_read_once_for_a_whole_traversal() -> None:
    bench = Bench.open(fleet(50, 40))
    assert await bench.all(ALL, first=37) == newest_first(bench.world)
    assert bench.operations() == {"ListJobs": 1, BY_JOB: 50}


async def test_a_first_page_reads_no_more_jobs_than_it_needs_and_the_next_none() -> None:
    bench = Bench.open(fleet(50, 40))
    page, after = await bench.page(ALL)
    assert [row.key for row in page.rows] == newest_first(bench.world)[:50]
    assert bench.operations() == {"ListJobs": 1, BY_JOB: 4}
    page, _ = await bench.page(ALL, after=after)
    assert [row.key for row in page.rows] == newest_first(bench.world)[50:100]
    assert (bench.operations(), page.reports["iot"].requests) == ({}, 0)


@pytest.mark.parametrize(
    "field", [OrderField.CREATED_AT, OrderField.STARTED_AT, OrderField.FINISHED_AT, OrderField.DURATION]
)
async def test_another_order_and_another_filter_of_the_gateway_s_read_nothing_again(field: OrderField) -> None:
    bench = Bench.open(fleet(12, 5))
    await bench.all(ALL)
    bench.operations()
    for descending in (True, False):
        assert len(await bench.all(ALL, Order(field, descending))) == 60
    since = Instant.from_datetime(NOW - timedelta(hours=5)).us
    found = await bench.all(ExecutionFilter(started_at=InstantRange(start=since)), Order(field))
    assert len(found) == 25
    assert len(await bench.all(FAILED, Order(field))) == 36
    assert bench.operations() == {}


async def test_kept_lists_end() -> None:
    bench = Bench.open(fleet(3, 5, completed=False), keep_seconds=60)
    await bench.page(ALL)
    bench.operations()
    bench.clock.now += 59
    await bench.page(ALL)
    assert bench.operations() == {}
    bench.clock.now += 2
    await bench.page(ALL)
    assert bench.operations() == {"ListJobs": 1, BY_JOB: 3}


async def test_executions_of_completed_jobs_are_kept_longer() -> None:
    bench = Bench.open(fleet(3, 5))
    await bench.all(ALL)
    bench.operations()
    bench.clock.now += 120
    await bench.all(ALL)
    assert bench.operations() == {"ListJobs": 1}


async def test_nothing_is_kept_when_nothing_may_be() -> None:
    bench = Bench.open(fleet(3, 5), keep_seconds=0)
    await bench.page(ALL)
    first = bench.operations()
    await bench.page(ALL)
    assert bench.operations() == first == {"ListJobs": 1, BY_JOB: 3}


# --- pruning -------------------------------------------------------------------------------------------------------


def old_and_open() -> World:
    """1 000 jobs that are over, one an hour, and 20 that are open."""
    world = fleet(1000, 3)
    add_jobs(world, list(world.things), "open", 20, apart=MINUTE, completed=False)
    return world


async def test_a_thousand_old_jobs_and_twenty_open_ones_cost_at_most_thirty_calls() -> None:
    bench = Bench.open(old_and_open())
    page, _ = await bench.page(ALL)
    assert [row.key for row in page.rows] == newest_first(bench.world)[:50]
    asked = bench.operations()
    assert asked == {"ListJobs": 5, BY_JOB: 20}
    assert asked.total() <= 30


@pytest.mark.parametrize("status", [ExecutionStatus.QUEUED, ExecutionStatus.RUNNING])
async def test_what_is_not_over_is_looked_for_in_open_jobs_alone(status: ExecutionStatus) -> None:
    bench = Bench.open(old_and_open())
    await bench.all(ExecutionFilter(statuses=frozenset({status})))
    assert bench.operations() == {"ListJobs": 5, BY_JOB: 20}


async def test_a_job_that_was_canceled_may_have_executions_that_go_on() -> None:
    bench = Bench.open(fleet(2, 2))
    bench.world.update_job("job-0000", status="CANCELED")
    key = next(key for key in bench.world.executions if key.job_id == "job-0000")
    bench.world.update_execution(key, status="IN_PROGRESS", lastUpdatedAt=NOW)
    found = await bench.all(ExecutionFilter(statuses=frozenset({ExecutionStatus.RUNNING})))
    assert found == [Key("execution", "iot", (key.job_id, key.thing_name, "1"))]
    assert bench.operations() == {"ListJobs": 1, BY_JOB: 1}
    # It may end long after its job did.
    bench.world.update_execution(key, status="SUCCEEDED", lastUpdatedAt=NOW)
    bench.clock.now += 1000
    assert (await bench.all(ALL, Order(OrderField.FINISHED_AT), first=1))[0].parts == (key.job_id, key.thing_name, "1")


async def test_a_range_of_time_leaves_out_the_jobs_that_lie_outside() -> None:
    bench = Bench.open(fleet(50, 2))
    hours = [Instant.from_datetime(NOW - timedelta(hours=hour, minutes=2)).us for hour in (9, 6)]
    for given in (
        ExecutionFilter(created_at=InstantRange(*hours)),
        ExecutionFilter(started_at=InstantRange(*hours)),
        ExecutionFilter(finished_at=InstantRange(*hours)),
        ExecutionFilter(active_during=InstantRange(*hours)),
    ):
        bench.clock.now += 10_000
        assert len(await bench.all(given)) == 6
        assert bench.operations() == {"ListJobs": 1, BY_JOB: 3}


async def test_names_and_ids_leave_out_all_other_jobs() -> None:
    bench = Bench.open(fleet(50, 2))
    assert len(await bench.all(ExecutionFilter(name=TextMatch(starts_with="JOB-000")))) == 20
    assert bench.operations() == {"ListJobs": 1, BY_JOB: 10}
    bench.clock.now += 10_000
    assert len(await bench.all(ExecutionFilter(name=TextMatch(equals="job-0007")))) == 2
    assert bench.asked() == ["/jobs/job-0007/things"]
    assert len(await bench.all(ExecutionFilter(jobs=frozenset({Key("job", "iot", ("job-0009",))})))) == 2
    assert bench.asked() == ["/jobs/job-0009/things"]
    assert await bench.all(ExecutionFilter(jobs=frozenset({Key("job", "iot", ("no-such-job",))}))) == []


async def test_things_are_asked_for_their_own_executions() -> None:
    bench = Bench.open(fleet(50, 3))
    node = ExecutionFilter(nodes=frozenset({Key("node", "iot", ("thing-001",))}))
    assert len(await bench.all(node)) == 50
    assert bench.asked() == ["/things/thing-001/jobs"]
    bench.clock.now += 10_000
    assert (
        len(await bench.all(ExecutionFilter(node_name=TextMatch(among=frozenset({"thing-000", "thing-002", "x"}))))) == 100
    )
    assert bench.asked() == ["/things/thing-000/jobs", "/things/thing-002/jobs", "/things/x/jobs"]
    jobs = frozenset({Key("job", "iot", ("job-0001",))})
    both = ExecutionFilter(nodes=node.nodes, jobs=jobs, statuses=frozenset({ExecutionStatus.FAILED}))
    assert len(await bench.all(both)) == 1
    assert bench.asked() == ["/things/thing-001/jobs?status=FAILED&jobId=job-0001"]


async def test_what_a_deleted_thing_had_is_found_in_the_lists_of_the_jobs() -> None:
    bench = Bench.open(fleet(3, 2))
    bench.world.delete_thing("thing-001")
    found = await bench.all(ExecutionFilter(nodes=frozenset({Key("node", "iot", ("thing-001",))})))
    assert found == [key for key in newest_first(bench.world) if key.parts[1] == "thing-001"]
    assert bench.operations() == {"ListJobExecutionsForThing": 1, "ListJobs": 1, BY_JOB: 3}
    # A name may be that of a machine of another system: not worth reading all jobs for.
    assert await bench.all(ExecutionFilter(node_name=TextMatch(equals="thing-001"))) == []
    assert bench.operations() == {}


# --- statuses ------------------------------------------------------------------------------------------------------


async def test_one_status_is_one_list() -> None:
    bench = Bench.open(fleet(2, 9))
    assert len(await bench.all(ExecutionFilter(statuses=frozenset({ExecutionStatus.FAILED})))) == 6
    assert sorted(bench.asked())[1:] == ["/jobs/job-0000/things?status=FAILED", "/jobs/job-0001/things?status=FAILED"]


async def test_several_statuses_are_one_list_each_in_a_large_job_and_one_page_of_all_in_a_small_one() -> None:
    bench = Bench.open(fleet(1, 600))
    assert len(await bench.all(FAILED, first=1000)) == 400
    assert bench.operations()[BY_JOB] == 4, "the first page of all, then FAILED, REJECTED and TIMED_OUT"
    bench = Bench.open(fleet(1, 60))
    assert len(await bench.all(FAILED, first=1000)) == 40
    assert bench.operations()[BY_JOB] == 1


# --- budgets -------------------------------------------------------------------------------------------------------


async def test_a_budget_that_ends_before_all_open_jobs_are_read_shows_what_was_and_says_so() -> None:
    bench = Bench.open(fleet(50, 4, completed=False), budget=BudgetSettings(rows=5000, requests=21, seconds=60))
    page, _ = await bench.page(ALL, first=200)
    report = page.reports["iot"]
    assert report.state is SourceReportState.TRUNCATED
    assert report.scanned == len(page.rows) == 80
    assert report.requests == 21
    assert "80 rows" in str(report.error)
    assert not page.has_next


async def test_a_budget_that_ends_among_old_jobs_ends_the_page_and_the_next_goes_on() -> None:
    bench = Bench.open(fleet(100, 4), budget=BudgetSettings(rows=5000, requests=21, seconds=60))
    wanted = ExecutionFilter(statuses=frozenset({ExecutionStatus.TIMED_OUT}))
    got, after, more, pages = [], None, True, 0
    while more:
        page, after = await bench.page(wanted, first=200, after=after)
        got += [row.key for row in page.rows]
        more, pages = page.has_next, pages + 1
    truth = [key for key in newest_first(bench.world) if key.parts[1] == "thing-002"]
    assert got == truth
    assert pages == 5
    assert page.reports["iot"].state is SourceReportState.OK


async def test_time_that_runs_out_is_a_truncation_and_no_failure() -> None:
    bench = Bench.open(
        fleet(50, 4, completed=False),
        budget=BudgetSettings(rows=5000, requests=100, seconds=1.0),
        quota={"rate": 8.0, "burst": 2, "ceiling": 10, "in_flight": 4},
    )
    page, _ = await bench.page(ALL, first=500)
    report = page.reports["iot"]
    assert report.state is SourceReportState.TRUNCATED
    assert 0 < report.scanned == len(page.rows) < 200
    assert 4 <= report.requests <= 11


# --- the rest ------------------------------------------------------------------------------------------------------


async def test_jobs_and_things_are_listed_whole_in_pages_of_250() -> None:
    bench = Bench.open(fleet(300, 1))
    assert len(await bench.all(JobFilter(), first=100)) == 300
    assert bench.operations() == {"ListJobs": 2}
    bench = Bench.open(fleet(1, 260))
    assert len(await bench.all(NodeFilter(), Order(OrderField.NATIVE), first=300)) == 260
    assert bench.operations() == {"ListThings": 2}


async def test_half_empty_and_empty_pages_do_not_end_a_list() -> None:
    bench = Bench.open(fleet(3, 300), simulated={"short_pages": True})
    assert await bench.all(ALL, first=200) == newest_first(bench.world)


async def test_a_list_whose_token_has_expired_begins_anew() -> None:
    world = fleet(1, 300)
    bench = Bench.open(world)
    page_of = bench.simulator._tokens.place
    expired: list[str] = []

    def place(scope: str, token: str) -> object:
        if not expired:
            expired.append(token)
            bench.simulator.expire_tokens()
        return page_of(scope, token)

    bench.simulator._tokens.place = place  # type: ignore[method-assign,assignment]
    assert await bench.all(ALL, first=400) == newest_first(world)
    assert bench.operations()[BY_JOB] == 2 + 2
