"""What a front-end developer asks first, answered over both systems, with what it may cost."""

import math
from collections import Counter
from typing import Any

import pytest

from gateway.demo import Demo
from tests.e2e.conftest import Served, changed, serve

FAILED = """
query ($first: Int!) { executions(first: $first, filter: {status: [FAILED]}) {
  edges { node { name status rawStatus startedAt source { name } job { name }
    nodes(filter: {role: [EXECUTOR]}) { edges { roles node { name } } } } }
  pageInfo { hasNextPage endCursor } partial sources { source { name } state requests residualFilters } } }
"""

PAGE = """
query ($first: Int!, $after: String, $order: ExecutionOrder!, $filter: ExecutionFilter) {
  executions(first: $first, after: $after, orderBy: $order, filter: $filter) {
    edges { cursor node { id nativeId createdAt startedAt finishedAt durationSeconds status source { name } } }
    pageInfo { hasNextPage endCursor } partial sources { source { name } state requests error { code message } } } }
"""

ORDERS = ["CREATED_AT", "STARTED_AT", "FINISHED_AT", "DURATION"]
FORTNIGHT = {"createdAt": {"from": "2026-11-01T00:00:00Z"}}
BOTH = {"awx", "scale"}


def truth(served: Served) -> set[str]:
    """Ids of all executions that the simulators hold: `source/native id`."""
    awx = {f"awx/{key}" for key, row in served.simulator("awx").world.executions.items() if row["type"] == "job"}
    return awx | {f"scale/{key}" for key in served.simulator("scale").world.executions}


