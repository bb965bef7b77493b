"""HTTP/1.1 connections to one source: kept alive, one request at a time, parsed by httptools (llhttp).

What is ours here is the keeping of connections and the way of bytes from a socket into an answer; the protocol's grammar is
llhttp's, which uvicorn reads requests with. Figures and reasons: docs/decisions/0011-upstream-engine.md.
"""

import asyncio
import ssl
from collections import defaultdict
from typing import NamedTuple, cast

import httptools
import httpx

KEEP_ALIVE_SECONDS = 30.0
# Proxies that sign people in send long cookies and policies; no server is known to send more.
_LONGEST_HEAD = 64 * 1024
# An answer is handed over whole, unless it is larger than this: then it is read as fast as it is taken.
_READ_AHEAD = 1024 * 1024


class Place(NamedTuple):
    """Where a connection leads."""

    host: str
    port: int
    secure: bool


class Reply:
    """An answer as it arrives. ``ready`` is done when it failed, or all of it, or as much as is read ahead, is there."""

    __slots__ = ("complete", "error", "headers", "length", "pieces", "ready", "status")

    def __init__(self, ready: "asyncio.Future[None]") -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        """As they came."""
        self.pieces: list[bytes] = []
        self.length = 0
        self.complete = False
        self.error: httpx.TransportError | None = None
        self.ready = ready

    def wake(self) -> None:
        """Tell whoever waits that there is something to look at."""
        if not self.ready.done():
            self.ready.set_result(None)


class Connection(asyncio.Protocol):
    """One connection. ``pool`` gets it back when an answer is complete."""

    def __init__(self, pool: "Connections", place: Place, loop: asyncio.AbstractEventLoop) -> None:
        self.place = place
        self.idle_since = 0.0
        self.fault: httpx.TransportError | None = None
        """Why the connection cannot be used any more."""
        self._pool = pool
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._reply: Reply | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._head_length = 0
        self._in_body = False
        self._interim = False
        self._framed = False
        self._paused = False

    # --- what is asked of it

    async def exchange(self, request: bytes) -> Reply:
        """Send a request: its answer, once ``ready``. Raises httpx.TransportError; when it is cancelled, it is closed."""
        if self.fault is not None or self._transport is None:
            raise self.fault or httpx.ReadError("it is not connected")
        reply = self._reply = Reply(self._loop.create_future())
        self._parser = httptools.HttpResponseParser(self)
        self._head_length, self._in_body, self._interim, self._framed = 0, False, False, False
        self._transport.write(request)
        await self.wait(reply)
        if reply.error is not None and not reply.status:
            raise reply.error
        return reply

    async def wait(self, reply: Reply) -> None:
        """Wait until there is more of an answer. When it is cancelled, the connection is closed."""
        if reply.ready.done():
            reply.ready = self._loop.create_future()
            if self._paused and self._transport is not None:
                self._paused = False
                self._transport.resume_reading()
        try:
            await reply.ready
        except asyncio.CancelledError:
            self.abort()
            raise

    def abort(self) -> None:
        """Close at once: what is under way cannot be gone on with."""
        self.fault = self.fault or httpx.ReadError("the connection was given up")
        if self._transport is not None:
            self._transport.abort()

    # --- what the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)
        self._pool.opened.add(self)

    def data_received(self, data: bytes) -> None:
        reply, parser = self._reply, self._parser
        if reply is None or parser is None:
            # Nothing was asked: whatever this is, it would be taken for the next answer.
            self.fault = httpx.RemoteProtocolError("it spoke unasked")
            self.abort()
            return
        if not self._in_body:
            self._head_length += len(data)
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._failed(httpx.RemoteProtocolError("it changed the protocol"))
        except httptools.HttpParserError as error:
            self._failed(httpx.RemoteProtocolError(type(error).__name__))
        else:
            if not self._in_body and self._head_length > _LONGEST_HEAD and self._reply is reply:
                self._failed(httpx.RemoteProtocolError("its head is too long"))

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.fault = self.fault or httpx.ReadError("the connection is closed")
        self._pool.forget(self)
        reply = self._reply
        if reply is None:
            return
        if self._in_body and not self._framed and error is None:
            # A body without a length ends with its connection (RFC 9112 section 6.3).
            self._finished(reply)
        elif error is not None:
            self._failed(httpx.ReadError(type(error).__name__))
        else:
            self._failed(httpx.RemoteProtocolError("it closed the connection before its answer was complete"))

    def pause_writing(self) -> None:
        """Requests are small: what the socket does not take at once waits in memory."""

    def resume_writing(self) -> None:
        """See pause_writing."""

    # --- what the parser tells

    def on_header(self, name: bytes, value: bytes) -> None:
        reply = self._reply
        if reply is None:
            return
        reply.headers.append((name, value))
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._framed = True

    def on_headers_complete(self) -> None:
        reply, parser = self._reply, self._parser
        if reply is None or parser is None:
            return
        status = parser.get_status_code()
        if status < 200:
            # An interim answer: the real one follows.
            self._interim = True
            reply.headers.clear()
            return
        reply.status = status
        self._in_body = True

    def on_body(self, piece: bytes) -> None:
        reply = self._reply
        if reply is None:
            return
        reply.pieces.append(piece)
        reply.length += len(piece)
        if reply.length > _READ_AHEAD:
            if not self._paused and self._transport is not None:
                self._paused = True
                self._transport.pause_reading()
            reply.wake()

    def on_message_complete(self) -> None:
        reply, parser = self._reply, self._parser
        if self._interim:
            self._interim = False
            self._head_length = 0
        elif reply is not None and parser is not None:
            keep = parser.should_keep_alive()
            self._finished(reply)
            if keep and self.fault is None and not self._paused:
                self._pool.keep(self)
            else:
                self.abort()

    def _finished(self, reply: Reply) -> None:
        self._reply = self._parser = None
        reply.complete = True
        reply.wake()

    def _failed(self, error: httpx.TransportError) -> None:
        reply, self._reply, self._parser = self._reply, None, None
        self.fault = error
        if reply is not None:
            reply.error = error
            reply.wake()
        self.abort()


