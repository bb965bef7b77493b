"""Builds the schema; ``execution-gateway schema`` prints it."""

from functools import cache

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from gateway.api.operations import Query
from gateway.api.scalars import SCALARS, SHORTCUTS
from gateway.api.subscriptions import Subscription
from gateway.api.types import Execution, Job, Node, Source
from gateway.execution.executor import compiled
from gateway.execution.plans import Plans


class Schema(strawberry.Schema):
    """Leaves errors to ``gateway.api.errors``, which logs what the operator must see and nothing that callers caused."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:  # noqa: ARG002
        return None


@cache
def schema(*, compile: bool = True) -> Schema:  # noqa: A002 - what it does to operations
    """The schema over the installed adapters' details. Operations are compiled, or all left to graphql-core."""
    return Schema(
        query=Query,
        subscription=Subscription,
        types=[Job, Execution, Node, Source],
        config=StrawberryConfig(scalar_map=SCALARS),
        execution_context_class=compiled(Plans(SHORTCUTS)) if compile else None,
    )


def public_sdl() -> str:
    """The public schema as ``schema.graphql`` holds it."""
    return schema().as_str() + "\n"
