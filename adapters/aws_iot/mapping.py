"""AWS IoT's records as the unified model: pure (DOMAIN C3 to C5, C8; contracts/aws_iot.md section 1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.aws_iot.client import ExecutionRecord, ExecutionRow, JobRecord, SummaryRecord, ThingRecord
from adapters.aws_iot.words import EXECUTION_STATUS, JOB_STATE, is_job, is_thing
from gateway.instant import Instant
from gateway.metrics import UNKNOWN_STATUS
from gateway.model import (
    Attempt,
    Execution,
    ExecutionOutcome,
    ExecutionPhase,
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
    StatusCount,
)
from gateway.records import Held

_COUNTERS: Mapping[str, ExecutionStatus] = {
    "numberOfQueuedThings": ExecutionStatus.QUEUED,
    "numberOfInProgressThings": ExecutionStatus.RUNNING,
    "numberOfSucceededThings": ExecutionStatus.SUCCEEDED,
    "numberOfFailedThings": ExecutionStatus.FAILED,
    "numberOfTimedOutThings": ExecutionStatus.TIMED_OUT,
    "numberOfRejectedThings": ExecutionStatus.REJECTED,
    "numberOfCanceledThings": ExecutionStatus.CANCELED,
    "numberOfRemovedThings": ExecutionStatus.SKIPPED,
}
# What a job knows that was only named by an execution of a thing.
_NAMED_JOB = frozenset({"name", "web_url", "latest_execution"})
# What a thing knows that was only named by an execution: nothing more is unified.
_NAMED_THING = frozenset({"name", "node_kind", "active", "web_url"})


@dataclass(frozen=True, slots=True, repr=False)
class RunRecord:
    """What is held of an execution: its row, and its description where it was asked for."""

    thing: str
    row: Held[ExecutionRow]
    described: Held[ExecutionRecord] | None = None

    @property
    def summary(self) -> SummaryRecord:
        """The row's own record."""
        return self.row.record.job_execution_summary


@dataclass(frozen=True, slots=True)
class Mapper:
    """Maps the records of one source. Every method raises ValueError for a record that cannot be read.

    ``console`` is where pages of the AWS console begin, up to ``#``; None where there is none.
    """

    source: str
    console: str | None = None

    def job(self, held: Held[JobRecord], *, described: bool = False) -> Job:
        """A job as its list shows it; with what only DescribeJob shows, if ``described``."""
        record = held.record
        if not is_job(record.job_id):
            raise ValueError("not a job id")
        job = Job(
            key=Key("job", self.source, (record.job_id,)),
            tie=(record.job_id,),
            name=record.job_id,
            state=self._state(record.status),
            raw_state=record.status or None,
            created_at=_instant(record.created_at),
            updated_at=_instant(record.last_updated_at),
            finished_at=_instant(record.completed_at),
            web_url=self._page("job", record.job_id),
            record=held,
        )
        return _with_description(job, record) if described else job

    def named_job(self, job_id: str, *, gone: bool = False) -> Job:
        """A job of which only the id is known; ``gone``: and nothing more can be found out."""
        return Job(
            key=Key("job", self.source, (job_id,)),
            tie=(job_id,),
            name=job_id,
            state=JobState.UNKNOWN,
            web_url=self._page("job", job_id),
            known=None if gone else _NAMED_JOB,
        )

    def thing(self, held: Held[ThingRecord]) -> Node:
        """A thing."""
        if not is_thing(held.record.thing_name):
            raise ValueError("not a thing name")
        return self._thing(held.record.thing_name, held, None)

    def execution(
        self, job: Job, row: Held[ExecutionRow], described: Held[ExecutionRecord] | None = None, thing: str | None = None
    ) -> Execution:
        """An execution of ``job``, on ``thing`` or the one its row names.

        It has no instant of its end: a finished one is not updated again, so its last update was that (DOMAIN C4).
        """
        name = thing or thing_of(row.record.thing_arn)
        summary = row.record.job_execution_summary
        if not is_thing(name) or summary.execution_number is None or summary.execution_number < 0:
            raise ValueError("not an id of an execution")
        parts = (job.key.parts[0], name, str(summary.execution_number))
        status = self._status(summary.status)
        queued, started, updated = (
            _instant(summary.queued_at),
            _instant(summary.started_at),
            _instant(summary.last_updated_at),
        )
        finished = updated if status.phase is ExecutionPhase.FINAL else None
        details = described.record.status_details if described is not None else None
        return Execution(
            key=Key("execution", self.source, parts),
            tie=parts,
            name=job.name,
            status=status,
            raw_status=summary.status or None,
            job=job,
            status_message=_reason(details),
            attempt=None if summary.retry_attempt is None else summary.retry_attempt + 1,
            attempts=(Attempt(1, started, finished),) if started is not None or finished is not None else (),
            created_at=queued,
            queued_at=queued,
            started_at=started,
            finished_at=finished,
            updated_at=updated,
            derived_timestamps=tuple(
                stamp
                for stamp, instant in ((ExecutionTimestamp.CREATED_AT, queued), (ExecutionTimestamp.FINISHED_AT, finished))
                if instant is not None
            ),
            duration_seconds=_seconds(started, finished),
            nodes=(
                NodeResult(
                    node=self._thing(name, None, _NAMED_THING),
                    roles=(NodeRole.TARGET,),
                    status=status,
                    failed=None
                    if status.outcome is None
                    else status.outcome in (ExecutionOutcome.FAILURE, ExecutionOutcome.ERROR),
                ),
            ),
            web_url=job.web_url,
            record=RunRecord(name, row, described),
        )

    def _thing(self, name: str, held: Held[ThingRecord] | None, known: frozenset[str] | None) -> Node:
        return Node(
            key=Key("node", self.source, (name,)),
            tie=(name,),
            name=name,
            node_kind=NodeKind.DEVICE,
            web_url=self._page("thing", name),
            record=held,
            known=known,
        )

    def _page(self, what: str, name: str) -> str | None:
        return None if self.console is None else f"{self.console}#/{what}/{name}"

    def _status(self, word: str | None) -> ExecutionStatus:
        known = EXECUTION_STATUS.get((word or "").strip().upper())
        if known is None and word:
            UNKNOWN_STATUS.labels(self.source, word[:64]).inc()
        return known or ExecutionStatus.UNKNOWN

    def _state(self, word: str | None) -> JobState:
        known = JOB_STATE.get((word or "").strip().upper())
        if known is None and word:
            UNKNOWN_STATUS.labels(self.source, word[:64]).inc()
        return known or JobState.UNKNOWN


