"""Single records of an AWX world, with the keys and types of AWX 24.6.1 (contract sections 5 and 7, recordings).

A record holds what a list sends, plus for jobs and project updates the detail-only fields. Fields that AWX computes
while it answers (``elapsed`` of a running job, ``named_url``) are not stored.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Row = dict[str, Any]

ACTIVE = ("new", "pending", "waiting", "running")
"""The job statuses that can still change; also those that can be canceled (contract section 5, Status)."""

FAILED = ("failed", "error", "canceled")
"""The job statuses for which ``failed`` is true."""

DETAIL_FIELDS: Mapping[str, Any] = {
    "job_args": "",
    "job_cwd": "",
    "job_env": {},
    "result_traceback": "",
    "event_processing_finished": True,
    "host_status_counts": None,
    "playbook_counts": {"play_count": 0, "task_count": 0},
    "custom_virtualenv": None,
}
"""What only a job's own URL sends, with the values of a job that never ran (contract section 5)."""

_RUN_ONLY = tuple(key for key in DETAIL_FIELDS if key in ("job_args", "job_cwd", "job_env", "result_traceback"))

DETAIL_ONLY: Mapping[str, tuple[str, ...]] = {
    "job": tuple(DETAIL_FIELDS),
    "project_update": tuple(key for key in DETAIL_FIELDS if key != "custom_virtualenv"),
    # These as UnifiedJobListSerializer and WorkflowJobSerializer say; only lists of them were recorded.
    "workflow_job": _RUN_ONLY,
    "inventory_update": (*_RUN_ONLY, "event_processing_finished"),
    "ad_hoc_command": (*_RUN_ONLY, "event_processing_finished"),
    "system_job": (*_RUN_ONLY, "event_processing_finished"),
}
"""The fields that lists leave out, by type (recordings job_* and project_update_detail)."""

_ENVIRONMENT = {
    "id": 1,
    "name": "AWX EE (24.6.1)",
    "description": "",
    "image": "quay.io/ansible/awx-ee:24.6.1",
}
_CREDENTIAL = {"id": 1, "name": "Machine", "description": "", "kind": "ssh", "cloud": False}
_ADMIN = {"id": 1, "username": "admin", "first_name": "", "last_name": ""}


def stamp(instant: datetime) -> str:
    """An instant as AWX writes it: UTC with ``Z``, microseconds left out when they are zero."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def url(kind: str, row_id: int, *rest: str) -> str:
    """The API URL of a record, or of a list below it."""
    return "/".join(["/api/v2", kind, str(row_id), *rest, ""])


def _related(kind: str, row_id: int, *names: str) -> dict[str, str]:
    return {name: url(kind, row_id, name) for name in names}


def brief(row: Row) -> Row:
    """The id, name and description under which a record appears in another's ``summary_fields``."""
    return {"id": row["id"], "name": row["name"], "description": row["description"]}


def user_row(row_id: int, username: str, created: str, *, superuser: bool = False) -> Row:
    """A user as ``/me/`` and ``/users/`` send it."""
    return {
        "id": row_id,
        "type": "user",
        "url": url("users", row_id),
        "related": _related("users", row_id, "teams", "organizations", "projects", "credentials", "roles", "tokens"),
        "summary_fields": {"user_capabilities": {"edit": superuser, "delete": False}},
        "created": created,
        "modified": None,
        "username": username,
        "first_name": "",
        "last_name": "",
        "email": f"{username}@example.org",
        "is_superuser": superuser,
        "is_system_auditor": False,
        "password": "$encrypted$",
        "ldap_dn": "",
        "last_login": None,
        "external_account": None,
        "auth": [],
    }


def _named(kind: str, plural: str, row_id: int, name: str, created: str, summary: Row, sublists: tuple[str, ...]) -> Row:
    related = {"created_by": url("users", 1), "modified_by": url("users", 1)} | _related(plural, row_id, *sublists)
    for relation, plural_of in (("organization", "organizations"), ("inventory", "inventories"), ("project", "projects")):
        if relation in summary:
            related[relation] = url(plural_of, summary[relation]["id"])
    return {
        "id": row_id,
        "type": kind,
        "url": url(plural, row_id),
        "related": related,
        "summary_fields": {**summary, "created_by": _ADMIN, "modified_by": _ADMIN},
        "created": created,
        "modified": created,
        "name": name,
        "description": "",
    }


