"""``executionStats``: its types, and its answer."""

import time
from collections.abc import Sequence
from typing import Annotated, Any

import strawberry

from gateway import model
from gateway.api import inputs, values
from gateway.api.reading import reading
from gateway.api.scalars import DateTime
from gateway.api.types import Job, Node, Source, SourceReport
from gateway.api.values import described, field
from gateway.execution.fields import LATER, Call, computed, rooted
from gateway.execution.selection import below
from gateway.stats import Definitions, Stats, StatsRequest, execution_stats
from gateway.tally import ExecutionStatsGroupBy, ExecutionStatsOrderField, Group

for _enum in (ExecutionStatsGroupBy, ExecutionStatsOrderField):
    described(_enum)

_By = ExecutionStatsGroupBy


@strawberry.input(description="Groups without the figure come last either way; ties are broken by KEY, ascending.")
class ExecutionStatsOrder:
    field: ExecutionStatsOrderField = strawberry.field(description="The figure.")
    direction: inputs.OrderDirection = strawberry.field(
        description="Its direction: ASC is least first, DESC greatest first.", default=inputs.OrderDirection.DESC
    )


MOST_FIRST = ExecutionStatsOrder(field=ExecutionStatsOrderField.COUNT)


# --- types ---------------------------------------------------------------------------------------------------------


@strawberry.type(
    description="Figures of the durations of executions that have finished, in seconds, exact over those that were read. "
    "Percentiles are by nearest rank: the smallest duration that at least so many percent do not exceed."
)
class DurationStats:
    count: int = field("How many durations there are.")
    total: float = field("Their sum.")
    min: float = field("The shortest.")
    max: float = field("The longest.")
    mean: float = field("Their mean.")
    p50: float = field("The median.")
    p90: float = field("The 90th percentile.")
    p95: float = field("The 95th percentile.")
    p99: float = field("The 99th percentile.")


def _label(description: str, type_: Any, by: ExecutionStatsGroupBy) -> Any:
    """What a group shows of one of its keys; null where it is not grouped by that."""
    return computed(f"{description} Null unless grouped by {by.value}.", type_, lambda group, _call: group.labels.get(by))


def _source(group: Group, call: Call) -> Any:
    name = group.labels.get(_By.SOURCE)
    return None if name is None else call.context.gateway.registry.sources[name]


def _bucket(index: int) -> Any:
    def read(group: Group, _call: Call) -> Any:
        bucket = group.labels.get(_By.HOUR) or group.labels.get(_By.DAY)
        return None if bucket is None else bucket[index]

    return read


@strawberry.type(description="Executions that have the same keys, and their figures.")
class ExecutionStatsGroup:
    source = computed("Their source. Null unless grouped by SOURCE.", Source | None, _source)
    job = _label("Their job; null where its source no longer knows it.", Job | None, _By.JOB)
    definition = _label(
        "What their job was made from, without its `url`; null where there is none.",
        values.JobDefinition | None,
        _By.DEFINITION,
    )
    executor = _label("The node that ran them; null where there is none.", Node | None, _By.EXECUTOR)
    status = _label("Their status.", model.ExecutionStatus | None, _By.STATUS)
    outcome = _label("How they ended; null for those that have not.", model.ExecutionOutcome | None, _By.OUTCOME)
    bucket_start = computed(
        "The first instant of their hour or day. Null unless grouped by HOUR or DAY.", DateTime | None, _bucket(0)
    )
    bucket_end = computed(
        "The first instant after their hour or day. Null unless grouped by HOUR or DAY.", DateTime | None, _bucket(1)
    )
    count: int = field("How many there are, in whatever status.")
    failure_count: int = field("How many ended in FAILURE or ERROR.")
    failure_rate: float | None = field(
        "`failureCount` as a part, 0 to 1, of those that ended in SUCCESS, FAILURE or ERROR; null when none did."
    )
    status_counts = computed(
        "How many are in each status; those of which there are none are left out.",
        list[values.StatusCount],
        lambda group, _call: [
            model.StatusCount(each, count) for each in model.ExecutionStatus if (count := group.statuses[each])
        ],
    )
    duration_seconds: DurationStats | None = field("How long those took that have finished; null without any.")


