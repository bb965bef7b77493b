"""Which rows a TQL query keeps, and in which order ``sorting`` puts them (contract sections 3 and 6).

Choices where no source says what the server does, each the one that forgives a client least: a comparison with null is
unknown, as in SQL, and unknown rows are dropped; a value of the wrong type, an operator that does not suit the type and an
unknown parameter are syntax errors; rows that tie come in another order on every page.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from adapters.threatconnect.simulator_tables import Parameter
from adapters.threatconnect.simulator_tql import And, Compare, IsNull, Nested, Not, Or, Query, Scalar, TqlError, parse
from adapters.threatconnect.world import Row

Test = Callable[[Row], bool | None]
"""What a condition says of a row: true, false, or None for unknown."""

_ORDERED = frozenset({"=", "!=", "<", "<=", ">", ">="})
_OPERATORS = {
    "Integer": _ORDERED | {"in"},
    "Date": _ORDERED,
    "String": frozenset({"=", "!=", "in", "like", "contains", "startswith", "endswith"}),
    "Enum": frozenset({"=", "!=", "in"}),
    "Boolean": frozenset({"=", "!="}),
}
_KEYWORDS = frozenset({"asc", "desc", "nullsfirst", "nullslast"})

_MATCHERS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda held, asked: bool(held == asked),
    "!=": lambda held, asked: bool(held != asked),
    "<": lambda held, asked: bool(held < asked),
    "<=": lambda held, asked: bool(held <= asked),
    ">": lambda held, asked: bool(held > asked),
    ">=": lambda held, asked: bool(held >= asked),
    "in": lambda held, asked: bool(held == asked),
    "like": lambda held, asked: _like(asked).fullmatch(held) is not None,
    "contains": lambda held, asked: asked in held,
    "startswith": lambda held, asked: bool(held.startswith(asked)),
    "endswith": lambda held, asked: bool(held.endswith(asked)),
}

# A fraction that lost its trailing zeros made the real server fail (contract section 6.5), hence exactly 3 or 6 digits.
_INSTANT = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?:[T ](?P<time>\d\d:\d\d:\d\d(?:\.\d{3}|\.\d{6})?)(?P<zone>Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
_FUNCTION = re.compile(
    r"(?P<name>NOW|TODAY)\(\)(?:\s*(?P<sign>[+-])\s*(?P<count>\d{1,5})\s*(?P<unit>HOUR|DAY)S?)?", re.ASCII | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a server's TQL depends on: its parameters by lower-cased keyword, its clock, whether text minds the case."""

    parameters: Mapping[str, Parameter]
    now: datetime
    case_sensitive: bool

    def parameter(self, name: str) -> Parameter:
        """The parameter of a name in any case. Raises TqlError when the endpoint does not offer it."""
        found = self.parameters.get(name.lower())
        if found is None:
            raise TqlError(f"unknown parameter {name!r}")
        return found


def select(rows: Iterable[Row], tql: str | None, reading: Reading) -> list[Row]:
    """The rows that a query is true of; all of them without a query. Raises TqlError, also for an empty query."""
    if tql is None:
        return list(rows)
    test = _compiled(parse(tql), reading)
    return [row for row in rows if test(row)]


def _compiled(query: Query, reading: Reading) -> Test:
    match query:
        case And(terms):
            tests = [_compiled(term, reading) for term in terms]
            return lambda row: _all([test(row) for test in tests])
        case Or(terms):
            tests = [_compiled(term, reading) for term in terms]
            return lambda row: _opposite(_all([_opposite(test(row)) for test in tests]))
        case Not(term):
            inner = _compiled(term, reading)
            return lambda row: _opposite(inner(row))
        case IsNull(name, negated):
            column = reading.parameter(name).keyword
            return lambda row: (row[column] is None) != negated
        case Nested(name):
            raise TqlError(f"{name!r} takes no nested query")
        case Compare():
            return _comparison(query, reading)


def _all(answers: Sequence[bool | None]) -> bool | None:
    return False if False in answers else None if None in answers else True


def _opposite(answer: bool | None) -> bool | None:
    return None if answer is None else not answer


