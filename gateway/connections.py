"""HTTP/1.1 connections to one source: kept alive, one request at a time, parsed by httptools (llhttp).

What is ours here is the keeping of connections and the way of bytes from a socket into an answer; the protocol's grammar is
llhttp's, which uvicorn reads requests with. A body whose length its head tells is read by the socket to where it stays, and
by nobody before. Figures and reasons: docs/decisions/0011-upstream-engine.md.
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
# What is read at once of heads, and of bodies that do not tell their length.
_SCRATCH = 64 * 1024


class Place(NamedTuple):
    """Where a connection leads."""

    host: str
    port: int
    secure: bool


class Reply:
    """An answer as it arrives. ``ready`` is done when it failed, or all of it, or as much as is read ahead, is there."""

    __slots__ = ("coded", "complete", "error", "headers", "length", "pieces", "placed", "ready", "status")

    def __init__(self, ready: "asyncio.Future[None]") -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        """As they came, their names in lower case."""
        self.coded = False
        """Whether one of them is Content-Encoding."""
        self.pieces: list[bytes | bytearray] = []
        self.length = 0
        """Bytes in ``pieces``."""
        self.placed: bytearray | None = None
        """All of its body and one byte more, until it is made the only one of ``pieces``."""
        self.complete = False
        self.error: httpx.TransportError | None = None
        self.ready = ready

    def wake(self) -> None:
        """Tell whoever waits that there is something to look at."""
        if not self.ready.done():
            self.ready.set_result(None)


class Connection(asyncio.BufferedProtocol):
    """One connection. ``pool`` gets it back when an answer is complete."""

    def __init__(self, pool: "Connections", place: Place, loop: asyncio.AbstractEventLoop) -> None:
        self.place = place
        self.loop = loop
        self.idle_since = 0.0
        self.fault: httpx.TransportError | None = None
        """Why the connection cannot be used any more."""
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._reply: Reply | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._head_length = 0
        self._in_body = False
        self._interim = False
        self._framed = False
        self._length: int | None = None
        """How long the body is, if the head tells."""
        self._paused = False
        self._body: bytearray | None = None
        """A body that is read where it stays."""
        self._room = pool.scratch
        """Where the socket is read to: what is missing of ``_body``, or what the parser is given."""

    # --- what is asked of it

    async def exchange(self, request: bytes) -> Reply:
        """Send a request: its answer, once ``ready``. Raises httpx.TransportError; when it is cancelled, it is closed."""
        if self.fault is not None or self._transport is None:
            raise self.fault or httpx.ReadError("it is not connected")
        reply = self._reply = Reply(self.loop.create_future())
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        self._head_length, self._length = 0, None
        self._in_body = self._interim = self._framed = False
        self._transport.write(request)
        try:
            await reply.ready
        except asyncio.CancelledError:
            self.abort()
            raise
        if reply.error is not None and not reply.status:
            raise reply.error
        if reply.placed is not None:
            # Not sooner: as long as the loop tells of what it has read there, it holds on to it.
            reply.placed.pop()
            reply.pieces.append(reply.placed)
            reply.placed = None
        return reply

    async def wait(self, reply: Reply) -> None:
        """Wait until there is more of an answer. When it is cancelled, the connection is closed."""
        if reply.ready.done():
            reply.ready = self.loop.create_future()
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

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        reply, parser = self._reply, self._parser
        if reply is None or parser is None:
            self._spoke_unasked()
            return
        if self._body is not None:
            self._room = self._room[nbytes:]
            if len(self._room) <= 1:
                if not self._room:
                    self._spoke_unasked()
                reply.placed = self._body
                self._completed(reply, parser)
            return
        if not self._in_body:
            self._head_length += nbytes
        try:
            parser.feed_data(self._room[:nbytes])
        except httptools.HttpParserUpgrade:
            self._failed(httpx.RemoteProtocolError("it changed the protocol"))
        except httptools.HttpParserError as error:
            self._failed(httpx.RemoteProtocolError(type(error).__name__))
        else:
            if self._reply is not reply:
                return
            if not self._in_body:
                if self._head_length > _LONGEST_HEAD:
                    self._failed(httpx.RemoteProtocolError("its head is too long"))
            elif self._length is not None and self._length <= _READ_AHEAD:
                self._read_in_place(reply, self._length)

    def _read_in_place(self, reply: Reply, length: int) -> None:
        """Have the socket read the rest of a body to where it stays: the parser would copy it.

        There is room for one byte more, so that what follows it is not left for the next answer.
        """
        first = b"".join(reply.pieces)
        reply.pieces.clear()
        reply.length = 0
        self._body = bytearray(length + 1)
        self._body[: len(first)] = first
        self._room = memoryview(self._body)[len(first) :]

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.fault = self.fault or httpx.ReadError("the connection is closed")
        self._pool.forget(self)
        reply = self._reply
        # It refers to its connection.
        self._parser = None
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

    def on_message_begin(self) -> None:
        if self._reply is None:
            self._spoke_unasked()

    def on_header(self, name: bytes, value: bytes) -> None:
        reply = self._reply
        if reply is None or self._in_body:
            # What follows a body (RFC 9110 section 6.5.1) says nothing about how it was read.
            return
        name = name.lower()
        reply.headers.append((name, value))
        match name:
            case b"content-encoding":
                reply.coded = True
            case b"content-length":
                self._framed = True
                # The parser refuses what is no number, what is told twice and what is told together with chunks.
                self._length = int(value)
            case b"transfer-encoding":
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
            reply.coded = False
            self._framed, self._length = False, None
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
            self._completed(reply, parser)

    def _completed(self, reply: Reply, parser: httptools.HttpResponseParser) -> None:
        keep = parser.should_keep_alive()
        self._finished(reply)
        if keep and self.fault is None and not self._paused:
            self._pool.keep(self)
        else:
            self.abort()

    def _finished(self, reply: Reply) -> None:
        self._rest()
        reply.complete = True
        reply.wake()

    def _failed(self, error: httpx.TransportError) -> None:
        reply = self._reply
        self._rest()
        self.fault = error
        if reply is not None:
            reply.error = error
            reply.wake()
        self.abort()

    def _spoke_unasked(self) -> None:
        """Whatever has come would be taken for the next answer."""
        self.fault = httpx.RemoteProtocolError("it spoke unasked")
        self.abort()

    def _rest(self) -> None:
        self._reply = None
        if self._body is not None:
            # Its parser still waits for the rest of it.
            self._parser = self._body = None
            self._room = self._pool.scratch


class Connections:
    """The connections of one source. Belongs to the event loop that uses it first."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self.scratch = memoryview(bytearray(_SCRATCH))
        """Shared by all: what a connection reads here is used before the loop reads for another."""
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
            if connection.loop.time() - connection.idle_since < KEEP_ALIVE_SECONDS:
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
        connection.idle_since = connection.loop.time()
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
