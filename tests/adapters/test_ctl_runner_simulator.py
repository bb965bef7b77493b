"""The Runner simulator against the recordings, its quirks, and the data that it generates."""

import json
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.ctl_runner.simulator import LOGIN_PATH, Simulator
from adapters.ctl_runner.world import World
from adapters.ctl_runner.world_catalog import DELETED, STORY
from adapters.ctl_runner.world_events import LATEST
from adapters.ctl_runner.world_generator import LONGEST_WAIT, story_hour
from adapters.ctl_runner.world_rows import STATUSES, TERMINAL, WAITING, milliseconds, timers_of
from gateway.testing.shapes import compare_shapes, json_type

DIRECTORY = Path(__file__).parent.parent / "recordings" / "ctl_runner"
RECORDINGS: dict[str, dict] = {path.stem: json.loads(path.read_text()) for path in sorted(DIRECTORY.glob("*.json"))}
RECORDED_AT = datetime(2016, 2, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 20, 30, 12, 345678, tzinfo=UTC)

UNMATCHED: dict[str, str] = {}
"""Recordings that the simulator does not answer alike, and why."""

_2015 = "ba7e6f6a-2673-4580-a297-8d7e44483bd7"
_FEED = f"/status/XXXX/job/{_2015}/execution/43324ce3-dc2a-480e-94b9-1ea705373111"
PATHS = {
    "get_job_array": "/jobs/XXXX/1111505e-6773-494a-b2bf-d2cc2684710d",
    "get_job_executions_2015": f"/jobs/XXXX/{_2015}/executions",
    "get_job_ui_observed": "/jobs/WFTC/56195215-69c8-4b48-b5bb-c5a2512d40a5",
    "login_bad_credentials": LOGIN_PATH,
    "login_ok": LOGIN_PATH,
    "synthetic_status_array": _FEED,
    "synthetic_status_page": _FEED,
}
"""Where to ask: the recordings come from documents, which print no request line. The endpoints are the contract's."""

SWITCHES: dict[str, dict[str, bool]] = {
    "get_job_array": {"job_as_array": True},
    "synthetic_status_page": {"status_as_page": True},
}
"""What differs between editions of the server."""


def is_replayed(name: str) -> bool:
    return name.startswith("login_") or RECORDINGS[name]["request"]["method"] == "GET"


REPLAYED = [name for name in RECORDINGS if is_replayed(name)]


def records() -> Iterator[tuple[str, dict]]:
    """What the recordings show of the server's tables, oldest first."""
    yield "jobs", {"id": _2015, "accountAlias": "XXXX"}
    for name in ("get_job_array", "get_job_ui_observed"):
        body = RECORDINGS[name]["response"]["body"]
        yield "jobs", body[0] if isinstance(body, list) else body
    for row in reversed(RECORDINGS["get_job_executions_2015"]["response"]["body"]["results"]):
        yield "executions", row
    for event in RECORDINGS["synthetic_status_array"]["response"]["body"]:
        yield "events", event


def client_of(simulator: Simulator, *, token: bool = True) -> httpx.AsyncClient:
    headers = {}
    if token:
        issued = simulator.tokens.issue(simulator.username, simulator.login_alias, simulator.world.now)
        headers["authorization"] = f"Bearer {issued}"
    transport = httpx.ASGITransport(app=simulator.app)
    return httpx.AsyncClient(transport=transport, base_url="http://runner.example", headers=headers)


async def replay(name: str) -> httpx.Response:
    request = RECORDINGS[name]["request"]
    switches: dict[str, Any] = SWITCHES.get(name, {})
    simulator = Simulator(World.from_records(RECORDED_AT, records()), password="<REDACTED>", **switches)
    async with client_of(simulator, token="Authorization" in request["headers"]) as client:
        return await client.request(request["method"], PATHS[name], json=request.get("body"))


