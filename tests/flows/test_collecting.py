"""An invoice whose payment was declined is tried once more for each decline, however often that is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from prefect_stripe.client import APIError
from prefect_stripe.flows.invoice_collecting import collecting_process
from prefect_stripe.flows.outcomes import InvoiceOutcome
from prefect_stripe.flows.process import Reply, Step, drive, perform
from tests.flows.approvers import LIMITS, says
from tests.flows.world import ACCOUNT, Interrupted, World

FAILS: dict[str, Any] = {"payment_method": "pm_card_chargeCustomerFail"}


def collect(world: World, before: Callable[[int, Step], None] = lambda number, step: None, **given: Any) -> Any:
    """Collect the one invoice, and give the outcome."""
    client, taken = world.client(), iter(range(1000))

    def do(step: Step) -> Reply:
        before(next(taken), step)
        return perform(client, step.call)

    usual: dict[str, Any] = {"invoice": given.get("invoice") or world.invoice()["id"], "external_id": "ORD-1"}
    outcome: InvoiceOutcome = drive(collecting_process(**usual | given, account=ACCOUNT), do)
    return outcome


def last_declined(world: World) -> str:
    return str(next(charge["id"] for charge in world.all("charges") if charge["status"] == "failed"))


def new_default_card(world: World, card: str = "pm_card_visa") -> str:
    customer = world.invoice()["customer"]
    method = str(world.post(f"payment_methods/{card}/attach", customer=customer)["id"])
    world.post(f"customers/{customer}", **{"invoice_settings[default_payment_method]": method})
    return method


def test_the_customers_new_card_is_charged_once_for_any_number_of_runs(world: World) -> None:
    world.run(world.order(**FAILS))
    charge, card = last_declined(world), new_default_card(world)
    for ending in ("done", "found_done", "found_done"):
        outcome = collect(world, declined_charge=charge)
        assert (outcome.ending, outcome.status, world.money["charged"]) == (ending, "paid", 1)
    assert world.all("charges")[0]["payment_method"] == card


def test_without_a_default_what_was_declined_is_tried_again_once_for_each_decline(world: World) -> None:
    told = world.run(world.order(**FAILS)).outcome
    first = last_declined(world)
    assert isinstance(told, InvoiceOutcome)
    assert told.declined_charge == first
    for _ in range(3):
        assert (collect(world, declined_charge=first).ending, world.money["declined"]) == ("declined", 2)
    assert f"nothing more is done about {first}" in collect(world, declined_charge=first).reason
    second = last_declined(world)
    assert (collect(world, declined_charge=second).ending, world.money["declined"]) == ("declined", 3)
    assert len({charge["payment_method"] for charge in world.all("charges")}) == 1


def test_no_more_is_tried_than_is_allowed(world: World) -> None:
    world.run(world.order(**FAILS))
    for made in (2, 3, 3, 3):
        outcome = collect(world, declined_charge=last_declined(world), max_payment_attempts=3)
        assert (outcome.ending, world.money["declined"]) == ("declined", made)
    assert "generic_decline" in (outcome.reason or "")


def test_two_at_once_make_one_attempt(world: World) -> None:
    world.run(world.order(**FAILS))
    charge = last_declined(world)

    def meanwhile(number: int, step: Step) -> None:
        if step.operation == "pay_invoice":
            assert (collect(world, declined_charge=charge).ending, world.money["declined"]) == ("declined", 2)

    assert (collect(world, meanwhile, declined_charge=charge).ending, world.money["declined"]) == ("declined", 2)


def test_a_run_of_the_order_at_the_same_time_makes_the_same_attempt(world: World) -> None:
    world.run(world.order(**FAILS))
    new_default_card(world, "pm_card_chargeCustomerFail")

    def meanwhile(number: int, step: Step) -> None:
        if step.operation == "pay_invoice":
            world.run(world.order(payment_method=None, max_payment_attempts=2))
            assert world.money["declined"] == 2

    assert (collect(world, meanwhile).ending, world.money["declined"]) == ("declined", 2)


@pytest.mark.parametrize("card", ["pm_card_visa", "pm_card_chargeCustomerFail"])
def test_interrupted_anywhere_and_run_again_it_makes_one_attempt(world: World, card: str) -> None:
    world.run(world.order(**FAILS))
    charge = last_declined(world)
    new_default_card(world, card)
    for at in range(20):

        def interrupt(number: int, step: Step, at: int = at) -> None:
            if number == at:
                raise Interrupted

        try:
            collect(world, interrupt, declined_charge=charge)
        except Interrupted:
            continue
        break
    attempts = (world.money.get("charged", 0), world.money["declined"])
    assert attempts == ((1, 1) if card == "pm_card_visa" else (0, 2))


def test_an_answer_that_was_lost_is_no_second_attempt(world: World) -> None:
    world.run(world.order(**FAILS))
    charge, client = last_declined(world), world.client()
    new_default_card(world)

    def do(step: Step) -> Reply:
        reply = perform(client, step.call)
        if step.operation == "pay_invoice":
            raise APIError("An unknown error occurred.", http_status=500)
        return reply

    process = collecting_process(world.invoice()["id"], "ORD-1", ACCOUNT, charge)
    assert (drive(process, do).status, world.money["charged"]) == ("paid", 1)


@pytest.mark.parametrize("action", ["void", "mark_uncollectible"])
def test_what_is_no_longer_owed_is_left_as_it_is(world: World, action: str) -> None:
    world.run(world.order(**FAILS))
    new_default_card(world)
    world.post(f"invoices/{world.invoice()['id']}/{action}")
    outcome = collect(world)
    assert (outcome.ending, world.money.get("charged")) == ("found_done", None)
    assert outcome.reason


def test_what_waits_for_the_customer_is_not_charged(world: World) -> None:
    world.run(world.order(payment_method="pm_card_authenticationRequired"))
    assert collect(world).ending == "requires_action"
    assert (world.money.get("charged"), world.money.get("declined")) == (None, None)


def test_only_an_invoice_of_that_order_is_charged(world: World) -> None:
    world.run(world.order(**FAILS))
    new_default_card(world)
    own, customer = world.invoice()["id"], world.invoice()["customer"]
    other = world.post("invoices", customer=customer, currency="usd")["id"]
    cases: list[tuple[dict[str, Any], str]] = [
        ({"invoice": own, "external_id": "ORD-2"}, "the invoice of the order ORD-1, and not of ORD-2"),
        ({"invoice": other}, "not an invoice that was made here"),
        ({"invoice": "in_unknown"}, "No such invoice"),
    ]
    for given, why in cases:
        outcome = collect(world, **given)
        assert (outcome.ending, world.money.get("charged")) == ("rejected", None)
        assert why in outcome.reason


def test_a_draft_is_not_collected(world: World) -> None:
    world.run(world.order(total=1))
    outcome = collect(world)
    assert (outcome.ending, world.invoice()["status"]) == ("rejected", "draft")
    assert "only what was finalized is collected" in outcome.reason


def test_what_nobody_tried_to_charge_is_not_collected(world: World) -> None:
    world.run(world.order(settlement="wait"))
    new_default_card(world)
    outcome = collect(world)
    assert (outcome.ending, world.invoice()["status"], world.money.get("charged")) == ("rejected", "open", None)
    assert "run its order" in outcome.reason


def test_what_a_person_decided_against_is_not_collected(world: World) -> None:
    world.run(world.order(), limits=LIMITS, ask=says("reject"))
    world.post(f"invoices/{world.invoice()['id']}/finalize")
    new_default_card(world)
    outcome = collect(world)
    assert (outcome.ending, world.invoice()["status"], world.money.get("charged")) == ("not_approved", "open", None)
    assert "rejected by J.R." in outcome.reason


def test_what_a_person_approved_at_another_amount_is_not_collected(world: World) -> None:
    def crash(number: int, step: Step) -> None:
        if step.operation == "finalize_invoice":
            raise Interrupted

    world.run(world.order(), limits=LIMITS, ask=says("approve"), before=crash)
    invoice = world.invoice()
    world.post("invoiceitems", customer=invoice["customer"], invoice=invoice["id"], currency="usd", amount=10000)
    world.post(f"invoices/{invoice['id']}/finalize")
    new_default_card(world, "pm_card_chargeCustomerFail")
    assert world.http.post(f"/v1/invoices/{invoice['id']}/pay").status_code == 402
    new_default_card(world)
    outcome = collect(world)
    assert (outcome.ending, world.invoice()["status"], world.money.get("charged")) == ("rejected", "open", None)
    assert "at 463.00 USD, and" in outcome.reason
    assert "comes to 563.00 USD: void it" in outcome.reason
