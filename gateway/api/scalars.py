"""The schema's own scalars. Adapters' detail types use them as annotations."""

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NewType

import strawberry
from graphql import ValueNode, value_from_ast_untyped
from strawberry.types.scalar import ScalarDefinition

from gateway.instant import Instant

if TYPE_CHECKING:
    # mypy cannot make a new type of a Struct.
    DateTime = Instant
else:
    DateTime = NewType("DateTime", Instant)
JSON = NewType("JSON", object)
Long = NewType("Long", int)
Duration = NewType("Duration", int)

_DURATION = re.compile(
    r"P(?=.)(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d{1,6})?)S)?)?\Z",
    re.ASCII,
)
_DURATION_SECONDS = {"weeks": 604_800, "days": 86_400, "hours": 3600, "minutes": 60, "seconds": 1}
_LONGEST_SECONDS = 366 * 86_400 * 1000
_MAX_LONG = 1 << 63


def parse_datetime(value: Any) -> Instant:
    """An instant from a client. Raises ValueError."""
    if isinstance(value, str):
        with suppress(ValueError):
            return Instant.parse(value)
    raise ValueError(f"{_quoted(value)} is not an instant: expected RFC 3339 with an offset, such as 2026-11-21T09:00:00Z.")


def parse_duration(value: Any) -> int:
    """Microseconds from an ISO 8601 duration of weeks, days, hours, minutes and seconds. Raises ValueError."""
    match = _DURATION.match(value) if isinstance(value, str) else None
    if match is not None:
        seconds = sum(float(text) * _DURATION_SECONDS[name] for name, text in match.groupdict().items() if text)
        if 0 <= seconds <= _LONGEST_SECONDS:
            return round(seconds * 1_000_000)
    raise ValueError(f"{_quoted(value)} is not a duration: expected ISO 8601 such as PT90M, P1D or P2W.")


def parse_long(value: Any) -> int:
    """A 64-bit integer from a number or a decimal string. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and re.fullmatch(r"-?\d{1,19}", value, re.ASCII):
        number = int(value)
    else:
        raise ValueError(f"{_quoted(value)} is not a 64-bit integer.")
    if not -_MAX_LONG <= number < _MAX_LONG:
        raise ValueError(f"{_quoted(value)} is not a 64-bit integer.")
    return number


def _quoted(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _text(value: Any) -> str:
    return value.text if isinstance(value, Instant) else str(value)


def _json_literal(node: ValueNode, variables: dict[str, Any] | None = None) -> Any:
    return value_from_ast_untyped(node, variables)


SCALARS: dict[object, ScalarDefinition] = {
    DateTime: strawberry.scalar(
        name="DateTime",
        description=(
            "An instant, RFC 3339, always UTC with the suffix Z. "
            "Up to microseconds; digits the source did not send are absent."
        ),
        serialize=_text,
        parse_value=parse_datetime,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value, passed through from a back end after secret redaction.",
        serialize=lambda value: value,
        parse_value=lambda value: value,
        parse_literal=_json_literal,
    ),
    Long: strawberry.scalar(
        name="Long",
        description=(
            "A signed 64-bit integer as a decimal string "
            "(GraphQL's Int is 32-bit; AWS IoT execution numbers and AWX event ids are not)."
        ),
        serialize=str,
        parse_value=parse_long,
    ),
    Duration: strawberry.scalar(
        name="Duration",
        description="An ISO 8601 duration of weeks, days, hours, minutes and seconds, e.g. `PT90M`, `P7D`.",
        serialize=str,
        parse_value=parse_duration,
    ),
}

SHORTCUTS: dict[str, tuple[type, str]] = {"DateTime": (Instant, "{0}.text")}
"""What generated code need not ask a scalar for (``gateway.execution.generate``)."""
