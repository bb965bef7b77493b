"""Filter parts as AWX's query parameters (contracts/awx.md section 4). Pure.

Each function answers with parameters that AWX applies with exactly the gateway's meaning, or with None when there are none
such. AWX compares upper-cased text by its database's rules: equal to the gateway's for ASCII only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from adapters.awx.client import Param
from gateway.instant import Instant
from gateway.query import InstantRange, TextMatch

LARGEST_LIST = 200
_LONGEST_LIST = 4000
"""Characters in one list: AWX's web servers take a request line of 8 KiB (contracts/awx.md section 4)."""


@dataclass(slots=True)
class Conditions:
    """What is sent to AWX for one query, as it grows. The ``or__`` parameters of one request form a single group."""

    params: list[Param] = field(default_factory=list)
    pushed: set[str] = field(default_factory=set)
    unseen: set[str] = field(default_factory=set)
    caveat: str | None = None
    empty: str | None = None
    unsupported: str | None = None
    grouped: bool = False

    def push(self, part: str, params: Sequence[Param] | None) -> None:
        """Apply a filter part upstream; None leaves it to the gateway."""
        if params is not None:
            self.params += params
            self.pushed.add(part)

    def push_any(self, part: str, alternatives: Sequence[Param]) -> bool:
        """Apply a part of which one alternative must hold. False when that takes the group and another part has it."""
        if len(alternatives) > 1:
            if self.grouped:
                return False
            self.grouped = True
            alternatives = [(f"or__{name}", value) for name, value in alternatives]
        self.push(part, alternatives)
        return True


# --- lists ---------------------------------------------------------------------------------------------------------


def listed(name: str, values: Iterable[str]) -> list[Param] | None:
    """``name`` is one of ``values``: as a list, or plain when there is only one."""
    wanted = sorted(values)
    if not wanted or not all(_sendable(value) for value in wanted):
        return None
    if len(wanted) == 1:
        return [(name, wanted[0])]
    joined = ",".join(wanted)
    # AWX splits lists at commas and knows no way to quote one.
    if len(wanted) > LARGEST_LIST or len(joined) > _LONGEST_LIST or joined.count(",") >= len(wanted):
        return None
    return [(f"{name}__in", joined)]


def numbers(name: str, ids: Iterable[int]) -> list[Param] | None:
    """``name`` is one of ``ids``; None when those are more than AWX takes."""
    wanted = sorted(ids)
    return [(f"{name}__in", ",".join(map(str, wanted)))] if 0 < len(wanted) <= LARGEST_LIST else None


# --- text ----------------------------------------------------------------------------------------------------------


def text(name: str, match: TextMatch) -> tuple[list[Param], bool]:
    """What can be asked of a text, and whether that is all of it."""
    found = [
        None if match.equals is None else listed(name, [match.equals]),
        None if match.among is None else listed(name, match.among),
        None if match.starts_with is None else caseless(name, "istartswith", match.starts_with),
        None if match.contains is None else caseless(name, "icontains", match.contains),
    ]
    params = [param for part in found if part is not None for param in part]
    return params, sum(part is not None for part in found) == match.parts


def caseless(name: str, lookup: str, wanted: str) -> list[Param] | None:
    """A comparison that ignores case; an empty text is in every text."""
    if not wanted:
        return []
    return [(f"{name}__{lookup}", wanted)] if wanted.isascii() and _sendable(wanted) else None


def _sendable(value: str) -> bool:
    """Whether AWX can be asked for a text: not empty, no NUL (its answer to that is 500), and encodable."""
    if not value or "\0" in value:
        return False
    return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)


# --- instants ------------------------------------------------------------------------------------------------------


def stamp(us: int) -> str | None:
    """An instant as AWX reads it, or None when no calendar has it."""
    try:
        return Instant.from_us(us).text
    except ValueError:
        return None


def within(name: str, limits: InstantRange) -> list[Param] | None:
    """An instant is given and lies in the half-open range."""
    if limits.start is None and limits.end is None:
        return [(f"{name}__isnull", "false")]
    bounds = (("gte", limits.start), ("lt", limits.end))
    params = [(f"{name}__{lookup}", stamp(us)) for lookup, us in bounds if us is not None]
    return _complete(params)


def during(limits: InstantRange) -> list[Param] | None:
    """Started before the range's end, and not finished before its beginning (missing ends are after everything)."""
    begun = ("started__isnull", "false") if limits.end is None else ("started__lt", stamp(limits.end))
    # Django negates the comparison together with "is not null": jobs without an end pass.
    return _complete([begun] + ([] if limits.start is None else [("not__finished__lt", stamp(limits.start))]))


def _complete(params: Sequence[tuple[str, str | None]]) -> list[Param] | None:
    complete = [(name, value) for name, value in params if value is not None]
    return complete if len(complete) == len(params) else None
