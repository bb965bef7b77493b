"""Scale (API v3 to v5), NGA's processing cluster. Importing this is cheap; README.md says what integrators should know."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import Field

from gateway.config import SourceSettings
from gateway.spi import DetailTypes
from gateway.transport import SourceClient

if TYPE_CHECKING:
    from adapters.scale.adapter import ScaleAdapter
    from adapters.scale.simulator import Simulator

__all__ = ["ScaleFactory", "ScaleSettings", "factory"]


class ScaleSettings(SourceSettings):
    """What a Scale source needs: ``base_url`` with the version, such as ``https://scale.example/scale/api/v3/``.

    Scale answers with four workers out of the box, and slowly, so ``max_concurrency`` is small.
    """

    base_url: str
    max_concurrency: int = Field(4, ge=1)


class ScaleFactory:
    """Opens Scale sources, and simulated ones."""

    kind = "scale"
    settings: type[SourceSettings] = ScaleSettings

    def details(self) -> DetailTypes:
        from adapters.scale.capabilities import CAPABILITIES
        from adapters.scale.details import ScaleExecutionDetails, ScaleJobDetails, ScaleNodeDetails

        return DetailTypes(
            job=(ScaleJobDetails,),
            execution=(ScaleExecutionDetails,),
            node=(ScaleNodeDetails,),
            costs=CAPABILITIES.costs,
        )

    def open(self, name: str, settings: ScaleSettings, client: SourceClient) -> "ScaleAdapter":
        from adapters.scale.adapter import ScaleAdapter

        return ScaleAdapter(name, settings, client)

    def simulator(self, *, seed: int, size: int, now: datetime) -> "Simulator":
        from adapters.scale.simulator import Simulator
        from adapters.scale.world import World

        return Simulator(World.generate(seed, size, now))

    def simulator_settings(self, origin: str) -> dict[str, Any]:
        return {"kind": self.kind, "base_url": f"{origin}/scale/api/v3/"}


factory = ScaleFactory()
