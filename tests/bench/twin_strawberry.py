"""The idiomatic twin: the same schema in plain Strawberry over httpx, as its documentation shows it.

Run: ``python -m tests.bench.twin_strawberry PORT`` with the environment variables BENCH_AWX and BENCH_SCALE. Types are plain
classes, what takes a look-up goes through DataLoaders of the request, instants are datetimes.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any

import httpx
import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader

from tests.bench import words
from tests.bench.twin_types import (
    Execution,
    ExecutionConnection,
    ExecutionFilter,
    Info,
    PageInfo,
    Source,
    SourceReport,
    SourceReportState,
    from_awx,
    from_scale,
    paged,
)


class Upstream:
    """The two systems."""

    def __init__(self) -> None:
        self._awx = httpx.AsyncClient(base_url=os.environ["BENCH_AWX"])
        self._scale = httpx.AsyncClient(base_url=os.environ["BENCH_SCALE"])

    async def awx(self, path: str) -> list[dict[str, Any]]:
        return await _results(self._awx, path)

    async def scale(self, path: str) -> list[dict[str, Any]]:
        return await _results(self._scale, path)

    async def among(self, path: str, column: str, key: str, wanted: list[str]) -> list[dict[str, Any] | None]:
        """Rows of a list of AWX by key, in the order of the keys."""
        rows = {str(row[key]): row for row in await self.awx(words.awx_among(path, column, wanted))}
        return [rows.get(each) for each in wanted]

    async def aclose(self) -> None:
        await self._awx.aclose()
        await self._scale.aclose()


async def _results(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    response = await client.get(path)
    response.raise_for_status()
    results: list[dict[str, Any]] = response.json()["results"]
    return results


@dataclass
class Context:
    """What belongs to one request."""

    upstream: Upstream

    def __post_init__(self) -> None:
        upstream = self.upstream
        self.executions = DataLoader(load_fn=lambda keys: upstream.among("jobs", "id__in", "id", keys))
        self.templates = DataLoader(load_fn=lambda keys: upstream.among("job_templates", "id__in", "id", keys))
        self.instances = DataLoader(load_fn=lambda keys: upstream.among("instances", "hostname__in", "hostname", keys))


@strawberry.type
class Query:
    @strawberry.field
    async def executions(self, info: Info, filter: ExecutionFilter, first: int = 50) -> ExecutionConnection:  # noqa: A002
        upstream: Upstream = info.context.upstream
        wanted = ("awx", "scale") if filter.source is None else filter.source
        lists = []
        if "awx" in wanted:
            lists.append(_awx_rows(upstream, filter.name.in_, first + 1))
        if "scale" in wanted:
            lists.append(_scale_rows(upstream, filter.name.in_, first + 1))
        merged = merge(*await asyncio.gather(*lists), key=_created, reverse=True)
        rows = list(islice(merged, first + 1))
        edges = [paged(row) for row in rows[:first]]
        return ExecutionConnection(
            edges=edges,
            page_info=PageInfo(has_next_page=len(rows) > first, end_cursor=edges[-1].cursor if edges else None),
            sources=[
                SourceReport(
                    source=Source(name=name),
                    state=SourceReportState.OK if name in wanted else SourceReportState.SKIPPED,
                )
                for name in ("awx", "scale")
            ],
        )

    @strawberry.field
    async def execution(self, info: Info, id: strawberry.ID) -> Execution | None:  # noqa: A002
        row = await info.context.executions.load(words.native_id(id))
        return None if row is None else from_awx(row)


async def _awx_rows(upstream: Upstream, names: list[str], rows: int) -> list[Execution]:
    return [from_awx(row) for row in await upstream.awx(words.awx_list(names, rows))]


async def _scale_rows(upstream: Upstream, names: list[str], rows: int) -> list[Execution]:
    return [from_scale(row) for row in await upstream.scale(words.scale_list(names, rows))]


def _created(row: Execution) -> datetime:
    return row.created_at


class App(GraphQL[Context, None]):
    """Strawberry's ASGI app with this server's context."""

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        return Context(request.app.state.upstream)


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.upstream = Upstream()
    yield
    await app.state.upstream.aclose()


app = Starlette(routes=[Route("/graphql", App(strawberry.Schema(Query)))], lifespan=_lifespan)


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning")
