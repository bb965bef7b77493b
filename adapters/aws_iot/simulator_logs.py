"""CloudWatch Logs as the simulated account has it: FilterLogEvents and GetLogEvents (contract, section 4; recordings).

Chosen where nothing is known: a stream that does not exist is an error even among others that do. Not simulated: filter
patterns, prefixes of streams, descending FilterLogEvents (400 each), pages of 1 MB.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from starlette.responses import Response

from adapters.aws_iot.simulator_faults import ServiceError
from adapters.aws_iot.world import World
from adapters.aws_iot.world_logs import LogEvent, behind
from adapters.aws_iot.world_rows import Row

TARGET = "Logs_20140328."
TYPE = "application/x-amz-json-1.1"
_MOST = 10_000
_GROUP = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")
_STREAM = re.compile(r"[^:*]{1,512}")
_TOKEN = re.compile(r"([fb])/([0-9]{20})-([0-9]{20})-([0-9]{56})")
_KNOWN = {"logGroupName", "logStreamNames", "logStreamName", "startTime", "endTime", "limit", "nextToken", "startFromHead"}

Place = tuple[int, int, str]


class LogsError(ServiceError):
    """An error answer of CloudWatch Logs: always 400, the code in the body."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message, 400)

    def response(self, trace_id: str) -> Response:  # noqa: ARG002 - the body names no request
        """The answer."""
        return Response(orjson.dumps({"__type": self.code, "message": self.message}), 400, media_type=TYPE)


class _Given(NamedTuple):
    """The parameters that both operations have."""

    group: str
    start: int
    end: int | None
    limit: int
    token: str | None


def operation_of(target: str | None) -> str | None:
    """The operation that a request names; None when it is none of these."""
    name = (target or "").removeprefix(TARGET)
    return name if name in ("FilterLogEvents", "GetLogEvents") else None


class LogTokens:
    """The tokens of FilterLogEvents that were given out, each with what it leads to; remove them, and they have ended."""

    def __init__(self) -> None:
        self.places: dict[str, tuple[str, Place]] = {}
        self._issued = 0

    def issue(self, scope: str, place: Place) -> str:
        """A token for what follows ``place``."""
        self._issued += 1
        token = f"Bxkq6kVGFtq2y_{self._issued:06d}"
        self.places[token] = (scope, place)
        return token


def answer(world: World, operation: str, body: bytes, tokens: LogTokens, *, empty_pages: bool) -> tuple[Row, int]:
    """The answer of an operation, and how many events are in it. Raises LogsError.

    With ``empty_pages``, FilterLogEvents begins with a page that has only a token.
    """
    try:
        sent = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise LogsError("SerializationException", "The body is not JSON.") from None
    if not isinstance(sent, dict) or not set(sent) <= _KNOWN:
        raise _invalid("A parameter is not simulated.")
    given = _Given(
        group=_text(sent, "logGroupName", _GROUP),
        start=_number(sent, "startTime", 0, 0),
        end=_number(sent, "endTime", None, 0),
        limit=_number(sent, "limit", _MOST, 1, _MOST),
        token=sent.get("nextToken"),
    )
    if not world.logs.has_group(given.group):
        raise LogsError("ResourceNotFoundException", "The specified log group does not exist.")
    if operation == "GetLogEvents":
        return _get(world, given, _text(sent, "logStreamName", _STREAM), from_head=bool(sent.get("startFromHead")))
    names = sent.get("logStreamNames")
    if not isinstance(names, list) or not 1 <= len(names) <= 100:
        raise _invalid("1 to 100 logStreamNames.")
    return _filter(world, given, [_checked(name, "logStreamNames", _STREAM) for name in names], tokens, empty_pages)


def _filter(world: World, given: _Given, names: Sequence[str], tokens: LogTokens, empty_pages: bool) -> tuple[Row, int]:
    """Events of the streams, merged by time; the end of the time range belongs to it."""
    scope = f"{given.group} {sorted(names)} {given.start} {given.end}"
    after: Place = (given.start, -1, "")
    if given.token is not None:
        known, after = tokens.places.get(given.token, ("", after))
        if known != scope:
            raise _invalid("The specified nextToken is invalid.")
    elif empty_pages:
        return {"events": [], "searchedLogStreams": [], "nextToken": tokens.issue(scope, after)}, 0
    found: list[tuple[Place, str, LogEvent]] = []
    for name in names:
        events = _events(world, given.group, name)
        first = behind(events, after)
        # One more than fits tells whether others follow.
        found += [
            (event[:3], name, event)
            for event in events[first : first + given.limit + 2]
            if event[:3] > after and (given.end is None or event.timestamp <= given.end)
        ]
    found.sort()
    shown = found[: given.limit]
    body: Row = {
        "events": [{"logStreamName": name, **event.row(), "eventId": event.event_id} for _, name, event in shown],
        "searchedLogStreams": [],
    }
    if len(found) > given.limit:
        body["nextToken"] = tokens.issue(scope, shown[-1][0])
    return body, len(shown)


def _get(world: World, given: _Given, name: str, *, from_head: bool) -> tuple[Row, int]:
    """Events of one stream, from its head or its tail; the end of the time range does not belong to it."""
    events = [
        event
        for event in _events(world, given.group, name)
        if event.timestamp >= given.start and (given.end is None or event.timestamp < given.end)
    ]
    forward, low, high = from_head, 0, len(events)
    if given.token is not None:
        match = _TOKEN.fullmatch(given.token)
        if match is None:
            raise _invalid("The specified nextToken is invalid.")
        place = (int(match[2]), int(match[3]), match[4])
        forward = match[1] == "f"
        at = behind(events, place)
        low, high = (at + (at < len(events) and events[at][:3] == place), len(events)) if forward else (0, at)
    low, high = (low, min(high, low + given.limit)) if forward else (max(low, high - given.limit), high)
    shown = events[low:high]
    body: Row = {"events": [event.row() for event in shown]}
    for member, letter, edge in (("nextForwardToken", "f", -1), ("nextBackwardToken", "b", 0)):
        body[member] = _token(letter, shown[edge]) if shown else f"{letter}/{(given.token or _token(letter, None))[2:]}"
    return body, len(shown)


def _token(letter: str, event: LogEvent | None) -> str:
    time, arrival, name = (0, 0, "0" * 56) if event is None else event[:3]
    return f"{letter}/{time:020d}-{arrival:020d}-{name}"


def _events(world: World, group: str, name: str) -> list[LogEvent]:
    events = world.logs.events(group, name)
    if events is None:
        raise LogsError("ResourceNotFoundException", "The specified log stream does not exist.")
    return events


def _text(sent: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    return _checked(sent.get(name), name, pattern)


def _checked(value: Any, name: str, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _invalid(
            f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {pattern.pattern}"
        )
    return value


def _number(sent: Mapping[str, Any], name: str, default: Any, least: int, most: int | None = None) -> Any:
    value = sent.get(name, default)
    if value is not None and (not isinstance(value, int) or value < least or (most is not None and value > most)):
        raise _invalid(f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint")
    return value


def _invalid(message: str) -> LogsError:
    return LogsError("InvalidParameterException", message)
