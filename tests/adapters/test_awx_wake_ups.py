"""AWX's websocket as a wake-up: over real sockets, against the simulator and against servers that misbehave."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from adapters.awx import factory
from adapters.awx.adapter import AwxAdapter
from adapters.awx.simulator import Simulator
from adapters.awx.wake_ups import WakeUps, _address
from adapters.awx.world import World
from gateway.config import SourceSettings
from gateway.errors import SourceError, SourceErrorCode
from gateway.spi import SupportsWakeUps
from gateway.testing.servers import LoopbackServers
from gateway.transport import SourceClient, tls_context
from tests.adapters.awx_bench import NOW, key
from tests.support import until

C = SourceErrorCode
SECRET = "admin-token"


def adapter_at(origin: str, **changes: Any) -> AwxAdapter:
    given = {"name": "awx", **factory.simulator_settings(origin), **changes}
    settings = factory.settings.model_validate(given)
    return factory.open("awx", settings, SourceClient(settings, httpx.AsyncHTTPTransport()))


async def fault_of(adapter: AwxAdapter) -> SourceError:
    """The fault that wake-ups end with; nothing may come before it."""
    async with asyncio.timeout(20), aclosing(adapter.wake_ups()) as told:
        with pytest.raises(SourceError) as raised:
            await anext(told)
    assert raised.value.source == "awx"
    for hidden in ("admin", "127.0.0.1", "elsewhere", "Traceback"):
        assert hidden not in raised.value.message
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    return raised.value


# --- the simulator -------------------------------------------------------------------------------------------------


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(World.generate(5, 60, NOW))


@pytest.fixture
def origin(simulator: Simulator) -> Iterator[str]:
    with LoopbackServers([simulator.app]) as servers:
        yield servers.origins[0]


async def test_it_tells_which_run_has_changed_and_which_is_stored(simulator: Simulator, origin: str) -> None:
    adapter = adapter_at(origin)
    assert isinstance(adapter, SupportsWakeUps)
    world = simulator.world
    async with aclosing(adapter.wake_ups()) as told, asyncio.timeout(20):
        first = asyncio.ensure_future(anext(told))
        await until(lambda: simulator.sockets.listening == 1)
        added = world.add_execution()
        assert await first == key("execution", added)
        world.update_execution(added, status="successful", finished=NOW, event_processing_finished=False)
        assert await anext(told) == key("execution", added)
        world.update_execution(added, event_processing_finished=True)
        assert await anext(told) == key("execution", added)
        project = world.add_unified_job("project_update")
        assert await anext(told) == key("execution", project)
    await until(lambda: simulator.sockets.listening == 0)


async def test_it_tells_of_a_living_world(simulator: Simulator, origin: str) -> None:
    adapter = adapter_at(origin)
    simulator.go_live(200)
    async with aclosing(adapter.wake_ups()) as told, asyncio.timeout(20):
        keys = [await anext(told) for _ in range(5)]
    assert all(each is not None and int(each.parts[0]) in simulator.world.executions for each in keys)


async def test_a_listener_that_is_canceled_leaves(simulator: Simulator, origin: str) -> None:
    adapter = adapter_at(origin)

    async def listen() -> None:
        async with aclosing(adapter.wake_ups()) as told:
            async for _ in told:
                pass

    task = asyncio.create_task(listen())
    await until(lambda: simulator.sockets.listening == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: simulator.sockets.listening == 0)


async def test_basic_credentials_are_good_too(simulator: Simulator, origin: str) -> None:
    basic = {"type": "basic", "username": "viewer", "password": "viewer-password"}
    async with aclosing(adapter_at(origin, auth=basic).wake_ups()) as told, asyncio.timeout(20):
        first = asyncio.ensure_future(anext(told))
        await until(lambda: simulator.sockets.listening == 1)
        added = simulator.world.add_execution()
        assert await first == key("execution", added)


async def test_credentials_that_are_not_accepted(origin: str) -> None:
    fault = await fault_of(adapter_at(origin, auth={"type": "bearer", "token": "admin-wrong"}))
    assert (fault.code, fault.http_status) == (C.UNSUPPORTED, 403)


async def test_an_address_without_a_websocket(origin: str) -> None:
    fault = await fault_of(adapter_at(origin, base_url=f"{origin}/prefix/api/v2/"))
    assert (fault.code, fault.http_status) == (C.UNSUPPORTED, 404)


@pytest.mark.parametrize("path", ["/websocket/", "/api/websocket/"])
async def test_the_simulators_words(simulator: Simulator, origin: str, path: str) -> None:
    """What contracts/awx.md section 8 says of subscribing."""
    headers = {"Authorization": "Bearer viewer-token", "Cookie": "csrftoken=abc"}
    viewed = next(row for row in simulator.world.executions.values() if row["summary_fields"]["organization"]["id"] == 1)
    async with connect(f"ws{origin.removeprefix('http')}{path}", additional_headers=headers, proxy=None) as socket:
        accepted = msg(await socket.recv())
        assert accepted["accept"] is True
        assert isinstance(accepted["user"], int)
        await socket.send('{"xrftoken": "abd", "groups": {"jobs": ["summary"]}}')
        assert msg(await socket.recv()) == {"error": "access denied to channel"}
        await socket.send(
            '{"xrftoken": "abc", "groups": {"jobs": ["summary"], "job_events": [99999, ' + f"{viewed['id']}]}}}}"
        )
        assert msg(await socket.recv()) == {"error": "access denied to channel job_events for resource id 99999"}
        first = [f"job_events-{viewed['id']}", "jobs-summary"]
        assert msg(await socket.recv()) == {"groups_current": first, "groups_left": [], "groups_joined": first}
        second = ["jobs-status_changed"]
        await socket.send('{"xrftoken": "abc", "groups": {"jobs": ["status_changed"]}}')
        assert msg(await socket.recv()) == {"groups_current": second, "groups_left": first, "groups_joined": second}
        simulator.world.update_execution(viewed["id"], status="running")
        told = msg(await socket.recv())
        assert (told["unified_job_id"], told["status"], told["type"]) == (viewed["id"], "running", "job")
        assert told["unified_job_template_id"] == viewed["unified_job_template"]
        assert "finished" not in told


def msg(text: str | bytes) -> Any:
    return httpx.Response(200, content=text).json()


# --- other servers -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def server(act: Callable[[ServerConnection], Awaitable[None]], refuses: Any = None) -> AsyncIterator[str]:
    """A server that does as it is told; its origin."""
    async with serve(act, "127.0.0.1", 0, process_request=refuses) as running:
        yield f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}"


def says(*texts: str | bytes) -> Callable[[ServerConnection], Awaitable[None]]:
    async def act(socket: ServerConnection) -> None:
        await socket.recv()
        for text in texts:
            await socket.send(text)
        await socket.wait_closed()

    return act


async def test_what_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    """And that nothing of it is logged, at whatever level."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, "websockets.server")
    seen: list[Any] = []

    async def act(socket: ServerConnection) -> None:
        assert socket.request is not None
        seen.extend((socket.request.path, socket.request.headers, msg(await socket.recv())))
        await socket.send('{"group_name": "jobs", "unified_job_id": 7, "status": "running"}')
        await socket.wait_closed()

    headers = {"X-Team": "ops", "Cookie": "sessionid=s3"}
    async with server(act) as origin:
        adapter = adapter_at(origin, base_url=f"{origin}/deep/er/api/v2/", headers=headers)
        async with aclosing(adapter.wake_ups()) as told, asyncio.timeout(20):
            assert await anext(told) == key("execution", 7)
    path, sent, subscription = seen
    token = subscription["xrftoken"]
    assert path == "/deep/er/websocket/"
    assert sent["Authorization"] == f"Bearer {SECRET}"
    assert sent["X-Team"] == "ops"
    assert sent.get_all("Cookie") == [f"sessionid=s3; csrftoken={token}"]
    assert sent.get_all("Host") == [origin.removeprefix("http://")]
    assert sent.get_all("User-Agent") == ["execution-gateway"]
    assert subscription["groups"] == {"jobs": ["status_changed", "summary"], "control": ["limit_reached_1"]}
    assert SECRET not in caplog.text
    assert token not in caplog.text


