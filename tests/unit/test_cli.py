"""The command line: what each command prints and how it exits; mistakes are one message, never a trace."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import yaml
from click.testing import CliRunner, Result
from graphql import build_client_schema, build_schema

from adapters.awx import factory as awx
from adapters.scale import factory as scale
from gateway.app import CONFIG_VARIABLE
from gateway.cli import cli, main
from gateway.testing.servers import LoopbackServers

NOW = datetime(2026, 11, 21, 19, 30, tzinfo=UTC)
SECRET = "hush-hush-4711"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """The console script's exit code."""
    monkeypatch.setattr(sys, "argv", ["execution-gateway", *(str(argument) for argument in arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    code = caught.value.code
    return code if isinstance(code, int) else 0


@pytest.fixture(scope="module")
def origins() -> Iterator[dict[str, str]]:
    """Simulators of AWX and Scale on loopback sockets."""
    simulators = [factory.simulator(seed=1, size=30, now=NOW) for factory in (awx, scale)]
    with LoopbackServers([simulator.app for simulator in simulators]) as servers:
        yield dict(zip(("awx", "scale"), servers.origins, strict=True))


def configured(path: Path, *sources: dict[str, Any], **server: Any) -> Path:
    file = path / "gw.yml"
    file.write_text(yaml.safe_dump({"server": server, "sources": list(sources)}), encoding="utf-8")
    return file


def awx_at(origin: str, **more: Any) -> dict[str, Any]:
    return {"name": "tower", **awx.simulator_settings(origin), **more}


def scale_at(origin: str, **more: Any) -> dict[str, Any]:
    return {"name": "cluster", **scale.simulator_settings(origin), **more}


# --- check ---------------------------------------------------------------------------------------------------------


def rows(result: Result) -> dict[str, list[str]]:
    """The cells of the printed table by source."""
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.output.splitlines() if "│" in line]
    return {cells[0]: cells[1:] for cells in lines}


def test_check_when_all_is_well(origins: dict[str, str], tmp_path: Path) -> None:
    result = run("check", "--config", configured(tmp_path, awx_at(origins["awx"]), scale_at(origins["scale"])))
    assert result.exit_code == 0, result.output
    table = rows(result)
    assert set(table) == {"tower", "cluster"}
    kind, reachable, version, accepted, _latency, problem = table["tower"]
    assert (kind, reachable, accepted, problem) == ("awx", "yes", "yes, as admin", "")
    assert version
    assert table["cluster"][:2] == ["scale", "yes"]
    assert table["cluster"][-1] == ""


def test_check_names_what_is_wrong_with_each_source(origins: dict[str, str], tmp_path: Path) -> None:
    result = run(
        "check",
        "--config",
        configured(
            tmp_path,
            awx_at(origins["awx"], name="refused", auth={"type": "bearer", "token": SECRET}),
            awx_at("http://127.0.0.1:9", name="absent", timeout_seconds=0.5),
            awx_at(origins["scale"], name="mistaken"),
            scale_at(origins["scale"]),
        ),
    )
    assert result.exit_code == 1
    table = rows(result)
    assert table["refused"][1:2] + table["refused"][3:4] == ["yes", "no"]
    assert table["refused"][-1].startswith("UNAUTHENTICATED")
    assert table["absent"][1:4] == ["no", "", "unknown"]
    assert table["absent"][-1].startswith("UNAVAILABLE")
    assert table["mistaken"][1:4] == ["yes", "", "unknown"]
    assert table["cluster"][-1] == ""
    assert SECRET not in result.output


def test_check_for_programs(origins: dict[str, str], tmp_path: Path) -> None:
    absent = awx_at("http://127.0.0.1:9", name="absent", timeout_seconds=0.5)
    result = run("check", "--json", "--config", configured(tmp_path, awx_at(origins["awx"]), absent))
    assert result.exit_code == 1
    gone, tower = json.loads(result.stdout)
    assert (tower["source"], tower["reachable"], tower["credentialsAccepted"], tower["problem"]) == (
        "tower",
        True,
        True,
        None,
    )
    assert tower["user"] == "admin"
    assert (gone["reachable"], gone["version"], gone["credentialsAccepted"]) == (False, None, None)
    assert gone["problem"].startswith("UNAVAILABLE: ")


# --- query ---------------------------------------------------------------------------------------------------------


def test_query_prints_the_answer(origins: dict[str, str], tmp_path: Path) -> None:
    file = configured(tmp_path, awx_at(origins["awx"]), scale_at(origins["scale"]))
    text = "query($n: Int!) { executions(first: $n) { edges { node { name source { name } } } sources { state } } }"
    result = run("query", "--config", file, text, "--variables", '{"n": 5}')
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert len(answer["data"]["executions"]["edges"]) == 5
    assert answer["data"]["executions"]["sources"] == [{"state": "OK"}, {"state": "OK"}]
    assert set(answer["extensions"]["upstream"]) == {"tower", "cluster"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ executions(first: -1) { partial } }", "BAD_USER_INPUT"),
    ],
)
def test_query_exits_with_1_when_the_answer_has_errors(query: str, code: str, tmp_path: Path) -> None:
    result = run("query", "--config", configured(tmp_path, {"name": "a", "kind": "memory"}), query)
    assert result.exit_code == 1
    assert [error["extensions"]["code"] for error in json.loads(result.stdout)["errors"]] == [code]


