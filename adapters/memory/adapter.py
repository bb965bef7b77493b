"""The reference adapter: does everything an adapter can, over a table in memory; every ability can be switched off.

It is the oracle of the conformance suite and the thing to read before writing an adapter of one's own.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from adapters.memory.store import MemoryStore
from gateway.errors import SourceError, SourceErrorCode
from gateway.model import Entity, Execution, Key, Kind, Tie
from gateway.pagination import Window, numbered_pages, reached
from gateway.query import (
    ListQuery,
    Order,
    OrderField,
    Position,
    Predicate,
    order_value,
    parts_of,
    position,
    position_value,
    predicate,
)
from gateway.spi import (
    NOT_FOUND,
    At,
    Capabilities,
    Fetched,
    Guarantee,
    LogPage,
    LogQuery,
    Page,
    Ping,
    ScanPlan,
    Start,
    TargetPage,
)
from gateway.transport import current_meter

Paging = Literal["number", "offset", "token", "key", "parents"]

ALL_FILTERS = frozenset(
    {
        "status",
        "rawStatus",
        "jobId",
        "name",
        "nodeId",
        "nodeName",
        "triggerKind",
        "actor",
        "search",
        "createdAt",
        "startedAt",
    }
    | {"finishedAt", "activeDuring", "state", "rawState", "updatedAt", "nodeKind", "active"}
)
ALL_ORDERS = frozenset(OrderField)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What this source can do.

    ``never`` names order fields that its rows never carry. ``largest_page`` is its limit on page sizes. With ``parents``
    there is no list of all rows, only one for each of several parents, none of them sorted: the gateway sorts as it reads.
    """

    filters: frozenset[str] = ALL_FILTERS
    orders: frozenset[OrderField] = ALL_ORDERS
    never: frozenset[OrderField] = frozenset()
    paging: Paging = "key"
    largest_page: int = 100
    counts: bool = True
    log_late_seconds: float = 0.0
    min_poll_seconds: float = 0.1


@dataclass(frozen=True, slots=True)
class _Native:
    """What a memory plan asks for: the query with the filter parts that are left to the gateway."""

    query: ListQuery
    residual: frozenset[str]

    @property
    def matches(self) -> Predicate:
        return predicate(self.query.filter, self.residual)


