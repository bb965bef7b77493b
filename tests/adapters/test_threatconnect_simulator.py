"""The ThreatConnect simulator against published answers, its quirks, and the data that it generates."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import httpx
import pytest

from adapters.threatconnect.simulator import Simulator
from adapters.threatconnect.simulator_auth import Credentials, signature
from adapters.threatconnect.simulator_tables import Profile
from adapters.threatconnect.world import COLUMNS, World
from adapters.threatconnect.world_generator import MESSAGE_LIMIT, STORY, story_hour
from gateway.testing.shapes import compare_shapes

DIRECTORY = Path(__file__).parent.parent / "recordings" / "threatconnect"
RECORDINGS: dict[str, dict] = {
    path.stem: json.loads(path.read_text()) for path in sorted(DIRECTORY.glob("*.json")) if path.stem != "tql_examples"
}
NOW = datetime(2026, 11, 21, 20, 30, 12, 345678, tzinfo=UTC)
CLOCK = 1587340800.0
TOKEN = {"Authorization": "TC-Token APIV2:s3cr3t-token"}
EXECUTIONS = "v3/job/executions"

TARGETS = {
    "appauth_expired_token": "/appAuth?expiredToken=1",
    "count_true": "/v3/indicators?count=true",
    "job_executions_list": "/v3/job/executions",
    "jobs_list": "/v3/jobs",
    "synthetic_error_internal": "/v3/job/executions",
    "synthetic_error_tql_parse": "/v3/job/executions?tql=jobId%20%3D",
    "v2_owners": "/v2/owners",
}
"""What was asked: the recordings, taken from documents, leave their request's address empty."""

UNMATCHED: dict[str, str] = {
    "appauth_expired_token": "renewing the tokens of apps is not simulated, and the recording does not tell its status",
    "count_true": "indicators are not simulated; TestPaging shows the same count for jobs and executions",
}
"""Recordings that the simulator does not answer alike, and why."""

REPLAYED = [name for name, each in RECORDINGS.items() if each["request"]["method"] == "GET"]


def records() -> Iterator[tuple[str, dict]]:
    """What the recordings show of the server's tables."""
    lists = {"jobs_list": "jobs", "job_executions_list": "executions"}
    for name, table in lists.items():
        yield from ((table, row) for row in RECORDINGS[name]["response"]["body"]["data"])
    yield from (("owners", row) for row in RECORDINGS["v2_owners"]["response"]["body"]["data"]["owner"])


def client_of(simulator: Simulator, base_url: str = "http://tc.example") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=simulator.app), base_url=base_url)


async def get(simulator: Simulator, path: str, headers: dict[str, str] = TOKEN, method: str = "GET") -> httpx.Response:
    async with client_of(simulator) as client:
        return await client.request(method, f"/api/{path}", headers=headers)


async def ask(simulator: Simulator, path: str = EXECUTIONS, **params: object) -> dict:
    response = await get(simulator, f"{path}?{urlencode(params, quote_via=quote)}")
    assert response.status_code == 200, response.text
    body: dict = response.json()
    assert body["status"] == "Success"
    return body


async def ids(simulator: Simulator, path: str = EXECUTIONS, **params: object) -> list[int]:
    return [row["id"] for row in (await ask(simulator, path, resultLimit=10_000, **params))["data"]]


async def refusal(simulator: Simulator, path: str = EXECUTIONS, **params: object) -> tuple[int, str]:
    response = await get(simulator, f"{path}?{urlencode(params, quote_via=quote)}")
    body = response.json()
    assert body["status"] == "Error"
    return response.status_code, body["errCode"]


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(World.generate(1, 300, NOW))


async def differences(name: str) -> list[str]:
    recorded = RECORDINGS[name]["response"]
    simulator = Simulator(World.from_records(NOW, records()))
    simulator.broken = name == "synthetic_error_internal"
    response = await get(simulator, TARGETS[name][1:])
    found = []
    if response.status_code != recorded["status"]:
        found.append(f"status {response.status_code}, recorded {recorded['status']}")
    wanted = recorded["headers"]["content-type"].split(";")[0]
    if response.headers["content-type"].split(";")[0] != wanted:
        found.append(f"content-type {response.headers['content-type']}, recorded {wanted}")
    return found + compare_shapes(recorded["body"], response.json())