class Connections:
    """The connections of one source. Belongs to the event loop that uses it first."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._idle: defaultdict[Place, list[Connection]] = defaultdict(list)
        self.opened: set[Connection] = set()
        """Those that are connected."""
        self._closed = False
        self._all_lost = asyncio.Event()

    def kept(self, place: Place) -> Connection | None:
        """A connection that is free."""
        idle = self._idle[place]
        while idle:
            connection = idle.pop()
            if connection.fault is not None:
                continue
            if asyncio.get_running_loop().time() - connection.idle_since < KEEP_ALIVE_SECONDS:
                return connection
            connection.abort()
        return None

    async def open(self, place: Place) -> Connection:
        """A new connection. Raises httpx.ConnectError."""
        if self._closed:
            raise httpx.ConnectError("the transport is closed")
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(
                lambda: Connection(self, place, loop),
                place.host,
                place.port,
                ssl=self._tls if place.secure else None,
                server_hostname=place.host if place.secure else None,
            )
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError(type(error).__name__) from None
        if self._closed:
            connection.abort()
            raise httpx.ConnectError("the transport is closed")
        return connection

    def keep(self, connection: Connection) -> None:
        """A connection is free again."""
        if self._closed:
            connection.abort()
            return
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle[connection.place].append(connection)

    def forget(self, connection: Connection) -> None:
        """A connection is no more."""
        self.opened.discard(connection)
        idle = self._idle[connection.place]
        if connection in idle:
            idle.remove(connection)
        if not self.opened:
            self._all_lost.set()

    async def aclose(self) -> None:
        """Close every connection, for good."""
        self._closed = True
        self._all_lost.clear()
        for connection in tuple(self.opened):
            connection.abort()
        if self.opened:
            # Until the loop has told the last of them that it is lost.
            await self._all_lost.wait()
