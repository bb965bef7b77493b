"""Filters as conjunctions, orders, and the total order that all lists follow."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.instant import Instant
from gateway.model import (
    Execution,
    ExecutionStatus,
    Job,
    JobState,
    Key,
    Node,
    NodeKind,
    NodeResult,
    NodeRole,
    Trigger,
    TriggerKind,
)
from gateway.query import (
    ExecutionFilter,
    Filter,
    InstantRange,
    JobFilter,
    NodeFilter,
    Order,
    OrderField,
    TextMatch,
    filter_range,
    impossible,
    narrowed,
    order_value,
    parts_of,
    position,
    position_value,
    predicate,
)

S = ExecutionStatus
JOB = Job(key=Key("job", "s", ("1",)), name="Deploy", tie=(1,), state=JobState.ACTIVE, raw_state="on")
HOST = Node(key=Key("node", "s", ("9",)), name="Web-1", tie=(9,), node_kind=NodeKind.HOST, active=True)


def at(us: int | None) -> Instant | None:
    return None if us is None else Instant.from_us(us)


def execution(**values: Any) -> Execution:
    return Execution(**{"key": Key("execution", "s", ("7",)), "name": "Deploy", "tie": (7,), "status": S.FAILED, **values})


ROW = execution(
    raw_status="failed",
    job=JOB,
    status_message="Disk FULL",
    created_at=at(10),
    started_at=at(20),
    finished_at=at(30),
    duration_seconds=2.5,
    trigger=Trigger(TriggerKind.MANUAL, "manual", "Ann"),
    nodes=(NodeResult(node=HOST, roles=(NodeRole.EXECUTOR,)),),
)
BARE = execution(status=S.UNKNOWN, name="x")


# --- parts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("match", "text", "wanted"),
    [
        (TextMatch(), "a", True),
        (TextMatch(), None, False),
        (TextMatch(equals="a"), "a", True),
        (TextMatch(equals="a"), "A", False),
        (TextMatch(among=frozenset({"a", "b"})), "b", True),
        (TextMatch(among=frozenset({"a", "b"})), "B", False),
        (TextMatch(among=frozenset()), "a", False),
        (TextMatch(among=frozenset({"a"})), None, False),
        (TextMatch(equals="a", among=frozenset({"a", "b"})), "b", False),
        (TextMatch(starts_with="DEP"), "deploy", True),
        (TextMatch(starts_with="ploy"), "deploy", False),
        (TextMatch(contains="PLO"), "Deploy", True),
        (TextMatch(contains="oo"), "Deploy", False),
        (TextMatch(starts_with="de", contains="oy"), "Deploy", True),
        (TextMatch(starts_with="de", contains="x"), "Deploy", False),
        (TextMatch(equals="a", among=frozenset({"b"})), "a", False),
    ],
)
def test_text(match: TextMatch, text: str | None, wanted: bool) -> None:
    assert match.matches(text) is wanted
    assert match.test()(text) is wanted


def test_text_parts_and_what_cannot_match() -> None:
    assert [TextMatch().parts, TextMatch("a").parts, TextMatch("a", frozenset(), "b", "c").parts] == [0, 1, 4]
    assert TextMatch(among=frozenset()).impossible
    assert TextMatch("a", frozenset({"b"})).impossible
    assert not TextMatch("a", frozenset({"a"})).impossible
    assert not TextMatch(starts_with="a", contains="b").impossible


@pytest.mark.parametrize(
    ("limits", "inside"),
    [
        (InstantRange(), {0, 10, 20}),
        (InstantRange(start=10), {10, 20}),
        (InstantRange(end=10), {0}),
        (InstantRange(10, 20), {10}),
        (InstantRange(10, 10), set()),
        (InstantRange(20, 10), set()),
    ],
)
def test_ranges_are_half_open(limits: InstantRange, inside: set[int]) -> None:
    assert {us for us in (0, 10, 20) if limits.matches(at(us))} == inside
    assert not limits.matches(None)
    assert limits.impossible is (not inside)


# --- filters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "holds", "fails"),
    [
        ("status", {"statuses": frozenset({S.FAILED})}, {"statuses": frozenset({S.RUNNING})}),
        ("rawStatus", {"raw_statuses": frozenset({"failed"})}, {"raw_statuses": frozenset({"Failed"})}),
        ("jobId", {"jobs": frozenset({JOB.key})}, {"jobs": frozenset({Key("job", "s", ("2",))})}),
        ("name", {"name": TextMatch("Deploy")}, {"name": TextMatch("deploy")}),
        ("nodeId", {"nodes": frozenset({HOST.key})}, {"nodes": frozenset({Key("node", "t", ("9",))})}),
        ("nodeName", {"node_name": TextMatch(starts_with="web")}, {"node_name": TextMatch("web-1")}),
        (
            "triggerKind",
            {"trigger_kinds": frozenset({TriggerKind.MANUAL})},
            {"trigger_kinds": frozenset({TriggerKind.SYNC})},
        ),
        ("actor", {"actor": TextMatch("Ann")}, {"actor": TextMatch("Bob")}),
        ("search", {"search": "disk full"}, {"search": "memory"}),
        ("createdAt", {"created_at": InstantRange(10, 11)}, {"created_at": InstantRange(11)}),
        ("startedAt", {"started_at": InstantRange(20, 21)}, {"started_at": InstantRange(end=20)}),
        ("finishedAt", {"finished_at": InstantRange(30, 31)}, {"finished_at": InstantRange(31)}),
        ("activeDuring", {"active_during": InstantRange(29, 40)}, {"active_during": InstantRange(31, 40)}),
    ],
)
def test_each_part_of_an_execution_filter(name: str, holds: dict[str, Any], fails: dict[str, Any]) -> None:
    for given_, wanted in ((ExecutionFilter(**holds), True), (ExecutionFilter(**fails), False)):
        assert parts_of(given_) == {name}
        assert predicate(given_)(ROW) is wanted
        # What a row does not say matches nothing, and raises nothing.
        assert not predicate(given_)(BARE)
        # A part that the rows do not show cannot be tested on them.
        assert predicate(given_, frozenset({name}))(ROW)


def test_what_only_a_source_can_tell_matches_nothing_unless_it_has_told() -> None:
    given_ = ExecutionFilter(tql="id = 1", search="deploy")
    assert parts_of(given_) == {"tql", "search"}
    assert not predicate(given_)(ROW)
    assert predicate(given_, frozenset({"tql"}))(ROW)
    assert not impossible(given_)


def test_search_also_looks_at_the_name() -> None:
    assert predicate(ExecutionFilter(search="PLOY"))(ROW)


@pytest.mark.parametrize(
    ("given_", "row", "wanted"),
    [
        (JobFilter(states=frozenset({JobState.ACTIVE}), raw_states=frozenset({"on"}), name=TextMatch("Deploy")), JOB, True),
        (JobFilter(states=frozenset({JobState.FAILED})), JOB, False),
        (JobFilter(raw_states=frozenset({"off"})), JOB, False),
        (JobFilter(created_at=InstantRange()), JOB, False),
        (JobFilter(updated_at=InstantRange()), JOB, False),
        (NodeFilter(kinds=frozenset({NodeKind.HOST}), name=TextMatch(contains="WEB"), active=True), HOST, True),
        (NodeFilter(kinds=frozenset({NodeKind.DEVICE})), HOST, False),
        (NodeFilter(active=False), HOST, False),
    ],
)
def test_filters_of_jobs_and_nodes(given_: Filter, row: Job | Node, wanted: bool) -> None:
    assert predicate(given_)(row) is wanted


def test_a_node_that_does_not_say_whether_it_is_active_is_neither() -> None:
    quiet = Node(key=HOST.key, name="quiet", tie=(9,))
    assert not predicate(NodeFilter(active=True))(quiet)
    assert not predicate(NodeFilter(active=False))(quiet)


@pytest.mark.parametrize("empty", [ExecutionFilter(), JobFilter(), NodeFilter()])
def test_no_part_restricts_nothing(empty: Filter) -> None:
    assert parts_of(empty) == frozenset()
    assert predicate(empty)(ROW)
    assert not impossible(empty)


@pytest.mark.parametrize(
    ("started", "finished", "limits", "wanted"),
    [
        (20, 30, InstantRange(30, 31), True),
        (20, 30, InstantRange(31, 40), False),
        (20, 30, InstantRange(10, 20), False),
        (20, 30, InstantRange(10, 21), True),
        (20, 30, InstantRange(22, 23), True),
        (20, None, InstantRange(1000), True),
        (20, None, InstantRange(end=20), False),
        (None, None, InstantRange(), False),
        (None, 30, InstantRange(0, 40), False),
        (20, 30, InstantRange(25, 25), False),
    ],
)
def test_active_during(started: int | None, finished: int | None, limits: InstantRange, wanted: bool) -> None:
    row = execution(started_at=at(started), finished_at=at(finished))
    assert predicate(ExecutionFilter(active_during=limits))(row) is wanted


@pytest.mark.parametrize(
    "given_",
    [
        ExecutionFilter(statuses=frozenset()),
        ExecutionFilter(jobs=frozenset()),
        ExecutionFilter(name=TextMatch(among=frozenset())),
        ExecutionFilter(created_at=InstantRange(5, 5)),
        ExecutionFilter(active_during=InstantRange(6, 5)),
        JobFilter(states=frozenset()),
        NodeFilter(kinds=frozenset()),
    ],
)
def test_what_cannot_match_is_known_without_asking(given_: Filter) -> None:
    assert impossible(given_)
    assert narrowed(given_, "s") is None


def test_ids_of_other_sources_do_not_reach_a_source() -> None:
    mine, other = Key("job", "s", ("1",)), Key("job", "t", ("1",))
    wanted = ExecutionFilter(jobs=frozenset({mine, other}), search="x")
    assert narrowed(wanted, "s") == replace(wanted, jobs=frozenset({mine}))
    assert narrowed(wanted, "u") is None
    assert narrowed(ExecutionFilter(nodes=frozenset({HOST.key})), "t") is None
    assert narrowed(JobFilter(), "t") == JobFilter()


# --- orders --------------------------------------------------------------------------------------------------------


def test_sort_keys() -> None:
    assert {field.name: order_value(ROW, field) for field in OrderField} == {
        "CREATED_AT": 10,
        "STARTED_AT": 20,
        "FINISHED_AT": 30,
        "DURATION": 2_500_000,
        "NATIVE": 10,
    }
    assert order_value(BARE, OrderField.CREATED_AT) is None
    assert order_value(HOST, OrderField.NATIVE) is None


def test_an_open_execution_has_no_duration_to_sort_by() -> None:
    assert order_value(execution(duration_seconds=5.0, started_at=at(1)), OrderField.DURATION) is None


def test_the_range_on_the_sort_key() -> None:
    limits = InstantRange(1, 2)
    given_ = ExecutionFilter(created_at=limits)
    assert filter_range(given_, OrderField.CREATED_AT) == limits
    assert filter_range(given_, OrderField.STARTED_AT) is None
    assert filter_range(given_, OrderField.DURATION) is None
    assert filter_range(ExecutionFilter(started_at=limits), OrderField.STARTED_AT) == limits
    assert filter_range(ExecutionFilter(finished_at=limits), OrderField.FINISHED_AT) == limits
    assert filter_range(JobFilter(created_at=limits), OrderField.CREATED_AT) == limits
    assert filter_range(NodeFilter(), OrderField.CREATED_AT) is None


def test_the_total_order() -> None:
    """Missing instants count as latest; ties go by source and native id; what never has the instant comes last."""
    for descending, instants in ((False, [1, 2, None]), (True, [None, 2, 1])):
        order = Order(OrderField.CREATED_AT, descending)
        places = [
            *(position(value, order, source, (tie,)) for value in instants for source in ("a", "b") for tie in (1, 2, 10)),
            *(position(None, order, source, (tie,), zone=1) for source in ("a", "b") for tie in (1, 2)),
        ]
        assert places == sorted(places)
        assert len(set(places)) == len(places)


def test_native_order_knows_no_instants() -> None:
    order = Order(OrderField.NATIVE, descending=False)
    assert position(5, order, "a", (2,)) == position(None, order, "a", (2,))
    assert position(5, order, "a", (2,)) < position(1, order, "b", (1,))


@given(
    st.none() | st.integers(-(1 << 55), 1 << 55),
    st.sampled_from(OrderField),
    st.booleans(),
    st.integers(0, 1),
)
def test_a_position_remembers_its_instant(value: int | None, field: OrderField, descending: bool, zone: int) -> None:
    order = Order(field, descending)
    kept = None if zone or field is OrderField.NATIVE else value
    assert position_value(position(value, order, "s", (1,), zone), order) == kept
