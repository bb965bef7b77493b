"""Subscriptions over real sockets, on memory sources that a test changes meanwhile."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from adapters.memory import Behaviour, MemoryStore, factory
from gateway import ids
from gateway.errors import SourceError, SourceErrorCode
from gateway.instant import Instant
from gateway.model import Execution, ExecutionStatus, Key, LogLine, LogStream
from tests.live import Server, connected, served
from tests.support import until

CONFIG = """\
server: {poll_seconds: 0.05, cursor_key: a-key-that-stays-the-same-for-ever}
sources:
  - {name: alpha, kind: memory}
  - {name: beta, kind: memory}
"""
LINES = """subscription ($id: ID!, $after: String) { logLines(executionId: $id, after: $after) {
    edges { cursor node { sequence text } } endCursor complete truncated source { state error { code } } } }"""
CHANGES = """subscription ($filter: ExecutionFilter) { executionsUpdated(filter: $filter) {
    change previousStatus execution { nativeId status } sources { source { name } state error { code } } } }"""
ONE = "subscription ($id: ID!) { executionUpdated(id: $id) { nativeId status finishedAt } }"

S = ExecutionStatus


def execution(native: str, status: ExecutionStatus = S.RUNNING, source: str = "alpha") -> Execution:
    moment = Instant.parse("2026-11-21T20:00:00Z")
    finished = None if status in (S.RUNNING, S.QUEUED) else moment
    return Execution(
        key=Key("execution", source, (native,)),
        name=native,
        tie=(native,),
        status=status,
        raw_status=status.value,
        created_at=moment,
        started_at=moment,
        finished_at=finished,
    )


def line(sequence: int) -> LogLine:
    return LogLine(sequence=sequence, text=f"line {sequence}", stream=LogStream.STDOUT)


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    factory.stores.clear()
    factory.behaviours = {"alpha": Behaviour(min_poll_seconds=0.05), "beta": Behaviour(min_poll_seconds=0.05)}
    factory.stores["alpha"] = MemoryStore()
    factory.stores["alpha"].put([execution("one"), execution("two", S.SUCCEEDED)])
    yield factory.stores["alpha"]
    factory.stores.clear()
    factory.behaviours.clear()


@pytest.fixture
def server(store: MemoryStore) -> Iterator[Server]:
    with served(CONFIG) as one:
        yield one


KEY = Key("execution", "alpha", ("one",))
ID = ids.encode(KEY)


async def test_an_execution_is_followed_to_its_end(server: Server, store: MemoryStore) -> None:
    async with connected(server.ws) as client:
        await client.subscribe(ONE, {"id": ID})
        seen = []
        async for payload in client.results():
            seen.append(payload["data"]["executionUpdated"]["status"])
            if len(seen) == 1:
                store.put([msgspec.structs.replace(execution("one"), status=S.CANCELING, raw_status="canceling")])
            elif len(seen) == 2:
                store.put([execution("one", S.CANCELED)])
        assert seen == ["RUNNING", "CANCELING", "CANCELED"]
        await client.subscribe(ONE, {"id": ids.encode(Key("execution", "alpha", ("two",)))}, "2")
        assert [payload["data"]["executionUpdated"]["status"] async for payload in client.results("2")] == ["SUCCEEDED"]
        await client.subscribe(ONE, {"id": ids.encode(Key("execution", "alpha", ("none",)))}, "3")
        assert [payload["data"] async for payload in client.results("3")] == [{"executionUpdated": None}]
    assert server.gateway.watch.pollers == 0


async def test_changes_of_a_list_are_told(server: Server, store: MemoryStore) -> None:
    async with connected(server.ws) as client:
        await client.subscribe(CHANGES, {"filter": {"source": ["alpha"]}})
        updates = client.results()
        first = (await anext(updates))["data"]["executionsUpdated"]
        assert first["change"] == "SOURCE_STATE"
        assert first["sources"] == [{"source": {"name": "alpha"}, "state": "OK", "error": None}]
        store.put([execution("three", S.QUEUED)])
        update = (await anext(updates))["data"]["executionsUpdated"]
        assert (update["change"], update["execution"]) == ("APPEARED", {"nativeId": "three", "status": "QUEUED"})
        store.put([execution("three", S.RUNNING)])
        update = (await anext(updates))["data"]["executionsUpdated"]
        assert (update["change"], update["previousStatus"]) == ("STATUS_CHANGED", "QUEUED")
        store.put([execution("three", S.FAILED)])
        update = (await anext(updates))["data"]["executionsUpdated"]
        assert (update["change"], update["execution"]["status"]) == ("STATUS_CHANGED", "FAILED")
        store.put([execution("three", S.RUNNING)])
        update = (await anext(updates))["data"]["executionsUpdated"]
        assert (update["change"], update["previousStatus"]) == ("REOPENED", "FAILED")


async def test_what_leaves_the_list_is_told_once_more(server: Server, store: MemoryStore) -> None:
    async with connected(server.ws) as client:
        await client.subscribe(CHANGES, {"filter": {"source": ["alpha"], "status": ["RUNNING"]}})
        updates = client.results()
        await anext(updates)
        store.put([execution("one", S.FAILED)])
        update = (await anext(updates))["data"]["executionsUpdated"]
        assert (update["change"], update["execution"]) == ("STATUS_CHANGED", {"nativeId": "one", "status": "FAILED"})


async def test_a_log_is_followed_to_its_end_and_late_lines_come_once(server: Server, store: MemoryStore) -> None:
    factory.behaviours["alpha"] = Behaviour(min_poll_seconds=0.05, log_late_seconds=10.0)
    server.restart()
    second = 1000 << 20
    store.logs[KEY] = [line(100 * second), line(101 * second)]
    async with connected(server.ws) as client:
        await client.subscribe(LINES, {"id": ID})
        batches = client.results()
        first = (await anext(batches))["data"]["logLines"]
        assert [int(edge["node"]["sequence"]) // second for edge in first["edges"]] == [100, 101]
        assert first["edges"][-1]["cursor"] == first["endCursor"]
        store.logs[KEY].append(line(95 * second))
        late = (await anext(batches))["data"]["logLines"]
        assert [int(edge["node"]["sequence"]) // second for edge in late["edges"]] == [95]
        cursor = late["endCursor"]
    # Another connection goes on behind that: the line that comes late meanwhile comes, the others do not come again.
    store.logs[KEY] += [line(97 * second), line(110 * second)]
    store.written.add(KEY)
    store.put([execution("one", S.SUCCEEDED)])
    async with connected(server.ws) as client:
        await client.subscribe(LINES, {"id": ID, "after": cursor})
        rest = [payload["data"]["logLines"] async for payload in client.results()]
        assert [int(edge["node"]["sequence"]) // second for batch in rest for edge in batch["edges"]] == [97, 110]
        assert [batch["complete"] for batch in rest][-1] is True
    assert server.gateway.log_watch.watched == 0


async def test_a_client_that_is_killed_ten_times_ends_with_exactly_all_lines(server: Server, store: MemoryStore) -> None:
    store.logs[KEY] = []
    total = 5000

    async def write() -> None:
        for number in range(1, total + 1):
            store.logs[KEY].append(line(number))
            if number % 50 == 0:
                await asyncio.sleep(0.01)
        store.put([execution("one", S.SUCCEEDED)])
        store.written.add(KEY)

    writing = asyncio.create_task(write())
    got: list[int] = []
    cursor, killed, complete = None, 0, False
    while not complete:
        async with connected(server.ws) as client:
            await client.subscribe(LINES, {"id": ID, "after": cursor})
            taken = 0
            async for payload in client.results():
                batch = payload["data"]["logLines"]
                got += [int(edge["node"]["sequence"]) for edge in batch["edges"]]
                cursor, complete = batch["endCursor"], batch["complete"]
                taken += 1
                if killed < 10 and taken > killed % 3:
                    killed += 1
                    client.connection.transport.abort()
                    break
    await writing
    assert killed == 10
    assert got == list(range(1, total + 1))


async def test_a_log_goes_on_after_the_gateway_was_restarted(server: Server, store: MemoryStore) -> None:
    store.logs[KEY] = [line(number) for number in range(1, 11)]
    async with connected(server.ws) as client:
        await client.subscribe(LINES, {"id": ID})
        cursor = (await anext(client.results()))["data"]["logLines"]["endCursor"]
    server.restart()
    store.logs[KEY] += [line(number) for number in range(11, 21)]
    async with connected(server.ws) as client:
        await client.subscribe(LINES, {"id": ID, "after": cursor})
        batch = (await anext(client.results()))["data"]["logLines"]
        assert [int(edge["node"]["sequence"]) for edge in batch["edges"]] == list(range(11, 21))


async def test_five_hundred_subscribers_cost_the_requests_of_one(server: Server, store: MemoryStore) -> None:
    watch = server.gateway.watch
    async with connected(server.ws) as one, connected(server.ws) as other:
        for number in range(50):
            await one.subscribe(CHANGES, {"filter": {"source": ["alpha"]}}, f"a{number}")
            await other.subscribe(CHANGES, {"filter": {"source": ["alpha"]}}, f"b{number}")
        first = [await one.receive() for _ in range(50)]
        assert {message["payload"]["data"]["executionsUpdated"]["change"] for message in first} == {"SOURCE_STATE"}
        assert watch.pollers == 1
        store.put([execution("new")])
        told = [await one.receive() for _ in range(50)]
        assert {message["payload"]["data"]["executionsUpdated"]["change"] for message in told} == {"APPEARED"}
        assert len({message["id"] for message in told}) == 50
    await until(lambda: watch.pollers == 0)


async def test_the_log_of_nothing_is_null(server: Server) -> None:
    async with connected(server.ws) as client:
        await client.subscribe(LINES, {"id": ids.encode(Key("execution", "alpha", ("none",)))})
        assert [payload async for payload in client.results()] == [{"data": {"logLines": None}}]


async def events(client: httpx.AsyncClient, url: str, body: dict[str, Any]) -> list[tuple[str, Any]]:
    found = []
    async with client.stream("POST", url, json=body, headers={"Accept": "text/event-stream"}) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert b"\r" not in raw
    for block in raw.decode().split("\n\n"):
        fields = dict(part.split(": ", 1) for part in block.split("\n") if ": " in part)
        if "event" in fields:
            found.append((fields["event"], fields.get("data", "")))
    return found


async def test_the_same_over_server_sent_events(server: Server, store: MemoryStore) -> None:
    store.logs[KEY] = [line(1), line(2)]
    store.written.add(KEY)
    store.put([execution("one", S.SUCCEEDED)])
    async with httpx.AsyncClient() as client:
        found = await events(client, server.http, {"query": LINES, "variables": {"id": ID}})
        assert [name for name, _ in found] == ["next", "complete"]
        assert '"text":"line 2"' in found[0][1]
        found = await events(client, server.http, {"query": "{ sources { name } }"})
        assert [name for name, _ in found] == ["next", "complete"]
        # An SSE request without a query is refused as any other; so is one that is not valid.
        for body in ({}, {"query": "subscription { nothing }"}, {"query": "subscription {"}):
            answer = await client.post(server.http, json=body, headers={"Accept": "text/event-stream"})
            assert answer.status_code == 400
            assert answer.headers["content-type"].startswith("application/json")
            assert answer.json()["errors"][0]["extensions"]["code"]
        # Listed behind JSON, it is no wish for a stream.
        headers = {"Accept": "application/graphql-response+json, application/json, text/event-stream"}
        answer = await client.post(server.http, json={"query": "{ sources { name } }"}, headers=headers)
        assert answer.json()["data"]["sources"]
        answer = await client.post(server.http, json={"query": LINES, "variables": {"id": ID}})
        assert answer.status_code == 400
        assert "text/event-stream" in answer.json()["errors"][0]["message"]


async def test_subscriptions_to_a_source_that_is_down_start_say_so_and_recover(server: Server, store: MemoryStore) -> None:
    adapter = server.gateway.registry.sources["alpha"].adapter
    request, down = adapter._request, SourceError(SourceErrorCode.UNAVAILABLE, "It is away.", source="alpha")

    def away() -> None:
        raise down

    store.logs[KEY] = [line(1)]
    store.written.add(KEY)
    adapter._request = away
    async with connected(server.ws) as client:
        await client.subscribe(CHANGES, {"filter": {"source": ["alpha"]}}, "list")
        message = await client.receive()
        (report,) = message["payload"]["data"]["executionsUpdated"]["sources"]
        assert report == {"source": {"name": "alpha"}, "state": "FAILED", "error": {"code": "UNAVAILABLE"}}
        await client.subscribe(ONE, {"id": ID}, "one")
        await client.subscribe(LINES, {"id": ID}, "log")
        for _ in range(2):
            message = await client.receive()
            assert message["type"] == "next", message
            (error,) = message["payload"]["errors"]
            assert (error["extensions"]["code"], error["extensions"]["source"]) == ("UNAVAILABLE", "alpha")
        adapter._request = request
        back: dict[str, Any] = {}
        while len(back) < 3:
            message = await client.receive()
            if message["type"] == "next" and "errors" not in message["payload"]:
                back.setdefault(message["id"], message["payload"]["data"])
        assert back["list"]["executionsUpdated"]["sources"][0]["state"] == "OK"
        assert back["one"]["executionUpdated"]["status"] == "RUNNING"
        assert [edge["node"]["text"] for edge in back["log"]["logLines"]["edges"]] == ["line 1"]
