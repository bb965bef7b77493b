"""Cursors: what is in them comes back, and nothing but this deployment's own for this list is accepted."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Any

import orjson
import pytest

from gateway.cursor import Cursor, CursorCodec, SourceNote, digest, fingerprint
from gateway.errors import UserError
from gateway.model import Key

CODEC = CursorCodec(b"a key")
MARK = fingerprint("execution", {"status": ["FAILED"]}, "CREATED_AT", True)
CURSOR = Cursor(
    boundary=(0, -1_795_251_600_000_000, "awx", (4711, "x")),
    now=1_795_251_600_000_001,
    notes={"awx": SourceNote("TRUNCATED", "TRUNCATED"), "scale": SourceNote("FAILED")},
    totals={"awx": 12, "scale": None},
    hints={"awx": 40, "iot": "token/+="},
    shown=frozenset({digest(Key("execution", "awx", (str(n),))) for n in range(3)}),
)
TEXT = CODEC.encode(CURSOR, MARK)


def refusal(text: str, codec: CursorCodec = CODEC, mark: str = MARK) -> str:
    with pytest.raises(UserError) as caught:
        codec.decode(text, mark)
    return str(caught.value)


def signed(payload: Any, key: bytes = b"a key") -> str:
    """What a deployment with this key could have made, had it written such a payload."""
    packed = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    mac = blake2b(packed, digest_size=16, key=blake2b(key).digest()).digest()
    return urlsafe_b64encode(mac + packed).rstrip(b"=").decode()


ALTERED = "The cursor was altered or cut short, or another deployment made it."
OLD = "The cursor was made by another version of this gateway."
OTHER_LIST = "The cursor belongs to another list: filter and order must stay as they were on its first page."


def test_everything_comes_back() -> None:
    assert CODEC.decode(TEXT, MARK) == CURSOR


def test_the_same_place_has_one_text() -> None:
    assert CODEC.encode(CURSOR, MARK) == TEXT
    assert TEXT.replace("-", "").replace("_", "").isalnum()


def test_replicas_with_one_key_read_each_other_s() -> None:
    assert CursorCodec(b"a key").decode(TEXT, MARK) == CURSOR


def test_another_deployment_s_is_refused() -> None:
    assert refusal(TEXT, CursorCodec(b"another key")) == ALTERED
    assert refusal(TEXT, CursorCodec(b"")) == ALTERED


def test_another_list_s_is_refused() -> None:
    assert refusal(TEXT, mark=fingerprint("execution", {"status": ["RUNNING"]}, "CREATED_AT", True)) == OTHER_LIST


def test_cut_short_anywhere_it_is_refused() -> None:
    assert {refusal(TEXT[:length]) for length in range(len(TEXT))} <= {
        ALTERED,
        "The cursor is not one of this gateway's: it does not decode.",
    }


def test_altered_anywhere_it_is_refused() -> None:
    for at, letter in enumerate(TEXT):
        assert refusal(TEXT[:at] + ("A" if letter != "A" else "B") + TEXT[at + 1 :]) == ALTERED


@pytest.mark.parametrize(
    "text", ["", "A", "x", "....", "0", "null", TEXT + "A", TEXT + "AAAA", TEXT + "=", TEXT + "\n", " " + TEXT]
)
def test_garbage_is_refused(text: str) -> None:
    assert refusal(text) in (ALTERED, "The cursor is not one of this gateway's: it does not decode.")


def test_text_beyond_ascii_is_refused() -> None:
    assert refusal("é") == "The cursor is not one of this gateway's: it does not decode."


def test_an_endless_text_is_refused_unread() -> None:
    assert refusal("A" * 100_000) == "The cursor is too long to be one of this gateway's."


def test_other_spellings_of_the_same_bytes_are_refused() -> None:
    packed = urlsafe_b64decode(TEXT + "=" * (-len(TEXT) % 4))
    for extra in range(4):
        # One of these lengths leaves bits in the last letter that stand for nothing.
        text = signed(packed[16:-1] + b" " * extra + packed[-1:])
        assert CODEC.decode(text, MARK) == CURSOR
        last = text[-1]
        for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
            if letter != last:
                assert refusal(text[:-1] + letter) == ALTERED


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"not JSON",
        [],
        {},
        [1, MARK],
        [2, MARK, [0, 1, "a", [1]], 1, {}, {}, {}, ""],
        [1, MARK, [0, 1, "a", [1]], 1, {}, {}, {}, "", "more"],
        [1, MARK, [0, "1", "a", [1]], 1, {}, {}, {}, ""],
        [1, MARK, [0, 1, "a", [[1]]], 1, {}, {}, {}, ""],
    ],
)
def test_what_another_version_made_is_refused(payload: Any) -> None:
    assert refusal(signed(payload)) == OLD


def test_a_payload_made_by_hand_would_be_read_were_it_signed() -> None:
    """So the refusals above and the one below are not for another reason."""
    payload = [1, MARK, [0, 1, "a", [1]], 5, {}, {}, {}, ""]
    assert CODEC.decode(signed(payload), MARK) == Cursor((0, 1, "a", (1,)), 5)
    assert refusal(signed(payload, b"a guessed key")) == ALTERED


def test_fingerprints_go_by_content() -> None:
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    different: list[list] = [[], [None], [{}], [[]], [1], ["1"], [True], [1, 2], [[1, 2]], ["a", "b"], ["ab"]]
    assert len({fingerprint(*parts) for parts in different}) == len(different)


def test_digests_tell_rows_apart() -> None:
    keys = [Key("execution", source, (str(n),)) for source in ("a", "b") for n in range(500)]
    digests = {digest(key) for key in keys}
    assert len(digests) == len(keys)
    assert {len(one) for one in digests} == {8}
