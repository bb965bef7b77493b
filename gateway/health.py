"""What traffic says about a source: its health for the API, and the upstream metrics."""

import time
from dataclasses import dataclass
from functools import cached_property

from prometheus_client import Counter, Gauge, Histogram

from gateway.errors import SourceError, SourceErrorCode
from gateway.instant import Instant
from gateway.metrics import SOURCE_UP, UPSTREAM, UPSTREAM_SECONDS
from gateway.model import Documented

_SLOW_SECONDS = 5.0
_DOWN = frozenset({SourceErrorCode.UNAVAILABLE, SourceErrorCode.TIMEOUT, SourceErrorCode.UNAUTHENTICATED})


class SourceState(Documented):
    """What the last traffic said about a source."""

    UP = "UP", "It answers."
    DEGRADED = "DEGRADED", "Answers, but slowly, rate-limited or partly."
    DOWN = "DOWN", "The last request failed."
    UNKNOWN = "UNKNOWN", "Not contacted yet."


@dataclass(frozen=True, slots=True)
class Health:
    """Last known reachability, observed on real traffic."""

    state: SourceState = SourceState.UNKNOWN
    checked_at: Instant | None = None
    latency_ms: float | None = None
    error: SourceError | None = None


class Observed:
    """What all clients of one source have seen last."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._last: tuple[SourceState, int, float, SourceError | None] | None = None
        self._outcomes: dict[str, Counter] = {}

    @property
    def health(self) -> Health:
        """What the last request said."""
        if self._last is None:
            return Health()
        state, at_us, seconds, error = self._last
        return Health(state, Instant.from_us(at_us), round(seconds * 1000, 3), error)

    def note(self, seconds: float, error: SourceError | None) -> None:
        """A request took ``seconds`` and ended well or with ``error``."""
        state = SourceState.UP
        if error is not None and error.code is SourceErrorCode.RATE_LIMITED:
            state = SourceState.DEGRADED
        elif error is not None and error.code in _DOWN:
            state = SourceState.DOWN
        elif seconds > _SLOW_SECONDS:
            state = SourceState.DEGRADED
        before = None if self._last is None else self._last[0]
        # Every request is noted, few are looked at: the rest of the work is left to who looks.
        self._last = state, time.time_ns() // 1000, seconds, error
        outcome = "OK" if error is None else error.code.value
        if (counter := self._outcomes.get(outcome)) is None:
            counter = self._outcomes[outcome] = UPSTREAM.labels(self._source, outcome)
        counter.inc()
        if state is not before:
            self._up.set(state is not SourceState.DOWN)
        self._seconds.observe(seconds)

    # Made when there is something to show: a source that was never asked is neither up nor down.

    @cached_property
    def _up(self) -> Gauge:
        return SOURCE_UP.labels(self._source)

    @cached_property
    def _seconds(self) -> Histogram:
        return UPSTREAM_SECONDS.labels(self._source)
