"""The idempotency store: what is kept, what is not, and two requests at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest

from prefect_stripe.sandbox import Sandbox

KEY = {"Idempotency-Key": "order-1"}


def test_a_repeat_gets_the_first_answer_and_does_nothing(http: httpx.Client, sandbox: Sandbox) -> None:
    first = http.post("/v1/customers", data={"name": "a"}, headers=KEY)
    again = http.post("/v1/customers", data={"name": "a"}, headers=KEY)
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Original-Request"] == first.headers["Request-Id"] != again.headers["Request-Id"]
    assert "Idempotent-Replayed" not in first.headers
    assert sandbox.ledger.count("customer.created") == 1
    assert [exchange.replayed for exchange in sandbox.ledger.exchanges] == [False, True]


def test_a_repeat_is_a_snapshot_of_then(http: httpx.Client) -> None:
    id = http.post("/v1/customers", data={"name": "a"}, headers=KEY).json()["id"]
    http.post(f"/v1/customers/{id}", data={"name": "b"})
    assert http.post("/v1/customers", data={"name": "a"}, headers=KEY).json()["name"] == "a"


def test_other_parameters_or_another_endpoint_are_refused(http: httpx.Client, sandbox: Sandbox) -> None:
    http.post("/v1/customers", data={"name": "a"}, headers=KEY)
    other = http.post("/v1/customers", data={"name": "b"}, headers=KEY)
    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    assert "same parameters they were first used with" in other.json()["error"]["message"]
    elsewhere = http.post("/v1/products", data={"name": "a"}, headers=KEY)
    assert (elsewhere.status_code, elsewhere.json()["error"]["type"]) == (400, "idempotency_error")
    assert "same endpoint" in elsewhere.json()["error"]["message"]
    assert sandbox.ledger.counts() == {"customer.created": 1}


def test_a_failure_while_executing_is_kept(http: httpx.Client, customer: str) -> None:
    form = {"customer": customer, "invoice": "in_none", "amount": 1, "currency": "usd"}
    assert http.post("/v1/invoiceitems", data=form, headers=KEY).status_code == 400
    again = http.post("/v1/invoiceitems", data=form, headers=KEY)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (400, "true")


def test_a_decline_is_kept_though_the_card_has_changed(http: httpx.Client, sandbox: Sandbox, customer: str) -> None:
    bad = http.post("/v1/payment_methods/pm_card_chargeCustomerFail/attach", data={"customer": customer}).json()["id"]
    http.post(f"/v1/customers/{customer}", data={"invoice_settings[default_payment_method]": bad})
    invoice = http.post("/v1/invoices", data={"customer": customer, "currency": "usd"}).json()["id"]
    http.post("/v1/invoiceitems", data={"customer": customer, "invoice": invoice, "amount": 500, "currency": "usd"})
    assert http.post(f"/v1/invoices/{invoice}/pay", headers=KEY).status_code == 402
    good = http.post("/v1/payment_methods/pm_card_visa/attach", data={"customer": customer}).json()["id"]
    http.post(f"/v1/customers/{customer}", data={"invoice_settings[default_payment_method]": good})
    assert http.post(f"/v1/invoices/{invoice}/pay", headers=KEY).status_code == 402
    assert http.post(f"/v1/invoices/{invoice}/pay", headers={"Idempotency-Key": "second"}).status_code == 200
    assert sandbox.ledger.count("charge.failed") == 1
    assert sandbox.ledger.count("charge.succeeded") == 1


@pytest.mark.parametrize(
    ("fault", "status"), [("rate_limit", 429), ("lock_timeout", 429), (None, 400)], ids=["limit", "lock", "validation"]
)
def test_what_never_began_is_not_kept(http: httpx.Client, sandbox: Sandbox, fault: str | None, status: int) -> None:
    if fault:
        sandbox.faults.add(fault)  # type: ignore[arg-type]
    refused = http.post("/v1/customers", data={"name": "a"} if fault else {"nmae": "a"}, headers=KEY)
    assert refused.status_code == status
    accepted = http.post("/v1/customers", data={"name": "a"}, headers=KEY)
    assert accepted.status_code == 200
    assert "Idempotent-Replayed" not in accepted.headers


def test_an_unauthorized_request_is_not_kept(http: httpx.Client) -> None:
    assert http.post("/v1/customers", headers={**KEY, "Authorization": "Bearer wrong_key_xx"}).status_code == 401
    assert "Idempotent-Replayed" not in http.post("/v1/customers", headers=KEY).headers


def test_two_at_once_are_one_and_a_409(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.latency = 0.2
    start = threading.Barrier(2)

    def create() -> httpx.Response:
        start.wait()
        return http.post("/v1/customers", data={"name": "a"}, headers=KEY)

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(
            (job.result() for job in [pool.submit(create), pool.submit(create)]), key=lambda a: a.status_code
        )
    assert [answer.status_code for answer in answers] == [200, 409]
    assert answers[1].json()["error"]["code"] == "idempotency_key_in_use"
    assert sandbox.ledger.count("customer.created") == 1
    sandbox.latency = 0
    assert http.post("/v1/customers", data={"name": "a"}, headers=KEY).json() == answers[0].json()


def test_a_key_is_forgotten_after_a_day_of_the_sandboxs_clock(http: httpx.Client, sandbox: Sandbox) -> None:
    first = http.post("/v1/customers", headers=KEY).json()["id"]
    sandbox.clock.advance(timedelta(hours=23, minutes=59))
    assert http.post("/v1/customers", headers=KEY).json()["id"] == first
    sandbox.clock.advance(timedelta(minutes=2))
    assert http.post("/v1/customers", headers=KEY).json()["id"] != first


def test_keys_belong_to_an_account_and_mode(http: httpx.Client) -> None:
    one = http.post("/v1/customers", headers=KEY).json()["id"]
    other = http.post("/v1/customers", headers={**KEY, "Stripe-Account": "acct_other"}).json()["id"]
    live = http.post("/v1/customers", headers={**KEY, "Authorization": "Bearer sk_live_x"}).json()["id"]
    assert len({one, other, live}) == 3


def test_keys_mean_nothing_on_reads_and_deletes(http: httpx.Client) -> None:
    id = http.post("/v1/customers", headers=KEY).json()["id"]
    assert http.get(f"/v1/customers/{id}", headers=KEY).json()["id"] == id
    assert http.delete(f"/v1/customers/{id}", headers=KEY).json()["deleted"] is True


def test_a_key_of_more_than_255_characters_is_refused(http: httpx.Client) -> None:
    assert http.post("/v1/customers", headers={"Idempotency-Key": "k" * 255}).status_code == 200
    assert http.post("/v1/customers", headers={"Idempotency-Key": "k" * 256}).status_code == 400
