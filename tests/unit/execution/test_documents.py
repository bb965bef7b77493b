"""Documents by their text: parsed and validated once, kept by their size, and the operation that is meant."""

import pytest
from graphql import GraphQLError, GraphQLSyntaxError, build_schema, get_introspection_query

from gateway.execution.documents import MAX_TOKENS, Documents

SCHEMA = build_schema("type Query { name: String, number: Int }")


def test_one_document_for_one_text() -> None:
    documents = Documents(SCHEMA)
    assert documents.of("{ name }") is documents.of("{ name }")
    assert documents.of("{ name }") is not documents.of("{name}")
    assert documents.of("{ name }").errors == []


def test_the_texts_used_last_are_kept_up_to_their_size() -> None:
    documents = Documents(SCHEMA, characters=100)
    texts = [f"{{ {name}: name }}" for name in ("a", "b", "c", "d", "e", "f", "g")]
    assert {len(text) for text in texts} == {11}
    kept = [documents.of(text) for text in texts]
    assert [documents.of(text) for text in texts] == kept
    # 100 characters are nine of these; the tenth takes the place of the oldest.
    documents.of(texts[0])
    more = [documents.of(f"{{ {name}: name }}") for name in ("h", "i", "j")]
    assert documents.of(texts[0]) is kept[0]
    assert documents.of(texts[1]) is not kept[1]
    assert documents.of("{ j: name }") is more[-1]


def test_a_text_that_would_take_all_the_room_is_not_kept() -> None:
    documents = Documents(SCHEMA, characters=100)
    small = documents.of("{ name }")
    large = "{ " + "name " * 10 + "}"
    assert documents.of(large) is not documents.of(large)
    assert documents.of("{ name }") is small


def test_a_text_that_is_no_graphql() -> None:
    documents = Documents(SCHEMA)
    for _ in range(2):
        with pytest.raises(GraphQLSyntaxError):
            documents.of("{ name")


def test_a_text_of_too_many_tokens() -> None:
    with pytest.raises(GraphQLSyntaxError, match="tokens"):
        Documents(SCHEMA).of("{ " + "name " * MAX_TOKENS + "}")


def test_a_text_that_is_nested_too_deeply() -> None:
    with pytest.raises(GraphQLSyntaxError):
        Documents(SCHEMA).of("{ a " * 900 + "}" * 900)


def test_why_a_text_is_not_valid() -> None:
    (error,) = Documents(SCHEMA).of("{ nam }").errors
    assert error.message == "Cannot query field 'nam' on type 'Query'. Did you mean 'name'?"


def test_a_hidden_schema_says_nothing_of_itself() -> None:
    documents = Documents(SCHEMA, introspection=False)
    assert any("has been disabled" in error.message for error in documents.of("{ __schema { types { name } } }").errors)
    assert documents.of(get_introspection_query()).errors
    (error,) = documents.of("{ nam }").errors
    assert error.message == "Cannot query field 'nam' on type 'Query'."
    assert documents.of("{ __typename name }").errors == []
    assert Documents(SCHEMA).of(get_introspection_query()).errors == []


# --- the operation -------------------------------------------------------------------------------------------------

TWO = "query A { name } query B { number } fragment F on Query { name }"


def test_the_only_operation_needs_no_name() -> None:
    documents = Documents(SCHEMA)
    assert documents.of("{ name }").operation(None).node.name is None
    assert documents.of("query A { name }").operation(None) is documents.of("query A { name }").operation("A")


def test_one_of_several_is_named() -> None:
    document = Documents(SCHEMA).of(TWO)
    chosen = document.operation("B").node
    assert chosen.name is not None
    assert chosen.name.value == "B"
    assert list(document.fragments) == ["F"]


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (TWO, None, "`operationName` must say"),
        (TWO, "C", "no operation named 'C'"),
        ("{ name }", "A", "no operation named 'A'"),
        ("fragment F on Query { name }", None, "holds no operation"),
    ],
)
def test_not_exactly_one(text: str, name: str | None, message: str) -> None:
    with pytest.raises(GraphQLError, match=message) as refused:
        Documents(SCHEMA).of(text).operation(name)
    assert refused.value.extensions == {"code": "BAD_USER_INPUT"}
