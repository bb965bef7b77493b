"""The gateway over a peer, and what a client of it asks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import yaml

from gateway.transport import http_transport
from tests.peers.peer import ROOT, Peer
from tests.support import App, running_app

FAST = {"rate": 100_000.0, "burst": 1000, "ceiling": 100_000, "in_flight": 8}
"""Peers have no quotas; test_quotas.py keeps AWS's."""

PAGE = """query ($first: Int!, $after: String, $order: ExecutionOrder!, $filter: ExecutionFilter) {
  executions(first: $first, after: $after, orderBy: $order, filter: $filter) {
    edges { node { id nativeId status rawStatus createdAt startedAt finishedAt job { nativeId } } }
    pageInfo { hasNextPage endCursor } partial sources { state requests error { code message } } } }"""
NEWEST = {"field": "CREATED_AT", "direction": "DESC"}


@asynccontextmanager
async def over(peer: Peer, region: str, **settings: Any) -> AsyncIterator[App]:
    """The gateway with one source ``iot``: the peer's Region as its root, unless ``settings`` say otherwise."""
    source = {
        "name": "iot",
        "kind": "aws-iot",
        "region": region,
        "endpoint_url": peer.origin,
        "access_key_id": ROOT.access_key,
        "secret_access_key": ROOT.secret_key,
        "quota": FAST,
        "quotas": {},
        # Peers share two processors with everything else.
        "timeout_seconds": 30,
        "budget": {"seconds": 30},
        **settings,
    }
    document = {
        "server": {"deadline_seconds": 60},
        "sources": [{name: value for name, value in source.items() if value is not None}],
    }
    async with running_app(yaml.safe_dump(document), transports=http_transport) as app:
        yield app


async def walk(app: App, given: Any = None, order: Any = None, first: int = 100) -> list[Any]:
    """All executions that match, page by page; every page must be whole."""
    rows: list[Any] = []
    after, more = None, True
    while more:
        variables = {"first": first, "after": after, "order": order or NEWEST, "filter": given}
        page = (await app.data(PAGE, variables))["executions"]
        assert not page["partial"], page["sources"]
        rows += [edge["node"] for edge in page["edges"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    return rows


def native(rows: list[Any]) -> list[str]:
    """Their native ids, in order."""
    return [row["nativeId"] for row in rows]


async def identity(app: App, kind: str, native_id: str) -> str:
    """The global id of what the source calls so."""
    found = await app.data(
        f'query ($id: String!) {{ source(name: "iot") {{ it: {kind}(nativeId: $id) {{ id }} }} }}', {"id": native_id}
    )
    known: str = found["source"]["it"]["id"]
    return known
