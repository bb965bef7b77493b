"""How fields of entities are read: from the row where it knows them, else by a look-up, and by a full read where dear."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from gateway import model
from gateway.execution.fields import LATER, Call, Inline, Part, batched
from gateway.loaders import Answer
from gateway.registry import Source
from gateway.service import existing
from gateway.spi import Cost

_CAMEL = {
    "web_url": "webUrl",
    "node_counts": "nodeCounts",
    "status_message": "statusMessage",
    "timeout_seconds": "timeoutSeconds",
    "execution_counts": "executionCounts",
}

_OF_THE_KEY = frozenset({"__typename", "id", "source", "nativeId"})


def source_of(entity: model.Entity, call: Call) -> Source:
    """The source that an entity lives in."""
    found: Source = call.context.gateway.registry.sources[entity.key.source]
    return found


def knows(entity: model.Entity, attribute: str) -> bool:
    """Whether an attribute can be had without a look-up."""
    return entity.known is None or attribute in entity.known


def strengthened(entity: model.Entity, answer: Answer) -> model.Entity:
    """An entity as a look-up gave it. Raises SourceError.

    What has no record of its own (a deleted template, a node nobody may see) stays what was said of it (DECISIONS 17).
    """
    return existing(answer) or entity


def each(read: Callable[[Any], Any], answers: Iterable[Any]) -> list[Any]:
    """``read`` of every answer; what it raises stands for its value."""
    values: list[Any] = []
    for answer in answers:
        try:
            values.append(read(answer))
        except Exception as error:  # noqa: BLE001 - it is that one parent's error
            values.append(error)
    return values


async def apart(reads: Iterable[Awaitable[Any]]) -> list[Any]:
    """What every one of some reads gives or raises."""
    return await asyncio.gather(*reads, return_exceptions=True)


def looked_up(description: str, type_: Any, attribute: str, **options: Any) -> Any:
    """A field of an entity that, where the entity was only mentioned, takes a look-up; where it is dear, a full read."""
    inline, load = reading(attribute)
    name = _CAMEL.get(attribute, attribute)
    part = Part(attribute, lambda call: None if call.context.gateway.dear(name) else looked_up_again)
    return batched(description, type_, load, inline=inline, part=part, **options)


def reading(attribute: str) -> tuple[Inline, Callable[..., Awaitable[list[Any]]]]:
    """How an attribute of entities is read at once, and how it is loaded."""
    name = _CAMEL.get(attribute, attribute)
    inline = Inline(
        f"{{0}}.{attribute} if ({{0}}.known is None or {attribute!r} in {{0}}.known) "
        "and (not {1} or ({0}.__class__, {0}.key.source) not in {1}) else LATER",
        lambda context: context.gateway.dear(name),
    )

    async def load(parents: Sequence[model.Entity], call: Call) -> list[Any]:
        entities = await _read(parents, call, name)
        return [entity if isinstance(entity, Exception) else getattr(entity, attribute) for entity in entities]

    return inline, load


async def _read(parents: Sequence[model.Entity], call: Call, name: str) -> list[model.Entity | Exception]:
    """The parents, strong enough for a field: by full reads where it is dear, else by look-ups."""
    loaders, costly = call.context.session.loaders, call.context.gateway.dear(name)
    if not costly:
        return await looked_up_again(parents, call)
    dear = [(parent.__class__, parent.key.source) in costly for parent in parents]
    full = await loaders.fulls([parent.key for parent, is_dear in zip(parents, dear, strict=True) if is_dear])
    rows = await loaders.entities([parent.key for parent, is_dear in zip(parents, dear, strict=True) if not is_dear])
    answers = {True: iter(full), False: iter(rows)}
    return each(
        lambda pair: strengthened(*pair),
        [(parent, next(answers[is_dear])) for parent, is_dear in zip(parents, dear, strict=True)],
    )


async def looked_up_again(parents: Sequence[model.Entity], call: Call) -> list[model.Entity | Exception]:
    """Entities as look-ups give them."""
    rows = await call.context.session.loaders.entities([parent.key for parent in parents])
    return each(lambda pair: strengthened(*pair), zip(parents, rows, strict=True))


async def at_row_strength(parents: Sequence[model.Entity], attribute: str, call: Call) -> list[model.Entity | Exception]:
    """The parents themselves where they know the attribute, else as look-ups give them."""
    weak = [parent.key for parent in parents if not knows(parent, attribute)]
    found = dict(zip(weak, await call.context.session.loaders.entities(weak), strict=True)) if weak else {}
    return each(lambda parent: parent if knows(parent, attribute) else strengthened(parent, found[parent.key]), parents)


# --- single fields -------------------------------------------------------------------------------------------------


def raw_at_once(call: Call) -> Callable[[model.Entity], Any]:
    """The record behind an entity, where it is at hand."""

    def read(parent: model.Entity) -> Any:
        source = source_of(parent, call)
        if not source.settings.expose_raw:
            return None
        return source.adapter.raw(parent) if knows(parent, "raw") else LATER

    return read


async def raw(parents: Sequence[model.Entity], call: Call) -> list[Any]:
    """The records behind entities."""
    return each(
        lambda entity: entity if isinstance(entity, Exception) else source_of(entity, call).adapter.raw(entity),
        await at_row_strength(parents, "raw", call),
    )


class ErrorView:
    """Behind ExecutionError: the error, and whose it is."""

    __slots__ = ("error", "execution")

    def __init__(self, execution: model.Execution, error: model.ExecutionError) -> None:
        self.execution = execution
        self.error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self.error, name)


_error, _errors = reading("error")
_error_at_once = _error.function()


def error_at_once(call: Call) -> Callable[[model.Execution], Any]:
    """The error of an execution, where it is at hand."""
    error_of = _error_at_once(call)

    def read(parent: model.Execution) -> Any:
        error = error_of(parent)
        return error if error is None or error is LATER else ErrorView(parent, error)

    return read


async def errors(parents: Sequence[model.Execution], call: Call) -> list[Any]:
    """The errors of executions."""
    return [
        ErrorView(parent, error) if isinstance(error, model.ExecutionError) else error
        for parent, error in zip(parents, await _errors(parents, call), strict=True)
    ]


def traceback_at_once(call: Call) -> Callable[[ErrorView], Any]:
    """The traceback of an execution's error, where it takes no read of its own."""
    cost = call.context.cost

    def read(parent: ErrorView) -> Any:
        dear = cost(parent.execution.key.source, "ExecutionError.traceback") is Cost.EACH
        return LATER if dear else parent.error.traceback

    return read


