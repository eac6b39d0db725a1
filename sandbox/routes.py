"""Every operation of the sandbox, one row each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from prefect_stripe.sandbox.objects import (
    balance,
    bank_payments,
    captures,
    customers,
    events,
    intents,
    invoice_actions,
    invoice_items,
    invoice_lines,
    invoices,
    payment_links,
    payment_methods,
    payments,
    payouts,
    previews,
    prices,
    products,
    subscriptions,
)
from prefect_stripe.sandbox.objects.common import Handler, retrieving
from prefect_stripe.sandbox.search import searching


@dataclass(frozen=True)
class Route:
    """An operation: how it is asked for, what it answers with, and who does it."""

    operation: str
    method: str
    path: str
    object: str
    handler: Handler
    shows: Literal["one", "list", "search"] = "one"


# fmt: off
def _rows() -> Iterable[Route]:
    r = Route
    yield r("create_customer", "POST", "/v1/customers", "customer", customers.create_customer)
    yield r("list_customers", "GET", "/v1/customers", "customer", customers.list_customers, "list")
    yield r("search_customers", "GET", "/v1/customers/search", "customer", searching("customer"), "search")
    yield r("retrieve_customer", "GET", "/v1/customers/{customer}", "customer", customers.retrieve_customer)
    yield r("update_customer", "POST", "/v1/customers/{customer}", "customer", customers.update_customer)
    yield r("delete_customer", "DELETE", "/v1/customers/{customer}", "customer", customers.delete_customer)
    yield r("list_customer_payment_methods", "GET", "/v1/customers/{customer}/payment_methods", "payment_method",
            payment_methods.list_customer_payment_methods, "list")
    yield r("list_payment_methods", "GET", "/v1/payment_methods", "payment_method",
            payment_methods.list_payment_methods, "list")
    yield r("retrieve_payment_method", "GET", "/v1/payment_methods/{payment_method}", "payment_method",
            payment_methods.retrieve_payment_method)
    yield r("attach_payment_method", "POST", "/v1/payment_methods/{payment_method}/attach", "payment_method",
            payment_methods.attach_payment_method)
    yield r("create_product", "POST", "/v1/products", "product", products.create_product)
    yield r("list_products", "GET", "/v1/products", "product", products.list_products, "list")
    yield r("search_products", "GET", "/v1/products/search", "product", searching("product"), "search")
    yield r("retrieve_product", "GET", "/v1/products/{id}", "product", retrieving("product"))
    yield r("update_product", "POST", "/v1/products/{id}", "product", products.update_product)
    yield r("delete_product", "DELETE", "/v1/products/{id}", "product", products.delete_product)
    yield r("create_price", "POST", "/v1/prices", "price", prices.create_price)
    yield r("list_prices", "GET", "/v1/prices", "price", prices.list_prices, "list")
    yield r("search_prices", "GET", "/v1/prices/search", "price", searching("price"), "search")
    yield r("retrieve_price", "GET", "/v1/prices/{price}", "price", retrieving("price", "price"))
    yield r("update_price", "POST", "/v1/prices/{price}", "price", prices.update_price)
    yield r("create_invoice", "POST", "/v1/invoices", "invoice", invoices.create_invoice)
    yield r("list_invoices", "GET", "/v1/invoices", "invoice", invoices.list_invoices, "list")
    yield r("search_invoices", "GET", "/v1/invoices/search", "invoice", searching("invoice"), "search")
    yield r("retrieve_invoice", "GET", "/v1/invoices/{invoice}", "invoice", retrieving("invoice", "invoice"))
    yield r("update_invoice", "POST", "/v1/invoices/{invoice}", "invoice", invoices.update_invoice)
    yield r("delete_invoice", "DELETE", "/v1/invoices/{invoice}", "invoice", invoices.delete_invoice)
    yield r("list_invoice_line_items", "GET", "/v1/invoices/{invoice}/lines", "line_item",
            invoice_lines.list_invoice_line_items, "list")
    yield r("update_invoice_line", "POST", "/v1/invoices/{invoice}/lines/{line_item_id}", "line_item",
            invoice_lines.update_invoice_line)
    yield r("update_invoice_lines", "POST", "/v1/invoices/{invoice}/update_lines", "invoice",
            invoice_lines.update_invoice_lines)
    yield r("add_invoice_lines", "POST", "/v1/invoices/{invoice}/add_lines", "invoice",
            invoice_lines.add_invoice_lines)
    yield r("remove_invoice_lines", "POST", "/v1/invoices/{invoice}/remove_lines", "invoice",
            invoice_lines.remove_invoice_lines)
    yield r("finalize_invoice", "POST", "/v1/invoices/{invoice}/finalize", "invoice", invoice_actions.finalize_invoice)
    yield r("send_invoice", "POST", "/v1/invoices/{invoice}/send", "invoice", invoice_actions.send_invoice)
    yield r("pay_invoice", "POST", "/v1/invoices/{invoice}/pay", "invoice", invoice_actions.pay_invoice)
    yield r("void_invoice", "POST", "/v1/invoices/{invoice}/void", "invoice", invoice_actions.void_invoice)
    yield r("mark_invoice_uncollectible", "POST", "/v1/invoices/{invoice}/mark_uncollectible", "invoice",
            invoice_actions.mark_invoice_uncollectible)
    yield r("preview_invoice", "POST", "/v1/invoices/create_preview", "invoice", previews.preview_invoice)
    yield r("create_invoice_item", "POST", "/v1/invoiceitems", "invoiceitem", invoice_items.create_invoice_item)
    yield r("list_invoice_items", "GET", "/v1/invoiceitems", "invoiceitem", invoice_items.list_invoice_items, "list")
    yield r("retrieve_invoice_item", "GET", "/v1/invoiceitems/{invoiceitem}", "invoiceitem",
            retrieving("invoiceitem", "invoiceitem"))
    yield r("update_invoice_item", "POST", "/v1/invoiceitems/{invoiceitem}", "invoiceitem",
            invoice_items.update_invoice_item)
    yield r("delete_invoice_item", "DELETE", "/v1/invoiceitems/{invoiceitem}", "invoiceitem",
            invoice_items.delete_invoice_item)
    yield r("list_invoice_payments", "GET", "/v1/invoice_payments", "invoice_payment",
            payments.list_invoice_payments, "list")
    yield r("list_payment_intents", "GET", "/v1/payment_intents", "payment_intent",
            payments.list_payment_intents, "list")
    yield r("create_payment_intent", "POST", "/v1/payment_intents", "payment_intent", intents.create_payment_intent)
    yield r("update_payment_intent", "POST", "/v1/payment_intents/{intent}", "payment_intent",
            intents.update_payment_intent)
    yield r("confirm_payment_intent", "POST", "/v1/payment_intents/{intent}/confirm", "payment_intent",
            intents.confirm_payment_intent)
    yield r("capture_payment_intent", "POST", "/v1/payment_intents/{intent}/capture", "payment_intent",
            captures.capture_payment_intent)
    yield r("cancel_payment_intent", "POST", "/v1/payment_intents/{intent}/cancel", "payment_intent",
            intents.cancel_payment_intent)
    yield r("increment_payment_intent_authorization", "POST",
            "/v1/payment_intents/{intent}/increment_authorization", "payment_intent",
            captures.increment_payment_intent_authorization)
    yield r("verify_payment_intent_microdeposits", "POST", "/v1/payment_intents/{intent}/verify_microdeposits",
            "payment_intent", bank_payments.verify_payment_intent_microdeposits)
    yield r("apply_payment_intent_customer_balance", "POST",
            "/v1/payment_intents/{intent}/apply_customer_balance", "payment_intent",
            bank_payments.apply_payment_intent_customer_balance)
    yield r("fund_customer_cash_balance", "POST", "/v1/test_helpers/customers/{customer}/fund_cash_balance",
            "customer_cash_balance_transaction", bank_payments.fund_customer_cash_balance)
    yield r("search_payment_intents", "GET", "/v1/payment_intents/search", "payment_intent",
            searching("payment_intent"), "search")
    yield r("retrieve_payment_intent", "GET", "/v1/payment_intents/{intent}", "payment_intent",
            payments.retrieve_payment_intent)
    yield r("list_charges", "GET", "/v1/charges", "charge", payments.list_charges, "list")
    yield r("search_charges", "GET", "/v1/charges/search", "charge", searching("charge"), "search")
    yield r("retrieve_charge", "GET", "/v1/charges/{charge}", "charge", retrieving("charge"))
    yield r("update_charge", "POST", "/v1/charges/{charge}", "charge", captures.update_charge)
    yield r("capture_charge", "POST", "/v1/charges/{charge}/capture", "charge", captures.capture_charge)
    yield r("create_refund", "POST", "/v1/refunds", "refund", captures.create_refund)
    yield r("list_refunds", "GET", "/v1/refunds", "refund", captures.list_refunds, "list")
    yield r("retrieve_refund", "GET", "/v1/refunds/{refund}", "refund", retrieving("refund", "refund"))
    yield r("list_payouts", "GET", "/v1/payouts", "payout", payouts.list_payouts, "list")
    yield r("retrieve_payout", "GET", "/v1/payouts/{payout}", "payout", retrieving("payout", "payout"))
    yield r("create_payment_link", "POST", "/v1/payment_links", "payment_link", payment_links.create_payment_link)
    yield r("list_payment_links", "GET", "/v1/payment_links", "payment_link", payment_links.list_payment_links, "list")
    yield r("retrieve_payment_link", "GET", "/v1/payment_links/{payment_link}", "payment_link",
            retrieving("payment_link", "payment_link"))
    yield r("update_payment_link", "POST", "/v1/payment_links/{payment_link}", "payment_link",
            payment_links.update_payment_link)
    yield r("list_payment_link_line_items", "GET", "/v1/payment_links/{payment_link}/line_items", "item",
            payment_links.list_payment_link_line_items, "list")
    yield r("retrieve_balance", "GET", "/v1/balance", "balance", balance.retrieve_balance)
    yield r("list_balance_transactions", "GET", "/v1/balance_transactions", "balance_transaction",
            payouts.list_balance_transactions, "list")
    yield r("retrieve_balance_transaction", "GET", "/v1/balance_transactions/{id}", "balance_transaction",
            retrieving("balance_transaction"))
    yield r("list_subscriptions", "GET", "/v1/subscriptions", "subscription", subscriptions.list_subscriptions, "list")
    yield r("list_subscription_items", "GET", "/v1/subscription_items", "subscription_item",
            subscriptions.list_subscription_items, "list")
    yield r("list_events", "GET", "/v1/events", "event", events.list_events, "list")
    yield r("retrieve_event", "GET", "/v1/events/{id}", "event", retrieving("event"))
# fmt: on


ROUTES: Final[Mapping[str, Route]] = {route.operation: route for route in _rows()}


def _compiled() -> dict[tuple[str, int], list[tuple[list[str], Route]]]:
    table: dict[tuple[str, int], list[tuple[list[str], Route]]] = {}
    # Routes with words before those with ids: /v1/customers/search is no customer.
    for route in sorted(ROUTES.values(), key=lambda route: route.path.count("{")):
        parts = route.path.split("/")
        table.setdefault((route.method, len(parts)), []).append((parts, route))
    return table


_TABLE: Final = _compiled()


def match(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route of a request, with the ids in its path; an empty id matches none."""
    parts = path.split("/")
    for pattern, route in _TABLE.get((method, len(parts)), ()):
        ids: dict[str, str] = {}
        for wanted, given in zip(pattern, parts, strict=True):
            if wanted.startswith("{"):
                if not given:
                    break
                ids[wanted[1:-1]] = given
            elif wanted != given:
                break
        else:
            return route, ids
    return None
