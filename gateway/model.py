"""The unified model: frozen values without I/O. What each field means in each system: the adapters' mapping tables.

Entities (``Job``, ``Execution``, ``Node``) come in two strengths. One that a list or a look-up returned knows all its
fields (``known is None``). One that was only mentioned inside another record knows the fields named in ``known``; the rest
takes a look-up by ``key``, and only if somebody asks for it.
"""

from enum import Enum
from typing import Any, Literal, Self

from msgspec import Struct

from gateway.instant import Instant

Tie = tuple[int | str, ...]
"""A native id as it sorts in its own source: numbers as numbers, text by code point."""


class Documented(Enum):
    """An enum whose members carry their public description: ``NAME = "NAME", "what it means"``."""

    description: str

    # Members are single: identity is enough, and Enum's own hash costs a Python call wherever one is looked up.
    __hash__ = object.__hash__

    def __new__(cls, value: str, description: str = "") -> Self:
        member = object.__new__(cls)
        member._value_ = value
        member.description = description
        return member


class ExecutionPhase(Documented):
    """The portable question: waiting, active or over? Derived from ExecutionStatus."""

    WAITING = "WAITING", "PENDING, QUEUED"
    ACTIVE = "ACTIVE", "RUNNING, CANCELING"
    FINAL = (
        "FINAL",
        "SUCCEEDED, FAILED, ERRORED, TIMED_OUT, REJECTED, CANCELED, SKIPPED. A source may still reopen it (CTL restart).",
    )
    UNKNOWN = "UNKNOWN", "UNKNOWN"


class ExecutionOutcome(Documented):
    """CDEvents' four outcomes."""

    SUCCESS = "SUCCESS", "SUCCEEDED"
    FAILURE = "FAILURE", "FAILED, TIMED_OUT, REJECTED"
    CANCEL = "CANCEL", "CANCELED, SKIPPED"
    ERROR = "ERROR", "ERRORED"


class ExecutionStatus(Documented):
    """The unified run state. Total: every word of every source maps to exactly one value."""

    phase: ExecutionPhase
    """A total function of the status."""
    outcome: ExecutionOutcome | None
    """A total function of the status; None while it has not ended."""

    PENDING = "PENDING", "Known to the source, not yet accepted for dispatch (new, blocked, awaiting a scheduler)."
    QUEUED = "QUEUED", "Accepted, waiting to execute: in a queue, assigned to a worker, or being prepared."
    RUNNING = "RUNNING", "Executing."
    CANCELING = "CANCELING", "A stop was asked for and has not taken effect."
    SUCCEEDED = "SUCCEEDED", "Executed, and the work reported success."
    FAILED = "FAILED", "Executed, and the work reported failure."
    ERRORED = "ERRORED", "The source could not execute it (AWX error): the platform failed, not the work."
    TIMED_OUT = "TIMED_OUT", "Ended by the source's own time limit (AWS IoT TIMED_OUT)."
    REJECTED = "REJECTED", "Refused by the node that should have executed it (AWS IoT REJECTED)."
    CANCELED = "CANCELED", "Stopped on request."
    SKIPPED = "SKIPPED", "Will never execute although nobody canceled it: its target went away (AWS IoT REMOVED)."
    UNKNOWN = "UNKNOWN", "The source sent a word this gateway does not know. Never an error; see `rawStatus`."


_S, _P, _O = ExecutionStatus, ExecutionPhase, ExecutionOutcome
_PHASES = {
    _S.PENDING: _P.WAITING,
    _S.QUEUED: _P.WAITING,
    _S.RUNNING: _P.ACTIVE,
    _S.CANCELING: _P.ACTIVE,
    _S.SUCCEEDED: _P.FINAL,
    _S.FAILED: _P.FINAL,
    _S.ERRORED: _P.FINAL,
    _S.TIMED_OUT: _P.FINAL,
    _S.REJECTED: _P.FINAL,
    _S.CANCELED: _P.FINAL,
    _S.SKIPPED: _P.FINAL,
    _S.UNKNOWN: _P.UNKNOWN,
}
_OUTCOMES = {
    _S.SUCCEEDED: _O.SUCCESS,
    _S.FAILED: _O.FAILURE,
    _S.TIMED_OUT: _O.FAILURE,
    _S.REJECTED: _O.FAILURE,
    _S.CANCELED: _O.CANCEL,
    _S.SKIPPED: _O.CANCEL,
    _S.ERRORED: _O.ERROR,
}
for _status in ExecutionStatus:
    _status.phase, _status.outcome = _PHASES[_status], _OUTCOMES.get(_status)


