"""A gateway on a real socket, and a client of its subscriptions."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import orjson
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from gateway.app import create_app
from gateway.config import ConfigFile

PROTOCOL = Subprotocol("graphql-transport-ws")


class Server:
    """A gateway served by a thread of its own; can be stopped and started again on its port."""

    def __init__(self, file: ConfigFile) -> None:
        self._file = file
        self._listener = listening()
        self.port: int = self._listener.getsockname()[1]
        self.gateway: Any = None
        self._start()

    @property
    def http(self) -> str:
        """Where requests go."""
        return f"http://127.0.0.1:{self.port}/graphql"

    @property
    def ws(self) -> str:
        """Where WebSockets connect."""
        return f"ws://127.0.0.1:{self.port}/graphql"

    @property
    def answered(self) -> int:
        """How many requests it has answered since it was started."""
        return self._server.server_state.total_requests

    def stop(self) -> None:
        """Serve no longer; connections are closed."""
        self._server.should_exit = True
        self._thread.join(timeout=20)
        assert not self._thread.is_alive()

    def restart(self) -> None:
        """Stop, and begin anew as another process would: on the same port, remembering nothing."""
        self.stop()
        self._listener = listening(self.port)
        self._start()

    def _start(self) -> None:
        app = create_app(self._file)
        options: dict[str, Any] = {"log_level": "warning", "access_log": False, "timeout_graceful_shutdown": 1}
        self._server = uvicorn.Server(uvicorn.Config(app, **options))
        self._thread = threading.Thread(target=self._run, name="gateway", daemon=True)
        self._thread.start()
        started = threading.Event()
        while not self._server.started:
            assert self._thread.is_alive(), "the gateway did not start"
            started.wait(0.01)
        self.gateway = app.state.gateway

    def _run(self) -> None:
        # Not Server.run: that one takes over the process's signals.
        asyncio.run(self._server._serve([self._listener]))


@contextmanager
def served(text: str) -> Iterator[Server]:
    """A gateway over a configuration, while the block lasts."""
    server = Server(ConfigFile(text, "live"))
    try:
        yield server
    finally:
        server.stop()


class Socket:
    """A client that speaks graphql-transport-ws, message by message."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        await self.connection.send(orjson.dumps(message).decode())

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            message: dict[str, Any] = orjson.loads(await self.connection.recv())
        return message

    async def subscribe(self, query: str, variables: Mapping[str, Any] | None = None, identity: str = "1") -> None:
        payload = {"query": query, "variables": dict(variables or {})}
        await self.send(type="subscribe", id=identity, payload=payload)

    async def results(self, identity: str = "1") -> AsyncIterator[dict[str, Any]]:
        """The payloads of an operation until it is complete."""
        while True:
            message = await self.receive()
            if message.get("id") != identity:
                continue
            if message["type"] == "complete":
                return
            assert message["type"] == "next", message
            yield message["payload"]


@asynccontextmanager
async def connected(url: str, payload: Mapping[str, Any] | None = None, **options: Any) -> AsyncIterator[Socket]:
    """A connection that is initialised."""
    async with connect(url, subprotocols=[PROTOCOL], max_size=None, **options) as connection:
        client = Socket(connection)
        await client.send(type="connection_init", **({} if payload is None else {"payload": dict(payload)}))
        assert (await client.receive())["type"] == "connection_ack"
        yield client


def listening(port: int = 0) -> socket.socket:
    """A socket that listens on this machine: on a port, or on one that is free."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(256)
    return listener
