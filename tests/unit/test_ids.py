"""Global ids: the format is public, and nothing but what it produces is read."""

from base64 import urlsafe_b64encode

import pytest

from gateway import ids
from gateway.errors import UserError
from gateway.model import Key


def packed(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("key", "inside"),
    [
        (Key("execution", "awx-prod", ("4711",)), "1e/awx-prod/4711"),
        (Key("job", "awx-prod", ("7",)), "1j/awx-prod/7"),
        (Key("node", "awx", ("host", "12")), "1n/awx/host/12"),
        (Key("execution", "iot", ("job a/b", "thing%é", "3")), "1e/iot/job%20a%2Fb/thing%25%C3%A9/3"),
    ],
)
def test_format(key: Key, inside: str) -> None:
    assert ids.encode(key) == packed(inside)
    assert ids.decode(packed(inside)) == key


def test_an_id_once_given_stays_valid() -> None:
    """Clients store ids: the text itself must never change."""
    assert ids.encode(Key("execution", "alpha", ("1",))) == "MWUvYWxwaGEvMQ"
    assert ids.encode_source("alpha") == "MXMvYWxwaGE"


def test_the_id_of_a_source() -> None:
    assert ids.encode_source("awx-prod") == packed("1s/awx-prod")
    assert ids.decode(packed("1s/awx-prod")) == "awx-prod"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!",
        "zz",
        "4711",
        "é",
        packed("1e/alpha/1") + "=",
        packed("1e/alpha/1") + "==",
        packed("1e/alpha/1") + "\n",
        " " + packed("1e/alpha/1"),
        packed("1e/alpha/1")[:-1],
        # Two bits of the last letter stand for nothing: only one of the four spellings is the id.
        packed("1e/alpha/1")[:-1] + "R",
        # base64's other alphabet.
        "MWUvYS8lRj8/+/",
        # Not this version, not a kind, not so many parts.
        packed("2e/alpha/1"),
        packed("1x/alpha/1"),
        packed("e/alpha/1"),
        packed("1ee/alpha/1"),
        packed("1E/alpha/1"),
        packed("1e/alpha"),
        packed("1e"),
        packed("1s"),
        packed("1s/alpha/1"),
        packed("1e//1"),
        packed("1e/alpha/"),
        packed("1e/alpha//1"),
        # Other spellings of a part than encode's.
        packed("1e/alpha/%41"),
        packed("1e/alpha/a%2fb"),
        packed("1e/alpha/a b"),
        packed("1e/alpha/%"),
        packed("1e/alpha/%FF"),
        packed("1e/alpha/é"),
        packed(b"\xff\xfe\xfd"),
        "A" * 16_385,
        packed("1e/alpha/" + "1" * 16_000),
    ],
)
def test_what_is_no_id(text: str) -> None:
    with pytest.raises(UserError, match="not an id of this gateway"):
        ids.decode(text)
