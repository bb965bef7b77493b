"""The parameters that operations take, and how AWS IoT complains about those it cannot take (contract, section 1)."""

import re
from collections.abc import Callable, Mapping

from adapters.aws_iot.simulator_faults import invalid

Check = Callable[[str], str | None]
"""Gives the constraint that a value breaks, None if it breaks none."""


def one_of(*values: str) -> Check:
    """A member of an enumeration; upper and lower case count."""
    return lambda value: None if value in values else f"Member must satisfy enum value set: [{', '.join(values)}]"


def text(characters: str, longest: int) -> Check:
    """1 to ``longest`` of these characters (a class of a regular expression)."""
    pattern = re.compile(f"{characters}+")

    def check(value: str) -> str | None:
        if len(value) > longest:
            return f"Member must have length less than or equal to {longest}"
        return None if pattern.fullmatch(value) else f"Member must satisfy regular expression pattern: {pattern.pattern}"

    return check


def integer(least: int, most: int | None = None) -> Check:
    """A whole number in bounds."""

    def check(value: str) -> str | None:
        if not re.fullmatch(r"[+-]?[0-9]{1,19}", value):
            return "Member must be a number"
        if int(value) < least:
            return f"Member must have value greater than or equal to {least}"
        return f"Member must have value less than or equal to {most}" if most is not None and int(value) > most else None

    return check


BOOLEAN = one_of("true", "false")
JOB_ID = text("[a-zA-Z0-9_-]", 64)
THING_NAME = text("[a-zA-Z0-9:_-]", 128)
EXECUTION_STATUS = one_of(
    "REMOVED", "SUCCEEDED", "TIMED_OUT", "IN_PROGRESS", "QUEUED", "CANCELED", "FAILED", "REJECTED"
)  # fmt: skip
JOB_STATUS = one_of("IN_PROGRESS", "CANCELED", "COMPLETED", "DELETION_IN_PROGRESS", "SCHEDULED")
TARGET_SELECTION = one_of("CONTINUOUS", "SNAPSHOT")
ANY: Check = lambda _value: None  # noqa: E731 - a constant among constants
PAGING: Mapping[str, Check] = {"maxResults": integer(1, 250), "nextToken": ANY}


def validate(checks: Mapping[str, Check], given: Mapping[str, str]) -> dict[str, str]:
    """The known ones of the given parameters. Raises InvalidRequestException that names every broken constraint."""
    known = {name: given[name] for name in checks if name in given}
    broken = [
        f"Value '{value}' at '{name}' failed to satisfy constraint: {constraint}"
        for name, value in known.items()
        if (constraint := checks[name](value)) is not None
    ]
    if broken:
        noun = "error" if len(broken) == 1 else "errors"
        raise invalid(f"{len(broken)} validation {noun} detected: {'; '.join(broken)}")
    return known
