"""Which TQL parameters a server offers for a list, asked for at first use (contract of ThreatConnect, section 6.6)."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from gateway.errors import SourceError

_FRESH_SECONDS = 3600.0
_RETRY_SECONDS = 60.0
# A list must not wait long for what only makes it cheaper.
_PATIENCE_SECONDS = 3.0


class Discovery:
    """The TQL keywords of one list: ``proven`` ones until the server has been asked, then those that it offers.

    ``given`` keywords (from the configuration) are taken as they are, and nobody is asked. ``ask`` asks the server, and may
    raise SourceError. ``clock`` counts seconds.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[frozenset[str]]],
        proven: frozenset[str],
        given: frozenset[str] | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.keywords = proven if given is None else given
        """What may be asked for, as the server or the configuration spells it."""
        self.complete = False
        """Whether the server has listed all that it offers."""
        self._ask = ask
        self._clock = clock
        self._due = float("-inf") if given is None else float("inf")
        self._lock = asyncio.Lock()

    async def learn(self) -> None:
        """Ask the server unless its answer is less than an hour old. Raises nothing: a fault leaves what was known before.

        After a fault the server is left in peace for a minute. Whoever comes while it is being asked waits for that answer.
        """
        if self._clock() < self._due:
            return
        async with self._lock:
            if self._clock() < self._due:
                return
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    self.keywords = await self._ask()
            except (SourceError, TimeoutError):
                self._due = self._clock() + _RETRY_SECONDS
            else:
                self.complete = True
                self._due = self._clock() + _FRESH_SECONDS
