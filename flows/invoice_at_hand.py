"""An invoice that is worked on, whichever process does it: read again, spoken of, and reported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prefect_stripe.flows.business import Business, Look, StripeObject
from prefect_stripe.flows.outcomes import Ending, InvoiceOutcome
from prefect_stripe.flows.process import Process

ORDER: Final = "prefect_stripe_order"
"""Metadata of an invoice that says which order it is of."""


class InvoiceAtHand:
    """The invoice of an order, as it was seen last.

    Attributes:
        business: The order, by its business key.
        customer: Whose it is, once that is known.
        invoice: The invoice; empty while there is none.
        declined_charge: Id of the charge by whose decline it ended, if it did.
        attached: Id of the payment method that is to be charged, once it is seen to be the customer's.
    """

    def __init__(self, external_id: str, account: str, customer: str | None = None) -> None:
        self.business = Business(external_id, account)
        self.customer = customer
        self.invoice: StripeObject = {}
        self.declined_charge: str | None = None
        self.attached: str | None = None

    def reread(self, _: StripeObject | None = None) -> Process[StripeObject]:
        """Read the invoice as it is now."""
        self.invoice = yield from self.business.read(
            self.label("read", self.invoice["id"]), "retrieve_invoice", self.invoice["id"]
        )
        return self.invoice

    def holds(self, goal: Callable[[StripeObject], bool]) -> Look:
        """Make a look that reads the invoice again and returns it where the goal holds."""

        def look(_: StripeObject | None) -> Process[StripeObject | None]:
            seen = yield from self.reread()
            return seen if goal(seen) else None

        return look

    def label(self, verb: str, object_id: str | None = None) -> str:
        """Say what a step does, as an operator reads it."""
        what = self.invoice["id"] if object_id is None else object_id
        return " ".join(part for part in (verb, what, "for", self.business.key) if part)

    def outcome(self, ending: Ending, reason: str | None) -> InvoiceOutcome:
        """Say how the order ended, with the invoice as it was seen last."""
        seen = self.invoice
        return InvoiceOutcome(
            external_id=self.business.key,
            ending="found_done" if ending == "done" and not self.business.wrote else ending,
            reason=reason,
            status=seen.get("status"),
            invoice=seen.get("id"),
            number=seen.get("number"),
            customer=self.customer,
            currency=seen.get("currency"),
            total=seen.get("total"),
            amount_paid=seen.get("amount_paid"),
            amount_remaining=seen.get("amount_remaining"),
            declined_charge=self.declined_charge,
        )
