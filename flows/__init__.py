"""Business processes composed of tasks."""

from prefect_stripe.flows.approvals import ApprovalLimit
from prefect_stripe.flows.batch import BatchReport
from prefect_stripe.flows.close_month import close_month
from prefect_stripe.flows.collect_invoice import collect_invoice
from prefect_stripe.flows.extract import extract
from prefect_stripe.flows.extract_amounts import in_major_units
from prefect_stripe.flows.invoice_batch import BatchError, invoice_batch
from prefect_stripe.flows.invoice_lifecycle import invoice_lifecycle
from prefect_stripe.flows.invoice_shard import ShardError, invoice_shard
from prefect_stripe.flows.ledger_rows import BooksError
from prefect_stripe.flows.operation_parameters import OperationParameter
from prefect_stripe.flows.order_files import read_orders, write_orders
from prefect_stripe.flows.orders import InvoiceOrder, LineCorrection, OrderLine
from prefect_stripe.flows.outcomes import InvoiceOutcome, OrderError, Outcome, PaymentOutcome
from prefect_stripe.flows.payment_intent_lifecycle import payment_intent_lifecycle
from prefect_stripe.flows.payment_orders import PaymentOrder
from prefect_stripe.flows.receivables import receivables
from prefect_stripe.flows.run_operation import run_operation
from prefect_stripe.flows.sync_ledger import sync_ledger

__all__ = [
    "ApprovalLimit",
    "BatchError",
    "BatchReport",
    "BooksError",
    "InvoiceOrder",
    "InvoiceOutcome",
    "LineCorrection",
    "OperationParameter",
    "OrderError",
    "OrderLine",
    "Outcome",
    "PaymentOrder",
    "PaymentOutcome",
    "ShardError",
    "close_month",
    "collect_invoice",
    "extract",
    "in_major_units",
    "invoice_batch",
    "invoice_lifecycle",
    "invoice_shard",
    "payment_intent_lifecycle",
    "read_orders",
    "receivables",
    "run_operation",
    "sync_ledger",
    "write_orders",
]
