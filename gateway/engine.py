"""What carries requests to a source: an httpx transport over connections of our own, or httpx's own for ``http: standard``.

httpx's transport interface is the seam, so that tests put anything in its place. Both engines keep connections alive per
source, never follow redirects, keep no cookies and raise httpx's exceptions; neither knows time-outs: whoever waits cancels,
and a request that is cancelled takes its connection with it. Figures and reasons: docs/decisions/0011-upstream-engine.md.
"""

import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from urllib.request import getproxies, proxy_bypass

import httpx

from gateway.config import SourceSettings
from gateway.connections import KEEP_ALIVE_SECONDS, Connection, Connections, Place, Reply
from gateway.errors import ConfigError
from gateway.outgoing import Outgoing, header_block

_PORTS = {"http": 80, "https": 443}
# What changes nothing upstream may be sent again on another connection.
_REPEATABLE = frozenset({"GET", "OPTIONS"})


class FastTransport(httpx.AsyncBaseTransport):
    """Requests over plain HTTP/1.1 connections; how many at once is up to the caller.

    Bodies come as they were sent: compressed or not. A request that changes nothing (GET, OPTIONS) and meets a connection
    that the other side has just closed is sent once more on another. Raises httpx.TransportError.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._connections = Connections(tls)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send ``request`` and read the answer's head, and its body as far as that has come."""
        if isinstance(request, Outgoing):
            place, content = request.place, request.message()
        else:
            place = _place(request.url)
            line = b"%b %b HTTP/1.1\r\n" % (request.method.encode("ascii"), request.url.raw_path)
            content = line + header_block(request.headers) + await request.aread()
        connection = self._connections.kept(place)
        if connection is not None:
            try:
                reply = await connection.exchange(content)
            except httpx.TransportError:
                if request.method not in _REPEATABLE:
                    raise
                connection = None
        if connection is None:
            connection = await self._connections.open(place)
            reply = await connection.exchange(content)
        return Arrived(connection, reply)

    async def aclose(self) -> None:
        """Close every connection, for good."""
        await self._connections.aclose()


class Arrived(httpx.Response):
    """An answer whose parts are made when somebody looks.

    ``fields`` are its headers; ``whole`` is all of its body as it is, if it came so and all of it is there.
    """

    def __init__(self, connection: Connection, reply: Reply) -> None:
        # httpx.Response's own would look through headers that nobody reads.
        self.status_code = reply.status
        self.extensions = {}
        self.history = []
        self.is_closed = False
        self.is_stream_consumed = False
        self._connection = connection
        self._reply = reply
        self._request = None
        self._num_bytes_downloaded = 0

    @property
    def stream(self) -> "_Body":  # type: ignore[override] # an attribute in httpx
        """Its body as it comes; all that ask get pieces of the one."""
        return _Body(self._connection, self._reply)

    @property
    def fields(self) -> "Fields":
        """Its headers, for few looks."""
        return Fields(self._reply.headers)

    @property
    def headers(self) -> httpx.Headers:  # type: ignore[override] # an attribute in httpx
        """Its headers."""
        # RFC 9110 section 5.5 calls all but ASCII opaque; this keeps every byte.
        return httpx.Headers(self._reply.headers, encoding="iso-8859-1")

    @property
    def whole(self) -> bytes | bytearray | None:
        """Its body, if it is not compressed and all of it is there."""
        reply = self._reply
        if reply.coded or not reply.complete or reply.error is not None:
            return None
        return reply.pieces[0] if len(reply.pieces) == 1 else b"".join(reply.pieces)


class Fields(Mapping[str, str]):
    """Headers by name, in any case; those that came more than once are joined (RFC 9110 section 5.3).

    ``raw`` are names in lower case with their values. One or two are ever looked at: no table of them is made.
    """

    __slots__ = ("_raw",)

    def __init__(self, raw: Sequence[tuple[bytes, bytes]]) -> None:
        self._raw = raw

    def __getitem__(self, name: str) -> str:
        wanted, found = name.lower().encode(), None
        for key, value in self._raw:
            if key == wanted:
                found = value if found is None else found + b", " + value
        if found is None:
            raise KeyError(name)
        return found.decode("iso-8859-1")

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(key.decode("iso-8859-1") for key, _ in self._raw))

    def __len__(self) -> int:
        return len({key for key, _ in self._raw})


