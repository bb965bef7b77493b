"""The benchmarks hold: all contenders give equal answers for equal requests upstream. No time is judged."""

import os
import sys

import pytest

from gateway import cursor
from tests.bench.compare import compare
from tests.bench.contenders import CONTENDERS, GATEWAY, Contender, why_not
from tests.bench.queries import QUESTIONS
from tests.bench.shares import group_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are pinned and measured as Linux does it")


@pytest.mark.parametrize("contender", [each for each in CONTENDERS if each is not GATEWAY], ids=lambda each: each.name)
def test_peers_do_what_the_gateway_does(contender: Contender) -> None:
    reason = why_not(contender)
    if reason is not None and "CI" not in os.environ:
        pytest.skip(reason)
    assert reason is None
    # Raises when answers differ, and when an answer costs more or fewer requests upstream than the gateway's.
    results = compare([GATEWAY, contender], list(QUESTIONS.values()), rounds=1, seconds=0.2, connections=4)
    assert len(results) == 2 * len(QUESTIONS)
    for (one,) in results.values():
        assert one.answers > 0
        assert one.errors == ()


def test_a_stack_is_the_time_of_the_innermost_part_that_has_a_name() -> None:
    found = []

    def noted() -> int:
        found.append(group_of(sys._getframe()))
        return 1

    noted()
    cursor.packed(noted() for _ in range(1))
    exec("noted()", {"noted": noted})  # as generated plans are run: without the name of a module
    assert found == ["framework", "merge", "execution"]
