"""What the reading views of Scale (API v3 to v5) answer: detail objects, and selections that are still to be paged.

Source: ``*/views.py`` and the managers in ``*/models.py`` at 9e5aacd73; checked against the recordings. Mesos is away here
as it was for the recordings: ``/status/`` reports it offline and node details end in ``disconnected``.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from adapters.scale import simulator_tables as t
from adapters.scale.simulator_filters import Conditions, MissingError, Params, Selection, select
from adapters.scale.simulator_tables import Row, Serializer
from adapters.scale.world import World

View = Callable[[World, Params, str], Row | Selection]
"""A view gets the world, the parameters and the id from the path ("" in lists)."""


def _identity(row: Row) -> Row:
    return row


def _get(rows: dict[int, Row], key: str) -> Row:
    row = rows.get(int(key))
    if row is None:
        raise MissingError
    return row


def _renderer(world: World, serializer: Serializer) -> Callable[[Row], Row]:
    return lambda row: serializer.render(world.tables, row)


def version(_world: World, params: Params, _key: str) -> Row:
    """``/version/``."""
    return {"version": params.generation.release}


def status(world: World, _params: Params, _key: str) -> Row:
    """``/status/`` of a cluster whose Mesos master cannot be reached."""
    return {
        "queue_depth": len(world.queue),
        "master": {"hostname": "127.0.0.1", "port": 5050, "is_online": False},
        "scheduler": {"is_paused": False, "hostname": None, "is_online": False},
    }


def executions(world: World, params: Params, _key: str) -> Selection:
    """``/job-executions/``: neither ids nor jobs nor errors can be asked for."""
    conditions: Conditions = [
        ("status", params.texts("status")),
        ("job__job_type_id", params.integers("job_type_id")),
        ("job__job_type__name", params.texts("job_type_name")),
        ("job__job_type__category", params.texts("job_type_category")),
        ("node_id", params.integers("node_id")),
    ]
    return select(world.tables, "executions", params, conditions, _renderer(world, t.EXECUTION))


def execution(world: World, _params: Params, key: str) -> Row:
    """``/job-executions/{id}/``."""
    return t.EXECUTION_DETAILS.render(world.tables, _get(world.executions, key))


def _jobs(world: World, params: Params, render: Callable[[Row], Row]) -> Selection:
    hidden = params.generation.hides_superseded and not params.boolean("include_superseded")
    conditions: Conditions = [
        ("status", params.texts("status")),
        ("id", params.integers("job_id")),
        ("job_type_id", params.integers("job_type_id")),
        ("job_type__name", params.texts("job_type_name")),
        ("job_type__category", params.texts("job_type_category")),
        ("error__category", params.texts("error_category")),
        (
            "is_superseded",
            [False] if hidden else [],
        ),
    ]
    return select(world.tables, "jobs", params, conditions, render)


def jobs(world: World, params: Params, _key: str) -> Selection:
    """``/jobs/``: ``job_id`` may be repeated; ids that do not exist are merely absent."""
    return _jobs(world, params, _renderer(world, t.JOB))


def jobs_with_latest_execution(world: World, params: Params, _key: str) -> Selection:
    """``/jobs/executions/``: as ``/jobs/``, each with ``latest_job_exe`` (by creation; null without executions)."""
    latest: dict[int, Row] = {}
    for row in world.executions.values():
        known = latest.get(row["job_id"])
        if known is None or row["created"] > known["created"]:
            latest[row["job_id"]] = row

    def render(row: Row) -> Row:
        last = latest.get(row["id"])
        rendered = None if last is None else t.EXECUTION_BASE.render(world.tables, last)
        return {**t.JOB.render(world.tables, row), "latest_job_exe": rendered}

    return _jobs(world, params, render)


def job(world: World, params: Params, key: str) -> Row:
    """``/jobs/{id}/`` with all its executions, newest first, unpaged; files and recipes are not simulated: always empty.

    Lists of files went away with API v4.
    """
    row = _get(world.jobs, key)
    tries = sorted(world.executions_of(row["id"]), key=lambda each: each["created"], reverse=True)
    return {
        **t.JOB_DETAILS.render(world.tables, row),
        "recipes": [],
        "job_exes": [t.EXECUTION_BASE.render(world.tables, each) for each in tries],
        "inputs": [],
        "outputs": [],
        **({"input_files": [], "products": []} if params.version == "v3" else {}),
    }


def nodes(world: World, params: Params, _key: str) -> Selection:
    """``/nodes/``: active nodes only, unless ``include_inactive``."""
    active = [] if params.boolean("include_inactive") else [True]
    return select(world.tables, "nodes", params, [("is_active", active)], _renderer(world, t.NODE))


def _running_on(world: World, node_id: int) -> list[Row]:
    rows = [row for row in world.executions.values() if row["node_id"] == node_id and row["status"] == "RUNNING"]
    rows.sort(key=lambda row: row["last_modified"])
    return [t.EXECUTION_ON_NODE.render(world.tables, row) for row in rows]


def node(world: World, _params: Params, key: str) -> Row:
    """``/nodes/{id}/`` with what runs there."""
    row = _get(world.nodes, key)
    rendered = t.NODE.render(world.tables, row)
    return {**rendered, "job_exes_running": _running_on(world, row["id"]), "disconnected": True}


def nodes_status(world: World, params: Params, _key: str) -> Selection:
    """``/nodes/status/``: active nodes with counts of executions modified since ``started`` (default three hours ago)."""
    recent = _between(world.executions.values(), "last_modified", params.instant("started", "PT3H"), params)
    rows = [
        {
            "node": t.NODE.render(world.tables, row),
            "is_online": False,
            "job_exe_counts": _counts(world, [each for each in recent if each["node_id"] == row["id"]], "last_modified"),
            "job_exes_running": _running_on(world, row["id"]),
        }
        for row in world.nodes.values()
        if row["is_active"]
    ]
    return Selection(rows, (), _identity)


def errors(world: World, params: Params, _key: str) -> Selection:
    """``/errors/``."""
    return select(world.tables, "errors", params, (), _renderer(world, t.ERROR))


def error(world: World, _params: Params, key: str) -> Row:
    """``/errors/{id}/``."""
    return t.ERROR.render(world.tables, _get(world.errors, key))


def job_types(world: World, params: Params, _key: str) -> Selection:
    """``/job-types/``, by default ordered by name and version."""
    conditions: Conditions = [("name", params.texts("name")), ("category", params.texts("category"))]
    render = _renderer(world, t.JOB_TYPE)
    return select(world.tables, "job_types", params, conditions, render, ("name", "version"))


def job_type(world: World, _params: Params, key: str) -> Row:
    """``/job-types/{id}/`` with the counts of its jobs over the last 6, 12 and 24 hours."""
    row = _get(world.job_types, key)
    own = [each for each in world.jobs.values() if each["job_type_id"] == row["id"]]
    rule = world.rules.get(row["trigger_rule_id"])
    names = set((row["error_mapping"] or {}).get("exit_codes", {}).values())
    rendered = {
        **t.JOB_TYPE.render(world.tables, row),
        "interface": row["interface"],
        "error_mapping": row["error_mapping"],
        "errors": [t.ERROR.render(world.tables, each) for each in world.errors.values() if each["name"] in names],
        "trigger_rule": None if rule is None else t.RULE_DETAILS.render(world.tables, rule),
    }
    for hours in (6, 12, 24):
        since = world.now - timedelta(hours=hours)
        recent = [each for each in own if (each["last_status_change"] or each["created"]) >= since]
        rendered[f"job_counts_{hours}h"] = _counts(world, recent, "last_status_change")
    return rendered


def job_types_status(world: World, params: Params, _key: str) -> Selection:
    """``/job-types/status/``: every type with counts of running jobs and of jobs changed since ``started``."""
    changed = _between(world.jobs.values(), "last_status_change", params.instant("started", "PT3H"), params)
    seen = {row["id"] for row in changed}
    changed += [row for row in world.jobs.values() if row["status"] == "RUNNING" and row["id"] not in seen]
    rows = [
        {
            "job_type": t.JOB_TYPE_BASE.render(world.tables, row),
            "job_counts": _counts(
                world, [each for each in changed if each["job_type_id"] == row["id"]], "last_status_change"
            ),
        }
        for row in sorted(world.job_types.values(), key=lambda row: row["last_modified"])
    ]
    return Selection(rows, (), _identity)


def _longest(world: World, wanted: str, key: str) -> Selection:
    groups: dict[int, list[Row]] = {}
    for row in world.jobs.values():
        if row["status"] == wanted:
            groups.setdefault(row["job_type_id"], []).append(row)
    rows = [
        {
            "job_type": t.JOB_TYPE_BASE.render(world.tables, world.job_types[type_id]),
            "count": len(group),
            key: min(row["last_status_change"] for row in group),
        }
        for type_id, group in groups.items()
    ]
    return Selection(sorted(rows, key=lambda row: row[key]), (), _identity)


def job_types_pending(world: World, _params: Params, _key: str) -> Selection:
    """``/job-types/pending/``: types with pending jobs, the longest pending first."""
    return _longest(world, "PENDING", "longest_pending")


def job_types_running(world: World, _params: Params, _key: str) -> Selection:
    """``/job-types/running/``: types with running jobs, the longest running first."""
    return _longest(world, "RUNNING", "longest_running")


def job_types_system_failures(world: World, _params: Params, _key: str) -> Selection:
    """``/job-types/system-failures/``: failed jobs by type and SYSTEM error; ``is_builtin`` is false there, as recorded."""
    groups: dict[tuple[int, int], list[datetime]] = {}
    for row in world.jobs.values():
        found = world.errors.get(row["error_id"])
        if row["status"] == "FAILED" and found is not None and found["category"] == "SYSTEM":
            groups.setdefault((row["job_type_id"], found["id"]), []).append(row["last_status_change"])
    rows = [
        {
            "job_type": t.JOB_TYPE_BASE.render(world.tables, world.job_types[type_id]),
            # Scale builds this error from selected columns and leaves is_builtin at its default.
            "error": {**t.ERROR.render(world.tables, world.errors[error_id]), "is_builtin": False},
            "count": len(changes),
            "first_error": min(changes),
            "last_error": max(changes),
        }
        for (type_id, error_id), changes in groups.items()
    ]
    return Selection(sorted(rows, key=lambda row: row["last_error"], reverse=True), (), _identity)


def queue_status(world: World, _params: Params, _key: str) -> Selection:
    """``/queue/status/``: queued executions by job type, paused types last, urgent (low priority number) first."""
    groups: dict[int, list[Row]] = {}
    for execution_id in sorted(world.queue):
        row = world.executions[execution_id]
        groups.setdefault(world.jobs[row["job_id"]]["job_type_id"], []).append(row)
    rows = [
        {
            "job_type": t.JOB_TYPE_BASE.render(world.tables, world.job_types[type_id]),
            "count": len(group),
            "longest_queued": min(row["queued"] for row in group),
            "highest_priority": min(world.jobs[row["job_id"]]["priority"] for row in group),
        }
        for type_id, group in groups.items()
    ]
    rows.sort(key=lambda row: (row["job_type"]["is_paused"], row["highest_priority"], row["longest_queued"]))
    return Selection(rows, (), _identity)


def _between(rows: Iterable[Row], key: str, started: datetime | None, params: Params) -> list[Row]:
    ended = params.instant("ended")
    return [
        row
        for row in rows
        if row[key] is not None and (started is None or row[key] >= started) and (ended is None or row[key] <= ended)
    ]


def _counts(world: World, rows: Iterable[Row], key: str) -> list[Row]:
    counts: dict[tuple[str, str | None], Row] = {}
    for row in rows:
        category = None if row["error_id"] is None else world.errors[row["error_id"]]["category"]
        group = (row["status"], category)
        known = counts.setdefault(group, {"status": group[0], "count": 0, "most_recent": row[key], "category": category})
        known["count"] += 1
        known["most_recent"] = max(known["most_recent"], row[key])
    return list(counts.values())
