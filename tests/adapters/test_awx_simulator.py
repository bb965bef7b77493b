"""The AWX simulator is held to recordings of the real AWX 24.6.1, and its own promises are checked."""

import base64
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.awx.simulator import Simulator
from adapters.awx.world import World
from gateway.testing.shapes import compare_shapes

RECORDINGS = Path(__file__).parents[1] / "recordings" / "awx"
NOW = datetime(2026, 11, 21, 19, 30, 5, 123456, tzinfo=UTC)
HOUR = datetime(2026, 11, 21, 13, tzinfo=UTC)
UNSERVED = {"stdout", "children"}
ADMIN = {"Authorization": "Bearer admin-token"}

UNMATCHED = {
    "ad_hoc_events": "only two of six events are recorded, so there is no second page",
    "filter_unified_node": "only half of the workflow nodes are recorded, so there is no second page",
    "filterbad_host_status_counts": "host_status_counts is in details only, and few details are recorded",
    "inventory_hosts": "only two hosts of the inventory are recorded, so there is no second page",
    "jobs_list_viewer": "the recorded viewer had roles on single templates, the simulator's has them on organizations",
    "launch_get": "launching is not simulated",
    "list_instances": "the sixth instance is not recorded, so there is no second page",
    "list_job_templates": "seven of twelve templates are not recorded, so there is no second page",
    "list_workflow_job_nodes": "only the first page of nodes is recorded, so there is no second one",
    "metrics_viewer": "metrics are not simulated",
    "order_by_random_dup": "job 271, newer than this recording, comes first",
    "order_by_twice": "job 271, newer than this recording, comes first",
    "ping": "the instance that was never seen (heartbeat null) is recorded nowhere else",
    "relaunch_get_failed": "relaunching is not simulated",
}
"""The recordings that the simulator does not reproduce, and why."""

INCOMPLETE = {
    "filter_canceled_on": "recorded after job 18 had been canceled",
    "filter_jhs_host": "only three host summaries of the host are recorded",
    "filter_or_in": "recorded after job 18 had been canceled and others launched",
}
"""Recordings of /jobs/ that match in shape but count rows that are not recorded."""


def recording(name: str) -> dict:
    found: dict = json.loads((RECORDINGS / f"{name}.json").read_text())
    return found


def recordings() -> Iterator[dict]:
    for path in sorted(RECORDINGS.glob("*.json")):
        if path.stem != "traversals":
            yield json.loads(path.read_text())


def is_replayed(recorded: dict) -> bool:
    request = recorded["request"]
    of_host = "/hosts/" in request["path"] and "job_events" in request["path"]
    return request["method"] == "GET" and not of_host and not UNSERVED & set(request["path"].split("/"))


def is_late(recorded: dict) -> bool:
    """Whether it was made after the jobs from 266 on had been launched; the other recordings do not know them."""
    return re.search(r"/jobs/(26[6-9]|27[0-9])/", json.dumps(recorded)) is not None


def recorded_world(*, late: bool) -> World:
    """Every record that occurs in an answer to the administrator; other users see other ``user_capabilities``."""
    rows: list[dict] = []
    for recorded in sorted(recordings(), key=is_late):
        request, body = recorded["request"], recorded["response"]["body"]
        is_read = request["method"] == "GET" and "Basic" not in request["headers"].get("Authorization", "")
        if is_read and isinstance(body, dict) and (late or not is_late(recorded)):
            rows += body.get("results", [body] if "id" in body and "type" in body else [])
    world = World.from_records(rows, NOW)
    names = {group["name"]: group["instances"] for group in recording("ping")["response"]["body"]["instance_groups"]}
    world.group_members = {row["id"]: names[row["name"]] for row in world.instance_groups.values()}
    return world


def client_of(simulator: Simulator, headers: dict | None = None) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=simulator.app)
    return httpx.AsyncClient(transport=transport, base_url="http://awx", headers=ADMIN if headers is None else headers)