def thing_of(arn: str | None) -> str:
    """The name in a thing's ARN; empty when there is none. Names may hold colons, never slashes."""
    return (arn or "").partition(":thing/")[2]


def _instant(seconds: float | None) -> Instant | None:
    return None if seconds is None else Instant.from_epoch_seconds(seconds)


def _seconds(started: Instant | None, finished: Instant | None) -> float | None:
    """How long it took; None where clocks disagree about which came first."""
    if started is None or finished is None or finished.us < started.us:
        return None
    return (finished.us - started.us) / 1_000_000


def details_of(described: dict[str, Any] | None) -> dict[str, Any] | None:
    """The status details of an execution: under ``detailsMap`` here, flat on the data plane; may be empty."""
    if described is None:
        return None
    inner = described.get("detailsMap", described)
    return inner if isinstance(inner, dict) else None


def _reason(described: dict[str, Any] | None) -> str | None:
    """What a device wrote under ``reason``, as AWS's own device client does; other keys mean what each fleet likes."""
    reason = (details_of(described) or {}).get("reason")
    return reason if isinstance(reason, str) and reason else None


def _with_description(job: Job, record: JobRecord) -> Job:
    counters = record.job_process_details or {}
    counts = tuple(
        StatusCount(status, counters[name])
        for name, status in _COUNTERS.items()
        if isinstance(counters.get(name), int) and counters[name] > 0
    )
    template = record.job_template_arn
    definition = None if not template else JobDefinition(template.partition("/")[2] or template, "job template")
    return Job(
        **{name: getattr(job, name) for name in job.__struct_fields__}
        | {
            "description": record.description or None,
            "definition": definition,
            "execution_counts": counts if record.job_process_details is not None else None,
        }
    )


def time_limit(record: JobRecord) -> int | None:
    """Seconds that an execution of the job may be in progress; None when it has no limit."""
    minutes = (record.timeout_config or {}).get("inProgressTimeoutInMinutes")
    return minutes * 60 if isinstance(minutes, int) and minutes > 0 else None
