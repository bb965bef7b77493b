"""The ThreatConnect adapter against the simulator: lists and their pages, look-ups and their number of requests, details."""

import dataclasses
import subprocess
import sys
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from adapters.threatconnect import ThreatConnectSettings, factory
from adapters.threatconnect.details import ThreatConnectExecutionDetails, ThreatConnectJobDetails
from adapters.threatconnect.simulator_tables import Profile
from gateway.errors import SourceError
from gateway.merge import SourceReportState
from gateway.model import Execution, ExecutionStatus, Key
from gateway.query import ExecutionFilter, InstantRange, JobFilter, ListQuery, Order, OrderField, TextMatch
from gateway.redaction import REDACTED
from gateway.spi import NOT_FOUND, AdapterFactory, SupportsSimulation
from tests.adapters.threatconnect_bench import NEWEST, NOW, Bench, found, key

OLDEST = Order(OrderField.CREATED_AT, descending=False)
NATIVE = Order(OrderField.NATIVE)


def numbers(rows: Iterable[Any]) -> list[int]:
    return [row.tie[0] for row in rows]


class TestLists:
    @pytest.mark.parametrize("order", [NEWEST, OLDEST, NATIVE], ids=str)
    async def test_every_page_is_one_request(self, order: Order) -> None:
        bench = Bench()
        got: list[int] = []
        after, more = None, True
        while more:
            page, after = await bench.page(ExecutionFilter(), order, 50, after)
            got += numbers(page.rows)
            more = page.has_next
            assert len(bench.asked()) == 1
            assert page.reports["tc"].state is SourceReportState.OK
        assert got == bench.truth(order)

    async def test_going_on_from_any_edge_searches(self) -> None:
        bench = Bench()
        wanted = bench.truth()
        page, _ = await bench.page(ExecutionFilter(), NEWEST, 200)
        for index in (0, 49, 120, 198):
            bench.asked()
            after = bench.codec.encode(page.cursor(index), "list")
            rest, _ = await bench.page(ExecutionFilter(), NEWEST, 10, after)
            assert numbers(rest.rows) == wanted[index + 1 : index + 11]
            # 300 rows in pages of 22: at most log2(14) + 1 requests to find the place, and the rows themselves.
            assert len(bench.asked()) <= 6

    @pytest.mark.parametrize("order", [NEWEST, OLDEST, NATIVE], ids=str)
    async def test_rows_that_come_and_go_between_pages(self, order: Order) -> None:
        bench = Bench(150)
        before = bench.truth(order)
        gone = set(before[::7])
        got: list[int] = []
        after, more, step = None, True, 0
        while more:
            page, after = await bench.page(ExecutionFilter(), order, 9, after)
            got += numbers(page.rows)
            more = page.has_next
            for victim in sorted(gone)[step * 3 : step * 3 + 3]:
                bench.world.executions.pop(victim, None)
            for hours in (0, 5, 100, 300) if step < 30 else ():
                bench.world.add_execution(queueTime=NOW - timedelta(hours=hours, seconds=step))
            step += 1
        assert len(got) == len(set(got))
        survivors = [number for number in before if number not in gone]
        assert [number for number in got if number in set(survivors)] == survivors

    @pytest.mark.parametrize("profile", Profile)
    async def test_an_order_that_the_source_cannot_sort_by_is_one_request(self, profile: Profile) -> None:
        bench = Bench(profile=profile)
        oldest = Order(OrderField.STARTED_AT, descending=False)
        page, after = await bench.page(ExecutionFilter(), oldest, 100)
        assert len(bench.asked()) == 1
        rest, _ = await bench.page(ExecutionFilter(), oldest, 300, after)
        begun = [row.started_at for row in [*page.rows, *rest.rows]]
        assert len(begun) == 300
        assert begun == sorted(begun, key=lambda start: (start is None, start.us if start else 0))

    async def test_what_is_asked(self) -> None:
        bench = Bench()
        wanted = ExecutionFilter(
            statuses=frozenset({ExecutionStatus.FAILED}), jobs=frozenset({key("job", 1)}), search="schema migration"
        )
        page, _ = await bench.page(wanted, fields=frozenset({"status_message"}))
        assert {row.status_message for row in page.rows} == {
            "checkout 4.2.0: schema migration 0042 failed (column orders.region already exists)"
        }
        assert set(page.reports["tc"].residual) == {"search", "status"}
        assert bench.asked() == [
            'v3/job/executions?tql=jobId = 1 and (status in ("FAILED","Failed","failed") or status is null)'
            "&sorting=queueTime desc id asc&resultLimit=51",
            "v3/jobs?tql=id = 1&resultLimit=2",
        ]

    async def test_a_failed_one_is_found_by_its_end(self) -> None:
        """The sharpest trap: asking by completedTime alone loses every execution that failed."""
        bench = Bench()
        week = InstantRange(int((NOW - timedelta(days=7)).timestamp()) * 10**6, None)
        page, _ = await bench.page(ExecutionFilter(finished_at=week), first=500)
        assert len(bench.asked()) <= 2
        assert page.reports["tc"].residual == ()
        since = NOW - timedelta(days=7)
        ends = {number: row["completedTime"] or row["failedTime"] for number, row in bench.world.executions.items()}
        assert set(numbers(page.rows)) == {number for number, end in ends.items() if end is not None and end >= since}
        assert {row.status for row in page.rows} >= {ExecutionStatus.FAILED, ExecutionStatus.SUCCEEDED}

    @pytest.mark.parametrize("case_sensitive", [True, False])
    async def test_a_status_is_found_however_it_is_spelled(self, case_sensitive: bool) -> None:
        """Whether TQL tells case apart depends on the server's database (contract, section 6.1)."""
        bench = Bench()
        bench.simulator.case_sensitive = case_sensitive
        numbered = list(bench.world.executions)[:3]
        for number, word in zip(numbered, ("completed", "COMPLETED", "Completed"), strict=True):
            bench.world.executions[number]["status"] = word
        page, _ = await bench.page(ExecutionFilter(statuses=frozenset({ExecutionStatus.SUCCEEDED})), first=500)
        truth = {number for number, row in bench.world.executions.items() if (row["status"] or "").lower() == "completed"}
        assert set(numbers(page.rows)) >= truth >= set(numbered)

    async def test_names_take_one_look_up_for_a_page(self) -> None:
        bench = Bench()
        page, _ = await bench.page(ExecutionFilter(), first=100, fields=frozenset({"name", "job"}))
        names = {number: row["name"] for number, row in bench.world.jobs.items()}
        assert [row.name for row in page.rows] == [names.get(row.job.tie[0], str(row.job.tie[0])) for row in page.rows]
        executions, jobs = bench.asked()
        assert executions.startswith("v3/job/executions?sorting=")
        assert jobs.startswith("v3/jobs?tql=id in (1,2,3")
        # What a row tells of its job takes none.
        await bench.page(ExecutionFilter(), first=100, fields=frozenset({"job"}))
        assert len(bench.asked()) == 1

    async def test_further_pages_of_a_scan_look_up_further_jobs_alone(self) -> None:
        bench = Bench()
        page, _ = await bench.page(ExecutionFilter(name=TextMatch(equals="Never ran")), first=5)
        assert not page.rows
        asked = bench.asked()
        ids = [each for request in asked if request.startswith("v3/jobs") for each in request.split("in (")[-1].split(",")]
        assert len(asked) > 4
        assert sum(each.startswith("v3/jobs") for each in asked) < len(asked) / 2
        assert len(ids) <= len(bench.world.jobs) + 2

    async def test_a_name_is_filtered_by_the_gateway(self) -> None:
        bench = Bench()
        page, _ = await bench.page(ExecutionFilter(name=TextMatch(equals="import from misp")), first=500)
        assert {row.job.tie[0] for row in page.rows} == {4}

    async def test_totals(self) -> None:
        bench = Bench()
        one = ExecutionFilter(jobs=frozenset({key("job", 2)}))
        count = sum(row["jobId"] == 2 for row in bench.world.executions.values())
        for first in (50, 0):
            page, _ = await bench.page(one, first=first, totals=True)
            assert page.total == count
            assert len(bench.asked()) == 1
        plan = bench.adapter.plan(ListQuery("execution", one, NEWEST))
        assert await bench.adapter.count(plan) == count
        assert bench.asked() == ["v3/job/executions?tql=jobId = 2&sorting=queueTime desc id asc&resultLimit=1&count=true"]

    async def test_envelope(self) -> None:
        bench = Bench()
        page, _ = await bench.page(ExecutionFilter(jobs=frozenset({key("job", 1)})), first=500)
        statuses = [row.raw_status for row in page.rows]
        assert page.reports["tc"].envelope == {
            "countSuccess": statuses.count("Completed"),
            "countFailure": statuses.count("Failed"),
        }

    async def test_jobs_in_pages(self) -> None:
        bench = Bench()
        page, after = await bench.page(JobFilter(), first=5)
        rest, _ = await bench.page(JobFilter(), first=50, after=after)
        assert numbers([*page.rows, *rest.rows]) == sorted(bench.world.jobs)
        assert [each.split("&resultLimit")[0] for each in bench.asked()] == ["v3/jobs?sorting=id asc"] * 2

    async def test_one_without_its_first_instant_is_reported(self) -> None:
        """No sorting of ThreatConnect puts it where the gateway wants it: nothing is lost in silence."""
        bench = Bench(60)
        bench.world.add_execution(queueTime=None, status="Failed")
        page, _ = await bench.page(ExecutionFilter(), OLDEST, 100)
        assert page.reports["tc"].state is SourceReportState.TRUNCATED


