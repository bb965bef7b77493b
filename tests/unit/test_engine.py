"""Both engines over real sockets: what they send, what they make of what comes, and what becomes of connections."""

import asyncio
import gzip
import socket
import zlib

import httpx
import pytest
import uvloop

from gateway.config import SourceSettings
from gateway.engine import FastTransport, ProxiedTransport, http_transport
from gateway.errors import SourceError, SourceErrorCode
from gateway.transport import Meter, metered
from tests.support import skip_pauses
from tests.unit.engines import ENGINES, client, fault, forget_proxies
from tests.unit.raw_server import Connection, RawServer, answer, chunked, hang_up

C = SourceErrorCode


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_proxies(monkeypatch)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return skip_pauses(monkeypatch)


def test_the_setting_chooses() -> None:
    assert isinstance(http_transport(SourceSettings(name="s", kind="k")), FastTransport)
    assert isinstance(http_transport(SourceSettings(name="s", kind="k", http="standard")), ProxiedTransport)


# --- what is sent --------------------------------------------------------------------------------------------------


async def test_a_request_is_sent_as_it_was_made(engine: str) -> None:
    async with RawServer(answer()).running() as server, client(engine, server.origin, headers={"X-Team": "ops"}) as one:
        await one.get("a%2Fb/'c'/%2e%2e/", [("q", "a+b c'\"&é"), ("x", "")])
    head, *lines = server.requests[0].decode().split("\r\n")
    # Byte for byte: ThreatConnect and AWS sign it.
    assert head == "GET /api/a%2Fb/'c'/%2e%2e/?q=a%2Bb%20c%27%22%26%C3%A9&x= HTTP/1.1"
    assert sorted(line for line in lines if line) == [
        "Accept-Encoding: gzip, deflate",
        "Accept: application/json",
        f"Host: {server.origin.removeprefix('http://')}",
        "User-Agent: execution-gateway",
        "X-Team: ops",
    ]


async def test_a_body_is_sent_with_its_length_and_no_type_of_the_engine_s_own(engine: str) -> None:
    async with RawServer(answer()).running() as server, client(engine, server.origin) as one:
        await one.ask("logs", b'{"limit": 7}', headers={"X-Amz-Target": "Logs"})
    head, body = server.requests[0].split(b"\r\n\r\n")
    assert (head.split(b"\r\n")[0], body) == (b"POST /api/logs HTTP/1.1", b'{"limit": 7}')
    assert b"Content-Length: 12" in head
    assert b"content-type" not in head.lower()


async def test_cookies_are_not_kept(engine: str) -> None:
    async with (
        RawServer(answer(b"ok", "Set-Cookie: sid=1; Path=/", "Set-Cookie: =;;bad")).running() as server,
        client(engine, server.origin.replace("127.0.0.1", "localhost")) as one,
    ):
        await one.get("a")
        await one.get("b")
    assert len(server.requests) == 2
    assert b"cookie" not in server.requests[1].lower()


async def test_a_header_that_would_break_out_of_its_line_is_not_sent(engine: str, pauses: list[float]) -> None:
    async with RawServer(answer()).running() as server, client(engine, server.origin) as one:
        with pytest.raises(SourceError) as caught:
            await one.get("jobs/", headers={"X-Key": "hush\r\nX-Other: 1"})
    assert (caught.value.code, caught.value.message) == (C.UNAVAILABLE, "It could not be reached (LocalProtocolError).")
    assert server.requests == []


async def test_a_redirect_is_not_followed(engine: str) -> None:
    moved = answer(b"", "Location: /elsewhere", status="302 Found")
    async with RawServer(moved).running() as server, client(engine, server.origin) as one:
        assert (await fault(one)).message == "It answered with a redirect."
    assert len(server.requests) == 1


# --- what comes ----------------------------------------------------------------------------------------------------

BODY = bytes(range(256)) * 2000
PACKED = {
    "gzip": gzip.compress(BODY),
    "x-gzip": gzip.compress(BODY),
    "deflate": zlib.compress(BODY),
    "deflate, gzip": gzip.compress(zlib.compress(BODY)),
    "Identity": BODY,
    "unheard-of": BODY,
}


