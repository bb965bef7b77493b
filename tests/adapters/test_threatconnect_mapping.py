"""ThreatConnect's records as the unified model: no recorded value is lost, and the odd records that it may send."""

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.threatconnect.client import ExecutionRecord, JobRecord
from adapters.threatconnect.details import execution_details, job_details
from adapters.threatconnect.mapping import Mapper
from gateway.instant import Instant
from gateway.metrics import UNKNOWN_STATUS
from gateway.model import (
    Attempt,
    Entity,
    Execution,
    ExecutionStatus,
    ExecutionTimestamp,
    Job,
    JobState,
    Key,
    Node,
    NodeKind,
    NodeRole,
)
from gateway.records import Held, read
from gateway.redaction import REDACTED
from tests.adapters.recorded import leaves

DIRECTORY = Path(__file__).parent.parent / "recordings" / "threatconnect"
RECORDED = {"job_executions_list": "execution", "jobs_list": "job"}
MAPPER = Mapper("tc")

NOT_MAPPED: dict[str, str] = {}
"""Parts of records that have no field of their own, and why: there are none."""


def records() -> Iterator[tuple[str, dict]]:
    """Every recorded row of what the adapter maps: kind and record."""
    for name, kind in RECORDED.items():
        body = json.loads((DIRECTORY / f"{name}.json").read_text())["response"]["body"]
        for row in body["data"]:
            yield kind, row


ALL = list(records())


def mapped(kind: str, record: dict) -> Entity:
    raw = json.dumps(record).encode()
    if kind == "job":
        return MAPPER.job(read(raw, JobRecord))
    return MAPPER.execution(read(raw, ExecutionRecord), {})


def details(entity: Entity) -> Any:
    match entity.record:
        case Held(record=JobRecord() as job):
            return job_details(job)
        case Held(record=ExecutionRecord() as execution):
            return execution_details(execution)


def shown(value: Any) -> Iterator[tuple[str, Any]]:
    """Every value that a model entity shows in typed fields, those of its details included."""
    match value:
        case Instant():
            yield "string", value.text
        case Key(kind="node"):
            yield "string", value.native_id
        case Key():
            yield from (("number", int(part)) for part in value.parts)
        case Held() | Enum() | None:
            return
        case Job() | Execution() | Node():
            yield from shown(msgspec.structs.asdict(value) | {"details": details(value)})
        case msgspec.Struct():
            yield from shown(msgspec.structs.asdict(value))
        case dict():
            for member in value.values():
                yield from shown(member)
        case list() | tuple() | frozenset():
            for member in value:
                yield from shown(member)
        case _ if is_dataclass(value):
            yield from shown({each.name: getattr(value, each.name) for each in fields(value)})
        case bool():
            yield "boolean", value
        case int() | float():
            yield "number", value
        case _:
            yield "string", value


def test_there_are_records_of_every_kind() -> None:
    assert {kind for kind, _ in ALL} == {"execution", "job"}
    assert len(ALL) == 4
    assert len(NOT_MAPPED) <= 25


def test_every_recorded_value_is_in_a_typed_field() -> None:
    lost = {}
    for kind, record in ALL:
        found = set(shown(mapped(kind, record)))
        for path, leaf in leaves(record):
            if path not in NOT_MAPPED and leaf not in found:
                lost[f"{kind} {path}"] = leaf
    assert lost == {}


def test_every_part_of_a_record_shows() -> None:
    """Containment alone could be luck: a part that shows must show whatever it is changed to."""
    lost = []
    for kind, record in ALL:
        before = list(shown(mapped(kind, record)))
        for number, (path, (type_, old)) in enumerate(leaves(record), 1):
            new: Any = 5_000_000 + number
            if type_ == "boolean":
                new = not old
            elif type_ == "string":
                new = Instant.from_us(10**15 + number * 10**6).text if path.endswith("Time") else f"unmistakable {number}"
            after = list(shown(mapped(kind, {**record, path: new})))
            visible = after != before if type_ == "boolean" else new in [value for _, value in after]
            if not visible:
                lost.append(f"{kind} {path}")
    assert lost == []


# --- records by hand


def execution(**given: Any) -> Execution:
    found = mapped("execution", {"id": 95, "jobId": 174, **given})
    assert isinstance(found, Execution)
    return found


def job(**given: Any) -> Job:
    found = mapped("job", {"id": 10, **given})
    assert isinstance(found, Job)
    return found


QUEUED, STARTED, ENDED = "2024-05-02T17:36:38Z", "2024-05-02T17:36:39Z", "2024-05-02T17:36:41Z"


