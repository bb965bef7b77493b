"""Builds the schema; ``execution-gateway schema`` prints it."""

from functools import cache

import strawberry
from strawberry.extensions import MaxTokensLimiter
from strawberry.schema.config import StrawberryConfig

from gateway.api.operations import Query
from gateway.api.scalars import SCALARS
from gateway.api.types import Execution, Job, Node, Source

MAX_TOKENS = 4000


@cache
def schema() -> strawberry.Schema:
    """The schema over the installed adapters' details."""
    return strawberry.Schema(
        query=Query,
        types=[Job, Execution, Node, Source],
        config=StrawberryConfig(scalar_map=SCALARS),
        extensions=[lambda: MaxTokensLimiter(max_token_count=MAX_TOKENS)],
    )


def public_sdl() -> str:
    """The public schema as ``schema.graphql`` holds it."""
    return schema().as_str() + "\n"
