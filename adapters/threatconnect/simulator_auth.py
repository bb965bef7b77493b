"""Who may ask the simulated ThreatConnect (contract section 4): API tokens and HMAC signatures, checked for real."""

import hmac
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

WINDOW_SECONDS = 300
"""How far a signature's Timestamp may be from the server's clock."""

_ENCODED = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*")


class UnauthorizedError(Exception):
    """A request that is refused with 401; the text is the server's message."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a server accepts: API tokens as they follow ``TC-Token``, and secret keys by access id."""

    tokens: frozenset[str] = frozenset({"APIV2:s3cr3t-token"})
    keys: Mapping[str, str] = field(default_factory=lambda: {"12345678901234567890": "s3cr3t-key"})


def signature(secret: str, target: str, method: str, timestamp: str) -> str:
    """The base64 HMAC-SHA256 of ``target:METHOD:timestamp``; ``target`` is path and query exactly as sent."""
    return b64encode(hmac.digest(secret.encode(), f"{target}:{method}:{timestamp}".encode(), "sha256")).decode()


def authenticate(credentials: Credentials, headers: Mapping[str, str], method: str, target: str, clock: float) -> None:
    """Lets a request with good credentials pass. Raises UnauthorizedError.

    ``target`` is path and query verbatim; one that is not percent-encoded is a 401 too, whatever the credentials (contract
    section 4, pitfalls). ``clock`` is the server's in Unix seconds. Tokens need no Timestamp.
    """
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if not _ENCODED.fullmatch(target):
        raise UnauthorizedError("Unauthorized")
    if scheme == "TC-Token" and value in credentials.tokens:
        return
    if scheme != "TC":
        raise UnauthorizedError("Unauthorized")
    timestamp = headers.get("timestamp", "")
    if not re.fullmatch(r"[0-9]{1,15}", timestamp) or abs(int(timestamp) - clock) > WINDOW_SECONDS:
        raise UnauthorizedError("Timestamp out of acceptable time range")
    access_id, _, given = value.partition(":")
    secret = credentials.keys.get(access_id)
    if secret is None:
        raise UnauthorizedError("Access Denied")
    if not hmac.compare_digest(signature(secret, target, method, timestamp).encode(), given.encode()):
        raise UnauthorizedError("Signature data did not match expected result")
