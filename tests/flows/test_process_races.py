"""Two at once, or somebody in between: never a second object, and never a success that was not seen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from prefect_stripe.client import RetryPolicy
from prefect_stripe.flows.process import Step
from tests.flows.races import at_once, endings
from tests.flows.world import Run, World


def test_one_order_for_two_customers_at_once_is_invoiced_to_one(world: World) -> None:
    one, other = (world.post("customers", email=f"{name}@example.com")["id"] for name in ("a", "b"))
    world.sandbox.latency = 0.2
    runs = at_once(lambda: world.run(world.order(customer=one)), lambda: world.run(world.order(customer=other)))
    assert endings(runs) == ["done", "rejected"]
    assert world.money["invoices"] == 1
    assert world.money["charged"] == 1


def test_two_orders_of_a_new_customer_who_is_spelt_in_two_ways_make_one_customer(world: World) -> None:
    world.sandbox.latency = 0.2

    def order(external_id: str, name: str) -> Run:
        ordered = world.order(external_id=external_id, customer_external_id="K-1", customer_name=name)
        return world.run(ordered, retries=RetryPolicy(max_retries=9, base=0.1, cap=0.2))

    runs = at_once(lambda: order("O-1", "Jenny Rosen"), lambda: order("O-2", "Jenny Q. Rosen"))
    assert endings(runs) == ["done", "done"]
    assert (world.money["customers"], world.money["charged"]) == (1, 2)


def test_voided_by_a_person_between_looking_and_paying_is_told_as_void(world: World) -> None:
    def void(number: int, step: Step) -> None:
        if step.operation == "pay_invoice":
            world.post(f"invoices/{world.invoice()['id']}/void")

    run = world.run(world.order(), before=void)
    assert run.outcome is not None
    assert (run.outcome.ending, run.outcome.status) == ("rejected", "void")


def test_a_run_that_stood_still_for_a_day_gives_way_to_what_was_made_meanwhile(world: World) -> None:
    """By then Stripe has forgotten the key under which the other run made the invoice."""

    def stand_still(number: int, step: Step) -> None:
        if step.operation == "create_invoice":
            assert world.run(world.order()).ending == "done"
            world.sandbox.clock.advance(timedelta(hours=25))

    run = world.run(world.order(), before=stand_still)
    assert (run.ending, world.invoice()["status"]) == ("rejected", "paid")
    assert "run it again" in run.reason
    assert (world.money["charged"], world.money["drafts deleted"]) == (1, 1)
    assert world.run(world.order()).ending == "found_done"


def test_a_run_that_stood_still_for_a_day_alone_goes_on(world: World) -> None:
    def stand_still(number: int, step: Step) -> None:
        if step.operation == "create_invoice":
            world.sandbox.clock.advance(timedelta(hours=25))

    assert world.run(world.order(), before=stand_still).ending == "done"
    assert (world.money["invoices"], world.money["charged"]) == (1, 1)


def test_a_younger_copy_of_a_paid_invoice_is_not_charged(world: World) -> None:
    """As the Dashboard duplicates one, metadata included, when the first is older than the look-back."""
    world.run(world.order())
    paid = world.invoice()
    world.sandbox.clock.advance(timedelta(days=9))
    copy = world.post(
        "invoices", customer=paid["customer"], currency="usd", **{"metadata[prefect_stripe_order]": "ORD-1"}
    )
    run = world.run(world.order(), look_back_days=7)
    assert (run.ending, world.money["charged"]) == ("rejected", 1)
    assert paid["id"] in run.reason
    assert copy["id"] in run.reason


def test_lines_of_one_version_under_the_terms_of_another_are_not_charged(world: World) -> None:
    """Two versions with one total: this one finalizes what the other, a moment before, made of the lines."""
    customer = world.post("customers", email="jenny@example.com")["id"]
    other = [{"description": "Llama", "quantity": 2, "unit_amount": 23000}, {"description": "Hat", "unit_amount": 300}]

    def meddle(number: int, step: Step) -> None:
        if step.operation == "finalize_invoice":
            draft = world.invoice()["id"]
            for line, said in zip(world.all(f"invoices/{draft}/lines"), other, strict=True):
                item = line["parent"]["invoice_item_details"]["invoice_item"]
                world.post(
                    f"invoiceitems/{item}",
                    unit_amount_decimal=said["unit_amount"],
                    quantity=said.get("quantity", 1),
                    description=said["description"],
                )

    run = world.run(world.order(customer=customer), before=meddle)
    assert (run.ending, world.invoice()["status"], world.money.get("charged")) == ("rejected", "open", None)
    assert "Llama x 2 = 46000" in run.reason
    assert "Consulting, hours x 3 = 45000" in run.reason


@pytest.mark.parametrize("closing", ["void", "mark_uncollectible"])
def test_paid_by_the_customer_before_the_decline_could_close_it_is_paid(world: World, closing: str) -> None:
    operation = {"void": "void_invoice", "mark_uncollectible": "mark_invoice_uncollectible"}[closing]

    def pay(number: int, step: Step) -> None:
        if step.operation == operation:
            card = world.post("payment_methods/pm_card_visa/attach", customer=world.invoice()["customer"])["id"]
            world.post(f"invoices/{world.invoice()['id']}/pay", payment_method=card)

    order = world.order(payment_method="pm_card_chargeCustomerFail", on_decline=closing)
    run = world.run(order, before=pay)
    assert (run.ending, world.invoice()["status"], world.money["charged"]) == ("done", "paid", 1)


def test_a_draft_deleted_while_it_is_worked_on_says_so(world: World) -> None:
    def delete(number: int, step: Step) -> None:
        if step.operation == "finalize_invoice":
            world.delete(f"invoices/{world.invoice()['id']}")

    run = world.run(world.order(), before=delete)
    assert run.ending == "rejected"
    assert "was deleted while it was worked on" in run.reason
    assert world.run(world.order()).ending == "done"


def test_a_draft_that_somebody_adds_to_while_the_card_is_attached_is_not_finalized(world: World) -> None:
    def add(number: int, step: Step) -> None:
        if step.operation == "attach_payment_method":
            draft = world.invoice()
            world.post("invoiceitems", customer=draft["customer"], invoice=draft["id"], amount=500, currency="usd")

    run = world.run(world.order(), before=add)
    assert (run.ending, world.invoice()["status"]) == ("rejected", "draft")
    assert "does not tie out" in run.reason


def test_voided_longer_ago_than_the_look_back_is_not_invoiced_again(world: World) -> None:
    world.run(world.order(settlement="wait"))
    world.post(f"invoices/{world.invoice()['id']}/void")
    world.sandbox.clock.advance(timedelta(days=9))
    run = world.run(world.order(), look_back_days=7)
    assert run.outcome is not None
    assert (run.outcome.ending, run.outcome.status) == ("rejected", "void")
    assert world.money["invoices"] == 1


def test_a_draft_that_another_version_of_the_order_finished_is_not_told_as_done(world: World) -> None:
    lines: list[dict[str, Any]] = [
        {"description": "Llama", "quantity": 3, "unit_amount": 15000},
        {"description": "Alpaca", "quantity": 1, "unit_amount": 1300},
    ]
    others: list[Run] = []

    def overtake(number: int, step: Step) -> None:
        if step.operation == "finalize_invoice" and not others:
            others.append(world.run(world.order(lines=lines, settlement="wait")))

    run = world.run(world.order(settlement="wait"), before=overtake)
    assert endings([run, *others]) == ["done", "rejected"]
    assert world.money["invoices"] == 1
