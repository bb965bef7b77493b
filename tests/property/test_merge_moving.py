"""Paging while the world moves: rows come, go and get new keys, and sources fail, between the pages of one traversal.

The promise (DECISIONS 4): a row that exists throughout with an unchanged key appears exactly once, unless its source was
reported; every other row at most once. Time only moves forward: a row gets its missing instant as "now".
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adapters.memory import Behaviour, MemoryAdapter, MemoryStore
from gateway.errors import SourceError, SourceErrorCode
from gateway.instant import Instant
from gateway.merge import MergeSource, SourceReportState
from gateway.model import ExecutionStatus, Key
from gateway.query import ExecutionFilter, Order, OrderField
from gateway.spi import Page, ScanPlan, Start
from tests.property.federations import SECOND, WIDE, Federation, execution, orders

PAGINGS = ("number", "offset", "token", "key", "parents")


class Flaky(MemoryAdapter):
    """A memory source that can be made to fail from some page of a scan on."""

    def __init__(self, name: str, store: MemoryStore, behaviour: Behaviour) -> None:
        super().__init__(name, store, behaviour)
        self.fails_at: int | None = None

    async def scan(self, plan: ScanPlan, start: Start) -> Any:
        pages = 0
        async for page in super().scan(plan, start):
            if self.fails_at is not None and pages >= self.fails_at:
                raise SourceError(SourceErrorCode.UNAVAILABLE, "down", source=self.name)
            pages += 1
            yield page


class Traversal(RuleBasedStateMachine):
    """One client walks one list to its end while everything else goes on."""

    may_fail = False

    def __init__(self) -> None:
        super().__init__()
        self.federation = Federation()
        self.order = Order(OrderField.CREATED_AT)
        self.after: str | None = None
        self.more = True
        self.got: list[Key] = []
        self.stable: set[Key] = set()
        self.reported: set[str] = set()
        self.pages = 0
        self.clock = 1000
        self.serial = 1000

    @initialize(
        order=orders(),
        sources=st.lists(
            st.tuples(
                st.sampled_from(PAGINGS),
                st.integers(10, 15),
                st.sampled_from([True, True, False]),
                st.lists(st.tuples(*[st.none() | st.integers(0, 50)] * 3), min_size=20, max_size=60),
            ),
            min_size=1,
            max_size=3,
        ),
    )
    def begin(self, order: Order, sources: Sequence[Any]) -> None:
        self.order = order
        for index, (paging, largest, sorts, rows) in enumerate(sources):
            name = f"s{index}"
            every = frozenset(OrderField)
            behaviour = Behaviour(paging=paging, largest_page=largest, orders=every if sorts else frozenset())
            store = MemoryStore()
            store.put(
                execution(name, number, created=created, started=started, finished=finished)
                for number, (created, started, finished) in enumerate(rows)
            )
            self.federation.adapters[name] = Flaky(name, store, behaviour)
            self.federation.budgets[name] = WIDE
            self.stable |= set(store.entities)

    @rule(first=st.integers(1, 9))
    @precondition(lambda self: self.more)
    def next_page(self, first: int) -> None:
        page, end = asyncio.run(self.federation.page(ExecutionFilter(), self.order, first, self.after))
        assert not page.has_next or page.rows or end != self.after
        self.got += [row.key for row in page.rows]
        self.after, self.more = end, page.has_next
        self.reported = {name for name, report in page.reports.items() if report.state is not SourceReportState.OK}
        self.pages += 1

    @rule(data=st.data(), created=st.none() | st.integers(0, 60))
    def insert(self, data: st.DataObject, created: int | None) -> None:
        name = data.draw(st.sampled_from(sorted(self.federation.adapters)))
        self.serial += 1
        self.clock += 1
        row = execution(name, self.serial, created=created, started=self.clock, status=ExecutionStatus.RUNNING)
        self.federation.adapters[name].store.put([row])

    @rule(data=st.data(), count=st.integers(1, 12))
    def delete(self, data: st.DataObject, count: int) -> None:
        for _ in range(count):
            adapter = self._adapter(data)
            if adapter.store.entities:
                key = data.draw(st.sampled_from(sorted(adapter.store.entities)))
                adapter.store.remove(key)
                self.stable.discard(key)

    @rule(count=st.integers(1, 20))
    def retention_removes_what_was_shown(self, count: int) -> None:
        """Pages that a source numbers shift left: what follows the boundary moves before the remembered offset."""
        for key in self.got[-count:]:
            self.federation.adapters[key.source].store.remove(key)
            self.stable.discard(key)

    @rule(data=st.data(), field=st.sampled_from(["created_at", "started_at", "finished_at"]))
    def a_missing_instant_arrives(self, data: st.DataObject, field: str) -> None:
        adapter = self._adapter(data)
        waiting = sorted(key for key, row in adapter.store.entities.items() if getattr(row, field) is None)
        if waiting:
            key = data.draw(st.sampled_from(waiting))
            self.clock += 1
            row: Any = adapter.store.entities[key]
            moved: dict[str, Any] = {field: Instant.from_us(self.clock * SECOND)}
            if field != "created_at" and (row.started_at or field == "started_at"):
                started = row.started_at or moved["started_at"]
                finished = moved.get("finished_at") or row.finished_at
                moved["duration_seconds"] = abs(finished.us - started.us) / SECOND if finished else None
            adapter.store.put([msgspec.structs.replace(row, **moved)])
            self.stable.discard(key)

    @rule(data=st.data())
    def tokens_expire(self, data: st.DataObject) -> None:
        self._adapter(data).store.epoch += 1

    @invariant()
    def nothing_twice(self) -> None:
        assert len(self.got) == len(set(self.got)), [key for key in set(self.got) if self.got.count(key) > 1]

    def teardown(self) -> None:
        for adapter in self.federation.adapters.values():
            assert isinstance(adapter, Flaky)
            adapter.fails_at = None
        while self.more and self.federation.adapters:
            self.next_page(7)
            self.nothing_twice()
            assert self.pages < 1000
        lost = {key.source for key in self.stable - set(self.got)}
        assert lost <= self.reported, lost
        assert self.may_fail or not self.reported

    def _adapter(self, data: st.DataObject) -> Flaky:
        adapter = self.federation.adapters[data.draw(st.sampled_from(sorted(self.federation.adapters)))]
        assert isinstance(adapter, Flaky)
        return adapter


class FailingTraversal(Traversal):
    """The same while sources fail, at the start of a page or in the middle of one, and come back."""

    may_fail = True

    @rule(data=st.data(), page=st.integers(0, 2))
    def fail(self, data: st.DataObject, page: int) -> None:
        self._adapter(data).fails_at = page

    @rule(data=st.data())
    def recover(self, data: st.DataObject) -> None:
        self._adapter(data).fails_at = None


TestTraversal = Traversal.TestCase
TestTraversal.settings = settings(max_examples=100, stateful_step_count=30)
TestFailingTraversal = FailingTraversal.TestCase
TestFailingTraversal.settings = settings(max_examples=60, stateful_step_count=30)


class Unruly(MemoryAdapter):
    """Promises an order and breaks it."""

    async def scan(self, plan: ScanPlan, start: Start) -> Any:
        async for page in super().scan(plan, start):
            yield Page(list(reversed(page.rows)), page.returned, page.more, page.here, page.total)


async def test_a_broken_order_is_reported_and_the_source_is_sorted_from_then_on() -> None:
    store = MemoryStore()
    store.put(execution("s", number, created=number) for number in range(10))
    federation = Federation(adapters={"s": Unruly("s", store)}, budgets={"s": WIDE})
    order = Order(OrderField.CREATED_AT)
    page, _ = await federation.page(ExecutionFilter(), order, 5, None)
    assert page.reports["s"].state is SourceReportState.TRUNCATED
    assert page.disordered == {"s"}
    page, _ = await federation.page(ExecutionFilter(), order, 5, None)
    assert [row.key.parts for row in page.rows] == [("9",), ("8",), ("7",), ("6",), ("5",)]
    assert page.reports["s"].state is SourceReportState.OK


async def test_a_bug_in_an_adapter_costs_only_its_own_rows() -> None:
    class Broken(MemoryAdapter):
        async def scan(self, plan: ScanPlan, start: Start) -> Any:
            raise ZeroDivisionError
            yield  # a generator, as the interface wants

    federation = Federation(adapters={"bad": Broken("bad", MemoryStore())}, budgets={"bad": WIDE})
    federation.add("good", [execution("good", 1, created=1)], Behaviour())
    page, _ = await federation.page(ExecutionFilter(), Order(OrderField.CREATED_AT), 5, None)
    assert [row.key.source for row in page.rows] == ["good"]
    report = page.reports["bad"]
    assert (report.state, report.error and report.error.code) == (SourceReportState.FAILED, SourceErrorCode.INTERNAL)


def test_merge_sources_are_named() -> None:
    assert MergeSource("s", MemoryAdapter("s", MemoryStore()), WIDE).trusted


async def _walk(federation: Federation, order: Order, first: int, between: Any) -> list[Key]:
    got: list[Key] = []
    after, more = None, True
    while more:
        page, after = await federation.page(ExecutionFilter(), order, first, after)
        assert {report.state for report in page.reports.values()} == {SourceReportState.OK}
        got += [row.key for row in page.rows]
        more = page.has_next
        between(got)
    return got


@pytest.mark.parametrize("paging", ["number", "offset", "token"])
async def test_rows_that_shift_before_the_boundary_are_not_skipped(paging: Any) -> None:
    """A page hint alone loses them; the overlap check sees that the page begins after the boundary, and looks again."""
    federation = Federation()
    federation.add("s", [execution("s", n, created=1000 - n) for n in range(200)], Behaviour(paging=paging, largest_page=30))
    store = federation.adapters["s"].store

    def remove_what_was_shown(got: list[Key]) -> None:
        for key in got[-15:]:
            store.remove(key)

    got = await _walk(federation, Order(OrderField.CREATED_AT), 20, remove_what_was_shown)
    assert got == [Key("execution", "s", (str(n),)) for n in range(200)]


async def test_an_expired_token_costs_requests_and_no_rows() -> None:
    federation = Federation()
    federation.add(
        "s", [execution("s", n, created=1000 - n) for n in range(100)], Behaviour(paging="token", largest_page=30)
    )
    store = federation.adapters["s"].store

    def expire(_: list[Key]) -> None:
        store.epoch += 1

    got = await _walk(federation, Order(OrderField.CREATED_AT), 20, expire)
    assert got == [Key("execution", "s", (str(n),)) for n in range(100)]
