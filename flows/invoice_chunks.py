"""Orders by the chunk, each a task run: what is done of them is known where their run is taken up again."""

# No postponed annotations here: Prefect resolves those of a task by the module that it finds it in.

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from prefect import task
from prefect.client.schemas.objects import State
from prefect.context import TaskRunContext
from prefect.states import Failed
from prefect.utilities.annotations import quote

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.client.identity import fingerprint
from prefect_stripe.flows.approvals import ApprovalLimit
from prefect_stripe.flows.batch import invoice_orders
from prefect_stripe.flows.orders import InvoiceOrder
from prefect_stripe.flows.outcomes import InvoiceOutcome

CHUNKS_HOLD: Final = timedelta(hours=24)
"""For so long a chunk that is done is passed over where its run is taken up again; after that it is looked at anew."""


class Incomplete(Exception):
    """A chunk of which some orders could not be finished. Carries the outcomes of all."""

    def __init__(self, message: str, outcomes: list[dict[str, Any]]) -> None:
        super().__init__(message)
        self.outcomes = outcomes


@dataclass(frozen=True)
class Manner:
    """How orders are worked on.

    Attributes:
        chunk_size: How many orders make one task run.
        side_by_side: How many orders are worked on at a time.
        look_back_days: How many days back an invoice of these orders may have been made.
        approval_limits: Above which an order waits for a person.
    """

    chunk_size: int
    side_by_side: int
    look_back_days: int
    approval_limits: Sequence[ApprovalLimit] = ()


def invoice_chunks(
    orders: Sequence[InvoiceOrder], credentials: StripeCredentials, manner: Manner
) -> Iterator[list[InvoiceOutcome]]:
    """Invoice orders, a task run a chunk, and yield the outcomes of each chunk.

    After a chunk of which every order failed nothing is begun: the outcomes of the rest say so.
    """
    reached = True
    for start in range(0, len(orders), manner.chunk_size):
        chunk = orders[start : start + manner.chunk_size]
        if reached:
            outcomes = _chunk(chunk, credentials, manner)
            reached = any(outcome.ending != "failed" for outcome in outcomes)
        else:
            outcomes = all_failed(chunk, "not begun, since every order of an earlier chunk failed; run the file again")
        yield outcomes


def all_failed(orders: Sequence[InvoiceOrder], reason: str) -> list[InvoiceOutcome]:
    """Say of each order that it could not be worked on, and why."""
    return [InvoiceOutcome(external_id=order.external_id, ending="failed", reason=reason) for order in orders]


def _chunk(orders: Sequence[InvoiceOrder], credentials: StripeCredentials, manner: Manner) -> list[InvoiceOutcome]:
    """Run a chunk as a task run; one that is known to be done, by this run before it was taken up again, is not run."""
    name = f"{len(orders)} orders, {orders[0].external_id} to {orders[-1].external_id}"
    # Quoted, or Prefect would look through every order for results of other task runs.
    state: State[Any] = invoice_chunk.with_options(task_run_name=name.replace("{", "{{").replace("}", "}}"))(
        credentials,
        quote(list(orders)),
        manner.side_by_side,
        manner.look_back_days,
        list(manner.approval_limits),
        return_state=True,
    )
    result: Any = state.result(raise_on_failure=False)
    if isinstance(result, Incomplete):
        result = result.outcomes
    if isinstance(result, BaseException):
        raise result
    return [InvoiceOutcome.model_validate(outcome) for outcome in result]


def _identity(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    """Say which chunk of which run on which account it is: by that a run that is taken up again knows it as done."""
    credentials: StripeCredentials = parameters["credentials"]
    orders = [order.model_dump(mode="json") for order in parameters["orders"]]
    # Not the root's: a flow that has the same file invoiced once more, later on, wants to know how things stand then.
    run = context.task_run.flow_run_id or context.task_run.id
    limits = [limit.model_dump() for limit in parameters["approval_limits"]]
    content = [credentials.account, str(run), parameters["look_back_days"], limits, orders]
    return f"invoice-chunk-{fingerprint(content)}"


@task(
    name="invoice-chunk",
    cache_key_fn=_identity,
    cache_expiration=CHUNKS_HOLD,
    persist_result=True,
    result_serializer="json",
)
def invoice_chunk(
    credentials: StripeCredentials,
    orders: list[InvoiceOrder],
    side_by_side: int,
    look_back_days: int,
    approval_limits: list[ApprovalLimit],
) -> Any:
    """Invoice the orders of a chunk, side by side.

    Returns:
        The outcomes, in the order of the orders. Where some could not be finished the task run ends as `Incomplete`: it
        is no failure of the others, and is not taken for done by a run that is taken up again.
    """
    outcomes = invoice_orders(
        credentials.get_client(), orders, credentials.account, look_back_days, side_by_side, approval_limits
    )
    data = [outcome.model_dump(mode="json") for outcome in outcomes]
    count = sum(outcome.ending == "failed" for outcome in outcomes)
    if count:
        message = f"{count} of {len(outcomes)} orders failed"
        return Failed(name="Incomplete", message=message, data=Incomplete(message, data))
    return data
