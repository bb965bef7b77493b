"""Random valid operations over a schema: aliases, fragments, type conditions, directives, merged and repeated fields."""

from dataclasses import dataclass, replace
from typing import Any

from graphql import (
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_leaf_type,
    is_object_type,
    is_union_type,
)

from tests.differential.arguments import FLAGS, Arguments, Words
from tests.differential.choices import Choices

_DEEPEST = 9
_FIELDS = 60
# How much more often than a leaf a field with others below it is selected.
_DEEP = {"edges": 8, "node": 8, "details": 4, "executions": 4}
# Names that generated code may use itself.
_ALIASES = (
    "run",
    "values",
    "out",
    "v",
    "t1",
    "t2",
    "c0",
    "k0",
    "w0_p",
    "a0",
    "g0",
    "fail",
    "self",
    "None",
    "class",
    "items",
)


@dataclass(frozen=True)
class Operation:
    """A text, the values of its variables, and for a subscription the name of its field."""

    text: str
    variables: dict[str, Any]
    subscribed: str | None = None

    def again(self, choices: Choices) -> "Operation":
        """The same with other values for some of the flags in @skip and @include."""
        flags = {name: choices.chance(50) for name, value in self.variables.items() if name in FLAGS and value is not None}
        return replace(self, variables={**self.variables, **flags})


class Schema:
    """What an operation may hold at each place of a schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self._possible = {
            name: {type_} if is_object_type(type_) else set(schema.get_possible_types(type_))  # type: ignore[arg-type] # abstract
            for name, type_ in schema.type_map.items()
            if is_composite_type(type_) and not name.startswith("__")
        }
        self.conditions = {
            name: [other for other, theirs in self._possible.items() if own & theirs] for name, own in self._possible.items()
        }

    def type(self, name: str) -> Any:
        return self.schema.type_map[name]


def query(schema: Schema, choices: Choices, words: Words) -> Operation:
    """A query."""
    return _Writer(schema, choices, words).query()


def subscription(schema: Schema, choices: Choices, words: Words) -> Operation:
    """A subscription."""
    return _Writer(schema, choices, words).subscription()


class _Writer:
    """Writes one operation. A response key means the same field with the same arguments wherever it stands in it."""

    def __init__(self, schema: Schema, choices: Choices, words: Words) -> None:
        self._schema = schema
        self._choices = choices
        self._arguments = Arguments(choices, words)
        self._details = words.details
        self._meanings: dict[str, tuple[str, str, str]] = {}
        self._fragments: list[tuple[str, str, str]] = []
        self._left = 5 + choices.below(_FIELDS)

    def query(self) -> Operation:
        body = self._selection(self._schema.schema.query_type, _DEEPEST, 4)
        return self._operation("query", body)

    def subscription(self) -> Operation:
        root = self._schema.schema.subscription_type
        assert root is not None
        name = self._choices.pick(list(root.fields))
        body = f"{{ {self._field(root, name, _DEEPEST, directive='')} }}"
        return self._operation("subscription", body, name)

    def _operation(self, kind: str, body: str, subscribed: str | None = None) -> Operation:
        defined = ", ".join(f"${name}: {type_}" for name, type_ in self._arguments.definitions.items())
        fragments = [f"fragment {name} on {type_} {text}" for name, type_, text in self._fragments]
        text = "\n".join([f"{kind} Q{f'({defined})' if defined else ''} {body}", *fragments])
        return Operation(text, self._arguments.variables, subscribed)

    def _selection(self, type_: Any, depth: int, most: int = 6) -> str:
        parts = [self._part(type_, depth)]
        for _ in range(1 + self._choices.below(most)):
            if self._left > 0:
                parts.append(self._part(type_, depth))
        return f"{{ {' '.join(parts)} }}"

    def _part(self, type_: Any, depth: int) -> str:
        self._left -= 1
        if self._left <= 0:
            depth = 0
        which = self._choices.below(100)
        if is_abstract_type(type_) and which >= 40 and depth > 0:
            return self._inline(type_, depth)
        if which >= 92:
            return self._typename()
        if which >= 80 and depth > 0:
            return self._named(type_, depth) if which >= 87 else self._inline(type_, depth)
        return self._any_field(type_, depth)

    def _typename(self) -> str:
        key = self._key("__typename", "", "String!")
        return f"{key}{self._arguments.directive()}"

    def _any_field(self, type_: Any, depth: int) -> str:
        if is_union_type(type_):
            return self._inline(type_, depth) if depth > 0 else self._typename()
        names = []
        for name, field in type_.fields.items():
            if is_leaf_type(get_named_type(field.type)):
                names.append(name)
            elif depth > 0:
                # Otherwise little would be seen of what lies deep.
                names += [name] * _DEEP.get(name, 2)
        return self._field(type_, self._choices.pick(names), depth) if names else self._typename()

    def _field(self, type_: Any, name: str, depth: int, directive: str | None = None) -> str:
        field = type_.fields[name]
        arguments = self._arguments.written(name, field.args)
        key = self._key(name, arguments, str(field.type))
        suffix = self._arguments.directive() if directive is None else directive
        named = get_named_type(field.type)
        below = "" if is_leaf_type(named) else f" {self._selection(named, depth - 1)}"
        return f"{key}{arguments}{suffix}{below}"

    def _inline(self, type_: Any, depth: int) -> str:
        condition = self._condition(type_)
        inner = type_ if condition is None else self._schema.type(condition)
        on = "" if condition is None else f" on {condition}"
        return f"...{on}{self._arguments.directive()} {self._selection(inner, depth - 1, 4)}"

    def _condition(self, type_: Any) -> str | None:
        options: list[str | None] = [None, type_.name, *self._schema.conditions[type_.name]]
        objects = [name for name in options if name is not None and is_object_type(self._schema.type(name))]
        present = [name for name in objects if name in self._details]
        if self._choices.chance(25):
            return self._choices.pick(options)
        return self._choices.pick(present or objects)

    def _named(self, type_: Any, depth: int) -> str:
        fitting = [name for name, on, _ in self._fragments if on in self._schema.conditions[type_.name]]
        if fitting and self._choices.chance(40):
            return f"...{self._choices.pick(fitting)}{self._arguments.directive()}"
        on = self._condition(type_) or type_.name
        text = self._selection(self._schema.type(on), depth - 1, 4)
        name = f"F{len(self._fragments)}"
        self._fragments.append((name, on, text))
        return f"...{name}{self._arguments.directive()}"

    def _key(self, name: str, arguments: str, type_: str) -> str:
        """The field's name behind a response key that is free, or has the same meaning already."""
        meaning = name, arguments, type_
        known = [key for key, other in self._meanings.items() if other == meaning]
        if known and self._choices.chance(70):
            key = self._choices.pick(known)
        elif self._meanings.get(name, meaning) == meaning and not self._choices.chance(20):
            key = name
        else:
            key = self._choices.pick([alias for alias in _ALIASES if alias not in self._meanings] or [""])
            key = key or f"x{len(self._meanings)}"
        self._meanings[key] = meaning
        return name if key == name else f"{key}: {name}"
