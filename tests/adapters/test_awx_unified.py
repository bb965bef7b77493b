"""AWX's other types of unified job as executions: what is asked for, what records become, where they are looked up."""

import json
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from pydantic import ValidationError

from adapters.awx import factory
from adapters.awx.details import details_of
from adapters.awx.kinds import PATHS, Listing, SeenTypes
from adapters.awx.mapping import WORKFLOW_OF_ROW, Mapper
from adapters.awx.planning import plan
from adapters.awx.scanning import Section
from adapters.awx.world import World
from gateway.errors import SourceError, SourceErrorCode
from gateway.model import Execution, ExecutionStatus, Key, NodeRole, TriggerKind
from gateway.query import ExecutionFilter, ListQuery, Order, OrderField, TextMatch
from gateway.spi import NOT_FOUND, Cost
from tests.adapters.awx_bench import HTML, NEWEST, NOW, Bench, Faulty, adapter_on, bench_of, key

RECORDINGS = Path(__file__).parents[1] / "recordings" / "awx"
MAPPER = Mapper("awx", "https://awx.example.org/")
EVERY_TYPE = tuple(PATHS)
OTHERS = EVERY_TYPE[1:]
MIXED = Listing(("job", "project_update"))
UNNAMED = Listing(("job", "ad_hoc_command"))
S = ExecutionStatus


def recorded(name: str) -> dict:
    """The record of a recording; the first one of a list."""
    body: dict = json.loads((RECORDINGS / f"{name}.json").read_text())["response"]["body"]
    row: dict = body["results"][0] if "results" in body else body
    return row


def mapped(row: dict, **changes: Any) -> Execution:
    return MAPPER.execution(json.dumps(row | changes).encode())


def described(read: Execution) -> Any:
    return details_of(read.record)


@pytest.fixture
def world() -> World:
    """Jobs, two of them steps of a workflow job, and a run of every other type."""
    made = World.generate(5, 60, NOW)
    made.add_workflow_job(sorted(made.executions)[:2], status="successful", started=NOW, finished=NOW, job_args="[]")
    for kind in OTHERS[1:]:
        made.add_unified_job(kind, status="failed", started=NOW, finished=NOW, job_args="[]")
    return made


def number_of(world: World, kind: str) -> int:
    found: int = next(row["id"] for row in world.executions.values() if row["type"] == kind and row["finished"])
    return found


# --- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("types", [[], ["job", "job"], ["workflow_approval"], "job", [None]])
def test_types_are_known_and_named_once(types: Any) -> None:
    with pytest.raises(ValidationError, match="job_types"):
        factory.settings.model_validate({"name": "a", "kind": "awx", "base_url": "http://awx/", "job_types": types})


def test_jobs_alone_unless_said_otherwise() -> None:
    assert factory.settings.model_validate({"name": "a", "kind": "awx", "base_url": "http://awx/"}).job_types == ("job",)


# --- planning ------------------------------------------------------------------------------------------------------


def asked(wanted: ExecutionFilter, listing: Listing, order: Order = NEWEST) -> str:
    (leg,) = plan(ListQuery("execution", wanted, order), listing).native
    section = Section(leg, by_id=leg.order.field is OrderField.NATIVE)
    return f"{leg.path}?" + "&".join(f"{name}={value}" for name, value in section.params)


def nodes(*names: str) -> frozenset[Key]:
    return frozenset(Key("node", "awx", tuple(name.split("/", 1))) for name in names)


def nowhere(_request: httpx.Request) -> httpx.Response:
    raise AssertionError("a plan asks nobody")


