"""What the README shows and what the web pages ask is compiled, all of it."""

import re
from pathlib import Path
from typing import Any, cast

import pytest
from graphql import OperationDefinitionNode, parse, print_ast

from gateway.api.schema import schema
from gateway.execution.executor import CompiledExecutor
from gateway.execution.plan import Plan

ROOT = Path(__file__).parents[3]
_VALUES: dict[str, Any] = {"ID": "id", "String": "text", "Int": 1, "Boolean": True, "DateTime": "2026-11-21T00:00:00Z"}
_SHOWN = re.findall(r"```graphql\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
_PAGES = sorted((ROOT / "gateway" / "web").rglob("documents/*.graphql"))
_TEXTS = {f"README {number}": text for number, text in enumerate(_SHOWN)} | {
    path.stem: path.read_text(encoding="utf-8") for path in _PAGES
}


@pytest.mark.parametrize("name", list(_TEXTS))
def test_it_has_a_plan(name: str) -> None:
    made = schema(compile=True)
    executor = cast("type[CompiledExecutor]", made.execution_context_class)
    document = parse(_TEXTS[name])
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    assert operations
    for operation in operations:
        variables = {each.variable.name.value: _value(print_ast(each.type)) for each in operation.variable_definitions or ()}
        operation_name = None if operation.name is None else operation.name.value
        built = executor.build(
            made._schema, document, None, None, raw_variable_values=variables, operation_name=operation_name
        )
        assert isinstance(built, CompiledExecutor), built
        assert isinstance(built.plans.of(built), Plan)


def _value(type_: str) -> Any:
    """A value that a variable of the type may have."""
    named = type_.strip("[]!")
    if not type_.endswith("!"):
        return None
    return [] if type_.startswith("[") else _VALUES.get(named, {})
