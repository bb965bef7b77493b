"""All five systems in one list: every order and many filters, against what the simulators hold."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.conftest import Served
from tests.e2e.ground_truth import FINAL, Row, listed, rows, us

KINDS = {"aws-iot", "awx", "ctl-runner", "scale", "threatconnect"}

PAGE = """
query ($first: Int!, $after: String, $order: ExecutionOrder!, $filter: ExecutionFilter) {
  executions(first: $first, after: $after, orderBy: $order, filter: $filter) {
    edges { node { nativeId status name createdAt startedAt finishedAt source { name } } }
    pageInfo { hasNextPage endCursor } partial sources { source { name } state requests error { code message } } } }
"""


async def walk(served: Served, field: str, direction: str, filter_: Any = None) -> list[str]:
    """Ids of the whole list, 37 to a page."""
    found: list[str] = []
    after, more = None, True
    while more:
        order = {"field": field, "direction": direction}
        page = (await served.data(PAGE, first=37, after=after, order=order, filter=filter_))["executions"]
        assert not page["partial"], page["sources"]
        found += [f"{edge['node']['source']['name']}/{edge['node']['nativeId']}" for edge in page["edges"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    return found


async def test_one_query_has_rows_of_all_five_in_one_order(everywhere: Served) -> None:
    body = await everywhere.ask(PAGE, first=200, order={"field": "CREATED_AT"})
    page = body["data"]["executions"]
    found = [f"{edge['node']['source']['name']}/{edge['node']['nativeId']}" for edge in page["edges"]]
    assert {name.partition("/")[0] for name in found} == KINDS
    assert found == listed(rows(everywhere), "CREATED_AT", "DESC")[:200]
    assert {report["source"]["name"]: report["state"] for report in page["sources"]} == dict.fromkeys(KINDS, "OK")


async def test_there_are_about_two_thousand(everywhere: Served) -> None:
    held = Counter(row.source for row in rows(everywhere))
    assert set(held) == KINDS
    assert 1900 <= sum(held.values()) <= 2100


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("field", ["CREATED_AT", "STARTED_AT", "FINISHED_AT", "DURATION"])
async def test_a_walk_of_37s_is_the_list_by_definition(everywhere: Served, field: str, direction: str) -> None:
    # An order by duration needs a range of time with a beginning (DECISIONS 41).
    filter_ = {"createdAt": {"from": "2026-11-01T00:00:00Z"}} if field == "DURATION" else None
    wanted = [row for row in rows(everywhere) if filter_ is None or row.created is not None]
    assert await walk(everywhere, field, direction, filter_) == listed(wanted, field, direction)


def between(value: int | None, start: str | None, end: str | None) -> bool:
    if value is None:
        return False
    return (start is None or value >= (us(start) or 0)) and (end is None or value < (us(end) or 0))


_WEEK, _YESTERDAY, _STORY = "2026-11-14T00:00:00+00:00", "2026-11-20T00:00:00+00:00", "2026-11-21T14:00:00+00:00"

FILTERS: dict[str, tuple[dict[str, Any], Callable[[Row], bool]]] = {
    "failed": ({"status": ["FAILED"]}, lambda row: row.status == "FAILED"),
    "any failure": (
        {"outcome": ["FAILURE", "ERROR"]},
        lambda row: row.status in {"FAILED", "TIMED_OUT", "REJECTED", "ERRORED"},
    ),
    "not over": ({"phase": ["WAITING", "ACTIVE"]}, lambda row: row.status not in FINAL | {"UNKNOWN"}),
    "all but successes": ({"excludeStatus": ["SUCCEEDED"]}, lambda row: row.status != "SUCCEEDED"),
    "created in a week": (
        {"createdAt": {"from": _WEEK, "to": _YESTERDAY}},
        lambda row: between(row.created, _WEEK, _YESTERDAY),
    ),
    "started since": ({"startedAt": {"from": _YESTERDAY}}, lambda row: between(row.started, _YESTERDAY, None)),
    "finished before": ({"finishedAt": {"to": _WEEK}}, lambda row: between(row.finished, None, _WEEK)),
    "failed in the hour of the story": (
        {"outcome": ["FAILURE", "ERROR"], "startedAt": {"from": _STORY, "to": "2026-11-21T15:00:00Z"}},
        lambda row: (
            row.status in {"FAILED", "TIMED_OUT", "REJECTED", "ERRORED"}
            and between(row.started, _STORY, "2026-11-21T15:00:00+00:00")
        ),
    ),
    "named": ({"name": {"contains": "CHECKOUT"}}, lambda row: "checkout" in row.name.lower()),
    "of three sources": (
        {"source": ["aws-iot", "ctl-runner", "threatconnect"], "status": ["SUCCEEDED", "CANCELED"]},
        lambda row: row.source in {"aws-iot", "ctl-runner", "threatconnect"} and row.status in {"SUCCEEDED", "CANCELED"},
    ),
    "active during": (
        {"activeDuring": {"from": _YESTERDAY, "to": "2026-11-20T12:00:00Z"}},
        lambda row: (
            row.started is not None
            and row.started < (us("2026-11-20T12:00:00+00:00") or 0)
            and (row.finished is None or row.finished >= (us(_YESTERDAY) or 0))
        ),
    ),
}


@pytest.mark.parametrize("name", FILTERS)
async def test_filters_are_the_filters_by_definition(everywhere: Served, name: str) -> None:
    filter_, matches = FILTERS[name]
    wanted = [row for row in rows(everywhere) if matches(row)]
    assert len(wanted) >= 10
    for field, direction in (("CREATED_AT", "DESC"), ("FINISHED_AT", "ASC")):
        assert await walk(everywhere, field, direction, filter_) == listed(wanted, field, direction)


async def test_the_bad_release_shows_in_all_five_systems(everywhere: Served) -> None:
    """What an analyst looks for: failures of the same hour, and the reason that they share."""
    data = await everywhere.data(
        """{ executions(first: 500, filter: {outcome: [FAILURE, ERROR],
             startedAt: {from: "2026-11-21T14:00:00Z", to: "2026-11-21T15:00:00Z"}}) {
             edges { node { source { name } name statusMessage } } } }"""
    )
    nodes = [edge["node"] for edge in data["executions"]["edges"]]
    told = Counter(node["source"]["name"] for node in nodes if "schema migration 0042" in (node["statusMessage"] or ""))
    # CTL Runner says that an execution failed, and not why.
    assert set(told) >= KINDS - {"ctl-runner"}, told
    assert {node["source"]["name"] for node in nodes if "checkout" in node["name"].lower()} == KINDS


async def test_the_next_page_of_a_list_does_not_read_again_what_cannot_be_sorted(everywhere: Served) -> None:
    first = await everywhere.ask(PAGE, first=37, order={"field": "CREATED_AT"})
    after = first["data"]["executions"]["pageInfo"]["endCursor"]
    second = await everywhere.ask(PAGE, first=37, after=after, order={"field": "CREATED_AT"})
    assert "aws-iot" not in second["extensions"]["upstream"]
    assert "ctl-runner" not in second["extensions"]["upstream"]
