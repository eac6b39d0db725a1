"""Every operation of the Stripe API that this package speaks, one row each: the only place that knows a URL.

Stripe page: "API reference".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

Method = Literal["GET", "POST", "DELETE"]
Paging = Literal["list", "search"]

Found = Literal["metadata", "goal", "natural", "none", "read"]
"""How a write is found again once Stripe has forgotten its idempotency key (24 hours).

`metadata`: the object carries the key; `goal`: re-reading the object tells whether the action's goal holds; `natural`:
by a key of its own (a product's id, a price's lookup key); `none`: it cannot be found; `read`: there is nothing to.
"""


@dataclass(frozen=True)
class Operation:
    """One operation: its name here, and how Stripe's HTTP API spells it.

    Attributes:
        name: The task's name, Stripe's own verb and object.
        method: HTTP method.
        path: URL path, ids in braces.
        object: Stripe's name of the object (of each element, for a list or a search).
        paging: How its pages follow one another, or None where it answers with one object.
        found: How a write that may have happened is found again.
        goal: The statuses of its object, any of which an action leads to (`deleted` for a deletion), so that whoever
            lost its answer can tell by reading; empty where it is not the status that changes. The status alone is
            half of it: amounts, and how it was reached, are the caller's to compare.
        portion: The parameter that says how much of the money it takes; without it, Stripe takes all there is.
    """

    name: str
    method: Method
    path: str
    object: str
    paging: Paging | None = None
    found: Found = "read"
    goal: tuple[str, ...] = ()
    portion: str | None = None

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The ids in the path, in order, by Stripe's names."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))

    @property
    def writes(self) -> bool:
        """Whether it changes anything at Stripe; a preview is a POST that only reads."""
        return self.found != "read"


def _table(rows: Iterable[Operation]) -> dict[str, Operation]:
    return {row.name: row for row in rows}


_O = Operation

OPERATIONS: Final[dict[str, Operation]] = _table(
    (
        _O("create_customer", "POST", "/v1/customers", "customer", found="metadata"),
        _O("retrieve_customer", "GET", "/v1/customers/{customer}", "customer"),
        _O("update_customer", "POST", "/v1/customers/{customer}", "customer", found="goal"),
        _O("delete_customer", "DELETE", "/v1/customers/{customer}", "customer", found="goal", goal=("deleted",)),
        _O("list_customers", "GET", "/v1/customers", "customer", "list"),
        _O("search_customers", "GET", "/v1/customers/search", "customer", "search"),
        _O("fund_customer_cash_balance", "POST", "/v1/test_helpers/customers/{customer}/fund_cash_balance",
           "customer_cash_balance_transaction", found="none"),
        _O("create_payment_link", "POST", "/v1/payment_links", "payment_link", found="metadata"),
        _O("retrieve_payment_link", "GET", "/v1/payment_links/{payment_link}", "payment_link"),
        _O("update_payment_link", "POST", "/v1/payment_links/{payment_link}", "payment_link", found="goal"),
        _O("list_payment_links", "GET", "/v1/payment_links", "payment_link", "list"),
        _O("list_payment_link_line_items", "GET", "/v1/payment_links/{payment_link}/line_items", "item", "list"),
        _O("create_price", "POST", "/v1/prices", "price", found="natural"),
        _O("retrieve_price", "GET", "/v1/prices/{price}", "price"),
        _O("update_price", "POST", "/v1/prices/{price}", "price", found="goal"),
        _O("list_prices", "GET", "/v1/prices", "price", "list"),
        _O("search_prices", "GET", "/v1/prices/search", "price", "search"),
        _O("create_product", "POST", "/v1/products", "product", found="natural"),
        _O("retrieve_product", "GET", "/v1/products/{product}", "product"),
        _O("update_product", "POST", "/v1/products/{product}", "product", found="goal"),
        _O("delete_product", "DELETE", "/v1/products/{product}", "product", found="goal", goal=("deleted",)),
        _O("list_products", "GET", "/v1/products", "product", "list"),
        _O("search_products", "GET", "/v1/products/search", "product", "search"),
        _O("create_invoice", "POST", "/v1/invoices", "invoice", found="metadata"),
        _O("retrieve_invoice", "GET", "/v1/invoices/{invoice}", "invoice"),
        _O("update_invoice", "POST", "/v1/invoices/{invoice}", "invoice", found="goal"),
        _O("delete_invoice", "DELETE", "/v1/invoices/{invoice}", "invoice", found="goal", goal=("deleted",)),
        _O("list_invoices", "GET", "/v1/invoices", "invoice", "list"),
        _O("search_invoices", "GET", "/v1/invoices/search", "invoice", "search"),
        _O("list_invoice_line_items", "GET", "/v1/invoices/{invoice}/lines", "line_item", "list"),
        _O("update_invoice_line", "POST", "/v1/invoices/{invoice}/lines/{line_item}", "line_item", found="goal"),
        _O("update_invoice_lines", "POST", "/v1/invoices/{invoice}/update_lines", "invoice", found="goal"),
        _O("add_invoice_lines", "POST", "/v1/invoices/{invoice}/add_lines", "invoice", found="metadata"),
        _O("remove_invoice_lines", "POST", "/v1/invoices/{invoice}/remove_lines", "invoice", found="goal"),
        _O("finalize_invoice", "POST", "/v1/invoices/{invoice}/finalize", "invoice",
           found="goal", goal=("open", "paid")),
        _O("send_invoice", "POST", "/v1/invoices/{invoice}/send", "invoice", found="metadata"),
        _O("pay_invoice", "POST", "/v1/invoices/{invoice}/pay", "invoice", found="goal", goal=("paid",)),
        _O("void_invoice", "POST", "/v1/invoices/{invoice}/void", "invoice", found="goal", goal=("void",)),
        _O("mark_invoice_uncollectible", "POST", "/v1/invoices/{invoice}/mark_uncollectible", "invoice",
           found="goal", goal=("uncollectible",)),
        _O("preview_invoice", "POST", "/v1/invoices/create_preview", "invoice"),
        _O("list_preview_lines", "GET", "/v1/invoices/{invoice}/lines", "line_item", "list"),
        _O("list_invoice_payments", "GET", "/v1/invoice_payments", "invoice_payment", "list"),
        _O("create_invoice_item", "POST", "/v1/invoiceitems", "invoiceitem", found="metadata"),
        _O("retrieve_invoice_item", "GET", "/v1/invoiceitems/{invoiceitem}", "invoiceitem"),
        _O("update_invoice_item", "POST", "/v1/invoiceitems/{invoiceitem}", "invoiceitem", found="goal"),
        _O("delete_invoice_item", "DELETE", "/v1/invoiceitems/{invoiceitem}", "invoiceitem",
           found="goal", goal=("deleted",)),
        _O("list_invoice_items", "GET", "/v1/invoiceitems", "invoiceitem", "list"),
        _O("create_payment_intent", "POST", "/v1/payment_intents", "payment_intent", found="metadata"),
        _O("retrieve_payment_intent", "GET", "/v1/payment_intents/{payment_intent}", "payment_intent"),
        _O("update_payment_intent", "POST", "/v1/payment_intents/{payment_intent}", "payment_intent", found="goal"),
        _O("list_payment_intents", "GET", "/v1/payment_intents", "payment_intent", "list"),
        _O("search_payment_intents", "GET", "/v1/payment_intents/search", "payment_intent", "search"),
        _O("confirm_payment_intent", "POST", "/v1/payment_intents/{payment_intent}/confirm",
           "payment_intent", found="goal", goal=("succeeded", "requires_capture", "processing")),
        _O("capture_payment_intent", "POST", "/v1/payment_intents/{payment_intent}/capture",
           "payment_intent", found="goal", goal=("succeeded",), portion="amount_to_capture"),
        _O("cancel_payment_intent", "POST", "/v1/payment_intents/{payment_intent}/cancel",
           "payment_intent", found="goal", goal=("canceled",)),
        _O("increment_payment_intent_authorization", "POST",
           "/v1/payment_intents/{payment_intent}/increment_authorization",
           "payment_intent", found="goal", goal=("requires_capture",)),
        _O("verify_payment_intent_microdeposits", "POST", "/v1/payment_intents/{payment_intent}/verify_microdeposits",
           "payment_intent", found="goal", goal=("processing", "succeeded")),
        _O("apply_payment_intent_customer_balance", "POST",
           "/v1/payment_intents/{payment_intent}/apply_customer_balance",
           "payment_intent", found="goal", goal=("succeeded",), portion="amount"),
        _O("retrieve_charge", "GET", "/v1/charges/{charge}", "charge"),
        _O("update_charge", "POST", "/v1/charges/{charge}", "charge", found="goal"),
        _O("list_charges", "GET", "/v1/charges", "charge", "list"),
        _O("search_charges", "GET", "/v1/charges/search", "charge", "search"),
        _O("capture_charge", "POST", "/v1/charges/{charge}/capture", "charge", found="goal",
           portion="amount"),
        _O("retrieve_balance", "GET", "/v1/balance", "balance"),
        _O("retrieve_balance_transaction", "GET", "/v1/balance_transactions/{balance_transaction}",
           "balance_transaction"),
        _O("list_balance_transactions", "GET", "/v1/balance_transactions", "balance_transaction", "list"),
        _O("attach_payment_method", "POST", "/v1/payment_methods/{payment_method}/attach",
           "payment_method", found="none"),
        _O("retrieve_payment_method", "GET", "/v1/payment_methods/{payment_method}", "payment_method"),
        _O("list_customer_payment_methods", "GET", "/v1/customers/{customer}/payment_methods",
           "payment_method", "list"),
        _O("list_subscriptions", "GET", "/v1/subscriptions", "subscription", "list"),
        _O("list_subscription_items", "GET", "/v1/subscription_items", "subscription_item", "list"),
        _O("create_refund", "POST", "/v1/refunds", "refund", found="metadata", portion="amount"),
        _O("retrieve_refund", "GET", "/v1/refunds/{refund}", "refund"),
        _O("list_refunds", "GET", "/v1/refunds", "refund", "list"),
        _O("retrieve_payout", "GET", "/v1/payouts/{payout}", "payout"),
        _O("list_payouts", "GET", "/v1/payouts", "payout", "list"),
        _O("retrieve_event", "GET", "/v1/events/{event}", "event"),
        _O("list_events", "GET", "/v1/events", "event", "list"),
    )
)  # fmt: skip
