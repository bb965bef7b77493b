"""The status feed of an execution: events composed from the execution itself, so that they follow it when it changes.

Field names and event types are those of contract section 6; the inside of ``message`` is published nowhere and therefore
composed (as in the recordings ``synthetic_status_*``): host, task and msg of an Ansible callback.
"""

from collections.abc import Iterator
from uuid import NAMESPACE_OID, uuid5

from adapters.ctl_runner.world_rows import TERMINAL, Row, timers_of

LATEST = 5
"""How many events are sent of an execution that is not over ("the latest update", section 6)."""

_TASKS = ("Gather facts", "Fetch release", "Migrate database", "Restart services")
_FAILING = 2
_BEAT = 5_000
"""Milliseconds from task to task while an attempt lasts and its end is unknown."""


def compose(execution: Row, hosts: list[str], failure: str, now: int) -> list[Row]:
    """The events of an execution, oldest first, none later than ``now`` (epoch milliseconds); of one not over the last few.

    ``hosts`` are those of its job, ``failure`` is what failing tasks say. An event keeps its id as the feed grows.
    """
    events = [
        {
            "id": str(uuid5(NAMESPACE_OID, f"{execution['execution_id']}/{place}")),
            "timestamp": timestamp,
            "notifications": [],
            "message": message,
            "job_id": execution["job_id"],
            "execution_id": execution["execution_id"],
            "account_alias": execution["account_alias"],
            "event_type": event_type,
        }
        for place, (timestamp, event_type, message) in enumerate(_story(execution, hosts, failure))
        if timestamp <= now
    ]
    return events if execution["status"] in TERMINAL else events[-LATEST:]


def _story(execution: Row, hosts: list[str], failure: str) -> Iterator[tuple[int, str, Row]]:
    """Timestamp, type and message of every event, attempt by attempt."""
    timers = timers_of(execution)
    named = [host for host in execution["failed_hosts"] if isinstance(host, str)]
    everyone = list(dict.fromkeys([*hosts, *named])) or ["localhost"]
    for attempt, (start, end) in enumerate(timers):
        last = attempt == len(timers) - 1
        # Only what failed can be restarted, so every attempt but the last one did.
        failed = not last or execution["status"] == "FAILURE"
        failing = (named or everyone[:1]) if failed else []
        beat = _BEAT if end is None else (end - start) // len(_TASKS)
        for number, task in enumerate(_TASKS[: _FAILING + 1] if failed else _TASKS):
            begun = start + beat * number
            yield begun, "playbook_on_task_start", {"task": task}
            for place, host in enumerate(everyone):
                message: Row = {"host": host, "task": task}
                if host in failing and number == _FAILING:
                    # The hosts of one task answer at the same millisecond.
                    yield begun + beat // 2, "runner_on_failed", {**message, "msg": failure}
                elif place and host in failing and number == 0:
                    yield begun + beat // 2, "runner_on_unreachable", {**message, "msg": "ssh: connection timed out"}
                elif number == _FAILING:
                    arguments = {"login_user": "ops", "login_password": f"s3cr3t-feed-{execution['execution_id'][:8]}"}
                    yield begun + beat // 2, "runner_on_ok", {**message, "invocation": {"module_args": arguments}}
                else:
                    yield begun + beat // 2, "runner_on_ok", {**message, "changed": number > 0}
        if end is not None and (failed or execution["status"] in {"SUCCESS", "INIT_FAILURE"}):
            yield end, "playbook_result", {"result": "FAILURE" if failed else execution["status"]}
