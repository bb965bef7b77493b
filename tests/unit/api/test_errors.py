"""GraphQL errors: each has a code, input errors have a path, and none shows what is nobody's business."""

import logging
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLSchema, build_schema, parse, validate
from graphql.execution import execute_sync

from gateway.api.errors import CostLimitError, present
from gateway.errors import SourceError, SourceErrorCode, UserError

SCHEMA = build_schema("""
enum Colour { RED }
input Range { from: Int, colours: [Colour!] }
type Thing { things(range: Range, first: Int! = 5): [Thing!], name: String }
type Query { things(range: Range, first: Int! = 5): [Thing!], name: String }
""")


def failing(error: Exception, text: str = "{ mine: name }") -> dict[str, Any]:
    """How an error that the only field raises is shown."""

    def resolve(_root: Any, _info: Any) -> str:
        raise error

    schema: GraphQLSchema = build_schema("type Query { name: String }")
    assert schema.query_type is not None
    schema.query_type.fields["name"].resolve = resolve
    document = parse(text)
    result = execute_sync(schema, document)
    assert result.errors is not None
    (shown,) = present(result.errors, document)
    assert shown.original_error is None
    return dict(shown.formatted)


# --- codes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "message", "extensions"),
    [
        (UserError("Change this."), "Change this.", {"code": "BAD_USER_INPUT"}),
        (CostLimitError("Too much."), "Too much.", {"code": "COST_LIMIT_EXCEEDED"}),
        (
            SourceError(SourceErrorCode.TIMEOUT, "It is slow.", source="awx"),
            "awx: It is slow.",
            {"code": "TIMEOUT", "source": "awx", "retryable": True},
        ),
        (
            SourceError(SourceErrorCode.RATE_LIMITED, "Later.", source="awx", http_status=429, retry_after=2.5),
            "awx: Later.",
            {"code": "RATE_LIMITED", "source": "awx", "retryable": True, "retryAfterSeconds": 2.5},
        ),
        (
            SourceError(SourceErrorCode.FORBIDDEN, "No."),
            "No.",
            {"code": "FORBIDDEN", "source": "", "retryable": False},
        ),
        (GraphQLError("As it says.", extensions={"code": "MINE", "more": 1}), "As it says.", {"code": "MINE", "more": 1}),
        # What is raised where a value is read is about that value.
        (GraphQLError("No number."), "No number.", {"code": "BAD_USER_INPUT"}),
    ],
)
def test_what_a_field_raises(error: Exception, message: str, extensions: dict[str, Any]) -> None:
    shown = failing(error)
    assert (shown["message"], shown["extensions"], shown["path"]) == (message, extensions, ["mine"])
    assert shown["locations"] == [{"line": 1, "column": 3}]


@pytest.mark.parametrize("error", [ZeroDivisionError("hush-4711"), KeyError("hush-4711"), RuntimeError("hush-4711")])
def test_what_nobody_expected_goes_to_the_log_only(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "gateway.api.errors"):
        shown = failing(error)
    assert shown["extensions"] == {"code": "INTERNAL"}
    assert "hush" not in str(shown)
    assert type(error).__name__ not in str(shown)
    assert "hush-4711" in caplog.text


def test_what_was_expected_stays_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "gateway.api.errors"):
        failing(UserError("Change this."))
        failing(SourceError(SourceErrorCode.TIMEOUT, "It is slow."))
    assert caplog.records == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("", "GRAPHQL_PARSE_FAILED"),
        ("{ name(", "GRAPHQL_PARSE_FAILED"),
        ("{ nome }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ things }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ name { x } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ things(last: 5) { name } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ ...F }", "GRAPHQL_VALIDATION_FAILED"),
        ("query($v: Nothing) { things(first: $v) { name } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ name @skip }", "GRAPHQL_VALIDATION_FAILED"),
        ('{ things(first: "x") { name } }', "BAD_USER_INPUT"),
        ("{ things(range: {colours: [BLUE]}) { name } }", "BAD_USER_INPUT"),
        ("{ things(range: {form: 5}) { name } }", "BAD_USER_INPUT"),
        ("{ things(range: 5) { name } }", "BAD_USER_INPUT"),
        ("{ things(first: 99999999999) { name } }", "BAD_USER_INPUT"),
    ],
)
def test_codes_of_requests_that_are_not_run(text: str, code: str) -> None:
    assert {error.extensions["code"] for error in present(mistakes(text), None) if error.extensions} == {code}


def mistakes(text: str, variables: dict[str, Any] | None = None) -> list[GraphQLError]:
    """The errors of a request up to the reading of its variables."""
    try:
        document = parse(text)
    except GraphQLError as error:
        return [error]
    found = validate(SCHEMA, document)
    if not found:
        found = execute_sync(SCHEMA, document, variable_values=variables).errors or []
    assert found
    return found


# --- paths ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("query($v: Range) { things(range: $v) { name } }", ["things"]),
        ("query($v: Range) { a: name mine: things(range: $v) { name } }", ["mine"]),
        ("query($v: Range) { a: things { b: things(range: $v) { name } } }", ["a", "b"]),
        ("query($v: Range) { a: things { ... on Thing { b: things(range: $v) { name } } } }", ["a", "b"]),
        ("query($v: Range) { a: things { ...F } } fragment F on Thing { b: things(range: $v) { name } }", ["a", "b"]),
    ],
)
def test_a_bad_variable_names_the_field_that_takes_it(text: str, path: list[str]) -> None:
    found = mistakes(text, {"v": {"colours": ["BLUE"]}})
    (shown,) = present(found, parse(text))
    assert shown.extensions is not None
    assert (shown.path, shown.extensions["code"]) == (path, "BAD_USER_INPUT")
    # Without the document there is no way to tell.
    assert present(found, None)[0].path is None


@pytest.mark.parametrize("variable", ["$v", "[$v]", "[RED, $v]"])
def test_a_bad_variable_inside_another_value(variable: str) -> None:
    type_ = "[Colour!]" if variable == "$v" else "Colour!"
    text = f"query($v: {type_}) {{ a: things(range: {{from: 1, colours: {variable}}}) {{ name }} }}"
    found = mistakes(text, {"v": "BLUE"}) if "!" in type_ else []
    (shown,) = present(found, parse(text))
    assert shown.path == ["a"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{ mine: things(first: "x") { name } }', ["mine"]),
        ("{ mine: things(range: {colours: [RED, BLUE]}) { name } }", ["mine"]),
        ("{ a: things { ... { b: things(range: {from: 1.5}) { name } } } }", ["a", "b"]),
        ("{ a: things { ...F } } fragment F on Thing { b: things(range: {nope: 1}) { name } }", ["a", "b"]),
    ],
)
def test_a_bad_literal_names_the_field_that_takes_it(text: str, path: list[str]) -> None:
    document = parse(text)
    (shown,) = present(validate(SCHEMA, document), document)
    assert shown.extensions is not None
    assert (shown.path, shown.extensions["code"]) == (path, "BAD_USER_INPUT")


def test_fragments_that_go_round_in_circles_are_searched_once() -> None:
    text = "query($v: Int!) { ...F } fragment F on Query { things { ...G } ...F } fragment G on Thing { things { ...G } }"
    document = parse(text)
    definition = document.definitions[0].variable_definitions[0]  # type: ignore[attr-defined]
    (shown,) = present([GraphQLError("Variable '$v' is wrong.", [definition])], document)
    assert shown.path is None
