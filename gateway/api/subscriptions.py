"""What clients can follow. Every update is answered as an operation of its own, with loaders of its own."""

import time
from collections.abc import AsyncGenerator
from typing import Annotated, Any

import strawberry
from strawberry import ID

from gateway import model
from gateway.api import inputs
from gateway.api.context import Info
from gateway.api.logs import BatchView, LogLineBatch, Search, Streams
from gateway.api.types import Execution, SourceReport
from gateway.api.values import described, field
from gateway.cursor import fingerprint
from gateway.errors import SourceError, UserError
from gateway.log_reading import LogRequest
from gateway.model import Key
from gateway.query import impossible, narrowed
from gateway.watch import ExecutionChange, Looked, until_final

described(ExecutionChange)

Id = Annotated[ID, strawberry.argument(description="A global id.")]


@strawberry.type(description="A change of an execution, or of the state of the watched sources.")
class ExecutionUpdate:
    execution: Execution | None = field("Null when only the state of a source changed.")
    previous_status: model.ExecutionStatus | None = field("What it was, as far as it was seen.")
    change: ExecutionChange = field("What changed.")
    sources: list[SourceReport] | None = field(
        "Reports of the watched sources, sent with the first update and whenever one of them changes."
    )


async def _found(info: Info, text: str) -> tuple[Key, Any]:
    """The execution of a global id as it is now: an entity, None, or the fault of its source."""
    gateway = info.context.gateway
    key = gateway.key(text, "execution")
    assert isinstance(key, Key)  # noqa: S101 - nothing else was allowed
    try:
        return key, await gateway.get(info.context.session, key)
    except SourceError as error:
        return key, error


@strawberry.type(description="What clients can follow, over WebSocket (graphql-transport-ws) or SSE.")
class Subscription:
    @strawberry.subscription(
        description="The execution now, then at each observed change, completing once it is final. Null, once, for one that "
        "its source does not have. While its source fails: an error, and the execution again when it is back.",
        graphql_type=Execution | None,
    )
    async def execution_updated(self, info: Info, id: Id) -> AsyncGenerator[Any, None]:  # noqa: A002
        gateway = info.context.gateway
        key, first = await _found(info, id)
        if first is None:
            yield None
            return
        if isinstance(first, SourceError):
            yield first
            first = None
        watched = {("execution", key): Looked(gateway.registry.sources[key.source], only=key)}
        async for each in until_final(gateway.watch.executions(watched), first):
            yield each

    @strawberry.subscription(
        description="Each observed change of an execution that matches. Polled; never faster than "
        "`Source.capabilities.minPollSeconds`. The first update tells how the watched sources are.",
        graphql_type=ExecutionUpdate,
    )
    async def executions_updated(
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            inputs.ExecutionFilter | None, strawberry.argument(description="Which executions; all without it.")
        ] = None,
    ) -> AsyncGenerator[Any, None]:
        gateway = info.context.gateway
        names = inputs.sources_of(gateway, filter)
        mark = fingerprint("watch", inputs.as_given(filter))
        # What is wrong with the filter is said now, not when the first poller trips over it.
        parts = inputs.execution_parts(gateway, filter, time.time_ns() // 1000)
        watched = {}
        for source in gateway.registry.sources.values():
            if (names is not None and source.name not in names) or narrowed(parts, source.name) is None:
                continue
            watched[mark, source.name] = Looked(source, lambda now: inputs.execution_parts(gateway, filter, now))
        if not watched or impossible(parts):
            return
        async for update in gateway.watch.executions(watched):
            yield update

    @strawberry.subscription(
        description="Log lines from `after` on (from the first line without it), a batch per poll, completing when the "
        "source says the log is complete. Resume with the last batch's `endCursor`. Null, once, for an execution that its "
        "source does not have, or that has no log.",
        graphql_type=LogLineBatch | None,
    )
    async def log_lines(
        self,
        info: Info,
        execution_id: Id,
        after: Annotated[str | None, strawberry.argument(description="The cursor to go on from.")] = None,
        streams: Streams = None,
        search: Search = None,
    ) -> AsyncGenerator[Any, None]:
        gateway = info.context.gateway
        key, found = await _found(info, execution_id)
        source = gateway.registry.sources[key.source]
        if found is None or not source.adapter.capabilities.logs:
            yield None
            return
        if isinstance(found, SourceError):
            # The log is followed from when its execution can be read.
            yield found
            watched = {("execution", key): Looked(source, only=key)}
            async for each in until_final(gateway.watch.executions(watched), None):
                if isinstance(each, model.Execution):
                    found = each
                    break
        if not isinstance(found, model.Execution):
            raise UserError("There is no such execution.")
        request = LogRequest(0, streams=None if streams is None else frozenset(streams), search=search)
        async for batch in gateway.follow_log(found, request, after):
            yield BatchView(found, batch, gateway)
