"""Log lines in the schema, and the fields that give them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry import ID, Parent

from gateway import ids, model
from gateway.api.lists import PageView
from gateway.api.reading import apart
from gateway.api.scalars import JSON, DateTime, Long
from gateway.api.values import PageInfo, field
from gateway.execution.fields import Call, computed
from gateway.log_reading import LogPlace, LogRequest
from gateway.log_watch import LogBatch
from gateway.logs import plain
from gateway.redaction import redacted
from gateway.service import LogListing

if TYPE_CHECKING:
    from gateway.api.types import Node, SourceReport

Streams = Annotated[
    list[model.LogStream] | None, strawberry.argument(description="Lines of these streams only; all without it.")
]
Search = Annotated[
    str | None, strawberry.argument(description="Lines that hold this text only, in any case; escapes do not matter.")
]

Tail = Annotated[
    int | None, strawberry.argument(description="The last so many lines only, 10 000 at most. Not together with `after`.")
]
Behind = Annotated[str | None, strawberry.argument(description="The cursor to go on from: an edge's, or `endCursor`.")]


class LineView:
    """Behind LogLine: a line, and whose it is."""

    __slots__ = ("execution", "line")

    def __init__(self, execution: model.Execution, line: model.LogLine) -> None:
        self.execution = execution
        self.line = line

    def __getattr__(self, name: str) -> Any:
        return getattr(self.line, name)


def _line_raw(parent: LineView, call: Call) -> Any:
    source = call.context.gateway.registry.sources[parent.execution.key.source]
    record = parent.line.record
    return None if record is None or not source.settings.expose_raw else redacted(record)


@strawberry.type(description="One line of output. Not a Resource: its identity is its execution and sequence.")
class LogLine:
    sequence: Long = field(
        "Orders the lines of one execution: strictly increasing, not dense, the same however and whenever the log is read."
    )
    number: int | None = field("1-based line number, where the source numbers its lines (AWX); null elsewhere.")
    timestamp: DateTime | None = field("Null where the source stamps no time on lines.")
    stream: model.LogStream = field("Where it came from.")
    text: str = field(
        "One line, no line ending. Terminal escapes as sent; see `plainText`. Secrets that the work prints are in it."
    )
    node: Annotated["Node", strawberry.lazy("gateway.api.types")] | None = field(
        "The machine it speaks of, where the source tells."
    )

    @strawberry.field(description="Whose line it is.")
    def execution_id(parent: Parent[Any]) -> ID:
        return ID(ids.encode(parent.execution.key))

    @strawberry.field(description="`text` without terminal escapes.")
    def plain_text(parent: Parent[Any]) -> str:
        return plain(parent.text)

    raw = computed(
        "The upstream record, secrets redacted. Null unless the source's settings expose it.", JSON | None, _line_raw
    )


@strawberry.type(description="A line and its place in the log.")
class LogLineEdge:
    cursor: str = field("Where to go on after this line.")
    node: LogLine = field("The line.")


_SOURCE = Annotated["SourceReport", strawberry.lazy("gateway.api.types")]


@strawberry.type(description="A page of log lines of one execution.")
class LogLineConnection:
    source: _SOURCE = field("How the source answered for this list.")
    edges: list[LogLineEdge] = field("The lines, in order.")
    page_info: PageInfo = field("Where the page lies.")
    complete: bool = field("False while more lines may come (AWX event_processing_finished, Scale is_finished).")
    truncated: bool = field("True when lines are missing that the source does not hand out (Scale: 10 000 in one second).")


@strawberry.type(
    description="Lines that arrived since the last batch; `edges` has the shape that Relay's @appendEdge takes."
)
class LogLineBatch:
    edges: list[LogLineEdge] = field("The lines. Those that came late may stand after younger ones.")
    end_cursor: str | None = field("Resume from here; also set when the batch is empty.")
    source: _SOURCE = field("How the source is doing; a batch without lines is sent when this changes.")
    complete: bool = field("True in the last batch.")
    truncated: bool = field("True when lines are missing that the source does not hand out.")


class LineEdgeView:
    """Behind LogLineEdge. The cursor is written only when somebody reads it."""

    __slots__ = ("_cursor", "node")

    def __init__(self, node: LineView, cursor: Any) -> None:
        self._cursor = cursor
        self.node = node

    @property
    def cursor(self) -> str:
        text: str = self._cursor(self.node.line.sequence)
        return text


class LogView:
    """Behind LogLineConnection."""

    __slots__ = ("_page", "complete", "edges", "source", "truncated")

    def __init__(self, execution: model.Execution, page: LogListing) -> None:
        self._page = page
        self.edges = [LineEdgeView(LineView(execution, line), page.cursor) for line in page.page.lines]
        self.source = page.page.report
        self.complete = page.page.complete
        self.truncated = page.page.truncated

    @property
    def page_info(self) -> PageView:
        page = self._page
        start = self.edges[0].cursor if self.edges else None
        return PageView(page.page.more, page.after is not None, start, page.end)


class BatchView:
    """Behind LogLineBatch. The last edge's cursor is the batch's: it also knows what may still come late."""

    __slots__ = ("complete", "edges", "end_cursor", "source", "truncated")

    def __init__(self, execution: model.Execution, batch: LogBatch, gateway: Any) -> None:
        mark = gateway.log_mark(execution.key)
        self.end_cursor = gateway.log_cursor(batch.place, mark)
        last = len(batch.lines) - 1
        self.edges = [
            LineEdgeView(
                LineView(execution, line),
                (lambda _sequence: self.end_cursor)
                if index == last
                else (lambda sequence: gateway.log_cursor(LogPlace(sequence, sequence), mark)),
            )
            for index, line in enumerate(batch.lines)
        ]
        self.source = batch.report
        self.complete = batch.complete
        self.truncated = batch.truncated


async def execution_logs(
    parents: Sequence[model.Execution],
    call: Call,
    streams: Streams = None,
    search: Search = None,
    tail: Tail = None,
    first: Annotated[int, strawberry.argument(description="How many lines, 0 to 10 000.")] = 500,
    after: Behind = None,
) -> list[Any]:
    """The logs of executions."""
    request = LogRequest(first, tail=tail, streams=None if streams is None else frozenset(streams), search=search)
    context = call.context

    async def read(parent: model.Execution) -> LogView | None:
        page = await context.gateway.logs(context.session, parent, request, after)
        return None if page is None else LogView(parent, page)

    return await apart(read(parent) for parent in parents)
