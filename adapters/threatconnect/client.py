"""ThreatConnect's endpoints and records (contract of ThreatConnect, sections 1 to 3).

Records name the fields as ThreatConnect sends them. Every field but ``id`` may be missing or null. Instants are still texts.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Raw, Struct

from adapters.threatconnect.tql import Among, text_of
from gateway.auth import Answer
from gateway.errors import SourceError, SourceErrorCode
from gateway.pagination import Window
from gateway.records import Rows, page_of, readable
from gateway.transport import Params, SourceClient

EXECUTIONS = "v3/job/executions"
JOBS = "v3/jobs"
LARGEST_PAGE = 10_000
"""The most rows that ThreatConnect sends at once (contract, section 3)."""

QUERY_BYTES = 1500
"""How long a filter may grow in a query. Queries from 2000 characters on need another form (contract, section 5): what is
left is for the address, the order, the window, and the place where a sorted list is resumed."""

_IDS_PER_CALL = 200
_BAD_REQUEST = 400
_TQL_REFUSED = "0x2001"
_KEYWORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}\Z", re.ASCII)

T = TypeVar("T")


class JobRecord(Struct, frozen=True, gc=False):
    """A job: an app of TC Exchange, configured. ``last_execution`` comes only where it was asked for."""

    id: int
    name: str | None = None
    display_name: str | None = msgspec.field(default=None, name="displayName")
    program_name: str | None = msgspec.field(default=None, name="programName")
    program_version: str | None = msgspec.field(default=None, name="programVersion")
    active: bool | None = None
    last_execution: Raw = msgspec.field(default=Raw(), name="lastExecution")


class ExecutionRecord(Struct, frozen=True, gc=False):
    """A run of a job. One that failed has ``failed_time`` instead of ``completed_time``."""

    id: int
    job_id: int | None = msgspec.field(default=None, name="jobId")
    status: str | None = None
    queue_time: str | None = msgspec.field(default=None, name="queueTime")
    start_time: str | None = msgspec.field(default=None, name="startTime")
    completed_time: str | None = msgspec.field(default=None, name="completedTime")
    failed_time: str | None = msgspec.field(default=None, name="failedTime")
    exit_message: str | None = msgspec.field(default=None, name="exitMessage")
    server_name: str | None = msgspec.field(default=None, name="serverName")


class Envelope(Struct, Generic[T], frozen=True):
    """A page of a list. ``next`` only says that there is more: its address may be another host's (contract, section 3)."""

    data: list[T]
    status: str
    next: str | None = None
    count: int | None = None
    count_success: int | None = msgspec.field(default=None, name="countSuccess")
    count_failure: int | None = msgspec.field(default=None, name="countFailure")


class _Parameter(Struct, frozen=True):
    keyword: str


class _Parameters(Struct, frozen=True):
    """The TQL parameters of a list, as ``OPTIONS .../tql`` answers."""

    data: list[_Parameter]
    status: str


class _Refusal(Struct, frozen=True):
    """The body of an error (contract, section 5). Its message may quote what was asked, and is not read."""

    code: str = msgspec.field(default="", name="errCode")


def present(raw: Raw) -> bool:
    """Whether the field that is kept undecoded is there and is not null."""
    return bool(raw) and bytes(raw) != b"null"


def query_bytes(params: Params) -> int:
    """How many bytes the parameters take in a query."""
    return len(urlencode(params, quote_via=quote, safe=":,"))


def id_chunks(parameter: str, ids: Iterable[int], beside: int = 0) -> Iterator[tuple[int, ...]]:
    """``ids`` in as few lists as one request can ask for, ``beside`` being the bytes that the query has already."""
    chunk: list[int] = []
    size = spent = beside + query_bytes([("tql", text_of(Among(parameter, (0, 0))))])
    for each in ids:
        length = len(str(each)) + 1
        if chunk and (len(chunk) == _IDS_PER_CALL or size + length > QUERY_BYTES):
            yield tuple(chunk)
            chunk, size = [], spent
        chunk.append(each)
        size += length
    if chunk:
        yield tuple(chunk)


class ThreatConnectClient:
    """Reads from one ThreatConnect. Every method raises SourceError."""

    def __init__(self, client: SourceClient) -> None:
        self._client = client

    async def page(
        self, path: str, params: Params, window: Window, rows: Rows[T], *, count: bool = False
    ) -> tuple[Envelope[Any], Sequence[T]]:
        """What a list has in ``window``, and those of its records that can be read, made into rows.

        ``count`` asks for the total, which only comes with the first row. TQL that the server refuses (error 0x2001) is
        UNSUPPORTED.
        """
        asked = [*params, ("resultLimit", str(window.size))]
        if window.offset:
            asked.append(("resultStart", str(window.offset)))
        elif count:
            asked.append(("count", "true"))
        answer = await self._client.get(path, asked, also=frozenset({_BAD_REQUEST}))
        if answer.status == _BAD_REQUEST:
            raise self._refused(answer)
        envelope, read = page_of(self._client, answer, Envelope, rows)
        if envelope.status != "Success":
            raise self.fault(SourceErrorCode.BAD_RESPONSE, "It says that the request did not succeed.")
        return envelope, readable(envelope.data, read)

    async def parameters(self, path: str) -> frozenset[str]:
        """The keywords of the TQL parameters that the server offers for a list; an answer without any is a fault."""
        listed = self._client.decode(await self._client.options(f"{path}/tql"), _Parameters)
        keywords = frozenset(each.keyword for each in listed.data if _KEYWORD.match(each.keyword))
        if listed.status != "Success" or not keywords:
            raise self.fault(SourceErrorCode.BAD_RESPONSE, "It does not say which TQL parameters it offers.")
        return keywords

    def _refused(self, answer: Answer) -> SourceError:
        """The fault that a refused request is."""
        try:
            refusal = msgspec.json.decode(answer.content, type=_Refusal)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            refusal = _Refusal()
        if refusal.code == _TQL_REFUSED:
            return self.fault(
                SourceErrorCode.UNSUPPORTED,
                f"It refused the TQL of this request ({_TQL_REFUSED}): a parameter, operator or value it does not take.",
                answer.status,
            )
        return self.fault(SourceErrorCode.BAD_RESPONSE, "It refused the request.", answer.status)

    def unreadable(self) -> SourceError:
        """The fault of a record that is not what it should be."""
        return self.fault(SourceErrorCode.BAD_RESPONSE, "Its record could not be read.")

    def fault(self, code: SourceErrorCode, message: str, status: int | None = None) -> SourceError:
        """A fault of this source."""
        return SourceError(code, message, source=self._client.source, http_status=status)