async def walk(served: Served, order: dict[str, str], first: int, filter_: Any = None, between: Any = None) -> list[Any]:
    rows: list[Any] = []
    after, more = None, True
    while more:
        page = (await served.data(PAGE, first=first, after=after, order=order, filter=filter_))["executions"]
        assert not page["partial"], page["sources"]
        rows += [edge["node"] for edge in page["edges"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
        if between is not None:
            between(rows)
    return rows


def named(rows: list[Any]) -> list[str]:
    return [f"{row['source']['name']}/{row['nativeId']}" for row in rows]


@pytest.mark.parametrize("first", [50, 200])
async def test_failed_executions_cost_one_request_per_source(served: Served, first: int) -> None:
    before = served.served()
    body = await served.ask(FAILED, first=first)
    after = served.served()
    page = body["data"]["executions"]
    assert {edge["node"]["source"]["name"] for edge in page["edges"]} == BOTH
    assert {edge["node"]["status"] for edge in page["edges"]} == {"FAILED"}
    assert page["partial"] is False
    sent = {name: after[name] - before[name] for name in after}
    assert sent == {"awx": 1, "scale": 1}
    assert {report["source"]["name"]: report["requests"] for report in page["sources"]} == sent
    assert body["extensions"]["upstream"] == sent
    assert [report["residualFilters"] for report in page["sources"]] == [[], []]
    executors = [edge["node"]["nodes"]["edges"] for edge in page["edges"]]
    assert all(edge["roles"][0] == "EXECUTOR" and edge["node"]["name"] for edges in executors for edge in edges)


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("field", ORDERS)
async def test_a_walk_of_sevens_sees_everything_once_and_in_order(served: Served, field: str, direction: str) -> None:
    rows = await walk(served, {"field": field, "direction": direction}, 7, FORTNIGHT)
    seen = named(rows)
    assert sorted(seen) == sorted(truth(served))
    keys = {"CREATED_AT": "createdAt", "STARTED_AT": "startedAt", "FINISHED_AT": "finishedAt", "DURATION": "durationSeconds"}
    open_ones = [row[keys[field]] is None or (field == "DURATION" and row["finishedAt"] is None) for row in rows]
    # What has no key yet counts as later than everything: first going down, last going up.
    assert open_ones == sorted(open_ones, reverse=direction == "DESC")


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("field", ["CREATED_AT", "STARTED_AT", "FINISHED_AT"])
async def test_rows_inserted_meanwhile_cost_nobody_a_row(own: Served, field: str, direction: str) -> None:
    stable = truth(own)
    awx, scale = own.simulator("awx").world, own.simulator("scale").world
    inserted = 0

    def insert(_: list[Any]) -> None:
        nonlocal inserted
        if inserted < 60:
            inserted += 1
            awx.add_execution()
            scale.add_execution()

    seen = Counter(named(await walk(own, {"field": field, "direction": direction}, 23, None, insert)))
    assert {name for name in stable if seen[name] != 1} == set()
    assert {name: times for name, times in seen.items() if times > 1} == {}


async def test_rows_deleted_meanwhile_cost_nobody_else_a_row(own: Served) -> None:
    stable = truth(own)
    worlds = {name: own.simulator(name).world for name in BOTH}

    def delete(rows: list[Any]) -> None:
        for row in rows[-9:]:
            source, native = row["source"]["name"], int(row["nativeId"])
            if native in worlds[source].executions:
                worlds[source].delete_execution(native)

    seen = Counter(named(await walk(own, {"field": "CREATED_AT", "direction": "DESC"}, 23, None, delete)))
    assert {name: times for name, times in seen.items() if times != 1} == {}
    assert set(seen) == stable


async def test_going_on_from_an_edge_in_the_middle_searches_scale_by_halves(served: Served) -> None:
    order = {"field": "CREATED_AT", "direction": "DESC"}
    only = {"source": ["scale"]}
    rows = await served.data(PAGE, first=300, order=order, filter=only)
    edges = rows["executions"]["edges"]
    for index in (3, 120, 250):
        answer = await served.data(PAGE, first=7, after=edges[index]["cursor"], order=order, filter=only)
        page = answer["executions"]
        assert named([edge["node"] for edge in page["edges"]]) == named(
            [edge["node"] for edge in edges[index + 1 : index + 8]]
        )
        pages = math.ceil(len(served.simulator("scale").world.executions) / 7)
        requests = {report["source"]["name"]: report["requests"] for report in page["sources"]}["scale"]
        assert requests <= 1 + math.ceil(math.log2(pages)) + 1


async def test_end_cursors_cost_one_request_per_source_and_page(served: Served) -> None:
    order = {"field": "CREATED_AT", "direction": "DESC"}
    after = None
    for _ in range(6):
        page = (await served.data(PAGE, first=20, after=after, order=order))["executions"]
        assert [report["requests"] for report in page["sources"]] == [1, 1]
        after = page["pageInfo"]["endCursor"]


TARGETS = """
{ executions(first: 50, filter: {source: ["awx"], phase: [FINAL]}) { edges { node { id nativeId
    nodes(filter: {role: [TARGET]}) { source { state requests } edges { node { name } status failed tasks { ok failures } } }
} } } }
"""


async def test_target_nodes_cost_one_request_per_execution_four_at_once(own: Served) -> None:
    awx = own.simulator("awx")
    awx.app.delay = lambda path, _query: 0.05 if "job_host_summaries" in path else 0.0
    body = await own.ask(TARGETS)
    assert "errors" not in body
    reads = [request for request in awx.log if "job_host_summaries" in request.path]
    assert len(reads) == 50
    assert body["extensions"]["upstream"] == {"awx": 51}
    assert 2 <= max(request.active for request in reads) <= 4
    assert any(edge["node"]["nodes"]["edges"] for edge in body["data"]["executions"]["edges"])


async def test_one_look_up_of_fifty_that_hangs_leaves_the_others_complete(own_demo: Demo) -> None:
    async for own in serve(changed(own_demo, timeout_seconds=0.5), own_demo):
        ids = [edge["node"]["nativeId"] for edge in (await own.data(TARGETS))["executions"]["edges"]]
        victim = ids[25]
        hanging = f"/jobs/{victim}/job_host_summaries"
        own.simulator("awx").app.delay = lambda path, _query, hanging=hanging: 30 if hanging in path else 0.0
        body = await own.ask(TARGETS)
        own.simulator("awx").app.delay = None
        edges = body["data"]["executions"]["edges"]
        assert [edge["node"]["nativeId"] for edge in edges if edge["node"]["nodes"] is None] == [victim]
        (error,) = body["errors"]
        assert error["path"] == ["executions", "edges", 25, "node", "nodes"]
        assert (error["extensions"]["code"], error["extensions"]["source"]) == ("TIMEOUT", "awx")


async def test_batches_cost_one_request_per_source(served: Served) -> None:
    rows = (await served.data(PAGE, first=60, order={"field": "CREATED_AT"}))["executions"]["edges"]
    awx = [edge["node"]["id"] for edge in rows if edge["node"]["source"]["name"] == "awx"]
    body = await served.ask("query ($ids: [ID!]!) { entities(ids: $ids) { id ... on Execution { status } } }", ids=awx)
    assert [entity["id"] for entity in body["data"]["entities"]] == awx
    assert body["extensions"]["upstream"] == {"awx": 1}


async def test_totals_are_asked_for_only_when_selected_and_are_exact(served: Served) -> None:
    counted = "query ($first: Int!) { executions(first: $first) { totalCount sources { totalCount } } }"
    for first in (0, 5):
        body = await served.ask(counted, first=first)
        assert body["data"]["executions"]["totalCount"] == len(truth(served))
        assert body["extensions"]["upstream"] == {"awx": 1, "scale": 1}
    before = len(served.simulator("awx").log)
    await served.data("{ executions(first: 5) { edges { node { id } } } }")
    assert all("count_disabled" in request.query for request in served.simulator("awx").log[before:])
    assert "extensions" not in await served.ask("{ executions(first: 0) { partial } }")


async def test_the_bad_release_shows_in_both_systems(served: Served) -> None:
    data = await served.data(
        """{ executions(first: 200, filter: {outcome: [FAILURE, ERROR], search: "checkout 4.2.0",
             startedAt: {from: "2026-11-21T14:00:00Z", to: "2026-11-21T15:00:00Z"}}) {
             edges { node { statusMessage error { message } source { name } } } } }"""
    )
    found = Counter(edge["node"]["source"]["name"] for edge in data["executions"]["edges"])
    assert set(found) == BOTH
    assert min(found.values()) >= 8


async def test_what_went_wrong_in_a_source_can_be_read_beside_the_rows_of_the_others(own: Served) -> None:
    own.simulator("scale").app.delay = lambda _path, _query: 30
    body = await own.ask(
        """{ executions(first: 5, filter: {nodeName: {contains: "prod.example.org"}}) { partial
             edges { node { source { name } } }
             sources { state error { code message retryable httpStatus }
               source { name health { state error { code } } } } } }"""
    )
    own.simulator("scale").app.delay = None
    assert "errors" not in body
    page = body["data"]["executions"]
    assert page["partial"] is True
    assert {edge["node"]["source"]["name"] for edge in page["edges"]} == {"awx"}
    awx, scale = page["sources"]
    assert (awx["state"], awx["error"]["code"], awx["source"]["health"]["error"]) == ("TRUNCATED", "UNSUPPORTED", None)
    assert (scale["state"], scale["error"]["code"], scale["error"]["retryable"]) == ("FAILED", "TIMEOUT", True)
    assert scale["source"]["health"] == {"state": "DOWN", "error": {"code": "TIMEOUT"}}
