"""What the ThreatConnect adapter makes of credentials, faults and recorded answers."""

import json
from pathlib import Path

import httpx
import pytest

from gateway.errors import SourceError, SourceErrorCode
from gateway.merge import SourceReportState
from gateway.model import Execution, ExecutionStatus
from gateway.query import ExecutionFilter, ListQuery, Order, OrderField, TextMatch
from gateway.spi import NOT_FOUND, Ping, Start
from gateway.testing.faults import Fault, Misbehaving
from tests.adapters.threatconnect_bench import UNNAMED, Bench, found, key

DIRECTORY = Path(__file__).parent.parent / "recordings" / "threatconnect"
OLDEST = Order(OrderField.CREATED_AT, descending=False)


class TestAccess:
    async def test_a_signed_list(self) -> None:
        """The simulator holds the signature against path and query as they arrived."""
        auth = {"type": "hmac", "access_id": "12345678901234567890", "secret": "s3cr3t-key"}
        bench = Bench(auth=auth)
        odd = ExecutionFilter(node_name=TextMatch(equals="a+b c&d=100%/\"'"))
        page, _ = await bench.page(odd)
        assert (page.rows, page.reports["tc"].state) == ([], SourceReportState.OK)
        page, _ = await bench.page(ExecutionFilter(), totals=True)
        assert (len(page.rows), page.total) == (50, 300)
        wrong = Bench(auth={**auth, "secret": "s3cr3t-other"})
        page, _ = await wrong.page(ExecutionFilter())
        error = page.reports["tc"].error
        assert error is not None
        assert (error.code, error.http_status) == (SourceErrorCode.UNAUTHENTICATED, 401)

    async def test_ping(self) -> None:
        bench = Bench()
        assert await bench.adapter.ping() == Ping(None)
        assert bench.asked() == ["v3/jobs?resultLimit=1"]
        with pytest.raises(SourceError) as caught:
            await Bench(auth={"type": "token", "token": "s3cr3t-old"}).adapter.ping()
        assert caught.value.code is SourceErrorCode.UNAUTHENTICATED

    @pytest.mark.parametrize(
        ("fault", "code"),
        [
            (Fault.HANG, SourceErrorCode.TIMEOUT),
            (Fault.SERVER_ERROR, SourceErrorCode.UNAVAILABLE),
            (Fault.TRUNCATED_JSON, SourceErrorCode.BAD_RESPONSE),
            (Fault.WRONG_SHAPE, SourceErrorCode.BAD_RESPONSE),
        ],
    )
    async def test_faults(self, fault: Fault, code: SourceErrorCode) -> None:
        app = Misbehaving(Bench().simulator.app, fault)
        bench = Bench(transport=httpx.ASGITransport(app=app), timeout_seconds=0.2)
        page, _ = await bench.page(ExecutionFilter())
        report = page.reports["tc"]
        assert report.error is not None
        assert (report.state, report.error.code) == (SourceReportState.FAILED, code)
        answers = [*await bench.adapter.fetch([*bench.executions(2), key("job", 1), key("node", "tc-job")])]
        answers += await bench.adapter.latest([key("job", 1)])
        assert [answer.code for answer in answers if isinstance(answer, SourceError)] == [code] * 5

    async def test_a_success_that_is_none(self) -> None:
        body = {"data": [], "status": "Error", "message": "s3cr3t-message"}
        bench = Bench(transport=httpx.MockTransport(lambda _request: httpx.Response(200, json=body)))
        with pytest.raises(SourceError, match="did not succeed") as caught:
            await bench.adapter.ping()
        assert caught.value.code is SourceErrorCode.BAD_RESPONSE


class TestRecordings:
    """The recorded answers, verbatim and without the simulator: they are documentation, which shows no query."""

    ANSWERS = {"/api/v3/jobs": "jobs_list", "/api/v3/job/executions": "job_executions_list"}  # noqa: RUF012

    def bench(self, **also: str) -> Bench:
        def answer(request: httpx.Request) -> httpx.Response:
            name = also.get(request.url.path.rpartition("/")[2]) or self.ANSWERS[request.url.path]
            recorded = json.loads((DIRECTORY / f"{name}.json").read_text())["response"]
            return httpx.Response(recorded["status"] or 401, json=recorded["body"])

        return Bench(transport=httpx.MockTransport(answer))

    async def test_executions(self) -> None:
        adapter = self.bench().adapter
        plan = adapter.plan(ListQuery("execution", ExecutionFilter(), OLDEST, UNNAMED))
        (page,) = [page async for page in adapter.scan(plan, Start(count=True))]
        assert [row.key.parts for row in page.rows] == [("174", "95"), ("100", "94")]
        assert (page.returned, page.more, page.total, page.unreadable) == (2, False, None, 0)
        assert page.envelope == {"countSuccess": 92, "countFailure": 3}
        statuses = [row.status for row in page.rows if isinstance(row, Execution)]
        assert statuses == [ExecutionStatus.SUCCEEDED, ExecutionStatus.FAILED]

    async def test_names_of_jobs_that_did_not_come_are_not_made_up(self) -> None:
        adapter = self.bench().adapter
        plan = adapter.plan(ListQuery("execution", ExecutionFilter(), OLDEST))
        (page,) = [page async for page in adapter.scan(plan, Start())]
        assert [row.known is None or "name" in row.known for row in page.rows] == [False, False]
        assert page.unreadable == 2

    async def test_jobs(self) -> None:
        adapter = self.bench().adapter
        job, other, absent = await adapter.fetch([key("job", 10), key("job", 9), key("job", 7)])
        assert (found(job).name, found(other).raw_state, absent) == ("QRadar", "false", NOT_FOUND)
        # Rows come that nobody asked for: what is missing may be there.
        (absent,) = await adapter.fetch([key("job", 7)])
        assert isinstance(absent, SourceError)

    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("synthetic_error_tql_parse", SourceErrorCode.UNSUPPORTED),
            ("synthetic_error_internal", SourceErrorCode.UNAVAILABLE),
            ("appauth_expired_token", SourceErrorCode.UNAUTHENTICATED),
            ("v2_owners", SourceErrorCode.BAD_RESPONSE),
        ],
    )
    async def test_errors(self, name: str, code: SourceErrorCode) -> None:
        with pytest.raises(SourceError) as caught:
            await self.bench(jobs=name).adapter.ping()
        assert caught.value.code is code
