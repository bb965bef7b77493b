"""Live logs: however many follow the same log, its source is read once (DECISIONS 28, 29)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from gateway.errors import SourceError
from gateway.log_reading import Follower, LogPlace, LogRequest
from gateway.merge import SourceReport, SourceReportState
from gateway.model import Execution, ExecutionPhase, Key, LogLine
from gateway.pulse import Alarm, Cadence
from gateway.registry import Source
from gateway.spi import LogPage, LogQuery, SupportsLogs, internal_error
from gateway.transport import Meter, metered

_ROWS = 1000
"""So many lines are read, and delivered, at once."""


@dataclass(frozen=True, slots=True)
class LogBatch:
    """Lines that have come, and the place behind them; without lines when only the source's state is news."""

    lines: Sequence[LogLine]
    place: LogPlace
    complete: bool
    truncated: bool
    report: SourceReport


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Lines after some place; where there are more, they follow the last of these."""

    lines: Sequence[LogLine]
    more: bool
    complete: bool
    truncated: bool


class LogWatch:
    """Follows logs for all subscribers of the process."""

    def __init__(self, poll_seconds: float, alarm: Callable[[Source], Alarm]) -> None:
        self._poll_seconds = poll_seconds
        self._alarm = alarm
        self._shared: dict[Key, _SharedLog] = {}

    async def follow(
        self, source: Source, execution: Execution, request: LogRequest, place: LogPlace
    ) -> AsyncIterator[LogBatch]:
        """Batches of lines behind ``place`` until the log is complete. Ends never by a source's fault."""
        key = execution.key
        shared = self._shared.get(key)
        if shared is None:
            least = max(self._poll_seconds, source.adapter.capabilities.min_poll_seconds)
            shared = self._shared[key] = _SharedLog(source, execution, least)
            self._alarm(source).join(shared.cadence, key)
        shared.join()
        try:
            async for batch in _follow(shared, source, request, place):
                yield batch
        finally:
            if shared.leave():
                del self._shared[key]
                self._alarm(source).leave(shared.cadence)
                await shared.stop()

    @property
    def watched(self) -> int:
        """How many logs are being read."""
        return len(self._shared)


async def _follow(shared: "_SharedLog", source: Source, request: LogRequest, place: LogPlace) -> AsyncIterator[LogBatch]:
    follower = Follower(source.adapter.capabilities.log_late_seconds, place)
    told: tuple[Any, ...] | None = None
    truncated = False
    while True:
        pulse = shared.pulse
        start = follower.start
        try:
            while True:
                chunk = await shared.read(start)
                truncated = truncated or chunk.truncated
                wanted = [line for line in follower.take(chunk.lines) if request.wants(line)]
                complete = chunk.complete and not chunk.more
                state = SourceReportState.TRUNCATED if truncated else SourceReportState.OK
                if wanted or complete or told != (state, None):
                    told = (state, None)
                    report = SourceReport(source.name, state, taken=len(wanted), scanned=len(chunk.lines))
                    yield LogBatch(wanted, follower.place, complete, truncated, report)
                if complete:
                    return
                if not chunk.more:
                    break
                start = chunk.lines[-1].sequence
        except SourceError as error:
            if told != (SourceReportState.FAILED, error.code):
                told = (SourceReportState.FAILED, error.code)
                report = SourceReport(source.name, SourceReportState.FAILED, error=error)
                yield LogBatch((), follower.place, complete=False, truncated=truncated, report=report)
        await shared.after(pulse)


class _SharedLog:
    """One log that somebody follows: read again at each pulse, by whoever needs it, once for each place."""

    def __init__(self, source: Source, execution: Execution, least: float) -> None:
        self._source = source
        self._execution = execution
        self.cadence = Cadence(least)
        self._followers = 0
        self._reads: dict[int | None, asyncio.Task[_Chunk]] = {}
        self._open: dict[int | None, AsyncGenerator[LogPage, None]] = {}
        self._fresh = True
        self._next = asyncio.Event()
        self._ticker: asyncio.Task[None] | None = None
        self.pulse = 0

    def join(self) -> None:
        """One more follower."""
        self._followers += 1
        if self._ticker is None:
            self._ticker = asyncio.create_task(self._tick())

    def leave(self) -> bool:
        """One follower fewer; whether that was the last one."""
        self._followers -= 1
        return not self._followers

    async def stop(self) -> None:
        """Nobody follows any more."""
        running = [task for task in (self._ticker, *self._reads.values()) if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._close()

    async def read(self, start: int | None) -> _Chunk:
        """Lines after ``start``, as of this pulse. Raises SourceError."""
        task = self._reads.get(start)
        if task is None:
            task = self._reads[start] = asyncio.create_task(self._chunk(start))
        return await asyncio.shield(task)

    async def after(self, pulse: int) -> None:
        """Wait for the pulse that follows ``pulse``."""
        while self.pulse == pulse:
            await self._next.wait()

    async def _tick(self) -> None:
        while True:
            await self.cadence.wait()
            # Somebody may still be reading; the next pulse begins when the slowest reading has ended.
            running = [task for task in self._reads.values() if not task.done()]
            if running:
                await asyncio.wait(running)
            for task in self._reads.values():
                with suppress(asyncio.CancelledError):
                    task.exception()
            self._reads.clear()
            await self._close()
            self._fresh = False
            self.pulse += 1
            self._next.set()
            self._next = asyncio.Event()

    async def _chunk(self, start: int | None) -> _Chunk:
        meter = Meter(asyncio.get_running_loop().time() + self._source.settings.budget.seconds)
        try:
            with metered(meter):
                await self._refresh()
                chunk = await self._read(start)
        except SourceError as error:
            error.source = error.source or self._source.name
            self.cadence.failed(error.retry_after)
            raise
        except Exception as error:
            raise internal_error(self._source.name) from error
        self.cadence.moved(active=True)
        return chunk

    async def _refresh(self) -> None:
        """The execution as it is now: when it ends, so may its log."""
        if self._fresh:
            return
        self._fresh = True
        if self._execution.phase is ExecutionPhase.FINAL:
            return
        try:
            (found,) = await self._source.adapter.fetch([self._execution.key])
        except SourceError:
            self._fresh = False
            raise
        if isinstance(found, SourceError):
            self._fresh = False
            raise found
        if isinstance(found, Execution):
            self._execution = found

    async def _read(self, start: int | None) -> _Chunk:
        # A long log is read on where the chunk before ended: sources answer with more than a chunk at once.
        pages = self._open.pop(start, None)
        if pages is None:
            adapter = cast("SupportsLogs", self._source.adapter)
            pages = cast("AsyncGenerator[LogPage, None]", adapter.logs(self._execution, LogQuery(after=start, rows=_ROWS)))
        lines: list[LogLine] = []
        truncated = complete = False
        try:
            async for page in pages:
                lines += page.lines
                truncated, complete = truncated or page.truncated, page.complete
                if page.more and len(lines) >= _ROWS:
                    self._open[lines[-1].sequence] = pages
                    return _Chunk(lines, more=True, complete=False, truncated=truncated)
        except BaseException:
            await pages.aclose()
            raise
        await pages.aclose()
        return _Chunk(lines, more=False, complete=complete, truncated=truncated)

    async def _close(self) -> None:
        """Give up what nobody has read on."""
        unread, self._open = self._open, {}
        for pages in unread.values():
            await pages.aclose()
