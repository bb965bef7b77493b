"""Checks of what a misbehaving upstream costs: coded errors, its own rows and nothing else, and no waiting for ever."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest

from gateway.errors import SourceError, SourceErrorCode
from gateway.merge import SourceReport, SourceReportState
from gateway.model import Execution, Job, Node
from gateway.query import Filter, ListQuery, Order, OrderField
from gateway.registry import Source
from gateway.spi import Start, SupportsTargets
from gateway.testing.faults import SECRET_MARK, SOFT_FAULTS, TIME_FAULTS, Fault, Misbehaving
from gateway.testing.harness import Harness, Truth, asgi, walk
from gateway.testing.scenarios import EMPTY, filters, parts
from gateway.transport import Meter, metered

_CODES: dict[Fault, set[SourceErrorCode]] = {
    Fault.HANG: {SourceErrorCode.TIMEOUT},
    Fault.SLOW_DRIP: {SourceErrorCode.TIMEOUT},
    Fault.RATE_LIMITED: {SourceErrorCode.RATE_LIMITED},
    Fault.RATE_LIMITED_BRIEFLY: {SourceErrorCode.RATE_LIMITED},
    Fault.RATE_LIMITED_LONG: {SourceErrorCode.RATE_LIMITED},
    Fault.SERVER_ERROR: {SourceErrorCode.UNAVAILABLE, SourceErrorCode.BAD_RESPONSE},
    Fault.UNAVAILABLE: {SourceErrorCode.UNAVAILABLE},
    Fault.DROPPED: {SourceErrorCode.UNAVAILABLE},
    Fault.HTML: {SourceErrorCode.BAD_RESPONSE, SourceErrorCode.UNAUTHENTICATED},
    Fault.TRUNCATED_JSON: {SourceErrorCode.BAD_RESPONSE},
    Fault.WRONG_SHAPE: {SourceErrorCode.BAD_RESPONSE},
}
_HARD = [fault for fault in Fault if fault not in SOFT_FAULTS]
_SOFT = [fault for fault in Fault if fault in SOFT_FAULTS]
_GOING_ROUND = [Fault.SAME_PAGE, Fault.ENDLESS]
_ORDERS = [Order(OrderField.CREATED_AT), Order(OrderField.STARTED_AT, descending=False), Order(OrderField.DURATION)]

# How long a check waits before it says that something never ends.
_PATIENCE_SECONDS = 30
_ENDLESS_SECONDS = 5
_TIMEOUT_SECONDS = 0.3

# What it may cost to find out that an upstream is going round in circles.
_SPARE_REQUESTS = 20


class FaultChecks(Harness):
    """Faults of the upstream, and what is left behind."""

    def misbehave(self, upstream: Any, fault: Fault | None, row: int = 0) -> Misbehaving:
        """The upstream with a fault. Override where its pages say otherwise than by ``next`` that there is more."""
        if upstream.app is None:
            self.inapplicable("there is no upstream that could misbehave")
        return Misbehaving(upstream.app, fault, row=row)

    # --- faults that leave nothing of an answer

    @pytest.mark.parametrize("fault", _HARD, ids=lambda fault: fault.name)
    async def test_fault_in_a_list(self, upstream: Any, fault: Fault, caplog: pytest.LogCaptureFixture) -> None:
        """A fault is reported with its code within the time-out, and costs the rows of this source alone."""
        caplog.set_level(logging.DEBUG)
        app = self.misbehave(upstream, fault)
        query = ListQuery("execution", EMPTY["execution"], _ORDERS[0])
        async with (
            self.opened(upstream, name="healthy") as healthy,
            self.opened(upstream, transport=asgi(app), **_changes(fault)) as faulty,
            asyncio.timeout(_PATIENCE_SECONDS),
        ):
            alone = await walk([healthy], query, first=200)
            got = await walk([healthy, faulty], query, first=200)
        report = got.reports[self.name]
        assert report.state is SourceReportState.FAILED
        assert report.error is not None
        _check_error(report.error, fault, self.name)
        assert report.requests == app.requests, "every request is counted"
        assert got.keys == alone.keys, "the other source's rows suffer"
        assert got.reports["healthy"].state is SourceReportState.OK
        assert SECRET_MARK not in caplog.text

    @pytest.mark.parametrize("fault", _HARD, ids=lambda fault: fault.name)
    async def test_fault_in_a_read(
        self, upstream: Any, source: Source, truth: Truth, fault: Fault, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Keyed reads answer each key with the coded error; other reads raise it. Nothing else is raised."""
        caplog.set_level(logging.DEBUG)
        app = self.misbehave(upstream, fault)
        rows = [truth.rows[kind][0] for kind in truth.rows]
        keys = [row.key for row in rows]
        plan = source.adapter.plan(ListQuery("execution", EMPTY["execution"], _ORDERS[0]))
        async with self.opened(upstream, transport=asgi(app), **_changes(fault)) as faulty:
            adapter = faulty.adapter
            reads: list[Awaitable[Any]] = [adapter.fetch(keys), adapter.ping()]
            reads += [adapter.fetch_full(key) for key in keys if key.kind == "execution"]
            if plan.counts:
                reads.append(adapter.count(plan))
            if isinstance(adapter, SupportsTargets):
                reads.append(adapter.targets(truth.rows["execution"][0], failed=None, first=5, after=None))
            async with asyncio.timeout(_PATIENCE_SECONDS):
                answers, *others = await asyncio.gather(*reads, return_exceptions=True)
        assert not isinstance(answers, BaseException), "fetch() answers, it does not raise"
        assert len(answers) == len(keys)
        for error in [*answers, *others]:
            assert isinstance(error, SourceError), f"{error!r} is no coded error"
            _check_error(error, fault, self.name)
        assert SECRET_MARK not in caplog.text

    async def test_recovers(self, upstream: Any, truth: Truth) -> None:
        """A fault is over when it is over: the same page, asked for again, is right (DECISIONS 7)."""
        app = self.misbehave(upstream, None)
        query = ListQuery("execution", EMPTY["execution"], _ORDERS[0])
        keys = [row.key for row in truth.rows["execution"][:5]]
        async with self.opened(upstream, transport=asgi(app)) as source:
            whole = await walk([source], query, first=20)
            after = whole.pages[0].end
            app.fault = Fault.RATE_LIMITED_LONG
            got = await walk([source], query, first=20, after=after)
            assert got.reports[self.name].state is SourceReportState.FAILED
            assert not got.rows
            assert all(isinstance(answer, SourceError) for answer in await source.adapter.fetch(keys))
            app.fault = None
            assert (await walk([source], query, first=20, after=after)).keys == whole.keys[20:]
            assert not any(isinstance(answer, SourceError) for answer in await source.adapter.fetch(keys))

    # --- faults that leave something

    @pytest.mark.parametrize("fault", _GOING_ROUND, ids=lambda fault: fault.name)
    @pytest.mark.parametrize("order", _ORDERS, ids=lambda order: order.field.name)
    async def test_pages_that_go_round(
        self, upstream: Any, source: Source, truth: Truth, fault: Fault, order: Order
    ) -> None:
        """Whatever an upstream says of more pages: reading ends, no row comes twice, and what is missing is reported."""
        for given in [EMPTY["execution"], *_residual(source, truth)]:
            query = ListQuery("execution", given, order)
            usual = Meter(float("inf"))
            with metered(usual):
                await walk([source], query, first=15)
            app = self.misbehave(upstream, fault)
            async with self.opened(upstream, transport=asgi(app)) as faulty, asyncio.timeout(_PATIENCE_SECONDS):
                got = await walk([faulty], query, first=15)
            assert len(set(got.keys)) == len(got.keys), "rows come twice"
            matching = truth.matching("execution", given)
            assert set(got.keys) <= matching
            if set(got.keys) != matching:
                missing = f"{len(matching) - len(got.keys)} rows are missing, of {given}"
                assert _owned_up(got.reports[self.name]), f"{missing}, and nobody says so"
            most = 2 * usual.requests[self.name] + _SPARE_REQUESTS
            assert app.requests <= most, f"it asked {app.requests} times, not {usual.requests[self.name]}"

    @pytest.mark.parametrize("fault", _SOFT, ids=lambda fault: fault.name)
    async def test_reads_of_what_is_half_right(self, upstream: Any, truth: Truth, fault: Fault) -> None:
        """A keyed read ends, and never answers with something else, nor says of what is there that it is not."""
        app = self.misbehave(upstream, fault)
        keys = [row.key for kind in truth.rows for row in truth.rows[kind][:4]]
        async with self.opened(upstream, transport=asgi(app)) as faulty:
            reading = asyncio.ensure_future(faulty.adapter.fetch(keys))
            done, _ = await asyncio.wait([reading], timeout=_ENDLESS_SECONDS)
            if not done:
                reading.cancel()
                pytest.fail(f"fetch() has no end: it asked {app.requests} times")
            answers = reading.result()
        for key, answer in zip(keys, answers, strict=True):
            if isinstance(answer, Job | Execution | Node):
                assert answer.key == key
            else:
                assert isinstance(answer, SourceError), f"{key}: {answer}"
                assert answer.code is SourceErrorCode.BAD_RESPONSE, f"{key}: {answer}"

    @pytest.mark.parametrize("order", _ORDERS, ids=lambda order: order.field.name)
    @pytest.mark.parametrize("row", [0, 4, -1], ids=["first", "middle", "last"])
    async def test_unreadable_row(self, upstream: Any, truth: Truth, order: Order, row: int) -> None:
        """A record that cannot be read costs itself and nothing else, and the report says that one is missing."""
        app = self.misbehave(upstream, Fault.WRONG_TYPES, row)
        query = ListQuery("execution", EMPTY["execution"], order)
        async with self.opened(upstream, transport=asgi(app)) as faulty:
            got = await walk([faulty], query, first=12)
            expected = truth.expected(query, faulty.adapter.plan(query))
        lost = [key for key in expected if key not in set(got.keys)]
        assert len(lost) == 1, f"lost: {lost}; {got.reports[self.name]}"
        assert got.keys == [key for key in expected if key not in lost]
        report = got.reports[self.name]
        assert report.state is SourceReportState.TRUNCATED
        assert report.error is not None
        assert report.error.code is SourceErrorCode.BAD_RESPONSE

    # --- what is left behind

    async def test_an_abandoned_scan_leaves_nothing(self, upstream: Any, source: Source) -> None:
        """A scan may be given up after any page."""
        before = asyncio.all_tasks()
        for order in _ORDERS:
            plan = source.adapter.plan(ListQuery("execution", EMPTY["execution"], order))
            pages: Any = source.adapter.scan(plan, Start(rows=5))
            await anext(pages)
            asked = len(upstream.log)
            await pages.aclose()
            await _settle()
            assert asyncio.all_tasks() == before
            assert len(upstream.log) == asked, "it goes on asking"

    async def test_a_canceled_read_leaves_nothing(self, upstream: Any, truth: Truth) -> None:
        """Whoever waits for an upstream that hangs may stop waiting, and then nothing waits any more."""
        app = self.misbehave(upstream, Fault.HANG)
        keys = [row.key for kind in truth.rows for row in truth.rows[kind][:3]]
        async with self.opened(upstream, transport=asgi(app)) as faulty:
            adapter = faulty.adapter
            plan = adapter.plan(ListQuery("execution", EMPTY["execution"], _ORDERS[0]))
            reads: Sequence[Callable[[], Any]] = (
                lambda: adapter.fetch(keys),
                lambda: adapter.fetch_full(keys[0]),
                lambda: anext(adapter.scan(plan, Start())),
                adapter.ping,
            )
            for read in reads:
                before = asyncio.all_tasks()
                app.asked.clear()
                task = asyncio.ensure_future(read())
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await app.asked.wait()
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
                await _settle()
                assert asyncio.all_tasks() == before

    async def test_closing(self, upstream: Any) -> None:
        """``aclose`` may be called twice, leaves nothing running, and leaves the client to whoever made it."""
        before = asyncio.all_tasks()
        async with self.opened(upstream) as source:
            await source.adapter.ping()
            await source.adapter.aclose()
            await source.adapter.aclose()
            await _settle()
            assert asyncio.all_tasks() == before


