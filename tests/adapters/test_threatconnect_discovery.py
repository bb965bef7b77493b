"""What the ThreatConnect adapter learns of its server, when it asks, and what it does until it knows."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from adapters.threatconnect.discovery import Discovery
from adapters.threatconnect.simulator_tables import Profile
from gateway.errors import SourceError, SourceErrorCode
from gateway.merge import SourceReportState
from gateway.model import Key
from gateway.query import ExecutionFilter, JobFilter, Order, OrderField, TextMatch
from gateway.testing.faults import Fault, Misbehaving
from tests.adapters.threatconnect_bench import NEWEST, TOLD, Bench, found, key

ASKED = "OPTIONS v3/job/executions/tql?"
PROVEN = frozenset({"jobId"})


def answering(options: Callable[[], httpx.Response], inner: Bench) -> httpx.MockTransport:
    """The simulator of ``inner``, but for its OPTIONS."""

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "OPTIONS":
            return options()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=inner.simulator.app)) as client:
            return await client.get(request.url, headers=request.headers)

    return httpx.MockTransport(answer)


class TestLists:
    async def test_the_first_list_asks_and_makes_use_of_the_answer(self) -> None:
        bench = Bench(discovers=True)
        page, after = await bench.page(ExecutionFilter(), NEWEST, 50)
        assert [row.tie[0] for row in page.rows] == bench.truth()[:50]
        first, second = bench.asked()
        assert first == ASKED
        assert second == "v3/job/executions?sorting=queueTime desc id asc&resultLimit=51"
        assert page.reports["tc"].requests == 2
        page, _ = await bench.page(ExecutionFilter(), NEWEST, 50, after)
        assert (len(bench.asked()), page.reports["tc"].requests) == (1, 1)

    @pytest.mark.parametrize("profile", Profile)
    async def test_the_answer_is_worth_what_a_setting_is(self, profile: Profile) -> None:
        asking, told = Bench(discovers=True, profile=profile), Bench(profile=profile)
        proven = Bench(profile=Profile.MINIMAL)
        assert asking.adapter.capabilities == proven.adapter.capabilities
        assert asking.settings.execution_parameters is None
        assert told.settings.execution_parameters == TOLD[profile]["execution_parameters"]
        for kind in ("execution", "job", "node"):
            await asking.adapter.discover(kind)
            await told.adapter.discover(kind)
        assert asking.asked() == [ASKED, "OPTIONS v3/jobs/tql?"]
        assert told.asked() == []
        assert asking.adapter.capabilities == told.adapter.capabilities

    async def test_each_list_asks_for_itself(self) -> None:
        bench = Bench(discovers=True)
        await bench.page(JobFilter(), first=5)
        assert [each.split("?")[0] for each in bench.asked()] == ["OPTIONS v3/jobs/tql", "v3/jobs"]
        # Nothing can match: nobody is asked anything.
        page, _ = await bench.page(ExecutionFilter(actor=TextMatch(equals="a")))
        assert (page.reports["tc"].state, page.reports["tc"].requests, bench.asked()) == (SourceReportState.SKIPPED, 0, [])

    async def test_lists_at_the_same_time_ask_once(self) -> None:
        bench = Bench(discovers=True)
        pages = await asyncio.gather(*(bench.page(ExecutionFilter(), first=5) for _ in range(4)))
        assert sorted(page.reports["tc"].requests for page, _ in pages) == [1, 1, 1, 2]
        assert bench.asked().count(ASKED) == 1

    async def test_look_ups_ask_where_it_matters(self) -> None:
        bench = Bench(discovers=True)
        assert found((await bench.adapter.fetch([key("job", 2)]))[0]).name == "QRadar"
        assert ASKED not in bench.asked()
        for one in bench.executions(2):
            await bench.adapter.fetch([one])
        asked = bench.asked()
        assert asked[:2] == [ASKED, "v3/job/executions?tql=id = 1&resultLimit=2"]
        assert asked.count(ASKED) == 1
        await bench.adapter.fetch([Key("node", "tc", ("tc-job",))])
        assert [each.split("&")[0] for each in bench.asked()] == ['v3/job/executions?tql=serverName = "tc-job"']


class TestFaults:
    @pytest.mark.parametrize(
        "options",
        [
            lambda: httpx.Response(404, json={"status": "Error"}),
            lambda: httpx.Response(400, json={"status": "Error"}),
            lambda: httpx.Response(500),
            lambda: httpx.Response(200, html="<p>Please sign in</p>"),
            lambda: httpx.Response(200, json={"data": [], "status": "Success"}),
            lambda: httpx.Response(200, json={"data": [{"keyword": "id"}], "status": "Error"}),
            lambda: httpx.Response(200, json={"data": [{"keyword": 'id" or "'}], "status": "Success"}),
            lambda: httpx.Response(200, json={"data": ["id"], "status": "Success"}),
        ],
    )
    async def test_a_list_goes_without(self, options: Callable[[], httpx.Response]) -> None:
        inner = Bench(60, profile=Profile.MINIMAL)
        bench = Bench(60, discovers=True, transport=answering(options, inner))
        page, _ = await bench.page(ExecutionFilter(jobs=frozenset({key("job", 2)})), first=100)
        report = page.reports["tc"]
        assert (report.state, report.error, report.requests) == (SourceReportState.OK, None, 2)
        assert {row.tie[0] for row in page.rows} == {n for n, row in inner.world.executions.items() if row["jobId"] == 2}
        assert inner.asked() == ["v3/job/executions?tql=jobId = 2&resultLimit=10000"]
        # It is not asked again at once.
        page, _ = await bench.page(ExecutionFilter(), first=100)
        assert page.reports["tc"].requests == 1

    async def test_every_request_is_in_the_report(self) -> None:
        app = Misbehaving(Bench().simulator.app, Fault.RATE_LIMITED_BRIEFLY)
        bench = Bench(discovers=True, transport=httpx.ASGITransport(app=app))
        page, _ = await bench.page(ExecutionFilter())
        report = page.reports["tc"]
        assert report.error is not None
        assert report.error.code is SourceErrorCode.RATE_LIMITED
        assert report.requests == app.requests == 6

    async def test_what_was_learned_lasts_from_page_to_page(self) -> None:
        """A cursor of a list that could not be sorted yet goes on in one that is."""
        inner = Bench(90)
        ready = False

        def options() -> httpx.Response:
            keywords = ["completedTime", "failedTime", "id", "jobId", "queueTime"]
            rows = [{"keyword": keyword} for keyword in keywords]
            return httpx.Response(200 if ready else 404, json={"data": rows, "status": "Success"})

        for order in (NEWEST, Order(OrderField.FINISHED_AT), Order(OrderField.FINISHED_AT, descending=False)):
            ready = False
            bench = Bench(90, discovers=True, transport=answering(options, inner))
            page, after = await bench.page(ExecutionFilter(), order, 40)
            ready = True
            bench.adapter._executions._due = float("-inf")
            rest, _ = await bench.page(ExecutionFilter(), order, 90, after)
            got = [row.key for row in (*page.rows, *rest.rows)]
            whole, _ = await Bench(90).page(ExecutionFilter(), order, 90)
            assert got == [row.key for row in whole.rows]


class Clock:
    """A server that is asked, and a clock to go with it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked = 0
        self.answer: frozenset[str] | SourceError = frozenset({"id"})
        self.discovery = Discovery(self.ask, PROVEN, None, lambda: self.now)

    async def ask(self) -> frozenset[str]:
        self.asked += 1
        await asyncio.sleep(0)
        if isinstance(self.answer, SourceError):
            raise self.answer
        return self.answer

    async def at(self, seconds: float) -> tuple[int, frozenset[str]]:
        """How often the server had been asked at that time, and what is known then."""
        self.now = seconds
        await self.discovery.learn()
        return self.asked, self.discovery.keywords


