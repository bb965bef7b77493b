"""A simulator of AWS IoT's control plane for reading jobs, executions and things: the HTTP face over a ``World``.

It behaves as the contract says and as recordings show, in which built answers (``model-*``) outrank those of moto and
ministack. CloudWatch Logs is at the same address: ``POST /`` with ``X-Amz-Target``, signed for ``logs``. Not simulated:
writing, SearchIndex (all of them 404), and the data plane.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from urllib.parse import unquote
from uuid import NAMESPACE_URL, uuid5

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from adapters.aws_iot.simulator_access import QUOTAS, Throttle, check_signature
from adapters.aws_iot.simulator_faults import ServiceError
from adapters.aws_iot.simulator_lists import Listing, Tokens, page
from adapters.aws_iot.simulator_logs import TYPE, LogsError, LogTokens, answer, operation_of
from adapters.aws_iot.simulator_operations import OPERATIONS, Operation
from adapters.aws_iot.simulator_parameters import validate
from adapters.aws_iot.world import World
from adapters.aws_iot.world_life import Life
from adapters.aws_iot.world_rows import Row
from gateway.testing.simulator import LoggedRequest, RequestLog


class Simulator:
    """The control plane of one account in one Region over ``world``; changes of it show from the next request on.

    * ``latency_per_row`` (seconds) delays an answer by the rows it holds.
    * ``credentials`` maps the known access key ids to their session tokens (None: long-term keys); by default any will
      do. Requests must be signed in form (SigV4, service ``iot``); the signature itself is not verified. Keys that are put
      into ``expired`` get ExpiredTokenException.
    * ``quotas`` are requests a second by operation, beyond which ThrottlingException is answered, with
      ``throttling_status`` (400 by the model; older documents and the data plane say 429). ``{}`` switches throttling off.
      ``times`` has the moment (seconds of ``clock``) and operation of every authenticated request.
    * ``short_pages`` halves all pages: AWS may return fewer rows than asked for, and a token.
    * ``faults`` has errors that operations answer until they are taken out.
    * ``empty_pages`` lets every walk of FilterLogEvents begin with an empty page and a token.
    * ``live`` brings the world to life, ``speed`` times as fast as ``clock`` goes; see ``go_live``.

    ``GET /_log`` answers the request log as JSON, itself not logged.
    """

    base_path = ""

    def __init__(
        self,
        world: World,
        *,
        latency_per_row: float = 0.0,
        credentials: Mapping[str, str | None] | None = None,
        quotas: Mapping[str, int] = QUOTAS,
        throttling_status: int = 400,
        short_pages: bool = False,
        clock: Callable[[], float] = time.monotonic,
        empty_pages: bool = False,
        live: bool = False,
        speed: float = 1.0,
    ) -> None:
        self.world = world
        self.latency_per_row = latency_per_row
        self.credentials = credentials
        self.throttling_status = throttling_status
        self.short_pages = short_pages
        self.expired: set[str] = set()
        self.faults: dict[str, ServiceError] = {}
        self.throttle = Throttle(quotas, clock)
        self.times: list[tuple[float, str]] = self.throttle.times
        self.empty_pages = empty_pages
        self.clock = clock
        self.life: Life | None = None
        self._tokens = Tokens()
        self._log_tokens = LogTokens()
        self.app = RequestLog(Starlette(routes=[Mount("/", app=self._serve)]))
        self.log: list[LoggedRequest] = self.app.requests
        if live:
            self.go_live(speed)

    def go_live(self, speed: float = 1.0) -> None:
        """From now on the world's time passes, ``speed`` times as fast as the clock's, and things happen in it."""
        self.life = Life(self.world, self.clock, speed)

    def expire_tokens(self) -> None:
        """Makes every page token that was issued so far invalid: their life is short, and not documented."""
        self._tokens.expire()
        self._log_tokens.places.clear()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if self.life is not None:
            self.life.catch_up()
        logs = operation_of(request.headers.get("x-amz-target")) if request.method == "POST" else None
        path = scope.get("raw_path", scope["path"].encode()).split(b"?")[0].decode("latin-1")
        try:
            body, rows = self._answer(request, path) if logs is None else self._logs(request, logs, await request.body())
        except ServiceError as error:
            response = error.response(str(uuid5(NAMESPACE_URL, f"{request.method} {path}?{request.url.query}")))
        else:
            await asyncio.sleep(self.latency_per_row * rows)
            response = Response(orjson.dumps(body), media_type="application/json" if logs is None else TYPE)
        await response(scope, receive, send)

    def _logs(self, request: Request, operation: str, body: bytes) -> tuple[Row, int]:
        """The answer of CloudWatch Logs, and how many events are in it."""
        try:
            check_signature(request.headers, self.credentials, self.expired, "logs")
        except ServiceError as error:
            raise LogsError(error.code, error.message) from None
        if not self.throttle.admits(operation):
            raise LogsError("ThrottlingException", "Rate exceeded")
        if operation in self.faults:
            raise self.faults[operation]
        return answer(self.world, operation, body, self._log_tokens, empty_pages=self.empty_pages)

    def _answer(self, request: Request, path: str) -> tuple[Row, int]:
        """The body, and how many rows are in it."""
        operation, arguments = _operation(request.method, path)
        check_signature(request.headers, self.credentials, self.expired)
        if not self.throttle.admits(operation.name):
            raise ServiceError("ThrottlingException", "Rate exceeded", self.throttling_status)
        if operation.name in self.faults:
            raise self.faults[operation.name]
        # What the path says cannot be overruled by the query.
        parameters = validate(operation.checks, {**request.query_params, **arguments})
        found = operation.run(self.world, parameters)
        if isinstance(found, Listing):
            return page(found, path, parameters, self._tokens, short=self.short_pages)
        return found, 1


def _operation(method: str, path: str) -> tuple[Operation, dict[str, str]]:
    """The operation of a request, and the parameters in its path. Raises UnknownOperationException."""
    # Decoded after splitting: an encoded slash is part of a name.
    segments = [unquote(segment) for segment in path.removeprefix("/").split("/")]
    for operation in OPERATIONS:
        arguments = operation.match(segments) if method == "GET" else None
        if arguments is not None:
            return operation, arguments
    raise ServiceError("UnknownOperationException", "The requested operation is not recognized by the service.")
