"""A server that answers with bytes, not with HTTP: what engines make of anything can be tried on it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

CERTIFICATE = Path(__file__).with_name("loopback.pem")
"""Key and certificate of localhost, 127.0.0.1 and ::1, signed by itself."""

Reply = bytes | Callable[["Connection"], Awaitable[None]]


class Connection:
    """One connection of a client, after the head (and body, if it has a length) of a request was read."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()


class RawServer:
    """Replies to one request after another, with the last reply for ever, and remembers what it got."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self.requests: list[bytes] = []
        self.left = asyncio.Event()
        """Set whenever a client has hung up."""
        self.origin = ""
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self, host: str = "127.0.0.1", *, tls: bool = False) -> AsyncIterator["RawServer"]:
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
        server = await asyncio.start_server(self._serve, host, 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        name = f"[{host}]" if ":" in host else host
        self.origin = f"http{'s' if tls else ''}://{name}:{port}"
        try:
            yield self
        finally:
            server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        connection = Connection(self.connections, reader, writer)
        try:
            while True:
                await self._answer(connection)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            self.left.set()
            writer.close()
            self._tasks.discard(task)

    async def _answer(self, connection: Connection) -> None:
        head = await connection.reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        self.requests.append(head + await connection.reader.readexactly(length))
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if isinstance(reply, bytes):
            await connection.send(reply)
        else:
            await reply(connection)


async def hang_up(connection: Connection) -> None:
    """A reply that is none."""
    connection.writer.close()
    raise ConnectionResetError


def answer(body: bytes = b"ok", *headers: str, status: str = "200 OK") -> bytes:
    """An answer with a length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def chunked(*pieces: bytes, headers: tuple[str, ...] = ()) -> bytes:
    """An answer in chunks."""
    head = "\r\n".join(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *headers, "", ""]).encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))
