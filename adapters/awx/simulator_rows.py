"""How the AWX simulator writes a record: as a list row, or as the answer of the record's own URL."""

from datetime import datetime, timedelta
from urllib.parse import quote

from adapters.awx.simulator_accounts import Account
from adapters.awx.world import World
from adapters.awx.world_jobs import job_brief
from adapters.awx.world_rows import DETAIL_ONLY, Row

_ESCAPED = ";/?:@=&[]"


def list_row(world: World, account: Account, row: Row) -> Row:
    """A record as lists send it: without the detail-only fields, and with what AWX computes while it answers."""
    hidden = DETAIL_ONLY.get(row["type"], ())
    return {key: value for key, value in _computed(world, account, row).items() if key not in hidden}


def detail_row(world: World, account: Account, row: Row) -> Row:
    """A record as its own URL sends it."""
    answer = _computed(world, account, row)
    name = named_key(world, row)
    if name is not None:
        plural = row["url"].split("/")[3]
        answer["related"] = {"named_url": f"/api/v2/{plural}/{name}/", **row["related"]}
    if row["type"] == "job_template":
        environment = row["summary_fields"]["execution_environment"]
        answer["summary_fields"] = {**answer["summary_fields"], "resolved_environment": environment}
    if row["type"] == "instance":
        answer["summary_fields"] = {**answer["summary_fields"], "links": []}
    return answer


def named_key(world: World, row: Row) -> str | None:
    """The last part of a record's named URL, which may stand for its id; None for types without one.

    Source: AWX ``named_url_graph``; recording host_named_url.
    """
    match row["type"]:
        case "instance":
            parts = [row["hostname"]]
        case "job_template":
            parts = [row["name"], world.organizations[row["organization"]]["name"]]
        case "host":
            inventory = world.inventories[row["inventory"]]
            parts = [row["name"], inventory["name"], world.organizations[inventory["organization"]]["name"]]
        case _:
            return None
    return "++".join(_escape(part) for part in parts)


def _escape(part: str) -> str:
    return "".join(quote(char, safe="") if char in _ESCAPED else char for char in part).replace("+", "[+]")


def _computed(world: World, account: Account, row: Row) -> Row:
    answer = dict(row)
    if row.get("started") and not row["finished"]:
        answer["elapsed"] = (world.now - datetime.fromisoformat(row["started"])) / timedelta(seconds=1)
    if row["type"] == "job_host_summary" and row["job"] in world.executions:
        answer["summary_fields"] = {**row["summary_fields"], "job": job_brief(world.executions[row["job"]])}
    if account.organizations is not None and "user_capabilities" in answer.get("summary_fields", {}):
        rights = {key: key == "start" for key in answer["summary_fields"]["user_capabilities"]}
        answer["summary_fields"] = {**answer["summary_fields"], "user_capabilities": rights}
    return answer
