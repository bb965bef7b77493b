"""The gateway over ministack, with a user's signed requests that ministack checks.

Of AWS it lacks pages of ListJobs and ListJobExecutionsForThing, fractions of seconds, and 404 for an unknown thing's list.
"""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.peers.fleet import REGION, THINGS, Fleet, make_ministack, reader
from tests.peers.gateways import identity, native, over, walk
from tests.peers.oracle import Row, ordered
from tests.peers.peer import Peer
from tests.support import App

LONG_AGO = {"createdAt": {"from": "2020-01-01T00:00:00Z"}}


@pytest.fixture(scope="session")
def fleet(ministack: Peer) -> Fleet:
    return make_ministack(ministack)


@pytest.fixture(scope="session")
def keys(ministack: Peer) -> dict[str, Any]:
    """A user who may read what the gateway reads, and nothing else."""
    made = reader(ministack, "gateway")
    return {"access_key_id": made.access_key, "secret_access_key": made.secret_key}


@pytest.fixture
async def app(fleet: Fleet, keys: dict[str, Any]) -> AsyncIterator[App]:
    async with over(fleet.peer, REGION, expose_raw=True, **keys) as running:
        yield running


# --- lists ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("field", ["CREATED_AT", "STARTED_AT", "FINISHED_AT", "DURATION"])
async def test_all_executions_in_every_order(app: App, fleet: Fleet, field: str, direction: str) -> None:
    rows = await walk(app, LONG_AGO, {"field": field, "direction": direction})
    assert native(rows) == ordered(fleet.rows, field, descending=direction == "DESC")
    assert len(rows) == len({row.native_id for row in fleet.rows}) > 255


async def test_rows_say_what_botocore_reads(app: App, fleet: Fleet) -> None:
    truth = {row.native_id: row for row in fleet.rows}
    for row in await walk(app):
        known = truth[row["nativeId"]]
        assert (row["rawStatus"], row["status"], row["job"]["nativeId"]) == (known.word, known.status, known.job)
        for name in ("created", "started", "finished"):
            expected: datetime | None = getattr(known, name)
            text = None if expected is None else expected.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            assert row[f"{name}At"] == text
    assert {row.word for row in fleet.rows} == {
        *("QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED", "REMOVED", "CANCELED")
    }


FILTERS: list[tuple[dict[str, Any], Callable[[Row], bool]]] = [
    ({"status": ["FAILED"]}, lambda row: row.word == "FAILED"),
    ({"status": ["QUEUED"]}, lambda row: row.word == "QUEUED"),
    ({"status": ["RUNNING", "REJECTED", "SKIPPED"]}, lambda row: row.word in ("IN_PROGRESS", "REJECTED", "REMOVED")),
    ({"rawStatus": ["SUCCEEDED", "CANCELED"]}, lambda row: row.word in ("SUCCEEDED", "CANCELED")),
    ({"phase": ["WAITING", "ACTIVE"]}, lambda row: row.finished is None),
    ({"outcome": ["FAILURE"]}, lambda row: row.word in ("FAILED", "REJECTED")),
    ({"excludeStatus": ["QUEUED"]}, lambda row: row.word != "QUEUED"),
    ({"name": {"equals": "done"}}, lambda row: row.job == "done"),
    ({"name": {"in": ["done", "keys"]}, "status": ["QUEUED", "SUCCEEDED"]},
     lambda row: row.job in ("done", "keys") and row.word in ("QUEUED", "SUCCEEDED")),
    ({"name": {"contains": "ED"}}, lambda row: "ed" in row.job),
    ({"nodeName": {"equals": "plant:line-3:kettle_7"}}, lambda row: row.thing == "plant:line-3:kettle_7"),
    ({"nodeName": {"startsWith": "kettle"}}, lambda row: row.thing.startswith("kettle")),
    ({"nodeName": {"equals": "kettle-1"}, "status": ["FAILED", "CANCELED"]},
     lambda row: row.thing == "kettle-1" and row.word in ("FAILED", "CANCELED")),
    ({"status": ["TIMED_OUT"]}, lambda _row: False),
    ({"name": {"equals": "nothing"}}, lambda _row: False),
    ({"nodeName": {"equals": "nobody"}}, lambda _row: False),
]  # fmt: skip


