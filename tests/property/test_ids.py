"""Ids over all keys: bijective, safe in URLs, and closed against every other text."""

from contextlib import suppress

from hypothesis import assume, given
from hypothesis import strategies as st

from gateway import ids
from gateway.errors import UserError
from gateway.model import Key

SOURCES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,15}", fullmatch=True)
PARTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12), min_size=1, max_size=4)
KEYS = st.builds(Key, st.sampled_from(["job", "execution", "node"]), SOURCES, PARTS.map(tuple))


@given(KEYS)
def test_every_key_comes_back(key: Key) -> None:
    text = ids.encode(key)
    assert ids.decode(text) == key
    assert text.isascii()
    assert text.replace("-", "").replace("_", "").isalnum()


@given(SOURCES)
def test_every_source_comes_back(name: str) -> None:
    assert ids.decode(ids.encode_source(name)) == name


@given(KEYS, KEYS)
def test_different_keys_have_different_ids(one: Key, other: Key) -> None:
    assume(one != other)
    assert ids.encode(one) != ids.encode(other)


@given(st.text(max_size=60) | st.text("ABCDMWXYZaevwxyz0129-_=/+", max_size=60) | KEYS.map(ids.encode), st.data())
def test_any_text_is_refused_or_is_the_only_spelling_of_what_it_says(text: str, data: st.DataObject) -> None:
    if text and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(text) - 1))
        text = text[:at] + data.draw(st.characters()) + text[at + data.draw(st.integers(0, 1)) :]
    with suppress(UserError):
        found = ids.decode(text)
        assert (ids.encode_source(found) if isinstance(found, str) else ids.encode(found)) == text
