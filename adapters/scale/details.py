"""The GraphQL types of what only Scale has, and how its records fill them (DOMAIN C6; contract of Scale, section 4).

A field that only the detail of a thing has is null at list strength; what it costs says the adapter's capabilities. JSON
and texts that may carry secrets are redacted.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import strawberry
from msgspec import Raw, Struct

from adapters.scale.client import ExecutionRecord, JobRecord, JobTypeRecord, NodeRecord, Reference
from adapters.scale.mapping import instant
from gateway.api.scalars import JSON, DateTime
from gateway.records import Held
from gateway.redaction import redacted


class _JobAsSent(Struct):
    job_type: Raw = Raw()


_job_as_sent = msgspec.json.Decoder(_JobAsSent)


def _field(description: str) -> Any:
    return strawberry.field(description=description)


@strawberry.type(description="The Scale job that owns the execution, and its type.")
class ScaleJobDetails:
    """See the field descriptions."""

    job_type_id: int | None = _field("Scale's number of the job type.")
    job_type_name: str | None = _field("Name of the job type; together with the version it identifies the type.")
    job_type_version: str | None = _field("Version of the job type.")
    job_type_title: str | None = _field("Title of the job type, for people.")
    job_type_category: str | None = _field("Category of the job type.")
    job_type_author_name: str | None = _field("Who wrote the job type.")
    job_type_author_url: str | None = _field("Page of whoever wrote the job type.")
    job_type_is_active: bool | None = _field("Whether jobs of this type may be created.")
    job_type_is_operational: bool | None = _field("False while the job type is in development.")
    job_type_is_paused: bool | None = _field("Whether jobs of this type stay in the queue for now.")
    job_type_icon_code: str | None = _field("Font Awesome code of the job type's icon.")
    is_system: bool | None = _field("Whether the job type is part of Scale itself.")
    is_long_running: bool | None = _field("Whether jobs of this type run without an end.")
    job_type_raw: JSON | None = _field("The rest of the job type, secrets redacted. One request for each job.")
    job_type_revision_id: int | None = _field("Scale's number of the job type's revision.")
    job_type_revision_number: int | None = _field("Revision of the job type, counted from 1.")
    job_type_revision_interface: JSON | None = _field(
        "Interface of the job type in this revision, secrets redacted. One request for each job."
    )
    job_type_revision_created_at: DateTime | None = _field("When the revision was made. One request for each job.")
    event_id: int | None = _field("Scale's number of the event that created the job.")
    event_type: str | None = _field("What the event was, for example `PARSE` or `USER`.")
    event_occurred_at: DateTime | None = _field("When the event occurred.")
    event_rule_id: int | None = _field("The trigger rule that the event matched; null when a person asked for the job.")
    event_rule: JSON | None = _field("The trigger rule, secrets redacted. One request for each job.")
    event_description: JSON | None = _field("What the event was about, secrets redacted. One request for each job.")
    priority: int | None = _field("Lower numbers run first.")
    execution_count: int | None = _field("How often the job was tried so far (num_exes).")
    max_tries: int | None = _field("How often Scale tries the job by itself.")
    timeout_seconds: int | None = _field("How long one execution may take.")
    cpus_required: float | None = _field("CPUs that an execution needs.")
    mem_required_mib: float | None = _field("Memory that an execution needs.")
    disk_in_required_mib: float | None = _field("Disk space that the input needs.")
    disk_out_required_mib: float | None = _field("Disk space that the output needs.")
    is_superseded: bool | None = _field("Whether another job has taken this one's place.")
    root_superseded_job_id: int | None = _field("The first job of the chain of jobs that superseded one another.")
    superseded_job_id: int | None = _field("The job that this one took the place of.")
    superseded_by_job_id: int | None = _field("The job that took this one's place.")
    delete_superseded: bool | None = _field("Whether the products of the superseded job are deleted.")
    superseded_at: DateTime | None = _field("When another job took its place.")
    queued_at: DateTime | None = _field("When it was last queued.")
    started_at: DateTime | None = _field("When its latest execution started.")
    last_status_change_at: DateTime | None = _field("When its status last changed.")
    error_id: int | None = _field("Scale's number of the error that its latest execution ended with.")
    error_name: str | None = _field("Name of the error, for example `node-lost`.")
    error_title: str | None = _field("Title of the error, for people.")
    error_description: str | None = _field("What the error means.")
    error_category: str | None = _field("`SYSTEM`, `ALGORITHM` or `DATA`.")
    error_is_builtin: bool | None = _field("Whether the error is part of Scale itself.")
    error_created_at: DateTime | None = _field("When the error was defined. One request for each job.")
    error_last_modified_at: DateTime | None = _field("When the error's definition last changed. One request for each job.")
    data: JSON | None = _field("Input of the job, secrets redacted. One request for each job.")
    results: JSON | None = _field("What the job produced, secrets redacted. One request for each job.")
    recipes: JSON | None = _field("Recipes that the job is part of. One request for each job.")
    inputs: JSON | None = _field("Inputs with their values, secrets redacted. One request for each job.")
    outputs: JSON | None = _field("Outputs with their values, secrets redacted. One request for each job.")
    input_files: JSON | None = _field("Input files (API v3 only). One request for each job.")
    products: JSON | None = _field("Files that the job produced (API v3 only). One request for each job.")


@strawberry.type(description="One of the steps that Scale runs for an execution.")
class ScaleStep:
    """See the field descriptions."""

    name: str = _field("`pre`, `job` or `post`.")
    started_at: DateTime | None = _field("When the step started.")
    completed_at: DateTime | None = _field("When the step ended.")
    exit_code: int | None = _field("Exit code of the step's process; null while it runs and when its node was lost.")


@strawberry.type(description="Fields of a Scale job execution (API v3 to v5 unless noted).")
class ScaleExecutionDetails:
    """See the field descriptions."""

    command_arguments: str | None = _field("Arguments of the command, secrets redacted.")
    steps: list[ScaleStep] = _field("Pre, job and post steps, in that order; only those that exist.")
    error_id: int | None = _field("Scale's number of the error.")
    error_is_builtin: bool | None = _field("Whether the error is part of Scale itself.")
    error_created_at: DateTime | None = _field("When the error was defined. One request for each execution.")
    error_last_modified_at: DateTime | None = _field(
        "When the error's definition last changed. One request for each execution."
    )
    cpus_scheduled: float | None = _field("CPUs given to it; null while queued. One request for each execution.")
    mem_scheduled_mib: float | None = _field("Memory given to it; null while queued. One request for each execution.")
    disk_in_scheduled_mib: float | None = _field("Disk space given to its input. One request for each execution.")
    disk_out_scheduled_mib: float | None = _field("Disk space given to its output. One request for each execution.")
    disk_total_scheduled_mib: float | None = _field("Disk space given to it altogether. One request for each execution.")
    environment: JSON | None = _field("Environment it runs in, secrets redacted. One request for each execution.")
    results: JSON | None = _field("What it produced, secrets redacted. One request for each execution.")
    results_manifest: JSON | None = _field(
        "The manifest that its algorithm wrote, secrets redacted. One request for each execution."
    )
    exe_num: int | None = _field("Number of the try, counted from 1. API v6 only.")
    cluster_id: str | None = _field("Scale's name for it in the cluster. API v6 only.")


@strawberry.type(description="Scale cluster node.")
class ScaleNodeDetails:
    """See the field descriptions."""

    port: int | None = _field("Port of the node's Mesos agent.")
    slave_id: str | None = _field("Id of the Mesos agent; changes when the agent registers again.")
    pause_reason: str | None = _field("Why it is paused.")
    is_paused: bool | None = _field("Whether it is given no new work.")
    is_paused_errors: bool | None = _field("Whether Scale paused it by itself because of its error rate.")
    is_active: bool | None = _field("Whether it is part of the cluster.")
    archived_at: DateTime | None = _field("When it was taken out of the cluster.")
    created_at: DateTime | None = _field("When Scale first saw it.")
    last_offer_at: DateTime | None = _field("When it last offered resources (deprecated by Scale).")
    last_modified_at: DateTime | None = _field("When Scale last changed its record.")
    disconnected: bool | None = _field(
        "True when the Mesos master does not know it; null otherwise. One slow request for each node."
    )
    resources: JSON | None = _field("Resources in use and in all, as Mesos tells. One slow request for each node.")
    running_executions: JSON | None = _field(
        "Records of the executions that run on it, secrets redacted. One slow request for each node; "
        "`executions` of the node is the better list."
    )


def job_details(held: Held[JobRecord]) -> ScaleJobDetails:
    """What a job's record tells beyond the unified fields. Raises ValueError for an instant that cannot be read."""
    record = held.record
    job_type = record.job_type or _NO_JOB_TYPE
    revision, event, error = record.job_type_rev, record.event, record.error
    rule = _json(event.rule) if event else None
    return ScaleJobDetails(
        job_type_id=job_type.id or None,
        job_type_name=job_type.name,
        job_type_version=job_type.version,
        job_type_title=job_type.title,
        job_type_category=job_type.category,
        job_type_author_name=job_type.author_name,
        job_type_author_url=job_type.author_url,
        job_type_is_active=job_type.is_active,
        job_type_is_operational=job_type.is_operational,
        job_type_is_paused=job_type.is_paused,
        job_type_icon_code=job_type.icon_code,
        is_system=job_type.is_system,
        is_long_running=job_type.is_long_running,
        job_type_raw=_rest(_job_type(held.raw), JobTypeRecord.__struct_fields__),
        job_type_revision_id=revision.id if revision else None,
        job_type_revision_number=revision.revision_num if revision else None,
        job_type_revision_interface=_json(revision.interface) if revision else None,
        job_type_revision_created_at=_at(revision.created) if revision else None,
        event_id=event.id if event else None,
        event_type=event.type if event else None,
        event_occurred_at=_at(event.occurred) if event else None,
        event_rule_id=rule.get("id") if isinstance(rule, dict) else None,
        event_rule=rule if _rest(rule, ("id",)) else None,
        event_description=_json(event.description) if event else None,
        priority=record.priority,
        execution_count=record.num_exes,
        max_tries=record.max_tries,
        timeout_seconds=record.timeout,
        cpus_required=record.cpus_required,
        mem_required_mib=record.mem_required,
        disk_in_required_mib=record.disk_in_required,
        disk_out_required_mib=record.disk_out_required,
        is_superseded=record.is_superseded,
        root_superseded_job_id=_id(record.root_superseded_job),
        superseded_job_id=_id(record.superseded_job),
        superseded_by_job_id=_id(record.superseded_by_job),
        delete_superseded=record.delete_superseded,
        superseded_at=_at(record.superseded),
        queued_at=_at(record.queued),
        started_at=_at(record.started),
        last_status_change_at=_at(record.last_status_change),
        error_id=error.id if error else None,
        error_name=error.name if error else None,
        error_title=error.title if error else None,
        error_description=error.description if error else None,
        error_category=error.category if error else None,
        error_is_builtin=error.is_builtin if error else None,
        error_created_at=_at(error.created) if error else None,
        error_last_modified_at=_at(error.last_modified) if error else None,
        data=_json(record.data),
        results=_json(record.results),
        recipes=_json(record.recipes),
        inputs=_json(record.inputs),
        outputs=_json(record.outputs),
        input_files=_json(record.input_files),
        products=_json(record.products),
    )


