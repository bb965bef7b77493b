"""Scale's records as the unified model: no recorded value is lost, and the odd records that Scale may send."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.scale.client import ErrorRecord, ExecutionRecord, JobRecord, NodeRecord
from adapters.scale.details import execution_details, job_details, node_details
from adapters.scale.mapping import Context, Mapper
from gateway.instant import Instant
from gateway.metrics import UNKNOWN_STATUS
from gateway.model import Attempt, Entity, Execution, ExecutionStatus, Job, JobState, Key, Node, NodeKind, NodeRole
from gateway.records import Held, read
from gateway.redaction import REDACTED
from gateway.testing.shapes import shape
from tests.adapters.recorded import leaves

DIRECTORY = Path(__file__).parent.parent / "recordings" / "scale"
RECORDINGS: dict[str, dict] = {
    path.stem: json.loads(path.read_text()) for path in sorted(DIRECTORY.glob("*.json")) if path.stem != "traversals"
}
MAPPER = Mapper("scale", "https://scale.example/")

NOT_MAPPED: dict[str, str] = {
    "job_type_rev.job_type": "the type of the job itself, which has its own fields",
    "job_exes.job": "the job itself, whose tries these are",
}
"""Parts of records that have no field of their own, and why."""


def records() -> Iterator[tuple[str, str, dict]]:
    """Every recorded list row and detail of what the adapter maps: recording, kind, record."""
    kinds = {"job-executions": "execution", "jobs": "job", "nodes": "node", "queue": "job"}
    for name, recording in RECORDINGS.items():
        body = recording["response"]["body"]
        if recording["response"]["status"] >= 300 or not isinstance(body, dict) or "detail" in body:
            continue
        rest = recording["request"]["path"].partition("/api/")[2].strip("/").split("/")
        rest = rest[1:] if rest[0] in {"v3", "v4", "v5"} else rest
        if rest[0] not in kinds or rest[1:] == ["status"] or "logs" in rest or recording["request"]["method"] == "OPTIONS":
            continue
        for row in body["results"] if "results" in body and "count" in body else [body]:
            yield name, kinds[rest[0]], row


ALL = list(records())


def mapped(kind: str, record: dict) -> list[Entity]:
    """The entities that a record is read into; a job's own executions are entities as well."""
    raw = json.dumps(record).encode()
    match kind:
        case "node":
            return [MAPPER.node(read(raw, NodeRecord))]
        case "execution":
            return [MAPPER.execution(read(raw, ExecutionRecord))]
        case _:
            held = read(raw, JobRecord)
            job = MAPPER.job(held)
            context = Context(job)
            tries = [MAPPER.execution(read(each, ExecutionRecord), context) for each in held.record.job_exes or ()]
            return [job, *tries]


def details(entity: Entity) -> Any:
    match entity.record.record:
        case JobRecord():
            return job_details(entity.record)
        case NodeRecord() as node:
            return node_details(node)
        case ExecutionRecord() as execution:
            return execution_details(execution)


def shown(value: Any) -> Iterator[tuple[str, Any]]:
    """Every value that a model entity shows in typed fields, those of its details included."""
    match value:
        case Instant():
            yield "string", value.text
        case Key():
            yield "number", int(value.native_id)
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


def is_mapped(path: str) -> bool:
    plain = re.sub(r"\[\d+\]", "", path)
    return not any(f".{part}." in f".{plain}." for part in NOT_MAPPED)


def test_there_are_records_of_every_kind() -> None:
    assert {kind for _, kind, _ in ALL} == {"execution", "job", "node"}
    assert len(ALL) > 800
    assert len(NOT_MAPPED) <= 25


def test_every_recorded_value_is_in_a_typed_field() -> None:
    lost = {}
    for name, kind, record in ALL:
        found = set(shown(mapped(kind, record)))
        for path, leaf in leaves(record):
            if is_mapped(path) and leaf not in found:
                lost[f"{name} {path}"] = leaf
    assert lost == {}


