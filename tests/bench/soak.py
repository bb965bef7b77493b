"""The gateway under many connections for a while: errors, tail, memory, and what a second worker gives.

Run: ``python -m tests.bench.soak [--connections 256] [--seconds 60] [--workers 1,2] [--question Q2]``. Workers
run on cores of their own where there are enough of them: as many as workers, and one for upstream and load generator.
"""

import argparse
from itertools import count

from rich.console import Console
from rich.table import Table

from tests.bench.contenders import GATEWAY, Shape, serving, upstream
from tests.bench.measuring import Measure, aimed, measure
from tests.bench.processes import beside_servers, cores
from tests.bench.queries import QUESTIONS

_WARM_SECONDS = 3.0


def soaked(workers: int, question: str, connections: int, seconds: float) -> tuple[Measure, float]:
    """A measurement of so many workers, and the most memory, in megabytes, that one of them has had."""
    # The second core is upstream's and the load's.
    mine = {core for place, core in enumerate(cores()) if place != 1} or set(cores())
    where = set(sorted(mine)[:workers]) if len(mine) >= workers else set(cores())
    with upstream() as mock, serving(GATEWAY, mock, Shape(workers=workers, cores=where)) as server, beside_servers():
        load = aimed(GATEWAY, server, QUESTIONS[question], count(10))
        measure(load, server, mock, connections, min(_WARM_SECONDS, seconds))
        return measure(load, server, mock, connections, seconds), server.peak()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--workers", default="1", help="numbers of workers to compare, such as 1,2")
    parser.add_argument("--question", default="Q2", choices=list(QUESTIONS))
    given = parser.parse_args()
    console = Console(width=130)
    title = f"{given.question}, {given.connections} connections, {given.seconds:g} s"
    table = Table(title=title, title_justify="left")
    headings = (
        "workers",
        "answers",
        "errors",
        "req/s",
        "p50 ms",
        "p99 ms",
        "p99 / p50",
        "most MB of a worker",
        "throughput",
    )
    for heading in headings:
        table.add_column(heading, justify="right")
    numbers = [int(number) for number in given.workers.split(",")]
    first: Measure | None = None
    for workers in numbers:
        made, peak = soaked(workers, given.question, given.connections, given.seconds)
        first = first or made
        cells = [f"{workers}", f"{made.answers}", f"{len(made.errors)}", f"{made.per_second:.0f}", f"{made.p50:.1f}"]
        cells += [f"{made.p99:.1f}", f"{made.p99 / made.p50:.1f}", f"{peak:.0f}"]
        table.add_row(*cells, f"{made.per_second / first.per_second:.2f}x")
        for error in made.errors[:1]:
            console.print(f"{workers} workers, an error:\n{error}", markup=False)
    console.print(table)
    if len(cores()) <= max(numbers):
        console.print(
            f"{max(numbers)} workers shared {len(cores())} cores with upstream and load: the throughput says little."
        )


if __name__ == "__main__":
    main()