@pytest.mark.parametrize(("given", "holds"), FILTERS, ids=[str(given) for given, _ in FILTERS])
async def test_filters(app: App, fleet: Fleet, given: dict[str, Any], holds: Callable[[Row], bool]) -> None:
    expected = [row for row in fleet.rows if holds(row)]
    assert native(await walk(app, given)) == ordered(expected, "CREATED_AT", descending=True)


async def test_executions_of_a_job_and_of_a_node(app: App, fleet: Fleet) -> None:
    job, node = await identity(app, "job", "firmware-2"), await identity(app, "node", "kettle-1")
    for given, holds in (
        ({"jobId": [job]}, lambda row: row.job == "firmware-2"),
        ({"nodeId": [node]}, lambda row: row.thing == "kettle-1"),
        ({"jobId": [job], "nodeId": [node]}, lambda row: (row.job, row.thing) == ("firmware-2", "kettle-1")),
    ):
        expected = ordered(filter(holds, fleet.rows), "CREATED_AT", descending=True)
        assert native(await walk(app, given)) == expected
    nested = "executions(first: 50) { edges { node { nativeId } } }"
    query = f"query ($job: ID!, $node: ID!) {{ job(id: $job) {{ {nested} }} node(id: $node) {{ {nested} }} }}"
    data = await app.data(query, {"job": job, "node": node})
    for kind, name in (("job", "firmware-2"), ("node", "kettle-1")):
        rows = [edge["node"]["nativeId"] for edge in data[kind]["executions"]["edges"]]
        mine = [row for row in fleet.rows if name in (row.job, row.thing)]
        assert rows == ordered(mine, "CREATED_AT", descending=True)


async def test_jobs(app: App, fleet: Fleet) -> None:
    query = """query ($state: [JobState!]) { jobs(first: 50, filter: {state: $state}) {
      edges { node { nativeId state rawState finishedAt } } partial } }"""
    states = {"firmware-2": "ACTIVE", "done": "COMPLETED", "called-off": "CANCELED", "keys": "ACTIVE", "crowded": "ACTIVE"}
    for wanted in (None, ["ACTIVE"], ["COMPLETED", "CANCELED"], ["SCHEDULED"], ["FAILED"]):
        page = (await app.data(query, {"state": wanted}))["jobs"]
        found = {edge["node"]["nativeId"]: edge["node"]["state"] for edge in page["edges"]}
        assert found == {job: state for job, state in states.items() if wanted is None or state in wanted}
        for edge in page["edges"]:
            assert (edge["node"]["finishedAt"] is None) is (edge["node"]["state"] == "ACTIVE")


