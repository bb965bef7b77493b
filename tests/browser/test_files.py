"""The pages as files and routes: what is served, how, and to whom."""

import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from importlib import resources

import httpx
import pytest
from graphql import OperationDefinitionNode, build_schema, parse, validate

from gateway import web
from gateway.api.schema import public_sdl
from gateway.app import create_app
from gateway.config import ConfigFile
from gateway.web.documents import documents
from gateway.web.pages import GRAPHIQL_POLICY, STRICT_POLICY

KEY = "open-sesame"
LOCKED = f"api_keys: [{sha256(KEY.encode()).hexdigest()}]"


@asynccontextmanager
async def asked(server: str = "") -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(ConfigFile(f"server: {{{server}}}\nsources: [{{name: alpha, kind: memory}}]", "pages"))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client,
    ):
        yield client


@pytest.mark.parametrize("server", ["", LOCKED], ids=["open", "locked"])
async def test_every_file_is_served_to_everyone(server: str) -> None:
    assert {"/", "/board", "/graphiql", "/schema.graphql", "/static/documents.json", "/static/gateway.js"} <= web.PATHS
    async with asked(server) as client:
        for path in web.PATHS:
            answer = await client.get(path)
            assert answer.status_code == 200, path
            assert answer.headers["content-security-policy"] == (GRAPHIQL_POLICY if path == "/graphiql" else STRICT_POLICY)
            assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_key_is_needed_for_everything_else() -> None:
    async with asked(LOCKED) as client:
        for path in ("/graphql", "/metrics", "/static", "/static/", "/static/../metrics", "/board/"):
            assert (await client.get(path)).status_code == 401, path


async def test_no_pages_where_the_settings_want_none() -> None:
    async with asked("pages: false") as client:
        assert {(await client.get(path)).status_code for path in web.PATHS} == {404}
        assert (await client.get("/healthz")).status_code == 200


async def test_no_schema_where_it_is_hidden() -> None:
    async with asked("introspection: false") as client:
        assert (await client.get("/schema.graphql")).status_code == 404
        assert (await client.get("/graphiql")).status_code == 200


@pytest.mark.parametrize("path", ["/static/graphiql/graphql.worker.js", "/board"])
async def test_compressed_to_who_takes_that_and_sent_once(path: str) -> None:
    async with asked() as client:
        plain = await client.get(path, headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        for accepted in ("gzip", "br, GZIP;q=0.5", "*"):
            packed = await client.get(path, headers={"Accept-Encoding": accepted})
            assert packed.headers["content-encoding"] == "gzip"
            assert packed.headers["vary"] == "Accept-Encoding"
            assert packed.content == plain.content
        for refused in ("gzip;q=0", "gzip; q=0.0, *", "br", ""):
            answer = await client.get(path, headers={"Accept-Encoding": refused})
            assert "content-encoding" not in answer.headers, refused
        assert plain.headers["etag"] != packed.headers["etag"]
        for known in (packed.headers["etag"], f'"other", W/{packed.headers["etag"]}'):
            again = await client.get(path, headers={"Accept-Encoding": "gzip", "If-None-Match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", packed.headers["etag"])


def test_documents_are_valid_operations_of_their_name() -> None:
    schema = build_schema(public_sdl())
    for document in documents():
        parsed = parse(document.text)
        assert validate(schema, parsed) == [], document.name
        (operation,) = (node for node in parsed.definitions if isinstance(node, OperationDefinitionNode))
        assert operation.name is not None
        assert operation.name.value == document.name


async def test_documents_are_known_by_their_hash() -> None:
    known = web.persisted_documents()
    assert known
    assert all(identity == f"sha256:{sha256(text.encode()).hexdigest()}" for identity, text in known.items())
    async with asked() as client:
        served = (await client.get("/static/documents.json")).json()
        assert {each["id"]: each["text"] for each in served.values()} == known
        answer = await client.post("/graphql", json={"documentId": served["Sources"]["id"]})
        assert [source["name"] for source in answer.json()["data"]["sources"]] == ["alpha"]


async def test_examples_name_documents() -> None:
    async with asked() as client:
        examples = (await client.get("/static/examples.json")).json()
    assert {example["name"] for example in examples} <= {document.name for document in documents()}


def test_graphiql_is_built_from_the_lockfile_and_keeps_notices() -> None:
    package = resources.files("gateway.web")
    folder = package / "static" / "graphiql"
    files = {file.name for file in folder.iterdir()}
    names = ("graphiql.css", "graphiql.js", "editor.worker.js", "graphql.worker.js", "json.worker.js", "NOTICES.txt")
    assert files == {"index.html", *(f"{name}.gz" for name in names)}
    notices = gzip.decompress((folder / "NOTICES.txt.gz").read_bytes()).decode()
    locked = json.loads((package / "build" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    for name in ("graphiql", "@graphiql/plugin-explorer", "monaco-editor", "graphql", "graphql-ws", "react", "react-dom"):
        assert f"\n{name} {locked[f'node_modules/{name}']['version']} (MIT)\n" in notices, name
