"""What Scale is asked for each filter and order, and that pushing parts of a filter down never changes the answer."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.scale import ScaleSettings, factory
from adapters.scale.adapter import ScaleAdapter
from adapters.scale.planning import PATHS, JobScan, ListScan, number_of, plan
from adapters.scale.simulator import Simulator
from adapters.scale.world import World
from gateway.model import Entity, ExecutionStatus, JobState, Key, Kind, NodeKind, TriggerKind
from gateway.query import (
    ExecutionFilter,
    Filter,
    InstantRange,
    JobFilter,
    ListQuery,
    NodeFilter,
    Order,
    OrderField,
    TextMatch,
    impossible,
    order_value,
    parts_of,
    position,
    predicate,
)
from gateway.spi import Guarantee, ScanPlan, Start
from gateway.transport import SourceClient

NEWEST = Order(OrderField.CREATED_AT)
NATIVE = Order(OrderField.NATIVE)
DURATION = Order(OrderField.DURATION)
S, J = ExecutionStatus, JobState
KINDS: dict[type, Kind] = {ExecutionFilter: "execution", JobFilter: "job", NodeFilter: "node"}


def keys(kind: Kind, *numbers: object) -> frozenset[Key]:
    return frozenset(Key(kind, "scale", (str(number),)) for number in numbers)


def planned(given: Filter, order: Order, fields: tuple[str, ...] = ()) -> ScanPlan:
    return plan(ListQuery(KINDS[type(given)], given, order, frozenset(fields)))


def asked(found: ScanPlan) -> str:
    assert isinstance(found.native, ListScan)
    return f"{PATHS[found.native.kind]}?{urlencode(found.native.params, quote_via=quote)}"


EXECUTIONS = "job-executions/?{}order=-created&order=id"
JOBS = "jobs/?include_superseded=true&{}order=-created&order=id"
NODES = "nodes/?include_inactive=true&order=id"
LONG = frozenset(f"job-type-{number:04}" for number in range(200))

PUSHED: list[tuple[Filter, str, set[str]]] = [
    (ExecutionFilter(), EXECUTIONS.format(""), set()),
    (ExecutionFilter(statuses=frozenset({S.FAILED})), EXECUTIONS.format("status=FAILED&"), {"status"}),
    (
        ExecutionFilter(statuses=frozenset({S.QUEUED, S.RUNNING, S.PENDING, S.CANCELING})),
        EXECUTIONS.format("status=QUEUED&status=RUNNING&"),
        {"status"},
    ),
    (ExecutionFilter(statuses=frozenset({S.SUCCEEDED, S.TIMED_OUT})), EXECUTIONS.format("status=COMPLETED&"), {"status"}),
    # Words that nobody knows cannot be asked for.
    (ExecutionFilter(statuses=frozenset({S.UNKNOWN, S.FAILED})), EXECUTIONS.format(""), set()),
    (
        ExecutionFilter(raw_statuses=frozenset({"FAILED", "failed"})),
        EXECUTIONS.format("status=FAILED&status=failed&"),
        {"rawStatus"},
    ),
    (ExecutionFilter(raw_statuses=frozenset({"FAILED", "échoué"})), EXECUTIONS.format(""), set()),
    (
        ExecutionFilter(statuses=frozenset({S.FAILED, S.CANCELED}), raw_statuses=frozenset({"FAILED", "échoué"})),
        EXECUTIONS.format("status=FAILED&"),
        {"status", "rawStatus"},
    ),
    (
        ExecutionFilter(statuses=frozenset({S.UNKNOWN}), raw_statuses=frozenset({"ASLEEP"})),
        EXECUTIONS.format("status=ASLEEP&"),
        {"rawStatus"},
    ),
    (ExecutionFilter(name=TextMatch(equals="scale-ingest")), EXECUTIONS.format("job_type_name=scale-ingest&"), {"name"}),
    (
        ExecutionFilter(name=TextMatch(among=frozenset({"b", "a c/50%"}))),
        EXECUTIONS.format("job_type_name=a%20c%2F50%25&job_type_name=b&"),
        {"name"},
    ),
    (
        ExecutionFilter(name=TextMatch(equals="a", among=frozenset({"b", "a"}))),
        EXECUTIONS.format("job_type_name=a&"),
        {"name"},
    ),
    # A superset saves rows, but the gateway has to look again.
    (ExecutionFilter(name=TextMatch(equals="abc", starts_with="AB")), EXECUTIONS.format("job_type_name=abc&"), set()),
    (ExecutionFilter(name=TextMatch(contains="ingest")), EXECUTIONS.format(""), set()),
    (ExecutionFilter(name=TextMatch(equals="münchen")), EXECUTIONS.format(""), set()),
    (ExecutionFilter(name=TextMatch(equals="a\0")), EXECUTIONS.format(""), set()),
    (ExecutionFilter(name=TextMatch(equals="")), EXECUTIONS.format(""), set()),
    # A job whose type has no name shows its number.
    (ExecutionFilter(name=TextMatch(equals="17")), EXECUTIONS.format(""), set()),
    # The request line would be too long.
    (ExecutionFilter(name=TextMatch(among=LONG)), EXECUTIONS.format(""), set()),
    (ExecutionFilter(nodes=keys("node", 3, 12, "x", "007")), EXECUTIONS.format("node_id=3&node_id=12&"), {"nodeId"}),
    (
        ExecutionFilter(statuses=frozenset({S.FAILED}), nodes=keys("node", 3), name=TextMatch(equals="a")),
        EXECUTIONS.format("status=FAILED&node_id=3&job_type_name=a&"),
        {"status", "nodeId", "name"},
    ),
    # started and ended bound last_modified: neither is ever sent.
    (
        ExecutionFilter(
            node_name=TextMatch(equals="h"),
            search="x",
            created_at=InstantRange(1, 2),
            started_at=InstantRange(1, 2),
            finished_at=InstantRange(1, 2),
            active_during=InstantRange(1, 2),
        ),
        EXECUTIONS.format(""),
        set(),
    ),
    (JobFilter(), JOBS.format(""), set()),
    (
        JobFilter(states=frozenset({J.ACTIVE, J.INACTIVE})),
        JOBS.format("status=BLOCKED&status=PENDING&status=QUEUED&status=RUNNING&"),
        {"state"},
    ),
    (JobFilter(states=frozenset({J.UNKNOWN})), JOBS.format(""), set()),
    (JobFilter(raw_states=frozenset({"BLOCKED"})), JOBS.format("status=BLOCKED&"), {"rawState"}),
    (JobFilter(name=TextMatch(equals="a")), JOBS.format("job_type_name=a&"), {"name"}),
    (JobFilter(created_at=InstantRange(1, 2), updated_at=InstantRange(1, 2)), JOBS.format(""), set()),
]


@pytest.mark.parametrize(("given_filter", "wanted", "pushed"), PUSHED)
def test_push_down(given_filter: Filter, wanted: str, pushed: set[str]) -> None:
    found = planned(given_filter, NEWEST)
    assert asked(found) == wanted
    assert found.pushed == frozenset(pushed)
    assert (found.order, found.counts, found.unseen) == (Guarantee.EXACT, True, frozenset())


@pytest.mark.parametrize(
    ("order", "wanted", "guarantee"),
    [
        (NEWEST, "order=-created&order=id", Guarantee.EXACT),
        (Order(OrderField.CREATED_AT, descending=False), "order=created&order=id", Guarantee.EXACT),
        (Order(OrderField.STARTED_AT), "order=-started&order=id", Guarantee.EXACT),
        (Order(OrderField.STARTED_AT, descending=False), "order=started&order=id", Guarantee.EXACT),
        (Order(OrderField.FINISHED_AT), "order=-ended&order=id", Guarantee.EXACT),
        (Order(OrderField.FINISHED_AT, descending=False), "order=ended&order=id", Guarantee.EXACT),
        (NATIVE, "order=id", Guarantee.EXACT),
        (DURATION, "order=-created&order=id", Guarantee.NONE),
        (Order(OrderField.DURATION, descending=False), "order=-created&order=id", Guarantee.NONE),
    ],
)
def test_orders_of_executions(order: Order, wanted: str, guarantee: Guarantee) -> None:
    found = planned(ExecutionFilter(), order)
    assert asked(found) == f"job-executions/?{wanted}"
    assert found.order is guarantee


def test_orders_of_jobs_and_nodes() -> None:
    oldest = planned(JobFilter(), Order(OrderField.CREATED_AT, descending=False))
    assert asked(oldest) == "jobs/?include_superseded=true&order=created&order=id"
    assert planned(JobFilter(), Order(OrderField.FINISHED_AT)).order is Guarantee.NONE
    nodes = planned(NodeFilter(name=TextMatch(equals="h"), active=True), NATIVE)
    assert (asked(nodes), nodes.pushed, nodes.order) == (NODES, frozenset(), Guarantee.EXACT)
    workers = planned(NodeFilter(kinds=frozenset({NodeKind.WORKER, NodeKind.HOST})), NATIVE)
    assert (asked(workers), workers.pushed) == (NODES, frozenset({"nodeKind"}))


@pytest.mark.parametrize(
    ("given_filter", "wanted", "floor"),
    [
        (ExecutionFilter(created_at=InstantRange(5, 9)), "order=-created&order=id", 5),
        (ExecutionFilter(started_at=InstantRange(5, 9), created_at=InstantRange(3)), "order=-started&order=id", 5),
        (ExecutionFilter(started_at=InstantRange(None, 9), finished_at=InstantRange(6)), "order=-ended&order=id", 6),
        (ExecutionFilter(active_during=InstantRange(7, 9)), "order=-ended&order=id", 7),
        (ExecutionFilter(finished_at=InstantRange(None, 9)), "order=-created&order=id", None),
    ],
)
def test_a_list_that_is_read_whole_ends_where_the_range_begins(
    given_filter: ExecutionFilter, wanted: str, floor: int | None
) -> None:
    found = planned(given_filter, DURATION)
    assert asked(found) == f"job-executions/?{wanted}"
    assert (found.native.floor, found.pushed, found.order) == (floor, frozenset(), Guarantee.NONE)


def test_jobs_are_asked_one_by_one() -> None:
    wanted = keys("job", 12, 3, "x", "012")
    found = planned(ExecutionFilter(jobs=wanted, statuses=frozenset({S.FAILED})), NEWEST, ("key", "status"))
    assert found.native == JobScan((3, 12), errors=False, hostnames=False)
    assert (found.pushed, found.order, found.counts) == (frozenset({"jobId"}), Guarantee.NONE, False)
    assert planned(ExecutionFilter(jobs=keys("job", 3)), NEWEST, ("key",)).counts
    for given_filter, fields in (
        (ExecutionFilter(jobs=wanted), ("error",)),
        (ExecutionFilter(jobs=wanted), ("status_message",)),
        (ExecutionFilter(jobs=wanted, search="x"), ("key",)),
        (ExecutionFilter(jobs=wanted), ()),
    ):
        assert planned(given_filter, NEWEST, fields).native.errors
    assert planned(ExecutionFilter(jobs=wanted, node_name=TextMatch(contains="n")), NEWEST).native.hostnames


@pytest.mark.parametrize(
    "given_filter",
    [
        ExecutionFilter(statuses=frozenset({S.TIMED_OUT, S.REJECTED})),
        ExecutionFilter(statuses=frozenset({S.FAILED}), raw_statuses=frozenset({"COMPLETED"})),
        ExecutionFilter(nodes=keys("node", "x")),
        ExecutionFilter(jobs=keys("job", 10**20)),
        ExecutionFilter(name=TextMatch(equals="a", among=frozenset({"b"}))),
        ExecutionFilter(trigger_kinds=frozenset({TriggerKind.UNKNOWN})),
        ExecutionFilter(actor=TextMatch(contains="a")),
        JobFilter(states=frozenset({J.DELETING})),
        NodeFilter(kinds=frozenset({NodeKind.HOST})),
    ],
)
def test_what_cannot_match_is_not_asked(given_filter: Filter) -> None:
    assert planned(given_filter, NATIVE).reason_empty


def test_equal_queries_have_equal_hashable_plans() -> None:
    def native() -> Any:
        return planned(ExecutionFilter(statuses=frozenset({S.FAILED, S.QUEUED}), nodes=keys("node", 5, 4)), NEWEST).native

    assert native() == native()
    assert len({native(), native(), planned(ExecutionFilter(jobs=keys("job", 1)), NEWEST).native}) == 2


@pytest.mark.parametrize(
    ("part", "number"),
    [
        ("7", 7),
        (str(2**63 - 1), 2**63 - 1),
        (str(2**63), None),
        ("0", None),
        ("007", None),
        ("-7", None),
        ("\u0667", None),
        ("", None),
    ],
)
def test_numbers(part: str, number: int | None) -> None:
    assert number_of((part,)) == number
    assert number_of((part, part)) is None


# --- the oracle

NOW = datetime(2026, 11, 21, 20, 30, 12, 345678, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000 + 345_678
HOUR = 3_600_000_000


def world() -> World:
    made = World.generate(5, 150, NOW)
    made.add_execution(status="ASLEEP", created=NOW - timedelta(hours=3))
    made.add_job(status="DREAMING", created=NOW - timedelta(hours=4))
    return made


SIMULATOR = Simulator(world())


def adapter() -> ScaleAdapter:
    given = ScaleSettings.model_validate({"name": "scale", **factory.simulator_settings("http://scale.example")})
    return factory.open("scale", given, SourceClient(given, httpx.ASGITransport(app=SIMULATOR.app)))


async def scanned(found: ScanPlan) -> list[Entity]:
    return [row async for page in adapter().scan(found, Start(rows=1000)) for row in page.rows]


@cache
def everything(kind: Kind) -> list[Entity]:
    made = next(filter_type for filter_type, listed in KINDS.items() if listed == kind)
    return asyncio.run(scanned(plan(ListQuery(kind, made(), NATIVE))))


NAMES = [
    "checkout-ingest",
    "scale-ingest",
    "tiles:europa/50%",
    "image-orthorectify",
    "Image-Orthorectify",
    "none",
    "17",
    "ß",
]
HOSTS = ["node01.scale.example", "rechenknoten-münchen.scale.example", "rack7/slot:3%2A.scale.example", "none"]


def sets(of: st.SearchStrategy[Any], most: int = 4) -> st.SearchStrategy[Any]:
    return st.none() | st.frozensets(of, min_size=1, max_size=most)


def texts(values: list[str]) -> st.SearchStrategy[TextMatch | None]:
    value = st.sampled_from(values)
    part = st.none() | value.map(lambda text: text[:5].upper())
    return st.none() | st.builds(TextMatch, st.none() | value, sets(value), part, part)


def ids(kind: Kind, highest: int) -> st.SearchStrategy[Any]:
    return sets(st.integers(1, highest).map(str) | st.sampled_from(["0", "01", "x", str(10**20), "999999"])).map(
        lambda numbers: None if numbers is None else keys(kind, *numbers)
    )


ranges = st.none() | st.builds(
    InstantRange,
    st.none() | st.integers(NOW_US - 400 * HOUR, NOW_US),
    st.none() | st.integers(NOW_US - 400 * HOUR, NOW_US) | st.just(NOW_US - 10 * HOUR),
)
words = st.sampled_from(["QUEUED", "FAILED", "failed", "COMPLETED", "ASLEEP", "DREAMING", "PENDING", "", "é"])
execution_filters = st.builds(
    ExecutionFilter,
    statuses=sets(st.sampled_from(ExecutionStatus), 12),
    raw_statuses=sets(words),
    jobs=st.none() | st.none() | ids("job", 140),
    name=texts(NAMES),
    nodes=st.none() | ids("node", 9),
    node_name=st.none() | texts(HOSTS),
    trigger_kinds=st.sampled_from([None] * 9 + [frozenset({TriggerKind.MANUAL})]),
    search=st.sampled_from([None, None, "ingest", "SCHEMA", "node lost"]),
    created_at=ranges,
    started_at=st.none() | ranges,
    finished_at=st.none() | ranges,
    active_during=st.none() | ranges,
)
job_filters = st.builds(
    JobFilter,
    states=sets(st.sampled_from(JobState), 8),
    raw_states=sets(words),
    name=texts(NAMES),
    created_at=ranges,
    updated_at=ranges,
)
node_filters = st.builds(
    NodeFilter, kinds=sets(st.sampled_from(NodeKind)), name=texts(HOSTS), active=st.none() | st.booleans()
)
orders = st.builds(Order, st.sampled_from(OrderField), st.booleans())


@given(execution_filters | job_filters | node_filters, orders)
@settings(max_examples=200)
def test_pushing_down_changes_nothing(given_filter: Filter, order: Order) -> None:
    if impossible(given_filter):
        return
    kind = KINDS[type(given_filter)]
    matches = predicate(given_filter)

    def place(row: Entity) -> Any:
        return position(order_value(row, order.field), order, "scale", row.tie)

    truth = [row.key for row in sorted(everything(kind), key=place) if matches(row)]
    found = plan(ListQuery(kind, given_filter, order, frozenset({"key"})))
    if found.reason_empty is not None:
        assert truth == []
        return
    assert found.pushed <= parts_of(given_filter) & adapter().capabilities.pushed_filters
    rows = asyncio.run(scanned(found))
    if found.order is Guarantee.EXACT:
        assert [row.key for row in rows] == [row.key for row in sorted(rows, key=place)]
    else:
        rows.sort(key=place)
    # What was pushed was applied exactly: looking only at the rest gives the truth, and looking at all of it too.
    for unseen in (found.pushed, found.unseen):
        again = predicate(given_filter, unseen)
        assert [row.key for row in rows if again(row)] == truth
    if found.counts and not parts_of(given_filter) - found.pushed:
        assert asyncio.run(adapter().count(found)) == len(truth)
