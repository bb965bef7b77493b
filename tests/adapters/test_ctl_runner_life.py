"""Time in the simulated Runner: it stands still unless told otherwise; then everything goes on, step by lawful step."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from adapters.ctl_runner import factory
from adapters.ctl_runner.simulator import Simulator
from adapters.ctl_runner.world import World
from adapters.ctl_runner.world_life import Life
from adapters.ctl_runner.world_rows import TERMINAL, WAITING, milliseconds, timers_of
from gateway.log_reading import Follower, LogPlace
from gateway.model import Execution, ExecutionPhase, LogLine
from gateway.spi import LogQuery
from tests.adapters.ctl_runner_bench import Clock, adapter_over, execution_key

NOW = datetime(2026, 11, 21, 20, 30, 12, 345678, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LAWFUL = {
    ("PENDING", "INITIALIZING"),
    ("INITIALIZING", "RUNNING"),
    ("RUNNING", "SUCCESS"),
    ("RUNNING", "FAILURE"),
    ("RUNNING", "STOPPING"),
    ("STOPPING", "STOPPED"),
    ("KILLING", "KILLED"),
    ("FAILURE", "PENDING"),
}


def lived(seed: int, minutes: int) -> World:
    world = World.generate(seed, 70, NOW)
    Life(world, Clock(), seed=seed).advance(NOW + timedelta(minutes=minutes))
    return world


async def test_it_stands_still_by_default() -> None:
    simulator = factory.simulator(seed=1, size=60, now=NOW)
    before = str(simulator.world)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(simulator.app), base_url="http://runner") as client:
        await client.get("/jobs/DEMO")
    assert str(simulator.world) == before
    assert simulator.life is None


async def test_a_request_lets_the_world_catch_up() -> None:
    clock = Clock()
    simulator = Simulator(World.generate(1, 60, NOW), live=True, speed=10.0, clock=clock)
    clock.now += 60
    async with httpx.AsyncClient(transport=httpx.ASGITransport(simulator.app), base_url="http://runner") as client:
        await client.get("/jobs/DEMO")
    assert simulator.world.now == NOW + timedelta(minutes=10)
    simulator.go_live(2.0)
    clock.now += 1
    assert simulator.life is not None
    simulator.life.catch_up()
    assert simulator.world.now == NOW + timedelta(minutes=10, seconds=2)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_executions_proceed_lawfully(seed: int) -> None:
    world = World.generate(seed, 70, NOW)
    life = Life(world, Clock(), seed=seed)
    before = {key: row["status"] for key, row in world.executions.items()}
    began = len(before)
    seen: Counter[tuple[str, str]] = Counter()
    for step in range(1, 7200):
        life.advance(NOW + step * SECOND / 2)
        assert world.now == NOW + step * SECOND / 2
        for key, row in world.executions.items():
            was = before.get(key, "PENDING")
            if row["status"] != was:
                seen[was, row["status"]] += 1
            before[key] = row["status"]
    assert seen.keys() <= LAWFUL
    assert seen["RUNNING", "SUCCESS"] > 20
    assert seen["RUNNING", "FAILURE"] > 0
    assert len(world.executions) > began + 50
    old = [key for key, row in list(world.executions.items())[:began] if row["status"] not in TERMINAL]
    assert old == []


def test_timers_follow_the_status() -> None:
    world = lived(5, 60)
    restarted = 0
    for row in list(world.executions.values())[70:]:
        timers = timers_of(row)
        assert all(end is None or start <= end for start, end in timers)
        assert all(end is not None for _, end in timers[:-1])
        if row["status"] in {"SUCCESS", "FAILURE", "STOPPED"}:
            assert timers[-1][1] is not None
            assert timers[-1][1] <= milliseconds(world.now)
        elif row["status"] == "RUNNING":
            assert timers[-1][1] is None
        restarted += len(timers) > 1
        texts = [line.text for line in world.log_lines(row["execution_id"])]
        assert texts or row["status"] in WAITING | {"RUNNING"}
    assert restarted > 0


def test_equal_lives() -> None:
    whole = lived(4, 30)
    steps = World.generate(4, 70, NOW)
    life = Life(steps, Clock(), seed=4)
    for second in range(1801):
        life.advance(NOW + second * SECOND)
    assert whole.executions == steps.executions
    assert whole.events == steps.events


def test_what_a_test_removes_or_ends_stays_so() -> None:
    world = World.generate(1, 70, NOW)
    life = Life(world, Clock())
    life.advance(NOW + 20 * SECOND)
    keys = [key for key, row in world.executions.items() if row["status"] not in TERMINAL]
    for key in keys[::2]:
        world.delete_execution(key)
    for key in keys[1::2]:
        world.update_execution(key, status="EXPIRED")
    life.advance(NOW + timedelta(minutes=10))
    assert not set(keys[::2]) & world.executions.keys()
    assert {world.executions[key]["status"] for key in keys[1::2]} == {"EXPIRED"}


async def test_a_life_followed_line_by_line() -> None:
    clock = Clock()
    world = World.generate(1, 70, NOW)
    simulator = Simulator(world, live=True, clock=clock, latest_only=False)
    adapter = adapter_over(httpx.ASGITransport(app=simulator.app))
    key = next(key for key, row in world.executions.items() if row["status"] == "PENDING" and not timers_of(row))
    follower = Follower(adapter.capabilities.log_late_seconds, LogPlace())
    got: list[LogLine] = []
    late = complete = False
    while not complete:
        clock.now += 2
        (execution,) = await adapter.fetch([execution_key(world.executions[key]["job_id"], key)])
        assert isinstance(execution, Execution)
        async for page in adapter.logs(execution, LogQuery(after=follower.start, rows=3)):
            new = follower.take(page.lines)
            late = late or bool(got and new and new[0].sequence < got[-1].sequence)
            got += new
            complete = page.complete
        assert complete is (execution.phase is ExecutionPhase.FINAL)
    assert sorted(line.text for line in got) == sorted(line.text for line in world.log_lines(key))
