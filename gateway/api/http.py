"""GraphQL over HTTP: one request in, one JSON answer out (https://graphql.github.io/graphql-over-http/).

Written here rather than taken from strawberry.asgi, whose answers deviate where it matters to clients: see
docs/decisions/0004-http-endpoint.md.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

import orjson
import strawberry
from graphql import DocumentNode, GraphQLError, OperationDefinitionNode, OperationType, parse
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.context import Context
from gateway.api.errors import BAD_USER_INPUT, PARSE_FAILED, present
from gateway.metrics import OPERATION_SECONDS, OPERATIONS
from gateway.service import Gateway, upstream_requests
from gateway.transport import metered

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"


class BadRequest(Exception):  # noqa: N818 - named for the status it becomes
    """A request that is not GraphQL at all; answered with ``status``."""

    def __init__(self, status: int, message: str, code: str = BAD_USER_INPUT) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


class Endpoint:
    """Answers GraphQL requests over HTTP."""

    def __init__(self, schema: strawberry.Schema, gateway: Gateway) -> None:
        self._schema = schema
        self._gateway = gateway

    async def __call__(self, request: Request) -> Response:
        """GET with the query in the URL, or POST with a JSON body."""
        media_type = _negotiate(request.headers.get("accept"))
        started = time.perf_counter()
        try:
            asked = await self.read(request)
            document = parse(asked["query"])
            _check_method(request.method, operation_of(document, asked.get("operationName")))
        except BadRequest as error:
            return refusal(error, request, media_type or JSON)
        except GraphQLError as error:
            OPERATIONS.labels("refused").inc()
            status = 400 if media_type == GRAPHQL_JSON else 200
            return _respond({"errors": [shown.formatted for shown in present([error], None)]}, status, media_type or JSON)
        if media_type is None:
            message = f"Only {GRAPHQL_JSON} and {JSON} can be given."
            return _respond({"errors": [{"message": message, "extensions": {"code": BAD_USER_INPUT}}]}, 406, JSON)
        body = await self.execute(asked["query"], asked.get("variables"), asked.get("operationName"), document)
        OPERATION_SECONDS.observe(time.perf_counter() - started)
        OPERATIONS.labels("errors" if "errors" in body else "ok").inc()
        # Without data and without an error inside it, the request itself was at fault.
        refused = "data" not in body
        return _respond(body, 400 if refused and media_type == GRAPHQL_JSON else 200, media_type)

    async def execute(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
        document: DocumentNode | None = None,
    ) -> dict[str, Any]:
        """Answer one operation: a response map with ``data``, ``errors`` and ``extensions`` as far as there are any."""
        session = self._gateway.session()
        context = Context(self._gateway, session)
        try:
            if document is None:
                document = parse(query)
                operation_of(document, operation_name)
            with metered(session.meter):
                result = await self._schema.execute(
                    query,
                    variable_values=None if variables is None else dict(variables),
                    context_value=context,
                    operation_name=operation_name,
                )
        except GraphQLError as error:
            return {"errors": [shown.formatted for shown in present([error], document)]}
        body: dict[str, Any] = {}
        if result.errors:
            body["errors"] = [shown.formatted for shown in present(result.errors, document)]
        if result.data is not None or not result.errors or any(error.path for error in result.errors):
            body["data"] = result.data
        if upstream := upstream_requests(session):
            body["extensions"] = {"upstream": upstream}
        return body

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

    async def _body(self, request: Request) -> bytes:
        limit = self._gateway.server.max_body_bytes
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise BadRequest(413, f"The body is larger than {limit} bytes.")
        return bytes(body)


def operation_of(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation to run. Raises GraphQLError when that is not exactly one."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if name is not None:
        operations = [node for node in operations if node.name is not None and node.name.value == name]
        if not operations:
            raise GraphQLError(f"There is no operation named {name!r}.", extensions={"code": BAD_USER_INPUT})
    if not operations:
        raise GraphQLError("The document holds no operation.", extensions={"code": BAD_USER_INPUT})
    if len(operations) > 1:
        raise GraphQLError("`operationName` must say which operation to run.", extensions={"code": BAD_USER_INPUT})
    return operations[0]


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


def written(body: Mapping[str, Any]) -> bytes:
    """An answer as JSON."""
    try:
        return orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        # Some system's JSON holds an integer that orjson cannot write; the slower encoder writes any.
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
