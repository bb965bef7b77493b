"""A REST aggregator by hand: what these four answers cost in Python without GraphQL, an address for each.

Run: ``python -m tests.bench.aggregator PORT`` with the environment variables BENCH_AWX and BENCH_SCALE. aiohttp asks,
orjson reads and writes, instants stay the texts they were sent as.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from heapq import merge
from typing import Any

import aiohttp
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.bench import words

Row = dict[str, Any]


class Upstream:
    """The two systems."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100))
        self._awx = os.environ["BENCH_AWX"]
        self._scale = os.environ["BENCH_SCALE"]

    async def awx(self, path: str) -> list[Row]:
        return await self._results(self._awx + path)

    async def scale(self, path: str) -> list[Row]:
        return await self._results(self._scale + path)

    async def _results(self, address: str) -> list[Row]:
        async with self._session.get(address) as response:
            response.raise_for_status()
            results: list[Row] = orjson.loads(await response.read())["results"]
            return results

    async def aclose(self) -> None:
        await self._session.close()


# --- records -------------------------------------------------------------------------------------------------------


def _short(row: Row) -> Row:
    """The six fields of Q1."""
    return {
        "id": words.global_id("e", "awx", row["id"]),
        "name": row["name"],
        "status": words.AWX_STATUS[row["status"]],
        "startedAt": row["started"],
        "finishedAt": row["finished"],
        "durationSeconds": _elapsed(row),
    }


def _awx(row: Row) -> Row:
    status = words.AWX_STATUS[row["status"]]
    template, host = row["job_template"], row["execution_node"]
    return {
        "id": words.global_id("e", "awx", row["id"]),
        "nativeId": str(row["id"]),
        "source": {"name": "awx"},
        "name": row["name"],
        "status": status,
        "rawStatus": row["status"],
        "phase": words.PHASE[status],
        "outcome": words.OUTCOME.get(status),
        "createdAt": row["created"],
        "startedAt": row["started"],
        "finishedAt": row["finished"],
        "durationSeconds": _elapsed(row),
        "statusMessage": row["job_explanation"] or None,
        "webUrl": f"{words.AWX_PAGES}#/jobs/playbook/{row['id']}/output",
        "trigger": {
            "kind": words.TRIGGER.get(row["launch_type"], "UNKNOWN"),
            "rawKind": row["launch_type"],
            "actor": row["launched_by"].get("name"),
        },
        "job": {"id": words.global_id("j", "awx", template), "name": row["summary_fields"]["job_template"]["name"]},
        "nodes": _nodes({"id": words.global_id("n", "awx", "instance", host), "name": host} if host else None),
    }


def _scale(row: Row) -> Row:
    status = words.SCALE_STATUS[row["status"]]
    started, finished = row["started"], row["ended"]
    job, node = row["job"], row["node"]
    name = job["job_type"]["name"]
    seconds = None
    if started and finished:
        seconds = (datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds()
    return {
        "id": words.global_id("e", "scale", row["id"]),
        "nativeId": str(row["id"]),
        "source": {"name": "scale"},
        "name": name,
        "status": status,
        "rawStatus": row["status"],
        "phase": words.PHASE[status],
        "outcome": words.OUTCOME.get(status),
        "createdAt": row["created"],
        "startedAt": started,
        "finishedAt": finished,
        "durationSeconds": seconds,
        "statusMessage": row["error"]["title"] if row["error"] else None,
        "webUrl": f"{words.SCALE_PAGES}#/jobs/executions/{row['id']}",
        "trigger": None,
        "job": {"id": words.global_id("j", "scale", job["id"]), "name": name},
        "nodes": _nodes({"id": words.global_id("n", "scale", node["id"]), "name": node["hostname"]} if node else None),
    }


def _nodes(node: Row | None) -> Row:
    return {"edges": [] if node is None else [{"node": node}]}


def _elapsed(row: Row) -> float | None:
    elapsed: float = row["elapsed"]
    return None if row["started"] is None and row["finished"] is None else elapsed


# --- answers -------------------------------------------------------------------------------------------------------


def _connection(rows: list[Row], first: int, scale: str, edge: Callable[[Row], Row]) -> Row:
    page = rows[:first]
    last = _cursor(page[-1]) if page else None
    return {
        "executions": {
            "edges": [edge(row) for row in page],
            "pageInfo": {"hasNextPage": len(rows) > first, "endCursor": last},
            "sources": [{"source": {"name": "awx"}, "state": "OK"}, {"source": {"name": "scale"}, "state": scale}],
        }
    }


def _cursor(row: Row) -> str:
    # Both systems' records have an id and an instant of creation; only AWX's have a type.
    return words.cursor(row["created"], "awx" if "type" in row else "scale", row["id"])


def _paged(row: Row) -> Row:
    return {"cursor": _cursor(row), "node": _awx(row) if "type" in row else _scale(row)}


async def q1(upstream: Upstream, asked: Row) -> Row:
    first: int = asked["first"]
    rows = await upstream.awx(words.awx_list(asked["names"], first + 1))
    return _connection(rows, first, "SKIPPED", lambda row: {"node": _short(row)})


async def q2(upstream: Upstream, asked: Row) -> Row:
    first: int = asked["first"]
    return _connection(await upstream.awx(words.awx_list(asked["names"], first + 1)), first, "SKIPPED", _paged)


async def q3(upstream: Upstream, asked: Row) -> Row:
    first: int = asked["first"]
    lists: Iterable[list[Row]] = await asyncio.gather(
        upstream.awx(words.awx_list(asked["names"], first + 1)), upstream.scale(words.scale_list(asked["names"], first + 1))
    )
    return _connection(list(merge(*lists, key=lambda row: row["created"], reverse=True)), first, "OK", _paged)


async def q4(upstream: Upstream, asked: Row) -> Row:
    (row,) = await upstream.awx(words.awx_among("jobs", "id__in", [words.native_id(asked["id"])]))
    templates, instances = await asyncio.gather(
        upstream.awx(words.awx_among("job_templates", "id__in", [str(row["job_template"])])),
        upstream.awx(words.awx_among("instances", "hostname__in", [row["execution_node"]])),
    )
    (template,), (instance,) = templates, instances
    found = _awx(row)
    for name in ("source", "rawStatus", "webUrl", "trigger"):
        del found[name]
    found["job"] |= {
        "updatedAt": template["modified"],
        "definition": {"name": f"{template['playbook']} @ {template['summary_fields']['project']['name']}"},
    }
    found["nodes"]["edges"][0]["node"]["active"] = instance["enabled"]
    return {"execution": found}


def _answering(answer: Callable[[Upstream, Row], Any]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        data = await answer(request.app.state.upstream, orjson.loads(await request.body()))
        return Response(orjson.dumps({"data": data}), media_type="application/json")

    return endpoint


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.upstream = Upstream()
    yield
    await app.state.upstream.aclose()


app = Starlette(
    routes=[Route(f"/{each.__name__.upper()}", _answering(each), methods=["POST"]) for each in (q1, q2, q3, q4)],
    lifespan=_lifespan,
)


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning")