def _comparison(query: Compare, reading: Reading) -> Test:
    parameter = reading.parameter(query.parameter)
    if query.operator not in _OPERATORS[parameter.type]:
        raise TqlError(f"{query.operator!r} does not suit {parameter.keyword!r}")
    fold = not reading.case_sensitive and parameter.type in {"String", "Enum"}
    asked = [_value(value, parameter, query.operator, reading.now) for value in query.values]
    if fold:
        asked = [text.casefold() for text in asked]
    matches, column, negated = _MATCHERS[query.operator], parameter.keyword, query.negated

    def test(row: Row) -> bool | None:
        held = row[column]
        if held is None:
            return None
        if fold:
            held = held.casefold()
        return any(matches(held, each) for each in asked) != negated

    return test


def _value(value: Scalar, parameter: Parameter, operator: str, now: datetime) -> Any:
    """The value as the type of a parameter has it. Raises TqlError when it does not suit."""
    match parameter.type, value:
        case "Boolean", bool():
            return value
        case "Integer", int() if not isinstance(value, bool):
            return value
        case "Integer", Decimal():
            return value
        case "Date", str():
            return _instant(value, operator, now)
        case "String" | "Enum", str():
            return value
        case _:
            raise TqlError(f"{value!r} does not suit {parameter.keyword!r}")


def _instant(text: str, operator: str, now: datetime) -> datetime:
    """The instant of a quoted date, timestamp (UTC without a zone) or date function. Raises TqlError for anything else.

    A plain date is its midnight, but ``<=`` includes the whole day, as the documentation's example of a range does.
    """
    if match := _FUNCTION.fullmatch(text):
        start = now if match["name"].upper() == "NOW" else now.replace(hour=0, minute=0, second=0, microsecond=0)
        count = int(f"{match['sign']}{match['count']}") if match["unit"] else 0
        return start + timedelta(hours=count * (24 if (match["unit"] or "").upper() == "DAY" else 1))
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise TqlError(f"no instant: {text!r}")
    try:
        found = datetime.fromisoformat(f"{match['date']}T{match['time'] or '00:00:00'}{match['zone'] or 'Z'}").astimezone(
            UTC
        )
    except (ValueError, OverflowError):
        raise TqlError(f"no instant: {text!r}") from None
    whole_day = match["time"] is None and operator == "<="
    return found + timedelta(days=1, microseconds=-1) if whole_day else found


def _like(pattern: str) -> re.Pattern[str]:
    parts = (".*" if char == "%" else "." if char == "_" else re.escape(char) for char in pattern)
    return re.compile("".join(parts), re.DOTALL)


def sort(rows: Iterable[Row], sorting: str | None, reading: Reading, start: int) -> list[Row]:
    """Rows in the order of pairs of a TQL parameter and a keyword; by id descending without ``sorting``.

    Raises TqlError for anything else, a parameter without a keyword included. Keywords are ``asc``, ``desc``, ``nullsfirst``
    and ``nullslast``; the last two sort ascending. With ``asc`` and ``desc`` a null is less than anything (no source tells).
    Among equal keys the order depends on ``start``, the offset of the page: no source promises any.
    """
    if sorting is None:
        return sorted(rows, key=lambda row: -int(row["id"]))
    words = sorting.split()
    if not words or len(words) % 2 or any(word.lower() not in _KEYWORDS for word in words[1::2]):
        raise TqlError(f"no sorting: {sorting!r}")
    # Two odd multipliers: a cheap shuffle that is the same each time a page is asked for.
    found = sorted(rows, key=lambda row: (row["id"] ^ start * 0x9E3779B1) * 0x85EBCA6B & 0xFFFFFFFF)
    for name, word in reversed(list(zip(words[::2], words[1::2], strict=True))):
        column, keyword = reading.parameter(name).keyword, word.lower()
        nulls_last = keyword == "nullslast"
        found.sort(key=_key(column, nulls_last), reverse=keyword == "desc")
    return found


def _key(column: str, nulls_last: bool) -> Callable[[Row], tuple[Any, ...]]:
    # The one-element tuples of nulls are never compared with values, because the first elements differ.
    return lambda row: (nulls_last,) if row[column] is None else (not nulls_last, row[column])
