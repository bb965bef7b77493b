"""The generated AWX world: three teams, their templates and machines, and what each planned job leaves behind.

Secrets are planted where AWX shows them: ``extra_vars``, ``job_args``, ``job_env`` and ``artifacts`` of jobs and the
``variables`` of hosts. Every planted value contains ``s3cr3t-``.
"""

import json
from collections import Counter
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from adapters.awx.world_jobs import (
    job_row,
    launched_by_schedule,
    launched_by_user,
    launched_by_webhook,
    merge,
    summary_row,
)
from adapters.awx.world_plans import CHECKOUT, MINIMUM_SIZE, TEMPLATES, Plan, plans
from adapters.awx.world_rows import (
    FAILED,
    Row,
    host_row,
    instance_group_row,
    instance_row,
    inventory_row,
    organization_row,
    project_row,
    stamp,
    template_row,
    url,
    user_row,
)

if TYPE_CHECKING:
    from adapters.awx.world import World

__all__ = ["MINIMUM_SIZE", "finish", "inventory_of", "launch", "plans", "run", "start", "summaries"]

_TEAMS = {
    1: ("Commerce", "Checkout production", "Commerce deployments", "commerce-deploy"),
    2: ("Platform", "Platform production", "Platform operations", "platform-ops"),
    3: ("Network", "Edge network", "Network automation", "network-automation"),
}
_TEMPLATES = (
    ("deploy checkout", "deploy.yml", 1),
    ("deploy catalog", "deploy.yml", 1),
    ("smoke test storefront", "smoke.yml", 1),
    ("patch linux hosts", "patch.yml", 2),
    ("back up databases", "backup.yml", 2),
    ("rotate certificates", "rotate.yml", 2),
    ("provision virtual machines", "provision.yml", 2),
    ("audit switch configuration", "audit.yml", 3),
    ("update firewall rules", "firewall.yml", 3),
    ("sync DNS zones", "dns.yml", 3),
    ("rollout café-terminals", "site.yml", 3),
    ("migrate legacy wiki", "migrate.yml", 2),
)
_HOSTS = {
    1: [f"checkout-{number:02}.prod.example.org" for number in range(1, 7)],
    2: [
        *(f"app-{number:02}.prod.example.org" for number in range(1, 9)),
        *(f"db-{number:02}.prod.example.org" for number in range(1, 4)),
        "münchen-web-01.example.org",
        "東京-db-01.example.org",
    ],
    3: [
        *(f"edge-fw-{number:02}.example.org" for number in range(1, 7)),
        "fd00:12:34::15",
        "rack 4/switch 7",
        "cache%20old.example.org",
    ],
}
_DELETED_HOST = "web-old-07.prod.example.org"
_USERS = ("admin", "viewer", "nobody", "mara", "devon", "søren")
_WORKERS = ("exec-a.example.org", "exec-b.example.org", "exec-c.example.org")
_CONTROLLER = "awx-1.example.org"


def inventory_of(world: "World", now: datetime) -> int:
    """Fill every table but the jobs'; answers the id of the template that is retired once its jobs have run."""
    then = stamp((now - timedelta(days=400)).replace(microsecond=0))
    seen = stamp((now - timedelta(seconds=20)).replace(microsecond=0))
    for row_id, name in enumerate(_USERS, 1):
        world.users[row_id] = user_row(row_id, name, then, superuser=name == "admin")
    for row_id, (organization, inventory, project, repository) in _TEAMS.items():
        team = world.organizations[row_id] = organization_row(row_id, organization, then)
        world.inventories[row_id] = inventory_row(row_id, inventory, team, then)
        world.projects[row_id] = project_row(row_id, project, repository, team, then)
        for name in _HOSTS[row_id]:
            host_id = len(world.hosts) + 1
            variables = f"---\nansible_password: s3cr3t-host-{host_id}" if host_id % 3 == 0 else "---\nrack: 4"
            host = host_row(host_id, name, world.inventories[row_id], then, enabled=host_id != 8, variables=variables)
            world.hosts[host_id] = host
    for row_id, (name, playbook, team_id) in zip(TEMPLATES, _TEMPLATES, strict=True):
        owned = world.inventories[team_id], world.projects[team_id]
        template = world.job_templates[row_id] = template_row(row_id, name, playbook, *owned, then)
        template["description"] = f"{playbook} of {_TEAMS[team_id][2]}"
        if playbook == "deploy.yml":
            merge(template, {"summary_fields": {"labels": {"count": 1, "results": [{"id": 1, "name": "release"}]}}})
    _mesh(world, then, seen)
    return TEMPLATES[-1]


