"""Lists of AWX page by page: order, resuming by key, ends, totals, and how many requests they cost."""

import asyncio
from datetime import timedelta
from itertools import count
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.awx.world import World
from gateway.merge import SourceReportState
from gateway.model import Execution, ExecutionStatus, Key, NodeKind
from gateway.query import (
    ExecutionFilter,
    InstantRange,
    JobFilter,
    NodeFilter,
    Order,
    OrderField,
    TextMatch,
)
from tests.adapters.awx_bench import (
    EVERY_ORDER,
    NEWEST,
    NOW,
    Bench,
    bench_of,
    key,
    truth,
)


@pytest.fixture
def bench() -> Bench:
    return bench_of(World.generate(5, 300, NOW))


@pytest.fixture
def small() -> Bench:
    return bench_of(World.generate(9, 60, NOW))


@pytest.mark.parametrize("order", EVERY_ORDER, ids=str)
@pytest.mark.parametrize("first", [7, 50])
async def test_pages_concatenate_to_the_whole_list(small: Bench, order: Order, first: int) -> None:
    assert await small.walk(ExecutionFilter(), order, first) == truth(small.world, order)


@pytest.mark.parametrize("order", EVERY_ORDER[:6], ids=str)
async def test_a_page_of_fifty_is_one_request_wherever_it_begins(bench: Bench, order: Order) -> None:
    after, expected = None, truth(bench.world, order)
    for number in range(4):
        page, after = await bench.page(ExecutionFilter(), order, 50, after)
        assert [row.key for row in page.rows] == expected[50 * number : 50 * number + 50]
        assert bench.requests() == 1


async def test_two_hundred_rows_are_one_request(bench: Bench) -> None:
    page, after = await bench.page(ExecutionFilter(), first=200)
    assert (len(page.rows), page.has_next, bench.requests()) == (200, True, 1)
    page, _ = await bench.page(ExecutionFilter(), first=200, after=after)
    assert (len(page.rows), page.has_next, bench.requests()) == (100, False, 1)


async def test_more_than_a_page_holds_is_read_no_further_than_is_asked_for(bench: Bench) -> None:
    page, after = await bench.page(ExecutionFilter(), first=230)
    sizes = [parse_qs(request.query)["page_size"] for request in bench.simulator.log]
    # The second begins with the last row of the first, because it is resumed by key, and has one more than is shown.
    assert (len(page.rows), page.has_next, sizes) == (230, True, [["200"], ["32"]])
    page, _ = await bench.page(ExecutionFilter(), first=230, after=after)
    assert (len(page.rows), page.has_next) == (70, False)


@pytest.mark.parametrize("first", [60, 30, 20, 59])
async def test_the_end_is_known_without_looking_past_it(small: Bench, first: int) -> None:
    after, seen = None, 0
    while True:
        page, after = await small.page(ExecutionFilter(), first=first, after=after)
        seen += len(page.rows)
        assert small.requests() == 1
        assert page.has_next == (seen < 60)
        if not page.has_next:
            break
    assert seen == 60


async def test_pages_grow_when_much_is_filtered_out(bench: Bench) -> None:
    wanted = ExecutionFilter(actor=TextMatch(equals="nobody at all"))
    page, _ = await bench.page(wanted, first=5)
    assert (page.rows, page.reports["awx"].residual) == ([], ("actor",))
    assert bench.requests() <= 7
    page, _ = await bench.page(wanted, first=200)
    assert (page.rows, bench.requests()) == ([], 2)


async def test_totals_come_along(bench: Bench) -> None:
    page, after = await bench.page(ExecutionFilter(), first=10, totals=True)
    assert (page.total, bench.requests()) == (300, 1)
    page, _ = await bench.page(ExecutionFilter(), first=10, after=after, totals=True)
    assert (page.total, bench.requests()) == (300, 1)
    since = int((NOW - timedelta(days=3)).timestamp() * 1_000_000)
    until = int((NOW - timedelta(days=1)).timestamp() * 1_000_000)
    for order in (NEWEST, Order(OrderField.CREATED_AT, descending=False)):
        wanted = ExecutionFilter(created_at=InstantRange(since, until))
        page, _ = await bench.page(wanted, order, first=3, totals=True)
        assert (page.total, bench.requests()) == (len(await bench.walk(wanted, order, 50)), 1)
        bench.requests()
    page, _ = await bench.page(ExecutionFilter(), first=0, totals=True)
    assert (page.total, bench.requests()) == (300, 1)
    assert "count_disabled" not in str(bench.simulator.log)


async def test_rows_without_an_instant_are_left_and_found_again() -> None:
    world = World.generate(9, 40, NOW)
    for _ in range(30):
        world.add_execution(status="pending", created=NOW - timedelta(minutes=3))
    bench = bench_of(world)
    for order in EVERY_ORDER[2:6]:
        for first in (4, 11, 40):
            assert await bench.walk(ExecutionFilter(), order, first) == truth(world, order)


