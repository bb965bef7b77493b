"""AWS IoT's lists with records that cannot be read, and jobs that go away or fail alone: what is lost, and who says so."""

import httpx
import pytest

from adapters.aws_iot.simulator_faults import ServiceError
from gateway.errors import SourceError, SourceErrorCode
from gateway.merge import SourceReportState
from gateway.model import Job, Key
from gateway.query import ExecutionFilter, JobFilter, NodeFilter, Order, OrderField
from tests.adapters.aws_iot_bench import Bench, fleet
from tests.adapters.test_aws_iot_faults import BY_JOB, OF_THING, error_of, only, refused
from tests.adapters.test_aws_iot_reads import execution_key, job_key, keys_of, thing_key
from tests.support import skip_pauses

ALL = ExecutionFilter()
C = SourceErrorCode


# --- records that cannot be read -----------------------------------------------------------------------------------

TRUNCATED = (SourceReportState.TRUNCATED, C.BAD_RESPONSE)


async def test_an_execution_that_cannot_be_read_costs_itself() -> None:
    for order in (Order(OrderField.CREATED_AT), Order(OrderField.FINISHED_AT, descending=False), Order(OrderField.NATIVE)):
        bench = Bench.open()
        bad = next(iter(bench.world.executions))
        bench.world.executions[bad]["queuedAt"] = "soon"
        page, _ = await bench.page(ALL, order, first=1000)
        assert {row.key for row in page.rows} == set(keys_of(bench)) - {execution_key(*bad)}
        assert error_of(page) == TRUNCATED
        # What could not be read whole is not kept, and a look-up does not say that the row is not there.
        again, _ = await bench.page(ALL, order, first=1000)
        assert error_of(again) == TRUNCATED
        key = execution_key(*bad)
        for answer in (*await bench.adapter.fetch([key]), await bench.adapter.fetch_full(key)):
            assert isinstance(answer, SourceError)
            assert answer.code is C.BAD_RESPONSE


async def test_many_executions_of_a_job_with_one_that_cannot_be_read() -> None:
    bench = Bench.open(fleet(1, 12))
    bad = next(iter(bench.world.executions))
    bench.world.executions[bad]["queuedAt"] = 1763700000123
    answers = await bench.adapter.fetch(keys_of(bench))
    assert all(isinstance(each, SourceError) and each.code is C.BAD_RESPONSE for each in answers)


async def test_a_row_of_a_thing_s_list_that_cannot_be_read_costs_itself() -> None:
    bench = Bench.open(fleet(4, 2))
    bad = next(iter(bench.world.executions))
    bench.world.executions[bad]["executionNumber"] = "first"
    page, _ = await bench.page(ExecutionFilter(nodes=frozenset({thing_key(bad.thing_name)})))
    assert (len(page.rows), error_of(page)) == (3, TRUNCATED)


async def test_a_job_that_cannot_be_read_costs_its_executions() -> None:
    """The list of jobs comes first: without its row nobody knows the job."""
    for order in (Order(OrderField.CREATED_AT), Order(OrderField.STARTED_AT, descending=False), Order(OrderField.NATIVE)):
        bench = Bench.open()
        bad = next(key.job_id for key in bench.world.executions)
        bench.world.jobs[bad]["lastUpdatedAt"] = {"odd": 1}
        page, _ = await bench.page(ALL, order, first=1000)
        assert {row.key for row in page.rows} == {key for key in keys_of(bench) if key.parts[0] != bad}
        assert error_of(page) == TRUNCATED
        jobs, _ = await bench.page(JobFilter(), first=1000)
        assert {row.key.native_id for row in jobs.rows} == bench.world.jobs.keys() - {bad}
        assert error_of(jobs) == TRUNCATED
        # It can still be named.
        own, _ = await bench.page(ExecutionFilter(jobs=frozenset({job_key(bad)})), order, first=1000)
        assert {row.key for row in own.rows} == {key for key in keys_of(bench) if key.parts[0] == bad}
        keys = [job_key(job_id) for job_id in [*list(bench.world.jobs)[:9], bad, "nowhere"]]
        answers = dict(zip(keys, await bench.adapter.fetch(keys), strict=True))
        for absent in (job_key(bad), job_key("nowhere")):
            fault = answers[absent]
            # What has no row may be the one that cannot be read.
            assert isinstance(fault, SourceError)
            assert fault.code is C.BAD_RESPONSE
        assert sum(isinstance(each, Job) for each in answers.values()) >= 8


async def test_a_thing_that_cannot_be_read_costs_itself() -> None:
    bench = Bench.open(fleet(1, 5))
    bench.world.things["thing-002"]["attributes"] = ["odd"]
    page, _ = await bench.page(NodeFilter(), Order(OrderField.NATIVE))
    assert [row.name for row in page.rows] == ["thing-000", "thing-001", "thing-003", "thing-004"]
    assert error_of(page) == TRUNCATED


