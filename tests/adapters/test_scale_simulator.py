"""The Scale simulator against the recordings of the real server, its quirks, and the data that it generates."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from adapters.scale.simulator import Simulator
from adapters.scale.simulator_tables import TABLES
from adapters.scale.world import World
from adapters.scale.world_generator import STORY, story_hour
from gateway.testing.shapes import compare_shapes

DIRECTORY = Path(__file__).parent.parent / "recordings" / "scale"
RECORDINGS: dict[str, dict] = {
    path.stem: json.loads(path.read_text()) for path in sorted(DIRECTORY.glob("*.json")) if path.stem != "traversals"
}
RECORDED_AT = datetime(2026, 11, 21, 19, 24, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 20, 30, 12, 345678, tzinfo=UTC)

UNMATCHED: dict[str, str] = {}
"""Recordings that the simulator does not answer alike, and why."""

LATER = {
    "exe_5_after_cancel": ["exe_5_after_cancel"],
    "exes_after_requeue": ["exes_after_requeue"],
    "queue_status_after": ["exes_after_requeue", "queue_new_job"],
}
"""Recordings of a changed server, and those that tell what had changed."""


def is_replayed(name: str) -> bool:
    return "logs_" not in name and RECORDINGS[name]["request"]["method"] == "GET"


REPLAYED = [name for name in RECORDINGS if is_replayed(name) and not name.startswith("v44_")]
REPLAYED_4 = [name for name in RECORDINGS if is_replayed(name) and name.startswith("v44_")]
"""What was recorded of 4.4.2, over the same data."""


def records(name: str) -> Iterator[tuple[str, dict]]:
    """What a recording shows of the server's tables."""
    path, body = RECORDINGS[name]["request"]["path"], RECORDINGS[name]["response"]["body"]
    if not isinstance(body, dict) or "detail" in body:
        return
    rows = body["results"] if "count" in body else [body]
    parts = path.removeprefix("/scale/api/").removeprefix("v3/").strip("/").split("/")
    tables = {"job-executions": "executions", "jobs": "jobs", "nodes": "nodes", "errors": "errors"}
    tables |= {"job-types": "job_types", "queue": "jobs"}
    if parts == ["nodes", "status"]:
        for row in rows:
            yield "nodes", row["node"]
            yield from (("executions", each) for each in row["job_exes_running"])
    elif len(parts) == 1 or parts[1].isdigit() or parts[1] == "new-job":
        yield from ((tables[parts[0]], row) for row in rows if parts[0] in tables)


def recorded_world(later: list[str]) -> World:
    names = [name for name in REPLAYED if name not in LATER]
    world = World.from_records(RECORDED_AT, (pair for name in [*names, *later] for pair in records(name)))
    # The recorded data was put into the database past Scale's queue; what was queued later went through it.
    world.queue = {key for key in world.executions if key > 263}
    return world


def client_of(simulator: Simulator, host: str = "scale.example") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=simulator.app), base_url=f"http://{host}")


async def differences(name: str, simulator: Simulator) -> list[str]:
    request, recorded = RECORDINGS[name]["request"], RECORDINGS[name]["response"]
    async with client_of(simulator) as client:
        url = request["path"] + ("?" + request["query"] if request["query"] else "")
        response = await client.get(url, headers=request["headers"])
    found = []
    if response.status_code != recorded["status"]:
        found.append(f"status {response.status_code}, recorded {recorded['status']}")
    wanted = recorded["headers"].get("content-type", "").split(";")[0]
    if response.headers.get("content-type", "").split(";")[0] != wanted:
        found.append(f"content-type {response.headers.get('content-type')}, recorded {wanted}")
    location = recorded["headers"].get("location", "")
    if urlsplit(response.headers.get("location", "")).path != urlsplit(location).path:
        found.append(f"location {response.headers.get('location')}, recorded {location}")
    body = response.json() if wanted == "application/json" and response.content else response.text
    return found + compare_shapes(recorded["body"], body)


