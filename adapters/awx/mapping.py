"""AWX's records as the unified model (DOMAIN C3 to C5 and C8; contracts/awx.md sections 5 to 7). Pure, but for one metric.

Every function raises ``msgspec.DecodeError`` or ``ValueError`` when the record cannot be read: then only that row is lost.
"""

from dataclasses import dataclass

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
from adapters.awx.words import status_of, trigger_kind_of
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
    Kind,
    Node,
    NodeCounts,
    NodeKind,
    NodeResult,
    NodeRole,
    Tie,
    Trigger,
)

_JOB = msgspec.json.Decoder(JobRecord, strict=False)
_TEMPLATE = msgspec.json.Decoder(TemplateRecord, strict=False)
_HOST = msgspec.json.Decoder(HostRecord, strict=False)
_INSTANCE = msgspec.json.Decoder(InstanceRecord, strict=False)
_SUMMARY = msgspec.json.Decoder(HostSummaryRecord, strict=False)

NO_SUMMARY = Summary()

# AWX never reports when a template ends, nor counts its jobs: nothing to look up.
JOB_OF_ROW = frozenset({"name", "description", "state", "web_url", "finished_at", "execution_counts"})
"""What an execution's row tells of its job."""

WORKFLOW_OF_ROW = frozenset({"name", "web_url"})
"""What the row of an execution tells of the workflow job that launched it: of its status too little (see ``status_of``)."""

HOST_OF_ROW = frozenset({"name", "node_kind", "web_url"})
"""What a host summary tells of its host."""

