"""No field of the five source documents is lost: each is found in the schema, or there is a reason why it is not.

The documents (tests/recordings/source_documents) are the pages that the unified model was made from, as published. What
later editions of the five systems have besides is held against recordings in the adapters' own tests.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from graphql import GraphQLObjectType, build_schema

from gateway.api.schema import public_sdl

DOCUMENTS = Path(__file__).parents[1] / "recordings" / "source_documents"
SCHEMA = build_schema(public_sdl())


# --- what the documents define -------------------------------------------------------------------------------------


def awx_fields(text: str) -> Iterator[str]:
    """Runs of ``name: Description (type)``. The values of a choice look alike, but have no type and end their line."""
    runs = text.partition("following fields:\n")[2].partition("\nRequest\n")[0]
    types = "integer|choice|string|object|datetime|id|json|boolean|decimal|field"
    yield from re.findall(rf"(?:^|\n|\))([a-z_]+): (?=[^\n]*?\((?:{types})\))", runs)


def awx_schema_fields(text: str) -> Iterator[str]:
    """The same again, as the properties of the answer's schema."""
    root = text.partition("Root Schema : JobDetail")[2].partition("Nested Schema")[0]
    yield from re.findall(r"^(?:.* - )?([a-z_]+)(?:\(required\))?:(?: string)?$", root, re.MULTILINE)


def scale_fields(text: str) -> Iterator[str]:
    """The tables of JSON fields, those of list rows with a dot in front; and the objects inside the examples."""
    for section in text.split("**JSON Fields**")[1:]:
        table, _, example = section.partition("code-block:: javascript")
        yield from re.findall(r"^\| \.?([a-z_]+) +\| (?:Integer|String|Array|URL|Float|ISO|JSON)", table, re.MULTILINE)
        envelope = "results." if '"count":' in example else ""
        yield from (path.removeprefix(envelope) for path in example_fields(example.partition("\n+--")[0]))


def aws_iot_fields(text: str) -> Iterator[str]:
    """The syntax of the answer; the members that are explained below it are among them."""
    syntax = text.partition("Response Syntax")[2].partition("Response Elements")[0]
    yield from example_fields(syntax)


def threatconnect_fields(text: str) -> Iterator[str]:
    """The example answer: the page has no table."""
    yield from example_fields(text.partition(".. code:: json")[2].partition(".. note::")[0])


def ctl_runner_fields(text: str) -> Iterator[str]:
    """The tables of entities, and the examples, which are no valid JSON and show more."""
    response = text.partition("## Response")[2]
    entities, _, examples = response.partition("### Examples")
    yield from re.findall(r"^\| (\w+) +\| (?:integer|string|array|boolean|number)", entities, re.MULTILINE)
    yield from (path.removeprefix("results.") for path in example_fields(examples))


def example_fields(text: str) -> Iterator[str]:
    """The paths of all keys of something like JSON."""
    owners: list[str] = []
    key = ""
    for token in re.finditer(r'"(\w+)"\s*:|([{\[])|([}\]])', text):
        if token[1]:
            key = token[1]
            yield ".".join([*filter(None, owners), key])
        elif token[2]:
            owners.append(key)
            key = ""
        else:
            owners.pop()
            key = ""


# --- where each is found -------------------------------------------------------------------------------------------


def same(owner: str, names: str) -> dict[str, str]:
    """Fields that are called the same in the schema, but for the spelling."""
    return {name: f"{owner}.{camel(name)}" for name in names.split()}


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


