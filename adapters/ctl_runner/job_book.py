"""What executions are told by their jobs: read at most once a minute, because no execution carries it."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from adapters.ctl_runner.client import JobRecord, RunnerClient
from adapters.ctl_runner.mapping import Mapper
from gateway.errors import SourceError
from gateway.model import Job
from gateway.records import read

FEW = 2
"""So many jobs are asked for one by one; more take the list of all of them, a hundred to a page."""

_SECONDS = 60.0

Described = Mapping[str, Job | None]
"""Jobs by id; None for one that is not there, or cannot be read."""


@dataclass(frozen=True, slots=True)
class Everything:
    """All jobs of the account by id, and how many records could not be read."""

    jobs: Mapping[str, Job]
    unreadable: int


class JobBook:
    """The jobs of one account. Every method raises SourceError."""

    def __init__(self, client: RunnerClient, mapper: Mapper, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._map = mapper
        self._clock = clock
        self._lock = asyncio.Lock()
        self._noted: dict[str, tuple[float, Job | None]] = {}

    async def one(self, job_id: str) -> Job | None:
        """One job as it is now; None when there is none."""
        held = await self._client.job(job_id)
        try:
            job = None if held is None else self._map.job(held)
        except ValueError as error:
            raise self._client.unreadable() from error
        if job is not None and job.key.parts != (job_id,):
            raise self._client.unreadable()
        self._note({job_id: job})
        return job

    async def everything(self) -> Everything:
        """All jobs as they are now."""
        jobs: dict[str, Job] = {}
        unreadable = 0
        async for sheet in self._client.walk([self._client.jobs]):
            for raw in sheet.rows or ():
                try:
                    job = self._map.job(read(raw, JobRecord))
                except ValueError:
                    unreadable += 1
                else:
                    # Jobs made meanwhile push others onto the next page: those come twice, and count once.
                    jobs[job.key.native_id] = job
        self._noted.clear()
        self._note(jobs)
        return Everything(jobs, unreadable)

    async def describe(self, ids: Collection[str]) -> Described:
        """These jobs as they were within the last minute, from the list of all of them."""
        async with self._lock:
            found = self._fresh(ids)
            if missing := set(ids) - found.keys():
                jobs = (await self.everything()).jobs
                absent = {job_id: jobs.get(job_id) for job_id in missing}
                self._note(absent)
                found |= absent
            return found

    async def look_up(self, ids: Collection[str]) -> Described:
        """These jobs as they were within the last minute, with few requests for few jobs."""
        found = self._fresh(ids)
        missing = [job_id for job_id in ids if job_id not in found]
        if len(missing) > FEW:
            return await self.describe(ids)
        for job_id, answer in zip(missing, await self._client.each(missing, self.one), strict=True):
            if isinstance(answer, SourceError):
                raise answer
            found[job_id] = answer
        return found

    def _fresh(self, ids: Collection[str]) -> dict[str, Job | None]:
        now = self._clock()
        noted = {job_id: self._noted[job_id] for job_id in ids if job_id in self._noted}
        return {job_id: job for job_id, (end, job) in noted.items() if now < end}

    def _note(self, jobs: Described) -> None:
        end = self._clock() + _SECONDS
        self._noted |= {job_id: (end, job) for job_id, job in jobs.items()}
