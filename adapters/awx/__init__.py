"""AWX and automation controller as a source: executions are its jobs, jobs are its job templates."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import field_validator

from gateway.config import SourceSettings
from gateway.spi import DetailTypes

if TYPE_CHECKING:
    from adapters.awx.adapter import AwxAdapter
    from adapters.awx.simulator import Simulator
    from gateway.transport import SourceClient

__all__ = ["AwxFactory", "AwxSettings", "JobType", "factory"]

JobType = Literal["job", "workflow_job", "project_update", "inventory_update", "ad_hoc_command", "system_job"]
"""AWX's types of unified job (contracts/awx.md section 3)."""


class AwxSettings(SourceSettings):
    """What an AWX source needs: ``base_url`` with the version, such as ``https://awx.example/api/v2/``.

    ``job_types`` names the types of unified job that are executions here, AWX's jobs alone unless given. ``websocket`` says
    whether AWX's websocket is listened to for changes of what is being watched.
    """

    base_url: str
    job_types: tuple[JobType, ...] = ("job",)
    websocket: bool = True

    @field_validator("job_types")
    @classmethod
    def _are_a_set(cls, types: tuple[JobType, ...]) -> tuple[JobType, ...]:
        if not types or len(set(types)) < len(types):
            raise ValueError("names each type once, and at least one")
        return types


class AwxFactory:
    """Opens AWX sources, and simulates AWX. Everything it needs is imported when it is needed."""

    kind = "awx"
    settings = AwxSettings

    def details(self) -> DetailTypes:
        from adapters.awx import details
        from adapters.awx.capabilities import CAPABILITIES
        from adapters.awx.details_execution import AwxExecutionDetails

        return DetailTypes(
            job=(details.AwxJobTemplateDetails,),
            execution=(AwxExecutionDetails,),
            node=(details.AwxHostDetails, details.AwxInstanceDetails),
            costs=CAPABILITIES.costs,
        )

    def open(self, name: str, settings: Any, client: "SourceClient") -> "AwxAdapter":
        from adapters.awx.adapter import AwxAdapter

        return AwxAdapter(name, settings, client)

    def simulator(self, *, seed: int, size: int, now: datetime) -> "Simulator":
        from adapters.awx.simulator import Simulator
        from adapters.awx.world import MINIMUM_SIZE, World

        world = World.generate(seed, max(size, MINIMUM_SIZE), now)
        world.add_workflows()
        return Simulator(world)

    def simulator_settings(self, origin: str) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "base_url": f"{origin}/api/v2/",
            "auth": {"type": "bearer", "token": "admin-token"},
            "expose_raw": True,
        }


factory = AwxFactory()
