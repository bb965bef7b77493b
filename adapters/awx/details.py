"""What only AWX has, as GraphQL types: one class per kind of record, filled from the record an entity holds.

Values that can carry secrets go through ``gateway.redaction``. Empty texts become null. Fields marked as detail-only are
null on an execution that came from a list.
"""

from typing import Any, TypeVar

import msgspec
import strawberry

from adapters.awx.mapping import NO_SUMMARY, instant
from adapters.awx.records import HostRecord, InstanceRecord, JobRecord, Named, Sent, Summary, TemplateRecord
from gateway.api.scalars import JSON, DateTime, Long
from gateway.instant import Instant
from gateway.redaction import redacted

T = TypeVar("T")

_DETAIL_ONLY = "Detail-only: one request per execution."


def _field(description: str) -> Any:
    return strawberry.field(description=description)


@strawberry.type(description="AWX job template. Ids are AWX's integers.")
class AwxJobTemplateDetails:
    """Fields of a job template that are not unified."""

    job_type: str | None = _field("`run`, `check` or `scan`.")
    inventory_id: int | None = _field("Inventory it runs against by default.")
    inventory_name: str | None = _field("Name of that inventory.")
    project_id: int | None = _field("Project that holds the playbook.")
    project_name: str | None = _field("Name of that project.")
    playbook: str | None = _field("Playbook, relative to the project.")
    scm_branch: str | None = _field("Branch, tag or commit of the project, where the template sets one.")
    organization_id: int | None = _field("Organization that owns it.")
    organization_name: str | None = _field("Name of that organization.")
    execution_environment_id: int | None = _field("Container image it runs in, as AWX's record of it.")
    execution_environment_name: str | None = _field("Name of that execution environment.")
    last_job_failed: bool | None = _field("Whether its last job failed.")
    last_run_at: DateTime | None = _field("When its last job ended.")
    next_run_at: DateTime | None = _field("When a schedule will next launch it.")
    forks: int | None = _field("Hosts worked on at the same time; 0 means Ansible's default.")
    limit: str | None = _field("Host pattern that narrows the inventory.")
    verbosity: int | None = _field("Ansible's verbosity, 0 to 5.")
    extra_vars: JSON | None = _field("Extra variables: JSON where AWX holds JSON, else the YAML text. Secrets redacted.")
    job_tags: str | None = _field("Only tasks with these tags run.")
    skip_tags: str | None = _field("Tasks with these tags do not run.")
    start_at_task: str | None = _field("Task to begin with.")
    timeout: int | None = _field("Seconds a job may take, as AWX sends it: 0 is the server's default, negative is no limit.")
    force_handlers: bool | None = _field("Whether handlers run after a failure.")
    use_fact_cache: bool | None = _field("Whether facts are kept between jobs.")
    survey_enabled: bool | None = _field("Whether launching asks a survey.")
    become_enabled: bool | None = _field("Whether tasks run with raised privileges.")
    diff_mode: bool | None = _field("Whether changes are shown as differences.")
    allow_simultaneous: bool | None = _field("Whether several of its jobs may run at once.")
    job_slice_count: int | None = _field("Jobs that one launch is divided into.")
    webhook_service: str | None = _field("`github`, `gitlab` or `bitbucket_dc`, where a webhook may launch it.")
    webhook_credential_id: int | None = _field("Credential used to report back to that service.")
    custom_virtualenv: str | None = _field("Python environment of AWX before execution environments.")
    prevent_instance_group_fallback: bool | None = _field("Whether only its own instance groups may run it.")
    prompts: list[str] | None = _field("What a launch may set: `variables`, `limit`, `inventory` and the like.")
    labels: list[str] | None = _field("Names of its labels.")
    credential_names: list[str] | None = _field("Names, never contents, of its credentials.")
    created_by: str | None = _field("User who created it.")
    modified_by: str | None = _field("User who changed it last.")


