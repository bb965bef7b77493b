"""The same with hypothesis, which finds other operations every time, and of those that go wrong the smallest."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.differential.choices import Choices
from tests.differential.comparing import differences, shown
from tests.differential.conftest import Bench

pytestmark = [
    pytest.mark.falls_back,
    # graphql-core does not await the other fields of an object once one of them has failed at once.
    pytest.mark.filterwarnings("ignore:coroutine 'GraphQLCoreConverter:RuntimeWarning"),
]


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_equal_answers(bench: Bench, data: st.DataObject) -> None:
    numbers = [st.integers(0, most) for most in range(200)]

    def below(count: int) -> int:
        number: int = data.draw(numbers[count - 1])
        return number

    for pair, world in bench.cases(Choices(below), 0):
        assert differences(pair) == [], shown(pair, world)
