"""The status filter as AWX's query parameters: the inverse of words.status_of (DOMAIN C3, rule 4). Pure.

Only final words map to one status by themselves. An open word is CANCELING when ``canceled_on`` is set and has its plain
status when not, so that a wish that tells the two apart needs a second column, and sometimes AWX's one group of ``or__``.
"""

from collections.abc import Iterable

from adapters.awx.client import Param
from adapters.awx.conditions import Conditions
from adapters.awx.words import FINAL_WORDS, LAUNCH_WORDS, OPEN_WORDS
from gateway.model import ExecutionPhase, ExecutionStatus, TriggerKind

FINAL = frozenset(status for status in ExecutionStatus if status.phase is ExecutionPhase.FINAL)
_KNOWN = frozenset({*FINAL_WORDS.values(), *OPEN_WORDS.values(), ExecutionStatus.CANCELING, ExecutionStatus.UNKNOWN})


def push_status(conditions: Conditions, wanted: frozenset[ExecutionStatus]) -> None:
    """Add the part ``status``: exact where AWX can say it, else a superset that spares rows."""
    if not wanted & _KNOWN:
        conditions.empty = "AWX has none of these statuses."
        return
    final = [word for word, status in FINAL_WORDS.items() if status in wanted]
    plain = [word for word, status in OPEN_WORDS.items() if status in wanted]
    canceling = ExecutionStatus.CANCELING in wanted
    candidates = final + (list(OPEN_WORDS) if canceling else plain)
    # Open jobs divide at canceled_on unless all or none of them are wanted.
    divided = len(plain) != (len(OPEN_WORDS) if canceling else 0)
    if ExecutionStatus.UNKNOWN in wanted:
        # Words that no mapping knows can only be had by leaving out those that are known.
        unwanted = [word for word in (*OPEN_WORDS, *FINAL_WORDS) if word not in candidates]
        params = [_in("not__status", unwanted)] if unwanted else []
        if divided:
            conditions.params += params
        else:
            conditions.push("status", params)
        return
    conditions.params.append(_in("status", candidates))
    if not divided:
        conditions.pushed.add("status")
    elif not final and bool(plain) != canceling:
        conditions.push("status", [("canceled_on__isnull", "false" if canceling else "true")])
    elif canceling:
        conditions.push_any("status", [_in("status", [*final, *plain]), ("canceled_on__isnull", "false")])
    else:
        conditions.push_any("status", [_in("status", final), ("canceled_on__isnull", "true")])


def launched(wanted: frozenset[TriggerKind]) -> list[Param]:
    """The part ``triggerKind``: unknown launch types can only be had by leaving out the known ones."""
    if TriggerKind.UNKNOWN not in wanted:
        return [_in("launch_type", [word for word, kind in LAUNCH_WORDS.items() if kind in wanted])]
    unwanted = [word for word, kind in LAUNCH_WORDS.items() if kind not in wanted]
    return [_in("not__launch_type", unwanted)] if unwanted else []


def _in(name: str, words: Iterable[str]) -> Param:
    return (f"{name}__in", ",".join(words))
