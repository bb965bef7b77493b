"""Scale's records as the unified model (DOMAIN C3 to C5; contract of Scale, section 4). Pure, but for one metric.

``EXECUTIONS``, ``JOBS`` and ``NODES`` say of what each attribute is made. Every function raises ValueError for a record that
cannot be read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from adapters.scale.client import ErrorRecord, ExecutionRecord, JobRecord, JobTypeRecord, NodeRecord
from adapters.scale.planning import EXECUTION_STATUS, JOB_STATE
from gateway.instant import Instant
from gateway.metrics import UNKNOWN_STATUS
from gateway.model import (
    Attempt,
    Execution,
    ExecutionError,
    ExecutionStatus,
    Job,
    JobDefinition,
    JobState,
    Key,
    Kind,
    Node,
    NodeKind,
    NodeResult,
    NodeRole,
)
from gateway.records import Derived, Held, Made, Plain, Reading, Shape, Table, read

W = TypeVar("W", ExecutionStatus, JobState)

# What a job or node knows that was only mentioned inside an execution. Scale counts no executions by status.
_BARE_JOB = frozenset({"web_url", "execution_counts"})
_LISTED_JOB = _BARE_JOB | {"name", "description", "state", "raw_state", "definition"}
_EMBEDDED_JOB = _LISTED_JOB | {"created_at", "updated_at", "finished_at", "details"}
_BARE_NODE = frozenset({"node_kind", "web_url"})
_LISTED_NODE = _BARE_NODE | {"name"}
_EMBEDDED_NODE = _LISTED_NODE | {"active", "details"}
_WITHOUT_ERROR = frozenset({*Execution.__struct_fields__, "details", "raw"}) - {"error", "status_message"}


@dataclass(frozen=True, slots=True)
class Context:
    """What rows that only point at their job, node and error are completed with, each by its id.

    ``dated`` tells whether the server's ``last_modified`` of an execution is when that last changed (``releases``).
    """

    job: Job | None = None
    errors: Mapping[int, ErrorRecord] = field(default_factory=dict)
    nodes: Mapping[int, Node] = field(default_factory=dict)
    dated: bool = True


_NOTHING = Context()


@dataclass(frozen=True, slots=True)
class Mapper:
    """Maps the records of one source. ``ui_url`` is where Scale's own pages are, ending in a slash.

    Every method raises ValueError for a record that cannot be read.
    """

    source: str
    ui_url: str | None

    def job(self, held: Held[JobRecord]) -> Job:
        """A job with all that its record tells; one that was only mentioned if ``held`` has no bytes of its own."""
        shape = MENTIONED_JOBS if held.raw is None else JOBS
        return shape.reading(None).entity(self, held.record, held)

    def node(self, held: Held[NodeRecord]) -> Node:
        """A cluster node with all that its record tells; one only mentioned if ``held`` has no bytes of its own."""
        return NODES.reading(None).entity(self, held.record, held, _known_of_node(held))

    def execution(self, held: Held[ExecutionRecord], context: Context = _NOTHING) -> Execution:
        """An execution, with its job and node as far as the row or ``context`` know them."""
        return Page(self, context).held_maker()(held)

    def key(self, kind: Kind, number: int) -> Key:
        """The key of what Scale numbers so."""
        return Key(kind, self.source, (str(number),))

    def page(self, path: str, number: int) -> str | None:
        """Where Scale's own pages show something."""
        return None if self.ui_url is None else f"{self.ui_url}#/{path}/{number}"