@pytest.mark.parametrize("variables", ["x", "[]", "1", "null", ""])
def test_query_takes_an_object_of_variables(variables: str, tmp_path: Path) -> None:
    file = configured(tmp_path, {"name": "a", "kind": "memory"})
    result = run("query", "--config", file, "{ __typename }", "--variables", variables)
    assert result.exit_code == 2
    assert "Invalid value for --variables: expected a JSON object" in result.output


def test_query_prints_text_as_it_is(tmp_path: Path) -> None:
    file = configured(tmp_path, {"name": "a", "kind": "memory", "display_name": "Grün ☂"})
    assert "Grün ☂" in run("query", "--config", file, "{ sources { displayName } }").stdout


# --- schema --------------------------------------------------------------------------------------------------------


def test_schema_prints_the_schema() -> None:
    result = run("schema")
    assert result.exit_code == 0
    schema = build_schema(result.stdout)
    assert schema.query_type is not None
    assert {"executions", "jobs", "nodes", "entity", "sources"} <= set(schema.query_type.fields)


def test_schema_for_programs() -> None:
    built = build_client_schema(json.loads(run("schema", "--json").stdout)["data"])
    assert set(built.type_map) == set(build_schema(run("schema").stdout).type_map)


# --- completion ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0
    assert f"_EXECUTION_GATEWAY_COMPLETE={shell}_complete" in result.stdout


def test_completion_knows_its_shells() -> None:
    assert run("completion", "cmd").exit_code == 2


# --- serve ---------------------------------------------------------------------------------------------------------

MEMORY = {"name": "a", "kind": "memory"}


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, dict[str, Any]]]:
    """What would have been served: the app or its name, and how."""
    calls: list[tuple[Any, dict[str, Any]]] = []
    monkeypatch.setattr(uvicorn, "run", lambda app, **options: calls.append((app, options)))
    monkeypatch.setenv(CONFIG_VARIABLE, "unset")
    return calls


def test_serve_as_configured(tmp_path: Path, served: list[tuple[Any, dict[str, Any]]]) -> None:
    result = run("serve", "--config", configured(tmp_path, MEMORY, port=8123))
    assert result.exit_code == 0, result.output
    ((app, options),) = served
    assert {route.path for route in app.routes} >= {"/graphql", "/healthz", "/readyz", "/metrics"}
    assert (options["host"], options["port"]) == ("127.0.0.1", 8123)


def test_serve_as_told(tmp_path: Path, served: list[tuple[Any, dict[str, Any]]]) -> None:
    file = configured(tmp_path, MEMORY, port=8123, host="0.0.0.0", allow_anonymous=True)
    assert run("serve", "--config", file, "--host", "::1", "--port", "0").exit_code == 0
    ((_, options),) = served
    assert (options["host"], options["port"]) == ("::1", 0)


