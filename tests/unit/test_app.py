"""The app around the endpoint: health, metrics, keys, CORS; and the whole of it while a source is at fault."""

import logging
from hashlib import sha256
from typing import Any

import httpx
import pytest

from gateway.app import CONFIG_VARIABLE, create_app, from_environment
from gateway.config import ConfigFile
from gateway.errors import ConfigError
from tests.property.federations import execution
from tests.support import TWO_SOURCES, App, Step, Upstream, hang, memory, running_app, skip_pauses

KEY, OTHER_KEY = "first-key-4711", "second-key-4712"


def digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()


# --- health and metrics --------------------------------------------------------------------------------------------


async def test_it_is_alive() -> None:
    async with running_app() as app:
        response = await app.http.get("/healthz")
    body = response.json()
    assert (response.status_code, body["status"]) == (200, "ok")
    assert body["version"]


AWX_AND_MEMORY = """
sources:
  - name: awx
    kind: awx
    base_url: http://awx.test/api/v2/
    timeout_seconds: 0.05
    max_response_bytes: 1024
    auth: {type: bearer, token: "${TOKEN}"}
  - {name: calm, kind: memory}
"""
SCALE_AND_MEMORY = """
sources:
  - name: scale
    kind: scale
    base_url: http://scale.test/api/v3/
    timeout_seconds: 0.05
    max_response_bytes: 1024
    auth: {type: token, scheme: Token, token: "${TOKEN}"}
  - {name: calm, kind: memory}
"""
SECRET = "hush-hush-4711"


async def test_a_source_that_is_down_does_not_make_it_unready(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_pauses(monkeypatch)
    upstream = Upstream(httpx.ConnectError("refused"))
    async with running_app(AWX_AND_MEMORY, environ={"TOKEN": SECRET}, transports=lambda _settings: upstream) as app:
        before = await app.http.get("/readyz")
        await app.answer("{ executions { partial } }")
        after = await app.http.get("/readyz")
    assert (before.status_code, before.json()) == (200, {"status": "ok", "sources": {"awx": "UNKNOWN", "calm": "UNKNOWN"}})
    assert (after.status_code, after.json()) == (200, {"status": "degraded", "sources": {"awx": "DOWN", "calm": "UNKNOWN"}})


async def _metric(app: App, name: str, **labels: str) -> float:
    """The value of a metric, 0 before it is first counted."""
    response = await app.http.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    wanted = name + ("{" + ",".join(f'{label}="{value}"' for label, value in sorted(labels.items())) + "}" if labels else "")
    values = [float(line.rpartition(" ")[2]) for line in response.text.splitlines() if line.rpartition(" ")[0] == wanted]
    return values[0] if values else 0.0


async def test_operations_are_counted_by_outcome() -> None:
    async with running_app() as app:

        async def counts() -> list[float]:
            return [await _metric(app, "gateway_operations_total", outcome=one) for one in ("ok", "errors", "refused")]

        before = await counts()
        await app.answer("{ __typename }")
        await app.answer("{ executions(first: -1) { partial } }")
        await app.answer("{ nope }")
        await app.answer("{")
        await app.http.post("/graphql", content=b"null", headers={"content-type": "application/json"})
        after = await counts()
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 2, 2]


async def test_requests_to_sources_are_counted_and_nothing_of_them_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_pauses(monkeypatch)
    upstream = Upstream(httpx.Response(401, json={"detail": SECRET}))
    async with running_app(AWX_AND_MEMORY, environ={"TOKEN": SECRET}, transports=lambda _settings: upstream) as app:
        labels = {"source": "awx", "outcome": "UNAUTHENTICATED"}
        before = await _metric(app, "gateway_upstream_requests_total", **labels)
        await app.answer("{ executions { partial } }")
        assert await _metric(app, "gateway_upstream_requests_total", **labels) - before == len(upstream.requests)
        assert await _metric(app, "gateway_source_up", source="awx") == 0
        text = (await app.http.get("/metrics")).text
    assert SECRET not in text
    assert "awx.test" not in text


# --- keys ----------------------------------------------------------------------------------------------------------

