"""ThreatConnect's records as the unified model: pure (DOMAIN C3 to C5; contract of ThreatConnect, section 2)."""

from collections.abc import Mapping

from adapters.threatconnect.client import ExecutionRecord, Held, JobRecord
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


class Mapper:
    """Makes entities of the source ``source``."""

    def __init__(self, source: str) -> None:
        self.source = source

    def job(self, held: Held[JobRecord]) -> Job:
        """A job."""
        record = held.record
        definition = None
        if record.program_name:
            definition = JobDefinition(record.program_name, "TC Exchange app", version=record.program_version or None)
        return Job(
            key=self.job_key(record.id),
            tie=(record.id,),
            name=record.name or str(record.id),
            state=JobState.UNKNOWN if record.active is None else JOB_STATE[record.active],
            raw_state=None if record.active is None else raw_state(record.active),
            definition=definition,
            record=held,
        )

    def execution(self, held: Held[ExecutionRecord], jobs: Mapping[int, Job | None]) -> Execution:
        """An execution; its name is its job's.

        ``jobs`` are those looked up, None standing for one that is gone, which leaves its number for a name. An execution
        whose job is not among them does not know its name. Raises ValueError for a record without a job or with odd
        instants.
        """
        record = held.record
        if record.job_id is None:
            raise ValueError("an execution without its job")
        job = jobs.get(record.job_id)
        queued, started, finished = instant(record.queue_time), instant(record.start_time), finish(record)
        status = self._status(record)
        message = redacted(record.exit_message.strip()) or None if record.exit_message else None
        failed = status is ExecutionStatus.FAILED and message is not None
        return Execution(
            key=Key("execution", self.source, (str(record.job_id), str(record.id))),
            tie=(record.id,),
            name=str(record.job_id) if job is None else job.name,
            status=status,
            raw_status=record.status or None,
            job=job or self._mentioned(record.job_id),
            status_message=message,
            error=ExecutionError(message=message) if failed else None,
            attempts=(Attempt(1, started, finished),),
            created_at=queued,
            queued_at=queued,
            started_at=started,
            finished_at=finished,
            derived_timestamps=() if queued is None else (ExecutionTimestamp.CREATED_AT,),
            duration_seconds=_seconds(started, finished),
            nodes=(NodeResult(node=self.node(record.server_name), roles=(NodeRole.EXECUTOR,)),)
            if record.server_name
            else (),
            record=held,
            known=None if record.job_id in jobs else _WITHOUT_JOB,
        )

    def node(self, name: str) -> Node:
        """A job server: all that ThreatConnect tells of it is its name."""
        return Node(key=Key("node", self.source, (name,)), tie=(name,), name=name, node_kind=NodeKind.WORKER)

    def job_key(self, number: int) -> Key:
        """The key of the job of that number."""
        return Key("job", self.source, (str(number),))

    def _mentioned(self, number: int) -> Job:
        return Job(key=self.job_key(number), tie=(number,), name=str(number), state=JobState.UNKNOWN, known=_NEVER)

    def _status(self, record: ExecutionRecord) -> ExecutionStatus:
        """The status of the word; without any word what the instants say (DOMAIN C3, rule 3).

        A word that is not known stays UNKNOWN even so: apps may end in a partial failure, whose word nobody published, and
        that must not pass for a success because it has a ``completedTime``.
        """
        if word := record.status:
            status = STATUS_SPELLED.get(word)
            if status is None:
                UNKNOWN_STATUS.labels(self.source, word[:64]).inc()
            return status or ExecutionStatus.UNKNOWN
        if record.failed_time:
            return ExecutionStatus.FAILED
        if record.completed_time:
            return ExecutionStatus.SUCCEEDED
        if record.start_time:
            return ExecutionStatus.RUNNING
        return ExecutionStatus.QUEUED if record.queue_time else ExecutionStatus.UNKNOWN


def raw_state(active: bool) -> str:
    """ThreatConnect's word for the state of a job: ``active`` as text (DOMAIN C5)."""
    return "true" if active else "false"


def finish(record: ExecutionRecord) -> Instant | None:
    """When an execution ended, well or not. Raises ValueError for what is no instant."""
    return instant(record.completed_time) or instant(record.failed_time)


def instant(text: str | None) -> Instant | None:
    """An instant as ThreatConnect writes it; None for none. Raises ValueError for anything else."""
    return Instant.parse(text) if text else None


def _seconds(started: Instant | None, finished: Instant | None) -> float | None:
    """How long it took; None while open and where clocks disagree about which came first."""
    if started is None or finished is None or finished.us < started.us:
        return None
    return (finished.us - started.us) / 1_000_000