def organization_row(row_id: int, name: str, created: str) -> Row:
    """An organization."""
    sublists = ("projects", "inventories", "job_templates", "users", "teams", "credentials", "instance_groups")
    capabilities = {"user_capabilities": {"edit": True, "delete": True}}
    return {
        **_named("organization", "organizations", row_id, name, created, capabilities, sublists),
        "max_hosts": 0,
        "custom_virtualenv": None,
        "default_environment": None,
    }


def inventory_row(row_id: int, name: str, organization: Row, created: str) -> Row:
    """An inventory; its host counts are zero, as AWX computes them in the background."""
    summary = {
        "organization": brief(organization),
        "user_capabilities": {"edit": True, "delete": True, "copy": True, "adhoc": True},
        "labels": {"count": 0, "results": []},
    }
    return {
        **_named("inventory", "inventories", row_id, name, created, summary, ("hosts", "groups", "job_templates")),
        "organization": organization["id"],
        "kind": "",
        "host_filter": None,
        "variables": "",
        "has_active_failures": False,
        "total_hosts": 0,
        "hosts_with_active_failures": 0,
        "total_groups": 0,
        "has_inventory_sources": False,
        "total_inventory_sources": 0,
        "inventory_sources_with_failures": 0,
        "pending_deletion": False,
        "prevent_instance_group_fallback": False,
    }


def inventory_brief(inventory: Row) -> Row:
    """An inventory as it appears in ``summary_fields``: brief plus its counts."""
    counts = (
        "has_active_failures",
        "total_hosts",
        "hosts_with_active_failures",
        "total_groups",
        "has_inventory_sources",
        "total_inventory_sources",
        "inventory_sources_with_failures",
    )
    return {
        **brief(inventory),
        **{key: inventory[key] for key in counts},
        "organization_id": inventory["organization"],
        "kind": inventory["kind"],
    }


def project_row(row_id: int, name: str, repository: str, organization: Row, created: str) -> Row:
    """A project whose last update succeeded."""
    summary = {
        "organization": brief(organization),
        "user_capabilities": {"edit": True, "delete": True, "start": True, "schedule": True, "copy": True},
    }
    return {
        **_named("project", "projects", row_id, name, created, summary, ("playbooks", "update", "project_updates")),
        "local_path": f"_{row_id}__{repository}",
        "scm_type": "git",
        "scm_url": f"https://git.example.org/{repository}.git",
        "scm_branch": "",
        "scm_refspec": "",
        "scm_clean": False,
        "scm_track_submodules": False,
        "scm_delete_on_update": False,
        "credential": None,
        "timeout": 0,
        "scm_revision": "347e44fea036c94d5f60e544de006453ee5c71ad",
        "last_job_run": None,
        "last_job_failed": False,
        "next_job_run": None,
        "status": "successful",
        "organization": organization["id"],
        "scm_update_on_launch": False,
        "scm_update_cache_timeout": 0,
        "allow_override": False,
        "custom_virtualenv": None,
        "default_environment": None,
        "signature_validation_credential": None,
        "last_update_failed": False,
        "last_updated": None,
    }


def template_row(row_id: int, name: str, playbook: str, inventory: Row, project: Row, created: str) -> Row:
    """A job template that has never run, with one machine credential and no labels."""
    summary = {
        "organization": project["summary_fields"]["organization"],
        "inventory": inventory_brief(inventory),
        "execution_environment": _ENVIRONMENT,
        "project": {
            **brief(project),
            "status": project["status"],
            "scm_type": project["scm_type"],
            "allow_override": project["allow_override"],
        },
        "user_capabilities": {"edit": True, "delete": True, "start": True, "schedule": True, "copy": True},
        "labels": {"count": 0, "results": []},
        "recent_jobs": [],
        "credentials": [_CREDENTIAL],
    }
    asks = ("scm_branch", "diff_mode", "variables", "limit", "tags", "skip_tags", "job_type", "verbosity", "inventory")
    more_asks = ("credential", "execution_environment", "labels", "forks", "job_slice_count", "timeout")
    sublists = ("labels", "credentials", "jobs", "schedules", "launch", "webhook_key", "survey_spec", "copy")
    return {
        **_named("job_template", "job_templates", row_id, name, created, summary, sublists),
        "job_type": "run",
        "inventory": inventory["id"],
        "project": project["id"],
        "playbook": playbook,
        "scm_branch": "",
        "forks": 0,
        "limit": "",
        "verbosity": 0,
        "extra_vars": "---",
        "job_tags": "",
        "force_handlers": False,
        "skip_tags": "",
        "start_at_task": "",
        "timeout": 0,
        "use_fact_cache": False,
        "organization": project["organization"],
        "last_job_run": None,
        "last_job_failed": False,
        "next_job_run": None,
        "status": "never updated",
        "execution_environment": 1,
        "host_config_key": "",
        **{f"ask_{ask}_on_launch": ask == "variables" for ask in (*asks, *more_asks, "instance_groups")},
        "survey_enabled": False,
        "become_enabled": False,
        "diff_mode": False,
        "allow_simultaneous": True,
        "custom_virtualenv": None,
        "job_slice_count": 1,
        "webhook_service": "",
        "webhook_credential": None,
        "prevent_instance_group_fallback": False,
    }


