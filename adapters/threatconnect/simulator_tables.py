"""What the simulated endpoints offer: TQL parameters, additional fields, field descriptors (contract sections 1, 2 and 6.6).

No public source lists the parameters of jobs and executions. Proven by examples are ``jobId`` and ``completedTime`` of
executions, ``id`` and ``name`` of jobs: profile MINIMAL. FULL makes every column a parameter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from adapters.threatconnect.world import Row, World


class Profile(Enum):
    """Which TQL parameters a server offers, for filtering and for sorting."""

    MINIMAL = "those that public examples show"
    FULL = "every column"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A TQL parameter: its keyword (which is the column), its type (Integer, String, Enum, Boolean, Date), its label.

    ``proven`` tells whether a public example shows it.
    """

    keyword: str
    type: str
    name: str
    description: str
    proven: bool = False

    def as_json(self) -> Row:
        """The row of ``OPTIONS .../tql``."""
        return {"keyword": self.keyword, "name": self.name, "type": self.type, "description": self.description}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A list: the table behind it, its columns in the order of the documentation, what may be asked of it.

    ``columns`` are those that are sent (None ones left out), with the types of the documentation. ``extra`` are the names
    for ``?fields=`` with their descriptions; an endpoint without any has no ``/fields`` (documented only for jobs).
    """

    table: str
    columns: Mapping[str, str]
    parameters: tuple[Parameter, ...]
    extra: Mapping[str, str]

    def offered(self, profile: Profile) -> dict[str, Parameter]:
        """The parameters of a profile by lower-cased keyword, because TQL does not mind the case of parameters."""
        return {each.keyword.lower(): each for each in self.parameters if each.proven or profile is Profile.FULL}

    def render(self, world: World, row: Mapping[str, Any], fields: set[str]) -> Row:
        """The row as the server sends it; ``fields`` are names of ``extra``."""
        sent = {name: row[name] for name in self.columns if row[name] is not None}
        if "lastExecution" in fields:
            last = world.last_execution(row["id"])
            if last is not None:
                sent["lastExecution"] = EXECUTIONS.render(world, last, set())
        return sent

    def descriptors(self) -> Row:
        """Field descriptors by name, as ``OPTIONS ...?show=readonly`` gives them; every field is read-only."""
        return {name: {"readOnly": True, "type": kind} for name, kind in self.columns.items()}


JOBS = Endpoint(
    "jobs",
    {
        "id": "Integer",
        "name": "String",
        "displayName": "String",
        "programName": "String",
        "programVersion": "String",
        "active": "Boolean",
    },
    (
        Parameter("active", "Boolean", "Active", "Whether the job is active"),
        Parameter("displayName", "String", "Display Name", "The display name of the job's app"),
        Parameter("id", "Integer", "ID", "The ID of the job", proven=True),
        Parameter("name", "String", "Name", "The name of the job", proven=True),
        Parameter("programName", "String", "Program Name", "The program name of the job's app"),
        Parameter("programVersion", "String", "Program Version", "The version of the job's app"),
    ),
    {"lastExecution": "Includes the most recent execution of the job"},
)

EXECUTIONS = Endpoint(
    "executions",
    {
        "id": "Integer",
        "jobId": "Integer",
        "completedTime": "DateTime",
        "exitMessage": "String",
        "failedTime": "DateTime",
        "queueTime": "DateTime",
        "serverName": "String",
        "startTime": "DateTime",
        "status": "String",
    },
    (
        Parameter("completedTime", "Date", "Completed Time", "When the execution completed", proven=True),
        Parameter("exitMessage", "String", "Exit Message", "The exit message of the execution"),
        Parameter("failedTime", "Date", "Failed Time", "When the execution failed"),
        Parameter("id", "Integer", "ID", "The ID of the execution"),
        Parameter("jobId", "Integer", "Job ID", "The ID of the job", proven=True),
        Parameter("queueTime", "Date", "Queue Time", "When the execution was queued"),
        Parameter("serverName", "String", "Server Name", "The server that ran the execution"),
        Parameter("startTime", "Date", "Start Time", "When the execution started"),
        Parameter("status", "Enum", "Status", "The status of the execution"),
    ),
    {},
)
