"""The Runner adapter against the simulator: lists and their pages, look-ups and their number of requests, details."""

import dataclasses
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from pydantic import ValidationError

from adapters.ctl_runner import CtlRunnerSettings, factory
from adapters.ctl_runner.adapter import CtlRunnerAdapter
from adapters.ctl_runner.details import CtlExecutionDetails, CtlJobDetails
from adapters.ctl_runner.simulator import Simulator
from adapters.ctl_runner.world import World
from gateway.errors import SourceError, SourceErrorCode
from gateway.merge import SourceReportState
from gateway.model import Execution, ExecutionStatus, Key, Node
from gateway.query import ExecutionFilter, JobFilter, ListQuery, Order, OrderField, TextMatch
from gateway.spi import NOT_FOUND, AdapterFactory, Cost, Ping, Start, SupportsSimulation
from tests.adapters.ctl_runner_bench import (
    ALL,
    JOBS,
    NEWEST,
    NOW,
    Bench,
    adapter_over,
    entity,
    execution_key,
    job_key,
    json_answer,
)

ORDERS = [Order(field, descending) for field in OrderField for descending in (True, False)]
RECORDINGS = Path(__file__).parent.parent / "recordings" / "ctl_runner"


def deleted_jobs(world: World) -> set[str]:
    return {row["job_id"] for row in world.executions.values()} - world.jobs.keys()


