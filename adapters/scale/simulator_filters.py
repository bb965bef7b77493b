"""Query parameters, filters, ordering and paging as Scale (API v3) does them.

Sources: contract of Scale, sections 2 and 3; github.com/ngageoint/scale at 9e5aacd73, ``util/rest.py`` and
``util/parse.py``; Django REST framework 3.3, ``pagination.py``.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode

from adapters.scale.simulator_tables import TABLES, Row, Tables

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000

_INTEGER = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)
_DURATION = re.compile(
    r"P(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_INSTANT = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})[T ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,6})\d{0,6})?)?"
    r"(?P<zone>Z|(?P<sign>[+-])(?P<hours>\d{2}):?(?P<minutes>\d{2})?)?"
)


class BadParameterError(Exception):
    """A parameter that Scale answers with 400 and ``{"detail": <the message>}``."""


class MissingError(Exception):
    """A row or page that does not exist: 404 and ``{"detail": <the message>}``."""

    def __init__(self, message: str = "Not found.") -> None:
        super().__init__(message)


class FieldError(Exception):
    """An order by something that is no column; Scale does not catch it and answers 500."""


Accessor = Callable[[Row], Any]
Conditions = Sequence[tuple[str, Collection[Any]]]


def column(tables: Tables, table: str, path: str) -> Accessor:
    """The value of a Django field path (``job__job_type__name``, ``node_id``, ``pk``) of a row of ``table``.

    Raises FieldError for a path that names no column; a null reference on the way gives null.
    """
    head, _, rest = path.partition("__")
    spec = TABLES[table]
    target = spec.references.get(head)
    if rest and target is not None:
        key, rows, inner = f"{head}_id", tables[target], column(tables, target, rest)
        return lambda row: None if row[key] is None else inner(rows[row[key]])
    name = "id" if head == "pk" else f"{head}_id" if target is not None else head
    if rest or not (name in spec.columns or name.removesuffix("_id") in spec.references):
        raise FieldError(path)
    return lambda row: row[name]


@dataclass(frozen=True, slots=True)
class Generation:
    """A release of Scale and what sets it apart (contract, section 0).

    ``versions`` are the API versions that it serves; ``unprefixed`` tells whether it also answers without one,
    ``hides_superseded`` whether its lists leave out superseded jobs unless asked for them, ``logs_since_header`` whether
    logs are read on by If-Modified-Since rather than ``started``.
    """

    release: str
    versions: tuple[str, ...]
    unprefixed: bool
    hides_superseded: bool
    logs_since_header: bool


GENERATIONS = {
    "3": Generation("3.1.0-snapshot", ("v3",), unprefixed=True, hides_superseded=False, logs_since_header=True),
    "4": Generation("4.4.2", ("v3", "v4", "v5"), unprefixed=False, hides_superseded=True, logs_since_header=False),
}
"""The recorded releases."""


class Params:
    """The query string of a request, read with the rules of Scale's ``util/rest.py``; unknown names are never looked at.

    ``generation`` and ``version`` say which release is asked, and by which version of its API.
    """

    def __init__(self, query: str, now: datetime, generation: Generation, version: str) -> None:
        self.query = query
        self.now = now
        self.generation = generation
        self.version = version
        self._pairs = parse_qsl(query, keep_blank_values=True)

    def texts(self, name: str) -> list[str]:
        """Every value of a repeatable parameter."""
        return [value for key, value in self._pairs if key == name]

    def last(self, name: str) -> str | None:
        """The last value of a parameter, as Django's ``QueryDict.get`` gives it."""
        values = self.texts(name)
        return values[-1] if values else None

    def integers(self, name: str) -> list[int]:
        """Every value of a repeatable integer parameter; BadParameterError if one is none."""
        values = self.texts(name)
        if not all(_INTEGER.fullmatch(value) for value in values):
            raise BadParameterError(f'Parameter must be a valid integer: "{name}"')
        return [int(value) for value in values]

    def boolean(self, name: str) -> bool:
        """A boolean parameter (true, t, 1, false, f, 0 in any case), False by default; else BadParameterError."""
        value = (self.last(name) or "").strip().lower()
        if self.last(name) is None or value in {"false", "f", "0"}:
            return False
        if value in {"true", "t", "1"}:
            return True
        raise BadParameterError(f'Parameter must be a valid boolean: "{name}"')

    def instant(self, name: str, default: str | None = None) -> datetime | None:
        """An instant, or a duration before now; BadParameterError if it is neither or lacks ``Z`` or ``+``."""
        text = self.last(name)
        if text is None:
            text = default
        if text is None:
            return None
        try:
            found = self.now - _duration(text) if text.startswith("P") else _instant(text)
        except (ValueError, OverflowError):
            raise BadParameterError(f"Invalid ISO timestamp format for parameter: {name}") from None
        return found

    def time_range(self) -> tuple[datetime | None, datetime | None]:
        """The parameters ``started`` and ``ended``; BadParameterError if they are equal or reversed."""
        started, ended = self.instant("started"), self.instant("ended")
        if started is not None and ended is not None:
            if started == ended:
                raise BadParameterError("Start and end values must be different")
            if started > ended:
                raise BadParameterError("Start time must come before end time")
        return started, ended


