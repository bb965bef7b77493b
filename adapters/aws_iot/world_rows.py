"""Rows of the simulated AWS IoT: their ids, ARNs and number formats."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

Row = dict[str, Any]

REGION = "us-east-1"
ACCOUNT = "123456789012"

OPEN = frozenset({"QUEUED", "IN_PROGRESS"})
"""Statuses of executions that are not over yet."""

COUNTERS = {
    "CANCELED": "numberOfCanceledThings",
    "SUCCEEDED": "numberOfSucceededThings",
    "FAILED": "numberOfFailedThings",
    "REJECTED": "numberOfRejectedThings",
    "QUEUED": "numberOfQueuedThings",
    "IN_PROGRESS": "numberOfInProgressThings",
    "REMOVED": "numberOfRemovedThings",
    "TIMED_OUT": "numberOfTimedOutThings",
}
"""The member of ``jobProcessDetails`` that counts a status."""


class ExecutionId(NamedTuple):
    """Contract, section 1: a thing that rejoins a job's group gets a further execution, number 2."""

    job_id: str
    thing_name: str
    number: int


def arn(kind: str, name: str) -> str:
    """The ARN of a ``job``, ``thing``, ``thinggroup`` or ``jobtemplate``."""
    return f"arn:aws:iot:{REGION}:{ACCOUNT}:{kind}/{name}"


def wire(value: Any) -> Any:
    """An aware datetime as AWS sends it: epoch seconds, at most milliseconds, whole seconds without a fraction."""
    if not isinstance(value, datetime):
        return value
    milliseconds = round(value.timestamp() * 1000)
    return milliseconds // 1000 if milliseconds % 1000 == 0 else milliseconds / 1000


def thing_row(name: str, **members: Any) -> Row:
    """A thing of version 1 without type and attributes, but for these members."""
    return {"thingName": name, "thingArn": arn("thing", name), "attributes": {}, "version": 1, **members}


def given(row: Row, members: Mapping[str, Any]) -> Row:
    """The row with these members set, None meaning "not sent"."""
    for name, value in members.items():
        if value is None:
            row.pop(name, None)
        else:
            row[name] = wire(value)
    return row
