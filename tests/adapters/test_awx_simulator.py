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
LOGS = {"stdout", "job_events", "events", "children"}
ADMIN = {"Authorization": "Bearer admin-token"}

UNMATCHED = {
    "nothing yet": "",
}


def recording(name: str) -> dict:
    found: dict = json.loads((RECORDINGS / f"{name}.json").read_text())
    return found


def recordings() -> Iterator[dict]:
    for path in sorted(RECORDINGS.glob("*.json")):
        if path.stem != "traversals":
            yield json.loads(path.read_text())


def is_replayed(recorded: dict) -> bool:
    request = recorded["request"]
    return request["method"] == "GET" and not LOGS & set(request["path"].split("/"))


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
    is_json = "json" in str(answer.headers["content-type"])
    body = answer.json() if is_json else answer.text
    if recorded.get("trimmed"):
        body["results"] = body["results"][: len(expected["body"]["results"])]
    return compare_shapes(expected["body"], body)


async def replay() -> dict[str, list[str]]:
    found = {}
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
