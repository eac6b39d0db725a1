"""A person invoices an order in the Prefect UI: fills in the form, watches the run, reads what came of it."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from prefect_stripe.sandbox import Sandbox
from tests.browser.pages import Pages


def test_an_order_is_invoiced_by_a_form(pages: Pages, sandbox: Sandbox) -> None:
    page = pages.page
    form = pages.custom_run("invoice-an-order")
    form.fill("Order number", "ORD-2001")
    form.fill("Currency", "usd")
    form.fill("Customer's e-mail", "jenny@example.com")
    form.fill("Customer's name", "Jenny Rosen")
    for description, quantity, unit_amount in [("Consulting, hours", "3", "15000"), ("Travel", "1", "8950")]:
        line = form.add("Lines")
        line.fill("Description", description)
        line.fill("Quantity", quantity)
        line.fill("Unit amount (minor units)", unit_amount)
    form.fill("Total (minor units)", "53950")
    form.fill("Payment method", "pm_card_visa")
    form.choose("If declined", "void")
    form.choose("Stripe account", "acme-test")
    pages.picture("form-account")
    page.get_by_text("Run Name").scroll_into_view_if_needed()
    pages.picture("form", height=1560)
    pages.submit()

    pages.open_run("invoice ORD-2001", "Completed")
    pages.picture("run")
    paid = sandbox.ledger.select("invoice.paid")
    assert [effect.amount for effect in paid] == [53950]
    assert sandbox.ledger.count("charge.succeeded") == 1

    pages.tab("Artifacts")
    page.get_by_text("invoice-ord-2001", exact=True).click()
    page.wait_for_url("**/artifacts/artifact/*")
    summary = page.get_by_text(re.compile("ORD-2001: done, .* paid, 539.50 USD"))
    expect(summary).to_be_visible()
    pages.picture("artifact")

    pages.events("stripe.*")
    expect(page.get_by_text("Stripe invoice finalized", exact=True).first).to_be_visible()
    pages.picture("events")
    page.get_by_text("Stripe invoice paid", exact=True).first.click()
    page.wait_for_url("**/events/event/**")
    pages.tab("Raw")
    expect(page.get_by_text('"external_id": "ORD-2001"')).to_be_visible()
    pages.picture("event")
