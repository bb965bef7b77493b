"""The operations that the pages send, known to the gateway by the hash of their text.

They live in ``static/documents``, one operation a file, named as the file is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources


@dataclass(frozen=True, slots=True)
class PersistedDocument:
    """An operation of the pages. ``id`` is ``sha256:`` and 64 hexadecimal digits over the text's UTF-8."""

    name: str
    id: str
    text: str


@cache
def documents() -> tuple[PersistedDocument, ...]:
    """Every operation, in order of names."""
    found = []
    for file in (resources.files(__package__) / "static" / "documents").iterdir():
        text = file.read_text(encoding="utf-8")
        found.append(
            PersistedDocument(file.name.removesuffix(".graphql"), f"sha256:{sha256(text.encode()).hexdigest()}", text)
        )
    return tuple(sorted(found, key=lambda document: document.name))


def persisted_documents() -> Mapping[str, str]:
    """Texts by ``documentId`` (GraphQL over HTTP, appendix "Persisted Documents")."""
    return {document.id: document.text for document in documents()}
