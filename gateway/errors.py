"""Everything that can go wrong, as one tree::

    GatewayError
    |-- UserError             the caller's input; extensions.code BAD_USER_INPUT
    |-- ConfigError           the operator's configuration; stops start-up
    `-- SourceError           one source's fault, with a SourceErrorCode; costs only that source's rows

Messages of a SourceError are safe to show: they never quote an upstream body, a URL with a query, or a credential.
"""

from gateway.model import Documented


class GatewayError(Exception):
    """Base of all errors this package raises on purpose."""


class UserError(GatewayError):
    """The request cannot be served as written; the message tells the caller what to change."""


class ConfigError(GatewayError):
    """The configuration cannot be used; the message names the file, the key and what was expected."""


class SourceErrorCode(Documented):
    """Faults that adapters may raise; everything else is INTERNAL."""

    UNAUTHENTICATED = "UNAUTHENTICATED", "It did not accept the gateway's credentials."
    FORBIDDEN = "FORBIDDEN", "The credentials are accepted, but may not see this."
    NOT_FOUND = "NOT_FOUND", "The address or object does not exist in it."
    RATE_LIMITED = "RATE_LIMITED", "It asks for fewer requests."
    TIMEOUT = "TIMEOUT", "It did not answer in time."
    UNAVAILABLE = "UNAVAILABLE", "It cannot be reached, or says that it cannot serve now."
    BAD_RESPONSE = "BAD_RESPONSE", "It answered with something the adapter cannot read."
    UNSUPPORTED = "UNSUPPORTED", "The query needs something it cannot do."
    TRUNCATED = "TRUNCATED", "A budget of this gateway ended before everything was read."
    CURSOR_EXPIRED = "CURSOR_EXPIRED", "A resume token it issued is no longer honoured."
    INTERNAL = "INTERNAL", "A fault of the gateway itself."


_RETRYABLE = frozenset({SourceErrorCode.RATE_LIMITED, SourceErrorCode.TIMEOUT, SourceErrorCode.UNAVAILABLE})


class SourceError(GatewayError):
    """A fault of one source.

    Raised by the transport and adapters; reported as data (``SourceReport.error``) or, for a single field, as a GraphQL
    error with ``extensions.code`` and ``extensions.source``. ``retry_after`` is in seconds.
    """

    def __init__(
        self,
        code: SourceErrorCode,
        message: str,
        *,
        source: str = "",
        http_status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.source = source
        self.http_status = http_status
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later without anybody changing anything."""
        return self.code in _RETRYABLE