def by_shape() -> list[tuple[str, str, dict]]:
    """One record of every shape that was recorded."""
    found = {(kind, frozenset(shape(record))): (name, kind, record) for name, kind, record in ALL}
    return list(found.values())


def changed(record: dict, path: str, number: int) -> tuple[dict, Any]:
    """A copy of the record with another, unmistakable value at the path, and that value."""
    copy = json.loads(json.dumps(record))
    steps = [int(step) if step.isdigit() else step for step in path.replace("[", ".").replace("]", "").split(".")]
    place = copy
    for step in steps[:-1]:
        place = place[step]
    match place[steps[-1]]:
        case bool() as old:
            new: Any = not old
        case int() | float():
            new = 5_000_000 + number
        case str() as old if old[:2] == "20" and old.endswith("Z") and "T" in old:
            new = Instant.from_us(10**15 + number).text
        case _:
            new = f"unmistakable {number}"
    place[steps[-1]] = new
    return copy, new


def test_every_part_of_a_record_shows() -> None:
    """Containment alone could be luck: a part that shows must show whatever it is changed to."""
    lost = []
    number = 0
    for name, kind, record in by_shape():
        before = list(shown(mapped(kind, record)))
        for path, _ in leaves(record):
            number += 1
            if not is_mapped(path):
                continue
            copy, new = changed(record, path, number)
            after = list(shown(mapped(kind, copy)))
            visible = after != before if isinstance(new, bool) else new in [value for _, value in after]
            if not visible:
                lost.append(f"{name} {path}")
    assert lost == []


# --- records by hand


def execution(**given: Any) -> Execution:
    return MAPPER.execution(read(json.dumps({"id": 5, **given}).encode(), ExecutionRecord))


def job(**given: Any) -> Job:
    return MAPPER.job(read(json.dumps({"id": 5, **given}).encode(), JobRecord))


def node(**given: Any) -> Node:
    return MAPPER.node(read(json.dumps({"id": 5, **given}).encode(), NodeRecord))


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("QUEUED", ExecutionStatus.QUEUED),
        ("RUNNING", ExecutionStatus.RUNNING),
        ("COMPLETED", ExecutionStatus.SUCCEEDED),
        ("FAILED", ExecutionStatus.FAILED),
        ("CANCELED", ExecutionStatus.CANCELED),
        (" failed ", ExecutionStatus.FAILED),
    ],
)
def test_status(word: str, status: ExecutionStatus) -> None:
    row = execution(status=word)
    assert (row.status, row.raw_status) == (status, word)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("PENDING", JobState.ACTIVE),
        ("BLOCKED", JobState.ACTIVE),
        ("QUEUED", JobState.ACTIVE),
        ("RUNNING", JobState.ACTIVE),
        ("COMPLETED", JobState.COMPLETED),
        ("FAILED", JobState.FAILED),
        ("CANCELED", JobState.CANCELED),
    ],
)
def test_state(word: str, state: JobState) -> None:
    row = job(status=word)
    assert (row.state, row.raw_state) == (state, word)


def test_unknown_words_are_counted_and_kept() -> None:
    def counted(word: str) -> Any:
        return UNKNOWN_STATUS.labels("scale", word)._value.get()

    before = counted("ASLEEP"), counted("DREAMING")
    assert (execution(status="ASLEEP").status, execution(status="ASLEEP").raw_status) == (ExecutionStatus.UNKNOWN, "ASLEEP")
    assert (job(status="DREAMING").state, job(status="DREAMING").raw_state) == (JobState.UNKNOWN, "DREAMING")
    assert (counted("ASLEEP"), counted("DREAMING")) == (before[0] + 2, before[1] + 2)


