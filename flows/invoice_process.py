"""The life of an order's invoice, written once: reads what is there, and does what is still missing.

Stripe pages: "How invoicing works", "Status transitions and finalization".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from prefect_stripe.client import InvalidRequestError
from prefect_stripe.client.search import search_query
from prefect_stripe.flows.approvals import ApprovalLimit, Recorded
from prefect_stripe.flows.business import (
    DAYS_OF_KEYS,
    KeyTaken,
    Rejected,
    Steps,
    StripeObject,
    check_look_back,
    metadata_of,
)
from prefect_stripe.flows.customers import Customers
from prefect_stripe.flows.invoice_approval import Approving
from prefect_stripe.flows.invoice_at_hand import ORDER, InvoiceAtHand
from prefect_stripe.flows.invoice_lines import Lines
from prefect_stripe.flows.invoice_settlement import DECLINED, Settling
from prefect_stripe.flows.orders import InvoiceOrder
from prefect_stripe.flows.outcomes import Ending, InvoiceOutcome
from prefect_stripe.flows.process import Note, Process
from prefect_stripe.flows.versions import versions
from prefect_stripe.money import format_amount

FINGERPRINT: Final = "prefect_stripe_fingerprint"
SENT: Final = "prefect_stripe_sent"

MOST_LOOKS: Final = 10
"""How often a run looks at a draft that others change: a program may set back at once whatever is set right."""

_VOIDED_MEANWHILE: Final = "{} was voided in the meantime: run it again to have that judged"


def invoice_process(
    order: InvoiceOrder, account: str, look_back_days: int = 365, limits: Sequence[ApprovalLimit] = ()
) -> Process[InvoiceOutcome]:
    """Bring an order's invoice to where the order wants it, from wherever it is.

    Args:
        order: The order.
        account: Mode and connected account, as `StripeCredentials.account` has them.
        look_back_days: How many days back an invoice of this order may have been made.
        limits: Above which a person is asked before the invoice is finalized. None means that nobody is asked.

    Returns:
        The outcome; refusals and declines are outcomes, not exceptions.

    Raises:
        ParameterError: The look-back is not from 1 to 36500 days.
        StripeError: Stripe failed, or could not be reached, in a way that a later run may get over.
    """
    check_look_back(look_back_days)
    work = InvoiceWork(order, account, look_back_days, limits)
    try:
        ending, reason = yield from work.run()
    except Rejected as refusal:
        ending, reason = refusal.ending, str(refusal)
    except InvalidRequestError as error:
        ending, reason = "rejected", f"Stripe refuses it: {error}"
        # Something else may be missing, such as a payment method that was detached after the invoice was finalized.
        missing = error.code == "resource_missing" and error.param in {"id", "invoice"}
        if missing and work.invoice.get("id") in error.ids:
            reason = f"{work.invoice['id']} was deleted while it was worked on: run it again to have it made anew"
    return work.outcome(ending, reason)


class InvoiceWork(InvoiceAtHand):
    """One order on its way: what is known of its invoice, and the steps that bring it on.

    Attributes:
        ordered: The order as it was given.
        order: The order as it is to be invoiced.
        changed: The decision that makes a difference between the two.
    """

    def __init__(
        self, order: InvoiceOrder, account: str, look_back_days: int, limits: Sequence[ApprovalLimit] = ()
    ) -> None:
        super().__init__(order.external_id, account, order.customer)
        self.ordered = self.order = order
        self.changed: Recorded | None = None
        self.limits = limits
        self.look_back_days = look_back_days

    def run(self) -> Process[tuple[Ending, str | None]]:
        """Do what is missing; return how it ended and why."""
        self.customer = yield from Customers(self.order, self.business.account).find_or_create(self.business)
        voided = yield from self._find()
        # Whatever may yet be charged is looked for everywhere first: it may have been paid elsewhere, or long ago.
        if not self._has_ended(voided):
            voided = yield from self._look_further(voided)
        if not self.invoice and self._has_ended(voided):
            self.invoice = voided[0]
            return (yield from Settling(self, self.order).settle())
        if not self.invoice:
            yield from self._create(voided)
        # Not held by this object, which it holds: the two would stay, with all that they read, until a collection.
        lines, approving = Lines(self), Approving(self, self.limits)
        approving.begin()
        looks = 0
        while self.invoice["status"] == "draft":
            looks += 1
            if looks > MOST_LOOKS:
                raise Rejected(
                    f"the draft {self.invoice['id']} is changed again and again while it is worked on, by another "
                    "program or another run: have it left alone, and run it again; it stays a draft"
                )
            if approving.must_make_way():
                yield from self._replace(voided)
            else:
                yield from self._complete_draft(lines, approving)
            approving.begin()
        # Also of what was a draft a moment ago: another version of the order may have been at work on it.
        self._refuse_changed_contents()
        # Whoever finalized it, whatever was done to the draft before: nothing is asked for but the order's total.
        yield from lines.tie_out()
        yield from lines.compare()
        yield from approving.decide()
        yield from self._send()
        return (yield from Settling(self, self.order).settle())

    def outcome(self, ending: Ending, reason: str | None) -> InvoiceOutcome:
        """Say how the order ended, with the invoice as it was seen last."""
        if self.changed and ending in {"done", "found_done"}:
            reason = f"{self.changed}" + (f"; {reason}" if reason else "")
        return super().outcome(ending, reason)

    # Looking

    def _find(self) -> Process[list[StripeObject]]:
        """Find the order's invoice among its customer's; return the voided ones."""
        label = f"look for the invoice of {self.order.external_id} at {self.customer}"
        found = yield from self._own(label, "list_invoices", self._since())
        self._take([invoice for invoice in found if invoice["status"] != "void"])
        if self.invoice:
            yield Note(f"found {self.invoice['id']}, {self.invoice['status']}", self.invoice)
        return [invoice for invoice in found if invoice["status"] == "void"]

    def _look_further(self, voided: list[StripeObject]) -> Process[list[StripeObject]]:
        """Look by search for what the list of the customer does not show: other customers', and from long ago.

        Returns the voided ones, those that are known included.

        Search lags by up to a minute; what is younger than that is caught by the idempotency key.
        """
        query = search_query("invoices", (f"metadata[{ORDER}]", ":", self.order.external_id))
        label = f"search for {self.order.external_id} everywhere"
        found = yield from self._own(label, "search_invoices", {"query": query})
        alive = [self.invoice] if self.invoice else []
        dead = {invoice["id"]: invoice for invoice in voided}
        for invoice in found:
            if invoice["id"] == self.invoice.get("id"):
                continue
            seen = None if invoice["status"] == "void" else (yield from self._alive(invoice["id"]))
            if seen:
                alive.append(seen)
            elif invoice["status"] == "void" and invoice["customer"] == self.customer:
                dead[invoice["id"]] = invoice
        self._take(alive)
        return sorted(dead.values(), key=lambda invoice: invoice["created"], reverse=True)

    def _take(self, live: list[StripeObject]) -> None:
        """Take the order's only invoice, if there is one, as the one to go on with."""
        elsewhere = [invoice for invoice in live if invoice["customer"] != self.customer]
        if elsewhere:
            names = ", ".join(f"{one['id']} ({one['status']}) to {one['customer']}" for one in elsewhere)
            raise Rejected(
                f"this order was invoiced to another customer before: {names}; it is now for {self.customer}: "
                "delete that draft or void that invoice and run it again in a day, or use another external_id"
            )
        if len(live) > 1:
            names = ", ".join(f"{invoice['id']} ({invoice['status']})" for invoice in live)
            raise Rejected(
                f"there are {len(live)} invoices of this order: {names}; void or delete all but the right one"
            )
        self.invoice = live[0] if live else {}

    def _has_ended(self, voided: list[StripeObject]) -> bool:
        """Say whether what was found is the end of it: it is paid, written off, or voided and not to be replaced."""
        if self.invoice:
            return self.invoice["status"] not in {"draft", "open"}
        return bool(voided) and not self._may_reissue(voided)

    def _may_reissue(self, voided: list[StripeObject]) -> bool:
        """Say whether the order's voided invoices may be followed by another one."""
        if self.order.settlement == "void" or len(voided) > self.order.max_reissues:
            return False
        # Voided by the order's own rule: that was its end, and another run must not charge once more.
        return not (self.order.on_decline == "void" and DECLINED in metadata_of(voided[0]))

    def _since(self) -> dict[str, Any]:
        return {"customer": self.customer, "created": {"gte": self.business.ago(self.look_back_days)}}

    def _own(self, label: str, operation: str, params: dict[str, Any]) -> Process[list[StripeObject]]:
        page = yield from self.business.read(label, operation, params=params)
        return [item for item in page["data"] if metadata_of(item).get(ORDER) == self.order.external_id]

    # Drafting

    def _create(self, voided: list[StripeObject]) -> Steps:
        """Create the draft. It says no more than what can never change, so that its key always fits its parameters."""

        def look(answered: StripeObject | None) -> Process[StripeObject | None]:
            if answered is not None:
                seen = yield from self._alive(answered["id"])
                if seen is None and not (yield from self._is_gone(answered["id"])):
                    raise Rejected(_VOIDED_MEANWHILE.format(answered["id"]))
                return seen
            return (yield from self._look_again(voided, customer=self.customer))

        looked = self.business.now
        try:
            self.invoice = yield from self.business.write(
                self.label("create draft", ""),
                "create_invoice",
                slot=f"invoice-{len(voided)}",
                look=look,
                params={
                    "customer": self.customer,
                    "currency": self.order.currency,
                    # Sent although they are the defaults: other API versions have others, and these two move money.
                    "auto_advance": False,
                    "pending_invoice_items_behavior": "exclude",
                    "metadata": {ORDER: self.order.external_id},
                },
                renews=False,
            )
        except KeyTaken:
            # It may stand for another customer's invoice: those are looked through only here, since they may be many.
            self.invoice = (yield from self._look_again(voided)) or {}
            if not self.invoice:
                raise
        if self.business.stood_still(looked):
            yield from self._give_way(looked)

    def _look_again(self, voided: list[StripeObject], **where: Any) -> Process[StripeObject | None]:
        """Look by list, which knows at once, for what may have been made a moment ago."""
        recent = {**where, "created": {"gte": self.business.ago(DAYS_OF_KEYS)}}
        own = yield from self._own(f"look again for {self.order.external_id}", "list_invoices", recent)
        self._take([invoice for invoice in own if invoice["status"] != "void"])
        known = {invoice["id"] for invoice in voided}
        ended = [one["id"] for one in own if one["id"] not in known and one["customer"] == self.customer]
        if ended and not self.invoice:
            # By another worker, which went all the way with what this write began: not to be begun anew.
            raise Rejected(_VOIDED_MEANWHILE.format(ended[0]))
        return self.invoice or None

    def _give_way(self, since: datetime) -> Steps:
        """Delete the empty draft that was just made, if this run stood still so long that another one was made."""
        label = f"look again for {self.order.external_id}"
        own = yield from self._own(label, "list_invoices", {"created": {"gte": int(since.timestamp())}})
        others = [invoice for invoice in own if invoice["id"] != self.invoice["id"]]
        if not others:
            return
        ours, names = self.invoice["id"], ", ".join(f"{other['id']} ({other['status']})" for other in others)
        yield from self._delete()
        self.invoice = {}
        raise Rejected(
            f"{names} was made for this order while this run stood still for a day; its own draft {ours} is deleted: "
            "run it again to go on with the other"
        )

    def _replace(self, voided: list[StripeObject]) -> Steps:
        """Begin anew instead of changing the draft, which was approved with other contents."""
        yield Note(
            f"{self.invoice['id']} was approved with other contents: it makes way for another draft", self.invoice
        )
        self.invoice = yield from self._delete()
        if self.invoice.get("deleted"):
            yield from self._create(voided)

    def _delete(self) -> Process[StripeObject]:
        """Delete the draft; return what says so, or the invoice if it was finalized before."""
        ours = self.invoice["id"]

        def look(_: StripeObject | None) -> Process[StripeObject | None]:
            seen = yield from self._alive(ours)
            if seen is None:
                return {"id": ours, "deleted": True}
            return None if seen["status"] == "draft" else seen

        return (yield from self.business.write(self.label("delete"), "delete_invoice", ours, slot="delete", look=look))

    def _is_gone(self, invoice: str) -> Process[bool]:
        voided = yield from self._own(self.label("look for the voided", ""), "list_invoices", self._since())
        return all(one["id"] != invoice for one in voided)

    def _alive(self, invoice: str) -> Process[StripeObject | None]:
        try:
            seen = yield from self.business.read(self.label("read", invoice), "retrieve_invoice", invoice)
        except InvalidRequestError as error:
            if error.http_status != 404:
                raise
            return None
        return None if seen.get("deleted") or seen["status"] == "void" else seen

    def _complete_draft(self, lines: Lines, approving: Approving) -> Steps:
        """Make the draft say what the order says, see that it comes to the right total, and finalize it.

        It stays a draft where something was decided about it, or had to be done to it, since it was looked at, or a
        payment method was attached meanwhile: what is finalized was looked at just before.
        """
        if self.invoice["currency"] != self.order.currency:
            raise Rejected(
                f"the draft {self.invoice['id']} is in {self.invoice['currency']}, and the order now in "
                f"{self.order.currency}: delete the draft, or use another external_id"
            )
        yield from self._set_terms()
        yield from lines.converge()
        if self.invoice["status"] != "draft":
            return
        if not self.invoice["amount_due"] and self.order.settlement in {"mark_uncollectible", "void"}:
            raise Rejected(
                f"nothing is due on the draft {self.invoice['id']}, so that it would be paid as soon as it is "
                "finalized: it cannot be written off or voided"
            )
        yield Note(f"ties out at {format_amount(self.invoice['total'], self.order.currency)}", self.invoice)
        if (yield from approving.decide()) or (yield from Settling(self, self.order).prepare()):
            return
        self.invoice = yield from self.business.write(
            self.label("finalize"),
            "finalize_invoice",
            self.invoice["id"],
            slot="finalize",
            look=self.holds(lambda invoice: invoice["status"] != "draft"),
            params={"auto_advance": False},
        )

    def _set_terms(self) -> Steps:
        if self.has_terms(self.invoice):
            return
        order = self.order
        self.invoice = yield from self.business.write(
            self.label("set the terms of"),
            "update_invoice",
            self.invoice["id"],
            slot=f"terms-{order.fingerprint}",
            look=self.holds(self.has_terms),
            params={
                "auto_advance": False,
                "collection_method": order.collection_method,
                "description": order.description or "",
                "days_until_due": order.days_until_due,
                "due_date": order.due_date,
                "metadata": {FINGERPRINT: order.fingerprint},
            },
        )

    def has_terms(self, invoice: StripeObject) -> bool:
        """Say whether the draft has the order's terms; the fingerprint knows what cannot be read back."""
        order = self.order
        return (
            metadata_of(invoice).get(FINGERPRINT) == order.fingerprint
            and invoice["collection_method"] == order.collection_method
            and (invoice["description"] or "") == (order.description or "")
            and (order.due_date is None or invoice["due_date"] == int(order.due_date.timestamp()))
            and not invoice["auto_advance"]
        )

    # Once finalized

    def _refuse_changed_contents(self) -> None:
        if metadata_of(self.invoice).get(FINGERPRINT) == self.order.fingerprint:
            return
        raise Rejected(
            f"the order has changed since its invoice {self.invoice['id']} was finalized, or somebody finalized that "
            f"before it was complete. {self.versions()}"
        )

    def versions(self) -> str:
        """Show what is invoiced beside what is ordered, and say what can be done about it."""
        return versions(self.invoice, self.order)

    def _send(self) -> Steps:
        """Send the invoice by e-mail, and record that in its metadata: sending itself leaves no trace on it."""
        if self.order.collection_method != "send_invoice" or self.invoice["status"] != "open":
            return
        if SENT in metadata_of(self.invoice):
            return
        yield from self.business.write(
            self.label("send"), "send_invoice", self.invoice["id"], slot="send", look=self._sent_before
        )
        self.invoice = yield from self.business.write(
            self.label("record as sent"),
            "update_invoice",
            self.invoice["id"],
            slot="sent",
            look=self.holds(lambda invoice: SENT in invoice["metadata"]),
            params={"metadata": {SENT: self.business.now.isoformat(timespec="seconds")}},
        )

    def _sent_before(self, answered: StripeObject | None) -> Process[StripeObject | None]:
        seen = yield from self.reread()
        # A stored answer to the same key is the proof that it was sent; without one there is none.
        return seen if answered is not None or SENT in seen["metadata"] else None
