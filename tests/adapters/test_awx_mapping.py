"""AWX's records as the model: every recorded value is found again, and each kind of record maps as agreed."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.awx.details import details_of
from adapters.awx.mapping import Mapper
from adapters.awx.records import Sent
from adapters.awx.words import FINAL_WORDS, LAUNCH_WORDS, OPEN_WORDS, status_of, trigger_kind_of
from gateway.instant import Instant
from gateway.metrics import UNKNOWN_STATUS
from gateway.model import ExecutionStatus, JobState, Key, NodeKind, NodeRole, TriggerKind

RECORDINGS = Path(__file__).parents[1] / "recordings" / "awx"
MAPPER = Mapper("awx", "https://awx.example.org/")
S = ExecutionStatus

RAW_ONLY = {"url", "related", "summary_fields"}
"""DOMAIN C6: only ``raw`` shows these. The names in summary_fields are in details all the same."""

IGNORED = {
    "launched_by.url": "a link into the API, as url is",
    "workflow_job.workflow_job_template": "its unified_job_template once more",
    "job_template.type": "the kind of details says it",
    "job_template.host_config_key": "a secret that lets hosts launch the template",
    "host.type": "the kind of details says it",
    "instance.type": "the kind of details says it",
    "job_host_summary.type": "the role of the node says it",
    "job_host_summary.created": "a summary is written when its execution ends, whose instants are there",
    "job_host_summary.modified": "as created",
    "job_host_summary.job": "the execution whose nodes are asked for",
    "job_host_summary.constructed_host": "the same machine in an inventory made of others; host is what was acted on",
}
"""Values that no typed field shows, and why."""


# --- what was recorded ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recorded:
    kind: str
    row: dict
    full: bool
    origin: str


def recorded() -> Iterator[Recorded]:
    for path in sorted(RECORDINGS.glob("*.json")):
        document = json.loads(path.read_text())
        body = document.get("response", {}).get("body")
        if not isinstance(body, dict) or document["request"]["method"] != "GET":
            continue
        full = "results" not in body
        for row in [body] if full else body["results"]:
            if isinstance(row, dict) and row.get("type") in MAPPED:
                yield Recorded(row["type"], row, full, path.stem)


MAPPED: dict[str, Callable[[bytes, bool], Any]] = {
    "job": lambda raw, full: MAPPER.execution(raw, full=full),
    "workflow_job": lambda raw, full: MAPPER.execution(raw, full=full),
    "project_update": lambda raw, full: MAPPER.execution(raw, full=full),
    "ad_hoc_command": lambda raw, full: MAPPER.execution(raw, full=full),
    "job_template": lambda raw, _full: MAPPER.job(raw),
    "host": lambda raw, _full: MAPPER.host(raw),
    "instance": lambda raw, _full: MAPPER.instance(raw),
    "job_host_summary": lambda raw, _full: MAPPER.target(raw),
}
ALL = list(recorded())


def mapped(kind: str, row: dict, full: bool) -> list[Any]:
    """The model's entity without its record, and its details."""
    entity = MAPPED[kind](json.dumps(row).encode(), full)
    record = getattr(entity, "record", None)
    if not isinstance(record, Sent):
        return [entity]
    return [msgspec.structs.replace(entity, record=None), details_of(record)]


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The values of a document with their paths; empty objects and arrays are values."""
    if isinstance(value, dict) and value:
        for key, member in value.items():
            yield from leaves(member, (*path, key))
    elif isinstance(value, list) and value:
        for member in value:
            yield from leaves(member, (*path, "[]"))
    else:
        yield path, value


def shown(value: Any) -> Iterator[Any]:
    """The values in the model and in details, comparable by ``plain``."""
    match value:
        case Instant() | None | bool() | int() | float() | str():
            yield plain(value)
        case Enum():
            yield value.value
        case dict():
            for key, member in value.items():
                yield key
                yield from shown(member)
        case list() | tuple() | frozenset():
            for member in value:
                yield from shown(member)
        case msgspec.Struct():
            yield from shown([getattr(value, name) for name in value.__struct_fields__])
        case _ if is_dataclass(value):
            yield from shown([getattr(value, one.name) for one in fields(value)])
        case _:
            raise AssertionError(f"what is {value!r}?")


def plain(value: Any) -> Any:
    """A value so that 4.0, "4.0" and 4 are equal, and an instant is one however it is written."""
    if isinstance(value, Instant):
        return ("us", value.us)
    if isinstance(value, str):
        try:
            return ("us", Instant.parse(value).us)
        except ValueError:
            pass
        try:
            return float(value)
        except ValueError:
            return value
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def pieces(value: Any) -> Iterator[Any]:
    """What must be found of an upstream value: JSON inside text counts member by member."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        yield from (plain(member) for _, member in leaves(json.loads(value)) if wanted(member))
    elif wanted(value):
        yield plain(value)


