"""What people would ask (operations/): every answer on the demo is what the simulators hold, and says what it cost."""

import re
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from graphql import build_schema, parse, validate

from gateway import ids
from gateway.model import Key
from tests.compliance import truths
from tests.compliance.conftest import Systems, systems
from tests.compliance.node import ROOT
from tests.compliance.truths import FAILURES, instant, message, names, nodes, rows, since, trigger
from tests.e2e.ground_truth import FINAL, Row, listed

OPERATIONS = {path.stem: path.read_text("utf-8") for path in (Path(__file__).parent / "operations").glob("*.graphql")}
# Some ranges in them are relative to the clock, so the demo is of today.
NOW = datetime.now(UTC).replace(microsecond=0)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
WEEK, DAY = instant(NOW, days=7), instant(NOW, days=1)


@pytest.fixture(scope="module")
def today() -> Iterator[Systems]:
    with systems(NOW) as made:
        yield made


def ask(today: Systems, operation: str, **variables: Any) -> Any:
    """The data of an answer without errors; what it cost is printed, and is what the simulators have counted."""
    before = {name: len(today.simulator(name).log) for name in today.demo.simulators}
    answer = httpx.post(today.server.http, json={"query": OPERATIONS[operation], "variables": variables}, timeout=120)
    body = answer.json()
    assert "errors" not in body, body["errors"]
    upstream = body.get("extensions", {}).get("upstream", {})
    # A simulator writes a request down when its answer has gone out, which may be a moment after that has arrived.
    for _ in range(100):
        served = {name: len(today.simulator(name).log) - count for name, count in before.items()}
        if sum(served.values()) >= sum(upstream.values()):
            break
        time.sleep(0.02)
    assert upstream == {name: count for name, count in served.items() if count}
    cost = ", ".join(f"{name} {count}" for name, count in upstream.items())
    print(f"{operation}: {sum(upstream.values())} upstream requests ({cost})")
    return body["data"]


def test_all_of_them_are_valid() -> None:
    schema = build_schema((ROOT / "schema.graphql").read_text("utf-8"))
    assert len(OPERATIONS) == 15
    assert {name: errors for name, text in OPERATIONS.items() if (errors := validate(schema, parse(text)))} == {}


def states(page: Any) -> set[str]:
    return {report["state"] for report in page["sources"]}


def test_what_failed_since_midnight_and_why(today: Systems) -> None:
    held = {row.id: row for row in rows(today)}
    wanted = [row for row in held.values() if row.status in FAILURES and since(DAY, row.finished)]
    found: list[str] = []
    after, more = None, True
    while more:
        page = ask(today, "01_failed_since_midnight", since=DAY, after=after)["executions"]
        assert states(page) == {"OK"}
        for edge in page["edges"]:
            node, row = edge["node"], held[truths.name(edge["node"]["id"])]
            assert (node["name"], node["source"]["name"]) == (row.name, row.source)
            assert (node["statusMessage"] or None) == message(today, row)
            shown = {each["node"]["name"] for each in node["nodes"]["edges"]}
            broken = {host for host, failed in nodes(today, row).items() if failed}
            assert shown <= broken
            assert len(shown) == min(5, len(broken))
        found += names(page["edges"])
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert len(found) > 50
    assert found == listed(wanted, "FINISHED_AT", "DESC")


@pytest.mark.parametrize("source", ["awx", "scale", "aws-iot", "threatconnect", "ctl-runner"])
def test_what_ran_on_a_host_yesterday(today: Systems, source: str) -> None:
    start, end = instant(NOW, days=3), DAY
    held = [row for row in rows(today) if since(start, row.started) and not since(end, row.started)]
    name = next(host for row in held if row.source == source for host, _ in reversed(nodes(today, row).items()))
    page = ask(today, "05_host_yesterday", name=name, **{"from": start, "to": end})["executions"]
    # AWX knows the hosts of a run when it has ended, and says so (decision 25).
    open_ = {row.id for row in held if row.source == "awx" and row.status not in FINAL}
    found = [each for each in names(page["edges"]) if each not in open_]
    wanted = [row for row in held if name in nodes(today, row) and row.id not in open_]
    assert found == listed(wanted, "STARTED_AT", "ASC")[: len(found)]
    assert len(found) >= min(50 - len(open_), len(wanted)) > 0
    # A source where nothing can have that name is not asked.
    assert all(report["source"]["name"] == "awx" or report["state"] in {"OK", "SKIPPED"} for report in page["sources"])
    for edge in page["edges"]:
        assert name in {each["node"]["name"] for each in edge["node"]["nodes"]["edges"]}


