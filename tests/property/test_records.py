"""Rows decoded for a query know no less than the query needs, and say what fully decoded rows say."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters import awx, scale
from gateway.model import Entity, Kind
from gateway.query import (
    ExecutionFilter,
    Filter,
    InstantRange,
    JobFilter,
    ListQuery,
    NodeFilter,
    Order,
    OrderField,
    TextMatch,
)
from gateway.records import ENTITIES, wanted, wanted_within
from gateway.spi import Adapter, Guarantee, Page
from gateway.transport import SourceClient
from tests.adapters.rows import first_page, said

RECORDINGS = Path(__file__).parent.parent / "recordings"
LISTS: Mapping[str, Mapping[str, Kind]] = {
    "awx": {"jobs": "execution", "job_templates": "job", "hosts": "node"},
    "scale": {"job-executions": "execution", "jobs": "job", "nodes": "node"},
}
"""The lists of each kind of source by the last part of their addresses."""

FACTORIES: Mapping[str, Any] = {"awx": awx.factory, "scale": scale.factory}
FILTERS: Mapping[Kind, list[Filter]] = {
    "execution": [
        ExecutionFilter(),
        ExecutionFilter(search="a", raw_statuses=frozenset({"x"})),
        ExecutionFilter(active_during=InstantRange(start=5), name=TextMatch(contains="a")),
    ],
    "job": [JobFilter(), JobFilter(raw_states=frozenset({"x"}), updated_at=InstantRange(end=5))],
    "node": [NodeFilter(), NodeFilter(active=True, name=TextMatch(contains="a"))],
}
SHOWN: Mapping[Kind, list[str]] = {
    kind: sorted({*entity.__struct_fields__, "id", "source", "native_id", "__typename"} - {"key", "tie", "record", "known"})
    for kind, entity in ENTITIES.items()
}
"""The fields of each kind that are read from its rows."""


def recorded(kind_of_source: str) -> dict[str, list[dict[str, Any]]]:
    """Every recorded row of every list, by the last part of the list's address."""
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for path in sorted((RECORDINGS / kind_of_source).glob("*.json")):
        recording = json.loads(path.read_text())
        body = recording.get("response", {}).get("body") if isinstance(recording, dict) else None
        if not isinstance(body, dict) or not isinstance(body.get("results"), list):
            continue
        place = recording["request"]["path"].strip("/").rpartition("/")[2]
        if place in LISTS[kind_of_source]:
            rows.setdefault(place, {}).update({json.dumps(row): row for row in body["results"]})
    return {place: list(found.values()) for place, found in rows.items()}


ROWS = {name: recorded(name) for name in LISTS}
CASES = [(name, kind) for name, places in LISTS.items() for kind in places.values()]


def adapter_of(name: str, damaged: Iterable[Mapping[str, Any]] = ()) -> Adapter:
    """An adapter whose lists hold all that was recorded, and ``damaged`` rows besides, whatever it asks for."""

    def answer(request: httpx.Request) -> httpx.Response:
        place = request.url.path.strip("/").rpartition("/")[2]
        rows = [*ROWS[name][place], *damaged] if place in LISTS[name] else []
        return httpx.Response(200, json={"count": len(rows), "next": None, "results": rows})

    factory = FACTORIES[name]
    own = factory.settings.model_validate({"name": name, **factory.simulator_settings("http://upstream")})
    adapter: Adapter = factory.open(name, own, SourceClient(own, httpx.MockTransport(answer)))
    return adapter


def page_of(adapter: Adapter, query: ListQuery) -> Page[Any]:
    """The first page of a list."""
    return first_page(adapter, query, 100)


def test_every_list_was_recorded() -> None:
    for name, places in LISTS.items():
        assert all(len(ROWS[name][place]) > 1 for place in places)


