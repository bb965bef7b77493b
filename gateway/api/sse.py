"""GraphQL over server-sent events: graphql-sse's distinct connections mode, one operation a request.

Lines end in LF alone, because some gateways read nothing of a stream with CRLF. A stream is given only to who asks for it
first: clients list ``text/event-stream`` behind JSON in the Accept header of
ordinary queries, too.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway.api.http import BadRequest, Endpoint, refusal, written
from gateway.api.streams import Refused, Streams
from gateway.execution.documents import Document

MEDIA_TYPE = "text/event-stream"
_KEEP_ALIVE_SECONDS = 12.0


def wants_stream(accept: str | None) -> bool:
    """Whether the first media type of an Accept header is that of event streams."""
    return accept is not None and accept.split(",")[0].split(";")[0].strip().lower() == MEDIA_TYPE


class EventStreams:
    """Answers requests for event streams."""

    def __init__(self, streams: Streams, endpoint: Endpoint) -> None:
        self._streams = streams
        self._endpoint = endpoint

    async def __call__(self, request: Request) -> Response:
        """The answers of an operation, each as an event ``next``, then an event ``complete``."""
        try:
            asked = await self._endpoint.read(request)
        except BadRequest as error:
            return refusal(error, request)
        try:
            document = self._streams.prepare(asked)
        except Refused as refused:
            return Response(written({"errors": refused.errors}), 400, media_type="application/json; charset=utf-8")
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        events = _events(self._streams, asked, document)
        return _Response(events, media_type=f"{MEDIA_TYPE}; charset=utf-8", headers=headers)


class _Response(StreamingResponse):
    """A stream that ends when the server does: it is canceled then, which is no error."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:
            with suppress(OSError, RuntimeError):
                await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _events(streams: Streams, asked: Mapping[str, Any], document: Document) -> AsyncIterator[bytes]:
    answers = streams.answers(asked, document)
    # A comment first: the client learns that it is connected before there is anything to say.
    yield b":\n\n"
    coming: asyncio.Task[Any] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(answers, None))
            done, _ = await asyncio.wait({coming}, timeout=_KEEP_ALIVE_SECONDS)
            if not done:
                yield b":\n\n"
                continue
            answer, coming = coming.result(), None
            if answer is None:
                break
            yield _event("next", written(answer))
    except Refused as refused:
        yield _event("next", written({"errors": refused.errors}))
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
        await answers.aclose()  # type: ignore[attr-defined] # a generator
    yield _event("complete", b"")


def _event(name: str, data: bytes) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data)
