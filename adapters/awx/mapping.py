"""AWX's records as the unified model (DOMAIN C3 to C5 and C8; contracts/awx.md sections 5 to 7). Pure, but for one metric.

``EXECUTIONS``, ``JOBS``, ``HOSTS`` and ``INSTANCES`` say of what each attribute is made. Every function raises
``msgspec.DecodeError`` or ``ValueError`` when the record cannot be read: then only that row is lost.
"""

from dataclasses import dataclass
from functools import lru_cache

import msgspec

from adapters.awx import keys
from adapters.awx.kinds import JOB, PAGES, WORKFLOW
from adapters.awx.records import (
    HostRecord,
    HostSummaryRecord,
    InstanceRecord,
    JobRecord,
    Named,
    Sent,
    Summary,
    TemplateRecord,
)
from adapters.awx.words import FINAL_WORDS, status_of, trigger_kind_of
from gateway.instant import Instant
from gateway.metrics import UNKNOWN_STATUS
from gateway.model import (
    Attempt,
    Execution,
    ExecutionError,
    ExecutionStatus,
    HostTaskCounts,
    Job,
    JobDefinition,
    Key,
    Node,
    NodeCounts,
    NodeKind,
    NodeResult,
    NodeRole,
    Tie,
    Trigger,
)
from gateway.records import Derived, Made, Plain, Shape

_SUMMARY = msgspec.json.Decoder(HostSummaryRecord, strict=False)

NO_SUMMARY = Summary()
_NAMELESS = Named()

# AWX never reports when a template ends, nor counts its jobs: nothing to look up.
JOB_OF_ROW = frozenset({"name", "description", "state", "web_url", "finished_at", "execution_counts"})
"""What an execution's row tells of its job."""

WORKFLOW_OF_ROW = frozenset({"name", "web_url"})
"""What the row of an execution tells of the workflow job that launched it: of its status too little (see ``status_of``)."""

HOST_OF_ROW = frozenset({"name", "node_kind", "web_url"})
"""What a host summary tells of its host."""

INSTANCE_OF_ROW = frozenset({"name", "node_kind"})
"""What an execution's row tells of the instance it ran on; links to instances need their id."""

_OUTPUT = {kind: f"jobs/{page}" for kind, page in PAGES.items()}

# A word of an upstream becomes a label: cut short, so that no log line and no metric grows without bound.
_LABEL_LENGTH = 64


def instant(text: str | None) -> Instant | None:
    """An instant as AWX sends it, or None. Raises ValueError."""
    return Instant.parse(text) if text else None


