"""A Stripe account as the suite sees it: through our client and tasks, and without a way to look behind them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import pytest

from prefect_stripe import StripeCredentials
from prefect_stripe.client import InvalidRequestError, Response, StripeClient, StripeError
from prefect_stripe.client.config import is_loopback

T = TypeVar("T")
Object = dict[str, Any]

PATIENCE: Final = 180.0
"""Seconds to wait for what Stripe shows later, such as what a search finds."""

BY: Final[dict[str, tuple[str, ...]]] = {
    "draft": (),
    "open": ("finalize_invoice",),
    "paid": ("finalize_invoice", "pay_invoice"),
    "void": ("finalize_invoice", "void_invoice"),
    "uncollectible": ("finalize_invoice", "mark_invoice_uncollectible"),
}
"""The states of an invoice, and what brings a draft there."""


@dataclass(frozen=True)
class Account:
    """One Stripe account, and a name that nothing else in it has."""

    credentials: StripeCredentials
    run: str

    @property
    def client(self) -> StripeClient:
        return self.credentials.get_client()

    def ask(self, operation: str, *ids: str, key: str | None = None, **params: Any) -> Response:
        return self.client.call(operation, *ids, params=params, idempotency_key=key)

    def do(self, operation: str, *ids: str, key: str | None = None, **params: Any) -> Object:
        return self.ask(operation, *ids, key=key, **params).data

    def all(self, operation: str, *ids: str, **params: Any) -> list[Object]:
        return [item for page in self.client.pages(operation, *ids, params=params) for item in page]

    def refused(self, operation: str, *ids: str, key: str | None = None, **params: Any) -> StripeError:
        with pytest.raises(StripeError) as caught:
            self.ask(operation, *ids, key=key, **params)
        return caught.value

    def eventually(self, look: Callable[[], T | None]) -> T:
        """What is shown within a while, though perhaps not at once."""
        deadline = time.monotonic() + PATIENCE
        while (seen := look()) is None:
            assert time.monotonic() < deadline, f"not seen within {PATIENCE:.0f} seconds"
            time.sleep(2)
        return seen

    # What tests begin with

    def customer(self, card: str | None = None, **params: Any) -> str:
        """A customer; with a card, that is the one which invoices are charged to."""
        made = self.do(
            "create_customer",
            name=f"Acme {self.run}",
            email=f"{self.run}@example.com",
            metadata=self.mark,
            **params,
        )
        id: str = made["id"]
        if card is not None:
            own = self.card(id, card)
            self.do("update_customer", id, invoice_settings={"default_payment_method": own})
        return id

    @property
    def mark(self) -> dict[str, str]:
        return {"contract": self.run}

    def card(self, customer: str, token: str) -> str:
        id: str = self.do("attach_payment_method", token, customer=customer)["id"]
        return id

    def draft(self, customer: str, amounts: Sequence[int] = (5000,), **params: Any) -> Object:
        """A draft in dollars, with an item for each amount."""
        id: str = self.do("create_invoice", customer=customer, currency="usd", **params)["id"]
        for amount in amounts:
            self.do("create_invoice_item", customer=customer, invoice=id, amount=amount, currency="usd")
        return self.do("retrieve_invoice", id)

    def invoice(self, customer: str, state: str, **params: Any) -> Object:
        """An invoice in one of the states that it can be in."""
        invoice = self.draft(customer, **params)
        for operation in BY[state]:
            invoice = self.do(operation, invoice["id"])
        assert invoice["status"] == state
        return invoice

    def payment(self, **params: Any) -> Object:
        """A payment intent for a card, over 50 dollars unless it says otherwise."""
        whole: dict[str, Any] = {
            "amount": 5000,
            "currency": "usd",
            "allowed_payment_method_types": ["card"],
            "metadata": self.mark,
        }
        return self.do("create_payment_intent", **whole | params)

    def payment_where_offered(self, **params: Any) -> Object:
        """A payment that needs what Stripe does not give to every account; one that lacks it has nothing to test."""
        try:
            return self.payment(**params)
        except InvalidRequestError as error:
            if is_loopback(self.credentials.api_base):
                raise
            pytest.skip(f"not for this account, it seems: {error}")

    def payment_of(self, invoice: str) -> Object:
        """The one invoice payment of an invoice."""
        (payment,) = self.all("list_invoice_payments", invoice=invoice)
        return payment


def said(error: StripeError) -> tuple[int | None, str | None]:
    """Status and type: what Stripe says in any case, of codes it has fewer."""
    return error.http_status, error.type


REFUSED: Final = (400, "invalid_request_error")
NOT_THERE: Final = (404, "invalid_request_error")
DECLINED: Final = (402, "card_error")
