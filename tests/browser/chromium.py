"""Runs a scenario of browser.mjs in the system's Chromium."""

import asyncio
import json
import os
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
_NODE = shutil.which("node")
_CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
_MISSING = [
    what
    for what, there in {
        "node": _NODE,
        "Chromium (in PATH, or named by the variable CHROMIUM)": _CHROMIUM,
        "the packages of tests/browser (npm ci)": (HERE / "node_modules").is_dir(),
    }.items()
    if not there
]
_SECONDS = 180.0

# Where it has to be tested, what is missing is a failure.
needs_chromium = pytest.mark.skipif(bool(_MISSING) and not os.environ.get("CI"), reason=f"needs {', '.join(_MISSING)}")


class Browser:
    """A scenario that runs."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def says(self, word: str) -> None:
        """Wait until the scenario leaves the turn with this word."""
        assert self._process.stdout is not None
        said = (await asyncio.wait_for(self._process.stdout.readline(), _SECONDS)).decode().strip()
        if said != word:
            _, stderr = await self._process.communicate()
            pytest.fail(f"the browser said {said!r}, not {word!r}\n{stderr.decode()}")

    async def goes_on(self) -> None:
        """Give it its turn again."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        await self._process.stdin.drain()

    async def ends_well(self) -> None:
        """Wait for the end of the scenario, which must find everything as it should be."""
        _, stderr = await asyncio.wait_for(self._process.communicate(), _SECONDS)
        assert self._process.returncode == 0, stderr.decode()


@asynccontextmanager
async def looking(scenario: str, screenshots: Path, base: str, **given: Any) -> AsyncIterator[Browser]:
    """A browser in a scenario, while the block lasts. ``base`` is the gateway's origin."""
    assert not _MISSING, f"needs {', '.join(_MISSING)}"
    arguments = {"base": base, "chromium": _CHROMIUM, "screenshots": str(screenshots), **given}
    process = await asyncio.create_subprocess_exec(
        str(_NODE), "browser.mjs", scenario, json.dumps(arguments), cwd=HERE, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        yield Browser(process)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.communicate()


async def look(scenario: str, screenshots: Path, base: str, **given: Any) -> None:
    """Run a scenario that needs no turns of ours."""
    async with looking(scenario, screenshots, base, **given) as browser:
        await browser.ends_well()
