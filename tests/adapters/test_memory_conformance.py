"""The reference adapter is held to what every adapter is, in several shapes of source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, ClassVar

import msgspec

from adapters.memory import ALL_FILTERS, Behaviour, MemoryAdapter, MemoryStore, factory
from gateway.instant import Instant
from gateway.model import (
    Entity,
    Execution,
    ExecutionStatus,
    Job,
    JobState,
    Key,
    Kind,
    Node,
    NodeKind,
    NodeResult,
    NodeRole,
    Trigger,
    TriggerKind,
)
from gateway.query import OrderField
from gateway.spi import Adapter
from gateway.testing.conformance import AdapterConformance
from gateway.transport import SourceClient

SOURCE = "subject"
JOBS = ("nightly: 50% of a/b", "déploy, c_d", "reindex")
NO_UPSTREAM = "a source in memory is reached without a network"
STATUSES = (ExecutionStatus.SUCCEEDED, ExecutionStatus.FAILED, ExecutionStatus.RUNNING, ExecutionStatus.PENDING)


@dataclass
class Upstream:
    """The table that stands for an upstream."""

    store: MemoryStore = field(default_factory=MemoryStore)
    app: None = None
    log: Sequence[Any] = ()


def at(minute: int | None) -> Instant | None:
    return None if minute is None else Instant.from_us(1_780_000_000_000_000 + minute * 60_000_000)


def node(number: int, role: NodeRole = NodeRole.TARGET) -> NodeResult:
    found = Node(
        key=Key("node", SOURCE, (f"nöde/{number}",)),
        name=f"Node {number}%",
        tie=(number,),
        node_kind=NodeKind.HOST if number % 2 else NodeKind.WORKER,
        active=number != 3,
    )
    return NodeResult(node=found, roles=(role,), failed=number % 3 == 0)


def entities() -> list[Entity]:
    """72 executions of three jobs, in fours at equal instants, one in five without an end."""
    jobs = [
        Job(
            key=Key("job", SOURCE, (name,)),
            name=name,
            tie=(name,),
            state=state,
            raw_state=state.value,
            created_at=at(number),
        )
        for number, (name, state) in enumerate(zip(JOBS, JobState, strict=False))
    ]
    found: list[Entity] = [*jobs, *(node(number).node for number in range(4))]
    for number, (place, job, status) in enumerate(product(range(6), jobs, STATUSES)):
        created = number // 4
        started = None if status is ExecutionStatus.PENDING else created + place
        finished = None if started is None or number % 5 == 0 else started + number % 7
        found.append(
            Execution(
                key=Key("execution", SOURCE, (f"{job.name}/{number}",)),
                name=job.name,
                tie=(job.name, number),
                status=status,
                raw_status=status.value.lower(),
                job=job,
                status_message="Out of Disk" if status is ExecutionStatus.FAILED else None,
                created_at=at(created),
                started_at=at(started),
                finished_at=at(finished),
                duration_seconds=None if started is None or finished is None else 60.0 * (finished - started),
                trigger=Trigger(TriggerKind.MANUAL if number % 2 else TriggerKind.SCHEDULE, actor=f"user {number % 3}"),
                # Filters see what rows show: an execution with targets names them all as executors too.
                nodes=tuple(node(each, NodeRole.EXECUTOR) for each in range(4) if each == number % 4 or number % 6 == 0),
                targets_elsewhere=number % 6 == 0,
                record={"number": number},
            )
        )
    return found


class TestMemoryConformance(AdapterConformance):
    factory = factory
    behaviour: ClassVar[Behaviour] = Behaviour()
    skips: ClassVar[Mapping[str, str]] = {
        "test_no_secret_gets_out": "what is in memory was put there to be shown",
        "test_fault_in_a_list": NO_UPSTREAM,
        "test_fault_in_a_read": NO_UPSTREAM,
        "test_pages_that_go_round": NO_UPSTREAM,
        "test_reads_of_what_is_half_right": NO_UPSTREAM,
        "test_recovers": NO_UPSTREAM,
        "test_unreadable_row": NO_UPSTREAM,
        "test_a_canceled_read_leaves_nothing": NO_UPSTREAM,
    }

    def make_upstream(self) -> Upstream:
        upstream = Upstream()
        upstream.store.put(entities())
        for row in upstream.store.rows("execution")[::6]:
            upstream.store.targets[row.key] = tuple(node(number) for number in range(4))
        return upstream

    def open(self, upstream: Any, settings: Any, client: SourceClient) -> Adapter:
        return MemoryAdapter(settings.name, upstream.store, self.behaviour)

    def sizes(self, upstream: Any) -> Mapping[Kind, int]:
        return {"execution": 72, "job": 3, "node": 4}

    async def invent_status(self, upstream: Any, word: str) -> None:
        row = upstream.store.rows("execution")[5]
        upstream.store.put([msgspec.structs.replace(row, status=ExecutionStatus.UNKNOWN, raw_status=word)])


class TestNumberedPages(TestMemoryConformance):
    behaviour = Behaviour(
        filters=frozenset({"status", "jobId", "createdAt"}),
        orders=frozenset({OrderField.CREATED_AT, OrderField.NATIVE}),
        paging="number",
        largest_page=20,
    )


class TestTokens(TestMemoryConformance):
    behaviour = Behaviour(filters=ALL_FILTERS - {"name", "search"}, paging="token", largest_page=15)


class TestUnsorted(TestMemoryConformance):
    behaviour = Behaviour(filters=frozenset(), orders=frozenset(), counts=False, paging="offset", largest_page=30)


class TestParents(TestMemoryConformance):
    behaviour = Behaviour(filters=ALL_FILTERS - {"finishedAt", "actor"}, counts=False, paging="parents", largest_page=15)
