"""Test stays test, live stays live, and the key stays here: what is wrong is refused before a request leaves.

On whichever way the settings come: a block, the environment, a client, or changed after they were checked.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from prefect_stripe import StripeCredentials, tasks
from prefect_stripe.client import (
    OPERATIONS,
    APIError,
    AsyncStripeClient,
    AuthenticationError,
    ClientConfig,
    ParameterError,
    PermissionDeniedError,
    StripeClient,
)
from prefect_stripe.flows import invoice_lifecycle, payment_intent_lifecycle, run_operation
from prefect_stripe.flows.orders import InvoiceOrder, OrderLine
from prefect_stripe.flows.payment_orders import PaymentOrder
from prefect_stripe.schema import Shape, request
from tests.client.server import Server, answer, serving

TEST_KEY, LIVE_KEY = "sk_test_51GuardedKey", "sk_live_51GuardedKey"
Settings = dict[str, Any]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server()) as server:
        yield server


@pytest.fixture(autouse=True)
def _no_stripe_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("STRIPE_")]:
        monkeypatch.delenv(name)


# What must not be, and why it is refused

OF_KEYS: dict[str, tuple[Settings, str]] = {
    "a live key in a test block": ({"api_key": LIVE_KEY}, "the key is a live key, and the mode is 'test'"),
    "a restricted live key": ({"api_key": "rk_live_51GuardedKey"}, "the key is a live key, and the mode is 'test'"),
    "a test key in a live block": ({"mode": "live"}, "the key is a test key, and the mode is 'live'"),
    "a live key that may write, in a test block": (
        {"api_key": LIVE_KEY, "allow_live_writes": True},
        "the key is a live key, and the mode is 'test'",
    ),
    "a publishable key": ({"api_key": "pk_live_51GuardedKey"}, "publishable key"),
}
ELSEWHERE = [
    "http://api.stripe.com", "http://127.0.0.1.example.com", "http://localhost.example.com", "http://127.0.0.1@10.0.0.1",
    "http://10.0.0.1", "http://0.0.0.0", "http://[::ffff:10.0.0.1]", "http://127.0.0.1\n.example.com",
    "http://2130706433.example.com", "HTTP://api.stripe.com", "http://127.0.0.1#@example.com",
]  # fmt: skip
OF_ADDRESSES = {f"the address {base!r}": ({"api_base": base}, "api_base is") for base in ELSEWHERE}
WRONG = OF_KEYS | OF_ADDRESSES


def good(server: Server) -> Settings:
    return {"api_key": TEST_KEY, "api_base": server.url}


def by_block(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> object:
    return StripeCredentials(**settings)


def by_stored_block(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> object:
    return StripeCredentials.model_validate(settings)


def by_environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> object:
    for name, value in settings.items():
        monkeypatch.setenv(f"STRIPE_{name.upper()}", str(value))
    return StripeCredentials.from_environment()


def by_client(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> object:
    return StripeClient(ClientConfig(**settings))


@pytest.mark.parametrize("way", [by_block, by_stored_block, by_environment, by_client])
@pytest.mark.parametrize("wrong", WRONG)
def test_settings_that_must_not_be_are_refused(
    way: Callable[..., object], wrong: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, why = WRONG[wrong]
    with pytest.raises((AuthenticationError, ParameterError, ValidationError), match=why) as caught:
        way(good(server) | settings, monkeypatch)
    assert "51GuardedKey" not in str(caught.value) + repr(caught.value)


def by_assignment(block: StripeCredentials, settings: Settings) -> StripeCredentials:
    for name, value in settings.items():
        setattr(block, name, SecretStr(value) if name == "api_key" else value)
    return block


def by_copy(block: StripeCredentials, settings: Settings) -> StripeCredentials:
    secret = {"api_key": SecretStr(settings["api_key"])} if "api_key" in settings else {}
    return block.model_copy(update=settings | secret)


@pytest.mark.parametrize("changed", [by_assignment, by_copy])
@pytest.mark.parametrize("wrong", WRONG)
def test_changed_after_it_was_checked_it_is_refused_when_it_is_used(
    changed: Callable[[StripeCredentials, Settings], StripeCredentials], wrong: str, server: Server
) -> None:
    settings, why = WRONG[wrong]
    credentials = changed(StripeCredentials(**good(server)), settings)
    uses: list[Callable[[], object]] = [
        credentials.get_client,
        credentials.get_async_client,
        lambda: tasks.create_customer.fn(credentials, name="Jenny"),
        lambda: tasks.list_invoices.fn(credentials),
        lambda: asyncio.run(tasks.apay_invoice.fn(credentials, "in_1")),
    ]
    for use in uses:
        with pytest.raises((AuthenticationError, ParameterError), match=why):
            use()
    assert server.connections == 0


# Live, and not allowed to write


def live(server: Server, **settings: Any) -> StripeCredentials:
    return StripeCredentials.model_validate({**good(server), "api_key": LIVE_KEY, "mode": "live", **settings})


def least(shape: Shape) -> Any:
    """The least that a parameter takes."""
    match shape.kind:
        case "hash":
            # An empty hash says nothing, and in a list it is refused.
            names = shape.required or [name for name in ("description", "id") if name in shape.fields]
            return {name: least(shape.fields[name]) for name in names}
        case "list":
            return [least(shape.item or Shape("string"))]
        case "map":
            return {"usd": least(shape.item or Shape("string"))}
        case "union":
            return least(shape.alternatives[0])
        case "enum":
            return shape.choices[0]
        case "boolean":
            return True
        case "string":
            return "x"
        case _:
            return 1


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_that_changes_anything_is_held_back_and_no_other(server: Server, operation: str) -> None:
    row, params = OPERATIONS[operation], least(request(operation))
    ids = ["x_1"] * len(row.ids)
    server.otherwise = answer(body={"id": "x_1", "data": [], "has_more": False})
    client = live(server).get_client()
    if not row.writes:
        client.call(operation, *ids, params=params)
        assert len(server.seen) == 1
        return
    with pytest.raises(PermissionDeniedError, match="refused before sending"):
        client.call(operation, *ids, params=params)

    async def asynchronously() -> None:
        await AsyncStripeClient(live(server).config()).call(operation, *ids, params=params)

    with pytest.raises(PermissionDeniedError, match="refused before sending"):
        asyncio.run(asynchronously())
    assert server.connections == 0
    live(server, allow_live_writes=True).get_client().call(operation, *ids, params=params)
    assert len(server.seen) == 1


def test_tasks_hold_live_writes_back(server: Server) -> None:
    credentials = live(server)
    uses: list[Callable[[], object]] = [
        lambda: tasks.create_customer.fn(credentials, name="Jenny"),
        lambda: tasks.pay_invoice.fn(credentials, "in_1"),
        lambda: tasks.delete_customer.fn(credentials, "cus_1"),
        lambda: asyncio.run(tasks.acreate_payment_intent.fn(credentials, amount=100, currency="usd")),
    ]
    for use in uses:
        with pytest.raises(PermissionDeniedError, match="allow_live_writes"):
            use()
    assert server.connections == 0


# Another host


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_task_does_not_follow_to_another_host(server: Server, status: int) -> None:
    with Server() as other:
        server.otherwise = answer(status, b"", headers={"Location": f"http://127.0.0.1:{other.server_address[1]}/"})
        credentials = StripeCredentials(**good(server))
        for use in (
            lambda: tasks.retrieve_customer.fn(credentials, "cus_1"),
            lambda: tasks.list_customers.fn(credentials),
            lambda: asyncio.run(tasks.acreate_customer.fn(credentials)),
        ):
            with pytest.raises(APIError, match="refused to follow a redirect"):
                use()
        # Nobody accepts there: a connection would wait in its queue, and be readable.
        other.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.socket.accept()


# On a Prefect server


@pytest.mark.server
@pytest.mark.parametrize("wrong", ["a live key in a test block", "live, and not allowed to write"])
def test_flows_refuse_before_a_request_leaves(server: Server, wrong: str) -> None:
    if wrong in WRONG:
        credentials, why = by_copy(StripeCredentials(**good(server)), WRONG[wrong][0]), WRONG[wrong][1]
    else:
        credentials, why = live(server), "allow_live_writes"
        server.otherwise = answer(body={"id": "cus_1", "data": [], "has_more": False})
    lines = [OrderLine(description="Mug", unit_amount=1300)]
    order = InvoiceOrder(external_id="G-1", customer_email="jenny@example.com", currency="usd", lines=lines)
    payment = PaymentOrder(
        external_id="G-2", customer_email="jenny@example.com", currency="usd", amount=1300, payment_method="pm_1"
    )
    for use in (
        lambda: invoice_lifecycle(order, credentials),
        lambda: payment_intent_lifecycle(payment, credentials),
        lambda: run_operation("create_customer", credentials=credentials),
    ):
        with pytest.raises((AuthenticationError, PermissionDeniedError), match=why):
            use()
    assert not any(request.method != "GET" for request in server.seen)
