"""Builds the schema; ``execution-gateway schema`` prints it."""

from functools import cache

import strawberry
from graphql import GraphQLError
from strawberry.extensions import MaxTokensLimiter
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from gateway.api.operations import Query
from gateway.api.scalars import SCALARS
from gateway.api.subscriptions import Subscription
from gateway.api.types import Execution, Job, Node, Source

MAX_TOKENS = 4000


class Schema(strawberry.Schema):
    """Leaves errors to ``gateway.api.errors``, which logs what the operator must see and nothing that callers caused."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:  # noqa: ARG002
        return None


@cache
def schema() -> Schema:
    """The schema over the installed adapters' details."""
    return Schema(
        query=Query,
        subscription=Subscription,
        types=[Job, Execution, Node, Source],
        config=StrawberryConfig(scalar_map=SCALARS),
        extensions=[lambda: MaxTokensLimiter(max_token_count=MAX_TOKENS)],
    )


def public_sdl() -> str:
    """The public schema as ``schema.graphql`` holds it."""
    return schema().as_str() + "\n"