def credentials(recorded: dict) -> dict:
    """The request's headers with credentials of the simulator in the place of the redacted ones."""
    headers = dict(recorded["request"]["headers"])
    scheme = headers.get("Authorization", "").split(" ")[0]
    user = "nobody" if "nobody" in recorded["name"] else "viewer"
    basic = base64.b64encode(f"{user}:{user}-password".encode()).decode()
    token = "wrong" if "badtoken" in recorded["name"] else "admin-token"
    if scheme:
        headers["Authorization"] = f"{scheme} {basic if scheme == 'Basic' else token}"
    return headers


def differences(recorded: dict, answer: httpx.Response) -> list[str]:
    expected = recorded["response"]
    found = []
    if expected["status"] != answer.status_code:
        found.append(f"status {expected['status']}, simulated {answer.status_code}")
    for header in ("content-type", "location"):
        left, right = (str(headers.get(header)).split(";")[0] for headers in (expected["headers"], answer.headers))
        if left != right:
            found.append(f"{header} {left}, simulated {right}")
    if found:
        return found
    body: Any = answer.json() if "json" in answer.headers["content-type"] else answer.text
    if recorded.get("trimmed"):
        body["results"] = body["results"][: len(expected["body"]["results"])]
    return compare_shapes(expected["body"], body)


async def replay() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for late in (False, True):
        async with client_of(Simulator(recorded_world(late=late)), {}) as client:
            for recorded in recordings():
                if not is_replayed(recorded) or is_late(recorded) != late:
                    continue
                request = recorded["request"]
                url = request["path"] + (f"?{request['query']}" if request["query"] else "")
                answer = await client.get(url, headers=credentials(recorded))
                found[recorded["name"]] = differences(recorded, answer)
    return found


async def test_answers_have_the_shape_of_the_recorded_ones() -> None:
    found = await replay()
    different = {name: sentences for name, sentences in found.items() if sentences}
    assert {name: text for name, text in different.items() if name not in UNMATCHED} == {}
    assert set(UNMATCHED) - set(different) == set(), "listed but matching now"
    assert len(different) / len(found) < 0.15


async def test_job_lists_have_the_count_the_links_and_the_ids_of_the_recorded_ones() -> None:
    """All 250 jobs are recorded, so filters and orders must find the very same ones."""
    checked = []
    async with client_of(Simulator(recorded_world(late=False)), {}) as client:
        for recorded in filter(is_replayed, recordings()):
            name, request, body = recorded["name"], recorded["request"], recorded["response"]["body"]
            is_list = request["path"] == "/api/v2/jobs/" and isinstance(body, dict) and "results" in body
            if not is_list or is_late(recorded) or name in UNMATCHED:
                continue
            answer = (await client.get(f"{request['path']}?{request['query']}", headers=credentials(recorded))).json()
            rows = answer["results"][: len(body["results"])]
            same = [row["id"] for row in rows] == [row["id"] for row in body["results"]]
            same = same and all(answer.get(key) == body.get(key) for key in ("count", "next", "previous"))
            assert same != (name in INCOMPLETE), name
            checked.append(name)
    assert len(checked) >= 40


def traversed_world(rows_by_order: dict[str, list[list]]) -> World:
    """The recorded world brought to the state in which the lists were walked: the same ids, created and finished."""
    world = recorded_world(late=True)
    created, finished = dict(rows_by_order["order_by=created,id"]), dict(rows_by_order["order_by=finished,id"])
    for row_id in created.keys() - world.executions.keys():
        world.add_execution(id=row_id)
    for row_id in created:
        world.update_execution(row_id, created=created[row_id], finished=finished[row_id])
    return world


async def walk(client: httpx.AsyncClient, query: str) -> list[dict]:
    rows: list[dict] = []
    link: str | None = f"/api/v2/jobs/?{query}"
    while link:
        page = (await client.get(link)).json()
        rows += page["results"]
        link = page["next"]
    return rows


TRAVERSALS: dict[str, list[list]] = json.loads((RECORDINGS / "traversals.json").read_text())["awx"]


@pytest.mark.parametrize("query", TRAVERSALS)
async def test_whole_lists_come_in_the_order_of_the_real_server(query: str) -> None:
    column = query.removeprefix("order_by=").removeprefix("-").split(",")[0]
    async with client_of(Simulator(traversed_world(TRAVERSALS))) as client:
        rows = await walk(client, f"{query}&page_size=37")
        assert [[row["id"], row[column]] for row in rows] == TRAVERSALS[query]


