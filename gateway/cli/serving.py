"""``execution-gateway serve | demo``."""

import multiprocessing
import os
import secrets
import sys
from pathlib import Path
from typing import Any

import click
import uvicorn
from click.shell_completion import CompletionItem
from uvicorn import _subprocess

from gateway.api.schema import schema
from gateway.app import CONFIG_VARIABLE, CURSOR_KEY_VARIABLE, WORKERS_VARIABLE, create_app, settle_heap
from gateway.cli.options import CONFIG, read
from gateway.config import ServerSettings, read_config
from gateway.demo import SIZES, running
from gateway.registry import kinds

# Subscriptions have no end of their own: whoever stops the gateway does not wait for them.
_SERVED: dict[str, Any] = {"access_log": False, "loop": "uvloop", "timeout_graceful_shutdown": 3}


@click.command()
@CONFIG
@click.option("--host", help="Address to listen on, instead of the configured one.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on, instead of the configured one.")
@click.option("--workers", type=click.IntRange(1), help="Processes that share the port, instead of the configured number.")
def serve(config_path: Path, host: str | None, port: int | None, workers: int | None) -> None:
    """Serve the configured sources."""
    file = read(config_path)
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
    _copy_this_process(server)
    uvicorn.run("gateway.app:from_environment", factory=True, workers=server.workers, **options)


def _copy_this_process(server: ServerSettings) -> None:
    """Have workers begin as copies of this process, where that is safe, instead of importing everything anew.

    It has one thread and no event loop yet. A worker is ready in a sixth of a second instead of one and a half, and what all
    have in common is in memory once.
    """
    if sys.platform == "linux":
        schema(compile=server.compile)
        settle_heap()
        # uvicorn has no setting for it.
        _subprocess.spawn = multiprocessing.get_context("fork")  # type: ignore[assignment]


def _kinds(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    return [CompletionItem(kind) for kind in kinds() if kind.startswith(begun)]


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on.")
@click.option("--seed", default=1, show_default=True, help="What the simulated data grow from.")
@click.option(
    "--source",
    "only",
    multiple=True,
    shell_complete=_kinds,
    help="A kind to simulate, instead of all; may be repeated.",
)
@click.option("--size", default="small", show_default=True, type=click.Choice(list(SIZES)), help="How much there is.")
@click.option(
    "--speed", default=1.0, show_default=True, type=click.FloatRange(0), help="How fast work goes on; 0 stands still."
)
def demo(host: str, port: int, seed: int, size: str, only: tuple[str, ...], speed: float) -> None:
    """Serve simulators of some kinds of source, and a gateway over them."""
    for kind in only:
        if kind not in kinds():
            raise click.BadParameter(f"{kind!r} is not one of {', '.join(kinds())}", param_hint="--source")
    with running(seed=seed, size=size, port=port, only=only or None, speed=speed) as made:
        for name, origin in made.origins.items():
            click.echo(f"simulated {name}: {origin} (what it was asked: {origin}/_log)")
        click.echo(f"GraphQL: http://{host}:{port}/graphql")
        uvicorn.run(create_app(made.file), host=host, port=port, **_SERVED)
