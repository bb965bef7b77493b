"""AWX and automation controller as a source: executions are its jobs, jobs are its job templates."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from gateway.config import SourceSettings
from gateway.spi import DetailTypes

if TYPE_CHECKING:
    from adapters.awx.adapter import AwxAdapter
    from adapters.awx.simulator import Simulator
    from gateway.transport import SourceClient

__all__ = ["AwxFactory", "AwxSettings", "factory"]


class AwxSettings(SourceSettings):
    """What an AWX source needs: ``base_url`` with the version, such as ``https://awx.example/api/v2/``."""

    base_url: str


class AwxFactory:
    """Opens AWX sources, and simulates AWX. Everything it needs is imported when it is needed."""

    kind = "awx"
    settings = AwxSettings

    def details(self) -> DetailTypes:
        from adapters.awx import details
        from adapters.awx.capabilities import CAPABILITIES

        return DetailTypes(
            job=(details.AwxJobTemplateDetails,),
            execution=(details.AwxExecutionDetails,),
            node=(details.AwxHostDetails, details.AwxInstanceDetails),
            costs=CAPABILITIES.costs,
        )

    def open(self, name: str, settings: Any, client: "SourceClient") -> "AwxAdapter":
        from adapters.awx.adapter import AwxAdapter

        return AwxAdapter(name, settings, client)

    def simulator(self, *, seed: int, size: int, now: datetime) -> "Simulator":
        from adapters.awx.simulator import Simulator
        from adapters.awx.world import MINIMUM_SIZE, World

        return Simulator(World.generate(seed, max(size, MINIMUM_SIZE), now))

    def simulator_settings(self, origin: str) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "base_url": f"{origin}/api/v2/",
            "auth": {"type": "bearer", "token": "admin-token"},
            "expose_raw": True,
        }


factory = AwxFactory()
