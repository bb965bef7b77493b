"""The configuration: every mistake is named with file, line and key; secrets come from outside and never show."""

import logging
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.config import BasicAuth, BearerAuth, Config, ConfigFile, ServerSettings, SourceSettings, TokenAuth, read_config
from gateway.errors import ConfigError

SECRET = "hush-hush-4711"
DIGEST = "a" * 64


def parsed(text: str, environ: Mapping[str, str] | None = None) -> tuple[Config, list[SourceSettings]]:
    """The whole configuration, each source read with the settings that all sources have."""
    file = ConfigFile(text, "gw.yml", environ or {})
    config = read_config(file)
    sources = [file.parse(SourceSettings, data, ("sources", index)) for index, data in enumerate(config.sources)]
    return config, sources


def mistake(text: str, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        parsed(text, environ)
    return str(caught.value)


def one_source(lines: str) -> SourceSettings:
    _, (source,) = parsed("sources:\n  - name: a\n    kind: memory\n" + lines, {"TOKEN": SECRET})
    return source


def test_defaults() -> None:
    config, (source,) = parsed("sources: [{name: a, kind: memory}]")
    server = config.server
    assert (server.host, server.port, server.workers, server.api_keys) == ("127.0.0.1", 8000, 1, ())
    assert (server.deadline_seconds, server.each_reads, server.each_seconds) == (15, 100, 3)
    assert (server.nested_lists, server.max_ids) == (50, 100)
    assert (source.budget.rows, source.budget.requests, source.budget.seconds) == (5000, 100, 10)
    assert (source.auth.type, source.verify_tls, source.expose_raw, source.aliases) == ("none", True, False, ())


def test_everything_given() -> None:
    config, (source,) = parsed(
        f"""
server: {{host: 0.0.0.0, port: 80, api_keys: [{DIGEST}], cors_origins: ["https://ui.example"], cursor_key: "${{TOKEN}}"}}
sources:
  - name: awx-prod
    kind: awx
    display_name: Production
    aliases: [tower]
    base_url: https://${{HOST}}:8443/api/v2
    auth: {{type: basic, username: reader, password: "${{TOKEN}}"}}
    headers: {{X-Team: "${{TOKEN}}"}}
    budget: {{rows: 10, requests: 2, seconds: 0.5}}
    expose_raw: true
""",
        {"TOKEN": SECRET, "HOST": "awx.example"},
    )
    assert config.server.cors_origins == ("https://ui.example",)
    assert config.server.cursor_key is not None
    assert config.server.cursor_key.get_secret_value() == SECRET
    # A base URL ends in a slash, so that paths can be put after it.
    assert source.base_url == "https://awx.example:8443/api/v2/"
    assert isinstance(source.auth, BasicAuth)
    assert (source.auth.username, source.auth.password.get_secret_value()) == ("reader", SECRET)
    assert source.headers["X-Team"].get_secret_value() == SECRET
    assert (source.budget.rows, source.aliases, source.expose_raw) == (10, ("tower",), True)


URL = "expected an http:// or https:// address without query"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "gw.yml:1: expected a mapping with the keys server and sources"),
        ("# nothing but a comment\n", "gw.yml:1: expected a mapping with the keys server and sources"),
        ("just words", "gw.yml:1: expected a mapping with the keys server and sources"),
        ("[a, b]", "gw.yml:1: expected a mapping with the keys server and sources"),
        ("sources:\n  - a: [1\n    b: 2", "gw.yml:3: not valid YAML: expected ',' or ']', but got ':'"),
        ("sources:\n\t- a", "gw.yml:2: not valid YAML: found character '\\t' that cannot start any token"),
        ("a: 1\n---\nb: 2", "gw.yml:2: not valid YAML: but found another document"),
        ("a: \x00", "gw.yml: not valid YAML: unreadable"),
        (
            "a: !!python/object:os.system {}",
            "gw.yml:1: not valid YAML: could not determine a constructor for the tag "
            "'tag:yaml.org,2002:python/object:os.system'",
        ),
        ("server: {}", "gw.yml:1: sources: Field required"),
        ("sources: []", "gw.yml:1: sources: Tuple should have at least 1 item after validation, not 0"),
        # An unknown key is shown with its own line.
        ("server:\n  port: 1\n  prot: 2\nsources: [{name: a, kind: memory}]", "gw.yml:3: server.prot: unknown key"),
        ("sources: [{name: a, kind: memory}]\nsuorces: []", "gw.yml:2: suorces: unknown key"),
        (
            "sources:\n  - name: a\n    kind: memory\n    budget:\n      rosw: 1",
            "gw.yml:5: sources.0.budget.rosw: unknown key",
        ),
        (
            "sources:\n  - name: a\n    kind: memory\n  - name: b\n    kind: memory\n    timeout: 1",
            "gw.yml:6: sources.1.timeout: unknown key",
        ),
        # Values.
        (
            "server:\n  port: 65536\nsources: [{name: a, kind: memory}]",
            "gw.yml:2: server.port: Input should be less than or equal to 65535",
        ),
        (
            "server: {api_keys: [secret]}\nsources: [{name: a, kind: memory}]",
            "gw.yml:1: server.api_keys.0: String should match pattern '^[0-9a-f]{64}$'",
        ),
        (
            "sources:\n  - kind: memory\n    name: a b",
            "gw.yml:3: sources.0.name: String should match pattern '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'",
        ),
        ("sources:\n  - kind: memory", "gw.yml:2: sources.0.name: Field required"),
        *(
            (f'sources:\n  - name: a\n    kind: awx\n    base_url: "{url}"', f"gw.yml:4: sources.0.base_url: {URL}")
            for url in (
                "awx.example",
                "ftp://awx.example/",
                "http://",
                "http:///api",
                "http://a/?q=1",
                "http://a/#x",
                "http://a b/",
            )
        ),
        ('sources:\n  - name: a\n    kind: awx\n    ui_url: "awx.example"', f"gw.yml:4: sources.0.ui_url: {URL}"),
        (
            "sources:\n  - {name: a, kind: awx, timeout_seconds: 0}",
            "gw.yml:2: sources.0.timeout_seconds: Input should be greater than 0",
        ),
        (
            "sources:\n  - name: a\n    kind: awx\n    auth: {type: magic}",
            "gw.yml:4: sources.0.auth: Input tag 'magic' found using 'type' does not match any of the expected tags: "
            "'none', 'basic', 'bearer', 'token', 'hmac', 'login'",
        ),
    ],
)
def test_mistakes_are_named(text: str, message: str) -> None:
    assert mistake(text) == message


