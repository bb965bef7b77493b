"""From a field's arguments to a page, and the views that stand behind connections."""

import re
from dataclasses import dataclass, replace
from typing import Any

from gateway.api import inputs
from gateway.api.context import Info
from gateway.api.errors import CostLimitError
from gateway.api.inputs import SourceErrorPolicy
from gateway.api.selection import below, selection
from gateway.model import Execution, Job, Key, Node
from gateway.query import Order, OrderField
from gateway.service import ExecutionNodes, ListPage, ListRequest

_HUMP = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class PageView:
    """Behind PageInfo."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


class EdgeView:
    """Behind an edge of a merged list. The cursor is written only when somebody reads it."""

    __slots__ = ("_index", "_page", "node")

    def __init__(self, page: ListPage, index: int) -> None:
        self._page = page
        self._index = index
        self.node = page.page.rows[index]

    @property
    def cursor(self) -> str:
        return self._page.cursor(self._page.page.cursors[self._index])


class ListView:
    """Behind ExecutionConnection, JobConnection and NodeConnection."""

    __slots__ = ("edges", "partial", "sources", "total_count", "_page")  # noqa: RUF023 - public ones first

    def __init__(self, page: ListPage) -> None:
        self._page = page
        self.edges = [EdgeView(page, index) for index in range(len(page.page.rows))]
        self.total_count = page.page.total
        self.partial = page.partial
        self.sources = page.reports

    @property
    def page_info(self) -> PageView:
        page, request = self._page.page, self._page.request
        end = request.after if page.end is None else self._page.cursor(page.end)
        return PageView(page.has_next, request.after is not None, self.edges[0].cursor if self.edges else None, end)


class NodeResultView:
    """Behind ExecutionNodeEdge: a node's result and its cursor."""

    __slots__ = ("_result", "cursor")

    def __init__(self, result: Any, cursor: str) -> None:
        self._result = result
        self.cursor = cursor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._result, name)


class NodesView:
    """Behind ExecutionNodeConnection."""

    __slots__ = ("_after", "_page", "edges", "source", "total_count")

    def __init__(self, page: ExecutionNodes, after: str | None) -> None:
        self._page = page
        self._after = after
        self.source = page.report
        self.total_count = page.total
        self.edges = [NodeResultView(row, cursor) for row, cursor in zip(page.rows, page.cursors, strict=True)]

    @property
    def page_info(self) -> PageView:
        cursors = self._page.cursors
        return PageView(
            self._page.has_next,
            self._after is not None,
            cursors[0] if cursors else None,
            cursors[-1] if cursors else self._after,
        )


async def list_executions(
    info: Info,
    wanted: inputs.ExecutionFilter | None,
    order: inputs.ExecutionOrder,
    first: int,
    after: str | None,
    policy: SourceErrorPolicy,
    within: Job | Node | None = None,
) -> ListView:
    """Executions of all sources, or of one job or node."""
    gateway = info.context.gateway
    sources = inputs.sources_of(gateway, wanted)
    if within is not None:
        here = within.key.source
        sources = frozenset({here}) if sources is None else sources & {here}
    return await _run(
        info,
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
            **_reads(info),
        ),
    )


async def list_jobs(
    info: Info,
    wanted: inputs.JobFilter | None,
    order: inputs.JobOrder,
    first: int,
    after: str | None,
    policy: SourceErrorPolicy,
) -> ListView:
    """Jobs of all sources."""
    return await _run(
        info,
        ListRequest(
            kind="job",
            filter=lambda now: inputs.job_parts(wanted, now),
            given=inputs.as_given(wanted),
            order=Order(OrderField(order.field.value), order.direction is inputs.OrderDirection.DESC),
            first=first,
            after=after,
            fail_on_error=policy is SourceErrorPolicy.FAIL,
            sources=inputs.sources_of(info.context.gateway, wanted),
            **_reads(info),
        ),
    )


async def list_nodes(
    info: Info, wanted: inputs.NodeFilter | None, first: int, after: str | None, policy: SourceErrorPolicy
) -> ListView:
    """Nodes of all sources, source by source (DECISIONS 24)."""
    return await _run(
        info,
        ListRequest(
            kind="node",
            filter=lambda _now: inputs.node_parts(wanted),
            given=inputs.as_given(wanted),
            order=Order(OrderField.NATIVE, descending=False),
            first=first,
            after=after,
            fail_on_error=policy is SourceErrorPolicy.FAIL,
            sources=inputs.sources_of(info.context.gateway, wanted),
            **_reads(info),
        ),
    )


async def nested_executions(
    info: Info,
    parent: Job | Node,
    wanted: inputs.ExecutionFilter | None,
    order: inputs.ExecutionOrder,
    first: int,
    after: str | None,
    policy: SourceErrorPolicy,
) -> ListView:
    """Executions of one job or node: a request per parent, few at a time, for so many parents only (DECISIONS 21)."""
    context = info.context
    context.session.nested += 1
    limit = context.gateway.server.nested_lists
    if context.session.nested > limit:
        raise CostLimitError(f"At most {limit} lists inside lists are read for one request.")
    async with context.session.loaders.slot(parent.key.source):
        return await list_executions(info, wanted, order, first, after, policy, parent)


async def list_execution_nodes(
    info: Info, execution: Execution, wanted: inputs.ExecutionNodeFilter | None, first: int, after: str | None
) -> NodesView:
    """Nodes of one execution."""
    roles = None if wanted is None else inputs.given(wanted.role)
    failed = None if wanted is None else inputs.given(wanted.failed)
    page = await info.context.gateway.execution_nodes(
        info.context.session,
        execution,
        roles=None if roles is None else frozenset(roles),
        failed=failed,
        first=first,
        after=after,
    )
    return NodesView(page, after)


async def _run(info: Info, request: ListRequest) -> ListView:
    return ListView(await info.context.gateway.list(request))


def _reads(info: Info) -> dict[str, Any]:
    """Which fields of the rows, and whether totals, the query reads."""
    tree = selection(info._raw_info)  # noqa: SLF001 - strawberry has no public way to the field nodes
    fields = frozenset(_HUMP.sub("_", name).lower() for name in below(tree, "edges", "node"))
    return {"fields": fields, "totals": "totalCount" in tree or "totalCount" in below(tree, "sources")}


def _within(parts: Any, parent: Job | Node | None) -> Any:
    """The filter narrowed to one job or node, on top of what it says itself."""
    if parent is None:
        return parts
    own = frozenset({parent.key})
    name = "jobs" if isinstance(parent, Job) else "nodes"
    before: frozenset[Key] | None = getattr(parts, name)
    return replace(parts, **{name: own if before is None else before & own})
