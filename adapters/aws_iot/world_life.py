"""Life in the simulated fleet: open executions go on, print, and end; continuous jobs get new ones.

Nothing runs by itself: whoever wants to know lets the world catch up first (``gateway.testing.agenda``).
"""

from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING

from adapters.aws_iot.world_logs import ending, progress
from adapters.aws_iot.world_rows import OPEN, ExecutionId
from gateway.testing.agenda import Agenda, Happening

if TYPE_CHECKING:
    from adapters.aws_iot.world import World

_MOST_OPEN = 12
_LONGEST_LATE = 8_000


class Life:
    """What happens to ``world`` from its ``now`` on, ``speed`` times as fast as ``clock`` (seconds) goes."""

    def __init__(self, world: "World", clock: Callable[[], float], speed: float = 1.0, seed: int = 0) -> None:
        self._world = world
        self._random = Random(seed)  # noqa: S311 - seeded pseudo-random data is the point
        self._agenda = Agenda(world, clock, speed)
        self._agenda.begin(self._arrivals())
        for key, row in world.executions.items():
            if row["status"] in OPEN:
                self._agenda.begin(self._run(key))

    def catch_up(self) -> None:
        """Let everything happen that should have happened by now."""
        self._agenda.catch_up()

    def advance(self, now: datetime) -> None:
        """Let everything happen that happens until ``now``, each at its time."""
        self._agenda.advance(now)

    def _arrivals(self) -> Happening:
        """A thing joins the group of a continuous job now and then."""
        while True:
            yield self._random.randrange(10_000, 40_000)
            jobs = [
                job_id
                for job_id, row in self._world.jobs.items()
                if (row["status"], row["targetSelection"]) == ("IN_PROGRESS", "CONTINUOUS")
            ]
            busy = {key.thing_name for key, row in self._world.executions.items() if row["status"] in OPEN}
            idle = [name for name in self._world.things if name not in busy]
            if jobs and idle and len(busy) < _MOST_OPEN:
                job_id, thing = self._random.choice(jobs), self._random.choice(idle)
                key = self._world.add_execution(jobId=job_id, thingName=thing, status="QUEUED", queuedAt=self._world.now)
                self._agenda.begin(self._run(key))

    def _run(self, key: ExecutionId) -> Happening:
        """One execution from where it is to its end, which a test may bring about earlier."""
        random, world = self._random, self._world
        yield random.randrange(1_000, 8_000)
        if self._is(key, "QUEUED"):
            if random.random() < 0.05:
                world.update_execution(key, status="CANCELED")
                return
            world.update_execution(key, status="IN_PROGRESS", startedAt=world.now)
        name = world.logs.name_of(key)
        lines = progress(key)
        # What an execution has printed before it came alive stays printed.
        done = len(world.log_lines(key))
        world.logs.put(name, [])
        for place, text in enumerate(lines[done:], done):
            if not self._is(key, "IN_PROGRESS"):
                return
            # Devices send in batches: now and then a line arrives after newer ones.
            late = random.randrange(_LONGEST_LATE) if place > 2 and random.random() < 0.05 else 0
            started = round(world.executions[key]["startedAt"] * 1000)
            at = max(started, int(world.now.timestamp() * 1000) - late)
            world.logs.write(name, text=text, at=at)
            if place % 5 == 4:
                step = {"step": "install", "progress": str(100 * place // len(lines))}
                world.update_execution(key, statusDetails={"detailsMap": step})
            yield random.randrange(300, 3_000)
        if self._is(key, "IN_PROGRESS"):
            self._end(key, name)

    def _end(self, key: ExecutionId, name: tuple[str, str]) -> None:
        luck = self._random.random()
        status = "FAILED" if luck < 0.07 else "CANCELED" if luck < 0.1 else "SUCCEEDED"
        details = {"step": "done", "progress": "100"}
        if status == "FAILED":
            details = {"step": "install", "reason": "checksum mismatch", "exitCode": "3"}
        members = {"forceCanceled": True} if status == "CANCELED" else {}
        self._world.update_execution(
            key, status=status, statusDetails={"detailsMap": details}, approximateSecondsBeforeTimedOut=None, **members
        )
        for text in ending(self._world.executions[key]):
            self._world.logs.write(name, text=text)

    def _is(self, key: ExecutionId, status: str) -> bool:
        row = self._world.executions.get(key)
        return row is not None and row["status"] == status
