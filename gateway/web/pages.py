"""The pages and their files as routes, each path by itself: there is no directory to walk out of.

They hold no data, so they are open to who has no API key yet; everything they show they ask of ``/graphql``. GraphiQL lies
here compressed, because it is large (7 MB).
"""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.api.schema import public_sdl
from gateway.config import ServerSettings
from gateway.web.documents import documents

_PAGES = {"/": "start/index.html", "/board": "board/index.html", "/graphiql": "graphiql/index.html"}
_SCHEMA = "/schema.graphql"
_MADE: dict[str, tuple[Callable[[], str], str]] = {
    _SCHEMA: (public_sdl, "text/plain; charset=utf-8"),
    "/static/documents.json": (
        lambda: json.dumps({document.name: {"id": document.id, "text": document.text} for document in documents()}),
        "application/json",
    ),
}
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_COMPRESSED = ".gz"

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'{styles}; font-src 'self' data:; img-src 'self' data:; "
    "worker-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
STRICT_POLICY = _POLICY.format(styles="")
"""Content-Security-Policy of everything but GraphiQL."""
GRAPHIQL_POLICY = _POLICY.format(styles=" 'unsafe-inline'")
"""GraphiQL's editor writes style elements of its own."""


@dataclass(frozen=True, slots=True)
class _Asset:
    """A file as it is served: its gzip, from which the plain content is had for those who want it."""

    packed: bytes
    media_type: str
    policy: str

    def answer(self, request: Request) -> Response:
        """The file, or 304 to who has it already."""
        takes_gzip = _takes_gzip(request.headers.get("accept-encoding", ""))
        tag = f'"{sha256(self.packed).hexdigest()[:32]}{"-gzip" if takes_gzip else ""}"'
        headers = {
            "Cache-Control": "no-cache",
            "Content-Security-Policy": self.policy,
            "ETag": tag,
            "Referrer-Policy": "no-referrer",
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        if tag in [known.strip().removeprefix("W/") for known in request.headers.get("if-none-match", "").split(",")]:
            return Response(status_code=304, headers=headers)
        if takes_gzip:
            return Response(self.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=self.media_type)
        return Response(gzip.decompress(self.packed), headers=headers, media_type=self.media_type)


def _takes_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header allows gzip (RFC 9110, section 12.5.3)."""
    allowed = {}
    for part in accept_encoding.split(","):
        coding, _, parameter = part.replace(" ", "").lower().partition(";")
        allowed[coding] = parameter.rstrip("0.") != "q="
    return allowed.get("gzip", allowed.get("*", False))


def _files() -> dict[str, Traversable]:
    """Files by URL path; documents are served together, as ``/static/documents.json``."""
    root = resources.files(__package__) / "static"
    found = {path: root.joinpath(name) for path, name in _PAGES.items()}
    folders = [("/static", root)]
    while folders:
        path, folder = folders.pop()
        for entry in folder.iterdir():
            where = f"{path}/{entry.name}"
            if entry.is_dir():
                folders.append((where, entry))
            elif not entry.name.endswith((".graphql", ".html")):
                found[where.removesuffix(_COMPRESSED)] = entry
    return found


_FILES = _files()
PATHS = frozenset(_FILES) | frozenset(_MADE)
"""Every path served here. None needs an API key."""


@cache
def _asset(path: str) -> _Asset:
    if path in _MADE:
        make, media_type = _MADE[path]
        return _Asset(_pack(make().encode()), media_type, STRICT_POLICY)
    file = _FILES[path]
    content = file.read_bytes()
    media_type = _MEDIA_TYPES[PurePosixPath(file.name.removesuffix(_COMPRESSED)).suffix]
    policy = GRAPHIQL_POLICY if path == "/graphiql" else STRICT_POLICY
    return _Asset(content if file.name.endswith(_COMPRESSED) else _pack(content), media_type, policy)


def _pack(content: bytes) -> bytes:
    # Without the time, so that the same content has the same ETag in every process.
    return gzip.compress(content, mtime=0)


async def _serve(path: str, request: Request) -> Response:
    return _asset(path).answer(request)


def routes(server: ServerSettings) -> list[Route]:
    """A route for each of ``PATHS``, as far as the settings allow. Files are read when they are first asked for."""
    paths = PATHS if server.introspection else PATHS - {_SCHEMA}
    return [Route(path, partial(_serve, path)) for path in sorted(paths)] if server.pages else []