@pytest.mark.parametrize(
    ("wanted", "listing", "query", "pushed"),
    [
        (ExecutionFilter(), MIXED, "", set()),
        (ExecutionFilter(statuses=frozenset({S.FAILED})), MIXED, "status__in=failed&", {"status"}),
        (ExecutionFilter(name=TextMatch(equals="deploy")), MIXED, "name=deploy&", {"name"}),
        (
            ExecutionFilter(search="deploy"),
            MIXED,
            "or__name__icontains=deploy&or__job_explanation__icontains=deploy&",
            {"search"},
        ),
        # An ad hoc command shows another name than AWX compares.
        (ExecutionFilter(name=TextMatch(equals="deploy")), UNNAMED, "", set()),
        (ExecutionFilter(search="deploy"), UNNAMED, "", set()),
        (ExecutionFilter(search=""), UNNAMED, "", set()),
        # What jobs alone have takes a prefix.
        (ExecutionFilter(jobs=frozenset({key("job", 4), key("job", 12)})), MIXED, "job__job_template__in=4,12&", {"jobId"}),
        (ExecutionFilter(nodes=nodes("host/5")), MIXED, "job__job_host_summaries__host__in=5&", {"nodeId"}),
        (
            ExecutionFilter(nodes=nodes("host-name/old", "instance/a")),
            MIXED,
            "or__job__job_host_summaries__host_name=old&or__execution_node=a&or__controller_node=a&",
            {"nodeId"},
        ),
        (
            ExecutionFilter(node_name=TextMatch(contains="web")),
            MIXED,
            "or__job__job_host_summaries__host_name__icontains=web&or__execution_node__icontains=web"
            "&or__controller_node__icontains=web&",
            {"nodeName"},
        ),
        (
            ExecutionFilter(trigger_kinds=frozenset({TriggerKind.WORKFLOW})),
            MIXED,
            "launch_type__in=workflow&",
            {"triggerKind"},
        ),
    ],
)
def test_the_list_of_all_types(wanted: ExecutionFilter, listing: Listing, query: str, pushed: set[str]) -> None:
    assert asked(wanted, listing) == f"unified_jobs/?type={','.join(listing.types)}&{query}order_by=-created,id"
    made = plan(ListQuery("execution", wanted, NEWEST), listing)
    adapter = adapter_on(httpx.MockTransport(nowhere), job_types=list(listing.types))
    assert adapter.plan(ListQuery("execution", wanted, NEWEST)) == made
    assert made.pushed == pushed
    assert made.pushed <= adapter.capabilities.pushed_filters
    assert (made.unsupported, made.reason_empty, made.counts) == (None, None, True)


@pytest.mark.parametrize("kind", OTHERS)
def test_one_other_type_alone_is_read_from_the_same_list(kind: str) -> None:
    assert asked(ExecutionFilter(), Listing((kind,)), Order(OrderField.NATIVE)) == f"unified_jobs/?type={kind}&order_by=id"


# --- mapping -------------------------------------------------------------------------------------------------------


def test_a_workflow_job_as_recorded() -> None:
    read = mapped(recorded("list_workflow_jobs"))
    assert (read.key.parts, read.name, read.status, read.duration_seconds) == (("261",), "WF nightly", S.SUCCEEDED, 540.0)
    assert (read.job, read.nodes, read.parent, read.targets_elsewhere) == (None, (), None, False)
    assert read.web_url == "https://awx.example.org/#/jobs/workflow/261/output"
    details = described(read)
    assert (details.unified_job_type, details.unified_job_template_id) == ("workflow_job", 16)
    assert (details.unified_job_template_name, details.is_sliced_job) == ("WF nightly", False)
    sliced = mapped(recorded("list_workflow_jobs"), is_sliced_job=True, job_template=7)
    assert (sliced.job, described(sliced).sliced_job_template_id) == (None, 7)


def test_a_project_update_as_recorded() -> None:
    read = MAPPER.execution(json.dumps(recorded("project_update_detail")).encode(), full=True)
    assert (read.job, read.targets_elsewhere, [result.roles for result in read.nodes]) == (
        None,
        False,
        [(NodeRole.EXECUTOR,)],
    )
    assert read.trigger is not None
    assert (read.trigger.kind, read.trigger.actor) == (TriggerKind.SYNC, read.name)
    assert read.web_url == "https://awx.example.org/#/jobs/project/251/output"
    details = described(read)
    assert (details.project_id, details.scm_type) == (1, "git")
    assert details.playbook_counts == {"play_count": 1, "task_count": 5}


def test_an_ad_hoc_command_as_recorded() -> None:
    read = mapped(recorded("list_ad_hoc_commands"), module_args="creates=/x api_token=s3cr3t-1")
    assert (read.name, read.job) == ("ping", None)
    details = described(read)
    assert (details.module_name, details.credential_id, details.credential_name) == ("ping", 1, "Demo SSH")
    assert "creates=/x" in details.module_args
    assert "s3cr3t" not in details.module_args


def test_inventory_updates_and_system_jobs() -> None:
    """Never recorded: their records are those that the simulator makes after AWX's serializers."""
    made = World.generate(5, 40, NOW)
    update = described(mapped(made.executions[made.add_unified_job("inventory_update")]))
    assert (update.inventory_source_id, update.inventory_source_kind, update.overwrite) == (17, "ec2", True)
    assert "s3cr3t" not in update.source_vars
    assert "eu-north-1" in update.source_vars
    cleanup = described(mapped(made.executions[made.add_unified_job("system_job")]))
    assert (cleanup.job_type, cleanup.extra_vars) == ("cleanup_jobs", {"days": 90})


@pytest.mark.parametrize("kind", EVERY_TYPE)
def test_only_the_id_and_type_are_needed(kind: str) -> None:
    read = MAPPER.execution(json.dumps({"id": 7, "type": kind}).encode())
    assert (read.name, read.status, read.job, read.parent, read.nodes) == ("7", S.UNKNOWN, None, None, ())
    assert described(read) is not None


