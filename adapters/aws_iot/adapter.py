"""AWS IoT Jobs as a source: executions fan out over jobs or things; look-ups go one by one."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from adapters.aws_iot import details
from adapters.aws_iot.capabilities import CAPABILITIES
from adapters.aws_iot.client import RETRIED, IotClient, JobRecord, ThingRecord, fault_of
from adapters.aws_iot.logs import Logs
from adapters.aws_iot.mapping import Mapper, RunRecord, time_limit
from adapters.aws_iot.planning import Fan, plan
from adapters.aws_iot.scanning import Reader
from adapters.aws_iot.shelf import Shelf
from adapters.aws_iot.words import is_job, is_number, is_thing
from gateway.errors import SourceError, SourceErrorCode
from gateway.model import Entity, Execution, Job, Key, Kind, Node
from gateway.query import ListQuery, Order, OrderField
from gateway.records import Held, read
from gateway.redaction import redacted
from gateway.sigv4 import AwsCredentials, SigV4
from gateway.spi import NOT_FOUND, Fetched, LogPage, LogQuery, NotFound, Page, Ping, ScanPlan, Start
from gateway.transport import SourceClient

if TYPE_CHECKING:
    from adapters.aws_iot import AwsIotSettings

T = TypeVar("T")

_FEW = 8
"""So many jobs, or executions of one job, are asked for one by one; more take a list, 250 to a page."""


class AwsIotAdapter:
    """One account in one Region. ``clock`` counts the seconds for which something is kept; ``wall`` is epoch seconds."""

    def __init__(
        self,
        name: str,
        settings: "AwsIotSettings",
        client: SourceClient,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.capabilities = CAPABILITIES
        if settings.log_group is not None:
            self.capabilities = replace(CAPABILITIES, logs=True, log_late_seconds=settings.log_late_seconds)
        self._credentials = AwsCredentials(settings.profile, settings.keys)
        signed = client.at(
            settings.address, SigV4(self._credentials, "iot", settings.region), judge=fault_of, retried=RETRIED
        )
        self._map = Mapper(name, settings.console)
        self._keep = settings.keep_seconds
        self._client = IotClient(signed, settings.bucket, settings.quota_of)
        self._shelf = Shelf(clock)
        self._reader = Reader(self._client, self._map, self._shelf, self._keep)
        self._logs = None if settings.log_group is None else Logs(settings, client, self._credentials, wall)
        self._describing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    # --- lists

    def plan(self, query: ListQuery) -> ScanPlan:
        return plan(query)

    async def scan(self, plan: ScanPlan, start: Start) -> AsyncIterator[Page[Entity]]:
        fan: Fan = plan.native
        pages: AsyncGenerator[Page[Entity], None]
        if fan.kind == "job":
            pages = self._reader.jobs(fan.words)
        elif fan.kind == "node":
            pages = self._things()
        elif fan.by_thing:
            pages = self._reader.of_things(fan)
        else:
            pages = self._reader.executions(fan, start.at)
        async with aclosing(pages):
            async for page in pages:
                yield page

    async def _things(self) -> AsyncGenerator[Page[Node], None]:
        async for sheet in self._client.things():
            rows = []
            for raw in sheet.rows:
                with suppress(ValueError):
                    rows.append(self._map.thing(read(raw, ThingRecord)))
            yield Page(rows, len(sheet.rows), more=sheet.more, unreadable=len(sheet.rows) - len(rows))

    async def count(self, plan: ScanPlan) -> int | None:  # noqa: ARG002 - nothing counts
        return None

    # --- keyed reads

    async def fetch(self, keys: Sequence[Key]) -> Sequence[Fetched[Entity]]:
        asked: dict[Kind, list[Key]] = {"job": [], "execution": [], "node": []}
        for key in dict.fromkeys(keys):
            if self.parse_native_id(key.kind, key.native_id) == key.parts:
                asked[key.kind].append(key)
        answers: Sequence[Mapping[Key, Fetched[Entity]]] = await asyncio.gather(
            self._fetch_jobs(asked["job"]), self._fetch_executions(asked["execution"]), self._fetch_things(asked["node"])
        )
        found = {key: answer for each in answers for key, answer in each.items()}
        return [found.get(key, NOT_FOUND) for key in keys]

    async def fetch_full(self, key: Key) -> Fetched[Entity]:
        if self.parse_native_id(key.kind, key.native_id) != key.parts:
            return NOT_FOUND
        match key.kind:
            case "job":
                return await _answer(lambda: self._described_job(key.parts[0]))
            case "execution":
                return await self._full_execution(key)
            case _:
                return (await self.fetch([key]))[0]

    async def _fetch_jobs(self, keys: Sequence[Key]) -> Mapping[Key, Fetched[Job]]:
        found: dict[Key, Fetched[Job]] = {}
        for key in keys:
            if (kept := self._reader.kept_job(key.parts[0])) is not None:
                found[key] = kept
        missing = [key for key in keys if key not in found]
        if len(missing) > _FEW:
            return {**found, **await self._listed_jobs(missing)}

        async def one(key: Key) -> Fetched[Job]:
            return await _answer(lambda: self._job(key.parts[0]))

        return found | dict(zip(missing, await asyncio.gather(*map(one, missing)), strict=True))

    async def _listed_jobs(self, keys: Sequence[Key]) -> Mapping[Key, Fetched[Job]]:
        listed: dict[Key, Job] = {}
        unreadable = 0
        try:
            async for page in self._reader.jobs():
                listed |= {job.key: job for job in page.rows}
                unreadable += page.unreadable
        except SourceError as error:
            return dict.fromkeys(keys, error)
        # A job without a row may be one of those that could not be read.
        missing = self._client.unreadable() if unreadable else NOT_FOUND
        return {key: listed.get(key, missing) for key in keys}

    async def _job(self, job_id: str) -> Job:
        """A job as its list shows it."""
        return self._mapped(lambda record: self._map.job(record), await self._client.job(job_id), job_id)

    async def _described_job(self, job_id: str) -> Job:
        """A job with everything; asked for once, however many executions of it want to know."""
        try:
            async with self._describing[job_id]:
                name = ("described", job_id)
                if (kept := self._shelf.get(name)) is None:
                    held = await self._client.job(job_id)
                    kept = [self._mapped(lambda record: self._map.job(record, described=True), held, job_id)]
                    self._shelf.put(name, kept, self._keep)
        finally:
            self._describing.pop(job_id, None)
        job: Job = kept[0]
        return job

    def _mapped(self, mapper: Callable[[Any], Job], held: Any, job_id: str) -> Job:
        try:
            job = mapper(held)
        except ValueError as error:
            raise self._client.unreadable() from error
        if job.key.parts != (job_id,):
            raise self._client.unreadable()
        return job

    async def _fetch_executions(self, keys: Sequence[Key]) -> Mapping[Key, Fetched[Execution]]:
        by_job: defaultdict[str, list[Key]] = defaultdict(list)
        for key in keys:
            by_job[key.parts[0]].append(key)
        answers = await asyncio.gather(*(self._of_job(job_id, own) for job_id, own in by_job.items()))
        return {key: answer for each in answers for key, answer in each.items()}

    async def _of_job(self, job_id: str, keys: Sequence[Key]) -> Mapping[Key, Fetched[Execution]]:
        """Executions of one job: kept ones, or its whole list, or the list of each thing in this job."""
        kept: Sequence[Execution] | None = self._reader.kept_executions(job_id, None)
        if kept is None and len(keys) > _FEW:
            try:
                kept = await self._whole_job(job_id)
            except SourceError as error:
                return dict.fromkeys(keys, error)
        if kept is not None:
            rows = {row.key: row for row in kept}
            return {key: rows.get(key, NOT_FOUND) for key in keys}
        answers = await asyncio.gather(*(_answer(partial(self._execution, key)) for key in keys))
        return dict(zip(keys, answers, strict=True))

    async def _execution(self, key: Key) -> Fetched[Execution]:
        job_id, thing, _ = key.parts
        listed = False
        async for page in self._reader.of_thing(thing, None, job_id):
            listed = True
            for row in page.rows:
                if row.key == key:
                    return row
            if page.unreadable:
                return self._client.unreadable()
        if listed:
            return NOT_FOUND
        # A thing that was deleted has no list any more; its executions are in those of their jobs.
        return next((row for row in await self._whole_job(job_id) if row.key == key), NOT_FOUND)

    async def _whole_job(self, job_id: str) -> Sequence[Execution]:
        """All executions of a job; none of one that is not there. Raises SourceError, also for rows it cannot read."""
        fan = Fan("execution", Order(OrderField.NATIVE), jobs=frozenset({job_id}))
        found: dict[Key, Execution] = {}
        async for page in self._reader.executions(fan, None):
            found |= {row.key: row for row in page.rows}
            if page.unreadable:
                raise self._client.unreadable()
        return list(found.values())

    async def _full_execution(self, key: Key) -> Fetched[Entity]:
        job_id, thing, number = key.parts
        row, described, job = await asyncio.gather(
            self._fetch_executions([key]),
            _answer(lambda: self._client.execution(job_id, thing, int(number))),
            _answer(lambda: self._described_job(job_id)),
        )
        listed = row[key]
        if isinstance(listed, SourceError | NotFound):
            return listed
        if isinstance(described, SourceError):
            return described
        if isinstance(job, SourceError):
            return job
        held: RunRecord = listed.record
        assert listed.job is not None  # noqa: S101 - rows name their jobs
        # What is listed exists, even if there is no description of it: its thing may be gone.
        full = self._map.execution(listed.job, held.row, None if isinstance(described, NotFound) else described, thing)
        return msgspec.structs.replace(full, timeout_seconds=time_limit(job.record.record) if isinstance(job, Job) else None)

    async def _fetch_things(self, keys: Sequence[Key]) -> Mapping[Key, Fetched[Node]]:
        async def one(key: Key) -> Fetched[Node]:
            async def read() -> Node:
                held = await self._client.thing(key.parts[0])
                if held.record.thing_name != key.parts[0]:
                    raise self._client.unreadable()
                return self._map.thing(held)

            return await _answer(read)

        return dict(zip(keys, await asyncio.gather(*map(one, keys)), strict=True))

    # --- logs

    async def logs(self, execution: Execution, query: LogQuery) -> AsyncIterator[LogPage]:
        async with aclosing(self._known_logs.reader.pages(execution, query)) as pages:
            async for page in pages:
                yield page

    async def first_logs(self, executions: Sequence[Execution], query: LogQuery) -> Sequence[LogPage | SourceError]:
        return await self._known_logs.batches.first(executions, query)

    @property
    def _known_logs(self) -> Logs:
        if self._logs is None:
            raise SourceError(SourceErrorCode.UNSUPPORTED, "It has no `log_group`.", source=self._map.source)
        return self._logs

    # --- the rest

    async def ping(self) -> Ping:
        await self._client.ping()
        return Ping(None)

    def parse_native_id(self, kind: Kind, native_id: str) -> tuple[str, ...] | None:
        parts = tuple(native_id.split("/"))
        match kind, parts:
            case "job", (job_id,) if is_job(job_id):
                return parts
            case "node", (thing,) if is_thing(thing):
                return parts
            case "execution", (job_id, thing, number) if is_job(job_id) and is_thing(thing) and is_number(number):
                return parts
            case _:
                return None

    def details(self, entity: Entity) -> object | None:
        match entity.record:
            case None:
                return None
            case RunRecord() as held:
                return details.execution_details(held)
            case held if isinstance(held.record, JobRecord):
                return details.job_details(held.record)
            case held:
                return details.thing_details(held.record)

    def raw(self, entity: Entity) -> Any:
        held: Held[Any] | None = entity.record.row if isinstance(entity.record, RunRecord) else entity.record
        return None if held is None or held.raw is None else redacted(msgspec.json.decode(held.raw))

    async def aclose(self) -> None:
        await self._credentials.aclose()


async def _answer(read: Callable[[], Awaitable[T]]) -> T | NotFound | SourceError:
    """What a read brings, its fault as a value."""
    try:
        return await read()
    except SourceError as error:
        return NOT_FOUND if error.code is SourceErrorCode.NOT_FOUND else error
