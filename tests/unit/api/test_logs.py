"""`Execution.logs` as clients ask for it: pages, streams, search, tail, and what is refused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from adapters.memory import factory
from gateway import ids
from gateway.instant import Instant
from gateway.model import Execution, ExecutionStatus, Key, LogLine, LogStream, Node
from tests.support import App, running_app

KEY = Key("execution", "alpha", ("1",))
EXECUTION = Execution(key=KEY, name="one", tie=("1",), status=ExecutionStatus.SUCCEEDED)
LINES = [
    LogLine(
        sequence=number << 20,
        text=f"\x1b[0;31mLine {number}\x1b[0m",
        stream=LogStream.STDERR if number % 3 == 0 else LogStream.STDOUT,
        number=number,
        timestamp=Instant.from_us(number * 1_000_000),
        node=Node(key=Key("node", "alpha", ("n",)), name="n", tie=("n",)),
        record={"token": "s3cr3t", "n": number},
    )
    for number in range(1, 21)
]
FIELDS = """{ source { state requests scanned taken } complete truncated
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { executionId sequence number timestamp stream text plainText raw node { name } } } }"""


async def logs(app: App, arguments: str = "") -> Any:
    data = await app.data(f'{{ execution(id: "{ids.encode(KEY)}") {{ logs{arguments} {FIELDS} }} }}')
    return data["execution"]["logs"]


async def refused(app: App, arguments: str) -> tuple[str, str]:
    error = await app.error(f'{{ execution(id: "{ids.encode(KEY)}") {{ logs{arguments} {{ complete }} }} }}')
    assert error["path"] == ["execution", "logs"]
    return error["extensions"]["code"], error["message"]


@asynccontextmanager
async def written() -> AsyncIterator[App]:
    """The app, with one log in a memory source."""
    async with running_app(rows={"alpha": [EXECUTION]}) as app:
        store = factory.stores["alpha"]
        store.logs[KEY] = list(LINES)
        store.written.add(KEY)
        yield app


async def test_everything_of_a_line() -> None:
    async with written() as app:
        page = await logs(app, "(first: 1)")
    (edge,) = page["edges"]
    assert edge["node"] == {
        "executionId": ids.encode(KEY),
        "sequence": str(1 << 20),
        "number": 1,
        "timestamp": "1970-01-01T00:00:01Z",
        "stream": "STDOUT",
        "text": "\x1b[0;31mLine 1\x1b[0m",
        "plainText": "Line 1",
        "raw": None,
        "node": {"name": "n"},
    }
    cursor = edge["cursor"]
    info = {"hasNextPage": True, "hasPreviousPage": False, "startCursor": cursor, "endCursor": cursor}
    assert page["pageInfo"] == info
    assert (page["complete"], page["truncated"]) == (False, False)
    assert page["source"] == {"state": "OK", "requests": 1, "scanned": 2, "taken": 1}


async def test_pages_go_on_from_any_cursor() -> None:
    async with written() as app:
        whole = await logs(app, "(first: 100)")
        assert [edge["node"]["number"] for edge in whole["edges"]] == list(range(1, 21))
        assert (whole["complete"], whole["pageInfo"]["hasNextPage"]) == (True, False)
        for place in (0, 7, 18, 19):
            rest = await logs(app, f'(first: 100, after: "{whole["edges"][place]["cursor"]}")')
            assert rest["edges"] == whole["edges"][place + 1 :]
            assert rest["pageInfo"]["hasPreviousPage"] is True
            assert rest["pageInfo"]["endCursor"] == whole["edges"][-1]["cursor"]


async def test_streams_search_and_tail() -> None:
    async with written() as app:

        async def numbers(arguments: str) -> list[int]:
            return [edge["node"]["number"] for edge in (await logs(app, arguments))["edges"]]

        assert await numbers("(streams: [STDERR])") == [3, 6, 9, 12, 15, 18]
        assert await numbers('(search: "LINE 1")') == [1, *range(10, 20)]
        assert await numbers('(search: "0m")') == []
        assert await numbers("(streams: [])") == []
        assert await numbers("(tail: 3)") == [18, 19, 20]
        assert await numbers('(tail: 2, search: "line 1")') == [18, 19]
        assert await numbers("(tail: 0)") == []
        assert await numbers("(first: 0)") == []
        first = await logs(app, "(tail: 5, first: 2)")
        assert [edge["node"]["number"] for edge in first["edges"]] == [16, 17]
        rest = await logs(app, f'(after: "{first["pageInfo"]["endCursor"]}")')
        assert [edge["node"]["number"] for edge in rest["edges"]] == [18, 19, 20]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("(first: -1)", "`first`"),
        ("(first: 10001)", "`first`"),
        ("(tail: -1)", "`tail`"),
        ("(tail: 10001)", "`tail`"),
        ('(after: "garbage")', "cursor"),
        ('(tail: 3, after: "x")', "`tail` and `after`"),
    ],
)
async def test_what_is_refused(arguments: str, reason: str) -> None:
    async with written() as app:
        code, message = await refused(app, arguments)
    assert code == "BAD_USER_INPUT"
    assert reason in message


async def test_a_cursor_of_another_log_is_refused() -> None:
    other = Key("execution", "alpha", ("2",))
    async with written() as app:
        factory.stores["alpha"].put([Execution(key=other, name="two", tie=("2",), status=ExecutionStatus.SUCCEEDED)])
        cursor = (await logs(app, "(first: 1)"))["edges"][0]["cursor"]
        error = await app.error(f'{{ execution(id: "{ids.encode(other)}") {{ logs(after: "{cursor}") {{ complete }} }} }}')
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_an_empty_log_is_no_missing_log() -> None:
    async with running_app(rows={"alpha": [EXECUTION]}) as app:
        page = await logs(app)
        assert (page["edges"], page["complete"], page["pageInfo"]["endCursor"]) == ([], False, None)
        factory.stores["alpha"].written.add(KEY)
        assert (await logs(app))["complete"] is True
