"""npm's packages, run as processes of their own."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MODULES = HERE / "node_modules"
NODE = shutil.which("node")
_SECONDS = 120

needs_node = pytest.mark.skipif(
    NODE is None or not MODULES.is_dir(), reason="needs node and the packages of tests/compliance (make test)"
)


def node(*arguments: str | Path, cwd: Path = HERE) -> subprocess.CompletedProcess[str]:
    """What came of ``node ARGUMENTS``; whether it failed is for the caller to judge."""
    command = [str(NODE), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=_SECONDS, check=False)


def lines(done: subprocess.CompletedProcess[str]) -> list[Any]:
    """The lines of JSON that a process printed, which must have ended well."""
    assert done.returncode == 0, done.stderr + done.stdout
    return [json.loads(text) for text in done.stdout.splitlines()]


def tool(package: str, program: str) -> Path:
    """The JavaScript file behind a command that a package brings along."""
    home = MODULES / package
    programs = json.loads((home / "package.json").read_text(encoding="utf-8"))["bin"]
    return home / (programs if isinstance(programs, str) else programs[program])
