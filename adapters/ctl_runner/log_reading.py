"""The status feed of an execution as its log (contract of CTL Runner, section 6; DECISIONS 28).

The feed cannot be entered in the middle: it is read whole, as one array or in pages of a hundred, and put in order here. The
inside of ``message`` is published nowhere, so that everything is taken for possible.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct

from adapters.ctl_runner.client import LARGEST_PAGE, Envelope, RunnerClient
from adapters.ctl_runner.mapping import Mapper, instant, is_host, without_secrets
from gateway.errors import SourceError
from gateway.instant import Instant
from gateway.logs import by_id
from gateway.model import Execution, ExecutionPhase, LogLine, LogStream
from gateway.redaction import redacted
from gateway.spi import LogPage, LogQuery

# What Ansible calls its output, in the order in which it says most; results may be one level down.
_SAID = ("msg", "stdout", "stderr", "message")
_RESULTS = ("result", "res")

# Sequences stay below 2^63 (gateway.logs): the year 2248.
_END_OF_TIME = (1 << 43) * 1000


class EventRecord(Struct, frozen=True):
    """A status event. ``timestamp`` is a number like all of Runner's, or a text."""

    id: str
    timestamp: int | str
    message: Any = None
    event_type: str | None = None


class Event(NamedTuple):
    """An event with its instant and its JSON."""

    event: EventRecord
    instant: Instant
    record: Mapping[str, Any]


class LogReader:
    """The logs of one source."""

    def __init__(self, client: RunnerClient, mapper: Mapper) -> None:
        self._client = client
        self._map = mapper

    async def pages(self, execution: Execution, query: LogQuery) -> AsyncIterator[LogPage]:
        """The lines of one execution, ``query.rows`` at a time. Raises SourceError, NOT_FOUND for a deleted one."""
        sent = await self._feed(*execution.key.parts)
        events: dict[str, Event] = {}
        unreadable = 0
        for raw in sent:
            try:
                event = _read(raw)
            except ValueError:
                unreadable += 1
            else:
                # Pages shift while a feed grows: what comes twice counts once.
                events[event.event.id] = event
        after = -1 if query.after is None else query.after
        places = by_id((event.instant.us // 1000, name) for name, event in events.items())
        order = sorted((place, name) for (_, name), place in places.items() if place > after)
        if query.tail is not None:
            order = order[-query.tail :] if query.tail else []
        # A restart reopens an execution, and its log with it.
        complete = execution.phase is ExecutionPhase.FINAL
        for start in range(0, len(order) or 1, query.rows):
            part = order[start : start + query.rows]
            more = start + query.rows < len(order)
            yield LogPage(
                [self._line(place, events[name]) for place, name in part],
                more=more,
                complete=complete and not more,
                truncated=unreadable > 0,
            )

    async def _feed(self, job_id: str, execution_id: str) -> Sequence[Raw]:
        """All events, as one array or page by page (contract, section 9, 19)."""
        first = await self._client.status_page(job_id, execution_id, 0)
        if not isinstance(first, Envelope):
            return first
        rows, last, number = list(first.results), list(first.results), 1
        total = first.total_size
        while last and (total is None or number * LARGEST_PAGE < total):
            # Without a total, only an empty page tells the end: then one after the other.
            ahead = 1 if total is None else min(4, -(-total // LARGEST_PAGE) - number)
            answers = await self._client.each(
                range(number, number + ahead), lambda page: self._client.status_page(job_id, execution_id, page)
            )
            for answer in answers:
                if isinstance(answer, SourceError):
                    raise answer
                if not isinstance(answer, Envelope):
                    raise self._client.unreadable()
                if answer.results and [bytes(row) for row in answer.results] == [bytes(row) for row in last]:
                    raise self._client.fault("It keeps sending the same page.")
                rows += answer.results
                last, total = list(answer.results), answer.total_size
            number += ahead
        return rows

    def _line(self, place: int, event: Event) -> LogLine:
        message = event.event.message
        host = message.get("host") if isinstance(message, dict) else None
        return LogLine(
            sequence=place,
            text=_text(event.event.event_type, message),
            stream=LogStream.SYSTEM,
            timestamp=event.instant,
            node=self._map.host(host) if is_host(host) else None,
            # What is shown of it is redacted by name, too.
            record=without_secrets(event.record),
        )


def _read(raw: Raw) -> Event:
    """An event. Raises ValueError for one that has no place."""
    try:
        record = msgspec.json.decode(raw)
        event = msgspec.convert(record, EventRecord)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError("not a status event") from error
    stamp = event.timestamp
    moment = Instant.parse(stamp) if isinstance(stamp, str) and not stamp.isdecimal() else instant(int(stamp))
    if moment is None or not 0 <= moment.us < _END_OF_TIME:
        raise ValueError("not an instant of an event")
    return Event(event, moment, record)


def _text(event_type: str | None, message: Any) -> str:
    """What a message says in words; where it has none, what happened and the message as compact JSON. Without secrets."""
    said = _said(message)
    if said is None and isinstance(message, dict):
        results = [message[name] for name in _RESULTS if isinstance(message.get(name), dict)]
        said = next((found for each in results if (found := _said(each)) is not None), None)
    if said is not None:
        text: str = redacted(said.rstrip("\r\n"))
        return text
    parts = [event_type] if event_type else []
    if message not in (None, "", {}, []):
        parts.append(msgspec.json.encode(redacted(without_secrets(message))).decode())
    return " ".join(parts)


def _said(message: Any) -> str | None:
    if isinstance(message, str):
        return message or None
    if not isinstance(message, dict):
        return None
    return next((text for name in _SAID if isinstance(text := message.get(name), str) and text), None)
