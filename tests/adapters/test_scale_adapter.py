"""The Scale adapter against the simulator: lists and their pages, look-ups and their number of requests, details."""

import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from adapters.scale import ScaleSettings, factory
from adapters.scale.details import ScaleExecutionDetails, ScaleJobDetails, ScaleNodeDetails
from gateway.instant import Instant
from gateway.merge import SourceReportState
from gateway.model import Execution, ExecutionStatus, Job, Key, Kind, Node, NodeKind
from gateway.query import ExecutionFilter, InstantRange, JobFilter, ListQuery, NodeFilter, Order, OrderField, TextMatch
from gateway.redaction import REDACTED
from gateway.spi import NOT_FOUND, AdapterFactory, Cost, Ping, SupportsSimulation
from gateway.transport import SourceClient
from tests.adapters.scale_bench import NOW, Bench, key

NEWEST = Order(OrderField.CREATED_AT)
NATIVE = Order(OrderField.NATIVE)
ORDERS = [
    Order(field, descending)
    for field in (OrderField.CREATED_AT, OrderField.STARTED_AT, OrderField.FINISHED_AT)
    for descending in (True, False)
]


def truth(bench: Bench, order: Order) -> list[int]:
    """Ids of all executions in the total order, from the world itself."""
    name = {OrderField.CREATED_AT: "created", OrderField.STARTED_AT: "started", OrderField.FINISHED_AT: "ended"}[order.field]
    rows = sorted(bench.world.executions.values(), key=lambda row: row["id"])
    rows.sort(key=lambda row: (row[name] is None, row[name] or NOW), reverse=order.descending)
    # A stable sort in reverse keeps equal rows in their order: ids ascend in both directions.
    return [row["id"] for row in rows]


def numbers(rows: Iterable[Any]) -> list[int]:
    return [row.tie[0] for row in rows]


def entity(found: Any) -> Any:
    assert isinstance(found, Job | Execution | Node), found
    return found


def _camel(name: str) -> str:
    return re.sub("_([a-z])", lambda match: match[1].upper(), name)


