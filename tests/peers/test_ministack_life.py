"""What becomes of executions while the gateway watches: ministack moves them as AWS does."""

from typing import Any

from tests.peers.fleet import create_things
from tests.peers.gateways import identity, native, over, walk
from tests.peers.peer import Peer

REGION = "us-west-2"


async def test_from_queued_to_the_end_and_gone(ministack: Peer) -> None:
    iot, device = ministack.client("iot", REGION), ministack.client("iot-jobs-data", REGION)
    arns = create_things(iot, ["pump-1", "pump-2"])
    iot.create_job(jobId="rollout", targets=arns, document="{}")
    async with over(ministack, REGION, keep_seconds=0) as app:
        job, execution, node = [
            await identity(app, *named)
            for named in (("job", "rollout"), ("execution", "rollout/pump-1/1"), ("node", "pump-1"))
        ]

        async def see() -> tuple[Any, Any, list[str]]:
            query = """query ($job: ID!, $id: ID!) {
              job(id: $job) { state executionCounts { status count } } execution(id: $id) { status statusMessage } }"""
            data = await app.data(query, {"job": job, "id": execution})
            listed = [row["status"] for row in await walk(app, {"jobId": [job]}) if row["nativeId"] == "rollout/pump-1/1"]
            return data["job"], data["execution"], listed

        def counts(**numbers: int) -> list[dict[str, Any]]:
            return [{"status": status, "count": count} for status, count in numbers.items()]

        assert await see() == (
            {"state": "ACTIVE", "executionCounts": counts(QUEUED=2)},
            {"status": "QUEUED", "statusMessage": None},
            ["QUEUED"],
        )
        device.start_next_pending_job_execution(thingName="pump-1")
        assert await see() == (
            {"state": "ACTIVE", "executionCounts": counts(QUEUED=1, RUNNING=1)},
            {"status": "RUNNING", "statusMessage": None},
            ["RUNNING"],
        )
        given = {"statusDetails": {"reason": "pressure lost"}}
        device.update_job_execution(thingName="pump-1", jobId="rollout", status="FAILED", **given)
        device.update_job_execution(thingName="pump-2", jobId="rollout", status="SUCCEEDED")
        assert await see() == (
            {"state": "COMPLETED", "executionCounts": counts(SUCCEEDED=1, FAILED=1)},
            {"status": "FAILED", "statusMessage": "pressure lost"},
            ["FAILED"],
        )

        # AWS keeps the executions of a deleted thing, as REMOVED where they were open; ministack drops them.
        iot.delete_thing(thingName="pump-1")
        data = await app.data("query ($id: ID!) { node(id: $id) { name } }", {"id": node})
        assert data["node"] is None
        assert native(await walk(app, {"jobId": [job]})) == ["rollout/pump-2/1"]

        iot.delete_job(jobId="rollout")
        query = "query ($ids: [ID!]!) { entities(ids: $ids) { id } }"
        assert await app.data(query, {"ids": [job, execution]}) == {"entities": [None, None]}
        assert await walk(app) == []
        # Nor is a job that is gone a fault of the list of its executions.
        assert await walk(app, {"jobId": [job]}) == []


async def test_lists_that_are_kept_are_not_read_again(ministack: Peer) -> None:
    region = "us-east-2"
    iot, device = ministack.client("iot", region), ministack.client("iot-jobs-data", region)
    iot.create_job(jobId="kept", targets=create_things(iot, ["valve-1"]), document="{}")
    query = "{ executions(first: 5) { edges { node { status } } sources { requests } } }"
    async with over(ministack, region) as app:
        first = (await app.data(query))["executions"]
        device.start_next_pending_job_execution(thingName="valve-1")
        second = (await app.data(query))["executions"]
    assert [page["sources"][0]["requests"] for page in (first, second)] == [2, 0]
    assert first["edges"] == second["edges"]
