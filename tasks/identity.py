"""Which idempotency key a task's write gets: the caller's, the run's, or a fresh one (scopes 1 and 3 of the docs)."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from prefect.context import ContextModel, FlowRunContext, TaskRunContext
from prefect.runtime import flow_run as flow_run_runtime

from prefect_stripe.client import OPERATIONS, Call, ParameterError
from prefect_stripe.client.identity import run_write_key
from prefect_stripe.schema import parameters

if TYPE_CHECKING:
    from prefect_stripe.tasks.declaration import Wanted

T = TypeVar("T")
Context = TypeVar("Context", bound=ContextModel)

METADATA_KEY: Final = "prefect_stripe_key"
"""The metadata by which an object made in a run is found again after Stripe has forgotten the idempotency key."""

_MOST_METADATA: Final = 50
_RUNS_REMEMBERED: Final = 1024

_lock = threading.Lock()
_seen: OrderedDict[str, dict[str, Mapping[str, int]]] = OrderedDict()


def identified(wanted: Wanted[T]) -> Wanted[T]:
    """Give a write its idempotency key, where the caller gave none.

    The key is made of the run, the operation, its ids, and the slot or the parameters; the run is the root flow run, or
    outside a flow the outermost task run. It is the same when a task or a flow is retried, or another worker takes the
    run up.

    Raises:
        ParameterError: The same write without a slot was wanted before in this attempt of the run.
    """
    call = wanted.call
    operation = OPERATIONS[call.operation]
    if not operation.writes or operation.method != "POST" or call.idempotency_key is not None:
        return wanted
    attempts = _attempts()
    run = _run(attempts)
    if run is None:
        return wanted
    key = _key(wanted, run)
    if wanted.slot is None:
        _refuse_second(key, run, attempts, call)
    params = call.params
    if operation.found == "metadata" and flow_run_runtime.id is not None:
        params = with_metadata(call.operation, params, {METADATA_KEY: key})
    return replace(wanted, call=replace(call, idempotency_key=key, params=params))


def with_metadata(operation: str, params: Mapping[str, Any], ours: Mapping[str, str]) -> Mapping[str, Any]:
    """Add our metadata to parameters; left alone where the user cleared theirs, or has no room for ours."""
    if "metadata" not in parameters(operation):
        return params
    theirs: Any = params.get("metadata")
    both: dict[str, Any] = {**(theirs or {}), **ours}
    return params if theirs == "" or len(both) > _MOST_METADATA else {**params, "metadata": both}


def deletion(wanted: Wanted[Any]) -> str | None:
    """Name a deletion by its run, as a key names a write; None outside of a run. It is sent to nobody."""
    run = _run(_attempts())
    return None if run is None else _key(wanted, run)


def _run(attempts: Mapping[str, int]) -> str | None:
    """Name the run: the root flow run, or outside a flow the outermost task run."""
    flow_run_id = flow_run_runtime.id
    if flow_run_id is not None:
        return _root_of(flow_run_id)
    return next((f"task:{outermost}" for outermost in attempts), None)


def _key(wanted: Wanted[Any], run: str) -> str:
    call = wanted.call
    account = f"{wanted.credentials.mode}:{call.stripe_account or wanted.credentials.stripe_account or ''}"
    return run_write_key(account, run, call.operation, call.ids, wanted.slot, call.params)


def root_flow_run_id() -> str | None:
    """Return the id of the flow run around everything, which is the same whenever it is retried or taken up again."""
    flow_run_id = flow_run_runtime.id
    return None if flow_run_id is None else _root_of(flow_run_id)


def created_here(flow_run_id: str) -> datetime | None:
    """Return when a flow run was made, if it is one that this process is in."""
    runs = (context.flow_run for context in _around(FlowRunContext.get()))
    return next((run.created for run in runs if run is not None and str(run.id) == flow_run_id), None)


@lru_cache(maxsize=4096)
def _root_of(flow_run_id: str) -> str:
    # Walking up from a subflow asks Prefect's API once a level, so it is done once a run.
    return str(flow_run_runtime.root_flow_run_id or flow_run_id)


def _attempts() -> dict[str, int]:
    """The task runs and the flow runs around this call, the outermost of each first, and which attempt each is at."""
    tasks = {str(c.task_run.id): c.task_run.run_count for c in _around(TaskRunContext.get())}
    flows = {str(c.flow_run.id): c.flow_run.run_count for c in _around(FlowRunContext.get()) if c.flow_run}
    return {**tasks, **flows}


def _around(context: Context | None) -> list[Context]:
    # Only its token knows what a context was entered in; without one, the innermost alone is seen.
    found: list[Context] = []
    while isinstance(context, ContextModel):
        found.insert(0, context)
        token = getattr(context, "_token", None)
        context = cast("Context | None", getattr(token, "old_value", None))
    return found


def _refuse_second(key: str, run: str, attempts: Mapping[str, int], call: Call) -> None:
    with _lock:
        seen = _seen.setdefault(run, {})
        _seen.move_to_end(run)
        if len(_seen) > _RUNS_REMEMBERED:
            _seen.popitem(last=False)
        first = seen.get(key)
        # Wanted again, not twice, if anything around both has begun anew since.
        if first is None or any(attempt > first.get(each, attempt) for each, attempt in attempts.items()):
            seen[key] = attempts
            return
    raise ParameterError(
        f"the same {call.operation} was wanted before in this run, with the same parameters: if a second one is meant, "
        "name each with slot=…, such as slot='second'; if not, use the first one's result",
        operation=call.operation,
        ids=call.ids,
    )
