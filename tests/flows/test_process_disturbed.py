"""What people and other programs do to an order's invoice in the meantime, and what the next run makes of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from prefect_stripe.flows.process import Step
from tests.flows.world import Interrupted, World

DAY = timedelta(hours=25)
WAIT: dict[str, Any] = {"settlement": "wait"}


def crash_after(operation: str, times: int = 1) -> Any:
    """A hook that ends the run after the nth answer to an operation."""
    left = [times]

    def crash(number: int, step: Step) -> None:
        if step.operation == operation:
            left[0] -= 1
            if left[0] == 0:
                raise Interrupted

    return crash


# The draft


@pytest.mark.parametrize("later", [timedelta(0), DAY], ids=["at once", "a day later"])
def test_a_draft_that_a_person_deleted_is_made_anew(world: World, later: timedelta) -> None:
    order = world.order(**WAIT, total=1)
    for made in (1, 2, 3):
        world.run(order)
        assert world.money["invoices"] == made
        world.delete(f"invoices/{world.invoice()['id']}")
        world.sandbox.clock.advance(later)
    assert world.run(world.order(**WAIT)).ending == "done"
    invoice = world.invoice()
    assert (invoice["status"], invoice["total"]) == ("open", 46300)
    assert len(world.lines(invoice["id"])) == 2


def test_a_line_that_a_person_added_stops_the_draft_and_is_named(world: World) -> None:
    world.run(world.order(**WAIT, total=1))
    draft = world.invoice()
    item = world.post(
        "invoiceitems", customer=draft["customer"], invoice=draft["id"], currency="usd", amount=500, description="Tip"
    )
    run = world.run(world.order(**WAIT))
    assert (run.ending, world.invoice()["status"]) == ("rejected", "draft")
    for told in ("468.00 USD", "46800", "463.00 USD", "46300", "1 line of it is not the order's"):
        assert told in run.reason
    world.delete(f"invoiceitems/{item['id']}")
    assert world.run(world.order(**WAIT)).ending == "done"
    assert world.invoice()["total"] == 46300


def test_what_a_person_changed_of_the_terms_is_set_right(world: World) -> None:
    terms = {"collection_method": "send_invoice", "days_until_due": 30, "description": "As agreed"}
    world.run(world.order(**WAIT, **terms, total=1))
    changed = {"collection_method": "charge_automatically", "description": "Oops", "auto_advance": "true"}
    world.post(f"invoices/{world.invoice()['id']}", **changed)
    assert world.run(world.order(**WAIT, **terms)).ending == "done"
    invoice = world.invoice()
    assert (invoice["collection_method"], invoice["description"]) == ("send_invoice", "As agreed")
    assert (invoice["auto_advance"], invoice["automatically_finalizes_at"]) == (False, None)
    assert world.money["e-mails"] == 1


def test_stripe_finalizes_no_draft_by_itself(world: World) -> None:
    """Half made, it would be charged in an hour."""
    order = world.order(total=1)
    world.run(order)
    world.post(f"invoices/{world.invoice()['id']}", auto_advance="true")
    assert world.run(order).ending == "rejected"
    assert (world.invoice()["status"], world.invoice()["automatically_finalizes_at"]) == ("draft", None)


def test_what_moves_money_is_said_to_stripe_and_not_left_to_its_defaults(world: World) -> None:
    """They were others in other API versions, which the credentials may name."""
    world.run(world.order())
    (created,) = world.sandbox.ledger.requests("create_invoice")
    assert created.params["auto_advance"] == "false"
    assert created.params["pending_invoice_items_behavior"] == "exclude"
    (finalized,) = world.sandbox.ledger.requests("finalize_invoice")
    assert finalized.params["auto_advance"] == "false"


def test_what_a_person_changed_of_a_line_is_set_right(world: World) -> None:
    world.run(world.order(**WAIT, total=1))
    for line in world.all(f"invoices/{world.invoice()['id']}/lines"):
        item = line["parent"]["invoice_item_details"]["invoice_item"]
        world.post(f"invoiceitems/{item}", quantity=7, unit_amount_decimal=11, description="Oops")
    assert world.run(world.order(**WAIT)).ending == "done"
    assert world.lines(world.invoice()["id"]) == [("Consulting, hours", 3, 45000), ("Mug", 1, 1300)]


def test_a_line_whose_mark_a_person_removed_is_not_ours_any_more(world: World) -> None:
    world.run(world.order(**WAIT, total=1))
    line = world.all(f"invoices/{world.invoice()['id']}/lines")[0]
    world.post(
        f"invoiceitems/{line['parent']['invoice_item_details']['invoice_item']}",
        **{"metadata[prefect_stripe_slot]": ""},
    )
    run = world.run(world.order(**WAIT))
    assert (run.ending, world.invoice()["status"]) == ("rejected", "draft")
    assert "1 line of it is not the order's" in run.reason


def test_contents_changed_there_and_back_within_a_day(world: World) -> None:
    other = [
        {"description": "Consulting, hours", "quantity": 5, "unit_amount": 15000},
        {"description": "Mug", "quantity": 1, "unit_amount": 900},
        {"description": "Hat", "quantity": 1, "unit_amount": 2000},
    ]
    for _ in range(3):
        world.run(world.order(**WAIT, total=1, description="A"))
        assert world.lines(world.invoice()["id"]) == [("Consulting, hours", 3, 45000), ("Mug", 1, 1300)]
        assert world.invoice()["description"] == "A"
        world.run(world.order(**WAIT, total=1, lines=other, description="B"))
        assert len(world.lines(world.invoice()["id"])) == 3
        assert world.invoice()["description"] == "B"
    assert world.run(world.order(**WAIT, description="A")).ending == "done"
    assert world.lines(world.invoice()["id"]) == [("Consulting, hours", 3, 45000), ("Mug", 1, 1300)]
    assert world.money["invoices"] == 1


def test_another_price_is_another_line_with_its_own_description(world: World) -> None:
    prices: list[str] = []
    for name in ("Licence", "Support"):
        product = world.post("products", name=name)["id"]
        prices.append(world.post("prices", product=product, currency="usd", unit_amount=9900)["id"])
    for price in (*prices, prices[0]):
        world.run(world.order(**WAIT, total=1, lines=[{"price": price}]))
        (line,) = world.all(f"invoices/{world.invoice()['id']}/lines")
        assert line["pricing"]["price_details"]["price"] == price
    assert world.money["items"] == 3
    world.run(world.order(**WAIT, total=1, lines=[{"description": "Mug", "unit_amount": 1300}]))
    assert world.lines(world.invoice()["id"]) == [("Mug", 1, 1300)]


def test_what_waits_for_the_customers_next_invoice_stays_where_it_is(world: World) -> None:
    customer = world.post("customers", email="jenny@example.com")["id"]
    world.post("invoiceitems", customer=customer, currency="usd", amount=777, description="pending")
    assert world.run(world.order()).ending == "done"
    assert world.invoice()["total"] == 46300
    (pending,) = world.all("invoiceitems", pending="true")
    assert pending["invoice"] is None


# Finalized by somebody else


@pytest.mark.parametrize(
    "done", ["create_invoice", "update_invoice", "create_invoice_item"], ids=["empty", "with terms", "with one line"]
)
@pytest.mark.parametrize("settlement", ["pay", "wait", "paid_out_of_band", "mark_uncollectible", "void"])
def test_a_draft_finalized_before_it_was_complete_is_never_taken_for_the_order(
    world: World, done: str, settlement: str
) -> None:
    order = world.order(settlement=settlement)
    assert isinstance(world.run(order, after=crash_after(done)).error, Interrupted)
    world.post(f"invoices/{world.invoice()['id']}/finalize")
    before = world.money
    run = world.run(order)
    assert run.ending == "rejected", "an invoice over something else was taken for the order's"
    assert "463.00 USD" in run.reason or "46300" in run.reason
    assert world.money == before


def test_an_empty_invoice_is_no_order_over_nothing(world: World) -> None:
    order = world.order(lines=[{"description": "Sample", "unit_amount": 0}])
    world.run(order, after=crash_after("create_invoice"))
    world.post(f"invoices/{world.invoice()['id']}/finalize")
    assert (world.invoice()["status"], world.invoice()["total"]) == ("paid", 0)
    assert world.run(order).ending == "rejected"


def test_a_line_added_just_before_finalizing_is_seen_before_anything_is_charged(world: World) -> None:
    def add(number: int, step: Step) -> None:
        if step.operation == "finalize_invoice":
            draft = world.invoice()
            world.post("invoiceitems", customer=draft["customer"], invoice=draft["id"], currency="usd", amount=50000)

    run = world.run(world.order(), before=add)
    assert run.ending == "rejected"
    assert "963.00 USD" in run.reason
    assert world.money.get("charged") is None
    again = world.run(world.order())
    assert (again.ending, world.money.get("charged")) == ("rejected", None)


# Once finalized


def test_a_change_after_finalizing_is_refused_with_both_versions(world: World) -> None:
    world.run(world.order(**WAIT))
    effects = world.effects
    changed = [{"description": "Consulting, hours", "quantity": 4, "unit_amount": 15000}]
    run = world.run(world.order(**WAIT, lines=changed))
    assert run.ending == "rejected"
    for told in (
        "463.00 USD (46300)",
        "Consulting, hours x 3 = 45000",
        "Mug",
        "600.00 USD (60000)",
        "Consulting, hours x 4 = 60000",
    ):
        assert told in run.reason
    assert "Void the invoice, and then allow a reissue (max_reissues) or use another external_id" in run.reason
    assert world.effects == effects


def test_a_change_after_it_was_paid_is_not_told_to_void_the_invoice(world: World) -> None:
    world.run(world.order())
    effects = world.effects
    run = world.run(world.order(lines=[{"description": "Consulting, hours", "quantity": 4, "unit_amount": 15000}]))
    assert (run.ending, world.effects) == ("rejected", effects)
    assert "It is paid, and stays as it is: bill only what is new, under another external_id" in run.reason


def test_a_change_of_a_long_invoice_is_told_in_a_few_lines(world: World) -> None:
    lines = [{"description": f"Part {n:03}", "unit_amount": 100} for n in range(250)]
    assert world.run(world.order(**WAIT, lines=lines)).ending == "done"
    assert (world.invoice()["total"], len(world.lines(world.invoice()["id"]))) == (25000, 250)
    assert world.money["items"] == 250
    run = world.run(world.order(**WAIT, lines=lines[:-1]))
    assert run.ending == "rejected"
    assert len(run.reason) < 2000
    assert run.reason.count("; and more") == 2


@pytest.mark.parametrize("settlement", ["pay", "wait", "paid_out_of_band", "mark_uncollectible", "void"])
@pytest.mark.parametrize("how", ["by card", "elsewhere"])
def test_paid_by_a_person_in_the_meantime(world: World, settlement: str, how: str) -> None:
    world.run(world.order(**WAIT))
    invoice = world.invoice()["id"]
    if how == "elsewhere":
        world.post(f"invoices/{invoice}/pay", paid_out_of_band="true")
    else:
        card = world.post("payment_methods/pm_card_visa/attach", customer=world.invoice()["customer"])["id"]
        world.post(f"invoices/{invoice}/pay", payment_method=card)
    money = world.money
    run = world.run(world.order(settlement=settlement))
    fits = {("pay", "by card"), ("wait", "by card"), ("wait", "elsewhere"), ("paid_out_of_band", "elsewhere")}
    assert run.ending == ("found_done" if (settlement, how) in fits else "rejected"), run.reason
    assert run.ending == "found_done" or "paid" in run.reason
    assert world.money == money


def test_paid_by_a_person_between_looking_and_paying(world: World) -> None:
    def pay(number: int, step: Step) -> None:
        if step.operation == "pay_invoice":
            world.post(f"invoices/{world.invoice()['id']}/pay", paid_out_of_band="true")

    run = world.run(world.order(), before=pay)
    assert (run.ending, world.money.get("charged")) == ("rejected", None)
    assert "outside Stripe" in run.reason


@pytest.mark.parametrize("later", [timedelta(minutes=2), DAY])
def test_voided_by_a_person_is_found_and_replaced_only_on_request(world: World, later: timedelta) -> None:
    world.run(world.order(**WAIT))
    world.post(f"invoices/{world.invoice()['id']}/void")
    world.sandbox.clock.advance(later)
    run = world.run(world.order(**WAIT))
    assert (run.ending, world.money["invoices"]) == ("rejected", 1)
    assert "max_reissues" in run.reason
    assert world.run(world.order(**WAIT, max_reissues=1)).ending == "done"
    assert world.money["invoices"] == 2
    newest = world.all("invoices")[0]
    world.post(f"invoices/{newest['id']}/void")
    world.sandbox.clock.advance(later)
    assert world.run(world.order(**WAIT, max_reissues=1)).ending == "rejected"
    assert world.money["invoices"] == 2
    assert world.run(world.order(**WAIT, max_reissues=2)).ending == "done"
    assert world.money["invoices"] == 3


def test_what_its_own_decline_voided_is_not_reissued_and_charged_at_each_run(world: World) -> None:
    declining = {"payment_method": "pm_card_chargeCustomerFail", "on_decline": "void", "max_reissues": 5}
    assert world.run(world.order(**declining)).ending == "declined"
    effects = world.effects
    for later in (timedelta(0), timedelta(minutes=2), DAY):
        world.sandbox.clock.advance(later)
        assert world.run(world.order(**declining)).ending == "declined"
        assert world.effects == effects
    # Who wants it all the same says so, by no longer wanting it voided.
    wanted = world.run(world.order(max_reissues=1))
    assert (wanted.ending, world.money["invoices"]) == ("done", 2)


def test_uncollectible_is_left_to_a_person(world: World) -> None:
    world.run(world.order(settlement="mark_uncollectible"))
    effects = world.effects
    run = world.run(world.order())
    assert (run.ending, world.effects) == ("rejected", effects)
    assert world.run(world.order(settlement="paid_out_of_band")).ending == "done"
    assert world.invoice()["status"] == "paid"


def test_a_debit_under_way_is_not_settled_otherwise(world: World) -> None:
    world.run(world.order(payment_method="pm_usBankAccount_processing"))
    effects = world.effects
    for settlement in ("paid_out_of_band", "void", "mark_uncollectible"):
        run = world.run(world.order(settlement=settlement))
        assert (run.ending, world.effects) == ("processing", effects), settlement


def test_an_order_over_nothing_in_the_end_is_not_finalized_to_be_voided(world: World) -> None:
    product = world.post("products", name="Sample")["id"]
    price = world.post("prices", product=product, currency="usd", unit_amount=0)["id"]
    run = world.run(world.order(settlement="void", lines=[{"price": price}]))
    assert (run.ending, world.invoice()["status"]) == ("rejected", "draft")


# Old, or elsewhere


@pytest.mark.parametrize("status", ["draft", "open", "paid"])
def test_an_invoice_older_than_the_look_back_is_not_made_again(world: World, status: str) -> None:
    given: dict[str, Any] = {"draft": {**WAIT, "total": 1}, "open": WAIT, "paid": {}}[status]
    world.run(world.order(**given))
    assert world.invoice()["status"] == status
    world.sandbox.clock.advance(timedelta(days=9))
    run = world.run(world.order(**given | {"total": None}), look_back_days=7)
    assert (run.ending, world.money["invoices"]) == ("done" if status == "draft" else "found_done", 1)


@pytest.mark.parametrize("later", [timedelta(0), timedelta(minutes=2), DAY], ids=["at once", "soon", "a day later"])
@pytest.mark.parametrize("lag", [0, 60], ids=["search knows", "search lags"])
@pytest.mark.parametrize("finalized", [False, True], ids=["draft", "open"])
def test_moved_to_another_customer(world: World, later: timedelta, lag: float, finalized: bool) -> None:
    world.sandbox.search_lag = lag
    former, newer = (world.post("customers", email=f"{name}@example.com")["id"] for name in ("a", "b"))
    world.run(world.order(**WAIT, customer=former, total=None if finalized else 1))
    old = world.invoice()["id"]
    world.sandbox.clock.advance(later)
    effects = world.effects
    run = world.run(world.order(**WAIT, customer=newer))
    assert (run.ending, world.effects) == ("rejected", effects)
    assert old in run.reason
    assert former in run.reason
    # Its advice is followed, and it helps.
    if finalized:
        world.post(f"invoices/{old}/void")
    else:
        world.delete(f"invoices/{old}")
    if later < DAY:
        # The key still stands for the first customer's invoice, and what has no trace may as well be on its way.
        run = world.run(world.order(**WAIT, customer=newer))
        assert run.ending == "rejected"
        assert "in a day" in run.reason
        world.sandbox.clock.advance(DAY)
    run = world.run(world.order(**WAIT, customer=newer))
    assert run.ending == "done", run.reason
    live = [invoice for invoice in world.all("invoices") if invoice["status"] != "void"]
    assert [(invoice["customer"], invoice["total"]) for invoice in live] == [(newer, 46300)]
    # And back again, to the first customer: the newer's invoice stands in the way.
    run = world.run(world.order(**WAIT, customer=former))
    assert run.ending == "rejected"
    assert len([invoice for invoice in world.all("invoices") if invoice["status"] != "void"]) == 1


@pytest.mark.parametrize("later", [timedelta(0), DAY], ids=["at once", "a day later"])
def test_moved_to_another_currency(world: World, later: timedelta) -> None:
    world.run(world.order(**WAIT, total=1))
    world.sandbox.clock.advance(later)
    run = world.run(world.order(**WAIT, currency="eur"))
    assert run.ending == "rejected"
    assert "usd" in run.reason
    assert "eur" in run.reason
    world.delete(f"invoices/{world.invoice()['id']}")
    if later < DAY:
        assert "in a day" in world.run(world.order(**WAIT, currency="eur")).reason
        world.sandbox.clock.advance(DAY)
    assert world.run(world.order(**WAIT, currency="eur")).ending == "done"
    assert (world.invoice()["currency"], world.money["invoices"]) == ("eur", 2)


@pytest.mark.parametrize("settlement", ["pay", "wait"])
def test_a_copy_in_another_currency_is_not_the_order(world: World, settlement: str) -> None:
    order = world.order(settlement=settlement)
    world.run(world.order(**WAIT))
    first = world.invoice()
    marks = {f"metadata[{name}]": value for name, value in first["metadata"].items()}
    copy = world.post("invoices", customer=first["customer"], currency="eur", auto_advance=False, **marks)["id"]
    for line in reversed(first["lines"]["data"]):
        world.post(
            "invoiceitems",
            customer=first["customer"],
            invoice=copy,
            currency="eur",
            description=line["description"],
            quantity=line["quantity"],
            unit_amount_decimal=line["pricing"]["unit_amount_decimal"],
            **{f"metadata[{name}]": value for name, value in line["metadata"].items()},
        )
    world.post(f"invoices/{copy}/finalize", auto_advance=False)
    world.post(f"invoices/{first['id']}/void")
    run = world.run(order)
    assert (run.ending, world.money.get("charged")) == ("rejected", None)
    assert "comes to 463.00 EUR (46300), the order to 463.00 USD (46300)" in run.reason


def test_two_invoices_of_one_order_are_both_named(world: World) -> None:
    world.run(world.order(**WAIT))
    first = world.invoice()
    second = world.post("invoices", customer=first["customer"], **{"metadata[prefect_stripe_order]": "ORD-1"})
    run = world.run(world.order(**WAIT))
    assert run.ending == "rejected"
    assert first["id"] in run.reason
    assert second["id"] in run.reason


def test_another_orders_invoice_of_the_same_customer_is_none_of_its_business(world: World) -> None:
    first, second = world.order(), world.order(external_id="ORD-2")
    assert (world.run(first).ending, world.run(second).ending) == ("done", "done")
    assert (world.money["invoices"], world.money["charged"], world.money["attached"]) == (2, 2, 1)
