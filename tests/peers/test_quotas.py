"""AWS's quotas, as the other side sees them: moto logs when each request arrived."""

from collections import defaultdict
from typing import Any

from adapters.aws_iot import QuotaSettings
from tests.peers.fleet import create_things
from tests.peers.gateways import over, walk
from tests.peers.peer import Peer

REGION = "ap-northeast-1"
JOBS = 14


async def test_the_default_quota_holds_where_requests_arrive(moto: Peer) -> None:
    iot = moto.client("iot", REGION)
    targets = create_things(iot, ["node"])
    for number in range(JOBS):
        iot.create_job(jobId=f"job-{number}", targets=targets, document="{}")
    before = len(moto.get("/_peer/log"))
    async with over(moto, REGION, quota=None) as app:
        assert len(await walk(app)) == JOBS
    log = moto.get("/_peer/log")[before:]
    arrived: defaultdict[str, list[float]] = defaultdict(list)
    for each in log:
        arrived[operation(each)].append(each["at"])
    assert {name: len(times) for name, times in arrived.items()} == {"ListJobs": 1, "ListJobExecutionsForJob": JOBS}
    allowed = QuotaSettings()
    for times in arrived.values():
        assert max(sum(start <= at < start + 1 for at in times) for start in times) <= allowed.ceiling == 10
    assert max(each["served"] for each in log) <= allowed.in_flight


def operation(request: dict[str, Any]) -> str:
    return "ListJobs" if request["path"] == "/jobs" else "ListJobExecutionsForJob"