def wanted(value: Any) -> bool:
    """Whether a value says anything: null and empty become null."""
    return value is not None and value not in ("", {}, [])


def expected(kind: str, path: tuple[str, ...]) -> bool:
    dotted = ".".join(path)
    return path[0] not in RAW_ONLY and dotted not in IGNORED and f"{kind}.{dotted}" not in IGNORED


# --- nothing is lost -----------------------------------------------------------------------------------------------


def test_every_recorded_value_is_in_a_typed_field() -> None:
    assert len(ALL) > 400
    assert {one.kind for one in ALL} == set(MAPPED)
    assert len(IGNORED) <= 25
    missing = set()
    for one in ALL:
        found = set()
        for value in shown(mapped(one.kind, one.row, one.full)):
            # jobArgs is JSON text on purpose: it is a command line.
            found |= set(pieces(value)) if isinstance(value, str) else {value}
        for path, value in leaves(one.row):
            if expected(one.kind, path):
                missing |= {f"{one.kind}.{'.'.join(path)}" for piece in pieces(value) if piece not in found}
    assert missing == set()


def examples() -> dict[tuple[str, str], tuple[Recorded, tuple[str, ...]]]:
    """For each path that any recorded record has, one where it holds a value worth changing."""
    found: dict[tuple[str, str], tuple[Recorded, tuple[str, ...]]] = {}
    for one in ALL:
        for path, value in leaves(one.row):
            name = (one.kind, ".".join(path))
            if value is not None and value not in ({}, []) and "[]" not in path and expected(one.kind, path):
                known = found.get(name)
                if known is None or (not wanted(value_at(known[0].row, path)) and wanted(value)):
                    found[name] = (one, path)
    return found


