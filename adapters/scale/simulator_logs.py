"""The log views of the simulated Scale, by release (contract of Scale, section 6; ``job/views.py`` and ``util/rest.py``)."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from zlib import crc32

from adapters.scale import simulator_tables as t
from adapters.scale.simulator_filters import FieldError, MissingError, Params
from adapters.scale.simulator_tables import Row
from adapters.scale.world import World
from adapters.scale.world_logs import LogEntry, milliseconds
from adapters.scale.world_rows import FINAL

MOST_HITS = 10_000
VIEWS = ("stdout", "stderr", "combined")
FORMATS = {"json": "application/json", "txt": "text/plain", "html": "text/html"}
"""What log views can be asked for in; plain text before HTML when either will do."""

_FRAMEWORK = "20160815-000000-1683014024-5050-8216-0000"


@dataclass(frozen=True, slots=True)
class LogAnswer:
    """What a log view answers: a status, its own headers and, if it has one, what Elasticsearch said."""

    status: int
    headers: dict[str, str]
    search: Row | None = None

    def text(self) -> str:
        """The answer as plain text: messages, and nothing that would tell where each ends."""
        return "\n".join(self._source(hit)["message"] for hit in self._hits())

    def page(self) -> str:
        """The answer as HTML."""
        lines = (
            f'<div class="{"stderr" if _is_stderr(self._source(hit)) else "stdout"}">'
            f"{html.escape(self._source(hit)['message'], quote=True)}</div>\n"
            for hit in self._hits()
        )
        style = "<style>.stdout {} .stderr {color: red;}</style>"
        return f"<html><head>{style}</head><body>{''.join(lines)}</body></html>"

    def _hits(self) -> Sequence[Row]:
        hits: Sequence[Row] = self.search["hits"]["hits"] if self.search else ()
        return hits

    def _source(self, hit: Row) -> Row:
        source: Row = hit["_source"]
        return source


def answer(world: World, params: Params, view: str, key: str, since: str | None) -> LogAnswer:
    """``/job-executions/{id}/logs/{view}/``; ``since`` is the If-Modified-Since header.

    Raises MissingError, BadParameterError for ``started`` (4.0 and later), FieldError for a header that 3.1 cannot read.
    """
    if int(key) not in world.executions:
        raise MissingError
    entries = [each for each in world.log_entries(int(key)) if view == "combined" or each.stderr == (view == "stderr")]
    if params.generation.logs_since_header:
        return _of_3(world, entries, since)
    return _of_4(entries, params.instant("started"))


def deprecated(world: World, params: Params, key: str) -> Row:
    """``/job-executions/{id}/logs/`` of API v3: nothing that was logged to Elasticsearch. MissingError in later versions."""
    row = world.executions.get(int(key))
    if row is None or params.version != "v3":
        raise MissingError
    return {
        **t.EXECUTION.render(world.tables, row),
        "is_finished": row["status"] in FINAL,
        "stdout": None,
        "stderr": None,
    }


def _of_3(world: World, entries: list[LogEntry], since: str | None) -> LogAnswer:
    after = 0
    if since is not None:
        after = milliseconds(_date(since))
        entries = [each for each in entries if each.ms > after]
    if not entries:
        # The server's clock, without a zone, whatever was asked for.
        return LogAnswer(304, {"last-modified": format_datetime(world.now)[:-6]})
    # Elasticsearch promises no order among equals.
    entries.sort(key=lambda each: (each.ms, crc32(each.name.encode()) ^ after & 0xFFFF))
    hits = [
        _hit(each, [each.ms], {"tag": f"scale_{each.execution}_{each.phase}", "level": 3 if each.stderr else 6})
        for each in entries[:MOST_HITS]
    ]
    newest = entries[: len(hits)][-1].at.astimezone(UTC)
    return LogAnswer(200, {"last-modified": f"{format_datetime(newest)[:-6]} UTC"}, _search(hits, len(entries)))


def _of_4(entries: list[LogEntry], started: datetime | None) -> LogAnswer:
    if started is not None:
        entries = [each for each in entries if each.ms >= milliseconds(started)]
    if not entries:
        return LogAnswer(204, {})
    entries.sort(key=lambda each: (each.ms, each.order))
    hits = [
        _hit(
            each,
            [each.ms, each.order],
            {
                "scale_order_num": each.order,
                "scale_job_exe": f"scale_{_FRAMEWORK}_{each.execution}",
                "stream": "stderr" if each.stderr else "stdout",
            },
        )
        for each in entries[:MOST_HITS]
    ]
    return LogAnswer(200, {}, _search(hits, len(entries)))


def _hit(entry: LogEntry, sort: list[int], source: dict[str, Any]) -> Row:
    stamp = f"{entry.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{entry.ms % 1000:03}Z"
    return {
        "sort": sort,
        "_type": "logs",
        "_index": f"logstash-{entry.at:%Y.%m.%d}",
        "_score": None,
        "_source": {"@timestamp": stamp, "message": entry.message, **source},
        "_id": entry.name,
    }


def _search(hits: list[Row], total: int) -> Row:
    shards = {"successful": 25, "failed": 0, "total": 25}
    return {"hits": {"hits": hits, "total": total, "max_score": None}, "_shards": shards, "took": 4, "timed_out": False}


def _is_stderr(source: Row) -> bool:
    return source.get("stream") == "stderr" or source.get("level") == 3


def _date(text: str) -> datetime:
    """The date of a header, as 3.1 reads it: FieldError, for a 500, unless it names GMT or UTC."""
    if text[-4:] not in {" GMT", " UTC"}:
        raise FieldError(text)
    try:
        return datetime.strptime(text[:-4], "%a, %d %b %Y %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise FieldError(text) from None