class TestFidelity:
    async def test_recordings(self) -> None:
        usual = Simulator(recorded_world([]))
        differing: dict[str, list[str]] = {}
        for name in REPLAYED:
            simulator = Simulator(recorded_world(LATER[name])) if name in LATER else usual
            if found := await differences(name, simulator):
                differing[name] = found
        assert {name: found for name, found in differing.items() if name not in UNMATCHED} == {}
        assert [name for name in UNMATCHED if name not in differing] == []
        assert 1 - len(differing) / len(REPLAYED) >= 0.85

    async def test_recordings_of_generation_4(self) -> None:
        simulator = Simulator(recorded_world([]), generation="4")
        assert len(REPLAYED_4) >= 10
        assert {name: found for name in REPLAYED_4 if (found := await differences(name, simulator))} == {}


class TestGeneration4:
    @pytest.fixture
    def newer(self) -> Simulator:
        return Simulator(World.generate(1, 60, NOW), generation="4")

    @pytest.mark.parametrize("version", ["v3", "v4", "v5"])
    async def test_versions(self, newer: Simulator, version: str) -> None:
        async with client_of(newer) as client:
            assert (await client.get(f"/scale/api/{version}/version/")).json() == {"version": "4.4.2"}
            job = (await client.get(f"/scale/api/{version}/jobs/1/")).json()
        assert ("products" in job, "input_files" in job) == (version == "v3", version == "v3")

    @pytest.mark.parametrize("path", ["/scale/api/jobs/", "/scale/api/v6/jobs/", "/scale/api/v2/jobs/"])
    async def test_other_versions_are_not_there(self, newer: Simulator, path: str) -> None:
        async with client_of(newer) as client:
            answer = await client.get(path)
        assert (answer.status_code, answer.text[:18]) == (404, "<h1>Not Found</h1>")

    @pytest.mark.parametrize("path", ["jobs/", "jobs/executions/"])
    async def test_superseded_jobs_are_hidden_unless_asked_for(self, newer: Simulator, path: str) -> None:
        every = len(newer.world.jobs)
        superseded = sum(row["is_superseded"] for row in newer.world.jobs.values())
        counts = []
        async with client_of(newer) as client:
            for query in ("", "?include_superseded=true", "?include_superseded=false"):
                counts.append((await client.get(f"/scale/api/v4/{path}{query}")).json()["count"])
        assert superseded > 0
        assert counts == [every - superseded, every, every - superseded]


API = "/scale/api/v3"


async def get(simulator: Simulator, path: str, **headers: str) -> httpx.Response:
    async with client_of(simulator) as client:
        return await client.get(f"{API}/{path}", headers=headers)


async def walk(simulator: Simulator, path: str, page_size: int) -> list[dict]:
    """All rows of a list, asked for page by page by number."""
    rows: list[dict] = []
    page = 1
    while True:
        separator = "&" if "?" in path else "?"
        body = (await get(simulator, f"{path}{separator}page={page}&page_size={page_size}")).json()
        rows += body["results"]
        if body["next"] is None:
            return rows
        page += 1


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(World.generate(1, 300, NOW))


class TestTraversals:
    WALKS = json.loads((DIRECTORY / "traversals.json").read_text())

    @pytest.fixture
    def real(self) -> Simulator:
        return Simulator(World.from_records(RECORDED_AT, records("exes_page_size_1000")))

    @pytest.mark.parametrize("name", WALKS)
    async def test_whole_lists(self, name: str, real: Simulator) -> None:
        query = name.removeprefix("v3: ")
        key = query.partition("&")[0].removeprefix("order=").removeprefix("-")
        rows = await walk(real, f"job-executions/?{query}", 50)
        assert [[row["id"], row[key]] for row in rows] == self.WALKS[name]

    async def test_bounds_are_inclusive(self, real: Simulator) -> None:
        # 42 executions share this last_modified; the bound may lie on it from either side.
        for bounds in ("started=2016-08-15T20:00:00Z&ended=2016-08-15T20:00:01Z",
                       "started=2016-08-15T19:59:59Z&ended=2016-08-15T20:00:00Z"):  # fmt: skip
            assert len(await walk(real, f"job-executions/?{bounds}&order=id", 10)) == 42
        just_after = "started=2016-08-15T20:00:00.000001Z&ended=2016-08-15T20:00:01Z"
        assert await walk(real, f"job-executions/?{just_after}", 10) == []


