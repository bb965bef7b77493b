"""A source's logs, put together: CloudWatch Logs at its own address, signed for, within quotas of its own."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from adapters.aws_iot.client import RETRIED, fault_of
from adapters.aws_iot.log_batches import BatchReader
from adapters.aws_iot.log_client import LogNames, LogsClient
from adapters.aws_iot.log_reading import LogReader
from gateway.sigv4 import AwsCredentials, SigV4
from gateway.transport import SourceClient

if TYPE_CHECKING:
    from adapters.aws_iot import AwsIotSettings


class Logs:
    """The readers of one source's logs: of single ones, and of several at once."""

    def __init__(
        self, settings: "AwsIotSettings", client: SourceClient, credentials: AwsCredentials, wall: Callable[[], float]
    ) -> None:
        signed = client.at(
            settings.logs_address, SigV4(credentials, "logs", settings.region), judge=fault_of, retried=RETRIED
        )
        logs = LogsClient(signed, (settings.account, settings.region, settings.logs_address), settings.logs_quota.quota())
        names = LogNames(settings.log_group or "", settings.log_stream)
        self.reader = LogReader(logs, names, settings.log_late_seconds, wall)
        self.batches = BatchReader(logs, names, self.reader)
