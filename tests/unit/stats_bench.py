"""Sources that remember what statistics asked of them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

from adapters.memory import Behaviour, MemoryAdapter, MemoryStore
from gateway.config import SourceSettings
from gateway.merge import SourceReport
from gateway.model import Execution, ExecutionStatus, Job, JobDefinition
from gateway.query import ExecutionFilter, InstantRange, ListQuery
from gateway.registry import Source
from gateway.spi import Page, ScanPlan, Start
from gateway.stats import Stats, StatsRequest, execution_stats
from gateway.tally import ExecutionStatsGroupBy, ExecutionStatsOrderField
from tests.property.federations import execution

By, Order, Status = ExecutionStatsGroupBy, ExecutionStatsOrderField, ExecutionStatus
SINCE = ExecutionFilter(created_at=InstantRange(start=0))


async def look_up_nothing(jobs: Sequence[Job]) -> list[JobDefinition | Exception | None]:
    return [None for _ in jobs]


class Spy(MemoryAdapter):
    """A memory source that remembers what it was asked, and may fail."""

    def __init__(self, name: str, rows: Sequence[Execution], behaviour: Behaviour | None = None) -> None:
        store = MemoryStore()
        store.put(rows)
        super().__init__(name, store, behaviour)
        self.rows = rows
        self.counts: list[Any] = []
        self.pages = 0
        self.fields: frozenset[str] = frozenset()
        self.fault: Exception | None = None
        self.counted: int | None = -1

    def plan(self, query: ListQuery) -> ScanPlan:
        self.fields = query.fields
        return super().plan(query)

    async def count(self, plan: ScanPlan) -> int | None:
        found = await super().count(plan)
        self.counts.append(plan.native.query.filter.statuses)
        if self.fault is not None:
            raise self.fault
        return found if self.counted == -1 else self.counted

    async def scan(self, plan: ScanPlan, start: Start) -> AsyncIterator[Page[Any]]:
        async for page in super().scan(plan, start):
            if self.fault is not None and self.pages:
                raise self.fault
            self.pages += 1
            yield page


def source(adapter: MemoryAdapter) -> Source:
    client: Any = None
    return Source(SourceSettings(name=adapter.name, kind="memory"), adapter, client)


async def ask(*adapters: MemoryAdapter, **options: Any) -> Stats:
    request = replace(StatsRequest(filter=SINCE, definitions=look_up_nothing), **options)
    return await execution_stats([source(adapter) for adapter in adapters], request)


def runs(name: str, count: int, statuses: Sequence[ExecutionStatus] = (Status.SUCCEEDED, Status.FAILED)) -> list[Execution]:
    return [
        execution(name, n, created=n, started=n, finished=n + n % 10, status=statuses[n % len(statuses)])
        for n in range(count)
    ]


def only(stats: Stats) -> SourceReport:
    (report,) = stats.sources
    return report


class Limited(Spy):
    """It cannot be asked for some statuses, and never has others."""

    unknown: frozenset[ExecutionStatus] = frozenset()
    lacking: frozenset[ExecutionStatus] = frozenset()

    def plan(self, query: ListQuery) -> ScanPlan:
        plan = super().plan(query)
        assert isinstance(query.filter, ExecutionFilter)
        asked = query.filter.statuses
        if asked is not None and asked <= self.lacking:
            return replace(plan, reason_empty="It has no such status.")
        return replace(plan, pushed=plan.pushed - {"status"}) if asked is not None and asked & self.unknown else plan


class SpeaksTql(Spy):
    def refuse_tql(self, text: str) -> str | None:
        return f"no: {text}"

    def plan(self, query: ListQuery) -> ScanPlan:
        return replace(super().plan(query), unsupported="no: at position 3")
