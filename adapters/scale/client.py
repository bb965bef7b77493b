"""Scale's endpoints and records (API v3, and v4 and v5 alike: contract of Scale, sections 0 to 5).

Records name the fields as Scale sends them. Every field but ``id`` may be missing or null: lists and details of one thing
share a record, and what only a detail has stays empty in the others. JSON that the adapter passes through is kept
undecoded (``Raw``). Instants are still texts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from msgspec import Raw, Struct

from adapters.scale.releases import LAST_WITH_V3, Release, ReleaseProbe
from gateway.auth import Answer
from gateway.errors import SourceError, SourceErrorCode
from gateway.pagination import Window
from gateway.records import Held, Rows, page_of, read, readable
from gateway.transport import Params, SourceClient

LARGEST_PAGE = 1000
"""Scale silently cuts larger page sizes to this (contract, section 2)."""

QUERY_BYTES = 3500
"""How long a query may grow: gunicorn refuses request lines above 4094 bytes (contract, section 5), path included."""

_IDS_PER_CALL = 250
# Lists that are read whole have a few hundred rows at most: nodes of a cluster, kinds of errors.
_MOST_PAGES = 20

R = TypeVar("R", bound=Struct)
T = TypeVar("T")


class Reference(Struct, frozen=True, gc=False):
    """A record that is only pointed at."""

    id: int


class ErrorRecord(Struct, frozen=True, gc=False):
    """Why something failed. Only ``id`` where it is merely pointed at; ``created`` and ``last_modified`` in details."""

    id: int
    name: str | None = None
    title: str | None = None
    description: str | None = None
    category: str | None = None
    is_builtin: bool | None = None
    created: str | None = None
    last_modified: str | None = None

    @property
    def bare(self) -> bool:
        """Whether only the id is known."""
        return self.name is None and self.title is None


class JobTypeRecord(Struct, frozen=True, gc=False):
    """What a job is an instance of: the fields that every list shows."""

    id: int
    name: str | None = None
    version: str | None = None
    title: str | None = None
    description: str | None = None
    category: str | None = None
    author_name: str | None = None
    author_url: str | None = None
    is_system: bool | None = None
    is_long_running: bool | None = None
    is_active: bool | None = None
    is_operational: bool | None = None
    is_paused: bool | None = None
    icon_code: str | None = None


class RevisionRecord(Struct, frozen=True, gc=False):
    """The revision of a job type that a job was made from."""

    id: int
    job_type: Reference | None = None
    revision_num: int | None = None
    interface: Raw = Raw()
    created: str | None = None


class EventRecord(Struct, frozen=True, gc=False):
    """What made Scale create a job. ``rule`` is ``{"id"}`` in lists, the whole rule in details."""

    id: int
    type: str | None = None
    rule: Raw = Raw()
    occurred: str | None = None
    description: Raw = Raw()


class NodeRecord(Struct, frozen=True, gc=False):
    """A cluster node: four fields inside executions, more in lists, the last three only in its detail."""

    id: int
    hostname: str | None = None
    port: int | None = None
    slave_id: str | None = None
    pause_reason: str | None = None
    is_paused: bool | None = None
    is_paused_errors: bool | None = None
    is_active: bool | None = None
    archived: str | None = None
    created: str | None = None
    last_offer: str | None = None
    last_modified: str | None = None
    job_exes_running: Raw = Raw()
    resources: Raw = Raw()
    disconnected: bool | None = None


class JobRecord(Struct, frozen=True, gc=False):
    """A job: eight fields inside executions, without ``data`` and what follows it in lists, everything in its detail.

    ``latest_job_exe`` comes from ``/jobs/executions/`` alone.
    """

    id: int
    job_type: JobTypeRecord | None = None
    job_type_rev: RevisionRecord | None = None
    event: EventRecord | None = None
    error: ErrorRecord | None = None
    status: str | None = None
    priority: int | None = None
    num_exes: int | None = None
    timeout: int | None = None
    max_tries: int | None = None
    cpus_required: float | None = None
    mem_required: float | None = None
    disk_in_required: float | None = None
    disk_out_required: float | None = None
    is_superseded: bool | None = None
    root_superseded_job: Reference | None = None
    superseded_job: Reference | None = None
    superseded_by_job: Reference | None = None
    delete_superseded: bool | None = None
    created: str | None = None
    queued: str | None = None
    started: str | None = None
    ended: str | None = None
    last_status_change: str | None = None
    superseded: str | None = None
    last_modified: str | None = None
    data: Raw = Raw()
    results: Raw = Raw()
    recipes: Raw = Raw()
    job_exes: list[Raw] | None = None
    inputs: Raw = Raw()
    outputs: Raw = Raw()
    input_files: Raw = Raw()
    products: Raw = Raw()
    latest_job_exe: Raw = Raw()


class ExecutionRecord(Struct, frozen=True, gc=False):
    """A job execution. Only its detail has ``environment`` and what follows; ``exe_num`` and ``cluster_id`` are API v6."""

    id: int
    status: str | None = None
    command_arguments: str | None = None
    timeout: int | None = None
    pre_started: str | None = None
    pre_completed: str | None = None
    pre_exit_code: int | None = None
    job_started: str | None = None
    job_completed: str | None = None
    job_exit_code: int | None = None
    post_started: str | None = None
    post_completed: str | None = None
    post_exit_code: int | None = None
    created: str | None = None
    queued: str | None = None
    started: str | None = None
    ended: str | None = None
    last_modified: str | None = None
    job: JobRecord | None = None
    node: NodeRecord | None = None
    error: ErrorRecord | None = None
    environment: Raw = Raw()
    cpus_scheduled: float | None = None
    mem_scheduled: float | None = None
    disk_in_scheduled: float | None = None
    disk_out_scheduled: float | None = None
    disk_total_scheduled: float | None = None
    results: Raw = Raw()
    results_manifest: Raw = Raw()
    exe_num: int | None = None
    cluster_id: str | None = None


class Envelope(Struct, Generic[T], frozen=True):
    """A page of a list. ``next`` only says that there is more: its address may lie inside the proxy, or anywhere."""

    results: list[T]
    count: int | None = None
    next: str | None = None


class _Version(Struct, frozen=True):
    version: str | None = None


def present(raw: Raw) -> bool:
    """Whether the field that is kept undecoded is there and is not null."""
    return bool(raw) and bytes(raw) != b"null"


def id_chunks(name: str, ids: Iterable[int]) -> Iterator[list[int]]:
    """``ids`` in as few lists as one request can ask for with ``name`` repeated for each."""
    chunk: list[int] = []
    size = 0
    for each in ids:
        length = query_bytes([(name, str(each))]) + 1
        if chunk and (len(chunk) == _IDS_PER_CALL or size + length > QUERY_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(each)
        size += length
    if chunk:
        yield chunk


def query_bytes(params: Params) -> int:
    """How many bytes the parameters take in a query."""
    return len(urlencode(params, quote_via=quote))


def too_long(params: Params) -> bool:
    """Whether a query of the parameters would be longer than Scale takes."""
    # A character takes twelve bytes at most (%F0%9F%98%80), so that hardly any query need be written out to be judged.
    most = sum(12 * (len(name) + len(value)) + 2 for name, value in params)
    return most > QUERY_BYTES and query_bytes(params) > QUERY_BYTES


class ScaleClient:
    """Reads from one Scale. Every method raises SourceError."""

    def __init__(self, client: SourceClient, *, version: str) -> None:
        self._client = client
        self._v3 = version == "v3"
        self._probe = ReleaseProbe(self.version)

    async def release(self) -> Release | None:
        """The server's release, as far as it matters; None when it does not say."""
        return LAST_WITH_V3 if self._v3 else await self._probe.current()

    async def page(self, path: str, params: Params, window: Window) -> Envelope[Raw] | None:
        """The page ``window`` of a list; None when the list has become too short to have it."""
        answer = await self.answer(path, params, window)
        return None if answer is None else self._client.decode(answer, Envelope[Raw])

    async def answer(self, path: str, params: Params, window: Window) -> Answer | None:
        """The page as it was sent, for ``rows``; None as ``page``."""
        number = [("page", str(window.number))] if window.number > 1 else []
        asked = [*params, *number, ("page_size", str(window.size))]
        # The first page of a list always exists: its 404 means that there is no such list.
        also = frozenset({404}) if number else frozenset[int]()
        answer = await self.get(path, asked, also)
        return None if answer.status == 404 else answer

    def rows(self, answer: Answer, rows: Rows[T]) -> tuple[Envelope[Any], Sequence[T]]:
        """A page and those of its records that can be read."""
        envelope, read = page_of(self._client, answer, Envelope, rows)
        return envelope, readable(envelope.results, read)

    async def every(self, path: str, params: Params) -> list[Raw]:
        """All rows of a short list: one request for each thousand. BAD_RESPONSE when it has no end."""
        rows: list[Raw] = []
        heads: set[bytes] = set()
        for number in range(_MOST_PAGES):
            envelope = await self.page(path, params, Window(number * LARGEST_PAGE, LARGEST_PAGE))
            if envelope is None:
                return rows
            rows += envelope.results
            # A proxy may claim that there is more for ever, but every row has been counted.
            if envelope.next is None or (envelope.count is not None and len(rows) >= envelope.count):
                return rows
            head = bytes(envelope.results[0]) if envelope.results else b""
            if head in heads:
                break
            heads.add(head)
        raise self.fault(SourceErrorCode.BAD_RESPONSE, "It keeps sending the same page.")

    async def one(self, path: str, kind: type[R]) -> Held[R] | None:
        """One record by its address; None when Scale has none there."""
        answer = await self.get(path, (), frozenset({404}))
        if self.missing(answer):
            return None
        try:
            return read(self._client.decode(answer, Raw), kind)
        except ValueError as error:
            raise self.unreadable() from error

    async def get(self, path: str, params: Params, also: frozenset[int], headers: Mapping[str, str] | None = None) -> Answer:
        """The answer to one request; of statuses that are no success, those of ``also``."""
        try:
            return await self._client.get(path, params, also=also, headers=headers)
        except SourceError as error:
            self._probe.fault(error)
            raise

    def decode(self, answer: Answer, kind: type[T]) -> T:
        """The JSON of an answer."""
        return self._client.decode(answer, kind)

    def missing(self, answer: Answer) -> bool:
        """Whether the row that was asked for is not there. Raises NOT_FOUND when nothing of the kind can be.

        That is a 404 of HTML: the address does not exist, so the base URL or its version is wrong (contract, section 1).
        """
        if answer.status == 404 and not _is_json(answer):
            raise self.fault(SourceErrorCode.NOT_FOUND, "It has nothing at this address.", 404)
        return answer.status == 404

    async def version(self) -> str | None:
        """Scale's release."""
        answer = await self._client.get("version/")
        return self._client.decode(answer, _Version).version

    def unreadable(self) -> SourceError:
        """The fault of a record that is not what it should be."""
        return self.fault(SourceErrorCode.BAD_RESPONSE, "Its record could not be read.")

    def fault(self, code: SourceErrorCode, message: str, status: int | None = None) -> SourceError:
        """A fault of this source."""
        return SourceError(code, message, source=self._client.source, http_status=status)


def _is_json(answer: Answer) -> bool:
    kind: str = answer.headers.get("content-type", "")
    return kind.split(";")[0].strip().lower() == "application/json"
