"""What the mock upstream serves: records of AWX and Scale as they were recorded, made new by id and instant.

A list's rows repeat the recorded ones of the names below, newest first, one every ``_STEP``; Scale's stand between AWX's, so
that a merged page takes half of its rows from each. Rows keep the breadth and the size that they were recorded with (AWX
about 3 KB, Scale about 1.2 KB).

Single AWX jobs are a recorded one under any id from ``FIRST_SINGLE`` on, each with a template and an instance of its own, so
that no two questions share a look-up.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

NAMES = ("JT 00 deploy", "JT 03 deploy", "JT 06 deploy", "JT 09 deploy", "image-orthorectify", "landsat-ndwi")
"""What all executions of both systems are called."""

ROWS = 1024
"""Rows of each list."""

FIRST_SINGLE = 100_000
"""Single AWX jobs are numbered from here, six digits wide."""

SINGLES = 800_000
"""How many there are."""

_RECORDINGS = Path(__file__).parents[1] / "recordings"
_NEWEST = datetime(2026, 11, 21, 12, 0, 0, 123457, tzinfo=UTC)
_STEP = timedelta(seconds=90)
_PLACEHOLDER = 900_000
_INSTANTS = {"awx": ("created", "modified", "started", "finished"), "scale": ("created", "queued", "started", "ended")}


def awx_rows() -> list[tuple[str, bytes]]:
    """Rows of ``/jobs/``, newest first: the instant of creation as sent, and the JSON."""
    rows = _renewed("awx", _recorded("awx", "jobs_ps200")["results"], _NEWEST, lambda row: row["name"])
    return [(row["created"], _json(row)) for row in rows]


def scale_rows() -> list[bytes]:
    """Rows of ``/job-executions/``, newest first."""
    recorded = _recorded("scale", "exes_page_size_1000")["results"]
    return [
        _json(row) for row in _renewed("scale", recorded, _NEWEST - _STEP / 2, lambda row: row["job"]["job_type"]["name"])
    ]


def single_job(number: int) -> bytes:
    """The AWX job ``number``, of the template and on the instance of the same number."""
    return _numbered(_job_pattern(), number)


def job_template(number: int) -> bytes:
    """The AWX job template ``number``."""
    return _numbered(_template_pattern(), number)


def instance(hostname: str) -> bytes:
    """The AWX instance of that name."""
    return _instance_pattern().replace(b"exec-a.example.org", hostname.encode())


def hostname_of(number: int) -> str:
    """The instance on which the single job ``number`` ran."""
    return f"exec-{number}.example.org"


@cache
def answer(system: str, name: str) -> bytes:
    """The body of a recorded answer."""
    return _json(_recorded(system, name))


def _renewed(system: str, recorded: list[dict], newest: datetime, name_of: Any) -> Iterator[dict]:
    """``ROWS`` copies of the recorded rows that have one of the names."""
    kept = [row for row in recorded if name_of(row) in NAMES and row["started"]]
    for index, row in zip(range(ROWS), cycle(kept), strict=False):
        later = newest - index * _STEP - _instant(row["created"])
        moved = {field: _text(_instant(row[field]) + later) for field in _INSTANTS[system] if row[field] is not None}
        yield {**row, **moved, "id": ROWS - index}


@cache
def _job_pattern() -> bytes:
    rows = _recorded("awx", "jobs_ps200")["results"]
    row = next(row for row in rows if row["status"] == "successful" and row["launched_by"] and row["name"] in NAMES)
    summary = {**row["summary_fields"], "job_template": {**row["summary_fields"]["job_template"], "id": _PLACEHOLDER}}
    place = hostname_of(_PLACEHOLDER)
    changed = {"id": _PLACEHOLDER, "job_template": _PLACEHOLDER, "execution_node": place, "summary_fields": summary}
    return _json({**row, **changed})


@cache
def _template_pattern() -> bytes:
    return _json({**_recorded("awx", "job_templates_id_in")["results"][0], "id": _PLACEHOLDER})


@cache
def _instance_pattern() -> bytes:
    return _json(_recorded("awx", "instances_hostname_in")["results"][0])


def _numbered(pattern: bytes, number: int) -> bytes:
    return pattern.replace(b"%d" % _PLACEHOLDER, b"%d" % number)


def _recorded(system: str, name: str) -> Any:
    return json.loads((_RECORDINGS / system / f"{name}.json").read_text(encoding="utf-8"))["response"]["body"]


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _json(value: Any) -> bytes:
    """As Django REST framework writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
