"""One operation answered twice, compiled and by graphql-core, and what may differ between the answers: next to nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

import orjson
from graphql import DocumentNode, ExecutionResult, GraphQLError, parse

from gateway.api.context import Context
from gateway.api.errors import present
from gateway.api.schema import Schema, schema
from gateway.transport import metered
from tests.differential.choices import Choices, seeded
from tests.differential.counting import executions
from tests.differential.operations import Operation
from tests.differential.world import World

Answer = dict[str, Any]
Path = tuple[str | int, ...]


@dataclass
class Pair:
    """What came of an operation. ``how`` is what became of the compiled one, in the metric's words."""

    operation: Operation
    compiled: Answer
    interpreted: Answer
    how: str

    @property
    def failed(self) -> bool:
        """Whether there are errors."""
        return bool(self.interpreted["errors"])

    @property
    def propagated(self) -> bool:
        """Whether a null took others with it."""
        paths = [error["path"] for error in self.interpreted["errors"] if "path" in error and "data" in self.interpreted]
        return any(_null(self.interpreted["data"], path) not in (None, tuple(path)) for path in paths)

    @property
    def requests(self) -> tuple[int, int]:
        """How many requests each way has sent."""
        one, other = (each.get("upstream", {}) for each in (self.compiled, self.interpreted))
        return sum(one.values()), sum(other.values())


class Twice:
    """Answers operations both ways."""

    def __init__(self) -> None:
        self.compiled = schema(compile=True)
        self.interpreted = schema(compile=False)
        self._documents: dict[str, DocumentNode] = {}

    async def answer(self, world: World, operation: Operation, seed: object) -> Pair:
        """Both answers to an operation that is valid."""
        if operation.text not in self._documents:
            self._documents = {operation.text: parse(operation.text)}
        document = self._documents[operation.text]
        before = executions()
        compiled = await _answer(self.compiled, document, world, operation, seeded(seed))
        ran = list((executions() - before).items())
        interpreted = await _answer(self.interpreted, document, world, operation, seeded(seed))
        # What is refused is not executed.
        ((how, reason), _count), *_ = ran or [(("refused", ""), 1)]
        return Pair(operation, compiled, interpreted, f"{how} {reason}".strip())


async def _answer(schema: Schema, document: DocumentNode, world: World, operation: Operation, choices: Choices) -> Answer:
    gateway = world.gateway()
    session = gateway.session()
    root = None if operation.subscribed is None else world.event(choices, operation.subscribed, gateway)
    with metered(session.meter):
        executor: Any = schema.execution_context_class.build(
            schema._schema, document, root, Context(gateway, session), raw_variable_values=operation.variables
        )
        if isinstance(executor, list):
            return {"errors": _shown(executor, document)}
        running = executor.execute_operation()
        result: ExecutionResult = await running if isawaitable(running) else running
    return {
        "data": result.data,
        "errors": _shown(result.errors or [], document),
        "upstream": dict(session.meter.requests),
    }


def _shown(errors: Sequence[GraphQLError], document: DocumentNode) -> list[dict[str, Any]]:
    """Errors as clients see them, but with their own words, which clients do not always see."""
    presented = present(errors, document)
    return [{**each.formatted, "words": error.message} for error, each in zip(errors, presented, strict=True)]


def differences(pair: Pair) -> list[str]:
    """What differs that must not: data, or errors other than those below a parent that is null anyway."""
    ours, theirs = pair.compiled, pair.interpreted
    if ("data" in ours) != ("data" in theirs):
        return [f"data: {sorted(ours)} and {sorted(theirs)}"]
    found = []
    if _written(ours.get("data")) != _written(theirs.get("data")):
        found.append(f"data:\n  {_written(ours.get('data'))!r}\n  {_written(theirs.get('data'))!r}")
    own, other = _errors(ours), _errors(theirs)
    if own != other:
        found.append(f"errors only of the compiled one: {list((own - other).elements())}")
        found.append(f"errors only of graphql-core: {list((other - own).elements())}")
    return found


def _errors(answer: Answer) -> Counter[str]:
    """The errors that must be there; of those below a place that is null anyway, that there is one."""
    told: Counter[str] = Counter()
    hidden = set()
    for error in answer.get("errors", ()):
        path = error.get("path")
        null = _null(answer["data"], path) if path is not None and "data" in answer else None
        if null is None or null == tuple(path):
            told[repr((path, error["words"], error["message"], error.get("locations"), error["extensions"]))] += 1
        else:
            hidden.add(f"something below {null}")
    return told + Counter(hidden)


def _null(data: Any, path: Any) -> Path | None:
    """The first null on the way of a path."""
    at: Path = ()
    for step in path:
        if data is None:
            return at
        data, at = data[step], (*at, step)
    return at if data is None else None


def _written(data: Any) -> bytes:
    try:
        return orjson.dumps(data, default=repr, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        # Integers of more than 64 bits.
        return repr(data).encode()


def shown(pair: Pair, world: World) -> str:
    """What happened, when something differs."""
    return "\n".join([pair.operation.text, str(pair.operation.variables), pair.how, str(world.faults), *differences(pair)])
