"""ThreatConnect is held to what every adapter is, whatever TQL parameters the server offers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from adapters.threatconnect import ThreatConnectSettings, factory
from adapters.threatconnect.simulator import Simulator
from adapters.threatconnect.simulator_tables import Profile
from adapters.threatconnect.world import World
from gateway.model import Kind
from gateway.testing.conformance import AdapterConformance

NOW = datetime(2026, 11, 21, 19, 30, 5, tzinfo=UTC)


class TestThreatConnectConformance(AdapterConformance):
    factory = factory
    profile = Profile.FULL
    skips: ClassVar[Mapping[str, str]] = {
        "test_fetch_requests": "only jobs have names: executions take one request more for their jobs, however many they"
        " are (counted in test_threatconnect_adapter.TestFetch)",
    }

    def make_upstream(self) -> Simulator:
        world = World.generate(7, 70, NOW)
        world.jobs[min(world.jobs)]["name"] = "déploy: 50% of a/b, c_d"
        # The suite takes "1/2" for no id.
        world.update_execution(2, jobId=max(world.jobs))
        world.add_execution(status="Failed", exitMessage="login refused: api_token=s3cr3t-exit\n")
        return Simulator(world, profile=self.profile)

    def sizes(self, upstream: Any) -> Mapping[Kind, int]:
        return {"execution": len(upstream.world.executions), "job": len(upstream.world.jobs)}

    async def invent_status(self, upstream: Any, word: str) -> None:
        upstream.world.update_execution(min(upstream.world.executions), status=word)


class TestThreatConnectMinimalConformance(TestThreatConnectConformance):
    """A server that offers no more than public examples show."""

    profile = Profile.MINIMAL

    def settings(self) -> Mapping[str, Any]:
        proven = ThreatConnectSettings.model_fields
        return {
            **super().settings(),
            "execution_parameters": proven["execution_parameters"].default,
            "job_parameters": proven["job_parameters"].default,
        }
