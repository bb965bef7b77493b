"""What an operation selects, as a tree by response key: what tables are made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from gateway.execution.documents import Document, Operation

Path = tuple[str, ...]

_NUMBERS = frozenset({"Int", "Float", "Long"})


@dataclass(slots=True)
class Shape:
    """A field of the answer: its name and type in the schema, where the text selects it, and what is selected in it.

    ``type`` is None for ``__typename`` and the like.
    """

    name: str
    type: Any = None
    takes: frozenset[str] = frozenset()
    nodes: list[FieldNode] = field(default_factory=list)
    fields: dict[str, "Shape"] = field(default_factory=dict)

    @property
    def many(self) -> bool:
        """Whether its value is a list."""
        return self.type is not None and is_list_type(get_nullable_type(self.type))

    @property
    def number(self) -> bool:
        """Whether its values are numbers."""
        return self.type is not None and get_named_type(self.type).name in _NUMBERS

    @property
    def pages(self) -> bool:
        """Whether it is a list that can be read on page by page (Relay's connections with ``after``)."""
        return "after" in self.takes and "pageInfo" in getattr(get_named_type(self.type), "fields", ())

    @property
    def rows(self) -> str | None:
        """The response key of its ``edges``, where it selects them."""
        return next((key for key, each in self.fields.items() if each.name == "edges"), None)


def shape_of(schema: GraphQLSchema, document: Document, operation: Operation) -> Shape:
    """The shape of a valid operation's data."""
    root = Shape(operation.node.operation.value)
    _collect(schema, document.fragments, operation.node.selection_set, schema.get_root_type(operation.node.operation), root)
    return root


def _collect(
    schema: GraphQLSchema,
    fragments: Mapping[str, FragmentDefinitionNode],
    selections: SelectionSetNode,
    type_: Any,
    into: Shape,
) -> None:
    for node in selections.selections:
        match node:
            case FieldNode():
                found = schema.get_field(type_, node.name.value)
                shape = into.fields.setdefault((node.alias or node.name).value, Shape(node.name.value))
                shape.nodes.append(node)
                if found is not None:
                    shape.type, shape.takes = found.type, frozenset(found.args)
                if node.selection_set is not None and shape.type is not None:
                    _collect(schema, fragments, node.selection_set, get_named_type(shape.type), shape)
            case InlineFragmentNode():
                named = node.type_condition
                inner = type_ if named is None else schema.get_type(named.name.value)
                _collect(schema, fragments, node.selection_set, inner, into)
            case FragmentSpreadNode():
                fragment = fragments[node.name.value]
                inner = schema.get_type(fragment.type_condition.name.value)
                _collect(schema, fragments, fragment.selection_set, inner, into)


def paged(shape: Shape, path: Path = ()) -> Iterator[tuple[Path, Shape]]:
    """The lists with pages that an answer holds once each: those that stand in no other list."""
    for key, each in shape.fields.items():
        if each.many:
            continue
        if each.pages:
            yield (*path, key), each
        yield from paged(each, (*path, key))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, or a line of an object: its heading, and where its value is in the row."""

    heading: str
    path: Path
    shape: Shape

    def of(self, row: Any) -> Any:
        """The value in a row; None where something on the way to it is null."""
        for key in self.path:
            if not isinstance(row, Mapping):
                return None
            row = row.get(key)
        return row


def columns(shape: Shape) -> list[Column]:
    """The columns of rows of a shape: objects in objects are flattened, lists are one column each."""
    found = list(_flat(shape, ()))
    if "node" not in shape.fields:
        return found
    # An edge: what counts is its node, so that only a field of the edge itself can make `node.` necessary.
    own = {column.heading for column in found if column.path[0] != "node"}
    short = [column.heading.removeprefix("node.") for column in found]
    return [
        column if name in own else Column(name, column.path, column.shape) for name, column in zip(short, found, strict=True)
    ]


def _flat(shape: Shape, path: Path) -> Iterator[Column]:
    for key, each in shape.fields.items():
        here = (*path, key)
        if each.fields and not each.many:
            yield from _flat(each, here)
        else:
            shown = path if each.name == "edges" and path else here
            yield Column(".".join(shown), here, each)
