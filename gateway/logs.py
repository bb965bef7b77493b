"""Where a line of output stands in its log: numbers that do not depend on when, or in which pieces, the log is read.

Sources that number their output (AWX events) give ``counted`` sequences. Others stamp entries with milliseconds and break
ties by a number of their own (``timed``) or by nothing: then by the entry's id (``by_id``). All are whole numbers below
2^63 (DECISIONS 28).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from hashlib import blake2b

from wcwidth import strip_sequences

TICKS = 1 << 20
"""So many lines fit into one event or one millisecond."""


def counted(counter: int, line: int) -> int:
    """The sequence of the line number ``line``, from 0, of event number ``counter``."""
    return counter * TICKS + min(line, TICKS - 1)


def timed(milliseconds: int, number: int) -> int:
    """The sequence of entry ``number`` of a millisecond."""
    return milliseconds * TICKS + number % TICKS


def by_id(entries: Iterable[tuple[int, str]]) -> Mapping[tuple[int, str], int]:
    """The sequences of entries known by millisecond and id, by both.

    Entries of one millisecond stand in the order of a digest of their ids: the same for everybody who reads, in whatever
    order. Two of the same digest (one pair in a million) move apart, in the order of their ids.
    """
    within: defaultdict[int, set[str]] = defaultdict(set)
    for milliseconds, name in entries:
        within[milliseconds].add(name)
    found: dict[tuple[int, str], int] = {}
    for milliseconds, names in within.items():
        taken: set[int] = set()
        for tick, name in sorted((_tick(name), name) for name in names):
            while tick in taken:
                tick = (tick + 1) % TICKS
            taken.add(tick)
            found[milliseconds, name] = timed(milliseconds, tick)
    return found


def first_at(milliseconds: int) -> int:
    """The least sequence of a millisecond."""
    return milliseconds * TICKS


def milliseconds_of(sequence: int) -> int:
    """The millisecond of a ``timed`` or ``by_id`` sequence."""
    return sequence // TICKS


def plain(text: str) -> str:
    """A line without terminal escapes."""
    return strip_sequences(text) if "\x1b" in text else text


def _tick(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest()) % TICKS
