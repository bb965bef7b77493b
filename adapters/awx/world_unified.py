"""Unified jobs that are no jobs, and the workflows of a generated world (contract sections 3 to 5).

The keys are those of the recordings list_workflow_jobs, list_project_updates and list_ad_hoc_commands. Inventory updates and
system jobs were never recorded: theirs are what AWX's serializers name, as far as the adapter reads them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from adapters.awx.world_jobs import launched_by_user, merge
from adapters.awx.world_rows import DETAIL_FIELDS, DETAIL_ONLY, FAILED, Row, brief, stamp, url

if TYPE_CHECKING:
    from adapters.awx.world import World

_WEBHOOK = {"webhook_service": "", "webhook_credential": None, "webhook_guid": ""}
_OWN: Mapping[str, Row] = {
    "workflow_job": {
        "workflow_job_template": 16,
        "extra_vars": "{}",
        "allow_simultaneous": False,
        "job_template": None,
        "is_sliced_job": False,
        "inventory": None,
        "limit": None,
        "scm_branch": None,
        **_WEBHOOK,
        "skip_tags": None,
        "job_tags": None,
    },
    "project_update": {
        "execution_environment": None,
        "execution_node": "",
        "local_path": "_1__commerce_deploy",
        "scm_type": "git",
        "scm_url": "https://git.example.org/commerce-deploy.git",
        "scm_branch": "",
        "scm_refspec": "",
        "scm_clean": False,
        "scm_track_submodules": False,
        "scm_delete_on_update": False,
        "credential": None,
        "timeout": 0,
        "scm_revision": "",
        "project": 1,
        "job_type": "run",
        "job_tags": "update_git,install_roles,install_collections",
    },
    "inventory_update": {
        "execution_environment": 1,
        "execution_node": "",
        "controller_node": "",
        "source": "ec2",
        "source_path": "",
        "source_vars": "---\naws_secret_key: s3cr3t-source\nregions: eu-north-1",
        "overwrite": True,
        "overwrite_vars": False,
        "timeout": 0,
        "verbosity": 1,
        "limit": "",
        "credential": 1,
        "inventory": 1,
        "inventory_source": 17,
        "source_project": None,
    },
    "ad_hoc_command": {
        "execution_environment": 1,
        "execution_node": "",
        "controller_node": "",
        "job_type": "run",
        "inventory": 1,
        "limit": "all",
        "credential": 1,
        "module_name": "shell",
        "module_args": "uptime",
        "forks": 0,
        "verbosity": 0,
        "extra_vars": "",
        "become_enabled": False,
        "diff_mode": False,
    },
    "system_job": {
        "execution_environment": None,
        "execution_node": "",
        "system_job_template": 18,
        "job_type": "cleanup_jobs",
        "extra_vars": '{"days": 90}',
    },
}
_TEMPLATES: Mapping[str, tuple[int, str] | None] = {
    "workflow_job": (16, "nightly maintenance"),
    "project_update": (1, "Commerce deployments"),
    "inventory_update": (17, "Checkout production - ec2"),
    "ad_hoc_command": None,
    "system_job": (18, "Cleanup Job Details"),
}
_STEPS = 3


def unified_row(kind: str, row_id: int, organization: Row, user: Row, created: str) -> Row:
    """A pending run of a type that is no job, launched by ``user``, as its own URL sends it."""
    template = _TEMPLATES[kind]
    plural = f"{kind}s"
    row = {
        "id": row_id,
        "type": kind,
        "url": url(plural, row_id),
        "related": {"modified_by": user["url"], "cancel": url(plural, row_id, "cancel")},
        "summary_fields": {"organization": brief(organization), "user_capabilities": {"delete": True, "start": True}},
        "created": created,
        "modified": created,
        "name": _OWN[kind]["module_name"] if template is None else template[1],
        "launch_type": "manual",
        "status": "pending",
        "failed": False,
        "started": None,
        "finished": None,
        "canceled_on": None,
        "elapsed": 0.0,
        "job_explanation": "",
        "work_unit_id": None,
        **_OWN[kind],
        **{key: DETAIL_FIELDS[key] for key in DETAIL_ONLY[kind]},
    }
    merge(row, launched_by_user(user))
    if template is not None:
        shown = {"id": template[0], "name": template[1], "description": "", "unified_job_type": kind}
        merge(row, {"description": "", "unified_job_template": template[0]})
        merge(row, {"summary_fields": {"unified_job_template": shown}})
    return row


def become_step(step: Row, workflow: Row) -> None:
    """Makes a run one that ``workflow`` launched."""
    keys = ("id", "name", "description", "status", "failed", "elapsed")
    changes: Row = {"launch_type": "workflow", "related": {"source_workflow_job": workflow["url"]}}
    changes["summary_fields"] = {"source_workflow_job": {key: workflow[key] for key in keys}}
    merge(step, changes)


def weave(world: "World") -> None:
    """Puts three workflows into a generated world: each a few jobs of one team that followed one another, days ago.

    A workflow takes a number that the sequence has left free before that of its first step.
    """
    long_ago = world.now - timedelta(days=2)
    jobs = [
        row for row in world.executions.values() if row["launch_type"] == "manual" and row["finished"] and row["started"]
    ]
    old = [row for row in jobs if datetime.fromisoformat(row["created"]) < long_ago]
    for start in range(0, len(old) - _STEPS, max(_STEPS, len(old) // 3)):
        steps = old[start : start + _STEPS]
        number = steps[0]["id"] - 1
        if number not in world.executions:
            world.add_workflow_job([step["id"] for step in steps], id=number, **_span(steps))


def _span(steps: Sequence[Row]) -> dict[str, Any]:
    """When a workflow of these steps ran, and how it ended."""
    created = datetime.fromisoformat(steps[0]["created"]) - timedelta(seconds=2)
    ended = max(datetime.fromisoformat(step["finished"]) for step in steps) + timedelta(seconds=1)
    failed = any(step["status"] in FAILED for step in steps)
    return {
        "status": "failed" if failed else "successful",
        "created": created,
        "modified": stamp(created),
        "started": created + timedelta(seconds=1),
        "finished": ended,
    }
