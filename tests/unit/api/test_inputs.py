"""Arguments: what each input selects, what restricts nothing, and how every mistake is answered."""

from collections.abc import Sequence
from typing import Any

import pytest
import strawberry
from msgspec.structs import replace

from gateway import ids
from gateway.api import inputs
from gateway.errors import UserError
from gateway.instant import Instant
from gateway.model import (
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
from gateway.query import ExecutionFilter, InstantRange, Order, OrderField, TextMatch
from tests.property.federations import execution
from tests.support import App, running_app

S = ExecutionStatus
ID = strawberry.ID
JOBS = [
    Job(key=Key("job", "alpha", ("1",)), name="Deploy", tie=(1,), created_at=Instant.from_us(1), raw_state="on"),
    Job(key=Key("job", "alpha", ("2",)), name="Backup", tie=(2,), created_at=Instant.from_us(2), state=JobState.FAILED),
]
HOST = Node(key=Key("node", "alpha", ("9",)), name="Web-1", tie=(9,), node_kind=NodeKind.HOST, active=True)
DEVICE = Node(key=Key("node", "alpha", ("10",)), name="thing", tie=(10,), node_kind=NodeKind.DEVICE, active=False)
RUNS = [
    replace(
        execution("alpha", "a1", created=100, started=110, finished=120, status=S.FAILED),
        name="Deploy",
        raw_status="failed",
        status_message="disk full",
        job=JOBS[0],
        trigger=Trigger(TriggerKind.MANUAL, "manual", "Ann"),
        nodes=(NodeResult(node=HOST, roles=(NodeRole.EXECUTOR,)),),
    ),
    replace(execution("alpha", "a2", created=200, started=210, status=S.RUNNING), name="Backup", job=JOBS[1]),
    replace(execution("beta", "b1", created=150, started=150, finished=400, status=S.TIMED_OUT), name="deploy"),
]
JOB, RUN, NODE = (ids.encode(entity.key) for entity in (JOBS[0], RUNS[0], HOST))


def rows() -> dict[str, Sequence[Any]]:
    return {"alpha": [*JOBS, HOST, DEVICE, *RUNS[:2]], "beta": RUNS[2:]}


async def found(app: App, wanted: str, variables: dict[str, Any] | None = None) -> set[str]:
    data = await app.data(f"{{ executions(filter: {wanted}) {{ edges {{ node {{ nativeId }} }} }} }}", variables)
    return {edge["node"]["nativeId"] for edge in data["executions"]["edges"]}


ALL = {"a1", "a2", "b1"}


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        # Null, absent and {} restrict nothing.
        ("{}", ALL),
        ("null", ALL),
        ("{status: null, name: null, createdAt: null, source: null, jobId: null, search: null, tql: null}", ALL),
        ("{name: {}, createdAt: {}, activeDuring: {from: null, to: null, last: null}}", ALL),
        ('{search: "", name: {contains: "", startsWith: ""}}', ALL),
        # An empty list matches nothing.
        *(
            (f"{{{name}: []}}", set[str]())
            for name in ("status", "phase", "outcome", "rawStatus", "jobId", "nodeId", "triggerKind", "source", "sourceKind")
        ),
        ("{name: {in: []}}", set()),
        ("{excludeStatus: []}", ALL),
        # All given parts must hold.
        ("{status: [FAILED, TIMED_OUT]}", {"a1", "b1"}),
        ("{status: [FAILED, RUNNING], phase: [FINAL]}", {"a1"}),
        ("{phase: [ACTIVE]}", {"a2"}),
        ("{outcome: [FAILURE]}", {"a1", "b1"}),
        ("{outcome: [FAILURE], excludeStatus: [FAILED]}", {"b1"}),
        ("{excludeStatus: [RUNNING]}", {"a1", "b1"}),
        ("{status: [FAILED], excludeStatus: [FAILED]}", set()),
        ('{rawStatus: ["failed"]}', {"a1"}),
        ('{name: {equals: "Deploy"}}', {"a1"}),
        ('{name: {in: ["Deploy", "deploy"]}}', {"a1", "b1"}),
        ('{name: {startsWith: "DEP"}}', {"a1", "b1"}),
        ('{name: {contains: "ACK"}}', {"a2"}),
        ('{name: {contains: "e", equals: "deploy"}}', {"b1"}),
        ('{nodeName: {equals: "Web-1"}}', {"a1"}),
        ("{triggerKind: [MANUAL]}", {"a1"}),
        ('{actor: {equals: "Ann"}}', {"a1"}),
        ('{search: "DISK"}', {"a1"}),
        # None of these sources speaks it, so that nobody judges it either.
        ('{tql: "id = 1"}', set()),
        ('{tql: "("}', set()),
        (f'{{jobId: ["{JOB}"]}}', {"a1"}),
        (f'{{nodeId: ["{NODE}"]}}', {"a1"}),
        ('{source: ["alpha"]}', {"a1", "a2"}),
        # A former name is as good.
        ('{source: ["first"]}', {"a1", "a2"}),
        ('{source: ["alpha", "beta"], status: [TIMED_OUT]}', {"b1"}),
        ('{sourceKind: ["memory"]}', ALL),
        # Half-open: from <= t < to.
        ('{createdAt: {from: "1970-01-01T00:01:40Z", to: "1970-01-01T00:02:30Z"}}', {"a1"}),
        ('{createdAt: {from: "1970-01-01T01:02:30+01:00"}}', {"a2", "b1"}),
        ('{startedAt: {to: "1970-01-01T00:02:30Z"}}', {"a1"}),
        ('{finishedAt: {from: "1970-01-01T00:00:00Z"}}', {"a1", "b1"}),
        ('{activeDuring: {from: "1970-01-01T00:03:20Z", to: "1970-01-01T00:03:29Z"}}', {"b1"}),
        ('{createdAt: {last: "PT1H"}}', set()),
        ('{createdAt: {last: "P36600D"}}', ALL),
    ],
)
async def test_what_a_filter_selects(wanted: str, names: set[str]) -> None:
    async with running_app(rows=rows()) as app:
        assert await found(app, wanted) == names


