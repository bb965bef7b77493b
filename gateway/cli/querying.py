"""``execution-gateway query``."""

import asyncio
import json
import sys
from contextlib import aclosing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import click
from graphql import GraphQLError, OperationType
from rich.console import Console

from gateway.api.errors import present
from gateway.api.http import Endpoint
from gateway.api.schema import schema
from gateway.api.streams import Refused, Streams
from gateway.cli.options import CONFIG
from gateway.cli.output import Answer, JsonOutput, Output, TableOutput, complain
from gateway.cli.rewriting import PAGE, Followed, followed, rewritten
from gateway.cli.shapes import Shape, paged, shape_of
from gateway.config import ConfigFile, ServerSettings, read_config
from gateway.execution.documents import Document, Operation
from gateway.registry import Registry
from gateway.service import Gateway

_INTERRUPTED = 130
_UNLIMITED = 2**31


@dataclass(frozen=True, slots=True)
class _Request:
    """What was typed."""

    text: str
    variables: dict[str, Any]
    operation: str | None
    tables: bool
    everything: bool


@click.command()
@CONFIG
@click.argument("query")
@click.option("--variables", default="{}", metavar="JSON", help="A JSON object, or @FILE.")
@click.option("--operation", metavar="NAME", help="Which operation to run, where the text has several.")
@click.option("--json", "form", flag_value="json", type=str, default=None, help="Print the response as JSON.")
@click.option("--table", "form", flag_value="table", help="Print tables, whatever standard output is.")
@click.option("--all", "everything", is_flag=True, help="Read all pages of the one list in the query.")
def query(config_path: Path, query: str, variables: str, operation: str | None, form: str | None, everything: bool) -> None:
    """Answer QUERY: GraphQL, @FILE, or - for standard input.

    On a terminal answers are tables; to anything else, JSON. A subscription goes on until it completes or Ctrl-C (exit
    code 130). Exit code 1 when an answer has errors, which standard error names.
    """
    request = _Request(
        _text(query, "QUERY"),
        _variables(variables),
        operation,
        sys.stdout.isatty() if form is None else form == "table",
        everything,
    )
    file = ConfigFile.read(config_path)
    try:
        well = asyncio.run(_answer(file, request))
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    if not well:
        sys.exit(1)


def _text(given: str, option: str) -> str:
    """What an argument says: itself, the file behind ``@``, or standard input for ``-``."""
    try:
        if given == "-":
            return sys.stdin.read()
        return Path(given[1:]).read_text(encoding="utf-8") if given.startswith("@") else given
    except OSError as error:
        raise click.BadParameter(f"{given[1:]}: cannot be read: {error.strerror}", param_hint=option) from error
    except UnicodeDecodeError as error:
        raise click.BadParameter(f"{given.removeprefix('@')}: is not UTF-8", param_hint=option) from error


def _variables(given: str) -> dict[str, Any]:
    try:
        values = json.loads(_text(given, "--variables"))
    except ValueError as error:
        raise click.BadParameter(f"expected a JSON object: {error}", param_hint="--variables") from error
    if not isinstance(values, dict):
        raise click.BadParameter("expected a JSON object", param_hint="--variables")
    return values


async def _answer(file: ConfigFile, request: _Request) -> bool:
    """Print the answer; whether it had no errors."""
    config = read_config(file)
    registry = Registry.open(file, config)
    asker = _Asker(registry, config.server)
    try:
        return await asker.run(request)
    except Refused as refused:
        complain(refused.errors, places=True)
        if not request.tables:
            click.echo(json.dumps({"errors": refused.errors}, indent=2, ensure_ascii=False))
        return False
    finally:
        await _ended()
        await registry.aclose()


