"""TQL as the ThreatConnect simulator reads it, against published examples, and what its conditions mean."""

import json
from datetime import timedelta
from urllib.parse import quote, urlsplit

import pytest

from adapters.threatconnect.simulator import Simulator
from adapters.threatconnect.simulator_tql import TqlError, parse
from adapters.threatconnect.world import World
from tests.adapters.test_threatconnect_simulator import (
    DIRECTORY,
    EXECUTIONS,
    NOW,
    RECORDINGS,
    TOKEN,
    client_of,
    get,
    ids,
    refusal,
)

EXAMPLES: list[dict] = json.loads((DIRECTORY / "tql_examples.json").read_text())
BY_VALUE = 'lastModified GEQ "2024-05-10T00:00:33.12Z"'
"""Refused for its value, not by the grammar: see TestFilters.test_fractions."""


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(World.generate(1, 300, NOW))


class TestGrammar:
    @pytest.mark.parametrize("text", [each["tql"] for each in EXAMPLES if each["valid"]])
    def test_published_queries(self, text: str) -> None:
        parse(text)

    @pytest.mark.parametrize("text", [e["tql"] for e in EXAMPLES if e["valid"] is False and e["tql"] != BY_VALUE])
    def test_what_is_no_query(self, text: str) -> None:
        with pytest.raises(TqlError):
            parse(text)

    def test_enough_examples(self) -> None:
        assert sum(each["valid"] is not None for each in EXAMPLES) == 75

    @pytest.mark.parametrize(
        "text", ["(" * 5000, "id = 1 or", "and = 1", "id in (1,)", "id = 1x", r'name = "\n"', "id = " + "9" * 99]
    )
    def test_more_that_is_no_query(self, text: str) -> None:
        with pytest.raises(TqlError):
            parse(text)

    def test_bound_tighter(self) -> None:
        assert parse("a = 1 or b = 2 and not c = 3") == parse("(a = 1) or ((b = 2) and (not (c = 3)))")


class TestFilters:
    async def test_each_operator(self) -> None:
        world = World(NOW)
        for name, active in (("Alpha", True), ("alpha", False), ("Beta 100%", True), (None, None)):
            world.add_job(name=name, active=active)
        simulator = Simulator(world)
        for tql, expected in {
            'name = "Alpha"': [1],
            'NAME EQUALS "Alpha"': [1],
            'name != "Alpha"': [3, 2],
            'not name = "Alpha"': [3, 2],
            'name NE "Alpha" or name is null': [4, 3, 2],
            "name is not null": [3, 2, 1],
            'name in ("Alpha", "alpha")': [2, 1],
            'name not in "Alpha"': [3, 2],
            'name like "%lpha"': [2, 1],
            'name like ("_eta%")': [3],
            'name contains "a 1"': [3],
            'name contains "%"': [3],
            'name not startswith "A"': [3, 2],
            "name endswith '0%'": [3],
            "id >= 2 and id LT 4": [3, 2],
            "id in (1,3) or (id > 3)": [4, 3, 1],
            "id > 1.5 and id < 2.5": [2],
            "active = TRUE": [3, 1],
            "active != true": [2],
        }.items():
            assert await ids(simulator, "v3/jobs", tql=tql) == expected, tql

    async def test_case_is_the_databases_choice(self) -> None:
        world = World(NOW)
        for name in ("Alpha", "alpha"):
            world.add_job(name=name)
        assert await ids(Simulator(world), "v3/jobs", tql='name = "ALPHA"') == []
        assert await ids(Simulator(world, case_sensitive=False), "v3/jobs", tql='name = "ALPHA"') == [2, 1]
        assert await ids(Simulator(world, case_sensitive=False), "v3/jobs", tql='name like "A%"') == [2, 1]

    async def test_escapes(self) -> None:
        world = World(NOW)
        names = ["quote\" back\\ tick` it's", 'x" or name != "']
        for name in names:
            world.add_job(name=name)
        escaped = r'"quote\" back\\ tick\` it\'s"'
        assert await ids(Simulator(world), "v3/jobs", tql=f"name = {escaped}") == [1]
        assert await ids(Simulator(world), "v3/jobs", tql=f'name = "{names[1]}"') == [2, 1], "an injection"

    async def test_instants(self) -> None:
        world = World(NOW)
        for hours in (1, 2, 30):
            world.add_execution(queueTime=NOW - timedelta(hours=hours), wait=0, duration=0)
        world.add_execution(status="Failed")
        simulator = Simulator(world)
        for tql, expected in {
            'completedTime > "NOW() - 1 HOUR"': [],
            'completedTime > "now() - 2 hours"': [1],
            'completedTime > "NOW() - 2 DAYS"': [3, 2, 1],
            'completedTime >= "TODAY()"': [2, 1],
            'completedTime >= "2026-11-21"': [2, 1],
            'completedTime <= "2026-11-20"': [3],
            'completedTime < "2026-11-20"': [],
            'completedTime = "2026-11-21T19:30:12Z"': [1],
            'completedTime = "2026-11-21 19:30:12"': [1],
            'completedTime = "2026-11-21T20:30:12+01:00"': [1],
            'completedTime >= "2026-11-21T19:30:12.000Z"': [1],
            "completedTime is null": [4],
            'completedTime >= "2020-01-01" or failedTime >= "2020-01-01"': [4, 3, 2, 1],
        }.items():
            assert await ids(simulator, tql=tql) == expected, tql

    @pytest.mark.parametrize("fraction", [".1", ".12", ".1234", ".33120"])
    async def test_fractions(self, simulator: Simulator, fraction: str) -> None:
        tql = f'completedTime GEQ "2024-05-10T00:00:33{fraction}Z"'
        assert await refusal(simulator, tql=tql) == (400, "0x2001")

    @pytest.mark.parametrize(
        "tql",
        [
            "", "Invalid TQL", "nothing = 1", 'jobId = "1"', "jobId = true", "status = 1", 'jobId like "1%"', 'status > "A"',
            'completedTime > "yesterday"', 'completedTime > "2026-13-01"', "completedTime > 5", "hasJob(id = 1)",
            'completedTime > "0001-01-01T00:00:00+10:00"', 'completedTime > "NOW() - 1 FORTNIGHT"',
        ],
    )  # fmt: skip
    async def test_refused(self, simulator: Simulator, tql: str) -> None:
        response = await get(simulator, f"{EXECUTIONS}?tql={quote(tql)}")
        expected = RECORDINGS["synthetic_error_tql_parse"]["response"]
        assert (response.status_code, response.json()) == (400, expected["body"])

    async def test_long_queries_come_in_the_body(self, simulator: Simulator) -> None:
        async with client_of(simulator) as client:
            params = {"tql": 'status = "Failed"', "resultLimit": 3, "count": True}
            url = f"/api/{EXECUTIONS}"
            body = (await client.request("GET", url, headers=TOKEN, json={"data": params})).json()
            bad = await client.request("GET", url, headers=TOKEN, content=b"[")
        assert [row["status"] for row in body["data"]] == ["Failed"] * 3
        assert body["count"] > 3
        assert urlsplit(body["next"]).query == "tql=status%20%3D%20%22Failed%22&count=true&resultStart=3&resultLimit=3"
        assert (bad.status_code, bad.json()["errCode"]) == (400, "0x1001")
