"""The Scale adapter when Scale misbehaves, and against recordings of the real server without the simulator."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.errors import SourceError, SourceErrorCode
from gateway.instant import Instant
from gateway.merge import SourceReportState
from gateway.model import Execution, ExecutionStatus, Job, Kind, Node
from gateway.query import ExecutionFilter, JobFilter, ListQuery, NodeFilter, Order, OrderField, position
from gateway.spi import NOT_FOUND, At, Page, Ping, Start
from tests.adapters.scale_bench import Bench, Fault, adapter_over, key

NEWEST = Order(OrderField.CREATED_AT)
NATIVE = Order(OrderField.NATIVE)
HTML = {"content-type": "text/html"}


def answering(status: int, content: bytes | str = b"", headers: dict[str, str] | None = None) -> Fault:
    async def fault(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=content, headers=headers or {"content-type": "application/json"})

    return fault


async def hang(_request: httpx.Request) -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError("nobody sets the event")


async def refuse(_request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


FAULTS: list[tuple[str, Fault, SourceErrorCode]] = [
    ("proxy refuses", answering(401, "Unauthorized", HTML), SourceErrorCode.UNAUTHENTICATED),
    ("forbidden", answering(403), SourceErrorCode.FORBIDDEN),
    ("user error", answering(500, "<h1>Server Error (500)</h1>", HTML), SourceErrorCode.UNAVAILABLE),
    ("bad parameter", answering(400, b'{"detail":"no"}'), SourceErrorCode.BAD_RESPONSE),
    ("wrong version", answering(404, "<h1>Not Found</h1>", HTML), SourceErrorCode.NOT_FOUND),
    ("redirect", answering(301, headers={"location": "https://elsewhere.example/"}), SourceErrorCode.UNAVAILABLE),
    ("login page", answering(200, "<html>Log in</html>", HTML), SourceErrorCode.BAD_RESPONSE),
    ("cut short", answering(200, b'{"count":3,"next":null,"results":[{"id":1},{"i'), SourceErrorCode.BAD_RESPONSE),
    ("wrong shape", answering(200, b'["results"]'), SourceErrorCode.BAD_RESPONSE),
    ("hang", hang, SourceErrorCode.TIMEOUT),
]


@pytest.mark.parametrize(("name", "fault", "code"), FAULTS, ids=[name for name, _, _ in FAULTS])
async def test_every_fault_is_a_coded_error(name: str, fault: Fault, code: SourceErrorCode) -> None:
    bench = Bench.open(20, timeout_seconds=0.05)
    bench.between.fault = fault
    page, _ = await bench.page("execution", ExecutionFilter(), NEWEST, 10)
    report = page.reports["scale"]
    assert (report.state, report.error and report.error.code) == (SourceReportState.FAILED, code)
    keys = [key("job", 1), key("node", 1), key("execution", 1)]
    found = [*await bench.adapter.fetch(keys), *await bench.adapter.latest(keys[:1])]
    found += [await bench.adapter.fetch_full(each) for each in keys]
    assert [each.code for each in found if isinstance(each, SourceError)] == [code] * 7
    with pytest.raises(SourceError) as raised:
        await bench.adapter.ping()
    assert raised.value.code is code
    assert "elsewhere" not in str(raised.value)


async def test_a_source_that_cannot_be_reached() -> None:
    bench = Bench.open(20, timeout_seconds=0.05)
    bench.between.fault = refuse
    (found,) = await bench.adapter.fetch([key("node", 1)])
    assert isinstance(found, SourceError)
    assert found.code is SourceErrorCode.UNAVAILABLE


async def test_a_proxy_with_credentials() -> None:
    bench = Bench.open(20, auth={"type": "basic", "username": "ada", "password": "s3cr3t-proxy"})
    bench.simulator.authorization = "Basic YWRhOnMzY3IzdC1wcm94eQ=="
    assert await bench.adapter.ping() == Ping("3.1.0-snapshot")
    bench.simulator.authorization = "Basic changed"
    with pytest.raises(SourceError) as raised:
        await bench.adapter.ping()
    assert raised.value.code is SourceErrorCode.UNAUTHENTICATED
    assert "s3cr3t" not in str(raised.value)


async def test_one_failed_request_of_a_batch_costs_its_own_keys() -> None:
    bench = Bench.open(60)

    async def fault(request: httpx.Request) -> httpx.Response | None:
        path, query = request.url.path, request.url.query.decode()
        if path.endswith("/job-executions/2/") or "job_id=300&" in query:
            return httpx.Response(500, text="<h1>Server Error (500)</h1>", headers=HTML)
        return None

    bench.between.fault = fault
    jobs = await bench.adapter.fetch([key("job", number) for number in range(1, 320)])
    assert [type(each) for each in jobs[:250]].count(SourceError) == 0
    assert {type(each) for each in jobs[250:]} == {SourceError}
    found = await bench.adapter.fetch([key("execution", 1), key("execution", 2), key("node", 1)])
    assert [type(each) for each in found] == [Execution, SourceError, Node]


def break_row(number: int) -> Any:
    """An edit that makes the row with this id unreadable, wherever it comes."""

    def edit(_request: httpx.Request, body: Any) -> Any:
        for row in body["results"] if "count" in body else body["job_exes"]:
            if row["id"] == number:
                row["created"] = "soon"
                row["archived"] = []
        return body

    return edit


@pytest.mark.parametrize(("kind", "given"), [("execution", ExecutionFilter()), ("job", JobFilter()), ("node", NodeFilter())])
async def test_one_bad_row_hides_no_other(kind: Kind, given: Any) -> None:
    bench = Bench.open(60)
    bench.between.edit = break_row(3)
    page, _ = await bench.page(kind, given, NATIVE, 1000)
    report = page.reports["scale"]
    assert 3 not in [row.tie[0] for row in page.rows]
    assert report.scanned == len(page.rows) + 1
    assert (report.state, report.error and report.error.code) == (SourceReportState.TRUNCATED, SourceErrorCode.BAD_RESPONSE)
    if kind != "execution":
        good, bad, absent = await bench.adapter.fetch([key(kind, 1), key(kind, 3), key(kind, 99999)])
        assert isinstance(good, Job | Node)
        # Which row could not be read is not known, so of what is missing nobody can say that it does not exist.
        assert isinstance(bad, SourceError)
        assert isinstance(absent, SourceError)
        assert bad.code is SourceErrorCode.BAD_RESPONSE


@pytest.mark.parametrize(
    ("change", "requests", "code"),
    [
        # Every row was counted: there is no more, whatever is claimed.
        ({"next": "http://elsewhere.example/"}, 1, None),
        ({"next": "http://elsewhere.example/", "count": None}, 2, SourceErrorCode.BAD_RESPONSE),
        ({"next": "http://elsewhere.example/", "count": 9000, "results": []}, 2, SourceErrorCode.BAD_RESPONSE),
    ],
)
async def test_lists_without_an_end(change: dict, requests: int, code: SourceErrorCode | None) -> None:
    bench = Bench.open(60)
    nodes = bench.simulator.app
    asked: list[httpx.Request] = []

    async def again(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=nodes)) as client:
            first = await client.get(request.url.copy_remove_param("page"))
        return httpx.Response(200, json=first.json() | change)

    bench.between.fault = again
    found = await bench.adapter.fetch([key("node", 1), key("node", 8)])
    assert [each.code if isinstance(each, SourceError) else None for each in found] == [code] * 2
    assert len(asked) == requests


async def test_a_short_list_of_many_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.scale.client.LARGEST_PAGE", 3)
    bench = Bench.open(60)
    found = await bench.adapter.fetch([key("node", number) for number in range(1, 10)])
    assert [isinstance(each, Node) for each in found] == [True] * 8 + [False]
    assert found[8] is NOT_FOUND
    assert len(bench.asked()) == 3


async def test_bad_rows_of_a_job_and_of_its_latest_execution() -> None:
    bench = Bench.open(60)
    retried = next(row for row in bench.world.jobs.values() if row["num_exes"] > 1)
    own = [row["id"] for row in bench.world.executions_of(retried["id"])]
    bench.between.edit = break_row(own[0])
    page, _ = await bench.page("execution", ExecutionFilter(jobs=frozenset({key("job", retried["id"])})), NEWEST, 50)
    assert sorted(row.tie[0] for row in page.rows) == own[1:]
    assert page.reports["scale"].state is SourceReportState.TRUNCATED

    def edit(_request: httpx.Request, body: Any) -> Any:
        for row in body["results"]:
            if row["id"] == 1:
                row["latest_job_exe"]["started"] = 5
            if row["id"] == 2:
                row["latest_job_exe"]["ended"] = "soon"
        return body

    bench.between.edit = edit
    found = await bench.adapter.latest([key("job", 1), key("job", 2), key("job", 3)])
    assert [type(each) for each in found] == [SourceError, SourceError, Execution]


async def test_an_api_that_shows_no_executions_of_a_job() -> None:
    bench = Bench.open(20)
    bench.between.edit = lambda _request, body: {name: value for name, value in body.items() if name != "job_exes"}
    given = ExecutionFilter(jobs=frozenset({key("job", 1)}))
    page, _ = await bench.page("execution", given, NEWEST, 50, totals=True)
    error = page.reports["scale"].error
    assert error is not None
    assert error.code is SourceErrorCode.UNSUPPORTED


async def test_details_that_cannot_be_read() -> None:
    bench = Bench.open(20)
    bench.between.edit = lambda _request, body: body | {"event": {"id": 1, "occurred": "soon"}}
    found = await bench.adapter.fetch_full(key("job", 1))
    assert isinstance(found, Job)
    with pytest.raises(SourceError) as raised:
        bench.adapter.details(found)
    assert raised.value.code is SourceErrorCode.BAD_RESPONSE


# --- the real server's answers

DIRECTORY = Path(__file__).parent.parent / "recordings" / "scale"
RECORDINGS: dict[str, dict] = {
    path.stem: json.loads(path.read_text()) for path in sorted(DIRECTORY.glob("*.json")) if path.stem != "traversals"
}
TRAVERSALS: dict[str, list] = json.loads((DIRECTORY / "traversals.json").read_text())
LIKE = {
    "nodes/?include_inactive=true&order=id&page_size=1000": "nodes_include_inactive",
    "jobs/?job_id=1&job_id=2&job_id=7&job_id=9999&include_superseded=true&order=id&page_size=1000": "jobs_by_ids",
    "errors/?order=id&page_size=1000": "errors",
    "errors/?order=id&page=2&page_size=1000": "exes_page_999",
}
"""Requests of the adapter that were recorded without parameters that change nothing in their answers."""


def replay() -> httpx.MockTransport:
    """The recorded answer to the same path and query; any other request fails the test."""
    recorded: dict[str, Any] = {}
    for recording in RECORDINGS.values():
        request = recording["request"]
        if request["method"] == "GET" and not request["headers"]:
            recorded.setdefault(request["path"] + ("?" + request["query"]) * bool(request["query"]), recording["response"])

    def answer(request: httpx.Request) -> httpx.Response:
        target = request.url.raw_path.decode()
        like = LIKE.get(target.removeprefix("/scale/api/v3/"))
        found = recorded[target] if like is None else RECORDINGS[like]["response"]
        body = found["body"]
        content = body if isinstance(body, str) else json.dumps(body)
        headers = {"content-type": found["headers"]["content-type"]}
        return httpx.Response(found["status"], content=content.encode(), headers=headers)

    return httpx.MockTransport(answer)


async def first_page(given: Any, kind: Kind, rows: int) -> Page[Any]:
    adapter = adapter_over(replay())
    async for page in adapter.scan(adapter.plan(ListQuery(kind, given, NATIVE)), Start(rows=rows)):
        return page
    raise AssertionError("a scan has a page")


async def test_recorded_list() -> None:
    page = await first_page(ExecutionFilter(), "execution", 10)
    assert [row.tie for row in page.rows] == [(number,) for number in range(1, 11)]
    assert (page.returned, page.total, page.more, page.here, page.unreadable) == (10, 263, True, 0, 0)
    assert page.rows[2].status is ExecutionStatus.QUEUED
    assert page.rows[5].error.code == "data-missing"


async def test_recorded_look_ups() -> None:
    adapter = adapter_over(replay())
    keys = [
        key("execution", 1),
        key("execution", 99999),
        key("node", 6),
        key("node", 7),
        *(key("job", number) for number in (1, 2, 7, 9999)),
    ]
    found = await adapter.fetch(keys)
    assert [each is NOT_FOUND for each in found] == [False, True, False, True, False, False, False, True]
    failed = await adapter.fetch_full(key("execution", 6))
    assert isinstance(failed, Execution)
    assert (failed.status, failed.exit_code, failed.status_message) == (ExecutionStatus.FAILED, 2, "Data missing")
    assert failed.duration_seconds == pytest.approx(539.248)
    assert failed.timeout_seconds == 1800
    inactive = await adapter.fetch_full(key("node", 6))
    assert isinstance(inactive, Node)
    assert inactive.active is False
    assert await adapter.ping() == Ping("3.1.0-snapshot")
    # Longer than any id that Scale can have: not even asked.
    assert await adapter.fetch_full(key("execution", 10**20 - 1)) is NOT_FOUND


async def test_recorded_tries_of_a_job() -> None:
    adapter = adapter_over(replay())
    given = ExecutionFilter(jobs=frozenset({key("job", 7), key("job", 99999)}))
    plan = adapter.plan(ListQuery("execution", given, NEWEST, frozenset({"status_message"})))
    rows: list[Any] = [row async for page in adapter.scan(plan, Start()) for row in page.rows]
    assert [row.tie[0] for row in rows] == [10, 9, 8]
    # The recorded page of errors holds the first five only, so the error of try 8 is not among them.
    assert [row.status_message for row in rows] == ["Unknown", "Unknown", None]
    assert [row.known is None for row in rows] == [True, True, False]
    assert {row.name for row in rows} == {"image-orthorectify"}


async def test_recorded_page_too_far() -> None:
    """The last page, and what the real server says to the page after it."""
    invalid = RECORDINGS["exes_page_999"]["response"]

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.params["page"] != "1"
        return httpx.Response(invalid["status"], json=invalid["body"])

    adapter = adapter_over(httpx.MockTransport(answer))
    plan = adapter.plan(ListQuery("execution", ExecutionFilter(), NEWEST))
    pages = [page async for page in adapter.scan(plan, Start(at=At(5, (1,)), hint=400, rows=51))]
    assert [(page.returned, page.more) for page in pages] == [(0, False)]


@pytest.mark.parametrize(
    ("column", "field"), [("created", OrderField.CREATED_AT), ("ended", OrderField.FINISHED_AT)], ids=["created", "ended"]
)
@pytest.mark.parametrize("descending", [True, False])
def test_the_real_server_sorts_as_the_gateway_does(column: str, field: OrderField, descending: bool) -> None:
    """Nulls, ties and directions of whole lists as the real server sent them: why these orders are declared EXACT."""
    order = Order(field, descending)
    (param, tie) = [value for name, value in _list_params(order) if name == "order"]
    assert (param, tie) == ("-" * descending + column, "id")
    rows = TRAVERSALS[f"v3: order={param}&order={tie}"]
    places = [position(None if text is None else Instant.parse(text).us, order, "scale", (number,)) for number, text in rows]
    assert len(places) == 263
    assert places == sorted(places)


def _list_params(order: Order) -> Any:
    return adapter_over(replay()).plan(ListQuery("execution", ExecutionFilter(), order)).native.params