async def test_bounds_are_inclusive_and_nulls_have_their_own_filter() -> None:
    walked = TRAVERSALS["order_by=-finished,id"]
    row_id, instant = next(entry for entry in walked if entry[1] is not None)
    below = [entry[0] for entry in walked if entry[1] is not None]
    async with client_of(Simulator(traversed_world(TRAVERSALS))) as client:
        rows = await walk(client, f"order_by=-finished,id&page_size=200&finished__lte={instant}")
        assert [row["id"] for row in rows] == below
        rows = await walk(client, f"order_by=id&page_size=200&finished__lt={instant}")
        assert row_id not in [row["id"] for row in rows]
        rows = await walk(client, "order_by=id&page_size=200&finished__isnull=true")
        assert [row["id"] for row in rows] == sorted(entry[0] for entry in walked if entry[1] is None)


@pytest.fixture(scope="module")
def generated() -> World:
    return World.generate(11, 300, NOW)


@pytest.fixture
async def client(generated: World) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(Simulator(generated)) as opened:
        yield opened


async def count(client: httpx.AsyncClient, path: str) -> int:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["count"])


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/jobs/?created__gt=2026-11-12T00:00:00+00:00", 400, "has an invalid format"),
        ("/jobs/?id__gt=x", 400, '["“x” value must be an integer."]'),
        ("/jobs/?failed=maybe", 400, 'Unable to convert "maybe" to boolean'),
        ("/jobs/?name__foo=1", 400, "No related model for field foo."),
        ("/jobs/?job_template__jobs__job_template=4", 400, "Loops not allowed in filters"),
        ("/jobs/?elapsed__iexact=1", 400, "is not a text field"),
        ("/jobs/?elapsed__gt=x", 400, "value must be a decimal number"),
        ("/jobs/?name__regex=(", 400, "missing )"),
        ("/jobs/?__gt=1", 400, "Query string field name not provided."),
        ("/jobs/?job_template__contains=1", 400, "Related Field got invalid lookup: contains"),
        ("/jobs/?name__search=x", 400, "name is not searchable"),
        ("/jobs/?fields=id", 400, "Job has no field named 'fields'"),
        ("/jobs/?created_by__password=x", 403, "Filtering on password fields is not allowed."),
        ("/jobs/?order_by=job_env", 403, "Filtering on job_env is not allowed."),
        ("/jobs/?page=0", 404, "Invalid page."),
        ("/jobs/?status=bogus&page=2", 404, "Invalid page."),
        ("/jobs/999999/cancel/", 404, "No Job matches the given query."),
        ("/jobs/999999/job_host_summaries/", 404, "No Job matches the given query."),
        ("/job_host_summaries/999999/", 404, "No JobHostSummary matches the given query."),
        ("/jobs/?format=api", 406, "Could not satisfy the request Accept header."),
    ],
)
async def test_refusals_are_json(client: httpx.AsyncClient, path: str, status: int, detail: str) -> None:
    answer = await client.get(f"/api/v2{path}", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert detail in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/jobs/?page_size=abc", 500),
        ("/jobs/?order_by=", 500),
        ("/jobs/?name=%00", 500),
        ("/jobs/?role_level=admin_role", 500),
        ("/job_host_summaries/", 404),
        ("/unified_jobs/1001/", 404),
        ("/hosts/no such host/", 404),
    ],
)
async def test_crashes_and_unknown_routes_are_html(client: httpx.AsyncClient, path: str, status: int) -> None:
    answer = await client.get(f"/api/v2{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")


async def test_paging_caps_the_size_and_rewrites_its_links(client: httpx.AsyncClient) -> None:
    page = (await client.get("/api/v2/jobs/?page_size=500&order_by=-id")).json()
    assert (page["count"], len(page["results"])) == (300, 200)
    assert page["next"] == "/api/v2/jobs/?order_by=-id&page=2&page_size=200"
    last = (await client.get("/api/v2/jobs/?page=last&page_size=200")).json()
    assert (last["next"], last["previous"]) == (None, "/api/v2/jobs/?page=1&page_size=200")
    assert await count(client, "/api/v2/jobs/?page_size=-1") == 300
    assert len((await client.get("/api/v2/jobs/?page_size=0")).json()["results"]) == 25
    uncounted = await client.get("/api/v2/jobs/?count_disabled=1&page_size=3&order_by=-id")
    assert list(uncounted.json()) == ["results"]
    assert (await client.get("/api/v2/jobs/?count_disabled=1&page=2")).status_code == 404