class TestLists:
    @pytest.mark.parametrize("order", ORDERS, ids=str)
    async def test_pages_make_the_whole_list(self, order: Order) -> None:
        bench = Bench.open(130)
        whole, _ = await bench.page(ExecutionFilter(), order, 1000)
        assert {row.key for row in whole.rows} == set(bench.keys)
        found: list[Key] = []
        after: str | None = None
        for _ in range(10):
            page, after = await bench.page(ExecutionFilter(), order, 25, after)
            found += [row.key for row in page.rows]
            if not page.has_next:
                break
        assert found == [row.key for row in whole.rows]

    async def test_requests(self) -> None:
        bench = Bench.open(130)
        # The stride is the size asked for, although answers say otherwise; what is listed is looked up once a minute.
        page, _ = await bench.page(ExecutionFilter(), NEWEST, 50)
        assert bench.asked() == [ALL.format(0), JOBS, ALL.format(1)]
        assert page.reports["runner"].requests == 4  # the login, too
        await bench.page(ExecutionFilter(), NEWEST, 50)
        assert bench.asked() == [ALL.format(0), ALL.format(1)]
        bench.clock.now += 61
        await bench.page(ExecutionFilter(), NEWEST, 50, fields=frozenset({"status"}))
        assert bench.asked() == [ALL.format(0), ALL.format(1)]
        await bench.page(JobFilter(), NEWEST, 50)
        assert bench.asked() == [JOBS]

    async def test_a_page_is_one_request(self) -> None:
        bench = Bench.open(90)
        _, after = await bench.page(ExecutionFilter(), NEWEST, 20, fields=frozenset({"status"}))
        assert bench.asked() == [ALL.format(0)]
        await bench.page(ExecutionFilter(), NEWEST, 20, after, fields=frozenset({"status"}))
        assert bench.asked() == [ALL.format(0)]

    @pytest.mark.parametrize("order", [NEWEST, Order(OrderField.FINISHED_AT)], ids=str)
    async def test_rows_that_come_and_go_between_pages(self, order: Order) -> None:
        bench = Bench.open(120)
        whole, _ = await bench.page(ExecutionFilter(), order, 1000)
        page, after = await bench.page(ExecutionFilter(), order, 40)
        found = [row.key for row in page.rows]
        bench.world.now += timedelta(minutes=5)
        for _ in range(3):
            bench.world.add_execution()
        gone = whole.rows[60].key
        bench.world.delete_execution(gone.parts[1])
        bench.world.delete_execution(found[5].parts[1])
        while after is not None and page.has_next:
            page, after = await bench.page(ExecutionFilter(), order, 40, after)
            found += [row.key for row in page.rows]
        assert len(set(found)) == len(found)
        assert set(found) >= {row.key for row in whole.rows} - {gone}

    async def test_rows_pushed_onto_the_next_page_come_once(self) -> None:
        bench = Bench.open(105)
        before = set(bench.keys)

        async def insert(request: httpx.Request) -> None:
            if b"page=1" in request.url.query:
                bench.world.add_execution()

        bench.between.fault = insert
        page, _ = await bench.page(ExecutionFilter(), NEWEST, 1000)
        keys = [row.key for row in page.rows]
        assert set(keys) == before
        assert len(keys) == len(before)
        assert page.reports["runner"].state is SourceReportState.OK

    async def test_names_and_hosts_are_those_of_the_job(self) -> None:
        bench = Bench.open()
        page, _ = await bench.page(ExecutionFilter(), NEWEST, 1000)
        for row in page.rows:
            record = bench.world.jobs.get(row.job.key.native_id)
            expected = row.job.key.native_id if record is None else record.get("name") or record["description"]
            assert (row.name, row.job.name, row.job.known, row.known) == (expected, expected, None, None)
        assert {row.job.key.native_id for row in page.rows if row.name == row.job.key.native_id} == deleted_jobs(bench.world)

    async def test_executions_without_their_jobs(self) -> None:
        bench = Bench.open()
        page, _ = await bench.page(ExecutionFilter(), NEWEST, 5, fields=frozenset({"status"}))
        for row in page.rows:
            assert row.known is not None
            assert "name" not in row.known
            again = entity((await bench.adapter.fetch([row.key]))[0])
            assert again.known is None

    async def test_executions_of_jobs(self) -> None:
        bench = Bench.open(150)
        gone = next(iter(deleted_jobs(bench.world)))
        wanted = {next(iter(bench.world.jobs)), gone}
        given = ExecutionFilter(jobs=frozenset(map(job_key, wanted)))
        page, _ = await bench.page(given, NEWEST, 1000, fields=frozenset({"status"}))
        assert {row.key for row in page.rows} == {key for key in bench.keys if key.parts[0] in wanted}
        assert sorted(bench.asked()) == sorted(
            [*(f"/jobs/DEMO/{each}/executions?page=0&size=100" for each in wanted), ALL.format(0), ALL.format(1)]
        )

    async def test_counts(self) -> None:
        bench = Bench.open(120)
        for kind, given, number in (("execution", ExecutionFilter(), 120), ("job", JobFilter(), len(bench.world.jobs))):
            plan = bench.adapter.plan(ListQuery(kind, given, NEWEST))  # type: ignore[arg-type]
            assert await bench.adapter.count(plan) == number
        assert bench.asked() == ["/jobs/DEMO/executions?page=0&size=1", "/jobs/DEMO?page=0&size=1"]

    async def test_more_than_a_page_of_jobs(self) -> None:
        bench = Bench.open(60)
        for number in range(120):
            bench.world.add_job(name=f"job {number}")
        page, _ = await bench.page(JobFilter(name=TextMatch(starts_with="job ")), NEWEST, 1000)
        assert len(page.rows) == 120
        assert len(bench.asked()) == 2


