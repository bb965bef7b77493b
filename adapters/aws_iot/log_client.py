"""CloudWatch Logs, as far as it is read, and how executions name their logs in it (contracts/aws_iot.md section 4).

Every request is ``POST /`` with the operation in ``X-Amz-Target``. Times are epoch milliseconds. Errors are 400 with their
code in ``__type``; a group or stream that does not exist is one of them.
"""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import Raw, Struct

from gateway.errors import SourceError, SourceErrorCode
from gateway.limits import Quota, shared_limit
from gateway.model import Execution
from gateway.transport import SourceClient

MOST_EVENTS = 10_000
"""The largest ``limit`` of a page."""

MOST_STREAMS = 100
"""So many streams of one group can be read together."""

# Sequences stay below 2^63 (gateway.logs): the year 2248.
_END_OF_TIME = 1 << 43

P = TypeVar("P", bound=Struct)


class EventRecord(Struct, frozen=True, rename="camel"):
    """An event of FilterLogEvents. GetLogEvents sends no ``event_id``, without which an event has no place."""

    event_id: str
    timestamp: int
    message: str = ""
    log_stream_name: str | None = None


class Entry(NamedTuple):
    """An event and its JSON."""

    event: EventRecord
    record: Mapping[str, Any]

    @property
    def place(self) -> tuple[int, str]:
        """What orders it: millisecond and id."""
        return self.event.timestamp, self.event.event_id


class FilteredPage(Struct, frozen=True, rename="camel"):
    """An answer of FilterLogEvents. It may be empty and have a token; the end is no token."""

    events: list[Raw] = []
    next_token: str | None = None


class StreamPage(Struct, frozen=True, rename="camel"):
    """An answer of GetLogEvents. At either end of the stream, the token that was sent comes back."""

    events: list[Raw] = []
    next_backward_token: str | None = None


class _Stamped(Struct, frozen=True):
    timestamp: int
    message: str = ""


class LogName(NamedTuple):
    """A log stream and its group."""

    group: str
    stream: str


@dataclass(frozen=True, slots=True)
class LogNames:
    """Where devices put the output of executions: names with ``{jobId}``, ``{thingName}`` and ``{executionNumber}``."""

    group: str
    stream: str

    def of(self, execution: Execution) -> LogName | None:
        """The log of an execution; None when CloudWatch could have none of that name.

        No name of a stream holds a colon, as names of things may: ``+`` stands for it.
        """
        values = dict(zip(("jobId", "thingName", "executionNumber"), execution.key.parts, strict=True))
        group, stream = _filled(self.group, values), _filled(self.stream, values).replace(":", "+")
        return LogName(group, stream) if ":" not in group and max(len(group), len(stream)) <= 512 else None


def _filled(pattern: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: values[match[1]], pattern)


class LogsClient:
    """The operations that are used, each within its quota. Every method raises SourceError."""

    def __init__(self, client: SourceClient, account: Hashable, quota: Quota) -> None:
        self._client = client
        self._account = account
        self._quota = quota

    async def filter(
        self, group: str, streams: Sequence[str], *, start: int, limit: int, token: str | None = None
    ) -> FilteredPage:
        """FilterLogEvents: events from ``start`` on, in order of time."""
        given = {"logGroupName": group, "logStreamNames": streams, "startTime": start, "limit": limit}
        return await self._ask("FilterLogEvents", given, token, FilteredPage)

    async def last(self, name: LogName, *, limit: int, token: str | None = None) -> StreamPage:
        """GetLogEvents: the last events, or those before a token."""
        given = {"logGroupName": name.group, "logStreamName": name.stream, "limit": limit}
        return await self._ask("GetLogEvents", given, token, StreamPage)

    async def _ask(self, operation: str, given: dict[str, Any], token: str | None, kind: type[P]) -> P:
        if token is not None:
            given["nextToken"] = token
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"Logs_20140328.{operation}"}
        limit = shared_limit((self._account, operation), self._quota.shared(self._client.workers))
        answer = await self._client.ask("", msgspec.json.encode(given), headers=headers, limit=limit)
        try:
            # Whatever type it claims: moto calls its JSON text/html.
            return msgspec.json.decode(answer.content, type=kind, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self.fault("Its answer is not the JSON it should be.") from error

    def fault(self, message: str) -> SourceError:
        """A BAD_RESPONSE of this source."""
        return SourceError(SourceErrorCode.BAD_RESPONSE, message, source=self._client.source)


def entries_of(events: Sequence[Raw]) -> list[Entry]:
    """The events that can be read."""
    found = []
    for raw in events:
        try:
            record = msgspec.json.decode(raw)
            event = msgspec.convert(record, EventRecord, strict=False)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        if 0 <= event.timestamp < _END_OF_TIME:
            found.append(Entry(event, record))
    return found


def times_of(events: Sequence[Raw]) -> list[int]:
    """The times of those events of GetLogEvents that can be read."""
    times = []
    for raw in events:
        try:
            times.append(msgspec.json.decode(raw, type=_Stamped, strict=False).timestamp)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
    return [time for time in times if 0 <= time < _END_OF_TIME]
