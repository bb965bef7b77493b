"""What the peers in Python agree on with the gateway: words, ids, links and addresses.

The tables are those of the adapters' mappings, written down once more: the peers are meant to owe the gateway nothing.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from urllib.parse import quote, urlencode

AWX_STATUS = {
    "new": "PENDING",
    "pending": "PENDING",
    "waiting": "QUEUED",
    "running": "RUNNING",
    "successful": "SUCCEEDED",
    "failed": "FAILED",
    "error": "ERRORED",
    "canceled": "CANCELED",
}
SCALE_STATUS = {
    "QUEUED": "QUEUED",
    "RUNNING": "RUNNING",
    "COMPLETED": "SUCCEEDED",
    "FAILED": "FAILED",
    "CANCELED": "CANCELED",
}
PHASE = {
    "PENDING": "WAITING",
    "QUEUED": "WAITING",
    "RUNNING": "ACTIVE",
    "SUCCEEDED": "FINAL",
    "FAILED": "FINAL",
    "ERRORED": "FINAL",
    "CANCELED": "FINAL",
}
OUTCOME = {"SUCCEEDED": "SUCCESS", "FAILED": "FAILURE", "ERRORED": "ERROR", "CANCELED": "CANCEL"}
TRIGGER = {
    "manual": "MANUAL",
    "relaunch": "RERUN",
    "callback": "CALLBACK",
    "scheduled": "SCHEDULE",
    "dependency": "DEPENDENCY",
    "workflow": "WORKFLOW",
    "webhook": "WEBHOOK",
    "sync": "SYNC",
    "scm": "SYNC",
}

AWX_PAGES = "https://awx.example/"
SCALE_PAGES = "https://scale.example/"


def global_id(letter: str, source: str, *parts: object) -> str:
    """The id of a job (``j``), an execution (``e``) or a node (``n``), as ``gateway.ids`` makes it."""
    packed = "/".join((f"1{letter}", source, *(quote(str(part), safe="") for part in parts)))
    return urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def native_id(text: str) -> str:
    """The last part of a global id."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().rpartition("/")[2]


def cursor(created: str, source: str, number: int) -> str:
    """An opaque place in a list."""
    return urlsafe_b64encode(f"{created}/{source}/{number}".encode()).decode().rstrip("=")


def awx_list(names: Iterable[str], rows: int) -> str:
    """AWX's list of executions of some names, newest first."""
    query = urlencode(
        {"name__in": ",".join(names), "order_by": "-created,id", "page_size": rows, "count_disabled": 1},
        quote_via=quote,
        safe=",",
    )
    return f"jobs/?{query}"


def scale_list(names: Iterable[str], rows: int) -> str:
    """Scale's list of executions of some names, newest first."""
    named = [("job_type_name", name) for name in names]
    query = urlencode([*named, ("order", "-created"), ("order", "id"), ("page_size", rows)], quote_via=quote)
    return f"job-executions/?{query}"


def awx_among(path: str, column: str, keys: Iterable[str]) -> str:
    """A list of AWX narrowed to some keys."""
    return f"{path}/?{column}={quote(','.join(keys), safe=',')}&order_by=id&page_size=200"
