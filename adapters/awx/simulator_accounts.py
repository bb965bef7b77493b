"""Who may ask the AWX simulator, and what they see (contract sections 1 and 3)."""

from base64 import b64decode
from binascii import Error
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from adapters.awx.simulator_faults import FaultError
from adapters.awx.world import World
from adapters.awx.world_rows import Row


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the server.

    ``organizations`` are the ids whose objects the user may see; None is an administrator, who alone also sees
    instances and instance groups. ``tokens`` may read and write, ``read_tokens`` (scope read) only read.
    """

    username: str
    password: str
    organizations: frozenset[int] | None = None
    tokens: tuple[str, ...] = ()
    read_tokens: tuple[str, ...] = ()

    def sees(self, world: World, row: Row) -> bool:
        """Whether the user may read ``row``; lists leave out what they may not, its own URL answers 403."""
        return self.organizations is None or organization_of(world, row) in self.organizations


ACCOUNTS = (
    Account("admin", "admin-password", None, ("admin-token",), ("admin-read-token",)),
    Account("viewer", "viewer-password", frozenset({1}), ("viewer-token",)),
    Account("nobody", "nobody-password", frozenset()),
)
"""The accounts of a simulator that is given none: an administrator, one who sees organization 1, one without rights."""


def organization_of(world: World, row: Row) -> int | None:
    """The id of the organization whose members may read ``row``; None for objects of administrators."""
    match row["type"]:
        case "organization":
            return int(row["id"])
        case "host":
            return organization_of(world, world.inventories.get(row["inventory"], {"type": None}))
        case "job_host_summary" | "workflow_job_node":
            parent = row["job"] if row["type"] == "job_host_summary" else row["workflow_job"]
            return organization_of(world, world.executions.get(parent, {"type": None}))
        case _:
            found = row.get("organization") or row.get("summary_fields", {}).get("organization", {}).get("id")
            return None if found is None else int(found)


def authenticate(accounts: Sequence[Account], header: str | None) -> tuple[Account, bool]:
    """The account of an ``Authorization`` header and whether it may write.

    Raises the one 401 that AWX has for a missing, wrong, expired or malformed credential.
    """
    scheme, _, value = (header or "").partition(" ")
    found = _basic(accounts, value) if scheme.lower() == "basic" else None
    if found is not None:
        return found, True
    if scheme.lower() == "bearer":
        for account in accounts:
            if value in account.tokens or value in account.read_tokens:
                return account, value in account.tokens
    detail = "Authentication credentials were not provided. To establish a login session, visit /api/login/."
    raise FaultError(401, {"detail": detail})


def _basic(accounts: Iterable[Account], value: str) -> Account | None:
    try:
        username, _, password = b64decode(value, validate=True).decode().partition(":")
    except (Error, UnicodeDecodeError):
        return None
    return next((one for one in accounts if (one.username, one.password) == (username, password)), None)
