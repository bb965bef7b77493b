"""Generated data for the simulated Scale: two weeks of jobs of an imagery shop, and the story of one bad release.

The story, told alike by all simulated systems: ``checkout 4.2.0`` was rolled out in the hour H, which is six hours before
``now`` truncated to the full hour. Executions of ``checkout-ingest`` 4.2.0 that started in [H, H+1h) mostly fail, on
several nodes, with the ALGORITHM error "checkout 4.2.0: schema migration 0042 failed"; all else in that hour, and the same
job type before and after, does as usual (7 % failures).

Every planted secret contains ``s3cr3t-``: passwords in ``environment``, tokens in ``results``, keys in the description of
events.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from random import Random
from typing import TYPE_CHECKING

from adapters.scale import world_catalog as catalog
from adapters.scale.simulator_tables import Row
from adapters.scale.world_rows import after

if TYPE_CHECKING:
    from adapters.scale.world import World

STORY = ("checkout-ingest", "4.2.0")
SPAN = timedelta(days=14)
_FAILURES = 0.07
_CANCELED = 0.02
USUAL_ERRORS = (
    ("unknown", None), ("node-lost", None), ("timeout", 137), ("algorithm-bad-input", 1), ("data-missing", 2)
)  # fmt: skip
"""Errors by name, with the exit code that an execution ends with."""


@dataclass(frozen=True, slots=True)
class _Try:
    status: str
    created: datetime
    wait: float
    duration: float
    error: str | None = None
    exit_code: int | None = None
    node: str | None = None


@dataclass(slots=True)
class _Plan:
    """A job to be: its type (name, version) and its executions."""

    job_type: tuple[str, str]
    tries: list[_Try]


def story_hour(now: datetime) -> datetime:
    """H: the start of the hour in which the bad release ran."""
    return (now - timedelta(hours=6)).replace(minute=0, second=0, microsecond=0)


def populate(world: "World", random: Random, size: int) -> None:
    """Fills an empty world with the catalog and ``size`` executions; the clock is ``world.now``."""
    catalog.populate(world)
    planner = _Planner(random, world.now)
    plans: list[_Plan] = []
    left = size
    for plan in chain(planner.special(), planner.background()):
        if left <= 0:
            break
        plan.tries = plan.tries[:left]
        left -= len(plan.tries)
        plans.append(plan)
    _store(world, random, plans)
    _bulk_update(world, random)
    _supersede(world)
    _wait(world)


class _Planner:
    def __init__(self, random: Random, now: datetime) -> None:
        self.random = random
        self.now = now
        self.hour = story_hour(now)

    def special(self) -> Iterator[_Plan]:
        """The story and what the rest of the data could lack by chance."""
        yield from self._story()
        yield from self._open()
        for count, ago in ((2, timedelta(hours=30)), (3, timedelta(days=3)), (5, timedelta(days=9))):
            # Queued in bulk: equal to the last digit.
            created = self._stamp(self.now - ago)
            for place in range(count):
                yield _Plan(catalog.USUAL[place], [self._finished("COMPLETED", created)])
        for minutes in (55, 3000):
            created = self._stamp(self.now - timedelta(minutes=minutes))
            yield _Plan(catalog.USUAL[0], [_Try("CANCELED", created, 40.0, 0.0)])
            yield _Plan(catalog.USUAL[1], [self._finished("CANCELED", created)])

    def _story(self) -> Iterator[_Plan]:
        for job in range(4):
            tries = []
            created = after(self.hour, 120 + 360 * job + self.random.randrange(60_000) / 1000)
            for retry in range(3):
                node = catalog.STORY_NODES[(job + retry) % len(catalog.STORY_NODES)]
                duration = self.random.randrange(150_000, 300_000) / 1000
                failed = _Try("FAILED", created, 4.0, duration, catalog.STORY_ERROR, 42, node)
                tries.append(failed)
                created = after(created, failed.wait + failed.duration + 30)
            if job == 0:  # requeued once the migration was repaired
                tries.append(self._finished("COMPLETED", after(self.hour, 2 * 3600 + 0.25)))
            yield _Plan(STORY, tries)
        for minutes in (12, 41):
            yield _Plan(STORY, [self._finished("COMPLETED", after(self.hour, 60 * minutes + 0.125))])
        for hours in (-70.0, -46.5, -22.25, 1.5, 2.75, 4.0):
            yield _Plan(STORY, [self._finished("COMPLETED", after(self.hour, 3600 * hours))])
        for minutes, job_type in zip((5, 17, 29, 48), catalog.USUAL, strict=False):
            yield _Plan(job_type, [self._finished("COMPLETED", after(self.hour, 60 * minutes + 0.5))])

    def _open(self) -> Iterator[_Plan]:
        for place, minutes in enumerate((4, 11, 23, 37, 44, 52)):
            status = "RUNNING" if place % 2 else "QUEUED"
            created = self._stamp(self.now - timedelta(minutes=minutes))
            yield _Plan(catalog.USUAL[place % len(catalog.USUAL)], [_Try(status, created, 3.5, 0.0)])

    def background(self) -> Iterator[_Plan]:
        """Jobs of all types without end, the more the nearer to now."""
        while True:
            job_type = self.random.choice((*catalog.USUAL, ("checkout-ingest", "4.1.9"), STORY))
            created = self.now - SPAN * (0.99 * self.random.random() ** 2) - timedelta(minutes=20)
            first = self._usual(self._stamp(created), job_type[0])
            if first is None:
                continue
            plan = _Plan(job_type, [first])
            if first.status == "FAILED" and self.random.random() < 0.6:
                ended = after(first.created, first.wait + first.duration)
                again = self._usual(self._stamp(after(ended, self.random.uniform(10, 120))), job_type[0])
                if again is not None:
                    plan.tries.append(again)
            yield plan

    def _usual(self, created: datetime, name: str) -> _Try | None:
        """A run with the usual luck; None if it would spoil the story or end after now."""
        luck = self.random.random()
        status = "FAILED" if luck < _FAILURES else "CANCELED" if luck < _FAILURES + _CANCELED else "COMPLETED"
        run = self._finished(status, created)
        started = after(created, run.wait)
        spoils = name == STORY[0] and self.hour <= started < self.hour + timedelta(hours=1)
        return None if spoils or after(started, run.duration + 1) > self.now else run

    def _finished(self, status: str, created: datetime) -> _Try:
        error, code = self.random.choice(USUAL_ERRORS) if status == "FAILED" else (None, None)
        if status == "COMPLETED":
            code = 0
        wait = self.random.randrange(800, 40_000) / 1000
        duration = self.random.randrange(20_000, 900_000) / 1000
        return _Try(status, created, wait, duration, error, code)

    def _stamp(self, instant: datetime) -> datetime:
        """The instant in the precision of Scale's data: mostly milliseconds, some whole seconds, some microseconds."""
        luck = self.random.random()
        if luck < 0.1:
            return instant.replace(microsecond=0)
        return instant if luck < 0.2 else instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _store(world: "World", random: Random, plans: list[_Plan]) -> None:
    """Adds jobs and executions in the order of their creation, so that ids grow with time as in a database."""
    types = {(row["name"], row["version"]): key for key, row in world.job_types.items()}
    nodes = {row["hostname"]: key for key, row in world.nodes.items()}
    errors = {row["name"]: key for key, row in world.errors.items()}
    usable = [key for key, row in world.nodes.items() if row["is_active"]]
    archived = [key for key, row in world.nodes.items() if not row["is_active"]]
    job_ids: dict[int, int] = {}
    runs = [(each, plan) for plan in plans for each in plan.tries]
    for run, plan in sorted(runs, key=lambda pair: pair[0].created):
        job_id = job_ids.get(id(plan))
        if job_id is None:
            job_id = world.add_job(types[plan.job_type], created=after(run.created, -0.5))
            job_ids[id(plan)] = job_id
            _describe(world.events[world.jobs[job_id]["event_id"]], random, job_id)
        columns: Row = {"status": run.status, "created": run.created, "wait": run.wait, "duration": run.duration}
        columns.update(job_id=job_id, job_exit_code=run.exit_code)
        if run.error is not None:
            columns["error_id"] = errors[run.error]
        if run.status == "RUNNING" or run.duration:
            old = run.created < world.now - catalog.ARCHIVED_AGO and random.random() < 0.15
            columns["node_id"] = nodes[run.node] if run.node else random.choice(archived if old else usable)
        _furnish(world.executions[world.add_execution(**columns)], plan.job_type[0], random)


