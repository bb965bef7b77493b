"""What the conformance checks stand on: the class an author fills in, clients that page, and the truth about a source."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn

import httpx
import msgspec
import pytest
import pytest_asyncio

from gateway.config import BudgetSettings
from gateway.cursor import Cursor, CursorCodec
from gateway.merge import MergedPage, MergeSource, SourceReport, merge_page
from gateway.model import Execution, Key, Kind, NodeResult
from gateway.query import Filter, ListQuery, Order, OrderField, narrowed, order_value, position, predicate
from gateway.registry import Source
from gateway.spi import Adapter, Page, ScanPlan, Start, SupportsSimulation, SupportsTargets
from gateway.testing.faults import SECRET_MARK
from gateway.testing.scenarios import EMPTY
from gateway.transport import SourceClient

ORIGIN = "http://upstream.test"
"""Where the upstream seems to be."""

KINDS: tuple[Kind, ...] = ("execution", "job", "node")

_WIDE = BudgetSettings(rows=100_000, requests=10_000, seconds=60)
_MOST_PAGES = 500
_CODEC = CursorCodec(b"conformance")


class Harness:
    """What an author provides, and how a source is opened. See ``AdapterConformance``."""

    factory: ClassVar[Any]
    """The AdapterFactory."""

    name: ClassVar[str] = "subject"
    """The name of the source while it is tested."""

    skips: ClassVar[Mapping[str, str]] = {}
    """Checks that do not apply, each with the reason."""

    _known: "ClassVar[Truth | None]" = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._known = None
        for name, reason in cls.skips.items():
            if not name.startswith("test_") or not hasattr(cls, name) or not reason.strip():
                raise TypeError(f"{cls.__name__}.skips: {name!r} must name a check and give a reason")
        for name in vars(cls):
            if name.startswith("test_") and _is_check(cls, name):
                raise TypeError(f"{cls.__name__}.{name} replaces a check: name it in `skips` with a reason instead")

    # --- what an author provides

    def make_upstream(self) -> Any:
        """A fresh fake upstream, the same each time: ``app`` (an ASGI application, or None), ``log`` (requests served).

        Between 60 and 120 executions make a good one, among them odd names, equal instants, missing instants, and
        secrets that begin with ``SECRET_MARK`` wherever the real system holds secrets.
        """
        raise NotImplementedError

    def sizes(self, upstream: Any) -> Mapping[Kind, int]:
        """How many executions, jobs and nodes the upstream has that the source should list."""
        raise NotImplementedError

    async def invent_status(self, upstream: Any, word: str) -> None:
        """Give at least one execution a status word that the real system does not know."""
        raise NotImplementedError

    def settings(self) -> Mapping[str, Any]:
        """The source's configuration but for its name; by default that for the factory's own simulator."""
        if isinstance(self.factory, SupportsSimulation):
            return self.factory.simulator_settings(ORIGIN)
        return {"kind": self.factory.kind, "base_url": f"{ORIGIN}/"}

    def open(self, upstream: Any, settings: Any, client: SourceClient) -> Adapter:
        """The adapter; by default as the factory opens it, which knows the upstream by ``client`` alone."""
        del upstream
        adapter: Adapter = self.factory.open(settings.name, settings, client)
        return adapter

    # --- what the checks use

    @asynccontextmanager
    async def opened(
        self, upstream: Any, *, transport: httpx.AsyncBaseTransport | None = None, **settings: Any
    ) -> AsyncIterator[Source]:
        """The source over ``upstream``, or over another ``transport``, with changed ``settings``; closed at the end."""
        given = self.factory.settings.model_validate(
            # A header that no log, error or report may show.
            {"name": self.name, "headers": {"X-Conformance": f"{SECRET_MARK}header"}, **self.settings(), **settings}
        )
        client = SourceClient(given, transport or asgi(upstream.app))
        source = Source(given, self.open(upstream, given, client), client)
        try:
            yield source
        finally:
            await source.adapter.aclose()
            await source.client.aclose()

    def inapplicable(self, why: str) -> NoReturn:
        """Fail, because the upstream lacks what a check needs and the author has not said so."""
        pytest.fail(f"{why}: name this check in `skips`, with the reason")

    async def read_truth(self, source: Source) -> "Truth":
        """All that the source has now."""
        rows: dict[Kind, Sequence[Any]] = {}
        for kind in self.kinds(source):
            query = ListQuery(kind, EMPTY[kind], Order(OrderField.NATIVE))
            rows[kind] = (await walk([source], query, first=100)).rows
        return Truth(source.name, rows, await _with_targets(source, rows["execution"]))

    def kinds(self, source: Source) -> list[Kind]:
        """The kinds of which the source has lists."""
        return [kind for kind in KINDS if kind != "node" or source.adapter.capabilities.nodes]

    # --- fixtures

    @pytest.fixture(autouse=True)
    def _skipped(self, request: pytest.FixtureRequest) -> None:
        name = getattr(request.node, "originalname", request.node.name)
        if name in self.skips:
            pytest.skip(self.skips[name])

    @pytest.fixture
    def upstream(self) -> Any:
        """A fresh upstream."""
        return self.make_upstream()

    @pytest_asyncio.fixture
    async def source(self, upstream: Any) -> AsyncIterator[Source]:
        """The source over the healthy upstream."""
        async with self.opened(upstream) as source:
            yield source

    @pytest_asyncio.fixture
    async def truth(self, source: Source) -> "Truth":
        """All that the source has; read once, because every fresh upstream has the same."""
        cls = type(self)
        if cls._known is None:
            cls._known = await self.read_truth(source)
        return cls._known


def _is_check(cls: type[Harness], name: str) -> bool:
    """Whether a class before ``cls`` that this package brings has a check of that name."""
    return any(name in vars(base) and base.__module__.startswith("gateway.testing.") for base in cls.__mro__[1:])


def asgi(app: Any) -> httpx.AsyncBaseTransport:
    """A transport to an ASGI application; without one, to nothing."""
    if app is None:
        return httpx.MockTransport(lambda _request: httpx.Response(404))
    return httpx.ASGITransport(app=app)


# --- clients -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Walk:
    """What a client got that paged to the end: rows with the cursor of each, and the reports of the last page."""

    rows: list[Any] = field(default_factory=list)
    cursors: list[Cursor] = field(default_factory=list)
    pages: list[MergedPage] = field(default_factory=list)

    @property
    def keys(self) -> list[Key]:
        """The keys of the rows."""
        return [row.key for row in self.rows]

    @property
    def reports(self) -> Mapping[str, SourceReport]:
        """What the last page says of each source."""
        return self.pages[-1].reports


async def walk(
    sources: Sequence[Source], query: ListQuery, *, first: int, after: Cursor | None = None, totals: bool = False
) -> Walk:
    """Page through a merged list as the documentation says, from ``after`` to the end. Fails when there is none."""
    merged = [MergeSource(source.name, source.adapter, _WIDE, source.trusted) for source in sources]
    got = Walk()
    while len(got.pages) < _MOST_PAGES:
        page = await merge_page(merged, query, first=first, after=after, now=0, totals=totals)
        got.rows += page.rows
        got.cursors += [page.cursor(index) for index in range(len(page.rows))]
        got.pages.append(page)
        if not page.has_next:
            return got
        assert page.end is not None, "there is more, but nowhere to go on from"
        after = _CODEC.decode(_CODEC.encode(page.end, "list"), "list")
    pytest.fail(f"the list has no end: {_MOST_PAGES} pages of {first} rows were read")


async def scanned(source: Source, plan: ScanPlan, *, rows: int) -> list[Page[Any]]:
    """The pages of a scan from its beginning, as the adapter sends them."""
    pages: list[Page[Any]] = []
    async for page in source.adapter.scan(plan, Start(rows=rows)):
        pages.append(page)
        assert len(pages) < _MOST_PAGES, f"the scan has no end: {_MOST_PAGES} pages were read"
    return pages


# --- the truth -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Truth:
    """All rows of a source by kind, as lists show them; ``complete`` has the executions with their target nodes too."""

    source: str
    rows: Mapping[Kind, Sequence[Any]]
    complete: Sequence[Execution]

    def full(self, kind: Kind) -> Sequence[Any]:
        """Rows that show everything a filter can ask for."""
        return self.complete if kind == "execution" else self.rows[kind]

    def matching(self, kind: Kind, given: Filter, parts: frozenset[str] | None = None) -> set[Key]:
        """The keys of the rows for which all parts hold, or just these ``parts``."""
        own = narrowed(given, self.source)
        if own is None:
            return set()
        left = frozenset() if parts is None else frozenset(name for name, _ in own.predicates()) - parts
        matches = predicate(own, left)
        return {row.key for row in self.full(kind) if matches(row)}

    def expected(self, query: ListQuery, plan: ScanPlan) -> list[Key]:
        """The keys of the whole list in order, by definition (gateway.query)."""
        wanted = self.matching(query.kind, query.filter)
        return [row.key for row in self.sorted(query, plan) if row.key in wanted]

    def sorted(self, query: ListQuery, plan: ScanPlan) -> list[Any]:
        """All rows of the query's kind in its order."""
        zone = 0 if plan.reports_key else 1

        def place(row: Any) -> Any:
            return position(order_value(row, query.order.field), query.order, self.source, row.tie, zone)

        return sorted(self.rows[query.kind], key=place)


async def _with_targets(source: Source, rows: Sequence[Any]) -> list[Execution]:
    if not isinstance(source.adapter, SupportsTargets):
        return list(rows)
    complete = []
    for row in rows:
        found = await targets(source.adapter, row, first=200) if row.targets_elsewhere else []
        complete.append(msgspec.structs.replace(row, nodes=(*row.nodes, *found)))
    return complete


async def targets(adapter: SupportsTargets, row: Execution, *, first: int, failed: bool | None = None) -> list[NodeResult]:
    """All targets of an execution, read ``first`` at a time."""
    found: list[NodeResult] = []
    while True:
        after = found[-1].node.tie if found else None
        page = await adapter.targets(row, failed=failed, first=first, after=after)
        assert len(page.rows) <= first, "targets() answers with more rows than were asked for"
        found += page.rows
        if not page.more:
            return found
        assert page.rows, "targets() says that there is more, but sends nothing"
