"""The simulated AWX lives: jobs begin, print, end and begin anew as its clock goes, and a reader misses nothing."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from adapters.awx import factory
from adapters.awx.simulator import Simulator
from adapters.awx.world import World
from adapters.awx.world_rows import ACTIVE
from gateway.model import ExecutionPhase, LogLine
from gateway.spi import LogQuery
from tests.adapters.awx_bench import NOW, Bench, adapter_on, key, logged

ORDER = ("new", "pending", "waiting", "running")


class Clock:
    """Seconds, as the test sets them."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def living(clock: Clock, speed: float = 1.0, size: int = 60) -> Bench:
    world = World.generate(3, size, NOW)
    simulator = Simulator(world, speed=speed, clock=clock)
    return Bench(adapter_on(httpx.ASGITransport(app=simulator.app)), simulator)


async def test_worlds_stand_still_unless_told_otherwise(clock: Clock) -> None:
    simulator = Simulator(World.generate(3, 60, NOW), clock=clock)
    bench = Bench(adapter_on(httpx.ASGITransport(app=simulator.app)), simulator)
    before = {row_id: dict(row) for row_id, row in bench.world.executions.items()}
    clock.seconds += 3600
    await bench.adapter.ping()
    assert (bench.world.now, bench.world.executions) == (NOW, before)
    simulator.go_live(60)
    clock.seconds += 60
    await bench.adapter.ping()
    assert bench.world.now == NOW + timedelta(hours=1)
    assert bench.world.executions != before


async def test_the_factorys_simulator_can_go_live() -> None:
    simulator = factory.simulator(seed=1, size=40, now=datetime.now(UTC))
    simulator.go_live(1000)
    before = simulator.world.now
    await adapter_on(httpx.ASGITransport(app=simulator.app)).ping()
    assert simulator.world.now > before


async def test_jobs_go_through_their_stages(clock: Clock) -> None:
    bench = living(clock)
    stages: defaultdict[int, list[str]] = defaultdict(list)
    first = set(bench.world.executions)
    for _ in range(1500):
        clock.seconds += 1
        await bench.adapter.ping()
        for row_id, row in bench.world.executions.items():
            if not stages[row_id] or stages[row_id][-1] != row["status"]:
                stages[row_id].append(row["status"])
    rows = bench.world.executions
    new = [row_id for row_id in rows if row_id not in first]
    assert len(new) > 30
    assert {rows[row_id]["status"] for row_id in rows} >= {"successful", "failed", "canceled", "running"}
    assert any(rows[row_id]["launch_type"] == "relaunch" for row_id in new)
    for found in stages.values():
        opened = [status for status in found if status in ACTIVE]
        assert opened == sorted(opened, key=ORDER.index)
        assert len(found) - len(opened) <= 1
    for row_id in first:
        assert rows[row_id]["status"] not in ACTIVE
    for row in rows.values():
        check(row)
        template = bench.world.job_templates.get(row.get("job_template") or 0)
        assert template is None or template["summary_fields"]["recent_jobs"]
    for row_id in new:
        summaries = [one for one in bench.world.job_host_summaries.values() if one["job"] == row_id]
        over = rows[row_id]["status"] in ("successful", "failed")
        assert bool(summaries) is over
        assert any(one["failed"] for one in summaries) is (rows[row_id]["status"] == "failed")
    ids = [row_id for row_id, one in bench.world.job_host_summaries.items() if one["id"] == row_id]
    assert len(ids) == len(bench.world.job_host_summaries)


def check(row: dict) -> None:
    """What holds of every record of a run."""
    instants = [datetime.fromisoformat(row[name]) for name in ("created", "started", "finished") if row[name]]
    assert instants == sorted(instants)
    assert (row["finished"] is None) is (row["status"] in ACTIVE)
    assert row["failed"] is (row["status"] in ("failed", "error", "canceled"))
    assert row["started"] is not None or row["status"] not in ("running", "successful", "failed")
    assert (row["canceled_on"] is None) or row["status"] in ("running", "canceled", "successful", "failed", "error")