async def differences(name: str) -> list[str]:
    recorded, response = RECORDINGS[name]["response"], await replay(name)
    found = []
    if response.status_code != recorded["status"]:
        found.append(f"status {response.status_code}, recorded {recorded['status']}")
    if response.headers["content-type"].split(";")[0] != recorded["headers"]["content-type"]:
        found.append(f"content-type {response.headers['content-type']}")
    return found + compare_shapes(recorded["body"], response.json())


class TestFidelity:
    async def test_recordings(self) -> None:
        differing = {name: found for name in REPLAYED if (found := await differences(name))}
        assert {name: found for name, found in differing.items() if name not in UNMATCHED} == {}
        assert [name for name in UNMATCHED if name not in differing] == []
        assert 1 - len(differing) / len(REPLAYED) >= 0.85

    @pytest.mark.parametrize("name", [name for name in REPLAYED if name != "login_ok"])
    async def test_values(self, name: str) -> None:
        assert (await replay(name)).json() == RECORDINGS[name]["response"]["body"]

    def test_generated_rows_have_recorded_shapes(self) -> None:
        world = World.generate(1, 60, NOW)
        executions = {_outline(row) for row in world.executions.values()}
        for name in ("start_job", "restart_execution", "stop_execution", "kill_execution"):
            assert _outline(RECORDINGS[name]["response"]["body"]) in executions, name
        for row in RECORDINGS["get_job_executions_2015"]["response"]["body"]["results"]:
            assert _outline(row) in executions, row["execution_id"]
        jobs = [{*row} for row in world.jobs.values()]
        assert {*RECORDINGS["get_job_array"]["response"]["body"][0]} in jobs
        assert {*RECORDINGS["get_job_ui_observed"]["response"]["body"]} in jobs


def _outline(row: dict) -> tuple:
    """Status, members with their types, and what is in the list of failed hosts."""
    return (
        row["status"],
        frozenset((key, json_type(value)) for key, value in row.items()),
        frozenset(json_type(host) for host in row["failed_hosts"]),
    )


ALIAS = "DEMO"


@pytest.fixture
def world() -> World:
    return World.generate(1, 300, NOW)


@pytest.fixture
def simulator(world: World) -> Simulator:
    return Simulator(world)


async def get(simulator: Simulator, path: str, *, token: bool = True) -> httpx.Response:
    async with client_of(simulator, token=token) as client:
        return await client.get(simulator.base_path + path)


async def walk(simulator: Simulator, path: str, size: int = 100) -> list[dict]:
    """All rows of a list, the stride being what was asked for."""
    rows: list[dict] = []
    page = 0
    while True:
        body = (await get(simulator, f"{path}?page={page}&size={size}")).json()
        rows += body["results"]
        page += 1
        if page * size >= body["totalSize"] or not body["results"]:
            return rows


def job_named(world: World, title: str) -> str:
    return next(key for key, row in world.jobs.items() if title in (row.get("name"), row["description"]))


