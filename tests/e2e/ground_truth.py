"""What the simulators' worlds hold, read without any adapter: the lists a gateway should give, worked out by definition."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.conftest import Served

FINAL = {"SUCCEEDED", "FAILED", "ERRORED", "TIMED_OUT", "REJECTED", "CANCELED", "SKIPPED"}

_AWX = {"new": "PENDING", "pending": "PENDING", "waiting": "QUEUED", "running": "RUNNING", "successful": "SUCCEEDED",
        "failed": "FAILED", "error": "ERRORED", "canceled": "CANCELED"}  # fmt: skip
_SCALE = {"QUEUED": "QUEUED", "RUNNING": "RUNNING", "COMPLETED": "SUCCEEDED", "FAILED": "FAILED", "CANCELED": "CANCELED"}
_IOT = {"QUEUED": "QUEUED", "IN_PROGRESS": "RUNNING", "SUCCEEDED": "SUCCEEDED", "FAILED": "FAILED",
        "TIMED_OUT": "TIMED_OUT", "REJECTED": "REJECTED", "CANCELED": "CANCELED", "REMOVED": "SKIPPED"}  # fmt: skip
_CTL = {"PENDING": "PENDING", "INITIALIZING": "QUEUED", "RUNNING": "RUNNING", "STOPPING": "CANCELING",
        "KILLING": "CANCELING", "SUCCESS": "SUCCEEDED", "FAILURE": "FAILED", "INIT_FAILURE": "ERRORED",
        "EXPIRED": "TIMED_OUT", "STOPPED": "CANCELED", "KILLED": "CANCELED"}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """An execution: instants in microseconds, ``tie`` as its source orders equals."""

    source: str
    native: str
    tie: tuple[Any, ...]
    name: str
    status: str
    created: int | None
    started: int | None
    finished: int | None
    duration: float | None

    @property
    def id(self) -> str:
        """``source/native id``."""
        return f"{self.source}/{self.native}"


def rows(served: Served) -> list[Row]:
    """All executions of all five systems."""
    return [row for name in served.demo.simulators for row in _READERS[name](served.simulator(name).world)]


def listed(found: list[Row], field: str, direction: str) -> list[str]:
    """Ids in an order: what has no key counts as later than everything; ties by source, then by the source's own id."""

    def place(row: Row) -> tuple[Any, ...]:
        value = {
            "CREATED_AT": row.created,
            "STARTED_AT": row.started,
            "FINISHED_AT": row.finished,
            "DURATION": row.duration,
        }[field]
        key = float("inf") if value is None else value
        return (-key if direction == "DESC" else key, row.source, row.tie)

    return [row.id for row in sorted(found, key=place)]


def us(moment: Any) -> int | None:
    """An instant in microseconds, from any of the ways in which the worlds keep it."""
    if moment is None:
        return None
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return us_of(moment - datetime(1970, 1, 1, tzinfo=UTC))


def us_of(delta: timedelta) -> int:
    """Whole microseconds."""
    return delta // timedelta(microseconds=1)


def _seconds(started: int | None, finished: int | None) -> float | None:
    return None if started is None or finished is None or finished < started else (finished - started) / 1e6


def _awx(world: Any) -> Iterator[Row]:
    for key, row in world.executions.items():
        if row["type"] == "job":
            finished = us(row["finished"])
            yield Row(
                "awx", str(key), (key,), row["name"], _AWX[row["status"]], us(row["created"]), us(row["started"]), finished,
                None if finished is None else row["elapsed"],
            )  # fmt: skip


def _scale(world: Any) -> Iterator[Row]:
    for key, row in world.executions.items():
        name = world.job_types[world.jobs[row["job_id"]]["job_type_id"]]["name"]
        started, finished = us(row["started"]), us(row["ended"])
        yield Row(
            "scale", str(key), (key,), name, _SCALE[row["status"]], us(row["created"]), started, finished,
            _seconds(started, finished),
        )  # fmt: skip


def _threatconnect(world: Any) -> Iterator[Row]:
    for key, row in world.executions.items():
        queued, started, finished = us(row["queueTime"]), us(row["startTime"]), us(row["completedTime"] or row["failedTime"])
        name = _name(world.jobs.get(row["jobId"])) or str(row["jobId"])
        # Without a word, the instants say it; a word that nobody published says nothing.
        spelled = {"completed": "SUCCEEDED", "failed": "FAILED", "running": "RUNNING", "queued": "QUEUED"}
        status = spelled.get((row["status"] or "").lower(), "UNKNOWN")
        if not row["status"]:
            status = "FAILED" if row["failedTime"] else "SUCCEEDED" if finished else "RUNNING" if started else "QUEUED"
        duration = _seconds(started, finished)
        yield Row("threatconnect", f"{row['jobId']}/{key}", (key,), name, status, queued, started, finished, duration)


def _ctl_runner(world: Any) -> Iterator[Row]:
    for key, row in world.executions.items():
        timers = row.get("timers") or [{"start": row.get("start"), "end": row.get("end")}]
        starts, ends = ([_from_number(timer.get(name)) for timer in timers] for name in ("start", "end"))
        began = next((start for start in starts if start is not None), None)
        status = _CTL.get(row["status"], "UNKNOWN")
        finished = ends[-1] if status in FINAL else None
        name = _name(world.jobs.get(row["job_id"])) or row["job_id"]
        parts = (row["job_id"], key)
        yield Row("ctl-runner", "/".join(parts), parts, name, status, began, began, finished, _seconds(starts[-1], finished))


def _from_number(number: int | None) -> int | None:
    """Milliseconds, or seconds where the number has ten digits."""
    return None if number is None else number * (1000 if number >= 10**11 else 1_000_000)


def _name(job: Any) -> str | None:
    return None if job is None else job.get("name") or job.get("description")


def _aws_iot(world: Any) -> Iterator[Row]:
    for key, row in world.executions.items():
        status = _IOT[row["status"]]
        queued, started, updated = (
            None if row.get(name) is None else round(row[name] * 1e6) for name in ("queuedAt", "startedAt", "lastUpdatedAt")
        )
        finished = updated if status in FINAL else None
        parts = (key.job_id, key.thing_name, str(key.number))
        yield Row(
            "aws-iot", "/".join(parts), parts, key.job_id, status, queued, started, finished, _seconds(started, finished)
        )


_READERS = {"awx": _awx, "scale": _scale, "threatconnect": _threatconnect, "ctl-runner": _ctl_runner, "aws-iot": _aws_iot}
