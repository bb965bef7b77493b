"""Logs of executions in moto's CloudWatch Logs, read as AWS's would be."""

import time
from collections.abc import AsyncIterator

import httpx
import pytest

from adapters.aws_iot import AwsIotSettings
from adapters.aws_iot.adapter import AwsIotAdapter
from gateway.instant import Instant
from gateway.model import Execution, ExecutionStatus, Key, LogLine
from gateway.spi import LogQuery
from gateway.transport import SourceClient, http_transport
from tests.peers.gateways import FAST
from tests.peers.peer import ROOT, Peer

REGION = "eu-west-2"
GROUP = "/iot/jobs/firmware"
# moto, like AWS, takes no events older than a fortnight.
START = time.time_ns() // 1_000_000 - 3_600_000
ENDED = Instant.from_us((START + 1000) * 1000)
TEXTS = [f"line {n:03} of node" for n in range(350)]


@pytest.fixture(scope="session")
def logged(moto: Peer) -> Peer:
    """moto with a log of 350 lines, three to a millisecond, and another thing's beside it."""
    logs = moto.client("logs", REGION)
    logs.create_log_group(logGroupName=GROUP)
    for stream, texts in (("node", TEXTS), ("other", ["other"] * 5), ("empty", [])):
        logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
        if texts:
            events = [{"timestamp": START + place // 3, "message": text} for place, text in enumerate(texts)]
            logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)
    return moto


@pytest.fixture
async def adapter(logged: Peer) -> AsyncIterator[AwsIotAdapter]:
    settings = AwsIotSettings.model_validate(
        {
            "name": "iot",
            "kind": "aws-iot",
            "region": REGION,
            "endpoint_url": logged.origin,
            "timeout_seconds": 30,
            "access_key_id": ROOT.access_key,
            "secret_access_key": ROOT.secret_key,
            "log_group": "/iot/jobs/{jobId}",
            "logs_endpoint_url": logged.origin,
            "logs_quota": FAST,
        }
    )
    transport: httpx.AsyncBaseTransport = http_transport(settings)
    client = SourceClient(settings, transport)
    adapter = AwsIotAdapter("iot", settings, client)
    yield adapter
    await adapter.aclose()
    await client.aclose()


def execution(thing: str = "node", job: str = "firmware") -> Execution:
    parts = (job, thing, "1")
    key = Key("execution", "iot", parts)
    return Execution(key=key, name=job, tie=parts, status=ExecutionStatus.SUCCEEDED, updated_at=ENDED)


async def lines(adapter: AwsIotAdapter, of: Execution, query: LogQuery) -> list[LogLine]:
    found: list[LogLine] = []
    async for page in adapter.logs(of, query):
        found += page.lines
        assert not page.truncated
        last = page
    assert (last.more, last.complete) == (False, True)
    return found


@pytest.mark.parametrize("rows", [7, 100, 1000])
async def test_every_line(adapter: AwsIotAdapter, rows: int) -> None:
    found = await lines(adapter, execution(), LogQuery(rows=rows))
    assert sorted(line.text for line in found) == TEXTS
    assert [line.timestamp.us // 1000 - START for line in found if line.timestamp] == [n // 3 for n in range(350)]
    sequences = [line.sequence for line in found]
    assert sequences == sorted(set(sequences))
    half = found[170]
    assert await lines(adapter, execution(), LogQuery(after=half.sequence, rows=rows)) == found[171:]


async def test_the_last_lines(adapter: AwsIotAdapter) -> None:
    whole = await lines(adapter, execution(), LogQuery())
    for count in (1, 20, 349, 350, 1000):
        assert await lines(adapter, execution(), LogQuery(tail=count, rows=count)) == whole[-count:]


async def test_empty_and_missing_logs(adapter: AwsIotAdapter) -> None:
    for given in (execution("empty"), execution("absent"), execution(job="absent")):
        for query in (LogQuery(), LogQuery(tail=3)):
            assert await lines(adapter, given, query) == []


async def test_several_at_once(adapter: AwsIotAdapter) -> None:
    pages = await adapter.first_logs([execution("other"), execution("empty")], LogQuery())
    assert [len(page.lines) for page in pages if not isinstance(page, Exception)] == [5, 0]
