"""AWX's words for status and launch, in both directions (DOMAIN C3; contracts/awx.md section 5)."""

from collections.abc import Mapping
from functools import lru_cache

from gateway.model import ExecutionStatus, TriggerKind

OPEN_WORDS: Mapping[str, ExecutionStatus] = {
    "new": ExecutionStatus.PENDING,
    "pending": ExecutionStatus.PENDING,
    "waiting": ExecutionStatus.QUEUED,
    "running": ExecutionStatus.RUNNING,
}
"""What a job may still leave. With ``canceled_on`` set, each of them is CANCELING instead."""

FINAL_WORDS: Mapping[str, ExecutionStatus] = {
    "successful": ExecutionStatus.SUCCEEDED,
    "failed": ExecutionStatus.FAILED,
    "error": ExecutionStatus.ERRORED,
    "canceled": ExecutionStatus.CANCELED,
}

LAUNCH_WORDS: Mapping[str, TriggerKind] = {
    "manual": TriggerKind.MANUAL,
    "relaunch": TriggerKind.RERUN,
    "callback": TriggerKind.CALLBACK,
    "scheduled": TriggerKind.SCHEDULE,
    "dependency": TriggerKind.DEPENDENCY,
    "workflow": TriggerKind.WORKFLOW,
    "webhook": TriggerKind.WEBHOOK,
    "sync": TriggerKind.SYNC,
    "scm": TriggerKind.SYNC,
}


# Few words come again and again, row after row.
@lru_cache(maxsize=256)
def status_of(word: str | None, *, canceling: bool) -> ExecutionStatus:
    """The unified status of a status word; ``canceling`` tells whether ``canceled_on`` is set."""
    plain = (word or "").strip().lower()
    if plain in OPEN_WORDS:
        return ExecutionStatus.CANCELING if canceling else OPEN_WORDS[plain]
    return FINAL_WORDS.get(plain, ExecutionStatus.UNKNOWN)


@lru_cache(maxsize=256)
def trigger_kind_of(word: str | None) -> TriggerKind:
    """The unified kind of a ``launch_type``."""
    return LAUNCH_WORDS.get((word or "").strip().lower(), TriggerKind.UNKNOWN)
