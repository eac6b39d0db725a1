"""The flow of one payment: authorised, captured, held or canceled, as its order wants."""

# No postponed annotations here: Prefect loads a served flow by its file, as a module that they cannot be resolved in.

from typing import Annotated, Any

from prefect import flow

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.flows.business import MOST_DAYS
from prefect_stripe.flows.driver import run_order
from prefect_stripe.flows.forms import plain_form, titled
from prefect_stripe.flows.payment_orders import PaymentOrder
from prefect_stripe.flows.payment_process import payment_process


@plain_form
@flow(name="payment-intent-lifecycle", flow_run_name="payment {order.external_id}", persist_result=False)
def payment_intent_lifecycle(
    order: Annotated[PaymentOrder, titled("Order")],
    credentials: Annotated[StripeCredentials | None, titled("Stripe account")] = None,
    look_back_days: Annotated[int, titled("Look back (days)", ge=1, le=MOST_DAYS)] = 365,
) -> dict[str, Any]:
    """Take a payment: create, confirm, verify or increase, then capture, hold or cancel; only what is missing is done.

    Running it again is safe from any state: an order is known by its number (`external_id`), and is charged once.

    Args:
        order: The payment to take. Amounts are in minor units: 1250 for 12.50 USD, 500 for 500 JPY.
        credentials: The Stripe account to use. Empty means the worker's STRIPE_API_KEY and other STRIPE_ variables.
        look_back_days: How many days back to look for a payment of this order that was begun before.

    Returns:
        The outcome, as `PaymentOutcome` describes it; what needs a person (3-D Secure) ends as `RequiresAction`.

    Raises:
        OrderError: The order was rejected, or failed; it carries the outcome.
        StripeError: Stripe failed or could not be reached. Run it again: it goes on where it stopped.

    Example:
        ```python
        from prefect_stripe import StripeCredentials
        from prefect_stripe.flows import PaymentOrder, payment_intent_lifecycle

        order = PaymentOrder(
            external_id="BOOKING-7",
            customer_email="jenny@example.com",
            currency="eur",
            amount=24000,
            payment_method="pm_card_visa",
        )
        outcome = payment_intent_lifecycle(order, StripeCredentials.load("BLOCK_NAME"))
        ```
    """
    outcome: dict[str, Any] = run_order(
        "payment", order.external_id, lambda account: payment_process(order, account, look_back_days), credentials
    )
    return outcome
