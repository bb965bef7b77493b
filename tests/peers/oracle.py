"""What a peer holds, read by botocore's own client and sorted and filtered here: what the gateway must answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

STATUS = {"IN_PROGRESS": "RUNNING", "REMOVED": "SKIPPED"}
"""The other words are the same."""

_OPEN = frozenset({"QUEUED", "IN_PROGRESS"})


@dataclass(frozen=True)
class Row:
    """An execution."""

    job: str
    thing: str
    number: int
    word: str
    created: datetime | None
    started: datetime | None
    finished: datetime | None

    @property
    def native_id(self) -> str:
        return f"{self.job}/{self.thing}/{self.number}"

    @property
    def status(self) -> str:
        return STATUS.get(self.word, self.word)


def executions(iot: Any, jobs: Iterable[str]) -> list[Row]:
    """All executions of these jobs."""
    return [
        _row(job, summary)
        for job in jobs
        for page in iot.get_paginator("list_job_executions_for_job").paginate(jobId=job)
        for summary in page["executionSummaries"]
    ]


def _row(job: str, given: dict[str, Any]) -> Row:
    summary = given["jobExecutionSummary"]
    finished = None if summary["status"] in _OPEN else summary["lastUpdatedAt"]
    return Row(
        job=job,
        thing=given["thingArn"].partition(":thing/")[2],
        number=summary["executionNumber"],
        word=summary["status"],
        created=summary.get("queuedAt"),
        started=summary.get("startedAt"),
        finished=finished,
    )


def ordered(rows: Iterable[Row], field: str, *, descending: bool) -> list[str]:
    """Native ids in an order of the gateway: what has no such instant counts as latest, ties go by native id."""
    never = float("inf")

    def value(row: Row) -> float:
        if field == "DURATION":
            if row.started is None or row.finished is None:
                return never
            return (row.finished - row.started).total_seconds()
        instant = {"CREATED_AT": row.created, "STARTED_AT": row.started, "FINISHED_AT": row.finished}[field]
        return never if instant is None else instant.timestamp()

    def place(row: Row) -> tuple[float, str, str, str]:
        return (-value(row) if descending else value(row), row.job, row.thing, str(row.number))

    return [row.native_id for row in sorted(rows, key=place)]
