"""GraphQL types over the model. A resolver is a line or two; below the root, I/O happens only through the loaders.

The classes are never instantiated: model values stand behind them. What each field means is said where clients see it.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import strawberry
from strawberry import ID, Parent

from gateway import ids, model
from gateway.api import inputs, values
from gateway.api.details import detail_union, details_at_once, details_of
from gateway.api.lists import list_execution_nodes, nested_executions, nodes_at_hand
from gateway.api.logs import LogLineConnection, execution_logs
from gateway.api.reading import (
    apart,
    error_at_once,
    errors,
    latest_executions,
    looked_up,
    parent_at_once,
    parents_of,
    raw,
    raw_at_once,
    traceback_at_once,
    tracebacks,
)
from gateway.api.scalars import JSON, DateTime
from gateway.api.values import field
from gateway.execution.fields import Call, Inline, batched, computed
from gateway.merge import SourceReportState
from gateway.query import OrderField
from gateway.registry import Source as ConfiguredSource

First = Annotated[int, strawberry.argument(description="How many rows, 0 to 1000.")]
After = Annotated[str | None, strawberry.argument(description="The cursor to go on from: an edge's, or `endCursor`.")]
OnSourceError = Annotated[inputs.SourceErrorPolicy, strawberry.argument(description="What to do when a source fails.")]
WantedExecutions = Annotated[inputs.ExecutionFilter | None, strawberry.argument(description="Which executions.")]
ExecutionsOrder = Annotated[inputs.ExecutionOrder, strawberry.argument(description="In which order.")]

NEWEST_EXECUTIONS = inputs.ExecutionOrder(field=inputs.ExecutionOrderField.CREATED_AT)
PARTIAL = inputs.SourceErrorPolicy.PARTIAL

JobDetails = detail_union("JobDetails", "What only one kind of source has on a job.", lambda types: types.job)
ExecutionDetails = detail_union(
    "ExecutionDetails", "What only one kind of source has on an execution.", lambda types: types.execution
)
NodeDetails = detail_union("NodeDetails", "What only one kind of source has on a node.", lambda types: types.node)


# --- fields that several types have ---------------------------------------------------------------------------------


async def _execution_nodes(
    parents: Sequence[model.Execution],
    call: Call,
    filter: Annotated[  # noqa: A002 - the argument's public name
        inputs.ExecutionNodeFilter | None, strawberry.argument(description="Which of its nodes.")
    ] = None,
    first: First = 50,
    after: After = None,
) -> list[Any]:
    return await apart(list_execution_nodes(call, parent, filter, first, after) for parent in parents)


async def _executions_of(
    parents: Sequence[model.Job | model.Node],
    call: Call,
    filter: WantedExecutions = None,  # noqa: A002 - the argument's public name
    order_by: ExecutionsOrder = NEWEST_EXECUTIONS,
    first: First = 50,
    after: After = None,
    on_source_error: OnSourceError = PARTIAL,
) -> list[Any]:
    return await apart(
        nested_executions(call, parent, filter, order_by, first, after, on_source_error) for parent in parents
    )


def _executions(description: str) -> Any:
    return batched(description, ExecutionConnection | None, _executions_of, name="executions")


def _of_source(kind: model.Kind) -> Any:
    async def load(
        parents: Sequence[ConfiguredSource],
        call: Call,
        native_id: Annotated[str, strawberry.argument(description="The source's own id.")],
    ) -> list[Any]:
        gateway, session = call.context.gateway, call.context.session
        return await apart(gateway.get_native(session, source, kind, native_id) for source in parents)

    return load


# --- interfaces ----------------------------------------------------------------------------------------------------


@strawberry.interface(
    description="Relay object identification. Exactly this field: other subgraphs' types implement it too."
)
class Entity:
    id: ID = field("The global id.")


@strawberry.interface(description="A thing that lives in a source: job, execution or compute node.")
class Resource(Entity):
    id = computed("The global id.", ID, Inline("{1}({0}.key)", lambda _context: ids.encode))
    source = computed(
        "Where it lives.",
        Annotated["Source", strawberry.lazy("gateway.api.types")],
        Inline("{1}[{0}.key.source]", lambda context: context.gateway.registry.sources),
        shared=True,
    )
    native_id = computed(
        "What the source calls it; unique per source and type. Composite ones are joined with `/`; see its adapter.",
        str,
        Inline("{0}.key.native_id"),
    )
    name: str = field("Never empty: falls back to the job's name, then to the native id.")
    web_url = looked_up("Its page in the source's own user interface, where it has one.", str | None, "web_url")
    raw = batched(
        "The upstream record, secrets redacted. Null unless the source's settings expose it.", JSON | None, raw, raw_at_once
    )


# --- sources -------------------------------------------------------------------------------------------------------


@strawberry.type(description="What the adapter declares. The conformance suite checks each declaration against behaviour.")
class SourceCapabilities:
    lists_all_executions: bool = field(
        "Can list executions without naming a job or node. False for AWS IoT and CTL: the gateway fans out over jobs."
    )
    counts: bool = field("Whether a total count can be had at the price of one request.", name="countsCheaply")
    batch_size: int = field("Largest number of objects one upstream request can fetch by id; 1 when there is no multi-get.")
    logs: bool = field("Whether it keeps logs that can be read.")
    nodes: bool = field("Whether it can list its nodes.")
    tql: bool = field("Whether it speaks TQL, so that `ExecutionFilter.tql` can be asked of it.")
    cancel_execution: bool = field("Whether one execution can be stopped through it.")
    cancel_job: bool = field("Whether a job with all its open executions can be stopped through it.")
    rerun: model.RerunSupport = field("What a re-run amounts to.")
    min_poll_seconds: float = field("Shortest polling interval that the gateway will use on it.")

    @strawberry.field(description="Filter fields the source applies itself; the others are applied by the gateway.")
    def pushed_filters(parent: Parent[Any]) -> list[str]:
        return sorted(parent.pushed_filters)

    @strawberry.field(description="Orders the source applies itself; the others need a bounded scan.")
    def pushed_orders(parent: Parent[Any]) -> list[inputs.ExecutionOrderField]:
        named = [order for order in inputs.ExecutionOrderField if OrderField(order.value) in parent.orders]
        return sorted(named, key=lambda order: order.value)


@strawberry.type(description="One configured back-end instance. Two AWX servers are two sources of one kind.")
class Source(Entity):
    id = computed("The global id.", ID, lambda parent, _call: ids.encode_source(parent.name))
    name: str = field(
        "Configured name, unique in this gateway, e.g. `awx-prod`. "
        "Part of every id; a renamed source keeps its ids through an alias."
    )
    kind: str = field(
        "Adapter that speaks to it: `awx`, `scale`, `aws-iot`, `threatconnect`, `ctl-runner`, or a third party's."
    )

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, ConfiguredSource)

    @strawberry.field(description="How people call it; the name where nothing else is configured.")
    def display_name(parent: Parent[ConfiguredSource]) -> str:
        return parent.settings.display_name or parent.name

    @strawberry.field(description="How it is doing.", graphql_type=values.SourceHealth)
    def health(parent: Parent[ConfiguredSource]) -> Any:
        return parent.client.health

    @strawberry.field(description="What it can do.", graphql_type=SourceCapabilities)
    def capabilities(parent: Parent[ConfiguredSource]) -> Any:
        return parent.adapter.capabilities

    job = batched(
        "The job that this source calls `nativeId`.",
        Annotated["Job", strawberry.lazy("gateway.api.types")] | None,
        _of_source("job"),
    )
    execution = batched(
        "The execution that this source calls `nativeId`: the way from an AWX job number to an id.",
        Annotated["Execution", strawberry.lazy("gateway.api.types")] | None,
        _of_source("execution"),
    )
    node = batched(
        "The machine or device that this source calls `nativeId`.",
        Annotated["Node", strawberry.lazy("gateway.api.types")] | None,
        _of_source("node"),
    )


@strawberry.type(
    description="What one source contributed to a connection. `state`, `error` and `coveredUntil` speak of all pages from "
    "the first to this one (the cursor carries them), so a client that merges pages may keep the last report; the counters "
    "are this page's."
)
class SourceReport:
    state: SourceReportState = field("How far it could be heard.")
    covered_until: DateTime | None = field(
        "When TRUNCATED: how far along the order key everything was examined; null where the source has no order."
    )
    taken: int = field("Rows taken from it into this page.")
    scanned: int = field("Rows read from it to fill this page, kept or not.")
    requests: int = field("Upstream requests made for this list; `extensions.upstream` counts everything.")
    total: int | None = field("Its own total for the pushed-down filter, where it says.", name="totalCount")
    residual: list[str] = field("Filter fields the gateway had to apply itself.", name="residualFilters")
    error = computed("What went wrong.", values.SourceError | None, lambda parent, _call: values.fault(parent.error))
    envelope: JSON | None = field("Envelope values that belong to no row (ThreatConnect countSuccess and countFailure).")

    source = computed(
        "Whose report this is.", Source, lambda parent, call: call.context.gateway.registry.sources[parent.source]
    )


# --- connections ---------------------------------------------------------------------------------------------------


@strawberry.type(description="An execution and its place in the order.")
class ExecutionEdge:
    cursor: str = field("Where to go on after this row.")
    node: "Execution" = field("The row.")


@strawberry.type(description="A job and its place in the order.")
class JobEdge:
    cursor: str = field("Where to go on after this row.")
    node: "Job" = field("The row.")


@strawberry.type(description="A node and its place in the order.")
class NodeEdge:
    cursor: str = field("Where to go on after this row.")
    node: "Node" = field("The row.")


_TOTAL = "Exact total, or null when any source cannot count cheaply or the gateway filters after it."
_PARTIAL = "True when a source failed or was truncated on this page or an earlier one: rows may be missing. See `sources`."
_SOURCES = "One report per configured source, in order of source name; those that were not asked are SKIPPED."


@strawberry.type(description="A page of executions.")
class ExecutionConnection:
    edges: list[ExecutionEdge] = field("The rows.")
    page_info: values.PageInfo = field("Where the page lies.")
    total_count: int | None = field(_TOTAL)
    partial: bool = field(_PARTIAL)
    sources: list[SourceReport] = field(_SOURCES)


@strawberry.type(description="A page of jobs.")
class JobConnection:
    edges: list[JobEdge] = field("The rows.")
    page_info: values.PageInfo = field("Where the page lies.")
    total_count: int | None = field(_TOTAL)
    partial: bool = field(_PARTIAL)
    sources: list[SourceReport] = field(_SOURCES)


@strawberry.type(description="A page of nodes.")
class NodeConnection:
    edges: list[NodeEdge] = field("The rows.")
    page_info: values.PageInfo = field("Where the page lies.")
    total_count: int | None = field(_TOTAL)
    partial: bool = field(_PARTIAL)
    sources: list[SourceReport] = field(_SOURCES)


@strawberry.type(description="A node and what became of it in this execution.")
class ExecutionNodeEdge:
    cursor: str = field("Where to go on after this row.")
    node: "Node" = field("The machine or device.", shared=True)
    roles: list[model.NodeRole] = field("Every part it has in this execution; a node has one edge, however many parts.")
    status: model.ExecutionStatus | None = field(
        "What became of it; null where the source publishes no result per node or it only hosts the process."
    )
    failed: bool | None = field("Whether it failed there.")
    unreachable: bool | None = field("Whether it could not be reached.")
    tasks: values.HostTaskCounts | None = field("AWX job_host_summaries counters; null elsewhere.")


@strawberry.type(description="The nodes of one execution.")
class ExecutionNodeConnection:
    source: SourceReport = field("How the source answered for this list.")
    edges: list[ExecutionNodeEdge] = field("The nodes: those the record names first, then its targets.")
    page_info: values.PageInfo = field("Where the page lies.")
    total_count: int | None = field("How many there are, where the source tells.")


# --- the unified types ---------------------------------------------------------------------------------------------


@strawberry.type(
    description="What can be executed: the thing that has executions. AWX job template; Scale job; AWS IoT job; "
    "ThreatConnect job; CTL Runner job. An AWX *job* is an execution, not a job."
)
class Job(Resource):
    name = looked_up("Human name. CTL has none and uses its description; AWS IoT has none and uses the job id.", str, "name")
    description = looked_up("What it is for.", str | None, "description")
    state = looked_up("Where it is in its own life.", model.JobState, "state")
    raw_state = looked_up(
        "The source's own word, verbatim; null when the source has no job-level state.", str | None, "raw_state"
    )
    definition = looked_up(
        "What the job was made from: Scale job type, AWX project and playbook, CTL repository, IoT job template, "
        "ThreatConnect app.",
        values.JobDefinition | None,
        "definition",
    )
    created_at = looked_up("When it was created.", DateTime | None, "created_at")
    updated_at = looked_up("When it was last changed.", DateTime | None, "updated_at")
    finished_at = looked_up("When it ended for good, where jobs end.", DateTime | None, "finished_at")
    executions = _executions("Its executions.")
    latest_execution = batched(
        "Its newest execution.", Annotated["Execution", strawberry.lazy("gateway.api.types")] | None, latest_executions
    )
    execution_counts = looked_up(
        "Executions by unified status; null where the source has no counter (only AWS IoT reports one).",
        list[values.StatusCount] | None,
        "execution_counts",
    )
    details = batched("What only this kind of source has.", JobDetails | None, details_of, details_at_once)

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, model.Job)


@strawberry.type(description="Why it did not succeed, as far as the source says.")
class ExecutionError:
    code: str | None = field("Source's code or name for it, e.g. a Scale error name.")
    title: str | None = field("A short name for people.")
    message: str | None = field("What happened.")
    category: str | None = field("SYSTEM, DATA or ALGORITHM in Scale; null elsewhere.")
    traceback = batched(
        "The trace of the source's own fault, where it keeps one.", str | None, tracebacks, traceback_at_once
    )


@strawberry.type(
    description="One run of a job. AWX job; Scale job execution; AWS IoT execution of a job on one thing; "
    "ThreatConnect job execution; CTL job execution."
)
class Execution(Resource):
    job = looked_up(
        "Null when the source no longer knows it (an AWX job outlives its deleted template).", Job | None, "job", shared=True
    )
    parent = batched(
        "The execution that launched it as a step of its own: the workflow job of an AWX job. Null where nothing did, and "
        "where the source does not tell.",
        "Execution | None",
        parents_of,
        parent_at_once,
    )
    status: model.ExecutionStatus = field("The unified status.")
    raw_status: str | None = field("The source's own word, verbatim. Null only when the source sent none.")
    phase: model.ExecutionPhase = computed(
        "Coarse position, a total function of `status`.",
        model.ExecutionPhase,
        Inline("{0}.status.phase"),
    )
    outcome: model.ExecutionOutcome | None = computed(
        "How it ended, a total function of `status`; null while it has not.",
        model.ExecutionOutcome | None,
        Inline("{0}.status.outcome"),
    )
    status_message = looked_up(
        "One human line: AWX job_explanation, Scale error title, ThreatConnect exitMessage.", str | None, "status_message"
    )
    error = batched("Why it did not succeed.", ExecutionError | None, errors, error_at_once)
    exit_code = looked_up("The exit code of the work's process, where the source keeps it.", int | None, "exit_code")
    attempt: int | None = field("1-based number of the latest attempt, null where the source does not count.")
    attempts: list[values.Attempt] = field(
        "Every attempt the source remembers, oldest first. Only CTL remembers more than one (its timers)."
    )
    created_at: DateTime | None = field(
        "Earliest instant the source reports for it; the default order key. See `derivedTimestamps`."
    )
    queued_at: DateTime | None = field("When it entered a queue.")
    started_at: DateTime | None = field("When work began (first attempt).")
    finished_at: DateTime | None = field("When it reached its last terminal status; null while open.")
    updated_at: DateTime | None = field("When the source last changed its record, where that says anything.")
    derived_timestamps: list[model.ExecutionTimestamp] = field(
        "Which of the five instants the gateway inferred rather than read."
    )
    duration_seconds: float | None = field(
        "Source's own figure where it has one (AWX elapsed), else finishedAt - startedAt of the latest attempt."
    )
    timeout_seconds = looked_up("Its time limit, where it has one of its own.", int | None, "timeout_seconds")
    trigger: values.Trigger | None = field("What set it going.", shared=True)
    nodes = batched(
        "Machines and devices involved, each with its part and its result. Many for AWX and CTL, one for the "
        "others. TARGET nodes of AWX cost one upstream request per execution; the other roles cost none.",
        ExecutionNodeConnection | None,
        _execution_nodes,
        nodes_at_hand,
        shared=True,
    )
    node_counts = looked_up("Hosts by result.", values.NodeCounts | None, "node_counts")
    logs = batched(
        "What it printed, line by line. Null where the source keeps no log (ThreatConnect; AWS IoT unless its "
        "settings name a log group). `tail: n` gives the last n lines.",
        LogLineConnection | None,
        execution_logs,
    )
    details = batched("What only this kind of source has.", ExecutionDetails | None, details_of, details_at_once)

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, model.Execution)


@strawberry.type(
    description="A machine or device that takes part in executions. AWX inventory host or AWX instance; Scale node; "
    "AWS IoT thing; ThreatConnect server; CTL host."
)
class Node(Resource):
    name = looked_up("Host name, thing name or server name.", str, "name")
    node_kind = looked_up("What sort of machine it is to its source.", model.NodeKind, "node_kind")
    active = looked_up("Whether the source would use it now; null where it does not say.", bool | None, "active")
    executions = _executions(
        "Executions that involved it. An empty connection with a SKIPPED report where the source cannot list by node."
    )
    details = batched("What only this kind of source has.", NodeDetails | None, details_of, details_at_once)

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, model.Node)