class TestFidelity:
    async def test_recordings(self) -> None:
        assert sorted(TARGETS) == sorted(REPLAYED)
        differing = {name: found for name in REPLAYED if (found := await differences(name))}
        assert {name: found for name, found in differing.items() if name not in UNMATCHED} == {}
        assert [name for name in UNMATCHED if name not in differing] == []
        assert 1 - len(differing) / len(REPLAYED) >= 0.7

    @pytest.mark.parametrize("name", ["jobs_list", "job_executions_list", "v2_owners", "synthetic_error_tql_parse"])
    async def test_values_too(self, name: str) -> None:
        simulator = Simulator(World.from_records(NOW, records()))
        answered = (await get(simulator, TARGETS[name][1:])).json()
        # The documentation's counts are of rows that it does not show.
        counts = {key: answered[key] for key in ("countSuccess", "countFailure") if key in answered}
        assert answered == RECORDINGS[name]["response"]["body"] | counts


class TestProfiles:
    async def test_options(self, simulator: Simulator) -> None:
        async def offered(path: str) -> list[str]:
            body = (await get(simulator, f"{path}/tql", method="OPTIONS")).json()
            assert (body["status"], body["count"]) == ("Success", len(body["data"]))
            assert all(set(row) == {"keyword", "name", "type", "description"} for row in body["data"])
            return [row["keyword"] for row in body["data"]]

        assert sorted(await offered(EXECUTIONS)) == sorted(COLUMNS["executions"])
        assert len(await offered("v3/jobs")) == 6
        simulator.profile = Profile.MINIMAL
        assert await offered(EXECUTIONS) == ["completedTime", "jobId"]
        assert await offered("v3/jobs") == ["id", "name"]

    async def test_only_what_is_offered_may_be_used(self, simulator: Simulator) -> None:
        simulator.profile = Profile.MINIMAL
        assert await ids(simulator, tql="jobId = 2")
        assert await refusal(simulator, tql="id = 2") == (400, "0x2001")
        assert await refusal(simulator, sorting="id desc") == (400, "0x2001")
        simulator.profile = Profile.FULL
        assert await ids(simulator, tql="id = 2", sorting="id desc") == [2]

    async def test_fields(self, simulator: Simulator) -> None:
        body = (await get(simulator, "v3/jobs/fields", method="OPTIONS")).json()
        assert [row["name"] for row in body["data"]] == ["lastExecution"]
        assert (await get(simulator, f"{EXECUTIONS}/fields", method="OPTIONS")).status_code == 404
        assert (await get(simulator, "v3/jobs?show=readonly", method="OPTIONS")).json()["data"]["active"][
            "type"
        ] == "Boolean"
        assert (await get(simulator, EXECUTIONS, method="OPTIONS")).json()["data"] == {}

    async def test_last_execution(self, simulator: Simulator) -> None:
        plain = (await ask(simulator, "v3/jobs"))["data"]
        full = (await ask(simulator, "v3/jobs", fields="lastExecution"))["data"]
        assert not any("lastExecution" in row for row in plain)
        assert [row["name"] for row in full if "lastExecution" not in row] == ["Never ran"]
        for row in full[1:]:
            latest = (await ask(simulator, tql=f"jobId = {row['id']}", sorting="queueTime desc id desc"))["data"][0]
            assert row["lastExecution"] == latest
        assert await refusal(simulator, "v3/jobs", fields="owner") == (400, "0x1001")


