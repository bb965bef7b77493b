"""Which lists the AWX simulator has: what is in them, their default order, and the lists below single records."""

from dataclasses import dataclass
from itertools import chain

from adapters.awx.world import World
from adapters.awx.world_rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One list: ``model`` is Django's name, ``title`` the one of OPTIONS, ``order`` the default ``order_by``.

    ``alone`` tells whether it exists at the top level; host summaries are only listed below a job or a host.
    ``details`` tells whether its records have their own URLs here (unified jobs have none on the real server either).
    """

    model: str
    title: str
    tables: tuple[str, ...]
    types: tuple[str, ...]
    order: str = "id"
    alone: bool = True
    details: bool = False

    def rows(self, world: World) -> list[Row]:
        """Every record of the list, whoever asks."""
        every = chain.from_iterable(world.table(table).values() for table in self.tables)
        return [row for row in every if row["type"] in self.types]


@dataclass(frozen=True, slots=True)
class Sublist:
    """The list ``name`` below single records of ``parent``: rows of ``child`` whose ``column`` is the parent's ``key``."""

    parent: str
    name: str
    child: str
    column: str
    key: str = "id"


def _jobs(model: str, title: str, *types: str, details: bool = False) -> Listing:
    return Listing(model=model, title=title, tables=("executions",), types=types, details=details)


def _named(model: str, title: str, table: str, order: str, *, details: bool = False) -> Listing:
    kind = title.lower().replace(" ", "_")
    return Listing(model=model, title=title, tables=(table,), types=(kind,), order=order, details=details)


_JOB_TYPES = ("project_update", "inventory_update", "job", "ad_hoc_command", "system_job", "workflow_job")

LISTS = {
    "jobs": _jobs("Job", "Job", "job", details=True),
    "unified_jobs": _jobs("UnifiedJob", "Unified Job", *_JOB_TYPES),
    "project_updates": _jobs("ProjectUpdate", "Project Update", "project_update", details=True),
    "workflow_jobs": _jobs("WorkflowJob", "Workflow Job", "workflow_job", details=True),
    "ad_hoc_commands": _jobs("AdHocCommand", "Ad Hoc Command", "ad_hoc_command", details=True),
    "inventory_updates": _jobs("InventoryUpdate", "Inventory Update", "inventory_update", details=True),
    "system_jobs": _jobs("SystemJob", "System Job", "system_job", details=True),
    "job_templates": _named("JobTemplate", "Job Template", "job_templates", "name", details=True),
    "workflow_job_templates": _named("WorkflowJobTemplate", "Workflow Job Template", "workflow_job_templates", "name"),
    "unified_job_templates": Listing(
        model="UnifiedJobTemplate",
        title="Unified Job Template",
        tables=("projects", "job_templates", "workflow_job_templates"),
        types=("project", "job_template", "workflow_job_template"),
        order="name",
    ),
    "projects": _named("Project", "Project", "projects", "id"),
    "inventories": _named("Inventory", "Inventory", "inventories", "name"),
    "organizations": _named("Organization", "Organization", "organizations", "name"),
    "hosts": _named("Host", "Host", "hosts", "name", details=True),
    "instances": _named("Instance", "Instance", "instances", "hostname", details=True),
    "instance_groups": _named("InstanceGroup", "Instance Group", "instance_groups", "id"),
    "workflow_job_nodes": _named("WorkflowJobNode", "Workflow Job Node", "workflow_job_nodes", "id"),
    "schedules": Listing(model="Schedule", title="Schedule", tables=(), types=()),
    "job_host_summaries": Listing(
        model="JobHostSummary",
        title="Job Host Summary",
        tables=("job_host_summaries",),
        types=("job_host_summary",),
        order="-id",
        alone=False,
        details=True,
    ),
}
"""The lists by the name in their URL. Default orders are those of the recordings and of contract section 2."""

SUBLISTS = (
    Sublist("jobs", "job_host_summaries", "job_host_summaries", "job"),
    Sublist("hosts", "job_host_summaries", "job_host_summaries", "host"),
    Sublist("job_templates", "jobs", "jobs", "job_template"),
    Sublist("workflow_job_templates", "workflow_jobs", "workflow_jobs", "workflow_job_template"),
    Sublist("projects", "project_updates", "project_updates", "project"),
    Sublist("inventories", "hosts", "hosts", "inventory"),
    Sublist("instances", "jobs", "unified_jobs", "execution_node", "hostname"),
    Sublist("workflow_jobs", "workflow_nodes", "workflow_job_nodes", "workflow_job"),
)
"""The lists below single records."""
