"""What every task is made of: a function that says what it wants, run as a sync task and as its async twin.

A task's function sends nothing. It returns a `Wanted`: the call, as whom, and how many items. One that needs several
calls yields them. `stripe_task` makes of it the Prefect task that does it, and `async_twin` the same for async code.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, ParamSpec, TypeVar, cast

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.client import OPERATIONS, Call, ParameterError, StripeError
from prefect_stripe.client.errors import MOST_OF_AN_ID, masked, without_secrets
from prefect_stripe.tasks.forgotten import once

P = ParamSpec("P")
R = TypeVar("R")

StripeObject = dict[str, Any]
"""An object as Stripe sent it, client secrets blanked: plain JSON; amounts in minor units, times in Unix seconds."""


@dataclass(frozen=True, slots=True)
class Wanted(Generic[R]):
    """What a task's function wants done.

    Attributes:
        credentials: As whom.
        call: The operation, its ids and parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        max_items: How many items of a list at the most.
    """

    credentials: StripeCredentials
    call: Call
    slot: str | None = None
    max_items: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is no account: Prefect checks what a flow is given, and not what a task is."""
        if not isinstance(self.credentials, StripeCredentials):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ParameterError(
                f"credentials: expected StripeCredentials, got {type(self.credentials).__name__}; make it by "
                "StripeCredentials(api_key=…) or StripeCredentials.load('NAME'), in async code await "
                "StripeCredentials.aload('NAME'), and have .map take it as unmapped(…)",
                operation=self.call.operation,
            )


Steps = Generator[Wanted[Any], Any, R]
"""Several calls for one result: yields each, is sent its answer or thrown its error, and returns the task's result."""


def one(
    credentials: StripeCredentials,
    operation: str,
    ids: tuple[str, ...],
    params: Mapping[str, Any],
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
) -> Wanted[StripeObject]:
    """Want one object: a read, a write or an action."""
    return Wanted(credentials, Call(operation, ids, params, expand, idempotency_key, stripe_account), slot)


def many(
    credentials: StripeCredentials,
    operation: str,
    ids: tuple[str, ...],
    params: Mapping[str, Any],
    *,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
) -> Wanted[list[StripeObject]]:
    """Want every item of a list or a search."""
    return Wanted(credentials, Call(operation, ids, params, expand, None, stripe_account), None, max_items)


def may_pass(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Say whether a failed task run is worth another try: only where Stripe may answer the same request otherwise."""
    return isinstance(state.data, StripeError) and state.data.retryable


RETRIES: Final[dict[str, Any]] = {
    "retries": 2,
    "retry_delay_seconds": exponential_backoff(backoff_factor=5),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": may_pass,
}
"""The outer net of every task that calls Stripe; `Retry-After` and the short pauses are the client's."""


def stripe_task(wants: Callable[P, Wanted[R] | Steps[R]]) -> Task[P, R]:
    """Make the sync task of a function that says what it wants."""

    @functools.wraps(wants)
    def perform(*args: P.args, **kwargs: P.kwargs) -> R:
        steps = _steps(wants(*args, **kwargs))
        advance = partial(next, steps)
        while True:
            try:
                wanted = advance()
            except StopIteration as end:
                return cast(R, end.value)
            try:
                advance = partial(steps.send, _answer(wanted))
            except StripeError as error:
                advance = partial(steps.throw, error)

    return _task(perform, wants.__name__, wants.__name__)


def async_twin(task: Task[P, R]) -> Task[P, Coroutine[Any, Any, R]]:
    """Make the async task that does what a sync one does."""
    wants: Callable[P, Wanted[R] | Steps[R]] = task.fn.__wrapped__  # type: ignore[attr-defined]

    @functools.wraps(wants)
    async def perform(*args: P.args, **kwargs: P.kwargs) -> R:
        steps = _steps(wants(*args, **kwargs))
        advance = partial(next, steps)
        while True:
            try:
                wanted = advance()
            except StopIteration as end:
                return cast(R, end.value)
            try:
                advance = partial(steps.send, await _aanswer(wanted))
            except StripeError as error:
                advance = partial(steps.throw, error)

    perform.__name__ = perform.__qualname__ = f"a{task.name}"
    return _task(perform, task.name, f"a{task.name}")


def _steps(wanted: Wanted[R] | Steps[R]) -> Steps[R]:
    return (yield from (once(wanted) if isinstance(wanted, Wanted) else wanted))


def _answer(wanted: Wanted[Any]) -> Any:
    client, call = wanted.credentials.get_client(), wanted.call
    if OPERATIONS[call.operation].paging is None:
        return without_secrets(client.perform(call).data)
    return [without_secrets(i) for page in client.walk(call, wanted.max_items) for i in page]


async def _aanswer(wanted: Wanted[Any]) -> Any:
    client, call = wanted.credentials.get_async_client(), wanted.call
    if OPERATIONS[call.operation].paging is None:
        return without_secrets((await client.perform(call)).data)
    return [without_secrets(i) async for page in client.walk(call, wanted.max_items) for i in page]


def _run_name(name: str, ids: Sequence[str]) -> Callable[[dict[str, Any]], str]:
    def run_name(parameters: dict[str, Any]) -> str:
        # What is given for an id may be anything, a client secret or a whole customer, and a name is kept and shown.
        given = (parameters[id_] for id_ in ids)
        return " ".join([name, *(masked(each[:MOST_OF_AN_ID]) if isinstance(each, str) else "?" for each in given)])

    return run_name


def _task(fn: Callable[P, Any], operation: str, name: str) -> Task[P, Any]:
    ids = OPERATIONS[operation].ids
    return Task(
        fn,
        name=name,
        # A cached read is the state before the change; a write is safe by its idempotency key, not by a cache.
        cache_policy=NO_CACHE,
        task_run_name=cast(Any, _run_name(name, ids)) if ids else None,
        **RETRIES,
    )