@strawberry.type(description="Every field of AWX's job record that is not unified. Ids are AWX's integers.")
class AwxExecutionDetails:
    """Fields of a job (AWX's word for one run) that are not unified."""

    job_type: str | None = _field("`run`, `check` or `scan`.")
    unified_job_type: str | None = _field("AWX's `type`: `job`.")
    description: str | None = _field("The template's description when it was launched.")
    inventory_id: int | None = _field("Inventory it ran against.")
    inventory_name: str | None = _field("Name of that inventory.")
    project_id: int | None = _field("Project that holds the playbook.")
    project_name: str | None = _field("Name of that project.")
    playbook: str | None = _field("Playbook, relative to the project.")
    scm_branch: str | None = _field("Branch, tag or commit asked for.")
    scm_revision: str | None = _field("Commit that ran.")
    forks: int | None = _field("Hosts worked on at the same time; 0 means Ansible's default.")
    limit: str | None = _field("Host pattern that narrowed the inventory.")
    verbosity: int | None = _field("Ansible's verbosity, 0 to 5.")
    extra_vars: JSON | None = _field("Extra variables. Secrets redacted.")
    job_tags: str | None = _field("Only tasks with these tags ran.")
    skip_tags: str | None = _field("Tasks with these tags did not run.")
    start_at_task: str | None = _field("Task it began with.")
    timeout: int | None = _field("Seconds it may take, as AWX sends it: 0 is the server's default, negative is no limit.")
    force_handlers: bool | None = _field("Whether handlers run after a failure.")
    use_fact_cache: bool | None = _field("Whether facts are kept between jobs.")
    organization_id: int | None = _field("Organization that owns it.")
    organization_name: str | None = _field("Name of that organization.")
    unified_job_template_id: int | None = _field("AWX's id for whatever it was launched from.")
    execution_environment_id: int | None = _field("Container image it ran in, as AWX's record of it.")
    execution_environment_name: str | None = _field("Name of that execution environment.")
    instance_group_id: int | None = _field("Group of instances that it was assigned to.")
    instance_group_name: str | None = _field("Name of that group.")
    failed: bool | None = _field("AWX's own boolean: true for failed, error and canceled.")
    modified_at: DateTime | None = _field("AWX's `modified`. It does not move when the status changes.")
    canceled_at: DateTime | None = _field("When a stop was asked for.")
    work_unit_id: str | None = _field("Id of the work in AWX's mesh (receptor).")
    passwords_needed_to_start: list[str] | None = _field("Names of passwords that a launch would ask for.")
    allow_simultaneous: bool | None = _field("Whether several jobs of its template may run at once.")
    artifacts: JSON | None = _field("What the playbook left with set_stats, or AWX's notice that it is hidden. Redacted.")
    diff_mode: bool | None = _field("Whether changes are shown as differences.")
    job_slice_number: int | None = _field("Which slice of a divided launch it is; 0 when not divided.")
    job_slice_count: int | None = _field("Slices of that launch.")
    webhook_service: str | None = _field("`github`, `gitlab` or `bitbucket_dc`, when a webhook launched it.")
    webhook_credential_id: int | None = _field("Credential used to report back to that service.")
    webhook_guid: str | None = _field("The service's id of the event.")
    launched_by_id: int | None = _field("AWX's id of who or what launched it.")
    launched_by_type: str | None = _field("What launched it: `user`, `schedule`, `job_template` and the like.")
    schedule_name: str | None = _field("Schedule that launched it.")
    workflow_job_id: int | None = _field("AWX's workflow job that it is a step of.")
    workflow_job_name: str | None = _field("Name of that workflow job.")
    labels: list[str] | None = _field("Names of its labels.")
    credential_names: list[str] | None = _field("Names, never contents, of its credentials.")
    created_by: str | None = _field("User who launched it.")
    modified_by: str | None = _field("User who changed the record last.")
    job_args: str | None = _field(f"Command line, as JSON text. Secrets redacted. {_DETAIL_ONLY}")
    job_cwd: str | None = _field(f"Working directory. {_DETAIL_ONLY}")
    job_env: JSON | None = _field(f"Environment variables. Secrets redacted. {_DETAIL_ONLY}")
    event_processing_finished: bool | None = _field(f"Whether every event, and so the log, is stored. {_DETAIL_ONLY}")
    host_status_counts: JSON | None = _field(f"Hosts by result, in AWX's words. {_DETAIL_ONLY}")
    playbook_counts: JSON | None = _field(f"Numbers of plays and tasks. {_DETAIL_ONLY}")
    custom_virtualenv: str | None = _field(f"Python environment of AWX before execution environments. {_DETAIL_ONLY}")


