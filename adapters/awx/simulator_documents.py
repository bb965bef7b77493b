"""Answers of the AWX simulator that are not records: roots, ping, config, OPTIONS, the page of the browsable API."""

from typing import Any

from adapters.awx.simulator_order import MAX_PAGE_SIZE
from adapters.awx.simulator_schema import Kind, Model
from adapters.awx.world import World

VERSION = "24.6.1"

API_ROOT = {
    "description": "AWX REST API",
    "current_version": "/api/v2/",
    "available_versions": {"v2": "/api/v2/"},
    "oauth2": "/api/o/",
    "custom_logo": "",
    "custom_login_info": "",
    "login_redirect_override": "",
}

OAUTH_ROOT = {"authorize": "/api/o/authorize/", "token": "/api/o/token/", "revoke_token": "/api/o/revoke_token/"}

_RESOURCES = """
ping instances instance_groups receptor_addresses config settings me dashboard organizations users
execution_environments projects project_updates teams credentials credential_types credential_input_sources
applications tokens metrics inventory_sources inventory_updates groups hosts host_metrics
host_metric_summary_monthly job_templates jobs ad_hoc_commands system_job_templates system_jobs schedules roles
notification_templates notifications labels unified_job_templates unified_jobs activity_stream
workflow_job_templates workflow_jobs workflow_approvals workflow_job_template_nodes workflow_job_nodes
mesh_visualizer bulk analytics role_definitions role_user_assignments role_team_assignments
"""

V2_ROOT = {name: f"/api/v2/{name}/" for name in _RESOURCES.split()} | {
    "inventory": "/api/v2/inventories/",
    "constructed_inventory": "/api/v2/constructed_inventories/",
    "service_index": "/api/v2/service-index/",
}

BROWSABLE = "<!DOCTYPE html>\n<html>\n  <head>\n    <title>AWX REST API</title>\n  </head>\n  <body></body>\n</html>\n"
"""Stands for the browsable API's page: what ``Accept: text/html`` gets instead of JSON."""

_OPTION_TYPES = {
    Kind.INTEGER: "integer",
    Kind.TEXT: "string",
    Kind.BOOLEAN: "boolean",
    Kind.INSTANT: "datetime",
    Kind.DECIMAL: "decimal",
    Kind.JSON: "json",
    Kind.KEY: "id",
    Kind.TYPE: "choice",
}


def ping(world: World) -> dict[str, Any]:
    """``/ping/``: the version, and the nodes without the hops, in the order of their names (recording ping)."""
    working = [row for row in world.instances.values() if row["node_type"] != "hop"]
    working.sort(key=lambda row: str(row["hostname"]))
    controllers = [row["hostname"] for row in working if row["node_type"] in ("control", "hybrid")]
    return {
        "ha": len(controllers) > 1,
        "version": VERSION,
        "active_node": controllers[0] if controllers else "",
        "install_uuid": "170641cf-3fd2-4931-b4e5-9b080e17a61f",
        "instances": [
            {
                "node": row["hostname"],
                "node_type": row["node_type"],
                "uuid": row["uuid"],
                "heartbeat": row["last_seen"],
                "capacity": row["capacity"],
                "version": row["version"],
            }
            for row in working
        ],
        "instance_groups": [
            {"name": row["name"], "capacity": row["capacity"], "instances": world.group_members.get(row["id"], [])}
            for row in world.instance_groups.values()
        ],
    }


def config() -> dict[str, Any]:
    """``/config/``: version and license (contract section 1)."""
    return {"time_zone": "UTC", "license_info": {"license_type": "open", "valid_key": True}, "version": VERSION}


def options(title: str, model: Model, types: list[str]) -> dict[str, Any]:
    """OPTIONS of a list: its filterable fields and, what clients come for, ``max_page_size`` (recording jobs_options)."""
    fields = {
        name: {"type": _OPTION_TYPES[kind], "hidden": False, "label": name, "filterable": True}
        for name, kind in model.columns.items()
    }
    return {
        "name": f"{title} List",
        "description": f"# List {title}s",
        "renders": ["application/json", "text/html"],
        "parses": ["application/json"],
        "actions": {"GET": fields},
        "types": types,
        "search_fields": [name for name in ("description", "name") if name in model.columns],
        "related_search_fields": [f"{name}__search" for name in model.relations],
        "max_page_size": MAX_PAGE_SIZE,
    }
