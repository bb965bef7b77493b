"""The data behind the simulated AWS IoT Jobs: one account, generated, built from records, or changed by a test."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from adapters.aws_iot import world_generator
from adapters.aws_iot.world_logs import Line, Logs
from adapters.aws_iot.world_rows import COUNTERS, OPEN, ExecutionId, Row, arn, given, thing_row, wire


@dataclass
class World:
    """Tables of one account, all mutable; rows have the members and number formats that the service sends.

    ``executions`` have the members of DescribeJobExecution and ``retryAttempt``; ``jobs`` those of DescribeJob (with
    ``documentSource``) and ``thingGroupId``; ``things`` those of DescribeThing; ``groups`` have ``thingGroupName``,
    ``thingGroupId`` and ``things`` (names). ``documents`` holds the job documents, JSON as text, by job. ``now`` is the
    clock of the helpers: it moves when a test moves it, or with life (``world_life``). ``logs`` are the streams of
    CloudWatch Logs. A member that a row lacks is not sent; one that is None is sent as null. The helpers take aware
    datetimes as well, and None for "not sent".
    """

    now: datetime
    jobs: dict[str, Row] = field(default_factory=dict)
    executions: dict[ExecutionId, Row] = field(default_factory=dict)
    things: dict[str, Row] = field(default_factory=dict)
    groups: dict[str, Row] = field(default_factory=dict)
    documents: dict[str, str] = field(default_factory=dict)
    logs: Logs = field(init=False)

    def __post_init__(self) -> None:
        self.logs = Logs(self)

    @classmethod
    def generate(cls, seed: int, size: int, now: datetime) -> "World":
        """A world of ``size`` executions over the 14 days before ``now``; equal arguments give equal worlds.

        Tells the story of the bad release (see ``world_generator``). The story and the special cases come first: all of
        them are present from a size of 80 on.
        """
        world = cls(now)
        world_generator.populate(world, Random(seed), size)
        return world

    @classmethod
    def from_records(cls, now: datetime, records: Iterable[tuple[str, Mapping[str, Any]]]) -> "World":
        """A world from what a server sent: pairs of table name (``jobs``, ``executions``, ``things``) and members.

        Later records of the same id add their members to earlier ones. The things of executions exist, too.
        """
        world = cls(now)
        for table, record in records:
            world.absorb(table, record)
        return world

    def absorb(self, table: str, record: Mapping[str, Any]) -> None:
        """Stores the members of one record verbatim; an execution must have jobId, thingArn and executionNumber.

        Raises KeyError for another table than ``jobs``, ``executions`` and ``things``, and for missing ids.
        """
        if table == "executions":
            name = record["thingArn"].partition(":thing/")[2]
            key = ExecutionId(record["jobId"], name, record["executionNumber"])
            self.executions.setdefault(key, {}).update(record)
            self.things.setdefault(name, thing_row(name))
        else:
            rows, column = {"jobs": (self.jobs, "jobId"), "things": (self.things, "thingName")}[table]
            rows.setdefault(record[column], {}).update(record)

    def executions_of(self, job_id: str) -> list[Row]:
        """The executions of a job, in no particular order."""
        return [row for key, row in self.executions.items() if key.job_id == job_id]

    def add_thing(self, thing_name: str | None = None, **overrides: Any) -> str:
        """Adds a thing (of type ``till``, without attributes) and gives its name."""
        name = thing_name or next(f"thing-{n}" for n in range(len(self.things) + 1) if f"thing-{n}" not in self.things)
        row = thing_row(name, thingTypeName="till", thingId=str(uuid5(NAMESPACE_URL, name)), defaultClientId=name)
        self.things[name] = given(row, overrides)
        return name

    def add_job(self, job_id: str | None = None, **overrides: Any) -> str:
        """Adds a job and gives its id; by default a snapshot job that was created now and is IN_PROGRESS.

        Overrides are members of the row, and ``document`` (text).
        """
        key = job_id or next(f"job-{n}" for n in range(len(self.jobs) + 1) if f"job-{n}" not in self.jobs)
        self.documents[key] = overrides.pop("document", '{"operation":"noop"}')
        row: Row = {
            "jobArn": arn("job", key),
            "jobId": key,
            "targetSelection": "SNAPSHOT",
            "status": "IN_PROGRESS",
            "createdAt": wire(self.now),
            "isConcurrent": False,
            "forceCanceled": False,
            "targets": [],
            "presignedUrlConfig": {},
            "jobExecutionsRolloutConfig": {},
            "jobProcessDetails": {"processingTargets": None} | dict.fromkeys(COUNTERS.values(), 0),
            "timeoutConfig": {},
            "schedulingConfig": {},
        }
        given(row, overrides)
        row.setdefault("lastUpdatedAt", row["createdAt"])
        self.jobs[key] = row
        return key

    def update_job(self, job_id: str, **members: Any) -> None:
        """Sets members of a job; ``lastUpdatedAt`` becomes now unless given. Raises KeyError for an unknown one."""
        given(self.jobs[job_id], {"lastUpdatedAt": self.now, **members})

    def delete_job(self, job_id: str) -> None:
        """Removes a job with its document and all its executions. Raises KeyError for an unknown one."""
        del self.jobs[job_id]
        self.documents.pop(job_id, None)
        self.executions = {key: row for key, row in self.executions.items() if key.job_id != job_id}

    def delete_thing(self, thing_name: str) -> None:
        """Removes a thing, also from its groups; its open executions become REMOVED. Raises KeyError for an unknown one."""
        del self.things[thing_name]
        for group in self.groups.values():
            group["things"] = [name for name in group["things"] if name != thing_name]
        for key, row in list(self.executions.items()):
            if key.thing_name == thing_name and row["status"] in OPEN:
                self.update_execution(key, status="REMOVED", approximateSecondsBeforeTimedOut=None)

    def add_execution(self, **overrides: Any) -> ExecutionId:
        """Adds an execution and gives its id; its job's counters follow.

        By default it SUCCEEDED, was queued now, waited 5 s and ran 60 s. Without ``jobId`` it gets a job of its own;
        without ``thingName`` the first thing that the job does not have yet, or a new one. Its number is one more than
        the thing's highest in this job. Other overrides are members of the row.
        """
        job_id = overrides.pop("jobId", None) or self.add_job(createdAt=overrides.get("queuedAt", self.now))
        name = overrides.pop("thingName", None) or self._free_thing(job_id)
        number = overrides.get("executionNumber") or self._next_number(job_id, name)
        key = ExecutionId(job_id, name, number)
        status, queued = overrides.get("status", "SUCCEEDED"), wire(overrides.get("queuedAt", self.now))
        row: Row = {
            "jobId": job_id,
            "thingArn": arn("thing", name),
            "status": status,
            "forceCanceled": False,
            "statusDetails": {},
            "queuedAt": queued,
            "executionNumber": key.number,
            "versionNumber": {"QUEUED": 1, "IN_PROGRESS": 2}.get(status, 3),
            "retryAttempt": 0,
        }
        if status != "QUEUED":
            row["startedAt"] = round(queued + 5, 3)
        given(row, overrides)
        row.setdefault("lastUpdatedAt", round(row.get("startedAt", queued) + (0 if status in OPEN else 60), 3))
        self.executions[key] = row
        self._count(row, 1)
        return key

    def update_execution(self, execution_id: ExecutionId, **members: Any) -> None:
        """Sets members of an execution; unless given, ``lastUpdatedAt`` becomes now and ``versionNumber`` grows by one.

        Its job's counters follow. Raises KeyError for an unknown one.
        """
        row = self.executions[execution_id]
        self._count(row, -1)
        given(row, {"lastUpdatedAt": self.now, "versionNumber": row.get("versionNumber", 0) + 1, **members})
        self._count(row, 1)

    def delete_execution(self, execution_id: ExecutionId) -> None:
        """Removes an execution; its job's counters follow. Raises KeyError for an unknown one."""
        self._count(self.executions.pop(execution_id), -1)

    def write_log(
        self, execution_id: ExecutionId, count: int = 1, *, text: str = "line {n}", at: int | None = None, step: int = 250
    ) -> None:
        """Adds lines to an execution's log, which arrive now; see ``Logs.write``."""
        self.logs.write(self.logs.name_of(execution_id), count, text, at, step)

    def log_lines(self, execution_id: ExecutionId) -> list[Line]:
        """What a reader of an execution's log must end up with, by time."""
        return self.logs.lines(execution_id)

    def _free_thing(self, job_id: str) -> str:
        busy = {key.thing_name for key in self.executions if key.job_id == job_id}
        return next((name for name in self.things if name not in busy), None) or self.add_thing()

    def _next_number(self, job_id: str, thing_name: str) -> int:
        return max((key.number for key in self.executions if key[:2] == (job_id, thing_name)), default=0) + 1

    def _count(self, row: Row, by: int) -> None:
        """Counts an execution in its job. A failed attempt that was retried counts as well (boto3#4656)."""
        counts = self.jobs.get(row["jobId"], {}).get("jobProcessDetails")
        if counts is None:
            return
        if row["status"] in COUNTERS:
            counts[COUNTERS[row["status"]]] += by
        counts["numberOfFailedThings"] += by * row.get("retryAttempt", 0)
