"""The AWS IoT adapter against the simulator: lists in every order, details and raw, the service, what it asks for."""

import asyncio
import dataclasses
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
import pytest
from pydantic import ValidationError

from adapters.aws_iot import AwsIotSettings, factory
from adapters.aws_iot.details import IotExecutionDetails, IotJobDetails, IotThingDetails
from adapters.aws_iot.simulator import Simulator
from adapters.aws_iot.world import World
from adapters.aws_iot.world_generator import STORY_JOB
from adapters.aws_iot.world_rows import ExecutionId
from gateway.errors import SourceErrorCode
from gateway.ids import encode
from gateway.merge import SourceReportState
from gateway.model import Execution, ExecutionStatus, JobState
from gateway.query import (
    ExecutionFilter,
    JobFilter,
    NodeFilter,
    Order,
    OrderField,
    TextMatch,
    order_value,
    position,
)
from gateway.redaction import REDACTED
from gateway.spi import AdapterFactory, Ping, SupportsSimulation
from tests.adapters.aws_iot_bench import MINUTE, NEWEST, NOW, Bench, fleet
from tests.adapters.test_aws_iot_reads import execution_key, full, job_key, keys_of, named, thing_key
from tests.support import running_app

RECORDINGS = Path(__file__).parent.parent / "recordings" / "aws_iot"
ALL = ExecutionFilter()


# --- lists ---------------------------------------------------------------------------------------------------------

ORDERS = [Order(field, descending) for field in OrderField for descending in (True, False)]


@pytest.mark.parametrize("order", ORDERS, ids=str)
async def test_pages_make_the_whole_list(order: Order) -> None:
    bench = Bench.open()
    whole, _ = await bench.page(ALL, order, 1000)
    assert {row.key for row in whole.rows} == set(keys_of(bench))
    placed = sorted(whole.rows, key=lambda row: position(order_value(row, order.field), order, "iot", row.tie))
    assert list(whole.rows) == placed
    assert await bench.all(ALL, order, first=17) == [row.key for row in whole.rows]


async def test_jobs_and_things() -> None:
    bench = Bench.open()
    assert await bench.all(JobFilter(), first=7) == [
        job_key(row["jobId"]) for row in sorted(bench.world.jobs.values(), key=lambda row: (-row["createdAt"], row["jobId"]))
    ]
    names = await bench.all(NodeFilter(), Order(OrderField.NATIVE), first=7)
    assert names == sorted(thing_key(name) for name in bench.world.things)
    canceled = JobFilter(states=frozenset({JobState.CANCELED}))
    await bench.adapter.aclose()
    fresh = Bench.open()
    found_ = await fresh.all(canceled)
    assert {key.native_id for key in found_} == {k for k, row in fresh.world.jobs.items() if row["status"] == "CANCELED"}
    assert fresh.asked() == ["/jobs?status=CANCELED"]


async def test_search_says_what_it_could_not_see() -> None:
    bench = Bench.open()
    page, _ = await bench.page(ExecutionFilter(search="CHECKOUT-4"), first=1000)
    assert {row.key.parts[0] for row in page.rows} == {STORY_JOB}
    report = page.reports["iot"]
    assert (report.state, report.error and report.error.code) == (
        SourceReportState.TRUNCATED,
        SourceErrorCode.UNSUPPORTED,
    )
    assert "only names" in str(report.error)


async def test_ping() -> None:
    bench = Bench.open()
    assert await bench.adapter.ping() == Ping(None)
    assert bench.asked() == ["/jobs?maxResults=1"]


def test_native_ids() -> None:
    parse = Bench.open().adapter.parse_native_id
    assert parse("execution", "job-1/rack:7/2") == ("job-1", "rack:7", "2")
    assert parse("job", "job-1") == ("job-1",)
    assert parse("node", "rack:7") == ("rack:7",)
    longest = f"{'j' * 64}/{'t' * 128}/{2**63 - 1}"
    assert parse("execution", longest) == tuple(longest.split("/"))
    for text in (
        "job-1/rack:7",
        "job-1/rack:7/2/3",
        "job:1/t/1",
        "j/t/01",
        "j/t/-1",
        "j/t/+1",
        "j/t/",
        "j/t/1\n",
        "j/t/\u0661",
    ):
        assert parse("execution", text) is None
    for text in ("", "a/b", "a:b", "a b", "a%2Fb", "..", "a\n", "ü", "x" * 65):
        assert parse("job", text) is None
    for text in ("", "a/b", "a b", "..", "x" * 129):
        assert parse("node", text) is None


# --- details and raw -----------------------------------------------------------------------------------------------