class TestFetch:
    async def test_executions_in_two_requests(self) -> None:
        bench = Bench()
        keys = bench.executions(40)
        absent = [key("execution", 1, 99_999), key("execution", keys[0].parts[0] + "0", keys[0].parts[1]), key("node")]
        answers = await bench.adapter.fetch([*keys, *absent, keys[0]])
        assert [answer if answer is NOT_FOUND else found(answer).key for answer in answers] == [
            *keys,
            *[NOT_FOUND] * 3,
            keys[0],
        ]
        executions, jobs = bench.asked()
        assert executions.startswith("v3/job/executions?tql=id in (1,2,3")
        assert jobs.startswith("v3/jobs?tql=id in (1,2,3")

    async def test_executions_where_there_is_no_id_to_ask_for(self) -> None:
        bench = Bench(profile=Profile.MINIMAL)
        keys = bench.executions(12)
        answers = await bench.adapter.fetch([*keys, key("execution", 1, 99_999)])
        assert [found(answer).key for answer in answers[:-1]] == keys
        assert answers[-1] is NOT_FOUND
        owners = {each.parts[0] for each in keys} | {"1"}
        assert len(bench.asked()) == len(owners) + 1

    async def test_many_are_asked_for_in_short_requests(self) -> None:
        bench = Bench(600)
        answers = await bench.adapter.fetch(bench.executions(600))
        assert all(isinstance(answer, Execution) for answer in answers)
        asked = bench.asked()
        assert len(asked) == 4
        assert all(len(each) < 2000 for each in asked)

    async def test_jobs_and_executions_share_the_look_up_of_jobs(self) -> None:
        bench = Bench()
        execution, *_ = bench.executions(1)
        job, gone, nonsense, named = await bench.adapter.fetch([key("job", 2), key("job", 13), key("job", "x"), execution])
        assert (found(job).name, gone, nonsense) == ("QRadar", NOT_FOUND, NOT_FOUND)
        assert found(named).job.known is None
        assert len(bench.asked()) == 2

    async def test_full_is_no_more_than_a_row(self) -> None:
        bench = Bench()
        execution, *_ = bench.executions(1)
        (row,) = await bench.adapter.fetch([execution])
        full = found(await bench.adapter.fetch_full(execution))
        assert dataclasses.asdict(bench.adapter.details(full)) == dataclasses.asdict(bench.adapter.details(found(row)))  # type: ignore[call-overload]

    @pytest.mark.parametrize("profile", Profile)
    async def test_servers_are_known_from_executions(self, profile: Profile) -> None:
        bench = Bench(profile=profile)
        names = ["tc-job", "rack7/slot:3%2A", "tc-job-münchen", "nowhere"]
        keys = [Key("node", "tc", bench.adapter.parse_native_id("node", name) or ()) for name in names]
        answers = await bench.adapter.fetch(keys)
        assert [answer if answer is NOT_FOUND else found(answer).name for answer in answers] == [*names[:3], NOT_FOUND]
        assert len(bench.asked()) == 4

    async def test_latest_executions(self) -> None:
        bench = Bench()
        keys = [key("job", number) for number in (1, 2, 12, 999)]
        first, second, never, gone = await bench.adapter.latest(keys)
        for number, answer in ((1, first), (2, second)):
            last = bench.world.last_execution(number)
            assert last is not None
            assert found(answer).tie == (last["id"],)
        assert (never, gone) == (NOT_FOUND, NOT_FOUND)
        assert bench.asked() == ["v3/jobs?tql=id in (1,2,12,999)&fields=lastExecution&resultLimit=5"]

    async def test_one_chunk_that_fails_costs_its_own_keys(self) -> None:
        bench = Bench(600)
        first = True

        async def answer(request: httpx.Request) -> httpx.Response:
            nonlocal first
            if first:
                first = False
                return httpx.Response(500, json={"status": "Error"})
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=bench.simulator.app)) as client:
                return await client.get(request.url, headers=request.headers)

        adapter = Bench(transport=httpx.MockTransport(answer)).adapter
        answers = await adapter.fetch(bench.executions(600))
        assert [isinstance(each, SourceError) for each in answers] == [True] * 200 + [False] * 400


