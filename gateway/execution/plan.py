"""What an operation reads, as a tree that is made once and run many times.

The tree comes from graphql-core's own collection of fields, for given values of the variables that @skip and @include name.
It is complete: fragments are expanded, and below an abstract type there is a selection for each possible object type. That
can grow exponentially in the text, so it is bounded.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    OperationType,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import CollectedFields, FieldDetailsList, collect_fields, collect_subfields
from strawberry.types.field import StrawberryField

from gateway.execution.arguments import Arguments
from gateway.execution.fields import SHARED, Answer, Batch, Call, Compute, Inline, answer_of, batch_of, compute_of
from gateway.execution.outcome import Failure, Run, Unsupported
from gateway.execution.selection import Selection, selected

LARGEST = 4000
"""Fields in a plan: beyond this an operation is not worth compiling."""


class Read(Enum):
    """How the value of a field is had."""

    TYPENAME = auto()
    ATTRIBUTE = auto()
    COMPUTE = auto()
    BATCH = auto()
    ROOT = auto()
    EVENT = auto()
    """The root of a subscription: the event itself."""


@dataclass(slots=True, eq=False)
class FieldPlan:
    """A field at one place of an operation.

    ``slot`` numbers the fields that need a call (computed, batched and root ones). ``below`` holds the selection for each
    object type that can stand here. ``shared`` is said of the field (``fields.SHARED``).
    """

    key: str
    nodes: list[FieldNode]
    parent: GraphQLObjectType
    definition: GraphQLField
    read: Read
    attribute: str = ""
    compute: Compute | Inline | None = None
    batch: Batch | None = None
    answer: Answer | None = None
    arguments: Arguments | None = None
    slot: int = -1
    shared: bool = False
    selection: Selection = field(default_factory=dict)
    below: dict[GraphQLObjectType, "SelectionPlan"] = field(default_factory=dict)
    complete: Any = None
    """Generated: ``complete(values, run)`` gives the values of the answer for values of this field."""

    def selected(self) -> Selection:
        """Names of the fields selected below, nested."""
        return self.selection

    def call(self, run: Run) -> Call:
        """The field at its place, for one answer."""
        return Call(run.context, self.selected)

    @property
    def inline(self) -> Inline | None:
        """The expression that reads it, if there is one."""
        return self.compute if isinstance(self.compute, Inline) else None if self.batch is None else self.batch.inline

    def null(self, run: Run) -> Failure:
        """The failure of a value that must not be null."""
        name = self.nodes[0].name.value
        return run.fail(TypeError(f"Cannot return null for non-nullable field {self.parent}.{name}."))


@dataclass(slots=True, eq=False)
class SelectionPlan:
    """The fields selected on one object type, by response key in the order of the answer."""

    type: GraphQLObjectType
    fields: dict[str, FieldPlan]


@dataclass(slots=True, eq=False)
class Plan:
    """An operation: its root selection, and by slot every field that needs a call.

    ``batched`` are those that parents may have to wait for. ``given`` names the slots of those that need something of the
    request's context, ``readied`` of those that need more.
    """

    root: SelectionPlan
    called: list[FieldPlan]
    batched: list[FieldPlan] = field(init=False)
    given: list[tuple[int, Callable[[Any], Any]]] = field(init=False)
    readied: list[FieldPlan] = field(init=False)

    def __post_init__(self) -> None:
        self.batched = [each for each in self.called if each.read is Read.BATCH]
        inlines = [(each.slot, each.inline.given) for each in self.called if each.inline is not None]
        self.given = [(slot, given) for slot, given in inlines if given is not None]
        self.readied = [each for each in self.batched if each.inline is None and each.batch and each.batch.at_once]


def plan_of(executor: Executor[Any]) -> Plan:
    """The plan of the executor's operation. Raises Unsupported."""
    return _Planner(executor).plan()


