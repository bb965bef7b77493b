"""What is pushed down to AWX: a table of exact queries."""

import pytest

from adapters.awx.planning import PUSHED_FILTERS, plan
from adapters.awx.scanning import Section
from gateway.instant import Instant
from gateway.model import ExecutionStatus, JobState, Key, NodeKind, TriggerKind
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
from gateway.spi import Guarantee
from tests.adapters.awx_bench import NEWEST

S = ExecutionStatus
FINAL = frozenset({S.SUCCEEDED, S.FAILED, S.ERRORED, S.TIMED_OUT, S.REJECTED, S.CANCELED, S.SKIPPED})


def us(text: str) -> int:
    return Instant.parse(text).us


def kinds(*names: str) -> frozenset[Key]:
    return frozenset(Key("job", "awx", (name,)) for name in names)


def nodes(*names: str) -> frozenset[Key]:
    found = []
    for name in names:
        sort, _, rest = name.partition("/")
        found.append(Key("node", "awx", (sort, rest)))
    return frozenset(found)


def first_query(wanted: Filter, order: Order = NEWEST) -> str:
    """The query of the first request, without paging."""
    kind = {ExecutionFilter: "execution", JobFilter: "job", NodeFilter: "node"}[type(wanted)]
    made = plan(ListQuery(kind, wanted, order))  # type: ignore[arg-type]
    leg = made.native[0]
    return "&".join(f"{name}={value}" for name, value in Section(leg, by_id=leg.order.field is OrderField.NATIVE).params)


OPEN = "new,pending,waiting,running"
NOON = us("2026-11-20T12:00:00Z")
MORNING = us("2026-11-20T06:00:00.5Z")
HALF_DAY = InstantRange(MORNING, NOON)

