"""The roots. Reads only, so far."""

from typing import Annotated, Any

import strawberry
from strawberry import ID

from gateway.api import inputs
from gateway.api.context import Info
from gateway.api.lists import list_executions, list_jobs, list_nodes
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
from gateway.model import Key, Kind

NEWEST_JOBS = inputs.JobOrder(field=inputs.JobOrderField.CREATED_AT)

Id = Annotated[ID, strawberry.argument(description="A global id.")]


async def _by_id(info: Info, text: str, *kinds: Kind) -> Any:
    key = info.context.gateway.key(text, *kinds)
    return await info.context.gateway.get(info.context.session, key) if isinstance(key, Key) else key


@strawberry.type(description="Reads. Every list is a connection with a report per source.")
class Query:
    @strawberry.field(
        description="Every configured back-end instance, with what it can do and how it is doing.", graphql_type=list[Source]
    )
    def sources(self, info: Info) -> Any:
        return list(info.context.gateway.registry.sources.values())

    @strawberry.field(description="One back-end instance by its configured name.", graphql_type=Source | None)
    def source(self, info: Info, name: Annotated[str, strawberry.argument(description="Its name, or a former one.")]) -> Any:
        return info.context.gateway.registry.find(name)

    @strawberry.field(
        description="Anything by its global id (Relay object identification). Null when its source says it does not exist.",
        graphql_type=Entity | None,
    )
    async def entity(self, info: Info, id: Id) -> Any:  # noqa: A002 - the argument's public name
        return await _by_id(info, id)

    @strawberry.field(
        description="Several at once; same order and length as `ids`. One upstream batch per source where it allows that.",
        graphql_type=list[Entity | None],
    )
    async def entities(
        self, info: Info, ids: Annotated[list[ID], strawberry.argument(description="Global ids, 100 at most.")]
    ) -> Any:
        limit = info.context.gateway.server.max_ids
        if len(ids) > limit:
            raise UserError(f"`ids` holds at most {limit} ids.")
        return [_by_id(info, text) for text in ids]

    @strawberry.field(description="A job by its global id. By its native id: `source { job }`.", graphql_type=Job | None)
    async def job(self, info: Info, id: Id) -> Any:  # noqa: A002
        return await _by_id(info, id, "job")

    @strawberry.field(
        description="An execution by its global id. By its native id: `source { execution }`.", graphql_type=Execution | None
    )
    async def execution(self, info: Info, id: Id) -> Any:  # noqa: A002
        return await _by_id(info, id, "execution")

    @strawberry.field(
        description="A machine or device by its global id. By its native id: `source { node }`.", graphql_type=Node | None
    )
    async def node(self, info: Info, id: Id) -> Any:  # noqa: A002
        return await _by_id(info, id, "node")

    @strawberry.field(description="Jobs of all sources, merged into one order.", graphql_type=JobConnection | None)
    async def jobs(
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            inputs.JobFilter | None, strawberry.argument(description="Which jobs.")
        ] = None,
        order_by: Annotated[inputs.JobOrder, strawberry.argument(description="In which order.")] = NEWEST_JOBS,
        first: First = 50,
        after: After = None,
        on_source_error: OnSourceError = PARTIAL,
    ) -> Any:
        return await list_jobs(info, filter, order_by, first, after, on_source_error)

    @strawberry.field(
        description="Executions of all sources, merged into one order. Forward pagination only. `first: 0` reads no rows "
        "(and gives no cursor): with `totalCount` or `sources { totalCount }` it fills badges cheaply.",
        graphql_type=ExecutionConnection | None,
    )
    async def executions(
        self,
        info: Info,
        filter: WantedExecutions = None,  # noqa: A002
        order_by: ExecutionsOrder = NEWEST_EXECUTIONS,
        first: First = 50,
        after: After = None,
        on_source_error: OnSourceError = PARTIAL,
    ) -> Any:
        return await list_executions(info, filter, order_by, first, after, on_source_error)

    @strawberry.field(
        description="Machines and devices of all sources, by source and then native id.", graphql_type=NodeConnection | None
    )
    async def nodes(
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            inputs.NodeFilter | None, strawberry.argument(description="Which nodes.")
        ] = None,
        first: First = 50,
        after: After = None,
        on_source_error: OnSourceError = PARTIAL,
    ) -> Any:
        return await list_nodes(info, filter, first, after, on_source_error)