def execution_details(record: ExecutionRecord) -> ScaleExecutionDetails:
    """What an execution's record tells beyond the unified fields. Raises ValueError for an unreadable instant."""
    error = record.error
    return ScaleExecutionDetails(
        command_arguments=redacted(record.command_arguments),
        steps=_steps(record),
        error_id=error.id if error else None,
        error_is_builtin=error.is_builtin if error else None,
        error_created_at=_at(error.created) if error else None,
        error_last_modified_at=_at(error.last_modified) if error else None,
        cpus_scheduled=record.cpus_scheduled,
        mem_scheduled_mib=record.mem_scheduled,
        disk_in_scheduled_mib=record.disk_in_scheduled,
        disk_out_scheduled_mib=record.disk_out_scheduled,
        disk_total_scheduled_mib=record.disk_total_scheduled,
        environment=_json(record.environment),
        results=_json(record.results),
        results_manifest=_json(record.results_manifest),
        exe_num=record.exe_num,
        cluster_id=record.cluster_id,
    )


def node_details(record: NodeRecord) -> ScaleNodeDetails:
    """What a node's record tells beyond the unified fields. Raises ValueError for an unreadable instant."""
    return ScaleNodeDetails(
        port=record.port,
        slave_id=record.slave_id,
        pause_reason=record.pause_reason,
        is_paused=record.is_paused,
        is_paused_errors=record.is_paused_errors,
        is_active=record.is_active,
        archived_at=_at(record.archived),
        created_at=_at(record.created),
        last_offer_at=_at(record.last_offer),
        last_modified_at=_at(record.last_modified),
        disconnected=record.disconnected,
        resources=_json(record.resources),
        running_executions=_json(record.job_exes_running),
    )