def test_the_slowest_of_a_week(today: Systems) -> None:
    held = {row.id: row for row in rows(today)}
    page = ask(today, "06_slowest")["executions"]
    found = names(page["edges"])
    assert (page["partial"], states(page)) == (False, {"OK"})
    # The week has moved on by less than a minute since the demo was made.
    weeks = [instant(NOW, days=7), instant(NOW, days=7, seconds=-60)]
    choices = [
        listed([row for row in held.values() if row.status in FINAL and since(week, row.started)], "DURATION", "DESC")
        for week in weeks
    ]
    assert found in [choice[:20] for choice in choices]
    assert [edge["node"]["durationSeconds"] for edge in page["edges"]] == [held[each].duration for each in found]


def test_badges(today: Systems) -> None:
    data = ask(today, "08_badges")
    held = rows(today)
    badges: dict[str, Callable[[Row], bool]] = {
        "running": lambda row: row.status in {"RUNNING", "CANCELING"},
        "failedToday": lambda row: row.status in FAILURES and since(DAY, row.finished),
    }
    for badge, matches in badges.items():
        told = {report["source"]["name"]: report["totalCount"] for report in data[badge]["sources"]}
        truth = {name: sum(matches(row) for row in held if row.source == name) for name in told}
        # The day has moved on by less than a minute since the demo was made.
        late = instant(NOW, days=1, seconds=-60)
        gone = sum(matches(row) and row.finished is not None and not since(late, row.finished) for row in held)
        assert truth["awx"] - gone <= told["awx"] <= truth["awx"]
        # A source that cannot apply a filter says how many there are without it, or nothing; then there is no sum.
        assert all(count is None or count >= truth[name] - gone for name, count in told.items())
        assert data[badge]["totalCount"] is None
        assert data[badge]["partial"] is False
        for report in data[badge]["sources"]:
            assert report["source"]["id"] == ids.encode_source(report["source"]["name"])


def test_a_deep_link(today: Systems) -> None:
    for name in today.demo.simulators:
        row = next(row for row in rows(today) if row.source == name)
        found = ask(today, "10_deep_link", source=name, n=row.native)["source"]["execution"]
        assert found["id"] == truths.id_of(row)
    assert ask(today, "10_deep_link", source="awx", n="999999") == {"source": {"execution": None}}


def test_any_resource_by_its_id(today: Systems) -> None:
    row = next(row for row in rows(today) if row.source == "awx")
    template = today.simulator("awx").world.job_templates
    key = min(template)
    thing = next(iter(today.simulator("aws-iot").world.things))
    given = [
        truths.id_of(row),
        ids.encode(Key("job", "awx", (str(key),))),
        ids.encode(Key("node", "aws-iot", (thing,))),
        ids.encode_source("scale"),
        ids.encode(Key("execution", "awx", ("999999",))),
    ]
    execution, job, node, source, absent = ask(today, "11_resource_any", ids=given)["entities"]
    assert (execution["__typename"], execution["nativeId"], execution["status"]) == ("Execution", row.native, row.status)
    assert (job["__typename"], job["name"], job["source"]["name"]) == ("Job", template[key]["name"], "awx")
    assert (node["__typename"], node["name"]) == ("Node", thing)
    assert source == {"__typename": "Source", "id": given[3]}
    assert absent is None


def test_text_is_searched_in_names_and_messages(today: Systems) -> None:
    page = ask(today, "16_search_text", q="SCHEMA migration 0042")["executions"]
    found = names(page["edges"])
    wanted = [
        row
        for row in rows(today)
        if since(WEEK, row.created)
        and "schema migration 0042" in (message(today, row) or "").lower()
        # AWS IoT's lists show no messages, and the report says that it was searched by name only.
        and row.source != "aws-iot"
    ]
    assert found == listed(wanted, "CREATED_AT", "DESC")[:50]
    assert (page["partial"], states(page)) == (True, {"OK", "TRUNCATED"})


def test_who_ran_something(today: Systems) -> None:
    for user in ("søren", "admin"):
        edges = ask(today, "17_by_user", user=user, **{"from": WEEK})["executions"]["edges"]
        launched = [(row, *trigger(today, row)) for row in rows(today)]
        wanted = [
            row
            for row, word, actor in launched
            if actor == user and word in {"manual", "relaunch"} and since(WEEK, row.created)
        ]
        assert names(edges) == listed(wanted, "CREATED_AT", "DESC")[:50]
        assert {edge["node"]["trigger"]["actor"] for edge in edges} == {user}


