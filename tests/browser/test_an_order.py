"""A person invoices an order in the Prefect UI: fills in the form, watches the run, reads what came of it."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from prefect_stripe.sandbox import Sandbox
from tests.browser.pages import SECONDS_FOR_A_RUN, Form, Pages


def fill_in_order(form: Form, number: str) -> None:
    """Fill in an order of two lines over 539.50 USD."""
    form.fill("Order number", number)
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
    form.choose("Stripe account", "acme-test")


def test_an_order_is_invoiced_by_a_form(pages: Pages, sandbox: Sandbox) -> None:
    page = pages.page
    form = pages.custom_run("invoice-an-order")
    fill_in_order(form, "ORD-2001")
    form.choose("If declined", "void")
    form.field("Stripe account").scroll_into_view_if_needed()
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


def test_an_order_above_the_limit_is_approved_by_a_person(pages: Pages, sandbox: Sandbox) -> None:
    page = pages.page
    form = pages.custom_run("invoice-an-order")
    fill_in_order(form, "ORD-2002")
    limit = form.add("Approval limits")
    limit.fill("Currency", "usd")
    limit.fill("Limit (minor units)", "40000")
    pages.submit()

    pages.open_run("invoice ORD-2002", "Suspended")
    paid_before = sandbox.ledger.count("invoice.paid")
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(page.get_by_text("539.50 USD is above the limit of 400.00 USD")).to_be_visible()
    dialog = Form(page, page.locator(".p-modal"))
    dialog.choose("Decision", "approve")
    dialog.fill("Why", "Within the framework agreement of 2026")
    dialog.fill("Decided by", "J.R., finance")
    pages.picture("approval", height=1100)
    pages.send(dialog.place.get_by_role("button", name="Submit"), "**/resume")

    expect(page.locator(".state-badge").get_by_text("Completed", exact=True).first).to_be_visible(
        timeout=SECONDS_FOR_A_RUN * 1000
    )
    assert sandbox.ledger.count("invoice.paid") == paid_before + 1
    # Told once when it began to wait, and again at its end; a run lists them in no order, a key the newest first.
    page.goto(f"{pages.url}/artifacts/key/invoice-ord-2002")
    expect(page.get_by_text("ORD-2002: done")).to_be_visible()
    page.locator("a[href*='/artifacts/artifact/']").first.click()
    page.wait_for_url("**/artifacts/artifact/*")
    expect(page.get_by_text("approved by J.R., finance")).to_be_visible()
