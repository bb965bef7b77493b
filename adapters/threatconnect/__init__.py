"""ThreatConnect v3, a threat intelligence platform: its jobs and their executions. Importing this is cheap.

README.md says what integrators should know.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from gateway.config import SourceSettings
from gateway.spi import DetailTypes
from gateway.transport import SourceClient

if TYPE_CHECKING:
    from adapters.threatconnect.adapter import ThreatConnectAdapter
    from adapters.threatconnect.simulator import Simulator

__all__ = ["ThreatConnectFactory", "ThreatConnectSettings", "factory"]


class ThreatConnectSettings(SourceSettings):
    """What a ThreatConnect source needs: ``base_url`` of its API, such as ``https://tc.example/api/``.

    Which TQL keywords may be used to filter and to sort, the server says under ``OPTIONS /v3/job/executions/tql`` and
    ``OPTIONS /v3/jobs/tql``. ``execution_parameters`` and ``job_parameters`` say it in its place: it is not asked then.
    """

    base_url: str
    execution_parameters: frozenset[str] | None = None
    job_parameters: frozenset[str] | None = None


class ThreatConnectFactory:
    """Opens ThreatConnect sources, and simulated ones."""

    kind = "threatconnect"
    settings: type[SourceSettings] = ThreatConnectSettings

    def details(self) -> DetailTypes:
        from adapters.threatconnect.details import ThreatConnectExecutionDetails, ThreatConnectJobDetails
        from adapters.threatconnect.planning import COSTS

        return DetailTypes(job=(ThreatConnectJobDetails,), execution=(ThreatConnectExecutionDetails,), costs=COSTS)

    def open(self, name: str, settings: ThreatConnectSettings, client: SourceClient) -> "ThreatConnectAdapter":
        from adapters.threatconnect.adapter import ThreatConnectAdapter

        return ThreatConnectAdapter(name, settings, client)

    def simulator(self, *, seed: int, size: int, now: datetime) -> "Simulator":
        from adapters.threatconnect.simulator import Simulator
        from adapters.threatconnect.world import World

        return Simulator(World.generate(seed, size, now))

    def simulator_settings(self, origin: str) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "base_url": f"{origin}/api/",
            "auth": {"type": "token", "token": "APIV2:s3cr3t-token"},
        }


factory = ThreatConnectFactory()
