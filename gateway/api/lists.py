"""From a field's arguments to a page, and the views that stand behind connections."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import repeat
from typing import Any

from msgspec import Struct

from gateway.api import inputs
from gateway.api.errors import CostLimitError
from gateway.api.inputs import SourceErrorPolicy
from gateway.execution.fields import LATER, Call
from gateway.execution.selection import Selection, below
from gateway.merge import SourceReport
from gateway.model import Execution, Job, Key, Node, NodeResult
from gateway.nodes import NodesPage, NodesRequest
from gateway.query import Order, OrderField
from gateway.service import ListPage, ListRequest

_HUMP = re.compile(r"(?<!^)(?=[A-Z])")
_ENTITIES_WITHIN = ("job", "parent")


class PageView(Struct, frozen=True, gc=False):
    """Behind PageInfo."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


class EdgeView(Struct, gc=False):
    """Behind an edge of a merged list. It has its cursor where the query reads cursors."""

    node: Any
    cursor: str | None


class ListView:
    """Behind ExecutionConnection, JobConnection and NodeConnection. Edges have cursors only ``with_cursors``."""

    __slots__ = ("edges", "partial", "sources", "total_count", "_page")  # noqa: RUF023 - public ones first

    def __init__(self, page: ListPage, *, with_cursors: bool) -> None:
        self._page = page
        rows = page.page.rows
        self.edges = list(map(EdgeView, rows, page.cursors() if with_cursors else repeat(None)))
        self.total_count = page.page.total
        self.partial = page.partial
        self.sources = page.reports

    @property
    def page_info(self) -> PageView:
        page, request = self._page.page, self._page.request
        start = self._page.cursor(0) if self.edges else None
        return PageView(page.has_next, request.after is not None, start, self._page.end)


class NodeResultView(Struct, gc=False):
    """Behind ExecutionNodeEdge: a node's result and its cursor, which is written only when somebody reads it."""

    node: Node
    result: NodeResult
    page: NodesPage
    index: int

    @property
    def cursor(self) -> str:
        return self.page.cursor(self.index)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.result, name)


class NodesView(Struct, gc=False):
    """Behind ExecutionNodeConnection."""

    page: NodesPage

    @property
    def edges(self) -> list[NodeResultView]:
        page = self.page
        return [NodeResultView(result.node, result, page, index) for index, (_, result) in enumerate(page.found)]

    @property
    def total_count(self) -> int | None:
        return self.page.total

    @property
    def source(self) -> SourceReport:
        return self.page.report

    @property
    def page_info(self) -> PageView:
        page, after, last = self.page, self.page.request.after, len(self.page.found) - 1
        start, end = (page.cursor(0), page.cursor(last)) if page.found else (None, after)
        return PageView(page.has_next, after is not None, start, end)


async def list_executions(
    call: Call,
    wanted: inputs.ExecutionFilter | None,
    order: inputs.ExecutionOrder,
    first: int,
    after: str | None,
    policy: SourceErrorPolicy,
    within: Job | Node | None = None,
) -> ListView:
    """Executions of all sources, or of one job or node."""
    gateway = call.context.gateway
    sources = inputs.sources_of(gateway, wanted)
    if within is not None:
        here = within.key.source
        sources = frozenset({here}) if sources is None else sources & {here}
    return await _run(
        call,
        ListRequest(
            kind="execution",
            filter=lambda now: _within(inputs.execution_parts(gateway, wanted, now), within),
            given=inputs.as_given(wanted),
            order=inputs.execution_order(order, wanted),
            first=first,
            after=after,
            fail_on_error=policy is SourceErrorPolicy.FAIL,
            sources=sources,
            within=None if within is None else within.key,
            **_reads(call),
        ),
    )


async def list_jobs(
    call: Call,
    wanted: inputs.JobFilter | None,
    order: inputs.JobOrder,
    first: int,
    after: str | None,
    policy: SourceErrorPolicy,
) -> ListView:
    """Jobs of all sources."""
    return await _run(
        call,
        ListRequest(
            kind="job",
            filter=lambda now: inputs.job_parts(wanted, now),
            given=inputs.as_given(wanted),
            order=inputs.job_order(order),
            first=first,
            after=after,
            fail_on_error=policy is SourceErrorPolicy.FAIL,
            sources=inputs.sources_of(call.context.gateway, wanted),
            **_reads(call),
        ),
    )