def test_a_job_is_picked_by_part_of_its_name(today: Systems) -> None:
    page = ask(today, "19_job_picker", q="Checkout")["jobs"]
    named = [job for job in truths.jobs(today) if "checkout" in job[3].lower()]
    known = [job for job in named if job[0] is not None]
    wanted = sorted(known, key=lambda job: (-(job[0] or 0), job[1], job[2]))[:20]
    assert names(page["edges"]) == ["/".join((source, *map(str, tie))) for _, source, tie, _ in wanted]
    assert states(page) == {"OK"}
    held = {row.id: row for row in rows(today)}
    for edge in page["edges"]:
        latest = edge["node"]["latestExecution"]
        assert latest is not None
        assert held[truths.name(latest["id"])].status == latest["status"]
        assert held[truths.name(latest["id"])].name == edge["node"]["name"]


def test_what_is_new_since_the_last_visit(today: Systems) -> None:
    data = ask(today, "22_since_last_visit", t=instant(NOW, hours=12))
    for part, field in (("started", "CREATED_AT"), ("ended", "FINISHED_AT")):
        moment = instant(NOW, hours=12)
        wanted = [row for row in rows(today) if since(moment, row.created if part == "started" else row.finished)]
        assert names(data[part]["edges"]) == listed(wanted, field, "DESC")[:50]
        assert data[part]["partial"] is False
        assert data[part]["pageInfo"]["hasNextPage"] is (len(wanted) > 50)


def test_words_that_nobody_published(today: Systems) -> None:
    edges = ask(today, "25_unknown_words")["executions"]["edges"]
    held: dict[str, Row] = {row.id: row for row in rows(today)}
    wanted = [row for row in held.values() if row.status == "UNKNOWN"]
    assert names(edges) == listed(wanted, "CREATED_AT", "DESC")[:20]
    for edge in edges:
        row = held[truths.name(edge["node"]["id"])]
        assert edge["node"]["rawStatus"] == truths.record(today, row)["status"] == edge["node"]["raw"]["status"]


def test_whether_that_is_all(today: Systems) -> None:
    page = ask(today, "27_analyst_completeness")["executions"]
    wanted = [row for row in rows(today) if row.status == "FAILED"]
    assert names(page["edges"]) == listed(wanted, "CREATED_AT", "DESC")[:50]
    assert (page["partial"], states(page)) == (False, {"OK"})


def test_what_did_not_succeed_in_two_systems(today: Systems, monkeypatch: pytest.MonkeyPatch) -> None:
    # What its author calls awx-prod is the demo's awx.
    monkeypatch.setitem(OPERATIONS, "28_not_filter", OPERATIONS["28_not_filter"].replace("awx-prod", "awx"))
    edges = ask(today, "28_not_filter")["executions"]["edges"]
    wanted = [row for row in rows(today) if row.source in {"awx", "scale"} and row.status in FAILURES | {"CANCELED"}]
    assert names(edges) == listed(wanted, "CREATED_AT", "DESC")[:50]


# --- what is followed ----------------------------------------------------------------------------------------------


def events(today: Systems, operation: str, **variables: Any) -> Generator[Any]:
    """The data of a subscription's events."""
    headers = {"accept": "text/event-stream"}
    asked = {"query": OPERATIONS[operation], "variables": variables}
    with httpx.stream("POST", today.server.http, json=asked, headers=headers, timeout=60) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: {"):
                body = orjson.loads(line.removeprefix("data: "))
                assert "errors" not in body, body["errors"]
                yield body["data"]


def test_a_log_is_followed_to_its_end(today: Systems) -> None:
    row = next(row for row in rows(today) if row.source == "awx" and row.status == "FAILED")
    truth = today.simulator("awx").world.log_lines(row.tie[0])
    batches = [data["logLines"] for data in events(today, "03_tail", id=truths.id_of(row))]
    found = [edge["node"]["plainText"] for batch in batches for edge in batch["edges"]]
    assert found == [_COLOURS.sub("", line.text) for line in truth]
    assert (batches[-1]["complete"], batches[-1]["truncated"]) == (True, False)


def test_a_board_is_watched(today: Systems) -> None:
    world = today.simulator("awx").world
    template = min(world.job_templates)
    with closing(events(today, "14_watch_board", f={"source": ["awx"]})) as board:
        assert next(board)["executionsUpdated"]["change"] == "SOURCE_STATE"
        key = world.add_execution(job_template=template)
        changes = (data["executionsUpdated"] for data in board)
        change = next(each for each in changes if each["execution"] and truths.name(each["execution"]["id"]) == f"awx/{key}")
    world.delete_execution(key)
    assert (change["change"], change["execution"]["status"]) == ("APPEARED", "PENDING")
    assert change["execution"]["job"]["name"] == world.job_templates[template]["name"]
