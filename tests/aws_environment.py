"""Keeps AWS's credential chain away from this machine's user and from the network."""

import os
from pathlib import Path

import pytest


def isolate(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """No variables, no files but those that a test puts into ``directory`` as ``config`` and ``credentials``."""
    for name in [*os.environ]:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(directory / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(directory / "credentials"))
    monkeypatch.setenv("BOTO_CONFIG", str(directory / "boto"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
