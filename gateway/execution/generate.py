"""From a plan to Python: one function for each place where values arrive from outside (a root, a batch).

Such a function takes a list of values and gives the list of their answers. It goes depth first through all that can be had
without waiting, with neither a call per field nor a look at a type that is already known. Parents of batched fields are left
in ``run.waiting`` with the object of the answer that their value will go to.

The only text of a client's that gets into the source are response keys, through ``repr``.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLOutputType,
    Undefined,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)

from gateway.execution.fields import LATER, Inline
from gateway.execution.outcome import Bail, Run, Unsupported
from gateway.execution.plan import FieldPlan, Plan, Read, SelectionPlan, every_field

_DEEPEST = 60
_INT = "{0}.__class__ is int and -2147483648 <= {0} <= 2147483647"
_READY = {
    "String": "{0}.__class__ is str",
    "ID": "{0}.__class__ is str",
    "Int": _INT,
    "Boolean": "{0}.__class__ is bool",
    "Float": "{0}.__class__ is float and {0} - {0} == 0.0",
}
"""By scalar: when a value needs no coercion."""

Shortcuts = Mapping[str, tuple[type, str]]
"""By scalar: the class of value that it nearly always stands for, and the expression that writes one (``{0}``)."""


def compile_plan(plan: Plan, shortcuts: Shortcuts) -> None:
    """Give every root and every batched field of the plan its ``complete``. Raises Unsupported."""
    for field in every_field(plan.root):
        if field.read in (Read.ROOT, Read.EVENT, Read.BATCH):
            field.complete = _completer(field, shortcuts)


def _completer(field: FieldPlan, shortcuts: Shortcuts) -> Callable[..., Any]:
    code = _Code(shortcuts, many=True)
    code.put(1, "out = []")
    code.put(1, "for v in values:")
    code.put(2, "if isinstance(v, BaseException):")
    code.put(3, "out.append(fail(v))")
    code.put(3, "continue")
    code.value(2, field, field.definition.type, "v")
    code.put(2, "out.append(v)")
    code.put(1, "return out")
    return code.function("values, run")


class _Code:
    """The source of one function, for ``many`` values or for one, and what its names stand for."""

    def __init__(self, shortcuts: Shortcuts, *, many: bool) -> None:
        self._shortcuts = shortcuts
        self._many = many
        self._lines: list[str] = []
        self._prologue: dict[str, str] = {"fail": "run.fail"}
        self._names: dict[int, str] = {}
        self._globals: dict[str, Any] = {"LATER": LATER}
        self._count = 0

    def put(self, depth: int, line: str) -> None:
        self._lines.append(" " * depth + line)

    def function(self, parameters: str) -> Callable[..., Any]:
        prologue = [f" {name} = {value}" for name, value in self._prologue.items()]
        source = "\n".join([f"def complete({parameters}):", *prologue, *self._lines])
        exec(compile(source, "<plan>", "exec"), self._globals)  # noqa: S102 - see the module's docstring
        made: Callable[..., Any] = self._globals["complete"]
        return made

    def _constant(self, value: Any) -> str:
        name = self._names.setdefault(id(value), f"c{len(self._names)}")
        self._globals[name] = value
        return name

    def _fresh(self) -> str:
        self._count += 1
        return f"t{self._count}"

    def _once(self, name: str, value: str) -> str:
        """A local that is set before the loop."""
        self._prologue[name] = value
        return name

    # --- values

    def value(self, depth: int, field: FieldPlan, type_: GraphQLOutputType, v: str) -> None:
        """Turn the value in the variable ``v`` into its answer."""
        if depth > _DEEPEST:
            raise Unsupported("depth")
        required = is_non_null_type(type_)
        inner: Any = type_.of_type if is_non_null_type(type_) else type_
        if is_leaf_type(inner):
            self._leaf(depth, field, inner, v, required=required)
            return
        if required:
            self.put(depth, f"if {v} is None:")
            self.put(depth + 1, f"{v} = {self._constant(field)}.null(run)")
            self.put(depth, "else:")
        else:
            self.put(depth, f"if {v} is not None:")
        if is_list_type(inner):
            self._list(depth + 1, field, inner, v)
        elif is_object_type(inner) and field.shared and self._many:
            self._once_for_all(depth + 1, field, inner, v)
        elif is_object_type(inner):
            self._of_type(depth + 1, field, inner, v)
        elif is_abstract_type(inner):
            self._abstract(depth + 1, field, v)
        else:
            raise Unsupported("type")

    def _of_type(self, depth: int, field: FieldPlan, type_: Any, v: str) -> None:
        """An object, if the value stands for the object type."""
        admission = _Admission(type_, self._bails)
        known, error = self._constant(admission.classes), self._fresh()
        self.put(depth, f"if {v}.__class__ not in {known} and ({error} := {self._constant(admission)}({v})) is not None:")
        self.put(depth + 1, f"{v} = fail({error})")
        self.put(depth, "else:")
        self._object(depth + 1, field.below[type_], v)

    def _once_for_all(self, depth: int, field: FieldPlan, type_: Any, v: str) -> None:
        """An object that other values of the same answer may stand for as well."""
        # By identity: the value is kept beside its object, or another one could come to live at its place.
        memo, value = self._once(self._fresh(), "{}"), self._fresh()
        self.put(depth, f"if ({value} := {memo}.get(id({v}))) is not None:")
        self.put(depth + 1, f"{v} = {value}[1]")
        self.put(depth, "else:")
        self.put(depth + 1, f"{value} = {v}")
        self._of_type(depth + 1, field, type_, v)
        self.put(depth + 1, f"{memo}[id({value})] = ({value}, {v})")

    def _list(self, depth: int, field: FieldPlan, type_: Any, v: str) -> None:
        items, item = self._fresh(), self._fresh()
        self.put(depth, f"if {v}.__class__ is not list and {v}.__class__ is not tuple:")
        self.put(depth + 1, f"{v} = {self._constant(_listed)}({v}, run)")
        self.put(depth, f"if {v}.__class__ is list or {v}.__class__ is tuple:")
        self.put(depth + 1, f"{items} = []")
        self.put(depth + 1, f"for {item} in {v}:")
        self.value(depth + 2, field, type_.of_type, item)
        self.put(depth + 2, f"{items}.append({item})")
        self.put(depth + 1, f"{v} = {items}")

    def _object(self, depth: int, plan: SelectionPlan, v: str) -> str:
        items: list[str] = []
        later: list[tuple[FieldPlan, str]] = []
        for key, field in plan.fields.items():
            if field.read is Read.TYPENAME:
                items.append(f"{key!r}: {plan.type.name!r}")
                continue
            x = self._fresh()
            match field.read:
                case Read.ATTRIBUTE:
                    self.put(depth, f"{x} = {v}.{field.attribute}")
                case Read.COMPUTE if isinstance(field.compute, Inline):
                    at_once = self._once(f"a{field.slot}", f"run.at_once[{field.slot}]")
                    self.put(depth, f"{x} = {field.compute.text.format(v, at_once)}")
                case Read.COMPUTE:
                    self._tried(depth, x, f"{self._constant(field.compute)}({v}, {self._call(field)})")
                case Read.BATCH:
                    later.append((field, x))
                    self._at_once(depth, field, x, v)
            if field.read is not Read.BATCH:
                self.value(depth, field, field.definition.type, x)
            items.append(f"{key!r}: {x}")
        row = self._fresh()
        self.put(depth, f"{row} = {{{', '.join(items)}}}")
        for field, x in later:
            inner = depth
            if field.batch is not None and field.batch.at_once is not None:
                self.put(depth, f"if {x} is LATER:")
                inner = depth + 1
            waiting = self._waiting(field)
            self.put(inner, f"{waiting}_p({v})")
            self.put(inner, f"{waiting}_o({row})")
        self.put(depth, f"{v} = {row}")
        return row

    def _at_once(self, depth: int, field: FieldPlan, x: str, v: str) -> None:
        if field.batch is None or field.batch.at_once is None:
            self.put(depth, f"{x} = None")
            return
        # What is the same for all parents was made before: see Run.at_once.
        at_once = self._once(f"a{field.slot}", f"run.at_once[{field.slot}]")
        inline = field.batch.inline
        if inline is None:
            self._tried(depth, x, f"{at_once}({v})")
        else:
            self.put(depth, f"{x} = {inline.text.format(v, at_once)}")
        self.put(depth, f"if {x} is not LATER:")
        self.value(depth + 1, field, field.definition.type, x)

    def _tried(self, depth: int, x: str, call: str) -> None:
        """Set ``x`` to what a function gives; what it raises stands for the value."""
        error = self._fresh()
        self.put(depth, "try:")
        self.put(depth + 1, f"{x} = {call}")
        self.put(depth, f"except Exception as {error}:")
        self.put(depth + 1, f"{x} = {error}")

    def _call(self, field: FieldPlan) -> str:
        return self._once(f"k{field.slot}", f"{self._constant(field)}.call(run)")

    def _waiting(self, field: FieldPlan) -> str:
        self._once(f"w{field.slot}_p", f"run.waiting[{field.slot}][0].append")
        self._once(f"w{field.slot}_o", f"run.waiting[{field.slot}][1].append")
        return f"w{field.slot}"

    def _abstract(self, depth: int, field: FieldPlan, v: str) -> None:
        """An object whose type shows in the value: one function per possible type."""
        choice = _Choice(field, self._bails)
        for type_, below in field.below.items():
            code = _Code(self._shortcuts, many=False)
            row = code._object(1, below, "v")
            code.put(1, f"run.shapes[id({row})] = {code._constant(below)}")
            code.put(1, f"return {row}")
            choice.complete[type_.name] = code.function("v, run")
        f = self._fresh()
        self.put(depth, f"{f} = {self._constant(choice)}({v})")
        self.put(depth, f"{v} = fail({f}) if isinstance({f}, BaseException) else {f}({v}, run)")

    # --- leaves

    def _leaf(self, depth: int, field: FieldPlan, type_: Any, v: str, *, required: bool) -> None:
        slow = self._constant(_coercer(field, type_, required=required))
        shortcut = self._shortcuts.get(type_.name)
        if shortcut is None and isinstance(type_, GraphQLEnumType):
            shortcut = _members(type_)
        guard = "" if required else f"{v} is not None and "
        if shortcut is not None:
            class_, expression = shortcut
            self.put(depth, f"if {v}.__class__ is {self._constant(class_)}:")
            self.put(depth + 1, f"{v} = {expression.format(v)}")
            self.put(depth, f"elif {guard}True:")
            self.put(depth + 1, f"{v} = {slow}({v}, run)")
            return
        ready = _READY.get(type_.name)
        test = f"not ({ready.format(v)})" if ready else "True"
        self.put(depth, f"if {guard}{test}:")
        self.put(depth + 1, f"{v} = {slow}({v}, run)")

    @property
    def _bails(self) -> type[Bail]:
        return Bail


class _Admission:
    """Whether values stand for an object type: None when they do, else what to fail with.

    ``classes`` are those already known to: what ``is_type_of`` says is taken to hold for a whole class.
    """

    def __init__(self, type_: Any, bail: type[Bail]) -> None:
        self._type = type_
        self._bail = bail
        self.classes: set[type] = set()

    def __call__(self, value: Any) -> Exception | None:
        if isinstance(value, Exception):
            return value
        if inspect.isawaitable(value):
            raise self._bail("awaitable")
        if self._type.is_type_of is not None and not self._type.is_type_of(value, None):
            raise self._bail("is_type_of")
        self.classes.add(value.__class__)
        return None


class _Choice:
    """The function that completes an object of an abstract type, by what stands behind it.

    What ``is_type_of`` says is taken to hold for a class of value, and of what is in its ``value`` (``EntityDetails``).
    """

    def __init__(self, field: FieldPlan, bail: type[Bail]) -> None:
        self._types = list(field.below)
        self._bail = bail
        self.complete: dict[str, Callable[..., Any]] = {}
        self._known: dict[tuple[type, type], Callable[..., Any]] = {}

    def __call__(self, value: Any) -> Any:
        key = (value.__class__, getattr(value, "value", None).__class__)
        found = self._known.get(key)
        if found is not None:
            return found
        if isinstance(value, Exception):
            return value
        if inspect.isawaitable(value):
            raise self._bail("awaitable")
        for type_ in self._types:
            if type_.is_type_of is not None and type_.is_type_of(value, None):  # type: ignore[arg-type] # ours do not look
                self._known[key] = self.complete[type_.name]
                return self._known[key]
        raise self._bail("runtime type")


def _members(type_: GraphQLEnumType) -> tuple[type, str] | None:
    """The enum class behind a type whose public names are its members' names."""
    class_: Any = getattr(type_, "wrapped_cls", None)
    if class_ is None:
        return None
    for name, member in class_.__members__.items():
        value = type_.values.get(name)
        if member.name != name or value is None or value.value != member.value:
            return None
    return class_, "{0}._name_"


def _listed(value: Any, run: Run) -> Any:
    """A list from what stands where a list should."""
    if isinstance(value, Exception):
        return run.fail(value)
    if isinstance(value, set | frozenset):
        return list(value)
    raise Bail("list")


def _coercer(field: FieldPlan, type_: Any, *, required: bool) -> Callable[[Any, Run], Any]:
    def coerce(value: Any, run: Run) -> Any:
        if value is None:
            return field.null(run) if required else None
        if isinstance(value, Exception):
            return run.fail(value)
        if value is Undefined or inspect.isawaitable(value):
            raise Bail("value")
        try:
            answer = type_.coerce_output_value(value)
        except Exception as error:  # noqa: BLE001 - whatever a scalar raises is the field's error
            return run.fail(error)
        if answer is None or answer is Undefined:
            raise Bail("coercion")
        return answer

    return coerce