def test_recorded_failure() -> None:
    row = mapped(*ALL[1])
    assert isinstance(row, Execution)
    assert row.key == Key("execution", "tc", ("100", "94"))
    assert (row.tie, row.status, row.raw_status) == ((94,), ExecutionStatus.FAILED, "Failed")
    assert row.status_message == "Failed for status (404)"
    assert row.error is not None
    assert row.error.message == "Failed for status (404)"
    assert execution_details(row.record.record).exit_message == "Failed for status (404)\n"
    queued, failed = Instant.parse(QUEUED), Instant.parse("2024-05-02T17:36:40Z")
    assert (row.created_at, row.queued_at, row.started_at, row.finished_at) == (queued, queued, queued, failed)
    assert (row.updated_at, row.derived_timestamps) == (None, (ExecutionTimestamp.CREATED_AT,))
    assert (row.duration_seconds, row.attempts) == (2.0, (Attempt(1, queued, failed),))
    (result,) = row.nodes
    assert (result.roles, result.node.name, result.node.node_kind) == ((NodeRole.EXECUTOR,), "tc-job", NodeKind.WORKER)
    assert (result.node.key.parts, result.node.tie, result.node.known) == (("tc-job",), ("tc-job",), None)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Completed", ExecutionStatus.SUCCEEDED),
        ("Failed", ExecutionStatus.FAILED),
        ("Queued", ExecutionStatus.QUEUED),
        ("Running", ExecutionStatus.RUNNING),
        (" failed ", ExecutionStatus.UNKNOWN),
        ("fAILED", ExecutionStatus.UNKNOWN),
        ("FAILED", ExecutionStatus.FAILED),
        ("COMPLETED", ExecutionStatus.SUCCEEDED),
        # Must not pass for a success because it has a completedTime.
        ("Partial Failure", ExecutionStatus.UNKNOWN),
    ],
)
def test_status(word: str, status: ExecutionStatus) -> None:
    row = execution(status=word, completedTime=ENDED)
    assert (row.status, row.raw_status) == (status, word)


@pytest.mark.parametrize(
    ("instants", "status"),
    [
        ({"failedTime": ENDED, "completedTime": ENDED}, ExecutionStatus.FAILED),
        ({"completedTime": ENDED, "startTime": STARTED}, ExecutionStatus.SUCCEEDED),
        ({"startTime": STARTED, "queueTime": QUEUED}, ExecutionStatus.RUNNING),
        ({"queueTime": QUEUED}, ExecutionStatus.QUEUED),
        ({}, ExecutionStatus.UNKNOWN),
    ],
)
@pytest.mark.parametrize("word", [{}, {"status": None}, {"status": ""}], ids=["missing", "null", "empty"])
def test_without_a_word_the_instants_decide(instants: dict, status: ExecutionStatus, word: dict) -> None:
    row = execution(**instants, **word)
    assert (row.status, row.raw_status) == (status, None)


def test_unknown_words_are_counted() -> None:
    counter = UNKNOWN_STATUS.labels("tc", "Half-Baked")
    before = counter._value.get()
    execution(status="Half-Baked")
    assert counter._value.get() == before + 1


def test_instants_that_are_missing_or_odd() -> None:
    row = execution(queueTime=None, startTime="", completedTime=None)
    assert (row.created_at, row.started_at, row.finished_at, row.derived_timestamps) == (None, None, None, ())
    assert execution(startTime=ENDED, completedTime=STARTED).duration_seconds is None
    assert execution(startTime=STARTED).duration_seconds is None
    assert execution(completedTime=STARTED, failedTime=ENDED).finished_at == Instant.parse(STARTED)
    for text in ("yesterday", "2024-05-02T17:36:38", "2024-13-02T17:36:38Z"):
        with pytest.raises(ValueError):
            execution(queueTime=text)


def test_messages() -> None:
    assert execution(status="Completed", exitMessage="Done\n").error is None
    assert execution(status="Completed", exitMessage=" \n").status_message is None
    assert execution(status="Failed").error is None
    secret = execution(status="Failed", exitMessage="login refused: api_token=s3cr3t-1\n")
    assert secret.status_message == f"login refused: api_token={REDACTED}"
    assert "s3cr3t" not in repr(details(secret)) + repr(secret.error)


def test_the_name_is_the_jobs() -> None:
    held = read(b'{"id": 95, "jobId": 10}', ExecutionRecord)
    owner = job(name="QRadar")
    named = MAPPER.execution(held, {10: owner})
    assert (named.name, named.job, named.known) == ("QRadar", owner, None)
    gone = MAPPER.execution(held, {10: None})
    assert gone.job is not None
    assert (gone.name, gone.known, gone.job.key, gone.job.name) == ("10", None, owner.key, "10")
    assert gone.job.known is not None
    assert "name" not in gone.job.known
    bare = MAPPER.execution(held, {})
    assert bare.known is not None
    assert {*Execution.__struct_fields__, "details", "raw"} - bare.known == {"name"}


@pytest.mark.parametrize("record", [b'{"id": 1}', b'{"jobId": 1}', b'{"id": "x", "jobId": 1}', b"[]", b"null"])
def test_what_is_no_execution(record: bytes) -> None:
    with pytest.raises(ValueError):
        MAPPER.execution(read(record, ExecutionRecord), {})


def test_jobs() -> None:
    row = job(name="QRadar", programName="TC - QRadar", programVersion="2.2", active=False)
    assert (row.key, row.tie, row.name) == (Key("job", "tc", ("10",)), (10,), "QRadar")
    assert (row.state, row.raw_state, row.known) == (JobState.INACTIVE, "false", None)
    assert row.definition is not None
    assert (row.definition.name, row.definition.version) == ("TC - QRadar", "2.2")
    assert (row.created_at, row.updated_at, row.web_url) == (None, None, None)
    bare = job(name=None, displayName=None, active=None, programName="", unheardOf=[1])
    assert (bare.name, bare.state, bare.raw_state, bare.definition) == ("10", JobState.UNKNOWN, None, None)
    assert job(active=True).state is JobState.ACTIVE


def test_records_have_no_representation() -> None:
    assert "s3cr3t" not in repr(execution(exitMessage="token=s3cr3t-x").record)