AWX = {
    **same("Execution", "name"),
    **same(
        "AwxExecutionDetails",
        "description job_type playbook scm_branch scm_revision forks limit verbosity extra_vars job_tags skip_tags "
        "start_at_task timeout force_handlers use_fact_cache failed job_args job_cwd job_env event_processing_finished "
        "work_unit_id passwords_needed_to_start allow_simultaneous artifacts diff_mode job_slice_number job_slice_count "
        "webhook_service webhook_guid host_status_counts playbook_counts custom_virtualenv",
    ),
    "id": "Execution.nativeId",
    "type": "AwxExecutionDetails.unifiedJobType",
    "created": "Execution.createdAt",
    "modified": "AwxExecutionDetails.modifiedAt",
    "inventory": "AwxExecutionDetails.inventoryId",
    "project": "AwxExecutionDetails.projectId",
    "organization": "AwxExecutionDetails.organizationId",
    "unified_job_template": "AwxExecutionDetails.unifiedJobTemplateId",
    "execution_environment": "AwxExecutionDetails.executionEnvironmentId",
    "instance_group": "AwxExecutionDetails.instanceGroupId",
    "webhook_credential": "AwxExecutionDetails.webhookCredentialId",
    "canceled_on": "AwxExecutionDetails.canceledAt",
    "job_template": "Execution.job",
    "launch_type": "Trigger.rawKind",
    "launched_by": "Trigger.actor",
    "status": "Execution.rawStatus",
    "started": "Execution.startedAt",
    "finished": "Execution.finishedAt",
    "elapsed": "Execution.durationSeconds",
    "job_explanation": "Execution.statusMessage",
    "result_traceback": "ExecutionError.traceback",
    "execution_node": "Execution.nodes",
    "controller_node": "Execution.nodes",
}
SCALE = {
    **same("ScaleExecutionDetails", "command_arguments environment results results_manifest"),
    **{f"{name}_scheduled": f"ScaleExecutionDetails.{camel(name)}ScheduledMib" for name in ("mem", "disk_in", "disk_out")},
    "disk_total_scheduled": "ScaleExecutionDetails.diskTotalScheduledMib",
    "cpus_scheduled": "ScaleExecutionDetails.cpusScheduled",
    **{f"{step}_started": "ScaleStep.startedAt" for step in ("pre", "job", "post")},
    **{f"{step}_completed": "ScaleStep.completedAt" for step in ("pre", "job", "post")},
    **{f"{step}_exit_code": "ScaleStep.exitCode" for step in ("pre", "post")},
    "job_exit_code": "Execution.exitCode",
    "id": "Execution.nativeId",
    "status": "Execution.rawStatus",
    "timeout": "Execution.timeoutSeconds",
    "created": "Execution.createdAt",
    "queued": "Execution.queuedAt",
    "started": "Execution.startedAt",
    "ended": "Execution.finishedAt",
    "last_modified": "Execution.updatedAt",
    "error": "Execution.error",
    "count": "ExecutionConnection.totalCount",
    "job": "Execution.job",
    "job.id": "Job.nativeId",
    "job.status": "Job.rawState",
    "job.error": "ScaleJobDetails.errorId",
    "job.priority": "ScaleJobDetails.priority",
    "job.num_exes": "ScaleJobDetails.executionCount",
    "job.event": "ScaleJobDetails.eventId",
    "job.event.id": "ScaleJobDetails.eventId",
    "job.job_type": "Job.definition",
    "job.job_type.description": "Job.description",
    **{
        f"job.job_type.{name}": f"ScaleJobDetails.jobType{camel('_' + name)}"
        for name in [
            "id",
            "name",
            "version",
            "title",
            "category",
            "author_name",
            "author_url",
            "is_active",
            "is_operational",
            "is_paused",
            "icon_code",
        ]
    },
    **{f"job.job_type.{name}": f"ScaleJobDetails.{camel(name)}" for name in ("is_system", "is_long_running")},
    "job.job_type_rev": "ScaleJobDetails.jobTypeRevisionId",
    "job.job_type_rev.id": "ScaleJobDetails.jobTypeRevisionId",
    "node": "ExecutionNodeEdge.node",
    "node.id": "Node.nativeId",
    "node.hostname": "Node.name",
    **{f"node.{name}": f"ScaleNodeDetails.{camel(name)}" for name in ("port", "slave_id", "is_paused", "is_active")},
    **{f"node.{name}": f"ScaleNodeDetails.{camel(name)}At" for name in ("archived", "created", "last_modified")},
}
_SUMMARY = "executionSummaries.jobExecutionSummary"
AWS_IOT = {
    "executionSummaries": "ExecutionConnection.edges",
    "executionSummaries.thingArn": "IotExecutionDetails.thingArn",
    f"{_SUMMARY}.executionNumber": "IotExecutionDetails.executionNumber",
    f"{_SUMMARY}.lastUpdatedAt": "Execution.updatedAt",
    f"{_SUMMARY}.queuedAt": "Execution.queuedAt",
    f"{_SUMMARY}.startedAt": "Execution.startedAt",
    f"{_SUMMARY}.status": "Execution.rawStatus",
}
THREATCONNECT = {
    "data": "ExecutionConnection.edges",
    "countFailure": "SourceReport.envelope",
    "countSuccess": "SourceReport.envelope",
    "data.id": "Execution.nativeId",
    "data.jobId": "Execution.job",
    "data.completedTime": "ThreatConnectExecutionDetails.completedAt",
    "data.failedTime": "ThreatConnectExecutionDetails.failedAt",
    "data.exitMessage": "ThreatConnectExecutionDetails.exitMessage",
    "data.serverName": "ThreatConnectExecutionDetails.serverName",
    "data.queueTime": "Execution.queuedAt",
    "data.startTime": "Execution.startedAt",
    "data.status": "Execution.rawStatus",
}
CTL_RUNNER = {
    "totalSize": "ExecutionConnection.totalCount",
    "results": "ExecutionConnection.edges",
    "execution_id": "Execution.nativeId",
    "id": "CtlExecutionDetails.recordId",
    "job_id": "Job.nativeId",
    "status": "Execution.rawStatus",
    "timers": "Execution.attempts",
    "start": "Attempt.startedAt",
    "end": "Attempt.finishedAt",
    **same("CtlExecutionDetails", "account_alias repository_log failed_hosts is_vpn_established"),
    **{
        f"repository_log.{name}": f"CtlCommit.{camel(name)}"
        for name in ["commit", "author", "author_email", "date", "message"]
    },
}
_LOGS = "output of the process: a log, which the schema has no type for yet"
IGNORED = {
    "awx": {
        "url": "the address of the record in AWX's API, which only the adapter calls; webUrl leads people there; in raw",
        "related": "addresses in AWX's API, which only the adapter calls; in raw",
        "summary_fields": "names of the related things, each beside its id: inventoryName, projectName ...; whole in raw",
    },
    "scale": {
        "next": "paging, which endCursor replaces",
        "previous": "paging, which endCursor replaces",
        "stdout": _LOGS,
        "stderr": _LOGS,
        "is_finished": "whether the log above is complete",
    },
    "aws_iot": {
        _SUMMARY: "holds the fields of the execution beside its thing, and means nothing itself",
        "nextToken": "paging, which endCursor replaces",
    },
    "threatconnect": {"status": "whether the request went well: anything but Success is the error of the source's report"},
    "ctl_runner": {"page": "paging, which endCursor replaces", "size": "paging, which `first` replaces"},
}
"""Fields that are not in the schema, and why."""

