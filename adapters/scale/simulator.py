"""A simulator of Scale 3.1.0-snapshot (API v3) and 4.4.2 (API v3 to v5) for reading: the HTTP face over a ``World``.

Behaves as the recordings and the contract of Scale say, quirks included. Not simulated: writing (405), OPTIONS (405),
``/load/``, metrics and the administration views (all of them 404).
"""

import asyncio
import html
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import format_datetime
from http import HTTPStatus

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from adapters.scale import simulator_logs
from adapters.scale import simulator_views as views
from adapters.scale.simulator_filters import (
    GENERATIONS,
    BadParameterError,
    FieldError,
    MissingError,
    Params,
    paginate,
    with_page,
)
from adapters.scale.simulator_tables import Row
from adapters.scale.world import World
from adapters.scale.world_life import Life
from gateway.testing.simulator import LoggedRequest, RequestLog

LINE_LIMIT = 4094
"""gunicorn refuses a request line of more bytes, its line end not counted."""

_READ = "GET, HEAD, OPTIONS"
_READ_PATCH = "GET, PATCH, HEAD, OPTIONS"
_READ_POST = "GET, POST, HEAD, OPTIONS"


@dataclass(frozen=True, slots=True)
class LogView:
    """A view of logs: stdout, stderr or combined."""

    name: str


View = views.View | LogView

_VIEWS: list[tuple[str, View, str]] = [
    (r"version/", views.version, _READ),
    (r"status/", views.status, _READ),
    (r"job-executions/", views.executions, _READ),
    (r"job-executions/(\d+)/", views.execution, _READ),
    (r"job-executions/(\d+)/logs/", simulator_logs.deprecated, _READ),
    *((rf"job-executions/(\d+)/logs/{name}/", LogView(name), _READ) for name in simulator_logs.VIEWS),
    (r"jobs/", views.jobs, _READ),
    (r"jobs/(\d+)/", views.job, _READ_PATCH),
    (r"jobs/executions/", views.jobs_with_latest_execution, _READ),
    (r"nodes/", views.nodes, _READ),
    (r"nodes/(\d+)/", views.node, _READ_PATCH),
    (r"nodes/status/", views.nodes_status, _READ),
    (r"errors/", views.errors, _READ_POST),
    (r"errors/(\d+)/", views.error, _READ_PATCH),
    (r"job-types/", views.job_types, _READ_POST),
    (r"job-types/(\d+)/", views.job_type, _READ_PATCH),
    (r"job-types/status/", views.job_types_status, _READ),
    (r"job-types/pending/", views.job_types_pending, _READ),
    (r"job-types/running/", views.job_types_running, _READ),
    (r"job-types/system-failures/", views.job_types_system_failures, _READ),
    (r"queue/status/", views.queue_status, _READ),
]
_ROUTES = [(re.compile(pattern, re.ASCII), view, allow) for pattern, view, allow in _VIEWS]
_FORMATS = {"json": "application/json", "api": "text/html", "admin": "text/html"}


