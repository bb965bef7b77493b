"""What only AWX has, as GraphQL types: one class per kind of record, filled from the record an entity holds.

Values that can carry secrets go through ``gateway.redaction``. Empty texts become null. What executions
have is in ``details_execution``.
"""

from typing import Any

import msgspec
import strawberry

from adapters.awx.details_execution import execution_details
from adapters.awx.details_values import date_time, name_of, names_of, variables
from adapters.awx.details_values import field as _field
from adapters.awx.mapping import NO_SUMMARY
from adapters.awx.records import HostRecord, InstanceRecord, JobRecord, Sent, Summary, TemplateRecord
from gateway.api.scalars import JSON, DateTime, Long


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
            return execution_details(row)
        case TemplateRecord() as row:
            return _template(row, record.raw)
        case HostRecord() as row:
            return _host(row)
        case InstanceRecord() as row:
            return _instance(row)
        case other:
            raise TypeError(f"not a record of AWX: {type(other).__name__}")


def _template(row: TemplateRecord, raw: bytes) -> AwxJobTemplateDetails:
    summary: Summary = row.summary_fields or NO_SUMMARY
    return AwxJobTemplateDetails(
        job_type=row.job_type or None,
        inventory_id=row.inventory,
        inventory_name=name_of(summary.inventory),
        project_id=row.project,
        project_name=name_of(summary.project),
        playbook=row.playbook or None,
        scm_branch=row.scm_branch or None,
        organization_id=row.organization,
        organization_name=name_of(summary.organization),
        execution_environment_id=row.execution_environment,
        execution_environment_name=name_of(summary.execution_environment),
        last_job_failed=row.last_job_failed,
        last_run_at=date_time(row.last_job_run),
        next_run_at=date_time(row.next_job_run),
        forks=row.forks,
        limit=row.limit or None,
        verbosity=row.verbosity,
        extra_vars=variables(row.extra_vars),
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
        labels=names_of(summary.labels.results if summary.labels else None),
        credential_names=names_of(summary.credentials),
        created_by=summary.created_by.username if summary.created_by else None,
        modified_by=summary.modified_by.username if summary.modified_by else None,
    )


def _host(row: HostRecord) -> AwxHostDetails:
    summary = row.summary_fields or NO_SUMMARY
    return AwxHostDetails(
        host_id=row.id,
        description=row.description or None,
        inventory_id=row.inventory,
        inventory_name=name_of(summary.inventory),
        cloud_instance_id=row.instance_id or None,
        variables=variables(row.variables),
        has_active_failures=row.has_active_failures,
        has_inventory_sources=row.has_inventory_sources,
        last_job_id=row.last_job,
        last_job_host_summary_id=row.last_job_host_summary,
        facts_modified_at=date_time(row.ansible_facts_modified),
        groups=names_of(summary.groups.results if summary.groups else None),
        created_at=date_time(row.created),
        modified_at=date_time(row.modified),
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
        health_check_started_at=date_time(row.health_check_started),
        last_health_check_at=date_time(row.last_health_check),
        last_seen_at=date_time(row.last_seen),
        created_at=date_time(row.created),
        modified_at=date_time(row.modified),
    )


def _prompts(raw: bytes) -> list[str]:
    """The sixteen ``ask_*_on_launch`` flags as the names of those that are set."""
    flags: dict[str, Any] = msgspec.json.decode(raw)
    prompts = (name.removeprefix("ask_").removesuffix("_on_launch") for name, asked in flags.items() if asked is True)
    return sorted(name for name in prompts if f"ask_{name}_on_launch" in flags)
