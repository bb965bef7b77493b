"""Rows of Scale's tables with every column set, as the simulator's world is made of them.

The spacing of an execution's instants is that of the recordings: ``queued`` 20 ms before ``created``, half a second from
scheduling to the pre-task, and so on; system jobs have neither pre- nor post-task.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from adapters.scale.simulator_tables import TABLES, Row

FINAL = frozenset({"COMPLETED", "FAILED", "CANCELED"})


def blank(table: str) -> Row:
    """A row with every column of ``table`` null, JSON columns empty objects."""
    spec = TABLES[table]
    return {name: {} if name in spec.json else None for name in spec.names()}


def after(instant: datetime, seconds: float) -> datetime:
    """``instant`` plus seconds."""
    return instant + timedelta(seconds=seconds)


def execution_row(job_type: Row, status: str, created: datetime, wait: float, duration: float, exit_code: int | None) -> Row:
    """An execution (without id, job, node, error) that waited and then ran for so many seconds in its status.

    ``duration`` lasts from ``started`` to ``ended``; CANCELED with a duration of 0 means canceled before it started.
    """
    queued = after(created, -0.02)
    started = after(created, wait)
    row = blank("executions")
    row.update(status=status, created=created, queued=queued, last_modified=queued, command_arguments="")
    row.update(timeout=job_type["timeout"])
    if status == "CANCELED" and not duration:
        row.update(ended=started, last_modified=after(started, 0.03))
        return row
    if status == "QUEUED":
        return row
    row.update(
        started=started,
        last_modified=started,
        command_arguments="${input} -o ${job_output_dir}",
        environment={"version": "1.0"},
        cpus_scheduled=job_type["cpus_required"],
        mem_scheduled=job_type["mem_required"],
        disk_in_scheduled=128.5,
        disk_out_scheduled=job_type["disk_out_const_required"],
        disk_total_scheduled=128.5 + job_type["disk_out_const_required"],
        job_started=after(started, 0.2 if job_type["is_system"] else 2.2),
    )
    if not job_type["is_system"]:
        row.update(pre_started=after(started, 0.5), pre_completed=after(started, 2.0), pre_exit_code=0)
    if status == "RUNNING":
        return row
    ended = after(started, duration)
    row.update(ended=ended, last_modified=after(ended, 0.08))
    if status == "CANCELED":
        return row
    row.update(job_completed=after(ended, -0.3 if job_type["is_system"] else -1.5), job_exit_code=exit_code)
    if not job_type["is_system"]:
        row.update(post_started=after(ended, -1.4), post_completed=after(ended, -0.3), post_exit_code=0)
    if status == "COMPLETED":
        row.update(
            results={"version": "1.0", "output_data": [{"name": "output_file", "file_id": 1000}]},
            results_manifest={"version": "1.1", "output_data": [], "errors": [], "parse_results": []},
        )
    return row


def job_row(job_type: Row, created: datetime) -> Row:
    """A PENDING job (without id, revision, event) that has no execution yet."""
    row = blank("jobs")
    row.update(
        job_type_id=job_type["id"],
        status="PENDING",
        priority=job_type["priority"],
        num_exes=0,
        timeout=job_type["timeout"],
        max_tries=job_type["max_tries"],
        cpus_required=job_type["cpus_required"],
        mem_required=job_type["mem_required"],
        disk_in_required=0.0,
        disk_out_required=job_type["disk_out_const_required"],
        is_superseded=False,
        delete_superseded=True,
        created=created,
        last_status_change=created,
        last_modified=after(created, 0.01),
        data={"version": "1.0", "input_data": [], "output_data": []},
        results=None,
    )
    return row


def follow(job: Row, execution: Row) -> None:
    """Sets the job's status, error, results and instants to those of its latest execution, as Scale does."""
    job.update({name: execution[name] for name in ("status", "error_id", "queued", "started", "ended")})
    changed = execution["ended"] or execution["started"] or execution["queued"]
    job.update(last_status_change=changed, last_modified=after(changed, 0.01))
    job["results"] = execution["results"] or None


def job_type_row(name: str, version: str, created: datetime, titles: Sequence[str | None] = (), **columns: object) -> Row:
    """A job type (without id); ``titles`` are title, description and category."""
    row = blank("job_types")
    title, description, category = (*titles, None, None, None)[:3]
    row.update(name=name, version=version, title=title, description=description, category=category)
    row.update(is_system=False, is_long_running=False, is_active=True, is_operational=True, is_paused=False)
    row.update(uses_docker=True, docker_privileged=False, docker_image=f"geoint/{name}:{version}", revision_num=1)
    row.update(priority=100, timeout=3600, max_tries=3, cpus_required=1.0, mem_required=1024.0)
    row.update(disk_out_const_required=64.0, disk_out_mult_required=0.0, created=created, last_modified=created)
    row.update(interface={"version": "1.0", "command": "run.sh", "command_arguments": "${input}", "input_data": [],
                          "output_data": [], "shared_resources": []})  # fmt: skip
    row.update(error_mapping={"version": "1.0", "exit_codes": {}})
    row.update(columns)
    return row