class TestTime:
    async def test_an_answer_is_good_for_an_hour(self) -> None:
        clock = Clock()
        assert (clock.discovery.keywords, clock.discovery.complete) == (PROVEN, False)
        assert await clock.at(0) == (1, frozenset({"id"}))
        assert clock.discovery.complete
        assert await clock.at(3599) == (1, frozenset({"id"}))
        clock.answer = frozenset({"id", "status"})
        assert await clock.at(3600) == (2, frozenset({"id", "status"}))
        # What was offered before most likely still is.
        clock.answer = SourceError(SourceErrorCode.UNAVAILABLE, "no")
        assert await clock.at(7200) == (3, frozenset({"id", "status"}))
        assert clock.discovery.complete

    async def test_a_fault_is_good_for_a_minute(self) -> None:
        clock = Clock()
        clock.answer = SourceError(SourceErrorCode.UNAVAILABLE, "no")
        assert await clock.at(0) == (1, PROVEN)
        assert await clock.at(59) == (1, PROVEN)
        assert not clock.discovery.complete
        clock.answer = frozenset({"id"})
        assert await clock.at(60) == (2, frozenset({"id"}))

    async def test_whoever_gives_up_leaves_it_to_the_next(self) -> None:
        clock = Clock()
        one, other = (asyncio.create_task(clock.discovery.learn()) for _ in range(2))
        await asyncio.sleep(0)
        one.cancel()
        await other
        assert one.cancelled()
        assert (clock.asked, clock.discovery.keywords) == (2, frozenset({"id"}))

    async def test_what_the_configuration_says_is_not_asked_for(self) -> None:
        clock = Clock()
        clock.discovery = Discovery(clock.ask, PROVEN, frozenset(), lambda: clock.now)
        assert await clock.at(10**9) == (0, frozenset())
