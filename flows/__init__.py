"""Business processes composed of tasks."""

from prefect_stripe.flows.invoice_lifecycle import invoice_lifecycle
from prefect_stripe.flows.operation_parameters import OperationParameter
from prefect_stripe.flows.orders import InvoiceOrder, LineCorrection, OrderLine
from prefect_stripe.flows.outcomes import InvoiceOutcome, OrderError, Outcome, PaymentOutcome
from prefect_stripe.flows.payment_intent_lifecycle import payment_intent_lifecycle
from prefect_stripe.flows.payment_orders import PaymentOrder
from prefect_stripe.flows.run_operation import run_operation

__all__ = [
    "InvoiceOrder",
    "InvoiceOutcome",
    "LineCorrection",
    "OperationParameter",
    "OrderError",
    "OrderLine",
    "Outcome",
    "PaymentOrder",
    "PaymentOutcome",
    "invoice_lifecycle",
    "payment_intent_lifecycle",
    "run_operation",
]
