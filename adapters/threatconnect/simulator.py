"""A simulator of ThreatConnect 7.12 (REST API v3) for reading jobs and their executions: the HTTP face over a ``World``.

Behaves as the contract of ThreatConnect says, quirks included. No recording of a live server exists: where the sources are
silent it takes the answer that forgives a client least (each module says which). Not simulated: ``/v3/openApi`` and all that
is neither job nor execution (404), but for ``/v2/owners``, which the documentation tells clients to test their access with.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, quote, urlencode

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from adapters.threatconnect.simulator_auth import Credentials, UnauthorizedError, authenticate
from adapters.threatconnect.simulator_filters import Reading, select, sort
from adapters.threatconnect.simulator_tables import EXECUTIONS, JOBS, Endpoint, Profile
from adapters.threatconnect.simulator_tql import TqlError
from adapters.threatconnect.world import Row, World
from adapters.threatconnect.world_life import Life
from gateway.testing.simulator import LoggedRequest, RequestLog

DEFAULT_LIMIT = 100
MAX_LIMIT = 10_000

_ENDPOINTS = {("jobs",): JOBS, ("job", "executions"): EXECUTIONS}
_FAULTS = {
    "0x1001": (400, "An unspecified issue exists with your request. Check your request and try again."),
    "0x1002": (401, "You are not authorized to perform the requested operation."),
    "0x1003": (403, "You do not have permission to perform the requested operation."),
    "0x1004": (404, "The requested item(s) were not found."),
    "0x1005": (405, "This operation is not supported."),
    "0x1007": (
        500,
        "An internal error occurred while processing your request."
        " If the problem persists contact your system administrator.",
    ),
    "0x2001": (400, "Syntax error(s) found with your TQL query. Check your query and try again."),
}
"""HTTP status and default text of the error codes (contract section 5)."""


class _FaultError(Exception):
    def __init__(self, code: str, message: str | None = None) -> None:
        self.code = code
        self.status, text = _FAULTS[code]
        self.message = message or text


class Simulator:
    """A ThreatConnect server over ``world``, whose ``now`` is what NOW() and TODAY() mean in TQL.

    ``base_path`` is the API (default ``/api``). ``latency_per_row`` (seconds) delays an answer by the rows it holds.
    ``profile`` says which TQL parameters there are, ``case_sensitive`` whether texts in TQL are (that depends on the real
    server's database), ``https_only`` whether plain HTTP is a 403 (a proxy in front may say ``X-Forwarded-Proto``).
    Signatures are held against ``clock`` (Unix seconds) and not ``world.now``, since clients sign by their own clock. While
    ``broken`` is set, every authenticated request ends in 500. All of these but ``base_path`` may be changed at any time.

    ``GET /_log`` answers the request log as JSON, itself not logged.
    """

    def __init__(
        self,
        world: World,
        *,
        latency_per_row: float = 0.0,
        credentials: Credentials | None = None,
        profile: Profile = Profile.FULL,
        case_sensitive: bool = True,
        https_only: bool = False,
        clock: Callable[[], float] = time.time,
        base_path: str = "/api",
    ) -> None:
        self.world = world
        self.latency_per_row = latency_per_row
        self.credentials = credentials or Credentials()
        self.profile = profile
        self.case_sensitive = case_sensitive
        self.https_only = https_only
        self.clock = clock
        self.base_path = "/" + base_path.strip("/")
        self.broken = False
        self._life: Life | None = None
        self.app = RequestLog(Starlette(routes=[Mount("/", app=self._serve)]))
        self.log: list[LoggedRequest] = self.app.requests

    def go_live(self, speed: float = 1.0) -> None:
        """From now on work goes on by itself, ``speed`` times as fast as ``clock`` goes."""
        self._life = Life(self.world, self.clock, speed)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._life is not None:
            self._life.catch_up()
        request = Request(scope, receive)
        path: str = scope["path"]
        known = path.startswith(self.base_path + "/")
        parts = path[len(self.base_path) + 1 :].split("/") if known else []
        try:
            self._admit(request)
            status, body = 200, await self._answer(request, parts)
        except _FaultError as fault:
            status, body = fault.status, {"errCode": fault.code, "message": fault.message, "status": "Error"}
            if parts[:1] == ["v2"]:
                body = {"status": "Failure", "message": fault.message}
        # orjson writes an instant without a fraction as ThreatConnect does: 2024-04-04T21:39:41Z.
        content = orjson.dumps(body, option=orjson.OPT_UTC_Z)
        await Response(content, status, {"content-type": "application/json"})(scope, receive, send)

    def _admit(self, request: Request) -> None:
        if self.https_only and request.headers.get("x-forwarded-proto", request.url.scheme) != "https":
            raise _FaultError("0x1003")
        query = request.scope["query_string"].decode("latin-1")
        target = _raw_path(request) + "?" * bool(query) + query
        try:
            authenticate(self.credentials, request.headers, request.method, target, self.clock())
        except UnauthorizedError as error:
            raise _FaultError("0x1002", str(error)) from None
        if self.broken:
            raise _FaultError("0x1007")

    async def _answer(self, request: Request, parts: list[str]) -> Row:
        if parts == ["v2", "owners"] and request.method == "GET":
            owners = list(self.world.owners.values())
            return {"status": "Success", "data": {"resultCount": len(owners), "owner": owners}}
        for place, endpoint in _ENDPOINTS.items():
            start = ["v3", *place]
            if parts[: len(start)] == start and len(parts) <= len(start) + 1:
                params = await _parameters(request)
                return await self._ask(request, endpoint, params, parts[len(start) :])
        raise _FaultError("0x1004")

    async def _ask(self, request: Request, endpoint: Endpoint, params: "_Params", rest: list[str]) -> Row:
        """The answer of a list (``rest`` is empty), of one of its rows, or of its OPTIONS."""
        match request.method, rest:
            case "GET", []:
                body = self._page(request, endpoint, params)
                await asyncio.sleep(self.latency_per_row * len(body["data"]))
                return body
            case "GET", [key]:
                row = self.world.tables[endpoint.table].get(int(key)) if key.isdecimal() and len(key) < 19 else None
                if row is None:
                    raise _FaultError("0x1004")
                await asyncio.sleep(self.latency_per_row)
                return {"data": endpoint.render(self.world, row, _fields(endpoint, params)), "status": "Success"}
            case "OPTIONS", []:
                shown = params.get("show", [""])[0].lower() == "readonly"
                return {"data": endpoint.descriptors() if shown else {}, "status": "Success"}
            case "OPTIONS", ["tql"]:
                return _listing([each.as_json() for each in endpoint.offered(self.profile).values()])
            case "OPTIONS", ["fields"] if endpoint.extra:
                return _listing(
                    [
                        {"description": text, "includedByDefault": False, "name": name}
                        for name, text in endpoint.extra.items()
                    ]
                )
            case "GET" | "OPTIONS", _:
                raise _FaultError("0x1004")
            case _:
                raise _FaultError("0x1005")

    def _page(self, request: Request, endpoint: Endpoint, params: "_Params") -> Row:
        """The envelope of a list. ``count`` only on the first page; counts of outcomes are of the page alone."""
        start, limit = _number(params, "resultStart", 0, 2**31 - 1), _number(params, "resultLimit", 1, MAX_LIMIT)
        fields = _fields(endpoint, params)
        reading = Reading(endpoint.offered(self.profile), self.world.now, self.case_sensitive)
        try:
            found = select(self.world.tables[endpoint.table].values(), _first(params, "tql"), reading)
            page = sort(found, _first(params, "sorting"), reading, start)[start : start + limit]
        except TqlError:
            raise _FaultError("0x2001") from None
        body: Row = {}
        if start + limit < len(found):
            body["next"] = _url(request, params, start + limit, limit)
        body["data"] = [endpoint.render(self.world, row, fields) for row in page]
        if start > 0:
            body["prev"] = _url(request, params, max(0, start - limit), limit)
        elif (_first(params, "count") or "").lower() == "true":
            body["count"] = len(found)
        if endpoint is EXECUTIONS:
            body["countFailure"] = sum(row["status"] == "Failed" for row in page)
        body["status"] = "Success"
        if endpoint is EXECUTIONS:
            body["countSuccess"] = sum(row["status"] == "Completed" for row in page)
        return body


_Params = Mapping[str, list[str]]


async def _parameters(request: Request) -> _Params:
    """The query's parameters, or those of the JSON body ``{"data": {...}}`` of a GET that has no query.

    tcex sends such a body when the query would be long (contract section 5). It is not signed.
    """
    query = request.scope["query_string"].decode("latin-1")
    if query or request.method != "GET" or not (content := await request.body()):
        return parse_qs(query, keep_blank_values=True)
    try:
        data = orjson.loads(content)["data"]
        pairs = [(name, each) for name, value in data.items() for each in (value if isinstance(value, list) else [value])]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise _FaultError("0x1001") from None
    params: dict[str, list[str]] = {}
    for name, value in pairs:
        params.setdefault(name, []).append(value if isinstance(value, str) else orjson.dumps(value).decode())
    return params


def _first(params: _Params, name: str) -> str | None:
    return params[name][0] if name in params else None


def _number(params: _Params, name: str, least: int, most: int) -> int:
    """``resultStart`` or ``resultLimit``. What a number out of bounds does is undocumented: refused here."""
    text = _first(params, name)
    if text is None:
        return DEFAULT_LIMIT if name == "resultLimit" else 0
    if not (text.isascii() and text.isdigit() and len(text) < 12 and least <= int(text) <= most):
        raise _FaultError("0x1001")
    return int(text)


def _fields(endpoint: Endpoint, params: _Params) -> set[str]:
    """The additional fields asked for. What an unknown one does is undocumented: refused here."""
    asked = set(params.get("fields", ()))
    if not asked <= set(endpoint.extra):
        raise _FaultError("0x1001")
    return asked


def _listing(rows: list[Row]) -> Row:
    return {"data": rows, "count": len(rows), "status": "Success"}


def _raw_path(request: Request) -> str:
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return raw.partition(b"?")[0].decode("latin-1")


def _url(request: Request, params: _Params, start: int, limit: int) -> str:
    """The absolute address of another page, on the host that the client named."""
    kept = {name: values for name, values in params.items() if name not in {"resultStart", "resultLimit"}}
    query = urlencode({**kept, "resultStart": start, "resultLimit": limit}, doseq=True, quote_via=quote)
    host = request.headers.get("host", "localhost")
    return f"{request.headers.get('x-forwarded-proto', request.url.scheme)}://{host}{_raw_path(request)}?{query}"
