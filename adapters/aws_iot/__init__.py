"""AWS IoT Jobs. Importing this is cheap; README.md says what integrators should know."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from gateway.config import NoAuth, Secret, SourceSettings, Strict
from gateway.limits import Quota
from gateway.sigv4 import Keys, require_botocore
from gateway.spi import DetailTypes
from gateway.transport import SourceClient

if TYPE_CHECKING:
    from adapters.aws_iot.adapter import AwsIotAdapter
    from adapters.aws_iot.simulator import Simulator

__all__ = ["AwsIotFactory", "AwsIotSettings", "QuotaSettings", "factory"]


class QuotaSettings(Strict):
    """How often one operation of one account and Region may be called (DECISIONS 14; contracts/aws_iot.md section 2).

    ``rate`` calls a second, ``burst`` at once after a pause, never more than ``ceiling`` in any second, ``in_flight`` at
    once. AWS allows 10 a second to everybody who uses the account. All of this process share it; workers divide it.
    """

    rate: float = Field(8.0, gt=0)
    burst: int = Field(2, ge=1)
    ceiling: int = Field(10, ge=1)
    in_flight: int = Field(4, ge=1)

    def quota(self) -> Quota:
        """The quota itself."""
        return Quota(self.rate, self.burst, self.ceiling, self.in_flight)


# AWS allows 350 a second.
_DESCRIBE_THING = QuotaSettings(rate=100.0, burst=10, ceiling=120, in_flight=8)
# CloudWatch Logs allows 5 a second where it allows least, and never more (contracts/aws_iot.md section 2).
_LOGS = QuotaSettings(rate=4.0, burst=1, ceiling=5, in_flight=2)
# Characters that names may have in CloudWatch; what the braces stand for is checked for each execution.
_GROUP = r"^(?:[.\-_/#A-Za-z0-9]|\{(?:jobId|thingName|executionNumber)\})+$"
_STREAM = r"^(?:[^:*{}]|\{(?:jobId|thingName|executionNumber)\})+$"


class AwsIotSettings(SourceSettings):
    """What an AWS IoT source needs: its ``region``. Credentials come from AWS's standard chain.

    ``account`` tells sources of different accounts apart, whose quotas differ; it matters only where several use different
    credentials. ``profile`` names a profile of the shared AWS files. ``access_key_id`` with ``secret_access_key``, and
    perhaps ``session_token``, are used instead of the chain. ``endpoint_url`` is another address than AWS's own.
    ``quota`` bounds each operation, ``quotas`` single ones by name. ``keep_seconds`` is how long lists that were read
    serve the pages, orders and filters after them.

    ``log_group`` and ``log_stream`` name the streams of CloudWatch Logs to which devices write what executions print, with
    ``{jobId}``, ``{thingName}`` and ``{executionNumber}``; without ``log_group`` there are no logs. ``logs_endpoint_url`` is
    another address than AWS's own, ``logs_quota`` how often each of its operations may be called. ``log_late_seconds`` is
    how much later than newer ones events may arrive.
    """

    region: str = Field(pattern=r"^[a-z]{2,4}(-[a-z]+)+-[0-9]+$")
    account: str = ""
    profile: str | None = None
    access_key_id: str | None = None
    secret_access_key: Secret | None = None
    session_token: Secret | None = None
    endpoint_url: str | None = Field(None, pattern=r"^https?://[^/?#]+/?$")
    quota: QuotaSettings = QuotaSettings()
    quotas: Mapping[str, QuotaSettings] = {"DescribeThing": _DESCRIBE_THING}
    keep_seconds: float = Field(60.0, ge=0)
    log_group: str | None = Field(None, pattern=_GROUP)
    log_stream: str = Field("{thingName}", pattern=_STREAM)
    logs_endpoint_url: str | None = Field(None, pattern=r"^https?://[^/?#]+/?$")
    logs_quota: QuotaSettings = _LOGS
    log_late_seconds: float = Field(10.0, ge=0, le=3600)

    @model_validator(mode="after")
    def _own_ways(self) -> "AwsIotSettings":
        if self.base_url is not None:
            raise ValueError("AWS IoT has `region` and `endpoint_url` instead of `base_url`")
        if not isinstance(self.auth, NoAuth):
            raise ValueError("AWS IoT takes its credentials from AWS's standard chain, not from `auth`")  # noqa: TRY004
        if (self.access_key_id is None) is not (self.secret_access_key is None):
            raise ValueError("`access_key_id` and `secret_access_key` are given together")
        if self.log_group is not None and not all(
            name in self.log_group + self.log_stream for name in ("{jobId}", "{thingName}")
        ):
            raise ValueError("`log_group` and `log_stream` together hold {jobId} and {thingName}, or logs would be mixed up")
        return self

    @property
    def address(self) -> str:
        """Where the control plane is."""
        if self.endpoint_url is not None:
            return self.endpoint_url.rstrip("/") + "/"
        return self._address("iot")

    @property
    def logs_address(self) -> str:
        """Where CloudWatch Logs is."""
        if self.logs_endpoint_url is not None:
            return self.logs_endpoint_url.rstrip("/") + "/"
        return self._address("logs")

    def _address(self, service: str) -> str:
        return f"https://{service}.{self.region}.amazonaws.com{'.cn' if self._is_chinese else ''}/"

    @property
    def console(self) -> str | None:
        """Where pages of the AWS console begin; None where the address is not AWS's."""
        if self.ui_url is not None:
            return self.ui_url
        if self.endpoint_url is not None:
            return None
        console = "console.amazonaws.cn" if self._is_chinese else "console.aws.amazon.com"
        return f"https://{self.region}.{console}/iot/home?region={self.region}"

    @property
    def _is_chinese(self) -> bool:
        """Whether the Region belongs to AWS China, which has domains of its own."""
        return self.region.startswith("cn-")

    @property
    def keys(self) -> Keys | None:
        """The configured access key, if there is one."""
        if self.access_key_id is None or self.secret_access_key is None:
            return None
        token = None if self.session_token is None else self.session_token.get_secret_value()
        return Keys(self.access_key_id, self.secret_access_key.get_secret_value(), token)

    @property
    def bucket(self) -> tuple[str, str, str]:
        """Whose quotas count."""
        return self.account, self.region, self.address

    def quota_of(self, operation: str) -> Quota:
        """How often an operation may be called."""
        return self.quotas.get(operation, self.quota).quota()


