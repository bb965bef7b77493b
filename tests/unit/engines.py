"""What tests of both engines share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.config import SourceSettings
from gateway.engine import http_transport
from gateway.errors import SourceError
from gateway.transport import SourceClient

ENGINES = ("fast", "standard")


def forget_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the environment names neither proxies nor authorities."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@asynccontextmanager
async def client(engine: str, origin: str, **settings: Any) -> AsyncIterator[SourceClient]:
    given = SourceSettings.model_validate(
        {"name": "s", "kind": "k", "base_url": f"{origin}/api/", "http": engine, **settings}
    )
    one = SourceClient(given, http_transport(given))
    try:
        yield one
    finally:
        await one.aclose()


async def fault(one: SourceClient) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await one.get("jobs/")
    return caught.value
