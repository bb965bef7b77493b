"""The `details` unions, made at start-up from what the installed adapters bring."""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_
from typing import Annotated, Any

import strawberry
from strawberry.types.field import StrawberryField

from gateway.api.reading import at_row_strength, each, knows, source_of
from gateway.api.scalars import JSON
from gateway.execution.fields import LATER, Call, load_on_demand
from gateway.loaders import Answer
from gateway.model import Entity
from gateway.registry import installed_details
from gateway.service import existing
from gateway.spi import Cost, DetailTypes


@strawberry.type(description="For adapters that bring no GraphQL type of their own: no schema change is needed to add one.")
class GenericDetails:
    kind: str = strawberry.field(description="The kind of source.")
    fields: JSON = strawberry.field(description="What the source has beyond the unified fields.")


class EntityDetails:
    """Stands behind a detail object while a query is answered: it remembers whose details these are."""

    __slots__ = ("entity", "value")

    def __init__(self, entity: Entity, value: Any) -> None:
        self.entity = entity
        self.value = value

    def __getattr__(self, name: str) -> Any:
        return getattr(self.value, name)


def details_at_once(call: Call) -> Callable[[Entity], Any]:
    """What only an entity's kind of source has, where it is at hand; None when there is nothing."""
    return lambda entity: _details(entity, call) if knows(entity, "details") else LATER


async def details_of(entities: Sequence[Entity], call: Call) -> list[Any]:
    """What only these entities' kinds of sources have."""
    strong = await at_row_strength(entities, "details", call)
    return each(lambda entity: entity if isinstance(entity, Exception) else _details(entity, call), strong)


def _details(entity: Entity, call: Call) -> EntityDetails | None:
    source = source_of(entity, call)
    value = source.adapter.details(entity)
    if isinstance(value, dict):
        value = GenericDetails(kind=source.kind, fields=JSON(value))
    return None if value is None else EntityDetails(entity, value)


def detail_union(name: str, description: str, pick: Callable[[DetailTypes], tuple[type, ...]]) -> Any:
    """The union of the given detail types of every installed adapter, with GenericDetails."""
    members = sorted(
        {member for types in installed_details().values() for member in pick(types)}, key=lambda one: one.__name__
    )
    for types in installed_details().values():
        for member in pick(types):
            _prepare(member, types)
    _recognise(GenericDetails)
    union = reduce(or_, [*members, GenericDetails]) if members else GenericDetails
    return Annotated[union, strawberry.union(name, description=description)]


def _prepare(cls: Any, types: DetailTypes) -> None:
    """Let the type recognise its values behind ``EntityDetails``, and read its costly fields on demand."""
    _recognise(cls)
    definition = cls.__strawberry_definition__
    for field in definition.fields:
        name = field.graphql_name or _camel(field.python_name)
        if types.costs.get(f"{definition.name}.{name}") is Cost.EACH:
            _on_demand(field)


def _recognise(cls: Any) -> None:
    cls.__strawberry_definition__.is_type_of = lambda value, _info: isinstance(getattr(value, "value", None), cls)


def _on_demand(field: StrawberryField) -> None:
    if field.base_resolver is not None:
        return
    name = field.python_name

    async def load(parents: Sequence[EntityDetails], call: Call) -> list[Any]:
        def read(answer: Answer) -> Any:
            entity = existing(answer)
            return None if entity is None else getattr(source_of(entity, call).adapter.details(entity), name, None)

        return each(read, await call.context.session.loaders.fulls([parent.entity.key for parent in parents]))

    load_on_demand(field, load)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
