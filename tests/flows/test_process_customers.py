"""Who an order's customer is: found however it is named, made once, never guessed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from prefect_stripe.flows.process import Step
from tests.flows.world import IMPATIENT, Interrupted, Run, World

DAY = timedelta(hours=25)
WAIT: dict[str, Any] = {"settlement": "wait"}


def test_by_id(world: World) -> None:
    customer = world.post("customers", name="Acme")["id"]
    assert world.run(world.order(**WAIT, customer=customer)).ending == "done"
    assert (world.invoice()["customer"], world.money["customers"]) == (customer, 1)


def test_a_deleted_or_unknown_id_is_refused(world: World) -> None:
    customer = world.post("customers", name="Acme")["id"]
    world.delete(f"customers/{customer}")
    effects = world.effects
    for id_, told in ((customer, "was deleted"), ("cus_unknown", "No such customer")):
        run = world.run(world.order(**WAIT, customer=id_))
        assert (run.ending, world.effects) == ("rejected", effects)
        assert told in run.reason
        assert id_ in run.reason


@pytest.mark.parametrize("written", ["jenny@example.com", "Jenny@Example.COM", "JENNY@example.com"])
@pytest.mark.parametrize("ordered", ["jenny@example.com", "Jenny@Example.com"])
def test_by_e_mail_in_whatever_case(world: World, written: str, ordered: str) -> None:
    customer = world.post("customers", email=written)["id"]
    assert world.run(world.order(**WAIT, customer_email=ordered)).ending == "done"
    assert (world.invoice()["customer"], world.money["customers"]) == (customer, 1)


def test_an_e_mail_is_never_half_a_match(world: World) -> None:
    world.post("customers", email="big.jenny@example.com")
    world.post("customers", email="jenny@example.com.au")
    world.run(world.order(**WAIT))
    assert world.money["customers"] == 3


def test_two_that_match_are_both_named_and_none_is_taken(world: World) -> None:
    ids = [world.post("customers", email=email)["id"] for email in ("jenny@example.com", "jenny@example.com")]
    effects = world.effects
    run = world.run(world.order(**WAIT))
    assert (run.ending, world.effects) == ("rejected", effects)
    assert all(id_ in run.reason for id_ in ids)


def test_the_number_decides_between_two_of_one_e_mail(world: World) -> None:
    world.post("customers", email="ap@example.com", **{"metadata[prefect_stripe_customer]": "K-1"})
    second = world.post("customers", email="ap@example.com", **{"metadata[prefect_stripe_customer]": "K-2"})["id"]
    order = world.order(**WAIT, customer_email="ap@example.com", customer_external_id="K-2")
    assert world.run(order).ending == "done"
    assert world.invoice()["customer"] == second


def test_another_customer_of_the_same_e_mail_is_made_for_another_number(world: World) -> None:
    world.post("customers", email="ap@example.com", **{"metadata[prefect_stripe_customer]": "K-1"})
    order = world.order(**WAIT, customer_email="ap@example.com", customer_external_id="K-2")
    assert world.run(order).ending == "done"
    numbers = sorted(customer["metadata"]["prefect_stripe_customer"] for customer in world.all("customers"))
    assert numbers == ["K-1", "K-2"]


def test_the_number_is_recorded_on_a_customer_found_by_e_mail_and_finds_it_without(world: World) -> None:
    customer = world.post("customers", email="jenny@example.com")["id"]
    order = world.order(**WAIT, customer_email="jenny@example.com", customer_external_id='K"1\\7')
    assert world.run(order).ending == "done"
    assert world.get(f"customers/{customer}")["metadata"]["prefect_stripe_customer"] == 'K"1\\7'
    for later in (timedelta(minutes=2), DAY):
        world.sandbox.clock.advance(later)
        run = world.run(world.order(**WAIT, customer_external_id='K"1\\7'))
        assert (run.ending, world.money["customers"], world.money["invoices"]) == ("found_done", 1, 1)


def test_a_number_that_looks_like_an_address_is_not_the_address(world: World) -> None:
    by_number = world.order(external_id="A", customer_external_id="jenny@example.com", settlement="wait")
    by_address = world.order(external_id="B", customer_email="jenny@example.com", settlement="wait")
    assert [world.run(order).ending for order in (by_number, by_address)] == ["done", "done"]
    assert world.money["customers"] == 2


def test_two_numbers_with_one_address_at_once_do_not_share_the_customer_who_has_it(world: World) -> None:
    """As where a file has orders of two branches, and Stripe a customer that was made by hand."""
    by_hand = world.post("customers", email="info@example.com")["id"]
    one, other = (
        world.order(**WAIT, external_id=f"ORD-{number}", customer_external_id=number, customer_email="info@example.com")
        for number in ("C-1", "C-2")
    )
    others: list[Run] = []

    def meanwhile(number: int, step: Step) -> None:
        if step.operation == "update_customer" and not others:
            others.append(world.run(other))

    assert (world.run(one, before=meanwhile).ending, others[0].ending) == ("done", "done")
    customers = {customer["id"]: customer["metadata"] for customer in world.all("customers")}
    assert (len(customers), customers[by_hand]) == (2, {"prefect_stripe_customer": "C-2"})
    for invoice in world.all("invoices"):
        number = customers[invoice["customer"]]["prefect_stripe_customer"]
        assert invoice["metadata"]["prefect_stripe_order"] == f"ORD-{number}"
    assert [world.run(order).ending for order in (one, other)] == ["found_done", "found_done"]


@pytest.mark.parametrize("lag", [0, 60])
@pytest.mark.parametrize("named", ["e-mail", "number", "both"])
def test_fifty_orders_of_one_new_customer_at_once_make_one(world: World, lag: float, named: str) -> None:
    """Each order writes name and e-mail in its own way, as orders from a shop do."""
    world.sandbox.search_lag = lag

    def run(number: int) -> str:
        given: dict[str, Any] = {"customer_name": f"Jenny {number % 3}"}
        if named != "number":
            given["customer_email"] = ("jenny@example.com", "Jenny@example.com", "JENNY@EXAMPLE.COM")[number % 3]
        if named != "e-mail":
            given["customer_external_id"] = "K-17"
        order = world.order(external_id=f"ORD-{number}", lines=[{"description": "Mug", "unit_amount": 1300}], **WAIT)
        order = type(order).model_validate(
            {**order.model_dump(exclude={"customer_email", "customer_name"}, exclude_none=True), **given}
        )
        return world.run(order).ending

    with ThreadPoolExecutor(12) as pool:
        endings = list(pool.map(run, range(50)))
    assert world.money["customers"] == 1
    assert endings == ["done"] * 50
    assert world.money["invoices"] == 50
    assert len({invoice["customer"] for invoice in world.all("invoices")}) == 1


def test_eight_runs_of_one_order_at_once_make_one_invoice_and_one_charge(world: World) -> None:
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(world.run, [world.order()] * 8))
    assert {run.ending for run in runs} <= {"done", "found_done"}, [run.reason for run in runs]
    money = world.money
    assert (money["customers"], money["invoices"], money["items"], money["charged"]) == (1, 1, 2, 1)


@pytest.mark.parametrize("when", ["close", "error"])
def test_a_customer_whose_making_was_not_heard_of_is_found_though_search_lags(world: World, when: Any) -> None:
    world.sandbox.search_lag = 3600
    world.sandbox.faults.add(when, "after", operation="create_customer")
    order = world.order(**WAIT, customer_external_id="K-17")
    run = world.run(order, retries=IMPATIENT)
    assert (run.ending, world.money["customers"]) == ("done", 1)


@pytest.mark.parametrize("later", [timedelta(0), DAY])
def test_a_customer_deleted_before_the_order_was_begun_is_made_anew(world: World, later: timedelta) -> None:
    def crash(number: int, step: Step) -> None:
        if step.operation == "create_customer":
            raise Interrupted

    world.run(world.order(**WAIT), after=crash)
    (customer,) = world.all("customers")
    world.delete(f"customers/{customer['id']}")
    world.sandbox.clock.advance(later)
    assert world.run(world.order(**WAIT, customer_name="Jenny R.")).ending == "done"
    assert world.invoice()["customer"] != customer["id"]


def test_a_customer_deleted_after_the_order_was_done_does_not_pay_twice(world: World) -> None:
    world.run(world.order())
    world.sandbox.clock.advance(DAY)
    world.delete(f"customers/{world.invoice()['customer']}")
    run = world.run(world.order())
    assert (run.ending, world.money["invoices"], world.money["charged"]) == ("rejected", 1, 1)
    assert world.invoice()["id"] in run.reason


def test_an_e_mail_changed_since_does_not_pay_twice(world: World) -> None:
    world.run(world.order())
    world.sandbox.clock.advance(DAY)
    world.post(f"customers/{world.invoice()['customer']}", email="jenny.rosen@example.com")
    run = world.run(world.order())
    assert (run.ending, world.money["invoices"], world.money["charged"]) == ("rejected", 1, 1)
