"""What ThreatConnect is asked for each filter and order; pushing parts of a filter down never changes the answer."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.threatconnect import ThreatConnectSettings, factory
from adapters.threatconnect.adapter import ThreatConnectAdapter
from adapters.threatconnect.client import EXECUTIONS, JOBS, QUERY_BYTES, id_chunks, query_bytes
from adapters.threatconnect.planning import (
    EXECUTION_PARAMETERS,
    JOB_PARAMETERS,
    ListScan,
    MergedScan,
    Offered,
    Params,
    SerialScan,
    capabilities,
    plan,
)
from adapters.threatconnect.simulator import Simulator
from adapters.threatconnect.simulator_tables import EXECUTIONS as EXECUTIONS_ENDPOINT
from adapters.threatconnect.simulator_tables import JOBS as JOBS_ENDPOINT
from adapters.threatconnect.simulator_tables import Profile
from adapters.threatconnect.terms import number_of
from adapters.threatconnect.tql import Among, Both, text_of
from adapters.threatconnect.world import World
from gateway.model import Entity, ExecutionStatus, JobState, Key, Kind, NodeKind, TriggerKind
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
    impossible,
    order_value,
    parts_of,
    position,
    predicate,
)
from gateway.spi import Guarantee, ScanPlan, Start
from gateway.transport import SourceClient

NEWEST = Order(OrderField.CREATED_AT)
OLDEST = Order(OrderField.CREATED_AT, descending=False)
NATIVE = Order(OrderField.NATIVE)
S, J = ExecutionStatus, JobState
KINDS: dict[type, Kind] = {ExecutionFilter: "execution", JobFilter: "job", NodeFilter: "node"}

FULL = Offered(EXECUTION_PARAMETERS, JOB_PARAMETERS)
PROVEN = Offered(frozenset({"jobId", "completedTime"}), frozenset({"id", "name"}))
BY_END = frozenset({"completedTime", "failedTime", "id"})
OFFERED = {Profile.FULL: FULL, Profile.MINIMAL: PROVEN}


def keys(kind: Kind, *parts: object) -> frozenset[Key]:
    return frozenset(Key(kind, "tc", (str(part),)) for part in parts)


def planned(given: Filter, order: Order = NEWEST, offered: Offered = FULL, fields: tuple[str, ...] = ()) -> ScanPlan:
    return plan(ListQuery(KINDS[type(given)], given, order, frozenset(fields)), offered)


def test_the_parameters_used_are_those_of_the_profiles() -> None:
    for profile, offered in OFFERED.items():
        for endpoint, mine in ((EXECUTIONS_ENDPOINT, offered.executions), (JOBS_ENDPOINT, offered.jobs)):
            assert mine <= {each.keyword for each in endpoint.offered(profile).values()}


def test_keywords_in_any_case() -> None:
    given = Offered.among(frozenset({"ID", "queuetime", "exitMessage"}), frozenset({"Active", "displayName"}))
    assert given == Offered(frozenset({"id", "queueTime"}), frozenset({"active"}))


# --- the table

SECOND = 1_000_000
NOON = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()) * SECOND
T12, T13 = "2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z"
HOUR = 3600 * SECOND
TWO = InstantRange(NOON, NOON + HOUR)

PUSHED: list[tuple[Filter, str | None, set[str]]] = [
    (ExecutionFilter(), None, set()),
    (ExecutionFilter(jobs=keys("job", 174)), "jobId = 174", {"jobId"}),
    (ExecutionFilter(jobs=keys("job", 20, 3, "x", "007")), "jobId in (3,20)", {"jobId"}),
    # Too many even for several lists.
    (ExecutionFilter(jobs=keys("job", *range(1, 2100))), None, set()),
    # Rows without a word have the status that their instants say.
    (
        ExecutionFilter(statuses=frozenset({S.FAILED})),
        '(status in ("FAILED","Failed","failed") or status is null)',
        set(),
    ),
    (
        ExecutionFilter(statuses=frozenset({S.QUEUED, S.RUNNING, S.PENDING, S.CANCELING})),
        '(status in ("QUEUED","Queued","RUNNING","Running","queued","running") or status is null)',
        set(),
    ),
    # Words that nobody knows cannot be asked for.
    (ExecutionFilter(statuses=frozenset({S.UNKNOWN, S.FAILED})), None, set()),
    (ExecutionFilter(raw_statuses=frozenset({"Failed", "a,b"})), 'status in ("Failed","a,b")', set()),
    (ExecutionFilter(raw_statuses=frozenset({"Failed", "échoué"})), None, set()),
    (ExecutionFilter(raw_statuses=frozenset({"Failed "})), None, set()),
    (ExecutionFilter(nodes=keys("node", "tc-job", 'a"b')), r'serverName in ("a\"b","tc-job")', set()),
    (ExecutionFilter(node_name=TextMatch(equals="tc-job", contains="x")), 'serverName = "tc-job"', set()),
    (ExecutionFilter(node_name=TextMatch(starts_with="tc")), None, set()),
    (ExecutionFilter(node_name=TextMatch(equals="münchen")), None, set()),
    (ExecutionFilter(name=TextMatch(equals="QRadar")), None, set()),
    (ExecutionFilter(search="404"), None, set()),
    (ExecutionFilter(created_at=TWO), f'queueTime >= "{T12}" and queueTime < "{T13}"', {"createdAt"}),
    (ExecutionFilter(created_at=InstantRange(NOON, None)), f'queueTime >= "{T12}"', {"createdAt"}),
    # Fractions are rounded outwards, and looked at again.
    (
        ExecutionFilter(created_at=InstantRange(NOON + 1, NOON + HOUR - 1)),
        f'queueTime >= "{T12}" and queueTime < "{T13}"',
        set(),
    ),
    (ExecutionFilter(created_at=InstantRange(-(1 << 60), NOON)), f'queueTime < "{T12}"', set()),
    (ExecutionFilter(created_at=InstantRange(None, 1 << 60)), None, set()),
    (ExecutionFilter(created_at=InstantRange()), None, set()),
    (ExecutionFilter(started_at=TWO), f'startTime >= "{T12}" and startTime < "{T13}"', {"startedAt"}),
    # The end is one of two instants: never one of them alone.
    (
        ExecutionFilter(finished_at=TWO),
        f'((completedTime >= "{T12}" and completedTime < "{T13}")'
        f' or (completedTime is null and failedTime >= "{T12}" and failedTime < "{T13}"))',
        {"finishedAt"},
    ),
    (
        ExecutionFilter(finished_at=InstantRange(NOON, None)),
        f'(completedTime >= "{T12}" or (completedTime is null and failedTime >= "{T12}"))',
        {"finishedAt"},
    ),
    (ExecutionFilter(active_during=TWO), f'startTime < "{T13}"', set()),
    (ExecutionFilter(active_during=InstantRange(NOON, None)), None, set()),
    (
        ExecutionFilter(jobs=keys("job", 1), statuses=frozenset({S.SUCCEEDED}), created_at=InstantRange(NOON, None)),
        f'jobId = 1 and (status in ("COMPLETED","Completed","completed") or status is null) and queueTime >= "{T12}"',
        {"jobId", "createdAt"},
    ),
    (JobFilter(), None, set()),
    (JobFilter(states=frozenset({J.ACTIVE})), "active = true", {"state"}),
    (JobFilter(states=frozenset({J.INACTIVE, J.FAILED})), "active = false", {"state"}),
    (JobFilter(states=frozenset({J.INACTIVE, J.ACTIVE})), None, set()),
    (JobFilter(states=frozenset({J.INACTIVE, J.UNKNOWN})), None, set()),
    (JobFilter(raw_states=frozenset({"true", "True"})), "active = true", {"rawState"}),
    (
        JobFilter(states=frozenset({J.INACTIVE, J.ACTIVE}), raw_states=frozenset({"false"})),
        "active = false",
        {"state", "rawState"},
    ),
    (JobFilter(name=TextMatch(equals="O'Brien")), r'name = "O\'Brien"', set()),
    (JobFilter(name=TextMatch(among=frozenset({"b", "a"}))), 'name in ("a","b")', set()),
    (JobFilter(name=TextMatch(contains="a")), None, set()),
]


@pytest.mark.parametrize(("given_filter", "tql", "pushed"), PUSHED, ids=lambda value: str(value)[:60])
def test_pushed(given_filter: Filter, tql: str | None, pushed: set[str]) -> None:
    found = planned(given_filter)
    assert isinstance(found.native, ListScan)
    job = isinstance(given_filter, JobFilter)
    sorting = ("sorting", "id asc" if job else "queueTime desc id asc")
    assert found.native.path == (JOBS if job else EXECUTIONS)
    assert found.native.params == ((*([("tql", tql)] if tql else []), sorting))
    assert found.pushed == pushed
    assert found.order is Guarantee.EXACT
    assert not found.unseen
    assert found.counts is (tql is None or (bool(pushed) and "status" not in tql))


@pytest.mark.parametrize("given_filter", [given for given, _, _ in PUSHED], ids=lambda value: str(value)[:60])
def test_pushed_to_a_server_that_offers_little(given_filter: Filter) -> None:
    found = planned(given_filter, offered=PROVEN)
    full = planned(given_filter)
    asked = dict(found.native.params).get("tql")
    if isinstance(given_filter, JobFilter):
        assert found.pushed == set()
        assert asked in (None, dict(full.native.params).get("tql"))
        assert found.order is Guarantee.EXACT
    else:
        assert found.pushed == full.pushed & {"jobId"}
        assert asked is None or asked.startswith("jobId")
        assert (found.order, found.native.params[len(found.pushed) :]) == (Guarantee.NONE, ())


@pytest.mark.parametrize(
    ("order", "offered", "sorting", "exact"),
    [
        (NEWEST, FULL, "queueTime desc id asc", True),
        (OLDEST, FULL, "queueTime asc id asc", True),
        (NATIVE, FULL, "id asc", True),
        # Read whole, the newest first.
        (Order(OrderField.STARTED_AT), FULL, "queueTime desc id asc", False),
        (Order(OrderField.DURATION), FULL, "queueTime desc id asc", False),
        (NEWEST, PROVEN, None, False),
        (NATIVE, PROVEN, None, False),
        # Ties need the id.
        (NEWEST, Offered(frozenset({"jobId", "queueTime"}), frozenset()), None, False),
        (Order(OrderField.FINISHED_AT), Offered(BY_END - {"id"}, frozenset()), None, False),
        (Order(OrderField.FINISHED_AT), Offered(BY_END - {"failedTime"}, frozenset()), None, False),
        (Order(OrderField.FINISHED_AT), Offered(BY_END - {"completedTime"}, frozenset()), None, False),
        (NATIVE, Offered(frozenset({"jobId", "id"}), frozenset()), "id asc", True),
    ],
)
def test_orders(order: Order, offered: Offered, sorting: str | None, exact: bool) -> None:
    found = planned(ExecutionFilter(), order, offered)
    assert found.native.params == ((("sorting", sorting),) if sorting else ())
    assert (found.order is Guarantee.EXACT, found.reports_key) == (exact, True)
    assert (order.field in capabilities(offered).orders) is exact


def lanes(found: ScanPlan) -> list[tuple[str, str | None]]:
    assert isinstance(found.native, MergedScan)
    return [(text_of(Both(lane.terms)), lane.key) for lane in found.native.lanes]


def test_the_order_of_ends_is_that_of_three_lists() -> None:
    order = Order(OrderField.FINISHED_AT)
    for offered in (FULL, Offered(BY_END, frozenset())):
        assert order.field in capabilities(offered).orders
        found = planned(ExecutionFilter(), order, offered)
        assert (found.order, found.counts) == (Guarantee.EXACT, True)
        assert lanes(found) == [
            ("completedTime is not null", "completedTime"),
            ("completedTime is null and failedTime is not null", "failedTime"),
            ("completedTime is null and failedTime is null", None),
        ]
    # Nothing without an end is in a range of it.
    found = planned(ExecutionFilter(jobs=keys("job", 1), finished_at=TWO), order)
    assert found.pushed == {"jobId", "finishedAt"}
    limits = [f'{key} >= "{T12}" and {key} < "{T13}"' for key in ("completedTime", "failedTime")]
    assert lanes(found) == [
        (f"jobId = 1 and completedTime is not null and {limits[0]}", "completedTime"),
        (f"jobId = 1 and completedTime is null and failedTime is not null and {limits[1]}", "failedTime"),
    ]
    assert found.native.whole == ListScan(
        EXECUTIONS, planned(ExecutionFilter(jobs=keys("job", 1), finished_at=TWO), NATIVE).native.params[:1], None
    )


def test_many_jobs_are_asked_for_in_several_lists() -> None:
    many = ExecutionFilter(jobs=keys("job", *range(1, 451)), created_at=TWO)
    for order, each, exact in ((NEWEST, 2, True), (NATIVE, 1, True), (Order(OrderField.FINISHED_AT), 3, True)):
        found = planned(many, order)
        assert found.pushed == {"jobId", "createdAt"}
        assert (found.order is Guarantee.EXACT, found.counts) == (exact, False)
        assert len(lanes(found)) == 3 * each
    for offered, pushed in ((FULL, {"jobId", "createdAt"}), (PROVEN, {"jobId"})):
        found = planned(many, Order(OrderField.DURATION), offered)
        assert isinstance(found.native, SerialScan)
        assert found.pushed == pushed
        assert (found.order, found.counts) == (Guarantee.NONE, False)
        assert [dict(scan.params)["tql"].partition(")")[0].count(",") for scan in found.native.scans] == [199, 199, 49]


def test_what_a_person_wrote_is_put_in_parentheses() -> None:
    own = 'status = "Failed" or jobId = 7'
    for offered in OFFERED.values():
        found = planned(ExecutionFilter(tql=own, jobs=keys("job", 3)), offered=offered)
        assert dict(found.native.params)["tql"] == f"jobId = 3 and ({own})"
        assert found.pushed == {"jobId", "tql"}
        assert found.unseen == {"tql"}
        assert found.counts
        alone = planned(ExecutionFilter(tql=own), offered=offered)
        assert dict(alone.native.params)["tql"] == f"({own})"


@pytest.mark.parametrize(
    ("tql", "reason"),
    [
        ("jobId = 1) or (jobId = 2", "`tql` is no TQL: expected AND, OR or the end at position 9, counted from 0."),
        ("", "`tql` is no TQL: expected a parameter at position 0, counted from 0."),
        ('status = "a\\0"', "`tql` is no TQL: a text that does not end, or a bad escape at position 9, counted from 0."),
        ('status = "a\0"', "`tql` is no TQL: a control character in a text at position 11, counted from 0."),
        ('status = "a\nb"', "`tql` is no TQL: a control character in a text at position 11, counted from 0."),
        ('status = "a\ud800"', "`tql` is no TQL: a control character in a text at position 11, counted from 0."),
        ("status = \u201cFailed\u201d", "`tql` is no TQL: no TQL at position 9, counted from 0."),
        ("status = `Failed`", "`tql` is no TQL: no TQL at position 9, counted from 0."),
        ("jobId = 1\0", "`tql` is no TQL: no TQL at position 9, counted from 0."),
        (
            f"jobId in ({','.join(map(str, range(10**9, 10**9 + 200)))})",
            "`tql` is too long: 2222 bytes in an address, of at most 1400.",
        ),
    ],
)
def test_refused_whatever_the_server_offers(tql: str, reason: str) -> None:
    for offered in OFFERED.values():
        found = planned(ExecutionFilter(tql=tql), offered=offered)
        assert found.unsupported == reason


def test_parameters_are_judged_once_they_are_known() -> None:
    named = 'JOBID = 1 and hasGroup(xid = "1") and nothing is null'
    assert PROVEN.refusal(named) is None
    known = Offered.among(frozenset({"jobId", "hasGroup", "Status"}), frozenset(), complete=True)
    assert known.refusal('jobid = 1 and STATUS = "Failed" and hasGroup(xid = "1")') is None
    assert known.refusal(named) == (
        "`tql` names 'nothing' at position 38, which is none of the parameters on offer: hasgroup, jobid, status."
    )


def test_jobs_have_no_instants() -> None:
    assert [planned(JobFilter(), order).reports_key for order in (NEWEST, OLDEST, NATIVE)] == [False, False, True]
    assert planned(JobFilter(), offered=Offered(frozenset(), frozenset())).order is Guarantee.NONE


@pytest.mark.parametrize(
    "given_filter",
    [
        ExecutionFilter(jobs=keys("job", "x", "0", "")),
        ExecutionFilter(nodes=frozenset({Key("node", "tc", ())}) | keys("node", "", "\0")),
        ExecutionFilter(statuses=frozenset({S.CANCELED, S.SKIPPED})),
        ExecutionFilter(trigger_kinds=frozenset({TriggerKind.UNKNOWN})),
        ExecutionFilter(actor=TextMatch(contains="a")),
        JobFilter(states=frozenset({J.DELETING})),
        JobFilter(raw_states=frozenset({"yes"})),
        JobFilter(created_at=InstantRange()),
        JobFilter(updated_at=TWO),
        NodeFilter(),
        NodeFilter(kinds=frozenset({NodeKind.WORKER})),
    ],
)
def test_what_cannot_match_is_not_asked(given_filter: Filter) -> None:
    for offered in OFFERED.values():
        assert planned(given_filter, NATIVE, offered).reason_empty


def test_names_are_asked_for_where_somebody_wants_them() -> None:
    wanted = {
        fields: planned(ExecutionFilter(), fields=fields).native.names for fields in [(), ("name",), ("job",), ("status",)]
    }
    assert wanted == {(): True, ("name",): True, ("job",): False, ("status",): False}
    for filtered in (ExecutionFilter(name=TextMatch(equals="a")), ExecutionFilter(search="a")):
        assert planned(filtered, fields=("status",)).native.names
    assert len({planned(ExecutionFilter(), fields=fields).native for fields in [("name",), ("status",)]}) == 2


@pytest.mark.parametrize(
    ("part", "number"), [("7", 7), ("0", None), ("007", None), ("-7", None), ("\u0667", None), ("", None), ("9" * 19, None)]
)
def test_numbers(part: str, number: int | None) -> None:
    assert number_of(part) == number


def test_id_lists_stay_short() -> None:
    numbers = [10**17 + number for number in range(1000)]
    chunks = list(id_chunks("id", numbers))
    assert [number for chunk in chunks for number in chunk] == numbers
    assert len(chunks) > 10
    for chunk in chunks:
        params: Params = (("tql", text_of(Among("id", chunk))), ("fields", "lastExecution"))
        assert query_bytes(params) < QUERY_BYTES + 100
    assert [len(chunk) for chunk in id_chunks("id", range(1, 451))] == [200, 200, 50]
    assert list(id_chunks("id", [])) == []


# --- the oracle

NOW = datetime(2026, 11, 21, 20, 30, 12, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * SECOND


def world() -> World:
    made = World.generate(5, 150, NOW)
    # Words that are missing or odd, both ends at once, letters of either case.
    for number, status in enumerate((None, "Half-Baked", None, "completed", "Failed")):
        made.add_execution(status=status, queueTime=NOW - timedelta(hours=3 + number), completedTime=NOW)
    for ends in ({"failedTime": NOW}, {"failedTime": NOW, "completedTime": NOW - timedelta(hours=1)}, {}):
        made.add_execution(status=None, queueTime=NOW - timedelta(hours=9), **ends)
    made.add_job(active=None, name=None)
    return made


SIMULATORS = {
    (profile, sensitive): Simulator(world(), profile=profile, case_sensitive=sensitive)
    for profile in Profile
    for sensitive in (True, False)
}


def adapter(profile: Profile, sensitive: bool = True) -> ThreatConnectAdapter:
    offered = OFFERED[profile]
    given = ThreatConnectSettings.model_validate(
        {
            "name": "tc",
            **factory.simulator_settings("http://tc.example"),
            "execution_parameters": offered.executions,
            "job_parameters": offered.jobs,
        }
    )
    transport = httpx.ASGITransport(app=SIMULATORS[profile, sensitive].app)
    return factory.open("tc", given, SourceClient(given, transport))


async def scanned(reader: ThreatConnectAdapter, found: ScanPlan) -> list[Entity]:
    rows: dict[Key, Entity] = {}
    async for page in reader.scan(found, Start(rows=60)):
        rows |= {row.key: row for row in page.rows}
    return list(rows.values())


@cache
def everything(kind: Kind) -> list[Entity]:
    made = next(filter_type for filter_type, listed in KINDS.items() if listed == kind)
    reader = adapter(Profile.FULL)
    return asyncio.run(scanned(reader, reader.plan(ListQuery(kind, made(), NATIVE))))


NAMES = ["checkout enrichment", "Import from MISP", "import from misp", "O'Brien's \"daily\" feed \\ backup`s", "none", "13"]
SERVERS = ["tc-job", "TC-JOB", "tc-job-münchen", "rack7/slot:3%2A", "none", "a,b"]


def sets(of: st.SearchStrategy[Any], most: int = 4) -> st.SearchStrategy[Any]:
    return st.none() | st.frozensets(of, min_size=1, max_size=most)


def texts(values: list[str]) -> st.SearchStrategy[TextMatch | None]:
    value = st.sampled_from(values)
    part = st.none() | value.map(lambda text: text[:5].upper())
    return st.none() | st.none() | st.builds(TextMatch, st.none() | value, sets(value), part, part)


moments = st.integers(-400 * 3600, 3600).map(lambda second: NOW_US + second * SECOND)
bounds = st.none() | moments | moments.map(lambda us: us + 1) | st.just(NOW_US) | st.just(NOW_US - 9 * HOUR)
ranges = st.none() | st.builds(InstantRange, bounds, bounds)
words = st.sampled_from(["Completed", "Failed", "failed", "Half-Baked", "Partial Failure", "Queued", "", "é"])
MANY = keys("job", *range(4, 700))
numbers = st.integers(1, 14).map(str) | st.sampled_from(["0", "01", "x", str(10**20), "999999"])
execution_filters = st.builds(
    ExecutionFilter,
    statuses=sets(st.sampled_from(ExecutionStatus), 12),
    raw_statuses=st.none() | sets(words),
    jobs=sets(numbers).map(lambda found: None if found is None else keys("job", *found)) | st.just(MANY),
    name=texts(NAMES),
    nodes=st.none() | sets(st.sampled_from(SERVERS)).map(lambda found: None if found is None else keys("node", *found)),
    node_name=texts(SERVERS),
    trigger_kinds=st.sampled_from([None] * 9 + [frozenset({TriggerKind.MANUAL})]),
    search=st.sampled_from([None, None, None, "404", "SCHEMA", "misp"]),
    created_at=ranges,
    started_at=st.none() | ranges,
    finished_at=st.none() | ranges,
    active_during=st.none() | ranges,
)
job_filters = st.builds(
    JobFilter,
    states=sets(st.sampled_from(JobState), 8),
    raw_states=sets(st.sampled_from(["true", "false", "True", ""])),
    name=texts(NAMES),
    created_at=st.none() | st.none() | ranges,
    updated_at=st.none() | st.none() | ranges,
)
orders = st.builds(Order, st.sampled_from(OrderField), st.booleans())


@given(execution_filters | execution_filters | job_filters, orders, st.sampled_from(Profile), st.booleans())
@settings(max_examples=150)
def test_pushing_down_changes_nothing(given_filter: Filter, order: Order, profile: Profile, sensitive: bool) -> None:
    if impossible(given_filter):
        return
    kind = KINDS[type(given_filter)]
    matches = predicate(given_filter)
    reader = adapter(profile, sensitive)

    def place(row: Entity) -> Any:
        return position(order_value(row, order.field), order, "tc", row.tie)

    truth = [row.key for row in sorted(everything(kind), key=place) if matches(row)]
    found = reader.plan(ListQuery(kind, given_filter, order, frozenset({"key"})))
    if found.reason_empty is not None:
        assert truth == []
        return
    assert found.pushed <= parts_of(given_filter) & reader.capabilities.pushed_filters
    assert not found.unseen
    log = SIMULATORS[profile, sensitive].log
    log.clear()
    rows = asyncio.run(scanned(reader, found))
    assert all(len(f"https://threatconnect.example{each.path}?{each.query}") < 2000 for each in log)
    assert all("%28%29" not in each.query for each in log)
    if found.order is Guarantee.EXACT:
        assert [row.key for row in rows] == [row.key for row in sorted(rows, key=place)]
    else:
        rows.sort(key=place)
    # What was pushed was applied exactly: looking only at the rest gives the truth, and looking at all of it too.
    for unseen in (found.pushed, frozenset[str]()):
        again = predicate(given_filter, unseen)
        assert [row.key for row in rows if again(row)] == truth
    if found.counts and not parts_of(given_filter) - found.pushed:
        assert asyncio.run(reader.count(found)) == len(truth)
