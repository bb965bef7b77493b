"""What the AWX simulator answers when it does not answer with data."""

from typing import Any

_PAGE = """
<!doctype html>
<html lang="en">
<head>
  <title>{0}</title>
</head>
<body>
  <h1>{0}</h1><p>{1}</p>
</body>
</html>
"""

NOT_FOUND_PAGE = _PAGE.format("Not Found", "The requested resource was not found on this server.")
SERVER_ERROR_PAGE = _PAGE.format("Server Error (500)", "")


class FaultError(Exception):
    """An error answer: ``status`` and either a JSON ``body`` or, with ``body`` None, Django's HTML page.

    Contract section 1: unknown routes and every 500 are HTML since 24.3.0, all other errors are JSON.
    """

    def __init__(self, status: int, body: dict[str, Any] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


def refused(detail: str) -> FaultError:
    """400 with a ``detail`` sentence, as for filters that cannot be understood."""
    return FaultError(400, {"detail": detail})


def invalid_value(message: str) -> FaultError:
    """400 whose ``detail`` is a JSON array inside a string: Django's ValidationError as AWX sends it."""
    return refused(f'["{message}"]')


def forbidden(detail: str = "You do not have permission to perform this action.") -> FaultError:
    """403: an object that exists but may not be read, or a filter on a secret field."""
    return FaultError(403, {"detail": detail})


def missing(model: str) -> FaultError:
    """404 for an id that no row of ``model`` (Django's name, for example Job) has."""
    return FaultError(404, {"detail": f"No {model} matches the given query."})


def no_route() -> FaultError:
    """404 as the HTML page of an unknown route."""
    return FaultError(404)


def crash() -> FaultError:
    """500 as HTML: what AWX answers where it raises instead of refusing."""
    return FaultError(500)
