"""The simulator's websocket (contracts/awx.md section 8): what changes in the states of runs. It tells of no events.

What has changed is found by comparing a few times a second, so that it does not matter who changed the world: states that
pass in between are not told of, as AWX itself does not tell of all.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from adapters.awx.simulator_accounts import Account, authenticate
from adapters.awx.simulator_faults import FaultError
from adapters.awx.world import World
from adapters.awx.world_rows import ACTIVE, Row

_LOOK_SECONDS = 0.1
_DENIED = "access denied to channel"
_States = dict[int, tuple[str, bool]]


class Sockets:
    """Serves connections. ``catch_up`` is called before each look at ``world``."""

    def __init__(self, world: World, accounts: Sequence[Account], catch_up: Callable[[], None]) -> None:
        self._world = world
        self._accounts = accounts
        self._catch_up = catch_up
        self._connections: set[_Connection] = set()

    @property
    def listening(self) -> int:
        """How many connections have subscribed to anything."""
        return sum(bool(connection.groups) for connection in self._connections)

    async def serve(self, socket: WebSocket) -> None:
        """One connection, from its handshake to its end."""
        try:
            account, _ = authenticate(self._accounts, socket.headers.get("authorization"))
        except FaultError:
            await socket.close()  # before it is accepted: the handshake is answered with 403
            return
        connection = _Connection(socket, self._world, account, self._catch_up)
        self._connections.add(connection)
        try:
            with suppress(WebSocketDisconnect):
                await connection.serve()
        finally:
            self._connections.remove(connection)


class _Connection:
    def __init__(self, socket: WebSocket, world: World, account: Account, catch_up: Callable[[], None]) -> None:
        self._socket = socket
        self._world = world
        self._account = account
        self._catch_up = catch_up
        self.groups: set[str] = set()

    async def serve(self) -> None:
        await self._socket.accept()
        users = [row["id"] for row in self._world.users.values() if row["username"] == self._account.username]
        await self._send({"accept": True, "user": users[0] if users else None})
        hearing = asyncio.create_task(self._hear())
        try:
            await self._tell_until(hearing)
        finally:
            hearing.cancel()

    async def _hear(self) -> None:
        async for text in self._socket.iter_text():
            await self._subscribe(orjson.loads(text))

    async def _subscribe(self, wanted: dict[str, Any]) -> None:
        token = wanted.get("xrftoken")
        if not token or token != self._socket.cookies.get("csrftoken"):
            await self._send({"error": _DENIED})
            return
        groups: set[str] = set()
        for group, members in wanted.get("groups", {}).items():
            for member in members:
                if group.endswith("_events") and not self._may_read(member):
                    await self._send({"error": f"{_DENIED} {group} for resource id {member}"})
                else:
                    groups.add(f"{group}-{member}")
        before, self.groups = self.groups, groups
        joined, left = sorted(groups - before), sorted(before - groups)
        await self._send({"groups_current": sorted(groups), "groups_left": left, "groups_joined": joined})

    def _may_read(self, row_id: int) -> bool:
        row = self._world.executions.get(row_id)
        return row is not None and self._account.sees(self._world, row)

    async def _tell_until(self, end: asyncio.Task[None]) -> None:
        known = self._states()
        while not end.done():
            self._catch_up()
            states = self._states()
            for message in self._changes(known, states):
                await self._send(message)
            known = states
            await asyncio.wait({end}, timeout=_LOOK_SECONDS)
        end.result()

    def _states(self) -> _States:
        """The status of each run, and whether all its events are stored."""
        # A copy first: tests change the world from another thread.
        return {
            row_id: (row["status"], row.get("event_processing_finished", row["status"] not in ACTIVE))
            for row_id, row in list(self._world.executions.items())
        }

    def _changes(self, before: _States, after: _States) -> Iterator[dict[str, Any]]:
        for row_id, (status, stored) in after.items():
            old_status, old_stored = before.get(row_id, (None, False))
            row = self._world.executions.get(row_id)
            if row is None:
                continue
            if status != old_status and "jobs-status_changed" in self.groups:
                yield _status_message(row, status)
            if stored and not old_stored and "jobs-summary" in self.groups:
                events = self._world.logs.of(self._world, row_id).events
                last = events[-1].counter if events else 0
                yield {"group_name": "jobs", "unified_job_id": row_id, "final_counter": last}

    async def _send(self, message: dict[str, Any]) -> None:
        await self._socket.send_text(orjson.dumps(message).decode())


def _status_message(row: Row, status: str) -> dict[str, Any]:
    message = {
        "unified_job_id": row["id"],
        "status": status,
        "instance_group_name": row["summary_fields"].get("instance_group", {}).get("name"),
        "type": row["type"],
        "group_name": "jobs",
        "unified_job_template_id": row.get("unified_job_template"),
    }
    return message if status in ACTIVE else {**message, "finished": row["finished"]}