def value_at(row: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        row = row[name]
    return row


def changed(value: Any) -> tuple[Any, Any]:
    """Another value of the same type that occurs nowhere else, and what to look for."""
    match value:
        case bool():
            return not value, None
        case int():
            return 700_000_123, 700_000_123.0
        case float():
            return 70_123.625, 70_123.625
        case str() if isinstance(plain(value), tuple):
            return "2031-03-04T05:06:07.089Z", ("us", Instant.parse("2031-03-04T05:06:07.089Z").us)
        case str() if isinstance(plain(value), float):
            return "70123.625", 70_123.625
        case _:
            return "sentinel words", "sentinel words"


@pytest.mark.parametrize("name", sorted(examples()), ids=".".join)
def test_every_field_is_read_not_guessed(name: tuple[str, str]) -> None:
    one, path = examples()[name]
    row = deepcopy(one.row)
    other, sought = changed(value_at(row, path))
    value_at(row, path[:-1])[path[-1]] = other
    before, after = (list(shown(mapped(one.kind, version, one.full))) for version in (one.row, row))
    assert before != after
    assert sought is None or sought in after


# --- executions ----------------------------------------------------------------------------------------------------


def job(**changes: Any) -> bytes:
    row = deepcopy(next(one.row for one in ALL if one.origin == "job_failed"))
    return json.dumps(row | changes).encode()


@pytest.mark.parametrize(
    ("words", "plain_status"),
    [(word, status) for words in (OPEN_WORDS, FINAL_WORDS) for word, status in words.items()],
)
def test_status_is_total_over_the_documented_words(words: str, plain_status: ExecutionStatus) -> None:
    assert status_of(f" {words.upper()} ", canceling=False) is plain_status
    canceling = S.CANCELING if words in OPEN_WORDS else plain_status
    assert status_of(words, canceling=True) is canceling


@pytest.mark.parametrize("word", ["reaped", "", None])
def test_an_unknown_status_is_counted_and_kept(word: str | None) -> None:
    counter = UNKNOWN_STATUS.labels("awx", word or "")._value
    before = counter.get()
    read = MAPPER.execution(job(status=word, canceled_on="2026-11-21T19:00:00Z"))
    assert (read.status, read.raw_status, counter.get() - before) == (S.UNKNOWN, word, 1)


def test_launch_types() -> None:
    assert {kind for kind in TriggerKind if kind is not TriggerKind.UNKNOWN} == set(LAUNCH_WORDS.values())
    assert trigger_kind_of("telepathy") is TriggerKind.UNKNOWN
    trigger = MAPPER.execution(job(launch_type="relaunch", launched_by={})).trigger
    assert trigger is not None
    assert (trigger.kind, trigger.raw_kind, trigger.actor) == (TriggerKind.RERUN, "relaunch", None)


def test_an_execution_as_recorded() -> None:
    read = MAPPER.execution(job(), full=True)
    assert read.key == Key("execution", "awx", ("2",))
    assert (read.tie, read.status, read.raw_status, read.targets_elsewhere) == ((2,), S.FAILED, "failed", True)
    assert read.web_url == "https://awx.example.org/#/jobs/playbook/2/output"
    assert read.updated_at is None
    assert read.timeout_seconds is None
    assert read.status_message is None
    assert read.error is not None
    assert read.error.message is None
    assert read.duration_seconds == json.loads(job())["elapsed"]
    assert read.node_counts is not None
    assert (read.node_counts.total, read.node_counts.failed, read.node_counts.changed) == (15, 1, 14)
    assert [attempt.started_at for attempt in read.attempts] == [read.started_at]
    assert read.job is not None
    assert (read.job.key, read.job.name) == (Key("job", "awx", ("5",)), "JT 01 patch")
    assert read.job.known == frozenset({"name", "description", "state", "web_url", "finished_at", "execution_counts"})


def test_instances_of_an_execution() -> None:
    nodes = MAPPER.execution(job(execution_node="exec-a", controller_node="control")).nodes
    assert [(one.node.key.parts, one.roles) for one in nodes] == [
        (("instance", "exec-a"), (NodeRole.EXECUTOR,)),
        (("instance", "control"), (NodeRole.CONTROLLER,)),
    ]
    (both,) = MAPPER.execution(job(execution_node="hybrid", controller_node="hybrid")).nodes
    assert both.roles == (NodeRole.EXECUTOR, NodeRole.CONTROLLER)
    assert both.node.known == frozenset({"name", "node_kind"})
    assert MAPPER.execution(job(execution_node="", controller_node="")).nodes == ()


def test_an_orphan_has_no_job() -> None:
    orphan = next(one for one in ALL if one.origin == "job_orphan")
    read = MAPPER.execution(json.dumps(orphan.row).encode())
    assert (read.job, read.name) == (None, "TmpJT")


def test_durations() -> None:
    assert MAPPER.execution(job(elapsed="12.5")).duration_seconds == 12.5
    assert MAPPER.execution(job(elapsed=-3)).duration_seconds is None
    waiting = MAPPER.execution(job(status="pending", started=None, finished=None, elapsed=0.0))
    assert waiting.duration_seconds is None
    unstarted = MAPPER.execution(job(status="canceled", started=None, elapsed=0.0))
    assert unstarted.duration_seconds == 0


def test_errors() -> None:
    broken = MAPPER.execution(job(status="error", job_explanation="boom", result_traceback="Traceback"), full=True)
    assert broken.error is not None
    assert (broken.error.message, broken.error.traceback, broken.status_message) == ("boom", "Traceback", "boom")
    assert MAPPER.execution(job(status="successful", result_traceback="")).error is None


def test_only_the_id_is_needed() -> None:
    read = MAPPER.execution(b'{"id": 7, "type": null, "summary_fields": null, "launched_by": null, "unheard_of": 1}')
    assert (read.name, read.status, read.created_at, read.job, read.nodes) == ("7", S.UNKNOWN, None, None, ())
    assert details_of(read.record) is not None
    assert MAPPER.job(b'{"id": 7}').name == "7"


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b"[]",
        job(created="yesterday"),
        job(canceled_on="2026-13-01T00:00:00Z"),
        job(job_template="four"),
        b'{"id": null}',
    ],
)
def test_a_record_that_makes_no_sense_is_refused(raw: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, ValueError)):
        MAPPER.execution(raw)


