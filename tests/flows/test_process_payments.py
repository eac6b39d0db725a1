"""What an order may be charged: so often and no oftener, over all its runs, whoever else tries."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from prefect_stripe.client import APIError, CardError
from prefect_stripe.flows.invoice_process import invoice_process
from prefect_stripe.flows.process import Reply, Step, drive, perform
from tests.flows.world import ACCOUNT, World

DAY = timedelta(hours=25)
FAILS: dict[str, Any] = {"payment_method": "pm_card_chargeCustomerFail"}
SENT: dict[str, Any] = {"settlement": "wait", "collection_method": "send_invoice", "days_until_due": 30}


@pytest.mark.parametrize("later", [timedelta(0), DAY], ids=["at once", "a day later"])
def test_more_attempts_allowed_later_are_made_later_and_no_others(world: World, later: timedelta) -> None:
    for allowed, made in ((1, 1), (1, 1), (3, 3), (2, 3), (3, 3), (4, 4)):
        run = world.run(world.order(**FAILS, max_payment_attempts=allowed))
        assert (run.ending, world.money["declined"]) == ("declined", made)
        world.sandbox.clock.advance(later)
    run = world.run(world.order(max_payment_attempts=5))
    assert (run.ending, world.money["charged"]) == ("done", 1)


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ("pm_card_chargeCustomerFail", "card_declined / generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error"),
        ("pm_card_radarBlock", "fraudulent"),
    ],
)
def test_a_decline_is_told_in_stripes_words_and_codes_at_each_run(world: World, method: str, told: str) -> None:
    for _ in range(2):
        run = world.run(world.order(payment_method=method))
        assert (run.ending, world.money.get("charged")) == ("declined", None)
        assert told in run.reason
        assert "your card" in run.reason.lower()


def test_a_charge_that_a_person_tried_counts(world: World) -> None:
    world.run(world.order(settlement="wait"))
    card = world.post("payment_methods/pm_card_chargeCustomerFail/attach", customer=world.invoice()["customer"])["id"]
    assert (
        world.http.post(f"/v1/invoices/{world.invoice()['id']}/pay", data={"payment_method": card}).status_code == 402
    )
    run = world.run(world.order())
    assert (run.ending, world.money.get("charged"), world.money["declined"]) == ("declined", None, 1)
    assert world.run(world.order(max_payment_attempts=2)).ending == "done"
    assert world.money["charged"] == 1


def test_three_d_secure_waits_for_the_customer_and_then_is_done(world: World) -> None:
    order = world.order(payment_method="pm_card_authenticationRequired", max_payment_attempts=3, on_decline="void")
    for _ in range(3):
        run = world.run(order)
        assert (run.ending, world.invoice()["status"]) == ("requires_action", "open")
        assert "3-D Secure" in run.reason
        world.sandbox.clock.advance(DAY / 2)
    (payment,) = world.all("invoice_payments", invoice=world.invoice()["id"])
    world.post(f"payment_intents/{payment['payment']['payment_intent']}/confirm", payment_method="pm_card_visa")
    run = world.run(order)
    assert (run.ending, world.invoice()["status"], world.money["charged"]) == ("found_done", "paid", 1)


def test_a_charge_that_failed_unheard_of_is_an_attempt_all_the_same(world: World) -> None:
    """Stripe keeps a 500 under the key of a charge that was declined: the next key must not be another charge."""
    order, client = world.order(**FAILS), world.client()

    def do(step: Step) -> Reply:
        try:
            return perform(client, step.call)
        except CardError as error:
            raise APIError("An unknown error occurred.", http_status=500, replayed=True) from error

    outcome = drive(invoice_process(order, ACCOUNT), do)
    assert (outcome.ending, world.money["declined"]) == ("declined", 1)
    assert "card_declined" in (outcome.reason or "")


@pytest.mark.parametrize("where", ["the error", "the charge"])
def test_what_must_not_be_tried_again_is_not(world: World, where: str) -> None:
    order, client = world.order(**FAILS, max_payment_attempts=4), world.client()

    def do(step: Step) -> Reply:
        try:
            reply = perform(client, step.call)
        except CardError as error:
            if where == "the error":
                error.error["advice_code"] = "do_not_try_again"
            raise
        if step.operation == "list_charges" and where == "the charge":
            for charge in reply.data["data"]:
                charge["outcome"]["advice_code"] = "do_not_try_again"
        return reply

    for _ in range(1 if where == "the error" else 3):
        assert drive(invoice_process(order, ACCOUNT), do).ending == "declined"
        assert world.money["declined"] == 1


def test_no_payment_method_is_told_every_time_and_forgotten_once_there_is_one(world: World) -> None:
    """Stripe keeps that refusal under its key for a day, and the day has more runs than one."""
    order = world.order(payment_method=None)
    for _ in range(20):
        run = world.run(order)
        assert (run.ending, world.invoice()["status"]) == ("rejected", "open")
        assert "default_payment_method" in run.reason
    customer = world.invoice()["customer"]
    card = world.post("payment_methods/pm_card_visa/attach", customer=customer)["id"]
    world.post(f"customers/{customer}", **{"invoice_settings[default_payment_method]": card})
    run = world.run(order)
    assert (run.ending, world.money["charged"]) == ("done", 1)


def test_another_customers_card_is_refused(world: World) -> None:
    other = world.post("customers", email="other@example.com")["id"]
    card = world.post("payment_methods/pm_card_visa/attach", customer=other)["id"]
    run = world.run(world.order(payment_method=card))
    assert (run.ending, world.money.get("charged")) == ("rejected", None)
    assert other in run.reason


def test_a_card_that_is_taken_from_the_customer_before_it_is_charged_is_told_of(world: World) -> None:
    other = world.post("customers", email="other@example.com")["id"]
    elsewhere = world.post("payment_methods/pm_card_visa/attach", customer=other)["id"]
    client = world.client()

    def do(step: Step) -> Reply:
        taken = step.operation == "pay_invoice"
        return perform(client, replace(step.call, params={"payment_method": elsewhere}) if taken else step.call)

    outcome = drive(invoice_process(world.order(), ACCOUNT), do)
    assert (outcome.ending, world.invoice()["status"]) == ("rejected", "open")
    assert f"does not have a payment method with the ID {elsewhere}" in (outcome.reason or "")
    assert "deleted" not in (outcome.reason or "")
    assert (world.run(world.order()).ending, world.money["charged"]) == ("done", 1)


def test_a_card_of_the_customer_is_charged_as_it_is(world: World) -> None:
    customer = world.post("customers", email="jenny@example.com")["id"]
    card = world.post("payment_methods/pm_card_visa/attach", customer=customer)["id"]
    assert world.run(world.order(payment_method=card)).ending == "done"
    assert world.money["attached"] == 1
    (charge,) = world.all("charges")
    assert charge["payment_method"] == card


def test_a_decline_is_followed_by_what_the_next_run_says_of_it(world: World) -> None:
    world.run(world.order(**FAILS))
    run = world.run(world.order(**FAILS, on_decline="mark_uncollectible"))
    assert (run.ending, world.invoice()["status"], world.money["declined"]) == ("declined", "uncollectible", 1)
    assert "generic_decline" in run.reason
    # Written off: nothing is charged any more without a person's decision, however many attempts are allowed.
    run = world.run(world.order(max_payment_attempts=5))
    assert (run.ending, world.money.get("charged")) == ("declined", None)


def test_a_bank_debit_that_fails_days_later_is_an_attempt(world: World) -> None:
    order = world.order(payment_method="pm_usBankAccount_insufficientFunds")
    assert world.run(order).ending == "processing"
    world.sandbox.clock.advance(timedelta(days=8))
    run = world.run(order)
    assert (run.ending, world.money["debits begun"]) == ("declined", 1), run.reason
    assert world.run(order).ending == "declined"
    assert world.money["debits begun"] == 1


def test_a_bank_debit_that_succeeds_days_later_is_done(world: World) -> None:
    order = world.order(payment_method="pm_usBankAccount_success")
    assert world.run(order).ending == "processing"
    world.sandbox.clock.advance(timedelta(days=8))
    run = world.run(order)
    assert (run.ending, world.invoice()["status"], world.money["debits begun"]) == ("found_done", "paid", 1)


@pytest.mark.parametrize(("credit", "charged"), [(10_000, 36_300), (50_000, None)], ids=["part", "all"])
def test_what_the_customer_has_to_their_credit_is_not_charged(world: World, credit: int, charged: int | None) -> None:
    customer = world.post("customers", email="jenny@example.com", balance=-credit)["id"]
    world.post("invoiceitems", customer=customer, currency="usd", amount=100)  # a balance is in a currency
    run = world.run(world.order())
    assert (run.ending, world.invoice()["status"], world.invoice()["total"]) == ("done", "paid", 46_300)
    assert "balance" in run.reason
    assert [charge["amount"] for charge in world.all("charges")] == ([charged] if charged else [])
    effects = world.effects
    assert world.run(world.order()).ending == "found_done"
    assert world.effects == effects


@pytest.mark.parametrize(
    ("given", "total"),
    [({}, 46_300), (SENT, 46_300), ({"lines": [{"description": "Sample", "unit_amount": 0}]}, 0)],
    ids=["charged", "sent", "an order over nothing"],
)
def test_what_the_customer_owes_from_before_is_not_charged_with_an_order(
    world: World, given: dict[str, Any], total: int
) -> None:
    customer = world.post("customers", email="jenny@example.com", balance=10_000)["id"]
    world.post("invoiceitems", customer=customer, currency="usd", amount=100)  # a balance is in a currency
    order = world.order(**given)
    run = world.run(order)
    assert (run.ending, world.invoice()["status"]) == ("rejected", "draft")
    assert "100.00 USD of it is what the customer owes" in run.reason
    world.post(f"customers/{customer}", balance=0)
    assert world.run(order).ending == "done"
    assert world.invoice()["amount_due"] == total
    assert [charge["amount"] for charge in world.all("charges")] == ([] if given else [total])


def test_what_the_customer_came_to_owe_since_is_seen_before_anything_is_charged(world: World) -> None:
    customer = world.post("customers", email="jenny@example.com")["id"]
    world.post("invoiceitems", customer=customer, currency="usd", amount=100)

    def comes_to_owe(number: int, step: Step) -> None:
        if step.operation == "finalize_invoice":
            world.post(f"customers/{customer}", balance=10_000)

    run = world.run(world.order(), before=comes_to_owe)
    assert (run.ending, world.invoice()["status"], world.all("charges")) == ("rejected", "open", [])
    for told in ("563.00 USD", "463.00 USD", "nothing more is done with it"):
        assert told in run.reason