class TestLogin:
    async def _login(self, simulator: Simulator, **body: Any) -> httpx.Response:
        async with client_of(simulator, token=False) as client:
            return await client.post(LOGIN_PATH, json=body)

    async def test_token_lasts_two_weeks(self, simulator: Simulator) -> None:
        answer = (await self._login(simulator, username="demouser1", password="s3cr3t-password")).json()
        assert answer["accountAlias"] == "ROOT"
        part = answer["bearerToken"].split(".")[1]
        claims = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        assert claims["exp"] - claims["nbf"] == 1_209_600
        assert claims["nbf"] == int(NOW.timestamp())
        async with client_of(simulator, token=False) as client:
            client.headers["authorization"] = f"Bearer {answer['bearerToken']}"
            assert (await client.get(f"/jobs/{ALIAS}")).status_code == 200
            simulator.world.now += timedelta(days=14)
            assert (await client.get(f"/jobs/{ALIAS}")).status_code == 401
            simulator.world.now -= timedelta(seconds=1)
            assert (await client.get(f"/jobs/{ALIAS}")).status_code == 200
            simulator.tokens.ends.clear()
            assert (await client.get(f"/jobs/{ALIAS}")).status_code == 401

    async def test_refused(self, simulator: Simulator) -> None:
        recorded = RECORDINGS["login_bad_credentials"]["response"]["body"]
        for body in ({"username": "demouser1", "password": "wrong"}, {"username": "demouser1"}, {}):
            response = await self._login(simulator, **body)
            assert (response.status_code, response.json()) == (400, recorded)
        async with client_of(simulator, token=False) as client:
            for content in (b"", b"{", b"[]"):
                assert (await client.post(LOGIN_PATH, content=content)).status_code == 400
            assert (await client.get(LOGIN_PATH)).status_code == 405

    @pytest.mark.parametrize("header", ["", "Bearer", "Bearer nothing", "Basic ZGVtbw=="])
    async def test_without_token(self, simulator: Simulator, header: str) -> None:
        async with client_of(simulator, token=False) as client:
            response = await client.get(f"/jobs/{ALIAS}", headers={"authorization": header})
        assert (response.status_code, response.headers["content-type"]) == (401, "application/json")
        assert set(response.json()) == {"message"}

    async def test_tokens_end_after_the_given_time(self, world: World) -> None:
        simulator = Simulator(world, token_seconds=60)
        async with client_of(simulator) as client:
            assert (await client.get(f"/jobs/{ALIAS}")).status_code == 200
            world.now += timedelta(seconds=60)
            assert (await client.get(f"/jobs/{ALIAS}")).status_code == 401


class TestPaging:
    async def test_pages_count_from_0_and_size_echoes_the_rows(self, simulator: Simulator) -> None:
        total = len(simulator.world.executions)
        first = (await get(simulator, f"/jobs/{ALIAS}/executions")).json()
        assert (first["totalSize"], first["page"], first["size"], len(first["results"])) == (total, 0, 100, 100)
        last = (await get(simulator, f"/jobs/{ALIAS}/executions?page=4&size=70")).json()
        assert (last["totalSize"], last["page"], last["size"], len(last["results"])) == (total, 4, 20, 20)
        beyond = (await get(simulator, f"/jobs/{ALIAS}/executions?page=5&size=70")).json()
        assert beyond == {"totalSize": total, "page": 5, "size": 0, "results": []}

    @pytest.mark.parametrize("query", ["size=0", "size=101", "size=-1", "size=x", "size=", "page=-1", "page=x"])
    async def test_out_of_range(self, simulator: Simulator, query: str) -> None:
        for path in (f"/jobs/{ALIAS}", f"/jobs/{ALIAS}/executions"):
            response = await get(simulator, f"{path}?{query}")
            assert (response.status_code, set(response.json())) == (400, {"message"})

    async def test_newest_first(self, simulator: Simulator) -> None:
        rows = await walk(simulator, f"/jobs/{ALIAS}/executions", 33)
        assert [row["execution_id"] for row in rows] == list(simulator.world.executions)[::-1]
        jobs = await walk(simulator, f"/jobs/{ALIAS}", 4)
        assert [row["id"] for row in jobs] == list(simulator.world.jobs)[::-1]
        created = [row["createdTime"] for row in jobs if "createdTime" in row]
        assert created == sorted(created, reverse=True)
        assert len(set(created)) < len(created) < len(jobs)

    async def test_starts_follow_creation_with_a_margin(self) -> None:
        # Whoever stops at an instant has to read on for as long as an execution may wait.
        rows = World.generate(1, 2000, NOW).executions.values()
        starts = [timers[0][0] for row in rows if (timers := timers_of(row))]
        late = [max(starts[: place + 1]) - start for place, start in enumerate(starts)]
        assert 0 < max(late) <= LONGEST_WAIT

    async def test_inserts_shift_pages(self, simulator: Simulator) -> None:
        path = f"/jobs/{ALIAS}/executions"
        first = (await get(simulator, f"{path}?size=10")).json()["results"]
        simulator.world.add_execution(status="PENDING")
        second = (await get(simulator, f"{path}?size=10&page=1")).json()["results"]
        assert second[0] == first[-1]

    async def test_no_filter_and_no_order(self, simulator: Simulator) -> None:
        plain = (await get(simulator, f"/jobs/{ALIAS}/executions")).content
        assert (await get(simulator, f"/jobs/{ALIAS}/executions?status=FAILURE&sort=start&id=3")).content == plain

    async def test_latency_counts_rows(self, monkeypatch: pytest.MonkeyPatch, simulator: Simulator) -> None:
        naps: list[float] = []

        async def nap(seconds: float) -> None:
            naps.append(seconds)

        monkeypatch.setattr("adapters.ctl_runner.simulator.asyncio.sleep", nap)
        simulator.latency_per_row = 0.5
        await get(simulator, f"/jobs/{ALIAS}/executions?size=20")
        await get(simulator, f"/jobs/{ALIAS}/{job_named(simulator.world, STORY)}")
        assert naps == [10.0, 0.5]