@strawberry.type(description="AWX inventory host: a managed machine.")
class AwxHostDetails:
    """Fields of a host that are not unified."""

    host_id: int | None = _field("AWX's id.")
    description: str | None = _field("Free text.")
    inventory_id: int | None = _field("Inventory it belongs to.")
    inventory_name: str | None = _field("Name of that inventory.")
    cloud_instance_id: str | None = _field("AWX's `instance_id`: the id under which its provider knows it.")
    variables: JSON | None = _field("Host variables: JSON where AWX holds JSON, else the YAML text. Secrets redacted.")
    has_active_failures: bool | None = _field("Whether its last job failed.")
    has_inventory_sources: bool | None = _field("Whether a synchronised source put it there.")
    last_job_id: int | None = _field("AWX's id of the last job that touched it.")
    last_job_host_summary_id: int | None = _field("AWX's id of what that job did on it.")
    facts_modified_at: DateTime | None = _field("When its facts were last gathered.")
    groups: list[str] | None = _field("Names of its groups.")
    created_at: DateTime | None = _field("When it was added.")
    modified_at: DateTime | None = _field("When it was last changed.")
    created_by: str | None = _field("User who added it.")
    modified_by: str | None = _field("User who changed it last.")


@strawberry.type(description="AWX control-plane or execution instance: a node of its own mesh.")
class AwxInstanceDetails:
    """Fields of an instance that are not unified."""

    instance_id: int | None = _field("AWX's id.")
    uuid: str | None = _field("Id in the mesh.")
    node_type: str | None = _field("`control`, `execution`, `hybrid` or `hop`.")
    node_state: str | None = _field("`ready`, `unavailable`, `installed` and the like.")
    version: str | None = _field("AWX or ansible-runner version it runs.")
    errors: str | None = _field("Why it is not ready.")
    capacity: int | None = _field("Work it can take, in AWX's units.")
    consumed_capacity: float | None = _field("Work it has.")
    percent_capacity_remaining: float | None = _field("Share of capacity that is free.")
    capacity_adjustment: float | None = _field("Between the capacity by memory (0) and by processors (1).")
    cpu_count: float | None = _field("Processors.")
    memory_bytes: Long | None = _field("Memory.")
    cpu_capacity: int | None = _field("Capacity by processors.")
    mem_capacity: int | None = _field("Capacity by memory.")
    jobs_running: int | None = _field("Jobs on it now.")
    jobs_total: int | None = _field("Jobs it has had.")
    ip_address: str | None = _field("Address, where configured.")
    listener_port: int | None = _field("Port on which its receptor listens.")
    protocol: str | None = _field("Protocol of that port.")
    peers: JSON | None = _field("Receptor addresses that it connects to.")
    reverse_peers: JSON | None = _field("Instances that connect to it.")
    peers_from_control_nodes: bool | None = _field("Whether control nodes connect to it.")
    managed: bool | None = _field("Whether AWX's own platform manages it.")
    managed_by_policy: bool | None = _field("Whether instance group policies may assign it.")
    health_check_pending: bool | None = _field("Whether a health check is under way.")
    health_check_started_at: DateTime | None = _field("When that began.")
    last_health_check_at: DateTime | None = _field("When its health was last checked.")
    last_seen_at: DateTime | None = _field("Last heartbeat.")
    created_at: DateTime | None = _field("When it was added.")
    modified_at: DateTime | None = _field("When it was last changed.")


def details_of(record: Sent[Any]) -> object:
    """The details of a record. Raises TypeError for one that is not AWX's."""
    match record.fields:
        case JobRecord() as row:
            return _execution(row)
        case TemplateRecord() as row:
            return _template(row, record.raw)
        case HostRecord() as row:
            return _host(row)
        case InstanceRecord() as row:
            return _instance(row)
        case other:
            raise TypeError(f"not a record of AWX: {type(other).__name__}")


