"""The flow of one order: from a draft to paid, or to whatever end the order wants."""

# No postponed annotations here: Prefect loads a served flow by its file, as a module that they cannot be resolved in.

from typing import Annotated, Any

from prefect import flow

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.flows.approvals import ApprovalLimit
from prefect_stripe.flows.asking import DAYS_TO_APPROVE
from prefect_stripe.flows.business import MOST_DAYS
from prefect_stripe.flows.driver import run_order
from prefect_stripe.flows.forms import plain_form, titled
from prefect_stripe.flows.invoice_process import invoice_process
from prefect_stripe.flows.orders import InvoiceOrder


@plain_form
@flow(name="invoice-lifecycle", flow_run_name="invoice {order.external_id}", persist_result=False)
def invoice_lifecycle(
    order: Annotated[InvoiceOrder, titled("Order")],
    credentials: Annotated[StripeCredentials | None, titled("Stripe account")] = None,
    look_back_days: Annotated[int, titled("Look back (days)", ge=1, le=MOST_DAYS)] = 365,
    approval_limits: Annotated[list[ApprovalLimit], titled("Approval limits")] = [],  # noqa: B006 - as a form shows it
    approval_days: Annotated[int, titled("Wait for approval (days)", ge=1, le=MOST_DAYS)] = DAYS_TO_APPROVE,
) -> dict[str, Any]:
    """Invoice an order: create, complete, tie out, finalize, send and settle; only what is still missing is done.

    Running it again is safe from any state: an order is known by its number (`external_id`), and is invoiced and
    charged once.

    Args:
        order: The order to invoice. Amounts are in minor units: 1250 for 12.50 USD, 500 for 500 JPY.
        credentials: The Stripe account to use. Empty means the worker's STRIPE_API_KEY and other STRIPE_ variables.
        look_back_days: How many days back to look for an invoice of this order that was made before.
        approval_limits: An order above these waits for a person before it is finalized: approve, change or reject it by
            resuming the run. Where there are limits, so does an order whose currency has none. Empty means that none
            waits.
        approval_days: How many days it waits; after that the run fails, and another one asks anew.

    Returns:
        The outcome, as `InvoiceOutcome` describes it.

    Raises:
        OrderError: The order was rejected, or failed; it carries the outcome.
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
    outcome: dict[str, Any] = run_order(
        "invoice",
        order.external_id,
        lambda account: invoice_process(order, account, look_back_days, approval_limits),
        credentials,
        approval_days,
    )
    return outcome