TABLE: list[tuple[Filter, str, set[str]]] = [
    (ExecutionFilter(), "", set()),
    # status: one word for one status, canceled_on where open jobs divide
    (ExecutionFilter(statuses=frozenset({S.SUCCEEDED, S.FAILED})), "status__in=successful,failed", {"status"}),
    (
        ExecutionFilter(statuses=frozenset({S.PENDING, S.QUEUED})),
        "status__in=new,pending,waiting&canceled_on__isnull=true",
        {"status"},
    ),
    (ExecutionFilter(statuses=frozenset({S.CANCELING})), f"status__in={OPEN}&canceled_on__isnull=false", {"status"}),
    (
        ExecutionFilter(statuses=frozenset({S.PENDING, S.QUEUED, S.RUNNING, S.CANCELING})),
        f"status__in={OPEN}",
        {"status"},
    ),
    (
        ExecutionFilter(statuses=frozenset({S.ERRORED, S.PENDING, S.QUEUED, S.RUNNING, S.CANCELING})),
        f"status__in=error,{OPEN}",
        {"status"},
    ),
    (
        ExecutionFilter(statuses=frozenset({S.RUNNING, S.CANCELING})),
        f"status__in={OPEN}&or__status__in=running&or__canceled_on__isnull=false",
        {"status"},
    ),
    (
        ExecutionFilter(statuses=frozenset({S.FAILED, S.CANCELING})),
        f"status__in=failed,{OPEN}&or__status__in=failed&or__canceled_on__isnull=false",
        {"status"},
    ),
    (
        ExecutionFilter(statuses=frozenset({S.FAILED, S.RUNNING})),
        "status__in=failed,running&or__status__in=failed&or__canceled_on__isnull=true",
        {"status"},
    ),
    (
        ExecutionFilter(statuses=frozenset({S.UNKNOWN})),
        f"not__status__in={OPEN},successful,failed,error,canceled",
        {"status"},
    ),
    (
        ExecutionFilter(statuses=frozenset({S.UNKNOWN, S.FAILED})),
        f"not__status__in={OPEN},successful,error,canceled",
        {"status"},
    ),
    (
        ExecutionFilter(statuses=frozenset({S.UNKNOWN, S.RUNNING})),
        "not__status__in=new,pending,waiting,successful,failed,error,canceled",
        set(),
    ),
    (ExecutionFilter(statuses=frozenset(S)), "", {"status"}),
    (ExecutionFilter(statuses=frozenset({S.FAILED, S.TIMED_OUT})), "status__in=failed", {"status"}),
    # the one group of alternatives: nodes, then search, then status
    (
        ExecutionFilter(statuses=frozenset({S.FAILED, S.RUNNING}), search="deploy"),
        "or__name__icontains=deploy&or__job_explanation__icontains=deploy&status__in=failed,running",
        {"search"},
    ),
    (
        ExecutionFilter(search="deploy", nodes=nodes("instance/exec-a")),
        "or__execution_node=exec-a&or__controller_node=exec-a",
        {"nodeId"},
    ),
    (
        ExecutionFilter(search="deploy", nodes=nodes("host/5", "host/12")),
        "job_host_summaries__host__in=5,12&or__name__icontains=deploy&or__job_explanation__icontains=deploy",
        {"nodeId", "search"},
    ),
    (
        ExecutionFilter(nodes=nodes("host/5", "host-name/rack 4/switch 7", "instance/a", "instance/b")),
        "or__job_host_summaries__host__in=5&or__job_host_summaries__host_name=rack 4/switch 7"
        "&or__execution_node__in=a,b&or__controller_node__in=a,b",
        {"nodeId"},
    ),
    (ExecutionFilter(nodes=nodes("host-name/münchen, alt")), "job_host_summaries__host_name=münchen, alt", {"nodeId"}),
    (
        ExecutionFilter(node_name=TextMatch(contains="web")),
        "or__job_host_summaries__host_name__icontains=web&or__execution_node__icontains=web"
        "&or__controller_node__icontains=web",
        {"nodeName"},
    ),
    (
        ExecutionFilter(node_name=TextMatch(equals="東京-db-01")),
        "or__job_host_summaries__host_name=東京-db-01&or__execution_node=東京-db-01&or__controller_node=東京-db-01",
        {"nodeName"},
    ),
    # words
    (ExecutionFilter(raw_statuses=frozenset({"failed"})), "status=failed", {"rawStatus"}),
    (ExecutionFilter(raw_statuses=frozenset({"failed", "error"})), "status__in=error,failed", {"rawStatus"}),
    (ExecutionFilter(raw_statuses=frozenset({"failed", "a,b"})), "", set()),
    (
        ExecutionFilter(trigger_kinds=frozenset({TriggerKind.SYNC, TriggerKind.RERUN})),
        "launch_type__in=relaunch,sync,scm",
        {"triggerKind"},
    ),
    (
        ExecutionFilter(trigger_kinds=frozenset(TriggerKind) - {TriggerKind.MANUAL}),
        "not__launch_type__in=manual",
        {"triggerKind"},
    ),
    (ExecutionFilter(trigger_kinds=frozenset(TriggerKind)), "", {"triggerKind"}),
    (ExecutionFilter(actor=TextMatch(equals="admin")), "", set()),
    # ids
    (ExecutionFilter(jobs=kinds("12", "4", "99999999999")), "job_template__in=4,12", {"jobId"}),
    # text
    (ExecutionFilter(name=TextMatch(equals="deploy: 50%")), "name=deploy: 50%", {"name"}),
    (ExecutionFilter(name=TextMatch(equals="")), "", set()),
    (ExecutionFilter(name=TextMatch(equals="nul\0")), "", set()),
    (ExecutionFilter(name=TextMatch(among=frozenset({"b", "a"}))), "name__in=a,b", {"name"}),
    (ExecutionFilter(name=TextMatch(among=frozenset({"b", "a,c"}))), "", set()),
    (
        ExecutionFilter(name=TextMatch(starts_with="De", contains="check")),
        "name__istartswith=De&name__icontains=check",
        {"name"},
    ),
    (ExecutionFilter(name=TextMatch(starts_with="", contains="")), "", {"name"}),
    (ExecutionFilter(name=TextMatch(starts_with="dé", contains="check")), "name__icontains=check", set()),
    (ExecutionFilter(search=""), "", {"search"}),
    (ExecutionFilter(search="é"), "", set()),
    # instants
    (
        ExecutionFilter(created_at=HALF_DAY),
        "created__gte=2026-11-20T06:00:00.5Z&created__lt=2026-11-20T12:00:00Z",
        {"createdAt"},
    ),
    (ExecutionFilter(started_at=InstantRange(MORNING)), "started__gte=2026-11-20T06:00:00.5Z", {"startedAt"}),
    (ExecutionFilter(finished_at=InstantRange(None, NOON)), "finished__lt=2026-11-20T12:00:00Z", {"finishedAt"}),
    (ExecutionFilter(finished_at=InstantRange()), "finished__isnull=false", {"finishedAt"}),
    (ExecutionFilter(created_at=InstantRange(1 << 60)), "", set()),
    (
        ExecutionFilter(active_during=HALF_DAY),
        "started__lt=2026-11-20T12:00:00Z&not__finished__lt=2026-11-20T06:00:00.5Z",
        {"activeDuring"},
    ),
    (ExecutionFilter(active_during=InstantRange(None, NOON)), "started__lt=2026-11-20T12:00:00Z", {"activeDuring"}),
    (
        ExecutionFilter(active_during=InstantRange(MORNING)),
        "started__isnull=false&not__finished__lt=2026-11-20T06:00:00.5Z",
        {"activeDuring"},
    ),
    # jobs
    (JobFilter(states=frozenset({JobState.ACTIVE, JobState.FAILED})), "", {"state"}),
    (JobFilter(raw_states=frozenset({"never updated", "ok"})), "status__in=never updated,ok", {"rawState"}),
    (JobFilter(name=TextMatch(contains="deploy")), "name__icontains=deploy", {"name"}),
    (
        JobFilter(created_at=InstantRange(NOON), updated_at=InstantRange(None, NOON)),
        "created__gte=2026-11-20T12:00:00Z&modified__lt=2026-11-20T12:00:00Z",
        {"createdAt", "updatedAt"},
    ),
]


