"""Runner's records as the unified model: no recorded value is lost, and the odd records that Runner may send."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.ctl_runner.client import ExecutionRecord, JobRecord
from adapters.ctl_runner.details import CtlCommit, CtlExecutionDetails, CtlJobDetails, execution_details, job_details
from adapters.ctl_runner.mapping import EXECUTION_STATUS, Mapper, instant, without_secrets
from adapters.ctl_runner.world_rows import STATUSES, TERMINAL, commit_log, pseudo_json
from gateway.instant import Instant
from gateway.metrics import UNKNOWN_STATUS
from gateway.model import (
    Attempt,
    Entity,
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
    NodeRole,
)
from gateway.records import Held, read
from gateway.redaction import REDACTED

DIRECTORY = Path(__file__).parent.parent / "recordings" / "ctl_runner"
RECORDINGS: dict[str, dict] = {path.stem: json.loads(path.read_text()) for path in sorted(DIRECTORY.glob("*.json"))}
MAPPER = Mapper("runner")

WITHHELD: dict[str, str] = {
    "repository.credentials": "user and password of the repository: nobody may see them",
    "hosts.hostVars": "variables of a host hold passwords under any name",
    "hosts.sshPrivateKey": "a private key",
    "properties": "extra variables hold secrets under any name",
    "callbacks": "addresses of webhooks are as good as passwords; an object's level is shown",
    "playbook": "the playbook itself, in base 64, where no secret can be found and redacted; that there is one is shown",
    "links": "addresses below this API, some of them stale",
}
"""Parts of records that no field shows, and why."""


def records() -> Iterator[tuple[str, str, dict]]:
    """Every recorded row and detail of what the adapter maps: recording, kind, record."""
    for name, recording in RECORDINGS.items():
        body = recording["response"]["body"]
        rows = (
            body["results"] if isinstance(body, dict) and "results" in body else body if isinstance(body, list) else [body]
        )
        for row in rows:
            if "event_type" not in row and "scheduleId" not in row and "execution_id" in row:
                yield name, "execution", row
            elif "repository" in row:
                yield name, "job", row


ALL = list(records())


def mapped(kind: str, record: dict) -> Entity:
    raw = json.dumps(record).encode()
    if kind == "job":
        return MAPPER.job(read(raw, JobRecord))
    return MAPPER.execution(read(raw, ExecutionRecord), {})


def details(entity: Entity) -> Any:
    if entity.record is None:
        return None
    match entity.record.record:
        case JobRecord() as job:
            return job_details(job)
        case ExecutionRecord() as execution:
            return execution_details(execution)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Paths and values of a JSON document; what says nothing (null, empty) is left out."""
    match value:
        case dict():
            for key, member in value.items():
                yield from leaves(member, f"{path}.{key}".lstrip("."))
        case list():
            for index, member in enumerate(value):
                yield from leaves(member, f"{path}[{index}]")
        case None | "":
            return
        case _:
            yield path, value


