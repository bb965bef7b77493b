"""ThreatConnect's rows say the same whatever is read of them, and what is not read costs nobody anything (decision 12)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.threatconnect.simulator_tables import Profile
from gateway.model import Key, Kind
from gateway.query import ExecutionFilter, Filter, InstantRange, JobFilter, ListQuery, Order, OrderField, TextMatch
from gateway.records import ENTITIES, wanted
from gateway.spi import Guarantee, Page
from tests.adapters.rows import first_page, said
from tests.adapters.threatconnect_bench import NEWEST, Bench

FILTERS: dict[Kind, list[Filter]] = {
    "execution": [
        ExecutionFilter(),
        ExecutionFilter(search="e"),
        ExecutionFilter(name=TextMatch(equals="QRadar")),
        ExecutionFilter(finished_at=InstantRange(0, None)),
        # More jobs than one list can name: the adapter merges several.
        ExecutionFilter(jobs=frozenset(Key("job", "tc", (str(number),)) for number in range(1, 500))),
    ],
    "job": [JobFilter(), JobFilter(name=TextMatch(contains="r"))],
}
SHOWN = {
    kind: sorted(set(ENTITIES[kind].__struct_fields__) - {"key", "tie", "record", "known"} | {"id"}) for kind in FILTERS
}
QUEUED, STARTED, ENDED = "2024-05-02T17:36:38Z", "2024-05-02T17:36:39Z", "2024-05-02T17:36:41Z"
ODD: list[dict[str, Any]] = [
    {"id": 1, "jobId": 10},
    {"id": "2", "jobId": "9", "status": "", "queueTime": QUEUED},
    {"id": 3, "jobId": 10, "status": None, "startTime": STARTED},
    {"id": 4, "jobId": 8, "failedTime": ENDED, "exitMessage": "token=s3cr3t-x\n", "serverName": "tc-job"},
    {"id": 5, "jobId": 8, "status": "FAILED", "startTime": ENDED, "completedTime": STARTED, "exitMessage": " \n"},
    {"id": 6, "jobId": 8, "status": "Partial Failure", "queueTime": QUEUED, "completedTime": ENDED, "serverName": ""},
]
"""Executions that leave out what they may, or send it oddly."""
JOBS: list[dict[str, Any]] = [
    {"id": 10, "name": "QRadar", "active": True, "programName": "TC - QRadar"},
    {"id": 9},
    {"id": 7, "name": "", "active": False},
]


def bench(executions: Sequence[dict[str, Any]], jobs: Sequence[dict[str, Any]] = JOBS) -> Bench:
    """An adapter whose lists hold these records, whatever it asks for."""

    def answer(request: httpx.Request) -> httpx.Response:
        rows = jobs if request.url.path.endswith("jobs") else executions
        return httpx.Response(200, json={"data": rows, "status": "Success"})

    return Bench(1, transport=httpx.MockTransport(answer))


def page_of(bench: Bench, query: ListQuery) -> Page[Any]:
    """The first page of a list."""
    return first_page(bench.adapter, query, 500)


def agree(part: Page[Any], whole: Page[Any], needed: frozenset[str]) -> None:
    """Every row that was read in part knows what was needed, no more than it says, and says what the whole one says."""
    assert replace(part, rows=()) == replace(whole, rows=())
    for row, full in zip(part.rows, whole.rows, strict=True):
        assert row.record is None
        assert row.known is not None
        unknown = set() if full.known is None else set(type(row).__struct_fields__) - full.known
        assert needed - row.known <= unknown
        assert not {"details", "raw"} & row.known
        for attribute in row.known - {"record"}:
            assert said(getattr(row, attribute)) == said(getattr(full, attribute)), attribute


def queries(kind: Kind) -> st.SearchStrategy[ListQuery]:
    """Queries that ThreatConnect can answer in their order."""
    fields = st.lists(st.sampled_from(SHOWN[kind]), min_size=1).map(frozenset)
    orders = st.sampled_from([OrderField.CREATED_AT, OrderField.FINISHED_AT, OrderField.NATIVE]).map(Order)
    return st.builds(ListQuery, st.just(kind), st.sampled_from(FILTERS[kind]), orders, fields)


SIMULATED = Bench(60)


@pytest.mark.parametrize("kind", FILTERS)
@settings(max_examples=40)
@given(data=st.data())
def test_rows_say_the_same_whatever_is_read_of_them(kind: Kind, data: st.DataObject) -> None:
    query = data.draw(queries(kind))
    needed = wanted(query)
    assert needed is not None
    # A field that no attribute stands behind takes all of every row; names are looked up as before.
    everything = replace(query, fields=query.fields | {"raw"})
    agree(page_of(SIMULATED, query), page_of(SIMULATED, everything), needed)


@settings(max_examples=60)
@given(fields=st.lists(st.sampled_from(SHOWN["execution"]), min_size=1).map(frozenset))
def test_odd_rows_say_the_same_too(fields: frozenset[str]) -> None:
    query = ListQuery("execution", ExecutionFilter(), Order(OrderField.NATIVE), fields)
    needed = wanted(query)
    assert needed is not None
    odd = bench(ODD)
    agree(page_of(odd, query), page_of(odd, replace(query, fields=fields | {"raw"})), needed)


@pytest.mark.parametrize(
    "fields", [frozenset({"status"}), frozenset({"name", "status"}), frozenset({"raw", "name"})], ids=sorted
)
@pytest.mark.parametrize(
    "damaged", [{"id": 7}, {"id": None, "jobId": 10}, {"id": 7, "jobId": "x"}, {"id": 7, "jobId": 10, "status": 5}]
)
def test_a_record_that_does_not_fit_costs_itself(damaged: dict[str, Any], fields: frozenset[str]) -> None:
    query = ListQuery("execution", ExecutionFilter(), Order(OrderField.NATIVE), fields)
    sound, page = (page_of(bench(rows), query) for rows in (ODD, [*ODD, damaged]))
    assert [said(row) for row in page.rows] == [said(row) for row in sound.rows]
    assert (page.returned, page.unreadable) == (len(ODD) + 1, sound.unreadable + 1)


def test_an_odd_instant_costs_its_row_only_where_it_is_read() -> None:
    rows = [*ODD, {"id": 7, "jobId": 10, "status": "Completed", "queueTime": QUEUED, "startTime": "soon"}]
    for field, unreadable in (("created_at", 0), ("started_at", 1), ("duration_seconds", 1), ("raw", 1)):
        query = ListQuery("execution", ExecutionFilter(), Order(OrderField.NATIVE), frozenset({field}))
        page = page_of(bench(rows), query)
        assert (len(page.rows), page.unreadable) == (len(rows) - unreadable, unreadable), field


def test_what_a_page_says_of_a_name_that_was_not_looked_up() -> None:
    status = ListQuery("execution", ExecutionFilter(), Order(OrderField.NATIVE), frozenset({"status"}))
    named = replace(status, fields=frozenset({"name"}))
    assert all("name" not in row.known for row in page_of(bench(ODD), status).rows)
    # Job 8 did not come, and it was not alone with that: whether it is there is unknown.
    known = {row.key.parts: row.name for row in page_of(bench(ODD), named).rows if "name" in row.known}
    assert known == {("10", "1"): "QRadar", ("9", "2"): "9", ("10", "3"): "QRadar"}


@pytest.mark.parametrize("order", [NEWEST, Order(OrderField.FINISHED_AT), Order(OrderField.DURATION)], ids=str)
@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("profile", Profile)
def test_what_the_gateway_has_to_sort_is_read_in_full(profile: Profile, kind: Kind, order: Order) -> None:
    """It is kept for queries that may show, filter or sort by anything else."""
    adapter = Bench(20, profile=profile).adapter
    given: Filter = JobFilter() if kind == "job" else ExecutionFilter()
    query = ListQuery(kind, given, order, frozenset({"status" if kind == "execution" else "state"}))
    plan = adapter.plan(query)
    assert plan.native.attributes == (wanted(query) if plan.order is Guarantee.EXACT else None)
