"""The AWS IoT simulator against recordings, its quirks, and the data that it generates.

The recordings' origins differ in weight: ``model`` (built to botocore's service model) is how AWS is, as far as is known;
moto and ministack are other simulators, which are right only where they agree with the model.
"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import httpx
import pytest

from adapters.aws_iot.simulator import Simulator
from adapters.aws_iot.simulator_faults import FrontEndError, ServiceError
from adapters.aws_iot.world import World
from adapters.aws_iot.world_generator import STORY_JOB, STORY_REASON
from adapters.aws_iot.world_rows import ExecutionId, arn
from gateway.testing.shapes import compare_shapes

DIRECTORY = Path(__file__).parent.parent / "recordings" / "aws_iot"
RECORDINGS: dict[str, dict] = {path.stem: json.loads(path.read_text()) for path in sorted(DIRECTORY.glob("*.json"))}
NOW = datetime(2026, 11, 21, 20, 30, 12, 345678, tzinfo=UTC)

_TYPE = "sends __type in the body and no traceId"
UNMATCHED: dict[str, str] = {
    "model-dataplane-429": "data plane, not simulated",
    "moto-describe-exec-404": f"moto {_TYPE}",
    "moto-describe-job-404": f"moto {_TYPE}",
    "moto-describe-thing-404": f"moto {_TYPE}",
    "moto-execs-for-job-bad-status": "moto accepts any status; AWS answers 400",
    "moto-execs-for-job-bad-token": "moto answers InvalidToken, a code that the model does not have",
    "moto-execs-for-thing-jobid": "moto ignores jobId",
    "moto-list-jobs-p2": "moto repeats its first page for ever",
    "moto-list-jobs-status-canceled": "moto ignores all filters of ListJobs",
    "moto-job-document-404": "moto crashes with a page of HTML; AWS answers 404",
    "moto-list-things-p2": "moto ends without a token, AWS with null (aws-cli#7965)",
    "ms-dataplane-pending": "data plane, not simulated",
    "ms-describe-thing-404": f"ministack {_TYPE}",
    "ms-execs-for-job-bad-status": f"ministack {_TYPE}",
    "ms-execs-for-job-p3": "the two pages before it are not recorded",
    "ms-execs-for-job-unknown": f"ministack {_TYPE}",
    "ms-execs-for-thing-unknown": "ministack answers 200 with no rows; AWS documents 404",
    "ms-list-jobs-p1": "ministack does not page ListJobs: seven rows where five were asked for",
    "ms-job-document-404": f"ministack {_TYPE}",
}
"""Recordings that the simulator does not answer alike, and why."""

APART = {"model-list-jobs-group", "ms-describe-job-canceled"}
"""Recordings whose rows would not fit among the others of their origin: each has a world of its own."""

REFUSALS: dict[str, ServiceError] = {
    "model-err-401": ServiceError("UnauthorizedException", "You are not authorized to perform this operation."),
    "model-err-403-access-denied": ServiceError("AccessDeniedException", "User is not authorized to perform: iot:ListJobs"),
    "model-err-403-signature": ServiceError("InvalidSignatureException", "Signature expired"),
    "model-err-500": ServiceError("InternalFailureException", "An unexpected error has occurred."),
    "model-err-503": ServiceError("ServiceUnavailableException", "The service is temporarily unavailable."),
    "model-err-503-html": FrontEndError(),
    "model-err-type-suffix": ServiceError(
        "ResourceNotFoundException", "Not Found", suffix="http://internal.amazon.com/coral/com.amazonaws.iot.laser/"
    ),
}
"""Errors that nothing in a request brings about, or not in this form: the simulator is told to answer them."""

REPLAYED = [name for name, recording in RECORDINGS.items() if recording["request"]["method"] == "GET"]


def signed(key: str = "AKIDEXAMPLE", **changes: str) -> dict[str, str]:
    """Headers of a signed request; the recordings were stripped of theirs."""
    parts = {"day": "20261121", "region": "us-east-1", "service": "iot", "headers": "host;x-amz-date"} | changes
    scope = f"{key}/{parts['day']}/{parts['region']}/{parts['service']}/aws4_request"
    value = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={parts['headers']}, Signature={'0' * 64}"
    return {"authorization": value, "x-amz-date": "20261121T203012Z"}


def client_of(simulator: Simulator) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=simulator.app)
    return httpx.AsyncClient(transport=transport, base_url="https://iot.us-east-1.amazonaws.com")


async def get(simulator: Simulator, target: str, headers: dict[str, str] | None = None) -> httpx.Response:
    async with client_of(simulator) as client:
        return await client.get(target, headers=signed() if headers is None else headers)


async def walk(simulator: Simulator, path: str, **parameters: Any) -> list[dict]:
    """The bodies of all pages of a list."""
    pages: list[dict] = []
    while True:
        pages.append((await get(simulator, f"{path}?{urlencode(parameters)}")).raise_for_status().json())
        token = pages[-1].get("nextToken")
        if token is None:
            return pages
        parameters["nextToken"] = token


def rows_of(pages: list[dict], member: str) -> list[Any]:
    return [row for page in pages for row in page[member]]


def error(response: httpx.Response) -> tuple[int, str, str]:
    assert set(response.json()) == {"message", "traceId"}
    return response.status_code, response.headers["x-amzn-errortype"], response.json()["message"]


# Fidelity


def records(name: str) -> Iterator[tuple[str, dict]]:
    """What a recording shows of the account's tables."""
    recording = RECORDINGS[name]
    body = recording["response"]["body"]
    if recording["response"]["status"] != 200:
        return
    match recording["operation"]:
        case "ListJobs":
            yield from (("jobs", row) for row in body["jobs"])
        case "DescribeJob":
            yield "jobs", body["job"] | {key: body[key] for key in ("documentSource",) if key in body}
        case "ListThings":
            yield from (("things", row) for row in body["things"])
        case "DescribeThing":
            yield "things", body
        case "DescribeJobExecution":
            yield "executions", body["execution"]
        case "ListJobExecutionsForJob" | "ListJobExecutionsForThing":
            owner = recording["request"]["path"].split("/")[2]
            for row in body["executionSummaries"]:
                of_job = {"jobId": owner, "thingArn": row["thingArn"]} if "thingArn" in row else {}
                of_thing = {} if of_job else {"jobId": row["jobId"], "thingArn": arn("thing", owner)}
                yield "executions", {**of_job, **of_thing, **row["jobExecutionSummary"]}


