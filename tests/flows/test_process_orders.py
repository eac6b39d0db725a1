"""What an order may say: what is refused before anything is sent, and what every other order comes to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from prefect_stripe.client import (
    APIConnectionError,
    AuthenticationError,
    ClientConfig,
    ParameterError,
    PermissionDeniedError,
    StripeClient,
    StripeError,
)
from prefect_stripe.flows.invoice_process import invoice_process
from prefect_stripe.flows.orders import InvoiceOrder
from prefect_stripe.flows.process import drive, perform
from prefect_stripe.money import CURRENCIES
from tests.flows.world import PATIENT, World

WAIT: dict[str, Any] = {"settlement": "wait"}
SENT: dict[str, Any] = {"collection_method": "send_invoice"}


def line(**given: Any) -> dict[str, Any]:
    return {"description": "Mug", "quantity": 1, "unit_amount": 1300} | given


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "unknown currency": ({"currency": "xxx"}, "Stripe has no currency 'xxx'"),
    "no currency": ({"currency": ""}, "currency"),
    "negative quantity": ({"lines": [line(quantity=-1)]}, "greater than or equal to 1"),
    "no quantity": ({"lines": [line(quantity=0)]}, "greater than or equal to 1"),
    "float amount": ({"lines": [line(unit_amount=12.5)]}, "12.5 is not a whole number: amounts are whole minor units"),
    "float that is whole": ({"lines": [line(unit_amount=13.0)]}, "13.0 is not a whole number"),
    "string amount": ({"lines": [line(unit_amount="1300")]}, "'1300' is not a whole number"),
    "boolean amount": ({"lines": [line(unit_amount=True)]}, "True is not a whole number"),
    "float quantity": ({"lines": [line(quantity=1.5)]}, "1.5 is not a whole number"),
    "float total": ({"total": 463.0}, "463.0 is not a whole number"),
    "no lines": ({"lines": []}, "at least 1 item"),
    "too many lines": ({"lines": [line()] * 251}, "at most 250 items"),
    "a line without a price": ({"lines": [line(unit_amount=None)]}, "needs either unit_amount"),
    "a line with two prices": ({"lines": [line(price="price_1")]}, "needs either unit_amount"),
    "a line without words": ({"lines": [line(description=None)]}, "needs a description"),
    "less than nothing": ({"lines": [line(unit_amount=-1)]}, "cannot come to less than nothing"),
    "fractions of a krona": ({"currency": "isk", "lines": [line(unit_amount=150)]}, "multiple of 100"),
    "fils": ({"currency": "kwd", "lines": [line(unit_amount=1255)]}, "multiple of 10"),
    "both customer forms": ({"customer": "cus_1", "customer_email": "a@b.c"}, "name the customer once"),
    "neither customer form": ({"customer_email": None}, "needs a customer"),
    "no address": ({"customer_email": "jenny"}, "not an e-mail address"),
    "a due date with automatic charging": ({"days_until_due": 30}, "charged automatically has no due date"),
    "a due date at all with automatic charging": (
        {"due_date": datetime(2030, 1, 1, tzinfo=UTC)},
        "charged automatically has no due date",
    ),
    "no due date when sending": (SENT, "needs either days_until_due or due_date"),
    "two due dates": (
        {**SENT, "days_until_due": 3, "due_date": datetime(2030, 1, 1, tzinfo=UTC)},
        "needs either days_until_due or due_date",
    ),
    "a due date somewhere in the world": ({**SENT, "due_date": "2030-01-01T00:00:00"}, "timezone"),
    "nobody to send to": (
        {**SENT, "days_until_due": 3, "customer_email": None, "customer_external_id": "K-1"},
        "set customer_email",
    ),
    "a card for what is not charged": ({**WAIT, "payment_method": "pm_1"}, "only for settlement 'pay'"),
    "a malformed customer id": ({"customer_email": None, "customer": "cus_1/../x"}, "is not an id of Stripe's"),
    "a malformed price id": ({"lines": [{"price": "price 1"}]}, "is not an id of Stripe's"),
    "a malformed card id": ({"payment_method": "pm_1?x=y"}, "is not an id of Stripe's"),
    "a line break in the order number": ({"external_id": "ORD-1\n"}, "control characters"),
    "a null in the order number": ({"external_id": "ORD\x00"}, "control characters"),
    "a blank order number": ({"external_id": " "}, "spaces at its ends"),
    "no order number": ({"external_id": ""}, "external_id"),
    "a correction of no line": ({"corrections": [{"line": 9, "quantity": 1}]}, "names line 9"),
    "two corrections of a line": (
        {"corrections": [{"line": 1, "quantity": 1}, {"line": 1, "quantity": 2}]},
        "corrected twice",
    ),
    "a correction of nothing": ({"corrections": [{"line": 1}]}, "changes nothing"),
    "a correction of a price": (
        {"lines": [{"price": "price_1"}], "corrections": [{"line": 1, "unit_amount": 1}]},
        "has a price",
    ),
    "a correction into less than nothing": ({"corrections": [{"line": 1, "unit_amount": -9}]}, "less than nothing"),
    "nothing to be voided": ({"settlement": "void", "lines": [line(unit_amount=0)]}, "cannot be written off or voided"),
    "a misspelt field": ({"max_payment_attempt": 2}, "is 'max_payment_attempts' meant?"),
    "a misspelt field of a line": ({"lines": [line(unitamount=1300)]}, "is 'unit_amount' meant?"),
    "a field unlike any": ({"xyz": 2}, "xyz"),
    "no attempts": ({"max_payment_attempts": 0}, "greater than or equal to 1"),
    "a settlement that there is not": ({"settlement": "refund"}, "'pay'"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_an_order_may_not_say_is_refused_in_one_clear_message(what: str) -> None:
    given, told = BAD[what]
    usual: dict[str, Any] = {
        "external_id": "ORD-1",
        "currency": "usd",
        "lines": [line()],
        "customer_email": "jenny@example.com",
    }
    if "customer" in given and what != "both customer forms":
        del usual["customer_email"]
    with pytest.raises(ValidationError) as refused:
        InvoiceOrder.model_validate(usual | given)
    assert refused.value.error_count() == 1, refused.value
    (error,) = refused.value.errors()
    assert told in error["msg"] or told in error["loc"], error["msg"]
    assert "pattern" not in error["msg"], "a regular expression is no message"


def test_what_stripe_alone_can_refuse_is_told_in_its_words(world: World) -> None:
    product = world.post("products", name="Licence")["id"]
    euro = world.post("prices", product=product, currency="eur", unit_amount=9900)["id"]
    cases: dict[str, dict[str, Any]] = {
        "no more than $999,999.99": {"lines": [line(unit_amount=99_999_999, quantity=2)]},
        "No such price: 'price_unknown'": {"lines": [{"price": "price_unknown"}]},
        "No such PaymentMethod: 'pm_unknown'": {"payment_method": "pm_unknown"},
        "currency": {"lines": [{"price": euro}]},
    }
    for number, (told, more) in enumerate(cases.items()):
        run = world.run(world.order(external_id=f"ORD-{number}", **more))
        assert run.ending == "rejected"
        assert told in run.reason
    assert "charged" not in world.money
    assert {invoice["status"] for invoice in world.all("invoices")} == {"draft"}


def test_a_price_without_a_fixed_amount_needs_the_orders_total(world: World) -> None:
    product = world.post("products", name="Licence")["id"]
    half = world.post("prices", product=product, currency="usd", unit_amount_decimal="0.5")["id"]
    lines = [{"price": half, "quantity": 3000}]
    run = world.run(world.order(**WAIT, lines=lines))
    assert (run.ending, world.invoice()["status"]) == ("rejected", "draft")
    assert "state the order's total" in run.reason
    assert world.run(world.order(**WAIT, lines=lines, total=1500)).ending == "done"
    assert (world.invoice()["status"], world.invoice()["total"]) == ("open", 1500)


def test_an_order_that_does_not_tie_out_stays_a_draft_and_goes_on_once_corrected(world: World) -> None:
    run = world.run(world.order(total=46301))
    assert (run.ending, world.invoice()["status"]) == ("rejected", "draft")
    for told in ("463.00 USD", "46300", "463.01 USD", "46301", world.invoice()["id"]):
        assert told in run.reason
    corrections = [{"line": 2, "unit_amount": 1301}]
    assert world.run(world.order(total=46301, corrections=corrections)).ending == "done"
    assert (world.invoice()["status"], world.invoice()["total"], world.money["invoices"]) == ("paid", 46301, 1)


def test_a_payment_method_that_cannot_be_charged_stops_a_draft_which_goes_on_once_corrected(world: World) -> None:
    other = world.post("customers", email="other@example.com")["id"]
    elsewhere = world.post("payment_methods/pm_card_visa/attach", customer=other)["id"]
    for wrong, told in (("pm_unknown", "No such PaymentMethod"), (elsewhere, f"another customer's ({other})")):
        run = world.run(world.order(payment_method=wrong))
        assert (run.ending, world.invoice()["status"]) == ("rejected", "draft")
        assert told in run.reason
    assert world.run(world.order()).ending == "done"
    assert (world.invoice()["status"], world.money["invoices"], world.money["charged"]) == ("paid", 1, 1)


# What does not even get to Stripe


@pytest.mark.parametrize("settlement", ["pay", "wait"])
def test_a_wrong_key_or_no_host_fails_with_one_message_and_touches_nothing(world: World, settlement: str) -> None:
    order = world.order(settlement=settlement)

    def run(**config: Any) -> StripeError:
        usual: dict[str, Any] = {"api_key": world.sandbox.api_key, "api_base": world.sandbox.url, "retries": PATIENT}
        client = StripeClient(ClientConfig(**usual | config))
        with pytest.raises(StripeError) as failed:
            drive(invoice_process(order, "test:"), lambda step: perform(client, step.call))
        return failed.value

    nobody = run(api_base="http://127.0.0.1:9")
    assert isinstance(nobody, APIConnectionError)
    assert "no answer from http://127.0.0.1:9" in str(nobody)
    assert nobody.retryable
    stranger = run(api_key="sk_test_wrong-wrong-wrong")
    assert isinstance(stranger, AuthenticationError)
    assert "Invalid API Key" in str(stranger)
    assert "wrong-wrong" not in str(stranger)
    assert world.effects == 0


def test_a_live_key_that_may_not_write_writes_nothing(world: World) -> None:
    config = ClientConfig(api_key="sk_live_sandbox", mode="live", api_base=world.sandbox.url, retries=PATIENT)
    client = StripeClient(config)
    with pytest.raises(PermissionDeniedError, match="allow_live_writes"):
        drive(invoice_process(world.order(), "live:"), lambda step: perform(client, step.call))
    assert world.effects == 0


@pytest.mark.parametrize("api_key", ["", "pk_test_1", "sk_live_1", "hunter2", "sk_test_1 "])
def test_a_key_that_cannot_be_one_is_refused_before_anything_is_sent(api_key: str) -> None:
    with pytest.raises(AuthenticationError) as refused:
        ClientConfig(api_key=api_key)
    assert not api_key or api_key not in str(refused.value)


@pytest.mark.parametrize("days", [0, -1, 36_501])
def test_a_look_back_that_sees_nothing_or_is_no_span_is_refused(world: World, days: int) -> None:
    with pytest.raises(ParameterError, match="look_back_days"):
        drive(invoice_process(world.order(), "test:", days), lambda step: perform(world.client(), step.call))
    assert not world.sandbox.ledger.exchanges


# Any order

words = st.text("abcÄßЖ日本🧾\"'\\&=%[]<>", min_size=1, max_size=20)
amounts = st.integers(0, 2_000).map(lambda amount: amount * 100) | st.integers(-2_000, 20_000)
lines: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"description": words, "quantity": st.integers(1, 40), "unit_amount": amounts}
)
corrections: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"line": st.just(1), "quantity": st.integers(1, 9)}, optional={"unit_amount": amounts}
)
orders: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "external_id": words,
        "currency": st.sampled_from(sorted(CURRENCIES)),
        "lines": st.lists(lines, min_size=1, max_size=4),
        "corrections": st.lists(corrections, max_size=1),
        "settlement": st.sampled_from(["pay", "paid_out_of_band", "wait", "mark_uncollectible", "void"]),
        "customer_email": st.sampled_from(["jenny@example.com", "Bob@Example.com"]),
    },
    optional={
        "customer_external_id": words,
        "description": words,
        "total": st.sampled_from([0, 100, 1234]),
    },
)


@given(given_order=orders)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_is_refused_or_comes_to_exactly_what_it_says(world: World, given_order: dict[str, Any]) -> None:
    world.sandbox.reset()
    try:
        order = InvoiceOrder.model_validate(
            given_order | ({"payment_method": "pm_card_visa"} if given_order["settlement"] == "pay" else {})
        )
    except ValidationError:
        event("refused before anything is sent")
        return
    run = world.run(order)
    assert run.ending in {"done", "rejected"}
    expected = order.total if order.total is not None else order.known_total
    invoice = world.invoice()
    event(run.ending)
    if run.ending == "rejected":
        assert run.reason
        assert invoice["status"] == "draft"
        assert "charged" not in world.money
        return
    assert (invoice["currency"], invoice["total"]) == (order.currency, expected)
    ordered = [
        (one.description, one.quantity, one.unit_amount * one.quantity)
        for one in order.final_lines
        if one.unit_amount is not None
    ]
    assert world.lines(invoice["id"]) == sorted(ordered)
    assert sum(charge["amount"] for charge in world.all("charges")) in {0, expected}
    effects = world.effects
    assert world.run(order).ending == "found_done"
    assert world.effects == effects
