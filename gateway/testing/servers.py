"""Real sockets for the demo and the tests: ASGI apps on loopback ports, served by a thread of their own."""

import asyncio
import socket
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import uvicorn


class LoopbackServers:
    """Serves each app on a free port of 127.0.0.1 while the ``with`` block lasts.

    ``origins`` has each one's ``http://127.0.0.1:<port>``, in the order of the apps.
    """

    def __init__(self, apps: Sequence[Any]) -> None:
        self._sockets = [_listen() for _ in apps]
        self._servers = [
            uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", ws="auto"))
            for app in apps
        ]
        self.origins = [f"http://127.0.0.1:{sock.getsockname()[1]}" for sock in self._sockets]
        self._thread = threading.Thread(target=self._run, name="loopback-servers", daemon=True)

    def __enter__(self) -> Self:
        # The sockets listen already: whoever connects before the thread accepts simply waits.
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for server in self._servers:
            server.should_exit = True
        self._thread.join(timeout=10)

    def _run(self) -> None:
        async def serve() -> None:
            # Not Server.serve: that one takes over the process's signals.
            await asyncio.gather(
                *(server._serve([sock]) for server, sock in zip(self._servers, self._sockets, strict=True))  # noqa: SLF001
            )

        asyncio.run(serve())


def _listen() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.bind(("127.0.0.1", 0))
    sock.listen(128)
    return sock