def _mesh(world: "World", then: str, seen: str) -> None:
    nodes = [(_CONTROLLER, "control"), *((name, "execution") for name in _WORKERS), ("hop-1.example.org", "hop")]
    for row_id, (hostname, node_type) in enumerate(nodes, 1):
        world.instances[row_id] = instance_row(row_id, hostname, node_type, then, seen)
    lost = len(world.instances) + 1
    world.instances[lost] = instance_row(lost, "exec-d.example.org", "execution", then, None)
    world.group_members = {1: [_CONTROLLER], 2: list(_WORKERS[:2]), 3: list(_WORKERS[2:])}
    for row_id, name in enumerate(("controlplane", "default", "edge"), 1):
        world.instance_groups[row_id] = instance_group_row(row_id, name, len(world.group_members[row_id]), then)


def run(rng: Random, world: "World", plan: Plan) -> None:
    """Carry out one plan: add its job and, when it ran to an end on hosts, their summaries."""
    # Project updates take ids of the same sequence, so jobs leave gaps.
    row_id = next(reversed(world.executions), 1000) + rng.choice((1, 1, 1, 2, 3))
    row = launch(rng, world, plan, row_id)
    row["status"], row["failed"] = plan.status, plan.status in FAILED
    if plan.wait is not None:
        start(rng, row, plan.created + plan.wait)
    if plan.lasts is not None:
        finish(rng, row, plan)
    if plan.canceling:
        row["canceled_on"] = stamp(world.now - timedelta(seconds=25))
    world.executions[row_id] = row
    if row["started"] and plan.status in ("successful", "failed"):
        for summary in summaries(rng, world, row, plan):
            summary_id = len(world.job_host_summaries) + 1
            world.job_host_summaries[summary_id] = {
                **summary,
                "id": summary_id,
                "url": url("job_host_summaries", summary_id),
            }
    row["modified"] = row["finished"] or row["created"]


def launch(rng: Random, world: "World", plan: Plan, row_id: int) -> Row:
    """The job of a plan, in status ``new``."""
    template = world.job_templates[plan.template]
    row = job_row(row_id, template, stamp(plan.created))
    merge(row, _launch(rng, world, template, plan))
    release = "checkout 4.2.0" if plan.bad_release else "checkout 4.1.3"
    variables: Row = {"release": release} if plan.template == CHECKOUT else {"build": row_id}
    if rng.random() < 0.3 or plan.template == CHECKOUT:
        variables |= {"db_password": f"s3cr3t-db-{row_id}", "api_token": f"s3cr3t-api-{row_id}"}
    row["extra_vars"] = json.dumps(variables)
    return row


def _launch(rng: Random, world: "World", template: Row, plan: Plan) -> Row:
    guid = f"{rng.getrandbits(64):016x}"
    if plan.template == CHECKOUT:
        if plan.number % 3:
            return launched_by_webhook(template, guid)
        return launched_by_schedule(1, "checkout rollout")
    kind = rng.choice(("manual", "manual", "relaunch", "scheduled", "scheduled", "webhook", "callback"))
    if kind == "scheduled":
        return launched_by_schedule(template["id"], f"nightly {template['name']}")
    if kind == "webhook":
        return launched_by_webhook(template, guid)
    if kind == "callback":
        return {"launch_type": kind}
    return {"launch_type": kind, **launched_by_user(world.users[rng.choice((1, 4, 5, 6))])}


