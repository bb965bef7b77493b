"""Generated data for the simulated AWS IoT Jobs: two weeks of roll-outs to shops, and the story of one bad release.

The story, told alike by all simulated systems: ``checkout 4.2.0`` was rolled out in the hour H, which is six hours before
``now`` truncated to the full hour. Executions of the job ``checkout-4_2_0-rollout`` (job ids have no dots) that started in
[H, H+1h) mostly fail, with the status detail ``reason`` "checkout 4.2.0: schema migration 0042 failed"; its executions
before and after, and all other jobs in that hour, do as usual (7 % failures).

Every planted secret contains ``s3cr3t-``: tokens in status details, passwords in job documents and document parameters.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, count
from random import Random
from typing import TYPE_CHECKING, Any

from adapters.aws_iot import world_catalog as catalog
from adapters.aws_iot.world_rows import arn

if TYPE_CHECKING:
    from adapters.aws_iot.world import World

STORY_JOB = "checkout-4_2_0-rollout"
STORY_REASON = "checkout 4.2.0: schema migration 0042 failed"
SPAN = timedelta(days=14)
TIMEOUT = timedelta(hours=1)
_FINAL = ("SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "CANCELED", "REMOVED")
_ODDS = (0.89, 0.05, 0.01, 0.01, 0.025, 0.015)


@dataclass(slots=True)
class _Run:
    """An execution to be. ``started`` is None while queued and if it never started."""

    thing: str
    status: str
    queued: datetime
    started: datetime | None = None
    updated: datetime | None = None
    reason: str | None = None
    number: int = 1


@dataclass(slots=True)
class _Rollout:
    """A job to be: members that differ from the usual, and its executions."""

    job_id: str
    kind: catalog.Kind
    created: datetime
    runs: list[_Run] = field(default_factory=list)
    members: dict[str, Any] = field(default_factory=dict)


def story_hour(now: datetime) -> datetime:
    """H: the start of the hour in which the bad release ran."""
    return (now - timedelta(hours=6)).replace(minute=0, second=0, microsecond=0)


def populate(world: "World", random: Random, size: int) -> None:
    """Fills an empty world with the registry and ``size`` executions; the clock is ``world.now``."""
    catalog.populate(world)
    planner = _Planner(random, world)
    left = size
    for rollout in chain(planner.special(), planner.background()):
        rollout.runs = rollout.runs[:left]
        left -= len(rollout.runs)
        _store(world, random, rollout)
        if left <= 0:
            break


class _Planner:
    def __init__(self, random: Random, world: "World") -> None:
        self.random = random
        self.now = world.now
        self.hour = story_hour(world.now)
        self.groups = {name: row["thingGroupId"] for name, row in world.groups.items()}
        self.serial = count(1)

    def special(self) -> Iterator[_Rollout]:
        """The story and what the rest of the data could lack by chance."""
        yield self._story()
        yield self._meanwhile()
        yield self._open()
        yield self._every_status()
        for number, ago in ((2, timedelta(hours=30)), (3, timedelta(days=3)), (5, timedelta(days=9))):
            # A snapshot job queues its executions at once: equal to the last digit.
            rollout = self._rollout(catalog.KINDS[number % 3], self._stamp(self.now - ago))
            rollout.runs = [self._final("SUCCEEDED", thing, rollout) for thing in catalog.KIOSKS[:number]]
            yield rollout
        yield self._rejoined()
        going = self._rollout(catalog.KINDS[3], self._stamp(self.now - timedelta(days=5)), status="DELETION_IN_PROGRESS")
        going.runs = [self._final("SUCCEEDED", thing, going) for thing in catalog.GATEWAYS[:2]]
        yield going
        scheduled = {"startTime": f"{self.now + timedelta(days=1):%Y-%m-%dT%H:%M}", "endBehavior": "STOP_ROLLOUT"}
        target = self._targets(catalog.CANARY_GROUP)
        created = self._stamp(self.now - timedelta(hours=20))
        yield self._rollout(catalog.KINDS[1], created, status="SCHEDULED", schedulingConfig=scheduled, **target)

    def _story(self) -> _Rollout:
        story = catalog.Kind(STORY_JOB, "Roll-out of checkout 4.2.0", (STORY_REASON,))
        created = self.hour - timedelta(hours=72, milliseconds=373)
        rollout = _Rollout(STORY_JOB, story, created, members=self._continuous(catalog.GROUP))
        rollout.members |= {
            "abortConfig": {
                "criteriaList": [
                    {
                        "failureType": "FAILED",
                        "action": "CANCEL",
                        "thresholdPercentage": 90.5,
                        "minNumberOfExecutedThings": 25,
                    }
                ]
            },
            "jobExecutionsRolloutConfig": {"maximumPerMinute": 5},
        }
        for place, thing in enumerate(catalog.STORY_THINGS):
            # Five a minute, each five queued at the same instant.
            queued = self.hour + timedelta(minutes=3 + 10 * (place // 5), milliseconds=250)
            bad = place % 5 != 4
            status = "SUCCEEDED" if not bad else "TIMED_OUT" if place == 7 else "FAILED"
            wait, duration = self.random.randrange(5_000, 90_000), self.random.randrange(60_000, 240_000)
            rollout.runs.append(self._run(thing, status, queued, wait, duration, STORY_REASON if bad else None))
        for thing, hours in zip(catalog.CANARIES, (-71.5, -70.0, -46.5, -22.25, -3.0, -1.5), strict=True):
            queued = self._stamp(self.hour + timedelta(hours=hours))
            rollout.runs.append(self._run(thing, "SUCCEEDED", queued, 30_000, 120_000))
        for place, thing in enumerate(catalog.STORY_THINGS[:8]):
            # Put back into the group once the migration was repaired.
            queued = self.hour + timedelta(hours=1.5 + 0.4 * place, milliseconds=125)
            rollout.runs.append(self._run(thing, "SUCCEEDED", queued, 20_000, 150_000, number=2))
        return rollout

    def _meanwhile(self) -> _Rollout:
        """Another job in the hour of the story, which goes well."""
        rollout = self._rollout(catalog.KINDS[0], self.hour + timedelta(minutes=4))
        rollout.runs = [self._run(thing, "SUCCEEDED", rollout.created, 45_000, 90_000) for thing in catalog.KIOSKS[:6]]
        return rollout

    def _open(self) -> _Rollout:
        created = self._stamp(self.now - timedelta(minutes=57))
        rollout = self._rollout(catalog.KINDS[4], created, **self._continuous("gateways"))
        for place, (thing, minutes) in enumerate(zip(catalog.KIOSKS, (4, 11, 23, 37, 44, 52), strict=False)):
            queued = self._stamp(self.now - timedelta(minutes=minutes))
            started = queued + timedelta(seconds=3.5) if place % 2 else None
            rollout.runs.append(_Run(thing, "IN_PROGRESS" if started else "QUEUED", queued, started, started))
        return rollout

    def _every_status(self) -> _Rollout:
        """All that an execution can come to, deleted things and one that was canceled before it started among it."""
        rollout = self._rollout(catalog.KINDS[2], self._stamp(self.now - timedelta(hours=9)), status="CANCELED")
        names = (*catalog.GATEWAYS, *catalog.DELETED[:1])
        rollout.runs = [self._final(status, name, rollout) for status, name in zip(_FINAL, names, strict=True)]
        early = self._final("CANCELED", catalog.TILLS[-1], rollout)
        early.started = None
        gone = self._final("SUCCEEDED", catalog.DELETED[1], rollout)
        rollout.runs += [early, gone]
        return rollout

    def _rejoined(self) -> _Rollout:
        created = self._stamp(self.now - timedelta(days=2))
        rollout = self._rollout(catalog.KINDS[1], created, **self._continuous("gateways"))
        thing = catalog.GATEWAYS[0]
        left = self._final("REMOVED", thing, rollout)
        back = self._run(thing, "SUCCEEDED", created + timedelta(hours=7), 4_500, 60_000, number=2)
        rollout.runs = [left, back]
        return rollout

    def background(self) -> Iterator[_Rollout]:
        """Jobs of all kinds without end, the more the nearer to now."""
        things = catalog.TILLS + catalog.KIOSKS + catalog.GATEWAYS
        while True:
            created = self._stamp(self.now - SPAN * (0.99 * self.random.random() ** 2) - timedelta(minutes=20))
            continuous = self.random.random() < 0.3
            canceled = self.random.random() < 0.08
            members: dict[str, Any] = self._continuous(catalog.CANARY_GROUP) if continuous else {}
            if canceled:
                members |= {
                    "status": "CANCELED",
                    "reasonCode": "HALTED",
                    "comment": "Störung an der Kasse",
                    "forceCanceled": True,
                }
            if self.random.random() < 0.2:
                members["namespaceId"] = "tenant-a"
            rollout = self._rollout(self.random.choice(catalog.KINDS), created, **members)
            for place, thing in enumerate(self.random.sample(things, self.random.randint(1, 40))):
                # A snapshot job queues ten a minute, a continuous one whatever joins the group.
                queued = created + timedelta(minutes=place // 10)
                if continuous:
                    queued = self._stamp(created + timedelta(seconds=self.random.uniform(1, 6 * 3600)))
                run = self._final(self.random.choices(_FINAL, _ODDS)[0], thing, rollout, queued)
                if run.updated is not None and run.updated < self.now:
                    rollout.runs.append(run)
            yield rollout

    def _rollout(self, kind: catalog.Kind, created: datetime, **members: Any) -> _Rollout:
        return _Rollout(f"{kind.name}-{next(self.serial):04}", kind, created, members=members)

    def _continuous(self, group: str) -> dict[str, Any]:
        return {"targetSelection": "CONTINUOUS", **self._targets(group)}

    def _targets(self, group: str) -> dict[str, Any]:
        return {"targets": [arn("thinggroup", group)], "thingGroupId": self.groups[group]}

    def _final(self, status: str, thing: str, rollout: _Rollout, queued: datetime | None = None) -> _Run:
        """A run that is over, as long and as lucky as usual."""
        reason = self.random.choice(rollout.kind.reasons) if status in {"FAILED", "REJECTED"} else None
        wait, duration = self.random.randrange(800, 600_000), self.random.randrange(20_000, 900_000)
        return self._run(thing, status, queued or rollout.created, wait, duration, reason)

    def _run(
        self, thing: str, status: str, queued: datetime, wait: int, duration: int, reason: str | None = None, number: int = 1
    ) -> _Run:
        """A run that is over; ``wait`` and ``duration`` in milliseconds. What was removed had not started."""
        started = queued + timedelta(milliseconds=wait)
        updated = started + timedelta(milliseconds=duration)
        if status == "TIMED_OUT":
            updated = started + min(TIMEOUT, max(self.now - started - timedelta(seconds=1), timedelta()))
        return _Run(thing, status, queued, None if status == "REMOVED" else started, updated, reason, number)

    def _stamp(self, instant: datetime) -> datetime:
        """The instant in the precision that IoT sends: mostly milliseconds, some whole seconds."""
        whole = self.random.random() < 0.2
        return instant.replace(microsecond=0 if whole else instant.microsecond // 1000 * 1000)


def _store(world: "World", random: Random, rollout: _Rollout) -> None:
    """Adds a job and its executions; unless told otherwise, a snapshot job is over when all of its executions are."""
    members = {
        "createdAt": rollout.created,
        "description": rollout.kind.description,
        **_job_members(random),
        **rollout.members,
    }
    if "targets" not in members:
        members["targets"] = [arn("thing", run.thing) for run in rollout.runs]
    ends = [run.updated or run.queued for run in rollout.runs]
    members["lastUpdatedAt"] = max(ends, default=rollout.created)
    if "status" not in members and "targetSelection" not in members:
        members["status"] = "COMPLETED"
    if members.get("status") in {"COMPLETED", "CANCELED"}:
        members["completedAt"] = members["lastUpdatedAt"]
    job_id = world.add_job(rollout.job_id, document=_document(random, rollout), **members)
    for run in rollout.runs:
        world.add_execution(jobId=job_id, thingName=run.thing, **_execution_members(world, random, run))


def _job_members(random: Random) -> dict[str, Any]:
    """What some jobs have; a template may have been deleted since. Some parameters are secret."""
    members: dict[str, Any] = {
        "timeoutConfig": {"inProgressTimeoutInMinutes": TIMEOUT // timedelta(minutes=1)},
        "documentParameters": {"channel": random.choice(("stable", "canary"))},
    }
    if random.random() < 0.3:
        members["documentParameters"]["registryPassword"] = _secret(random, "parameter")
    if random.random() < 0.5:
        template = random.choice((catalog.TEMPLATE, catalog.DELETED_TEMPLATE))
        members["jobTemplateArn"] = arn("jobtemplate", template)
    if random.random() < 0.4:
        members["jobExecutionsRetryConfig"] = {"criteriaList": [{"failureType": "ALL", "numberOfRetries": 3}]}
        members["jobExecutionsRolloutConfig"] = {"maximumPerMinute": 50}
    if random.random() < 0.2:
        members["documentSource"] = "https://s3.amazonaws.com/shop-updates/job.json"
    return members


def _document(random: Random, rollout: _Rollout) -> str:
    document = {
        "operation": rollout.kind.name,
        "url": "https://updates.example/${aws:iot:parameter:channel}/package.tar.gz",
        "download": {"user": "fleet", "password": _secret(random, "document")},
    }
    return json.dumps(document)


def _execution_members(world: "World", random: Random, run: _Run) -> dict[str, Any]:
    """The row of a run: status details are state, not history, and now and then hold what should not be there."""
    details = {"step": "done", "progress": "100"} if run.status == "SUCCEEDED" else {}
    if run.status in {"IN_PROGRESS", "TIMED_OUT", "FAILED"}:
        details = {"step": "install", "progress": str(random.randrange(5, 95))}
    if run.reason is not None:
        details["reason"] = run.reason
    if run.status == "FAILED":
        details["exitCode"] = "42" if run.reason == STORY_REASON else str(random.randrange(1, 20))
    if details and random.random() < 0.2:
        details["uploadToken"] = _secret(random, "upload")
    started = run.started is not None
    retried = run.status in {"SUCCEEDED", "FAILED"} and random.random() < 0.08
    members: dict[str, Any] = {
        "status": run.status,
        "queuedAt": run.queued,
        "startedAt": run.started,
        "lastUpdatedAt": run.updated or run.queued,
        "executionNumber": run.number,
        "versionNumber": 1 + started + (run.status not in {"QUEUED", "IN_PROGRESS"}),
        "retryAttempt": random.randint(1, 2) if retried else 0,
        "statusDetails": {"detailsMap": details} if details else {},
    }
    if run.status == "IN_PROGRESS" and run.started is not None:
        members["approximateSecondsBeforeTimedOut"] = (run.started + TIMEOUT - world.now) // timedelta(seconds=1)
    if run.status == "CANCELED" and started:
        members["forceCanceled"] = True
    return members


def _secret(random: Random, kind: str) -> str:
    return f"s3cr3t-{kind}-{random.getrandbits(32):08x}"
