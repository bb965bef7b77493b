"""What the detail types have in common: how AWX's values become GraphQL's."""

from typing import Any, TypeVar

import msgspec
import strawberry

from adapters.awx.mapping import instant
from adapters.awx.records import Named
from gateway.api.scalars import JSON, DateTime
from gateway.redaction import redacted

T = TypeVar("T")


def field(description: str) -> Any:
    """A described field."""
    return strawberry.field(description=description)


def date_time(text: str | None) -> DateTime | None:
    """An instant of AWX's. Raises ValueError when it is none."""
    return instant(text)


def name_of(related: Named | None) -> str | None:
    """The name of a related object."""
    return related.name if related else None


def names_of(related: tuple[Named, ...] | None) -> list[str] | None:
    """The names of related objects."""
    return None if related is None else [one.name for one in related if one.name]


def list_of(values: tuple[T, ...] | None) -> list[T] | None:
    """Values as GraphQL takes them."""
    return None if values is None else list(values)


def variables(text: str | None) -> JSON | None:
    """Variables as AWX holds them: JSON text, or YAML text, which stays text."""
    if not text:
        return None
    without = redacted(text)
    try:
        return JSON(msgspec.json.decode(without))
    except msgspec.DecodeError:
        return JSON(without)