async def test_a_crowded_instant_is_read_by_id() -> None:
    world = World.generate(9, 40, NOW)
    crowd = NOW - timedelta(days=1)
    for _ in range(60):
        world.add_execution(status="failed", created=crowd, started=crowd, finished=crowd + timedelta(seconds=2))
    bench = bench_of(world)
    for order in EVERY_ORDER:
        assert await bench.walk(ExecutionFilter(), order, 10) == truth(world, order)
        ended = ExecutionFilter(statuses=frozenset({ExecutionStatus.FAILED}))
        assert len(await bench.walk(ended, order, 10)) == len(set(await bench.walk(ended, order, 10)))
    _, after = await bench.page(ExecutionFilter(), first=30)
    _, after = await bench.page(ExecutionFilter(), first=30, after=after)
    bench.requests()
    page, _ = await bench.page(ExecutionFilter(), first=30, after=after)
    asked = [one.query.split("&")[0] for one in bench.simulator.log]
    assert asked == [f"created{lookup}=2026-11-20T19:30:05.123456Z" for lookup in ("__lte", "", "__lt")]
    assert len(page.rows) == 30


@given(st.data(), st.sampled_from(EVERY_ORDER[:6]), st.integers(3, 25))
@settings(max_examples=40)
def test_rows_that_stay_are_never_lost_or_doubled(data: st.DataObject, order: Order, first: int) -> None:
    world = World.generate(13, 45, NOW)
    bench = bench_of(world)
    stayed = set(world.executions)
    # AWX never gives an id a second time, also not that of the newest job once it is gone.
    numbers = count(max(stayed) + 1)

    def move() -> None:
        for _ in range(data.draw(st.integers(0, 3))):
            if data.draw(st.booleans()):
                gone = data.draw(st.sampled_from(sorted(world.executions)))
                world.delete_execution(gone)
                stayed.discard(gone)
            else:
                ago = timedelta(hours=data.draw(st.integers(0, 300)))
                world.add_execution(
                    id=next(numbers), status="failed", created=NOW - ago, started=NOW - ago, finished=NOW - ago
                )

    async def run() -> None:
        found: list[Key] = []
        after, more = None, True
        while more:
            page, after = await bench.page(ExecutionFilter(), order, first, after)
            found += [row.key for row in page.rows]
            more = page.has_next
            move()
        assert len(found) == len(set(found))
        assert {key("execution", number) for number in stayed} <= set(found)

    asyncio.run(run())


async def test_jobs_and_nodes_are_lists_too(bench: Bench) -> None:
    for order in (NEWEST, Order(OrderField.CREATED_AT, descending=False), Order(OrderField.NATIVE)):
        jobs = await bench.walk(JobFilter(), order, 4, kind="job")
        assert sorted(int(one.parts[0]) for one in jobs) == sorted(bench.world.job_templates)
    nodes = await bench.walk(NodeFilter(), Order(OrderField.NATIVE), 5, kind="node")
    hosts, instances = bench.world.hosts, bench.world.instances
    assert nodes == [
        *(key("node", "host", number) for number in sorted(hosts)),
        *(key("node", "instance", instances[number]["hostname"]) for number in sorted(instances)),
    ]
    bench.requests()
    page, _ = await bench.page(NodeFilter(), Order(OrderField.NATIVE), 50, kind="node")
    assert (len(page.rows), page.has_next, bench.requests()) == (len(nodes), False, 2)
    workers = NodeFilter(kinds=frozenset({NodeKind.WORKER}))
    page, _ = await bench.page(workers, Order(OrderField.NATIVE), 2, kind="node", totals=True)
    assert page.total == len(instances)


async def test_a_list_is_what_its_filter_says(bench: Bench) -> None:
    summary = next(one for one in bench.world.job_host_summaries.values() if one["host"])
    wanted = ExecutionFilter(nodes=frozenset({key("node", "host", summary["host"])}))
    found = await bench.page(wanted, first=200)
    assert {row.tie[0] for row in found[0].rows} == {
        one["job"] for one in bench.world.job_host_summaries.values() if one["host"] == summary["host"]
    }
    assert found[0].reports["awx"].state is SourceReportState.TRUNCATED
    refused, _ = await bench.page(ExecutionFilter(node_name=TextMatch(contains="ü")))
    assert refused.reports["awx"].state is SourceReportState.FAILED
    skipped, _ = await bench.page(ExecutionFilter(statuses=frozenset({ExecutionStatus.SKIPPED})))
    assert skipped.reports["awx"].state is SourceReportState.SKIPPED


async def test_an_installation_with_smaller_pages_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """MAX_PAGE_SIZE is an operator's setting: a page that was cut without a word must not pass for the last one."""
    monkeypatch.setattr("adapters.awx.simulator_order.MAX_PAGE_SIZE", 40)
    bench = bench_of(World.generate(5, 150, NOW))
    assert await bench.walk(ExecutionFilter(), NEWEST, 100) == truth(bench.world, NEWEST)
    keys = truth(bench.world, NEWEST)[:100]
    assert [row.key for row in await bench.adapter.fetch(keys) if isinstance(row, Execution)] == keys
