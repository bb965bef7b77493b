"""Each adapter's field-cost table (DECISIONS 19), held against what selecting each field alone really costs.

Every field is selected alone on 5 rows and on 50: no request beyond the list's own makes a ROW field, a few a
BATCH field, and one for each row an EACH field.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import yaml
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    is_required_argument,
)

from gateway.api.schema import public_sdl
from gateway.config import ConfigFile
from gateway.demo import Demo, running
from gateway.registry import installed_details
from gateway.spi import Cost
from tests.e2e.conftest import NOW, Served, serve

SOURCES = ["aws-iot", "awx", "ctl-runner", "scale", "threatconnect"]
FAST = {"rate": 100_000.0, "burst": 1000, "ceiling": 100_000, "in_flight": 8}

SCHEMA: GraphQLSchema = build_schema(public_sdl())
# Lists inside lists: one request per parent by their nature, bounded on their own (DECISIONS 21).
NESTED = {"Job.executions", "Node.executions"}


def type_(name: str) -> Any:
    return SCHEMA.type_map[name]


def leaves(owner: GraphQLObjectType) -> str:
    return " ".join(name for name, field in owner.fields.items() if not hasattr(get_named_type(field.type), "fields"))


def below(field: GraphQLField) -> str:
    """A selection that reads a field without going on to another entity."""
    named = get_named_type(field.type)
    if isinstance(named, GraphQLUnionType):
        return "{ __typename }"
    if named.name == "LogLineConnection":
        return "{ edges { node { sequence } } }"
    if named.name.endswith("Connection"):
        return "{ edges { node { id } } }"
    if named.name in ("Job", "Execution", "Node", "Source"):
        return "{ id }"
    return f"{{ {leaves(named)} }}" if isinstance(named, GraphQLObjectType) else ""


def selections(source: str, entity: str) -> Iterator[tuple[str, str]]:
    """(Type.field, selection) for every field of an entity, of its details, and of the values inside it."""
    for name, field in type_(entity).fields.items():
        if f"{entity}.{name}" in NESTED or any(is_required_argument(argument) for argument in field.args.values()):
            continue
        if name == "error":
            for inner in type_("ExecutionError").fields:
                yield f"ExecutionError.{inner}", f"error {{ {inner} }}"
        elif name != "details":
            yield f"{entity}.{name}", f"{name} {below(field)}"
    own: tuple[type, ...] = getattr(installed_details()[source], entity.lower())
    for cls in own:
        member = type_(cls.__name__)
        for name, field in member.fields.items():
            yield f"{member.name}.{name}", f"details {{ ... on {member.name} {{ {name} {below(field)} }} }}"


@pytest.fixture(scope="module")
def every_kind() -> Iterator[Demo]:
    with running(seed=7, size="small", now=NOW, only=SOURCES) as made:
        iot: Any = made.simulators["aws-iot"]
        iot.throttle.quotas = {}
        yield made


@pytest.fixture
async def patient(every_kind: Demo) -> AsyncIterator[Served]:
    """A gateway that may take its time for fields that cost a request per row: here they are counted, not limited."""
    document = {
        "server": {
            **every_kind.file.data["server"],
            "each_seconds": 60,
            "each_reads": 1000,
            "deadline_seconds": 60,
            "kept_scan_seconds": 0,
        },
        "sources": [
            # What would be kept for followers would make the second selection cheaper than the first.
            {**source, "quota": FAST, "quotas": {}, "keep_seconds": 0} if source["kind"] == "aws-iot" else source
            for source in every_kind.file.data["sources"]
        ],
    }
    async for one in serve(ConfigFile(yaml.safe_dump(document), "patient"), every_kind):
        yield one


async def measured(served: Served, source: str, query: str, selection: str) -> Cost:
    """What the selection costs beyond the list itself, for which the id alone is read."""
    few, many = [
        await requests(served, source, query.replace("FIELD", selection), rows) - await alone(served, source, query, rows)
        for rows in (5, 50)
    ]
    # A batch may take another request or two for more rows (chunks, a table of error names); one per row takes 45 more.
    if many - few > 5:
        return Cost.EACH
    return Cost.ROW if many == 0 else Cost.BATCH


_alone: dict[tuple[str, str, int], int] = {}


async def alone(served: Served, source: str, query: str, rows: int) -> int:
    """What the list costs by itself; the simulators do not change, so it is measured once."""
    if (source, query, rows) not in _alone:
        _alone[source, query, rows] = await requests(served, source, query.replace("FIELD", "id"), rows)
    return _alone[source, query, rows]


async def requests(served: Served, source: str, query: str, rows: int) -> int:
    body = await served.ask(query % {"first": rows, "source": source})
    assert "errors" not in body, (query, body["errors"])
    count: int = body["extensions"]["upstream"][source]
    return count


async def differences(
    served: Served, source: str, query: str, entity: str, *, mentioned: bool, shared: bool = False
) -> list[str]:
    """Fields whose cost is not the declared one. Only a mentioned entity (a job of an execution) takes batch look-ups."""
    capabilities = served.gateway.registry.sources[source].adapter.capabilities
    wrong = []
    for name, selection in selections(source, entity):
        declared = capabilities.cost(name)
        if mentioned and selection.startswith("details"):
            declared = max(declared, capabilities.cost(f"{entity}.details"), key=list(Cost).index)
        if shared and declared is Cost.EACH:
            # A request for each of a handful of entities that all rows share cannot be told from a batch.
            continue
        found = await measured(served, source, query, selection)
        if declared is Cost.BATCH and not mentioned and found is Cost.ROW:
            # The price of a look-up is for those who were only mentioned; in their own list rows may bring it along.
            continue
        if found is not declared:
            wrong.append(f"{name}: declared {declared.value}, measured {found.value}")
    return wrong


@pytest.mark.parametrize("source", SOURCES)
async def test_fields_of_executions(patient: Served, source: str) -> None:
    query = (
        '{ executions(first: %(first)d, filter: {source: ["%(source)s"], outcome: [FAILURE]}) { edges { node { FIELD } } } }'
    )
    wrong = await differences(patient, source, query, "Execution", mentioned=False)
    assert wrong == []


@pytest.mark.parametrize("source", SOURCES)
async def test_fields_of_the_job_of_an_execution(patient: Served, source: str) -> None:
    query = '{ executions(first: %(first)d, filter: {source: ["%(source)s"]}) { edges { node { job { FIELD } } } } }'
    # Fifty executions of AWS IoT are those of a few jobs.
    wrong = await differences(patient, source, query, "Job", mentioned=True, shared=source == "aws-iot")
    assert wrong == []


@pytest.mark.parametrize("source", SOURCES)
async def test_fields_of_the_executor_of_an_execution(patient: Served, source: str) -> None:
    query = """{ executions(first: %(first)d, filter: {source: ["%(source)s"]}) {
        edges { node { nodes(filter: {role: [EXECUTOR]}) { edges { node { FIELD } } } } } } }"""
    wrong = await differences(patient, source, query, "Node", mentioned=True, shared=True)
    assert wrong == []


@pytest.mark.parametrize("source", SOURCES)
async def test_fields_of_jobs(patient: Served, source: str) -> None:
    query = '{ jobs(first: %(first)d, filter: {source: ["%(source)s"]}) { edges { node { FIELD } } } }'
    assert await differences(patient, source, query, "Job", mentioned=False) == []
