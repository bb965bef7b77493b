"""Runner as a source: lists that are read whole, and look-ups one by one."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from adapters.ctl_runner import details
from adapters.ctl_runner.capabilities import CAPABILITIES
from adapters.ctl_runner.client import ExecutionRecord, JobRecord, RunnerClient, Sheet
from adapters.ctl_runner.job_book import FEW, Described, JobBook
from adapters.ctl_runner.log_reading import LogReader
from adapters.ctl_runner.mapping import Mapper, hosts_of, is_host, without_secrets
from adapters.ctl_runner.planning import Listing, is_id, plan
from gateway.errors import SourceError
from gateway.model import Entity, Execution, Job, Key, Kind, Node
from gateway.query import ListQuery
from gateway.records import Held, read
from gateway.redaction import redacted
from gateway.spi import NOT_FOUND, Fetched, LogPage, LogQuery, Page, Ping, ScanPlan, Start
from gateway.transport import SourceClient

if TYPE_CHECKING:
    from adapters.ctl_runner import CtlRunnerSettings

Item = TypeVar("Item")
T = TypeVar("T")

# The list of all executions is in no document (contract, section 2): a server may lack it, and may gain it.
_NO_SUCH_LIST = frozenset({404, 405})
_GONE = frozenset({404})
_VERDICT_SECONDS = 600.0

_PARTS: Mapping[Kind, int] = {"job": 1, "execution": 2, "node": 1}


class CtlRunnerAdapter:
    """One account of Runner. ``clock`` counts the seconds for which something is remembered."""

    capabilities = CAPABILITIES

    def __init__(
        self,
        name: str,
        settings: "CtlRunnerSettings",
        client: SourceClient,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._map = Mapper(name)
        self._client = RunnerClient(client, settings.account_alias)
        self._book = JobBook(self._client, self._map, clock)
        self._logs = LogReader(self._client, self._map)
        self._clock = clock
        self._unlisted_until: float | None = None

    # --- lists

    def plan(self, query: ListQuery) -> ScanPlan:
        return plan(query)

    async def scan(self, plan: ScanPlan, start: Start) -> AsyncIterator[Page[Entity]]:  # noqa: ARG002 - always read whole
        native: Listing = plan.native
        pages: AsyncIterator[Page[Entity]]
        if native.kind == "job":
            pages = self._jobs()
        elif native.jobs is None:
            pages = self._executions(native.described)
        else:
            pages = self._executions_of(native.jobs, native.described)
        async for page in pages:
            yield page

    async def count(self, plan: ScanPlan) -> int | None:
        native: Listing = plan.native
        if native.kind == "execution" and not self._lists_all():
            return None
        path = self._client.jobs if native.kind == "job" else self._client.executions
        absent = frozenset[int]() if native.kind == "job" else _NO_SUCH_LIST
        envelope = await self._client.page(path, size=1, also=absent)
        return None if envelope is None else envelope.total_size

    async def _jobs(self) -> AsyncIterator[Page[Entity]]:
        async for sheet in self._client.walk([self._client.jobs]):
            sent = sheet.rows or ()
            rows = _readable(sent, lambda raw: self._map.job(read(raw, JobRecord)))
            yield Page(rows, len(sent), sheet.more, total=sheet.total, unreadable=len(sent) - len(rows))

    async def _executions(self, described: bool) -> AsyncIterator[Page[Entity]]:
        """All executions: from the list of all where the server has it, else from the lists of all jobs."""
        if self._lists_all():
            async for sheet in self._client.walk([self._client.executions], absent=_NO_SUCH_LIST):
                if sheet.rows is None:
                    self._unlisted_until = self._clock() + _VERDICT_SECONDS
                else:
                    yield replace(await self._page(sheet, described), total=sheet.total)
            if self._lists_all():
                return
        every = await self._book.everything()
        if every.unreadable:
            # Each of these jobs may have executions.
            yield Page((), returned=every.unreadable, more=True, unreadable=every.unreadable)
        paths = [self._client.executions_of(job_id) for job_id in every.jobs]
        async for sheet in self._client.walk(paths, absent=_GONE):
            yield await self._page(sheet, described)

    async def _executions_of(self, jobs: Sequence[str], described: bool) -> AsyncIterator[Page[Entity]]:
        """The executions of these jobs; those of jobs that were deleted, from the list of all."""
        paths = {self._client.executions_of(job_id): job_id for job_id in jobs}
        gone: set[str] = set()
        async for sheet in self._client.walk(list(paths), absent=_GONE):
            if sheet.rows is None:
                gone.add(paths[sheet.path])
            page = await self._page(sheet, described)
            yield replace(page, more=page.more or bool(gone))
        if gone and self._lists_all():
            async for sheet in self._client.walk([self._client.executions], absent=_NO_SUCH_LIST):
                yield await self._page(sheet, described, gone)

    async def _page(self, sheet: Sheet, described: bool, jobs: Collection[str] | None = None) -> Page[Entity]:
        """A page of executions; only those of ``jobs`` if given."""
        sent = sheet.rows or ()
        held = _readable(sent, lambda raw: read(raw, ExecutionRecord))
        unreadable = len(sent) - len(held)
        if jobs is not None:
            held = [each for each in held if each.record.job_id in jobs]
        known = await self._book.describe({each.record.job_id for each in held}) if described else None
        rows = _readable(held, lambda each: self._map.execution(each, known))
        return Page(rows, len(sent), sheet.more, unreadable=unreadable + len(held) - len(rows))

    def _lists_all(self) -> bool:
        """Whether the server may have the list of all executions."""
        return self._unlisted_until is None or self._clock() >= self._unlisted_until

    # --- keyed reads

    async def fetch(self, keys: Sequence[Key]) -> Sequence[Fetched[Entity]]:
        asked: dict[Kind, list[Key]] = {"job": [], "execution": [], "node": []}
        for key in dict.fromkeys(keys):
            if self._is_key(key):
                asked[key.kind].append(key)
        answers: Sequence[Mapping[Key, Fetched[Entity]]] = await asyncio.gather(
            self._fetch_jobs(asked["job"]), self._fetch_executions(asked["execution"]), self._fetch_hosts(asked["node"])
        )
        found = {key: answer for each in answers for key, answer in each.items()}
        return [found.get(key, NOT_FOUND) for key in keys]

    async def fetch_full(self, key: Key) -> Fetched[Entity]:
        # Runner's lists and details show the same.
        return (await self.fetch([key]))[0]

    async def latest(self, keys: Sequence[Key]) -> Sequence[Fetched[Execution]]:
        """The latest execution of each job, NOT_FOUND where it has none; same order and length (DECISIONS 22).

        It is the first row of the job's list, newest first (DOMAIN C5): what was stopped before it began has no instant, and
        would be the latest for ever by its ``created_at``.
        """
        wanted = [key for key in dict.fromkeys(keys) if self._is_key(key)]
        answers, known = await asyncio.gather(
            self._client.each([key.parts[0] for key in wanted], self._first_of),
            self._described([key.parts[0] for key in wanted]),
        )
        found = {key: self._execution(held, known) for key, held in zip(wanted, answers, strict=True)}
        return [found.get(key, NOT_FOUND) for key in keys]

    async def _first_of(self, job_id: str) -> Held[ExecutionRecord] | None:
        """The first execution of a job's list. Raises SourceError."""
        envelope = await self._client.page(self._client.executions_of(job_id), size=1, also=_GONE)
        if envelope is None or not envelope.results:
            return None
        try:
            held = read(envelope.results[0], ExecutionRecord)
        except ValueError as error:
            raise self._client.unreadable() from error
        if held.record.job_id != job_id:
            raise self._client.unreadable()
        return held

    async def _fetch_jobs(self, keys: Sequence[Key]) -> Mapping[Key, Fetched[Job]]:
        if len(keys) <= FEW:
            answers = await self._client.each([key.parts[0] for key in keys], self._book.one)
            return {key: NOT_FOUND if job is None else job for key, job in zip(keys, answers, strict=True)}
        try:
            every = await self._book.everything()
        except SourceError as error:
            return dict.fromkeys(keys, error)
        # A job without a row may be one of those that could not be read.
        missing = self._client.unreadable() if every.unreadable else NOT_FOUND
        return {key: every.jobs.get(key.parts[0], missing) for key in keys}

    async def _fetch_executions(self, keys: Sequence[Key]) -> Mapping[Key, Fetched[Execution]]:
        answers, known = await asyncio.gather(
            self._client.each(keys, lambda key: self._client.execution(*key.parts)),
            self._described([key.parts[0] for key in keys]),
        )
        found = {key: self._execution(held, known) for key, held in zip(keys, answers, strict=True)}
        # A server that answers with another execution than the one asked for is not to be trusted.
        return {
            key: self._client.unreadable() if isinstance(each, Execution) and each.key != key else each
            for key, each in found.items()
        }

    def _execution(
        self, held: Held[ExecutionRecord] | SourceError | None, known: Described | SourceError
    ) -> Fetched[Execution]:
        if held is None:
            return NOT_FOUND
        if isinstance(held, SourceError):
            return held
        if isinstance(known, SourceError):
            return known
        try:
            return self._map.execution(held, known)
        except ValueError:
            return self._client.unreadable()

    async def _fetch_hosts(self, keys: Sequence[Key]) -> Mapping[Key, Fetched[Node]]:
        """Hosts that a job names; Runner has no address for one."""
        if not keys:
            return {}
        try:
            every = await self._book.everything()
        except SourceError as error:
            return dict.fromkeys(keys, error)
        named = {host for job in every.jobs.values() for host in hosts_of(job.record.record)}
        missing = self._client.unreadable() if every.unreadable else NOT_FOUND
        return {key: self._map.host(key.parts[0]) if key.parts[0] in named else missing for key in keys}

    async def _described(self, jobs: Collection[str]) -> Described | SourceError:
        try:
            return await self._book.look_up(frozenset(jobs))
        except SourceError as error:
            return error

    # --- logs

    async def logs(self, execution: Execution, query: LogQuery) -> AsyncIterator[LogPage]:
        async for page in self._logs.pages(execution, query):
            yield page

    # --- the rest

    async def ping(self) -> Ping:
        await self._client.page(self._client.jobs, size=1)
        return Ping(None)

    def parse_native_id(self, kind: Kind, native_id: str) -> tuple[str, ...] | None:
        parts = (native_id,) if kind == "node" else tuple(native_id.split("/"))
        return parts if self._is_key(Key(kind, self._map.source, parts)) else None

    def details(self, entity: Entity) -> object | None:
        if entity.record is None:
            return None
        try:
            match entity.record.record:
                case JobRecord() as job:
                    return details.job_details(job)
                case execution:
                    return details.execution_details(execution)
        except ValueError as error:
            raise self._client.unreadable() from error

    def raw(self, entity: Entity) -> Any:
        held: Held[Any] | None = entity.record
        return None if held is None or held.raw is None else redacted(without_secrets(msgspec.json.decode(held.raw)))

    async def aclose(self) -> None:
        return None

    def _is_key(self, key: Key) -> bool:
        """Whether anything of Runner may have such a key."""
        if len(key.parts) != _PARTS[key.kind]:
            return False
        if key.kind == "node":
            return is_host(key.parts[0])
        return all(map(is_id, key.parts))


def _readable(sent: Iterable[Item], reader: Callable[[Item], T]) -> list[T]:
    """The rows that can be read: one that cannot must not hide the others."""
    rows = []
    for each in sent:
        with suppress(ValueError):
            rows.append(reader(each))
    return rows
