"""What a query selects: aliases undone, fragments and directives followed, so that nothing is asked that nobody reads."""

from typing import Any

import pytest
import strawberry
from graphql import build_schema, graphql_sync

from gateway.execution.selection import Selection, below, selection
from tests.property.federations import execution
from tests.support import TWO_SOURCES, running_app

SCHEMA = build_schema("""
interface Named { name: String }
type Item implements Named { name: String, id: ID, items: [Item] }
type Query { items: [Item], named: [Named], name: String }
""")


def selected(text: str, **variables: Any) -> Selection:
    """What graphql-core's own execution says is selected below the root field."""
    seen: list[Selection] = []

    def resolve(_root: Any, info: Any) -> None:
        seen.append(selection(info))

    assert SCHEMA.query_type is not None
    for field in SCHEMA.query_type.fields.values():
        field.resolve = resolve
    result = graphql_sync(SCHEMA, text, variable_values=variables)
    assert result.errors is None
    (tree,) = seen
    return tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("{ items { name } }", {"name": {}}),
        ("{ items { a: name b: name id } }", {"name": {}, "id": {}}),
        ("{ items { items { name } } }", {"items": {"name": {}}}),
        ("{ items { a: items { name } b: items { id } } }", {"items": {"name": {}, "id": {}}}),
        ("{ items { name } items { id } }", {"name": {}, "id": {}}),
        ("{ named { ... on Item { id } ... { name } } }", {"id": {}, "name": {}}),
        ("{ items { ...F } } fragment F on Item { items { ...G } } fragment G on Item { id }", {"items": {"id": {}}}),
        ("{ items { __typename } }", {"__typename": {}}),
        ("{ name }", {}),
    ],
)
def test_the_tree_of_names(text: str, tree: Selection) -> None:
    assert selected(text) == tree


@pytest.mark.parametrize(
    ("directive", "included"),
    [
        ("@include(if: true)", True),
        ("@include(if: false)", False),
        ("@skip(if: true)", False),
        ("@skip(if: false)", True),
        ("@include(if: $yes)", True),
        ("@include(if: $no)", False),
        ("@skip(if: $yes)", False),
        ("@skip(if: $no)", True),
        ("@include(if: $default)", True),
        ("@skip(if: $no) @include(if: $yes)", True),
        ("@skip(if: $yes) @include(if: $yes)", False),
        ("@skip(if: $no) @include(if: $no)", False),
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        "{ items { id name DIRECTIVE } }",
        "{ items { id ... DIRECTIVE { name } } }",
        "{ items { id ...F DIRECTIVE } } fragment F on Item { name }",
    ],
)
def test_what_is_skipped_is_not_selected(text: str, directive: str, included: bool) -> None:
    used = [name for name in ("yes", "no") if f"${name}" in directive]
    declared = [f"${name}: Boolean!" for name in used]
    if "$default" in directive:
        declared.append("$default: Boolean! = true")
    head = f"query({', '.join(declared)}) " if declared else ""
    tree = selected(head + text.replace("DIRECTIVE", directive), **{name: name == "yes" for name in used})
    assert tree == ({"id": {}, "name": {}} if included else {"id": {}})


_SEEN: list[Selection] = []


@strawberry.type
class Item:
    name: str
    id: strawberry.ID


@strawberry.type
class Query:
    @strawberry.field
    def item(self, info: strawberry.Info) -> Item | None:
        _SEEN.append(selection(info._raw_info))
        return None


def test_strawberry_hands_on_variables_in_a_form_of_its_own() -> None:
    text = "query($yes: Boolean!, $d: Boolean! = false) { item { name @include(if: $yes) id @include(if: $d) } }"
    result = strawberry.Schema(Query).execute_sync(text, {"yes": True})
    assert result.errors is None
    assert _SEEN == [{"name": {}}]


def test_below() -> None:
    tree: Selection = {"edges": {"node": {"id": {}}}}
    assert below(tree) is tree
    assert below(tree, "edges", "node") == {"id": {}}
    assert below(tree, "edges", "cursor") == {}
    assert below(tree, "pageInfo", "endCursor") == {}


async def test_totals_are_counted_only_when_they_are_read() -> None:
    """Without rows a count is the only thing to ask a source for."""
    query = "query($t: Boolean!) { executions(first: 0) { partial totalCount @include(if: $t) } }"
    rows = {"alpha": [execution("alpha", 1, created=1)]}
    async with running_app(TWO_SOURCES, rows=rows) as app:
        read = await app.answer(query, {"t": True})
        unread = await app.answer(query, {"t": False})
    assert (read["data"]["executions"]["totalCount"], read["extensions"]["upstream"]) == (1, {"alpha": 1, "beta": 1})
    assert "extensions" not in unread
