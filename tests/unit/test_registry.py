"""The configured sources: mistakes stop start-up with their place, names and aliases find their source."""

import os
import subprocess
import sys
from typing import Any

import pytest

from adapters.memory import factory as memory
from gateway.config import ConfigFile, SourceSettings, read_config
from gateway.errors import ConfigError, UserError
from gateway.registry import ALLOW_LIST, Registry, factory_of, installed_details, kinds
from tests.support import OK_UPSTREAM, Upstream


def opened(text: str, **environ: str) -> Registry:
    file = ConfigFile(text, "gw.yml", environ)
    return Registry.open(file, read_config(file), lambda _settings: Upstream(OK_UPSTREAM))


def mistake(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        opened(text)
    return str(caught.value)


THREE = """
sources:
  - {name: web, kind: memory, aliases: [www, old-web]}
  - {name: batch, kind: memory}
  - {name: Zeta, kind: memory}
"""


def test_sources_come_in_order_of_name() -> None:
    registry = opened(THREE)
    assert list(registry.sources) == ["Zeta", "batch", "web"]
    assert {source.kind for source in registry.sources.values()} == {"memory"}
    assert all(source.trusted for source in registry.sources.values())


@pytest.mark.parametrize("name", ["web", "www", "old-web"])
def test_a_name_and_its_aliases_find_the_source(name: str) -> None:
    registry = opened(THREE)
    assert registry.require(name) is registry.sources["web"]
    assert registry.find(name) is registry.sources["web"]


@pytest.mark.parametrize("name", ["", "WEB", "nobody", "é"])
def test_an_unknown_name_is_answered_with_the_known_ones(name: str) -> None:
    registry = opened(THREE)
    assert registry.find(name) is None
    with pytest.raises(UserError) as caught:
        registry.require(name)
    assert str(caught.value) == f"There is no source named {name!r}; the sources are Zeta, batch, web."


def test_each_kind_of_source_reads_its_own_settings() -> None:
    registry = opened(
        "sources:\n  - {name: s, kind: scale, base_url: 'http://scale.test/api/v3'}\n  - {name: m, kind: memory}"
    )
    assert registry.sources["s"].settings.base_url == "http://scale.test/api/v3/"
    # Scale answers slowly, with four workers: its adapter says so in its own settings.
    assert (registry.sources["s"].settings.max_concurrency, registry.sources["m"].settings.max_concurrency) == (4, 8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sources:\n  - {name: a}", "gw.yml:2: sources.0.kind: expected one of {kinds}"),
        ("sources:\n  - {name: a, kind: 7}", "gw.yml:2: sources.0.kind: expected one of {kinds}"),
        (
            "sources:\n  - name: a\n    kind: memory\n  - name: b\n    kind: jenkins",
            "gw.yml:5: sources.1.kind: unknown kind 'jenkins'; installed adapters: {kinds}",
        ),
        ("sources:\n  - {name: s, kind: scale}", "gw.yml:2: sources.0.base_url: Field required"),
        (
            "sources:\n  - {name: a, kind: memory}\n  - {name: b, kind: memory,\n     colour: red}",
            "gw.yml:4: sources.1.colour: unknown key",
        ),
        (
            "sources:\n  - name: a\n    kind: memory\n  - kind: memory\n    name: a",
            "gw.yml:5: sources.1: the name 'a' is taken already",
        ),
        (
            "sources:\n  - {name: a, kind: memory, aliases: [b]}\n  - {name: b, kind: memory}",
            "gw.yml:3: sources.1: the name 'b' is taken already",
        ),
        (
            "sources:\n  - {name: a, kind: memory, aliases: [c]}\n  - {name: b, kind: memory, aliases: [c]}",
            "gw.yml:3: sources.1: the name 'c' is taken already",
        ),
        ("sources:\n  - {name: a, kind: memory, aliases: [a]}", "gw.yml:2: sources.0: the name 'a' is taken already"),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    assert mistake(text) == message.format(kinds=", ".join(kinds()))


def test_nothing_is_contacted_on_opening() -> None:
    upstreams: list[Upstream] = []

    def transport(_settings: SourceSettings) -> Upstream:
        upstreams.append(Upstream(OK_UPSTREAM))
        return upstreams[-1]

    file = ConfigFile("sources: [{name: s, kind: scale, base_url: 'http://scale.test'}]", "gw.yml", {})
    Registry.open(file, read_config(file), transport)
    assert [upstream.requests for upstream in upstreams] == [[]]


async def test_closing_closes_every_source() -> None:
    upstreams: dict[str, Upstream] = {}

    def transport(settings: SourceSettings) -> Upstream:
        return upstreams.setdefault(settings.name, Upstream(OK_UPSTREAM))

    file = ConfigFile(THREE, "gw.yml", {})
    await Registry.open(file, read_config(file), transport).aclose()
    assert {name: upstream.closed for name, upstream in upstreams.items()} == {"web": True, "batch": True, "Zeta": True}


# --- adapters ------------------------------------------------------------------------------------------------------


def test_adapters_arrive_by_entry_points() -> None:
    assert {"memory", "awx", "scale"} <= set(kinds())
    assert kinds() == sorted(kinds())
    assert factory_of("memory") is memory
    assert set(installed_details()) == set(kinds())


def test_an_allow_list_hides_the_other_adapters() -> None:
    """Entry points are read once per process: another one is needed to see them restricted."""
    script = "from gateway.registry import kinds, installed_details; print(kinds(), list(installed_details()))"
    environ = {**os.environ, ALLOW_LIST: "memory, scale ,nobody"}
    run = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "['memory', 'scale'] ['memory', 'scale']"


def test_an_adapter_whose_needs_are_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lacking:
        dist = None

        def load(self) -> Any:
            raise ModuleNotFoundError("No module named 'boto3'", name="boto3")

    monkeypatch.setattr("gateway.registry._entry_points", lambda: {"aws-iot": Lacking()})
    factory_of.cache_clear()
    try:
        assert mistake("sources:\n  - {name: a, kind: aws-iot}") == (
            "gw.yml:2: sources.0.kind: the adapter 'aws-iot' lacks 'boto3': install execution-gateway[aws-iot]"
        )
    finally:
        factory_of.cache_clear()
