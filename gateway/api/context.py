"""What resolvers find in ``info.context``."""

from dataclasses import dataclass, field
from typing import Any

import strawberry

from gateway.service import Gateway, Session
from gateway.spi import Cost


@dataclass(slots=True)
class Context:
    """One GraphQL request: the gateway, and what the request's resolvers share."""

    gateway: Gateway
    session: Session
    extensions: dict[str, Any] = field(default_factory=dict)

    def cost(self, source: str, name: str) -> Cost:
        """What the field ``Type.field`` costs on a source."""
        return self.gateway.registry.sources[source].adapter.capabilities.cost(name)


Info = strawberry.Info[Context, None]
