"""``execution-gateway query`` over the demo's simulators and over memory sources: as a person and as a script sees it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from adapters.memory import MemoryStore, factory
from gateway.api.http import Endpoint
from gateway.cli import cli
from gateway.demo import Demo
from gateway.instant import Instant
from gateway.model import Execution, ExecutionStatus, Key

COMMAND = [sys.executable, "-c", "from gateway.cli import main; main()"]
NAMES = "{ executions(first: 7) { edges { node { name status source { name } } } } }"


@pytest.fixture
def config(demo: Demo, tmp_path: Path) -> Path:
    return written(tmp_path, demo.file.data)


@pytest.fixture
def hurt(demo: Demo, tmp_path: Path) -> Path:
    """The demo with one source that nobody answers for."""
    gone = {**demo.file.data["sources"][0], "name": "gone", "base_url": "http://127.0.0.1:9/api/v2/"}
    return written(tmp_path, {**demo.file.data, "sources": [*demo.file.data["sources"], gone]})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MemoryStore]:
    factory.stores["a"] = made = MemoryStore()
    yield made
    factory.stores.clear()


@pytest.fixture
def memory(tmp_path: Path, store: MemoryStore) -> Path:
    return written(tmp_path, {"server": {"max_cost": 60}, "sources": [{"name": "a", "kind": "memory"}]})


def written(folder: Path, document: Any) -> Path:
    path = folder / "gw.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def execution(number: int, name: str = "") -> Execution:
    return Execution(
        key=Key("execution", "a", (str(number),)),
        name=name or f"run {number}",
        tie=(str(number),),
        status=ExecutionStatus.SUCCEEDED,
        raw_status="SUCCEEDED",
        created_at=Instant.parse(f"2026-11-21T20:{number:02}:00Z"),
    )


def query(config: Path, *arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["query", "--config", str(config), *arguments], input=given)


def lines(result: Result) -> list[str]:
    return [line.rstrip() for line in result.stdout.splitlines()]


# --- tables --------------------------------------------------------------------------------------------------------


def test_a_list_is_a_table_of_its_nodes(config: Path) -> None:
    data = json.loads(query(config, NAMES).stdout)["data"]["executions"]["edges"]
    result = query(config, "--table", NAMES)
    assert result.exit_code == 0, result.output
    head, *rows, hint = lines(result)
    assert head.split() == ["name", "status", "source.name"]
    assert [row.split()[-2:] for row in rows] == [[each["node"]["status"], each["node"]["source"]["name"]] for each in data]
    assert [row.startswith(each["node"]["name"]) for row, each in zip(rows, data, strict=True)] == [True] * 7
    assert hint == "executions: more rows follow; --all reads on"


def test_what_a_source_could_not_say_is_said(hurt: Path) -> None:
    result = query(hurt, "--table", NAMES)
    assert result.exit_code == 0
    assert "executions: gone FAILED: UNAVAILABLE: " in result.stdout
    result = query(hurt, "--table", '{ executions(first: 1, filter: {source: ["awx"]}) { edges { node { name } } } }')
    assert "executions: not asked, because nothing there can match: gone, scale" in result.stdout


def test_what_a_source_could_not_say_inside_a_list_is_said_once(hurt: Path) -> None:
    text = "{ jobs(first: 5) { edges { node { name executions(first: 2) { edges { node { status } } } } } } }"
    result = query(hurt, "--table", text)
    assert result.exit_code == 0
    assert [line for line in lines(result) if "FAILED:" in line and line.startswith("jobs: gone")] != []
    assert lines(result)[0].split() == ["name", "executions"]


def test_several_fields_have_titles(memory: Path, store: MemoryStore) -> None:
    store.put([execution(1)])
    text = (
        "{ of: __typename executions { edges { node { name } } totalCount pageInfo { hasNextPage } } sources { name kind } }"
    )
    assert lines(query(memory.parent / "gw.yaml", "--table", text.replace("executions", "executions(first: 2)"))) == [
        "of: Query",
        "",
        "executions",
        "name",
        "run 1",
        "",
        "totalCount            1",
        "pageInfo.hasNextPage  false",
        "",
        "sources",
        "name  kind",
        "a     memory",
    ]


def test_an_object_is_keys_and_values(memory: Path) -> None:
    text = '{ source(name: "a") { name kind health { state } capabilities { minPollSeconds } } }'
    result = lines(query(memory, "--table", text))
    assert result[:3] == ["name                         a", "kind                         memory", result[2]]
    assert result[2].startswith("health.state")


def test_a_value_is_itself(memory: Path) -> None:
    assert lines(query(memory, "--table", "{ __typename }")) == ["Query"]
    assert lines(query(memory, "--table", '{ source(name: "b") { name } }')) == ["null"]
    assert lines(query(memory, "--table", "{ executions(first: 2) { edges { node { name } } } }")) == ["no rows"]


def test_what_an_upstream_says_is_text(memory: Path, store: MemoryStore) -> None:
    store.put([execution(1, "[red]\x1b[2Jé☂")])
    result = query(memory, "--table", "{ executions(first: 1) { edges { node { name } } } }")
    assert lines(result) == ["name", "[red]\\x1b[2Jé☂"]


def test_what_was_added_does_not_count_against_the_limits(memory: Path) -> None:
    # 60 values are allowed, and asked for: reports of sources come on top.
    text = "{ executions(first: 29) { edges { node { name } } } }"
    assert query(memory, text).exit_code == 0
    assert query(memory, "--table", text).exit_code == 0
    for form in ("--json", "--table"):
        result = query(memory, form, text.replace("29", "40"))
        assert result.exit_code == 1
        assert result.stderr.startswith("COST_LIMIT_EXCEEDED: The operation has")


# --- pages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("{ executions(first: 4) { edges { node { name } } } }", {}),
        (
            "query($n: Int!) { executions(first: $n) { rows: edges { ...E } } } fragment E on ExecutionEdge {node {name}}",
            {"n": 4},
        ),
        (
            "query($c: String) { list: executions(first: 4, after: $c) { edges { node { name } } pageInfo { endCursor } } }",
            {},
        ),
        (
            "query A { sources { name } } query B { executions(first: 4, after: null) { edges { node { name } } } }",
            {"": "B"},
        ),
        ("{ ...Q } fragment Q on Query { executions(first: 4) { edges { node { name } } } }", {}),
    ],
)
def test_all_pages(text: str, variables: dict[str, Any], memory: Path, store: MemoryStore) -> None:
    store.put(execution(number) for number in range(11))
    wanted = [f"run {number}" for number in reversed(range(11))]
    more = ["--operation", variables.pop("")] if "" in variables else []
    result = query(memory, "--all", "--variables", json.dumps(variables), *more, text)
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)["data"].values()
    assert [edge["node"]["name"] for edge in found.get("edges", found.get("rows"))] == wanted
    assert "gateway" not in result.stdout
    result = query(memory, "--all", "--table", "--variables", json.dumps(variables), *more, text)
    assert [line for line in lines(result) if line][:12] == ["name", *wanted]


def test_all_pages_from_a_cursor_on(tmp_path: Path, store: MemoryStore) -> None:
    store.put(execution(number) for number in range(6))
    server = {"cursor_key": "a-key-that-stays-the-same-for-ever"}
    config = written(tmp_path, {"server": server, "sources": [{"name": "a", "kind": "memory"}]})
    text = "{ executions(first: 2) { edges { node { name } } pageInfo { endCursor } } }"
    cursor = json.loads(query(config, text).stdout)["data"]["executions"]["pageInfo"]["endCursor"]
    result = query(config, "--all", text.replace("first: 2", f'first: 2, after: "{cursor}"'))
    edges = json.loads(result.stdout)["data"]["executions"]["edges"]
    assert [edge["node"]["name"] for edge in edges] == ["run 3", "run 2", "run 1", "run 0"]


def test_all_pages_of_several_sources(config: Path) -> None:
    result = query(config, "--all", "{ jobs(first: 9) { edges { node { id } } partial } }")
    answer = json.loads(result.stdout)
    ids = [edge["node"]["id"] for edge in answer["data"]["jobs"]["edges"]]
    assert len(ids) == len(set(ids)) > 18
    assert set(answer["extensions"]["upstream"]) == {"awx", "scale"}


def test_all_wants_one_list(memory: Path) -> None:
    for text, message in (
        ("{ sources { name } }", "this query has none"),
        ("{ executions { totalCount } }", "this query has none"),
        (
            "{ jobs(first: 1) { edges { cursor } } executions(first: 1) { edges { cursor } } }",
            "this query has 2: jobs, executions",
        ),
        ("subscription { executionsUpdated { change } }", "--all is for queries"),
    ):
        result = query(memory, "--all", text)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr


def _page(*names: str, cursor: str | None) -> dict[str, Any]:
    ends = {"hasNextPage": True, "endCursor": cursor}
    data = {"executions": {"edges": [{"node": {"name": name}} for name in names], "gatewayPage": ends, "gatewayReports": []}}
    return {"data": data, "extensions": {"upstream": {"a": 1}}}


@pytest.mark.parametrize("last", [_page(cursor=None), _page(cursor="x")])
def test_all_ends_where_no_cursor_leads_on(last: dict[str, Any], memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [_page("one", cursor="x"), last]

    async def execute(*_: Any) -> dict[str, Any]:
        return answers.pop(0)

    monkeypatch.setattr(Endpoint, "execute", execute)
    result = query(memory, "--all", "{ executions(first: 2) { edges { node { name } } } }")
    assert result.exit_code == 1
    assert result.stderr == "There is more, but no cursor that leads to it.\n"
    assert answers == []


@pytest.mark.parametrize("form", ["--json", "--table"])
def test_a_page_that_fails_leaves_those_before_it(form: str, memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = {"message": "gone", "path": ["executions"], "locations": [{"line": 9, "column": 9}]}
    answers = [_page("one", "two", cursor="x"), {"errors": [error], "data": {"executions": None}}]

    async def execute(*_: Any) -> dict[str, Any]:
        return answers.pop(0)

    monkeypatch.setattr(Endpoint, "execute", execute)
    result = query(memory, form, "--all", "{ executions(first: 2) { edges { node { name } } } }")
    assert result.exit_code == 1
    assert result.stderr == "ERROR at executions: gone\n"
    if form == "--table":
        assert lines(result) == ["name", "one", "two"]
        return
    whole = json.loads(result.stdout)
    assert whole["data"] == {"executions": {"edges": [{"node": {"name": "one"}}, {"node": {"name": "two"}}]}}
    assert whole["errors"] == [{"message": "gone", "path": ["executions"]}]
    assert whole["extensions"] == {"upstream": {"a": 1}}


# --- what is wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "GRAPHQL_PARSE_FAILED: Syntax Error: Expected Name, found <EOF>. (line 1, column 2)"),
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED: Cannot query field 'nope' on type 'Query'."),
        ('{ execution(id: "x") { name } }', "BAD_USER_INPUT at execution: This is not an id of this gateway."),
        (
            "query A { __typename } query B { __typename }",
            "BAD_USER_INPUT: `operationName` must say which operation to run.",
        ),
    ],
)
@pytest.mark.parametrize("form", ["--json", "--table"])
def test_errors_are_told_with_code_and_path(text: str, message: str, form: str, memory: Path) -> None:
    result = query(memory, form, text)
    assert result.exit_code == 1
    assert result.stderr.startswith(message)
    assert form == "--table" or json.loads(result.stdout)["errors"]


def test_partial_data_with_errors(memory: Path) -> None:
    result = query(memory, "--table", '{ sources { name } execution(id: "x") { name } }')
    assert result.exit_code == 1
    assert "BAD_USER_INPUT at execution" in result.stderr
    assert "a" in lines(result)


# --- where the text comes from -------------------------------------------------------------------------------------


def test_text_and_variables_from_files_and_standard_input(memory: Path, tmp_path: Path) -> None:
    text, values = tmp_path / "q.graphql", tmp_path / "v.json"
    text.write_text("query A($n: String!) { source(name: $n) { name } } query B { __typename }", encoding="utf-8")
    values.write_text('{"n": "a"}', encoding="utf-8")
    result = query(memory, f"@{text}", "--variables", f"@{values}", "--operation", "A")
    assert json.loads(result.stdout) == {"data": {"source": {"name": "a"}}}
    result = query(memory, "-", given="{ __typename }")
    assert json.loads(result.stdout) == {"data": {"__typename": "Query"}}
    result = query(memory, f"@{tmp_path}/none")
    assert result.exit_code == 2
    assert "cannot be read: No such file or directory" in result.stderr
    text.write_bytes(b"\xff")
    assert "is not UTF-8" in query(memory, f"@{text}").stderr


# --- subscriptions -------------------------------------------------------------------------------------------------

ONE = "subscription ($id: ID!) { executionUpdated(id: $id) { name status finishedAt } }"


def _finished(config: Path, *more: str) -> Result:
    text = '{ executions(first: 1, filter: {source: ["awx"], status: [FAILED]}) { edges { node { id name } } } }'
    (edge,) = json.loads(query(config, text).stdout)["data"]["executions"]["edges"]
    return query(config, *more, "--variables", json.dumps({"id": edge["node"]["id"]}))


def test_a_subscription_prints_until_it_completes(config: Path) -> None:
    result = _finished(config, "--json", ONE)
    assert result.exit_code == 0, result.output
    (event,) = map(json.loads, result.stdout.splitlines())
    assert event["data"]["executionUpdated"]["status"] == "FAILED"
    shown = event["data"]["executionUpdated"]
    expected = f"name {shown['name']}  status FAILED  finishedAt {shown['finishedAt']}"
    assert lines(_finished(config, "--table", ONE)) == [expected]


def test_a_log_is_followed_line_by_line(config: Path) -> None:
    text = "subscription ($id: ID!) { logLines(executionId: $id) { edges { node { stream plainText } } complete } }"
    shown = lines(_finished(config, "--table", text))
    assert shown[0] == "COMBINED  Using /etc/ansible/ansible.cfg as config file"
    assert shown[-1] == "complete true"


def test_what_is_wrong_with_a_subscription(memory: Path) -> None:
    for form in ("--json", "--table"):
        result = query(memory, form, ONE, "--variables", '{"id": "x"}')
        assert result.exit_code == 1
        assert result.stderr.startswith("BAD_USER_INPUT at executionUpdated: This is not an id of this gateway.")


def test_ctrl_c_ends_a_subscription(config: Path) -> None:
    text = "subscription { executionsUpdated { change } }"
    # Whoever runs the tests in the background has Ctrl-C ignored, and what it starts along with it; a terminal has not.
    listening = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    command = [sys.executable, "-c", listening + COMMAND[-1], "query", "--config", str(config), text]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        error = _interrupted(process)
    assert process.returncode == 130
    assert "Traceback" not in error


def _interrupted(process: "subprocess.Popen[str]") -> str:
    """What a subscription says when it is interrupted after its first event."""
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["data"]["executionsUpdated"]["change"] == "SOURCE_STATE"
        process.send_signal(signal.SIGINT)
        return process.communicate(timeout=20)[1]
    finally:
        process.kill()


# --- a terminal ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="has no pseudo-terminals")
def test_a_terminal_gets_tables_and_progress(config: Path) -> None:
    import pty

    main, end = pty.openpty()
    environment = {**os.environ, "COLUMNS": "100", "TERM": "xterm"}
    arguments = [*COMMAND, "query", "--config", str(config), "--all", "{ jobs(first: 20) { edges { node { name } } } }"]
    process = subprocess.Popen(arguments, stdin=end, stdout=end, stderr=end, env=environment)
    os.close(end)
    shown = b""
    try:
        while chunk := os.read(main, 65536):
            shown += chunk
    except OSError:
        # The terminal's other end is closed.
        pass
    os.close(main)
    assert process.wait(timeout=20) == 0
    assert b"page 2, 20 rows so far" in shown
    assert b"name" in shown
    assert b'"data"' not in shown


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes(tmp_path: Path) -> None:
    script = tmp_path / "complete.sh"
    script.write_text(CliRunner().invoke(cli, ["completion", "bash"]).stdout, encoding="utf-8")
    asked = (
        f"source {script}; complete -p execution-gateway; COMP_WORDS=(execution-gateway query --ta); COMP_CWORD=2; "
        '_execution_gateway_completion execution-gateway; echo "${COMPREPLY[@]}"'
    )
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-c", asked], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "--table"
    assert "_execution_gateway_completion execution-gateway" in done.stdout
