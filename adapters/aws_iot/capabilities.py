"""What AWS IoT can do, and what its fields cost (DECISIONS 19): whatever is not named here comes with the list row."""

from collections.abc import Mapping, Sequence

from adapters.aws_iot.planning import PUSHED_FILTERS
from gateway.spi import Capabilities, Cost

_COSTS: Mapping[Cost, Mapping[str, Sequence[str]]] = {
    Cost.EACH: {
        # DescribeJobExecution; the time limit is its job's.
        # The beginnings of up to a hundred logs are one request, but only those of one log group, which may be a job's own.
        "Execution": ("logs", "statusMessage", "timeoutSeconds"),
        "IotExecutionDetails": (
            "versionNumber",
            "forceCanceled",
            "statusDetails",
            "approximateSecondsBeforeTimedOut",
        ),
        # DescribeJob; the latest execution is found in all of them.
        "Job": ("description", "definition", "executionCounts", "latestExecution"),
        "IotJobDetails": (
            "targets",
            "forceCanceled",
            "reasonCode",
            "comment",
            "jobTemplateArn",
            "namespaceId",
            "timeoutMinutes",
        ),
        # DescribeThing, of a thing that an execution names; in their own list these come with the row.
        "Node": ("details", "raw"),
    },
}

CAPABILITIES = Capabilities(
    lists_all_executions=False,
    pushed_filters=PUSHED_FILTERS,
    orders=frozenset(),
    counts=False,
    batch_size=1,
    nodes=True,
    min_poll_seconds=30.0,
    costs={f"{kind}.{name}": cost for cost, kinds in _COSTS.items() for kind, names in kinds.items() for name in names},
)
