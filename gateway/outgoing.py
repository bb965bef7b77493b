"""What is sent to a source: complete requests, made of what never changes and what each asks for."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import httpx

from gateway.auth import Answer, Auth, ConstantAuth
from gateway.connections import Place
from gateway.errors import SourceErrorCode

Params = Sequence[tuple[str, str]]

USER_AGENT = "execution-gateway"

Judge = Callable[[Answer], SourceErrorCode | None]
"""Names the fault in an answer that is not a success, where the kind of source has words of its own for it; None leaves it
to the status."""

_PORTS = {"http": 80, "https": 443}
# What httpx's parser would leave as it is, so that it need not be asked.
_PLAIN_TARGET = re.compile(r"/[A-Za-z0-9/_.~%=&:,?-]*\Z", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9_.~:,-]*\Z", re.ASCII)
_TO_QUOTE = re.compile(rb"[^A-Za-z0-9_.~:,-]")
# A query in which nothing is left to be quoted, if it has as many "=" and "&" as parameters make.
_PLAIN_QUERY = re.compile(r"[A-Za-z0-9_.~:,=&-]*\Z", re.ASCII)


def _query(params: Params) -> str:
    """Parameters as a query."""
    query = "&".join([f"{name}={value}" for name, value in params])
    count = len(params)
    if query.count("=") == count and query.count("&") == count - 1 and _PLAIN_QUERY.match(query):
        return query
    return "&".join([f"{_quoted(name)}={_quoted(value)}" for name, value in params])


def _quoted(text: str) -> str:
    """A name or a value of a query. "+" must not stay bare: servers read it as a space (contracts/awx.md section 4)."""
    # urllib's quote does the same, but looks at every byte by itself.
    return text if _PLAIN.match(text) else _TO_QUOTE.sub(_percent, text.encode()).decode("ascii")


def _percent(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % ord(found[0])


class Prepared(NamedTuple):
    """Headers that many requests share; not to be changed."""

    headers: httpx.Headers
    block: bytes


class Outgoing(httpx.Request):
    """A request whose parts are made when somebody looks: parsing an address costs more than sending a request.

    ``place`` and ``target`` say where it goes without an address; ``message`` is what is sent.
    """

    def __init__(self, method: str, service: "Service", target: str, prepared: Prepared, content: bytes) -> None:
        # httpx.Request's own would parse and copy.
        self.method = method
        self.place = service.place
        self.target = target
        self.extensions = {}
        self._content = content
        self._origin = service.origin
        self._prepared = prepared
        self._changed: httpx.Headers | None = None
        self._url: httpx.URL | None = None

    @property
    def stream(self) -> httpx.ByteStream:  # type: ignore[override] # an attribute in httpx
        """Its content, for other transports than the gateway's own."""
        return httpx.ByteStream(self._content)

    @property
    def url(self) -> httpx.URL:
        """Its address."""
        if self._url is None:
            self._url = httpx.URL(self._origin + self.target)
        return self._url

    @url.setter
    def url(self, url: httpx.URL) -> None:
        # Signers settle how the query is written; where it goes stays.
        self._url = url
        self.target = url.raw_path.decode("ascii")

    @property
    def headers(self) -> httpx.Headers:  # type: ignore[override] # an attribute in httpx
        """Its headers, which may be changed."""
        if self._changed is None:
            self._changed = self._prepared.headers.copy()
        return self._changed

    def message(self) -> bytes:
        """All of it, as it is sent. Raises httpx.LocalProtocolError."""
        block = self._prepared.block if self._changed is None else header_block(self._changed)
        return f"{self.method} {self.target} HTTP/1.1\r\n".encode("ascii") + block + self._content


def header_block(headers: httpx.Headers) -> bytes:
    """Headers as they are sent, with the empty line behind them. Raises httpx.LocalProtocolError."""
    lines = [b"%b: %b\r\n" % header for header in headers.raw]
    block = b"".join(lines)
    # A header that would break out of its line.
    if block.count(b"\n") != len(lines) or block.count(b"\r") != len(lines) or b"\0" in block:
        raise httpx.LocalProtocolError("a header has a line break in it")
    return block + b"\r\n"


class Service:
    """Where requests go, with whose credentials, and how faults are told and which are transient."""

    def __init__(self, base_url: str, auth: Auth, judge: Judge, retried: frozenset[int], headers: Mapping[str, str]) -> None:
        base = httpx.URL(base_url)
        host = base.netloc.decode("ascii")
        self.origin = f"{base.scheme}://{host}"
        self.base = self.origin + base.raw_path.decode("ascii")
        self.place = Place(base.raw_host.decode("ascii"), base.port or _PORTS.get(base.scheme, 0), base.scheme == "https")
        self.auth = auth
        self.judge = judge
        self.retried = retried
        self._path = base.raw_path.decode("ascii")
        self._common = {"Host": host, "Accept-Encoding": "gzip, deflate", "User-Agent": USER_AGENT}
        self._configured = headers
        self._prepared: dict[str, Prepared] = {}
        self.signs = True
        """Whether each request has to be signed by itself."""
        if isinstance(auth, ConstantAuth):
            # The same for all, and stronger than what is configured.
            self.signs = False
            self._configured = {**headers, **({"Authorization": auth.value} if auth.value else {})}

    def request(
        self, method: str, path: str, params: Params, accept: str, headers: Mapping[str, str] | None, content: bytes | None
    ) -> Outgoing:
        """A request for the transport, complete but for credentials. Raises httpx.InvalidURL or LocalProtocolError."""
        target = self._path + path
        if params:
            target += "?" + _query(params)
        if not _PLAIN_TARGET.match(target):
            target = self._parsed(target)
        request = Outgoing(method, self, target, self.prepared(accept), content or b"")
        if headers:
            request.headers.update(headers)
        if content is not None:
            request.headers["Content-Length"] = str(len(content))
        return request

    def prepared(self, accept: str) -> Prepared:
        """What every request says that accepts ``accept``."""
        if (found := self._prepared.get(accept)) is None:
            headers = httpx.Headers({**self._common, "Accept": accept})
            headers.update(self._configured)
            found = self._prepared[accept] = Prepared(headers, header_block(headers))
        return found

    def _parsed(self, target: str) -> str:
        """A path and query as httpx quotes them. Raises httpx.InvalidURL."""
        if "#" in target:
            # The rest would be left out, and something else read than was meant.
            raise httpx.InvalidURL("it has a fragment")
        return httpx.URL(self.origin + target).raw_path.decode("ascii")
