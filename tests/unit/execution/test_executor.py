"""What is read when, what happens when a batch misbehaves, and how graphql-core takes over."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from graphql import parse

from gateway.execution.fields import LATER
from tests.differential.counting import executions
from tests.differential.faults import Awaited
from tests.unit.execution.toy import COMPILED, Thing, World, executor, run, same

FALLEN = pytest.mark.falls_back


@pytest.fixture
def became() -> Callable[[], dict[tuple[str, str], int]]:
    """What became of the operations since the test began."""
    before = executions()
    return lambda: dict(executions() - before)


# --- batches -------------------------------------------------------------------------------------------------------


async def test_one_load_for_all_parents_at_one_place() -> None:
    world = World({"item": Thing(items=[Thing(price=price) for price in (LATER, 3, LATER, None)])})
    result = await run("{ item { items { price } } }", world)
    assert result.data == {"item": {"items": [{"price": 7}, {"price": 3}, {"price": 7}, {"price": None}]}}
    assert world.loads == [2]


async def test_a_load_below_a_load_and_beside_it() -> None:
    world = World({"item": Thing(items=[Thing(name="a"), Thing(name="b")])})
    result = await run('{ item { items { partner { name price other: price(currency: "USD") } } } }', world)
    assert result.data is not None
    assert result.data["item"]["items"][1]["partner"] == {"name": "partner of b", "price": 7, "other": 7}
    assert sorted(world.loads) == [2, 2, 2]
    assert {each["currency"] for each in world.given} == {"EUR", "USD"}


async def test_what_several_fields_are_read_from_is_loaded_once() -> None:
    async def some(parents: Sequence[Any]) -> list[Any]:
        return [KeyError(parent.name) if parent.name == "bad" else Thing(must=None) for parent in parents]

    async def none(_parents: Sequence[Any]) -> list[Any]:
        raise ValueError("no records")

    def world(load: Any = None) -> World:
        return World({"item": Thing(items=[Thing(name="a"), Thing(name="bad"), Thing(name="c")])}, load)

    text = "{ item { items { recordName recordMust again: recordName } } }"
    asked = world()
    assert (await run(text, asked)).data == (await same(text, world))[0]
    assert asked.loads == [3]
    row, bad = (
        {"recordName": "thing", "recordMust": None, "again": "thing"},
        dict.fromkeys(("recordName", "recordMust", "again")),
    )
    data, errors = await same(text, lambda: world(some))
    assert data["item"]["items"] == [row, bad, row]
    assert {path[2] for path, _message in errors} == {1}
    assert len(errors) == 3
    data, errors = await same(text, lambda: world(none))
    assert data["item"]["items"] == [bad] * 3
    assert len(errors) == 9


async def test_what_many_rows_share_is_read_once_and_shown_with_each() -> None:
    def world(**shared: Any) -> World:
        twin, other = Thing(name="twin", price=LATER, **shared), Thing(name="other")
        return World({"item": Thing(items=[Thing(twin=twin), Thing(twin=other), Thing(twin=None), Thing(twin=twin)])})

    text = "{ item { items { twin { name price must } } } }"
    one = world()
    assert (await run(text, one)).data == (await same(text, world))[0]
    assert one.loads == [1]
    data, errors = await same(text, lambda: world(must=None))
    assert [item["twin"] for item in data["item"]["items"]] == [
        None,
        {"name": "other", "price": None, "must": "must"},
        None,
        None,
    ]
    assert {path for path, _message in errors} == {
        ("item", "items", 0, "twin", "must"),
        ("item", "items", 3, "twin", "must"),
    }


async def test_roots_and_their_batches_wait_for_nobody_else() -> None:
    """A batch below a root that takes no waiting runs while another root is being waited for."""
    loaded = asyncio.Event()

    async def load(parents: Sequence[Any]) -> list[Any]:
        loaded.set()
        return [7] * len(parents)

    async def slow() -> Thing:
        await loaded.wait()
        return Thing(name="slow")

    text = "{ item { name } now { price } }"
    result = await asyncio.wait_for(run(text, World({"item": slow, "now": Thing(price=LATER)}, load)), 20)
    assert result.data == {"item": {"name": "slow"}, "now": {"price": 7}}


async def _short(parents: Sequence[Any]) -> list[Any]:
    return [1] * (len(parents) - 1)


async def _long(parents: Sequence[Any]) -> list[Any]:
    return [1] * (len(parents) + 1)


async def _raises(_parents: Sequence[Any]) -> list[Any]:
    raise ValueError("nothing can be read")


@pytest.mark.parametrize(
    ("load", "message"), [(_short, "1 of 2 values"), (_long, "3 of 2 values"), (_raises, "nothing can be read")]
)
async def test_a_batch_that_fails_fails_at_every_parent(load: Any, message: str) -> None:
    world = World({"item": Thing(items=[Thing(price=LATER), Thing(price=5), Thing(price=LATER)])}, load)
    result = await run("{ item { name items { price } } }", world)
    assert result.data == {"item": {"name": "thing", "items": [{"price": None}, {"price": 5}, {"price": None}]}}
    assert [(error.path, error.message) for error in result.errors or ()] == [
        (["item", "items", 0, "price"], message),
        (["item", "items", 2, "price"], message),
    ]


async def test_one_key_that_fails_fails_alone() -> None:
    async def load(parents: Sequence[Any]) -> list[Any]:
        return [ValueError("gone"), *[1] * (len(parents) - 1)]

    world = World({"item": Thing(items=[Thing(price=LATER), Thing(price=LATER)])}, load)
    result = await run("{ item { items { price } } }", world)
    assert result.data == {"item": {"items": [{"price": None}, {"price": 1}]}}
    assert [error.message for error in result.errors or ()] == ["gone"]


async def test_what_raises_without_waiting_is_the_field_s_own_error(became: Any) -> None:
    def world() -> World:
        return World({"item": Thing(items=[Thing(price=RuntimeError("no")), Thing(name=5), Thing(price=2)])})

    data, errors = await same("{ item { items { price shout } } }", world)
    assert data["item"]["items"][0] == {"price": None, "shout": "THING"}
    assert {path for path, _message in errors} == {("item", "items", 0, "price"), ("item", "items", 1, "shout")}
    assert became() == {("compiled", ""): 1}


# --- arguments -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("price", [LATER, 3])
async def test_arguments_that_are_refused_fail_the_field_not_the_operation(price: Any, became: Any) -> None:
    text = "query($c: String) { item { name price(currency: $c) } }"
    for refused in ("NONE", None):
        data, errors = await same(text, lambda: World({"item": Thing(price=price)}), c=refused)
        assert data == {"item": {"name": "thing", "price": None}}
        assert {path for path, _message in errors} == {("item", "price")}
    assert became() == {("compiled", ""): 2}


# --- graphql-core takes over ---------------------------------------------------------------------------------------


@FALLEN
async def test_roots_are_not_run_twice(became: Any) -> None:
    async def failing() -> Thing:
        raise ValueError("second failed")

    world = World({"item": Thing(note=Awaited("late")), "second": failing, "now": Thing(name="now")})
    result = await run("{ item { note name } second { name } now { name } }", world)
    assert result.data == {"item": {"note": "late", "name": "thing"}, "second": None, "now": {"name": "now"}}
    assert [(error.path, error.message) for error in result.errors or ()] == [(["second"], "second failed")]
    assert sorted(world.began) == ["item", "now", "second"]
    assert became() == {("fell_back", "value"): 1}


@FALLEN
async def test_a_root_that_is_still_waited_for_goes_on(became: Any) -> None:
    """Generated code gives up at one root while another is on its way."""
    release = asyncio.Event()

    async def slow() -> Thing:
        await release.wait()
        return Thing(name="slow")

    world = World({"item": Thing(note=Awaited("late")), "second": slow})
    running = asyncio.create_task(run("{ item { note } second { name } }", world))
    for _ in range(20):
        await asyncio.sleep(0)
    release.set()
    result = await asyncio.wait_for(running, 20)
    assert (result.data, result.errors) == ({"item": {"note": "late"}, "second": {"name": "slow"}}, None)
    assert world.began == ["item", "second"]
    assert became() == {("fell_back", "value"): 1}


@FALLEN
@pytest.mark.parametrize("odd", [Awaited(Thing(name="late")), object(), "text", 3])
async def test_objects_that_are_none(odd: Any) -> None:
    data, _errors = await same("{ item { name twin { name } } second { name } }", lambda: World({"item": Thing(twin=odd)}))
    assert data["second"] == {"name": "thing"}


async def test_middleware_is_graphql_core_s_business() -> None:
    running = executor(COMPILED, parse("{ item { name } }"), World(), {})
    running.error_propagation = False
    assert not running._plain()  # type: ignore[attr-defined] # CompiledExecutor


# --- cancellation --------------------------------------------------------------------------------------------------


class Waiting:
    """Something to wait for that never comes; ``left`` says what became of those who did."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.left: list[str] = []

    async def __call__(self, _parents: Any = None) -> Any:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.left.append("left")


async def _cancelled(running: Awaitable[Any], *waiting: Waiting) -> None:
    task = asyncio.ensure_future(running)
    for each in waiting:
        await asyncio.wait_for(each.began.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # Whoever was told needs a turn of the loop to leave.
    await asyncio.sleep(0)


async def test_a_cancelled_request_leaves_its_batches() -> None:
    waiting = Waiting()
    world = World({"item": Thing(items=[Thing(price=LATER)])}, waiting)
    await _cancelled(run('{ item { items { price other: price(currency: "USD") partner { name } } } }', world), waiting)
    assert waiting.left == ["left", "left"]


async def test_a_cancelled_request_leaves_its_roots() -> None:
    one, other = Waiting(), Waiting()
    await _cancelled(
        run("{ item { name } second { name } now { name } }", World({"item": one, "second": other})), one, other
    )
    assert one.left + other.left == ["left", "left"]


async def test_a_cancelled_request_leaves_its_only_root() -> None:
    one = Waiting()
    await _cancelled(run("{ item { name } }", World({"item": one})), one)
    assert one.left == ["left"]
