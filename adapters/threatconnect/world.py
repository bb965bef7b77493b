"""The data behind the simulated ThreatConnect: jobs and executions, generated, recorded, or changed by a test."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from adapters.threatconnect import world_generator

Row = dict[str, Any]

INSTANTS = ("queueTime", "startTime", "completedTime", "failedTime")
"""Columns of an execution that hold aware datetimes, in whole seconds."""

_EXECUTION = ("id", "jobId", "completedTime", "exitMessage", "failedTime", "queueTime", "serverName", "startTime", "status")
_JOB = ("id", "name", "displayName", "programName", "programVersion", "active", "parameters")
_OWNER = ("id", "name", "type")
COLUMNS: Mapping[str, tuple[str, ...]] = {"jobs": _JOB, "executions": _EXECUTION, "owners": _OWNER}
"""The columns of each table. Every row has all of its table's; None is what the server leaves out."""

_ENDS = {"Completed": "completedTime", "Failed": "failedTime", "Partial Failure": "completedTime"}


@dataclass
class World:
    """Tables of ThreatConnect: id -> row, all mutable. Rows are named as in the API and hold aware datetimes.

    ``now`` is the server's clock for TQL: it moves only when a test moves it. ``parameters`` of a job, secrets among them,
    are kept by the server, and no endpoint shows them. ``sequences`` holds the highest id ever given per table.
    """

    now: datetime
    jobs: dict[int, Row] = field(default_factory=dict)
    executions: dict[int, Row] = field(default_factory=dict)
    owners: dict[int, Row] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)

    @classmethod
    def generate(cls, seed: int, size: int, now: datetime) -> "World":
        """A world of ``size`` executions over the 14 days before ``now``; equal arguments give equal worlds.

        Tells the story of the bad release (see ``world_generator``). The story and the special cases come first: all of
        them are present from a size of 60 on.
        """
        world = cls(now)
        world_generator.populate(world, Random(seed), size)
        return world

    @classmethod
    def from_records(cls, now: datetime, records: Iterable[tuple[str, Mapping[str, Any]]]) -> "World":
        """A world from JSON objects that a real server sent: pairs of table name and row, later ones overwriting earlier.

        Columns that a record lacks are None; keys that are no columns are dropped.
        """
        world = cls(now)
        for table, record in records:
            row: Row = {name: record.get(name) for name in COLUMNS[table]}
            for name in INSTANTS:
                if row.get(name) is not None:
                    row[name] = datetime.fromisoformat(row[name])
            world.tables[table][row["id"]] = row
            world.sequences[table] = max(row["id"], world.sequences.get(table, 0))
        return world

    @property
    def tables(self) -> dict[str, dict[int, Row]]:
        """The tables by name."""
        return {"jobs": self.jobs, "executions": self.executions, "owners": self.owners}

    def insert(self, table: str, columns: Mapping[str, Any]) -> int:
        """Adds a row of these columns (the others None) under the next free id, which it gives; ids are never reused."""
        key = self.sequences.get(table, 0) + 1
        self.sequences[table] = key
        self.tables[table][key] = {**dict.fromkeys(COLUMNS[table]), **columns, "id": key}
        return key

    def last_execution(self, job_id: int) -> Row | None:
        """The execution of a job that was queued last (of equals, the one with the highest id)."""
        rows = (row for row in self.executions.values() if row["jobId"] == job_id and row["queueTime"] is not None)
        return max(rows, key=lambda row: (row["queueTime"], row["id"]), default=None)

    def add_job(self, **overrides: Any) -> int:
        """Adds an active job of a made-up app and gives its id. Overrides are columns."""
        row = {
            "name": "Test Job",
            "displayName": "Test App",
            "programName": "TC - Test App v1.0",
            "programVersion": "1.0.0",
            "active": True,
            "parameters": [],
        }
        return self.insert("jobs", {**row, **overrides})

    def add_execution(self, **overrides: Any) -> int:
        """Adds an execution and gives its id; it is one of the first job (which is added if there is none).

        By default it is Completed, was queued now, waited 1 s and ran 60 s on ``tc-job``. Overrides are columns
        (``status``, ``jobId``, ``queueTime`` ...) and ``wait`` and ``duration`` in seconds. Instants lose their fractions,
        as the server keeps none. What its status excludes is None: a Queued one has no start, server, end and message, a
        Running one no end and message, only a Failed one has ``failedTime``, and a word that is not known here no end.
        """
        wait, duration = overrides.pop("wait", 1), overrides.pop("duration", 60)
        status = overrides.setdefault("status", "Completed")
        queued: datetime | None = overrides.setdefault("queueTime", self.now)
        if "jobId" not in overrides:
            overrides["jobId"] = min(self.jobs, default=0) or self.add_job()
        row: Row = {}
        if status != "Queued":
            row["serverName"] = "tc-job"
            row["startTime"] = None if queued is None else queued + timedelta(seconds=wait)
            if status != "Running":
                row["exitMessage"] = "Failed for status (404)\n" if status == "Failed" else "Finished\n"
            if status in _ENDS and queued is not None:
                row[_ENDS[status]] = queued + timedelta(seconds=wait + duration)
        return self.insert("executions", _whole_seconds({**row, **overrides}))

    def update_execution(self, execution_id: int, **columns: Any) -> None:
        """Sets columns of an execution; instants lose their fractions."""
        self.executions[execution_id].update(_whole_seconds(columns))

    def delete_execution(self, execution_id: int) -> None:
        """Removes an execution."""
        del self.executions[execution_id]

    def delete_job(self, job_id: int) -> None:
        """Removes a job; its executions stay and name a job that no longer exists."""
        del self.jobs[job_id]


def _whole_seconds(columns: Mapping[str, Any]) -> Row:
    return {
        name: value.astimezone(UTC).replace(microsecond=0) if name in INSTANTS and value is not None else value
        for name, value in columns.items()
    }
