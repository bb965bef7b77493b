"""Reading bodies: codings in any cut, and no more than is allowed."""

import gzip
import zlib
from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.unpack import TooLargeError, read_body

BODY = b"seven rows of jobs\n" * 500


class Pieces(httpx.AsyncByteStream):
    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece

    async def aclose(self) -> None:
        self.closed = True


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


async def read(coding: str, *pieces: bytes, most: int = 100_000) -> bytes:
    stream = Pieces(*pieces)
    try:
        return await read_body(httpx.Response(200, headers={"content-encoding": coding}, stream=stream), most)
    finally:
        assert stream.closed


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("coding", ["gzip", "deflate", "GZip , deflate"])
async def test_in_any_cut(coding: str, size: int) -> None:
    packed = {"gzip": gzip.compress(BODY), "deflate": zlib.compress(BODY)}.get(coding) or zlib.compress(gzip.compress(BODY))
    pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert await read(coding, b"", *pieces, b"") == BODY


async def test_deflate_without_its_frame() -> None:
    packed = raw_deflate(BODY)
    assert await read("deflate", packed[:20], packed[20:]) == BODY


async def test_exactly_as_much_as_is_allowed() -> None:
    most = len(BODY)
    assert await read("", BODY[:100], BODY[100:], most=most) == BODY
    assert await read("gzip", gzip.compress(BODY), most=most) == BODY
    for coding, piece in (("", BODY + b"x"), ("gzip", gzip.compress(BODY + b"x"))):
        with pytest.raises(TooLargeError):
            await read(coding, piece, most=most)


async def test_too_much_between_two_layers_is_too_much() -> None:
    # The middle is larger than the whole: nothing of it may get lost unseen.
    inner = b"".join(gzip.compress(BODY[:10]) for _ in range(10))
    with pytest.raises(TooLargeError):
        await read("gzip, gzip", gzip.compress(inner), most=100)


@pytest.mark.parametrize("packed", [b"plain", gzip.compress(BODY)[:-1], zlib.compress(BODY)])
async def test_what_is_not_gzip(packed: bytes) -> None:
    with pytest.raises(httpx.DecodingError):
        await read("gzip", packed)


async def test_what_is_neither_deflate_nor_part_of_it() -> None:
    for pieces in ([b"\xff\xff\xff"], [zlib.compress(BODY)[:30], b"\xff" * 30]):
        with pytest.raises(httpx.DecodingError):
            await read("deflate", *pieces)


async def test_a_body_for_threads_is_a_mistake() -> None:
    class Blocking(httpx.SyncByteStream):
        pass

    with pytest.raises(TypeError):
        await read_body(httpx.Response(200, stream=Blocking()), 10)