async def test_no_secret_gets_out() -> None:
    bench = Bench.open()
    assert "s3cr3t" in json.dumps([bench.world.jobs, [*bench.world.executions.values()]])
    for thing in bench.world.things.values():
        thing["attributes"] = {"wifiPassword": "s3cr3t-wifi", "site": "berlin"}
    keys = [*map(job_key, bench.world.jobs), *keys_of(bench), *map(thing_key, bench.world.things)]
    kinds = {"job": IotJobDetails, "execution": IotExecutionDetails, "node": IotThingDetails}
    redacted = 0
    for key in keys:
        for entity in (await full(bench, key), *await bench.adapter.fetch([key])):
            shown = bench.adapter.details(entity)
            raw = json.dumps(bench.adapter.raw(entity))
            assert isinstance(shown, kinds[key.kind])
            assert "s3cr3t" not in raw + repr(entity) + repr(shown)
            redacted += (raw + repr(shown)).count(REDACTED)
    assert redacted > len(bench.world.things)


async def test_raw_has_what_has_no_field_of_its_own() -> None:
    bench = Bench.open()
    raw = bench.adapter.raw(await full(bench, job_key(STORY_JOB)))
    kept = bench.world.jobs[STORY_JOB]
    assert raw["abortConfig"] == kept["abortConfig"]
    assert raw["jobExecutionsRolloutConfig"] == {"maximumPerMinute": 5}
    secret = next(row for row in bench.world.jobs.values() if "registryPassword" in row["documentParameters"])
    shown = bench.adapter.raw(await full(bench, job_key(secret["jobId"])))
    assert shown["documentParameters"] == {**secret["documentParameters"], "registryPassword": REDACTED}


async def test_what_is_only_named_has_none() -> None:
    bench = Bench.open()
    (row,) = await bench.adapter.fetch([keys_of(bench)[0]])
    assert isinstance(row, Execution)
    assert row.job is not None
    for entity in (row.job, row.nodes[0].node):
        assert (bench.adapter.details(entity), bench.adapter.raw(entity)) == (None, None)


def test_costs_name_fields_that_exist() -> None:
    types = factory.details()
    classes = {cls.__name__: cls for cls in (*types.job, *types.execution, *types.node)}
    assert {name.partition(".")[0] for name in types.costs} <= {*classes, "Job", "Execution", "Node"}
    for cls in classes.values():
        assert dataclasses.is_dataclass(cls)
        names = {_camel(each.name) for each in dataclasses.fields(cls)}
        priced = {name.partition(".")[2] for name in types.costs if name.startswith(f"{cls.__name__}.")}
        assert priced <= names


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


# --- through the service -------------------------------------------------------------------------------------------


async def test_the_latest_execution_and_costly_fields_of_jobs() -> None:
    world = fleet(3, 4)
    world.add_job("idle", createdAt=NOW - MINUTE, description="waits")
    simulator = Simulator(world, quotas={})
    source = {"name": "iot", **factory.simulator_settings("http://iot.example"), "quota": {"rate": 1000, "burst": 100}}
    text = json.dumps({"sources": [source]})
    query = """query ($ids: [ID!]!) { entities(ids: $ids) { ... on Job {
        nativeId description executionCounts { status count } latestExecution { nativeId queuedAt } } } }"""
    transport = httpx.ASGITransport(app=simulator.app)
    async with running_app(text, transports=lambda _settings: transport) as app:
        ids = [encode(job_key(name)) for name in ("job-0001", "idle", "nowhere")]
        data = await app.data(query, {"ids": ids})
    last = execution_key("job-0001", "thing-003").native_id
    busy, idle, nothing = data["entities"]
    assert busy["latestExecution"]["nativeId"] == last
    assert {each["status"]: each["count"] for each in busy["executionCounts"]} == {
        "SUCCEEDED": 2,
        "FAILED": 1,
        "TIMED_OUT": 1,
    }
    assert (idle["latestExecution"], idle["description"], idle["executionCounts"]) == (None, "waits", [])
    assert nothing is None


# --- what is asked for, against what was recorded ------------------------------------------------------------------

UNRECORDED = {
    ("ListJobExecutionsForThing", "status"): "in the service model (contract, section 1); recorded for a job's list",
}


def recorded_shapes() -> set[tuple[str, str]]:
    shapes = set()
    for path in RECORDINGS.glob("*.json"):
        recording = json.loads(path.read_text(encoding="utf-8"))
        request = recording["request"]
        if request["method"] == "GET":
            shapes.add((recording["operation"], ""))
            shapes |= {(recording["operation"], name) for name, _ in parse_qsl(request["query"])}
    return shapes


