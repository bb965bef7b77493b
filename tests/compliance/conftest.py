"""The demo of all five systems behind a gateway on a real socket."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
import yaml

from gateway.demo import Demo, running
from tests.e2e.conftest import NOW
from tests.live import Server, served

_UNLIMITED = {"quota": {"rate": 100_000.0, "burst": 1000, "ceiling": 100_000, "in_flight": 8}, "quotas": {}}


@dataclass(frozen=True)
class Systems:
    """A gateway's address and the simulators that it reads."""

    server: Server
    demo: Demo

    def simulator(self, name: str) -> Any:
        """A source's simulator."""
        return self.demo.simulators[name]


@contextmanager
def systems(now: datetime = NOW, **settings: Any) -> Iterator[Systems]:
    """All five, with no quota for AWS IoT: its waits are tested elsewhere. Each source has the settings given."""
    with running(seed=7, size="small", now=now) as demo:
        iot: Any = demo.simulators["aws-iot"]
        iot.throttle.quotas = {}
        sources = [
            {**source, **settings, **(_UNLIMITED if source["kind"] == "aws-iot" else {})}
            for source in demo.file.data["sources"]
        ]
        # The time between two polls is short, and a question's deadline longer than any machine is slow.
        document = {"server": {"poll_seconds": 0.1, "deadline_seconds": 60}, "sources": sources}
        with served(yaml.safe_dump(document)) as server:
            yield Systems(server, demo)


@pytest.fixture(scope="session")
def still() -> Iterator[Systems]:
    """Systems that nobody changes."""
    with systems() as made:
        yield made


@pytest.fixture
def moving() -> Iterator[Systems]:
    """Systems of one test, to be changed at will: what was read of them is remembered for a minute."""
    with systems() as made:
        yield made
