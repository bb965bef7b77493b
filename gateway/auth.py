"""How credentials get onto a request, one way per ``auth.type`` of the configuration.

A signer sees each request just before it is sent, again on every retry. Nothing here logs, no message quotes them.
"""

import asyncio
import binascii
import hmac
import time
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import httpx
import msgspec

from gateway.config import AuthSettings, BasicAuth, BearerAuth, HmacAuth, LoginAuth, NoAuth, TokenAuth
from gateway.errors import SourceError, SourceErrorCode


class Answer(msgspec.Struct, frozen=True):
    """A source's answer, read whole. Names of headers are found in any case."""

    status: int
    headers: Mapping[str, str]
    content: bytes | bytearray


Send = Callable[[httpx.Request], Awaitable[Answer]]
"""Sends a request of the signer's own, counted and timed like any other."""


class Auth(Protocol):
    """Puts credentials on requests."""

    async def sign(self, request: httpx.Request, send: Send) -> None:
        """Add what the source needs. Raises SourceError UNAUTHENTICATED when there is nothing to add."""
        ...

    def refused(self, request: httpx.Request, answer: Answer) -> bool:
        """``answer`` refused ``request`` with 401 or 403: whether signing anew may help."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class ConstantAuth:
    """The same ``Authorization`` header on every request; none if the value is empty."""

    value: str

    async def sign(self, request: httpx.Request, send: Send) -> None:  # noqa: ARG002 - asks nobody
        if self.value:
            request.headers["Authorization"] = self.value

    def refused(self, request: httpx.Request, answer: Answer) -> bool:  # noqa: ARG002
        return False


@dataclass(frozen=True, slots=True, repr=False)
class SignedAuth:
    """ThreatConnect's signature over path, method and time (contracts/threatconnect.md section 4).

    The path is signed byte for byte as it is sent, percent-encoding included; the clock may be off by five minutes at most.
    """

    access_id: str
    secret: bytes
    clock: Callable[[], float] = time.time

    async def sign(self, request: httpx.Request, send: Send) -> None:  # noqa: ARG002 - asks nobody
        stamp = str(int(self.clock()))
        signed = request.url.raw_path + f":{request.method}:{stamp}".encode("ascii")
        mac = b64encode(hmac.digest(self.secret, signed, "sha256")).decode("ascii")
        request.headers["Timestamp"] = stamp
        request.headers["Authorization"] = f"TC {self.access_id}:{mac}"

    def refused(self, request: httpx.Request, answer: Answer) -> bool:  # noqa: ARG002
        return False


class _LoginAnswer(msgspec.Struct):
    bearer_token: str = msgspec.field(name="bearerToken")


class _Claims(msgspec.Struct):
    exp: float | None = None
    nbf: float | None = None
    iat: float | None = None


class TokenFromLogin:
    """A bearer token from a login with user name and password (contracts/ctl_runner.md section 1).

    The token is renewed after nine tenths of its life and once after a 401. However many requests wait for it, one login
    is sent (single flight). Life is counted from the login on this machine's clock; the token's own instants only say how
    long it is, because the two clocks may differ.
    """

    _FALLBACK_SECONDS = 3600.0

    def __init__(self, settings: LoginAuth, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._token: str | None = None
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def sign(self, request: httpx.Request, send: Send) -> None:
        async with self._lock:
            if self._token is None or self._clock() >= self._until:
                await self._log_in(send)
            request.headers["Authorization"] = f"Bearer {self._token}"

    def refused(self, request: httpx.Request, answer: Answer) -> bool:
        if answer.status != 401:
            return False
        if request.headers.get("Authorization") == f"Bearer {self._token}":
            self._token = None
        # Somebody else may have logged in meanwhile: then the newer token is worth a try.
        return True

    async def _log_in(self, send: Send) -> None:
        credentials = {"username": self._settings.username, "password": self._settings.password.get_secret_value()}
        request = httpx.Request(
            "POST",
            self._settings.login_url,
            content=msgspec.json.encode(credentials),
            headers={"Content-Type": "application/json", "Accept": "application/json"},
        )
        answer = await send(request)
        status = answer.status
        if status in (400, 401, 403):
            # CTL answers 400 to wrong credentials.
            raise SourceError(
                SourceErrorCode.UNAUTHENTICATED, "Its login did not accept the gateway's credentials.", http_status=status
            )
        if status == 429:
            raise SourceError(SourceErrorCode.RATE_LIMITED, "Its login asks for fewer requests.", http_status=status)
        if not 200 <= status < 300:
            raise SourceError(SourceErrorCode.UNAVAILABLE, "Its login does not work.", http_status=status)
        try:
            token = msgspec.json.decode(answer.content, type=_LoginAnswer).bearer_token
        except msgspec.DecodeError as error:
            raise SourceError(
                SourceErrorCode.BAD_RESPONSE, "Its login answered without a token.", http_status=status
            ) from error
        self._token = token
        self._until = self._clock() + 0.9 * (_life_of(token) or self._FALLBACK_SECONDS)


def _life_of(token: str) -> float | None:
    """Seconds a JWT lasts by its own claims; None when it is no JWT or does not say."""
    try:
        middle = token.split(".")[1]
        claims = msgspec.json.decode(urlsafe_b64decode(middle + "=" * (-len(middle) % 4)), type=_Claims)
    except (IndexError, binascii.Error, msgspec.DecodeError, ValueError):
        return None
    start = claims.nbf if claims.nbf is not None else claims.iat
    return claims.exp - start if claims.exp is not None and start is not None and claims.exp > start else None


def auth_of(settings: AuthSettings) -> Auth:
    """The signer for an ``auth`` section."""
    match settings:
        case NoAuth():
            return ConstantAuth("")
        case BasicAuth():
            pair = f"{settings.username}:{settings.password.get_secret_value()}"
            return ConstantAuth("Basic " + b64encode(pair.encode()).decode("ascii"))
        case BearerAuth():
            return ConstantAuth(f"Bearer {settings.token.get_secret_value()}")
        case TokenAuth():
            return ConstantAuth(f"{settings.scheme} {settings.token.get_secret_value()}")
        case HmacAuth():
            return SignedAuth(settings.access_id, settings.secret.get_secret_value().encode())
        case LoginAuth():
            return TokenFromLogin(settings)
