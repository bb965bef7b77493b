"""Watches every simulator of the run (tests/adapters/request_shapes.py) and what becomes of every operation, and makes CI's
runs repeatable.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from gateway.testing.simulator import RequestLog
from tests.adapters import request_shapes
from tests.differential.counting import executions

# A submission stands or falls by the same examples every time; developers' machines go on looking for new ones. No test
# asserts a time, nor do these.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(scope="session", autouse=True)
def _requests_are_those_that_were_recorded() -> Iterator[None]:
    RequestLog.observers.append(request_shapes.observe)
    yield
    unproven = request_shapes.unproven()
    assert unproven == [], "adapters sent requests that no recording shows: list them in tests/adapters/request_shapes.py"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "falls_back: operations of this test are meant not to be compiled")


@pytest.fixture(autouse=True)
def _every_operation_is_compiled(request: pytest.FixtureRequest) -> Iterator[None]:
    before = executions()
    yield
    if request.node.get_closest_marker("falls_back") is None:
        left = executions() - before
        silent = {f"{how}: {reason}": count for (how, reason), count in left.items() if not _meant(how, reason)}
        assert silent == {}, "operations that graphql-core answered; if that is meant, mark the test: falls_back"


def _meant(how: str, reason: str) -> bool:
    return how == "compiled" or (how, reason) == ("interpreted", "introspection")
