"""The status feed of an execution: events composed from the execution itself, so that they follow it when it changes.

Field names and event types are those of contract section 6; the inside of ``message`` is published nowhere and therefore
composed (as in the recordings ``synthetic_status_*``): host, task and msg of an Ansible callback.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import NAMESPACE_OID, uuid5
from zlib import crc32

from adapters.ctl_runner.world_rows import TERMINAL, Row, timers_of

LATEST = 5
"""How many events are sent of an execution that is not over, by servers that show "the latest update" (section 6)."""

TASKS = ("Gather facts", "Fetch release", "Migrate database", "Restart services")
FAILING = 2
"""The task in which what fails does so."""

Step = tuple[str, Row]
"""Type and message of an event."""


class Line(NamedTuple):
    """What a reader of a feed must end up with: epoch milliseconds and text."""

    timestamp: int
    text: str


def line_of(event: Row) -> Line:
    """The line of an event that this module made, or ``written``."""
    message = event["message"]
    if "msg" not in message:
        return Line(event["timestamp"], f'{event["event_type"]} {{"result":"{message["result"]}"}}')
    return Line(event["timestamp"], message["msg"])


def written(execution: Row, name: str, timestamp: int, step: Step) -> Row:
    """An event of an execution; ``name`` tells it from its others for ever."""
    event_type, message = step
    return {
        "id": str(uuid5(NAMESPACE_OID, f"{execution['execution_id']}/{name}")),
        "timestamp": timestamp,
        "notifications": [],
        "message": message,
        "job_id": execution["job_id"],
        "execution_id": execution["execution_id"],
        "account_alias": execution["account_alias"],
        "event_type": event_type,
    }


def compose(execution: Row, hosts: list[str], failure: str, now: int) -> list[Row]:
    """The events of an execution, oldest first, none later than ``now`` (epoch milliseconds).

    ``hosts`` are those of its job, ``failure`` is what failing tasks say. An event keeps its id and its timestamp as
    the feed grows.
    """
    return [
        written(execution, str(place), timestamp, step)
        for place, (timestamp, step) in enumerate(_story(execution, hosts, failure))
        if timestamp <= now
    ]


def _story(execution: Row, hosts: list[str], failure: str) -> Iterator[tuple[int, Step]]:
    """Timestamp, type and message of every event, attempt by attempt."""
    timers = timers_of(execution)
    named = [host for host in execution["failed_hosts"] if isinstance(host, str)]
    everyone = everyone_of(hosts, named)
    # Of its own for each execution, but not of its length, which is not known while it runs.
    beat = 4_000 + crc32(execution["execution_id"].encode()) % 4_000
    for attempt, (start, end) in enumerate(timers):
        last = attempt == len(timers) - 1
        # Only what failed can be restarted, so every attempt but the last one did.
        failed = not last or execution["status"] == "FAILURE"
        failing = (named or everyone[:1]) if failed else []
        latest = start + 1_000_000_000 if end is None else end
        for number in range(FAILING + 1 if failed else len(TASKS)):
            begun = start + beat * number
            for place, step in enumerate(steps(execution["execution_id"], number, everyone, failing, failure)):
                # The hosts of one task answer at the same millisecond.
                yield min(begun + (beat // 2 if place else 0), latest), step
        if end is not None and (failed or execution["status"] in {"SUCCESS", "INIT_FAILURE"}):
            yield end, result("FAILURE" if failed else execution["status"])


def everyone_of(hosts: list[str], named: list[str]) -> list[str]:
    """The hosts that a feed speaks of."""
    return list(dict.fromkeys([*hosts, *named])) or ["localhost"]


def steps(execution_id: str, number: int, hosts: list[str], failing: list[str], failure: str) -> Iterator[Step]:
    """What is told of the task ``number``: its start, and how each host did."""
    task = TASKS[number]
    yield "playbook_on_task_start", {"task": task, "msg": f"TASK [{task}]"}
    for place, host in enumerate(hosts):
        message: dict[str, Any] = {"host": host, "task": task}
        if host in failing and number == FAILING:
            yield "runner_on_failed", {**message, "msg": failure}
        elif place and host in failing and number == 0:
            yield "runner_on_unreachable", {**message, "msg": "ssh: connection timed out"}
        elif number == FAILING:
            arguments = {"login_user": "ops", "login_password": f"s3cr3t-feed-{execution_id[:8]}"}
            yield "runner_on_ok", {**message, "msg": f"changed: [{host}]", "invocation": {"module_args": arguments}}
        else:
            word = "changed" if number else "ok"
            yield "runner_on_ok", {**message, "msg": f"{word}: [{host}]", "changed": number > 0}


def result(word: str) -> Step:
    """The last event of an attempt."""
    return "playbook_result", {"result": word}


def latest_of(execution: Row, events: list[Row]) -> list[Row]:
    """What a server shows that has only the latest update of an execution that is not over."""
    return events if execution["status"] in TERMINAL else events[-LATEST:]