def shown(value: Any) -> Iterator[Any]:
    """Every value that a model entity shows in typed fields, those of its details included."""
    match value:
        case Instant():
            yield ("instant", value.us // 1000)
        case Key():
            yield from value.parts
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
        case _:
            yield value


def lost(kind: str, record: dict) -> dict[str, Any]:
    """Values that no typed field shows, by their path."""
    found = [*shown(mapped(kind, record))]
    booleans = [each for each in found if isinstance(each, bool)]
    gone = {}
    for path, leaf in leaves(record):
        plain = re.sub(r"\[\d+\]", "", path)
        if any(f"{plain}.".startswith(f"{part}.") for part in WITHHELD):
            continue
        if re.search(r"(?i)(^|\.)(start|end|createdTime|lastUpdatedTime)$", plain):
            present = ("instant", leaf) in found
        elif plain == "failed_hosts" and not isinstance(leaf, str):
            # A number is no host (contract, section 9, 5): it says only that the list means nothing.
            present = True
        elif isinstance(leaf, bool):
            present = leaf in booleans
        else:
            present = leaf in [each for each in found if not isinstance(each, bool)]
        if not present:
            gone[path] = leaf
    return gone


def test_there_are_records_of_every_kind() -> None:
    assert [name for name, kind, _ in ALL if kind == "job"] == ["get_job_array", "get_job_ui_observed"]
    assert len([name for name, kind, _ in ALL if kind == "execution"]) == 6
    assert len(WITHHELD) <= 25


@pytest.mark.parametrize(
    ("name", "kind", "record"), ALL, ids=[f"{name}-{number}" for number, (name, _, _) in enumerate(ALL)]
)
def test_every_recorded_value_is_in_a_typed_field(name: str, kind: str, record: dict) -> None:
    assert lost(kind, record) == {}


@pytest.mark.parametrize(
    ("name", "kind", "record"), ALL, ids=[f"{name}-{number}" for number, (name, _, _) in enumerate(ALL)]
)
def test_every_part_of_a_record_shows(name: str, kind: str, record: dict) -> None:
    """Containment alone could be luck: a part that shows must show whatever it is changed to."""
    for number, (path, leaf) in enumerate(leaves(record)):
        if isinstance(leaf, bool) or path == "repository_log" or re.fullmatch(r"failed_hosts\[\d+\]", path):
            continue
        copy = json.loads(json.dumps(record))
        place, steps = copy, [int(each) if each.isdigit() else each for each in re.findall(r"[^.\[\]]+", path)]
        for step in steps[:-1]:
            place = place[step]
        place[steps[-1]] = leaf + 86_400_000 * number if isinstance(leaf, int) else f"unmistakable-{number}"
        assert lost(kind, copy) == {}, path


def test_nothing_withheld_is_shown() -> None:
    """Whatever lies in the withheld parts, not even its neighbours show it; nor does the raw record."""
    secret = "unmistakable"
    record = {
        "id": "1",
        "repository": {"url": f"https://me:{secret}@git.example/x", "credentials": {"username": secret, "x": [secret]}},
        "hosts": [{"id": "a", "hostVars": {"colour": secret}, "sshPrivateKey": secret}, {"id": "b", "hostVars": [secret]}],
        "properties": {"colour": secret},
        "callbacks": [{"url": f"https://hooks.example/{secret}", "level": "ERROR"}, f"https://hooks.example/{secret}"],
        "playbook": secret,
    }
    entity = mapped("job", record)
    assert not [each for each in shown(entity) if secret in str(each)]
    assert json.dumps(without_secrets(record)).count(secret) == 1  # the address, which redaction knows
    found = details(entity)
    assert isinstance(found, CtlJobDetails)
    assert found.repository_url == f"https://me:{REDACTED}@git.example/x"
    assert (found.host_ids, found.callback_levels, found.has_inline_playbook) == (["a", "b"], ["ERROR"], True)


# --- records by hand


def execution(jobs: Any = None, **given: Any) -> Execution:
    record = {"execution_id": "e1", "job_id": "j1", **given}
    return MAPPER.execution(read(json.dumps(record).encode(), ExecutionRecord), jobs)


def job(**given: Any) -> Job:
    return MAPPER.job(read(json.dumps({"id": "j1", **given}).encode(), JobRecord))


STATUS = {
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
    " failure ": ExecutionStatus.FAILED,
}


@pytest.mark.parametrize(("word", "status"), STATUS.items())
def test_status(word: str, status: ExecutionStatus) -> None:
    row = execution(status=word)
    assert (row.status, row.raw_status) == (status, word)


def test_every_documented_word_is_known() -> None:
    assert EXECUTION_STATUS.keys() == STATUSES
    final = {word for word, status in EXECUTION_STATUS.items() if status.phase is ExecutionPhase.FINAL}
    assert final == TERMINAL


def test_unknown_words_are_counted_and_kept() -> None:
    def counted(word: str) -> Any:
        return UNKNOWN_STATUS.labels("runner", word)._value.get()

    before = counted("ASLEEP"), counted("COMPLETE")
    row, one = execution(status="ASLEEP", start=1_000_000_000_000, end=1_000_000_001_000), job(status="COMPLETE")
    assert (row.status, row.raw_status, row.finished_at) == (ExecutionStatus.UNKNOWN, "ASLEEP", None)
    assert (one.state, one.raw_state) == (JobState.UNKNOWN, "COMPLETE")
    assert (counted("ASLEEP"), counted("COMPLETE")) == (before[0] + 1, before[1] + 1)
    assert job(status="ACTIVE").state is JobState.ACTIVE


def test_records_of_nothing_but_their_ids() -> None:
    names = ExecutionRecord.__struct_fields__[2:]
    for row in (execution({}), execution({}, **dict.fromkeys(names))):
        assert (row.key, row.tie) == (Key("execution", "runner", ("j1", "e1")), ("j1", "e1"))
        assert (row.name, row.status, row.raw_status, row.known) == ("j1", ExecutionStatus.UNKNOWN, None, None)
        assert (row.attempt, row.attempts, row.created_at, row.nodes, row.node_counts) == (None, (), None, (), None)
        assert row.derived_timestamps == ()
        assert details(row) == CtlExecutionDetails(
            account_alias=None,
            repository_log=None,
            commits=None,
            failed_hosts=[],
            is_vpn_established=None,
            record_id=None,
        )
    camel = [re.sub("_(.)", lambda match: match[1].upper(), name) for name in JobRecord.__struct_fields__[1:]]
    for each in (job(), job(**dict.fromkeys(camel))):
        assert (each.name, each.state, each.definition, each.known) == ("j1", JobState.UNKNOWN, None, None)
        assert details(each).host_ids == []


@pytest.mark.parametrize(
    "odd", [{}, {"execution_id": 7}, {"execution_id": "a/b"}, {"job_id": ".."}, {"timers": {"start": 1}}]
)
def test_records_that_cannot_be_read(odd: dict) -> None:
    given = {"execution_id": "e1", "job_id": "j1", **odd} if odd else {}
    with pytest.raises(ValueError, match="not"):
        MAPPER.execution(read(json.dumps(given).encode(), ExecutionRecord))
    with pytest.raises(ValueError, match="not"):
        MAPPER.job(read(b'{"id": "executions"}', JobRecord))


class TestTiming:
    def test_timers(self) -> None:
        timers = [
            {"start": 1_445_359_386_400, "end": 1_445_359_388_219},
            {"start": 1_445_359_400_000, "end": 1_445_359_401_500},
        ]
        row = execution(status="FAILURE", timers=timers)
        first, last = (instant(1_445_359_386_400), instant(1_445_359_401_500))
        assert (row.created_at, row.started_at, row.finished_at) == (first, first, last)
        assert (row.attempt, row.duration_seconds) == (2, 1.5)
        assert row.attempts[0] == Attempt(1, first, instant(1_445_359_388_219))
        assert row.derived_timestamps == (ExecutionTimestamp.CREATED_AT,)

    @pytest.mark.parametrize("word", sorted(STATUSES - TERMINAL))
    def test_an_end_before_the_end(self, word: str) -> None:
        row = execution(status=word, timers=[{"start": 1_445_359_386_400, "end": 1_445_359_388_219}])
        assert (row.finished_at, row.duration_seconds, row.attempt) == (None, None, 1)
        assert row.started_at is not None

    def test_flat(self) -> None:
        row = execution(status="SUCCESS", start=1_444_924_450_534, end=1_444_924_452_123)
        assert row.started_at == Instant.parse("2015-10-15T15:54:10.534Z")
        assert (row.attempt, row.duration_seconds) == (1, 1.589)

    @pytest.mark.parametrize("timers", [None, []])
    def test_timers_come_first(self, timers: Any) -> None:
        row = execution(status="SUCCESS", timers=timers, start=1_444_924_450_534, end=None)
        assert (row.attempt, row.finished_at) == (1, None)
        both = execution(status="SUCCESS", timers=[{"start": 1_445_359_386_400}], start=1_444_924_450_534)
        assert both.started_at == instant(1_445_359_386_400)

    def test_seconds_and_texts(self) -> None:
        row = execution(status="SUCCESS", start=1_444_924_450, end="1444924452123")
        assert row.started_at == Instant.parse("2015-10-15T15:54:10Z")
        assert row.finished_at == Instant.parse("2015-10-15T15:54:12.123Z")

    def test_clocks_that_disagree(self) -> None:
        row = execution(status="SUCCESS", start=1_444_924_452_123, end=1_444_924_450_534)
        assert row.duration_seconds is None

    def test_an_attempt_that_did_not_start(self) -> None:
        row = execution(status="PENDING", timers=[{"start": None, "end": None}])
        assert (row.attempt, row.attempts, row.created_at) == (None, (), None)


class TestNodes:
    JOB = MAPPER.job(
        read(b'{"id": "j1", "name": "deploy", "hosts": [{"id": "a"}, {"id": "b"}, "c", {}, {"id": "a"}]}', JobRecord)
    )

    def nodes(self, **given: Any) -> list[tuple[str, ExecutionStatus | None, bool | None]]:
        row = execution({"j1": self.JOB}, **given)
        assert all(each.roles == (NodeRole.TARGET,) and each.node.node_kind is NodeKind.HOST for each in row.nodes)
        assert all(each.node.known is None for each in row.nodes)
        return [(each.node.key.native_id, each.status, each.failed) for each in row.nodes]

    def test_success(self) -> None:
        fine = (ExecutionStatus.SUCCEEDED, False)
        assert self.nodes(status="SUCCESS", failed_hosts=[]) == [("a", *fine), ("b", *fine), ("c", *fine)]

    def test_failure(self) -> None:
        unknown = (ExecutionStatus.UNKNOWN, None)
        broken = (ExecutionStatus.FAILED, True)
        found = self.nodes(status="FAILURE", failed_hosts=["b", "dyn-01", 0, ""])
        assert found == [("a", *unknown), ("b", *broken), ("c", *unknown), ("dyn-01", *broken)]

    def test_counts(self) -> None:
        assert execution(failed_hosts=["a", "b"]).node_counts == NodeCounts(failed=2)
        assert execution(failed_hosts=[]).node_counts == NodeCounts(failed=0)
        # The number that samples print says nothing.
        assert execution(failed_hosts=[0]).node_counts is None
        assert execution(failed_hosts="none").node_counts is None


class TestJobs:
    def test_names(self) -> None:
        assert job(name="n", description="d").name == "n"
        assert job(name="", description="d").name == "d"
        assert job(description="").name == "j1"
        assert job(description="").description is None

    @pytest.mark.parametrize("wrapped", [False, True])
    @pytest.mark.parametrize("word", ["branch", "ref"])
    def test_repositories(self, wrapped: bool, word: str) -> None:
        sent: Any = {"url": "https://git.example/x", word: "main", "defaultPlaybook": "site.yml"}
        one = job(repository=[sent] if wrapped else sent)
        assert one.definition == JobDefinition("site.yml", "playbook", version="main", url="https://git.example/x")
        assert details(one).repository_branch == "main"

    @pytest.mark.parametrize("repository", [None, [], "x", {}, {"url": 7}, [[]]])
    def test_no_repository(self, repository: Any) -> None:
        assert job(repository=repository).definition is None

    def test_executions_take_after_their_job(self) -> None:
        one = job(name="deploy", executionTtl=30)
        row = execution({"j1": one})
        assert (row.name, row.timeout_seconds, row.job) == ("deploy", 1800, one)

    def test_what_is_only_mentioned(self) -> None:
        row = execution()
        assert row.known is not None
        assert row.known >= {"status", "details", "raw", "node_counts", "job"}
        assert not row.known & {"name", "nodes", "timeout_seconds"}
        assert row.job is not None
        assert row.job.known == frozenset({"finished_at", "execution_counts", "web_url"})
        gone = execution({"j1": None})
        assert (gone.known, gone.name) == (None, "j1")
        assert gone.job == Job(key=Key("job", "runner", ("j1",)), tie=("j1",), name="j1")

    def test_records_of_2015(self) -> None:
        recap = {"web-01": {"changed": 1, "failures": 0, "ok": 4, "skipped": 0, "unreachable": 0}}
        found = details(job(details={"lastRun": 1_444_924_450_534, "lastStatus": recap}))
        assert (found.last_run_at, found.last_status) == (instant(1_444_924_450_534), recap)


class TestRepositoryLog:
    LOG = commit_log("b087e1a4", "Roll out, 'quoted' {braces}", 1_444_924_450_534)
    COMMIT = CtlCommit(
        commit="b087e1a4",
        author="Ansel Müller",
        author_email="ansel@shop.example",
        date="Thu Oct 15 14:54:10 2015 +0000",
        message="Roll out, 'quoted' {braces}",
    )

    @pytest.mark.parametrize("spelled", [LOG, json.dumps(LOG), pseudo_json(LOG)], ids=["object", "JSON", "pseudo-JSON"])
    def test_spellings(self, spelled: Any) -> None:
        found = details(execution(repository_log=spelled))
        assert found.commits == [self.COMMIT]
        if isinstance(spelled, str):
            assert found.repository_log == spelled
        else:
            assert json.loads(found.repository_log) == spelled

    def test_several_commits(self) -> None:
        text = "{'recent_commit': [{'commit': \"1\", 'message': \"a\"}, {'commit': \"2\"}]}"
        found = details(execution(repository_log=text)).commits
        assert [(each.commit, each.message) for each in found] == [("1", "a"), ("2", None)]

    @pytest.mark.parametrize("log", ["what?", "{'message': 'of no commit'}", {}, [], 7, {"recent_commit": [{}, None]}])
    def test_what_holds_none(self, log: Any) -> None:
        assert details(execution(repository_log=log)).commits == []

    @pytest.mark.parametrize("log", [None, ""])
    def test_none(self, log: Any) -> None:
        found = details(execution(repository_log=log))
        assert (found.repository_log, found.commits) == (None, None)

    def test_secrets(self) -> None:
        found = details(execution(repository_log={"recent_commit": [{"commit": "1", "message": "password=hunter2"}]}))
        assert "hunter2" not in repr(found)
        assert found.commits[0].message == f"password={REDACTED}"
