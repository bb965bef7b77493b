"""AWX's records as typed Structs, one row at a time (contracts/awx.md sections 5 to 7; types are the recorded ones).

Every key may be missing and, but for the id, null: permissions and AWX versions differ. Unknown keys are ignored. Instants
stay text here (RFC 3339 UTC); ``Sent`` keeps the record's own bytes for ``raw``.
"""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from msgspec import Struct

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Sent(Generic[R]):
    """A record with the JSON it was read from. ``full`` tells whether the record's own URL sent it, not a list."""

    fields: R
    raw: bytes
    full: bool = False


class Named(Struct, frozen=True):
    """A related object as ``summary_fields`` shows it."""

    id: int | None = None
    name: str | None = None
    description: str | None = None


class Person(Struct, frozen=True):
    """A user as ``summary_fields`` shows it."""

    username: str | None = None


class NamedList(Struct, frozen=True):
    """Labels of a job, groups of a host."""

    results: tuple[Named, ...] = ()


class WorkflowSummary(Struct, frozen=True):
    """The workflow job of which something was a step; ``{}`` once AWX no longer knows which one it was."""

    id: int | None = None
    name: str | None = None
    status: str | None = None


class RecentJob(Struct, frozen=True):
    """One of the last ten jobs of a template. AWX sorts them by ``-finished``, open ones first and in no order."""

    id: int | None = None
    type: str | None = None


class Summary(Struct, frozen=True):
    """``summary_fields``: keys are absent where there is no related object."""

    organization: Named | None = None
    inventory: Named | None = None
    project: Named | None = None
    job_template: Named | None = None
    execution_environment: Named | None = None
    instance_group: Named | None = None
    schedule: Named | None = None
    source_workflow_job: WorkflowSummary | None = None
    unified_job_template: Named | None = None
    credential: Named | None = None
    created_by: Person | None = None
    modified_by: Person | None = None
    labels: NamedList | None = None
    groups: NamedList | None = None
    credentials: tuple[Named, ...] | None = None
    recent_jobs: tuple[RecentJob, ...] | None = None


class LaunchedBy(Struct, frozen=True):
    """Who or what launched a job; ``{}`` when AWX no longer knows."""

    id: int | None = None
    name: str | None = None
    type: str | None = None


class JobRecord(Struct, frozen=True, kw_only=True):
    """A row of ``/jobs/`` or ``/unified_jobs/``: one run of any type, with the fields of its type.

    From ``job_args`` to ``custom_virtualenv`` fields come with the run's own URL only. What follows them only some types
    have; those of inventory updates and system jobs were never recorded, and are as AWX's serializers say.
    """

    id: int
    type: str | None = None
    summary_fields: Summary | None = None
    created: str | None = None
    modified: str | None = None
    name: str | None = None
    description: str | None = None
    unified_job_template: int | None = None
    launch_type: str | None = None
    status: str | None = None
    execution_environment: int | None = None
    failed: bool | None = None
    started: str | None = None
    finished: str | None = None
    canceled_on: str | None = None
    elapsed: float | None = None
    job_explanation: str | None = None
    execution_node: str | None = None
    controller_node: str | None = None
    launched_by: LaunchedBy | None = None
    work_unit_id: str | None = None
    job_type: str | None = None
    inventory: int | None = None
    project: int | None = None
    playbook: str | None = None
    scm_branch: str | None = None
    forks: int | None = None
    limit: str | None = None
    verbosity: int | None = None
    extra_vars: str | None = None
    job_tags: str | None = None
    force_handlers: bool | None = None
    skip_tags: str | None = None
    start_at_task: str | None = None
    timeout: int | None = None
    use_fact_cache: bool | None = None
    organization: int | None = None
    job_template: int | None = None
    passwords_needed_to_start: tuple[str, ...] | None = None
    allow_simultaneous: bool | None = None
    artifacts: Any = None
    scm_revision: str | None = None
    instance_group: int | None = None
    diff_mode: bool | None = None
    job_slice_number: int | None = None
    job_slice_count: int | None = None
    webhook_service: str | None = None
    webhook_credential: int | None = None
    webhook_guid: str | None = None
    job_args: str | None = None
    job_cwd: str | None = None
    job_env: Any = None
    result_traceback: str | None = None
    event_processing_finished: bool | None = None
    host_status_counts: dict[str, int] | None = None
    playbook_counts: Any = None
    custom_virtualenv: str | None = None
    is_sliced_job: bool | None = None
    credential: int | None = None
    local_path: str | None = None
    scm_type: str | None = None
    scm_url: str | None = None
    scm_refspec: str | None = None
    scm_clean: bool | None = None
    scm_track_submodules: bool | None = None
    scm_delete_on_update: bool | None = None
    module_name: str | None = None
    module_args: str | None = None
    become_enabled: bool | None = None
    inventory_source: int | None = None
    source: str | None = None
    source_path: str | None = None
    source_vars: str | None = None
    source_project: int | None = None
    overwrite: bool | None = None
    overwrite_vars: bool | None = None


