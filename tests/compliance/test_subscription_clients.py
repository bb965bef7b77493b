"""npm's graphql-ws and graphql-sse: subscribe, resume, survive a restart, be refused."""

import asyncio
import json
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import pytest

from adapters.memory import Behaviour, MemoryStore, factory
from gateway import ids
from gateway.model import ExecutionStatus
from tests.compliance.node import HERE, NODE, needs_node
from tests.e2e.test_live import CHANGES, CONFIG, KEY, execution, line
from tests.live import Server, served

ID = ids.encode(KEY)
ONE = "subscription ($id: ID!) { executionUpdated(id: $id) { status } }"

pytestmark = needs_node

CLIENTS = {"graphql-ws": ("websocket.mjs", "ws"), "graphql-sse": ("events.mjs", "http")}
every_client = pytest.mark.parametrize("client", CLIENTS)


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    factory.stores.clear()
    factory.behaviours = {name: Behaviour(min_poll_seconds=0.05) for name in ("alpha", "beta")}
    factory.stores["alpha"] = MemoryStore()
    factory.stores["alpha"].put([execution("one")])
    yield factory.stores["alpha"]
    factory.stores.clear()
    factory.behaviours.clear()


@pytest.fixture
def server(store: MemoryStore) -> Iterator[Server]:
    with served(CONFIG) as one:
        yield one


@asynccontextmanager
async def running(client: str, scenario: str, server: Server, **given: Any) -> AsyncIterator[Process]:
    script, protocol = CLIENTS[client]
    process = await asyncio.create_subprocess_exec(
        str(NODE), script, scenario, getattr(server, protocol), json.dumps(given),
        cwd=HERE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def said(process: Process) -> Any:
    """The next line that the client prints."""
    assert process.stdout is not None
    text = await asyncio.wait_for(process.stdout.readline(), 30)
    if not text:
        _, stderr = await process.communicate()
        pytest.fail(f"the client ended: {stderr.decode()}")
    return json.loads(text)


async def rest(process: Process) -> list[Any]:
    """Everything that it prints until it ends."""
    stdout, stderr = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, stderr.decode()
    return [json.loads(text) for text in stdout.splitlines()]


@every_client
async def test_subscribes(client: str, server: Server, store: MemoryStore) -> None:
    async with running(
        client, "subscribe", server, query=CHANGES, variables={"filter": {"source": ["alpha"]}}, count=2
    ) as one:
        first = (await said(one))["data"]["executionsUpdated"]
        assert first["change"] == "SOURCE_STATE"
        store.put([execution("two", ExecutionStatus.QUEUED)])
        second, end = await rest(one)
        assert second["data"]["executionsUpdated"]["execution"] == {"nativeId": "two", "status": "QUEUED"}
        assert end == {"done": True}


@every_client
async def test_a_subscription_completes(client: str, server: Server, store: MemoryStore) -> None:
    store.put([execution("one", ExecutionStatus.FAILED)])
    async with running(client, "subscribe", server, query=ONE, variables={"id": ID}) as one:
        assert await rest(one) == [{"data": {"executionUpdated": {"status": "FAILED"}}}, {"done": True}]


@every_client
async def test_queries_are_answered_too(client: str, server: Server) -> None:
    async with running(client, "subscribe", server, query="{ sources { name } }") as one:
        found = await rest(one)
        assert found[0] == {"data": {"sources": [{"name": "alpha"}, {"name": "beta"}]}}


@every_client
async def test_a_log_is_resumed_ten_times_without_loss_or_repeat(client: str, server: Server, store: MemoryStore) -> None:
    store.logs[KEY] = []

    async def write() -> None:
        for number in range(1, 5001):
            store.logs[KEY].append(line(number))
            if number % 25 == 0:
                await asyncio.sleep(0.01)
        store.put([execution("one", ExecutionStatus.SUCCEEDED)])
        store.written.add(KEY)

    writing = asyncio.create_task(write())
    async with running(client, "resume", server, id=ID, tears=10) as one:
        *sequences, end = await rest(one)
    await writing
    assert end == {"torn": 10}
    assert [int(sequence) for sequence in sequences] == list(range(1, 5001))


@every_client
async def test_finds_the_gateway_again_after_a_restart(client: str, server: Server, store: MemoryStore) -> None:
    async with running(client, "restart", server, query=CHANGES, variables={"filter": {"source": ["alpha"]}}) as one:
        while "data" not in await said(one):
            pass
        await asyncio.to_thread(server.restart)
        while "data" not in await said(one):
            pass
        store.put([execution("new")])
        *_, last = await rest(one)
        assert last["data"]["executionsUpdated"]["execution"]["nativeId"] == "new"


@every_client
@pytest.mark.parametrize(
    ("query", "code"), [("{ sources {", "GRAPHQL_PARSE_FAILED"), ("{ nothing }", "GRAPHQL_VALIDATION_FAILED")]
)
async def test_is_told_what_is_wrong_with_an_operation(client: str, server: Server, query: str, code: str) -> None:
    async with running(client, "refused", server, query=query) as one:
        (found,) = await rest(one)
    if client == "graphql-ws":
        assert found["errors"][0]["extensions"]["code"] == code
    else:
        assert found["status"] == 400


@every_client
async def test_is_refused_without_a_key(client: str, store: MemoryStore) -> None:
    del store
    key = "open-sesame"
    config = CONFIG.replace("{poll", f"{{api_keys: [{sha256(key.encode()).hexdigest()}], poll")
    with served(config) as server:
        async with running(client, "refused", server, query="{ sources { name } }") as one:
            (found,) = await rest(one)
            assert found.get("closed") == 4403 or found.get("status") == 401
        given = {"Authorization": f"Bearer {key}"}
        async with running(client, "refused", server, query="{ sources { name } }", params=given, headers=given) as one:
            assert (await rest(one))[-1] == {"completed": True}
