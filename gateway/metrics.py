"""What ``/metrics`` shows: one registry for the process.

Labels never carry anything a caller or an upstream wrote, except the words of ``unknown_status``, for operators.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

OPERATIONS = Counter("gateway_operations", "GraphQL operations answered, by outcome.", ["outcome"], registry=REGISTRY)
OPERATION_SECONDS = Histogram("gateway_operation_seconds", "Time to answer a GraphQL operation.", registry=REGISTRY)
EXECUTIONS = Counter(
    "gateway_executions",
    "Operations and events executed: compiled, interpreted (by graphql-core, and why), or fell_back to it midway.",
    ["how", "reason"],
    registry=REGISTRY,
)
UPSTREAM = Counter(
    "gateway_upstream_requests", "Requests sent to a source, by how they ended.", ["source", "outcome"], registry=REGISTRY
)
UPSTREAM_SECONDS = Histogram("gateway_upstream_seconds", "Time a source took to answer.", ["source"], registry=REGISTRY)
SOURCE_UP = Gauge("gateway_source_up", "1 while the last request to the source succeeded.", ["source"], registry=REGISTRY)
UNREADABLE_ROWS = Counter(
    "gateway_unreadable_rows", "Upstream records that could not be read.", ["source"], registry=REGISTRY
)
UNKNOWN_STATUS = Counter(
    "gateway_unknown_status", "Status words that no mapping knows.", ["source", "raw"], registry=REGISTRY
)
ORDER_VIOLATIONS = Counter(
    "gateway_order_violations", "Sources that broke the order they promised.", ["source"], registry=REGISTRY
)
