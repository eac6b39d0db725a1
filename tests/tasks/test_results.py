"""What a task hands to a flow: objects without secrets, errors that say where they are from, and no request in vain."""

# pyright: reportUnknownMemberType=false
# Prefect does not type `submit` in full.

from __future__ import annotations

import asyncio
import json
import pickle
from typing import Any

import pytest
from prefect import flow

from prefect_stripe import StripeCredentials, tasks
from prefect_stripe.client import APIConnectionError, CardError, InvalidRequestError, ParameterError, StripeError
from prefect_stripe.sandbox import Sandbox
from prefect_stripe.tasks import (
    aconfirm_payment_intent,
    confirm_payment_intent,
    create_customer,
    create_payment_intent,
    list_payment_intents,
    retrieve_customer,
    retrieve_payment_intent,
    update_invoice_line,
)

pytestmark = pytest.mark.server

PAYMENT: dict[str, Any] = {"amount": 5000, "currency": "usd", "allowed_payment_method_types": ["card"]}


def test_no_result_holds_a_client_secret(credentials: StripeCredentials) -> None:
    made = credentials.get_client().call("create_payment_intent", params=PAYMENT).data
    assert made["client_secret"]

    @flow
    def run() -> list[Any]:
        return [
            create_payment_intent(credentials, **PAYMENT),
            retrieve_payment_intent(credentials, made["id"]),
            list_payment_intents(credentials),
            confirm_payment_intent.submit(credentials, made["id"], payment_method="pm_card_visa").result(),
            asyncio.run(tasks.alist_payment_intents(credentials)),
        ]

    results = run()
    assert made["client_secret"] not in json.dumps(results)
    assert "_secret_" not in json.dumps(results)
    assert [result["client_secret"] for result in (*results[:2], *results[2], results[3], *results[4])] == [None] * 7


@pytest.mark.parametrize("sync", [True, False])
def test_a_decline_is_a_card_error_that_names_the_operation_and_its_object(
    sync: bool, credentials: StripeCredentials, stripe_sandbox: Sandbox
) -> None:
    payment = credentials.get_client().call("create_payment_intent", params=PAYMENT).data["id"]

    @flow
    def run() -> None:
        confirm_payment_intent(credentials, payment, payment_method="pm_card_visa_chargeDeclined")

    @flow
    async def arun() -> None:
        await aconfirm_payment_intent(credentials, payment, payment_method="pm_card_visa_chargeDeclined")

    with pytest.raises(CardError) as raised:
        run() if sync else asyncio.run(arun())
    error = raised.value
    assert (error.operation, error.ids, error.http_status) == ("confirm_payment_intent", (payment,), 402)
    assert (error.code, error.decline_code) == ("card_declined", "generic_decline")
    assert error.request_id in {exchange.request_id for exchange in stripe_sandbox.ledger.exchanges}
    assert "_secret_" not in f"{error} {error!r} {error.error}"
    assert b"_secret_" not in pickle.dumps(error)
    # A decline may not pass: the task is not tried again.
    assert len(stripe_sandbox.ledger.requests("confirm_payment_intent")) == 1


def test_what_does_not_exist_is_said_of_the_read_that_missed_it(credentials: StripeCredentials) -> None:
    @flow
    def run() -> None:
        retrieve_customer(credentials, "cus_none")

    with pytest.raises(InvalidRequestError, match="retrieve_customer cus_none: No such customer") as raised:
        run()
    assert (raised.value.operation, raised.value.ids, raised.value.code) == (
        "retrieve_customer",
        ("cus_none",),
        "resource_missing",
    )


def test_what_never_answers_is_tried_three_times_and_then_raised(
    credentials: StripeCredentials, stripe_sandbox: Sandbox
) -> None:
    stripe_sandbox.faults.add("close", "before", operation="create_customer", times=None)
    at_once = create_customer.with_options(retry_delay_seconds=0, retry_jitter_factor=0)

    @flow
    def run() -> None:
        at_once(credentials, name="Jenny Rosen")

    with pytest.raises(APIConnectionError) as raised:
        run()
    assert raised.value.operation == "create_customer"
    tried = stripe_sandbox.ledger.requests("create_customer")
    assert len(tried) == 3
    assert len({exchange.idempotency_key for exchange in tried}) == 1


@pytest.mark.parametrize("prefix", ["", "a"])
@pytest.mark.parametrize(
    ("operation", "ids", "params", "why"),
    [
        ("create_customer", (), {"emial": "jenny@example.com"}, "emial: unknown parameter; did you mean 'email'"),
        ("create_customer", (), {"address": {"town": "Dublin"}}, r"address\[town\]: unknown parameter"),
        ("list_customers", (), {"emial": "jenny@example.com"}, "did you mean 'email'"),
        ("create_price", (), {"currency": "eur", "unit_amount": 10.5}, "unit_amount: expected an integer"),
        ("retrieve_charge", ("ch_1",), {"expand": "customer"}, "expand is a string: write a list"),
        ("list_charges", (), {"expand": "data.customer"}, "expand is a string: write a list"),
        ("create_payment_intent", (), {"amount": None, "currency": "eur"}, "amount: required"),
        ("create_refund", (), {"charge": "ch_1", "amount": None}, "amount: None would be all that is left"),
        ("capture_payment_intent", ("pi_1",), {"amount_to_capture": None}, "amount_to_capture: None would be all"),
        ("retrieve_customer", ("",), {}, "customer"),
        ("delete_customer", ("cus_1 or cus_2",), {}, "customer"),
    ],
)
def test_what_stripe_cannot_mean_is_refused_before_any_request(
    prefix: str,
    operation: str,
    ids: tuple[str, ...],
    params: dict[str, Any],
    why: str,
    credentials: StripeCredentials,
    stripe_sandbox: Sandbox,
) -> None:
    task: Any = getattr(tasks, prefix + operation)

    @flow
    def run() -> object:
        result = task(credentials, *ids, **params)
        return asyncio.run(result) if prefix else result

    with pytest.raises(ParameterError, match=why) as raised:
        run()
    assert isinstance(raised.value, StripeError)
    assert raised.value.operation == operation
    assert stripe_sandbox.ledger.exchanges == []


def test_an_empty_id_among_others_is_refused_too(credentials: StripeCredentials, stripe_sandbox: Sandbox) -> None:
    @flow
    def run() -> None:
        update_invoice_line(credentials, "in_1", "", description="Coffee")

    with pytest.raises(ParameterError, match="line_item"):
        run()
    assert stripe_sandbox.ledger.exchanges == []


@pytest.mark.parametrize("task", [create_customer, tasks.acreate_customer])
def test_what_is_no_account_is_refused_in_words(task: Any, stripe_sandbox: Sandbox) -> None:
    """A key, a block's name, or what `load` gives in async code where nobody awaits it."""

    @flow
    def run() -> object:
        result = task(stripe_sandbox.api_key, name="Jenny Rosen")
        return asyncio.run(result) if asyncio.iscoroutine(result) else result

    with pytest.raises(
        ParameterError, match="create_customer: credentials: expected StripeCredentials, got str"
    ) as raised:
        run()
    assert stripe_sandbox.api_key not in str(raised.value)
    assert stripe_sandbox.ledger.exchanges == []
