"""TQL as the simulated server reads it: text to tree, by the grammar of contract section 6.1. Knows no parameter or type.

Where no source specifies TQL, this reader takes the contract's grammar: NOT binds closer than AND, AND closer than OR, and
what no public example shows (ORDER BY, LIMIT, BETWEEN, comments, empty lists, unquoted dates) is a syntax error.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal


class TqlError(Exception):
    """A query that the server refuses with 0x2001; the text says why, and is not sent to clients."""


Scalar = str | bool | int | Decimal


@dataclass(frozen=True, slots=True)
class Compare:
    """``parameter operator values``, possibly negated.

    ``operator`` is one of ``= != < <= > >= in like contains startswith endswith``; the first six have one value.
    """

    parameter: str
    operator: str
    negated: bool
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    """``parameter IS [NOT] NULL``."""

    parameter: str
    negated: bool


@dataclass(frozen=True, slots=True)
class Nested:
    """``parameter(query)``: a condition on associated objects."""

    parameter: str
    query: "Query"


@dataclass(frozen=True, slots=True)
class Not:
    """``NOT term``."""

    term: "Query"


@dataclass(frozen=True, slots=True)
class And:
    """All of two or more terms."""

    terms: tuple["Query", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of two or more terms."""

    terms: tuple["Query", ...]


Query = Compare | IsNull | Nested | Not | And | Or

_COMPARISONS = {
    "=": "=", "==": "=", "eq": "=", "equals": "=", "!=": "!=", "ne": "!=",
    ">": ">", "gt": ">", "<": "<", "lt": "<", "<=": "<=", "leq": "<=", ">=": ">=", "geq": ">=",
}  # fmt: skip
_SET_OPERATORS = frozenset({"in", "like", "contains", "startswith", "endswith"})
_RESERVED = frozenset({"and", "or", "not", "is", "null", "true", "false", *_SET_OPERATORS, *_COMPARISONS})
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\["'`\\])*"|'(?:[^'\\]|\\["'`\\])*')
      | (?P<number>-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?![\w.]))
      | (?P<word>[A-Za-z][A-Za-z0-9_]*)
      | (?P<symbol><=|>=|==|!=|[=<>(),])
      | (?P<end>\Z)
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str

    @property
    def keyword(self) -> str:
        """Lower-cased text of a word or symbol; empty for strings and numbers, which are never keywords."""
        return self.text.lower() if self.kind in {"word", "symbol"} else ""


def parse(text: str) -> Query:
    """The tree of a query. Raises TqlError for what is no query, the empty text included."""
    reader = _Reader(list(_tokens(text)))
    try:
        query = reader.either()
    except RecursionError:
        raise TqlError("nested too deep") from None
    if reader.token.kind != "end":
        raise TqlError(f"unexpected {reader.token.text!r}")
    return query


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while True:
        match = _TOKEN.match(text, position)
        if match is None:
            raise TqlError(f"no token at {position}")
        kind = match.lastgroup or ""
        yield _Token(kind, match[kind])
        if kind == "end":
            return
        position = match.end()


class _Reader:
    """Recursive descent; each method reads one rule of the grammar."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._place = 0

    @property
    def token(self) -> _Token:
        """The token to be read next."""
        return self._tokens[self._place]

    def _next(self) -> _Token:
        token = self.token
        self._place += 1
        return token

    def _accept(self, keyword: str) -> bool:
        found = self.token.keyword == keyword
        self._place += found
        return found

    def _expect(self, keyword: str) -> None:
        if not self._accept(keyword):
            raise TqlError(f"{keyword!r} expected, not {self.token.text!r}")

    def either(self) -> Query:
        terms = [self._both()]
        while self._accept("or"):
            terms.append(self._both())
        return Or(tuple(terms)) if len(terms) > 1 else terms[0]

    def _both(self) -> Query:
        terms = [self._inverse()]
        while self._accept("and"):
            terms.append(self._inverse())
        return And(tuple(terms)) if len(terms) > 1 else terms[0]

    def _inverse(self) -> Query:
        return Not(self._primary()) if self._accept("not") else self._primary()

    def _primary(self) -> Query:
        if self._accept("("):
            return self._closed()
        name = self._next()
        if name.kind != "word" or name.keyword in _RESERVED:
            raise TqlError(f"parameter expected, not {name.text!r}")
        if self._accept("("):
            return Nested(name.text, self._closed())
        if self._accept("is"):
            negated = self._accept("not")
            self._expect("null")
            return IsNull(name.text, negated)
        if self.token.keyword in _COMPARISONS:
            return Compare(name.text, _COMPARISONS[self._next().keyword], False, (self._scalar(),))
        negated = self._accept("not")
        operator = self.token.keyword
        if operator not in _SET_OPERATORS:
            raise TqlError(f"operator expected, not {self.token.text!r}")
        self._next()
        return Compare(name.text, operator, negated, self._scalars())

    def _closed(self) -> Query:
        query = self.either()
        self._expect(")")
        return query

    def _scalars(self) -> tuple[Scalar, ...]:
        if not self._accept("("):
            return (self._scalar(),)
        values = [self._scalar()]
        while self._accept(","):
            values.append(self._scalar())
        self._expect(")")
        return tuple(values)

    def _scalar(self) -> Scalar:
        token = self._next() if self.token.kind != "end" else self.token
        match token.kind:
            case "string":
                return _ESCAPE.sub(r"\1", token.text[1:-1])
            case "number":
                return Decimal(token.text) if "." in token.text else int(token.text)
            case "word" if token.keyword in {"true", "false"}:
                return token.keyword == "true"
            case _:
                raise TqlError(f"value expected, not {token.text!r}")
