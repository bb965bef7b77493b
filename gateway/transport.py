"""How requests reach a source: one ``SourceClient`` per source over httpx's transport interface.

The client adds credentials, keeps to the source's concurrency limit and to the deadline of whatever it serves, retries what
may be retried, caps the size of an answer and turns every fault into a SourceError without quoting the upstream.

Requests are counted on the ``Meter`` of the current context, so that reports can say what an answer cost.
"""

import asyncio
import copy
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from email.utils import parsedate_to_datetime
from functools import lru_cache, partial
from typing import Any, TypeVar

import httpx
import msgspec

from gateway.auth import Answer, Auth, auth_of
from gateway.config import SourceSettings
from gateway.deadlines import Deadlines
from gateway.engine import Arrived, http_transport, tls_context
from gateway.errors import SourceError, SourceErrorCode
from gateway.health import Health, Observed, SourceState
from gateway.jitter import stretched
from gateway.limits import RateLimit
from gateway.outgoing import USER_AGENT, Judge, Outgoing, Params, Service
from gateway.unpack import TooLargeError, read_body

# The parts that others need of what carries requests and of what traffic tells.
__all__ = [
    "USER_AGENT",
    "Health",
    "Judge",
    "Meter",
    "Params",
    "SourceClient",
    "SourceState",
    "current_meter",
    "decoder_of",
    "http_transport",
    "metered",
    "tls_context",
]

T = TypeVar("T")

_ATTEMPTS = 3
_BACKOFF_SECONDS = 0.1


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


class metered:  # noqa: N801 - reads as a word: ``with metered(meter)``
    """Count requests on a meter within this block."""

    __slots__ = ("_meter", "_token")

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def __enter__(self) -> Meter:
        self._token = _METER.set(self._meter)
        return self._meter

    def __exit__(self, *_: object) -> None:
        _METER.reset(self._token)


def current_meter() -> Meter | None:
    """The meter of this context."""
    return _METER.get()


@lru_cache(maxsize=1024)
def decoder_of(model: type[T]) -> msgspec.json.Decoder[T]:
    """A decoder of a model, lenient about numbers sent as texts."""
    return msgspec.json.Decoder(model, strict=False)


