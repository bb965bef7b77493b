"""Runs plans, behind graphql-core's executor interface, with graphql-core for whatever has none.

graphql-core selects the operation, coerces the variables and collects the fields. What is replaced is the walk over the
data: depth first in generated code between the places where something is waited for, and at these for all parents together.
"""

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, ClassVar

from graphql import ExecutionResult, GraphQLResolveInfo
from graphql.execution import MiddlewareManager
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.execution.fields import LATER, Load
from gateway.execution.nulls import placed
from gateway.execution.outcome import Bail, Failure, Run
from gateway.execution.plan import FieldPlan, Plan, Read
from gateway.execution.plans import Plans
from gateway.metrics import EXECUTIONS

Waiting = list[Callable[[], Coroutine[Any, Any, None]]]
"""What is to be awaited next. Not yet begun, so that nothing is left behind when generated code gives up."""

Outcomes = dict[str, Any]
"""What root fields gave, by response key: a value, a future or a Failure."""


_Member = tuple[FieldPlan, list[Any], list[dict[str, Any]]]
"""A field that waits, its parents, and the objects of the answer that their values go to."""

_COMPILED = EXECUTIONS.labels("compiled", "")


class CompiledExecutor(StrawberryGraphQLCoreExecutionContext):
    """Answers an operation by its plan where it has one. Made by ``compiled``."""

    plans: ClassVar[Plans]

    def execute_operation(self, serially: bool | None = None) -> Any:
        """The result of the operation, or an awaitable of it."""
        plan = self.plans.of(self) if self._plain() else "options"
        if isinstance(plan, str):
            EXECUTIONS.labels("interpreted", plan).inc()
            return super().execute_operation(serially)
        return self._run(plan, serially)

    def _plain(self) -> bool:
        manager = self.middleware_manager
        return (manager is None or not manager.middlewares) and self.abort_signal is None and self.error_propagation

    async def _run(self, plan: Plan, serially: bool | None) -> ExecutionResult:
        outcomes: Outcomes = {}
        try:
            run = self._begun(plan)
            answer = await self._answer(plan, run, outcomes)
        except Exception as surprise:  # noqa: BLE001 - whatever generated code stumbles over, graphql-core can answer
            return await self._fall_back(outcomes, surprise, serially)
        except asyncio.CancelledError:
            _abandon(outcomes)
            raise
        _COMPILED.inc()
        data: dict[str, Any] | None = answer
        if run.failed:
            data = placed(plan, run, answer, self.collected_errors.errors)
        result: ExecutionResult = self.finish(self.build_response(data))  # type: ignore[assignment] # nothing is deferred
        return result

    async def _fall_back(self, outcomes: Outcomes, surprise: Exception, serially: bool | None) -> ExecutionResult:
        """Let graphql-core answer, with what the root fields have given: they are not run twice."""
        EXECUTIONS.labels("fell_back", _reason(surprise)).inc()
        self.middleware_manager = _Replay(outcomes)
        result: Any = super().execute_operation(serially)
        return await result if inspect.isawaitable(result) else result  # type: ignore[no-any-return] # nothing is deferred

    # --- roots

    async def _answer(self, plan: Plan, run: Run, outcomes: Outcomes) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        waited: list[FieldPlan] = []
        for key, field in plan.root.fields.items():
            if field.read is Read.TYPENAME:
                answer[key] = plan.root.type.name
                continue
            answer[key] = None
            outcomes[key] = self._begin(field, run)
            if inspect.isawaitable(outcomes[key]):
                waited.append(field)
        pending: Waiting = []
        if len(waited) == 1 == len(outcomes):
            (field,) = waited
            outcomes[field.key] = await _settled(outcomes[field.key])
            waited = []
        elif waited:
            for field in waited:
                outcomes[field.key] = asyncio.ensure_future(_settled(outcomes[field.key]))
        for field in plan.root.fields.values():
            if field.read is Read.TYPENAME:
                continue
            if field in waited:
                pending.append(partial(self._root, plan, run, field, answer, outcomes))
            else:
                self._place(run, field, [_value(outcomes[field.key])], [answer])
        pending += self._batches(plan, run)
        await _together(pending)
        return answer

    def _begin(self, field: FieldPlan, run: Run) -> Any:
        """Start a root field: its value, an awaitable, or a Failure."""
        if field.read is Read.EVENT:
            return self.root_value
        assert field.answer is not None and field.arguments is not None  # noqa: S101, PT018 - a root has both
        try:
            return field.answer(field.call(run), **field.arguments.of(self.variable_values))
        except Exception as error:  # noqa: BLE001 - it is the field's error
            return Failure(error)

    async def _root(self, plan: Plan, run: Run, field: FieldPlan, answer: dict[str, Any], outcomes: Outcomes) -> None:
        # Shielded: when generated code gives up at another root, graphql-core goes on with this one.
        outcomes[field.key] = await asyncio.shield(outcomes[field.key])
        self._place(run, field, [_value(outcomes[field.key])], [answer])
        await _together(self._batches(plan, run))

    # --- batches

    def _begun(self, plan: Plan) -> Run:
        """The state of an answer, with what generated code needs of fields to have their values without waiting."""
        run = Run(self.context_value, [None] * len(plan.called))
        at_once = run.at_once
        for slot, given in plan.given:
            at_once[slot] = given(run.context)
        for field in plan.readied:
            assert field.batch is not None and field.batch.at_once and field.arguments  # noqa: S101, PT018 - see Plan
            try:
                at_once[field.slot] = field.batch.at_once(field.call(run), **field.arguments.of(self.variable_values))
            except Exception:  # noqa: BLE001 - arguments that cannot be had fail every parent, when it is loaded
                at_once[field.slot] = _later
        return run

    def _place(self, run: Run, field: FieldPlan, values: Sequence[Any], objects: Sequence[dict[str, Any]]) -> None:
        """Put the completed values of a field into the answer."""
        key = field.key
        if len(values) > 1:
            # What occurs more than once is completed once.
            unique = {id(value): value for value in values}
            done = dict(zip(unique, field.complete(unique.values(), run), strict=True))
            for one, value in zip(objects, values, strict=True):
                one[key] = done[id(value)]
        else:
            objects[0][key] = field.complete(values, run)[0]

    def _batches(self, plan: Plan, run: Run) -> Waiting:
        """The loads that parents wait for by now."""
        batches: Waiting = []
        together: dict[Load, list[_Member]] = {}
        for each in plan.batched:
            parents, places = run.waiting[each.slot]
            if not parents:
                continue
            run.waiting[each.slot] = ([], [])
            part = None if each.batch is None else each.batch.part
            whole = None if part is None else part.whole(each.call(run))
            if whole is None:
                batches.append(partial(self._batch, plan, run, each, parents, places))
            else:
                together.setdefault(whole, []).append((each, parents, places))
        batches += [partial(self._parts, plan, run, whole, members) for whole, members in together.items()]
        return batches

    async def _parts(self, plan: Plan, run: Run, whole: Load, members: "list[_Member]") -> None:
        """Load once what several fields are read from."""
        parents = {id(parent): parent for _, parents, _ in members for parent in parents}
        try:
            loaded = await whole(list(parents.values()), members[0][0].call(run))
            found = dict(zip(parents, loaded, strict=True))
        except Exception as error:  # noqa: BLE001 - it is every field's error, at every parent
            found = dict.fromkeys(parents, error)
        for field, own, places in members:
            assert field.batch is not None and field.batch.part is not None  # noqa: S101, PT018 - that is why it is here
            attribute = field.batch.part.attribute
            wholes = [found[id(parent)] for parent in own]
            values = [each if isinstance(each, Exception) else getattr(each, attribute) for each in wholes]
            self._place(run, field, values, places)
        await _together(self._batches(plan, run))

    async def _batch(
        self, plan: Plan, run: Run, field: FieldPlan, parents: list[Any], objects: list[dict[str, Any]]
    ) -> None:
        assert field.batch is not None and field.arguments is not None  # noqa: S101, PT018 - a batched field has both
        values: Sequence[Any]
        try:
            arguments = field.arguments.of(self.variable_values)
            values = await field.batch.load(parents, field.call(run), **arguments)
        except Exception as error:  # noqa: BLE001 - it is the field's error, at every parent
            values = [error] * len(parents)
        if len(values) != len(parents):
            values = [RuntimeError(f"{len(values)} of {len(parents)} values")] * len(parents)
        self._place(run, field, values, objects)
        await _together(self._batches(plan, run))


