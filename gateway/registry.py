"""The configured sources, each with its adapter open. Adapters arrive through entry points, the built-in ones included."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import httpx

from gateway.config import Config, ConfigFile, SourceSettings
from gateway.errors import ConfigError, UserError
from gateway.spi import ENTRY_POINTS, Adapter, AdapterFactory, DetailTypes
from gateway.transport import SourceClient, http_transport

ALLOW_LIST = "EXECUTION_GATEWAY_ADAPTERS"
TransportMaker = Callable[[SourceSettings], httpx.AsyncBaseTransport]


@dataclass(slots=True)
class Source:
    """One configured back end.

    ``trusted`` turns False when it breaks an order that its adapter promised; it is sorted here from then on, until restart.
    """

    settings: SourceSettings
    adapter: Adapter
    client: SourceClient
    trusted: bool = True

    @property
    def name(self) -> str:
        """The configured name."""
        return self.settings.name

    @property
    def kind(self) -> str:
        """The kind of adapter."""
        return self.settings.kind


@cache
def _entry_points() -> dict[str, EntryPoint]:
    allowed = os.environ.get(ALLOW_LIST)
    names = None if allowed is None else {name.strip() for name in allowed.split(",")}
    found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    return {name: found[name] for name in sorted(found) if names is None or name in names}


def kinds() -> list[str]:
    """The kinds of source that adapters are installed for."""
    return list(_entry_points())


@cache
def factory_of(kind: str) -> AdapterFactory:
    """The factory for a kind. Raises ConfigError when there is none, or its import fails."""
    point = _entry_points().get(kind)
    if point is None:
        raise ConfigError(f"unknown kind {kind!r}; installed adapters: {', '.join(kinds())}")
    try:
        factory: AdapterFactory = point.load()
    except ImportError as error:
        extra = f"execution-gateway[{kind}]" if point.dist is None else f"{point.dist.name}[{kind}]"
        raise ConfigError(f"the adapter {kind!r} lacks {error.name!r}: install {extra}") from error
    return factory


@cache
def installed_details() -> Mapping[str, DetailTypes]:
    """The detail types of every installed adapter that can be imported, by kind; the schema is made from them."""
    details = {}
    for kind in kinds():
        try:
            details[kind] = factory_of(kind).details()
        except (ConfigError, ImportError):
            continue
    return details


class Registry:
    """All sources by name, in order of name."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.sources: dict[str, Source] = {source.name: source for source in sorted(sources, key=lambda source: source.name)}
        self._aliases = {alias: source.name for source in self.sources.values() for alias in source.settings.aliases}

    @classmethod
    def open(cls, file: ConfigFile, config: Config, transports: TransportMaker = http_transport) -> "Registry":
        """Open every configured source. Raises ConfigError; nothing is contacted."""
        taken: dict[str, str] = {}
        opened = []
        for index, data in enumerate(config.sources):
            path = ("sources", index)
            kind = data.get("kind")
            if not isinstance(kind, str):
                raise ConfigError(f"{file.where(path)}: sources.{index}.kind: expected one of {', '.join(kinds())}")
            try:
                factory = factory_of(kind)
            except ConfigError as error:
                raise ConfigError(f"{file.where((*path, 'kind'))}: sources.{index}.kind: {error}") from error
            settings = file.parse(factory.settings, data, path)
            for name in (settings.name, *settings.aliases):
                if name in taken:
                    raise ConfigError(f"{file.where((*path, 'name'))}: sources.{index}: the name {name!r} is taken already")
                taken[name] = settings.name
            opened.append(open_source(factory, settings, transports, config.server.workers))
        return cls(opened)

    def find(self, name: str) -> Source | None:
        """The source of a name or alias."""
        return self.sources.get(self._aliases.get(name, name))

    def require(self, name: str) -> Source:
        """The source of a name or alias. Raises UserError naming the known ones."""
        source = self.find(name)
        if source is None:
            raise UserError(f"There is no source named {name!r}; the sources are {', '.join(self.sources)}.")
        return source

    async def aclose(self) -> None:
        """Close adapters and their connections."""
        for source in self.sources.values():
            await source.adapter.aclose()
            await source.client.aclose()


def open_source(
    factory: AdapterFactory, settings: Any, transports: TransportMaker = http_transport, workers: int = 1
) -> Source:
    """One source from its settings. ``workers`` is how many processes share what the source allows."""
    client = SourceClient(settings, transports(settings), workers=workers)
    return Source(settings, factory.open(settings.name, settings, client), client)
