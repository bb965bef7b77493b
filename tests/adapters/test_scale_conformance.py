"""Scale is held to what every adapter is."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from adapters.scale import factory
from adapters.scale.simulator import Simulator
from adapters.scale.world import World
from gateway.model import Kind
from gateway.testing.conformance import AdapterConformance
from gateway.testing.harness import ORIGIN

NOW = datetime(2026, 11, 21, 19, 30, 5, 123456, tzinfo=UTC)


class TestScaleConformance(AdapterConformance):
    factory = factory
    generation = "3"

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "base_url": f"{ORIGIN}/scale/api/v{self.generation}/"}

    def make_upstream(self) -> Simulator:
        world = World.generate(7, 70, NOW)
        world.job_types[max(world.job_types)]["name"] = "déploy: 50% of a/b, c_d"
        world.nodes[max(world.nodes)]["hostname"] = "nöde/1%"
        key = world.add_execution(created=NOW - timedelta(hours=1), environment={"DB_PASSWORD": "s3cr3t-environment"})
        world.jobs[world.executions[key]["job_id"]]["data"] = {"input_data": [{"name": "api_token", "value": "s3cr3t-data"}]}
        return Simulator(world, generation=self.generation)

    def sizes(self, upstream: Any) -> Mapping[Kind, int]:
        world = upstream.world
        return {"execution": len(world.executions), "job": len(world.jobs), "node": len(world.nodes)}

    async def invent_status(self, upstream: Any, word: str) -> None:
        upstream.world.update_execution(min(upstream.world.executions), status=word)


class TestScale4Conformance(TestScaleConformance):
    """Release 4.4.2 through API v4: other releases serve v4 and v5 as well, so that the adapter asks which one it is."""

    generation = "4"
    skips: ClassVar[Mapping[str, str]] = {
        "test_fetch_requests": "the very first read asks for the release besides; test_scale_releases counts what follows",
    }
