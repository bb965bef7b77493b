"""The logs of a simulated AWX world: made when they are first looked at, written by tests, or planned by its life."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from adapters.awx.world_events import EVENT_TYPES, STORING, Line, Log, event_of
from adapters.awx.world_rows import Row
from adapters.awx.world_scripts import log_of

if TYPE_CHECKING:
    from adapters.awx.world import World

_MILLISECOND = timedelta(milliseconds=1)


class Logs:
    """The logs of a world by the id of the run."""

    def __init__(self) -> None:
        self._logs: dict[int, Log] = {}

    def of(self, world: "World", row_id: int) -> Log:
        """The log of a run. Raises KeyError for an unknown id."""
        if row_id not in self._logs:
            run = world.executions[row_id]
            summaries = [row for row in world.job_host_summaries.values() if row["job"] == row_id]
            self._logs[row_id] = log_of(world, run, summaries, _end_of(run, world.now))
        return self._logs[row_id]

    def is_free(self, row_id: int) -> bool:
        """Whether nobody has written what the run prints."""
        return row_id not in self._logs or not self._logs[row_id].written

    def plan(self, row_id: int, log: Log) -> None:
        """Let a run have this log, from which its events appear as they are stored."""
        self._logs[row_id] = log

    def read(self, world: "World", row_id: int) -> list[Line]:
        """What a reader of the log must end up with now: the lines of all events that were stored, oldest first."""
        return self.of(world, row_id).lines(world.now)

    def write(
        self,
        world: "World",
        row_id: int,
        lines: int | Sequence[str],
        *,
        height: int = 1,
        begin: datetime | None = None,
        spacing: timedelta = _MILLISECOND,
        delay: Callable[[int], timedelta] | None = None,
    ) -> None:
        """Print lines (so many, or these), ``height`` to an event, ``spacing`` apart from ``begin`` on, or up to now.

        ``delay`` says how long after its turn event number so-and-so is stored, at once by default. The first call does
        away with what the run has printed by itself. Raises KeyError for an unknown id.
        """
        texts = [f"line {number}" for number in range(lines)] if isinstance(lines, int) else list(lines)
        if self.is_free(row_id):
            self._logs[world.executions[row_id]["id"]] = Log(written=True)
        log = self._logs[row_id]
        start = begin or world.now - spacing * (len(texts) // height + 1)
        counter = log.events[-1].counter if log.events else 0
        for number, first in enumerate(range(0, len(texts), height), 1):
            created = start + spacing * number
            stored = created if delay is None else created + delay(counter + number)
            log.append(texts[first : first + height], created, stored)

    def lose(self, world: "World", row_id: int, counters: Collection[int]) -> None:
        """Let events of a run never be stored."""
        self.of(world, row_id).lose(counters)

    def record(self, row: Row) -> None:
        """Take an event as the real server sent it."""
        kind = next(kind for kind, name in EVENT_TYPES.items() if name == row["type"])
        log = self._logs.setdefault(row[kind], Log(written=True))
        log.lose({row["counter"]})
        log.events.append(event_of(row))
        log.events.sort(key=lambda event: event.counter)

    def forget_host(self, host_id: int) -> None:
        """A host was deleted."""
        for log in self._logs.values():
            log.forget_host(host_id)

    def forget(self, row_id: int) -> None:
        """The run was deleted."""
        self._logs.pop(row_id, None)


def _end_of(run: Row, now: datetime) -> datetime:
    """When a run prints its last; one that goes on is two thirds through."""
    if run["finished"] is not None:
        return datetime.fromisoformat(run["finished"])
    begun = now if run["started"] is None else datetime.fromisoformat(run["started"])
    return now + (now - begun) / 2 + STORING