def _execution(row: JobRecord) -> AwxExecutionDetails:
    summary = row.summary_fields or NO_SUMMARY
    launched_by = row.launched_by
    return AwxExecutionDetails(
        job_type=row.job_type or None,
        unified_job_type=row.type or None,
        description=row.description or None,
        inventory_id=row.inventory,
        inventory_name=_name(summary.inventory),
        project_id=row.project,
        project_name=_name(summary.project),
        playbook=row.playbook or None,
        scm_branch=row.scm_branch or None,
        scm_revision=row.scm_revision or None,
        forks=row.forks,
        limit=row.limit or None,
        verbosity=row.verbosity,
        extra_vars=_variables(row.extra_vars),
        job_tags=row.job_tags or None,
        skip_tags=row.skip_tags or None,
        start_at_task=row.start_at_task or None,
        timeout=row.timeout,
        force_handlers=row.force_handlers,
        use_fact_cache=row.use_fact_cache,
        organization_id=row.organization,
        organization_name=_name(summary.organization),
        unified_job_template_id=row.unified_job_template,
        execution_environment_id=row.execution_environment,
        execution_environment_name=_name(summary.execution_environment),
        instance_group_id=row.instance_group,
        instance_group_name=_name(summary.instance_group),
        failed=row.failed,
        modified_at=_at(row.modified),
        canceled_at=_at(row.canceled_on),
        work_unit_id=row.work_unit_id or None,
        passwords_needed_to_start=_list(row.passwords_needed_to_start),
        allow_simultaneous=row.allow_simultaneous,
        artifacts=redacted(row.artifacts),
        diff_mode=row.diff_mode,
        job_slice_number=row.job_slice_number,
        job_slice_count=row.job_slice_count,
        webhook_service=row.webhook_service or None,
        webhook_credential_id=row.webhook_credential,
        webhook_guid=row.webhook_guid or None,
        launched_by_id=launched_by.id if launched_by else None,
        launched_by_type=launched_by.type if launched_by else None,
        schedule_name=_name(summary.schedule),
        workflow_job_id=summary.source_workflow_job.id if summary.source_workflow_job else None,
        workflow_job_name=_name(summary.source_workflow_job),
        labels=_names(summary.labels.results if summary.labels else None),
        credential_names=_names(summary.credentials),
        created_by=summary.created_by.username if summary.created_by else None,
        modified_by=summary.modified_by.username if summary.modified_by else None,
        job_args=redacted(row.job_args) or None,
        job_cwd=row.job_cwd or None,
        job_env=redacted(row.job_env),
        event_processing_finished=row.event_processing_finished,
        host_status_counts=JSON(row.host_status_counts) if row.host_status_counts is not None else None,
        playbook_counts=row.playbook_counts,
        custom_virtualenv=row.custom_virtualenv or None,
    )


def _template(row: TemplateRecord, raw: bytes) -> AwxJobTemplateDetails:
    summary: Summary = row.summary_fields or NO_SUMMARY
    return AwxJobTemplateDetails(
        job_type=row.job_type or None,
        inventory_id=row.inventory,
        inventory_name=_name(summary.inventory),
        project_id=row.project,
        project_name=_name(summary.project),
        playbook=row.playbook or None,
        scm_branch=row.scm_branch or None,
        organization_id=row.organization,
        organization_name=_name(summary.organization),
        execution_environment_id=row.execution_environment,
        execution_environment_name=_name(summary.execution_environment),
        last_job_failed=row.last_job_failed,
        last_run_at=_at(row.last_job_run),
        next_run_at=_at(row.next_job_run),
        forks=row.forks,
        limit=row.limit or None,
        verbosity=row.verbosity,
        extra_vars=_variables(row.extra_vars),
        job_tags=row.job_tags or None,
        skip_tags=row.skip_tags or None,
        start_at_task=row.start_at_task or None,
        timeout=row.timeout,
        force_handlers=row.force_handlers,
        use_fact_cache=row.use_fact_cache,
        survey_enabled=row.survey_enabled,
        become_enabled=row.become_enabled,
        diff_mode=row.diff_mode,
        allow_simultaneous=row.allow_simultaneous,
        job_slice_count=row.job_slice_count,
        webhook_service=row.webhook_service or None,
        webhook_credential_id=row.webhook_credential,
        custom_virtualenv=row.custom_virtualenv or None,
        prevent_instance_group_fallback=row.prevent_instance_group_fallback,
        prompts=_prompts(raw),
        labels=_names(summary.labels.results if summary.labels else None),
        credential_names=_names(summary.credentials),
        created_by=summary.created_by.username if summary.created_by else None,
        modified_by=summary.modified_by.username if summary.modified_by else None,
    )


