"""What can happen while an operation is answered by generated code."""

from typing import Any


class Unsupported(Exception):  # noqa: N818 - a property of the operation
    """The operation cannot be compiled: graphql-core answers it."""


class Bail(Exception):  # noqa: N818 - an order
    """Generated code met what it does not know: graphql-core answers this request."""


class Failure:
    """Stands in the answer where a value failed, until ``nulls.place`` has put null and an error there."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


class Run:
    """The state of one answer.

    By the slots of the plan: ``at_once`` (what fields bring for generated code), and in ``waiting`` the parents whose value
    has to be loaded, with the objects of the answer that it goes to. ``shapes`` knows the selection behind objects of
    abstract types, by the object's identity.
    """

    __slots__ = ("at_once", "context", "failed", "shapes", "waiting")

    def __init__(self, context: Any, at_once: list[Any]) -> None:
        self.context = context
        self.at_once = at_once
        self.failed = False
        self.shapes: dict[int, Any] = {}
        self.waiting: list[tuple[list[Any], list[dict[str, Any]]]] = [([], []) for _ in at_once]

    def fail(self, error: Exception) -> Failure:
        """Mark a place of the answer as failed."""
        self.failed = True
        return Failure(error)
