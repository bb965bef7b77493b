"""What several mapping tests need to look into recordings."""

from collections.abc import Iterator
from typing import Any


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, tuple[str, Any]]]:
    """Paths and values of a JSON document; what says nothing (null, empty) is left out."""
    match value:
        case dict():
            for key, member in value.items():
                yield from leaves(member, f"{path}.{key}".lstrip("."))
        case list():
            for index, member in enumerate(value):
                yield from leaves(member, f"{path}[{index}]")
        case bool():
            yield path, ("boolean", value)
        case int() | float():
            yield path, ("number", value)
        case str() if value:
            yield path, ("string", value)
