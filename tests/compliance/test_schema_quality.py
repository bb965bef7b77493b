"""The schema as linters and clients judge it: nothing to find but what is named here, with its reason."""

import json
from typing import Any

from graphql import GraphQLObjectType, build_schema

from gateway.api.schema import schema
from tests.compliance.conflicts import conflicts
from tests.compliance.node import HERE, ROOT, lines, needs_node, node, tool

SDL = ROOT / "schema.graphql"
RELEASED = HERE / "released.graphql"
"""The schema of the last release: replaced by schema.graphql with every release, and with it what may break by intent."""

ESLINT_EXCEPTIONS = {
    # `kind` is the free word of a source's sort everywhere else; what a node is, is an enum (decision 37).
    'Field "nodeKind" starts with the name of the parent type "Node"',
}
# Fields, arguments and values stand in the order of their meaning.
LINTER_EXCEPTION = "-sorted-alphabetically"


@needs_node
def test_graphql_eslint_finds_nothing() -> None:
    program = tool("eslint", "eslint")
    done = node(program, "--config", HERE / "eslint.config.js", "--format", "json", SDL.name, cwd=ROOT)
    (report,) = json.loads(done.stdout)
    found = [message for message in report["messages"] if message["message"] not in ESLINT_EXCEPTIONS]
    assert found == []
    assert len(report["messages"]) == len(ESLINT_EXCEPTIONS), "an exception that nothing needs"


@needs_node
def test_graphql_schema_linter_finds_nothing() -> None:
    program = tool("graphql-schema-linter", "graphql-schema-linter")
    found = json.loads(node(program, "--format", "json", SDL).stdout)["errors"]
    assert [error for error in found if not error["rule"].endswith(LINTER_EXCEPTION)] == []
    assert found, "an exception that nothing needs"


@needs_node
def test_nothing_breaks_clients_of_the_last_release() -> None:
    changes = lines(node("breaking.mjs", RELEASED, SDL))
    assert [change for change in changes if change["level"] == "BREAKING"] == []


@needs_node
def test_what_would_break_clients_is_found(tmp_path: Any) -> None:
    changed = tmp_path / "changed.graphql"
    changed.write_text(SDL.read_text("utf-8").replace("  partial: Boolean!", "  partial: Boolean"), "utf-8")
    levels = {change["path"]: change["level"] for change in lines(node("breaking.mjs", SDL, changed))}
    assert levels["ExecutionConnection.partial"] == "BREAKING"


def test_entities_have_ids_and_nothing_else_has() -> None:
    made = build_schema(SDL.read_text("utf-8"))
    objects = [type_ for type_ in made.type_map.values() if isinstance(type_, GraphQLObjectType)]
    with_id = {type_.name for type_ in objects if "id" in type_.fields}
    entities = {type_.name for type_ in objects if "Entity" in {each.name for each in type_.interfaces}}
    assert with_id == entities == {"Execution", "Job", "Node", "Source"}
    assert all(str(type_.fields["id"].type) == "ID!" for type_ in objects if type_.name in entities)


def test_one_name_means_one_thing_wherever_types_meet() -> None:
    """Also in the details of adapters that somebody else has installed (decision 37)."""
    assert conflicts(schema()._schema) == []


def test_a_name_that_means_two_things_is_found() -> None:
    made = build_schema(
        """
        type Query { any: Any }
        union Any = A | B | C
        type A { name: String! size: Int tags: [String!] at: Part }
        type B { name: String size: Float tags: [String!] at: Other }
        type C { size: Int tags: String at: Part }
        type Part { x: Int same: ID }
        type Other { x: [Int] same: ID }
        """
    )
    assert conflicts(made) == [
        "A.name: String!, B.name: String",
        "A.size: Int, B.size: Float",
        "A.tags: [String!], C.tags: String",
        "B.size: Float, C.size: Int",
        "B.tags: [String!], C.tags: String",
        "Part.x: Int, Other.x: [Int]",
    ]
