"""Logs and subscriptions over simulated systems, on real sockets all the way."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any

import httpx
import pytest
import yaml

from gateway import ids
from gateway.demo import Demo, running
from gateway.model import Key
from tests.e2e.conftest import NOW
from tests.live import Server, connected, served
from tests.support import until

LOGS = """query ($id: ID!, $first: Int!, $after: String) { execution(id: $id) {
    logs(first: $first, after: $after) { edges { node { text sequence timestamp } } complete truncated
      pageInfo { hasNextPage endCursor } source { state requests } } } }"""
CHANGES = "subscription ($filter: ExecutionFilter) { executionsUpdated(filter: $filter) { change } }"


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with running(seed=3, size="small", now=NOW, only=("awx", "scale")) as made:
        yield made


@pytest.fixture(scope="module")
def server(demo: Demo) -> Iterator[Server]:
    document = {**demo.file.data, "server": {"deadline_seconds": 60, "poll_seconds": 0.1}}
    with served(yaml.safe_dump(document)) as one:
        yield one


def some(demo: Demo, kind: str) -> tuple[int, Any]:
    """An execution that is over, and the world it is in."""
    simulator: Any = demo.simulators[kind]
    world = simulator.world
    over = {"successful", "COMPLETED"}
    return next(key for key, row in world.executions.items() if row["status"] in over), world


@pytest.mark.parametrize("first", [997, 5000, 10_000])
@pytest.mark.parametrize("kind", ["awx", "scale"])
async def test_25_000_lines_in_pages_of_any_size(demo: Demo, server: Server, kind: str, first: int) -> None:
    number, world = some(demo, kind)
    if len(world.log_lines(number)) < 25_000:
        world.write_log(number, 25_000)
    truth = world.log_lines(number)
    assert len(truth) >= 25_000
    got: list[Any] = []
    sequences: list[int] = []
    after, more = None, True
    variables = {"id": ids.encode(Key("execution", kind, (str(number),))), "first": first}
    async with httpx.AsyncClient(timeout=60) as client:
        while more:
            answer = await client.post(server.http, json={"query": LOGS, "variables": {**variables, "after": after}})
            body = answer.json()
            assert "errors" not in body, body["errors"]
            page = body["data"]["execution"]["logs"]
            assert (page["truncated"], page["source"]["state"]) == (False, "OK")
            got += [edge["node"] for edge in page["edges"]]
            sequences += [int(edge["node"]["sequence"]) for edge in page["edges"]]
            after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert sequences == sorted(set(sequences))
    assert page["complete"] is True
    if kind == "awx":
        assert [line["text"] for line in got] == [line.text for line in truth]
    else:
        # Within a millisecond Scale promises no order.
        found = [(round(datetime.fromisoformat(line["timestamp"]).timestamp() * 1000), line["text"]) for line in got]
        assert [moment for moment, _ in found] == [line.ms for line in truth]
        assert sorted(found) == sorted((line.ms, line.text) for line in truth)


async def test_500_subscribers_cost_the_traffic_of_one(demo: Demo, server: Server) -> None:
    """For some seven seconds each: the source may be asked every five."""
    awx: Any = demo.simulators["awx"]

    async def traffic(subscribers: int) -> int:
        before = len(awx.log)
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(connected(server.ws)) for _ in range(-(-subscribers // 100))]
            for number in range(subscribers):
                filter_ = {"filter": {"source": ["awx"], "phase": ["ACTIVE", "WAITING"]}}
                await clients[number // 100].subscribe(CHANGES, filter_, str(number))
            for number in range(subscribers):
                message = await clients[number // 100].receive()
                assert message["payload"]["data"]["executionsUpdated"]["change"] == "SOURCE_STATE"
            await asyncio.sleep(7)
            assert server.gateway.watch.pollers == 1
        await until(lambda: not server.gateway.watch.pollers)
        return len(awx.log) - before

    one = await traffic(1)
    many = await traffic(500)
    assert 2 <= one <= 3
    assert abs(many - one) <= 1


async def test_all_of_the_demo_lives_when_it_has_a_speed() -> None:
    with running(seed=3, size="small", now=NOW, speed=3600) as made:
        simulators: dict[str, Any] = dict(made.simulators)
        assert {simulator.world.now for simulator in simulators.values()} == {NOW}
        with served(yaml.safe_dump(made.file.data)) as one:
            async with httpx.AsyncClient(timeout=60) as client:
                body = (await client.post(one.http, json={"query": "{ executions(first: 5) { partial } }"})).json()
        assert body["data"]["executions"]["partial"] is False
        assert {name for name, simulator in simulators.items() if simulator.world.now <= NOW} == set()
