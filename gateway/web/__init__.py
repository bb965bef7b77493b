"""Web pages over the public API: start page, board and GraphiQL, all served without a network (docs: README.md)."""

from gateway.web.documents import persisted_documents
from gateway.web.pages import PATHS, routes

__all__ = ["PATHS", "persisted_documents", "routes"]