class JobState(Documented):
    """Where a job is in its own life; not the status of its executions."""

    ACTIVE = "ACTIVE", "May run, or is running."
    SCHEDULED = "SCHEDULED", "Will become active at a set time (AWS IoT SCHEDULED)."
    INACTIVE = "INACTIVE", "Exists, but switched off (ThreatConnect `active: false`)."
    COMPLETED = (
        "COMPLETED",
        "Every execution that it will have has ended well, or rollout is complete (AWS IoT COMPLETED, Scale COMPLETED).",
    )
    FAILED = "FAILED", "Ended badly; may be requeued (Scale FAILED)."
    CANCELED = "CANCELED", "Stopped for good on request."
    DELETING = "DELETING", "Being deleted (AWS IoT DELETION_IN_PROGRESS)."
    UNKNOWN = "UNKNOWN", "The source sent a word this gateway does not know; see `rawState`."


class ExecutionTimestamp(Documented):
    """Names the instants of an execution."""

    CREATED_AT = "CREATED_AT", "`createdAt`"
    QUEUED_AT = "QUEUED_AT", "`queuedAt`"
    STARTED_AT = "STARTED_AT", "`startedAt`"
    FINISHED_AT = "FINISHED_AT", "`finishedAt`"
    UPDATED_AT = "UPDATED_AT", "`updatedAt`"


class TriggerKind(Documented):
    """Kinds of trigger (AWX launch_type, mapped one to one except relaunch and scm)."""

    MANUAL = "MANUAL", "A person or an API client asked for it."
    SCHEDULE = "SCHEDULE", "A schedule was due."
    RERUN = "RERUN", "An earlier execution was run again (AWX relaunch)."
    DEPENDENCY = "DEPENDENCY", "Another execution needed it first."
    WORKFLOW = "WORKFLOW", "A step of a workflow."
    WEBHOOK = "WEBHOOK", "A repository's webhook."
    CALLBACK = "CALLBACK", "A host asked for it (AWX provisioning callback)."
    SYNC = "SYNC", "A synchronisation or a change in source control (AWX sync and scm)."
    UNKNOWN = "UNKNOWN", "The source sent a word this gateway does not know; see `rawKind`."


class NodeKind(Documented):
    """What sort of machine it is to its source."""

    HOST = "HOST", "Managed machine (AWX inventory host, CTL host)."
    WORKER = "WORKER", "Cluster member that runs work (AWX instance, Scale node, ThreatConnect job server)."
    DEVICE = "DEVICE", "Device that runs its own work (AWS IoT thing)."
    UNKNOWN = "UNKNOWN", "The source does not say."


class NodeRole(Documented):
    """A node's part in an execution."""

    TARGET = "TARGET", "The work acts on it."
    EXECUTOR = "EXECUTOR", "The work's process runs on it."
    CONTROLLER = "CONTROLLER", "It supervises the process (AWX controller_node)."


class LogStream(Documented):
    """Where a line came from."""

    STDOUT = "STDOUT", "What the work wrote."
    STDERR = "STDERR", "What the work wrote to its error stream."
    COMBINED = "COMBINED", "Stdout and stderr interleaved by the source (AWX)."
    SYSTEM = "SYSTEM", "Lines by the platform, not the work (CTL status feed)."


class RerunSupport(Documented):
    """What a re-run amounts to in a source."""

    NONE = "NONE", "It cannot be run again through the source."
    NEW_EXECUTION = "NEW_EXECUTION", "A new execution with a new id (AWX, Scale)."
    NEW_ATTEMPT = "NEW_ATTEMPT", "The same execution gains an attempt (CTL)."


Kind = Literal["job", "execution", "node"]


class Key(Struct, frozen=True, order=True, gc=False):
    """What names an entity everywhere: its kind, the configured source and the source's own id in parts.

    The parts have a fixed order and number per source and kind, documented by its adapter; joined with ``/`` they are the
    public ``nativeId``.
    """

    kind: Kind
    source: str
    parts: tuple[str, ...]

    @property
    def native_id(self) -> str:
        """The parts joined with ``/``."""
        return "/".join(self.parts)


class JobDefinition(Struct, frozen=True, gc=False):
    """Where a job's work comes from."""

    name: str
    kind: str
    version: str | None = None
    url: str | None = None


class StatusCount(Struct, frozen=True, gc=False):
    """How many executions of a job are in one status."""

    status: ExecutionStatus
    count: int


