"""Which release of Scale a server is, found out at first use (contract, section 0).

Lists, filters and orders are the same in all releases that this adapter reads, 3.1 to 6.x through API v3 to v5, so no plan
depends on the release. What records mean does: 5.2 split the table of executions, and since then the ``last_modified`` of an
execution is the instant of its creation.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from gateway.errors import SourceError, SourceErrorCode

_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})(?!\d)", re.ASCII)
_KEPT_SECONDS = 3600.0
# How long nobody asks again when the server did not say: most likely it never will, as behind a proxy that hides it.
_UNTOLD_SECONDS = 60.0
_GONE = frozenset({SourceErrorCode.UNAVAILABLE, SourceErrorCode.NOT_FOUND, SourceErrorCode.BAD_RESPONSE})


class Release(NamedTuple):
    """The first two numbers of a release, such as 4 and 4 of 4.4.2."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str | None) -> "Release | None":
        """The release that ``/version/`` names; None when it names none."""
        match = _VERSION.match(text or "")
        return None if match is None else cls(int(match[1]), int(match[2]))

    @property
    def dates_changes(self) -> bool:
        """Whether ``last_modified`` of an execution is when it last changed."""
        return self < (5, 2)


LAST_WITH_V3 = Release(4, 4)
"""The last release that serves API v3: whoever reads that need not ask."""


class ReleaseProbe:
    """What a server says of its release: asked for once, however many want to know, and remembered for an hour.

    A server that went away may come back as another release: ``fault`` makes the next caller ask again.
    """

    def __init__(self, ask: Callable[[], Awaitable[str | None]], clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._lock = asyncio.Lock()
        self._known: Release | None = None
        self._until: float | None = None

    async def current(self) -> Release | None:
        """The release; None when the server does not say. Raises nothing: what was asked for matters more."""
        async with self._lock:
            if self._until is None or self._clock() >= self._until:
                try:
                    self._known = Release.parse(await self._ask())
                except SourceError:
                    self._known = None
                self._until = self._clock() + (_UNTOLD_SECONDS if self._known is None else _KEPT_SECONDS)
            return self._known

    def fault(self, error: SourceError) -> None:
        """Take note of a fault of the server."""
        if error.code in _GONE and self._known is not None:
            self._until = None
