"""Random arguments: literals and variables, enums, lists, input objects, nulls and defaults, rarely wrong values."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    Undefined,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
)

from tests.differential.choices import Choices

_KINDS = {
    "job": "job",
    "jobId": "job",
    "execution": "execution",
    "executionUpdated": "execution",
    "logLines": "execution",
    "node": "node",
    "nodeId": "node",
}
"""By field or argument: what kind of entity it names."""

_GIVEN = {"first": 70, "orderBy": 25, "onSourceError": 25, "streams": 25, "tail": 25, "after": 4}
"""By argument that may be left out: in how many of a hundred places it is given. No text here is a cursor."""

FLAGS = ("b0", "b1", "b2")
"""The variables in @skip and @include."""


@dataclass(frozen=True)
class Words:
    """What operations may name: global ids and native ids by kind of entity, sources, kinds of source, types of details."""

    ids: Mapping[str, Sequence[str]]
    native_ids: Mapping[str, Sequence[str]]
    sources: Sequence[str]
    kinds: Sequence[str]
    details: Collection[str]


@dataclass(frozen=True)
class _Member:
    """A member of an enum."""

    name: str


@dataclass(frozen=True)
class _Reference:
    """A variable."""

    name: str


@dataclass
class Arguments:
    """Writes arguments; ``variables`` are the values to send, ``definitions`` what the operation must declare."""

    choices: Choices
    words: Words
    variables: dict[str, Any] = field(default_factory=dict)
    definitions: dict[str, str] = field(default_factory=dict)
    _kind: str = ""
    _made: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def written(self, field: str, definitions: dict[str, Any]) -> str:
        """Arguments for a field, in brackets; empty without any."""
        self._kind = _KINDS.get(field, "")
        given = []
        for name, argument in definitions.items():
            required = is_non_null_type(argument.type) and argument.default_value is Undefined
            if required or self.choices.chance(_GIVEN.get(name, 15)):
                given.append(f"{name}: {_printed(self._value(name, argument))}")
        return f"({', '.join(given)})" if given else ""

    def directive(self) -> str:
        """Most often nothing, else @skip or @include."""
        if not self.choices.chance(8):
            return ""
        name = self.choices.pick(["include", "skip"])
        if self.choices.chance(50):
            return f" @{name}(if: {self.choices.pick(['true', 'false'])})"
        flag = self.choices.pick(FLAGS)
        if flag not in self.definitions:
            self.definitions[flag] = self.choices.pick(["Boolean!", "Boolean! = true"])
            if self.definitions[flag] == "Boolean!" or self.choices.chance(50):
                self.variables[flag] = self.choices.chance(50)
        return f" @{name}(if: ${flag})"

    def _value(self, name: str, place: Any, *, literal: bool = False) -> Any:
        """A value for an argument or the field of an input object."""
        if not literal and self.choices.chance(30):
            return self._variable(name, place)
        return self._of(name, place.type, literal=literal)

    def _of(self, name: str, type_: Any, *, literal: bool) -> Any:
        if is_non_null_type(type_):
            type_ = type_.of_type
        elif self.choices.chance(8):
            return None
        if is_list_type(type_):
            return [self._of(name, type_.of_type, literal=literal) for _ in range(self.choices.below(4))]
        if is_enum_type(type_):
            return self._member(type_)
        if is_input_object_type(type_):
            return self._object(type_, literal=literal)
        return self._scalar(name, type_.name)

    def _member(self, type_: GraphQLEnumType) -> _Member:
        return _Member(self.choices.pick(list(type_.values)))

    def _object(self, type_: GraphQLInputObjectType, *, literal: bool) -> dict[str, Any]:
        names = {
            name for name, each in type_.fields.items() if is_non_null_type(each.type) and each.default_value is Undefined
        } | set(self.choices.some(list(type_.fields), 3))
        return {name: self._value(name, each, literal=literal) for name, each in type_.fields.items() if name in names}

    def _scalar(self, name: str, type_: str) -> Any:
        pick, words = self.choices.pick, self.words
        match type_:
            case "Boolean":
                return self.choices.chance(50)
            case "Int":
                return pick([2, 1, *range(9), *range(2, 9), -1]) if name == "first" else pick([1, 0, 2, 3])
            case "ID":
                return self._id(_KINDS.get(name, self._kind), words.ids)
            case "DateTime":
                return pick(["2026-11-21T00:00:00Z", "2026-11-20T12:00:00.5+01:00", "2027-01-01T00:00:00Z"])
            case "Duration":
                return pick(["P1D", "PT90M", "P2W", "P900D"])
        if name == "nativeId":
            return self._id(self._kind, words.native_ids)
        by_name = {"name": words.sources, "source": words.sources, "sourceKind": words.kinds}
        return "no such word" if self.choices.chance(5) else pick(by_name.get(name, ["a", "e", "1"]))

    def _id(self, kind: str, ids: Mapping[str, Sequence[str]]) -> str:
        """Most often one of the kind that is asked for."""
        fitting = ids.get(kind, ())
        if fitting and not self.choices.chance(5):
            return self.choices.pick(fitting)
        return self.choices.pick([*(each for own in ids.values() for each in own), "bm8gc3VjaA", ""])

    def _variable(self, name: str, place: Any) -> _Reference:
        """A variable of the place's own type, or, where a default stands there, of a type that allows for null."""
        choices, type_ = self.choices, place.type
        optional = not is_non_null_type(type_)
        if not optional and place.default_value is not Undefined and choices.chance(50):
            optional, type_ = True, type_.of_type
        known = self._made.setdefault((name, str(type_)), [])
        if known and choices.chance(40):
            return _Reference(choices.pick(known))
        variable = f"v{len(self.definitions)}"
        known.append(variable)
        default = f" = {_printed(self._of(name, type_, literal=True))}" if choices.chance(30) else ""
        self.definitions[variable] = f"{type_}{default}"
        if choices.chance(3):
            self.variables[variable] = choices.pick([{"no": "such"}, 1.5, "no such value"])
        elif optional and choices.chance(10):
            self.variables[variable] = None
        elif not (optional or default) or choices.chance(75):
            self.variables[variable] = _sent(self._of(name, type_, literal=True))
        return _Reference(variable)


def _printed(value: Any) -> str:
    match value:
        case _Reference():
            return f"${value.name}"
        case _Member():
            return value.name
        case list():
            return f"[{', '.join(map(_printed, value))}]"
        case dict():
            return "{" + ", ".join(f"{name}: {_printed(each)}" for name, each in value.items()) + "}"
    return json.dumps(value)


def _sent(value: Any) -> Any:
    """A literal's value as JSON."""
    match value:
        case _Member():
            return value.name
        case list():
            return [_sent(each) for each in value]
        case dict():
            return {name: _sent(each) for name, each in value.items()}
    return value
