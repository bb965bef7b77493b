"""An upstream that misbehaves: an ASGI app in front of a healthy one, with a fault that a test sets.

Every body that it makes up carries ``SECRET_MARK``: no error, log or report may quote an upstream.
"""

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Any

import httpx
import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECRET_MARK = "s3cr3t-"  # noqa: S105 - what tests look for, no secret

_DRIP_SECONDS = 0.02
_DRIPS = 3000


class Fault(Enum):
    """What is wrong with the upstream."""

    HANG = "it never answers"
    SLOW_DRIP = "its answer comes byte by byte, for a minute"
    RATE_LIMITED = "429 without Retry-After"
    RATE_LIMITED_BRIEFLY = "429 with Retry-After: 0"
    RATE_LIMITED_LONG = "429 with Retry-After: 3600"
    SERVER_ERROR = "500 with a page of HTML"
    UNAVAILABLE = "503"
    DROPPED = "the connection breaks off in the middle of the answer"
    HTML = "200 with a page of HTML"
    TRUNCATED_JSON = "200 with half of the JSON"
    WRONG_SHAPE = "200 with a list where an object is due, or the other way round"
    WRONG_TYPES = "one record of its lists has a wrong type in every field"
    SAME_PAGE = "every page of a list is the first one"
    ENDLESS = "every page says that there is more, and after the last one comes the last one again"


SOFT_FAULTS = frozenset({Fault.WRONG_TYPES, Fault.SAME_PAGE, Fault.ENDLESS})
"""Faults after which part of an answer is still good; after any other, nothing is."""

TIME_FAULTS = frozenset({Fault.HANG, Fault.SLOW_DRIP})
"""Faults that only a time-out ends."""

_STATUS: dict[Fault, tuple[int, dict[str, str]]] = {
    Fault.RATE_LIMITED: (429, {}),
    Fault.RATE_LIMITED_BRIEFLY: (429, {"retry-after": "0"}),
    Fault.RATE_LIMITED_LONG: (429, {"retry-after": "3600"}),
    Fault.SERVER_ERROR: (500, {}),
    Fault.UNAVAILABLE: (503, {}),
    Fault.HTML: (200, {}),
}
_PAGE = f"<!doctype html><html><body><h1>Please sign in</h1><p>{SECRET_MARK}page</p></body></html>".encode()


def claims_more(body: Any) -> Any:
    """A page whose ``next`` leads to another host, whatever it was: the usual way of APIs to say that there is more."""
    if isinstance(body, dict) and "next" in body:
        return {**body, "next": f"http://elsewhere.invalid/?token={SECRET_MARK}next"}
    return body


class Misbehaving:
    """Serves ``app`` with ``fault``; without one (None) as it is. ``fault`` may change at any time.

    ``requests`` counts what it spoiled, ``asked`` is set by each of those requests.
    ``row`` is the place, on the first page that has two rows or more, of the record that WRONG_TYPES spoils wherever it
    appears in a list; negative numbers count from the end. ``more`` makes a decoded page claim that another one follows.
    """

    def __init__(
        self,
        app: ASGIApp,
        fault: Fault | None = None,
        *,
        row: int = 0,
        more: Callable[[Any], Any] = claims_more,
    ) -> None:
        self.app = app
        self.fault = fault
        self.row = row
        self.requests = 0
        self.asked = asyncio.Event()
        self._more = more
        self._spoiled: Any = None
        self._pages: dict[str, tuple[Message, bytes]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self.fault
        if fault is None or scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.requests += 1
        self.asked.set()
        # As a network would: an app that answers at once lets nobody else run, not even a time-out.
        await asyncio.sleep(0)
        match fault:
            case Fault.HANG:
                while (await receive())["type"] != "http.disconnect":
                    pass
            case Fault.SLOW_DRIP:
                await _drip(send)
            case _ if fault in _STATUS:
                status, headers = _STATUS[fault]
                await _send(send, _start(status, {"content-type": "text/html", **headers}), _PAGE)
            case _:
                await self._answer(fault, scope, receive, send)

    async def _answer(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """The app's own answer, made worse."""
        start, body = await _answer_of(self.app, scope, receive)
        match fault:
            case Fault.DROPPED:
                await send(start)
                await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
                # A server drops the connection of an app that raises; a client without a server sees httpx's own error.
                raise httpx.RemoteProtocolError(f"peer closed connection {SECRET_MARK}drop")
            case Fault.TRUNCATED_JSON:
                await _send(send, _start(200, {"content-type": "application/json"}), body[: max(1, len(body) // 2)])
            case Fault.SAME_PAGE:
                await _send(send, *self._pages.setdefault(scope["path"], (start, body)))
            case Fault.ENDLESS:
                if start["status"] == 200 and (scope["path"] not in self._pages or _has_rows(body)):
                    self._pages[scope["path"]] = (start, _rewritten(body, self._more))
                await _send(send, *self._pages.get(scope["path"], (start, body)))
            case Fault.WRONG_SHAPE:
                wrong = {"unexpected": f"{SECRET_MARK}shape"} if body.lstrip()[:1] == b"[" else [f"{SECRET_MARK}shape"]
                await _send(send, _start(200, {"content-type": "application/json"}), orjson.dumps(wrong))
            case _:
                await _send(send, start, _rewritten(body, self._spoil))

    def _spoil(self, body: Any) -> Any:
        match body:
            case dict():
                return {key: self._spoil_rows(value) for key, value in body.items()}
            case _:
                return self._spoil_rows(body)

    def _spoil_rows(self, rows: Any) -> Any:
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            return rows
        if self._spoiled is None and len(rows) > 1:
            self._spoiled = rows[self.row]
        return [_of_wrong_types(row) if row == self._spoiled else row for row in rows]


def _of_wrong_types(row: dict[str, Any]) -> dict[str, Any]:
    return {
        key: f"{SECRET_MARK}value" if isinstance(value, dict | list) else {"unexpected": f"{SECRET_MARK}value"}
        for key, value in row.items()
    }


def _rewritten(body: bytes, change: Callable[[Any], Any]) -> bytes:
    """A JSON body changed; anything else as it is."""
    try:
        return orjson.dumps(change(orjson.loads(body)))
    except orjson.JSONDecodeError:
        return body


def _has_rows(body: bytes) -> bool:
    """Whether a JSON body is a list of objects, or has one, that is not empty."""
    try:
        page = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    lists = page.values() if isinstance(page, dict) else [page]
    return any(isinstance(rows, list) and rows and isinstance(rows[0], dict) for rows in lists)


async def _answer_of(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    """What ``app`` answers: the message that starts it, without the length of its body, and the body."""
    start: Message = {}
    body = bytearray()

    async def collect(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            headers = [(name, value) for name, value in message.get("headers", []) if name.lower() != b"content-length"]
            start = {**message, "headers": headers}
        else:
            body.extend(message.get("body", b""))

    await app(scope, receive, collect)
    return start, bytes(body)


async def _drip(send: Send) -> None:
    await send(_start(200, {"content-type": "application/json"}))
    for _ in range(_DRIPS):
        await send({"type": "http.response.body", "body": b" ", "more_body": True})
        await asyncio.sleep(_DRIP_SECONDS)
    await send({"type": "http.response.body", "body": b"{}"})


async def _send(send: Send, start: Message, body: bytes) -> None:
    await send(start)
    await send({"type": "http.response.body", "body": body})


def _start(status: int, headers: dict[str, str]) -> Message:
    pairs = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": pairs}
