"""Pauses of no exact length, so that those who began together do not stay together."""

import random

# Nothing is taken from the generator that all of a process shares, and may have seeded.
_random = random.SystemRandom()


def stretched(seconds: float, most: float) -> float:
    """``seconds``, or longer: up to ``most`` times as long."""
    return seconds * _random.uniform(1.0, most)
