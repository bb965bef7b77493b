"""Credentials: each type of them on the wire, renewed where they can be, and never shown."""

import asyncio
import hmac
import logging
from base64 import b64encode, urlsafe_b64encode
from typing import Any

import httpx
import orjson
import pytest

from gateway.auth import Answer, SignedAuth, TokenFromLogin, auth_of
from gateway.config import LoginAuth, SourceSettings
from gateway.errors import SourceError, SourceErrorCode
from gateway.transport import Meter, metered
from tests.support import OK_UPSTREAM, Upstream, client_of, skip_pauses

C = SourceErrorCode
SECRET = "hush-hush-4711"


class Clock:
    """Tells the time it is told."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


async def nobody(_request: httpx.Request) -> Answer:
    raise AssertionError("this type of credentials asks nobody")


# --- constant headers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        ({"type": "none"}, None),
        ({"type": "basic", "username": "ann", "password": "pä:ss"}, "Basic " + b64encode("ann:pä:ss".encode()).decode()),
        ({"type": "bearer", "token": "t0ken"}, "Bearer t0ken"),
        ({"type": "token", "token": "t0ken"}, "TC-Token t0ken"),
        ({"type": "token", "token": "t0ken", "scheme": "Token"}, "Token t0ken"),
    ],
)
async def test_credentials(auth: dict[str, str], header: str | None) -> None:
    upstream = Upstream(OK_UPSTREAM)
    await client_of(upstream, auth=auth).get("jobs/")
    assert upstream.requests[0].headers.get("authorization") == header


class Expired:
    """Credentials that cannot be given any more."""

    async def sign(self, request: httpx.Request, send: Any) -> None:
        raise SourceError(C.UNAUTHENTICATED, "The credentials have expired.")

    def refused(self, request: httpx.Request, answer: Answer) -> bool:
        return True


async def test_credentials_that_cannot_be_given_cost_no_request() -> None:
    upstream, meter = Upstream(OK_UPSTREAM), Meter(float("inf"))
    with metered(meter), pytest.raises(SourceError, match="expired"):
        await client_of(upstream, Expired()).get("jobs/")
    assert (upstream.requests, meter.requests["s"]) == ([], 0)


async def test_constant_credentials_that_are_refused_are_not_tried_again() -> None:
    upstream = Upstream(httpx.Response(401), OK_UPSTREAM)
    with pytest.raises(SourceError) as caught:
        await client_of(upstream, auth={"type": "bearer", "token": SECRET}).get("jobs/")
    assert (caught.value.code, len(upstream.requests)) == (C.UNAUTHENTICATED, 1)


# --- ThreatConnect's signature -------------------------------------------------------------------------------------


async def test_a_published_signature() -> None:
    """The test vector of contracts/threatconnect.md section 4."""
    request = httpx.Request("GET", httpx.URL("test"))
    await SignedAuth("test", b"test", Clock(1_587_340_800.9)).sign(request, nobody)
    assert request.headers["timestamp"] == "1587340800"
    assert request.headers["authorization"] == "TC test:p5a/YiTRs7sNMp/PEDgZxky8lJDRLbza1pi8erjURrU="


async def test_the_path_is_signed_as_it_is_sent() -> None:
    clock = Clock(1_587_340_800)
    upstream = Upstream(OK_UPSTREAM)
    signer = SignedAuth("id", b"secret", clock)
    one = client_of(upstream, signer, base_url="https://tc.test/api/v3/")
    await one.get("jobs/executions", [("tql", 'jobId = 7 and completedTime > "2026-11-21T09:00:00Z"')])
    await one.get("jobs/executions", [("tql", "jobId = 8")])
    clock.now += 1
    await one.get("jobs/executions", [("tql", "jobId = 8")])
    sent = [request.headers["authorization"] for request in upstream.requests]
    # It depends on the query and on the time.
    assert len(set(sent)) == 3
    for request in upstream.requests:
        signed = request.url.raw_path + f":GET:{request.headers['timestamp']}".encode()
        mac = b64encode(hmac.digest(b"secret", signed, "sha256")).decode()
        assert request.headers["authorization"] == f"TC id:{mac}"
    assert upstream.requests[0].url.raw_path == (
        b"/api/v3/jobs/executions?tql=jobId%20%3D%207%20and%20completedTime%20%3E%20%222026-11-21T09:00:00Z%22"
    )


async def test_every_attempt_is_signed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_pauses(monkeypatch)
    clock = Clock(100)

    async def late(_request: httpx.Request) -> httpx.Response:
        clock.now += 400
        return httpx.Response(503)

    upstream = Upstream(late, OK_UPSTREAM)
    await client_of(upstream, SignedAuth("id", b"secret", clock)).get("jobs/")
    assert [request.headers["timestamp"] for request in upstream.requests] == ["100", "500"]


# --- a login -------------------------------------------------------------------------------------------------------

LOGIN = "https://login.test/v2/authentication/login"


def jwt(life: float, number: int = 0, begin: str = "nbf") -> str:
    claims = urlsafe_b64encode(orjson.dumps({"exp": 1000.0 + life, begin: 1000.0, "n": number})).rstrip(b"=").decode()
    return f"head.{claims}.mac"


class Login(httpx.AsyncBaseTransport):
    """A login that gives one token after another, before a source that accepts ``valid`` only, the newest by default."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)
        self.valid: str | None = None
        self.logins: list[httpx.Request] = []
        self.seen: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        if str(request.url) == LOGIN:
            self.logins.append(request)
            self.valid = self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]
            return httpx.Response(200, stream=httpx.ByteStream(orjson.dumps({"userName": "u", "bearerToken": self.valid})))
        self.seen.append(request.headers["authorization"])
        status = 200 if self.seen[-1] == f"Bearer {self.valid}" else 401
        return httpx.Response(status, stream=httpx.ByteStream(b"{}"))


