"""The data that the simulated AWS IoT generates, and the helpers that change it."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from adapters.aws_iot.simulator import Simulator
from adapters.aws_iot.world import World
from adapters.aws_iot.world_generator import STORY_JOB, STORY_REASON, story_hour
from tests.adapters.test_aws_iot_simulator import NOW, STORY, get, walk


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(World.generate(1, 300, NOW), quotas={})


class TestWorld:
    async def test_story_of_the_bad_release(self) -> None:
        world = World.generate(7, 2000, NOW)
        hour = story_hour(NOW)
        assert hour == datetime(2026, 11, 21, 14, tzinfo=UTC)
        counts: Counter[tuple[bool, bool, str]] = Counter()
        for key, row in world.executions.items():
            started = row.get("startedAt", 0)
            inside = hour.timestamp() <= started < hour.timestamp() + 3600
            own = key.job_id == STORY_JOB
            counts[own, inside, row["status"]] += 1
            reason = row["statusDetails"].get("detailsMap", {}).get("reason", "")
            if own and row["status"] == "FAILED":
                assert "checkout 4.2.0" in reason
                assert "schema migration 0042 failed" in reason
            else:
                assert own or reason != STORY_REASON
        assert counts[True, True, "FAILED"] >= 8 > counts[True, True, "SUCCEEDED"] > 0
        assert counts[True, True, "FAILED"] + counts[True, True, "TIMED_OUT"] + counts[True, True, "SUCCEEDED"] == 20
        bad = ("FAILED", "TIMED_OUT", "REJECTED")
        for own, inside in ((False, True), (False, False), (True, False)):
            failed = sum(counts[own, inside, status] for status in bad)
            assert counts[own, inside, "SUCCEEDED"] >= 5
            assert failed / (failed + counts[own, inside, "SUCCEEDED"]) < 0.15
        usual = sum(counts[False, inside, status] for inside in (True, False) for status in bad)
        assert 0.055 < usual / sum(number for (own, _, _), number in counts.items() if not own) < 0.085
        started = [row["startedAt"] for key, row in world.executions.items() if key.job_id == STORY_JOB]
        assert min(started) < hour.timestamp() < hour.timestamp() + 3600 < max(started)

    @pytest.mark.parametrize(
        "now", [NOW, datetime(2026, 1, 1, 0, 0, tzinfo=UTC), datetime(2026, 3, 1, 5, 59, 59, 999999, UTC)]
    )
    def test_special_cases_are_present(self, now: datetime) -> None:
        world = World.generate(3, 80, now)
        rows = list(world.executions.values())
        assert len(rows) == 80
        assert {row["status"] for row in rows} == {
            "QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED"
        }  # fmt: skip
        assert {row["status"] for row in world.jobs.values()} == {
            "IN_PROGRESS", "CANCELED", "COMPLETED", "DELETION_IN_PROGRESS", "SCHEDULED"
        }  # fmt: skip
        moment = now.timestamp()
        opened = [row for row in rows if row["status"] in {"QUEUED", "IN_PROGRESS"}]
        assert len(opened) >= 6
        assert all(0 < moment - row["queuedAt"] < 3600 for row in opened)
        assert all(("startedAt" in row) == (row["status"] == "IN_PROGRESS") for row in opened)
        assert {"startedAt" in row for row in rows if row["status"] == "CANCELED"} == {True, False}
        assert all(row["queuedAt"] <= row.get("startedAt", moment) <= moment for row in rows)
        assert all(row.get("startedAt", 0) <= row["lastUpdatedAt"] <= moment for row in rows)
        assert sum(count > 1 for count in Counter(row["queuedAt"] for row in rows).values()) >= 3
        assert max(key.number for key in world.executions) == 2
        assert any(":" in key.thing_name for key in world.executions)
        assert any(not row["description"].isascii() for row in world.jobs.values())
        assert {type(row["queuedAt"]) for row in World.generate(3, 400, now).executions.values()} == {int, float}

    def test_two_weeks_denser_towards_now(self) -> None:
        ages = [NOW.timestamp() - row["queuedAt"] for row in World.generate(5, 2000, NOW).executions.values()]
        day = timedelta(days=1).total_seconds()
        assert 10 * day < max(ages) <= 14 * day
        assert sum(age < 7 * day for age in ages) > 1.5 * sum(age >= 7 * day for age in ages)

    async def test_secrets_only_in_details(self, simulator: Simulator) -> None:
        world = simulator.world
        lists = ["/jobs", "/things", *(f"/jobs/{key}/things" for key in world.jobs)]
        for path in lists:
            assert "s3cr3t-" not in json.dumps(await walk(simulator, path, maxResults=250))
        planted: Counter[str] = Counter()
        for job_id in world.jobs:
            planted["document"] += "s3cr3t-document" in (await get(simulator, f"/jobs/{job_id}/job-document")).text
            planted["parameter"] += "s3cr3t-parameter" in (await get(simulator, f"/jobs/{job_id}")).text
        for key in world.executions:
            path = f"/things/{key.thing_name}/jobs/{key.job_id}?executionNumber={key.number}"
            planted["upload"] += "s3cr3t-upload" in (await get(simulator, path)).text
        assert planted["document"] == len(world.jobs)
        assert planted["parameter"] > 2
        assert planted["upload"] > 10

    async def test_equal_arguments_give_equal_bytes(self) -> None:
        async def dump(seed: int) -> list[bytes]:
            simulator = Simulator(World.generate(seed, 200, NOW), quotas={})
            paths = [
                "/jobs",
                "/things",
                STORY,
                f"{STORY}/things",
                f"{STORY}/job-document",
                "/things/till-lyon-01/jobs",
                "/jobs/x",
            ]
            return [(await get(simulator, path)).content for path in paths]

        assert await dump(5) == await dump(5)
        assert World.generate(5, 200, NOW).executions != World.generate(6, 200, NOW).executions

    async def test_helpers(self, simulator: Simulator) -> None:
        world = simulator.world
        thing = world.add_thing()
        first = world.add_execution(status="QUEUED", thingName=thing, queuedAt=NOW - timedelta(hours=1))
        assert (await get(simulator, f"/jobs/{first.job_id}")).json()["job"]["jobProcessDetails"][
            "numberOfQueuedThings"
        ] == 1
        world.now = NOW + timedelta(seconds=9)
        world.update_execution(first, status="IN_PROGRESS", startedAt=NOW)
        row = (await get(simulator, f"/things/{thing}/jobs/{first.job_id}")).json()["execution"]
        assert (row["startedAt"], row["lastUpdatedAt"], row["versionNumber"]) == (1795293012.346, 1795293021.346, 2)
        second = world.add_execution(jobId=first.job_id, thingName=thing, status="QUEUED")
        assert second == (first.job_id, thing, 2)
        other = world.add_execution(jobId=first.job_id)
        assert other.thing_name != thing
        world.delete_thing(thing)
        assert [world.executions[key]["status"] for key in (first, second, other)] == ["REMOVED", "REMOVED", "SUCCEEDED"]
        counts = world.jobs[first.job_id]["jobProcessDetails"]
        assert (counts["numberOfRemovedThings"], counts["numberOfQueuedThings"], counts["numberOfInProgressThings"]) == (
            2,
            0,
            0,
        )
        world.delete_execution(second)
        assert counts["numberOfRemovedThings"] == 1
        world.update_job(first.job_id, status="COMPLETED", completedAt=world.now)
        assert world.jobs[first.job_id]["completedAt"] == 1795293021.346
        assert len(world.executions_of(first.job_id)) == 2
        world.delete_job(first.job_id)
        assert world.executions_of(first.job_id) == []
        assert (await get(simulator, f"/jobs/{first.job_id}/things")).status_code == 404
