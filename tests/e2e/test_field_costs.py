"""Each adapter's field-cost table (DECISIONS 19), held against what selecting each field alone really costs.

Every field is selected alone on 5 rows and on 50: a single request is a ROW field, a few requests a BATCH field, and a
request for each row an EACH field.
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
from gateway.demo import Demo
from gateway.registry import installed_details
from gateway.spi import Cost
from tests.e2e.conftest import Served, serve

SOURCES = ["awx", "scale"]
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


@pytest.fixture
async def patient(demo: Demo) -> AsyncIterator[Served]:
    """A gateway that may take its time for fields that cost a request per row: here they are counted, not limited."""
    document = {
        "server": {**demo.file.data["server"], "each_seconds": 60, "each_reads": 1000, "deadline_seconds": 60},
        "sources": demo.file.data["sources"],
    }
    async for one in serve(ConfigFile(yaml.safe_dump(document), "patient"), demo):
        yield one


async def measured(served: Served, source: str, query: str, name: str) -> Cost:
    counts = []
    for rows in (5, 50):
        body = await served.ask(query % {"first": rows, "source": source})
        assert "errors" not in body, (name, body["errors"])
        counts.append(body["extensions"]["upstream"][source])
    few, many = counts
    # A batch may take another request or two for more rows (chunks, a table of error names); one per row takes 45 more.
    if many - few > 5:
        return Cost.EACH
    return Cost.ROW if many == 1 else Cost.BATCH


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
        if declared is Cost.BATCH and not mentioned and name != "Job.latestExecution":
            declared = Cost.ROW
        if shared and declared is Cost.EACH:
            # A request for each of a handful of entities that all rows share cannot be told from a batch.
            continue
        found = await measured(served, source, query.replace("FIELD", selection), name)
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
    wrong = await differences(patient, source, query, "Job", mentioned=True)
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
