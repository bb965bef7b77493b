"""AWS IoT is held to what every adapter is."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from adapters.aws_iot import factory
from adapters.aws_iot.simulator import Simulator
from adapters.aws_iot.world import World
from gateway.model import Kind
from gateway.testing.conformance import AdapterConformance
from gateway.testing.faults import Fault, Misbehaving
from gateway.testing.harness import ORIGIN

NOW = datetime(2026, 11, 21, 19, 30, 5, 123000, tzinfo=UTC)
FAST = {"rate": 100_000.0, "burst": 1000, "ceiling": 100_000, "in_flight": 8}


class TestAwsIotConformance(AdapterConformance):
    factory = factory
    skips: ClassVar[Mapping[str, str]] = {
        "test_unreadable_row": "the first list is that of the jobs: one that cannot be read costs its executions, too; "
        "held in test_aws_iot_damage.py",
    }

    size: ClassVar[int] = 110

    def make_upstream(self) -> Simulator:
        return Simulator(World.generate(7, self.size, NOW), quotas={})

    def settings(self) -> Mapping[str, Any]:
        # Quotas are held in test_aws_iot_quotas.py, kept lists in test_aws_iot_adapter.py.
        return {**factory.simulator_settings(ORIGIN), "quota": FAST, "quotas": {}, "keep_seconds": 0}

    def sizes(self, upstream: Any) -> Mapping[Kind, int]:
        world = upstream.world
        return {"execution": len(world.executions), "job": len(world.jobs), "node": len(world.things)}

    async def invent_status(self, upstream: Any, word: str) -> None:
        upstream.world.update_execution(next(iter(upstream.world.executions)), status=word)

    def misbehave(self, upstream: Any, fault: Fault | None, row: int = 0) -> Misbehaving:
        return Misbehaving(upstream.app, fault, row=row, more=endless)


def endless(page: Any) -> Any:
    return {**page, "nextToken": "the-same"} if isinstance(page, dict) and page.keys() & {"jobs", "things"} else page