INSTANCE_OF_ROW = frozenset({"name", "node_kind"})
"""What an execution's row tells of the instance it ran on; links to instances need their id."""

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
        """A unified job of any type; ``full`` when it came from its own URL."""
        row = _JOB.decode(raw)
        status = status_of(row.status, canceling=bool(row.canceled_on))
        if status is ExecutionStatus.UNKNOWN:
            UNKNOWN_STATUS.labels(self.source, (row.status or "")[:_LABEL_LENGTH]).inc()
        started, finished = instant(row.started), instant(row.finished)
        _check(row.modified, row.canceled_on)
        launched_by = row.launched_by
        return Execution(
            key=self._key("execution", row.id),
            name=row.name or str(row.id),
            tie=(row.id,),
            status=status,
            raw_status=row.status,
            job=self._job_of(row),
            parent=self._parent_of(row),
            status_message=row.job_explanation or None,
            error=_error(row, status),
            attempts=(Attempt(1, started, finished),),
            created_at=instant(row.created),
            started_at=started,
            finished_at=finished,
            duration_seconds=_duration(row),
            timeout_seconds=row.timeout if row.timeout and row.timeout > 0 else None,
            trigger=Trigger(
                trigger_kind_of(row.launch_type),
                row.launch_type or None,
                (launched_by.name if launched_by else None) or None,
            ),
            nodes=self._nodes_of(row),
            # AWX keeps results by host for jobs alone.
            targets_elsewhere=type_of(row) == JOB,
            node_counts=_node_counts(row),
            web_url=self._page(f"jobs/{PAGES[type_of(row)]}", row.id, "output"),
            record=Sent(row, raw, full),
        )

    def _job_of(self, row: JobRecord) -> Job | None:
        """The template as the row mentions it; None when it was deleted, or its job came from no template.

        Only job templates are jobs here: runs of other types have none, nor has the workflow job of a sliced job.
        """
        if row.job_template is None or type_of(row) != JOB:
            return None
        template = (row.summary_fields or NO_SUMMARY).job_template or Named()
        return Job(
            key=self._key("job", row.job_template),
            name=template.name or row.name or str(row.job_template),
            tie=(row.job_template,),
            description=template.description or None,
            web_url=self._page("templates/job_template", row.job_template, "details"),
            known=JOB_OF_ROW,
        )

    def _parent_of(self, row: JobRecord) -> Execution | None:
        """The workflow job that launched it, as the row mentions it; None when nothing did, or it is gone."""
        workflow = (row.summary_fields or NO_SUMMARY).source_workflow_job
        if workflow is None or workflow.id is None:
            return None
        return Execution(
            key=self._key("execution", workflow.id),
            name=workflow.name or str(workflow.id),
            tie=(workflow.id,),
            status=status_of(workflow.status, canceling=False),
            raw_status=workflow.status or None,
            web_url=self._page(f"jobs/{PAGES[WORKFLOW]}", workflow.id, "output"),
            known=WORKFLOW_OF_ROW if workflow.name else WORKFLOW_OF_ROW - {"name"},
        )

    def _nodes_of(self, row: JobRecord) -> tuple[NodeResult, ...]:
        """Executor and controller; one node with both roles when they are the same instance."""
        executor, controller = row.execution_node, row.controller_node
        if executor and executor == controller:
            return (NodeResult(node=self.mentioned_instance(executor), roles=(NodeRole.EXECUTOR, NodeRole.CONTROLLER)),)
        roles = ((executor, NodeRole.EXECUTOR), (controller, NodeRole.CONTROLLER))
        return tuple(NodeResult(node=self.mentioned_instance(name), roles=(role,)) for name, role in roles if name)

    # --- jobs

    def job(self, raw: bytes) -> Job:
        """A record of ``/job_templates/``."""
        row = _TEMPLATE.decode(raw)
        summary = row.summary_fields or NO_SUMMARY
        _check(row.last_job_run, row.next_job_run)
        latest = latest_job(summary)
        return Job(
            key=self._key("job", row.id),
            name=row.name or str(row.id),
            tie=(row.id,),
            raw_state=row.status,
            description=row.description or None,
            definition=self._definition(row, summary),
            created_at=instant(row.created),
            updated_at=instant(row.modified),
            latest_execution=None if latest is None else self._key("execution", latest),
            web_url=self._page("templates/job_template", row.id, "details"),
            record=Sent(row, raw, full=True),
        )

    def _definition(self, row: TemplateRecord, summary: Summary) -> JobDefinition | None:
        if not row.playbook:
            return None
        project = summary.project.name if summary.project else None
        return JobDefinition(
            name=f"{row.playbook} @ {project}" if project else row.playbook,
            kind="playbook",
            version=row.scm_branch or None,
            url=None if row.project is None else self._page("projects", row.project, "details"),
        )

    # --- nodes

    def host(self, raw: bytes) -> Node:
        """A record of ``/hosts/``."""
        row = _HOST.decode(raw)
        _check(row.created, row.modified, row.ansible_facts_modified)
        return Node(
            key=self._key("node", keys.HOST, row.id),
            name=row.name,
            tie=(0, row.id),
            node_kind=NodeKind.HOST,
            active=row.enabled,
            web_url=self._page("hosts", row.id, "details"),
            record=Sent(row, raw, full=True),
        )

    def instance(self, raw: bytes) -> Node:
        """A record of ``/instances/``."""
        row = _INSTANCE.decode(raw)
        _check(row.created, row.modified, row.last_seen, row.health_check_started, row.last_health_check)
        return Node(
            key=self._key("node", keys.INSTANCE, row.hostname),
            name=row.hostname,
            tie=(1, row.id),
            node_kind=NodeKind.WORKER,
            active=row.enabled,
            web_url=self._page("instances", row.id, "details"),
            record=Sent(row, raw, full=True),
        )

    def mentioned_instance(self, hostname: str, known: frozenset[str] | None = INSTANCE_OF_ROW) -> Node:
        """An instance of which only the hostname is known; ``known`` None: and nothing more can be found out."""
        return Node(
            key=self._key("node", keys.INSTANCE, hostname),
            name=hostname,
            tie=(2, hostname),
            node_kind=NodeKind.WORKER,
            known=known,
        )

    def deleted_host(self, name: str, tie: Tie | None = None) -> Node:
        """A host that AWX remembers by name only: there is nothing more to ask."""
        return Node(key=self._key("node", keys.HOST_NAME, name), name=name, tie=tie or (3, name), node_kind=NodeKind.HOST)

    def mentioned_host(self, row_id: int | None, name: str) -> Node:
        """A host that something names; ``row_id`` is None once it was deleted."""
        if row_id is None:
            return self.deleted_host(name)
        return self._known_host(row_id, name, (0, row_id))

    def _known_host(self, row_id: int, name: str, tie: Tie) -> Node:
        return Node(
            key=self._key("node", keys.HOST, row_id),
            name=name,
            tie=tie,
            node_kind=NodeKind.HOST,
            web_url=self._page("hosts", row_id, "details"),
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

    # --- all

    def _key(self, kind: Kind, *parts: int | str) -> Key:
        return Key(kind, self.source, tuple(str(part) for part in parts))

    def _page(self, place: str, row_id: int, tab: str) -> str | None:
        return None if self.ui is None else f"{self.ui}#/{place}/{row_id}/{tab}"


def type_of(row: JobRecord) -> str:
    """The type of a unified job; a job's where AWX names none that is known."""
    return row.type if row.type is not None and row.type in PAGES else JOB


def latest_job(summary: Summary) -> int | None:
    """The id of a template's newest job. AWX's list has open jobs first, then by end: ids grow with creation."""
    ids = [recent.id for recent in summary.recent_jobs or () if recent.id is not None and recent.type in (None, "job")]
    return max(ids, default=None)


def _error(row: JobRecord, status: ExecutionStatus) -> ExecutionError | None:
    traceback = row.result_traceback or None
    if status not in (ExecutionStatus.FAILED, ExecutionStatus.ERRORED) and traceback is None:
        return None
    return ExecutionError(message=row.job_explanation or None, traceback=traceback)


def _duration(row: JobRecord) -> float | None:
    """``elapsed``: AWX counts it up while the job runs, and sends 0 for one that has not begun."""
    begun = row.started is not None or row.finished is not None
    return row.elapsed if begun and row.elapsed is not None and row.elapsed >= 0 else None


def _node_counts(row: JobRecord) -> NodeCounts | None:
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


def _check(*texts: str | None) -> None:
    """Instants that only details show must be readable too: a record is either sound or counted as unreadable."""
    for text in texts:
        instant(text)
