"""Instants: an integer for ordering beside the text that is sent out, so that nothing is formatted per row."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)
_CANONICAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z\Z", re.ASCII)
# 10^11 seconds lie beyond the year 5000: such a number of "seconds" is milliseconds by mistake (DOMAIN C4).
_MAX_EPOCH_SECONDS = 10**11


class Instant(NamedTuple):
    """A point in time.

    ``us`` counts microseconds since 1970-01-01T00:00:00Z; ``text`` is RFC 3339 in UTC with the suffix Z and only the
    fraction digits that the source sent.
    """

    us: int
    text: str

    @classmethod
    def parse(cls, text: str) -> "Instant":
        """An RFC 3339 text with any offset. Raises ValueError when it is none, or lacks its offset."""
        if _CANONICAL.match(text):
            return cls((datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND, text)
        if not _RFC_3339.match(text):
            raise ValueError(f"{text!r} is not an RFC 3339 instant with an offset")
        return cls.from_us((datetime.fromisoformat(text.upper()) - _EPOCH) // _MICROSECOND)

    @classmethod
    def from_us(cls, us: int) -> "Instant":
        """Microseconds since the epoch, written with the fewest fraction digits. Raises ValueError out of range."""
        try:
            moment = _EPOCH + timedelta(microseconds=us)
        except OverflowError as error:
            raise ValueError(f"{us} microseconds is not a representable instant") from error
        text = moment.strftime("%Y-%m-%dT%H:%M:%S").zfill(19)
        fraction = f".{us % 1_000_000:06d}".rstrip("0").rstrip(".")
        return cls(us, f"{text}{fraction}Z")

    @classmethod
    def from_datetime(cls, moment: datetime) -> "Instant":
        """An aware datetime."""
        return cls.from_us((moment - _EPOCH) // _MICROSECOND)

    @classmethod
    def from_epoch_seconds(cls, seconds: float) -> "Instant":
        """Seconds since the epoch, possibly with a fraction. Raises ValueError above 10^11 (milliseconds by mistake)."""
        if not abs(seconds) < _MAX_EPOCH_SECONDS:
            raise ValueError(f"{seconds} is not an instant in seconds")
        return cls.from_us(round(seconds * 1_000_000))
