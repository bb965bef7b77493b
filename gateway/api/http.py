"""GraphQL over HTTP: one request in, one JSON answer out (https://graphql.github.io/graphql-over-http/).

Written here rather than taken from strawberry.asgi, whose answers deviate where it matters to clients: see
docs/decisions/0004-http-endpoint.md.
"""

import asyncio
import json
import time
import zlib
from collections.abc import Mapping
from functools import lru_cache
from inspect import isawaitable
from typing import Any, cast

import orjson
import strawberry
from graphql import (
    ExecutionResult,
    Executor,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    default_field_resolver,
    default_type_resolver,
)
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.context import Context
from gateway.api.errors import BAD_USER_INPUT, PARSE_FAILED, present
from gateway.execution.cost import Limits
from gateway.execution.documents import Document, Documents, Operation
from gateway.metrics import OPERATION_SECONDS, OPERATIONS
from gateway.service import Gateway, Session, upstream_requests
from gateway.transport import metered

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
PERSISTED_DOCUMENT_NOT_FOUND = "PERSISTED_DOCUMENT_NOT_FOUND"

_WORTH_COMPRESSING = 8 * 1024
_LONG = 256 * 1024


_OK, _ERRORS = OPERATIONS.labels("ok"), OPERATIONS.labels("errors")


class BadRequest(Exception):  # noqa: N818 - named for the status it becomes
    """A request that is not GraphQL at all; answered with ``status``."""

    def __init__(self, status: int, message: str, code: str = BAD_USER_INPUT) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


