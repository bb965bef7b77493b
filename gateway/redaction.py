"""Secrets out of upstream records, before people see them in ``raw`` or in details (DOMAIN C6).

Pure and total over JSON values. A value is a secret because of its name: the key that holds it (``db_password``), the name
beside it (``{"name": "api_token", "value": ...}``), the option before it (``["--token", ...]``), or the name in front of it
in a text (``vault_password=...``, a YAML line, JSON inside a string). Passwords inside addresses and private keys go too.

Patterns over text are bounded and anchored, because upstreams send megabytes of it.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

REDACTED = "**redacted**"

_NAMES = (
    r"password|passwd|passphrase|passcode|pwd|secret|token|key|credential|authorization|cookie|host_?vars"
    # "pass" alone is a word of its own (ansible_ssh_pass), never a part of one (bypass, passed).
    r"|pass(?![a-z])(?<![a-z]pass)"
)
_SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
# Where every alternative begins with a letter of one case, ``re`` skips to such letters: a sixth of the time.
_SECRET_NAME_SMALL = re.compile(_NAMES)
# AWX's own word for a value that it keeps to itself: a hint that there is one, not the value.
_HINTS = frozenset({"", "$encrypted$", REDACTED})
_NAMING = ("name", "key", "variable", "field", "type")
_NAMED = ("value", "default")

_NAME_IN_TEXT = re.compile(r"""(?<![\w.-])([\w.-]{1,128})(["']?[ \t]*[=:][ \t]*|[ \t]+)""")
_VALUE_IN_TEXT = re.compile(r"""(?:(?:basic|bearer|token)[ \t]+)?("[^"\n]*"|'[^'\n]*'|[^\s"',;&}\]]+)""", re.IGNORECASE)
_LINE_START = re.compile(r"""[ \t]*(?:-[ \t]+)?["']?\Z""")
_ADDRESS_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^/\s@]+(?=@)")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)


def redacted(value: Any) -> Any:
    """A copy of a JSON value without its secrets. Each becomes ``**redacted**``; the argument stays as it is.

    Nulls, booleans, empty texts and AWX's ``$encrypted$`` stay, whatever they are called: they say whether there is a
    secret, not which.
    """
    match value:
        case dict():
            paired = any(isinstance(name := value.get(naming), str) and _is_secret(name) for naming in _NAMING)
            return {
                key: _hidden(member) if _is_secret(key) or (paired and key in _NAMED) else redacted(member)
                for key, member in value.items()
            }
        case list():
            return [
                _hidden(member) if index and _is_option(value[index - 1]) else redacted(member)
                for index, member in enumerate(value)
            ]
        case str():
            return _redacted_text(value)
        case _:
            return value


def _is_secret(name: str) -> bool:
    found = _SECRET_NAME_SMALL.search(name.lower()) if name.isascii() else _SECRET_NAME.search(name)
    return found is not None


def _is_option(argument: Any) -> bool:
    return isinstance(argument, str) and argument.startswith("-") and "=" not in argument and _is_secret(argument)


def _hidden(value: Any) -> Any:
    keeps = value is None or isinstance(value, bool) or (isinstance(value, str) and value in _HINTS)
    return value if keeps else REDACTED


def _redacted_text(text: str) -> str:
    if text.lstrip()[:1] in ("{", "[", '"'):
        try:
            held = json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            without = redacted(held)
            return text if without == held else json.dumps(without, ensure_ascii=False)
    text = _PRIVATE_KEY.sub(REDACTED, _ADDRESS_PASSWORD.sub(rf"\1{REDACTED}", text))
    if not _is_secret(text):
        return text
    parts: list[str] = []
    done = 0
    for start, end in _values(text):
        if text[start:end].strip("\"' \t") not in _HINTS:
            parts += text[done:start], REDACTED
            done = end
    return "".join([*parts, text[done:]])


def _values(text: str) -> Iterator[tuple[int, int]]:
    """Where the values of secret names begin and end in a text that is no JSON, from left to right, never overlapping."""
    done = 0
    for match in _NAME_IN_TEXT.finditer(text):
        name, separator = match.groups()
        if match.start() < done or not _is_secret(name) or (separator.isspace() and not name.startswith("-")):
            continue
        line = text.rfind("\n", 0, match.start()) + 1
        if ":" in separator and _LINE_START.match(text, line, match.start()):
            done = _end_of_block(text, match.end(), match.start() - line)
        elif value := _VALUE_IN_TEXT.match(text, match.end()):
            done = value.end()
        else:
            continue
        yield match.end(), done


def _end_of_block(text: str, start: int, indent: int) -> int:
    """Where the value of a YAML key ends that begins in column ``indent``: its line, and the lines that belong to it."""
    block = re.compile(rf"[^\n]*(?:\n(?:[ \t]{{{indent + 1},}}|[ \t]{{{indent}}}-[ \t]|[ \t]*(?=\n))[^\n]*)*")
    found = block.match(text, start)
    return found.end() if found else start