async def test_nodes(app: App) -> None:
    query = """query ($after: String) { nodes(first: 100, after: $after) {
      edges { node { name nodeKind details { ... on IotThingDetails { attributes thingArn } } } }
      pageInfo { hasNextPage endCursor } partial } }"""
    found: list[Any] = []
    after, more = None, True
    while more:
        page = (await app.data(query, {"after": after}))["nodes"]
        found += [edge["node"] for edge in page["edges"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert sorted(node["name"] for node in found) == sorted([*THINGS, *(f"crowd-{number:03}" for number in range(255))])
    assert {node["nodeKind"] for node in found} == {"DEVICE"}
    assert {str(node["details"]["attributes"]) for node in found} == {"{'site': 'ams'}"}


# --- one -----------------------------------------------------------------------------------------------------------

ONE = """query ($id: String!) { source(name: "iot") { execution(nativeId: $id) {
  id nativeId status statusMessage timeoutSeconds attempt raw
  job { name description } nodes { edges { roles failed node { name details { ... on IotThingDetails { attributes } } } } }
  details { ... on IotExecutionDetails { thingName executionNumber retryAttempt versionNumber statusDetails } } } } }"""


async def one(app: App, native_id: str) -> Any:
    return (await app.data(ONE, {"id": native_id}))["source"]["execution"]


async def test_a_failed_execution_with_everything(app: App) -> None:
    found = await one(app, "firmware-2/kettle-1/1")
    assert (found["status"], found["statusMessage"], found["timeoutSeconds"]) == ("FAILED", "disk full", 90 * 60)
    details = found["details"]
    assert details["statusDetails"]["step"] == "unpack"
    assert "hunter2" not in str(found)
    assert (details["executionNumber"], details["versionNumber"]) == ("1", "2")
    assert (details["retryAttempt"], found["attempt"]) == (0, 1)
    assert found["job"] == {"name": "firmware-2", "description": "Second firmware"}
    (edge,) = found["nodes"]["edges"]
    assert (edge["roles"], edge["failed"], edge["node"]["name"]) == (["TARGET"], True, "kettle-1")
    assert edge["node"]["details"] == {"attributes": {"site": "ams"}}
    assert found["raw"]["jobExecutionSummary"]["status"] == "FAILED"


async def test_running_and_canceled_executions(app: App) -> None:
    running = await one(app, "firmware-2/boiler-1/1")
    assert (running["status"], running["statusMessage"]) == ("RUNNING", None)
    assert running["details"]["statusDetails"] == {"step": "download", "percent": "40"}
    canceled = await one(app, "firmware-2/spare/1")
    assert (canceled["status"], canceled["statusMessage"]) == ("CANCELED", "kept for parts")
    waiting = await one(app, "firmware-2/plant:line-3:kettle_7/1")
    assert (waiting["status"], waiting["statusMessage"]) == ("QUEUED", None)
    assert waiting["details"]["thingName"] == "plant:line-3:kettle_7"


async def test_a_thing_that_came_again_has_two_executions_of_the_job(app: App) -> None:
    first, second = [await one(app, f"keys/kettle-2/{number}") for number in (1, 2)]
    assert (first["status"], second["status"]) == ("SKIPPED", "QUEUED")
    assert [each["details"]["executionNumber"] for each in (first, second)] == ["1", "2"]
    assert (await one(app, "keys/kettle-2/3")) is None


async def test_a_job_with_everything(app: App) -> None:
    data = await app.data("""{ source(name: "iot") {
      a: job(nativeId: "firmware-2") { description executionCounts { status count } latestExecution { nativeId }
        details { ... on IotJobDetails { targetSelection timeoutMinutes targets } } }
      b: job(nativeId: "called-off") { state details { ... on IotJobDetails { reasonCode comment forceCanceled } } }
      c: job(nativeId: "keys") { details { ... on IotJobDetails { targetSelection } } } } }""")
    first, second, third = (data["source"][name] for name in "abc")
    assert {each["status"]: each["count"] for each in first["executionCounts"]} == dict.fromkeys(
        ("QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "REJECTED", "CANCELED"), 1
    )
    assert (first["description"], first["details"]["timeoutMinutes"]) == ("Second firmware", "90")
    assert len(first["details"]["targets"]) == len(THINGS)
    assert first["latestExecution"]["nativeId"].startswith("firmware-2/")
    assert (second["state"], second["details"]["reasonCode"]) == ("CANCELED", "WRONG_BUILD")
    assert (second["details"]["comment"], second["details"]["forceCanceled"]) == ("Built from the wrong branch", False)
    assert third["details"]["targetSelection"] == "CONTINUOUS"


async def test_by_id_and_what_is_not_there(app: App, fleet: Fleet) -> None:
    some = [row.native_id for row in fleet.rows if row.job != "crowded"]
    ids = [await identity(app, "execution", native_id) for native_id in some]
    query = "query ($ids: [ID!]!) { entities(ids: $ids) { ... on Execution { nativeId status } } }"
    found = (await app.data(query, {"ids": ids}))["entities"]
    assert [(each["nativeId"], each["status"]) for each in found] == [
        (row.native_id, row.status) for row in fleet.rows if row.job != "crowded"
    ]
    data = await app.data("""{ source(name: "iot") {
      a: job(nativeId: "nothing") { id } b: node(nativeId: "nobody") { id } c: execution(nativeId: "done/boiler-1/9") { id }
      d: execution(nativeId: "nothing/boiler-1/1") { id } e: execution(nativeId: "done/nobody/1") { id } } }""")
    assert set(data["source"].values()) == {None}
