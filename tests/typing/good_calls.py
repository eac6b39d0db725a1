"""Calls as users write them, which mypy and pyright must take without a word (pyright not in strict mode:
Prefect does not type `submit` in full). Never run."""

# pyright: standard

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from prefect import flow, unmapped
from prefect.futures import PrefectFuture

from prefect_stripe import StripeCredentials
from prefect_stripe.tasks import (
    acreate_customer,
    add_invoice_lines,
    alist_invoices,
    attach_payment_method,
    create_customer,
    create_invoice,
    create_invoice_item,
    create_payment_intent,
    create_payment_link,
    create_price,
    create_product,
    delete_invoice,
    finalize_invoice,
    list_invoices,
    pay_invoice,
    preview_invoice,
    retrieve_invoice,
    search_customers,
    update_customer,
    update_invoice_line,
    update_invoice_lines,
    void_invoice,
)


@flow
def bill(credentials: StripeCredentials) -> str:
    customer = create_customer(
        credentials,
        email="jenny@example.com",
        address={"line1": "1 Main St", "country": "US"},
        metadata={"crm": "C-7"},
        expand=["tax"],
        slot="customer",
    )
    product: dict[str, Any] = create_product(credentials, name="Coffee, 1 kg", id="coffee")
    price = create_price(
        credentials,
        currency="usd",
        product=product["id"],
        unit_amount_decimal=Decimal("12.5"),
        recurring={"interval": "month"},
    )
    invoice = create_invoice(
        credentials,
        customer=customer["id"],
        collection_method="send_invoice",
        due_date=datetime(2026, 12, 1, tzinfo=UTC),
        idempotency_key="ORD-1001",
        stripe_account="acct_1",
    )
    create_invoice_item(credentials, customer=customer["id"], invoice=invoice["id"], pricing={"price": price["id"]})
    add_invoice_lines(credentials, invoice["id"], lines=[{"amount": 500, "description": "Delivery"}])
    update_invoice_lines(credentials, invoice["id"], lines=[{"id": "il_1", "quantity": 2}])
    update_invoice_line(credentials, invoice["id"], "il_1", description="")
    finalize_invoice(credentials, invoice["id"], auto_advance=False)
    paid: dict[str, Any] = pay_invoice(credentials, invoice["id"], paid_out_of_band=True)
    status: str = paid["status"]
    return status


@flow
def many(credentials: StripeCredentials) -> list[str]:
    drafts = list_invoices(credentials, status="draft", created={"gte": 1767225600}, max_items=1000, limit=50)
    deleted = delete_invoice.map(unmapped(credentials), [draft["id"] for draft in drafts])
    future: PrefectFuture[dict[str, Any]] = retrieve_invoice.submit(credentials, "in_1", expand=["payments"])
    found: list[dict[str, Any]] = search_customers(credentials, query="email:'jenny@example.com'")
    return [*(each["id"] for each in deleted.result()), future.result()["id"], *(each["id"] for each in found)]


@flow
def others(credentials: StripeCredentials) -> None:
    update_customer(credentials, "cus_1", metadata="", phone="")
    card: str = attach_payment_method(credentials, "pm_card_visa", customer="cus_1")["id"]
    create_payment_intent(
        credentials,
        amount=5000,
        currency="usd",
        payment_method=card,
        confirm=True,
        allowed_payment_method_types=["card"],
        payment_method_options={"card": {"request_three_d_secure": "any"}},
    )
    create_payment_link(credentials, line_items=[{"price": "price_1", "quantity": 1}])
    preview_invoice(credentials, customer="cus_1", invoice_items=[{"amount": 100, "currency": "usd"}])
    void_invoice.with_options(retries=0)(credentials, "in_1")


@flow
async def in_async_code(credentials: StripeCredentials) -> int:
    customer: dict[str, Any] = await acreate_customer(credentials, name="Jenny Rosen")
    return len(await alist_invoices(credentials, customer=customer["id"]))
