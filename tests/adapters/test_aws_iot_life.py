"""Time in the simulated fleet: it stands still unless told otherwise; then everything goes on, step by lawful step."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from adapters.aws_iot import AwsIotSettings, factory
from adapters.aws_iot.adapter import AwsIotAdapter
from adapters.aws_iot.simulator import Simulator
from adapters.aws_iot.world import World
from adapters.aws_iot.world_life import Life
from adapters.aws_iot.world_rows import COUNTERS, OPEN
from gateway.log_reading import Follower, LogPlace
from gateway.model import Execution, Key, LogLine
from gateway.spi import LogQuery
from gateway.transport import SourceClient
from tests.adapters.aws_iot_bench import FAST, Clock

NOW = datetime(2026, 11, 21, 20, 30, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LAWFUL = {
    ("QUEUED", "IN_PROGRESS"),
    ("QUEUED", "CANCELED"),
    *(("IN_PROGRESS", word) for word in ("SUCCEEDED", "FAILED", "CANCELED")),
}


async def test_it_stands_still_by_default() -> None:
    simulator = factory.simulator(seed=1, size=90, now=NOW)
    before = str(simulator.world.executions)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(simulator.app), base_url="http://iot") as client:
        await client.get("/jobs")
    assert str(simulator.world.executions) == before
    assert (simulator.life, simulator.world.now) == (None, NOW)


async def test_a_request_lets_the_world_catch_up() -> None:
    clock = Clock()
    simulator = Simulator(World.generate(1, 90, NOW), live=True, speed=10.0, clock=clock)
    clock.now += 60
    async with httpx.AsyncClient(transport=httpx.ASGITransport(simulator.app), base_url="http://iot") as client:
        await client.get("/jobs")
    assert simulator.world.now == NOW + timedelta(minutes=10)
    simulator.go_live(2.0)
    clock.now += 1
    assert simulator.life is not None
    simulator.life.catch_up()
    assert simulator.world.now == NOW + timedelta(minutes=10, seconds=2)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_executions_proceed_lawfully(seed: int) -> None:
    world = World.generate(seed, 90, NOW)
    life = Life(world, Clock(), seed=seed)
    before = {key: row["status"] for key, row in world.executions.items()}
    old = [key for key, status in before.items() if status in OPEN]
    assert old
    seen: Counter[tuple[str, str]] = Counter()
    for step in range(1, 3600):
        life.advance(NOW + step * SECOND)
        for key, row in world.executions.items():
            was = before.get(key, "QUEUED")
            if row["status"] != was:
                seen[was, row["status"]] += 1
            before[key] = row["status"]
    assert seen.keys() <= LAWFUL
    assert seen["IN_PROGRESS", "SUCCEEDED"] > 20
    assert seen["IN_PROGRESS", "FAILED"] > 0
    assert [key for key in old if world.executions[key]["status"] in OPEN] == []
    for key, row in world.executions.items():
        if row["status"] not in OPEN:
            assert row["queuedAt"] <= row.get("startedAt", row["queuedAt"]) <= row["lastUpdatedAt"]
        if "startedAt" in row:
            lines = world.log_lines(key)
            assert lines
            assert all(row["startedAt"] * 1000 <= line.timestamp + 1 for line in lines)


def test_counters_follow() -> None:
    world = World(NOW)
    world.add_job("firmware", targetSelection="CONTINUOUS")
    for _ in range(4):
        world.add_thing()
    Life(world, Clock()).advance(NOW + timedelta(minutes=20))
    counts = world.jobs["firmware"]["jobProcessDetails"]
    found = Counter(row["status"] for row in world.executions.values())
    assert {word: counts[name] for word, name in COUNTERS.items() if counts[name]} == dict(found)
    assert max(key.number for key in world.executions) > 1


def test_equal_lives() -> None:
    whole, steps = World.generate(4, 90, NOW), World.generate(4, 90, NOW)
    Life(whole, Clock(), seed=4).advance(NOW + timedelta(minutes=20))
    life = Life(steps, Clock(), seed=4)
    for second in range(1201):
        life.advance(NOW + second * SECOND)
    assert whole.executions == steps.executions
    assert [whole.log_lines(key) for key in whole.executions] == [steps.log_lines(key) for key in steps.executions]


def test_what_a_test_removes_or_ends_stays_so() -> None:
    world = World.generate(1, 90, NOW)
    life = Life(world, Clock())
    life.advance(NOW + 10 * SECOND)
    keys = [key for key, row in world.executions.items() if row["status"] in OPEN]
    for key in keys[::2]:
        world.delete_execution(key)
    for key in keys[1::2]:
        world.update_execution(key, status="TIMED_OUT")
    life.advance(NOW + timedelta(minutes=5))
    assert not set(keys[::2]) & world.executions.keys()
    assert {world.executions[key]["status"] for key in keys[1::2]} == {"TIMED_OUT"}


async def test_a_life_followed_line_by_line() -> None:
    clock = Clock()
    world = World.generate(1, 90, NOW)
    simulator = Simulator(world, quotas={}, live=True, clock=clock)
    given = factory.simulator_settings("http://iot.example")
    more = {"name": "iot", "quota": FAST, "quotas": {}, "logs_quota": FAST, "keep_seconds": 0}
    settings = AwsIotSettings.model_validate({**given, **more})
    client = SourceClient(settings, httpx.ASGITransport(app=simulator.app))
    adapter = AwsIotAdapter("iot", settings, client, wall=lambda: world.now.timestamp())
    name = next(key for key, row in world.executions.items() if row["status"] == "QUEUED")
    key = Key("execution", "iot", (name.job_id, name.thing_name, str(name.number)))
    follower = Follower(adapter.capabilities.log_late_seconds, LogPlace())
    got: list[LogLine] = []
    complete = False
    while not complete:
        clock.now += 2
        (execution,) = await adapter.fetch([key])
        assert isinstance(execution, Execution)
        async for page in adapter.logs(execution, LogQuery(after=follower.start, rows=3)):
            got += follower.take(page.lines)
            complete = page.complete
    assert sorted(line.text for line in got) == sorted(line.text for line in world.log_lines(name))
