"""When pollers look again: fast while something moves, slowly when nothing does, ever more slowly while a source fails."""

import asyncio
import random

_SLOW = 4
_SLOWEST_SECONDS = 60.0


class Cadence:
    """The pauses between looks at one thing, never shorter than ``least`` seconds.

    With jitter, so that pollers that began together do not stay together.
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self._pause = least

    def moved(self, *, active: bool) -> None:
        """A look went well; whether there is anything that may move soon."""
        self._pause = self._least if active else min(_SLOW * self._least, max(self._least, _SLOWEST_SECONDS))

    def failed(self, retry_after: float | None) -> None:
        """A look failed; the source may have said how long it wants to be left alone."""
        doubled = min(2 * self._pause, max(self._least, _SLOWEST_SECONDS))
        self._pause = max(doubled, retry_after or 0.0)

    async def wait(self) -> None:
        """Pause until the next look."""
        await asyncio.sleep(self._pause * random.uniform(1.0, 1.2))  # noqa: S311 - jitter
