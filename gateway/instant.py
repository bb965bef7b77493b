"""Instants: what orders them beside the text that is sent out, so that nothing is formatted per row."""

import re
from datetime import UTC, datetime, timedelta
from typing import Self

from msgspec import Struct

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)
_CANONICAL_MARKS = frozenset({"--T::.", "--T::Z"})
_CANONICAL_LENGTHS = frozenset({20, *range(22, 28)})
_read = datetime.fromisoformat
# 10^11 seconds lie beyond the year 5000: such a number of "seconds" is milliseconds by mistake (DOMAIN C4).
_MAX_EPOCH_SECONDS = 10**11


class Instant(Struct, frozen=True, order=True, gc=False):
    """A point in time.

    ``moment`` is aware and in UTC, to the microsecond; ``text`` is RFC 3339 in UTC with the suffix Z and only the fraction
    digits that the source sent.
    """

    moment: datetime
    text: str

    @property
    def us(self) -> int:
        """Microseconds since 1970-01-01T00:00:00Z. Worked out when asked for: most instants are only shown."""
        since = self.moment - _EPOCH
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds

    @classmethod
    def parse(cls, text: str) -> Self:
        """An RFC 3339 text with any offset. Raises ValueError when it is none, or lacks its offset."""
        # Rows hold several instants each, nearly all canonical: what stands between the digits tells which are, in half of
        # the time that the pattern takes. That all the rest are digits, fromisoformat sees to.
        if text[4:20:3] in _CANONICAL_MARKS and text[-1] == "Z" and len(text) in _CANONICAL_LENGTHS:
            return cls(_read(text), text)
        if not _RFC_3339.match(text):
            raise ValueError(f"{text!r} is not an RFC 3339 instant with an offset")
        return cls.from_datetime(_read(text.upper()))

    @classmethod
    def from_us(cls, us: int) -> Self:
        """Microseconds since the epoch, written with the fewest fraction digits. Raises ValueError out of range."""
        try:
            moment = _EPOCH + timedelta(microseconds=us)
        except OverflowError as error:
            raise ValueError(f"{us} microseconds is not a representable instant") from error
        text = moment.strftime("%Y-%m-%dT%H:%M:%S").zfill(19)
        fraction = f".{us % 1_000_000:06d}".rstrip("0").rstrip(".")
        return cls(moment, f"{text}{fraction}Z")

    @classmethod
    def from_datetime(cls, moment: datetime) -> Self:
        """An aware datetime."""
        return cls.from_us((moment - _EPOCH) // _MICROSECOND)

    @classmethod
    def from_epoch_seconds(cls, seconds: float) -> Self:
        """Seconds since the epoch, possibly with a fraction. Raises ValueError above 10^11 (milliseconds by mistake)."""
        if not abs(seconds) < _MAX_EPOCH_SECONDS:
            raise ValueError(f"{seconds} is not an instant in seconds")
        return cls.from_us(round(seconds * 1_000_000))
