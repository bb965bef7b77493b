"""A ThreatConnect simulator with the adapter on it, for the adapter's tests."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import httpx

from adapters.threatconnect import ThreatConnectSettings, factory
from adapters.threatconnect.planning import (
    EXECUTION_PARAMETERS,
    JOB_PARAMETERS,
    PROVEN_EXECUTION_PARAMETERS,
    PROVEN_JOB_PARAMETERS,
)
from adapters.threatconnect.simulator import Simulator
from adapters.threatconnect.simulator_tables import Profile
from adapters.threatconnect.world import World
from gateway.config import BudgetSettings
from gateway.cursor import CursorCodec
from gateway.merge import MergedPage, MergeSource, merge_page
from gateway.model import Execution, Job, Key, Kind, Node
from gateway.query import Filter, JobFilter, ListQuery, Order, OrderField
from gateway.testing.simulator import LoggedRequest
from gateway.transport import SourceClient

NOW = datetime(2026, 11, 21, 19, 30, 5, tzinfo=UTC)
NEWEST = Order(OrderField.CREATED_AT)
UNNAMED = frozenset({"key", "status"})


def key(kind: Kind, *parts: object) -> Key:
    return Key(kind, "tc", tuple(map(str, parts)))


TOLD: dict[Profile, dict[str, Any]] = {
    Profile.FULL: {"execution_parameters": EXECUTION_PARAMETERS, "job_parameters": JOB_PARAMETERS},
    Profile.MINIMAL: {
        "execution_parameters": PROVEN_EXECUTION_PARAMETERS,
        "job_parameters": PROVEN_JOB_PARAMETERS,
    },
}
"""Settings that say what a server of a profile offers, so that nobody asks it."""


class Bench:
    """A simulator, and the adapter on it, which is told what the simulator offers or ``discovers`` it."""

    def __init__(
        self,
        size: int = 300,
        *,
        transport: Any = None,
        profile: Profile = Profile.FULL,
        discovers: bool = False,
        **given: Any,
    ) -> None:
        self.world = World.generate(3, size, NOW)
        self.simulator = Simulator(self.world, profile=profile)
        told = {} if discovers else TOLD[profile]
        self.settings = ThreatConnectSettings.model_validate(
            {"name": "tc", **factory.simulator_settings("https://tc.example"), **told, **given}
        )
        inner = transport or httpx.ASGITransport(app=self.simulator.app)
        self.adapter = factory.open("tc", self.settings, SourceClient(self.settings, inner))
        self.codec = CursorCodec(b"test")

    def asked(self) -> list[str]:
        """What was asked for since the last time, below the API."""
        asked = [self._shown(each) for each in self.simulator.log]
        self.simulator.log.clear()
        return asked

    @staticmethod
    def _shown(each: LoggedRequest) -> str:
        method = "" if each.method == "GET" else f"{each.method} "
        return f"{method}{each.path.removeprefix('/api/')}?{unquote(each.query)}"

    async def page(
        self,
        given: Filter,
        order: Order = NEWEST,
        first: int = 50,
        after: str | None = None,
        *,
        fields: frozenset[str] = UNNAMED,
        totals: bool = False,
    ) -> tuple[MergedPage, str | None]:
        """A page of a list by a client, and the cursor after it."""
        source = MergeSource("tc", self.adapter, BudgetSettings(rows=100_000, requests=1000, seconds=60))
        kind: Kind = "job" if isinstance(given, JobFilter) else "execution"
        cursor = None if after is None else self.codec.decode(after, "list")
        query = ListQuery(kind, given, order, fields)
        page = await merge_page([source], query, first=first, after=cursor, now=0, totals=totals)
        return page, None if page.end is None else self.codec.encode(page.end, "list")

    def truth(self, order: Order = NEWEST) -> list[int]:
        """Ids of all executions in the total order, from the world itself."""
        rows = sorted(self.world.executions.values(), key=lambda row: row["id"])
        if order.field is not OrderField.NATIVE:
            rows.sort(key=lambda row: row["queueTime"], reverse=order.descending)
        return [row["id"] for row in rows]

    def executions(self, count: int) -> list[Key]:
        rows = [self.world.executions[number] for number in sorted(self.world.executions)[:count]]
        return [key("execution", row["jobId"], row["id"]) for row in rows]


def found(answer: Any) -> Any:
    assert isinstance(answer, Job | Execution | Node), answer
    return answer
