"""The GraphQL types of what only ThreatConnect has, and how its records fill them (DOMAIN C6)."""

from typing import Any

import strawberry

from adapters.threatconnect.client import ExecutionRecord, JobRecord
from adapters.threatconnect.mapping import instant
from gateway.api.scalars import DateTime
from gateway.redaction import redacted


def _field(description: str) -> Any:
    return strawberry.field(description=description)


@strawberry.type(description="ThreatConnect job: a configured TC Exchange app.")
class ThreatConnectJobDetails:
    program_name: str | None = _field("Name of the app's program, for example `TC - QRadar Extract v2.2`.")
    program_version: str | None = _field("Version of the app's program.")
    display_name: str | None = _field("Name of the app in TC Exchange.")
    active: bool | None = _field("Whether the job is switched on.")


@strawberry.type(description="ThreatConnect job execution.")
class ThreatConnectExecutionDetails:
    server_name: str | None = _field("The job server that ran it.")
    completed_at: DateTime | None = _field("When it completed; null when it failed or has not ended.")
    failed_at: DateTime | None = _field("When it failed; null otherwise, and where ThreatConnect did not note it.")
    exit_message: str | None = _field("Verbatim, with its line ending, but for secrets. ThreatConnect keeps 255 characters.")


def job_details(record: JobRecord) -> ThreatConnectJobDetails:
    """The details of a job."""
    return ThreatConnectJobDetails(
        program_name=record.program_name,
        program_version=record.program_version,
        display_name=record.display_name,
        active=record.active,
    )


def execution_details(record: ExecutionRecord) -> ThreatConnectExecutionDetails:
    """The details of an execution. Raises ValueError for what is no instant."""
    return ThreatConnectExecutionDetails(
        server_name=record.server_name,
        completed_at=_instant(record.completed_time),
        failed_at=_instant(record.failed_time),
        exit_message=None if record.exit_message is None else redacted(record.exit_message),
    )


def _instant(text: str | None) -> DateTime | None:
    return instant(text)
