"""Business processes composed of tasks."""

from prefect_stripe.flows.invoice_lifecycle import invoice_lifecycle
from prefect_stripe.flows.orders import InvoiceOrder, LineCorrection, OrderLine
from prefect_stripe.flows.outcomes import InvoiceOrderError, InvoiceOutcome

__all__ = [
    "InvoiceOrder",
    "InvoiceOrderError",
    "InvoiceOutcome",
    "LineCorrection",
    "OrderLine",
    "invoice_lifecycle",
]
