"""Executions as they change: one poller per (source, query), shared by all who watch, stopped with the last of them.

A poller compares what it reads with what it read before. Subscribers get changes through a box that holds the newest state
of each execution: one that is slow misses steps in between, never the last.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from gateway.errors import SourceError
from gateway.merge import MergeSource, SourceReport, SourceReportState, merge_page
from gateway.model import Documented, Execution, ExecutionPhase, ExecutionStatus, Key
from gateway.pulse import Alarm, Cadence
from gateway.query import Filter, ListQuery, Order, OrderField
from gateway.registry import Source
from gateway.spi import internal_error
from gateway.transport import Meter, metered

_log = logging.getLogger(__name__)

_ROWS = 200
_MOST_PAGES = 10
_SLACK_US = 120 * 1_000_000
"""Ends are looked for this long before the last look: clocks differ, and records show late."""
_MOST_KNOWN = 10_000


class ExecutionChange(Documented):
    """What changed."""

    SOURCE_STATE = "SOURCE_STATE", "A source went down, came back, or was cut short; see `sources`."
    APPEARED = "APPEARED", "It was not there before."
    STATUS_CHANGED = "STATUS_CHANGED", "Its status is another; see `previousStatus`."
    UPDATED = "UPDATED", "Something else about it changed."
    REOPENED = "REOPENED", "A final execution became open again (CTL restart)."


@dataclass(frozen=True, slots=True)
class Update:
    """A change of an execution, or of the state of sources."""

    change: ExecutionChange
    execution: Execution | None = None
    previous_status: ExecutionStatus | None = None
    sources: Sequence[SourceReport] | None = None


class Box:
    """What one subscriber has not taken yet: the newest state of each execution, the newest report of each source."""

    def __init__(self) -> None:
        self._updates: OrderedDict[Key, Update] = OrderedDict()
        self._reports: dict[str, SourceReport] = {}
        self._filled = asyncio.Event()

    def put(self, update: Update) -> None:
        """Add a change, into one with an earlier change of the same execution."""
        assert update.execution is not None  # noqa: S101 - reports come by put_report
        key = update.execution.key
        before = self._updates.pop(key, None)
        if before is not None:
            update = replace(_joined(before, update), execution=update.execution)
        self._updates[key] = update
        self._filled.set()

    def put_report(self, report: SourceReport) -> None:
        """Add the state of a source."""
        self._reports[report.source] = report
        self._filled.set()

    async def take(self) -> list[Update]:
        """Everything so far, once there is something."""
        await self._filled.wait()
        self._filled.clear()
        taken = [*self._updates.values()]
        self._updates.clear()
        if self._reports:
            reports = [report for _, report in sorted(self._reports.items())]
            self._reports.clear()
            taken.insert(0, Update(ExecutionChange.SOURCE_STATE, sources=reports))
        return taken


def _joined(first: Update, then: Update) -> Update:
    """Two changes of one execution as one."""
    if first.change is ExecutionChange.APPEARED:
        return first
    if ExecutionChange.STATUS_CHANGED in (first.change, then.change) or ExecutionChange.REOPENED in (
        first.change,
        then.change,
    ):
        change = then.change if then.change is not ExecutionChange.UPDATED else first.change
        return Update(change, previous_status=first.previous_status)
    return then


class Watch:
    """All pollers of the process."""

    def __init__(self, poll_seconds: float) -> None:
        self._poll_seconds = poll_seconds
        self._pollers: dict[Hashable, _Poller] = {}
        self._alarms: dict[str, Alarm] = {}

    async def executions(self, watched: Mapping[Any, "Looked"]) -> AsyncIterator[Update]:
        """Changes in any of these lists, until nobody iterates any more. Equal keys mean the same list."""
        box = Box()
        with ExitStack() as joined:
            for key, looked in watched.items():
                joined.enter_context(self._join(key, looked, box))
            while True:
                for update in await box.take():
                    yield update

    def alarm(self, source: Source) -> Alarm:
        """What wakes the pollers of a source."""
        if source.name not in self._alarms:
            self._alarms[source.name] = Alarm(source.adapter)
        return self._alarms[source.name]

    @property
    def pollers(self) -> int:
        """How many lists are being polled."""
        return len(self._pollers)

    @contextmanager
    def _join(self, key: Hashable, looked: "Looked", box: Box) -> Iterator[None]:
        poller = self._pollers.get(key)
        if poller is None:
            least = max(self._poll_seconds, looked.source.adapter.capabilities.min_poll_seconds)
            poller = self._pollers[key] = _Poller(looked, Cadence(least))
            self.alarm(looked.source).join(poller.cadence, looked.only)
        poller.join(box)
        try:
            yield
        finally:
            if poller.leave(box):
                del self._pollers[key]
                self.alarm(looked.source).leave(poller.cadence)


@dataclass(frozen=True, slots=True)
class Looked:
    """What to watch of one source: the list that ``filter`` makes for an instant in microseconds, or ``only`` one."""

    source: Source
    filter: Callable[[int], Filter] | None = None
    only: Key | None = None


class _Poller:
    """Looks at one list of one source, as long as somebody wants to know."""

    def __init__(self, looked: Looked, cadence: Cadence) -> None:
        self._looked = looked
        self._source = looked.source
        self.cadence = cadence
        self._boxes: set[Box] = set()
        self._known: dict[Key, Execution] | None = None
        self._since: int | None = None
        self._report: SourceReport | None = None
        self._task: asyncio.Task[None] | None = None

    def join(self, box: Box) -> None:
        """One more who wants to know, at first how the source is."""
        self._boxes.add(box)
        if self._report is not None:
            box.put_report(self._report)
        if self._looked.only is not None:
            for row in (self._known or {}).values():
                box.put(Update(ExecutionChange.UPDATED, row))
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def leave(self, box: Box) -> bool:
        """One fewer; whether that was the last one."""
        self._boxes.discard(box)
        if self._boxes:
            return False
        if self._task is not None:
            self._task.cancel()
        return True

    async def _run(self) -> None:
        while True:
            try:
                await self._look()
            except SourceError as error:
                self.cadence.failed(error.retry_after)
                self._tell(SourceReport(self._source.name, SourceReportState.FAILED, error=error))
            except Exception:  # noqa: BLE001 - a third party's bug must cost no more than its own source
                _log.exception("watching source %s failed", self._source.name)
                self.cadence.failed(None)
                fault = internal_error(self._source.name)
                self._tell(SourceReport(self._source.name, SourceReportState.FAILED, error=fault))
            await self.cadence.wait()

    async def _look(self) -> None:
        began = time.time_ns() // 1000
        meter = Meter(asyncio.get_running_loop().time() + self._source.settings.budget.seconds)
        with metered(meter):
            found, report = await (self._one() if self._looked.only is not None else self._list(began))
            if self._known is not None:
                found |= await self._gone(found)
        self._publish(found)
        self._since = began
        self.cadence.moved(active=any(row.phase is not ExecutionPhase.FINAL for row in found.values()))
        self._tell(report)

    async def _one(self) -> tuple[dict[Key, Execution], SourceReport]:
        key = self._looked.only
        assert key is not None  # noqa: S101 - the caller looked
        (answer,) = await self._source.adapter.fetch([key])
        if isinstance(answer, SourceError):
            raise answer
        found = {key: answer} if isinstance(answer, Execution) else {}
        return found, SourceReport(self._source.name, SourceReportState.OK, taken=len(found), scanned=len(found))

    async def _list(self, now: int) -> tuple[dict[Key, Execution], SourceReport]:
        """Open executions, and those that have ended since the last look: the latest end first, the open ones before."""
        assert self._looked.filter is not None  # noqa: S101 - a list has one
        settings = self._source.settings
        merged = MergeSource(self._source.name, self._source.adapter, settings.budget, self._source.trusted)
        query = ListQuery("execution", self._looked.filter(now), Order(OrderField.FINISHED_AT))
        found: dict[Key, Execution] = {}
        after = None
        for _ in range(_MOST_PAGES):
            page = await merge_page([merged], query, first=_ROWS, after=after, now=now, totals=False)
            report = page.reports[self._source.name]
            if report.state is SourceReportState.FAILED:
                raise report.error or internal_error(self._source.name)
            found |= {row.key: row for row in page.rows}
            last = page.rows[-1] if page.rows else None
            if not page.has_next or page.end is None:
                break
            if last is not None and last.finished_at is not None and self._seen_before(last.finished_at.us):
                break
            after = page.end
        return found, report

    def _seen_before(self, finished: int) -> bool:
        """Whether everything that ended earlier was there at the last look; at the first look one page is enough."""
        return self._since is None or finished < self._since - _SLACK_US

    async def _gone(self, found: Mapping[Key, Execution]) -> dict[Key, Execution]:
        """Open executions that were in the list and are not any more, as they are now."""
        missing = [
            key for key, row in (self._known or {}).items() if row.phase is not ExecutionPhase.FINAL and key not in found
        ]
        if not missing or self._looked.only is not None:
            return {}
        answers = await self._source.adapter.fetch(missing)
        return {key: answer for key, answer in zip(missing, answers, strict=True) if isinstance(answer, Execution)}

    def _publish(self, found: Mapping[Key, Execution]) -> None:
        known, self._known = self._known, dict(found)
        if known is None and self._looked.only is None:
            return
        if known is None:
            # Whoever watches a single one has seen it before this first look.
            for row in found.values():
                for box in self._boxes:
                    box.put(Update(ExecutionChange.UPDATED, row))
            return
        for key, row in found.items():
            update = _difference(known.get(key), row, self._since)
            if update is not None:
                for box in self._boxes:
                    box.put(update)
        # What has ended stays known, so that it is not new when the list shows it again.
        for key, row in known.items():
            if len(self._known) >= _MOST_KNOWN:
                break
            if key not in self._known and row.phase is ExecutionPhase.FINAL:
                self._known[key] = row

    def _tell(self, report: SourceReport) -> None:
        before, self._report = self._report, report
        lost = self._looked.only is not None and report.state is SourceReportState.OK and not report.taken
        if before is not None and _state(before) == _state(report) and not lost:
            return
        for box in self._boxes:
            box.put_report(report)


def _state(report: SourceReport) -> tuple[SourceReportState, object]:
    return report.state, None if report.error is None else report.error.code


def _difference(before: Execution | None, now: Execution, since: int | None) -> Update | None:
    """What has become of an execution; None where nothing has."""
    if before is None:
        finished = now.finished_at
        if since is not None and finished is not None and finished.us < since - _SLACK_US:
            # It ended long ago: it is only now that so far back was looked.
            return None
        return Update(ExecutionChange.APPEARED, now)
    if before.status is not now.status:
        reopened = before.phase is ExecutionPhase.FINAL and now.phase is not ExecutionPhase.FINAL
        change = ExecutionChange.REOPENED if reopened else ExecutionChange.STATUS_CHANGED
        return Update(change, now, before.status)
    return Update(ExecutionChange.UPDATED, now, before.status) if _shown(before) != _shown(now) else None


def _shown(row: Execution) -> tuple[object, ...]:
    """What of an execution is worth an update: not how long it has been running."""
    return (
        row.raw_status,
        row.created_at,
        row.queued_at,
        row.started_at,
        row.finished_at,
        row.attempt,
        len(row.attempts),
        row.status_message,
        tuple(result.node.key for result in row.nodes),
    )


async def until_final(updates: AsyncIterator[Update], first: Execution | None) -> AsyncIterator[Execution | SourceError]:
    """An execution now, then at each change, until it is final or gone; its source's fault when that is news.

    ``first`` is None when the source could not be asked yet.
    """
    last = first
    if first is not None:
        yield first
    while last is None or last.phase is not ExecutionPhase.FINAL:
        update = await anext(updates, None)
        if update is None:
            return
        for report in update.sources or ():
            if report.error is not None:
                yield report.error
            elif not report.taken:
                return
        if update.execution is not None and (last is None or _difference(last, update.execution, None) is not None):
            last = update.execution
            yield last
