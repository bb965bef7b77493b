"""What Scale can do, and what its fields cost (DECISIONS 19): whatever is not named here comes with the list row."""

from collections.abc import Mapping, Sequence

from gateway.query import OrderField
from gateway.spi import Capabilities, Cost

_COSTS: Mapping[Cost, Mapping[str, Sequence[str]]] = {
    Cost.BATCH: {
        # Of a job or node that an execution names; in their own lists these come with the row.
        "Job": ("createdAt", "updatedAt", "finishedAt", "details", "raw", "latestExecution"),
        "Node": ("active", "details", "raw"),
    },
    Cost.EACH: {
        "Execution": ("logs",),
        "ScaleJobDetails": (
            "jobTypeRaw",
            "jobTypeRevisionInterface",
            "jobTypeRevisionCreatedAt",
            "eventRule",
            "eventDescription",
            "errorCreatedAt",
            "errorLastModifiedAt",
            "data",
            "results",
            "recipes",
            "inputs",
            "outputs",
            "inputFiles",
            "products",
        ),
        "ScaleExecutionDetails": (
            "errorCreatedAt",
            "errorLastModifiedAt",
            "cpusScheduled",
            "memScheduledMib",
            "diskInScheduledMib",
            "diskOutScheduledMib",
            "diskTotalScheduledMib",
            "environment",
            "results",
            "resultsManifest",
        ),
        "ScaleNodeDetails": ("disconnected", "resources", "runningExecutions"),
    },
}

CAPABILITIES = Capabilities(
    lists_all_executions=True,
    pushed_filters=frozenset({"status", "rawStatus", "jobId", "nodeId", "name", "state", "rawState", "nodeKind"}),
    orders=frozenset({OrderField.CREATED_AT, OrderField.STARTED_AT, OrderField.FINISHED_AT, OrderField.NATIVE}),
    counts=True,
    batch_size=1,
    logs=True,
    # How long log shippers may take to bring an entry to the index (DECISIONS 28).
    log_late_seconds=10.0,
    nodes=True,
    costs={f"{kind}.{name}": cost for cost, kinds in _COSTS.items() for kind, names in kinds.items() for name in names},
)
