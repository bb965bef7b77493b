"""The AWS IoT adapter when its source fails: errors by their code, what is repeated, page tokens.

Records that cannot be read and jobs that go away are in test_aws_iot_damage.py.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.aws_iot.client import fault_of
from gateway.auth import Answer
from gateway.errors import SourceError, SourceErrorCode
from gateway.merge import MergedPage, SourceReportState
from gateway.model import ExecutionStatus
from gateway.query import ExecutionFilter, Filter, JobFilter, NodeFilter, Order, OrderField
from gateway.spi import NOT_FOUND
from tests.adapters.aws_iot_bench import NOW, Bench, fleet
from tests.adapters.test_aws_iot_reads import execution_key, job_key, named, thing_key
from tests.support import skip_pauses

RECORDINGS = Path(__file__).parent.parent / "recordings" / "aws_iot"
ALL = ExecutionFilter()
OF_THING = ExecutionFilter(nodes=frozenset({thing_key("thing-000")}))
BY_JOB, BY_THING = "ListJobExecutionsForJob", "ListJobExecutionsForThing"
C = SourceErrorCode


def refused(status: int, *, header: str | None = None, body: Any = "", html: bool = False) -> httpx.Response:
    """An answer of AWS that is no success."""
    headers = {"content-type": "text/html" if html else "application/json"}
    if header is not None:
        headers["x-amzn-errortype"] = header
    return httpx.Response(status, headers=headers, content=body if isinstance(body, str) else json.dumps(body))


def error_of(page: MergedPage) -> tuple[SourceReportState, SourceErrorCode | None]:
    report = page.reports["iot"]
    return report.state, None if report.error is None else report.error.code


def only(operation: str, make: Callable[[], httpx.Response | None]) -> Callable[[httpx.Request], httpx.Response | None]:
    """A fault of one operation."""
    return lambda request: make() if named("GET", request.url.raw_path.decode()) == operation else None


# --- what errors mean ----------------------------------------------------------------------------------------------

MEANINGS: list[tuple[str, httpx.Response, SourceErrorCode | None]] = [
    ("header with a colon", refused(404, header="ResourceNotFoundException:", body={"message": "s3cr3t"}), C.NOT_FOUND),
    ("header with an address", refused(404, header="ResourceNotFoundException:http://x.example/#y"), C.NOT_FOUND),
    ("code in the body", refused(400, body={"code": "ThrottlingException"}), C.RATE_LIMITED),
    ("Code in the body", refused(400, body={"Code": "ThrottlingException"}), C.RATE_LIMITED),
    ("type with a namespace", refused(404, body={"__type": "com.amazonaws.iot#ResourceNotFoundException"}), C.NOT_FOUND),
    ("header before body", refused(400, header="ThrottlingException:", body={"__type": "Other"}), C.RATE_LIMITED),
    ("throttling as 400", refused(400, header="ThrottlingException"), C.RATE_LIMITED),
    ("throttling as 429", refused(429, header="ThrottlingException"), C.RATE_LIMITED),
    ("429 of an unknown code", refused(429, header="SomethingNew"), None),
    ("403 of an unknown code", refused(403, header="OptInRequired"), None),
    ("500 of an unknown code", refused(500, header="SomethingNew"), None),
    ("unavailable", refused(503, header="ServiceUnavailableException:"), C.UNAVAILABLE),
    ("internal", refused(500, header="InternalFailureException:"), C.UNAVAILABLE),
    ("no permission", refused(403, header="AccessDeniedException:"), C.FORBIDDEN),
    ("unauthorized", refused(401, header="UnauthorizedException:"), C.FORBIDDEN),
    ("expired", refused(403, header="ExpiredTokenException:"), C.UNAUTHENTICATED),
    ("signature", refused(403, header="InvalidSignatureException:"), C.UNAUTHENTICATED),
    ("key", refused(403, header="UnrecognizedClientException:"), C.UNAUTHENTICATED),
    ("404 without a code", refused(404, body="<h1>gone</h1>", html=True), C.BAD_RESPONSE),
    ("404 of another code", refused(404, header="UnknownOperationException:"), C.BAD_RESPONSE),
    ("400 without a code", refused(400, body={"message": "no"}), None),
    ("HTML", refused(503, body="<html></html>", html=True), None),
    ("nothing", refused(500), None),
    ("odd bodies", refused(400, body=["code"]), None),
    ("codes that are none", refused(400, body={"code": 5}), None),
    ("JSON without end", refused(400, body="[" * 100_000), None),
]


@pytest.mark.parametrize(("answer", "code"), [each[1:] for each in MEANINGS], ids=[each[0] for each in MEANINGS])
def test_what_errors_mean(answer: httpx.Response, code: SourceErrorCode | None) -> None:
    """None: the status decides."""
    assert fault_of(Answer(answer.status_code, answer.headers, answer.content)) is code


REPORTED: dict[str, SourceErrorCode] = {
    "model-err-400-bad-status": C.BAD_RESPONSE,
    "model-err-400-max-results": C.BAD_RESPONSE,
    "model-err-400-throttling": C.RATE_LIMITED,
    "model-err-401": C.FORBIDDEN,
    "model-err-403-access-denied": C.FORBIDDEN,
    "model-err-403-expired-token": C.UNAUTHENTICATED,
    "model-err-403-signature": C.UNAUTHENTICATED,
    "model-err-429-throttling": C.RATE_LIMITED,
    "model-err-500": C.UNAVAILABLE,
    "model-err-503": C.UNAVAILABLE,
    "model-err-503-html": C.UNAVAILABLE,
    "moto-job-document-404": C.UNAVAILABLE,
}


@pytest.mark.parametrize("name", REPORTED)
async def test_recorded_errors(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the whole client: as a list's report, as the answer to each key, and of a ping."""
    slept = skip_pauses(monkeypatch)
    recorded = json.loads((RECORDINGS / f"{name}.json").read_text())["response"]
    body = recorded["body"]
    headers = {key: value for key, value in recorded["headers"].items() if key != "content-length"}
    bench = Bench.open()
    bench.between.fault = lambda _request: httpx.Response(
        recorded["status"], headers=headers, content=body if isinstance(body, str) else json.dumps(body)
    )
    page, _ = await bench.page(ALL)
    assert error_of(page) == (SourceReportState.FAILED, REPORTED[name])
    repeated = REPORTED[name] in (C.RATE_LIMITED, C.UNAVAILABLE)
    assert page.reports["iot"].requests == (3 if repeated else 1)
    assert len([pause for pause in slept if pause > 0]) == (2 if repeated else 0)
    answers = await bench.adapter.fetch([job_key("a"), execution_key("a", "b"), thing_key("c")])
    for each in (*answers, await bench.adapter.fetch_full(job_key("a"))):
        assert isinstance(each, SourceError)
        assert each.code is REPORTED[name]
        assert (body["message"] if isinstance(body, dict) else body) not in str(each)
    with pytest.raises(SourceError):
        await bench.adapter.ping()


