"""Errors and nulls: where a value failed, and how far up that makes null."""

from typing import Any

from graphql import GraphQLError, is_leaf_type, is_list_type, is_non_null_type, located_error

from gateway.execution.outcome import Failure, Run
from gateway.execution.plan import FieldPlan, Plan, SelectionPlan

Path = list[str | int]


def placed(plan: Plan, run: Run, answer: dict[str, Any], errors: list[GraphQLError]) -> dict[str, Any] | None:
    """The answer with null for every Failure, or for the nearest place above it that may be null; errors are appended."""
    try:
        return _object(plan.root, run, answer, [], errors)
    except GraphQLError as error:
        errors.append(error)
        return None


def _object(plan: SelectionPlan, run: Run, answer: dict[str, Any], path: Path, errors: list[GraphQLError]) -> dict[str, Any]:
    return {
        key: _value(field, field.definition.type, run, answer[key], [*path, key], errors)
        for key, field in plan.fields.items()
    }


def _value(field: FieldPlan, type_: Any, run: Run, value: Any, path: Path, errors: list[GraphQLError]) -> Any:
    required = is_non_null_type(type_)
    inner = type_.of_type if required else type_
    try:
        if isinstance(value, Failure):
            raise located_error(value.error, field.nodes, path)
        if value is None or is_leaf_type(inner):
            return value
        if is_list_type(inner):
            return [_value(field, inner.of_type, run, item, [*path, i], errors) for i, item in enumerate(value)]
        return _object(run.shapes.get(id(value)) or field.below[inner], run, value, path, errors)
    except GraphQLError as error:
        if required:
            raise
        errors.append(error)
        return None
