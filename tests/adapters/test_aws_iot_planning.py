"""What AWS IoT is asked for each filter and order, and in which order jobs are read.

That this never changes the answer is held in test_aws_iot_truth.py.
"""

from typing import Any

import pytest

from adapters.aws_iot.planning import Fan, parents, plan, settled
from gateway.instant import Instant
from gateway.model import (
    Execution,
    ExecutionStatus,
    Job,
    JobState,
    Key,
    Kind,
    Node,
    NodeKind,
    NodeResult,
    TriggerKind,
)
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
from gateway.spi import At, Guarantee, ScanPlan
from tests.adapters.aws_iot_bench import NEWEST

S = ExecutionStatus
OLDEST = Order(OrderField.CREATED_AT, descending=False)
ORDERS = [Order(field, descending) for field in OrderField for descending in (True, False)]
KINDS: dict[type, Kind] = {ExecutionFilter: "execution", JobFilter: "job", NodeFilter: "node"}


def keys(kind: Kind, *ids: str) -> frozenset[Key]:
    return frozenset(Key(kind, "iot", (each,)) for each in ids)


def planned(wanted: Filter, order: Order = NEWEST) -> ScanPlan:
    return plan(ListQuery(KINDS[type(wanted)], wanted, order, frozenset({"status"})))


# --- what is pushed ------------------------------------------------------------------------------------------------

RANGE = InstantRange(5_000_000, 9_000_000)
PLANS: list[tuple[str, Filter, dict[str, Any], set[str]]] = [
    # what, filter, parts of the fan beside kind and order, pushed
    ("all", ExecutionFilter(), {}, set()),
    ("one status", ExecutionFilter(statuses=frozenset({S.SKIPPED})), {"words": frozenset({"REMOVED"})}, {"status"}),
    (
        "statuses, some of which AWS IoT lacks",
        ExecutionFilter(statuses=frozenset({S.QUEUED, S.RUNNING, S.PENDING})),
        {"words": frozenset({"QUEUED", "IN_PROGRESS"})},
        {"status"},
    ),
    ("a status that no word means", ExecutionFilter(statuses=frozenset({S.UNKNOWN, S.FAILED})), {}, set()),
    ("a word", ExecutionFilter(raw_statuses=frozenset({"FAILED"})), {"words": frozenset({"FAILED"})}, {"rawStatus"}),
    ("a word that nobody knows", ExecutionFilter(raw_statuses=frozenset({"FAILED", "failed"})), {}, set()),
    (
        "statuses and words",
        ExecutionFilter(statuses=frozenset({S.FAILED, S.QUEUED}), raw_statuses=frozenset({"FAILED", "SUCCEEDED"})),
        {"words": frozenset({"FAILED"})},
        {"status", "rawStatus"},
    ),
    (
        "jobs, one of which cannot be",
        ExecutionFilter(jobs=keys("job", "j1", "a b")),
        {"jobs": frozenset({"j1"})},
        {"jobId"},
    ),
    (
        "a thing",
        ExecutionFilter(nodes=keys("node", "rack:7")),
        {"things": frozenset({"rack:7"}), "by_thing": True, "by_id": True},
        {"nodeId"},
    ),
    (
        "a thing in a job",
        ExecutionFilter(nodes=keys("node", "t1"), jobs=keys("job", "j1")),
        {"things": frozenset({"t1"}), "jobs": frozenset({"j1"}), "by_thing": True, "by_id": True},
        {"nodeId", "jobId"},
    ),
    (
        "more things than jobs",
        ExecutionFilter(nodes=keys("node", "t1", "t2"), jobs=keys("job", "j1")),
        {"things": frozenset({"t1", "t2"}), "jobs": frozenset({"j1"}), "by_id": True},
        {"nodeId", "jobId"},
    ),
    (
        "a name, spelled out",
        ExecutionFilter(name=TextMatch(equals="j1")),
        {"jobs": frozenset({"j1"}), "name": TextMatch(equals="j1")},
        {"name"},
    ),
    (
        "names, of which one begins as it should",
        ExecutionFilter(name=TextMatch(among=frozenset({"j1", "k1"}), starts_with="J")),
        {"jobs": frozenset({"j1"}), "name": TextMatch(among=frozenset({"j1", "k1"}), starts_with="J")},
        {"name"},
    ),
    ("part of a name", ExecutionFilter(name=TextMatch(contains="j")), {"name": TextMatch(contains="j")}, {"name"}),
    (
        "a name of a thing, spelled out",
        ExecutionFilter(node_name=TextMatch(equals="t1")),
        {"things": frozenset({"t1"}), "by_thing": True},
        {"nodeName"},
    ),
    ("part of a name of a thing", ExecutionFilter(node_name=TextMatch(contains="t")), {}, set()),
    ("createdAt", ExecutionFilter(created_at=RANGE), {"created_at": RANGE}, set()),
    ("startedAt", ExecutionFilter(started_at=RANGE), {"started_at": RANGE}, set()),
    ("finishedAt", ExecutionFilter(finished_at=RANGE), {"finished_at": RANGE}, set()),
    ("activeDuring", ExecutionFilter(active_during=RANGE), {"active_during": RANGE}, set()),
]


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize(("wanted", "fan", "pushed"), [each[1:] for each in PLANS], ids=[each[0] for each in PLANS])
def test_push_down(wanted: Filter, fan: dict[str, Any], pushed: set[str], order: Order) -> None:
    found = planned(wanted, order)
    assert found.native == Fan("execution", order, **fan)
    assert (set(found.pushed), set(found.unseen)) == (pushed, set())
    assert found.order is (Guarantee.NONE if order.field is OrderField.NATIVE else Guarantee.BOUNDED)
    assert (found.reports_key, found.counts, found.caveat) == (True, False, None)
    assert (found.reason_empty, found.unsupported) == (None, None)
    hash(found.native)


