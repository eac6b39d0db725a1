"""What the client builds on: keys, replays, headers, metadata, deletions, and how a request is refused."""

from __future__ import annotations

from typing import Any

import pytest

from prefect_stripe.client import CardError, IdempotencyError, InvalidRequestError
from prefect_stripe.tasks import create_customer, list_customers, retrieve_customer
from tests.contract.account import DECLINED, NOT_THERE, REFUSED, Account, said


def test_the_same_write_under_the_same_key_is_answered_and_not_done_again(account: Account) -> None:
    first = account.ask("create_customer", key=account.run, name=account.run)
    account.do("update_customer", first.data["id"], name="Changed since")
    again = account.ask("create_customer", key=account.run, name=account.run)
    assert (first.replayed, again.replayed) == (False, True)
    assert again.data == first.data  # as it was then, not as it is
    assert again.request_id != first.request_id
    assert account.do("retrieve_customer", first.data["id"])["name"] == "Changed since"


def test_another_write_under_the_same_key_is_refused(account: Account) -> None:
    account.do("create_customer", key=account.run, name=account.run)
    for operation, params in (
        ("create_customer", {"name": "Another"}),
        ("create_product", {"name": account.run}),
    ):
        error = account.refused(operation, key=account.run, **params)
        assert isinstance(error, IdempotencyError)
        assert said(error) == (400, "idempotency_error")


def test_a_decline_is_what_its_key_stands_for_from_then_on(account: Account) -> None:
    customer = account.customer("pm_card_chargeCustomerFail")
    invoice = account.invoice(customer, "open")["id"]
    first = account.refused("pay_invoice", invoice, key=account.run)
    account.do(
        "update_customer",
        customer,
        invoice_settings={"default_payment_method": account.card(customer, "pm_card_visa")},
    )
    again = account.refused("pay_invoice", invoice, key=account.run)
    assert isinstance(again, CardError)
    assert (said(again), first.replayed, again.replayed) == (DECLINED, False, True)
    assert account.do("pay_invoice", invoice, key=f"{account.run}-2")["status"] == "paid"


@pytest.mark.usefixtures("unchecked")
def test_what_was_refused_before_it_began_leaves_its_key_free(account: Account) -> None:
    error = account.refused("create_customer", key=account.run, emial="jenny@example.com")
    assert isinstance(error, InvalidRequestError)
    assert (said(error), error.code, error.param) == (REFUSED, "parameter_unknown", "emial")
    assert account.ask("create_customer", key=account.run, name=account.run).replayed is False


def test_an_answer_says_when_and_by_which_id(account: Account) -> None:
    made = account.ask("create_customer", name=account.run)
    read = account.ask("retrieve_customer", made.data["id"])
    assert made.request_id
    assert made.request_id.startswith("req_")
    assert made.date is not None
    assert abs(made.date.timestamp() - made.data["created"]) <= 5  # one clock, Stripe's
    assert read.date is not None
    assert read.date >= made.date
    error = account.refused("retrieve_customer", "cus_none")
    assert error.request_id
    assert error.request_id.startswith("req_")


def test_what_is_not_there(account: Account) -> None:
    error = account.refused("retrieve_customer", "cus_none")
    assert (said(error), error.code) == (NOT_THERE, "resource_missing")
    error = account.refused("create_invoice", customer="cus_none", currency="usd")
    assert (said(error), error.code, error.param) == (REFUSED, "resource_missing", "customer")


@pytest.mark.usefixtures("unchecked")
def test_a_required_parameter_is_asked_for(account: Account) -> None:
    error = account.refused("create_payment_intent", amount=5000)
    assert (said(error), error.code, error.param) == (REFUSED, "parameter_missing", "currency")


def test_metadata_merges_a_key_goes_when_it_is_empty_and_all_when_that_is(account: Account) -> None:
    id = account.do("create_customer", metadata={"a": "1", "b": "2"})["id"]
    assert account.do("update_customer", id, metadata={"b": "", "c": "3"})["metadata"] == {"a": "1", "c": "3"}
    assert account.do("update_customer", id, name=account.run)["metadata"] == {"a": "1", "c": "3"}
    assert account.do("update_customer", id, metadata="")["metadata"] == {}


