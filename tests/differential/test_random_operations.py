"""Random operations over the real schema, whatever goes wrong: compiled, the answer is what graphql-core's would be."""

import os
from collections import Counter

import pytest

from tests.differential.choices import seeded
from tests.differential.comparing import differences, shown
from tests.differential.conftest import Bench

OPERATIONS = int(os.environ.get("DIFFERENTIAL_OPERATIONS", "10000" if os.environ.get("CI") else "1500"))

pytestmark = [
    pytest.mark.falls_back,
    # graphql-core does not await the other fields of an object once one of them has failed at once.
    pytest.mark.filterwarnings("ignore:coroutine 'GraphQLCoreConverter:RuntimeWarning"),
]


def test_equal_answers(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    became: Counter[str] = Counter()
    requests = [0, 0]
    failed = propagated = 0
    for seed in range(OPERATIONS):
        for pair, world in bench.cases(seeded(seed), seed):
            assert differences(pair) == [], f"operation {seed}\n{shown(pair, world)}"
            how = pair.how.split()[0]
            assert how in ("compiled", "refused") or world.faults.strange, f"operation {seed}\n{shown(pair, world)}"
            became[how] += 1
            failed += pair.failed
            propagated += pair.propagated
            if how == "compiled":
                # Where compiled execution gave up, the batches below the roots were loaded twice.
                requests = [sum(each) for each in zip(requests, pair.requests, strict=True)]
    answers = became.total()
    with capsys.disabled():
        print(f"\n{OPERATIONS} operations, {answers} answers both ways: {dict(became)}; requests {requests}")
        print(f"{failed} with errors, {propagated} with nulls that took others with them")
    assert became["compiled"] > 0.9 * (answers - became["refused"])
    assert became["refused"] < 0.1 * answers
    # Batches are at least as large as those of the loaders alone.
    assert requests[0] <= requests[1]
