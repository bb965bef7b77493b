"""Documents by their text: parsed, validated and costed once."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.collect_fields import FragmentDetails

from gateway.execution.cost import Cost, Limits, cost_of, refuse, sized_by
from gateway.execution.variables import Variables

MAX_TOKENS = 4000
_MAX_ERRORS = 20
_COSTS = 64
_NOT_GIVEN = object()


@dataclass(slots=True, eq=False)
class Operation:
    """One operation of a document, with what its cost depends on and the costs it was found to have."""

    node: OperationDefinitionNode
    variables: Variables
    sized_by: tuple[str, ...]
    costs: dict[tuple[Any, ...], Cost] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Document:
    """A text that can be parsed. ``errors`` are why it is not valid, ``details`` its fragments as executors take them."""

    node: DocumentNode
    errors: Sequence[GraphQLError]
    operations: Mapping[str | None, Operation]
    fragments: dict[str, FragmentDefinitionNode]
    details: dict[str, FragmentDetails]

    def operation(self, name: str | None) -> Operation:
        """The operation to run. Raises GraphQLError when that is not exactly one."""
        if name is not None:
            found = self.operations.get(name)
            if found is None:
                raise GraphQLError(f"There is no operation named {name!r}.", extensions=_BAD_INPUT)
            return found
        if not self.operations:
            raise GraphQLError("The document holds no operation.", extensions=_BAD_INPUT)
        if len(self.operations) > 1:
            raise GraphQLError("`operationName` must say which operation to run.", extensions=_BAD_INPUT)
        return next(iter(self.operations.values()))


_BAD_INPUT = {"code": "BAD_USER_INPUT"}


class Documents:
    """The documents met last.

    They are told by their text, so that equal texts share their plans (``plans``). ``characters`` bounds what is kept: a
    syntax tree is some hundred times as large as its text.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits | None = None,
        *,
        introspection: bool = True,
        characters: int = 512 * 1024,
    ) -> None:
        self._schema = schema
        self._limits = limits or Limits()
        self._rules = specified_rules if introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
        self._hide_suggestions = not introspection
        self._characters = characters
        self._kept = 0
        self._known: OrderedDict[str, Document] = OrderedDict()

    def of(self, text: str) -> Document:
        """The document of a text. Raises GraphQLError when it cannot be parsed."""
        found = self._known.get(text)
        if found is not None:
            self._known.move_to_end(text)
            return found
        found = self._read(text)
        if len(text) * 8 < self._characters:
            self._known[text] = found
            self._kept += len(text)
            while self._kept > self._characters:
                oldest, _ = self._known.popitem(last=False)
                self._kept -= len(oldest)
        return found

    def refuse_costly(self, document: Document, operation: Operation, variables: Mapping[str, Any]) -> None:
        """Raises GraphQLError for an operation that is too large to serve."""
        key = tuple([_size(variables.get(name, _NOT_GIVEN)) for name in operation.sized_by])
        cost = operation.costs.get(key)
        if cost is None:
            cost = cost_of(self._schema, operation.node, document.fragments, variables)
            if len(operation.costs) < _COSTS:
                operation.costs[key] = cost
        refuse(cost, self._limits, operation.node)

    def _read(self, text: str) -> Document:
        node = parse(text, max_tokens=MAX_TOKENS)
        errors = validate(self._schema, node, self._rules, max_errors=_MAX_ERRORS, hide_suggestions=self._hide_suggestions)
        fragments = {each.name.value: each for each in node.definitions if isinstance(each, FragmentDefinitionNode)}
        operations = {
            each.name.value if each.name else None: Operation(each, Variables(self._schema, each), sized_by(each, fragments))
            for each in node.definitions
            if isinstance(each, OperationDefinitionNode)
        }
        details = {name: FragmentDetails(fragment, None) for name, fragment in fragments.items()}
        return Document(node, errors, operations, fragments, details)


def _size(value: Any) -> Any:
    """What of a variable's value matters to the cost."""
    if isinstance(value, list):
        return "list", len(value)
    # What is no size at all counts alike, but not like what is not given: that has the variable's default.
    return value if value is _NOT_GIVEN or (isinstance(value, int) and not isinstance(value, bool)) else None
