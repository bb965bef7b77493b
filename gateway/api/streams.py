"""Operations whose answer is a stream: what WebSocket and SSE have in common."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    Executor,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    create_source_event_stream,
)

from gateway.api.context import Context
from gateway.api.errors import present
from gateway.api.http import BadRequest, Endpoint, answered
from gateway.execution.documents import Document, Operation
from gateway.service import Gateway
from gateway.transport import metered

Answer = dict[str, Any]


class Refused(Exception):  # noqa: N818 - what became of a request
    """The request is at fault: ``errors`` as clients may see them."""

    def __init__(self, errors: list[Any]) -> None:
        super().__init__("refused")
        self.errors = errors


class Streams:
    """Answers operations one event after the other."""

    def __init__(self, gateway: Gateway, endpoint: Endpoint) -> None:
        self._gateway = gateway
        self._endpoint = endpoint

    def prepare(self, asked: Mapping[str, Any]) -> Document:
        """The document of a request, once nothing is wrong with it. Raises Refused."""
        document: Document | None = None
        try:
            query = asked["query"] if "query" in asked else self._endpoint.text(asked["documentId"])
            document = self._endpoint.documents.of(query)
            document.operation(asked.get("operationName"))
            errors = document.errors
        except BadRequest as error:
            errors = [GraphQLError(error.message, extensions={"code": error.code})]
        except GraphQLError as error:
            errors = [error]
        if errors or document is None:
            raise Refused([shown.formatted for shown in present(errors, None if document is None else document.node)])
        return document

    async def answers(self, asked: Mapping[str, Any], document: Document) -> AsyncIterator[Answer]:
        """One answer for a query, one for each event of a subscription. Raises Refused when it cannot go on."""
        operation = document.operation(asked.get("operationName"))
        variables = asked.get("variables") or {}
        if operation.node.operation is not OperationType.SUBSCRIPTION:
            yield await self._endpoint.execute(document, operation, variables)
            return
        source = await self._source(document, operation, variables)
        async with aclosing(cast("Any", source)) as events:
            while True:
                try:
                    event = await anext(events)
                except StopAsyncIteration:
                    return
                except Exception as error:
                    # A wrong argument, or a fault of ours: it ends this operation.
                    raise Refused(_shown(error, document.node, operation.node)) from error
                yield await self._event(document, operation, variables, event)

    async def _source(self, document: Document, operation: Operation, variables: Mapping[str, Any]) -> Any:
        """The events of a subscription. Raises Refused."""
        executor = self._executor(document, operation, variables, None, Context(self._gateway, self._gateway.session()))
        stream = create_source_event_stream(executor)
        if executor.is_awaitable(stream):
            stream = await stream
        if isinstance(stream, ExecutionResult):
            raise Refused([shown.formatted for shown in present(stream.errors or [], document.node)])
        return stream

    async def _event(self, document: Document, operation: Operation, variables: Mapping[str, Any], event: Any) -> Answer:
        """The answer for one event, with loaders and a deadline of its own."""
        session = self._gateway.session()
        with metered(session.meter):
            executor = self._executor(document, operation, variables, event, Context(self._gateway, session))
            return await answered(executor, document, session)

    def _executor(
        self, document: Document, operation: Operation, variables: Mapping[str, Any], root: Any, context: Context
    ) -> Executor[Any]:
        built = self._endpoint.executor(document, operation, variables, root, context)
        if isinstance(built, list):
            raise Refused([shown.formatted for shown in present(built, document.node)])
        return built


def _shown(error: Exception, document: DocumentNode, operation: OperationDefinitionNode) -> list[Any]:
    """The error of a subscription's own field, as clients may see it."""
    fields = [node for node in operation.selection_set.selections if isinstance(node, FieldNode)]
    path = [(fields[0].alias or fields[0].name).value] if fields else None
    located = GraphQLError(str(error), nodes=fields, path=path, original_error=error)
    return [shown.formatted for shown in present([located], document)]
