"""How requests reach a source: one ``SourceClient`` per source over httpx's transport interface.

The client adds credentials, keeps to the source's concurrency limit and to the deadline of whatever it serves, retries what
may be retried, caps the size of an answer and turns every fault into a SourceError without quoting the upstream.

Requests are counted on the ``Meter`` of the current context, so that reports can say what an answer cost.
"""

import asyncio
import copy
import math
import random
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import quote, urlencode

import httpx
import msgspec

from gateway.auth import Answer, Auth, auth_of
from gateway.config import SourceSettings
from gateway.errors import ConfigError, SourceError, SourceErrorCode
from gateway.instant import Instant
from gateway.limits import RateLimit
from gateway.metrics import SOURCE_UP, UPSTREAM, UPSTREAM_SECONDS
from gateway.model import Documented

T = TypeVar("T")
Params = Sequence[tuple[str, str]]

USER_AGENT = "execution-gateway"
_ATTEMPTS = 3
_BACKOFF_SECONDS = 0.1
_SLOW_SECONDS = 5.0


# --- meters --------------------------------------------------------------------------------------------------------


class Meter:
    """Counts upstream requests by source for one purpose, and carries its deadline (on the event loop's clock)."""

    def __init__(self, deadline: float, parent: "Meter | None" = None) -> None:
        self.deadline: float = deadline if parent is None else min(deadline, parent.deadline)
        self.parent = parent
        self.requests: Counter[str] = Counter()

    def count(self, source: str) -> None:
        """One more request to ``source``, here and in every meter around this one."""
        meter: Meter | None = self
        while meter is not None:
            meter.requests[source] += 1
            meter = meter.parent


_METER: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def metered(meter: Meter) -> Iterator[Meter]:
    """Count requests on ``meter`` within this block."""
    token = _METER.set(meter)
    try:
        yield meter
    finally:
        _METER.reset(token)


def current_meter() -> Meter | None:
    """The meter of this context."""
    return _METER.get()


# --- health --------------------------------------------------------------------------------------------------------


class SourceState(Documented):
    """What the last traffic said about a source."""

    UP = "UP", "It answers."
    DEGRADED = "DEGRADED", "Answers, but slowly, rate-limited or partly."
    DOWN = "DOWN", "The last request failed."
    UNKNOWN = "UNKNOWN", "Not contacted yet."


@dataclass(frozen=True, slots=True)
class Health:
    """Last known reachability, observed on real traffic."""

    state: SourceState = SourceState.UNKNOWN
    checked_at: Instant | None = None
    latency_ms: float | None = None
    error: SourceError | None = None


@dataclass(slots=True)
class _Observed:
    """What all clients of one source have seen last."""

    health: Health = field(default_factory=Health)


# --- the client ----------------------------------------------------------------------------------------------------


Judge = Callable[[Answer], SourceErrorCode | None]
"""Names the fault in an answer that is not a success, where the kind of source has words of its own for it; None leaves it
to the status."""


@dataclass(frozen=True, slots=True, repr=False)
class _Service:
    """Where requests go, with whose credentials, and how faults are told and which are transient."""

    base: httpx.URL
    auth: Auth
    judge: Judge
    retried: frozenset[int]