def login_settings() -> LoginAuth:
    return LoginAuth.model_validate({"type": "login", "login_url": LOGIN, "username": "ann", "password": SECRET})


async def test_a_login_is_sent_once_for_all_who_wait() -> None:
    upstream, meter = Login(jwt(1000)), Meter(float("inf"))
    one = client_of(upstream, auth_of(login_settings()))
    with metered(meter):
        await asyncio.gather(*(one.get(str(n)) for n in range(6)))
    (request,) = upstream.logins
    assert (request.method, orjson.loads(request.content)) == ("POST", {"username": "ann", "password": SECRET})
    assert request.headers["content-type"] == "application/json"
    assert set(upstream.seen) == {f"Bearer {jwt(1000)}"}
    # A login is a request like any other.
    assert meter.requests["s"] == 7


@pytest.mark.parametrize(
    ("token", "life"),
    [
        (jwt(1000), 1000),
        (jwt(1000, begin="iat"), 1000),
        # What does not say how long it lasts is renewed every hour.
        ("no-jwt", 3600),
        ("a.b.c", 3600),
        ("a.bm90IEpTT04.c", 3600),
        (jwt(-5), 3600),
    ],
)
async def test_a_token_is_renewed_before_it_ends(token: str, life: float) -> None:
    clock, upstream = Clock(5000), Login(token)
    one = client_of(upstream, TokenFromLogin(login_settings(), clock))
    await one.get("a")
    clock.now = 5000 + 0.9 * life - 1
    await one.get("b")
    assert len(upstream.logins) == 1
    clock.now = 5000 + 0.9 * life
    await one.get("c")
    assert len(upstream.logins) == 2


async def test_a_refused_token_is_renewed_once() -> None:
    upstream = Login(jwt(1000, 1), jwt(1000, 2))
    one = client_of(upstream, auth_of(login_settings()))
    await one.get("a")
    upstream.valid = None
    # Whoever was refused with the old token finds the new one.
    await asyncio.gather(*(one.get(str(n)) for n in range(4)))
    assert len(upstream.logins) == 2


async def test_a_new_token_that_is_refused_too_is_a_fault() -> None:
    class Deaf(Login):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            answer = await super().handle_async_request(request)
            return answer if str(request.url) == LOGIN else httpx.Response(401, stream=httpx.ByteStream(b""))

    upstream = Deaf(jwt(1000, 1), jwt(1000, 2))
    with pytest.raises(SourceError) as caught:
        await client_of(upstream, auth_of(login_settings())).get("a")
    assert caught.value.code is C.UNAUTHENTICATED
    assert (len(upstream.logins), len(upstream.seen)) == (2, 2)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        # CTL answers 400 to wrong credentials.
        (httpx.Response(400, text=SECRET), C.UNAUTHENTICATED),
        (httpx.Response(401, text=SECRET), C.UNAUTHENTICATED),
        (httpx.Response(403, text=SECRET), C.UNAUTHENTICATED),
        (httpx.Response(302, headers={"location": f"/{SECRET}"}), C.UNAVAILABLE),
        (httpx.Response(500, text=SECRET), C.UNAVAILABLE),
        (httpx.Response(503, text=SECRET), C.UNAVAILABLE),
        (httpx.Response(200, text=f"<html>{SECRET}</html>"), C.BAD_RESPONSE),
        (httpx.Response(200, json={"token": SECRET}), C.BAD_RESPONSE),
        (httpx.Response(200, json={"bearerToken": None, "hint": SECRET}), C.BAD_RESPONSE),
    ],
)
async def test_a_login_that_does_not_work(
    answer: httpx.Response, code: SourceErrorCode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    skip_pauses(monkeypatch)
    upstream = Upstream(answer)
    one = client_of(upstream, auth_of(login_settings()))
    with caplog.at_level(logging.DEBUG), pytest.raises(SourceError) as caught:
        await one.get("jobs/")
    assert caught.value.code is code
    assert SECRET not in f"{caught.value!r} {caught.value.message} {one.health} {caplog.text}"
    # Without a token nothing else is sent.
    assert {str(request.url) for request in upstream.requests} == {LOGIN}


@pytest.mark.parametrize(
    "auth",
    [
        {"type": "basic", "username": "ann", "password": SECRET},
        {"type": "bearer", "token": SECRET},
        {"type": "token", "token": SECRET},
        {"type": "hmac", "access_id": "1", "secret": SECRET},
        {"type": "login", "login_url": LOGIN, "username": "ann", "password": SECRET},
    ],
)
def test_no_signer_shows_what_it_knows(auth: dict[str, str]) -> None:
    settings = SourceSettings.model_validate({"name": "s", "kind": "k", "auth": auth})
    shown = f"{auth_of(settings.auth)!r} {auth_of(settings.auth)} {settings!r}"
    assert SECRET not in shown
    assert b64encode(f"ann:{SECRET}".encode()).decode() not in shown
