"""The data behind the AWX simulator: plain mutable tables of records as AWX 24.6.1 would send them."""

from collections.abc import Collection, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Self

from adapters.awx import world_generate
from adapters.awx.world_events import EVENT_TYPES, Line
from adapters.awx.world_jobs import forget, job_row, merge, summary_row
from adapters.awx.world_links import link_hosts, link_instances, link_templates
from adapters.awx.world_logs import Logs
from adapters.awx.world_rows import ACTIVE, DETAIL_FIELDS, DETAIL_ONLY, FAILED, Row, host_row, stamp, template_row, url
from adapters.awx.world_unified import become_step, unified_row, weave

Table = dict[int, Row]

TABLE_OF_TYPE = {
    "job": "executions",
    "project_update": "executions",
    "workflow_job": "executions",
    "ad_hoc_command": "executions",
    "inventory_update": "executions",
    "system_job": "executions",
    "job_template": "job_templates",
    "workflow_job_template": "workflow_job_templates",
    "project": "projects",
    "inventory": "inventories",
    "organization": "organizations",
    "host": "hosts",
    "instance": "instances",
    "instance_group": "instance_groups",
    "job_host_summary": "job_host_summaries",
    "workflow_job_node": "workflow_job_nodes",
    "user": "users",
}
"""In which table the records of a ``type`` live. All job types share one id sequence and one table (contract 5)."""

MINIMUM_SIZE = world_generate.MINIMUM_SIZE


