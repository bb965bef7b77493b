"""Filtering by query parameters with the semantics of AWX 24.6.1 (contract section 4).

The rules and the order of checks follow django-ansible-base's ``rest_filters``: prefixes ``or__`` (all of them one
group), ``chain__`` and ``not__``, lookups as suffixes, and one join for all plain conditions on the same to-many
relation. ``search`` and ``type`` are separate backends there and separate functions here.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, cast

from adapters.awx.simulator_faults import crash, forbidden, invalid_value, refused
from adapters.awx.simulator_schema import MODELS, Kind, Model, Tables
from adapters.awx.world_rows import Row

Parameters = Sequence[tuple[str, str]]
Test = Callable[[Any], bool]

_RESERVED = "page page_size format order order_by search type host_filter count_disabled no_truncate limit validate"
RESERVED = frozenset(_RESERVED.split())
"""Parameters that are never filters."""

_TEXT_LOOKUPS = "iexact contains icontains startswith istartswith endswith iendswith regex iregex search"
_OF_KEYS = frozenset({"exact", "gt", "gte", "lt", "lte", "in", "isnull"})
_LOOKUPS = _OF_KEYS | frozenset(_TEXT_LOOKUPS.split())
_WITH_ROLES = frozenset({"JobTemplate", "WorkflowJobTemplate", "Project", "Inventory", "Organization", "InstanceGroup"})
_SEARCHED = ("username", "first_name", "last_name", "email", "name", "description", "playbook")
_INSTANT_FORMAT = "value has an invalid format. It must be in YYYY-MM-DD HH:MM[:ss[.uuuuuu]][TZ] format."


@dataclass(frozen=True, slots=True)
class Column:
    """A column at the end of a path of relations."""

    model: Model
    path: tuple[str, ...]
    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Condition:
    """A test of a column; ``path`` is what remains of the relations that lead to it."""

    column: Column
    path: tuple[str, ...]
    test: Test


def find_column(model: Model, lookup: str) -> Column:
    """The column that ``lookup`` (names joined by ``__``) leads to from ``model``.

    Raises 400 for an unknown field, a field followed by more names, and a field met twice; 403 for secrets. A relation
    at the end stands for the id of the related record.
    """
    if not lookup:
        raise refused("Query string field name not provided.")
    column: Column | None = None
    path: tuple[str, ...] = ()
    seen: set[tuple[str, str]] = set()
    here: Model | None = model
    for name in lookup.split("__"):
        if here is None:
            raise refused(f"No related model for field {name}.")
        if name in here.forbidden:
            raise forbidden(f"Filtering on {here.forbidden[name]} is not allowed.")
        kind = here.columns.get("id" if name == "pk" else name)
        relation = here.relation(name)
        if kind is None and relation is None:
            raise refused(f"{here.name} has no field named '{name}'")
        if (here.name, name) in seen:
            raise refused(f"Loops not allowed in filters, detected on field {name}.")
        seen.add((here.name, name))
        if column is not None:
            path = (*path, column.name)
        column = Column(here, path, "id" if name == "pk" else name, kind or Kind.KEY)
        here = None if relation is None else MODELS[relation.target]
    return cast("Column", column)


def value_of(tables: Tables, row: Row, column: Column) -> Any:
    """The stored value of ``column`` in ``row``, comparable with what :func:`parse` makes of a parameter."""
    value = row.get(column.name)
    match column.kind:
        case Kind.KEY if column.name not in row:
            relation = column.model.relation(column.name)
            related = [] if relation is None else relation.rows(tables, row)
            return related[0]["id"] if related else None
        case Kind.INSTANT if value is not None:
            return datetime.fromisoformat(value)
        case Kind.DECIMAL if column.name == "elapsed" and row.get("started") and not row.get("finished"):
            return Decimal(0)  # the answer counts up, the stored column does not
        case Kind.DECIMAL if value is not None:
            return Decimal(str(value))
        case Kind.JSON if value is not None:
            return json.dumps(value)
        case Kind.TEXT if column.name == "name" and row.get("type") == "ad_hoc_command":
            # Answers show the module alone (AdHocCommandSerializer); the column has its arguments too (AdHocCommand.save).
            return ": ".join(part for part in (row["module_name"], row["module_args"]) if part)
        case Kind.TYPE:
            return row["type"].replace("_", "")
        case _:
            return value


def parse(column: Column, text: str) -> Any:
    """A parameter's value in the type of its column. Raises 400 in the words of Django's fields."""
    match column.kind:
        case Kind.BOOLEAN:
            return _boolean(text)
        case Kind.KEY:
            if text.lower() in ("none", "null"):
                return None
            try:
                return int(text)
            except ValueError:
                raise refused(f"Invalid {column.name} id: {text}") from None
        case Kind.INTEGER:
            try:
                return int(text)
            except ValueError:
                raise invalid_value(f"“{text}” value must be an integer.") from None
        case Kind.DECIMAL:
            try:
                number = Decimal(text)
            except InvalidOperation:
                number = Decimal("NaN")
            if not number.is_finite():
                raise invalid_value(f"“{text}” value must be a decimal number.")
            return number
        case Kind.INSTANT:
            try:
                instant = datetime.fromisoformat(text)
            except ValueError:
                raise invalid_value(f"“{text}” {_INSTANT_FORMAT}") from None
            return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        case _:
            return text


def _boolean(text: str) -> bool:
    if text.lower() in ("true", "1", "t"):
        return True
    if text.lower() in ("false", "0", "f"):
        return False
    raise refused(f'Unable to convert "{text}" to boolean')


def compile_test(column: Column, lookup: str, text: str) -> Test:
    """The test that ``lookup`` (exact, gt ...) with the parameter's value ``text`` makes of a stored value."""
    if column.kind is Kind.KEY and lookup not in _OF_KEYS:
        raise refused(f"Related Field got invalid lookup: {lookup}")
    if lookup == "isnull":
        wanted = _boolean(text)
        return lambda value: (value is None) == wanted
    if lookup == "in":
        if not text:
            raise refused("cannot provide empty value for __in")
        if column.kind is Kind.TYPE:
            return lambda _value: False  # AWX iterates over the characters of the string, so nothing is ever found
        members = {parse(column, item) for item in text.split(",")}
        return lambda value: value is not None and value in members
    if lookup in ("regex", "iregex"):
        try:
            pattern = re.compile(text, re.IGNORECASE if lookup == "iregex" else 0)
        except re.error as error:
            raise refused(str(error)) from None
        return lambda value: value is not None and pattern.search(str(value)) is not None
    if lookup == "iexact" and column.kind is not Kind.TEXT:
        raise refused(f"{column.name} is not a text field and cannot be filtered by case-insensitive search")
    wanted_value = text.replace("_", "") if column.kind is Kind.TYPE else parse(column, text)
    if wanted_value is None:
        return lambda value: value is None
    compare = _COMPARISONS[lookup]
    return lambda value: value is not None and compare(value, wanted_value)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": lambda value, wanted: bool(value == wanted),
    "iexact": lambda value, wanted: value.casefold() == wanted.casefold(),
    "gt": lambda value, wanted: bool(value > wanted),
    "gte": lambda value, wanted: bool(value >= wanted),
    "lt": lambda value, wanted: bool(value < wanted),
    "lte": lambda value, wanted: bool(value <= wanted),
    "contains": lambda value, wanted: str(wanted) in str(value),
    "icontains": lambda value, wanted: str(wanted).casefold() in str(value).casefold(),
    "startswith": lambda value, wanted: str(value).startswith(str(wanted)),
    "istartswith": lambda value, wanted: str(value).casefold().startswith(str(wanted).casefold()),
    "endswith": lambda value, wanted: str(value).endswith(str(wanted)),
    "iendswith": lambda value, wanted: str(value).casefold().endswith(str(wanted).casefold()),
}


