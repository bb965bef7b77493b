"""Credentials come from AWS's own chain, off the event loop, once for all who wait, and are renewed behind their backs.

The chain is real, with real helper processes. Variables and files of this machine's user are kept out, and so is the
network.
"""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.aws_iot import AwsIotSettings
from adapters.aws_iot.client import fault_of
from gateway import sigv4
from gateway.auth import Answer
from gateway.errors import ConfigError, SourceError, SourceErrorCode
from gateway.sigv4 import AwsCredentials, Keys, SigV4, error_code, require_botocore
from gateway.transport import SourceClient
from tests.aws_environment import isolate
from tests.support import OK_UPSTREAM, Upstream, client_of, until

# Says what lies beside it; counts its calls; waits, if told to, until the test lets it go on.
HELPER = """\
import pathlib, sys, time
here = pathlib.Path(sys.argv[1])
with (here / "calls").open("a") as calls:
    calls.write("x")
until = time.monotonic() + 20
while (here / "hold").exists() and time.monotonic() < until:
    time.sleep(0.005)
answer = (here / "answer").read_text()
sys.stderr.write("helper-secret")
sys.exit(1) if answer == "fail" else print(answer)
"""
EXPIRED = httpx.Response(
    403,
    headers={"x-amzn-errortype": "ExpiredTokenException:"},
    json={"message": "The security token included in the request is expired"},
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the chain finds its files: none yet."""
    isolate(monkeypatch, tmp_path)
    return tmp_path


class Helper:
    """A ``credential_process`` of the default profile."""

    def __init__(self, home: Path) -> None:
        self._home = home
        (home / "helper.py").write_text(HELPER)
        (home / "config").write_text(
            f"[default]\ncredential_process = {sys.executable} -I -S {home / 'helper.py'} {home}\n"
            "[profile other]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = other-secret\n"
        )

    def answer(self, key: str, lasts: timedelta | None = timedelta(hours=1)) -> None:
        """From now on it gives this key."""
        said: dict[str, Any] = {
            "Version": 1,
            "AccessKeyId": key,
            "SecretAccessKey": f"{key}-secret",
            "SessionToken": f"{key}-token",
        }
        if lasts is not None:
            said["Expiration"] = (datetime.now(UTC) + lasts).isoformat()
        self._write("answer", json.dumps(said))

    def fail(self) -> None:
        """From now on it fails."""
        self._write("answer", "fail")

    def hold(self) -> None:
        """It will not answer before it is let go."""
        self._write("hold", "")

    def let_go(self) -> None:
        (self._home / "hold").unlink()

    @property
    def calls(self) -> int:
        path = self._home / "calls"
        return len(path.read_text()) if path.exists() else 0

    def _write(self, name: str, text: str) -> None:
        # At once: it may be reading.
        (self._home / "new").write_text(text)
        (self._home / "new").rename(self._home / name)


@pytest.fixture
def helper(home: Path) -> Helper:
    return Helper(home)


@asynccontextmanager
async def source(upstream: Upstream, profile: str | None = None, keys: Keys | None = None) -> AsyncIterator[SourceClient]:
    credentials = AwsCredentials(profile, keys)
    signer = SigV4(credentials, "iot", "us-east-1")
    try:
        yield client_of(upstream).at("https://iot.us-east-1.amazonaws.com/", signer, fault_of)
    finally:
        await credentials.aclose()


def keys_of(upstream: Upstream) -> list[str]:
    """The access key id of every request."""
    return [sent.headers["authorization"].partition("Credential=")[2].partition("/")[0] for sent in upstream.requests]


# --- finding -------------------------------------------------------------------------------------------------------


async def test_one_search_serves_all_who_wait_and_does_not_stop_the_loop(helper: Helper) -> None:
    helper.answer("AKIAONE")
    helper.hold()
    upstream = Upstream(OK_UPSTREAM)
    async with source(upstream) as client:
        waiting = [asyncio.create_task(client.get("jobs")) for _ in range(40)]
        # Were the loop blocked, nobody could let the process go.
        await until(lambda: helper.calls)
        helper.let_go()
        await asyncio.gather(*waiting)
        await client.get("jobs")
    assert helper.calls == 1
    assert keys_of(upstream) == ["AKIAONE"] * 41
    assert upstream.requests[0].headers["x-amz-security-token"] == "AKIAONE-token"


async def test_who_gives_up_waiting_does_not_end_the_search_of_the_others(helper: Helper) -> None:
    helper.answer("AKIAONE")
    helper.hold()
    credentials = AwsCredentials()
    first, second = (asyncio.create_task(credentials.current()) for _ in range(2))
    await until(lambda: helper.calls)
    first.cancel()
    await asyncio.wait([first])
    helper.let_go()
    assert (await second).access_key == "AKIAONE"
    assert first.cancelled()
    assert helper.calls == 1
    await credentials.aclose()


async def test_a_search_that_nobody_waits_for_any_more_ends_with_the_source(helper: Helper) -> None:
    helper.fail()
    helper.hold()
    credentials = AwsCredentials()
    waiting = asyncio.create_task(credentials.current())
    await until(lambda: helper.calls)
    waiting.cancel()
    await asyncio.wait([waiting])
    await credentials.aclose()
    helper.let_go()


async def test_environment_goes_first_and_a_profile_by_name(helper: Helper, monkeypatch: pytest.MonkeyPatch) -> None:
    helper.answer("AKIAONE")
    upstream = Upstream(OK_UPSTREAM)
    async with source(upstream, profile="other") as client:
        await client.get("jobs")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "env-secret")
    async with source(upstream) as client:
        await client.get("jobs")
    assert keys_of(upstream) == ["AKIAOTHER", "AKIAENV"]
    assert helper.calls == 0


async def test_no_credentials_at_all(caplog: pytest.LogCaptureFixture) -> None:
    upstream = Upstream(OK_UPSTREAM)
    async with source(upstream) as client:
        faults = await asyncio.gather(*(client.get("jobs") for _ in range(5)), return_exceptions=True)
    for fault in faults:
        assert isinstance(fault, SourceError)
        assert (fault.code, fault.message) == (
            SourceErrorCode.UNAUTHENTICATED,
            "The AWS credential chain has no credentials.",
        )
    assert upstream.requests == []
    assert caplog.records == []


@pytest.mark.parametrize("profile", [None, "nobody"])
async def test_a_chain_that_fails_is_not_quoted(
    helper: Helper, profile: str | None, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    helper.fail()
    upstream = Upstream(OK_UPSTREAM)
    async with source(upstream, profile) as client:
        with pytest.raises(SourceError) as caught:
            await client.get("jobs")
        assert caught.value.code is SourceErrorCode.UNAUTHENTICATED
        said = f"{caught.value!r} {caught.value} {caught.value.__cause__} {caplog.text}"
        for private in ("helper-secret", "nobody", str(home)):
            assert private not in said
        # The next request looks anew: it may have been mended.
        helper.answer("AKIAONE")
        if profile is None:
            await client.get("jobs")
            assert keys_of(upstream) == ["AKIAONE"]


# --- renewing ------------------------------------------------------------------------------------------------------


async def test_what_expires_soon_is_renewed_in_the_background(helper: Helper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sigv4, "_LOOK_SECONDS", 0.01)
    # Long enough for the chain to begin with, within the quarter of an hour in which it renews.
    helper.answer("AKIAONE", timedelta(minutes=14))
    credentials = AwsCredentials()
    assert (await credentials.current()).access_key == "AKIAONE"
    helper.answer("AKIATWO")
    await until(lambda: helper.calls > 1)
    await until(lambda: credentials._frozen is not None and credentials._frozen.access_key != "AKIAONE")
    assert await credentials.current() == Keys("AKIATWO", "AKIATWO-secret", "AKIATWO-token")
    calls = helper.calls
    await asyncio.sleep(0.1)
    # What lasts an hour is left alone.
    assert helper.calls == calls
    await credentials.aclose()


@pytest.mark.parametrize("left", [timedelta(minutes=14), timedelta(minutes=5)])
async def test_while_renewing_fails_the_old_ones_are_used(
    helper: Helper, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, left: timedelta
) -> None:
    # With five minutes left botocore itself would raise rather than sign with what is still good.
    caplog.set_level(logging.DEBUG)
    helper.answer("AKIAONE", timedelta(hours=1))
    monkeypatch.setattr(sigv4, "_LOOK_SECONDS", 0.01)
    upstream = Upstream(OK_UPSTREAM)
    credentials = AwsCredentials()
    client = client_of(upstream, SigV4(credentials, "iot", "us-east-1"))
    await client.get("jobs")
    helper.fail()
    assert credentials._chain is not None
    credentials._chain._expiry_time = datetime.now(UTC) + left
    await until(lambda: helper.calls > 2)
    await client.get("jobs")
    assert keys_of(upstream) == ["AKIAONE"] * 2
    # Mended, it is renewed after all.
    helper.answer("AKIATWO")
    await until(lambda: credentials._frozen is not None and credentials._frozen.access_key == "AKIATWO")
    assert "helper-secret" not in caplog.text
    assert ("could not be renewed" in caplog.text) is (left < timedelta(minutes=10))
    await credentials.aclose()


# --- refusals ------------------------------------------------------------------------------------------------------


async def test_expired_credentials_are_looked_for_once_and_the_request_sent_again(helper: Helper) -> None:
    helper.answer("AKIAONE")
    upstream = Upstream(OK_UPSTREAM, EXPIRED, OK_UPSTREAM)
    async with source(upstream) as client:
        await client.get("jobs")
        helper.answer("AKIATWO")
        await client.get("jobs")
        await client.get("jobs")
    assert keys_of(upstream) == ["AKIAONE", "AKIAONE", "AKIATWO", "AKIATWO"]
    assert helper.calls == 2


async def test_many_refusals_of_the_same_credentials_are_one_search(helper: Helper) -> None:
    helper.answer("AKIAONE")

    async def judge(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        return EXPIRED if "AKIAONE" in request.headers["authorization"] else OK_UPSTREAM

    upstream = Upstream(judge)
    async with source(upstream) as client:
        with pytest.raises(SourceError):
            await client.get("jobs")
        helper.answer("AKIATWO")
        before = helper.calls
        await asyncio.gather(*(client.get("jobs") for _ in range(8)))
        assert helper.calls - before == 1


async def test_a_late_refusal_of_old_credentials_does_not_cost_the_new_ones(helper: Helper) -> None:
    helper.answer("AKIATWO")
    credentials = AwsCredentials()
    await credentials.current()
    assert credentials.forget("AKIAONE")
    await credentials.current()
    assert helper.calls == 1
    await credentials.aclose()


@pytest.mark.parametrize(("keys", "sent"), [(Keys("AKIASTATIC", "static-secret"), 1), (None, 2)])
async def test_keys_that_stay_expired_are_no_loop(helper: Helper, keys: Keys | None, sent: int) -> None:
    helper.answer("AKIAONE", None)
    upstream = Upstream(EXPIRED)
    async with source(upstream, keys=keys) as client:
        with pytest.raises(SourceError) as caught:
            await client.get("jobs")
    assert caught.value.code is SourceErrorCode.UNAUTHENTICATED
    assert len(upstream.requests) == sent


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "UnrecognizedClientException", "AccessDeniedException"])
async def test_other_refusals_are_not_tried_again(helper: Helper, code: str) -> None:
    helper.answer("AKIAONE")
    upstream = Upstream(httpx.Response(403, headers={"x-amzn-errortype": code}))
    async with source(upstream) as client:
        with pytest.raises(SourceError):
            await client.get("jobs")
    assert (len(upstream.requests), helper.calls) == (1, 1)


def test_codes_of_errors() -> None:
    def read(text: str = "", **headers: str) -> str | None:
        answer = httpx.Response(403, headers=headers, text=text)
        return error_code(Answer(403, answer.headers, answer.content))

    assert read(**{"X-Amzn-ErrorType": "ResourceNotFoundException:http://internal/coral/"}) == "ResourceNotFoundException"
    assert read('{"__type": "com.amazonaws.iot#ExpiredTokenException"}') == "ExpiredTokenException"
    assert read('{"Code": "ExpiredToken"}') == "ExpiredToken"
    for other in ("", "[]", "{}", "<html>", '{"code": 7}', '{"code": ":"}', "\x00"):
        assert read(other) is None


# --- secrets -------------------------------------------------------------------------------------------------------


async def test_secrets_are_shown_nowhere(
    helper: Helper, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(sigv4, "_LOOK_SECONDS", 0.01)
    helper.answer("AKIAONE", timedelta(minutes=14))
    upstream = Upstream(OK_UPSTREAM, OK_UPSTREAM, EXPIRED)
    shown = []
    credentials = AwsCredentials()
    signer = SigV4(credentials, "iot", "us-east-1")
    client = client_of(upstream).at("https://iot.us-east-1.amazonaws.com/", signer, fault_of)
    await client.get("jobs")
    await until(lambda: helper.calls > 1)
    await client.get("jobs")
    with pytest.raises(SourceError) as caught:
        await client.get("jobs")
    shown += [repr(each) for each in (credentials, signer, client, await credentials.current(), caught.value)]
    await credentials.aclose()
    settings = AwsIotSettings.model_validate(
        {
            "name": "iot",
            "kind": "aws-iot",
            "region": "us-east-1",
            "access_key_id": "AKIASTATIC",
            "secret_access_key": "static-secret",
            "session_token": "static-token",
        }
    )
    shown += [repr(settings), str(settings), repr(settings.keys), str(settings.keys)]
    for private in ("AKIAONE-secret", "AKIAONE-token", "static-secret", "static-token", "helper-secret"):
        assert private not in " ".join(shown)
        assert private not in caplog.text


# --- the extra -----------------------------------------------------------------------------------------------------


def test_without_botocore_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    require_botocore("aws-iot")
    monkeypatch.setattr(sigv4, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"'aws-iot' lacks 'botocore': install execution-gateway\[aws\]"):
        require_botocore("aws-iot")