class TestEndpoints:
    async def test_executions_of_a_job(self, simulator: Simulator) -> None:
        job_id = job_named(simulator.world, STORY)
        rows = await walk(simulator, f"/jobs/{ALIAS}/{job_id}/executions", 7)
        assert rows == simulator.world.executions_of(job_id)[::-1]
        row = rows[3]
        path = f"/jobs/{ALIAS}/{job_id}/executions/{row['execution_id']}"
        assert (await get(simulator, path)).json() == row

    async def test_account_wide_list_may_be_missing(self, simulator: Simulator) -> None:
        simulator.account_wide = False
        assert (await get(simulator, f"/jobs/{ALIAS}/executions?size=1")).status_code == 404
        assert (await get(simulator, f"/jobs/{ALIAS}/{job_named(simulator.world, STORY)}/executions")).status_code == 200

    async def test_stray_id_is_no_key(self, simulator: Simulator) -> None:
        row = next(row for row in simulator.world.executions.values() if "id" in row)
        assert row["id"] != row["execution_id"]
        path = f"/jobs/{ALIAS}/{row['job_id']}/executions"
        assert (await get(simulator, f"{path}/{row['id']}")).status_code == 404
        assert (await get(simulator, f"{path}/{row['execution_id']}")).json() == row

    async def test_job_of_another_execution(self, simulator: Simulator) -> None:
        row = next(iter(simulator.world.executions.values()))
        other = next(key for key in simulator.world.jobs if key != row["job_id"])
        assert (await get(simulator, f"/jobs/{ALIAS}/{other}/executions/{row['execution_id']}")).status_code == 404

    async def test_deleted_job(self, simulator: Simulator) -> None:
        world = simulator.world
        rows = [row for row in world.executions.values() if row["job_id"] not in world.jobs]
        assert len(rows) == 2
        path = f"/jobs/{ALIAS}/{rows[0]['job_id']}"
        assert (await get(simulator, path)).status_code == 404
        assert (await get(simulator, f"{path}/executions")).status_code == 404
        assert (await get(simulator, f"{path}/executions/{rows[0]['execution_id']}")).json() == rows[0]

    async def test_accounts(self, simulator: Simulator) -> None:
        empty = {"totalSize": 0, "page": 0, "size": 0, "results": []}
        assert (await get(simulator, "/jobs/ROOT")).json() == empty
        assert (await get(simulator, "/jobs/ROOT/executions")).json() == empty
        assert (await get(simulator, "/jobs/ELSE")).status_code == 403
        job_id = job_named(simulator.world, STORY)
        assert (await get(simulator, f"/jobs/ROOT/{job_id}")).status_code == 404

    @pytest.mark.parametrize("path", ["/nothing", f"/jobs/{ALIAS}/", "/status/DEMO/job/nothing", "/serviceAccounts/DEMO"])
    async def test_missing(self, simulator: Simulator, path: str) -> None:
        response = await get(simulator, path)
        assert (response.status_code, set(response.json())) == (404, {"message"})
        assert response.headers["content-type"] == "application/json"

    async def test_writing_is_not_simulated(self, simulator: Simulator) -> None:
        async with client_of(simulator) as client:
            for method in ("POST", "PUT", "DELETE"):
                assert (await client.request(method, f"/jobs/{ALIAS}")).status_code == 405

    async def test_invalid_json(self, simulator: Simulator) -> None:
        simulator.invalid_json = True
        response = await get(simulator, f"/jobs/{ALIAS}/executions")
        assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
        with pytest.raises(ValueError):
            response.json()
        assert "{\n  'recent_commit': [" in response.text

    async def test_base_path_and_log(self, world: World) -> None:
        simulator = Simulator(world, base_path="/v2/automation/")
        assert simulator.base_path == "/v2/automation"
        async with client_of(simulator) as client:
            await client.get(f"/v2/automation/jobs/{ALIAS}?size=1")
            await client.get(f"/jobs/{ALIAS}")
            await client.post(LOGIN_PATH, json={})
            entries = (await client.get("/_log")).json()
        assert [(each["path"], each["query"], each["status"]) for each in entries] == [
            (f"/v2/automation/jobs/{ALIAS}", "size=1", 200),
            (f"/jobs/{ALIAS}", "", 404),
            (LOGIN_PATH, "", 400),
        ]
        assert len(simulator.log) == 3


