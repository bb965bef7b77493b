"""How AWS IoT says no: error codes, their statuses, and the form of the answer."""

from collections.abc import Mapping

import orjson
from starlette.responses import Response

STATUSES: Mapping[str, int] = {
    "InvalidRequestException": 400,
    "ThrottlingException": 400,
    "UnauthorizedException": 401,
    "AccessDeniedException": 403,
    "ExpiredTokenException": 403,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "UnrecognizedClientException": 403,
    "ResourceNotFoundException": 404,
    "UnknownOperationException": 404,
    "InternalFailureException": 500,
    "ServiceUnavailableException": 503,
}
"""Contract, section 1, "Errors"; UnknownOperationException is AWS's usual answer to a request that fits no operation."""


class ServiceError(Exception):
    """An error answer: the code in the header ``x-amzn-errortype``, followed by a colon, and a JSON body without it.

    ``status`` is the code's own unless given; ``suffix`` stands behind the colon (AWS has been seen to send a URL there).
    """

    def __init__(self, code: str, message: str, status: int | None = None, suffix: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.suffix = suffix
        self.status = STATUSES[code] if status is None else status

    def response(self, trace_id: str) -> Response:
        """The answer; ``trace_id`` names the request to AWS's support."""
        body = orjson.dumps({"message": self.message, "traceId": trace_id})
        return Response(body, self.status, {"x-amzn-errortype": f"{self.code}:{self.suffix}"}, "application/json")


class FrontEndError(ServiceError):
    """503 of the machine before the service: a page of HTML, without an error code."""

    def __init__(self) -> None:
        super().__init__("ServiceUnavailableException", "503 Service Unavailable")

    def response(self, trace_id: str) -> Response:  # noqa: ARG002 - the page names no request
        """The page."""
        return Response(f"<html><body>{self.message}</body></html>", self.status, media_type="text/html")


def missing(message: str) -> ServiceError:
    """404 for a thing, job, group or execution that does not exist."""
    return ServiceError("ResourceNotFoundException", message)


def invalid(message: str) -> ServiceError:
    """400 for parameters that cannot be."""
    return ServiceError("InvalidRequestException", message)
