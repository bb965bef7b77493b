"""No recorded value of AWS IoT is lost on its way into the unified model and the details."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from adapters.aws_iot.client import ExecutionRecord, ExecutionRow, JobRecord, ThingRecord
from adapters.aws_iot.details import execution_details, job_details, thing_details
from adapters.aws_iot.mapping import Mapper, RunRecord
from gateway.instant import Instant
from gateway.model import (
    Entity,
    Execution,
    Job,
    Key,
    Node,
)
from gateway.records import Held, read
from gateway.testing.shapes import shape
from tests.adapters.recorded import leaves

DIRECTORY = Path(__file__).parent.parent / "recordings" / "aws_iot"
RECORDINGS: dict[str, dict] = {path.stem: json.loads(path.read_text()) for path in sorted(DIRECTORY.glob("*.json"))}
MAPPER = Mapper("iot")
ARN = "arn:aws:iot:us-east-1:123456789012"

NOT_MAPPED: dict[str, str] = {
    "abortConfig": "how a roll-out is steered, no property of its executions; in raw (DOMAIN C6)",
    "jobExecutionsRolloutConfig": "as abortConfig",
    "jobExecutionsRetryConfig": "as abortConfig",
    "schedulingConfig": "when a roll-out may run: maintenance windows, nested four deep; in raw (DOMAIN C6)",
    "scheduledJobRollouts": "as schedulingConfig",
    "presignedUrlConfig": "the role that signs addresses inside the job document; in raw (DOMAIN C6)",
    "documentParameters": "what the job document was filled in with; may hold secrets; in raw, redacted",
    "destinationPackageVersions": "software packages that the job document installs; in raw",
    "jobProcessDetails.processingTargets": "groups that are being expanded, null once they are; in raw",
    "version": "counts changes of the thing's registry entry; in raw",
    "thingId": "AWS's own id of the thing, which no operation on jobs takes; in raw",
    "defaultClientId": "the thing's name, as MQTT has it; in raw",
}
"""Parts of records that have no field of their own, and why. A name stands for itself and all below it."""


@dataclass(frozen=True)
class Recorded:
    """A recorded record, and whose it is where it does not say so itself: its job or its thing."""

    name: str
    kind: str
    body: dict
    owner: str = ""


def records() -> Iterator[Recorded]:
    """Every recorded row and description of a job, an execution or a thing."""
    for name, recording in RECORDINGS.items():
        body = recording["response"]["body"]
        if recording["response"]["status"] != 200 or not isinstance(body, dict):
            continue
        owner = recording["request"]["path"].split("/")[2:3]
        match recording["operation"]:
            case "ListJobs":
                yield from (Recorded(name, "job", row) for row in body["jobs"])
            case "DescribeJob":
                yield Recorded(name, "described job", body["job"])
            case "ListJobExecutionsForJob":
                yield from (Recorded(name, "row of a job", row, *owner) for row in body["executionSummaries"])
            case "ListJobExecutionsForThing":
                yield from (Recorded(name, "row of a thing", row, *owner) for row in body["executionSummaries"])
            case "DescribeJobExecution":
                yield Recorded(name, "described execution", body["execution"])
            case "ListThings":
                yield from (Recorded(name, "thing", row) for row in body["things"])
            case "DescribeThing":
                yield Recorded(name, "thing", body)


ALL = list(records())
SUMMARY = ("status", "queuedAt", "startedAt", "lastUpdatedAt", "executionNumber")


def mapped(one: Recorded) -> Entity:
    """The entity that a record is read into."""
    raw = json.dumps(one.body).encode()
    match one.kind:
        case "job" | "described job":
            return MAPPER.job(read(raw, JobRecord), described=one.kind == "described job")
        case "thing":
            return MAPPER.thing(read(raw, ThingRecord))
        case "row of a job":
            return MAPPER.execution(MAPPER.named_job(one.owner), read(raw, ExecutionRow))
        case "row of a thing":
            row = read(raw, ExecutionRow)
            return MAPPER.execution(MAPPER.named_job(row.record.job_id or ""), row, thing=one.owner)
        case _:
            # A description is read for an execution whose row is known already, and says the same.
            summary = {name: one.body[name] for name in SUMMARY if name in one.body}
            row = read(json.dumps({"thingArn": one.body["thingArn"], "jobExecutionSummary": summary}).encode(), ExecutionRow)
            return MAPPER.execution(MAPPER.named_job(one.body["jobId"]), row, read(raw, ExecutionRecord))


def details(entity: Entity) -> Any:
    match entity.record:
        case RunRecord() as held:
            return execution_details(held)
        case held if isinstance(held.record, JobRecord):
            return job_details(held.record)
        case held:
            return thing_details(held.record)


def shown(value: Any) -> Iterator[tuple[str, Any]]:
    """Every value that a model entity shows in typed fields, those of its details included."""
    match value:
        case Instant():
            yield "number", value.us / 1_000_000
        case Key():
            yield from (("string", part) for part in value.parts)
        case Held() | RunRecord() | Enum() | None:
            return
        case Job() if value.record is None:
            # Only named by an execution.
            yield from shown(value.key)
        case Job() | Execution():
            yield from shown(msgspec.structs.asdict(value) | {"details": details(value)})
        case Node():
            given = {"details": details(value)} if value.record is not None else {}
            yield from shown(msgspec.structs.asdict(value) | given)
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


def is_mapped(path: str, leaf: tuple[str, Any]) -> bool:
    if path.startswith("jobProcessDetails.") and leaf == ("number", 0):
        # Nothing was counted: executionCounts leaves such statuses out.
        return False
    plain = re.sub(r"\[\d+\]", "", path)
    return not any(plain == part or plain.startswith(f"{part}.") for part in NOT_MAPPED)


def test_there_are_records_of_every_kind() -> None:
    kinds = {each.kind for each in ALL}
    assert kinds == {"job", "described job", "row of a job", "row of a thing", "described execution", "thing"}
    assert {RECORDINGS[each.name]["origin"] for each in ALL} == {"model", "moto", "ministack"}
    assert len(ALL) > 150


def test_every_reason_is_needed() -> None:
    paths = {re.sub(r"\[\d+\]", "", path) for each in ALL for path, _ in leaves(each.body)}
    assert [part for part in NOT_MAPPED if not any(f"{path}.".startswith(f"{part}.") for path in paths)] == [
        "jobProcessDetails.processingTargets"
    ], "recorded empty or null only"


def test_every_recorded_value_is_in_a_typed_field() -> None:
    lost = {}
    for each in ALL:
        found = set(shown(mapped(each)))
        for path, leaf in leaves(each.body):
            if is_mapped(path, leaf) and leaf not in found:
                lost[f"{each.name} {path}"] = leaf
    assert lost == {}


def by_shape() -> list[Recorded]:
    """One record of every shape that was recorded."""
    found = {(each.kind, frozenset(shape(each.body))): each for each in ALL}
    return list(found.values())


def changed(record: dict, path: str, number: int) -> tuple[dict, Any]:
    """A copy of the record with another, unmistakable value at the path, and that value."""
    copy = json.loads(json.dumps(record))
    steps = re.findall(r"[^.\[\]]+", path)
    place: Any = copy
    for step in steps[:-1]:
        place = place[int(step) if isinstance(place, list) else step]
    last: Any = int(steps[-1]) if isinstance(place, list) else steps[-1]
    match place[last]:
        case bool() as old:
            new: Any = not old
        case int() | float():
            new = 5_000_000 + number
        case str() as old if ":thing/" in old:
            new = f"{ARN}:thing/unmistakable-{number}"
        case _:
            new = f"unmistakable-{number}"
    place[last] = new
    return copy, new


def test_every_part_of_a_record_shows() -> None:
    """Containment alone could be luck: a part that shows must show whatever it is changed to."""
    lost = []
    for each in by_shape():
        before = list(shown(mapped(each)))
        for number, (path, leaf) in enumerate(leaves(each.body)):
            if not is_mapped(path, leaf):
                continue
            copy, new = changed(each.body, path, number)
            after = list(shown(mapped(Recorded(each.name, each.kind, copy, each.owner))))
            visible = after != before if isinstance(new, bool) else new in [value for _, value in after]
            if not visible:
                lost.append(f"{each.name} {path}")
    assert lost == []
