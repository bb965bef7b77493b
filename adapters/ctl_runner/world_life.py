"""Life in the simulated account: open executions go on, report, and end; jobs are started now and then, some restarted.

Nothing runs by itself: whoever wants to know lets the world catch up first (``gateway.testing.agenda``).
"""

from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING

from adapters.ctl_runner.world_events import FAILING, TASKS, Step, everyone_of, result, steps
from adapters.ctl_runner.world_rows import TERMINAL, WAITING, Row, milliseconds, timed, timers_of
from gateway.testing.agenda import Agenda, Happening

if TYPE_CHECKING:
    from adapters.ctl_runner.world import World

_MOST_AT_WORK = 4
"""The limit of an account (contract, section 5)."""

_LONGEST_LATE = 8_000
_NEXT = {"STOPPING": "STOPPED", "KILLING": "KILLED"}


class Life:
    """What happens to ``world`` from its ``now`` on, ``speed`` times as fast as ``clock`` (seconds) goes."""

    def __init__(self, world: "World", clock: Callable[[], float], speed: float = 1.0, seed: int = 0) -> None:
        self._world = world
        self._random = Random(seed)  # noqa: S311 - seeded pseudo-random data is the point
        self._agenda = Agenda(world, clock, speed)
        self._agenda.begin(self._starts())
        for execution_id, row in world.executions.items():
            if row["status"] not in TERMINAL:
                self._agenda.begin(self._run(execution_id))

    def catch_up(self) -> None:
        """Let everything happen that should have happened by now."""
        self._agenda.catch_up()

    def advance(self, now: datetime) -> None:
        """Let everything happen that happens until ``now``, each at its time."""
        self._agenda.advance(now)

    def _starts(self) -> Happening:
        """Somebody starts a job now and then."""
        while True:
            yield self._random.randrange(10_000, 40_000)
            jobs = [job_id for job_id, row in self._world.jobs.items() if row["status"] == "ACTIVE"]
            waiting = sum(row["status"] in WAITING for row in self._world.executions.values())
            if jobs and waiting < _MOST_AT_WORK:
                self._agenda.begin(self._run(self._world.add_execution(job_id=self._random.choice(jobs), status="PENDING")))

    def _run(self, execution_id: str) -> Happening:
        """One execution from where it is to its end, and once more if it is restarted."""
        # What it has reported before it came alive stays reported.
        self._world.write_events(execution_id, ())
        while True:
            yield from self._wait(execution_id)
            yield from self._work(execution_id)
            row = self._row(execution_id)
            if row is None or row["status"] != "FAILURE" or self._random.random() < 0.5:
                return
            yield self._random.randrange(10_000, 30_000)
            self._set(execution_id, "FAILURE", "PENDING", timers_of(row))

    def _wait(self, execution_id: str) -> Happening:
        yield self._random.randrange(1_000, 6_000)
        self._set(execution_id, "PENDING", "INITIALIZING")
        while (row := self._row(execution_id)) is not None and row["status"] == "INITIALIZING":
            yield self._random.randrange(1_000, 4_000)
            at_work = sum(each["status"] == "RUNNING" for each in self._world.executions.values())
            if at_work < _MOST_AT_WORK:
                now = milliseconds(self._world.now)
                self._set(execution_id, "INITIALIZING", "RUNNING", [*timers_of(row), (now, None)])

    def _work(self, execution_id: str) -> Happening:
        row = self._row(execution_id)
        if row is not None and row["status"] in _NEXT:
            self._end(execution_id, row["status"], _NEXT[row["status"]])
            return
        if row is None or row["status"] != "RUNNING":
            return
        hosts = everyone_of(self._world.hosts_of(row["job_id"]), [])
        luck = self._random.random()
        failing = [self._random.choice(hosts)] if luck < 0.1 else []
        failure = self._world.failures.get(execution_id, "non-zero return code")
        for number in range(FAILING + 1 if failing else len(TASKS)):
            for step in steps(execution_id, number, hosts, failing, failure):
                yield self._random.randrange(300, 4_000)
                if (row := self._row(execution_id)) is None or row["status"] != "RUNNING":
                    return
                self._report(execution_id, row, step)
            if number == 1 and luck > 0.95:
                self._set(execution_id, "RUNNING", "STOPPING")
                yield 3_000
                self._end(execution_id, "STOPPING", "STOPPED")
                return
        yield 500
        word = "FAILURE" if failing else "SUCCESS"
        if self._end(execution_id, "RUNNING", word):
            self._world.update_execution(execution_id, failed_hosts=failing)
            self._world.write_events(execution_id, [(milliseconds(self._world.now), result(word))])

    def _report(self, execution_id: str, row: Row, step: Step) -> None:
        # Reports of remote hosts are late now and then.
        late = self._random.randrange(_LONGEST_LATE) if self._random.random() < 0.05 else 0
        at = max(timers_of(row)[-1][0], milliseconds(self._world.now) - late)
        self._world.write_events(execution_id, [(at, step)])

    def _end(self, execution_id: str, status: str, word: str) -> bool:
        row = self._row(execution_id)
        timers = [] if row is None else timers_of(row)
        if timers:
            timers[-1] = (timers[-1][0], milliseconds(self._world.now))
        return self._set(execution_id, status, word, timers)

    def _set(self, execution_id: str, status: str, word: str, timers: list[tuple[int, int | None]] | None = None) -> bool:
        """Moves an execution from one status to the next, unless a test has moved it; whether it did."""
        row = self._row(execution_id)
        if row is None or row["status"] != status:
            return False
        if timers is not None:
            # One attempt fits the printed edition; more take timers.
            for name in ("start", "end", "timers"):
                row.pop(name, None)
            row.update(timed(timers))
        row["status"] = word
        return True

    def _row(self, execution_id: str) -> Row | None:
        return self._world.executions.get(execution_id)
