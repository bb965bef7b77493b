"""What an operation costs: levels, aliases, roots, and values in the largest answer it allows."""

from typing import Any

import pytest
from graphql import FragmentDefinitionNode, GraphQLError, OperationDefinitionNode, build_schema, parse

from gateway.execution.cost import COST_LIMIT, Cost, Limits, cost_of, refuse, sized_by
from gateway.execution.documents import Documents

SCHEMA = build_schema("""
type Query { things(first: Int!): Things, pick(ids: [ID!]!): [Thing], thing: Thing, name: String }
type Things { edges: [Edge], total: Int }
type Edge { node: Thing, cursor: String }
type Thing { id: ID, name: String, things(first: Int): Things, log(first: Int!, tail: Int): Things }
""")

for _type, _field, _default in (("Query", "things", 50), ("Thing", "things", 10), ("Thing", "log", 500)):
    # Texts of schemas give defaults in another form than strawberry does.
    SCHEMA.type_map[_type].fields[_field].args["first"].default_value = _default  # type: ignore[attr-defined] # an object


def parts(text: str) -> tuple[OperationDefinitionNode, dict[str, FragmentDefinitionNode]]:
    definitions = parse(text).definitions
    (operation,) = [each for each in definitions if isinstance(each, OperationDefinitionNode)]
    return operation, {each.name.value: each for each in definitions if isinstance(each, FragmentDefinitionNode)}


def cost(text: str, **variables: Any) -> Cost:
    operation, fragments = parts(text)
    return cost_of(SCHEMA, operation, fragments, variables)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ name }", Cost(1, 0, 1, 1)),
        ("{ name a: name }", Cost(1, 1, 2, 2)),
        ("{ thing { id name } }", Cost(2, 0, 1, 3)),
        ("{ thing { x: id y: id } }", Cost(2, 2, 1, 3)),
        # Depth is that of the deepest field, wherever it stands.
        ("{ name thing { things { total } } }", Cost(3, 0, 2, 4)),
        # Edges count as often as there may be rows, what stands beside them once.
        ("{ things(first: 3) { total edges { cursor } } }", Cost(3, 0, 1, 1 + 1 + (1 + 3 * 1))),
        ("{ things { edges { cursor } } }", Cost(3, 0, 1, 1 + (1 + 50 * 1))),
        ("{ things(first: 0) { edges { cursor } } }", Cost(3, 0, 1, 2)),
        ("{ things(first: -7) { edges { cursor } } }", Cost(3, 0, 1, 2)),
        # Lists in lists multiply.
        ("{ things(first: 3) { edges { node { things(first: 4) { edges { cursor } } } } } }",
         Cost(6, 0, 1, 1 + (1 + 3 * (1 + (1 + (1 + 4)))))),
        ("{ pick(ids: [\"a\", \"b\"]) { id name } }", Cost(2, 0, 1, 1 + 2 * 2)),
        ("{ thing { log(tail: 7) { edges { cursor } } } }", Cost(4, 0, 1, 1 + (1 + (1 + 7)))),
        ("{ thing { log(tail: 7, first: 9) { edges { cursor } } } }", Cost(4, 0, 1, 1 + (1 + (1 + 9)))),
        ("{ thing { log { edges { cursor } } } }", Cost(4, 0, 1, 1 + (1 + (1 + 500)))),
        ("{ thing { log(tail: null) { edges { cursor } } } }", Cost(4, 0, 1, 1 + (1 + (1 + 500)))),
        # Fragments cost what is in them, wherever they are named.
        ("{ ... { name } ... on Query { thing { id } } ...F } fragment F on Query { x: name }", Cost(2, 1, 3, 4)),
        ("{ things(first: 5) { ...F } } fragment F on Things { edges { cursor } }", Cost(3, 0, 1, 1 + (1 + 5))),
        # What a schema says of itself is free, but for what its aliases and roots are.
        ("{ __schema { types { fields { type { ofType { name } } } } } a: __typename }", Cost(0, 1, 2, 2)),
    ],
)  # fmt: skip
def test_costs(text: str, expected: Cost) -> None:
    assert cost(text) == expected


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        ({"n": 4}, 4),
        ({}, 3),
        ({"n": None}, 50),
        ({"n": True}, 50),
        ({"n": "9"}, 50),
        ({"n": "²"}, 50),
        ({"n": "9" * 5000}, 50),
    ],
)
def test_variables_and_their_defaults(given: dict[str, Any], rows: int) -> None:
    """What is no number is refused where variables are read: here it counts as the argument's default."""
    assert cost("query($n: Int = 3) { things(first: $n) { edges { cursor } } }", **given).cost == 2 + rows