@strawberry.type(description="What the statistics of one question may read of each source. It ends at the end of a page.")
class ExecutionStatsBudget:
    rows: int = field("Rows.")
    requests: int = field("Requests.")
    seconds: float = field("Seconds.")


@strawberry.type(
    description="Statistics of executions over all sources. A source that can count does so where only counts by SOURCE, "
    "STATUS and OUTCOME are asked for. Of the others rows are read, the latest first, within a budget."
)
class ExecutionStats:
    groups: list[ExecutionStatsGroup] = field(
        "The first groups in the order asked for. What has no executions has no group; without keys there is one, of all."
    )
    group_count: int = field("How many groups there are, those beyond `first` included.")
    count: int = field("How many executions there are in all groups together, those beyond `first` included.")
    time_field: model.ExecutionTimestamp = field(
        "The instant that hours and days are told by, and sources are read by: the first of `createdAt`, `startedAt` and "
        "`finishedAt` whose range in the filter has a beginning."
    )
    time_zone: str = field("The time zone of hours and days.")
    range_start: DateTime = field("Where the filter's range on `timeField` begins; relative ones are resolved.")
    range_end: DateTime | None = field("Where that range ends; null where it does not.")
    scanned_rows: int = field("Rows read of all sources together.")
    budget: ExecutionStatsBudget = field("What might be read of each source.")
    partial: bool = field("True when a source failed or was truncated: executions may be missing from the figures.")
    sources: list[SourceReport] = field(
        "One report per configured source, in order of source name; those that were not asked are SKIPPED. When a budget "
        "ends first, `coveredUntil` tells from which `timeField` on everything was examined. `taken` are the rows in the "
        "figures: none of a source that counted, which has its `totalCount` instead."
    )


# --- the root ------------------------------------------------------------------------------------------------------

_definition, _load_definitions = reading("definition")
_definition_at_once = _definition.function()


def _definitions(call: Call) -> Definitions:
    """Definitions of jobs: as rows told of them, else by look-ups."""

    async def read(jobs: Sequence[model.Job]) -> list[Any]:
        found = [*map(_definition_at_once(call), jobs)]
        weak = [job for job, definition in zip(jobs, found, strict=True) if definition is LATER]
        loaded = iter(await _load_definitions(weak, call))
        return [next(loaded) if definition is LATER else definition for definition in found]

    return read


async def _execution_stats(
    call: Call,
    filter: Annotated[  # noqa: A002 - the argument's public name
        inputs.ExecutionFilter,
        strawberry.argument(
            description="Which executions. `createdAt`, `startedAt` or `finishedAt` must have a beginning: `from` or `last`."
        ),
    ],
    group_by: Annotated[
        list[ExecutionStatsGroupBy], strawberry.argument(description="Up to three keys; none gives one group of all.")
    ] = [],  # noqa: B006 - nobody changes it, and GraphQL shows it
    time_zone: Annotated[
        str, strawberry.argument(description="Of hours and days, by its name in the IANA database, e.g. `Europe/Berlin`.")
    ] = "UTC",
    order_by: Annotated[ExecutionStatsOrder, strawberry.argument(description="In which order.")] = MOST_FIRST,
    first: Annotated[int, strawberry.argument(description="How many groups, 0 to 1000.")] = 50,
) -> Stats:
    gateway = call.context.gateway
    read = below(call.selection, "groups").keys()
    request = StatsRequest(
        filter=inputs.execution_parts(gateway, filter, time.time_ns() // 1000),
        definitions=_definitions(call),
        by=group_by,
        time_zone=time_zone,
        order=order_by.field,
        descending=order_by.direction is inputs.OrderDirection.DESC,
        first=first,
        sources=inputs.sources_of(gateway, filter),
        statuses="statusCounts" in read,
        failures="failureCount" in read or "failureRate" in read,
        durations="durationSeconds" in read,
        budget=gateway.server.stats_budget,
    )
    return await execution_stats([*gateway.registry.sources.values()], request)


STATS = rooted(
    "Executions counted and measured by groups, over all sources: failures by job since Monday, the rate of failures per "
    "day, the slowest jobs. For lists of executions: `executions`.",
    ExecutionStats | None,
    _execution_stats,
)
