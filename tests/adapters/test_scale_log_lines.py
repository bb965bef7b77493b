"""Entries of Scale's log as numbered lines: the same numbers in whatever pieces, whatever the messages."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.scale.log_lines import Entry, entry, lines
from gateway.logs import TICKS, first_at, timed
from gateway.model import LogLine, LogStream

MS = 1471221909583


def hit(name: str, message: Any = "text", ms: Any = MS, **source: Any) -> dict[str, Any]:
    return {"_id": name, "_source": {"message": message, **source}, "sort": [ms]}


def made(*hits: dict[str, Any]) -> list[LogLine]:
    return list(lines(entry(each) for each in hits))


class TestEntries:
    def test_releases_before_4(self) -> None:
        found = entry(hit("a", tag="scale_6_pre", level=3, **{"@timestamp": "2016-08-15T00:45:09.583Z"}))
        assert (found.ms, found.stream, found.order, found.execution) == (MS, LogStream.STDERR, None, 6)

    def test_releases_from_4_on(self) -> None:
        exe = "scale_20160815-000000-1683014024-5050-8216-0000_6"
        found = entry(hit("a", scale_job_exe=exe, stream="stdout", scale_order_num=68, level=3))
        assert (found.ms, found.stream, found.order, found.execution) == (MS, LogStream.STDOUT, 68, 6)

    @pytest.mark.parametrize("tag", [None, "", "other", "scale_1_12x3", "scale_framework_12x3", 6, ["scale_6_job"]])
    def test_whose_it_is_need_not_be_known(self, tag: Any) -> None:
        assert entry(hit("a", tag=tag)).execution is None

    @pytest.mark.parametrize("level", [0, 3])
    def test_levels_of_stderr(self, level: int) -> None:
        assert entry(hit("a", level=level)).stream is LogStream.STDERR
        assert entry(hit("a", level=level + 4)).stream is LogStream.STDOUT
        assert entry(hit("a", level="3")).stream is LogStream.STDOUT

    def test_without_a_message(self) -> None:
        assert [line.text for line in made(hit("a", None), {"_id": "b", "_source": {}, "sort": [MS]})] == ["", ""]

    @pytest.mark.parametrize("order", [None, "68", 1.5, True])
    def test_without_an_order_number(self, order: Any) -> None:
        assert entry(hit("a", scale_order_num=order)).order is None


class TestLines:
    @pytest.mark.parametrize(
        ("message", "texts"),
        [
            ("", [""]),
            ("a\nb", ["a", "b"]),
            ("a\r\nb\r\n", ["a", "b"]),
            ("a\n\nb", ["a", "", "b"]),
            ("\n", [""]),
            ("10 %\r20 %", ["10 %\r20 %"]),
            ("\x1b[31mred\x1b[0m\x0c\u2028", ["\x1b[31mred\x1b[0m\x0c\u2028"]),
        ],
    )
    def test_a_message_of_several(self, message: str, texts: list[str]) -> None:
        found = made(hit("a", message, scale_order_num=3))
        assert [line.text for line in found] == texts
        assert [line.sequence for line in found] == [timed(MS, 48 + place) for place in range(len(texts))]

    def test_order_numbers_leave_room(self) -> None:
        found = made(hit("b", "x", scale_order_num=2), hit("a", "\n".join("abcd"), scale_order_num=1))
        assert [line.text for line in found] == [*"abcd", "x"]
        alone = made(hit("b", "x", scale_order_num=2))
        assert alone == found[-1:]

    def test_two_of_one_order_number(self) -> None:
        found = made(*(hit(name, name, scale_order_num=0) for name in "cab"), hit("d", "d", scale_order_num=1))
        assert [line.text for line in found] == [*"abc", "d"]

    def test_more_lines_than_room(self) -> None:
        message = "\n".join(str(number) for number in range(40))
        found = made(hit("a", message, scale_order_num=65_535), hit("b", "before", scale_order_num=65_534))
        assert [line.text for line in found] == ["before", *(str(number) for number in range(40))]
        assert found[-1].sequence == first_at(MS + 1) - 1

    def test_more_lines_than_a_millisecond_has(self) -> None:
        found = made(hit("a", "\n" * (TICKS + 5)), hit("b", "\n" * (TICKS + 5)))
        assert len(found) == TICKS
        assert (found[0].sequence, found[-1].sequence) == (first_at(MS), first_at(MS + 1) - 1)
        assert sum(line.text.count("\n") for line in found) + len(found) == 2 * (TICKS + 5)


entries = st.lists(
    st.builds(
        lambda name, ms, order, message: entry(hit(f"e{name}", message, MS + ms, scale_order_num=order)),
        st.integers(0, 10**6),
        st.integers(0, 3),
        st.none() | st.integers(0, 5) | st.integers(65_530, 10**12),
        st.text(st.sampled_from("ab\n\r"), max_size=60),
    ),
    unique_by=lambda each: each.name,
    max_size=30,
)


@given(entries, st.randoms())
def test_every_line_once_whatever_the_order_of_reading(found: Sequence[Entry], random: Any) -> None:
    expected = list(lines(found))
    sequences = [line.sequence for line in expected]
    assert sequences == sorted(set(sequences))
    assert len(expected) == sum(each.message.removesuffix("\n").count("\n") + 1 for each in found)
    shuffled = list(found)
    random.shuffle(shuffled)
    assert list(lines(shuffled)) == expected
    for ms in range(MS, MS + 4):
        part = list(lines(each for each in shuffled if each.ms == ms))
        assert part == [line for line in expected if first_at(ms) <= line.sequence < first_at(ms + 1)]
