"""Whom both engines trust and through whom they go: certificates and proxies, over real sockets."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from gateway.config import SourceSettings
from gateway.engine import http_transport
from gateway.errors import ConfigError, SourceErrorCode
from tests.support import skip_pauses
from tests.unit.engines import ENGINES, client, fault, forget_proxies
from tests.unit.raw_server import CERTIFICATE, Connection, RawServer, answer

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


# --- TLS -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("verify", "accepted"), [(True, False), (False, True), (str(CERTIFICATE), True)])
async def test_a_certificate_is_judged_as_configured(
    engine: str, verify: bool | str, accepted: bool, pauses: list[float]
) -> None:
    async with RawServer(answer()).running(tls=True) as server, client(engine, server.origin, verify_tls=verify) as one:
        if accepted:
            assert (await one.get("x")).content == b"ok"
        else:
            assert (await fault(one)).message == "It could not be reached (ConnectError)."
    assert bool(server.requests) is accepted


async def test_a_certificate_for_another_name_is_refused(engine: str, pauses: list[float]) -> None:
    async with (
        RawServer(answer()).running("127.0.0.2", tls=True) as server,
        client(engine, server.origin, verify_tls=str(CERTIFICATE)) as one,
    ):
        assert (await fault(one)).code is C.UNAVAILABLE
    assert server.requests == []


async def test_authorities_of_the_environment_count_where_it_is_asked_for(
    engine: str, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    async with RawServer(answer()).running(tls=True) as server, client(engine, server.origin) as one:
        if engine == "standard":
            assert (await one.get("x")).content == b"ok"
        else:
            assert (await fault(one)).code is C.UNAVAILABLE


def test_authorities_of_the_environment_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nope/ca.pem")
    with pytest.raises(ConfigError, match="SSL_CERT_FILE"):
        http_transport(SourceSettings(name="s", kind="k", http="standard"))


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_large_bodies_over_tls(engine: str, run: Callable[[Coroutine[Any, Any, list[bytes]]], list[bytes]]) -> None:
    bodies = [bytes(range(256)) * 1200, b"small", bytes(range(255)) * 9000]

    async def ask() -> list[bytes]:
        async with (
            RawServer(*map(answer, bodies)).running(tls=True) as server,
            client(engine, server.origin, verify_tls=str(CERTIFICATE)) as one,
        ):
            return [bytes((await one.get("x")).content) for _ in bodies]

    assert run(ask()) == bodies


# --- proxies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_a_proxy_of_the_environment_is_used_where_it_is_asked_for(
    engine: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RawServer(answer(b"direct")).running() as server, RawServer(answer(b"by proxy")).running() as proxy:
        monkeypatch.setenv(variable, proxy.origin.replace("http://", "http://user:hush@"))
        async with client(engine, server.origin) as one:
            got = (await one.get("x")).content
            await one.get("x")
    if engine == "fast":
        assert (got, proxy.requests) == (b"direct", [])
        return
    assert (got, server.requests, proxy.connections) == (b"by proxy", [], 1)
    assert proxy.requests[0].startswith(f"GET {server.origin}/api/x HTTP/1.1\r\n".encode())
    assert b"Proxy-Authorization: Basic" in proxy.requests[0]


async def test_a_tunnel_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def tunnel(connection: Connection) -> None:
        host, port = proxy.requests[-1].split(b" ")[1].rsplit(b":", 1)
        reader, writer = await asyncio.open_connection(host.decode(), int(port))
        await connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
            sink.close()

        try:
            await asyncio.gather(pump(connection.reader, writer), pump(reader, connection.writer))
        finally:
            writer.close()
        raise ConnectionResetError

    proxy = RawServer(tunnel)
    async with RawServer(answer()).running(tls=True) as server, proxy.running():
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin.removeprefix("http://"))
        async with client("standard", server.origin, verify_tls=str(CERTIFICATE)) as one:
            assert (await one.get("x")).content == b"ok"
    assert proxy.requests[0].startswith(b"CONNECT 127.0.0.1:")


@pytest.mark.parametrize("exempt", ["*", "127.0.0.1", "example.test,127.0.0.1:{port}"])
async def test_no_proxy(exempt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawServer(answer(b"direct")).running() as server:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", exempt.format(port=server.origin.rsplit(":", 1)[1]))
        async with client("standard", server.origin) as one:
            assert (await one.get("x")).content == b"direct"


@pytest.mark.parametrize("address", ["socks5://user:hush@127.0.0.1:9", "gopher://user:hush@h", "http://user:hush@h:port"])
def test_a_proxy_that_cannot_be_used_is_a_mistake_of_the_configuration(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    with pytest.raises(ConfigError, match="source s: http: standard: the environment names a proxy") as caught:
        http_transport(SourceSettings(name="s", kind="k", http="standard"))
    assert "hush" not in str(caught.value)
    assert http_transport(SourceSettings(name="s", kind="k")) is not None
