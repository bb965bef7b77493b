"""What every simulator shares: a log of the requests it served, and optional latency.

A simulator is a small Starlette server that behaves like one real back end over generated data. It proves nothing about
the back end by itself: fidelity tests compare it with recordings of the real one.
"""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import ClassVar

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request as it arrived.

    ``path`` and ``query`` are verbatim (still percent-encoded), ``status`` is what was answered and ``active`` how many
    requests, this one included, were being served when it arrived.
    """

    method: str
    path: str
    query: str
    status: int
    active: int
    user_agent: str = ""


class RequestLog:
    """ASGI middleware that records every HTTP request that ``app`` answers, and shows them at ``/_log`` (unrecorded).

    ``delay`` gives the seconds to wait before a request (path, query) is served; real servers are not instant.
    """

    observers: ClassVar[list[Callable[[LoggedRequest], None]]] = []
    """Told of every request that any simulator of the process has served."""

    def __init__(self, app: ASGIApp, delay: Callable[[str, str], float] | None = None) -> None:
        self.app = app
        self.delay = delay
        self.requests: list[LoggedRequest] = []
        self._active = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["path"] == "/_log":
            await JSONResponse([asdict(request) for request in self.requests])(scope, receive, send)
            return
        logged = False

        def log(status: int) -> None:
            nonlocal logged
            logged = True
            self.requests.append(LoggedRequest(scope["method"], path, query, status, active, _user_agent(scope)))
            for observer in self.observers:
                observer(self.requests[-1])

        async def watch(message: Message) -> None:
            # Before the answer is out: who has it finds it in the log.
            if message["type"] == "http.response.start" and not logged:
                log(message["status"])
            await send(message)

        path = scope.get("raw_path", scope["path"].encode()).split(b"?")[0].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        self._active += 1
        active = self._active
        try:
            seconds = self.delay(path, query) if self.delay is not None else 0.0
            if seconds <= 0 or not await _gone(receive, seconds):
                await self.app(scope, receive, watch)
        finally:
            self._active -= 1
            if not logged:
                log(0)


def _user_agent(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"user-agent"), "")


async def _gone(receive: Receive, seconds: float) -> bool:
    """Wait, but no longer than the client does; whether it hung up meanwhile. Only for requests without a body."""

    async def hang_up() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    waiting = asyncio.create_task(hang_up())
    done, _ = await asyncio.wait({waiting}, timeout=seconds)
    waiting.cancel()
    return bool(done)
