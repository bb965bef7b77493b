"""How one source would answer a query: for pages of merged lists, and for statistics."""

import asyncio
import logging
from dataclasses import replace

from msgspec import Struct

from gateway.query import ExecutionFilter, Filter, ListQuery, narrowed, parts_of
from gateway.spi import Adapter, Guarantee, ScanPlan, SupportsDiscovery, SupportsTql, supports
from gateway.transport import Meter, current_meter, metered

_log = logging.getLogger(__name__)


class Planned(Struct, frozen=True):
    """How a source would answer ``query``, which is narrowed to it; no plan where nothing of it can match.

    ``requests`` were sent to learn what it can do.
    """

    query: ListQuery
    plan: ScanPlan | None
    requests: int = 0


def planned_as_known(source: str, adapter: Adapter, query: ListQuery) -> Planned:
    """Plan a query for a source as it is known so far."""
    given = narrowed(query.filter, source)
    if given is None or (
        isinstance(given, ExecutionFilter) and given.tql is not None and not supports(adapter, SupportsTql)
    ):
        return Planned(query, None)
    if given is not query.filter:
        query = replace(query, filter=given)
    return Planned(query, adapter.plan(query))


async def planned(source: str, adapter: Adapter, query: ListQuery, seconds: float) -> Planned:
    """Plan a query for a source, once it is known what it can do, for which it has so many seconds.

    Raises nothing for any source's fault.
    """
    known = planned_as_known(source, adapter, query)
    if known.plan is None or known.plan.reason_empty is not None or not supports(adapter, SupportsDiscovery):
        return known
    meter = Meter(asyncio.get_running_loop().time() + seconds, current_meter())
    try:
        with metered(meter):
            await adapter.discover(query.kind)
    except Exception:  # noqa: BLE001 - without it the source does less: a third party's bug must cost no more than that
        _log.exception("adapter of source %s failed to learn what its server can do", source)
    return Planned(known.query, adapter.plan(known.query), meter.requests[source])


def unordered(plan: ScanPlan) -> ScanPlan:
    """The plan of a source that once broke a promised order: it is scanned and sorted."""
    return replace(plan, order=Guarantee.NONE)


def residual_of(given: Filter, plan: ScanPlan) -> tuple[str, ...]:
    """The inputs of a filter that the gateway applies itself, as the caller wrote them."""
    names = set(parts_of(given) - plan.pushed)
    if "status" in names and isinstance(given, ExecutionFilter) and given.status_inputs:
        names = names - {"status"} | set(given.status_inputs)
    return tuple(sorted(names))
