"""Generated data for the simulated ThreatConnect: two weeks of jobs of a security team, and the story of one bad release.

The story, told alike by all simulated systems: ``checkout 4.2.0`` was rolled out in the hour H, which is six hours before
``now`` truncated to the full hour. Executions of the job ``checkout enrichment`` that started in [H, H+1h) mostly fail with
"checkout 4.2.0: schema migration 0042 failed"; all else in that hour, and the same job before and after, does as usual
(7 % failures).

Every planted secret contains ``s3cr3t-``: all are in ``parameters`` of jobs, which no endpoint shows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adapters.threatconnect.world import World

STORY = "checkout enrichment"
STORY_MESSAGE = "checkout 4.2.0: schema migration 0042 failed (column orders.region already exists)\n"
MESSAGE_LIMIT = 255
"""The most characters that ThreatConnect keeps of an exit message (contract section 2, LogLine)."""

_SPAN = timedelta(days=14)
_FAILURES = 0.07
_PARTIAL = 0.01

_SERVERS = ("tc-job", "tc-job-2", "tc-job-münchen", "rack7/slot:3%2A")
_RETIRED = "tc-job-old"
_RETIRED_AGO = timedelta(days=5)

# name, displayName, programName, programVersion, active. What is odd about them is legal: names are free text and need not
# be unique.
_JOBS = (
    (STORY, "Checkout Enrichment", "TC - Checkout Enrichment v4.2", "4.2.0", True),
    ("QRadar", "QRadar Integration", "TC - QRadar Extract v2.2", "2.2.22", True),
    ("Import from MISP", "MISP-Import", "TC - MISP Import v1.0", "1.0.34", True),
    ("import from misp", "MISP-Import", "TC - MISP Import v1.0", "1.0.12", True),
    ("Send IR Results to SIEM", "SIEM Export", "TC - SIEM Export v3.1", "3.1.4", True),
    ("O'Brien's \"daily\" feed \\ backup`s", "Feed Backup", "TC - Feed Backup v1.1", "1.1.0", True),
    ("100% refresh_all", "Indicator Refresh", "TC - Indicator Refresh v2.0", "2.0.9", True),
    ("Prüfung der Übersicht", "Report Builder", "TC - Report Builder v5.0", "5.0.1", True),
    ("Attribute cleanup", "Attribute Tool", "TC - Attribute Tool v1.4", "1.4.2", True),
    ("Attribute cleanup", "Attribute Tool", "TC - Attribute Tool v1.4", "1.4.1", True),
    ("VirusTotal nightly", "VirusTotal", "TC - VirusTotal v2.7", "2.7.0", False),
    ("Never ran", "VirusTotal", "TC - VirusTotal v2.7", "2.7.0", False),
)
_DELETED = ("Deleted job", "Legacy Import", "TC - Legacy Import v0.9", "0.9.3", False)
_INACTIVE_AGO = timedelta(days=2)
_DONE = (
    "Successfully Added Attribute(s).\n",
    "Processed 120 indicator(s).\n",
    "Zusammenfassung übertragen.\n",
    "Finished\n",
    None,
)
_FAILED = (
    "Failed for status (404)\n",
    "Connection to feed.example timed out.\n",
    "Unable to authenticate.\n",
    "Exit code 1\n",
    None,
)
_PARTIALLY = "Processed 80 indicator(s), 3 were refused.\n"


@dataclass(frozen=True, slots=True)
class _Run:
    """An execution to be: a place in ``_JOBS`` (its length: the deleted job), columns as of ``add_execution``."""

    job: int
    queued: datetime
    columns: dict[str, Any]


def story_hour(now: datetime) -> datetime:
    """H: the start of the hour in which the bad release ran."""
    return (now - timedelta(hours=6)).replace(minute=0, second=0, microsecond=0)


def populate(world: "World", random: Random, size: int) -> None:
    """Fills an empty world with owners, jobs and ``size`` executions; the clock is ``world.now``."""
    world.insert("owners", {"name": "Exemplary Organization", "type": "Organization"})
    world.insert("owners", {"name": "Common Community", "type": "Community"})
    ids = [_add_job(world, random, columns) for columns in (*_JOBS, _DELETED)]
    planner = _Planner(random, world.now.replace(microsecond=0))
    runs = sorted(islice(chain(planner.special(), planner.background()), size), key=lambda run: run.queued)
    for place in range(5, len(runs), 20):
        # Ids are no order of time: the documentation shows 95 queued before 94.
        runs[place - 1], runs[place] = runs[place], runs[place - 1]
    for run in runs:
        world.add_execution(jobId=ids[run.job], queueTime=run.queued, **run.columns)
    world.delete_job(ids[-1])


def _add_job(world: "World", random: Random, columns: tuple[str, str, str, str, bool]) -> int:
    names = ("name", "displayName", "programName", "programVersion", "active")
    secret = f"s3cr3t-job-{random.getrandbits(32):08x}"
    parameters = [{"name": "api_host", "value": "feed.example"}, {"name": "api_token", "value": secret}]
    return world.add_job(**dict(zip(names, columns, strict=True)), parameters=parameters)


class _Planner:
    def __init__(self, random: Random, now: datetime) -> None:
        self.random = random
        self.now = now
        self.hour = story_hour(now)

    def special(self) -> Iterator[_Run]:
        """The story and what the rest of the data could lack by chance."""
        yield from self._story()
        for place, minutes in enumerate((2, 4, 11, 23, 37, 44, 52)):
            yield self._run(1 + place % 6, self.now - timedelta(minutes=minutes), "Running" if place % 2 else "Queued")
        for count, ago in ((2, timedelta(hours=30)), (3, timedelta(days=3)), (5, timedelta(days=9))):
            for place in range(count):  # started by one schedule: equal to the last digit
                yield self._run(1 + place, self.now - ago, "Completed")
        for hours, status in ((40, "Completed"), (200, "Failed")):
            yield self._run(len(_JOBS), self.now - timedelta(hours=hours), status)
        for hours in (3, 60):
            yield self._run(4, self.now - timedelta(hours=hours), "Partial Failure", exitMessage=_PARTIALLY)
        # The sibling endpoint for playbooks shows failed rows without any end (contract section 2).
        yield self._run(8, self.now - timedelta(hours=20), "Failed", failedTime=None)
        yield self._run(9, self.now - timedelta(hours=21), "Failed", exitMessage=("Traceback: " + "x" * 300)[:MESSAGE_LIMIT])
        yield self._run(9, self.now - timedelta(hours=22), "Completed", exitMessage=None, serverName=None)

    def _story(self) -> Iterator[_Run]:
        for place in range(12):
            queued = self.hour + timedelta(seconds=90 + 270 * place + self.random.randrange(60))
            yield self._run(0, queued, "Failed", exitMessage=STORY_MESSAGE, serverName=_SERVERS[place % 3])
        for minutes in (13, 38, 57):
            yield self._run(0, self.hour + timedelta(minutes=minutes), "Completed")
        for hours in (-70, -46, -22, -3, 1.5, 2.75, 4):
            yield self._run(0, self.hour + timedelta(hours=hours), "Completed")
        for place, minutes in enumerate((5, 17, 29, 48)):
            yield self._run(1 + place, self.hour + timedelta(minutes=minutes), "Completed")

    def background(self) -> Iterator[_Run]:
        """Runs of all jobs without end, the more the nearer to now."""
        while True:
            job = self.random.choice((0, 0, 1, 1, 1, 2, 2, 3, 4, 4, 5, 6, 7, 8, 9, 10))
            ago = _SPAN * (0.99 * self.random.random() ** 2) + timedelta(minutes=20)
            if job == 10 and ago < _INACTIVE_AGO:  # was switched off
                continue
            luck = self.random.random()
            status = "Failed" if luck < _FAILURES else "Partial Failure" if luck < _FAILURES + _PARTIAL else "Completed"
            run = self._run(job, self.now - timedelta(seconds=int(ago.total_seconds())), status)
            started = run.queued + timedelta(seconds=run.columns["wait"])
            if job != 0 or not self.hour <= started < self.hour + timedelta(hours=1):
                yield run

    def _run(self, job: int, queued: datetime, status: str, **columns: Any) -> _Run:
        """A run with columns that suit it; those given win."""
        usual: dict[str, Any] = {
            "status": status,
            "wait": self.random.randrange(15),
            "duration": int(self.random.expovariate(1 / 90)) % 900 + 1,
        }
        if status != "Queued":
            retired = queued < self.now - _RETIRED_AGO and self.random.random() < 0.15
            usual["serverName"] = _RETIRED if retired else self.random.choice(_SERVERS)
        if status == "Partial Failure":
            usual["exitMessage"] = _PARTIALLY
        elif status in {"Completed", "Failed"}:
            usual["exitMessage"] = self.random.choice(_DONE if status == "Completed" else _FAILED)
        return _Run(job, queued, {**usual, **columns})