@dataclass(frozen=True, slots=True)
class Mapper:
    """Makes entities of the source ``source``. ``ui`` is where AWX's own pages begin (``https://awx/``), or None."""

    source: str
    ui: str | None = None

    # --- executions

    def execution(self, raw: bytes, *, full: bool = False) -> Execution:
        """A unified job of any type, with all that it tells; ``full`` when it came from its own URL."""
        reading = EXECUTIONS.reading(None)
        row = reading.decode(raw)
        _check(row.modified, row.canceled_on)
        return reading.entity(self, row, Sent(row, raw, full))

    # --- jobs

    def job(self, raw: bytes) -> Job:
        """A record of ``/job_templates/``, with all that it tells."""
        reading = JOBS.reading(None)
        row = reading.decode(raw)
        _check(row.last_job_run, row.next_job_run)
        return reading.entity(self, row, Sent(row, raw, full=True))

    # --- nodes

    def host(self, raw: bytes) -> Node:
        """A record of ``/hosts/``, with all that it tells."""
        reading = HOSTS.reading(None)
        row = reading.decode(raw)
        _check(row.created, row.modified, row.ansible_facts_modified)
        return reading.entity(self, row, Sent(row, raw, full=True))

    def instance(self, raw: bytes) -> Node:
        """A record of ``/instances/``, with all that it tells."""
        reading = INSTANCES.reading(None)
        row = reading.decode(raw)
        _check(row.created, row.modified, row.last_seen, row.health_check_started, row.last_health_check)
        return reading.entity(self, row, Sent(row, raw, full=True))

    def mentioned_instance(self, hostname: str, known: frozenset[str] | None = INSTANCE_OF_ROW) -> Node:
        """An instance of which only the hostname is known; ``known`` None: and nothing more can be found out."""
        return _instance_named(self.source, hostname, known)

    def deleted_host(self, name: str, tie: Tie | None = None) -> Node:
        """A host that AWX remembers by name only: there is nothing more to ask."""
        return Node(
            key=Key("node", self.source, (keys.HOST_NAME, name)), name=name, tie=tie or (3, name), node_kind=NodeKind.HOST
        )

    def mentioned_host(self, row_id: int | None, name: str) -> Node:
        """A host that something names; ``row_id`` is None once it was deleted."""
        if row_id is None:
            return self.deleted_host(name)
        return self._known_host(row_id, name, (0, row_id))

    def _known_host(self, row_id: int, name: str, tie: Tie) -> Node:
        return Node(
            key=Key("node", self.source, (keys.HOST, str(row_id))),
            name=name,
            tie=tie,
            node_kind=NodeKind.HOST,
            web_url=_page(self.ui, "hosts", row_id, "details"),
            known=HOST_OF_ROW,
        )

    def target(self, raw: bytes) -> NodeResult:
        """A record of ``/jobs/{id}/job_host_summaries/``. The node's tie is the record's id: its place in that list."""
        row = _SUMMARY.decode(raw)
        if row.host is None:
            node = self.deleted_host(row.host_name, (row.id,))
        else:
            node = self._known_host(row.host, row.host_name, (row.id,))
        return NodeResult(
            node=node,
            roles=(NodeRole.TARGET,),
            status=ExecutionStatus.FAILED if row.failed else ExecutionStatus.SUCCEEDED,
            failed=row.failed,
            unreachable=row.dark > 0,
            tasks=HostTaskCounts(
                ok=row.ok,
                changed=row.changed,
                failures=row.failures,
                dark=row.dark,
                ignored=row.ignored,
                processed=row.processed,
                rescued=row.rescued,
                skipped=row.skipped,
            ),
        )


# --- executions ----------------------------------------------------------------------------------------------------


def type_of(row: JobRecord) -> str:
    """The type of a unified job; a job's where AWX names none that is known."""
    return row.type if row.type is not None and row.type in PAGES else JOB


def _status(mapper: Mapper, row: JobRecord) -> ExecutionStatus:
    # Most rows have ended, with a word as AWX writes it.
    status = FINAL_WORDS.get(row.status or "")
    if status is not None:
        return status
    status = status_of(row.status, canceling=bool(row.canceled_on))
    if status is ExecutionStatus.UNKNOWN:
        UNKNOWN_STATUS.labels(mapper.source, (row.status or "")[:_LABEL_LENGTH]).inc()
    return status


def _job_of(mapper: Mapper, row: JobRecord, kind: str) -> Job | None:
    """The template as the row mentions it; None when it was deleted, or its job came from no template.

    Only job templates are jobs here: runs of other types have none, nor has the workflow job of a sliced job.
    """
    if row.job_template is None or kind != JOB:
        return None
    template = (row.summary_fields or NO_SUMMARY).job_template or _NAMELESS
    name = template.name or row.name or str(row.job_template)
    return _template(mapper.source, mapper.ui, row.job_template, name, template.description or None)


# Rows of a page mention few templates and fewer nodes, and the same ones page after page: each is made once.
@lru_cache(maxsize=1024)
def _template(source: str, ui: str | None, row_id: int, name: str, description: str | None) -> Job:
    return Job(
        key=Key("job", source, (str(row_id),)),
        name=name,
        tie=(row_id,),
        description=description,
        web_url=_page(ui, "templates/job_template", row_id, "details"),
        known=JOB_OF_ROW,
    )


def _parent_of(mapper: Mapper, row: JobRecord) -> Execution | None:
    """The workflow job that launched it, as the row mentions it; None when nothing did, or it is gone."""
    workflow = (row.summary_fields or NO_SUMMARY).source_workflow_job
    if workflow is None or workflow.id is None:
        return None
    return Execution(
        key=Key("execution", mapper.source, (str(workflow.id),)),
        name=workflow.name or str(workflow.id),
        tie=(workflow.id,),
        status=status_of(workflow.status, canceling=False),
        raw_status=workflow.status or None,
        web_url=_page(mapper.ui, _OUTPUT[WORKFLOW], workflow.id, "output"),
        known=WORKFLOW_OF_ROW if workflow.name else WORKFLOW_OF_ROW - {"name"},
    )


