"""TQL, ThreatConnect's query language: conditions as values, their text, and a judge of TQL that people wrote.

By the grammar of the contract of ThreatConnect, section 6. What it leaves open is avoided: every OR is in parentheses (6.3),
values are only ever written through escaping (6.8), an empty ``IN ()`` cannot be made.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Value = str | int | bool
Operator = Literal["=", ">=", "<"]

_PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z", re.ASCII)
# Halves of surrogate pairs among them: they are no characters, and no address can hold them.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class TqlSyntaxError(ValueError):
    """A text that is no TQL. ``position`` counts characters from 0; ``reason`` says what was expected there."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"{reason} at {position}")
        self.position = position
        self.reason = reason


# --- conditions ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Compare:
    """``parameter operator value``."""

    parameter: str
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Among:
    """``parameter in (values)``; one value is an equality. Raises ValueError without any value."""

    parameter: str
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("IN () is no TQL: nothing can match")


@dataclass(frozen=True, slots=True)
class Missing:
    """``parameter is null``."""

    parameter: str


@dataclass(frozen=True, slots=True)
class Present:
    """``parameter is not null``."""

    parameter: str


@dataclass(frozen=True, slots=True)
class Verbatim:
    """TQL that a person wrote. Whoever makes one has had it judged: it must not end the parentheses it is put in."""

    text: str


@dataclass(frozen=True, slots=True)
class Both:
    """All of the terms hold."""

    terms: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of the terms holds."""

    terms: tuple["Condition", ...]


Condition = Compare | Among | Missing | Present | Verbatim | Both | Either


def text_of(condition: Condition) -> str:
    """The TQL of a condition. Raises ValueError for what TQL cannot say: control characters, odd parameter names."""
    match condition:
        case Compare(parameter, operator, value):
            return f"{_name(parameter)} {operator} {_literal(value)}"
        case Among(parameter, (value,)):
            return f"{_name(parameter)} = {_literal(value)}"
        case Among(parameter, values):
            return f"{_name(parameter)} in ({','.join(map(_literal, values))})"
        case Missing(parameter):
            return f"{_name(parameter)} is null"
        case Present(parameter):
            return f"{_name(parameter)} is not null"
        case Verbatim(text):
            return f"({text})"
        case Both(terms):
            return " and ".join(f"({text_of(term)})" if isinstance(term, Both) else text_of(term) for term in terms)
        case Either(terms):
            inner = (f"({text_of(term)})" if isinstance(term, Both) else text_of(term) for term in terms)
            return f"({' or '.join(inner)})"


def sayable(text: str) -> bool:
    """Whether TQL can hold the text: control characters have no escape, and would be an injection at best."""
    return _CONTROL.search(text) is None


def _name(parameter: str) -> str:
    if not _PARAMETER.match(parameter):
        raise ValueError(f"{parameter!r} is no TQL parameter")
    return parameter


def _literal(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(int(value))
        case str():
            if not sayable(value):
                raise ValueError("TQL texts hold no control characters")
            # The backslash first, or the others' backslashes would be escaped again.
            for char in ("\\", '"', "'", "`"):
                value = value.replace(char, f"\\{char}")
            return f'"{value}"'


# --- the judge -----------------------------------------------------------------------------------------------------

_COMPARISONS = frozenset(
    {"=", "==", "eq", "equals", "!=", "ne", ">", "gt", "<", "lt", "<=", "leq", ">=", "geq"},
)
_SET_OPERATORS = frozenset({"in", "like", "contains", "startswith", "endswith"})
_RESERVED = frozenset({"and", "or", "not", "is", "null", "true", "false"}) | _SET_OPERATORS | _COMPARISONS
_MOST_NESTED = 50
_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\["'`\\])*"|'(?:[^'\\]|\\["'`\\])*')
      | (?P<number>-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?![\w.]))
      | (?P<word>[A-Za-z][A-Za-z0-9_]*)
      | (?P<symbol><=|>=|==|!=|[=<>(),])""",
    re.VERBOSE,
)
_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int

    @property
    def keyword(self) -> str:
        return self.text.lower() if self.kind in {"word", "symbol"} else ""


def judge(text: str) -> Sequence[tuple[str, int]]:
    """The parameters that a text names, each with its position, if it is TQL by its grammar.

    Parameters inside of a nested query, such as ``hasGroup(id = 1)``, are other objects' and not among them. Which
    parameters a server has, and of which types, is not judged. Raises TqlSyntaxError. Control characters in texts and
    nesting deeper than 50 are refused.
    """
    judge = _Judge(_tokens(text))
    judge.either()
    judge.expect_end()
    return judge.parameters


def _tokens(text: str) -> Sequence[_Token]:
    tokens: list[_Token] = []
    position = _skip_space(text, 0)
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            quote = text[position] in "\"'"
            raise TqlSyntaxError(position, "a text that does not end, or a bad escape" if quote else "no TQL")
        if (control := _CONTROL.search(match[0])) is not None:
            raise TqlSyntaxError(position + control.start(), "a control character in a text")
        tokens.append(_Token(match.lastgroup or "", match[0], position))
        position = _skip_space(text, match.end())
    return [*tokens, _Token("end", "", position)]


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return position if match is None else match.end()


class _Judge:
    """Recursive descent; each method reads one rule of the grammar."""

    def __init__(self, tokens: Sequence[_Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0
        self._nested = 0
        self.parameters: list[tuple[str, int]] = []

    def either(self) -> None:
        """Terms with OR between them, each of terms with AND between them."""
        self._depth += 1
        if self._depth > _MOST_NESTED:
            raise TqlSyntaxError(self._token.position, "nested too deep")
        self._term()
        while self._accept("or") or self._accept("and"):
            self._term()
        self._depth -= 1

    def expect_end(self) -> None:
        """Nothing follows."""
        if self._token.kind != "end":
            raise TqlSyntaxError(self._token.position, "expected AND, OR or the end")

    @property
    def _token(self) -> _Token:
        return self._tokens[self._place]

    def _accept(self, keyword: str) -> bool:
        found = self._token.keyword == keyword
        self._place += found
        return found

    def _expect(self, keyword: str) -> None:
        if not self._accept(keyword):
            raise TqlSyntaxError(self._token.position, f"expected {keyword.upper()}")

    def _term(self) -> None:
        self._accept("not")
        if self._accept("("):
            self._closed()
            return
        if self._token.kind != "word" or self._token.keyword in _RESERVED:
            raise TqlSyntaxError(self._token.position, "expected a parameter")
        if not self._nested:
            self.parameters.append((self._token.text, self._token.position))
        self._place += 1
        if self._accept("("):
            self._nested += 1
            self._closed()
            self._nested -= 1
        elif self._accept("is"):
            self._accept("not")
            self._expect("null")
        elif self._token.keyword in _COMPARISONS:
            self._place += 1
            self._scalar()
        else:
            self._membership()

    def _closed(self) -> None:
        self.either()
        self._expect(")")

    def _membership(self) -> None:
        self._accept("not")
        if self._token.keyword not in _SET_OPERATORS:
            raise TqlSyntaxError(self._token.position, "expected an operator")
        self._place += 1
        if not self._accept("("):
            self._scalar()
            return
        self._scalar()
        while self._accept(","):
            self._scalar()
        self._expect(")")

    def _scalar(self) -> None:
        if self._token.kind not in {"string", "number"} and self._token.keyword not in {"true", "false"}:
            raise TqlSyntaxError(self._token.position, "expected a value")
        self._place += 1