def recorded_world(name: str) -> World:
    """The account in which a recording was made, as its origin's recordings show it."""
    origin = RECORDINGS[name]["origin"]
    others = [each for each in REPLAYED if RECORDINGS[each]["origin"] == origin and each not in APART]
    world = World.from_records(NOW, (pair for each in ([name] if name in APART else others) for pair in records(each)))
    for row in world.jobs.values():
        if "thingGroupId" in row:
            world.groups["site-berlin"] = {"thingGroupId": row["thingGroupId"], "things": []}
    if name == "ms-execs-for-job-rejoined":
        # Its token says that there are more rows than were recorded.
        last = world.executions[ExecutionId("cont-3", "dev-00", 1)]
        world.absorb("executions", {**last, "thingArn": arn("thing", "dev-99")})
    return world


def predecessor(name: str) -> str | None:
    """The recording whose token this one sends."""
    request = RECORDINGS[name]["request"]
    token = dict(parse_qsl(request["query"])).get("nextToken")
    for other in REPLAYED:
        recording = RECORDINGS[other]
        body = recording["response"]["body"]
        alike = recording["request"]["path"] == request["path"] and recording["origin"] == RECORDINGS[name]["origin"]
        if alike and other != name and token is not None and isinstance(body, dict) and body.get("nextToken") == token:
            return other
    return None


async def replay(name: str, simulator: Simulator) -> httpx.Response:
    """Sends a recorded request, with the token that the simulator gives in place of the recorded one."""
    request = RECORDINGS[name]["request"]
    parameters = dict(parse_qsl(request["query"]))
    before = predecessor(name)
    if before is not None:
        parameters["nextToken"] = (await replay(before, simulator)).json().get("nextToken") or "none"
    return await get(simulator, request["path"] + ("?" + urlencode(parameters) if parameters else ""))


