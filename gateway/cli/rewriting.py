"""Adds to an operation what its reader needs and did not ask for: reports of sources, and where pages end.

Added fields have aliases of their own, so that they are told from what was asked for, and taken out again (``without``).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    GraphQLSchema,
    NameNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    get_named_type,
    parse,
    parse_type,
    print_ast,
    separate_operations,
    visit,
)

from gateway.cli.shapes import Path, Shape
from gateway.execution.documents import Document, Operation

REPORTS = "gatewayReports"
PAGE = "gatewayPage"
_AFTER = "gatewayAfter"
_ADDED = frozenset({REPORTS, PAGE})
_Node = TypeVar("_Node", bound=Node)
_REPORT = "{ state coveredUntil source { name } error { code message } }"


@dataclass(frozen=True, slots=True)
class Followed:
    """A list whose pages are read one after the other: where it is in the answer, and which variable says where to go on.

    ``start`` has the variable's first value where the text has that written out.
    """

    path: Path
    shape: Shape
    variable: str
    start: Mapping[str, Any]

    def of(self, data: Any) -> Any:
        """The list in an answer's data; None where it, or something on the way to it, is null."""
        for key in self.path:
            data = data.get(key) if isinstance(data, Mapping) else None
        return data

    def rows(self, data: Any) -> list[Any]:
        """Its edges in an answer's data: the list itself; empty where there is none."""
        found = self.of(data)
        edges = None if found is None else found.get(self.shape.rows)
        return [] if edges is None else edges


def followed(path: Path, shape: Shape) -> Followed:
    """How a list is read on: by the variable that its ``after`` has, or by one of ours."""
    given = [each.value for node in shape.nodes for each in node.arguments or () if each.name.value == "after"]
    match given[0] if given else None:
        case VariableNode() as variable:
            return Followed(path, shape, variable.name.value, {})
        case StringValueNode() as literal:
            return Followed(path, shape, _AFTER, {_AFTER: literal.value})
        case _:
            return Followed(path, shape, _AFTER, {})


def rewritten(
    schema: GraphQLSchema,
    document: Document,
    operation: Operation,
    *,
    paged: Collection[Shape],
    follow: Followed | None,
    reports: bool,
) -> str:
    """The text of one operation of a valid document, with where the lists ``paged`` end, and with reports if wanted."""
    name = operation.node.name
    alone = separate_operations(document.node)["" if name is None else name.value]
    info = TypeInfo(schema)
    ends = {id(node) for shape in paged for node in shape.nodes}
    changed: DocumentNode = visit(alone, TypeInfoVisitor(info, _Adding(info, ends, follow, reports)))
    return print_ast(changed)


class _Adding(Visitor):
    def __init__(self, info: TypeInfo, ends: set[int], follow: Followed | None, reports: bool) -> None:
        super().__init__()
        self._info = info
        self._ends = ends
        self._follow = follow
        self._reports = reports

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> OperationDefinitionNode | None:
        if self._follow is None or self._follow.variable != _AFTER:
            return None
        variable = VariableDefinitionNode(
            variable=VariableNode(name=NameNode(value=_AFTER)), type=parse_type("String"), directives=()
        )
        return _copy(node, variable_definitions=(*(node.variable_definitions or ()), variable))

    def enter_field(self, node: FieldNode, *_: Any) -> FieldNode | None:
        if node.selection_set is None:
            return None
        added: list[FieldNode] = []
        if id(node) in self._ends:
            added += _fields(f"{{ {PAGE}: pageInfo {{ hasNextPage endCursor }} }}")
        if self._reports:
            added += _reports_of(get_named_type(self._info.get_type()))
        follows = self._follow is not None and any(node is each for each in self._follow.shape.nodes)
        if not added and not follows:
            return None
        selections = SelectionSetNode(selections=(*node.selection_set.selections, *added))
        arguments = node.arguments or ()
        if follows and self._follow is not None:
            after = ArgumentNode(
                name=NameNode(value="after"), value=VariableNode(name=NameNode(value=self._follow.variable))
            )
            arguments = (*(each for each in arguments if each.name.value != "after"), after)
        return _copy(node, selection_set=selections, arguments=arguments)


def _reports_of(type_: Any) -> list[FieldNode]:
    """What tells how the sources of an object are, where it has that."""
    for name in ("sources", "source"):
        found = getattr(type_, "fields", {}).get(name)
        if found is not None and get_named_type(found.type).name == "SourceReport":
            return _fields(f"{{ {REPORTS}: {name} {_REPORT} }}")
    return []


def _fields(text: str) -> list[FieldNode]:
    (operation,) = parse(text, no_location=True).definitions
    assert isinstance(operation, OperationDefinitionNode)  # noqa: S101 - the text is ours
    return [node for node in operation.selection_set.selections if isinstance(node, FieldNode)]


def _copy(node: _Node, **changes: Any) -> _Node:
    """A node with changes: nodes themselves cannot be changed."""
    return type(node)(**{key: getattr(node, key) for key in node.keys} | changes)


def without(value: Any) -> Any:
    """An answer's data without what was added."""
    if isinstance(value, list):
        return [without(each) for each in value]
    if isinstance(value, dict):
        return {key: without(each) for key, each in value.items() if key not in _ADDED}
    return value
