"""What the AWX adapter is, and single things read from its simulator and from recordings of the real server."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import msgspec
import pytest
from pydantic import ValidationError

from adapters.awx import factory
from adapters.awx.adapter import AwxAdapter
from adapters.awx.world import World
from gateway.errors import SourceError, SourceErrorCode
from gateway.model import Execution, Job, Key, Kind, Node, NodeKind, NodeResult
from gateway.query import (
    ExecutionFilter,
    Filter,
    ListQuery,
)
from gateway.spi import NOT_FOUND, Adapter, At, Page, Ping, Start, SupportsSimulation, SupportsTargets
from tests.adapters.awx_bench import HTML, NEWEST, NOW, Bench, Faulty, adapter_on, bench_of, key

RECORDINGS = Path(__file__).parents[1] / "recordings" / "awx"


@pytest.fixture
def bench() -> Bench:
    return bench_of(World.generate(5, 300, NOW))


# --- what it is ----------------------------------------------------------------------------------------------------


def test_it_is_an_adapter(bench: Bench) -> None:
    adapter: Adapter = bench.adapter
    assert isinstance(adapter, SupportsTargets)
    assert isinstance(factory, SupportsSimulation)
    types = factory.details()
    every = (*types.job, *types.execution, *types.node)
    fields = {f"{one.__name__}.{field.name}" for one in every for field in _graphql_fields(one)}
    named = {name for name in adapter.capabilities.costs if name.startswith("Awx")}
    assert {name.replace("_", "").lower() for name in named} <= {name.replace("_", "").lower() for name in fields}
    assert types.costs == adapter.capabilities.costs


def _graphql_fields(one: Any) -> Any:
    definition = one.__strawberry_definition__
    assert all(field.description for field in definition.fields)
    assert definition.description
    return definition.fields


def test_the_factory_is_cheap_to_import() -> None:
    code = "import sys, adapters.awx; print({'strawberry', 'starlette', 'httpx', 'yaml'} & set(sys.modules))"
    root = Path(__file__).parents[2]
    # Settings are pydantic models read from YAML: that much every factory needs.
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert found.stdout.strip() == "{'yaml'}"


@pytest.mark.parametrize(
    ("kind", "native_id", "parts"),
    [
        ("execution", "42", ("42",)),
        ("execution", "042", None),
        ("execution", "4 2", None),
        ("execution", "٤٢", None),
        ("execution", "", None),
        ("job", "7", ("7",)),
        ("job", "host/7", None),
        ("node", "host/7", ("host", "7")),
        ("node", "host/x", None),
        ("node", "host", None),
        ("node", "7", None),
        ("node", "host-name/rack 4/switch 7", ("host-name", "rack 4/switch 7")),
        ("node", "host-name/", None),
        ("node", "instance/exec-a.example.org", ("instance", "exec-a.example.org")),
        ("node", "instance/a\0b", None),
    ],
)
def test_native_ids(bench: Bench, kind: Kind, native_id: str, parts: tuple[str, ...] | None) -> None:
    assert bench.adapter.parse_native_id(kind, native_id) == parts
    assert parts is None or Key(kind, "awx", parts).native_id == native_id


# --- keyed reads ---------------------------------------------------------------------------------------------------


async def test_a_batch_keeps_order_and_length(bench: Bench) -> None:
    known = sorted(bench.world.executions)
    host, template = min(bench.world.hosts), min(bench.world.job_templates)
    keys = [
        key("execution", known[9]),
        key("job", template),
        key("execution", 999_999),
        key("node", "host", host),
        key("node", "instance", "exec-a.example.org"),
        key("node", "instance", "gone.example.org"),
        key("node", "host-name", "rack 4/switch 7"),
        key("execution", known[0]),
        key("execution", known[9]),
        key("execution", 1 << 40),
        key("execution", "no number"),
        key("node", "host", 999_999),
        key("job", 999_999),
    ]
    found = await bench.adapter.fetch(keys)
    assert [None if answer is NOT_FOUND else getattr(answer, "key", None) for answer in found] == [
        *keys[:2],
        None,
        *keys[3:9],
        *[None] * 4,
    ]
    # Jobs, templates, hosts, instances; and whether a workflow job has the number that no job has.
    assert bench.requests() == 5
    gone, named = found[5], found[6]
    assert isinstance(gone, Node)
    assert isinstance(named, Node)
    assert (gone.name, gone.known, gone.record) == ("gone.example.org", None, None)
    assert (named.name, named.known, named.node_kind) == ("rack 4/switch 7", None, NodeKind.HOST)
    assert bench.adapter.details(gone) is None
    assert bench.adapter.raw(gone) is None


async def test_large_batches_are_divided(bench: Bench) -> None:
    keys = [key("execution", number) for number in bench.world.executions]
    found = await bench.adapter.fetch(keys)
    assert [getattr(answer, "key", None) for answer in found] == keys
    assert bench.requests() == 2
    assert await bench.adapter.fetch([]) == []
    assert await bench.adapter.fetch([key("execution", 1 << 31), key("node", "host-name", "x")]) != []
    assert bench.requests() == 0


async def test_a_failed_part_of_a_batch_fails_its_own_keys_only(bench: Bench) -> None:
    def broken(request: httpx.Request) -> bool:
        return "/jobs/" in request.url.path

    adapter = adapter_on(Faulty(bench.simulator, broken, httpx.Response(500, text="<html>", headers=HTML)))
    number, template = min(bench.world.executions), min(bench.world.job_templates)
    execution, job = await adapter.fetch([key("execution", number), key("job", template)])
    assert isinstance(execution, SourceError)
    assert isinstance(job, Job)


async def test_full_strength(bench: Bench) -> None:
    number = next(row["id"] for row in bench.world.executions.values() if row["status"] == "successful" and row["job_args"])
    (listed,) = await bench.adapter.fetch([key("execution", number)])
    full = await bench.adapter.fetch_full(key("execution", number))
    assert isinstance(listed, Execution)
    assert isinstance(full, Execution)
    assert (listed.node_counts, full.node_counts is None) == (None, False)
    assert full == msgspec.structs.replace(listed, node_counts=full.node_counts, record=full.record)
    before, after = bench.adapter.details(listed), bench.adapter.details(full)
    assert (getattr(before, "job_cwd", 0), getattr(after, "job_cwd", 0)) == (None, "/runner/project")
    bench.requests()
    assert await bench.adapter.fetch_full(key("execution", 999_999)) is NOT_FOUND
    assert await bench.adapter.fetch_full(key("execution", 1 << 31)) is NOT_FOUND
    # It might have been a workflow job.
    assert bench.requests() == 2
    job = await bench.adapter.fetch_full(key("job", min(bench.world.job_templates)))
    assert isinstance(job, Job)


async def test_what_may_not_be_seen(bench: Bench) -> None:
    viewer = {"type": "basic", "username": "viewer", "password": "viewer-password"}
    limited = bench_of(bench.world, auth=viewer)
    hidden = next(row for row in bench.world.executions.values() if row["organization"] == 2 and row["execution_node"])
    execution = key("execution", hidden["id"])
    assert await limited.adapter.fetch([execution]) == [NOT_FOUND]
    refused = await limited.adapter.fetch_full(execution)
    assert isinstance(refused, SourceError)
    assert refused.code is SourceErrorCode.FORBIDDEN
    (instance,) = await limited.adapter.fetch([key("node", "instance", hidden["execution_node"])])
    assert isinstance(instance, Node)
    assert (instance.name, instance.known) == (hidden["execution_node"], None)


async def test_the_latest_execution_of_a_job(bench: Bench) -> None:
    never = bench.world.add_template("never run")
    templates = [*bench.world.job_templates, 999_999]
    found = await bench.adapter.latest([key("job", number) for number in templates])
    assert bench.requests() == 2
    newest: dict[int, int] = {}
    for row in bench.world.executions.values():
        if row["job_template"] is not None:
            newest[row["job_template"]] = max(row["id"], newest.get(row["job_template"], 0))
    assert [answer.tie[0] if isinstance(answer, Execution) else answer for answer in found] == [
        newest.get(number, NOT_FOUND) for number in templates
    ]
    assert found[templates.index(never)] is NOT_FOUND


# --- targets -------------------------------------------------------------------------------------------------------


async def test_targets_page_by_page(bench: Bench) -> None:
    per_job: dict[int, list[dict]] = {}
    for row in bench.world.job_host_summaries.values():
        per_job.setdefault(row["job"], []).append(row)
    number = next(job for job, rows in per_job.items() if any(row["failed"] for row in rows) and len(rows) > 4)
    (execution,) = await bench.adapter.fetch([key("execution", number)])
    assert isinstance(execution, Execution)
    bench.requests()
    found: list[NodeResult] = []
    after, totals = None, []
    while True:
        page = await bench.adapter.targets(execution, failed=None, first=3, after=after)
        found += page.rows
        totals.append(page.total)
        if not page.more:
            break
        after = page.rows[-1].node.tie
    assert [result.node.name for result in found] == [row["host_name"] for row in per_job[number]]
    assert totals == [len(per_job[number]), *[None] * (len(totals) - 1)]
    assert bench.requests() == len(totals)
    failed = await bench.adapter.targets(execution, failed=True, first=200, after=None)
    assert [result.failed for result in failed.rows] == [True]
    assert (failed.total, failed.more) == (1, False)
    rest = await bench.adapter.targets(execution, failed=False, first=len(found) - 1, after=None)
    assert (len(rest.rows), rest.more) == (len(found) - 1, False)


async def test_deleted_hosts_are_targets_by_name(bench: Bench) -> None:
    summary = next(row for row in bench.world.job_host_summaries.values() if row["host"] is None)
    (execution,) = await bench.adapter.fetch([key("execution", summary["job"])])
    assert isinstance(execution, Execution)
    page = await bench.adapter.targets(execution, failed=None, first=50, after=None)
    assert key("node", "host-name", summary["host_name"]) in {result.node.key for result in page.rows}


# --- secrets -------------------------------------------------------------------------------------------------------


async def test_no_secret_is_shown(bench: Bench) -> None:
    for number, row in bench.world.job_templates.items():
        row["extra_vars"] = f"---\ndb_password: s3cr3t-template-{number}\n"
    entities: list[Any] = [await bench.adapter.fetch_full(key("execution", number)) for number in bench.world.executions]
    entities += await bench.adapter.fetch([key("job", number) for number in bench.world.job_templates])
    entities += await bench.adapter.fetch([key("node", "host", number) for number in bench.world.hosts])
    for entity in entities:
        assert "s3cr3t-" not in json.dumps(bench.adapter.raw(entity), ensure_ascii=False)
        assert "s3cr3t-" not in repr(bench.adapter.details(entity))
        assert "s3cr3t-" in entity.record.raw.decode() or entity.record.fields.id
    raw = bench.adapter.raw(entities[0])
    assert raw["id"] == entities[0].tie[0]
    assert raw["name"] == entities[0].name


async def test_ping_checks_the_credentials(bench: Bench) -> None:
    assert await bench.adapter.ping() == Ping("24.6.1", "admin")
    assert bench.requests() == 2
    stranger = bench_of(bench.world, auth={"type": "bearer", "token": "wrong"})
    with pytest.raises(SourceError) as caught:
        await stranger.adapter.ping()
    assert caught.value.code is SourceErrorCode.UNAUTHENTICATED
    await bench.adapter.aclose()


# --- recordings of the real server ---------------------------------------------------------------------------------


class Recordings(httpx.AsyncBaseTransport):
    """Answers what the real server answered. ``loose`` requests may differ in page size, count and order only."""

    def __init__(self, *, loose: bool = False) -> None:
        self.loose = loose
        self.answers: dict[tuple, dict] = {}
        for path in sorted(RECORDINGS.glob("*.json")):
            document = json.loads(path.read_text())
            asked = document.get("request", {})
            if asked.get("method") != "GET" or "Basic" in asked["headers"].get("Authorization", ""):
                continue
            if asked["headers"]["Accept"] in ("application/json", "*/*") and document["response"]["status"] in (200, 404):
                self.answers[self._name(asked["path"], asked["query"])] = document["response"]
        # Nobody asked the real server for a workflow job that it has not: these are its answers about other types.
        self.answers[self._name("/api/v2/workflow_jobs/999999/", "")] = self._answer("err_404_job")
        nothing = self._answer("list_system_jobs")
        self.answers[self._name("/api/v2/workflow_jobs/", "id__in=999999")] = nothing

    def _answer(self, name: str) -> dict:
        answer: dict = json.loads((RECORDINGS / f"{name}.json").read_text())["response"]
        return answer

    def _name(self, path: str, query: str) -> tuple:
        paging = {"page_size", "count_disabled", "order_by"} if self.loose else set()
        return (path, *sorted(pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in paging))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path, _, query = request.url.raw_path.decode().partition("?")
        recorded = self.answers[self._name(path, query)]
        body = recorded["body"]
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        return httpx.Response(
            recorded["status"], content=content, headers={"Content-Type": recorded["headers"]["content-type"]}
        )


def ids_of(rows: Sequence[Any]) -> list[Any]:
    return [row.tie[-1] for row in rows]


async def pages_of(adapter: AwxAdapter, wanted: Filter, start: Start) -> Page[Any]:
    kind: Kind = "execution" if isinstance(wanted, ExecutionFilter) else "job"
    return await anext(aiter(adapter.scan(adapter.plan(ListQuery(kind, wanted, NEWEST)), start)))


async def test_the_real_server_verbatim() -> None:
    adapter = adapter_on(Recordings())
    assert await adapter.ping() == Ping("24.6.1", "admin")
    page = await pages_of(adapter, ExecutionFilter(), Start(rows=1, count=True))
    assert (page.total, page.more, ids_of(page.rows)) == (255, True, [270])
    assert await adapter.count(adapter.plan(ListQuery("execution", ExecutionFilter(), NEWEST))) == 250
    assert await adapter.fetch_full(key("execution", 999_999)) is NOT_FOUND
    statuses = {}
    for number in (1, 2, 3, 4, 5, 10, 18, 21, 43, 271):
        found = await adapter.fetch_full(key("execution", number))
        assert isinstance(found, Execution)
        assert adapter.details(found) is not None
        assert adapter.raw(found)["id"] == number
        statuses[number] = found.status.value
    assert statuses == {
        1: "SUCCEEDED",
        2: "FAILED",
        3: "RUNNING",
        4: "SUCCEEDED",
        5: "CANCELED",
        10: "SUCCEEDED",
        18: "PENDING",
        21: "PENDING",
        43: "ERRORED",
        271: "SUCCEEDED",
    }


async def test_the_real_server_with_other_page_sizes() -> None:
    adapter = adapter_on(Recordings(loose=True))
    found = await adapter.fetch([key("job", 4), *(key("node", "host", number) for number in (1, 2, 30)), key("job", 5)])
    assert [getattr(one, "name", one) for one in (found[0], found[-1])] == ["JT 00 deploy", "JT 01 patch"]
    assert [getattr(one, "tie", one) for one in found[1:4]] == [(0, 1), (0, 2), (0, 30)]
    instances = await adapter.fetch([key("node", "instance", f"exec-{one}.example.org") for one in "ab"])
    assert [getattr(one, "active", None) for one in instances] == [True, True]
    executions = await adapter.fetch([key("execution", number) for number in (1, 2, 3, 250, 999_999)])
    assert [getattr(one, "tie", one) for one in executions] == [(1,), (2,), (3,), (250,), NOT_FOUND]
    with pytest.raises(KeyError):
        await pages_of(adapter, ExecutionFilter(), Start(at=At(0, (1,))))


def test_settings_need_an_address() -> None:
    with pytest.raises(ValidationError, match="base_url"):
        factory.settings.model_validate({"name": "awx", "kind": "awx"})
    assert adapter_on(Recordings(), ui_url="https://ui.example.org/awx")._mapper.ui == "https://ui.example.org/awx/"
