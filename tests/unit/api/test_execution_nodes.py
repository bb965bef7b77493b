"""Nodes of the executions of a page: rows may have the same nodes, yet what is said of them stays each row's own."""

from msgspec.structs import replace

from gateway.model import Entity, Key, Node, NodeResult, NodeRole
from tests.property.federations import execution
from tests.support import running_app


def results(source: str, *names: str) -> tuple[NodeResult, ...]:
    return tuple(
        NodeResult(node=Node(key=Key("node", source, (name,)), name=name, tie=(name,)), roles=(NodeRole.EXECUTOR,))
        for name in names
    )


SHARED = results("alpha", "one", "two")
ROWS: dict[str, list[Entity]] = {
    "alpha": [
        replace(execution("alpha", 1, created=4), nodes=SHARED),
        replace(execution("alpha", 2, created=3), nodes=SHARED),
        replace(execution("alpha", 3, created=2), nodes=results("alpha", "three")),
    ],
    "beta": [replace(execution("beta", 4, created=1), nodes=SHARED)],
}
BARE = """{ executions { edges { node { nodes(first: 1) {
  totalCount source { source { name } } edges { roles node { name } } } } } } }"""
PLACED = """{ executions { edges { node { id nodes(first: 1) {
  pageInfo { startCursor endCursor hasNextPage } edges { cursor } } } } } }"""
ONWARDS = """query($id: ID!, $after: String!) { execution(id: $id) { nodes(after: $after) { edges { node { name } } } } }"""


async def test_rows_with_the_same_nodes_show_them_all() -> None:
    async with running_app(rows=ROWS) as app:
        rows = (await app.data(BARE))["executions"]["edges"]
    pages = [row["node"]["nodes"] for row in rows]
    assert [[edge["node"]["name"] for edge in page["edges"]] for page in pages] == [["one"], ["one"], ["three"], ["one"]]
    assert [page["totalCount"] for page in pages] == [2, 2, 1, 2]
    assert [page["source"]["source"]["name"] for page in pages] == ["alpha", "alpha", "alpha", "beta"]


async def test_rows_with_the_same_nodes_have_cursors_of_their_own() -> None:
    async with running_app(rows=ROWS) as app:
        rows = [row["node"] for row in (await app.data(PLACED))["executions"]["edges"]]
        assert len({row["nodes"]["edges"][0]["cursor"] for row in rows}) == len(rows)
        for row in rows[:2]:
            info = row["nodes"]["pageInfo"]
            cursor = row["nodes"]["edges"][0]["cursor"]
            assert info == {"startCursor": cursor, "endCursor": cursor, "hasNextPage": True}
            data = await app.data(ONWARDS, {"id": row["id"], "after": cursor})
            assert [edge["node"]["name"] for edge in data["execution"]["nodes"]["edges"]] == ["two"]