class TestOrder:
    async def test_default_is_by_id_descending(self, simulator: Simulator) -> None:
        assert await ids(simulator) == list(range(300, 0, -1))

    async def test_keywords(self) -> None:
        world = World(NOW)
        for hours in (3, 1, 2):
            world.add_execution(queueTime=NOW - timedelta(hours=hours))
        world.add_execution(status="Failed", queueTime=NOW - timedelta(hours=1))
        simulator = Simulator(world)
        for sorting, expected in {
            "completedTime asc": [4, 1, 3, 2],
            "completedTime desc": [2, 3, 1, 4],
            "COMPLETEDTIME nullsFirst": [4, 1, 3, 2],
            "completedTime nullslast": [1, 3, 2, 4],
            "queueTime desc id asc": [2, 4, 3, 1],
            "queueTime desc id desc": [4, 2, 3, 1],
        }.items():
            assert await ids(simulator, sorting=sorting) == expected, sorting

    @pytest.mark.parametrize("sorting", ["", "id", "id down", "id desc jobId", "nothing asc", "id desc,jobId asc"])
    async def test_refused(self, simulator: Simulator, sorting: str) -> None:
        assert await refusal(simulator, sorting=sorting) == (400, "0x2001")

    async def test_ties_need_a_tie_breaker(self, simulator: Simulator) -> None:
        async def walk(sorting: str) -> list[int]:
            pages = [await ask(simulator, sorting=sorting, resultStart=start, resultLimit=20) for start in range(0, 300, 20)]
            return [row["id"] for page in pages for row in page["data"]]

        assert len(set(await walk("status asc"))) < 300
        assert len(set(await walk("status asc id asc"))) == 300
        assert await walk("status asc") == await walk("status asc")


class TestPaging:
    async def test_links(self, simulator: Simulator) -> None:
        body = await ask(simulator, tql='status = "Completed"', sorting="id desc", resultStart=5, resultLimit=10)
        kept = "http://tc.example/api/v3/job/executions?tql=status%20%3D%20%22Completed%22&sorting=id%20desc"
        assert body["next"] == f"{kept}&resultStart=15&resultLimit=10"
        assert body["prev"] == f"{kept}&resultStart=0&resultLimit=10"
        assert list(body) == ["next", "data", "prev", "countFailure", "status", "countSuccess"]

    async def test_ends(self, simulator: Simulator) -> None:
        first, last = await ask(simulator), await ask(simulator, resultStart=200)
        assert (len(first["data"]), "prev" in first, "next" in first) == (100, False, True)
        assert (len(last["data"]), "prev" in last, "next" in last) == (100, True, False)
        assert (await ask(simulator, resultStart=999))["data"] == []

    async def test_walk_by_next(self, simulator: Simulator) -> None:
        seen, target = [], "/api/v3/job/executions?resultLimit=70"
        while target:
            body = (await get(simulator, target.removeprefix("/api/"))).json()
            seen += [row["id"] for row in body["data"]]
            following = urlsplit(body.get("next", ""))
            target = f"{following.path}?{following.query}" if following.path else ""
        assert seen == list(range(300, 0, -1))

    async def test_count_on_the_first_page_alone(self, simulator: Simulator) -> None:
        assert (await ask(simulator, count="true", resultLimit=1))["count"] == 300
        assert (await ask(simulator, "v3/jobs", count="true"))["count"] == len(simulator.world.jobs)
        assert "count" not in await ask(simulator, count="true", resultStart=1)
        assert "count" not in await ask(simulator, count="false")

    async def test_outcome_counts_are_of_the_page(self, simulator: Simulator) -> None:
        body = await ask(simulator, resultLimit=50)
        statuses = Counter(row["status"] for row in body["data"])
        assert (body["countSuccess"], body["countFailure"]) == (statuses["Completed"], statuses["Failed"])
        assert "countSuccess" not in await ask(simulator, "v3/jobs")

    @pytest.mark.parametrize(
        "params", [{"resultLimit": each} for each in ("10001", "0", "-1", "x", "")] + [{"resultStart": -1}]
    )
    async def test_refused(self, simulator: Simulator, params: dict) -> None:
        assert await refusal(simulator, **params) == (400, "0x1001")

    async def test_latency_counts_rows(self, monkeypatch: pytest.MonkeyPatch, simulator: Simulator) -> None:
        naps: list[float] = []

        async def nap(seconds: float) -> None:
            naps.append(seconds)

        monkeypatch.setattr("adapters.threatconnect.simulator.asyncio.sleep", nap)
        simulator.latency_per_row = 0.5
        await ask(simulator, resultLimit=20)
        await ask(simulator, "v3/jobs/1")
        assert naps == [10.0, 0.5]


