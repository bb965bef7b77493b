"""What the executions of the simulated Scale print: a function of the execution's row, the world's seed and its clock.

Nothing is stored, so that making a world stays fast, and time makes logs grow. Entries reach the index up to 8 s after they
were written, as in the real one. ``World.write_log`` adds to what is generated here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import count
from random import Random
from typing import NamedTuple

from adapters.scale.simulator_tables import Row

_MILLISECOND = timedelta(milliseconds=1)
_SLOWEST_MS = 8000


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A document of the log index: written at ``at``, found from ``indexed`` on.

    ``order`` is the order number of releases from 4.0 on. Equal arguments give the same ``name`` (the document's id).
    """

    execution: int
    at: datetime
    message: str
    order: int
    stderr: bool = False
    phase: str = "job"
    indexed: datetime | None = None
    name: str = field(default="")

    def __post_init__(self) -> None:
        if not self.name:
            text = f"{self.execution} {self.at.isoformat()} {self.order}"
            object.__setattr__(self, "name", f"AV{blake2b(text.encode(), digest_size=9).hexdigest()}")

    @property
    def ms(self) -> int:
        """``at`` in milliseconds since 1970."""
        return milliseconds(self.at)


class TrueLine(NamedTuple):
    """What a reader must end up with; ``ms`` counts milliseconds since 1970."""

    ms: int
    text: str
    stderr: bool


def milliseconds(instant: datetime) -> int:
    """Milliseconds since 1970, fractions cut off."""
    return (instant - datetime.fromtimestamp(0, instant.tzinfo)) // _MILLISECOND


def true_lines(entries: list[LogEntry]) -> list[TrueLine]:
    """The lines of entries, the oldest first; those of one millisecond in order of text."""
    return sorted(TrueLine(each.ms, text, each.stderr) for each in entries for text in each.message.split("\n"))


_WORK = {
    "image-orthorectify": "tile {n} done",
    "landsat-ndwi": "ndwi: band pair {n} written",
    "catalog-export": "exported {n}00 records",
    "scale-ingest": "copied part {n}",
    "checkout-ingest": "ingested batch {n} of orders",
}
_FAILURES = {
    "schema-migration-failed": (
        "Applying schema migration 0042",
        "Traceback (most recent call last):",
        '  File "/opt/checkout/migrate.py", line 42, in upgrade',
        "ProgrammingError: column orders.region already exists",
        "checkout 4.2.0: schema migration 0042 failed (column orders.region already exists)",
    ),
    "algorithm-bad-input": (
        "Traceback (most recent call last):",
        '  File "algo.py", line 12, in <module>',
        "ValueError: bad input <tile>",
    ),
    "data-missing": ("IOError: [Errno 2] No such file or directory: '/scale/input/scene.tif'",),
    "timeout": ("still waiting for a lock", "Killed"),
    "unknown": ("Segmentation fault (core dumped)",),
}


def generated(execution: Row, job_type: Row, error: Row | None, seed: int, now: datetime) -> Iterator[LogEntry]:
    """What an execution has printed until ``now``, as far as it is in the index; ``error`` is why it failed."""
    random = Random(f"{seed}/{execution['id']}")  # noqa: S311 - seeded pseudo-random data is the point
    for order, (at, message, stderr, phase) in enumerate(_written(execution, job_type, error, random)):
        slow = random.random() < 0.05
        indexed = at + random.randrange(_SLOWEST_MS) * _MILLISECOND * slow
        if at > now:
            return
        if indexed <= now:
            yield LogEntry(execution["id"], _whole(at), message, order, stderr, phase, indexed)


def _written(execution: Row, job_type: Row, error: Row | None, random: Random) -> Iterator[tuple[datetime, str, bool, str]]:
    """Instant, message, whether to stderr, and phase of everything that is written as long as the execution runs."""
    if execution["pre_started"] is not None:
        yield execution["pre_started"], f"Running pre-task for job execution {execution['id']}", False, "pre"
        yield execution["pre_started"], "Downloading input files", False, "pre"
        yield execution["pre_completed"], "Pre-task complete", False, "pre"
    if execution["job_started"] is None:
        return
    end: datetime | None = execution["job_completed"] or execution["ended"]
    at: datetime = execution["job_started"]
    text = _WORK.get(job_type["name"], "step {n} done")
    for number in count():
        if end is not None and at >= end:
            break
        yield (at, *_work(text.format(n=number), random), "job")
        # Now and then several at once.
        at += random.choice((0, 20, 900, 2500, 6000)) * _MILLISECOND
    if end is None:
        return
    if execution["post_started"] is not None:
        yield execution["post_started"], "Post-task: storing products", False, "post"
    # Last, although it was written before: Scale names the error when all is over.
    if error is not None:
        for message in _FAILURES.get(error["name"], ()):
            yield end, message, True, "job"


def _work(text: str, random: Random) -> tuple[str, bool]:
    luck = random.random()
    if luck < 0.04:
        return f"\x1b[33mWARNING\x1b[0m {text} at the second try", True
    if luck < 0.05:
        return f"{text}:\n  12 files\n  0 left out", False
    return text, False


def _whole(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
