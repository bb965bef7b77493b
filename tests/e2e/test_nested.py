"""Lists inside rows: nodes of executions, executions of jobs and nodes, and what they may cost."""

from typing import Any

from tests.e2e.conftest import Served

NODES = """query ($id: ID!, $first: Int!, $after: String) { execution(id: $id) { nodes(first: $first, after: $after) {
  totalCount source { state requests } edges { cursor roles node { id name } } pageInfo { hasNextPage endCursor } } } }"""


async def an_execution_with_targets(served: Served) -> str:
    data = await served.data(
        '{ executions(first: 1, filter: {name: {equals: "deploy checkout"}, phase: [FINAL]}) { edges { node { id } } } }'
    )
    identity: str = data["executions"]["edges"][0]["node"]["id"]
    return identity


async def test_nodes_of_an_execution_page_to_the_end(served: Served) -> None:
    identity = await an_execution_with_targets(served)
    whole = (await served.data(NODES, id=identity, first=50))["execution"]["nodes"]
    assert [edge["roles"] for edge in whole["edges"]] == [["EXECUTOR"], ["CONTROLLER"], *[["TARGET"]] * 6]
    assert whole["totalCount"] == 8
    for first in (1, 2, 3, 7):
        edges: list[Any] = []
        after, more = None, True
        while more:
            page = (await served.data(NODES, id=identity, first=first, after=after))["execution"]["nodes"]
            edges += page["edges"]
            after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
            assert len(page["edges"]) <= first
        assert edges == whole["edges"]


async def test_a_cursor_of_one_executions_nodes_is_none_of_anothers(served: Served) -> None:
    identity = await an_execution_with_targets(served)
    cursor = (await served.data(NODES, id=identity, first=1))["execution"]["nodes"]["edges"][0]["cursor"]
    other = (await served.data('{ source(name: "scale") { execution(nativeId: "1") { id } } }'))["source"]["execution"]["id"]
    body = await served.ask(NODES, id=other, first=1, after=cursor)
    assert body["data"]["execution"]["nodes"] is None
    assert body["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert body["errors"][0]["path"] == ["execution", "nodes"]


async def test_executions_of_a_job_are_its_own(served: Served) -> None:
    query = """query ($source: String!) { jobs(first: 20, filter: {source: [$source]}) { edges { node { id source { name }
        executions(first: 3) { edges { node { job { id } } } sources { source { name } state requests } } } } } }"""
    for source in ("awx", "scale"):
        jobs = (await served.data(query, source=source))["jobs"]["edges"]
        assert sum(len(edge["node"]["executions"]["edges"]) for edge in jobs) >= 10
        for edge in jobs:
            job = edge["node"]
            assert {each["node"]["job"]["id"] for each in job["executions"]["edges"]} <= {job["id"]}
            for report in job["executions"]["sources"]:
                expected = ("OK", True) if report["source"]["name"] == source else ("SKIPPED", False)
                assert (report["state"], report["requests"] > 0) == expected


async def test_lists_inside_lists_are_counted_and_the_fifty_first_is_refused(served: Served) -> None:
    body = await served.ask("{ jobs(first: 52) { edges { node { executions(first: 1) { partial } } } } }")
    lists = [edge["node"]["executions"] for edge in body["data"]["jobs"]["edges"]]
    assert lists[:50] == [{"partial": False}] * 50
    assert lists[50:] == [None, None]
    assert {error["extensions"]["code"] for error in body["errors"]} == {"COST_LIMIT_EXCEEDED"}


async def test_fields_beyond_the_budget_are_null_with_the_reason_at_their_path(served: Served) -> None:
    body = await served.ask(
        '{ executions(first: 120, filter: {outcome: [SUCCESS], source: ["awx"]}) { edges { node { nodeCounts { ok } } } } }'
    )
    counts = [edge["node"]["nodeCounts"] for edge in body["data"]["executions"]["edges"]]
    # A hundred reads at the most, or as many as three seconds hold on a slow machine.
    assert 0 < len([each for each in counts if each is not None]) <= 100
    assert {error["extensions"]["code"] for error in body["errors"]} == {"TRUNCATED"}
    assert all(counts[error["path"][2]] is None for error in body["errors"])


async def test_a_source_that_fails_fails_the_field_where_that_is_asked_for(own: Served) -> None:
    own.simulator("scale").world.executions.clear()
    own.simulator("awx").accounts = ()
    query = (
        "query ($policy: SourceErrorPolicy!) { executions(first: 3, onSourceError: $policy) { partial sources { state } } }"
    )
    body = await own.ask(query, policy="FAIL")
    assert body["data"]["executions"] is None
    (error,) = body["errors"]
    assert (error["path"], error["extensions"]["code"], error["extensions"]["source"]) == (
        ["executions"],
        "UNAUTHENTICATED",
        "awx",
    )
    data = await own.data(query, policy="PARTIAL")
    assert data["executions"] == {"partial": True, "sources": [{"state": "FAILED"}, {"state": "OK"}]}