class TestWithoutTheListOfAll:
    async def test_job_by_job(self) -> None:
        bench = Bench.open(130, account_wide=False)
        page, _ = await bench.page(ExecutionFilter(), NEWEST, 1000)
        # Nobody lists the executions of a job that was deleted.
        assert {row.key for row in page.rows} == {key for key in bench.keys if key.parts[0] in bench.world.jobs}
        assert page.reports["runner"].state is SourceReportState.OK
        asked = bench.asked()
        assert asked[:2] == [ALL.format(0), JOBS]
        assert sorted(asked[2:]) == sorted(f"/jobs/DEMO/{each}/executions?page=0&size=100" for each in bench.world.jobs)
        assert 1 < bench.between.most <= 4

    async def test_a_busy_job_has_pages_of_its_own(self) -> None:
        bench = Bench.open(60, account_wide=False)
        for _ in range(210):
            bench.world.add_execution()
        busy = next(iter(bench.world.jobs))
        page, _ = await bench.page(ExecutionFilter(jobs=frozenset({job_key(busy)})), NEWEST, 1000)
        assert len(page.rows) == len(bench.world.executions_of(busy)) > 200
        assert len(bench.asked()) == 4  # and the jobs

    @pytest.mark.parametrize("status", [404, 405])
    async def test_the_verdict_lasts_ten_minutes(self, status: int) -> None:
        bench = Bench.open(60)

        async def refuse(request: httpx.Request) -> httpx.Response | None:
            return httpx.Response(status) if request.url.path == "/jobs/DEMO/executions" else None

        bench.between.fault = refuse
        plan = bench.adapter.plan(ListQuery("execution", ExecutionFilter(), NEWEST))
        await bench.page(ExecutionFilter(), NEWEST, 10)
        assert await bench.adapter.count(plan) is None
        bench.between.fault = None
        bench.asked()
        bench.clock.now += 599
        await bench.page(ExecutionFilter(), NEWEST, 10)
        assert ALL.format(0) not in bench.asked()
        assert await bench.adapter.count(plan) is None
        assert bench.asked() == []
        bench.clock.now += 2
        await bench.page(ExecutionFilter(), NEWEST, 10)
        assert ALL.format(0) in bench.asked()
        assert await bench.adapter.count(plan) == 60

    async def test_a_job_that_fails_is_reported(self) -> None:
        bench = Bench.open(60, account_wide=False)
        broken = list(bench.world.jobs)[3]

        async def fail(request: httpx.Request) -> httpx.Response | None:
            return httpx.Response(500) if f"{broken}/executions" in request.url.path else None

        bench.between.fault = fail
        page, _ = await bench.page(ExecutionFilter(), NEWEST, 1000)
        report = page.reports["runner"]
        assert report.state is not SourceReportState.OK
        assert report.error is not None
        assert report.error.code is SourceErrorCode.UNAVAILABLE


