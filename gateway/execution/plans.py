"""Plans that are remembered, and what becomes of operations."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from graphql import OperationDefinitionNode, VariableNode
from graphql.execution import Executor

from gateway.execution.generate import Shortcuts, compile_plan
from gateway.execution.outcome import Unsupported
from gateway.execution.plan import Plan, plan_of

_FLAG_COMBINATIONS = 16


class Plans:
    """The plans of the operations met last, by the values of the variables in their @skip and @include.

    An operation is told by its identity: whoever parses the same text again (``documents``) gives the same one.
    """

    def __init__(self, shortcuts: Shortcuts, size: int = 512) -> None:
        self._shortcuts = shortcuts
        self._size = size
        self._known: OrderedDict[int, _Entry] = OrderedDict()

    def of(self, executor: Executor[Any]) -> "Plan | str":
        """The executor's plan, or why there is none."""
        operation = executor.operation
        entry = self._known.get(id(operation))
        if entry is None:
            entry = self._known[id(operation)] = _Entry(operation, executor.fragment_definitions)
            if len(self._known) > self._size:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(id(operation))
        flags = entry.flags
        key = tuple([executor.variable_values.coerced.get(name) for name in flags]) if flags else ()
        found = entry.plans.get(key)
        if found is None:
            found = self._made(executor)
            if len(entry.plans) < _FLAG_COMBINATIONS:
                entry.plans[key] = found
        return found

    def _made(self, executor: Executor[Any]) -> "Plan | str":
        try:
            plan = plan_of(executor)
            compile_plan(plan, self._shortcuts)
        except Unsupported as reason:
            return str(reason)
        except (SyntaxError, RecursionError, MemoryError):
            # Python's own limits on what it compiles.
            return "size"
        return plan


class _Entry:
    __slots__ = ("flags", "operation", "plans")

    def __init__(self, operation: OperationDefinitionNode, fragments: Mapping[str, Any]) -> None:
        self.operation = operation
        self.flags = _flags(operation, fragments)
        self.plans: dict[tuple[Any, ...], Plan | str] = {}


def _flags(operation: OperationDefinitionNode, fragments: Mapping[str, Any]) -> tuple[str, ...]:
    """The variables in @skip and @include."""
    names: set[str] = set()
    pending: list[Any] = [operation.selection_set, *(fragment.selection_set for fragment in fragments.values())]
    while pending:
        for node in pending.pop().selections:
            for directive in node.directives or ():
                if directive.name.value in ("skip", "include"):
                    names |= {
                        argument.value.name.value
                        for argument in directive.arguments or ()
                        if isinstance(argument.value, VariableNode)
                    }
            below = getattr(node, "selection_set", None)
            if below is not None:
                pending.append(below)
    return tuple(sorted(names))
