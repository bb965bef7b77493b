"""A simulated AWX that goes on living: as time passes, jobs begin, print, end, are canceled or run again; new ones start.

Nothing runs by itself: whoever looks lets the world catch up first. All chance comes from one seed.
"""

import heapq
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from adapters.awx import world_generate
from adapters.awx.world_events import seeded
from adapters.awx.world_jobs import launched_by_user, merge
from adapters.awx.world_plans import Plan
from adapters.awx.world_rows import FAILED, Row, stamp
from adapters.awx.world_scripts import log_of

if TYPE_CHECKING:
    from adapters.awx.world import World

_LAUNCH_EVERY = 25.0
_LOOK_EVERY = timedelta(seconds=1)
_STOPPING = timedelta(seconds=3)
_PROCESSING = timedelta(seconds=2)
_JITTER = 0.9
"""Seconds within which AWX stores events in no certain order (contract section 6)."""

_ENDS = ("successful", "failed", "error", "canceled")
_WEIGHTS = (82, 10, 2, 6)


@dataclass(frozen=True, slots=True)
class _Fate:
    """How a running job is going to end: when, its record by then, and what it will have done on each host."""

    end: datetime
    plan: Plan
    record: Row
    summaries: list[Row]


class Life:
    """The life of ``world`` from its ``now`` on. ``clock`` gives seconds; ``speed`` of the world's pass in one of them."""

    def __init__(self, world: "World", clock: Callable[[], float], speed: float = 1.0, seed: int = 0) -> None:
        self._world = world
        self._clock = clock
        self._speed = speed
        self._rng = seeded(f"life/{seed}")
        self._born, self._origin = clock(), world.now
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self._fates: dict[int, _Fate] = {}
        self._changed: set[int] = set()
        for row_id in list(world.executions):
            self._adopt(row_id)
        self._plan_launch()

    def catch_up(self) -> None:
        """Let happen what should have happened by the clock."""
        passed = timedelta(seconds=(self._clock() - self._born) * self._speed)
        self.advance(max(self._origin + passed, self._world.now))

    def advance(self, now: datetime) -> None:
        """Let happen what happens until ``now``, the world's new time."""
        while self._agenda and self._agenda[0][0] <= now:
            self._world.now, _, act = heapq.heappop(self._agenda)
            act()
        self._world.now = now
        if self._changed:
            self._world.relink(self._changed)
            self._changed.clear()

    # --- stages

    def _adopt(self, row_id: int) -> None:
        """Let a run that is there go on from where it is. A workflow job is as far as its steps."""
        row = self._world.executions[row_id]
        stage = {"new": self._queue, "pending": self._wait, "waiting": self._start}.get(row["status"])
        if stage is not None:
            self._later(self._seconds(1, 6), partial(stage, row_id))
        elif row["status"] == "running":
            self._destine(row_id)

    def _queue(self, row_id: int) -> None:
        self._move(row_id, "new", "pending")
        self._later(self._seconds(1, 6), partial(self._wait, row_id))

    def _wait(self, row_id: int) -> None:
        self._move(row_id, "pending", "waiting")
        self._later(self._seconds(1, 4), partial(self._start, row_id))

    def _start(self, row_id: int) -> None:
        row = self._move(row_id, "waiting", "running")
        if row is None:
            return
        if row["type"] == "job":
            world_generate.start(self._rng, row, self._world.now)
        row["started"] = stamp(self._world.now)
        self._destine(row_id)

    def _destine(self, row_id: int) -> None:
        """Decide when and how a running one ends: its log, which appears bit by bit, leads up to that."""
        row = self._world.executions[row_id]
        started = datetime.fromisoformat(row["started"])
        lasts = timedelta(seconds=min(max(self._rng.lognormvariate(4, 0.6), 15), 400))
        end = self._world.now + lasts
        status = "canceled" if row["canceled_on"] else self._rng.choices(_ENDS, _WEIGHTS)[0]
        created = datetime.fromisoformat(row["created"])
        template = row.get("job_template") or 0
        plan = Plan(created, template, status, wait=started - created, lasts=end - started)
        record = deepcopy(row)
        summaries: list[Row] = []
        if row["type"] == "job":
            world_generate.finish(self._rng, record, plan)
        record |= {"status": status, "finished": stamp(end)}
        if row["type"] == "job" and status in ("successful", "failed"):
            summaries = world_generate.summaries(self._rng, self._world, record, plan)
        self._fates[row_id] = _Fate(end, plan, record, summaries)
        if self._world.logs.is_free(row_id):
            self._world.logs.plan(row_id, log_of(self._world, record, summaries, end, _JITTER))
        if status == "canceled" and not row["canceled_on"]:
            self._later(lasts * 0.6, partial(self._cancel, row_id))
        self._look(row_id)

    def _cancel(self, row_id: int) -> None:
        """Somebody asks for a stop."""
        row = self._world.executions.get(row_id)
        if row is not None and row["status"] == "running" and row["canceled_on"] is None:
            row["canceled_on"] = stamp(self._world.now)
            self._changed.add(row_id)

    def _look(self, row_id: int) -> None:
        """A running one is looked at again and again: it ends in its time, or soon after a stop was asked for."""
        row = self._world.executions.get(row_id)
        if row is None or row["status"] != "running":
            return
        fate, now = self._fates[row_id], self._world.now
        if row["canceled_on"] is not None and now >= datetime.fromisoformat(row["canceled_on"]) + _STOPPING:
            self._end(row_id, "canceled")
        elif now >= fate.end:
            self._end(row_id, fate.plan.status)
        else:
            self._later(min(_LOOK_EVERY, fate.end - now), partial(self._look, row_id))

    def _end(self, row_id: int, status: str) -> None:
        world, fate = self._world, self._fates.pop(row_id)
        row = world.executions[row_id]
        asked = row["canceled_on"]
        if status == fate.plan.status:
            row.update(fate.record)
            for summary in fate.summaries:
                world.add_summary_row(summary)
        elif row["type"] == "job":
            started = datetime.fromisoformat(row["started"])
            world_generate.finish(self._rng, row, replace(fate.plan, status=status, lasts=world.now - started))
        lasted = world.now - datetime.fromisoformat(row["started"])
        row |= {"status": status, "failed": status in FAILED, "finished": stamp(world.now)}
        row |= {"canceled_on": asked, "elapsed": round(lasted / timedelta(seconds=1), 3)}
        world.logs.of(world, row_id).cut(world.now)
        if "event_processing_finished" in row:
            row["event_processing_finished"] = False
            self._later(_PROCESSING, partial(self._processed, row_id))
        self._changed.add(row_id)
        if status == "failed" and row["type"] == "job" and self._rng.random() < 0.6:
            self._later(self._seconds(10, 40), partial(self._relaunch, row_id))

    def _processed(self, row_id: int) -> None:
        """AWX has stored every event."""
        row = self._world.executions.get(row_id)
        if row is not None:
            row["event_processing_finished"] = True

    # --- new ones

    def _plan_launch(self) -> None:
        if self._world.job_templates:
            self._later(timedelta(seconds=self._rng.expovariate(1 / _LAUNCH_EVERY)), self._launch_any)

    def _launch_any(self) -> None:
        if self._world.job_templates:
            self._launch(self._rng.choice(sorted(self._world.job_templates)))
        self._plan_launch()

    def _relaunch(self, row_id: int) -> None:
        template = self._world.executions.get(row_id, {}).get("job_template")
        if template in self._world.job_templates:
            launched_by = launched_by_user(self._world.users[min(self._world.users)])
            merge(self._launch(template), {"launch_type": "relaunch", **launched_by})

    def _launch(self, template: int) -> Row:
        world = self._world
        row_id = max(world.executions, default=0) + self._rng.choice((1, 1, 2))
        plan = Plan(world.now, template, "new", wait=None, lasts=None, number=row_id)
        row = world.executions[row_id] = world_generate.launch(self._rng, world, plan, row_id)
        self._changed.add(row_id)
        self._adopt(row_id)
        return row

    # --- all

    def _move(self, row_id: int, before: str, after: str) -> Row | None:
        """A run in its next stage; None when it left the stage before, or the world, in the meantime."""
        row = self._world.executions.get(row_id)
        if row is None or row["status"] != before:
            return None
        row["status"] = after
        self._changed.add(row_id)
        return row

    def _seconds(self, least: float, most: float) -> timedelta:
        return timedelta(seconds=self._rng.uniform(least, most))

    def _later(self, wait: timedelta, act: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (self._world.now + wait, next(self._order), act))