@pytest.mark.parametrize(
    ("field", "wanted", "names"),
    [
        ("jobs", "{}", {"1", "2"}),
        ("jobs", "{state: [FAILED]}", {"2"}),
        ("jobs", '{rawState: ["on"]}', {"1"}),
        ("jobs", '{name: {startsWith: "dep"}}', {"1"}),
        ("jobs", '{createdAt: {from: "1970-01-01T00:00:00.000002Z"}}', {"2"}),
        ("jobs", '{updatedAt: {to: "2030-01-01T00:00:00Z"}}', set()),
        ("jobs", '{source: ["beta"]}', set()),
        ("nodes", "{}", {"9", "10"}),
        ("nodes", "{nodeKind: [HOST]}", {"9"}),
        ("nodes", '{name: {equals: "thing"}}', {"10"}),
        ("nodes", "{active: true}", {"9"}),
        ("nodes", "{active: false}", {"10"}),
        ("nodes", '{sourceKind: ["memory"], nodeKind: []}', set()),
    ],
)
async def test_filters_of_jobs_and_nodes(field: str, wanted: str, names: set[str]) -> None:
    async with running_app(rows=rows()) as app:
        data = await app.data(f"{{ {field}(filter: {wanted}) {{ edges {{ node {{ nativeId }} }} }} }}")
    assert {edge["node"]["nativeId"] for edge in data[field]["edges"]} == names


# --- mistakes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["executions", "jobs", "nodes"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("first: -1", "`first` must be from 0 to 1000."),
        ("first: 1001", "`first` must be from 0 to 1000."),
        ("first: -2147483648", "`first` must be from 0 to 1000."),
        ('after: ""', "The cursor was altered or cut short, or another deployment made it."),
        ('after: "garbage"', "The cursor was altered or cut short, or another deployment made it."),
        ('after: "é"', "The cursor is not one of this gateway's: it does not decode."),
        ('filter: {source: ["nobody"]}', "There is no source named 'nobody'; the sources are alpha, beta."),
        ('filter: {source: ["alpha", ""]}', "There is no source named ''; the sources are alpha, beta."),
        ('filter: {sourceKind: ["jenkins"]}', "There is no source of kind 'jenkins'; the kinds are memory."),
    ],
)
async def test_mistakes_in_any_list(field: str, arguments: str, message: str) -> None:
    async with running_app() as app:
        body = await app.answer(f"{{ mine: {field}({arguments}) {{ partial }} sources {{ name }} }}")
    # The other fields are answered.
    assert body["data"] == {"mine": None, "sources": [{"name": "alpha"}, {"name": "beta"}]}
    (error,) = body["errors"]
    assert (error["message"], error["path"], error["extensions"]) == (message, ["mine"], {"code": "BAD_USER_INPUT"})


