"""AWS IoT's records as the unified model: words, instants, ids, and the odd records that AWS IoT may send.

That nothing recorded is lost is held in test_aws_iot_recorded_values.py.
"""

import json
from typing import Any

import msgspec
import pytest

from adapters.aws_iot import AwsIotSettings
from adapters.aws_iot.client import ExecutionRecord, ExecutionRow, JobRecord, ThingRecord
from adapters.aws_iot.mapping import Mapper, time_limit
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
    NodeKind,
    NodeRole,
    StatusCount,
)
from gateway.records import read
from gateway.redaction import REDACTED
from tests.adapters.test_aws_iot_recorded_values import details

CONSOLE = "https://us-east-1.console.aws.amazon.com/iot/home?region=us-east-1"
MAPPER = Mapper("iot", CONSOLE)
ARN = "arn:aws:iot:us-east-1:123456789012"


def job(*, described: Any = True, **given: Any) -> Job:
    return MAPPER.job(read(json.dumps({"jobId": "j", **given}).encode(), JobRecord), described=described)


def execution(arn: Any = f"{ARN}:thing/t", described: Any = None, **summary: Any) -> Execution:
    row = {"thingArn": arn, "jobExecutionSummary": {"executionNumber": 1, **summary}}
    held = None if described is None else read(json.dumps(described).encode(), ExecutionRecord)
    return MAPPER.execution(MAPPER.named_job("j"), read(json.dumps(row).encode(), ExecutionRow), held)


def thing(**given: Any) -> Node:
    return MAPPER.thing(read(json.dumps({"thingName": "t", **given}).encode(), ThingRecord))


def counted(word: str) -> Any:
    return UNKNOWN_STATUS.labels("iot", word)._value.get()


STATUSES = {
    "QUEUED": ExecutionStatus.QUEUED,
    "IN_PROGRESS": ExecutionStatus.RUNNING,
    "SUCCEEDED": ExecutionStatus.SUCCEEDED,
    "FAILED": ExecutionStatus.FAILED,
    "TIMED_OUT": ExecutionStatus.TIMED_OUT,
    "REJECTED": ExecutionStatus.REJECTED,
    "REMOVED": ExecutionStatus.SKIPPED,
    "CANCELED": ExecutionStatus.CANCELED,
}
STATES = {
    "IN_PROGRESS": JobState.ACTIVE,
    "SCHEDULED": JobState.SCHEDULED,
    "COMPLETED": JobState.COMPLETED,
    "CANCELED": JobState.CANCELED,
    "DELETION_IN_PROGRESS": JobState.DELETING,
}


def test_words_are_one_to_one() -> None:
    """Otherwise a status filter could not be pushed exactly."""
    assert len(set(STATUSES.values())) == len(STATUSES)
    assert len(set(STATES.values())) == len(STATES)


@pytest.mark.parametrize("spelled", ["{}", " {}\n"])
def test_status_and_state(spelled: str) -> None:
    for word, status in STATUSES.items():
        for sent in (spelled.format(word), spelled.format(word.lower()), spelled.format(word.title())):
            row = execution(status=sent)
            assert (row.status, row.raw_status) == (status, sent)
    for word, state in STATES.items():
        for sent in (spelled.format(word), spelled.format(word.lower())):
            assert (job(status=sent).state, job(status=sent).raw_state) == (state, sent)


def test_unknown_words_are_counted_and_kept() -> None:
    before = counted("ASLEEP"), counted("DREAMING")
    row = execution(status="ASLEEP", lastUpdatedAt=5)
    assert (row.status, row.raw_status, row.finished_at) == (ExecutionStatus.UNKNOWN, "ASLEEP", None)
    assert (job(status="DREAMING").state, job(status="DREAMING").raw_state) == (JobState.UNKNOWN, "DREAMING")
    assert (counted("ASLEEP"), counted("DREAMING")) == (before[0] + 1, before[1] + 2)
    # moto calls a fresh job QUEUED, which is the status of an execution.
    assert job(status="QUEUED").state is JobState.UNKNOWN
    missing = counted("")
    for given in (None, ""):
        assert (execution(status=given).status, execution(status=given).raw_status) == (ExecutionStatus.UNKNOWN, None)
        assert (job(status=given).state, job(status=given).raw_state) == (JobState.UNKNOWN, None)
    assert counted("") == missing, "a missing word is no unknown one"


