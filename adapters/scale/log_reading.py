"""Reading the log of an execution: forward from a time, 10 000 entries a request (contract of Scale, section 6).

An answer holds the oldest entries from the time that was asked for. What it does not hold is asked for from its last entry
on: in steps of whole seconds before release 4.0, of milliseconds since. Scale has no other way: more entries than an answer
holds, within one such step, are out of reach.
"""

import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from adapters.scale.capabilities import CAPABILITIES
from adapters.scale.client import ScaleClient
from adapters.scale.log_client import LogAnswer, ask
from adapters.scale.log_lines import Entry, entry, lines
from gateway.errors import SourceErrorCode
from gateway.logs import first_at, milliseconds_of
from gateway.model import Execution, ExecutionPhase, LogLine
from gateway.spi import LogPage, LogQuery

_LATE_US = round(CAPABILITIES.log_late_seconds * 1_000_000)
# How far before the end the last lines are looked for at first, in milliseconds: Scale cannot be asked for them.
_GUESSES = (60_000, 3_600_000)
# Answers without anything new, at the same place: the first may be a full millisecond, the second a full second.
_MOST_STUCK = 2


@dataclass(frozen=True, slots=True)
class _Batch:
    """Lines, each after those of earlier batches. ``asked_us``: the server's clock when it answered."""

    lines: Sequence[LogLine]
    asked_us: int
    last: bool
    truncated: bool


class LogReader:
    """Reads the log of one execution."""

    def __init__(self, client: ScaleClient, execution: Execution, clock: Callable[[], float] = time.time) -> None:
        self._client = client
        self._execution = execution
        self._number = int(execution.key.native_id)
        self._clock = clock

    async def pages(self, query: LogQuery) -> AsyncGenerator[LogPage, None]:
        """The lines of ``query`` in pages of its ``rows``. Raises SourceError, NOT_FOUND for an execution that is gone."""
        rows = max(query.rows, 1)
        batches = self._batches(query.after) if query.tail is None else self._tail(query.tail)
        waiting: list[LogLine] = []
        truncated = False
        first_us: int | None = None
        async with aclosing(batches):
            async for batch in batches:
                first_us = batch.asked_us if first_us is None else first_us
                waiting += batch.lines
                truncated = truncated or batch.truncated
                begin = 0
                while len(waiting) - begin > rows:
                    yield LogPage(waiting[begin : begin + rows], more=True, truncated=truncated)
                    begin += rows
                del waiting[:begin]
                if batch.last:
                    yield LogPage(waiting, more=False, complete=self._complete(first_us), truncated=truncated)

    def _complete(self, asked_us: int) -> bool:
        """Whether the last line had been written, and had had the time to arrive, when the first request was answered."""
        execution = self._execution
        if execution.phase is not ExecutionPhase.FINAL:
            return False
        return execution.finished_at is None or asked_us >= execution.finished_at.us + _LATE_US

    async def _tail(self, most: int) -> AsyncGenerator[_Batch, None]:
        for after in self._guesses():
            kept: deque[LogLine] = deque(maxlen=most)
            truncated = False
            async for batch in self._batches(after):
                kept.extend(batch.lines)
                truncated = truncated or batch.truncated
                if batch.last and (after is None or len(kept) == most):
                    yield _Batch(list(kept), batch.asked_us, last=True, truncated=truncated)
                    return

    def _guesses(self) -> Iterator[int | None]:
        """Sequences after which the last lines may stand, the nearest to the end first; at last, the beginning."""
        started, finished = self._execution.started_at, self._execution.finished_at
        end = int(self._clock() * 1000) if finished is None else finished.us // 1000
        for back in _GUESSES:
            if started is not None and end - back > started.us // 1000:
                yield first_at(end - back) - 1
        yield None

    async def _batches(self, after: int | None) -> AsyncGenerator[_Batch, None]:
        """All lines after a sequence, milliseconds never divided; the last batch is marked."""
        # A millisecond may hold lines on both sides of the sequence.
        mark = done = max(milliseconds_of(after), 0) if after is not None else 0
        stuck = 0
        while True:
            answer = await ask(self._client, self._number, mark)
            entries, unreadable = _entries(answer)
            truncated = answer.partial or unreadable
            if not answer.full or not entries:
                found = self._lines(entries, after, done, None)
                yield _Batch(found, answer.asked_us, last=True, truncated=truncated or answer.full)
                return
            newest = max(each.ms for each in entries)
            if newest > mark:
                # There may be more of the last millisecond: it comes with the next answer.
                found = self._lines(entries, after, done, newest)
                yield _Batch(found, answer.asked_us, last=False, truncated=truncated)
                mark = done = newest
                stuck = 0
                continue
            stuck += 1
            if stuck > _MOST_STUCK:
                raise self._client.fault(SourceErrorCode.BAD_RESPONSE, "It keeps sending the same lines.")
            found = self._lines(entries, after, done, newest + 1)
            yield _Batch(found, answer.asked_us, last=False, truncated=True)
            done = max(done, newest + 1)
            # An answer that holds earlier entries than were asked for began at the whole second: on to the next one.
            seconds = any(each.ms < mark for each in entries)
            mark = ((mark - 1) // 1000 + 1) * 1000 + 1 if seconds else newest + 1

    def _lines(self, entries: Sequence[Entry], after: int | None, begin: int, end: int | None) -> list[LogLine]:
        """The lines behind ``after`` of the execution's own entries from millisecond ``begin`` to before ``end``.

        Releases 4.0 to 4.1 send entries of all executions of the framework (issue #633).
        """
        own = {
            each.name: each
            for each in entries
            if begin <= each.ms and (end is None or each.ms < end) and each.execution in {None, self._number}
        }
        return [line for line in lines(own.values()) if after is None or line.sequence > after]


def _entries(answer: LogAnswer) -> tuple[list[Entry], bool]:
    """The entries that can be read, and whether others cannot."""
    found: list[Entry] = []
    hit: Any
    for hit in answer.hits:
        with suppress(ValueError):
            found.append(entry(hit))
    return found, len(found) < len(answer.hits)