class Page:
    """What the rows of a page are made with: ``context``, and what was made for rows before."""

    __slots__ = ("_job", "_nodes", "context", "mapper")

    def __init__(self, mapper: Mapper, context: Context) -> None:
        self.mapper = mapper
        self.context = context
        self._job = MENTIONED_JOBS.reading(None).maker(mapper)
        self._nodes: dict[int, tuple[NodeRecord, tuple[NodeResult, ...]]] = {}

    def maker(self, reading: Reading["Page", ExecutionRecord, Execution]) -> Callable[..., Execution]:
        """What makes an execution of a record, and of what becomes its ``record``.

        One that only points at an error that is not at hand does not know it.
        """
        make = reading.maker(self)
        without = reading.maker(self, _WITHOUT_ERROR if reading.known is None else _WITHOUT_ERROR & reading.known)

        def execution(record: ExecutionRecord, held: Any = None) -> Execution:
            known = record.error is None or self.error(record) is not None
            return make(record, held) if known else without(record, held)

        return execution

    def held_maker(self) -> Callable[[Held[ExecutionRecord]], Execution]:
        """What makes an execution that knows all that its record tells."""
        make = self.maker(EXECUTIONS.reading(None))
        return lambda held: make(held.record, held)

    def error(self, record: ExecutionRecord) -> ErrorRecord | None:
        """Why it failed, as far as the row or ``context`` tell."""
        sent = record.error
        return self.context.errors.get(sent.id) if sent is not None and sent.bare else sent

    def job(self, record: ExecutionRecord) -> Job | None:
        """The job that it is a run of."""
        if self.context.job is None and record.job is not None:
            return self._job(record.job, Held(record.job))
        return self.context.job

    def nodes(self, record: ExecutionRecord) -> tuple[NodeResult, ...]:
        """The node that it ran on; rows that say the same of it share it."""
        sent = record.node
        if sent is None:
            return ()
        before = self._nodes.get(sent.id)
        if before is None or before[0] != sent:
            node = self.context.nodes.get(sent.id) or self.mapper.node(Held(sent))
            before = self._nodes[sent.id] = (sent, (NodeResult(node=node, roles=(NodeRole.EXECUTOR,)),))
        return before[1]


# --- executions ----------------------------------------------------------------------------------------------------


def _name(page: Page, record: ExecutionRecord) -> str:
    """The job type's name, on which execution and filter agree; its title is in the details (DECISIONS 26)."""
    job = page.context.job
    if job is not None:
        return job.name if job.known is None or "name" in job.known else str(record.id)
    job_type = None if record.job is None else job_type_of(record.job)
    if record.job is None or job_type is None:
        return str(record.id)
    return job_type.name or str(record.job.id)


def _error(page: Page, record: ExecutionRecord) -> ExecutionError | None:
    error = page.error(record)
    if error is None:
        return None
    return ExecutionError(
        code=error.name or None,
        title=error.title or None,
        message=error.description or None,
        category=error.category or None,
    )


def _status_message(page: Page, record: ExecutionRecord) -> str | None:
    error = page.error(record)
    return None if error is None else error.title or None


def _attempts(
    _page: Page, record: ExecutionRecord, started: Instant | None, finished: Instant | None
) -> tuple[Attempt, ...]:
    return (Attempt(record.exe_num or 1, started, finished),)


def _status(page: Page, record: ExecutionRecord) -> ExecutionStatus:
    return EXECUTION_STATUS.get(_folded(record.status)) or _unknown(page.mapper, record.status, ExecutionStatus.UNKNOWN)


def _seconds(_page: Page, _record: ExecutionRecord, started: Instant | None, finished: Instant | None) -> float | None:
    """How long it took; None while open and where clocks disagree about which came first."""
    if started is None or finished is None or finished.moment < started.moment:
        return None
    return (finished.moment - started.moment).total_seconds()


EXECUTIONS: Shape[Page, ExecutionRecord, Execution] = Shape(
    Execution,
    ExecutionRecord,
    {
        "key": Made(("id",), lambda page, record: page.mapper.key("execution", record.id)),
        "tie": Made(("id",), lambda _, record: (record.id,)),
        "name": Made(("job.job_type",), _name),
        "status": Made(("status",), _status),
        "raw_status": Made(("status",), Plain("status", blank=True)),
        "job": Made(("job",), Page.job),
        "status_message": Made((), _status_message),
        "error": Made((), _error),
        "exit_code": Made(("job_exit_code",), Plain("job_exit_code")),
        "attempt": Made(("exe_num",), Plain("exe_num")),
        "created_at": Made(("created",), Plain("created", Instant.parse)),
        "queued_at": Made(("queued",), Plain("queued", Instant.parse)),
        "started_at": Made(("started",), Plain("started", Instant.parse)),
        "finished_at": Made(("ended",), Plain("ended", Instant.parse)),
        "attempts": Derived(("exe_num",), ("started_at", "finished_at"), _attempts),
        "updated_at": Made(
            ("last_modified",), lambda page, record: instant(record.last_modified) if page.context.dated else None
        ),
        "duration_seconds": Derived((), ("started_at", "finished_at"), _seconds),
        "timeout_seconds": Made(("timeout",), Plain("timeout")),
        "nodes": Made(("node",), Page.nodes),
        "web_url": Made((), lambda page, record: page.mapper.page("jobs/executions", record.id)),
    },
    # What tells whether the execution knows why it failed.
    always=("error",),
)
"""Executions, from ``/job-executions/``, from jobs, and from their own addresses."""


# --- jobs and nodes ------------------------------------------------------------------------------------------------