DOCUMENTED: dict[str, tuple[Callable[[str], Iterator[str]], int, dict[str, str]]] = {
    # parser, how many fields it finds, and where they are
    "awx": (awx_fields, 59, AWX),
    "scale": (scale_fields, 76, SCALE),
    "aws_iot": (aws_iot_fields, 9, AWS_IOT),
    "threatconnect": (threatconnect_fields, 13, THREATCONNECT),
    "ctl_runner": (ctl_runner_fields, 20, CTL_RUNNER),
}


def read(system: str) -> str:
    return (DOCUMENTS / f"{system}.txt").read_text(encoding="utf-8")


def fields_of(system: str) -> set[str]:
    return set(DOCUMENTED[system][0](read(system)))


def named_type(target: str) -> str | None:
    """The type of a field of the schema, without list and non-null; None when there is no such field."""
    owner, _, name = target.partition(".")
    type_ = SCHEMA.type_map.get(owner)
    if not isinstance(type_, GraphQLObjectType) or name not in type_.fields:
        return None
    return str(type_.fields[name].type).strip("[]!")


def lies_in_json(field: str, table: dict[str, str]) -> bool:
    """Whether a field is a part of one that the schema shows whole, as JSON."""
    owners = [field[: match.start()] for match in re.finditer(r"\.", field)]
    return any(named_type(table[owner]) == "JSON" for owner in owners if owner in table)


@pytest.mark.parametrize("system", DOCUMENTED)
def test_parsers_find_what_the_documents_define(system: str) -> None:
    """A parser that breaks would find less, and everything that is found would still be there."""
    assert len(fields_of(system)) == DOCUMENTED[system][1]


def test_the_fields_of_an_execution_of_scale() -> None:
    """Without those of its job and node, and of the envelope."""
    assert len({field for field in fields_of("scale") if "." not in field} - {"count", "next", "previous"}) == 32


def test_both_tables_of_awx_say_the_same() -> None:
    assert set(awx_schema_fields(read("awx"))) == fields_of("awx")


@pytest.mark.parametrize("system", DOCUMENTED)
def test_nothing_is_lost(system: str) -> None:
    table = DOCUMENTED[system][2]
    lost = [field for field in fields_of(system) - table.keys() - IGNORED[system].keys() if not lies_in_json(field, table)]
    assert sorted(lost) == []


@pytest.mark.parametrize("system", DOCUMENTED)
def test_the_schema_has_what_the_tables_say(system: str) -> None:
    gone = {field: target for field, target in DOCUMENTED[system][2].items() if named_type(target) is None}
    assert gone == {}


@pytest.mark.parametrize("system", DOCUMENTED)
def test_tables_speak_of_documented_fields_only(system: str) -> None:
    table, ignored = DOCUMENTED[system][2], IGNORED[system]
    assert (table.keys() | ignored.keys()) - fields_of(system) == set()
    assert table.keys() & ignored.keys() == set()
    assert all(ignored.values())
