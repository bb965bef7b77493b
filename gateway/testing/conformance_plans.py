"""Checks of what an adapter says: its plans and its capabilities."""

import asyncio
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

from gateway.model import Kind, RerunSupport
from gateway.query import ListQuery, Order, OrderField, narrowed, parts_of
from gateway.registry import Source
from gateway.spi import Capabilities, Guarantee, ScanPlan, SupportsLogs, SupportsTargets
from gateway.testing.harness import KINDS, Harness, Truth
from gateway.testing.scenarios import EMPTY, everything, shown
from gateway.transport import Meter, metered

_EVERY_ORDER = [Order(field, descending) for field in OrderField for descending in (True, False)]
_NOT_YET = ("cancel_execution", "cancel_job")


def plans(source: Source, truth: Truth, kind: Kind) -> Iterator[tuple[ListQuery, ScanPlan]]:
    """How the adapter would answer everything, each in a third of the orders in turn."""
    for index, given in enumerate(everything(kind, truth.full(kind))):
        own = narrowed(given, source.name)
        if own is not None:
            for order in _EVERY_ORDER[index % 3 :: 3]:
                query = ListQuery(kind, own, order)
                yield query, source.adapter.plan(query)


class PlanChecks(Harness):
    """Plans and capabilities."""

    async def test_plan_is_pure(self, upstream: Any, source: Source, truth: Truth) -> None:
        """A plan is made without a request, the same for the same query, and for any query."""
        before = len(upstream.log)
        meter = Meter(asyncio.get_running_loop().time() + 60)
        with metered(meter):
            for kind in truth.rows:
                for query, plan in plans(source, truth, kind):
                    assert source.adapter.plan(deepcopy(query)) == plan, f"another plan for the same query: {shown(query)}"
                    hash(plan.native)
                    assert plan.pushed <= parts_of(query.filter), f"pushes more than was asked for: {shown(query)}"
                    assert plan.unseen <= plan.pushed, f"parts that rows do not show must be pushed: {shown(query)}"
                    assert plan.reason_empty is None or plan.reason_empty.strip(), f"no reason: {shown(query)}"
                    assert plan.unsupported is None or plan.unsupported.strip(), f"no reason: {shown(query)}"
        assert not meter.requests, "plan() sent a request"
        assert len(upstream.log) == before, "plan() sent a request"

    async def test_fields_change_no_promise(self, source: Source, truth: Truth) -> None:
        """Which fields somebody will read decides what is asked for, never which rows come, or how."""
        for kind in truth.rows:
            bare = ListQuery(kind, EMPTY[kind], Order(OrderField.CREATED_AT))
            plan = source.adapter.plan(bare)
            for fields in ({"name"}, {"status", "nodes"}, {"no_such_field"}):
                other = source.adapter.plan(replace(bare, fields=frozenset(fields)))
                assert replace(other, native=None) == replace(plan, native=None)

    async def test_pushed_filters_are_those_declared(self, source: Source, truth: Truth) -> None:
        """``pushed_filters`` names exactly the parts that some plan pushes."""
        pushed: set[str] = set()
        asked: set[str] = set()
        for kind in truth.rows:
            for _, plan in plans(source, truth, kind):
                pushed |= plan.pushed
                if plan.unsupported is None and plan.reason_empty is None:
                    asked |= plan.pushed
        declared = source.adapter.capabilities.pushed_filters
        assert pushed <= declared, f"pushed, but not declared: {sorted(pushed - declared)}"
        assert asked == declared, f"declared, but never pushed: {sorted(declared - asked)}"

    async def test_orders_are_those_declared(self, source: Source) -> None:
        """A list of all executions comes sorted by the source in exactly the declared orders."""
        declared = source.adapter.capabilities.orders
        for order in _EVERY_ORDER:
            plan = source.adapter.plan(ListQuery("execution", EMPTY["execution"], order))
            exact = plan.order is Guarantee.EXACT
            assert exact is (order.field in declared), (
                f"{order}: planned {plan.order}, declared {sorted(map(str, declared))}"
            )

    async def test_counts_are_declared(self, source: Source, truth: Truth) -> None:
        """Plans promise counts exactly where the capabilities do."""
        counts = any(plan.counts for kind in truth.rows for _, plan in plans(source, truth, kind))
        assert counts is source.adapter.capabilities.counts
        plan = source.adapter.plan(ListQuery("execution", EMPTY["execution"], Order(OrderField.CREATED_AT)))
        assert plan.counts is source.adapter.capabilities.counts

    async def test_nodes_are_declared(self, source: Source) -> None:
        """A source without a list of nodes says so in its plan; one that has it does not refuse."""
        for kind in KINDS:
            plan = source.adapter.plan(ListQuery(kind, EMPTY[kind], Order(OrderField.NATIVE)))
            refused = plan.reason_empty is not None or plan.unsupported is not None
            assert refused is (kind == "node" and not source.adapter.capabilities.nodes), f"a list of {kind}s: {plan}"

    async def test_abilities_are_methods(self, source: Source, truth: Truth) -> None:
        """An adapter has an ability exactly when it has the method, and says so."""
        capabilities: Capabilities = source.adapter.capabilities
        elsewhere = any(row.targets_elsewhere for row in truth.rows["execution"])
        assert elsewhere is isinstance(source.adapter, SupportsTargets), "targets_elsewhere and targets() go together"
        # A source may have the method and yet no logs, for lack of a setting.
        assert isinstance(source.adapter, SupportsLogs) or not capabilities.logs, "logs are declared without logs()"
        # gateway.spi has no methods for these yet, so that nobody can have the ability.
        claimed = [name for name in _NOT_YET if getattr(capabilities, name)]
        assert not claimed, f"declared without a method: {claimed}"
        assert capabilities.rerun is RerunSupport.NONE, "declared without a method: rerun"

    async def test_costs_are_those_of_the_details(self, source: Source) -> None:
        """The factory's detail types carry the costs that the capabilities name, and each names a type and a field."""
        costs = source.adapter.capabilities.costs
        assert all(len(name.split(".")) == 2 for name in costs), sorted(costs)
        assert dict(self.factory.details().costs) == dict(costs), "DetailTypes.costs is the table of Capabilities.costs"
        assert source.adapter.capabilities.batch_size >= 1
