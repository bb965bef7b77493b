"""Look-ups of the AWS IoT adapter, full reads, and the requests that they take."""

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest

from adapters.aws_iot.details import IotExecutionDetails
from adapters.aws_iot.simulator_operations import OPERATIONS
from adapters.aws_iot.world_catalog import DELETED
from adapters.aws_iot.world_generator import STORY_JOB, STORY_REASON
from gateway.errors import SourceError, SourceErrorCode
from gateway.model import Entity, Execution, ExecutionStatus, Job, JobState, Key, Node
from gateway.query import (
    ExecutionFilter,
    JobFilter,
)
from gateway.spi import NOT_FOUND, Fetched, NotFound
from tests.adapters.aws_iot_bench import MINUTE, NOW, Bench, fleet

ALL = ExecutionFilter()


def job_key(job_id: str) -> Key:
    return Key("job", "iot", (job_id,))


def execution_key(job_id: str, thing: str, number: object = 1) -> Key:
    return Key("execution", "iot", (job_id, thing, str(number)))


def thing_key(name: str) -> Key:
    return Key("node", "iot", (name,))


def keys_of(bench: Bench) -> list[Key]:
    return [execution_key(*each) for each in bench.world.executions]


def found(answers: Sequence[Fetched[Entity]]) -> list[Key | NotFound]:
    """The keys of entities, NOT_FOUND where there is none; a fault fails the test."""
    for each in answers:
        assert not isinstance(each, SourceError), repr(each)
    return [each if isinstance(each, NotFound) else each.key for each in answers if not isinstance(each, SourceError)]


async def full(bench: Bench, key: Key) -> Any:
    answer = await bench.adapter.fetch_full(key)
    assert not isinstance(answer, SourceError | NotFound), repr(answer)
    return answer


def named(method: str, target: str) -> str:
    """The operation of a request."""
    assert method == "GET"
    segments = [unquote(segment) for segment in target.partition("?")[0].strip("/").split("/")]
    (name,) = [each.name for each in OPERATIONS if each.match(segments) is not None]
    return name


class TestJobs:
    async def test_up_to_eight_are_asked_for_one_by_one(self) -> None:
        bench = Bench.open()
        keys = [job_key(job_id) for job_id in list(bench.world.jobs)[:8]]
        assert found(await bench.adapter.fetch(keys)) == keys
        assert sorted(bench.asked()) == sorted(f"/jobs/{key.native_id}" for key in keys)

    async def test_more_take_the_list(self) -> None:
        bench = Bench.open()
        keys = [job_key(job_id) for job_id in list(bench.world.jobs)[:8]] + [job_key("nowhere")]
        assert found(await bench.adapter.fetch(keys)) == [*keys[:8], NOT_FOUND]
        assert bench.asked() == ["/jobs"]
        # It is kept, so that the next ones cost nothing.
        assert found(await bench.adapter.fetch(keys[:3])) == keys[:3]
        assert bench.asked() == []

    async def test_a_list_that_was_read_serves_look_ups(self) -> None:
        bench = Bench.open()
        await bench.page(JobFilter())
        bench.asked()
        keys = [job_key(job_id) for job_id in bench.world.jobs]
        assert found(await bench.adapter.fetch(keys)) == keys
        assert bench.asked() == []
        # Of one that was not listed, nothing is known.
        assert found(await bench.adapter.fetch([job_key("newer")])) == [NOT_FOUND]
        assert bench.asked() == ["/jobs/newer"]

    async def test_a_job_is_the_same_however_it_was_found(self) -> None:
        bench = Bench.open(keep_seconds=0)
        keys = [job_key(job_id) for job_id in bench.world.jobs]
        listed = await bench.adapter.fetch(keys)
        for key, one in zip(keys, listed, strict=True):
            (described,) = await bench.adapter.fetch([key])
            assert isinstance(one, Job)
            assert isinstance(described, Job)
            names = set(one.__struct_fields__) - {"record"}
            assert {name: getattr(one, name) for name in names} == {name: getattr(described, name) for name in names}

    async def test_everything_of_a_job(self) -> None:
        bench = Bench.open()
        (counted,) = [row for row in bench.world.jobs.values() if row["jobId"] == STORY_JOB]
        job = await full(bench, job_key(STORY_JOB))
        assert bench.asked() == [f"/jobs/{STORY_JOB}"]
        assert (job.description, job.state) == (counted["description"], JobState.ACTIVE)
        counts = {each.status: each.count for each in job.execution_counts}
        assert counts[ExecutionStatus.FAILED] == counted["jobProcessDetails"]["numberOfFailedThings"]
        assert await full(bench, job_key(STORY_JOB)) == job
        assert bench.asked() == [], "kept"
        assert await bench.adapter.fetch_full(job_key("nowhere")) is NOT_FOUND

    @pytest.mark.parametrize("body", ['{"job": {"jobId": "another"}}', '{"job": {"jobId": 5}}', '{"job": null}', "{}", "[]"])
    async def test_a_job_that_is_none(self, body: str) -> None:
        bench = Bench.open()
        bench.between.fault = lambda _request: httpx.Response(
            200, content=body, headers={"content-type": "application/json"}
        )
        for answer in (*await bench.adapter.fetch([job_key("one")]), await bench.adapter.fetch_full(job_key("one"))):
            assert isinstance(answer, SourceError)
            assert answer.code is SourceErrorCode.BAD_RESPONSE