def _describe(event: Row, random: Random, job_id: int) -> None:
    """Most jobs come of a parsed file; some descriptions carry the key of the bucket it came from."""
    if random.random() < 0.1:
        return
    description = {"version": "1.0", "file_id": 5000 + job_id, "file_name": f"scene_{job_id:06}.tif"}
    if random.random() < 0.3:
        description["access_key"] = _secret(random, "bucket")
    event.update(type="PARSE", rule_id=1, description=description)


def _furnish(execution: Row, name: str, random: Random) -> None:
    """Environment and results, secrets included, in the shapes that Scale's schemas have."""
    if execution["started"] is not None and name in {"checkout-ingest", "catalog-export"}:
        database = {"name": "catalog", "type": "database", "host": "db01.scale.example", "user": "ingest"}
        execution["environment"] = {
            "version": "1.0",
            "shared_resources": [{**database, "password": _secret(random, "database")}],
        }
    if execution["status"] == "COMPLETED" and name == "catalog-export":
        execution["results"] = {**execution["results"], "upload_token": _secret(random, "upload")}


def _secret(random: Random, kind: str) -> str:
    return f"s3cr3t-{kind}-{random.getrandbits(32):08x}"


def _bulk_update(world: "World", random: Random) -> None:
    """A bulk update, as in the recordings: many old executions share one ``last_modified``."""
    moment = story_hour(world.now) - timedelta(hours=2)
    old = [row for row in world.executions.values() if row["ended"] is not None and row["ended"] < moment]
    for row in random.sample(old, len(old) // 20):
        row["last_modified"] = moment


def _supersede(world: "World") -> None:
    """One job replaced by a later one of its type."""
    jobs = [row for row in world.jobs.values() if world.job_types[row["job_type_id"]]["name"] == catalog.USUAL[0][0]]
    if len(jobs) < 2:
        return
    older, newer = jobs[0], jobs[1]
    older.update(is_superseded=True, superseded=newer["created"], superseded_by_job_id=newer["id"])
    newer.update(superseded_job_id=older["id"], root_superseded_job_id=older["id"])


def _wait(world: "World") -> None:
    """Jobs without an execution: PENDING and BLOCKED."""
    for minutes, status in ((9, "PENDING"), (26, "BLOCKED"), (31, "PENDING"), (58, "BLOCKED")):
        world.add_job(created=world.now - timedelta(minutes=minutes), status=status)
