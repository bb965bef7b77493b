"""Generated data for the simulated Runner: two weeks of playbook runs of a web shop, and the story of one bad release.

The story, told alike by all simulated systems: ``checkout 4.2.0`` was rolled out in the hour H, which is six hours before
``now`` truncated to the full hour. Executions of ``deploy checkout`` that started in [H, H+1h) mostly fail, some of them
again after a restart, with "checkout 4.2.0: schema migration 0042 failed" in their status feed and the release in their
``repository_log``; all else in that hour, and the same job before and after, does as usual (about 7 % failures).

Every planted secret contains ``s3cr3t-``. All instants here are epoch milliseconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice
from random import Random
from typing import TYPE_CHECKING

from adapters.ctl_runner import world_catalog as catalog
from adapters.ctl_runner.world_catalog import DAY, HOUR, STORY, USUAL
from adapters.ctl_runner.world_rows import (
    WAITING,
    Row,
    Timer,
    commit_log,
    execution_row,
    milliseconds,
    pseudo_json,
    timed,
)

if TYPE_CHECKING:
    from adapters.ctl_runner.world import World

STORY_ERROR = "checkout 4.2.0: schema migration 0042 failed (column orders.region already exists)"

LONGEST_WAIT = 8 * 60_000
"""No generated execution starts later after its creation, so the list is newest first by start but for so much."""

_MINUTE = 60_000
_SPAN = 14 * DAY
_LUCK = (("FAILURE", 0.055), ("INIT_FAILURE", 0.008), ("STOPPED", 0.015), ("KILLED", 0.01), ("EXPIRED", 0.005))
_RESTARTED = {"SUCCESS": 0.04, "FAILURE": 0.3}


@dataclass(frozen=True, slots=True)
class _Run:
    """An execution to be; what is None or empty is left to chance."""

    job: str
    status: str
    created: int
    timers: tuple[Timer, ...] = ()
    timing: str = ""
    log: str = ""
    failed_hosts: tuple[str | int, ...] | None = None
    stray: bool | None = None
    failure: str = "non-zero return code"


def story_hour(now: datetime) -> datetime:
    """H: the start of the hour in which the bad release ran."""
    return (now - timedelta(hours=6)).replace(minute=0, second=0, microsecond=0)


def populate(world: "World", size: int) -> None:
    """Fills an empty world with its jobs and ``size`` executions; the clock is ``world.now``."""
    random = world.random
    jobs = catalog.jobs(world.account_alias, random, milliseconds(world.now))
    for job in jobs.values():
        world.jobs[job["id"]] = job
    planner = _Planner(random, world.now)
    runs = islice(chain(planner.special(), planner.background()), size)
    for run in sorted(runs, key=lambda run: run.created):
        job = jobs[run.job]
        row = _row(run, job, random, planner.hour)
        world.executions[row["execution_id"]] = row
        world.failures[row["execution_id"]] = run.failure
    world.delete_job(jobs[catalog.DELETED]["id"])


class _Planner:
    def __init__(self, random: Random, now: datetime) -> None:
        self.random = random
        self.now = milliseconds(now)
        self.hour = milliseconds(story_hour(now))

    def special(self) -> Iterator[_Run]:
        """The story and what the rest of the data could lack by chance."""
        yield from self._story()
        yield from self._open()
        for count, ago in ((2, 30 * HOUR), (3, 3 * DAY), (4, 9 * DAY)):
            # Equal to the last digit, the first two of them of one job.
            start = self.now - ago
            for place in range(count):
                job = USUAL[max(place - 1, 0)]
                yield _Run(job, "SUCCESS", start - 2_000, ((start, start + 40_000 + place),))
        yield from self._odd()

    def _story(self) -> Iterator[_Run]:
        for place in range(10):
            start = self.hour + (3 + 5 * place) * _MINUTE + self.random.randrange(_MINUTE)
            timers: tuple[Timer, ...] = ((start, start + self.random.randrange(60_000, 150_000)),)
            if place % 3 == 0:  # restarted at once, in vain
                timers += ((start + 180_000, start + 240_000 + self.random.randrange(40_000)),)
            yield _Run(STORY, "FAILURE", start - 3_000, timers, failure=STORY_ERROR, failed_hosts=self._broken(place))
        start = self.hour + 54 * _MINUTE + 250
        # Restarted twice, the second time when the migration was repaired.
        again = self.hour + 2 * HOUR
        repaired = ((start, start + 80_000), (start + 100_000, start + 190_000), (again, again + 95_500))
        yield _Run(STORY, "SUCCESS", start - 3_000, repaired, failure=STORY_ERROR)
        yield _Run(STORY, "SUCCESS", self.hour + 12 * _MINUTE, self._attempt(self.hour + 12 * _MINUTE + 4_125))
        for hours in (-70.0, -46.5, -22.25, 1.5, 2.75, 4.0):
            start = self.hour + int(hours * HOUR)
            yield _Run(STORY, "SUCCESS", start - 4_000, self._attempt(start))
        for minutes, job in zip((5, 17, 29, 48), USUAL, strict=False):
            start = self.hour + minutes * _MINUTE + 500
            yield _Run(job, "SUCCESS", start - 1_000, self._attempt(start))

    def _broken(self, place: int) -> tuple[str, ...]:
        return (("checkout-db-01",), ("checkout-db-01", "checkout-web-01"), ("checkout-web-02",))[place % 3]

    def _open(self) -> Iterator[_Run]:
        """Not over yet, all of the last hour, and no more than four at work (the limit of an account)."""
        nobody = (0,)
        for minutes, status, timers, timing, log, failed in (
            (2, "PENDING", (), "flat", "null", nobody),
            (5, "INITIALIZING", (), "timers", "null", ()),
            (9, "PENDING", (), "timers", "null", ()),
            (14, "INITIALIZING", (), "flat", "null", nobody),
            (19, "RUNNING", ((18, None),), "flat", "string", ()),
            # Restarted: the end of the first attempt is not the end.
            (52, "RUNNING", ((51, 49), (20, None)), "timers", "object", ("UC1WFTCTEST08",)),
            (47, "PENDING", ((46, 44),), "timers", "null", nobody),
            # As printed: an end before the end.
            (33, "STOPPING", ((32, 1),), "timers", "null", nobody),
            (41, "KILLING", ((40, 2),), "timers", "null", nobody),
        ):
            attempts = tuple(
                (self.now - start * _MINUTE, None if end is None else self.now - end * _MINUTE) for start, end in timers
            )
            job = "patch linux" if len(timers) == 2 else USUAL[minutes % len(USUAL)]
            yield _Run(
                job, status, self.now - minutes * _MINUTE, attempts, timing, log, failed, timing == "flat" and bool(timers)
            )

    def _odd(self) -> Iterator[_Run]:
        for place, (ago, status) in enumerate(((HOUR, "STOPPED"), (2 * DAY, "KILLED"), (6 * DAY, "EXPIRED"))):
            # Over before it started.
            yield _Run(USUAL[place], status, self.now - ago, (), ("timers", "flat")[place % 2], "null")
        for place, status in enumerate(("STOPPED", "KILLED", "INIT_FAILURE", "EXPIRED")):
            created = self.now - (place + 1) * DAY
            yield _Run(USUAL[place], status, created, self._attempt(created + 1_500, status))
        for place in range(2):
            created = self.now - (5 + place) * DAY
            yield _Run(catalog.DELETED, "SUCCESS", created, self._attempt(created + 1_500))
        for place, status in enumerate(("SUCCESS", "FAILURE")):
            created = self.now - (8 + place) * DAY
            yield _Run(USUAL[place], status, created, self._attempt(created + 1_500), "seconds", "string")
        created = self.now - 10 * DAY
        yield _Run(USUAL[1], "FAILURE", created, self._attempt(created + 1_000), "timers", failed_hosts=(0,), stray=True)
        yield _Run(USUAL[0], "FAILURE", created, self._attempt(created + 2_000), "flat", "string", stray=False)

    def background(self) -> Iterator[_Run]:
        """Executions of all jobs without end, the more the nearer to now."""
        while True:
            job = self.random.choice((*USUAL, STORY, STORY))
            created = self.now - 20 * _MINUTE - int(_SPAN * 0.99 * self.random.random() ** 2)
            wait = (
                self.random.randrange(20_000, LONGEST_WAIT) if self.random.random() < 0.05 else self.random.randrange(15_000)
            )
            run = self._usual(job, created, created + wait)
            if run is not None:
                yield run

    def _usual(self, job: str, created: int, start: int) -> _Run | None:
        """A run with the usual luck; None if it would spoil the story or end after now."""
        if self.random.random() < 0.1:
            # Some servers clocked whole seconds; rounded up, so that nothing starts before its creation.
            start += -start % 1000
        status, luck = "SUCCESS", self.random.random()
        for word, share in _LUCK:
            if luck < share:
                status = word
                break
            luck -= share
        timers = self._attempt(start, status)
        if self.random.random() < _RESTARTED.get(status, 0.0):
            again = (timers[0][1] or start) + self.random.randrange(_MINUTE, 10 * _MINUTE)
            timers += self._attempt(again)
        spoils = job == STORY and self.hour <= start < self.hour + HOUR
        return None if spoils or (timers[-1][1] or start) >= self.now else _Run(job, status, created, timers)

    def _attempt(self, start: int, status: str = "SUCCESS") -> tuple[Timer, ...]:
        match status:
            case "EXPIRED":  # the default time to live
                return ((start, start + 180 * _MINUTE),)
            case "INIT_FAILURE":
                return ((start, start + self.random.randrange(200, 3_000)),)
            case _:
                return ((start, start + self.random.randrange(12_000, 600_000)),)


def _row(run: _Run, job: Row, random: Random, hour: int) -> Row:
    """The record of a run in the edition that it asks for, or in any."""
    timing = run.timing or ("flat" if len(run.timers) == 1 and random.random() < 0.3 else "timers")
    row = execution_row(
        job["accountAlias"],
        job["id"],
        catalog.uuid(random),
        run.status,
        timed(run.timers, flat=timing != "timers", seconds=timing == "seconds"),
    )
    log = run.log or ("null" if run.status in WAITING else random.choice(("null", "string", "object", "object")))
    if log != "null":
        known = commit_log(f"{random.getrandbits(160):040x}", _message(run, hour), run.created)
        row["repository_log"] = known if log == "object" else pseudo_json(known)
    row["failed_hosts"] = _failed_hosts(run, job, random) if run.failed_hosts is None else list(run.failed_hosts)
    row["is_vpn_established"] = random.random() < 0.2
    if random.random() < 0.3 if run.stray is None else run.stray:
        row["id"] = catalog.uuid(random)
    return row


def _message(run: _Run, hour: int) -> str:
    if run.job != STORY:
        return f"Tidy up {run.job}"
    started = run.timers[0][0]
    return f"Roll out checkout {'4.1.9' if started < hour else '4.2.0' if started < hour + HOUR else '4.2.1'}"


def _failed_hosts(run: _Run, job: Row, random: Random) -> list[str]:
    if run.status != "FAILURE":
        return []
    hosts = [host["id"] for host in job["hosts"]] or [f"dyn-{number:02}" for number in range(1, 5)]
    return random.sample(hosts, random.randint(1, min(3, len(hosts))))
