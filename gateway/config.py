"""The configuration: one YAML file, every key known, every secret from the environment or a file.

A mistake raises ConfigError naming the file, the line, the key and what was expected. ``${VAR}`` inside any text is replaced
by an environment variable; ``file:PATH`` as the whole of a secret is replaced by that file's content (one trailing line end
dropped). Secrets are ``SecretStr``: they do not show in representations, logs or errors.
"""

import os
import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from gateway.errors import ConfigError

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET_KEYS = frozenset({"token", "password", "secret", "cursor_key", "secret_access_key", "session_token"})
_AUTH_TYPES = frozenset({"none", "basic", "bearer", "token", "hmac", "login"})
_LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost"})

SourceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and url.isascii()
            and not re.search(r"[?#\s@]", url)
            and (parts.port is None or 0 < parts.port < 65536)
        )
    except ValueError:
        return False


def _read_secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if text.startswith("file:"):
        try:
            text = Path(text.removeprefix("file:")).read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ValueError(f"the secret's file cannot be read: {reason}") from None
    if not text:
        raise ValueError("the secret is empty")
    return SecretStr(text)


def _check_header(secret: SecretStr) -> SecretStr:
    # A header that cannot be sent would fail on every request, with the secret in the exception.
    if not re.fullmatch(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?", secret.get_secret_value()):
        raise ValueError("the secret has characters that no HTTP header may carry")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_read_secret)]
HeaderSecret = Annotated[Secret, AfterValidator(_check_header)]


class Strict(BaseModel):
    """Settings that refuse unknown keys and never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class NoAuth(Strict):
    """No credentials."""

    type: Literal["none"] = "none"


class BasicAuth(Strict):
    """HTTP Basic."""

    type: Literal["basic"]
    username: str
    password: Secret


class BearerAuth(Strict):
    """``Authorization: Bearer <token>``."""

    type: Literal["bearer"]
    token: HeaderSecret


class TokenAuth(Strict):
    """``Authorization: <scheme> <token>``: ThreatConnect's TC-Token, Scale 7's Token."""

    type: Literal["token"]
    token: HeaderSecret
    scheme: str = "TC-Token"


class HmacAuth(Strict):
    """ThreatConnect's signature: ``Authorization: TC <access_id>:<signature>``."""

    type: Literal["hmac"]
    access_id: str
    secret: Secret


class LoginAuth(Strict):
    """A bearer token that a login gives for user name and password (CTL Runner)."""

    type: Literal["login"]
    login_url: str = Field(pattern=r"^https?://[^?#\s]+$")
    username: str
    password: Secret


AuthSettings = Annotated[NoAuth | BasicAuth | BearerAuth | TokenAuth | HmacAuth | LoginAuth, Field(discriminator="type")]


class BudgetSettings(Strict):
    """How much of a source one page may read (DECISIONS 11)."""

    rows: int = Field(5000, ge=1)
    requests: int = Field(100, ge=1)
    seconds: float = Field(10.0, gt=0)


class SourceSettings(Strict):
    """What every source has; an adapter's factory adds its own keys by inheriting.

    ``aliases`` are former names whose ids and cursors stay valid. ``expose_raw`` lets people read redacted upstream records
    in ``raw``. ``ui_url`` is where links into the source's own pages begin. ``max_concurrency`` is how many requests may be
    in flight to it at once. ``max_response_bytes`` caps one answer.

    ``http`` is what carries requests. ``fast`` goes straight to the source, whatever the environment says. ``standard`` is
    httpx's own engine: it goes through the proxies that HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY name, and where
    ``verify_tls`` is true it trusts the authorities of SSL_CERT_FILE and SSL_CERT_DIR.
    """

    name: SourceName
    kind: str
    display_name: str | None = None
    aliases: tuple[SourceName, ...] = ()
    base_url: str | None = None
    ui_url: str | None = None
    auth: AuthSettings = NoAuth()
    headers: Mapping[str, HeaderSecret] = Field(default_factory=dict)
    verify_tls: bool | Path = True
    http: Literal["fast", "standard"] = "fast"
    timeout_seconds: float = Field(8.0, gt=0)
    max_concurrency: int = Field(8, ge=1)
    max_response_bytes: int = Field(64 * 1024 * 1024, ge=1024)
    budget: BudgetSettings = BudgetSettings()
    expose_raw: bool = False

    @field_validator("base_url", "ui_url")
    @classmethod
    def _is_http(cls, url: str | None) -> str | None:
        if url is not None and not _is_address(url):
            raise ValueError("expected an http:// or https:// address without query")
        return url if url is None or url.endswith("/") else url + "/"


