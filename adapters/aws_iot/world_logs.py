"""The CloudWatch Logs of the simulated account: what devices print, composed from executions, or written by tests and life.

The fleet's convention: a group for each job, in it a stream for each execution. Devices put ``+`` for the colon, which
names of streams cannot have.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import blake2b
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from adapters.aws_iot.world_rows import OPEN, ExecutionId, Row

if TYPE_CHECKING:
    from adapters.aws_iot.world import World

LOG_GROUP = "/iot/jobs/{jobId}"
LOG_STREAM = "{thingName}/{executionNumber}"

Stream = tuple[str, str]
"""Group and stream."""


class Line(NamedTuple):
    """What a reader must end up with: epoch milliseconds and text."""

    timestamp: int
    text: str


class LogEvent(NamedTuple):
    """An event, in the order in which CloudWatch keeps events: by time, then by arrival."""

    timestamp: int
    ingestion_time: int
    event_id: str
    message: Any

    def row(self) -> Row:
        """As GetLogEvents sends it."""
        return {"timestamp": self.timestamp, "message": self.message, "ingestionTime": self.ingestion_time}


class Logs:
    """The streams of a world. What was never written to is composed when it is read, the same every time."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._written: dict[Stream, list[LogEvent]] = {}
        self._serial = 0

    def name_of(self, execution_id: ExecutionId) -> Stream:
        """The group and the stream of an execution."""
        job_id, thing, number = execution_id
        return LOG_GROUP.replace("{jobId}", job_id), f"{thing.replace(':', '+')}/{number}"

    def has_group(self, group: str) -> bool:
        """Whether there is such a group."""
        return group.removeprefix("/iot/jobs/") in self._world.jobs or any(name == group for name, _ in self._written)

    def events(self, group: str, stream: str) -> list[LogEvent] | None:
        """The events of a stream, in order; None when there is no such stream."""
        written = self._written.get((group, stream))
        if written is not None:
            return written
        thing, _, number = stream.replace("+", ":").rpartition("/")
        key = ExecutionId(group.removeprefix("/iot/jobs/"), thing, int(number) if number.isdecimal() else 0)
        row = self._world.executions.get(key)
        if row is None or self.name_of(key) != (group, stream) or "startedAt" not in row:
            return None
        return list(_composed(key, row, _milliseconds(self._world.now)))

    def write(
        self, name: Stream, count: int = 1, text: str = "line {n}", at: int | None = None, step: int = 250
    ) -> list[LogEvent]:
        """Adds events that arrive now: ``count`` of them from ``at`` on (epoch milliseconds), ``step`` milliseconds apart.

        ``{n}`` in the text counts the events that the world has written. Without ``at`` the first is of now.
        """
        now = _milliseconds(self._world.now)
        first = now if at is None else at
        added = []
        for place in range(count):
            self._serial += 1
            said = text.replace("{n}", str(self._serial))
            added.append(LogEvent(first + place * step, now, _event_id(f"{name}/{self._serial}"), said))
        self.put(name, added)
        return added

    def put(self, name: Stream, events: list[LogEvent]) -> None:
        """Adds events as they are."""
        # From now on the stream is what was written, whatever becomes of the execution.
        kept = self._written.setdefault(name, self.events(*name) or [])
        kept += events
        kept.sort(key=lambda event: event[:3])

    def empty(self, name: Stream) -> None:
        """Makes a stream exist without events."""
        self._written[name] = []

    def lines(self, execution_id: ExecutionId) -> list[Line]:
        """What a reader of the execution's log must end up with, by time."""
        return [Line(event.timestamp, event.message) for event in self.events(*self.name_of(execution_id)) or []]


def behind(events: list[LogEvent], place: tuple[int, int, str]) -> int:
    """How many events stand before ``place``."""
    return bisect_left(events, place, key=lambda event: event[:3])


def _composed(key: ExecutionId, row: Mapping[str, Any], now: int) -> Iterator[LogEvent]:
    """What a device prints while it works, none of it later than ``now``."""
    random = Random(repr(key))  # noqa: S311 - seeded pseudo-random data is the point
    started, over = round(row["startedAt"] * 1000), row["status"] not in OPEN
    end = round(row["lastUpdatedAt"] * 1000) if over else now
    said = []
    moment = started
    for text in progress(key):
        if moment > end and not over:
            break
        said.append((min(moment, end), text))
        moment += random.randrange(900, 6_000)
    if over:
        said += [(end, text) for text in ending(row)]
    for place, (at, text) in enumerate(said):
        yield LogEvent(at, at + 40, _event_id(f"{key}/{place}"), text)


def progress(key: ExecutionId) -> list[str]:
    """The lines of a run that goes well, but for its end."""
    blocks = 4 + len(repr(key)) % 16
    lines = [f"job {key.job_id} accepted by {key.thing_name}", "fetching manifest", "manifest ok"]
    lines += [f"downloading block {block} of {blocks}" for block in range(1, blocks + 1)]
    return [*lines, "checking signature", "installing"]


def ending(row: Mapping[str, Any]) -> list[str]:
    """The last words of an execution that is over; one that timed out had none."""
    reason = row.get("statusDetails", {}).get("detailsMap", {}).get("reason")
    match row["status"]:
        case "SUCCEEDED":
            return ["installed; all checks passed"]
        case "FAILED" | "REJECTED":
            return [f"ERROR {reason or 'unknown error'}", "giving up"]
        case "CANCELED":
            return ["canceled by the service"]
        case _:
            return []


def _event_id(name: str) -> str:
    """56 digits, as AWS has them; in no order."""
    return f"3766{int.from_bytes(blake2b(name.encode(), digest_size=20).digest()) % 10**52:052d}"


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
