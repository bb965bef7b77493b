"""Deadlines that share a timer: each ends what it is for, and nothing else."""

import asyncio

import pytest

from gateway.deadlines import Deadlines


def soon(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def late(name: str, order: list[str], deadlines: Deadlines, when: float) -> None:
    with pytest.raises(TimeoutError):
        await deadlines.until(when, asyncio.Event().wait())
    order.append(name)


async def test_the_result_is_given() -> None:
    assert await Deadlines().until(soon(10), asyncio.sleep(0, "done")) == "done"


async def test_in_the_order_of_their_deadlines() -> None:
    deadlines, order = Deadlines(), list[str]()
    times = {"c": 0.06, "a": 0.02, "d": 0.08, "b": 0.04}
    base = soon(0)
    await asyncio.gather(*(late(name, order, deadlines, base + time) for name, time in times.items()))
    assert order == ["a", "b", "c", "d"]


async def test_whoever_is_done_is_left_alone() -> None:
    deadlines = Deadlines()
    assert await deadlines.until(soon(0.02), asyncio.sleep(0, "early")) == "early"
    # The timer of the first goes off meanwhile.
    assert await deadlines.until(soon(10), asyncio.sleep(0.05, "later")) == "later"


async def test_a_deadline_after_a_longer_one() -> None:
    deadlines, order = Deadlines(), list[str]()
    await deadlines.until(soon(100), asyncio.sleep(0))
    await late("short", order, deadlines, soon(0.01))
    await late("past", order, deadlines, soon(-1))
    assert order == ["short", "past"]


async def test_cancellation_is_not_a_time_out() -> None:
    deadlines = Deadlines()
    task = asyncio.create_task(deadlines.until(soon(10), asyncio.Event().wait()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_on_another_loop() -> None:
    deadlines, order = Deadlines(), list[str]()

    async def use() -> None:
        await deadlines.until(soon(0.005), asyncio.sleep(0))
        await late("late", order, deadlines, soon(0.02))

    asyncio.run(use())
    asyncio.run(use())
    assert order == ["late", "late"]