class TestPaging:
    @pytest.mark.parametrize("size", ["0", "-5", "abc", ""])
    async def test_bad_sizes_become_100(self, simulator: Simulator, size: str) -> None:
        assert len((await get(simulator, f"job-executions/?page_size={size}")).json()["results"]) == 100

    async def test_size_is_clamped_and_echoed(self) -> None:
        simulator = Simulator(World.generate(1, 1001, NOW))
        body = (await get(simulator, "job-executions/?page_size=5000")).json()
        assert len(body["results"]) == 1000
        assert body["next"] == f"http://scale.example{API}/job-executions/?page=2&page_size=5000"

    @pytest.mark.parametrize("query", ["page=4", "page=0", "page=abc", "page=", "status=BOGUS&page=2"])
    async def test_no_such_page(self, simulator: Simulator, query: str) -> None:
        response = await get(simulator, f"job-executions/?{query}")
        assert (response.status_code, response.json()) == (404, {"detail": "Invalid page."})

    async def test_links(self, simulator: Simulator) -> None:
        first = (await get(simulator, "jobs/?status=FAILED&page_size=1&order=id")).json()
        assert first["next"] == f"http://scale.example{API}/jobs/?order=id&page=2&page_size=1&status=FAILED"
        assert first["previous"] is None
        second = (await get(simulator, "jobs/?page_size=1&page=2")).json()
        assert second["previous"] == f"http://scale.example{API}/jobs/?page_size=1"
        forwarded = {"X-Forwarded-Host": "public.example", "X-Forwarded-Proto": "https"}
        last = (await get(simulator, "jobs/?page=last&status=FAILED&status=RUNNING&page_size=2", **forwarded)).json()
        assert last["next"] is None
        assert last["previous"].startswith(f"https://public.example{API}/jobs/?page=")
        assert last["previous"].endswith("&page_size=2&status=FAILED&status=RUNNING")

    async def test_ties_need_a_tie_breaker(self, simulator: Simulator) -> None:
        ids = [row["id"] for row in await walk(simulator, "job-executions/?order=status", 10)]
        assert len(ids) == 300
        assert len(set(ids)) < 300
        assert [row["id"] for row in await walk(simulator, "job-executions/?order=status", 10)] == ids
        assert len({row["id"] for row in await walk(simulator, "job-executions/?order=status&order=id", 10)}) == 300

    async def test_pages_are_not_of_one_snapshot(self, simulator: Simulator) -> None:
        first = (await get(simulator, "job-executions/?page_size=10&order=last_modified&order=id")).json()["results"]
        simulator.world.update_execution(first[0]["id"], status="CANCELED")
        rest = (await walk(simulator, "job-executions/?order=last_modified&order=id", 10))[10:]
        seen = {row["id"] for row in first + rest}
        assert len(seen) == 299

    async def test_latency_counts_rows(self, monkeypatch: pytest.MonkeyPatch, simulator: Simulator) -> None:
        naps: list[float] = []

        async def nap(seconds: float) -> None:
            naps.append(seconds)

        monkeypatch.setattr("adapters.scale.simulator.asyncio.sleep", nap)
        simulator.latency_per_row = 0.5
        await get(simulator, "job-executions/?page_size=20")
        await get(simulator, "jobs/1/")
        assert naps == [10.0, 0.5]


