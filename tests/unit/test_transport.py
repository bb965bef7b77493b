"""One source's client: what it sends, what it makes of answers, what it counts, and how it knows its source's health."""

import gzip
from typing import Any

import httpx
import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse

from gateway.config import SourceSettings
from gateway.errors import SourceError, SourceErrorCode
from gateway.testing.servers import LoopbackServers
from gateway.transport import Meter, SourceClient, SourceState, current_meter, http_transport, metered
from tests.support import Step, Upstream, client_of, skip_pauses

C = SourceErrorCode
OK = httpx.Response(200, json={"ok": True})


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts, which are not waited for."""
    return skip_pauses(monkeypatch)


# --- questions with a body -----------------------------------------------------------------------------------------


async def test_a_question_with_a_body_is_repeated_as_it_was(pauses: list[float]) -> None:
    upstream = Upstream(httpx.Response(503), OK)
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Logs_20140328.FilterLogEvents"}
    answer = await client_of(upstream).ask("logs", b'{"limit": 7}', headers=headers)
    assert answer.status == 200
    assert [(each.method, each.content) for each in upstream.requests] == [("POST", b'{"limit": 7}')] * 2
    assert {each.headers["x-amz-target"] for each in upstream.requests} == {"Logs_20140328.FilterLogEvents"}
    assert len(pauses) == 1


# --- what is sent --------------------------------------------------------------------------------------------------


async def test_the_address_is_the_base_and_the_path_and_exactly_the_parameters() -> None:
    upstream = Upstream(OK)
    params = [("created__gt", "2026-11-21T09:00:00+01:00"), ("or__status", "a,b"), ("or__status", "c d&é/%"), ("x", "")]
    await client_of(upstream).get("jobs/7/", params)
    await client_of(upstream, base_url="http://source.test").get("jobs/")
    assert [str(request.url) for request in upstream.requests] == [
        # "+" must be encoded: servers read a bare one as a space.
        "http://source.test/api/v2/jobs/7/?created__gt=2026-11-21T09:00:00%2B01:00&or__status=a,b"
        "&or__status=c%20d%26%C3%A9%2F%25&x=",
        "http://source.test/jobs/",
    ]
    assert {request.method for request in upstream.requests} == {"GET"}


async def test_headers() -> None:
    upstream = Upstream(OK)
    configured = {"X-Team": "ops", "X-Both": "configured"}
    await client_of(upstream, headers=configured).get("jobs/", accept="text/plain", headers={"X-Both": "given"})
    sent = upstream.requests[0].headers
    assert (sent["accept"], sent["x-team"], sent["x-both"]) == ("text/plain", "ops", "given")
    await client_of(upstream).get("jobs/")
    assert upstream.requests[1].headers["accept"] == "application/json"


async def test_closing_closes_the_connections() -> None:
    upstream = Upstream(OK)
    await client_of(upstream).aclose()
    assert upstream.closed


# --- answers -------------------------------------------------------------------------------------------------------


async def test_an_answer_is_given_as_it_came() -> None:
    answer = await client_of(Upstream(httpx.Response(201, headers={"X-Total": "3"}, content=b"abc"))).get("jobs/")
    assert (answer.status, answer.headers["x-total"], answer.content) == (201, "3", b"abc")


async def test_statuses_that_were_asked_for_are_answers() -> None:
    absent = Upstream(httpx.Response(404, json={"detail": "Not found."}))
    assert (await client_of(absent).get("jobs/9/", also=frozenset({404}))).status == 404
    assert await client_of(absent).get_json("jobs/9/", model=dict, also=frozenset({404})) is None
    assert (await client_of(Upstream(httpx.Response(304))).get("logs/", also=frozenset({204, 304}))).status == 304


class Row(msgspec.Struct):
    id: int
    name: str


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/hal+json"]
)
async def test_json(kind: str) -> None:
    upstream = Upstream(httpx.Response(200, content=b'{"id": 7, "name": "x", "more": []}', headers={"content-type": kind}))
    assert await client_of(upstream).get_json("jobs/7/", model=Row) == Row(7, "x")


@pytest.mark.parametrize("kind", ["text/html", "text/plain", "application/xml", "application/jsonp", "", None])
async def test_what_does_not_say_that_it_is_json(kind: str | None) -> None:
    headers = {} if kind is None else {"content-type": kind}
    with pytest.raises(SourceError, match="did not answer with JSON") as caught:
        await client_of(Upstream(httpx.Response(200, content=b'{"id": 7, "name": "x"}', headers=headers))).get_json(
            "x", model=Row
        )
    assert (caught.value.code, caught.value.http_status, caught.value.source) == (C.BAD_RESPONSE, 200, "s")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"id": 7, "na',
        b"<html>",
        b"[]",
        b"null",
        b'{"id": 7}',
        b'{"id": "x", "name": "x"}',
        b'{"id": 7, "name": "\xff"}',
    ],
)
async def test_what_is_not_the_json_it_should_be(content: bytes) -> None:
    upstream = Upstream(httpx.Response(200, content=content, headers={"content-type": "application/json"}))
    with pytest.raises(SourceError, match="not the JSON it should be") as caught:
        await client_of(upstream).get_json("jobs/7/", model=Row)
    assert (caught.value.code, len(upstream.requests)) == (C.BAD_RESPONSE, 1)


async def test_the_size_of_an_answer_is_capped() -> None:
    largest = Upstream(httpx.Response(200, content=b"x" * 1024))
    assert len((await client_of(largest, max_response_bytes=1024).get("jobs/")).content) == 1024
    larger = Upstream(httpx.Response(200, content=b"x" * 1025))
    with pytest.raises(SourceError, match=r"larger than max_response_bytes") as caught:
        await client_of(larger, max_response_bytes=1024).get("jobs/")
    assert (caught.value.code, len(larger.requests)) == (C.BAD_RESPONSE, 1)


async def test_the_cap_is_on_what_unpacks() -> None:
    class Bomb(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            packed = gzip.compress(b"x" * 1_000_000)
            return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(packed))

    settings = SourceSettings(name="s", kind="k", base_url="http://source.test", max_response_bytes=100_000)
    with pytest.raises(SourceError, match="larger than max_response_bytes"):
        await SourceClient(settings, Bomb()).get("x")


# --- meters --------------------------------------------------------------------------------------------------------


async def test_every_attempt_is_counted_on_every_meter_around_it(pauses: list[float]) -> None:
    outer = Meter(float("inf"))
    inner = Meter(float("inf"), outer)
    unavailable = httpx.Response(503)
    with metered(outer):
        await client_of(Upstream(OK), name="a").get("x")
        with metered(inner):
            await client_of(Upstream(unavailable, unavailable, OK), name="b").get("x")
            await client_of(Upstream(OK), name="a").get("x")
        assert current_meter() is outer
    assert current_meter() is None
    await client_of(Upstream(OK), name="a").get("x")
    assert (dict(inner.requests), dict(outer.requests)) == ({"a": 1, "b": 3}, {"a": 2, "b": 3})


def test_a_meter_ends_no_later_than_the_one_around_it() -> None:
    assert Meter(20, Meter(10)).deadline == 10
    assert Meter(5, Meter(10)).deadline == 5


# --- health --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "state"),
    [
        (OK, SourceState.UP),
        (httpx.Response(404), SourceState.UP),
        (httpx.Response(403), SourceState.UP),
        (httpx.Response(429, headers={"retry-after": "3600"}), SourceState.DEGRADED),
        (httpx.Response(401), SourceState.DOWN),
        (httpx.Response(500), SourceState.DOWN),
        (httpx.ReadTimeout("slow"), SourceState.DOWN),
        (httpx.ConnectError("refused"), SourceState.DOWN),
    ],
)
async def test_health_is_what_the_last_request_said(step: Step, state: SourceState, pauses: list[float]) -> None:
    one = client_of(Upstream(step, *([step] * 2 if isinstance(step, httpx.ConnectError) else []), OK))
    assert (one.health.state, one.health.checked_at, one.health.latency_ms) == (SourceState.UNKNOWN, None, None)
    error = None
    try:
        await one.get("jobs/")
    except SourceError as raised:
        error = raised
    assert (one.health.state, one.health.error) == (state, error)
    assert one.health.checked_at is not None
    assert one.health.latency_ms is not None
    await one.get("jobs/")
    assert (one.health.state, one.health.error) == (SourceState.UP, None)


# --- a real socket -------------------------------------------------------------------------------------------------


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    request = Request(scope)
    await JSONResponse({"path": request.url.path, "key": request.headers.get("x-key")})(scope, receive, send)


async def test_over_a_real_socket_whatever_proxy_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with LoopbackServers([_echo]) as servers:
        settings = SourceSettings.model_validate(
            {"name": "s", "kind": "k", "base_url": servers.origins[0], "headers": {"X-Key": "k"}}
        )
        one = SourceClient(settings, http_transport(settings))
        try:
            assert await one.get_json("jobs/", model=dict) == {"path": "/jobs/", "key": "k"}
        finally:
            await one.aclose()
