"""The logs of executions out of CloudWatch Logs, line by line in one order (DECISIONS 28).

CloudWatch sorts events by time alone as far as anybody can rely on it. Events of one millisecond are put in order here, once
all of them are there: those of the last millisecond of a page wait for the next page.

No search is pushed. Terms of a filter pattern heed case, its regular expressions know no ``(?i)``, no parentheses and
nothing beyond ASCII, and neither looks past escapes: either would lose lines that match.
"""

from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from adapters.aws_iot.log_client import (
    MOST_EVENTS,
    Entry,
    LogName,
    LogNames,
    LogsClient,
    entries_of,
    times_of,
)
from gateway.errors import SourceError, SourceErrorCode
from gateway.instant import Instant
from gateway.logs import by_id, first_at, milliseconds_of
from gateway.model import Execution, ExecutionPhase, LogLine, LogStream
from gateway.spi import LogPage, LogQuery

# A page holds back its last millisecond: with some more events than are wanted, it still has as many.
_SPARE = 10


class Sorter:
    """Turns events into lines, a millisecond at a time; each millisecond is known whole before it is let go."""

    def __init__(self, after: int | None) -> None:
        self._after = -1 if after is None else after
        self._waiting: dict[tuple[int, str], Entry] = {}
        self._passed = -1
        self.dropped = False
        """Whether an event came that belongs among lines that are out already."""

    @property
    def start(self) -> int:
        """The millisecond from which events are still wanted."""
        return max(milliseconds_of(self._after + 1), self._passed + 1)

    def put(self, entries: Sequence[Entry]) -> None:
        """Further events, those that came before included or not."""
        for entry in entries:
            if entry.event.timestamp <= self._passed:
                self.dropped = True
            else:
                self._waiting[entry.place] = entry

    def forget(self) -> None:
        """Give up what waits: it will come again."""
        self._waiting.clear()

    @property
    def newest(self) -> int | None:
        """The last millisecond of what waits."""
        return max((moment for moment, _ in self._waiting), default=None)

    def take(self, before: int | None = None) -> list[tuple[int, Entry]]:
        """What is ready, with sequences: all before the millisecond ``before``, or everything."""
        ready = [place for place in self._waiting if before is None or place[0] < before]
        numbered = sorted((sequence, self._waiting.pop(place)) for place, sequence in by_id(ready).items())
        if ready:
            self._passed = max(moment for moment, _ in ready)
        return [pair for pair in numbered if pair[0] > self._after]


class LogReader:
    """The logs of one source. Events may be ``late`` by so many seconds; ``wall`` tells the time, in epoch seconds."""

    def __init__(self, client: LogsClient, names: LogNames, late: float, wall: Callable[[], float]) -> None:
        self._client = client
        self._names = names
        self._late = late
        self._wall = wall

    async def pages(self, execution: Execution, query: LogQuery) -> AsyncGenerator[LogPage, None]:
        """The lines of one execution. What does not exist is an empty log. Raises SourceError."""
        # Before anything is asked: what arrives meanwhile must not be taken for impossible.
        over = self.is_over(execution)
        name = self._names.of(execution)
        if name is None:
            yield LogPage([], more=False, complete=over)
            return
        try:
            if query.tail is None:
                async with aclosing(self._forward(execution, name, query, over)) as pages:
                    async for page in pages:
                        yield page
            else:
                yield await self._tail(execution, name, query.tail, over)
        except SourceError as error:
            if error.code is not SourceErrorCode.NOT_FOUND:
                raise
            yield LogPage([], more=False, complete=over)

    async def _forward(
        self, execution: Execution, name: LogName, query: LogQuery, over: bool
    ) -> AsyncGenerator[LogPage, None]:
        sorter = Sorter(query.after)
        limit = min(MOST_EVENTS, query.rows + _SPARE)
        start, token, used, again = sorter.start, None, set[str](), False
        while True:
            try:
                page = await self._client.filter(name.group, [name.stream], start=start, limit=limit, token=token)
            except SourceError as error:
                # Tokens last a day. Where one is refused, the reading begins anew, once, where it stands.
                if token is None or again or not _is_refusal(error):
                    raise
                sorter.forget()
                used.clear()
                start, token, again = sorter.start, None, True
                continue
            entries = entries_of(page.events)
            sorter.put(entries)
            token = page.next_token or None
            if token is not None and token in used:
                raise self._client.fault("It keeps sending the same page token.")
            used.add(token or "")
            ready = sorter.take() if token is None else sorter.take(sorter.newest)
            yield LogPage(
                lines_of(execution, ready),
                more=token is not None,
                complete=token is None and over,
                truncated=len(entries) < len(page.events) or sorter.dropped,
            )
            if token is None:
                return

    async def _tail(self, execution: Execution, name: LogName, count: int, over: bool) -> LogPage:
        """The last lines. GetLogEvents tells where they begin, but not their ids; those take FilterLogEvents."""
        begin = await self._begin_of_tail(name, count)
        if begin is None:
            return LogPage([], more=False, complete=over)
        last: deque[LogLine] = deque(maxlen=count)
        truncated = False
        query = LogQuery(after=first_at(begin) - 1, rows=count)
        async with aclosing(self._forward(execution, name, query, over)) as pages:
            async for page in pages:
                last.extend(page.lines)
                truncated = truncated or page.truncated
        return LogPage(list(last), more=False, complete=over, truncated=truncated)

    async def _begin_of_tail(self, name: LogName, count: int) -> int | None:
        """The millisecond of the last line but ``count`` - 1, or of the first; None of an empty log."""
        times: list[int] = []
        token = None
        while len(times) < count:
            page = await self._client.last(name, limit=min(MOST_EVENTS, count - len(times)), token=token)
            times += times_of(page.events)
            if page.next_backward_token in (None, token):
                break
            token = page.next_backward_token
        return min(times, default=None)

    def is_over(self, execution: Execution) -> bool:
        """Whether no line will come any more."""
        if execution.phase is not ExecutionPhase.FINAL:
            return False
        updated = execution.updated_at
        return updated is None or updated.us / 1_000_000 + self._late < self._wall()


def lines_of(execution: Execution, numbered: Sequence[tuple[int, Entry]]) -> list[LogLine]:
    """Lines of the thing. An event of several lines stays one, because an event has one place."""
    node = execution.nodes[0].node if execution.nodes else None
    return [
        LogLine(
            sequence=sequence,
            text=entry.event.message.rstrip("\r\n"),
            stream=LogStream.STDOUT,
            timestamp=Instant.from_us(entry.event.timestamp * 1000),
            node=node,
            record=entry.record,
        )
        for sequence, entry in numbered
    ]


def _is_refusal(error: SourceError) -> bool:
    return error.http_status == 400 and error.code is SourceErrorCode.BAD_RESPONSE
