"""Random filters against a simulated AWX: pushed and gateway predicates together are the plain predicate over all rows."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar
from urllib.parse import unquote

import httpx
import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.awx.adapter import AwxAdapter
from adapters.awx.kinds import PATHS, Listing
from adapters.awx.planning import plan
from adapters.awx.simulator import Simulator
from adapters.awx.world import World
from gateway.model import Entity, Execution, ExecutionStatus, Key, NodeKind, TriggerKind
from gateway.query import (
    ExecutionFilter,
    Filter,
    InstantRange,
    ListQuery,
    NodeFilter,
    Order,
    OrderField,
    TextMatch,
    order_value,
    parts_of,
    position,
    predicate,
)
from gateway.spi import Guarantee, Start
from tests.adapters.awx_bench import EVERY_ORDER, NEWEST, NOW, adapter_on

T = TypeVar("T")
S = ExecutionStatus
Types = tuple[str, ...]
JOBS: Types = ("job",)
EVERY_TYPE: Types = tuple(PATHS)


@cache
def world() -> World:
    """Generated jobs, and the cases that are rare: unknown words, crowded instants, every open word canceling."""
    made = World.generate(17, 60, NOW)
    template = min(made.job_templates)
    crowd = NOW - timedelta(days=2)
    words = ("new", "pending", "waiting", "running")
    for number, word in enumerate((*words, *words, "reaped", "reaped")):
        canceled = NOW if number % 2 else None
        started = NOW - timedelta(hours=number + 1) if word in ("running", "reaped") else None
        made.add_execution(status=word, created=crowd, started=started, canceled_on=canceled, launch_type="telepathy")
    for number in range(12):
        made.add_execution(
            status=("successful", "failed", "error", "canceled")[number % 4],
            created=crowd,
            started=crowd if number % 3 else None,
            finished=crowd + timedelta(seconds=number // 4),
            name=("100%_done\\", "Größe", "deploy 1", "DEPLOY_2")[number % 4],
            job_explanation=("", "lost, 50% done", "Deploy was lost")[number % 3],
            job_template=template if number % 2 else None,
            execution_node="exec-a.example.org" if number % 3 else "",
            controller_node="exec-a.example.org" if number % 4 else "awx-1.example.org",
            launched_by={"id": 1, "name": "søren", "type": "user"},
        )
    for number, kind in enumerate(EVERY_TYPE[1:] * 2):
        word = ("successful", "running", "error", "pending")[number % 4]
        ended = crowd + timedelta(seconds=number) if word in ("successful", "error") else None
        started = None if word == "pending" else crowd
        row_id = made.add_unified_job(kind, status=word, created=crowd, started=started, finished=ended)
        if kind not in ("workflow_job", "project_update"):
            made.update_execution(row_id, execution_node="exec-a.example.org", controller_node="awx-1.example.org")
    return made


@cache
def everything(types: Types = JOBS) -> list[Execution]:
    """Every execution with all its nodes, as the model would have it if AWX's list rows told of hosts."""
    made = world()
    rows: list[Execution] = run(lambda adapter: read(adapter, ExecutionFilter(), NEWEST), types)
    assert {row.tie[0] for row in rows} == {row["id"] for row in made.executions.values() if row["type"] in types}
    summaries = list(made.job_host_summaries.values())

    def whole(row: Execution) -> Execution:
        mapper = adapter_of(made)._mapper
        own = [mapper.target(msgspec.json.encode(one)) for one in summaries if one["job"] == row.tie[0]]
        return msgspec.structs.replace(row, nodes=(*row.nodes, *own))

    return [whole(row) for row in rows]


def adapter_of(made: World, types: Types = JOBS) -> AwxAdapter:
    return adapter_on(httpx.ASGITransport(app=Simulator(made).app), job_types=list(types))


def run(work: Callable[[AwxAdapter], Awaitable[T]], types: Types = JOBS) -> T:
    async def main() -> T:
        return await work(adapter_of(world(), types))

    return asyncio.run(main())


async def read(adapter: AwxAdapter, wanted: Filter, order: Order, rows: int = 17) -> list[Any]:
    """Every row of a plan once, in the order in which it came first."""
    kind = "execution" if isinstance(wanted, ExecutionFilter) else "node"
    found: dict[Key, Entity] = {}
    made = adapter.plan(ListQuery(kind, wanted, order))  # type: ignore[arg-type]
    async for page in adapter.scan(made, Start(rows=rows)):
        found |= {row.key: row for row in page.rows if row.key not in found}
    return list(found.values())


def instants() -> st.SearchStrategy[int]:
    known = {
        instant.us + shift
        for row in everything()
        for instant in (row.created_at, row.started_at, row.finished_at)
        for shift in (0, 1)
        if instant is not None
    }
    return st.sampled_from(sorted(known))


def ranges() -> st.SearchStrategy[InstantRange]:
    bound = st.none() | instants()
    return st.builds(InstantRange, bound, bound).filter(lambda limits: not limits.impossible)


def subset(values: Any) -> st.SearchStrategy[frozenset]:
    return st.frozensets(st.sampled_from(sorted(values, key=str)), min_size=1, max_size=9)


def texts(values: Any, *, parts: int = 4) -> st.SearchStrategy[TextMatch]:
    known = sorted({value for value in values if value})
    fragment = st.sampled_from(known).flatmap(
        lambda text: st.sampled_from([text[:3], text[-3:], text[2:5].swapcase(), text])
    )
    made = st.builds(
        TextMatch,
        equals=st.none() | st.sampled_from(known),
        among=st.none() | st.frozensets(st.sampled_from(known), min_size=1, max_size=3),
        starts_with=st.none() | fragment,
        contains=st.none() | fragment,
    )
    return made.filter(lambda match: 1 <= match.parts <= parts and not match.impossible)


