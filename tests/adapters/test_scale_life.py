"""Time in the simulated Scale: what proceeds, in which order, and that logs only grow."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.scale.simulator import Simulator
from adapters.scale.world import World
from adapters.scale.world_life import Life
from adapters.scale.world_logs import LogEntry
from gateway.logs import first_at, milliseconds_of
from gateway.model import Execution
from gateway.spi import LogQuery
from tests.adapters.scale_bench import NOW, Bench, key
from tests.adapters.scale_logs import as_true, joined
from tests.adapters.test_scale_simulator import client_of, get

FINAL = {"COMPLETED", "FAILED", "CANCELED"}
AFTER = {"QUEUED": {"RUNNING", "CANCELED"}, "RUNNING": FINAL, **{status: set() for status in FINAL}}


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def states(world: World) -> dict[int, str]:
    return {number: row["status"] for number, row in world.executions.items()}


def test_executions_proceed_as_scales_do() -> None:
    world, clock = World.generate(2, 80, NOW), Clock()
    life = Life(world, 1.0, clock)
    known = states(world)
    begun = dict(known)
    seen: Counter[tuple[str, str]] = Counter()
    for _ in range(1200):
        clock.seconds += 2
        life.catch_up()
        now = states(world)
        for number, status in now.items():
            before = known.get(number)
            if before is None:
                # Nobody looks often enough to see all of the shortest.
                seen["", "QUEUED"] += 1
            elif before != status:
                assert status in AFTER[before]
                seen[before, status] += 1
        known = now
    assert set(seen) >= {("", "QUEUED"), ("QUEUED", "RUNNING"), ("QUEUED", "CANCELED")}
    assert {("RUNNING", status) for status in FINAL} <= set(seen)
    assert all(known[number] in FINAL for number, status in begun.items() if status not in FINAL)
    assert Counter(row["job_id"] for number, row in world.executions.items() if number not in begun).most_common(1)[0][1] > 1
    assert any(world.executions_of(world.executions[number]["job_id"])[0]["id"] in begun for number in known.keys() - begun)
    assert world.now == NOW + timedelta(seconds=2400)


def test_rows_agree_with_their_status() -> None:
    world, clock = World.generate(4, 60, NOW), Clock()
    life = Life(world, 5.0, clock)
    for _ in range(200):
        clock.seconds += 3
        life.catch_up()
        for row in world.executions.values():
            status = row["status"]
            assert (row["ended"] is not None) == (status in FINAL)
            assert (row["error_id"] is not None) == (status == "FAILED")
            assert (row["id"] in world.queue) == (status == "QUEUED")
            instants = [row[name] for name in ("created", "started", "job_started", "job_completed", "ended") if row[name]]
            assert instants == sorted(instants)
            if status == "RUNNING":
                assert row["node_id"] is not None
                assert row["started"] <= world.now
            assert row["created"] <= world.now
    jobs = Counter(row["job_id"] for row in world.executions.values())
    assert all(world.jobs[job]["num_exes"] == count for job, count in jobs.items())


def test_equal_seeds_live_alike() -> None:
    def run(steps: list[float]) -> Any:
        world, clock = World.generate(3, 60, NOW), Clock()
        life = Life(world, 1.0, clock)
        for step in steps:
            clock.seconds += step
            life.catch_up()
        return world.executions, world.log_lines(max(world.executions))

    assert run([600.0]) == run([1.0, 299.0, 0.0, 150.5, 149.5])


def test_a_long_absence_is_made_up_for() -> None:
    world, clock = World.generate(3, 60, NOW), Clock()
    life = Life(world, 60.0, clock)
    clock.seconds = 86_400.0
    life.catch_up()
    assert world.now == NOW + timedelta(days=60)
    assert 60 < len(world.executions) < 1000
    last = max(row["created"] for row in world.executions.values())
    assert world.now - last < timedelta(minutes=10)


def test_clocks_that_go_back_and_executions_that_are_deleted() -> None:
    world, clock = World.generate(3, 60, NOW), Clock()
    life = Life(world, 1.0, clock)
    for number in [number for number, status in states(world).items() if status not in FINAL]:
        world.delete_execution(number)
    clock.seconds = 400.0
    life.catch_up()
    clock.seconds = 0.0
    life.catch_up()
    assert world.now == NOW + timedelta(seconds=400)


def test_logs_only_grow() -> None:
    world, clock = World.generate(5, 50, NOW), Clock()
    life = Life(world, 1.0, clock)
    open_ones = {number for number, status in states(world).items() if status not in FINAL}
    known: dict[int, set[LogEntry]] = {number: set() for number in open_ones}
    late = 0
    for _ in range(40):
        clock.seconds += 15
        life.catch_up()
        for number, before in known.items():
            now = set(world.log_entries(number))
            assert before <= now
            newest = max((entry.at for entry in before), default=datetime.min.replace(tzinfo=NOW.tzinfo))
            late += sum(entry.at < newest for entry in now - before)
            assert all(entry.at <= world.now for entry in now)
            known[number] = now
    assert all(known.values())
    assert late > 0


class TestSimulator:
    async def test_stands_still_unless_told(self) -> None:
        simulator = Simulator(World.generate(1, 50, NOW))
        for _ in range(3):
            await get(simulator, "version/")
        assert simulator.world.now == NOW

    @pytest.mark.parametrize("later", [True, False])
    async def test_proceeds_with_every_request(self, later: bool) -> None:
        clock = Clock()
        world = World.generate(1, 50, NOW)
        if later:
            simulator = Simulator(world)
            simulator.go_live(30.0, clock)
        else:
            simulator = Simulator(world, live=True, speed=30.0, clock=clock)
        before = (await get(simulator, "job-executions/?page_size=1")).json()["count"]
        clock.seconds = 60.0
        after = (await get(simulator, "job-executions/?page_size=1")).json()["count"]
        assert (simulator.world.now, before) == (NOW + timedelta(minutes=30), 50)
        assert after > 50

    async def test_tells_its_time(self) -> None:
        clock = Clock()
        simulator = Simulator(World.generate(1, 5, NOW), live=True, clock=clock)
        clock.seconds = 10.0
        async with client_of(simulator) as client:
            answer = await client.get("/scale/api/v3/version/")
        assert answer.headers["date"] == "Sat, 21 Nov 2026 20:30:22 GMT"


@pytest.mark.parametrize("generation", ["3", "4"])
async def test_the_adapter_follows_a_living_log(generation: str) -> None:
    """As the gateway follows: again from as far back as lines may come late, what is known left out."""
    bench, clock = Bench.open(50, seed=6, generation=generation), Clock()
    world, adapter = bench.world, bench.adapter
    bench.simulator.go_live(1.0, clock)
    for number in [number for number, status in states(world).items() if status == "RUNNING"]:
        clock.seconds += 1
        found: dict[int, Any] = {}
        late = round(adapter.capabilities.log_late_seconds * 1000)
        while True:
            clock.seconds += 4
            (execution,) = await adapter.fetch([key("execution", number)])
            assert isinstance(execution, Execution)
            after = first_at(milliseconds_of(max(found)) - late) - 1 if found else None
            pages = [page async for page in adapter.logs(execution, LogQuery(after=after, rows=100))]
            found |= {line.sequence: line for line in joined(pages)}
            if pages[-1].complete:
                break
        assert as_true(list(found.values())) == world.log_lines(number)
        assert world.executions[number]["status"] in FINAL


@pytest.mark.parametrize("generation", ["3", "4"])
async def test_every_log_of_a_generated_world(generation: str) -> None:
    bench = Bench.open(70, generation=generation)
    for number, row in bench.world.executions.items():
        (execution,) = await bench.adapter.fetch([key("execution", number)])
        assert isinstance(execution, Execution)
        pages = [page async for page in bench.adapter.logs(execution, LogQuery(rows=50))]
        assert as_true(joined(pages)) == bench.world.log_lines(number)
        assert pages[-1].complete == (row["status"] in FINAL)
        if row["status"] == "FAILED" and bench.world.errors[row["error_id"]]["name"] == "schema-migration-failed":
            assert any("schema migration 0042 failed" in line.text for page in pages for line in page.lines)
