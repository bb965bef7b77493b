"""Several workers behind one socket: what one of them answered is good for the others."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from gateway.demo import running
from gateway.registry import factory_of
from gateway.spi import SupportsSimulation

PAGE = "query Page($after: String) { executions(first: 5, after: $after) { edges { node { id } } pageInfo { endCursor } } }"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """Two workers over the AWX simulator; their origin."""
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
            yield origin
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


def test_a_cursor_of_one_worker_is_good_for_the_others(served: str) -> None:
    first = _ask(served)
    after = first["pageInfo"]["endCursor"]
    following = [[edge["node"]["id"] for edge in _ask(served, after)["edges"]] for _ in range(24)]
    assert len(following[0]) == 5
    assert all(ids == following[0] for ids in following)
    assert not set(following[0]) & {edge["node"]["id"] for edge in first["edges"]}
