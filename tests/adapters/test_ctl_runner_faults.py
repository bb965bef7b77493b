"""The Runner adapter when things go wrong: logins that end, answers that are none, records that cannot be read."""

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from adapters.ctl_runner.simulator import LOGIN_PATH
from gateway.errors import SourceError, SourceErrorCode
from gateway.merge import SourceReportState
from gateway.model import Execution, Job, Key
from gateway.query import ExecutionFilter, JobFilter
from tests.adapters.ctl_runner_bench import NEWEST, Bench, job_key, json_answer


def logins(bench: Bench) -> int:
    return sum(each.path == LOGIN_PATH for each in bench.simulator.log)


class TestLogin:
    async def test_many_requests_take_one_login(self) -> None:
        bench = Bench.open()
        await asyncio.gather(*(bench.adapter.fetch([key]) for key in bench.keys[:20]))
        assert logins(bench) == 1

    @pytest.mark.parametrize("how", ["revoked", "ended"])
    async def test_a_token_that_is_refused_is_renewed_once(self, how: str) -> None:
        bench = Bench.open()
        await bench.adapter.ping()
        if how == "revoked":
            bench.simulator.tokens.ends.clear()
        else:
            bench.world.now += timedelta(days=15)
        found = await asyncio.gather(*(bench.adapter.fetch([key]) for key in bench.keys[:20]))
        assert all(isinstance(each, Execution) for (each,) in found)
        assert logins(bench) == 2

    async def test_a_token_is_renewed_before_it_ends(self) -> None:
        bench = Bench.open()
        await bench.adapter.ping()
        bench.clock.now += 0.89 * 1_209_600
        await bench.adapter.ping()
        assert logins(bench) == 1
        bench.clock.now += 0.02 * 1_209_600
        await asyncio.gather(*(bench.adapter.ping() for _ in range(5)))
        assert logins(bench) == 2
        assert all(each.status == 200 for each in bench.simulator.log)

    async def test_wrong_credentials(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        bench = Bench.open()
        bench.simulator.password = "s3cr3t-changed"
        with pytest.raises(SourceError) as raised:
            await bench.adapter.ping()
        page, _ = await bench.page(ExecutionFilter(), NEWEST, 10)
        (read,) = await bench.adapter.fetch(bench.keys[:1])
        assert isinstance(read, SourceError)
        for error in (raised.value, page.reports["runner"].error, read):
            assert error is not None
            assert error.code is SourceErrorCode.UNAUTHENTICATED
            for text in (repr(error), str(error), caplog.text):
                assert "s3cr3t" not in text
                assert "demouser1" not in text

    async def test_tokens_are_not_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        bench = Bench.open()
        await bench.page(ExecutionFilter(), NEWEST, 10)
        assert "s3cr3t" not in caplog.text

    async def test_another_account(self) -> None:
        bench = Bench.open(account_alias="OTHER")
        with pytest.raises(SourceError) as raised:
            await bench.adapter.ping()
        assert raised.value.code is SourceErrorCode.FORBIDDEN


FAULTS: dict[str, tuple[Callable[[], httpx.Response], SourceErrorCode]] = {
    "401": (lambda: httpx.Response(401), SourceErrorCode.UNAUTHENTICATED),
    "500": (lambda: httpx.Response(500, text="<h1>s3cr3t</h1>"), SourceErrorCode.UNAVAILABLE),
    "HTML": (lambda: httpx.Response(200, html="<h1>s3cr3t</h1>"), SourceErrorCode.BAD_RESPONSE),
    "half": (lambda: json_answer('{"totalSize": 2, "results": [{'), SourceErrorCode.BAD_RESPONSE),
}


class TestFaults:
    @pytest.mark.parametrize("name", FAULTS)
    async def test_answers(self, name: str) -> None:
        bench = Bench.open()
        make, code = FAULTS[name]

        async def fault(request: httpx.Request) -> httpx.Response | None:
            return None if request.url.path == LOGIN_PATH else make()

        bench.between.fault = fault
        page, _ = await bench.page(ExecutionFilter(), NEWEST, 10)
        report = page.reports["runner"]
        found = [report.error, *await bench.adapter.fetch([bench.keys[0], job_key("x"), Key("node", "runner", ("x",))])]
        for each in found:
            assert isinstance(each, SourceError)
            assert each.code is code
            assert "s3cr3t" not in repr(each)
        assert report.state is SourceReportState.FAILED

    async def test_a_hang(self) -> None:
        bench = Bench.open(timeout_seconds=0.05)

        async def hang(_request: httpx.Request) -> httpx.Response | None:
            await asyncio.Event().wait()
            return None

        bench.between.fault = hang
        page, _ = await bench.page(ExecutionFilter(), NEWEST, 10)
        report = page.reports["runner"]
        assert (report.state, report.error and report.error.code) == (SourceReportState.FAILED, SourceErrorCode.TIMEOUT)

    async def test_invalid_json_as_printed_in_2015(self) -> None:
        bench = Bench.open()
        bench.simulator.invalid_json = True
        page, _ = await bench.page(ExecutionFilter(), NEWEST, 10)
        error = page.reports["runner"].error
        assert error is not None
        assert error.code is SourceErrorCode.BAD_RESPONSE

    async def test_what_came_before_a_fault_is_kept(self) -> None:
        bench = Bench.open(120)

        async def fail(request: httpx.Request) -> httpx.Response | None:
            return httpx.Response(500) if b"page=1" in request.url.query else None

        bench.between.fault = fail
        page, _ = await bench.page(ExecutionFilter(), NEWEST, 1000)
        assert len(page.rows) == 100
        assert page.reports["runner"].state is SourceReportState.TRUNCATED

    async def test_one_bad_row_hides_no_other(self) -> None:
        bench = Bench.open()
        bad = bench.keys[3]
        bench.world.update_execution(bad.parts[1], timers="soon")
        page, _ = await bench.page(ExecutionFilter(), NEWEST, 1000)
        assert {row.key for row in page.rows} == set(bench.keys) - {bad}
        report = page.reports["runner"]
        assert (report.state, report.scanned) == (SourceReportState.TRUNCATED, len(bench.keys))

    async def test_a_bad_job_costs_its_executions_their_name(self) -> None:
        bench = Bench.open()
        bad = next(iter(bench.world.jobs))
        bench.world.update_job(bad, executionTtl="soon")
        page, _ = await bench.page(ExecutionFilter(jobs=frozenset({job_key(bad)})), NEWEST, 1000)
        assert {row.name for row in page.rows} == {bad}
        jobs, _ = await bench.page(JobFilter(), NEWEST, 1000)
        assert len(jobs.rows) == len(bench.world.jobs) - 1
        keys = [job_key(each) for each in bench.world.jobs]
        found = await bench.adapter.fetch([*keys, job_key("nowhere")])
        # What has no row may be the one that cannot be read.
        assert [isinstance(each, Job) for each in found] == [False, *[True] * (len(keys) - 1), False]
        assert all(isinstance(each, SourceError) for each in (found[0], found[-1]))

    async def test_pages_without_a_total(self) -> None:
        bench = Bench.open(0)
        rows = [{"execution_id": f"e{number}", "job_id": "j"} for number in range(150)]

        async def serve(request: httpx.Request) -> httpx.Response | None:
            if request.url.path != "/jobs/DEMO/executions":
                return None
            begin = int(request.url.params["page"]) * 100
            return json_answer(json.dumps({"results": rows[begin : begin + 100]}))

        bench.between.fault = serve
        page, _ = await bench.page(ExecutionFilter(), NEWEST, 1000, fields=frozenset({"status"}))
        assert len(page.rows) == 150
        assert page.reports["runner"].state is SourceReportState.OK
