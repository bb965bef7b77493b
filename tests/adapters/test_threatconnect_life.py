"""The simulated instance as time passes."""

from datetime import UTC, datetime, timedelta

import httpx

from adapters.threatconnect.simulator import Simulator
from adapters.threatconnect.world import World
from adapters.threatconnect.world_life import Life

NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
OPEN = {"Queued", "Running"}


class Clock:
    def __init__(self) -> None:
        self.now = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


def world() -> World:
    return World.generate(3, 120, NOW)


def test_work_starts_and_ends_and_more_comes() -> None:
    one = world()
    before = set(one.executions)
    open_ones = {key for key, row in one.executions.items() if row["status"] in OPEN}
    life = Life(one, Clock())
    life.advance(NOW + timedelta(hours=1))
    assert one.now == NOW + timedelta(hours=1)
    new = set(one.executions) - before
    assert len(new) > 20
    assert not any(one.executions[key]["status"] in OPEN for key in open_ones)
    ended = [one.executions[key] for key in new if one.executions[key]["status"] not in OPEN]
    assert {row["status"] for row in ended} == {"Completed", "Failed"}
    for row in ended:
        end = row["completedTime"] or row["failedTime"]
        assert NOW <= row["queueTime"] <= row["startTime"] <= end <= one.now
        assert (row["completedTime"] is None) is (row["status"] == "Failed")


def test_equal_seeds_live_alike_however_often_somebody_looks() -> None:
    one, other = world(), world()
    first, second = Life(one, Clock()), Life(other, Clock())
    first.advance(NOW + timedelta(minutes=30))
    for minutes in range(1, 31):
        second.advance(NOW + timedelta(minutes=minutes))
    assert one.executions == other.executions


async def test_a_simulator_lives_when_it_is_told_to() -> None:
    clock = Clock()
    simulator = Simulator(world(), clock=clock)
    still = {key: dict(row) for key, row in simulator.world.executions.items()}

    async def look() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(simulator.app), base_url="http://tc.example") as client:
            await client.get("/api/v3/job/executions")

    clock.now += 3600
    await look()
    assert simulator.world.executions == still
    simulator.go_live(speed=10)
    clock.now += 60
    await look()
    assert simulator.world.now == NOW + timedelta(minutes=10)
    assert simulator.world.executions != still
