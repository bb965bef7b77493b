"""A simulator of CenturyLink Runner for reading: the HTTP face over a ``World``.

Behaves as the contract of CTL Runner says, quirks included. What the contract calls unknown is chosen here: a ``page`` or
``size`` out of range or not a number is a 400, a page past the end is empty, an account that is not one's own is a 403, and
all errors have the body of the login's, ``{"message"}``. Not simulated: writing (405), schedules, service accounts, minions
and metadata (all of them 404).
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import cast

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.ctl_runner.simulator_login import TWO_WEEKS, Tokens
from adapters.ctl_runner.world import World
from adapters.ctl_runner.world_events import latest_of
from adapters.ctl_runner.world_life import Life
from adapters.ctl_runner.world_rows import Row
from gateway.testing.simulator import LoggedRequest, RequestLog

LOGIN_PATH = "/v2/authentication/login"
"""Where the login is: on the real system at another host, here at the same, below no ``base_path``."""

MOST_ROWS = 100
"""The largest ``size``, and the default."""

_UNRECOGNIZED = "We didn't recognize the username or password you entered. Please try again."


class Simulator:
    """A Runner server over ``world``, whose ``now`` is the server's clock, for its tokens too.

    ``username`` and ``password`` are what the login accepts. It answers ``login_alias``, an account without a job of its
    own; the jobs belong to ``world.account_alias``, a sub-account. A token lasts ``token_seconds``; ``tokens`` are those
    given out. ``base_path`` is what precedes ``/jobs`` and ``/status`` (early hosts had ``/v2/automation``).
    ``latency_per_row`` (seconds) delays an answer by the rows it holds.

    Switches, to be set at any time: ``account_wide`` (whether ``/jobs/{alias}/executions`` exists or is a 404),
    ``job_as_array`` (a job's own URL answers an array of one, as the documents print it, or the object, as observed),
    ``status_as_page`` (the status feed answers page envelopes, or one bare array), ``invalid_json`` (execution pages carry
    textual ``repository_log`` with its quotes and newlines unescaped, as printed in 2015), ``latest_only`` (the status feed
    of an execution that is not over shows only the last few events).

    ``live`` brings the world to life, ``speed`` times as fast as ``clock`` (seconds) goes; see ``go_live``.

    ``GET /_log`` answers the request log as JSON, itself not logged. A delay of ``app`` must spare the login: waiting eats
    the request's body.
    """

    def __init__(
        self,
        world: World,
        *,
        latency_per_row: float = 0.0,
        username: str = "demouser1",
        password: str = "s3cr3t-password",  # noqa: S107 - of nobody
        login_alias: str = "ROOT",
        token_seconds: float = TWO_WEEKS,
        account_wide: bool = True,
        job_as_array: bool = False,
        status_as_page: bool = False,
        invalid_json: bool = False,
        latest_only: bool = True,
        base_path: str = "",
        live: bool = False,
        speed: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.world = world
        self.latency_per_row = latency_per_row
        self.username = username
        self.password = password
        self.login_alias = login_alias
        self.tokens = Tokens(token_seconds)
        self.account_wide = account_wide
        self.job_as_array = job_as_array
        self.status_as_page = status_as_page
        self.invalid_json = invalid_json
        self.latest_only = latest_only
        self.clock = clock
        self.life: Life | None = None
        self.base_path = f"/{base_path.strip('/')}" if base_path.strip("/") else ""
        routes = [
            Route(LOGIN_PATH, self._login, methods=["POST"]),
            self._route("/jobs/{alias}", self._jobs),
            # The way to a job, too: without the account-wide list "executions" is the id of no job.
            self._route("/jobs/{alias}/{job}", self._job),
            self._route("/jobs/{alias}/{job}/executions", self._executions),
            self._route("/jobs/{alias}/{job}/executions/{execution}", self._execution),
            self._route("/status/{alias}/job/{job}", self._status_of_job),
            self._route("/status/{alias}/job/{job}/execution/{execution}", self._status),
        ]
        app = Starlette(routes=routes, exception_handlers={HTTPException: _fault})
        app.router.redirect_slashes = False
        self.app = RequestLog(app)
        self.log: list[LoggedRequest] = self.app.requests
        if live:
            self.go_live(speed)

    def go_live(self, speed: float = 1.0) -> None:
        """From now on the world's time passes, ``speed`` times as fast as the clock's, and things happen in it."""
        self.life = Life(self.world, self.clock, speed)

    def _catch_up(self) -> None:
        if self.life is not None:
            self.life.catch_up()

    async def _login(self, request: Request) -> Response:
        self._catch_up()
        try:
            given = await request.json()
        except ValueError:
            given = None
        if not isinstance(given, dict) or (given.get("username"), given.get("password")) != (self.username, self.password):
            raise HTTPException(400, _UNRECOGNIZED)
        answer = {
            "userName": self.username,
            "accountAlias": self.login_alias,
            "locationAlias": "DC1",
            "roles": ["AccountAdmin", "ServerAdmin"],
            "bearerToken": self.tokens.issue(self.username, self.login_alias, self.world.now),
        }
        return _json(orjson.dumps(answer))

    def _route(self, path: str, view: Callable[[Request], tuple[bytes, int]]) -> Route:
        """A route that only token holders pass, and only to accounts of their own; a view gives the body and its rows."""

        async def endpoint(request: Request) -> Response:
            self._catch_up()
            if not self.tokens.accepts(request.headers.get("authorization"), self.world.now):
                raise HTTPException(401, "Authorization has been denied for this request.")
            if request.path_params["alias"] not in self.world.accounts | {self.login_alias}:
                raise HTTPException(403, "The account is not one of yours.")
            body, rows = view(request)
            await asyncio.sleep(self.latency_per_row * rows)
            return _json(body)

        return Route(self.base_path + path, endpoint, methods=["GET"])

    def _jobs(self, request: Request) -> tuple[bytes, int]:
        alias = request.path_params["alias"]
        found = [row for row in self.world.jobs.values() if row["accountAlias"] == alias]
        page = _page(request, found[::-1])
        return orjson.dumps(page), len(page["results"])

    def _job(self, request: Request) -> tuple[bytes, int]:
        if self.account_wide and request.path_params["job"] == "executions":
            alias = request.path_params["alias"]
            return self._history(request, [row for row in self.world.executions.values() if row["account_alias"] == alias])
        row = self._the_job(request)
        return orjson.dumps([row] if self.job_as_array else row), 1

    def _executions(self, request: Request) -> tuple[bytes, int]:
        return self._history(request, self.world.executions_of(self._the_job(request)["id"]))

    def _history(self, request: Request, rows: list[Row]) -> tuple[bytes, int]:
        """A page of executions, the last created first."""
        page = _page(request, rows[::-1])
        body = orjson.dumps(page)
        if self.invalid_json:
            for log in {row["repository_log"] for row in page["results"] if isinstance(row["repository_log"], str)}:
                body = body.replace(orjson.dumps(log), f'"{log}"'.encode())
        return body, len(page["results"])

    def _execution(self, request: Request) -> tuple[bytes, int]:
        return orjson.dumps(self._the_execution(request)), 1

    def _status_of_job(self, request: Request) -> tuple[bytes, int]:
        rows = self.world.executions_of(self._the_job(request)["id"])
        return self._feed(request, [event for row in rows for event in self._events(row)])

    def _status(self, request: Request) -> tuple[bytes, int]:
        return self._feed(request, self._events(self._the_execution(request)))

    def _events(self, row: Row) -> list[Row]:
        events = self.world.events_of(row["execution_id"])
        return latest_of(row, events) if self.latest_only else events

    def _feed(self, request: Request, events: list[Row]) -> tuple[bytes, int]:
        if not self.status_as_page:
            return orjson.dumps(events), len(events)
        page = _page(request, events)
        return orjson.dumps(page), len(page["results"])

    def _the_job(self, request: Request) -> Row:
        row = self.world.jobs.get(request.path_params["job"])
        if row is None or row["accountAlias"] != request.path_params["alias"]:
            raise HTTPException(404, "The job was not found.")
        return row

    def _the_execution(self, request: Request) -> Row:
        """The execution of a path. Its job may be gone, but it must be the one that the path names."""
        alias, job_id, execution_id = (request.path_params[name] for name in ("alias", "job", "execution"))
        row = self.world.executions.get(execution_id)
        if row is None or (row["account_alias"], row["job_id"]) != (alias, job_id):
            raise HTTPException(404, "The execution was not found.")
        return row


def _page(request: Request, rows: Sequence[Row]) -> Row:
    """The page envelope; ``size`` is the number of rows sent, not the number asked for (contract section 9, 16)."""
    page, size = (_number(request, name, default) for name, default in (("page", 0), ("size", MOST_ROWS)))
    if page < 0 or not 1 <= size <= MOST_ROWS:
        raise HTTPException(400, f"The page must not be negative, and the size between 1 and {MOST_ROWS}.")
    found = rows[page * size : (page + 1) * size]
    return {"totalSize": len(rows), "page": page, "size": len(found), "results": found}


def _number(request: Request, name: str, default: int) -> int:
    try:
        return int(request.query_params.get(name, default))
    except ValueError:
        raise HTTPException(400, f"The {name} is not a number.") from None


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, {"content-type": "application/json"})


async def _fault(_request: Request, error: Exception) -> Response:
    fault = cast("HTTPException", error)  # Starlette calls it for nothing else
    return _json(orjson.dumps({"message": fault.detail}), fault.status_code)
