"""GraphQL over HTTP: statuses, media types, and JSON with a GraphQL error for whatever is sent."""

from typing import Any

import httpx
import orjson
import pytest

from tests.support import TWO_SOURCES, App, running_app

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
LIMITED = "server: {max_body_bytes: 4096, max_ids: 3}\n" + TWO_SOURCES
HELLO = b'{"query": "{ __typename }"}'


async def post(app: App, content: bytes, accept: str | None = None, kind: str | None = JSON) -> httpx.Response:
    headers = {name: value for name, value in (("accept", accept), ("content-type", kind)) if value is not None}
    request = app.http.build_request("POST", "/graphql", content=content, headers=headers)
    if accept is None:
        del request.headers["accept"]
    return await app.http.send(request)


def refusal(response: httpx.Response) -> tuple[int, str]:
    """Status and code of an answer that is nothing but a GraphQL error."""
    body = response.json()
    assert set(body) == {"errors"}
    (error,) = body["errors"]
    assert error["message"]
    return response.status_code, error["extensions"]["code"]


# --- media types ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}, {JSON};q=0.9", GRAPHQL),
        (f"{JSON}, {GRAPHQL}", JSON),
        ("Application/GraphQL-Response+JSON; charset=utf-8", GRAPHQL),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON),
    ],
)
async def test_the_media_type_is_the_client_s_choice(accept: str | None, kind: str) -> None:
    async with running_app() as app:
        response = await post(app, HELLO, accept)
    assert (response.status_code, response.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
    assert response.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("accept", ["text/html", "application/xml, text/plain", "nonsense"])
async def test_a_client_that_takes_neither(accept: str) -> None:
    async with running_app() as app:
        response = await post(app, HELLO, accept)
    assert (response.status_code, response.headers["content-type"]) == (406, f"{JSON}; charset=utf-8")
    assert "application/json" in response.json()["errors"][0]["message"]


@pytest.mark.parametrize(("accept", "status"), [(GRAPHQL, 400), (JSON, 200), (None, 200)])
@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("{", None, "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("mutation { cancel }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("query($v: Int!) { executions(first: $v) { partial } }", {"v": "x"}, "BAD_USER_INPUT"),
        ("query($v: Int!) { executions(first: $v) { partial } }", {}, "BAD_USER_INPUT"),
        ('{ executions(first: "x") { partial } }', None, "BAD_USER_INPUT"),
        ("{ executions(filter: {status: [BROKEN]}) { partial } }", None, "BAD_USER_INPUT"),
    ],
)
async def test_requests_that_cannot_be_run(
    accept: str | None, status: int, query: str, variables: dict[str, Any] | None, code: str
) -> None:
    """Only the newer media type may say 400: with application/json the status is about HTTP."""
    async with running_app() as app:
        response = await post(app, orjson.dumps({"query": query, "variables": variables}), accept)
    assert refusal(response) == (status, code)
    assert response.headers["content-type"] == f"{accept or JSON}; charset=utf-8"


@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
async def test_an_error_of_a_field_is_part_of_an_answer(accept: str) -> None:
    async with running_app() as app:
        response = await post(app, b'{"query": "{ executions(first: -1) { partial } __typename }"}', accept)
    assert response.status_code == 200
    assert response.json()["data"] == {"executions": None, "__typename": "Query"}


async def test_data_that_is_null_altogether_is_still_an_answer() -> None:
    """`entities` may not be null, so its error takes the whole data with it."""
    text = ", ".join(['"x"'] * 101)
    async with running_app() as app:
        response = await post(app, orjson.dumps({"query": f"{{ entities(ids: [{text}]) {{ id }} }}"}), GRAPHQL)
    body = response.json()
    assert (response.status_code, body["data"]) == (200, None)
    assert (body["errors"][0]["path"], body["errors"][0]["message"]) == (["entities"], "`ids` holds at most 100 ids.")


# --- what is no request --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", [JSON, GRAPHQL, "text/html"])
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"null", "BAD_USER_INPUT"),
        (b"1", "BAD_USER_INPUT"),
        (b'"x"', "BAD_USER_INPUT"),
        (b"[]", "BAD_USER_INPUT"),
        (b'[{"query": "{ __typename }"}]', "BAD_USER_INPUT"),
        (b"{}", "BAD_USER_INPUT"),
        (b'{"query": null}', "BAD_USER_INPUT"),
        (b'{"query": 1}', "BAD_USER_INPUT"),
        (b'{"query": ""}', "BAD_USER_INPUT"),
        (b'{"query": " \\n"}', "BAD_USER_INPUT"),
        (b'{"query": ["{ __typename }"]}', "BAD_USER_INPUT"),
        (b'{"query": "{ __typename }", "variables": []}', "BAD_USER_INPUT"),
        (b'{"query": "{ __typename }", "variables": "{}"}', "BAD_USER_INPUT"),
        (b'{"query": "{ __typename }", "extensions": 1}', "BAD_USER_INPUT"),
        (b'{"query": "{ __typename }", "operationName": 1}', "BAD_USER_INPUT"),
        (b"", "GRAPHQL_PARSE_FAILED"),
        (b"{", "GRAPHQL_PARSE_FAILED"),
        (b"{ __typename }", "GRAPHQL_PARSE_FAILED"),
        (b"query=x", "GRAPHQL_PARSE_FAILED"),
        (b"\xff\xfe", "GRAPHQL_PARSE_FAILED"),
        (b'{"query": "\xff"}', "GRAPHQL_PARSE_FAILED"),
        (b'{"query": "\\ud800"}', "GRAPHQL_PARSE_FAILED"),
        (b'{"query": "{ __typename }", "variables": {"a": NaN}}', "GRAPHQL_PARSE_FAILED"),
        (b"[" * 4000, "GRAPHQL_PARSE_FAILED"),
        (b'\xef\xbb\xbf{"query": "{ __typename }"}', "GRAPHQL_PARSE_FAILED"),
    ],
)
async def test_bodies_that_are_no_request(content: bytes, code: str, accept: str) -> None:
    async with running_app(LIMITED) as app:
        response = await post(app, content, accept)
    assert refusal(response) == (400, code)
    assert response.headers["content-type"].startswith(GRAPHQL if accept == GRAPHQL else JSON)


