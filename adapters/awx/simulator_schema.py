"""The database fields and relations that AWX lets a client filter and order by (contract section 4).

Names, types and errors are those of Django's models behind the lists; a name that is missing here is answered with
400, as AWX does for what it only computes (``launched_by``, ``jobs_total`` ...).
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from adapters.awx.world import World
from adapters.awx.world_rows import Row


class Kind(Enum):
    """The type of a database column, as far as filtering is concerned; KEY is a foreign key."""

    INTEGER = auto()
    TEXT = auto()
    BOOLEAN = auto()
    INSTANT = auto()
    DECIMAL = auto()
    JSON = auto()
    KEY = auto()
    TYPE = auto()


class Tables:
    """A world as one request sees it; indexes are built once per request, so changes between requests are seen."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._indexes: dict[tuple[str, str], dict[Any, list[Row]]] = {}

    def index(self, table: str, column: str) -> Mapping[Any, list[Row]]:
        """The records of ``table`` by the value of ``column``."""
        if (table, column) not in self._indexes:
            index: dict[Any, list[Row]] = defaultdict(list)
            for row in self.world.table(table).values():
                index[row.get(column)].append(row)
            self._indexes[table, column] = index
        return self._indexes[table, column]


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation of a model: the name of the model it leads to and how to find the records there."""

    target: str
    rows: Callable[[Tables, Row], Sequence[Row]]


@dataclass(frozen=True, slots=True)
class Model:
    """One Django model: ``name`` as in its errors, columns, relations, and secrets that no filter may name.

    ``forbidden`` maps a field to how AWX's refusal calls it.
    """

    name: str
    columns: Mapping[str, Kind]
    relations: Mapping[str, Relation] = field(default_factory=dict)
    forbidden: Mapping[str, str] = field(default_factory=dict)

    def relation(self, name: str) -> Relation | None:
        """The relation of that name; underscores do not matter (projectupdate, project_update)."""
        return self.relations.get(name) or self.relations.get(name.replace("_", ""))


def _columns(**names: str) -> dict[str, Kind]:
    kinds = {
        "integers": Kind.INTEGER,
        "texts": Kind.TEXT,
        "booleans": Kind.BOOLEAN,
        "instants": Kind.INSTANT,
        "decimals": Kind.DECIMAL,
        "documents": Kind.JSON,
        "keys": Kind.KEY,
        "types": Kind.TYPE,
    }
    return {name: kinds[group] for group, listed in names.items() for name in listed.split()}


def _to_one(target: str, table: str, column: str) -> Relation:
    """A foreign key; when the record is not in the world, its brief in ``summary_fields`` serves."""

    def rows(tables: Tables, row: Row) -> Sequence[Row]:
        found = tables.world.table(table).get(row.get(column, 0)) or row.get("summary_fields", {}).get(column)
        return [] if found is None else [found]

    return Relation(target, rows)


def _embedded(target: str, name: str) -> Relation:
    """Objects that the world knows only from the ``summary_fields`` of others."""

    def rows(_tables: Tables, row: Row) -> Sequence[Row]:
        found = row.get("summary_fields", {}).get(name)
        if isinstance(found, dict) and "results" in found:
            found = found["results"]
        return found if isinstance(found, list) else [] if found is None else [found]

    return Relation(target, rows)


def _reverse(target: str, table: str, column: str) -> Relation:
    """The records of ``table`` that point here with ``column``."""
    return Relation(target, lambda tables, row: tables.index(table, column).get(row["id"], []))


def _subtype(target: str, type_name: str) -> Relation:
    """A unified job as the job of its own type."""
    return Relation(target, lambda _tables, row: [row] if row["type"] == type_name else [])


def _hosts_of_job(tables: Tables, row: Row) -> Sequence[Row]:
    summaries = tables.index("job_host_summaries", "job").get(row["id"], [])
    return [tables.world.hosts[one["host"]] for one in summaries if one["host"] in tables.world.hosts]


_NAMED = _columns(integers="id", texts="name description", instants="created modified", keys="created_by modified_by")
_BY = {"created_by": _embedded("User", "created_by"), "modified_by": _embedded("User", "modified_by")}
_ORGANIZATION = {"organization": _to_one("Organization", "organizations", "organization")}

_UNIFIED = _NAMED | _columns(
    types="type",
    texts="launch_type status job_explanation execution_node controller_node work_unit_id job_cwd result_traceback",
    booleans="failed",
    instants="started finished canceled_on",
    decimals="elapsed",
    documents="host_status_counts",
    keys="unified_job_template execution_environment organization schedule instance_group",
)
_UNIFIED_RELATIONS = {
    **_BY,
    **_ORGANIZATION,
    "unified_job_template": _embedded("UnifiedJobTemplate", "unified_job_template"),
    "execution_environment": _embedded("ExecutionEnvironment", "execution_environment"),
    "instance_group": _to_one("InstanceGroup", "instance_groups", "instance_group"),
    "schedule": _embedded("Schedule", "schedule"),
    "labels": _embedded("Label", "labels"),
    "credentials": _embedded("Credential", "credentials"),
    "unified_job_node": _reverse("WorkflowJobNode", "workflow_job_nodes", "job"),
}
_SECRETS = {name: name for name in ("extra_vars", "job_args", "job_env", "survey_passwords")}
_JOB_SECRETS = {**_SECRETS, "start_args": "field start_args"}  # worded so: recording filterbad_forbidden_start_args

_TEMPLATE = _columns(
    types="type",
    texts="status",
    booleans="last_job_failed",
    instants="last_job_run next_job_run",
    keys="organization current_job last_job",
)
_TEMPLATE_RELATIONS = {
    **_BY,
    **_ORGANIZATION,
    "last_job": _embedded("UnifiedJob", "last_job"),
    "current_job": _embedded("UnifiedJob", "current_job"),
    "labels": _embedded("Label", "labels"),
    "credentials": _embedded("Credential", "credentials"),
    "project": _to_one("Project", "projects", "project"),
    "inventory": _to_one("Inventory", "inventories", "inventory"),
}

_EVENT = _columns(
    integers="id counter start_line end_line verbosity",
    texts="event uuid stdout host_name",
    booleans="failed changed",
    instants="created modified",
    documents="event_data",
)
_OF_PLAYS = _columns(integers="event_level", texts="parent_uuid playbook play task role")
_HOST_OF_EVENT = {"host": _to_one("Host", "hosts", "host")}

_MODELS = (
    Model(
        "Job",
        _UNIFIED
        | _columns(
            integers="forks verbosity timeout job_slice_number job_slice_count",
            texts=(
                "job_type playbook scm_branch limit job_tags skip_tags start_at_task scm_revision"
                " webhook_service webhook_guid"
            ),
            booleans="force_handlers use_fact_cache allow_simultaneous diff_mode",
            documents="artifacts",
            keys="inventory project job_template webhook_credential",
        ),
        {
            **_UNIFIED_RELATIONS,
            "job_template": _to_one("JobTemplate", "job_templates", "job_template"),
            "inventory": _to_one("Inventory", "inventories", "inventory"),
            "project": _to_one("Project", "projects", "project"),
            "job_host_summaries": _reverse("JobHostSummary", "job_host_summaries", "job"),
            "hosts": Relation("Host", _hosts_of_job),
        },
        _JOB_SECRETS,
    ),
    Model(
        "UnifiedJob",
        _UNIFIED,
        {
            **_UNIFIED_RELATIONS,
            "job": _subtype("Job", "job"),
            "projectupdate": _subtype("ProjectUpdate", "project_update"),
            "workflowjob": _subtype("WorkflowJob", "workflow_job"),
            "adhoccommand": _subtype("AdHocCommand", "ad_hoc_command"),
        },
        _JOB_SECRETS,
    ),
    Model(
        "ProjectUpdate",
        _UNIFIED | _columns(texts="scm_type scm_url scm_branch scm_revision job_type job_tags", keys="project"),
        {**_UNIFIED_RELATIONS, "project": _to_one("Project", "projects", "project")},
        _JOB_SECRETS,
    ),
    Model(
        "WorkflowJob",
        _UNIFIED | _columns(booleans="is_sliced_job allow_simultaneous", keys="workflow_job_template"),
        {
            **_UNIFIED_RELATIONS,
            "workflow_job_template": _to_one("WorkflowJobTemplate", "workflow_job_templates", "workflow_job_template"),
            "workflow_nodes": _reverse("WorkflowJobNode", "workflow_job_nodes", "workflow_job"),
        },
        _JOB_SECRETS,
    ),
    Model(
        "AdHocCommand",
        _UNIFIED | _columns(texts="job_type limit module_name module_args", keys="inventory"),
        {**_UNIFIED_RELATIONS, "inventory": _to_one("Inventory", "inventories", "inventory")},
        _JOB_SECRETS,
    ),
    Model("InventoryUpdate", _UNIFIED, _UNIFIED_RELATIONS, _JOB_SECRETS),
    Model("SystemJob", _UNIFIED, _UNIFIED_RELATIONS, _JOB_SECRETS),
    Model(
        "JobTemplate",
        _NAMED
        | _TEMPLATE
        | _columns(
            integers="forks verbosity timeout job_slice_count",
            texts="job_type playbook scm_branch limit job_tags skip_tags webhook_service",
            booleans="survey_enabled become_enabled diff_mode allow_simultaneous use_fact_cache",
            keys="inventory project execution_environment",
        ),
        {**_TEMPLATE_RELATIONS, "jobs": _reverse("Job", "executions", "job_template")},
        {name: name for name in ("extra_vars", "host_config_key", "webhook_key")},
    ),
    Model("UnifiedJobTemplate", _NAMED | _TEMPLATE, _TEMPLATE_RELATIONS),
    Model("WorkflowJobTemplate", _NAMED | _TEMPLATE, _TEMPLATE_RELATIONS, {"extra_vars": "extra_vars"}),
    Model(
        "Project",
        _NAMED | _TEMPLATE | _columns(texts="local_path scm_type scm_url scm_branch scm_revision"),
        _TEMPLATE_RELATIONS,
    ),
    Model(
        "Inventory",
        _NAMED | _columns(texts="kind variables", booleans="pending_deletion", keys="organization"),
        {**_BY, **_ORGANIZATION, "hosts": _reverse("Host", "hosts", "inventory")},
    ),
    Model("Organization", _NAMED | _columns(integers="max_hosts"), _BY),
    Model(
        "Host",
        _NAMED
        | _columns(
            texts="instance_id variables",
            booleans="enabled",
            instants="ansible_facts_modified",
            keys="inventory last_job last_job_host_summary",
        ),
        {
            **_BY,
            "inventory": _to_one("Inventory", "inventories", "inventory"),
            "last_job": _to_one("Job", "executions", "last_job"),
            "groups": _embedded("Group", "groups"),
            "job_host_summaries": _reverse("JobHostSummary", "job_host_summaries", "host"),
        },
    ),
    Model(
        "JobHostSummary",
        _columns(
            integers="id changed dark failures ok processed skipped ignored rescued",
            texts="host_name",
            booleans="failed",
            instants="created modified",
            keys="job host constructed_host",
        ),
        {"job": _to_one("Job", "executions", "job"), "host": _to_one("Host", "hosts", "host")},
    ),
    Model(
        "Instance",
        _columns(
            integers="id capacity memory cpu_capacity mem_capacity listener_port",
            texts="hostname uuid errors version node_type node_state ip_address",
            booleans="enabled managed_by_policy managed peers_from_control_nodes",
            instants="created modified last_seen health_check_started last_health_check",
            decimals="cpu capacity_adjustment",
        ),
    ),
    Model(
        "InstanceGroup",
        _columns(
            integers="id max_concurrent_jobs max_forks policy_instance_percentage policy_instance_minimum",
            texts="name",
            booleans="is_container_group",
            instants="created modified",
            keys="credential",
        ),
        forbidden={"pod_spec_override": "pod_spec_override"},
    ),
    Model(
        "WorkflowJobNode",
        _columns(
            integers="id",
            texts="identifier",
            booleans="do_not_run all_parents_must_converge",
            instants="created modified",
            keys="job workflow_job unified_job_template",
        ),
        {
            "job": _to_one("UnifiedJob", "executions", "job"),
            "workflow_job": _to_one("WorkflowJob", "executions", "workflow_job"),
            "unified_job_template": _embedded("UnifiedJobTemplate", "unified_job_template"),
        },
    ),
    Model(
        "User",
        _columns(integers="id", texts="username first_name last_name email", booleans="is_superuser"),
        forbidden={"password": "password fields"},
    ),
    Model(
        "JobEvent",
        _EVENT | _OF_PLAYS | _columns(keys="job host"),
        {"job": _to_one("Job", "executions", "job"), **_HOST_OF_EVENT},
    ),
    Model("ProjectUpdateEvent", _EVENT | _OF_PLAYS | _columns(keys="project_update")),
    Model("InventoryUpdateEvent", _EVENT | _columns(keys="inventory_update")),
    Model("AdHocCommandEvent", _EVENT | _columns(keys="ad_hoc_command host"), _HOST_OF_EVENT),
    Model("SystemJobEvent", _EVENT | _columns(keys="system_job")),
    Model("Label", _columns(integers="id", texts="name")),
    Model("Group", _columns(integers="id", texts="name")),
    Model("Schedule", _columns(integers="id", texts="name description")),
    Model("Credential", _columns(integers="id", texts="name description")),
    Model("ExecutionEnvironment", _columns(integers="id", texts="name description image")),
)
MODELS: Mapping[str, Model] = {model.name: model for model in _MODELS}