async def test_followers_of_every_log_miss_nothing(clock: Clock) -> None:
    """Each log is read on every few seconds, from its first line to the page that says that it is complete."""
    bench = living(clock, size=40)
    lines: defaultdict[int, list[LogLine]] = defaultdict(list)
    complete: set[int] = set()
    watched = [row_id for row_id, row in bench.world.executions.items() if row["status"] in ACTIVE]
    for _ in range(130):
        clock.seconds += 4
        for row_id in watched:
            if row_id in complete:
                continue
            after = lines[row_id][-1].sequence if lines[row_id] else None
            log = await logged(bench.adapter, await bench.execution(row_id), LogQuery(after=after))
            assert not log.truncated
            lines[row_id] += log.lines
            if log.complete:
                complete.add(row_id)
    assert complete == set(watched)
    for row_id in watched:
        texts = [line.text for line in bench.world.log_lines(row_id)]
        assert [line.text for line in lines[row_id]] == texts
        status = bench.world.executions[row_id]["status"]
        assert status == "canceled" or any("PLAY RECAP" in text for text in texts) is (status != "error")
        assert any("fatal:" in text for text in texts) is (status == "failed")


async def test_a_job_stops_when_it_is_canceled(clock: Clock) -> None:
    bench = living(clock)
    job = next(row_id for row_id, row in bench.world.executions.items() if row["status"] == "running")
    queued = next(row_id for row_id, row in bench.world.executions.items() if row["status"] == "pending")
    headers = {"Authorization": "Bearer admin-token"}
    transport = httpx.ASGITransport(app=bench.simulator.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://awx", headers=headers) as client:
        for row_id in (job, queued):
            assert (await client.post(f"/api/v2/jobs/{row_id}/cancel/")).status_code == 202
    clock.seconds += 8
    execution = await bench.execution(job)
    assert execution.phase is ExecutionPhase.FINAL
    clock.seconds += 10
    assert (await bench.execution(queued)).raw_status == "canceled"
    log = await logged(bench.adapter, execution)
    assert log.complete
    assert "PLAY RECAP" not in "".join(line.text for line in log.lines)


async def test_deleted_jobs_and_other_types_do_not_stop_it(clock: Clock) -> None:
    world = World.generate(3, 60, NOW)
    kinds = ("project_update", "inventory_update", "ad_hoc_command", "system_job", "workflow_job")
    others = [world.add_unified_job(kind) for kind in kinds]
    simulator = Simulator(world, speed=1.0, clock=clock)
    adapter = adapter_on(httpx.ASGITransport(app=simulator.app), job_types=["job", *kinds])
    bench = Bench(adapter, simulator)
    for row_id in [row_id for row_id, row in world.executions.items() if row["status"] in ACTIVE and row["type"] == "job"]:
        world.delete_execution(row_id)
    clock.seconds += 1200
    for row_id in others:
        execution = await bench.execution(row_id)
        assert execution.phase is ExecutionPhase.FINAL
        log = await logged(bench.adapter, execution)
        assert log.complete
        assert bool(log.lines) is (world.executions[row_id]["type"] != "workflow_job")


async def test_a_long_sleep_is_caught_up_with(clock: Clock) -> None:
    bench = living(clock, size=200)
    clock.seconds += 6 * 3600
    await bench.adapter.ping()
    assert bench.world.now == NOW + timedelta(hours=6)
    assert len(bench.world.executions) > 600
    (newest,) = await bench.adapter.fetch([key("execution", max(bench.world.executions))])
    assert not isinstance(newest, Exception)


async def test_it_is_the_same_life_however_often_one_looks(clock: Clock) -> None:
    once = living(clock)
    clock.seconds += 900
    await once.adapter.ping()
    clock.seconds = 100.0
    often = living(clock)
    for _ in range(90):
        clock.seconds += 10
        await often.adapter.ping()
    assert once.world.executions == often.world.executions
    job = max(row_id for row_id, row in once.world.executions.items() if row["started"])
    assert once.world.log_lines(job) == often.world.log_lines(job)
