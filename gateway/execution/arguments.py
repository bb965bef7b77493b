"""The arguments of a field, as the function behind it takes them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphql import (
    ArgumentNode,
    FieldNode,
    GraphQLField,
    GraphQLSchema,
    NameNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    is_input_object_type,
    is_non_null_type,
)
from graphql.execution.values import VariableValues, get_argument_values
from graphql.utilities.coerce_input_value import coerce_default_value, coerce_input_literal
from strawberry.types.base import StrawberryOptional
from strawberry.types.field import StrawberryField

from gateway.execution.inputs import Convert, converter, fields_of, missing_of

NONE: Mapping[str, Any] = {}

Read = Callable[[Mapping[str, Any]], Any]
"""An argument's value by the values of the variables. Raises LookupError for what is left to graphql-core."""


class Arguments:
    """How the arguments at one place of an operation are had: what has no variable in it is made once."""

    __slots__ = ("_fixed", "_fixed_part", "_reads", "_variable_part")

    def __init__(self, schema: GraphQLSchema, field: GraphQLField, definition: StrawberryField, node: FieldNode) -> None:
        strawberry: Any = schema.extensions["strawberry-definition"]
        given = node.arguments or ()
        varying = {each.name.value for each in given if _varies(each.value)}
        self._variable_part = _part(field, definition, given, varying, strawberry)
        self._fixed_part = _part(field, definition, given, field.args.keys() - varying, strawberry)
        self._fixed: Mapping[str, Any] | None = None if field.args else NONE
        self._reads = _reads(field, definition, given, varying, strawberry)

    def of(self, variables: VariableValues) -> Mapping[str, Any]:
        """The arguments under these variables. Raises GraphQLError for values that no type check could refuse before."""
        fixed = self._fixed
        if fixed is None:
            fixed = self._fixed = self._made(self._fixed_part, variables)
        if self._variable_part is None:
            return fixed
        if self._reads is not None:
            given = variables.coerced
            try:
                return {**fixed, **{name: read(given) for name, read in self._reads}}
            except LookupError:
                # A variable that is not given, or null where nothing may be: graphql-core knows what that means.
                pass
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


# --- values with variables in them -----------------------------------------------------------------------------------


def _reads(
    field: GraphQLField, definition: StrawberryField, given: Sequence[ArgumentNode], names: set[str], strawberry: Any
) -> list[tuple[str, Read]] | None:
    """How the named arguments are had without graphql-core, by their names in Python; None where one cannot be."""
    nodes = {each.name.value: each.value for each in given}
    reads: list[tuple[str, Read]] = []
    for each in definition.arguments:
        name = strawberry.config.name_converter.from_argument(each)
        if name in names:
            read = _read(nodes[name], field.args[name].type, each.type, strawberry)
            if read is None:
                return None
            reads.append((each.python_name, read))
    return reads


def _read(node: ValueNode, type_: Any, python_type: Any, strawberry: Any) -> Read | None:
    if isinstance(node, VariableNode):
        return _variable(node.name.value, converter(python_type, strawberry), required=is_non_null_type(type_))
    if isinstance(node, ObjectValueNode):
        return _object(node, type_, python_type, strawberry)
    return None


def _variable(name: str, convert: Convert, *, required: bool) -> Read:
    def read(given: Mapping[str, Any]) -> Any:
        value = given[name]
        if value is None and required:
            raise LookupError
        return convert(value)

    return read


def _object(node: ObjectValueNode, type_: Any, python_type: Any, strawberry: Any) -> Read | None:
    inner = type_.of_type if is_non_null_type(type_) else type_
    class_: Any = python_type.of_type if isinstance(python_type, StrawberryOptional) else python_type
    fields = fields_of(class_, strawberry)
    if fields is None or not is_input_object_type(inner) or inner.is_one_of:
        return None
    nodes = {each.name.value: each.value for each in node.fields}
    constant: dict[str, Any] = missing_of(class_)
    reads: list[tuple[str, Read]] = []
    for name, field in inner.fields.items():
        python_name, field_type = fields[name]
        value = nodes.get(name)
        if value is not None and _varies(value):
            read = _read(value, field.type, field_type, strawberry)
            if read is None:
                return None
            reads.append((python_name, read))
            continue
        given = coerce_default_value(field) if value is None else coerce_input_literal(value, field.type)
        if given is not Undefined:
            constant[python_name] = converter(field_type, strawberry)(given)
        elif value is not None or is_non_null_type(field.type):
            return None
    return lambda given: class_(**{**constant, **{name: read(given) for name, read in reads}})


def _varies(value: ValueNode) -> bool:
    """Whether there is a variable in it."""
    pending: list[Any] = [value]
    while pending:
        node = pending.pop()
        if isinstance(node, VariableNode):
            return True
        pending += getattr(node, "values", None) or ()
        pending += [field.value for field in getattr(node, "fields", None) or ()]
    return False
