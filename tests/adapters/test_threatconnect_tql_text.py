"""TQL as the adapter writes it and as it judges what people wrote."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.threatconnect.simulator_filters import Reading, select
from adapters.threatconnect.simulator_tables import JOBS, Profile
from adapters.threatconnect.tql import Among, Both, Compare, Either, Missing, TqlSyntaxError, judge, text_of
from adapters.threatconnect.world import World

NOW = datetime(2026, 11, 21, 20, 30, 12, tzinfo=UTC)
EXAMPLES: list[dict] = json.loads(
    (Path(__file__).parent.parent / "recordings" / "threatconnect" / "tql_examples.json").read_text()
)
OTHERWISE = {
    'lastModified GEQ "2024-05-10T00:00:33.12Z"': "servers refuse the value, a fraction of two digits; its grammar is right"
}


def is_tql(text: str) -> bool:
    try:
        judge(text)
    except TqlSyntaxError:
        return False
    return True


def test_published_tql_is_judged_as_its_publishers_do() -> None:
    judged = [each for each in EXAMPLES if each["valid"] is not None]
    assert len(judged) == 75
    assert {each["tql"] for each in judged if is_tql(each["tql"]) != each["valid"]} == set(OTHERWISE)
    assert len(OTHERWISE) <= 1


@pytest.mark.parametrize(
    ("text", "at", "reason"),
    [
        ("", 0, "expected a parameter"),
        ("  ", 2, "expected a parameter"),
        ("name", 4, "expected an operator"),
        ("name = ", 7, "expected a value"),
        ('name = "a', 7, "a text that does not end, or a bad escape"),
        (r'name = "\n"', 7, "a text that does not end, or a bad escape"),
        ("name = a", 7, "expected a value"),
        ("id in ()", 7, "expected a value"),
        ("id in (1,2", 10, "expected )"),
        ("(id = 1", 7, "expected )"),
        ("id = 1 id = 2", 7, "expected AND, OR or the end"),
        ("id is 5", 6, "expected NULL"),
        ("and = 1", 0, "expected a parameter"),
        ("id = 1; x", 6, "no TQL"),
        ("(" * 60, 50, "nested too deep"),
    ],
)
def test_what_is_no_tql(text: str, at: int, reason: str) -> None:
    with pytest.raises(TqlSyntaxError) as caught:
        judge(text)
    assert (caught.value.position, caught.value.reason) == (at, reason)


def test_conditions_as_text() -> None:
    both = Both((Compare("a", ">=", 1), Missing("b")))
    assert text_of(both) == "a >= 1 and b is null"
    assert text_of(Either((both, Among("c", (True, "x"))))) == '((a >= 1 and b is null) or c in (true,"x"))'
    assert text_of(Both((both, Either((Missing("a"), Missing("b")))))) == (
        "(a >= 1 and b is null) and (a is null or b is null)"
    )
    assert text_of(Among("name", ("\\\"'`",))) == r'name = "\\\"\'\`"'


def test_what_tql_cannot_say() -> None:
    for text in ("a\0", "a\nb", "\x7f", "\u2028"):
        with pytest.raises(ValueError, match="control characters"):
            text_of(Among("name", (text,)))
    with pytest.raises(ValueError, match="no TQL parameter"):
        text_of(Missing("a b"))
    with pytest.raises(ValueError, match="nothing can match"):
        Among("id", ())


TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")))


@given(st.lists(TEXT, min_size=1, max_size=4))
def test_texts_survive(texts: list[str]) -> None:
    """What is asked for is what the server reads, whatever it holds; nothing in it is a condition of its own."""
    world = World(NOW)
    for text in texts:
        world.add_job(name=text)
    world.add_job(name="other")
    tql = text_of(Either((Among("name", tuple(texts)), Missing("name"))))
    judge(tql)
    reading = Reading(JOBS.offered(Profile.FULL), NOW, case_sensitive=True)
    assert {row["name"] for row in select(world.jobs.values(), tql, reading)} == set(texts)
