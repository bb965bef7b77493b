"""Records of Runner as its endpoints send them, in the editions that were printed or observed.

Sources: ctl_runner contract sections 4 (job), 5 (execution) and 9 (inconsistencies); the recordings of the same names.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

Row = dict[str, Any]
Timer = tuple[int, int | None]
"""Start and end of one attempt in epoch milliseconds; the end is None while it lasts."""

WAITING = frozenset({"PENDING", "INITIALIZING"})
TERMINAL = frozenset({"SUCCESS", "FAILURE", "INIT_FAILURE", "STOPPED", "KILLED", "EXPIRED"})
STATUSES = WAITING | TERMINAL | {"RUNNING", "STOPPING", "KILLING"}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(instant: datetime) -> int:
    """Epoch milliseconds, rounded down."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def instant_of(epoch_ms: int) -> datetime:
    """The aware datetime of epoch milliseconds."""
    return _EPOCH + timedelta(milliseconds=epoch_ms)


def timers_of(row: Row) -> list[Timer]:
    """The attempts of an execution in either shape, in milliseconds; those that did not start yet are left out."""
    timers = row["timers"] if "timers" in row else [{"start": row.get("start"), "end": row.get("end")}]
    found = []
    for timer in timers:
        if timer["start"] is not None:
            # Ten digits are seconds (section 9, 21).
            scale = 1000 if timer["start"] < 10**11 else 1
            found.append((timer["start"] * scale, None if timer["end"] is None else timer["end"] * scale))
    return found


def timed(timers: Sequence[Timer], *, flat: bool = False, seconds: bool = False) -> Row:
    """The timing part of an execution.

    Documented: ``timers``. Printed in 2015: ``start`` and ``end`` at top level (``flat``, at most one attempt), possibly in
    whole ``seconds``.
    """
    if not flat:
        return {"timers": [{"start": start, "end": end} for start, end in timers]}
    start, end = timers[0] if timers else (None, None)
    if seconds:
        start, end = (None if each is None else each // 1000 for each in (start, end))
    return {"start": start, "end": end}


def execution_row(alias: str, job_id: str, execution_id: str, status: str, timing: Row) -> Row:
    """An execution with nothing to tell of its repository and its hosts."""
    return {
        **timing,
        "job_id": job_id,
        "execution_id": execution_id,
        "account_alias": alias,
        "status": status,
        "repository_log": None,
        "failed_hosts": [],
        "is_vpn_established": False,
    }


def observed_job(alias: str, job_id: str, title: str, created: int) -> Row:
    """A job in the edition that was observed (recording ``get_job_ui_observed``); ``created`` in epoch milliseconds."""
    path = f"/jobs/{alias}/{job_id}"
    return {
        "id": job_id,
        "accountAlias": alias,
        "name": title,
        "description": title,
        "repository": repository(title),
        "playbook": None,
        "hosts": [{"id": "localhost", "hostVars": {"ansible_connection": "local"}}],
        "useDynamicInventory": False,
        "properties": {},
        "status": "ACTIVE",
        "callbacks": [],
        "createdTime": created,
        "lastUpdatedTime": created,
        "bootstrapKeyPairAlias": None,
        "playbookTags": None,
        "executionTtl": None,
        # Both are called "self" (section 9, 18).
        "links": [
            {"ref": "self", "id": job_id, "href": path, "verbs": ["GET", "POST", "DELETE"]},
            {"ref": "self", "id": job_id, "href": f"{path}/executions", "verbs": ["GET"]},
        ],
    }


def printed_job(alias: str, job_id: str, title: str, stale_id: str) -> Row:
    """A job in the edition of the documents (recording ``get_job_array``): no name, no instants, a stale link."""
    href = f"/v2/workflow/{alias}/jobs/{stale_id}"
    return {
        "id": job_id,
        "accountAlias": alias,
        "description": title,
        "executionTtl": None,
        "repository": repository(title),
        "hosts": [{"id": "localhost", "hostVars": {"ansible_connection": "local", "datacenter": "VA1"}}],
        "properties": {},
        "status": "ACTIVE",
        "callbacks": [],
        "links": [{"ref": "self", "id": stale_id, "href": href, "verbs": ["GET", "POST", "DELETE"]}],
    }


def repository(title: str) -> Row:
    """The playbook repository of a job, without credentials."""
    slug = "-".join("".join(each if each.isascii() and each.isalnum() else " " for each in title.lower()).split())
    return {"url": f"https://git.example/playbooks/{slug}", "branch": "main", "defaultPlaybook": "site.yml"}


def commit_log(commit: str, message: str, started: int) -> Row:
    """``repository_log`` as an object (2016); ``started`` in epoch milliseconds dates the commit an hour earlier."""
    date = f"{(instant_of(started) - timedelta(hours=1)).ctime()} +0000"
    author = {"author": "Ansel Müller", "author_email": "ansel@shop.example"}
    return {"recent_commit": [{"commit": commit, **author, "date": date, "message": message}], "tags": []}


def pseudo_json(log: Row) -> str:
    """``repository_log`` as the text of 2015: two kinds of quotes and raw newlines, valid in no language."""
    members = ",\n".join(f'           "{key}": "{value}"' for key, value in log["recent_commit"][0].items())
    return "{\n  'recent_commit': [\n      {\n" + members + "\n      }\n  ],\n  'tags': []\n}"