class SourceClient:
    """Sends requests to one source."""

    def __init__(
        self,
        settings: SourceSettings,
        transport: httpx.AsyncBaseTransport,
        auth: Auth | None = None,
        *,
        workers: int = 1,
    ) -> None:
        self.source = settings.name
        self.workers = workers
        """How many processes like this one share the source's quotas."""
        self._observed = _Observed()
        self._settings = settings
        self._service = _Service(
            httpx.URL(settings.base_url or "http://unconfigured.invalid/"),
            auth or auth_of(settings.auth),
            lambda _answer: None,
            _RETRIED,
        )
        self._transport = transport
        self._slots = asyncio.Semaphore(settings.max_concurrency)
        self._headers = {name: secret.get_secret_value() for name, secret in settings.headers.items()}

    @property
    def health(self) -> Health:
        """What the last request said of the source."""
        return self._observed.health

    def at(self, base_url: str, auth: Auth, judge: Judge, retried: frozenset[int] = frozenset()) -> "SourceClient":
        """A client for an address that the source's kind knows by itself, with its own credentials and words for faults.

        Connections, limits and health are those of this client. ``retried`` are further statuses worth another try.
        """
        other = copy.copy(self)
        other._service = _Service(httpx.URL(base_url), auth, judge, _RETRIED | retried)  # noqa: SLF001 - its own kind
        return other

    async def get(
        self,
        path: str,
        params: Params = (),
        *,
        accept: str = "application/json",
        also: frozenset[int] = frozenset(),
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - applied together with the meter's deadline
        limit: RateLimit | None = None,
    ) -> Answer:
        """GET ``path`` (relative to the base URL). ``also`` names statuses to return instead of raising SourceError.

        With a ``limit``, every attempt waits for its turn.
        """
        return await self._read("GET", path, params, accept, also, headers, timeout, limit)

    async def options(self, path: str, params: Params = (), *, also: frozenset[int] = frozenset()) -> Answer:
        """OPTIONS of ``path``: what a source says of itself; asked and repeated like ``get``."""
        return await self._read("OPTIONS", path, params, "application/json", also)

    async def ask(self, path: str, content: bytes, *, headers: Mapping[str, str], limit: RateLimit | None = None) -> Answer:
        """POST ``content`` to ``path``, for questions that take a body and change nothing; repeated like ``get``."""
        return await self._read("POST", path, (), "application/json", frozenset(), headers, limit=limit, content=content)

    async def _read(
        self,
        method: str,
        path: str,
        params: Params,
        accept: str,
        also: frozenset[int],
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
        limit: RateLimit | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """Send what changes nothing upstream, and so may be sent again."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                async with self._turn(limit):
                    return await self._once(method, path, params, accept, also, headers, timeout, content)
            except SourceError as error:
                pause = self._pause(error, attempt)
                if pause is None:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    async def get_json(
        self, path: str, params: Params = (), *, model: type[T], also: frozenset[int] = frozenset()
    ) -> T | None:
        """GET and decode as ``model``; None when the status is one of ``also``. Raises SourceError."""
        answer = await self.get(path, params, also=also)
        if answer.status in also:
            return None
        return self.decode(answer, model)

    def decode(self, answer: Answer, model: type[T]) -> T:
        """The body of an answer as ``model``. Raises SourceError BAD_RESPONSE."""
        kind = answer.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            raise self._fault(SourceErrorCode.BAD_RESPONSE, "It did not answer with JSON.", answer.status)
        try:
            return msgspec.json.decode(answer.content, type=model, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._fault(
                SourceErrorCode.BAD_RESPONSE, "Its answer is not the JSON it should be.", answer.status
            ) from error

    async def credentials(self) -> Mapping[str, str]:
        """The headers, names in lower case, that let a request in: for connections that are not made by requests.

        Only where they do not depend on what is asked for: not those of ``hmac``. Raises SourceError.
        """
        limit = self._settings.timeout_seconds
        request = httpx.Request("GET", self._service.base, headers=self._headers)
        with self._told(limit):
            async with asyncio.timeout(limit):
                await self._service.auth.sign(request, self._send)
        return {name: value for name, value in request.headers.items() if name != "host"}

    @asynccontextmanager
    async def _turn(self, limit: RateLimit | None) -> AsyncIterator[None]:
        """A turn within a quota of the source, if one comes before the deadline."""
        async with AsyncExitStack() as turns:
            if limit is not None:
                meter = current_meter()
                try:
                    async with asyncio.timeout_at(None if meter is None else meter.deadline):
                        await turns.enter_async_context(limit.turn())
                except TimeoutError:
                    raise self._fault(
                        SourceErrorCode.RATE_LIMITED, "Its quotas left no room for another request in time."
                    ) from None
            yield

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def _once(
        self,
        method: str,
        path: str,
        params: Params,
        accept: str,
        also: frozenset[int],
        headers: Mapping[str, str] | None,
        timeout: float | None,  # noqa: ASYNC109
        content: bytes | None,
    ) -> Answer:
        loop = asyncio.get_running_loop()
        meter = current_meter()
        limit = self._settings.timeout_seconds if timeout is None else timeout
        if meter is not None:
            limit = min(limit, meter.deadline - loop.time())
        if limit <= 0:
            raise self._fault(SourceErrorCode.TIMEOUT, "The time for this request was used up before it could be sent.")
        started = loop.time()
        try:
            with self._told(limit):
                async with asyncio.timeout(limit), self._slots:
                    answer = await self._signed(lambda: self._request(method, path, params, accept, headers, limit, content))
                self._raise_for(answer, also)
        except SourceError as error:
            self._observe(started, error)
            raise
        self._observe(started, None)
        return answer

    @contextmanager
    def _told(self, limit: float) -> Iterator[None]:
        """Turn what sending within ``limit`` seconds may raise into SourceErrors."""
        try:
            yield
        except (TimeoutError, httpx.TimeoutException) as error:
            raise self._fault(SourceErrorCode.TIMEOUT, f"It did not answer within {limit:.3g} seconds.") from error
        except httpx.DecodingError:
            raise self._fault(SourceErrorCode.BAD_RESPONSE, "Its answer is not compressed as it says.", 200) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # The class name tells connect from protocol errors. The message could quote addresses or headers, so it goes
            # neither into the fault nor, as its cause, into a log.
            name = type(error).__name__
            raise self._fault(SourceErrorCode.UNAVAILABLE, f"It could not be reached ({name}).") from None

    def _request(
        self,
        method: str,
        path: str,
        params: Params,
        accept: str,
        headers: Mapping[str, str] | None,
        limit: float,
        content: bytes | None,
    ) -> httpx.Request:
        # "+" must not stay bare: servers read it as a space (contracts/awx.md section 4).
        query = urlencode(params, quote_via=quote, safe=":,") if params else ""
        raw_path = self._service.base.raw_path + path.encode("ascii") + (f"?{query}".encode("ascii") if query else b"")
        return httpx.Request(
            method,
            self._service.base.copy_with(raw_path=raw_path),
            headers={
                "Accept": accept,
                "Accept-Encoding": "gzip, deflate",
                "User-Agent": USER_AGENT,
                **self._headers,
                **(headers or {}),
            },
            content=content,
            extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), limit)},
        )

    async def _signed(self, make: Callable[[], httpx.Request]) -> Answer:
        """Sign and send; once more when the source refuses credentials that can be renewed."""
        request = make()
        await self._service.auth.sign(request, self._send)
        answer = await self._send(request)
        if answer.status in _REFUSALS and self._service.auth.refused(request, answer):
            request = make()
            await self._service.auth.sign(request, self._send)
            answer = await self._send(request)
        return answer

    async def _send(self, request: httpx.Request) -> Answer:
        meter = current_meter()
        if meter is not None:
            meter.count(self.source)
        response = await self._transport.handle_async_request(request)
        try:
            content = bytearray()
            stream: AsyncIterator[bytes] = response.aiter_bytes()
            async for chunk in stream:
                content += chunk
                if len(content) > self._settings.max_response_bytes:
                    raise self._fault(SourceErrorCode.BAD_RESPONSE, "Its answer is larger than max_response_bytes.")
        finally:
            await response.aclose()
        return Answer(response.status_code, response.headers, bytes(content))

    def _raise_for(self, answer: Answer, also: frozenset[int]) -> None:
        status = answer.status
        if 200 <= status < 300 or status in also:
            return
        code, message = _STATUS_FAULTS.get(status, (None, ""))
        if (judged := self._service.judge(answer)) is not None:
            code, message = judged, judged.description
        elif code is None:
            if 300 <= status < 400:
                # AWX redirects everything while it is being upgraded (contracts/awx.md section 1); nothing is followed,
                # because credentials must not travel to another host.
                code, message = SourceErrorCode.UNAVAILABLE, "It answered with a redirect."
            elif status >= 500:
                code, message = SourceErrorCode.UNAVAILABLE, "It failed to answer."
            else:
                code, message = SourceErrorCode.BAD_RESPONSE, "It refused the request."
        raise self._fault(code, message, status, _retry_after(answer.headers.get("retry-after")))

    def _pause(self, error: SourceError, attempt: int) -> float | None:
        """Seconds to wait before asking again, or None when that would be wrong or too late."""
        transient = (
            error.http_status in self._service.retried
            or (error.code is SourceErrorCode.UNAVAILABLE and error.http_status is None)
            or (error.code is SourceErrorCode.RATE_LIMITED and error.http_status is not None)
        )
        if not transient or attempt == _ATTEMPTS:
            return None
        pause = error.retry_after
        if pause is None:
            pause = _BACKOFF_SECONDS * 2 ** (attempt - 1) * (1 + random.random())  # noqa: S311 - jitter
        meter = current_meter()
        left = self._settings.timeout_seconds if meter is None else meter.deadline - asyncio.get_running_loop().time()
        return pause if pause < min(left, self._settings.timeout_seconds) / 2 else None

    def _fault(
        self, code: SourceErrorCode, message: str, status: int | None = None, retry_after: float | None = None
    ) -> SourceError:
        return SourceError(code, message, source=self.source, http_status=status, retry_after=retry_after)

    def _observe(self, started: float, error: SourceError | None) -> None:
        seconds = asyncio.get_running_loop().time() - started
        state = SourceState.UP
        if error is not None and error.code is SourceErrorCode.RATE_LIMITED:
            state = SourceState.DEGRADED
        elif error is not None and error.code in _DOWN:
            state = SourceState.DOWN
        elif seconds > _SLOW_SECONDS:
            state = SourceState.DEGRADED
        self._observed.health = Health(state, Instant.from_us(time.time_ns() // 1000), round(seconds * 1000, 3), error)
        SOURCE_UP.labels(self.source).set(state is not SourceState.DOWN)
        UPSTREAM.labels(self.source, "OK" if error is None else error.code.value).inc()
        UPSTREAM_SECONDS.labels(self.source).observe(seconds)


_STATUS_FAULTS: dict[int, tuple[SourceErrorCode, str]] = {
    401: (SourceErrorCode.UNAUTHENTICATED, "It did not accept the gateway's credentials."),
    403: (SourceErrorCode.FORBIDDEN, "The gateway's credentials may not read this."),
    404: (SourceErrorCode.NOT_FOUND, "It has nothing at this address."),
    408: (SourceErrorCode.TIMEOUT, "It gave up waiting."),
    429: (SourceErrorCode.RATE_LIMITED, "It asks for fewer requests."),
    503: (SourceErrorCode.UNAVAILABLE, "It says that it cannot serve now."),
}
# Not 500: several of these systems answer 500 to requests they will never like (contracts/scale.md section 1).
_RETRIED = frozenset({429, 502, 503, 504})
# AWS says 403 of credentials that have expired (contracts/aws_iot.md section 1).
_REFUSALS = frozenset({401, 403})
_DOWN = frozenset({SourceErrorCode.UNAVAILABLE, SourceErrorCode.TIMEOUT, SourceErrorCode.UNAUTHENTICATED})


def _retry_after(header: str | None) -> float | None:
    """Seconds from a Retry-After header, which holds seconds or an HTTP date; None when it is neither."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def tls_context(settings: SourceSettings) -> ssl.SSLContext:
    """By what a source's certificate is judged, as ``verify_tls`` says. Raises ConfigError."""
    if isinstance(settings.verify_tls, bool):
        return httpx.create_ssl_context(settings.verify_tls, trust_env=False)
    try:
        return ssl.create_default_context(cafile=settings.verify_tls)
    except OSError as error:
        raise ConfigError(
            f"source {settings.name}: verify_tls: the certificates cannot be read: {error.strerror}"
        ) from error


def http_transport(settings: SourceSettings) -> httpx.AsyncBaseTransport:
    """A pool of keep-alive connections for one source, so that a slow one cannot starve another."""
    limits = httpx.Limits(
        max_connections=settings.max_concurrency, max_keepalive_connections=settings.max_concurrency, keepalive_expiry=30
    )
    return httpx.AsyncHTTPTransport(verify=tls_context(settings), limits=limits, trust_env=False)
