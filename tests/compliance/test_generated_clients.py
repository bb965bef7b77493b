"""relay-compiler, graphql-codegen and ariadne-codegen take the schema and all operations; what they generate runs."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from graphql import build_schema, is_interface_type

from tests.compliance.conftest import Systems
from tests.compliance.docs import GUIDE, files, list_query, project
from tests.compliance.node import HERE, ROOT, lines, needs_node, node, tool
from tests.compliance.truths import FAILURES, id_of, name, rows
from tests.e2e.ground_truth import listed
from tests.peers import peer

OPERATIONS = {path.stem: path.read_text("utf-8") for path in (HERE / "operations").glob("*.graphql")}
_SECONDS = 120


def failed(systems: Systems) -> list[str]:
    """``source/native id`` of what went wrong, newest first."""
    return listed([row for row in rows(systems) if row.status in FAILURES], "CREATED_AT", "DESC")


def test_the_guide_s_files_are_short() -> None:
    assert {path.partition("/")[0] for path in files()} == {"apollo", "urql", "relay", "codegen", "ariadne"}
    assert all(len(text.splitlines()) <= 23 for text in files().values())
    assert "partial" in list_query()
    assert max(map(len, GUIDE.splitlines())) <= 132


@needs_node
def test_relay_compiler_takes_every_operation(still: Systems, tmp_path: Path) -> None:
    """Relay wants names that begin with the module's, so every operation gets a module of its own."""
    home = project("relay", tmp_path, still.server)
    (home / "operations" / "List.graphql").unlink()
    for stem, text in OPERATIONS.items():
        module = "M" + stem.replace("_", "")
        kind = text.split(maxsplit=1)[0]
        named = re.sub(r"^\w+ \w+", f"{kind} {module}{kind.title()}", text)
        named = re.sub(r"(fragment |\.\.\.)L\b", rf"\1{module}_l", named)
        tags = "".join(f"graphql`{part}`;\n" for part in re.split(r"\n(?=fragment )", named))
        (home / "src" / f"{module}.js").write_text(f'import {{ graphql }} from "relay-runtime";\n{tags}', "utf-8")
    done = node(tool("relay-compiler", "relay-compiler"), "relay.config.json", cwd=home)
    assert done.returncode == 0, done.stdout + done.stderr
    made = [path.name for path in (home / "src" / "__generated__").glob("M*.js")]
    assert len(made) == len(OPERATIONS) + 1


@needs_node
def test_the_typescript_client_compiles_strictly_and_runs(still: Systems, tmp_path: Path) -> None:
    home = project("codegen", tmp_path, still.server, kind="commonjs")
    # A module that uses every operation, and one that walks a list.
    (home / "src" / "all.ts").write_text(
        'import { graphql } from "./gql";\n' + "\n".join(f"graphql(`{text}`);" for text in OPERATIONS.values()), "utf-8"
    )
    (home / "src" / "walk.ts").write_text((HERE / "walk.ts").read_text("utf-8"), "utf-8")
    done = node(tool("@graphql-codegen/cli", "graphql-codegen"), cwd=home)
    assert done.returncode == 0, done.stdout + done.stderr
    options = "--strict --target es2022 --module commonjs --lib es2022,dom --skipLibCheck --outDir out"
    compiled = node(tool("typescript", "tsc"), *options.split(), "src/walk.ts", "src/all.ts", cwd=home)
    assert compiled.returncode == 0, compiled.stdout
    found = lines(node("out/walk.js", cwd=home))
    assert [name(row["id"]) for row in found] == failed(still)
    assert {row["source"]["name"] for row in found} == set(still.demo.simulators)


def test_the_python_client_is_generated_and_runs(still: Systems, tmp_path: Path) -> None:
    python = peer.python()
    program = None if python is None else python.parent / "ariadne-codegen"
    if program is None or not program.exists():
        pytest.skip("needs ariadne-codegen in the peers' environment (make test)")
    home = project("ariadne", tmp_path, still.server)
    for stem, text in OPERATIONS.items():
        (home / "operations" / f"{stem}.graphql").write_text(text, "utf-8")
    made = subprocess.run([program], cwd=home, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    ran = subprocess.run([str(python), "failed.py"], cwd=home, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert ran.returncode == 0, ran.stderr
    held = {id_of(row): row for row in rows(still)}
    printed = [line.rsplit(" ", 1)[1] for line in ran.stdout.splitlines()]
    assert [name(identity) for identity in printed] == failed(still)
    for line, identity in zip(ran.stdout.splitlines(), printed, strict=True):
        row = held[identity]
        assert line == f"{row.source} {row.name} {row.status} {identity}"


def test_what_apollo_is_told_of_types_is_so() -> None:
    """``possibleTypes`` in the guide is the schema's."""
    schema = build_schema((ROOT / "schema.graphql").read_text("utf-8"))
    for type_ in schema.type_map.values():
        if is_interface_type(type_):
            possible = sorted(each.name for each in schema.get_possible_types(type_))
            assert f"{type_.name}: {json.dumps(possible)}" in files()["apollo/client.js"]
