"""What becomes of AWX's faults while a log is read: coded errors, and no more lines lost than what was spoiled."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from adapters.awx.world import World
from gateway.errors import SourceError, SourceErrorCode
from gateway.spi import LogQuery
from tests.adapters.awx_bench import HTML, NOW, Bench, Faulty, adapter_on, bench_of, logged
from tests.adapters.test_awx_logs import SECOND, ended, running


@pytest.fixture
def bench() -> Bench:
    return bench_of(World.generate(5, 60, NOW))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (httpx.Response(429, headers={"Retry-After": "3600"}), SourceErrorCode.RATE_LIMITED),
        (httpx.Response(500, text="<html>", headers=HTML), SourceErrorCode.UNAVAILABLE),
        (httpx.Response(302, headers={"Location": "/migrations_notran/"}), SourceErrorCode.UNAVAILABLE),
        (httpx.Response(403, json={"detail": "no"}), SourceErrorCode.FORBIDDEN),
        (httpx.Response(404, text="<html>", headers=HTML), SourceErrorCode.BAD_RESPONSE),
        (httpx.Response(200, text="<html>", headers=HTML), SourceErrorCode.BAD_RESPONSE),
        (httpx.Response(200, json={"results": 3}), SourceErrorCode.BAD_RESPONSE),
    ],
)
@pytest.mark.parametrize("of_end", [False, True])
async def test_faults(bench: Bench, answer: httpx.Response, code: SourceErrorCode, of_end: bool) -> None:
    job = running(bench.world, 60)
    ended(bench.world, job)
    execution = await bench.execution(job)
    end = f"/jobs/{job}/"
    if of_end and answer.status_code == 200 and "json" in answer.headers["content-type"]:
        answer = httpx.Response(200, json=[3])
    adapter = adapter_on(Faulty(bench.simulator, lambda request: request.url.path.endswith(end) is of_end, answer))
    for query in (LogQuery(), LogQuery(tail=3)):
        with pytest.raises(SourceError) as caught:
            await logged(adapter, execution, query)
        assert caught.value.code is code


async def test_a_fault_in_the_middle_comes_after_the_lines_before_it(bench: Bench) -> None:
    job = running(bench.world, 60)
    execution = await bench.execution(job)
    broken = Faulty(bench.simulator, lambda request: b"counter__gt" in request.url.query, httpx.Response(403, json={}))
    pages = adapter_on(broken).logs(execution, LogQuery(rows=10))
    assert len((await anext(pages)).lines) == 25
    with pytest.raises(SourceError):
        await anext(pages)


class Spoiled(httpx.AsyncBaseTransport):
    """Makes garbage of the events with certain counters, in one of several ways."""

    def __init__(self, bench: Bench, counters: set[int], garbage: dict | str) -> None:
        self.inner = httpx.ASGITransport(app=bench.simulator.app)
        self.counters = counters
        self.garbage = garbage

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        body = json.loads(await response.aread())
        if isinstance(body.get("results"), list):
            body["results"] = [self.spoiled(row) if row["counter"] in self.counters else row for row in body["results"]]
        return httpx.Response(response.status_code, headers={"Date": response.headers["date"]}, json=body)

    def spoiled(self, row: dict) -> Any:
        return self.garbage if isinstance(self.garbage, str) else {**row, **self.garbage}


GARBAGE: list[dict | str] = [
    "garbage",
    {"counter": None},
    {"counter": -4},
    {"created": "yesterday"},
    {"stdout": {"not": "text"}},
    {"end_line": 10**9},
]


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("counters", [{1}, {25, 26}, {40}, set(range(20, 55)), {60}])
async def test_an_unreadable_event_costs_only_itself(bench: Bench, counters: set[int], garbage: dict | str) -> None:
    job = running(bench.world, 60, begin=NOW - SECOND)
    execution = await bench.execution(job)
    adapter = adapter_on(Spoiled(bench, counters, garbage))
    rest = [number for number in range(1, 61) if number not in counters]
    for query in (LogQuery(rows=10), LogQuery(tail=60)):
        log = await logged(adapter, execution, query)
        assert [line.number for line in log.lines] == rest
        assert log.truncated


async def test_nothing_readable(bench: Bench) -> None:
    job = running(bench.world, 300)
    execution = await bench.execution(job)
    adapter = adapter_on(Spoiled(bench, set(range(1, 301)), "garbage"))
    log = await logged(adapter, execution)
    assert (log.lines, log.truncated) == ([], True)
    with pytest.raises(SourceError, match="cannot be read"):
        await logged(adapter, execution, LogQuery(tail=50))


class Deaf(httpx.AsyncBaseTransport):
    """Drops what is asked for: every answer begins anew."""

    def __init__(self, bench: Bench) -> None:
        self.inner = httpx.ASGITransport(app=bench.simulator.app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        kept = [(name, text) for name, text in request.url.params.multi_items() if not name.startswith("counter__")]
        request.url = request.url.copy_with(query=urlencode(kept).encode())
        return await self.inner.handle_async_request(request)


async def test_events_that_nobody_asked_for(bench: Bench) -> None:
    job = running(bench.world, 300, begin=NOW)
    bench.world.now += timedelta(seconds=5)
    execution = await bench.execution(job)
    for query in (LogQuery(rows=10), LogQuery(tail=10)):
        with pytest.raises(SourceError, match="not asked for"):
            await logged(adapter_on(Deaf(bench)), execution, query)


async def test_an_awx_that_does_not_know_limit(bench: Bench) -> None:
    """Before 19.2.1 it sends pages of 25."""

    class Old(Deaf):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            kept = [(name, text) for name, text in request.url.params.multi_items() if name != "limit"]
            request.url = request.url.copy_with(query=urlencode(kept).encode())
            return await self.inner.handle_async_request(request)

    job = running(bench.world, 80)
    execution = await bench.execution(job)
    for query, count in ((LogQuery(), 80), (LogQuery(tail=60), 60)):
        assert len((await logged(adapter_on(Old(bench)), execution, query)).lines) == count


async def test_a_server_without_a_clock(bench: Bench) -> None:
    class Timeless(Deaf):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await self.inner.handle_async_request(request)
            del response.headers["date"]
            return response

    job = running(bench.world, 5)
    log = await logged(adapter_on(Timeless(bench)), await bench.execution(job))
    assert len(log.lines) == 5