@lru_cache(maxsize=1024)
def _nodes_of(source: str, executor: str | None, controller: str | None) -> tuple[NodeResult, ...]:
    """Executor and controller; one node with both roles when they are the same instance."""
    if executor and executor == controller:
        node = _instance_named(source, executor, INSTANCE_OF_ROW)
        return (NodeResult(node=node, roles=(NodeRole.EXECUTOR, NodeRole.CONTROLLER)),)
    roles = ((executor, NodeRole.EXECUTOR), (controller, NodeRole.CONTROLLER))
    return tuple(
        NodeResult(node=_instance_named(source, name, INSTANCE_OF_ROW), roles=(role,)) for name, role in roles if name
    )


@lru_cache(maxsize=1024)
def _instance_named(source: str, hostname: str, known: frozenset[str] | None) -> Node:
    return Node(
        key=Key("node", source, (keys.INSTANCE, hostname)),
        name=hostname,
        tie=(2, hostname),
        node_kind=NodeKind.WORKER,
        known=known,
    )


def _error(_mapper: Mapper, row: JobRecord) -> ExecutionError | None:
    traceback = row.result_traceback or None
    status = status_of(row.status, canceling=bool(row.canceled_on))
    if status not in (ExecutionStatus.FAILED, ExecutionStatus.ERRORED) and traceback is None:
        return None
    return ExecutionError(message=row.job_explanation or None, traceback=traceback)


def _duration(_mapper: Mapper, row: JobRecord) -> float | None:
    """``elapsed``: AWX counts it up while the job runs, and sends 0 for one that has not begun."""
    begun = row.started is not None or row.finished is not None
    return row.elapsed if begun and row.elapsed is not None and row.elapsed >= 0 else None


def _node_counts(_mapper: Mapper, row: JobRecord) -> NodeCounts | None:
    """Each host is counted once, under the worst that happened to it; AWX leaves zeros out."""
    counts = row.host_status_counts
    if counts is None:
        return None
    return NodeCounts(
        total=sum(counts.values()),
        ok=counts.get("ok", 0),
        changed=counts.get("changed", 0),
        failed=counts.get("failures", 0),
        unreachable=counts.get("dark", 0),
        skipped=counts.get("skipped", 0),
    )


def _trigger(_mapper: Mapper, row: JobRecord) -> Trigger:
    launched_by = row.launched_by
    return _triggered(row.launch_type, launched_by.name if launched_by else None)


@lru_cache(maxsize=1024)
def _triggered(word: str | None, actor: str | None) -> Trigger:
    return Trigger(trigger_kind_of(word), word or None, actor or None)


EXECUTIONS: Shape[Mapper, JobRecord, Execution] = Shape(
    Execution,
    JobRecord,
    {
        "key": Made(("id",), lambda mapper, row: Key("execution", mapper.source, (str(row.id),))),
        "tie": Made(("id",), lambda _, row: (row.id,)),
        "name": Made(("name",), lambda _, row: row.name or str(row.id)),
        "status": Made(("status", "canceled_on"), _status),
        "raw_status": Made(("status",), Plain("status")),
        "job": Derived(("job_template", "name", "summary_fields.job_template"), ("type",), _job_of),
        "parent": Made(("summary_fields.source_workflow_job",), _parent_of),
        "status_message": Made(("job_explanation",), Plain("job_explanation", blank=True)),
        "error": Made(("status", "canceled_on", "job_explanation", "result_traceback"), _error),
        "created_at": Made(("created",), Plain("created", Instant.parse)),
        "started_at": Made(("started",), Plain("started", Instant.parse)),
        "finished_at": Made(("finished",), Plain("finished", Instant.parse)),
        "attempts": Derived((), ("started_at", "finished_at"), lambda _, __, *span: (Attempt(1, *span),)),
        "duration_seconds": Made(("started", "finished", "elapsed"), _duration),
        "timeout_seconds": Made(("timeout",), lambda _, row: row.timeout if row.timeout and row.timeout > 0 else None),
        "trigger": Made(("launch_type", "launched_by.name"), _trigger),
        "nodes": Made(
            ("execution_node", "controller_node"),
            lambda mapper, row: _nodes_of(mapper.source, row.execution_node, row.controller_node),
        ),
        # AWX keeps results by host for jobs alone.
        "targets_elsewhere": Derived((), ("type",), lambda _, __, kind: kind == JOB),
        "node_counts": Made(("host_status_counts",), _node_counts),
        "web_url": Derived(("id",), ("type",), lambda mapper, row, kind: _page(mapper.ui, _OUTPUT[kind], row.id, "output")),
    },
    # What tells at which address a run is: whoever reads on from it wants to know.
    always=("type",),
    steps={"type": Made(("type",), lambda _, row: type_of(row))},
)
"""Unified jobs, from ``/jobs/``, ``/unified_jobs/`` and their own URLs."""


