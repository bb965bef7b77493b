"""Life in the simulated instance: open executions start and end, active jobs are queued now and then.

Nothing runs by itself: whoever wants to know lets the world catch up first (``gateway.testing.agenda``).
"""

from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING

from gateway.testing.agenda import Agenda, Happening

if TYPE_CHECKING:
    from adapters.threatconnect.world import World

_MOST_OPEN = 8
_MESSAGES = {"Completed": "Processed 12 indicators\n", "Failed": "Failed for status (503)\n"}


class Life:
    """What happens to ``world`` from its ``now`` on, ``speed`` times as fast as ``clock`` (seconds) goes."""

    def __init__(self, world: "World", clock: Callable[[], float], speed: float = 1.0, seed: int = 0) -> None:
        self._world = world
        self._random = Random(seed)  # noqa: S311 - seeded pseudo-random data is the point
        self._agenda = Agenda(world, clock, speed)
        self._agenda.begin(self._arrivals())
        for execution_id, row in world.executions.items():
            if row["status"] in ("Queued", "Running"):
                self._agenda.begin(self._run(execution_id))

    def catch_up(self) -> None:
        """Let everything happen that should have happened by now."""
        self._agenda.catch_up()

    def advance(self, now: datetime) -> None:
        """Let everything happen that happens until ``now``, each at its time."""
        self._agenda.advance(now)

    def _arrivals(self) -> Happening:
        """An active job is due now and then."""
        while True:
            yield self._random.randrange(10_000, 40_000)
            jobs = [job_id for job_id, row in self._world.jobs.items() if row["active"]]
            busy = sum(row["status"] in ("Queued", "Running") for row in self._world.executions.values())
            if jobs and busy < _MOST_OPEN:
                self._agenda.begin(self._run(self._world.add_execution(jobId=self._random.choice(jobs), status="Queued")))

    def _run(self, execution_id: int) -> Happening:
        """One execution from where it is to its end. It may be gone meanwhile."""
        yield self._random.randrange(1_000, 8_000)
        if self._is(execution_id, "Queued"):
            self._world.update_execution(execution_id, status="Running", startTime=self._world.now, serverName="tc-job")
        yield self._random.randrange(5_000, 60_000)
        if self._is(execution_id, "Running"):
            ended = "Failed" if self._random.random() < 0.1 else "Completed"
            column = "failedTime" if ended == "Failed" else "completedTime"
            message = _MESSAGES[ended]
            self._world.update_execution(execution_id, status=ended, exitMessage=message, **{column: self._world.now})

    def _is(self, execution_id: int, status: str) -> bool:
        row = self._world.executions.get(execution_id)
        return row is not None and row["status"] == status
