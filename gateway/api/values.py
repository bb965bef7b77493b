"""GraphQL types for values of the model that need nothing but themselves. Field meanings: ``schema.graphql``."""

from enum import Enum
from typing import Any, TypeVar

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

from gateway import errors, model
from gateway.api.scalars import DateTime
from gateway.errors import SourceErrorCode
from gateway.execution.fields import SHARED
from gateway.merge import SourceReportState
from gateway.transport import SourceState

E = TypeVar("E", bound=Enum)


def described(cls: type[E]) -> type[E]:
    """Register an enum with the schema; its docstring and its members' descriptions become the schema's."""
    strawberry.enum(cls, description=cls.__doc__)
    definition: StrawberryEnumDefinition = cls.__strawberry_definition__  # type: ignore[attr-defined] # strawberry sets it
    for value in definition.values:
        value.description = getattr(cls[value.name], "description", None)
    return cls


for _enum in (
    model.ExecutionStatus,
    model.ExecutionPhase,
    model.ExecutionOutcome,
    model.ExecutionTimestamp,
    model.JobState,
    model.TriggerKind,
    model.NodeKind,
    model.NodeRole,
    model.LogStream,
    model.RerunSupport,
    SourceErrorCode,
    SourceReportState,
    SourceState,
):
    described(_enum)


def field(description: str, *, shared: bool = False, **options: Any) -> Any:
    """A described field read from the attribute of the same name."""
    return strawberry.field(description=description, metadata={SHARED: shared}, **options)


@strawberry.type(description="Where a job's work comes from.")
class JobDefinition:
    name: str = field("What the source calls it: Scale job type, AWX playbook, repository, app.")
    version: str | None = field("Its version, where it has one.")
    kind: str = field("What sort of thing it is, in the source's own terms.")
    url: str | None = field("Where it can be looked at.")


@strawberry.type(description="How many executions of a job are in one status.")
class StatusCount:
    status: model.ExecutionStatus = field("The status.")
    count: int = field("How many executions are in it.")


@strawberry.type(
    description="One try. A source that does not keep tries has exactly one, equal to the execution's own span."
)
class Attempt:
    number: int = field("1 for the first.")
    started_at: DateTime | None = field("When this try began.")
    finished_at: DateTime | None = field("When this try ended; null while it goes on.")


@strawberry.type(description="What set the execution going. Null parts where the source does not say.")
class Trigger:
    kind: model.TriggerKind = field("The unified kind.")
    raw_kind: str | None = field("The source's own word (AWX launch_type).")
    actor: str | None = field("Who or what did it: a user, a schedule, a template.")


@strawberry.type(description="Hosts by result, from the source's own summary.")
class NodeCounts:
    total: int | None = field("All hosts.")
    ok: int | None = field("Hosts without a change or a failure.")
    changed: int | None = field("Hosts on which something changed.")
    failed: int | None = field("Hosts on which a task failed.")
    unreachable: int | None = field("Hosts that could not be reached.")
    skipped: int | None = field("Hosts on which all was skipped.")


@strawberry.type(description="Ansible task results on one host. `dark` is Ansible's word for unreachable.")
class HostTaskCounts:
    ok: int = field("Tasks that went well.")
    changed: int = field("Tasks that changed something.")
    failures: int = field("Tasks that failed.")
    dark: int = field("Times the host could not be reached.")
    ignored: int = field("Failures that were ignored.")
    processed: int = field("Whether the host was processed at all, as AWX counts it.")
    rescued: int = field("Failures that a rescue block handled.")
    skipped: int = field("Tasks that were skipped.")


@strawberry.type(description="A fault of one source, in words that are safe to show.")
class SourceError:
    code: SourceErrorCode = field("What sort of fault.")
    message: str = field("A sentence for people.")
    retryable: bool = field("Whether the same request may succeed later without anybody changing anything.")
    retry_after: float | None = field("How long the source asks to be left alone.", name="retryAfterSeconds")
    http_status: int | None = field("The HTTP status it answered with, if it answered.")


def fault(error: errors.SourceError | None) -> "SourceError | None":
    """A fault as a value: the executor would take a returned exception for the field's own failure."""
    if error is None:
        return None
    return SourceError(
        code=error.code,
        message=error.message,
        retryable=error.retryable,
        retry_after=error.retry_after,
        http_status=error.http_status,
    )


@strawberry.type(description="Last known reachability. Observed on real traffic; never probed per query.")
class SourceHealth:
    state: SourceState = field("What the last traffic said.")
    checked_at: DateTime | None = field("When that was.")
    latency_ms: float | None = field("How long the source took.")

    @strawberry.field(description="What went wrong, if it did.")
    def error(parent: strawberry.Parent[Any]) -> SourceError | None:
        return fault(parent.error)


@strawberry.type(
    description="Relay page information, forward half. `endCursor` equals the last edge's cursor byte for byte."
)
class PageInfo:
    has_next_page: bool = field("Whether asking again with `endCursor` can bring more.")
    has_previous_page: bool = field("True when `after` was given (forward pagination only).")
    start_cursor: str | None = field("The first edge's cursor.")
    end_cursor: str | None = field("Where to go on. Never null when `after` was given.")
