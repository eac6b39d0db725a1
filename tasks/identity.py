"""Which idempotency key a task's write gets: the caller's, the run's, or a fresh one (scopes 1 and 3 of the docs)."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from prefect.context import FlowRunContext, TaskRunContext
from prefect.runtime import flow_run as flow_run_runtime

from prefect_stripe.client import OPERATIONS, Call, ParameterError
from prefect_stripe.client.identity import run_write_key
from prefect_stripe.schema import parameters

if TYPE_CHECKING:
    from prefect_stripe.tasks.declaration import Wanted

T = TypeVar("T")

METADATA_KEY: Final = "prefect_stripe_key"
"""The metadata by which an object made in a run is found again after Stripe has forgotten the idempotency key."""

_MOST_METADATA: Final = 50
_RUNS_REMEMBERED: Final = 256

_lock = threading.Lock()
_seen: OrderedDict[tuple[str, int], dict[str, tuple[str, int]]] = OrderedDict()


def identified(wanted: Wanted[T]) -> Wanted[T]:
    """Give a write its idempotency key, where the caller gave none.

    Inside a flow the key is made of the root flow run's id, the operation, its ids, and the slot or the parameters: it
    is the same when a task or the flow is retried, or another worker takes the run up. Outside a flow it is the task
    run's own, kept over its retries.

    Raises:
        ParameterError: The same write without a slot was wanted before in this attempt of the run.
    """
    call = wanted.call
    operation = OPERATIONS[call.operation]
    if not operation.writes or operation.method != "POST" or call.idempotency_key is not None:
        return wanted
    flow_run_id, attempt = _current_run()
    task_run_id, try_ = _current_task()
    if flow_run_id is None:
        # Without a flow only the task's own retries can repeat this write, and they keep the task run's id.
        return wanted if not task_run_id else replace(wanted, call=_keyed(wanted, f"task:{task_run_id}"))
    keyed = _keyed(wanted, _root_of(flow_run_id))
    assert keyed.idempotency_key is not None
    if wanted.slot is None:
        _refuse_second(keyed.idempotency_key, (flow_run_id, attempt), (task_run_id, try_), call)
    if operation.found == "metadata":
        keyed = replace(
            keyed, params=with_metadata(keyed.operation, keyed.params, {METADATA_KEY: keyed.idempotency_key})
        )
    return replace(wanted, call=keyed)


def with_metadata(operation: str, params: Any, ours: dict[str, str]) -> Any:
    """Add our metadata to parameters; left alone where the user cleared theirs, or has no room for ours."""
    if "metadata" not in parameters(operation):
        return params
    theirs = params.get("metadata")
    if theirs == "" or len({**(theirs or {}), **ours}) > _MOST_METADATA:
        return params
    return {**params, "metadata": {**(theirs or {}), **ours}}


def _keyed(wanted: Wanted[Any], run: str) -> Call:
    call = wanted.call
    mode = wanted.credentials.mode
    account = f"{mode}:{call.stripe_account or wanted.credentials.stripe_account or ''}"
    key = run_write_key(account, run, call.operation, call.ids, wanted.slot, call.params)
    return replace(call, idempotency_key=key)


def _current_run() -> tuple[str | None, int]:
    context = FlowRunContext.get()
    if context is not None and context.flow_run is not None:
        return str(context.flow_run.id), context.flow_run.run_count
    return flow_run_runtime.id, 0


def _current_task() -> tuple[str, int]:
    context = TaskRunContext.get()
    return ("", 0) if context is None else (str(context.task_run.id), context.task_run.run_count)


@lru_cache(maxsize=4096)
def _root_of(flow_run_id: str) -> str:
    # Walking up from a subflow asks Prefect's API once a level, so it is done once a run.
    return str(flow_run_runtime.root_flow_run_id or flow_run_id)


def _refuse_second(key: str, run: tuple[str, int], task: tuple[str, int], call: Call) -> None:
    with _lock:
        seen = _seen.setdefault(run, {})
        _seen.move_to_end(run)
        if len(_seen) > _RUNS_REMEMBERED:
            _seen.popitem(last=False)
        first = seen.get(key)
        retried = first is not None and task[0] != "" and first[0] == task[0] and first[1] < task[1]
        if first is None or retried:
            seen[key] = task
            return
    raise ParameterError(
        f"the same {call.operation} was wanted before in this run, with the same parameters: if a second one is meant, "
        "name each with slot=…, such as slot='second'; if not, use the first one's result",
        operation=call.operation,
        ids=call.ids,
    )
