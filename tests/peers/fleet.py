"""The worlds that tests find in the peers, made by signed requests."""

import json
from dataclasses import dataclass
from typing import Any

from gateway.sigv4 import Keys
from tests.peers.oracle import Row, executions
from tests.peers.peer import Peer

READS = (
    "ListJobs",
    "DescribeJob",
    "ListJobExecutionsForJob",
    "ListJobExecutionsForThing",
    "DescribeJobExecution",
    "ListThings",
    "DescribeThing",
)
"""All that the gateway may do with its keys."""

THINGS = ("boiler-1", "boiler-2", "kettle-1", "kettle-2", "plant:line-3:kettle_7", "spare")
CROWD = 255
"""Things of a job with more executions than a page holds."""

REGION = "eu-central-1"


@dataclass(frozen=True)
class Fleet:
    """What a peer holds in a Region, as botocore reads it."""

    peer: Peer
    jobs: tuple[str, ...]
    rows: tuple[Row, ...]

    def find(self, job: str, thing: str, number: int = 1) -> Row:
        return next(row for row in self.rows if (row.job, row.thing, row.number) == (job, thing, number))


def create_things(iot: Any, names: Any) -> list[str]:
    """Their ARNs."""
    return [iot.create_thing(thingName=name, attributePayload={"attributes": {"site": "ams"}})["thingArn"] for name in names]


def create_crowd(iot: Any) -> list[str]:
    """The ARNs of more things than a page holds."""
    return create_things(iot, (f"crowd-{number:03}" for number in range(CROWD)))


def make_ministack(peer: Peer) -> Fleet:
    """Executions with every word that devices, people and groups can bring about."""
    iot, device = peer.client("iot", REGION), peer.client("iot-jobs-data", REGION)
    things = dict(zip(THINGS, create_things(iot, THINGS), strict=True))
    group = iot.create_thing_group(thingGroupName="kettles")["thingGroupArn"]
    for name in ("kettle-1", "kettle-2"):
        iot.add_thing_to_thing_group(thingGroupName="kettles", thingName=name)

    # Later ones are started first: a device takes the oldest that waits for it.
    iot.create_job(
        jobId="firmware-2",
        targets=list(things.values()),
        document="{}",
        description="Second firmware",
        timeoutConfig={"inProgressTimeoutInMinutes": 90},
    )
    device.start_next_pending_job_execution(thingName="boiler-1", statusDetails={"step": "download", "percent": "40"})
    device.update_job_execution(thingName="boiler-2", jobId="firmware-2", status="SUCCEEDED")
    failed = {"reason": "disk full", "password": "hunter2", "step": "unpack"}
    device.update_job_execution(thingName="kettle-1", jobId="firmware-2", status="FAILED", statusDetails=failed)
    device.update_job_execution(thingName="kettle-2", jobId="firmware-2", status="REJECTED")
    iot.cancel_job_execution(jobId="firmware-2", thingName="spare", statusDetails={"reason": "kept for parts"})

    iot.create_job(jobId="done", targets=[things["boiler-1"], things["boiler-2"]], document="{}")
    for name in ("boiler-1", "boiler-2"):
        device.update_job_execution(thingName=name, jobId="done", status="SUCCEEDED")

    iot.create_job(jobId="called-off", targets=[things["spare"], things["kettle-1"]], document="{}")
    iot.cancel_job(jobId="called-off", reasonCode="WRONG_BUILD", comment="Built from the wrong branch")

    # Leaves and comes again: removed, and a second execution.
    iot.create_job(jobId="keys", targets=[group], targetSelection="CONTINUOUS", document="{}")
    iot.describe_job(jobId="keys")
    iot.remove_thing_from_thing_group(thingGroupName="kettles", thingName="kettle-2")
    iot.add_thing_to_thing_group(thingGroupName="kettles", thingName="kettle-2")

    iot.create_job(jobId="crowded", targets=create_crowd(iot), document="{}")
    for number in range(0, CROWD, 50):
        device.update_job_execution(thingName=f"crowd-{number:03}", jobId="crowded", status="SUCCEEDED")
    jobs = ("firmware-2", "done", "called-off", "keys", "crowded")
    return Fleet(peer, jobs, tuple(executions(iot, jobs)))


def make_moto(peer: Peer) -> Fleet:
    """Executions with every word there is, their states and instants set within moto."""
    iot = peer.client("iot", REGION)
    words = ("QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED")
    # No colons: moto takes what stands behind the last one of an ARN for the name of an execution's thing.
    names = [f"node-{word.lower()}" for word in words] + ["node-again"]
    arns = create_things(iot, names)
    changes: list[dict[str, Any]] = []
    jobs: dict[str, Any] = {}
    for place, job in enumerate(("weekly", "daily")):
        iot.create_job(
            jobId=job, targets=arns, document="{}", description=job, timeoutConfig={"inProgressTimeoutInMinutes": 5 + place}
        )
        jobs[job] = {"status": ("IN_PROGRESS", "COMPLETED")[place], "created_at": 1_763_700_000.25 + place * 1000}
        for nth, (thing, word) in enumerate(zip(names, (*words, "SUCCEEDED"), strict=True)):
            queued = 1_763_700_000.373 + place * 1000 + (nth * 37) % 100
            final = word not in ("QUEUED", "IN_PROGRESS")
            changes.append(
                {
                    "job": job,
                    "thing": thing,
                    "set": {
                        # A completed job has nothing open.
                        "status": word if final or not place else "SUCCEEDED",
                        "queued_at": queued,
                        "started_at": None if word in ("QUEUED", "REMOVED") else queued + nth,
                        "last_updated_at": queued + 2 * nth + 0.5,
                        "execution_number": 1 + place,
                        "status_details_map": {"reason": f"{word} it is", "api_token": "hunter2"},
                    },
                }
            )
    jobs["daily"]["completed_at"] = 1_763_702_000.5
    iot.create_job(jobId="crowded", targets=create_crowd(iot), document="{}")
    peer.post("/_peer/set", {"region": REGION, "jobs": jobs, "executions": changes})
    names_of_jobs = ("weekly", "daily", "crowded")
    return Fleet(peer, names_of_jobs, tuple(executions(iot, names_of_jobs)))


def reader(peer: Peer, name: str, allowed: tuple[str, ...] = READS) -> Keys:
    """The key of a new user of ministack, who may do these things and nothing else."""
    iam = peer.client("iam", "us-east-1")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="iot", PolicyDocument=policy(*(f"iot:{each}" for each in allowed)))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Keys(key["AccessKeyId"], key["SecretAccessKey"])


def session_of(peer: Peer, keys: Keys, name: str) -> Keys:
    """Temporary keys of a user of ministack, of a new role that may read."""
    iam = peer.client("iam", "us-east-1")
    user = peer.client("sts", "us-east-1", keys).get_caller_identity()["Arn"]
    # To AWS the role's trust in the user would do.
    iam.put_user_policy(UserName=user.rpartition("/")[2], PolicyName="sts", PolicyDocument=policy("sts:AssumeRole"))
    trust = {"Effect": "Allow", "Principal": {"AWS": user}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="iot", PolicyDocument=policy(*(f"iot:{each}" for each in READS)))
    found = peer.client("sts", "us-east-1", keys).assume_role(RoleArn=role, RoleSessionName=name)["Credentials"]
    return Keys(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])


def policy(*actions: str) -> str:
    """The IAM document that allows some actions."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]})
