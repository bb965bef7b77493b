"""The schema's own scalars: what they read, what they refuse, what they write."""

from typing import Any

import pytest
from graphql import parse_value

from gateway.api.scalars import JSON, SCALARS, DateTime, Duration, Long, parse_datetime, parse_duration, parse_long
from gateway.instant import Instant
from tests.support import running_app

SECOND = 1_000_000
DAY = 86_400 * SECOND


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("PT90M", 5400 * SECOND),
        ("P1D", DAY),
        ("P2W", 14 * DAY),
        ("P1W2DT3H4M5S", 9 * DAY + (3 * 3600 + 4 * 60 + 5) * SECOND),
        ("PT0S", 0),
        ("PT0.25S", SECOND // 4),
        ("PT1.000001S", SECOND + 1),
        ("PT36H", 36 * 3600 * SECOND),
        ("P366000D", 366_000 * DAY),
    ],
)
def test_durations(text: str, us: int) -> None:
    assert parse_duration(text) == us


@pytest.mark.parametrize(
    "value",
    ["", "P", "PT", "P1DT", "1D", "P-1D", "-P1D", "P1M", "P1Y", "P1H", "PT1D", "PT1.5M", "PT1.S", "PT1,5S", "p1d", "P1D ",
     "P1D\n", "P٣D", "P366001D", "P" + "9" * 400 + "D", "PT0.1234567S", 5, 1.5, None, True, [], {}],
)  # fmt: skip
def test_what_is_no_duration(value: Any) -> None:
    with pytest.raises(ValueError, match="is not a duration: expected ISO 8601 such as PT90M, P1D or P2W"):
        parse_duration(value)


def test_instants() -> None:
    assert parse_datetime("2026-11-21T10:00:00.50+01:00") == Instant.parse("2026-11-21T09:00:00.5Z")


@pytest.mark.parametrize(
    "value", ["", "now", "2026-11-21", "2026-11-21T09:00:00", "2026-11-31T09:00:00Z", 5, 1.5, None, True, [], {}]
)
def test_what_is_no_instant(value: Any) -> None:
    with pytest.raises(ValueError, match="is not an instant: expected RFC 3339 with an offset"):
        parse_datetime(value)


def test_a_message_does_not_repeat_a_book() -> None:
    for parse in (parse_datetime, parse_duration, parse_long):
        with pytest.raises(ValueError) as caught:
            parse("x" * 100_000)
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("value", "number"),
    [(7, 7), ("7", 7), ("-7", -7), (2**63 - 1, 2**63 - 1), (str(-(2**63)), -(2**63)), ("0", 0)],
)
def test_longs(value: Any, number: int) -> None:
    assert parse_long(value) == number


@pytest.mark.parametrize(
    "value",
    ["", "x", "1.0", "+1", "1e3", " 1", "1\n", "٣", 2**63, str(2**63), -(2**63) - 1, "9" * 30, 1.0, True, None, [], {}],
)
def test_what_is_no_long(value: Any) -> None:
    with pytest.raises(ValueError, match="is not a 64-bit integer"):
        parse_long(value)


@pytest.mark.parametrize(
    ("scalar", "value", "shown"),
    [
        (DateTime, Instant.from_us(5), "1970-01-01T00:00:00.000005Z"),
        (Long, 2**63 - 1, "9223372036854775807"),
        (JSON, {"a": [1, None, "x"]}, {"a": [1, None, "x"]}),
        (Duration, "PT1S", "PT1S"),
    ],
)
def test_what_is_written(scalar: Any, value: Any, shown: Any) -> None:
    serialize = SCALARS[scalar].serialize
    assert serialize is not None
    assert serialize(value) == shown


def test_json_literals() -> None:
    read = SCALARS[JSON].parse_literal
    assert read is not None
    literal = parse_value('{a: [1, 2.5, "x", true, null, WORD, {b: $v}]}')
    assert read(literal, {"v": 7}) == {"a": [1, 2.5, "x", True, None, "WORD", {"b": 7}]}


@pytest.mark.parametrize(
    ("type_", "field", "value", "word"),
    [
        ("DateTime", "from", "yesterday", "instant"),
        ("DateTime", "from", 5, "instant"),
        ("DateTime", "from", {}, "instant"),
        ("Duration", "last", "P1M", "duration"),
        ("Duration", "last", 90, "duration"),
    ],
)
async def test_a_malformed_variable_is_the_caller_s_mistake(type_: str, field: str, value: Any, word: str) -> None:
    query = f"query($v: {type_}) {{ mine: executions(filter: {{createdAt: {{{field}: $v}}}}) {{ partial }} }}"
    async with running_app() as app:
        error = await app.error(query, {"v": value})
    assert (error["extensions"], error["path"]) == ({"code": "BAD_USER_INPUT"}, ["mine"])
    assert f"is not an {word}" in error["message"] or f"is not a {word}" in error["message"]
