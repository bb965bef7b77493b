"""Cursors: a boundary that is right by itself, plus hints that only make resuming cheap (ARCHITECTURE, merging).

A cursor is ``base64url(mac + payload)``: keyed BLAKE2b of 16 bytes over a JSON array. It is bound to a fingerprint of
field, filter and order, holds no URL and no credential, and is refused when it was altered, cut short or made with
another key.
"""

import binascii
import hmac
import zlib
from base64 import b85decode, b85encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import msgspec
import orjson

from gateway.errors import UserError
from gateway.model import Key
from gateway.query import Position

_VERSION = 1
_MAC_BYTES = 16
_MAX_LENGTH = 32_768

Hint = int | str
"""Where a source may be resumed: the offset of a row (int) or the token of a page (str). Never trusted."""


@dataclass(frozen=True, slots=True)
class SourceNote:
    """What the pages so far already know of a source: its worst state and the code of the error that caused it."""

    state: str
    code: str | None = None


class Cursor(msgspec.Struct, frozen=True):
    """A place in a merged list. Everything on the far side of ``boundary`` (exclusive) is still to come.

    ``now`` is the instant, in microseconds, at which relative ranges were resolved on the first page. ``notes``, ``totals``
    and ``hints`` are by source name. ``shown`` holds digests (``digest``) of rows delivered without a sort key, which
    must not be delivered again should they get one meanwhile.
    """

    boundary: Position
    now: int
    notes: Mapping[str, SourceNote] = {}
    totals: Mapping[str, int | None] = {}
    hints: Mapping[str, Hint] = {}
    shown: frozenset[str] = frozenset()


class _Payload(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    version: int
    fingerprint: str
    boundary: tuple[int, int, str, tuple[int | str, ...]]
    now: int
    notes: dict[str, tuple[str, str | None]]
    totals: dict[str, int | None]
    hints: dict[str, int | str]
    shown: str


_DIGEST_LENGTH = 8

_decoder = msgspec.json.Decoder(_Payload)


def fingerprint(*parts: Any) -> str:
    """A short digest of what a cursor belongs to: JSON-compatible values, compared by content."""
    return blake2b(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS), digest_size=9).hexdigest()


def digest(key: Key) -> str:
    """Eight characters that stand for a key: 48 bits, of which a cursor compares a few hundred."""
    packed = blake2b("/".join((key.source, *key.parts)).encode(), digest_size=6).digest()
    return urlsafe_b64encode(packed).decode("ascii")


def packed(numbers: Iterable[int]) -> str:
    """A set of whole numbers as a text, in about three bytes each when they lie close together."""
    out = bytearray()
    last = 0
    for number in sorted(numbers):
        gap, last = number - last, number
        while gap > 127:
            out.append(gap & 127 | 128)
            gap >>= 7
        out.append(gap)
    return b85encode(zlib.compress(bytes(out), 9)).decode("ascii")


def unpacked(text: str) -> frozenset[int]:
    """The inverse of ``packed``. Raises ValueError."""
    try:
        data = zlib.decompress(b85decode(text))
    except zlib.error as error:
        raise ValueError("not packed numbers") from error
    found, last, gap, shift = set(), 0, 0, 0
    for byte in data:
        gap |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            last += gap
            found.add(last)
            gap = shift = 0
    return frozenset(found)


class CursorCodec:
    """Writes and reads cursors with one deployment's key, of any length."""

    def __init__(self, key: bytes) -> None:
        self._key = blake2b(key).digest()

    def encode(self, cursor: Cursor, fingerprint: str) -> str:
        """The opaque text of a cursor that belongs to ``fingerprint``."""
        payload = orjson.dumps(
            (
                _VERSION,
                fingerprint,
                cursor.boundary,
                cursor.now,
                _noted(cursor),
                cursor.totals,
                cursor.hints,
                "".join(sorted(cursor.shown)) if cursor.shown else "",
            )
        )
        payload += _PADDING[(_MAC_BYTES + len(payload)) % 3]
        return _text(self._mac(payload) + payload)

    def encode_alike(self, like: Cursor, fingerprint: str, boundaries: Iterable[Position]) -> list[str]:
        """The texts of cursors that differ from ``like``, which has neither hints nor shown rows, in their boundary alone.

        They are what ``encode`` makes of each. A page shows a hundred: what all begin with is digested once, and they become
        text together.
        """
        whole = orjson.dumps((_VERSION, fingerprint, None, like.now, _noted(like), like.totals, _NOTHING, ""))
        head = orjson.dumps((_VERSION, fingerprint))[:-1] + b","
        tail = whole[len(head) + len(b"null") :]
        tails = [tail + _PADDING[(_MAC_BYTES + len(head) + length + len(tail)) % 3] for length in range(3)]
        begun, dumps = blake2b(head, digest_size=_MAC_BYTES, key=self._key), orjson.dumps
        packed, ends = bytearray(), [0]
        for boundary in boundaries:
            rest = dumps(boundary)
            rest += tails[len(rest) % 3]
            mac = begun.copy()
            mac.update(rest)
            packed += mac.digest() + head + rest
            ends.append(len(packed) // 3 * 4)
        text = _text(packed)
        return [text[begin:end] for begin, end in pairwise(ends)]

    def decode(self, text: str, fingerprint: str) -> Cursor:
        """The cursor of a text. Raises UserError saying whether it is damaged or foreign, or belongs to another list."""
        if len(text) > _MAX_LENGTH:
            raise UserError("The cursor is too long to be one of this gateway's.")
        try:
            packed = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        except UnicodeEncodeError as error:
            raise UserError("The cursor is not one of this gateway's: it does not decode.") from error
        except binascii.Error:
            # No bytes become a text of this length.
            packed = b""
        mac, payload = packed[:_MAC_BYTES], packed[_MAC_BYTES:]
        # Encoding again closes base64's several spellings of the same bytes: one cursor, one text.
        spelled = _text(packed)
        if spelled != text or not hmac.compare_digest(mac, self._mac(payload)):
            raise UserError("The cursor was altered or cut short, or another deployment made it.")
        try:
            read = _decoder.decode(payload)
        except msgspec.DecodeError as error:
            raise UserError("The cursor was made by another version of this gateway.") from error
        if read.version != _VERSION:
            raise UserError("The cursor was made by another version of this gateway.")
        if read.fingerprint != fingerprint:
            raise UserError("The cursor belongs to another list: filter and order must stay as they were on its first page.")
        return Cursor(
            boundary=read.boundary,
            now=read.now,
            notes={source: SourceNote(state, code) for source, (state, code) in read.notes.items()},
            totals=read.totals,
            hints=read.hints,
            shown=frozenset(read.shown[i : i + _DIGEST_LENGTH] for i in range(0, len(read.shown), _DIGEST_LENGTH)),
        )

    def _mac(self, payload: bytes) -> bytes:
        # BLAKE2's own keyed mode (RFC 7693): a page writes one for every edge, and it costs a third of an HMAC.
        return blake2b(payload, digest_size=_MAC_BYTES, key=self._key).digest()


def _noted(cursor: Cursor) -> Mapping[str, tuple[str, str | None]]:
    return {source: (note.state, note.code) for source, note in cursor.notes.items()} if cursor.notes else _NOTHING


_NOTHING: Mapping[str, Any] = {}
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
# Behind its JSON a payload is as long as base64 likes it, so that texts of many cursors can be cut out of one.
_PADDING = (b"", b"  ", b" ")


def _text(data: bytes | bytearray) -> str:
    """base64url without padding."""
    return binascii.b2a_base64(data, newline=False).translate(_URL_SAFE, b"=").decode("ascii")
