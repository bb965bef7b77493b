"""The reading operations of the control plane: paths, parameters and results (contract, section 1).

Where AWS documents no order, the simulator has one: jobs by creation and things by name, as in all recordings; executions by
``lastUpdatedAt`` descending, as ministack has it from measurements, so that they move while one pages.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from adapters.aws_iot import simulator_parameters as p
from adapters.aws_iot.simulator_faults import invalid, missing
from adapters.aws_iot.simulator_lists import Listing, Place
from adapters.aws_iot.world import World
from adapters.aws_iot.world_rows import ACCOUNT, ExecutionId, Row

Arguments = Mapping[str, str]

_JOB_SUMMARY = (
    "jobArn", "jobId", "thingGroupId", "targetSelection", "status", "createdAt", "lastUpdatedAt", "completedAt",
    "isConcurrent",
)  # fmt: skip
_EXECUTION_SUMMARY = ("status", "queuedAt", "startedAt", "lastUpdatedAt", "executionNumber", "retryAttempt")
_THING_SUMMARY = ("thingName", "thingTypeName", "thingArn", "attributes", "version")


def _part(row: Row, names: Iterable[str]) -> Row:
    return {name: row[name] for name in names if name in row}


def _without(row: Row, *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}


def _job(world: World, job_id: str) -> Row:
    if job_id not in world.jobs:
        raise missing(f"Job {job_id} cannot be found.")
    return world.jobs[job_id]


def _thing(world: World, name: str) -> Row:
    if name not in world.things:
        raise missing(f"Thing {ACCOUNT}:{name} not found.")
    return world.things[name]


def _group(world: World, name: str) -> Row:
    if name not in world.groups:
        raise missing(f"Thing group {ACCOUNT}:{name} not found.")
    return world.groups[name]


def list_jobs(world: World, arguments: Arguments) -> Listing:
    """ListJobs. One value a filter; with a group's name, jobs that are SCHEDULED are missing (aws-cli#8924)."""
    wanted = {
        name: arguments[name] for name in ("status", "targetSelection", "thingGroupId", "namespaceId") if name in arguments
    }
    rows = [row for row in world.jobs.values() if all(row.get(name) == value for name, value in wanted.items())]
    if "thingGroupName" in arguments:
        group_id = _group(world, arguments["thingGroupName"])["thingGroupId"]
        rows = [row for row in rows if row.get("thingGroupId") == group_id and row.get("status") != "SCHEDULED"]
    places = [((row.get("createdAt", 0), row["jobId"]), row) for row in rows]
    return Listing("jobs", places, lambda row: _part(row, _JOB_SUMMARY), null_at_end=True)


def describe_job(world: World, arguments: Arguments) -> Row:
    """DescribeJob; ``beforeSubstitution`` is taken and makes no difference."""
    row = _job(world, arguments["jobId"])
    return _part(row, ("documentSource",)) | {"job": _without(row, "documentSource", "thingGroupId")}


def get_job_document(world: World, arguments: Arguments) -> Row:
    """GetJobDocument: the document as text, parameters filled in unless ``beforeSubstitution`` is true."""
    row = _job(world, arguments["jobId"])
    document = world.documents.get(row["jobId"])
    if document is None:
        return {}
    if arguments.get("beforeSubstitution") != "true":
        for name, value in row.get("documentParameters", {}).items():
            document = document.replace(f"${{aws:iot:parameter:{name}}}", value)
    return {"document": document}


def _executions(world: World, arguments: Arguments, belongs: Callable[[ExecutionId], bool]) -> list[tuple[Place, Row]]:
    status = arguments.get("status")
    return [
        ((-row.get("lastUpdatedAt", 0), key), row)
        for key, row in world.executions.items()
        if belongs(key) and status in (None, row.get("status"))
    ]


def list_job_executions_for_job(world: World, arguments: Arguments) -> Listing:
    """ListJobExecutionsForJob: rows have neither the job's id nor the thing's name."""
    job_id = _job(world, arguments["jobId"])["jobId"]
    rows = _executions(world, arguments, lambda key: key.job_id == job_id)
    return Listing(
        "executionSummaries",
        rows,
        lambda row: {"thingArn": row["thingArn"], "jobExecutionSummary": _part(row, _EXECUTION_SUMMARY)},
    )


def list_job_executions_for_thing(world: World, arguments: Arguments) -> Listing:
    """ListJobExecutionsForThing: 404 once the thing is deleted."""
    name = _thing(world, arguments["thingName"])["thingName"]

    def belongs(key: ExecutionId) -> bool:
        if key.thing_name != name or key.job_id != arguments.get("jobId", key.job_id):
            return False
        return (
            "namespaceId" not in arguments or world.jobs.get(key.job_id, {}).get("namespaceId") == arguments["namespaceId"]
        )

    return Listing(
        "executionSummaries",
        _executions(world, arguments, belongs),
        lambda row: {"jobId": row["jobId"], "jobExecutionSummary": _part(row, _EXECUTION_SUMMARY)},
    )