def test_search_is_the_gateway_s_and_says_what_it_cannot_see() -> None:
    found = planned(ExecutionFilter(search="x"))
    assert (found.native, set(found.pushed)) == (Fan("execution", NEWEST), set())
    assert found.caveat is not None


@pytest.mark.parametrize(
    "wanted",
    [
        ExecutionFilter(trigger_kinds=frozenset({TriggerKind.MANUAL})),
        ExecutionFilter(actor=TextMatch(equals="ada")),
        ExecutionFilter(statuses=frozenset({S.ERRORED, S.PENDING})),
        ExecutionFilter(statuses=frozenset({S.FAILED}), raw_statuses=frozenset({"QUEUED"})),
        ExecutionFilter(jobs=keys("job", "a b", "a/b")),
        ExecutionFilter(jobs=keys("job", "j1"), name=TextMatch(equals="j2")),
        ExecutionFilter(name=TextMatch(equals="not a job id")),
        ExecutionFilter(nodes=keys("node", "a b")),
        ExecutionFilter(nodes=keys("node", "t1"), node_name=TextMatch(equals="t2")),
        JobFilter(states=frozenset({JobState.FAILED})),
        JobFilter(states=frozenset({JobState.ACTIVE}), raw_states=frozenset({"CANCELED"})),
        NodeFilter(active=True),
        NodeFilter(kinds=frozenset({NodeKind.HOST})),
    ],
    ids=str,
)
def test_what_nothing_can_match(wanted: Filter) -> None:
    for order in ORDERS:
        assert planned(wanted, order).reason_empty


