"""npm's graphql-http audits the gateway: all of its rules, those that it only recommends among them."""

from tests.compliance.conftest import Systems
from tests.compliance.node import lines, needs_node, node

pytestmark = needs_node

AUDITS = 61


def test_every_audit_is_passed(still: Systems) -> None:
    found = lines(node("audit.mjs", still.server.http))
    failed = [audit for audit in found if audit["status"] != "ok"]
    assert failed == []
    assert len(found) == AUDITS
    print(f"graphql-http: {len(found) - len(failed)} of {len(found)} audits")
