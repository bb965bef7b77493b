"""More of what the simulators' worlds hold than ``tests.e2e.ground_truth`` tells: who, where, why and of which job."""

from datetime import datetime, timedelta
from typing import Any, cast

from gateway import ids
from gateway.model import Key
from tests.compliance.conftest import Systems
from tests.e2e import ground_truth
from tests.e2e.conftest import Served
from tests.e2e.ground_truth import Row, us

FAILURES = {"FAILED", "TIMED_OUT", "REJECTED", "ERRORED"}


def rows(systems: Systems) -> list[Row]:
    """All executions of all five systems."""
    return ground_truth.rows(cast("Served", systems))


def id_of(row: Row) -> str:
    """The global id of an execution."""
    return ids.encode(Key("execution", row.source, tuple(row.native.split("/"))))


def names(edges: list[Any]) -> list[str]:
    """``source/native id`` of the edges of a list, from their global ids."""
    return [name(edge["node"]["id"]) for edge in edges]


def name(identity: str) -> str:
    """``source/native id`` behind a global id."""
    key = ids.decode(identity)
    assert isinstance(key, Key)
    return "/".join((key.source, *key.parts))


def instant(moment: datetime, **ago: float) -> str:
    """Some time before a moment, as clients write it."""
    return (moment - timedelta(**ago)).isoformat().replace("+00:00", "Z")


def since(moment: str, value: int | None) -> bool:
    """Whether an instant is there and not before a moment."""
    return value is not None and value >= (us(moment) or 0)


def record(systems: Systems, row: Row) -> Any:
    """An execution as its world keeps it."""
    executions = systems.simulator(row.source).world.executions
    if row.source == "aws-iot":
        job, thing, number = row.tie
        return executions[job, thing, int(number)]
    return executions[row.tie[-1]]


def message(systems: Systems, row: Row) -> str | None:
    """What the source says of how it went; None where it says nothing."""
    held = record(systems, row)
    said: str | None = None
    match row.source:
        case "awx":
            said = held["job_explanation"]
        case "scale" if held["error_id"] is not None:
            said = systems.simulator("scale").world.errors[held["error_id"]]["title"]
        case "threatconnect":
            said = (held["exitMessage"] or "").strip()
        case "aws-iot":
            said = held["statusDetails"].get("detailsMap", {}).get("reason")
    return said or None


def nodes(systems: Systems, row: Row) -> dict[str, bool | None]:
    """The nodes of an execution by name, in any role, and whether it failed there; None where nothing tells."""
    world, held = systems.simulator(row.source).world, record(systems, row)
    match row.source:
        case "awx":
            own = dict.fromkeys((one for one in (held["execution_node"], held["controller_node"]) if one), None)
            of_job = (one for one in world.job_host_summaries.values() if one["job"] == held["id"])
            return {**own, **{one["host_name"]: one["failed"] for one in of_job}}
        case "scale":
            return {} if held["node_id"] is None else {world.nodes[held["node_id"]]["hostname"]: None}
        case "threatconnect":
            return {held["serverName"]: None} if held["serverName"] else {}
        case "ctl-runner":
            hosts = [*world.hosts_of(held["job_id"]), *(held.get("failed_hosts") or [])]
            return {host: host in (held.get("failed_hosts") or []) for host in hosts}
        case _:
            return {row.tie[1]: row.status in FAILURES}


def trigger(systems: Systems, row: Row) -> tuple[str | None, str | None]:
    """AWX's word for what set an execution going, and who did; nobody else keeps that."""
    if row.source != "awx":
        return None, None
    held = record(systems, row)
    return held["launch_type"], held["launched_by"].get("name")


def jobs(systems: Systems) -> list[tuple[int | None, str, tuple[Any, ...], str]]:
    """All jobs: when created (microseconds), source, tie, name."""
    found: list[tuple[int | None, str, tuple[Any, ...], str]] = []
    awx, scale = systems.simulator("awx").world, systems.simulator("scale").world
    found += [(us(row["created"]), "awx", (key,), row["name"]) for key, row in awx.job_templates.items()]
    found += [
        (us(row["created"]), "scale", (key,), scale.job_types[row["job_type_id"]]["name"]) for key, row in scale.jobs.items()
    ]
    threatconnect, runner = systems.simulator("threatconnect").world, systems.simulator("ctl-runner").world
    found += [(None, "threatconnect", (key,), row["name"]) for key, row in threatconnect.jobs.items()]
    found += [
        (row["createdTime"] * 1000 if row.get("createdTime") else None, "ctl-runner", (key,), row.get("name") or key)
        for key, row in runner.jobs.items()
    ]
    iot = systems.simulator("aws-iot").world
    found += [(round(row["createdAt"] * 1e6), "aws-iot", (key,), key) for key, row in iot.jobs.items()]
    return found