@pytest.mark.parametrize(("given", "count"), [({"ids": ["a"] * 5}, 5), ({}, 3), ({"ids": []}, 0)])
def test_lists_in_variables(given: dict[str, Any], count: int) -> None:
    text = 'query($ids: [ID!]! = ["a", "b", "c"]) { pick(ids: $ids) { id } }'
    assert cost(text, **given).cost == 1 + count


def test_the_variables_that_matter() -> None:
    text = """query($a: Int!, $b: [ID!]!, $c: Boolean!, $d: Int) {
      pick(ids: $b) { id @skip(if: $c) } ...F } fragment F on Query { things(first: $a) { edges { node { ...G } } } }
      fragment G on Thing { log(tail: $d) { total } }"""
    assert sized_by(*parts(text)) == ("a", "b", "d")


def test_a_bomb_of_fragments_is_counted_not_expanded() -> None:
    levels = 30
    text = "{ thing { ...F0 } }" + "".join(
        f" fragment F{level} on Thing {{ ...F{level + 1} ...F{level + 1} a{level}: id }}" for level in range(levels)
    )
    amount = cost(text + f" fragment F{levels} on Thing {{ id }}")
    assert amount.cost == 1 + 2**levels + 2**levels - 1
    assert amount.aliases == 2**levels - 1
    assert amount.depth == 2


# --- refusing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "what"),
    [
        (Cost(depth=6, aliases=5, roots=5, cost=5), "6 levels of fields; at most 5"),
        (Cost(depth=5, aliases=6, roots=5, cost=5), "6 aliases; at most 5"),
        (Cost(depth=5, aliases=5, roots=6, cost=5), "6 fields at its root; at most 5"),
        (Cost(depth=5, aliases=5, roots=5, cost=6), "6 values in its largest answer; at most 5"),
    ],
)
def test_each_limit(amount: Cost, what: str) -> None:
    operation, _ = parts("{ name }")
    with pytest.raises(GraphQLError, match=what) as refused:
        refuse(amount, Limits(5, 5, 5, 5), operation)
    assert refused.value.extensions == {"code": COST_LIMIT}
    assert refused.value.nodes == [operation]
    refuse(Cost(5, 5, 5, 5), Limits(5, 5, 5, 5), operation)


@pytest.mark.parametrize("odd", [{"n": "999999"}, {"n": True}, {"n": None}, {"n": [1] * 99}, {"n": 1.5}])
def test_what_one_caller_sends_does_not_count_for_another(odd: dict[str, Any]) -> None:
    """Costs are remembered with the text, by what was sent."""
    documents = Documents(SCHEMA, Limits(cost=20))
    document = documents.of("query($n: Int = 3) { things(first: $n) { edges { cursor } } }")
    operation = document.operation(None)
    for _ in range(2):
        with pytest.raises(GraphQLError):
            documents.refuse_costly(document, operation, odd)
        documents.refuse_costly(document, operation, {})
        documents.refuse_costly(document, operation, {"n": 1})
        with pytest.raises(GraphQLError):
            documents.refuse_costly(document, operation, {"n": 50})


def test_a_default_is_not_what_no_number_amounts_to() -> None:
    documents = Documents(SCHEMA, Limits(cost=20))
    document = documents.of("query($n: Int = 3) { things(first: $n) { edges { cursor } } }")
    documents.refuse_costly(document, document.operation(None), {})
    with pytest.raises(GraphQLError):
        documents.refuse_costly(document, document.operation(None), {"n": None})


def test_more_values_than_are_remembered() -> None:
    documents = Documents(SCHEMA, Limits(cost=500))
    document = documents.of("query($n: Int = 3) { things(first: $n) { edges { cursor } } }")
    operation = document.operation(None)
    for rows in range(200):
        documents.refuse_costly(document, operation, {"n": rows})
    assert len(operation.costs) < 200
    with pytest.raises(GraphQLError):
        documents.refuse_costly(document, operation, {"n": 499})