class TestLists:
    @pytest.mark.parametrize("order", ORDERS, ids=str)
    async def test_every_page_is_one_request(self, order: Order) -> None:
        bench = Bench.open()
        got: list[int] = []
        after, more = None, True
        while more:
            page, after = await bench.page("execution", ExecutionFilter(), order, 50, after)
            got += numbers(page.rows)
            more = page.has_next
            assert len(bench.asked()) == 1
            assert page.reports["scale"].state is SourceReportState.OK
        assert got == truth(bench, order)

    async def test_going_on_from_any_edge_searches(self) -> None:
        bench = Bench.open()
        wanted = truth(bench, NEWEST)
        page, _ = await bench.page("execution", ExecutionFilter(), NEWEST, 200)
        for index in (0, 49, 120, 198):
            bench.asked()
            after = bench.codec.encode(page.cursor(index), "list")
            rest, _ = await bench.page("execution", ExecutionFilter(), NEWEST, 10, after)
            assert numbers(rest.rows) == wanted[index + 1 : index + 11]
            # 300 rows in pages of 22: at most log2(14) + 1 requests to find the place, and the rows themselves.
            assert len(bench.asked()) <= 6

    @pytest.mark.parametrize("order", ORDERS, ids=str)
    async def test_rows_that_come_and_go_between_pages(self, order: Order) -> None:
        bench = Bench.open(150)
        before = truth(bench, order)
        gone = set(before[::7])
        got: list[int] = []
        after, more, step = None, True, 0
        while more:
            page, after = await bench.page("execution", ExecutionFilter(), order, 9, after)
            got += numbers(page.rows)
            more = page.has_next
            for victim in sorted(gone)[step * 3 : step * 3 + 3]:
                bench.world.executions.pop(victim, None)
            for hours in (0, 5, 100, 300):
                bench.world.add_execution(created=NOW - timedelta(hours=hours, seconds=step), duration=20.0)
            step += 1
        assert len(got) == len(set(got))
        survivors = [number for number in before if number not in gone]
        assert [number for number in got if number in set(survivors)] == survivors

    async def test_a_list_that_became_short(self) -> None:
        bench = Bench.open(100)
        page, after = await bench.page("execution", ExecutionFilter(), NEWEST, 40)
        _, after = await bench.page("execution", ExecutionFilter(), NEWEST, 40, after)
        kept = numbers(page.rows)[:3] + truth(bench, NEWEST)[-2:]
        for number in list(bench.world.executions):
            if number not in kept:
                bench.world.delete_execution(number)
        bench.simulator.log.clear()
        rest, _ = await bench.page("execution", ExecutionFilter(), NEWEST, 40, after)
        assert (numbers(rest.rows), rest.has_next) == (kept[3:], False)
        assert [each.status for each in bench.simulator.log][:2] == [404, 200]

    async def test_filters_are_applied_by_scale_or_by_the_gateway(self) -> None:
        bench = Bench.open()
        wanted = ExecutionFilter(
            statuses=frozenset({ExecutionStatus.FAILED}),
            status_inputs=("status",),
            nodes=frozenset({key("node", 1), key("node", 2)}),
            search="schema migration",
        )
        page, _ = await bench.page("execution", wanted, NEWEST, 50, totals=True)
        report = page.reports["scale"]
        assert {row.status_message for row in page.rows} == {"checkout 4.2.0: schema migration 0042 failed"}
        assert {row.nodes[0].node.key for row in page.rows} <= {key("node", 1), key("node", 2)}
        assert (report.residual, report.total is not None, page.total) == (("search",), True, None)
        assert bench.asked() == ["job-executions/?status=FAILED&node_id=1&node_id=2&order=-created&order=id&page_size=51"]

    async def test_totals(self) -> None:
        bench = Bench.open()
        failed = ExecutionFilter(statuses=frozenset({ExecutionStatus.FAILED}))
        count = sum(row["status"] == "FAILED" for row in bench.world.executions.values())
        for first in (50, 0):
            page, _ = await bench.page("execution", failed, NEWEST, first, totals=True)
            assert page.total == count
            assert len(bench.asked()) == 1

    async def test_a_range_on_the_order_bounds_what_is_read(self) -> None:
        bench = Bench.open()
        begin = Instant.from_datetime(NOW - timedelta(hours=12)).us
        given = ExecutionFilter(created_at=InstantRange(begin, None), search="nothing like it")
        page, _ = await bench.page("execution", given, NEWEST, 50)
        assert (page.rows, page.has_next, page.reports["scale"].state) == ([], False, SourceReportState.OK)
        assert page.reports["scale"].scanned < 300

    async def test_slowest_of_the_last_day(self) -> None:
        bench = Bench.open()
        begin = Instant.from_datetime(NOW - timedelta(days=1)).us
        page, _ = await bench.page(
            "execution", ExecutionFilter(started_at=InstantRange(begin, None)), Order(OrderField.DURATION), 20, totals=True
        )
        day = [
            row for row in bench.world.executions.values() if row["started"] and row["started"] >= NOW - timedelta(days=1)
        ]
        assert page.total == len(day)
        lasted = [row.duration_seconds for row in page.rows if row.finished_at]
        assert all(one >= other for one, other in pairwise(lasted))
        assert bench.asked() == ["job-executions/?order=-started&order=id&page_size=1000"]

    async def test_reading_whole_stops_below_the_range(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("adapters.scale.adapter.LARGEST_PAGE", 50)
        bench = Bench.open()
        begin = Instant.from_datetime(NOW - timedelta(hours=8)).us
        given = ExecutionFilter(created_at=InstantRange(begin, None))
        page, _ = await bench.page("execution", given, Order(OrderField.DURATION), 100)
        wanted = [row["id"] for row in bench.world.executions.values() if row["created"] >= NOW - timedelta(hours=8)]
        assert sorted(numbers(page.rows)) == sorted(wanted)
        assert 0 < len(bench.asked()) < 5

    async def test_jobs(self) -> None:
        bench = Bench.open()
        page, after = await bench.page("job", JobFilter(name=TextMatch(contains="INGEST")), NEWEST, 20)
        assert {row.name for row in page.rows} <= {"checkout-ingest", "scale-ingest"}
        assert all(row.created_at is not None and row.known is None for row in page.rows)
        again, _ = await bench.page("job", JobFilter(name=TextMatch(contains="INGEST")), NEWEST, 20, after)
        assert not set(numbers(page.rows)) & set(numbers(again.rows))
        everything, _ = await bench.page("job", JobFilter(), Order(OrderField.CREATED_AT, descending=False), 1000)
        assert len(everything.rows) == len(bench.world.jobs)

    async def test_nodes(self) -> None:
        bench = Bench.open(60)
        page, after = await bench.page("node", NodeFilter(), NATIVE, 5)
        rest, _ = await bench.page("node", NodeFilter(), NATIVE, 5, after)
        assert numbers([*page.rows, *rest.rows]) == [1, 2, 3, 4, 5, 6, 7, 8]
        assert len(bench.asked()) == 2
        active, _ = await bench.page("node", NodeFilter(active=True, kinds=frozenset({NodeKind.WORKER})), NATIVE, 50)
        assert numbers(active.rows) == [1, 2, 3, 4, 5]


class TestExecutionsOfJobs:
    async def test_all_tries_with_job_and_error_by_request(self) -> None:
        bench = Bench.open(60)
        tries: dict[int, list[int]] = {}
        for row in bench.world.executions.values():
            tries.setdefault(row["job_id"], []).append(row["id"])
        retried = [job for job, own in tries.items() if len(own) > 2][:2]
        given = ExecutionFilter(jobs=frozenset(key("job", job) for job in [*retried, 99999]))
        page, _ = await bench.page("execution", given, NEWEST, 50, fields=frozenset({"key", "job"}))
        assert sorted(numbers(page.rows)) == sorted(tries[retried[0]] + tries[retried[1]])
        assert sorted(bench.asked()) == sorted(f"jobs/{job}/" for job in [*retried, 99999])
        row = page.rows[0]
        assert row.job.known is None
        assert row.job.created_at is not None
        assert row.name == row.job.name
        assert "name" not in row.nodes[0].node.known
        failed = next(row for row in page.rows if row.status is ExecutionStatus.FAILED)
        assert "status_message" not in failed.known

        page, _ = await bench.page("execution", given, NEWEST, 50, fields=frozenset({"error"}))
        failed = next(row for row in page.rows if row.status is ExecutionStatus.FAILED)
        assert (failed.status_message, failed.known) == (failed.error.title, None)
        assert failed.error.category == "ALGORITHM"
        assert "errors/?order=id&page_size=1000" in bench.asked()
        # Errors hardly change: they are read once.
        await bench.page("execution", given, NEWEST, 50, fields=frozenset({"status_message"}))
        assert not [path for path in bench.asked() if path.startswith("errors/")]

    async def test_filters_on_what_the_rows_only_point_at(self) -> None:
        bench = Bench.open(60)
        jobs = frozenset(key("job", number) for number in bench.world.jobs)
        everything, _ = await bench.page("execution", ExecutionFilter(), NEWEST, 1000)
        for name, search in (("node01.scale.example", None), (None, "schema migration")):
            node_name = None if name is None else TextMatch(equals=name)
            given = ExecutionFilter(jobs=jobs, node_name=node_name, search=search)
            page, _ = await bench.page("execution", given, NEWEST, 1000)
            wanted = [
                row
                for row in everything.rows
                if (name is None or [each.node.name for each in row.nodes] == [name])
                and (search is None or search in (row.status_message or ""))
            ]
            assert numbers(page.rows) == numbers(wanted)
            assert page.rows

    async def test_few_at_a_time(self) -> None:
        bench = Bench.open(60, max_concurrency=20)
        bench.simulator.latency_per_row = 0.001
        jobs = frozenset(key("job", number) for number in range(1, 13))
        await bench.page("execution", ExecutionFilter(jobs=jobs), NEWEST, 50)
        await bench.adapter.fetch([key("execution", number) for number in range(1, 13)])
        assert max(each.active for each in bench.simulator.log) == 4

    async def test_counting(self) -> None:
        bench = Bench.open(60)
        job = bench.world.executions[1]["job_id"]
        page, _ = await bench.page("execution", ExecutionFilter(jobs=frozenset({key("job", job)})), NEWEST, 0, totals=True)
        assert page.total == len(bench.world.executions_of(job))
        assert bench.asked() == [f"jobs/{job}/"]


class TestLookUps:
    async def test_any_mix_in_order(self) -> None:
        bench = Bench.open(60)
        keys = [
            key("job", 3),
            key("node", 8),
            key("execution", 5),
            key("job", 99999),
            key("node", 77),
            key("execution", 99999),
            key("job", 1),
            key("job", 3),
            key("execution", "x"),
            key("node", "007"),
            Key("job", "scale", ("1", "2")),
        ]
        found = await bench.adapter.fetch(keys)
        assert [None if each is NOT_FOUND else entity(each).key for each in found] == [
            *keys[:3], None, None, None, *keys[6:8], None, None, None
        ]  # fmt: skip
        assert sorted(bench.asked()) == [
            "job-executions/5/",
            "job-executions/99999/",
            "jobs/?job_id=3&job_id=99999&job_id=1&include_superseded=true&order=id&page_size=1000",
            "nodes/?include_inactive=true&order=id&page_size=1000",
        ]
        assert entity(found[1]).active is False
        assert all(entity(found[index]).known is None for index in (0, 1, 2))

    @pytest.mark.parametrize(("first", "count", "requests"), [(1, 250, 1), (1, 251, 2), (10**9, 600, 4), (10**17, 300, 3)])
    async def test_jobs_in_few_requests(self, first: int, count: int, requests: int) -> None:
        bench = Bench.open(60)
        found = await bench.adapter.fetch([key("job", number) for number in range(first, first + count)])
        assert len(found) == count
        assert {each.status for each in bench.simulator.log} == {200}
        assert len(bench.asked()) == requests

    async def test_superseded_jobs_are_found(self) -> None:
        bench = Bench.open(60)
        older = next(row for row in bench.world.jobs.values() if row["is_superseded"])
        (job,) = await bench.adapter.fetch([key("job", older["id"])])
        found = bench.adapter.details(entity(job))
        assert isinstance(found, ScaleJobDetails)
        assert (found.is_superseded, found.superseded_by_job_id) == (True, older["superseded_by_job_id"])

    async def test_full_strength(self) -> None:
        bench = Bench.open(60)
        paths: dict[Kind, str] = {"job": "jobs/1/", "node": "nodes/1/", "execution": "job-executions/1/"}
        for kind, path in paths.items():
            found = entity(await bench.adapter.fetch_full(key(kind, 1)))
            assert (found.key.parts, found.known) == (("1",), None)
            assert bench.asked() == [path]
            for missing in (99999, "x"):
                assert await bench.adapter.fetch_full(key(kind, missing)) is NOT_FOUND
            bench.asked()

    async def test_latest_executions(self) -> None:
        bench = Bench.open(60)
        without = bench.world.add_job()
        jobs = [*range(1, 31), without, 99999]
        latest: dict[int, int] = {}
        for row in sorted(bench.world.executions.values(), key=lambda row: row["created"]):
            latest[row["job_id"]] = row["id"]
        found = await bench.adapter.latest([key("job", number) for number in [*jobs, "x"]])
        assert [None if each is NOT_FOUND else entity(each).tie[0] for each in found] == [
            *(latest.get(number) for number in jobs), None
        ]  # fmt: skip
        asked = bench.asked()
        assert [path.partition("?")[0] for path in asked] == ["jobs/executions/", "errors/"]
        failed = next(
            entity(each) for each in found if each is not NOT_FOUND and entity(each).status is ExecutionStatus.FAILED
        )
        assert (failed.status_message, failed.known) == (failed.error.title, None)
        assert failed.job.known is None
        await bench.adapter.latest([key("job", number) for number in jobs])
        assert len(bench.asked()) == 1

    async def test_native_ids(self) -> None:
        adapter = Bench.open(10).adapter
        assert adapter.parse_native_id("execution", "123") == ("123",)
        for text in ("", "0", "01", "+1", "1 ", "1/2", "abc", "1" * 30):
            assert adapter.parse_native_id("node", text) is None

    async def test_ping(self) -> None:
        bench = Bench.open(10)
        assert await bench.adapter.ping() == Ping("3.1.0-snapshot")
        assert bench.asked() == ["version/"]
        await bench.adapter.aclose()


class TestDetails:
    async def test_costs_are_as_declared(self) -> None:
        """What is declared to cost a request is missing at list strength; everything else is the same at both."""
        bench = Bench.open(60)
        costs = bench.adapter.capabilities.costs
        done = next(row for row in bench.world.executions.values() if bench.world.jobs[row["job_id"]]["error_id"])
        filled: set[str] = set()
        for each in (key("job", done["job_id"]), key("execution", done["id"]), key("node", 1)):
            (listed,) = await bench.adapter.fetch([each])
            if each.kind == "execution":
                page, _ = await bench.page("execution", ExecutionFilter(), NEWEST, 1000)
                listed = next(row for row in page.rows if row.key == each)
            full = await bench.adapter.fetch_full(each)
            one, other = bench.adapter.details(entity(listed)), bench.adapter.details(entity(full))
            kind = type(one).__name__
            for field in dataclasses.fields(one):  # type: ignore[arg-type]
                name = f"{kind}.{_camel(field.name)}"
                before, after = getattr(one, field.name), getattr(other, field.name)
                if costs.get(name) is Cost.EACH:
                    assert before is None, name
                    filled |= {name} if after is not None else set()
                else:
                    assert before == after, name
        each_names = {name for name, cost in costs.items() if cost is Cost.EACH}
        # Mesos is away from the simulated cluster: nobody knows resources. A failed job has no results; a log is no detail.
        assert each_names - filled <= {"ScaleNodeDetails.resources", "ScaleJobDetails.results", "Execution.logs"}

    async def test_a_batch_tells_what_a_mention_does_not(self) -> None:
        bench = Bench.open(20)
        page, _ = await bench.page("execution", ExecutionFilter(), NEWEST, 20)
        row = next(row for row in page.rows if row.nodes)
        bookkeeping = {"key", "tie", "record", "known"}
        for mentioned in (row.job, row.nodes[0].node):
            kind = type(mentioned).__name__
            unknown = {*mentioned.__struct_fields__, "details", "raw"} - mentioned.known - bookkeeping
            costs = bench.adapter.capabilities.costs
            declared = {
                name.partition(".")[2] for name, cost in costs.items() if cost is Cost.BATCH and name.startswith(kind)
            }
            assert {_camel(name) for name in unknown} == declared

    async def test_no_secret_is_shown(self) -> None:
        bench = Bench.open(60)
        hidden = 0
        tables: dict[Kind, dict] = {
            "job": bench.world.jobs,
            "execution": bench.world.executions,
            "node": bench.world.nodes,
        }
        for kind, rows in tables.items():
            for number in rows:
                found = entity(await bench.adapter.fetch_full(key(kind, number)))
                hidden += b"s3cr3t-" in found.record.raw
                raw, shown = bench.adapter.raw(found), bench.adapter.details(found)
                assert "s3cr3t-" not in json.dumps(raw) + repr(shown) + repr(found)
                assert (REDACTED in json.dumps(raw)) == (b"s3cr3t-" in found.record.raw)
        assert hidden > 10

    async def test_raw_is_the_record(self) -> None:
        bench = Bench.open(60)
        page, _ = await bench.page("execution", ExecutionFilter(), NEWEST, 5)
        async with httpx.AsyncClient(transport=bench.between, base_url="http://scale.example") as client:
            answer = await client.get("/scale/api/v3/job-executions/?order=-created&order=id&page_size=5")
        assert [bench.adapter.raw(row) for row in page.rows] == answer.json()["results"]
        # A job that an execution merely mentions has a record of its own elsewhere.
        assert page.rows[0].job.known is not None
        assert bench.adapter.raw(page.rows[0].job) is None


class TestFactory:
    def test_settings(self) -> None:
        given = ScaleSettings.model_validate({"name": "s", "kind": "scale", "base_url": "https://scale.example/api/v4"})
        assert (given.base_url, given.max_concurrency) == ("https://scale.example/api/v4/", 4)
        for wrong in ({}, {"base_url": "ftp://x"}, {"base_url": "https://x/", "bas_url": "https://x/"}):
            with pytest.raises(ValidationError):
                ScaleSettings.model_validate({"name": "s", "kind": "scale", **wrong})

    async def test_links_begin_at_the_ui(self) -> None:
        cases: list[tuple[dict[str, Any], str]] = [
            ({}, "http://scale.example/#/nodes/1"),
            ({"ui_url": "https://ui.example/scale"}, "https://ui.example/scale/#/nodes/1"),
        ]
        for given, wanted in cases:
            bench = Bench.open(10, **given)
            (node,) = await bench.adapter.fetch([key("node", 1)])
            assert entity(node).web_url == wanted

    async def test_details(self) -> None:
        types = factory.details()
        assert (types.job, types.execution, types.node) == (
            (ScaleJobDetails,),
            (ScaleExecutionDetails,),
            (ScaleNodeDetails,),
        )
        assert types.costs == Bench.open(5).adapter.capabilities.costs

    async def test_simulation(self) -> None:
        assert isinstance(factory, SupportsSimulation)
        typed: AdapterFactory = factory
        simulator = factory.simulator(seed=3, size=20, now=NOW)
        given = ScaleSettings.model_validate({"name": "demo", **factory.simulator_settings("http://localhost:8123")})
        adapter = typed.open("demo", given, SourceClient(given, httpx.ASGITransport(app=simulator.app)))
        query = ListQuery("execution", ExecutionFilter(), NEWEST)
        assert await adapter.count(adapter.plan(query)) == 20
        assert [each.path for each in simulator.log] == ["/scale/api/v3/job-executions/"]

    @pytest.mark.parametrize(
        ("module", "absent"),
        [
            ("adapters.scale", ["strawberry", "starlette", "adapters.scale.adapter"]),
            ("adapters.scale.adapter", ["starlette", "adapters.scale.simulator", "adapters.scale.world"]),
            ("adapters.scale.planning", ["strawberry"]),
            ("adapters.scale.mapping", ["strawberry"]),
        ],
    )
    def test_imports(self, module: str, absent: list[str]) -> None:
        code = f"import sys, {module}; print([name for name in {absent!r} if name in sys.modules])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"