def test_records_of_nothing_but_their_ids() -> None:
    names = ("status", "queuedAt", "startedAt", "lastUpdatedAt", "retryAttempt")
    for row in (execution(), execution(**dict.fromkeys(names))):
        assert (row.key, row.tie, row.name) == (Key("execution", "iot", ("j", "t", "1")), ("j", "t", "1"), "j")
        assert (row.status, row.raw_status, row.attempt, row.attempts) == (ExecutionStatus.UNKNOWN, None, None, ())
        assert (row.created_at, row.updated_at, row.duration_seconds, row.derived_timestamps) == (None, None, None, ())
        assert (row.status_message, row.timeout_seconds, row.known) == (None, None, None)
        assert (row.trigger, row.error, row.exit_code, row.node_counts) == (None, None, None, None)
    record = [field for field in msgspec.structs.fields(JobRecord) if field.name != "job_id"]
    for one in (job(), job(**{field.encode_name: None for field in record})):
        assert (one.name, one.state, one.raw_state, one.description) == ("j", JobState.UNKNOWN, None, None)
        assert (one.definition, one.execution_counts, one.created_at, one.known) == (None, None, None, None)
        assert details(one).timeout_minutes is None
    for each in (thing(), thing(thingArn=None, thingTypeName=None, attributes=None)):
        assert (each.name, each.node_kind, each.active, each.known) == ("t", NodeKind.DEVICE, None, None)
        assert (details(each).attributes, details(each).thing_type_name) == (None, None)


def test_instants() -> None:
    row = execution(status="SUCCEEDED", queuedAt=1763700001, startedAt=1763700001.373, lastUpdatedAt=1763700097.000001)
    stamps = (row.created_at, row.queued_at, row.started_at, row.finished_at, row.updated_at)
    assert [each and each.text for each in stamps] == [
        "2025-11-21T04:40:01Z",
        "2025-11-21T04:40:01Z",
        "2025-11-21T04:40:01.373Z",
        "2025-11-21T04:41:37.000001Z",
        "2025-11-21T04:41:37.000001Z",
    ]
    assert row.derived_timestamps == (ExecutionTimestamp.CREATED_AT, ExecutionTimestamp.FINISHED_AT)
    assert row.duration_seconds == 95.627001
    assert row.attempts == (Attempt(1, row.started_at, row.finished_at),)


@pytest.mark.parametrize("word", STATUSES)
def test_the_last_update_of_what_is_over_was_its_end(word: str) -> None:
    row = execution(status=word, queuedAt=10, startedAt=20, lastUpdatedAt=30)
    over = row.phase is ExecutionPhase.FINAL
    assert row.finished_at == (row.updated_at if over else None)
    assert row.duration_seconds == (10 if over else None)
    assert (ExecutionTimestamp.FINISHED_AT in row.derived_timestamps) is over
    assert over is (word not in ("QUEUED", "IN_PROGRESS"))


def test_clocks_that_disagree_give_no_duration() -> None:
    row = execution(status="SUCCEEDED", startedAt=31, lastUpdatedAt=30)
    assert (row.duration_seconds, row.finished_at and row.finished_at.us) == (None, 30_000_000)
    assert execution(status="SUCCEEDED", startedAt=30, lastUpdatedAt=30).duration_seconds == 0
    assert execution(status="CANCELED", queuedAt=5, lastUpdatedAt=30).duration_seconds is None


@pytest.mark.parametrize("number", [1763700000123, 10**11, 1e300, -(10**11)])
def test_milliseconds_are_refused_and_not_guessed(number: float) -> None:
    for name in ("queuedAt", "startedAt", "lastUpdatedAt"):
        with pytest.raises(ValueError, match="not an instant"):
            execution(status="SUCCEEDED", **{name: number})
    for name in ("createdAt", "lastUpdatedAt", "completedAt"):
        with pytest.raises(ValueError, match="not an instant"):
            job(**{name: number})


def test_a_thing_that_left_was_no_failure() -> None:
    row = execution(status="REMOVED", queuedAt=1, lastUpdatedAt=9)
    assert (row.status, row.outcome and row.outcome.value) == (ExecutionStatus.SKIPPED, "CANCEL")
    assert row.nodes[0].failed is False