def describe_job_execution(world: World, arguments: Arguments) -> Row:
    """DescribeJobExecution: the latest one unless ``executionNumber`` is given; ``retryAttempt`` is only in lists."""
    job_id, name, number = arguments["jobId"], arguments["thingName"], arguments.get("executionNumber")
    keys = [key for key in world.executions if key[:2] == (job_id, name) and (number is None or key.number == int(number))]
    if not keys:
        raise missing(f"Job execution for thing {name} cannot be found within job {job_id}.")
    return {"execution": _without(world.executions[max(keys)], "retryAttempt")}


def list_things(world: World, arguments: Arguments) -> Listing:
    """ListThings: one attribute (equal to a value or starting with it) and one type."""
    name, value = arguments.get("attributeName"), arguments.get("attributeValue")
    if (name is None) != (value is None):
        raise invalid("attributeName and attributeValue must be given together.")
    rows = list(world.things.values())
    if "thingTypeName" in arguments:
        rows = [row for row in rows if row.get("thingTypeName") == arguments["thingTypeName"]]
    if name is not None and value is not None:
        prefix = arguments.get("usePrefixAttributeValue") == "true"
        rows = [row for row in rows if _matches(row.get("attributes", {}).get(name), value, prefix=prefix)]
    return Listing(
        "things", [((row["thingName"],), row) for row in rows], lambda row: _part(row, _THING_SUMMARY), null_at_end=True
    )


def _matches(actual: str | None, value: str, *, prefix: bool) -> bool:
    return actual is not None and (actual.startswith(value) if prefix else actual == value)


def describe_thing(world: World, arguments: Arguments) -> Row:
    """DescribeThing."""
    return _thing(world, arguments["thingName"])


def list_things_in_thing_group(world: World, arguments: Arguments) -> Listing:
    """ListThingsInThingGroup: bare names. Groups hold no groups here, so ``recursive`` makes no difference."""
    names = _group(world, arguments["thingGroupName"])["things"]
    return Listing("things", [((name,), {"thingName": name}) for name in names], lambda row: row["thingName"])


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation: ``path`` has its parameters in braces; ``checks`` has those of path and query."""

    name: str
    path: str
    run: Callable[[World, Arguments], Row | Listing]
    checks: Mapping[str, p.Check] = field(default_factory=dict)

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """The path's parameters if these decoded segments are of this operation, otherwise None."""
        names = self.path.strip("/").split("/")
        if len(names) != len(segments):
            return None
        found = {}
        for name, segment in zip(names, segments, strict=True):
            if name.startswith("{"):
                found[name.strip("{}")] = segment
            elif name != segment:
                return None
        return found


_GROUP_NAME = p.text("[a-zA-Z0-9:_-]", 128)
OPERATIONS = (
    Operation(
        "ListJobs",
        "/jobs",
        list_jobs,
        {
            "status": p.JOB_STATUS,
            "targetSelection": p.TARGET_SELECTION,
            "thingGroupName": _GROUP_NAME,
            "thingGroupId": p.text("[a-zA-Z0-9-]", 128),
            "namespaceId": p.JOB_ID,
            **p.PAGING,
        },
    ),
    Operation("DescribeJob", "/jobs/{jobId}", describe_job, {"jobId": p.JOB_ID, "beforeSubstitution": p.BOOLEAN}),
    Operation(
        "GetJobDocument",
        "/jobs/{jobId}/job-document",
        get_job_document,
        {"jobId": p.JOB_ID, "beforeSubstitution": p.BOOLEAN},
    ),
    Operation(
        "ListJobExecutionsForJob",
        "/jobs/{jobId}/things",
        list_job_executions_for_job,
        {"jobId": p.JOB_ID, "status": p.EXECUTION_STATUS, **p.PAGING},
    ),
    Operation(
        "ListJobExecutionsForThing",
        "/things/{thingName}/jobs",
        list_job_executions_for_thing,
        {
            "thingName": p.THING_NAME,
            "status": p.EXECUTION_STATUS,
            "namespaceId": p.JOB_ID,
            "jobId": p.JOB_ID,
            **p.PAGING,
        },
    ),
    Operation(
        "DescribeJobExecution",
        "/things/{thingName}/jobs/{jobId}",
        describe_job_execution,
        {"thingName": p.THING_NAME, "jobId": p.JOB_ID, "executionNumber": p.integer(0)},
    ),
    Operation(
        "ListThings",
        "/things",
        list_things,
        {
            "attributeName": p.text("[a-zA-Z0-9_.,@/:#-]", 128),
            "attributeValue": p.text("[a-zA-Z0-9_.,@/:#-]", 800),
            "thingTypeName": p.THING_NAME,
            "usePrefixAttributeValue": p.BOOLEAN,
            **p.PAGING,
        },
    ),
    Operation("DescribeThing", "/things/{thingName}", describe_thing, {"thingName": p.THING_NAME}),
    Operation(
        "ListThingsInThingGroup",
        "/thing-groups/{thingGroupName}/things",
        list_things_in_thing_group,
        {"thingGroupName": _GROUP_NAME, "recursive": p.BOOLEAN, **p.PAGING},
    ),
)
