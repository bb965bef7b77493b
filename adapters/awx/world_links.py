"""What AWX keeps on templates, hosts and instances about the jobs that used them (contract sections 5 and 7)."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from adapters.awx.world_jobs import current_brief, last_brief, merge
from adapters.awx.world_rows import ACTIVE, Row, url


def link_templates(templates: Mapping[int, Row], executions: Iterable[Row], ids: Collection[int]) -> None:
    """Renew ``status``, ``last_job*`` and ``summary_fields.recent_jobs`` (newest ten) of the templates ``ids``.

    Raises KeyError when one of them is not in ``templates``.
    """
    jobs = defaultdict(list)
    for job in executions:
        if job.get("unified_job_template") in ids:
            jobs[job["unified_job_template"]].append(job)
    for template_id in ids:
        _link_template(templates[template_id], jobs[template_id])


def _link_template(template: Row, jobs: list[Row]) -> None:
    newest = sorted(jobs, key=lambda job: (_instant(job["created"]), job["id"]), reverse=True)
    current = next((job for job in newest if job["status"] in ACTIVE), None)
    last = max((job for job in jobs if job["finished"]), key=lambda job: _instant(job["finished"]), default=None)
    for name in ("current_job", "current_update", "last_job", "last_update"):
        template["related"].pop(name, None)
        template["summary_fields"].pop(name, None)
    recent = [_recent(job, "id", "status", "finished", "canceled_on", "type") for job in newest[:10]]
    merge(template, {"summary_fields": {"recent_jobs": recent}})
    if current is not None:
        summary = current_brief(current)
        merge(template, {"related": {"current_job": current["url"]}})
        merge(template, {"summary_fields": {"current_job": summary, "current_update": summary}})
    if last is not None:
        summary = last_brief(last)
        merge(template, {"related": {"last_job": last["url"]}})
        merge(template, {"summary_fields": {"last_job": summary, "last_update": summary}})
    template["last_job_run"] = None if last is None else last["finished"]
    template["last_job_failed"] = last is not None and last["failed"]
    shown = current or last
    template["status"] = "never updated" if shown is None else shown["status"]


def link_hosts(hosts: Mapping[int, Row], executions: Mapping[int, Row], summaries: Iterable[Row]) -> None:
    """Renew ``last_job*``, ``has_active_failures`` and the five ``recent_jobs`` of the hosts named in ``summaries``.

    ``summaries`` must hold every host summary of those hosts.
    """
    of_host = defaultdict(list)
    for summary in summaries:
        of_host[summary["host"]].append(summary)
    for host_id, touched in of_host.items():
        if host_id in hosts:
            _link_host(hosts[host_id], executions, sorted(touched, key=lambda row: int(row["job"]), reverse=True))


def _link_host(host: Row, executions: Mapping[int, Row], newest: list[Row]) -> None:
    last, job = newest[0], executions[newest[0]["job"]]
    host["last_job"] = job["id"]
    host["last_job_host_summary"] = last["id"]
    host["has_active_failures"] = last["failed"]
    keys = ("id", "name", "type", "status", "finished")
    recent = [_recent(executions[row["job"]], *keys) for row in newest[:5]]
    related = {"last_job": job["url"], "last_job_host_summary": url("job_host_summaries", last["id"])}
    summary = {
        "last_job": last_brief(job),
        "last_job_host_summary": {"id": last["id"], "failed": last["failed"]},
        "recent_jobs": recent,
    }
    merge(host, {"related": related, "summary_fields": summary})


def link_instances(instances: Mapping[int, Row], executions: Iterable[Row]) -> None:
    """Renew the job counts and the consumed capacity (one unit per running job) of every instance."""
    total: dict[str, int] = defaultdict(int)
    running: dict[str, int] = defaultdict(int)
    for job in executions:
        hostname = job.get("execution_node", "")
        total[hostname] += 1
        running[hostname] += job["status"] == "running"
    for instance in instances.values():
        hostname, capacity = instance["hostname"], instance["capacity"]
        instance["jobs_total"] = total[hostname]
        instance["jobs_running"] = instance["consumed_capacity"] = running[hostname]
        left = (capacity - running[hostname]) / capacity * 100 if capacity else 0.0
        instance["percent_capacity_remaining"] = round(left, 2)


def _recent(job: Row, *keys: str) -> Row:
    return {key: job[key] for key in keys}


def _instant(text: str) -> str:
    """A key that sorts AWX's instants, in which the microseconds may be missing."""
    return text if "." in text else f"{text[:-1]}.000000Z"