def test_an_empty_string_clears_a_field(account: Account) -> None:
    id = account.do("create_customer", description="Once", address={"city": "Dublin"})["id"]
    cleared = account.do("update_customer", id, description="", address="")
    assert (cleared["description"], cleared["address"]) == (None, None)


def test_text_arrives_as_it_was_sent(account: Account) -> None:
    text = "Ünïcode & = + % 日本語 [x]"
    made = account.do("create_customer", name=text, metadata={"note": text})
    assert (made["name"], made["metadata"]) == (text, {"note": text})


@pytest.mark.parametrize("metadata", [{"k" * 41: "v"}, {"k": "v" * 501}, {f"k{n}": "v" for n in range(51)}])
def test_metadata_has_bounds(account: Account, metadata: dict[str, str]) -> None:
    assert said(account.refused("create_customer", metadata=metadata)) == REFUSED


def test_a_deleted_customer_is_a_stub_that_takes_nothing_more(account: Account) -> None:
    id = account.customer("pm_card_visa")
    stub = {"id": id, "object": "customer", "deleted": True}
    assert account.do("delete_customer", id) == stub
    assert account.do("retrieve_customer", id) == stub
    error = account.refused("update_customer", id, name="Back again")
    assert (said(error), error.code) == (NOT_THERE, "resource_missing")
    assert said(account.refused("delete_customer", id)) == NOT_THERE
    error = account.refused("create_invoice", customer=id, currency="usd")
    assert (said(error), error.code, error.param) == (REFUSED, "resource_missing", "customer")
    assert account.all("list_customers", email=f"{account.run}@example.com") == []


def test_a_product_with_prices_is_archived_and_not_deleted(account: Account) -> None:
    product = account.do("create_product", name=account.run)["id"]
    account.do("create_price", product=product, currency="usd", unit_amount=100)
    assert said(account.refused("delete_product", product)) == REFUSED
    assert account.do("update_product", product, active=False)["active"] is False
    bare = account.do("create_product", name=account.run)["id"]
    assert account.do("delete_product", bare)["deleted"] is True


def test_a_products_id_is_its_owners_to_choose_once(account: Account) -> None:
    assert account.do("create_product", id=account.run, name="Mug")["id"] == account.run
    error = account.refused("create_product", id=account.run, name="Mug")
    assert (said(error), error.code) == (REFUSED, "resource_already_exists")


def test_a_lookup_key_is_one_prices_until_it_is_transferred(account: Account) -> None:
    product = account.do("create_product", name=account.run)["id"]
    price: dict[str, Any] = {"product": product, "currency": "usd", "unit_amount": 100, "lookup_key": account.run}
    account.do("create_price", **price)
    assert said(account.refused("create_price", **price)) == REFUSED
    second = account.do("create_price", **price, transfer_lookup_key=True)["id"]
    assert [one["id"] for one in account.all("list_prices", lookup_keys=[account.run])] == [second]


def test_what_is_expanded_is_there_whole(account: Account) -> None:
    invoice = account.invoice(account.customer("pm_card_visa"), "paid")
    deep = "payments.data.payment.payment_intent"
    shown = account.client.call("retrieve_invoice", invoice["id"], expand=["customer", deep]).data
    assert shown["customer"]["name"] == f"Acme {account.run}"
    assert shown["payments"]["data"][0]["payment"]["payment_intent"]["status"] == "succeeded"
    with pytest.raises(InvalidRequestError) as caught:
        account.client.call("retrieve_invoice", invoice["id"], expand=["customer.a.b.c.d"])
    assert said(caught.value) == REFUSED


def test_the_tasks_say_the_same(account: Account) -> None:
    made = create_customer.fn(account.credentials, name=account.run, email=f"{account.run}@example.com")
    assert retrieve_customer.fn(account.credentials, made["id"]) == made
    assert list_customers.fn(account.credentials, email=made["email"]) == [made]
