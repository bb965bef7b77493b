"""Logs of a simulated Scale, for the tests of logs: one execution to write to, and readers."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from adapters.scale.world_logs import TrueLine
from gateway.model import Execution, LogLine, LogStream
from gateway.spi import LogPage, LogQuery
from tests.adapters.scale_bench import NOW, Bench, key

BEGIN = NOW - timedelta(hours=1)


@dataclass
class Logged:
    """One execution of ``bench``, ``number``, that prints nothing by itself and ended long ago unless it runs."""

    bench: Bench
    number: int

    @classmethod
    def open(cls, generation: str = "3", status: str = "COMPLETED", **given: Any) -> "Logged":
        bench = Bench.open(0, generation=generation, **given)
        bench.world.seed = None
        number = bench.world.add_execution(status=status, created=BEGIN, wait=0.0, duration=1800.0)
        return cls(bench, number)

    def write(self, lines: int = 1, *, begin: datetime = BEGIN, **given: Any) -> None:
        self.bench.world.write_log(self.number, lines, begin=begin, **given)

    @property
    def truth(self) -> list[TrueLine]:
        return self.bench.world.log_lines(self.number)

    async def execution(self) -> Execution:
        (found,) = await self.bench.adapter.fetch([key("execution", self.number)])
        assert isinstance(found, Execution)
        return found

    async def pages(self, **query: Any) -> list[LogPage]:
        execution = await self.execution()
        self.bench.simulator.log.clear()
        return [page async for page in self.bench.adapter.logs(execution, LogQuery(**query))]

    async def read(self, **query: Any) -> list[LogLine]:
        """All lines, in pages that keep to the rules."""
        return joined(await self.pages(**query))


def joined(pages: list[LogPage]) -> list[LogLine]:
    assert [page.more for page in pages] == [True] * (len(pages) - 1) + [False]
    assert not any(page.complete for page in pages[:-1])
    lines = [line for page in pages for line in page.lines]
    sequences = [line.sequence for line in lines]
    assert sequences == sorted(set(sequences)), "not in ascending sequence"
    instants = [line.timestamp.us for line in lines if line.timestamp]
    assert instants == sorted(instants)
    assert len(instants) == len(lines)
    return lines


def as_true(lines: list[LogLine]) -> list[TrueLine]:
    """Lines as the world tells them: within a millisecond nobody promises an order."""
    return sorted(
        TrueLine(line.timestamp.us // 1000, line.text, line.stream is LogStream.STDERR) for line in lines if line.timestamp
    )
