"""The unified model: phase and outcome are total, every enum explains itself, values do not change."""

import pytest

from gateway import model
from gateway.errors import SourceError, SourceErrorCode
from gateway.merge import SourceReportState
from gateway.model import Execution, ExecutionOutcome, ExecutionPhase, ExecutionStatus, Job, Key
from gateway.transport import SourceState

P, O = ExecutionPhase, ExecutionOutcome  # noqa: E741 - reads like the table below

MEANING = {
    "PENDING": (P.WAITING, None),
    "QUEUED": (P.WAITING, None),
    "RUNNING": (P.ACTIVE, None),
    "CANCELING": (P.ACTIVE, None),
    "SUCCEEDED": (P.FINAL, O.SUCCESS),
    "FAILED": (P.FINAL, O.FAILURE),
    "ERRORED": (P.FINAL, O.ERROR),
    "TIMED_OUT": (P.FINAL, O.FAILURE),
    "REJECTED": (P.FINAL, O.FAILURE),
    "CANCELED": (P.FINAL, O.CANCEL),
    "SKIPPED": (P.FINAL, O.CANCEL),
    "UNKNOWN": (P.UNKNOWN, None),
}


def execution(status: ExecutionStatus) -> Execution:
    return Execution(key=Key("execution", "s", ("7",)), name="run", tie=(7,), status=status)


def test_every_status_has_a_phase_and_an_outcome_once_it_ended() -> None:
    assert {status.name: (status.phase, status.outcome) for status in ExecutionStatus} == MEANING


@pytest.mark.parametrize("status", ExecutionStatus)
def test_an_execution_takes_both_from_its_status(status: ExecutionStatus) -> None:
    row = execution(status)
    assert (row.phase, row.outcome) == (status.phase, status.outcome)


@pytest.mark.parametrize("status", ExecutionStatus)
def test_only_what_is_final_has_an_outcome(status: ExecutionStatus) -> None:
    assert (status.outcome is not None) is (status.phase is P.FINAL)


@pytest.mark.parametrize(
    "enum",
    [
        model.ExecutionStatus,
        model.ExecutionPhase,
        model.ExecutionOutcome,
        model.ExecutionTimestamp,
        model.JobState,
        model.TriggerKind,
        model.NodeKind,
        model.NodeRole,
        model.RerunSupport,
        SourceErrorCode,
        SourceReportState,
        SourceState,
    ],
)
def test_every_member_has_a_description_and_its_name_as_value(enum: type[model.Documented]) -> None:
    assert all(member.description and member.value == member.name for member in enum)
    assert enum(next(iter(enum)).value) is next(iter(enum))


def test_native_ids_join_their_parts() -> None:
    assert Key("execution", "s", ("job", "a", "3")).native_id == "job/a/3"
    assert Key("job", "s", ("7",)).native_id == "7"


def test_values_never_change() -> None:
    row = execution(ExecutionStatus.RUNNING)
    with pytest.raises(AttributeError):
        row.status = ExecutionStatus.FAILED  # type: ignore[misc]
    job = Job(key=Key("job", "s", ("1",)), name="job", tie=(1,))
    with pytest.raises(AttributeError):
        job.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("code", SourceErrorCode)
def test_only_faults_that_pass_by_themselves_are_retryable(code: SourceErrorCode) -> None:
    passing = {SourceErrorCode.RATE_LIMITED, SourceErrorCode.TIMEOUT, SourceErrorCode.UNAVAILABLE}
    assert SourceError(code, "It failed.").retryable is (code in passing)