# --- jobs and nodes ------------------------------------------------------------------------------------------------


def latest_job(summary: Summary) -> int | None:
    """The id of a template's newest job. AWX's list has open jobs first, then by end: ids grow with creation."""
    ids = [recent.id for recent in summary.recent_jobs or () if recent.id is not None and recent.type in (None, "job")]
    return max(ids, default=None)


def _latest_execution(mapper: Mapper, row: TemplateRecord) -> Key | None:
    latest = latest_job(row.summary_fields or NO_SUMMARY)
    return None if latest is None else Key("execution", mapper.source, (str(latest),))


def _definition(mapper: Mapper, row: TemplateRecord) -> JobDefinition | None:
    if not row.playbook:
        return None
    summary = row.summary_fields or NO_SUMMARY
    project = summary.project.name if summary.project else None
    return JobDefinition(
        name=f"{row.playbook} @ {project}" if project else row.playbook,
        kind="playbook",
        version=row.scm_branch or None,
        url=None if row.project is None else _page(mapper.ui, "projects", row.project, "details"),
    )


JOBS: Shape[Mapper, TemplateRecord, Job] = Shape(
    Job,
    TemplateRecord,
    {
        "key": Made(("id",), lambda mapper, row: Key("job", mapper.source, (str(row.id),))),
        "tie": Made(("id",), lambda _, row: (row.id,)),
        "name": Made(("name",), lambda _, row: row.name or str(row.id)),
        "raw_state": Made(("status",), Plain("status")),
        "description": Made(("description",), Plain("description", blank=True)),
        "definition": Made(("playbook", "scm_branch", "project", "summary_fields.project"), _definition),
        "created_at": Made(("created",), Plain("created", Instant.parse)),
        "updated_at": Made(("modified",), Plain("modified", Instant.parse)),
        "latest_execution": Made(("summary_fields.recent_jobs",), _latest_execution),
        "web_url": Made((), lambda mapper, row: _page(mapper.ui, "templates/job_template", row.id, "details")),
    },
)
"""Job templates."""

HOSTS: Shape[Mapper, HostRecord, Node] = Shape(
    Node,
    HostRecord,
    {
        "key": Made(("id",), lambda mapper, row: Key("node", mapper.source, (keys.HOST, str(row.id)))),
        "tie": Made(("id",), lambda _, row: (0, row.id)),
        "name": Made(("name",), lambda _, row: row.name),
        "node_kind": Made((), lambda _, __: NodeKind.HOST),
        "active": Made(("enabled",), Plain("enabled")),
        "web_url": Made((), lambda mapper, row: _page(mapper.ui, "hosts", row.id, "details")),
    },
)
"""Managed machines."""

INSTANCES: Shape[Mapper, InstanceRecord, Node] = Shape(
    Node,
    InstanceRecord,
    {
        "key": Made(("hostname",), lambda mapper, row: Key("node", mapper.source, (keys.INSTANCE, row.hostname))),
        "tie": Made(("id",), lambda _, row: (1, row.id)),
        "name": Made(("hostname",), Plain("hostname")),
        "node_kind": Made((), lambda _, __: NodeKind.WORKER),
        "active": Made(("enabled",), Plain("enabled")),
        "web_url": Made((), lambda mapper, row: _page(mapper.ui, "instances", row.id, "details")),
    },
)
"""Nodes of AWX's own mesh."""


# --- all -----------------------------------------------------------------------------------------------------------


def _page(ui: str | None, place: str, row_id: int, tab: str) -> str | None:
    return None if ui is None else f"{ui}#/{place}/{row_id}/{tab}"


def _check(*texts: str | None) -> None:
    """Instants that only details show must be readable too: a record is either sound or counted as unreadable."""
    for text in texts:
        instant(text)