class TestAccess:
    TARGET = "/api/v3/jobs?tql=id%20%3D%201"

    def signed(self, secret: str = "s3cr3t-key", access: str = "12345678901234567890", **changed: str) -> dict[str, str]:
        given = {"target": self.TARGET, "method": "GET", "timestamp": "1587340800"} | changed
        return {"Timestamp": given["timestamp"], "Authorization": f"TC {access}:{signature(secret, **given)}"}

    async def message(self, headers: dict[str, str], target: str = TARGET) -> str:
        simulator = Simulator(World.generate(1, 5, NOW), clock=lambda: CLOCK)
        response = await get(simulator, target.removeprefix("/api/"), headers)
        if response.status_code == 200:
            return ""
        body = response.json()
        assert (response.status_code, body["errCode"], body["status"]) == (401, "0x1002", "Error")
        return str(body["message"])

    def test_published_vector(self) -> None:
        assert signature("test", "test", "GET", "1587340800") == "p5a/YiTRs7sNMp/PEDgZxky8lJDRLbza1pi8erjURrU="

    async def test_tokens(self) -> None:
        assert await self.message(TOKEN) == ""
        assert await self.message(TOKEN | {"Timestamp": "1"}) == ""
        for authorization in ("", "TC-Token", "TC-Token APIV2:other", "Bearer APIV2:s3cr3t-token"):
            assert await self.message({"Authorization": authorization}) == "Unauthorized"
        assert await self.message({}) == "Unauthorized"

    async def test_signatures(self) -> None:
        assert await self.message(self.signed()) == ""
        assert await self.message(self.signed(timestamp="1587340500")) == ""
        late = "Timestamp out of acceptable time range"
        assert await self.message(self.signed(timestamp="1587340499")) == late
        assert await self.message(self.signed(timestamp="1587341101")) == late
        assert await self.message(self.signed() | {"Timestamp": "now"}) == late
        assert await self.message(self.signed(access="nobody")) == "Access Denied"
        for headers in (
            self.signed(secret="other"),
            self.signed(method="POST"),
            self.signed(target="/api/v3/jobs?tql=id+%3D+1"),
            self.signed(target="/api/v3/jobs"),
            self.signed() | {"Authorization": "TC 12345678901234567890:"},
        ):
            assert await self.message(headers) == "Signature data did not match expected result"

    async def test_either_encoding_of_a_blank_is_fine_if_signed_as_sent(self) -> None:
        target = "/api/v3/jobs?tql=id+%3D+1"
        assert await self.message(self.signed(target=target), target) == ""

    async def test_bad_encoding_is_unauthorized(self, simulator: Simulator) -> None:
        sent: list[int] = []

        async def send(message: dict) -> None:
            sent.extend([message["status"]] if message["type"] == "http.response.start" else [])

        async def receive() -> dict:
            return {"type": "http.request", "body": b"", "more_body": False}

        headers = [(b"authorization", TOKEN["Authorization"].encode())]
        scope = {"type": "http", "method": "GET", "path": "/api/v3/jobs", "scheme": "http", "server": ("tc.example", 80)}
        for query in (b'tql=name="x"', b"tql=id>1", b"tql=name like %"):
            await simulator.app({**scope, "query_string": query, "headers": headers}, receive, send)  # type: ignore[arg-type]
        assert sent == [401, 401, 401]

    async def test_given_credentials(self) -> None:
        simulator = Simulator(World(NOW), credentials=Credentials(frozenset({"mine"}), {}))
        assert (await get(simulator, "v3/jobs", {"Authorization": "TC-Token mine"})).status_code == 200
        assert (await get(simulator, "v3/jobs")).status_code == 401
        owners = await get(simulator, "v2/owners")
        assert (owners.status_code, owners.json()) == (401, {"status": "Failure", "message": "Unauthorized"})

    async def test_https_only(self) -> None:
        simulator = Simulator(World(NOW), https_only=True)
        plain = await get(simulator, "v3/jobs")
        assert (plain.status_code, plain.json()["errCode"]) == (403, "0x1003")
        async with client_of(simulator, "https://tc.example") as client:
            assert (await client.get("/api/v3/jobs", headers=TOKEN)).status_code == 200
        assert (await get(simulator, "v3/jobs", TOKEN | {"X-Forwarded-Proto": "https"})).status_code == 200


