"""Runner's endpoints and records (contract of CTL Runner, sections 2 to 5 and 9).

Records name the fields as Runner sends them, in camel case for jobs and in snake case for executions. Every field but the
ids may be missing or null, because editions differ. What was printed in several shapes is kept undecoded (``Raw``). Instants
are still numbers.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Raw, Struct

from gateway.errors import SourceError, SourceErrorCode
from gateway.records import Held, read
from gateway.transport import SourceClient

LARGEST_PAGE = 100
"""The largest ``size`` (contract, section 3)."""

_AT_ONCE = 4

R = TypeVar("R", bound=Struct)
T = TypeVar("T")
Item = TypeVar("Item")


class JobRecord(Struct, frozen=True, rename="camel"):
    """A job: lists and details show the same. What may hold secrets and nobody needs is not read.

    ``repository`` is an object, or an array of one; ``hosts`` are objects with an id; ``callbacks`` are objects or
    addresses; ``details`` and ``playbook`` are of 2015 (contract, sections 4 and 9).
    """

    id: str
    account_alias: str | None = None
    name: str | None = None
    description: str | None = None
    status: str | None = None
    execution_ttl: int | None = None
    repository: Raw = Raw()
    playbook: str | None = None
    playbook_tags: Raw = Raw()
    hosts: Raw = Raw()
    callbacks: Raw = Raw()
    use_dynamic_inventory: bool | None = None
    bootstrap_key_pair_alias: str | None = None
    created_time: int | None = None
    last_updated_time: int | None = None
    details: Raw = Raw()


class TimerRecord(Struct, frozen=True):
    """One attempt, in epoch milliseconds, or in seconds where the number has ten digits."""

    start: int | None = None
    end: int | None = None


class ExecutionRecord(Struct, frozen=True):
    """An execution, timed by ``timers`` or, in the edition of 2015, by ``start`` and ``end``.

    ``id``, which some rows have, is not the execution's id. ``repository_log`` is an object, a text that looks like JSON, or
    null; ``failed_hosts`` may hold a number.
    """

    execution_id: str
    job_id: str
    id: str | None = None
    account_alias: str | None = None
    status: str | None = None
    timers: list[TimerRecord] | None = None
    start: int | None = None
    end: int | None = None
    repository_log: Raw = Raw()
    failed_hosts: Raw = Raw()
    is_vpn_established: bool | None = None


class Envelope(Struct, frozen=True, rename="camel"):
    """A page of a list. Its ``size`` counts the rows it has, not those asked for, and is of no use."""

    results: list[Raw]
    total_size: int | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page of one of several lists: ``rows`` is None where there is no such list; ``more`` says that others follow."""

    path: str
    rows: Sequence[Raw] | None
    total: int | None
    more: bool


def value_of(raw: Raw) -> Any:
    """What a field that was kept undecoded holds; None when it is not there."""
    return msgspec.json.decode(raw) if raw else None