class TestFilters:
    @pytest.mark.parametrize("query", ["status=failed", "status=RUNNING,QUEUED", "node_id=9999", "job_type_name=nothing"])
    async def test_nothing_found(self, simulator: Simulator, query: str) -> None:
        body = (await get(simulator, f"job-executions/?{query}")).json()
        assert body == {"count": 0, "next": None, "previous": None, "results": []}

    @pytest.mark.parametrize(
        ("query", "detail"),
        [
            ("node_id=x", 'Parameter must be a valid integer: "node_id"'),
            ("job_type_id=", 'Parameter must be a valid integer: "job_type_id"'),
            ("started=2026-11-20", "Invalid ISO timestamp format for parameter: started"),
            ("started=2026-11-20T10:00:00", "Invalid ISO timestamp format for parameter: started"),
            ("started=2026-11-20T10:00:00-05:00", "Invalid ISO timestamp format for parameter: started"),
            ("started=2026-11-20T10:00:00+01:00", "Invalid ISO timestamp format for parameter: started"),
            ("ended=2026-13-20T10:00:00Z", "Invalid ISO timestamp format for parameter: ended"),
            ("ended=P1W", "Invalid ISO timestamp format for parameter: ended"),
            ("started=P1D&ended=P1D", "Start and end values must be different"),
            ("started=P1D&ended=P2D", "Start time must come before end time"),
        ],
    )
    async def test_bad_parameters(self, simulator: Simulator, query: str, detail: str) -> None:
        response = await get(simulator, f"job-executions/?{query}")
        assert (response.status_code, response.json()) == (400, {"detail": detail})

    async def test_range_filters_last_modified(self, simulator: Simulator) -> None:
        key = simulator.world.add_execution(last_modified=NOW + timedelta(days=1))
        escaped = (NOW + timedelta(days=1, hours=1)).isoformat().replace("+00:00", "%2B01:00")
        body = (await get(simulator, f"job-executions/?started={escaped}")).json()
        assert [row["id"] for row in body["results"]] == [key]
        recent = (await get(simulator, "job-executions/?started=PT1H&page_size=1000")).json()["results"]
        assert {row["status"] for row in recent} >= {"QUEUED", "RUNNING"}

    async def test_unknown_parameters_are_ignored(self, simulator: Simulator) -> None:
        assert (await get(simulator, "job-executions/?job_id=3&id=3&error_id=1")).json()["count"] == 300

    async def test_conditions(self, simulator: Simulator) -> None:
        wanted = f"job_type_name={STORY[0]}&job_type_category=checkout&status=FAILED&status=COMPLETED&node_id=1&node_id=2"
        rows = await walk(simulator, f"job-executions/?{wanted}", 1000)
        assert {row["job"]["job_type"]["name"] for row in rows} == {STORY[0]}
        assert {row["node"]["id"] for row in rows} == {1, 2}
        failed = await walk(simulator, "jobs/?error_category=ALGORITHM", 1000)
        assert {row["error"]["category"] for row in failed} == {"ALGORITHM"}

    @pytest.mark.parametrize("order", ["bogus", "job_type__name", "", "-", "job__nothing", "environment", "%20id"])
    async def test_bad_order_is_a_500_of_html(self, simulator: Simulator, order: str) -> None:
        response = await get(simulator, f"job-executions/?page=999&order={order}")
        assert (response.status_code, response.text) == (500, "<h1>Server Error (500)</h1>")
        assert response.headers["content-type"] == "text/html"

    @pytest.mark.parametrize("path", ["node__hostname", "job__job_type__name", "error__name", "job_id", "pk", "started"])
    async def test_nulls_are_the_greatest(self, simulator: Simulator, path: str) -> None:
        parts = path.replace("pk", "id").replace("_id", "__id").split("__")

        def value(row: dict) -> Any:
            found: Any = row
            for part in parts:
                found = None if found is None else found[part]
            return found

        up = [value(row) for row in await walk(simulator, f"job-executions/?order={path}&order=id", 70)]
        assert up == sorted(up, key=lambda each: (each is None, each or ""))
        down = [value(row) for row in await walk(simulator, f"job-executions/?order=-{path}&order=id", 70)]
        assert down == up[::-1]

    async def test_jobs_by_ids(self, simulator: Simulator) -> None:
        body = (await get(simulator, "jobs/?job_id=7&job_id=2&job_id=99999")).json()
        assert sorted(row["id"] for row in body["results"]) == [2, 7]
        response = await get(simulator, "jobs/?" + "&".join(f"job_id={key}" for key in range(100000, 100300)))
        assert (response.status_code, response.headers["content-type"]) == (400, "text/html")
        assert "Request Line is too large" in response.text

    async def test_nodes_are_active_unless_asked(self, simulator: Simulator) -> None:
        assert (await get(simulator, "nodes/")).json()["count"] == 7
        assert (await get(simulator, "nodes/?include_inactive=T")).json()["count"] == 8
        response = await get(simulator, "nodes/?include_inactive=maybe")
        detail = 'Parameter must be a valid boolean: "include_inactive"'
        assert (response.status_code, response.json()) == (400, {"detail": detail})


