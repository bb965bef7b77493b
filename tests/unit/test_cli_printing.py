"""How values become cells, and cells fit into a line."""

import io
from typing import Any

import pytest
from graphql import parse, print_ast
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from gateway.api.schema import schema
from gateway.cli.cells import cell, clean, widths
from gateway.cli.rewriting import followed, rewritten
from gateway.cli.shapes import Column, Shape, columns, paged, shape_of
from gateway.cli.tables import Rows
from gateway.execution.documents import Document, Documents

SCHEMA = schema()._schema


def read(text: str) -> tuple[Document, Shape]:
    document = Documents(SCHEMA).of(text)
    assert document.errors == []
    return document, shape_of(SCHEMA, document, document.operation(None))


def headings(text: str) -> list[str]:
    (field,) = read(text)[1].fields.values()
    return [column.heading for column in columns(field.fields[field.rows] if field.rows else field)]


@pytest.mark.parametrize(
    ("node", "rest", "expected"),
    [
        ("name source { name }", "", ["name", "source.name"]),
        ("id job { executions { totalCount edges { cursor } } }", "", ["id", "job.executions.totalCount", "job.executions"]),
        ("...F job { name }", "fragment F on Execution { job { id } x: name }", ["job.id", "job.name", "x"]),
        ("__typename ... { name }", "", ["__typename", "name"]),
    ],
)
def test_columns(node: str, rest: str, expected: list[str]) -> None:
    assert headings(f"{{ executions {{ edges {{ cursor node {{ {node} }} }} }} }} {rest}") == ["cursor", *expected]


def test_a_field_of_an_edge_keeps_its_heading() -> None:
    node = Shape("node", fields={"status": Shape("status"), "name": Shape("name")})
    edge = Shape("edges", fields={"status": Shape("status"), "node": node})
    assert [column.heading for column in columns(edge)] == ["status", "node.status", "name"]


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (
            "statusCounts { status count }",
            [{"status": "FAILED", "count": 3}, {"status": "QUEUED", "count": 1}],
            "FAILED 3, QUEUED 1",
        ),
        ("statusCounts { status }", [], ""),
        ("statusCounts { status count x: status }", [{"status": "A", "count": 1, "x": "A"}], "1 item"),
        ("statusCounts { status count x: status }", [{}, {}], "2 items"),
        ("count", 7, "7"),
        ("failureRate", None, ""),
    ],
)
def test_cells(field: str, value: Any, expected: str) -> None:
    text = f'{{ executionStats(filter: {{createdAt: {{last: "P1D"}}}}) {{ groups {{ {field} }} }} }}'
    groups = read(text)[1].fields["executionStats"].fields["groups"]
    (shape,) = groups.fields.values()
    assert cell(value, shape) == expected


def test_values_of_any_kind() -> None:
    leaf = Shape("raw")
    assert [cell(value, leaf) for value in (True, 1.5, "a\nb\tc", {"é": [1, None]}, [1])] == [
        "true",
        "1.5",
        "a\nb\tc",
        '{"é": [1, null]}',
        "[1]",
    ]
    assert clean("\x1b[0m\x9b\u202e\r") == "\\x1b[0m\\x9b\\u202e\\r"


@given(st.lists(st.integers(1, 300), min_size=1, max_size=12), st.integers(12, 200))
def test_columns_fit_and_give_way_from_the_widest(cells: list[int], room: int) -> None:
    shown = [Column("", (), Shape("x"))] * len(cells)
    found = widths(shown, [["x" * each for each in cells]], room)
    assert sum(found) <= room or sum(cells) <= room
    assert all(1 <= width <= each for width, each in zip(found, cells, strict=True))
    assert sum(found) == min(sum(cells), room)
    narrowed = [width for width, each in zip(found, cells, strict=True) if width < each]
    assert not narrowed or max(found) - min(narrowed) <= 1


def test_more_columns_than_fit_are_blocks() -> None:
    written = io.StringIO()
    keys = [f"k{number}" for number in range(8)]
    rows = Rows(Console(file=written, width=40), Shape("edges", fields={key: Shape(key) for key in keys}))
    rows.add([dict.fromkeys(keys, "v")])
    rows.add([dict.fromkeys(keys, "w")])
    lines = [line.rstrip() for line in written.getvalue().splitlines()]
    assert lines == ["--- 1", *(f"{key}  v" for key in keys), "--- 2", *(f"{key}  w" for key in keys)]


def test_what_is_added_to_an_operation() -> None:
    document, shape = read('query Q { job(id: "x") { executions(first: 2) { edges { cursor } } } }')
    ((path, each),) = paged(shape)
    assert path == ("job", "executions")
    text = rewritten(SCHEMA, document, document.operation(None), paged=[each], follow=followed(path, each), reports=True)
    assert text == print_ast(
        parse(
            'query Q($gatewayAfter: String) { job(id: "x") { executions(first: 2, after: $gatewayAfter) { edges { cursor } '
            "gatewayPage: pageInfo { hasNextPage endCursor } gatewayReports: sources { state coveredUntil source { name } "
            "error { code message } } } } }"
        )
    )
    assert Documents(SCHEMA).of(text).errors == []