@st.composite
def filters(draw: st.DrawFn) -> ExecutionFilter:
    rows = everything()
    node_keys = {result.node.key for row in rows for result in row.nodes}
    names = {result.node.name for row in rows for result in row.nodes}
    by_node = draw(st.sampled_from(["no", "no", "nodeId", "nodeName"]))
    parts = {
        "statuses": subset(S),
        "raw_statuses": subset({row.raw_status for row in rows} | {"never", "a,b"}),
        "jobs": subset({row.job.key for row in rows if row.job}),
        "name": texts(row.name for row in rows),
        "trigger_kinds": subset(TriggerKind),
        "actor": texts(row.trigger.actor for row in rows if row.trigger),
        "search": st.sampled_from(["deploy", "LOST", "50%", "_", "ö", "", "4.2"]),
        "created_at": ranges(),
        "started_at": ranges(),
        "finished_at": ranges(),
        "active_during": ranges(),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(parts)), max_size=3))
    made: dict[str, Any] = {name: draw(parts[name]) for name in sorted(chosen)}
    if by_node == "nodeId":
        made["nodes"] = draw(subset(node_keys))
    elif by_node == "nodeName":
        made["node_name"] = draw(texts(names, parts=1))
    return ExecutionFilter(**made)


@st.composite
def status_filters(draw: st.DrawFn) -> ExecutionFilter:
    return ExecutionFilter(statuses=draw(subset(S)), search=draw(st.none() | st.just("deploy")))


def agree(wanted: ExecutionFilter, order: Order, rows: int, types: Types = JOBS) -> None:
    """Pushed and gateway predicates together give the rows of the plain predicate, in order; each pushed part is exact."""
    made = plan(ListQuery("execution", wanted, order), Listing(types))
    truth = [row for row in everything(types) if predicate(wanted)(row)]
    if made.unsupported is not None:
        assert wanted.nodes or wanted.node_name
        return
    if made.reason_empty is not None:
        assert truth == []
        return

    async def both(adapter: AwxAdapter) -> tuple[list[Execution], int | None]:
        return await read(adapter, wanted, order, rows), await adapter.count(made)

    scanned, count = run(both, types)
    whole = {row.key: row for row in everything(types)}
    residual = parts_of(wanted) - made.pushed
    assert all(predicate(wanted, residual)(whole[row.key]) for row in scanned), "a pushed part let too much pass"
    kept = [row.key for row in scanned if predicate(wanted, made.unseen)(row)]
    assert sorted(kept) == sorted(row.key for row in truth)
    if not residual:
        assert count == len(truth) == len(scanned)
    if made.order is Guarantee.EXACT:
        places = [position(order_value(row, order.field), order, "awx", row.tie) for row in scanned]
        assert places == sorted(places)


@given(filters(), st.sampled_from(EVERY_ORDER), st.integers(2, 60))
@settings(max_examples=150)
@example(ExecutionFilter(statuses=frozenset({S.RUNNING, S.CANCELING}), search="deploy"), NEWEST, 5)
def test_pushing_down_changes_nothing(wanted: ExecutionFilter, order: Order, rows: int) -> None:
    agree(wanted, order, rows)


@given(filters(), st.sampled_from(EVERY_ORDER), st.integers(2, 60), st.sampled_from([EVERY_TYPE, EVERY_TYPE[:4]]))
@settings(max_examples=100)
@example(ExecutionFilter(name=TextMatch(equals="shell")), NEWEST, 5, EVERY_TYPE)
@example(ExecutionFilter(name=TextMatch(starts_with="Nightly")), NEWEST, 5, EVERY_TYPE[:4])
def test_nor_in_the_list_of_all_types(wanted: ExecutionFilter, order: Order, rows: int, types: Types) -> None:
    agree(wanted, order, rows, types)


@given(status_filters(), st.sampled_from(EVERY_ORDER), st.integers(2, 60))
@settings(max_examples=100)
def test_every_set_of_statuses_is_found(wanted: ExecutionFilter, order: Order, rows: int) -> None:
    agree(wanted, order, rows)


@given(
    st.builds(
        NodeFilter,
        kinds=st.none() | subset(NodeKind),
        name=st.none() | texts(["checkout-01.prod.example.org", "münchen-web-01", "exec-a.example.org", "rack 4/switch 7"]),
        active=st.none() | st.booleans(),
    ),
    st.integers(1, 40),
)
@settings(max_examples=50)
def test_nodes_too(wanted: NodeFilter, rows: int) -> None:
    every = run(lambda adapter: read(adapter, NodeFilter(), Order(OrderField.NATIVE)))
    assert [row.tie for row in every] == sorted(row.tie for row in every)
    if plan(ListQuery("node", wanted, Order(OrderField.NATIVE))).reason_empty is None:
        found = run(lambda adapter: read(adapter, wanted, Order(OrderField.NATIVE), rows))
        assert [row.key for row in found if predicate(wanted)(row)] == [row.key for row in every if predicate(wanted)(row)]


def test_queries_are_encoded_for_the_wire() -> None:
    """The simulator sees exactly the text that was asked for: commas, per cents, plus signs, non-ASCII."""
    simulator = Simulator(world())
    adapter = adapter_on(httpx.ASGITransport(app=simulator.app))
    asyncio.run(read(adapter, ExecutionFilter(name=TextMatch(equals="a+b, 50% ü&x=1")), NEWEST))
    assert "name=a+b, 50% ü&x=1&order_by" in unquote(simulator.log[-1].query)
    assert "a%2Bb" in simulator.log[-1].query