@pytest.mark.parametrize("name", ["model-err-404-job", "model-err-type-suffix", "moto-describe-job-404"])
async def test_recorded_not_found(name: str) -> None:
    recorded = json.loads((RECORDINGS / f"{name}.json").read_text())["response"]
    bench = Bench.open()
    bench.between.fault = lambda _request: httpx.Response(
        recorded["status"],
        headers={key: value for key, value in recorded["headers"].items() if key != "content-length"},
        content=json.dumps(recorded["body"]),
    )
    keys = [job_key("a"), execution_key("a", "b"), thing_key("c")]
    assert await bench.adapter.fetch(keys) == [NOT_FOUND] * 3


async def test_404_of_somebody_else_is_not_a_job_that_is_gone() -> None:
    bench = Bench.open()
    bench.between.fault = lambda _request: refused(404, body="<h1>no route</h1>", html=True)
    for each in await bench.adapter.fetch([job_key("a"), execution_key("a", "b"), thing_key("c")]):
        assert isinstance(each, SourceError)
        assert each.code is C.BAD_RESPONSE
    for wanted in (ALL, ExecutionFilter(jobs=frozenset({job_key("a")})), OF_THING, JobFilter(), NodeFilter()):
        page, _ = await bench.page(wanted)
        assert error_of(page) == (SourceReportState.FAILED, C.BAD_RESPONSE)


