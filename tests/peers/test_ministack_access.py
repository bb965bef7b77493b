"""Another implementation than botocore's checks our signatures, and policies say what they open: ministack with AUTH."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.sigv4 import Keys
from tests.peers.fleet import READS, create_things, reader, session_of
from tests.peers.gateways import over
from tests.peers.peer import Peer
from tests.support import App

REGION = "eu-west-1"
LISTS = """{ executions(first: 10) { edges { node { nativeId } } sources { state error { code message httpStatus } } }
  jobs(first: 10) { edges { node { nativeId } } sources { state error { code message } } }
  nodes(first: 10) { edges { node { name } } sources { state error { code message } } } }"""


@pytest.fixture(scope="session")
def keys(ministack: Peer) -> Keys:
    """A reader's key; one thing with a name of all characters has one job."""
    iot = ministack.client("iot", REGION)
    arns = create_things(iot, ["a:b_c-D:9"])
    iot.create_job(jobId="only_one-1", targets=arns, document="{}")
    return reader(ministack, "access")


def given(keys: Keys) -> dict[str, Any]:
    return {"access_key_id": keys.access_key, "secret_access_key": keys.secret_key, "session_token": keys.token}


CHAIN = {"access_key_id": None, "secret_access_key": None}


async def assert_reads_everything(app: App) -> None:
    data = await app.data(LISTS)
    assert [edge["node"] for edge in data["executions"]["edges"]] == [{"nativeId": "only_one-1/a:b_c-D:9/1"}]
    assert [edge["node"] for edge in data["jobs"]["edges"]] == [{"nativeId": "only_one-1"}]
    assert [edge["node"] for edge in data["nodes"]["edges"]] == [{"name": "a:b_c-D:9"}]
    one = await app.data("""{ source(name: "iot") { execution(nativeId: "only_one-1/a:b_c-D:9/1") {
      details { ... on IotExecutionDetails { versionNumber } }
      job { description details { ... on IotJobDetails { targets } } }
      nodes { edges { node { details { ... on IotThingDetails { attributes } } } } } } } }""")
    assert one["source"]["execution"]["details"] == {"versionNumber": "1"}


async def test_seven_permissions_are_enough(ministack: Peer, keys: Keys) -> None:
    async with over(ministack, REGION, **given(keys)) as app:
        await assert_reads_everything(app)


async def test_session_tokens_are_accepted(ministack: Peer, keys: Keys) -> None:
    async with over(ministack, REGION, **given(session_of(ministack, keys, "session"))) as app:
        await assert_reads_everything(app)


async def test_keys_of_the_environment(ministack: Peer, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_key)
    async with over(ministack, REGION, **CHAIN) as app:
        await assert_reads_everything(app)


async def test_a_helper_process_of_a_profile(ministack: Peer, keys: Keys, tmp_path: Path) -> None:
    session = session_of(ministack, keys, "helped")
    said = {
        "Version": 1,
        "AccessKeyId": session.access_key,
        "SecretAccessKey": session.secret_key,
        "SessionToken": session.token,
        "Expiration": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
    }
    (tmp_path / "said").write_text(json.dumps(said))
    (tmp_path / "helper.py").write_text("import sys; print(open(sys.argv[1]).read())")
    helper = f"{sys.executable} {tmp_path / 'helper.py'} {tmp_path / 'said'}"
    (tmp_path / "config").write_text(f"[profile fleet]\ncredential_process = {helper}\n")
    async with over(ministack, REGION, profile="fleet", **CHAIN) as app:
        await assert_reads_everything(app)


@pytest.mark.parametrize("wrong", ["secret", "key", "token", "everything"])
async def test_wrong_credentials_are_told_apart_from_missing_permissions(ministack: Peer, keys: Keys, wrong: str) -> None:
    tried = {
        "secret": Keys(keys.access_key, "not-the-secret"),
        "key": Keys("AKIANOBODY", keys.secret_key),
        "token": Keys(*session_of(ministack, keys, f"wrong-{wrong}")[:2], "not-the-token"),
        "everything": None,
    }[wrong]
    async with over(ministack, REGION, **(CHAIN if tried is None else given(tried))) as app:
        body = await app.answer(LISTS)
    for page in body["data"].values():
        (report,) = page["sources"]
        assert (report["state"], report["error"]["code"]) == ("FAILED", "UNAUTHENTICATED")
        assert page["edges"] == []
    for private in (*keys, "not-the", "AKIANOBODY"):
        assert private is None or private not in str(body)


async def test_what_a_policy_leaves_out_is_forbidden_and_the_rest_is_shown(ministack: Peer, keys: Keys) -> None:
    allowed = tuple(name for name in READS if name not in ("ListThings", "DescribeJobExecution"))
    less = reader(ministack, "less", allowed)
    async with over(ministack, REGION, **given(less)) as app:
        data = await app.data(LISTS)
        assert [data[name]["sources"][0]["state"] for name in ("executions", "jobs", "nodes")] == ["OK", "OK", "FAILED"]
        assert data["nodes"]["sources"][0]["error"]["code"] == "FORBIDDEN"
        body = await app.answer("""{ source(name: "iot") { execution(nativeId: "only_one-1/a:b_c-D:9/1") {
          status statusMessage } } }""")
    assert body["data"]["source"]["execution"] == {"status": "QUEUED", "statusMessage": None}
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
    # AWS's own sentence names the user and the account: it is not passed on.
    assert "arn:" not in str(body)