class ExecutionError(Struct, frozen=True, gc=False):
    """Why an execution did not succeed, as far as its source says."""

    code: str | None = None
    title: str | None = None
    message: str | None = None
    category: str | None = None
    traceback: str | None = None


class Attempt(Struct, frozen=True, gc=False):
    """One try. A source that does not keep tries has exactly one, equal to the execution's own span."""

    number: int
    started_at: Instant | None = None
    finished_at: Instant | None = None


class Trigger(Struct, frozen=True, gc=False):
    """What set an execution going."""

    kind: TriggerKind
    raw_kind: str | None = None
    actor: str | None = None


class NodeCounts(Struct, frozen=True, gc=False):
    """Hosts by result, from the source's own summary."""

    total: int | None = None
    ok: int | None = None
    changed: int | None = None
    failed: int | None = None
    unreachable: int | None = None
    skipped: int | None = None


class HostTaskCounts(Struct, frozen=True, gc=False):
    """Ansible task results on one host. `dark` is Ansible's word for unreachable."""

    ok: int = 0
    changed: int = 0
    failures: int = 0
    dark: int = 0
    ignored: int = 0
    processed: int = 0
    rescued: int = 0
    skipped: int = 0


# Not keyword-only, so that gateway.records can make many rows by position. Everyone else names the fields.
class Job(Struct, frozen=True, gc=False):
    """What can be executed: the thing that has executions."""

    key: Key
    name: str
    tie: Tie
    state: JobState = JobState.ACTIVE
    raw_state: str | None = None
    description: str | None = None
    definition: JobDefinition | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None
    finished_at: Instant | None = None
    execution_counts: tuple[StatusCount, ...] | None = None
    latest_execution: Key | None = None
    web_url: str | None = None
    record: Any = None
    known: frozenset[str] | None = None


class Node(Struct, frozen=True, gc=False):
    """A machine or device that takes part in executions."""

    key: Key
    name: str
    tie: Tie
    node_kind: NodeKind = NodeKind.UNKNOWN
    active: bool | None = None
    web_url: str | None = None
    record: Any = None
    known: frozenset[str] | None = None


class NodeResult(Struct, frozen=True, kw_only=True, gc=False):
    """A node and what became of it in one execution. One per node, however many parts it has."""

    node: Node
    roles: tuple[NodeRole, ...]
    status: ExecutionStatus | None = None
    failed: bool | None = None
    unreachable: bool | None = None
    tasks: HostTaskCounts | None = None


class Execution(Struct, frozen=True, gc=False):
    """One run of a job. ``parent`` is the execution that launched it as a step of its own.

    ``nodes`` holds what the record itself tells (executor, controller, a device); ``targets_elsewhere`` says that more
    nodes can be asked for. ``record`` is the upstream record in the adapter's own form, for ``details`` and ``raw``.
    """

    key: Key
    name: str
    tie: Tie
    status: ExecutionStatus
    raw_status: str | None = None
    job: Job | None = None
    parent: "Execution | None" = None
    status_message: str | None = None
    error: ExecutionError | None = None
    exit_code: int | None = None
    attempt: int | None = None
    attempts: tuple[Attempt, ...] = ()
    created_at: Instant | None = None
    queued_at: Instant | None = None
    started_at: Instant | None = None
    finished_at: Instant | None = None
    updated_at: Instant | None = None
    derived_timestamps: tuple[ExecutionTimestamp, ...] = ()
    duration_seconds: float | None = None
    timeout_seconds: int | None = None
    trigger: Trigger | None = None
    nodes: tuple[NodeResult, ...] = ()
    targets_elsewhere: bool = False
    node_counts: NodeCounts | None = None
    web_url: str | None = None
    record: Any = None
    known: frozenset[str] | None = None

    @property
    def phase(self) -> ExecutionPhase:
        """A total function of the status."""
        return self.status.phase

    @property
    def outcome(self) -> ExecutionOutcome | None:
        """A total function of the status."""
        return self.status.outcome


class LogLine(Struct, frozen=True, kw_only=True, gc=False):
    """One line of an execution's output, without its line end; escapes as sent.

    ``sequence`` orders the lines of one execution (``gateway.logs``). ``number`` is the source's own, from 1. ``record`` is
    the upstream's JSON of the line, for ``raw``.
    """

    sequence: int
    text: str
    stream: LogStream
    number: int | None = None
    timestamp: Instant | None = None
    node: Node | None = None
    record: Any = None


Entity = Job | Execution | Node