def prepared(name: str) -> Simulator:
    """A simulator in the state in which a recording was made."""
    simulator = Simulator(recorded_world(name), quotas={})
    if name in REFUSALS:
        simulator.faults[RECORDINGS[name]["operation"]] = REFUSALS[name]
    if name == "model-err-403-expired-token":
        simulator.expired.add("AKIDEXAMPLE")
    if name.endswith("-throttling"):
        simulator.throttle.quotas = {RECORDINGS[name]["operation"]: 0}
        simulator.throttling_status = RECORDINGS[name]["response"]["status"]
    return simulator


async def differences(name: str) -> list[str]:
    recorded = RECORDINGS[name]["response"]
    response = await replay(name, prepared(name))
    found = []
    if response.status_code != recorded["status"]:
        found.append(f"status {response.status_code}, recorded {recorded['status']}")
    for header in ("content-type", "x-amzn-errortype"):
        actual, wanted = (each.get(header, "").split("; charset")[0] for each in (response.headers, recorded["headers"]))
        if actual != wanted:
            found.append(f"{header} {actual!r}, recorded {wanted!r}")
    is_json = response.headers["content-type"] == "application/json"
    body = response.json() if is_json else response.text
    return found + compare_shapes(recorded["body"], body) + row_differences(recorded["body"], body)


def row_differences(recorded: Any, simulated: Any) -> list[str]:
    """Jobs and things have to be the recorded ones; of executions, whose order is another, there have to be as many."""

    def sortable(rows: list) -> list[str]:
        return sorted(json.dumps(row, sort_keys=True) for row in rows)

    for member in ("jobs", "things", "executionSummaries"):
        if isinstance(recorded, dict) and member in recorded and isinstance(simulated, dict) and member in simulated:
            left, right = recorded[member], simulated[member]
            if len(left) != len(right) or (member != "executionSummaries" and sortable(left) != sortable(right)):
                return [f"other {member}: {len(left)} recorded, {len(right)} simulated"]
    return []


class TestFidelity:
    async def test_recordings(self) -> None:
        differing = {name: found for name in REPLAYED if (found := await differences(name))}
        assert {name: found for name, found in differing.items() if name not in UNMATCHED} == {}
        assert [name for name in UNMATCHED if name not in differing] == []
        assert 1 - len(differing) / len(REPLAYED) >= 0.73
        model = [name for name in REPLAYED if name.startswith("model-")]
        assert sum(name in differing for name in model) / len(model) < 0.1

    @pytest.mark.parametrize("origin", ["model", "moto"])
    async def test_executions_of_a_walk_are_the_recorded_ones(self, origin: str) -> None:
        names = [f"{origin}-execs-for-job-p{number}" for number in (1, 2, 3)]
        recorded = [row for name in names for row in RECORDINGS[name]["response"]["body"]["executionSummaries"]]
        answered = []
        for name in names:
            answered += (await replay(name, prepared(name))).json()["executionSummaries"]
        by_text = [sorted(json.dumps(row, sort_keys=True) for row in rows) for rows in (recorded, answered)]
        assert by_text[0] == by_text[1]


# Quirks


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(World.generate(1, 300, NOW), quotas={})


STORY = f"/jobs/{STORY_JOB}"