async def tracebacks(parents: Sequence[ErrorView], call: Call) -> list[Any]:
    """The tracebacks of executions' errors, each by a read of its own."""

    def of(answer: Answer) -> str | None:
        full = existing(answer)
        return full.error.traceback if isinstance(full, model.Execution) and full.error is not None else None

    return each(of, await call.context.session.loaders.fulls([parent.execution.key for parent in parents]))


_parent, _parents = reading("parent")
_parent_at_once = _parent.function()


def _mentioned_enough(parent: Any, call: Call) -> bool:
    """Whether all that is selected of an execution is known by its mention."""
    return (
        parent is None
        or parent.known is None
        or call.selection.keys() <= _OF_THE_KEY | {_CAMEL.get(name, name) for name in parent.known}
    )


def parent_at_once(call: Call) -> Callable[[model.Execution], Any]:
    """The execution that launched another, where the mention of it is enough."""
    parent_of = _parent_at_once(call)

    def read(execution: model.Execution) -> Any:
        parent = parent_of(execution)
        return parent if parent is not LATER and _mentioned_enough(parent, call) else LATER

    return read


async def parents_of(executions: Sequence[model.Execution], call: Call) -> list[Any]:
    """The executions that launched these: as mentioned where that is enough, else as look-ups give them."""
    at_hand = list(map(_parent_at_once(call), executions))
    weak = [execution for execution, parent in zip(executions, at_hand, strict=True) if parent is LATER]
    loaded = iter(await _parents(weak, call) if weak else ())
    mentioned = [next(loaded) if parent is LATER else parent for parent in at_hand]
    to_read = [parent for parent in mentioned if isinstance(parent, model.Execution) and not _mentioned_enough(parent, call)]
    found = dict(
        zip(
            [parent.key for parent in to_read],
            await call.context.session.loaders.entities([parent.key for parent in to_read]) if to_read else (),
            strict=True,
        )
    )
    return each(
        lambda parent: (
            strengthened(parent, found[parent.key])
            if isinstance(parent, model.Execution) and parent.key in found and not _mentioned_enough(parent, call)
            else parent
        ),
        mentioned,
    )


async def latest_executions(parents: Sequence[model.Job], call: Call) -> list[Any]:
    """The newest execution of each job."""
    context = call.context
    answers = await apart(context.gateway.latest(context.session, parent.key) for parent in parents)
    return each(lambda answer: answer if isinstance(answer, Exception) else existing(answer), answers)