def compiled(plans: Plans) -> type[CompiledExecutor]:
    """An executor class that keeps its plans in ``plans``."""
    return type("CompiledExecutor", (CompiledExecutor,), {"plans": plans})


def _later(_parent: Any) -> Any:
    return LATER


class _Replay(MiddlewareManager):
    """Lets graphql-core go on with what the root fields have already given."""

    def __init__(self, outcomes: Outcomes) -> None:
        super().__init__()
        self._outcomes = outcomes

    def get_field_resolver(self, field_resolver: Any) -> Any:
        def resolve(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
            if info.path.prev is not None or info.path.key not in self._outcomes:
                return field_resolver(source, info, **arguments)
            outcome = self._outcomes[str(info.path.key)]
            if inspect.isawaitable(outcome):
                return _replayed(outcome)
            return _raised(outcome)

        return resolve


def _reason(surprise: Exception) -> str:
    """Why generated code gave up: our own word for it, or the kind of exception."""
    while isinstance(surprise, ExceptionGroup):
        surprise = surprise.exceptions[0]
    return str(surprise) if isinstance(surprise, Bail) else type(surprise).__name__


async def _replayed(outcome: Any) -> Any:
    return _raised(await outcome)


def _abandon(outcomes: Outcomes) -> None:
    """Cancel what is still being waited for."""
    for outcome in outcomes.values():
        if isinstance(outcome, asyncio.Future):
            outcome.cancel()


def _raised(outcome: Any) -> Any:
    if isinstance(outcome, Failure):
        raise outcome.error
    return outcome


async def _settled(value: Any) -> Any:
    """What an awaitable gives: its value, or a Failure."""
    try:
        return await value
    except Exception as error:  # noqa: BLE001 - it is the field's error
        return Failure(error)


def _value(outcome: Any) -> Any:
    return outcome.error if isinstance(outcome, Failure) else outcome


async def _together(waiting: Waiting) -> None:
    """Run all; when one raises, the others are cancelled."""
    if not waiting:
        return
    first, *others = waiting
    if not others:
        await first()
        return
    async with asyncio.TaskGroup() as group:
        for begin in others:
            group.create_task(begin())
        # This task is one of them.
        await first()
