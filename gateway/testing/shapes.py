"""JSON shapes: which keys and types a document has at every level, so that a simulator can be held to a recording."""

from collections.abc import Iterator
from typing import Any


def json_type(value: Any) -> str:
    """The JSON type name of a decoded value: null, boolean, integer, number, string, array or object."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def shape(value: Any, path: str = "$") -> Iterator[tuple[str, str]]:
    """Every (path, type) in a document; the elements of an array share the path ``[]``."""
    yield path, json_type(value)
    if isinstance(value, dict):
        for key, member in value.items():
            yield from shape(member, f"{path}.{key}")
    elif isinstance(value, list):
        for element in value:
            yield from shape(element, f"{path}[]")


def compare_shapes(recorded: Any, simulated: Any) -> list[str]:
    """Differences between two documents as sentences; an empty list means the same keys and types at every level.

    Compares the sets of (path, type), so that two lists of rows are equal when the same kinds of rows occur in both.
    """
    left, right = set(shape(recorded)), set(shape(simulated))
    return [f"only recorded: {path} is {kind}" for path, kind in sorted(left - right)] + [
        f"only simulated: {path} is {kind}" for path, kind in sorted(right - left)
    ]
