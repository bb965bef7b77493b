"""Hours and days of time zones, in the nights when clocks change."""

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from gateway.buckets import Bucket, Buckets
from gateway.instant import Instant


def instant(text: str) -> Instant:
    return Instant.parse(text)


def bucket(zone: str, text: str, *, days: bool) -> tuple[str, str]:
    found = Buckets(ZoneInfo(zone), days=days).of(instant(text))
    assert found is not None
    return found.start.text, found.end.text


@pytest.mark.parametrize(
    ("zone", "text", "start", "end"),
    [
        ("UTC", "2026-03-01T23:59:59.999999Z", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"),
        ("Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
        ("Europe/Berlin", "2026-10-25T22:59:59Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
        ("Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
        # Midnight is skipped, comes twice, and is gone back over.
        ("America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"),
        ("America/Havana", "2025-11-02T05:30:00Z", "2025-11-02T04:00:00Z", "2025-11-03T05:00:00Z"),
        ("America/St_Johns", "2010-11-07T02:31:00Z", "2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z"),
        ("America/St_Johns", "2010-11-07T02:30:30Z", "2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z"),
        # From 23:30 to 00:30: the day before goes on to where midnight would have been.
        ("America/Toronto", "1919-03-31T04:40:00Z", "1919-03-30T05:00:00Z", "1919-03-31T05:00:00Z"),
        # The day before the one that was left out.
        ("Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"),
    ],
)
def test_days_are_those_of_the_clock_on_the_wall(zone: str, text: str, start: str, end: str) -> None:
    assert bucket(zone, text, days=True) == (start, end)


@pytest.mark.parametrize(
    ("zone", "text", "start", "end"),
    [
        ("UTC", "2026-03-01T23:59:59.999999Z", "2026-03-01T23:00:00Z", "2026-03-02T00:00:00Z"),
        ("Asia/Kolkata", "2026-03-01T12:00:00Z", "2026-03-01T11:30:00Z", "2026-03-01T12:30:00Z"),
        # 02:30 comes twice.
        ("Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"),
        ("Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"),
        ("Europe/Berlin", "2026-03-29T01:10:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"),
        # Half an hour comes twice, and is skipped.
        ("Australia/Lord_Howe", "2026-04-04T14:59:00Z", "2026-04-04T14:00:00Z", "2026-04-04T15:00:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T15:10:00Z", "2026-04-04T15:00:00Z", "2026-04-04T15:30:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T15:40:00Z", "2026-10-03T15:30:00Z", "2026-10-03T16:00:00Z"),
        # From 00:01 to 23:01.
        ("America/St_Johns", "2010-11-07T02:30:30Z", "2010-11-07T02:30:00Z", "2010-11-07T02:31:00Z"),
        ("America/St_Johns", "2010-11-07T02:40:00Z", "2010-11-07T02:31:00Z", "2010-11-07T03:30:00Z"),
    ],
)
def test_hours_are_those_of_the_clock_on_the_wall(zone: str, text: str, start: str, end: str) -> None:
    assert bucket(zone, text, days=False) == (start, end)


@pytest.mark.parametrize("days", [True, False])
@pytest.mark.parametrize(
    ("zone", "begin"),
    [
        ("Europe/Berlin", "2026-10-24T00:00:00+00:00"),
        ("Australia/Lord_Howe", "2026-04-03T00:00:00+00:00"),
        ("America/St_Johns", "2010-11-06T00:00:00+00:00"),
        ("America/Havana", "2025-11-01T00:00:00+00:00"),
        ("America/Toronto", "1919-03-30T00:00:00+00:00"),
        ("Pacific/Apia", "2011-12-28T00:00:00+00:00"),
    ],
)
def test_buckets_follow_one_another(zone: str, begin: str, days: bool) -> None:
    buckets, moment = Buckets(ZoneInfo(zone), days=days), datetime.fromisoformat(begin)
    found: list[Bucket] = []
    for minutes in range(4 * 1440):
        here = Instant.from_datetime(moment + timedelta(minutes=minutes))
        each = buckets.of(here)
        assert each is not None
        assert each.start.us <= here.us < each.end.us
        if each not in found:
            found.append(each)
    assert all(one.end == other.start for one, other in pairwise(found))


def test_where_the_calendar_ends_there_is_no_day() -> None:
    buckets = Buckets(ZoneInfo("Europe/Berlin"), days=True)
    assert buckets.of(instant("9999-12-31T23:30:00Z")) is None
    assert buckets.of(None) is None