@pytest.mark.parametrize(("wanted", "query", "pushed"), TABLE)
def test_the_table(wanted: Filter, query: str, pushed: set[str]) -> None:
    asked = first_query(wanted)
    assert asked == "&".join(part for part in (query, "order_by=-created,id") if part)
    made = plan(ListQuery("job" if isinstance(wanted, JobFilter) else "execution", wanted, NEWEST))
    assert made.pushed == pushed
    assert made.pushed <= PUSHED_FILTERS
    assert (made.unsupported, made.reason_empty, made.order, made.counts) == (None, None, Guarantee.EXACT, True)
    assert hash(made.native) == hash(plan(ListQuery("execution", wanted, NEWEST)).native)


def test_every_part_that_is_declared_is_in_the_table() -> None:
    tabled = set[str]().union(*(pushed for _, _, pushed in TABLE))
    assert tabled | {"nodeKind", "active"} == PUSHED_FILTERS


@pytest.mark.parametrize(
    ("wanted", "legs", "pushed"),
    [
        (NodeFilter(), [("hosts/", ()), ("instances/", ())], set()),
        (NodeFilter(kinds=frozenset({NodeKind.HOST})), [("hosts/", ())], {"nodeKind"}),
        (
            NodeFilter(kinds=frozenset({NodeKind.WORKER, NodeKind.DEVICE}), active=True),
            [("instances/", (("enabled", "true"),))],
            {"nodeKind", "active"},
        ),
        (
            NodeFilter(name=TextMatch(starts_with="a"), active=False),
            [
                ("hosts/", (("name__istartswith", "a"), ("enabled", "false"))),
                ("instances/", (("hostname__istartswith", "a"), ("enabled", "false"))),
            ],
            {"name", "active"},
        ),
    ],
)
def test_nodes_are_two_lists(wanted: NodeFilter, legs: list, pushed: set[str]) -> None:
    made = plan(ListQuery("node", wanted, Order(OrderField.NATIVE)))
    assert [(leg.path, leg.params) for leg in made.native] == legs
    assert made.pushed == pushed
    assert (made.order, made.counts) == (Guarantee.EXACT, len(legs) == 1)


