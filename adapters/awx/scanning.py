"""Reading AWX's lists in order, each request resumed by key (ARCHITECTURE, merging; contracts/awx.md section 2).

A list is resumed at the instant where it was left, inclusively: rows of that instant come again, and the gateway drops those
it has. Only where the rows of one instant, or those without an instant, fill more than a page, the rest of them is read by
id and then what follows. Pages are never numbered, so nothing that moves in the list can be lost or doubled.
"""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from adapters.awx.client import LARGEST_PAGE, Batch, Param
from adapters.awx.keys import last_id
from adapters.awx.planning import COLUMNS, NULLABLE, Leg
from gateway.errors import SourceError, SourceErrorCode
from gateway.instant import Instant
from gateway.model import Entity
from gateway.pagination import beyond, stands
from gateway.query import OrderField, Position, order_value, position
from gateway.spi import At, Guarantee, Page, ScanPlan, Start

_MILLISECOND = Decimal("0.001")
_MILLISECOND_US = 1000


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a leg that one kind of request reads.

    By key: from ``bound`` (microseconds, inclusive) on, or from the beginning. With ``by_id``: rows that ``conditions`` let
    pass, by id, after ``after``.
    """

    leg: Leg
    conditions: tuple[Param, ...] = ()
    by_id: bool = False
    bound: int | None = None
    after: int | None = None

    @property
    def bounded(self) -> bool:
        """Whether it is read from a place on."""
        return self.bound is not None or self.after is not None

    @property
    def whole(self) -> bool:
        """Whether it is the leg from its beginning to its end."""
        return not self.conditions and not self.bounded

    def excludes(self, standing: Sequence[Position]) -> bool:
        """Whether any of the rows that stand there lies before the place from where the section is read."""
        if self.after is not None:
            return any((last_id(tie) or 0) <= self.after for _, _, _, tie in standing)
        if self.bound is None or not standing:
            return False
        order = self.leg.order
        slack = _MILLISECOND_US if order.field is OrderField.DURATION else 0
        # A missing instant counts as later than all others, here as there.
        return min(standing)[1] < position(self.bound, order, "", ())[1] - slack

    @property
    def params(self) -> list[Param]:
        """The query of the next request."""
        asked = [*self.leg.params, *self.conditions]
        if self.bound is not None:
            asked.append(_beyond(self.leg, self.bound))
        if self.after is not None:
            asked.append(("id__gt", str(self.after)))
        if self.by_id:
            return [*asked, ("order_by", "id")]
        order = self.leg.order
        return [*asked, ("order_by", f"{'-' if order.descending else ''}{COLUMNS[order.field]},id")]


Read = Callable[[Section, int, bool], Awaitable[Batch[Any]]]
"""Asks for the first so many rows of a section, with a count or without."""


async def pages(read: Read, plan: ScanPlan, start: Start) -> AsyncIterator[Page[Entity]]:
    """The pages of a plan from ``start`` on. ``start.rows`` new rows in as few pages as they fill, then more at a time."""
    legs: tuple[Leg, ...] = plan.native
    exact = plan.order is Guarantee.EXACT
    place = start.at if exact else None
    sections = deque(_from(legs, place))
    goal = usual = min(start.rows if exact else LARGEST_PAGE, LARGEST_PAGE - (place is not None))
    wanted = start.rows
    total: int | None = None
    count = start.count
    while sections:
        rows: list[Entity] = []
        returned = unreadable = fresh = 0
        while sections and fresh < goal:
            section = sections[0]
            overlap = 1 if section.bound is not None and place is not None and place.tie is not None else 0
            size = min(goal - fresh + overlap, LARGEST_PAGE)
            batch = await read(section, size, count or (exact and size == LARGEST_PAGE))
            order = section.leg.order
            standing = stands(batch.rows, order) if place is not None or section.bounded else ()
            if section.excludes(standing):
                # Whether a page is the last one shows in its length, if it is the page that was asked for.
                raise SourceError(SourceErrorCode.BAD_RESPONSE, "It sent rows that it was not asked for.")
            if count and section.whole and len(legs) == 1:
                total = batch.count
            count = False
            new = batch.rows if place is None else beyond(batch.rows, standing, place, order)
            rows += new if exact else batch.rows
            returned += batch.returned
            unreadable += batch.unreadable
            fresh += len(new)
            sections.popleft()
            if batch.more:
                sections.extendleft(reversed(_rest(section, batch, place)))
            if new:
                last = new[-1]
                place = At(order_value(last, order.field), last.tie)
            elif batch.more:
                # Nothing new, yet more to come: hand over what there is, so that whoever reads can give up.
                break
        yield Page(rows, returned, more=bool(sections), total=total, unreadable=unreadable)
        wanted -= fresh
        usual = min(2 * usual, LARGEST_PAGE - 1)
        # One row more is wanted than is shown, to see whether there is one, and a page tells that itself: who reads on for
        # no more than that has dropped rows, and is going to need more of them.
        goal = min(wanted, usual) if exact and wanted > 1 else usual


def _from(legs: tuple[Leg, ...], at: At | None) -> list[Section]:
    """What is to be read from a place on."""
    leg = legs[0]
    if leg.order.field is OrderField.NATIVE:
        return _by_id(legs, at)
    if at is None or (at.tie is None and at.instant is not None and at.instant == leg.edge):
        return [Section(leg)]
    if at.instant is not None:
        return [Section(leg, bound=at.instant)]
    if leg.order.descending:
        # Rows without an instant come first.
        return [Section(leg)] if at.tie is None or leg.order.field not in NULLABLE else _after_nulls(leg, last_id(at.tie))
    return _after_nulls(leg, last_id(at.tie)) if leg.order.field in NULLABLE else []


def _by_id(legs: tuple[Leg, ...], at: At | None) -> list[Section]:
    if at is None or not at.tie:
        return [Section(leg, by_id=True) for leg in legs]
    if legs[0].rank is None:
        return [Section(legs[0], by_id=True, after=last_id(at.tie))]
    left = [leg for leg in legs if leg.rank is not None and (leg.rank,) >= at.tie[:1]]
    return [Section(leg, by_id=True, after=last_id(at.tie) if leg.rank == at.tie[0] else None) for leg in left]


def _rest(section: Section, batch: Batch[Any], place: At | None) -> list[Section]:
    """How a section goes on after a page that was not its last. Raises SourceError when no row says where."""
    if not batch.rows:
        raise SourceError(SourceErrorCode.BAD_RESPONSE, "None of the records on a page could be read.")
    last, leg = batch.rows[-1], section.leg
    after = last_id(last.tie)
    if section.by_id:
        return [replace(section, after=after)]
    value = order_value(last, leg.order.field)
    if place is not None and place.instant == value:
        after = max(after or 0, last_id(place.tie) or 0)
    if value is None:
        return _after_nulls(leg, after)
    if value != section.bound:
        return [Section(leg, bound=value)]
    same = (COLUMNS[leg.order.field], _literal(leg, value))
    beyond = _strictly_beyond(leg, value)
    return [Section(leg, (same,), by_id=True, after=after), Section(leg, (beyond,))]


def _after_nulls(leg: Leg, after: int | None) -> list[Section]:
    """The rest of the rows without an instant, and what follows them."""
    column = COLUMNS[leg.order.field]
    nulls = Section(leg, ((f"{column}__isnull", "true"),), by_id=True, after=after)
    return [nulls, Section(leg, ((f"{column}__isnull", "false"),))] if leg.order.descending else [nulls]


# --- bounds --------------------------------------------------------------------------------------------------------


def _beyond(leg: Leg, us: int) -> Param:
    """At a key or after it in the leg's order."""
    column = COLUMNS[leg.order.field]
    if leg.order.descending:
        return (f"{column}__lte", _literal(leg, us))
    if leg.order.field in NULLABLE:
        # Ascending, rows without an instant are last. Negated, the comparison lets them pass.
        return (f"not__{column}__lt", _literal(leg, us))
    return (f"{column}__gte", _literal(leg, us))


def _strictly_beyond(leg: Leg, us: int) -> Param:
    column = COLUMNS[leg.order.field]
    if leg.order.descending:
        return (f"{column}__lt", _literal(leg, us))
    return (f"not__{column}__lte" if leg.order.field in NULLABLE else f"{column}__gt", _literal(leg, us))


def _literal(leg: Leg, us: int) -> str:
    """A key as AWX reads it. Its ``elapsed`` has three decimals: a finer bound is moved outwards."""
    if leg.order.field is not OrderField.DURATION:
        return Instant.from_us(us).text
    rounding = ROUND_CEILING if leg.order.descending else ROUND_FLOOR
    return str((Decimal(us) / 1_000_000).quantize(_MILLISECOND, rounding))
