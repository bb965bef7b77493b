"""Lists and their pages: opaque tokens that are good for one list and not for ever."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.aws_iot.simulator_faults import invalid
from adapters.aws_iot.world_rows import Row

DEFAULT_PAGE = 25
"""Rows of a page when ``maxResults`` is not given; AWS does not document its number."""

Place = tuple[Any, ...]
"""Where a row stands in its list; unique within it."""


@dataclass(frozen=True, slots=True)
class Listing:
    """All rows of a list, each with its place, before paging; ``member`` is the name that they have in the answer.

    The last of several pages ends with an explicit null token if ``null_at_end``, otherwise without one.
    """

    member: str
    rows: list[tuple[Place, Row]]
    render: Callable[[Row], Any]
    null_at_end: bool = False


class Tokens:
    """The tokens that were handed out. A token leads to the rows behind a place, wherever these are by then."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], Place] = {}
        self._age = 0

    def issue(self, scope: str, place: Place) -> str:
        """The token for what follows ``place`` in the list ``scope``: long, with the characters / + and = (aws-cli#7965)."""
        digest = hashlib.sha512(repr((self._age, scope, place)).encode()).digest()
        token = f"AQICAHh/Yq1+{base64.b64encode(digest).decode()}"
        self._places[scope, token] = place
        return token

    def place(self, scope: str, token: str) -> Place:
        """What the token was issued for. Raises InvalidRequestException if it was not, or for another list."""
        place = self._places.get((scope, token))
        if place is None:
            raise invalid("Next token is invalid.")
        return place

    def expire(self) -> None:
        """Makes all tokens so far invalid, for good."""
        self._places.clear()
        self._age += 1


def page(listing: Listing, path: str, parameters: Mapping[str, str], tokens: Tokens, *, short: bool) -> tuple[Row, int]:
    """The answer with one page, and how many rows are in it; half as many as asked for if ``short``.

    Raises InvalidRequestException for a token that was not issued for this path with these filters.
    """
    filters = {name: value for name, value in parameters.items() if name not in {"maxResults", "nextToken"}}
    scope = f"{path}?{sorted(filters.items())}"
    token = parameters.get("nextToken")
    rows = sorted(listing.rows, key=lambda pair: pair[0])
    if token is not None:
        after = tokens.place(scope, token)
        rows = [pair for pair in rows if pair[0] > after]
    size = int(parameters.get("maxResults", DEFAULT_PAGE))
    size = (size + 1) // 2 if short else size
    shown = rows[:size]
    body: Row = {listing.member: [listing.render(row) for _, row in shown]}
    if len(rows) > size:
        body["nextToken"] = tokens.issue(scope, shown[-1][0])
    elif token is not None and listing.null_at_end:
        body["nextToken"] = None
    return body, len(shown)
