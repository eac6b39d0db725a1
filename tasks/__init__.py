"""One Prefect task an operation, one module an object; the plain name is sync, the one with an `a` before it async.

The tasks are made when they are first asked for: making all of them takes longer than importing Prefect should.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from prefect_stripe.tasks.balance import aretrieve_balance as aretrieve_balance
    from prefect_stripe.tasks.balance import retrieve_balance as retrieve_balance
    from prefect_stripe.tasks.balance_transactions import alist_balance_transactions as alist_balance_transactions
    from prefect_stripe.tasks.balance_transactions import aretrieve_balance_transaction as aretrieve_balance_transaction
    from prefect_stripe.tasks.balance_transactions import list_balance_transactions as list_balance_transactions
    from prefect_stripe.tasks.balance_transactions import retrieve_balance_transaction as retrieve_balance_transaction
    from prefect_stripe.tasks.charges import acapture_charge as acapture_charge
    from prefect_stripe.tasks.charges import alist_charges as alist_charges
    from prefect_stripe.tasks.charges import aretrieve_charge as aretrieve_charge
    from prefect_stripe.tasks.charges import asearch_charges as asearch_charges
    from prefect_stripe.tasks.charges import aupdate_charge as aupdate_charge
    from prefect_stripe.tasks.charges import capture_charge as capture_charge
    from prefect_stripe.tasks.charges import list_charges as list_charges
    from prefect_stripe.tasks.charges import retrieve_charge as retrieve_charge
    from prefect_stripe.tasks.charges import search_charges as search_charges
    from prefect_stripe.tasks.charges import update_charge as update_charge
    from prefect_stripe.tasks.customers import acreate_customer as acreate_customer
    from prefect_stripe.tasks.customers import adelete_customer as adelete_customer
    from prefect_stripe.tasks.customers import afund_customer_cash_balance as afund_customer_cash_balance
    from prefect_stripe.tasks.customers import alist_customers as alist_customers
    from prefect_stripe.tasks.customers import aretrieve_customer as aretrieve_customer
    from prefect_stripe.tasks.customers import asearch_customers as asearch_customers
    from prefect_stripe.tasks.customers import aupdate_customer as aupdate_customer
    from prefect_stripe.tasks.customers import create_customer as create_customer
    from prefect_stripe.tasks.customers import delete_customer as delete_customer
    from prefect_stripe.tasks.customers import fund_customer_cash_balance as fund_customer_cash_balance
    from prefect_stripe.tasks.customers import list_customers as list_customers
    from prefect_stripe.tasks.customers import retrieve_customer as retrieve_customer
    from prefect_stripe.tasks.customers import search_customers as search_customers
    from prefect_stripe.tasks.customers import update_customer as update_customer
    from prefect_stripe.tasks.events import alist_events as alist_events
    from prefect_stripe.tasks.events import aretrieve_event as aretrieve_event
    from prefect_stripe.tasks.events import list_events as list_events
    from prefect_stripe.tasks.events import retrieve_event as retrieve_event
    from prefect_stripe.tasks.invoice_actions import afinalize_invoice as afinalize_invoice
    from prefect_stripe.tasks.invoice_actions import amark_invoice_uncollectible as amark_invoice_uncollectible
    from prefect_stripe.tasks.invoice_actions import apay_invoice as apay_invoice
    from prefect_stripe.tasks.invoice_actions import asend_invoice as asend_invoice
    from prefect_stripe.tasks.invoice_actions import avoid_invoice as avoid_invoice
    from prefect_stripe.tasks.invoice_actions import finalize_invoice as finalize_invoice
    from prefect_stripe.tasks.invoice_actions import mark_invoice_uncollectible as mark_invoice_uncollectible
    from prefect_stripe.tasks.invoice_actions import pay_invoice as pay_invoice
    from prefect_stripe.tasks.invoice_actions import send_invoice as send_invoice
    from prefect_stripe.tasks.invoice_actions import void_invoice as void_invoice
    from prefect_stripe.tasks.invoice_items import acreate_invoice_item as acreate_invoice_item
    from prefect_stripe.tasks.invoice_items import adelete_invoice_item as adelete_invoice_item
    from prefect_stripe.tasks.invoice_items import alist_invoice_items as alist_invoice_items
    from prefect_stripe.tasks.invoice_items import aretrieve_invoice_item as aretrieve_invoice_item
    from prefect_stripe.tasks.invoice_items import aupdate_invoice_item as aupdate_invoice_item
    from prefect_stripe.tasks.invoice_items import create_invoice_item as create_invoice_item
    from prefect_stripe.tasks.invoice_items import delete_invoice_item as delete_invoice_item
    from prefect_stripe.tasks.invoice_items import list_invoice_items as list_invoice_items
    from prefect_stripe.tasks.invoice_items import retrieve_invoice_item as retrieve_invoice_item
    from prefect_stripe.tasks.invoice_items import update_invoice_item as update_invoice_item
    from prefect_stripe.tasks.invoice_lines import aadd_invoice_lines as aadd_invoice_lines
    from prefect_stripe.tasks.invoice_lines import add_invoice_lines as add_invoice_lines
    from prefect_stripe.tasks.invoice_lines import alist_invoice_line_items as alist_invoice_line_items
    from prefect_stripe.tasks.invoice_lines import aremove_invoice_lines as aremove_invoice_lines
    from prefect_stripe.tasks.invoice_lines import aupdate_invoice_line as aupdate_invoice_line
    from prefect_stripe.tasks.invoice_lines import aupdate_invoice_lines as aupdate_invoice_lines
    from prefect_stripe.tasks.invoice_lines import list_invoice_line_items as list_invoice_line_items
    from prefect_stripe.tasks.invoice_lines import remove_invoice_lines as remove_invoice_lines
    from prefect_stripe.tasks.invoice_lines import update_invoice_line as update_invoice_line
    from prefect_stripe.tasks.invoice_lines import update_invoice_lines as update_invoice_lines
    from prefect_stripe.tasks.invoice_previews import alist_preview_lines as alist_preview_lines
    from prefect_stripe.tasks.invoice_previews import apreview_invoice as apreview_invoice
    from prefect_stripe.tasks.invoice_previews import list_preview_lines as list_preview_lines
    from prefect_stripe.tasks.invoice_previews import preview_invoice as preview_invoice
    from prefect_stripe.tasks.invoices import acreate_invoice as acreate_invoice
    from prefect_stripe.tasks.invoices import adelete_invoice as adelete_invoice
    from prefect_stripe.tasks.invoices import alist_invoice_payments as alist_invoice_payments
    from prefect_stripe.tasks.invoices import alist_invoices as alist_invoices
    from prefect_stripe.tasks.invoices import aretrieve_invoice as aretrieve_invoice
    from prefect_stripe.tasks.invoices import asearch_invoices as asearch_invoices
    from prefect_stripe.tasks.invoices import aupdate_invoice as aupdate_invoice
    from prefect_stripe.tasks.invoices import create_invoice as create_invoice
    from prefect_stripe.tasks.invoices import delete_invoice as delete_invoice
    from prefect_stripe.tasks.invoices import list_invoice_payments as list_invoice_payments
    from prefect_stripe.tasks.invoices import list_invoices as list_invoices
    from prefect_stripe.tasks.invoices import retrieve_invoice as retrieve_invoice
    from prefect_stripe.tasks.invoices import search_invoices as search_invoices
    from prefect_stripe.tasks.invoices import update_invoice as update_invoice
    from prefect_stripe.tasks.payment_intent_actions import (
        aapply_payment_intent_customer_balance as aapply_payment_intent_customer_balance,
    )
    from prefect_stripe.tasks.payment_intent_actions import acancel_payment_intent as acancel_payment_intent
    from prefect_stripe.tasks.payment_intent_actions import acapture_payment_intent as acapture_payment_intent
    from prefect_stripe.tasks.payment_intent_actions import aconfirm_payment_intent as aconfirm_payment_intent
    from prefect_stripe.tasks.payment_intent_actions import (
        aincrement_payment_intent_authorization as aincrement_payment_intent_authorization,
    )
    from prefect_stripe.tasks.payment_intent_actions import (
        apply_payment_intent_customer_balance as apply_payment_intent_customer_balance,
    )
    from prefect_stripe.tasks.payment_intent_actions import (
        averify_payment_intent_microdeposits as averify_payment_intent_microdeposits,
    )
    from prefect_stripe.tasks.payment_intent_actions import cancel_payment_intent as cancel_payment_intent
    from prefect_stripe.tasks.payment_intent_actions import capture_payment_intent as capture_payment_intent
    from prefect_stripe.tasks.payment_intent_actions import confirm_payment_intent as confirm_payment_intent
    from prefect_stripe.tasks.payment_intent_actions import (
        increment_payment_intent_authorization as increment_payment_intent_authorization,
    )
    from prefect_stripe.tasks.payment_intent_actions import (
        verify_payment_intent_microdeposits as verify_payment_intent_microdeposits,
    )
    from prefect_stripe.tasks.payment_intents import acreate_payment_intent as acreate_payment_intent
    from prefect_stripe.tasks.payment_intents import alist_payment_intents as alist_payment_intents
    from prefect_stripe.tasks.payment_intents import aretrieve_payment_intent as aretrieve_payment_intent
    from prefect_stripe.tasks.payment_intents import asearch_payment_intents as asearch_payment_intents
    from prefect_stripe.tasks.payment_intents import aupdate_payment_intent as aupdate_payment_intent
    from prefect_stripe.tasks.payment_intents import create_payment_intent as create_payment_intent
    from prefect_stripe.tasks.payment_intents import list_payment_intents as list_payment_intents
    from prefect_stripe.tasks.payment_intents import retrieve_payment_intent as retrieve_payment_intent
    from prefect_stripe.tasks.payment_intents import search_payment_intents as search_payment_intents
    from prefect_stripe.tasks.payment_intents import update_payment_intent as update_payment_intent
    from prefect_stripe.tasks.payment_links import acreate_payment_link as acreate_payment_link
    from prefect_stripe.tasks.payment_links import alist_payment_link_line_items as alist_payment_link_line_items
    from prefect_stripe.tasks.payment_links import alist_payment_links as alist_payment_links
    from prefect_stripe.tasks.payment_links import aretrieve_payment_link as aretrieve_payment_link
    from prefect_stripe.tasks.payment_links import aupdate_payment_link as aupdate_payment_link
    from prefect_stripe.tasks.payment_links import create_payment_link as create_payment_link
    from prefect_stripe.tasks.payment_links import list_payment_link_line_items as list_payment_link_line_items
    from prefect_stripe.tasks.payment_links import list_payment_links as list_payment_links
    from prefect_stripe.tasks.payment_links import retrieve_payment_link as retrieve_payment_link
    from prefect_stripe.tasks.payment_links import update_payment_link as update_payment_link
    from prefect_stripe.tasks.payment_methods import aattach_payment_method as aattach_payment_method
    from prefect_stripe.tasks.payment_methods import alist_customer_payment_methods as alist_customer_payment_methods
    from prefect_stripe.tasks.payment_methods import aretrieve_payment_method as aretrieve_payment_method
    from prefect_stripe.tasks.payment_methods import attach_payment_method as attach_payment_method
    from prefect_stripe.tasks.payment_methods import list_customer_payment_methods as list_customer_payment_methods
    from prefect_stripe.tasks.payment_methods import retrieve_payment_method as retrieve_payment_method
    from prefect_stripe.tasks.payouts import alist_payouts as alist_payouts
    from prefect_stripe.tasks.payouts import aretrieve_payout as aretrieve_payout
    from prefect_stripe.tasks.payouts import list_payouts as list_payouts
    from prefect_stripe.tasks.payouts import retrieve_payout as retrieve_payout
    from prefect_stripe.tasks.prices import acreate_price as acreate_price
    from prefect_stripe.tasks.prices import alist_prices as alist_prices
    from prefect_stripe.tasks.prices import aretrieve_price as aretrieve_price
    from prefect_stripe.tasks.prices import asearch_prices as asearch_prices
    from prefect_stripe.tasks.prices import aupdate_price as aupdate_price
    from prefect_stripe.tasks.prices import create_price as create_price
    from prefect_stripe.tasks.prices import list_prices as list_prices
    from prefect_stripe.tasks.prices import retrieve_price as retrieve_price
    from prefect_stripe.tasks.prices import search_prices as search_prices
    from prefect_stripe.tasks.prices import update_price as update_price
    from prefect_stripe.tasks.products import acreate_product as acreate_product
    from prefect_stripe.tasks.products import adelete_product as adelete_product
    from prefect_stripe.tasks.products import alist_products as alist_products
    from prefect_stripe.tasks.products import aretrieve_product as aretrieve_product
    from prefect_stripe.tasks.products import asearch_products as asearch_products
    from prefect_stripe.tasks.products import aupdate_product as aupdate_product
    from prefect_stripe.tasks.products import create_product as create_product
    from prefect_stripe.tasks.products import delete_product as delete_product
    from prefect_stripe.tasks.products import list_products as list_products
    from prefect_stripe.tasks.products import retrieve_product as retrieve_product
    from prefect_stripe.tasks.products import search_products as search_products
    from prefect_stripe.tasks.products import update_product as update_product
    from prefect_stripe.tasks.refunds import acreate_refund as acreate_refund
    from prefect_stripe.tasks.refunds import alist_refunds as alist_refunds
    from prefect_stripe.tasks.refunds import aretrieve_refund as aretrieve_refund
    from prefect_stripe.tasks.refunds import create_refund as create_refund
    from prefect_stripe.tasks.refunds import list_refunds as list_refunds
    from prefect_stripe.tasks.refunds import retrieve_refund as retrieve_refund
    from prefect_stripe.tasks.subscriptions import alist_subscription_items as alist_subscription_items
    from prefect_stripe.tasks.subscriptions import alist_subscriptions as alist_subscriptions
    from prefect_stripe.tasks.subscriptions import list_subscription_items as list_subscription_items
    from prefect_stripe.tasks.subscriptions import list_subscriptions as list_subscriptions

_MODULES: Final[dict[str, tuple[str, ...]]] = {
    "balance": ("retrieve_balance",),
    "balance_transactions": (
        "retrieve_balance_transaction",
        "list_balance_transactions",
    ),
    "charges": (
        "retrieve_charge",
        "update_charge",
        "list_charges",
        "search_charges",
        "capture_charge",
    ),
    "customers": (
        "create_customer",
        "retrieve_customer",
        "update_customer",
        "delete_customer",
        "list_customers",
        "search_customers",
        "fund_customer_cash_balance",
    ),
    "events": (
        "retrieve_event",
        "list_events",
    ),
    "invoice_actions": (
        "finalize_invoice",
        "send_invoice",
        "pay_invoice",
        "void_invoice",
        "mark_invoice_uncollectible",
    ),
    "invoice_items": (
        "create_invoice_item",
        "retrieve_invoice_item",
        "update_invoice_item",
        "delete_invoice_item",
        "list_invoice_items",
    ),
    "invoice_lines": (
        "list_invoice_line_items",
        "update_invoice_line",
        "update_invoice_lines",
        "add_invoice_lines",
        "remove_invoice_lines",
    ),
    "invoice_previews": (
        "preview_invoice",
        "list_preview_lines",
    ),
    "invoices": (
        "create_invoice",
        "retrieve_invoice",
        "update_invoice",
        "delete_invoice",
        "list_invoices",
        "search_invoices",
        "list_invoice_payments",
    ),
    "payment_intent_actions": (
        "confirm_payment_intent",
        "capture_payment_intent",
        "cancel_payment_intent",
        "increment_payment_intent_authorization",
        "verify_payment_intent_microdeposits",
        "apply_payment_intent_customer_balance",
    ),
    "payment_intents": (
        "create_payment_intent",
        "retrieve_payment_intent",
        "update_payment_intent",
        "list_payment_intents",
        "search_payment_intents",
    ),
    "payment_links": (
        "create_payment_link",
        "retrieve_payment_link",
        "update_payment_link",
        "list_payment_links",
        "list_payment_link_line_items",
    ),
    "payment_methods": (
        "attach_payment_method",
        "retrieve_payment_method",
        "list_customer_payment_methods",
    ),
    "payouts": (
        "retrieve_payout",
        "list_payouts",
    ),
    "prices": (
        "create_price",
        "retrieve_price",
        "update_price",
        "list_prices",
        "search_prices",
    ),
    "products": (
        "create_product",
        "retrieve_product",
        "update_product",
        "delete_product",
        "list_products",
        "search_products",
    ),
    "refunds": (
        "create_refund",
        "retrieve_refund",
        "list_refunds",
    ),
    "subscriptions": (
        "list_subscriptions",
        "list_subscription_items",
    ),
}

_HOME: Final = {
    name: module
    for module, operations in _MODULES.items()
    for operation in operations
    for name in (operation, f"a{operation}")
}


if not TYPE_CHECKING:  # or a type checker would take every misspelt name for a task
    __all__ = [*_HOME]

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
