"""What a query selects below a field, as a tree of field names, so that nothing is asked upstream that nobody reads."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLResolveInfo,
    InlineFragmentNode,
    SelectionSetNode,
    VariableNode,
)

Selection = dict[str, "Selection"]


def selection(info: GraphQLResolveInfo[Any]) -> Selection:
    """Names of the fields selected below the current one (aliases undone, type conditions merged), nested."""
    given: Any = info.variable_values
    # graphql-core's own values know their sources; strawberry hands on the plain mapping.
    return selected(info.field_nodes, info.fragments, getattr(given, "coerced", given))


def selected(
    nodes: Sequence[FieldNode], fragments: Mapping[str, FragmentDefinitionNode], variables: Mapping[str, Any]
) -> Selection:
    """Names of the fields selected below field nodes that are answered together."""
    tree: Selection = {}
    for node in nodes:
        if node.selection_set is not None:
            _collect(node.selection_set, fragments, variables, tree)
    return tree


def below(tree: Selection, *path: str) -> Selection:
    """The subtree at ``path``; empty when it is not selected."""
    for name in path:
        tree = tree.get(name, {})
    return tree


def _collect(
    selections: SelectionSetNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
    tree: Selection,
) -> None:
    for node in selections.selections:
        if not _included(node.directives, variables):
            continue
        match node:
            case FieldNode():
                subtree = tree.setdefault(node.name.value, {})
                if node.selection_set is not None:
                    _collect(node.selection_set, fragments, variables, subtree)
            case InlineFragmentNode():
                _collect(node.selection_set, fragments, variables, tree)
            case FragmentSpreadNode():
                _collect(fragments[node.name.value].selection_set, fragments, variables, tree)


def _included(directives: Iterable[DirectiveNode] | None, variables: Mapping[str, Any]) -> bool:
    for directive in directives or ():
        if directive.name.value in ("skip", "include") and directive.arguments:
            node = directive.arguments[0].value
            value = variables.get(node.name.value) if isinstance(node, VariableNode) else getattr(node, "value", None)
            if value is (directive.name.value == "skip"):
                return False
    return True
