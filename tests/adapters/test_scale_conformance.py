"""Scale is held to what every adapter is."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from adapters.scale import factory
from adapters.scale.simulator import Simulator
from adapters.scale.world import World
from gateway.model import Kind
from gateway.testing.conformance import AdapterConformance

NOW = datetime(2026, 11, 21, 19, 30, 5, 123456, tzinfo=UTC)


class TestScaleConformance(AdapterConformance):
    factory = factory

    def make_upstream(self) -> Simulator:
        world = World.generate(7, 70, NOW)
        world.job_types[max(world.job_types)]["name"] = "déploy: 50% of a/b, c_d"
        world.nodes[max(world.nodes)]["hostname"] = "nöde/1%"
        key = world.add_execution(environment={"DB_PASSWORD": "s3cr3t-environment"})
        world.jobs[world.executions[key]["job_id"]]["data"] = {"input_data": [{"name": "api_token", "value": "s3cr3t-data"}]}
        return Simulator(world)

    def sizes(self, upstream: Any) -> Mapping[Kind, int]:
        world = upstream.world
        return {"execution": len(world.executions), "job": len(world.jobs), "node": len(world.nodes)}

    async def invent_status(self, upstream: Any, word: str) -> None:
        upstream.world.update_execution(min(upstream.world.executions), status=word)