async def _ended() -> None:
    """End what goes on in the background: pollers would be cut off with their connections open."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        # What is ending already may be saying goodbye: a websocket that is cancelled twice stays open.
        if not task.cancelling():
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class _Asker:
    """Judges operations as they were typed, by the configured limits, and runs them with what is added to them."""

    def __init__(self, registry: Registry, server: ServerSettings) -> None:
        built = schema(compile=server.compile)
        lifted = dict.fromkeys(("max_depth", "max_aliases", "max_roots", "max_cost"), _UNLIMITED)
        gateway = Gateway(registry, server.model_copy(update=lifted))
        self._schema = built._schema  # noqa: SLF001 - strawberry hides graphql-core's
        self._judge = Endpoint(built, Gateway(registry, server))
        self._typed = Streams(gateway, self._judge)
        self._streams = Streams(gateway, Endpoint(built, gateway))

    async def run(self, request: _Request) -> bool:
        """Answer a request on standard output; whether there were no errors. Raises Refused."""
        asked = {"query": request.text, "operationName": request.operation, "variables": request.variables}
        document = self._typed.prepare(asked)
        operation = document.operation(request.operation)
        try:
            self._judge.documents.refuse_costly(document, operation, request.variables)
        except GraphQLError as error:
            raise Refused([shown.formatted for shown in present([error], document.node)]) from error
        if operation.node.operation is OperationType.SUBSCRIPTION and request.everything:
            raise click.UsageError("--all is for queries; a subscription goes on by itself")
        shape = shape_of(self._schema, document, operation)
        follow = _followed(shape) if request.everything else None
        output: Output = TableOutput(shape, follow) if request.tables else JsonOutput(follow)
        if request.tables or follow is not None:
            asked = self._enlarged(request, document, operation, shape, follow)
            document = self._streams.prepare(asked)
        if operation.node.operation is OperationType.SUBSCRIPTION:
            return await self._events(asked, document, output)
        return await self._pages(request.text, asked, document, output, follow)

    def _enlarged(
        self, request: _Request, document: Document, operation: Operation, shape: Shape, follow: Followed | None
    ) -> dict[str, Any]:
        """What to ask instead of what was typed."""
        ends = [follow.shape] if follow is not None else [each for _, each in paged(shape)]
        text = rewritten(self._schema, document, operation, paged=ends, follow=follow, reports=request.tables)
        start = {} if follow is None else follow.start
        return {"query": text, "operationName": request.operation, "variables": {**request.variables, **start}}

    async def _events(self, asked: dict[str, Any], document: Document, output: Output) -> bool:
        well = True
        # A consumer may go away, or Ctrl-C come, between two events: the source is let go of at once.
        async with aclosing(cast("Any", self._streams.answers(asked, document))) as answers:
            async for answer in answers:
                output.event(answer)
                well = _well(answer, places=False) and well
        return well

    async def _pages(
        self, typed: str, asked: dict[str, Any], document: Document, output: Output, follow: Followed | None
    ) -> bool:
        # In a text that was added to, places are not those of what was typed.
        well, cursor, rows, number = True, None, 0, 1
        progress = Console(stderr=True)
        while True:
            waiting = (
                progress.status(f"page {number}, {rows} rows so far") if progress.is_terminal and follow else nullcontext()
            )
            with waiting:
                answer = await anext(self._streams.answers(asked, document))
            output.page(answer)
            well = _well(answer, places=asked["query"] == typed) and well
            found = None if follow is None else follow.of(answer.get("data"))
            if follow is None or found is None or not found[PAGE]["hasNextPage"]:
                break
            end = found[PAGE]["endCursor"]
            if end in (None, cursor):
                click.echo("There is more, but no cursor that leads to it.", err=True)
                well = False
                break
            cursor, number, rows = end, number + 1, rows + len(follow.rows(answer["data"]))
            asked = {**asked, "variables": {**asked["variables"], follow.variable: cursor}}
        output.end()
        return well


def _followed(shape: Shape) -> Followed:
    lists = [(path, each) for path, each in paged(shape) if each.rows is not None]
    if len(lists) != 1:
        named = f": {', '.join('.'.join(path) for path, _ in lists)}" if lists else ""
        raise click.UsageError(f"--all reads the pages of one list; this query has {len(lists) or 'none'}{named}")
    return followed(*lists[0])


def _well(answer: Answer, *, places: bool) -> bool:
    if answer.get("errors"):
        complain(answer["errors"], places=places)
    return not answer.get("errors")
