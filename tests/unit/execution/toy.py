"""A small schema made as the real one is, whose values, loads and faults a test chooses."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any

import strawberry
from graphql import DocumentNode, ExecutionResult, Executor, GraphQLResolveInfo, parse, validate

from gateway.execution.executor import compiled
from gateway.execution.fields import LATER, SHARED, Call, Part, batched, computed, rooted
from gateway.execution.plans import Plans

Load = Callable[[Sequence[Any]], Awaitable[list[Any]]]


@strawberry.enum
class Colour(Enum):
    RED = "r"
    BLUE = "b"


@dataclass
class Thing:
    """Behind Item and Other: whatever a test puts there."""

    name: Any = "thing"
    note: Any = None
    size: Any = 1
    weight: Any = 1.5
    is_new: Any = True
    tag: Any = "tag"
    colour: Any = Colour.RED
    must: Any = "must"
    words: Any = ()
    lines: Any = ()
    items: Any = ()
    strict: Any = ()
    twin: Any = None
    own: Any = None
    price: Any = None
    """What ``price`` gives; LATER is loaded."""


class OtherThing(Thing):
    """Behind Other."""


@dataclass
class World:
    """What a test chooses, and what it wants to know: the context of an operation."""

    roots: dict[str, Any] = field(default_factory=dict)
    load: Load | None = None
    loads: list[int] = field(default_factory=list)
    """How many parents each load was for."""
    began: list[str] = field(default_factory=list)
    """The roots that ran, in order."""
    given: list[Mapping[str, Any]] = field(default_factory=list)
    """The arguments that loads got."""


def _judge(currency: str) -> None:
    if currency == "NONE":
        raise ValueError("There is no such currency.")


def _at_once(_call: Call, currency: str = "EUR") -> Callable[[Thing], Any]:
    _judge(currency)

    def read(parent: Thing) -> Any:
        if isinstance(parent.price, RuntimeError):
            raise parent.price
        return parent.price

    return read


async def _prices(parents: Sequence[Thing], call: Call, currency: str = "EUR") -> list[Any]:
    world: World = call.context
    world.loads.append(len(parents))
    world.given.append({"currency": currency})
    _judge(currency)
    return [7] * len(parents) if world.load is None else await world.load(parents)


async def _partners(parents: Sequence[Thing], call: Call) -> list[Any]:
    world: World = call.context
    world.loads.append(len(parents))
    await asyncio.sleep(0)
    return [Thing(name=f"partner of {parent.name}", price=LATER) for parent in parents]


async def _records(parents: Sequence[Thing], call: Call) -> list[Any]:
    world: World = call.context
    world.loads.append(len(parents))
    return (
        [Thing(name=f"record of {parent.name}") for parent in parents] if world.load is None else await world.load(parents)
    )


def _recorded(attribute: str) -> Any:
    async def load(parents: Sequence[Thing], call: Call) -> list[Any]:
        records = await _records(parents, call)
        return [each if isinstance(each, Exception) else getattr(each, attribute) for each in records]

    return batched(f"The {attribute} of its record.", str | None, load, part=Part(attribute, lambda _call: _records))


def _shout(parent: Thing, _call: Call) -> str:
    shouted: str = parent.name.upper()
    return shouted


def _root(name: str) -> Callable[..., Any]:
    async def answer(call: Call, first: int = 3, colours: list[Colour] | None = None) -> Any:
        call.context.began.append(name)
        value = call.context.roots.get(name, Thing())
        if callable(value):
            return await value()
        if isinstance(value, Exception):
            raise value
        return value

    return answer


def _now(call: Call) -> Any:
    call.context.began.append("now")
    return call.context.roots.get("now", Thing())


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Item(Named):
    note: str | None
    size: int | None
    weight: float | None
    is_new: bool | None
    tag: strawberry.ID | None
    colour: Colour | None
    must: str
    words: list[str | None] | None
    lines: list[str] | None
    items: list["Item | None"] | None
    strict: list["Item"]
    twin: "Item | None" = strawberry.field(metadata={SHARED: True})
    own: "Item"
    shout = computed("Its name in capitals.", str | None, _shout)
    price = batched("What it costs.", int | None, _prices, _at_once)
    record_name = _recorded("name")
    record_must = _recorded("must")
    partner = batched("Who goes with it.", Annotated["Item", strawberry.lazy(__name__)] | None, _partners)

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, Thing) and not isinstance(value, OtherThing)

    @strawberry.field
    def hidden(self, info: strawberry.Info[Any, Any]) -> str:
        """A resolver that only graphql-core can run."""
        raw: GraphQLResolveInfo[Any] = info._raw_info
        return raw.field_name


@strawberry.type
class Other(Named):
    other: str | None

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, OtherThing)


@strawberry.type
class Query:
    item = rooted("A thing.", Item | None, _root("item"))
    second = rooted("Another.", Item | None, _root("second"))
    firm = rooted("One that must be there.", Item, _root("firm"))
    named = rooted("Anything.", Named | None, _root("named"))
    now = rooted("One that takes no waiting.", Item | None, _now)

    @strawberry.field
    def foreign(self) -> str:
        """A root that is not ours."""
        return "foreign"


def schema(*, compile: bool) -> strawberry.Schema:  # noqa: A002
    """A schema with plans of its own."""
    return strawberry.Schema(Query, types=[Item, Other], execution_context_class=compiled(Plans({})) if compile else None)


COMPILED, INTERPRETED = schema(compile=True), schema(compile=False)


def executor(made: strawberry.Schema, document: DocumentNode, world: World, variables: Mapping[str, Any]) -> Executor[Any]:
    """What runs the document's operation."""
    built = made.execution_context_class.build(made._schema, document, None, world, raw_variable_values=dict(variables))
    assert not isinstance(built, list), built
    return built


async def run(
    text: str | DocumentNode, world: World | None = None, /, *, made: strawberry.Schema = COMPILED, **variables: Any
) -> ExecutionResult:
    """The result of an operation."""
    document = parse(text) if isinstance(text, str) else text
    assert validate(made._schema, document) == []
    running: Any = executor(made, document, world or World(), variables).execute_operation()
    result: ExecutionResult = await running if asyncio.iscoroutine(running) else running
    return result


async def same(text: str, world: Callable[[], World], **variables: Any) -> tuple[Any, set[tuple[Any, ...]]]:
    """Data and errors (path, message, locations) of the compiled operation; those of graphql-core are the same."""
    ours, theirs = [await run(text, world(), made=made, **variables) for made in (COMPILED, INTERPRETED)]
    assert repr(ours.data) == repr(theirs.data)
    assert _errors(ours) == _errors(theirs)
    return ours.data, {(path, message) for path, message, _locations in _errors(ours)}


def _errors(result: ExecutionResult) -> set[tuple[Any, ...]]:
    return {
        (tuple(error.path or ()), error.message, tuple((each.line, each.column) for each in error.locations or ()))
        for error in result.errors or ()
    }
