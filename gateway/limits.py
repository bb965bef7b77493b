"""Keeping within the quotas that a back end sets for each of its operations (DECISIONS 14).

A ``RateLimit`` lets calls through at a steady rate with a small burst, so many at once, and never more than its ceiling in
any second *as the other side sees it*: when a call arrives there is only known to lie between its sending and its answer,
so a call counts from the one until a second after the other.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from weakref import WeakKeyDictionary

_WINDOW_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Quota:
    """``rate`` calls a second, ``burst`` at once after a pause, ``ceiling`` in any second, ``in_flight`` together."""

    rate: float
    burst: int
    ceiling: int
    in_flight: int

    def shared(self, workers: int) -> "Quota":
        """The part of it that one of ``workers`` processes may use, so that all of them together keep to it."""
        if workers == 1:
            return self
        return Quota(
            rate=self.rate / workers,
            burst=max(1, self.burst // workers),
            ceiling=max(1, self.ceiling // workers),
            in_flight=max(1, self.in_flight // workers),
        )


class RateLimit:
    """Lets calls of one operation through, in the order they came. Belongs to one event loop."""

    def __init__(self, quota: Quota, clock: Callable[[], float] | None = None) -> None:
        self._quota = quota
        self._clock = clock or asyncio.get_running_loop().time
        self._slots = asyncio.Semaphore(min(quota.in_flight, quota.ceiling))
        self._queue = asyncio.Lock()
        self._tokens = float(quota.burst)
        self._counted_at = self._clock()
        self._open = 0
        self._answered: deque[float] = deque()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn; the call is to be sent, and answered, within the block."""
        async with self._slots:
            async with self._queue:
                # The first in the queue sleeps; the clock wakes it, and nobody else can.
                while (pause := self._pause()) > 0:  # noqa: ASYNC110
                    # Less than a clock can tell would not be waiting.
                    await asyncio.sleep(max(pause, 0.001))
                self._tokens -= 1
                self._open += 1
            try:
                yield
            finally:
                self._open -= 1
                self._answered.append(self._clock())

    def _pause(self) -> float:
        """Seconds until the next call may be sent, as far as can be told now."""
        now = self._clock()
        self._tokens = min(float(self._quota.burst), self._tokens + (now - self._counted_at) * self._quota.rate)
        self._counted_at = now
        while self._answered and self._answered[0] <= now - _WINDOW_SECONDS:
            self._answered.popleft()
        pause = 0.0
        if self._tokens < 1:
            pause = (1 - self._tokens) / self._quota.rate
        excess = self._open + len(self._answered) + 1 - self._quota.ceiling
        if excess > 0:
            # Slots are fewer than the ceiling, so that open calls alone never fill it.
            pause = max(pause, self._answered[excess - 1] + _WINDOW_SECONDS - now)
        return pause


_SHARED: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, RateLimit]] = WeakKeyDictionary()


def shared_limit(key: Hashable, quota: Quota) -> RateLimit:
    """The limit for ``key`` that everybody on this event loop shares; two sources of one account have the same quotas."""
    limits = _SHARED.setdefault(asyncio.get_running_loop(), {})
    if key not in limits:
        limits[key] = RateLimit(quota)
    return limits[key]
