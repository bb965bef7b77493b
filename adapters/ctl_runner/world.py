"""The data behind the simulated Runner: jobs and executions, generated, built from recorded rows, or changed by a test."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from adapters.ctl_runner import world_events, world_generator
from adapters.ctl_runner.world_catalog import uuid
from adapters.ctl_runner.world_events import Line, Step, line_of, written
from adapters.ctl_runner.world_rows import TERMINAL, WAITING, Row, execution_row, milliseconds, observed_job, timed


@dataclass
class World:
    """Tables of Runner: id -> record exactly as the detail endpoint sends it, all mutable.

    ``now`` is the server's clock: it moves when a test moves it, or with life (``world_life``). ``account_alias`` is the
    account of generated and added records. **The order of a table is that of creation**, oldest first: no field tells when
    an execution was created. ``events`` holds recorded and written status events by execution id; the feed of any other
    execution is composed, where ``failures`` (by execution id) is what failing tasks say.
    """

    now: datetime
    account_alias: str = "DEMO"
    jobs: dict[str, Row] = field(default_factory=dict)
    executions: dict[str, Row] = field(default_factory=dict)
    events: dict[str, list[Row]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    random: Random = field(default_factory=lambda: Random(0))

    @classmethod
    def generate(cls, seed: int, size: int, now: datetime) -> "World":
        """A world of ``size`` executions over the 14 days before ``now``; equal arguments give equal worlds.

        Tells the story of the bad release (see ``world_generator``). The story and the special cases come first: all of
        them are present from a size of 55 on. Two executions belong to a job that was deleted since.
        """
        world = cls(now, random=Random(seed))
        world_generator.populate(world, size)
        return world

    @classmethod
    def from_records(cls, now: datetime, records: Iterable[tuple[str, Mapping[str, Any]]]) -> "World":
        """A world from JSON objects that a real server sent: pairs of table (jobs, executions, events) and record.

        They are to come oldest first. A record overwrites an earlier one of the same id, in its place.
        """
        world = cls(now)
        for table, record in records:
            row = deepcopy(dict(record))
            match table:
                case "jobs":
                    world.jobs[row["id"]] = row
                case "executions":
                    world.executions[row["execution_id"]] = row
                case "events":
                    world.events.setdefault(row["execution_id"], []).append(row)
                case _:
                    raise ValueError(f"no table {table!r}")
        return world

    @property
    def accounts(self) -> set[str]:
        """The aliases of all accounts that own something, and ``account_alias``."""
        jobs = {row["accountAlias"] for row in self.jobs.values()}
        return {self.account_alias} | jobs | {row["account_alias"] for row in self.executions.values()}

    def executions_of(self, job_id: str) -> list[Row]:
        """The executions of a job, oldest first."""
        return [row for row in self.executions.values() if row["job_id"] == job_id]

    def events_of(self, execution_id: str) -> list[Row]:
        """The status feed of an execution, oldest first."""
        if execution_id in self.events:
            return self.events[execution_id]
        row = self.executions[execution_id]
        failure = self.failures.get(execution_id, "non-zero return code")
        return world_events.compose(row, self.hosts_of(row["job_id"]), failure, milliseconds(self.now))

    def hosts_of(self, job_id: str) -> list[str]:
        """The hosts that a job names."""
        return [host["id"] for host in self.jobs.get(job_id, {}).get("hosts", [])]

    def log_lines(self, execution_id: str) -> list[Line]:
        """What a reader of a generated or written feed must end up with, by time."""
        return [line_of(event) for event in self.events_of(execution_id)]

    def write_log(
        self, execution_id: str, count: int = 1, *, text: str = "line {n}", at: int | None = None, step: int = 250
    ) -> None:
        """Adds ``count`` events to a feed, from ``at`` on (epoch milliseconds, now by default), ``step`` milliseconds apart.

        ``{n}`` in the text counts the events of the feed.
        """
        first = milliseconds(self.now) if at is None else at
        kept = len(self.events_of(execution_id))
        texts = [text.replace("{n}", str(kept + number)) for number in range(1, count + 1)]
        self.write_events(
            execution_id,
            [
                (first + place * step, ("runner_on_ok", {"host": "localhost", "msg": said}))
                for place, said in enumerate(texts)
            ],
        )

    def write_events(self, execution_id: str, steps: Iterable[tuple[int, Step]]) -> None:
        """Adds events to a feed, each with its time in epoch milliseconds."""
        # From now on the feed is what was written, whatever becomes of the execution.
        kept = self.events.setdefault(execution_id, self.events_of(execution_id))
        row = self.executions[execution_id]
        kept += [written(row, f"written/{len(kept) + place}", at, step) for place, (at, step) in enumerate(steps)]
        kept.sort(key=lambda event: int(event["timestamp"]))

    def add_job(self, **overrides: Any) -> str:
        """Adds a job (ACTIVE, on localhost, created now unless told otherwise) as the newest, and gives its id."""
        job_id = overrides.pop("id", None) or uuid(self.random)
        title = overrides.get("name", "new job")
        row = observed_job(overrides.get("accountAlias", self.account_alias), job_id, title, milliseconds(self.now))
        self.jobs[job_id] = {**row, **overrides}
        return job_id

    def update_job(self, job_id: str, **fields: Any) -> None:
        """Sets fields of a job; ``lastUpdatedTime``, if the record has one, becomes now unless given."""
        row = self.jobs[job_id]
        if "lastUpdatedTime" in row:
            row["lastUpdatedTime"] = milliseconds(self.now)
        row.update(fields)

    def delete_job(self, job_id: str) -> None:
        """Removes a job; its executions stay."""
        del self.jobs[job_id]

    def add_execution(self, **overrides: Any) -> str:
        """Adds an execution as the newest of all and gives its ``execution_id``.

        By default it is a SUCCESS of the oldest job that started a minute ago and ends now; one that waits has no timer, one
        that is not over no end. Overrides are fields of the record; ``start`` and ``end`` take the place of ``timers``.
        """
        execution_id = overrides.pop("execution_id", None) or uuid(self.random)
        job_id = overrides.pop("job_id", None) or next(iter(self.jobs))
        alias = self.jobs[job_id]["accountAlias"] if job_id in self.jobs else self.account_alias
        status = overrides.pop("status", "SUCCESS")
        now = milliseconds(self.now)
        timing: Row = timed([] if status in WAITING else [(now - 60_000, now if status in TERMINAL else None)])
        if "start" in overrides or "end" in overrides:
            timing = {"start": overrides.pop("start", None), "end": overrides.pop("end", None)}
        self.executions[execution_id] = {**execution_row(alias, job_id, execution_id, status, timing), **overrides}
        return execution_id

    def update_execution(self, execution_id: str, **fields: Any) -> None:
        """Sets fields of an execution; its place in the order of creation stays."""
        self.executions[execution_id].update(fields)

    def delete_execution(self, execution_id: str) -> None:
        """Removes an execution and its recorded events."""
        del self.executions[execution_id]
        self.events.pop(execution_id, None)