class TestReads:
    async def test_requests_of_executions(self) -> None:
        bench = Bench.open()
        one, *others = [key for key in bench.keys if key.parts[0] in bench.world.jobs]
        # An execution does not carry its name: its job is read beside it.
        assert entity((await bench.adapter.fetch([one]))[0]).key == one
        job, execution = f"/jobs/DEMO/{one.parts[0]}?", f"/jobs/DEMO/{one.parts[0]}/executions/{one.parts[1]}?"
        assert sorted(bench.asked()) == sorted([job, execution])
        found = await bench.adapter.fetch([one, *others[:30]])
        assert [entity(each).key for each in found] == [one, *others[:30]]
        asked = bench.asked()
        assert len(asked) == 32
        assert JOBS in asked
        await bench.adapter.fetch(others[:30])
        assert len(bench.asked()) == 30
        assert 1 < bench.between.most <= 8

    async def test_requests_of_jobs(self) -> None:
        bench = Bench.open()
        keys = [job_key(job_id) for job_id in bench.world.jobs]
        await bench.adapter.fetch(keys[:2])
        assert sorted(bench.asked()) == sorted(f"/jobs/DEMO/{key.native_id}?" for key in keys[:2])
        found = await bench.adapter.fetch(keys)
        assert [entity(each).key for each in found] == keys
        assert bench.asked() == [JOBS]
        assert await bench.adapter.fetch_full(keys[0]) == found[0]

    async def test_latest_executions(self) -> None:
        bench = Bench.open()
        busy, other, *_ = bench.world.jobs
        # Stopped before it began: it has no instant, but something newer came after it.
        bench.world.add_execution(job_id=busy, status="STOPPED", timers=[])
        newest = bench.world.add_execution(job_id=busy)
        idle = bench.world.add_job()
        keys = [job_key(busy), job_key(idle), job_key("nowhere"), job_key("executions"), job_key(busy)]
        found = await bench.adapter.latest(keys)
        assert [each if each is NOT_FOUND else entity(each).key.parts[1] for each in found] == [
            newest,
            *[NOT_FOUND] * 3,
            newest,
        ]
        assert entity(found[0]).name == bench.world.jobs[busy]["name"]
        asked = bench.asked()
        assert sorted(asked) == sorted(
            [*(f"/jobs/DEMO/{each}/executions?page=0&size=1" for each in (busy, idle, "nowhere")), JOBS]
        )
        await bench.adapter.latest([job_key(busy), job_key(other)])
        assert len(bench.asked()) == 2

    @pytest.mark.parametrize(
        "row", [{}, {"execution_id": "e", "job_id": "another"}, {"execution_id": "a/b", "job_id": None}]
    )
    async def test_a_latest_execution_that_is_none(self, row: dict) -> None:
        bench = Bench.open()
        job_id = next(iter(bench.world.jobs))

        async def odd(request: httpx.Request) -> httpx.Response | None:
            return json_answer(json.dumps({"results": [row]})) if request.url.path.endswith("/executions") else None

        bench.between.fault = odd
        (found,) = await bench.adapter.latest([job_key(job_id)])
        assert isinstance(found, SourceError)
        assert found.code is SourceErrorCode.BAD_RESPONSE

    async def test_hosts(self) -> None:
        bench = Bench.open()
        names = ["rack7/slot:3%2A", "münchen-db-01", "nobody"]
        found = await bench.adapter.fetch([Key("node", "runner", (name,)) for name in names])
        assert [each.name if isinstance(each, Node) else each for each in found] == [*names[:2], NOT_FOUND]
        assert bench.asked() == [JOBS]

    async def test_what_is_not_there(self) -> None:
        bench = Bench.open()
        one, other = bench.keys[0], next(key for key in bench.keys if key.parts[0] != bench.keys[0].parts[0])
        keys = [
            execution_key(one.parts[0], other.parts[1]),  # another job's
            execution_key(one.parts[0], "nowhere"),
            execution_key("executions", one.parts[1]),
            execution_key("..", ".."),
            job_key("nowhere"),
            job_key("executions"),
            Key("job", "runner", one.parts),
        ]
        assert list(await bench.adapter.fetch(keys)) == [NOT_FOUND] * len(keys)

    async def test_an_array_of_one(self) -> None:
        bench = Bench.open(job_as_array=True)
        key = job_key(next(iter(bench.world.jobs)))
        assert entity((await bench.adapter.fetch([key]))[0]).key == key

    @pytest.mark.parametrize("body", ["[]", "[{}, {}]", "{}", "7", '{"id": "another"}', '{"id": ["x"]}'])
    async def test_a_job_that_is_none(self, body: str) -> None:
        bench = Bench.open()

        async def odd(request: httpx.Request) -> httpx.Response | None:
            return json_answer(body) if request.url.path.startswith("/jobs/") else None

        bench.between.fault = odd
        key = job_key(next(iter(bench.world.jobs)))
        for found in await bench.adapter.fetch([key, bench.keys[0]]):
            assert isinstance(found, SourceError)
            assert found.code is SourceErrorCode.BAD_RESPONSE

    async def test_faults_of_one_key(self) -> None:
        bench = Bench.open()
        good, bad = bench.keys[0], bench.keys[1]

        async def fail(request: httpx.Request) -> httpx.Response | None:
            return httpx.Response(500) if request.url.path.endswith(bad.parts[1]) else None

        bench.between.fault = fail
        found = await bench.adapter.fetch([good, bad, good])
        assert [type(each) for each in found] == [Execution, SourceError, Execution]

    async def test_a_job_of_an_execution_that_cannot_be_read(self) -> None:
        bench = Bench.open()
        key = bench.keys[0]

        async def fail(request: httpx.Request) -> httpx.Response | None:
            return httpx.Response(403) if request.url.path.endswith(key.parts[0]) else None

        bench.between.fault = fail
        (found,) = await bench.adapter.fetch([key])
        assert isinstance(found, SourceError)
        assert found.code is SourceErrorCode.FORBIDDEN

    async def test_an_execution_is_never_over_for_good(self) -> None:
        bench = Bench.open()
        key = next(bench.key(each) for each, row in bench.world.executions.items() if row["status"] == "FAILURE")
        assert entity((await bench.adapter.fetch([key]))[0]).status is ExecutionStatus.FAILED
        bench.world.update_execution(key.parts[1], status="PENDING")
        again = entity((await bench.adapter.fetch([key]))[0])
        assert (again.status, again.finished_at) == (ExecutionStatus.PENDING, None)

    async def test_ping(self) -> None:
        bench = Bench.open()
        assert await bench.adapter.ping() == Ping(None)
        assert bench.asked() == ["/jobs/DEMO?page=0&size=1"]

    def test_native_ids(self) -> None:
        parse = Bench.open(0).adapter.parse_native_id
        assert parse("execution", "a-1/b-2") == ("a-1", "b-2")
        assert parse("job", "a-1") == ("a-1",)
        assert parse("node", "rack7/slot:3%2A") == ("rack7/slot:3%2A",)
        for kind, text in (("execution", "a"), ("execution", "a/b/c"), ("job", "a/b"), ("job", "executions"), ("node", "")):
            assert parse(kind, text) is None  # type: ignore[arg-type]


