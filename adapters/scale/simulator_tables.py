"""Scale's database tables and REST serializers as far as the simulator needs them.

Source: github.com/ngageoint/scale at 9e5aacd73 (3.1.0-snapshot, API v3): ``*/models.py`` and ``*/serializers.py``; checked
against the recordings. Rows are flat, as in the database: a reference ``job`` is stored as ``job_id``, instants are aware
``datetime`` values. The serializers say which columns a response shows, in which order and how deep references unfold.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
Tables = Mapping[str, Mapping[int, Row]]


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of one table.

    ``columns`` can be ordered by, ``json`` cannot (PostgreSQL has no ordering for ``json``); ``references`` maps a foreign
    key's name to the table that it points to, ``children`` a serialised list to the table that its members live in.
    """

    columns: tuple[str, ...]
    references: Mapping[str, str] = field(default_factory=dict)
    json: tuple[str, ...] = ()
    children: Mapping[str, str] = field(default_factory=dict)

    def names(self) -> tuple[str, ...]:
        """Every key of a row of this table."""
        return (*self.columns, *self.json, *(f"{name}_id" for name in self.references))


@dataclass(frozen=True, slots=True)
class Serializer:
    """A serializer: ``fields`` in order of output, ``nested`` the serializers of those that are references."""

    table: str
    fields: tuple[str, ...]
    nested: Mapping[str, "Serializer"] = field(default_factory=dict)

    def render(self, tables: Tables, row: Row) -> Row:
        """The JSON object (instants still ``datetime``) that Scale sends for ``row`` of this serializer's table."""
        rendered: Row = {}
        for name in self.fields:
            nested = self.nested.get(name)
            if nested is None:
                rendered[name] = row[name]
            else:
                target = row[f"{name}_id"]
                rendered[name] = None if target is None else nested.render(tables, tables[nested.table][target])
        return rendered

    def extend(self, *fields: str, **nested: "Serializer") -> "Serializer":
        """A serializer with more fields at the end; ``nested`` replaces the serializers of references."""
        return Serializer(self.table, (*self.fields, *fields), {**self.nested, **nested})


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


INSTANTS = frozenset(
    _names(
        "created queued started ended last_modified last_status_change superseded archived paused last_offer occurred "
        "pre_started pre_completed job_started job_completed post_started post_completed"
    )
)
"""Names of the columns that hold instants, in whichever table."""

_JOB_TYPE_BASE = _names(
    "id name version title description category author_name author_url is_system is_long_running is_active "
    "is_operational is_paused icon_code"
)
_JOB_TYPE_MORE = _names(
    "uses_docker docker_privileged docker_image revision_num priority max_scheduled timeout max_tries cpus_required "
    "mem_required disk_out_const_required disk_out_mult_required created archived paused last_modified"
)
_NODE_MORE = _names("pause_reason is_paused is_paused_errors is_active archived created last_offer last_modified")
_RESOURCES = _names("cpus_required mem_required disk_in_required disk_out_required")
_SUPERSEDED = _names("root_superseded_job superseded_job superseded_by_job")
_JOB_INSTANTS = _names("created queued started ended last_status_change superseded last_modified")
_EXECUTION = _names(
    "id status command_arguments timeout pre_started pre_completed pre_exit_code job_started job_completed job_exit_code "
    "post_started post_completed post_exit_code created queued started ended last_modified"
)
_SCHEDULED = _names("cpus_scheduled mem_scheduled disk_in_scheduled disk_out_scheduled disk_total_scheduled")

TABLES: Mapping[str, Table] = {
    "errors": Table(("id", "name", "title", "description", "category", "is_builtin", "created", "last_modified")),
    "nodes": Table(("id", "hostname", "port", "slave_id", *_NODE_MORE), children={"job_exes_running": "executions"}),
    "rules": Table(("id", "type", "name", "is_active"), json=("configuration",)),
    "events": Table(("id", "type", "occurred"), {"rule": "rules"}, ("description",)),
    "job_types": Table((*_JOB_TYPE_BASE, *_JOB_TYPE_MORE), {"trigger_rule": "rules"}, ("interface", "error_mapping")),
    "job_type_revs": Table(("id", "revision_num", "created"), {"job_type": "job_types"}, ("interface",)),
    "jobs": Table(
        ("id", "status", "priority", "num_exes", "timeout", "max_tries", *_RESOURCES, "is_superseded",
         "delete_superseded", *_JOB_INSTANTS),
        {"job_type": "job_types", "job_type_rev": "job_type_revs", "event": "events", "error": "errors",
         **dict.fromkeys(_SUPERSEDED, "jobs")},
        ("data", "results"),
        {"job_exes": "executions"},
    ),
    "executions": Table(
        (*_EXECUTION, *_SCHEDULED),
        {"job": "jobs", "node": "nodes", "error": "errors"},
        ("environment", "results", "results_manifest"),
    ),
}  # fmt: skip


def _by_id(table: str) -> Serializer:
    return Serializer(table, ("id",))


ERROR_BASE = Serializer("errors", ("id", "name", "title", "description", "category", "is_builtin"))
ERROR = ERROR_BASE.extend("created", "last_modified")

NODE_BASE = Serializer("nodes", ("id", "hostname", "port", "slave_id"))
NODE = NODE_BASE.extend(*_NODE_MORE)

RULE_DETAILS = Serializer("rules", ("id", "type", "name", "is_active", "configuration"))
EVENT_BASE = Serializer("events", ("id", "type", "rule", "occurred"), {"rule": _by_id("rules")})
EVENT_DETAILS = EVENT_BASE.extend("description", rule=RULE_DETAILS)

JOB_TYPE_BASE = Serializer("job_types", _JOB_TYPE_BASE)
JOB_TYPE = JOB_TYPE_BASE.extend(*_JOB_TYPE_MORE)
REVISION_BASE = Serializer("job_type_revs", ("id", "job_type", "revision_num"), {"job_type": _by_id("job_types")})
REVISION = REVISION_BASE.extend("interface", "created")

JOB_BASE = Serializer(
    "jobs",
    ("id", "job_type", "job_type_rev", "event", "error", "status", "priority", "num_exes"),
    {
        "job_type": JOB_TYPE_BASE,
        "job_type_rev": _by_id("job_type_revs"),
        "event": _by_id("events"),
        "error": _by_id("errors"),
    },
)
JOB = JOB_BASE.extend(
    "timeout", "max_tries", *_RESOURCES, "is_superseded", *_SUPERSEDED, "delete_superseded", *_JOB_INSTANTS,
    job_type_rev=REVISION_BASE, event=EVENT_BASE, error=ERROR_BASE, **dict.fromkeys(_SUPERSEDED, _by_id("jobs")),
)  # fmt: skip
JOB_DETAILS = JOB.extend(
    "data", "results", job_type=JOB_TYPE, job_type_rev=REVISION, event=EVENT_DETAILS, error=ERROR,
    **dict.fromkeys(_SUPERSEDED, JOB_BASE),
)  # fmt: skip

EXECUTION_BASE = Serializer(
    "executions",
    (*_EXECUTION, "job", "node", "error"),
    {"job": _by_id("jobs"), "node": _by_id("nodes"), "error": _by_id("errors")},
)
EXECUTION = EXECUTION_BASE.extend(job=JOB_BASE, node=NODE_BASE, error=ERROR_BASE)
EXECUTION_DETAILS = EXECUTION.extend(
    "environment", *_SCHEDULED, "results", "results_manifest", job=JOB, node=NODE, error=ERROR
)
EXECUTION_ON_NODE = EXECUTION.extend(*_SCHEDULED, node=_by_id("nodes"))
