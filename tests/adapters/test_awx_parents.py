"""Workflow jobs as parents, as GraphQL shows them: the gateway over a simulated AWX that lists jobs alone."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from adapters.awx.kinds import PATHS
from gateway.config import ConfigFile
from gateway.demo import Demo, running
from tests.adapters.awx_bench import NOW
from tests.e2e.conftest import Served, serve

STEPS = "{ executions(first: 200, filter: {triggerKind: [WORKFLOW]}) { edges { node { %s } } } }"


@pytest.fixture(scope="module")
def awx() -> Iterator[Demo]:
    """A simulator that nobody changes."""
    with running(seed=7, size="small", now=NOW, only=["awx"]) as made:
        yield made


@pytest.fixture
async def over_awx(awx: Demo) -> AsyncIterator[Served]:
    async for one in serve(awx.file, awx):
        yield one


async def steps(served: Served, fields: str) -> tuple[list[Any], int]:
    """The steps of workflows, and how many requests they took."""
    body = await served.ask(STEPS % fields)
    assert "errors" not in body, body["errors"]
    return [edge["node"] for edge in body["data"]["executions"]["edges"]], body["extensions"]["upstream"]["awx"]


async def test_the_name_of_a_parent_costs_nothing(over_awx: Served) -> None:
    fields = "parent { __typename id nativeId webUrl source { name } ... on Execution { called: name } }"
    rows, requests = await steps(over_awx, fields)
    assert len(rows) >= 6
    assert {row["parent"]["called"] for row in rows} == {"nightly maintenance"}
    assert requests == 1


async def test_more_of_a_parent_is_one_request_for_all(over_awx: Served) -> None:
    world = over_awx.simulator("awx").world
    fields = "parent { nativeId status createdAt job { id } parent { id } details { __typename } raw }"
    rows, requests = await steps(over_awx, fields)
    assert requests == 2
    for parent in (row["parent"] for row in rows):
        record = world.executions[int(parent["nativeId"])]
        assert parent["status"] == {"successful": "SUCCEEDED", "failed": "FAILED"}[record["status"]]
        assert parent["createdAt"] is not None
        assert parent["raw"]["type"] == "workflow_job"
        assert (parent["job"], parent["parent"], parent["details"]) == (None, None, {"__typename": "AwxExecutionDetails"})


async def test_what_no_workflow_launched_has_no_parent(over_awx: Served) -> None:
    query = "{ executions(first: 20, filter: {triggerKind: [SCHEDULE]}) { edges { node { parent { status } } } } }"
    body = await over_awx.ask(query)
    assert [edge["node"]["parent"] for edge in body["data"]["executions"]["edges"]] == [None] * 20
    assert body["extensions"]["upstream"]["awx"] == 1


async def test_a_parent_can_be_looked_up_by_its_id(awx: Demo, over_awx: Served) -> None:
    rows, _ = await steps(over_awx, "parent { id }")
    query = """query ($id: ID!) { execution(id: $id) { name rawStatus
        details { ... on AwxExecutionDetails { unifiedJobType jobArgs } } } }"""
    # A gateway that has seen no record yet.
    async for fresh in serve(awx.file, awx):
        data = await fresh.data(query, id=rows[0]["parent"]["id"])
        assert data["execution"]["name"] == "nightly maintenance"
        assert data["execution"]["details"] == {"unifiedJobType": "workflow_job", "jobArgs": None}


async def test_a_parent_that_is_gone_stays_what_was_said_of_it() -> None:
    with running(seed=8, size="small", now=NOW, only=["awx"]) as own:
        async for served in serve(own.file, own):
            world = served.simulator("awx").world
            for number in [row["id"] for row in world.executions.values() if row["type"] == "workflow_job"]:
                del world.executions[number]
            rows, _ = await steps(served, "parent { name rawStatus createdAt }")
            assert {row["parent"]["name"] for row in rows} == {"nightly maintenance"}
            assert {row["parent"]["createdAt"] for row in rows} == {None}


async def test_runs_of_every_type() -> None:
    with running(seed=8, size="small", now=NOW, only=["awx"]) as own:
        for kind in list(PATHS)[1:]:
            own.simulators["awx"].world.add_unified_job(kind, status="successful", started=NOW, finished=NOW)  # type: ignore[attr-defined]
        document = {**own.file.data, "sources": [{**own.file.data["sources"][0], "job_types": list(PATHS)}]}
        async for served in serve(ConfigFile(json.dumps(document), "every type"), own):
            data = await served.data(
                "{ executions(first: 5) { edges { node { details { ... on AwxExecutionDetails { unifiedJobType } } } } } }"
            )
            found = [edge["node"]["details"]["unifiedJobType"] for edge in data["executions"]["edges"]]
            assert sorted(found) == sorted(list(PATHS)[1:])
