"""What Runner is asked for each filter and order, and that asking for less never changes the answer."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.ctl_runner import factory
from adapters.ctl_runner.adapter import CtlRunnerAdapter
from adapters.ctl_runner.planning import Listing, is_id, plan
from adapters.ctl_runner.simulator import Simulator
from adapters.ctl_runner.world import World
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

NOW = datetime(2026, 11, 21, 20, 30, 12, 345678, tzinfo=UTC)
ORDERS = [Order(field, descending) for field in OrderField for descending in (True, False)]
NEWEST = Order(OrderField.CREATED_AT)
S = ExecutionStatus
KINDS: dict[type, Kind] = {ExecutionFilter: "execution", JobFilter: "job", NodeFilter: "node"}
BASE = "jobs/DEMO"
ALL = [f"{BASE}/executions?page=0&size=100"]
JOBS = [f"{BASE}?page=0&size=100"]


def keys(kind: Kind, *natives: str) -> frozenset[Key]:
    return frozenset(Key(kind, "runner", tuple(native.split("/"))) for native in natives)


def planned(given: Filter, order: Order = NEWEST, fields: Sequence[str] = ("status",)) -> ScanPlan:
    return plan(ListQuery(KINDS[type(given)], given, order, frozenset(fields)))


@cache
def simulator() -> Simulator:
    return Simulator(World.generate(5, 90, NOW))


def opened() -> CtlRunnerAdapter:
    """An adapter that remembers nothing, logged in already."""
    upstream = simulator()
    token = upstream.tokens.issue(upstream.username, upstream.login_alias, NOW)
    given = {**factory.simulator_settings("http://runner.example"), "auth": {"type": "bearer", "token": token}}
    settings_ = factory.settings.model_validate({"name": "runner", **given})
    transport = httpx.ASGITransport(app=upstream.app)
    adapter: Any = factory.open("runner", settings_, SourceClient(settings_, transport))  # type: ignore[arg-type]
    assert isinstance(adapter, CtlRunnerAdapter)
    return adapter


def asked() -> list[str]:
    found = [f"{each.path}?{each.query}".removeprefix("/") for each in simulator().log]
    simulator().log.clear()
    return found


async def scanned(found: ScanPlan) -> list[Entity]:
    rows: dict[Key, Entity] = {}
    async for page in opened().scan(found, Start()):
        assert page.unreadable == 0
        rows |= {row.key: row for row in page.rows}
    return list(rows.values())


@cache
def everything(kind: Kind) -> list[Entity]:
    empty: Filter = ExecutionFilter() if kind == "execution" else JobFilter()
    return asyncio.run(scanned(planned(empty, fields=())))


def job_ids() -> list[str]:
    """Two jobs with executions, one without, one that was deleted."""
    world = simulator().world
    used = list(dict.fromkeys(row["job_id"] for row in world.executions.values()))
    alive = [job_id for job_id in used if job_id in world.jobs]
    idle = [job_id for job_id in world.jobs if job_id not in used]
    deleted = [job_id for job_id in used if job_id not in world.jobs]
    return [*alive[:2], idle[0], deleted[0]]


ONE, TWO, IDLE, DELETED = job_ids()


def of(job_id: str) -> str:
    return f"{BASE}/{job_id}/executions?page=0&size=100"


PLANS: list[tuple[str, Filter, tuple[str, ...], list[str], set[str]]] = [
    # what, filter, fields read, requests, pushed
    ("all", ExecutionFilter(), ("status",), ALL, set()),
    ("all, with their names", ExecutionFilter(), ("name",), ALL + JOBS, set()),
    ("all, with their hosts", ExecutionFilter(), ("nodes",), ALL + JOBS, set()),
    ("all, with their time limits", ExecutionFilter(), ("timeout_seconds",), ALL + JOBS, set()),
    ("all, of which anything may be read", ExecutionFilter(), (), ALL + JOBS, set()),
    ("status", ExecutionFilter(statuses=frozenset({S.FAILED})), ("status",), ALL, set()),
    ("rawStatus", ExecutionFilter(raw_statuses=frozenset({"FAILURE"})), ("status",), ALL, set()),
    ("name", ExecutionFilter(name=TextMatch(equals="patch linux")), ("status",), ALL + JOBS, set()),
    ("search", ExecutionFilter(search="linux"), ("status",), ALL + JOBS, set()),
    ("nodeId", ExecutionFilter(nodes=keys("node", "localhost")), ("status",), ALL + JOBS, set()),
    ("nodeName", ExecutionFilter(node_name=TextMatch(contains="web")), ("status",), ALL + JOBS, set()),
    ("createdAt", ExecutionFilter(created_at=InstantRange(0, 1)), ("status",), ALL, set()),
    ("startedAt", ExecutionFilter(started_at=InstantRange(0, 1)), ("status",), ALL, set()),
    ("finishedAt", ExecutionFilter(finished_at=InstantRange(0, 1)), ("status",), ALL, set()),
    ("activeDuring", ExecutionFilter(active_during=InstantRange(0, 1)), ("status",), ALL, set()),
    ("one job", ExecutionFilter(jobs=keys("job", ONE)), ("status",), [of(ONE)], {"jobId"}),
    ("two jobs", ExecutionFilter(jobs=keys("job", ONE, TWO)), ("status",), sorted([of(ONE), of(TWO)]), {"jobId"}),
    ("a job and no id", ExecutionFilter(jobs=keys("job", ONE, "executions", "..")), ("status",), [of(ONE)], {"jobId"}),
    ("an idle job", ExecutionFilter(jobs=keys("job", IDLE)), ("name",), [of(IDLE)], {"jobId"}),
    ("one job, with names", ExecutionFilter(jobs=keys("job", ONE)), ("name",), [of(ONE), *JOBS], {"jobId"}),
    ("a deleted job", ExecutionFilter(jobs=keys("job", DELETED)), ("status",), [of(DELETED), *ALL], {"jobId"}),
    ("jobs", JobFilter(), (), JOBS, set()),
    ("jobs by all they have", JobFilter(states=frozenset({JobState.ACTIVE}), name=TextMatch(equals="x")), (), JOBS, set()),
]


@pytest.mark.parametrize(
    ("given", "fields", "requests", "pushed"), [each[1:] for each in PLANS], ids=[each[0] for each in PLANS]
)
async def test_push_down(given: Filter, fields: tuple[str, ...], requests: list[str], pushed: set[str]) -> None:
    """The whole list is read, whatever its order: first its rows, then their jobs if somebody needs them."""
    found = {planned(given, order, fields) for order in ORDERS}
    assert len(found) == 1
    (one,) = found
    assert (set(one.pushed), set(one.unseen)) == (pushed, set())
    assert (one.order, one.reports_key) == (Guarantee.NONE, True)
    assert one.counts is ("jobId" not in pushed)
    assert (one.caveat, one.reason_empty, one.unsupported) == (None, None, None)
    asked()
    async for _ in opened().scan(one, Start(rows=50)):
        pass
    assert asked() == requests


@pytest.mark.parametrize(
    "given",
    [
        ExecutionFilter(trigger_kinds=frozenset({TriggerKind.MANUAL})),
        ExecutionFilter(actor=TextMatch(equals="ada")),
        ExecutionFilter(statuses=frozenset({S.REJECTED, S.SKIPPED})),
        ExecutionFilter(jobs=keys("job", "executions", "..", "a/b")),
    ],
)
def test_what_nothing_can_match(given: ExecutionFilter) -> None:
    assert planned(given).reason_empty


@pytest.mark.parametrize("given", [NodeFilter(), NodeFilter(kinds=frozenset({NodeKind.HOST}))])
def test_hosts_are_not_listed(given: NodeFilter) -> None:
    assert planned(given).unsupported


def test_listings_are_values() -> None:
    forth = planned(ExecutionFilter(jobs=keys("job", ONE, TWO)))
    back = planned(ExecutionFilter(jobs=keys("job", TWO, ONE)))
    assert hash(forth.native) == hash(back.native)
    assert forth.native == back.native == Listing("execution", tuple(sorted((ONE, TWO))))


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a/b", "a%2Fb", "a b", "é", "executions", "a\n", "-a", "x" * 129, "a?b", "a#b"]
)
def test_texts_that_are_no_ids(text: str) -> None:
    assert not is_id(text)


@pytest.mark.parametrize("text", ["43324ce3-dc2a-480e-94b9-1ea705373111", "7", "A_b-1", "executions2", "x" * 128])
def test_ids(text: str) -> None:
    assert is_id(text)


# --- whatever is asked, the answer is the truth


def instants(rows: Sequence[Any]) -> list[int]:
    return sorted({each.us for row in rows for each in (row.created_at, row.finished_at) if each is not None})


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


@st.composite
def ranges(draw: st.DrawFn) -> InstantRange:
    edge = st.sampled_from(instants(everything("execution")))
    return InstantRange(draw(maybe(edge)), draw(maybe(edge)))


NAMES = st.sampled_from(["patch linux", "Sicherung München", "SICHERUNG", "sync mirrors: 50%/day", "web", "checkout", "a"])
HOSTS = st.sampled_from(["localhost", "checkout-web-01", "rack7/slot:3%2A", "münchen-db-01", "legacy-01", "nobody"])
TEXTS = st.builds(
    TextMatch,
    equals=maybe(NAMES | HOSTS),
    among=maybe(st.frozensets(NAMES | HOSTS, max_size=2)),
    starts_with=maybe(NAMES),
    contains=maybe(NAMES | HOSTS),
)
EXECUTION_FILTERS = st.builds(
    ExecutionFilter,
    statuses=maybe(st.frozensets(st.sampled_from(S), max_size=4)),
    raw_statuses=maybe(st.frozensets(st.sampled_from(["SUCCESS", "FAILURE", "success", "what"]), max_size=2)),
    jobs=maybe(st.frozensets(st.sampled_from(sorted(keys("job", ONE, TWO, IDLE, DELETED, "nowhere"))), max_size=3)),
    name=maybe(TEXTS),
    nodes=maybe(st.frozensets(st.builds(lambda host: Key("node", "runner", (host,)), HOSTS), max_size=2)),
    node_name=maybe(TEXTS),
    trigger_kinds=maybe(st.frozensets(st.sampled_from(TriggerKind), max_size=1)),
    search=maybe(NAMES),
    created_at=maybe(ranges()),
    finished_at=maybe(ranges()),
    active_during=maybe(ranges()),
)
JOB_FILTERS = st.builds(
    JobFilter,
    states=maybe(st.frozensets(st.sampled_from(JobState), max_size=3)),
    raw_states=maybe(st.frozensets(st.sampled_from(["ACTIVE", "COMPLETE"]), max_size=2)),
    name=maybe(TEXTS),
    created_at=maybe(ranges()),
)


@given(EXECUTION_FILTERS | JOB_FILTERS, st.sampled_from(ORDERS), st.booleans())
@settings(max_examples=120)
def test_pushing_down_changes_nothing(given_filter: Filter, order: Order, few_fields: bool) -> None:
    if impossible(given_filter):
        return
    kind = KINDS[type(given_filter)]
    matches = predicate(given_filter)

    def place(row: Entity) -> Any:
        return position(order_value(row, order.field), order, "runner", row.tie)

    truth = [row.key for row in sorted(everything(kind), key=place) if matches(row)]
    found = planned(given_filter, order, ("status",) if few_fields else ())
    if found.reason_empty is not None:
        assert truth == []
        return
    assert found.pushed <= parts_of(given_filter)
    rows = sorted(asyncio.run(scanned(found)), key=place)
    # What was pushed was applied exactly: looking only at the rest gives the truth, and looking at all of it too.
    for unseen in (found.pushed, frozenset[str]()):
        again = predicate(given_filter, unseen)
        assert [row.key for row in rows if again(row)] == truth


def test_nodes_that_are_no_hosts_are_none_of_runner_s() -> None:
    """Whoever asks for devices is not told that part of the answer failed."""
    order = Order(OrderField.NATIVE)
    others = plan(ListQuery("node", NodeFilter(kinds=frozenset({NodeKind.DEVICE, NodeKind.WORKER})), order))
    assert (others.reason_empty, others.unsupported) == ("CTL Runner has hosts only.", None)
    for kinds in (None, frozenset({NodeKind.HOST, NodeKind.DEVICE})):
        hosts = plan(ListQuery("node", NodeFilter(kinds=kinds), order))
        assert hosts.unsupported == "CTL Runner has no list of hosts."
