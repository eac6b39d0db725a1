"""Business processes composed of tasks."""

from prefect_stripe.flows.batch import BatchReport
from prefect_stripe.flows.invoice_batch import BatchError, invoice_batch
from prefect_stripe.flows.invoice_lifecycle import invoice_lifecycle
from prefect_stripe.flows.operation_parameters import OperationParameter
from prefect_stripe.flows.order_files import read_orders, write_orders
from prefect_stripe.flows.orders import InvoiceOrder, LineCorrection, OrderLine
from prefect_stripe.flows.outcomes import InvoiceOutcome, OrderError, Outcome, PaymentOutcome
from prefect_stripe.flows.payment_intent_lifecycle import payment_intent_lifecycle
from prefect_stripe.flows.payment_orders import PaymentOrder
from prefect_stripe.flows.run_operation import run_operation

__all__ = [
    "BatchError",
    "BatchReport",
    "InvoiceOrder",
    "InvoiceOutcome",
    "LineCorrection",
    "OperationParameter",
    "OrderError",
    "OrderLine",
    "Outcome",
    "PaymentOrder",
    "PaymentOutcome",
    "invoice_batch",
    "invoice_lifecycle",
    "payment_intent_lifecycle",
    "read_orders",
    "run_operation",
    "write_orders",
]
