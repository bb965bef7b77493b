"""Secrets that the simulators plant where the real systems keep them are found nowhere, whatever field is asked for.

What systems print themselves (exit messages, explanations) is not covered: nobody can tell a secret in prose.
"""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import yaml
from graphql import GraphQLObjectType, GraphQLSchema, GraphQLUnionType, build_schema, get_named_type

from gateway.api.schema import public_sdl
from gateway.config import ConfigFile
from gateway.demo import Demo, running
from tests.e2e.conftest import NOW, Served, serve

MARK = "s3cr3t-"
SOURCES = ("aws-iot", "awx", "ctl-runner", "scale", "threatconnect")
FAST = {"rate": 100_000.0, "burst": 1000, "ceiling": 100_000, "in_flight": 8}

SCHEMA: GraphQLSchema = build_schema(public_sdl())
ELSEWHERE = {"Job", "Execution", "Node", "Source"}


def everything(owner: GraphQLObjectType, depth: int = 3) -> str:
    """A selection of every field that does not lead to another entity."""
    chosen = ["__typename"]
    for name, field in owner.fields.items():
        named = get_named_type(field.type)
        if isinstance(named, GraphQLUnionType):
            parts = " ".join(f"... on {member.name} {{ {aliased(member, depth)} }}" for member in named.types)
            chosen.append(f"{name} {{ __typename {parts} }}")
        elif not isinstance(named, GraphQLObjectType):
            chosen.append(name)
        elif depth and named.name not in ELSEWHERE and not named.name.endswith("Connection"):
            chosen.append(f"{name} {{ {everything(named, depth - 1)} }}")
    return " ".join(chosen)


def aliased(member: GraphQLObjectType, depth: int) -> str:
    """The same for a member of a union, with aliases, because members may name unlike fields alike."""
    chosen = []
    for name, field in member.fields.items():
        named = get_named_type(field.type)
        inner = f" {{ {everything(named, depth - 1)} }}" if isinstance(named, GraphQLObjectType) else ""
        chosen.append(f"{member.name}_{name}: {name}{inner}")
    return " ".join(chosen)


@pytest.fixture(scope="module")
def every_kind() -> Iterator[Demo]:
    with running(seed=7, size="small", now=NOW, only=SOURCES) as made:
        iot: Any = made.simulators["aws-iot"]
        iot.throttle.quotas = {}
        yield made


ALL = {"each_seconds": 60, "each_reads": 1000, "deadline_seconds": 60, "max_aliases": 1000, "max_cost": 10_000_000}
"""What it takes to ask for everything at once."""


@pytest.fixture
async def unlimited(every_kind: Demo) -> AsyncIterator[Served]:
    server = {**every_kind.file.data["server"], **ALL}
    sources = [
        {**source, "quota": FAST, "quotas": {}} if source["kind"] == "aws-iot" else source
        for source in every_kind.file.data["sources"]
    ]
    document = {"server": server, "sources": sources}
    async for one in serve(ConfigFile(yaml.safe_dump(document), "unlimited"), every_kind):
        yield one


@pytest.mark.parametrize("source", SOURCES)
async def test_no_answer_holds_a_planted_secret(unlimited: Served, source: str, caplog: pytest.LogCaptureFixture) -> None:
    seen = 0
    for root, kind in (("executions", "Execution"), ("jobs", "Job"), ("nodes", "Node")):
        fields = everything(SCHEMA.type_map[kind])  # type: ignore[arg-type]
        query = f"""query ($sources: [String!]) {{ {root}(first: 60, filter: {{source: $sources}}) {{
            edges {{ cursor node {{ {fields} }} }} pageInfo {{ endCursor }}
            sources {{ state error {{ message }} envelope }} }} }}"""
        body = await unlimited.client.post("/graphql", json={"query": query, "variables": {"sources": [source]}})
        assert "errors" not in body.json(), body.json()["errors"][:2]
        assert MARK not in body.text
        seen += len(body.json()["data"][root]["edges"])
    assert seen > 60
    assert MARK not in (await unlimited.client.get("/metrics")).text
    assert MARK not in caplog.text


async def test_the_upstreams_really_send_them(every_kind: Demo) -> None:
    """Otherwise the test above would pass on nothing."""
    async with httpx.AsyncClient() as client:
        headers = {"Authorization": "Bearer admin-token"}
        answer = await client.get(f"{every_kind.origins['awx']}/api/v2/jobs/?page_size=200", headers=headers)
        assert MARK in answer.text
        found = False
        for number in range(1, 60):
            answer = await client.get(f"{every_kind.origins['scale']}/scale/api/v3/job-executions/{number}/")
            found = found or MARK in answer.text
        assert found


def test_every_place_where_credentials_live_is_planted(every_kind: Demo) -> None:
    awx: Any = every_kind.simulators["awx"]
    for name in ("extra_vars", "job_env", "artifacts"):
        assert any(MARK in json.dumps(row.get(name), default=str) for row in awx.world.executions.values()), name
    runner: Any = every_kind.simulators["ctl-runner"]
    jobs = list(runner.world.jobs.values())
    hosts = [host for job in jobs for host in job.get("hosts") or () if isinstance(host, dict)]
    planted = {
        # Some editions send an array of one.
        "repository.credentials": [job["repository"] for job in jobs if isinstance(job.get("repository"), dict)],
        "properties": [job.get("properties") for job in jobs],
        "callbacks[].url": [job.get("callbacks") for job in jobs],
        "hostVars": [host.get("hostVars") for host in hosts],
        "sshPrivateKey": [host.get("sshPrivateKey") for host in hosts],
    }
    assert [name for name, values in planted.items() if MARK not in json.dumps(values, default=str)] == []
    iot: Any = every_kind.simulators["aws-iot"]
    assert MARK in json.dumps([*iot.world.executions.values(), *iot.world.jobs.values()], default=str)