_NO_JOB_TYPE = JobTypeRecord(id=0)


def _steps(record: ExecutionRecord) -> list[ScaleStep]:
    steps = (
        ("pre", record.pre_started, record.pre_completed, record.pre_exit_code),
        ("job", record.job_started, record.job_completed, record.job_exit_code),
        ("post", record.post_started, record.post_completed, record.post_exit_code),
    )
    return [
        ScaleStep(name=name, started_at=_at(started), completed_at=_at(completed), exit_code=code)
        for name, started, completed, code in steps
        if started is not None or completed is not None or code is not None
    ]


def _at(text: str | None) -> DateTime | None:
    return instant(text)


def _id(reference: Reference | None) -> int | None:
    return None if reference is None else reference.id


def _job_type(raw: bytes | None) -> Any:
    """The job type of a job as it was sent, secrets redacted; None for a job that was only mentioned."""
    return None if raw is None else _json(_job_as_sent.decode(raw).job_type)


def _json(raw: Raw) -> Any:
    return redacted(msgspec.json.decode(raw)) if raw else None


def _rest(value: Any, known: Sequence[str]) -> Any:
    """The members of an object that are not known by themselves; None when there are none."""
    return {key: member for key, member in value.items() if key not in known} or None if isinstance(value, dict) else None
