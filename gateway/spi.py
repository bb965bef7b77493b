"""What an adapter is. Start here to add a kind of source; the conformance suite in ``gateway.testing`` holds you to it.

A package offers an ``AdapterFactory`` under the entry-point group ``execution_gateway.adapters``. The gateway opens one
``Adapter`` per configured source. Abilities beyond reading lists are extra Protocols (``SupportsTargets`` ...): an adapter
has the ability exactly when it has the method, and its ``Capabilities`` say the same.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar, runtime_checkable
from weakref import WeakKeyDictionary

from gateway.cursor import Hint
from gateway.errors import SourceError, SourceErrorCode
from gateway.model import Entity, Execution, Key, Kind, LogLine, LogStream, NodeResult, RerunSupport, Tie
from gateway.query import ListQuery, OrderField

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from gateway.config import SourceSettings
    from gateway.transport import SourceClient

T = TypeVar("T")
P = TypeVar("P")
T_co = TypeVar("T_co", covariant=True)

ENTRY_POINTS = "execution_gateway.adapters"


# --- what an adapter declares --------------------------------------------------------------------------------------


class Cost(Enum):
    """What selecting a field costs upstream (DECISIONS 19)."""

    ROW = "list row"
    BATCH = "batch"
    EACH = "one per row"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a source can do. The conformance suite checks each entry both ways.

    ``costs`` names every field, as ``Type.field`` in the schema, that is not simply part of the list row.
    ``pushed_filters`` are filter parts that the source can apply itself, ``orders`` the orders it can sort by.
    ``batch_size`` is the largest number of executions one request can fetch by id. ``tql`` says that the source SupportsTql.
    ``logs`` says that it SupportsLogs; lines may appear up to ``log_late_seconds`` after later ones.
    """

    lists_all_executions: bool
    pushed_filters: frozenset[str]
    orders: frozenset[OrderField]
    counts: bool
    batch_size: int
    logs: bool = False
    log_late_seconds: float = 0.0
    nodes: bool = False
    tql: bool = False
    cancel_execution: bool = False
    cancel_job: bool = False
    rerun: RerunSupport = RerunSupport.NONE
    min_poll_seconds: float = 5.0
    costs: Mapping[str, Cost] = field(default_factory=dict)

    def cost(self, name: str) -> Cost:
        """What the field ``Type.field`` costs."""
        return self.costs.get(name, Cost.ROW)


@dataclass(frozen=True, slots=True)
class DetailTypes:
    """Strawberry classes for what only this kind of source has; instances are what ``Adapter.details`` returns.

    ``costs`` is the table of ``Capabilities.costs``: the schema reads detail fields of cost EACH through ``fetch_full``.
    """

    job: tuple[type, ...] = ()
    execution: tuple[type, ...] = ()
    node: tuple[type, ...] = ()
    costs: Mapping[str, Cost] = field(default_factory=dict)


# --- scanning ------------------------------------------------------------------------------------------------------


class Guarantee(Enum):
    """What a scan promises of the total order that was asked for.

    ``EXACT``: rows come in it. ``BOUNDED``: rows come in any order, but pages say from which place on rows may still come
    (``Page.settled``), so that the gateway can sort as it reads. ``NONE``: nothing, so that the whole list must be read.
    """

    EXACT = "EXACT"
    BOUNDED = "BOUNDED"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """How a source would answer a query. Pure data: making it costs no I/O.

    ``native`` is the adapter's own; equal values must mean equal scans. ``pushed`` names filter parts the source applies
    exactly; whatever it leaves is residual, and the gateway applies it. ``unseen`` names pushed parts that the rows do
    not show, so that the gateway cannot check them again. ``reports_key`` is False when the source never has the order's
    instant. ``caveat`` is a reason why rows may be missing although all goes well (reported as TRUNCATED).
    ``reason_empty`` says why nothing can match: the source is not asked. ``unsupported`` says why it cannot answer.
    """

    native: Any
    pushed: frozenset[str] = frozenset()
    unseen: frozenset[str] = frozenset()
    order: Guarantee = Guarantee.NONE
    reports_key: bool = True
    counts: bool = False
    caveat: str | None = None
    reason_empty: str | None = None
    unsupported: str | None = None


@dataclass(frozen=True, slots=True)
class At:
    """A place in the order of one source. Rows at ``instant`` with a tie after ``tie`` are still to come.

    ``instant`` is in microseconds; None is the place of rows whose instant is missing (or of the whole list where the order
    has no instant). ``tie`` None means that no row at ``instant`` has been delivered.
    """

    instant: int | None
    tie: Tie | None


