"""ThreatConnect as a source: lists by offset, look-ups by TQL."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Raw

from adapters.threatconnect import details
from adapters.threatconnect.client import (
    EXECUTIONS,
    JOBS,
    LARGEST_PAGE,
    Envelope,
    ExecutionRecord,
    JobRecord,
    ThreatConnectClient,
    id_chunks,
    present,
)
from adapters.threatconnect.discovery import Discovery
from adapters.threatconnect.lanes import merged_pages
from adapters.threatconnect.mapping import EXECUTION_SHAPE, JOB_SHAPE, Mapper
from adapters.threatconnect.planning import (
    PROVEN_EXECUTION_PARAMETERS,
    PROVEN_JOB_PARAMETERS,
    ListScan,
    MergedScan,
    Offered,
    Params,
    SerialScan,
    capabilities,
    plan,
)
from adapters.threatconnect.terms import number_of, pushable, server_of
from adapters.threatconnect.tql import Among, text_of
from gateway.errors import SourceError, SourceErrorCode
from gateway.model import Entity, Execution, Job, Key, Kind, Node
from gateway.pagination import Window, numbered_pages
from gateway.query import ListQuery, Order, OrderField
from gateway.records import Held, Rows, read, readable, rows_of
from gateway.redaction import redacted
from gateway.spi import NOT_FOUND, Capabilities, Fetched, NotFound, Page, Ping, ScanPlan, Start
from gateway.transport import SourceClient

if TYPE_CHECKING:
    from adapters.threatconnect import ThreatConnectSettings

T = TypeVar("T")

# Executions of one job that a look-up without ``id`` reads before it gives up.
_MOST_PAGES = 20
_SERVER_ROWS = 100


class ThreatConnectAdapter:
    """One ThreatConnect server."""

    def __init__(self, name: str, settings: "ThreatConnectSettings", client: SourceClient) -> None:
        self._map = Mapper(name)
        self._client = ThreatConnectClient(client)
        self._executions = Discovery(
            lambda: self._client.parameters(EXECUTIONS), PROVEN_EXECUTION_PARAMETERS, settings.execution_parameters
        )
        self._jobs = Discovery(lambda: self._client.parameters(JOBS), PROVEN_JOB_PARAMETERS, settings.job_parameters)

    # --- what the server can do

    @property
    def capabilities(self) -> Capabilities:
        """What is known of the server now: more once it has been asked."""
        return capabilities(self._offered)

    @property
    def _offered(self) -> Offered:
        return Offered.among(self._executions.keywords, self._jobs.keywords, complete=self._executions.complete)

    async def discover(self, kind: Kind) -> None:
        if kind != "node":
            await (self._jobs if kind == "job" else self._executions).learn()

    def refuse_tql(self, text: str) -> str | None:
        return self._offered.refusal(text)

    # --- lists

    def plan(self, query: ListQuery) -> ScanPlan:
        return plan(query, self._offered)

    async def scan(self, plan: ScanPlan, start: Start) -> AsyncIterator[Page[Entity]]:
        jobs: dict[int, Job | None] = {}
        match plan.native:
            case MergedScan() as merged:
                pages = merged_pages(
                    merged,
                    start,
                    lambda scan, rows: self._window(scan, Window(0, rows), False, jobs),
                    lambda: self.count(plan),
                )
            case SerialScan(scans):
                pages = self._serial(scans, start, jobs)
            case scan:
                pages = self._numbered(scan, start, jobs)
        async for page in pages:
            yield page

    def _numbered(self, scan: ListScan, start: Start, jobs: dict[int, Job | None]) -> AsyncIterator[Page[Entity]]:
        if scan.order is None:
            # It will be read whole: the fewer pages the better.
            start = replace(start, rows=LARGEST_PAGE)
        order = scan.order or Order(OrderField.NATIVE)
        # A place that has to be found by search takes the total.
        count = start.count or start.at is not None
        return numbered_pages(
            lambda window: self._window(scan, window, count, jobs), start, order, LARGEST_PAGE, any_offset=True
        )

    async def _serial(
        self, scans: Sequence[ListScan], start: Start, jobs: dict[int, Job | None]
    ) -> AsyncIterator[Page[Entity]]:
        for scan in scans:
            async for page in self._numbered(scan, start, jobs):
                yield replace(page, more=page.more or scan is not scans[-1])

    async def count(self, plan: ScanPlan) -> int | None:
        native: ListScan | MergedScan = plan.native
        scan = native.whole if isinstance(native, MergedScan) else native
        if scan is None:
            return None
        envelope, _ = await self._client.page(scan.path, scan.params, Window(0, 1), _UNREAD, count=True)
        return envelope.count

    async def _window(self, scan: ListScan, window: Window, count: bool, jobs: dict[int, Job | None]) -> Page[Entity]:
        """A page; ``jobs`` are those that earlier pages of the scan looked up, and gets what this one does."""
        records = self._jobs_read(scan.attributes) if scan.path == JOBS else _executions_read(scan.attributes)
        envelope, rows = await self._client.page(scan.path, scan.params, window, records, count=count)
        unnamed = 0
        if scan.path == EXECUTIONS:
            if scan.names:
                named = map(_job_number(scan.attributes), rows)
                numbers = {number for number in named if number is not None}
                await self._learn_jobs(sorted(numbers - jobs.keys()), jobs)
                unnamed = len(numbers - jobs.keys())
            rows = readable(rows, self._map.executions(scan.attributes, jobs))
        return Page(
            rows,
            returned=len(envelope.data),
            more=envelope.next is not None and bool(envelope.data),
            here=window.offset,
            total=envelope.count,
            unreadable=len(envelope.data) - len(rows) + unnamed,
            envelope=_envelope(envelope),
        )

    # --- jobs, which executions only name by number

    async def _learn_jobs(self, numbers: Sequence[int], jobs: dict[int, Job | None]) -> None:
        """Adds the jobs of these numbers, None for those that are gone, but not those that could not be read.

        Raises SourceError.
        """
        for number, answer in (await self._fetch_jobs(numbers)).items():
            match answer:
                case Job():
                    jobs[number] = answer
                case NotFound():
                    jobs[number] = None
                case SourceError(code=code) if code is not SourceErrorCode.BAD_RESPONSE:
                    raise answer

    async def _fetch_jobs(self, numbers: Sequence[int]) -> Mapping[int, Fetched[Job]]:
        found: dict[int, Fetched[Job]] = {}
        for asked in id_chunks("id", numbers):
            rows = await self._rows_of_jobs(asked, ())
            found |= rows if isinstance(rows, dict) else dict.fromkeys(asked, rows)
        return found

    async def _rows_of_jobs(self, asked: Sequence[int], params: Params) -> dict[int, Fetched[Job]] | SourceError:
        return await self._keyed(
            JOBS, Among("id", tuple(asked)), params, asked, self._jobs_read(None), lambda job: int(job.tie[0])
        )

    async def _keyed(
        self,
        path: str,
        condition: Among,
        params: Params,
        asked: Iterable[int],
        records: Rows[T],
        number: Callable[[T], int],
    ) -> dict[int, Fetched[T]] | SourceError:
        """An answer for every number asked for, from one request; its fault when it had one."""
        wanted = set(asked)
        try:
            asking = (("tql", text_of(condition)), *params)
            envelope, rows = await self._client.page(path, asking, Window(0, len(wanted) + 1), records)
        except SourceError as error:
            return error
        found = {number(row): row for row in rows}
        # Rows that nobody asked for, rows that cannot be read, rows left out: what is missing may be there all the same.
        right = len(found) == len(envelope.data) and found.keys() <= wanted and envelope.next is None
        missing = NOT_FOUND if right else self._client.unreadable()
        return {each: found.get(each, missing) for each in wanted}

    # --- keyed reads

    async def fetch(self, keys: Sequence[Key]) -> Sequence[Fetched[Entity]]:
        found: dict[Key, Fetched[Entity]] = dict.fromkeys(keys, NOT_FOUND)
        executions = {key: pair for key in found if key.kind == "execution" and (pair := _pair(key)) is not None}
        servers = {key: name for key in found if key.kind == "node" and (name := server_of(key.parts)) is not None}
        if executions or servers:
            await self._executions.learn()
        held = await self._fetch_executions(set(executions.values()))
        jobs = {key: number for key in found if key.kind == "job" and (number := _number(key)) is not None}
        owners = {job for (job, _), answer in held.items() if isinstance(answer, Held)}
        rows = await self._fetch_jobs(sorted({*jobs.values(), *owners}))
        found |= {key: rows[number] for key, number in jobs.items()}
        found |= {key: self._named(held[pair], rows.get(pair[0], NOT_FOUND)) for key, pair in executions.items()}
        for key, name in servers.items():
            found[key] = await self._fetch_server(name)
        return [found[key] for key in keys]

    async def fetch_full(self, key: Key) -> Fetched[Entity]:
        # Everything is in the rows of lists.
        return (await self.fetch([key]))[0]

    async def latest(self, keys: Sequence[Key]) -> Sequence[Fetched[Execution]]:
        """The latest execution of each job, NOT_FOUND where it has none; same order and length (DECISIONS 22)."""
        numbers = {key: number for key in keys if (number := _number(key)) is not None}
        found: dict[int, Fetched[Execution]] = {}
        for asked in id_chunks("id", sorted(set(numbers.values()))):
            rows = await self._rows_of_jobs(asked, (("fields", "lastExecution"),))
            answers = rows if isinstance(rows, dict) else dict.fromkeys(asked, rows)
            found |= {number: self._latest_of(answer) for number, answer in answers.items()}
        return [found[numbers[key]] if key in numbers else NOT_FOUND for key in keys]

    def _latest_of(self, job: Fetched[Job]) -> Fetched[Execution]:
        if not isinstance(job, Job):
            return job
        number, last = int(job.tie[0]), job.record.record.last_execution
        if not present(last):
            return NOT_FOUND
        try:
            held = _execution(last)
            execution = self._map.execution(held, {number: job})
        except ValueError:
            return self._client.unreadable()
        return execution if held.record.job_id == number else self._client.unreadable()

    async def _fetch_executions(
        self, pairs: set[tuple[int, int]]
    ) -> Mapping[tuple[int, int], Fetched[Held[ExecutionRecord]]]:
        """Executions by the numbers of their job and their own."""
        found: dict[tuple[int, int], Fetched[Held[ExecutionRecord]]] = {}
        if "id" not in self._offered.executions:
            for job in sorted({job for job, _ in pairs}):
                wanted = {pair for pair in pairs if pair[0] == job}
                found |= await self._picked(job, wanted)
            return found
        by_number: dict[int, Fetched[Held[ExecutionRecord]]] = {}
        for asked in id_chunks("id", sorted({number for _, number in pairs})):
            rows = await self._keyed(EXECUTIONS, Among("id", asked), (), asked, _EXECUTIONS, lambda held: held.record.id)
            by_number |= rows if isinstance(rows, dict) else dict.fromkeys(asked, rows)
        for job, number in pairs:
            answer = by_number[number]
            other = isinstance(answer, Held) and answer.record.job_id != job
            found[job, number] = NOT_FOUND if other else answer
        return found

    async def _picked(
        self, job: int, wanted: set[tuple[int, int]]
    ) -> Mapping[tuple[int, int], Fetched[Held[ExecutionRecord]]]:
        """Executions of one job, found among all of that job: there are servers that cannot be asked for them by id."""
        found: dict[tuple[int, int], Fetched[Held[ExecutionRecord]]] = {}
        params = (("tql", text_of(Among("jobId", (job,)))),)
        missing: NotFound | SourceError = NOT_FOUND
        offset = 0
        for _ in range(_MOST_PAGES):
            try:
                envelope, held = await self._client.page(EXECUTIONS, params, Window(offset, LARGEST_PAGE), _EXECUTIONS)
            except SourceError as error:
                missing = error
                break
            found |= {(job, each.record.id): each for each in held if each.record.job_id == job}
            if len(held) < len(envelope.data) or any(each.record.job_id != job for each in held):
                missing = self._client.unreadable()
            offset += len(envelope.data)
            if found.keys() >= wanted or envelope.next is None or not envelope.data:
                break
        else:
            missing = self._client.fault(SourceErrorCode.BAD_RESPONSE, "The executions of the job have no end.")
        return {pair: found.get(pair, missing) for pair in wanted}

    def _named(self, held: Fetched[Held[ExecutionRecord]], job: Fetched[Job]) -> Fetched[Execution]:
        """An execution with its job. Without the job it has no name, so that a job's fault is the execution's too."""
        if not isinstance(held, Held):
            return held
        if isinstance(job, SourceError):
            return job
        number = held.record.job_id or 0
        try:
            return self._map.execution(held, {number: job if isinstance(job, Job) else None})
        except ValueError:
            return self._client.unreadable()

    async def _fetch_server(self, name: str) -> Fetched[Node]:
        """A job server, if an execution names it: there is no list of servers."""
        asks = "serverName" in self._offered.executions and pushable(name)
        params = (("tql", text_of(Among("serverName", (name,)))),) if asks else ()
        try:
            window = Window(0, _SERVER_ROWS if asks else LARGEST_PAGE)
            envelope, held = await self._client.page(EXECUTIONS, params, window, _EXECUTIONS)
        except SourceError as error:
            return error
        if any(each.record.server_name == name for each in held):
            return self._map.node(name)
        if envelope.next is not None:
            return self._client.fault(
                SourceErrorCode.UNSUPPORTED, "It has too many executions to find out whether there is such a server."
            )
        return NOT_FOUND if len(held) == len(envelope.data) else self._client.unreadable()

    # --- the rest

    async def ping(self) -> Ping:
        await self._client.page(JOBS, (), Window(0, 1), _UNREAD)
        return Ping(None)

    def parse_native_id(self, kind: Kind, native_id: str) -> tuple[str, ...] | None:
        parts = (native_id,) if kind == "node" else tuple(native_id.split("/"))
        match kind:
            case "node":
                known = server_of(parts) is not None
            case "job":
                known = len(parts) == 1 and number_of(parts[0]) is not None
            case "execution":
                known = len(parts) == 2 and all(number_of(part) is not None for part in parts)
        return parts if known else None

    def details(self, entity: Entity) -> object | None:
        if entity.record is None:
            return None
        record = entity.record.record
        return details.job_details(record) if isinstance(record, JobRecord) else details.execution_details(record)

    def raw(self, entity: Entity) -> Any:
        return None if entity.record is None else redacted(msgspec.json.decode(entity.record.raw))

    async def aclose(self) -> None:
        return None

    # --- rows

    def _jobs_read(self, attributes: frozenset[str] | None) -> Rows[Job]:
        """How the records of jobs are read: with their own JSON, or so many attributes of theirs only."""
        if attributes is None:
            return Rows(lambda raw: self._map.job(read(raw, JobRecord)))
        return rows_of(JOB_SHAPE.reading(attributes), self._map)


def _itself(sent: T) -> T:
    return sent


def _execution(raw: Raw) -> Held[ExecutionRecord]:
    return read(raw, ExecutionRecord)


_EXECUTIONS = Rows(_execution)
_UNREAD: Rows[Raw] = Rows(_itself)


def _executions_read(attributes: frozenset[str] | None) -> Rows[Any]:
    """How executions are read before their jobs are known: as ``Mapper.executions`` takes them."""
    if attributes is None:
        return _EXECUTIONS
    reading = EXECUTION_SHAPE.reading(attributes)
    return Rows(reading.decode, reading.record, _itself)


def _job_number(attributes: frozenset[str] | None) -> Callable[[Any], int | None]:
    """What tells the job of an execution that was read so."""
    return attrgetter("record.job_id" if attributes is None else "job_id")


def _number(key: Key) -> int | None:
    """The number of a job."""
    return number_of(key.parts[0]) if key.kind == "job" and len(key.parts) == 1 else None


def _pair(key: Key) -> tuple[int, int] | None:
    """The numbers of an execution's job and its own."""
    numbers = [number_of(part) for part in key.parts]
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
        return None
    return numbers[0], numbers[1]


def _envelope(envelope: Envelope[Any]) -> Mapping[str, Any] | None:
    counts = {"countSuccess": envelope.count_success, "countFailure": envelope.count_failure}
    return {name: count for name, count in counts.items() if count is not None} or None
