"""One connection without a socket: answers in any cut, and what may not follow them."""

import asyncio
import ssl
from collections.abc import Sequence
from itertools import pairwise

import httptools
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.connections import Connection, Connections, Place, Reply
from gateway.engine import Fields
from tests.unit.raw_server import answer, chunked

TLS = ssl.create_default_context()
PLACE = Place("source.test", 80, secure=False)


class Wire(asyncio.Transport):
    """Where a connection writes to; what comes is told by ``bring``."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def abort(self) -> None:
        self.aborted = True


def bring(connection: Connection, data: bytes) -> None:
    """Have a socket read ``data`` to where the connection wants it, as much at once as there is room."""
    while data:
        room = connection.get_buffer(-1)
        count = min(len(room), len(data))
        room[:count] = data[:count]
        connection.buffer_updated(count)
        data = data[count:]


async def answered(*pieces: bytes, closed: bool = False) -> tuple[Reply, Connection, bool]:
    """What a connection makes of an answer that comes in ``pieces``, and whether it is free for another."""
    pool = Connections(TLS)
    connection = Connection(pool, PLACE, asyncio.get_running_loop())
    connection.connection_made(Wire())
    asking = asyncio.create_task(connection.exchange(b"GET / HTTP/1.1\r\n\r\n"))
    await asyncio.sleep(0)
    for piece in pieces:
        bring(connection, piece)
    if closed:
        connection.connection_lost(None)
    reply = await asyncio.wait_for(asking, 1)
    return reply, connection, pool.kept(PLACE) is connection


class Reference:
    """What llhttp says of an answer."""

    def __init__(self, data: bytes) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.status = 0
        self.keeps = False
        self._parser = httptools.HttpResponseParser(self)
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, piece: bytes) -> None:
        self.body += piece

    def on_message_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self.keeps = self._parser.should_keep_alive()


ANSWERS = (
    answer(b""),
    answer(b"x"),
    answer(bytes(range(256)) * 400, "Content-Type: application/json", "X-Twice: 1", "x-twice: 2"),
    answer(b"last" * 30_000, "Connection: close"),
    answer(b"old", "Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0"),
    answer(b"older").replace(b"HTTP/1.1", b"HTTP/1.0"),
    answer(b"refused" * 100, status="403 Forbidden"),
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 700\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n",
    chunked(b"one", b"two" * 40_000, headers=("Content-Type: text/plain",)),
    chunked(b"one").replace(b"0\r\n\r\n", b"0\r\nX-Trailer: 7\r\n\r\n"),
)


@given(st.sampled_from(ANSWERS), st.lists(st.integers(0, 130_000), max_size=6))
def test_in_any_cut(whole: bytes, cuts: Sequence[int]) -> None:
    reference = Reference(whole)
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    pieces = [whole[begin:end] for begin, end in pairwise(places)]
    reply, connection, free = asyncio.run(answered(*pieces))
    assert (reply.status, b"".join(reply.pieces), reply.complete, reply.error) == (
        reference.status,
        reference.body,
        True,
        None,
    )
    assert reply.headers == [header for header in reference.headers if header[0] != b"x-trailer"]
    assert (connection.fault is None, free) == (reference.keeps, reference.keeps)


LONG = answer(b"rows" * 50_000)
HEAD, _, BODY = LONG.partition(b"\r\n\r\n")


async def test_a_connection_is_used_again_after_bodies_of_all_kinds() -> None:
    reply, connection, _ = await answered(LONG)
    assert b"".join(reply.pieces) == BODY
    for more in (LONG, answer(b"short"), chunked(b"a", b"b"), LONG, answer(b"")):
        asking = asyncio.create_task(connection.exchange(b"GET / HTTP/1.1\r\n\r\n"))
        await asyncio.sleep(0)
        bring(connection, more)
        assert b"".join((await asking).pieces) == Reference(more).body
        assert connection.fault is None


@pytest.mark.parametrize("surplus", [b"H", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse", b"more"])
@pytest.mark.parametrize("whole", [answer(b"ok"), LONG, chunked(b"ok")])
@pytest.mark.parametrize("apart", [False, True])
async def test_what_follows_an_answer_unasked_ends_its_connection(whole: bytes, surplus: bytes, apart: bool) -> None:
    reply, connection, free = await answered(*((whole, surplus) if apart else (whole + surplus,)))
    assert b"".join(reply.pieces) == Reference(whole).body
    assert isinstance(connection.fault, httpx.RemoteProtocolError)
    assert not free


@pytest.mark.parametrize("missing", [1, 1000, len(BODY)])
async def test_a_body_that_ends_too_early_is_none(missing: int) -> None:
    reply, connection, _ = await answered(LONG[:-missing], closed=True)
    assert isinstance(reply.error, httpx.RemoteProtocolError)
    assert not reply.complete
    assert connection.get_buffer(-1).nbytes > 0


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ],
)
async def test_a_length_that_is_none_is_refused(head: bytes) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await answered(head, closed=True)


async def test_the_length_of_an_interim_answer_is_not_that_of_the_answer() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\nContent-Encoding: gzip\r\nLink: </a>\r\n\r\n"
    reply, connection, _ = await answered(early + chunked(b"one"))
    assert (reply.status, reply.headers, reply.pieces, reply.coded) == (
        200,
        [(b"transfer-encoding", b"chunked")],
        [b"one"],
        False,
    )
    assert connection.fault is None


async def test_what_follows_chunks_says_no_length() -> None:
    trailing = chunked(b"one").replace(b"0\r\n\r\n", b"0\r\nContent-Encoding: gzip\r\nX-Sum: 7\r\n\r\n")
    reply, connection, _ = await answered(trailing[:-2], trailing[-2:])
    assert (reply.pieces, reply.coded, reply.complete, connection.fault) == ([b"one"], False, True, None)


def test_headers_are_found_in_any_case() -> None:
    fields = Fields([(b"vary", b"Accept"), (b"x-name", b"\xe9"), (b"vary", b"Origin")])
    assert (fields["Vary"], fields["X-NAME"]) == ("Accept, Origin", "é")
    assert dict(fields) == {"vary": "Accept, Origin", "x-name": "é"}
    assert len(fields) == 2
    assert "date" not in fields
    assert fields.get("dät\u0113") is None