async def test_what_is_of_no_interest_is_passed_over() -> None:
    texts = (
        '{"accept": true, "user": 1}',
        '{"groups_current": [], "groups_left": [], "groups_joined": []}',
        '{"group_name": "schedules", "unified_job_id": 3}',
        '{"group_name": "jobs", "final_counter": 613}',
        '{"group_name": "jobs", "unified_job_id": 99999999999}',
        b'{"group_name": "jobs", "unified_job_id": 4, "final_counter": 613}',
    )
    async with server(says(*texts)) as origin, aclosing(adapter_at(origin).wake_ups()) as told, asyncio.timeout(20):
        assert [await anext(told) for _ in range(3)] == [None, None, key("execution", 4)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"error": "access denied to channel admin"}', C.UNSUPPORTED),
        ('{"close": true}', C.UNSUPPORTED),
        ("admin", C.UNAVAILABLE),
        ("[1]", C.UNAVAILABLE),
        (b"\xff", C.UNAVAILABLE),
        ("[" * 200_000, C.UNAVAILABLE),
        ('{"group_name": "jobs", "unified_job_id": "admin"}', C.UNAVAILABLE),
        ('"' + "x" * (2 << 20) + '"', C.UNAVAILABLE),
    ],
)
async def test_refusals_and_nonsense(text: str | bytes, code: SourceErrorCode) -> None:
    async with server(says(text)) as origin:
        assert (await fault_of(adapter_at(origin))).code is code


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4403])
async def test_a_server_that_closes(code: int) -> None:
    async def act(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.close(code, "admin")

    async with server(act) as origin:
        assert (await fault_of(adapter_at(origin))).code is C.UNAVAILABLE


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (200, C.UNSUPPORTED),
        (302, C.UNAVAILABLE),
        (401, C.UNSUPPORTED),
        (403, C.UNSUPPORTED),
        (404, C.UNSUPPORTED),
        (429, C.UNAVAILABLE),
        (502, C.UNAVAILABLE),
    ],
)
async def test_other_answers_than_a_handshake(status: int, code: SourceErrorCode) -> None:
    asked: list[str] = []

    def refuses(_: ServerConnection, request: Request) -> Response:
        asked.append(request.path)
        return Response(status, HTTPStatus(status).phrase, Headers(Location="/elsewhere/"), b"admin")

    async with server(says(), refuses) as origin:
        fault = await fault_of(adapter_at(origin))
    assert (fault.code, fault.http_status) == (code, status)
    assert asked == ["/websocket/"]