def test_a_record_of_nothing_but_its_id() -> None:
    names = (*ExecutionRecord.__struct_fields__[1:],)
    for row in (execution(), execution(**dict.fromkeys(names))):
        assert (row.name, row.status, row.raw_status, row.job, row.nodes) == ("5", ExecutionStatus.UNKNOWN, None, None, ())
        assert (row.key, row.tie, row.known) == (Key("execution", "scale", ("5",)), (5,), None)
        assert row.attempts == (Attempt(1),)
        assert details(row).steps == []
    for each in (job(), job(**dict.fromkeys(JobRecord.__struct_fields__[1:]))):
        assert (each.name, each.state, each.definition, each.known) == ("5", JobState.UNKNOWN, None, None)
        assert details(each).job_type_id is None
    for one in (node(), node(**dict.fromkeys(NodeRecord.__struct_fields__[1:]))):
        assert (one.name, one.node_kind, one.active, one.known) == ("5", NodeKind.WORKER, None, None)


def test_empty_texts_are_missing() -> None:
    row = execution(status="", error={"id": 1, "name": "", "title": "", "description": "", "category": ""})
    assert (row.raw_status, row.status_message) == (None, None)
    assert row.error is not None
    assert (row.error.code, row.error.title, row.error.message, row.error.category) == (None, None, None, None)
    owner = job(job_type={"id": 1, "name": "", "version": "", "description": ""}, created="")
    assert (owner.name, owner.description, owner.definition, owner.created_at) == ("5", None, None, None)
    assert node(hostname="").name == "5"


def test_instants_and_durations() -> None:
    row = execution(created="2016-08-15T00:55:24Z", started="2016-08-15T00:55:24.300000Z", ended="2016-08-15T02:55:25+02:00")
    assert [each and each.text for each in (row.created_at, row.started_at, row.finished_at)] == [
        "2016-08-15T00:55:24Z",
        "2016-08-15T00:55:24.300000Z",
        "2016-08-15T00:55:25Z",
    ]
    assert row.duration_seconds == pytest.approx(0.7)
    assert row.derived_timestamps == ()
    assert row.attempts == (Attempt(1, row.started_at, row.finished_at),)
    assert execution(started="2016-08-15T00:00:01Z", ended="2016-08-15T00:00:00Z").duration_seconds is None


@pytest.mark.parametrize(
    "given",
    [
        {"created": "yesterday"},
        {"created": "2016-08-15T00:55:24"},
        {"started": 5},
        {"id": None},
        {"id": "five"},
        {"job": []},
        {"job": {"id": 1, "job_type": "image"}},
        {"error": "none"},
    ],
)
def test_unreadable_records(given: dict) -> None:
    with pytest.raises(ValueError, match=r".+"):
        execution(**given)


def test_lenient_numbers_and_long_ones() -> None:
    row = execution(id="7", timeout="1800", job_exit_code=10**30)
    assert (row.tie, row.timeout_seconds, row.exit_code) == ((7,), 1800, 10**30)


def test_attempts_of_the_sixth_api() -> None:
    row = execution(exe_num=3, cluster_id="scale_job_5x3")
    assert (row.attempt, row.attempts[0].number, details(row).exe_num, details(row).cluster_id) == (3, 3, 3, "scale_job_5x3")


def test_what_an_execution_knows_of_its_job_and_node() -> None:
    rows = {
        name: MAPPER.execution(read(json.dumps(row).encode(), ExecutionRecord))
        for name, kind, row in ALL
        if kind == "execution"
    }
    listed, detail = rows["exes_page_size_1"], rows["exe_1_completed"]
    assert listed.job is not None
    assert detail.job is not None
    assert listed.job.known is not None
    assert {"name", "state", "raw_state", "definition", "description", "web_url"} <= listed.job.known
    assert not {"created_at", "details", "raw"} & listed.job.known
    assert detail.job.known == listed.job.known | {"created_at", "updated_at", "finished_at", "details"}
    assert detail.job.created_at is not None
    (listed_node,), (detailed_node,) = listed.nodes, detail.nodes
    assert listed_node.roles == (NodeRole.EXECUTOR,)
    assert listed_node.node.known == frozenset({"name", "node_kind", "web_url"})
    assert detailed_node.node.known == frozenset({"name", "node_kind", "web_url", "active", "details"})
    assert (detailed_node.node.active, listed_node.node.name) == (True, "node01.scale.example")