class TestStatusFeed:
    async def _feed(self, simulator: Simulator, row: dict, query: str = "") -> Any:
        path = f"/status/{ALIAS}/job/{row['job_id']}/execution/{row['execution_id']}"
        return (await get(simulator, path + query)).json()

    async def test_array_is_not_paged(self, simulator: Simulator) -> None:
        row = next(row for row in simulator.world.executions.values() if row["status"] == "SUCCESS")
        events = await self._feed(simulator, row, "?page=3&size=1")
        assert len(events) > 3
        assert [event["timestamp"] for event in events] == sorted(event["timestamp"] for event in events)
        assert events[-1]["event_type"] == "playbook_result"
        assert {*events[0]} == {*RECORDINGS["synthetic_status_array"]["response"]["body"][0]}
        simulator.status_as_page = True
        page = await self._feed(simulator, row, "?page=1&size=2")
        assert page == {"totalSize": len(events), "page": 1, "size": 2, "results": events[2:4]}

    async def test_feed_of_a_job(self, simulator: Simulator) -> None:
        job_id = job_named(simulator.world, STORY)
        events = (await get(simulator, f"/status/{ALIAS}/job/{job_id}")).json()
        assert {event["execution_id"] for event in events} == {
            row["execution_id"] for row in simulator.world.executions_of(job_id)
        }
        assert len({event["id"] for event in events}) == len(events)

    async def test_live_feed_is_partial_and_merges_by_id(self, simulator: Simulator) -> None:
        world = simulator.world
        start = milliseconds(NOW)
        key = world.add_execution(status="RUNNING", timers=[{"start": start, "end": None}], job_id=job_named(world, STORY))
        row = world.executions[key]
        seen: dict[str, dict] = {}
        for _ in range(8):
            events = await self._feed(simulator, row)
            assert len(events) <= LATEST
            assert all(seen.setdefault(event["id"], event) == event for event in events)
            world.now += timedelta(seconds=3)
        assert len(seen) > LATEST
        world.update_execution(key, status="SUCCESS", timers=[{"start": start, "end": milliseconds(world.now)}])
        whole = await self._feed(simulator, row)
        assert seen.keys() < {event["id"] for event in whole}

    async def test_waiting_has_no_events(self, simulator: Simulator) -> None:
        row = next(row for row in simulator.world.executions.values() if row["status"] == "INITIALIZING")
        assert await self._feed(simulator, row) == []


