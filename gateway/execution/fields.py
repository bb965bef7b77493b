"""How a field of the schema is read, said once for both executors.

Below the roots three sorts are enough: an attribute of the value behind the type (a plain ``strawberry.field``), a value
worked out from it without waiting (``computed``), and a value that may take I/O (``batched``). Batched fields are the only
I/O there: their ``load`` is called once for all parents at one place of an operation, so that what they read is read
together. A root field is answered by a function of its arguments (``rooted``).
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final

import strawberry
from graphql import GraphQLResolveInfo
from strawberry import Parent
from strawberry.parent import StrawberryParent
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import Parameter, Signature

from gateway.execution.selection import Selection, selection


class Call:
    """What a field knows of the place where it stands: the request's context, and what is selected below it."""

    __slots__ = ("_below", "context")

    def __init__(self, context: Any, below: Callable[[], Selection]) -> None:
        self.context = context
        self._below = below

    @property
    def selection(self) -> Selection:
        """Names of the fields selected below, nested."""
        return self._below()


class _Later:
    def __repr__(self) -> str:
        return "LATER"


LATER: Final = _Later()
"""What ``at_once`` gives for a parent whose value has to be loaded."""

Compute = Callable[[Any, Call], Any]
Load = Callable[..., Awaitable[Sequence[Any]]]
AtOnce = Callable[..., Callable[[Any], Any]]
Answer = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Inline:
    """A field's value at once as an expression, for generated code to spare itself a call per parent.

    ``text`` gives a value or LATER; ``{0}`` stands for the parent, ``{1}`` for what ``given(context)`` gives for an answer.
    """

    text: str
    given: Callable[[Any], Any] | None = None

    def function(self) -> "AtOnce":
        """The same as a function."""
        value = eval(f"lambda p, g: {self.text.format('p', 'g')}", {"LATER": LATER})  # noqa: S307 - our own text

        def at_once(call: Call) -> Callable[[Any], Any]:
            given = None if self.given is None else self.given(call.context)
            return lambda parent: value(parent, given)

        return at_once


@dataclass(frozen=True, slots=True)
class Part:
    """A field that is an attribute of what several fields of a parent are read from: that is loaded once for all of them.

    ``whole(call)`` gives what loads it, the same for all these fields; None where this one has to be loaded by itself.
    """

    attribute: str
    whole: Callable[[Call], Load | None]


@dataclass(frozen=True, slots=True)
class Batch:
    """How a batched field is read.

    ``load(parents, call, **arguments)`` gives a value or an exception for each parent, in order; when it raises, it fails
    for all of them. ``at_once(call, **arguments)`` gives a function from a parent to its value, where that takes no waiting,
    or to LATER; ``inline`` says the same for a field without arguments. ``part`` says how it may be loaded with others.
    """

    load: Load
    at_once: AtOnce | None = None
    inline: Inline | None = None
    part: Part | None = None

    async def one(self, parent: Any, call: Call, arguments: Mapping[str, Any]) -> Any:
        """The value for a single parent. Raises what ``load`` gives as an exception."""
        if self.at_once is not None:
            value = self.at_once(call, **arguments)(parent)
            if value is not LATER:
                return value
        (value,) = await self.load([parent], call, **arguments)
        if isinstance(value, BaseException):
            raise value
        return value


COMPUTE: Final = "gateway.compute"
BATCH: Final = "gateway.batch"
ROOT: Final = "gateway.root"
SHARED: Final = "gateway.shared"
"""That many rows of a page have the very same object as the value of a field: it is completed once for all of them."""


def computed(description: str, type_: Any, read: Compute | Inline, *, shared: bool = False, **options: Any) -> Any:
    """A field worked out from its parent without waiting: ``read(parent, call)``, or an expression."""
    at_once = read.function() if isinstance(read, Inline) else None

    def resolve(parent: Parent[Any], info: strawberry.Info[Any, Any]) -> Any:
        call = _call(info)
        return read(parent, call) if at_once is None else at_once(call)(parent)  # type: ignore[operator] # one or the other

    return strawberry.field(
        resolver=resolve, graphql_type=type_, description=description, metadata={COMPUTE: read, SHARED: shared}, **options
    )


