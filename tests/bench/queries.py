"""The four questions, as a front-end asks them: a fixed text and variables that change with every request.

No two questions are alike, so that nobody gains from answering equal ones together. Q1 to Q3 ask for executions of some
names, one of which is new every time and nobody's; Q4 asks for another execution every time.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.bench import records

_CONNECTION = "pageInfo { hasNextPage endCursor } sources { source { name } state }"

_ROW = """
    cursor
    node {
      id nativeId source { name } name status rawStatus phase outcome
      createdAt startedAt finishedAt durationSeconds statusMessage webUrl trigger { kind rawKind actor }
      job { id name }
      nodes(filter: {role: EXECUTOR}, first: 1) { edges { node { id name } } }
    }
"""

_Q1 = f"""
query Recent($names: [String!]!, $first: Int!) {{
  executions(first: $first, filter: {{source: ["awx"], name: {{in: $names}}}}) {{
    edges {{ node {{ id name status startedAt finishedAt durationSeconds }} }}
    {_CONNECTION}
  }}
}}
"""

_Q2 = f"""
query Table($names: [String!]!, $first: Int!) {{
  executions(first: $first, filter: {{source: ["awx"], name: {{in: $names}}}}) {{
    edges {{ {_ROW} }}
    {_CONNECTION}
  }}
}}
"""

_Q3 = f"""
query Merged($names: [String!]!, $first: Int!) {{
  executions(first: $first, filter: {{name: {{in: $names}}}}) {{
    edges {{ {_ROW} }}
    {_CONNECTION}
  }}
}}
"""

_Q4 = """
query One($id: ID!) {
  execution(id: $id) {
    id nativeId name status phase outcome createdAt startedAt finishedAt durationSeconds statusMessage
    job { id name updatedAt definition { name } }
    nodes(filter: {role: EXECUTOR}, first: 1) { edges { node { id name active } } }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Question:
    """A query, and what makes the variables of the request of a number."""

    name: str
    text: str
    variables: Callable[[int], dict[str, Any]]


def listing(name: str, text: str, rows: int) -> Question:
    """A question for a page of so many rows."""
    return Question(name, text, lambda number: {"names": [*records.NAMES, f"release-{number:08d}"], "first": rows})


def _identified(number: int) -> dict[str, Any]:
    key = f"1e/awx/{records.FIRST_SINGLE + number % records.SINGLES}"
    return {"id": urlsafe_b64encode(key.encode()).decode().rstrip("=")}


QUESTIONS = {
    question.name: question
    for question in (
        listing("Q1", _Q1, 20),
        listing("Q2", _Q2, 100),
        listing("Q3", _Q3, 100),
        Question("Q4", _Q4, _identified),
    )
}