class TestHttp:
    async def test_missing_slash(self, simulator: Simulator) -> None:
        response = await get(simulator, "job-executions?page_size=1")
        assert response.status_code == 301
        assert response.headers["location"] == f"http://scale.example{API}/job-executions/?page_size=1"

    @pytest.mark.parametrize("path", ["nothing/", "nothing", "job-executions/abc/", "../v4/version/"])
    async def test_unrouted_is_html(self, simulator: Simulator, path: str) -> None:
        response = await get(simulator, path)
        assert response.status_code == 404
        assert response.text.startswith("<h1>Not Found</h1><p>The requested URL /scale/api/v")

    @pytest.mark.parametrize("kind", ["job-executions", "jobs", "nodes", "errors", "job-types"])
    async def test_missing_row_is_json(self, simulator: Simulator, kind: str) -> None:
        response = await get(simulator, f"{kind}/{10**20}/")
        assert (response.status_code, response.json()) == (404, {"detail": "Not found."})

    @pytest.mark.parametrize(
        ("accept", "status", "content_type"),
        [
            ("*/*", 200, "application/json"),
            ("text/html,application/xhtml+xml,*/*;q=0.8", 200, "text/html; charset=utf-8"),
            ("text/html, application/json", 200, "application/json"),
            ("application/xml", 406, "application/json"),
        ],
    )
    async def test_negotiation(self, simulator: Simulator, accept: str, status: int, content_type: str) -> None:
        response = await get(simulator, "jobs/1/", Accept=accept)
        assert (response.status_code, response.headers["content-type"]) == (status, content_type)

    async def test_format(self, simulator: Simulator) -> None:
        assert (await get(simulator, "version/?format=api")).headers["content-type"].startswith("text/html")
        assert (await get(simulator, "version/?format=xml")).json() == {"detail": "Not found."}

    async def test_other_methods(self, simulator: Simulator) -> None:
        async with client_of(simulator) as client:
            refused = await client.post(f"{API}/job-executions/")
            head = await client.head(f"{API}/job-executions/")
        assert (refused.status_code, refused.json()) == (405, {"detail": 'Method "POST" not allowed.'})
        assert (head.status_code, head.content) == (200, b"")

    async def test_base_path_and_log(self) -> None:
        simulator = Simulator(World.generate(1, 5, NOW), base_path="/cluster/scale/v3/")
        async with client_of(simulator) as client:
            for path in ("/cluster/scale/v3/version/", "/cluster/scale/version/?a=%2F", "/scale/api/v3/version/"):
                await client.get(path)
            entries = (await client.get("/_log")).json()
        assert [(each["path"], each["query"], each["status"]) for each in entries] == [
            ("/cluster/scale/v3/version/", "", 200),
            ("/cluster/scale/version/", "a=%2F", 200),
            ("/scale/api/v3/version/", "", 404),
        ]
        assert len(simulator.log) == 3

    async def test_authorization_of_a_proxy(self) -> None:
        simulator = Simulator(World.generate(1, 5, NOW), authorization="Basic abc")
        assert (await get(simulator, "version/")).status_code == 401
        assert (await get(simulator, "version/", Authorization="Basic abc")).json() == {"version": "3.1.0-snapshot"}


