"""The operations of AWS IoT's control plane that are used, and their records (contracts/aws_iot.md section 1).

No member of an answer is required by the model: every field but ids may be missing or null. Times are epoch seconds, whole
or fractional.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from msgspec import Raw, Struct

from gateway.auth import Answer
from gateway.errors import SourceError, SourceErrorCode
from gateway.limits import Quota, RateLimit, shared_limit
from gateway.records import Held, read
from gateway.sigv4 import error_code
from gateway.transport import SourceClient

LARGEST_PAGE = 250

R = TypeVar("R", bound=Struct)
T = TypeVar("T")


# --- records -------------------------------------------------------------------------------------------------------


class JobRecord(Struct, frozen=True, rename="camel"):
    """A job: of ListJobs, or with everything below ``completed_at`` too, of DescribeJob."""

    job_id: str
    job_arn: str | None = None
    thing_group_id: str | None = None
    target_selection: str | None = None
    status: str | None = None
    is_concurrent: bool | None = None
    created_at: float | None = None
    last_updated_at: float | None = None
    completed_at: float | None = None
    force_canceled: bool | None = None
    reason_code: str | None = None
    comment: str | None = None
    targets: list[str] | None = None
    description: str | None = None
    job_process_details: dict[str, Any] | None = None
    timeout_config: dict[str, Any] | None = None
    namespace_id: str | None = None
    job_template_arn: str | None = None


class SummaryRecord(Struct, frozen=True, rename="camel"):
    """What lists of executions show of one; it names neither its job nor its thing by itself."""

    status: str | None = None
    queued_at: float | None = None
    started_at: float | None = None
    last_updated_at: float | None = None
    execution_number: int | None = None
    retry_attempt: int | None = None


class ExecutionRow(Struct, frozen=True, rename="camel"):
    """A row of ListJobExecutionsForJob (with ``thing_arn``) or ForThing (with ``job_id``)."""

    job_execution_summary: SummaryRecord
    thing_arn: str | None = None
    job_id: str | None = None


class ExecutionRecord(Struct, frozen=True, rename="camel"):
    """What DescribeJobExecution shows beyond the row of a list."""

    job_id: str | None = None
    thing_arn: str | None = None
    execution_number: int | None = None
    version_number: int | None = None
    force_canceled: bool | None = None
    status_details: dict[str, Any] | None = None
    approximate_seconds_before_timed_out: int | None = None


class ThingRecord(Struct, frozen=True, rename="camel"):
    """A thing, of ListThings or DescribeThing."""

    thing_name: str
    thing_arn: str | None = None
    thing_type_name: str | None = None
    attributes: dict[str, str] | None = None


class JobsPage(Struct, frozen=True, rename="camel"):
    """An answer of ListJobs."""

    jobs: list[Raw]
    next_token: str | None = None

    @property
    def rows(self) -> Sequence[Raw]:
        """What the page lists."""
        return self.jobs


class ExecutionsPage(Struct, frozen=True, rename="camel"):
    """An answer of ListJobExecutionsForJob and ListJobExecutionsForThing."""

    execution_summaries: list[Raw]
    next_token: str | None = None

    @property
    def rows(self) -> Sequence[Raw]:
        """What the page lists."""
        return self.execution_summaries


class ThingsPage(Struct, frozen=True, rename="camel"):
    """An answer of ListThings."""

    things: list[Raw]
    next_token: str | None = None

    @property
    def rows(self) -> Sequence[Raw]:
        """What the page lists."""
        return self.things


AnyPage = JobsPage | ExecutionsPage | ThingsPage


class DescribedJob(Struct, frozen=True):
    """An answer of DescribeJob."""

    job: Raw


class DescribedExecution(Struct, frozen=True):
    """An answer of DescribeJobExecution."""

    execution: Raw


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page of a list, and whether another follows."""

    rows: Sequence[Raw]
    more: bool


# --- faults --------------------------------------------------------------------------------------------------------

