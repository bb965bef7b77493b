"""The peers, one process each for the session, and the real gateway over them on real sockets."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.aws_environment import isolate
from tests.peers.peer import Peer, python, running

_running: list[Peer] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails shows what the peers said."""
    report = yield
    if report.failed:
        report.sections += [(f"log of {peer.name}", peer.tail()) for peer in _running]
    return report


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    isolate(monkeypatch, tmp_path)


@pytest.fixture(scope="session", autouse=True)
def _no_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    # For fixtures that live as long as the session, and are made before those of a test.
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, tmp_path_factory.mktemp("aws"))
        yield


def _python() -> str:
    found = python()
    if found is None:
        pytest.skip("the peers' environment .venv-peers is not there: `make test` builds it")
    return str(found)


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """moto: every operation, no state machine, no checks."""
    executable, script = _python(), str(Path(__file__).with_name("moto_server.py"))
    yield from _kept(
        running("moto", tmp_path_factory.mktemp("moto"), lambda fd: [executable, "-I", script, str(fd)], "/_peer/log")
    )


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """ministack: a real state machine, and with AUTH it checks signatures and policies of whoever is not root."""
    executable = _python()

    def environment(port: int) -> dict[str, str]:
        return {
            "AUTH": "true",
            "SERVICES": "iot,iot-jobs-data,iam,sts",
            "GATEWAY_PORT": str(port),
            # By default it listens for MQTT and SFTP everywhere, and looks for Docker.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def command(fd: int) -> list[str]:
        served = ["-m", "hypercorn", "ministack.app:app", "--workers", "0", "--bind", f"fd://{fd}"]
        return [executable, "-I", *served, "--access-logfile", "-"]

    yield from _kept(running("ministack", tmp_path_factory.mktemp("ministack"), command, "/_ministack/ready", environment))


def _kept(started: Any) -> Iterator[Peer]:
    with started as peer:
        _running.append(peer)
        try:
            yield peer
        finally:
            _running.remove(peer)
