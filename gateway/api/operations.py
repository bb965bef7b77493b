"""The roots. Reads only, so far."""

from collections.abc import Callable
from typing import Annotated, Any

import strawberry
from strawberry import ID

from gateway.api import inputs
from gateway.api.lists import list_executions, list_jobs, list_nodes
from gateway.api.reading import apart
from gateway.api.stats import STATS
from gateway.api.types import (
    NEWEST_EXECUTIONS,
    PARTIAL,
    After,
    Entity,
    Execution,
    ExecutionConnection,
    ExecutionsOrder,
    First,
    Job,
    JobConnection,
    Node,
    NodeConnection,
    OnSourceError,
    Source,
    WantedExecutions,
)
from gateway.errors import UserError
from gateway.execution.fields import Call, rooted
from gateway.model import Key, Kind

NEWEST_JOBS = inputs.JobOrder(field=inputs.JobOrderField.CREATED_AT)

Id = Annotated[ID, strawberry.argument(description="A global id.")]


def _sources(call: Call) -> list[Any]:
    return list(call.context.gateway.registry.sources.values())


def _source(call: Call, name: Annotated[str, strawberry.argument(description="Its name, or a former one.")]) -> Any:
    return call.context.gateway.registry.find(name)


async def _by_id(call: Call, text: str, *kinds: Kind) -> Any:
    key = call.context.gateway.key(text, *kinds)
    return await call.context.gateway.get(call.context.session, key) if isinstance(key, Key) else key


def _entity(*kinds: Kind) -> Callable[..., Any]:
    async def answer(call: Call, id: Id) -> Any:  # noqa: A002 - the argument's public name
        return await _by_id(call, id, *kinds)

    return answer


async def _entities(
    call: Call, ids: Annotated[list[ID], strawberry.argument(description="Global ids, 100 at most.")]
) -> list[Any]:
    limit = call.context.gateway.server.max_ids
    if len(ids) > limit:
        raise UserError(f"`ids` holds at most {limit} ids.")
    return await apart(_by_id(call, text) for text in ids)


async def _jobs(
    call: Call,
    filter: Annotated[  # noqa: A002 - the argument's public name
        inputs.JobFilter | None, strawberry.argument(description="Which jobs.")
    ] = None,
    order_by: Annotated[inputs.JobOrder, strawberry.argument(description="In which order.")] = NEWEST_JOBS,
    first: First = 50,
    after: After = None,
    on_source_error: OnSourceError = PARTIAL,
) -> Any:
    return await list_jobs(call, filter, order_by, first, after, on_source_error)


async def _executions(
    call: Call,
    filter: WantedExecutions = None,  # noqa: A002
    order_by: ExecutionsOrder = NEWEST_EXECUTIONS,
    first: First = 50,
    after: After = None,
    on_source_error: OnSourceError = PARTIAL,
) -> Any:
    return await list_executions(call, filter, order_by, first, after, on_source_error)


async def _nodes(
    call: Call,
    filter: Annotated[  # noqa: A002
        inputs.NodeFilter | None, strawberry.argument(description="Which nodes.")
    ] = None,
    first: First = 50,
    after: After = None,
    on_source_error: OnSourceError = PARTIAL,
) -> Any:
    return await list_nodes(call, filter, first, after, on_source_error)


@strawberry.type(description="Reads. Every list is a connection with a report per source.")
class Query:
    sources = rooted("Every configured back-end instance, with what it can do and how it is doing.", list[Source], _sources)
    source = rooted("One back-end instance by its configured name.", Source | None, _source)
    entity = rooted(
        "Anything by its global id (Relay object identification). Null when its source says it does not exist.",
        Entity | None,
        _entity(),
    )
    entities = rooted(
        "Several at once; same order and length as `ids`. One upstream batch per source where it allows that.",
        list[Entity | None],
        _entities,
    )
    job = rooted("A job by its global id. By its native id: `source { job }`.", Job | None, _entity("job"))
    execution = rooted(
        "An execution by its global id. By its native id: `source { execution }`.", Execution | None, _entity("execution")
    )
    node = rooted("A machine or device by its global id. By its native id: `source { node }`.", Node | None, _entity("node"))
    jobs = rooted("Jobs of all sources, merged into one order.", JobConnection | None, _jobs)
    executions = rooted(
        "Executions of all sources, merged into one order. Forward pagination only. `first: 0` reads no rows "
        "(and gives no cursor): with `totalCount` or `sources { totalCount }` it fills badges cheaply.",
        ExecutionConnection | None,
        _executions,
    )
    nodes = rooted("Machines and devices of all sources, by source and then native id.", NodeConnection | None, _nodes)
    execution_stats = STATS