KEYED = f"server: {{api_keys: [{digest(KEY)}, {digest(OTHER_KEY)}]}}\n" + TWO_SOURCES


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": f"bearer  {OTHER_KEY} "},
        {"X-API-Key": KEY},
        {"X-API-Key": OTHER_KEY, "Authorization": "Basic xyz"},
    ],
)
async def test_any_configured_key_opens(headers: dict[str, str]) -> None:
    async with running_app(KEYED) as app:
        response = await app.http.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
        assert response.json() == {"data": {"__typename": "Query"}}
        assert (await app.http.get("/metrics", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": KEY},
        {"X-API-Key": ""},
        {"X-API-Key": f"Bearer {KEY}"},
        # The digest is not the key.
        {"X-API-Key": digest(KEY)},
        {"Authorization": "Bearer \xe9".encode("latin-1")},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/graphql"), ("GET", "/graphql"), ("GET", "/metrics"), ("GET", "/nothing")]
)
async def test_without_a_key_nothing_is_read(method: str, path: str, headers: dict[Any, Any]) -> None:
    async with running_app(KEYED) as app:
        response = await app.http.request(method, path, json={"query": "{ __typename }"}, headers=headers)
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert response.json() == {"errors": [{"message": "An API key is needed.", "extensions": {"code": "UNAUTHENTICATED"}}]}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_needs_no_key(path: str) -> None:
    async with running_app(KEYED) as app:
        assert (await app.http.get(path)).status_code == 200


async def test_without_configured_keys_everybody_who_can_connect_may_read() -> None:
    async with running_app() as app:
        assert (await app.answer("{ __typename }")) == {"data": {"__typename": "Query"}}


# --- CORS ----------------------------------------------------------------------------------------------------------

PAGE = "https://ui.example"
SHARED = f'server: {{cors_origins: ["{PAGE}"], api_keys: [{digest(KEY)}]}}\n' + TWO_SOURCES


async def _preflight(app: App, origin: str) -> httpx.Response:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    return await app.http.options("/graphql", headers=asked)


async def test_a_configured_page_may_call_and_read_refusals() -> None:
    async with running_app(SHARED) as app:
        # A preflight carries no key.
        preflight = await _preflight(app, PAGE)
        refused = await app.http.post("/graphql", json={}, headers={"Origin": PAGE})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == PAGE
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, PAGE)


async def test_other_pages_may_not() -> None:
    async with running_app(SHARED) as app:
        for origin in ("https://evil.example", f"{PAGE}.evil.example", "null"):
            preflight = await _preflight(app, origin)
            assert (preflight.status_code, "access-control-allow-origin" in preflight.headers) == (400, False)


async def test_any_page_may_where_it_is_configured_so() -> None:
    async with running_app('server: {cors_origins: ["*"]}\n' + TWO_SOURCES) as app:
        response = await app.http.post("/graphql", json={"query": "{ __typename }"}, headers={"Origin": PAGE})
    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers


async def test_without_configuration_no_page_may() -> None:
    async with running_app() as app:
        response = await app.http.post("/graphql", json={"query": "{ __typename }"}, headers={"Origin": PAGE})
        assert "access-control-allow-origin" not in response.headers
        assert (await _preflight(app, PAGE)).status_code == 405