@pytest.mark.parametrize("coding", PACKED)
async def test_bodies_are_unpacked(engine: str, coding: str) -> None:
    packed, header = PACKED[coding], f"Content-Encoding: {coding}"
    pieces = [packed[at : at + 700] for at in range(0, len(packed), 700)]
    replies = answer(packed, header), chunked(*pieces, headers=(header,))
    async with RawServer(*replies).running() as server, client(engine, server.origin) as one:
        for _ in replies:
            assert (await one.get("x")).content == BODY
    assert server.connections == 1


async def test_a_body_may_end_with_its_connection(engine: str) -> None:
    async def until_the_end(connection: Connection) -> None:
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + BODY)
        await hang_up(connection)

    async with RawServer(until_the_end).running() as server, client(engine, server.origin) as one:
        assert (await one.get("x")).content == BODY


async def test_an_answer_without_a_body_may_name_a_coding(engine: str) -> None:
    none = b"HTTP/1.1 304 Not Modified\r\nContent-Encoding: gzip\r\n\r\n"
    async with RawServer(none).running() as server, client(engine, server.origin) as one:
        for _ in range(2):
            assert (await one.get("x", also=frozenset({304}))).content == b""
    assert server.connections == 1


async def test_long_headers_are_read(engine: str) -> None:
    long = answer(b"ok", "X-Policy: " + 30_000 * "x")
    async with RawServer(long).running() as server, client(engine, server.origin) as one:
        assert len((await one.get("x")).headers["x-policy"]) == 30_000


@pytest.mark.parametrize("packed", [b"no gzip at all", gzip.compress(BODY)[:-20], gzip.compress(BODY)[:40]])
async def test_what_is_not_compressed_as_it_says(engine: str, packed: bytes) -> None:
    async with RawServer(answer(packed, "Content-Encoding: gzip")).running() as server, client(engine, server.origin) as one:
        error = await fault(one)
    assert (error.code, error.message) == (C.BAD_RESPONSE, "Its answer is not compressed as it says.")
    assert len(server.requests) == 1


BOMB = gzip.compress(bytes(20_000_000))
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n" + bytes(2_000_000)


@pytest.mark.parametrize(
    "reply",
    [
        answer(bytes(1_000_001)),
        chunked(*[bytes(1000)] * 1001),
        answer(BOMB, "Content-Encoding: gzip"),
        answer(gzip.compress(BOMB), "Content-Encoding: gzip, gzip"),
        ENDLESS,
    ],
)
async def test_an_answer_that_is_too_large_is_left_with_its_connection(engine: str, reply: bytes) -> None:
    async with (
        RawServer(reply, answer()).running() as server,
        client(engine, server.origin, max_response_bytes=1_000_000) as one,
    ):
        error = await fault(one)
        assert (error.code, error.message) == (C.BAD_RESPONSE, "Its answer is larger than max_response_bytes.")
        assert (await one.get("x")).content == b"ok"
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", "RemoteProtocolError"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "RemoteProtocolError"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf", "RemoteProtocolError"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhalf", "RemoteProtocolError"),
        (b"", "RemoteProtocolError"),
    ],
)
async def test_what_is_not_http(engine: str, reply: bytes, kind: str, pauses: list[float]) -> None:
    async def broken(connection: Connection) -> None:
        await connection.send(reply)
        await hang_up(connection)

    async with RawServer(broken).running() as server, client(engine, server.origin) as one:
        error = await fault(one)
    assert (error.code, error.message) == (C.UNAVAILABLE, f"It could not be reached ({kind}).")
    assert len(pauses) == 2


async def test_where_nobody_listens(engine: str, pauses: list[float]) -> None:
    async with RawServer(answer()).running() as server:
        origin = server.origin
    async with client(engine, origin) as one:
        assert (await fault(one)).message == "It could not be reached (ConnectError)."
    assert len(pauses) == 2


# --- connections ---------------------------------------------------------------------------------------------------


async def test_connections_are_kept_and_never_more_than_allowed(engine: str) -> None:
    async def slowly(connection: Connection) -> None:
        await asyncio.sleep(0.001)
        await connection.send(answer())

    async with RawServer(slowly).running() as server, client(engine, server.origin, max_concurrency=3) as one:
        await asyncio.gather(*(one.get(str(n)) for n in range(20)))
    assert len(server.requests) == 20
    assert server.connections == 3


async def test_each_source_has_its_own_connections(engine: str) -> None:
    async def never(connection: Connection) -> None:
        await connection.reader.read()

    async with (
        RawServer(never).running() as slow,
        RawServer(answer()).running() as quick,
        client(engine, slow.origin, max_concurrency=1, timeout_seconds=0.2) as one,
        client(engine, quick.origin, max_concurrency=1) as other,
    ):
        waiting = asyncio.gather(one.get("x"), return_exceptions=True)
        assert (await other.get("x")).content == b"ok"
        await waiting


