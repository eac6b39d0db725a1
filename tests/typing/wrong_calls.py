"""Mistakes, each on a line marked as wrong: mypy and pyright must report every one, and nothing else. Never run."""

# pyright: standard

from __future__ import annotations

import prefect_stripe.tasks
from prefect_stripe import StripeCredential as StripeCredential  # wrong
from prefect_stripe import StripeCredentials
from prefect_stripe.tasks import (
    acreate_customer,
    create_customer,
    create_invoice,
    create_payment_intent,
    create_price,
    delete_customer,
    list_customers,
    pay_invoice,
    retrieve_customer,
    retrieve_invoice,
    search_customers,
    update_invoice_line,
)
from prefect_stripe.tasks import create_custmer as create_custmer  # wrong


async def mistakes(credentials: StripeCredentials) -> None:
    # Misspelt, or of another operation.
    _ = prefect_stripe.tasks.create_custmer  # wrong
    create_customer(credentials, emial="jenny@example.com")  # wrong
    create_customer(credentials, address={"line_1": "1 Main St"})  # wrong
    create_invoice(credentials, customer="cus_1", price="price_1")  # wrong
    retrieve_customer(credentials, "cus_1", expands=["tax"])  # wrong
    await acreate_customer(credentials, emial="jenny@example.com")  # wrong
    # What a request is sent with is the credentials' business.
    create_customer(credentials, api_key="sk_test_1")  # wrong
    create_customer(credentials, stripe_version="2026-10-28.endive")  # wrong
    create_customer("sk_test_1", name="Jenny Rosen")  # wrong
    # Of the wrong type.
    create_customer(credentials, balance="100")  # wrong
    create_customer(credentials, balance=10.5)  # wrong
    create_price(credentials, currency="usd", unit_amount=10.5)  # wrong
    create_customer(credentials, metadata={"crm": 7})  # wrong
    create_customer(credentials, expand="tax", metadata=["crm"])  # wrong
    create_invoice(credentials, customer="cus_1", due_date="2026-12-01")  # wrong
    pay_invoice(credentials, "in_1", paid_out_of_band="yes")  # wrong
    # Missing.
    create_price(credentials, unit_amount=500)  # wrong
    create_payment_intent(credentials, amount=500)  # wrong
    search_customers(credentials)  # wrong
    retrieve_invoice(credentials)  # wrong
    update_invoice_line(credentials, "in_1")  # wrong
    # Ids.
    retrieve_invoice(credentials, 1)  # wrong
    retrieve_invoice(credentials, None)  # wrong
    retrieve_invoice(credentials, create_invoice(credentials))  # wrong
    # Options that the operation does not have.
    retrieve_customer(credentials, "cus_1", idempotency_key="key")  # wrong
    delete_customer(credentials, "cus_1", slot="second")  # wrong
    create_customer(credentials, max_items=3)  # wrong
    list_customers(credentials, slot="second")  # wrong
    # What comes back.
    _ = create_customer(credentials, name="Jenny Rosen").id  # wrong
    _ = acreate_customer(credentials, name="Jenny Rosen")["id"]  # wrong
    _ = list_customers(credentials)["data"]  # wrong