def test_a_step_knows_its_workflow_job() -> None:
    step = mapped(recorded("unified_of_workflow"))
    parent = step.parent
    assert parent is not None
    assert (parent.key, parent.name, parent.status) == (Key("execution", "awx", ("261",)), "WF nightly", S.SUCCEEDED)
    assert (parent.known, parent.record) == (WORKFLOW_OF_ROW, None)
    assert parent.web_url == "https://awx.example.org/#/jobs/workflow/261/output"
    assert step.trigger is not None
    assert step.trigger.kind is TriggerKind.WORKFLOW


@pytest.mark.parametrize("told", [None, {}, {"name": "WF nightly"}, {"id": None}])
def test_a_workflow_job_that_nobody_remembers_is_no_parent(told: Any) -> None:
    assert mapped(recorded("unified_of_workflow"), summary_fields={"source_workflow_job": told}).parent is None


def test_a_nameless_parent_takes_a_look_up_for_its_name() -> None:
    parent = mapped(recorded("unified_of_workflow"), summary_fields={"source_workflow_job": {"id": 261}}).parent
    assert parent is not None
    assert (parent.name, parent.known) == ("261", frozenset({"web_url"}))


# --- look-ups ------------------------------------------------------------------------------------------------------


async def looked_up(bench: Bench, *keys: Key) -> tuple[list[Any], list[str]]:
    """The answers, and what was asked for them."""
    bench.requests()
    found = await bench.adapter.fetch(keys)
    paths = [f"{each.path.removeprefix('/api/v2/')}?{each.query.partition('&order_by')[0]}" for each in bench.simulator.log]
    return list(found), paths


async def test_an_execution_of_any_type_is_found_by_its_number(world: World) -> None:
    bench = bench_of(world, job_types=["job", "ad_hoc_command"])
    wanted = {kind: key("execution", number_of(world, kind)) for kind in EVERY_TYPE}
    found, paths = await looked_up(bench, *wanted.values())
    # Workflow jobs are always found, because steps name them as parents; of the others those that are listed.
    expected = {"job", "ad_hoc_command", "workflow_job"}
    assert {kind for kind, answer in zip(wanted, found, strict=True) if answer is not NOT_FOUND} == expected
    assert [path.partition("?")[0] for path in paths] == ["unified_jobs/"]


async def test_with_jobs_alone_what_no_job_has_may_be_a_workflow_job(world: World) -> None:
    bench = bench_of(world)
    job, workflow, update = (number_of(world, kind) for kind in ("job", "workflow_job", "project_update"))
    found, paths = await looked_up(bench, *(key("execution", number) for number in (workflow, update, 1)))
    assert found[1:] == [NOT_FOUND, NOT_FOUND]
    assert found[0].name == "nightly maintenance"
    assert [path.partition("?")[0] for path in paths] == ["jobs/", "workflow_jobs/"]
    # Jobs cost what they always cost, and what a record has told is not asked again.
    assert (await looked_up(bench, key("execution", job)))[1] == [f"jobs/?id__in={job}"]
    assert (await looked_up(bench, key("execution", workflow)))[1] == [f"workflow_jobs/?id__in={workflow}"]


async def test_the_parents_of_a_page_are_one_request(world: World) -> None:
    bench = bench_of(world)
    page, _ = await bench.page(ExecutionFilter(), first=100)
    parents = {row.parent.key for row in page.rows if row.parent is not None}
    assert parents == {key("execution", number_of(world, "workflow_job"))}
    found, paths = await looked_up(bench, *parents)
    assert (isinstance(found[0], Execution), len(paths)) == (True, 1)
    assert bench.adapter.capabilities.cost("Execution.parent") is Cost.BATCH


async def test_a_workflow_job_whose_list_fails_is_not_missing(world: World) -> None:
    def broken(request: httpx.Request) -> bool:
        return "workflow_jobs" in request.url.path

    adapter = adapter_on(Faulty(bench_of(world).simulator, broken, httpx.Response(500, text="<html>", headers=HTML)))
    workflow = key("execution", number_of(world, "workflow_job"))
    job, missing = await adapter.fetch([key("execution", number_of(world, "job")), workflow])
    assert isinstance(job, Execution)
    for answer in (missing, await adapter.fetch_full(workflow)):
        assert isinstance(answer, SourceError)
        assert answer.code is SourceErrorCode.UNAVAILABLE