class _Planner:
    def __init__(self, executor: Executor[Any]) -> None:
        self._executor = executor
        self._schema = executor.schema
        self._called: list[FieldPlan] = []
        self._size = 0

    def plan(self) -> Plan:
        operation = self._executor.operation
        if operation.operation is OperationType.MUTATION:
            raise Unsupported("mutation")
        if any(fragment.variable_signatures for fragment in self._executor.fragments.values()):
            raise Unsupported("fragment arguments")
        root = self._schema.get_root_type(operation.operation)
        if root is None:
            raise Unsupported("operation type")
        executor = self._executor
        collected = collect_fields(self._schema, executor.fragments, executor.variable_values, root, operation)
        return Plan(self._selection(root, collected, is_root=True), self._called)

    def _selection(self, type_: GraphQLObjectType, collected: CollectedFields, *, is_root: bool = False) -> SelectionPlan:
        if collected.new_defer_usages:
            raise Unsupported("@defer")
        fields = {}
        for key, details in collected.grouped_field_set.items():
            made = self._field(type_, key, details, is_root=is_root)
            if made is not None:
                fields[key] = made
        return SelectionPlan(type_, fields)

    def _field(self, parent: GraphQLObjectType, key: str, details: FieldDetailsList, *, is_root: bool) -> FieldPlan | None:
        self._size += 1
        if self._size > LARGEST:
            raise Unsupported("size")
        nodes = [detail.node for detail in details]
        name = nodes[0].name.value
        if any(directive.name.value == "stream" for node in nodes for directive in node.directives or ()):
            raise Unsupported("@stream")
        if name.startswith("__") and name != "__typename":
            raise Unsupported("introspection")
        definition = self._schema.get_field(parent, name)
        if definition is None:
            return None
        plan = FieldPlan(key, nodes, parent, definition, Read.TYPENAME)
        if name == "__typename":
            return plan
        self._read(plan, is_root=is_root)
        self._descend(plan, details)
        return plan

    def _read(self, plan: FieldPlan, *, is_root: bool) -> None:
        """How the field is read. Raises Unsupported."""
        ours = plan.definition.extensions.get("strawberry-definition")
        if not isinstance(ours, StrawberryField):
            raise Unsupported("a field that is not Strawberry's")
        plan.shared = bool(ours.metadata.get(SHARED))
        if ours.is_subscription:
            plan.read = Read.EVENT
        elif is_root:
            plan.read, plan.answer = Read.ROOT, answer_of(ours)
            if plan.answer is None:
                raise Unsupported("resolver")
        elif (batch := batch_of(ours)) is not None:
            plan.read, plan.batch = Read.BATCH, batch
        elif (compute := compute_of(ours)) is not None:
            plan.read, plan.compute = Read.COMPUTE, compute
        elif ours.is_basic_field and ours.default_resolver is getattr:
            plan.read, plan.attribute = Read.ATTRIBUTE, ours.python_name
        else:
            raise Unsupported("resolver")
        if plan.read in (Read.ROOT, Read.BATCH, Read.COMPUTE):
            plan.slot = len(self._called)
            self._called.append(plan)
            plan.arguments = Arguments(self._schema, plan.definition, ours, plan.nodes[0])
            executor = self._executor
            plan.selection = selected(plan.nodes, executor.fragment_definitions, executor.variable_values.coerced)

    def _descend(self, plan: FieldPlan, details: FieldDetailsList) -> None:
        named = get_named_type(plan.definition.type)
        if is_leaf_type(named):
            return
        types: Any = self._schema.get_possible_types(named) if is_abstract_type(named) else [named]
        executor = self._executor
        for type_ in types:
            collected = collect_subfields(
                self._schema, executor.fragments, executor.variable_values, executor.operation, type_, details
            )
            plan.below[type_] = self._selection(type_, collected)


def every_field(plan: SelectionPlan) -> Iterator[FieldPlan]:
    """All fields of a selection, depth first."""
    for each in plan.fields.values():
        yield each
        for below in each.below.values():
            yield from every_field(below)
