"""Variables: what needs no coercion is taken as it is, and all else is what graphql-core says."""

from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse
from graphql.execution import values
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.schema import schema
from gateway.execution import variables
from gateway.execution.variables import Variables

SCHEMA = schema(compile=True)._schema
TYPES = ["String", "ID", "Int", "Float", "Boolean", "JSON", "ExecutionStatus", "ExecutionFilter", "Nothing"]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**33), 2**33)
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["FAILED", {"search": "x"}, {"search": 1}])
)
ANY = LEAVES | st.lists(LEAVES | st.lists(LEAVES, max_size=2), max_size=3)
DEFAULTS = {"Int": "1", "Boolean": "true", "ExecutionStatus": "QUEUED"}


def operation(*types: str) -> OperationDefinitionNode:
    """One that takes a variable ``$v0``, ``$v1`` ... of each type."""
    definitions = ", ".join(f"$v{number}: {type_}" for number, type_ in enumerate(types))
    (node,) = parse(f"query({definitions}) {{ __typename }}").definitions
    assert isinstance(node, OperationDefinitionNode)
    return node


@st.composite
def definitions(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(TYPES))
    default = f" = {DEFAULTS[name]}" if name in DEFAULTS and draw(st.booleans()) else ""
    if default:
        return name + draw(st.sampled_from(["", "!"])) + default
    return draw(st.sampled_from(["{}", "{}!", "[{}]", "[{}!]!", "[[{}]!]"])).format(name)


@given(st.lists(definitions(), min_size=1, max_size=3), st.data())
def test_they_are_what_graphql_core_makes_of_them(types: list[str], data: st.DataObject) -> None:
    node = operation(*types)
    sent = data.draw(st.fixed_dictionaries({}, optional={f"v{number}": ANY for number in range(len(types))}))
    expected = values.get_variable_values(SCHEMA, node.variable_definitions or (), sent, max_errors=50)
    found = Variables(SCHEMA, node).of(sent)
    if isinstance(expected, list):
        assert isinstance(found, list)
        assert [error.message for error in found] == [error.message for error in expected]
    else:
        assert not isinstance(found, list)
        assert repr(found.coerced) == repr(expected.coerced)
        assert {name: repr(source.value) for name, source in found.sources.items()} == {
            name: repr(source.value) for name, source in expected.sources.items()
        }


@pytest.mark.parametrize(
    ("type_", "value"),
    [("Int!", 3), ("String", None), ("[String!]!", ["a", "b"]), ("ID", "a"), ("Float", 1.5), ("Boolean", False)],
)
def test_what_is_ready_is_not_coerced(type_: str, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variables, "get_variable_values", None)
    found = Variables(SCHEMA, operation(type_)).of({"v0": value, "other": 1})
    assert not isinstance(found, list)
    assert found.coerced == {"v0": value}