# --- starting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sources: []", "gw.yml:1: sources: "),
        ("sources: [{name: a, kind: jenkins}]", "gw.yml:1: sources.0.kind: unknown kind 'jenkins'"),
        ("sources:\n  - name: a\n    kind: memory\n    colour: red", "gw.yml:4: sources.0.colour: unknown key"),
    ],
)
def test_a_mistake_in_the_configuration_stops_the_start(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        create_app(ConfigFile(text, "gw.yml", {}))
    assert str(caught.value).startswith(message)


def test_a_worker_finds_its_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    path = tmp_path / "gw.yml"
    monkeypatch.setenv(CONFIG_VARIABLE, str(path))
    with pytest.raises(ConfigError, match=f"{path}: cannot be read"):
        from_environment()
    path.write_text(TWO_SOURCES, encoding="utf-8")
    with memory({}):
        assert {route.path for route in from_environment().routes} >= {"/graphql", "/healthz"}  # type: ignore[attr-defined]


async def test_closing_closes_the_connections() -> None:
    upstreams: list[Upstream] = []

    def transport(_settings: Any) -> Upstream:
        upstreams.append(Upstream(httpx.Response(200)))
        return upstreams[-1]

    async with running_app(transports=transport):
        pass
    # The first ones only served to read the settings; nothing was ever opened on them.
    assert [upstream.closed for upstream in upstreams[-2:]] == [True, True]


# --- a source at fault ---------------------------------------------------------------------------------------------

HTML = httpx.Response(200, text="<html>Please log in</html>", headers={"content-type": "text/html"})
FAULTS: list[tuple[Step, str]] = [
    (httpx.ConnectError("refused"), "UNAVAILABLE"),
    (hang, "TIMEOUT"),
    (httpx.Response(401, json={"detail": SECRET}), "UNAUTHENTICATED"),
    (httpx.Response(403, json={"detail": SECRET}), "FORBIDDEN"),
    (httpx.Response(404, text=SECRET), "NOT_FOUND"),
    (httpx.Response(429, headers={"retry-after": "3600"}), "RATE_LIMITED"),
    (httpx.Response(500, text=SECRET), "UNAVAILABLE"),
    (httpx.Response(302, headers={"location": "http://elsewhere.test/"}), "UNAVAILABLE"),
    (HTML, "BAD_RESPONSE"),
    (httpx.Response(200, content=b'{"count": 1, "resu', headers={"content-type": "application/json"}), "BAD_RESPONSE"),
    (httpx.Response(200, json=[]), "BAD_RESPONSE"),
    (httpx.Response(200, json={"results": None}), "BAD_RESPONSE"),
    (httpx.Response(200, json={"results": ["x" * 2000]}), "BAD_RESPONSE"),
]
QUERY = """
query($policy: SourceErrorPolicy! = PARTIAL) {
  executions(onSourceError: $policy) {
    partial
    totalCount
    edges { node { nativeId } }
    sources { source { name } state error { code message retryable retryAfterSeconds httpStatus } }
  }
  sources { name health { state error { code } } }
}
"""


@pytest.mark.parametrize("config", [AWX_AND_MEMORY, SCALE_AND_MEMORY])
@pytest.mark.parametrize(("step", "code"), FAULTS)
async def test_a_source_at_fault_costs_only_its_own_rows(
    config: str, step: Step, code: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    skip_pauses(monkeypatch)
    name = "awx" if config is AWX_AND_MEMORY else "scale"
    rows = {"calm": [execution("calm", n, created=n) for n in range(3)]}
    upstream = Upstream(step)
    with caplog.at_level(logging.DEBUG):
        async with running_app(config, rows=rows, environ={"TOKEN": SECRET}, transports=lambda _settings: upstream) as app:
            body = await app.answer(QUERY)
            strict = await app.answer(QUERY, {"policy": "FAIL"})
    page = body["data"]["executions"]
    assert "errors" not in body
    # Everything else is there.
    assert [edge["node"]["nativeId"] for edge in page["edges"]] == ["2", "1", "0"]
    assert (page["partial"], page["totalCount"]) == (True, None)
    reports = {report["source"]["name"]: report for report in page["sources"]}
    assert (reports["calm"]["state"], reports["calm"]["error"]) == ("OK", None)
    assert (reports[name]["state"], reports[name]["error"]["code"]) == ("FAILED", code)
    assert reports[name]["error"]["retryable"] is (code in ("UNAVAILABLE", "TIMEOUT", "RATE_LIMITED"))
    assert reports[name]["error"]["retryAfterSeconds"] == (3600 if code == "RATE_LIMITED" else None)
    # Who cannot use a part of the answer gets the fault for the whole of it.
    assert strict["data"]["executions"] is None
    (error,) = strict["errors"]
    assert (error["path"], error["extensions"]["code"], error["extensions"]["source"]) == (["executions"], code, name)
    # Nothing that the source or the operator wrote is shown.
    for text in (str(body), str(strict), caplog.text):
        assert SECRET not in text
    assert "<html>" not in str(body)


async def test_a_fault_is_health_until_the_next_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_pauses(monkeypatch)
    upstream = Upstream(httpx.Response(401))
    query = '{ source(name: "awx") { health { state checkedAt latencyMs error { code } } } }'
    async with running_app(AWX_AND_MEMORY, environ={"TOKEN": SECRET}, transports=lambda _settings: upstream) as app:
        unknown = (await app.data(query))["source"]["health"]
        assert unknown == {"state": "UNKNOWN", "checkedAt": None, "latencyMs": None, "error": None}
        await app.answer(QUERY)
        down = (await app.data(query))["source"]["health"]
        assert (down["state"], down["error"]) == ("DOWN", {"code": "UNAUTHENTICATED"})
        upstream.steps = [httpx.Response(200, json={"results": [], "next": None, "count": 0})]
        await app.answer(QUERY)
        up = (await app.data(query))["source"]["health"]
        assert (up["state"], up["error"]) == ("UP", None)
        assert up["checkedAt"].endswith("Z")
