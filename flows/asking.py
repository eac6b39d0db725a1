"""Asks a person in Prefect: the flow run is suspended with a form, and begins again once that is filled in.

What was answered stays with the flow run, under the key of what was asked: a run that begins again hears it again.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from prefect.client.schemas.objects import FlowRunInput
from prefect.context import FlowRunContext
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.input.actions import filter_flow_run_input
from pydantic import ValidationError

from prefect_stripe.flows.approvals import Answer, Decision, Question
from prefect_stripe.flows.outcomes import InvoiceOutcome
from prefect_stripe.flows.story import Story, emit_order

DAYS_TO_APPROVE: Final = 30

_SECONDS_OF_A_DAY: Final = 86_400

Form: Final[type[RunInput]] = RunInput.subclass_from_base_model_type(Decision)


def ask_in_prefect(question: Question, story: Story, days: int = DAYS_TO_APPROVE) -> Answer | None:
    """Return what was answered in this flow run; suspend it where it waits for an answer, and can.

    Args:
        question: What is asked.
        story: Is told, and published, before the run is suspended.
        days: How many days the run waits.

    Returns:
        The answer; None where there is none, and the run cannot wait for one: only that of a deployment can, since
        nobody else would take it up again.

    Raises:
        Pause: The run is suspended now.
    """
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or run.deployment_id is None or run.parent_task_run_id is not None:
        return None
    asked = run.empirical_policy.pause_keys or set[str]()
    given: list[Answer] = []
    problem, number = question.problem, 1
    while (key := f"approval-{question.key}-{number}") in asked:
        heard = _heard(key)
        if isinstance(heard, Answer):
            given.append(heard)
        elif len(given) == question.refused:
            problem = heard
        if question.waits and len(given) > question.refused:
            return given[-1]
        number += 1
    if not question.waits:
        return given[-1] if given else None
    _tell(question, story)
    suspend: Any = suspend_flow_run
    form = Form.with_initial_data(description=question.in_markdown(problem))
    with suppress(ValidationError):
        suspend(wait_for_input=form, key=key, timeout=days * _SECONDS_OF_A_DAY, _sync=True)
    # It is suspended by now, unless another process at work on this very run asked the same and was answered just now.
    heard = _heard(key)
    return heard if isinstance(heard, Answer) else None


def _heard(key: str) -> Answer | str:
    """Read what was answered, or say why it is no answer."""
    # Prefect says of it that it may be a coroutine.
    read: Any = filter_flow_run_input
    found: list[FlowRunInput] = read(key_prefix=f"suspended-{key}-response", _sync=True)
    if not found or found[0].created is None:
        return "the run was set going again without one"
    try:
        return Answer(Decision.model_validate(found[0].decoded_value), found[0].created)
    except ValidationError as error:
        return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())


def _tell(question: Question, story: Story) -> None:
    outcome = InvoiceOutcome(
        external_id=question.external_id,
        ending="awaiting_approval",
        reason=f"{question.why}: approve, change or reject it by resuming this run",
        status=question.status,
        invoice=question.invoice,
        customer=question.customer,
        currency=question.currency,
        total=question.total,
    )
    story.publish(outcome)
    emit_order(outcome, story.account)
