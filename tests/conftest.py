"""Watches every simulator of the run: see tests/adapters/request_shapes.py."""

from collections.abc import Iterator

import pytest

from gateway.testing.simulator import RequestLog
from tests.adapters import request_shapes


@pytest.fixture(scope="session", autouse=True)
def _requests_are_those_that_were_recorded() -> Iterator[None]:
    RequestLog.observers.append(request_shapes.observe)
    yield
    unproven = request_shapes.unproven()
    assert unproven == [], "adapters sent requests that no recording shows: list them in tests/adapters/request_shapes.py"
