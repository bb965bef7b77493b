"""Who may call, and how often: the form of SigV4 signatures, and the quotas of operations."""

import re
from collections.abc import Callable, Collection, Mapping

from adapters.aws_iot.simulator_faults import ServiceError
from adapters.aws_iot.world_rows import REGION

QUOTAS: Mapping[str, int] = {
    "ListJobs": 10,
    "DescribeJob": 10,
    "GetJobDocument": 10,
    "ListJobExecutionsForJob": 10,
    "ListJobExecutionsForThing": 10,
    "DescribeJobExecution": 10,
    "ListThings": 10,
    "DescribeThing": 350,
    "ListThingsInThingGroup": 25,
    # As where CloudWatch Logs allows least.
    "FilterLogEvents": 5,
    "GetLogEvents": 10,
}
"""Requests a second of each operation by default (contract, section 2)."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,\s]+)/(?P<day>[0-9]{8})/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)"
    r"/aws4_request,\s*SignedHeaders=(?P<signed>[a-z0-9-]+(?:;[a-z0-9-]+)*),\s*Signature=[0-9a-f]{64}"
)


def check_signature(
    headers: Mapping[str, str],
    credentials: Mapping[str, str | None] | None,
    expired: Collection[str],
    service: str = "iot",
) -> None:
    """Lets a request pass whose signature has the right form: the scope fits, and host and date are signed.

    The signature itself and the age of the date are not looked at. ``credentials`` are the known access key ids with
    their session tokens, None for any; ``expired`` those that were good once. Raises the 403s of AWS.
    """
    value = headers.get("authorization")
    if value is None:
        raise ServiceError("MissingAuthenticationTokenException", "Missing Authentication Token")
    match = _AUTHORIZATION.fullmatch(value)
    if match is None:
        raise ServiceError("InvalidSignatureException", "Authorization header is not of the form of AWS4-HMAC-SHA256.")
    date = headers.get("x-amz-date", "")
    signed = match["signed"].split(";")
    if not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", date) or date[:8] != match["day"]:
        raise ServiceError("InvalidSignatureException", "Date in Credential scope does not match YYYYMMDD from x-amz-date.")
    if match["region"] != REGION:
        raise ServiceError(
            "InvalidSignatureException", f"Credential should be scoped to a valid region, not '{match['region']}'."
        )
    if match["service"] != service:
        raise ServiceError("InvalidSignatureException", f"Credential should be scoped to correct service: '{service}'.")
    if not {"host", "x-amz-date"} <= set(signed) or (
        "x-amz-security-token" in headers and "x-amz-security-token" not in signed
    ):
        raise ServiceError("InvalidSignatureException", "'Host', 'X-Amz-Date' and 'X-Amz-Security-Token' must be signed.")
    if match["key"] in expired:
        raise ServiceError("ExpiredTokenException", "The security token included in the request is expired")
    if credentials is not None and (
        match["key"] not in credentials or headers.get("x-amz-security-token") != credentials[match["key"]]
    ):
        raise ServiceError("UnrecognizedClientException", "The security token included in the request is invalid.")


class Throttle:
    """At most so many requests of an operation in any second, refused ones not counted.

    ``times`` has every request, refused or not: when it came (seconds of ``clock``), and its operation.
    """

    def __init__(self, quotas: Mapping[str, int], clock: Callable[[], float]) -> None:
        self.quotas = quotas
        self.clock = clock
        self.times: list[tuple[float, str]] = []
        self._served: dict[str, list[float]] = {}

    def admits(self, operation: str) -> bool:
        """Whether a request of the operation may be served now. An operation without a quota is served always."""
        moment = self.clock()
        self.times.append((moment, operation))
        served = [each for each in self._served.get(operation, []) if moment - each < 1]
        admitted = len(served) < self.quotas.get(operation, len(served) + 1)
        self._served[operation] = [*served, moment] if admitted else served
        return admitted
