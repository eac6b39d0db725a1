"""Two at once on a payment, or somebody in between: never a second one, and never a success that was not seen."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from prefect_stripe.client import RetryPolicy
from prefect_stripe.flows.process import Step
from tests.flows.payment_paths import FAILS, HELD, MANUAL, PAYMENT_PATHS, TRANSFER, fund
from tests.flows.races import at_once, endings
from tests.flows.world import Interrupted, World

DAY = timedelta(hours=25)
WAITING = RetryPolicy(max_retries=40, base=0.02, cap=0.1)


@pytest.mark.parametrize(
    "name",
    [
        "paid",
        "declined three times",
        "increased and captured in part",
        "held, then canceled",
        "microdeposits by amounts",
        "wrong microdeposits",
        "transferred, and applied by hand",
    ],
)
def test_eight_runs_at_once_do_what_one_does(world: World, name: str) -> None:
    path = PAYMENT_PATHS[name]
    order = path.order(world)
    world.sandbox.latency = 0.02
    runs = at_once(*[partial(world.run, order, retries=WAITING)] * 8)
    world.sandbox.latency = 0.0
    assert {ending.replace("found_done", "done") for ending in endings(runs)} == {path.ending}
    assert world.money == path.money
    assert sum(charge["amount_captured"] for charge in world.all("charges")) == path.received


def test_one_payment_for_two_customers_at_once_is_begun_with_one(world: World) -> None:
    one, other = (world.post("customers", email=f"{name}@example.com")["id"] for name in ("a", "b"))
    world.sandbox.latency = 0.2
    runs = at_once(*(lambda c=c: world.run(world.payment(customer=c)) for c in (one, other)))  # pyright: ignore
    assert endings(runs) == ["done", "rejected"]
    assert (world.money["payments"], world.money["charged"]) == (1, 1)


@pytest.mark.parametrize("latency", [0.0, 0.05])
def test_two_cards_at_once_are_charged_as_one(world: World, latency: float) -> None:
    world.sandbox.latency = latency
    cards = ("pm_card_visa", "pm_card_mastercard", "pm_card_amex")
    orders = [world.payment(payment_method=card) for card in cards]
    runs = at_once(*(partial(world.run, order, retries=WAITING) for order in orders))
    assert {ending.replace("found_done", "done") for ending in endings(runs)} == {"done"}
    assert (world.money["payments"], world.money["charged"]) == (1, 1)


def test_two_amounts_at_once_are_charged_as_one(world: World) -> None:
    customer = world.post("customers", email="jenny@example.com")["id"]
    world.sandbox.latency = 0.05
    orders = [world.payment(customer=customer, amount=amount) for amount in (24000, 25000)]
    runs = at_once(*(partial(world.run, order, retries=WAITING) for order in orders))
    assert endings(runs) == ["done", "rejected"]
    (charge,) = world.all("charges")
    (done,) = [run for run in runs if run.ending == "done"]
    assert done.outcome is not None
    assert charge["amount_captured"] == done.outcome.sum


def test_captured_and_canceled_at_once_is_one_of_both_and_says_which(world: World) -> None:
    world.run(world.payment(**HELD))
    world.sandbox.latency = 0.05
    orders = [world.payment(**MANUAL), world.payment(**MANUAL, settlement="cancel")]
    runs = at_once(*(partial(world.run, order, retries=WAITING) for order in orders))
    assert endings(runs) == ["done", "rejected"]
    captured = world.intent()["status"] == "succeeded"
    assert [run.ending for run in runs] == (["done", "rejected"] if captured else ["rejected", "done"])
    assert world.intent()["amount_received"] == (24000 if captured else 0)


def test_a_balance_applied_in_two_minutes_is_taken_once(world: World) -> None:
    """The key of another minute is another write: that it takes no more than what remains must hold by itself."""
    order = world.payment(**TRANSFER)
    customer = world.post(
        "customers", email="jenny@example.com", **{"cash_balance[settings][reconciliation_mode]": "manual"}
    )["id"]
    assert world.run(order).ending == "requires_action"
    fund(world, customer, 60000)

    def overtaken(number: int, step: Step) -> None:
        if step.operation == "apply_payment_intent_customer_balance":
            world.sandbox.clock.advance(timedelta(minutes=3))
            assert world.run(order).ending == "done"

    run = world.run(order, before=overtaken)
    assert run.ending == "found_done"
    assert world.money["charged"] == 1
    assert world.get(f"customers/{customer}", **{"expand[]": "cash_balance"})["cash_balance"]["available"] == {
        "usd": 36000
    }


# Standing still


def test_a_run_that_stood_still_for_a_day_gives_way_to_what_was_begun_meanwhile(world: World) -> None:
    """By then Stripe has forgotten the key under which the other run began the payment."""

    def stand_still(number: int, step: Step) -> None:
        if step.operation == "create_payment_intent":
            assert world.run(world.payment()).ending == "done"
            world.sandbox.clock.advance(DAY)

    run = world.run(world.payment(), before=stand_still)
    assert (run.ending, world.money["charged"]) == ("rejected", 1)
    assert "run it again" in run.reason
    assert sorted(intent["status"] for intent in world.all("payment_intents")) == ["canceled", "succeeded"]
    again = world.run(world.payment())
    assert (again.ending, world.money["charged"]) == ("found_done", 1)


def test_a_run_that_stood_still_for_a_day_alone_goes_on(world: World) -> None:
    def stand_still(number: int, step: Step) -> None:
        if step.operation == "create_payment_intent":
            world.sandbox.clock.advance(DAY)

    assert world.run(world.payment(), before=stand_still).ending == "done"
    assert (world.money["payments"], world.money["charged"]) == (1, 1)


@pytest.mark.parametrize("operation", ["confirm_payment_intent", "capture_payment_intent"])
def test_standing_still_before_money_moves_moves_it_once(world: World, operation: str) -> None:
    order = world.payment(**MANUAL, amount_to_capture=18000)

    def stand_still(number: int, step: Step) -> None:
        if step.operation == operation:
            assert world.run(order).ending == "done"
            world.sandbox.clock.advance(DAY)

    run = world.run(order, before=stand_still)
    assert (run.ending, world.intent()["amount_received"]) == ("done", 18000)
    assert (world.money["charged"], world.money["captured"]) == (1, 1)


def test_an_attempt_that_another_run_did_not_live_to_tell_of_is_counted_though_it_left_no_charge(world: World) -> None:
    path = PAYMENT_PATHS["microdeposits for the last time"]
    order = path.order(world)

    def die(number: int, step: Step) -> None:
        if step.operation == "verify_payment_intent_microdeposits":
            raise Interrupted

    overtaken = False

    def overtake(number: int, step: Step) -> None:
        nonlocal overtaken
        if step.operation == "confirm_payment_intent" and not overtaken:
            overtaken = True
            assert isinstance(world.run(order, after=die).error, Interrupted)

    run = world.run(order, before=overtake)
    assert overtaken
    assert run.ending == path.ending
    assert world.money == path.money


# Somebody in between

QUICKER: list[tuple[dict[str, Any], str, tuple[str, dict[str, Any]], str, str]] = [
    ({}, "confirm_payment_intent", ("cancel", {}), "rejected", "was canceled"),
    ({}, "confirm_payment_intent", ("confirm", {"payment_method": "pm_card_amex"}), "found_done", ""),
    (MANUAL, "capture_payment_intent", ("cancel", {}), "rejected", "was canceled"),
    (
        MANUAL,
        "capture_payment_intent",
        ("capture", {"amount_to_capture": 100}),
        "rejected",
        "1.00 USD was captured",
    ),
    (MANUAL, "capture_payment_intent", ("capture", {}), "done", ""),
    (
        {**MANUAL, "increase_to": 30000},
        "increment_payment_intent_authorization",
        ("capture", {}),
        "rejected",
        "240.00 USD was captured",
    ),
    (
        {**FAILS, "on_decline": "cancel"},
        "cancel_payment_intent",
        ("confirm", {"payment_method": "pm_card_visa"}),
        "done",
        "",
    ),
]


@pytest.mark.parametrize(("given", "operation", "act", "ending", "told"), QUICKER)
def test_a_person_is_quicker(
    world: World, given: dict[str, Any], operation: str, act: tuple[str, dict[str, Any]], ending: str, told: str
) -> None:
    def meddle(number: int, step: Step) -> None:
        if step.operation == operation:
            name, params = act
            world.post(f"payment_intents/{world.intent()['id']}/{name}", **params)

    run = world.run(world.payment(**given), before=meddle)
    assert run.ending.replace("found_done", "done") == ending.replace("found_done", "done"), run.reason
    assert told in run.reason
    assert "Stripe refuses" not in run.reason
    assert world.money.get("charged", 0) <= 1