def test_references_are_completed_from_the_context() -> None:
    record = read(b'{"id":9,"job":{"id":7},"node":{"id":2},"error":{"id":14}}', ExecutionRecord)
    alone = MAPPER.execution(record)
    assert alone.job is not None
    assert (alone.job.known, alone.nodes[0].node.known) == (
        frozenset({"web_url", "execution_counts"}),
        frozenset({"node_kind", "web_url"}),
    )
    assert (alone.name, alone.error, alone.status_message) == ("9", None, None)
    assert alone.known is not None
    assert not {"error", "status_message"} & alone.known
    assert {"name", "status", "nodes", "details", "raw"} <= alone.known
    owner = job(id=7, job_type={"id": 1, "name": "ingest"})
    whole = MAPPER.execution(
        record,
        Context(owner, {14: ErrorRecord(14, name="data-missing", title="Data missing")}, {2: node(id=2, hostname="h2")}),
    )
    assert (whole.name, whole.job, whole.nodes[0].node.name, whole.known) == ("ingest", owner, "h2", None)
    assert (whole.status_message, whole.error and whole.error.code) == ("Data missing", "data-missing")


@pytest.mark.parametrize(
    ("is_active", "is_paused", "active"),
    [(True, False, True), (True, True, False), (False, False, False), (None, False, None), (True, None, True)],
)
def test_active_nodes(is_active: bool | None, is_paused: bool | None, active: bool | None) -> None:
    assert node(is_active=is_active, is_paused=is_paused).active is active


def test_links() -> None:
    assert execution().web_url == "https://scale.example/#/jobs/executions/5"
    assert job().web_url == "https://scale.example/#/jobs/job/5"
    assert node().web_url == "https://scale.example/#/nodes/5"
    assert Mapper("scale", None).node(Held(NodeRecord(5))).web_url is None


def test_details_are_redacted() -> None:
    row = execution(
        command_arguments="run --password s3cr3t-1",
        environment={"shared_resources": [{"password": "s3cr3t-2", "user": "ingest"}]},
        results={"upload_token": "s3cr3t-3"},
        results_manifest=[{"name": "api_key", "value": "s3cr3t-4"}],
    )
    found = details(row)
    assert found.command_arguments == f"run --password {REDACTED}"
    assert found.environment == {"shared_resources": [{"password": REDACTED, "user": "ingest"}]}
    assert (found.results, found.results_manifest) == ({"upload_token": REDACTED}, [{"name": "api_key", "value": REDACTED}])
    owner = details(
        job(
            data={"secret": "s3cr3t-5"},
            results={"secret": "s3cr3t-6"},
            event={
                "id": 1,
                "description": {"access_key": "s3cr3t-7"},
                "rule": {"id": 2, "configuration": {"key": "s3cr3t-8"}},
            },
            job_type={"id": 3, "interface": {"token": "s3cr3t-9"}},
            job_type_rev={"id": 4, "interface": {"token": "s3cr3t-10"}},
            inputs=[{"password": "s3cr3t-11"}],
        )
    )
    assert "s3cr3t" not in repr(owner)
    assert (owner.event_rule_id, owner.event_rule["id"], owner.job_type_raw) == (2, 2, {"interface": {"token": REDACTED}})
    assert "s3cr3t" not in repr(
        details(node(job_exes_running=[{"password": "s3cr3t-12"}], resources={"token": "s3cr3t-13"}))
    )


def test_records_do_not_show_in_logs() -> None:
    assert "s3cr3t" not in repr(execution(environment={"password": "s3cr3t-1"}))