def _duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return timedelta(**{unit: float(value) for unit, value in match.groupdict().items() if value is not None})


def _instant(text: str) -> datetime:
    match = _INSTANT.fullmatch(text)
    # Scale looks for a Z or a plus anywhere in the text before it parses, so a negative offset is refused.
    if match is None or match["zone"] is None or match["sign"] == "-":
        raise ValueError(text)
    year, month, day, hour, minute, second, fraction = match.groups()[:7]
    zone = UTC
    if match["sign"]:
        zone = timezone(timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0)))
    return datetime(
        int(year), int(month), int(day), int(hour), int(minute), int(second or 0),
        int((fraction or "").ljust(6, "0")), zone,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Selection:
    """What a list view found, not yet in order: rows, sort keys (accessor, descending) and how a row is sent.

    Without sort keys the rows keep their order.
    """

    rows: Sequence[Row]
    order: Sequence[tuple[Accessor, bool]]
    render: Callable[[Row], Row]


def select(
    tables: Tables,
    table: str,
    params: Params,
    conditions: Conditions,
    render: Callable[[Row], Row],
    default_order: Sequence[str] = ("last_modified",),
) -> Selection:
    """The rows of ``table`` within the parameters ``started``/``ended`` whose columns hold one of the wanted values.

    ``conditions`` are (field path, wanted values); an empty collection wants everything. ``started`` and ``ended`` bound
    ``last_modified``, both inclusive, not the columns of their names. Raises BadParameterError and FieldError.
    """
    started, ended = params.time_range()
    tests = [(column(tables, table, path), set(values)) for path, values in conditions if values]
    rows = [
        row
        for row in tables[table].values()
        if (started is None or row["last_modified"] >= started)
        and (ended is None or row["last_modified"] <= ended)
        and all(read(row) in wanted for read, wanted in tests)
    ]
    order = [_order_key(tables, table, path) for path in params.texts("order") or default_order]
    return Selection(rows, order, render)


def _order_key(tables: Tables, table: str, path: str) -> tuple[Accessor, bool]:
    if path == "?":  # Django's random order: everything ties
        return (lambda _row: None), False
    return column(tables, table, path.removeprefix("-")), path.startswith("-")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a selection: its rows in order, the number of all rows, and the numbers of the pages around it."""

    rows: list[Row]
    count: int
    next: int | None
    previous: int | None


def paginate(selection: Selection, params: Params) -> Page:
    """The page that ``page`` and ``page_size`` ask for; MissingError ("Invalid page.") when there is none.

    A page size that is no positive integer silently becomes 100, one above 1000 becomes 1000.
    """
    asked = params.last("page_size") or ""
    size = int(asked) if _INTEGER.fullmatch(asked) else 0
    size = min(size, MAX_PAGE_SIZE) if size > 0 else DEFAULT_PAGE_SIZE
    count = len(selection.rows)
    pages = max(1, -(-count // size))
    text = params.last("page") or ("1" if params.last("page") is None else "")
    if text == "last":
        number = pages
    elif _INTEGER.fullmatch(text) and 1 <= int(text) <= pages:
        number = int(text)
    else:
        raise MissingError("Invalid page.")
    offset = (number - 1) * size
    rows = _sorted(selection, offset)[offset : offset + size]
    return Page(rows, count, number + 1 if number < pages else None, number - 1 if number > 1 else None)


def _sorted(selection: Selection, offset: int) -> list[Row]:
    """Rows in order; nulls last ascending and first descending, as PostgreSQL sorts.

    Among equal keys the order depends on the offset: PostgreSQL promises none, and on the real server walking the pages
    of an order with ties lost up to 27 % of the rows. Clients that forget the tie-breaker shall notice here.
    """
    if not selection.order:
        return list(selection.rows)
    rows = sorted(selection.rows, key=lambda row: (row["id"] ^ offset * 0x9E3779B1) * 0x85EBCA6B & 0xFFFFFFFF)
    for read, descending in reversed(selection.order):
        keyed = [((value := read(row)) is None, value) for row in rows]
        places = sorted(range(len(rows)), key=keyed.__getitem__, reverse=descending)
        rows = [rows[place] for place in places]
    return rows


def with_page(query: str, number: int) -> str:
    """``query`` asking for another page: names sorted, repeated values kept, other text as sent; page 1 has no ``page``."""
    parts = parse_qs(query)
    parts.pop("page", None)
    if number > 1:
        parts["page"] = [str(number)]
    return urlencode(sorted(parts.items()), doseq=True)
