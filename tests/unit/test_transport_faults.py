"""One source's client at fault: what it asks again, when it gives up, and what it never says."""

import asyncio
import logging
from typing import Any

import httpx
import pytest

from gateway.errors import SourceError, SourceErrorCode
from gateway.transport import Meter, metered
from tests.support import Step, Upstream, client_of, hang, skip_pauses

C = SourceErrorCode
OK = httpx.Response(200, json={"ok": True})


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts, which are not waited for."""
    return skip_pauses(monkeypatch)


async def fault(upstream: Upstream, **settings: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await client_of(upstream, **settings).get("jobs/")
    assert caught.value.source == "s"
    return caught.value


# --- faults --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, C.BAD_RESPONSE),
        (401, C.UNAUTHENTICATED),
        (403, C.FORBIDDEN),
        (404, C.NOT_FOUND),
        (405, C.BAD_RESPONSE),
        (408, C.TIMEOUT),
        (410, C.BAD_RESPONSE),
        # Several of these systems answer 500 to requests that they will never like.
        (500, C.UNAVAILABLE),
        (501, C.UNAVAILABLE),
        (301, C.UNAVAILABLE),
        (302, C.UNAVAILABLE),
        (307, C.UNAVAILABLE),
        (304, C.UNAVAILABLE),
    ],
)
async def test_faults_that_asking_again_does_not_mend(status: int, code: SourceErrorCode) -> None:
    upstream = Upstream(httpx.Response(status, headers={"location": "http://elsewhere.test/"}), OK)
    error = await fault(upstream)
    assert (error.code, error.http_status) == (code, status)
    # Asked once, and no redirect is followed: credentials must not travel to another host.
    assert [str(request.url) for request in upstream.requests] == ["http://source.test/api/v2/jobs/"]


TRANSIENT: list[tuple[Step, SourceErrorCode]] = [
    (httpx.Response(429), C.RATE_LIMITED),
    (httpx.Response(502), C.UNAVAILABLE),
    (httpx.Response(503), C.UNAVAILABLE),
    (httpx.Response(504), C.UNAVAILABLE),
    (httpx.ConnectError("refused"), C.UNAVAILABLE),
    (httpx.ReadError("reset"), C.UNAVAILABLE),
    (httpx.RemoteProtocolError("closed"), C.UNAVAILABLE),
    (OSError("no route"), C.UNAVAILABLE),
]


@pytest.mark.parametrize(("step", "code"), TRANSIENT)
async def test_faults_that_pass_are_asked_again_twice(step: Step, code: SourceErrorCode, pauses: list[float]) -> None:
    upstream = Upstream(step, step, OK)
    assert (await client_of(upstream).get("jobs/")).status == 200
    upstream = Upstream(step, step, step, OK)
    assert (await fault(upstream)).code is code
    assert len(upstream.requests) == 3
    # Longer after every attempt, and never in step with others.
    assert len(pauses) == 4
    assert all(0.1 <= pause < 0.2 for pause in pauses[::2])
    assert all(0.2 <= pause < 0.4 for pause in pauses[1::2])


@pytest.mark.parametrize(
    ("header", "pause"),
    [("0", 0), ("2", 2), ("1.5", 1.5), ("-3", 0), ("Fri, 31 Dec 1999 23:59:59 GMT", 0)],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_honoured(header: str, pause: float, status: int, pauses: list[float]) -> None:
    await client_of(Upstream(httpx.Response(status, headers={"retry-after": header}), OK)).get("jobs/")
    assert pauses == [pause]


@pytest.mark.parametrize("header", ["soon", "", "31 Foo 2026"])
async def test_a_retry_after_that_says_nothing_is_none(header: str, pauses: list[float]) -> None:
    await client_of(Upstream(httpx.Response(429, headers={"retry-after": header}), OK)).get("jobs/")
    assert [0.1 <= pause < 0.2 for pause in pauses] == [True]


async def test_a_retry_after_beyond_the_time_left_is_reported_instead(pauses: list[float]) -> None:
    upstream = Upstream(httpx.Response(429, headers={"retry-after": "3"}), OK)
    with metered(Meter(asyncio.get_running_loop().time() + 4)):
        error = await fault(upstream)
    assert (error.code, error.retry_after, error.retryable) == (C.RATE_LIMITED, 3, True)
    error = await fault(Upstream(httpx.Response(503, headers={"retry-after": "3600"}), OK))
    assert (error.code, error.retry_after) == (C.UNAVAILABLE, 3600)
    error = await fault(Upstream(httpx.Response(429, headers={"retry-after": "Fri, 31 Dec 2100 23:59:59 GMT"}), OK))
    assert error.retry_after is not None
    assert (len(upstream.requests), pauses) == (1, [])


async def test_a_source_that_hangs_is_given_up() -> None:
    upstream = Upstream(hang)
    error = await fault(upstream, timeout_seconds=0.02)
    assert (error.code, error.message) == (C.TIMEOUT, "It did not answer within 0.02 seconds.")
    # It has had its time: asking again would take as long once more.
    assert len(upstream.requests) == 1


async def test_a_time_out_may_be_shortened_for_one_request() -> None:
    with pytest.raises(SourceError, match=r"within 0\.01 seconds"):
        await client_of(Upstream(hang)).get("jobs/", timeout=0.01)


async def test_a_time_out_of_the_connection_is_one() -> None:
    upstream = Upstream(httpx.ConnectTimeout("slow"), OK)
    assert (await fault(upstream)).code is C.TIMEOUT
    assert len(upstream.requests) == 1


async def test_the_meter_s_deadline_ends_a_request() -> None:
    with metered(Meter(asyncio.get_running_loop().time() + 0.03)):
        assert (await fault(Upstream(hang))).code is C.TIMEOUT


async def test_after_the_deadline_nothing_is_sent() -> None:
    upstream, meter = Upstream(OK), Meter(asyncio.get_running_loop().time() - 1)
    with metered(meter):
        assert (await fault(upstream)).message == "The time for this request was used up before it could be sent."
    assert (upstream.requests, meter.requests["s"]) == ([], 0)


async def test_waiting_for_others_is_no_fault_of_the_source() -> None:
    async def slow(_request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.05)
        return OK

    upstream = Upstream(slow)
    one = client_of(upstream, max_concurrency=1, timeout_seconds=0.9)
    # Together they take longer than one may; none of them does.
    answers = await asyncio.gather(*(one.get(str(n)) for n in range(20)))
    assert [answer.status for answer in answers] == [200] * 20


async def test_waiting_for_others_ends_with_the_deadline() -> None:
    upstream = Upstream(hang)
    one = client_of(upstream, max_concurrency=1, timeout_seconds=60)
    with metered(Meter(asyncio.get_running_loop().time() + 0.05)):
        answers = await asyncio.gather(one.get("a"), one.get("b"), return_exceptions=True)
    assert [answer.code for answer in answers if isinstance(answer, SourceError)] == [C.TIMEOUT, C.RATE_LIMITED]
    # Whoever comes later finds the place free.
    assert not one._slots.locked()


async def test_only_so_many_requests_are_in_flight() -> None:
    active, most = 0, 0

    async def count(_request: httpx.Request) -> httpx.Response:
        nonlocal active, most
        active += 1
        most = max(most, active)
        await asyncio.sleep(0)
        active -= 1
        return OK

    one = client_of(Upstream(count), max_concurrency=3)
    await asyncio.gather(*(one.get(str(n)) for n in range(12)))
    assert most == 3


# --- what is never said --------------------------------------------------------------------------------------------

HUSH = "hush-4711"


@pytest.mark.parametrize(
    "step",
    [
        *(
            httpx.Response(status, text=HUSH, headers={"location": f"/{HUSH}", "www-authenticate": HUSH})
            for status in (302, 400, 401, 403, 404, 418, 429, 500, 503)
        ),
        httpx.ConnectError(f"cannot connect to {HUSH}"),
        httpx.LocalProtocolError(f"Illegal header value b'Bearer {HUSH}'"),
        httpx.InvalidURL(f"Invalid URL {HUSH}"),
        httpx.ReadTimeout(HUSH),
        OSError(HUSH),
        httpx.Response(200, text=HUSH),
        httpx.Response(200, content=f'{{"{HUSH}'.encode(), headers={"content-type": "application/json"}),
        httpx.Response(200, text=HUSH * 500),
    ],
)
async def test_faults_quote_neither_address_nor_header_nor_body(
    step: Step, pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    settings: dict[str, Any] = {
        "base_url": f"http://{HUSH}.test/{HUSH}/",
        "auth": {"type": "bearer", "token": HUSH},
        "headers": {"X-Key": HUSH},
        "max_response_bytes": 1024,
    }
    one = client_of(Upstream(step), **settings)
    with caplog.at_level(logging.DEBUG), pytest.raises(SourceError) as caught:
        await one.get_json(f"{HUSH}/", [("q", HUSH)], model=list)
    assert HUSH not in f"{caught.value} {caught.value!r} {caught.value.message} {one.health}"
    assert HUSH not in caplog.text
