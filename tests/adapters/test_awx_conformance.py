"""AWX is held to what every adapter is."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.awx import factory
from adapters.awx.simulator import Simulator
from adapters.awx.simulator_accounts import Account
from adapters.awx.world import World
from gateway.model import Kind
from gateway.testing.conformance import AdapterConformance

NOW = datetime(2026, 11, 21, 19, 30, 5, 123456, tzinfo=UTC)
TOKEN = "s3cr3t-token"


class TestAwxConformance(AdapterConformance):
    factory = factory

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
        return Simulator(world, accounts=[Account("admin", "", tokens=(TOKEN,))])

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "auth": {"type": "bearer", "token": TOKEN}}

    def sizes(self, upstream: Any) -> Mapping[Kind, int]:
        world = upstream.world
        jobs = [row for row in world.executions.values() if row["type"] == "job"]
        return {
            "execution": len(jobs),
            "job": len(world.job_templates),
            "node": len(world.hosts) + len(world.instances),
        }

    async def invent_status(self, upstream: Any, word: str) -> None:
        upstream.world.update_execution(max(upstream.world.executions), status=word)
