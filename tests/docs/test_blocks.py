"""What the pages tell people to ask, configure and type, tried over a demo of all five systems of today.

That no query leaves the compiled way silently is held for every test by ``tests/conftest.py``.
"""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from click import Group
from click.testing import CliRunner
from graphql import OperationDefinitionNode, OperationType, build_schema, parse, validate

from gateway.app import create_app
from gateway.cli import cli
from gateway.config import ConfigFile
from tests.compliance.conftest import Systems, systems
from tests.docs.blocks import ROOT, Block, blocks, tables

NOW = datetime.now(UTC).replace(microsecond=0)
SERVED = "http://127.0.0.1:8000/graphql"
GRAPHQL, YAML, SH = blocks("graphql"), blocks("yaml"), blocks("sh")
_PLACEHOLDER = re.compile(r'"<([^"]*)>"')


@pytest.fixture(scope="module")
def today() -> Iterator[Systems]:
    with systems(NOW, expose_raw=True) as made:
        yield made


def where(block: Block) -> str:
    return block.where


def ago(**time: float) -> str:
    return (NOW - timedelta(**time)).isoformat().replace("+00:00", "Z")


@pytest.fixture(scope="module")
def known(today: Systems) -> dict[str, str]:
    """What the pages leave to their readers to fill in."""
    finished = '{ executions(first: 1, filter: {sourceKind: ["awx"], status: [FAILED], startedAt: {last: "P2D"}}) '
    query = finished + "{ edges { node { id nativeId job { id } nodes { edges { node { id name } } } } } } }"
    answer = httpx.post(today.server.http, json={"query": query}, timeout=60).json()
    (edge,) = answer["data"]["executions"]["edges"]
    node = edge["node"]["nodes"]["edges"][-1]["node"]
    return {
        "id of an execution": edge["node"]["id"],
        "native id of an AWX execution": edge["node"]["nativeId"],
        "id of a job": edge["node"]["job"]["id"],
        "id of a node": node["id"],
        "name of a node": node["name"],
        "midnight": ago(hours=20),
        "three days ago": ago(days=3),
        "a week ago": ago(days=7),
        "now": ago(),
    }


# --- queries -------------------------------------------------------------------------------------------------------


def variables(block: Block, known: dict[str, str]) -> dict[str, Any]:
    """The JSON that follows a query, filled in."""
    follower = block.follower
    if follower is None or follower.language != "json":
        return {}
    filled: dict[str, Any] = json.loads(_PLACEHOLDER.sub(lambda match: json.dumps(known[match[1]]), follower.text))
    return filled


@pytest.mark.parametrize("block", GRAPHQL, ids=where)
def test_a_query(block: Block, today: Systems, known: dict[str, str]) -> None:
    document = parse(block.text)
    assert validate(build_schema((ROOT / "schema.graphql").read_text("utf-8")), document) == []
    (operation,) = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    given = variables(block, known)
    assert {each.variable.name.value for each in operation.variable_definitions or ()} == given.keys()
    asked = {"query": block.text, "variables": given}
    data = followed(today, asked) if operation.operation is OperationType.SUBSCRIPTION else answered(today, asked)
    assert shows_something(data), data


def answered(today: Systems, asked: dict[str, Any]) -> Any:
    body = httpx.post(today.server.http, json=asked, timeout=60).json()
    assert "errors" not in body, body["errors"]
    return body["data"]


def followed(today: Systems, asked: dict[str, Any]) -> Any:
    """The first event of a subscription."""
    headers = {"Accept": "text/event-stream"}
    with httpx.stream("POST", today.server.http, json=asked, headers=headers, timeout=60) as stream:
        event = next(line for line in stream.iter_lines() if line.startswith("data: {"))
    body = json.loads(event.removeprefix("data: "))
    assert "errors" not in body, body["errors"]
    return body["data"]


def shows_something(data: Any) -> bool:
    """Whether every root field has an answer, its lists (if any) together a row, and no source failed."""
    lists = [*found(data, "edges"), *found(data, "groups")]
    states = {report.get("state") for reports in found(data, "sources") for report in reports or ()}
    return None not in data.values() and (not lists or any(lists)) and "FAILED" not in states


def found(value: Any, name: str) -> Iterator[Any]:
    """All values of a field, wherever it stands in an answer."""
    if isinstance(value, dict):
        yield from (member for key, member in value.items() if key == name)
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from found(member, name)


def test_json_stands_below_queries_only() -> None:
    assert {block.where for block in blocks("json")} == {
        block.follower.where for block in GRAPHQL if block.follower is not None and block.follower.language == "json"
    }


# --- configurations ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", YAML, ids=where)
def test_a_configuration(block: Block, tmp_path: Path) -> None:
    document = yaml.safe_load(block.text)
    if "groups" in document:
        assert all(rule["alert"] and rule["expr"] for group in document["groups"] for rule in group["rules"])
        return
    secret = tmp_path / "secret"
    secret.write_text("s3cr3t\n", "utf-8")
    text = re.sub(r"file:/[\w/-]+", f"file:{secret}", block.text)
    if "sources" not in document:
        text += "sources:\n  - {name: any, kind: memory}\n"
    environment = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "s3cr3t")
    environment |= {name: sha256(name.encode()).hexdigest() for name in environment if name.endswith("_SHA256")}
    # Reads the settings of every source with its adapter, and contacts none.
    create_app(ConfigFile(text, block.where, environment))


