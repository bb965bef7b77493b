"""Who is measured: the gateway in its default configuration, and four that answer the same."""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import yaml

from tests.bench.processes import Process, free_port, other_cores, server_cores, started
from tests.bench.queries import Question
from tests.bench.words import AWX_PAGES, SCALE_PAGES

_HERE = Path(__file__).parent
_MERCURIUS = _HERE / "mercurius"


@dataclass(frozen=True, slots=True)
class Contender:
    """A server of the same answers. ``command`` starts it on a port, over the upstream at another.

    ``rest`` says that it has an address for each question, and takes the variables alone.
    """

    name: str
    command: Callable[[int], Sequence[str]]
    rest: bool = False

    def path(self, question: Question) -> str:
        """Where the question is asked."""
        return f"/{question.name}" if self.rest else "/graphql"

    def body(self, question: Question, number: int) -> bytes:
        """The body of the request of a number."""
        variables = question.variables(number)
        return orjson.dumps(variables if self.rest else {"query": question.text, "variables": variables})


def _module(name: str) -> Callable[[int], Sequence[str]]:
    return lambda port: [sys.executable, "-m", f"tests.bench.{name}", str(port)]


def _node(port: int) -> Sequence[str]:
    return [shutil.which("node") or "node", str(_MERCURIUS / "server.js"), str(port)]


GATEWAY = Contender("gateway", lambda _port: ())
CONTENDERS = (
    GATEWAY,
    Contender("strawberry", _module("twin_strawberry")),
    Contender("aggregator", _module("aggregator"), rest=True),
    Contender("mercurius", _node),
)


def why_not(contender: Contender) -> str | None:
    """Why a contender cannot be measured here; None when it can."""
    if contender.name != "mercurius":
        return None
    if shutil.which("node") is None:
        return "node is not installed"
    if not (_MERCURIUS / "node_modules").is_dir():
        return "its packages are not installed: run npm ci in tests/bench/mercurius"
    return None


@contextmanager
def upstream() -> Iterator[Process]:
    """The mock upstream, beside the load generator."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.mock_upstream", str(port)]
    with started(command, port, "/__counts", other_cores()) as process:
        yield process


@dataclass(frozen=True, slots=True)
class Shape:
    """How the gateway is set up where that is not as usual: over so many AWX, with Scale or not, with so many workers."""

    awx: int = 1
    scale: bool = True
    workers: int = 1
    cores: set[int] = field(default_factory=server_cores)


@contextmanager
def serving(contender: Contender, mock: Process, shape: Shape | None = None) -> Iterator[Process]:
    """A contender over the mock upstream."""
    port = free_port()
    shape = shape or Shape()
    root = f"http://127.0.0.1:{mock.port}"
    with TemporaryDirectory() as folder:
        command, environment, ready = contender.command(port), _environment(root), "/"
        if contender is GATEWAY:
            config = Path(folder, "gateway.yaml")
            config.write_text(yaml.safe_dump(configuration(root, port, shape)), encoding="utf-8")
            command = [sys.executable, "-c", "from gateway.cli import main; main()", "serve", "--config", str(config)]
            ready = "/healthz"
        with started(command, port, ready, shape.cores, environment) as process:
            yield process


def configuration(root: str, port: int, shape: Shape) -> dict[str, object]:
    """The gateway's configuration: nothing but where it listens, what signs its cursors, and its sources."""
    awx = [
        _source("awx" if number == 0 else f"awx{number}", "awx", f"{root}/awx{number}/api/v2/", AWX_PAGES)
        for number in range(shape.awx)
    ]
    server = {"host": "127.0.0.1", "port": port, "cursor_key": "for the benchmarks only", "workers": shape.workers}
    scale = [_source("scale", "scale", f"{root}/scale/api/v3/", SCALE_PAGES)] if shape.scale else []
    return {"server": server, "sources": awx + scale}


def _source(name: str, kind: str, base_url: str, ui_url: str) -> dict[str, object]:
    return {"name": name, "kind": kind, "base_url": base_url, "ui_url": ui_url, "auth": {"type": "none"}}


def _environment(root: str) -> Mapping[str, str]:
    return {"BENCH_AWX": f"{root}/awx/api/v2/", "BENCH_SCALE": f"{root}/scale/api/v3/", "NODE_ENV": "production"}