async def test_ordering_by_a_column_with_ties_repeats_and_loses_rows(client: httpx.AsyncClient) -> None:
    unstable = await walk(client, "order_by=status&page_size=25")
    assert (len(unstable), len({row["id"] for row in unstable}) < 300) == (300, True)
    assert len({row["id"] for row in await walk(client, "order_by=status,-id&page_size=25")}) == 300


async def test_filters_have_the_semantics_of_awx(client: httpx.AsyncClient, generated: World) -> None:
    jobs = generated.executions.values()
    failed = sum(row["status"] == "failed" for row in jobs)
    errors = sum(row["status"] == "error" for row in jobs)
    assert await count(client, "/api/v2/jobs/?status__in=failed,%20error") == failed
    assert await count(client, "/api/v2/jobs/?status__in=failed,error") == failed + errors
    assert await count(client, "/api/v2/jobs/?status=failed&status=error") == 0
    assert await count(client, "/api/v2/jobs/?type__in=job") == 0
    assert await count(client, "/api/v2/jobs/?limit=3") == 300
    assert await count(client, "/api/v2/jobs/?limit__exact=web") == 0
    assert await count(client, "/api/v2/jobs/?not__status__in=failed,error") == 300 - failed - errors
    orphans = sum(row["job_template"] is None for row in jobs)
    assert await count(client, "/api/v2/jobs/?job_template=null") == orphans > 0
    assert await count(client, "/api/v2/jobs/?search=DEPLOY,checkout") == await count(
        client, "/api/v2/jobs/?job_template__name=deploy%20checkout"
    )
    assert await count(client, "/api/v2/jobs/?job_template__search=deploy") == await count(
        client, "/api/v2/jobs/?search=deploy"
    )
    deployments = await count(client, "/api/v2/jobs/?name__istartswith=Deploy")
    assert await count(client, "/api/v2/jobs/?labels__name=release") == deployments > 0
    assert await count(client, "/api/v2/jobs/?elapsed__gt=0&status=running") == 0
    assert await count(client, "/api/v2/unified_jobs/?job__limit__icontains=web") == 0
    unknown = await client.get("/api/v2/unified_jobs/?limit__icontains=web")
    assert unknown.json() == {"detail": "UnifiedJob has no field named 'limit'"}


async def test_conditions_on_one_relation_must_hold_for_one_record(client: httpx.AsyncClient, generated: World) -> None:
    summaries = generated.job_host_summaries.values()
    broken = next(row for row in summaries if row["failed"])
    host = next(row["host"] for row in summaries if row["job"] == broken["job"] and not row["failed"])
    path = f"/api/v2/jobs/?id={broken['job']}&job_host_summaries__host={{}}&job_host_summaries__failed=true"
    assert await count(client, path.format(broken["host"])) == 1
    assert await count(client, path.format(host)) == 0
    assert await count(client, path.format(host).replace("job_host", "chain__job_host")) == 1


async def test_lists_leave_out_what_only_details_have(client: httpx.AsyncClient, generated: World) -> None:
    row_id = next(row["id"] for row in generated.executions.values() if row["status"] == "running")
    listed = (await client.get(f"/api/v2/jobs/?id={row_id}")).json()["results"][0]
    detail = (await client.get(f"/api/v2/jobs/{row_id}/")).json()
    only = {"job_args", "job_cwd", "job_env", "result_traceback", "event_processing_finished"}
    assert detail.keys() - listed.keys() == only | {"host_status_counts", "playbook_counts", "custom_virtualenv"}
    assert listed["elapsed"] == (NOW - datetime.fromisoformat(listed["started"])) / timedelta(seconds=1)


