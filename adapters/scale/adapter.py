"""Scale as a source: lists by page number, look-ups in as few requests as Scale allows."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw

from adapters.scale import details, mapping
from adapters.scale.capabilities import CAPABILITIES
from adapters.scale.client import (
    LARGEST_PAGE,
    ErrorRecord,
    ExecutionRecord,
    JobRecord,
    NodeRecord,
    ScaleClient,
    id_chunks,
    present,
)
from adapters.scale.log_reading import LogReader
from adapters.scale.mapping import Context, Mapper
from adapters.scale.planning import BY_ID, JOBS, NODES, PATHS, JobScan, ListScan, number_of, plan
from gateway.errors import SourceError, SourceErrorCode
from gateway.model import Entity, Execution, Job, Key, Kind, Node
from gateway.pagination import Window, numbered_pages
from gateway.query import ListQuery, order_value
from gateway.records import Held, Rows, read, readable, rows_of
from gateway.redaction import redacted
from gateway.spi import NOT_FOUND, Fetched, Guarantee, LogPage, LogQuery, NotFound, Page, Ping, ScanPlan, Start
from gateway.transport import SourceClient

if TYPE_CHECKING:
    from adapters.scale import ScaleSettings

T = TypeVar("T")
Item = TypeVar("Item")
E = TypeVar("E", Job, Execution, Node)

# Scale serves with four workers out of the box (contract, section 2).
_AT_ONCE = 4


class ScaleAdapter:
    """One Scale server."""

    capabilities = CAPABILITIES

    def __init__(self, name: str, settings: "ScaleSettings", client: SourceClient) -> None:
        base = urlsplit(settings.base_url)
        # Scale's own pages lie at the root of the host unless a proxy moves them.
        self._map = Mapper(name, settings.ui_url or f"{base.scheme}://{base.netloc}/")
        self._client = ScaleClient(client, version=base.path.rstrip("/").rpartition("/")[2])
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._errors: dict[int, ErrorRecord] = {}

    # --- lists

    def plan(self, query: ListQuery) -> ScanPlan:
        return plan(query)

    async def scan(self, plan: ScanPlan, start: Start) -> AsyncIterator[Page[Entity]]:
        native: ListScan | JobScan = plan.native
        if isinstance(native, JobScan):
            pages = self._executions_of_jobs(native)
        else:
            if plan.order is Guarantee.NONE:
                # It will be read whole: the fewer pages the better.
                start = replace(start, rows=LARGEST_PAGE)
            pages = numbered_pages(lambda window: self._window(native, window), start, native.order, LARGEST_PAGE)
        async for page in pages:
            yield page

    async def count(self, plan: ScanPlan) -> int | None:
        native: ListScan | JobScan = plan.native
        if isinstance(native, JobScan):
            return sum([len((await self._job_with_executions(number))[1]) for number in native.jobs])
        envelope = await self._client.page(PATHS[native.kind], native.params, Window(0, 1))
        return None if envelope is None else envelope.count

    async def _window(self, scan: ListScan, window: Window) -> Page[Entity]:
        answer = await self._client.answer(PATHS[scan.kind], scan.params, window)
        if answer is None:
            return Page((), returned=0, more=False, here=window.offset)
        envelope, rows = self._client.rows(answer, await self._rows(scan))
        values = (order_value(row, scan.order.field) for row in rows)
        passed = scan.floor is not None and any(value is not None and value < scan.floor for value in values)
        return Page(
            rows,
            returned=len(envelope.results),
            more=envelope.next is not None and not passed,
            here=window.offset,
            total=envelope.count,
            unreadable=len(envelope.results) - len(rows),
        )

    async def _executions_of_jobs(self, scan: JobScan) -> AsyncIterator[Page[Entity]]:
        nodes: Mapping[int, Node] = {}
        if scan.hostnames:
            nodes = {_number(node): node for node in readable(await self._every_node(), self._node)}
        for begin in range(0, len(scan.jobs), _AT_ONCE):
            answers = await self._each(scan.jobs[begin : begin + _AT_ONCE], self._job_with_executions)
            for place, answer in enumerate(answers, begin + 1):
                if isinstance(answer, SourceError):
                    raise answer
                job, sent = answer
                held = readable(sent, lambda raw: read(raw, ExecutionRecord))
                if scan.errors:
                    await self._learn_errors(held)
                context = Context(job, self._errors, nodes, dated=await self._dated())
                rows = readable(held, mapping.Page(self._map, context).held_maker())
                yield Page(rows, returned=len(sent), more=place < len(scan.jobs), unreadable=len(sent) - len(rows))

    async def _job_with_executions(self, number: int) -> tuple[Job | None, Sequence[Raw]]:
        """A job and all its executions, which name it, their node and their error by number only."""
        held = await self._client.one(f"jobs/{number}/", JobRecord)
        if held is None:
            return None, ()
        if held.record.job_exes is None:
            raise self._client.fault(
                SourceErrorCode.UNSUPPORTED, "This version of its API does not show the executions of a job."
            )
        job = self._or_fault(self._map.job, held)
        if isinstance(job, SourceError):
            raise job
        return job, held.record.job_exes

    # --- keyed reads

    async def fetch(self, keys: Sequence[Key]) -> Sequence[Fetched[Entity]]:
        asked: dict[Kind, dict[int, Key]] = {"job": {}, "node": {}, "execution": {}}
        found: dict[Key, Fetched[Entity]] = dict.fromkeys(keys, NOT_FOUND)
        for key in keys:
            if (number := number_of(key.parts)) is not None:
                asked[key.kind][number] = key
        answers: Sequence[Mapping[int, Fetched[Entity]]] = await asyncio.gather(
            self._fetch_jobs(asked["job"]), self._fetch_nodes(asked["node"]), self._fetch_executions(asked["execution"])
        )
        for numbers, answer in zip(asked.values(), answers, strict=True):
            found |= {numbers[number]: each for number, each in answer.items()}
        return [found[key] for key in keys]

    async def fetch_full(self, key: Key) -> Fetched[Entity]:
        number = number_of(key.parts)
        if number is None:
            return NOT_FOUND
        try:
            match key.kind:
                case "job":
                    job = await self._client.one(f"jobs/{number}/", JobRecord)
                    return NOT_FOUND if job is None else self._or_fault(self._map.job, job)
                case "node":
                    node = await self._client.one(f"nodes/{number}/", NodeRecord)
                    return NOT_FOUND if node is None else self._or_fault(self._map.node, node)
                case "execution":
                    return await self._execution(number)
        except SourceError as error:
            return error

    async def latest(self, keys: Sequence[Key]) -> Sequence[Fetched[Execution]]:
        """The latest execution of each job, NOT_FOUND where it has none; same order and length (DECISIONS 22)."""
        numbers = {key: number for key in keys if (number := number_of(key.parts)) is not None}
        found: dict[int, Fetched[Execution]] = {}
        for asked, sent in await self._jobs_by_id("jobs/executions/", numbers.values()):
            if isinstance(sent, SourceError):
                found |= dict.fromkeys(asked, sent)
                continue
            rows = readable(sent, self._job_and_latest)
            found |= dict.fromkeys(asked, self._missing(rows, sent))
            await self._learn_errors(held for _, held in rows if held is not None)
            dated = await self._dated()
            for job, held in rows:
                if held is not None:
                    latest = partial(self._map.execution, context=Context(job, self._errors, dated=dated))
                    found[_number(job)] = self._or_fault(latest, held)
                else:
                    found[_number(job)] = NOT_FOUND
        return [found[numbers[key]] if key in numbers else NOT_FOUND for key in keys]

    async def _fetch_jobs(self, numbers: Iterable[int]) -> Mapping[int, Fetched[Job]]:
        found: dict[int, Fetched[Job]] = {}
        for asked, sent in await self._jobs_by_id("jobs/", numbers):
            found |= self._keyed(asked, sent, self._job)
        return found

    async def _fetch_nodes(self, numbers: Mapping[int, Key]) -> Mapping[int, Fetched[Node]]:
        if not numbers:
            return {}
        try:
            # Scale can neither be asked for several nodes, nor for one without a call to Mesos (contract, section 5).
            return self._keyed(numbers, await self._every_node(), self._node)
        except SourceError as error:
            return dict.fromkeys(numbers, error)

    async def _fetch_executions(self, numbers: Mapping[int, Key]) -> Mapping[int, Fetched[Execution]]:
        return dict(zip(numbers, await self._each(list(numbers), self._execution), strict=True))

    async def _execution(self, number: int) -> Fetched[Execution]:
        held = await self._client.one(f"job-executions/{number}/", ExecutionRecord)
        if held is None:
            return NOT_FOUND
        return self._or_fault(partial(self._map.execution, context=Context(dated=await self._dated())), held)

    async def _jobs_by_id(
        self, path: str, numbers: Iterable[int]
    ) -> Iterable[tuple[Sequence[int], Sequence[Raw] | SourceError]]:
        """What a list of jobs has under these ids, request by request: the ids asked for, and the rows."""

        async def one(asked: list[int]) -> Sequence[Raw]:
            params = [*(("job_id", str(number)) for number in asked), *JOBS, BY_ID]
            envelope = await self._client.page(path, params, Window(0, LARGEST_PAGE))
            return envelope.results if envelope else ()

        chunks = list(id_chunks("job_id", numbers))
        return zip(chunks, await self._each(chunks, one), strict=True)

    async def _every_node(self) -> Sequence[Raw]:
        return await self._client.every("nodes/", [*NODES, BY_ID])

    async def _learn_errors(self, executions: Iterable[Held[ExecutionRecord]]) -> None:
        """Read Scale's errors, unless those that these executions point at are known already."""
        errors = {held.record.error.id for held in executions if held.record.error is not None and held.record.error.bare}
        if not errors <= self._errors.keys():
            rows = readable(await self._client.every("errors/", [BY_ID]), lambda raw: read(raw, ErrorRecord))
            self._errors = {held.record.id: held.record for held in rows}

    # --- logs

    def logs(self, execution: Execution, query: LogQuery) -> AsyncIterator[LogPage]:
        return LogReader(self._client, execution).pages(query)

    # --- the rest

    async def ping(self) -> Ping:
        return Ping(await self._client.version())

    def parse_native_id(self, kind: Kind, native_id: str) -> tuple[str, ...] | None:  # noqa: ARG002 - all are numbers
        return (native_id,) if number_of((native_id,)) is not None else None

    def details(self, entity: Entity) -> object | None:
        if entity.record is None:
            return None
        held = entity.record
        try:
            match record := held.record:
                case JobRecord():
                    return details.job_details(held)
                case NodeRecord():
                    return details.node_details(record)
                case _:
                    return details.execution_details(record)
        except ValueError as error:
            raise self._client.unreadable() from error

    def raw(self, entity: Entity) -> Any:
        sent: bytes | None = None if entity.record is None else entity.record.raw
        return None if sent is None else redacted(msgspec.json.decode(sent))

    async def aclose(self) -> None:
        return None

    # --- rows

    def _job(self, raw: Raw) -> Job:
        return self._map.job(read(raw, JobRecord))

    def _node(self, raw: Raw) -> Node:
        return self._map.node(read(raw, NodeRecord))

    async def _rows(self, scan: ListScan) -> Rows[Any]:
        """How the records of a list are read: with their own JSON, or so many attributes of theirs only."""
        kind, attributes = scan.kind, scan.attributes
        context = Context(dated=await self._dated()) if kind == "execution" else Context()
        if attributes is not None:
            match kind:
                case "job":
                    return rows_of(mapping.JOBS.reading(attributes), self._map)
                case "node":
                    return rows_of(mapping.NODES.reading(attributes), self._map)
                case "execution":
                    page = mapping.Page(self._map, context, scan.of_jobs)
                    reading = mapping.executions(scan.of_jobs).reading(attributes)
                    return rows_of(reading, page, page.maker(reading))
        match kind:
            case "job":
                return Rows(self._job)
            case "node":
                return Rows(self._node)
            case "execution":
                make = mapping.Page(self._map, context).held_maker()
                return Rows(lambda raw: make(read(raw, ExecutionRecord)))

    async def _dated(self) -> bool:
        """Whether executions tell when they last changed. A server that does not say which release it is counts as not."""
        release = await self._client.release()
        return release is not None and release.dates_changes

    def _job_and_latest(self, raw: Raw) -> tuple[Job, Held[ExecutionRecord] | None]:
        held = read(raw, JobRecord)
        latest = held.record.latest_job_exe
        return self._map.job(held), read(latest, ExecutionRecord) if present(latest) else None

    def _keyed(
        self, asked: Iterable[int], sent: Sequence[Raw] | SourceError, reader: Callable[[Raw], E]
    ) -> dict[int, Fetched[E]]:
        """An answer for every id asked for, from the rows that were sent or from the fault that was."""
        if isinstance(sent, SourceError):
            return dict.fromkeys(asked, sent)
        rows = readable(sent, reader)
        found = {_number(row): row for row in rows}
        missing = self._missing(rows, sent)
        return {number: found.get(number, missing) for number in asked}

    def _missing(self, rows: Sequence[object], sent: Sequence[Raw]) -> NotFound | SourceError:
        """What an id without a row amounts to: it may be one of those that could not be read."""
        return NOT_FOUND if len(rows) == len(sent) else self._client.unreadable()

    def _or_fault(self, make: Callable[[Item], E], held: Item) -> E | SourceError:
        try:
            return make(held)
        except ValueError:
            return self._client.unreadable()

    async def _each(self, items: Sequence[Item], ask: Callable[[Item], Awaitable[T]]) -> list[T | SourceError]:
        """Asks for each item, a few at a time; the fault of one is its answer."""

        async def one(item: Item) -> T | SourceError:
            async with self._slots:
                try:
                    return await ask(item)
                except SourceError as error:
                    return error

        return await asyncio.gather(*(one(item) for item in items))


def _number(entity: Entity) -> int:
    return int(entity.key.native_id)
