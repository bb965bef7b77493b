"""What an operation may cost: one walk over its text, each fragment once.

The cost is the number of values in the largest answer it allows: every field counts one, and what stands in the edges of a
list counts as often as the list's ``first`` says. Only the values of variables in those arguments matter, so that costs can
be remembered with the text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

COST_LIMIT = "COST_LIMIT_EXCEEDED"

_SIZES = ("first", "tail", "ids")
"""Arguments that say how long a list may be: a number, or a list of what is asked for."""

_ROWS = ("edges", "groups")
"""The fields in which the rows of a list stand."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is served at most: levels of fields, aliases, fields at the root, values in an answer."""

    depth: int = 20
    aliases: int = 100
    roots: int = 50
    cost: int = 100_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What an operation amounts to."""

    depth: int = 0
    aliases: int = 0
    roots: int = 0
    cost: int = 0


def sized_by(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> tuple[str, ...]:
    """The variables on which an operation's cost depends."""
    names: set[str] = set()
    pending: list[SelectionSetNode] = [operation.selection_set, *(each.selection_set for each in fragments.values())]
    while pending:
        for node in pending.pop().selections:
            if isinstance(node, FieldNode):
                values = [each.value for each in node.arguments or () if each.name.value in _SIZES]
                names |= {value.name.value for value in values if isinstance(value, VariableNode)}
            below = getattr(node, "selection_set", None)
            if below is not None:
                pending.append(below)
    return tuple(sorted(names))


def cost_of(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
) -> Cost:
    """The cost of a valid operation under the values of its variables (as sent, or defaults where they are not)."""
    given = {each.variable.name.value: _literal(each.default_value) for each in operation.variable_definitions or ()}
    given |= variables
    root = schema.get_root_type(operation.operation)
    return _Walk(schema, fragments, given).selections(operation.selection_set, root)


def refuse(cost: Cost, limits: Limits, operation: OperationDefinitionNode) -> None:
    """Raises GraphQLError when an operation amounts to more than is served."""
    for is_, limit, what, instead in (
        (cost.depth, limits.depth, "levels of fields", "Select less deeply."),
        (cost.aliases, limits.aliases, "aliases", "Send several operations."),
        (cost.roots, limits.roots, "fields at its root", "Send several operations."),
        (cost.cost, limits.cost, "values in its largest answer", "Ask for fewer rows with `first`, or for fewer fields."),
    ):
        if is_ > limit:
            raise GraphQLError(
                f"The operation has {is_} {what}; at most {limit} are served. {instead}",
                nodes=[operation],
                extensions={"code": COST_LIMIT},
            )


class _Walk:
    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], variables: Mapping[str, Any]
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables
        self._known: dict[tuple[str, int], Cost] = {}

    def selections(self, selections: SelectionSetNode, type_: Any, rows: int = 1) -> Cost:
        """The cost of a selection; ``rows`` is how long the list is whose edges may stand in it."""
        depth = aliases = roots = cost = 0
        for node in selections.selections:
            if isinstance(node, FieldNode):
                each = self._field(node, type_, rows)
            elif isinstance(node, InlineFragmentNode):
                named = node.type_condition
                inner = type_ if named is None else self._schema.get_type(named.name.value)
                each = self.selections(node.selection_set, inner, rows)
            elif isinstance(node, FragmentSpreadNode):
                each = self._fragment(node.name.value, rows)
            else:
                continue
            depth, aliases = max(depth, each.depth), aliases + each.aliases
            roots, cost = roots + each.roots, cost + each.cost
        return Cost(depth, aliases, roots, cost)

    def _fragment(self, name: str, rows: int) -> Cost:
        found = self._known.get((name, rows))
        if found is None:
            fragment = self._fragments[name]
            type_ = self._schema.get_type(fragment.type_condition.name.value)
            found = self._known[name, rows] = self.selections(fragment.selection_set, type_, rows)
        return found

    def _field(self, node: FieldNode, type_: Any, rows: int) -> Cost:
        name, alias = node.name.value, int(node.alias is not None)
        if name.startswith("__"):
            # What a schema says of itself is no secret and costs no request; tools ask for it in depth.
            return Cost(0, alias, 1, 1)
        field = self._schema.get_field(type_, name)
        if node.selection_set is None or field is None:
            return Cost(1, alias, 1, 1)
        below = self.selections(node.selection_set, get_named_type(field.type), self._size(node, field))
        times = rows if name in _ROWS else self._size(node, field) if "ids" in field.args else 1
        return Cost(below.depth + 1, below.aliases + alias, 1, 1 + times * below.cost)

    def _size(self, node: FieldNode, field: Any) -> int:
        """How long the list of a field may be."""
        asked = {each.name.value: each.value for each in node.arguments or ()}
        numbers = [self._number(asked[name]) for name in _SIZES if name in field.args and name in asked]
        sizes = [number for number in numbers if number is not None]
        if sizes:
            return max(sizes)
        default = field.args["first"].default_value if "first" in field.args else 1
        return default if isinstance(default, int) else 1

    def _number(self, node: Any) -> int | None:
        """The size that the value of an argument says; None when it says none (null, or what will be refused)."""
        value = self._variables.get(node.name.value) if isinstance(node, VariableNode) else _literal(node)
        if isinstance(value, list | tuple):
            return len(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return max(0, value)
        return None


def _literal(node: Any) -> Any:
    """What a literal says of a size: a number, or a list; None for any other and for none at all."""
    if isinstance(node, ListValueNode):
        return node.values
    return int(node.value) if isinstance(node, IntValueNode) else None
