"""Reading no more of an upstream's records than a query needs (docs/decisions/0012-decoding.md).

``wanted`` says which attributes of its rows a query needs. A ``Shape`` says, attribute by attribute, from which fields of a
record each is made; from both follows a ``Reading``: a type that holds only those fields, so that a page is decoded in one
pass that skips everything else, and rows that know only those attributes.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import or_
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar, cast, get_args

import msgspec
from msgspec import Raw, Struct

from gateway.auth import Answer
from gateway.errors import SourceError
from gateway.model import Entity, Execution, Job, Kind, Node
from gateway.query import ListQuery, OrderField
from gateway.transport import SourceClient, decoder_of

C = TypeVar("C")
R = TypeVar("R", bound=Struct)
E = TypeVar("E", bound=Entity)
Row = TypeVar("Row")
Sent = TypeVar("Sent")


# --- what a query needs --------------------------------------------------------------------------------------------

ENTITIES: Mapping[Kind, type[Job] | type[Execution] | type[Node]] = {"job": Job, "execution": Execution, "node": Node}
"""The model of each kind of row."""

# Fields of the schema that are not attributes of the model, by what they are worked out from. Others, such as details, raw
# and logs, are the adapter's business: whoever reads them may need all of the record.
_BEHIND: Mapping[str, tuple[str, ...]] = {
    "__typename": (),
    "id": (),
    "source": (),
    "native_id": (),
    "executions": (),
    "phase": ("status",),
    "outcome": ("status",),
    "nodes": ("nodes", "targets_elsewhere"),
}

_OF_THE_MODEL = frozenset({"key", "tie", "record", "known"})

_READ_BY_PART: Mapping[str, tuple[str, ...]] = {
    "status": ("status",),
    "rawStatus": ("raw_status",),
    "jobId": ("job",),
    "name": ("name",),
    "nodeId": ("nodes",),
    "nodeName": ("nodes",),
    "triggerKind": ("trigger",),
    "actor": ("trigger",),
    "search": ("name", "status_message"),
    "tql": (),
    "createdAt": ("created_at",),
    "startedAt": ("started_at",),
    "finishedAt": ("finished_at",),
    "activeDuring": ("started_at", "finished_at"),
    "state": ("state",),
    "rawState": ("raw_state",),
    "updatedAt": ("updated_at",),
    "nodeKind": ("node_kind",),
    "active": ("active",),
}
_READ_BY_ORDER: Mapping[OrderField, tuple[str, ...]] = {
    OrderField.CREATED_AT: ("created_at",),
    OrderField.STARTED_AT: ("started_at",),
    OrderField.FINISHED_AT: ("finished_at",),
    OrderField.DURATION: ("duration_seconds", "finished_at"),
    OrderField.NATIVE: (),
}


def wanted(query: ListQuery) -> frozenset[str] | None:
    """The attributes of its rows that a query needs: to be shown, filtered and sorted. None: it may need any.

    That is so where no fields are named, because nothing is known then about what will be read, and where one is that no
    attribute of the schema stands behind. Only for rows that nobody but this query will see: what is kept for others needs
    every attribute.
    """
    if not query.fields:
        return None
    parts = tuple(part for part, _ in query.filter.predicates())
    return _attributes(query.kind, query.fields, parts, query.order.field)


def wanted_within(query: ListQuery, field: str, kind: Kind) -> frozenset[str] | None:
    """The attributes of a ``kind`` that a query needs where its rows have one as ``field``. None: it may need any."""
    inner = _within(query.fields, field + ".")
    return _attributes(kind, inner, (), OrderField.NATIVE) if inner else None


@lru_cache(maxsize=256)
def _within(fields: frozenset[str], prefix: str) -> frozenset[str]:
    return frozenset(field.removeprefix(prefix) for field in fields if field.startswith(prefix))


# Queries differ in what they ask for, but hardly in what they show.
@lru_cache(maxsize=256)
def _attributes(kind: Kind, fields: frozenset[str], parts: tuple[str, ...], order: OrderField) -> frozenset[str] | None:
    shown = frozenset(ENTITIES[kind].__struct_fields__) - _OF_THE_MODEL
    names = {"key", "tie", *_read_by_order(kind, order)}
    for part in parts:
        names.update(_READ_BY_PART[part])
    for field in fields:
        if field in _BEHIND:
            names.update(_BEHIND[field])
        elif field in shown:
            names.add(field)
        elif "." not in field:
            return None
    return frozenset(names)


def _read_by_order(kind: Kind, order: OrderField) -> tuple[str, ...]:
    if kind == "execution" or order is OrderField.NATIVE:
        return _READ_BY_ORDER[order]
    # Whatever else is asked, jobs are sorted by createdAt and nodes have no instant (gateway.query.order_value).
    return ("created_at",) if kind == "job" else ()


# --- how records become rows ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Made(Generic[C, R]):
    """How an attribute is made: from which fields of the record (``a.b`` is ``b`` within ``a``), by which function.

    ``by`` is given what the adapter knows of its source, and the record; it raises ValueError where that cannot be read.
    """

    fields: tuple[str, ...]
    by: "Callable[[C, R], Any] | Plain"
    of: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True, slots=True)
class Derived:
    """How an attribute is made of other attributes, or of steps (``Shape``), and of fields of the record as in ``Made``.

    ``by`` is given context and record as there, then what ``of`` names: that is made once, however many are made of it.
    """

    fields: tuple[str, ...]
    of: tuple[str, ...]
    by: Callable[..., Any]


Table: TypeAlias = Mapping[str, Made[C, R] | Derived]
"""Attributes, or steps, by name; each stands after what it is made of."""


@dataclass(frozen=True, slots=True)
class Plain:
    """An attribute that is hardly more than a field of the record: read without a call of its own.

    ``field`` is the field; ``through`` is a function that its value goes through, if it is not empty (texts) or null. With
    ``blank``, an empty text is null.
    """

    field: str
    through: Callable[[Any], Any] | None = None
    blank: bool = False

    def expression(self, function: str) -> str:
        """It as an expression over ``record``; ``function`` is what ``through`` is called there."""
        value = f"record.{self.field}"
        if self.through is not None:
            return f"{function}({value}) if {value} else None"
        return f"{value} or None" if self.blank else value


class Reading(Generic[C, R, E]):
    """How records become entities that know some attributes, or all.

    ``record`` has no more than the ``fields`` that this takes. ``known`` is what the entities know, None for everything.
    ``made`` also has what only others of it are made of; each stands after what it is made of.
    """

    def __init__(
        self, entity: type[E], record: type[R], fields: frozenset[str], made: Table[C, R], known: frozenset[str] | None
    ) -> None:
        self.record = record
        self.fields = fields
        self.known = known
        self._make = _maker(entity, made, made.keys() if known is None else known)
        self._decoder: msgspec.json.Decoder[R] = decoder_of(record)

    def decode(self, raw: bytes | Raw) -> R:
        """A record from its JSON, lenient about numbers sent as texts. Raises msgspec.DecodeError."""
        return self._decoder.decode(raw)

    def entity(self, context: C, record: R, held: Any = None, known: frozenset[str] | None = None) -> E:
        """The entity that a record tells of; ``held`` becomes its ``record``. Raises ValueError.

        ``known`` is what it knows where that is less than the reading's.
        """
        return self._make(context, self.known if known is None else known)(record, held)

    def maker(self, context: C, known: frozenset[str] | None = None) -> Callable[..., E]:
        """``entity`` with all but the record given, and what is held of it, for many records."""
        return self._make(context, self.known if known is None else known)


def _maker(
    entity: type[E], made: Table[C, R], shown: Collection[str]
) -> Callable[[C, frozenset[str] | None], Callable[..., E]]:
    """A function of a context, and of what is known, that returns one of a record, which makes the entity.

    The inner one is a single call, because it runs for every row: a table would cost as much again. It gives arguments by
    position: for more than fifteen keywords CPython makes a dictionary, which costs more than the entity.
    """
    names: dict[str, Any] = {"entity": entity}
    values: dict[str, str] = {}
    for name, each in made.items():
        function = f"{name}_by"
        names[function] = each.by.through if isinstance(each.by, Plain) else each.by
        given = ", ".join(("context", "record", *each.of))
        values[name] = each.by.expression(function) if isinstance(each.by, Plain) else f"{function}({given})"
    steps = dict.fromkeys(name for name in made if any(name in each.of for each in made.values()))
    lines = [f"  {name} = {values[name]}" for name in steps]
    arguments = {"record": "held", "known": "known"}
    arguments |= {name: name if name in steps else value for name, value in values.items() if name in shown}
    for field in msgspec.structs.fields(entity):
        names[f"{field.name}_default"] = field.default
    given = ", ".join(arguments.get(name, f"{name}_default") for name in entity.__struct_fields__)
    lines = ["def make(context, known):", " def row(record, held=None):", *lines, f"  return entity({given})", " return row"]
    exec("\n".join(lines), names)  # noqa: S102 - names of attributes and fields, none from outside
    make: Callable[[C, frozenset[str] | None], Callable[..., E]] = names["make"]
    return make


class Shape(Generic[C, R, E]):
    """What the records of a kind are, and how each attribute of an entity is made of them.

    Attributes that ``made`` lacks keep the model's defaults: the source never tells of them. ``always`` names fields of the
    record that every reading has. ``steps`` are no attributes: what several attributes are made of. Where ``made`` has
    ``known``, it decides what each entity knows.
    """

    def __init__(
        self,
        entity: type[E],
        record: type[R],
        made: Table[C, R],
        always: Collection[str] = (),
        steps: Table[C, R] = MappingProxyType({}),
    ) -> None:
        self._type = entity
        self._record = record
        self._made = {**steps, **made}
        self._always = frozenset(always)
        self._required = frozenset(field.name for field in msgspec.structs.fields(entity) if field.required)
        self._readings = lru_cache(maxsize=256)(self._reading)

    def reading(self, attributes: frozenset[str] | None) -> Reading[C, R, E]:
        """How to read so many attributes; those without which there is no entity come along. All for None."""
        return self._readings(attributes)

    def _reading(self, attributes: frozenset[str] | None) -> Reading[C, R, E]:
        if attributes is None:
            return Reading(self._type, self._record, frozenset(self._record.__struct_fields__), self._made, None)
        known = attributes | self._required
        needed = set(known)
        for name in reversed(self._made):
            if name in needed:
                needed.update(self._made[name].of)
        made = {name: each for name, each in self._made.items() if name in needed}
        fields = self._always.union(*(each.fields for each in made.values()))
        return Reading(self._type, narrowed(self._record, fields), fields, made, known)


@lru_cache(maxsize=1024)
def narrowed(record: type[R], fields: frozenset[str]) -> type[R]:
    """A type like ``record`` with only these fields, and those that it demands. ``a.b`` keeps only ``b`` of ``a``.

    It is no subclass, and lacks the other fields altogether: what reads one has not said so.
    """
    kept: list[tuple[str, Any, Any]] = []
    names: dict[str, str] = {}
    for field in msgspec.structs.fields(record):
        inner = frozenset(path.partition(".")[2] for path in fields if path.partition(".")[0] == field.name)
        if not inner and not field.required:
            continue
        kind = field.type if not inner or "" in inner else _narrowed_type(field.type, inner)
        kept.append((field.name, kind, _default(field)))
        names[field.name] = field.encode_name
    made = msgspec.defstruct(record.__name__, kept, frozen=True, kw_only=True, gc=False, rename=names)
    return cast("type[R]", made)


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.required:
        return msgspec.field()
    if field.default is not msgspec.NODEFAULT:
        return msgspec.field(default=field.default)
    return msgspec.field(default_factory=field.default_factory)


def _narrowed_type(kind: Any, fields: frozenset[str]) -> Any:
    """A Struct narrowed, or a union in which one is."""
    if members := get_args(kind):
        return reduce(or_, (_narrowed_type(member, fields) for member in members))
    return narrowed(kind, fields) if isinstance(kind, type) and issubclass(kind, Struct) else kind


# --- records with their bytes --------------------------------------------------------------------------------------


class Held(Struct, Generic[R], frozen=True, gc=False):
    """A record and the bytes it was read from; no bytes when it was only mentioned inside another record.

    It has no representation of its own: records may carry secrets, and representations end up in logs.
    """

    record: R
    raw: bytes | None = None

    __repr__ = object.__repr__


def read(raw: Raw | bytes, kind: type[R]) -> Held[R]:
    """One record, lenient about numbers sent as texts. Raises ValueError when it cannot be read as ``kind``."""
    # A copy, or one row that is kept would keep the bytes of its whole page.
    held = bytes(raw)
    try:
        return Held(decoder_of(kind).decode(held), held)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not a readable {kind.__name__}") from error


# --- pages ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rows(Generic[Row]):
    """How the records of a list are read.

    A page is decoded with records of the type ``record``, which ``read`` makes a row of. Where one of them is not of that
    type, ``each`` makes rows of the JSON of single records. Both raise ValueError or msgspec.DecodeError, at the cost of one
    row.
    """

    each: Callable[[Raw], Row]
    record: Any = Raw
    read: Callable[[Any], Row] | None = None


def rows_of(reading: Reading[C, R, E], context: C, entity: Callable[[R], E] | None = None) -> Rows[E]:
    """How a list is read that is decoded in one pass. ``entity`` makes the rows where the reading alone does not."""
    made = reading.maker(context) if entity is None else entity
    return Rows(lambda raw: made(reading.decode(raw)), reading.record, made)


def page_of(client: SourceClient, answer: Answer, envelope: Any, rows: Rows[Row]) -> tuple[Any, Callable[[Any], Row]]:
    """The page in an answer, and what reads each of its records. Raises SourceError when it is no such page.

    ``envelope`` is a generic Struct over what its records are.
    """
    if rows.read is not None:
        try:
            return client.decode(answer, envelope[rows.record]), rows.read
        except (SourceError, RecursionError):
            # A record that cannot be read may only cost itself.
            pass
    return client.decode(answer, envelope[Raw]), rows.each


def readable(sent: Iterable[Sent], read: Callable[[Sent], Row]) -> Sequence[Row]:
    """The rows that can be read: one that cannot must not hide the others."""
    rows: list[Row] = []
    for each in sent:
        try:
            rows.append(read(each))
        except (ValueError, msgspec.DecodeError, RecursionError):
            continue
    return rows
