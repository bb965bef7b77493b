"""Operations that are too large, as clients see them refused."""

import pytest
from graphql import get_introspection_query

from tests.support import TWO_SOURCES, App, running_app

LIMITED = "server: {max_depth: 6, max_aliases: 3, max_roots: 4, max_cost: 200}\n" + TWO_SOURCES
GRAPHQL, JSON = "application/graphql-response+json", "application/json"

LARGE = {
    "levels": "{ executions(first: 1) { edges { node { job { executions(first: 1) { edges { cursor } } } } } } }",
    "aliases": "{ a: __typename b: __typename c: __typename d: __typename }",
    "fields at its root": "{ a: sources { id } b: sources { id } c: sources { id } sources { id } jobs { partial } }",
    "values": "{ executions(first: 200) { edges { cursor } } }",
}  # fmt: skip


async def refused(app: App, query: str, accept: str, **variables: object) -> tuple[int, str, str]:
    response = await app.http.post("/graphql", json={"query": query, "variables": variables}, headers={"accept": accept})
    body = response.json()
    assert "data" not in body
    (error,) = body["errors"]
    assert error["locations"]
    return response.status_code, error["extensions"]["code"], error["message"]


@pytest.mark.parametrize(("accept", "status"), [(GRAPHQL, 400), (JSON, 200)])
@pytest.mark.parametrize("what", list(LARGE))
async def test_refused(what: str, accept: str, status: int) -> None:
    async with running_app(LIMITED) as app:
        got, code, message = await refused(app, LARGE[what], accept)
        assert (got, code) == (status, "COST_LIMIT_EXCEEDED")
        assert what in message
        assert (await app.data("{ executions(first: 20) { edges { cursor } } }")) == {"executions": {"edges": []}}


async def test_refused_for_what_variables_say() -> None:
    query = "query($n: Int = 2) { executions(first: $n) { edges { cursor } } }"
    async with running_app(LIMITED) as app:
        assert (await refused(app, query, GRAPHQL, n=999))[:2] == (400, "COST_LIMIT_EXCEEDED")
        for odd in ("999999", "²", "9" * 5000, True, 1.5):
            assert (await refused(app, query, GRAPHQL, n=odd))[:2] == (400, "BAD_USER_INPUT")
        assert await app.data(query) == {"executions": {"edges": []}}


async def test_tools_may_ask_for_the_whole_schema() -> None:
    async with running_app(LIMITED) as app:
        assert "errors" not in await app.answer(get_introspection_query())
