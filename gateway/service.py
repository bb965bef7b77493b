"""The use cases, without GraphQL and without HTTP: lists, keyed reads, an execution's nodes."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from msgspec import Struct

from gateway import ids
from gateway.cache import KeptScans
from gateway.config import ServerSettings
from gateway.cursor import Cursor, CursorCodec, fingerprint, packed, unpacked
from gateway.errors import SourceError, SourceErrorCode, UserError
from gateway.loaders import Answer, EachBudget, Loaders, SupportsLatest
from gateway.log_reading import Lines, LogPlace, LogRequest, first_query, read_lines
from gateway.log_watch import LogBatch, LogWatch
from gateway.merge import MergedPage, MergeSource, SourceReport, SourceReportState, merge_page
from gateway.model import Entity, Execution, Job, Key, Kind, Node
from gateway.nodes import NodesPage, NodesRequest, nodes_at_hand, read_nodes
from gateway.query import ExecutionFilter, Filter, ListQuery, Order, OrderField
from gateway.registry import Registry, Source
from gateway.spi import NOT_FOUND, Cost, SupportsLogBatches, SupportsTql, supports
from gateway.transport import Meter
from gateway.watch import Watch

MAX_FIRST = 1000
MAX_LINES = 10_000
MAX_TAIL = 10_000

_ENTITIES = (Job, Execution, Node)


class ListRequest(Struct, frozen=True):
    """A list as asked for.

    ``filter`` makes the filter once it is known which instant "now" is (the first page's). ``given`` is the same input as
    JSON, to which cursors are bound. ``sources`` restricts which are asked; None means all. ``within`` is the job or node
    whose list it is.
    """

    kind: Kind
    filter: Callable[[int], Filter]
    given: Any
    order: Order
    first: int
    after: str | None
    fail_on_error: bool = False
    sources: frozenset[str] | None = None
    within: Key | None = None
    fields: frozenset[str] = frozenset()
    totals: bool = False


class ListPage(Struct, frozen=True):
    """A page of a list, and how to write its cursors."""

    page: MergedPage
    request: ListRequest
    reports: Sequence[SourceReport]
    partial: bool
    codec: CursorCodec
    fingerprint: str

    def cursors(self) -> list[str]:
        """The texts of the cursors behind its rows."""
        page, last = self.page, len(self.page.rows) - 1
        if not page.alike or last < 1:
            return [self.cursor(index) for index in range(last + 1)]
        # The last one knows more: how the sources can be resumed.
        alike = self.codec.encode_alike(page.cursor(0), self.fingerprint, page.places[:-1])
        return [*alike, self.cursor(last)]

    def cursor(self, index: int) -> str:
        """The text of the cursor behind a row."""
        return self.codec.encode(self.page.cursor(index), self.fingerprint)

    @property
    def end(self) -> str | None:
        """The text of the cursor to go on from."""
        return self.request.after if self.page.end is None else self.codec.encode(self.page.end, self.fingerprint)


@dataclass(frozen=True, slots=True)
class LogListing:
    """A page of a log, and how to write its cursors."""

    page: Lines
    mark: str
    after: str | None
    codec: CursorCodec

    def cursor(self, sequence: int) -> str:
        """The text of the place behind a line."""
        return self.codec.encode(Cursor((0, sequence, "", ()), now=0), self.mark)

    @property
    def end(self) -> str | None:
        """Where to go on: behind everything that was read, wanted or not."""
        return self.after if self.page.passed is None else self.cursor(self.page.passed)


@dataclass(slots=True)
class Session:
    """What one request of a caller shares: its loaders, its meter, its count of nested lists."""

    loaders: Loaders
    meter: Meter
    nested: int = 0


class Gateway:
    """Everything behind the API."""

    def __init__(self, registry: Registry, server: ServerSettings, cursor_key: bytes | None = None) -> None:
        self.registry = registry
        self.server = server
        if server.cursor_key is not None:
            cursor_key = server.cursor_key.get_secret_value().encode()
        self.codec = CursorCodec(cursor_key or secrets.token_bytes(32))
        self._dear: dict[str, frozenset[tuple[type, str]]] = {}
        self._kept = KeptScans(server.kept_scan_seconds, server.kept_scan_bytes)
        self.watch = Watch(server.poll_seconds)
        self.log_watch = LogWatch(server.poll_seconds, self.watch.alarm)

    def dear(self, name: str) -> frozenset[tuple[type, str]]:
        """Types and sources where the field ``name`` costs one request per row."""
        found = self._dear.get(name)
        if found is None:
            found = self._dear[name] = frozenset(
                (type_, source.name)
                for source in self.registry.sources.values()
                for type_ in (Job, Execution, Node)
                if source.adapter.capabilities.cost(f"{type_.__name__}.{name}") is Cost.EACH
            )
        return found

    def session(self) -> Session:
        """What a new request starts with."""
        deadline = asyncio.get_running_loop().time() + self.server.deadline_seconds
        each = EachBudget(self.server.each_reads, self.server.each_seconds)
        return Session(Loaders(self.registry, each), Meter(deadline))

    # --- lists

    async def list(self, request: ListRequest) -> ListPage:
        """A page of a merged list. Raises UserError for bad arguments, SourceError where a fault must fail it."""
        if not 0 <= request.first <= MAX_FIRST:
            raise UserError(f"`first` must be from 0 to {MAX_FIRST}.")
        within = None if request.within is None else ids.encode(request.within)
        mark = fingerprint(
            request.kind,
            within,
            request.given,
            request.order.field.value,
            request.order.descending,
            sorted(request.sources or ()),
        )
        after = None if request.after is None else self.codec.decode(request.after, mark)
        now = time.time_ns() // 1000 if after is None else after.now
        given = request.filter(now)
        asked = [
            source for source in self.registry.sources.values() if request.sources is None or source.name in request.sources
        ]
        _judge_tql(given, asked)
        page = await merge_page(
            [MergeSource(source.name, source.adapter, source.settings.budget, source.trusted) for source in asked],
            ListQuery(request.kind, given, request.order, request.fields),
            first=request.first,
            after=after,
            now=now,
            totals=request.totals,
            kept=self._kept,
        )
        for name in page.disordered:
            self.registry.sources[name].trusted = False
        reports = [page.reports.get(name) or SourceReport(name, SourceReportState.SKIPPED) for name in self.registry.sources]
        if request.fail_on_error:
            _raise_first_fault(reports)
        incomplete = (SourceReportState.FAILED, SourceReportState.TRUNCATED)
        partial = any(report.state in incomplete for report in reports)
        return ListPage(page, request, reports, partial, self.codec, mark)

    async def latest(self, session: Session, job: Key) -> Answer:
        """The newest execution of a job; NOT_FOUND when it has none."""
        adapter = self.registry.sources[job.source].adapter
        if supports(adapter, SupportsLatest):
            return await session.loaders.latest(job)

        async def read() -> Answer:
            request = ListRequest(
                kind="execution",
                filter=lambda _now: ExecutionFilter(jobs=frozenset({job})),
                given=None,
                order=Order(OrderField.CREATED_AT),
                first=1,
                after=None,
                fail_on_error=True,
                sources=frozenset({job.source}),
                within=job,
            )
            rows = (await self.list(request)).page.rows
            return rows[0] if rows else NOT_FOUND

        return await session.loaders.each(job.source, read)

    # --- keyed reads

    def key(self, text: str, *kinds: Kind) -> Key | Source:
        """The key or source that a global id names, with aliases resolved. Raises UserError, also for a wrong kind."""
        decoded = ids.decode(text)
        if isinstance(decoded, str):
            source = self.registry.find(decoded)
            if source is None:
                raise UserError("This id names a source that is not configured here.")
            if kinds:
                raise UserError(f"This is the id of a source, not of {_article(kinds[0])}.")
            return source
        if kinds and decoded.kind not in kinds:
            raise UserError(f"This is the id of {_article(decoded.kind)}, not of {_article(kinds[0])}.")
        source = self.registry.find(decoded.source)
        if source is None:
            raise UserError("This id names a source that is not configured here.")
        if source.adapter.parse_native_id(decoded.kind, decoded.native_id) != decoded.parts:
            raise UserError("This is not an id that its source could have.")
        return Key(decoded.kind, source.name, decoded.parts)

    def native_key(self, source: Source, kind: Kind, native_id: str) -> Key:
        """The key of what a source calls ``native_id``. Raises UserError when nothing there can be called so."""
        parts = source.adapter.parse_native_id(kind, native_id)
        if parts is None:
            raise UserError(f"{source.name} has no {kind} with a native id like this.")
        return Key(kind, source.name, parts)

    async def get(self, session: Session, key: Key) -> Entity | None:
        """An entity, or None when its source says that it does not exist. Raises SourceError."""
        return existing(await session.loaders.entity(key))

    async def get_native(self, session: Session, source: Source, kind: Kind, native_id: str) -> Entity | None:
        """What a source calls ``native_id``, or None when it does not exist. Raises UserError or SourceError."""
        return await self.get(session, self.native_key(source, kind, native_id))

    # --- the nodes of an execution

    def nodes_at_hand(self, request: NodesRequest) -> Callable[[Execution], NodesPage | None]:
        """What gives the nodes of executions whose record is enough to tell, and None for others.

        That function raises UserError.
        """
        return nodes_at_hand(self.codec, request, lambda execution: self.registry.sources[execution.key.source].adapter)

    async def execution_nodes(self, session: Session, execution: Execution, request: NodesRequest) -> NodesPage:
        """Nodes of an execution: those its record names, then its targets. Raises UserError or SourceError."""
        return await read_nodes(session.loaders, self.registry.sources[execution.key.source], self.codec, execution, request)

    # --- logs

    async def logs(
        self, session: Session, execution: Execution, request: LogRequest, after: str | None
    ) -> LogListing | None:
        """A page of an execution's log; None where its source keeps none. Raises UserError or SourceError."""
        if not 0 <= request.first <= MAX_LINES:
            raise UserError(f"`first` must be from 0 to {MAX_LINES}.")
        if request.tail is not None and not 0 <= request.tail <= MAX_TAIL:
            raise UserError(f"`tail` must be from 0 to {MAX_TAIL}.")
        if request.tail is not None and after is not None:
            raise UserError("`tail` and `after` exclude one another: the pages after the first go on from its cursor.")
        source = self.registry.sources[execution.key.source]
        mark = self.log_mark(execution.key)
        request = replace(request, after=None if after is None else self._log_place(after, mark).newest)
        if not source.adapter.capabilities.logs:
            return None
        begun = None
        if supports(source.adapter, SupportsLogBatches) and request.after is None and request.tail is None:
            # The first pages of many logs may be one request.
            answer = await session.loaders.first_log(execution, first_query(request))
            if isinstance(answer, SourceError):
                raise answer
            begun = answer
        lines = await session.loaders.each(
            source.name, lambda: read_lines(source.adapter, execution, request, source.settings.budget, begun)
        )
        return LogListing(lines, mark, after, self.codec)

    async def follow_log(self, execution: Execution, request: LogRequest, after: str | None) -> AsyncIterator[LogBatch]:
        """Batches of an execution's log behind ``after``, until it is complete. Raises UserError for a wrong cursor."""
        source = self.registry.sources[execution.key.source]
        place = LogPlace() if after is None else self._log_place(after, self.log_mark(execution.key))
        async for batch in self.log_watch.follow(source, execution, request, place):
            yield batch

    def log_mark(self, key: Key) -> str:
        """What cursors of a log are bound to: the execution. Streams and search may change on the way."""
        return fingerprint("logs", ids.encode(key))

    def log_cursor(self, place: LogPlace, mark: str) -> str | None:
        """The text of a place in a log; None for its beginning."""
        if place.newest is None:
            return None
        hints: dict[str, int | str] = {}
        if place.since is not None and (place.seen or place.since != place.newest):
            hints = {"since": place.since, "seen": packed(place.seen)}
        return self.codec.encode(Cursor((0, place.newest, "", ()), now=0, hints=hints), mark)

    def _log_place(self, text: str, mark: str) -> LogPlace:
        cursor = self.codec.decode(text, mark)
        since, seen = cursor.hints.get("since"), cursor.hints.get("seen")
        newest = cursor.boundary[1]
        if isinstance(since, int) and isinstance(seen, str):
            return LogPlace(newest, since, unpacked(seen))
        return LogPlace(newest, newest)


def _judge_tql(given: Filter, asked: Sequence[Source]) -> None:
    """Refuse a person's TQL that every source refuses of those which speak it. Raises UserError.

    What only some refuse (their servers offer other parameters) these report themselves.
    """
    if not isinstance(given, ExecutionFilter) or given.tql is None:
        return
    refusals = [source.adapter.refuse_tql(given.tql) for source in asked if supports(source.adapter, SupportsTql)]
    if refusals and all(refusals):
        raise UserError(refusals[0] or "")


def existing(answer: Answer) -> Entity | None:
    """The entity of an answer; None for NOT_FOUND. Raises the SourceError."""
    if isinstance(answer, SourceError):
        raise answer
    return answer if isinstance(answer, _ENTITIES) else None


def _article(kind: Kind) -> str:
    return f"an {kind}" if kind == "execution" else f"a {kind}"


def _raise_first_fault(reports: Sequence[SourceReport]) -> None:
    for report in reports:
        if report.state is SourceReportState.FAILED:
            raise report.error or SourceError(SourceErrorCode.INTERNAL, "It failed.", source=report.source)


def upstream_requests(session: Session) -> Mapping[str, int]:
    """Every request sent for a session so far, by source."""
    return dict(sorted(session.meter.requests.items()))
