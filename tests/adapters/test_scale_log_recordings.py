"""The simulator's log views, and the adapter's reading of them, against what the real servers answered."""

import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from adapters.scale.simulator import Simulator
from adapters.scale.world import World
from adapters.scale.world_logs import LogEntry
from gateway.model import Execution, LogStream
from gateway.spi import LogQuery
from gateway.testing.shapes import compare_shapes
from tests.adapters.scale_bench import adapter_over, key
from tests.adapters.test_scale_simulator import RECORDINGS, client_of, recorded_world

LOGS = [name for name in RECORDINGS if "logs_" in name]
UNMATCHED = {
    "logs_es_down": "the simulator's Elasticsearch is never down",
    "logs_deprecated_1": "texts that runs before the time of Elasticsearch left in the database",
}
"""Recordings that the simulator does not answer alike, and why."""


@pytest.fixture(scope="module")
def world() -> World:
    """The recorded tables, with the recorded logs of executions 6 and 20."""
    world = recorded_world([])
    hits = RECORDINGS["v44_logs_6_combined_json"]["response"]["body"]["hits"]["hits"]
    tags = {hit["_id"]: hit["_source"]["tag"] for hit in _hits("logs_6_combined_json")}
    for hit in hits:
        source = hit["_source"]
        at = datetime.fromisoformat(source["@timestamp"])
        phase, stderr = tags[hit["_id"]].rpartition("_")[2], source["stream"] == "stderr"
        world.logs[6].append(
            LogEntry(6, at, source["message"], source["scale_order_num"], stderr=stderr, phase=phase, name=hit["_id"])
        )
    begin = datetime.fromisoformat("2016-08-15T02:00:00.000Z")
    texts = RECORDINGS["logs_20_combined_truncated_txt"]["response"]["body"].split("\n")
    for place, text in enumerate([*texts, *["left out"] * 1500]):
        world.write_log(20, begin=begin + timedelta(milliseconds=13 * place), text=text)
    return world


def _hits(name: str) -> list[dict[str, Any]]:
    hits: list[dict[str, Any]] = RECORDINGS[name]["response"]["body"]["hits"]["hits"]
    return hits


@pytest.mark.parametrize("name", [name for name in LOGS if name not in UNMATCHED])
async def test_recordings(name: str, world: World) -> None:
    request, recorded = RECORDINGS[name]["request"], RECORDINGS[name]["response"]
    simulator = Simulator(world, generation="4" if name.startswith("v44_") else "3")
    async with client_of(simulator) as client:
        del client.headers["accept"]
        url = request["path"] + ("?" + request["query"]) * bool(request["query"])
        response = await client.get(url, headers=request["headers"])
    assert response.status_code == recorded["status"]
    assert response.headers["content-type"] == recorded["headers"]["content-type"]
    assert ("last-modified" in response.headers) == ("last-modified" in recorded["headers"])
    # Elasticsearch promised no order among equals before release 4.0.
    if "application/json" in response.headers["content-type"]:
        assert compare_shapes(recorded["body"], response.json()) == []
    else:
        assert sorted(response.text.split("\n")) == sorted(recorded["body"].split("\n"))
    if response.status_code == 200 and "hits" in recorded["body"]:
        ours, theirs = (body["hits"]["hits"] for body in (response.json(), recorded["body"]))
        assert sorted(ours, key=_by_time) == sorted(theirs, key=_by_time)
        assert response.headers.get("last-modified") == recorded["headers"].get("last-modified")


def _by_time(hit: dict[str, Any]) -> tuple[str, str]:
    return hit["_source"]["@timestamp"], hit["_id"]


@pytest.mark.parametrize(("version", "prefix"), [("v3", ""), ("v4", "v44_")])
async def test_the_adapter_reads_what_was_recorded(version: str, prefix: str) -> None:
    execution = await _execution()

    def answer(request: httpx.Request) -> httpx.Response:
        name = "logs_7_none_304" if "/7/" in request.url.path else "logs_6_combined_json"
        name = name.replace("304", "204" if prefix else "304")
        found = RECORDINGS[prefix + name]
        assert request.url.path == found["request"]["path"]
        headers = {"content-type": found["response"]["headers"]["content-type"]}
        body = found["response"]["body"]
        return httpx.Response(found["response"]["status"], content=json.dumps(body) if body else "", headers=headers)

    adapter = adapter_over(httpx.MockTransport(answer), base_url=f"http://scale.example/scale/api/{version}/")
    (page,) = [page async for page in adapter.logs(execution, LogQuery())]
    texts = RECORDINGS["logs_6_combined_txt"]["response"]["body"].split("\n")
    assert sorted(line.text for line in page.lines) == sorted(texts)
    stderr = RECORDINGS["logs_6_stderr_txt"]["response"]["body"].split("\n")
    assert sorted(line.text for line in page.lines if line.stream is LogStream.STDERR) == sorted(stderr)
    if version == "v4":
        assert [line.text for line in page.lines] == texts
    assert (page.more, page.complete, page.truncated) == (False, True, False)


async def _execution() -> Execution:
    body = RECORDINGS["exe_6_failed"]["response"]["body"]
    (found,) = await adapter_over(httpx.MockTransport(lambda _request: httpx.Response(200, json=body))).fetch(
        [key("execution", 6)]
    )
    assert isinstance(found, Execution)
    return found
