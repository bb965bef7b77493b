"""A page of the nodes of one execution: those its record names, then its targets, for which its source is asked."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from gateway import ids
from gateway.cursor import Cursor, CursorCodec, fingerprint
from gateway.errors import UserError
from gateway.loaders import Loaders
from gateway.merge import SourceReport, SourceReportState
from gateway.model import Execution, Key, NodeResult, NodeRole
from gateway.query import Position
from gateway.registry import Source
from gateway.spi import Adapter, SupportsTargets, supports

MAX_NODES = 1000

_START: Position = (-1, 0, "", ())
"""Before every node."""

_Placed = tuple[Position, NodeResult]


class NodesRequest(Struct, frozen=True):
    """Which nodes of an execution are asked for."""

    roles: frozenset[NodeRole] | None
    failed: bool | None
    first: int
    after: str | None


class NodesPage(Struct, frozen=True, gc=False):
    """What was ``found``, with the place of each, and how to write cursors. ``requests`` were made upstream for it."""

    execution: Key
    request: NodesRequest
    codec: CursorCodec
    found: Sequence[_Placed]
    has_next: bool
    total: int | None
    requests: int

    def cursor(self, index: int) -> str:
        """The text of the place behind a row."""
        # Nothing in this list is relative to a time, so equal places have equal cursors.
        return self.codec.encode(Cursor(self.found[index][0], now=0), _mark(self.execution, self.request))

    @property
    def report(self) -> SourceReport:
        """How the source answered."""
        rows, source = len(self.found), self.execution.source
        return SourceReport(source, SourceReportState.OK, taken=rows, scanned=rows, requests=self.requests, total=self.total)


def nodes_at_hand(
    codec: CursorCodec, request: NodesRequest, adapter_of: Callable[[Execution], Adapter]
) -> Callable[[Execution], NodesPage | None]:
    """What gives the nodes of executions whose record is enough to tell, and None for others; it raises UserError."""
    first, wants_targets = request.first, request.roles is None or NodeRole.TARGET in request.roles
    # Rows of a page share their nodes: a few machines do most of the work.
    known: dict[int, tuple[Sequence[NodeResult], list[_Placed]]] = {}

    def read(execution: Execution) -> NodesPage | None:
        nodes = execution.nodes
        own = known.get(id(nodes))
        if own is None or (own[1] and own[1][0][0][2] != execution.key.source):
            own = known[id(nodes)] = nodes, _own(execution, request)
        rows = own[1]
        total = len(rows)
        if request.after is not None:
            rows = _behind(rows, _place(codec, execution, request))
        if not (wants_targets and execution.targets_elsewhere):
            return _page(codec, execution, request, rows, total, more=False)
        if supports(adapter_of(execution), SupportsTargets) and (first == 0 or len(rows) <= first):
            return None
        return _page(codec, execution, request, rows, None, more=True)

    return read


async def read_nodes(
    loaders: Loaders, source: Source, codec: CursorCodec, execution: Execution, request: NodesRequest
) -> NodesPage:
    """Nodes of an execution, of its source where its record is not enough. Raises UserError or SourceError."""
    at_hand = nodes_at_hand(codec, request, lambda _execution: source.adapter)(execution)
    if at_hand is not None:
        return at_hand
    adapter, own, place = source.adapter, _own(execution, request), _place(codec, execution, request)
    assert supports(adapter, SupportsTargets)  # noqa: S101 - else all would be at hand
    rows, after = _behind(own, place), place[3] if place[0] == 1 else None
    wanted = max(request.first - len(rows), 1)
    page = await loaders.each(
        source.name, lambda: adapter.targets(execution, failed=request.failed, first=wanted, after=after)
    )
    rows += [((1, 0, source.name, result.node.tie), result) for result in page.rows]
    total = None if page.total is None else len(own) + page.total
    return _page(codec, execution, request, rows, total, more=page.more, requests=1)


def _own(execution: Execution, request: NodesRequest) -> list[_Placed]:
    """The nodes that an execution's record names. Raises UserError."""
    if not 0 <= request.first <= MAX_NODES:
        raise UserError(f"`first` must be from 0 to {MAX_NODES}.")
    roles, failed, source = request.roles, request.failed, execution.key.source
    return [
        ((0, index, source, ()), result)
        for index, result in enumerate(execution.nodes)
        if (roles is None or not roles.isdisjoint(result.roles)) and (failed is None or result.failed is failed)
    ]


def _place(codec: CursorCodec, execution: Execution, request: NodesRequest) -> Position:
    """Behind which place the page begins. Raises UserError."""
    return _START if request.after is None else codec.decode(request.after, _mark(execution.key, request)).boundary


def _behind(own: list[_Placed], place: Position) -> list[_Placed]:
    return [placed for placed in own if placed[0] > place]


def _page(
    codec: CursorCodec,
    execution: Execution,
    request: NodesRequest,
    found: Sequence[_Placed],
    total: int | None,
    *,
    more: bool,
    requests: int = 0,
) -> NodesPage:
    first = request.first
    rows = found if len(found) <= first else found[:first]
    return NodesPage(execution.key, request, codec, rows, (more or len(found) > first) and first > 0, total, requests)


def _mark(execution: Key, request: NodesRequest) -> str:
    """What cursors of an execution's nodes are bound to."""
    roles = None if request.roles is None else sorted(role.value for role in request.roles)
    return fingerprint("executionNodes", ids.encode(execution), roles, request.failed)