def _residual(source: Source, truth: Truth) -> list[Filter]:
    """A filter that the source leaves to the gateway, if there is one: several of its pages make one of the gateway's."""
    rows = truth.full("execution")
    for part in parts("execution"):
        for given in filters("execution", part, rows):
            plan = source.adapter.plan(ListQuery("execution", given, _ORDERS[0]))
            left = not plan.pushed and plan.unsupported is None and plan.reason_empty is None
            if left and 0 < len(truth.matching("execution", given)) < len(rows) / 3:
                return [given]
    return []


def _changes(fault: Fault) -> dict[str, Any]:
    return {"timeout_seconds": _TIMEOUT_SECONDS} if fault in TIME_FAULTS else {}


def _check_error(error: SourceError, fault: Fault, source: str) -> None:
    assert error.code in _CODES[fault], f"{error.code}: {error}"
    assert error.source == source
    assert error.message.strip()
    assert SECRET_MARK not in f"{error!r} {error.message}"


def _owned_up(report: SourceReport) -> bool:
    """Whether the report admits that rows are missing, with a code that says why."""
    return (
        report.state in (SourceReportState.FAILED, SourceReportState.TRUNCATED)
        and report.error is not None
        and report.error.code is not SourceErrorCode.INTERNAL
    )


async def _settle() -> None:
    """Let what was canceled end."""
    for _ in range(5):
        await asyncio.sleep(0)
