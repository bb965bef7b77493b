"""Other people's AWS IoT, as processes on loopback sockets while tests last.

They run in an environment of their own (docs/decisions/0008-aws.md): ``.venv-peers`` beside pyproject.toml, or what the
variable EXECUTION_GATEWAY_PEERS names.
"""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from botocore.config import Config
from botocore.session import Session

from gateway.sigv4 import Keys

VARIABLE = "EXECUTION_GATEWAY_PEERS"
ROOT = Keys("123456789012", "anything")
"""May do everything: to ministack twelve digits are an account's root, whatever the secret; moto checks nothing."""

_SECONDS = 60
_LOG_LINES = 60


@dataclass(frozen=True)
class Peer:
    """A running one. ``log`` is what it prints."""

    name: str
    origin: str
    log: Path

    def client(self, service: str, region: str, keys: Keys = ROOT) -> Any:
        """Botocore's client for one of its services."""
        return Session().create_client(
            service,
            region_name=region,
            endpoint_url=self.origin,
            aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key,
            aws_session_token=keys.token,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def get(self, path: str) -> Any:
        """What it says at an address of its own."""
        return httpx.get(self.origin + path, timeout=_SECONDS).raise_for_status().json()

    def post(self, path: str, body: Any) -> None:
        """Tell it something at an address of its own."""
        httpx.post(self.origin + path, json=body, timeout=_SECONDS).raise_for_status()

    def tail(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:])


def python() -> Path | None:
    """The Python of the peers' environment; None where there is none."""
    given = os.environ.get(VARIABLE)
    home = Path(given) if given else Path(__file__).parents[2] / ".venv-peers"
    found = home / "bin" / "python"
    return found if found.exists() else None


@contextmanager
def running(
    name: str,
    directory: Path,
    command: Callable[[int], Sequence[str]],
    ready: str,
    environment: Callable[[int], Mapping[str, str]] = lambda _port: {},
) -> Iterator[Peer]:
    """A peer, as soon as it answers at ``ready``, while the block lasts.

    It inherits a listening socket of 127.0.0.1: ``command`` gets its file descriptor, ``environment`` its port.
    """
    log = directory / "log"
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        port: int = listening.getsockname()[1]
        with log.open("w") as output:
            process = subprocess.Popen(
                command(listening.fileno()),
                # Nothing of the user's: no credentials, no configuration, no proxies.
                env={"PATH": os.environ["PATH"], "HOME": str(directory), "TMPDIR": str(directory), **environment(port)},
                cwd=directory,
                pass_fds=[listening.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
    peer = Peer(name, f"http://127.0.0.1:{port}", log)
    try:
        try:
            # The socket listens already: this waits until somebody accepts, or fails when nobody is left to.
            httpx.get(peer.origin + ready, timeout=_SECONDS).raise_for_status()
        except httpx.HTTPError as error:
            raise RuntimeError(f"{name} did not start:\n{peer.tail()}") from error
        yield peer
    finally:
        process.terminate()
        try:
            process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
