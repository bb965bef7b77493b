"""Names that mean different things in types that one place may hold: clients could not ask for both at once.

GraphQL lets ``... on A { x } ... on B { x }`` stand only where both ``x`` have the same shape (specification, section 5.3.2,
SameResponseShape): wrappers and leaf types equal, and so on below.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from graphql import (
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)

Pair = tuple[str, str]


def conflicts(schema: GraphQLSchema) -> list[str]:
    """Every conflict between two members of a union or two implementations of an interface, in words."""
    seen: set[Pair] = set()
    abstract: list[Any] = [type_ for type_ in schema.type_map.values() if is_abstract_type(type_)]
    pairs = [pair for type_ in abstract for pair in combinations(schema.get_possible_types(type_), 2)]
    return sorted({found for one, other in pairs for found in _between(schema, one, other, seen)})


def _between(schema: GraphQLSchema, one: Any, other: Any, seen: set[Pair]) -> Iterator[str]:
    """Conflicts between what may be asked of two types at the same place."""
    pair = (one.name, other.name) if one.name < other.name else (other.name, one.name)
    if pair in seen or one is other:
        return
    seen.add(pair)
    for left in _objects(schema, one):
        for right in _objects(schema, other):
            for name in left.fields.keys() & right.fields.keys():
                yield from _fields(schema, f"{left.name}.{name}", f"{right.name}.{name}", seen)


def _fields(schema: GraphQLSchema, one: str, other: str, seen: set[Pair]) -> Iterator[str]:
    left, right = _type(schema, one), _type(schema, other)
    below = get_named_type(left), get_named_type(right)
    leaves = [is_leaf_type(type_) for type_ in below]
    shapes = [str(type_).replace(named.name, "_") for type_, named in ((left, below[0]), (right, below[1]))]
    if shapes[0] != shapes[1] or (any(leaves) and below[0] is not below[1]):
        yield f"{one}: {left}, {other}: {right}"
    elif not any(leaves):
        yield from _between(schema, *below, seen)


def _type(schema: GraphQLSchema, coordinate: str) -> Any:
    type_, name = coordinate.split(".")
    return schema.type_map[type_].fields[name].type  # type: ignore[attr-defined]


def _objects(schema: GraphQLSchema, type_: GraphQLNamedType) -> list[Any]:
    """A type as something with fields: itself, or what it may be."""
    if isinstance(type_, GraphQLObjectType):
        return [type_]
    possible: list[Any] = list(schema.get_possible_types(type_))  # type: ignore[arg-type]
    return [type_, *possible] if isinstance(type_, GraphQLInterfaceType) else possible
