"""A mock of AWX v2 and Scale v3 that is not the bottleneck: prebuilt bytes behind a bare asyncio protocol.

Run: ``python -m tests.bench.mock_upstream PORT``. Every path is ``/<any name>/api/<version>/<list>/``, so that one mock is
as many sources as wanted. Filters are taken on trust: all rows of a list match whatever the benchmarks ask (``records``);
places, page sizes and ids are heeded. ``/__counts`` tells how many requests each list has had, as a JSON object.
"""

import asyncio
import sys
from bisect import bisect_left, bisect_right
from collections import Counter
from typing import Any
from urllib.parse import unquote

import orjson
import uvloop

from tests.bench import records

_AWX_PAGE = 25
_AWX_LARGEST = 200
_SCALE_LARGEST = 1000


class Upstream:
    """The answers to all questions, and how many were asked of each list."""

    def __init__(self) -> None:
        rows = records.awx_rows()
        self._awx = [row for _, row in rows]
        # Ascending, as bisect wants it, while the rows are newest first.
        self._created = [created for created, _ in reversed(rows)]
        self._scale = records.scale_rows()
        self._pages: dict[tuple[str, int, int, bool], bytes] = {}
        self.counts: Counter[str] = Counter()

    def answer(self, target: str) -> bytes:
        """The whole response to a GET of ``target``."""
        path, _, query = target.partition("?")
        if path == "/__counts":
            return _response(orjson.dumps(dict(self.counts)))
        kind = path.split("/", 5)[4]
        self.counts[kind] += 1
        asked = dict(part.partition("=")[::2] for part in query.split("&"))
        match kind:
            case "jobs":
                return self._jobs(asked)
            case "job_templates":
                return _listed([records.job_template(int(each)) for each in _among(asked["id__in"])])
            case "instances":
                return _listed([records.instance(each) for each in _among(asked["hostname__in"])])
            case "job-executions":
                return self._job_executions(asked)
            case "ping":
                return _response(records.answer("awx", "ping"))
            case "me":
                return _response(records.answer("awx", "me_token"))
            case _:
                return _response(b'{"detail":"Not found."}', b"404 Not Found")

    def _jobs(self, asked: dict[str, str]) -> bytes:
        if "id__in" in asked:
            return _listed([records.single_job(int(each)) for each in _among(asked["id__in"])])
        size = min(int(asked.get("page_size", _AWX_PAGE)), _AWX_LARGEST)
        begin = (int(asked.get("page", 1)) - 1) * size
        if "created__lte" in asked:
            begin += len(self._created) - bisect_right(self._created, unquote(asked["created__lte"]))
        elif "created__lt" in asked:
            begin += len(self._created) - bisect_left(self._created, unquote(asked["created__lt"]))
        return self._page("jobs", self._awx, begin, size, counted="count_disabled" not in asked)

    def _job_executions(self, asked: dict[str, str]) -> bytes:
        size = min(int(asked.get("page_size", _SCALE_LARGEST)), _SCALE_LARGEST)
        return self._page("job-executions", self._scale, (int(asked.get("page", 1)) - 1) * size, size, counted=True)

    def _page(self, kind: str, rows: list[bytes], begin: int, size: int, *, counted: bool) -> bytes:
        """A page of a list, made once: questions differ in what they filter by, answers do not."""
        key = (kind, begin, size, counted)
        if (made := self._pages.get(key)) is None:
            results = b'"results":[' + b",".join(rows[begin : begin + size]) + b"]"
            link = b'"http://upstream.invalid/?page=2"' if begin + size < len(rows) else b"null"
            envelope = b'"count":%d,"next":%b,"previous":null,' % (len(rows), link) if counted else b""
            made = self._pages[key] = _response(b"{" + envelope + results + b"}")
        return made


def _among(value: str) -> list[str]:
    return unquote(value).split(",")


def _listed(rows: list[bytes]) -> bytes:
    return _response(b'{"count":%d,"next":null,"previous":null,"results":[%b]}' % (len(rows), b",".join(rows)))


def _response(body: bytes, status: bytes = b"200 OK") -> bytes:
    head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
    return head + body


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, for requests without a body."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._held = b""
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *requests, self._held = (self._held + data).split(b"\r\n\r\n")
        for request in requests:
            target = request.split(b" ", 2)[1].decode("ascii")
            self._transport.write(self._upstream.answer(target))


async def serve(port: int) -> None:
    """Answer for ever."""
    upstream = Upstream()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(upstream), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
