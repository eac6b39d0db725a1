"""What an order's payment may be charged, over all its runs, and what people do to it in the meantime."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from prefect_stripe.client import APIError, CardError, ParameterError
from prefect_stripe.flows.process import Reply, Step, drive, perform
from tests.flows.payment_paths import DEBIT, FAILS, HELD, MANUAL, TRANSFER, an_unverified_account, fund
from tests.flows.world import World, process_of

DAY = timedelta(hours=25)


# Attempts


@pytest.mark.parametrize("later", [timedelta(0), DAY], ids=["at once", "a day later"])
def test_more_attempts_allowed_later_are_made_later_and_no_others(world: World, later: timedelta) -> None:
    for allowed, made in ((1, 1), (1, 1), (3, 3), (2, 3), (3, 3), (4, 4)):
        run = world.run(world.payment(**FAILS, max_payment_attempts=allowed))
        assert (run.ending, world.money["declined"]) == ("declined", made)
        assert "generic_decline" in run.reason
        world.sandbox.clock.advance(later)
    run = world.run(world.payment(max_payment_attempts=5))
    assert (run.ending, world.money["charged"]) == ("done", 1)


def test_a_charge_that_a_person_tried_counts(world: World) -> None:
    world.run(world.payment(payment_method="pm_card_visa_chargeDeclined"))
    intent = world.intent()["id"]
    answer = world.http.post(
        f"/v1/payment_intents/{intent}/confirm", data={"payment_method": "pm_card_chargeCustomerFail"}
    )
    assert answer.status_code == 402
    run = world.run(world.payment())
    assert (run.ending, world.money.get("charged"), world.money["declined"]) == ("declined", None, 1)
    assert world.run(world.payment(max_payment_attempts=2)).ending == "done"


def test_a_charge_that_failed_unheard_of_is_an_attempt_all_the_same(world: World) -> None:
    """Stripe keeps a 500 under the key of a charge that was declined: the next key must not be another charge."""
    client = world.client()

    def do(step: Step) -> Reply:
        try:
            return perform(client, step.call)
        except CardError as error:
            raise APIError("An unknown error occurred.", http_status=500, replayed=True) from error

    outcome = drive(process_of(world.payment(**FAILS)), do)
    assert (outcome.ending, world.money["declined"]) == ("declined", 1)
    assert "card_declined" in (outcome.reason or "")


@pytest.mark.parametrize("where", ["the error", "the charge"])
def test_what_must_not_be_tried_again_is_not(world: World, where: str) -> None:
    client = world.client()

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

    order = world.payment(**FAILS, max_payment_attempts=4)
    for _ in range(1 if where == "the error" else 3):
        assert drive(process_of(order), do).ending == "declined"
        assert world.money["declined"] == 1


def test_an_increase_that_is_declined_leaves_what_is_held(world: World) -> None:
    client = world.client()

    def do(step: Step) -> Reply:
        if step.operation == "increment_payment_intent_authorization":
            raise CardError("Your card was declined.", http_status=402, error={"code": "card_declined"})
        return perform(client, step.call)

    outcome = drive(process_of(world.payment(**MANUAL, increase_to=30000)), do)
    assert (outcome.ending, outcome.status) == ("declined", "requires_capture")
    assert "the first authorisation stands" in (outcome.reason or "")
    assert world.run(world.payment(**MANUAL)).ending == "done"
    assert world.intent()["amount_received"] == 24000


@pytest.mark.parametrize(
    ("method", "days", "ending", "again", "received"),
    [
        ("pm_usBankAccount_success", 8, "found_done", "found_done", 24000),
        ("pm_usBankAccount_insufficientFunds", 8, "declined", "declined", 0),
    ],
)
def test_a_bank_debit_is_told_once_it_has_ended(
    world: World, method: str, days: int, ending: str, again: str, received: int
) -> None:
    order = world.payment(**DEBIT, payment_method=method)
    assert world.run(order).ending == "processing"
    world.sandbox.clock.advance(timedelta(days=days))
    assert (world.run(order).ending, world.run(order).ending) == (ending, again)
    assert (world.intent()["amount_received"], world.money["debits begun"]) == (received, 1)


def test_three_d_secure_waits_for_the_customer_and_then_is_done(world: World) -> None:
    order = world.payment(payment_method="pm_card_authenticationRequired", max_payment_attempts=3, on_decline="cancel")
    for _ in range(3):
        run = world.run(order)
        assert (run.ending, world.intent()["status"]) == ("requires_action", "requires_action")
        assert "3-D Secure" in run.reason
        world.sandbox.clock.advance(DAY / 2)
    world.post(f"payment_intents/{world.intent()['id']}/confirm", payment_method="pm_card_visa")
    assert (world.run(order).ending, world.money["charged"]) == ("found_done", 1)


# Microdeposits and transfers


@pytest.mark.parametrize("later", [timedelta(0), DAY], ids=["at once", "a day later"])
def test_wrong_microdeposits_use_up_one_try_however_often_it_is_run(world: World, later: timedelta) -> None:
    account = an_unverified_account(world)
    for _ in range(5):
        run = world.run(world.payment(**DEBIT, **account, microdeposit_amounts=[1, 2]))
        assert run.ending == "requires_action"
        assert "correct the order" in run.reason
        world.sandbox.clock.advance(later)
    assert len(world.sandbox.ledger.requests("verify_payment_intent_microdeposits", replayed=False)) == 1
    assert world.run(world.payment(**DEBIT, **account, microdeposit_amounts=[32, 45])).ending == "processing"
    assert world.money["debits begun"] == 1


def test_wrong_microdeposits_whose_answer_was_lost_use_up_one_try(world: World) -> None:
    account = an_unverified_account(world)
    world.sandbox.faults.add("close", "after", operation="verify_payment_intent_microdeposits")
    run = world.run(world.payment(**DEBIT, **account, microdeposit_descriptor_code="SM99ZZ"))
    assert run.ending == "requires_action"
    assert [exchange.replayed for exchange in world.sandbox.ledger.requests("verify_payment_intent_microdeposits")] == [
        False,
        True,
    ]


def test_a_bank_account_that_cannot_be_verified_any_more_is_not_begun_with_again(world: World) -> None:
    order = world.payment(**DEBIT, **an_unverified_account(world), microdeposit_amounts=[40, 41])
    for _ in range(3):
        run = world.run(order)
        assert run.ending == "declined"
        assert "timed out" in run.reason
        world.sandbox.clock.advance(DAY)
    assert len(world.sandbox.ledger.requests("confirm_payment_intent")) == 1


@pytest.mark.parametrize("mode", ["automatic", "manual"])
def test_a_transfer_in_parts_is_asked_for_to_the_cent_and_taken_once(world: World, mode: str) -> None:
    customer = world.post(
        "customers", email="jenny@example.com", **{"cash_balance[settings][reconciliation_mode]": mode}
    )["id"]
    order = world.payment(**TRANSFER)
    assert "240.00 USD" in world.run(order).reason
    fund(world, customer, 10000)
    run = world.run(order)
    assert run.ending == "requires_action"
    assert ("140.00 USD" if mode == "automatic" else "240.00 USD") in run.reason
    fund(world, customer, 20000)
    world.sandbox.clock.advance(timedelta(minutes=1))
    run = world.run(order)
    assert (run.ending, world.intent()["amount_received"]) == ("found_done" if mode == "automatic" else "done", 24000)
    assert world.money["charged"] == 1


def test_a_transfer_is_looked_for_as_often_as_it_is_run(world: World) -> None:
    """Each refusal is kept under its key for a day, which has more runs than one."""
    customer = world.post(
        "customers", email="jenny@example.com", **{"cash_balance[settings][reconciliation_mode]": "manual"}
    )["id"]
    order = world.payment(**TRANSFER)
    for _ in range(60):
        assert world.run(order).ending == "requires_action"
        world.sandbox.clock.advance(timedelta(minutes=1))
    fund(world, customer, 24000)
    assert world.run(order).ending == "done"


# Whose cancel it was


def test_a_persons_cancel_is_not_taken_for_the_orders_own_rule(world: World) -> None:
    order = world.payment(**HELD, on_decline="cancel")
    world.run(order)
    world.post(f"payment_intents/{world.intent()['id']}/cancel", cancellation_reason="abandoned")
    run = world.run(order)
    assert run.ending == "rejected"
    assert "was canceled (abandoned)" in run.reason


def test_what_its_own_decline_canceled_stays_declined_with_its_reason(world: World) -> None:
    world.run(world.payment(**FAILS, on_decline="cancel"))
    for order in (world.payment(**FAILS, on_decline="cancel"), world.payment(max_payment_attempts=5)):
        run = world.run(order)
        assert (run.ending, world.money.get("charged")) == ("declined", None)
        assert "generic_decline" in run.reason


def test_a_hold_that_lapsed_is_told_and_not_begun_again(world: World) -> None:
    world.run(world.payment(**HELD))
    world.sandbox.clock.advance(timedelta(days=8))
    run = world.run(world.payment(**MANUAL))
    assert (run.ending, world.money["payments"]) == ("rejected", 1)
    assert "was canceled (automatic)" in run.reason


# Changed


@pytest.mark.parametrize("change", [{"amount": 99900}, {"capture_method": "automatic"}])
def test_what_somebody_changed_at_stripe_is_not_charged(world: World, change: dict[str, Any]) -> None:
    """Between its beginning and its confirming, which a crash can part."""

    def meddle(number: int, step: Step) -> None:
        if step.operation == "list_charges" and not world.money.get("charged"):
            world.post(f"payment_intents/{world.intent()['id']}", **change)

    world.run(world.payment(**HELD, **FAILS), before=meddle)
    run = world.run(world.payment(**HELD, max_payment_attempts=3))
    assert (run.ending, world.money.get("charged")) == ("rejected", None)
    assert "somebody changed the payment" in run.reason


@pytest.mark.parametrize("by", ["a transfer", "microdeposits", "3-D Secure"])
def test_what_somebody_changed_while_it_waited_is_not_charged(world: World, by: str) -> None:
    manual = {"cash_balance[settings][reconciliation_mode]": "manual"}
    customer = world.post("customers", email="jenny@example.com", **manual)["id"]
    given: dict[str, Any] = {"payment_method": "pm_card_authenticationRequired"}
    if by == "a transfer":
        given = TRANSFER
    elif by == "microdeposits":
        given = {**DEBIT, **an_unverified_account(world, customer)}
    waiting = world.run(world.payment(**given))
    assert waiting.ending == "requires_action"
    assert waiting.outcome is not None
    world.post(f"payment_intents/{waiting.outcome.object_id}", amount=99900)
    fund(world, customer, 99900)
    run = world.run(world.payment(**given, **({"microdeposit_amounts": [32, 45]} if by == "microdeposits" else {})))
    assert (run.ending, run.outcome and run.outcome.status) == ("rejected", "requires_action")
    assert "somebody changed the payment" in run.reason
    assert not world.all("charges")


@pytest.mark.parametrize("change", [{"amount": 99900}, {"currency": "eur"}])
def test_what_somebody_changes_while_its_card_is_looked_at_is_not_charged(world: World, change: dict[str, Any]) -> None:
    def meddle(number: int, step: Step) -> None:
        if step.operation == "attach_payment_method":
            world.post(f"payment_intents/{world.intent()['id']}", **change)

    run = world.run(world.payment(), after=meddle)
    assert (run.ending, world.all("charges")) == ("rejected", [])
    assert "somebody changed the payment" in run.reason


def test_what_somebody_confirms_while_its_card_is_looked_at_is_charged_once(world: World) -> None:
    def meddle(number: int, step: Step) -> None:
        if step.operation == "attach_payment_method":
            world.post(f"payment_intents/{world.intent()['id']}/confirm", payment_method="pm_card_visa")

    assert world.run(world.payment(), after=meddle).ending == "done"
    assert [charge["amount_captured"] for charge in world.all("charges")] == [24000]


@pytest.mark.parametrize("given", [{}, MANUAL, HELD], ids=["charged", "to be captured", "held"])
def test_another_currency_is_never_what_was_ordered(world: World, given: dict[str, Any]) -> None:
    order = world.payment(**given, payment_method="pm_card_authenticationRequired")
    assert world.run(order).ending == "requires_action"
    intent = world.intent()["id"]
    world.post(f"payment_intents/{intent}", currency="eur")
    world.post(f"payment_intents/{intent}/confirm", payment_method="pm_card_visa")
    run = world.run(order)
    assert (run.ending, world.money.get("captured")) == ("rejected", None)
    assert "somebody changed the payment" in run.reason


@pytest.mark.parametrize(
    "changed", [{"amount": 25000}, {"currency": "eur"}, {"capture_method": "automatic", "settlement": "capture"}]
)
@pytest.mark.parametrize("later", [timedelta(0), DAY], ids=["at once", "a day later"])
def test_changed_contents_are_refused_with_both_versions(
    world: World, changed: dict[str, Any], later: timedelta
) -> None:
    world.run(world.payment(**HELD))
    effects = world.effects
    world.sandbox.clock.advance(later)
    run = world.run(world.payment(**HELD | changed))
    assert (run.ending, world.effects) == ("rejected", effects)
    assert "At Stripe: 240.00 USD by card, manual capture" in run.reason
    assert "Ordered now: " in run.reason
    assert "Cancel that payment, and use another external_id for the new one" in run.reason


@pytest.mark.parametrize(
    ("begun", "told"),
    [
        ([MANUAL], "It was paid, and stays as it is: charge only what is new, under another external_id"),
        ([HELD, MANUAL | {"settlement": "cancel"}], "It is canceled: use another external_id for the new one"),
        ([DEBIT | {"payment_method": "pm_usBankAccount_processing"}], "The bank has it: wait for its answer"),
    ],
    ids=["paid", "canceled", "processing"],
)
def test_nobody_is_told_to_cancel_what_cannot_be_canceled(world: World, begun: list[dict[str, Any]], told: str) -> None:
    for given in begun:
        world.run(world.payment(**given))
    effects = world.effects
    run = world.run(world.payment(**begun[0] | {"amount": 25000, "settlement": "capture"}))
    assert (run.ending, world.effects) == ("rejected", effects)
    assert told in run.reason


def test_an_order_that_has_changed_may_be_canceled_all_the_same(world: World) -> None:
    world.run(world.payment(**HELD))
    assert world.run(world.payment(**MANUAL, amount=25000, settlement="cancel")).ending == "done"
    assert world.intent()["status"] == "canceled"


def test_held_and_taken_are_not_confused(world: World) -> None:
    assert world.run(world.payment(**HELD)).ending == "done"
    assert world.run(world.payment(**MANUAL)).ending == "done"
    run = world.run(world.payment(**HELD))
    assert run.ending == "rejected"
    assert "the order says to hold it" in run.reason


def test_more_held_than_the_order_says_is_told(world: World) -> None:
    assert world.run(world.payment(**HELD, increase_to=30000)).ending == "done"
    run = world.run(world.payment(**HELD))
    assert run.ending == "rejected"
    assert "300.00 USD is held, and the order says 240.00 USD" in run.reason


def test_what_is_held_grows_only_if_that_was_asked_for_when_it_was_authorised(world: World) -> None:
    asking = {**HELD, "request_incremental_authorization": "if_available"}
    assert world.run(world.payment(**asking)).ending == "done"
    for total in (30000, 36000):
        assert world.run(world.payment(**HELD, increase_to=total)).ending == "done"
        assert world.intent()["amount_capturable"] == total
    other = {"external_id": "BOOKING-8"}
    assert world.run(world.payment(**HELD, **other)).ending == "done"
    run = world.run(world.payment(**HELD, **other, increase_to=30000))
    assert (run.ending, world.all("payment_intents")[0]["amount_capturable"]) == ("rejected", 24000)
    assert "not available" in run.reason


def test_removed_marks_are_noticed_where_one_is_left(world: World) -> None:
    world.run(world.payment(**HELD))
    world.post(f"payment_intents/{world.intent()['id']}", **{"metadata[prefect_stripe_fingerprint]": ""})
    run = world.run(world.payment(**MANUAL))
    assert (run.ending, world.intent()["status"]) == ("rejected", "requires_capture")
    assert "lost its mark" in run.reason


def test_without_any_mark_its_key_holds_for_a_day(world: World) -> None:
    world.run(world.payment(**HELD))
    world.post(f"payment_intents/{world.intent()['id']}", metadata="")
    run = world.run(world.payment(**MANUAL))
    assert (run.ending, len(world.all("payment_intents"))) == ("rejected", 1)


# Elsewhere, or long ago


@pytest.mark.parametrize("later", [timedelta(0), timedelta(minutes=2), DAY], ids=["at once", "soon", "a day later"])
@pytest.mark.parametrize("lag", [0, 60], ids=["search knows", "search lags"])
def test_moved_to_another_customer(world: World, later: timedelta, lag: float) -> None:
    world.sandbox.search_lag = lag
    former, newer = (world.post("customers", email=f"{name}@example.com")["id"] for name in ("a", "b"))
    world.run(world.payment(customer=former))
    world.sandbox.clock.advance(later)
    effects = world.effects
    run = world.run(world.payment(customer=newer))
    assert (run.ending, world.effects) == ("rejected", effects)
    assert former in run.reason
    assert world.intent()["id"] in run.reason


@pytest.mark.parametrize("given", [{}, HELD, FAILS], ids=["paid", "held", "declined"])
def test_a_payment_older_than_the_look_back_is_not_begun_again(world: World, given: dict[str, Any]) -> None:
    first = world.run(world.payment(**given))
    world.sandbox.clock.advance(timedelta(days=6))
    money = world.money
    world.sandbox.search_lag = 3600
    run = world.run(world.payment(**given), look_back_days=5)
    assert run.ending == first.ending.replace("done", "found_done")
    assert world.money == money


def test_two_payments_of_one_order_are_both_named(world: World) -> None:
    world.run(world.payment(**HELD))
    first = world.intent()
    second = world.post(
        "payment_intents",
        amount=1000,
        currency="usd",
        customer=first["customer"],
        **{"metadata[prefect_stripe_order]": "PAY-1"},
    )
    run = world.run(world.payment(**MANUAL))
    assert run.ending == "rejected"
    assert first["id"] in run.reason
    assert second["id"] in run.reason
    world.post(f"payment_intents/{second['id']}/cancel")
    assert world.run(world.payment(**MANUAL)).ending == "done"


@pytest.mark.parametrize("days", [0, -1, 36_501])
def test_a_look_back_that_sees_nothing_is_refused_before_any_request(world: World, days: int) -> None:
    run = world.run(world.payment(), look_back_days=days)
    assert isinstance(run.error, ParameterError)
    assert not world.sandbox.ledger.exchanges
