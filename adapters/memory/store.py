"""The memory source's data: a mutable table that tests and examples fill."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.model import Entity, Key, Kind, LogLine, NodeResult


@dataclass(slots=True)
class MemoryStore:
    """Entities by key, and the target nodes of executions.

    ``logs`` has the lines of executions, in any order; those of an execution in ``written`` are all there.
    ``epoch`` is part of every page token: raising it makes all tokens given so far expire.
    """

    entities: dict[Key, Entity] = field(default_factory=dict)
    targets: dict[Key, tuple[NodeResult, ...]] = field(default_factory=dict)
    logs: dict[Key, list[LogLine]] = field(default_factory=dict)
    written: set[Key] = field(default_factory=set)
    epoch: int = 0

    def put(self, entities: Iterable[Entity]) -> None:
        """Insert, or replace by key."""
        self.entities.update((entity.key, entity) for entity in entities)

    def remove(self, key: Key) -> None:
        """Forget an entity."""
        self.entities.pop(key, None)

    def rows(self, kind: Kind) -> list[Entity]:
        """All entities of a kind, in no particular order."""
        return [entity for entity in self.entities.values() if entity.key.kind == kind]
