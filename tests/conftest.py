"""Watches every simulator of the run (tests/adapters/request_shapes.py), and makes CI's runs repeatable."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from gateway.testing.simulator import RequestLog
from tests.adapters import request_shapes

# A submission stands or falls by the same examples every time; developers' machines go on looking for new ones.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(scope="session", autouse=True)
def _requests_are_those_that_were_recorded() -> Iterator[None]:
    RequestLog.observers.append(request_shapes.observe)
    yield
    unproven = request_shapes.unproven()
    assert unproven == [], "adapters sent requests that no recording shows: list them in tests/adapters/request_shapes.py"
