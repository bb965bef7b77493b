"""A load generator that is not the bottleneck: bare asyncio protocols that send the next request when the answer is whole.

Run: ``python -m tests.bench.load PORT QUESTION CONNECTIONS SECONDS`` to load a gateway and print what came of it; errors
end it with the first of them.
"""

import asyncio
import sys
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import uvloop

from tests.bench.contenders import GATEWAY, Contender
from tests.bench.queries import QUESTIONS, Question

_PATIENCE = 30.0
_SHOWN = 1000
_BEGIN = b'{"data":{"'


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of whom: ``least`` bytes is what a whole answer has; ``numbers`` make every request a new one."""

    contender: Contender
    port: int
    question: Question
    least: int
    numbers: Iterator[int]

    def request(self) -> bytes:
        """The next request."""
        body = self.contender.body(self.question, next(self.numbers))
        head = (
            f"POST {self.contender.path(self.question)} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode("ascii") + body


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a load: latencies in seconds, ascending, of whole answers; of all others, how they begin."""

    latencies: array
    errors: list[str]
    seconds: float

    @property
    def answers(self) -> int:
        """Whole answers."""
        return len(self.latencies)

    @property
    def per_second(self) -> float:
        """Whole answers per second."""
        return self.answers / self.seconds

    def percentile(self, percent: float) -> float:
        """The latency, in milliseconds, that so many answers do not exceed; NaN without answers."""
        if not self.latencies:
            return float("nan")
        place = min(len(self.latencies) - 1, int(len(self.latencies) * percent / 100))
        return 1000 * float(self.latencies[place])


class _Client(asyncio.Protocol):
    """One connection, asking until ``until`` (by ``time.perf_counter``) and then waiting for the last answer."""

    def __init__(self, load: Load, until: float, latencies: array) -> None:
        self._load = load
        self._until = until
        self._latencies = latencies
        self._transport: Any = None
        self._began = 0.0
        self._left = 0
        self._head = b""
        self._sound = False
        self.errors: list[str] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        if self._left:
            self._left -= len(data)
        else:
            self._head += data
            head, mark, body = self._head.partition(b"\r\n\r\n")
            if not mark or (len(body) < len(_BEGIN) and head.startswith(b"HTTP/1.1 200")):
                return
            length = _content_length(head)
            self._sound = head.startswith(b"HTTP/1.1 200") and body.startswith(_BEGIN) and length >= self._load.least
            self._left = length - len(body)
        if not self._left:
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.errors.append("the connection was closed")
            self.done.set_result(None)

    def _ask(self) -> None:
        self._head = b""
        self._began = time.perf_counter()
        self._transport.write(self._load.request())

    def _finish(self) -> None:
        now = time.perf_counter()
        if self._sound:
            self._latencies.append(now - self._began)
        else:
            self.errors.append(self._head[:_SHOWN].decode(errors="replace"))
        if now < self._until:
            self._ask()
            return
        self.done.set_result(None)
        self._transport.close()


def _content_length(head: bytes) -> int:
    folded = head.lower()
    begin = folded.index(b"content-length:") + len(b"content-length:")
    return int(folded[begin:].partition(b"\r\n")[0])


def run(load: Load, connections: int, seconds: float) -> Outcome:
    """Load a server. What is under way at the end is waited for, so that requests and answers can be compared."""
    return uvloop.run(_run(load, connections, seconds))


async def _run(load: Load, connections: int, seconds: float) -> Outcome:
    loop = asyncio.get_running_loop()
    latencies = array("d")
    began = time.perf_counter()
    clients = [_Client(load, began + seconds, latencies) for _ in range(connections)]
    # Each connection takes the next client.
    unconnected = iter(clients)
    await asyncio.gather(*(loop.create_connection(lambda: next(unconnected), "127.0.0.1", load.port) for _ in clients))
    await asyncio.wait([client.done for client in clients], timeout=seconds + _PATIENCE)
    passed = time.perf_counter() - began
    errors = [error for client in clients for error in client.errors]
    errors += ["no answer" for client in clients if not client.done.done()]
    return Outcome(array("d", sorted(latencies)), errors, passed)


def main(port: str, question: str, connections: str, seconds: str) -> None:
    load = Load(GATEWAY, int(port), QUESTIONS[question], 0, count())
    outcome = run(load, int(connections), float(seconds))
    if outcome.errors:
        sys.exit(f"{len(outcome.errors)} errors beside {outcome.answers} answers, the first:\n{outcome.errors[0]}")
    print(f"{outcome.per_second:.0f} answers/s, p50 {outcome.percentile(50):.2f} ms")


if __name__ == "__main__":
    main(*sys.argv[1:])
