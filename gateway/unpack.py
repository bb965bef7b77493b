"""Reading the body of an answer whole: unpacked, and never more of it than is allowed."""

import zlib

import httpx

_GZIP, _ZLIB, _RAW = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS


class TooLargeError(Exception):
    """The body is larger than allowed."""


class _Layer:
    """One compression of ``Content-Encoding`` (RFC 9110 section 8.4.1), undone piece by piece."""

    def __init__(self, name: str) -> None:
        self._deflate = name == "deflate"
        self._inflater = zlib.decompressobj(_ZLIB if self._deflate else _GZIP)
        self._started = False

    def unpack(self, piece: bytes, most: int) -> bytes:
        """The next piece unpacked, cut off after ``most`` bytes. Raises httpx.DecodingError."""
        if not piece:
            return piece
        first, self._started = not self._started, True
        try:
            try:
                return self._inflater.decompress(piece, most)
            except zlib.error:
                if not (self._deflate and first):
                    raise
                # Some servers leave out the frame that "deflate" should have around it (RFC 9110 section 8.4.1.2).
                self._inflater = zlib.decompressobj(_RAW)
                return self._inflater.decompress(piece, most)
        except zlib.error as error:
            raise httpx.DecodingError(str(error)) from None

    @property
    def cut_short(self) -> bool:
        """Whether its end is missing."""
        return self._started and not self._inflater.eof


async def read_body(response: httpx.Response, most: int) -> bytes:
    """The body of ``response``, of ``most`` bytes at most; compression that was not asked for stays as it is.

    No more than that is ever unpacked, however small the packed body is. Closes the response. Raises TooLargeError,
    httpx.DecodingError when the body is not compressed as it says, and what its transport raises.
    """
    stream = response.stream
    if not isinstance(stream, httpx.AsyncByteStream):
        raise TypeError("the transport answered with a body that cannot be read asynchronously")
    coded = response.headers.get("content-encoding")
    # What was applied last is undone first.
    layers = [] if coded is None else [_Layer(name) for name in _codings(coded)]
    pieces: list[bytes] = []
    left = most
    try:
        async for piece in stream:
            for layer in layers:
                # One byte more than is left tells that there is more. Between two layers as well: what was cut off there
                # would be missing further on.
                piece = layer.unpack(piece, left + 1)
                if len(piece) > left:
                    raise TooLargeError
            left -= len(piece)
            if left < 0:
                raise TooLargeError
            pieces.append(piece)
    finally:
        await stream.aclose()
    if any(layer.cut_short for layer in layers):
        raise httpx.DecodingError("it ends too early")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _codings(header: str) -> list[str]:
    names = [name.strip().lower() for name in header.split(",")]
    return [name for name in reversed(names) if name in ("gzip", "x-gzip", "deflate")]
