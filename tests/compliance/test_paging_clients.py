"""Apollo Client, urql and relay-runtime page the five systems to the end, as docs/clients.md configures them."""

import asyncio
import json
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.compliance.conftest import Systems, systems
from tests.compliance.docs import project
from tests.compliance.node import HERE, NODE, needs_node, node, tool
from tests.compliance.truths import message, name, rows
from tests.e2e.ground_truth import listed

pytestmark = needs_node

NEWEST = {"field": "CREATED_AT", "direction": "DESC"}
OLDEST = {"field": "CREATED_AT", "direction": "ASC"}
ENDED = {"field": "FINISHED_AT", "direction": "DESC"}
KINDS = {"awx", "scale", "threatconnect", "ctl-runner", "aws-iot"}
every_client = pytest.mark.parametrize("client", ["apollo", "urql", "relay"])


def configured(client: str, directory: Path, systems: Systems) -> Path:
    """The guide's project of a client, compiled if that client wants it."""
    home = project(client, directory, systems.server)
    if client == "relay":
        # What it makes is for bundlers; without one, Node finds its imports only as CommonJS.
        config = home / "relay.config.json"
        config.write_text(json.dumps({**json.loads(config.read_text("utf-8")), "eagerEsModules": False}), "utf-8")
        done = node(tool("relay-compiler", "relay-compiler"), config, cwd=home)
        assert done.returncode == 0, done.stdout + done.stderr
        (home / "src" / "__generated__" / "package.json").write_text('{"type": "commonjs"}', "utf-8")
    return home


async def shown(
    client: str, home: Path, meanwhile: Callable[[int, Any], None] = lambda _page, _said: None, **variables: Any
) -> Any:
    """The list that a client shows when it has come to the end; ``meanwhile`` happens between pages."""
    process: Process = await asyncio.create_subprocess_exec(
        str(NODE), "paging.mjs", client, str(home), json.dumps(variables), cwd=HERE, stdin=PIPE, stdout=PIPE, stderr=PIPE,
        env={**os.environ, "NODE_ENV": "production"}, limit=2**24,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        for page in range(1, 200):
            text = await asyncio.wait_for(process.stdout.readline(), 60)
            if not text:
                pytest.fail((await process.communicate())[1].decode())
            said = json.loads(text)
            if "edges" in said:
                return said
            await asyncio.to_thread(meanwhile, page, said)
            process.stdin.write(b"go on\n")
        pytest.fail("the list has no end")
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def names(said: Any) -> list[str]:
    return [name(edge["id"]) for edge in said["edges"]]


@every_client
async def test_pages_to_the_end(client: str, still: Systems, tmp_path: Path) -> None:
    home = configured(client, tmp_path, still)
    said = await shown(client, home, first=250, orderBy=ENDED)
    assert names(said) == listed(rows(still), "FINISHED_AT", "DESC")
    assert (said["partial"], said["states"]) == (False, dict.fromkeys(KINDS, "OK"))


@every_client
async def test_filters_are_lists_of_their_own(client: str, still: Systems, tmp_path: Path) -> None:
    home = configured(client, tmp_path, still)
    said = await shown(client, home, first=20, orderBy=NEWEST, filter={"status": ["FAILED"], "source": ["awx", "scale"]})
    wanted = [row for row in rows(still) if row.status == "FAILED" and row.source in {"awx", "scale"}]
    assert names(said) == listed(wanted, "CREATED_AT", "DESC")
    assert said["states"] == {kind: "OK" if kind in {"awx", "scale"} else "SKIPPED" for kind in KINDS}


@every_client
@pytest.mark.parametrize("order", [NEWEST, OLDEST], ids=["newest", "oldest"])
async def test_pages_while_executions_are_inserted(
    client: str, order: dict[str, str], moving: Systems, tmp_path: Path
) -> None:
    """What existed throughout comes exactly once and in order, what was inserted at most once (decision 4)."""
    home = configured(client, tmp_path, moving)
    before = {row.id for row in rows(moving)}

    def insert(_page: int, _said: Any) -> None:
        for kind in KINDS:
            moving.simulator(kind).world.add_execution()

    said = await shown(client, home, insert, first=250, orderBy=order)
    after = listed(rows(moving), order["field"], order["direction"])
    inserted = set(after) - before
    assert len(inserted) > 5 * len(KINDS)
    found = names(said)
    assert len(set(found)) == len(found)
    assert [each for each in found if each in before] == [each for each in after if each in before]
    assert set(found) <= before | inserted
    assert (said["partial"], said["states"]) == (False, dict.fromkeys(KINDS, "OK"))


@every_client
async def test_a_hole_in_an_earlier_page_is_still_told_at_the_end(client: str, moving: Systems, tmp_path: Path) -> None:
    """A source is down for one page: what the client shows in the end says so, although the last answers were whole."""
    home = configured(client, tmp_path, moving)
    awx = moving.simulator("awx")
    accounts = awx.accounts
    seen: list[Any] = []

    def stumble(page: int, said: Any) -> None:
        seen.append(said)
        awx.accounts = () if page == 2 else accounts

    try:
        said = await shown(client, home, stumble, first=250, orderBy=NEWEST)
    finally:
        awx.accounts = accounts
    assert (seen[1]["partial"], seen[1]["states"]["awx"]) == (False, "OK")
    assert all((page["partial"], page["states"]["awx"]) == (True, "FAILED") for page in [*seen[2:], said])
    assert {state for kind, state in said["states"].items() if kind != "awx"} == {"OK"}
    others = [row for row in rows(moving) if row.source != "awx"]
    assert [each for each in names(said) if not each.startswith("awx/")] == listed(others, "CREATED_AT", "DESC")


@every_client
async def test_empty_pages_are_passed(client: str, tmp_path: Path) -> None:
    """Where a budget ends before anything is found, the page is empty and the list goes on (decision 3)."""
    filter_ = {"source": ["scale"], "search": "schema migration 0042"}
    counts: list[int] = []
    with systems(budget={"rows": 40, "requests": 100, "seconds": 10}) as strict:
        home = configured(client, tmp_path, strict)
        said = await shown(
            client, home, lambda _page, said: counts.append(said["count"]), first=5, orderBy=NEWEST, filter=filter_
        )
        wanted = [
            row
            for row in rows(strict)
            if row.source == "scale" and "schema migration 0042" in (message(strict, row) or "").lower()
        ]
    assert names(said) == listed(wanted, "CREATED_AT", "DESC")
    assert any(before == after for before, after in pairwise(counts)), "no page was empty"
    assert (said["partial"], said["states"]["scale"]) == (False, "OK")
