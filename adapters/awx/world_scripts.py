"""What runs of a generated AWX world print: output like Ansible's, the same for the same run."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Any

from adapters.awx.world_events import STORING, Event, Log, seeded
from adapters.awx.world_rows import Row

if TYPE_CHECKING:
    from adapters.awx.world import World

_GREEN, _YELLOW, _RED, _CYAN, _PLAIN = "\x1b[0;32m", "\x1b[0;33m", "\x1b[0;31m", "\x1b[0;36m", "\x1b[0m"
_WIDTH = 80
_HOSTS = 8
_TASKS = {
    "deploy.yml": ("Fetch the release", "Stop the service", "Migrate the schema", "Start the service", "Check the service"),
    "smoke.yml": ("Open the start page", "Put an article into the cart", "Check out"),
    "patch.yml": ("Update the package cache", "Install security updates", "Check whether a restart is needed", "Restart"),
    "backup.yml": ("Take a snapshot", "Copy the snapshot away", "Remove old snapshots"),
    "rotate.yml": (
        "Read the certificate's end",
        "Ask for a new certificate",
        "Install the certificate",
        "Reload the service",
    ),
    "provision.yml": ("Reserve an address", "Create the machine", "Wait for the machine", "Register the machine"),
    "audit.yml": ("Read the configuration", "Compare the configuration"),
    "firewall.yml": ("Read the rules", "Write the rules", "Commit the rules"),
    "dns.yml": ("Read the zones", "Write the zones", "Reload the name server"),
    "site.yml": ("Install packages", "Template config", "Restart service"),
    "migrate.yml": ("Export pages", "Convert pages", "Import pages"),
}
_ORDINARY = ("Install packages", "Template config", "Restart service")
_TROUBLE = ("Timeout when waiting for 127.0.0.1:8443", "No space left on device", "non-zero return code")


@dataclass(frozen=True, slots=True)
class _Said:
    """An event without its number and time; ``lines`` is what it prints."""

    lines: Sequence[str]
    event: str = "verbose"
    task: str = ""
    host: Row | None = None
    host_name: str = ""
    failed: bool = False
    changed: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """What happens to a host: ``result`` is ok, changed, failures or dark, the last two in the task that goes wrong."""

    name: str
    host: Row | None
    result: str


def log_of(world: "World", run: Row, summaries: Sequence[Row], end: datetime, jitter: float = 0.0) -> Log:
    """The whole log of a run as it is when it has ended, at ``end``; empty for one that never began.

    ``summaries`` are those of its hosts; without any it acts on those of its inventory. Events are stored up to ``jitter``
    seconds later than usual, each by its own measure, and so out of order.
    """
    if run["started"] is None or run["type"] == "workflow_job":
        return Log()
    random = seeded(f"log/{run['id']}")
    said = list(_job(world, run, summaries, random) if run["type"] == "job" else _SCRIPTS[run["type"]](world, run, random))
    begun = datetime.fromisoformat(run["started"])
    step = (end - STORING - begun) / (len(said) + 1)
    delays = seeded(f"stored/{run['id']}")
    playbook, play = run.get("playbook", ""), _play(run)
    log = Log()
    line = 0
    for counter, one in enumerate(said, 1):
        created = begun + step * counter
        data = {"host": one.host_name, "task": one.task, "play": play} if one.host_name else {}
        within_play = one.event != "verbose" and run["type"] in ("job", "project_update")
        event = Event(
            counter=counter,
            created=created,
            saved=created + STORING * (1 + delays.random() * jitter / STORING.total_seconds()),
            lines=one.lines,
            start_line=line,
            event=one.event,
            event_data=data,
            failed=one.failed,
            changed=one.changed,
            host=None if one.host is None else one.host["id"],
            host_name=one.host_name,
            playbook=playbook if within_play else "",
            play=play if within_play and one.event != "playbook_on_start" else "",
            task=one.task,
        )
        log.events.append(event)
        line = event.end_line
    return log


def _play(run: Row) -> str:
    return str(run["name"]).capitalize()


def _banner(text: str) -> list[str]:
    return ["", f"{text} ".ljust(_WIDTH, "*")]


# --- plays ---------------------------------------------------------------------------------------------------------


def _job(world: "World", run: Row, summaries: Sequence[Row], rng: Random) -> Iterator[_Said]:
    tasks = ("Gathering Facts", *_TASKS.get(run["playbook"], _ORDINARY))
    bad = rng.randrange(1, len(tasks))
    if "migration" in run["job_explanation"] and "Migrate the schema" in tasks:
        bad = tasks.index("Migrate the schema")
    yield from _play_of(run, rng, _parts(world, run, summaries), tasks, bad)


def _project_update(_world: "World", run: Row, rng: Random) -> Iterator[_Said]:
    tasks = ("Update project using git", "Set the git repository version", "Repository Version")
    result = "failures" if run["status"] == "failed" else "changed"
    yield from _play_of(run, rng, [_Part("localhost", None, result)], tasks, 0)


def _play_of(run: Row, rng: Random, parts: Sequence[_Part], tasks: Sequence[str], bad: int) -> Iterator[_Said]:
    yield _Said(("Using /etc/ansible/ansible.cfg as config file",))
    yield _Said(("",))
    yield _Said((), "playbook_on_start")
    if run["status"] == "error":
        yield _Said((f"{_RED}ERROR! the playbook could not be run{_PLAIN}",))
        return
    yield _Said(_banner(f"PLAY [{_play(run)}]"), "playbook_on_play_start")
    going = list(parts)
    counts: dict[str, dict[str, int]] = {part.name: {"ok": 0, "changed": 0, "dark": 0, "failures": 0} for part in parts}
    for number, task in enumerate(tasks):
        yield _Said(_banner(f"TASK [{task}]"), "playbook_on_task_start", task)
        for part in list(going):
            yield _Said((), "runner_on_start", task, part.host, part.name)
            result = _result(part, number, bad, rng)
            counts[part.name][result] += 1
            yield _told(run, task, part, result, rng)
            if result in ("failures", "dark"):
                going.remove(part)
    yield _Said((*_banner("PLAY RECAP"), *(_recap(name, count) for name, count in counts.items()), ""), "playbook_on_stats")


def _result(part: _Part, number: int, bad: int, rng: Random) -> str:
    if number == bad and part.result in ("failures", "dark"):
        return part.result
    return "changed" if number and part.result == "changed" and rng.random() < 0.4 else "ok"


def _told(run: Row, task: str, part: _Part, result: str, rng: Random) -> _Said:
    if result == "dark":
        shown: dict[str, Any] = {"changed": False, "msg": "Failed to connect to the host via ssh", "unreachable": True}
        line = f"{_RED}fatal: [{part.name}]: UNREACHABLE! => {json.dumps(shown)}{_PLAIN}"
        return _Said((line,), "runner_on_unreachable", task, part.host, part.name, failed=True)
    if result == "failures":
        shown = {"changed": False, "msg": run["job_explanation"] or rng.choice(_TROUBLE), "rc": 1}
        line = f"{_RED}fatal: [{part.name}]: FAILED! => {json.dumps(shown, ensure_ascii=False)}{_PLAIN}"
        return _Said((line,), "runner_on_failed", task, part.host, part.name, failed=True)
    colour = _YELLOW if result == "changed" else _GREEN
    line = f"{colour}{result}: [{part.name}]{_PLAIN}"
    return _Said((line,), "runner_on_ok", task, part.host, part.name, changed=result == "changed")


def _recap(name: str, count: dict[str, int]) -> str:
    colour = _RED if count["failures"] or count["dark"] else _YELLOW if count["changed"] else _GREEN
    ok = count["ok"] + count["changed"]
    shown = f"ok={ok:<4} changed={count['changed']:<4} unreachable={count['dark']:<4} failed={count['failures']:<4}"
    return f"{colour}{name:<26}{_PLAIN} : {shown} skipped=0"


def _parts(world: "World", run: Row, summaries: Sequence[Row]) -> list[_Part]:
    if summaries:
        return [_Part(row["host_name"], world.hosts.get(row["host"]), _worst(row)) for row in summaries]
    hosts = [row for row in world.hosts.values() if row["inventory"] == run["inventory"]][:_HOSTS]
    return [_Part(host["name"], host, "changed") for host in hosts]


def _worst(summary: Row) -> str:
    return next((key for key in ("dark", "failures", "changed") if summary[key]), "ok")


# --- everything else -----------------------------------------------------------------------------------------------


def _ad_hoc_command(world: "World", run: Row, _rng: Random) -> Iterator[_Said]:
    for host in [row for row in world.hosts.values() if row["inventory"] == run["inventory"]][:_HOSTS]:
        head = f"{_YELLOW}{host['name']} | CHANGED | rc=0 >>{_PLAIN}"
        lines = (head, f"{_YELLOW} 12:30:05 up 41 days,  3:12,  1 user,  load average: 0.08, 0.03, 0.01{_PLAIN}")
        yield _Said(lines, "runner_on_ok", "", host, host["name"], changed=True)


def _inventory_update(_world: "World", _run: Row, rng: Random) -> Iterator[_Said]:
    yield _Said(("    1.204 INFO     Updating inventory 1: Checkout production",))
    yield _Said(("    1.377 INFO     Reading Ansible inventory source: /runner/inventory/aws_ec2.yml",))
    for second in range(2, 8):
        yield _Said(
            (f"    {second}.{rng.randrange(1000):03} DEBUG    Loaded {rng.randint(3, 40)} hosts of region {second}",)
        )
    yield _Said(("    8.512 INFO     Inventory import completed for Checkout production - ec2 in 7.3s",))


def _system_job(_world: "World", _run: Row, rng: Random) -> Iterator[_Said]:
    for day in range(5):
        yield _Said((f"Deleted {rng.randint(0, 90)} jobs that finished more than {94 - day} days ago.",))


_SCRIPTS = {
    "project_update": _project_update,
    "inventory_update": _inventory_update,
    "ad_hoc_command": _ad_hoc_command,
    "system_job": _system_job,
}