class _Body(httpx.AsyncByteStream):
    """The body of an answer, in pieces as they are there."""

    def __init__(self, connection: Connection, reply: Reply) -> None:
        self._connection = connection
        self._reply = reply

    async def __aiter__(self) -> AsyncIterator[bytes]:
        reply = self._reply
        while True:
            if reply.pieces:
                pieces, reply.pieces, reply.length = reply.pieces, [], 0
                yield b"".join(pieces)
            elif reply.error is not None:
                raise reply.error
            elif reply.complete:
                return
            else:
                await self._connection.wait(reply)

    async def aclose(self) -> None:
        # When the answer is complete the connection has gone back already; before that, it cannot be used again.
        if not self._reply.complete:
            self._connection.abort()


def _place(url: httpx.URL) -> Place:
    """Where an address leads. Raises httpx.UnsupportedProtocol."""
    scheme, host = url.scheme, url.raw_host.decode("ascii")
    if scheme not in _PORTS or not host:
        raise httpx.UnsupportedProtocol("it is neither http nor https")
    return Place(host, url.port or _PORTS[scheme], scheme == "https")


class ProxiedTransport(httpx.AsyncBaseTransport):
    """httpx's own transport, through the proxies that the environment names for each address.

    HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in either case, as ``urllib.request`` reads them. Raises ConfigError
    when a proxy's address cannot be used.
    """

    def __init__(self, settings: SourceSettings, tls: ssl.SSLContext) -> None:
        self._settings = settings
        self._tls = tls
        self._direct = self._transport(None)
        proxies = getproxies()
        self._through = {
            scheme: self._transport(proxies[scheme]) for scheme in ("http", "https", "all") if proxies.get(scheme)
        }
        self._ways: dict[tuple[str, bytes], httpx.AsyncBaseTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send ``request`` the way its address asks for."""
        url = request.url
        place = url.scheme, url.netloc
        if place not in self._ways:
            self._ways[place] = self._way(url)
        return await self._ways[place].handle_async_request(request)

    async def aclose(self) -> None:
        """Close every connection."""
        for transport in (self._direct, *self._through.values()):
            await transport.aclose()

    def _way(self, url: httpx.URL) -> httpx.AsyncBaseTransport:
        # NO_PROXY may name a port, which only the one has, or an IPv6 address, which has no brackets in the other.
        if any(proxy_bypass(name) for name in (url.netloc.decode("ascii"), url.host)):
            return self._direct
        return self._through.get(url.scheme) or self._through.get("all") or self._direct

    def _transport(self, proxy: str | None) -> httpx.AsyncHTTPTransport:
        most = self._settings.max_concurrency
        limits = httpx.Limits(max_connections=most, max_keepalive_connections=most, keepalive_expiry=KEEP_ALIVE_SECONDS)
        try:
            return httpx.AsyncHTTPTransport(
                verify=self._tls, limits=limits, trust_env=False, proxy=None if proxy is None else _proxy(proxy)
            )
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            # Not its words: the address may hold a password.
            raise ConfigError(
                f"source {self._settings.name}: http: standard: the environment names a proxy that cannot be used "
                f"({type(error).__name__})"
            ) from None


def _proxy(address: str) -> httpx.Proxy:
    return httpx.Proxy(address if "://" in address else f"http://{address}")


def tls_context(settings: SourceSettings) -> ssl.SSLContext:
    """By what a source's certificate is judged, as ``verify_tls`` says. Raises ConfigError.

    With ``http: standard``, SSL_CERT_FILE and SSL_CERT_DIR of the environment take the place of the public authorities.
    """
    if isinstance(settings.verify_tls, bool):
        try:
            return httpx.create_ssl_context(settings.verify_tls, trust_env=settings.http == "standard")
        except OSError as error:
            raise ConfigError(
                f"source {settings.name}: SSL_CERT_FILE or SSL_CERT_DIR: the certificates cannot be read: {error.strerror}"
            ) from error
    try:
        return ssl.create_default_context(cafile=settings.verify_tls)
    except OSError as error:
        raise ConfigError(
            f"source {settings.name}: verify_tls: the certificates cannot be read: {error.strerror}"
        ) from error


def http_transport(settings: SourceSettings) -> httpx.AsyncBaseTransport:
    """A pool of keep-alive connections for one source, so that a slow one cannot starve another. Raises ConfigError."""
    tls = tls_context(settings)
    return ProxiedTransport(settings, tls) if settings.http == "standard" else FastTransport(tls)
