"""Signatures are those of botocore's own client, byte for byte, on the requests that really leave.

moto's check of signatures refuses even botocore's GETs (contracts/aws_iot.md section 3), so this is the proof.
"""

from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st

from adapters.aws_iot.client import LARGEST_PAGE, IotClient, Pages, fault_of
from gateway.limits import Quota
from gateway.sigv4 import AwsCredentials, Keys, SigV4, sign
from tests.aws_environment import isolate
from tests.support import Upstream, client_of, skip_pauses

NOW = datetime(2026, 11, 21, 20, 0, 0)
REGION = "eu-central-1"
FAST = Quota(rate=100_000.0, burst=1000, ceiling=100_000, in_flight=8)
KEY, SECRET, SESSION = "AKIAEXAMPLE", "wJalr/XUtn+FEMI=", "IQoJb3JpZ2lu+/=X=="
TOKEN = "AAAA+bbb/ccc==&d e?ü%2B"
ENDPOINTS = ["https://iot.eu-central-1.amazonaws.com", "http://127.0.0.1:4567", "https://iot.example:8443"]


@pytest.fixture(autouse=True)
def _alone_and_at_a_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    isolate(monkeypatch, tmp_path)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_args, **_more: NOW)


class _NoBody:
    def stream(self, *_args: Any, **_more: Any) -> Iterator[bytes]:
        yield b"{}"


@cache
def _botocore(endpoint: str, session_token: str | None) -> tuple[Any, list[AWSPreparedRequest]]:
    """Botocore's client and the requests that it would have sent."""
    # Its validation would keep odd names from us.
    client = Session().create_client(
        "iot",
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        aws_session_token=session_token,
        config=Config(parameter_validation=False),
    )
    sent: list[AWSPreparedRequest] = []

    def instead(request: AWSPreparedRequest, **_more: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, {"content-type": "application/json"}, _NoBody())

    client.meta.events.register("before-send", instead)
    return client, sent


def theirs(endpoint: str, session_token: str | None, operation: str, **given: Any) -> AWSPreparedRequest:
    """The request that botocore's own client makes."""
    client, sent = _botocore(endpoint, session_token)
    sent.clear()
    getattr(client, operation)(**given)
    return sent[0]


def text(header: str | bytes) -> str:
    return header.decode() if isinstance(header, bytes) else header


def assert_same(ours: httpx.Request, them: AWSPreparedRequest) -> None:
    raw = ours.url.raw_path.decode("ascii")
    mine, their = urlsplit(raw), urlsplit(them.url)
    assert ours.method == them.method
    assert unquote(mine.path) == unquote(their.path)
    assert sorted(parse_qsl(mine.query, keep_blank_values=True)) == sorted(parse_qsl(their.query, keep_blank_values=True))
    assert ours.headers["authorization"] == text(them.headers["Authorization"])
    assert ours.headers["x-amz-date"] == text(them.headers["X-Amz-Date"])
    assert ours.headers.get("x-amz-security-token") == (
        text(them.headers["X-Amz-Security-Token"]) if "X-Amz-Security-Token" in them.headers else None
    )
    assert f"{ours.url.scheme}://{ours.headers['host']}" == f"{their.scheme}://{their.netloc}"


def iot(endpoint: str, session_token: str | None, *answers: Any) -> tuple[IotClient, Upstream]:
    """The adapter's own client over an upstream that answers with these bodies."""
    upstream = Upstream(*(httpx.Response(200, json=answer) for answer in answers))
    signer = SigV4(AwsCredentials(keys=Keys(KEY, SECRET, session_token)), "iot", REGION)
    client = client_of(upstream).at(endpoint + "/", signer, fault_of)
    return IotClient(client, ("", REGION, endpoint), lambda _operation: FAST), upstream


JOB: dict = {"job": {"jobId": "j"}}
RUN: dict = {"execution": {}}
THING: dict = {"thingName": "t"}
NAMES = ["kettle-1", "plant:line-3:kettle_7", "::", "a:%3Ab"]

Single = Callable[[IotClient, str], Awaitable[Any]]
SINGLES: dict[str, tuple[Single, str, Any, Callable[[str], dict[str, Any]]]] = {
    "DescribeJob": (lambda iot, name: iot.job(name), "describe_job", JOB, lambda name: {"jobId": name}),
    "DescribeJobExecution": (
        lambda iot, name: iot.execution("rollout-7", name, 12),
        "describe_job_execution",
        RUN,
        lambda name: {"jobId": "rollout-7", "thingName": name, "executionNumber": 12},
    ),
    "DescribeThing": (lambda iot, name: iot.thing(name), "describe_thing", THING, lambda name: {"thingName": name}),
}

