"""The event lists of the AWX simulator (contract sections 2 and 6)."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from adapters.awx.simulator_filters import RESERVED, Parameters, apply_filters, apply_search
from adapters.awx.simulator_order import PAGE_SIZE, apply_order, page_of
from adapters.awx.simulator_schema import MODELS, Tables
from adapters.awx.world import World
from adapters.awx.world_events import Event, event_row
from adapters.awx.world_rows import Row

EVENT_LISTS = {
    "jobs": ("job_events", "JobEvent"),
    "project_updates": ("events", "ProjectUpdateEvent"),
    "inventory_updates": ("events", "InventoryUpdateEvent"),
    "ad_hoc_commands": ("events", "AdHocCommandEvent"),
    "system_jobs": ("events", "SystemJobEvent"),
}
"""The list of events below the runs of each list, and Django's name for what is in it."""

_UNTRUNCATED = ("job", "ad_hoc_command")
_MOST_SHOWN = 1024
_RESET = "\x1b[0m"


def events_page(world: World, run: Row, path: str, query: str, parameters: Parameters) -> tuple[dict[str, Any], int]:
    """The answer to a list of events of ``run``, and how many are in it. Raises the faults of bad filters."""
    wanted = dict(parameters)
    limit = _limit(wanted["limit"]) if "limit" in wanted else None
    rows = _seek(world, run, parameters, limit)
    envelope: dict[str, Any] = {}
    if rows is None:
        found = _search(world, run, parameters)
        if limit is None:
            envelope, rows = page_of(found, path, query, parameters)
        else:
            rows = found[:limit]
    if "no_truncate" not in wanted or run["type"] not in _UNTRUNCATED:
        rows = [_shortened(row) for row in rows]
    return {**envelope, "results": rows}, len(rows)


def _seek(world: World, run: Row, parameters: Parameters, limit: int | None) -> list[Row] | None:
    """The rows by an index, where nothing but a stretch of counters is asked for: logs can be long."""
    given = {key: text for key, text in parameters if key not in RESERVED}
    order = [text for key, text in parameters if key in ("order", "order_by")][-1:]
    plain = given.keys() <= {"counter__gt", "counter__lt"} and all(text.isdecimal() for text in given.values())
    if limit is None or not plain or order not in (["counter"], ["-counter"]) or dict(parameters).get("search"):
        return None
    above, below = (int(given[name]) if name in given else None for name in ("counter__gt", "counter__lt"))
    found = world.logs.of(world, run["id"]).stored(world.now, above, below, backwards=order == ["-counter"])
    return _rows(run, islice(found, limit))


def _search(world: World, run: Row, parameters: Parameters) -> list[Row]:
    model = MODELS[EVENT_LISTS[f"{run['type']}s"][1]]
    tables = Tables(world)
    rows = apply_filters(tables, _rows(run, world.logs.of(world, run["id"]).stored(world.now)), model, parameters)
    rows = apply_search(rows, model, dict(parameters).get("search", ""))
    return apply_order(tables, rows, model, parameters, "start_line")


def _rows(run: Row, events: Iterable[Event]) -> list[Row]:
    return [event_row(run, event) for event in events]


def _limit(text: str) -> int:
    return int(text) if text.isdecimal() and int(text) else PAGE_SIZE


def _shortened(row: Row) -> Row:
    """An event as lists show it: of long output the beginning, behind it what ends the colours (``truncate_stdout``)."""
    text = row["stdout"]
    if len(text) <= _MOST_SHOWN or row["event"].startswith("playbook_on"):
        return row
    text = f"{text[: _MOST_SHOWN - 1]}…"
    resets = text.count(_RESET)
    return {**row, "stdout": text + _RESET * (text.count("\x1b[") - 2 * resets)}
