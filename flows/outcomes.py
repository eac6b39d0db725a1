"""How an order ended: an outcome is always one of these, whatever happened."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from prefect_stripe.client import CardError

Ending = Literal[
    "done",
    "found_done",
    "declined",
    "requires_action",
    "processing",
    "awaiting_approval",
    "not_approved",
    "rejected",
    "failed",
]


class Outcome(BaseModel):
    """What became of an order, whatever kind it is of."""

    model_config = ConfigDict(frozen=True)

    external_id: str = Field(description="The order's business key.")
    ending: Ending = Field(
        description="done: this run brought it there; found_done: nothing was missing; declined: the payment was; "
        "requires_action: the customer must do something; processing: the bank has not answered yet; "
        "awaiting_approval: a person has to approve it first; not_approved: a person decided against it; rejected: the "
        "order or what was found does not allow it; failed: Stripe or the network did, or a payment was declined whose "
        "on_decline is fail."
    )
    reason: str | None = Field(default=None, description="Why, where it is not simply done.")
    status: str | None = Field(default=None, description="Stripe's status of the object.")
    customer: str | None = Field(default=None, description="Id of the customer.")
    currency: str | None = Field(default=None, description="Three-letter code, lower case.")

    def __str__(self) -> str:
        what = f", {self.name} {self.status}" if self.name else ""
        return f"{self.external_id} {self.ending.replace('_', ' ')}{what}" + (f": {self.reason}" if self.reason else "")

    @property
    def name(self) -> str | None:
        """How the object is spoken of: its number, or its id."""
        return None

    @property
    def object_id(self) -> str | None:
        """Id of the object that the order became."""
        return None

    @property
    def sum(self) -> int | None:
        """What it comes to, in minor units."""
        return None

    @property
    def good(self) -> bool:
        """Whether the order is where it should be, or where its own rules leave it."""
        return self.ending not in {"rejected", "failed"}


class InvoiceOutcome(Outcome):
    """What became of an order's invoice.

    Example:
        >>> InvoiceOutcome(external_id="ORD-1001", ending="rejected", reason="…").good
        False
    """

    invoice: str | None = Field(default=None, description="Id of the invoice.")
    number: str | None = Field(default=None, description="Number of the invoice, once finalized.")
    total: int | None = Field(default=None, description="Minor units.")
    amount_paid: int | None = Field(default=None, description="Minor units, paid outside Stripe included.")
    amount_remaining: int | None = Field(default=None, description="Minor units.")
    declined_charge: str | None = Field(default=None, description="Id of the charge whose decline this end is.")

    @property
    def name(self) -> str | None:
        """The invoice's number, or its id while it has none."""
        return self.number or self.invoice

    @property
    def object_id(self) -> str | None:
        """Id of the invoice."""
        return self.invoice

    @property
    def sum(self) -> int | None:
        """The invoice's total, in minor units."""
        return self.total


class PaymentOutcome(Outcome):
    """What became of an order's payment.

    Example:
        >>> str(PaymentOutcome(external_id="B-7", ending="done", payment_intent="pi_1", status="succeeded"))
        'B-7 done, pi_1 succeeded'
    """

    payment_intent: str | None = Field(default=None, description="Id of the PaymentIntent.")
    amount: int | None = Field(default=None, description="Minor units, authorised increases included.")
    amount_capturable: int | None = Field(default=None, description="Minor units that are held.")
    amount_received: int | None = Field(default=None, description="Minor units that were taken.")

    @property
    def name(self) -> str | None:
        """The PaymentIntent's id: it has no number."""
        return self.payment_intent

    @property
    def object_id(self) -> str | None:
        """Id of the PaymentIntent."""
        return self.payment_intent

    @property
    def sum(self) -> int | None:
        """The PaymentIntent's amount, in minor units."""
        return self.amount


class OrderError(Exception):
    """An order that could not be brought where it should be. Carries its outcome.

    Attributes:
        outcome: What became of the order, and why.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(str(outcome))
        self.outcome = outcome

    def __reduce__(self) -> tuple[type[OrderError], tuple[Outcome]]:
        return OrderError, (self.outcome,)


def decline_reason(error: CardError) -> str:
    """Say why a payment was declined, in Stripe's words and codes."""
    return _with_codes(error.message, error.code, error.decline_code)


def failure_reason(charge: dict[str, Any]) -> str:
    """Say why a charge failed, in Stripe's words and codes."""
    outcome: dict[str, Any] = charge.get("outcome") or {}
    return _with_codes(
        charge.get("failure_message") or "its payment was declined", charge.get("failure_code"), outcome.get("reason")
    )


def _with_codes(message: str, *codes: str | None) -> str:
    known = " / ".join(dict.fromkeys(code for code in codes if code))
    return f"{message} ({known})" if known else message
