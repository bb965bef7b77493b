"""``execution-gateway check``."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from gateway.cli.cells import clean, console
from gateway.cli.options import CONFIG, read
from gateway.config import Config, ConfigFile, read_config
from gateway.errors import SourceError, SourceErrorCode
from gateway.registry import Registry, Source

_UNKNOWN = "unknown"
_STYLES = {"yes": "green", "no": "red", _UNKNOWN: "yellow"}


@click.command()
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of a table.")
def check(config_path: Path, as_json: bool) -> None:
    """Ask every source whether it is there and accepts the credentials. Exit code 1 when one does not."""
    file = read(config_path)
    rows = asyncio.run(_check(file, read_config(file)))
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        _show(rows)
    if any(row["problem"] for row in rows):
        sys.exit(1)


async def _check(file: ConfigFile, config: Config) -> list[dict[str, Any]]:
    registry = Registry.open(file, config)
    try:
        return await asyncio.gather(*(_probe(source) for source in registry.sources.values()))
    finally:
        await registry.aclose()


async def _probe(source: Source) -> dict[str, Any]:
    """What became of one source; ``credentialsAccepted`` is None where nobody could tell."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    row: dict[str, Any] = {
        "source": source.name,
        "kind": source.kind,
        "reachable": True,
        "version": None,
        "credentialsAccepted": True,
        "user": None,
        "latencyMs": 0,
        "problem": None,
    }
    try:
        ping = await source.adapter.ping()
        row |= {"version": ping.version or None, "user": ping.user or None}
    except SourceError as error:
        refused = error.code in (SourceErrorCode.UNAUTHENTICATED, SourceErrorCode.FORBIDDEN)
        row["problem"] = f"{error.code.value}: {error.message}"
        row["credentialsAccepted"] = False if refused else None
        row["reachable"] = refused or error.http_status is not None
    row["latencyMs"] = round((loop.time() - started) * 1000)
    return row


def _show(rows: list[dict[str, Any]]) -> None:
    table = Table("source", "kind", "reachable", "version", "credentials accepted", "latency", "problem")
    for row in rows:
        accepted = {True: "yes", False: "no", None: _UNKNOWN}[row["credentialsAccepted"]]
        reachable = "yes" if row["reachable"] else "no"
        table.add_row(
            row["source"],
            row["kind"],
            Text(reachable, _STYLES[reachable]),
            Text(clean(row["version"] or "")),
            Text(clean(f"yes, as {row['user']}" if row["user"] else accepted), _STYLES[accepted]),
            f"{row['latencyMs']} ms",
            # What an upstream said is no markup.
            Text(clean(row["problem"] or "")),
        )
    console().print(table)
