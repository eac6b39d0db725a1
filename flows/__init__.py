"""Business processes composed of tasks."""

from prefect_stripe.flows.invoice_lifecycle import invoice_lifecycle
from prefect_stripe.flows.orders import InvoiceOrder, LineCorrection, OrderLine
from prefect_stripe.flows.outcomes import InvoiceOutcome, OrderError, Outcome, PaymentOutcome
from prefect_stripe.flows.payment_intent_lifecycle import payment_intent_lifecycle
from prefect_stripe.flows.payment_orders import PaymentOrder

__all__ = [
    "InvoiceOrder",
    "InvoiceOutcome",
    "LineCorrection",
    "OrderError",
    "OrderLine",
    "Outcome",
    "PaymentOrder",
    "PaymentOutcome",
    "invoice_lifecycle",
    "payment_intent_lifecycle",
]
