"""Where the gateway's time goes while it answers one question.

Run: ``python -m tests.bench.shares [Q1|Q2|Q3|Q4] [--seconds 10] [--connections 16]``. The gateway runs in this process, over
a real socket; its stack is sampled as it uses processor time, at each millisecond or as often as the kernel's clock ticks.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from types import FrameType
from typing import Any

import uvicorn
import uvloop
import yaml
from rich.console import Console
from rich.table import Table

from gateway.app import create_app
from gateway.config import ConfigFile
from tests.bench.contenders import Shape, configuration, upstream
from tests.bench.processes import free_port, other_cores, server_cores
from tests.bench.queries import QUESTIONS

_INTERVAL = 0.001
_WARM_SECONDS = 2.0
_FUNCTIONS = 12

_FRAMEWORK = "framework"
# Innermost first, the first frame of a stack that is named here says whose time it is: what stands between, such as the
# time-outs of asyncio or the constructors of msgspec, is part of what called it.
_FUNCTION_GROUPS = {
    ("gateway.transport", "decode"): "decode",
    ("gateway.api.http", "written"): "JSON out",
}
_MODULE_GROUPS = {
    "aiohttp": "client",
    "httpx": "client",
    "yarl": "client",
    "gateway.auth": "client",
    "gateway.connections": "client",
    "gateway.deadlines": "client",
    "gateway.engine": "client",
    "gateway.health": "client",
    "gateway.limits": "client",
    "gateway.outgoing": "client",
    "gateway.transport": "client",
    "gateway.unpack": "client",
    "adapters": "decode",
    "gateway.instant": "decode",
    "gateway.records": "decode",
    "graphql": "execution",
    "strawberry": "execution",
    "gateway.execution": "execution",
    "gateway.ids": "execution",
    "gateway.api.http": _FRAMEWORK,
    "gateway.api": "execution",
    "gateway.cache": "merge",
    "gateway.cursor": "merge",
    "gateway.loaders": "merge",
    "gateway.merge": "merge",
    "gateway.nodes": "merge",
    "gateway.pagination": "merge",
    "gateway.query": "merge",
    "gateway.service": "merge",
    "gateway.stream": "merge",
}
_GROUPS = ("client", "decode", "execution", "merge", "JSON out", _FRAMEWORK)


class Samples:
    """Counts stacks at each ``SIGPROF``."""

    def __init__(self) -> None:
        self.groups: Counter[str] = Counter()
        self.functions: Counter[str] = Counter()

    def start(self) -> None:
        """Sample from now on, in the main thread."""
        signal.signal(signal.SIGPROF, self._sample)
        signal.siginterrupt(signal.SIGPROF, False)
        signal.setitimer(signal.ITIMER_PROF, _INTERVAL, _INTERVAL)

    def stop(self) -> None:
        """Sample no more."""
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _sample(self, _signal: int, frame: FrameType | None) -> None:
        if frame is not None:
            self.functions[f"{_module(frame)}.{frame.f_code.co_name}"] += 1
        self.groups[group_of(frame)] += 1


def group_of(frame: FrameType | None) -> str:
    """Whose time it is when this frame is the innermost one."""
    while frame is not None:
        module = _module(frame)
        if (found := _FUNCTION_GROUPS.get((module, frame.f_code.co_name))) is not None:
            return found
        while module:
            if module in _MODULE_GROUPS:
                return _MODULE_GROUPS[module]
            module = module.rpartition(".")[0]
        frame = frame.f_back
    return _FRAMEWORK


def _module(frame: FrameType) -> str:
    """The frame's module; generated plans have none."""
    name: Any = frame.f_globals.get("__name__")
    return name if isinstance(name, str) else "gateway.execution.plan"


def sampled(question: str, connections: int, seconds: float) -> Samples:
    """Samples of a gateway that answers a question for a while. Raises CalledProcessError when it answers with errors."""
    samples = Samples()
    os.sched_setaffinity(0, server_cores())
    with upstream() as mock:
        port = free_port()
        text = yaml.safe_dump(configuration(f"http://127.0.0.1:{mock.port}", port, Shape()))
        app = create_app(ConfigFile(text, "gateway.yaml"))
        settings = uvicorn.Config(app, port=port, access_log=False, log_level="warning", timeout_graceful_shutdown=3)
        server = uvicorn.Server(settings)
        uvloop.run(_sampled(server, port, question, connections, seconds, samples))
    return samples


async def _sampled(
    server: uvicorn.Server, port: int, question: str, connections: int, seconds: float, samples: Samples
) -> None:
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
        await asyncio.sleep(0.05)
    try:
        await asyncio.to_thread(_loaded, port, question, connections, _WARM_SECONDS)
        samples.start()
        print(await asyncio.to_thread(_loaded, port, question, connections, seconds), end="")
    finally:
        samples.stop()
        server.should_exit = True
        await serving


def _loaded(port: int, question: str, connections: int, seconds: float) -> str:
    # This thread alone moves to the other core, and the process that it starts with it.
    os.sched_setaffinity(0, other_cores())
    command = [sys.executable, "-m", "tests.bench.load", str(port), question, str(connections), str(seconds)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def shown(question: str, samples: Samples) -> Table:
    """Shares by group, and the functions with the most time of their own."""
    total = samples.groups.total() or 1
    table = Table("part", "share", title=f"{question}: {total} samples", title_justify="left")
    for group in _GROUPS:
        table.add_row(group, f"{samples.groups[group] / total:.1%}")
    table.add_section()
    for function, found in samples.functions.most_common(_FUNCTIONS):
        table.add_row(function, f"{found / total:.1%}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.shares", description=__doc__.splitlines()[0])
    parser.add_argument("question", nargs="?", default="Q2", choices=list(QUESTIONS))
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--connections", type=int, default=16)
    given = parser.parse_args()
    samples = sampled(given.question, given.connections, given.seconds)
    Console(width=120).print(shown(given.question, samples))


if __name__ == "__main__":
    main()
