"""Whatever AWS IoT is asked and whatever is left out, lists of executions are what they should be.

Worlds are random, within AWS's rules: executions are queued and started within the life of their job, those of a completed
job are over when it is, and those that were in progress when their job was canceled may go on. Deleted things are left out:
a list that names one does not find its executions (README.md).
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.aws_iot import scanning
from adapters.aws_iot.world import World
from gateway.instant import Instant
from gateway.model import (
    Entity,
    ExecutionStatus,
    Key,
    Kind,
)
from gateway.query import (
    ExecutionFilter,
    InstantRange,
    Order,
    OrderField,
    TextMatch,
    impossible,
    order_value,
    position,
    predicate,
)
from tests.adapters.aws_iot_bench import NEWEST, Bench

S = ExecutionStatus
ORDERS = [Order(field, descending) for field in OrderField for descending in (True, False)]


def keys(kind: Kind, *ids: str) -> frozenset[Key]:
    return frozenset(Key(kind, "iot", (each,)) for each in ids)


EPOCH = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
THINGS = ["t1", "t2", "rack:3"]
NAMES = ["a-1", "a-2", "b-1", "b-2", "c"]
_COMES_TO = ["SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "CANCELED", "REMOVED"]


def moment(tenths: int) -> datetime:
    return EPOCH + timedelta(milliseconds=100 * tenths)


def rounded(at: datetime, *, whole: bool) -> datetime:
    """Some of AWS's instants are whole seconds, beside others that are not."""
    return at.replace(microsecond=0) if whole else at


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Jobs whose executions are queued and started within their lives, and over when a completed job is."""
    world = World(EPOCH)
    for name in THINGS:
        world.add_thing(name)
    for name in NAMES[: draw(st.integers(0, len(NAMES)))]:
        state = draw(st.sampled_from(["IN_PROGRESS", "COMPLETED", "CANCELED", "DELETION_IN_PROGRESS", "SCHEDULED"]))
        begin = draw(st.integers(0, 150))
        end = begin + draw(st.integers(0, 100))
        members: dict[str, Any] = {"status": state, "createdAt": rounded(moment(begin), whole=draw(st.booleans()))}
        if state in ("COMPLETED", "CANCELED"):
            members["completedAt"] = rounded(moment(end), whole=draw(st.booleans()))
        world.add_job(name, **members)
        for number in range(0 if state == "SCHEDULED" else draw(st.integers(0, 5))):
            world.add_execution(
                jobId=name, thingName=THINGS[number % len(THINGS)], **draw(executions(state, begin, end)), retryAttempt=0
            )
    return world


@st.composite
def executions(draw: st.DrawFn, state: str, begin: int, end: int) -> dict[str, Any]:
    going_on = {"COMPLETED": [], "CANCELED": ["IN_PROGRESS"]}.get(state, ["QUEUED", "IN_PROGRESS"])
    status = draw(st.sampled_from(_COMES_TO + going_on))
    queued = draw(st.integers(begin, end))
    started = draw(st.integers(queued, end))
    # What was in progress when its job was canceled may end later.
    over = draw(st.integers(started, end if state == "COMPLETED" else end + 100))
    unstarted = status == "QUEUED" or (status in ("CANCELED", "REJECTED", "REMOVED") and draw(st.booleans()))
    whole = draw(st.booleans())
    return {
        "status": status,
        "queuedAt": rounded(moment(queued), whole=whole),
        "startedAt": None if unstarted else rounded(moment(started), whole=whole),
        "lastUpdatedAt": rounded(moment(queued if status == "QUEUED" else over), whole=whole),
    }


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


EDGES = st.integers(-20, 400).map(lambda tenths: Instant.from_datetime(moment(tenths)).us)
RANGES = st.builds(InstantRange, maybe(EDGES), maybe(EDGES))
TEXTS = st.builds(
    TextMatch,
    equals=maybe(st.sampled_from([*NAMES, *THINGS])),
    among=maybe(st.frozensets(st.sampled_from([*NAMES, *THINGS]), max_size=3)),
    starts_with=maybe(st.sampled_from(["A", "b-", "t", "rack"])),
    contains=maybe(st.sampled_from(["1", "T", ":"])),
)
FILTERS = st.builds(
    ExecutionFilter,
    statuses=maybe(st.frozensets(st.sampled_from(S), min_size=1, max_size=2) | st.frozensets(st.sampled_from(S))),
    raw_statuses=maybe(st.frozensets(st.sampled_from([*_COMES_TO, "QUEUED", "IN_PROGRESS", "failed"]), max_size=4)),
    jobs=maybe(st.frozensets(st.sampled_from(sorted(keys("job", *NAMES, "nowhere"))), max_size=3)),
    nodes=maybe(st.frozensets(st.sampled_from(sorted(keys("node", *THINGS, "nothing"))), max_size=2)),
    name=maybe(TEXTS),
    node_name=maybe(TEXTS),
    search=maybe(st.sampled_from(["A-", "1", "x"])),
    created_at=maybe(RANGES),
    started_at=maybe(RANGES),
    finished_at=maybe(RANGES),
    active_during=maybe(RANGES),
)
# Filters of many parts match nothing: most have one or two.
_PARTS = [
    name for name in ExecutionFilter.__dataclass_fields__ if name not in ("status_inputs", "trigger_kinds", "actor", "tql")
]


@st.composite
def few_parts(draw: st.DrawFn) -> ExecutionFilter:
    whole = draw(FILTERS)
    chosen = draw(st.frozensets(st.sampled_from(_PARTS), max_size=2))
    return ExecutionFilter(**{name: getattr(whole, name) for name in chosen})


async def everything(world: World) -> list[Entity]:
    """All rows, in no order that anything depends on: the list is read whole for it."""
    bench = Bench.open(world, keep_seconds=0)
    page, _ = await bench.page(ExecutionFilter(), Order(OrderField.NATIVE), first=1000)
    assert len(page.rows) == len(world.executions)
    return list(page.rows)


# One job at a time is where it shows whether its bounds hold.
@given(
    worlds(),
    few_parts() | FILTERS,
    st.sampled_from(ORDERS),
    st.integers(1, 12),
    st.sampled_from([0, 60]),
    st.sampled_from([1, 4]),
)
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_lists_are_what_they_should_be(
    world: World, wanted: ExecutionFilter, order: Order, first: int, keep: int, at_once: int
) -> None:
    async def run() -> None:
        matches = predicate(wanted)

        def place(row: Entity) -> Any:
            return position(order_value(row, order.field), order, "iot", row.tie)

        truth = [row.key for row in sorted(await everything(world), key=place) if matches(row)]
        if impossible(wanted):
            assert truth == []
        bench = Bench.open(world, keep_seconds=keep)
        assert await bench.all(wanted, order, first) == truth
        # And again, from whatever was kept; another order of it, too.
        assert await bench.all(wanted, order, first + 1) == truth
        assert set(await bench.all(wanted, NEWEST, 1000)) == set(truth)

    with patch.object(scanning, "_AT_ONCE", at_once):
        asyncio.run(run())
