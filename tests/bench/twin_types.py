"""The twin's types, and how records become them (``twin_strawberry``)."""

from datetime import datetime
from enum import Enum
from typing import Any, TypeAlias

import strawberry

from tests.bench import words

Info: TypeAlias = strawberry.Info[Any, None]


@strawberry.enum
class ExecutionStatus(Enum):
    PENDING = "PENDING"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    ERRORED = "ERRORED"
    CANCELED = "CANCELED"


@strawberry.enum
class ExecutionPhase(Enum):
    WAITING = "WAITING"
    ACTIVE = "ACTIVE"
    FINAL = "FINAL"


@strawberry.enum
class ExecutionOutcome(Enum):
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    ERROR = "ERROR"
    CANCEL = "CANCEL"


@strawberry.enum
class TriggerKind(Enum):
    MANUAL = "MANUAL"
    SCHEDULE = "SCHEDULE"
    RERUN = "RERUN"
    DEPENDENCY = "DEPENDENCY"
    WORKFLOW = "WORKFLOW"
    WEBHOOK = "WEBHOOK"
    CALLBACK = "CALLBACK"
    SYNC = "SYNC"
    UNKNOWN = "UNKNOWN"


@strawberry.enum
class NodeRole(Enum):
    EXECUTOR = "EXECUTOR"


@strawberry.enum
class SourceReportState(Enum):
    OK = "OK"
    SKIPPED = "SKIPPED"


@strawberry.type
class Source:
    name: str


@strawberry.type
class SourceReport:
    source: Source
    state: SourceReportState


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class Trigger:
    kind: TriggerKind
    raw_kind: str | None
    actor: str | None


@strawberry.type
class JobDefinition:
    name: str


@strawberry.type
class Job:
    id: strawberry.ID
    name: str
    native_id: strawberry.Private[str]

    @strawberry.field
    async def updated_at(self, info: Info) -> datetime | None:
        return _instant((await info.context.templates.load(self.native_id))["modified"])

    @strawberry.field
    async def definition(self, info: Info) -> JobDefinition | None:
        template = await info.context.templates.load(self.native_id)
        return JobDefinition(name=f"{template['playbook']} @ {template['summary_fields']['project']['name']}")


@strawberry.type
class Node:
    id: strawberry.ID
    name: str

    @strawberry.field
    async def active(self, info: Info) -> bool | None:
        enabled: bool = (await info.context.instances.load(self.name))["enabled"]
        return enabled


@strawberry.type
class ExecutionNodeEdge:
    node: Node


@strawberry.type
class ExecutionNodeConnection:
    edges: list[ExecutionNodeEdge]


@strawberry.input
class ExecutionNodeFilter:
    role: list[NodeRole] | None = None


@strawberry.type
class Execution:
    id: strawberry.ID
    native_id: str
    source: Source
    name: str
    status: ExecutionStatus
    raw_status: str
    phase: ExecutionPhase
    outcome: ExecutionOutcome | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_seconds: float | None
    status_message: str | None
    web_url: str
    trigger: Trigger | None
    job: Job | None
    executor: strawberry.Private[Node | None]

    @strawberry.field
    def nodes(self, filter: ExecutionNodeFilter | None = None, first: int = 50) -> ExecutionNodeConnection:  # noqa: A002
        # The one node that a row names has the only role that can be asked for.
        nodes = [] if self.executor is None else [self.executor]
        return ExecutionNodeConnection(edges=[ExecutionNodeEdge(node=node) for node in nodes[:first]])


@strawberry.type
class ExecutionEdge:
    cursor: str
    node: Execution


@strawberry.type
class ExecutionConnection:
    edges: list[ExecutionEdge]
    page_info: PageInfo
    sources: list[SourceReport]


@strawberry.input
class StringFilter:
    in_: list[str] = strawberry.field(name="in")


@strawberry.input
class ExecutionFilter:
    name: StringFilter
    source: list[str] | None = None


def paged(row: Execution) -> ExecutionEdge:
    """A row of a list with its place."""
    return ExecutionEdge(cursor=words.cursor(row.created_at.isoformat(), row.source.name, int(row.native_id)), node=row)


def from_awx(row: dict[str, Any]) -> Execution:
    """A record of ``/jobs/``."""
    status = words.AWX_STATUS[row["status"]]
    started, finished = _instant(row["started"]), _instant(row["finished"])
    template, host = row["job_template"], row["execution_node"]
    return Execution(
        id=_id("e", "awx", row["id"]),
        native_id=str(row["id"]),
        source=Source(name="awx"),
        name=row["name"],
        status=ExecutionStatus[status],
        raw_status=row["status"],
        phase=ExecutionPhase[words.PHASE[status]],
        outcome=_outcome(status),
        created_at=datetime.fromisoformat(row["created"]),
        started_at=started,
        finished_at=finished,
        duration_seconds=None if started is None and finished is None else row["elapsed"],
        status_message=row["job_explanation"] or None,
        web_url=f"{words.AWX_PAGES}#/jobs/playbook/{row['id']}/output",
        trigger=Trigger(
            kind=TriggerKind[words.TRIGGER.get(row["launch_type"], "UNKNOWN")],
            raw_kind=row["launch_type"],
            actor=row["launched_by"].get("name"),
        ),
        job=Job(id=_id("j", "awx", template), name=row["summary_fields"]["job_template"]["name"], native_id=str(template)),
        executor=Node(id=_id("n", "awx", "instance", host), name=host) if host else None,
    )


def from_scale(row: dict[str, Any]) -> Execution:
    """A record of ``/job-executions/``."""
    status = words.SCALE_STATUS[row["status"]]
    started, finished = _instant(row["started"]), _instant(row["ended"])
    job, node = row["job"], row["node"]
    name = job["job_type"]["name"]
    return Execution(
        id=_id("e", "scale", row["id"]),
        native_id=str(row["id"]),
        source=Source(name="scale"),
        name=name,
        status=ExecutionStatus[status],
        raw_status=row["status"],
        phase=ExecutionPhase[words.PHASE[status]],
        outcome=_outcome(status),
        created_at=datetime.fromisoformat(row["created"]),
        started_at=started,
        finished_at=finished,
        duration_seconds=(finished - started).total_seconds() if started and finished else None,
        status_message=row["error"]["title"] if row["error"] else None,
        web_url=f"{words.SCALE_PAGES}#/jobs/executions/{row['id']}",
        trigger=None,
        job=Job(id=_id("j", "scale", job["id"]), name=name, native_id=str(job["id"])),
        executor=Node(id=_id("n", "scale", node["id"]), name=node["hostname"]) if node else None,
    )


def _id(letter: str, source: str, *parts: object) -> strawberry.ID:
    return strawberry.ID(words.global_id(letter, source, *parts))


def _outcome(status: str) -> ExecutionOutcome | None:
    outcome = words.OUTCOME.get(status)
    return None if outcome is None else ExecutionOutcome[outcome]


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
