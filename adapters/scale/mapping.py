"""Scale's records as the unified model: pure (DOMAIN C3 to C5; contract of Scale, section 4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from adapters.scale.client import ErrorRecord, ExecutionRecord, Held, JobRecord, JobTypeRecord, NodeRecord, present, read
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
        """A job; one that was only mentioned if ``held`` has no bytes of its own."""
        record = held.record
        job_type = job_type_of(record)
        definition = None
        if job_type is not None and job_type.name:
            definition = JobDefinition(job_type.name, "job type", version=job_type.version or None)
        return Job(
            key=self.key("job", record.id),
            tie=(record.id,),
            name=(job_type.name if job_type else None) or str(record.id),
            state=self._state(record.status),
            raw_state=record.status or None,
            description=(job_type.description if job_type else None) or None,
            definition=definition,
            created_at=instant(record.created),
            updated_at=instant(record.last_modified),
            finished_at=instant(record.ended),
            web_url=self._page("jobs/job", record.id),
            record=held,
            known=_known_of_job(held, job_type),
        )

    def node(self, held: Held[NodeRecord]) -> Node:
        """A cluster node; one that was only mentioned if ``held`` has no bytes of its own."""
        record = held.record
        known = None
        if held.raw is None:
            known = _EMBEDDED_NODE if record.created else _LISTED_NODE if record.hostname else _BARE_NODE
        return Node(
            key=self.key("node", record.id),
            tie=(record.id,),
            name=record.hostname or str(record.id),
            node_kind=NodeKind.WORKER,
            # A paused node finishes what it has and is given nothing new.
            active=None if record.is_active is None else record.is_active and not record.is_paused,
            web_url=self._page("nodes", record.id),
            record=held,
            known=known,
        )

    def execution(self, held: Held[ExecutionRecord], context: Context = _NOTHING) -> Execution:
        """An execution, with its job and node as far as the row or ``context`` know them."""
        record = held.record
        job = context.job
        if job is None and record.job is not None:
            job = self.job(Held(record.job))
        error, message, known = self._error(record.error, context)
        started, finished = instant(record.started), instant(record.ended)
        return Execution(
            key=self.key("execution", record.id),
            tie=(record.id,),
            # Execution and filter agree on the job type's name; its title is in the details (DECISIONS 26).
            name=job.name if job is not None and (job.known is None or "name" in job.known) else str(record.id),
            status=self._status(record.status),
            raw_status=record.status or None,
            job=job,
            status_message=message,
            error=error,
            exit_code=record.job_exit_code,
            attempt=record.exe_num,
            attempts=(Attempt(record.exe_num or 1, started, finished),),
            created_at=instant(record.created),
            queued_at=instant(record.queued),
            started_at=started,
            finished_at=finished,
            updated_at=instant(record.last_modified) if context.dated else None,
            duration_seconds=_seconds(started, finished),
            timeout_seconds=record.timeout,
            nodes=self._nodes(record.node, context),
            web_url=self._page("jobs/executions", record.id),
            record=held,
            known=known,
        )

    def key(self, kind: Kind, number: int) -> Key:
        """The key of what Scale numbers so."""
        return Key(kind, self.source, (str(number),))

    def _nodes(self, record: NodeRecord | None, context: Context) -> tuple[NodeResult, ...]:
        if record is None:
            return ()
        node = context.nodes.get(record.id) or self.node(Held(record))
        return (NodeResult(node=node, roles=(NodeRole.EXECUTOR,)),)

    def _error(
        self, record: ErrorRecord | None, context: Context
    ) -> tuple[ExecutionError | None, str | None, frozenset[str] | None]:
        """The error, the line it makes, and what the execution knows if the row only points at an error not at hand."""
        if record is not None and record.bare:
            record = context.errors.get(record.id)
            if record is None:
                return None, None, _WITHOUT_ERROR
        if record is None:
            return None, None, None
        error = ExecutionError(
            code=record.name or None,
            title=record.title or None,
            message=record.description or None,
            category=record.category or None,
        )
        return error, error.title, None

    def _page(self, path: str, number: int) -> str | None:
        return None if self.ui_url is None else f"{self.ui_url}#/{path}/{number}"

    def _status(self, word: str | None) -> ExecutionStatus:
        return EXECUTION_STATUS.get(_folded(word)) or self._unknown(word, ExecutionStatus.UNKNOWN)

    def _state(self, word: str | None) -> JobState:
        return JOB_STATE.get(_folded(word)) or self._unknown(word, JobState.UNKNOWN)

    def _unknown(self, word: str | None, unknown: W) -> W:
        if word:
            UNKNOWN_STATUS.labels(self.source, word[:64]).inc()
        return unknown


def job_type_of(record: JobRecord) -> JobTypeRecord | None:
    """The job type of a job. Raises ValueError when it cannot be read."""
    return read(record.job_type, JobTypeRecord).record if present(record.job_type) else None


def instant(text: str | None) -> Instant | None:
    """An instant as Scale writes it; None for none. Raises ValueError for anything else."""
    return Instant.parse(text) if text else None


def _known_of_job(held: Held[JobRecord], job_type: JobTypeRecord | None) -> frozenset[str] | None:
    if held.raw is not None:
        return None
    if job_type is None:
        return _BARE_JOB
    return _EMBEDDED_JOB if held.record.created else _LISTED_JOB


def _folded(word: str | None) -> str:
    return (word or "").strip().upper()


def _seconds(started: Instant | None, finished: Instant | None) -> float | None:
    """How long it took; None while open and where clocks disagree about which came first."""
    if started is None or finished is None or finished.us < started.us:
        return None
    return (finished.us - started.us) / 1_000_000
