"""The GraphQL types of what only AWS IoT has, and how its records fill them (DOMAIN C6; contracts/aws_iot.md section 1)."""

from typing import Any

import msgspec
import strawberry

from adapters.aws_iot.client import ExecutionRecord, JobRecord, ThingRecord
from adapters.aws_iot.mapping import RunRecord, details_of
from gateway.api.scalars import JSON, Long
from gateway.redaction import redacted


def _field(description: str) -> Any:
    return strawberry.field(description=description)


@strawberry.type(description="AWS IoT job.")
class IotJobDetails:
    """See the field descriptions."""

    job_arn: str | None = _field("Its ARN.")
    target_selection: str | None = _field("`SNAPSHOT`: ends with its targets; `CONTINUOUS`: goes on with new members.")
    thing_group_id: str | None = _field("Id of the thing group, as lists show it.")
    is_concurrent: bool | None = _field("Whether it may run on a thing beside other jobs.")
    targets: list[str] | None = _field("ARNs of the things and groups that it is for.")
    force_canceled: bool | None = _field("Whether executions in progress were canceled with it.")
    reason_code: str | None = _field("Why it was canceled, as a code.")
    comment: str | None = _field("Why it was canceled or changed, in words.")
    job_template_arn: str | None = _field("The template that it was made from.")
    namespace_id: str | None = _field("Namespace of the jobs of a customer-managed application.")
    timeout_minutes: Long | None = _field("How long an execution may be in progress.")


@strawberry.type(description="AWS IoT execution: one job on one thing.")
class IotExecutionDetails:
    """See the field descriptions."""

    thing_arn: str | None = _field("ARN of the thing; lists by thing do not show it.")
    thing_name: str = _field("Name of the thing.")
    execution_number: Long | None = _field("Grows when a thing gets the same job again.")
    retry_attempt: int | None = _field("How often it was tried again; only lists show it.")
    version_number: Long | None = _field("Grows with each update of the execution.")
    force_canceled: bool | None = _field("Whether it was canceled while in progress.")
    status_details: JSON | None = _field("What the device last wrote about its progress, secrets redacted.")
    approximate_seconds_before_timed_out: Long | None = _field("What is left of its time while it is in progress.")


@strawberry.type(description="AWS IoT thing.")
class IotThingDetails:
    """See the field descriptions."""

    thing_arn: str | None = _field("Its ARN.")
    thing_type_name: str | None = _field("Its thing type.")
    attributes: JSON | None = _field("Its attributes in the registry, secrets redacted.")


def job_details(record: JobRecord) -> IotJobDetails:
    """What only AWS IoT says of a job."""
    limit = (record.timeout_config or {}).get("inProgressTimeoutInMinutes")
    return IotJobDetails(
        job_arn=record.job_arn,
        target_selection=record.target_selection,
        thing_group_id=record.thing_group_id,
        is_concurrent=record.is_concurrent,
        targets=record.targets,
        force_canceled=record.force_canceled,
        reason_code=record.reason_code,
        comment=record.comment,
        job_template_arn=record.job_template_arn,
        namespace_id=record.namespace_id,
        timeout_minutes=Long(limit) if isinstance(limit, int) else None,
    )


def execution_details(held: RunRecord) -> IotExecutionDetails:
    """What only AWS IoT says of an execution."""
    described: ExecutionRecord | None = held.described.record if held.described is not None else None
    status = details_of(described.status_details) if described is not None else None
    return IotExecutionDetails(
        thing_arn=held.row.record.thing_arn or (described.thing_arn if described is not None else None),
        thing_name=held.thing,
        execution_number=_long(held.summary.execution_number),
        retry_attempt=held.summary.retry_attempt,
        version_number=_long(described.version_number) if described is not None else None,
        force_canceled=described.force_canceled if described is not None else None,
        status_details=None if status is None else JSON(redacted(status)),
        approximate_seconds_before_timed_out=(
            _long(described.approximate_seconds_before_timed_out) if described is not None else None
        ),
    )


def thing_details(record: ThingRecord) -> IotThingDetails:
    """What only AWS IoT says of a thing."""
    attributes = record.attributes
    return IotThingDetails(
        thing_arn=record.thing_arn,
        thing_type_name=record.thing_type_name,
        attributes=None if attributes is None else JSON(redacted(msgspec.to_builtins(attributes))),
    )


def _long(number: int | None) -> Long | None:
    return None if number is None else Long(number)
