"""Running coroutines together."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any


async def together(coroutines: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run all of them together; a single one without a task of its own. Raises what the first to fail raises."""
    if len(coroutines) == 1:
        await coroutines[0]
    else:
        await asyncio.gather(*coroutines)
