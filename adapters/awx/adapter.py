"""AWX as a source: reading executions (``/jobs/``), jobs (``/job_templates/``) and nodes (``/hosts/``, ``/instances/``).

Where more types than jobs are wanted, executions are read from ``/unified_jobs/`` (see ``kinds``).
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from adapters.awx import planning, scanning
from adapters.awx.capabilities import capabilities_of
from adapters.awx.client import LARGEST_PAGE, AwxClient, Batch, Param
from adapters.awx.keys import HOST_NAME, INSTANCE, last_id, named, number, parse
from adapters.awx.kinds import JOB, PATHS, UNIFIED, WORKFLOW, Listing, SeenTypes
from adapters.awx.logs import LogReader
from adapters.awx.mapping import EXECUTIONS, HOSTS, INSTANCES, JOBS, Mapper, type_of
from adapters.awx.records import JobRecord, Sent
from adapters.awx.wake_ups import WakeUps
from gateway.errors import SourceError, SourceErrorCode
from gateway.model import Entity, Execution, ExecutionPhase, Job, Key, Kind, Tie
from gateway.query import ListQuery
from gateway.records import Rows, Shape, rows_of
from gateway.redaction import redacted
from gateway.spi import NOT_FOUND, Fetched, LogPage, LogQuery, NotFound, Page, Ping, ScanPlan, Start, TargetPage
from gateway.together import together
from gateway.transport import SourceClient

if TYPE_CHECKING:
    from adapters.awx import AwxSettings

_LIST_CHARACTERS = 4000


class AwxAdapter:
    """One AWX (or automation controller). ``settings`` are those that ``client`` was made with."""

    def __init__(self, name: str, settings: "AwxSettings", client: SourceClient) -> None:
        self.name = name
        self._listing = Listing(settings.job_types)
        self.capabilities = capabilities_of(self._listing)
        self._seen = SeenTypes()
        self._client = AwxClient(client)
        self._wake_ups = WakeUps(settings, client)
        self._mapper = Mapper(name, settings.ui_url or _origin(settings.base_url))
        executions = _in_full(self._execution), EXECUTIONS
        self._reads: dict[str, tuple[Rows[Entity], Shape[Mapper, Any, Any]]] = {
            UNIFIED: executions,
            PATHS[JOB]: executions,
            PATHS[WORKFLOW]: executions,
            "job_templates/": (_in_full(self._mapper.job), JOBS),
            "hosts/": (_in_full(self._mapper.host), HOSTS),
            "instances/": (_in_full(self._mapper.instance), INSTANCES),
        }

    # --- lists

    def plan(self, query: ListQuery) -> ScanPlan:
        return planning.plan(query, self._listing)

    def scan(self, plan: ScanPlan, start: Start) -> AsyncIterator[Page[Entity]]:
        return scanning.pages(self._read, plan, start)

    async def count(self, plan: ScanPlan) -> int | None:
        leg: planning.Leg = plan.native[0]
        batch = await self._client.page(leg.path, leg.params, self._rows(leg.path), size=1, counted=True)
        return batch.count

    async def _read(self, section: scanning.Section, size: int, counted: bool) -> Batch[Entity]:
        path, rows = section.leg.path, self._rows(section.leg.path, section.leg.attributes)
        return await self._client.page(path, section.params, rows, size=size, counted=counted)

    def _rows(self, path: str, attributes: frozenset[str] | None = None) -> Rows[Entity]:
        """How the records of a list are read: with their own JSON, or so many attributes of theirs only."""
        full, shape = self._reads[path]
        if attributes is None:
            return full
        reading = shape.reading(attributes)
        if shape is not EXECUTIONS:
            return rows_of(reading, self._mapper)
        make, seen = reading.maker(self._mapper), self._seen

        def execution(record: JobRecord) -> Execution:
            row = make(record)
            # For every row of a page: no call where there is nothing new.
            return row if record.id in seen and row.parent is None else self._noted(record, row)

        return rows_of(reading, self._mapper, execution)

    # --- keyed reads

    async def fetch(self, keys: Sequence[Key]) -> Sequence[Fetched[Entity]]:
        """Entities by key: one request per 200 ids of a kind. Instances that may not be seen come as their name only.

        Where jobs alone are listed, a number that no job has takes a second request: it may be a workflow job's, which its
        steps name as their parent.
        """
        answers: dict[Key, Fetched[Entity]] = {}
        by_path: dict[str, list[Key]] = {}
        for key in dict.fromkeys(keys):
            if (path := self._path(key, answers)) is not None:
                by_path.setdefault(path, []).append(key)
        # Judged first: the rows that come may tell of what was asked for in vain.
        uncertain = [key for key in by_path.get(PATHS[JOB], ()) if self._type(key) is None]
        await together([self._batch(path, chunk, answers) for path, found in by_path.items() for chunk in _chunks(found)])
        if rest := [key for key in uncertain if key not in answers]:
            await together([self._batch(PATHS[WORKFLOW], chunk, answers) for chunk in _chunks(rest)])
        return [answers.get(key, NOT_FOUND) for key in keys]

    def _path(self, key: Key, answers: dict[Key, Fetched[Entity]]) -> str | None:
        """The list that has what a key names, if one is to be asked. What is known of a node without is its answer."""
        if key.kind == "node":
            if (name := named(key, HOST_NAME)) is not None:
                answers[key] = self._mapper.deleted_host(name)
                return None
            if (hostname := named(key, INSTANCE)) is not None:
                answers[key] = self._mapper.mentioned_instance(hostname, known=None)
                return None if "," in hostname else "instances/"
        row_id = number(key)
        if row_id is None:
            return None
        if key.kind != "execution":
            return _PATHS[key.kind]
        path = self._listing.path
        return PATHS[WORKFLOW] if path == PATHS[JOB] and self._seen.get(row_id) == WORKFLOW else path

    def _type(self, key: Key) -> str | None:
        """The type of the unified job that an execution is, if a record of it was seen."""
        row_id = number(key)
        return None if row_id is None else self._seen.get(row_id)

    async def _batch(self, path: str, chunk: list[Key], answers: dict[Key, Fetched[Entity]]) -> None:
        column = "hostname__in" if path == "instances/" else "id__in"
        params: list[Param] = [(column, ",".join([key.parts[-1] for key in chunk])), ("order_by", "id")]
        if path == UNIFIED:
            params += self._listing.look_up
        try:
            batch = await self._client.page(path, params, self._rows(path), size=LARGEST_PAGE)
        except SourceError as error:
            answers |= dict.fromkeys(chunk, error)
            return
        if batch.unreadable:
            # Which of them it was cannot be told: those that are missing may be there.
            answers |= dict.fromkeys(chunk, self._client.unreadable())
        found = {row.key: row for row in batch.rows}
        answers |= found
        if batch.more and 0 < len(rest := [key for key in chunk if key not in found]) < len(chunk):
            # An AWX that gives smaller pages than were asked for: the rest is asked for again.
            await self._batch(path, rest, answers)

    async def fetch_full(self, key: Key) -> Fetched[Entity]:
        """An execution from the URL of its type; jobs and nodes have nothing that their lists do not send.

        One request where the type is known from a record seen lately, else one or two more.
        """
        if key.kind != "execution":
            return (await self.fetch([key]))[0]
        row_id = number(key)
        if row_id is None:
            return NOT_FOUND
        kinds = await self._candidates(key)
        if not isinstance(kinds, tuple):
            return kinds
        found: Fetched[Entity] = NOT_FOUND
        for kind in kinds:
            try:
                found = await self._client.record(f"{PATHS[kind]}{row_id}/", lambda raw: self._execution(raw, full=True))
            except SourceError as error:
                return error
            if found is not NOT_FOUND:
                return found
        return found

    async def _candidates(self, key: Key) -> tuple[str, ...] | NotFound | SourceError:
        """The types at whose addresses an execution may be; or why it is at none."""
        known = self._type(key)
        if known is None and self._listing.only_jobs:
            return (JOB, WORKFLOW)
        if known is None:
            (listed,) = await self.fetch([key])
            if isinstance(listed, SourceError | NotFound):
                return listed
            known = self._type(key)
        return (known or JOB,)

    async def latest(self, keys: Sequence[Key]) -> Sequence[Fetched[Execution]]:
        """The newest execution of each job: one request for 200 jobs, one for 200 executions (DECISIONS 22).

        NOT_FOUND for a job that has none, or that is not there. AWX names the last ten jobs of a template, open ones
        first: with ten open ones, a newer one that has ended is passed over.
        """
        jobs = await self.fetch(keys)
        newest = [_latest_key(job) for job in jobs]
        found = await self.fetch([key for key in newest if isinstance(key, Key)])
        executions = iter(found)
        answers = [next(executions) if isinstance(key, Key) else key for key in newest]
        return [answer if isinstance(answer, Execution | SourceError) else NOT_FOUND for answer in answers]

    # --- the nodes of an execution

    async def targets(self, execution: Execution, *, failed: bool | None, first: int, after: Tie | None) -> TargetPage:
        """The hosts that the execution acted on, by the id of their summary; none before it has ended."""
        params: list[Param] = [("order_by", "id")]
        last = last_id(after)
        if last is not None:
            params.append(("id__gt", str(last)))
        if failed is not None:
            params.append(("failed", "true" if failed else "false"))
        size = min(first + 1, LARGEST_PAGE)
        # After a place, AWX's count is that of the rest. A full page of the largest size needs it to tell of more.
        counted = last is None or size == LARGEST_PAGE
        path = f"jobs/{number(execution.key)}/job_host_summaries/"
        rows = Rows(lambda raw: self._mapper.target(bytes(raw)))
        batch = await self._client.page(path, params, rows, size=size, counted=counted)
        if batch.unreadable:
            raise self._client.unreadable()
        total = batch.count if last is None else None
        return TargetPage(batch.rows[:first], more=batch.more or len(batch.rows) > first, total=total)

    # --- the log of an execution

    async def logs(self, execution: Execution, query: LogQuery) -> AsyncIterator[LogPage]:
        """Lines by AWX's events. A workflow job prints nothing: one page without lines.

        One request per page; one more unless the run is known to go on; one or two more where its type has to be found.
        """
        row_id = number(execution.key)
        kind = await self._type_of(execution)
        if row_id is None or kind is None:
            raise SourceError(SourceErrorCode.NOT_FOUND, "It has no such run.", source=self.name)
        told = execution.known is None or "status" in execution.known
        is_open = told and execution.phase in _OPEN_PHASES
        async for page in LogReader(self._client, self._mapper, kind, row_id).pages(query, is_open=is_open):
            yield page

    async def _type_of(self, execution: Execution) -> str | None:
        """The type of an execution's unified job; None when there is none. Raises SourceError."""
        if isinstance(execution.record, Sent):
            return type_of(execution.record.fields)
        known = self._type(execution.key)
        if known is not None:
            return known
        found = await self.fetch_full(execution.key)
        if isinstance(found, SourceError):
            raise found
        return self._type(execution.key)

    # --- changes

    def wake_ups(self) -> AsyncGenerator[Key | None, None]:
        """Runs of any type whose state has changed, or whose last line is there, as AWX's websocket tells."""
        return self._wake_ups.keys()

    # --- rows

    def _execution(self, raw: bytes, *, full: bool = False) -> Execution:
        """A unified job of any type with all that it tells."""
        read = self._mapper.execution(raw, full=full)
        return self._noted(read.record.fields, read)

    def _noted(self, record: JobRecord, row: Execution) -> Execution:
        """The row, once the type of its record is remembered, and that of its parent."""
        self._seen.note(record.id, type_of(record))
        if row.parent is not None and (workflow := number(row.parent.key)) is not None:
            self._seen.note(workflow, WORKFLOW)
        return row

    # --- all else

    async def ping(self) -> Ping:
        """Two requests: ``/ping/`` tells the version to anybody, ``/me/`` answers to accepted credentials only."""
        version = await self._client.version()
        return Ping(version, await self._client.user())

    def parse_native_id(self, kind: Kind, native_id: str) -> tuple[str, ...] | None:
        return parse(kind, native_id)

    def details(self, entity: Entity) -> object | None:
        from adapters.awx.details import details_of  # strawberry takes long to import, and a check needs none of it

        return details_of(entity.record) if isinstance(entity.record, Sent) else None

    def raw(self, entity: Entity) -> Any:
        return redacted(msgspec.json.decode(entity.record.raw)) if isinstance(entity.record, Sent) else None

    async def aclose(self) -> None:
        return None


