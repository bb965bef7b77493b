"""What the documents say of the code is so: pages are tried, links lead somewhere, tables agree with the code."""

import re
from pathlib import Path

import pytest

from adapters.aws_iot import AwsIotSettings
from adapters.awx import AwxSettings
from adapters.ctl_runner import CtlRunnerSettings
from adapters.scale import ScaleSettings
from adapters.threatconnect import ThreatConnectSettings
from gateway.config import ServerSettings, SourceSettings
from gateway.metrics import REGISTRY
from gateway.model import ExecutionStatus
from tests.docs import reference
from tests.docs.blocks import DOCS, ELSEWHERE, PAGES, ROOT, anchors, blocks, links, tables, text_of

DOCUMENTS = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
SETTINGS = (SourceSettings, AwsIotSettings, AwxSettings, CtlRunnerSettings, ScaleSettings, ThreatConnectSettings)


def test_every_page_is_tried_somewhere() -> None:
    assert {path.stem for path in DOCS.glob("*.md")} == {*PAGES, *ELSEWHERE}
    assert "```" not in text_of("architecture") + text_of("reference")
    assert {block.language for block in blocks()} == {"graphql", "json", "sh", "yaml"}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for link in links(path):
        if re.match(r"https?://", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_reference_is_current() -> None:
    assert text_of("reference") == reference.page(), "python -m tests.docs.reference > docs/reference.md"


def test_statuses() -> None:
    told = [tuple(row[:3]) for row in tables("concepts", "| status | phase | outcome | meaning |")]
    assert told == [(each.value, each.phase.value, each.outcome.value if each.outcome else "") for each in ExecutionStatus]


def test_every_setting_is_described() -> None:
    server = {name for name in ServerSettings.model_fields if not re.search(rf"\b{name}\b", text_of("operations"))}
    assert server == set()
    told = set(re.findall(r"`(\w+)`", text_of("sources")))
    assert {name for settings in SETTINGS for name in settings.model_fields} - told == set()


def test_every_metric_is_described_and_no_other() -> None:
    described = {row[0].strip("`") for row in tables("operations", "| metric | labels | what it counts |")}
    known = {each.name + ("_total" if each.type == "counter" else "") for each in REGISTRY.collect()}
    assert described == known
    series = known | {f"{each.name}_bucket" for each in REGISTRY.collect() if each.type == "histogram"}
    for page in PAGES:
        assert set(re.findall(r"\bgateway_[a-z_]+\b", text_of(page))) <= series


def test_defaults_of_settings() -> None:
    """Tables of ``key | default`` name what pydantic has, where the default is a number or a truth value."""
    server = tables("operations", "| key | default | bounds |")
    source = tables("sources", "| key | default | what it is |")
    assert len(server) > 10
    for settings, table in ((ServerSettings, server), (SourceSettings, source)):
        for key, shown, *_ in table:
            name = key.strip("`").removeprefix("server.")
            if name in settings.model_fields and re.fullmatch(r"`?[\d ]+`?|`true`|`false`", shown):
                default = settings.model_fields[name].default
                assert str(default).lower().removesuffix(".0") == shown.strip("`").replace(" ", ""), key
