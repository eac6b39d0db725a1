"""Writes whose key says nothing: Stripe has forgotten it, or has stored a failure of its own under it."""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from prefect import Flow, flow
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, PREFECT_API_URL
from prefect.states import Pending, Running
from pydantic import SecretStr

from prefect_stripe import StripeCredentials, tasks
from prefect_stripe.client import APIError, Call, IdempotencyError
from prefect_stripe.sandbox import Sandbox
from prefect_stripe.tasks.forgotten import LOOKS
from prefect_stripe.tasks.goals import holds
from prefect_stripe.tasks.identity import METADATA_KEY

pytestmark = pytest.mark.server

A_WEEKEND = timedelta(days=3)
NAME = "Jenny Rosen"


def a_run_of(what: Flow[..., Any], began: timedelta) -> Any:
    """Make a flow run that began so long ago, by the books of Prefect's server, and has not ended."""
    began_at = datetime.now(UTC) - began
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(what)
        client.set_flow_run_state(run.id, Running(), force=True)
        with sqlite3.connect(urlsplit(str(PREFECT_API_DATABASE_CONNECTION_URL.value())).path) as books:
            at = f"{began_at:%Y-%m-%d %H:%M:%S.%f}"
            books.execute("UPDATE flow_run SET created = ?, start_time = ? WHERE id = ?", (at, at, str(run.id)))
        run = client.read_flow_run(run.id)
        assert run.start_time == run.created == began_at
        return run


