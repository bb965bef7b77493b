"""Cursors over everything they can hold, and over every text a client could send instead."""

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.cursor import Cursor, CursorCodec, SourceNote, digest
from gateway.errors import UserError
from gateway.model import Key

CODEC = CursorCodec(b"a key")
INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
DIGESTS = st.builds(lambda n: digest(Key("execution", "s", (str(n),))), st.integers(0, 999))
BOUNDARIES = st.tuples(st.integers(-1, 1), INT64, TEXT, st.lists(INT64 | TEXT, max_size=3).map(tuple))
CURSORS = st.builds(
    Cursor,
    boundary=BOUNDARIES,
    now=INT64,
    notes=st.dictionaries(TEXT, st.builds(SourceNote, TEXT, st.none() | TEXT), max_size=4),
    totals=st.dictionaries(TEXT, st.none() | INT64, max_size=4),
    hints=st.dictionaries(TEXT, INT64 | TEXT, max_size=4),
    shown=st.frozensets(DIGESTS, max_size=5),
)


@given(CURSORS, TEXT)
def test_everything_comes_back(cursor: Cursor, mark: str) -> None:
    assert CODEC.decode(CODEC.encode(cursor, mark), mark) == cursor


@given(CURSORS, TEXT, st.lists(BOUNDARIES, max_size=5))
def test_those_of_a_page_are_what_each_alone_is(cursor: Cursor, mark: str, boundaries: list) -> None:
    like = msgspec.structs.replace(cursor, hints={}, shown=frozenset())
    alone = [CODEC.encode(msgspec.structs.replace(like, boundary=boundary), mark) for boundary in boundaries]
    assert CODEC.encode_alike(like, mark, boundaries) == alone


@given(CURSORS, TEXT, TEXT)
def test_only_for_its_own_list(cursor: Cursor, mark: str, other: str) -> None:
    assume(mark != other)
    with pytest.raises(UserError, match="belongs to another list"):
        CODEC.decode(CODEC.encode(cursor, mark), other)


@given(CURSORS, st.binary(max_size=40))
def test_only_with_its_own_key(cursor: Cursor, key: bytes) -> None:
    # HMAC fills keys up with zeros.
    assume(key.rstrip(b"\0") != b"a key")
    with pytest.raises(UserError, match="another deployment"):
        CursorCodec(key).decode(CODEC.encode(cursor, "list"), "list")


@given(st.text(max_size=80))
def test_no_other_text_is_one(text: str) -> None:
    with pytest.raises(UserError, match="The cursor"):
        CODEC.decode(text, "list")


@given(CURSORS, st.data())
def test_one_changed_character_is_noticed(cursor: Cursor, data: st.DataObject) -> None:
    text = CODEC.encode(cursor, "list")
    at = data.draw(st.integers(0, len(text)))
    changed = text[:at] + data.draw(st.characters() | st.just("")) + text[at + data.draw(st.integers(0, 1)) :]
    assume(changed != text)
    with pytest.raises(UserError, match="The cursor"):
        CODEC.decode(changed, "list")
