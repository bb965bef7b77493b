"""CTL Runner is held to what every adapter is, with the list of all executions and without it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from adapters.ctl_runner import factory
from adapters.ctl_runner.simulator import Simulator
from adapters.ctl_runner.world import World
from gateway.model import Kind
from gateway.testing.conformance import AdapterConformance
from gateway.testing.faults import Fault, Misbehaving
from gateway.testing.harness import ORIGIN

NOW = datetime(2026, 11, 21, 19, 30, 5, 123456, tzinfo=UTC)
TOKEN = "s3cr3t-given"


class TestCtlRunnerConformance(AdapterConformance):
    factory = factory
    skips: ClassVar[Mapping[str, str]] = {
        "test_fetch_requests": "an execution is named by its job, which is read as well: one request more, "
        "held in test_ctl_runner_adapter.py",
    }

    size: ClassVar[int] = 118
    """More than one page of a hundred."""

    def make_upstream(self) -> Simulator:
        simulator = Simulator(World.generate(7, self.size, NOW))
        simulator.tokens.ends[TOKEN] = NOW + timedelta(days=1)
        return simulator

    def settings(self) -> Mapping[str, Any]:
        # A login would be one request more, and would meet the faults first: it is held in test_ctl_runner_faults.py.
        return {**factory.simulator_settings(ORIGIN), "auth": {"type": "bearer", "token": TOKEN}}

    def sizes(self, upstream: Any) -> Mapping[Kind, int]:
        return {"execution": len(upstream.world.executions), "job": len(upstream.world.jobs)}

    async def invent_status(self, upstream: Any, word: str) -> None:
        upstream.world.update_execution(next(iter(upstream.world.executions)), status=word)

    def misbehave(self, upstream: Any, fault: Fault | None, row: int = 0) -> Misbehaving:
        return Misbehaving(upstream.app, fault, row=row, more=endless)


class TestCtlRunnerWithoutTheListOfAll(TestCtlRunnerConformance):
    """Executions are read job by job; those of deleted jobs cannot be found."""

    skips: ClassVar[Mapping[str, str]] = {
        **TestCtlRunnerConformance.skips,
        "test_counts": "nothing counts all executions without the list of them",
        "test_unreadable_row": "the first list is that of the jobs: one that cannot be read costs its executions, too",
    }

    size = 64

    def make_upstream(self) -> Simulator:
        simulator = super().make_upstream()
        simulator.account_wide = False
        world = simulator.world
        for key in [key for key, row in world.executions.items() if row["job_id"] not in world.jobs]:
            world.delete_execution(key)
        return simulator


def endless(page: Any) -> Any:
    return {**page, "totalSize": 10**6} if isinstance(page, dict) and "totalSize" in page else page