class ServerSettings(Strict):
    """How the gateway itself is served.

    ``api_keys`` are SHA-256 digests in hexadecimal of the keys that clients send as ``Authorization: Bearer <key>`` or
    ``X-API-Key``; without any, everyone who can connect may read. ``cursor_key`` signs cursors: give every replica the same,
    or cursors die with the process. ``cors_origins`` lists origins of browser pages that may call; ``*`` means any.
    ``stats_budget`` is what one question for statistics may spend on each source.
    ``pages: false`` serves no web pages: neither start page nor board nor GraphiQL.
    ``introspection: false`` hides the schema, and suggestions in errors, from clients. ``compile: false`` (or
    EXECUTION_GATEWAY_COMPILE=0 in the environment) leaves execution to graphql-core: the same answers, slower.
    """

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    workers: int = Field(1, ge=1)
    api_keys: tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")], ...] = ()
    allow_anonymous: bool = False
    cursor_key: Secret | None = None
    cors_origins: tuple[str, ...] = ()
    deadline_seconds: float = Field(15.0, gt=0)
    max_body_bytes: int = Field(256 * 1024, ge=1024)
    each_reads: int = Field(100, ge=0)
    each_seconds: float = Field(3.0, gt=0)
    nested_lists: int = Field(50, ge=1)
    max_ids: int = Field(100, ge=1)
    stats_budget: BudgetSettings = BudgetSettings(rows=10_000, requests=200, seconds=10.0)
    max_depth: int = Field(20, ge=1)
    max_aliases: int = Field(100, ge=0)
    max_roots: int = Field(50, ge=1)
    max_cost: int = Field(100_000, ge=1)
    introspection: bool = True
    pages: bool = True
    compile: bool = Field(default_factory=lambda: os.environ.get("EXECUTION_GATEWAY_COMPILE", "1") != "0")
    poll_seconds: float = Field(2.0, gt=0)
    kept_scan_seconds: float = Field(60.0, ge=0)
    kept_scan_bytes: int = Field(64 * 1024 * 1024, ge=0)

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host in _LOOPBACK_NAMES

    def check_exposure(self) -> None:
        """Refuse to serve others without a key. Raises ConfigError."""
        if not (self.loopback or self.api_keys or self.allow_anonymous):
            raise ConfigError(
                f"server.host {self.host} can be reached from other machines, but server.api_keys is empty: give the "
                "SHA-256 of at least one key, bind to 127.0.0.1, or set server.allow_anonymous: true"
            )


class Config(Strict):
    """The whole file. ``sources`` are still plain mappings here: the registry reads each with its adapter's settings."""

    server: ServerSettings = ServerSettings()
    sources: tuple[dict[str, Any], ...] = Field(min_length=1)