@dataclass(slots=True)
class World:
    """Every table maps an id to a record: list fields, and for jobs and project updates the detail-only ones too.

    ``now`` is the server's clock: the ``elapsed`` of a running job counts up to it. ``group_members`` maps the id of
    an instance group to the hostnames in it (``/ping/`` shows them, the group's own record only their number).
    """

    now: datetime
    executions: Table = field(default_factory=dict)
    job_templates: Table = field(default_factory=dict)
    workflow_job_templates: Table = field(default_factory=dict)
    projects: Table = field(default_factory=dict)
    inventories: Table = field(default_factory=dict)
    organizations: Table = field(default_factory=dict)
    hosts: Table = field(default_factory=dict)
    instances: Table = field(default_factory=dict)
    instance_groups: Table = field(default_factory=dict)
    job_host_summaries: Table = field(default_factory=dict)
    workflow_job_nodes: Table = field(default_factory=dict)
    users: Table = field(default_factory=dict)
    group_members: dict[int, list[str]] = field(default_factory=dict)
    logs: Logs = field(default_factory=Logs)

    @classmethod
    def generate(cls, seed: int, size: int, now: datetime) -> Self:
        """A world of ``size`` jobs over the 14 days before ``now`` (aware), equal for equal arguments.

        The data and the story in it are described in :mod:`adapters.awx.world_generate`. Raises ValueError when
        ``size`` is under ``MINIMUM_SIZE``: the story would not fit.
        """
        if size < MINIMUM_SIZE:
            raise ValueError(f"a world needs at least {MINIMUM_SIZE} executions, not {size}")
        world = cls(now)
        retired = world_generate.inventory_of(world, now)
        for plan in world_generate.plans(Random(seed), size, now):
            world_generate.run(Random(f"{seed}/{plan.number}"), world, plan)
        world.delete_template(retired)
        link_templates(world.job_templates, world.executions.values(), world.job_templates.keys())
        link_hosts(world.hosts, world.executions, world.job_host_summaries.values())
        link_instances(world.instances, world.executions.values())
        return world

    @classmethod
    def from_records(cls, records: Iterable[Row], now: datetime) -> Self:
        """A world of recorded list rows, details and events (copied); types without a table here are skipped.

        A later record replaces an earlier one of the same type and id, but a list row keeps the detail-only fields of
        an earlier detail. Jobs without a detail get those of a job that never ran.
        """
        world = cls(now)
        for record in deepcopy(list(records)):
            if record["type"] in EVENT_TYPES.values():
                world.logs.record(record)
            if record["type"] not in TABLE_OF_TYPE:
                continue
            table = world.table(TABLE_OF_TYPE[record["type"]])
            record["related"].pop("named_url", None)
            for computed in ("resolved_environment", "links"):
                record.get("summary_fields", {}).pop(computed, None)
            known = {**DETAIL_FIELDS, **table.get(record["id"], {})}
            kept = {key: known[key] for key in DETAIL_ONLY.get(record["type"], ())}
            table[record["id"]] = kept | record
        return world

    def table(self, name: str) -> Table:
        """The table of that name, for example ``executions``."""
        table: Table = getattr(self, name)
        return table

    def add_execution(self, **overrides: Any) -> int:
        """Add a job and answer its id: by default the next id, created ``now``, pending, of the first template.

        ``job_template`` chooses another template by id, or none (None: as after its deletion). Any other field of the
        record may be given, instants also as datetimes; ``failed`` and ``event_processing_finished`` follow
        ``status``, and ``elapsed`` follows the instants, unless given. ``related`` and ``summary_fields`` are added to.
        """
        template_id = overrides.pop("job_template", min(self.job_templates))
        row_id: int = overrides.pop("id", max(self.executions, default=0) + 1)
        template = self.job_templates[min(self.job_templates) if template_id is None else template_id]
        row = job_row(row_id, template, stamp(self.now))
        row["status"] = "pending"
        if template_id is None:
            forget(row, "job_template", "unified_job_template")
        self.executions[row_id] = row
        self.update_execution(row_id, **overrides)
        return row_id

    def add_unified_job(self, kind: str, **overrides: Any) -> int:
        """Add a run of another type than job, pending unless told otherwise, and answer its id.

        ``kind`` is ``workflow_job``, ``project_update``, ``inventory_update``, ``ad_hoc_command`` or ``system_job``;
        ``overrides`` as for :meth:`add_execution`.
        """
        row_id: int = overrides.pop("id", max(self.executions, default=0) + 1)
        organization, user = self.organizations[min(self.organizations)], self.users[min(self.users)]
        self.executions[row_id] = unified_row(kind, row_id, organization, user, stamp(self.now))
        self.update_execution(row_id, **overrides)
        return row_id

    def add_workflow_job(self, steps: Sequence[int], **overrides: Any) -> int:
        """Add a workflow job that launched the runs ``steps``, and the nodes that say so; answers its id."""
        row_id = self.add_unified_job("workflow_job", **overrides)
        workflow = self.executions[row_id]
        for step in steps:
            become_step(self.executions[step], workflow)
            node_id = max(self.workflow_job_nodes, default=0) + 1
            self.workflow_job_nodes[node_id] = {
                "id": node_id,
                "type": "workflow_job_node",
                "url": url("workflow_job_nodes", node_id),
                "related": {"job": self.executions[step]["url"], "workflow_job": workflow["url"]},
                "summary_fields": {},
                "created": workflow["created"],
                "modified": workflow["created"],
                "job": step,
                "workflow_job": row_id,
                "identifier": f"node-{node_id}",
            }
        return row_id

    def add_workflows(self) -> None:
        """Let some of a generated world's jobs be steps of workflow jobs, which are added (see ``world_unified.weave``)."""
        weave(self)

    def update_execution(self, row_id: int, **fields: Any) -> None:
        """Change fields of a job, as described for :meth:`add_execution`. Raises KeyError for an unknown id."""
        row = self.executions[row_id]
        changes = {key: stamp(value) if isinstance(value, datetime) else value for key, value in fields.items()}
        if "status" in changes:
            changes.setdefault("failed", changes["status"] in FAILED)
            if "event_processing_finished" in row:
                changes.setdefault("event_processing_finished", changes["status"] not in ACTIVE)
        merge(row, changes)
        forget(row, *(key for key, value in changes.items() if value is None and key in row["related"]))
        if "elapsed" not in changes and row["started"] and row["finished"]:
            lasted = datetime.fromisoformat(row["finished"]) - datetime.fromisoformat(row["started"])
            row["elapsed"] = round(lasted / timedelta(seconds=1), 3)
        self._relink(row)

    def delete_execution(self, row_id: int) -> None:
        """Delete a job and its host summaries. Raises KeyError for an unknown id."""
        row = self.executions.pop(row_id)
        self.logs.forget(row_id)
        for summary in [one for one in self.job_host_summaries.values() if one["job"] == row_id]:
            del self.job_host_summaries[summary["id"]]
        for node in self.workflow_job_nodes.values():
            if node["job"] == row_id:
                forget(node, "job")
        self._relink(row)

    def add_summary(self, job_id: int, host_id: int | None, *, host_name: str = "", **counts: Any) -> int:
        """Record what a job did on a host, or with ``host_id`` None on a deleted host ``host_name``; answers the id."""
        host = None if host_id is None else self.hosts[host_id]
        name = host_name if host is None else host["name"]
        return self.add_summary_row(summary_row(0, self.executions[job_id], host, name, **counts))

    def add_summary_row(self, row: Row) -> int:
        """Add a host summary, which is given an id; answers the id."""
        row_id = max(self.job_host_summaries, default=0) + 1
        self.job_host_summaries[row_id] = {**row, "id": row_id, "url": url("job_host_summaries", row_id)}
        return row_id

    def log_lines(self, row_id: int) -> list[Line]:
        """The lines that a reader of the run's log must end up with now. Raises KeyError for an unknown id."""
        return self.logs.read(self, row_id)

    def write_log(self, row_id: int, lines: int | Sequence[str], **how: Any) -> None:
        """Let a run print lines: so many, or these; ``how`` and when as :meth:`~adapters.awx.world_logs.Logs.write` says."""
        self.logs.write(self, row_id, lines, **how)

    def add_template(self, name: str) -> int:
        """Add a job template like the first one and answer its id."""
        row_id = max((*self.job_templates, *self.workflow_job_templates, *self.projects)) + 1
        like = self.job_templates[min(self.job_templates)]
        inventory, project = self.inventories[like["inventory"]], self.projects[like["project"]]
        self.job_templates[row_id] = template_row(row_id, name, like["playbook"], inventory, project, stamp(self.now))
        return row_id

    def delete_template(self, template_id: int) -> None:
        """Delete a job template: its jobs stay and their ``job_template`` and ``unified_job_template`` become null."""
        del self.job_templates[template_id]
        for row in self.executions.values():
            if row.get("job_template") == template_id:
                forget(row, "job_template", "unified_job_template")

    def add_host(self, name: str, inventory_id: int | None = None) -> int:
        """Add a host to an inventory (by default the first) and answer its id."""
        row_id = max(self.hosts, default=0) + 1
        inventory = self.inventories[min(self.inventories) if inventory_id is None else inventory_id]
        self.hosts[row_id] = host_row(row_id, name, inventory, stamp(self.now))
        return row_id

    def delete_host(self, host_id: int) -> None:
        """Delete a host: its summaries stay, with ``host`` null and ``host_name`` kept."""
        del self.hosts[host_id]
        self.logs.forget_host(host_id)
        for summary in self.job_host_summaries.values():
            if summary["host"] == host_id:
                forget(summary, "host")

    def relink(self, ids: Collection[int]) -> None:
        """Renew what templates, hosts and instances say of runs that have changed."""
        templates = {self.executions[row_id].get("unified_job_template") for row_id in ids if row_id in self.executions}
        link_templates(self.job_templates, self.executions.values(), self.job_templates.keys() & templates)
        self._relink_nodes(ids)

    def _relink(self, row: Row) -> None:
        if row.get("unified_job_template") in self.job_templates:
            link_templates(self.job_templates, self.executions.values(), {row["unified_job_template"]})
        self._relink_nodes({row["id"]})

    def _relink_nodes(self, ids: Collection[int]) -> None:
        touched = {one["host"] for one in self.job_host_summaries.values() if one["job"] in ids}
        of_hosts = (one for one in self.job_host_summaries.values() if one["host"] in touched)
        link_hosts(self.hosts, self.executions, of_hosts)
        link_instances(self.instances, self.executions.values())