@pytest.mark.parametrize(
    ("wanted", "words", "pushed"),
    [
        (JobFilter(), None, set()),
        (JobFilter(states=frozenset({JobState.DELETING})), frozenset({"DELETION_IN_PROGRESS"}), {"state"}),
        (JobFilter(raw_states=frozenset({"CANCELED"})), frozenset({"CANCELED"}), {"rawState"}),
        (JobFilter(states=frozenset({JobState.ACTIVE, JobState.UNKNOWN})), None, set()),
        (JobFilter(name=TextMatch(equals="j1"), created_at=RANGE, updated_at=RANGE), None, set()),
    ],
    ids=str,
)
def test_jobs(wanted: JobFilter, words: frozenset[str] | None, pushed: set[str]) -> None:
    """All orders are made of the same rows, so that one kept scan serves them all."""
    (found,) = {planned(wanted, order) for order in ORDERS}
    assert (found.native, set(found.pushed)) == (Fan("job", NEWEST, words=words), pushed)
    assert found.order is Guarantee.NONE


def test_things() -> None:
    for wanted in (NodeFilter(), NodeFilter(kinds=frozenset({NodeKind.DEVICE})), NodeFilter(name=TextMatch(contains="t"))):
        found = planned(wanted, Order(OrderField.NATIVE))
        assert (found.native, set(found.pushed)) == (Fan("node", Order(OrderField.NATIVE)), set())


# --- jobs in time --------------------------------------------------------------------------------------------------

SECOND = 1_000_000


def job(name: str, state: JobState, created: int | None, ended: int | None = None) -> Job:
    """A job that lived from ``created`` to ``ended``, in seconds."""
    at = {"created_at": created, "finished_at": ended}
    stamps = {key: None if value is None else Instant.from_us(value * SECOND) for key, value in at.items()}
    return Job(key=Key("job", "iot", (name,)), tie=(name,), name=name, state=state, **stamps)  # type: ignore[arg-type]


OLD = job("old", JobState.COMPLETED, 100, 200)
HALTED = job("halted", JobState.CANCELED, 150, 250)
OPEN = job("open", JobState.ACTIVE, 120)
DARK = job("dark", JobState.UNKNOWN, None)
JOBS = [OLD, HALTED, OPEN, DARK]


def visited(order: Order, at: At | None = None, **parts: Any) -> list[str]:
    return [parent.job.name for parent in parents(Fan("execution", order, **parts), JOBS, at)]


def bounds(order: Order, one: Job, **parts: Any) -> tuple[int | None, int | None]:
    (parent,) = parents(Fan("execution", order, **parts), [one], None)
    return parent.lower, parent.upper


LIMITS = [
    # order, parts of the filter, lower and upper bound of each job in seconds, an extra second on either side
    (OrderField.CREATED_AT, {}, {"old": (99, 201), "halted": (149, 251), "open": (119, None), "dark": (None, None)}),
    (OrderField.STARTED_AT, {}, {"old": (99, None), "halted": (149, None), "open": (119, None), "dark": (None, None)}),
    (
        OrderField.STARTED_AT,
        {"started_at": InstantRange()},
        {"old": (99, 201), "halted": (149, 251), "open": (119, None), "dark": (None, None)},
    ),
    (OrderField.FINISHED_AT, {}, {"old": (99, 201), "halted": (149, None), "open": (119, None), "dark": (None, None)}),
    (OrderField.DURATION, {}, dict.fromkeys(("old", "halted", "open", "dark"), (None, None))),
]


@pytest.mark.parametrize(("field", "parts", "limits"), LIMITS)
def test_bounds(field: OrderField, parts: dict[str, Any], limits: dict[str, tuple[int | None, int | None]]) -> None:
    for one in JOBS:
        found = bounds(Order(field), one, **parts)
        assert tuple(each if each is None else each / SECOND for each in found) == limits[one.name]


def test_the_order_in_which_jobs_are_read() -> None:
    """First those of which nothing is known, then those that may hold the first rows."""
    assert visited(NEWEST) == ["dark", "open", "halted", "old"]
    assert visited(OLDEST) == ["dark", "old", "open", "halted"]
    assert visited(Order(OrderField.FINISHED_AT)) == ["dark", "halted", "open", "old"]


