"""Runs a process in Prefect, a task run for each call to Stripe."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.states import Completed, Failed
from pydantic import ValidationError

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.client import CardError, StripeError
from prefect_stripe.flows.approvals import Answer, Question
from prefect_stripe.flows.asking import DAYS_TO_APPROVE, ask_in_prefect
from prefect_stripe.flows.outcomes import OrderError, Outcome
from prefect_stripe.flows.process import Process, Reply, Step, drive, perform
from prefect_stripe.flows.story import Story, emit_order, logger
from prefect_stripe.tasks.declaration import RETRIES

T = TypeVar("T")


@task(
    name="stripe-step",
    task_run_name="{step.label}",
    cache_policy=NO_CACHE,
    # Nothing is kept between runs: what was done is read from Stripe again.
    persist_result=False,
    **RETRIES,
)
def stripe_step(credentials: StripeCredentials, step: Step) -> Any:
    """Do one step of a process.

    Args:
        credentials: As whom.
        step: The call, with its idempotency key.

    Returns:
        Stripe's answer; a declined payment ends the task run as `Declined`, which is an outcome and no failure.

    Raises:
        StripeError: Stripe refused, failed, or could not be reached.
    """
    try:
        return perform(credentials.get_client(), step.call)
    except CardError as error:
        return Completed(name="Declined", message=error.message, data=error)
    except StripeError as error:
        # A state and not an exception: the log says what is wrong, without a traceback through the client.
        return Failed(message=str(error), data=error)


def drive_in_prefect(
    process: Process[T],
    credentials: StripeCredentials,
    story: Story,
    ask: Callable[[Question], Answer | None] = lambda question: None,
) -> T:
    """Run a process to its end, each step as a task run, and have its story told.

    Raises:
        StripeError: One that the process has no answer to.
    """

    def do(step: Step) -> Reply:
        state = stripe_step.with_options(name=step.operation)(credentials, step, return_state=True)
        reply = state.result(raise_on_failure=False)
        if isinstance(reply, StripeError):
            story.failed(step, reply)
            raise reply
        if isinstance(reply, BaseException):
            raise reply
        assert isinstance(reply, Reply)
        story.did(step, reply)
        return reply

    return drive(process, do, story.note, ask)


def failed(message: str, error: Exception) -> State[Any]:
    """Return the failed state that a flow ends in: its log says what is wrong, without a traceback through us.

    Raises:
        Exception: The error itself, where the run may be tried again: Prefect does so only with one that is raised.
    """
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is not None and run.run_count <= (run.empirical_policy.retries or 0):
        raise error
    return Failed(message=message, data=error)


def run_order(
    kind: str,
    external_id: str,
    begin: Callable[[str], Process[Outcome]],
    credentials: StripeCredentials | None,
    approval_days: int = DAYS_TO_APPROVE,
) -> Any:
    """Run an order's process, publish its story, and return the state that its flow ends in.

    Args:
        kind: What the order becomes: `invoice` or `payment`.
        external_id: The order's business key.
        begin: Begins the process, on an account as `StripeCredentials.account` names it.
        credentials: As whom; None means the environment's.
        approval_days: How many days a person is waited for, who has to approve it.

    Returns:
        A completed state whose data is the outcome, named after how it ended; or a failed one whose data is the error.
        Of it Prefect hands the caller of the flow the data, or raises it: so that is what the flow says it returns.
    """
    try:
        credentials = credentials or StripeCredentials.from_environment()
    except (StripeError, ValidationError) as error:
        return failed(f"{external_id} failed: {error}", error)
    story = Story(kind, external_id, credentials.stripe_account, live=credentials.mode == "live")
    try:
        ask = partial(ask_in_prefect, story=story, days=approval_days)
        outcome = drive_in_prefect(begin(credentials.account), credentials, story, ask)
    except StripeError as error:
        story.publish(Outcome(external_id=external_id, ending="failed", reason=str(error)))
        return failed(f"{external_id} failed: {error}", error)
    story.publish(outcome)
    logger().info(str(outcome))
    if outcome.ending in {"awaiting_approval", "not_approved"}:
        emit_order(outcome, credentials.stripe_account)
    if not outcome.good:
        return failed(str(outcome), OrderError(outcome))
    name = {"done": "Completed", "found_done": "Completed"}.get(outcome.ending, outcome.ending.title().replace("_", ""))
    return Completed(name=name, message=str(outcome), data=outcome.model_dump(mode="json"))
