"""Checks of single things: keyed reads, ids, details, what a record becomes."""

import logging
from collections.abc import Iterator
from itertools import chain
from typing import Any

import httpx
import msgspec
import orjson
import pytest

from gateway import ids
from gateway.errors import SourceError
from gateway.loaders import SupportsLatest
from gateway.model import Execution, ExecutionStatus, Job, Key, Kind, Node, NodeRole
from gateway.query import ExecutionFilter, ListQuery, Order, OrderField
from gateway.registry import Source
from gateway.spi import NOT_FOUND, Cost, Ping, SupportsTargets, TargetPage
from gateway.testing.faults import SECRET_MARK
from gateway.testing.harness import KINDS, Harness, Truth, asgi, targets, walk
from gateway.transport import Meter, metered

_GARBAGE = (
    "",
    "\0",
    "x" * 10_000,
    "😀",
    "-1",
    "0",
    "007",
    " 1",
    "1 ",
    "1\n",
    "\u0661",
    "9" * 40,
    "1/2",
    "/",
    "../1",
    "%2F",
    "1,2",
)
_NEWEST = Order(OrderField.CREATED_AT)


class ReadChecks(Harness):
    """Keyed reads, ids, details."""

    # --- fetch

    async def test_fetch_answers_each_key(self, source: Source, truth: Truth) -> None:
        """``fetch`` answers any mix of kinds in the order of the keys, the same key twice, and what is not there."""
        keys: list[Key] = []
        for round_ in range(3):
            for kind in truth.rows:
                rows = truth.rows[kind]
                keys += [rows[round_ % len(rows)].key, rows[-1 - round_ % len(rows)].key, _absent(kind, rows)]
        answers = await source.adapter.fetch(keys)
        assert len(answers) == len(keys)
        for key, answer in zip(keys, answers, strict=True):
            if key.parts[-1] != _ABSENT_ID:
                assert isinstance(answer, Job | Execution | Node), f"{key}: {answer}"
                assert answer.key == key
            elif key.kind != "node":
                # Of a node that may not be seen, its name is better than nothing (DECISIONS 17).
                assert answer is NOT_FOUND, f"{key}: {answer}"
        assert list(await source.adapter.fetch([])) == []

    async def test_fetch_equals_list(self, source: Source, truth: Truth) -> None:
        """What ``fetch`` finds and what a list shows agree in every unified field."""
        for kind in truth.rows:
            answers = await source.adapter.fetch([row.key for row in truth.rows[kind]])
            for row, answer in zip(truth.rows[kind], answers, strict=True):
                assert not (found := list(_differences(row, answer, frozenset()))), f"{row.key}: {found}"

    async def test_fetch_full_only_adds(self, source: Source, truth: Truth) -> None:
        """``fetch_full`` agrees with the list in every field but those that cost one request per row."""
        costs = source.adapter.capabilities.costs
        costly = frozenset(name for name, cost in costs.items() if cost is Cost.EACH)
        for kind in truth.rows:
            for row in truth.rows[kind][::9]:
                answer = await source.adapter.fetch_full(row.key)
                assert not (found := list(_differences(row, answer, costly))), f"{row.key}: {found}"
        assert await source.adapter.fetch_full(_absent("execution", truth.rows["execution"])) is NOT_FOUND

    async def test_fetch_requests(self, upstream: Any, source: Source, truth: Truth) -> None:
        """So many executions take no more requests than ``batch_size`` says, and every request is counted."""
        size = source.adapter.capabilities.batch_size
        rows = truth.rows["execution"]
        for number in {1, min(size, len(rows)), min(2 * size + 1, len(rows)), len(rows)}:
            before = len(upstream.log)
            meter = Meter(float("inf"))
            with metered(meter):
                await source.adapter.fetch([row.key for row in rows[:number]])
            sent = meter.requests[source.name]
            assert 1 <= sent <= -(-number // size), f"{number} executions took {sent} requests, {size} at a time"
            assert upstream.app is None or len(upstream.log) - before == sent, "the client counts other than the upstream"

    # --- ids

    async def test_ids_round_trip(self, source: Source, truth: Truth) -> None:
        """Every key survives its global id and its native id, whatever characters it has."""
        mentioned = (each for row in truth.complete for each in _mentioned(row))
        keys = {row.key for rows in truth.rows.values() for row in rows} | {each.key for each in mentioned}
        for key in keys:
            assert ids.decode(ids.encode(key)) == key
            assert source.adapter.parse_native_id(key.kind, key.native_id) == key.parts, f"{key}"

    @pytest.mark.parametrize("text", _GARBAGE, ids=lambda text: ascii(text[:8]))
    async def test_garbage_ids(self, source: Source, text: str) -> None:
        """A native id that is none is refused, or found nowhere; no spelling stands for another."""
        for kind in KINDS:
            parts = source.adapter.parse_native_id(kind, text)
            if parts is not None:
                key = Key(kind, source.name, parts)
                assert key.native_id == text
                assert list(await source.adapter.fetch([key])) == [NOT_FOUND]
                assert await source.adapter.fetch_full(key) is NOT_FOUND

    # --- records

    async def test_unknown_status(self, upstream: Any, source: Source) -> None:
        """A status word that nobody has heard of is UNKNOWN, keeps its spelling, and can be filtered for."""
        word = "Half-Baked"
        await self.invent_status(upstream, word)
        truth = await self.read_truth(source)
        odd = {row.key for row in truth.rows["execution"] if row.raw_status == word}
        assert odd, "no execution shows the invented status as its rawStatus"
        assert all(row.status is ExecutionStatus.UNKNOWN for row in truth.rows["execution"] if row.key in odd)
        unknown = ExecutionFilter(statuses=frozenset({ExecutionStatus.UNKNOWN}))
        known = ExecutionFilter(statuses=frozenset(ExecutionStatus) - {ExecutionStatus.UNKNOWN})
        worded = ExecutionFilter(raw_statuses=frozenset({word}))
        for given in (unknown, known, worded):
            got = await walk([source], ListQuery("execution", given, _NEWEST), first=50)
            assert set(got.keys) == truth.matching("execution", given), f"{given}"
        for answer in await source.adapter.fetch(list(odd)):
            assert isinstance(answer, Execution), f"{answer}"
            assert (answer.status, answer.raw_status) == (ExecutionStatus.UNKNOWN, word)

    async def test_details_and_raw(self, source: Source, truth: Truth) -> None:
        """Details are of a declared type, or a plain mapping; the raw record is JSON. Neither needs more than the entity."""
        declared = self.factory.details()
        full = [
            await source.adapter.fetch_full(row.key)
            for kind in truth.rows
            for row in [truth.rows[kind][0], truth.rows[kind][-1]]
        ]
        mentioned = [each for row in truth.complete for each in _mentioned(row)]
        for entity in chain(*truth.rows.values(), mentioned, full):
            assert isinstance(entity, Job | Execution | Node), f"{entity}"
            details = source.adapter.details(entity)
            assert details is None or isinstance(details, (dict, *getattr(declared, entity.key.kind))), f"{entity.key}"
            orjson.dumps(source.adapter.raw(entity))

    async def test_no_secret_gets_out(self, upstream: Any, caplog: pytest.LogCaptureFixture) -> None:
        """What the upstream keeps secret is in no unified field, no details, no raw record and no log."""
        caplog.set_level(logging.DEBUG)
        watched = _Watched(upstream.app)
        async with self.opened(upstream, transport=watched) as source:
            truth = await self.read_truth(source)
            rows = [*chain(*truth.rows.values()), *(each for row in truth.complete for each in _mentioned(row))]
            full = [await source.adapter.fetch_full(row.key) for kind in truth.rows for row in truth.rows[kind]]
            for entity in [*rows, *(each for each in full if isinstance(each, Job | Execution | Node))]:
                shown = [
                    repr(msgspec.structs.replace(entity, record=None)),
                    repr(source.adapter.details(entity)),
                    orjson.dumps(source.adapter.raw(entity)).decode(),
                ]
                for text in shown:
                    assert SECRET_MARK not in text, f"{entity.key} shows {text[text.find(SECRET_MARK) - 80 :][:160]!r}"
        assert SECRET_MARK not in caplog.text
        if not watched.secrets:
            self.inapplicable(f"the upstream sends no secret that begins with {SECRET_MARK!r}")

    # --- abilities

    async def test_targets(self, source: Source, truth: Truth) -> None:
        """The target nodes of an execution come in a stable order, in pages of any size, and by whether they failed."""
        if not isinstance(source.adapter, SupportsTargets):
            return  # No row says that there are any: test_abilities_are_methods.
        rows = sorted(truth.complete, key=lambda row: len(row.nodes), reverse=True)
        for row in rows[:5]:
            whole = await targets(source.adapter, row, first=200)
            ties = [result.node.tie for result in whole]
            assert ties == sorted(set(ties)), f"{row.key}: targets in no order, or twice"
            assert all(NodeRole.TARGET in result.roles for result in whole)
            assert await targets(source.adapter, row, first=1) == whole
            assert await targets(source.adapter, row, first=3) == whole
            page: TargetPage = await source.adapter.targets(row, failed=None, first=2, after=None)
            assert page.total in (None, len(whole))
            for failed in (True, False):
                some = await targets(source.adapter, row, first=2, failed=failed)
                assert some == [result for result in whole if result.failed is failed]
        assert any(len(row.nodes) > 3 for row in rows), "the upstream should have an execution with several targets"

    async def test_latest_executions(self, source: Source, truth: Truth) -> None:
        """Where the latest executions of jobs can be read at once, each answer belongs to its job."""
        if not isinstance(source.adapter, SupportsLatest):
            return  # Nobody asks: gateway.loaders reads a list instead.
        keys = [row.key for row in truth.rows["job"]]
        having = {row.job.key for row in truth.rows["execution"] if row.job is not None}
        answers = await source.adapter.latest(keys)
        assert len(answers) == len(keys)
        for key, answer in zip(keys, answers, strict=True):
            if key in having:
                assert isinstance(answer, Execution), f"{key}: {answer}"
                assert answer.job is not None, f"{key}: {answer}"
                assert answer.job.key == key
            else:
                assert answer is NOT_FOUND, f"{key}: {answer}"

    async def test_ping(self, source: Source) -> None:
        """A check of the source says what it found."""
        found = await source.adapter.ping()
        assert isinstance(found, Ping)
        assert found.version is None or found.version.strip()


_ABSENT_ID = "987654321"


def _absent(kind: Kind, rows: Any) -> Key:
    """A key like those of the rows, of something that is not there."""
    like: Key = rows[0].key
    return Key(kind, like.source, (*like.parts[:-1], _ABSENT_ID))


def _mentioned(row: Execution) -> Iterator[Job | Node]:
    """What an execution names: its job and its nodes."""
    if row.job is not None:
        yield row.job
    yield from (result.node for result in row.nodes)


def _differences(one: Any, other: Any, costly: frozenset[str]) -> Iterator[str]:
    """Where two values of the model differ, in fields that both know and that are not ``costly``."""
    if not isinstance(one, msgspec.Struct) or type(one) is not type(other):
        if isinstance(one, tuple) and isinstance(other, tuple) and type(one) is tuple and len(one) == len(other):
            for each, like in zip(one, other, strict=True):
                yield from _differences(each, like, costly)
        elif one != other:
            yield f"{one!r} is not {other!r}" if not isinstance(other, SourceError) else f"{other}"
        return
    for name in one.__struct_fields__:
        known = (getattr(each, "known", None) for each in (one, other))
        comparable = name not in ("record", "known") and all(only is None or name in only or name == "key" for only in known)
        if comparable and f"{type(one).__name__}.{_camel(name)}" not in costly:
            for difference in _differences(getattr(one, name), getattr(other, name), costly):
                yield f"{name}: {difference}"


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


class _Watched(httpx.AsyncBaseTransport):
    """Passes requests on, and counts answers that hold a planted secret."""

    def __init__(self, app: Any) -> None:
        self._inner = asgi(app)
        self.secrets = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        body = await response.aread()
        self.secrets += SECRET_MARK.encode() in body
        return httpx.Response(response.status_code, headers=response.headers, content=body)