class TestWorld:
    async def test_story_of_the_bad_release(self) -> None:
        simulator = Simulator(World.generate(7, 2000, NOW))
        world = simulator.world
        assert story_hour(NOW) == datetime(2026, 11, 21, 14, tzinfo=UTC)
        hour, job_id = milliseconds(story_hour(NOW)), job_named(world, STORY)
        counts: Counter[tuple[bool, bool, str]] = Counter()
        attempts = set()
        hosts: set[str] = set()
        for row in await walk(simulator, f"/jobs/{ALIAS}/executions"):
            timers = timers_of(row)
            own = row["job_id"] == job_id
            inside = bool(timers) and hour <= timers[0][0] < hour + 3_600_000
            counts[own, inside, row["status"]] += 1
            if own and inside and row["status"] == "FAILURE":
                attempts.add(len(timers))
                hosts |= {*row["failed_hosts"]}
                path = f"/status/{ALIAS}/job/{job_id}/execution/{row['execution_id']}"
                events = (await get(simulator, path)).json()
                texts = [event["message"]["msg"] for event in events if event["event_type"] == "runner_on_failed"]
                assert any("checkout 4.2.0" in text and "schema migration 0042 failed" in text for text in texts)
                if row["repository_log"] is not None:
                    assert "checkout 4.2.0" in json.dumps(row["repository_log"])
        assert counts[True, True, "FAILURE"] >= 8 > counts[True, True, "SUCCESS"] > 0
        assert attempts == {1, 2}
        assert len(hosts) >= 3
        for own, inside in ((False, True), (False, False), (True, False)):
            failed, good = counts[own, inside, "FAILURE"], counts[own, inside, "SUCCESS"]
            assert good > 0
            assert failed / (failed + good) < 0.12
        # FAILURE and the two other words for it
        bad = sum(counts[False, False, status] for status in ("FAILURE", "INIT_FAILURE", "EXPIRED"))
        assert 0.05 < bad / sum(count for (own, inside, _), count in counts.items() if not own and not inside) < 0.10

    async def test_special_cases_are_present(self) -> None:
        world = World.generate(3, 55, NOW)
        rows = list(world.executions.values())
        assert len(rows) == 55
        assert {row["status"] for row in rows} == STATUSES
        now = milliseconds(NOW)
        for row in rows:
            if row["status"] not in TERMINAL and (timers := timers_of(row)):
                assert now - timers[0][0] < 3_600_000
        assert sum(row["status"] not in TERMINAL | WAITING for row in rows) <= 4
        starts = [timers[0][0] for row in rows if (timers := timers_of(row))]
        assert sum(count > 1 for count in Counter(starts).values()) >= 3
        assert {start % 1000 == 0 for start in starts} == {True, False}
        assert all(now - start < 14 * 86_400_000 for start in starts)
        hosts = "".join(host["id"] for job in world.jobs.values() for host in job["hosts"])
        assert set("ü:/%") <= set(hosts)
        assert DELETED not in [job["description"] for job in world.jobs.values()]

    def test_inconsistencies_of_executions_are_present(self) -> None:
        rows = list(World.generate(3, 55, NOW).executions.values())
        assert {"timers" in row for row in rows} == {"start" in row for row in rows} == {True, False}
        assert {json_type(row["repository_log"]) for row in rows} == {"null", "string", "object"}
        assert {json_type(host) for row in rows for host in row["failed_hosts"]} == {"string", "integer"}
        assert {"id" in row for row in rows} == {True, False}
        assert any(row["status"] == "FAILURE" and row["failed_hosts"] == [0] for row in rows)
        assert any(row["status"] in {"STOPPED", "KILLED"} and not timers_of(row) for row in rows)
        # Restarted or stopping, with an end that is not the end.
        assert {
            row["status"] for row in rows if row["status"] not in TERMINAL and timers_of(row) and timers_of(row)[0][1]
        } == {
            "PENDING",
            "RUNNING",
            "STOPPING",
            "KILLING",
        }
        assert max(len(row.get("timers", [])) for row in rows) >= 3
        assert any((row.get("start") or 10**12) < 10**11 for row in rows)

    def test_inconsistencies_of_jobs_are_present(self) -> None:
        jobs = list(World.generate(3, 55, NOW).jobs.values())
        for key in ("name", "createdTime", "details"):
            assert {key in job for job in jobs} == {True, False}
        assert {json_type(job["repository"]) for job in jobs} == {"null", "object", "array"}
        assert {json_type(job["properties"]) for job in jobs} == {"object", "array"}
        assert {json_type(host["hostVars"]) for job in jobs for host in job["hosts"]} == {"object", "array"}
        assert {json_type(each) for job in jobs for each in job["callbacks"]} == {"object", "string"}
        assert {job["status"] for job in jobs} == {"ACTIVE", "COMPLETE", "ERRORED", "STOPPED", "QUEUED"}
        assert any(job.get("useDynamicInventory") and job["hosts"] == [] for job in jobs)
        assert any(job["links"][0]["id"] != job["id"] for job in jobs)
        assert any([link["ref"] for link in job["links"]] == ["self", "self"] for job in jobs)

    async def test_secrets_are_planted(self, simulator: Simulator) -> None:
        story = (await get(simulator, f"/jobs/{ALIAS}/{job_named(simulator.world, STORY)}")).json()
        places = [story["repository"]["credentials"]["password"], story["hosts"][0]["sshPrivateKey"]]
        places += [story["hosts"][1]["hostVars"]["ansible_ssh_pass"], *story["properties"].values()]
        places += [callback["url"] for callback in story["callbacks"][:1]]
        assert all("s3cr3t-" in place for place in places)
        assert "s3cr3t-" in (await get(simulator, f"/jobs/{ALIAS}")).text
        assert "s3cr3t-" not in (await get(simulator, f"/jobs/{ALIAS}/executions")).text
        assert "s3cr3t-feed-" in (await get(simulator, f"/status/{ALIAS}/job/{story['id']}")).text

    async def test_equal_arguments_give_equal_bytes(self) -> None:
        async def dump(seed: int) -> list[bytes]:
            simulator = Simulator(World.generate(seed, 100, NOW))
            paths = [f"/jobs/{ALIAS}", f"/jobs/{ALIAS}/executions"]
            paths.append(f"/status/{ALIAS}/job/{job_named(simulator.world, STORY)}")
            return [(await get(simulator, path)).content for path in paths]

        assert await dump(5) == await dump(5)
        assert await dump(5) != await dump(6)

    async def test_helpers(self, simulator: Simulator) -> None:
        world = simulator.world
        job_id = world.add_job(name="fresh")
        assert (await get(simulator, f"/jobs/{ALIAS}?size=1")).json()["results"][0]["name"] == "fresh"
        world.now += timedelta(seconds=9)
        world.update_job(job_id, status="STOPPED")
        job = (await get(simulator, f"/jobs/{ALIAS}/{job_id}")).json()
        assert (job["status"], job["lastUpdatedTime"] - job["createdTime"]) == ("STOPPED", 9000)
        flat = world.add_execution(job_id=job_id, status="RUNNING", start=1444924450534)
        assert "timers" not in world.executions[flat]
        waiting = world.add_execution(job_id=job_id, status="PENDING", failed_hosts=[0])
        body = (await get(simulator, f"/jobs/{ALIAS}/{job_id}/executions")).json()
        assert [row["execution_id"] for row in body["results"]] == [waiting, flat]
        assert (body["results"][0]["timers"], body["results"][0]["failed_hosts"]) == ([], [0])
        world.update_execution(waiting, status="INITIALIZING")
        path = f"/jobs/{ALIAS}/{job_id}/executions/{waiting}"
        assert (await get(simulator, path)).json()["status"] == "INITIALIZING"
        world.delete_execution(waiting)
        assert (await get(simulator, path)).status_code == 404
        world.delete_job(job_id)
        assert (await get(simulator, f"/jobs/{ALIAS}/{job_id}/executions")).status_code == 404

    def test_unknown_table(self) -> None:
        with pytest.raises(ValueError, match="no table 'hosts'"):
            World.from_records(NOW, [("hosts", {"id": 1})])