async def test_only_what_was_recorded_is_asked_for() -> None:
    bench = Bench.open(fleet(3, 300, completed=False), keep_seconds=0)
    key = next(iter(bench.world.executions))
    filters = [
        ALL,
        ExecutionFilter(statuses=frozenset({ExecutionStatus.QUEUED})),
        ExecutionFilter(nodes=frozenset({thing_key(key.thing_name)}), statuses=frozenset({ExecutionStatus.QUEUED})),
        ExecutionFilter(nodes=frozenset({thing_key(key.thing_name)}), jobs=frozenset({job_key(key.job_id)})),
    ]
    for given in filters:
        await bench.page(given)
    for other in (JobFilter(), JobFilter(states=frozenset({JobState.ACTIVE})), NodeFilter()):
        await bench.page(other)
    await bench.adapter.ping()
    for each in (execution_key(*key), job_key(key.job_id), thing_key(key.thing_name)):
        await full(bench, each)
    sent = set()
    for request in bench.simulator.log:
        operation = named(request.method, request.path)
        sent |= {(operation, ""), *((operation, name) for name, _ in parse_qsl(request.query, keep_blank_values=True))}
    assert sent - recorded_shapes() == UNRECORDED.keys()
    assert {operation for operation, _ in sent} == {
        *("ListJobs", "DescribeJob", "ListJobExecutionsForJob", "ListJobExecutionsForThing", "DescribeJobExecution"),
        *("ListThings", "DescribeThing"),
    }


# --- the factory ---------------------------------------------------------------------------------------------------


def test_factory() -> None:
    declared: AdapterFactory = factory
    assert declared.kind == "aws-iot"
    assert isinstance(factory, SupportsSimulation)
    simulator = factory.simulator(seed=1, size=90, now=NOW)
    assert isinstance(simulator, Simulator)
    assert isinstance(simulator.world, World)
    assert ExecutionId(*next(iter(simulator.world.executions))).job_id in simulator.world.jobs


def test_importing_the_factory_is_cheap() -> None:
    code = (
        "import sys, adapters.aws_iot; "
        "assert not {'botocore', 'strawberry', 'starlette', 'adapters.aws_iot.adapter'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "given",
    [
        {"region": None},
        {"region": "us-east-1/x"},
        {"region": "everywhere"},
        {"base_url": "https://iot.us-east-1.amazonaws.com"},
        {"auth": {"type": "bearer", "token": "s3cr3t-1"}},
        {"access_key_id": "AKIA"},
        {"secret_access_key": "s3cr3t-2"},
        {"endpoint_url": "ftp://x"},
        {"endpoint_url": "http://x/path"},
        {"keep_seconds": -1},
        {"quota": {"rate": 0}},
    ],
)
def test_settings_that_cannot_be(given: dict) -> None:
    with pytest.raises(ValidationError) as raised:
        AwsIotSettings.model_validate({"name": "iot", "kind": "aws-iot", "region": "us-east-1", **given})
    assert "s3cr3t" not in str(raised.value)


def test_quotas_by_operation() -> None:
    given = {"quota": {"rate": 5}, "quotas": {"ListJobs": {"rate": 2, "burst": 1}}}
    made = AwsIotSettings.model_validate({"name": "iot", "kind": "aws-iot", "region": "us-east-1", **given})
    assert (made.quota_of("ListJobs").rate, made.quota_of("DescribeJob").rate) == (2, 5)
    assert AwsIotSettings(name="iot", kind="aws-iot", region="us-east-1").quota_of("DescribeThing").rate == 100


async def test_what_was_kept_is_read_again_once_it_is_stale() -> None:
    bench = Bench.open(fleet(1, 1, completed=False))
    key = keys_of(bench)[0]
    await bench.page(ALL)
    bench.world.update_execution(
        ExecutionId(key.parts[0], key.parts[1], 1), status="SUCCEEDED", lastUpdatedAt=NOW + timedelta(hours=1)
    )
    (row,) = await bench.adapter.fetch([key])
    assert isinstance(row, Execution)
    assert row.status is ExecutionStatus.QUEUED
    bench.clock.now += 61
    (row,) = await bench.adapter.fetch([key])
    assert isinstance(row, Execution)
    assert row.status is ExecutionStatus.SUCCEEDED
    assert (await bench.page(ALL, NEWEST))[0].rows[0].status is ExecutionStatus.SUCCEEDED


def test_names_that_are_spelled_out_need_no_list_of_jobs() -> None:
    bench = Bench.open()
    given = ExecutionFilter(name=TextMatch(among=frozenset({STORY_JOB, "no job"})))
    assert asyncio.run(bench.all(given, first=1000)) == [
        key for key in asyncio.run(Bench.open().all(ALL, first=1000)) if key.parts[0] == STORY_JOB
    ]
    assert bench.asked() == [f"/jobs/{STORY_JOB}/things"]
