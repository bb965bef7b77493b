"""The gateway beside its peers: equal answers, equal requests upstream, interleaved rounds.

Run: ``python -m tests.bench.compare [--rounds 5] [--seconds 2] [--connections 16] [--only NAME ...] [--question Q1 ...]``.
Servers run on one core, upstream and load generator on another, where there are two.
"""

import argparse
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import count

from rich.console import Console
from rich.table import Table

from tests.bench.contenders import CONTENDERS, GATEWAY, Contender, serving, upstream, why_not
from tests.bench.measuring import Measure, aimed, measure, middle
from tests.bench.processes import beside_servers, cores
from tests.bench.queries import QUESTIONS, Question
from tests.bench.verify import same

_WARM_SECONDS = 1.0
_BUSY = 0.9

Results = dict[tuple[str, str], list[Measure]]


def compare(
    contenders: Sequence[Contender], questions: Sequence[Question], rounds: int, seconds: float, connections: int
) -> Results:
    """Measures by question and contender, a measure for each round. Raises UnequalError when they do not do the same."""
    results: Results = {}
    numbers = count(10)
    with ExitStack() as stack:
        mock = stack.enter_context(upstream())
        servers = {each: stack.enter_context(serving(each, mock)) for each in contenders}
        stack.enter_context(beside_servers())
        costs = same(servers, mock, questions)
        loads = [(each, aimed(each, servers[each], question, numbers)) for question in questions for each in contenders]
        for each, load in loads:
            measure(load, servers[each], mock, connections, min(_WARM_SECONDS, seconds))
        for _ in range(rounds):
            for each, load in loads:
                made = measure(load, servers[each], mock, connections, seconds, costs[load.question.name])
                results.setdefault((load.question.name, each.name), []).append(made)
    return results


def shown(results: Results, question: str, contenders: Sequence[Contender]) -> Table:
    """The table of one question: medians of the rounds, least and most below them."""
    table = Table(title=question, title_justify="left")
    for heading in (
        "",
        "req/s",
        "p50 ms",
        "p99 ms",
        "CPU ms/req",
        "RSS MB",
        "beside",
        "gateway is faster",
        "takes less CPU",
    ):
        table.add_column(heading, justify="left" if not heading else "right")
    own = results.get((question, GATEWAY.name))
    for each in contenders:
        measures = results[question, each.name]
        ratios = ["", ""]
        if own is not None and each is not GATEWAY:
            # Round by round: what slowed the machine down for a while slowed down both.
            pairs = list(zip(own, measures, strict=True))
            ratios = [
                _spread([gateway.per_second / other.per_second for gateway, other in pairs], "{:.2f}x"),
                _spread([other.cpu / gateway.cpu for gateway, other in pairs], "{:.2f}x"),
            ]
        table.add_row(
            each.name,
            _of(measures, lambda one: one.per_second, "{:.0f}"),
            _of(measures, lambda one: one.p50, "{:.2f}"),
            _of(measures, lambda one: one.p99, "{:.2f}"),
            _of(measures, lambda one: one.cpu, "{:.3f}"),
            f"{measures[-1].rss:.0f}",
            f"{middle([one.beside for one in measures]):.0%}",
            *ratios,
        )
        if errors := sum(len(one.errors) for one in measures):
            table.add_row(f"  {errors} errors")
    return table


def _of(measures: list[Measure], part: Callable[[Measure], float], form: str) -> str:
    return _spread([part(one) for one in measures], form)


def _spread(values: list[float], form: str) -> str:
    middling = form.format(middle(values))
    return middling if len(values) == 1 else f"{middling}\n[dim]{form.format(min(values))}-{form.format(max(values))}[/dim]"


def chosen(names: Sequence[str] | None, console: Console) -> list[Contender]:
    """The contenders of those names, or all, that can be measured here."""
    wanted = [each for each in CONTENDERS if names is None or each.name in names]
    for each in wanted:
        if (reason := why_not(each)) is not None:
            console.print(f"without {each.name}: {reason}")
    return [each for each in wanted if why_not(each) is None]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.compare", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--only", action="append", choices=[each.name for each in CONTENDERS], help="may be repeated")
    parser.add_argument("--question", action="append", choices=list(QUESTIONS), help="may be repeated")
    given = parser.parse_args()
    console = Console(width=140)
    contenders = chosen(given.only, console)
    questions = [QUESTIONS[name] for name in given.question or QUESTIONS]
    results = compare(contenders, questions, given.rounds, given.seconds, given.connections)
    console.print(
        f"{given.connections} connections, {given.rounds} interleaved rounds of {given.seconds:g} s; "
        f"servers on one core of {len(cores())}. Answers and upstream requests were equal. Medians, and least to most."
    )
    for question in questions:
        console.print(shown(results, question.name, contenders))
    if any(one.beside > _BUSY for measures in results.values() for one in measures):
        console.print("Where [bold]beside[/bold] is near 100 %, upstream and load generator were the limit, not the server.")


if __name__ == "__main__":
    main()
