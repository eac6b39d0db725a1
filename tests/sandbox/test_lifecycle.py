"""An invoice's whole life, driven by the official SDK over HTTP."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import pytest
import stripe

from prefect_stripe.sandbox import Sandbox


def plain(thing: stripe.StripeObject) -> dict[str, Any]:
    return thing.to_dict(for_json=True)


def draft(sdk: stripe.StripeClient, customer: str, amount: int = 5000, **params: object) -> stripe.Invoice:
    form: Any = {"customer": customer, "currency": "usd", **params}
    invoice = sdk.v1.invoices.create(form)
    sdk.v1.invoice_items.create(
        {"customer": customer, "invoice": invoice.id, "currency": "usd", "unit_amount_decimal": Decimal(amount)}
    )
    return sdk.v1.invoices.retrieve(invoice.id)


def test_customer_to_paid(sdk: stripe.StripeClient, sandbox: Sandbox) -> None:
    customer = sdk.v1.customers.create({"email": "ap@example.com", "name": "Acme"})
    card = sdk.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    assert card.id.startswith("pm_1")  # attaching mints a payment method of its own
    sdk.v1.customers.update(customer.id, {"invoice_settings": {"default_payment_method": card.id}})
    invoice = draft(sdk, customer.id, 12345)
    assert (invoice.status, invoice.number, invoice.total) == ("draft", None, 12345)
    invoice = sdk.v1.invoices.finalize_invoice(invoice.id)
    assert invoice.status == "open"
    assert invoice.number is not None
    assert invoice.number.endswith("-0001")
    assert (invoice.attempted, invoice.attempt_count) == (False, 0)
    paid = sdk.v1.invoices.pay(invoice.id, {"expand": ["payments.data.payment.payment_intent", "confirmation_secret"]})
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 12345, 0)
    assert paid.payments is not None
    intent = paid.payments.data[0].payment.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert (intent.status, intent.amount_received) == ("succeeded", 12345)
    charges = sdk.v1.charges.list({"payment_intent": intent.id, "expand": ["data.balance_transaction"]}).data
    assert [charge.status for charge in charges] == ["succeeded"]
    moved = charges[0].balance_transaction
    assert isinstance(moved, stripe.BalanceTransaction)
    assert (moved.amount, moved.fee, moved.net) == (12345, 388, 11957)  # 2.9 % of 123.45 is 3.58, and 0.30
    assert sandbox.ledger.count("charge.succeeded", amount=12345) == 1
    assert sandbox.ledger.count("invoice.paid", id=invoice.id) == 1


def test_an_item_is_priced_as_stripe_shows_it(sdk: stripe.StripeClient, customer: str) -> None:
    invoice = sdk.v1.invoices.create({"customer": customer, "currency": "eur"})
    item = sdk.v1.invoice_items.create(
        {
            "customer": customer,
            "invoice": invoice.id,
            "currency": "eur",
            "unit_amount_decimal": Decimal("0.125"),
            "quantity": 100,
            "description": "API calls",
        }
    )
    assert item.amount == 13  # 12.5 rounded half up, a line at a time
    line = sdk.v1.invoices.line_items.list(invoice.id).data[0]
    assert line.id.startswith("il_")
    assert (line.amount, line.quantity, line.description) == (13, 100, "API calls")
    assert line.pricing is not None
    assert line.pricing.unit_amount_decimal == Decimal("0.125")
    assert line.pricing.price_details is not None
    assert str(line.pricing.price_details.price).startswith("price_")
    assert line.parent is not None
    assert line.parent.invoice_item_details is not None
    assert line.parent.invoice_item_details.invoice_item == item.id


def test_lines_are_corrected_added_and_removed(sdk: stripe.StripeClient, customer: str) -> None:
    invoice = draft(sdk, customer, 1000)
    line = invoice.lines.data[0]
    invoice = sdk.v1.invoices.update_lines(invoice.id, {"lines": [{"id": line.id, "quantity": 3}]})
    assert invoice.total == 3000
    invoice = sdk.v1.invoices.update_lines(
        invoice.id, {"lines": [{"id": line.id, "amount": 700, "description": "less"}], "invoice_metadata": {"a": "b"}}
    )
    assert (invoice.total, invoice.lines.data[0].description) == (700, "less")
    assert plain(invoice)["metadata"] == {"a": "b"}
    invoice = sdk.v1.invoices.add_lines(invoice.id, {"lines": [{"amount": 50, "description": "post"}]})
    assert (invoice.total, len(invoice.lines.data)) == (750, 2)
    updated = sdk.v1.invoices.line_items.update(invoice.id, line.id, {"amount": 1})
    assert updated.amount == 1
    invoice = sdk.v1.invoices.remove_lines(invoice.id, {"lines": [{"id": line.id, "behavior": "delete"}]})
    assert invoice.total == 50
    left = invoice.lines.data[0]
    invoice = sdk.v1.invoices.remove_lines(invoice.id, {"lines": [{"id": left.id, "behavior": "unassign"}]})
    assert invoice.total == 0
    pending = sdk.v1.invoice_items.list({"customer": customer, "pending": True}).data
    assert [item.amount for item in pending] == [50]


def test_one_bad_line_changes_none(http: httpx.Client, sdk: stripe.StripeClient, customer: str) -> None:
    invoice = draft(sdk, customer, 1000)
    answer = http.post(
        f"/v1/invoices/{invoice.id}/update_lines",
        data={"lines[0][id]": invoice.lines.data[0].id, "lines[0][quantity]": 9, "lines[1][id]": "il_none"},
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "lines[1][id]"
    assert sdk.v1.invoices.retrieve(invoice.id).total == 1000


def test_only_ten_lines_are_embedded_and_the_rest_are_paged(sdk: stripe.StripeClient, customer: str) -> None:
    invoice = sdk.v1.invoices.create({"customer": customer, "currency": "usd"})
    for number in range(13):
        sdk.v1.invoice_items.create(
            {"customer": customer, "invoice": invoice.id, "amount": 100 + number, "currency": "usd"}
        )
    invoice = sdk.v1.invoices.retrieve(invoice.id)
    assert (len(invoice.lines.data), invoice.lines.has_more) == (10, True)
    amounts = [line.amount for line in sdk.v1.invoices.line_items.list(invoice.id, {"limit": 5}).auto_paging_iter()]
    assert amounts == [100 + number for number in range(13)]
    last = sdk.v1.invoices.line_items.list(invoice.id, {"limit": 100}).data[-1]
    before = sdk.v1.invoices.line_items.list(invoice.id, {"limit": 5, "ending_before": last.id})
    assert [line.amount for line in before.auto_paging_iter()] == [111 - number for number in range(12)]


def test_an_invoice_takes_250_items_and_no_more(http: httpx.Client, customer: str) -> None:
    invoice = http.post("/v1/invoices", data={"customer": customer, "currency": "usd"}).json()["id"]
    form = {f"lines[{number}][amount]": "100" for number in range(250)}
    assert http.post(f"/v1/invoices/{invoice}/add_lines", data=form).json()["total"] == 25000
    answer = http.post(
        "/v1/invoiceitems", data={"customer": customer, "invoice": invoice, "amount": 1, "currency": "usd"}
    )
    assert answer.status_code == 400


def test_a_decline_is_a_402_that_changed_things(sdk: stripe.StripeClient, sandbox: Sandbox, customer: str) -> None:
    bad = sdk.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
    invoice = sdk.v1.invoices.finalize_invoice(draft(sdk, customer).id)
    with pytest.raises(stripe.CardError) as caught:
        sdk.v1.invoices.pay(invoice.id, {"payment_method": bad.id})
    error = caught.value.error
    assert error is not None
    assert (error.code, error.decline_code) == ("card_declined", "generic_decline")
    assert error.payment_intent is not None
    assert error.payment_intent.status == "requires_payment_method"
    assert error.payment_method is not None
    assert error.payment_method.id == bad.id
    invoice = sdk.v1.invoices.retrieve(invoice.id)
    assert (invoice.status, invoice.attempted, invoice.attempt_count) == ("open", True, 1)
    assert sdk.v1.charges.retrieve(str(error.charge)).status == "failed"
    with pytest.raises(stripe.CardError):
        sdk.v1.invoices.pay(invoice.id, {"payment_method": bad.id})
    assert sdk.v1.invoices.retrieve(invoice.id).attempt_count == 1  # only the first manual attempt counts
    assert sandbox.ledger.count("charge.failed") == 2
    assert sdk.v1.invoices.pay(invoice.id).status == "paid"
    assert sandbox.ledger.count("charge.succeeded") == 1


@pytest.mark.parametrize(
    ("token", "code", "decline_code"),
    [
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
    ],
)
def test_a_declining_card_is_refused_on_attaching(
    http: httpx.Client, customer: str, token: str, code: str, decline_code: str
) -> None:
    answer = http.post(f"/v1/payment_methods/{token}/attach", data={"customer": customer})
    assert answer.status_code == 402
    error = answer.json()["error"]
    assert (error["type"], error["code"], error["decline_code"]) == ("card_error", code, decline_code)
    assert len(http.get(f"/v1/customers/{customer}/payment_methods").json()["data"]) == 1


def test_a_test_token_is_nobodys_until_it_is_attached(http: httpx.Client, customer: str) -> None:
    one, other = (http.get("/v1/payment_methods/pm_card_visa").json() for _ in range(2))
    assert (one["customer"], other["customer"]) == (None, None)
    assert one["id"] != other["id"]
    assert http.post(f"/v1/payment_methods/{one['id']}/attach", data={"customer": customer}).json()["id"] == one["id"]
    stranger = http.post("/v1/customers").json()["id"]
    answer = http.post(f"/v1/payment_methods/{one['id']}/attach", data={"customer": stranger})
    assert answer.status_code == 400
    assert http.get("/v1/payment_methods/pm_card_unheard_of").status_code == 404


def test_a_card_that_wants_authentication_leaves_the_invoice_open(sdk: stripe.StripeClient, customer: str) -> None:
    card = sdk.v1.payment_methods.attach("pm_card_authenticationRequired", {"customer": customer})
    invoice = sdk.v1.invoices.finalize_invoice(draft(sdk, customer).id)
    with pytest.raises(stripe.CardError) as caught:
        sdk.v1.invoices.pay(invoice.id, {"payment_method": card.id})
    assert caught.value.code == "invoice_payment_intent_requires_action"
    assert sdk.v1.invoices.retrieve(invoice.id).status == "open"


def test_sent_and_paid_out_of_band(sdk: stripe.StripeClient, sandbox: Sandbox, customer: str) -> None:
    invoice = draft(sdk, customer, collection_method="send_invoice", days_until_due=30)
    assert invoice.due_date == invoice.created + 30 * 86400
    invoice = sdk.v1.invoices.send_invoice(invoice.id)
    assert invoice.status == "open"
    paid = sdk.v1.invoices.pay(invoice.id, {"paid_out_of_band": True, "expand": ["payments"]})
    assert (paid.status, paid.amount_paid, paid.amount_paid_off_stripe) == ("paid", 5000, 5000)
    assert paid.attempted is False
    assert paid.payments is not None
    assert {payment.payment.type: payment.status for payment in paid.payments.data} == {
        "payment_intent": "canceled",
        "payment_record": "paid",
    }
    assert sandbox.ledger.count("charge.succeeded") == 0
    assert sandbox.ledger.count("invoice.sent") == 1


def test_nothing_due_is_paid_at_once(sdk: stripe.StripeClient, sandbox: Sandbox, customer: str) -> None:
    invoice = sdk.v1.invoices.create({"customer": customer, "currency": "usd"})
    invoice = sdk.v1.invoices.finalize_invoice(invoice.id, {"expand": ["payments"]})
    assert (invoice.status, invoice.attempted, invoice.attempt_count) == ("paid", True, 0)
    assert invoice.payments is not None
    assert invoice.payments.data == []
    assert sandbox.ledger.count("charge.succeeded") == 0


def test_below_the_minimum_goes_to_the_balance_and_onto_the_next_invoice(
    sdk: stripe.StripeClient, sandbox: Sandbox, customer: str
) -> None:
    small = sdk.v1.invoices.finalize_invoice(draft(sdk, customer, 30).id)
    assert (small.status, small.total, small.amount_due, small.ending_balance) == ("paid", 30, 0, 30)
    assert sdk.v1.customers.retrieve(customer).balance == 30
    following = sdk.v1.invoices.pay(draft(sdk, customer, 1000).id)
    assert (following.total, following.starting_balance, following.amount_paid) == (1000, 30, 1030)
    assert sdk.v1.customers.retrieve(customer).balance == 0
    assert sandbox.ledger.count("charge.succeeded", amount=1030) == 1


def test_credit_is_used_before_the_card(sdk: stripe.StripeClient, customer: str) -> None:
    sdk.v1.customers.update(customer, {"balance": -700})
    invoice = sdk.v1.invoices.pay(draft(sdk, customer, 1000).id)
    assert (invoice.total, invoice.amount_due, invoice.amount_paid) == (1000, 300, 300)
    assert sdk.v1.customers.retrieve(customer).balance == 0


@pytest.mark.parametrize(("currency", "unit", "quantity", "total"), [("jpy", "500", 3, 1500), ("kwd", "1250", 2, 2500)])
def test_currencies_without_cents(
    sdk: stripe.StripeClient, customer: str, currency: str, unit: str, quantity: int, total: int
) -> None:
    invoice = sdk.v1.invoices.create({"customer": customer, "currency": currency})
    sdk.v1.invoice_items.create(
        {
            "customer": customer,
            "invoice": invoice.id,
            "currency": currency,
            "unit_amount_decimal": Decimal(unit),
            "quantity": quantity,
        }
    )
    assert sdk.v1.invoices.pay(invoice.id).amount_paid == total


def test_pending_items_are_left_out_unless_asked_for(sdk: stripe.StripeClient, customer: str) -> None:
    sdk.v1.invoice_items.create({"customer": customer, "amount": 400, "currency": "usd"})
    sdk.v1.invoice_items.create({"customer": customer, "amount": 500, "currency": "usd"})
    assert sdk.v1.invoices.create({"customer": customer, "currency": "usd"}).total == 0
    swept = sdk.v1.invoices.create({"customer": customer, "pending_invoice_items_behavior": "include"})
    assert (swept.total, [line.amount for line in swept.lines.data]) == (900, [500, 400])
    sdk.v1.invoices.delete(swept.id)
    # Deleting the draft strands the items that it swept.
    assert sdk.v1.invoice_items.list({"customer": customer, "pending": True}).data == []
    stranded = sdk.v1.invoice_items.list({"customer": customer}).data[0]
    with pytest.raises(stripe.InvalidRequestError, match="This invoice item has been deleted"):
        sdk.v1.invoice_items.update(stranded.id, {"amount": 1})


def test_numbers_count_up_by_customer(sdk: stripe.StripeClient, customer: str) -> None:
    numbers = [sdk.v1.invoices.finalize_invoice(draft(sdk, customer).id).number or "" for _ in range(2)]
    assert [number.split("-")[1] for number in numbers] == ["0001", "0002"]
    assert numbers[0].split("-")[0] == sdk.v1.customers.retrieve(customer).invoice_prefix


def test_connected_accounts_and_modes_see_nothing_of_each_other(sandbox: Sandbox, sdk: stripe.StripeClient) -> None:
    mine = sdk.v1.customers.create({})
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        sdk.v1.customers.retrieve(mine.id, options={"stripe_account": "acct_other"})
    live = stripe.StripeClient("sk_live_sandbox", base_addresses={"api": sandbox.url})
    with pytest.raises(stripe.InvalidRequestError, match="a similar object exists in test mode, but a live mode key"):
        live.v1.customers.retrieve(mine.id)
    assert live.v1.customers.create({}).livemode is True
    theirs = sdk.v1.customers.create({}, options={"stripe_account": "acct_other"})
    assert [one.id for one in sdk.v1.customers.list().data] == [mine.id]
    listed = sdk.v1.customers.list(options={"stripe_account": "acct_other"})
    assert [one.id for one in listed.auto_paging_iter()] == [theirs.id]


def test_metadata_merges(sdk: stripe.StripeClient) -> None:
    id = sdk.v1.customers.create({"metadata": {"a": "1", "b": "2"}}).id
    assert plain(sdk.v1.customers.update(id, {"metadata": {"b": "", "c": "3"}}))["metadata"] == {"a": "1", "c": "3"}
    assert plain(sdk.v1.customers.update(id, {"name": "x"}))["metadata"] == {"a": "1", "c": "3"}
    assert plain(sdk.v1.customers.update(id, {"metadata": ""}))["metadata"] == {}


def test_paging_walks_all_both_ways_and_refuses_a_dead_cursor(sdk: stripe.StripeClient) -> None:
    made = [sdk.v1.customers.create({}).id for _ in range(7)]
    listed = sdk.v1.customers.list({"limit": 3})
    assert [one.id for one in listed.auto_paging_iter()] == made[::-1]
    upwards = sdk.v1.customers.list({"limit": 3, "ending_before": made[0]})
    assert [one.id for one in upwards.auto_paging_iter()] == made[1:]
    sdk.v1.customers.delete(made[3])
    with pytest.raises(stripe.InvalidRequestError) as caught:
        sdk.v1.customers.list({"starting_after": made[3]})
    assert (caught.value.http_status, caught.value.code) == (400, "resource_missing")
    assert caught.value.error is not None
    assert caught.value.error.param == "starting_after"
    assert sdk.v1.customers.retrieve(made[3]).deleted is True
    assert made[3] not in [one.id for one in sdk.v1.customers.list({"limit": 100}).data]