class RunnerClient:
    """Reads from one account of Runner. Every method raises SourceError, unless it says otherwise.

    Ids become parts of paths as they are: they must be of the form that ``planning.is_id`` accepts.
    """

    def __init__(self, client: SourceClient, account_alias: str) -> None:
        self._client = client
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self.jobs = f"jobs/{quote(account_alias, safe='')}"
        """The list of jobs."""
        self.executions = f"{self.jobs}/executions"
        """The list of all executions, which not every server has."""
        self._status = f"status/{quote(account_alias, safe='')}/job"

    def executions_of(self, job_id: str) -> str:
        """The list of the executions of a job."""
        return f"{self.jobs}/{job_id}/executions"

    async def status_page(self, job_id: str, execution_id: str, number: int) -> Envelope | list[Raw]:
        """The page ``number``, from 0, of the status feed of an execution; all of it where a server does not page it."""
        params = [("page", str(number)), ("size", str(LARGEST_PAGE))]
        answer = await self._client.get(f"{self._status}/{job_id}/execution/{execution_id}", params)
        sent = self._client.decode(answer, Raw)
        try:
            if bytes(sent).lstrip()[:1] == b"[":
                return msgspec.json.decode(sent, type=list[Raw])
            return msgspec.json.decode(sent, type=Envelope)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self.fault("Its status feed is not what it should be.") from error

    async def page(
        self, path: str, number: int = 0, size: int = LARGEST_PAGE, *, also: frozenset[int] = frozenset()
    ) -> Envelope | None:
        """The page ``number``, from 0, of a list; None when the status is one of ``also``."""
        return await self._client.get_json(path, [("page", str(number)), ("size", str(size))], model=Envelope, also=also)

    async def walk(self, paths: Sequence[str], *, absent: frozenset[int] = frozenset()) -> AsyncIterator[Sheet]:
        """All pages of these lists, a few at a time. ``absent`` are statuses that mean that there is no such list.

        Every list is read to its end: by its ``totalSize``, or by an empty page. One that sends the same page twice is a
        BAD_RESPONSE. A fault is raised once the pages that came along with it are out.
        """
        waiting: deque[tuple[str, int, list[bytes]]] = deque((path, 0, []) for path in paths)

        async def ask(step: tuple[str, int, list[bytes]]) -> Envelope | None:
            path, number, _ = step
            return await self.page(path, number, also=absent if number == 0 else frozenset())

        while waiting:
            asked = [waiting.popleft() for _ in range(min(_AT_ONCE, len(waiting)))]
            answers = await self.each(asked, ask)
            sheets: list[Sheet] = []
            fault: SourceError | None = None
            for (path, number, before), answer in zip(asked, answers, strict=True):
                if isinstance(answer, SourceError):
                    fault = fault or answer
                    continue
                if answer is None:
                    sheets.append(Sheet(path, None, None, more=True))
                    continue
                rows = [bytes(row) for row in answer.results]
                if rows and rows == before:
                    fault = fault or self.fault("It keeps sending the same page.")
                    continue
                sheets.append(Sheet(path, answer.results, answer.total_size, more=True))
                # The stride is the size that was asked for (contract, section 3).
                if rows and (answer.total_size is None or (number + 1) * LARGEST_PAGE < answer.total_size):
                    waiting.append((path, number + 1, rows))
            for place, sheet in enumerate(sheets, 1):
                last = place == len(sheets) and not waiting and fault is None
                yield Sheet(sheet.path, sheet.rows, sheet.total, more=not last)
            if fault is not None:
                raise fault

    async def job(self, job_id: str) -> Held[JobRecord] | None:
        """One job; None when there is none."""
        return await self._one(f"{self.jobs}/{job_id}", JobRecord)

    async def execution(self, job_id: str, execution_id: str) -> Held[ExecutionRecord] | None:
        """One execution of a job; None when the job has no such."""
        return await self._one(f"{self.executions_of(job_id)}/{execution_id}", ExecutionRecord)

    async def each(self, items: Sequence[Item], ask: Callable[[Item], Awaitable[T]]) -> list[T | SourceError]:
        """Asks for each item, a few at a time; the fault of one is its answer. Raises nothing."""

        async def one(item: Item) -> T | SourceError:
            async with self._slots:
                try:
                    return await ask(item)
                except SourceError as error:
                    return error

        return await asyncio.gather(*(one(item) for item in items))

    async def _one(self, path: str, kind: type[R]) -> Held[R] | None:
        """A record by its address: an object (observed), or an array of one (printed)."""
        answer = await self._client.get(path, also=frozenset({404}))
        if answer.status == 404:
            return None
        sent = self._client.decode(answer, Raw)
        try:
            if bytes(sent).lstrip()[:1] == b"[":
                (sent,) = msgspec.json.decode(sent, type=list[Raw])
            return read(sent, kind)
        except ValueError as error:
            raise self.unreadable() from error

    def unreadable(self) -> SourceError:
        """The fault of a record that is not what it should be."""
        return self.fault("Its record could not be read.")

    def fault(self, message: str) -> SourceError:
        """A BAD_RESPONSE of this source."""
        return SourceError(SourceErrorCode.BAD_RESPONSE, message, source=self._client.source)