@pytest.mark.parametrize("body", ["{}", "[]", "7", '{"jobs": null}', '{"executionSummaries": {}}', '{"jobs": [', ""])
async def test_lists_that_are_none(body: str) -> None:
    """A member that is missing is not an empty list."""
    bench = Bench.open()
    bench.between.fault = lambda _request: httpx.Response(200, content=body, headers={"content-type": "application/json"})
    for wanted in (ALL, JobFilter(), NodeFilter(), OF_THING, ExecutionFilter(jobs=frozenset({job_key("j")}))):
        page, _ = await bench.page(wanted)
        assert error_of(page) == (SourceReportState.FAILED, C.BAD_RESPONSE)
    answers = await bench.adapter.fetch([Key("execution", "iot", ("j", "t", "1")), thing_key("t")])
    assert all(isinstance(each, SourceError) and each.code is C.BAD_RESPONSE for each in answers)


# --- jobs that go away, or fail alone ------------------------------------------------------------------------------


async def test_a_job_that_is_deleted_between_its_listing_and_its_reading() -> None:
    bench = Bench.open(fleet(6, 2))

    def delete(_request: httpx.Request) -> httpx.Response | None:
        if "job-0003" in bench.world.jobs:
            bench.world.delete_job("job-0003")
        return None

    bench.between.fault = only(BY_JOB, lambda: delete(httpx.Request("GET", "http://x")))
    page, _ = await bench.page(ALL)
    assert {row.key.parts[0] for row in page.rows} == {f"job-000{number}" for number in (0, 1, 2, 4, 5)}
    assert (len(page.rows), error_of(page)) == (10, (SourceReportState.OK, None))


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (refused(503, header="ServiceUnavailableException:"), C.UNAVAILABLE),
        (refused(403, header="AccessDeniedException:"), C.FORBIDDEN),
    ],
    ids=["unavailable", "not allowed"],
)
async def test_a_job_that_fails_alone_costs_its_own_executions(
    fault: httpx.Response, code: SourceErrorCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permissions can be given job by job."""
    skip_pauses(monkeypatch)
    bench = Bench.open(fleet(30, 2, completed=False))
    bench.between.fault = lambda request: fault if request.url.path == "/jobs/job-0027/things" else None
    for order in (Order(OrderField.CREATED_AT), Order(OrderField.CREATED_AT, descending=False)):
        page, _ = await bench.page(ALL, order, first=1000)
        assert error_of(page)[1] is code
        assert error_of(page)[0] is not SourceReportState.OK
        rows = [row.key.parts[0] for row in page.rows]
        before = [name for name in rows if name < "job-0027"]
        assert len(before) == 54
        assert "job-0027" not in rows


async def test_rows_behind_a_job_that_failed_are_never_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest of the rows that could be read is not the newest row."""
    skip_pauses(monkeypatch)
    bench = Bench.open(fleet(9, 3))
    bench.between.fault = lambda request: refused(503) if request.url.path == "/jobs/job-0008/things" else None
    page, _ = await bench.page(ALL, first=3)
    assert error_of(page) == (SourceReportState.TRUNCATED, C.UNAVAILABLE)
    assert [row.key.parts[0] for row in page.rows] == ["job-0007"] * 3
    bench.between.fault = None
    page, _ = await bench.page(ALL, first=3)
    assert [row.key.parts[0] for row in page.rows] == ["job-0008"] * 3


async def test_the_list_of_jobs_that_fails_midway(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_pauses(monkeypatch)
    bench = Bench.open(fleet(300, 1))
    bench.between.fault = lambda request: refused(503) if "nextToken" in request.url.params else None
    page, _ = await bench.page(ALL)
    assert (len(page.rows), error_of(page)) == (0, (SourceReportState.FAILED, C.UNAVAILABLE))
    jobs, _ = await bench.page(JobFilter(), first=1000)
    assert (len(jobs.rows), error_of(jobs)) == (250, (SourceReportState.TRUNCATED, C.UNAVAILABLE))


async def test_faults_told_by_the_service_itself() -> None:
    bench = Bench.open(fleet(2, 2))
    bench.simulator.faults["ListJobs"] = ServiceError("AccessDeniedException", "not s3cr3t-you")
    page, _ = await bench.page(ALL)
    assert error_of(page) == (SourceReportState.FAILED, C.FORBIDDEN)
    assert "s3cr3t" not in repr(page.reports)
    # A job that is named needs no list of jobs.
    own, _ = await bench.page(ExecutionFilter(jobs=frozenset({job_key("job-0001")})))
    assert (len(own.rows), error_of(own)) == (2, (SourceReportState.OK, None))