class ConfigFile:
    """A YAML document that remembers its lines, so that a mistake can be pointed at."""

    def __init__(self, text: str, name: str, environ: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._environ = os.environ if environ is None else environ
        try:
            self._root = yaml.compose(text, Loader=yaml.SafeLoader)
            _refuse_repeats(self._root, name, ())
            data = yaml.load(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"{name}:{mark.line + 1}" if mark else name
            raise ConfigError(f"{where}: not valid YAML: {getattr(error, 'problem', None) or 'unreadable'}") from error
        self._written = data
        self.data = self._expand(data, ())

    @classmethod
    def read(cls, path: Path) -> "ConfigFile":
        """The file at ``path``. Raises ConfigError when it cannot be read."""
        try:
            return cls(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ConfigError(f"{path}: cannot be read: {reason}") from error

    def parse(self, settings: type[Strict], data: Any, path: tuple[str | int, ...] = ()) -> Any:
        """``data`` (found at ``path`` of the document) as ``settings``. Raises ConfigError listing every mistake."""
        try:
            return settings.model_validate(data)
        except ValidationError as error:
            raise ConfigError("\n".join(self._sentences(error, path))) from None

    def literal_secrets(self) -> list[str]:
        """Where the document spells a secret out instead of naming a variable or a file."""
        found = []
        pending: list[tuple[Any, tuple[str | int, ...]]] = [(self._written, ())]
        while pending:
            value, path = pending.pop()
            if isinstance(value, dict):
                pending += [(member, (*path, key)) for key, member in value.items()]
            elif isinstance(value, list):
                pending += [(member, (*path, index)) for index, member in enumerate(value)]
            elif (
                isinstance(value, str)
                and path[-1] in _SECRET_KEYS
                and not (_VARIABLE.search(value) or value.startswith("file:"))
            ):
                found.append(f"{self.where(path)}: {'.'.join(str(step) for step in path)}")
        return sorted(found)

    def where(self, path: tuple[str | int, ...]) -> str:
        """``file:line`` of the innermost part of ``path`` that the document has."""
        node, line = self._root, self._root.start_mark.line if self._root else 0
        for step in path:
            found = None
            if isinstance(node, yaml.MappingNode):
                for key, value in node.value:
                    if key.value == str(step):
                        found, line = value, key.start_mark.line
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                found = node.value[step]
                line = found.start_mark.line
            if found is None:
                break
            node = found
        return f"{self.name}:{line + 1}"

    def _sentences(self, error: ValidationError, prefix: tuple[str | int, ...]) -> Iterator[str]:
        problems = error.errors(include_input=False, include_url=False)
        # A member that is wrong in itself also makes its list too short: one sentence is enough.
        problems = [each for each in problems if each["type"] != "too_short"] or problems
        for problem in problems:
            path = self._written_path(prefix + tuple(problem["loc"]))
            shown = ".".join(str(step) for step in path) or "the document"
            message = "unknown key" if problem["type"] == "extra_forbidden" else problem["msg"].removeprefix("Value error, ")
            yield f"{self.where(path)}: {shown}: {message}"

    def _written_path(self, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
        """The path as the document has it: pydantic puts the kind of auth into it, which nobody wrote there."""
        return tuple(
            step for index, step in enumerate(path) if not (index and path[index - 1] == "auth" and step in _AUTH_TYPES)
        )

    def _expand(self, value: Any, path: tuple[str | int, ...]) -> Any:
        match value:
            case dict():
                return {key: self._expand(member, (*path, key)) for key, member in value.items()}
            case list():
                return [self._expand(member, (*path, index)) for index, member in enumerate(value)]
            case str():
                return _VARIABLE.sub(lambda match: self._variable(match[1], path), value)
            case _:
                return value

    def _variable(self, name: str, path: tuple[str | int, ...]) -> str:
        if name not in self._environ:
            shown = ".".join(str(step) for step in path)
            raise ConfigError(f"{self.where(path)}: {shown}: the environment variable {name} is not set")
        return self._environ[name]


def _refuse_repeats(node: yaml.Node | None, name: str, above: tuple[yaml.Node, ...]) -> None:
    """YAML lets the last of equal keys win silently, and a document contain itself: both are mistakes here."""
    if node in above:
        raise ConfigError(f"{name}:{node.start_mark.line + 1}: the document contains itself")
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                raise ConfigError(f"{name}:{key.start_mark.line + 1}: the key {key.value!r} is there twice")
            seen.add(key.value)
            _refuse_repeats(value, name, (*above, node))
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_repeats(value, name, (*above, node))


def read_config(file: ConfigFile) -> Config:
    """The document as ``Config``. Raises ConfigError."""
    if not isinstance(file.data, dict):
        raise ConfigError(f"{file.where(())}: expected a mapping with the keys server and sources")
    config: Config = file.parse(Config, file.data)
    return config