class TestExecutions:
    async def test_few_are_asked_for_by_thing_and_job(self) -> None:
        bench = Bench.open()
        keys = [key for key in keys_of(bench) if key.parts[0] == STORY_JOB][:8]
        assert found(await bench.adapter.fetch(keys)) == keys
        assert sorted(bench.asked()) == sorted(f"/things/{key.parts[1]}/jobs?jobId={STORY_JOB}" for key in keys)

    async def test_more_of_one_job_take_its_list(self) -> None:
        bench = Bench.open()
        keys = [key for key in keys_of(bench) if key.parts[0] == STORY_JOB][:9]
        absent = execution_key(STORY_JOB, "no-such-thing")
        assert found(await bench.adapter.fetch([*keys, absent])) == [*keys, NOT_FOUND]
        assert bench.asked() == [f"/jobs/{STORY_JOB}/things"]
        assert found(await bench.adapter.fetch(keys[:2])) == keys[:2]
        assert bench.asked() == [], "kept"

    async def test_each_job_has_its_own_way(self) -> None:
        bench = Bench.open()
        small = next(job_id for job_id in bench.world.jobs if len(bench.world.executions_of(job_id)) == 2)
        keys = [key for key in keys_of(bench) if key.parts[0] in (STORY_JOB, small)]
        assert found(await bench.adapter.fetch(keys)) == keys
        asked = bench.asked()
        assert f"/jobs/{STORY_JOB}/things" in asked
        assert len(asked) <= 3

    async def test_a_list_that_was_read_serves_look_ups(self) -> None:
        bench = Bench.open()
        await bench.all(ALL)
        bench.asked()
        keys = keys_of(bench)
        assert found(await bench.adapter.fetch(keys)) == keys
        assert found(await bench.adapter.fetch([execution_key(STORY_JOB, "no-such-thing")])) == [NOT_FOUND]
        assert bench.asked() == []

    async def test_numbers_must_fit(self) -> None:
        bench = Bench.open()
        twice = next(key for key in bench.world.executions if key.number == 2)
        first, second, third = (execution_key(twice.job_id, twice.thing_name, number) for number in (1, 2, 3))
        answers = await bench.adapter.fetch([second, third, first])
        assert found(answers) == [second, NOT_FOUND, first]
        assert await bench.adapter.fetch_full(third) is NOT_FOUND

    async def test_of_a_thing_that_was_deleted(self) -> None:
        """It has no list any more, but its job has."""
        bench = Bench.open()
        keys = [key for key in keys_of(bench) if key.parts[1] in DELETED]
        assert keys
        assert found(await bench.adapter.fetch(keys)) == keys
        asked = bench.asked()
        assert asked[: len(keys)] == [f"/things/{quote(key.parts[1])}/jobs?jobId={key.parts[0]}" for key in keys]
        assert f"/jobs/{keys[0].parts[0]}/things" in asked

    async def test_no_list_of_a_deleted_thing_is_not_an_empty_list(self) -> None:
        bench = Bench.open()
        key = next(key for key in keys_of(bench) if key.parts[1] in DELETED)
        given = ExecutionFilter(nodes=frozenset({thing_key(key.parts[1])}), jobs=frozenset({job_key(key.parts[0])}))
        await bench.page(given)
        assert found(await bench.adapter.fetch([key])) == [key]

    async def test_what_is_not_there(self) -> None:
        bench = Bench.open()
        key = keys_of(bench)[0]
        bench.world.delete_job(key.parts[0])
        keys = [key, execution_key("nowhere", key.parts[1]), execution_key("nowhere", "nothing")]
        assert found(await bench.adapter.fetch(keys)) == [NOT_FOUND] * 3
        bench.asked()
        odd = [
            execution_key("a/b", "c"),
            execution_key("j", "t", "01"),
            execution_key("..", "t"),
            execution_key("j", ".."),
            Key("execution", "iot", ("j", "t")),
            Key("job", "iot", ("j", "t", "1")),
            job_key("a b"),
            job_key("x" * 65),
            thing_key("a/b"),
            thing_key(""),
        ]
        assert found(await bench.adapter.fetch(odd)) == [NOT_FOUND] * len(odd)
        assert [await bench.adapter.fetch_full(each) for each in odd] == [NOT_FOUND] * len(odd)
        assert bench.asked() == []

    async def test_any_mix_in_any_order(self) -> None:
        bench = Bench.open()
        execution, job, thing = keys_of(bench)[0], job_key(STORY_JOB), thing_key(next(iter(bench.world.things)))
        keys = [thing, execution, job, thing_key("nothing"), execution, job]
        assert found(await bench.adapter.fetch(keys)) == [thing, execution, job, NOT_FOUND, execution, job]
        assert len(bench.asked()) == 4

    async def test_jobs_of_things_are_named_until_they_are_known(self) -> None:
        bench = Bench.open()
        key = keys_of(bench)[0]
        (row,) = await bench.adapter.fetch([key])
        assert isinstance(row, Execution)
        assert row.job is not None
        assert row.job.known == frozenset({"name", "web_url", "latest_execution"})
        await bench.page(JobFilter())
        bench.clock.now += 1
        (again,) = await bench.adapter.fetch([keys_of(bench)[1]])
        assert isinstance(again, Execution)
        assert again.job is not None
        assert (again.job.known, again.job.raw_state) == (None, bench.world.jobs[key.parts[0]]["status"])


