"""Writes docs/reference.md from the schema: ``python -m tests.docs.reference > docs/reference.md``.

Everything in it is the schema's own: descriptions, types, defaults. A test holds the page to the schema.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    is_introspection_type,
    is_specified_scalar_type,
    print_ast,
)

from gateway.api.schema import public_sdl

HEAD = """\
# Schema reference

Generated from the schema by `python -m tests.docs.reference`; not to be edited. The same as SDL is `schema.graphql` at the
root of the repository, and what `execution-gateway schema` prints. What the words mean: [concepts](concepts.md). Queries to
begin with: [recipes](recipes.md). There are no mutations and no federation directives.
"""

_SECTIONS: dict[str, tuple[type[GraphQLNamedType], ...]] = {
    "Objects": (GraphQLObjectType,),
    "Interfaces and unions": (GraphQLInterfaceType, GraphQLUnionType),
    "Inputs": (GraphQLInputObjectType,),
    "Enums": (GraphQLEnumType,),
    "Scalars": (GraphQLScalarType,),
}


def page() -> str:
    """The whole page."""
    schema = build_schema(public_sdl())
    roots = [each for each in (schema.query_type, schema.subscription_type) if each is not None]
    own = [
        each
        for _, each in sorted(schema.type_map.items())
        if each not in roots and not is_introspection_type(each) and not is_specified_scalar_type(each)
    ]
    parts = [HEAD, "## Roots\n", *(_described(each, schema) for each in roots)]
    for title, classes in _SECTIONS.items():
        parts += [f"## {title}\n", *(_described(each, schema) for each in own if isinstance(each, classes))]
    return "\n".join(parts)


def _described(type_: GraphQLNamedType, schema: GraphQLSchema) -> str:
    return "\n".join([f"### {type_.name}\n", *_body(type_, schema), ""])


def _body(type_: GraphQLNamedType, schema: GraphQLSchema) -> Iterator[str]:
    yield _text(type_.description) + "\n"
    match type_:
        case GraphQLUnionType() | GraphQLInterfaceType():
            members = ", ".join(_link(each.name) for each in schema.get_possible_types(type_))
            yield f"One of {members}.\n"
        case GraphQLObjectType() if type_.interfaces:
            yield f"Implements {', '.join(_link(each.name) for each in type_.interfaces)}.\n"
    match type_:
        case GraphQLObjectType() | GraphQLInterfaceType():
            rows = ((_signature(name, field.args), _type(field.type), _field(field)) for name, field in type_.fields.items())
            yield from _table(("field", "type", ""), rows)
        case GraphQLInputObjectType():
            rows = ((f"`{name}`", _input(each), _text(each.description)) for name, each in type_.fields.items())
            yield from _table(("field", "type", ""), rows)
        case GraphQLEnumType():
            yield from _table(("value", ""), ((f"`{name}`", _text(each.description)) for name, each in type_.values.items()))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _signature(name: str, arguments: dict[str, Any]) -> str:
    return f"`{name}({', '.join(arguments)})`" if arguments else f"`{name}`"


def _field(field: Any) -> str:
    """What a field is, and what each of its arguments does."""
    told = [f"`{name}` {_input(each)}: {_text(each.description)}" for name, each in field.args.items()]
    return "<br>".join([_text(field.description), *told])


def _input(value: Any) -> str:
    written = None if value.default is None or value.default.literal is None else print_ast(value.default.literal)
    return _type(value.type) + ("" if written in (None, "null") else f" = `{written}`")


def _type(type_: Any) -> str:
    """A type as in SDL, its name a link."""
    name = get_named_type(type_).name
    before, after = str(type_).split(name)
    return f"{before}{_link(name)}{after}".replace("[[", "\\[[")


def _link(name: str) -> str:
    return name if name in {"ID", "Int", "Float", "String", "Boolean"} else f"[{name}](#{name.lower()})"


def _text(description: str | None) -> str:
    """A description on one line of a table."""
    return re.sub(r"\s+", " ", description or "").strip().replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page())
