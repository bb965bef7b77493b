"""The GraphQL types of what only Runner has, and how its records fill them (DOMAIN C6; contract, sections 4 and 5).

Nothing here is dear: Runner's lists and details show the same. What may hold secrets is left out or redacted.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import strawberry

from adapters.ctl_runner.client import ExecutionRecord, JobRecord, value_of
from adapters.ctl_runner.mapping import hosts_of, instant, object_of, repository_of, text_of, texts
from gateway.api.scalars import JSON, DateTime
from gateway.redaction import redacted

# The texts of 2015 look like JSON, but have two kinds of quotes and raw line ends: a key, a colon, a text, and what may
# follow one. Bounded, because upstreams send anything.
_MEMBER = re.compile(
    r"""(["'])(commit|author|author_email|date|message)\1\s{0,20}:\s{0,20}(["'])(.{0,2000}?)\3(?=\s{0,50}[,}\]])""",
    re.DOTALL,
)
_LONGEST_LOG = 20_000


def _field(description: str) -> Any:
    return strawberry.field(description=description)


@strawberry.type(description="CTL Runner job: a playbook, its repository and its hosts. Secrets and host variables removed.")
class CtlJobDetails:
    """See the field descriptions."""

    account_alias: str | None = _field("Account that the job belongs to.")
    repository_url: str | None = _field("Git repository of the playbook, without credentials.")
    repository_branch: str | None = _field("Branch of the repository; some editions call it `ref`.")
    default_playbook: str | None = _field("File in the repository that is run.")
    has_inline_playbook: bool = _field("Whether the job carries the playbook itself, as jobs of 2015 do.")
    playbook_tags: list[str] = _field("Tags that a run is limited to; all when empty.")
    host_ids: list[str] = _field("Hosts that the job names. Host variables removed.")
    execution_ttl_minutes: int | None = _field("After this long a run expires; null means Runner's default, 180.")
    use_dynamic_inventory: bool | None = _field("Whether hosts are only found when the job runs.")
    bootstrap_key_pair_alias: str | None = _field("Name of the key pair that new hosts are set up with; not a key.")
    callback_levels: list[str] = _field("What webhooks of the job are told: `DEBUG`, `ERROR`, `RESULT`. Addresses removed.")
    last_run_at: DateTime | None = _field("When it last ran, as records of 2015 tell.")
    last_status: JSON | None = _field("Task results of the last run by host, as records of 2015 tell, secrets redacted.")


@strawberry.type(description="A commit of the playbook repository.")
class CtlCommit:
    """See the field descriptions."""

    commit: str = _field("Hash of the commit.")
    author: str | None = _field("Who wrote it.")
    author_email: str | None = _field("Address of whoever wrote it.")
    date: str | None = _field("When it was written, in git's own format.")
    message: str | None = _field("The commit message, secrets redacted.")


@strawberry.type(description="CTL Runner job execution.")
class CtlExecutionDetails:
    """See the field descriptions."""

    account_alias: str | None = _field("Account that the execution belongs to.")
    repository_log: str | None = _field(
        "As sent, secrets redacted; CTL documents it as JSON in a string and sends several spellings of it."
    )
    commits: list[CtlCommit] | None = _field("Parsed from repositoryLog where possible; null where there is none.")
    failed_hosts: list[str] = _field("Hosts on which it failed.")
    is_vpn_established: bool | None = _field("Whether the VPN to the hosts was up.")
    record_id: str | None = _field("The undocumented second `id` that some records carry.")


def job_details(record: JobRecord) -> CtlJobDetails:
    """What a job's record tells beyond the unified fields. Raises ValueError for an unreadable instant."""
    repository, history = repository_of(record), object_of(record.details)
    callbacks = value_of(record.callbacks)
    levels = [each.get("level") for each in callbacks if isinstance(each, dict)] if isinstance(callbacks, list) else []
    last_run = history.get("lastRun")
    last_run_at = instant(last_run) if isinstance(last_run, int) and not isinstance(last_run, bool) else None
    return CtlJobDetails(
        account_alias=record.account_alias,
        repository_url=repository.url,
        repository_branch=repository.branch,
        default_playbook=repository.playbook,
        has_inline_playbook=bool(record.playbook),
        playbook_tags=texts(value_of(record.playbook_tags)),
        host_ids=hosts_of(record),
        execution_ttl_minutes=record.execution_ttl,
        use_dynamic_inventory=record.use_dynamic_inventory,
        bootstrap_key_pair_alias=record.bootstrap_key_pair_alias,
        callback_levels=texts(levels),
        last_run_at=last_run_at,
        last_status=redacted(history.get("lastStatus")),
    )


def execution_details(record: ExecutionRecord) -> CtlExecutionDetails:
    """What an execution's record tells beyond the unified fields."""
    log = value_of(record.repository_log)
    if log == "":
        log = None
    text = log if isinstance(log, str) else None if log is None else msgspec.json.encode(log).decode()
    return CtlExecutionDetails(
        account_alias=record.account_alias,
        repository_log=redacted(text),
        commits=None if log is None else _commits(log),
        failed_hosts=texts(value_of(record.failed_hosts)),
        is_vpn_established=record.is_vpn_established,
        record_id=record.id,
    )


def _commits(log: Any) -> list[CtlCommit]:
    if isinstance(log, str):
        try:
            log = msgspec.json.decode(log)
        except (msgspec.DecodeError, RecursionError):
            return [_commit(members) for members in _members(log)]
    sent = log.get("recent_commit") if isinstance(log, dict) else None
    return (
        [_commit(each) for each in sent if isinstance(each, dict) and text_of(each.get("commit"))]
        if isinstance(sent, list)
        else []
    )


def _members(log: str) -> Iterator[dict[str, str]]:
    """The commits of a text that is no JSON: a new one begins with each hash."""
    commit: dict[str, str] = {}
    for match in _MEMBER.finditer(log[:_LONGEST_LOG]):
        if match[2] == "commit" and commit:
            yield commit
            commit = {}
        if match[2] == "commit" or commit:
            commit[match[2]] = match[4]
    if commit:
        yield commit


def _commit(members: dict[str, Any]) -> CtlCommit:
    shown = {name: redacted(text_of(members.get(name))) for name in ("author", "author_email", "date", "message")}
    return CtlCommit(commit=members["commit"], **shown)
