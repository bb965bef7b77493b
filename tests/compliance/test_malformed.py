"""Whatever is sent, by whatever method: an answer of the 200s or 400s whose body is a GraphQL response, never a 500."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st

from tests.live import Server, served

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
EVENTS = "text/event-stream"
CONFIG = """\
server: {max_body_bytes: 65536}
sources:
  - {name: alpha, kind: memory}
"""
DEEP = b'{"query": ' + json.dumps("{ a" * 1200 + "}" * 1200).encode() + b"}"

BODIES: dict[str, tuple[bytes, str, int]] = {
    "null": (b"null", JSON, 400),
    "a number": (b"1", JSON, 400),
    "a string": (b'"{ __typename }"', JSON, 400),
    "a list": (b'[{"query": "{ __typename }"}]', JSON, 400),
    "nothing": (b"", JSON, 400),
    "no JSON": (b"{ __typename }", JSON, 400),
    "half of it": (b'{"query": "{ __type', JSON, 400),
    "two of them": (b'{"query": "{ __typename }"}{"query": "{ __typename }"}', JSON, 400),
    "not UTF-8": (b'{"query": "{ a(b: \xff\xfe) }"}', JSON, 400),
    "UTF-16": ('{"query": "{ __typename }"}'.encode("utf-16"), "application/json; charset=utf-16", 400),
    "half a character": (b'{"query": "{ a(b: \\"\\ud800\\") }"}', JSON, 400),
    "zeros": (b"\0" * 100, JSON, 400),
    "ten thousand brackets": (b"[" * 10_000, JSON, 400),
    "a number beyond all numbers": (b'{"query": "{ __typename }", "variables": {"a": 1e999}}', JSON, 400),
    "variables as text": (b'{"query": "{ __typename }", "variables": "{}"}', JSON, 400),
    "a query as tree": (b'{"query": {"kind": "Document"}}', JSON, 400),
    "huge": (b'{"query": "{ __typename }", "extensions": {"a": "' + b"x" * 65_536 + b'"}}', JSON, 413),
    "GraphQL": (b"{ __typename }", "application/graphql", 415),
    "a form": (b"query=%7B+__typename+%7D", "application/x-www-form-urlencoded", 415),
    "text": (b'{"query": "{ __typename }"}', "text/plain", 415),
    "no type": (b'{"query": "{ __typename }"}', "", 415),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served(CONFIG) as one:
        yield one


def refused(answer: httpx.Response) -> list[Any]:
    """The errors of an answer that is nothing else."""
    assert answer.headers["content-type"].split(";")[0] in (JSON, GRAPHQL)
    body = answer.json()
    assert set(body) == {"errors"}
    errors: list[Any] = body["errors"]
    assert errors
    for error in errors:
        assert error["message"]
        assert error["extensions"]["code"] in {"BAD_USER_INPUT", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"}
    return errors


@pytest.mark.parametrize("accept", [JSON, GRAPHQL, EVENTS, "text/html"])
@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_no_request(server: Server, name: str, accept: str) -> None:
    content, kind, status = BODIES[name]
    answer = httpx.post(server.http, content=content, headers={"content-type": kind, "accept": accept})
    assert answer.status_code == status
    refused(answer)


def test_a_query_nested_beyond_reason(server: Server) -> None:
    for accept, status in ((JSON, 200), (GRAPHQL, 400)):
        answer = httpx.post(server.http, content=DEEP, headers={"content-type": JSON, "accept": accept})
        assert answer.status_code == status
        refused(answer)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("?query=", 400),
        ("?query=%FF", 400),
        ("?query=%7B__typename%7D&variables=%7B", 400),
        ("?query=%7B__typename%7D&variables=null", 200),
        ("?query=%7B__typename%7D&variables=%FF", 400),
        ("?query=mutation%7Ba%7D", 405),
        ("?query=%7B__typename%7D&operationName=B", 400),
    ],
)
def test_an_address_that_is_no_request(server: Server, query: str, status: int) -> None:
    answer = httpx.get(server.http + query, headers={"accept": GRAPHQL})
    assert answer.status_code == status
    if status != 200:
        refused(answer)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods(server: Server, method: str) -> None:
    answer = httpx.request(method, server.http)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    refused(answer)


def test_what_never_ends_is_not_read_to_its_end(server: Server) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(10_000):
            yield b" " * 65_536

    try:
        answer = httpx.post(server.http, content=endless(), headers={"content-type": JSON})
    except httpx.WriteError:
        # The gateway has answered and hung up while the client was still busy sending.
        return
    assert answer.status_code == 413
    refused(answer)


@pytest.mark.parametrize("accept", [JSON, EVENTS])
@pytest.mark.parametrize("part", [b"", b'{"query"'])
def test_who_goes_in_the_middle_of_a_request_is_no_error(
    part: bytes, accept: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Otherwise uvicorn keeps what it logs to itself.
    monkeypatch.setitem(uvicorn.config.LOGGING_CONFIG["loggers"]["uvicorn"], "propagate", True)
    head = f"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: {JSON}\r\nAccept: {accept}\r\nContent-Length: 99\r\n\r\n"
    with served(CONFIG) as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(head.encode() + part)
        # A request that is sent later is answered later: by then this one has been begun.
        assert httpx.get(server.http + "?query=%7B__typename%7D").status_code == 200
    assert caplog.messages == []


_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
_json = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_words = st.sampled_from(
    [*"{}()[]!:#", "...", "query", "fragment", "on", "executions", "sources", "name", "first", "null", "$a", "1", "\ud800"]
)
_bodies = st.binary(max_size=60) | st.builds(
    lambda parts: json.dumps(parts).encode(),
    _json
    | st.fixed_dictionaries(
        {"query": st.lists(_words, max_size=25).map(" ".join)},
        optional={"variables": _json, "operationName": _json, "extensions": _json, "documentId": _json},
    ),
)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client() as made:
        yield made


@pytest.mark.falls_back
@given(content=_bodies, accept=st.sampled_from([JSON, GRAPHQL]))
def test_nothing_that_can_be_sent_makes_the_gateway_fail(
    server: Server, client: httpx.Client, content: bytes, accept: str
) -> None:
    answer = client.post(server.http, content=content, headers={"content-type": JSON, "accept": accept})
    assert answer.status_code < 500
    body = answer.json()
    assert isinstance(body, dict)
    assert "data" in body or body["errors"]
    assert all(error["extensions"]["code"] != "INTERNAL" for error in body.get("errors", ()))
