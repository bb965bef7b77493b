"""The beginnings of many logs at once: those of one group come in one answer, a hundred at a time.

An answer that is not the end of everything is sure for all of its streams up to its last millisecond; streams of which too
little came until then go on alone.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing

from adapters.aws_iot.log_client import MOST_EVENTS, MOST_STREAMS, Entry, LogNames, LogsClient, entries_of
from adapters.aws_iot.log_reading import LogReader, Sorter, lines_of
from gateway.errors import SourceError, SourceErrorCode
from gateway.logs import first_at
from gateway.model import Execution, Key, LogLine
from gateway.spi import LogPage, LogQuery

Answer = LogPage | SourceError
Streams = Mapping[str, Sequence[Execution]]
"""Executions by the stream that they write to; several where names do not tell them apart."""


class BatchReader:
    """Begins the logs of one source. Faults are answers; nothing is raised."""

    def __init__(self, client: LogsClient, names: LogNames, reader: LogReader) -> None:
        self._client = client
        self._names = names
        self._reader = reader

    async def first(self, executions: Sequence[Execution], query: LogQuery) -> list[Answer]:
        """The first page of each log, same order and length."""
        alone: list[Execution] = []
        groups: dict[str, dict[str, list[Execution]]] = {}
        for execution in executions:
            name = self._names.of(execution)
            if name is None or query.tail is not None:
                # The last lines of several streams cannot be had together.
                alone.append(execution)
            else:
                groups.setdefault(name.group, {}).setdefault(name.stream, []).append(execution)
        chunks = [
            (group, dict(list(streams.items())[at : at + MOST_STREAMS]))
            for group, streams in groups.items()
            for at in range(0, len(streams), MOST_STREAMS)
        ]
        answers = await asyncio.gather(
            self._each_alone(alone, query), *(self._together(group, streams, query) for group, streams in chunks)
        )
        found = {key: answer for each in answers for key, answer in each.items()}
        return [found[execution.key] for execution in executions]

    async def _each_alone(self, executions: Sequence[Execution], query: LogQuery) -> Mapping[Key, Answer]:
        answers = await asyncio.gather(*(self._alone(execution, query) for execution in executions))
        return {execution.key: answer for execution, answer in zip(executions, answers, strict=True)}

    async def _alone(self, execution: Execution, query: LogQuery, known: Sequence[LogLine] = ()) -> Answer:
        """The first page of one log, of which the lines before ``query.after`` are ``known``."""
        lines = list(known)
        truncated = False
        try:
            async with aclosing(self._reader.pages(execution, query)) as pages:
                async for page in pages:
                    lines += page.lines
                    truncated = truncated or page.truncated
                    if len(lines) >= query.rows or not page.more:
                        return LogPage(lines, page.more, page.complete, truncated)
        except SourceError as error:
            # Whoever wants more than what is known meets the fault.
            return LogPage(lines, more=True, truncated=truncated) if lines else error
        raise AssertionError("the last page ends the loop")

    async def _together(self, group: str, streams: Streams, query: LogQuery) -> Mapping[Key, Answer]:
        everyone = [execution for own in streams.values() for execution in own]
        if len(streams) == 1:
            return await self._each_alone(everyone, query)
        over = {execution.key for execution in everyone if self._reader.is_over(execution)}
        try:
            entries, truncated, more = await self._merged(group, list(streams), query)
        except SourceError as error:
            if error.code is SourceErrorCode.NOT_FOUND:
                # One stream that does not exist spoils the answer for all.
                return await self._each_alone(everyone, query)
            return {execution.key: error for execution in everyone}
        end = max(entry.event.timestamp for entry in entries) if more else None
        answers: dict[Key, Answer] = {}
        cut: list[tuple[Execution, Sequence[LogLine]]] = []
        for stream, own in streams.items():
            sorter = Sorter(query.after)
            sorter.put([entry for entry in entries if entry.event.log_stream_name == stream])
            ready = sorter.take(end)
            for execution in own:
                lines = lines_of(execution, ready)
                if end is not None and len(lines) < query.rows:
                    cut.append((execution, lines))
                else:
                    complete = end is None and execution.key in over
                    answers[execution.key] = LogPage(lines, end is not None, complete, truncated)
        if end is not None:
            # What was asked for is later than ``after``, and so is the last of it.
            behind = max(first_at(end) - 1, -1 if query.after is None else query.after)
            rest = LogQuery(after=behind, rows=query.rows)
            parts = await asyncio.gather(*(self._alone(execution, rest, lines) for execution, lines in cut))
            for (execution, _), part in zip(cut, parts, strict=True):
                answers[execution.key] = part
        return answers

    async def _merged(self, group: str, streams: Sequence[str], query: LogQuery) -> tuple[list[Entry], bool, bool]:
        """The first events of all streams; whether some could not be read, and whether more follow."""
        limit = min(MOST_EVENTS, query.rows * len(streams))
        start, token = Sorter(query.after).start, None
        used: set[str] = set()
        truncated = False
        while True:
            page = await self._client.filter(group, streams, start=start, limit=limit, token=token)
            entries = entries_of(page.events)
            truncated = truncated or len(entries) < len(page.events)
            token = page.next_token or None
            if entries or token is None:
                return entries, truncated, token is not None
            if token in used:
                raise self._client.fault("It keeps sending the same page token.")
            used.add(token)
