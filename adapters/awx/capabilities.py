"""What AWX can do, and what its fields cost (DECISIONS 19): whatever is not named here comes with the list row."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from adapters.awx.client import LARGEST_PAGE
from adapters.awx.kinds import Listing
from adapters.awx.planning import PUSHED_FILTERS
from gateway.query import OrderField
from gateway.spi import Capabilities, Cost

_COSTS: Mapping[Cost, Mapping[str, Sequence[str]]] = {
    Cost.BATCH: {
        # The workflow job that launched it; its id, name and page come with the list row.
        "Execution": ("parent",),
        # Of a job or node that an execution names; in their own lists these come with the row.
        "Job": ("rawState", "definition", "createdAt", "updatedAt", "latestExecution", "details", "raw"),
        "Node": ("active", "webUrl", "details", "raw"),
    },
    Cost.EACH: {
        # Its TARGET nodes: the other roles come with the list row.
        "Execution": ("logs", "nodeCounts", "nodes"),
        "ExecutionError": ("traceback",),
        "AwxExecutionDetails": (
            "jobArgs",
            "jobCwd",
            "jobEnv",
            "eventProcessingFinished",
            "hostStatusCounts",
            "playbookCounts",
            "customVirtualenv",
        ),
    },
}

CAPABILITIES = Capabilities(
    lists_all_executions=True,
    pushed_filters=PUSHED_FILTERS,
    # DURATION too, but only while the filter admits ended executions alone.
    orders=frozenset({OrderField.CREATED_AT, OrderField.STARTED_AT, OrderField.FINISHED_AT, OrderField.NATIVE}),
    counts=True,
    batch_size=LARGEST_PAGE,
    # Lines never come late: what AWX has not stored yet, no later line is read before (see logs).
    logs=True,
    nodes=True,
    costs={f"{kind}.{name}": cost for cost, kinds in _COSTS.items() for kind, names in kinds.items() for name in names},
)


def capabilities_of(listing: Listing) -> Capabilities:
    """What an AWX can do of which these executions are listed."""
    pushed = PUSHED_FILTERS if listing.names else PUSHED_FILTERS - {"search"}
    return replace(CAPABILITIES, pushed_filters=pushed)
