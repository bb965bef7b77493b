"""The reference adapter: a source in memory, for tests, examples and the conformance suite."""

from typing import Any

from adapters.memory.adapter import ALL_FILTERS, ALL_ORDERS, Behaviour, MemoryAdapter
from adapters.memory.store import MemoryStore
from gateway.config import SourceSettings
from gateway.spi import DetailTypes
from gateway.transport import SourceClient

__all__ = ["ALL_FILTERS", "ALL_ORDERS", "Behaviour", "MemoryAdapter", "MemoryFactory", "MemoryStore", "factory"]


class MemoryFactory:
    """Opens memory sources. ``stores`` holds the data by source name, ``behaviours`` what a source can do if not all."""

    kind = "memory"
    settings = SourceSettings

    def __init__(self) -> None:
        self.stores: dict[str, MemoryStore] = {}
        self.behaviours: dict[str, Behaviour] = {}

    def details(self) -> DetailTypes:
        return DetailTypes()

    def open(self, name: str, settings: Any, client: SourceClient) -> MemoryAdapter:  # noqa: ARG002 - needs neither
        return MemoryAdapter(name, self.stores.setdefault(name, MemoryStore()), self.behaviours.get(name))


factory = MemoryFactory()
