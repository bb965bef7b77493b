"""CenturyLink (Lumen) Cloud Runner. Importing this is cheap; README.md says what integrators should know."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import Field

from gateway.config import SourceSettings
from gateway.spi import DetailTypes
from gateway.transport import SourceClient

if TYPE_CHECKING:
    from adapters.ctl_runner.adapter import CtlRunnerAdapter
    from adapters.ctl_runner.simulator import Simulator

__all__ = ["CtlRunnerFactory", "CtlRunnerSettings", "factory"]


class CtlRunnerSettings(SourceSettings):
    """What a Runner source needs: ``base_url``, such as ``https://api.runner.ctl.io/``, and the account.

    ``account_alias`` is the account whose jobs are read. It may be a sub-account of the one that the login answers.
    """

    base_url: str
    account_alias: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")


class CtlRunnerFactory:
    """Opens Runner sources, and simulated ones."""

    kind = "ctl-runner"
    settings: type[SourceSettings] = CtlRunnerSettings

    def details(self) -> DetailTypes:
        from adapters.ctl_runner.capabilities import CAPABILITIES
        from adapters.ctl_runner.details import CtlExecutionDetails, CtlJobDetails

        return DetailTypes(job=(CtlJobDetails,), execution=(CtlExecutionDetails,), costs=CAPABILITIES.costs)

    def open(self, name: str, settings: CtlRunnerSettings, client: SourceClient) -> "CtlRunnerAdapter":
        from adapters.ctl_runner.adapter import CtlRunnerAdapter

        return CtlRunnerAdapter(name, settings, client)

    def simulator(self, *, seed: int, size: int, now: datetime) -> "Simulator":
        from adapters.ctl_runner.simulator import Simulator
        from adapters.ctl_runner.world import World

        return Simulator(World.generate(seed, size, now), latest_only=False)

    def simulator_settings(self, origin: str) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "base_url": f"{origin}/",
            "account_alias": "DEMO",
            "auth": {
                "type": "login",
                "login_url": f"{origin}/v2/authentication/login",
                "username": "demouser1",
                # The simulator's own; it opens nothing else.
                "password": "s3cr3t-password",
            },
        }


factory = CtlRunnerFactory()