LISTS: dict[str, tuple[Callable[[IotClient], Pages], str, str, dict[str, Any]]] = {
    "ListJobs": (lambda iot: iot.jobs(), "list_jobs", "jobs", {}),
    "ListJobs of a status": (lambda iot: iot.jobs("IN_PROGRESS"), "list_jobs", "jobs", {"status": "IN_PROGRESS"}),
    "ListJobExecutionsForJob": (
        lambda iot: iot.executions_of_job("rollout-7", "FAILED"),
        "list_job_executions_for_job",
        "executionSummaries",
        {"jobId": "rollout-7", "status": "FAILED"},
    ),
    "ListJobExecutionsForThing": (
        lambda iot: iot.executions_of_thing("a:b c/ü", "TIMED_OUT", "job +&=;,"),
        "list_job_executions_for_thing",
        "executionSummaries",
        {"thingName": "a:b c/ü", "status": "TIMED_OUT", "jobId": "job +&=;,"},
    ),
    "ListThings": (lambda iot: iot.things(), "list_things", "things", {}),
}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("session_token", [None, SESSION])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("operation", SINGLES)
async def test_a_look_up_is_signed_as_botocore_signs_it(
    operation: str, name: str, session_token: str | None, endpoint: str
) -> None:
    call, method, answer, params = SINGLES[operation]
    client, upstream = iot(endpoint, session_token, answer)
    await call(client, name)
    assert_same(upstream.requests[0], theirs(endpoint, session_token, method, **params(name)))


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("session_token", [None, SESSION])
@pytest.mark.parametrize("operation", LISTS)
async def test_pages_of_a_list_are_signed_as_botocore_signs_them(
    operation: str, session_token: str | None, endpoint: str
) -> None:
    call, method, rows, params = LISTS[operation]
    client, upstream = iot(endpoint, session_token, {rows: [], "nextToken": TOKEN}, {rows: []})
    assert [sheet.more async for sheet in call(client)] == [True, False]
    first, second = upstream.requests
    params = {**params, "maxResults": LARGEST_PAGE}
    assert_same(first, theirs(endpoint, session_token, method, **params))
    assert_same(second, theirs(endpoint, session_token, method, **params, nextToken=TOKEN))
    assert second.url.raw_path.count(b"%2Bbbb%2Fccc%3D%3D%26d%20e%3F%C3%BC%252B") == 1


Text = st.text(st.characters(exclude_categories=["Cs"]))


@given(token=Text.filter(bool))
async def test_any_token_is_signed_as_botocore_signs_it(token: str) -> None:
    client, upstream = iot(ENDPOINTS[0], None, {"things": [], "nextToken": token}, {"things": []})
    async for _ in client.things():
        pass
    assert_same(upstream.requests[1], theirs(ENDPOINTS[0], None, "list_things", maxResults=LARGEST_PAGE, nextToken=token))


@given(params=st.lists(st.tuples(Text, Text), max_size=4))
async def test_any_query_is_sent_as_it_is_signed(params: list[tuple[str, str]]) -> None:
    upstream = Upstream(httpx.Response(200, json={}))
    await client_of(upstream, SigV4(AwsCredentials(keys=Keys(KEY, SECRET)), "iot", REGION)).get("jobs", params)
    sent = upstream.requests[0]
    # Given the values apart from the address, botocore encodes them by itself.
    whole = AWSRequest(method="GET", url=str(sent.url.copy_with(query=None)), params=params)
    SigV4Auth(Credentials(KEY, SECRET), "iot", REGION).add_auth(whole)
    assert sent.headers["authorization"] == whole.headers["Authorization"]
    # And the other side reads those values, whatever it takes a bare "+" for.
    assert parse_qsl(sent.url.query.decode("ascii"), keep_blank_values=True) == params
    assert b"+" not in sent.url.query


def test_headers_that_others_may_change_are_not_signed() -> None:
    request = httpx.Request(
        "POST",
        "https://logs.eu-central-1.amazonaws.com/",
        content=b"{}",
        headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Logs.Get", "Accept": "*/*", "X-Mine": "1"},
    )
    sign(request, Keys(KEY, SECRET, SESSION), "logs", REGION)
    assert (
        "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target," in request.headers["authorization"]
    )
    assert request.headers["x-mine"] == "1"


async def test_every_attempt_is_signed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_pauses(monkeypatch)
    clock = iter(NOW + timedelta(seconds=seconds) for seconds in range(3))
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_args, **_more: next(clock))
    upstream = Upstream(httpx.Response(503), httpx.Response(503), httpx.Response(200, json={}))
    await client_of(upstream, SigV4(AwsCredentials(keys=Keys(KEY, SECRET)), "iot", REGION)).get("jobs")
    assert [sent.headers["x-amz-date"] for sent in upstream.requests] == [
        "20261121T200000Z",
        "20261121T200001Z",
        "20261121T200002Z",
    ]
    assert len({sent.headers["authorization"] for sent in upstream.requests}) == 3
