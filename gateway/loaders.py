"""Per-request loaders: equal keys are read once, keys of one tick and source in one batch, and every key gets an answer.

Values are ``Fetched``: an entity, NOT_FOUND or a SourceError. A loader never raises for a single key. Loaders live exactly
as long as their request, so that one answer sees one consistent world.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

from aiodataloader import DataLoader, Loader, dispatch_queue_batch

from gateway.errors import SourceError, SourceErrorCode
from gateway.model import Entity, Execution, Key
from gateway.registry import Registry, Source
from gateway.spi import Fetched, LogPage, LogQuery, SupportsLogBatches, internal_error, supports

K = TypeVar("K")
T = TypeVar("T")

_log = logging.getLogger(__name__)
_EACH_IN_FLIGHT = 4

Answer = Fetched[Entity]

_Read = Callable[[Source, Sequence[Key]], Awaitable[Sequence[Answer]]]
"""Reads keys of one source."""


@runtime_checkable
class SupportsLatest(Protocol):
    """The latest execution of several jobs takes fewer requests than one list per job."""

    async def latest(self, keys: Sequence[Key]) -> Sequence[Fetched[Execution]]:
        """The latest execution of each job, NOT_FOUND where it has none; same order and length."""
        ...


class EachBudget:
    """What one request may spend on reads that no batch can do (DECISIONS 19): so many reads within so many seconds."""

    def __init__(self, reads: int, seconds: float) -> None:
        self._reads = reads
        self._seconds = seconds
        self._until: float | None = None

    def spend(self, source: str) -> None:
        """Take one read. Raises SourceError TRUNCATED when none is left."""
        now = asyncio.get_running_loop().time()
        self._until = now + self._seconds if self._until is None else self._until
        if self._reads <= 0 or now > self._until:
            raise SourceError(
                SourceErrorCode.TRUNCATED,
                "The budget for fields that cost one request per row is used up: ask for fewer rows.",
                source=source,
            )
        self._reads -= 1


@dataclass(frozen=True, slots=True)
class _Begun:
    """The beginning of a log; equal for equal keys and queries."""

    key: Key
    query: LogQuery
    execution: Execution = field(compare=False)


class _Batches(DataLoader[K, T]):
    """A DataLoader that sends its batches off after two turns of the event loop, and whose readers may give up."""

    def do_resolve_reject(self, key: K, future: "asyncio.Future[T]") -> None:
        self._queue.append(Loader(key, future))
        if len(self._queue) == 1:
            self.loop.create_task(self._send())

    async def _send(self) -> None:
        # One turn more, so that those who were answered together can ask together again.
        await asyncio.sleep(0)
        queue, self._queue = self._queue, []
        await dispatch_queue_batch(self, queue)

    async def one(self, key: K) -> T:
        """The answer for a key. Raises it if it is an exception."""
        # A reader that gives up must not leave a cancelled future behind for the next one who asks.
        return await asyncio.shield(self.load(key))

    async def many(self, keys: Sequence[K]) -> list[T]:
        """The answers, exceptions among them; same order and length."""
        if not keys:
            return []
        loads = {key: self.load(key) for key in keys}
        # Unlike gather, wait leaves the loads alone when it is cancelled: others may be waiting for them.
        await asyncio.wait(loads.values())
        found = {key: cast("T", load.exception() or load.result()) for key, load in loads.items()}
        return [found[key] for key in keys]


class _Reads:
    """What the loaders of one request load by.

    It does not know them: a loader that referred to itself would stay, with all that was loaded, until the collector of
    cycles comes.
    """

    def __init__(self, registry: Registry, each: EachBudget) -> None:
        self._registry = registry
        self._each = each
        self._slots: dict[str, asyncio.Semaphore] = {}

    async def each(self, source: str, read: Callable[[], Awaitable[T]]) -> T:
        """One read that nothing batches: within the request's budget, few at a time. Raises SourceError only."""
        try:
            async with self.slot(source):
                self._each.spend(source)
                return await read()
        except SourceError as error:
            error.source = error.source or source
            raise
        except Exception as error:
            # A third party's bug must cost no more than its own field.
            _log.exception("adapter of source %s failed", source)
            raise internal_error(source) from error

    def slot(self, source: str) -> asyncio.Semaphore:
        """What keeps reads that nothing batches few at a time."""
        found = self._slots.get(source)
        if found is None:
            found = self._slots[source] = asyncio.Semaphore(_EACH_IN_FLIGHT)
        return found

    async def entities(self, keys: list[Key]) -> list[Answer]:
        """Entities at the strength of list rows."""
        return await self._by_source(keys, _fetched)

    async def latest(self, keys: list[Key]) -> list[Answer]:
        """The latest execution of each job, NOT_FOUND where it has none."""
        return await self._by_source(keys, _latest)

    async def logs(self, asked: list["_Begun"]) -> list[LogPage | SourceError]:
        """The first pages of logs."""
        groups: defaultdict[tuple[str, LogQuery], list[_Begun]] = defaultdict(list)
        for each in asked:
            groups[each.key.source, each.query].append(each)
        found: dict[_Begun, LogPage | SourceError] = {}
        for (name, query), own in groups.items():
            answers = await self._first_logs(name, query, [each.execution for each in own])
            found |= dict(zip(own, answers, strict=True))
        return [found[each] for each in asked]

    async def _first_logs(
        self, name: str, query: LogQuery, executions: Sequence[Execution]
    ) -> Sequence[LogPage | SourceError]:
        adapter = self._registry.sources[name].adapter
        assert supports(adapter, SupportsLogBatches)  # noqa: S101 - callers look before they ask
        try:
            answers = await adapter.first_logs(executions, query)
        except SourceError as error:
            error.source = error.source or name
            return [error] * len(executions)
        except Exception:  # noqa: BLE001 - a third party's bug must cost no more than its own logs
            _log.exception("adapter of source %s failed", name)
            return [internal_error(name)] * len(executions)
        return answers if len(answers) == len(executions) else [internal_error(name)] * len(executions)

    async def full(self, keys: list[Key]) -> list[Answer]:
        """Entities with the fields that cost one request per row."""

        async def read(key: Key) -> Answer:
            source = self._registry.sources[key.source]
            try:
                return await self.each(key.source, lambda: source.adapter.fetch_full(key))
            except SourceError as error:
                return error

        return await asyncio.gather(*(read(key) for key in keys))

    async def _by_source(self, keys: list[Key], read: _Read) -> list[Answer]:
        groups: dict[str, list[Key]] = {}
        for key in keys:
            groups.setdefault(key.source, []).append(key)
        if len(groups) == 1:
            return list(await self._of_source(keys[0].source, keys, read))
        results = await asyncio.gather(*(self._of_source(name, own, read) for name, own in groups.items()))
        found = {name: iter(answers) for name, answers in zip(groups, results, strict=True)}
        return [next(found[key.source]) for key in keys]

    async def _of_source(self, name: str, own: Sequence[Key], read: _Read) -> Sequence[Answer]:
        try:
            answers = await read(self._registry.sources[name], own)
        except SourceError as error:
            error.source = error.source or name
            return [error] * len(own)
        except Exception:  # noqa: BLE001 - a third party's bug must cost no more than its own keys
            _log.exception("adapter of source %s failed", name)
            return [internal_error(name)] * len(own)
        if len(answers) != len(own):
            _log.error("adapter of source %s answered %d of %d keys", name, len(answers), len(own))
            return [internal_error(name)] * len(own)
        return answers


