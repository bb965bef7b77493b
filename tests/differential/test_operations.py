"""The generator's own operations: valid, and with something of everything in them."""

import re

from graphql import parse, validate

from tests.differential.choices import seeded
from tests.differential.conftest import Bench
from tests.differential.operations import query, subscription
from tests.differential.world import world

_EVERYTHING = (
    r"\.\.\.F\d",  # fragments
    r"\.\.\. on \w+Details ",
    r"\.\.\. (@include\(if: \$b\d\) )?\{",
    r"@skip\(if: \$b",
    r"@include\(if: false",
    r"\w+: \w+",
    r"\w+: __typename",
    r"ids: \[\"",
    r"filter: \{",
    r"filter: null",
    r"direction: (ASC|DESC)",
    r"\$v\d: \w+!? = ",
    r"first: \$v",
    r"subscription",
)


def test_operations_are_valid(bench: Bench) -> None:
    lacking = set(_EVERYTHING)
    for seed in range(300):
        choices = seeded(f"valid {seed}")
        write = subscription if seed % 8 == 0 else query
        operation = write(bench.schema, choices, world(choices, bench.recorded).words())
        assert validate(bench.schema.schema, parse(operation.text)) == [], operation.text
        lacking -= {pattern for pattern in lacking if re.search(pattern, operation.text)}
    assert lacking == set()