@pytest.mark.parametrize(
    "fault",
    [
        refused(400, header="ThrottlingException:"),
        refused(429, header="ThrottlingException:"),
        refused(503, header="ServiceUnavailableException:"),
        refused(500, header="InternalFailureException:"),
        refused(503, body="<html></html>", html=True),
        refused(502),
    ],
    ids=lambda fault: f"{fault.status_code} {fault.headers.get('x-amzn-errortype', '')}",
)
async def test_what_passes_is_repeated(fault: httpx.Response, monkeypatch: pytest.MonkeyPatch) -> None:
    slept = skip_pauses(monkeypatch)
    bench = Bench.open(fleet(2, 3))
    answers = [fault, fault]
    bench.between.fault = lambda _request: answers.pop() if answers else None
    page, _ = await bench.page(ALL)
    assert error_of(page) == (SourceReportState.OK, None)
    assert (len(page.rows), page.reports["iot"].requests) == (6, 5)
    first, second = (pause for pause in slept if pause > 0)
    assert 0.1 <= first <= 0.2
    assert 0.2 <= second <= 0.4


async def test_what_was_throttled_for_good_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_pauses(monkeypatch)
    bench = Bench.open(fleet(9, 1, completed=False))
    bench.between.fault = only(BY_JOB, lambda: refused(400, header="ThrottlingException:"))
    page, _ = await bench.page(ALL)
    assert error_of(page) == (SourceReportState.FAILED, C.RATE_LIMITED)
    assert page.reports["iot"].requests == 1 + 4 * 3, "four jobs at once, and no others after them"


async def test_an_expired_token_that_was_configured_cannot_be_renewed() -> None:
    bench = Bench.open(session_token="s3cr3t-session")
    bench.simulator.expired.add("AKIADEMO")
    page, _ = await bench.page(ALL)
    assert error_of(page) == (SourceReportState.FAILED, C.UNAUTHENTICATED)
    assert page.reports["iot"].requests == 1
    assert "s3cr3t" not in repr(page.reports)


