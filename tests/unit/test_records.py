"""What a query needs of its rows, types that hold no more, and the records that do not fit them."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import msgspec
import pytest
from msgspec import Raw, Struct

from gateway.instant import Instant
from gateway.model import ExecutionStatus, Job, JobState, Key, Kind, NodeKind, TriggerKind
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
    order_value,
)
from gateway.records import (
    ENTITIES,
    Derived,
    Held,
    Made,
    Plain,
    Shape,
    Table,
    narrowed,
    read,
    readable,
    rows_of,
    wanted,
    wanted_within,
)

TEXT, RANGE = TextMatch(contains="a"), InstantRange(start=0, end=9)
KEY = Key("job", "s", ("1",))
WIDE: dict[Kind, Filter] = {
    "execution": ExecutionFilter(
        statuses=frozenset({ExecutionStatus.FAILED}),
        raw_statuses=frozenset({"x"}),
        jobs=frozenset({KEY}),
        name=TEXT,
        nodes=frozenset({KEY}),
        node_name=TEXT,
        trigger_kinds=frozenset({TriggerKind.MANUAL}),
        actor=TEXT,
        search="a",
        tql="a = 1",
        created_at=RANGE,
        started_at=RANGE,
        finished_at=RANGE,
        active_during=RANGE,
    ),
    "job": JobFilter(frozenset({JobState.ACTIVE}), frozenset({"x"}), TEXT, RANGE, RANGE),
    "node": NodeFilter(frozenset({NodeKind.HOST}), TEXT, active=True),
}
NONE: dict[Kind, Filter] = {"execution": ExecutionFilter(), "job": JobFilter(), "node": NodeFilter()}
NATIVE = Order(OrderField.NATIVE)


class Watched:
    """A row that notes which of its attributes are read."""

    def __init__(self) -> None:
        self.read: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.read.add(name)
        return None if name != "name" else "b"

    @property
    def nodes(self) -> Iterator[Any]:
        self.read.add("nodes")
        return iter(())


@pytest.mark.parametrize("kind", list(WIDE))
def test_all_that_a_filter_reads_is_wanted(kind: Kind) -> None:
    given = WIDE[kind]
    assert all(getattr(given, each.name) is not None for each in fields(given))
    for part, test in given.predicates():
        row = Watched()
        test(row)
        needed = wanted(ListQuery(kind, given, NATIVE, frozenset({"id"})))
        assert needed is not None
        assert row.read <= needed, part


@pytest.mark.parametrize("order", list(OrderField))
@pytest.mark.parametrize("kind", list(WIDE))
def test_all_that_an_order_reads_is_wanted(kind: Kind, order: OrderField) -> None:
    entity: Any = ENTITIES[kind]
    needed = wanted(ListQuery(kind, NONE[kind], Order(order), frozenset({"id"})))
    assert needed is not None
    made = {field.name: None for field in msgspec.structs.fields(entity) if field.required}
    instants = {name: Instant.from_us(5) for name in needed if name.endswith("_at")}
    durations = {name: 1.0 for name in needed if name == "duration_seconds"}
    row: Any = entity(**made, **instants, **durations)
    assert (order_value(row, order) is None) is (order is OrderField.NATIVE or kind == "node")


def test_fields_stand_for_attributes() -> None:
    def of(*names: str) -> frozenset[str] | None:
        return wanted(ListQuery("execution", NONE["execution"], NATIVE, frozenset(names)))

    assert of("id", "phase", "nodes") == frozenset({"key", "tie", "status", "nodes", "targets_elsewhere"})
    assert of("__typename", "native_id", "web_url") == frozenset({"key", "tie", "web_url"})
    for anything in ((), ("details",), ("raw",), ("logs",), ("name", "no_such_field"), ("record",), ("key",)):
        assert of(*anything) is None


def test_fields_of_what_rows_hold_stand_for_its_attributes() -> None:
    def of(*names: str) -> frozenset[str] | None:
        query = ListQuery("execution", ExecutionFilter(name=TEXT), Order(OrderField.CREATED_AT), frozenset(names))
        assert wanted(query) == wanted(replace(query, fields=query.fields - {name for name in names if "." in name}))
        return wanted_within(query, "job", "job")

    assert of("job", "job.id", "job.updated_at", "parent.name") == frozenset({"key", "tie", "updated_at"})
    for anything in (("job",), ("job", "job.details"), ("name", "parent.name"), ("job", "job.name", "job.raw")):
        assert of(*anything) is None


class Inner(Struct, frozen=True):
    a: int | None = None
    b: int | None = None


class Outer(Struct, frozen=True, rename="camel"):
    id: int
    some_name: str | None = None
    inner: Inner | None = None
    others: list[int] = msgspec.field(default_factory=list)
    created: str | None = None


def test_a_narrowed_type_holds_what_was_named() -> None:
    sent = b'{"id": "7", "someName": "n", "inner": {"a": 1, "b": "no number"}, "others": "no list"}'
    kind = narrowed(Outer, frozenset({"some_name", "inner.a"}))
    found = msgspec.json.decode(sent, type=kind, strict=False)
    assert (found.id, found.some_name, found.inner and found.inner.a) == (7, "n", 1)
    assert not hasattr(found.inner, "b")
    assert not hasattr(found, "others")
    assert narrowed(Outer, frozenset({"inner.a", "some_name"})) is kind
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(sent, type=narrowed(Outer, frozenset({"inner", "inner.a"})))
    empty = msgspec.json.decode(b'{"id": 7}', type=narrowed(Outer, frozenset({"others", "inner.b"})))
    assert (empty.others, empty.inner) == ([], None)


SHAPE_TABLE: Table[str, Outer] = {
    "key": Made(("id",), lambda source, record: Key("job", source, (str(record.id),))),
    "tie": Made(("id",), lambda _, record: (record.id,)),
    "name": Made(("some_name",), lambda _, record: record.some_name or str(record.id)),
    "created_at": Made(("created",), lambda _, record: Instant.parse(record.created) if record.created else None),
}
SHAPE: Shape[str, Outer, Job] = Shape(Job, Outer, SHAPE_TABLE)


def test_a_reading_makes_what_it_says_that_it_knows() -> None:
    reading = SHAPE.reading(frozenset({"web_url"}))
    assert reading.known == frozenset({"key", "tie", "name", "web_url"})
    row = reading.entity("s", reading.decode(b'{"id": 7, "created": "soon"}'))
    assert row == Job(key=Key("job", "s", ("7",)), tie=(7,), name="7", known=reading.known)
    assert SHAPE.reading(frozenset({"web_url"})) is reading
    whole = SHAPE.reading(None)
    held = read(b'{"id": 7, "created": "2026-01-01T00:00:00Z"}', Outer)
    full = whole.entity("s", held.record, held)
    assert (full.known, full.record, full.created_at and full.created_at.us) == (None, held, 1_767_225_600_000_000)


def test_what_several_attributes_are_made_of_is_made_once() -> None:
    read_from: list[int] = []

    def title(_: str, record: Outer) -> str | None:
        read_from.append(record.id)
        return record.some_name

    shape: Shape[str, Outer, Job] = Shape(
        Job,
        Outer,
        {
            "key": Made(("id",), lambda source, record: Key("job", source, (str(record.id),))),
            "tie": Made(("id",), lambda _, record: (record.id,)),
            "name": Derived((), ("title",), lambda _, record, title: title or str(record.id)),
            "created_at": Made(("created",), Plain("created", Instant.parse)),
            "finished_at": Derived((), ("created_at",), lambda _, __, created: created),
            "description": Derived(("inner.a",), ("title",), lambda _, record, title: f"{title} {record.inner.a}"),
        },
        steps={"title": Made(("some_name",), title)},
    )
    record = Outer(id=7, some_name="n", inner=Inner(a=1), created="2026-01-01T00:00:00Z")
    assert shape.reading(None).entity("s", record).description == "n 1"
    assert read_from == [7]
    reading = shape.reading(frozenset({"finished_at"}))
    assert set(reading.record.__struct_fields__) == {"id", "some_name", "created"}
    row = reading.maker("s")(record)
    # What only another attribute is made of stays unknown.
    assert (row.name, row.finished_at, row.created_at) == ("n", Instant.parse("2026-01-01T00:00:00Z"), None)
    assert row.known == frozenset({"key", "tie", "name", "finished_at"})


def test_a_table_may_say_what_each_entity_knows() -> None:
    known = Derived((), ("name",), lambda _, __, name: frozenset({name}))
    made = {"key": SHAPE_TABLE["key"], "tie": SHAPE_TABLE["tie"], "name": SHAPE_TABLE["name"], "known": known}
    assert Shape(Job, Outer, made).reading(None).entity("s", Outer(id=7)).known == frozenset({"7"})


def test_rows_that_cannot_be_read_hide_no_others() -> None:
    rows = rows_of(SHAPE.reading(frozenset({"created_at"})), "s")
    sent = [Raw(b'{"id": 1}'), Raw(b'{"id": []}'), Raw(b'{"id": 3, "created": "soon"}'), Raw(b'{"id": 4, "created": 5}')]
    assert [row.tie for row in readable(sent, rows.each)] == [(1,)]
    nested = Raw(b"[" * 100_000 + b"]" * 100_000)
    assert not readable([nested], lambda raw: msgspec.json.decode(raw))


def test_held_records_show_nothing() -> None:
    held = read(b'{"id": 7, "someName": "s3cr3t"}', Outer)
    assert "s3cr3t" not in repr(held)
    assert Held(held.record).raw is None
    with pytest.raises(ValueError, match="Outer"):
        read(b"[]", Outer)
