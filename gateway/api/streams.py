"""Operations whose answer is a stream: what WebSocket and SSE have in common."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, cast

import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    Executor,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    create_source_event_stream,
    execute_subscription_event,
    parse,
    validate,
)

from gateway.api.context import Context
from gateway.api.errors import present
from gateway.api.http import Endpoint, operation_of
from gateway.api.schema import MAX_TOKENS
from gateway.service import Gateway, upstream_requests
from gateway.transport import metered

Answer = dict[str, Any]


class Refused(Exception):  # noqa: N818 - what became of a request
    """The request is at fault: ``errors`` as clients may see them."""

    def __init__(self, errors: list[Any]) -> None:
        super().__init__("refused")
        self.errors = errors


class Streams:
    """Answers operations one event after the other."""

    def __init__(self, schema: strawberry.Schema, gateway: Gateway, endpoint: Endpoint) -> None:
        self._schema = schema
        self._gateway = gateway
        self._endpoint = endpoint

    def prepare(self, asked: Mapping[str, Any]) -> DocumentNode:
        """The document of a request, once nothing is wrong with it. Raises Refused."""
        document: DocumentNode | None = None
        try:
            document = parse(asked["query"], max_tokens=MAX_TOKENS)
            operation_of(document, asked.get("operationName"))
            errors = validate(self._schema._schema, document)  # noqa: SLF001 - strawberry hides graphql-core's
        except GraphQLError as error:
            errors = [error]
        if errors or document is None:
            raise Refused([shown.formatted for shown in present(errors, document)])
        return document

    async def answers(self, asked: Mapping[str, Any], document: DocumentNode) -> AsyncIterator[Answer]:
        """One answer for a query, one for each event of a subscription. Raises Refused when it cannot go on."""
        operation = operation_of(document, asked.get("operationName"))
        if operation.operation is not OperationType.SUBSCRIPTION:
            yield await self._endpoint.execute(asked["query"], asked.get("variables"), asked.get("operationName"), document)
            return
        source = await self._source(asked, document)
        async with aclosing(cast("Any", source)) as events:
            while True:
                try:
                    event = await anext(events)
                except StopAsyncIteration:
                    return
                except Exception as error:
                    # A wrong argument, or a fault of ours: it ends this operation.
                    raise Refused(_shown(error, document, operation)) from error
                yield await self._event(asked, document, event)

    async def _source(self, asked: Mapping[str, Any], document: DocumentNode) -> Any:
        """The events of a subscription. Raises Refused."""
        executor = self._executor(asked, document, None, Context(self._gateway, self._gateway.session()))
        stream = create_source_event_stream(executor)
        if executor.is_awaitable(stream):
            stream = await stream
        if isinstance(stream, ExecutionResult):
            raise Refused([shown.formatted for shown in present(stream.errors or [], document)])
        return stream

    async def _event(self, asked: Mapping[str, Any], document: DocumentNode, event: Any) -> Answer:
        """The answer for one event, with loaders and a deadline of its own."""
        session = self._gateway.session()
        with metered(session.meter):
            executor = self._executor(asked, document, event, Context(self._gateway, session))
            running = execute_subscription_event(executor)
            result = cast("ExecutionResult", await running if executor.is_awaitable(running) else running)
        answer: Answer = {"data": result.data}
        if result.errors:
            answer["errors"] = [shown.formatted for shown in present(result.errors, document)]
        if upstream := upstream_requests(session):
            answer["extensions"] = {"upstream": upstream}
        return answer

    def _executor(self, asked: Mapping[str, Any], document: DocumentNode, root: Any, context: Context) -> Executor[Any]:
        built = Executor.build(
            self._schema._schema,  # noqa: SLF001 - strawberry hides graphql-core's
            document,
            root,
            context,
            raw_variable_values=dict(asked.get("variables") or {}),
            operation_name=asked.get("operationName"),
        )
        if isinstance(built, Executor):
            return built
        raise Refused([shown.formatted for shown in present(list(built), document)])


def _shown(error: Exception, document: DocumentNode, operation: OperationDefinitionNode) -> list[Any]:
    """The error of a subscription's own field, as clients may see it."""
    fields = [node for node in operation.selection_set.selections if isinstance(node, FieldNode)]
    path = [(fields[0].alias or fields[0].name).value] if fields else None
    located = GraphQLError(str(error), nodes=fields, path=path, original_error=error)
    return [shown.formatted for shown in present([located], document)]
