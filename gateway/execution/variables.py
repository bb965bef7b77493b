"""The variables of an operation.

graphql-core coerces them, which takes longer than planning a request does. Nearly all are texts, numbers and lists of these
that stay what they are: to tell so takes a look at each, by tests that are made once for an operation.
"""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableDefinitionNode,
    is_list_type,
    is_non_null_type,
    is_scalar_type,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values

_MAX_ERRORS = 50

Test = Callable[[Any], bool]


class Variables:
    """The variables that an operation takes."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._nodes = operation.variable_definitions or ()
        self._each = [_Variable(signature, node) for node in self._nodes if (signature := _signature(schema, node))]
        self._known = len(self._each) == len(self._nodes)

    def of(self, given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        """Their values as a request gives them, or what is wrong with these."""
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        if self._known:
            for each in self._each:
                name = each.name
                if name not in given:
                    if each.needed:
                        break
                    sources[name] = each.absent
                elif each.ready(value := given[name]):
                    sources[name] = VariableValueSource(each.signature, value)
                    coerced[name] = value
                else:
                    break
            else:
                return VariableValues(sources, coerced)
        return get_variable_values(self._schema, self._nodes, dict(given), max_errors=_MAX_ERRORS)


class _Variable:
    """``ready`` tells whether a value needs no coercion; ``needed`` that its absence is a matter for graphql-core."""

    __slots__ = ("absent", "name", "needed", "ready", "signature")

    def __init__(self, signature: GraphQLVariableSignature, node: VariableDefinitionNode) -> None:
        self.name = signature.name
        self.signature = signature
        self.absent = VariableValueSource(signature)
        self.needed = node.default_value is not None or is_non_null_type(signature.type)
        self.ready = _test(signature.type)


def _signature(schema: GraphQLSchema, node: VariableDefinitionNode) -> GraphQLVariableSignature | None:
    found = get_variable_signature(schema, node)
    return None if isinstance(found, GraphQLError) else found


def _test(type_: Any) -> Test:
    if is_non_null_type(type_):
        return _required(type_.of_type)
    required = _required(type_)
    return lambda value: value is None or required(value)


def _required(type_: Any) -> Test:
    if is_list_type(type_):
        inner = _test(type_.of_type)
        return lambda value: value.__class__ is list and all(map(inner, value))
    return _SCALARS.get(type_.name, _never) if is_scalar_type(type_) else _never


def _never(_value: Any) -> bool:
    return False


_SCALARS: Mapping[str, Test] = {
    "String": lambda value: value.__class__ is str,
    "ID": lambda value: value.__class__ is str,
    "Int": lambda value: value.__class__ is int and -2147483648 <= value <= 2147483647,
    "Boolean": lambda value: value.__class__ is bool,
    "Float": lambda value: value.__class__ is float and value - value == 0.0,
}