@pytest.mark.parametrize(
    ("word", "failed"),
    [("FAILED", True), ("TIMED_OUT", True), ("REJECTED", True), ("CANCELED", False), ("SUCCEEDED", False), ("QUEUED", None)],
)
def test_the_thing_of_an_execution(word: str, failed: bool | None) -> None:
    row = execution(f"{ARN}:thing/rack:7", status=word)
    (result,) = row.nodes
    assert (result.roles, result.status, result.failed) == ((NodeRole.TARGET,), row.status, failed)
    assert (result.node.key, result.node.node_kind) == (Key("node", "iot", ("rack:7",)), NodeKind.DEVICE)
    assert result.node.known == frozenset({"name", "node_kind", "active", "web_url"})


def test_names_of_things_may_hold_colons() -> None:
    row = execution("arn:aws-cn:iot:cn-north-1:1:thing/a:thing:b")
    assert row.key.parts == ("j", "a:thing:b", "1")
    assert details(row).thing_name == "a:thing:b"
    assert MAPPER.thing(read(b'{"thingName": "a:b"}', ThingRecord)).key.parts == ("a:b",)


def test_retries_and_further_executions() -> None:
    assert [execution(retryAttempt=number).attempt for number in (None, 0, 2)] == [None, 1, 3]
    for number in (1, 2, 2**53 + 1, 2**63 - 1):
        row = execution(executionNumber=number)
        assert (row.key.parts[2], details(row).execution_number) == (str(number), number)
    assert execution(executionNumber=2**53 + 1).key != execution(executionNumber=2**53).key


@pytest.mark.parametrize(
    "given",
    [
        {"executionNumber": None},
        {"executionNumber": -1},
        {"executionNumber": 1.5},
        {"executionNumber": "first"},
        {"status": 5},
        {"queuedAt": "yesterday"},
        {"startedAt": []},
        {"retryAttempt": {}},
        {"arn": None},
        {"arn": f"{ARN}:thinggroup/g"},
        {"arn": f"{ARN}:thing/a/b"},
        {"arn": f"{ARN}:thing/"},
        {"arn": f"{ARN}:thing/{'x' * 129}"},
    ],
)
def test_unreadable_executions(given: dict) -> None:
    with pytest.raises(ValueError, match=r".+"):
        execution(**given)


@pytest.mark.parametrize("given", [{"jobId": None}, {"jobId": ""}, {"jobId": "a/b"}, {"jobId": "x" * 65}, {"targets": 5}])
def test_unreadable_jobs_and_things(given: dict) -> None:
    with pytest.raises(ValueError, match=r".+"):
        job(**given)
    for name in (None, "", "a/b", "x" * 129, "a b"):
        with pytest.raises(ValueError, match=r".+"):
            thing(thingName=name)


STATUS_DETAILS: list[tuple[Any, Any, str | None]] = [
    # as sent, as shown, status message
    ({"detailsMap": {"reason": "disk full", "step": "2"}}, {"reason": "disk full", "step": "2"}, "disk full"),
    ({"reason": "disk full"}, {"reason": "disk full"}, "disk full"),
    ({"detailsMap": {"step": "2"}}, {"step": "2"}, None),
    ({"detailsMap": {"reason": ""}}, {"reason": ""}, None),
    ({"detailsMap": {}}, {}, None),
    ({"detailsMap": None}, None, None),
    ({}, {}, None),
    (None, None, None),
]


@pytest.mark.parametrize(("sent", "expected", "message"), STATUS_DETAILS)
def test_status_details(sent: Any, expected: Any, message: str | None) -> None:
    row = execution(status="FAILED", described={"statusDetails": sent})
    assert (details(row).status_details, row.status_message) == (expected, message)


def test_what_only_a_description_shows() -> None:
    plain, full = execution(), execution(described={"versionNumber": 7, "forceCanceled": True})
    assert (details(plain).version_number, details(plain).force_canceled) == (None, None)
    assert (details(full).version_number, details(full).force_canceled) == (7, True)
    assert details(execution(described={"approximateSecondsBeforeTimedOut": -3})).approximate_seconds_before_timed_out == -3


@pytest.mark.parametrize(
    ("config", "seconds", "minutes"),
    [
        ({"inProgressTimeoutInMinutes": 60}, 3600, 60),
        ({"inProgressTimeoutInMinutes": 0}, None, 0),
        ({"inProgressTimeoutInMinutes": None}, None, None),
        ({"inProgressTimeoutInMinutes": "soon"}, None, None),
        ({}, None, None),
        (None, None, None),
    ],
)
def test_time_limits(config: Any, seconds: int | None, minutes: int | None) -> None:
    found = job(timeoutConfig=config)
    assert (time_limit(found.record.record), details(found).timeout_minutes) == (seconds, minutes)