def test_serve_by_several_workers(tmp_path: Path, served: list[tuple[Any, dict[str, Any]]]) -> None:
    file = configured(tmp_path, MEMORY)
    assert run("serve", "--config", file, "--workers", "2").exit_code == 0
    ((app, options),) = served
    assert (app, options["factory"], options["workers"]) == ("gateway.app:from_environment", True, 2)
    # The workers find the configuration where this process left word of it.
    assert os.environ[CONFIG_VARIABLE] == str(file.resolve())


@pytest.mark.parametrize(
    ("server", "arguments", "message"),
    [
        ({"host": "0.0.0.0"}, [], "server.host 0.0.0.0 can be reached from other machines, but server.api_keys is empty"),
        ({}, ["--host", "192.0.2.1"], "server.host 192.0.2.1 can be reached from other machines"),
    ],
)
def test_serve_refuses(
    server: dict[str, Any],
    arguments: list[str],
    message: str,
    tmp_path: Path,
    served: list[tuple[Any, dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_main(monkeypatch, "serve", "--config", configured(tmp_path, MEMORY, **server), *arguments) == 2
    assert served == []
    error = capsys.readouterr().err
    assert error.startswith("Configuration error\n")
    assert message in error


def test_serve_others_with_a_key(tmp_path: Path, served: list[tuple[Any, dict[str, Any]]]) -> None:
    file = configured(tmp_path, MEMORY, host="0.0.0.0", api_keys=[sha256(b"key").hexdigest()])
    assert run("serve", "--config", file).exit_code == 0
    assert len(served) == 1


@pytest.mark.parametrize("arguments", [["--port", "65536"], ["--port", "x"], ["--workers", "0"], ["--nope"]])
def test_serve_takes_no_nonsense(arguments: list[str], tmp_path: Path, served: list[tuple[Any, dict[str, Any]]]) -> None:
    assert run("serve", "--config", configured(tmp_path, MEMORY), *arguments).exit_code == 2
    assert served == []


# --- mistakes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["serve"], ["check"], ["query", "{ __typename }"]])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "gw.yml: cannot be read: No such file or directory"),
        ("", "gw.yml:1: expected a mapping with the keys server and sources"),
        ("sources: [", "gw.yml:1: not valid YAML"),
        ("sources:\n  - {name: a, kind: jenkins}", "gw.yml:2: sources.0.kind: unknown kind 'jenkins'; installed adapters: "),
        ("sources:\n  - {name: a, kind: memory}\n  - {name: a, kind: memory}", "gw.yml:3: sources.1: the name 'a' is taken"),
        ("sources:\n  - {name: a, kind: memory,\n     colour: red}", "gw.yml:3: sources.0.colour: unknown key"),
        (
            "sources:\n  - {name: a, kind: memory, base_url: x}",
            "gw.yml:2: sources.0.base_url: expected an http:// or https://",
        ),
        (
            "sources:\n  - {name: a, kind: memory, display_name: '${GATEWAY_TEST_UNSET}'}",
            "gw.yml:2: sources.0.display_name: the environment variable GATEWAY_TEST_UNSET is not set",
        ),
    ],
)
def test_mistakes_in_the_configuration(
    text: str | None,
    message: str,
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    served: list[tuple[Any, dict[str, Any]]],
) -> None:
    file = tmp_path / "gw.yml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    monkeypatch.delenv("GATEWAY_TEST_UNSET", raising=False)
    assert run_main(monkeypatch, *command, "--config", file) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("Configuration error\n")
    assert message in output.err
    assert "Traceback" not in output.err
    assert served == []


def test_the_installed_script_says_it_in_one_message(tmp_path: Path) -> None:
    script = Path(sys.executable).parent / "execution-gateway"
    shown = subprocess.run(
        [script, "check", "--config", tmp_path / "gw.yml"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr == f"Configuration error\n{tmp_path}/gw.yml: cannot be read: No such file or directory\n"


def test_a_configuration_is_needed() -> None:
    for command in (["serve"], ["check"], ["query", "{ __typename }"]):
        result = run(*command)
        assert result.exit_code == 2
        assert "Missing option '--config'" in result.output


def test_help_and_version() -> None:
    assert all(command in run("--help").output for command in ("serve", "demo", "check", "query", "schema", "completion"))
    assert "version" in run("--version").output
