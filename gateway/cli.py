"""``execution-gateway serve | demo | check | query | schema``."""

import asyncio
import json
import logging
import os
import secrets
import sys
from pathlib import Path
from typing import Any

import click
import uvicorn
from rich.console import Console
from rich.table import Table

from gateway.api.http import Endpoint
from gateway.api.schema import public_sdl, schema
from gateway.app import CONFIG_VARIABLE, CURSOR_KEY_VARIABLE, WORKERS_VARIABLE, create_app, settle_heap
from gateway.config import Config, ConfigFile, read_config
from gateway.demo import SIZES, running
from gateway.errors import ConfigError, SourceError, SourceErrorCode
from gateway.registry import Registry, Source, kinds
from gateway.service import Gateway

_log = logging.getLogger(__name__)

_CONFIG = click.option(
    "--config", "config_path", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The YAML configuration."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="execution-gateway")
def cli() -> None:
    """One GraphQL schema over the job executions of several systems."""


def main() -> None:
    """The console script: configuration mistakes are one message and exit code 2, never a trace."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # httpx logs every URL it fetches, with its query.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        cli(standalone_mode=True)
    except ConfigError as error:
        click.echo(f"Configuration error\n{error}", err=True)
        sys.exit(2)


def _read(path: Path) -> ConfigFile:
    file = ConfigFile.read(path)
    for place in file.literal_secrets():
        _log.warning("%s: a secret is written out; ${VARIABLE} or file:PATH keeps it out of the file", place)
    return file


# Subscriptions have no end of their own: whoever stops the gateway does not wait for them.
_SERVED: dict[str, Any] = {
    "access_log": False,
    "loop": "uvloop",
    # Nothing here asks for a client's address.
    "proxy_headers": False,
    "timeout_graceful_shutdown": 3,
}


@cli.command()
@_CONFIG
@click.option("--host", help="Address to listen on, instead of the configured one.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on, instead of the configured one.")
@click.option("--workers", type=click.IntRange(1), help="Processes that share the port, instead of the configured number.")
def serve(config_path: Path, host: str | None, port: int | None, workers: int | None) -> None:
    """Serve the configured sources."""
    file = _read(config_path)
    given = {name: value for name, value in (("host", host), ("port", port), ("workers", workers)) if value is not None}
    server = read_config(file).server.model_copy(update=given)
    server.check_exposure()
    options = {"host": server.host, "port": server.port, **_SERVED}
    app = create_app(file)
    if server.workers == 1:
        settle_heap()
        uvicorn.run(app, **options)
        return
    os.environ[CONFIG_VARIABLE] = str(config_path.resolve())
    os.environ[WORKERS_VARIABLE] = str(server.workers)
    # A cursor that one worker made must be good for the others, and no longer than this run where no key is configured.
    os.environ[CURSOR_KEY_VARIABLE] = secrets.token_hex(32)
    uvicorn.run("gateway.app:from_environment", factory=True, workers=server.workers, **options)


@cli.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on.")
@click.option("--seed", default=1, show_default=True, help="What the simulated data grow from.")
@click.option(
    "--source",
    "only",
    multiple=True,
    help="A kind to simulate, instead of all; may be repeated.",
)
@click.option("--size", default="small", show_default=True, type=click.Choice(list(SIZES)), help="How much there is.")
@click.option(
    "--speed", default=1.0, show_default=True, type=click.FloatRange(0), help="How fast work goes on; 0 stands still."
)
def demo(port: int, seed: int, size: str, only: tuple[str, ...], speed: float) -> None:
    """Serve simulators of some kinds of source, and a gateway over them."""
    for kind in only:
        if kind not in kinds():
            raise click.BadParameter(f"{kind!r} is not one of {', '.join(kinds())}", param_hint="--source")
    with running(seed=seed, size=size, port=port, only=only or None, speed=speed) as made:
        for name, origin in made.origins.items():
            click.echo(f"simulated {name}: {origin} (what it was asked: {origin}/_log)")
        click.echo(f"GraphQL: http://127.0.0.1:{port}/graphql")
        uvicorn.run(create_app(made.file), host="127.0.0.1", port=port, **_SERVED)


@cli.command()
@_CONFIG
def check(config_path: Path) -> None:
    """Ask every source whether it is there and accepts the credentials. Exit code 1 when one does not."""
    file = _read(config_path)
    config = read_config(file)
    if not asyncio.run(_check(file, config)):
        sys.exit(1)


async def _check(file: ConfigFile, config: Config) -> bool:
    registry = Registry.open(file, config)
    try:
        rows = await asyncio.gather(*(_probe(source) for source in registry.sources.values()))
    finally:
        await registry.aclose()
    table = Table("source", "kind", "reachable", "version", "credentials accepted", "latency", "problem")
    for row in rows:
        table.add_row(*row[:-1])
    console = Console() if sys.stdout.isatty() else Console(width=160)
    console.print(table)
    return all(row[-1] for row in rows)


async def _probe(source: Source) -> tuple[Any, ...]:
    """A row of the table, and whether all was well."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    version, problem, reachable, accepted = "", "", "yes", "yes"
    try:
        ping = await source.adapter.ping()
        version = ping.version or ""
        if ping.user:
            accepted = f"yes, as {ping.user}"
    except SourceError as error:
        problem = f"{error.code.value}: {error.message}"
        if error.code in (SourceErrorCode.UNAUTHENTICATED, SourceErrorCode.FORBIDDEN):
            accepted = "no"
        else:
            accepted = "unknown"
            reachable = "no" if error.http_status is None else "yes"
    latency = f"{(loop.time() - started) * 1000:.0f} ms"
    return source.name, source.kind, reachable, version, accepted, latency, problem, not problem


@cli.command()
@_CONFIG
@click.argument("query")
@click.option("--variables", default="{}", help="A JSON object.")
def query(config_path: Path, query: str, variables: str) -> None:
    """Answer one query and print it as JSON. Exit code 1 when the answer has errors."""
    try:
        values = json.loads(variables)
    except ValueError as error:
        raise click.BadParameter("expected a JSON object", param_hint="--variables") from error
    if not isinstance(values, dict):
        raise click.BadParameter("expected a JSON object", param_hint="--variables")
    file = ConfigFile.read(config_path)
    config = read_config(file)
    answer = asyncio.run(_answer(file, config, query, values))
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    if answer.get("errors"):
        sys.exit(1)


async def _answer(file: ConfigFile, config: Config, text: str, variables: dict[str, Any]) -> dict[str, Any]:
    registry = Registry.open(file, config)
    try:
        return await Endpoint(schema(), Gateway(registry, config.server)).ask(text, variables or {})
    finally:
        await registry.aclose()


@cli.command(name="schema")
def print_schema() -> None:
    """Print the public schema."""
    click.echo(public_sdl(), nl=False)
