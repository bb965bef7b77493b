"""Processes under measurement: where they run, what they use."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

_ROOT = Path(__file__).parents[2]
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_STARTED_WITHIN = 30.0


def cores() -> list[int]:
    """The cores this process may use."""
    return sorted(os.sched_getaffinity(0))


def server_cores() -> set[int]:
    """Where servers under measurement run: the first core, alone."""
    return set(cores()[:1])


def other_cores() -> set[int]:
    """Where upstream and load run: the second core; with one core, there too."""
    return set(cores()[1:2]) or server_cores()


@contextmanager
def beside_servers() -> Iterator[None]:
    """This process runs where upstream and load generator do."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, other_cores())
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and its children have used so far."""

    cpu_seconds: float
    rss_megabytes: float


@dataclass(frozen=True, slots=True)
class Process:
    """A server that listens."""

    pid: int
    port: int

    def usage(self) -> Usage:
        """Processor time (user and system) and resident memory, children included."""
        family = list(_family(self.pid))
        return Usage(sum(map(_cpu_seconds, family)), sum(map(_megabytes, family)))

    def peak(self) -> float:
        """The most resident memory, in megabytes, that it or a child of its has had so far."""
        return max(map(_peak_megabytes, _family(self.pid)))


@contextmanager
def started(
    command: Sequence[str], port: int, ready: str, where: set[int], environment: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """A server process on some cores, once its path ``ready`` answers. Raises RuntimeError, with what it said, if not."""
    with tempfile.TemporaryFile() as said:
        before = os.sched_getaffinity(0)
        # A child inherits where it may run: so all of its threads do too.
        os.sched_setaffinity(0, where)
        try:
            process = subprocess.Popen(
                command,
                stdout=said,
                stderr=said,
                cwd=_ROOT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        finally:
            os.sched_setaffinity(0, before)
        try:
            if not _answers(process, f"http://127.0.0.1:{port}{ready}"):
                said.seek(0)
                raise RuntimeError(f"{command} did not start:\n{said.read().decode(errors='replace')}")
            yield Process(process.pid, port)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)


def _answers(process: subprocess.Popen, address: str) -> bool:
    until = time.monotonic() + _STARTED_WITHIN
    with httpx.Client(trust_env=False) as client:
        while process.poll() is None and time.monotonic() < until:
            try:
                client.get(address)
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return True
    return False


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except FileNotFoundError:
        return
    for child in children:
        yield from _family(int(child))


def _cpu_seconds(pid: int) -> float:
    # What follows the name, which may hold anything in its parentheses: utime and stime are fields 14 and 15.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _megabytes(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE / 1e6


def _peak_megabytes(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024 / 1e6


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
