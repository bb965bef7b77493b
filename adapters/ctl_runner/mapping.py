"""Runner's records as the unified model: pure (DOMAIN C3 to C5, C7, C8; contract of CTL Runner, sections 4, 5 and 7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from msgspec import Raw

from adapters.ctl_runner.client import ExecutionRecord, JobRecord, TimerRecord, value_of
from adapters.ctl_runner.planning import is_id
from gateway.instant import Instant
from gateway.metrics import UNKNOWN_STATUS
from gateway.model import (
    Attempt,
    Execution,
    ExecutionPhase,
    ExecutionStatus,
    ExecutionTimestamp,
    Job,
    JobDefinition,
    JobState,
    Key,
    Node,
    NodeCounts,
    NodeKind,
    NodeResult,
    NodeRole,
)
from gateway.records import Held
from gateway.redaction import redacted

EXECUTION_STATUS: Mapping[str, ExecutionStatus] = {
    "PENDING": ExecutionStatus.PENDING,
    "INITIALIZING": ExecutionStatus.QUEUED,
    "RUNNING": ExecutionStatus.RUNNING,
    "STOPPING": ExecutionStatus.CANCELING,
    "KILLING": ExecutionStatus.CANCELING,
    "SUCCESS": ExecutionStatus.SUCCEEDED,
    "FAILURE": ExecutionStatus.FAILED,
    "INIT_FAILURE": ExecutionStatus.ERRORED,
    "EXPIRED": ExecutionStatus.TIMED_OUT,
    "STOPPED": ExecutionStatus.CANCELED,
    "KILLED": ExecutionStatus.CANCELED,
}

# The numbers are milliseconds; those of ten digits are seconds (contract, section 9, 21).
_LEAST_MILLISECONDS = 10**11
_LONGEST_HOST = 255

# What a job knows that was only mentioned inside an execution: what no job of Runner has.
_MENTIONED = frozenset({"finished_at", "execution_counts", "web_url"})
# What an execution knows without its job.
_UNDESCRIBED = frozenset({*Execution.__struct_fields__, "details", "raw"}) - {"name", "nodes", "timeout_seconds"}


@dataclass(frozen=True, slots=True)
class Mapper:
    """Maps the records of one source. ``job`` and ``execution`` raise ValueError for a record that cannot be read."""

    source: str

    def job(self, held: Held[JobRecord]) -> Job:
        """A job."""
        record = held.record
        if not is_id(record.id):
            raise ValueError("not an id of a job")
        return Job(
            key=Key("job", self.source, (record.id,)),
            tie=(record.id,),
            name=record.name or record.description or record.id,
            state=self._state(record.status),
            raw_state=record.status or None,
            description=record.description or None,
            definition=_definition(repository_of(record)),
            created_at=instant(record.created_time),
            updated_at=instant(record.last_updated_time),
            record=held,
        )

    def mentioned_job(self, job_id: str, known: frozenset[str] | None = _MENTIONED) -> Job:
        """A job of which only the id is known; ``known`` None when there is no more to know."""
        return Job(key=Key("job", self.source, (job_id,)), tie=(job_id,), name=job_id, known=known)

    def host(self, name: str) -> Node:
        """A host. Runner tells nothing of one but its id, so there is no more to know."""
        return Node(key=Key("node", self.source, (name,)), tie=(name,), name=name, node_kind=NodeKind.HOST)

    def execution(self, held: Held[ExecutionRecord], jobs: Mapping[str, Job | None] | None = None) -> Execution:
        """An execution, with its job out of ``jobs`` (None for one that is gone); without them it only mentions its job."""
        record = held.record
        if not is_id(record.execution_id) or not is_id(record.job_id):
            raise ValueError("not an id of an execution")
        parts = (record.job_id, record.execution_id)
        job = jobs.get(record.job_id) if jobs is not None else self.mentioned_job(record.job_id)
        if job is None:
            job = self.mentioned_job(record.job_id, known=None)
        status = self._status(record.status)
        attempts = _attempts(record)
        started = next((each.started_at for each in attempts if each.started_at is not None), None)
        last = attempts[-1] if attempts and status.phase is ExecutionPhase.FINAL else None
        failed = value_of(record.failed_hosts)
        return Execution(
            key=Key("execution", self.source, parts),
            tie=parts,
            name=job.name,
            status=status,
            raw_status=record.status or None,
            job=job,
            attempt=len(attempts) or None,
            attempts=attempts,
            created_at=started,
            started_at=started,
            # An end stays in the record while a restarted execution runs again (contract, section 5).
            finished_at=None if last is None else last.finished_at,
            derived_timestamps=() if started is None else (ExecutionTimestamp.CREATED_AT,),
            duration_seconds=None if last is None else _seconds(last),
            timeout_seconds=_time_limit(job),
            nodes=self._nodes(job, texts(failed), status),
            node_counts=_counts(failed),
            record=held,
            known=_UNDESCRIBED if jobs is None else None,
        )

    def _nodes(self, job: Job, failed: Sequence[str], status: ExecutionStatus) -> tuple[NodeResult, ...]:
        """The hosts of the job, then failed hosts that it does not name; how others fared is only known of a success."""
        hosts = dict.fromkeys([*(hosts_of(job.record.record) if job.record is not None else ()), *failed])
        broken = frozenset(failed)
        fine = status is ExecutionStatus.SUCCEEDED
        others = ExecutionStatus.SUCCEEDED if fine else ExecutionStatus.UNKNOWN
        return tuple(
            NodeResult(
                node=self.host(name),
                roles=(NodeRole.TARGET,),
                status=ExecutionStatus.FAILED if name in broken else others,
                failed=True if name in broken else False if fine else None,
            )
            for name in hosts
        )

    def _status(self, word: str | None) -> ExecutionStatus:
        known = EXECUTION_STATUS.get((word or "").strip().upper())
        if known is None and word:
            UNKNOWN_STATUS.labels(self.source, word[:64]).inc()
        return known or ExecutionStatus.UNKNOWN

    def _state(self, word: str | None) -> JobState:
        # Of the other words that a public interface lists only its mock data is known (contract, section 4).
        if (word or "").strip().upper() == "ACTIVE":
            return JobState.ACTIVE
        if word:
            UNKNOWN_STATUS.labels(self.source, word[:64]).inc()
        return JobState.UNKNOWN


def instant(number: int | None) -> Instant | None:
    """An instant as Runner writes it; None for none. Raises ValueError out of range."""
    if number is None:
        return None
    return Instant.from_us(number * (1000 if abs(number) >= _LEAST_MILLISECONDS else 1_000_000))


def is_host(name: Any) -> TypeGuard[str]:
    """Whether a host may be called that."""
    return isinstance(name, str) and 0 < len(name) <= _LONGEST_HOST and name.isprintable()


def texts(value: Any) -> list[str]:
    """The texts of a list that may hold other things, without empty ones; none of what is no list."""
    return [each for each in value if isinstance(each, str) and each] if isinstance(value, list) else []


def object_of(raw: Raw) -> Mapping[str, Any]:
    """An object, or the first of an array of objects (contract, section 9, 11); empty for anything else."""
    value = value_of(raw)
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, dict) else {}


def text_of(value: Any) -> str | None:
    """A text that says something; None for anything else."""
    return value if isinstance(value, str) and value else None


@dataclass(frozen=True, slots=True)
class Repository:
    """Where a playbook comes from; the address without a password."""

    url: str | None
    branch: str | None
    playbook: str | None


def repository_of(record: JobRecord) -> Repository:
    """The repository of a job, without its credentials."""
    sent = object_of(record.repository)
    url = text_of(sent.get("url"))
    return Repository(
        url=None if url is None else redacted(url),
        # The documents call it branch, the questions and answers ref (contract, section 9, 11).
        branch=text_of(sent.get("branch")) or text_of(sent.get("ref")),
        playbook=text_of(sent.get("defaultPlaybook")),
    )


def hosts_of(record: JobRecord) -> list[str]:
    """The ids of the hosts that a job names, each once."""
    sent = value_of(record.hosts)
    ids = [each.get("id") if isinstance(each, dict) else each for each in sent] if isinstance(sent, list) else []
    return list(dict.fromkeys(texts(ids)))


def _definition(repository: Repository) -> JobDefinition | None:
    name = repository.playbook or repository.url
    return None if name is None else JobDefinition(name, "playbook", version=repository.branch, url=repository.url)


def _attempts(record: ExecutionRecord) -> tuple[Attempt, ...]:
    timers = record.timers or [TimerRecord(record.start, record.end)]
    begun = [timer for timer in timers if timer.start is not None or timer.end is not None]
    return tuple(Attempt(number, instant(timer.start), instant(timer.end)) for number, timer in enumerate(begun, 1))


def _seconds(attempt: Attempt) -> float | None:
    """How long it took; None where it has no end, and where clocks disagree about which came first."""
    started, finished = attempt.started_at, attempt.finished_at
    if started is None or finished is None or finished.us < started.us:
        return None
    return (finished.us - started.us) / 1_000_000


def _time_limit(job: Job) -> int | None:
    """Seconds; null where the job leaves it to Runner."""
    minutes = None if job.record is None else job.record.record.execution_ttl
    return minutes * 60 if minutes else None


def _counts(failed: Any) -> NodeCounts | None:
    """How many hosts failed; None where the list is missing, or holds the number that samples print (section 9, 5)."""
    names = texts(failed)
    return NodeCounts(failed=len(names)) if isinstance(failed, list) and len(names) == len(failed) else None


# Secrets by their nature, under whatever names; a playbook in base 64 may hold some, too (contract, section 4).
_WITHHELD = frozenset({"credentials", "sshPrivateKey", "hostVars", "properties", "playbook", "callbacks"})


def without_secrets(value: Any) -> Any:
    """A copy of a record as JSON without the members that hold secrets, at any depth."""
    match value:
        case dict():
            return {key: without_secrets(member) for key, member in value.items() if key not in _WITHHELD}
        case list():
            return [without_secrets(member) for member in value]
        case _:
            return value
