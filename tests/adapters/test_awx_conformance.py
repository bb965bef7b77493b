"""AWX is held to what every adapter is."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from adapters.awx import factory
from adapters.awx.simulator import Simulator
from adapters.awx.simulator_accounts import Account
from adapters.awx.world import World
from gateway.model import Kind
from gateway.testing.conformance import AdapterConformance

NOW = datetime(2026, 11, 21, 19, 30, 5, 123456, tzinfo=UTC)
TOKEN = "s3cr3t-token"
OTHER_TYPES = ("workflow_job", "project_update", "inventory_update", "ad_hoc_command", "system_job")


class TestAwxConformance(AdapterConformance):
    factory = factory
    types: tuple[str, ...] = ("job",)

    def make_upstream(self) -> Simulator:
        world = World.generate(7, 70, NOW)
        template = world.add_template("Déploiement: 50% of a/b, then c_d")
        host = world.add_host("wéb:1/2%, old")
        for status in ("successful", "failed", "pending", "successful"):
            # Equal instants, and some without a start or an end.
            began = None if status == "pending" else NOW - timedelta(hours=1)
            ended = None if began is None else NOW - timedelta(minutes=55)
            job = world.add_execution(job_template=template, status=status, started=began, finished=ended)
            if ended is not None:
                world.add_summary(job, host, ok=1)
        world.delete_host(host)
        world.add_workflows()
        self.furnish(world)
        return Simulator(world, accounts=[Account("admin", "", tokens=(TOKEN,))])

    def furnish(self, world: World) -> None:
        """Runs of other types, which nobody sees who did not ask for them."""
        for number, kind in enumerate(OTHER_TYPES):
            began = NOW - timedelta(hours=1 + number)
            for status, started in (("successful", began), ("pending", None)):
                row_id = world.add_unified_job(
                    kind, status=status, created=began, started=started, finished=started and NOW - timedelta(minutes=3)
                )
                if kind not in ("workflow_job", "project_update"):
                    world.update_execution(row_id, controller_node="awx-1.example.org")
                if kind != "workflow_job":
                    world.update_execution(row_id, execution_node="exec-a.example.org", name="s, Ü: 50%")

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "auth": {"type": "bearer", "token": TOKEN}, "job_types": list(self.types)}

    def sizes(self, upstream: Any) -> Mapping[Kind, int]:
        world = upstream.world
        jobs = [row for row in world.executions.values() if row["type"] in self.types]
        return {
            "execution": len(jobs),
            "job": len(world.job_templates),
            "node": len(world.hosts) + len(world.instances),
        }

    async def invent_status(self, upstream: Any, word: str) -> None:
        rows = upstream.world.executions.values()
        upstream.world.update_execution(max(row["id"] for row in rows if row["type"] == self.types[0]), status=word)


class TestAwxUnifiedConformance(TestAwxConformance):
    """Every type of unified job."""

    types = ("job", *OTHER_TYPES)


class TestAwxWorkflowConformance(TestAwxConformance):
    """Types of which AWX compares the names that it shows, jobs not among them."""

    types = ("workflow_job", "project_update", "inventory_update", "system_job")
    skips: ClassVar[Mapping[str, str]] = {
        "test_targets": "AWX keeps results by host for jobs alone, and these are none",
        "test_abilities_are_methods": "the method is there for jobs, of which this source lists none",
    }
