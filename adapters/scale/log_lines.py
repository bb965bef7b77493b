"""Entries of Scale's log index as numbered lines: pure (contract of Scale, section 6).

Releases before 4.0 tag an entry with ``level`` and ``tag``, later ones with ``stream``, ``scale_job_exe`` and
``scale_order_num``. A message of several lines becomes as many.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from gateway.instant import Instant
from gateway.logs import TICKS, by_id, timed
from gateway.model import LogLine, LogStream

# So many lines of a message find room before the entry that has the next order number.
_ROOM = 16
# The highest of syslog's severities that Scale calls stderr.
_STDERR_LEVEL = 3
# The last millisecond of which sequences stay below 2^63.
_LAST_MS = (1 << 63) // TICKS - 1
_OF_EXECUTION = re.compile(r"scale_(?:(\d+)_(?:pre|job|post)|.+_(\d+))", re.ASCII)


class Entry(NamedTuple):
    """One document of the log index. ``order`` is its order number, None where the release gives none."""

    name: str
    instant: Instant
    message: str
    stream: LogStream
    order: int | None
    execution: int | None
    record: dict[str, Any]

    @property
    def ms(self) -> int:
        """When it was written, in milliseconds since 1970."""
        return self.instant.us // 1000


def entry(hit: Any) -> Entry:
    """The entry of a hit as Elasticsearch sends it. Raises ValueError when it cannot be read."""
    match hit:
        case {"_id": str(name), "_source": dict(source)} if name and isinstance(source.get("message") or "", str):
            # Releases from 4.0 on may leave the message out.
            message: str = source.get("message") or ""
        case _:
            raise ValueError("not a hit")
    order = source.get("scale_order_num")
    instant = _instant(hit, source)
    if not 0 <= instant.us // 1000 <= _LAST_MS:
        raise ValueError("not an instant of a log")
    return Entry(
        name,
        instant,
        message,
        _stream(source),
        order if isinstance(order, int) and not isinstance(order, bool) else None,
        _execution(source.get("tag") or source.get("scale_job_exe")),
        hit,
    )


def lines(entries: Iterable[Entry]) -> Iterator[LogLine]:
    """The lines of the entries in ascending sequence. All entries of a millisecond have to be among them, or none.

    Within a millisecond entries stand in the order of their order numbers (modulo 2^16), and of digests of their ids where
    they have none: the same whenever they are read. Where two claim the same place, the second one goes behind the first.
    """
    within: defaultdict[int, list[Entry]] = defaultdict(list)
    for each in entries:
        within[each.ms].append(each)
    for ms in sorted(within):
        yield from _of_millisecond(ms, within[ms])


def _of_millisecond(ms: int, entries: Sequence[Entry]) -> Iterator[LogLine]:
    digests = by_id((ms, each.name) for each in entries)
    wanted: list[tuple[int, str, Entry]] = []
    for each in entries:
        tick = digests[ms, each.name] if each.order is None else each.order * _ROOM
        wanted.append((tick % TICKS, each.name, each))
    wanted.sort(key=lambda place: place[:2])
    # However many lines messages have, together they have room: the last one of a message holds what is left of it.
    texts = [_texts(each.message, TICKS // len(wanted)) for _, _, each in wanted]
    places = _places([(tick, len(each)) for (tick, _, _), each in zip(wanted, texts, strict=True)])
    for (_, _, each), own, place in zip(wanted, texts, places, strict=True):
        for number, text in enumerate(own, place):
            yield LogLine(
                sequence=timed(ms, number), text=text, stream=each.stream, timestamp=each.instant, record=each.record
            )


def _places(wanted: Sequence[tuple[int, int]]) -> list[int]:
    """Where runs of lines begin, given in order the tick that each would like and its length: without overlap."""
    places: list[int] = []
    free = 0
    for tick, length in wanted:
        places.append(max(tick, free))
        free = places[-1] + length
    end = TICKS
    for index in reversed(range(len(places))):
        end = places[index] = min(places[index], end - wanted[index][1])
    return places


def _texts(message: str, most: int) -> list[str]:
    return [text.removesuffix("\r") for text in message.removesuffix("\n").split("\n", most - 1)]


def _instant(hit: dict[str, Any], source: dict[str, Any]) -> Instant:
    text = source.get("@timestamp")
    if isinstance(text, str):
        return Instant.parse(text)
    match hit.get("sort"):
        case [int(ms), *_]:
            return Instant.from_us(ms * 1000)
    raise ValueError("not dated")


def _stream(source: dict[str, Any]) -> LogStream:
    named, level = source.get("stream"), source.get("level")
    stderr = named == "stderr" if named is not None else isinstance(level, int) and level <= _STDERR_LEVEL
    return LogStream.STDERR if stderr else LogStream.STDOUT


def _execution(tag: Any) -> int | None:
    """Whose entry it is; None where the tag does not say it in the words of 3.1 to 5.1: it need not be another's."""
    match = _OF_EXECUTION.fullmatch(tag) if isinstance(tag, str) else None
    return None if match is None else int(match[1] or match[2])
