"""The login of CenturyLink Cloud: bearer tokens that are JWTs and end (contract section 1)."""

from base64 import urlsafe_b64encode
from datetime import datetime, timedelta

import orjson

TWO_WEEKS = 1_209_600
"""Seconds from ``nbf`` to ``exp`` of a real token."""


class Tokens:
    """The tokens that a server gave out, each with the instant of its end; remove one, and it is revoked."""

    def __init__(self, lifetime: float = TWO_WEEKS) -> None:
        self.lifetime = lifetime
        self.ends: dict[str, datetime] = {}
        self._issued = 0

    def issue(self, username: str, account_alias: str, now: datetime) -> str:
        """A new token: a JWT whose ``nbf`` is now and whose ``exp`` is a lifetime later, in epoch seconds."""
        end = now + timedelta(seconds=self.lifetime)
        self._issued += 1
        claims: dict[str, object] = {
            "unique_name": username,
            "account-alias": account_alias,
            "nbf": _seconds(now),
            "exp": _seconds(end),
        }
        # Nobody but this server checks the signature; it is there for tests to grep for leaks.
        token = f"{_part({'typ': 'JWT', 'alg': 'HS256'})}.{_part(claims)}.s3cr3t-token-{self._issued}"
        self.ends[token] = end
        return token

    def accepts(self, header: str | None, now: datetime) -> bool:
        """Whether an ``Authorization`` header holds a token that was issued and has not ended."""
        scheme, _, token = (header or "").partition(" ")
        return scheme.lower() == "bearer" and token in self.ends and now < self.ends[token]


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())


def _part(members: dict[str, object]) -> str:
    return urlsafe_b64encode(orjson.dumps(members)).rstrip(b"=").decode()