BOTH = "A range takes `last`, or `from` and `to`, but not both."
UNBOUNDED = "orderBy DURATION needs a time range with a beginning in the filter"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ('filter: {createdAt: {last: "P1D", from: "2026-01-01T00:00:00Z"}}', BOTH),
        ('filter: {activeDuring: {last: "P1D", to: "2026-01-01T00:00:00Z"}}', BOTH),
        ('filter: {jobId: ["garbage"]}', "This is not an id of this gateway."),
        (f'filter: {{jobId: ["{JOB}", "{NODE}"]}}', "This is the id of a node, not of a job."),
        (f'filter: {{nodeId: ["{JOB}"]}}', "This is the id of a job, not of a node."),
        (f'filter: {{jobId: ["{ids.encode_source("alpha")}"]}}', "This is the id of a source, not of a job."),
        (
            f'filter: {{jobId: ["{ids.encode(Key("job", "gone", ("1",)))}"]}}',
            "This id names a source that is not configured here.",
        ),
        ("orderBy: {field: DURATION}", UNBOUNDED),
        ('orderBy: {field: DURATION}, filter: {createdAt: {to: "2026-01-01T00:00:00Z"}}', UNBOUNDED),
        ("orderBy: {field: DURATION}, filter: {createdAt: {}}", UNBOUNDED),
    ],
)
async def test_mistakes_in_a_list_of_executions(arguments: str, message: str) -> None:
    async with running_app(rows=rows()) as app:
        error = await app.error(f"{{ mine: executions({arguments}) {{ partial }} }}")
    assert error["message"].startswith(message)
    assert (error["path"], error["extensions"]) == (["mine"], {"code": "BAD_USER_INPUT"})


@pytest.mark.parametrize(
    "limits",
    [
        'createdAt: {from: "1970-01-01T00:00:00Z"}',
        'startedAt: {last: "P36600D"}',
        'activeDuring: {from: "1970-01-01T00:00:01Z"}',
    ],
)
async def test_the_order_by_duration_needs_a_beginning(limits: str) -> None:
    query = f"{{ executions(orderBy: {{field: DURATION}}, filter: {{{limits}}}) {{ edges {{ node {{ nativeId }} }} }} }}"
    async with running_app(rows=rows()) as app:
        data = await app.data(query)
    # Open executions count as longest.
    assert [edge["node"]["nativeId"] for edge in data["executions"]["edges"]] == ["a2", "b1", "a1"]


@pytest.mark.parametrize(
    ("type_", "argument", "value"),
    [
        ("Int!", "first: $v", "5"),
        ("Int!", "first: $v", 1.5),
        ("Int!", "first: $v", None),
        ("Int!", "first: $v", 2**31),
        ("Int!", "first: $v", []),
        ("String", "after: $v", 5),
        ("ExecutionFilter", "filter: $v", []),
        ("ExecutionFilter", "filter: $v", "x"),
        ("ExecutionFilter", "filter: $v", {"nope": 1}),
        ("ExecutionFilter", "filter: $v", {"status": ["BROKEN"]}),
        ("ExecutionFilter", "filter: $v", {"status": [None]}),
        ("ExecutionFilter", "filter: $v", {"createdAt": {"from": "yesterday"}}),
        ("ExecutionStatus!", "filter: {status: [$v]}", "failed"),
        ("ExecutionOrder!", "orderBy: $v", {"field": "NAME"}),
        ("ExecutionOrder!", "orderBy: $v", {}),
        ("SourceErrorPolicy!", "onSourceError: $v", "IGNORE"),
    ],
)
async def test_malformed_variables(type_: str, argument: str, value: Any) -> None:
    async with running_app() as app:
        error = await app.error(f"query($v: {type_}) {{ mine: executions({argument}) {{ partial }} }}", {"v": value})
    assert (error["path"], error["extensions"]) == (["mine"], {"code": "BAD_USER_INPUT"})


@pytest.mark.parametrize(
    "argument",
    [
        'first: "5"',
        "first: null",
        "first: 99999999999",
        "after: 5",
        "filter: {status: [BROKEN]}",
        "filter: {status: FAILED, nope: 1}",
        'filter: {createdAt: {from: "yesterday"}}',
        "filter: {createdAt: {from: 5}}",
        'filter: {createdAt: {last: "P1M"}}',
        "orderBy: {field: NAME}",
        "orderBy: {}",
        "onSourceError: IGNORE",
    ],
)
async def test_malformed_literals(argument: str) -> None:
    async with running_app() as app:
        error = await app.error(f"{{ sources {{ name }} mine: executions({argument}) {{ partial }} }}")
    assert (error["path"], error["extensions"]) == (["mine"], {"code": "BAD_USER_INPUT"})


