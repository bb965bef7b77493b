"""The composition root: a Starlette app over the configured sources."""

import ctypes
import gc
import hmac
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from gateway import web
from gateway.api.http import Endpoint
from gateway.api.schema import schema
from gateway.api.sse import EventStreams, wants_stream
from gateway.api.streams import Streams
from gateway.api.websocket import Sockets
from gateway.config import Config, ConfigFile, ServerSettings, read_config
from gateway.metrics import REGISTRY
from gateway.registry import Registry, TransportMaker
from gateway.service import Gateway
from gateway.transport import SourceState, http_transport

CONFIG_VARIABLE = "EXECUTION_GATEWAY_CONFIG"
WORKERS_VARIABLE = "EXECUTION_GATEWAY_WORKERS"
CURSOR_KEY_VARIABLE = "EXECUTION_GATEWAY_CURSOR_KEY"
GRAPHQL = "/graphql"
# Parameters of glibc's mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 32 * 1024 * 1024
_OPEN_PATHS = web.PATHS | {"/healthz", "/readyz"}


class Direct:
    """Hands requests for some paths to their app at once: they are nearly all, and routing would cost each a little."""

    def __init__(self, app: ASGIApp, paths: Mapping[str, ASGIApp]) -> None:
        self.app = app
        self.paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.paths.get(scope["path"], self.app) if scope["type"] == "http" else self.app
        await app(scope, receive, send)


class ApiKeys:
    """Refuses requests without one of the configured keys, where there are any.

    WebSockets may bring theirs with their first message, because browsers cannot set headers: they are let through to
    ``gateway.api.websocket``, which asks ``knows``.
    """

    def __init__(self, app: ASGIApp, digests: tuple[str, ...]) -> None:
        self.app = app
        self.digests = digests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        open_path = not self.digests or scope["type"] != "http" or scope["path"] in _OPEN_PATHS
        if not open_path and not knows(Request(scope).headers, self.digests):
            answer = JSONResponse(
                {"errors": [{"message": "An API key is needed.", "extensions": {"code": "UNAUTHENTICATED"}}]},
                401,
                {"WWW-Authenticate": "Bearer"},
            )
            await answer(scope, receive, send)
            return
        await self.app(scope, receive, send)


def knows(credentials: Mapping[str, Any], digests: tuple[str, ...]) -> bool:
    """Whether ``authorization`` (Bearer) or ``x-api-key`` among the credentials is a configured key, or none is needed."""
    if not digests:
        return True
    given = credentials.get("authorization")
    scheme, _, token = given.partition(" ") if isinstance(given, str) else ("", "", "")
    key = token.strip() if scheme.lower() == "bearer" else credentials.get("x-api-key", "")
    digest = sha256(str(key).encode()).hexdigest()
    # Every configured key is compared, so that timing tells nothing.
    return any([hmac.compare_digest(digest, known) for known in digests])  # noqa: C419


def create_app(
    file: ConfigFile,
    transports: TransportMaker = http_transport,
    workers: int | None = None,
    cursor_key: bytes | None = None,
) -> Starlette:
    """The app for a configuration. Raises ConfigError; nothing is contacted yet.

    ``workers`` is how many processes serve it together, if not as many as are configured; ``cursor_key`` is what they share
    where none is configured.
    """
    config: Config = read_config(file)
    if workers is not None:
        config = config.model_copy(update={"server": config.server.model_copy(update={"workers": workers})})
    # Reads every source's settings now, so that a mistake stops start-up and not the first request.
    Registry.open(file, config, transports)
    serving: list[_Serving] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        registry = Registry.open(file, config, transports)
        gateway = Gateway(registry, config.server, cursor_key)
        serving.append(_Serving(gateway, config.server))
        app.state.gateway = gateway
        try:
            yield
        finally:
            await registry.aclose()

    async def graphql(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await serving[-1].answer(Request(scope, receive, send))
        except ClientDisconnect:
            # It has gone before its request was whole: nobody is there to be answered, and nothing is wrong here.
            return
        await answer(scope, receive, send)

    async def socket(connection: WebSocket) -> None:
        await serving[-1].sockets(connection)

    return Starlette(
        routes=[
            WebSocketRoute(GRAPHQL, socket),
            Route("/healthz", _healthz),
            Route("/readyz", _readyz),
            Route("/metrics", _metrics),
            *web.routes(config.server),
        ],
        middleware=[*_middleware(config.server), Middleware(Direct, paths={GRAPHQL: graphql})],
        lifespan=lifespan,
    )


class _Serving:
    """The ways in which GraphQL is served over one gateway."""

    def __init__(self, gateway: Gateway, server: ServerSettings) -> None:
        self._endpoint = Endpoint(schema(compile=server.compile), gateway, web.persisted_documents())
        streams = Streams(gateway, self._endpoint)
        self._events = EventStreams(streams, self._endpoint)
        self.sockets = Sockets(streams, lambda credentials: knows(credentials, server.api_keys), server.cors_origins)

    async def answer(self, request: Request) -> Response:
        """A request by HTTP: an event stream to who asks for that first, JSON to all others."""
        if wants_stream(request.headers.get("accept")):
            return await self._events(request)
        return await self._endpoint(request)


def _middleware(server: ServerSettings) -> list[Middleware]:
    chain = []
    if server.cors_origins:
        # Outermost, so that a browser can read a refusal too.
        chain.append(
            Middleware(
                CORSMiddleware,
                allow_origins=list(server.cors_origins),
                allow_methods=["GET", "POST"],
                allow_headers=["authorization", "content-type", "x-api-key"],
                max_age=3600,
            )
        )
    chain.append(Middleware(ApiKeys, digests=server.api_keys))
    return chain


async def _healthz(_request: Request) -> Response:
    """Alive: the process answers."""
    return JSONResponse({"status": "ok", "version": version("execution-gateway")})


async def _readyz(request: Request) -> Response:
    """Ready to serve; sources that are down do not make it unready, because the others can still be read."""
    gateway: Gateway = request.app.state.gateway
    sources: dict[str, Any] = {name: source.client.health.state.value for name, source in gateway.registry.sources.items()}
    down = [name for name, state in sources.items() if state == SourceState.DOWN.value]
    return JSONResponse({"status": "degraded" if down else "ok", "sources": sources})


async def _metrics(_request: Request) -> Response:
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


def from_environment() -> Starlette:
    """The app of a worker process, which finds its configuration where ``execution-gateway serve`` left word of it."""
    workers, key = os.environ.get(WORKERS_VARIABLE), os.environ.get(CURSOR_KEY_VARIABLE)
    app = create_app(
        ConfigFile.read(Path(os.environ[CONFIG_VARIABLE])),
        workers=None if workers is None else int(workers),
        cursor_key=None if key is None else key.encode(),
    )
    settle_heap()
    return app


def settle_heap() -> None:
    """Keep the collector of cycles off what lives as long as the process, and let it run less often.

    Answers make tens of thousands of objects and hardly a cycle; by default Python would look through them, and through
    every module, again and again: a fifth of the time of a wide answer. For processes that serve and do nothing else.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Have what the body of an upstream's answer leaves behind do for the next one.

    glibc gives such memory back to the kernel and fetches it again, page by page: a twentieth of the time of a wide answer.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    # musl's C library has no such setting.
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        # Setting one ends glibc's own adjusting of the other.
        libc.mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
