"""Values as people read them."""

import json
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from gateway.cli.shapes import Column, Shape, columns

_PLAIN_WIDTH = 160
_JOINED = 2
# Everything that moves the cursor, colours or reverses text; line breaks and tabs stay.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_STYLES = {
    "SUCCEEDED": "green",
    "SUCCESS": "green",
    "RUNNING": "cyan",
    "FAILED": "red",
    "FAILURE": "red",
    "ERRORED": "red",
    "ERROR": "red",
    "TIMED_OUT": "red",
    "REJECTED": "red",
    "CANCELED": "yellow",
    "TRUNCATED": "yellow",
}


def console() -> Console:
    """Standard output: a terminal as wide as it is, anything else 160 columns (or ``COLUMNS``) without colours."""
    wide = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if wide else _PLAIN_WIDTH, highlight=False)


def clean(text: str) -> str:
    """Text of an upstream, which may hold anything, with what a terminal would obey written out."""
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def cell(value: Any, shape: Shape) -> str:
    """One value: null is empty, lists are joined, or counted where their objects have more than two fields."""
    if value is None:
        return ""
    if shape.many and isinstance(value, list):
        return _list(value, shape)
    return _scalar(value)


def _list(values: list[Any], shape: Shape) -> str:
    if not shape.fields:
        return ", ".join(_scalar(value) for value in values)
    inner = columns(shape)
    if len(inner) > _JOINED:
        return f"{len(values)} item{'' if len(values) == 1 else 's'}"
    return ", ".join(" ".join(filter(None, (cell(each.of(value), each.shape) for each in inner))) for value in values)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return clean(value)
    return clean(json.dumps(value, ensure_ascii=False))


def styled(text: str, *, head: bool = False) -> Text:
    """Text with a colour where it is a status."""
    return Text(text, "bold" if head else _STYLES.get(text, ""))


def widths(shown: Sequence[Column], rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """Columns as wide as their widest cell, the widest made narrower until all fit into ``room``."""
    found = [
        max([cell_len(column.heading), *(cell_len(line) for row in rows for line in row[index].split("\n"))])
        for index, column in enumerate(shown)
    ]
    over = sum(found) - room
    while over > 0:
        widest = max(found)
        second = max([each for each in found if each < widest], default=1)
        at = [index for index, each in enumerate(found) if each == widest]
        cut = min(max(widest - second, 1), max(over // len(at), 1))
        for index in at:
            if over > 0 and found[index] > 1:
                found[index] -= cut
                over -= cut
        if widest <= 1:
            break
    return found
