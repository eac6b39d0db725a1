"""The life of an order's payment, written once: reads what is there, and does what is still missing.

Stripe pages: "The Payment Intents API", "Place a hold on a payment method", "Increment an authorization".
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from prefect_stripe.client import InvalidRequestError
from prefect_stripe.client.search import search_query
from prefect_stripe.flows.business import (
    DAYS_OF_KEYS,
    Business,
    KeyTaken,
    Look,
    Rejected,
    Steps,
    StripeObject,
    check_look_back,
    metadata_of,
)
from prefect_stripe.flows.customers import Customers
from prefect_stripe.flows.outcomes import Ending, PaymentOutcome
from prefect_stripe.flows.payment_orders import PaymentOrder
from prefect_stripe.flows.payment_settlement import PaymentSettling
from prefect_stripe.flows.process import Note, Process
from prefect_stripe.money import format_amount

ORDER: Final = "prefect_stripe_order"
FINGERPRINT: Final = "prefect_stripe_fingerprint"

_WAYS_OUT: Final = {
    "succeeded": "It was paid, and stays as it is: charge only what is new, under another external_id",
    "canceled": "It is canceled: use another external_id for the new one",
    "processing": "The bank has it: wait for its answer",
}
"""What can be done about a payment of other contents that cannot be canceled, by its status."""


def payment_process(order: PaymentOrder, account: str, look_back_days: int = 365) -> Process[PaymentOutcome]:
    """Bring an order's payment to where the order wants it, from wherever it is.

    Args:
        order: The order.
        account: Mode and connected account, as `StripeCredentials.account` has them.
        look_back_days: How many days back a payment of this order may have been begun.

    Returns:
        The outcome; refusals and declines are outcomes, not exceptions.

    Raises:
        ParameterError: The look-back is not from 1 to 36500 days.
        StripeError: Stripe failed, or could not be reached, in a way that a later run may get over.
    """
    check_look_back(look_back_days)
    work = PaymentWork(order, account, look_back_days)
    try:
        ending, reason = yield from work.run()
    except Rejected as refusal:
        ending, reason = "rejected", str(refusal)
    except InvalidRequestError as error:
        ending, reason = "rejected", f"Stripe refuses it: {error}"
    return work.outcome(ending, reason)


class PaymentWork:
    """One order on its way: what is known of its PaymentIntent, and the steps that bring it on."""

    def __init__(self, order: PaymentOrder, account: str, look_back_days: int) -> None:
        self.order = order
        self.look_back_days = look_back_days
        self.business = Business(order.external_id, account)
        self.customer: str | None = order.customer
        self.intent: StripeObject = {}

    def run(self) -> Process[tuple[Ending, str | None]]:
        """Do what is missing; return how it ended and why."""
        self.customer = yield from Customers(self.order, self.business.account).find_or_create(self.business)
        yield from self._find()
        if not self.intent:
            if self.order.settlement == "cancel":
                return "done", "there is no payment of this order to cancel"
            yield from self._create()
        # Also of what was just begun: it may be what another version of the order began in this moment.
        if self.order.settlement != "cancel":
            self._refuse_changed_contents()
        return (yield from PaymentSettling(self).settle())

    def outcome(self, ending: Ending, reason: str | None) -> PaymentOutcome:
        """Say how the order ended, with the PaymentIntent as it was seen last."""
        seen = self.intent
        if ending == "done" and not self.business.wrote:
            ending = "found_done"
        return PaymentOutcome(
            external_id=self.order.external_id,
            ending=ending,
            reason=reason,
            status=seen.get("status"),
            payment_intent=seen.get("id"),
            customer=self.customer,
            currency=seen.get("currency"),
            amount=seen.get("amount"),
            amount_capturable=seen.get("amount_capturable"),
            amount_received=seen.get("amount_received"),
        )

    # Looking

    def reread(self, _: StripeObject | None = None) -> Process[StripeObject]:
        """Read the PaymentIntent as it is now."""
        self.intent = yield from self.business.read(self.label("read"), "retrieve_payment_intent", self.intent["id"])
        return self.intent

    def has_left(self, *statuses: str) -> Look:
        """Make a look that reads the PaymentIntent again and returns it where it is in none of these states."""

        def look(_: StripeObject | None) -> Process[StripeObject | None]:
            seen = yield from self.reread()
            return None if seen["status"] in statuses else seen

        return look

    def _find(self) -> Steps:
        """Find the order's payment: by list, which knows at once, then by search, at other customers and long ago.

        What may yet be charged is searched for also where the list shows one: it may have been paid elsewhere.
        """
        label = f"look for the payment of {self.order.external_id}"
        recent = {"customer": self.customer, "created": {"gte": self.business.ago(self.look_back_days)}}
        own = yield from self._own(f"{label} at {self.customer}", "list_payment_intents", recent)
        self._take(own)
        if self.intent.get("status") not in {"succeeded", "processing"}:
            query = search_query("payment_intents", (f"metadata[{ORDER}]", ":", self.order.external_id))
            found = yield from self._own(f"{label} everywhere", "search_payment_intents", {"query": query})
            known = {intent["id"] for intent in own}
            for intent in found:
                if intent["id"] not in known:
                    # What search shows may be a minute old.
                    own.append(
                        (yield from self.business.read(f"read {intent['id']}", "retrieve_payment_intent", intent["id"]))
                    )
            self._take(own)
        if self.intent:
            yield Note(f"found {self.intent['id']}, {self.intent['status']}", self.intent)

    def _own(self, label: str, operation: str, params: dict[str, Any]) -> Process[list[StripeObject]]:
        page = yield from self.business.read(label, operation, params=params)
        return [intent for intent in page["data"] if metadata_of(intent).get(ORDER) == self.order.external_id]

    def _take(self, own: list[StripeObject]) -> None:
        """Take the order's only payment, if there is one; a canceled one counts where there is no other."""
        newest = sorted(own, key=lambda intent: intent["created"], reverse=True)
        chosen = [intent for intent in newest if intent["status"] != "canceled"] or newest[:1]
        elsewhere = [intent for intent in chosen if intent["customer"] != self.customer]
        if elsewhere:
            names = ", ".join(f"{intent['id']} ({intent['status']}) of {intent['customer']}" for intent in elsewhere)
            raise Rejected(
                f"this order was begun with another customer before: {names}; it is now for {self.customer}: use "
                "another external_id if both are meant"
            )
        if len(chosen) > 1:
            names = ", ".join(f"{intent['id']} ({intent['status']})" for intent in chosen)
            raise Rejected(f"there are {len(chosen)} payments of this order: {names}; cancel all but the right one")
        self.intent = chosen[0] if chosen else {}

    # Beginning

    def _create(self) -> Steps:
        order = self.order

        def look(answered: StripeObject | None) -> Process[StripeObject | None]:
            if answered is None:
                return (yield from self._look_again(customer=self.customer))
            self.intent = answered
            return (yield from self.reread())

        looked = self.business.now
        try:
            self.intent = yield from self.business.write(
                f"create payment for {order.external_id}",
                "create_payment_intent",
                slot="payment",
                look=look,
                params={
                    "amount": order.amount,
                    "currency": order.currency,
                    "customer": self.customer,
                    "description": order.description,
                    "capture_method": order.capture_method,
                    "allowed_payment_method_types": [order.payment_method_type],
                    "metadata": {ORDER: order.external_id, FINGERPRINT: order.fingerprint},
                },
                renews=False,
            )
        except KeyTaken:
            # It may stand for another customer's payment: those are looked through only here, since they may be many.
            self.intent = (yield from self._look_again()) or {}
            if not self.intent:
                raise
        if self.business.stood_still(looked):
            yield from self._give_way(looked)

    def _look_again(self, **where: Any) -> Process[StripeObject | None]:
        """Look by list, which knows at once, for what may have been begun a moment ago."""
        recent = {**where, "created": {"gte": self.business.ago(DAYS_OF_KEYS)}}
        label = f"look again for {self.order.external_id}"
        self._take((yield from self._own(label, "list_payment_intents", recent)))
        return self.intent or None

    def _give_way(self, since: datetime) -> Steps:
        """Cancel what was just begun, if this run stood still so long that another one was begun meanwhile."""
        label = f"look again for {self.order.external_id}"
        own = yield from self._own(label, "list_payment_intents", {"created": {"gte": int(since.timestamp())}})
        ours = self.intent["id"]
        others = [intent for intent in own if intent["id"] != ours and intent["status"] != "canceled"]
        if not others:
            return
        yield from self.business.write(
            self.label("cancel"),
            "cancel_payment_intent",
            ours,
            slot="give way",
            look=self.has_left("requires_payment_method", "requires_confirmation"),
            params={"cancellation_reason": "duplicate"},
        )
        names = ", ".join(f"{other['id']} ({other['status']})" for other in others)
        self.intent = {}
        raise Rejected(
            f"{names} was begun for this order while this run stood still for a day; its own {ours} is canceled: run "
            "it again to go on with the other"
        )

    # Comparing

    def _refuse_changed_contents(self) -> None:
        if metadata_of(self.intent).get(FINGERPRINT) != self.order.fingerprint:
            raise Rejected(
                f"the order has changed since its payment {self.intent['id']} was begun, or that lost its mark. "
                f"{self._versions()}. "
                + _WAYS_OUT.get(
                    self.intent["status"], "Cancel that payment, and use another external_id for the new one"
                )
            )

    def refuse_interference(self) -> None:
        """Refuse to charge what somebody has changed at Stripe since it was begun.

        Raises:
            Rejected: It is over another amount or currency, or is captured otherwise.
        """
        seen, order = self.intent, self.order
        if (seen["amount"], seen["currency"]) != (order.amount, order.currency) or (
            (seen["capture_method"] == "manual") != (order.capture_method == "manual")
        ):
            raise self._changed()

    def refuse_other_currency(self) -> None:
        """Refuse to take or report as ordered what is in a currency that somebody changed it to.

        Raises:
            Rejected: It is in another currency.
        """
        if self.intent["currency"] != self.order.currency:
            raise self._changed()

    def _changed(self) -> Rejected:
        way_out = _WAYS_OUT.get(self.intent["status"], "Set it right there, or cancel it")
        return Rejected(f"somebody changed the payment {self.intent['id']} at Stripe. {self._versions()}. {way_out}")

    def _versions(self) -> str:
        seen, order = self.intent, self.order
        types = ", ".join(seen["payment_method_types"])
        return (
            f"At Stripe: {format_amount(seen['amount'], seen['currency'])} by {types}, {seen['capture_method']} "
            f"capture. Ordered now: {format_amount(order.amount, order.currency)} by {order.payment_method_type}, "
            f"{order.capture_method} capture"
        )

    def label(self, verb: str) -> str:
        """Say what is done to the PaymentIntent."""
        return f"{verb} {self.intent['id']} for {self.order.external_id}"