_FAULTS: dict[str, SourceErrorCode] = {
    "ResourceNotFoundException": SourceErrorCode.NOT_FOUND,
    "ThrottlingException": SourceErrorCode.RATE_LIMITED,
    "TooManyRequestsException": SourceErrorCode.RATE_LIMITED,
    "ServiceUnavailableException": SourceErrorCode.UNAVAILABLE,
    "InternalFailureException": SourceErrorCode.UNAVAILABLE,
    "InternalServerException": SourceErrorCode.UNAVAILABLE,
    "UnauthorizedException": SourceErrorCode.FORBIDDEN,
    "AccessDenied": SourceErrorCode.FORBIDDEN,
    "AccessDeniedException": SourceErrorCode.FORBIDDEN,
    "ExpiredToken": SourceErrorCode.UNAUTHENTICATED,
    "ExpiredTokenException": SourceErrorCode.UNAUTHENTICATED,
    "RequestExpired": SourceErrorCode.UNAUTHENTICATED,
    "InvalidClientTokenId": SourceErrorCode.UNAUTHENTICATED,
    "InvalidSignatureException": SourceErrorCode.UNAUTHENTICATED,
    "SignatureDoesNotMatch": SourceErrorCode.UNAUTHENTICATED,
    "IncompleteSignature": SourceErrorCode.UNAUTHENTICATED,
    "MissingAuthenticationToken": SourceErrorCode.UNAUTHENTICATED,
    "MissingAuthenticationTokenException": SourceErrorCode.UNAUTHENTICATED,
    "UnrecognizedClientException": SourceErrorCode.UNAUTHENTICATED,
}
"""Faults by their code: throttling is 400 here and 429 there (section 0). The status decides only for other codes."""

RETRIED = frozenset({500})
"""Here an InternalFailureException says try again (section 1, Errors)."""


def fault_of(answer: Answer) -> SourceErrorCode | None:
    """What an answer that is no success means."""
    known = _FAULTS.get(error_code(answer) or "")
    if known is None and answer.status == 404:
        # Without its code, that is not AWS saying that a thing does not exist.
        return SourceErrorCode.BAD_RESPONSE
    return known


# --- the client ----------------------------------------------------------------------------------------------------

Account = tuple[str, str, str]
"""Whose quotas count: account, Region and address."""


class IotClient:
    """Reads from one account and Region. Every method raises SourceError.

    Ids become segments of paths: they must be of the forms that ``planning`` accepts.
    """

    def __init__(self, client: SourceClient, account: Account, quota_of: Callable[[str], Quota]) -> None:
        self._client = client
        self._account = account
        self._quota_of = quota_of

    def jobs(self, status: str | None = None) -> "Pages":
        """ListJobs."""
        return Pages(self, "ListJobs", "jobs", [("status", status)], JobsPage)

    def executions_of_job(self, job_id: str, status: str | None = None) -> "Pages":
        """ListJobExecutionsForJob."""
        path = f"jobs/{_segment(job_id)}/things"
        return Pages(self, "ListJobExecutionsForJob", path, [("status", status)], ExecutionsPage)

    def executions_of_thing(self, thing: str, status: str | None = None, job_id: str | None = None) -> "Pages":
        """ListJobExecutionsForThing; moto knows no ``job_id`` and lists those of other jobs too."""
        path = f"things/{_segment(thing)}/jobs"
        params = [("status", status), ("jobId", job_id)]
        return Pages(self, "ListJobExecutionsForThing", path, params, ExecutionsPage)

    def things(self) -> "Pages":
        """ListThings."""
        return Pages(self, "ListThings", "things", [], ThingsPage)

    async def job(self, job_id: str) -> Held[JobRecord]:
        """DescribeJob. Raises SourceError NOT_FOUND."""
        answer = await self.get("DescribeJob", f"jobs/{_segment(job_id)}", [], DescribedJob)
        return self._read(answer.job, JobRecord)

    async def execution(self, job_id: str, thing: str, number: int) -> Held[ExecutionRecord]:
        """DescribeJobExecution. Raises SourceError NOT_FOUND."""
        path = f"things/{_segment(thing)}/jobs/{_segment(job_id)}"
        params = [("executionNumber", str(number))]
        answer = await self.get("DescribeJobExecution", path, params, DescribedExecution)
        return self._read(answer.execution, ExecutionRecord)

    async def thing(self, name: str) -> Held[ThingRecord]:
        """DescribeThing. Raises SourceError NOT_FOUND."""
        return self._read(await self.get("DescribeThing", f"things/{_segment(name)}", [], Raw), ThingRecord)

    async def ping(self) -> None:
        """One row of ListJobs."""
        await self.get("ListJobs", "jobs", [("maxResults", "1")], JobsPage)

    def fault(self, message: str) -> SourceError:
        """A BAD_RESPONSE of this source."""
        return SourceError(SourceErrorCode.BAD_RESPONSE, message, source=self._client.source)

    def unreadable(self) -> SourceError:
        """The fault of a record that is not what it should be."""
        return self.fault("Its record could not be read.")

    async def get(self, operation: str, path: str, params: Sequence[tuple[str, str]], kind: type[T]) -> T:
        """One call of an operation within its quota, its answer as ``kind``."""
        answer = await self._client.get(path, params, limit=self._limit(operation))
        return self._client.decode(answer, kind)

    def _limit(self, operation: str) -> RateLimit:
        quota = self._quota_of(operation).shared(self._client.workers)
        return shared_limit((self._account, operation), quota)

    def _read(self, raw: Raw, kind: type[R]) -> Held[R]:
        try:
            return read(raw, kind)
        except ValueError as error:
            raise self.unreadable() from error


