"""Job events of the simulated AWX (contract section 6): single ones, logs made of them, and how they are sent."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from adapters.awx.world_jobs import job_brief
from adapters.awx.world_rows import Row, stamp, url

EVENT_TYPES = {
    "job": "job_event",
    "project_update": "project_update_event",
    "inventory_update": "inventory_update_event",
    "ad_hoc_command": "ad_hoc_command_event",
    "system_job": "system_job_event",
}
"""The ``type`` of the events of each type of unified job. Workflow jobs have none."""

STORING = timedelta(milliseconds=40)
"""How long AWX takes to store an event, in the recordings."""

_TITLES = {
    "verbose": "Verbose",
    "playbook_on_start": "Playbook Started",
    "playbook_on_stats": "Playbook Complete",
    "runner_on_start": "Host Started",
    "runner_on_ok": "Host OK",
    "runner_on_failed": "Host Failed",
    "runner_on_unreachable": "Host Unreachable",
    "runner_on_skipped": "Host Skipped",
}
_LEVELS = {"verbose": 0, "playbook_on_start": 0, "playbook_on_play_start": 1, "playbook_on_stats": 1}
_OF_PLAYS = ("event_level", "parent_uuid", "playbook", "play", "task", "role")


def seeded(text: str) -> Random:
    """Chance that is the same whenever it is asked for by the same text."""
    return Random(text)  # noqa: S311 - seeded pseudo-random data is the point


class Line(NamedTuple):
    """A line that a reader must find: its text, with escapes, its stream (AWX tells none apart) and when it was printed."""

    text: str
    stream: str
    timestamp: datetime


@dataclass(slots=True, kw_only=True)
class Event:
    """One event, in the database from ``saved`` on. ``lines`` is what was printed; see ``stdout`` for what AWX keeps."""

    counter: int
    created: datetime
    saved: datetime
    lines: Sequence[str] = ()
    start_line: int = 0
    event: str = "verbose"
    event_data: Row = field(default_factory=dict)
    failed: bool = False
    changed: bool = False
    host: int | None = None
    host_name: str = ""
    playbook: str = ""
    play: str = ""
    task: str = ""

    @property
    def stdout(self) -> str:
        """What was printed, without blank lines at its end."""
        return "\r\n".join(self.lines).rstrip("\r\n")

    @property
    def end_line(self) -> int:
        """The number of the line after the last."""
        return self.start_line + len(self.lines)


@dataclass(slots=True)
class Log:
    """The events of one run, all that there ever will be, in the order of their counters.

    ``written``: by a test or the real server, so that nothing is made up for it.
    """

    events: list[Event] = field(default_factory=list)
    written: bool = False

    def append(self, lines: Sequence[str], created: datetime, saved: datetime) -> None:
        """Another event, which printed these lines."""
        counter, start = (self.events[-1].counter + 1, self.events[-1].end_line) if self.events else (1, 0)
        self.events.append(Event(counter=counter, created=created, saved=saved, lines=lines, start_line=start))

    def lose(self, counters: Collection[int]) -> None:
        """Events that AWX never stores."""
        self.events = [event for event in self.events if event.counter not in counters]

    def forget_host(self, host_id: int) -> None:
        """The host was deleted: its events keep its name."""
        for event in self.events:
            if event.host == host_id:
                event.host = None

    def cut(self, end: datetime) -> None:
        """The run stopped: what it would have printed later does not come."""
        if not self.written:
            self.events = [event for event in self.events if event.created <= end]

    def stored(
        self, now: datetime, above: int | None = None, below: int | None = None, *, backwards: bool = False
    ) -> Iterable[Event]:
        """What is in the database, of the events with counters between two others."""
        start = 0 if above is None else bisect_left(self.events, above + 1, key=_counter)
        stop = len(self.events) if below is None else bisect_left(self.events, below, key=_counter)
        numbers = range(start, stop)
        return (self.events[at] for at in (reversed(numbers) if backwards else numbers) if self.events[at].saved <= now)

    def lines(self, now: datetime) -> list[Line]:
        """What whoever reads must find at last."""
        return [Line(text, "COMBINED", event.created) for event in self.stored(now) for text in event.lines]


def _counter(event: Event) -> int:
    return event.counter


def event_of(row: Row) -> Event:
    """The event of a recorded row."""
    stdout = row["stdout"]
    lines = stdout.split("\r\n") if stdout else []
    lines += [""] * (row["end_line"] - row["start_line"] - len(lines))
    shared = {key: row[key] for key in ("counter", "start_line", "event", "event_data", "failed", "changed", "host_name")}
    placed = {key: row.get(key, "") for key in ("playbook", "play", "task")}
    created, saved = datetime.fromisoformat(row["created"]), datetime.fromisoformat(row["modified"])
    return Event(**shared, **placed, created=created, saved=saved, lines=lines, host=row["host"])


def event_row(run: Row, event: Event) -> Row:
    """An event of ``run`` as its list sends it, uncut."""
    kind, event_type = run["type"], EVENT_TYPES[run["type"]]
    row_id = run["id"] * 1_000_000 + event.counter
    place = url(f"{event_type}s", row_id)
    related: Row = {kind: run["url"]}
    summary: Row = {}
    if kind == "job":
        related["children"] = f"{place}children/"
        summary = {"job": job_brief(run), "role": {}}
    if event.host is not None:
        related["host"] = url("hosts", event.host)
        summary = {"host": {"id": event.host, "name": event.host_name, "description": ""}, **summary}
    titles = {
        "playbook_on_play_start": f"Play Started ({event.play})",
        "playbook_on_task_start": f"Task Started ({event.task})",
    }
    row = {
        "id": row_id,
        "type": event_type,
        "url": "" if kind == "project_update" else place,
        "related": related,
        "summary_fields": summary,
        "created": stamp(event.created),
        "modified": stamp(event.saved),
        kind: run["id"],
        "event": event.event,
        "counter": event.counter,
        "event_display": titles.get(event.event) or _TITLES[event.event],
        "event_data": event.event_data,
        "event_level": _LEVELS.get(event.event, 2 if event.event.startswith("playbook_on") else 3),
        "failed": event.failed,
        "changed": event.changed,
        "uuid": f"{seeded(f'uuid/{row_id}').getrandbits(128):032x}",
        "parent_uuid": "",
        "host": event.host,
        "host_name": event.host_name,
        "playbook": event.playbook,
        "play": event.play,
        "task": event.task,
        "role": "",
        "stdout": event.stdout,
        "start_line": event.start_line,
        "end_line": event.end_line,
        "verbosity": 0,
    }
    if kind not in ("job", "project_update"):
        row = {key: value for key, value in row.items() if key not in _OF_PLAYS}
    if kind in ("inventory_update", "system_job"):
        row = {key: value for key, value in row.items() if key not in ("host", "host_name")}
    return row
