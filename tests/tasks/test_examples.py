"""Every docstring's example runs as it stands there, and does what it is an example of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from prefect import flow
from pydantic import SecretStr

from prefect_stripe import StripeCredentials
from prefect_stripe.client import OPERATIONS
from prefect_stripe.sandbox import Sandbox
from prefect_stripe.sandbox.access import PLATFORM
from tests.tasks.examples import example

pytestmark = pytest.mark.server

# They find what is there, in an account with a past; each of the others has an account of its own.
FIND_WHAT_IS_THERE = {
    "capture_charge",
    "list_payouts",
    "list_subscription_items",
    "list_subscriptions",
    "retrieve_payout",
    "search_charges",
    "search_customers",
    "search_invoices",
    "search_payment_intents",
    "search_prices",
    "search_products",
}

# What is archived is not active, and an invoice without lines is over nothing.
NOTHING: dict[str, object] = {
    "update_payment_link": False,
    "update_price": False,
    "update_product": False,
    "remove_invoice_lines": 0,
}

# Two tasks may call the same address, which the sandbox knows by the first one's name.
RECORDED_AS: dict[str, str] = {
    name: next(other.name for other in OPERATIONS.values() if (other.method, other.path) == (own.method, own.path))
    for name, own in OPERATIONS.items()
}


def account_of(operation: str) -> str:
    return PLATFORM if operation in FIND_WHAT_IS_THERE else f"acct_{operation}"


def credentials_for(sandbox_url: str, account: str) -> StripeCredentials:
    return StripeCredentials(api_key=SecretStr(Sandbox.api_key), api_base=sandbox_url, stripe_account=account)


def make_a_past(sandbox: Sandbox) -> None:
    """A charge on hold that is no payment intent's; payments, of which the first is paid out; an open invoice."""

    def create(operation: str, *ids: str, **params: Any) -> str:
        id_: str = client.call(operation, *ids, params=params).data["id"]
        return id_

    client = credentials_for(sandbox.url, PLATFORM).get_client()
    card: dict[str, Any] = {"payment_method": "pm_card_visa", "allowed_payment_method_types": ["card"]}
    create("create_payment_intent", amount=5000, currency="usd", confirm=True, **card)
    customer = create("create_customer", email="jenny@example.com")
    product = create("create_product", name="Coffee, 1 kg")
    price = create("create_price", currency="usd", unit_amount=500, product=product, recurring={"interval": "month"})
    sandbox.clock.advance(timedelta(days=5))
    sandbox.catch_up()
    sandbox.seed("charge", amount=5000, currency="usd")
    sandbox.seed("subscription", customer=customer, price=price)
    invoice = create("create_invoice", customer=customer, currency="usd")
    create("create_invoice_item", customer=customer, invoice=invoice, currency="usd", amount=2500)
    create("finalize_invoice", invoice)


@pytest.fixture(scope="module")
def outcomes(prefect_server: None) -> Iterator[tuple[Sandbox, dict[str, Any]]]:
    """What each example returned or raised. All of them in one flow: a flow run each takes a minute more."""
    results: dict[str, Any] = {}

    @flow
    def all_examples(url: str) -> None:
        for operation in OPERATIONS:
            names: dict[str, Any] = {}
            exec(compile(example(operation), f"<example of {operation}>", "exec"), names)
            try:
                results[operation] = names[f"try_{operation}"].fn(credentials_for(url, account_of(operation)))
            except Exception as error:  # noqa: BLE001 - the example's own test shows it
                results[operation] = error

    with Sandbox.start() as sandbox:
        sandbox.search_lag = 0
        make_a_past(sandbox)
        all_examples(sandbox.url)
        yield sandbox, results


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_example_does_what_it_shows(operation: str, outcomes: tuple[Sandbox, dict[str, Any]]) -> None:
    sandbox, results = outcomes
    result = results[operation]
    if isinstance(result, Exception):
        raise result
    calls = sandbox.ledger.requests(RECORDED_AS[operation], account=account_of(operation))
    assert calls
    assert {call.status for call in calls} == {200}
    assert result == NOTHING[operation] if operation in NOTHING else result
