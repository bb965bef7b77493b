"""graphql-transport-ws by the letter: what closes a socket, with which code, and what must not."""

import asyncio
import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from adapters.memory import Behaviour, MemoryStore, factory
from tests.live import PROTOCOL, Server, connected, served

CONFIG = "server: {poll_seconds: 0.05%s}\nsources: [{name: alpha, kind: memory}]\n"
WATCH = "subscription { executionsUpdated { change } }"


@pytest.fixture(scope="module", autouse=True)
def _memory() -> Iterator[None]:
    factory.stores.clear()
    factory.stores["alpha"] = MemoryStore()
    factory.behaviours["alpha"] = Behaviour(min_poll_seconds=0.05)
    yield
    factory.stores.clear()
    factory.behaviours.clear()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served(CONFIG % "") as one:
        yield one


async def _read(connection: Any) -> None:
    while True:
        await connection.recv()


async def closing(connection: Any) -> tuple[int | None, str]:
    """The code and reason that a connection is closed with, whatever comes before."""
    with pytest.raises(ConnectionClosed) as closed:
        await asyncio.wait_for(_read(connection), 15)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        "null",
        '"text"',
        "7",
        "{}",
        '{"type": 7}',
        '{"type": "start"}',
        '{"type": "ping", "payload": "text"}',
        '{"type": "pong", "payload": []}',
        '{"type": "complete"}',
        '{"type": "complete", "id": 7}',
        '{"type": "subscribe", "id": {}, "payload": {"query": "{ x }"}}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{ x }"}}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{ x }"}}',
        '{"type": "subscribe", "payload": {"query": "{ x }"}}',
        '{"type": "subscribe", "id": "1", "payload": "text"}',
        '{"type": "subscribe", "id": "1"}',
        '{"type": "subscribe", "id": "1", "payload": {}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 7}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ x }", "variables": []}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ x }", "operationName": 7}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ x }", "extensions": "text"}}',
    ],
)
async def test_a_broken_message_closes_the_socket(server: Server, text: str) -> None:
    async with connected(server.ws) as client:
        await client.connection.send(text)
        assert (await closing(client.connection))[0] == 4400


async def test_bytes_are_no_message(server: Server) -> None:
    async with connected(server.ws) as client:
        await client.connection.send(b'{"type": "ping"}')
        assert (await closing(client.connection))[0] == 4400


async def test_another_protocol_is_refused(server: Server) -> None:
    for protocols in (["graphql-ws"], None):
        async with connect(server.ws, subprotocols=protocols) as connection:  # type: ignore[arg-type]
            assert (await closing(connection))[0] == 4406


async def test_who_subscribes_first_is_unauthorized(server: Server) -> None:
    async with connect(server.ws, subprotocols=[PROTOCOL]) as connection:
        await connection.send('{"type": "subscribe", "id": "1", "payload": {"query": "{ sources { name } }"}}')
        assert await closing(connection) == (4401, "Unauthorized")


async def test_who_says_nothing_is_closed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.api.websocket._INIT_SECONDS", 0.1)
    async with connect(server.ws, subprotocols=[PROTOCOL]) as connection:
        assert await closing(connection) == (4408, "Connection initialisation timeout")


async def test_initialising_twice_is_once_too_often(server: Server) -> None:
    async with connected(server.ws) as client:
        await client.send(type="connection_init")
        assert await closing(client.connection) == (4429, "Too many initialisation requests")


async def test_an_id_is_used_once_at_a_time(server: Server) -> None:
    async with connected(server.ws) as client:
        await client.subscribe(WATCH, identity="mine")
        await client.subscribe(WATCH, identity="mine")
        assert await closing(client.connection) == (4409, "Subscriber for mine already exists")


async def test_an_id_may_be_used_again_when_its_operation_is_over(server: Server) -> None:
    async with connected(server.ws) as client:
        for _ in range(2):
            await client.subscribe("{ sources { name } }", identity="mine")
            answers = [payload async for payload in client.results("mine")]
            assert answers == [{"data": {"sources": [{"name": "alpha"}]}}]
        await client.subscribe(WATCH, identity="mine")
        assert (await client.receive())["type"] == "next"
        await client.send(type="complete", id="mine")
        await client.subscribe("{ sources { name } }", identity="mine")
        assert [payload async for payload in client.results("mine")] == answers


async def test_pings_are_answered(server: Server) -> None:
    async with connected(server.ws) as client:
        await client.send(type="ping")
        assert await client.receive() == {"type": "pong"}
        await client.send(type="ping", payload={"a": 1})
        assert await client.receive() == {"type": "pong", "payload": {"a": 1}}
        await client.send(type="pong")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ sources {", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { executionsUpdated { change } sources { name } }", "GRAPHQL_VALIDATION_FAILED"),
        ('subscription { executionUpdated(id: "garbage") { id } }', "BAD_USER_INPUT"),
    ],
)
async def test_a_broken_operation_costs_itself_alone(server: Server, query: str, code: str) -> None:
    async with connected(server.ws) as client:
        await client.subscribe(WATCH, identity="good")
        assert (await client.receive())["type"] == "next"
        await client.subscribe(query, identity="bad")
        message = await client.receive()
        assert message["id"] == "bad"
        errors = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
        assert errors[0]["extensions"]["code"] == code
        await client.send(type="ping")
        while (await client.receive())["type"] != "pong":
            pass


async def test_an_operation_that_does_not_exist_costs_itself_alone(server: Server) -> None:
    async with connected(server.ws) as client:
        payload = {"query": "query A { sources { name } }", "operationName": "B"}
        await client.send(type="subscribe", id="1", payload=payload)
        message = await client.receive()
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "BAD_USER_INPUT")
        await client.send(type="ping")
        assert (await client.receive())["type"] == "pong"


async def test_pages_of_other_origins_may_not_connect(server: Server) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connected(server.ws, origin="https://evil.example"):
            pass
    assert refused.value.response.status_code == 403
    async with connected(server.ws, origin=f"http://127.0.0.1:{server.port}"):
        pass


async def test_pages_of_configured_origins_may() -> None:
    with served(CONFIG % ", cors_origins: ['https://good.example']") as one:
        async with connected(one.ws, origin="https://good.example"):
            pass


async def test_a_key_comes_with_the_handshake_or_with_the_first_message() -> None:
    key = "open-sesame"
    with served(CONFIG % f", api_keys: [{sha256(key.encode()).hexdigest()}]") as one:
        async with connected(one.ws, {"Authorization": f"Bearer {key}"}):
            pass
        async with connected(one.ws, {"x-api-key": key}):
            pass
        async with connected(one.ws, additional_headers={"Authorization": f"Bearer {key}"}):
            pass
        for payload in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": {"odd": 1}}):
            async with connect(one.ws, subprotocols=[PROTOCOL]) as connection:
                await connection.send(json.dumps({"type": "connection_init", "payload": payload}))
                assert await closing(connection) == (4403, "Forbidden")
