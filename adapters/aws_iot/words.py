"""AWS IoT's words and ids, and what they mean (DOMAIN C3; contracts/aws_iot.md section 1, Enums and Ids)."""

import re
from collections.abc import Mapping

from gateway.model import ExecutionStatus, JobState

EXECUTION_STATUS: Mapping[str, ExecutionStatus] = {
    "QUEUED": ExecutionStatus.QUEUED,
    "IN_PROGRESS": ExecutionStatus.RUNNING,
    "SUCCEEDED": ExecutionStatus.SUCCEEDED,
    "FAILED": ExecutionStatus.FAILED,
    "TIMED_OUT": ExecutionStatus.TIMED_OUT,
    "REJECTED": ExecutionStatus.REJECTED,
    "REMOVED": ExecutionStatus.SKIPPED,
    "CANCELED": ExecutionStatus.CANCELED,
}
"""One to one, so that a status filter can be pushed exactly."""

JOB_STATE: Mapping[str, JobState] = {
    "IN_PROGRESS": JobState.ACTIVE,
    "SCHEDULED": JobState.SCHEDULED,
    "COMPLETED": JobState.COMPLETED,
    "CANCELED": JobState.CANCELED,
    "DELETION_IN_PROGRESS": JobState.DELETING,
}

_JOB = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z", re.ASCII)
_THING = re.compile(r"[a-zA-Z0-9:_-]{1,128}\Z", re.ASCII)
_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,18})\Z", re.ASCII)


def is_job(text: str) -> bool:
    """Whether a job may be called that."""
    return _JOB.match(text) is not None


def is_thing(text: str) -> bool:
    """Whether a thing may be called that."""
    return _THING.match(text) is not None


def is_number(text: str) -> bool:
    """Whether an execution may be numbered like that, in its only spelling."""
    return _NUMBER.match(text) is not None