async def list_nodes(
    call: Call, wanted: inputs.NodeFilter | None, first: int, after: str | None, policy: SourceErrorPolicy
) -> ListView:
    """Nodes of all sources, source by source (DECISIONS 24)."""
    return await _run(
        call,
        ListRequest(
            kind="node",
            filter=lambda _now: inputs.node_parts(wanted),
            given=inputs.as_given(wanted),
            order=Order(OrderField.NATIVE, descending=False),
            first=first,
            after=after,
            fail_on_error=policy is SourceErrorPolicy.FAIL,
            sources=inputs.sources_of(call.context.gateway, wanted),
            **_reads(call),
        ),
    )


async def nested_executions(
    call: Call,
    parent: Job | Node,
    wanted: inputs.ExecutionFilter | None,
    order: inputs.ExecutionOrder,
    first: int,
    after: str | None,
    policy: SourceErrorPolicy,
) -> ListView:
    """Executions of one job or node: a request per parent, few at a time, for so many parents only (DECISIONS 21)."""
    context = call.context
    context.session.nested += 1
    limit = context.gateway.server.nested_lists
    if context.session.nested > limit:
        raise CostLimitError(f"At most {limit} lists inside lists are read for one request.")
    async with context.session.loaders.slot(parent.key.source):
        return await list_executions(call, wanted, order, first, after, policy, parent)


def nodes_at_hand(
    call: Call,
    filter: inputs.ExecutionNodeFilter | None = None,  # noqa: A002 - the argument's public name
    first: int = 50,
    after: str | None = None,
) -> Callable[[Execution], Any]:
    """Nodes of an execution, where that takes no request."""
    at_hand = call.context.gateway.nodes_at_hand(_nodes_request(filter, first, after))

    def read(execution: Execution) -> Any:
        page = at_hand(execution)
        return LATER if page is None else NodesView(page)

    tree = call.selection
    if after is not None or "pageInfo" in tree or "cursor" in below(tree, "edges"):
        return read
    # Rows of a page share their nodes: a few machines do most of the work. Only cursors tell whose nodes they are.
    known: dict[tuple[int, str, bool], tuple[Sequence[NodeResult], Any]] = {}

    def shared(execution: Execution) -> Any:
        nodes = execution.nodes
        mark = (id(nodes), execution.key.source, execution.targets_elsewhere)
        found = known.get(mark)
        if found is None:
            # The nodes are kept with their view, or others could come to live at their place.
            found = known[mark] = nodes, read(execution)
        return found[1]

    return shared


async def list_execution_nodes(
    call: Call, execution: Execution, wanted: inputs.ExecutionNodeFilter | None, first: int, after: str | None
) -> NodesView:
    """Nodes of one execution."""
    context = call.context
    request = _nodes_request(wanted, first, after)
    return NodesView(await context.gateway.execution_nodes(context.session, execution, request))


def _nodes_request(wanted: inputs.ExecutionNodeFilter | None, first: int, after: str | None) -> NodesRequest:
    roles = None if wanted is None else inputs.given(wanted.role)
    failed = None if wanted is None else inputs.given(wanted.failed)
    return NodesRequest(None if roles is None else frozenset(roles), failed, first, after)


async def _run(call: Call, request: ListRequest) -> ListView:
    page = await call.context.gateway.list(request)
    return ListView(page, with_cursors="cursor" in below(call.selection, "edges"))


def _reads(call: Call) -> dict[str, Any]:
    """Which fields of the rows, and whether totals, the query reads."""
    tree = call.selection
    return {
        "fields": _fields(below(tree, "edges", "node")),
        "totals": "totalCount" in tree or "totalCount" in below(tree, "sources"),
    }


def _fields(row: Selection) -> frozenset[str]:
    """The fields selected of a row, as ``ListQuery.fields`` has them."""
    within = [_snake(f"{name}.{each}") for name in _ENTITIES_WITHIN for each in row.get(name, ())]
    return frozenset([*map(_snake, row), *within])


@lru_cache(maxsize=1024)
def _snake(name: str) -> str:
    """A field of the schema as the model calls it."""
    return _HUMP.sub("_", name).lower()


def _within(parts: Any, parent: Job | Node | None) -> Any:
    """The filter narrowed to one job or node, on top of what it says itself."""
    if parent is None:
        return parts
    own = frozenset({parent.key})
    name = "jobs" if isinstance(parent, Job) else "nodes"
    before: frozenset[Key] | None = getattr(parts, name)
    return replace(parts, **{name: own if before is None else before & own})
