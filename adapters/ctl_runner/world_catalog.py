"""The jobs of the generated account: usual ones, and one for each edition and oddity that the documents print."""

from random import Random

from adapters.ctl_runner.world_rows import Row, observed_job, printed_job

HOUR = 3_600_000
DAY = 24 * HOUR

STORY = "deploy checkout"
DYNAMIC = "resize disks"
DELETED = "retired smoke test"
USUAL = (
    "deploy storefront",
    "patch linux",
    "Sicherung München",
    "rotate certificates",
    DYNAMIC,
    "provision vm",
    "nightly report",
    "import legacy hosts",
    "sync mirrors: 50%/day",
)
"""Jobs that have nothing to do with the story."""
_IDLE = ("decommission rack", "migrate mail", "stopped canary", "queued audit")
"""Jobs without executions."""

_HOSTS = {
    STORY: ("checkout-web-01", "checkout-web-02", "checkout-db-01"),
    "deploy storefront": ("storefront-web-01", "storefront-web-02"),
    "patch linux": ("checkout-web-01", "storefront-web-01", "UC1WFTCTEST08", "münchen-db-01"),
    "Sicherung München": ("münchen-db-01", "münchen-db-02"),
    "rotate certificates": ("rack7/slot:3%2A", "fe80::1%eth0", "checkout-web-01"),
}


def uuid(random: Random) -> str:
    """A version 4 UUID."""
    bits = f"{random.getrandbits(128):032x}"
    return f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-{'89ab'[int(bits[16], 16) % 4]}{bits[17:20]}-{bits[20:]}"


def secret(random: Random, kind: str) -> str:
    """A planted secret."""
    return f"s3cr3t-{kind}-{random.getrandbits(32):08x}"


def jobs(alias: str, random: Random, now: int) -> dict[str, Row]:
    """The jobs by title, oldest first; ``now`` in epoch milliseconds."""
    found: dict[str, Row] = {}
    created = now - 200 * DAY
    for place, title in enumerate((DELETED, STORY, *USUAL, *_IDLE)):
        # Two of them were created in the same millisecond, one in a whole second.
        created += 0 if place == 3 else 9 * DAY + random.randrange(HOUR)
        if place == 5:
            created -= created % 1000
        found[title] = observed_job(alias, uuid(random), title, created)
        if title in _HOSTS:
            found[title]["hosts"] = [
                {"id": host, "hostVars": {"ansible_connection": "ssh", "ansible_ssh_pass": secret(random, "ssh")}}
                for host in _HOSTS[title]
            ]
    _furnish(found, random)
    title = "nightly report"
    stale = printed_job(alias, found[title]["id"], title, uuid(random))
    stale["callbacks"] = [f"https://hooks.example/{secret(random, 'hook')}"]
    stale["repository"]["credentials"] = {"username": "report", "password": secret(random, "git")}
    found[title] = stale
    return found


def _furnish(jobs: dict[str, Row], random: Random) -> None:
    """Secrets in their places, and the oddities (numbers: contract section 9)."""
    story = jobs[STORY]
    story.update(executionTtl=30, playbookTags=["migrate", "deploy"], bootstrapKeyPairAlias="checkout-keys")
    story["description"] = "Rolls checkout out to web and database hosts"
    story["repository"]["credentials"] = {"username": "deploy", "password": secret(random, "git")}
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{secret(random, 'key')}\n-----END RSA PRIVATE KEY-----"
    story["hosts"][0]["sshPrivateKey"] = key
    # Under names that do not sound secret: extra vars hold anything.
    story["properties"] = {"db_password": secret(random, "db"), "artifacts": f"https://get.example/{secret(random, 'url')}"}
    story["callbacks"] = [
        {"url": f"https://hooks.example/{secret(random, 'hook')}", "level": "RESULT"},
        {"url": f"https://chat.example/?token={secret(random, 'chat')}", "level": "ERROR"},
    ]
    git = jobs["patch linux"]["repository"]
    git["credentials"] = {"username": "ops", "password": secret(random, "git"), "sshPrivateKey": secret(random, "key")}
    jobs["patch linux"]["executionTtl"] = 180
    jobs[DYNAMIC].update(hosts=[], useDynamicInventory=True)
    # 11: "ref" instead of "branch", and a repository in an array as the tables have it.
    mirrors = jobs["sync mirrors: 50%/day"]
    mirrors["repository"]["ref"] = mirrors["repository"].pop("branch")
    mirrors["repository"] = [mirrors["repository"]]
    # 2015: the playbook itself, no repository, the last recap; 11: arrays for objects; 12, 22 of the same age.
    legacy = jobs["import legacy hosts"]
    recap = {"legacy-01": {"changed": 1, "failures": 0, "ok": 4, "skipped": 0, "unreachable": 0}}
    legacy.update(repository=None, playbook="LS0tCi0gaG9zdHM6IGFsbAo=", hosts=[{"id": "legacy-01", "hostVars": []}])
    legacy.update(properties=[], details={"lastRun": legacy["createdTime"] + DAY, "lastStatus": recap})
    for title, status in zip(_IDLE, ("COMPLETE", "ERRORED", "STOPPED", "QUEUED"), strict=True):
        jobs[title]["status"] = status