def holds(tables: Tables, row: Row | None, model: Model, conditions: Iterable[Condition]) -> bool:
    """Whether ``row`` meets all conditions, those on one relation by one and the same related record.

    ``row`` None is the null row of an outer join: its columns are null.
    """
    by_relation = defaultdict(list)
    for condition in conditions:
        if condition.path:
            by_relation[condition.path[0]].append(Condition(condition.column, condition.path[1:], condition.test))
        elif not condition.test(None if row is None else value_of(tables, row, condition.column)):
            return False
    for name, nested in by_relation.items():
        relation = model.relation(name)
        if relation is None:
            return False
        joined: Sequence[Row | None] = [] if row is None else relation.rows(tables, row)
        target = MODELS[relation.target]
        if not any(holds(tables, related, target, nested) for related in joined or [None]):
            return False
    return True


def apply_filters(tables: Tables, rows: Iterable[Row], model: Model, parameters: Parameters) -> list[Row]:
    """The rows that all filters among ``parameters`` let pass. Raises the faults that AWX answers to bad filters."""
    plain: list[Condition] = []
    alone: list[Callable[[Row], bool]] = []
    alternatives: list[Callable[[Row], bool]] = []

    def passes(*conditions: Condition, negated: bool = False) -> Callable[[Row], bool]:
        return lambda row: holds(tables, row, model, conditions) != negated

    searches: dict[str, list[str]] = defaultdict(list)
    for parameter, text in parameters:
        if parameter in RESERVED:
            continue
        if parameter == "role_level" and model.name in _WITH_ROLES:
            continue  # every account here that sees an object has all its roles
        if "\0" in text or parameter == "role_level":
            raise crash()  # PostgreSQL refuses NUL; without roles AWX trips over an unbound variable
        key = parameter.removesuffix("__int")
        if key.endswith("__search"):
            searches[key].append(text)
            continue
        chained, optional = key.startswith("chain__"), key.startswith("or__")
        key = key.removeprefix("chain__") if chained else key.removeprefix("or__")
        negated = key.startswith("not__")
        condition = _condition(model, key.removeprefix("not__"), text)
        if optional:
            alternatives.append(passes(condition, negated=negated))
        elif chained or negated:
            alone.append(passes(condition, negated=negated))
        else:
            plain.append(condition)
    tests = [passes(*plain), *alone, *_related_searches(tables, model, searches)]
    if alternatives:
        tests.append(lambda row: any(test(row) for test in alternatives))
    return [row for row in rows if all(test(row) for test in tests)]