async def test_nobody_there() -> None:
    async with server(says()) as origin:
        pass
    assert (await fault_of(adapter_at(origin))).code is C.UNAVAILABLE


@asynccontextmanager
async def no_server_of_the_web(answer: bytes | None) -> AsyncIterator[str]:
    """A server that answers this, whatever it is asked, or nothing until it is left; its origin."""
    served = asyncio.Event()

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if answer is None:
            await reader.read()
        else:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        served.set()

    async with await asyncio.start_server(act, "127.0.0.1", 0) as running:
        yield f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}"
        await served.wait()


@pytest.mark.parametrize(("answer", "seconds"), [(b"220 admin ready\r\n", 20), (b"", 20), (None, 0.2)])
async def test_a_server_that_does_not_speak_http(answer: bytes | None, seconds: float) -> None:
    async with no_server_of_the_web(answer) as origin:
        assert (await fault_of(adapter_at(origin, timeout_seconds=seconds))).code is C.UNAVAILABLE


# --- credentials ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("login", "code"),
    [
        (httpx.Response(200, json={"bearerToken": "t0k3n"}), None),
        (httpx.Response(401), C.UNAUTHENTICATED),
        (httpx.ConnectError("http://127.0.0.1/login"), C.UNAVAILABLE),
        (httpx.ReadTimeout("http://127.0.0.1/login"), C.TIMEOUT),
    ],
)
async def test_credentials_that_have_to_be_fetched(login: httpx.Response | Exception, code: SourceErrorCode | None) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        if isinstance(login, Exception):
            raise login
        return login

    auth = {"type": "login", "login_url": "http://awx/login", "username": "admin", "password": "p"}
    settings = SourceSettings.model_validate({"name": "awx", "kind": "awx", "base_url": "http://awx/", "auth": auth})
    client = SourceClient(settings, httpx.MockTransport(answer))
    if code is None:
        assert await client.credentials() == {"authorization": "Bearer t0k3n"}
        return
    with pytest.raises(SourceError) as raised:
        await client.credentials()
    assert raised.value.code is code


# --- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{"websocket": False}, {"base_url": "http://127.0.0.1:1/api/controller/v2/"}])
async def test_nothing_is_asked_where_there_is_nothing_to_ask(changes: dict[str, Any]) -> None:
    assert (await fault_of(adapter_at("http://127.0.0.1:1", **changes))).code is C.UNSUPPORTED


@pytest.mark.parametrize(
    ("base_url", "address"),
    [
        ("https://awx.example/api/v2/", "wss://awx.example/websocket/"),
        ("HTTP://awx.example:8052/tower/api/v2/", "ws://awx.example:8052/tower/websocket/"),
        ("https://[::1]:8043/api/v2/", "wss://[::1]:8043/websocket/"),
        ("https://awx.example/", None),
        ("https://awx.example/myapi/v2/", None),
    ],
)
def test_addresses(base_url: str, address: str | None) -> None:
    assert _address(base_url) == address


def test_certificates_are_judged_as_configured() -> None:
    strict, lax = (
        tls_context(SourceSettings.model_validate({"name": "a", "kind": "awx", "verify_tls": verify}))
        for verify in (True, False)
    )
    assert (strict.verify_mode, strict.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (lax.verify_mode, lax.check_hostname) == (ssl.CERT_NONE, False)


async def test_certificates_that_cannot_be_read() -> None:
    settings = factory.settings.model_validate(
        {"name": "awx", "kind": "awx", "base_url": "https://127.0.0.1:1/api/v2/", "verify_tls": "/nope/ca.pem"}
    )
    with pytest.raises(SourceError) as raised:
        await anext(WakeUps(settings, SourceClient(settings, httpx.AsyncHTTPTransport())).keys())
    assert raised.value.code is C.UNAVAILABLE
