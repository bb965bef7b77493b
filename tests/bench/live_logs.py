"""Many live logs on one worker: memory, and how long a line takes.

Run: ``python -m tests.bench.live_logs [LOGS] [SECONDS]``. The gateway is a process of its own; AWX is simulated in this one.
Each log gets a line about every second and is followed by one subscriber.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import yaml

from gateway import ids
from gateway.demo import Demo, running
from gateway.model import Key
from tests.live import Socket, connected

LINES = """subscription ($id: ID!) { logLines(executionId: $id) { edges { node { text } } } }"""


def main(logs: int = 200, seconds: int = 40) -> None:
    with running(seed=1, size="small", only=("awx",)) as demo, tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        server = {"host": "127.0.0.1", "port": port, "poll_seconds": 0.5}
        config = Path(folder, "gateway.yaml")
        config.write_text(yaml.safe_dump({"server": server, "sources": demo.file.data["sources"]}), encoding="utf-8")
        command = [sys.executable, "-c", "from gateway.cli import main; main()", "serve", "--config", str(config)]
        process = subprocess.Popen(command)
        try:
            asyncio.run(_measure(demo, port, process.pid, logs, seconds))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)


async def _measure(demo: Demo, port: int, pid: int, logs: int, seconds: int) -> None:
    awx: Any = demo.simulators["awx"]
    world = awx.world
    keys = [world.add_execution(status="running") for _ in range(logs)]
    await _up(port)
    idle = _megabytes(pid)
    written: dict[str, float] = {}
    delays: list[float] = []
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(connected(f"ws://127.0.0.1:{port}/graphql")) for _ in range(4)]
        for place, key in enumerate(keys):
            await sockets[place % 4].subscribe(LINES, {"id": ids.encode(Key("execution", "awx", (str(key),)))}, str(key))
        reading = [asyncio.create_task(_read(one, written, delays)) for one in sockets]
        most = idle
        began = time.monotonic()
        serial = 0
        while (passed := time.monotonic() - began) < seconds:
            for key in keys[serial % 10 :: 10]:
                text = f"{key}: line {serial}"
                world.write_log(key, [text])
                written[text] = time.monotonic()
            serial += 1
            most = max(most, _megabytes(pid))
            await asyncio.sleep(max(0.0, began + 0.1 * serial - time.monotonic()))
        await asyncio.sleep(15)
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
    print(f"logs {logs}, lines {len(written)}, arrived {len(delays)}, in {passed:.0f} s")
    print(f"memory: idle {idle:.0f} MB, most {most:.0f} MB")
    print(f"from writing to arrival: median {median(delays):.2f} s, most {max(delays):.2f} s (AWX is asked every 5 to 6 s)")
    print(f"requests: {len(awx.log)}, {len(awx.log) / logs:.1f} a log")


async def _read(client: Socket, written: dict[str, float], delays: list[float]) -> None:
    while True:
        message = await client.receive()
        now = time.monotonic()
        for edge in message["payload"]["data"]["logLines"]["edges"]:
            if (moment := written.get(edge["node"]["text"])) is not None:
                delays.append(now - moment)


async def _up(port: int) -> None:
    async with httpx.AsyncClient() as client:
        while True:
            try:
                await client.get(f"http://127.0.0.1:{port}/healthz")
            except httpx.ConnectError:
                await asyncio.sleep(0.1)
            else:
                return


def _megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