async def test_users_see_what_their_organizations_own(generated: World) -> None:
    basic = base64.b64encode(b"viewer:viewer-password").decode()
    async with client_of(Simulator(generated), {"Authorization": f"Basic {basic}"}) as viewer:
        seen = sum(row["organization"] == 1 for row in generated.executions.values())
        assert await count(viewer, "/api/v2/jobs/") == seen
        assert await count(viewer, "/api/v2/instances/") == 0
        assert (await viewer.get("/api/v2/instances/1/")).status_code == 403
        assert (await viewer.get("/api/v2/me/")).json()["results"][0]["username"] == "viewer"
        hidden = next(row["id"] for row in generated.executions.values() if row["organization"] == 2)
        assert (await viewer.get(f"/api/v2/jobs/{hidden}/job_host_summaries/")).status_code == 403


async def test_a_wrong_credential_gets_the_one_401(generated: World) -> None:
    async with client_of(Simulator(generated), {"Authorization": "Basic !"}) as stranger:
        answer = await stranger.get("/api/v2/jobs/")
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer realm=api")
        assert (await stranger.get("/api/v2/ping/")).json()["version"] == "24.6.1"


async def test_a_missing_slash_redirects(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v2/jobs?page=1")
    assert (answer.status_code, answer.headers["location"]) == (301, "/api/v2/jobs/?page=1")
    assert (await client.get("/api/v2/nothing")).status_code == 404


async def test_options_tell_the_largest_page(client: httpx.AsyncClient) -> None:
    answer = (await client.request("OPTIONS", "/api/v2/jobs/")).json()
    recorded = recording("jobs_options")["response"]["body"]
    assert answer["max_page_size"] == recorded["max_page_size"]
    assert answer.keys() == recorded.keys()
    filterable = {name for name, field in recorded["actions"]["GET"].items() if field["filterable"]}
    assert filterable - answer["actions"]["GET"].keys() == {"extra_vars"}, "OPTIONS says so, the filter answers 403"


async def test_cancel_is_a_request() -> None:
    world = World.generate(3, 60, NOW)
    by_status = {row["status"]: row["id"] for row in world.executions.values() if row["canceled_on"] is None}
    simulator = Simulator(world)
    async with client_of(simulator) as client:
        for status in ("pending", "running", "successful"):
            path = f"/api/v2/jobs/{by_status[status]}/cancel/"
            assert (await client.get(path)).json() == {"can_cancel": status != "successful"}
            answer = await client.post(path, headers={"Authorization": "Bearer admin-read-token"})
            assert answer.status_code == 403
            answer = await client.post(path)
            assert (answer.status_code, answer.content != b"") == ((405, True) if status == "successful" else (202, False))
    canceled, running = world.executions[by_status["pending"]], world.executions[by_status["running"]]
    assert (canceled["status"], canceled["finished"], canceled["started"]) == ("canceled", canceled["canceled_on"], None)
    assert (running["status"], running["finished"], running["canceled_on"] is None) == ("running", None, False)


async def test_requests_are_logged_and_shown(generated: World) -> None:
    simulator = Simulator(generated)
    async with client_of(simulator) as client:
        await client.get("/api/v2/jobs/?name=caf%C3%A9")
        shown = (await client.get("/_log")).json()
    (shown,) = shown
    kept = {name: shown[name] for name in ("method", "path", "query", "status")}
    assert kept == {"method": "GET", "path": "/api/v2/jobs/", "query": "name=caf%C3%A9", "status": 200}
    assert [request.path for request in simulator.log] == ["/api/v2/jobs/"]


async def test_changes_show_at_once() -> None:
    world = World.generate(5, 60, NOW)
    async with client_of(Simulator(world)) as client:
        row_id = world.add_execution(job_template=5, created=NOW, status="running", started=NOW)
        assert (await client.get(f"/api/v2/jobs/{row_id}/")).json()["name"] == "deploy catalog"
        template = (await client.get("/api/v2/job_templates/5/")).json()
        assert template["summary_fields"]["current_job"]["id"] == row_id
        host = world.add_host("new-01.example.org")
        world.add_summary(row_id, host, ok=3, failures=1)
        world.update_execution(row_id, status="failed", finished=NOW + timedelta(seconds=9))
        summary = (await client.get(f"/api/v2/jobs/{row_id}/job_host_summaries/")).json()["results"][0]
        assert (summary["failed"], summary["summary_fields"]["job"]["elapsed"]) == (True, 9.0)
        assert (await client.get(f"/api/v2/hosts/{host}/")).json()["last_job"] == row_id
        world.delete_host(host)
        summary = (await client.get(f"/api/v2/jobs/{row_id}/job_host_summaries/")).json()["results"][0]
        assert (summary["host"], summary["host_name"]) == (None, "new-01.example.org")
        world.delete_template(5)
        orphan = (await client.get(f"/api/v2/jobs/{row_id}/")).json()
        assert (orphan["job_template"], "job_template" in orphan["summary_fields"]) == (None, False)
        world.delete_execution(row_id)
        assert (await client.get(f"/api/v2/jobs/{row_id}/")).status_code == 404
        assert world.job_templates[world.add_template("fresh")]["status"] == "never updated"


def test_equal_arguments_make_equal_worlds() -> None:
    worlds = [World.generate(seed, 200, NOW) for seed in (1, 1, 2)]
    first, same, other = (json.dumps([world.executions, world.job_host_summaries, world.hosts]) for world in worlds)
    assert first == same
    assert first != other


def test_a_world_too_small_for_the_story_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 40"):
        World.generate(1, 39, NOW)


def started_in_the_hour(row: dict) -> bool:
    return row["started"] is not None and HOUR <= datetime.fromisoformat(row["started"]) < HOUR + timedelta(hours=1)


@pytest.mark.parametrize("size", [40, 300, 1000])
def test_the_bad_release_is_in_the_data(size: int) -> None:
    jobs = World.generate(11, size, NOW).executions.values()
    checkout = [row for row in jobs if row["name"] == "deploy checkout"]
    bad = [row for row in checkout if started_in_the_hour(row)]
    failed = [row for row in bad if row["status"] == "failed"]
    assert (len(jobs), len(failed), len(bad)) == (size, 9, 11)
    assert all("checkout 4.2.0" in row["job_explanation"] for row in failed)
    assert all("schema migration 0042 failed" in row["job_explanation"] for row in failed)
    around = [row for row in checkout if row not in bad and row["finished"]]
    assert {row["created"] < min(one["created"] for one in bad) for row in around} == {True, False}
    others = [row for row in jobs if row not in bad and row["finished"]]
    assert sum(row["status"] in ("failed", "error") for row in others) <= 0.1 * len(others)
    assert sum(row["status"] == "successful" for row in others if started_in_the_hour(row)) >= 3


def test_generated_data_has_the_hard_cases(generated: World) -> None:
    jobs = list(generated.executions.values())
    statuses = {"new", "pending", "waiting", "running", "successful", "failed", "error", "canceled"}
    assert {row["status"] for row in jobs} == statuses
    oldest = min(datetime.fromisoformat(row["created"]) for row in jobs)
    assert NOW - timedelta(days=14) <= oldest < NOW - timedelta(days=10)
    ties = [instant for instant, number in Counter(row["created"] for row in jobs).items() if number > 1]
    assert len(ties) >= 3
    assert {"." in row["created"] for row in jobs} == {True, False}
    unfinished = [row for row in jobs if not row["finished"]]
    assert all(NOW - datetime.fromisoformat(row["created"]) < timedelta(hours=1) for row in unfinished)
    assert all(datetime.fromisoformat(row["finished"]) <= NOW for row in jobs if row["finished"])
    assert any(row["canceled_on"] for row in unfinished)
    assert any(row["status"] == "canceled" and row["started"] is None for row in jobs)
    assert any(row["host"] is None for row in generated.job_host_summaries.values())
    names = "".join(row["name"] for row in generated.hosts.values())
    assert all(char in names for char in ":/%ü東")
    assert sorted(generated.executions) == sorted(generated.executions, key=lambda key: _created(generated, key))
    for place in ("extra_vars", "job_args", "job_env", "artifacts"):
        assert any("s3cr3t-" in json.dumps(row[place]) for row in jobs), place


def _created(world: World, row_id: int) -> Any:
    return datetime.fromisoformat(world.executions[row_id]["created"]), row_id
