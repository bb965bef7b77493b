"""The gateway over moto: every status word, fractions of seconds, pages of everything but jobs, and its own ways."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.peers.fleet import CROWD, REGION, Fleet, create_things, make_moto
from tests.peers.gateways import PAGE, identity, native, over, walk
from tests.peers.oracle import Row, executions, ordered
from tests.peers.peer import Peer
from tests.support import App

LONG_AGO = {"createdAt": {"from": "2020-01-01T00:00:00Z"}}


@pytest.fixture(scope="session")
def fleet(moto: Peer) -> Fleet:
    return make_moto(moto)


@pytest.fixture
async def app(fleet: Fleet) -> AsyncIterator[App]:
    async with over(fleet.peer, REGION) as running:
        yield running


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("field", ["CREATED_AT", "STARTED_AT", "FINISHED_AT", "DURATION"])
async def test_all_executions_in_every_order(app: App, fleet: Fleet, field: str, direction: str) -> None:
    rows = await walk(app, LONG_AGO, {"field": field, "direction": direction})
    assert native(rows) == ordered(fleet.rows, field, descending=direction == "DESC")
    assert {row.word for row in fleet.rows} == {
        *("QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED")
    }


FILTERS: list[tuple[dict[str, Any], Callable[[Row], bool]]] = [
    ({"status": ["TIMED_OUT"]}, lambda row: row.word == "TIMED_OUT"),
    ({"status": ["QUEUED"]}, lambda row: row.word == "QUEUED"),
    ({"outcome": ["FAILURE", "CANCEL"]},
     lambda row: row.word in ("FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED")),
    ({"name": {"equals": "daily"}, "status": ["SUCCEEDED"]}, lambda row: (row.job, row.word) == ("daily", "SUCCEEDED")),
    # moto does not know the jobId of ListJobExecutionsForThing: it lists those of the other jobs, too.
    ({"nodeName": {"equals": "node-failed"}, "name": {"equals": "weekly"}},
     lambda row: (row.job, row.thing) == ("weekly", "node-failed")),
    ({"createdAt": {"from": "2025-11-21T04:56:40Z"}, "phase": ["FINAL"]},
     lambda row: row.created is not None and row.created.timestamp() >= 1_763_701_000 and row.finished is not None),
]  # fmt: skip


@pytest.mark.parametrize(("given", "holds"), FILTERS, ids=[str(given) for given, _ in FILTERS])
async def test_filters(app: App, fleet: Fleet, given: dict[str, Any], holds: Callable[[Row], bool]) -> None:
    expected = [row for row in fleet.rows if holds(row)]
    assert native(await walk(app, given)) == ordered(expected, "CREATED_AT", descending=True)


async def test_fractions_of_seconds_are_kept(app: App) -> None:
    query = """{ source(name: "iot") { execution(nativeId: "weekly/node-failed/1") {
      createdAt startedAt finishedAt durationSeconds statusMessage timeoutSeconds
      details { ... on IotExecutionDetails { statusDetails } } } job(nativeId: "daily") { createdAt finishedAt } } }"""
    found = (await app.data(query))["source"]
    assert found["execution"]["createdAt"] == "2025-11-21T04:40:11.373Z"
    assert found["execution"]["startedAt"] == "2025-11-21T04:40:14.373Z"
    assert found["execution"]["finishedAt"] == "2025-11-21T04:40:17.873Z"
    assert found["execution"]["durationSeconds"] == 3.5
    assert (found["execution"]["statusMessage"], found["execution"]["timeoutSeconds"]) == ("FAILED it is", 300)
    assert "hunter2" not in str(found)
    assert found["job"] == {"createdAt": "2025-11-21T04:56:40.25Z", "finishedAt": "2025-11-21T05:13:20.5Z"}


async def test_a_job_with_more_executions_than_a_page(app: App, fleet: Fleet) -> None:
    job = await identity(app, "job", "crowded")
    page = (await app.data(PAGE, {"first": 300, "order": {"field": "CREATED_AT"}, "filter": {"jobId": [job]}}))["executions"]
    assert len(page["edges"]) == CROWD
    # DescribeJob was asked before; these are two pages of executions.
    assert [report["requests"] for report in page["sources"]] == [2]
    assert not page["partial"]


# --- where moto is not AWS (contracts/aws_iot.md section 5) --------------------------------------------------------


async def test_a_word_that_no_job_of_aws_has(moto: Peer) -> None:
    region = "ap-south-1"
    iot = moto.client("iot", region)
    iot.create_job(jobId="fresh", targets=create_things(iot, ["node"]), document="{}")
    async with over(moto, region) as app:
        data = await app.data('{ source(name: "iot") { job(nativeId: "fresh") { state rawState } } }')
        assert data["source"]["job"] == {"state": "UNKNOWN", "rawState": "QUEUED"}
        # A fresh execution has started, and is number 123.
        assert native(await walk(app)) == ["fresh/node/123"]


async def test_jobs_that_never_end(moto: Peer) -> None:
    # moto's second page of ListJobs is its first, with the same token, for ever.
    region = "sa-east-1"
    iot = moto.client("iot", region)
    targets = create_things(iot, ["node"])
    for number in range(251):
        iot.create_job(jobId=f"job-{number:03}", targets=targets, document="{}")
    query = """{ jobs(first: 300) { edges { node { nativeId } } partial pageInfo { hasNextPage }
      sources { state taken requests error { code message } } } }"""
    async with over(moto, region, keep_seconds=0) as app:
        page = (await app.data(query))["jobs"]
        assert len(page["edges"]) == len({edge["node"]["nativeId"] for edge in page["edges"]}) == 250
        assert_ended_honestly(page)
        page = (await app.data(PAGE, {"first": 300, "order": {"field": "CREATED_AT"}}))["executions"]
        assert_ended_honestly(page)
        # One that is asked for by name is not in need of that list.
        assert native(await walk(app, {"name": {"equals": "job-250"}})) == ["job-250/node/123"]


def assert_ended_honestly(page: Any) -> None:
    assert page["partial"]
    assert not page["pageInfo"]["hasNextPage"]
    (report,) = page["sources"]
    assert report["state"] in ("FAILED", "TRUNCATED")
    assert report["error"]["code"] == "BAD_RESPONSE"
    assert "token" in report["error"]["message"]
    assert report["requests"] <= 3


async def test_a_group_among_the_things(moto: Peer) -> None:
    # moto makes one execution of a group, with the group's ARN for a thing's; AWS one for each member.
    region = "eu-north-1"
    iot = moto.client("iot", region)
    group = iot.create_thing_group(thingGroupName="all")["thingGroupArn"]
    iot.create_job(jobId="mixed", targets=[*create_things(iot, ["node"]), group], document="{}")
    async with over(moto, region) as app:
        page = (await app.data(PAGE, {"first": 10, "order": {"field": "CREATED_AT"}}))["executions"]
    assert [edge["node"]["nativeId"] for edge in page["edges"]] == ["mixed/node/123"]
    assert page["partial"]
    assert page["sources"][0]["error"]["code"] == "BAD_RESPONSE"


async def test_deleted_jobs_and_things(moto: Peer) -> None:
    # moto keeps the executions of both; AWS deletes those of a job, and keeps those of a thing.
    region = "ca-central-1"
    iot = moto.client("iot", region)
    targets = create_things(iot, ["stays", "goes"])
    for job in ("stays", "goes"):
        iot.create_job(jobId=job, targets=targets, document="{}")
    left = executions(iot, ["stays"])
    iot.delete_job(jobId="goes")
    iot.delete_thing(thingName="goes")
    async with over(moto, region) as app:
        assert native(await walk(app)) == ordered(left, "CREATED_AT", descending=True)
        rows = await app.data("""{ executions(first: 9, filter: {nodeName: {equals: "stays"}}) { edges { node {
          nativeId job { name state } } } partial } source(name: "iot") {
          orphan: execution(nativeId: "goes/stays/123") { status job { name state description } timeoutSeconds }
          bare: execution(nativeId: "stays/goes/123") { status nodes { edges { node { name details {
            ... on IotThingDetails { attributes } } } } } }
          job(nativeId: "goes") { name } node(nativeId: "goes") { name } } }""")
    assert {edge["node"]["nativeId"] for edge in rows["executions"]["edges"]} == {"stays/stays/123", "goes/stays/123"}
    source = rows["source"]
    assert (source["job"], source["node"]) == (None, None)
    assert source["orphan"]["status"] == "QUEUED"
    assert source["orphan"]["timeoutSeconds"] is None
    assert source["bare"]["nodes"]["edges"] == [{"node": {"name": "goes", "details": None}}]