def _host(row: HostRecord) -> AwxHostDetails:
    summary = row.summary_fields or NO_SUMMARY
    return AwxHostDetails(
        host_id=row.id,
        description=row.description or None,
        inventory_id=row.inventory,
        inventory_name=_name(summary.inventory),
        cloud_instance_id=row.instance_id or None,
        variables=_variables(row.variables),
        has_active_failures=row.has_active_failures,
        has_inventory_sources=row.has_inventory_sources,
        last_job_id=row.last_job,
        last_job_host_summary_id=row.last_job_host_summary,
        facts_modified_at=_at(row.ansible_facts_modified),
        groups=_names(summary.groups.results if summary.groups else None),
        created_at=_at(row.created),
        modified_at=_at(row.modified),
        created_by=summary.created_by.username if summary.created_by else None,
        modified_by=summary.modified_by.username if summary.modified_by else None,
    )


def _instance(row: InstanceRecord) -> AwxInstanceDetails:
    return AwxInstanceDetails(
        instance_id=row.id,
        uuid=row.uuid or None,
        node_type=row.node_type or None,
        node_state=row.node_state or None,
        version=row.version or None,
        errors=row.errors or None,
        capacity=row.capacity,
        consumed_capacity=row.consumed_capacity,
        percent_capacity_remaining=row.percent_capacity_remaining,
        capacity_adjustment=row.capacity_adjustment,
        cpu_count=row.cpu,
        memory_bytes=None if row.memory is None else Long(row.memory),
        cpu_capacity=row.cpu_capacity,
        mem_capacity=row.mem_capacity,
        jobs_running=row.jobs_running,
        jobs_total=row.jobs_total,
        ip_address=row.ip_address or None,
        listener_port=row.listener_port,
        protocol=row.protocol or None,
        peers=row.peers,
        reverse_peers=row.reverse_peers,
        peers_from_control_nodes=row.peers_from_control_nodes,
        managed=row.managed,
        managed_by_policy=row.managed_by_policy,
        health_check_pending=row.health_check_pending,
        health_check_started_at=_at(row.health_check_started),
        last_health_check_at=_at(row.last_health_check),
        last_seen_at=_at(row.last_seen),
        created_at=_at(row.created),
        modified_at=_at(row.modified),
    )


def _at(text: str | None) -> DateTime | None:
    moment: Instant | None = instant(text)
    return None if moment is None else DateTime(moment)


def _name(related: Named | None) -> str | None:
    return related.name if related else None


def _names(related: tuple[Named, ...] | None) -> list[str] | None:
    return None if related is None else [one.name for one in related if one.name]


def _list(values: tuple[T, ...] | None) -> list[T] | None:
    return None if values is None else list(values)


def _variables(text: str | None) -> JSON | None:
    """Variables as AWX holds them: JSON text, or YAML text, which stays text."""
    if not text:
        return None
    without = redacted(text)
    try:
        return JSON(msgspec.json.decode(without))
    except msgspec.DecodeError:
        return JSON(without)


def _prompts(raw: bytes) -> list[str]:
    """The sixteen ``ask_*_on_launch`` flags as the names of those that are set."""
    flags: dict[str, Any] = msgspec.json.decode(raw)
    prompts = (name.removeprefix("ask_").removesuffix("_on_launch") for name, asked in flags.items() if asked is True)
    return sorted(name for name in prompts if f"ask_{name}_on_launch" in flags)