def _condition(model: Model, key: str, text: str) -> Condition:
    if not key.isascii():
        raise refused(f"{key} is not an allowed field name. Must be ascii encodable.")
    lookup = "exact"
    if "__" in key and key.rsplit("__", 1)[1] in _LOOKUPS:
        key, lookup = key.rsplit("__", 1)
    column = find_column(model, key)
    path = column.path
    if column.kind is Kind.KEY and column.name not in column.model.columns:
        # A to-many relation at the end stands for the ids of its records.
        relation = column.model.relation(column.name)
        path = (*path, column.name)
        target = MODELS[relation.target] if relation else column.model
        column = Column(target, path, "id", Kind.INTEGER)
    return Condition(column, path, compile_test(column, lookup, text))


def _related_searches(tables: Tables, model: Model, searches: dict[str, list[str]]) -> list[Callable[[Row], bool]]:
    """``relation__search``: terms are alternatives, or all wanted when a comma separates them."""
    tests: list[Callable[[Row], bool]] = []
    for key, given in searches.items():
        base = key.removesuffix("__search")
        column = find_column(model, base)
        relation = column.model.relation(column.name)
        if relation is None:
            raise refused(f"{base} is not searchable")
        names = [name for name in _SEARCHED if name in MODELS[relation.target].columns]
        every = all if "," in given[0] else any
        terms = [term for text in given for term in (text.split(",") if every is all else [text])]
        finders = [[_condition(model, f"{base}__{name}__icontains", term) for name in names] for term in terms]
        tests.append(partial(_finds, tables, model, finders, every))
    return tests


def _finds(
    tables: Tables,
    model: Model,
    finders: Sequence[Sequence[Condition]],
    every: Callable[[Iterable[bool]], bool],
    row: Row,
) -> bool:
    return every(any(holds(tables, row, model, [condition]) for condition in finder) for finder in finders)


def apply_type(rows: Iterable[Row], wanted: str | None) -> list[Row]:
    """The rows whose ``type`` is in the comma-separated list ``wanted``; None or empty wants all."""
    return [row for row in rows if not wanted or row["type"] in wanted.split(",")]


def apply_search(rows: Iterable[Row], model: Model, text: str) -> list[Row]:
    """``search=``: every term, split at commas and blanks, occurs in name or description, whatever the case.

    On unified jobs the playbook of a job counts too; of events, what they print.
    """
    names = ["name", "description", "hostname", "username", "stdout"] + (["playbook"] if model.name == "UnifiedJob" else [])
    terms = text.replace(",", " ").casefold().split()
    return [row for row in rows if all(any(term in (row.get(name) or "").casefold() for name in names) for term in terms)]