# --- tokens --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "wanted", "order"),
    [
        ("ListJobs", JobFilter(), Order(OrderField.CREATED_AT)),
        ("ListJobs", ALL, Order(OrderField.CREATED_AT)),
        (BY_JOB, ALL, Order(OrderField.CREATED_AT)),
        (BY_JOB, ALL, Order(OrderField.NATIVE)),
        (BY_THING, OF_THING, Order(OrderField.CREATED_AT)),
        ("ListThings", NodeFilter(), Order(OrderField.NATIVE)),
    ],
)
async def test_a_token_that_repeats_ends_in_an_honest_report(operation: str, wanted: Filter, order: Order) -> None:
    """moto does this with its list of jobs (contract, section 5)."""
    bench = Bench.open(fleet(2, 3))
    inner = bench.between.inner

    class Repeating(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            answer = await inner.handle_async_request(request)
            if named("GET", request.url.raw_path.decode()) != operation:
                return answer
            body = json.loads(await answer.aread())
            return httpx.Response(200, json={**body, "nextToken": request.url.params.get("nextToken", "again")})

    bench.between.inner = Repeating()
    page, _ = await bench.page(wanted, order)
    state, code = error_of(page)
    assert (state is not SourceReportState.OK, code) == (True, C.BAD_RESPONSE)
    assert page.reports["iot"].requests <= 1 + 2 * 2 + 2


async def test_empty_pages_with_a_token_do_not_end_a_list() -> None:
    bench = Bench.open(fleet(2, 3))
    inner = bench.between.inner
    tokens: dict[str, str | None] = {}

    class Hesitating(httpx.AsyncBaseTransport):
        """Five empty pages before each page that holds something."""

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            place, token = str(request.url.path), request.url.params.get("nextToken")
            number = 0 if token is None else int(token.partition("-")[2])
            tokens[f"{place} {token}"] = token
            if number < 5:
                member = {"/jobs": "jobs", "/things": "things"}.get(place, "executionSummaries")
                return httpx.Response(200, json={member: [], "nextToken": f"empty-{number + 1}"})
            url = request.url.copy_remove_param("nextToken")
            return await inner.handle_async_request(httpx.Request("GET", url, headers=request.headers))

    bench.between.inner = Hesitating()
    for wanted, size in ((ALL, 6), (JobFilter(), 2), (NodeFilter(), 3), (OF_THING, 2)):
        page, _ = await bench.page(wanted, Order(OrderField.NATIVE))
        assert (len(page.rows), error_of(page)) == (size, (SourceReportState.OK, None))
    assert len(tokens) == 6 * (1 + 2 + 1 + 1)


def expiring(bench: Bench, after: int, *, always: bool = False) -> None:
    """All tokens become invalid once so many were used; ``always``: from then on, new ones, too."""
    place = bench.simulator._tokens.place
    used = 0

    def placed(scope: str, token: str) -> Any:
        nonlocal used
        used += 1
        if used == after or (always and used > after):
            bench.simulator.expire_tokens()
        return place(scope, token)

    bench.simulator._tokens.place = placed  # type: ignore[method-assign]


@pytest.mark.parametrize("order", [Order(OrderField.CREATED_AT), Order(OrderField.NATIVE)], ids=str)
async def test_long_lists_begin_anew_once_their_token_was_refused(order: Order) -> None:
    """Pages that came before say nothing new, which is no sign of a source that goes round in circles."""
    bench = Bench.open(fleet(1, 1300, completed=False))
    expiring(bench, 5)
    page, _ = await bench.page(ALL, order, first=2000)
    assert (len(page.rows), error_of(page)) == (1300, (SourceReportState.OK, None))
    assert bench.operations()[BY_JOB] == 6 + 6
    expiring(bench, 5)
    things, _ = await bench.page(NodeFilter(), Order(OrderField.NATIVE), first=2000)
    assert (len(things.rows), error_of(things)) == (1300, (SourceReportState.OK, None))


async def test_a_list_whose_tokens_are_always_refused_says_so() -> None:
    bench = Bench.open(fleet(1, 600, completed=False))
    expiring(bench, 2, always=True)
    page, _ = await bench.page(ALL, first=1000)
    assert (len(page.rows), error_of(page)) == (500, (SourceReportState.TRUNCATED, C.BAD_RESPONSE))
    assert bench.operations()[BY_JOB] == 3 + 2


async def test_rare_statuses_of_a_large_job_that_its_first_page_held_already() -> None:
    """The lists of the statuses then bring rows that are known, which is no sign of circles either."""
    world = fleet(1, 900)
    for place, key in enumerate(sorted(world.executions)):
        late = {"lastUpdatedAt": NOW + timedelta(seconds=place)}
        status = "SUCCEEDED" if place < 870 else ("FAILED", "TIMED_OUT", "REJECTED")[place % 3]
        world.update_execution(key, status=status, **late)
    bench = Bench.open(world)
    wanted = frozenset({ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT, ExecutionStatus.REJECTED})
    page, _ = await bench.page(ExecutionFilter(statuses=wanted), first=100)
    assert (len(page.rows), error_of(page)) == (30, (SourceReportState.OK, None))
    assert bench.operations()[BY_JOB] == 4