@pytest.mark.parametrize("kind", EVERY_TYPE)
async def test_full_strength_comes_from_the_address_of_the_type(world: World, kind: str) -> None:
    bench = bench_of(world, job_types=list(EVERY_TYPE))
    wanted = key("execution", number_of(world, kind))
    own = f"{PATHS[kind]}{wanted.native_id}/"
    for expected in (["unified_jobs/", own], [own]):
        bench.requests()
        full: Any = await bench.adapter.fetch_full(wanted)
        assert [each.path.removeprefix("/api/v2/") for each in bench.simulator.log] == expected
        assert described(full).job_args is not None
    (listed,) = await bench.adapter.fetch([wanted])
    assert isinstance(listed, Execution)
    assert described(listed).job_args is None
    assert isinstance(full, Execution)
    assert full == msgspec.structs.replace(listed, record=full.record, node_counts=full.node_counts, error=full.error)
    assert await bench.adapter.fetch_full(key("execution", 999_999)) is NOT_FOUND


async def test_full_strength_where_jobs_alone_are_listed(world: World) -> None:
    bench = bench_of(world)
    job, workflow = number_of(world, "job"), number_of(world, "workflow_job")
    for number, expected in (
        (workflow, [f"jobs/{workflow}/", f"workflow_jobs/{workflow}/"]),
        (workflow, [f"workflow_jobs/{workflow}/"]),
        (job, [f"jobs/{job}/"]),
    ):
        bench.requests()
        assert isinstance(await bench.adapter.fetch_full(key("execution", number)), Execution)
        assert [each.path.removeprefix("/api/v2/") for each in bench.simulator.log] == expected


def test_of_many_types_the_latest_are_remembered() -> None:
    seen = SeenTypes(most=2)
    for number, kind in ((1, "job"), (2, "workflow_job"), (1, "job"), (3, "system_job")):
        seen.note(number, kind)
    assert [seen.get(number) for number in (1, 2, 3)] == ["job", None, "system_job"]


# --- lists ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("types", [("job",), ("workflow_job",), ("job", "system_job"), EVERY_TYPE])
async def test_a_list_has_the_types_that_were_asked_for(world: World, types: tuple[str, ...]) -> None:
    bench = bench_of(world, job_types=list(types))
    own = {key("execution", row["id"]) for row in world.executions.values() if row["type"] in types}
    page, _ = await bench.page(ExecutionFilter(), first=199, totals=True)
    assert {row.key for row in page.rows} == own
    assert (page.total, bench.requests()) == (len(own), 1)
    walked = await bench.walk(ExecutionFilter(), Order(OrderField.FINISHED_AT), 7)
    assert (len(walked), set(walked)) == (len(own), own)


async def test_an_ad_hoc_command_is_found_by_the_name_that_it_shows(world: World) -> None:
    bench = bench_of(world, job_types=["job", "ad_hoc_command"])
    assert world.executions[number_of(world, "ad_hoc_command")]["module_args"] == "uptime"
    for wanted in (ExecutionFilter(name=TextMatch(equals="shell")), ExecutionFilter(search="SHELL")):
        page, _ = await bench.page(wanted)
        assert [row.name for row in page.rows] == ["shell"]
    page, _ = await bench.page(ExecutionFilter(name=TextMatch(contains="uptime")))
    assert page.rows == []


async def test_the_simulator_knows_the_children_of_a_workflow_job(world: World) -> None:
    """As recorded: unified_of_workflow, filter_unified_node."""
    simulator = bench_of(world).simulator
    workflow = number_of(world, "workflow_job")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=simulator.app), base_url="http://awx/api/v2/") as client:
        client.headers["Authorization"] = "Bearer admin-token"
        for path in ("unified_jobs", "jobs"):
            page = (await client.get(f"{path}/?unified_job_node__workflow_job={workflow}&order_by=id")).json()
            assert [row["summary_fields"]["source_workflow_job"]["id"] for row in page["results"]] == [workflow] * 2
        steps = (await client.get(f"workflow_jobs/{workflow}/workflow_nodes/?order_by=id")).json()
        assert [row["job"] for row in steps["results"]] == sorted(world.executions)[:2]
        listed = (await client.get(f"workflow_jobs/?id={workflow}")).json()["results"][0]
        detail = (await client.get(f"workflow_jobs/{workflow}/")).json()
        assert detail.keys() - listed.keys() == {"job_args", "job_cwd", "job_env", "result_traceback"}
    assert listed.keys() == recorded("list_workflow_jobs").keys()


@pytest.mark.parametrize(
    ("kind", "name"), [("project_update", "list_project_updates"), ("ad_hoc_command", "list_ad_hoc_commands")]
)
def test_generated_runs_have_the_recorded_keys(world: World, kind: str, name: str) -> None:
    row, real = world.executions[number_of(world, kind)], recorded(name)
    hidden = recorded("project_update_detail").keys() - recorded("list_project_updates").keys()
    assert real.keys() <= row.keys()
    assert row.keys() - real.keys() <= hidden
