"""How an invoice ends: paid, paid elsewhere, written off, voided, or left open; each seen before it is reported.

Stripe pages: "Pay an invoice", "Void an invoice", "Mark an invoice as uncollectible".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from prefect_stripe.client import OPERATIONS, CardError
from prefect_stripe.flows.attaching import attached
from prefect_stripe.flows.business import Rejected, Steps, StripeObject, metadata_of
from prefect_stripe.flows.outcomes import Ending, decline_reason, failure_reason
from prefect_stripe.flows.process import Note, Process
from prefect_stripe.money import format_amount

if TYPE_CHECKING:
    from prefect_stripe.flows.invoice_at_hand import InvoiceAtHand
    from prefect_stripe.flows.orders import OnDecline, Settlement

End = tuple[Ending, str | None]

DECLINED: Final = "prefect_stripe_declined"

ACTION_CODES: Final = frozenset({"invoice_payment_intent_requires_action", "payment_intent_requires_action"})


class Terms(Protocol):
    """What an order says of how its invoice is settled."""

    @property
    def settlement(self) -> Settlement: ...
    @property
    def payment_method(self) -> str | None: ...
    @property
    def on_decline(self) -> OnDecline: ...
    @property
    def max_payment_attempts(self) -> int: ...


class Settling:
    """Brings a finalized invoice to the end that its order wants, or says why it cannot."""

    def __init__(self, work: InvoiceAtHand, order: Terms) -> None:
        self.work = work
        self.order = order
        self.business = work.business

    def settle(self) -> Process[End]:
        """Settle, and return how it ended."""
        status, wanted = self.work.invoice["status"], self.order.settlement
        if status == "paid":
            return self._end_of_paid()
        if status == "void" or (status == "uncollectible" and wanted in {"pay", "wait"}):
            return self._end_of_closed()
        if wanted == "pay":
            return (yield from self._pay())
        if wanted == "wait":
            return "done", None
        under_way, _ = yield from self.attempts()
        if under_way is not None and under_way[0] == "processing":
            return under_way
        yield from self._act(wanted)
        return self._end_of_paid() if self.work.invoice["status"] == "paid" else ("done", None)

    def _act(self, action: str) -> Steps:
        """Pay out of band, write off, or void: actions whose goal can be read from the invoice."""
        operation, params, verb = _ACTIONS[action]
        status = _goal(action)
        if self.work.invoice["status"] == status:
            return
        self.work.invoice = yield from self.business.write(
            self.work.label(verb),
            operation,
            self.work.invoice["id"],
            slot=action,
            # What was paid in the meantime can no longer be written off or voided: that is then its end.
            look=self.work.holds(lambda invoice: invoice["status"] in {status, "paid"}),
            params=params,
        )
        if self.work.invoice["status"] not in {status, "paid"}:
            raise Rejected(f"it should be {status} and is {self.work.invoice['status']}")

    def _end_of_paid(self) -> End:
        """Judge a paid invoice by how it came to be paid."""
        invoice, wanted = self.work.invoice, self.order.settlement
        if wanted in {"mark_uncollectible", "void"}:
            return "rejected", f"it was paid before it could be made {_goal(wanted)}"
        elsewhere = invoice.get("amount_paid_off_stripe") or 0
        if wanted == "paid_out_of_band" and elsewhere < invoice["amount_paid"]:
            return "rejected", "it was paid through Stripe, and the order says that it was paid elsewhere"
        if wanted == "pay" and elsewhere:
            return "rejected", "it was paid outside Stripe, and the order says to charge a payment method"
        if invoice["amount_paid"] < invoice["total"]:
            rest = format_amount(invoice["total"] - invoice["amount_paid"], invoice["currency"])
            return "done", f"{rest} of it went to the customer's balance at Stripe, and was not charged"
        return "done", None

    def _end_of_closed(self) -> End:
        """Judge an invoice that was voided or written off, by this order's own rules or by somebody else."""
        status = self.work.invoice["status"]
        if self.order.settlement == status:
            return "done", None
        if self.order.settlement == "pay" and (reason := metadata_of(self.work.invoice).get(DECLINED)):
            return "declined", reason
        advice = {
            "void": "to replace it, allow one more reissue (max_reissues)",
            "uncollectible": "it was written off, and nothing is charged without a person's decision",
        }
        return "rejected", f"its invoice {self.work.invoice['id']} is {status}: {advice[status]}"

    # Paying

    def prepare(self) -> Process[bool]:
        """Attach what is to be charged, while the invoice is a draft: what cannot be charged stops it before the end.

        Returns:
            Whether it was attached just now, while somebody else may have been at work on the draft.

        Raises:
            Rejected: It is another customer's.
            InvalidRequestError: There is no such payment method.
        """
        if self.order.settlement != "pay" or not self.order.payment_method or not self.work.invoice["amount_due"]:
            return False
        before = self.business.wrote
        try:
            yield from self._attach(self.order.payment_method)
        except CardError:
            # What a decline leads to, the order says of a finalized invoice: there it is met again.
            return False
        return self.business.wrote > before

    def _pay(self) -> Process[End]:
        """Charge while attempts are left; a charge that failed at Stripe is an attempt, whoever made it."""
        made, taken, final, reason = 0, False, False, None
        while True:
            under_way, failed = yield from self.attempts()
            if under_way is not None:
                return under_way
            if taken and len(failed) <= made:
                return "processing", "Stripe took the payment, and it has not arrived yet"
            made, taken = max(made, len(failed)), False
            if failed:
                reason, final = failure_reason(failed[0]), final or _is_final(failed[0].get("outcome"))
            if final or made >= self.order.max_payment_attempts:
                self.work.declined_charge = failed[0]["id"] if failed else None
                return (yield from self._declined(reason))
            try:
                yield from self._charge(attempt=made + 1)
            except CardError as error:
                reason, final, made = decline_reason(error), _is_final(error.error), made + 1
                yield Note(f"declined: {reason}")
                if error.code in ACTION_CODES and not error.replayed:
                    yield from self.work.reread()
                    return _UNDER_WAY["requires_action"]
                continue
            if self.work.invoice["status"] == "paid":
                return self._end_of_paid()
            if self.work.invoice["status"] != "open":
                return self._end_of_closed()
            taken = True

    def _charge(self, attempt: int) -> Steps:
        """Try to charge, unless this attempt is seen to have been made: it succeeded, failed, or is under way."""
        params: dict[str, Any] = {}
        if self.order.payment_method:
            params["payment_method"] = yield from self._attach(self.order.payment_method)

        def look(_: StripeObject | None) -> Process[StripeObject | None]:
            invoice = yield from self.work.reread()
            if invoice["status"] != "open":
                return invoice
            under_way, failed = yield from self.attempts()
            return invoice if under_way is not None or len(failed) >= attempt else None

        self.work.invoice = yield from self.business.write(
            self.work.label("pay"),
            "pay_invoice",
            self.work.invoice["id"],
            slot=f"pay-{attempt}",
            look=look,
            params=params,
        )

    def _attach(self, payment_method: str) -> Process[str]:
        if self.work.attached is None:
            self.work.attached = yield from attached(self.business, payment_method, str(self.work.customer))
        return self.work.attached

    def attempts(self) -> Process[tuple[End | None, list[StripeObject]]]:
        """Read what was tried before: whether a payment is under way, and the charges that failed, newest first."""
        page = yield from self.business.read(
            self.work.label("read the payments of"),
            "list_invoice_payments",
            params={"invoice": self.work.invoice["id"]},
            expand=["data.payment.payment_intent"],
        )
        failed: list[StripeObject] = []
        for payment in page["data"]:
            intent: StripeObject | None = payment["payment"].get("payment_intent")
            if intent is None:
                continue
            if payment["status"] == "open" and intent["status"] in _UNDER_WAY:
                return _UNDER_WAY[intent["status"]], failed
            if not intent.get("latest_charge"):
                continue
            charges = yield from self.business.read(
                self.work.label("read the charges of"), "list_charges", params={"payment_intent": intent["id"]}
            )
            failed += [charge for charge in charges["data"] if charge["status"] == "failed"]
        return None, sorted(failed, key=lambda charge: charge["created"], reverse=True)

    def _declined(self, reason: str | None) -> Process[End]:
        """Do what the order says of a decline that is final."""
        reason = reason or "its payment was declined"
        if self.order.on_decline in _ACTIONS:
            # Recorded first: a closed invoice does not tell by itself that a decline closed it, nor which.
            self.work.invoice = yield from self.business.write(
                self.work.label("record the decline on"),
                "update_invoice",
                self.work.invoice["id"],
                slot="declined",
                look=self.work.holds(lambda invoice: DECLINED in invoice["metadata"]),
                params={"metadata": {DECLINED: reason[:500]}},
            )
            yield from self._act(self.order.on_decline)
            if self.work.invoice["status"] == "paid":
                return self._end_of_paid()
        else:
            yield from self.work.reread()
        return "failed" if self.order.on_decline == "fail" else "declined", reason


_ACTIONS: Final[dict[str, tuple[str, dict[str, Any], str]]] = {
    "paid_out_of_band": ("pay_invoice", {"paid_out_of_band": True}, "record as paid elsewhere"),
    "mark_uncollectible": ("mark_invoice_uncollectible", {}, "mark uncollectible"),
    "void": ("void_invoice", {}, "void"),
}
"""The actions by their name in an order: operation, parameters, and verb."""


def _goal(action: str) -> str:
    (status,) = OPERATIONS[_ACTIONS[action][0]].goal
    return status


_UNDER_WAY: Final[dict[str, End]] = {
    "processing": ("processing", "the payment is being processed by the bank"),
    "succeeded": ("processing", "the payment succeeded, and Stripe has not marked the invoice as paid yet"),
    "requires_action": ("requires_action", "the customer must authenticate the payment (3-D Secure)"),
    "requires_capture": ("processing", "the payment is authorised and not captured"),
}
"""What a payment is on its way to, by the status of its PaymentIntent."""


def _is_final(said: Mapping[str, Any] | None) -> bool:
    """Say whether the issuer advises against another try: the error of a decline says so, and its charge's outcome."""
    return said is not None and said.get("advice_code") == "do_not_try_again"
