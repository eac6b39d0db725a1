"""Whatever is asked, there is an answer; and what is found by search is walked to its end, whatever is done to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
import stripe

from prefect_stripe.client import search
from prefect_stripe.sandbox import Sandbox
from prefect_stripe.sandbox import search as served

DEEP = "metadata" + "[a]" * 300


@pytest.mark.parametrize("name", ["expand[" + "9" * 5000 + "]", "expand[²]", DEEP])
def test_a_name_that_means_harm_is_refused(http: httpx.Client, name: str) -> None:
    assert http.get("/v1/customers", params={name: "x"}).status_code == 400
    keyed = http.post("/v1/customers", data={name: "x"}, headers={"Idempotency-Key": "k"})
    assert keyed.status_code == 400
    assert http.post("/v1/customers", headers={"Idempotency-Key": "k"}).status_code == 200, "it is free again"


def test_head_is_answered_without_a_body(http: httpx.Client) -> None:
    for _ in range(2):
        assert http.head("/v1/customers").content == b""
    assert http.get("/v1/customers").status_code == 200


@pytest.mark.parametrize("where", ["validation.coerce", "expand.render"])
def test_a_bug_of_ours_is_an_answer_and_holds_no_key_and_leaves_nothing_done(
    sandbox: Sandbox,
    http: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    where: str,
) -> None:
    def bug(*_: Any, **__: Any) -> None:
        raise RecursionError("planted")

    with monkeypatch.context() as patch:
        patch.setattr(f"prefect_stripe.sandbox.{where}", bug)
        assert http.post("/v1/customers", headers={"Idempotency-Key": "k"}).status_code == 500
    assert "planted" in capfd.readouterr().err
    assert http.get("/v1/customers").json()["data"] == []
    assert sandbox.ledger.count("customer.created") == 0
    assert http.post("/v1/customers", headers={"Idempotency-Key": "k"}).status_code == 200


def test_a_key_in_flight_keeps_no_other_from_being_forgotten(sandbox: Sandbox, http: httpx.Client) -> None:
    http.post("/v1/customers", headers={"Idempotency-Key": "held"})
    entries = next(iter(sandbox.app.store.accounts.values())).keys.entries
    entries["held"].status = None
    first = http.post("/v1/customers", headers={"Idempotency-Key": "after"}).json()["id"]
    sandbox.clock.advance(timedelta(hours=25))
    again = http.post("/v1/customers", headers={"Idempotency-Key": "after"})
    assert "idempotent-replayed" not in again.headers
    assert again.json()["id"] != first


@pytest.mark.parametrize("done", ["update", "delete"])
def test_what_leaves_the_query_as_one_goes_does_not_end_the_walk(sdk: stripe.StripeClient, done: str) -> None:
    made = {sdk.v1.customers.create({"metadata": {"todo": "1"}}).id for _ in range(7)}
    seen: list[str] = []
    found = sdk.v1.customers.search({"query": 'metadata["todo"]:"1"', "limit": 2})
    for customer in found.auto_paging_iter():
        seen.append(customer.id)
        if done == "update":
            sdk.v1.customers.update(customer.id, {"metadata": {"todo": "0"}})
        else:
            sdk.v1.customers.delete(customer.id)
    assert len(seen) == 7
    assert {*seen} == made


@pytest.mark.parametrize("value", ["NaN", '"sNaN"', "Infinity", "1e999999999", "1_000", '"\u0661"', '""'])
def test_what_is_no_number_is_refused(http: httpx.Client, value: str) -> None:
    answer = http.get("/v1/customers/search", params={"query": f"created>{value}"})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "query"


def test_a_value_of_several_lines_is_found(sdk: stripe.StripeClient) -> None:
    made = sdk.v1.customers.create({"metadata": {"note": 'one\n"two"\\'}}).id
    query = search.search_query("customers", ("metadata[note]", ":", 'one\n"two"\\'))
    assert [one.id for one in sdk.v1.customers.search({"query": query}).data] == [made]


def test_the_fields_that_are_served_are_those_that_a_query_is_written_by() -> None:
    ours = {searched.removesuffix("s"): dict(fields) for searched, fields in search.FIELDS.items()}
    assert ours == {object: dict(fields) for object, fields in served.FIELDS.items()}


# Bank transfers


def waiting(sdk: stripe.StripeClient, customer: str, amount: int) -> str:
    return sdk.v1.payment_intents.create(
        {
            "amount": amount,
            "currency": "usd",
            "customer": customer,
            "confirm": True,
            "payment_method_data": {"type": "customer_balance"},
            "allowed_payment_method_types": ["customer_balance", "card"],
            "payment_method_options": {
                "customer_balance": {"funding_type": "bank_transfer", "bank_transfer": {"type": "us_bank_transfer"}}
            },
        }  # type: ignore[arg-type]
    ).id


def fund(http: httpx.Client, customer: str, amount: int) -> None:
    path = f"/v1/test_helpers/customers/{customer}/fund_cash_balance"
    assert http.post(path, data={"amount": str(amount), "currency": "usd"}).status_code == 200


def test_what_was_transferred_for_a_payment_that_is_canceled_pays_for_the_next(
    http: httpx.Client, sdk: stripe.StripeClient, customer: str
) -> None:
    first = waiting(sdk, customer, 1000)
    fund(http, customer, 400)
    sdk.v1.payment_intents.cancel(first)
    assert sdk.v1.payment_intents.retrieve(waiting(sdk, customer, 400)).status == "succeeded"


def test_who_pays_by_card_after_all_keeps_the_cash(http: httpx.Client, sdk: stripe.StripeClient, customer: str) -> None:
    first = waiting(sdk, customer, 1000)
    fund(http, customer, 400)
    card = sdk.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    assert sdk.v1.payment_intents.confirm(first, {"payment_method": card}).amount_received == 1000
    assert sdk.v1.payment_intents.retrieve(waiting(sdk, customer, 400)).status == "succeeded"


def test_what_moves_for_a_transfer_is_a_payment_and_for_a_card_a_charge(
    http: httpx.Client, sdk: stripe.StripeClient, customer: str
) -> None:
    waiting(sdk, customer, 1000)
    fund(http, customer, 1000)
    rows = sdk.v1.balance_transactions.list({"type": "payment"}).data
    assert [(row.amount, row.reporting_category) for row in rows] == [(1000, "charge")]
