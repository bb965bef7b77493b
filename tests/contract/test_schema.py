"""The published schema: equal to the code, described throughout, without names that conflict."""

from itertools import combinations
from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    build_schema,
    is_introspection_type,
    is_specified_scalar_type,
)

from gateway.api.schema import public_sdl

ROOT = Path(__file__).parents[2]
SCHEMA = build_schema(public_sdl())
TYPES = [
    type_ for type_ in SCHEMA.type_map.values() if not is_introspection_type(type_) and not is_specified_scalar_type(type_)
]


def test_schema_graphql_is_what_the_code_prints() -> None:
    written = (ROOT / "schema.graphql").read_text(encoding="utf-8")
    assert written == public_sdl(), "run `make schema`"


def test_everything_is_described() -> None:
    missing = []
    for type_ in TYPES:
        if not type_.description:
            missing.append(type_.name)
        if isinstance(type_, GraphQLEnumType):
            missing += [f"{type_.name}.{name}" for name, value in type_.values.items() if not value.description]
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            missing += [f"{type_.name}.{name}" for name, field in type_.fields.items() if not field.description]
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            missing += [
                f"{type_.name}.{name}({argument_name})"
                for name, field in type_.fields.items()
                for argument_name, argument in field.args.items()
                if not argument.description
            ]
    assert missing == []


def test_same_names_have_the_same_types_wherever_two_types_can_meet() -> None:
    """Otherwise a query with a fragment on each does not validate (DECISIONS 37)."""
    conflicts = []
    for type_ in TYPES:
        if isinstance(type_, GraphQLUnionType | GraphQLInterfaceType):
            for one, other in combinations(SCHEMA.get_possible_types(type_), 2):
                conflicts += [
                    f"{one.name}.{name}: {one.fields[name].type}, {other.name}.{name}: {other.fields[name].type}"
                    for name in one.fields.keys() & other.fields.keys()
                    if str(one.fields[name].type) != str(other.fields[name].type)
                    and not str(one.fields[name].type).rstrip("!").endswith("Details")
                ]
    assert sorted(set(conflicts)) == []
