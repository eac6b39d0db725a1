"""How an order ended: an outcome is always one of these, whatever happened."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Ending = Literal["done", "found_done", "declined", "requires_action", "processing", "rejected", "failed"]


class InvoiceOutcome(BaseModel):
    """What became of an order.

    Example:
        >>> InvoiceOutcome(external_id="ORD-1001", ending="rejected", reason="…").good
        False
    """

    model_config = ConfigDict(frozen=True)

    external_id: str = Field(description="The order's business key.")
    ending: Ending = Field(
        description="done: this run brought it there; found_done: nothing was missing; declined: the payment was; "
        "requires_action: the customer must authenticate; processing: the bank has not answered yet; rejected: the "
        "order or what was found does not allow it; failed: Stripe or the network did."
    )
    reason: str | None = Field(default=None, description="Why, where it is not simply done.")
    status: str | None = Field(default=None, description="Stripe's status of the invoice.")
    invoice: str | None = Field(default=None, description="Id of the invoice.")
    number: str | None = Field(default=None, description="Number of the invoice, once finalized.")
    customer: str | None = Field(default=None, description="Id of the customer.")
    currency: str | None = Field(default=None, description="Three-letter code, lower case.")
    total: int | None = Field(default=None, description="Minor units.")
    amount_paid: int | None = Field(default=None, description="Minor units, paid outside Stripe included.")
    amount_remaining: int | None = Field(default=None, description="Minor units.")

    def __str__(self) -> str:
        invoice = f", {self.number or self.invoice} {self.status}" if self.invoice else ""
        return f"{self.external_id} {self.ending.replace('_', ' ')}{invoice}" + (
            f": {self.reason}" if self.reason else ""
        )

    @property
    def good(self) -> bool:
        """Whether the order is where it should be, or where its own rules leave it."""
        return self.ending not in {"rejected", "failed"}


class InvoiceOrderError(Exception):
    """An order that could not be brought where it should be. Carries its outcome.

    Attributes:
        outcome: What became of the order, and why.
    """

    def __init__(self, outcome: InvoiceOutcome) -> None:
        super().__init__(str(outcome))
        self.outcome = outcome

    def __reduce__(self) -> tuple[type[InvoiceOrderError], tuple[InvoiceOutcome]]:
        return InvoiceOrderError, (self.outcome,)
