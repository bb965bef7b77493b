"""What docs/clients.md tells people to write, written to files."""

import re
from pathlib import Path

from tests.compliance.node import MODULES, ROOT
from tests.live import Server

GUIDE = (ROOT / "docs" / "clients.md").read_text("utf-8")
DEMO = "http://127.0.0.1:8000/graphql"
_FILE = re.compile(r"```\w+ file=(\S+)\n(.*?)```", re.DOTALL)
_LIST = re.compile(r"```graphql\n(.*?)```", re.DOTALL)


def files() -> dict[str, str]:
    """The guide's files: path -> text."""
    return dict(_FILE.findall(GUIDE))


def list_query() -> str:
    """The query that all of its clients ask."""
    (text,) = _LIST.findall(GUIDE)
    return str(text)


def project(client: str, directory: Path, server: Server, kind: str = "module") -> Path:
    """A project in a directory as the guide's reader of one section has it, over a server instead of the demo."""
    home = directory / client
    for path, text in files().items():
        if path.startswith(f"{client}/"):
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text.replace(DEMO, server.http), "utf-8")
    (home / "schema.graphql").write_text((ROOT / "schema.graphql").read_text("utf-8"), "utf-8")
    (home / "package.json").write_text(f'{{"type": "{kind}"}}', "utf-8")
    (home / "operations").mkdir()
    (home / "operations" / "List.graphql").write_text(list_query(), "utf-8")
    (home / "node_modules").symlink_to(MODULES, target_is_directory=True)
    return home
