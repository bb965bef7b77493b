"""Letting a source count what others read: a count for each set of statuses that somebody tells apart.

``gateway.stats`` uses it for groups by source, status and outcome.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from gateway.model import ExecutionStatus
from gateway.query import ExecutionFilter, ListQuery, parts_of
from gateway.spi import Adapter, ScanPlan

_PAGE_ROWS = 200
"""Rows that one request brings, for the choice between counting and reading: what most back ends send at most."""


class Cell(NamedTuple):
    """Statuses that need not be told apart; ``status``, the first of them, stands for all."""

    status: ExecutionStatus
    all: frozenset[ExecutionStatus]


def cells_of(given: ExecutionFilter, kind: Callable[[ExecutionStatus], Any]) -> list[Cell]:
    """The statuses that the filter admits, those of one ``kind`` together."""
    cells: dict[Any, list[ExecutionStatus]] = {}
    for status in ExecutionStatus:
        if given.statuses is None or status in given.statuses:
            cells.setdefault(kind(status), []).append(status)
    return [Cell(cell[0], frozenset(cell)) for cell in cells.values()]


def counts_all(given: ExecutionFilter, plan: ScanPlan) -> bool:
    """Whether a count of the source's is that of all that matches."""
    return plan.counts and plan.unsupported is None and plan.caveat is None and parts_of(given) <= plan.pushed


async def count_cells(
    adapter: Adapter, query: ListQuery, plan: ScanPlan, given: ExecutionFilter, cells: Sequence[Cell]
) -> tuple[int, list[tuple[ExecutionStatus, int]]] | None:
    """How many executions match, and how many of them are in each cell. Raises SourceError.

    None where reading them would take fewer requests, or the source does not tell after all. One cell is what the others
    leave of the whole, so that it need not be asked for: not every source can be asked for unknown statuses. Counts of a
    source that moves meanwhile are of slightly different moments.
    """
    asked: list[tuple[Cell, ScanPlan]] = []
    left: list[Cell] = []
    for cell in cells:
        narrow = replace(given, statuses=cell.all)
        its_plan = adapter.plan(replace(query, filter=narrow))
        if its_plan.reason_empty is None:
            if counts_all(narrow, its_plan):
                asked.append((cell, its_plan))
            else:
                left.append(cell)
    if asked and not left:
        left.append(asked.pop()[0])
    if len(left) != 1:
        return None
    total = await adapter.count(plan)
    if total is None or len(asked) > -(-total // _PAGE_ROWS):
        return None
    answers = await asyncio.gather(*(adapter.count(its_plan) for _, its_plan in asked), return_exceptions=True)
    counts: list[tuple[ExecutionStatus, int]] = []
    for (cell, _), answer in zip(asked, answers, strict=True):
        if isinstance(answer, BaseException):
            raise answer
        if answer is None:
            return None
        counts.append((cell.status, answer))
    return total, [*counts, (left[0].status, max(0, total - sum(count for _, count in counts)))]
