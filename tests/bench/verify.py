"""Whether contenders answer alike, at the same price upstream."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from tests.bench.contenders import Contender
from tests.bench.processes import Process
from tests.bench.queries import Question

_CURSORS = frozenset({"cursor", "endCursor"})
_UTC = re.compile(r"(\d\d:\d\d:\d\d(?:\.\d+)?)\+00:00\Z")


class UnequalError(AssertionError):
    """Contenders that do not do the same."""


def counts(mock: Process) -> Counter[str]:
    """How many requests each list of the mock upstream has had."""
    return Counter(httpx.get(f"http://127.0.0.1:{mock.port}/__counts", trust_env=False).json())


def ask(contender: Contender, server: Process, question: Question, number: int) -> tuple[Any, int]:
    """The data of the answer to one request, and the length of its body. Raises UnequalError when there are errors."""
    address = f"http://127.0.0.1:{server.port}{contender.path(question)}"
    headers = {"Content-Type": "application/json"}
    response = httpx.post(address, content=contender.body(question, number), headers=headers, timeout=30, trust_env=False)
    answer = response.json() if response.status_code == 200 else {"errors": []}
    if "errors" in answer:
        raise UnequalError(f"{contender.name} cannot answer {question.name}: {response.text[:500]}")
    return answer["data"], len(response.content)


def normal(value: Any) -> Any:
    """An answer without what may differ: cursors have to be there, and instants have one spelling."""
    if isinstance(value, dict):
        return {
            key: "a cursor" if key in _CURSORS and isinstance(member, str) and member else normal(member)
            for key, member in value.items()
        }
    if isinstance(value, list):
        return [normal(member) for member in value]
    return _UTC.sub(r"\1Z", value) if isinstance(value, str) else value


def same(servers: Mapping[Contender, Process], mock: Process, questions: Sequence[Question]) -> dict[str, Counter[str]]:
    """What each question costs upstream, by list, where all contenders agree on answers and costs. Raises UnequalError."""
    costs: dict[str, Counter[str]] = {}
    for question in questions:
        expected: Any = None
        for contender, server in servers.items():
            for number in (1, 2):
                before = counts(mock)
                data = normal(ask(contender, server, question, number)[0])
                cost = counts(mock) - before
                if costs.setdefault(question.name, cost) != cost:
                    raise UnequalError(f"{question.name} costs {costs[question.name]}, but {contender.name}'s {cost}")
            if expected is None:
                expected = data
            elif data != expected:
                raise UnequalError(f"{contender.name} answers {question.name} otherwise: {difference(expected, data)}")
    return costs


def difference(expected: Any, got: Any, path: str = "data") -> str:
    """Where two answers differ first."""
    if isinstance(expected, dict) and isinstance(got, dict) and expected.keys() == got.keys():
        pairs = [(f"{path}.{key}", expected[key], got[key]) for key in expected]
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        pairs = [(f"{path}[{index}]", *pair) for index, pair in enumerate(zip(expected, got, strict=True))]
    else:
        return f"{path} is {str(got)[:200]}, not {str(expected)[:200]}"
    return next(difference(one, other, place) for place, one, other in pairs if one != other)