class TestPaging:
    async def test_tokens_have_to_be_encoded_exactly_once(self, simulator: Simulator) -> None:
        token = (await get(simulator, "/jobs?maxResults=1")).json()["nextToken"]
        assert set("/+=") <= set(token)
        assert len(token) > 80
        once = quote(token, safe="")
        refused = (400, "InvalidRequestException:", "Next token is invalid.")
        for bad in (token, quote(once, safe=""), "junk", ""):
            assert error(await get(simulator, f"/jobs?maxResults=1&nextToken={bad}")) == refused
        assert (await get(simulator, f"/jobs?maxResults=1&nextToken={once}")).status_code == 200

    async def test_tokens_are_good_for_one_list_only(self, simulator: Simulator) -> None:
        token = quote((await get(simulator, f"{STORY}/things?maxResults=3")).json()["nextToken"], safe="")
        other = next(key for key in simulator.world.jobs if key != STORY_JOB)
        for target in ("/jobs?", f"/jobs/{other}/things?", f"{STORY}/things?status=FAILED&"):
            assert (await get(simulator, f"{target}nextToken={token}")).status_code == 400
        assert (await get(simulator, f"{STORY}/things?maxResults=9&nextToken={token}")).status_code == 200

    async def test_tokens_perish(self, simulator: Simulator) -> None:
        first = (await get(simulator, "/jobs?maxResults=1")).json()
        simulator.expire_tokens()
        stale = quote(first["nextToken"], safe="")
        assert error(await get(simulator, f"/jobs?nextToken={stale}"))[1] == "InvalidRequestException:"
        again = (await get(simulator, "/jobs?maxResults=1")).json()
        assert again["jobs"] == first["jobs"]
        assert again["nextToken"] != first["nextToken"]
        assert (await get(simulator, f"/jobs?nextToken={stale}")).status_code == 400

    async def test_the_end_is_null_or_absent(self, simulator: Simulator) -> None:
        for path in ("/jobs", "/things"):
            assert (await walk(simulator, path, maxResults=10))[-1]["nextToken"] is None
            assert "nextToken" not in (await get(simulator, f"{path}?maxResults=250")).json()
        assert "nextToken" not in (await walk(simulator, f"{STORY}/things", maxResults=10))[-1]

    async def test_pages_may_be_shorter_than_asked_for(self, simulator: Simulator) -> None:
        usual = await walk(simulator, f"{STORY}/things", maxResults=10)
        simulator.short_pages = True
        short = await walk(simulator, f"{STORY}/things", maxResults=10)
        assert {len(page["executionSummaries"]) for page in short[:-1]} == {5}
        assert rows_of(short, "executionSummaries") == rows_of(usual, "executionSummaries")

    async def test_every_list_is_whole_whatever_the_page_size(self, simulator: Simulator) -> None:
        for path, member in (("/jobs", "jobs"), ("/things", "things"), (f"{STORY}/things", "executionSummaries"),
                             ("/things/kiosk:lyon:01/jobs", "executionSummaries"),
                             ("/thing-groups/checkout-tills/things", "things")):  # fmt: skip
            whole = rows_of(await walk(simulator, path, maxResults=250), member)
            assert rows_of(await walk(simulator, path, maxResults=2), member) == whole
            assert len({json.dumps(row) for row in whole}) == len(whole) > 2

    async def test_executions_move_while_one_pages(self, simulator: Simulator) -> None:
        first = (await get(simulator, f"{STORY}/things?maxResults=10")).json()
        rest = rows_of(await walk(simulator, f"{STORY}/things", maxResults=250), "executionSummaries")[10:]
        moved = rest[3]["thingArn"].partition(":thing/")[2]
        key = ExecutionId(STORY_JOB, moved, rest[3]["jobExecutionSummary"]["executionNumber"])
        gone = ExecutionId(STORY_JOB, first["executionSummaries"][-1]["thingArn"].partition(":thing/")[2], 1)
        simulator.world.update_execution(key, statusDetails={"detailsMap": {"step": "report"}})
        simulator.world.executions.pop(gone, None)
        later = await walk(simulator, f"{STORY}/things", maxResults=10, nextToken=first["nextToken"])
        # The row that moved to the front is missed; the one at the boundary may vanish without harm to its neighbours.
        assert rows_of(later, "executionSummaries") == [row for row in rest if row != rest[3]]

    async def test_latency_counts_rows(self, monkeypatch: pytest.MonkeyPatch, simulator: Simulator) -> None:
        naps: list[float] = []

        async def nap(seconds: float) -> None:
            naps.append(seconds)

        monkeypatch.setattr("adapters.aws_iot.simulator.asyncio.sleep", nap)
        simulator.latency_per_row = 0.5
        await get(simulator, f"{STORY}/things?maxResults=20")
        await get(simulator, STORY)
        assert naps == [10.0, 0.5]