class MemoryAdapter:
    """One source in memory."""

    def __init__(self, name: str, store: MemoryStore, behaviour: Behaviour | None = None) -> None:
        self.name = name
        self.store = store
        self.behaviour = behaviour or Behaviour()
        self.capabilities = Capabilities(
            lists_all_executions=True,
            pushed_filters=self.behaviour.filters,
            orders=self.behaviour.orders if self.behaviour.paging != "parents" else frozenset(),
            counts=self.behaviour.counts,
            batch_size=self.behaviour.largest_page,
            logs=True,
            log_late_seconds=self.behaviour.log_late_seconds,
            nodes=True,
            min_poll_seconds=self.behaviour.min_poll_seconds,
        )

    def plan(self, query: ListQuery) -> ScanPlan:
        given = parts_of(query.filter)
        pushed = given & self.behaviour.filters
        reports_key = query.order.field not in self.behaviour.never
        return ScanPlan(
            native=_Native(query, given - pushed),
            pushed=pushed,
            order=self._guarantee(query.order.field),
            reports_key=reports_key,
            counts=self.behaviour.counts,
        )

    def _guarantee(self, field: OrderField) -> Guarantee:
        if field not in self.behaviour.orders:
            return Guarantee.NONE
        if self.behaviour.paging != "parents":
            return Guarantee.EXACT
        return Guarantee.NONE if field is OrderField.NATIVE or field in self.behaviour.never else Guarantee.BOUNDED

    async def scan(self, plan: ScanPlan, start: Start) -> AsyncIterator[Page[Entity]]:
        native: _Native = plan.native
        order = native.query.order
        if not plan.reports_key:
            order = Order(OrderField.NATIVE)
        paging = self.behaviour.paging
        if plan.order is Guarantee.BOUNDED:
            async for page in self._by_parent(native, order):
                yield page
        elif plan.order is Guarantee.NONE or paging in ("number", "offset"):
            # A source that does not sort sends its rows as they were inserted, whatever was asked for.
            sorts = order if plan.order is Guarantee.EXACT else None
            by_offset = paging == "offset"
            async for page in numbered_pages(
                lambda window: self._window(native, sorts, window), start, order, self._largest, any_offset=by_offset
            ):
                yield page
        elif paging == "token":
            async for page in self._by_token(native, order, start):
                yield page
        else:
            async for page in self._by_key(native, order, start):
                yield page

    async def count(self, plan: ScanPlan) -> int | None:
        self._request()
        return len(self._rows(plan.native, None))

    async def fetch(self, keys: Sequence[Key]) -> Sequence[Fetched[Entity]]:
        for _ in range(0, len(keys), self.behaviour.largest_page):
            self._request()
        return [self.store.entities.get(key, NOT_FOUND) for key in keys]

    async def fetch_full(self, key: Key) -> Fetched[Entity]:
        self._request()
        return self.store.entities.get(key, NOT_FOUND)

    async def targets(self, execution: Execution, *, failed: bool | None, first: int, after: Tie | None) -> TargetPage:
        self._request()
        rows = [
            result
            for result in sorted(self.store.targets.get(execution.key, ()), key=lambda result: result.node.tie)
            if failed is None or result.failed is failed
        ]
        rest = [result for result in rows if after is None or result.node.tie > after]
        return TargetPage(rest[:first], more=len(rest) > first, total=len(rows))

    async def logs(self, execution: Execution, query: LogQuery) -> AsyncIterator[LogPage]:
        after = query.after
        written = self.store.logs.get(execution.key, ())
        if query.tail is not None:
            last = sorted(line.sequence for line in written)[-query.tail :] if query.tail else []
            after = last[0] - 1 if last else max((line.sequence for line in written), default=None)
        while True:
            self._request()
            rest = sorted(
                (line for line in self.store.logs.get(execution.key, ()) if after is None or line.sequence > after),
                key=lambda line: line.sequence,
            )
            page, more = rest[: query.rows], len(rest) > query.rows
            yield LogPage(page, more=more, complete=not more and execution.key in self.store.written)
            if not more:
                return
            after = page[-1].sequence

    async def ping(self) -> Ping:
        self._request()
        return Ping(version="memory")

    def parse_native_id(self, kind: Kind, native_id: str) -> tuple[str, ...] | None:  # noqa: ARG002 - all kinds look alike
        return (native_id,) if native_id else None

    def details(self, entity: Entity) -> object | None:
        return entity.record if isinstance(entity.record, dict) else None

    def raw(self, entity: Entity) -> Any:
        return entity.record

    async def aclose(self) -> None:
        return None

    # --- pages

    @property
    def _largest(self) -> int:
        return self.behaviour.largest_page

    def _request(self) -> None:
        if (meter := current_meter()) is not None:
            meter.count(self.name)

    def _rows(self, native: _Native, order: Order | None) -> list[Entity]:
        matches = native.matches
        rows = [row for row in self.store.rows(native.query.kind) if matches(row)]
        if order is not None:
            rows.sort(key=lambda row: position(order_value(row, order.field), order, "", row.tie))
        return rows

    async def _window(self, native: _Native, order: Order | None, wanted: Window) -> Page[Entity]:
        self._request()
        rows = self._rows(native, order)
        page = rows[wanted.offset : wanted.offset + wanted.size]
        more = wanted.offset + wanted.size < len(rows)
        return Page(page, returned=len(page), more=more, here=wanted.offset, total=len(rows))

    async def _by_token(self, native: _Native, order: Order, start: Start) -> AsyncIterator[Page[Entity]]:
        size = min(start.rows, self._largest)
        offset = self._read_token(start.hint) if isinstance(start.hint, str) else 0
        while True:
            self._request()
            rows = self._rows(native, order)
            page = rows[offset : offset + size]
            more = offset + size < len(rows)
            here = None if offset == 0 else f"{self.store.epoch}:{offset}"
            yield Page(page, returned=len(page), more=more, here=here, total=len(rows))
            if not more:
                return
            offset += size

    def _read_token(self, token: str) -> int:
        epoch, _, offset = token.partition(":")
        if epoch != str(self.store.epoch):
            raise SourceError(SourceErrorCode.CURSOR_EXPIRED, "The page token has expired.", source=self.name)
        return int(offset)

    async def _by_parent(self, native: _Native, order: Order) -> AsyncIterator[Page[Entity]]:
        """One parent after the other, the one with the first row in the order first, each as its rows were inserted."""
        parents: dict[int, list[Entity]] = {}
        for row in self._rows(native, None):
            parents.setdefault(len(row.key.native_id) + ord(row.key.native_id[-1]) % 5, []).append(row)

        def first(rows: Sequence[Entity]) -> Position:
            return min(position(order_value(row, order.field), order, "", ()) for row in rows)

        waiting = sorted(parents.values(), key=first)
        if not waiting:
            self._request()
            yield Page((), returned=0, more=False)
        while waiting:
            rows = waiting.pop(0)
            for offset in range(0, len(rows), self._largest):
                self._request()
                part, rest = rows[offset : offset + self._largest], rows[offset + self._largest :]
                coming = [first(each) for each in (rest, *waiting) if each]
                settled = At(position_value(min(coming), order), None) if coming else None
                yield Page(part, returned=len(part), more=bool(coming), settled=settled)

    async def _by_key(self, native: _Native, order: Order, start: Start) -> AsyncIterator[Page[Entity]]:
        size = min(start.rows, self._largest)
        at, total = start.at, None
        last: Entity | None = None
        while True:
            self._request()
            rows = self._rows(native, order)
            if last is None and at is None:
                total = len(rows)
            after = position(order_value(last, order.field), order, "", last.tie) if last is not None else None
            rest = [
                row
                for row in rows
                if (at is None or not reached(row, at, order))
                and (after is None or position(order_value(row, order.field), order, "", row.tie) > after)
            ]
            page, more = rest[:size], len(rest) > size
            yield Page(page, returned=len(page), more=more, total=total)
            if not more:
                return
            last = page[-1]
