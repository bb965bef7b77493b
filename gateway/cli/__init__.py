"""``execution-gateway serve | demo | check | query | schema | completion``."""

import logging
import sys

import click

from gateway.cli.checking import check
from gateway.cli.describing import COMPLETE_VARIABLE, PROGRAM, completion, print_schema
from gateway.cli.querying import query
from gateway.cli.serving import demo, serve
from gateway.errors import ConfigError

__all__ = ["cli", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=PROGRAM)
def cli() -> None:
    """One GraphQL schema over the job executions of several systems."""


for _command in (serve, demo, check, query, print_schema, completion):
    cli.add_command(_command)


def main() -> None:
    """The console script: configuration mistakes are one message and exit code 2, never a trace."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # httpx logs every URL it fetches, with its query.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        cli(standalone_mode=True, prog_name=PROGRAM, complete_var=COMPLETE_VARIABLE)
    except ConfigError as error:
        click.echo(f"Configuration error\n{error}", err=True)
        sys.exit(2)
