"""What would come next: of what is named, of a customer's subscriptions where nothing is, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from prefect_stripe import StripeCredentials
from prefect_stripe.client import InvalidRequestError
from prefect_stripe.sandbox import Sandbox
from prefect_stripe.sandbox.access import PLATFORM
from prefect_stripe.tasks import apreview_invoice, preview_invoice

Preview = Callable[..., dict[str, Any]]


@pytest.fixture(params=["sync", "async"])
def preview(request: pytest.FixtureRequest, credentials: StripeCredentials) -> Preview:
    """The task's function, without a run around it."""

    def call(**params: Any) -> dict[str, Any]:
        if request.param == "sync":
            return preview_invoice.fn(credentials, **params)
        return asyncio.run(apreview_invoice.fn(credentials, **params))

    return call


@pytest.fixture
def customer(credentials: StripeCredentials) -> str:
    id: str = credentials.get_client().call("create_customer", params={"name": "Jenny Rosen"}).data["id"]
    return id


@pytest.fixture
def subscribe(stripe_sandbox: Sandbox, credentials: StripeCredentials, customer: str) -> Callable[..., dict[str, Any]]:
    """Subscribe the customer to something that costs so much at each interval."""
    client = credentials.get_client()

    def call(amount: int, interval: str, **how: Any) -> dict[str, Any]:
        price = {"currency": "usd", "unit_amount": amount, "recurring": {"interval": interval}}
        made = client.call("create_price", params={**price, "product_data": {"name": "Coffee"}}).data
        return stripe_sandbox.seed("subscription", customer=customer, price=made["id"], **how)

    return call


def called(sandbox: Sandbox) -> list[str | None]:
    made = {"create_customer", "create_price"}
    return [e.operation for e in sandbox.ledger.exchanges if e.operation not in made]


def test_a_customer_without_subscriptions_has_nothing_upcoming(
    preview: Preview, customer: str, stripe_sandbox: Sandbox
) -> None:
    assert preview(customer=customer) == {}
    assert called(stripe_sandbox) == ["list_subscriptions"]


def test_a_customer_alone_is_previewed_by_its_subscription(
    preview: Preview, customer: str, subscribe: Callable[..., dict[str, Any]], stripe_sandbox: Sandbox
) -> None:
    subscription = subscribe(500, "month", quantity=3)
    found = preview(customer=customer, expand=["customer"])
    assert found["total"] == 1500
    assert found["parent"]["subscription_details"]["subscription"] == subscription["id"]
    assert found["customer"]["id"] == customer
    assert called(stripe_sandbox) == ["list_subscriptions", "preview_invoice"]


def test_of_several_subscriptions_the_next_to_be_invoiced_is_previewed(
    preview: Preview, customer: str, subscribe: Callable[..., dict[str, Any]]
) -> None:
    for amount, interval in ((100, "year"), (200, "week"), (300, "month")):
        subscribe(amount, interval)
    assert preview(customer=customer)["total"] == 200


def test_of_a_subscription_with_many_items_those_it_does_not_show_count_too(
    preview: Preview,
    customer: str,
    subscribe: Callable[..., dict[str, Any]],
    stripe_sandbox: Sandbox,
    credentials: StripeCredentials,
) -> None:
    next_one = subscribe(200, "week")["id"]
    yearly = {"currency": "usd", "recurring": {"interval": "year"}, "product_data": {"name": "Tea"}}
    for amount in range(10):
        price = credentials.get_client().call("create_price", params={**yearly, "unit_amount": amount}).data["id"]
        stripe_sandbox.seed("subscription_item", subscription=next_one, price=price)
    alone = preview(customer=customer)
    assert "list_subscription_items" not in called(stripe_sandbox)
    subscribe(300, "month")
    for found in (alone, preview(customer=customer)):
        assert found["parent"]["subscription_details"]["subscription"] == next_one
    (listed,) = stripe_sandbox.ledger.requests("list_subscription_items")
    assert listed.params["subscription"] == next_one


def test_a_subscription_that_ends_is_passed_over(
    preview: Preview, customer: str, subscribe: Callable[..., dict[str, Any]], stripe_sandbox: Sandbox
) -> None:
    ending = subscribe(200, "week")["id"]
    stripe_sandbox.app.store.account(False, PLATFORM).table("subscription").rows[ending]["cancel_at_period_end"] = True
    assert preview(customer=customer) == {}
    subscribe(300, "month")
    assert preview(customer=customer)["total"] == 300


def test_another_customers_subscriptions_are_no_concern(
    preview: Preview, subscribe: Callable[..., dict[str, Any]], credentials: StripeCredentials
) -> None:
    subscribe(200, "week")
    other = credentials.get_client().call("create_customer").data["id"]
    assert preview(customer=other) == {}


def test_what_is_named_is_previewed_and_nothing_is_looked_for(
    preview: Preview, customer: str, subscribe: Callable[..., dict[str, Any]], stripe_sandbox: Sandbox
) -> None:
    subscription = subscribe(500, "month")
    assert preview(subscription=subscription["id"])["total"] == 500
    assert preview(customer=customer, subscription=subscription["id"])["total"] == 500
    assert preview(customer=customer, invoice_items=[{"amount": 70, "currency": "usd"}])["total"] == 70
    item = {"id": subscription["items"]["data"][0]["id"], "quantity": 2}
    changed = preview(customer=customer, subscription=subscription["id"], subscription_details={"items": [item]})
    assert changed["total"] == 1000
    assert called(stripe_sandbox) == ["preview_invoice"] * 4


def test_a_change_without_a_subscription_is_of_the_one_found(
    preview: Preview, customer: str, subscribe: Callable[..., dict[str, Any]], stripe_sandbox: Sandbox
) -> None:
    subscribe(500, "month")
    details = {"proration_behavior": "none"}
    assert preview(customer=customer, subscription_details=details)["total"] == 500
    (sent,) = stripe_sandbox.ledger.requests("preview_invoice")
    assert sent.params["subscription_details"] == details


def test_a_subscription_that_has_ended_has_nothing_upcoming(
    preview: Preview, subscribe: Callable[..., dict[str, Any]]
) -> None:
    assert preview(subscription=subscribe(500, "month", status="canceled")["id"]) == {}


def test_any_other_refusal_is_an_error(preview: Preview, customer: str) -> None:
    with pytest.raises(InvalidRequestError, match="No such subscription"):
        preview(customer=customer, subscription="sub_none")
    with pytest.raises(InvalidRequestError, match="No such customer"):
        preview(customer="cus_none")


def test_a_preview_is_never_replayed(
    preview: Preview, customer: str, subscribe: Callable[..., dict[str, Any]], stripe_sandbox: Sandbox
) -> None:
    subscribe(500, "month")
    preview(customer=customer)
    preview(customer=customer)
    first, second = (e.idempotency_key for e in stripe_sandbox.ledger.requests("preview_invoice"))
    assert first != second
