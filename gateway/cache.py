"""Kept scans: what was read of a source that cannot sort serves its followers for a while (DECISIONS 12).

Reading such a source whole is dear, and the next page of the same list, another order or another filter that the source
cannot apply would read the very same rows. Rows are kept as the source sent them, before any filter of the gateway's.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.errors import SourceError

# An execution with its upstream record takes some 2 to 4 KiB; counting high keeps the bound a bound.
_ROW_BYTES = 4096


@dataclass(frozen=True, slots=True)
class KeptScan:
    """All rows of one scan. ``damage`` says why some may be missing; ``scanned`` counts the records read for it."""

    rows: Sequence[Any]
    damage: SourceError | None
    scanned: int


class KeptScans:
    """Scans by source and native plan, each for ``seconds``, together no more than ``size`` bytes (as estimated by rows)."""

    def __init__(self, seconds: float, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._rows = size // _ROW_BYTES
        self._clock = clock
        self._scans: OrderedDict[Hashable, tuple[float, KeptScan]] = OrderedDict()

    def get(self, source: str, native: Hashable) -> KeptScan | None:
        """The scan, while it lasts."""
        kept = self._scans.get((source, native))
        if kept is None or kept[0] <= self._clock():
            self._scans.pop((source, native), None)
            return None
        return kept[1]

    def put(self, source: str, native: Hashable, scan: KeptScan) -> None:
        """Keep a scan; the oldest make room, and one that is too large by itself is not kept."""
        if len(scan.rows) > self._rows:
            return
        self._scans.pop((source, native), None)
        self._scans[source, native] = (self._clock() + self._seconds, scan)
        while sum(len(kept.rows) for _, kept in self._scans.values()) > self._rows:
            self._scans.popitem(last=False)
