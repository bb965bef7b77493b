"""One request for entries of a log, in the words of all releases (contract of Scale, section 6)."""

import time
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from typing import Any

from msgspec import Struct

from adapters.scale.client import ScaleClient
from gateway.auth import Answer
from gateway.errors import SourceErrorCode
from gateway.instant import Instant
from gateway.transport import Params

# How many entries an answer holds at most.
_MOST_HITS = 10_000


@dataclass(frozen=True, slots=True)
class LogAnswer:
    """Entries of a log as Elasticsearch sends them, the oldest first.

    ``full``: there are others after them. ``partial``: Elasticsearch could not ask all of its shards. ``asked_us`` is the
    server's clock, in microseconds since 1970.
    """

    hits: list[Any]
    full: bool
    partial: bool
    asked_us: int


class _Hits(Struct, frozen=True):
    hits: list[Any]
    total: Any = None


class _Shards(Struct, frozen=True):
    failed: int | None = None


class _Search(Struct, frozen=True, rename={"shards": "_shards"}):
    hits: _Hits
    shards: _Shards | None = None
    timed_out: bool | None = None


async def ask(client: ScaleClient, number: int, since_ms: int) -> LogAnswer:
    """The oldest 10 000 entries of an execution's log from a time on: milliseconds since 1970, 0 for the beginning.

    Releases before 4.0 begin right after the first instant of the second that holds the millisecond before it. Raises
    SourceError, NOT_FOUND when there is no such execution.
    """
    params: Params = ()
    headers: dict[str, str] = {}
    if since_ms > 0:
        # Each release looks at one of the two and ignores the other (recorded of both), so that nobody has to know which
        # it is. The date of a 304 is never sent back: Scale cannot read its own.
        params = [("started", Instant.from_us(since_ms * 1000).text)]
        headers = {"If-Modified-Since": formatdate((since_ms - 1) // 1000, usegmt=True)}
    answer = await client.get(f"job-executions/{number}/logs/combined/", params, frozenset({304, 404}), headers)
    if client.missing(answer):
        raise client.fault(SourceErrorCode.NOT_FOUND, "It has no such execution.", 404)
    asked_us = _server_clock(answer)
    if answer.status in {204, 304}:
        return LogAnswer([], full=False, partial=False, asked_us=asked_us)
    found = client.decode(answer, _Search)
    hits, total = found.hits.hits, found.hits.total
    more = isinstance(total, int) and total > len(hits)
    partial = bool(found.timed_out or (found.shards is not None and found.shards.failed))
    return LogAnswer(hits, more or len(hits) >= _MOST_HITS, partial, asked_us)


def _server_clock(answer: Answer) -> int:
    """When the server answered, by its own clock where it tells: what it says of executions is by the same one."""
    # The last one, should somebody have added another: a date of HTTP has 29 characters.
    text = answer.headers.get("date", "")[-29:]
    try:
        return int(parsedate_to_datetime(text).timestamp()) * 1_000_000
    except (ValueError, OverflowError):
        return time.time_ns() // 1000