def host_row(row_id: int, name: str, inventory: Row, created: str, *, enabled: bool = True, variables: str = "") -> Row:
    """A managed host that no job has touched."""
    summary = {
        "inventory": inventory_brief(inventory),
        "user_capabilities": {"edit": True, "delete": True},
        "groups": {"count": 0, "results": []},
        "recent_jobs": [],
    }
    sublists = ("variable_data", "groups", "job_events", "job_host_summaries", "ansible_facts")
    return {
        **_named("host", "hosts", row_id, name, created, summary, sublists),
        "inventory": inventory["id"],
        "enabled": enabled,
        "instance_id": "",
        "variables": variables,
        "has_active_failures": False,
        "has_inventory_sources": False,
        "last_job": None,
        "last_job_host_summary": None,
        "ansible_facts_modified": None,
    }


def instance_row(row_id: int, hostname: str, node_type: str, created: str, last_seen: str | None) -> Row:
    """A node of the AWX mesh; ``node_type`` is control, execution, hybrid or hop.

    A hop has no capacity, and neither has a node that was never seen (``last_seen`` None): it is unavailable.
    """
    works = node_type != "hop" and last_seen is not None
    return {
        "id": row_id,
        "hostname": hostname,
        "type": "instance",
        "url": url("instances", row_id),
        "related": _related("instances", row_id, "receptor_addresses", "jobs", "peers", "instance_groups"),
        "summary_fields": {"user_capabilities": {"edit": False}},
        "uuid": f"00000000-0000-0000-0000-{row_id:012x}",
        "created": created,
        "modified": created,
        "last_seen": last_seen,
        "health_check_started": None,
        "health_check_pending": False,
        "last_health_check": last_seen if works else None,
        "errors": "" if last_seen else "Failed to connect",
        "capacity_adjustment": "1.00",
        "version": "24.6.1" if node_type == "control" else "ansible-runner-2.4.0",
        "capacity": 59 if works else 0,
        "consumed_capacity": 0,
        "percent_capacity_remaining": 100.0 if works else 0.0,
        "jobs_running": 0,
        "jobs_total": 0,
        "cpu": "4.0" if works else "0.0",
        "memory": 8589934592 if works else 0,
        "cpu_capacity": 16 if works else 0,
        "mem_capacity": 59 if works else 0,
        "enabled": True,
        "managed_by_policy": True,
        "node_type": node_type,
        "node_state": "ready" if last_seen else "unavailable",
        "managed": False,
        "ip_address": "",
        "peers": [],
        "reverse_peers": [],
        "listener_port": None,
        "peers_from_control_nodes": False,
        "protocol": "",
    }


def instance_group_row(row_id: int, name: str, instances: int, created: str) -> Row:
    """A group of instances."""
    return {
        "id": row_id,
        "type": "instance_group",
        "url": url("instance_groups", row_id),
        "related": _related("instance_groups", row_id, "jobs", "instances", "access_list", "object_roles"),
        "name": name,
        "created": created,
        "modified": created,
        "capacity": 59 * instances,
        "consumed_capacity": 0,
        "percent_capacity_remaining": 100.0,
        "jobs_running": 0,
        "max_concurrent_jobs": 0,
        "max_forks": 0,
        "jobs_total": 0,
        "instances": instances,
        "is_container_group": False,
        "credential": None,
        "policy_instance_percentage": 0,
        "policy_instance_minimum": 0,
        "policy_instance_list": [],
        "pod_spec_override": "",
        "summary_fields": {"user_capabilities": {"edit": True, "delete": False}},
    }