class TestWorld:
    async def test_story_of_the_bad_release(self) -> None:
        world = World.generate(7, 2000, NOW)
        hour = story_hour(NOW)
        assert hour == datetime(2026, 11, 21, 14, tzinfo=UTC)
        rows = await walk(Simulator(world), "job-executions/?order=id", 1000)
        counts: Counter[tuple[bool, bool, str]] = Counter()
        nodes = set()
        for row in rows:
            job_type = row["job"]["job_type"]
            own = (job_type["name"], job_type["version"]) == STORY
            started = row["started"] and datetime.fromisoformat(row["started"])
            inside = bool(started) and hour <= started < hour + timedelta(hours=1)
            counts[own, inside, row["status"]] += 1
            if own and inside and row["status"] == "FAILED":
                nodes.add(row["node"]["hostname"])
                assert row["error"]["category"] == "ALGORITHM"
                assert "checkout 4.2.0" in row["error"]["title"]
                assert "schema migration 0042 failed" in row["error"]["description"]
        assert counts[True, True, "FAILED"] >= 8 > counts[True, True, "COMPLETED"] > 0
        assert len(nodes) >= 3
        for own, inside in ((False, True), (False, False), (True, False)):
            failed, completed = counts[own, inside, "FAILED"], counts[own, inside, "COMPLETED"]
            assert completed > 0
            assert failed / (failed + completed) < 0.12
        assert 0.05 < counts[False, False, "FAILED"] / sum(counts.values()) < 0.09

    async def test_special_cases_are_present(self) -> None:
        world = World.generate(3, 45, NOW)
        rows = list(world.executions.values())
        assert len(rows) == 45
        assert {row["status"] for row in rows} == {"QUEUED", "RUNNING", "FAILED", "COMPLETED", "CANCELED"}
        assert {row["status"] for row in world.jobs.values()} >= {"PENDING", "BLOCKED"}
        fresh = [row for row in rows if row["status"] in {"QUEUED", "RUNNING"}]
        assert all(NOW - row["created"] < timedelta(hours=1) for row in fresh)
        assert any(row["status"] == "CANCELED" and row["started"] is None and row["node_id"] is None for row in rows)
        assert sum(count > 1 for count in Counter(row["created"] for row in rows).values()) >= 3
        assert {row["created"].microsecond == 0 for row in rows} == {True, False}
        assert any(row["superseded_by_job_id"] for row in world.jobs.values())
        names = "".join(row["hostname"] for row in world.nodes.values())
        assert set("ü:/%") <= set(names)
        assert (await get(Simulator(world), "queue/status/")).json()["count"] > 0
        assert (await get(Simulator(world), "status/")).json()["queue_depth"] == len(world.queue) == 3

    async def test_secrets_only_in_details(self, simulator: Simulator) -> None:
        lists = [(await get(simulator, f"{kind}/?page_size=1000")).text for kind in ("job-executions", "jobs", "nodes")]
        assert not any("s3cr3t-" in text for text in lists)
        planted: Counter[str] = Counter()
        for key, row in simulator.world.executions.items():
            text = (await get(simulator, f"job-executions/{key}/")).text
            planted["environment"] += "s3cr3t-database" in text
            planted["results"] += "s3cr3t-upload" in text
            planted["event"] += "s3cr3t-bucket" in (await get(simulator, f"jobs/{row['job_id']}/")).text
        assert min(planted[place] for place in ("environment", "results", "event")) > 10

    async def test_equal_arguments_give_equal_bytes(self) -> None:
        async def dump(seed: int) -> list[bytes]:
            simulator = Simulator(World.generate(seed, 100, NOW))
            paths = [f"{kind}/" for kind in ("job-executions", "jobs/executions", "nodes", "errors", "job-types")]
            return [(await get(simulator, path)).content for path in [*paths, "jobs/3/", "job-executions/9/"]]

        assert await dump(5) == await dump(5)
        assert await dump(5) != await dump(6)

    async def test_generated_rows_have_the_recorded_columns(self) -> None:
        world = World.generate(1, 60, NOW)
        for name, rows in world.tables.items():
            assert all(set(row) == set(TABLES[name].names()) for row in rows.values()), name

    async def test_helpers(self, simulator: Simulator) -> None:
        world = simulator.world
        first = world.add_execution(status="FAILED", error_id=1, created=NOW - timedelta(hours=1), wait=2, duration=30)
        job_id = world.executions[first]["job_id"]
        second = world.add_execution(status="QUEUED", job_id=job_id)
        assert second in world.queue
        job = (await get(simulator, f"jobs/{job_id}/")).json()
        assert (job["status"], job["num_exes"]) == ("QUEUED", 2)
        assert [(each["id"], each["status"]) for each in job["job_exes"]] == [(second, "QUEUED"), (first, "FAILED")]
        latest = (await get(simulator, f"jobs/executions/?job_id={job_id}")).json()["results"][0]["latest_job_exe"]
        assert (latest["id"], latest["job"], latest["node"]) == (second, {"id": job_id}, None)
        world.now = NOW + timedelta(seconds=9)
        world.update_execution(second, status="RUNNING", started=NOW, node_id=1)
        assert second not in world.queue
        row = (await get(simulator, f"job-executions/{second}/")).json()
        assert (row["job"]["status"], row["node"]["id"]) == ("RUNNING", 1)
        assert row["last_modified"] == "2026-11-21T20:30:21.345678Z"
        assert second in [each["id"] for each in (await get(simulator, "nodes/1/")).json()["job_exes_running"]]
        world.delete_execution(second)
        assert (await get(simulator, f"job-executions/{second}/")).status_code == 404
        assert world.add_execution() == second + 1
