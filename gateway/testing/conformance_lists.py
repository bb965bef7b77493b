"""Checks of lists: the right rows in the right order, wherever a client begins."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle
from typing import Any

import pytest
from msgspec import structs

from gateway.cursor import Hint
from gateway.errors import SourceErrorCode
from gateway.merge import SourceReportState
from gateway.model import Key, Kind
from gateway.query import ListQuery, Order, OrderField, narrowed, parts_of
from gateway.registry import Source
from gateway.spi import Guarantee
from gateway.testing.harness import Harness, Truth, scanned, walk
from gateway.testing.scenarios import EMPTY, ORDERS, filters, pairs, parts, shown
from gateway.transport import Meter, metered

_SIZES = (3, 10, 25, 100)
_NEWEST = Order(OrderField.CREATED_AT)


class ListChecks(Harness):
    """Lists."""

    # --- everything

    async def test_lists_are_whole(self, upstream: Any, source: Source, truth: Truth) -> None:
        """A list without a filter has every row that the upstream has, once."""
        sizes = self.sizes(upstream)
        for kind in self.kinds(source):
            keys = [row.key for row in truth.rows[kind]]
            assert len(set(keys)) == len(keys), f"a list of {kind}s has rows twice"
            assert len(keys) == sizes[kind], f"a list of {kind}s is not whole"
            assert all(key.kind == kind and key.source == source.name and key.parts for key in keys)
            assert all(row.known is None for row in truth.rows[kind]), "a listed row knows all its fields"

    @pytest.mark.parametrize("first", [2, 9, 40])
    async def test_every_order_in_pages(self, source: Source, truth: Truth, first: int) -> None:
        """Pages of any size, put together, are the whole list in order."""
        for kind in truth.rows:
            for order in ORDERS[kind]:
                await _compare(source, truth, ListQuery(kind, EMPTY[kind], order), first)

    async def test_scans_keep_their_order(self, source: Source, truth: Truth) -> None:
        """A scan that promises order sends its rows in the total order; pages may overlap, never go back."""
        for kind in truth.rows:
            for order in ORDERS[kind]:
                query = ListQuery(kind, EMPTY[kind], order)
                plan = source.adapter.plan(query)
                if plan.order is not Guarantee.EXACT:
                    continue
                place = {row.key: index for index, row in enumerate(truth.sorted(query, plan))}
                reached = -1
                for page in await scanned(source, plan, rows=12):
                    places = [place[row.key] for row in page.rows]
                    assert places == sorted(places), f"{order}: a page of {kind}s is out of order"
                    new = [each for each in places if each > reached]
                    assert new == list(range(reached + 1, reached + 1 + len(new))), f"{order}: rows of {kind}s are missing"
                    reached = max([reached, *places])
                assert reached == len(place) - 1, f"{order}: the scan of {kind}s ended early"

    # --- filters

    @pytest.mark.parametrize("part", parts("execution"))
    async def test_filter_alone(self, source: Source, truth: Truth, part: str) -> None:
        """What the source applies and what is left to the gateway make the right list, in every order."""
        await _alone(source, truth, "execution", part)

    @pytest.mark.parametrize("part", parts("execution")[:-1])
    async def test_filter_pairs(self, source: Source, truth: Truth, part: str) -> None:
        """Two parts of a filter together make the right list."""
        await _paired(source, truth, "execution", part)

    @pytest.mark.parametrize("part", parts("job"))
    async def test_job_filters(self, source: Source, truth: Truth, part: str) -> None:
        """Jobs are filtered rightly, by one part and by two."""
        await _alone(source, truth, "job", part)
        await _paired(source, truth, "job", part)

    @pytest.mark.parametrize("part", parts("node"))
    async def test_node_filters(self, source: Source, truth: Truth, part: str) -> None:
        """Nodes are filtered rightly, by one part and by two."""
        if not source.adapter.capabilities.nodes:
            return  # It refuses them: test_nodes_are_declared.
        await _alone(source, truth, "node", part)
        await _paired(source, truth, "node", part)

    # --- resuming

    async def test_resumes_anywhere(self, source: Source, truth: Truth) -> None:
        """From any edge, with hints, without, or with ones that are wrong by now, nothing is lost and nothing doubled."""
        for kind in truth.rows:
            for order in ORDERS[kind]:
                query = ListQuery(kind, EMPTY[kind], order)
                whole = await walk([source], query, first=7)
                # The seventh row ends a page: its cursor alone carries hints.
                for index in {6, *range(2, len(whole.rows), max(1, len(whole.rows) // 5))} & {*range(len(whole.rows))}:
                    cursor = whole.cursors[index]
                    hints = [dict(cursor.hints), {}, *({source.name: wrong} for wrong in _wrong(cursor.hints, source.name))]
                    for given in hints:
                        rest = await walk([source], query, first=30, after=structs.replace(cursor, hints=given))
                        assert rest.keys == whole.keys[index + 1 :], f"{order}: {kind}s after {whole.keys[index]}, {given}"

    # --- totals

    async def test_counts(self, source: Source, truth: Truth) -> None:
        """A count is right, takes one request, and the total of a list is right or not told."""
        for kind in truth.rows:
            for given in [
                EMPTY[kind],
                *(each for part in parts(kind) for each in filters(kind, part, truth.full(kind))[:2]),
            ]:
                own = narrowed(given, source.name)
                if own is None:
                    continue
                query = ListQuery(kind, own, _NEWEST if kind != "node" else Order(OrderField.NATIVE))
                plan = source.adapter.plan(query)
                expected = len(truth.matching(kind, own))
                for first in (0, 5):
                    total = (await walk([source], query, first=first, totals=True)).pages[0].total
                    assert total in (None, expected), f"the total of {shown(query)}"
                if not plan.counts or plan.reason_empty or plan.unsupported:
                    continue
                meter = Meter(float("inf"))
                with metered(meter):
                    count = await source.adapter.count(plan)
                assert meter.requests[source.name] == 1, f"one request counts: {shown(query)}"
                if plan.caveat is None:
                    assert count == len(truth.matching(kind, own, plan.pushed)), f"the count of {shown(query)}"


async def _alone(source: Source, truth: Truth, kind: Kind, part: str) -> None:
    """One part of a filter: its first value in every order, the others in one each."""
    tried, *others = filters(kind, part, truth.full(kind))
    sizes = cycle(_SIZES)
    queries = [ListQuery(kind, tried, order) for order in ORDERS[kind]]
    queries += [ListQuery(kind, given, order) for given, order in zip(others, cycle(ORDERS[kind]), strict=False)]
    for query in queries:
        await _compare(source, truth, query, next(sizes))
        await _check_scan(source, truth, query)


async def _paired(source: Source, truth: Truth, kind: Kind, part: str) -> None:
    orders, sizes = cycle(ORDERS[kind]), cycle(_SIZES)
    for given in pairs(kind, part, truth.full(kind)):
        await _compare(source, truth, ListQuery(kind, given, next(orders)), next(sizes))


async def _compare(source: Source, truth: Truth, query: ListQuery, first: int) -> None:
    """The list that a client gets is the list by definition, and the report says how it was had."""
    own = narrowed(query.filter, source.name)
    if own is None:
        return
    plan = source.adapter.plan(replace(query, filter=own))
    what = f"{shown(query)}, {first} a page"
    got = await walk([source], query, first=first)
    report = got.reports[source.name]
    assert not any(page.disordered for page in got.pages), f"the promised order was broken: {what}"
    if plan.reason_empty is not None:
        assert report.state is SourceReportState.SKIPPED, what
        assert not truth.matching(query.kind, own), f"rows match, but it says {plan.reason_empty!r}: {what}"
        return
    if plan.unsupported is not None:
        assert report.state is SourceReportState.FAILED, what
        assert report.error is not None, what
        assert report.error.code is SourceErrorCode.UNSUPPORTED, what
        assert not got.rows, what
        return
    expected = truth.expected(query, plan)
    assert set(report.residual) >= parts_of(own) - plan.pushed, what
    if plan.caveat is None:
        assert got.keys == expected, what
        assert report.state is SourceReportState.OK, f"{report.error}: {what}"
    else:
        assert _within(got.keys, expected), what
        assert report.state is SourceReportState.TRUNCATED, what


async def _check_scan(source: Source, truth: Truth, query: ListQuery) -> None:
    """What a plan says is pushed, the source has applied; and it has left out no row that matches."""
    own = narrowed(query.filter, source.name)
    if own is None:
        return
    plan = source.adapter.plan(replace(query, filter=own))
    if plan.reason_empty is not None or plan.unsupported is not None:
        return
    keys = {row.key for page in await scanned(source, plan, rows=100) for row in page.rows}
    assert keys <= truth.matching(query.kind, own, plan.pushed), (
        f"the source does not apply {sorted(plan.pushed)}: {shown(query)}"
    )
    if plan.caveat is None:
        assert keys >= truth.matching(query.kind, own), f"the source leaves out rows that match: {shown(query)}"


def _within(keys: Sequence[Key], whole: Sequence[Key]) -> bool:
    """Whether ``keys`` are some of ``whole`` in the same order."""
    left = iter(whole)
    return all(key in left for key in keys)


def _wrong(hints: Any, source: str) -> list[Hint]:
    """Hints that were right once."""
    match hints.get(source):
        case int(hint):
            return [max(0, hint - 9), hint + 9, hint + 100_000]
        case str():
            return ["expired"]
        case _:
            return []
