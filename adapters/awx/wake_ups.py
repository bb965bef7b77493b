"""What AWX tells of its own accord, by its websocket (contracts/awx.md section 8).

AWX drops messages when there are many, and promises none: they only say that it is worth while to look.
"""

import logging
import secrets
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from adapters.awx.keys import LARGEST_ID
from gateway.errors import ConfigError, SourceError, SourceErrorCode
from gateway.model import Key
from gateway.transport import USER_AGENT, SourceClient, tls_context

if TYPE_CHECKING:
    from adapters.awx import AwxSettings

_API = "/api/v2/"
_GROUPS = {"jobs": ["status_changed", "summary"], "control": ["limit_reached_1"]}
_CLOSE_SECONDS = 1.0
_TRANSIENT = frozenset({408, 429})

# At level DEBUG the library writes the headers of its handshake, credentials included. One that getLogger knows would be
# enabled again by the next logging.config.dictConfig.
_SILENT = logging.Logger(__name__)  # noqa: LOG001
_SILENT.disabled = True


class _Connection(connect):
    """Follows no redirect: credentials must not travel to another host."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class _Message(msgspec.Struct):
    """Any of AWX's messages. ``close`` is how older releases refuse: they accept the handshake first."""

    group_name: str | None = None
    unified_job_id: int | None = None
    error: object = None
    close: bool | None = None


class WakeUps:
    """Listens to the websocket of the AWX that ``settings`` and ``client`` are for."""

    def __init__(self, settings: "AwxSettings", client: SourceClient) -> None:
        self._settings = settings
        self._client = client
        self._address = _address(settings.base_url) if settings.websocket else None

    async def keys(self) -> AsyncGenerator[Key | None, None]:
        """The run of each message; None when a message does not name it. Connects anew each time that it is called.

        Raises SourceError: UNSUPPORTED when there is no websocket or it may not be listened to, UNAVAILABLE when it cannot
        be reached or ends; and whatever getting the credentials raises.
        """
        if self._address is None:
            raise self._fault(SourceErrorCode.UNSUPPORTED, "Its websocket is switched off, or its address is not known.")
        token = secrets.token_hex(16)
        headers = _with_cookie(await self._client.credentials(), f"csrftoken={token}")
        try:
            async with self._connection(self._address, headers) as connection:
                await connection.send(msgspec.json.encode({"xrftoken": token, "groups": _GROUPS}).decode())
                async for text in connection:
                    message = self._read(text)
                    if message.group_name == "jobs":
                        yield self._key(message)
        except InvalidStatus as error:
            raise self._refusal(error.response.status_code) from None
        except (OSError, WebSocketException, ConfigError) as error:
            # Its message could quote addresses or headers.
            name = type(error).__name__
            raise self._fault(SourceErrorCode.UNAVAILABLE, f"Its websocket does not work ({name}).") from None
        raise self._fault(SourceErrorCode.UNAVAILABLE, "It closed its websocket.")

    def _connection(self, address: str, headers: Mapping[str, str]) -> _Connection:
        return _Connection(
            address,
            additional_headers=headers,
            user_agent_header=USER_AGENT,
            proxy=None,
            open_timeout=self._settings.timeout_seconds,
            close_timeout=_CLOSE_SECONDS,
            logger=_SILENT,
            ssl=tls_context(self._settings) if address.startswith("wss:") else None,
        )

    def _read(self, text: str | bytes) -> _Message:
        try:
            message = msgspec.json.decode(text, type=_Message)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self._fault(SourceErrorCode.UNAVAILABLE, "Its websocket sent something that cannot be read.") from None
        if message.error is not None or message.close:
            raise self._fault(SourceErrorCode.UNSUPPORTED, "It does not let the gateway listen to its websocket.")
        return message

    def _key(self, message: _Message) -> Key | None:
        number = message.unified_job_id
        if number is None or not 0 <= number <= LARGEST_ID:
            return None
        return Key("execution", self._client.source, (str(number),))

    def _refusal(self, status: int) -> SourceError:
        """The fault of an answer that is not a handshake. Redirects and failures pass: AWX may be starting or upgrading."""
        if 200 <= status < 300 or (400 <= status < 500 and status not in _TRANSIENT):
            return self._fault(SourceErrorCode.UNSUPPORTED, "It has no websocket for the gateway.", status)
        return self._fault(SourceErrorCode.UNAVAILABLE, "Its websocket cannot be connected to now.", status)

    def _fault(self, code: SourceErrorCode, message: str, status: int | None = None) -> SourceError:
        return SourceError(code, message, source=self._client.source, http_status=status)


def _address(base_url: str) -> str | None:
    """Where the websocket is, beside the API; None when the API is not where AWX has it."""
    parts = urlsplit(base_url)
    if not parts.path.endswith(_API):
        return None
    scheme = "wss" if parts.scheme == "https" else "ws"
    return urlunsplit((scheme, parts.netloc, f"{parts.path.removesuffix(_API)}/websocket/", "", ""))


def _with_cookie(headers: Mapping[str, str], cookie: str) -> dict[str, str]:
    """Headers with one more cookie: AWX releases that know no tokens here are let in by a session's."""
    configured = [headers["cookie"]] if "cookie" in headers else []
    return {**headers, "cookie": "; ".join([*configured, cookie])}
