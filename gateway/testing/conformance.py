"""The conformance suite: what every adapter is held to. Inherit it, and say what cannot be known from outside::

    class TestAirflow(AdapterConformance):
        factory = my_package.factory

        def make_upstream(self) -> Any: ...       # a fake server: .app (ASGI) and .log
        def sizes(self, upstream) -> Mapping: ... # how many executions, jobs and nodes it has
        async def invent_status(self, upstream, word) -> None: ...

Truth is computed, not handed in: all rows of the source, filtered and sorted by definition (``gateway.query``). Needs the
extra ``execution-gateway[testing]``. docs/adapters.md is the author's guide.
"""

import pytest

# Before they are imported, so that a failing check shows its values.
pytest.register_assert_rewrite(
    "gateway.testing.harness",
    "gateway.testing.conformance_plans",
    "gateway.testing.conformance_lists",
    "gateway.testing.conformance_reads",
    "gateway.testing.conformance_faults",
)

from gateway.testing.conformance_faults import FaultChecks  # noqa: E402
from gateway.testing.conformance_lists import ListChecks  # noqa: E402
from gateway.testing.conformance_plans import PlanChecks  # noqa: E402
from gateway.testing.conformance_reads import ReadChecks  # noqa: E402

__all__ = ["AdapterConformance"]


@pytest.mark.asyncio
class AdapterConformance(PlanChecks, ListChecks, ReadChecks, FaultChecks):
    """Inherit in a class whose name begins with ``Test``; set ``factory``, and override what ``Harness`` leaves open.

    A check that cannot apply is named in ``skips`` with its reason; there is no other way around one.
    """
