"""Plans: which operations have one, one for each set of flags, and how long they are remembered."""

from typing import Any, cast

import pytest
from graphql import DocumentNode, parse

from gateway.execution import plan as planning
from gateway.execution.executor import CompiledExecutor
from gateway.execution.plan import Plan, Read
from gateway.execution.plans import Plans
from tests.differential.counting import executions
from tests.unit.execution.toy import COMPILED, World, executor, run, schema


def plan(plans: Plans, text: str | DocumentNode, **variables: Any) -> Plan | str:
    document = parse(text) if isinstance(text, str) else text
    return plans.of(executor(COMPILED, document, World(), variables))


def made(plans: Plans, text: str | DocumentNode, **variables: Any) -> Plan:
    found = plan(plans, text, **variables)
    assert isinstance(found, Plan), found
    return found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{ __schema { types { name } } }", "introspection"),
        ("{ item { name } __type(name: \"Item\") { name } }", "introspection"),
        ("{ foreign }", "resolver"),
        ("{ item { hidden } }", "resolver"),
        ("{ ...F } fragment F on Query { foreign }", "resolver"),
        ("{ item { " + "twin { " * 70 + "name" + " }" * 70 + " } }", "depth"),
    ],
)  # fmt: skip
@pytest.mark.falls_back
async def test_operations_without_a_plan(text: str, reason: str) -> None:
    assert plan(Plans({}), text) == reason
    before = executions()
    result = await run(text)
    assert result.errors is None
    assert executions() - before == {("interpreted", reason): 1}


def test_an_operation_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "LARGEST", 3)
    assert isinstance(plan(Plans({}), "{ item { name note } }"), Plan)
    assert plan(Plans({}), "{ item { name note size } }") == "size"


def test_what_python_cannot_compile_is_left_to_graphql_core(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_given: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("gateway.execution.plans.compile_plan", refuse)
    assert plan(Plans({}), "{ item { name } }") == "size"


def test_one_plan_for_one_operation() -> None:
    plans, document = Plans({}), parse("query($n: Int!) { item(first: $n) { name } }")
    assert made(plans, document, n=1) is made(plans, document, n=2)
    # Equal texts that were parsed apart are not the same to it: that is for `documents`.
    assert made(plans, document, n=1) is not made(plans, parse("query($n: Int!) { item(first: $n) { name } }"), n=1)


def test_one_plan_for_each_set_of_flags() -> None:
    plans = Plans({})
    text = """query($a: Boolean!, $b: Boolean!, $n: Int) {
      item(first: $n) { name @skip(if: $a) ...F } }
      fragment F on Item { ... @include(if: $b) { note } size }"""
    document = parse(text)
    keys = {}
    for a in (False, True):
        for b in (False, True):
            found = made(plans, document, a=a, b=b, n=1)
            assert found is made(plans, document, a=a, b=b, n=2)
            (item,) = found.root.fields.values()
            (below,) = item.below.values()
            keys[a, b] = list(below.fields)
    assert keys == {
        (False, False): ["name", "size"],
        (False, True): ["name", "note", "size"],
        (True, False): ["size"],
        (True, True): ["note", "size"],
    }


async def test_more_flags_than_are_remembered() -> None:
    fields = " ".join(f"f{bit}: name @include(if: $b{bit})" for bit in range(6))
    text = f"query({', '.join(f'$b{bit}: Boolean!' for bit in range(6))}) {{ item {{ {fields} }} }}"
    document = parse(text)
    for flags in range(64):
        wanted = {f"f{bit}": "thing" for bit in range(6) if flags >> bit & 1}
        for _ in range(2):
            given: dict[str, Any] = {f"b{bit}": bool(flags >> bit & 1) for bit in range(6)}
            result = await run(document, **given)
            assert result.data == {"item": wanted}


def test_the_plans_used_last_are_remembered() -> None:
    plans = Plans({}, size=2)
    one, two, three = (parse(f"{{ item {{ x{number}: name }} }}") for number in range(3))
    first, second = made(plans, one), made(plans, two)
    assert made(plans, one) is first
    made(plans, three)
    assert made(plans, one) is first
    assert made(plans, two) is not second


def test_fields_are_merged_and_fragments_expanded() -> None:
    text = """{ item { twin { name } ...F twin { note } } } fragment F on Item { twin { size } name }"""
    (item,) = made(Plans({}), text).root.fields.values()
    (below,) = item.below.values()
    assert list(below.fields) == ["twin", "name"]
    (twin,) = below.fields["twin"].below.values()
    assert list(twin.fields) == ["name", "size", "note"]
    assert item.read is Read.ROOT


def test_below_an_interface_there_is_a_selection_for_each_type() -> None:
    (named,) = made(Plans({}), "{ named { name ... on Item { note } ... on Other { other } } }").root.fields.values()
    assert {type_.name: list(below.fields) for type_, below in named.below.items()} == {
        "Item": ["name", "note"],
        "Other": ["name", "other"],
    }


def test_schemas_do_not_share_plans() -> None:
    one, other = (cast("type[CompiledExecutor]", made.execution_context_class) for made in (COMPILED, schema(compile=True)))
    assert one.plans is not other.plans