class TestDetails:
    async def test_details_and_raw(self) -> None:
        bench = Bench()
        number = bench.world.add_execution(jobId=2, status="Failed", exitMessage="api_token=s3cr3t-exit\n")
        execution, job = [found(each) for each in await bench.adapter.fetch([key("execution", 2, number), key("job", 2)])]
        shown = bench.adapter.details(execution)
        assert isinstance(shown, ThreatConnectExecutionDetails)
        assert (shown.server_name, shown.completed_at, shown.exit_message) == ("tc-job", None, f"api_token={REDACTED}\n")
        assert shown.failed_at == execution.finished_at
        raw = bench.adapter.raw(execution)
        assert raw["exitMessage"] == f"api_token={REDACTED}\n"
        assert (raw["id"], raw["jobId"], raw["status"]) == (number, 2, "Failed")
        assert "s3cr3t-" not in f"{raw} {shown} {execution}"
        assert bench.adapter.details(job) == ThreatConnectJobDetails(
            program_name="TC - QRadar Extract v2.2",
            program_version="2.2.22",
            display_name="QRadar Integration",
            active=True,
        )
        node = execution.nodes[0].node
        assert (bench.adapter.details(node), bench.adapter.raw(node)) == (None, None)

    def test_every_field_is_described(self) -> None:
        for made in (*factory.details().job, *factory.details().execution):
            definition: Any = made.__strawberry_definition__  # type: ignore[attr-defined]
            assert definition.description
            assert all(each.description for each in definition.fields)