_OPEN_PHASES = (ExecutionPhase.WAITING, ExecutionPhase.ACTIVE)
_PATHS: dict[Kind, str] = {"job": "job_templates/", "node": "hosts/"}


def _origin(base_url: str | None) -> str | None:
    """Where AWX's own pages are, unless configured: at the root of the host that serves its API."""
    if base_url is None:
        return None
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}/"


def _in_full(read: Callable[[bytes], Entity]) -> Rows[Entity]:
    """How records are read with their own JSON."""
    return Rows(lambda raw: read(bytes(raw)))


def _chunks(found: list[Key]) -> list[list[Key]]:
    """Keys for one request each: AWX sends at most 200 rows, and addresses have a limit."""
    if len(found) == 1:
        return [found]
    chunks: list[list[Key]] = []
    characters = 0
    for key in found:
        length = len(key.parts[-1].encode()) * 3 + 1
        if not chunks or len(chunks[-1]) == LARGEST_PAGE or characters + length > _LIST_CHARACTERS:
            chunks.append([])
            characters = 0
        chunks[-1].append(key)
        characters += length
    return chunks


def _latest_key(job: Fetched[Entity]) -> Key | NotFound | SourceError:
    if isinstance(job, SourceError | NotFound):
        return job
    return (job.latest_execution if isinstance(job, Job) else None) or NOT_FOUND
