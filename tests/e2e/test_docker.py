"""docker/: the configurations that compose.yaml brings together, with two gateways behind a real HAProxy.

No container runs here: that wants an engine, which tests cannot count on.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import httpx
import pytest
import yaml

from gateway.demo import Demo
from tests.live import Server, connected, listening, served

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
HAPROXY = shutil.which("haproxy", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
PAGE = """query ($after: String) { executions(first: 20, after: $after) {
    edges { node { id } } pageInfo { hasNextPage endCursor } } }"""
CHANGES = "subscription ($f: ExecutionFilter) { executionsUpdated(filter: $f) { change sources { state } } }"

needs_haproxy = pytest.mark.skipif(HAPROXY is None and not os.environ.get("CI"), reason="needs haproxy")


@dataclass
class Deployment:
    """Where the load balancer is, and what is behind it."""

    address: str
    replicas: list[Server]

    def page(self, after: str | None = None) -> httpx.Response:
        """A page of executions, over a connection of its own."""
        body = {"query": PAGE, "variables": {"after": after}}
        return httpx.post(f"http://{self.address}/graphql", json=body, timeout=60)


@pytest.fixture
def configuration(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> str:
    """gateway.yaml, its address pointed at a server that exists."""
    monkeypatch.setenv("CURSOR_KEY", "the same for all replicas")
    monkeypatch.setenv("AWX_TOKEN", "admin-token")
    text = (DOCKER / "gateway.yaml").read_text("utf-8")
    assert "https://awx.example" in text
    return text.replace("https://awx.example", demo.origins["awx"])


@pytest.fixture
def deployment(configuration: str, tmp_path: Path) -> Iterator[Deployment]:
    assert HAPROXY is not None
    with served(configuration) as one, served(configuration) as other, listening() as listener:
        # What Compose's name server would tell.
        found = "\n".join(
            f"  server replica{server.port} 127.0.0.1:{server.port} check inter 200ms" for server in (one, other)
        )
        text = (DOCKER / "haproxy.cfg").read_text("utf-8")
        text, templates = re.subn(r"  server-template .*", found, text)
        # It listens already: whoever connects before HAProxy is there waits.
        text, ports = re.subn(r"bind :8000", f"bind fd@{listener.fileno()}", text)
        assert (templates, ports) == (1, 1)
        file = tmp_path / "haproxy.cfg"
        file.write_text(text)
        command = [HAPROXY, "-f", str(file)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, pass_fds=[listener.fileno()]) as process:
            try:
                yield Deployment(f"127.0.0.1:{listener.getsockname()[1]}", [one, other])
            finally:
                process.terminate()


@needs_haproxy
def test_its_own_check_accepts_the_load_balancer_s_configuration() -> None:
    assert HAPROXY is not None
    done = subprocess.run([HAPROXY, "-c", "-f", str(DOCKER / "haproxy.cfg")], capture_output=True, text=True, check=False)
    assert (done.returncode, "WARNING" in done.stdout + done.stderr) == (0, False), done.stderr


@needs_haproxy
def test_pages_come_from_any_replica(deployment: Deployment) -> None:
    after, seen = None, []
    while True:
        page = deployment.page(after).json()["data"]["executions"]
        seen += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(seen) == len(set(seen)) > 300
    assert all(replica.answered > 5 for replica in deployment.replicas)


@needs_haproxy
def test_a_replica_that_ends_costs_no_request(deployment: Deployment) -> None:
    first = deployment.page().json()["data"]["executions"]["pageInfo"]["endCursor"]
    deployment.replicas[0].stop()
    for _ in range(10):
        answer = deployment.page(first)
        assert (answer.status_code, len(answer.json()["data"]["executions"]["edges"])) == (200, 20)
    deployment.replicas[0].restart()


@needs_haproxy
async def test_subscriptions_come_through_and_are_spread(deployment: Deployment) -> None:
    variables = {"f": {"status": ["RUNNING"]}}
    asked = {"query": CHANGES, "variables": variables}
    async with (
        connected(f"ws://{deployment.address}/graphql") as client,
        httpx.AsyncClient(timeout=20, headers={"accept": "text/event-stream"}) as browser,
    ):
        await client.subscribe(CHANGES, variables)
        update = await anext(client.results())
        async with browser.stream("POST", f"http://{deployment.address}/graphql", json=asked) as answer:
            event = await anext(line async for line in answer.aiter_lines() if line.startswith("data: "))
            assert '"executionsUpdated"' in event
            assert [replica.gateway.watch.pollers for replica in deployment.replicas] == [1, 1]
    assert update["data"]["executionsUpdated"]["sources"] == [{"state": "OK"}]


def test_the_files_fit_together() -> None:
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))
    image = (DOCKER / "Dockerfile").read_text("utf-8")
    gateway, balancer = compose["services"]["gateway"], compose["services"]["balancer"]
    assert (DOCKER / gateway["build"]["context"] / gateway["build"]["dockerfile"]).samefile(DOCKER / "Dockerfile")
    mounted = dict(volume.removesuffix(":ro").split(":") for service in (gateway, balancer) for volume in service["volumes"])
    assert {path for path in mounted if not (DOCKER / path).is_file()} == set()
    assert f'"{mounted["./gateway.yaml"]}"' in image
    # Who copies the example and fills it in has set all that the configuration asks for.
    example = (DOCKER / f"{gateway['env_file']}.example").read_text("utf-8")
    assert set(re.findall(r"^(\w+)=$", example, re.MULTILINE)) == set(
        re.findall(r"\$\{(\w+)\}", (DOCKER / "gateway.yaml").read_text("utf-8"))
    )
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert f"docker/{gateway['env_file']}" in ignored


def test_an_image_gets_what_it_copies() -> None:
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")]
    image = (DOCKER / "Dockerfile").read_text("utf-8")
    copied = [path for paths in re.findall(r"^COPY (?!--)(.+) \S+$", image, re.MULTILINE) for path in paths.split()]
    assert {path for path in copied if not (ROOT / path).exists()} == set()
    assert {path for path in copied if not any(fnmatch(path, pattern) for pattern in let_in)} == set()