def _fetched(source: Source, own: Sequence[Key]) -> Awaitable[Sequence[Answer]]:
    return source.adapter.fetch(own)


def _latest(source: Source, own: Sequence[Key]) -> Awaitable[Sequence[Answer]]:
    assert supports(source.adapter, SupportsLatest)  # noqa: S101 - callers look before they ask
    return source.adapter.latest(own)


class Loaders:
    """The loaders of one request."""

    def __init__(self, registry: Registry, each: EachBudget) -> None:
        self._reads = _Reads(registry, each)
        self.each = self._reads.each
        self.slot = self._reads.slot

    # Made when something is asked of them: most requests need one of them, or none.

    @cached_property
    def _entities(self) -> _Batches[Key, Answer]:
        return _Batches(self._reads.entities)

    @cached_property
    def _full(self) -> _Batches[Key, Answer]:
        return _Batches(self._reads.full)

    @cached_property
    def _latest(self) -> _Batches[Key, Answer]:
        return _Batches(self._reads.latest)

    @cached_property
    def _logs(self) -> _Batches[_Begun, LogPage | SourceError]:
        return _Batches(self._reads.logs)

    def entity(self, key: Key) -> Coroutine[Any, Any, Answer]:
        """An entity at the strength of a list row."""
        return self._entities.one(key)

    def full(self, key: Key) -> Coroutine[Any, Any, Answer]:
        """An entity with the fields that cost one request per row."""
        return self._full.one(key)

    def entities(self, keys: Sequence[Key]) -> Coroutine[Any, Any, list[Answer]]:
        """Several at the strength of a list row; same order and length."""
        return self._entities.many(keys)

    def fulls(self, keys: Sequence[Key]) -> Coroutine[Any, Any, list[Answer]]:
        """Several with the fields that cost one request per row; same order and length."""
        return self._full.many(keys)

    def latest(self, key: Key) -> Coroutine[Any, Any, Answer]:
        """The latest execution of a job, from an adapter that SupportsLatest."""
        return self._latest.one(key)

    def first_log(self, execution: Execution, query: LogQuery) -> Coroutine[Any, Any, LogPage | SourceError]:
        """The first page of a log, from an adapter that SupportsLogBatches."""
        return self._logs.one(_Begun(execution.key, query, execution))