class TestResources:
    async def test_one(self, simulator: Simulator) -> None:
        row = (await ask(simulator, tql="id = 7"))["data"][0]
        assert await ask(simulator, f"{EXECUTIONS}/7") == {"data": row, "status": "Success"}
        body = await ask(simulator, "v3/jobs/1", fields="lastExecution")
        assert (body["data"]["name"], "lastExecution" in body["data"]) == (STORY, True)

    @pytest.mark.parametrize(
        "path", [f"{EXECUTIONS}/9999", "v3/jobs/x", "v3/jobs/13", "v3/jobs/1/x", "v3/job", "v3/openApi", ""]
    )
    async def test_none(self, simulator: Simulator, path: str) -> None:
        response = await get(simulator, path)
        assert (response.status_code, response.json()["errCode"]) == (404, "0x1004")

    async def test_read_only(self, simulator: Simulator) -> None:
        for method in ("POST", "PUT", "DELETE"):
            response = await get(simulator, EXECUTIONS, method=method)
            assert (response.status_code, response.json()["errCode"]) == (405, "0x1005")

    async def test_base_path_and_log(self) -> None:
        simulator = Simulator(World.generate(1, 5, NOW), base_path="/tc/api/")
        async with client_of(simulator) as client:
            for path in ("/tc/api/v3/jobs", "/tc/api/v3/jobs?tql=id%3D1", "/api/v3/jobs"):
                await client.get(path, headers=TOKEN)
            entries = (await client.get("/_log")).json()
        assert [(each["path"], each["query"], each["status"]) for each in entries] == [
            ("/tc/api/v3/jobs", "", 200),
            ("/tc/api/v3/jobs", "tql=id%3D1", 200),
            ("/api/v3/jobs", "", 404),
        ]
        assert len(simulator.log) == 3


