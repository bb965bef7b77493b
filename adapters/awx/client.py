"""The part of AWX's API that the adapter uses: lists, single records, ping (contracts/awx.md sections 1 to 3).

Pages are built from parameters, never from the ``next`` links that AWX sends: behind a gateway they lack the path's prefix.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Generic, TypeVar

import msgspec

from gateway.auth import Answer
from gateway.errors import SourceError, SourceErrorCode
from gateway.instant import Instant
from gateway.records import Rows, page_of, readable
from gateway.spi import NOT_FOUND, NotFound
from gateway.transport import SourceClient

E = TypeVar("E")
S = TypeVar("S")
Param = tuple[str, str]

LARGEST_PAGE = 200
"""AWX's ``MAX_PAGE_SIZE`` as it comes; larger sizes are silently cut to it (contracts/awx.md section 2)."""

_ORDINARY_PAGE = 25
"""AWX's ``PAGE_SIZE``: what every installation gives."""

_DATE_LENGTH = len("Sun, 06 Nov 1994 08:49:37 GMT")


class Batch(msgspec.Struct, Generic[E], frozen=True):
    """A page of a list. ``count`` is None when it was not asked for; ``returned`` counts unreadable records too."""

    rows: Sequence[E]
    returned: int
    more: bool
    count: int | None = None

    @property
    def unreadable(self) -> int:
        """Records that could not be read."""
        return self.returned - len(self.rows)


@dataclass(frozen=True, slots=True)
class EventBatch:
    """An answer of an event list: JSON of single events, ``size`` bytes in all. ``now_us`` is AWX's clock (microseconds)."""

    entries: Sequence[msgspec.Raw]
    more: bool
    size: int
    now_us: int


@dataclass(frozen=True, slots=True)
class RunState:
    """How far a run is, as its own URL says. ``now_us`` is AWX's clock (microseconds)."""

    status: str | None
    finished: str | None
    event_processing_finished: bool | None
    now_us: int


class _State(msgspec.Struct):
    status: str | None = None
    finished: str | None = None
    event_processing_finished: bool | None = None


class _List(msgspec.Struct, Generic[E]):
    results: list[E]
    count: int | None = None
    next: str | None = None


class _Version(msgspec.Struct):
    version: str | None = None


class _User(msgspec.Struct):
    username: str | None = None


class _Users(msgspec.Struct):
    results: list[_User]


class AwxClient:
    """AWX's endpoints, relative to a base URL that ends in ``/api/v2/``. Methods raise SourceError."""

    def __init__(self, client: SourceClient) -> None:
        self._client = client
        self._proven = _ORDINARY_PAGE

    async def page(self, path: str, params: Sequence[Param], rows: Rows[E], *, size: int, counted: bool = False) -> Batch[E]:
        """The first ``size`` (at most 200) records of a list. Without ``counted`` AWX saves itself the COUNT.

        An uncounted page does not say whether there is more: a full one is taken to mean so. That is right only where AWX
        really gives so many, and an operator may have set less (``MAX_PAGE_SIZE``): a size is asked for without a count once
        a page of that size, or a larger one, has come whole.
        """
        uncounted = not counted and size <= self._proven
        sizing = [("page_size", str(size)), ("count_disabled", "1")] if uncounted else [("page_size", str(size))]
        answer = await self._client.get(path, [*params, *sizing])
        found, read = page_of(self._client, answer, _List, rows)
        returned = len(found.results)
        if returned >= size:
            self._proven = max(self._proven, size)
        more = returned >= size if uncounted else found.next is not None
        return Batch(readable(found.results, read), returned, more, found.count if counted else None)

    async def record(self, path: str, read: Callable[[bytes], E]) -> E | NotFound:
        """A single record. AWX answers 404 with JSON for a missing one, with HTML for a path it does not know."""
        answer = await self._client.get(path, also=frozenset({404}))
        raw = self._client.decode(answer, msgspec.Raw)
        if answer.status == 404:
            return NOT_FOUND
        try:
            return read(bytes(raw))
        except (msgspec.DecodeError, ValueError) as error:
            raise self.unreadable() from error

    async def events(self, path: str, params: Sequence[Param], limit: int) -> EventBatch:
        """The first ``limit`` events of a list, however many (section 2). NOT_FOUND when there is no such run.

        An AWX before 19.2.1 does not know ``limit`` and sends an ordinary page: its ``next`` tells of more.
        """
        answer = await self._client.get(path, [*params, ("limit", str(limit))], also=frozenset({404}))
        found = self._present(answer, _List[msgspec.Raw])
        more = len(found.results) >= limit or found.next is not None
        return EventBatch(found.results, more, len(answer.content), _now_us(answer))

    async def state(self, path: str) -> RunState:
        """What the run at ``path`` says of its end. NOT_FOUND when there is none."""
        answer = await self._client.get(path, also=frozenset({404}))
        found = self._present(answer, _State)
        return RunState(found.status, found.finished, found.event_processing_finished, _now_us(answer))

    def _present(self, answer: Answer, model: type[S]) -> S:
        if answer.status == 404:
            self._client.decode(answer, msgspec.Raw)  # a path that it does not know is answered with HTML
            raise SourceError(SourceErrorCode.NOT_FOUND, "It has no such run.", source=self._client.source, http_status=404)
        return self._client.decode(answer, model)

    async def version(self) -> str | None:
        """The release, from ``/ping/``, which needs no credentials."""
        answer = await self._client.get_json("ping/", model=_Version)
        return answer.version if answer else None

    async def user(self) -> str | None:
        """The name under which the credentials are accepted, from ``/me/``."""
        answer = await self._client.get_json("me/", model=_Users)
        return answer.results[0].username if answer and answer.results else None

    def unreadable(self) -> SourceError:
        """The fault of a record that was sent, but cannot be read."""
        return SourceError(SourceErrorCode.BAD_RESPONSE, "It sent a record that cannot be read.", source=self._client.source)


def _now_us(answer: Answer) -> int:
    """When it was answered, by the clock of who answered (``Date``, the last where there are two), else by ours."""
    try:
        return Instant.from_datetime(parsedate_to_datetime(answer.headers.get("date", "")[-_DATE_LENGTH:])).us
    except ValueError:
        return time.time_ns() // 1000
