"""Federations of memory sources for property tests, and a client that pages through them as the documentation says."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from adapters.memory import ALL_FILTERS, ALL_ORDERS, Behaviour, MemoryAdapter, MemoryStore
from gateway.config import BudgetSettings
from gateway.cursor import Cursor, CursorCodec
from gateway.instant import Instant
from gateway.merge import MergedPage, MergeSource, merge_page
from gateway.model import Execution, ExecutionStatus, Key
from gateway.query import ExecutionFilter, InstantRange, ListQuery, Order, OrderField, order_value, position, predicate

WIDE = BudgetSettings(rows=100_000, requests=100_000, seconds=60)
STATUSES = (ExecutionStatus.RUNNING, ExecutionStatus.SUCCEEDED, ExecutionStatus.FAILED)
SECOND = 1_000_000
LIST_ORDERS = (OrderField.CREATED_AT, OrderField.STARTED_AT, OrderField.FINISHED_AT, OrderField.DURATION)


def execution(
    source: str,
    native: int | str,
    *,
    created: int | None = None,
    started: int | None = None,
    finished: int | None = None,
    status: ExecutionStatus = ExecutionStatus.SUCCEEDED,
) -> Execution:
    """An execution whose instants are given in seconds since the epoch."""
    instants = [None if value is None else Instant.from_us(value * SECOND) for value in (created, started, finished)]
    return Execution(
        key=Key("execution", source, (str(native),)),
        name=f"run {native}",
        tie=(native,),
        status=status,
        created_at=instants[0],
        started_at=instants[1],
        finished_at=instants[2],
        duration_seconds=None if started is None or finished is None else float(abs(finished - started)),
    )


@dataclass
class Federation:
    """Memory sources by name, with the adapters that serve them and the budget each page may spend on one."""

    adapters: dict[str, MemoryAdapter] = field(default_factory=dict)
    budgets: dict[str, BudgetSettings] = field(default_factory=dict)
    untrusted: set[str] = field(default_factory=set)
    codec: CursorCodec = field(default_factory=lambda: CursorCodec(b"test"))

    def add(self, name: str, rows: Sequence[Execution], behaviour: Behaviour, budget: BudgetSettings = WIDE) -> None:
        store = MemoryStore()
        store.put(rows)
        self.adapters[name] = MemoryAdapter(name, store, behaviour)
        self.budgets[name] = budget

    async def page(
        self, given: ExecutionFilter, order: Order, first: int, after: str | None, *, totals: bool = False
    ) -> tuple[MergedPage, str | None]:
        """One page and the text of its end cursor, through the codec as a real client's would go."""
        cursor: Cursor | None = None if after is None else self.codec.decode(after, "list")
        sources = [
            MergeSource(name, adapter, self.budgets[name], trusted=name not in self.untrusted)
            for name, adapter in self.adapters.items()
        ]
        query = ListQuery("execution", given, order)
        page = await merge_page(sources, query, first=first, after=cursor, now=0, totals=totals)
        self.untrusted |= page.disordered
        return page, None if page.end is None else self.codec.encode(page.end, "list")

    def truth(self, given: ExecutionFilter, order: Order) -> list[Key]:
        """The whole list, sorted by definition."""
        matches = predicate(given)
        rows = [
            (position(order_value(row, order.field), order, name, row.tie, int(order.field in adapter.behaviour.never)), row)
            for name, adapter in self.adapters.items()
            for row in adapter.store.rows("execution")
            if matches(row)
        ]
        return [row.key for _, row in sorted(rows, key=lambda pair: pair[0])]


def orders() -> st.SearchStrategy[Order]:
    return st.builds(Order, st.sampled_from(LIST_ORDERS), st.booleans())


def ranges() -> st.SearchStrategy[InstantRange]:
    bound = st.none() | st.integers(0, 30).map(lambda value: value * SECOND)
    return st.builds(InstantRange, bound, bound)


def filters() -> st.SearchStrategy[ExecutionFilter]:
    return st.builds(
        ExecutionFilter,
        statuses=st.none() | st.sets(st.sampled_from(STATUSES)).map(frozenset),
        created_at=st.none() | ranges(),
        finished_at=st.none() | ranges(),
        active_during=st.none() | ranges(),
        search=st.none() | st.sampled_from(["1", "run", "2"]),
    )


def behaviours(paging: st.SearchStrategy[Any] | None = None) -> st.SearchStrategy[Behaviour]:
    return st.builds(
        Behaviour,
        filters=st.sets(st.sampled_from(sorted(ALL_FILTERS))).map(frozenset),
        orders=st.just(ALL_ORDERS)
        | st.sets(st.sampled_from(sorted(ALL_ORDERS, key=lambda order: order.value))).map(frozenset),
        paging=paging or st.sampled_from(["number", "offset", "token", "key", "parents"]),
        largest_page=st.integers(10, 20),
        counts=st.booleans(),
    )


@st.composite
def federations(draw: st.DrawFn, budgets: st.SearchStrategy[BudgetSettings] | None = None) -> Federation:
    federation = Federation()
    for index in range(draw(st.integers(1, 5))):
        name = f"s{index}"
        native: st.SearchStrategy[Any] = (
            st.integers(0, 400) if draw(st.booleans()) else st.text("ab:/%é", min_size=1, max_size=4)
        )
        instant = st.none() | st.integers(0, 30)
        never = draw(st.sets(st.sampled_from(LIST_ORDERS[:3]), max_size=1))
        natives = draw(st.lists(native, unique=True, max_size=40))
        rows = [
            execution(
                name,
                one,
                created=None if OrderField.CREATED_AT in never else draw(instant),
                started=None if OrderField.STARTED_AT in never else draw(instant),
                finished=None if OrderField.FINISHED_AT in never else draw(instant),
                status=draw(st.sampled_from(STATUSES)),
            )
            for one in natives
        ]
        behaviour = draw(behaviours())
        behaviour = Behaviour(
            filters=behaviour.filters,
            orders=behaviour.orders,
            never=frozenset(
                never | ({OrderField.DURATION} if never & {OrderField.STARTED_AT, OrderField.FINISHED_AT} else set())
            ),
            paging=behaviour.paging,
            largest_page=behaviour.largest_page,
            counts=behaviour.counts,
        )
        federation.add(name, rows, behaviour, WIDE if budgets is None else draw(budgets))
    return federation
