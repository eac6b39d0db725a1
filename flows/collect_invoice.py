"""The flow that collects an invoice whose payment was declined: one attempt more, and never the same one twice."""

# No postponed annotations here: Prefect loads a served flow by its file, as a module that they cannot be resolved in.

from typing import Annotated, Any

from prefect import flow

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.flows.driver import run_order
from prefect_stripe.flows.forms import plain_form, titled
from prefect_stripe.flows.invoice_collecting import collecting_process


@plain_form
@flow(name="collect-invoice", flow_run_name="collect {external_id}", persist_result=False)
def collect_invoice(
    invoice: Annotated[str, titled("Invoice", min_length=1, max_length=255)],
    external_id: Annotated[str, titled("Order number", min_length=1, max_length=200)],
    declined_charge: Annotated[str, titled("Declined charge", max_length=255)] = "",
    payment_method: Annotated[str, titled("Payment method", max_length=255)] = "",
    max_payment_attempts: Annotated[int, titled("Payment attempts", ge=1, le=8)] = 4,
    credentials: Annotated[StripeCredentials | None, titled("Stripe account")] = None,
) -> dict[str, Any]:
    """Try once more to charge an open invoice whose payment was declined.

    Running it again for the same declined charge is safe: the next attempt is made once. What is paid, voided or
    written off in the meantime is left as it is.

    Args:
        invoice: Id of the invoice (in_…), which is open.
        external_id: The order that it is of, as invoice_lifecycle was given it. An invoice of another is not charged.
        declined_charge: Id of the charge (ch_…) whose decline this answers: if another was tried since, nothing is
            done. Empty means whichever was the last.
        payment_method: Id of the payment method to charge (pm_…). Empty means the customer's default; or what was
            declined, where there is none.
        max_payment_attempts: How many charges may be tried for the order in all, over all runs and flows.
        credentials: The Stripe account to use. Empty means the worker's STRIPE_API_KEY and other STRIPE_ variables.

    Returns:
        The outcome, as `InvoiceOutcome` describes it.

    Raises:
        OrderError: It is no open invoice of that order, or Stripe refuses it; it carries the outcome.
        StripeError: Stripe failed or could not be reached. Run it again: it goes on where it stopped.

    Example:
        ```python
        from prefect_stripe import InvoiceOrder, invoice_lifecycle
        from prefect_stripe.flows import collect_invoice

        order = InvoiceOrder(
            external_id="ORD-1001",
            customer_email="jenny@example.com",
            currency="usd",
            lines=[{"description": "Consulting, hours", "quantity": 3, "unit_amount": 15000}],
            payment_method="pm_card_chargeCustomerFail",
        )
        declined = invoice_lifecycle(order)
        outcome = collect_invoice(declined["invoice"], "ORD-1001", payment_method="pm_card_visa")
        assert (outcome["ending"], outcome["status"]) == ("done", "paid")
        ```
    """
    outcome: dict[str, Any] = run_order(
        "invoice",
        external_id,
        lambda account: collecting_process(
            invoice, external_id, account, declined_charge, payment_method, max_payment_attempts
        ),
        credentials,
    )
    return outcome
