"""The data behind the simulated Scale: its database tables, generated, built from recorded rows, or changed by a test."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from adapters.scale import world_generator
from adapters.scale.simulator_tables import INSTANTS, TABLES, Row
from adapters.scale.world_logs import LogEntry, TrueLine, generated, true_lines
from adapters.scale.world_rows import blank, execution_row, follow, job_row


@dataclass
class World:
    """Tables of Scale: id -> row, all mutable. Rows are flat (``job_id``, not ``job``) and hold aware datetimes.

    ``now`` is the server's clock: it moves only when a test moves it. ``queue`` holds the ids of the executions that wait
    in Scale's queue table, which is what ``/queue/status/`` counts; ``sequences`` the highest id ever given per table.
    ``logs`` is what was written besides what executions print by themselves; without a ``seed`` they print nothing.
    """

    now: datetime
    errors: dict[int, Row] = field(default_factory=dict)
    nodes: dict[int, Row] = field(default_factory=dict)
    rules: dict[int, Row] = field(default_factory=dict)
    events: dict[int, Row] = field(default_factory=dict)
    job_types: dict[int, Row] = field(default_factory=dict)
    job_type_revs: dict[int, Row] = field(default_factory=dict)
    jobs: dict[int, Row] = field(default_factory=dict)
    executions: dict[int, Row] = field(default_factory=dict)
    queue: set[int] = field(default_factory=set)
    sequences: dict[str, int] = field(default_factory=dict)
    seed: int | None = None
    logs: defaultdict[int, list[LogEntry]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def generate(cls, seed: int, size: int, now: datetime) -> "World":
        """A world of ``size`` executions over the 14 days before ``now``; equal arguments give equal worlds.

        Tells the story of the bad release (see ``world_generator``). The story and the special cases come first: all of
        them are present from a size of 45 on.
        """
        world = cls(now, seed=seed)
        world_generator.populate(world, Random(seed), size)
        return world

    @classmethod
    def from_records(cls, now: datetime, records: Iterable[tuple[str, Mapping[str, Any]]]) -> "World":
        """A world from JSON objects that a real server sent: pairs of table name and list row or detail.

        Embedded objects become rows of their own tables; later records overwrite earlier ones; columns that no record
        shows are null (JSON columns empty). The queue is left empty.
        """
        world = cls(now)
        for table, record in records:
            world.absorb(table, record)
        return world

    @property
    def tables(self) -> dict[str, dict[int, Row]]:
        """The tables by name."""
        return {name: getattr(self, name) for name in TABLES}

    def absorb(self, table: str, record: Mapping[str, Any]) -> int:
        """Stores one JSON object that a real server sent, and what it embeds; gives its id."""
        spec = TABLES[table]
        rows = self.tables[table]
        key: int = record["id"]
        row = rows.setdefault(key, blank(table))
        self.sequences[table] = max(key, self.sequences.get(table, 0))
        for name, value in record.items():
            if name in spec.references:
                row[f"{name}_id"] = None if value is None else self.absorb(spec.references[name], value)
            elif name in spec.children:
                for child in value:
                    self.absorb(spec.children[name], child)
            elif name in row:
                row[name] = datetime.fromisoformat(value) if name in INSTANTS and value is not None else value
        return key

    def insert(self, table: str, columns: Mapping[str, Any]) -> int:
        """Adds a row of these columns (the others null) under the next free id, which it gives; ids are never reused."""
        key = self.sequences.get(table, 0) + 1
        self.sequences[table] = key
        self.tables[table][key] = {**blank(table), **columns, "id": key}
        return key

    def executions_of(self, job_id: int) -> list[Row]:
        """The executions of a job, oldest (by id) first."""
        return sorted((row for row in self.executions.values() if row["job_id"] == job_id), key=lambda row: row["id"])

    def add_job(self, job_type_id: int | None = None, **overrides: Any) -> int:
        """Adds a job (PENDING, created now, of the first non-system type unless told otherwise) and its event."""
        if job_type_id is None:
            job_type_id = next(key for key, row in self.job_types.items() if not row["is_system"])
        created = overrides.get("created", self.now)
        row = job_row(self.job_types[job_type_id], created)
        row["job_type_rev_id"] = next(key for key, rev in self.job_type_revs.items() if rev["job_type_id"] == job_type_id)
        event = {"type": "USER", "occurred": created, "rule_id": None, "description": {"user": "Anonymous"}}
        row["event_id"] = self.insert("events", event)
        row.update(overrides)
        return self.insert("jobs", row)

    def add_execution(self, **overrides: Any) -> int:
        """Adds an execution and gives its id; its job follows it and is created too unless ``job_id`` is given.

        By default it is COMPLETED, was created now, waited 5 s and ran 60 s on the first active node. Overrides are
        columns (``status``, ``created``, ``error_id``, ``node_id`` ...) and ``wait`` and ``duration`` in seconds.
        """
        status = overrides.setdefault("status", "COMPLETED")
        created = overrides.setdefault("created", self.now)
        wait, duration = overrides.pop("wait", 5.0), overrides.pop("duration", 60.0)
        if "job_id" not in overrides:
            overrides["job_id"] = self.add_job(created=created)
        job = self.jobs[overrides["job_id"]]
        row = execution_row(
            self.job_types[job["job_type_id"]], status, created, wait, duration, 0 if status == "COMPLETED" else None
        )
        if row["started"] is not None:
            row["node_id"] = next((key for key, node in self.nodes.items() if node["is_active"]), None)
        row.update(overrides)
        key = self.insert("executions", row)
        if row["status"] == "QUEUED":
            self.queue.add(key)
        job["num_exes"] += 1
        follow(job, row)
        return key

    def update_execution(self, execution_id: int, **columns: Any) -> None:
        """Sets columns of an execution; ``last_modified`` becomes now unless given; its job follows if it is the latest."""
        row = self.executions[execution_id]
        row.update({"last_modified": self.now, **columns})
        if row["status"] != "QUEUED":
            self.queue.discard(execution_id)
        if self.executions_of(row["job_id"])[-1] is row:
            follow(self.jobs[row["job_id"]], row)

    def delete_execution(self, execution_id: int) -> None:
        """Removes an execution; its job stays as it is."""
        del self.executions[execution_id]
        self.queue.discard(execution_id)

    # --- logs

    def log_entries(self, execution_id: int) -> list[LogEntry]:
        """What the log index holds of an execution now; in no order."""
        row = self.executions[execution_id]
        found = [each for each in self.logs.get(execution_id, ()) if each.indexed is None or each.indexed <= self.now]
        if self.seed is not None:
            job_type = self.job_types[self.jobs[row["job_id"]]["job_type_id"]]
            found += generated(row, job_type, self.errors.get(row["error_id"]), self.seed, self.now)
        return found

    def log_lines(self, execution_id: int) -> list[TrueLine]:
        """The lines that a reader of an execution's log must end up with now, the oldest first."""
        return true_lines(self.log_entries(execution_id))

    def write_log(
        self,
        execution_id: int,
        lines: int = 1,
        *,
        begin: datetime | None = None,
        every_ms: int = 10,
        at_once: int = 1,
        text: str = "line {n}",
    ) -> None:
        """Adds entries to an execution's log: ``at_once`` of them each ``every_ms``, from ``begin`` (now) on.

        ``text`` may name the entry's number ``{n}``, which goes on from call to call; every fifth goes to stderr. With a
        ``begin`` before that of entries that are already there, they are late.
        """
        log = self.logs[execution_id]
        first = self.now if begin is None else begin
        first = first.replace(microsecond=first.microsecond // 1000 * 1000)
        for number in range(lines):
            at = first + timedelta(milliseconds=number // at_once * every_ms)
            order = self.sequences["log"] = self.sequences.get("log", -1) + 1
            n = len(log)
            log.append(LogEntry(execution_id, at, text.format(n=n), order, stderr=n % 5 == 4, name=f"AV{order}-{n}"))
