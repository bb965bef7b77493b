"""Quotas as the other side counts them."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.limits import Quota, RateLimit, shared_limit

AWS = Quota(rate=8, burst=2, ceiling=10, in_flight=4)


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0.0

    def time(self) -> float:
        return self.skipped

    def _run_once(self) -> None:
        ready = self._ready  # type: ignore[attr-defined]
        timers = self._scheduled  # type: ignore[attr-defined]
        if not ready and timers:
            self.skipped = max(self.skipped, timers[0].when())
        super()._run_once()  # type: ignore[misc]


def run(main: Callable[[], Awaitable[None]]) -> None:
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main())  # type: ignore[arg-type]


def most_in_a_second(times: list[float]) -> int:
    return max(sum(begin <= time < begin + 1 for time in times) for begin in times)


@given(
    st.lists(st.tuples(st.floats(0, 3), st.floats(0, 2), st.floats(0, 1)), min_size=1, max_size=60),
)
def test_no_second_holds_more_than_the_ceiling_wherever_calls_arrive(calls: list[tuple[float, float, float]]) -> None:
    """Each call is begun, takes a while, and is counted by the other side somewhere in that while."""
    arrivals: list[float] = []
    together = 0

    async def main() -> None:
        limit = RateLimit(AWS)
        loop = asyncio.get_running_loop()
        active = 0

        async def call(begin: float, takes: float, part: float) -> None:
            nonlocal active, together
            await asyncio.sleep(begin)
            async with limit.turn():
                active += 1
                together = max(together, active)
                arrivals.append(loop.time() + takes * part)
                await asyncio.sleep(takes)
                active -= 1

        await asyncio.gather(*(call(*each) for each in calls))

    run(main)
    assert len(arrivals) == len(calls)
    assert most_in_a_second(arrivals) <= AWS.ceiling
    assert together <= AWS.in_flight


def test_calls_come_at_the_rate_after_the_burst_and_in_order() -> None:
    sent: list[tuple[float, int]] = []

    async def main() -> None:
        limit = RateLimit(AWS)
        loop = asyncio.get_running_loop()

        async def call(number: int) -> None:
            async with limit.turn():
                sent.append((round(loop.time(), 3), number))

        await asyncio.gather(*(call(number) for number in range(12)))

    run(main)
    assert [number for _, number in sent] == list(range(12))
    assert [time for time, _ in sent] == [0, 0, *(round(0.125 * n, 3) for n in range(1, 11))]


def test_a_call_given_up_while_it_waits_costs_no_turn() -> None:
    sent = 0

    async def main() -> None:
        nonlocal sent
        limit = RateLimit(Quota(rate=1, burst=1, ceiling=10, in_flight=4))

        async def call() -> None:
            nonlocal sent
            async with limit.turn():
                sent += 1

        await call()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await call()
        await call()
        assert asyncio.get_running_loop().time() == pytest.approx(1.0)

    run(main)
    assert sent == 2


def test_workers_share_a_quota() -> None:
    assert AWS.shared(1) == AWS
    four = AWS.shared(4)
    assert four == Quota(rate=2, burst=1, ceiling=2, in_flight=1)
    assert four.ceiling * 4 <= AWS.ceiling
    assert four.in_flight * 4 <= AWS.in_flight


async def test_a_key_has_one_limit_on_an_event_loop() -> None:
    one = shared_limit(("account", "eu-west-1", "ListJobs"), AWS)
    assert shared_limit(("account", "eu-west-1", "ListJobs"), AWS) is one
    assert shared_limit(("account", "eu-west-1", "DescribeJob"), AWS) is not one
    assert await asyncio.to_thread(lambda: asyncio.run(_other())) is not one


async def _other() -> RateLimit:
    return shared_limit(("account", "eu-west-1", "ListJobs"), AWS)
