"""GraphQL over WebSocket: the protocol graphql-transport-ws (PROTOCOL.md of npm's graphql-ws).

A broken message closes the socket with 4400, as the protocol wants. A broken operation costs itself alone: the others of the
socket go on.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.api.http import written
from gateway.api.streams import Refused, Streams
from gateway.execution.cost import COST_LIMIT

_log = logging.getLogger(__name__)

PROTOCOL = "graphql-transport-ws"
_INIT_SECONDS = 10.0
_MOST_OPERATIONS = 100


class _Close(Exception):  # noqa: N818 - how a connection ends
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Sockets:
    """Serves WebSocket connections.

    ``knows`` tells whether a client that sent these credentials (headers, or the payload of ``connection_init``) may read.
    ``origins`` are the origins of pages that may connect besides the gateway's own.
    """

    def __init__(self, streams: Streams, knows: Callable[[Mapping[str, Any]], bool], origins: tuple[str, ...]) -> None:
        self._streams = streams
        self._knows = knows
        self._origins = origins

    async def __call__(self, socket: WebSocket) -> None:
        """One connection, from its handshake to its end."""
        if not self._may_connect(socket):
            # Refused before it is accepted: a page of another origin learns nothing (cross-site hijacking).
            await socket.close(4403, "Forbidden")
            return
        if PROTOCOL not in socket.scope.get("subprotocols", ()):
            await socket.accept()
            await socket.close(4406, "Subprotocol not acceptable")
            return
        await socket.accept(PROTOCOL)
        connection = _Connection(socket, self._streams, self._knows)
        try:
            await connection.serve()
        except _Close as close:
            with suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(close.code, close.reason)
        except (WebSocketDisconnect, RuntimeError):
            # The client has gone; starlette raises RuntimeError to who sends after that.
            pass
        finally:
            await connection.end()

    def _may_connect(self, socket: WebSocket) -> bool:
        origin = socket.headers.get("origin")
        if origin is None or origin in self._origins or "*" in self._origins:
            return True
        return urlsplit(origin).netloc == socket.headers.get("host")


class _Connection:
    """One client."""

    def __init__(self, socket: WebSocket, streams: Streams, knows: Callable[[Mapping[str, Any]], bool]) -> None:
        self._socket = socket
        self._streams = streams
        self._knows = knows
        self._initialised = False
        self._running: dict[str, asyncio.Task[None]] = {}
        self._sending = asyncio.Lock()

    async def serve(self) -> None:
        """Until the client goes, or does what the protocol forbids. Raises _Close."""
        try:
            async with asyncio.timeout(_INIT_SECONDS) as waiting:
                while True:
                    message = await self._message()
                    await self._handle(message)
                    if self._initialised:
                        waiting.reschedule(None)
        except TimeoutError:
            raise _Close(4408, "Connection initialisation timeout") from None

    async def end(self) -> None:
        """Stop everything that still runs."""
        running = [*self._running.values()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _message(self) -> dict[str, Any]:
        event = await self._socket.receive()
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(event.get("code", 1005))
        text = event.get("text")
        try:
            message = orjson.loads(text) if isinstance(text, str) else None
        except orjson.JSONDecodeError:
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise _Close(4400, "Invalid message received")
        return message

    async def _handle(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "connection_init":
                await self._initialise(message)
            case "ping":
                _check(_is_payload(message.get("payload")))
                await self._send({"type": "pong", **({"payload": message["payload"]} if "payload" in message else {})})
            case "pong":
                _check(_is_payload(message.get("payload")))
            case "subscribe":
                self._subscribe(message)
            case "complete":
                _check(_is_id(message.get("id")))
                task = self._running.pop(message["id"], None)
                if task is not None:
                    task.cancel()
            case _:
                raise _Close(4400, "Invalid message received")

    async def _initialise(self, message: dict[str, Any]) -> None:
        if self._initialised:
            raise _Close(4429, "Too many initialisation requests")
        payload = message.get("payload")
        _check(_is_payload(payload))
        if not self._knows(self._socket.headers) and not self._knows(_lowered(payload)):
            raise _Close(4403, "Forbidden")
        self._initialised = True
        await self._send({"type": "connection_ack"})

    def _subscribe(self, message: dict[str, Any]) -> None:
        identity, asked = message.get("id"), message.get("payload")
        _check(_is_id(identity) and isinstance(asked, dict))
        assert isinstance(identity, str)  # noqa: S101 - just checked
        assert isinstance(asked, dict)  # noqa: S101 - just checked
        _check(isinstance(asked.get("query", asked.get("documentId")), str))
        _check(isinstance(asked.get("operationName"), str | None))
        _check(_is_payload(asked.get("variables")) and _is_payload(asked.get("extensions")))
        if not self._initialised:
            raise _Close(4401, "Unauthorized")
        if identity in self._running:
            raise _Close(4409, f"Subscriber for {identity[:80]} already exists")
        self._running[identity] = asyncio.create_task(self._run(identity, asked))

    async def _run(self, identity: str, asked: dict[str, Any]) -> None:
        try:
            _check_number(len(self._running))
            document = self._streams.prepare(asked)
            async for answer in self._streams.answers(asked, document):
                await self._send({"id": identity, "type": "next", "payload": answer})
        except Refused as refused:
            self._forget(identity)
            await self._send({"id": identity, "type": "error", "payload": refused.errors})
        except (WebSocketDisconnect, RuntimeError):
            self._forget(identity)
        except Exception:  # noqa: BLE001 - a fault of this gateway costs this operation only
            _log.exception("an operation over WebSocket failed")
            self._forget(identity)
            fault = {"message": "The gateway failed.", "extensions": {"code": "INTERNAL"}}
            with suppress(WebSocketDisconnect, RuntimeError):
                await self._send({"id": identity, "type": "error", "payload": [fault]})
        else:
            if self._forget(identity):
                await self._send({"id": identity, "type": "complete"})

    def _forget(self, identity: str) -> bool:
        """The operation is over; whether it was still this one that ran under its id."""
        if self._running.get(identity) is not asyncio.current_task():
            return False
        del self._running[identity]
        return True

    async def _send(self, message: dict[str, Any]) -> None:
        # One at a time; a client that reads slowly holds its own operations up, and nobody else's.
        async with self._sending:
            await self._socket.send_text(written(message).decode())


def _check_number(running: int) -> None:
    if running > _MOST_OPERATIONS:
        message = f"At most {_MOST_OPERATIONS} operations run on one connection."
        raise Refused([{"message": message, "extensions": {"code": COST_LIMIT}}])


def _check(valid: bool) -> None:
    if not valid:
        raise _Close(4400, "Invalid message received")


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_payload(value: Any) -> bool:
    return value is None or isinstance(value, dict)


def _lowered(payload: Any) -> Mapping[str, Any]:
    """What a client sent with ``connection_init``, its names as those of headers."""
    return {str(name).lower(): value for name, value in (payload or {}).items()}
