"""What answers operations both ways, with a clock that stands still."""

import asyncio
import gc
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.differential.choices import Choices
from tests.differential.comparing import Pair, Twice
from tests.differential.operations import Schema, query, subscription
from tests.differential.recorded import NOW, Recorded, recorded
from tests.differential.world import World, world


@dataclass
class Bench:
    """Makes random operations in random worlds, and has them answered."""

    runner: asyncio.Runner
    recorded: Mapping[str, Recorded]
    twice: Twice
    schema: Schema

    def cases(self, choices: Choices, seed: object) -> Iterator[tuple[Pair, World]]:
        """The answers to one operation, in one world or more: what the first has taught generated code must not matter.

        ``seed`` decides on a subscription's event.
        """
        made = world(choices, self.recorded)
        write = subscription if choices.chance(12) else query
        operation = write(self.schema, choices, made.words())
        yield self.runner.run(self.twice.answer(made, operation, seed)), made
        while choices.chance(30):
            made, operation = made.again(choices), operation.again(choices)
            yield self.runner.run(self.twice.answer(made, operation, seed)), made


@pytest.fixture(scope="package")
def bench() -> Iterator[Bench]:
    logging.disable(logging.CRITICAL)
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner() as runner:
        moment = int(NOW.timestamp()) * 1_000_000_000
        patch.setattr(time, "time_ns", lambda: moment)
        twice = Twice()
        yield Bench(runner, runner.run(recorded()), twice, Schema(twice.interpreted._schema))
    # While the tests' filters of warnings hold.
    gc.collect()
    logging.disable(logging.NOTSET)
