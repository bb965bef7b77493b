"""What several commands take, and how they read it."""

import logging
from pathlib import Path

import click

from gateway.config import ConfigFile

_log = logging.getLogger(__name__)

CONFIG = click.option(
    "--config", "config_path", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The YAML configuration."
)


def read(path: Path) -> ConfigFile:
    """The configuration, with a warning for every secret written into it. Raises ConfigError."""
    file = ConfigFile.read(path)
    for place in file.literal_secrets():
        _log.warning("%s: a secret is written out; ${VARIABLE} or file:PATH keeps it out of the file", place)
    return file
