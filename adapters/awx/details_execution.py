"""What only AWX has on an execution, as a GraphQL type filled from the record that the execution holds.

Values that can carry secrets go through ``gateway.redaction``. Empty texts become null. Fields marked as detail-only are
null on an execution that came from a list.
"""

import strawberry

from adapters.awx.details_values import date_time, list_of, name_of, names_of, variables
from adapters.awx.details_values import field as _field
from adapters.awx.kinds import WORKFLOW
from adapters.awx.mapping import NO_SUMMARY, type_of
from adapters.awx.records import JobRecord
from gateway.api.scalars import JSON, DateTime
from gateway.redaction import redacted

_DETAIL_ONLY = "Detail-only: one request per execution."


@strawberry.type(
    description="Every field of AWX's record of a run that is not unified. Ids are AWX's integers. Which fields there are "
    "depends on `unifiedJobType`: those of other types are null."
)
class AwxExecutionDetails:
    """Fields of a unified job (AWX's word for one run of any type) that are not unified here."""

    job_type: str | None = _field("`run`, `check` or `scan`; what a system job does, for example `cleanup_jobs`.")
    unified_job_type: str | None = _field(
        "AWX's `type`: `job`, `workflow_job`, `project_update`, `inventory_update`, `ad_hoc_command` or `system_job`."
    )
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
    unified_job_template_name: str | None = _field("Its name.")
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
    is_sliced_job: bool | None = _field("Workflow job: whether it is one job divided into slices.")
    sliced_job_template_id: int | None = _field("Workflow job: the job template that is divided.")
    credential_id: int | None = _field("Project update, inventory update, ad hoc command: the credential it used.")
    credential_name: str | None = _field("Name, never contents, of that credential.")
    local_path: str | None = _field("Project update: directory of the project on AWX's machines.")
    scm_type: str | None = _field("Project update: `git`, `svn`, `insights` or `archive`.")
    scm_url: str | None = _field("Project update: address of the repository. Passwords redacted.")
    scm_refspec: str | None = _field("Project update: what else is fetched.")
    scm_clean: bool | None = _field("Project update: whether local changes are thrown away.")
    scm_track_submodules: bool | None = _field("Project update: whether submodules follow their branches.")
    scm_delete_on_update: bool | None = _field("Project update: whether the directory is deleted first.")
    module_name: str | None = _field("Ad hoc command: the Ansible module.")
    module_args: str | None = _field("Ad hoc command: what the module was given. Secrets redacted.")
    become_enabled: bool | None = _field("Ad hoc command: whether it ran with raised privileges.")
    inventory_source_id: int | None = _field("Inventory update: the source that was synchronised.")
    inventory_source_kind: str | None = _field("Inventory update: AWX's `source`, for example `scm` or `ec2`.")
    source_path: str | None = _field("Inventory update: the file in the source's project.")
    source_vars: JSON | None = _field("Inventory update: variables of the source. Secrets redacted.")
    source_project_id: int | None = _field("Inventory update: the project that holds that file.")
    overwrite: bool | None = _field("Inventory update: whether hosts and groups that are gone are removed.")
    overwrite_vars: bool | None = _field("Inventory update: whether variables are replaced instead of merged.")
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


def execution_details(row: JobRecord) -> AwxExecutionDetails:
    """What a record of a run tells beyond the unified fields. Raises ValueError for an instant that cannot be read."""
    summary = row.summary_fields or NO_SUMMARY
    launched_by = row.launched_by
    return AwxExecutionDetails(
        job_type=row.job_type or None,
        unified_job_type=row.type or None,
        description=row.description or None,
        inventory_id=row.inventory,
        inventory_name=name_of(summary.inventory),
        project_id=row.project,
        project_name=name_of(summary.project),
        playbook=row.playbook or None,
        scm_branch=row.scm_branch or None,
        scm_revision=row.scm_revision or None,
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
        organization_id=row.organization,
        organization_name=name_of(summary.organization),
        unified_job_template_id=row.unified_job_template,
        unified_job_template_name=name_of(summary.unified_job_template),
        execution_environment_id=row.execution_environment,
        execution_environment_name=name_of(summary.execution_environment),
        instance_group_id=row.instance_group,
        instance_group_name=name_of(summary.instance_group),
        failed=row.failed,
        modified_at=date_time(row.modified),
        canceled_at=date_time(row.canceled_on),
        work_unit_id=row.work_unit_id or None,
        passwords_needed_to_start=list_of(row.passwords_needed_to_start),
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
        schedule_name=name_of(summary.schedule),
        workflow_job_id=summary.source_workflow_job.id if summary.source_workflow_job else None,
        workflow_job_name=summary.source_workflow_job.name if summary.source_workflow_job else None,
        is_sliced_job=row.is_sliced_job,
        sliced_job_template_id=row.job_template if type_of(row) == WORKFLOW else None,
        credential_id=row.credential,
        credential_name=name_of(summary.credential),
        local_path=row.local_path or None,
        scm_type=row.scm_type or None,
        scm_url=redacted(row.scm_url) or None,
        scm_refspec=row.scm_refspec or None,
        scm_clean=row.scm_clean,
        scm_track_submodules=row.scm_track_submodules,
        scm_delete_on_update=row.scm_delete_on_update,
        module_name=row.module_name or None,
        module_args=redacted(row.module_args) or None,
        become_enabled=row.become_enabled,
        inventory_source_id=row.inventory_source,
        inventory_source_kind=row.source or None,
        source_path=row.source_path or None,
        source_vars=variables(row.source_vars),
        source_project_id=row.source_project,
        overwrite=row.overwrite,
        overwrite_vars=row.overwrite_vars,
        labels=names_of(summary.labels.results if summary.labels else None),
        credential_names=names_of(summary.credentials),
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