class TestFilters:
    async def test_one_status(self, simulator: Simulator) -> None:
        all_rows = rows_of(await walk(simulator, f"{STORY}/things", maxResults=250), "executionSummaries")
        for status in ("FAILED", "SUCCEEDED", "TIMED_OUT", "QUEUED"):
            found = rows_of(await walk(simulator, f"{STORY}/things", status=status), "executionSummaries")
            assert found == [row for row in all_rows if row["jobExecutionSummary"]["status"] == status]

    async def test_jobs(self, simulator: Simulator) -> None:
        jobs = rows_of(await walk(simulator, "/jobs", maxResults=250), "jobs")
        assert jobs == sorted(jobs, key=lambda row: (row["createdAt"], row["jobId"]))
        for name, value in (("status", "CANCELED"), ("status", "SCHEDULED"), ("targetSelection", "SNAPSHOT")):
            found = rows_of(await walk(simulator, "/jobs", **{name: value, "maxResults": 250}), "jobs")
            assert found == [row for row in jobs if row[name] == value] != []
        tenant = {key for key, row in simulator.world.jobs.items() if row.get("namespaceId") == "tenant-a"}
        found = rows_of(await walk(simulator, "/jobs", namespaceId="tenant-a", maxResults=250), "jobs")
        assert {row["jobId"] for row in found} == tenant != set()

    async def test_scheduled_jobs_are_missing_by_group_name(self, simulator: Simulator) -> None:
        group = simulator.world.groups["checkout-canaries"]["thingGroupId"]
        by_id = rows_of(await walk(simulator, "/jobs", thingGroupId=group), "jobs")
        by_name = rows_of(await walk(simulator, "/jobs", thingGroupName="checkout-canaries"), "jobs")
        assert by_name == [row for row in by_id if row["status"] != "SCHEDULED"]
        assert len(by_name) < len(by_id)
        assert error(await get(simulator, "/jobs?thingGroupName=nope"))[:2] == (404, "ResourceNotFoundException:")

    async def test_thing_and_job(self, simulator: Simulator) -> None:
        path = f"/things/{quote('till-berlin-01', safe='')}/jobs"
        rows = rows_of(await walk(simulator, path, jobId=STORY_JOB), "executionSummaries")
        assert [row["jobExecutionSummary"]["executionNumber"] for row in rows] == [2, 1]
        assert all(set(row) == {"jobId", "jobExecutionSummary"} for row in rows)
        assert rows_of(await walk(simulator, path, jobId="nope"), "executionSummaries") == []
        assert rows_of(await walk(simulator, path, namespaceId="nope"), "executionSummaries") == []

    async def test_colons_plain_and_encoded(self, simulator: Simulator) -> None:
        plain, encoded = [(await get(simulator, f"/things/{name}/jobs")) for name in ("kiosk:lyon:01", "kiosk%3Alyon%3A01")]
        assert plain.json() == encoded.json()
        assert plain.json()["executionSummaries"]
        assert (await get(simulator, "/things/kiosk%253Alyon%253A01")).status_code == 400

    async def test_things(self, simulator: Simulator) -> None:
        async def names(**parameters: str) -> set[str]:
            return {row["thingName"] for row in rows_of(await walk(simulator, "/things", **parameters), "things")}

        world = simulator.world
        berlin = {name for name, row in world.things.items() if row["attributes"].get("site") == "berlin"}
        assert await names(attributeName="site", attributeValue="berlin") == berlin != set()
        assert await names(attributeName="site", attributeValue="ber") == set()
        assert await names(attributeName="site", attributeValue="ber", usePrefixAttributeValue="true") == berlin
        assert await names(thingTypeName="kiosk") == {
            k for k, row in world.things.items() if row.get("thingTypeName") == "kiosk"
        }
        assert (await get(simulator, "/things?attributeName=site")).status_code == 400


