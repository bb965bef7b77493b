"""AWX's native ids as parts of keys, and places in its lists (adapters/awx/README.md, "Native ids").

Jobs (templates) and executions: ``<id>``. Nodes: ``host/<id>``, ``instance/<hostname>``, and ``host-name/<name>`` for a
host that AWX remembers by name only.
"""

import re

from gateway.model import Key, Kind, Tie

HOST, HOST_NAME, INSTANCE = "host", "host-name", "instance"

LARGEST_ID = 2**31 - 1
"""AWX's ids are PostgreSQL integers; a larger one exists nowhere."""

_CANONICAL = re.compile(r"(?:0|[1-9][0-9]*)\Z")
_MOST_DIGITS = len(str(LARGEST_ID))


def parse(kind: Kind, native_id: str) -> tuple[str, ...] | None:
    """The parts of a public native id, or None when none of AWX's looks like that."""
    if kind != "node":
        return (native_id,) if _CANONICAL.match(native_id) else None
    sort, _, name = native_id.partition("/")
    if "\0" in name or not name or sort not in (HOST, HOST_NAME, INSTANCE):
        return None
    return None if sort == HOST and not _CANONICAL.match(name) else (sort, name)


def number(key: Key) -> int | None:
    """The integer id in a key that ends with one; None when AWX can have no such id."""
    text = key.parts[-1] if key.parts else ""
    if len(text) > _MOST_DIGITS or not _CANONICAL.match(text):
        return None
    value = int(text)
    return value if value <= LARGEST_ID else None


def named(key: Key, sort: str) -> str | None:
    """The name in a node key of this sort; None for other keys."""
    match key.parts:
        case (found, name) if found == sort and name and "\0" not in name:
            return name
        case _:
            return None


def host_number(key: Key) -> int | None:
    """The host id in a node key; None for other keys and impossible ids."""
    return number(key) if named(key, HOST) is not None else None


def last_id(tie: Tie | None) -> int | None:
    """The id at the end of a place's tie."""
    value = tie[-1] if tie else None
    return value if isinstance(value, int) else None
