"""Arguments as functions take them: those without a variable are made once, the others for every request."""

from typing import Any

import pytest
from graphql import FieldNode, GraphQLError, OperationDefinitionNode, parse
from graphql.execution.values import VariableValues, get_variable_values

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

    def given(**values: Any) -> Any:
        variables = get_variable_values(SCHEMA, operation.variable_definitions or (), values)
        assert isinstance(variables, VariableValues), variables
        return arguments.of(variables)

    return given


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