@pytest.mark.parametrize(
    "kind", [None, "", "text/plain", "application/graphql", "multipart/form-data", "application/x-www-form-urlencoded"]
)
async def test_a_body_of_another_type(kind: str | None) -> None:
    """Nor does a browser let another page send application/json unasked."""
    async with running_app() as app:
        assert refusal(await post(app, HELLO, JSON, kind)) == (415, "BAD_USER_INPUT")


@pytest.mark.parametrize("kind", [JSON, "application/json; charset=utf-8", "Application/JSON"])
async def test_json_by_any_spelling(kind: str) -> None:
    async with running_app() as app:
        assert (await post(app, HELLO, JSON, kind)).status_code == 200


async def test_the_size_of_a_body_is_capped() -> None:
    largest = HELLO + b" " * (4096 - len(HELLO))
    async with running_app(LIMITED) as app:
        assert (await post(app, largest)).status_code == 200
        assert refusal(await post(app, largest + b" ")) == (413, "BAD_USER_INPUT")

        async def endless() -> Any:
            while True:
                yield b" " * 1024

        # It is not read to its end before it is refused.
        request = app.http.build_request("POST", "/graphql", content=endless(), headers={"content-type": JSON})
        assert refusal(await app.http.send(request)) == (413, "BAD_USER_INPUT")


async def test_a_query_of_too_many_words() -> None:
    query = "{ " + "__typename " * 5000 + "}"
    async with running_app() as app:
        response = await post(app, orjson.dumps({"query": query}))
    status, code = refusal(response)
    assert (status, code) == (200, "GRAPHQL_PARSE_FAILED")
    assert "4000 tokens" in response.json()["errors"][0]["message"]


async def test_what_is_null_or_unknown_in_a_request_is_as_if_absent() -> None:
    body = b'{"query": "{ __typename }", "variables": null, "operationName": null, "extensions": null, "id": 7}'
    async with running_app() as app:
        assert (await post(app, body)).json() == {"data": {"__typename": "Query"}}


async def test_the_named_operation_is_run() -> None:
    text = "query A { __typename } query B($n: String!) { source(name: $n) { name } }"
    body = {"query": text, "operationName": "B", "variables": {"n": "alpha"}}
    async with running_app() as app:
        assert (await post(app, orjson.dumps(body))).json() == {"data": {"source": {"name": "alpha"}}}


# --- GET -----------------------------------------------------------------------------------------------------------


async def get(app: App, accept: str = JSON, **params: str) -> httpx.Response:
    return await app.http.get("/graphql", params=params, headers={"accept": accept})


async def test_a_query_by_get() -> None:
    query = "query A($n: String!) { source(name: $n) { name } } query B { __typename }"
    async with running_app() as app:
        response = await get(app, GRAPHQL, query=query, variables='{"n": "beta"}', operationName="A", extensions="")
    assert (response.status_code, response.json()) == (200, {"data": {"source": {"name": "beta"}}})


async def test_a_subscription_is_told_where_it_belongs() -> None:
    async with running_app() as app:
        response = await post(app, b'{"query": "subscription { executionsUpdated { change } }"}')
    assert refusal(response) == (400, "BAD_USER_INPUT")
    assert "text/event-stream" in response.text


@pytest.mark.parametrize(
    "query", ["mutation { cancel }", "subscription { live }", "query A { __typename } mutation B { cancel }"]
)
async def test_only_queries_by_get(query: str) -> None:
    async with running_app() as app:
        response = await get(app, query=query, **({"operationName": "B"} if " B " in query else {}))
    assert refusal(response) == (405, "BAD_USER_INPUT")
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({}, 400, "BAD_USER_INPUT"),
        ({"query": ""}, 400, "BAD_USER_INPUT"),
        ({"query": "{ __typename }", "variables": "x"}, 400, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ __typename }", "variables": "[]"}, 400, "BAD_USER_INPUT"),
        ({"query": "{ __typename }", "extensions": "1"}, 400, "BAD_USER_INPUT"),
        ({"query": "{"}, 200, "GRAPHQL_PARSE_FAILED"),
    ],
)
async def test_parameters_that_are_no_request(params: dict[str, str], status: int, code: str) -> None:
    async with running_app() as app:
        assert refusal(await get(app, **params)) == (status, code)


async def test_a_query_that_is_not_utf_8_by_get() -> None:
    async with running_app() as app:
        assert refusal(await app.http.get("/graphql?query=%FF%FE")) == (200, "GRAPHQL_PARSE_FAILED")
