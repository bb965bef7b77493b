"""Hours and days of a time zone, as stretches of time that follow one another without gap or overlap. Pure."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from gateway.instant import Instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HOUR_US = 3600 * 1_000_000
_ONE_DAY = timedelta(days=1)


class Bucket(NamedTuple):
    """A stretch of time, ``start <= t < end``. Those of one kind and zone do not overlap."""

    start: Instant
    end: Instant


class Buckets:
    """The hours, or days, of a time zone."""

    def __init__(self, zone: ZoneInfo, *, days: bool) -> None:
        self._zone = zone
        self._limits = self._day if days else self._hour
        self._last: Bucket | None = None

    def of(self, instant: Instant | None) -> Bucket | None:
        """The bucket of an instant; None for none, and where the calendar ends."""
        if instant is None:
            return None
        # Rows come sorted by time, mostly: the next is where the last one was.
        last = self._last
        if last is None or not last.start.moment <= instant.moment < last.end.moment:
            try:
                start, end = self._limits(instant.us)
                last = self._last = Bucket(Instant.from_us(start), Instant.from_us(end))
            except (OverflowError, ValueError):
                return None
        return last

    def _hour(self, us: int) -> tuple[int, int]:
        offset = self._offset(us)
        start = us - (us + offset) % _HOUR_US
        end = start + _HOUR_US
        # A clock that changes within an hour ends one and begins another (Lord Howe turns back by half of one).
        if self._offset(start) != offset:
            start = self._change(start, us)
        if self._offset(end - 1) != offset:
            end = self._change(us, end)
        return start, end

    def _change(self, before: int, after: int) -> int:
        """The first instant with another offset than ``before``, which ``after`` has."""
        offset = self._offset(before)
        while after - before > 1:
            middle = (before + after) // 2
            if self._offset(middle) == offset:
                before = middle
            else:
                after = middle
        return after

    def _day(self, us: int) -> tuple[int, int]:
        day = self._local(us).date()
        # A clock that goes back over midnight (St John's until 2011) shows the day before once more; forward over it, the
        # day after early.
        if us >= self._midnight(day + _ONE_DAY):
            day += _ONE_DAY
        elif us < self._midnight(day):
            day -= _ONE_DAY
        return self._midnight(day), self._midnight(day + _ONE_DAY)

    def _midnight(self, day: date) -> int:
        """The first instant that the clock shows it; where it skips it, the instant of the change."""
        return (datetime(day.year, day.month, day.day, tzinfo=self._zone) - _EPOCH) // _MICROSECOND

    def _offset(self, us: int) -> int:
        return (self._local(us).utcoffset() or timedelta()) // _MICROSECOND

    def _local(self, us: int) -> datetime:
        return (_EPOCH + us * _MICROSECOND).astimezone(self._zone)
