"""What becomes of AWX's faults: coded errors, and no more lost than what was spoiled."""

import json
from collections.abc import Callable

import httpx
import msgspec
import pytest

from adapters.awx.simulator import Simulator
from adapters.awx.world import World
from gateway.errors import SourceError, SourceErrorCode
from gateway.merge import SourceReportState
from gateway.model import Execution, ExecutionStatus, Key
from gateway.query import (
    ExecutionFilter,
    TextMatch,
)
from tests.adapters.awx_bench import HTML, NEWEST, NOW, Bench, Faulty, adapter_on, bench_of, key, truth


@pytest.fixture
def bench() -> Bench:
    return bench_of(World.generate(5, 300, NOW))


@pytest.fixture
def small() -> Bench:
    return bench_of(World.generate(9, 60, NOW))


JSON_TYPE = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (httpx.Response(401, json={"detail": "no"}), SourceErrorCode.UNAUTHENTICATED),
        (None, SourceErrorCode.TIMEOUT),
        (httpx.Response(500, text="<html>", headers=HTML), SourceErrorCode.UNAVAILABLE),
        (httpx.Response(302, headers={"Location": "/migrations_notran/"}), SourceErrorCode.UNAVAILABLE),
        (httpx.Response(404, text="<html>", headers=HTML), SourceErrorCode.NOT_FOUND),
        (httpx.Response(200, text="<html>", headers=HTML), SourceErrorCode.BAD_RESPONSE),
        (httpx.Response(200, text='{"results": [{"id": 1', headers=JSON_TYPE), SourceErrorCode.BAD_RESPONSE),
        (httpx.Response(200, text='{"detail": "hm"}', headers=JSON_TYPE), SourceErrorCode.BAD_RESPONSE),
    ],
)
async def test_faults_are_coded(bench: Bench, answer: httpx.Response | None, code: SourceErrorCode) -> None:
    adapter = adapter_on(Faulty(bench.simulator, lambda _request: True, answer), timeout_seconds=0.05)
    broken = Bench(adapter, bench.simulator)
    page, _ = await broken.page(ExecutionFilter())
    report = page.reports["awx"]
    assert (report.state, report.error.code if report.error else None) == (SourceReportState.FAILED, code)
    (fetched,) = await adapter.fetch([key("execution", 1001)])
    assert isinstance(fetched, SourceError)
    assert fetched.code is code
    full = await adapter.fetch_full(key("execution", 1001))
    assert isinstance(full, SourceError)
    assert (full.code is code) or answer is not None
    with pytest.raises(SourceError) as caught:
        await adapter.ping()
    assert caught.value.code in (code, SourceErrorCode.BAD_RESPONSE)


class Spoiled(httpx.AsyncBaseTransport):
    """Lets ``spoil`` change every body of a list on its way."""

    def __init__(self, simulator: Simulator, spoil: Callable[[dict], None]) -> None:
        self.inner = httpx.ASGITransport(app=simulator.app)
        self.spoil = spoil

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        body = json.loads(await response.aread())
        self.spoil(body)
        return httpx.Response(response.status_code, json=body)


async def test_an_unreadable_row_costs_only_itself(small: Bench) -> None:
    lost = sorted(small.world.executions)[20]

    def spoil(body: dict) -> None:
        for row in body.get("results", [body]):
            if row["id"] == lost:
                row["created"] = {"not": "an instant"}

    adapter = adapter_on(Spoiled(small.simulator, spoil))
    broken = Bench(adapter, small.simulator)
    found: list[Key] = []
    after, more = None, True
    states = set()
    while more:
        page, after = await broken.page(ExecutionFilter(), first=7, after=after)
        found += [row.key for row in page.rows]
        states.add(page.reports["awx"].state)
        more = page.has_next
    assert found == [one for one in truth(small.world, NEWEST) if one != key("execution", lost)]
    assert states == {SourceReportState.OK, SourceReportState.TRUNCATED}
    answers = await adapter.fetch([key("execution", number) for number in (lost, min(small.world.executions))])
    assert isinstance(answers[0], SourceError)
    assert isinstance(answers[1], Execution)
    full = await adapter.fetch_full(key("execution", lost))
    assert isinstance(full, SourceError)
    assert full.code is SourceErrorCode.BAD_RESPONSE


async def test_a_page_of_nothing_readable_is_an_error(small: Bench) -> None:
    def spoil(body: dict) -> None:
        for row in body["results"]:
            row["id"] = "none"

    page, _ = await Bench(adapter_on(Spoiled(small.simulator, spoil)), small.simulator).page(ExecutionFilter(), first=7)
    report = page.reports["awx"]
    assert report.error is not None
    assert (report.state, report.error.code) == (SourceReportState.FAILED, SourceErrorCode.BAD_RESPONSE)
    execution = Execution(key=key("execution", 1), name="", tie=(1,), status=ExecutionStatus.FAILED)

    def spoil_targets(body: dict) -> None:
        body["results"] = [{"id": None}]
        body["next"] = None

    number = next(iter(small.world.job_host_summaries.values()))["job"]
    execution = msgspec.structs.replace(execution, key=key("execution", number))
    with pytest.raises(SourceError, match="cannot be read"):
        await adapter_on(Spoiled(small.simulator, spoil_targets)).targets(execution, failed=None, first=5, after=None)


class Deaf(httpx.AsyncBaseTransport):
    """Drops every filter: whatever place is asked for, the list begins anew."""

    def __init__(self, simulator: Simulator) -> None:
        self.inner = httpx.ASGITransport(app=simulator.app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        paging = [pair for pair in request.url.params.multi_items() if "__" not in pair[0] and pair[0] != "created"]
        return await self.inner.handle_async_request(
            httpx.Request("GET", request.url.copy_with(params=paging), headers=request.headers)
        )


async def test_a_source_that_sends_the_same_page_for_ever_is_given_up(bench: Bench) -> None:
    deaf = Bench(adapter_on(Deaf(bench.simulator)), bench.simulator)
    page, _ = await deaf.page(ExecutionFilter(actor=TextMatch(equals="nobody")), first=10)
    error = page.reports["awx"].error
    assert error is not None
    assert error.code is SourceErrorCode.BAD_RESPONSE
    assert bench.requests() < 20