def start(rng: Random, row: Row, started: datetime) -> None:
    """What a job gains when it begins: where it runs, and how it was called."""
    group = rng.choice((2, 2, 3))
    node = _WORKERS[2] if group == 3 else rng.choice(_WORKERS[:2])
    summary = {"id": group, "name": "edge" if group == 3 else "default", "is_container_group": False}
    row["summary_fields"]["instance_group"] = summary
    vault = f"vault_password=s3cr3t-vault-{row['id']}"
    row |= {
        "started": stamp(started),
        "execution_node": node,
        "controller_node": _CONTROLLER,
        "work_unit_id": f"wu{row['id']:06}",
        "instance_group": group,
        "scm_revision": f"{rng.getrandbits(160):040x}",
        "job_args": json.dumps(["ansible-playbook", "-i", "/runner/inventory", "-e", vault, row["playbook"]]),
        "job_cwd": "/runner/project",
        "job_env": {
            "PATH": "/usr/bin",
            "JOB_ID": str(row["id"]),
            "AWX_HOST": "https://awx.example.org",
            "AWS_SECRET_ACCESS_KEY": f"s3cr3t-aws-{row['id']}",
        },
        "playbook_counts": {"play_count": 1, "task_count": rng.randint(4, 40)},
    }


def finish(rng: Random, row: Row, plan: Plan) -> None:
    """What a job gains when it ends as planned, but for its status."""
    lasts = plan.lasts or timedelta()
    row["finished"] = stamp(plan.created + (plan.wait or timedelta()) + lasts)
    row["event_processing_finished"] = True
    if plan.status == "canceled":
        row["canceled_on"] = row["finished"]
    if row["started"]:
        row["elapsed"] = round(lasts / timedelta(seconds=1), 3)
    if plan.status == "successful" and rng.random() < 0.15:
        row["artifacts"] = {"built": row["id"], "registry_token": f"s3cr3t-registry-{row['id']}"}
    if plan.status == "error":
        row["job_explanation"] = (
            'Previous Task Failed: {"job_type": "project_update", "job_name": "Platform operations", "job_id": "7"}'
        )
        row["result_traceback"] = 'Traceback (most recent call last):\n  File "jobs.py", line 1\nRuntimeError: boom\n'
    elif plan.status == "failed" and plan.bad_release:
        row["job_explanation"] = "checkout 4.2.0: schema migration 0042 failed, rolled back to 4.1.3"
    elif plan.status == "failed" and rng.random() < 0.3:
        row["job_explanation"] = "Job terminated due to timeout"


def summaries(rng: Random, world: "World", row: Row, plan: Plan) -> list[Row]:
    """What an ended job did on each of its hosts, ids still to be given; counts them in ``row``."""
    targets: list[Row | None] = [host for host in world.hosts.values() if host["inventory"] == row["inventory"]]
    if len(targets) > 8:
        targets = rng.sample(targets, 8)
    if plan.template != CHECKOUT and world.now - plan.created > timedelta(days=9):
        targets.append(None)
    spoiled = rng.randrange(len(targets)) if plan.status == "failed" else -1
    per_host: Counter[str] = Counter()
    found = []
    for number, host in enumerate(targets):
        counts = {"ok": rng.randint(3, 30), "changed": rng.randint(0, 9), "skipped": rng.randint(0, 4)}
        if number == spoiled:
            counts["dark" if rng.random() < 0.25 and not plan.bad_release else "failures"] = 1
        name = _DELETED_HOST if host is None else host["name"]
        summary = summary_row(0, row, host, name, **counts)
        found.append(summary)
        # AWX counts every host once, under the worst that happened to it.
        per_host[next((key for key in ("dark", "failures", "changed") if summary[key]), "ok")] += 1
    row["host_status_counts"] = dict(per_host)
    return found
