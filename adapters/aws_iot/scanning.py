"""Reading executions list by list, a few lists at a time, and saying how far they are settled (DECISIONS 13)."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import TypeVar

from msgspec import Raw

from adapters.aws_iot.client import ExecutionRow, IotClient, JobRecord, Pages
from adapters.aws_iot.mapping import Mapper
from adapters.aws_iot.planning import Fan, Parent, parents, settled
from adapters.aws_iot.shelf import Shelf
from adapters.aws_iot.words import is_job
from gateway.errors import SourceError, SourceErrorCode
from gateway.model import Execution, Job, JobState, Key
from gateway.records import read
from gateway.spi import At, Page

T = TypeVar("T")

_AT_ONCE = 4
_FAULTS = 3
"""After faults of so many jobs it is the source that fails, and nothing more is asked for."""
_LONGER = 10
"""How many times longer the executions of a completed job are kept: they are over, all of them."""


class Reader:
    """Reads the lists of one source. Iterating raises SourceError."""

    def __init__(self, client: IotClient, mapper: Mapper, shelf: Shelf, keep_seconds: float) -> None:
        self._client = client
        self._map = mapper
        self._shelf = shelf
        self._keep = keep_seconds

    # --- jobs

    async def jobs(self, words: frozenset[str] | None = None) -> AsyncGenerator[Page[Job], None]:
        """Jobs, those in some states only if ``words`` says so; each state has a list of its own."""
        chains: list[str | None] = [None] if words is None else [*sorted(words)]
        if (kept := self._kept_jobs(words)) is not None:
            yield Page(kept, returned=0, more=False)
            return
        for place, word in enumerate(chains, 1):
            found: dict[Key, Job] = {}
            whole = True
            async for sheet in self._client.jobs(word):
                rows = _readable(sheet.rows, lambda raw: self._map.job(read(raw, JobRecord)))
                unreadable = len(sheet.rows) - len(rows)
                whole = whole and not unreadable
                found |= {job.key: job for job in rows}
                if whole and not sheet.more:
                    self._shelf.put(("jobs", word), list(found.values()), self._keep)
                last = not sheet.more and place == len(chains)
                # moto knows no states (contract, section 5).
                wanted = [job for job in rows if _has_state(job, words)]
                yield Page(wanted, len(sheet.rows), more=not last, unreadable=unreadable)

    def kept_job(self, job_id: str) -> Job | None:
        """A job of a list that was read lately."""
        kept = self._shelf.get(("jobs", None))
        return next((job for job in kept or () if job.key.parts[0] == job_id), None)

    def _kept_jobs(self, words: frozenset[str] | None) -> list[Job] | None:
        if (every := self._shelf.get(("jobs", None))) is not None:
            return [job for job in every if _has_state(job, words)]
        if words is None:
            return None
        lists = [self._shelf.get(("jobs", word)) for word in words]
        return None if None in lists else [job for each in lists for job in each or ()]

    # --- executions

    async def executions(self, fan: Fan, at: At | None) -> AsyncGenerator[Page[Execution], None]:
        """Executions behind ``at`` by jobs, in the order in which they are settled soonest."""
        if fan.jobs is not None:
            jobs = [self.kept_job(job_id) or self._map.named_job(job_id) for job_id in sorted(fan.jobs)]
        else:
            listed: dict[Key, Job] = {}
            async with aclosing(self.jobs()) as pages:
                async for page in pages:
                    listed |= {job.key: job for job in page.rows}
                    # Nothing is settled yet, but a budget may end here.
                    yield Page((), 0, more=True, unreadable=page.unreadable)
            jobs = list(listed.values())
        waiting = deque(parents(fan, jobs, at))
        active: list[_Visit] = []
        # Jobs of which rows are missing: what lies behind them is never settled.
        lost: list[Parent] = []
        faults: list[SourceError] = []
        while (waiting or active) and len(faults) < _FAULTS:
            if ready := self._ready(fan, waiting):
                more = bool(waiting or active or faults)
                yield Page(ready, 0, more=more, settled=_settled(fan, active, waiting, lost))
                continue
            while waiting and len(active) < _AT_ONCE:
                active.append(_Visit(self, fan, waiting.popleft()))
            rows, returned, unreadable, failed = await _step(active)
            lost += (visit.parent for visit, _ in failed)
            faults += (fault for _, fault in failed)
            active = [visit for visit in active if not visit.done]
            more = bool(waiting or active or faults)
            yield Page(rows, returned, more=more, unreadable=unreadable, settled=_settled(fan, active, waiting, lost))
        if faults:
            raise faults[0]
        yield Page((), 0, more=False)

    def _ready(self, fan: Fan, waiting: deque[Parent]) -> list[Execution]:
        """The executions of the first jobs, as long as they are kept."""
        found: list[Execution] = []
        while waiting and (kept := self.kept_executions(waiting[0].job.key.parts[0], fan.words)) is not None:
            waiting.popleft()
            found += filter(fan.keeps, kept)
        return found

    def kept_executions(self, job_id: str, words: frozenset[str] | None) -> list[Execution] | None:
        """The executions of a job, with these statuses at least, as they were read lately."""
        if (every := self._shelf.get(("job", job_id, None))) is not None:
            return list(every)
        if words is None:
            return None
        lists = [self._shelf.get(("job", job_id, word)) for word in words]
        return None if None in lists else [row for each in lists for row in each or ()]

    def keep_executions(self, job: Job, word: str | None, rows: Sequence[Execution]) -> None:
        """Keep a whole list of executions of a job."""
        seconds = self._keep * (_LONGER if job.state is JobState.COMPLETED else 1)
        self._shelf.put(("job", job.key.parts[0], word), rows, seconds)

    def executions_of(self, job: Job, word: str | None) -> Pages:
        """One list of executions of a job."""
        return self._client.executions_of_job(job.key.parts[0], word)

    def readable(self, job: Job, rows: Sequence[Raw]) -> list[Execution]:
        """The executions among the rows of a list of a job."""
        return _readable(rows, lambda raw: self._map.execution(job, read(raw, ExecutionRow)))

    async def of_things(self, fan: Fan) -> AsyncGenerator[Page[Execution], None]:
        """Executions by things. One that is gone has no list any more."""
        job_id = next(iter(fan.jobs)) if fan.jobs is not None and len(fan.jobs) == 1 else None
        chains = [(thing, word) for thing in sorted(fan.things or ()) for word in _chains(fan.words)]
        gone: set[str] = set()
        for thing, word in chains:
            listed = False
            async with aclosing(self.of_thing(thing, word, job_id)) as pages:
                async for page in pages:
                    listed = True
                    yield replace(page, rows=[row for row in page.rows if fan.keeps(row)])
            if not listed:
                gone.add(thing)
        if gone and fan.by_id:
            # What they had is in the lists of the jobs. For a name alone that would be a dear search for nothing.
            async with aclosing(self.executions(replace(fan, by_thing=False, things=frozenset(gone)), None)) as rest:
                async for page in rest:
                    yield replace(page, settled=None)
            return
        yield Page((), 0, more=False)

    async def of_thing(self, thing: str, word: str | None, job_id: str | None) -> AsyncGenerator[Page[Execution], None]:
        """One list of executions of a thing; no page at all of one that is gone, whose jobs still list its executions."""
        name, gone = ("thing", thing, word, job_id), ("gone", thing)
        if self._shelf.get(gone) is not None:
            return
        if (kept := self._shelf.get(name)) is not None:
            yield Page(kept, 0, more=True)
            return
        found: dict[Key, Execution] = {}
        whole = True
        try:
            async for sheet in self._client.executions_of_thing(thing, word, job_id):
                rows = _readable(sheet.rows, lambda raw: self._of_thing(thing, raw))
                whole = whole and len(rows) == len(sheet.rows)
                found |= {row.key: row for row in rows}
                yield Page(rows, len(sheet.rows), more=True, unreadable=len(sheet.rows) - len(rows))
        except SourceError as error:
            if error.code is not SourceErrorCode.NOT_FOUND:
                raise
            self._shelf.put(gone, (), self._keep)
            return
        if whole:
            self._shelf.put(name, list(found.values()), self._keep)

    def _of_thing(self, thing: str, raw: Raw) -> Execution:
        held = read(raw, ExecutionRow)
        job_id = held.record.job_id or ""
        if not is_job(job_id):
            raise ValueError("not a job id")
        return self._map.execution(self.kept_job(job_id) or self._map.named_job(job_id), held, thing=thing)


class _Visit:
    """One job's executions being read: all of them, or one list a status.

    Of several statuses the first page of all executions is read first. Most jobs are small: then that was one request for
    them instead of one a status, and it serves other filters too.
    """

    def __init__(self, reader: Reader, fan: Fan, parent: Parent) -> None:
        self.parent = parent
        self.done = False
        self._reader = reader
        self._fan = fan
        words = sorted(fan.words or ())
        self._probing = len(words) > 1
        self._chains: deque[str | None] = deque([None] if self._probing or not words else [words[0]])
        self._later: deque[str | None] = deque(words if self._probing else ())
        self._pages: Pages | None = None
        self._found: dict[Key, Execution] = {}
        self._probed: dict[Key, Execution] = {}
        self._whole = True

    async def step(self) -> tuple[list[Execution], int, int]:
        """Read one page: its rows that matter, how many it had, and how many of those could not be read."""
        job = self.parent.job
        if self._pages is None:
            self._pages = self._reader.executions_of(job, self._chains[0])
        try:
            sheet = await anext(self._pages)
        except SourceError as error:
            if error.code is not SourceErrorCode.NOT_FOUND:
                raise
            # The job was deleted meanwhile, and its executions with it.
            self.done = True
            return [], 0, 0
        rows = self._reader.readable(job, sheet.rows)
        self._found |= {row.key: row for row in rows}
        self._whole = self._whole and len(rows) == len(sheet.rows)
        if not sheet.more:
            self._close(self._chains.popleft())
        elif self._probing:
            # A large one: now one list a status.
            self._probing = False
            self._chains, self._later = self._later, deque()
            self._pages, self._probed, self._found, self._whole = None, self._found, {}, True
            return list(filter(self._fan.keeps, rows)), len(sheet.rows), len(sheet.rows) - len(rows)
        # Those of the first page come again in the lists of their statuses; only what is new about them matters.
        new = [row for row in rows if self._fan.keeps(row) and self._probed.get(row.key) != row]
        return new, len(sheet.rows), len(sheet.rows) - len(rows)

    def _close(self, word: str | None) -> None:
        if self._whole:
            self._reader.keep_executions(self.parent.job, word, list(self._found.values()))
        self._pages, self._found, self._whole = None, {}, True
        self.done = not self._chains


async def _step(active: Sequence[_Visit]) -> tuple[list[Execution], int, int, list[tuple[_Visit, SourceError]]]:
    """One page of each visit at once; the fault of one ends it, and does not cost the rows of the others."""
    rows: list[Execution] = []
    returned = unreadable = 0
    failed: list[tuple[_Visit, SourceError]] = []
    answers = await asyncio.gather(*(visit.step() for visit in active), return_exceptions=True)
    for visit, answer in zip(active, answers, strict=True):
        if isinstance(answer, SourceError):
            visit.done = True
            failed.append((visit, answer))
        elif isinstance(answer, BaseException):
            raise answer
        else:
            rows += answer[0]
            returned += answer[1]
            unreadable += answer[2]
    return rows, returned, unreadable, failed


def _settled(fan: Fan, active: Sequence[_Visit], waiting: Sequence[Parent], lost: Sequence[Parent]) -> At | None:
    return settled(fan, [*(visit.parent for visit in active), *waiting, *lost])


def _has_state(job: Job, words: frozenset[str] | None) -> bool:
    return words is None or (job.raw_state or "").strip().upper() in words


def _chains(words: frozenset[str] | None) -> list[str | None]:
    return [None] if words is None else [*sorted(words)]


def _readable(rows: Sequence[Raw], reader: Callable[[Raw], T]) -> list[T]:
    """The rows that can be read: one that cannot must not hide the others."""
    found = []
    for raw in rows:
        with suppress(ValueError):
            found.append(reader(raw))
    return found