@pytest.mark.parametrize(
    "wanted",
    [
        ExecutionFilter(statuses=frozenset({S.TIMED_OUT, S.SKIPPED})),
        ExecutionFilter(jobs=kinds("99999999999", "x")),
        ExecutionFilter(nodes=nodes("host/99999999999", "nonsense/1")),
        JobFilter(states=frozenset({JobState.INACTIVE})),
        NodeFilter(kinds=frozenset({NodeKind.DEVICE})),
    ],
)
def test_what_awx_cannot_have_is_not_asked_for(wanted: Filter) -> None:
    assert plan(ListQuery("execution", wanted, NEWEST)).reason_empty is not None


@pytest.mark.parametrize(
    "wanted",
    [
        ExecutionFilter(nodes=nodes("host/1"), node_name=TextMatch(equals="web")),
        ExecutionFilter(node_name=TextMatch(starts_with="a", contains="b")),
        ExecutionFilter(node_name=TextMatch(contains="münchen")),
        ExecutionFilter(node_name=TextMatch(contains="")),
        ExecutionFilter(nodes=nodes(*(f"host/{number}" for number in range(201)))),
        ExecutionFilter(nodes=nodes("host-name/a,b", "host-name/c")),
        ExecutionFilter(jobs=kinds(*map(str, range(201)))),
        ExecutionFilter(search="x" * 4000),
    ],
)
def test_what_awx_cannot_be_asked_is_refused_with_a_sentence(wanted: ExecutionFilter) -> None:
    made = plan(ListQuery("execution", wanted, NEWEST))
    assert made.unsupported is not None
    assert made.unsupported.endswith(".")


@pytest.mark.parametrize(
    ("wanted", "unseen", "caveat"),
    [
        (ExecutionFilter(nodes=nodes("host/1")), {"nodeId"}, True),
        (ExecutionFilter(nodes=nodes("host-name/a", "instance/b")), {"nodeId"}, True),
        (ExecutionFilter(nodes=nodes("instance/b")), set(), False),
        (ExecutionFilter(node_name=TextMatch(equals="a")), {"nodeName"}, True),
        (ExecutionFilter(nodes=nodes("host/1"), statuses=FINAL), {"nodeId"}, False),
        (ExecutionFilter(nodes=nodes("host/1"), raw_statuses=frozenset({"failed"})), {"nodeId"}, False),
        (ExecutionFilter(nodes=nodes("host/1"), finished_at=HALF_DAY), {"nodeId"}, False),
        (ExecutionFilter(nodes=nodes("host/1"), raw_statuses=frozenset({"failed", "new"})), {"nodeId"}, True),
    ],
)
def test_hosts_are_known_of_ended_runs_only(wanted: ExecutionFilter, unseen: set[str], caveat: bool) -> None:
    made = plan(ListQuery("execution", wanted, NEWEST))
    assert made.unseen == unseen
    assert (made.caveat is not None) == caveat


@pytest.mark.parametrize(
    ("order", "wanted", "sorted_by", "guarantee"),
    [
        (Order(OrderField.STARTED_AT, descending=False), ExecutionFilter(), "started,id", Guarantee.EXACT),
        (Order(OrderField.FINISHED_AT), ExecutionFilter(), "-finished,id", Guarantee.EXACT),
        (Order(OrderField.NATIVE), ExecutionFilter(), "id", Guarantee.EXACT),
        (Order(OrderField.DURATION), ExecutionFilter(), "-created,id", Guarantee.NONE),
        (Order(OrderField.DURATION), ExecutionFilter(statuses=frozenset({S.FAILED})), "-elapsed,id", Guarantee.EXACT),
        (Order(OrderField.DURATION), ExecutionFilter(statuses=frozenset({S.RUNNING})), "-created,id", Guarantee.NONE),
        (Order(OrderField.NATIVE), JobFilter(), "id", Guarantee.EXACT),
    ],
)
def test_orders(order: Order, wanted: Filter, sorted_by: str, guarantee: Guarantee) -> None:
    assert first_query(wanted, order).endswith(f"order_by={sorted_by}")
    assert plan(ListQuery("execution", wanted, order)).order is guarantee