class TestDetails:
    async def test_of_jobs(self) -> None:
        bench = Bench.open()
        page, _ = await bench.page(JobFilter(name=TextMatch(equals="deploy checkout")), NEWEST, 10)
        found = bench.adapter.details(page.rows[0])
        assert isinstance(found, CtlJobDetails)
        assert (found.execution_ttl_minutes, found.playbook_tags) == (30, ["migrate", "deploy"])
        assert (found.bootstrap_key_pair_alias, found.callback_levels) == ("checkout-keys", ["RESULT", "ERROR"])
        assert found.host_ids == ["checkout-web-01", "checkout-web-02", "checkout-db-01"]

    async def test_no_secret_gets_out(self) -> None:
        bench = Bench.open(120)
        for given in (ExecutionFilter(), JobFilter()):
            page, _ = await bench.page(given, NEWEST, 1000)
            for row in page.rows:
                raw = orjson.dumps(bench.adapter.raw(row)).decode()
                assert "s3cr3t" not in raw + repr(row) + repr(bench.adapter.details(row))
                for name in ("credentials", "sshPrivateKey", "hostVars", "properties", '"callbacks"', '"playbook"'):
                    assert name not in raw
                if isinstance(row, Execution):
                    assert isinstance(bench.adapter.details(row), CtlExecutionDetails)

    async def test_what_is_only_mentioned_has_none(self) -> None:
        bench = Bench.open()
        page, _ = await bench.page(ExecutionFilter(), NEWEST, 1, fields=frozenset({"status"}))
        job = page.rows[0].job
        assert (bench.adapter.details(job), bench.adapter.raw(job)) == (None, None)

    async def test_a_record_of_an_impossible_instant(self) -> None:
        bench = Bench.open()
        key = job_key(next(iter(bench.world.jobs)))
        bench.world.update_job(key.native_id, details={"lastRun": 10**18})
        found = entity((await bench.adapter.fetch([key]))[0])
        with pytest.raises(SourceError):
            bench.adapter.details(found)

    def test_costs(self) -> None:
        types = factory.details()
        names = {cls.__name__ for cls in (*types.job, *types.execution)} | {"Job", "Execution"}
        assert {each.partition(".")[0] for each in types.costs} <= names
        dear = {name for name, cost in types.costs.items() if cost is not Cost.BATCH}
        assert dear == {"Execution.logs", "Job.latestExecution"}
        for cls in (*types.job, *types.execution):
            assert all(each.description for each in cls.__strawberry_definition__.fields)  # type: ignore[attr-defined]
            assert dataclasses.is_dataclass(cls)


# --- recordings, verbatim

