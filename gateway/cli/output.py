"""What becomes of answers: JSON for programs, tables for people, complaints for both."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import click
from rich.console import Console
from rich.text import Text

from gateway.cli import tables
from gateway.cli.cells import clean, console
from gateway.cli.rewriting import PAGE, REPORTS, Followed, without
from gateway.cli.shapes import Path, Shape, paged

Answer = dict[str, Any]


class Output(Protocol):
    """Takes the answers of one operation."""

    def page(self, answer: Answer) -> None:
        """An answer to a query, or to one page of it."""
        ...

    def event(self, answer: Answer) -> None:
        """An event of a subscription."""
        ...

    def end(self) -> None:
        """No more comes."""
        ...


class JsonOutput:
    """The response as JSON: pages merged into one, events a line each.

    Of merged pages the edges and the errors are those of all, the upstream requests are summed, and everything else is as
    the last page has it.
    """

    def __init__(self, follow: Followed | None) -> None:
        self._follow = follow
        self._whole: Answer | None = None
        self._edges: list[Any] = []

    def page(self, answer: Answer) -> None:
        if self._follow is None:
            self._whole = answer
            return
        answer = _without_places(answer) | ({"data": without(answer["data"])} if "data" in answer else {})
        found = self._follow.of(answer.get("data"))
        before = self._whole
        if found is not None:
            self._edges += self._follow.rows(answer["data"])
            found[self._follow.shape.rows] = self._edges
        if before is None:
            self._whole = answer
            return
        # A page that failed as a whole takes nothing away from those before it.
        kept = {**before, **answer} if found is not None else before
        errors = [*before.get("errors", ()), *answer.get("errors", ())]
        self._whole = {**({"errors": errors} if errors else {}), **{key: kept[key] for key in kept if key != "errors"}}
        upstream = [each["extensions"]["upstream"] for each in (before, answer) if "extensions" in each]
        if upstream:
            names = dict.fromkeys(name for each in upstream for name in each)
            self._whole["extensions"] = {"upstream": {name: sum(each.get(name, 0) for each in upstream) for name in names}}

    def event(self, answer: Answer) -> None:
        click.echo(json.dumps(answer, ensure_ascii=False))

    def end(self) -> None:
        if self._whole is not None:
            click.echo(json.dumps(self._whole, indent=2, ensure_ascii=False))


class TableOutput:
    """Tables, followed by a line for each source that could not say all, and for each list that goes on."""

    def __init__(self, shape: Shape, follow: Followed | None) -> None:
        self._out = console()
        self._shape = shape
        self._follow = follow
        self._rows: tables.Rows | None = None
        self._last: Mapping[str, Any] | None = None
        self._notes: dict[tuple[Any, ...], Text] = {}

    def page(self, answer: Answer) -> None:
        data = answer.get("data")
        if data is None:
            return
        self._notes |= _notes(data)
        if self._follow is None or self._last is None or self._follow.of(data) is not None:
            self._last = data
        if self._follow is not None:
            self._rows = self._rows or tables.Rows(self._out, self._follow.shape.fields[self._follow.shape.rows or ""])
            self._rows.add(self._follow.rows(data))

    def event(self, answer: Answer) -> None:
        data = answer.get("data")
        if data is not None:
            tables.event(self._out, self._shape, data)
            for note in _notes(data).values():
                self._out.print(note, soft_wrap=True)

    def end(self) -> None:
        if self._last is None:
            return
        if self._follow is not None and self._rows is not None and self._rows.count:
            # Its rows are printed; what else it has, is not.
            self._follow.shape.fields.pop(self._follow.shape.rows or "")
        _bare(self._shape)
        tables.show(self._out, self._shape, self._last)
        for note in self._notes.values():
            self._out.print(note, soft_wrap=True)
        if self._follow is None:
            self._hint(self._last)

    def _hint(self, data: Mapping[str, Any]) -> None:
        lists = [(path, shape) for path, shape in paged(self._shape) if shape.rows is not None]
        for path, _ in lists:
            found: Any = data
            for key in path:
                found = found.get(key) if isinstance(found, Mapping) else None
            if found is not None and found[PAGE]["hasNextPage"]:
                how = "; --all reads on" if len(lists) == 1 else ""
                self._out.print(Text(f"{'.'.join(path)}: more rows follow{how}", "dim"))


def _bare(shape: Shape) -> None:
    """Take out what has nothing left to show, once its rows are printed."""
    for key, each in list(shape.fields.items()):
        if each.pages and not each.fields:
            del shape.fields[key]


def _notes(data: Any) -> dict[tuple[Any, ...], Text]:
    """A line for each source that did not examine all it should, and one for those that were not asked; once each."""
    notes: dict[tuple[Any, ...], Text] = {}
    skipped: dict[Path, list[str]] = {}
    for path, report in _reports(data, ()):
        name, state, error = report["source"]["name"], report["state"], report["error"]
        if state == "SKIPPED":
            if name not in skipped.setdefault(path, []):
                skipped[path].append(name)
        elif state != "OK":
            why = f": {error['code']}: {clean(error['message'])}" if error else ""
            until = f", examined until {report['coveredUntil']}" if report["coveredUntil"] else ""
            notes[path, name, state] = Text(f"{'.'.join(path)}: {name} {state}{until}{why}", "red" if error else "yellow")
    for path, names in skipped.items():
        text = f"{'.'.join(path)}: not asked, because nothing there can match: {', '.join(names)}"
        notes[path, "SKIPPED"] = Text(text, "dim")
    return notes


def _reports(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Every report in an answer, and at which field it is."""
    if isinstance(value, list):
        for each in value:
            yield from _reports(each, path)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            if key == REPORTS:
                yield from ((path, report) for report in (each if isinstance(each, list) else [each]) if report is not None)
            else:
                yield from _reports(each, (*path, key))


def _without_places(answer: Answer) -> Answer:
    """Errors point into the text that was asked, which is not what was typed."""
    if "errors" not in answer:
        return answer
    errors = [{key: value for key, value in error.items() if key != "locations"} for error in answer["errors"]]
    return {**answer, "errors": errors}


def complain(errors: list[Any], *, places: bool) -> None:
    """Say on standard error what is wrong: code, field, message, and with ``places`` where in the text."""
    out = Console(stderr=True, highlight=False)
    for error in errors:
        code = error.get("extensions", {}).get("code", "ERROR")
        at = f" at {'.'.join(map(str, error['path']))}" if error.get("path") else ""
        where = [f"line {each['line']}, column {each['column']}" for each in error.get("locations") or ()] if places else []
        place = f" ({where[0]})" if where else ""
        out.print(Text.assemble((f"{code}{at}", "bold red"), f": {clean(error['message'])}{place}"), soft_wrap=True)