class TemplateRecord(Struct, frozen=True, kw_only=True):
    """A row of ``/job_templates/``, but for its sixteen ``ask_*_on_launch`` flags (``Prompts``)."""

    id: int
    summary_fields: Summary | None = None
    created: str | None = None
    modified: str | None = None
    name: str | None = None
    description: str | None = None
    job_type: str | None = None
    inventory: int | None = None
    project: int | None = None
    playbook: str | None = None
    scm_branch: str | None = None
    forks: int | None = None
    limit: str | None = None
    verbosity: int | None = None
    extra_vars: str | None = None
    job_tags: str | None = None
    force_handlers: bool | None = None
    skip_tags: str | None = None
    start_at_task: str | None = None
    timeout: int | None = None
    use_fact_cache: bool | None = None
    organization: int | None = None
    last_job_run: str | None = None
    last_job_failed: bool | None = None
    next_job_run: str | None = None
    status: str | None = None
    execution_environment: int | None = None
    survey_enabled: bool | None = None
    become_enabled: bool | None = None
    diff_mode: bool | None = None
    allow_simultaneous: bool | None = None
    custom_virtualenv: str | None = None
    job_slice_count: int | None = None
    webhook_service: str | None = None
    webhook_credential: int | None = None
    prevent_instance_group_fallback: bool | None = None


class HostRecord(Struct, frozen=True, kw_only=True):
    """A row of ``/hosts/``: a managed machine."""

    id: int
    name: str
    summary_fields: Summary | None = None
    created: str | None = None
    modified: str | None = None
    description: str | None = None
    inventory: int | None = None
    enabled: bool | None = None
    instance_id: str | None = None
    variables: str | None = None
    has_active_failures: bool | None = None
    has_inventory_sources: bool | None = None
    last_job: int | None = None
    last_job_host_summary: int | None = None
    ansible_facts_modified: str | None = None


class InstanceRecord(Struct, frozen=True, kw_only=True):
    """A row of ``/instances/``: a node of AWX's own mesh. ``cpu`` and ``capacity_adjustment`` are sent as text."""

    id: int
    hostname: str
    uuid: str | None = None
    created: str | None = None
    modified: str | None = None
    last_seen: str | None = None
    health_check_started: str | None = None
    health_check_pending: bool | None = None
    last_health_check: str | None = None
    errors: str | None = None
    capacity_adjustment: float | None = None
    version: str | None = None
    capacity: int | None = None
    consumed_capacity: float | None = None
    percent_capacity_remaining: float | None = None
    jobs_running: int | None = None
    jobs_total: int | None = None
    cpu: float | None = None
    memory: int | None = None
    cpu_capacity: int | None = None
    mem_capacity: int | None = None
    enabled: bool | None = None
    managed_by_policy: bool | None = None
    node_type: str | None = None
    node_state: str | None = None
    managed: bool | None = None
    ip_address: str | None = None
    peers: Any = None
    reverse_peers: Any = None
    listener_port: int | None = None
    peers_from_control_nodes: bool | None = None
    protocol: str | None = None


class HostSummaryRecord(Struct, frozen=True, kw_only=True):
    """A row of ``/jobs/{id}/job_host_summaries/``. ``host`` is null once the host was deleted; the name stays."""

    id: int
    host: int | None = None
    host_name: str = ""
    ok: int = 0
    changed: int = 0
    failures: int = 0
    dark: int = 0
    ignored: int = 0
    processed: int = 0
    rescued: int = 0
    skipped: int = 0
    failed: bool = False
