"""Logs of Scale when it misbehaves: faults of requests, entries that cannot be read, entries of other executions."""

from typing import Any

import httpx
import pytest

from gateway.errors import SourceError, SourceErrorCode
from gateway.model import Execution, LogLine
from gateway.spi import LogQuery
from tests.adapters.scale_bench import Fault
from tests.adapters.scale_logs import BEGIN, Logged, as_true, joined
from tests.adapters.test_scale_faults import FAULTS

both = pytest.mark.parametrize("generation", ["3", "4"])


async def until_fault(log: Logged, execution: Execution, rows: int) -> tuple[list[LogLine], SourceError]:
    found: list[LogLine] = []
    try:
        async for page in log.bench.adapter.logs(execution, LogQuery(rows=rows)):
            found += page.lines
    except SourceError as error:
        return found, error
    raise AssertionError("it was read to the end")


class TestFaults:
    @pytest.mark.parametrize(("name", "fault", "code"), FAULTS, ids=[name for name, _, _ in FAULTS])
    async def test_every_fault_is_a_coded_error(self, name: str, fault: Fault, code: SourceErrorCode) -> None:
        log = Logged.open(timeout_seconds=0.5)
        log.write(10)
        execution = await log.execution()
        log.bench.between.fault = fault
        with pytest.raises(SourceError) as raised:
            _ = [page async for page in log.bench.adapter.logs(execution, LogQuery())]
        assert raised.value.code is code

    async def test_too_many_requests(self) -> None:
        log = Logged.open(timeout_seconds=0.5)
        execution = await log.execution()

        async def busy(request: httpx.Request) -> httpx.Response:
            return httpx.Response(429, headers={"retry-after": "3600"})

        log.bench.between.fault = busy
        with pytest.raises(SourceError) as raised:
            _ = [page async for page in log.bench.adapter.logs(execution, LogQuery())]
        assert (raised.value.code, raised.value.retry_after) == (SourceErrorCode.RATE_LIMITED, 3600)

    @both
    async def test_after_lines_have_come(self, generation: str) -> None:
        log = Logged.open(generation)
        log.write(10_500, every_ms=2)
        execution = await log.execution()
        asked = 0

        async def second(request: httpx.Request) -> httpx.Response | None:
            nonlocal asked
            asked += 1
            return httpx.Response(500, text="<h1>Server Error (500)</h1>") if asked > 1 else None

        log.bench.between.fault = second
        found, error = await until_fault(log, execution, 500)
        assert (error.code, len(found) > 9000) == (SourceErrorCode.UNAVAILABLE, True)

    @both
    @pytest.mark.parametrize("rows", [1, 10_000])
    async def test_a_server_that_repeats_itself(self, generation: str, rows: int) -> None:
        log = Logged.open(generation)
        log.write(300, every_ms=100)
        execution = await log.execution()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=log.bench.simulator.app)) as client:
            path = f"{log.bench.simulator.base_path}/job-executions/{log.number}/logs/combined/"
            body = (await client.get(f"http://scale.example{path}")).json()
        body["hits"]["total"] = 10**6

        async def repeat(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, json=body)

        log.bench.between.fault = repeat
        found, error = await until_fault(log, execution, rows)
        assert error.code is SourceErrorCode.BAD_RESPONSE
        assert len({line.sequence for line in found}) == len(found)


GARBAGE: list[Any] = [
    None,
    7,
    [],
    {},
    {"_id": "x"},
    {"_id": "", "_source": {"@timestamp": "2026-11-21T19:45:00.000Z", "message": "?"}},
    {"_id": 5, "_source": {"@timestamp": "2026-11-21T19:45:00.000Z", "message": "?"}},
    {"_id": "x", "_source": {"@timestamp": "soon", "message": "?"}},
    {"_id": "x", "_source": {"message": "?"}},
    {"_id": "x", "_source": {"@timestamp": "2026-11-21T19:45:00.000Z", "message": {"a": 1}}},
    {"_id": "x", "_source": {"@timestamp": "9026-11-21T19:45:00.000Z", "message": "?"}},
    {"_id": "x", "_source": {"@timestamp": "1926-11-21T19:45:00.000Z", "message": "?"}},
    {"_id": "x", "_source": {"message": "?"}, "sort": [True and 10**30]},
]


@both
@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
async def test_an_unreadable_entry_costs_itself(generation: str, garbage: Any) -> None:
    log = Logged.open(generation)
    log.write(9)

    def spoil(request: httpx.Request, body: Any) -> Any:
        if "/logs/" in request.url.path:
            body["hits"]["hits"][4] = garbage
        return body

    log.bench.between.edit = spoil
    pages = await log.pages()
    assert len(joined(pages)) == 8
    assert set(as_true(joined(pages))) <= set(log.truth)
    assert (pages[-1].truncated, pages[-1].complete) == (True, True)


@pytest.mark.parametrize(
    ("change", "truncated"),
    [({"timed_out": True}, True), ({"_shards": {"failed": 1}}, True), ({"_shards": {}}, False), ({"took": None}, False)],
)
async def test_elasticsearch_that_could_not_look_everywhere(change: dict, truncated: bool) -> None:
    log = Logged.open("4")
    log.write(9)
    log.bench.between.edit = lambda request, body: body | change if "/logs/" in request.url.path else body
    pages = await log.pages()
    assert (len(joined(pages)), pages[-1].truncated) == (9, truncated)


@both
async def test_lines_of_other_executions_are_left_out(generation: str) -> None:
    log = Logged.open(generation)
    log.write(40, every_ms=500)
    other = log.bench.world.add_execution(created=BEGIN)
    log.bench.world.write_log(other, 60, begin=BEGIN, every_ms=333, text="another's")
    foreign = await Logged(log.bench, other).read()

    def leak(request: httpx.Request, body: Any) -> Any:
        if "/logs/" in request.url.path:
            body["hits"]["hits"] += [line.record for line in foreign]
        return body

    log.bench.between.edit = leak
    assert len(foreign) == 60
    assert as_true(await log.read()) == log.truth


async def test_a_server_that_does_not_tell_its_clock() -> None:
    log = Logged.open()
    execution = await log.execution()

    async def silent(request: httpx.Request) -> httpx.Response:
        return httpx.Response(304, headers={"date": "soon"})

    log.bench.between.fault = silent
    # Whether it has ended depends on the clock here, then.
    (page,) = [page async for page in log.bench.adapter.logs(execution, LogQuery())]
    assert not page.lines


async def test_a_wrong_address_is_not_a_missing_execution() -> None:
    log = Logged.open(base_url="http://scale.example/scale/api/v9/")
    execution = await Logged.open().execution()
    with pytest.raises(SourceError) as raised:
        _ = [page async for page in log.bench.adapter.logs(execution, LogQuery())]
    assert (raised.value.code, raised.value.message) == (SourceErrorCode.NOT_FOUND, "It has nothing at this address.")