# --- the client ----------------------------------------------------------------------------------------------------


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
        self._observed = Observed(settings.name)
        self._settings = settings
        self._headers = {name: secret.get_secret_value() for name, secret in settings.headers.items()}
        self._service = Service(
            settings.base_url or "http://unconfigured.invalid/",
            auth or auth_of(settings.auth),
            lambda _answer: None,
            _RETRIED,
            self._headers,
        )
        self._transport = transport
        self._deadlines = Deadlines()
        self._slots = asyncio.Semaphore(settings.max_concurrency)

    @property
    def health(self) -> Health:
        """What the last request said of the source."""
        return self._observed.health

    def at(self, base_url: str, auth: Auth, judge: Judge, retried: frozenset[int] = frozenset()) -> "SourceClient":
        """A client for an address that the source's kind knows by itself, with its own credentials and words for faults.

        Connections, limits and health are those of this client. ``retried`` are further statuses worth another try.
        """
        other = copy.copy(self)
        other._service = Service(base_url, auth, judge, _RETRIED | retried, self._headers)  # noqa: SLF001 - its own kind
        return other

    def get(
        self,
        path: str,
        params: Params = (),
        *,
        accept: str = "application/json",
        also: frozenset[int] = frozenset(),
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        limit: RateLimit | None = None,
    ) -> Coroutine[Any, Any, Answer]:
        """GET ``path`` (relative to the base URL). ``also`` names statuses to return instead of raising SourceError.

        ``timeout`` (seconds) is applied together with the meter's deadline. With a ``limit``, every attempt waits for its
        turn.
        """
        return self._read(self._asked("GET", path, params, accept, headers), also, timeout, limit)

    def options(self, path: str, params: Params = (), *, also: frozenset[int] = frozenset()) -> Coroutine[Any, Any, Answer]:
        """OPTIONS of ``path``: what a source says of itself; asked and repeated like ``get``."""
        return self._read(self._asked("OPTIONS", path, params), also, None, None)

    def ask(
        self, path: str, content: bytes, *, headers: Mapping[str, str], limit: RateLimit | None = None
    ) -> Coroutine[Any, Any, Answer]:
        """POST ``content`` to ``path``, for questions that take a body and change nothing; repeated like ``get``."""
        return self._read(self._asked("POST", path, headers=headers, content=content), frozenset(), None, limit)

    def _asked(
        self,
        method: str,
        path: str,
        params: Params = (),
        accept: str = "application/json",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Callable[[], Outgoing]:
        """What makes a request, anew for every attempt."""
        return partial(self._service.request, method, path, params, accept, headers, content)

    async def _read(
        self, asked: Callable[[], Outgoing], also: frozenset[int], seconds: float | None, limit: RateLimit | None
    ) -> Answer:
        """Send what changes nothing upstream, and so may be sent again."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                if limit is None:
                    return await self._once(asked, also, seconds)
                async with self._turn(limit):
                    return await self._once(asked, also, seconds)
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
        if not _is_json(answer.headers.get("content-type", "")):
            raise self._fault(SourceErrorCode.BAD_RESPONSE, "It did not answer with JSON.", answer.status)
        try:
            found: T = decoder_of(model).decode(answer.content)  # type: ignore[arg-type] # types can be hashed
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._fault(
                SourceErrorCode.BAD_RESPONSE, "Its answer is not the JSON it should be.", answer.status
            ) from error
        return found

    async def credentials(self) -> Mapping[str, str]:
        """The headers, names in lower case, that let a request in: for connections that are not made by requests.

        Only where they do not depend on what is asked for: not those of ``hmac``. Raises SourceError.
        """
        limit = self._settings.timeout_seconds
        request = httpx.Request("GET", self._service.base, headers=self._headers)
        try:
            async with asyncio.timeout(limit):
                await self._service.auth.sign(request, self._send)
        except _FAULTS as error:
            raise self._told(error, limit) from None
        return {name: value for name, value in request.headers.items() if name != "host"}

    @asynccontextmanager
    async def _turn(self, limit: RateLimit) -> AsyncIterator[None]:
        """A turn within a quota of the source, if one comes before the deadline."""
        async with AsyncExitStack() as turns:
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

    async def _once(self, asked: Callable[[], Outgoing], also: frozenset[int], seconds: float | None) -> Answer:
        loop = asyncio.get_running_loop()
        limit = self._settings.timeout_seconds if seconds is None else seconds
        meter = _METER.get()
        if self._slots.locked():
            await self._queue(meter)
        else:
            await self._slots.acquire()
        try:
            started = loop.time()
            if meter is not None and meter.deadline - started < limit:
                limit = meter.deadline - started
            if limit <= 0:
                raise self._fault(SourceErrorCode.TIMEOUT, "The time for this request was used up before it could be sent.")
            try:
                try:
                    sending = self._signed(asked) if self._service.signs else self._send(asked())
                    answer = await self._deadlines.until(started + limit, sending)
                except _FAULTS as error:
                    raise self._told(error, limit) from None
                self._raise_for(answer, also)
            except SourceError as error:
                self._observed.note(loop.time() - started, error)
                raise
            self._observed.note(loop.time() - started, None)
            return answer
        finally:
            self._slots.release()

    async def _queue(self, meter: Meter | None) -> None:
        """Wait for one of the places of requests in flight: this gateway's affair, and no time of the source's."""
        if meter is None:
            await self._slots.acquire()
            return
        try:
            await self._deadlines.until(meter.deadline, self._slots.acquire())
        except TimeoutError:
            raise self._fault(
                SourceErrorCode.RATE_LIMITED, "Too many requests of this gateway's own were waiting for it."
            ) from None

    def _told(self, error: Exception, limit: float) -> SourceError:
        """What sending within ``limit`` seconds raised, as a SourceError.

        It must not become a cause: its message could quote addresses or headers, and end in a log.
        """
        if isinstance(error, (TimeoutError, httpx.TimeoutException)):
            return self._fault(SourceErrorCode.TIMEOUT, f"It did not answer within {limit:.3g} seconds.")
        if isinstance(error, httpx.DecodingError):
            return self._fault(SourceErrorCode.BAD_RESPONSE, "Its answer is not compressed as it says.", 200)
        # The class name tells connect from protocol errors.
        return self._fault(SourceErrorCode.UNAVAILABLE, f"It could not be reached ({type(error).__name__}).")

    async def _signed(self, asked: Callable[[], Outgoing]) -> Answer:
        """Sign and send; once more when the source refuses credentials that can be renewed."""
        auth, request = self._service.auth, asked()
        await auth.sign(request, self._send)
        answer = await self._send(request)
        if answer.status in _REFUSALS and auth.refused(request, answer):
            request = asked()
            await auth.sign(request, self._send)
            answer = await self._send(request)
        return answer

    async def _send(self, request: httpx.Request) -> Answer:
        meter = _METER.get()
        if meter is not None:
            meter.count(self.source)
        response = await self._transport.handle_async_request(request)
        most = self._settings.max_response_bytes
        if isinstance(response, Arrived) and (whole := response.whole) is not None:
            # Nearly every answer.
            if len(whole) > most:
                raise self._too_large()
            return Answer(response.status_code, response.fields, whole)
        headers: Mapping[str, str] = response.fields if isinstance(response, Arrived) else response.headers
        try:
            return Answer(response.status_code, headers, await read_body(response, most))
        except TooLargeError:
            raise self._too_large() from None

    def _too_large(self) -> SourceError:
        return self._fault(SourceErrorCode.BAD_RESPONSE, "Its answer is larger than max_response_bytes.")

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
            pause = stretched(_BACKOFF_SECONDS * 2 ** (attempt - 1), 2.0)
        meter = current_meter()
        left = self._settings.timeout_seconds if meter is None else meter.deadline - asyncio.get_running_loop().time()
        return pause if pause < min(left, self._settings.timeout_seconds) / 2 else None

    def _fault(
        self, code: SourceErrorCode, message: str, status: int | None = None, retry_after: float | None = None
    ) -> SourceError:
        return SourceError(code, message, source=self.source, http_status=status, retry_after=retry_after)


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
# What sending raises that is the source's fault; time-outs of asyncio are OSErrors.
_FAULTS = (httpx.HTTPError, httpx.InvalidURL, OSError)


# The same few words with every answer.
@lru_cache(maxsize=64)
def _is_json(content_type: str) -> bool:
    kind = content_type.split(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


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
