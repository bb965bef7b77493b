"""Ids and cursors as clients meet them: what is none is a mistake at its path, what names nothing is null."""

from typing import Any

import pytest

from gateway import ids
from gateway.model import Entity, Job, Key
from tests.property.federations import execution
from tests.support import TWO_SOURCES, App, running_app

# --- ids -----------------------------------------------------------------------------------------------------------

RUN, JOB = Key("execution", "alpha", ("1",)), Key("job", "alpha", ("7",))
ROWS: dict[str, list[Entity]] = {"alpha": [execution("alpha", 1, created=1), Job(key=JOB, name="job", tie=(7,))]}
NONE = "This is not an id of this gateway."
GONE = "This id names a source that is not configured here."


@pytest.mark.parametrize(
    ("field", "id_", "message"),
    [
        ("entity", "", NONE),
        ("entity", "4711", NONE),
        ("entity", "é", NONE),
        ("execution", "x" * 100, NONE),
        ("job", ids.encode(JOB) + "=", NONE),
        ("node", ids.encode(JOB), "This is the id of a job, not of a node."),
        ("job", ids.encode_source("alpha"), "This is the id of a source, not of a job."),
        ("entity", ids.encode(Key("job", "gone", ("7",))), GONE),
        ("entity", ids.encode_source("gone"), GONE),
        ("entity", ids.encode(Key("job", "alpha", ("7", "8"))), "This is not an id that its source could have."),
    ],
)
async def test_an_id_that_is_none_is_a_mistake(field: str, id_: str, message: str) -> None:
    async with running_app(rows=ROWS) as app:
        body = await app.answer(f"query($id: ID!) {{ mine: {field}(id: $id) {{ id }} }}", {"id": id_})
    (error,) = body["errors"]
    assert body["data"] == {"mine": None}
    assert (error["message"], error["path"], error["extensions"]) == (message, ["mine"], {"code": "BAD_USER_INPUT"})


async def test_an_id_of_nothing_is_plain_null() -> None:
    query = """
    query($e: ID!, $j: ID!, $n: ID!) {
      entity(id: $e) { id } execution(id: $e) { id } job(id: $j) { id } node(id: $n) { id }
    }
    """
    absent = {kind[0]: ids.encode(Key(kind, "alpha", ("99",))) for kind in ("execution", "job", "node")}
    async with running_app(rows=ROWS) as app:
        assert await app.data(query, absent) == {"entity": None, "execution": None, "job": None, "node": None}


async def test_several_ids_are_answered_each_for_itself() -> None:
    wanted = [ids.encode(RUN), "garbage", ids.encode(Key("job", "alpha", ("99",))), ids.encode(JOB)]
    query = "query($ids: [ID!]!) { entities(ids: $ids) { __typename id } }"
    async with running_app(rows=ROWS) as app:
        body = await app.answer(query, {"ids": wanted})
    assert body["data"]["entities"] == [
        {"__typename": "Execution", "id": wanted[0]},
        None,
        None,
        {"__typename": "Job", "id": wanted[3]},
    ]
    assert [error["path"] for error in body["errors"]] == [["entities", 1]]
    # Three keys of one source, in one request.
    assert body["extensions"] == {"upstream": {"alpha": 1}}


async def test_an_id_under_a_former_name_comes_back_under_the_present_one() -> None:
    async with running_app(rows=ROWS) as app:
        data = await app.data("query($id: ID!) { entity(id: $id) { id } }", {"id": ids.encode(Key("job", "first", ("7",)))})
    assert data == {"entity": {"id": ids.encode(JOB)}}


# --- cursors -------------------------------------------------------------------------------------------------------

PAGE = """
query($after: String, $filter: ExecutionFilter, $order: ExecutionOrder!) {
  executions(first: 2, after: $after, filter: $filter, orderBy: $order) {
    edges { cursor node { nativeId } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
NEWEST = {"field": "CREATED_AT"}
KEYED = "server: {cursor_key: one}\n" + TWO_SOURCES
MANY = {"alpha": [execution("alpha", n, created=n) for n in range(5)]}
ALTERED = "The cursor was altered or cut short, or another deployment made it."


async def first_page(app: App) -> dict[str, Any]:
    data = await app.data(PAGE, {"order": NEWEST})
    page: dict[str, Any] = data["executions"]
    return page


async def test_a_list_is_read_page_by_page() -> None:
    seen: list[str] = []
    async with running_app(rows=MANY) as app:
        after, more = None, True
        while more:
            page = (await app.data(PAGE, {"order": NEWEST, "after": after}))["executions"]
            info = page["pageInfo"]
            assert info["hasPreviousPage"] is (after is not None)
            assert info["startCursor"] == page["edges"][0]["cursor"]
            assert info["endCursor"] == page["edges"][-1]["cursor"]
            seen += [edge["node"]["nativeId"] for edge in page["edges"]]
            after, more = info["endCursor"], info["hasNextPage"]
    assert seen == ["4", "3", "2", "1", "0"]


@pytest.mark.parametrize(
    "other",
    [
        {"filter": {"status": ["FAILED"]}},
        {"filter": {"source": ["alpha"]}},
        {"order": {"field": "STARTED_AT"}},
        {"order": {"field": "CREATED_AT", "direction": "ASC"}},
    ],
)
async def test_a_cursor_of_another_list_is_refused(other: dict[str, Any]) -> None:
    async with running_app(rows=MANY) as app:
        after = (await first_page(app))["pageInfo"]["endCursor"]
        error = await app.error(PAGE, {"order": NEWEST, "after": after, **other})
    assert error["message"].startswith("The cursor belongs to another list")
    assert (error["path"], error["extensions"]) == (["executions"], {"code": "BAD_USER_INPUT"})


async def test_a_filter_that_says_the_same_is_the_same_list() -> None:
    async with running_app(rows=MANY) as app:
        after = (await first_page(app))["pageInfo"]["endCursor"]
        data = await app.data(PAGE, {"order": NEWEST, "after": after, "filter": {"name": {}, "status": None}})
    assert [edge["node"]["nativeId"] for edge in data["executions"]["edges"]] == ["2", "1"]


async def test_a_cursor_of_another_deployment_is_refused() -> None:
    async with running_app(KEYED, rows=MANY) as app:
        after = (await first_page(app))["pageInfo"]["endCursor"]
    # Another process with the same key goes on where the first one was.
    async with running_app(KEYED, rows=MANY) as app:
        page = (await app.data(PAGE, {"order": NEWEST, "after": after}))["executions"]
        assert [edge["node"]["nativeId"] for edge in page["edges"]] == ["2", "1"]
    async with running_app(KEYED.replace("one", "two"), rows=MANY) as app:
        error = await app.error(PAGE, {"order": NEWEST, "after": after})
    assert (error["message"], error["extensions"]) == (ALTERED, {"code": "BAD_USER_INPUT"})


@pytest.mark.parametrize("spoil", [lambda text: text[:-3], lambda text: "B" + text[1:], lambda text: text + "AAAA"])
async def test_a_forged_or_truncated_cursor_is_refused(spoil: Any) -> None:
    async with running_app(rows=MANY) as app:
        after = (await first_page(app))["pageInfo"]["endCursor"]
        error = await app.error(PAGE, {"order": NEWEST, "after": spoil(after)})
    assert (error["message"], error["path"], error["extensions"]) == (ALTERED, ["executions"], {"code": "BAD_USER_INPUT"})
