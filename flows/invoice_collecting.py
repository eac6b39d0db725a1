"""How a finalized invoice is collected whose payment was declined: one more attempt, where that is still right.

Stripe pages: "Pay an invoice", "Automate collection: smart retries".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from prefect_stripe.client import InvalidRequestError
from prefect_stripe.flows.approvals import recorded_on
from prefect_stripe.flows.business import Rejected, StripeObject, metadata_of
from prefect_stripe.flows.invoice_approval import NotApproved
from prefect_stripe.flows.invoice_at_hand import ORDER, InvoiceAtHand
from prefect_stripe.flows.invoice_settlement import End, Settling
from prefect_stripe.flows.orders import OnDecline, Settlement
from prefect_stripe.flows.outcomes import InvoiceOutcome, failure_reason
from prefect_stripe.flows.process import Note, Process
from prefect_stripe.money import format_amount

_NOT_OWED: Final = {
    "paid": "it is paid",
    "void": "it was voided",
    "uncollectible": "it was written off, and nothing is charged without a person's decision",
}
"""Why nothing is collected, by the status of the invoice."""


@dataclass(frozen=True)
class OneMore:
    """How an invoice is settled here: by the attempts that were made, and one more."""

    max_payment_attempts: int
    payment_method: str | None
    settlement: Settlement = "pay"
    on_decline: OnDecline = "leave_open"


def collecting_process(
    invoice: str,
    external_id: str,
    account: str,
    declined_charge: str = "",
    payment_method: str = "",
    max_payment_attempts: int = 4,
) -> Process[InvoiceOutcome]:
    """Try once more to charge an open invoice whose payment was declined.

    An attempt is the order's, not this run's: it has the idempotency key that `invoice_process` would give it. Of any
    number of runs for one declined charge, one makes the next attempt, and the others see that it was made.

    Args:
        invoice: Id of the invoice.
        external_id: The business key of the order that it is of.
        account: Mode and connected account, as `StripeCredentials.account` has them.
        declined_charge: Id of the charge whose decline is answered; nothing is done if another was tried since. Empty
            means whichever was the last.
        payment_method: What to charge. Empty means the customer's default, or else what was declined.
        max_payment_attempts: How many charges may be tried for the order in all.

    Returns:
        The outcome; refusals and declines are outcomes, not exceptions.

    Raises:
        StripeError: Stripe failed, or could not be reached, in a way that a later run may get over.
    """
    work = Collecting(invoice, external_id, account)
    try:
        ending, reason = yield from work.run(declined_charge, payment_method, max_payment_attempts)
    except Rejected as refusal:
        ending, reason = refusal.ending, str(refusal)
    except InvalidRequestError as error:
        ending, reason = "rejected", f"Stripe refuses it: {error}"
    return work.outcome(ending, reason)


class Collecting(InvoiceAtHand):
    """One invoice that is owed."""

    def __init__(self, invoice: str, external_id: str, account: str) -> None:
        super().__init__(external_id, account)
        self.id = invoice

    def run(self, declined_charge: str, payment_method: str, most: int) -> Process[End]:
        """Make the next attempt, if it is this run's to make; return how it ended."""
        self.invoice = yield from self.business.read(self.label("read", self.id), "retrieve_invoice", self.id)
        self._check_order()
        self.customer = self.invoice["customer"]
        status = self.invoice["status"]
        if status in _NOT_OWED:
            return "done", _NOT_OWED[status]
        if status != "open":
            raise Rejected(f"{self.id} is {status}: only what was finalized is collected; run its order")
        decided = recorded_on(self.invoice)
        if decided is not None and decided.decision == "reject":
            raise NotApproved(f"{decided}; nothing is charged")
        if decided is not None and decided.total != self.invoice["total"]:
            currency = self.invoice["currency"]
            raise Rejected(
                f"{decided}, at {format_amount(decided.total, currency)}, and {self.id} comes to "
                f"{format_amount(self.invoice['total'], currency)}: void it, and run its order, which has that approved"
            )
        under_way, failed = yield from self._looking().attempts()
        if under_way is not None:
            return under_way
        if not failed:
            # Its order's own run sees first that it is what was ordered, and so does a person.
            raise Rejected(f"no charge of {self.id} was declined: run its order, which charges it once")
        if declined_charge and failed[0]["id"] != declined_charge:
            since = f"it was tried again since, by {failed[0]['id']}: nothing more is done about {declined_charge}"
            yield Note(since, self.invoice)
            self.declined_charge = failed[0]["id"]
            return "declined", f"{failure_reason(failed[0])}; {since}"
        method = payment_method or (yield from self._method(failed))
        # Counted here, once: whoever makes the next attempt at the same time makes it under the same key.
        terms = OneMore(min(len(failed) + 1, most), method or None)
        return (yield from Settling(self, terms).settle())

    def _looking(self) -> Settling:
        return Settling(self, OneMore(0, None))

    def _check_order(self) -> None:
        seen = metadata_of(self.invoice).get(ORDER)
        if seen != self.business.key:
            told = f"the invoice of the order {seen}" if seen else "not an invoice that was made here"
            raise Rejected(f"{self.id} is {told}, and not of {self.business.key}: nothing is charged")

    def _method(self, failed: list[StripeObject]) -> Process[str]:
        """Choose what to charge: nothing in particular where there is a default, which may be a new card."""
        if self.invoice.get("default_payment_method"):
            return ""
        customer = yield from self.business.read(
            self.label("read", str(self.customer)), "retrieve_customer", str(self.customer)
        )
        settings: StripeObject = customer.get("invoice_settings") or {}
        if settings.get("default_payment_method"):
            return ""
        return str(failed[0].get("payment_method") or "")
