"""AWX's six types of unified job: where each has its records, and which of them are executions here.

Source: contracts/awx.md sections 3 to 5. All types share one sequence of ids, so that a number names one of them; only its
address differs by type. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.awx.client import Param

JOB, WORKFLOW = "job", "workflow_job"

PATHS: Mapping[str, str] = {
    "job": "jobs/",
    "workflow_job": "workflow_jobs/",
    "project_update": "project_updates/",
    "inventory_update": "inventory_updates/",
    "ad_hoc_command": "ad_hoc_commands/",
    "system_job": "system_jobs/",
}
"""The list of each type, below which its records have their addresses."""

UNIFIED = "unified_jobs/"
"""The list of all types. No record has an address below it."""

PAGES: Mapping[str, str] = {
    "job": "playbook",
    "workflow_job": "workflow",
    "project_update": "project",
    "inventory_update": "inventory",
    "ad_hoc_command": "command",
    "system_job": "management",
}
"""What AWX's own pages call each type (``JOB_TYPE_URL_SEGMENTS`` in awx/ui/src/constants.js)."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Which types are listed as executions, and what that makes of AWX's parameters."""

    types: tuple[str, ...] = (JOB,)

    @property
    def only_jobs(self) -> bool:
        """Whether jobs have a list to themselves, which is three times as fast as that of all types (section 2)."""
        return self.types == (JOB,)

    @property
    def path(self) -> str:
        """The list to read."""
        return PATHS[JOB] if self.only_jobs else UNIFIED

    @property
    def params(self) -> list[Param]:
        """What narrows that list to ``types``. Never ``type__in``, which finds nothing (section 4)."""
        return [] if self.only_jobs else [("type", ",".join(self.types))]

    @property
    def look_up(self) -> list[Param]:
        """As ``params``, for look-ups by id: a workflow job can be looked up as the parent of what it launched."""
        types = (*self.types, *(() if WORKFLOW in self.types else (WORKFLOW,)))
        return [] if self.only_jobs else [("type", ",".join(types))]

    @property
    def names(self) -> bool:
        """Whether AWX compares the names that it shows.

        An ad hoc command shows its module's name and keeps, and compares, the module's arguments along with it
        (``AdHocCommandSerializer.to_representation`` and ``AdHocCommand.save`` in AWX's source).
        """
        return "ad_hoc_command" not in self.types

    def of_job(self, column: str) -> str:
        """A column that jobs alone have."""
        return column if self.only_jobs else f"job__{column}"


ONLY_JOBS = Listing()


class SeenTypes(dict[int, str]):
    """The types that records have told, by number, so that a look-up can go to the right address at once.

    A number never changes its type, so what is here need not be noted again. Of many only those noted last are kept: whoever
    finds none here has to ask.
    """

    def __init__(self, most: int = 10_000) -> None:
        super().__init__()
        self._most = most

    def note(self, number: int, kind: str) -> None:
        """Remember one."""
        self.pop(number, None)
        self[number] = kind
        if len(self) > self._most:
            del self[next(iter(self))]