class TestDetails:
    async def test_list_rows_lack_details(self, simulator: Simulator) -> None:
        row = (await get(simulator, f"{STORY}/things?status=FAILED&maxResults=1")).json()["executionSummaries"][0]
        assert set(row) == {"thingArn", "jobExecutionSummary"}
        assert set(row["jobExecutionSummary"]) == {
            "status", "queuedAt", "startedAt", "lastUpdatedAt", "executionNumber", "retryAttempt"
        }  # fmt: skip
        listed = {name for job in (await get(simulator, "/jobs?maxResults=250")).json()["jobs"] for name in job}
        assert listed == {
            "jobArn", "jobId", "thingGroupId", "targetSelection", "status", "createdAt", "lastUpdatedAt", "completedAt",
            "isConcurrent",
        }  # fmt: skip

    async def test_latest_execution_unless_numbered(self, simulator: Simulator) -> None:
        path = f"/things/till-berlin-01/jobs/{STORY_JOB}"
        latest = (await get(simulator, path)).json()["execution"]
        first = (await get(simulator, f"{path}?executionNumber=1")).json()["execution"]
        assert (latest["executionNumber"], latest["status"]) == (2, "SUCCEEDED")
        assert (first["executionNumber"], first["status"]) == (1, "FAILED")
        assert first["statusDetails"]["detailsMap"]["reason"] == STORY_REASON
        assert "retryAttempt" not in first
        assert error(await get(simulator, f"{path}?executionNumber=9"))[0] == 404

    async def test_deleted_things(self, simulator: Simulator) -> None:
        rows = [key for key in simulator.world.executions if key.thing_name not in simulator.world.things]
        assert {key.thing_name for key in rows} == {"till-altstadt-01", "kiosk:geneva:01"}
        key = rows[0]
        assert (await get(simulator, f"/things/{key.thing_name}/jobs/{key.job_id}")).status_code == 200
        for path in (f"/things/{key.thing_name}", f"/things/{key.thing_name}/jobs"):
            answer = error(await get(simulator, path))
            assert answer == (404, "ResourceNotFoundException:", f"Thing 123456789012:{key.thing_name} not found.")

    async def test_documents_are_text(self, simulator: Simulator) -> None:
        document = (await get(simulator, f"{STORY}/job-document")).json()["document"]
        assert json.loads(document)["url"].startswith(("https://updates.example/stable", "https://updates.example/canary"))
        before = (await get(simulator, f"{STORY}/job-document?beforeSubstitution=true")).json()["document"]
        assert "${aws:iot:parameter:channel}" in json.loads(before)["url"]

    async def test_counters_count_attempts(self) -> None:
        simulator = Simulator(World(NOW), quotas={})
        key = simulator.world.add_execution(retryAttempt=2)
        simulator.world.add_execution(jobId=key.job_id, status="QUEUED")
        counts = (await get(simulator, f"/jobs/{key.job_id}")).json()["job"]["jobProcessDetails"]
        assert (counts["numberOfFailedThings"], counts["numberOfSucceededThings"], counts["numberOfQueuedThings"]) == (
            2,
            1,
            1,
        )
        assert sum(count or 0 for count in counts.values()) > 2


class TestErrors:
    @pytest.mark.parametrize(
        ("target", "problem"),
        [
            (
                "/jobs?status=QUEUED",
                "Value 'QUEUED' at 'status' failed to satisfy constraint: Member must satisfy enum value set",
            ),
            ("/jobs?targetSelection=snapshot", "Value 'snapshot' at 'targetSelection'"),
            (f"{STORY}/things?status=FAILED,QUEUED", "Value 'FAILED,QUEUED' at 'status'"),
            ("/things?maxResults=0", "Member must have value greater than or equal to 1"),
            ("/things?maxResults=251", "Member must have value less than or equal to 250"),
            ("/things?maxResults=x", "Value 'x' at 'maxResults'"),
            ("/jobs/", "Value '' at 'jobId'"),
            ("/jobs/a.b", "Value 'a.b' at 'jobId' failed to satisfy constraint: Member must satisfy regular expression"),
            (f"/jobs/{'j' * 65}", "Member must have length less than or equal to 64"),
            ("/things/a%2Fb", "Value 'a/b' at 'thingName'"),
            (f"/things/x/jobs/{STORY_JOB}?executionNumber=one", "Value 'one' at 'executionNumber'"),
        ],
    )
    async def test_validation(self, simulator: Simulator, target: str, problem: str) -> None:
        status, code, message = error(await get(simulator, target))
        assert (status, code) == (400, "InvalidRequestException:")
        assert message.startswith("1 validation error detected: ")
        assert problem in message

    async def test_several_errors_in_one(self, simulator: Simulator) -> None:
        message = error(await get(simulator, "/jobs?status=x&maxResults=999"))[2]
        assert message.startswith("2 validation errors detected: ")

    @pytest.mark.parametrize("path", ["/", "/indices", f"{STORY}/cancel", f"{STORY}/things/", "/jobs/a/b/c"])
    async def test_no_such_operation(self, simulator: Simulator, path: str) -> None:
        assert error(await get(simulator, path))[:2] == (404, "UnknownOperationException:")

    async def test_writing_is_not_simulated(self, simulator: Simulator) -> None:
        async with client_of(simulator) as client:
            response = await client.put(f"{STORY}/cancel", headers=signed())
        assert error(response)[:2] == (404, "UnknownOperationException:")

    async def test_faults_until_taken_out(self, simulator: Simulator) -> None:
        simulator.faults["ListJobs"] = FrontEndError()
        response = await get(simulator, "/jobs")
        assert (response.status_code, response.headers["content-type"].split(";")[0]) == (503, "text/html")
        assert "x-amzn-errortype" not in response.headers
        assert (await get(simulator, "/things")).status_code == 200
        del simulator.faults["ListJobs"]
        assert (await get(simulator, "/jobs")).status_code == 200