class TestThings:
    async def test_each_is_asked_for(self) -> None:
        bench = Bench.open()
        names = [*list(bench.world.things)[:12], "nothing"]
        answers = await bench.adapter.fetch([thing_key(name) for name in names])
        assert found(answers) == [*(thing_key(name) for name in names[:12]), NOT_FOUND]
        assert sorted(bench.asked()) == sorted(f"/things/{name}" for name in names)
        assert isinstance(await full(bench, thing_key(names[0])), Node)

    async def test_names_with_colons_on_the_wire(self) -> None:
        """Encoded once in the address, and signed like that (contract, section 1, Ids)."""
        world = fleet(1, 1)
        name = world.add_thing("rack:7_a-b")
        world.add_execution(jobId="job-0000", thingName=name, queuedAt=NOW - 10 * MINUTE)
        bench = Bench.open(world)
        sent: list[bytes] = []

        def watch(request: httpx.Request) -> httpx.Response | None:
            sent.append(request.url.raw_path)
            return None

        bench.between.fault = watch
        key = execution_key("job-0000", name)
        assert found(await bench.adapter.fetch([key, thing_key(name)])) == [key, thing_key(name)]
        assert isinstance(await full(bench, key), Execution)
        assert [each.parts for each in await bench.all(ExecutionFilter(nodes=frozenset({thing_key(name)})))] == [key.parts]
        assert {path.partition(b"?")[0] for path in sent} >= {
            b"/things/rack%3A7_a-b",
            b"/things/rack%3A7_a-b/jobs",
            b"/things/rack%3A7_a-b/jobs/job-0000",
        }
        assert not any(b":" in path for path in sent)

    async def test_a_thing_that_is_another(self) -> None:
        bench = Bench.open()
        bench.between.fault = lambda _request: httpx.Response(200, json={"thingName": "another"})
        (answer,) = await bench.adapter.fetch([thing_key("one")])
        assert isinstance(answer, SourceError)
        assert answer.code is SourceErrorCode.BAD_RESPONSE