def test_counters() -> None:
    names = ("Queued", "InProgress", "Succeeded", "Failed", "TimedOut", "Rejected", "Canceled", "Removed")
    counts = {f"numberOf{name}Things": number for number, name in enumerate(names, 1)}
    found = job(jobProcessDetails={"processingTargets": None, **counts}).execution_counts
    assert found is not None
    assert {each.status: each.count for each in found} == {
        ExecutionStatus.QUEUED: 1,
        ExecutionStatus.RUNNING: 2,
        ExecutionStatus.SUCCEEDED: 3,
        ExecutionStatus.FAILED: 4,
        ExecutionStatus.TIMED_OUT: 5,
        ExecutionStatus.REJECTED: 6,
        ExecutionStatus.CANCELED: 7,
        ExecutionStatus.SKIPPED: 8,
    }
    few = job(jobProcessDetails={"numberOfFailedThings": 2, "numberOfQueuedThings": 0, "numberOfRemovedThings": None})
    assert few.execution_counts == (StatusCount(ExecutionStatus.FAILED, 2),)
    assert (job(jobProcessDetails={}).execution_counts, job(jobProcessDetails=None).execution_counts) == ((), None)
    assert job(described=False, jobProcessDetails=counts).execution_counts is None


@pytest.mark.parametrize(
    ("arn", "name"), [(f"{ARN}:jobtemplate/reboot", "reboot"), ("odd", "odd"), ("", None), (None, None)]
)
def test_templates(arn: str | None, name: str | None) -> None:
    found = job(jobTemplateArn=arn, description="")
    assert found.definition == (None if name is None else JobDefinition(name, "job template"))
    assert (details(found).job_template_arn, found.description) == (arn, None)


def test_jobs_that_were_only_named() -> None:
    named, gone = MAPPER.named_job("j"), MAPPER.named_job("j", gone=True)
    assert named.known == frozenset({"name", "web_url", "latest_execution"})
    assert (gone.known, gone.state, gone.name) == (None, JobState.UNKNOWN, "j")


# --- links


def settings(**given: Any) -> AwsIotSettings:
    return AwsIotSettings.model_validate({"name": "iot", "kind": "aws-iot", "region": "us-east-1", **given})


def test_links() -> None:
    assert job().web_url == execution().web_url == f"{CONSOLE}#/job/j"
    assert thing().web_url == execution().nodes[0].node.web_url == f"{CONSOLE}#/thing/t"
    alone = Mapper("iot")
    assert (alone.named_job("j").web_url, alone.thing(read(b'{"thingName": "t"}', ThingRecord)).web_url) == (None, None)


@pytest.mark.parametrize(
    ("given", "address", "console"),
    [
        ({}, "https://iot.us-east-1.amazonaws.com/", CONSOLE),
        (
            {"region": "cn-north-1"},
            "https://iot.cn-north-1.amazonaws.com.cn/",
            "https://cn-north-1.console.amazonaws.cn/iot/home?region=cn-north-1",
        ),
        ({"endpoint_url": "http://127.0.0.1:4566"}, "http://127.0.0.1:4566/", None),
        ({"endpoint_url": "http://x:1/", "ui_url": "https://ui.example/iot"}, "http://x:1/", "https://ui.example/iot/"),
        ({"ui_url": "https://ui.example/iot"}, "https://iot.us-east-1.amazonaws.com/", "https://ui.example/iot/"),
    ],
)
def test_addresses(given: dict, address: str, console: str | None) -> None:
    made = settings(**given)
    assert (made.address, made.console) == (address, console)


# --- secrets


def test_details_are_redacted() -> None:
    row = execution(described={"statusDetails": {"detailsMap": {"upload_token": "s3cr3t-1", "log": "password=s3cr3t-2"}}})
    assert details(row).status_details == {"upload_token": REDACTED, "log": f"password={REDACTED}"}
    device = thing(attributes={"wifi_password": "s3cr3t-3", "site": "berlin"})
    assert details(device).attributes == {"wifi_password": REDACTED, "site": "berlin"}


def test_records_do_not_show_in_logs() -> None:
    assert "s3cr3t" not in repr(thing(attributes={"wifi_password": "s3cr3t-1"}))
    assert "s3cr3t" not in repr(execution(described={"statusDetails": {"token": "s3cr3t-2"}}))
    assert "s3cr3t" not in repr(job(documentParameters={"password": "s3cr3t-3"}))