def test_list_rows_leave_out_what_only_details_have() -> None:
    row = next(one.row for one in ALL if one.origin == "jobs_default")
    read = MAPPER.execution(json.dumps(row).encode())
    details: Any = details_of(read.record)
    unknown = ("job_args", "job_cwd", "job_env", "event_processing_finished", "host_status_counts", "playbook_counts")
    assert {getattr(details, name) for name in unknown} == {None}
    assert read.node_counts is None


def test_secrets_are_not_in_details() -> None:
    secret = {"db_password": "s3cr3t-1", "nested": [{"api_token": "s3cr3t-2"}], "open": "shown"}
    args = json.dumps(["ansible-playbook", "-e", "vault_password=s3cr3t-3"])
    raw = job(extra_vars=json.dumps(secret), artifacts=secret, job_env={"AWS_SECRET_ACCESS_KEY": "s3cr3t-4"}, job_args=args)
    details: Any = details_of(MAPPER.execution(raw, full=True).record)
    assert "s3cr3t" not in repr(details)
    assert details.extra_vars["open"] == "shown"
    host = MAPPER.host(b'{"id": 1, "name": "web", "variables": "---\\nansible_password: s3cr3t-5\\nrack: 4"}')
    described: Any = details_of(host.record)
    assert "s3cr3t" not in described.variables
    assert "rack: 4" in described.variables
    hidden: Any = details_of(MAPPER.execution(job(artifacts="$hidden due to Ansible no_log flag$")).record)
    assert hidden.artifacts == "$hidden due to Ansible no_log flag$"


# --- jobs and nodes ------------------------------------------------------------------------------------------------


def test_a_template_as_recorded() -> None:
    row = next(one.row for one in ALL if one.origin == "job_template_detail")
    read = MAPPER.job(json.dumps(row).encode())
    assert (read.key.parts, read.tie, read.name, read.state) == (("4",), (4,), "JT 00 deploy", JobState.ACTIVE)
    assert (read.raw_state, read.finished_at) == ("never updated", None)
    assert read.definition is not None
    assert (read.definition.name, read.definition.kind) == ("site.yml @ Project Default", "playbook")
    # AWX's first recent job is an old one that is still pending.
    assert row["summary_fields"]["recent_jobs"][0]["id"] == 97
    assert read.latest_execution == Key("execution", "awx", ("241",))
    assert read.known is None


def test_nodes_as_recorded() -> None:
    host = MAPPER.host(json.dumps(next(one.row for one in ALL if one.origin == "host_named_url")).encode())
    assert (host.key.parts, host.tie, host.node_kind, host.active) == (("host", "1"), (0, 1), NodeKind.HOST, True)
    row = next(one.row for one in ALL if one.origin == "instance_detail")
    instance = MAPPER.instance(json.dumps(row).encode())
    assert (instance.key.parts, instance.tie) == (("instance", "exec-a.example.org"), (1, 2))
    assert (instance.node_kind, instance.web_url) == (
        NodeKind.WORKER,
        "https://awx.example.org/#/instances/2/details",
    )


def test_targets() -> None:
    row = next(one.row for one in ALL if one.origin == "host_summary_detail")
    target = MAPPER.target(json.dumps(row).encode())
    assert (target.node.key.parts, target.node.tie, target.roles) == (("host", "1"), (1,), (NodeRole.TARGET,))
    assert (target.failed, target.unreachable, target.status) == (False, False, S.SUCCEEDED)
    gone = MAPPER.target(json.dumps(row | {"host": None, "dark": 1, "failed": True}).encode())
    assert gone.node.key.parts == ("host-name", "web-00.example.org")
    assert (gone.node.known, gone.failed, gone.unreachable, gone.status) == (None, True, True, S.FAILED)


def test_without_an_address_there_are_no_links() -> None:
    assert Mapper("awx").execution(job()).web_url is None
