"""AWX's events as lines of a log (contracts/awx.md section 6). Pure.

An event prints ``end_line - start_line`` lines; ansible-runner counts line feeds for that, so that a bare one ends a line
as one after a carriage return does. AWX strips blank lines from the end of ``stdout``: they are put back. Many events print
nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct

from adapters.awx.keys import LARGEST_ID
from adapters.awx.mapping import Mapper, instant
from gateway.logs import TICKS, counted
from gateway.model import LogLine, LogStream
from gateway.redaction import redacted

_LINE_END = re.compile(r"\r?\n")
_RESET = "\x1b[0m"
_CUT_AT = 1024
"""AWX's ``EVENT_STDOUT_MAX_BYTES_DISPLAY``: what lists show of an event's output where ``no_truncate`` is not honoured."""
_MOST_BLANK = 10_000
_CARRIERS = ("event_data", "stdout")


class _Record(Struct, frozen=True, kw_only=True):
    """A row of an event list, of any type of unified job."""

    counter: int
    event: str | None = None
    created: str | None = None
    modified: str | None = None
    stdout: str | None = None
    start_line: int | None = None
    end_line: int | None = None
    host: int | None = None
    host_name: str | None = None


_DECODER = msgspec.json.Decoder(_Record, strict=False)


@dataclass(frozen=True, slots=True)
class Event:
    """An event that could be read. ``saved_us`` is when AWX stored it (microseconds), or None where it does not say.

    ``cut``: AWX shows only the beginning of what it printed.
    """

    counter: int
    start_line: int
    end_line: int
    saved_us: int | None
    cut: bool
    lines: Sequence[LogLine]


def read_event(mapper: Mapper, raw: bytes, *, shortened: bool) -> Event:
    """An event from its JSON; ``shortened`` where its list cuts long output. Raises DecodeError or ValueError."""
    row = _DECODER.decode(raw)
    if not 0 < row.counter <= LARGEST_ID:
        raise ValueError("an event is numbered from 1")
    created, saved = instant(row.created), instant(row.modified or row.created)
    stdout = row.stdout or ""
    start = row.start_line or 0
    height = max((row.end_line or 0) - start, 0)
    cut = shortened and _is_cut(row.event or "", stdout)
    texts = _LINE_END.split(stdout) if stdout else []
    if not cut:
        blank = height - len(texts)
        if blank > _MOST_BLANK or len(texts) > TICKS:
            raise ValueError("no event prints so many lines")
        texts += [""] * blank
    host = mapper.mentioned_host(row.host, row.host_name) if row.host_name else None
    record = _shown(raw) if texts else None
    lines = [
        LogLine(
            sequence=counted(row.counter, line),
            text=text,
            stream=LogStream.COMBINED,
            number=start + line + 1,
            timestamp=created,
            node=host,
            record=record,
        )
        for line, text in enumerate(texts)
    ]
    return Event(row.counter, start, start + height, None if saved is None else saved.us, cut, lines)


def _shown(raw: bytes) -> dict[str, Any]:
    """An event for ``raw``. Secrets are in what tasks were given and answered; looking elsewhere would cost most of all."""
    row: dict[str, Any] = msgspec.json.decode(raw)
    return row | {name: redacted(row[name]) for name in _CARRIERS if name in row}


def _is_cut(event: str, stdout: str) -> bool:
    """Whether a list shows 1023 characters and an ellipsis, and behind it what ends the colours, for what was longer."""
    shown = stdout
    while shown.endswith(_RESET):
        shown = shown.removesuffix(_RESET)
    return not event.startswith("playbook_on") and len(shown) == _CUT_AT and shown.endswith("…")
