"""How the gateway's cost grows with the work: rows of a page, sources of a list, connections.

Run: ``python -m tests.bench.growth [--seconds 3]``. Each curve changes one thing: rows from 10 to 1000 (one AWX,
whose pages have 200 at most), sources from 1 to 20 (100 rows merged from so many AWX), connections from 1 to 256 (Q2).
"""

import argparse
from collections.abc import Iterator
from itertools import count

from rich.console import Console
from rich.table import Table

from tests.bench.contenders import GATEWAY, Shape, serving, upstream
from tests.bench.measuring import Measure, aimed, measure
from tests.bench.processes import Process, beside_servers
from tests.bench.queries import QUESTIONS, Question, listing
from tests.bench.verify import counts

ROWS = (10, 20, 50, 100, 250, 500, 1000)
SOURCES = (1, 2, 5, 10, 20)
CONNECTIONS = (1, 4, 16, 64, 256)

_USUAL = 16
_WARM_SECONDS = 1.0
_ALONE = Shape(scale=False)


class Curve:
    """A table of what grows: each point with what it costs, and what each unit of it costs."""

    def __init__(self, title: str, unit: str, *, each: bool) -> None:
        self.table = Table(title=title, title_justify="left")
        self._each = each
        headings = [unit, "upstream/req", "req/s", "p50 ms", "p99 ms", "CPU ms/req", "RSS MB", "errors"]
        for heading in [*headings, f"CPU us per {unit.removesuffix('s')}"] if each else headings:
            self.table.add_column(heading, justify="right")

    def add(self, units: int, made: Measure, requests: float) -> None:
        """One point of the curve."""
        cells = [f"{units}", f"{requests:.1f}", f"{made.per_second:.0f}", f"{made.p50:.2f}", f"{made.p99:.2f}"]
        cells += [f"{made.cpu:.3f}", f"{made.rss:.0f}", f"{len(made.errors)}"]
        self.table.add_row(*cells, *([f"{1000 * made.cpu / units:.1f}"] if self._each else []))


def _point(
    question: Question, server: Process, mock: Process, connections: int, seconds: float, numbers: Iterator[int]
) -> tuple[Measure, float]:
    """A measurement, and how many requests an answer cost upstream."""
    load = aimed(GATEWAY, server, question, numbers)
    measure(load, server, mock, connections, min(_WARM_SECONDS, seconds))
    before = counts(mock)
    made = measure(load, server, mock, connections, seconds)
    return made, (counts(mock) - before).total() / max(made.answers + len(made.errors), 1)


def rows(mock: Process, seconds: float, numbers: Iterator[int]) -> Table:
    """The curve of rows."""
    curve = Curve("Rows of one source", "rows", each=True)
    with serving(GATEWAY, mock, _ALONE) as server:
        for many in ROWS:
            question = listing("Q2", QUESTIONS["Q2"].text, many)
            curve.add(many, *_point(question, server, mock, _USUAL, seconds, numbers))
    return curve.table


def sources(mock: Process, seconds: float, numbers: Iterator[int]) -> Table:
    """The curve of sources: a page of 100 rows from so many."""
    curve = Curve("Sources of 100 rows", "sources", each=True)
    for many in SOURCES:
        with serving(GATEWAY, mock, Shape(awx=many, scale=False)) as server:
            curve.add(many, *_point(QUESTIONS["Q3"], server, mock, _USUAL, seconds, numbers))
    return curve.table


def connections(mock: Process, seconds: float, numbers: Iterator[int]) -> Table:
    """The curve of connections."""
    curve = Curve("Connections that ask Q2", "connections", each=False)
    with serving(GATEWAY, mock) as server:
        for many in CONNECTIONS:
            curve.add(many, *_point(QUESTIONS["Q2"], server, mock, many, seconds, numbers))
    return curve.table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="of each point")
    given = parser.parse_args()
    console = Console(width=130)
    numbers = count(10)
    with upstream() as mock, beside_servers():
        for curve in (rows, sources, connections):
            console.print(curve(mock, given.seconds, numbers))


if __name__ == "__main__":
    main()
