"""From exceptions to GraphQL errors: every one with ``extensions.code``, none with a trace or an upstream's words."""

import logging
import re
from collections.abc import Sequence
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSyntaxError,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
)
from graphql.language.ast import FragmentDefinitionNode, ObjectFieldNode

from gateway.errors import SourceError, UserError
from gateway.execution.cost import COST_LIMIT

_log = logging.getLogger(__name__)

BAD_USER_INPUT = "BAD_USER_INPUT"
PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
INTERNAL = "INTERNAL"

Path = list[str | int]

_VARIABLE_VALUE = re.compile(r"Variable '\$\w+' (has|got) invalid value|Variable '\$\w+' of required type")
_CANNOT_CARRY = ("Int cannot represent", "Float cannot represent", "Cannot return null for non-nullable", "Enum ")


class CostLimitError(UserError):
    """The request is too large to serve."""


def present(errors: Sequence[GraphQLError], document: DocumentNode | None) -> list[GraphQLError]:
    """Errors as clients may see them. ``document`` lets errors about values name the field they belong to."""
    return [_present(error, document) for error in errors]


def _present(error: GraphQLError, document: DocumentNode | None) -> GraphQLError:
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    path = error.path
    if isinstance(cause, ValueError) and path is None:
        # A scalar refused a value before anything was executed; the message is the scalar's.
        cause = None
    match cause:
        case SourceError():
            code, extensions = cause.code.value, {"source": cause.source, "retryable": cause.retryable}
            if cause.retry_after is not None:
                extensions["retryAfterSeconds"] = cause.retry_after
            message = f"{cause.source}: {cause.message}" if cause.source else cause.message
        case CostLimitError():
            code, extensions, message = COST_LIMIT, {}, str(cause)
        case UserError():
            code, extensions, message = BAD_USER_INPUT, {}, str(cause)
        case None | GraphQLError():
            code, extensions, message = _code(error), {}, error.message
            if code == BAD_USER_INPUT and path is None and document is not None:
                path = _path_of(error, document)
        case _:
            _log.error("unexpected error at %s", error.path, exc_info=cause)
            code, extensions, message = (
                INTERNAL,
                {},
                "The gateway failed on this field; its operator finds the reason in the log.",
            )
    shown: dict[str, Any] = {**(error.extensions or {}), "code": code, **extensions}
    return GraphQLError(
        message, nodes=error.nodes, source=error.source, positions=error.positions, path=path, extensions=shown
    )


def _code(error: GraphQLError) -> str:
    given = (error.extensions or {}).get("code")
    if isinstance(given, str):
        return given
    if isinstance(error, GraphQLSyntaxError):
        return PARSE_FAILED
    nodes = error.nodes or []
    if error.path is not None:
        # While a field was answered: an argument that no literal shows, or a value that the schema cannot carry.
        return INTERNAL if error.message.startswith(_CANNOT_CARRY) else BAD_USER_INPUT
    # graphql-core gives errors no codes; what a value error points at is a value, or the definition of a variable.
    if len(nodes) == 1 and isinstance(nodes[0], VariableDefinitionNode) and _VARIABLE_VALUE.match(error.message):
        return BAD_USER_INPUT
    if any(isinstance(node, ValueNode | ObjectFieldNode) and not isinstance(node, VariableNode) for node in nodes):
        return BAD_USER_INPUT
    return VALIDATION_FAILED


def _path_of(error: GraphQLError, document: DocumentNode) -> Path | None:
    """The response path of the field that takes the value an error is about."""
    nodes = error.nodes or []
    if not nodes:
        return None
    target = nodes[0]
    name = target.variable.name.value if isinstance(target, VariableDefinitionNode) else None
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            found = _search(operation.selection_set, target, name, [], fragments, set())
            if found is not None:
                return found
    return None


def _search(
    selections: SelectionSetNode,
    target: Node,
    variable: str | None,
    path: Path,
    fragments: dict[str, FragmentDefinitionNode],
    seen: set[str],
) -> Path | None:
    for node in selections.selections:
        found: Path | None = None
        match node:
            case FieldNode():
                here: Path = [*path, node.alias.value if node.alias else node.name.value]
                if any(_holds(argument, target, variable) for argument in node.arguments or ()):
                    return here
                if node.selection_set is not None:
                    found = _search(node.selection_set, target, variable, here, fragments, seen)
            case InlineFragmentNode():
                found = _search(node.selection_set, target, variable, path, fragments, seen)
            case FragmentSpreadNode():
                fragment = fragments.get(node.name.value)
                if fragment is not None and node.name.value not in seen:
                    seen.add(node.name.value)
                    found = _search(fragment.selection_set, target, variable, path, fragments, seen)
        if found is not None:
            return found
    return None


def _holds(argument: ArgumentNode, target: Node, variable: str | None) -> bool:
    pending: list[Any] = [argument.value]
    while pending:
        node = pending.pop()
        if _same(node, target) or (variable is not None and isinstance(node, VariableNode) and node.name.value == variable):
            return True
        pending += [*(getattr(node, "values", None) or ()), *(getattr(node, "fields", None) or ())]
        if isinstance(node, ObjectFieldNode):
            pending.append(node.value)
    return False


def _same(node: Any, target: Node) -> bool:
    """Whether two nodes are the same piece of text: the document may have been parsed more than once."""
    if not isinstance(node, Node) or node.kind != target.kind or node.loc is None or target.loc is None:
        return node is target
    return (node.loc.start, node.loc.end) == (target.loc.start, target.loc.end)
