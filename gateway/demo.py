"""The demo: every kind of source that can be simulated, on loopback sockets, with a configuration that names them."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, runtime_checkable

import yaml

from gateway.config import ConfigFile
from gateway.errors import ConfigError
from gateway.registry import factory_of, kinds
from gateway.spi import Simulator, SupportsSimulation
from gateway.testing.servers import LoopbackServers

SIZES = {"small": 400, "large": 4000}
"""Executions in each source."""


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo: its configuration, and by source name its simulator and where that listens."""

    file: ConfigFile
    simulators: dict[str, Simulator]
    origins: dict[str, str]


@runtime_checkable
class _Lively(Protocol):
    """A simulator that can proceed with time."""

    def go_live(self, speed: float) -> None:
        """From now on."""
        ...


@contextmanager
def running(
    *,
    seed: int,
    size: str,
    port: int = 8000,
    now: datetime | None = None,
    only: Collection[str] | None = None,
    speed: float = 0.0,
) -> Iterator[Demo]:
    """Serve the simulators while the block lasts: those of all kinds, or of ``only`` some.

    With a ``speed`` they live: work goes on so many times as fast as the clock. Otherwise nothing changes by itself.
    """
    moment = datetime.now(UTC).replace(microsecond=0) if now is None else now
    simulators = {kind: factory.simulator(seed=seed, size=SIZES[size], now=moment) for kind, factory in _simulated(only)}
    for simulator in simulators.values():
        if speed and isinstance(simulator, _Lively):
            simulator.go_live(speed)
    with LoopbackServers([simulator.app for simulator in simulators.values()]) as servers:
        origins = dict(zip(simulators, servers.origins, strict=True))
        sources: list[dict[str, Any]] = [
            {"name": kind, "kind": kind, "expose_raw": True, **factory.simulator_settings(origins[kind])}
            for kind, factory in _simulated(only)
        ]
        document = {"server": {"host": "127.0.0.1", "port": port}, "sources": sources}
        yield Demo(ConfigFile(yaml.safe_dump(document), "demo"), simulators, origins)


def _simulated(only: Collection[str] | None) -> Iterator[tuple[str, SupportsSimulation]]:
    for kind in kinds():
        if only is not None and kind not in only:
            continue
        try:
            factory = factory_of(kind)
        except ConfigError:
            continue
        if isinstance(factory, SupportsSimulation):
            yield kind, factory
