"""Global ids: opaque to clients, bijective with keys (design: DOMAIN C9).

``base64url("1" + kind + "/" + source + "/" + part ("/" part)*)`` without padding; the kind is one letter and every part is
percent-encoded. The 1 is the version of the format. An id names the configured source, never its host.
"""

import re
from base64 import urlsafe_b64decode
from binascii import b2a_base64
from functools import lru_cache
from urllib.parse import quote, unquote

from gateway.errors import UserError
from gateway.model import Key, Kind

_LETTERS: dict[Kind, str] = {"job": "j", "execution": "e", "node": "n"}
_KINDS: dict[str, Kind] = {letter: kind for kind, letter in _LETTERS.items()}
_SOURCE = "s"
_ALPHABET = re.compile(r"[A-Za-z0-9_-]+\Z")
_MAX_LENGTH = 16_384


def encode(key: Key) -> str:
    """The global id of a job, execution or node."""
    parts = key.parts
    if len(parts) == 1 and (part := parts[0]).isalnum() and part.isascii():
        # Nearly every id of a page's hundreds: nothing of it needs quoting, and no three bytes of it make "+" or "/".
        return b2a_base64(_prefix(key.kind, key.source) + part.encode()).rstrip(b"=\n").decode("ascii")
    return _pack(_LETTERS[key.kind], (key.source, *parts))


@lru_cache(maxsize=1024)
def _prefix(kind: Kind, source: str) -> bytes:
    return f"1{_LETTERS[kind]}/{quote(source, safe='')}/".encode("ascii")


@lru_cache(maxsize=1024)
def encode_source(name: str) -> str:
    """The global id of a source."""
    return _pack(_SOURCE, (name,))


def decode(text: str) -> Key | str:
    """The key of an id, or the name when the id is a source's. Raises UserError when it is none that this module made."""
    if len(text) > _MAX_LENGTH or not _ALPHABET.match(text):
        raise UserError("This is not an id of this gateway.")
    try:
        packed = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except ValueError as error:
        raise UserError("This is not an id of this gateway.") from error
    head, *parts = packed.split("/")
    decoded = tuple(unquote(part, errors="strict") for part in parts) if _decodable(parts) else ()
    value: Key | str | None = None
    if head == "1" + _SOURCE and len(decoded) == 1:
        value = decoded[0]
    elif len(head) == 2 and head[0] == "1" and head[1] in _KINDS and len(decoded) > 1:
        value = Key(_KINDS[head[1]], decoded[0], decoded[1:])
    # Bijective: the one spelling that encode would give is the only one accepted.
    if value is None or (encode_source(value) if isinstance(value, str) else encode(value)) != text:
        raise UserError("This is not an id of this gateway.")
    return value


def _decodable(parts: list[str]) -> bool:
    try:
        return all(unquote(part, errors="strict") for part in parts)
    except UnicodeDecodeError:
        return False


@lru_cache(maxsize=4096)
def _pack(letter: str, parts: tuple[str, ...]) -> str:
    packed = "/".join(["1" + letter, *(quote(part, safe="") for part in parts)]).encode("ascii")
    return b2a_base64(packed, newline=False).rstrip(b"=").translate(_URL_SAFE).decode("ascii")


_URL_SAFE = bytes.maketrans(b"+/", b"-_")
