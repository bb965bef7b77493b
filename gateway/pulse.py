"""When pollers look again: fast while something moves, slowly when nothing does, ever more slowly while a source fails."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import cast

from gateway.errors import SourceError, SourceErrorCode
from gateway.jitter import stretched
from gateway.model import Key
from gateway.spi import Adapter, SupportsWakeUps

_log = logging.getLogger(__name__)

_BREATH_SECONDS = 0.5
_FIRST_RETRY_SECONDS = 5.0
_SLOW = 4
_SLOWEST_SECONDS = 60.0


class Cadence:
    """The pauses between looks at one thing, never shorter than ``least`` seconds.

    With jitter, so that pollers that began together do not stay together.
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self._pause = least
        self._failing = False
        self._woken = asyncio.Event()

    def moved(self, *, active: bool) -> None:
        """A look went well; whether there is anything that may move soon."""
        self._failing = False
        self._pause = self._least if active else min(_SLOW * self._least, max(self._least, _SLOWEST_SECONDS))

    def failed(self, retry_after: float | None) -> None:
        """A look failed; the source may have said how long it wants to be left alone."""
        self._failing = True
        doubled = min(2 * self._pause, max(self._least, _SLOWEST_SECONDS))
        self._pause = max(doubled, retry_after or 0.0)

    def wake(self) -> None:
        """Something has changed: no need to pause any longer, unless the last look was only just."""
        self._woken.set()

    async def wait(self) -> None:
        """Pause until the next look."""
        pause = stretched(self._pause, 1.2)
        # What happens at once is told at once: one look for a burst of it.
        breath = pause if self._failing else min(pause, _BREATH_SECONDS)
        await asyncio.sleep(breath)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause - breath):
                await self._woken.wait()
        self._woken.clear()


class Alarm:
    """Wakes the pollers of one source while the source tells that something has changed."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self._cadences: dict[Cadence, Key | None] = {}
        self._task: asyncio.Task[None] | None = None

    def join(self, cadence: Cadence, only: Key | None) -> None:
        """Wake this poller, by changes of ``only`` one execution, or by any."""
        if not isinstance(self._adapter, SupportsWakeUps):
            return
        self._cadences[cadence] = only
        if self._task is None:
            self._task = asyncio.create_task(self._listen(self._adapter))

    def leave(self, cadence: Cadence) -> None:
        """Let this poller be; listen no longer than there is one."""
        self._cadences.pop(cadence, None)
        if not self._cadences and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _listen(self, adapter: SupportsWakeUps) -> None:
        pause = _FIRST_RETRY_SECONDS
        while True:
            try:
                async with aclosing(cast("AsyncGenerator[Key | None, None]", adapter.wake_ups())) as told:
                    async for key in told:
                        pause = _FIRST_RETRY_SECONDS
                        for cadence, only in list(self._cadences.items()):
                            if key is None or only is None or key == only:
                                cadence.wake()
            except SourceError as error:
                if error.code is SourceErrorCode.UNSUPPORTED:
                    return
            except Exception:  # noqa: BLE001 - without wake-ups, looking again and again does
                _log.exception("wake-ups failed")
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _SLOWEST_SECONDS)