def test_what_lies_behind_a_place() -> None:
    def at(seconds: int | None) -> At:
        return At(None if seconds is None else seconds * SECOND, None)

    assert visited(NEWEST, at(98)) == ["dark"]
    assert visited(NEWEST, at(100)) == ["dark", "old"]
    assert visited(NEWEST, at(130)) == ["dark", "open", "old"]
    assert visited(NEWEST, at(None)) == ["dark", "open", "halted", "old"], "rows without an instant come first"
    assert visited(OLDEST, at(202)) == ["dark", "open", "halted"]
    assert visited(OLDEST, at(201)) == ["dark", "old", "open", "halted"]
    assert visited(OLDEST, at(None)) == ["dark", "open"], "rows without an instant come last, and bounded jobs have none"


def test_how_far_a_list_is_settled() -> None:
    fan = Fan("execution", NEWEST)
    found = {parent.job.name: parent for parent in parents(fan, JOBS, None)}
    assert settled(fan, [found["halted"], found["old"]]) == At(251 * SECOND, None)
    assert settled(fan, [found["open"], found["old"]]) is None
    assert settled(fan, []) is None
    back = Fan("execution", OLDEST)
    found = {parent.job.name: parent for parent in parents(back, JOBS, None)}
    assert settled(back, [found["open"], found["halted"]]) == At(119 * SECOND, None)
    assert settled(back, [found["dark"], found["halted"]]) is None


IN_TIME: list[tuple[dict[str, Any], set[str]]] = [
    ({}, {"old", "halted", "open", "dark"}),
    ({"words": frozenset({"QUEUED"})}, {"open", "dark"}),
    ({"words": frozenset({"IN_PROGRESS"})}, {"halted", "open", "dark"}),
    ({"words": frozenset({"QUEUED", "FAILED"})}, {"old", "halted", "open", "dark"}),
    ({"jobs": frozenset({"old"})}, {"old"}),
    ({"name": TextMatch(starts_with="O")}, {"old", "open"}),
    ({"created_at": InstantRange(252 * SECOND)}, {"open", "dark"}),
    ({"created_at": InstantRange(251 * SECOND)}, {"halted", "open", "dark"}),
    ({"created_at": InstantRange(end=119 * SECOND)}, {"old", "dark"}),
    ({"created_at": InstantRange(end=119 * SECOND + 1)}, {"old", "open", "dark"}),
    ({"started_at": InstantRange(252 * SECOND)}, {"open", "dark"}),
    ({"finished_at": InstantRange(252 * SECOND)}, {"halted", "open", "dark"}),
    ({"finished_at": InstantRange(end=99 * SECOND)}, {"dark"}),
    ({"active_during": InstantRange(252 * SECOND)}, {"halted", "open", "dark"}),
    ({"active_during": InstantRange(end=140 * SECOND)}, {"old", "open", "dark"}),
]


@pytest.mark.parametrize(("parts", "names"), IN_TIME, ids=str)
def test_jobs_that_may_match(parts: dict[str, Any], names: set[str]) -> None:
    for order in ORDERS:
        assert set(visited(order, **parts)) == names


def test_what_a_row_must_be() -> None:
    thing = Node(key=Key("node", "iot", ("t",)), tie=("t",), name="t")
    row = Execution(
        key=Key("execution", "iot", ("j", "t", "1")),
        tie=("j", "t", "1"),
        name="j",
        status=S.FAILED,
        raw_status=" failed",
        nodes=(NodeResult(node=thing, roles=()),),
    )

    def keeps(**parts: Any) -> bool:
        return Fan("execution", NEWEST, **parts).keeps(row)

    assert keeps()
    assert keeps(words=frozenset({"FAILED"}), jobs=frozenset({"j"}), things=frozenset({"t"}), name=TextMatch(equals="j"))
    assert not keeps(words=frozenset({"QUEUED"}))
    assert not keeps(jobs=frozenset({"k"}))
    assert not keeps(things=frozenset({"u"}))
    assert not keeps(name=TextMatch(equals="k"))