class Endpoint:
    """Answers GraphQL requests over HTTP."""

    def __init__(self, schema: strawberry.Schema, gateway: Gateway, persisted: Mapping[str, str] | None = None) -> None:
        server = gateway.server
        limits = Limits(server.max_depth, server.max_aliases, server.max_roots, server.max_cost)
        self.documents = Documents(schema._schema, limits, introspection=server.introspection)  # noqa: SLF001 - strawberry hides graphql-core's
        self._schema = schema
        self._gateway = gateway
        self._persisted = persisted or {}

    async def __call__(self, request: Request) -> Response:
        """GET with the query in the URL, or POST with a JSON body."""
        media_type = _negotiate(request.headers.get("accept"))
        started = time.perf_counter()
        try:
            asked = await self.read(request)
            document = self.documents.of(asked["query"])
            operation = document.operation(asked.get("operationName"))
            _check_method(request.method, operation.node)
        except BadRequest as error:
            return refusal(error, request, media_type or JSON)
        except GraphQLError as error:
            OPERATIONS.labels("refused").inc()
            status = 400 if media_type == GRAPHQL_JSON else 200
            return _respond({"errors": [shown.formatted for shown in present([error], None)]}, status, media_type or JSON)
        if media_type is None:
            message = f"Only {GRAPHQL_JSON} and {JSON} can be given."
            return _respond({"errors": [{"message": message, "extensions": {"code": BAD_USER_INPUT}}]}, 406, JSON)
        body = await self.execute(document, operation, asked.get("variables") or {})
        OPERATION_SECONDS.observe(time.perf_counter() - started)
        (_ERRORS if "errors" in body else _OK).inc()
        # Without data and without an error inside it, the request itself was at fault.
        refused = "data" not in body
        answer = _respond(body, 400 if refused and media_type == GRAPHQL_JSON else 200, media_type)
        return await _compressed(answer, request) if len(answer.body) >= _WORTH_COMPRESSING else answer

    async def ask(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Answer the only operation of a text."""
        try:
            document = self.documents.of(query)
            operation = document.operation(None)
        except GraphQLError as error:
            return {"errors": [shown.formatted for shown in present([error], None)]}
        return await self.execute(document, operation, variables)

    async def execute(self, document: Document, operation: Operation, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one operation: a response map with ``data``, ``errors`` and ``extensions`` as far as there are any."""
        session = self._gateway.session()
        with metered(session.meter):
            executor = self.executor(document, operation, variables, None, Context(self._gateway, session))
            if isinstance(executor, list):
                return {"errors": [shown.formatted for shown in present(executor, document.node)]}
            return await answered(executor, document, session)

    def executor(
        self, document: Document, operation: Operation, variables: Mapping[str, Any], root: Any, context: Context
    ) -> Executor[Any] | list[GraphQLError]:
        """What runs an operation, or why it is refused."""
        if document.errors:
            return list(document.errors)
        try:
            self.documents.refuse_costly(document, operation, variables)
        except GraphQLError as error:
            return [error]
        values = operation.variables.of(variables)
        if isinstance(values, list):
            return values
        # Not by its ``build``, which would select the operation and gather the fragments anew for every request.
        return self._schema.execution_context_class(
            self._schema._schema,  # noqa: SLF001 - strawberry hides graphql-core's
            document.fragments,
            document.details,
            root,
            context,
            operation.node,
            values,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
        )

    async def read(self, request: Request) -> dict[str, Any]:
        """The request itself. Raises BadRequest."""
        if request.method not in ("GET", "POST"):
            raise BadRequest(405, "Requests come by GET or POST.")
        if request.method == "GET":
            asked: Any = dict(request.query_params)
            for name in ("variables", "extensions"):
                if asked.get(name):
                    asked[name] = _json(asked[name].encode(), f"The parameter `{name}`")
                else:
                    asked.pop(name, None)
        else:
            kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
            if kind != JSON:
                raise BadRequest(415, f"The body must be {JSON}.")
            asked = _json(await self._body(request), "The body")
        if not isinstance(asked, dict):
            raise BadRequest(400, "The request must be a JSON object with a `query`.")
        if "documentId" in asked and "query" not in asked:
            asked["query"] = self.text(asked["documentId"])
        query = asked.get("query")
        if not isinstance(query, str) or not query.strip():
            raise BadRequest(400, "The request has no `query`, or it is not a string.")
        for name, type_, what in (
            ("variables", dict, "an object"),
            ("extensions", dict, "an object"),
            ("operationName", str, "a string"),
        ):
            if asked.get(name) is not None and not isinstance(asked[name], type_):
                raise BadRequest(400, f"`{name}` must be {what}.")
        return asked

    def text(self, document_id: Any) -> str:
        """The text of a persisted document. Raises BadRequest."""
        text = self._persisted.get(document_id) if isinstance(document_id, str) else None
        if text is None:
            raise BadRequest(400, "This gateway knows no document with this `documentId`.", PERSISTED_DOCUMENT_NOT_FOUND)
        return text

    async def _body(self, request: Request) -> bytes:
        limit = self._gateway.server.max_body_bytes
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise BadRequest(413, f"The body is larger than {limit} bytes.")
        return bytes(body)


async def answered(executor: Executor[Any], document: Document, session: Session) -> dict[str, Any]:
    """Run an operation or an event: its response map."""
    try:
        running = executor.execute_operation()
        result = cast("ExecutionResult", await running if isawaitable(running) else running)
    finally:
        # They are methods of the executor itself: with them, all that a request made would stay until the next collection of
        # cycles, which then takes longer than a hundred answers.
        del executor.async_helpers
    body: dict[str, Any] = {}
    if result.errors:
        body["errors"] = [shown.formatted for shown in present(result.errors, document.node)]
    body["data"] = result.data
    if upstream := upstream_requests(session):
        body["extensions"] = {"upstream": upstream}
    return body


def refusal(error: BadRequest, request: Request, media_type: str = JSON) -> Response:
    """The answer to what is no GraphQL request."""
    OPERATIONS.labels("refused").inc()
    headers = {"Allow": "POST" if request.method == "GET" else "GET, POST"} if error.status == 405 else None
    body = {"errors": [{"message": error.message, "extensions": {"code": error.code}}]}
    return _respond(body, error.status, media_type, headers)


def _check_method(method: str, operation: OperationDefinitionNode) -> None:
    if method == "GET" and operation.operation is not OperationType.QUERY:
        raise BadRequest(405, "Only queries may be sent with GET.")
    if operation.operation is OperationType.SUBSCRIPTION:
        raise BadRequest(400, "Subscriptions are answered over WebSocket, or with `Accept: text/event-stream`.")


def _json(text: bytes, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest(400, f"{what} is not JSON.", PARSE_FAILED) from error


@lru_cache(maxsize=256)
def _negotiate(accept: str | None) -> str | None:
    """The media type to answer with; None when the client accepts neither."""
    if not accept:
        return JSON
    wanted = [_range(part) for part in accept.split(",")]
    taken = {one for one, quality in wanted if quality > 0}
    for one, quality in wanted:
        if quality > 0 and one in (GRAPHQL_JSON, JSON):
            return one
    refused = {one for one, quality in wanted if quality == 0}
    return JSON if taken & {"*/*", "application/*"} and JSON not in refused else None


def _range(part: str) -> tuple[str, float]:
    """A media range of an Accept header and its quality."""
    one, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return one, float(parameter[2:])
            except ValueError:
                return one, 0.0
    return one, 1.0


def _respond(body: Mapping[str, Any], status: int, media_type: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(written(body), status, headers=dict(headers or {}), media_type=f"{media_type}; charset=utf-8")


async def _compressed(answer: Response, request: Request) -> Response:
    """A large answer as small as the client takes it."""
    answer.headers["Vary"] = "Accept-Encoding"
    if not takes_gzip(request.headers.get("accept-encoding")):
        return answer
    content = bytes(answer.body)
    # The fastest level does most of the work; what still takes long must not hold up others.
    packed = await asyncio.to_thread(gzip, content) if len(content) >= _LONG else gzip(content)
    headers = {"Vary": "Accept-Encoding", "Content-Encoding": "gzip"}
    return Response(packed, answer.status_code, headers, answer.headers["content-type"])


def gzip(content: bytes) -> bytes:
    """Compressed, fast."""
    return zlib.compress(content, level=1, wbits=31)


def takes_gzip(accept: str | None) -> bool:
    """Whether an Accept-Encoding header takes gzip."""
    taken = dict(_range(part) for part in (accept or "").split(","))
    return taken.get("gzip", taken.get("*", 0.0)) > 0


def written(body: Mapping[str, Any]) -> bytes:
    """An answer as JSON."""
    # Some system's JSON may have other keys than texts, which orjson writes at half the speed,
    for option in (0, orjson.OPT_NON_STR_KEYS):
        try:
            return orjson.dumps(body, option=option)
        except TypeError:
            continue
    # or hold an integer that it cannot write: the slower encoder writes any.
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
