"""The fenced blocks of the pages in docs/ whose every block is run here, and the documents' links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

PAGES = ("README", "quickstart", "concepts", "sources", "recipes", "operations", "security")
"""Pages whose blocks are run here."""

ELSEWHERE = {
    "adapters": "tests/contract/test_adapters_guide.py",
    "architecture": "no blocks",
    "clients": "tests/compliance",
    "reference": "generated; no blocks",
}
"""The other pages, and where what they show is tried."""

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. ``where`` is page and line, ``follower`` the block right after it, if there is one."""

    where: str
    language: str
    text: str
    follower: "Block | None" = None


def text_of(page: str) -> str:
    """A page of docs/."""
    return (DOCS / f"{page}.md").read_text("utf-8")


def blocks(*languages: str) -> list[Block]:
    """All blocks of ``PAGES`` in these languages, in order; of all languages without any."""
    return [block for page in PAGES for block in _blocks(page) if not languages or block.language in languages]


def tables(page: str, head: str) -> list[list[str]]:
    """The cells of the rows of all tables of a page that begin with the line ``head``."""
    _, *rests = text_of(page).split(head + "\n")
    assert rests, head
    lines = (line for rest in rests for line in rest.split("\n\n")[0].splitlines()[1:])
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def links(path: Path) -> list[str]:
    """Where a document's links lead."""
    return _LINK.findall(path.read_text("utf-8"))


def anchors(path: Path) -> set[str]:
    """What links can name in a document, as GitHub makes it from headings."""
    headings = _HEADING.findall(_FENCE.sub("", path.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _blocks(page: str) -> Iterator[Block]:
    text = text_of(page)
    follower: Block | None = None
    begins = len(text)
    found = []
    for match in reversed([*_FENCE.finditer(text)]):
        adjacent = follower if not text[match.end() : begins].strip() else None
        line = text.count("\n", 0, match.start()) + 1
        follower = Block(f"docs/{page}.md:{line}", match[1], match[2], adjacent)
        begins = match.start()
        found.append(follower)
    return reversed(found)
