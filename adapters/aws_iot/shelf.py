"""What was read of a source that cannot sort, kept for a while for its followers (DECISIONS 12 and 13).

The next page of a list, another order, or another filter that AWS IoT cannot apply reads the same lists again. What is kept
are whole lists, as read: the jobs, the executions of one job or thing, perhaps of one status.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

# A row with its record takes 2 to 4 KiB: this bounds a source to 64 MiB.
_MOST_ROWS = 16_384


class Shelf:
    """Lists by name, each for some time, together no more than a number of rows."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lists: OrderedDict[Hashable, tuple[float, Sequence[Any]]] = OrderedDict()
        self._rows = 0

    def get(self, name: Hashable) -> Sequence[Any] | None:
        """The list, while it lasts."""
        kept = self._lists.get(name)
        if kept is None:
            return None
        if kept[0] <= self._clock():
            self._drop(name)
            return None
        self._lists.move_to_end(name)
        return kept[1]

    def put(self, name: Hashable, rows: Sequence[Any], seconds: float) -> None:
        """Keep a list; those not used for longest make room."""
        self._drop(name)
        size = max(1, len(rows))
        if seconds <= 0 or size > _MOST_ROWS:
            return
        self._lists[name] = (self._clock() + seconds, rows)
        self._rows += size
        while self._rows > _MOST_ROWS:
            self._drop(next(iter(self._lists)))

    def _drop(self, name: Hashable) -> None:
        kept = self._lists.pop(name, None)
        if kept is not None:
            self._rows -= max(1, len(kept[1]))
