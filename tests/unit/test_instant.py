"""Instants: read from every RFC 3339 spelling, written in one, ordered by time."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.instant import Instant

NINE = int(datetime(2026, 11, 21, 9, tzinfo=UTC).timestamp()) * 1_000_000
LAST = 253_402_300_800 * 1_000_000 - 1
"""The last microsecond of the year 9999."""


@pytest.mark.parametrize(
    ("text", "us", "shown"),
    [
        ("2026-11-21T09:00:00Z", NINE, "2026-11-21T09:00:00Z"),
        # Digits that were sent stay, those that were not are not invented.
        ("2026-11-21T09:00:00.5Z", NINE + 500_000, "2026-11-21T09:00:00.5Z"),
        ("2026-11-21T09:00:00.500Z", NINE + 500_000, "2026-11-21T09:00:00.500Z"),
        ("2026-11-21T09:00:00.000001Z", NINE + 1, "2026-11-21T09:00:00.000001Z"),
        # More than microseconds cannot be kept.
        ("2026-11-21T09:00:00.123456789Z", NINE + 123_456, "2026-11-21T09:00:00.123456Z"),
        # Any offset is brought to UTC.
        ("2026-11-21T10:00:00+01:00", NINE, "2026-11-21T09:00:00Z"),
        ("2026-11-21T03:30:00-05:30", NINE, "2026-11-21T09:00:00Z"),
        ("2026-11-21T09:00:00+00:00", NINE, "2026-11-21T09:00:00Z"),
        ("2026-11-22T00:59:59.25+15:59", NINE + 59_250_000, "2026-11-21T09:00:59.25Z"),
        ("1969-12-31T23:59:59.999999Z", -1, "1969-12-31T23:59:59.999999Z"),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000, "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999Z", LAST, "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_parse(text: str, us: int, shown: str) -> None:
    instant = Instant.parse(text)
    assert (instant.us, instant.text) == (us, shown)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-11-21",
        "2026-11-21T09:00:00",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-11-21T09:00:61Z",
        "1795251600",
        " 2026-11-21T09:00:00Z",
        "2026-11-21T09:00:00Z\n",
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-05:00",
        "2026-11-21T09:00:00.Z",
        "2026-W47-6T09:00:00Z",
        "20261121T090000.000Z",
    ],
)
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError):
        Instant.parse(text)


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (100_000, "1970-01-01T00:00:00.1Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (-62_135_596_800_000_000, "0001-01-01T00:00:00Z"),
    ],
)
def test_from_us(us: int, text: str) -> None:
    instant = Instant.from_us(us)
    assert (instant.us, instant.text) == (us, text)


@pytest.mark.parametrize("us", [LAST + 1, -62_135_596_800_000_001, 10**40])
def test_from_us_out_of_range(us: int) -> None:
    with pytest.raises(ValueError, match="not a representable instant"):
        Instant.from_us(us)


def test_from_datetime_brings_any_zone_to_utc() -> None:
    moment = datetime(2026, 11, 21, 4, 0, 0, 7, tzinfo=timezone(timedelta(hours=-5)))
    instant = Instant.from_datetime(moment)
    assert (instant.us, instant.text) == (NINE + 7, "2026-11-21T09:00:00.000007Z")


@pytest.mark.parametrize(
    ("seconds", "us"), [(0, 0), (1.5, 1_500_000), (-2, -2_000_000), (1_795_251_600.123456, NINE + 123_456)]
)
def test_from_epoch_seconds(seconds: float, us: int) -> None:
    assert Instant.from_epoch_seconds(seconds).us == us


@pytest.mark.parametrize("seconds", [1_795_251_600_000, 10**11, float("inf"), float("-inf"), float("nan")])
def test_milliseconds_given_for_seconds_are_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="not an instant in seconds"):
        Instant.from_epoch_seconds(seconds)


@given(st.integers(-62_135_596_800_000_000, LAST))
def test_text_and_number_say_the_same(us: int) -> None:
    instant = Instant.from_us(us)
    assert Instant.parse(instant.text) == instant
    assert instant.us == us


@given(st.lists(st.integers(-62_135_596_800_000_000, LAST), max_size=8))
def test_instants_sort_by_time(moments: list[int]) -> None:
    assert [instant.us for instant in sorted(map(Instant.from_us, moments))] == sorted(moments)
