"""When which job runs in a generated AWX world, and how it ends.

The story that all simulated systems share is one bad release: "checkout 4.2.0" was rolled out in the hour H, which is
six hours before ``now`` cut to the full hour. Nine of the eleven runs of ``deploy checkout`` in [H, H + 1 h) fail; the
same job before and after, and other jobs in that hour, succeed as usual. About 7 % of all other jobs fail.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

DAYS = 14
CHECKOUT = 4
"""The id of the template ``deploy checkout``."""
TEMPLATES = range(CHECKOUT, CHECKOUT + 12)
"""The ids of all templates, the retired one included (see world_generate)."""
MINIMUM_SIZE = 40


@dataclass(frozen=True, slots=True)
class Plan:
    """One job to come. ``lasts`` is None for a job that has not ended; ``number`` counts plans in creation order.

    ``wait`` is None for a job that never started. ``canceling`` marks a running job with a cancel request.
    """

    created: datetime
    template: int
    status: str
    wait: timedelta | None = timedelta(seconds=4)
    lasts: timedelta | None = timedelta(seconds=90)
    bad_release: bool = False
    canceling: bool = False
    number: int = 0


def bad_hour(now: datetime) -> datetime:
    """The start of the hour H in which the bad release was rolled out."""
    return (now - timedelta(hours=6)).replace(minute=0, second=0, microsecond=0)


def plans(rng: Random, size: int, now: datetime) -> list[Plan]:
    """``size`` plans, oldest first; plans created at the same instant keep their order."""
    fixed = [*_story(bad_hour(now)), *_unfinished(now), *_ties(now), *_unstarted(now)]
    background = [_background(rng, now) for _ in range(size - len(fixed))]
    ordered = sorted(fixed + background, key=lambda plan: plan.created)
    return [replace(plan, number=number) for number, plan in enumerate(ordered)]


def _story(hour: datetime) -> Iterator[Plan]:
    for run in range(11):
        created = hour + timedelta(minutes=2 + 5 * run, seconds=7 * run, microseconds=90_011 * run)
        survived = run in (4, 8)
        lasts = timedelta(seconds=240 if survived else 41 + 3 * run)
        yield Plan(created, CHECKOUT, "successful" if survived else "failed", lasts=lasts, bad_release=True)
    for minutes in (-190, -125, -45, 75, 130, 220):
        yield Plan(hour + timedelta(minutes=minutes, microseconds=4_400), CHECKOUT, "successful")
    for run in range(3):
        yield Plan(hour + timedelta(minutes=9 + 14 * run), CHECKOUT + 1 + run, "successful")


def _unfinished(now: datetime) -> Iterator[Plan]:
    def ago(minutes: int) -> datetime:
        return now - timedelta(minutes=minutes, microseconds=minutes * 7_001)

    yield Plan(ago(41), CHECKOUT + 3, "running", lasts=None)
    yield Plan(ago(26), CHECKOUT + 6, "running", lasts=None, canceling=True)
    yield Plan(ago(9), CHECKOUT, "running", lasts=None)
    for minutes, status in ((6, "waiting"), (5, "waiting"), (4, "pending"), (3, "pending"), (2, "new")):
        yield Plan(ago(minutes), CHECKOUT + minutes, status, wait=None, lasts=None)


def _ties(now: datetime) -> Iterator[Plan]:
    """Jobs created at the very same instant: what one schedule or one sliced launch leaves."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    pair, trio, other = (
        midnight - timedelta(hours=22),
        midnight - timedelta(days=3, microseconds=-123_456),
        midnight - timedelta(days=8, hours=3, microseconds=-500_000),
    )
    for instant, count in ((pair, 2), (trio, 3), (other, 2)):
        for number in range(count):
            yield Plan(instant, CHECKOUT + 3 + number, "successful", lasts=timedelta(seconds=75 + 10 * number))


def _unstarted(now: datetime) -> Iterator[Plan]:
    yield Plan(now - timedelta(days=1, hours=5), CHECKOUT + 4, "canceled", wait=None)
    yield Plan(now - timedelta(days=2, hours=7), CHECKOUT + 5, "error", wait=None)


def _background(rng: Random, now: datetime) -> Plan:
    # The square makes the present denser than the past; two minutes leave room for the job to end.
    age = timedelta(minutes=2) + timedelta(days=DAYS, minutes=-3) * rng.random() ** 2
    created = now - age
    if rng.random() < 0.1:
        created = created.replace(microsecond=0)
    template = rng.choice(TEMPLATES)
    hour = bad_hour(now)
    if template == CHECKOUT and hour - timedelta(minutes=5) <= created < hour + timedelta(hours=1):
        template += 1
    if template == TEMPLATES[-1] and age < timedelta(days=5):
        template -= 1  # nobody runs the retired template any more
    wait = timedelta(seconds=rng.randint(2, 40))
    lasts = min(timedelta(seconds=rng.lognormvariate(5, 1)), (age - wait) * 0.8)
    status = rng.choices(("successful", "failed", "error", "canceled"), (90.5, 5, 2, 2.5))[0]
    return Plan(created, template, status, wait, lasts)
