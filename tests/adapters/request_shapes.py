"""What the adapters ask for, held against what was recorded of the real servers.

A simulator is only as good as the recordings it was compared with: a request that no recording shows, answered by a
simulator alone, proves nothing. So every (path, parameter) that an adapter sends in any test must occur in a recording that
the simulator reproduces, or be listed here with the reason why it may be trusted all the same.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl

from gateway.testing.simulator import LoggedRequest
from gateway.transport import USER_AGENT
from tests.adapters import test_awx_simulator

RECORDINGS = Path(__file__).parents[1] / "recordings"
BASES = (
    ("awx", "/api/v2/"),
    ("scale", "/scale/api/v3/"),
    # The same lists (contract of Scale, section 0): what was recorded of one version holds for the others.
    ("scale", "/scale/api/v4/"),
    ("scale", "/scale/api/v5/"),
)
Shape = tuple[str, str, str]
"""(system, path below the API's base with ids as {id}, parameter name; empty for the path alone)"""

UNMATCHED = {"awx": set(test_awx_simulator.UNMATCHED), "scale": set[str]()}

DATES = "(created|modified|started|finished)"
TEXTS = "(name|hostname|host_name|execution_node|controller_node|job_explanation)"
LISTED: list[tuple[str, str, str, str]] = [
    # system, path, parameter (both as regular expressions, whole), why it may be trusted
    ("awx", ".*", "count_disabled", "one paginator serves every list (contract section 2); recorded on jobs"),
    ("awx", ".*", "page_size|order_by", "one paginator and one order back end serve every list; recorded on jobs"),
    ("awx", ".*", "id__gt", "one filter back end serves every list (section 4); id__lt is recorded on jobs"),
    (
        "awx",
        ".*",
        f"(not__)?{DATES}(__(gt|gte|lt|lte|isnull))?",
        "one lookup back end; created__lte, __gt and isnull recorded",
    ),
    ("awx", "(unified_)?jobs/", "elapsed(__(gt|gte|lt|lte))?", "the same lookups on a number; elapsed__gt is recorded"),
    ("awx", ".*", f"(or__)?{TEXTS}(__(in|icontains|istartswith))?", "lookups of section 4; __in and iexact are recorded"),
    (
        "awx",
        "(unified_)?jobs/",
        f"(or__)?(job__)?job_host_summaries__{TEXTS}(__(in|icontains|istartswith))?",
        "a span (section 4 names it), inside the or group or alone; job_host_summaries__host is recorded",
    ),
    (
        "awx",
        "(unified_)?jobs/",
        "(or__)?(job__)?job_host_summaries__host(__in)?",
        "job_host_summaries__host is recorded; __in is a lookup",
    ),
    (
        "awx",
        "(unified_)?jobs/",
        "(or__)?canceled_on__isnull",
        "canceled_on__isnull is recorded; or__ is recorded with other columns",
    ),
    (
        "awx",
        "(unified_)?jobs/",
        "(or__|not__)?(status|launch_type)(__in)?",
        "not__status, or__status__in and status__in are recorded; section 4 joins them",
    ),
    ("awx", "(unified|workflow)_jobs/", "id__in", "one filter back end; recorded on jobs and hosts"),
    ("awx", "unified_jobs/", "job__job_template__in", "job__job_template is recorded on this list; __in is a lookup"),
    (
        "awx",
        r"(workflow_jobs|inventory_updates|ad_hoc_commands|system_jobs)/\{id\}/",
        "",
        "the url of a recorded row of the type, where one is; the address of a project update is recorded itself",
    ),
    (
        "awx",
        r"(jobs/\{id\}/job_events|(ad_hoc_command|(project|inventory)_update|system_job)s/\{id\}/events)/",
        "|order_by|limit|no_truncate|counter__(gt|lt)",
        "recorded on jobs, but for __lt, the same lookup; one paginator serves these lists (section 2), and the recorded "
        "details name them (events, job_events in related); ad_hoc_events is recorded too, but has no whole list: UNMATCHED",
    ),
    ("awx", "job_templates/", "status", "a database column of the template (section 4)"),
    ("awx", "hosts/|jobs/\\{id\\}/job_host_summaries/", "enabled|failed", "database columns (sections 4 and 6)"),
    ("awx", "ping/", "", "recorded, but one never-seen instance is in no other recording: UNMATCHED"),
    (
        "scale",
        "jobs/|job-executions/",
        "job_type_name|status|order|page",
        "listed in section 3; one view base serves both lists",
    ),
    (
        "scale",
        "errors/|nodes/",
        "order|page|page_size",
        "section 3; one paginator serves every list, recorded on executions",
    ),
    (
        "scale",
        "jobs/.*",
        "include_superseded",
        "unknown to v3, which ignores unknown parameters (section 3, recorded); for 4.0 and later",
    ),
    ("scale", "jobs/executions/", ".*", "section 5; its recording, jobs_with_latest_exe, is not among those handed on"),
]

seen: set[Shape] = set()


def observe(request: LoggedRequest) -> None:
    """Remember what an adapter sent; other clients of a simulator are not meant."""
    if request.user_agent == USER_AGENT:
        seen.update(shapes(request.method, request.path, request.query))


def shapes(method: str, path: str, query: str) -> Iterator[Shape]:
    for system, base in BASES:
        if method == "GET" and path.startswith(base):
            below = re.sub(r"(?<=/)\d+(?=/)", "{id}", "/" + path.removeprefix(base)).lstrip("/")
            yield (system, below, "")
            yield from ((system, below, name) for name, _ in parse_qsl(query, keep_blank_values=True))


def recorded() -> set[Shape]:
    found: set[Shape] = set()
    for system, unmatched in UNMATCHED.items():
        for path in (RECORDINGS / system).glob("*.json"):
            recording = json.loads(path.read_text(encoding="utf-8"))
            if path.stem not in unmatched and "request" in recording:
                request = recording["request"]
                found.update(shapes(request["method"], request["path"], request["query"]))
    return found


def unproven() -> list[Shape]:
    """What adapters asked for in this run that neither a recording nor the list covers."""
    return sorted(shape for shape in seen - recorded() if not _listed(shape))


def _listed(shape: Shape) -> bool:
    system, path, name = shape
    return any(
        system == listed and re.fullmatch(paths, path) and re.fullmatch(names, name) for listed, paths, names, _ in LISTED
    )
