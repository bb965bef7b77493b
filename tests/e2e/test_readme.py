"""What the README tells people to type, typed."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.demo import Demo

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
KINDS = ("aws-iot", "awx", "ctl-runner", "scale", "threatconnect")
COMMAND = [sys.executable, "-c", "from gateway.cli import main; main()"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def my_own_awx(tmp_path: Path, demo: Demo) -> Path:
    """The README's ten lines, with the one address in them pointed at a server that exists."""
    (text,) = blocks("yaml")
    assert len(text.strip().splitlines()) <= 11
    path = tmp_path / "gateway.yaml"
    path.write_text(text.replace("https://awx.example", demo.origins["awx"]), encoding="utf-8")
    return path


def test_check_prints_a_table(my_own_awx: Path) -> None:
    done = run("check", "--config", str(my_own_awx), AWX_TOKEN="admin-token")
    assert done.returncode == 0, done.stderr
    for word in ("awx-prod", "reachable", "24.6.1", "credentials accepted", "latency", "admin"):
        assert word in done.stdout
    assert "admin-token" not in done.stdout + done.stderr


def test_check_fails_when_credentials_are_refused(my_own_awx: Path) -> None:
    done = run("check", "--config", str(my_own_awx), AWX_TOKEN="s3cr3t-wrong")
    assert done.returncode == 1
    assert "UNAUTHENTICATED" in done.stdout
    assert "s3cr3t-wrong" not in done.stdout + done.stderr


def test_one_query(my_own_awx: Path) -> None:
    done = run("query", "--config", str(my_own_awx), _asked_on_the_command_line(), AWX_TOKEN="admin-token")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert len(answer["data"]["executions"]["edges"]) == 5
    assert answer["extensions"]["upstream"] == {"awx-prod": 1}


def test_a_variable_that_is_not_set_is_named(my_own_awx: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "AWX_TOKEN"}
    done = subprocess.run(
        [*COMMAND, "check", "--config", str(my_own_awx)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert re.search(r"gateway\.yaml:10: sources\.0\.auth\.token: .*AWX_TOKEN is not set", done.stderr), done.stderr


def test_the_demo_answers_and_ends_on_ctrl_c() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [*COMMAND, "demo", "--port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
    )
    try:
        origin = f"http://127.0.0.1:{port}"
        answer = _ask(origin, process)
        assert answer["data"]["executions"]["partial"] is False
        shown, followed = re.findall(r"-d '(\{.*\})'", "".join(blocks("sh")))
        body = httpx.post(f"{origin}/graphql", json=json.loads(shown), timeout=30).json()
        assert len(body["data"]["executions"]["edges"]) == 3
        example, log = blocks("graphql")
        body = httpx.post(f"{origin}/graphql", json={"query": example}, timeout=30).json()
        assert {edge["node"]["source"]["name"] for edge in body["data"]["executions"]["edges"]} == set(KINDS)
        first = '{ executions(first: 1, filter: {source: ["awx"], status: [FAILED]}) { edges { node { id } } } }'
        body = httpx.post(f"{origin}/graphql", json={"query": first}, timeout=30).json()
        known = {"id": body["data"]["executions"]["edges"][0]["node"]["id"]}
        body = httpx.post(f"{origin}/graphql", json={"query": log, "variables": known}, timeout=30).json()
        assert "errors" not in body, body
        assert body["data"]["execution"]["logs"] is not None
        headers = {"Accept": "text/event-stream"}
        with httpx.stream("POST", f"{origin}/graphql", json=json.loads(followed), headers=headers, timeout=30) as stream:
            event = next(line for line in stream.iter_lines() if line.startswith("data: "))
        assert '"SOURCE_STATE"' in event
        body = httpx.post(f"{origin}/graphql", json={"query": _asked_on_the_command_line()}, timeout=30).json()
        assert "errors" not in body, body
        metrics = httpx.get(f"{origin}/metrics").text
        assert "gateway_upstream_requests_total" in metrics
        counted = re.findall(r'^gateway_executions_total\{how="(\w+)",reason=".*"\} ([0-9.]+)$', metrics, re.MULTILINE)
        how = {each for each, count in counted if float(count) > 0}
        compiles = os.environ.get("EXECUTION_GATEWAY_COMPILE") != "0"
        assert how == ({"compiled"} if compiles else set()), "graphql-core had to answer some of the README's queries"
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert "Traceback" not in output
    assert process.returncode == 0, output


def _asked_on_the_command_line() -> str:
    command = next(line for line in "".join(blocks("sh")).splitlines() if "query --config" in line)
    (query,) = re.findall(r"'(\{.*\})'", command)
    return str(query)


def _ask(origin: str, process: subprocess.Popen[str]) -> Any:
    """Ask as soon as it answers."""
    for _ in range(300):
        assert process.poll() is None, process.communicate()[0]
        try:
            return httpx.post(f"{origin}/graphql", json={"query": "{ executions(first: 5) { partial } }"}, timeout=30).json()
        except httpx.ConnectError:
            time.sleep(0.1)
    raise AssertionError("the demo did not come up")
