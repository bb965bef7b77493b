"""What goes wrong while an operation is answered: the same things, however often and by whomever it is answered."""

from collections.abc import Generator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gateway.errors import SourceError, SourceErrorCode, UserError
from gateway.instant import Instant
from gateway.model import Entity, ExecutionStatus, Key, NodeKind
from gateway.spi import NOT_FOUND
from tests.differential.choices import Choices

METHODS = ("scan", "count", "fetch", "fetch_full", "targets", "logs", "raw", "details")


class Awaited:
    """Can be awaited any number of times."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __await__(self) -> Generator[Any, None, Any]:
        yield
        return self._value

    def __repr__(self) -> str:
        return f"Awaited({self._value!r})"


class Odd:
    """Nothing that anybody expects."""

    def __repr__(self) -> str:
        return "Odd()"


VALUES: tuple[Any, ...] = (
    None,
    7,
    "text",
    2**31,
    2**70,
    -(2**31) - 1,
    float("nan"),
    float("inf"),
    1.5,
    1.0,
    True,
    "",
    "NO_SUCH_MEMBER",
    "FAILED",
    ExecutionStatus.FAILED,
    NodeKind.HOST,
    Instant.from_us(1_800_000_000_000_000),
    ["a", None, 3],
    (),
    {"a": 1},
    frozenset({"a"}),
    ValueError("an exception as a value"),
    SourceError(SourceErrorCode.TIMEOUT, "It took too long.", source="plain"),
    UserError("This cannot be asked."),
    Odd(),
    b"bytes",
    range(2),
)
AWAITED: tuple[Any, ...] = (Awaited("late"), Awaited(None), Awaited(3))
_ANSWERS: tuple[Any, ...] = (
    NOT_FOUND,
    SourceError(SourceErrorCode.UNAVAILABLE, "It cannot be reached."),
    SourceError(SourceErrorCode.RATE_LIMITED, "Slow down.", retry_after=3.0),
)


@dataclass
class Faults:
    """What goes wrong.

    ``slow`` says how many turns of the event loop a source's answers take. ``down`` are sources that answer nothing,
    ``broken`` methods of adapters that raise what no adapter should, ``short`` sources that answer for too few keys.
    ``answers`` are what look-ups give for keys, ``entities`` and ``details`` what stands where others stood, ``event`` what
    comes instead of a subscription's event. ``strange`` says that there are values that no adapter should give.
    """

    slow: Mapping[str, int] = field(default_factory=dict)
    down: frozenset[str] = frozenset()
    broken: frozenset[tuple[str, str]] = frozenset()
    short: frozenset[str] = frozenset()
    answers: dict[Key, Any] = field(default_factory=dict)
    entities: dict[Key, Entity] = field(default_factory=dict)
    details: dict[Key, Any] = field(default_factory=dict)
    event: tuple[Any] | None = None
    strange: bool = False


def faults(choices: Choices, names: Sequence[str], entities: Mapping[Key, Entity]) -> Faults:
    """Nothing, or some faults of the sources of these names and of these entities."""
    made = Faults(slow={name: choices.below(12) for name in choices.some(names, 3)})
    if not choices.chance(70):
        return made
    rows = list(entities.values())
    if choices.chance(15):
        made.down = frozenset(choices.some(names, 2))
    if choices.chance(15):
        made.broken = frozenset((name, choices.pick(METHODS)) for name in choices.some(names, 2))
        made.strange = any(method in ("raw", "details") for _name, method in made.broken)
    if choices.chance(5):
        made.short = frozenset(choices.some(names, 1))
    if choices.chance(30):
        made.answers = {row.key: choices.pick(_ANSWERS) for row in choices.some(rows, 4)}
    if choices.chance(5):
        # Something else altogether than what was asked for.
        made.answers |= {row.key: choices.pick(rows) for row in choices.some(rows, 2)}
        made.strange = True
    if choices.chance(45):
        for row in rows if choices.chance(50) else choices.some(rows, 9):
            for _ in range(1 + choices.below(4)):
                made.entities[row.key] = _spoiled(choices, made.entities.get(row.key, row), 0)
        made.strange = True
    if choices.chance(15):
        made.details = {row.key: _value(choices) for row in choices.some(rows, 3)}
        made.strange = True
    if choices.chance(4):
        made.event = (choices.pick(VALUES),)
        made.strange = True
    return made


def with_fault(choices: Choices, thing: Any) -> Any:
    """A details object with a value that it should not have."""
    names = [name for name in getattr(thing, "__dict__", {}) if not name.startswith("_")]
    if not names:
        return thing
    spoiled = copy(thing)
    object.__setattr__(spoiled, choices.pick(names), _value(choices))
    return spoiled


def _value(choices: Choices) -> Any:
    return choices.pick(AWAITED) if choices.chance(8) else choices.pick(VALUES)


def _spoiled(choices: Choices, thing: Any, depth: int) -> Any:
    """A struct or a tuple with a wrong value at one place, perhaps deep in it."""
    if isinstance(thing, tuple):
        index = choices.below(len(thing))
        return [*thing[:index], _within(choices, thing[index], depth), *thing[index + 1 :]]
    # Without its key no row gets anywhere, and without an instant to go by no list.
    names = [name for name in thing.__struct_fields__ if name not in ("key", "tie", "known", "record", "created_at")]
    name = choices.pick(names)
    return replace(thing, **{name: _within(choices, getattr(thing, name), depth)})


def _within(choices: Choices, value: Any, depth: int) -> Any:
    deep = (isinstance(value, tuple) and value) or (isinstance(value, Struct) and not isinstance(value, Instant | Key))
    return _spoiled(choices, value, depth + 1) if deep and depth < 4 and choices.chance(70) else _value(choices)