async def test_a_missing_variable() -> None:
    async with running_app() as app:
        error = await app.error("query($v: ID!) { mine: entity(id: $v) { id } }")
    assert (error["path"], error["extensions"]) == (["mine"], {"code": "BAD_USER_INPUT"})


# --- as the gateway's own ------------------------------------------------------------------------------------------


async def test_a_filter_as_the_gateway_s_own() -> None:
    wanted = inputs.ExecutionFilter(
        phase=[S.RUNNING.phase],
        exclude_status=[S.CANCELING],
        name=inputs.StringFilter(equals="x", in_=["x", "y"]),
        created_at=inputs.DateTimeRange(last=10),  # type: ignore[arg-type]
        job_id=[ID(ids.encode(Key("job", "first", ("1",))))],
    )
    async with running_app() as app:
        parts = inputs.execution_parts(app.gateway, wanted, now=100)
    assert parts == ExecutionFilter(
        statuses=frozenset({S.RUNNING}),
        status_inputs=("excludeStatus", "phase"),
        name=TextMatch(equals="x", among=frozenset({"x", "y"})),
        created_at=InstantRange(start=90),
        # A source's former name stands for the source.
        jobs=frozenset({Key("job", "alpha", ("1",))}),
    )


async def test_what_lets_everything_pass_is_no_restriction() -> None:
    """It must not count as a filter that a source cannot apply."""
    texts = inputs.StringFilter(starts_with="", contains="")
    async with running_app() as app:
        for wanted in (
            inputs.ExecutionFilter(status=list(S)),
            inputs.ExecutionFilter(exclude_status=[]),
            inputs.ExecutionFilter(name=texts, actor=texts, node_name=texts, search=""),
        ):
            assert inputs.execution_parts(app.gateway, wanted, 0) == ExecutionFilter()


async def test_which_sources_are_asked() -> None:
    async with running_app() as app:
        gateway = app.gateway
        assert inputs.sources_of(gateway, None) is None
        assert inputs.sources_of(gateway, inputs.JobFilter()) is None
        assert inputs.sources_of(gateway, inputs.NodeFilter(source=["first", "alpha"])) == frozenset({"alpha"})
        assert inputs.sources_of(gateway, inputs.JobFilter(source=["beta"], source_kind=["memory"])) == frozenset({"beta"})
        assert inputs.sources_of(gateway, inputs.JobFilter(source=[])) == frozenset()
        with pytest.raises(UserError, match="There is no source of kind 'x'; the kinds are memory"):
            inputs.sources_of(gateway, inputs.JobFilter(source_kind=["memory", "x"]))


def test_orders() -> None:
    newest = inputs.ExecutionOrder(field=inputs.ExecutionOrderField.CREATED_AT)
    assert inputs.execution_order(newest, None) == Order(OrderField.CREATED_AT, descending=True)
    ascending = inputs.ExecutionOrder(field=inputs.ExecutionOrderField.FINISHED_AT, direction=inputs.OrderDirection.ASC)
    assert inputs.execution_order(ascending, None) == Order(OrderField.FINISHED_AT, descending=False)


def test_an_input_as_cursors_know_it() -> None:
    """Spellings that mean the same have one form, so that a cursor of one goes on in the other."""
    assert inputs.as_given(None) is None
    for nothing in (
        inputs.ExecutionFilter(),
        inputs.ExecutionFilter(name=None, status=None, created_at=inputs.DateTimeRange()),
        inputs.ExecutionFilter(name=inputs.StringFilter(contains=None)),
    ):
        assert inputs.as_given(nothing) is None
    begin = Instant.parse("1970-01-01T01:00:00.000007+01:00")
    wanted = inputs.ExecutionFilter(
        status=[S.FAILED],
        source=[],
        created_at=inputs.DateTimeRange(from_=begin),
        name=inputs.StringFilter(in_=["a"]),
    )
    assert inputs.as_given(wanted) == {
        "status": ["FAILED"],
        "source": [],
        "created_at": {"from_": 7},
        "name": {"in_": ["a"]},
    }
    assert inputs.as_given(inputs.NodeFilter(active=False)) == {"active": False}