def test_a_source_that_is_no_mapping_is_named() -> None:
    assert mistake("sources:\n  - just a name").splitlines()[0] == "gw.yml:2: sources.0: Input should be a valid dictionary"


def test_every_mistake_is_named_at_once() -> None:
    text = "server:\n  prot: 1\n  port: x\nsources:\n  - {}"
    lines = mistake(text).splitlines()
    assert [line.split(": ")[:2] for line in lines] == [["gw.yml:3", "server.port"], ["gw.yml:2", "server.prot"]]


# --- the environment, files ----------------------------------------------------------------------------------------


def test_variables_are_replaced_inside_any_text() -> None:
    environ = {"HOST": "h", "PORT": "9", "EMPTY": ""}
    _, (source,) = parsed(
        "sources: [{name: a, kind: memory, base_url: 'http://${HOST}:${PORT}', display_name: '${EMPTY}$HOST ${'}]", environ
    )
    assert source.base_url == "http://h:9/"
    assert source.display_name == "$HOST ${"


def test_a_replaced_variable_is_not_read_again() -> None:
    _, (source,) = parsed("sources: [{name: a, kind: memory, display_name: '${A}'}]", {"A": "${B}", "B": "no"})
    assert source.display_name == "${B}"


def test_an_unset_variable_is_named_with_its_place() -> None:
    text = "sources:\n  - name: a\n    kind: awx\n    auth:\n      type: bearer\n      token: ${AWX_TOKEN}"
    assert mistake(text) == "gw.yml:6: sources.0.auth.token: the environment variable AWX_TOKEN is not set"


