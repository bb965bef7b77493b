"""How Runner answers a list (DOMAIN C11; contract of CTL Runner, sections 2 and 10): pure.

Runner filters by nothing but the job in a path and sorts by nothing that it tells: all lists are read whole, and filtered
and sorted by the gateway.
"""

import re
from dataclasses import dataclass

from gateway.model import ExecutionStatus, Kind, NodeKind
from gateway.query import ExecutionFilter, ListQuery, NodeFilter
from gateway.spi import ScanPlan

# Documented as UUIDs. Anything that would change the path it is put into is none, nor is the word that makes another list
# of the path of a job.
_ID = re.compile(r"(?!executions\Z)[A-Za-z0-9][A-Za-z0-9_-]{0,127}\Z", re.ASCII)
_NEVER = frozenset({ExecutionStatus.REJECTED, ExecutionStatus.SKIPPED})

_OF_THE_JOB = frozenset({"name", "nodes", "timeout_seconds"})
"""Fields of an execution that only its job tells."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One of Runner's lists: all jobs; all executions; or those of ``jobs``, by id.

    ``described`` says whether the executions are to know what only their jobs tell: name, hosts and time limit.
    """

    kind: Kind
    jobs: tuple[str, ...] | None = None
    described: bool = False


def is_id(text: str) -> bool:
    """Whether an id of a job or an execution may look like that."""
    return _ID.match(text) is not None


def plan(query: ListQuery) -> ScanPlan:
    """How Runner would answer the query."""
    match query.filter:
        case NodeFilter(kinds=kinds) if kinds is not None and NodeKind.HOST not in kinds:
            return ScanPlan(None, reason_empty="CTL Runner has hosts only.")
        case NodeFilter():
            return ScanPlan(None, unsupported="CTL Runner has no list of hosts.")
        case ExecutionFilter() as given:
            return _executions(query, given)
        case _:
            return ScanPlan(Listing("job"), counts=True)


def _executions(query: ListQuery, given: ExecutionFilter) -> ScanPlan:
    if given.trigger_kinds is not None or given.actor is not None:
        return ScanPlan(None, reason_empty="CTL Runner does not tell what set an execution going.")
    if given.statuses is not None and given.statuses <= _NEVER:
        return ScanPlan(None, reason_empty="CTL Runner has no such status.")
    # No fields named: nothing is known about what will be read.
    described = not query.fields or not query.fields.isdisjoint(_OF_THE_JOB)
    if any(part is not None for part in (given.name, given.search, given.nodes, given.node_name)):
        described = True
    if given.jobs is None:
        return ScanPlan(Listing("execution", described=described), counts=True)
    jobs = sorted(key.parts[0] for key in given.jobs if len(key.parts) == 1 and is_id(key.parts[0]))
    if not jobs:
        return ScanPlan(None, reason_empty="CTL Runner has no such job.")
    return ScanPlan(Listing("execution", tuple(jobs), described), pushed=frozenset({"jobId"}))