async def test_a_connection_that_was_closed_meanwhile_is_replaced(engine: str) -> None:
    async def last(connection: Connection) -> None:
        await connection.send(answer())
        await hang_up(connection)

    meter = Meter(float("inf"))
    async with RawServer(last).running() as server, client(engine, server.origin) as one:
        with metered(meter):
            for _ in range(3):
                server.left.clear()
                assert (await one.get("x")).content == b"ok"
                await server.left.wait()
                # Let the news arrive.
                await asyncio.sleep(0.01)
            assert (await one.ask("x", b"{}", headers={})).content == b"ok"
    assert (server.connections, len(server.requests), meter.requests["s"]) == (4, 4, 4)


@pytest.mark.parametrize("method", ["get", "ask"])
async def test_a_connection_that_closes_as_it_is_used_again_is_replaced(
    engine: str, method: str, pauses: list[float]
) -> None:
    async with RawServer(answer(), hang_up, answer(b"again")).running() as server, client(engine, server.origin) as one:
        await one.get("x")
        answered = await (one.get("x") if method == "get" else one.ask("x", b"{}", headers={}))
    assert (answered.content, server.connections) == (b"again", 2)


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
async def test_the_deadline_ends_a_request_with_its_connection(engine: str, sent: bytes) -> None:
    async def stall(connection: Connection) -> None:
        await connection.send(sent)
        await connection.reader.read()
        raise ConnectionResetError

    async with RawServer(stall, answer()).running() as server, client(engine, server.origin, timeout_seconds=0.1) as one:
        error = await fault(one)
        assert (error.code, error.message) == (C.TIMEOUT, "It did not answer within 0.1 seconds.")
        await asyncio.wait_for(server.left.wait(), 5)
        assert (await one.get("x", timeout=5)).content == b"ok"
    assert server.connections == 2


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
async def test_cancellation_ends_a_request_with_its_connection(engine: str, sent: bytes) -> None:
    reached = asyncio.Event()

    async def stall(connection: Connection) -> None:
        await connection.send(sent)
        reached.set()
        await connection.reader.read()
        raise ConnectionResetError

    async with RawServer(stall, answer()).running() as server, client(engine, server.origin, max_concurrency=1) as one:
        task = asyncio.create_task(one.get("x"))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.left.wait(), 5)
        # Its slot and its place among the connections are free.
        assert (await one.get("x")).content == b"ok"
    assert server.connections == 2


async def test_ipv6(engine: str) -> None:
    if not socket.has_ipv6:
        return
    async with RawServer(answer()).running("::1") as server, client(engine, server.origin) as one:
        assert (await one.get("x")).content == b"ok"
    assert f"Host: {server.origin.removeprefix('http://')}".encode() in server.requests[0]


async def test_what_is_closed_stays_closed(pauses: list[float]) -> None:
    async with RawServer(answer()).running() as server, client("fast", server.origin) as one:
        await one.get("x")
        await one.aclose()
        assert (await fault(one)).code is C.UNAVAILABLE
    assert server.open == 0


async def test_faults_of_the_engine_are_told_without_its_words(engine: str) -> None:
    async with RawServer(answer()).running() as server:
        origin = server.origin
    transport = http_transport(SourceSettings.model_validate({"name": "s", "kind": "k", "http": engine}))
    try:
        for address in (f"{origin}/", "ftp://h/", "http://[::1"):
            with pytest.raises((httpx.HTTPError, httpx.InvalidURL)) as caught:
                await transport.handle_async_request(httpx.Request("GET", address, headers={"Authorization": "hush"}))
            assert "hush" not in f"{caught.value!r}"
    finally:
        await transport.aclose()


def test_under_the_loop_that_serves(engine: str) -> None:
    """uvloop, whose transports are none of asyncio's classes."""

    async def ask() -> list[int]:
        large = b"x" * 3_000_000
        async with (
            RawServer(answer(b"small"), answer(large), chunked(b"a", b"b"), answer(b"again")).running() as server,
            client(engine, server.origin) as one,
        ):
            return [len((await one.get("jobs/")).content) for _ in range(4)]

    assert uvloop.run(ask()) == [5, 3_000_000, 2, 5]
