"""Which release of Scale a server is: read from its version, asked for once, and what it means for executions."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from adapters.scale.releases import Release, ReleaseProbe
from gateway.errors import SourceError, SourceErrorCode
from gateway.model import Execution, Job
from gateway.query import ExecutionFilter, JobFilter, ListQuery, NodeFilter, Order, OrderField
from tests.adapters.scale_bench import Bench, key

NEWEST = Order(OrderField.CREATED_AT)


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("3.1.0-snapshot", (3, 1)),
        ("4.4.2", (4, 4)),
        ("5.2", (5, 2)),
        ("10.0.1", (10, 0)),
        ("", None),
        (None, None),
        ("snapshot", None),
        ("4", None),
        ("4.12345", None),
    ],
)
def test_versions(text: str | None, release: tuple[int, int] | None) -> None:
    assert Release.parse(text) == release


def test_since_5_2_executions_do_not_tell_when_they_changed() -> None:
    assert [release for release in ((3, 1), (4, 4), (5, 1), (5, 2), (6, 9)) if Release(*release).dates_changes] == [
        (3, 1),
        (4, 4),
        (5, 1),
    ]


class Server:
    """Tells its version, or a fault; counts how often it was asked."""

    def __init__(self, answer: str | SourceErrorCode | None) -> None:
        self.answer = answer
        self.asked = 0
        self.now = 0.0

    async def version(self) -> str | None:
        self.asked += 1
        await asyncio.sleep(0)
        if isinstance(self.answer, SourceErrorCode):
            raise SourceError(self.answer, "It does not answer.")
        return self.answer

    def probe(self) -> ReleaseProbe:
        return ReleaseProbe(self.version, clock=lambda: self.now)


async def test_whoever_asks_meanwhile_waits_for_the_one_answer() -> None:
    server = Server("4.4.2")
    probe = server.probe()
    assert await asyncio.gather(*(probe.current() for _ in range(9))) == [(4, 4)] * 9
    server.answer, server.now = "5.9.0", 3599
    assert (await probe.current(), server.asked) == ((4, 4), 1)
    server.now = 3600
    assert (await probe.current(), server.asked) == ((5, 9), 2)


@pytest.mark.parametrize("untold", [SourceErrorCode.UNAVAILABLE, SourceErrorCode.FORBIDDEN, "", None])
async def test_a_server_that_does_not_say_is_left_alone_for_a_while(untold: str | SourceErrorCode | None) -> None:
    server = Server(untold)
    probe = server.probe()
    assert [await probe.current() for _ in range(3)] == [None] * 3
    assert server.asked == 1
    server.answer, server.now = "4.4.2", 60
    assert (await probe.current(), server.asked) == ((4, 4), 2)


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        (SourceErrorCode.UNAVAILABLE, 2),
        (SourceErrorCode.NOT_FOUND, 2),
        (SourceErrorCode.RATE_LIMITED, 1),
        (SourceErrorCode.TIMEOUT, 1),
    ],
)
async def test_a_server_that_went_away_is_asked_again(code: SourceErrorCode, asked: int) -> None:
    server = Server("4.4.2")
    probe = server.probe()
    await probe.current()
    probe.fault(SourceError(code, "It failed."))
    await probe.current()
    assert server.asked == asked


async def test_a_canceled_asker_leaves_the_question_to_the_next() -> None:
    server = Server("4.4.2")
    probe = server.probe()
    first = asyncio.ensure_future(probe.current())
    await asyncio.sleep(0)
    first.cancel()
    assert await probe.current() == (4, 4)
    assert server.asked == 2


# --- the adapter ---------------------------------------------------------------------------------------------------


async def test_through_v3_nobody_has_to_ask() -> None:
    for generation in ("3", "4"):
        bench = Bench.open(60, generation=generation, base_url="http://scale.example/scale/api/v3/")
        page, _ = await bench.page("execution", ExecutionFilter(), NEWEST, 5)
        assert all(row.updated_at is not None for row in page.rows)
        assert [each.path for each in bench.simulator.log] == ["/scale/api/v3/job-executions/"]


async def test_the_release_is_asked_for_with_the_first_execution() -> None:
    bench = Bench.open(60, generation="4")
    await bench.page("job", JobFilter(), NEWEST, 5)
    await bench.page("node", NodeFilter(), Order(OrderField.NATIVE), 5)
    assert "version/" not in bench.asked()
    page, _ = await bench.page("execution", ExecutionFilter(), NEWEST, 5)
    assert bench.asked() == ["job-executions/?order=-created&order=id&page_size=6", "version/"]
    assert len(page.rows) == 5
    await bench.adapter.fetch([key("execution", number) for number in (1, 2, 3)])
    assert bench.asked() == [f"job-executions/{number}/" for number in (1, 2, 3)]


def saying(version: str) -> Callable[[httpx.Request, Any], Any]:
    return lambda request, body: {"version": version} if request.url.path.endswith("/version/") else body


async def executions_of(bench: Bench) -> list[Execution]:
    """An execution by each of the ways that the adapter has to one."""
    page, _ = await bench.page("execution", ExecutionFilter(), NEWEST, 5)
    job = key("job", next(row["job_id"] for row in bench.world.executions.values()))
    of_job, _ = await bench.page("execution", ExecutionFilter(jobs=frozenset({job})), NEWEST, 5)
    found = [page.rows[0], of_job.rows[0], *(await bench.adapter.fetch([page.rows[1].key]))]
    found += [await bench.adapter.fetch_full(page.rows[2].key), *(await bench.adapter.latest([job]))]
    assert all(isinstance(one, Execution) for one in found), found
    return found


@pytest.mark.parametrize(("version", "told"), [("4.4.2", True), ("5.2.0", False), ("6.9.0", False), ("", False)])
async def test_updated_at_is_there_where_the_release_tells_it(version: str, told: bool) -> None:
    bench = Bench.open(60, generation="4")
    bench.between.edit = saying(version)
    assert {one.updated_at is not None for one in await executions_of(bench)} == {told}
    jobs, _ = await bench.page("job", JobFilter(), NEWEST, 5)
    assert all(isinstance(row, Job) and row.updated_at is not None for row in jobs.rows)


async def test_a_server_that_hides_its_version_is_read_all_the_same() -> None:
    bench = Bench.open(60, generation="4")

    async def hidden(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(403, text="no") if request.url.path.endswith("/version/") else None

    bench.between.fault = hidden
    page, _ = await bench.page("execution", ExecutionFilter(), NEWEST, 200)
    assert len(page.rows) == 60
    assert {row.updated_at for row in page.rows} == {None}
    assert page.reports["scale"].error is None


async def test_plans_are_the_same_for_every_release() -> None:
    older, newer = Bench.open(60), Bench.open(60, generation="4")
    await newer.page("execution", ExecutionFilter(), NEWEST, 5)
    for query in (ListQuery("execution", ExecutionFilter(), NEWEST), ListQuery("job", JobFilter(), NEWEST)):
        assert older.adapter.plan(query) == newer.adapter.plan(query)


async def test_superseded_jobs_of_a_later_release_are_found_and_listed() -> None:
    bench = Bench.open(60, generation="4")
    superseded = {number for number, row in bench.world.jobs.items() if row["is_superseded"]}
    assert superseded
    page, _ = await bench.page("job", JobFilter(), NEWEST, 500)
    assert superseded <= {row.tie[0] for row in page.rows}
    found = await bench.adapter.fetch([key("job", number) for number in superseded])
    assert all(isinstance(job, Job) for job in found)
