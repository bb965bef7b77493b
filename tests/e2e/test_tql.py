"""ThreatConnect behind the gateway: no text gets out of its quotes, and analysts get in with TQL of their own."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import yaml

from adapters.scale import factory as scale
from adapters.threatconnect import factory as threatconnect
from adapters.threatconnect.simulator_tables import Profile
from gateway import ids
from gateway.config import ConfigFile
from gateway.demo import Demo
from gateway.model import Key
from gateway.testing.servers import LoopbackServers
from tests.e2e.conftest import NOW, Served, serve

Row = dict[str, Any]

HOSTILE = [
    '" or jobId > 0 or name = "',
    "' or jobId > 0 or name = '",
    '\\" or jobId > 0 or name = \\"',
    '\\\\" or jobId > 0) or (name = "',
    '"',
    "'",
    "`",
    "\\",
    "\\\\",
    "(",
    ") or (jobId > 0",
    "a\nb",
    '"\r\nor jobId > 0',
    "a\tb",
    "a\0b",
    '\0" or jobId > 0',
    "\u201c or jobId > 0 or name = \u201c",
    "\u2018quoted\u2019",
    "\u2028or jobId > 0",
    "\uff02 or jobId > 0",
    "%",
    "_",
    "%a%",
    "&resultLimit=1&tql=jobId > 0#",
    "ÀÉ\u0130ß",
]
"""Texts that would break out of a query that does not escape, some of them in a dialect that nobody speaks."""


@pytest.fixture(scope="module", params=Profile, ids=lambda profile: profile.name)
def hostile(request: pytest.FixtureRequest) -> Iterator[Demo]:
    """A ThreatConnect in which everything that can be called so has a hostile name, beside a source that speaks no TQL."""
    simulators: dict[str, Any] = {
        "threatconnect": threatconnect.simulator(seed=7, size=150, now=NOW),
        "scale": scale.simulator(seed=7, size=60, now=NOW),
    }
    world = simulators["threatconnect"].world
    simulators["threatconnect"].profile = request.param
    for number, text in enumerate(HOSTILE):
        job = world.add_job(name=text)
        queued = NOW - timedelta(minutes=number)
        world.add_execution(jobId=job, serverName=text, status=text, exitMessage=text, queueTime=queued)
    with LoopbackServers([each.app for each in simulators.values()]) as servers:
        origins = dict(zip(simulators, servers.origins, strict=True))
        settings = {
            "threatconnect": threatconnect.simulator_settings(origins["threatconnect"]),
            "scale": scale.simulator_settings(origins["scale"]),
        }
        document = {"sources": [{"name": name, **given} for name, given in settings.items()]}
        yield Demo(ConfigFile(yaml.safe_dump(document), "hostile"), simulators, origins)


@pytest.fixture
async def app(hostile: Demo) -> AsyncIterator[Served]:
    async for one in serve(hostile.file, hostile):
        yield one


# --- the truth, from the simulator's own tables


class Truth:
    """What filters select, told from the tables by Python alone."""

    def __init__(self, served: Served) -> None:
        self.world = served.simulator("threatconnect").world

    def name(self, row: Row) -> str:
        job = self.world.jobs.get(row["jobId"])
        return (job and job["name"]) or str(row["jobId"])

    @property
    def rows(self) -> dict[str, Row]:
        return {f"{row['jobId']}/{row['id']}": row for row in self.world.executions.values()}

    def executions(self, test: Callable[[Row], bool]) -> set[str]:
        return {key for key, row in self.rows.items() if test(row)}

    def jobs(self, test: Callable[[str], bool]) -> set[str]:
        return {str(row["id"]) for row in self.world.jobs.values() if test(row["name"])}


def texts(text: str) -> dict[str, tuple[Any, Callable[[str], bool]]]:
    """Every way to filter by a text, and what it means."""
    low = text.lower()
    return {
        "equals": ({"equals": text}, lambda one: one == text),
        "in": ({"in": [text, "tc-job", "Failed"]}, lambda one: one in (text, "tc-job", "Failed")),
        "startsWith": ({"startsWith": text}, lambda one: one.lower().startswith(low)),
        "contains": ({"contains": text}, lambda one: low in one.lower()),
        "all": ({"equals": text, "in": [text], "startsWith": text, "contains": text}, lambda one: one == text),
    }


def cases(text: str, truth: Truth) -> Iterator[tuple[str, Row, set[str]]]:
    """(list, filter, native ids that it selects) for every part of a filter that is a text."""
    low = text.lower()
    for match, test in texts(text).values():
        yield "executions", {"name": match}, {key for key, row in truth.rows.items() if test(truth.name(row))}
        yield (
            "executions",
            {"nodeName": match},
            {key for key, row in truth.rows.items() if test(row["serverName"] or "\ufffd")},
        )
        yield "executions", {"actor": match}, set()
        yield "jobs", {"name": match}, truth.jobs(test)
    yield "executions", {"rawStatus": [text]}, truth.executions(lambda row: row["status"] == text)
    yield (
        "executions",
        {"search": text},
        truth.executions(lambda row: low in truth.name(row).lower() or low in (row["exitMessage"] or "").strip().lower()),
    )
    yield "jobs", {"rawState": [text]}, set()
    if not set(text) & {"\0", "\n", "\r", "\t", "\u2028"}:
        node = ids.encode(Key("node", "threatconnect", (text,)))
        yield "executions", {"nodeId": [node]}, truth.executions(lambda row: row["serverName"] == text)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
async def test_no_text_gets_out_of_its_quotes(app: Served, text: str) -> None:
    truth = Truth(app)
    asked = list(cases(text, truth))
    assert sum(len(wanted) > 0 for _, _, wanted in asked) >= 8, "a filter that selects nothing shows little"
    variables = {f"v{n}": {**given, "source": ["threatconnect"]} for n, (_, given, _) in enumerate(asked)}
    types = {"executions": "ExecutionFilter", "jobs": "JobFilter"}
    declared = ", ".join(f"$v{n}: {types[name]}" for n, (name, _, _) in enumerate(asked))
    selections = " ".join(
        f"l{n}: {name}(first: 1000, filter: $v{n}) {{ edges {{ node {{ nativeId }} }} sources {{ state }} }}"
        for n, (name, _, _) in enumerate(asked)
    )
    data = await app.data(f"query({declared}) {{ {selections} }}", **variables)
    for n, (name, given, wanted) in enumerate(asked):
        page = data[f"l{n}"]
        assert all(report["state"] in ("OK", "SKIPPED") for report in page["sources"]), (given, page["sources"])
        assert {edge["node"]["nativeId"] for edge in page["edges"]} == wanted, f"{name} where {given}"


async def test_no_native_id_gets_out_of_its_quotes(app: Served) -> None:
    query = """query($id: String!) { source(name: "threatconnect") {
        node(nativeId: $id) { name } job(nativeId: $id) { name } execution(nativeId: $id) { name } } }"""
    for text in HOSTILE:
        body = await app.ask(query, id=text)
        found = body["data"]["source"]
        assert (found["job"], found["execution"]) == (None, None)
        assert found["node"] in (None, {"name": text})
        assert {error["extensions"]["code"] for error in body["errors"]} == {"BAD_USER_INPUT"}
        refused = {error["path"][1] for error in body["errors"]}
        assert refused == {"job", "execution"} | ({"node"} if found["node"] is None else set())


async def test_nothing_in_somebodys_own_tql_gets_out_of_its_parentheses(app: Served) -> None:
    before = app.served()
    for text in HOSTILE:
        for own in (text, f"jobId = 1{text}", f"jobId = 1) or (jobId > 0{text}", f"jobId = 1 and {text}"):
            body = await app.ask(LIST, filter={"tql": own})
            assert "errors" in body, f"{own!r} was taken for TQL"
            (error,) = body["errors"]
            assert (error["path"], error["extensions"]) == (["executions"], {"code": "BAD_USER_INPUT"})
            assert error["message"].startswith("`tql` is no TQL: ")
    assert app.served() == before


# --- TQL of one's own

LIST = """
query($filter: ExecutionFilter, $first: Int! = 1000, $after: String, $order: ExecutionOrder! = {field: CREATED_AT}) {
  executions(filter: $filter, first: $first, after: $after, orderBy: $order) {
    edges { node { nativeId status finishedAt } } pageInfo { hasNextPage endCursor } totalCount partial
    sources { source { name } state requests residualFilters error { code message } } } }"""


def native(page: Any) -> list[str]:
    return [edge["node"]["nativeId"] for edge in page["edges"]]


def states(page: Any) -> dict[str, str]:
    return {report["source"]["name"]: report["state"] for report in page["sources"]}


class TestOwnTql:
    async def test_it_is_anded_with_the_rest_and_others_are_not_asked(self, app: Served) -> None:
        full = app.simulator("threatconnect").profile is Profile.FULL
        truth = Truth(app)
        jobs = [ids.encode(Key("job", "threatconnect", (str(number),))) for number in (1, 2, 3)]
        before = app.served()["scale"]
        own = "jobId = 1 or jobId = 2 or jobId = 5 and completedTime is not null"
        for given, wanted in (
            ({"tql": own}, lambda row: row["jobId"] in (1, 2) or (row["jobId"] == 5 and row["completedTime"] is not None)),
            ({"tql": own, "jobId": jobs}, lambda row: row["jobId"] in (1, 2)),
            ({"tql": own, "jobId": jobs, "status": ["FAILED"]}, lambda row: row["jobId"] < 3 and row["status"] == "Failed"),
            ({"tql": "\n jobId\tIN ( 2,3 )  "}, lambda row: row["jobId"] in (2, 3)),
        ):
            page = (await app.data(LIST, filter=given))["executions"]
            assert set(native(page)) == truth.executions(wanted), given
            assert states(page) == {"scale": "SKIPPED", "threatconnect": "OK"}
            residual = [report["residualFilters"] for report in page["sources"]]
            assert residual == [[], ["status"] if "status" in given else []]
            if "status" not in given:
                assert page["totalCount"] == len(native(page))
        assert app.served()["scale"] == before
        if full:
            page = (await app.data(LIST, filter={"tql": 'status in ("Failed") and serverName contains "job-2"'}))[
                "executions"
            ]
            wanted_ids = truth.executions(lambda row: row["status"] == "Failed" and "job-2" in (row["serverName"] or ""))
            assert set(native(page)) == wanted_ids
            assert wanted_ids

    async def test_no_source_that_speaks_it(self, app: Served) -> None:
        before = app.served()
        page = (await app.data(LIST, filter={"tql": "what is this", "source": ["scale"]}))["executions"]
        assert (page["edges"], page["partial"]) == ([], False)
        assert states(page) == {"scale": "SKIPPED", "threatconnect": "SKIPPED"}
        assert app.served() == before

    async def test_what_is_malformed_is_refused_before_anybody_is_asked(self, app: Served) -> None:
        before = app.served()
        body = await app.ask(LIST.replace("executions(", "mine: executions("), filter={"tql": "jobId in ()"})
        (error,) = body["errors"]
        assert error["message"] == "`tql` is no TQL: expected a value at position 10, counted from 0."
        assert (error["path"], error["extensions"]) == (["mine"], {"code": "BAD_USER_INPUT"})
        assert app.served() == before

    async def test_a_parameter_that_is_not_on_offer(self, app: Served) -> None:
        given = {"tql": "nothing = 1"}
        # Nobody knows the parameters yet: the source reports it.
        page = (await app.data(LIST, filter=given))["executions"]
        (report,) = [each for each in page["sources"] if each["source"]["name"] == "threatconnect"]
        assert (report["state"], report["error"]["code"]) == ("FAILED", "UNSUPPORTED")
        assert report["error"]["message"].startswith("`tql` names 'nothing' at position 0")
        # Now they are known.
        (error,) = (await app.ask(LIST, filter=given))["errors"]
        assert (error["path"], error["extensions"]) == (["executions"], {"code": "BAD_USER_INPUT"})
        assert "'nothing' at position 0, which is none of the parameters on offer: completedtime," in error["message"]

    async def test_what_the_server_refuses_is_its_sources_error(self, app: Served) -> None:
        """The one published example that is judged differently: right by its grammar, refused for its value."""
        given = {"tql": 'completedTime GEQ "2024-05-10T00:00:33.12Z"'}
        page = (await app.data(LIST, filter=given))["executions"]
        (report,) = [each for each in page["sources"] if each["source"]["name"] == "threatconnect"]
        assert (report["state"], report["error"]["code"]) == ("FAILED", "UNSUPPORTED")
        assert report["error"]["message"].startswith("It refused the TQL of this request (0x2001)")

    async def test_a_cursor_belongs_to_its_tql(self, app: Served) -> None:
        given, other = {"tql": "jobId in (1,2)"}, {"tql": "jobId in (1,3)"}
        page = (await app.data(LIST, filter=given, first=5))["executions"]
        after = page["pageInfo"]["endCursor"]
        rest = (await app.data(LIST, filter=given, after=after))["executions"]
        whole = (await app.data(LIST, filter=given))["executions"]
        assert native(page) + native(rest) == native(whole)
        for wrong in (other, {}, {"tql": "jobId in (1, 2)"}):
            (error,) = (await app.ask(LIST, filter=wrong, after=after))["errors"]
            assert error["message"].startswith("The cursor belongs to another list")

    async def test_lists_inside_lists_take_it_too(self, app: Served) -> None:
        query = """{ jobs(first: 1000) { edges { node { nativeId source { name }
            executions(first: 5, filter: {tql: "completedTime is null"}) {
              edges { node { status } } sources { source { name } state } } } } } }"""
        jobs = [edge["node"] for edge in (await app.data(query.replace("1000", "40")))["jobs"]["edges"]]
        for job in jobs:
            speaks = job["source"]["name"] == "threatconnect"
            assert states(job["executions"])[job["source"]["name"]] == ("OK" if speaks else "SKIPPED")
            assert speaks or not job["executions"]["edges"]


# --- what is sent


async def test_ends(app: Served) -> None:
    """A filter and an order by the end find what failed, whatever the server can do."""
    truth = Truth(app)
    start = NOW - timedelta(days=3)
    wanted = {
        f"{row['jobId']}/{row['id']}": row["completedTime"] or row["failedTime"]
        for row in truth.world.executions.values()
        if (end := row["completedTime"] or row["failedTime"]) is not None and end >= start
    }
    for direction in ("ASC", "DESC"):
        order = {"field": "FINISHED_AT", "direction": direction}
        rows: list[str] = []
        after, more = None, True
        while more:
            given = {"finishedAt": {"from": start.isoformat()}, "source": ["threatconnect"]}
            page = (await app.data(LIST, filter=given, order=order, first=17, after=after))["executions"]
            assert not page["partial"], page["sources"]
            rows += native(page)
            after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
            assert page["edges"] or not more
        keys = sorted(wanted, key=lambda key: int(key.split("/")[1]))
        keys.sort(key=lambda key: wanted[key], reverse=direction == "DESC")
        assert rows == keys
    page = (await app.data(LIST, filter={"finishedAt": {"from": start.isoformat()}, "status": ["FAILED"]}))["executions"]
    assert len([key for key in native(page) if key in wanted]) > 5


async def test_addresses_stay_short(app: Served) -> None:
    simulator = app.simulator("threatconnect")
    simulator.log.clear()
    truth = Truth(app)
    some = [
        ids.encode(Key("job", "threatconnect", (str(number),))) for number in (*range(2, 700), *range(10**17, 10**17 + 60))
    ]
    texts = [f"text {number}" for number in range(300)]
    order = {"field": "FINISHED_AT", "direction": "DESC"}
    for given in (
        {"jobId": some},
        {"jobId": some, "rawStatus": ["Completed", *texts], "nodeName": {"in": texts}},
        {"jobId": some, "tql": f"jobId in ({','.join(map(str, range(2, 250)))})", "finishedAt": {"last": "P30D"}},
        {"name": {"in": texts}},
    ):
        for by in (order, {"field": "CREATED_AT", "direction": "ASC"}, {"field": "STARTED_AT"}):
            page = (await app.data(LIST, filter={**given, "source": ["threatconnect"]}, order=by))["executions"]
            assert states(page) == {"scale": "SKIPPED", "threatconnect": "OK"}
            if list(given) == ["jobId"]:
                assert set(native(page)) == truth.executions(lambda row: 2 <= row["jobId"] < 700)
                assert [report["residualFilters"] for report in page["sources"]] == [[], []]
    rows = [Key("execution", "threatconnect", (str(r["jobId"]), str(r["id"]))) for r in truth.world.executions.values()]
    for start in range(0, len(rows), 100):
        names = [ids.encode(key) for key in rows[start : start + 100]]
        data = await app.data("query($ids: [ID!]!) { entities(ids: $ids) { id } }", ids=names)
        assert [each["id"] for each in data["entities"]] == names
    asked = [f"https://threatconnect.example{each.path}?{each.query}" for each in simulator.log]
    assert len(asked) > 20
    assert max(map(len, asked)) < 2000
    assert max(map(len, asked)) > 1000, "chunks are as large as they may be"
    assert not [each for each in asked if "%28%29" in each], json.dumps(asked)