class Simulator:
    """A Scale server over ``world``, whose ``now`` is the server's clock. It stands still unless ``live`` (``go_live``).

    ``generation`` is "3" (3.1.0-snapshot) or "4" (4.4.2). ``base_path`` is the versioned API (default ``/scale/api/v`` and
    the generation); beside it answer the other versions that the release serves, and in generation 3 the API without a
    version; any other version is a 404. ``latency_per_row`` (seconds) delays an answer by the rows it holds, as Scale's N+1
    queries do.
    Scale has no authentication of its own; with ``authorization`` the simulator acts as the proxy in front of it that lets
    only requests with exactly this Authorization header pass (401 otherwise). ``GET /_log`` answers the request log as
    JSON, itself not logged.
    """

    def __init__(
        self,
        world: World,
        *,
        latency_per_row: float = 0.0,
        authorization: str | None = None,
        base_path: str | None = None,
        generation: str = "3",
        live: bool = False,
        speed: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.world = world
        self.generation = GENERATIONS[generation]
        self.base_path = "/" + (base_path or f"/scale/api/v{generation}").strip("/")
        self.latency_per_row = latency_per_row
        self.authorization = authorization
        self.app = RequestLog(Starlette(routes=[Mount("/", app=self._serve)]))
        self.log: list[LoggedRequest] = self.app.requests
        self._life: Life | None = None
        if live:
            self.go_live(speed, clock)

    def go_live(self, speed: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        """From now on let the world proceed, ``speed`` times as fast as ``clock`` (seconds); every request looks first."""
        self._life = Life(self.world, speed, clock)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._life is not None:
            self._life.catch_up()
        request = Request(scope, receive)
        response = await self._respond(request)
        response.headers["date"] = format_datetime(self.world.now.astimezone(UTC), usegmt=True)
        if request.method == "HEAD":
            response.body = b""
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        query = request.scope["query_string"].decode("latin-1")
        line = len(f"{request.method} {_raw_path(request)}{'?' * bool(query)}{query} HTTP/1.1")
        if line > LINE_LIMIT:
            return _html(400, _TOO_LARGE.format(line=line, limit=LINE_LIMIT))
        if self.authorization is not None and request.headers.get("authorization") != self.authorization:
            return Response("Unauthorized", 401, {"www-authenticate": "Basic", "content-type": "text/plain"})
        path = request.scope["path"]
        route = self._route(path)
        if route is None:
            if not path.endswith("/") and self._route(path + "/"):
                location = f"{_origin(request)}{_raw_path(request)}/{'?' * bool(query)}{query}"
                return Response("", 301, {"location": location, "content-type": "text/html; charset=utf-8"})
            return _html(
                404, f"<h1>Not Found</h1><p>The requested URL {html.escape(path)} was not found on this server.</p>"
            )
        view, key, allow, version = route
        headers = {"vary": "Accept, Cookie", "x-frame-options": "SAMEORIGIN", "allow": allow}
        media_type = "application/json"
        try:
            media_type = _negotiate(request, simulator_logs.FORMATS if isinstance(view, LogView) else _FORMATS)
            if request.method not in {"GET", "HEAD"}:
                return _json(405, {"detail": f'Method "{request.method}" not allowed.'}, headers)
            if isinstance(view, LogView):
                return _log(self._log(view, key, version, request), media_type, headers)
            status, body = 200, await self._answer(view, key, version, request)
        except _NotAcceptableError:
            status, body = 406, {"detail": "Could not satisfy the request Accept header."}
        except BadParameterError as error:
            status, body = 400, {"detail": str(error)}
        except MissingError as error:
            status, body = 404, {"detail": str(error)}
        except FieldError:
            return _html(500, "<h1>Server Error (500)</h1>")
        if isinstance(view, LogView):
            return _failed_log(status, body, media_type, headers)
        return _browsable(status, body, headers) if media_type == "text/html" else _json(status, body, headers)

    def _route(self, path: str) -> tuple[View, str, str, str] | None:
        """The view, id, allowed methods and API version of a path."""
        for base, version in self._bases():
            if path.startswith(base + "/"):
                rest = path[len(base) + 1 :]
                for pattern, view, allow in _ROUTES:
                    if match := pattern.fullmatch(rest):
                        return view, match[1] if pattern.groups else "", allow, version
        return None

    def _bases(self) -> list[tuple[str, str]]:
        """Where the API answers, and by which version."""
        root, _, own = self.base_path.rpartition("/")
        bases = [(self.base_path, own), *((f"{root}/{version}", version) for version in self.generation.versions)]
        return [*bases, (root, "v3")] if self.generation.unprefixed else bases

    async def _answer(self, view: views.View, key: str, version: str, request: Request) -> Row:
        query = request.scope["query_string"].decode("latin-1")
        params = Params(query, self.world.now, self.generation, version)
        found = view(self.world, params, key)
        if isinstance(found, dict):
            await asyncio.sleep(self.latency_per_row)
            return found
        page = paginate(found, params)
        results = [found.render(row) for row in page.rows]
        await asyncio.sleep(self.latency_per_row * len(results))
        links = {
            name: None if number is None else _url(request, with_page(query, number))
            for name, number in (("next", page.next), ("previous", page.previous))
        }
        return {"count": page.count, **links, "results": results}

    def _log(self, view: LogView, key: str, version: str, request: Request) -> simulator_logs.LogAnswer:
        query = request.scope["query_string"].decode("latin-1")
        params = Params(query, self.world.now, self.generation, version)
        return simulator_logs.answer(self.world, params, view.name, key, request.headers.get("if-modified-since"))


class _NotAcceptableError(Exception):
    """No renderer produces what the Accept header wants."""


def _negotiate(request: Request, formats: Mapping[str, str]) -> str:
    """The media type of ``formats`` to answer with, as Django REST framework does: ``?format=`` first, then Accept.

    More specific Accept entries win, q-values do not count, JSON precedes HTML. Raises MissingError for an unknown format.
    """
    override = request.query_params.get("format")
    if override is not None and override not in formats:
        raise MissingError
    offers = list(dict.fromkeys(formats.values())) if override is None else [formats[override]]
    accepted = [entry.partition(";")[0].strip() for entry in request.headers.get("accept", "*/*").split(",")]
    for wildcards in (0, 1, 2):
        level = {entry for entry in accepted if entry.count("*") == wildcards}
        for offer in offers:
            if level & {offer, offer.partition("/")[0] + "/*", "*/*"}:
                return offer
    raise _NotAcceptableError


def _raw_path(request: Request) -> str:
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return raw.partition(b"?")[0].decode("latin-1")


def _origin(request: Request) -> str:
    """Scheme and host as Scale believes them: what the proxy says, whoever that is."""
    scheme = request.headers.get("x-forwarded-proto", request.scope["scheme"])
    host = request.headers.get("x-forwarded-host") or request.headers.get("host", "localhost")
    return f"{scheme}://{host}"


def _url(request: Request, query: str) -> str:
    return f"{_origin(request)}{_raw_path(request)}{'?' * bool(query)}{query}"


_TOO_LARGE = (
    "<html>\n  <head>\n    <title>Bad Request</title>\n  </head>\n  <body>\n    <h1>Bad Request</h1>\n"
    "    <p>Request Line is too large ({line} > {limit})</p>\n  </body>\n</html>\n"
)


def _encode(body: Row) -> bytes:
    # orjson writes instants as Scale does: six fraction digits, or none when there are no microseconds.
    return orjson.dumps(body, option=orjson.OPT_UTC_Z)


def _json(status: int, body: Row, headers: dict[str, str]) -> Response:
    return Response(_encode(body), status, {**headers, "content-type": "application/json"})


def _browsable(status: int, body: Row, headers: dict[str, str]) -> Response:
    page = f"<!DOCTYPE html>\n<html><body><pre>{html.escape(_encode(body).decode())}</pre></body></html>\n"
    return Response(page, status, {**headers, "content-type": "text/html; charset=utf-8"})


def _log(answer: simulator_logs.LogAnswer, media_type: str, headers: dict[str, str]) -> Response:
    headers = {**headers, **answer.headers}
    if answer.search is None:
        return Response("", answer.status, {**headers, "content-type": "text/html; charset=utf-8"})
    if media_type == "application/json":
        return _json(answer.status, answer.search, headers)
    body = answer.text() if media_type == "text/plain" else answer.page()
    return Response(body, answer.status, {**headers, "content-type": f"{media_type}; charset=utf-8"})


def _failed_log(status: int, body: Row, media_type: str, headers: dict[str, str]) -> Response:
    """An error of a log view: its renderers of text fail at errors, and that of HTML says no more than the status."""
    if media_type == "text/plain":
        return _html(500, "<h1>Server Error (500)</h1>")
    if media_type == "text/html":
        text = f"{status} {HTTPStatus(status).phrase}"
        return Response(text, status, {**headers, "content-type": "text/html; charset=utf-8"})
    return _json(status, body, headers)


def _html(status: int, text: str) -> Response:
    return Response(text, status, {"x-frame-options": "SAMEORIGIN", "content-type": "text/html"})
