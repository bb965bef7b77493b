"""Several workers behind one socket: what one of them answered is good for the others."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from gateway.demo import running
from gateway.registry import factory_of
from gateway.spi import SupportsSimulation

PAGE = "query Page($after: String) { executions(first: 5, after: $after) { edges { node { id } } pageInfo { endCursor } } }"


@dataclass
class Served:
    """Where workers answer, and the process that they are children of."""

    origin: str
    pid: int

    def workers(self) -> list[int]:
        """The processes of the workers that live."""
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.pid)], capture_output=True, text=True, check=False)
        return [int(pid) for pid in listed.stdout.split()]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Two workers over the AWX simulator."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with running(seed=1, size="small", only=["awx"]) as demo:
        file = tmp_path / "gateway.yaml"
        factory = factory_of("awx")
        assert isinstance(factory, SupportsSimulation)
        source = {"name": "awx", "kind": "awx", **factory.simulator_settings(demo.origins["awx"])}
        file.write_text(yaml.safe_dump({"server": {"port": port}, "sources": [source]}))
        script = Path(sys.executable).parent / "execution-gateway"
        command = [str(script), "serve", "--config", str(file), "--workers", "2"]
        process = subprocess.Popen(command)
        try:
            origin = f"http://127.0.0.1:{port}"
            _until_ready(origin)
            yield Served(origin, process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) in (0, -signal.SIGINT)


def _until_ready(origin: str) -> None:
    for _ in range(300):
        try:
            if httpx.get(f"{origin}/readyz").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("it did not start")


def _ask(origin: str, after: str | None = None) -> dict:
    """One page over a connection of its own, which any worker may accept."""
    answer = httpx.post(f"{origin}/graphql", json={"query": PAGE, "variables": {"after": after}}).json()
    assert "errors" not in answer
    page: dict = answer["data"]["executions"]
    return page


def test_a_cursor_of_one_worker_is_good_for_the_others(served: Served) -> None:
    first = _ask(served.origin)
    after = first["pageInfo"]["endCursor"]
    following = [[edge["node"]["id"] for edge in _ask(served.origin, after)["edges"]] for _ in range(24)]
    assert len(following[0]) == 5
    assert all(ids == following[0] for ids in following)
    assert not set(following[0]) & {edge["node"]["id"] for edge in first["edges"]}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers import everything by themselves")
def test_workers_begin_as_copies_and_are_replaced(served: Served) -> None:
    first, second = served.workers()
    commands = {Path(f"/proc/{pid}/cmdline").read_bytes() for pid in (served.pid, first, second)}
    assert len(commands) == 1, "a worker that imports everything anew is another command"
    before = _ask(served.origin)["pageInfo"]["endCursor"]
    for pid in (first, second):
        os.kill(pid, signal.SIGKILL)
    third, fourth = _replaced(served, {first, second})
    # The key that signs cursors is that of the run, not of a worker.
    assert _ask(served.origin, before)["edges"]
    os.kill(served.pid, signal.SIGHUP)
    _replaced(served, {third, fourth})
    assert _ask(served.origin, before)["edges"]


def _replaced(served: Served, former: set[int]) -> list[int]:
    """The workers, once both former ones are gone."""
    for _ in range(300):
        found = served.workers()
        if len(found) == 2 and not former & set(found):
            _until_ready(served.origin)
            return found
        time.sleep(0.1)
    raise AssertionError("they were not replaced")
