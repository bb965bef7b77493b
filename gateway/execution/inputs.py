"""From coerced input values to what strawberry's input types make of them: its ``convert_argument``, worked out once a type.

strawberry looks up names and types of every field of every input object in every request, which costs more than the plan
of the request. What is not an input object, a list or a leaf is left to it.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING
from typing import Any
from weakref import WeakKeyDictionary

from strawberry import ID
from strawberry.types.arguments import convert_argument
from strawberry.types.base import StrawberryList, StrawberryMaybe, StrawberryOptional, has_object_definition
from strawberry.types.lazy_type import LazyType

Convert = Callable[[Any], Any]

_known: WeakKeyDictionary[Any, dict[type, Convert]] = WeakKeyDictionary()


def converter(type_: Any, schema: Any) -> Convert:
    """The function that converts values of a type; ``schema`` is strawberry's."""
    if isinstance(type_, LazyType):
        return converter(type_.resolve_type(), schema)
    if isinstance(type_, StrawberryMaybe):
        return _by_strawberry(type_, schema)
    if isinstance(type_, StrawberryOptional):
        return converter(type_.of_type, schema)
    if isinstance(type_, StrawberryList):
        inner = converter(type_.of_type, schema)
        # A copy: what stands behind a default or a literal is the same for every request.
        return _copied if inner is _as_it_is else _list(inner)
    if type_ in _PLAIN:
        return _as_it_is
    if not isinstance(type_, type) or not has_object_definition(type_):
        return _by_strawberry(type_, schema)
    known = _known.setdefault(schema, {})
    if type_ not in known:
        # A type may hold itself.
        known[type_] = lambda value: known[type_](value)
        known[type_] = _object(type_, schema)
    return known[type_]


_PLAIN = frozenset({str, int, float, bool, ID})


def _as_it_is(value: Any) -> Any:
    return value


def _copied(value: Any) -> Any:
    return value if value is None else list(value)


def _list(convert: Convert) -> Convert:
    return lambda value: value if value is None else [convert(item) for item in value]


def _object(class_: Any, schema: Any) -> Convert:
    if (known := fields_of(class_, schema)) is None:
        return _by_strawberry(class_, schema)
    missing = missing_of(class_)
    fields = {name: (python_name, converter(type_, schema)) for name, (python_name, type_) in known.items()}

    def convert(value: Mapping[str, Any] | None) -> Any:
        if value is None:
            return None
        given = dict(missing)
        for name, item in value.items():
            python_name, inner = fields[name]
            given[python_name] = inner(item)
        return class_(**given)

    return convert


def fields_of(class_: Any, schema: Any) -> Mapping[str, tuple[str, Any]] | None:
    """The fields of a plain input type by their public names: name and type in Python. None for what is no such type."""
    if not isinstance(class_, type) or not has_object_definition(class_):
        return None
    definition: Any = class_.__strawberry_definition__
    if definition.from_input is not None or not definition.is_input:
        return None
    return {
        schema.config.name_converter.from_field(field): (
            field.python_name,
            field.resolve_type(type_definition=definition),
        )
        for field in definition.fields
    }


def missing_of(class_: Any) -> dict[str, None]:
    """What an input object says for fields that are not given and have no default."""
    return {
        field.python_name: None
        for field in class_.__strawberry_definition__.fields
        if field.default_value is MISSING and field.default_factory is MISSING
    }


def _by_strawberry(type_: Any, schema: Any) -> Convert:
    registry, config = schema.schema_converter.scalar_registry, schema.config
    return lambda value: convert_argument(value, type_, registry, config)
