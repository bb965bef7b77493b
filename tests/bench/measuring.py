"""One measurement: a load on a server, and what it cost."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from tests.bench.contenders import Contender
from tests.bench.load import Load, run
from tests.bench.processes import Process
from tests.bench.queries import Question
from tests.bench.verify import UnequalError, ask, counts

# What is shorter than nearly all of a whole answer is none. Ids and cursors differ by a few bytes.
_NEARLY = 0.95


@dataclass(frozen=True, slots=True)
class Measure:
    """What came of a load. Latencies and CPU in milliseconds, CPU per answer; memory in megabytes.

    ``beside`` is the share of one core that upstream and load generator used: near 1, they are what is measured.
    """

    answers: int
    errors: tuple[str, ...]
    per_second: float
    p50: float
    p99: float
    cpu: float
    rss: float
    beside: float


def aimed(contender: Contender, server: Process, question: Question, numbers: Iterator[int]) -> Load:
    """A load of one question, once an answer has shown how long answers are."""
    _, length = ask(contender, server, question, next(numbers))
    return Load(contender, server.port, question, int(length * _NEARLY), numbers)


def measure(
    load: Load, server: Process, mock: Process, connections: int, seconds: float, cost: Counter[str] | None = None
) -> Measure:
    """Load a server for a while. Raises UnequalError when it asked the upstream more or less than ``cost`` for an answer."""
    asked, used, mocked, own = counts(mock), server.usage(), mock.usage(), time.process_time()
    outcome = run(load, connections, seconds)
    after = server.usage()
    beside = mock.usage().cpu_seconds - mocked.cpu_seconds + time.process_time() - own
    if cost is not None and not outcome.errors:
        expected = Counter({name: each * outcome.answers for name, each in cost.items()})
        if (sent := counts(mock) - asked) != expected:
            raise UnequalError(f"{load.contender.name} asked {dict(sent)} for {load.question.name}, not {dict(expected)}")
    return Measure(
        answers=outcome.answers,
        errors=tuple(outcome.errors),
        per_second=outcome.per_second,
        p50=outcome.percentile(50),
        p99=outcome.percentile(99),
        cpu=1000 * (after.cpu_seconds - used.cpu_seconds) / max(outcome.answers, 1),
        rss=after.rss_megabytes,
        beside=beside / outcome.seconds,
    )


def middle(values: list[float]) -> float:
    """The median."""
    return float(median(values))