class Pages:
    """The pages of one list, to be iterated once. A page may be empty and not the last (section 1, Pagination).

    Tokens live for an unknown time: where one is refused, the list begins anew, once, without the rows that came already.
    A row that changed meanwhile comes again.
    """

    def __init__(
        self,
        client: IotClient,
        operation: str,
        path: str,
        given: Sequence[tuple[str, str | None]],
        kind: type[JobsPage] | type[ExecutionsPage] | type[ThingsPage],
    ) -> None:
        self._client = client
        self._operation = operation
        self._path = path
        self._params = [(name, value) for name, value in given if value is not None]
        self._kind = kind
        self._token: str | None = None
        self._used: set[str] = set()
        self._served: set[int] = set()
        self._restarted = False
        self._ended = False

    def __aiter__(self) -> "Pages":
        return self

    async def __anext__(self) -> Sheet:
        if self._ended:
            raise StopAsyncIteration
        if self._token in self._used:
            raise self._client.fault("It keeps sending the same page token.")
        try:
            page = await self._ask()
        except SourceError as error:
            if self._token is None or self._restarted or not _is_refusal(error):
                raise
            self._token, self._restarted = None, True
            self._used.clear()
            page = await self._ask()
        if self._token is not None:
            self._used.add(self._token)
        # The end is a token that is missing, or null (section 1).
        self._token = page.next_token or None
        self._ended = self._token is None
        return Sheet(self._new(page.rows), more=not self._ended)

    def _new(self, rows: Sequence[Raw]) -> Sequence[Raw]:
        """The rows that did not come before the list began anew: a source that repeats itself is taken to be broken."""
        if self._restarted:
            return [row for row in rows if hash(bytes(row)) not in self._served]
        self._served.update(hash(bytes(row)) for row in rows)
        return rows

    async def _ask(self) -> AnyPage:
        paging = [("maxResults", str(LARGEST_PAGE))]
        if self._token is not None:
            paging.append(("nextToken", self._token))
        return await self._client.get(self._operation, self._path, [*self._params, *paging], self._kind)


def _is_refusal(error: SourceError) -> bool:
    """Whether AWS called the request invalid, as it does with a token that it does not know any more."""
    return error.http_status == 400 and error.code is SourceErrorCode.BAD_RESPONSE


def _segment(name: str) -> str:
    return quote(name, safe="")