def test_a_secret_from_a_file_loses_one_line_end(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_bytes(SECRET.encode() + b"\r\n")
    source = one_source(f"    auth: {{type: bearer, token: 'file:{secret}'}}")
    assert isinstance(source.auth, BearerAuth)
    assert source.auth.token.get_secret_value() == SECRET


def test_only_secrets_are_read_from_files(tmp_path: Path) -> None:
    assert one_source(f"    display_name: 'file:{tmp_path}'").display_name == f"file:{tmp_path}"


def test_a_secret_file_that_cannot_be_read(tmp_path: Path) -> None:
    line = "sources:\n  - name: a\n    kind: memory\n    auth: {{type: bearer, token: 'file:{}'}}"
    reason = "the secret's file cannot be read"
    assert mistake(line.format(tmp_path / "absent")).endswith(f"token: {reason}: No such file or directory")
    assert mistake(line.format(tmp_path)).endswith(f"token: {reason}: Is a directory")


def test_an_empty_secret_is_none() -> None:
    text = "sources:\n  - name: a\n    kind: memory\n    auth: {type: bearer, token: '${TOKEN}'}"
    assert mistake(text, {"TOKEN": ""}).endswith("token: the secret is empty")


def test_reading_the_file_itself(tmp_path: Path) -> None:
    path = tmp_path / "gw.yml"
    with pytest.raises(ConfigError) as caught:
        ConfigFile.read(path)
    assert str(caught.value) == f"{path}: cannot be read: No such file or directory"
    path.write_bytes(b"sources: \xff")
    with pytest.raises(ConfigError) as caught:
        ConfigFile.read(path)
    assert str(caught.value) == f"{path}: cannot be read: it is not UTF-8"
    path.write_text("sources: [{name: é, kind: memory}]", encoding="utf-8")
    assert ConfigFile.read(path).data == {"sources": [{"name": "é", "kind": "memory"}]}


def test_the_environment_is_the_process_s_own_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_TEST_NAME", "here")
    assert ConfigFile("a: ${GATEWAY_TEST_NAME}", "gw.yml").data == {"a": "here"}


# --- secrets -------------------------------------------------------------------------------------------------------

SECRETIVE = """
server: {cursor_key: "${TOKEN}"}
sources:
  - {name: a, kind: memory, auth: {type: bearer, token: "${TOKEN}"}}
  - {name: b, kind: memory, auth: {type: basic, username: u, password: "${TOKEN}"}, headers: {X-Key: "${TOKEN}"}}
  - {name: c, kind: memory, auth: {type: token, token: "${TOKEN}"}}
  - {name: d, kind: memory, auth: {type: hmac, access_id: "1", secret: "${TOKEN}"}}
  - {name: e, kind: memory, auth: {type: login, login_url: "http://l/", username: u, password: "${TOKEN}"}}
"""


def test_secrets_show_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    config, sources = parsed(SECRETIVE, {"TOKEN": SECRET})
    with caplog.at_level(logging.DEBUG):
        for settings in (config.server, *sources):
            logging.getLogger("test").info("%s %r", settings, settings)
            assert SECRET not in f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"
    assert SECRET not in caplog.text
    assert isinstance(sources[2].auth, TokenAuth)
    assert (sources[2].auth.scheme, sources[2].auth.token.get_secret_value()) == ("TC-Token", SECRET)


@pytest.mark.parametrize(
    "auth",
    [
        "{type: bearer, tokn: '${TOKEN}'}",
        "{type: bearer, token: ['${TOKEN}']}",
        "{type: basic, password: '${TOKEN}'}",
        "{token: '${TOKEN}'}",
        "'${TOKEN}'",
    ],
)
def test_mistakes_about_secrets_do_not_quote_them(auth: str) -> None:
    message = mistake(f"sources:\n  - name: a\n    kind: memory\n    auth: {auth}", {"TOKEN": SECRET})
    assert "sources.0.auth" in message
    assert SECRET not in message


def test_not_even_the_reader_s_own_mistakes_quote_secrets() -> None:
    with pytest.raises(ValidationError) as caught:
        SourceSettings.model_validate({"name": "a", "kind": "k", "headers": {"X-Key": [SECRET]}, "auth": SECRET})
    assert "headers.X-Key" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_settings_never_change() -> None:
    config, _ = parsed("sources: [{name: a, kind: memory}]")
    with pytest.raises(ValidationError, match="frozen"):
        config.server.port = 1  # type: ignore[misc]


# --- exposure ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_needs_no_key(host: str) -> None:
    server = ServerSettings(host=host)
    assert server.loopback
    server.check_exposure()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "gateway.example", "localhost.example", "127.0.0.1.example"])
def test_others_may_read_only_with_a_key_or_when_told_so(host: str) -> None:
    with pytest.raises(ConfigError, match=r"server\.api_keys is empty"):
        ServerSettings(host=host).check_exposure()
    ServerSettings(host=host, api_keys=(DIGEST,)).check_exposure()
    ServerSettings(host=host, allow_anonymous=True).check_exposure()