class TestSignatures:
    async def test_unsigned(self, simulator: Simulator) -> None:
        answer = error(await get(simulator, "/jobs", {}))
        assert answer == (403, "MissingAuthenticationTokenException:", "Missing Authentication Token")
        assert simulator.times == []

    @pytest.mark.parametrize(
        "headers",
        [
            signed() | {"authorization": "Basic abc"},
            signed() | {"authorization": signed()["authorization"][:-1]},
            signed() | {"x-amz-date": "20261120T235959Z"},
            signed() | {"x-amz-date": "today"},
            signed() | {"x-amz-security-token": "unsigned"},
            signed(region="eu-west-1"),
            signed(service="iot-jobs-data"),
            signed(headers="host"),
        ],
    )
    async def test_malformed(self, simulator: Simulator, headers: dict[str, str]) -> None:
        assert error(await get(simulator, "/jobs", headers))[:2] == (403, "InvalidSignatureException:")

    async def test_credentials(self) -> None:
        simulator = Simulator(World(NOW), credentials={"LONG": None, "SHORT": "token"}, quotas={})
        with_token = signed("SHORT", headers="host;x-amz-date;x-amz-security-token") | {"x-amz-security-token": "token"}
        assert (await get(simulator, "/jobs", signed("LONG"))).status_code == 200
        assert (await get(simulator, "/jobs", with_token)).status_code == 200
        for headers in (signed("SHORT"), signed("OTHER"), with_token | {"x-amz-security-token": "another"}):
            assert error(await get(simulator, "/jobs", headers))[:2] == (403, "UnrecognizedClientException:")
        simulator.expired.add("SHORT")
        assert error(await get(simulator, "/jobs", with_token))[:2] == (403, "ExpiredTokenException:")


class TestThrottling:
    async def test_sliding_second_of_each_operation(self) -> None:
        clock = iter([*(100 + tick / 16 for tick in range(12)), 101.0, 101.0, 101.5, 101.5])
        simulator = Simulator(World.generate(1, 50, NOW), clock=lambda: next(clock))
        statuses = [(await get(simulator, "/jobs")).status_code for _ in range(11)]
        assert statuses == [200] * 10 + [400]
        other = await get(simulator, "/things")
        assert other.status_code == 200
        # The first of the ten is a second old; the refused one did not count.
        assert (await get(simulator, "/jobs")).status_code == 200
        refused = await get(simulator, "/jobs")
        assert error(refused) == (400, "ThrottlingException:", "Rate exceeded")
        assert "retry-after" not in refused.headers
        simulator.throttling_status = 429
        assert [(await get(simulator, "/jobs")).status_code for _ in range(2)] == [200, 200]
        assert simulator.times[0] == (100.0, "ListJobs")
        assert Counter(operation for _, operation in simulator.times) == {"ListJobs": 15, "ListThings": 1}

    async def test_things_are_described_often(self) -> None:
        simulator = Simulator(World.generate(1, 50, NOW), clock=lambda: 0.0, throttling_status=429)
        statuses = Counter([(await get(simulator, "/things/GW_lyon")).status_code for _ in range(351)])
        assert statuses == {200: 350, 429: 1}


class TestLog:
    async def test_paths_verbatim(self, simulator: Simulator) -> None:
        await get(simulator, "/things/kiosk%3Alyon%3A01/jobs?jobId=a")
        entries = (await get(simulator, "/_log", {})).json()
        assert [(each["path"], each["query"], each["status"]) for each in entries] == [
            ("/things/kiosk%3Alyon%3A01/jobs", "jobId=a", 200)
        ]
        assert len(simulator.log) == 1
