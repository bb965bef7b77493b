"""An AWX 24.6.1 API server over a :class:`~adapters.awx.world.World`, as far as reading and canceling jobs go.

It follows the contract (filters, paging, errors, HTML where the real server sends HTML) and is held to recordings of
the real server by tests/adapters/test_awx_simulator.py. Single events, stdout, launching and relaunching are not served;
the websocket tells of the states of runs alone.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import format_datetime
from typing import Any, cast

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route, Router, WebSocketRoute
from starlette.types import Receive, Scope, Send

from adapters.awx import simulator_documents as documents
from adapters.awx.simulator_accounts import ACCOUNTS, Account, authenticate
from adapters.awx.simulator_events import EVENT_LISTS, events_page
from adapters.awx.simulator_faults import NOT_FOUND_PAGE, SERVER_ERROR_PAGE, FaultError, forbidden, missing, no_route
from adapters.awx.simulator_filters import apply_filters, apply_search, apply_type
from adapters.awx.simulator_lists import LISTS, SUBLISTS, Listing, Sublist
from adapters.awx.simulator_order import apply_order, page_of
from adapters.awx.simulator_rows import detail_row, list_row, named_key
from adapters.awx.simulator_schema import MODELS, Tables
from adapters.awx.simulator_socket import Sockets
from adapters.awx.world import World
from adapters.awx.world_life import Life
from adapters.awx.world_rows import ACTIVE, Row, stamp
from gateway.testing.simulator import LoggedRequest, RequestLog

_METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
_LIST_METHODS = ("GET", "OPTIONS")
_JSON, _HTML = "application/json", "text/html"


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a known account; ``account`` is None on the few URLs that need none."""

    request: Request
    account: Account | None
    may_write: bool

    @property
    def user(self) -> Account:
        """The account, on URLs that need one."""
        return cast("Account", self.account)


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON ``body`` (None: no content), and the number of records in it, which cost time."""

    body: Any
    rows: int = 0
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


View = Callable[[Call], Answer]


class Simulator:
    """The server. ``app`` is the ASGI application, ``log`` the requests it has served (``GET /_log`` shows them, unlogged).

    ``latency_per_row`` seconds are waited per record in an answer: the real server makes some queries for each row.
    ``accounts`` are the users it knows. Changes of ``world`` show from the next request on. The world stands still, unless
    ``speed`` is given (see ``go_live``); ``clock`` gives seconds. Answers carry the world's time as their ``Date``.
    """

    base_path = "/api/v2"

    def __init__(
        self,
        world: World,
        *,
        latency_per_row: float = 0.0,
        accounts: Sequence[Account] = ACCOUNTS,
        speed: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.world = world
        self._clock = clock
        self._life: Life | None = None
        if speed is not None:
            self.go_live(speed)
        self.latency_per_row = latency_per_row
        self.accounts = tuple(accounts)
        self.sockets = Sockets(world, self.accounts, self._catch_up)
        self._router = Router(self._routes(), redirect_slashes=False, default=self._unrouted)
        self.app = RequestLog(self._router)
        self.log: list[LoggedRequest] = self.app.requests

    def go_live(self, speed: float = 1.0) -> None:
        """Let the world go on from now, ``speed`` times as fast as the clock.

        It catches up before each request, and a few times a second while a websocket is open.
        """
        self._life = Life(self.world, self._clock, speed)

    def _catch_up(self) -> None:
        if self._life is not None:
            self._life.catch_up()

    def _routes(self) -> list[BaseRoute]:
        base = self.base_path
        routes: list[BaseRoute] = [
            *(WebSocketRoute(path, self.sockets.serve) for path in ("/websocket/", "/api/websocket/")),
            self._route("/api/", lambda _call: Answer(documents.API_ROOT), public=True),
            self._route("/api/o/", lambda _call: Answer(documents.OAUTH_ROOT), public=True),
            self._route(f"{base}/", lambda _call: Answer(documents.V2_ROOT), public=True),
            self._route(f"{base}/ping/", lambda _call: Answer(documents.ping(self.world)), public=True),
            self._route(f"{base}/config/", lambda _call: Answer(documents.config())),
            self._route(f"{base}/me/", self._me),
            self._route(f"{base}/jobs/{{id:int}}/cancel/", self._cancel, ("GET", "POST")),
        ]
        for name, listing in LISTS.items():
            if listing.alone:
                routes.append(self._route(f"{base}/{name}/", self._list_view(listing), _LIST_METHODS))
            if listing.details:
                routes.append(self._route(f"{base}/{name}/{{id}}/", self._detail_view(listing)))
        for name, (below_it, _) in EVENT_LISTS.items():
            path = f"{base}/{name}/{{id:int}}/{below_it}/"
            routes.append(self._route(path, self._events_view(LISTS[name]), ("GET",)))
        for below in SUBLISTS:
            path = f"{base}/{below.parent}/{{id:int}}/{below.name}/"
            routes.append(self._route(path, self._list_view(LISTS[below.child], below), _LIST_METHODS))
        return routes

    def _route(self, path: str, view: View, methods: Sequence[str] = ("GET",), *, public: bool = False) -> Route:
        allowed = [*methods, "HEAD"]

        async def serve(request: Request) -> Response:
            self._catch_up()
            date = format_datetime(self.world.now.astimezone(UTC), usegmt=True)
            headers = {"X-API-Product-Name": "AWX", "Allow": ", ".join(allowed), "Date": date}
            try:
                # The order of Django REST framework: the Accept header, then the credentials, then the method.
                page = _wants_page(request)
                account, may_write = (None, False) if public else self._authenticate(request)
                if account is not None:
                    headers["X-API-Product-Version"] = documents.VERSION
                _check_method(request, allowed)
                answer = view(Call(request, account, may_write))
            except FaultError as fault:
                return _refusal(fault, headers)
            await asyncio.sleep(self.latency_per_row * answer.rows)
            headers |= answer.headers
            if page:
                return Response(documents.BROWSABLE, answer.status, headers, _HTML)
            content = b"" if answer.body is None else orjson.dumps(answer.body)
            return Response(content, answer.status, headers, _JSON)

        return Route(path, serve, methods=_METHODS)

    def _authenticate(self, request: Request) -> tuple[Account, bool]:
        return authenticate(self.accounts, request.headers.get("authorization"))

    def _list_view(self, listing: Listing, below: Sublist | None = None) -> View:
        model = MODELS[listing.model]

        def view(call: Call) -> Answer:
            rows = listing.rows(self.world)
            if below is not None:
                owner = self._find(LISTS[below.parent], call)
                rows = [row for row in rows if row.get(below.column) == owner[below.key]]
            if call.request.method == "OPTIONS":
                return Answer(documents.options(listing.title, model, list(listing.types)))
            rows = [row for row in rows if call.user.sees(self.world, row)]
            tables, query = Tables(self.world), call.request.query_params
            parameters = query.multi_items()
            rows = apply_type(rows, query.get("type"))
            rows = apply_filters(tables, rows, model, parameters)
            rows = apply_search(rows, model, query.get("search", ""))
            rows = apply_order(tables, rows, model, parameters, listing.order)
            envelope, shown = page_of(rows, call.request.url.path, call.request.url.query, parameters)
            results = [list_row(self.world, call.user, row) for row in shown]
            return Answer({**envelope, "results": results}, len(results))

        return view

    def _events_view(self, listing: Listing) -> View:
        def view(call: Call) -> Answer:
            run, url = self._find(listing, call), call.request.url
            body, rows = events_page(self.world, run, url.path, url.query, call.request.query_params.multi_items())
            return Answer(body, rows, headers={"X-UI-Max-Events": "4000"} if run["type"] == "job" else {})

        return view

    def _detail_view(self, listing: Listing) -> View:
        return lambda call: Answer(detail_row(self.world, call.user, self._find(listing, call)), 1)

    def _find(self, listing: Listing, call: Call) -> Row:
        """The record of the URL's id or named URL. Raises the 404s of the contract, and 403 when it may not be read."""
        key = str(call.request.path_params["id"])
        rows = listing.rows(self.world)
        if key.isdecimal():
            found = next((row for row in rows if row["id"] == int(key)), None)
            if found is None:
                raise missing(listing.model)
        else:
            found = next((row for row in rows if named_key(self.world, row) == key), None)
            if found is None:
                raise no_route()
        if not call.user.sees(self.world, found):
            raise forbidden()
        return found

    def _me(self, call: Call) -> Answer:
        found = [row for row in self.world.users.values() if row["username"] == call.user.username]
        return Answer({"count": len(found), "next": None, "previous": None, "results": found}, len(found))

    def _cancel(self, call: Call) -> Answer:
        row = self._find(LISTS["jobs"], call)
        can_cancel = row["status"] in ACTIVE
        if call.request.method != "POST":
            return Answer({"can_cancel": can_cancel})
        if not call.may_write or call.user.organizations is not None:
            raise forbidden()
        if not can_cancel:
            _check_method(call.request, ())
        changes = {"canceled_on": stamp(self.world.now)}
        if row["status"] != "running":  # a running job is told to stop and goes on until it does
            changes |= {"status": "canceled", "finished": stamp(self.world.now)}
        self.world.update_execution(row["id"], **changes)
        return Answer(None, status=202)

    async def _unrouted(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = Response(NOT_FOUND_PAGE, 404, media_type=_HTML)
        if not scope["path"].endswith("/"):
            corrected = {**scope, "path": scope["path"] + "/"}
            if any(route.matches(corrected)[0] is Match.FULL for route in self._router.routes):
                query = scope["query_string"].decode("latin-1")
                location = corrected["path"] + (f"?{query}" if query else "")
                response = Response("", 301, {"Location": location}, _HTML)
        await response(scope, receive, send)


def _check_method(request: Request, allowed: Sequence[str]) -> None:
    if request.method not in allowed:
        raise FaultError(405, {"detail": f'Method "{request.method}" not allowed.'})


def _wants_page(request: Request) -> bool:
    """Whether the answer is the browsable HTML page. Raises 406 when neither that nor JSON is acceptable."""
    accepted = [part.split(";")[0].strip() for part in request.headers.get("accept", "*/*").split(",")]
    form = request.query_params.get("format")
    for media in accepted:
        if media in (_JSON, "application/*", "*/*") and form != "api":
            return False
        if media in (_HTML, "text/*", "*/*") and form != "json":
            return True
    raise FaultError(406, {"detail": "Could not satisfy the request Accept header."})


def _refusal(fault: FaultError, headers: dict[str, str]) -> Response:
    if fault.status == 401:
        headers["WWW-Authenticate"] = "Bearer realm=api authorization_url=/api/o/authorize/"
    if fault.body is None:
        return Response(NOT_FOUND_PAGE if fault.status == 404 else SERVER_ERROR_PAGE, fault.status, media_type=_HTML)
    return Response(orjson.dumps(fault.body), fault.status, headers, _JSON)