@dataclass(frozen=True, slots=True)
class Start:
    """Where a scan begins and how much is wanted.

    ``at`` None: from the beginning. The scan may begin earlier (the gateway drops what lies before), never later.
    ``hint`` is a place that an earlier page of this source named (``Page.here`` or an offset in it): cheap, never to be
    trusted. ``rows`` is how many rows are wanted; ``count`` asks for ``Page.total``.
    """

    at: At | None = None
    hint: Hint | None = None
    rows: int = 50
    count: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[T_co]):
    """A page of rows as the source sent it.

    ``returned`` counts the records of the page, readable or not; ``unreadable`` those that could not be read and are not
    in ``rows``. ``here`` says how to get back to this page: the offset of its first row (int), or its token (str).
    ``total`` is the source's own count for the pushed filter, without regard to where the scan began, where it tells.
    ``settled``, in a bounded scan, is a place before which no row of a later page stands; None while nothing is known.
    """

    rows: Sequence[T_co]
    returned: int
    more: bool
    here: Hint | None = None
    total: int | None = None
    unreadable: int = 0
    envelope: Mapping[str, Any] | None = None
    settled: At | None = None


# --- keyed reads ---------------------------------------------------------------------------------------------------


class NotFound(Enum):
    """The source says that it has no such thing."""

    NOT_FOUND = "NOT_FOUND"


NOT_FOUND = NotFound.NOT_FOUND

Fetched: TypeAlias = T | NotFound | SourceError
"""One answer per key, same order and length; a fault of one key is a value, never a raised batch."""


@dataclass(frozen=True, slots=True)
class Ping:
    """What a check of a source found: its version, and as whom it accepted the credentials, where it says either."""

    version: str | None
    user: str | None = None


# --- the interface -------------------------------------------------------------------------------------------------


class Adapter(Protocol):
    """One open source."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do, as far as is known: of a source that SupportsDiscovery, more once its server has told."""
        ...

    def plan(self, query: ListQuery) -> ScanPlan:
        """How the query would be answered. Pure; raises nothing for any query."""
        ...

    def scan(self, plan: ScanPlan, start: Start) -> AsyncIterator[Page[Any]]:
        """Pages from ``start`` on. Raises SourceError; may be abandoned at any page."""
        ...

    async def count(self, plan: ScanPlan) -> int | None:
        """How many rows match the pushed filter, in one request. Only called when the plan says ``counts``."""
        ...

    async def fetch(self, keys: Sequence[Key]) -> Sequence[Fetched[Entity]]:
        """Entities at the strength of a list row, any mix of kinds, in as few requests as the source allows."""
        ...

    async def fetch_full(self, key: Key) -> Fetched[Entity]:
        """One entity with every field, those included whose cost is EACH."""
        ...

    async def ping(self) -> Ping:
        """The cheapest request that shows the source reachable and the credentials accepted. Raises SourceError."""
        ...

    def parse_native_id(self, kind: Kind, native_id: str) -> tuple[str, ...] | None:
        """The parts of a public native id, or None when no id of this source looks like that. No I/O."""
        ...

    def details(self, entity: Entity) -> object | None:
        """An instance of one of the factory's detail types, from what the entity already holds; None if there is none."""
        ...

    def raw(self, entity: Entity) -> Any:
        """The upstream record as JSON with secrets redacted; None when the entity was only mentioned."""
        ...

    async def aclose(self) -> None:
        """Release what the adapter opened itself."""
        ...


@dataclass(frozen=True, slots=True)
class TargetPage:
    """Nodes an execution acted on, in the source's stable order; ``total`` where the answer tells it."""

    rows: Sequence[NodeResult]
    more: bool
    total: int | None = None


