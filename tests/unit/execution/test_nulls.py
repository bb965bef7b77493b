"""A value that fails makes null of the nearest place above it that may be null; leaves are written as before."""

from typing import Any

import pytest

from gateway.execution.fields import LATER
from tests.differential.counting import executions
from tests.differential.faults import VALUES
from tests.unit.execution.toy import Colour, OtherThing, Thing, World, same

BROKEN = ValueError("broken")


def holding(**values: Any) -> Any:
    return lambda: World(roots=values)


@pytest.mark.parametrize(
    ("text", "item", "data", "paths"),
    [
        ("{ item { note must } }", Thing(note=BROKEN), {"item": {"note": None, "must": "must"}}, [("item", "note")]),
        ("{ item { must } }", Thing(must=None), {"item": None}, [("item", "must")]),
        ("{ item { must } }", Thing(must=BROKEN), {"item": None}, [("item", "must")]),
        ("{ item { own { must } } }", Thing(own=Thing(must=None)), {"item": None}, [("item", "own", "must")]),
        ("{ item { own { must } } }", Thing(own=None), {"item": None}, [("item", "own")]),
        ("{ item { twin { must } note } }", Thing(twin=Thing(must=None)), {"item": {"twin": None, "note": None}},
         [("item", "twin", "must")]),
        ("{ item { words } }", Thing(words=["a", BROKEN, None]), {"item": {"words": ["a", None, None]}},
         [("item", "words", 1)]),
        ("{ item { lines } }", Thing(lines=["a", None]), {"item": {"lines": None}}, [("item", "lines", 1)]),
        ("{ item { items { must } } }", Thing(items=[Thing(), Thing(must=None), None]),
         {"item": {"items": [{"must": "must"}, None, None]}}, [("item", "items", 1, "must")]),
        ("{ item { strict { must } } }", Thing(strict=(Thing(), Thing(must=None))), {"item": None},
         [("item", "strict", 1, "must")]),
        ("{ item { strict { must } } }", Thing(strict=None), {"item": None}, [("item", "strict")]),
        ("{ item { a: twin { must } b: twin { must } } }", Thing(twin=Thing(must=None)), {"item": {"a": None, "b": None}},
         [("item", "a", "must"), ("item", "b", "must")]),
    ],
)  # fmt: skip
async def test_the_nearest_place(text: str, item: Any, data: Any, paths: list[Any]) -> None:
    given, errors = await same(text, holding(item=item))
    assert given == data
    assert {path for path, _message in errors} == set(paths)


async def test_nothing_is_left_when_all_above_must_be_there() -> None:
    data, errors = await same("{ item { name } firm { own { must } } }", holding(firm=Thing(own=Thing(must=None))))
    assert data is None
    assert {path for path, _message in errors} == {("firm", "own", "must")}


async def test_of_several_failures_below_one_null_at_least_one_is_told() -> None:
    item = Thing(strict=[Thing(must=None), Thing(must=BROKEN)], note=BROKEN)
    data, errors = await same("{ item { strict { must } } second { note } }", holding(item=item, second=Thing(note=BROKEN)))
    assert data == {"item": None, "second": {"note": None}}
    assert ("second", "note") in {path for path, _message in errors}
    assert len(errors) >= 2


async def test_behind_an_interface() -> None:
    text = "{ named { name ... on Item { must } } }"
    data, errors = await same(text, holding(named=Thing(must=None)))
    assert (data, {path for path, _ in errors}) == ({"named": None}, {("named", "must")})
    data, errors = await same(text, holding(named=OtherThing(must=None)))
    assert (data, errors) == ({"named": {"name": "thing"}}, set())


async def test_below_a_batch() -> None:
    async def load(parents: Any) -> list[Any]:
        return [BROKEN if parent.name == "bad" else "no number" for parent in parents]

    def world() -> World:
        return World({"item": Thing(items=[Thing(name="bad", price=LATER), Thing(price=LATER)])}, load)

    data, errors = await same("{ item { items { name price } } }", world)
    assert data == {"item": {"items": [{"name": "bad", "price": None}, {"name": "thing", "price": None}]}}
    assert {path for path, _message in errors} == {("item", "items", 0, "price"), ("item", "items", 1, "price")}


@pytest.mark.parametrize("name", ["note", "size", "weight", "isNew", "tag", "colour", "must"])
async def test_every_odd_leaf(name: str) -> None:
    attribute = "is_new" if name == "isNew" else name
    before = executions()
    odd = [*VALUES, 2**31 - 1, -(2**31), 1e16, 2.0**31, -0.0, Colour.BLUE, "RED", "r"]
    for value in odd:
        await same(f"{{ item {{ {name} }} }}", holding(item=Thing(**{attribute: value})))
    assert executions() - before == {("compiled", ""): len(odd)}


@pytest.mark.falls_back
@pytest.mark.parametrize("name", ["words", "lines", "items { name }", "strict { name }", "twin { name }", "own { name }"])
async def test_every_odd_list_and_object(name: str) -> None:
    for value in VALUES:
        await same(f"{{ item {{ {name} }} }}", holding(item=Thing(**{name.split()[0]: value})))