def job_type_of(record: JobRecord) -> JobTypeRecord | None:
    """The job type of a job. Raises ValueError when it cannot be read."""
    return _job_type(bytes(record.job_type))


# Many jobs have few types, which come along with every one of them: each is read once.
@lru_cache(maxsize=256)
def _job_type(raw: bytes) -> JobTypeRecord | None:
    return read(raw, JobTypeRecord).record if raw not in (b"", b"null") else None


def _job_name(_mapper: Mapper, record: JobRecord, job_type: JobTypeRecord | None) -> str:
    return (job_type.name if job_type else None) or str(record.id)


def _description(_mapper: Mapper, _record: JobRecord, job_type: JobTypeRecord | None) -> str | None:
    return (job_type.description if job_type else None) or None


def _definition(_mapper: Mapper, _record: JobRecord, job_type: JobTypeRecord | None) -> JobDefinition | None:
    if job_type is None or not job_type.name:
        return None
    return JobDefinition(job_type.name, "job type", version=job_type.version or None)


def _known_of_job(_mapper: Mapper, record: JobRecord, job_type: JobTypeRecord | None) -> frozenset[str]:
    if job_type is None:
        return _BARE_JOB
    return _EMBEDDED_JOB if record.created else _LISTED_JOB


def _state(mapper: Mapper, record: JobRecord) -> JobState:
    return JOB_STATE.get(_folded(record.status)) or _unknown(mapper, record.status, JobState.UNKNOWN)


_JOB_TYPE: Table[Mapper, JobRecord] = {"job_type": Made(("job_type",), lambda _, record: job_type_of(record))}
_JOB: Table[Mapper, JobRecord] = {
    "key": Made(("id",), lambda mapper, record: mapper.key("job", record.id)),
    "tie": Made(("id",), lambda _, record: (record.id,)),
    "name": Derived(("id",), ("job_type",), _job_name),
    "state": Made(("status",), _state),
    "raw_state": Made(("status",), Plain("status", blank=True)),
    "description": Derived((), ("job_type",), _description),
    "definition": Derived((), ("job_type",), _definition),
    "created_at": Made(("created",), Plain("created", Instant.parse)),
    "updated_at": Made(("last_modified",), Plain("last_modified", Instant.parse)),
    "finished_at": Made(("ended",), Plain("ended", Instant.parse)),
    "web_url": Made((), lambda mapper, record: mapper.page("jobs/job", record.id)),
}

JOBS: Shape[Mapper, JobRecord, Job] = Shape(Job, JobRecord, _JOB, steps=_JOB_TYPE)
"""Jobs, from ``/jobs/``, and from their own addresses."""

MENTIONED_JOBS: Shape[Mapper, JobRecord, Job] = Shape(
    Job, JobRecord, {**_JOB, "known": Derived(("created",), ("job_type",), _known_of_job)}, steps=_JOB_TYPE
)
"""Jobs, from executions."""


def _active(_mapper: Mapper, record: NodeRecord) -> bool | None:
    """A paused node finishes what it has and is given nothing new."""
    return None if record.is_active is None else record.is_active and not record.is_paused


NODES: Shape[Mapper, NodeRecord, Node] = Shape(
    Node,
    NodeRecord,
    {
        "key": Made(("id",), lambda mapper, record: mapper.key("node", record.id)),
        "tie": Made(("id",), lambda _, record: (record.id,)),
        "name": Made(("hostname",), lambda _, record: record.hostname or str(record.id)),
        "node_kind": Made((), lambda _, __: NodeKind.WORKER),
        "active": Made(("is_active", "is_paused"), _active),
        "web_url": Made((), lambda mapper, record: mapper.page("nodes", record.id)),
    },
)
"""Nodes of the cluster, from ``/nodes/``, from executions, and from their own addresses."""


# --- all -----------------------------------------------------------------------------------------------------------


def instant(text: str | None) -> Instant | None:
    """An instant as Scale writes it; None for none. Raises ValueError for anything else."""
    return Instant.parse(text) if text else None


def _unknown(mapper: Mapper, word: str | None, unknown: W) -> W:
    if word:
        UNKNOWN_STATUS.labels(mapper.source, word[:64]).inc()
    return unknown


# Few words come again and again, row after row.
@lru_cache(maxsize=256)
def _folded(word: str | None) -> str:
    return (word or "").strip().upper()


def _known_of_node(held: Held[NodeRecord]) -> frozenset[str] | None:
    if held.raw is not None:
        return None
    return _EMBEDDED_NODE if held.record.created else _LISTED_NODE if held.record.hostname else _BARE_NODE
