"""The flow of one order: from a draft to paid, or to whatever end the order wants."""

from __future__ import annotations

from typing import Any

from prefect import State, flow
from prefect.states import Completed, Failed

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.client import StripeError
from prefect_stripe.flows.driver import drive_in_prefect
from prefect_stripe.flows.invoice_process import invoice_process
from prefect_stripe.flows.orders import InvoiceOrder
from prefect_stripe.flows.outcomes import InvoiceOrderError, InvoiceOutcome
from prefect_stripe.flows.story import Story, logger


@flow(name="invoice-lifecycle", flow_run_name="invoice {order.external_id}", persist_result=False)
def invoice_lifecycle(
    order: InvoiceOrder, credentials: StripeCredentials | None = None, look_back_days: int = 365
) -> dict[str, Any] | State[Any]:
    """Invoice an order: create, complete, tie out, finalize, send and settle; only what is still missing is done.

    Running it again is safe from any state: an order is known by its number (`external_id`), and is invoiced and
    charged once.

    Args:
        order: The order to invoice. Amounts are in minor units: 1250 for 12.50 USD, 500 for 500 JPY.
        credentials: The Stripe account to use. Empty means the worker's STRIPE_API_KEY and other STRIPE_ variables.
        look_back_days: How many days back to look for an invoice of this order that was made before.

    Returns:
        The outcome, as `InvoiceOutcome` describes it.

    Raises:
        InvoiceOrderError: The order was rejected, or failed; it carries the outcome.
        StripeError: Stripe failed or could not be reached. Run it again: it goes on where it stopped.

    Example:
        ```python
        from prefect_stripe import InvoiceOrder, StripeCredentials, invoice_lifecycle

        order = InvoiceOrder(
            external_id="ORD-1001",
            customer_email="jenny@example.com",
            currency="usd",
            lines=[{"description": "Consulting, hours", "quantity": 3, "unit_amount": 15000}],
            payment_method="pm_card_visa",
        )
        outcome = invoice_lifecycle(order, StripeCredentials.load("BLOCK_NAME"))
        ```
    """
    credentials = credentials or StripeCredentials.from_environment()
    story = Story(order.external_id, credentials.stripe_account, live=credentials.mode == "live")
    try:
        process = invoice_process(order, credentials.account, look_back_days)
        outcome = drive_in_prefect(process, credentials, story)
    except StripeError as error:
        outcome = InvoiceOutcome(external_id=order.external_id, ending="failed", reason=str(error))
        story.publish(outcome)
        return Failed(message=f"{order.external_id} failed: {error}", data=error)
    story.publish(outcome)
    message = str(outcome)
    logger().info(message)
    if not outcome.good:
        return Failed(message=message, data=InvoiceOrderError(outcome))
    state_name = "Completed" if outcome.ending in {"done", "found_done"} else outcome.ending.replace("_", " ").title()
    return Completed(name=state_name.replace(" ", ""), message=message, data=outcome.model_dump(mode="json"))
