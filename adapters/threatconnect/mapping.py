"""ThreatConnect's records as the unified model (DOMAIN C3 to C5; contract of ThreatConnect, section 2).

Pure, but for one metric. ``EXECUTION_SHAPE`` and ``JOB_SHAPE`` say of what each attribute is made.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from adapters.threatconnect.client import ExecutionRecord, JobRecord
from gateway.instant import Instant
from gateway.metrics import UNKNOWN_STATUS
from gateway.model import (
    Attempt,
    Execution,
    ExecutionError,
    ExecutionStatus,
    ExecutionTimestamp,
    Job,
    JobDefinition,
    JobState,
    Key,
    Node,
    NodeKind,
    NodeResult,
    NodeRole,
)
from gateway.records import Derived, Held, Made, Plain, Shape
from gateway.redaction import redacted

EXECUTION_STATUS: Mapping[str, ExecutionStatus] = {
    "Completed": ExecutionStatus.SUCCEEDED,
    "Failed": ExecutionStatus.FAILED,
    "Queued": ExecutionStatus.QUEUED,
    "Running": ExecutionStatus.RUNNING,
}
"""The words as ThreatConnect spells them. Public are the first two; the others are guesses (DOMAIN C3)."""

JOB_STATE: Mapping[bool, JobState] = {True: JobState.ACTIVE, False: JobState.INACTIVE}

STATUS_SPELLED: Mapping[str, ExecutionStatus] = {
    spelled: status for word, status in EXECUTION_STATUS.items() for spelled in (word, word.lower(), word.upper())
}
"""Every spelling that counts as one of the words. TQL may tell case apart (contract, section 6.1), so a filter names them
all; a spelling that it could not name would be lost."""

# What no job of ThreatConnect has: nobody needs to be asked for it.
_NEVER = frozenset({"description", "created_at", "updated_at", "finished_at", "execution_counts", "web_url"})
_WITHOUT_JOB = frozenset({*Execution.__struct_fields__, "details", "raw"}) - {"name"}


@dataclass(frozen=True, slots=True)
class Mapper:
    """Makes entities of the source ``source``."""

    source: str

    def job(self, held: Held[JobRecord]) -> Job:
        """A job with all that its record tells."""
        return JOB_SHAPE.reading(None).entity(self, held.record, held)

    def execution(self, held: Held[ExecutionRecord], jobs: Mapping[int, Job | None]) -> Execution:
        """An execution with all that its record tells; its name is its job's.

        ``jobs`` are those looked up, None standing for one that is gone, which leaves its number for a name. An execution
        whose job is not among them does not know its name. Raises ValueError for a record without a job or with odd
        instants.
        """
        return self.executions(None, jobs)(held)

    def executions(self, attributes: frozenset[str] | None, jobs: Mapping[int, Job | None]) -> Callable[[Any], Execution]:
        """What makes executions with so many attributes, None for all, and otherwise as ``execution`` does.

        It takes records as the reading of the attributes has them, for all attributes as ``Held``.
        """
        reading = EXECUTION_SHAPE.reading(attributes)
        context = Context(self.source, jobs)
        named = reading.maker(context)
        nameless = reading.maker(context, _WITHOUT_JOB if reading.known is None else _WITHOUT_JOB & reading.known)

        def execution(record: Any, held: Any = None) -> Execution:
            return (named if record.job_id in jobs else nameless)(record, held)

        # For every row of a page: no call more where no job was looked up.
        make = execution if jobs else nameless
        return make if attributes is not None else lambda held: make(held.record, held)

    def node(self, name: str) -> Node:
        """A job server: all that ThreatConnect tells of it is its name."""
        return _server(self.source, name)


@dataclass(frozen=True, slots=True)
class Context:
    """What executions are made with beside their records: their source, and ``jobs`` as in ``Mapper.execution``."""

    source: str
    jobs: Mapping[int, Job | None]


# --- executions ----------------------------------------------------------------------------------------------------


def _number(_context: Context, record: ExecutionRecord) -> int:
    """The number of its job. Raises ValueError."""
    if record.job_id is None:
        raise ValueError("an execution without its job")
    return record.job_id


def _key(context: Context, record: ExecutionRecord, job: int) -> Key:
    return Key("execution", context.source, (str(job), str(record.id)))


def _name(context: Context, _record: ExecutionRecord, number: int) -> str:
    job = context.jobs.get(number)
    return str(number) if job is None else job.name


def _status(context: Context, record: ExecutionRecord) -> ExecutionStatus:
    """The status of the word; without any word what the instants say (DOMAIN C3, rule 3).

    A word that is not known stays UNKNOWN even so: apps may end in a partial failure, whose word nobody published, and
    that must not pass for a success because it has a ``completedTime``.
    """
    if word := record.status:
        status = STATUS_SPELLED.get(word)
        if status is None:
            UNKNOWN_STATUS.labels(context.source, word[:64]).inc()
        return status or ExecutionStatus.UNKNOWN
    if record.failed_time:
        return ExecutionStatus.FAILED
    if record.completed_time:
        return ExecutionStatus.SUCCEEDED
    if record.start_time:
        return ExecutionStatus.RUNNING
    return ExecutionStatus.QUEUED if record.queue_time else ExecutionStatus.UNKNOWN


def _job(context: Context, _record: ExecutionRecord, number: int) -> Job:
    return context.jobs.get(number) or _mentioned(context.source, number)


# Rows of a page name few jobs and fewer servers, and the same ones page after page: each is made once.
@lru_cache(maxsize=1024)
def _mentioned(source: str, number: int) -> Job:
    return Job(key=Key("job", source, (str(number),)), tie=(number,), name=str(number), state=JobState.UNKNOWN, known=_NEVER)


def _server(source: str, name: str) -> Node:
    return Node(key=Key("node", source, (name,)), tie=(name,), name=name, node_kind=NodeKind.WORKER)


@lru_cache(maxsize=1024)
def _executor(source: str, name: str | None) -> tuple[NodeResult, ...]:
    return (NodeResult(node=_server(source, name), roles=(NodeRole.EXECUTOR,)),) if name else ()


def _finished(_context: Context, record: ExecutionRecord) -> Instant | None:
    return instant(record.completed_time or record.failed_time)


def _message(text: str) -> str | None:
    return redacted(text.strip()) or None


def _error(
    _context: Context, _record: ExecutionRecord, status: ExecutionStatus, message: str | None
) -> ExecutionError | None:
    failed = status is ExecutionStatus.FAILED and message is not None
    return ExecutionError(message=message) if failed else None


def _seconds(_context: Context, _record: ExecutionRecord, started: Instant | None, finished: Instant | None) -> float | None:
    """How long it took; None while open and where clocks disagree about which came first."""
    if started is None or finished is None or finished.moment < started.moment:
        return None
    return (finished.moment - started.moment).total_seconds()


_CREATION = (ExecutionTimestamp.CREATED_AT,)

EXECUTION_SHAPE: Shape[Context, ExecutionRecord, Execution] = Shape(
    Execution,
    ExecutionRecord,
    {
        "key": Derived(("id",), ("number",), _key),
        "tie": Made(("id",), lambda _, record: (record.id,)),
        "name": Derived((), ("number",), _name),
        "status": Made(("status", "failed_time", "completed_time", "start_time", "queue_time"), _status),
        "raw_status": Made(("status",), Plain("status", blank=True)),
        "job": Derived((), ("number",), _job),
        "status_message": Made(("exit_message",), Plain("exit_message", _message)),
        "error": Derived((), ("status", "status_message"), _error),
        # ThreatConnect does not tell when one was created: it is queued at once.
        "created_at": Made(("queue_time",), Plain("queue_time", Instant.parse)),
        "queued_at": Derived((), ("created_at",), lambda _, __, created: created),
        "started_at": Made(("start_time",), Plain("start_time", Instant.parse)),
        "finished_at": Made(("completed_time", "failed_time"), _finished),
        "attempts": Derived((), ("started_at", "finished_at"), lambda _, __, *span: (Attempt(1, *span),)),
        "derived_timestamps": Made(("queue_time",), lambda _, record: _CREATION if record.queue_time else ()),
        "duration_seconds": Derived((), ("started_at", "finished_at"), _seconds),
        "nodes": Made(("server_name",), lambda context, record: _executor(context.source, record.server_name)),
    },
    steps={"number": Made(("job_id",), _number)},
)
"""Executions, from their list and from those of jobs that were asked for their last one."""


def instant(text: str | None) -> Instant | None:
    """An instant as ThreatConnect writes it; None for none. Raises ValueError for anything else."""
    return Instant.parse(text) if text else None


# --- jobs ----------------------------------------------------------------------------------------------------------


def raw_state(active: bool) -> str:
    """ThreatConnect's word for the state of a job: ``active`` as text (DOMAIN C5)."""
    return "true" if active else "false"


def _definition(_mapper: Mapper, record: JobRecord) -> JobDefinition | None:
    if not record.program_name:
        return None
    return JobDefinition(record.program_name, "TC Exchange app", version=record.program_version or None)


JOB_SHAPE: Shape[Mapper, JobRecord, Job] = Shape(
    Job,
    JobRecord,
    {
        "key": Made(("id",), lambda mapper, record: Key("job", mapper.source, (str(record.id),))),
        "tie": Made(("id",), lambda _, record: (record.id,)),
        "name": Made(("name",), lambda _, record: record.name or str(record.id)),
        "state": Made(("active",), lambda _, row: JobState.UNKNOWN if row.active is None else JOB_STATE[row.active]),
        "raw_state": Made(("active",), lambda _, row: None if row.active is None else raw_state(row.active)),
        "definition": Made(("program_name", "program_version"), _definition),
    },
)
"""Jobs, from their list."""
