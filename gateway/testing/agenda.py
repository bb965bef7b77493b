"""How simulated worlds live: what happens stands in one queue, by time, and happens when somebody looks.

Nothing runs by itself: whoever wants to know lets the world catch up first. Each thing that happens is a generator that
yields the milliseconds until it goes on.
"""

import heapq
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Protocol

Happening = Iterator[int]
"""What goes on; yields after how many milliseconds it does so again."""


class Timed(Protocol):
    """A world with a clock of its own."""

    now: datetime


class Agenda:
    """What happens to ``world`` from its ``now`` on, ``speed`` times as fast as ``clock`` (seconds) goes."""

    def __init__(self, world: Timed, clock: Callable[[], float], speed: float) -> None:
        self._world = world
        self._clock = clock
        self._speed = speed
        self._began = (clock(), world.now)
        self._order = count()
        self._queue: list[tuple[datetime, int, Happening]] = []

    def begin(self, happening: Happening) -> None:
        """Let something begin now."""
        heapq.heappush(self._queue, (self._world.now, next(self._order), happening))

    def catch_up(self) -> None:
        """Let everything happen that should have happened by now."""
        clock, world = self._began
        self.advance(world + timedelta(seconds=(self._clock() - clock) * self._speed))

    def advance(self, now: datetime) -> None:
        """Let everything happen that happens until ``now``, each at its time."""
        while self._queue and self._queue[0][0] <= now:
            moment, order, happening = heapq.heappop(self._queue)
            self._world.now = moment
            pause = next(happening, None)
            if pause is not None:
                heapq.heappush(self._queue, (moment + timedelta(milliseconds=pause), order, happening))
        self._world.now = max(self._world.now, now)
