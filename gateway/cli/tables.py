"""Answers as tables: one for each list, key and value for each object."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from gateway.cli.cells import cell, styled, widths
from gateway.cli.shapes import Column, Shape, columns

_GAP = 2
_NARROWEST = 6


class Rows:
    """A table that is printed as its rows come: the first of them decide how wide its columns are.

    Where there are more columns than a line has room for, each row is a block of its own.
    """

    def __init__(self, out: Console, shape: Shape) -> None:
        self._out = out
        self._columns = columns(shape)
        self._widths: list[int] = []
        self.count = 0

    def add(self, rows: Sequence[Any]) -> None:
        """Print more rows."""
        cells = [[cell(column.of(row), column.shape) for column in self._columns] for row in rows]
        if not cells:
            return
        if len(self._columns) * (_NARROWEST + _GAP) > self._out.width:
            self._blocks(cells)
        else:
            self._table(cells)
        self.count += len(cells)

    def _table(self, cells: list[list[str]]) -> None:
        first = not self._widths
        if first:
            self._widths = widths(self._columns, cells, self._out.width - _GAP * (len(self._columns) - 1))
        table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), collapse_padding=True, show_header=first)
        for column, width in zip(self._columns, self._widths, strict=True):
            justify: JustifyMethod = "right" if column.shape.number else "left"
            table.add_column(styled(column.heading, head=True), width=width, overflow="fold", justify=justify)
        for row in cells:
            table.add_row(*map(styled, row))
        self._out.print(table)

    def _blocks(self, cells: list[list[str]]) -> None:
        for number, row in enumerate(cells, self.count + 1):
            self._out.print(Text(f"--- {number}", "dim"))
            pairs(self._out, [(column.heading, text) for column, text in zip(self._columns, row, strict=True)])


def pairs(out: Console, found: Sequence[tuple[str, str]]) -> None:
    """Key and value on a line each."""
    grid = Table.grid(padding=(0, _GAP, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for key, text in found:
        grid.add_row(styled(key, head=True), styled(text))
    out.print(grid)


def show(out: Console, shape: Shape, data: Mapping[str, Any]) -> None:
    """Print what an operation's data hold: a part for each field at the root, titled where there are several parts."""
    parts = [part for key, each in shape.fields.items() if key in data for part in _parts(key, each, data[key])]
    titled = sum(title != "" for title, *_ in parts) > 1
    for number, (title, inner, value) in enumerate(parts):
        if number and not (_plain(inner) and _plain(parts[number - 1][1])):
            out.print()
        if titled and title and not _plain(inner):
            out.print(Text(title, "bold underline"))
        _part(out, title if titled else "", inner, value)


def _plain(shape: Shape) -> bool:
    return not shape.many and not shape.fields


def _parts(title: str, shape: Shape, value: Any) -> Iterator[tuple[str, Shape, Any]]:
    """A value, and every list of objects that stands in it and in no other list. What follows its own rows has no title."""
    if shape.many or not shape.fields or value is None:
        yield title, shape, value
        return
    rows = shape.rows
    if rows is not None:
        yield title, shape.fields[rows], value.get(rows)
    if _own(shape):
        yield title if rows is None else "", shape, value
    for column in columns(shape):
        if column.shape.many and column.shape.fields and column.path != (rows,):
            yield f"{title}.{column.heading}", column.shape, column.of(value)


def _own(shape: Shape) -> list[Column]:
    return [column for column in columns(shape) if not (column.shape.many and column.shape.fields)]


def _part(out: Console, title: str, shape: Shape, value: Any) -> None:
    if value is None:
        out.print(Text(f"{title}: null" if title and _plain(shape) else "null", "dim"))
    elif shape.many and shape.fields:
        table = Rows(out, shape)
        table.add(value)
        if not table.count:
            out.print(Text("no rows", "dim"))
    elif shape.many:
        for each in value:
            out.print(styled(cell(each, Shape(shape.name))), soft_wrap=True)
    elif shape.fields:
        pairs(out, [(column.heading, cell(column.of(value), column.shape)) for column in _own(shape)])
    else:
        text = styled(cell(value, shape))
        out.print(Text.assemble((f"{title}: ", "bold"), text) if title else text, soft_wrap=True)


def event(out: Console, shape: Shape, data: Mapping[str, Any]) -> None:
    """Print one event of a subscription on a line: what it is about, without what is null; or its rows, a line each."""
    for key, each in shape.fields.items():
        value = data.get(key)
        if value is None:
            out.print(Text("null", "dim"))
            continue
        rows = each.rows
        for row in value.get(rows) or [] if rows is not None else []:
            inner = columns(each.fields[rows or ""])
            texts = [styled(cell(column.of(row), column.shape)) for column in inner]
            out.print(Text("  ").join(text for text in texts if text.plain), soft_wrap=True)
        shown = [
            (column.heading, cell(column.of(value), column.shape)) for column in columns(each) if column.path != (rows,)
        ]
        line = [Text.assemble((f"{heading} ", "dim"), styled(text)) for heading, text in shown if text]
        if line:
            out.print(Text("  ").join(line), soft_wrap=True)
