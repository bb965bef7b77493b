"""The arguments of a field, as the function behind it takes them."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import ArgumentNode, FieldNode, GraphQLField, GraphQLSchema, NameNode, VariableNode
from graphql.execution.values import VariableValues, get_argument_values
from strawberry.types.field import StrawberryField

from gateway.execution.inputs import Convert, converter

NONE: Mapping[str, Any] = {}


class Arguments:
    """How the arguments at one place of an operation are had: those without a variable in them are made once."""

    __slots__ = ("_fixed", "_fixed_part", "_variable_part")

    def __init__(self, schema: GraphQLSchema, field: GraphQLField, definition: StrawberryField, node: FieldNode) -> None:
        strawberry: Any = schema.extensions["strawberry-definition"]
        given = node.arguments or ()
        varying = {each.name.value for each in given if _has_variable(each)}
        self._variable_part = _part(field, definition, given, varying, strawberry)
        self._fixed_part = _part(field, definition, given, field.args.keys() - varying, strawberry)
        self._fixed: Mapping[str, Any] | None = None if field.args else NONE

    def of(self, variables: VariableValues) -> Mapping[str, Any]:
        """The arguments under these variables. Raises GraphQLError for values that no type check could refuse before."""
        fixed = self._fixed
        if fixed is None:
            fixed = self._fixed = self._made(self._fixed_part, variables)
        if self._variable_part is None:
            return fixed
        return {**fixed, **self._made(self._variable_part, variables)}

    def _made(self, part: "_Part | None", variables: VariableValues) -> dict[str, Any]:
        if part is None:
            return {}
        field, node, converters = part
        coerced = get_argument_values(field, node, variables)
        return {python: convert(coerced[name]) for name, python, convert in converters if name in coerced}


_Part = tuple[GraphQLField, FieldNode, list[tuple[str, str, Convert]]]


def _part(
    field: GraphQLField, definition: StrawberryField, given: Sequence[ArgumentNode], names: Any, strawberry: Any
) -> _Part | None:
    """The field as if it had only the named arguments."""
    if not names:
        return None
    return (
        GraphQLField(field.type, args={name: argument for name, argument in field.args.items() if name in names}),
        FieldNode(name=NameNode(value="field"), arguments=tuple(each for each in given if each.name.value in names)),
        [
            (name, each.python_name, converter(each.type, strawberry))
            for each in definition.arguments
            if (name := strawberry.config.name_converter.from_argument(each)) in names
        ],
    )


def _has_variable(argument: ArgumentNode) -> bool:
    pending: list[Any] = [argument.value]
    while pending:
        node = pending.pop()
        if isinstance(node, VariableNode):
            return True
        pending += getattr(node, "values", None) or ()
        pending += [field.value for field in getattr(node, "fields", None) or ()]
    return False