def again(what: Flow[..., Any], run: Any) -> Any:
    """Take the run up once more."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, Pending(), force=True)
    return run_flow(what, flow_run=run)


def made(sandbox: Sandbox, what: str) -> int:
    return sandbox.ledger.count(what)


def paid_charge(credentials: StripeCredentials) -> str:
    return str(
        tasks.create_payment_intent(
            credentials, amount=1000, currency="usd", payment_method="pm_card_visa", confirm=True,
            automatic_payment_methods={"enabled": True, "allow_redirects": "never"},
        )["latest_charge"]
    )  # fmt: skip


def price(credentials: StripeCredentials) -> str:
    product = tasks.create_product(credentials, name="Mug")["id"]
    return str(tasks.create_price(credentials, currency="usd", unit_amount=500, product=product)["id"])


CREATIONS: dict[str, Callable[[StripeCredentials], dict[str, Any]]] = {
    "create_customer": lambda c: {"name": NAME},
    "create_invoice": lambda c: {"customer": tasks.create_customer(c)["id"]},
    "create_invoice_item": lambda c: {"customer": tasks.create_customer(c)["id"], "amount": 500, "currency": "usd"},
    "create_payment_intent": lambda c: {"amount": 1000, "currency": "usd"},
    "create_payment_link": lambda c: {"line_items": [{"price": price(c), "quantity": 1}]},
    "create_refund": lambda c: {"charge": paid_charge(c), "amount": 300},
}
EVENTS = {
    "create_customer": "customer.created",
    "create_invoice": "invoice.created",
    "create_invoice_item": "invoiceitem.created",
    "create_payment_intent": "payment_intent.created",
    "create_payment_link": "payment_link.created",
    "create_refund": "refund.created",
}


def test_whatever_carries_its_key_is_looked_for() -> None:
    assert set(CREATIONS) == set(EVENTS) == set(LOOKS)


@pytest.mark.parametrize("operation", CREATIONS)
def test_a_run_that_goes_on_after_a_weekend_finds_what_it_made(
    operation: str, credentials: StripeCredentials, stripe_sandbox: Sandbox
) -> None:
    params = CREATIONS[operation](credentials)
    before = made(stripe_sandbox, EVENTS[operation])

    @flow
    def bill() -> Any:
        return getattr(tasks, operation)(credentials, **params)

    run = a_run_of(bill, A_WEEKEND)
    first = again(bill, run)
    stripe_sandbox.clock.advance(A_WEEKEND)
    second = again(bill, run)
    assert made(stripe_sandbox, EVENTS[operation]) == before + 1
    assert second["id"] == first["id"]


def test_a_run_that_goes_on_after_a_weekend_does_what_it_had_not_done(
    credentials: StripeCredentials, stripe_sandbox: Sandbox
) -> None:
    @flow
    def bill() -> Any:
        return tasks.create_customer(credentials, name=NAME)

    customer = again(bill, a_run_of(bill, A_WEEKEND))
    assert customer["name"] == NAME
    assert made(stripe_sandbox, "customer.created") == 1


def test_an_async_flow_finds_it_too(credentials: StripeCredentials, stripe_sandbox: Sandbox) -> None:
    @flow
    async def bill() -> Any:
        return await tasks.acreate_customer(credentials, name=NAME)

    run = a_run_of(bill, A_WEEKEND)
    first = asyncio.run(again(bill, run))
    stripe_sandbox.clock.advance(A_WEEKEND)
    assert asyncio.run(again(bill, run))["id"] == first["id"]
    assert made(stripe_sandbox, "customer.created") == 1


def test_another_write_of_the_run_is_not_taken_for_it(credentials: StripeCredentials, stripe_sandbox: Sandbox) -> None:
    @flow
    def bill() -> list[str]:
        return [tasks.create_customer(credentials, name=NAME, slot=slot)["id"] for slot in ("one", "two")]

    run = a_run_of(bill, A_WEEKEND)
    first = again(bill, run)
    stripe_sandbox.clock.advance(A_WEEKEND)
    assert again(bill, run) == first
    assert len({*first}) == 2
    assert made(stripe_sandbox, "customer.created") == 2


@pytest.mark.parametrize(
    ("operation", "ids", "params"),
    [
        ("create_customer", (), {"metadata": ""}),
        ("create_product", (), {"name": "Mug"}),
        ("attach_payment_method", ("pm_card_visa",), {"customer": "cus_1"}),
        ("add_invoice_lines", ("in_1",), {"lines": [{"amount": 500, "description": "Mug"}]}),
        ("apply_payment_intent_customer_balance", ("pi_1",), {"amount": 300}),
        ("capture_payment_intent", ("pi_1",), {"amount_to_capture": 300, "final_capture": False}),
    ],
)
def test_what_cannot_be_found_is_refused_with_what_to_do(
    operation: str,
    ids: tuple[str, ...],
    params: dict[str, Any],
    credentials: StripeCredentials,
    stripe_sandbox: Sandbox,
) -> None:
    @flow
    def bill() -> Any:
        return getattr(tasks, operation)(credentials, *ids, **params)

    with pytest.raises(IdempotencyError, match=rf"this run began .* whether it has done {operation} .*idempotency_key"):
        again(bill, a_run_of(bill, A_WEEKEND))
    assert stripe_sandbox.ledger.requests(operation) == []


def test_a_key_of_the_callers_own_is_never_refused(credentials: StripeCredentials, stripe_sandbox: Sandbox) -> None:
    @flow
    def bill() -> Any:
        return tasks.create_product(credentials, name="Mug", idempotency_key="mug")

    again(bill, a_run_of(bill, A_WEEKEND))
    assert made(stripe_sandbox, "product.created") == 1


def test_an_action_after_a_weekend_is_judged_by_the_state_of_its_object(
    credentials: StripeCredentials, stripe_sandbox: Sandbox
) -> None:
    customer = tasks.create_customer(credentials)["id"]
    invoice = tasks.create_invoice(credentials, customer=customer)["id"]

    @flow
    def bill() -> Any:
        return tasks.finalize_invoice(credentials, invoice)["status"]

    assert again(bill, a_run_of(bill, A_WEEKEND)) in {"open", "paid"}


# --- A failure of Stripe's own, stored under the key ------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_stored_failure_is_neither_final_nor_doubled(
    when: Any, credentials: StripeCredentials, stripe_sandbox: Sandbox
) -> None:
    stripe_sandbox.faults.add("error", when, operation="create_payment_intent")
    credentials = credentials.model_copy(update={"max_retries": 1})

    @flow
    def bill() -> Any:
        return tasks.create_payment_intent(credentials, amount=1000, currency="usd")

    intent: Any = bill()
    assert made(stripe_sandbox, "payment_intent.created") == 1
    keys = [request.idempotency_key for request in stripe_sandbox.ledger.requests("create_payment_intent")]
    assert intent["metadata"][METADATA_KEY] == keys[0]
    assert len({*keys}) == (2 if when == "before" else 1)


def to_capture(credentials: StripeCredentials) -> str:
    return str(
        tasks.create_payment_intent(
            credentials, amount=1000, currency="usd", payment_method="pm_card_visa", confirm=True,
            capture_method="manual", automatic_payment_methods={"enabled": True, "allow_redirects": "never"},
        )["id"]
    )  # fmt: skip


def to_pay(credentials: StripeCredentials) -> str:
    customer = tasks.create_customer(credentials)["id"]
    card = tasks.attach_payment_method(credentials, "pm_card_visa", customer=customer)["id"]
    tasks.update_customer(credentials, customer, invoice_settings={"default_payment_method": card})
    invoice = tasks.create_invoice(credentials, customer=customer)["id"]
    tasks.create_invoice_item(credentials, customer=customer, invoice=invoice, amount=500, currency="usd")
    return str(tasks.finalize_invoice(credentials, invoice)["id"])


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("operation", "prepared", "params", "leads_to", "event"),
    [
        ("pay_invoice", to_pay, {}, "paid", "charge.succeeded"),
        ("pay_invoice", to_pay, {"paid_out_of_band": True}, "paid", "invoice.paid"),
        ("void_invoice", to_pay, {}, "void", "invoice.voided"),
        ("capture_payment_intent", to_capture, {"amount_to_capture": 400}, "succeeded", "charge.captured"),
        ("cancel_payment_intent", to_capture, {}, "canceled", "payment_intent.canceled"),
    ],
)
def test_an_action_whose_failure_is_stored_is_seen_to_be_done_or_is_done(
    when: Any,
    operation: str,
    prepared: Callable[[StripeCredentials], str],
    params: dict[str, Any],
    leads_to: str,
    event: str,
    credentials: StripeCredentials,
    stripe_sandbox: Sandbox,
) -> None:
    id_ = prepared(credentials)
    stripe_sandbox.faults.add("error", when, operation=operation)
    patient = credentials.model_copy(update={"max_retries": 1})

    @flow
    def bill() -> Any:
        return getattr(tasks, operation)(patient, id_, **params)

    done: Any = bill()
    assert (done["id"], done["status"]) == (id_, leads_to)
    assert made(stripe_sandbox, event) == 1


def test_an_update_whose_failure_is_stored_is_made(credentials: StripeCredentials, stripe_sandbox: Sandbox) -> None:
    customer = tasks.create_customer(credentials)["id"]
    stripe_sandbox.faults.add("error", "before", operation="update_customer")
    patient = credentials.model_copy(update={"max_retries": 1})

    @flow
    def bill() -> Any:
        return tasks.update_customer(patient, customer, name=NAME)

    assert bill()["name"] == NAME


@pytest.mark.parametrize(
    ("operation", "params", "seen", "goal"),
    [
        ("capture_payment_intent", {}, {"status": "succeeded", "amount": 1000, "amount_received": 1000}, True),
        ("capture_payment_intent", {}, {"status": "succeeded", "amount": 1000, "amount_received": 500}, False),
        ("capture_payment_intent", {}, {"status": "requires_capture", "amount": 1000, "amount_received": 0}, False),
        ("pay_invoice", {}, {"status": "paid", "amount_paid": 500, "amount_paid_off_stripe": 0}, True),
        ("pay_invoice", {}, {"status": "paid", "amount_paid": 500, "amount_paid_off_stripe": 500}, False),
        (
            "pay_invoice",
            {"paid_out_of_band": True},
            {"status": "paid", "amount_paid": 500, "amount_paid_off_stripe": 0},
            False,
        ),
        (
            "increment_payment_intent_authorization",
            {"amount": 1500},
            {"status": "requires_capture", "amount": 1500},
            True,
        ),
        (
            "increment_payment_intent_authorization",
            {"amount": 1500},
            {"status": "requires_capture", "amount": 1000},
            False,
        ),
    ],
)
def test_a_goal_is_met_by_its_amounts_and_by_how_it_was_reached(
    operation: str, params: dict[str, Any], seen: dict[str, Any], goal: bool
) -> None:
    assert holds(Call(operation, ("id_1",), params), seen) is goal


def test_a_part_of_a_balance_whose_failure_is_stored_is_not_applied_again(
    credentials: StripeCredentials, stripe_sandbox: Sandbox
) -> None:
    by_hand: Any = {"settings": {"reconciliation_mode": "manual"}}
    customer = tasks.create_customer(credentials, cash_balance=by_hand)["id"]
    intent = tasks.create_payment_intent(
        credentials, amount=1000, currency="usd", customer=customer, confirm=True,
        allowed_payment_method_types=["customer_balance"], payment_method_data={"type": "customer_balance"},
        payment_method_options={"customer_balance": {"funding_type": "bank_transfer",
                                                     "bank_transfer": {"type": "us_bank_transfer"}}},
    )["id"]  # fmt: skip
    tasks.fund_customer_cash_balance(credentials, customer, amount=1000, currency="usd")
    stripe_sandbox.faults.add("error", "after", operation="apply_payment_intent_customer_balance")
    patient = credentials.model_copy(update={"max_retries": 1})

    @flow
    def bill() -> Any:
        return tasks.apply_payment_intent_customer_balance(patient, intent, amount=300)

    with pytest.raises(APIError):
        bill()
    requests = stripe_sandbox.ledger.requests("apply_payment_intent_customer_balance")
    assert len({request.idempotency_key for request in requests}) == 1


def test_an_action_of_a_weekend_ago_that_is_done_is_done(
    credentials: StripeCredentials, stripe_sandbox: Sandbox
) -> None:
    invoice = to_pay(credentials)

    @flow
    def bill() -> Any:
        return tasks.pay_invoice(credentials, invoice)["status"]

    run = a_run_of(bill, A_WEEKEND)
    assert again(bill, run) == "paid"
    stripe_sandbox.clock.advance(A_WEEKEND)
    assert again(bill, run) == "paid"
    assert made(stripe_sandbox, "charge.succeeded") == 1


def test_failures_without_end_end(credentials: StripeCredentials, stripe_sandbox: Sandbox) -> None:
    stripe_sandbox.faults.add("error", "before", operation="create_customer", times=None)
    credentials = credentials.model_copy(update={"max_retries": 1, "retry_budget_seconds": 5})

    @flow
    def bill() -> Any:
        at_once: dict[str, Any] = {"retry_delay_seconds": 0, "retry_jitter_factor": None}
        return tasks.create_customer.with_options(**at_once)(credentials, name=NAME)

    with pytest.raises(APIError):
        bill()
    assert made(stripe_sandbox, "customer.created") == 0


# --- One run on two workers -------------------------------------------------------------------------------------------


@flow
def bill_at(address: str, key: str) -> list[str]:
    credentials = StripeCredentials(api_key=SecretStr(key), api_base=address, max_retries=8)
    customer = tasks.create_customer(credentials, name=NAME)
    invoice = tasks.create_invoice(credentials, customer=customer["id"])
    tasks.create_invoice_item(credentials, customer=customer["id"], invoice=invoice["id"], amount=500, currency="usd")
    return [customer["id"], invoice["id"]]


def worker(run_id: Any, parameters: dict[str, str], ready: Any, results: Any) -> None:
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(run_id)
    ready.wait()
    results.put(run_flow(bill_at, flow_run=run, parameters=parameters))


def test_one_run_on_two_workers_at_once_does_everything_once(stripe_sandbox: Sandbox) -> None:
    parameters = {"address": stripe_sandbox.url, "key": stripe_sandbox.api_key}
    with get_client(sync_client=True) as client:
        run_id = client.create_flow_run(bill_at, parameters=parameters).id
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(2), context.Queue()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_API_URL", PREFECT_API_URL.value() or "")
        workers = [context.Process(target=worker, args=(run_id, parameters, ready, results)) for _ in range(2)]
        for each in workers:
            each.start()
    answers = [results.get(timeout=120) for _ in workers]
    for each in workers:
        each.join(60)
    assert answers[0] == answers[1]
    for what in ("customer.created", "invoice.created", "invoiceitem.created"):
        assert made(stripe_sandbox, what) == 1
