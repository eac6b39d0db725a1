"""The ways an order's invoice can go, one row each; every test of convergence goes them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prefect_stripe.flows.orders import InvoiceOrder
from tests.flows.world import World

Given = dict[str, Any]

MANY_LINES = [{"description": f"Part {n:03}", "quantity": 1 + n % 3, "unit_amount": 100 + n} for n in range(14)]
SENT: Given = {"collection_method": "send_invoice", "days_until_due": 30}


def nothing(world: World) -> Given:
    return {}


def a_price(world: World) -> Given:
    """One of the lines has a price of the catalogue."""
    product = world.post("products", name="Licence")["id"]
    price = world.post("prices", product=product, currency="usd", unit_amount=9900)["id"]
    return {"lines": [{"price": price, "quantity": 2}, {"description": "Mug", "quantity": 1, "unit_amount": 1300}]}


def customer_with_a_card(world: World) -> Given:
    """An existing customer, named by id, whose default payment method works; something of theirs is pending."""
    customer = world.post("customers", email="ap@example.com", name="Acme")["id"]
    card = world.post("payment_methods/pm_card_visa/attach", customer=customer)["id"]
    world.post(f"customers/{customer}", **{"invoice_settings[default_payment_method]": card})
    world.post("invoiceitems", customer=customer, currency="usd", amount=777, description="not of this order")
    return {"customer": customer}


def customer_of_that_address(world: World) -> Given:
    """A customer found by e-mail, on whom the customer number is recorded."""
    world.post("customers", email="Jenny@Example.com", name="Jenny Rosen")
    return {"customer_email": "Jenny@Example.com", "customer_external_id": "K-17"}


def other_draft(**former: Any) -> Callable[[World], Given]:
    """The order said something else when its draft was made, which stayed a draft as it did not tie out."""

    def arrange(world: World) -> Given:
        run = world.run(world.order(**former, total=1))
        assert run.ending == "rejected"
        assert world.invoice()["status"] == "draft"
        return {}

    return arrange


def voided_by_a_person(world: World) -> Given:
    run = world.run(world.order(settlement="wait"))
    assert run.outcome is not None
    world.post(f"invoices/{run.outcome.object_id}/void")
    return {}


@dataclass(frozen=True)
class Path:
    """One way.

    Attributes:
        ending: How it ends.
        status: Status of the (newest) invoice in the end.
        money: What happened to the account's money, in all.
        given: What the order says, other than the usual one.
        arrange: What is done before; returns more for the order to say.
        again: How a second run ends.
    """

    ending: str
    status: str
    money: Mapping[str, int]
    given: Given = field(default_factory=Given)
    arrange: Callable[[World], Given] = nothing
    again: str | None = None

    def order(self, world: World) -> InvoiceOrder:
        """Arrange things, and return the order."""
        return world.order(**self.given | self.arrange(world))


OPEN = {"customers": 1, "invoices": 1, "items": 2, "finalized": 1}
PAID = {**OPEN, "paid": 1}
CHARGED = {**PAID, "charged": 1, "attached": 1}
DECLINED = {**OPEN, "declined": 1, "attached": 1}


def asked(choice: str) -> Given:
    """A person is asked about the order, and says this."""
    return {"decision": {"decision": choice, "reason": "as agreed", "decided_by": "J.R."}}


FAILS: Given = {"payment_method": "pm_card_chargeCustomerFail"}

PATHS: Mapping[str, Path] = {
    "paid": Path("done", "paid", CHARGED, again="found_done"),
    "paid by the customer's default": Path(
        "done",
        "paid",
        {**CHARGED, "items": 3},
        {"payment_method": None},
        customer_with_a_card,
        again="found_done",
    ),
    "a price": Path("done", "paid", CHARGED, arrange=a_price, again="found_done"),
    "corrected": Path(
        "done",
        "paid",
        CHARGED,
        {"corrections": [{"line": 1, "quantity": 2, "unit_amount": 14000}, {"line": 2, "description": "Big mug"}]},
        again="found_done",
    ),
    "many lines": Path("done", "open", {**OPEN, "items": 14}, {"lines": MANY_LINES, "settlement": "wait"}),
    "declined": Path("declined", "open", DECLINED, FAILS),
    "declined, written off": Path(
        "declined", "uncollectible", {**DECLINED, "written off": 1}, {**FAILS, "on_decline": "mark_uncollectible"}
    ),
    "declined, voided": Path("declined", "void", {**DECLINED, "voided": 1}, {**FAILS, "on_decline": "void"}),
    "declined, failed": Path("failed", "open", DECLINED, {**FAILS, "on_decline": "fail"}),
    "declined three times": Path(
        "declined",
        "uncollectible",
        {**DECLINED, "declined": 3, "written off": 1},
        {**FAILS, "max_payment_attempts": 3, "on_decline": "mark_uncollectible"},
    ),
    "declined on attaching": Path("declined", "open", OPEN, {"payment_method": "pm_card_visa_chargeDeclined"}),
    "declined on attaching, voided": Path(
        "declined",
        "void",
        {**OPEN, "voided": 1},
        {"payment_method": "pm_card_visa_chargeDeclined", "on_decline": "void", "max_payment_attempts": 2},
    ),
    "3-D Secure": Path(
        "requires_action", "open", {**OPEN, "attached": 1}, {"payment_method": "pm_card_authenticationRequired"}
    ),
    "a bank debit": Path(
        "processing",
        "open",
        {**OPEN, "attached": 1, "debits begun": 1},
        {"payment_method": "pm_usBankAccount_processing"},
    ),
    "sent": Path("done", "open", {**OPEN, "e-mails": 1}, {**SENT, "settlement": "wait"}),
    "sent, paid elsewhere": Path(
        "done", "paid", {**PAID, "e-mails": 1}, {**SENT, "settlement": "paid_out_of_band"}, again="found_done"
    ),
    "written off": Path("done", "uncollectible", {**OPEN, "written off": 1}, {"settlement": "mark_uncollectible"}),
    "voided": Path("done", "void", {**OPEN, "voided": 1}, {"settlement": "void"}),
    "nothing to pay": Path(
        "done",
        "paid",
        {**PAID, "items": 1},
        {"lines": [{"description": "Sample", "quantity": 1, "unit_amount": 0}]},
        again="found_done",
    ),
    "too little to charge": Path(
        "done",
        "paid",
        {**PAID, "items": 1},
        {"lines": [{"description": "Sticker", "quantity": 1, "unit_amount": 12}]},
        again="found_done",
    ),
    "does not tie out": Path(
        "rejected", "draft", {"customers": 1, "invoices": 1, "items": 2}, {"total": 46301}, again="rejected"
    ),
    "customer by e-mail, number recorded": Path(
        "done", "open", OPEN, {"settlement": "wait"}, customer_of_that_address, again="found_done"
    ),
    "a draft that said something else": Path(
        "done",
        "open",
        {**OPEN, "items": 4, "items removed": 2, "e-mails": 1},
        {**SENT, "settlement": "wait", "description": "As agreed"},
        other_draft(
            settlement="wait",
            lines=[
                {"description": "Consulting, days", "quantity": 1, "unit_amount": 90000},
                {"description": "Mug", "quantity": 2, "unit_amount": 1300},
                {"description": "Hat", "quantity": 1, "unit_amount": 2000},
                {"description": "Pen", "quantity": 1, "unit_amount": 100},
            ],
        ),
    ),
    "a draft with a line too few": Path(
        "done",
        "open",
        OPEN,
        {"settlement": "wait"},
        other_draft(settlement="wait", lines=[{"description": "Mug", "quantity": 1, "unit_amount": 1300}]),
    ),
    "approved": Path("done", "paid", CHARGED, asked("approve"), again="found_done"),
    "not approved": Path(
        "not_approved", "draft", {"customers": 1, "invoices": 1, "items": 2}, asked("reject"), again="not_approved"
    ),
    "voided by a person": Path("rejected", "void", {**OPEN, "voided": 1}, {}, voided_by_a_person, again="rejected"),
    "voided by a person, reissued": Path(
        "done",
        "paid",
        {**CHARGED, "invoices": 2, "items": 4, "finalized": 2, "voided": 1},
        {"max_reissues": 1},
        voided_by_a_person,
        again="found_done",
    ),
}
