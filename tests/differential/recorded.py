"""A few rows of each kind of source, read from its simulator through its adapter, which goes on giving their details."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from msgspec.structs import replace

from adapters.memory import Behaviour, MemoryAdapter, MemoryStore
from gateway.config import SourceSettings
from gateway.instant import Instant
from gateway.model import (
    Attempt,
    Entity,
    Execution,
    ExecutionError,
    ExecutionStatus,
    HostTaskCounts,
    Job,
    JobDefinition,
    JobState,
    Key,
    Kind,
    LogLine,
    LogStream,
    Node,
    NodeCounts,
    NodeKind,
    NodeResult,
    NodeRole,
    StatusCount,
    Trigger,
    TriggerKind,
)
from gateway.query import ListQuery, Order, OrderField
from gateway.registry import Source, factory_of, kinds, open_source
from gateway.spi import LogQuery, SupportsLogs, SupportsSimulation, SupportsTargets
from gateway.testing.harness import ORIGIN, asgi, targets, walk
from gateway.testing.scenarios import EMPTY
from gateway.transport import SourceClient
from tests.property.federations import execution

NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
_ROWS = 3
_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "awx": {"job_types": ["job", "workflow_job", "project_update", "inventory_update", "ad_hoc_command", "system_job"]}
}


@dataclass(frozen=True)
class Recorded:
    """A source with its rows, what a full read of each gives, and how its memory stand-in behaves."""

    source: Source
    store: MemoryStore
    full: Mapping[Key, Entity]
    behaviour: Behaviour


async def recorded() -> dict[str, Recorded]:
    """By name: one source of every kind that can be simulated, and two that are nothing but memory."""
    found = {"plain": _plain("plain"), "twin": _plain("twin")}
    for kind in kinds():
        factory = factory_of(kind)
        if isinstance(factory, SupportsSimulation):
            simulator = factory.simulator(seed=7, size=30, now=NOW)
            given = {"name": kind, "expose_raw": True, **factory.simulator_settings(ORIGIN), **_SETTINGS.get(kind, {})}
            settings = factory.settings.model_validate(given)
            found[kind] = await _read(open_source(factory, settings, lambda _settings, app=simulator.app: asgi(app)))  # type: ignore[misc] # bound now
    return found


async def _read(source: Source) -> Recorded:
    adapter, store = source.adapter, MemoryStore()
    executions: list[Execution] = []
    for kind in cast("tuple[Kind, ...]", ("job", "execution", "node")):
        if kind == "node" and not adapter.capabilities.nodes:
            continue
        query = ListQuery(kind, EMPTY[kind], Order(OrderField.NATIVE))
        rows = _varied((await walk([source], query, first=100)).rows)
        store.put(rows)
        executions += [row for row in rows if isinstance(row, Execution)]
    for row in executions:
        if isinstance(adapter, SupportsTargets) and row.targets_elsewhere:
            store.targets[row.key] = tuple((await targets(adapter, row, first=50))[:3])
        if isinstance(adapter, SupportsLogs):
            async for page in adapter.logs(row, LogQuery(rows=4)):
                store.logs[row.key] = list(page.lines[:4])
                break
    full = {}
    for key, listed in store.entities.items():
        answer = await adapter.fetch_full(key)
        full[key] = answer if isinstance(answer, Job | Execution | Node) else listed
    # What is mentioned is looked up.
    mentioned = {row.job.key for row in executions if row.job} | {row.parent.key for row in executions if row.parent}
    for answer in await adapter.fetch(sorted(mentioned - store.entities.keys(), key=lambda key: key.parts)):
        if isinstance(answer, Job | Execution | Node):
            store.put([answer])
    await adapter.aclose()
    await source.client.aclose()
    return Recorded(source, store, full, Behaviour(counts=adapter.capabilities.counts, log_late_seconds=1.0))


def _varied(rows: Sequence[Any]) -> list[Any]:
    """Some rows, of as many states as possible."""
    by_state = {_state(row): row for row in reversed(rows)}
    return list({row.key: row for row in [*by_state.values(), *rows]}.values())[:_ROWS]


def _state(row: Any) -> Any:
    match row:
        case Job():
            return row.state
        case Node():
            return row.node_kind
    return row.status


def _plain(name: str) -> Recorded:
    """A source that is nothing but memory: its details are dicts, and its records mention what has a record or has none."""

    def key(kind: Kind, native: str) -> Key:
        return Key(kind, name, (native,))

    def mentioned(native: str, *known: str) -> Any:
        return Node(key=key("node", native), name=native, tie=(native,), known=frozenset({"name", *known}))

    jobs = [
        Job(
            key=key("job", native),
            name=f"job {native}",
            tie=(native,),
            state=state,
            definition=JobDefinition(name="site.yml", kind="playbook", version=None),
            execution_counts=(StatusCount(status=ExecutionStatus.FAILED, count=2),),
            created_at=Instant.from_us(1_800_000_000_000_000),
            record={"kept": [1, None, {"deep": "value"}]},
        )
        for native, state in (("1", JobState.ACTIVE), ("2", JobState.FAILED))
    ]
    nodes = [
        Node(key=key("node", "a"), name="a", tie=("a",), node_kind=NodeKind.HOST, active=True, record={"host": "a"}),
        Node(key=key("node", "b"), name="b", tie=("b",), node_kind=NodeKind.WORKER),
    ]
    results = [
        NodeResult(node=mentioned("a"), roles=(NodeRole.EXECUTOR, NodeRole.TARGET), tasks=HostTaskCounts(ok=2)),
        NodeResult(node=mentioned("gone", "active"), roles=(NodeRole.CONTROLLER,), status=ExecutionStatus.FAILED),
    ]
    runs: list[Execution] = []
    for number, status in enumerate((ExecutionStatus.FAILED, ExecutionStatus.RUNNING, ExecutionStatus.SUCCEEDED)):
        row = execution(name, str(number), created=1_800_000_000 + number, started=1_800_000_005, status=status)
        job = jobs[number] if number < 2 else Job(key=key("job", "deleted"), name="deleted", tie=("deleted",))
        runs.append(
            replace(
                row,
                job=replace(job, known=frozenset({"name"}) if number else None),
                parent=replace(runs[0], known=frozenset({"name", "status"})) if runs else None,
                error=None if number else ExecutionError(code="E1", title="Broken", traceback="line 1"),
                attempts=(Attempt(number=1), Attempt(number=2, started_at=row.started_at)),
                attempt=2,
                trigger=Trigger(kind=TriggerKind.MANUAL, raw_kind="manual", actor="somebody"),
                nodes=tuple(results[:number]),
                targets_elsewhere=number == 0,
                node_counts=NodeCounts(ok=1),
                record={"number": number, "nothing": None},
            )
        )
    store = MemoryStore()
    store.put([*jobs, *nodes, *runs])
    store.targets[runs[0].key] = (NodeResult(node=nodes[1], roles=(NodeRole.TARGET,), failed=True),)
    store.logs[runs[0].key] = [
        LogLine(
            sequence=each, text=f"line {each} \x1b[31mred", stream=LogStream.STDOUT, node=mentioned("a"), record={"n": each}
        )
        for each in range(3)
    ]
    settings = SourceSettings(name=name, kind="memory", expose_raw=True)
    source = Source(settings, MemoryAdapter(name, store), SourceClient(settings, asgi(None)))
    return Recorded(source, store, {}, Behaviour(largest_page=2))
