"""Input, configuration and answers at the edges: each of these once went wrong."""

import warnings
from typing import Any

import certifi
import httpx
import pytest
from msgspec.structs import replace

from gateway import ids
from gateway.config import ConfigFile, read_config
from gateway.cursor import Cursor, CursorCodec, SourceNote, digest
from gateway.errors import ConfigError, SourceError, SourceErrorCode
from gateway.instant import Instant
from gateway.model import Key
from gateway.registry import Registry
from tests.property.federations import execution
from tests.support import Upstream, client_of, running_app


def opened(text: str, **env: str) -> Registry:
    file = ConfigFile(text, "gw.yml", env)
    return Registry.open(file, read_config(file))


@pytest.mark.parametrize(
    "body",
    [
        {"query": "{ __typename }", "operationName": "X"},
        {"query": "{ __typename }", "operationName": ""},
        {"query": "fragment F on Query { __typename }"},
    ],
)
async def test_operation_that_is_not_there(body: Any) -> None:
    async with running_app() as app:
        response = await app.http.post("/graphql", json=body)
    assert "errors" in response.json()


async def test_two_operations_and_no_name() -> None:
    async with running_app() as app:
        body = await app.answer("query A { __typename } query B { __typename }")
    assert "data" not in body
    assert "errors" in body


async def test_big_integer_in_raw() -> None:
    row = replace(execution("alpha", 1, created=1), record={"n": 2**70})
    config = "sources:\n - {name: alpha, kind: memory, expose_raw: true}"
    async with running_app(config, rows={"alpha": [row]}) as app:
        body = await app.answer("{ executions { edges { node { raw } } } }")
    assert body["data"]["executions"]["edges"]


async def test_output_out_of_range_is_not_the_callers_mistake() -> None:
    row = replace(execution("alpha", 1, created=1), exit_code=2**31)
    async with running_app(rows={"alpha": [row]}) as app:
        error = await app.error("{ executions { edges { node { exitCode } } } }")
    assert error["extensions"]["code"] != "BAD_USER_INPUT"


@pytest.mark.parametrize("q", ["query($v: Int) { __typename }", "{ executions(first: $v) { partial } }"])
async def test_validation_errors_about_variables(q: str) -> None:
    async with running_app() as app:
        assert (await app.error(q))["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_406_has_a_code() -> None:
    async with running_app() as app:
        r = await app.http.post("/graphql", json={"query": "{ __typename }"}, headers={"accept": "text/html"})
    assert r.json()["errors"][0]["extensions"]["code"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD"])
async def test_other_methods(method: str) -> None:
    async with running_app() as app:
        r = await app.http.request(method, "/graphql")
    assert r.status_code == 405
    assert r.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("header", ["inf", "1e400"])
async def test_retry_after_infinity(header: str) -> None:
    with pytest.raises(SourceError) as caught:
        await client_of(Upstream(httpx.Response(429, headers={"retry-after": header}))).get("x")
    assert caught.value.retry_after is None


async def test_retry_after_overflow() -> None:
    up = Upstream(httpx.Response(429, headers={"retry-after": "Mon, 01 Jan 99999999999 00:00:00 GMT"}))
    with pytest.raises(SourceError):
        await client_of(up).get("x")


async def test_unpackable_answer_is_a_bad_response() -> None:
    class Bad(httpx.AsyncBaseTransport):
        n = 0

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            self.n += 1
            return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"not gzip"))

    bad = Bad()
    with pytest.raises(SourceError) as caught:
        await client_of(bad).get("x")
    assert (caught.value.code, bad.n) == (SourceErrorCode.BAD_RESPONSE, 1)


def test_secret_that_cannot_be_a_header_stops_the_start() -> None:
    for token in ("a\nb", "pä"):
        with pytest.raises(ConfigError):
            opened("sources:\n - {name: a, kind: awx, base_url: 'http://h/', auth: {type: bearer, token: '${T}'}}", T=token)


@pytest.mark.parametrize("url", ["http://h:abc/", "http://h:99999/", "http://[::1/", "http://\u2603/"])
def test_bad_urls(url: str) -> None:
    with pytest.raises(ConfigError):
        opened(f"sources:\n - {{name: a, kind: awx, base_url: '{url}'}}")


def test_awx_without_base_url() -> None:
    with pytest.raises(ConfigError):
        opened("sources:\n - {name: a, kind: awx}")


def test_verify_tls_file(tmp_path: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened(f"sources:\n - {{name: a, kind: awx, base_url: 'https://h/', verify_tls: '{certifi.where()}'}}")


def test_verify_tls_file_absent() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ConfigError):
            opened("sources:\n - {name: a, kind: awx, base_url: 'https://h/', verify_tls: '/nope/ca.pem'}")


def test_empty_secret_file(tmp_path: Any) -> None:
    (tmp_path / "t").write_text("\n")
    with pytest.raises(ConfigError, match="empty"):
        opened(f"sources:\n - {{name: a, kind: memory, auth: {{type: bearer, token: 'file:{tmp_path / 't'}'}}}}")


def test_unknown_key_inside_auth_has_its_line() -> None:
    with pytest.raises(ConfigError) as caught:
        opened("sources:\n  - name: a\n    kind: memory\n    auth:\n      type: bearer\n      token: x\n      tokn: y")
    assert str(caught.value) == "gw.yml:7: sources.0.auth.tokn: unknown key"


def test_duplicate_yaml_keys() -> None:
    with pytest.raises(ConfigError):
        opened("server: {port: 1}\nserver: {port: 2}\nsources: [{name: a, kind: memory}]")


def test_a_document_that_contains_itself() -> None:
    with pytest.raises(ConfigError):
        opened("sources: &a\n - *a")


def test_cursor_it_made_itself() -> None:
    names = [f"source-{n:02}" for n in range(20)]
    cursor = Cursor(
        (0, -(10**15), names[0], ("x",)),
        1,
        {n: SourceNote("TRUNCATED", "TRUNCATED") for n in names},
        dict.fromkeys(names, 12345),
        dict.fromkeys(names, "t" * 60),
        frozenset(digest(Key("execution", "a", (str(n),))) for n in range(512)),
    )
    codec = CursorCodec(b"k")
    assert codec.decode(codec.encode(cursor, "m"), "m") == cursor


def test_id_it_made_itself() -> None:
    key = Key("node", "awx", ("host-name", "\u00e9" * 300))
    assert ids.decode(ids.encode(key)) == key


@pytest.mark.parametrize(
    "text",
    [
        "20261121T090000Z",
        "2026-W47-6T09:00:00Z",
        "2026-11-21T09Z",
        "2026-11-21X09:00:00Z",
        "2026-11-21T09:00:00,5Z",
        "2026-11-21T09:00:00+05:30:15",
    ],
)
def test_not_rfc_3339(text: str) -> None:
    with pytest.raises(ValueError):
        Instant.parse(text)


def test_rfc_3339_in_small_letters() -> None:
    assert Instant.parse("2026-11-21t09:00:00z").text == "2026-11-21T09:00:00Z"


async def test_accept_q_zero() -> None:
    async with running_app() as app:
        r = await app.http.post(
            "/graphql",
            json={"query": "{ __typename }"},
            headers={"accept": "application/graphql-response+json;q=0, application/json"},
        )
    assert r.headers["content-type"].startswith("application/json")


def test_config_says_one_thing_once() -> None:
    with pytest.raises(ConfigError) as caught:
        opened("sources: [just a name]")
    assert len(str(caught.value).splitlines()) == 1