class TestWorld:
    def test_story_of_the_bad_release(self) -> None:
        world = World.generate(7, 2000, NOW)
        hour = story_hour(NOW)
        assert hour == datetime(2026, 11, 21, 14, tzinfo=UTC)
        counts: Counter[tuple[bool, bool, str]] = Counter()
        servers = set()
        for row in world.executions.values():
            own = world.jobs.get(row["jobId"], {"name": ""})["name"] == STORY
            inside = row["startTime"] is not None and hour <= row["startTime"] < hour + timedelta(hours=1)
            counts[own, inside, row["status"]] += 1
            if own and inside and row["status"] == "Failed":
                servers.add(row["serverName"])
                assert "checkout 4.2.0" in row["exitMessage"]
                assert "schema migration 0042 failed" in row["exitMessage"]
        assert [job["programVersion"] for job in world.jobs.values() if job["name"] == STORY] == ["4.2.0"]
        assert counts[True, True, "Failed"] >= 8 > counts[True, True, "Completed"] > 0
        assert len(servers) >= 3
        for own, inside in ((False, True), (False, False), (True, False)):
            failed, completed = counts[own, inside, "Failed"], counts[own, inside, "Completed"]
            assert completed > 0
            assert failed / (failed + completed) < 0.12
        assert 0.05 < counts[False, False, "Failed"] / sum(counts.values()) < 0.09

    def test_special_cases_are_present(self) -> None:
        world = World.generate(3, 60, NOW)
        rows = list(world.executions.values())
        assert len(rows) == 60
        assert {row["status"] for row in rows} == {"Queued", "Running", "Completed", "Failed", "Partial Failure"}
        fresh = [row for row in rows if row["status"] in {"Queued", "Running"}]
        assert all(NOW - row["queueTime"] < timedelta(hours=1) for row in fresh)
        assert all((row["startTime"] is None) == (row["status"] == "Queued") == (row["serverName"] is None) for row in fresh)
        assert all(row["queueTime"].microsecond == 0 and row["queueTime"] >= NOW - timedelta(days=14) for row in rows)
        assert sum(count > 1 for count in Counter(row["queueTime"] for row in rows).values()) >= 3
        assert any(row["jobId"] not in world.jobs for row in rows)
        assert any(row["status"] == "Failed" and row["failedTime"] is None for row in rows)
        assert any(row["status"] == "Completed" and row["exitMessage"] is None and row["serverName"] is None for row in rows)
        assert max(len(row["exitMessage"] or "") for row in rows) == MESSAGE_LIMIT
        ordered = sorted(rows, key=lambda row: row["id"])
        assert [row["queueTime"] for row in ordered] != sorted(row["queueTime"] for row in rows), "ids are no order of time"
        assert not any(row["completedTime"] and row["failedTime"] for row in rows)
        ends = [row["completedTime"] or row["failedTime"] for row in rows if row["completedTime"] or row["failedTime"]]
        assert max(ends) <= NOW
        assert set("ü:/%") <= set("".join(row["serverName"] or "" for row in rows))
        assert set("'\"\\`%_Ü") <= set("".join(row["name"] for row in world.jobs.values()))
        assert {row["active"] for row in world.jobs.values()} == {True, False}

    async def test_secrets_are_kept_back(self, simulator: Simulator) -> None:
        assert all("s3cr3t-" in json.dumps(row["parameters"]) for row in simulator.world.jobs.values())
        for path in ("v3/jobs?fields=lastExecution", f"{EXECUTIONS}?resultLimit=1000", "v3/jobs/1"):
            text = (await get(simulator, path)).text
            assert "parameters" not in text
            assert "s3cr3t-" not in text

    async def test_equal_arguments_give_equal_bytes(self) -> None:
        async def dump(seed: int) -> list[bytes]:
            simulator = Simulator(World.generate(seed, 100, NOW))
            return [(await get(simulator, path)).content for path in ("v3/jobs?fields=lastExecution", EXECUTIONS)]

        assert await dump(5) == await dump(5)
        assert await dump(5) != await dump(6)

    async def test_nulls_are_left_out(self, simulator: Simulator) -> None:
        rows = (await ask(simulator, resultLimit=300))["data"]
        assert not any(None in row.values() for row in rows)
        queued = next(row for row in rows if row["status"] == "Queued")
        assert set(queued) == {"id", "jobId", "queueTime", "status"}
        running = next(row for row in rows if row["status"] == "Running")
        assert set(running) == {"id", "jobId", "queueTime", "serverName", "startTime", "status"}

    async def test_helpers(self, simulator: Simulator) -> None:
        world = simulator.world
        job = world.add_job(name="Extra")
        first = world.add_execution(jobId=job, status="Failed", queueTime=NOW - timedelta(hours=1), wait=2, duration=30)
        second = world.add_execution(jobId=job, status="Queued")
        body = await ask(simulator, tql=f"jobId = {job}")
        assert body["data"] == [
            {"id": second, "jobId": job, "queueTime": "2026-11-21T20:30:12Z", "status": "Queued"},
            {
                "id": first,
                "jobId": job,
                "exitMessage": "Failed for status (404)\n",
                "failedTime": "2026-11-21T19:30:44Z",
                "queueTime": "2026-11-21T19:30:12Z",
                "serverName": "tc-job",
                "startTime": "2026-11-21T19:30:14Z",
                "status": "Failed",
            },
        ]
        world.update_execution(second, status="Running", startTime=NOW + timedelta(seconds=2.5))
        row = (await ask(simulator, f"{EXECUTIONS}/{second}"))["data"]
        assert (row["status"], row["startTime"]) == ("Running", "2026-11-21T20:30:14Z")
        world.delete_execution(second)
        assert (await get(simulator, f"{EXECUTIONS}/{second}")).status_code == 404
        world.delete_job(job)
        assert await ids(simulator, tql=f"jobId = {job}") == [first]
        assert world.add_execution() == second + 1
