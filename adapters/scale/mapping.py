"""Scale's records as the unified model (DOMAIN C3 to C5; contract of Scale, section 4). Pure, but for one metric.

``EXECUTIONS``, ``JOBS`` and ``NODES`` say of what each attribute is made. Every function raises ValueError for a record that
cannot be read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from adapters.scale.client import ErrorRecord, ExecutionRecord, JobRecord, NodeRecord
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
    Node,
    NodeKind,
    NodeResult,
    NodeRole,
)
from gateway.records import Derived, Held, Made, Plain, Reading, Shape, Table

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

    def page(self, path: str, number: int) -> str | None:
        """Where Scale's own pages show something."""
        return None if self.ui_url is None else f"{self.ui_url}#/{path}/{number}"


class Page:
    """What the rows of a page are made with: ``context``, and what was made for rows before.

    ``of_jobs`` are the attributes of their jobs that somebody needs, None for all.
    """

    __slots__ = ("_job", "_nodes", "_whole_jobs", "context", "mapper")

    def __init__(self, mapper: Mapper, context: Context, of_jobs: frozenset[str] | None = None) -> None:
        self.mapper = mapper
        self.context = context
        self._job = mentioned_jobs(of_jobs).maker(mapper)
        self._whole_jobs = of_jobs is None
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
            return self._job(record.job, Held(record.job) if self._whole_jobs else None)
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
    if record.job is None or record.job.job_type is None:
        return str(record.id)
    return record.job.job_type.name or str(record.job.id)


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
    # Most words come as Scale writes them.
    return (
        EXECUTION_STATUS.get(record.status or "")
        or EXECUTION_STATUS.get(_folded(record.status))
        or _unknown(page.mapper, record.status, ExecutionStatus.UNKNOWN)
    )


def _seconds(_page: Page, _record: ExecutionRecord, started: Instant | None, finished: Instant | None) -> float | None:
    """How long it took; None while open and where clocks disagree about which came first."""
    if started is None or finished is None or finished.moment < started.moment:
        return None
    return (finished.moment - started.moment).total_seconds()


_EXECUTION: Table[Page, ExecutionRecord] = {
    "key": Made(("id",), lambda page, record: Key("execution", page.mapper.source, (str(record.id),))),
    "tie": Made(("id",), lambda _, record: (record.id,)),
    "name": Made(("job.job_type.name",), _name),
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
}
# What tells whether the execution knows why it failed.
_ALWAYS = ("error",)

EXECUTIONS: Shape[Page, ExecutionRecord, Execution] = Shape(Execution, ExecutionRecord, _EXECUTION, _ALWAYS)
"""Executions, from ``/job-executions/``, from jobs, and from their own addresses."""


# --- jobs and nodes ------------------------------------------------------------------------------------------------


def _job_name(_mapper: Mapper, record: JobRecord) -> str:
    return (record.job_type.name if record.job_type else None) or str(record.id)


def _description(_mapper: Mapper, record: JobRecord) -> str | None:
    return (record.job_type.description if record.job_type else None) or None


def _definition(_mapper: Mapper, record: JobRecord) -> JobDefinition | None:
    job_type = record.job_type
    if job_type is None or not job_type.name:
        return None
    return JobDefinition(job_type.name, "job type", version=job_type.version or None)


def _known_of_job(_mapper: Mapper, record: JobRecord) -> frozenset[str]:
    if record.job_type is None:
        return _BARE_JOB
    return _EMBEDDED_JOB if record.created else _LISTED_JOB


def _state(mapper: Mapper, record: JobRecord) -> JobState:
    return JOB_STATE.get(_folded(record.status)) or _unknown(mapper, record.status, JobState.UNKNOWN)


_JOB: Table[Mapper, JobRecord] = {
    "key": Made(("id",), lambda mapper, record: Key("job", mapper.source, (str(record.id),))),
    "tie": Made(("id",), lambda _, record: (record.id,)),
    "name": Made(("id", "job_type.name"), _job_name),
    "state": Made(("status",), _state),
    "raw_state": Made(("status",), Plain("status", blank=True)),
    "description": Made(("job_type.description",), _description),
    "definition": Made(("job_type.name", "job_type.version"), _definition),
    "created_at": Made(("created",), Plain("created", Instant.parse)),
    "updated_at": Made(("last_modified",), Plain("last_modified", Instant.parse)),
    "finished_at": Made(("ended",), Plain("ended", Instant.parse)),
    "web_url": Made((), lambda mapper, record: mapper.page("jobs/job", record.id)),
}

JOBS: Shape[Mapper, JobRecord, Job] = Shape(Job, JobRecord, _JOB)
"""Jobs, from ``/jobs/``, and from their own addresses."""

MENTIONED_JOBS: Shape[Mapper, JobRecord, Job] = Shape(
    Job, JobRecord, {**_JOB, "known": Made(("created", "job_type.id"), _known_of_job)}
)
"""Jobs, from executions."""


# Queries differ in what they ask for, but hardly in what they show.
@lru_cache(maxsize=256)
def mentioned_jobs(attributes: frozenset[str] | None) -> Reading[Mapper, JobRecord, Job]:
    """How jobs within executions are read by whoever needs so many attributes of them. All for None."""
    if attributes is None:
        return MENTIONED_JOBS.reading(None)
    known = {each: each & attributes for each in (_BARE_JOB, _LISTED_JOB, _EMBEDDED_JOB)}

    def known_of_job(mapper: Mapper, record: JobRecord) -> frozenset[str]:
        return known[_known_of_job(mapper, record)]

    made = {**_JOB, "known": Made(("created", "job_type.id"), known_of_job)}
    return Shape(Job, JobRecord, made).reading(attributes | {"known"})


@lru_cache(maxsize=256)
def executions(of_jobs: frozenset[str] | None) -> Shape[Page, ExecutionRecord, Execution]:
    """``EXECUTIONS`` with no more of their jobs than whoever needs so many attributes of those. All for None."""
    if of_jobs is None:
        return EXECUTIONS
    job = Made(tuple(f"job.{field}" for field in mentioned_jobs(of_jobs).fields), Page.job)
    return Shape(Execution, ExecutionRecord, {**_EXECUTION, "job": job}, _ALWAYS)


def _active(_mapper: Mapper, record: NodeRecord) -> bool | None:
    """A paused node finishes what it has and is given nothing new."""
    return None if record.is_active is None else record.is_active and not record.is_paused


NODES: Shape[Mapper, NodeRecord, Node] = Shape(
    Node,
    NodeRecord,
    {
        "key": Made(("id",), lambda mapper, record: Key("node", mapper.source, (str(record.id),))),
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
