"""Serves moto on an inherited socket, with a log of its requests and a way to set what no request can.

Run by the peers' own Python: ``moto_server.py FILE_DESCRIPTOR``. moto has no iot-jobs-data, so that nothing moves an
execution past QUEUED and CANCELED (contracts/aws_iot.md section 5): tests set attributes of its objects instead.

- ``GET /_peer/log``: per request its ``path`` and ``query`` as sent, the seconds ``at`` which it arrived, and how many were
  being ``served`` then, itself included.
- ``POST /_peer/set``: ``{"region": .., "jobs": {id: {..}}, "executions": [{"job": .., "thing": .., "set": {..}}]}``; what is
  set are attributes, epoch seconds or null where they end in ``_at``.
"""

import json
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.iot.models import iot_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server


class Watched:
    """moto's WSGI application within ours."""

    def __init__(self, moto: Any) -> None:
        self._moto = moto
        self._lock = threading.Lock()
        self._log: list[dict[str, Any]] = []
        self._served = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["RAW_URI"].partition("?")[0]
        if path.startswith("/_peer/"):
            if path == "/_peer/set":
                _set(json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))))
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(self._log).encode()]
        with self._lock:
            self._served += 1
            self._log.append(
                {"path": path, "query": environ["QUERY_STRING"], "at": time.monotonic(), "served": self._served}
            )
        try:
            return [b"".join(self._moto(environ, start_response))]
        finally:
            with self._lock:
                self._served -= 1


def _set(given: dict[str, Any]) -> None:
    backend = iot_backends[DEFAULT_ACCOUNT_ID][given["region"]]
    for job, values in given.get("jobs", {}).items():
        _change(backend.jobs[job], values)
    for each in given.get("executions", ()):
        _change(backend.job_executions[(each["job"], each["thing"])], each["set"])


def _change(record: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        if name.endswith("_at") and value is not None:
            value = datetime.fromtimestamp(value, UTC).replace(tzinfo=None)
        if not hasattr(record, name):
            raise AttributeError(name)
        setattr(record, name, value)


def main() -> None:
    """Serve until terminated."""
    app = Watched(DomainDispatcherApplication(create_backend_app))
    make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler, fd=int(sys.argv[1])).serve_forever()


if __name__ == "__main__":
    main()