class TestFactory:
    def test_abilities(self) -> None:
        assert isinstance(factory, SupportsSimulation)
        declared: AdapterFactory = factory
        assert declared.kind == "threatconnect"
        assert factory.details().costs == Bench().adapter.capabilities.costs

    @pytest.mark.parametrize(
        ("text", "execution", "job"),
        [("174/95", True, False), ("95", False, True), ("1/2/3", False, False), ("a/1", False, False), ("", False, False)],
    )
    def test_native_ids(self, text: str, execution: bool, job: bool) -> None:
        adapter = Bench().adapter
        assert adapter.parse_native_id("execution", text) == (tuple(text.split("/")) if execution else None)
        assert adapter.parse_native_id("job", text) == ((text,) if job else None)
        assert adapter.parse_native_id("node", text) == ((text,) if text else None)

    def test_settings(self) -> None:
        with pytest.raises(ValidationError, match="base_url"):
            ThreatConnectSettings.model_validate({"name": "tc", "kind": "threatconnect"})
        given = ThreatConnectSettings.model_validate(
            {"name": "tc", "kind": "threatconnect", "base_url": "https://tc.example/api"}
        )
        assert (given.execution_parameters, given.job_parameters) == (None, None)

    def test_importing_is_cheap(self) -> None:
        script = (
            "import sys, adapters.threatconnect\n"
            "heavy = {'strawberry', 'starlette', 'adapters.threatconnect.adapter', 'adapters.threatconnect.simulator'}\n"
            "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
            "from adapters.threatconnect import adapter, planning\n"
            "assert 'adapters.threatconnect.world' not in sys.modules\n"
        )
        subprocess.run([sys.executable, "-c", script], check=True)