@pytest.mark.parametrize(("name", "kind"), CASES)
@settings(max_examples=30)
@given(data=st.data())
def test_rows_say_the_same_whatever_is_read_of_them(name: str, kind: Kind, data: st.DataObject) -> None:
    fields = frozenset(data.draw(st.lists(st.sampled_from(SHOWN[kind]), min_size=1)))
    order = Order(data.draw(st.sampled_from([OrderField.CREATED_AT, OrderField.STARTED_AT, OrderField.FINISHED_AT])))
    query = ListQuery(kind, data.draw(st.sampled_from(FILTERS[kind])), order, fields)
    adapter = adapter_of(name)
    whole, part = page_of(adapter_of(name), replace(query, fields=frozenset())), page_of(adapter, query)
    needed = wanted(query)
    assert needed is not None
    assert replace(whole, rows=()) == replace(part, rows=())
    for full, row in zip(whole.rows, part.rows, strict=True):
        assert full.known is None or name == "scale"
        kept = adapter.plan(query).order is not Guarantee.EXACT
        assert kept or (row.record is None and row.known is not None)
        known = required(row) | needed if row.known is None else row.known
        assert known >= needed - ({"error", "status_message"} if full.known else set())
        for attribute in known - {"record"}:
            assert said(getattr(row, attribute)) == said(getattr(full, attribute)), attribute


@pytest.mark.parametrize("name", FACTORIES)
@settings(max_examples=30)
@given(data=st.data())
def test_their_jobs_say_the_same_whatever_is_read_of_them(name: str, data: st.DataObject) -> None:
    inner = data.draw(st.lists(st.sampled_from(SHOWN["job"]), min_size=1))
    fields = frozenset({"job", data.draw(st.sampled_from(SHOWN["execution"])), *(f"job.{field}" for field in inner)})
    query = ListQuery("execution", ExecutionFilter(), Order(OrderField.CREATED_AT), fields)
    whole, part = page_of(adapter_of(name), replace(query, fields=frozenset())), page_of(adapter_of(name), query)
    needed = wanted_within(query, "job", "job")
    assert needed is not None
    for full, row in zip(whole.rows, part.rows, strict=True):
        assert (full.job is None) is (row.job is None)
        if row.job is not None:
            assert row.job.known >= full.job.known & needed
            for attribute in required(row.job) | (row.job.known & set(SHOWN["job"]) & set(row.job.__struct_fields__)):
                assert said(getattr(row.job, attribute)) == said(getattr(full.job, attribute)), attribute


def required(row: Entity) -> set[str]:
    """What no row can be without."""
    return {field.name for field in msgspec.structs.fields(type(row)) if field.required}


@pytest.mark.parametrize(("name", "kind"), CASES)
@pytest.mark.parametrize("damage", [{"id": None}, {"id": []}, {"id": 7, "created": "soon"}, {"id": 7, "created": []}])
def test_an_unreadable_row_costs_itself(name: str, kind: Kind, damage: dict[str, Any]) -> None:
    query = ListQuery(kind, FILTERS[kind][0], Order(OrderField.NATIVE), frozenset({"name"}))
    whole = page_of(adapter_of(name), query)
    part = page_of(adapter_of(name, [{"name": "h", "hostname": "h", **damage}]), query)
    unread = damage["id"] == 7
    assert (part.returned, part.unreadable) == (whole.returned + 1, not unread)
    assert said(tuple(part.rows[: len(whole.rows)])) == said(tuple(whole.rows))
    assert len(part.rows) == len(whole.rows) + unread


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if case[1] != "node"])
@pytest.mark.parametrize("created", ["soon", [], "2026-02-30T00:00:00Z"])
def test_what_is_read_must_be_readable(name: str, kind: Kind, created: Any) -> None:
    query = ListQuery(kind, FILTERS[kind][0], Order(OrderField.NATIVE), frozenset({"created_at"}))
    part = page_of(adapter_of(name, [{"id": 7, "created": created}]), query)
    assert (part.unreadable, len(part.rows)) == (1, part.returned - 1)