# --- commands ------------------------------------------------------------------------------------------------------


def commands() -> list[tuple[str, str]]:
    """Where, and a command with its continued lines joined."""
    lines = ((block, line) for block in SH for line in block.text.replace("\\\n", " ").splitlines())
    return [(f"{block.where} {number}", line) for number, (block, line) in enumerate(lines) if line.strip()]


COMMANDS = commands()


@pytest.mark.parametrize("command", [line for _, line in COMMANDS], ids=[name for name, _ in COMMANDS])
def test_a_command(command: str, today: Systems, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, *arguments = shlex.split(command)
    match Path(program).name:
        case "execution-gateway":
            run(arguments, today, tmp_path, monkeypatch)
        case "curl":
            call(arguments, today)
        case "make":
            assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        case "pip":
            name, extra = re.fullmatch(r"([\w-]+)\[(\w+)\]", arguments[1]).groups()  # type: ignore[union-attr]
            project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
            assert (name, extra in project["optional-dependencies"]) == (project["name"], True)
        case "docker":
            # No engine runs here. tests/e2e/test_docker.py tries what compose.yaml brings together.
            assert all((ROOT / each).is_file() for each in arguments if each.startswith("docker/"))
            if arguments[0] == "run":
                run(arguments[arguments.index("execution-gateway") + 1 :], today, tmp_path, monkeypatch)
        case "cp":
            assert (ROOT / arguments[0]).is_file()
        case "export":
            assert re.fullmatch(r"\w+=\.\.\.", arguments[0])
        case "python3" | "printf":
            own = command.replace("python3", shlex.quote(sys.executable))
            environment = {"PATH": "/usr/bin:/bin", "KEY": "key"}
            done = subprocess.run(
                ["sh", "-ec", own], env=environment, capture_output=True, text=True, timeout=60, check=True
            )
            assert len(done.stdout.strip()) >= 43
            if program == "printf":
                assert done.stdout.strip() == sha256(b"key").hexdigest()
        case _:
            pytest.fail(f"nobody knows how to try {program}")


def run(arguments: list[str], today: Systems, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command of our own over the demo's sources; of those that serve, the options are read."""
    if arguments[0] in ("serve", "demo"):
        assert isinstance(cli, Group)
        cli.commands[arguments[0]].make_context(arguments[0], arguments[1:])
        return
    (tmp_path / "gateway.yaml").write_text(yaml.safe_dump(today.demo.file.data), "utf-8")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, arguments)
    assert (done.exit_code, done.exception) == (0, None), done.output
    match arguments[0]:
        case "check":
            assert all(name in done.output for name in today.demo.simulators)
        case "query":
            assert shows_something(json.loads(done.output)["data"])
        case "schema":
            assert done.output == (ROOT / "schema.graphql").read_text("utf-8")
        case _:
            pytest.fail(f"nobody knows what {arguments[0]} prints")


def call(arguments: list[str], today: Systems) -> None:
    """curl's GET, POST of JSON, and event stream."""
    url = next(each for each in arguments if each.startswith("http"))
    pairs = list(pairwise(arguments))
    headers = dict(value.split(": ", 1) for option, value in pairs if option == "-H")
    bodies = [json.loads(value) for option, value in pairs if option == "-d"]
    target = url.replace(SERVED.removesuffix("/graphql"), today.server.http.removesuffix("/graphql"))
    assert target != url
    if not bodies:
        assert httpx.get(target, headers=headers).status_code == 200
        return
    (body,) = bodies
    assert headers["Content-Type"] == "application/json"
    if headers.get("Accept") == "text/event-stream":
        assert shows_something(followed(today, body))
        return
    answer = httpx.post(target, json=body, headers=headers, timeout=60)
    assert answer.status_code == 200
    assert "errors" not in answer.json(), answer.text


# --- what sources can do -------------------------------------------------------------------------------------------


def test_the_tables_of_capabilities(today: Systems) -> None:
    asked = next(block for block in GRAPHQL if block.where.startswith("docs/sources.md"))
    told = {each["kind"]: each["capabilities"] for each in answered(today, {"query": asked.text})["sources"]}
    filters = {row[0].strip("`"): row[1] for row in tables("sources", "| kind | filters |")}
    head = (
        "| kind | lists all executions | counts | ids per request | logs | lists nodes | TQL | least seconds between polls "
        "| orders pushed down |"
    )
    abilities = {row[0].strip("`"): row[1:] for row in tables("sources", head)}
    assert told.keys() == filters.keys() == abilities.keys()
    for kind, can in told.items():
        everything, counts, ids, logs, nodes, tql, seconds, orders = abilities[kind]
        yes = [each.startswith(("yes", "where")) for each in (everything, counts, logs, nodes, tql)]
        assert yes == [can[name] for name in ("listsAllExecutions", "countsCheaply", "logs", "nodes", "tql")], kind
        assert float(seconds) == can["minPollSeconds"], kind
        # What ThreatConnect can do depends on its release.
        if kind != "threatconnect":
            assert int(ids) == can["batchSize"], kind
            assert orders == (", ".join(can["pushedOrders"]) or "none"), kind
            assert filters[kind] == ", ".join(can["pushedFilters"]), kind
