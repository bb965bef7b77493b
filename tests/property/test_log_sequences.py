"""Sequences of log lines: the same however a log is read, whatever comes late, tied or twice."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from gateway.logs import TICKS, by_id, counted, first_at, milliseconds_of, timed

entries = st.lists(st.tuples(st.integers(0, 2**42), st.text(max_size=8)), max_size=60)


@given(entries, st.randoms())
def test_the_order_of_reading_makes_no_difference(found: list[tuple[int, str]], random: object) -> None:
    shuffled = [*found, *found[::2]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert by_id(shuffled) == by_id(found)


@given(entries)
def test_every_entry_has_a_place_of_its_own_in_its_millisecond(found: list[tuple[int, str]]) -> None:
    sequences = by_id(found)
    assert len(set(sequences.values())) == len(set(found))
    for (milliseconds, _), sequence in sequences.items():
        assert milliseconds_of(sequence) == milliseconds
        assert first_at(milliseconds) <= sequence < first_at(milliseconds + 1)
        assert sequence < 2**63


@given(entries, entries)
def test_entries_that_come_late_move_no_others(early: list[tuple[int, str]], late: list[tuple[int, str]]) -> None:
    """But for one pair in a million, which share a digest."""
    before, after = by_id(early), by_id([*early, *late])
    digests = [by_id([entry])[entry] for entry in {*early, *late}]
    if len(set(digests)) == len(digests):
        assert all(after[entry] == sequence for entry, sequence in before.items())


def test_two_of_one_digest_stand_apart() -> None:
    names = _collision()
    sequences = by_id((7, name) for name in names)
    assert len(set(sequences.values())) == len(names) == 2
    assert max(sequences.values()) - min(sequences.values()) == 1


@given(st.integers(1, 2**40), st.integers(0, 2**21), st.integers(1, 2**40), st.integers(0, 2**21))
def test_lines_of_events_stand_by_counter_then_line(one: int, line: int, other: int, another: int) -> None:
    pair = (one, min(line, TICKS - 1)), (other, min(another, TICKS - 1))
    assert (counted(one, line) < counted(other, another)) == (pair[0] < pair[1])


@given(st.integers(0, 2**42), st.integers(0, TICKS - 1), st.integers(0, 2**42), st.integers(0, TICKS - 1))
def test_entries_stand_by_time_then_number(one: int, number: int, other: int, another: int) -> None:
    assert (timed(one, number) < timed(other, another)) == ((one, number) < (other, another))


def _collision() -> Sequence[str]:
    """Two ids of the same digest."""
    seen: dict[int, str] = {}
    number = 0
    while True:
        name = str(number)
        place = by_id([(7, name)])[7, name]
        if place in seen:
            return [seen[place], name]
        seen[place] = name
        number += 1
