"""What decides: a seeded generator, or hypothesis, which looks for the smallest operation that goes wrong."""

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Decisions, each made by ``below(n)``: a number from 0 to n - 1, of which 0 is the simplest choice."""

    def __init__(self, below: Callable[[int], int]) -> None:
        self.below = below

    def pick(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]

    def chance(self, percent: int) -> bool:
        return self.below(100) >= 100 - percent

    def some(self, options: Sequence[T], most: int) -> list[T]:
        """Up to so many of the options, the same perhaps more than once."""
        return [self.pick(options) for _ in range(self.below(most + 1))] if options else []


def seeded(seed: object) -> Choices:
    """The same decisions for the same seed."""
    return Choices(random.Random(repr(seed)).randrange)