def batched(
    description: str,
    type_: Any,
    load: Load,
    at_once: AtOnce | None = None,
    inline: Inline | None = None,
    *,
    part: Part | None = None,
    shared: bool = False,
    **options: Any,
) -> Any:
    """A field that may take I/O. Its arguments are the parameters of ``load`` after the parents and the call."""
    batch = Batch(load, inline.function() if inline is not None else at_once, inline, part)

    async def resolve(parent: Any, info: strawberry.Info[Any, Any], **arguments: Any) -> Any:
        return await batch.one(parent, _call(info), arguments)

    _disguise(resolve, load, [_PARENT, _INFO], 2)
    return strawberry.field(
        resolver=resolve, graphql_type=type_, description=description, metadata={BATCH: batch, SHARED: shared}, **options
    )


def load_on_demand(field: StrawberryField, load: Load) -> None:
    """Turn a plain field into a batched one without arguments."""
    batch = Batch(load)

    async def resolve(parent: Parent[Any], info: strawberry.Info[Any, Any]) -> Any:
        return await batch.one(parent, _call(info), {})

    field(resolve)
    field.metadata = MappingProxyType({**field.metadata, BATCH: batch})


def rooted(description: str, type_: Any, answer: Answer, **options: Any) -> Any:
    """A root field. Its arguments are the parameters of ``answer``, which may be async, after the call."""

    async def resolve(info: strawberry.Info[Any, Any], **arguments: Any) -> Any:
        value = answer(_call(info), **arguments)
        return await value if inspect.isawaitable(value) else value

    _disguise(resolve, answer, [_INFO], 1)
    return strawberry.field(
        resolver=resolve, graphql_type=type_, description=description, metadata={ROOT: answer}, **options
    )


# Strawberry's own kind of parameter has a hash whatever its default is.
_PARENT = Parameter("parent", Parameter.POSITIONAL_OR_KEYWORD, annotation=Annotated[Any, StrawberryParent()])
_INFO = Parameter("info", Parameter.POSITIONAL_OR_KEYWORD, annotation=strawberry.Info[Any, Any])


def _disguise(resolve: Any, function: Callable[..., Any], own: list[Parameter], given: int) -> None:
    """Let strawberry read a field's arguments off the function that answers it: ``given`` parameters are not arguments."""
    arguments = list(inspect.signature(function).parameters.values())[given:]
    # With a default somewhere among them, order would be refused if they were positional.
    keywords = [
        Parameter(each.name, Parameter.KEYWORD_ONLY, default=each.default, annotation=each.annotation) for each in arguments
    ]
    resolve.__signature__ = Signature([*own, *keywords])
    resolve.__annotations__ = {each.name: each.annotation for each in [*own, *keywords]}
    resolve.__module__ = function.__module__


def _call(info: "strawberry.Info[Any, Any]") -> Call:
    raw: GraphQLResolveInfo[Any] = info._raw_info  # noqa: SLF001 - strawberry has no public way to the field nodes
    return Call(raw.context, lambda: selection(raw))


# --- what the plan asks --------------------------------------------------------------------------------------------


def answer_of(definition: StrawberryField) -> Answer | None:
    """How a root field is answered; None where it is none of ours."""
    found: Answer | None = definition.metadata.get(ROOT)
    return found


def batch_of(definition: StrawberryField) -> Batch | None:
    """How a batched field is read; None for another."""
    found: Batch | None = definition.metadata.get(BATCH)
    return found


def compute_of(definition: StrawberryField) -> Compute | Inline | None:
    """How a computed field is read; None for another. A resolver that takes nothing but its parent makes one as well."""
    found: Compute | Inline | None = definition.metadata.get(COMPUTE)
    resolver = definition.base_resolver
    if found is not None or resolver is None or BATCH in definition.metadata:
        return found
    if definition.is_async or definition.arguments or definition.extensions or resolver.info_parameter is not None:
        return None
    if resolver.parent_parameter is None and resolver.self_parameter is None:
        return None
    function: Callable[[Any], Any] = resolver.wrapped_func  # type: ignore[assignment] # a bound one by now
    return lambda parent, _call: function(parent)
