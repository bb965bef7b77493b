"""AWS Signature Version 4, with the signer and the credential chain of botocore and nothing else of it.

Needs the extra ``aws``; importing this module does not. The chain may ask files, processes or other servers, and does so
blockingly: it runs in threads, once at first and then from one background task, never on the event loop
(contracts/aws_iot.md section 3).
"""

import asyncio
import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, quote

import httpx
import msgspec

from gateway.auth import Answer, Send
from gateway.errors import ConfigError, SourceError, SourceErrorCode

if TYPE_CHECKING:
    from botocore.credentials import Credentials

_log = logging.getLogger(__name__)
# At DEBUG it writes session tokens and the answers of STS, in warnings what a failing helper printed. What matters is said
# here, without quoting.
logging.getLogger("botocore").setLevel(logging.CRITICAL)

# Botocore renews what expires within 15 minutes; looking twice a minute costs microseconds.
_LOOK_SECONDS = 30.0
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_SIGNED = frozenset({"host", "content-type", "x-amz-target"})


def require_botocore(kind: str) -> None:
    """Raises ConfigError when the extra is not installed."""
    if find_spec("botocore") is None:
        raise ConfigError(f"the adapter {kind!r} lacks 'botocore': install execution-gateway[aws]")


class Keys(NamedTuple):
    """An access key, and the session token that belongs to a temporary one."""

    access_key: str
    secret_key: str
    token: str | None = None

    def __repr__(self) -> str:
        return "Keys(...)"


class AwsCredentials:
    """The credentials of the standard chain: environment, profile, SSO, web identity, container, instance.

    ``profile`` names a profile of the shared configuration files instead of the default one; ``keys`` are used instead of
    the chain.
    """

    def __init__(self, profile: str | None = None, keys: Keys | None = None) -> None:
        self._profile = profile
        self._keys = keys
        self._chain: Credentials | None = None
        self._frozen: Keys | None = None
        self._search: asyncio.Task[Keys] | None = None
        self._renewal: asyncio.Task[None] | None = None

    async def current(self) -> Keys:
        """What to sign with now. Raises SourceError UNAUTHENTICATED when the chain has nothing.

        All who need credentials at the same time wait for one search and share what comes of it.
        """
        if self._keys is not None:
            return self._keys
        if self._frozen is not None:
            return self._frozen
        if self._search is None or self._search.done():
            self._search = asyncio.create_task(self._find())
            # Those who waited may all have given up; then nobody else looks at its fault.
            self._search.add_done_callback(lambda search: search.cancelled() or search.exception())
        # Nor may one of them end it for the others.
        return await asyncio.shield(self._search)

    def forget(self, used: str) -> bool:
        """Look for credentials anew, unless those of this access key id have been replaced already.

        Whether there may be others.
        """
        if self._keys is None and self._frozen is not None and self._frozen.access_key == used:
            self._frozen = None
        return self._keys is None

    async def aclose(self) -> None:
        """Stop searching and renewing."""
        tasks = [task for task in (self._search, self._renewal) if task is not None and not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _find(self) -> Keys:
        try:
            chain, found = await asyncio.to_thread(_from_chain, self._profile)
        except Exception as error:  # noqa: BLE001 - providers raise what they like
            # Messages of the chain name files, profiles and addresses.
            _log.warning("the AWS credential chain failed: %s", type(error).__name__)
            raise SourceError(
                SourceErrorCode.UNAUTHENTICATED, f"The AWS credential chain failed ({type(error).__name__})."
            ) from None
        if found is None:
            raise SourceError(SourceErrorCode.UNAUTHENTICATED, "The AWS credential chain has no credentials.")
        self._chain, self._frozen = chain, found
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew())
        return found

    async def _renew(self) -> None:
        """Keep credentials that expire fresh. Those at hand are used until others are there."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            chain = self._chain
            # Credentials that never expire have no such method.
            needed = getattr(chain, "refresh_needed", None)
            if chain is None or needed is None or not needed():
                continue
            try:
                renewed = Keys(*(await asyncio.to_thread(chain.get_frozen_credentials))[:3])
            except Exception as error:  # noqa: BLE001 - whatever a provider raises, the next look may find it mended
                _log.warning("AWS credentials could not be renewed: %s", type(error).__name__)
                continue
            if chain is self._chain:
                # Otherwise a new search has found newer ones meanwhile.
                self._frozen = renewed


def _from_chain(profile: str | None) -> "tuple[Credentials | None, Keys | None]":
    from botocore.session import Session

    found: Credentials | None = Session(profile=profile).get_credentials()
    return found, None if found is None else Keys(*found.get_frozen_credentials()[:3])


class SigV4:
    """Signs requests to one AWS service in one Region."""

    def __init__(self, credentials: AwsCredentials, service: str, region: str) -> None:
        self._credentials = credentials
        self._service = service
        self._region = region

    async def sign(self, request: httpx.Request, send: Send) -> None:  # noqa: ARG002 - the chain asks by itself
        sign(request, await self._credentials.current(), self._service, self._region)

    def refused(self, request: httpx.Request, answer: Answer) -> bool:
        if error_code(answer) not in _EXPIRED:
            return False
        credential = request.headers.get("Authorization", "").partition("Credential=")[2]
        return self._credentials.forget(credential.partition("/")[0])


def sign(request: httpx.Request, credentials: Keys, service: str, region: str) -> None:
    """Put a signature on ``request`` as it will be sent."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    # The other side decodes the query and encodes it strictly before it signs: so it must be sent.
    query = "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
        for name, value in parse_qsl(request.url.query.decode("ascii"), keep_blank_values=True)
    )
    if query:
        request.url = request.url.copy_with(query=query.encode("ascii"))
    headers = {name: value for name, value in request.headers.items() if name in _SIGNED and name != "host"}
    signed = AWSRequest(method=request.method, url=str(request.url), data=request.content, headers=headers)
    SigV4Auth(credentials, service, region).add_auth(signed)
    for name in ("X-Amz-Date", "X-Amz-Security-Token", "Authorization"):
        if name in signed.headers:
            request.headers[name] = signed.headers[name]


def error_code(answer: Answer) -> str | None:
    """The code of an AWS error: from its header, else from its body; without namespaces. None when it names none.

    AWS writes ``ResourceNotFoundException:`` with a colon at its end, or an address behind it
    (contracts/aws_iot.md section 1, Errors).
    """
    code: Any = answer.headers.get("x-amzn-errortype")
    if not code:
        try:
            body = msgspec.json.decode(answer.content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if not isinstance(body, dict):
            return None
        code = body.get("code") or body.get("Code") or body.get("__type")
    if not isinstance(code, str):
        return None
    return code.partition(":")[0].rpartition("#")[2] or None
