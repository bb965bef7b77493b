"""Job records and what hangs on them: host summaries, and the briefs of a job inside other records."""

from typing import Any

from adapters.awx.world_rows import DETAIL_FIELDS, Row, brief, url


def job_row(row_id: int, template: Row, created: str) -> Row:
    """A job of ``template`` in status ``new`` as its detail URL sends it; nobody is known to have launched it."""
    of_template = template["summary_fields"]
    kept = ("organization", "inventory", "execution_environment", "project", "labels", "credentials")
    sublists = ("stdout", "job_events", "job_host_summaries", "labels", "credentials", "activity_stream")
    actions = ("notifications", "create_schedule", "cancel", "relaunch")
    return {
        "id": row_id,
        "type": "job",
        "url": url("jobs", row_id),
        "related": {
            "modified_by": url("users", 1),
            "inventory": url("inventories", template["inventory"]),
            "project": url("projects", template["project"]),
            "organization": url("organizations", template["organization"]),
            "unified_job_template": template["url"],
            "execution_environment": url("execution_environments", 1),
            "job_template": template["url"],
            **{name: url("jobs", row_id, name) for name in (*sublists, *actions)},
        },
        "summary_fields": {
            **{key: of_template[key] for key in kept},
            "job_template": brief(template),
            "unified_job_template": {**brief(template), "unified_job_type": "job"},
            "modified_by": of_template["modified_by"],
            "user_capabilities": {"delete": True, "start": True},
        },
        "created": created,
        "modified": created,
        "name": template["name"],
        "description": template["description"],
        "unified_job_template": template["id"],
        "launch_type": "manual",
        "status": "new",
        "execution_environment": template["execution_environment"],
        "failed": False,
        "started": None,
        "finished": None,
        "canceled_on": None,
        "elapsed": 0.0,
        "job_explanation": "",
        "execution_node": "",
        "controller_node": "",
        "launched_by": {},
        "work_unit_id": None,
        "job_type": template["job_type"],
        "inventory": template["inventory"],
        "project": template["project"],
        "playbook": template["playbook"],
        "scm_branch": "",
        "forks": template["forks"],
        "limit": "",
        "verbosity": template["verbosity"],
        "extra_vars": "{}",
        "job_tags": "",
        "force_handlers": False,
        "skip_tags": "",
        "start_at_task": "",
        "timeout": template["timeout"],
        "use_fact_cache": False,
        "organization": template["organization"],
        "job_template": template["id"],
        "passwords_needed_to_start": [],
        "allow_simultaneous": template["allow_simultaneous"],
        "artifacts": {},
        "scm_revision": "",
        "instance_group": None,
        "diff_mode": False,
        "job_slice_number": 0,
        "job_slice_count": 1,
        "webhook_service": "",
        "webhook_credential": None,
        "webhook_guid": "",
        **DETAIL_FIELDS,
        "event_processing_finished": False,
    }


def launched_by_user(user: Row) -> Row:
    """The fields of a job that ``user`` launched; merge with :func:`merge`."""
    person = {key: user[key] for key in ("id", "username", "first_name", "last_name")}
    return {
        "launched_by": {"id": user["id"], "name": user["username"], "type": "user", "url": user["url"]},
        "related": {"created_by": user["url"]},
        "summary_fields": {"created_by": person},
    }


def launched_by_schedule(schedule_id: int, name: str) -> Row:
    """The fields of a job that a schedule launched; merge with :func:`merge`."""
    link = url("schedules", schedule_id)
    return {
        "launch_type": "scheduled",
        "launched_by": {"id": schedule_id, "name": name, "type": "schedule", "url": link},
        "related": {"schedule": link},
        "summary_fields": {"schedule": {"id": schedule_id, "name": name, "description": "", "next_run": None}},
    }


def launched_by_webhook(template: Row, guid: str) -> Row:
    """The fields of a job that a webhook of its template launched; merge with :func:`merge`."""
    return {
        "launch_type": "webhook",
        "launched_by": {
            "id": template["id"],
            "name": template["name"],
            "type": "job_template",
            "url": template["url"],
        },
        "webhook_service": "github",
        "webhook_guid": guid,
    }


def merge(row: Row, changes: Row) -> None:
    """Write ``changes`` into ``row``; ``related`` and ``summary_fields`` are added to, everything else replaced."""
    for key, value in changes.items():
        row[key] = {**row[key], **value} if key in ("related", "summary_fields") else value


def forget(row: Row, *relations: str) -> None:
    """Null the foreign keys ``relations`` of ``row``: AWX then leaves out their ``related`` and summary too."""
    for name in relations:
        row[name] = None
        row["related"] = {key: value for key, value in row["related"].items() if key != name}
        row["summary_fields"] = {key: value for key, value in row["summary_fields"].items() if key != name}


def summary_row(row_id: int, job: Row, host: Row | None, host_name: str, **counts: Any) -> Row:
    """What ``job`` did on one host. ``host`` is None when the host was deleted; ``counts`` are ok, changed, dark ...

    ``failed`` is dark or failures, as AWX computes it. The summary of the job is added when the record is sent.
    """
    related = {"job": job["url"]}
    summary = {}
    if host is not None:
        related["host"] = host["url"]
        summary["host"] = brief(host)
    row = {
        "id": row_id,
        "type": "job_host_summary",
        "url": url("job_host_summaries", row_id),
        "related": related,
        "summary_fields": summary,
        "created": job["finished"] or job["created"],
        "modified": job["finished"] or job["created"],
        "job": job["id"],
        "host": None if host is None else host["id"],
        "constructed_host": None,
        "host_name": host_name,
        "changed": 0,
        "dark": 0,
        "failures": 0,
        "ok": 0,
        "processed": 1,
        "skipped": 0,
        "failed": False,
        "ignored": 0,
        "rescued": 0,
        **counts,
    }
    row["failed"] = bool(row["dark"] or row["failures"])
    return row


def job_brief(job: Row) -> Row:
    """A job as it appears in the ``summary_fields`` of a host summary."""
    template = job["summary_fields"].get("job_template")
    of_template = {} if template is None else {"job_template_id": template["id"], "job_template_name": template["name"]}
    keys = ("id", "name", "description", "status", "failed", "elapsed", "type")
    return {**{key: job[key] for key in keys}, **of_template}


def current_brief(job: Row) -> Row:
    """An unfinished job as ``summary_fields.current_job`` of its template."""
    return {**brief(job), "status": job["status"], "failed": job["failed"]}


def last_brief(job: Row) -> Row:
    """A finished job as ``summary_fields.last_job`` of its template or host."""
    return {**current_brief(job), "finished": job["finished"], "canceled_on": job["canceled_on"]}