_2015 = "ba7e6f6a-2673-4580-a297-8d7e44483bd7"
_PRINTED = "1111505e-6773-494a-b2bf-d2cc2684710d"
_OBSERVED = "56195215-69c8-4b48-b5bb-c5a2512d40a5"
SERVED = {
    # The documents print no request line: paths are the contract's, section 2.
    f"/jobs/XXXX/{_2015}/executions?page=0&size=100": "get_job_executions_2015",
    f"/jobs/XXXX/{_PRINTED}": "get_job_array",
    f"/jobs/XXXX/{_OBSERVED}": "get_job_ui_observed",
    f"/jobs/XXXX/{_PRINTED}/executions/44fdcfa2-6a7f-46d3-9f71-22e629e2358a": "restart_execution",
    "/v2/authentication/login": "login_ok",
}


def recorded() -> CtlRunnerAdapter:
    """An adapter over the recordings and nothing else."""

    def serve(request: httpx.Request) -> httpx.Response:
        name = SERVED.get(request.url.raw_path.decode())
        if name is None:
            return httpx.Response(404)
        if name != "login_ok":
            assert request.headers["authorization"] == "Bearer [LONG TOKEN VALUE]"
        response = json.loads((RECORDINGS / f"{name}.json").read_text())["response"]
        return httpx.Response(response["status"], headers=response["headers"], content=json.dumps(response["body"]).encode())

    return adapter_over(httpx.MockTransport(serve), account_alias="XXXX")


class TestRecordings:
    async def test_executions_of_a_job(self) -> None:
        adapter = recorded()
        given = ExecutionFilter(jobs=frozenset({job_key(_2015)}))
        plan = adapter.plan(ListQuery("execution", given, NEWEST, frozenset({"status"})))
        (page,) = [page async for page in adapter.scan(plan, Start())]
        first, second = page.rows
        assert isinstance(first, Execution)
        assert isinstance(second, Execution)
        assert (page.more, page.unreadable) == (False, 0)
        assert (first.status, first.duration_seconds) == (ExecutionStatus.FAILED, 1.589)
        assert (second.status, second.finished_at) == (ExecutionStatus.RUNNING, None)
        found: Any = adapter.details(first)
        assert [(each.commit, each.message) for each in found.commits] == [
            ("b087e1a44c79d0576d7cccd249d3e71a3c54fe12", "Latest commit")
        ]
        assert found.record_id is None
        again: Any = adapter.details(second)
        assert again.record_id == "61671a90-93f2-491a-b8f2-aed515f0b5a6"

    async def test_jobs(self) -> None:
        adapter = recorded()
        printed, observed = await adapter.fetch([job_key(_PRINTED), job_key(_OBSERVED)])
        assert entity(printed).name == "Your job description"
        assert entity(printed).created_at is None
        assert (entity(observed).name, entity(observed).created_at.text) == ("Test Multi NIC-1", "2016-01-21T22:10:12.512Z")
        assert "GitHub password" not in json.dumps(adapter.raw(entity(printed)))

    async def test_a_restarted_execution(self) -> None:
        adapter = recorded()
        key = execution_key(_PRINTED, "44fdcfa2-6a7f-46d3-9f71-22e629e2358a")
        found = entity((await adapter.fetch([key]))[0])
        assert (found.status, found.finished_at, found.attempt) == (ExecutionStatus.PENDING, None, 1)
        assert [each.node.name for each in found.nodes] == ["localhost"]
        assert found.node_counts is None


# --- the factory


def test_factory() -> None:
    declared: AdapterFactory = factory
    assert declared.kind == "ctl-runner"
    assert isinstance(factory, SupportsSimulation)
    assert isinstance(factory.simulator(seed=1, size=10, now=NOW), Simulator)


def test_importing_the_factory_is_cheap() -> None:
    code = (
        "import sys, adapters.ctl_runner; "
        "assert not {'strawberry', 'starlette', 'adapters.ctl_runner.adapter'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("alias", ["", "a/b", "..", "a b", "é"])
def test_aliases_that_are_none(alias: str) -> None:
    with pytest.raises(ValidationError):
        adapter_over(httpx.MockTransport(lambda _request: httpx.Response(404)), account_alias=alias)


def test_the_account_is_required() -> None:
    with pytest.raises(ValidationError):
        CtlRunnerSettings.model_validate({"name": "runner", "kind": "ctl-runner", "base_url": "http://runner.example/"})