class AwsIotFactory:
    """Opens AWS IoT sources, and simulated ones."""

    kind = "aws-iot"
    settings: type[SourceSettings] = AwsIotSettings

    def details(self) -> DetailTypes:
        from adapters.aws_iot.capabilities import CAPABILITIES
        from adapters.aws_iot.details import IotExecutionDetails, IotJobDetails, IotThingDetails

        return DetailTypes(
            job=(IotJobDetails,), execution=(IotExecutionDetails,), node=(IotThingDetails,), costs=CAPABILITIES.costs
        )

    def open(self, name: str, settings: AwsIotSettings, client: SourceClient) -> "AwsIotAdapter":
        from adapters.aws_iot.adapter import AwsIotAdapter

        require_botocore(self.kind)
        return AwsIotAdapter(name, settings, client)

    def simulator(self, *, seed: int, size: int, now: datetime) -> "Simulator":
        from adapters.aws_iot.simulator import Simulator
        from adapters.aws_iot.world import World

        return Simulator(World.generate(seed, size, now))

    def simulator_settings(self, origin: str) -> dict[str, Any]:
        from adapters.aws_iot.world_logs import LOG_GROUP, LOG_STREAM

        return {
            "kind": self.kind,
            "region": "us-east-1",
            "endpoint_url": origin,
            # The simulator's own; they open nothing else.
            "access_key_id": "AKIADEMO",
            "secret_access_key": "demo-secret-access-key",
            "log_group": LOG_GROUP,
            "log_stream": LOG_STREAM,
            "logs_endpoint_url": origin,
        }


factory = AwsIotFactory()
