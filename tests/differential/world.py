"""Gateways over recorded rows and injected faults, equal whenever they are made again."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from adapters.memory import MemoryAdapter, MemoryStore
from gateway import ids
from gateway.api.logs import BatchView
from gateway.config import ServerSettings
from gateway.errors import SourceError, SourceErrorCode
from gateway.log_reading import LogPlace
from gateway.log_watch import LogBatch
from gateway.merge import SourceReport, SourceReportState
from gateway.model import Entity, Execution, ExecutionStatus, Key, Kind
from gateway.registry import Registry, Source
from gateway.service import Gateway
from gateway.spi import Fetched, LogPage, LogQuery, Page, ScanPlan, Start, TargetPage
from gateway.watch import ExecutionChange, Update
from tests.differential.arguments import Words
from tests.differential.choices import Choices
from tests.differential.faults import Faults, faults, with_fault
from tests.differential.recorded import Recorded

# Nothing here may depend on the clock or on who comes first.
_SERVER = ServerSettings(
    deadline_seconds=3600, each_reads=10**9, each_seconds=3600, nested_lists=10**9, kept_scan_seconds=0, max_ids=3
)

_GENERIC: Mapping[type, str] = {dict: "GenericDetails"}


class StandIn(MemoryAdapter):
    """Recorded rows as a source that goes wrong. Details and raw records come from the adapter that read the rows."""

    def __init__(self, recorded: Recorded, given: Faults) -> None:
        store = MemoryStore(
            {key: given.entities.get(key, row) for key, row in recorded.store.entities.items()},
            recorded.store.targets,
            recorded.store.logs,
        )
        super().__init__(recorded.source.name, store, recorded.behaviour)
        # What fields cost is the recorded source's.
        self.capabilities = replace(self.capabilities, costs=recorded.source.adapter.capabilities.costs)
        self._real = recorded.source.adapter
        self._full = recorded.full
        self._faults = given

    async def _begin(self, method: str) -> None:
        for _ in range(self._faults.slow.get(self.name, 0)):
            await asyncio.sleep(0)
        if self.name in self._faults.down:
            raise SourceError(SourceErrorCode.UNAVAILABLE, "It cannot be reached.", source=self.name)
        if (self.name, method) in self._faults.broken:
            raise RuntimeError(f"{method} of {self.name} is broken")

    async def scan(self, plan: ScanPlan, start: Start) -> AsyncIterator[Page[Entity]]:
        await self._begin("scan")
        async for page in super().scan(plan, start):
            yield page

    async def count(self, plan: ScanPlan) -> int | None:
        await self._begin("count")
        return await super().count(plan)

    async def fetch(self, keys: Sequence[Key]) -> Sequence[Fetched[Entity]]:
        await self._begin("fetch")
        rows = await super().fetch(keys)
        answers = [self._faults.answers.get(key, row) for key, row in zip(keys, rows, strict=True)]
        return answers[1:] if self.name in self._faults.short else answers

    async def fetch_full(self, key: Key) -> Fetched[Entity]:
        await self._begin("fetch_full")
        row = await super().fetch_full(key)
        spoiled = self._faults.entities.get(key, self._full.get(key, row))
        answer: Fetched[Entity] = self._faults.answers.get(key, spoiled)
        return answer

    async def targets(self, *args: Any, **kwargs: Any) -> TargetPage:
        await self._begin("targets")
        return await super().targets(*args, **kwargs)

    async def logs(self, execution: Execution, query: LogQuery) -> AsyncIterator[LogPage]:
        await self._begin("logs")
        async for page in super().logs(execution, query):
            yield page

    def parse_native_id(self, kind: Kind, native_id: str) -> tuple[str, ...] | None:
        return self._real.parse_native_id(kind, native_id)

    def details(self, entity: Entity) -> object | None:
        if (self.name, "details") in self._faults.broken:
            raise RuntimeError("details are broken")
        return self._faults.details.get(entity.key) or self._real.details(entity)

    def raw(self, entity: Entity) -> Any:
        if (self.name, "raw") in self._faults.broken:
            raise RuntimeError("raw is broken")
        return self._real.raw(entity)


@dataclass(frozen=True)
class World:
    """Some of the recorded sources, and what goes wrong in them."""

    sources: Mapping[str, Recorded]
    faults: Faults

    def gateway(self) -> Gateway:
        """A gateway of its own, as any other that is made from this."""
        opened = [
            Source(each.source.settings, StandIn(each, self.faults), each.source.client) for each in self.sources.values()
        ]
        return Gateway(Registry(opened), _SERVER, b"differential")

    def words(self) -> Words:
        """What arguments may name."""
        keys = [key for each in self.sources.values() for key in each.store.entities]
        kinds = ("job", "execution", "node")
        return Words(
            ids={kind: [ids.encode(key) for key in keys if key.kind == kind] for kind in kinds}
            | {"source": [ids.encode_source(name) for name in self.sources]},
            native_ids={kind: [key.native_id for key in keys if key.kind == kind] for kind in kinds},
            sources=list(self.sources),
            kinds=[each.source.kind for each in self.sources.values()],
            details={
                _GENERIC.get(type(details), type(details).__name__)
                for each in self.sources.values()
                for details in map(each.source.adapter.details, each.store.entities.values())
            },
        )

    def again(self, choices: Choices) -> "World":
        """The same sources with other faults."""
        entities = {key: row for each in self.sources.values() for key, row in each.store.entities.items()}
        given = faults(choices, list(self.sources), entities)
        if choices.chance(15):
            for row in choices.some(list(entities.values()), 3):
                given.details[row.key] = with_fault(choices, self.sources[row.key.source].source.adapter.details(row))
                given.strange = True
        return World(self.sources, given)

    def event(self, choices: Choices, subscribed: str, gateway: Gateway) -> Any:
        """What a subscription may give as an event."""
        rows = [row for each in gateway.registry.sources.values() for row in each.adapter.store.entities.values()]  # type: ignore[attr-defined] # StandIn
        executions = [row for row in rows if isinstance(row, Execution)]
        fault = SourceError(SourceErrorCode.UNAVAILABLE, "It cannot be reached.", source=executions[0].key.source)
        if self.faults.event is not None:
            return self.faults.event[0]
        execution = choices.pick(executions)
        report = SourceReport(execution.key.source, SourceReportState.FAILED, error=fault)
        match subscribed:
            case "executionUpdated":
                return choices.pick([execution, execution, None, fault])
            case "executionsUpdated":
                return Update(
                    choices.pick(list(ExecutionChange)),
                    choices.pick([execution, None]),
                    choices.pick([None, ExecutionStatus.QUEUED]),
                    choices.pick([None, [report]]),
                )
        lines = self.sources[execution.key.source].store.logs.get(execution.key, [])
        return BatchView(execution, LogBatch(lines, LogPlace(3), complete=True, truncated=False, report=report), gateway)


def world(choices: Choices, recorded: Mapping[str, Recorded]) -> World:
    """One to three of the sources, with or without faults."""
    names = sorted({choices.pick(list(recorded)) for _ in range(1 + choices.below(3))})
    return World({name: recorded[name] for name in names}, Faults()).again(choices)