class TestFull:
    def busy(self) -> Bench:
        world = fleet(1, 6)
        world.update_job("job-0000", timeoutConfig={"inProgressTimeoutInMinutes": 90})
        for key in world.executions:
            world.update_execution(key, statusDetails={"detailsMap": {"reason": f"because of {key.thing_name}"}})
        return Bench.open(world)

    async def test_many_executions_ask_for_their_job_once(self) -> None:
        bench = self.busy()
        keys = keys_of(bench)
        rows = await asyncio.gather(*(full(bench, key) for key in keys))
        assert [row.key for row in rows] == keys
        assert {row.timeout_seconds for row in rows} == {5400}
        assert [row.status_message for row in rows] == [f"because of {key.parts[1]}" for key in keys]
        # The job itself came with no list, so each row took one of its thing.
        assert bench.operations() == {"DescribeJob": 1, "DescribeJobExecution": 6, "ListJobExecutionsForThing": 6}

    async def test_of_a_list_that_was_read(self) -> None:
        bench = self.busy()
        await bench.page(ALL)
        bench.operations()
        await asyncio.gather(*(full(bench, key) for key in keys_of(bench)))
        assert bench.operations() == {"DescribeJob": 1, "DescribeJobExecution": 6}
        bench.clock.now += 61
        await full(bench, keys_of(bench)[0])
        assert bench.operations()["DescribeJob"] == 1

    async def test_descriptions_name_their_number(self) -> None:
        bench = Bench.open()
        twice = next(key for key in bench.world.executions if key.number == 2)
        await full(bench, execution_key(*twice._replace(number=1)))
        described = f"/things/{twice.thing_name}/jobs/{twice.job_id}?executionNumber=1"
        assert described in bench.asked()

    async def test_the_story(self) -> None:
        bench = Bench.open()
        key = next(
            each
            for each, row in bench.world.executions.items()
            if each.job_id == STORY_JOB and row["statusDetails"].get("detailsMap", {}).get("reason") == STORY_REASON
        )
        row = await full(bench, execution_key(*key))
        assert row.status_message == STORY_REASON
        shown = bench.adapter.details(row)
        assert isinstance(shown, IotExecutionDetails)
        assert shown.version_number == bench.world.executions[key]["versionNumber"]
        assert shown.retry_attempt == bench.world.executions[key]["retryAttempt"], "only rows have it"

    @pytest.mark.parametrize("operation", ["DescribeJob", "DescribeJobExecution"])
    async def test_what_is_listed_exists_even_without_a_description(self, operation: str) -> None:
        bench = self.busy()
        key = keys_of(bench)[0]

        def missing(request: httpx.Request) -> httpx.Response | None:
            if named("GET", request.url.raw_path.decode()) != operation:
                return None
            return httpx.Response(404, headers={"x-amzn-errortype": "ResourceNotFoundException:"}, json={"message": ""})

        bench.between.fault = missing
        row = await full(bench, key)
        lacks_job = operation == "DescribeJob"
        assert (row.timeout_seconds, row.status_message) == (
            None if lacks_job else 5400,
            f"because of {key.parts[1]}" if lacks_job else None,
        )

    @pytest.mark.parametrize("operation", ["DescribeJob", "DescribeJobExecution", "ListJobExecutionsForThing"])
    async def test_a_fault_of_any_part_is_one_of_the_whole(self, operation: str) -> None:
        bench = self.busy()

        def fail(request: httpx.Request) -> httpx.Response | None:
            return httpx.Response(403) if named("GET", request.url.raw_path.decode()) == operation else None

        bench.between.fault = fail
        answer = await bench.adapter.fetch_full(keys_of(bench)[0])
        assert isinstance(answer, SourceError)
        assert answer.code is SourceErrorCode.FORBIDDEN

    async def test_nobody_waits_for_a_description_that_failed(self) -> None:
        bench = self.busy()
        bench.between.fault = lambda _request: httpx.Response(403)
        answers = await asyncio.gather(*(bench.adapter.fetch_full(key) for key in keys_of(bench)))
        assert all(isinstance(each, SourceError) for each in answers)
        assert not bench.adapter._describing
