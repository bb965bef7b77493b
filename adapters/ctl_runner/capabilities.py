"""What Runner can do, and what its fields cost (DECISIONS 19): whatever is not named here comes with the list row."""

from collections.abc import Mapping, Sequence

from gateway.spi import Capabilities, Cost

LATE_SECONDS = 10.0
"""Status events may appear so much later than others that are newer."""

_COSTS: Mapping[Cost, Mapping[str, Sequence[str]]] = {
    Cost.BATCH: {
        # An execution names its job by id alone; the rest takes the list of jobs, which is kept for a minute.
        "Execution": ("name", "nodes", "timeoutSeconds"),
        # Of a job that an execution names; in its own list these come with the row.
        "Job": ("name", "description", "state", "rawState", "definition", "createdAt", "updatedAt", "details", "raw"),
    },
    # The first row of the list of the job's own executions (DECISIONS 22).
    Cost.EACH: {"Job": ("latestExecution",), "Execution": ("logs",)},
}

CAPABILITIES = Capabilities(
    lists_all_executions=True,
    pushed_filters=frozenset({"jobId"}),
    orders=frozenset(),
    counts=True,
    batch_size=1,
    logs=True,
    log_late_seconds=LATE_SECONDS,
    costs={f"{kind}.{name}": cost for cost, kinds in _COSTS.items() for kind, names in kinds.items() for name in names},
)
