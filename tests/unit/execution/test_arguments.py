"""Arguments as functions take them: those without a variable are made once, the others for every request."""

import re
from typing import Any

import pytest
from graphql import FieldNode, GraphQLError, OperationDefinitionNode, parse
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values
from hypothesis import given
from hypothesis import strategies as st
from strawberry.types.arguments import convert_arguments

from gateway.api.schema import schema
from gateway.execution.arguments import Arguments
from tests.unit.execution.toy import COMPILED, Colour

SCHEMA = COMPILED._schema


def of(text: str, field: str = "item") -> Any:
    """What gives the arguments of the operation's first field, by the values of variables."""
    (operation,) = parse(text).definitions
    assert isinstance(operation, OperationDefinitionNode)
    (node,) = operation.selection_set.selections
    assert isinstance(node, FieldNode)
    assert SCHEMA.query_type is not None
    definition = SCHEMA.query_type.fields[field]
    arguments = Arguments(SCHEMA, definition, definition.extensions["strawberry-definition"], node)

    def by(**values: Any) -> Any:
        variables = get_variable_values(SCHEMA, operation.variable_definitions or (), values)
        assert isinstance(variables, VariableValues), variables
        return arguments.of(variables)

    return by


def test_literals_are_made_once() -> None:
    given = of("{ item(first: 2, colours: [RED, BLUE]) { name } }")
    assert given() == {"first": 2, "colours": [Colour.RED, Colour.BLUE]}
    assert given() is given()


def test_defaults_are_left_to_the_function() -> None:
    given = of("{ item { name } }")
    assert given() == {"first": 3, "colours": None}
    assert given() is given()


def test_variables_are_read_every_time() -> None:
    given = of("query($n: Int!, $c: Colour!) { item(first: $n, colours: [$c, RED]) { name } }")
    assert given(n=1, c="RED") == {"first": 1, "colours": [Colour.RED, Colour.RED]}
    assert given(n=2, c="BLUE") == {"first": 2, "colours": [Colour.BLUE, Colour.RED]}


def test_some_of_each() -> None:
    given = of("query($n: Int) { item(first: $n, colours: BLUE) { name } }")
    assert given(n=1) == {"first": 1, "colours": [Colour.BLUE]}
    assert given(n=5) == {"first": 5, "colours": [Colour.BLUE]}
    # A variable that is not given leaves the argument's own default.
    assert given() == {"first": 3, "colours": [Colour.BLUE]}


def test_defaults_of_variables() -> None:
    given = of("query($n: Int = 8, $c: [Colour!] = [BLUE]) { item(first: $n, colours: $c) { name } }")
    assert given() == {"first": 8, "colours": [Colour.BLUE]}
    assert given(n=1, c=None) == {"first": 1, "colours": None}


def test_null_where_there_must_be_a_value() -> None:
    given = of("query($n: Int) { item(first: $n) { name } }")
    with pytest.raises(GraphQLError):
        given(n=None)
    assert given(n=1)["first"] == 1


def test_a_field_that_takes_none() -> None:
    assert of("{ now { name } }", "now")() == {}


# --- over the real schema --------------------------------------------------------------------------------------------

REAL = schema(compile=True)._schema
EXECUTIONS = [
    "query($n: Int, $s: [String!], $x: String) { executions(first: $n, filter: {source: $s, name: {equals: $x}}) "
    "{ partial } }",
    "query($x: String!, $l: [String!]!) { executions(filter: {status: [FAILED], name: {in: $l, contains: $x}}) "
    "{ partial } }",
    "query($d: OrderDirection, $f: ExecutionFilter) { executions(orderBy: {field: CREATED_AT, direction: $d}, filter: $f) "
    "{ partial } }",
    "query($t: DateTime, $e: ExecutionStatus!) { executions(filter: {createdAt: {from: $t}, status: [$e]}) { partial } }",
    "query($x: String) { executions(filter: {name: {equals: $x, in: null}}, first: 5) { partial } }",
]
VALUES = {
    "n": st.integers(0, 9),
    "s": st.lists(st.text(max_size=3), max_size=3),
    "x": st.text(max_size=3),
    "l": st.lists(st.text(max_size=3), max_size=3),
    "d": st.sampled_from(["ASC", "DESC"]),
    "f": st.sampled_from([{}, {"search": "x"}, {"status": ["FAILED"], "name": {"equals": "a"}}]),
    "t": st.just("2026-01-01T00:00:00Z"),
    "e": st.sampled_from(["FAILED", "QUEUED"]),
}


@given(st.sampled_from(EXECUTIONS), st.fixed_dictionaries({}, optional={k: v | st.none() for k, v in VALUES.items()}))
def test_they_are_what_graphql_core_and_strawberry_make_of_them(text: str, values: dict[str, Any]) -> None:
    (operation,) = parse(text).definitions
    assert isinstance(operation, OperationDefinitionNode)
    variables = get_variable_values(REAL, operation.variable_definitions or (), values)
    if isinstance(variables, list):
        return
    (node,) = operation.selection_set.selections
    assert isinstance(node, FieldNode)
    assert REAL.query_type is not None
    field = REAL.query_type.fields["executions"]
    ours = field.extensions["strawberry-definition"]
    try:
        coerced = get_argument_values(field, node, variables)
    except GraphQLError as refused:
        with pytest.raises(GraphQLError, match=re.escape(refused.message)):
            Arguments(REAL, field, ours, node).of(variables)
        return
    strawberry: Any = REAL.extensions["strawberry-definition"]
    registry, config = strawberry.schema_converter.scalar_registry, strawberry.config
    expected = convert_arguments(coerced, ours.arguments, registry, config)
    assert Arguments(REAL, field, ours, node).of(variables) == expected
