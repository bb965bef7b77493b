"""Time in the simulated Scale: executions start, run and end, jobs are queued, canceled and tried again.

Nothing runs in the background: whoever looks at the world lets it catch up with its clock first.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
from random import Random

from adapters.scale.simulator_tables import Row
from adapters.scale.world import World
from adapters.scale.world_generator import USUAL_ERRORS
from adapters.scale.world_rows import after, execution_row

# What becomes known of an execution when the instant of that name comes.
_STAGES: Mapping[str, Sequence[str]] = {
    "started": [
        "started",
        "command_arguments",
        "environment",
        "cpus_scheduled",
        "mem_scheduled",
        "disk_in_scheduled",
        "disk_out_scheduled",
        "disk_total_scheduled",
    ],
    "job_started": ["pre_started", "pre_completed", "pre_exit_code", "job_started"],
    "job_completed": ["job_completed", "job_exit_code", "post_started"],
    "ended": ["status", "ended", "post_completed", "post_exit_code", "results", "results_manifest", "error_id"],
}
_OPEN = frozenset({"QUEUED", "RUNNING"})
_FAILURES = 0.12
_CANCELED = 0.08
_BETWEEN_ARRIVALS_SECONDS = 20.0
# When nobody has looked for long, no more jobs than those of this time have come.
_LONGEST_GAP = timedelta(hours=1)


class Life:
    """Lets a world proceed ``speed`` times as fast as ``clock`` (seconds), from its ``now`` on; alike for equal seeds."""

    def __init__(self, world: World, speed: float, clock: Callable[[], float]) -> None:
        self._world = world
        self._random = Random(f"life {world.seed}")  # noqa: S311 - seeded pseudo-random data is the point
        self._speed = speed
        self._clock = clock
        self._begun = clock()
        self._origin = self._until = world.now
        self._count = count()
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []
        for key, row in world.executions.items():
            if row["status"] in _OPEN:
                self._plan(key)
        self._expect()

    def catch_up(self) -> None:
        """Let the world proceed to what its clock says now."""
        self.advance(after(self._origin, (self._clock() - self._begun) * self._speed))

    def advance(self, now: datetime) -> None:
        """Let happen what happens until ``now``, in order."""
        self._until = max(now, self._world.now)
        while self._due and self._due[0][0] <= self._until:
            at, _, happen = heappop(self._due)
            self._world.now = max(self._world.now, at)
            happen()
        self._world.now = self._until

    def _at(self, instant: datetime, happen: Callable[[], None]) -> None:
        heappush(self._due, (instant, next(self._count), happen))

    def _expect(self) -> None:
        """The next job to come."""
        at = after(self._world.now, self._random.expovariate(1 / _BETWEEN_ARRIVALS_SECONDS))
        self._at(max(at, self._until - _LONGEST_GAP), self._arrive)

    def _arrive(self) -> None:
        world = self._world
        waiting = [key for key, row in world.jobs.items() if row["status"] in {"PENDING", "FAILED", "CANCELED"}]
        if waiting and self._random.random() < 0.3:
            self._queue(self._random.choice(waiting))
        else:
            usual = [key for key, row in world.job_types.items() if row["is_active"] and not row["is_paused"]]
            self._queue(world.add_job(self._random.choice(usual)))
        self._expect()

    def _queue(self, job_id: int) -> None:
        """A further execution of a job, unless it has an open one already."""
        if self._world.jobs[job_id]["status"] not in _OPEN:
            self._plan(self._world.add_execution(job_id=job_id, status="QUEUED"))

    def _plan(self, execution_id: int) -> None:
        """Settle what becomes of an open execution, and when."""
        world, random = self._world, self._random
        row = world.executions[execution_id]
        job_type = world.job_types[world.jobs[row["job_id"]]["job_type_id"]]
        luck = random.random()
        status = "FAILED" if luck < _FAILURES else "CANCELED" if luck < _FAILURES + _CANCELED else "COMPLETED"
        wait, duration = random.uniform(3, 40), random.uniform(20, 300)
        if row["started"] is None:
            wait += (world.now - row["created"]).total_seconds()
            if status == "CANCELED" and random.random() < 0.5:
                duration = 0.0
        else:
            wait = (row["started"] - row["created"]).total_seconds()
            duration += (world.now - row["started"]).total_seconds()
        error, code = random.choice(USUAL_ERRORS) if status == "FAILED" else (None, 0)
        fate = execution_row(job_type, status, row["created"], wait, duration, code)
        fate["error_id"] = next((key for key, each in world.errors.items() if each["name"] == error), None)
        for stage in _STAGES:
            if fate[stage] is not None and fate[stage] > world.now:
                self._at(fate[stage], partial(self._reach, execution_id, stage, fate))

    def _reach(self, execution_id: int, stage: str, fate: Row) -> None:
        world = self._world
        row = world.executions.get(execution_id)
        if row is None or row["status"] not in _OPEN:
            return
        columns = {name: fate[name] for name in _STAGES[stage]}
        if stage == "started":
            nodes = [key for key, node in world.nodes.items() if node["is_active"] and not node["is_paused"]]
            world.update_execution(execution_id, **columns, status="RUNNING", node_id=self._random.choice(nodes))
        elif stage == "ended":
            world.update_execution(execution_id, **columns)
            job = world.jobs[row["job_id"]]
            if fate["status"] == "FAILED" and job["num_exes"] < job["max_tries"]:
                self._at(after(world.now, self._random.uniform(5, 30)), partial(self._queue, row["job_id"]))
        else:
            # Scale updates these without touching last_modified (contract, section 3).
            row.update(columns)