@runtime_checkable
class SupportsTargets(Protocol):
    """The nodes that an execution acted on take a request of their own."""

    async def targets(self, execution: Execution, *, failed: bool | None, first: int, after: Tie | None) -> TargetPage:
        """The TARGET nodes after ``after`` (a node's tie). Raises SourceError."""
        ...


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which lines of an execution are wanted: those after the sequence ``after``, or the last ``tail`` ones, or all.

    ``streams`` and ``search`` (a text that the line holds, in any case, escapes aside) are applied by the gateway; a source
    that can apply them, or something weaker, saves lines. ``rows`` is how many lines are wanted.
    """

    after: int | None = None
    tail: int | None = None
    streams: frozenset[LogStream] | None = None
    search: str | None = None
    rows: int = 500


@dataclass(frozen=True, slots=True)
class LogPage:
    """Lines in order of their sequences, each after all of earlier pages.

    ``more``: others can be read right now. ``complete``: beyond what was read, no line will ever come. ``truncated``: lines
    are missing that cannot be read.
    """

    lines: Sequence[LogLine]
    more: bool
    complete: bool = False
    truncated: bool = False


@runtime_checkable
class SupportsLogs(Protocol):
    """The source keeps what executions print."""

    def logs(self, execution: Execution, query: LogQuery) -> AsyncIterator[LogPage]:
        """Pages of lines. Raises SourceError; may be abandoned at any page.

        Read again with the same ``after``, the same lines come with the same sequences, and those that have come late. A
        ``tail`` means the lines that are last now, and that ``after`` is None.
        """
        ...


@runtime_checkable
class SupportsLogBatches(Protocol):
    """Several logs can be begun with fewer requests than one each."""

    async def first_logs(self, executions: Sequence[Execution], query: LogQuery) -> Sequence[LogPage | SourceError]:
        """The first page of each log, as ``logs`` would begin; same order and length. A fault of one log is a value."""
        ...


@runtime_checkable
class SupportsWakeUps(Protocol):
    """The source can tell at once that something has changed, so that pollers need not wait for their next look."""

    def wake_ups(self) -> AsyncIterator[Key | None]:
        """The execution that something happened to, each time; None when it may be any.

        Best effort: what it misses, the next look finds. Raises SourceError when the source does not tell (any more); it is
        asked again later.
        """
        ...


@runtime_checkable
class SupportsDiscovery(Protocol):
    """What the source can do depends on its server, which has to be asked before plans can make the most of it."""

    async def discover(self, kind: Kind) -> None:
        """Learn what the server can do with lists of ``kind``, unless that is known. Awaited before each list is planned.

        Raises nothing: where the server does not tell, ``plan`` and ``capabilities`` claim no more than every server can do.
        """
        ...


@runtime_checkable
class SupportsTql(Protocol):
    """The source speaks TQL: its plans put the filter part ``tql`` into what it is asked, and name it in ``unseen``.

    Sources without this are not asked when ``tql`` is given.
    """

    def refuse_tql(self, text: str) -> str | None:
        """Why the source cannot be asked this, for the person who wrote it; None when nothing speaks against it. No I/O.

        Text that is no TQL is refused with position and reason, whatever the server.
        """
        ...


class Simulator(Protocol):
    """A small server that behaves like the back end, for the demo and the tests."""

    @property
    def app(self) -> Any:
        """An ASGI application."""
        ...

    @property
    def log(self) -> Sequence[Any]:
        """Every request served: objects with method, path, query and status."""
        ...


class AdapterFactory(Protocol):
    """The object behind the entry point; importing it must be cheap."""

    kind: str
    settings: "type[SourceSettings]"

    def details(self) -> DetailTypes:
        """GraphQL types for the unions; imports strawberry only when called."""
        ...

    def open(self, name: str, settings: Any, client: "SourceClient") -> Adapter:
        """An adapter for one configured source. ``client`` carries base URL, credentials and limits."""
        ...


@runtime_checkable
class SupportsSimulation(Protocol):
    """A factory whose kind of source can be simulated."""

    def simulator(self, *, seed: int, size: int, now: datetime) -> Simulator:
        """A simulator with about ``size`` executions in the fortnight before ``now``."""
        ...

    def simulator_settings(self, origin: str) -> dict[str, Any]:
        """The source's configuration for a simulator served at ``origin`` (scheme and authority)."""
        ...


def internal_error(source: str) -> SourceError:
    """What is reported when an adapter raises something it should not; the log has the rest."""
    return SourceError(SourceErrorCode.INTERNAL, "The adapter failed unexpectedly.", source=source)


_SUPPORTED: WeakKeyDictionary[Any, dict[type, bool]] = WeakKeyDictionary()


def supports(adapter: object, protocol: type[P]) -> "TypeIs[P]":
    """``isinstance`` of a protocol, remembered for each adapter: Python looks at every member of it each time."""
    known = _SUPPORTED.setdefault(adapter, {})
    found = known.get(protocol)
    if found is None:
        found = known[protocol] = isinstance(adapter, protocol)
    return found
